"""A study and a site that take no time, and notebooks of a few lines: the run itself is what is tested.

As a script it is the command line with these in place: ``python fakes.py report STUDY --month 2017-12``.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

from custaudience.errors import ConfigError
from custaudience.reports.parameters import parameters_cell

FILES = {"start_here": "00_start_here.ipynb", "rfm_and_lifecycle": "30_rfm_and_lifecycle.ipynb"}
FILES["cohorts"] = "31_cohorts.ipynb"

PUBLISH = """\
import json, pathlib
if params.out:
    told = {"slug": params.slug, "as_of": str(params.as_of), "study": params.study.name}
    pathlib.Path(params.out, "tables", params.slug + ".json").write_text(json.dumps(told))
print("published", params.slug)"""


class FakeHealth:
    def claims(self):
        return []


class FakeStudy:
    """What the runner asks of a study; months and tables come from files in its folder."""

    currency, timezone, language, min_group_size = "USD", "America/New_York", "en", 10
    caveats = ("Perhaps simulated.",)

    def __init__(self, folder):
        self.folder = Path(folder).absolute()
        if not (self.folder / "study.toml").exists():
            raise ConfigError(f"{folder} is no study: it has no study.toml.")
        self.folder_name = self.folder.name
        self.name = "Tiny study"
        self.tables = tuple(p.stem for p in self.folder.glob("*.csv"))

    def refresh(self):
        """Nothing comes from a database."""

    def months_available(self):
        return ["2017-11", "2017-12"]

    @property
    def last_complete_month(self):
        return self.months_available()[-1]

    def health(self, as_of=None):
        return FakeHealth()

    def inputs(self):
        from custaudience.reports.ledger import file_sha256

        return {p.name: file_sha256(p) for p in sorted(self.folder.iterdir())}

    def write_quarantine(self, folder):
        folder.mkdir(parents=True)
        (folder / "transactions.csv").write_text("file,row,reason\nt.csv,7,day-first\n")
        return {"transactions": 1}


def render_month(build, info):
    names = ", ".join(f"{run.slug} {run.status}" for run in info.notebooks)
    run = os.environ.get("FAKE_RUN", "")
    (build / "index.html").write_text(f"<p>{info.month} {info.status}: {names}</p>{run}\n")
    pause("render")
    (build / "last.html").write_text(f"{run}\n")


def render_appendix_page(notebook_path, html_path, info, run):
    assert notebook_path.is_file()
    html_path.write_text(f"<p>{run.title}</p>\n")


def render_study_index(study_folder):
    months = sorted(p.name for p in study_folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    (study_folder / "index.html").write_text(json.dumps(months))


def pause(place):
    """Wait for ever at a place named in the environment, having said so: there the test kills."""
    if os.environ.get("FAKE_PAUSE") == place:
        Path(os.environ["FAKE_PAUSED"]).write_text(str(os.getpid()))
        import time

        time.sleep(600)


def execute_all(tasks, *, jobs, on_done, on_wait):
    """Run nothing: each notebook is copied as it is, and says it went well."""
    from custaudience.reports.execution import Outcome

    for task in tasks:
        task.output.write_bytes(task.source.read_bytes())
        pause("execute")
        on_done(Outcome(task, ok=True, seconds=0.1))
    return [Outcome(task, ok=True, seconds=0.1) for task in tasks]


def install():
    """Put the fakes in the places where the package looks for study and site."""
    import custaudience.reports
    import custaudience.study

    custaudience.study.open_study = FakeStudy
    site = types.ModuleType("custaudience.reports.site")
    site.render_month, site.render_study_index = render_month, render_study_index
    site.render_appendix_page = render_appendix_page
    sys.modules["custaudience.reports.site"] = site
    custaudience.reports.site = site


def write_lists(study, **options):
    from custaudience.reports.contact_files import ListRequest, write_contact_files

    return write_contact_files(ListRequest(study=study, **options))


def command(*arguments, cwd, **environment):
    program = Path(sys.executable).parent / "custaudience"
    env = os.environ | environment
    options = {"capture_output": True, "text": True, "timeout": 900, "check": False}
    return subprocess.run([str(program), *map(str, arguments)], cwd=cwd, env=env, **options)


def text_of(page):
    """Return what a reader of a page sees, with plain blanks."""
    words = re.sub(r"<style.*?</style>|<[^>]+>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", words.replace("\u00a0", " ").replace("&#160;", " "))


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        return list(csv.DictReader(file, delimiter=";" if ";" in first else ","))


def files_of(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def notebook(slug, *cells, needs=("transactions",)):
    """Return a notebook of the project's anatomy; `cells` come before it publishes."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    load = f'import custaudience.reports.parameters as p\nparams = p.parameters("{slug}")'
    code = [new_code_cell(text) for text in (load, *cells, PUBLISH)]
    tagged = new_code_cell(parameters_cell(slug), metadata={"tags": ["parameters"]})
    about = {"slug": slug, "needs": list(needs), "default_study": "data/tiny"}
    nb = new_notebook(cells=[new_markdown_cell(f"# The {slug} question"), tagged, *code])
    nb.metadata = {"custaudience": about, "kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}
    return nb


def make_home(root, **cells):
    """Make a home with a study and one notebook for each slug given, with its extra cells."""
    import nbformat

    study = root / "data" / "tiny"
    study.mkdir(parents=True)
    (study / "study.toml").write_text("[study]\n")
    (study / "transactions.csv").write_text("a\n1\n")
    (root / "notebooks").mkdir()
    for slug, extra in (cells or {"start_here": ()}).items():
        nbformat.write(notebook(slug, *extra), root / "notebooks" / FILES[slug])
    return root


def slow_down():
    """Run no kernels, and pause within the swap, as the environment asks."""
    from custaudience.reports import runner, swap

    if os.environ.get("FAKE_EXECUTE"):
        runner.execute_all = execute_all
    if os.environ.get("FAKE_TWO_STEPS"):
        swap.exchange = lambda one, other: False

    def replace(source, target):
        os.replace(source, target)
        if "reports" in Path(target).parts:  # the private folder has a swap of its own
            pause("between" if str(target).endswith(".old") else "swapped")

    def rmtree(path, **options):
        if "reports" in Path(path).parts:
            pause("cleaning")
        shutil.rmtree(path, **options)

    swap.os = types.SimpleNamespace(**{**vars(os), "replace": replace})
    swap.shutil = types.SimpleNamespace(**{**vars(shutil), "rmtree": rmtree})


def run_command(arguments, folder, environment, log):
    """Run the command line with the fakes, in a process that may be killed; its words go to a file."""
    os.chdir(folder)
    os.environ.update(environment, CUSTAUDIENCE_HOME=str(folder))
    sys.stdout = sys.stderr = open(log, "w")
    install()
    slow_down()
    from custaudience.cli import app

    app(arguments)


if __name__ == "__main__":
    install()
    from custaudience.cli import app

    app()
