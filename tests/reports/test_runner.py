import getpass
import json
import sys
import types
from pathlib import Path

import fakes
import nbformat
import pytest
from fakes import files_of

from custaudience import __version__
from custaudience.errors import ParameterError
from custaudience.reports.ledger import file_sha256, read_manifest
from custaudience.reports.plan import Request
from custaudience.reports.runner import RunResult, run_notebook, run_report

SHOW_PATHS = (
    "import custaudience, sys, tempfile, warnings\n"
    "print(params.study, params.out, custaudience.__file__, sys.executable, tempfile.gettempdir())\n"
    "warnings.warn('as warnings do')"
)


def report(study="data/tiny", progress=lambda text, stays: None, **options) -> RunResult:
    return run_report(Request(study=study, **options), progress)


def index(folder):
    return (folder / "index.html").read_text()


def text_of(folder):
    return "\n".join(p.read_text(errors="replace") for p in folder.rglob("*") if p.suffix != ".parquet" and p.is_file())


def test_failed_runs_replace_nothing_good(home):
    root = home(start_here=(SHOW_PATHS,), rfm_and_lifecycle=("1/0",), cohorts=())
    cohorts = root / "notebooks" / fakes.FILES["cohorts"]
    nbformat.write(fakes.notebook("cohorts", needs=["transactions", "campaigns"]), cohorts)
    lines = []

    # 1. One fails and there is no good month yet: what there is becomes the month, marked incomplete.
    first = report(progress=lambda text, stays: lines.append(text) if stays else None)
    reports = root / "reports" / "tiny"
    assert first.exit_code == 1 and first.folder == reports / "2017-12.failed"
    statuses = [(run.slug, run.status, run.failed_cell) for run in first.info.notebooks]
    assert statuses == [("start_here", "ok", None), ("rfm_and_lifecycle", "failed", 3), ("cohorts", "skipped", None)]
    assert first.info.notebooks[1].reason == "ZeroDivisionError: division by zero"
    assert first.info.notebooks[2].reason == "the study has no table campaigns"
    assert "2017-12 failed" in index(reports / "2017-12.failed")
    assert "2017-12 incomplete" in index(reports / "2017-12")
    assert read_manifest(reports / "2017-12")["status"] == "incomplete"
    assert [line.split(",")[0] for line in lines][1:] in (
        ["notebook 1 of 2: 00_start_here", "notebook 2 of 2: 30_rfm_and_lifecycle"],
        ["notebook 1 of 2: 30_rfm_and_lifecycle", "notebook 2 of 2: 00_start_here"],
    )

    # 2. All well: the month is complete and the failed run is gone.
    rfm = root / "notebooks" / fakes.FILES["rfm_and_lifecycle"]
    nbformat.write(fakes.notebook("rfm_and_lifecycle", "print(params.n_scores)"), rfm)
    second = report(parameters={"n_scores": "4"}, languages=["uk", "en"], jobs=1)
    month = reports / "2017-12"
    assert second.exit_code == 0 and second.index == month / "index.html"
    assert sorted(p.name for p in reports.iterdir()) == ["2017-12", "index.html"]
    assert json.loads((reports / "index.html").read_text()) == ["2017-12"]
    assert second.info.languages == ("uk", "en") and second.info.version == __version__
    told = json.loads((month / "tables" / "rfm_and_lifecycle.json").read_text())
    assert told == {"slug": "rfm_and_lifecycle", "as_of": "2017-12-31", "study": "tiny"}
    assert {"claims.parquet", "claims.csv"} <= {p.name for p in (month / "tables").iterdir()}
    check_manifest(month, root)
    check_privacy(root, month)

    # 3. One fails again: the good month stays as it was, to the byte.
    before = {p: p.read_bytes() for p in month.rglob("*") if p.is_file()}
    nbformat.write(fakes.notebook("rfm_and_lifecycle", "1/0"), rfm)
    third = report(notebooks=["30"])
    assert third.exit_code == 1 and [run.slug for run in third.info.notebooks] == ["rfm_and_lifecycle"]
    assert {p: p.read_bytes() for p in month.rglob("*") if p.is_file()} == before
    assert json.loads((reports / "index.html").read_text()) == ["2017-12", "2017-12.failed"]


def check_manifest(month, root):
    manifest = read_manifest(month)
    own = {"study": "data/tiny", "as_of": "2017-12-31"}
    assert manifest["parameters"] == {"start_here": own, "rfm_and_lifecycle": {**own, "n_scores": 4}}
    assert manifest["inputs"] == {
        name: file_sha256(root / "data" / "tiny" / name) for name in ("study.toml", "transactions.csv")
    }
    hashes = {n["file"]: n["sha256"] for n in manifest["notebooks"]}
    assert hashes == {p.name: file_sha256(p) for p in (root / "notebooks").iterdir()}
    assert manifest["status"] == "complete" and manifest["seconds"] > 0
    assert manifest["versions"]["python"] and manifest["versions"]["papermill"]


def check_privacy(root, month):
    published = text_of(month)
    for secret in (str(root), str(Path.cwd()), sys.prefix, str(Path.home()), str(Path(fakes.__file__).parents[2])):
        assert secret not in published
    if getpass.getuser() != "root":
        assert getpass.getuser() not in published
    assert "ipykernel_" not in published and "day-first" not in published
    assert "cell.py" in published  # the warning's file, which would hold a process number
    nb = nbformat.read(month / "appendix" / "30_rfm_and_lifecycle.ipynb", as_version=4)
    injected = [c.source for c in nb.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert injected == ['# Parameters\nstudy = "data/tiny"\nas_of = "2017-12-31"\nn_scores = 4']
    assert "papermill" not in json.dumps(nb.metadata) + json.dumps([c.metadata for c in nb.cells])
    quarantine = root / "private" / "tiny" / "2017-12" / "quarantine" / "transactions.csv"
    assert "day-first" in quarantine.read_text()
    if sys.platform != "win32":
        folders = [quarantine.parent, *list(quarantine.parents)[1:3]]
        assert {oct(folder.stat().st_mode & 0o777) for folder in folders} == {"0o700"}
        modes = {oct(p.stat().st_mode & 0o777) for p in [month, *month.rglob("*")]}
        assert modes == {"0o755", "0o644"}


def test_what_the_tools_hide_is_told(home):
    """A timeout (papermill calls every cell completed), a dead kernel, and an early sys.exit(0)."""
    home(
        start_here=("import time\ntime.sleep(600)", "print('never')"),
        rfm_and_lifecycle=("import os\nos._exit(1)",),
        cohorts=("import sys\nsys.exit(0)",),
    )
    result = report(timeout=2, month="2017-11")
    assert result.folder.name == "2017-11.failed"
    told = {run.slug: (run.status, run.failed_cell, run.reason) for run in result.info.notebooks}
    assert told["start_here"] == ("failed", 3, "a cell ran longer than 2 seconds")
    assert told["rfm_and_lifecycle"] == ("failed", 3, "its kernel died; the computer may lack memory")
    assert told["cohorts"] == ("failed", 3, "it ended before its last cell")
    assert all((result.folder / run.page_path).is_file() for run in result.info.notebooks)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_worker_that_dies_costs_only_its_own_notebook(home):
    home(start_here=(), cohorts=("import os\nos.kill(os.getppid(), 9)\nimport time\ntime.sleep(60)",))
    result = report(jobs=2)
    told = {run.slug: (run.status, run.reason) for run in result.info.notebooks}
    assert told["start_here"] == ("ok", "")
    assert told["cohorts"] == ("failed", "its worker process died; the computer may lack memory")


def test_an_address_to_write_to_is_refused(home):
    home(start_here=())
    with pytest.raises(ParameterError, match="is an address"):
        report(out="s3://bucket")


def test_a_study_without_any_needed_table_is_refused(home):
    root = home(start_here=())
    (root / "data" / "tiny" / "transactions.csv").unlink()
    with pytest.raises(ParameterError, match=r"none of the notebooks can run on tiny: .*no table transactions"):
        report()


def test_an_error_while_rendering_leaves_the_old_month_and_no_build(home, monkeypatch):
    root = home(start_here=())
    monkeypatch.setattr("custaudience.reports.runner.execute_all", fakes.execute_all)
    report()
    before = files_of(root)

    def fail(build, info):
        raise RuntimeError("a template is broken")

    monkeypatch.setattr(
        "custaudience.reports.site",
        types.SimpleNamespace(render_month=fail, render_appendix_page=fakes.render_appendix_page),
    )
    with pytest.raises(RuntimeError, match="template is broken"):
        report()
    assert files_of(root) == before


def test_reports_go_where_you_say_else_below_the_home(home, monkeypatch, tmp_path):
    root = home(start_here=())
    monkeypatch.setattr("custaudience.reports.runner.execute_all", fakes.execute_all)
    result = report(root / "data" / "tiny", out="pages", private="kept", parameters={"as_of": "2017-11-30"})
    assert result.index == root / "pages" / "tiny" / "2017-11" / "index.html"
    assert result.private == root / "kept" / "tiny" / "2017-11"
    monkeypatch.delenv("CUSTAUDIENCE_HOME")
    monkeypatch.setattr("custaudience.reports.places.clone_folder", lambda: root)
    (tmp_path / "where I stand").mkdir()
    monkeypatch.chdir(tmp_path / "where I stand")
    assert report(root / "data" / "tiny").folder == tmp_path / "where I stand" / "reports" / "tiny" / "2017-12"


def test_one_notebook_alone(home, tmp_path):
    root = home(rfm_and_lifecycle=("print(params.n_scores, params.as_of)",))
    (tmp_path / "results" / "tables").mkdir(parents=True)
    written = tmp_path / "one" / "out.ipynb"
    run = run_notebook(
        "rfm_and_lifecycle", "data/tiny", output=written, parameters={"n_scores": "3", "as_of": "2017-06-15"},
        out="results",
    )  # fmt: skip
    assert (run.status, run.reason, run.title) == ("ok", "", "The rfm_and_lifecycle question")
    assert "3 2017-06-15" in written.read_text() and str(root) not in written.read_text()
    assert (tmp_path / "results" / "tables" / "rfm_and_lifecycle.json").is_file()


def test_data_that_lack_what_a_notebook_asks_are_no_fault(home):
    """The page says so in the error's own sentence; the month is complete, and no traceback is published."""
    empty = "from custaudience.errors import EmptyTableError\nraise EmptyTableError('nobody has ordered yet.')"
    home(start_here=(), cohorts=(empty, "print('never')"))
    lines = []
    result = report(month="2017-11", progress=lambda text, stays: lines.append(text))
    assert result.exit_code == 0 and result.folder.name == "2017-11"
    assert [(run.status, run.reason) for run in result.info.notebooks] == [
        ("ok", ""), ("skipped", "nobody has ordered yet.")
    ]  # fmt: skip
    assert any("nothing to say: nobody has ordered yet." in line for line in lines)
    assert "EmptyTableError" not in text_of(result.folder)
