# The two commands of the README are `make report` and `make test`; each sets up all it needs in .venv.
PYTHON ?= python3
STUDY ?= data/grocery
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps

.PHONY: help report test test-slow test-all lab bench refresh example clean

help:
	@echo "make report     the monthly report of $(STUDY) (STUDY=data/cdnow for another)"
	@echo "make test       style, types, tests, notebooks; under 15 minutes"
	@echo "make test-all   the long tests as well"
	@echo "make lab        open the first notebook in JupyterLab"
	@echo "make bench      speed and memory beside other ways"
	@echo "make example    renew reports/example after a change of the pages"
	@echo "make refresh    run the committed notebooks again and write them back"

# uv installs in seconds; where it cannot reach the package index that pip is set up for, pip does it
define install
	@mkdir -p $(STAMPS)
	@test -x $(BIN)/uv || $(BIN)/pip install --quiet --constraint constraints.txt uv || true
	@echo "installing $(1) into $(VENV)" >&2
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '$(1)' \
		|| $(BIN)/pip install --quiet --constraint constraints.txt --editable '$(1)'
	@touch $@
endef

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
		|| { echo "Python 3.11 to 3.13 is needed; name it: make PYTHON=python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)

$(STAMPS)/core: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,.)

$(STAMPS)/lab: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,.[lab])

$(STAMPS)/dev: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,.[dev])

report: $(STAMPS)/core
	@$(BIN)/custaudience report $(STUDY) --language en --language uk

lab: $(STAMPS)/lab
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

test: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/custaudience notebooks check
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"
	$(BIN)/pytest --nbval --nbval-current-env -n 2 --dist loadfile notebooks

test-slow: $(STAMPS)/dev
	$(BIN)/pytest -n 2 --dist loadfile -m slow

test-all: test test-slow

bench: $(STAMPS)/dev
	$(BIN)/python -m tests.benchmarks.run

refresh: $(STAMPS)/core
	$(BIN)/custaudience notebooks refresh

example: report
	rm -rf reports/example/2017-12
	cp -r reports/grocery/2017-12 reports/grocery/index.html reports/example/

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
