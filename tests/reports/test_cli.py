import signal

import fakes
import pytest
from fakes import files_of
from typer.testing import CliRunner

import custaudience
from custaudience.cli import app
from custaudience.reports.swap import run_lock


@pytest.fixture
def run(home, monkeypatch):
    """Return a function that runs a command in a home with two notebooks, which are not really run."""
    monkeypatch.setattr("custaudience.reports.runner.execute_all", fakes.execute_all)
    root = home(start_here=(), rfm_and_lifecycle=())
    before = files_of(root)

    def command(*arguments):
        result = CliRunner().invoke(app, arguments)
        result.untouched = files_of(root) == before
        return result

    command.root = root
    return command


def test_a_report_prints_its_first_page_and_tells_progress_aside(run):
    result = run("report", "data/tiny", "-p", "n_scores=4", "--jobs", "1")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{run.root / 'reports' / 'tiny' / '2017-12' / 'index.html'}\n"
    lines = result.stderr.splitlines()
    assert lines[0] == "tiny 2017-12: 2 notebooks, 1 at a time"
    assert lines[1] == "notebook 1 of 2: 00_start_here, 0.1 s"
    assert "\r" not in result.stderr and len(lines) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("-p", "nonsense=1"), "no notebook of this run declares the parameter 'nonsense'"),
     (("-p", "n_scores"), "write it as name=value"),
     (("-p", "n_scores=many"), "not a whole number from 2 to 10"),
     (("--month", "2017-13"), "'2017-13' is not a month"),
     (("--month", "2017-1"), "is not a month"),
     (("--month", "2018-01"), "2018-01 is not complete in the data of tiny; available: 2017-11 to 2017-12"),
     (("-p", "as_of=2017-11-29"), "ends with a month's last day"), (("-p", "study=x"), "the STUDY argument"),
     (("-p", "out=x"), "--out"), (("--notebook", "start_her"), "Did you mean 'start_here'"),
     (("--month", "2017-11", "-p", "as_of=2017-11-30"), "either the month or the parameter as_of"),
     (("--notebook", "99"), "no notebook '99'"),
     (("--language", "tlh"), "not written in 'tlh'"),
     (("--jobs", "0"), "jobs"),
     (("--nonsense",), "No such option")],
)  # fmt: skip
def test_wrong_usage_is_told_in_a_sentence_and_nothing_is_run_or_written(run, monkeypatch, arguments, message):
    monkeypatch.setattr("custaudience.reports.runner.execute_all", lambda *a, **k: pytest.fail("it ran"))
    result = run("report", "data/tiny", *arguments)
    assert result.exit_code == 2 and message in result.stderr
    assert result.stdout == "" and "Traceback" not in result.stderr and result.untouched


@pytest.mark.parametrize("address", ["http://example.org/data", "s3://bucket/data"])
@pytest.mark.parametrize("command", ["report", "check"])
def test_an_address_is_refused(run, command, address):
    result = run(command, address)
    assert result.exit_code == 2 and f"{address} is an address" in result.stderr and result.untouched


def test_a_failed_notebook_is_exit_1_and_the_page_says_so(run, monkeypatch):
    from custaudience.reports.execution import Outcome

    def fail(tasks, **options):
        return [Outcome(task, ok=False, reason="KeyError: 'x'", failed_cell=4) for task in tasks]

    monkeypatch.setattr("custaudience.reports.runner.execute_all", fail)
    result = run("report", "data/tiny")
    assert result.exit_code == 1
    assert result.stdout == f"{run.root / 'reports' / 'tiny' / '2017-12.failed' / 'index.html'}\n"


def test_a_second_run_is_exit_75(run):
    with run_lock(run.root / "reports" / "tiny" / ".lock"):
        result = run("report", "data/tiny")
    assert result.exit_code == 75 and "another run of this study" in result.stderr


def test_a_fault_of_ours_is_not_hidden(run, monkeypatch):
    monkeypatch.setattr(fakes.FakeStudy, "health", lambda self, as_of: 1 / 0)
    result = run("report", "data/tiny")
    assert result.exit_code == 1 and isinstance(result.exception, ZeroDivisionError)


def test_version_and_help(run):
    assert run("--version").stdout == f"{custaudience.__version__}\n"
    for words in (("--help",), ("report", "--help"), ("notebooks", "--help")):
        assert run(*words).exit_code == 0


def test_the_committed_notebooks_are_checked(run):
    result = run("notebooks", "check", "start_here")
    assert result.exit_code == 1
    assert "00_start_here.ipynb: it has no outputs" in result.stdout
    assert run("notebooks", "check", "nothing").exit_code == 2


def test_the_signal_handler_is_put_back(run):
    before = signal.getsignal(signal.SIGTERM)
    run("report", "data/tiny")
    assert signal.getsignal(signal.SIGTERM) is before
