import datetime as dt
import shutil
import types

import nbformat
import pytest
from fakes import notebook

from custaudience.errors import ParameterError
from custaudience.reports import parameters as module
from custaudience.reports.execution import Task, execute_all
from custaudience.reports.parameters import (
    TABLE,
    Parameter,
    check_parameters,
    last_day,
    parameters,
    parameters_cell,
    parameters_cell_faults,
)

ALL = list(TABLE)


@pytest.fixture
def study(tmp_path, monkeypatch):
    (tmp_path / "data" / "grocery").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("CUSTAUDIENCE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path / "elsewhere")  # where you stand must not matter
    return tmp_path / "data" / "grocery"


def call(monkeypatch, slug, cell="", history=None, **injected):
    """Call `parameters` as a kernel would that has run the parameters cell, then `cell`."""
    namespace = {}
    exec(parameters_cell(slug) + "\n" + cell, namespace)
    namespace |= injected
    default = ["", parameters_cell(slug), *([cell] if cell else []), f'parameters("{slug}")']
    namespace["In"] = default if history is None else history
    monkeypatch.setattr(module, "_kernel_namespace", lambda: namespace)
    return parameters(slug)


def test_defaults_come_typed_and_the_study_is_found_below_the_home(study, monkeypatch):
    params = call(monkeypatch, "rfm_and_lifecycle", cell='as_of = "2017-06-30"')
    assert params.study == study and params.study.is_absolute()
    assert (params.as_of, params.n_scores, params.overdue_share) == (dt.date(2017, 6, 30), 5, 0.95)
    assert params.out == ""
    expected = "study='data/grocery', as_of='2017-06-30', n_scores=5, overdue_share=0.95"
    assert repr(params) == f"Parameters({expected})"


def test_an_empty_as_of_is_the_last_day_of_the_last_complete_month(study, monkeypatch):
    opened = []

    def open_study(path):
        opened.append(path)
        return types.SimpleNamespace(last_complete_month="2016-02")

    monkeypatch.setattr("custaudience.study.open_study", open_study)
    params = call(monkeypatch, "start_here")
    assert not opened  # not before somebody asks
    assert params.as_of == dt.date(2016, 2, 29)
    assert params.open_study() is params.open_study() and opened == [study]


def test_an_injected_name_that_the_notebook_does_not_declare_is_refused(study, monkeypatch):
    with pytest.raises(ParameterError, match=r"no parameter 'n_score'.*Did you mean 'n_scores'"):
        call(monkeypatch, "rfm_and_lifecycle", cell="# Parameters\nn_score = 4")


@pytest.mark.parametrize("cell", ["frame = load()", "k = 5\nprint(k)", "", "n_scores = 4"])
def test_other_cells_after_the_parameters_are_no_injection(study, monkeypatch, cell):
    history = ["", parameters_cell("rfm_and_lifecycle"), cell, 'parameters("…")']
    assert call(monkeypatch, "rfm_and_lifecycle", history=history).n_scores == 5


def test_a_cell_typed_much_later_is_no_injection(study, monkeypatch):
    declared = parameters_cell("cohorts")
    history = ["", declared, 'parameters("cohorts")', "k = 5", 'parameters("cohorts")']
    assert call(monkeypatch, "cohorts", history=history, study="data/grocery").period == "W"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("as_of", 2017 - 11 - 30, r'number.*forget the quotes\? Write as_of = "2017-11-30"'),
     ("as_of", "30.11.2017", "not a date as text, YYYY-MM-DD"),
     ("as_of", "2017-02-30", "not a date"),
     ("as_of", "20171130", "not a date"),
     ("n_scores", "abc", "not a whole number from 2 to 10"),
     ("n_scores", 5.0, "not a whole number"),
     ("n_scores", True, "not a whole number"),
     ("n_scores", 1, "from 2 to 10"),
     ("n_scores", 11, "from 2 to 10"),
     ("overdue_share", float("nan"), "not a number from 0.5 to 0.999"),
     ("overdue_share", 95, "not a number from 0.5 to 0.999"),
     ("study", 7, "forget the quotes"),
     ("study", "data/groceries", "no such folder"),
     ("study", "s3://bucket/data", "is an address"),
     ("study", None, "path of a folder")],
)  # fmt: skip
def test_a_value_of_the_wrong_type_or_out_of_bounds_is_refused(study, monkeypatch, name, value, message):
    with pytest.raises(ParameterError, match=message):
        call(monkeypatch, "rfm_and_lifecycle", **{name: value})


def test_outside_a_kernel_the_callers_globals_are_read(study, monkeypatch):
    monkeypatch.setattr(module, "_kernel_namespace", lambda: None)
    namespace = {"parameters": parameters}
    exec(parameters_cell("cohorts").replace("cdnow", "grocery"), namespace)
    exec('params = parameters("cohorts")', namespace)
    assert namespace["params"].period == "W"
    del namespace["period"]
    with pytest.raises(ParameterError, match="period not set"):
        exec('parameters("cohorts")', namespace)


def test_out_is_made_absolute_below_the_home(study, monkeypatch):
    params = call(monkeypatch, "start_here", out="results")
    assert params.out == str(study.parents[1] / "results")


def test_an_unknown_notebook_is_named(study):
    with pytest.raises(ParameterError, match=r"no notebook 'cohort'.*Did you mean 'cohorts'"):
        parameters("cohort")


def test_texts_of_the_command_line_become_the_declared_type():
    given = {"n_scores": " 4", "overdue_share": "0.9", "period": "M", "as_of": "2017-06-30"}
    typed = check_parameters(given, ALL)
    assert typed["rfm_and_lifecycle"] == {"n_scores": 4, "overdue_share": 0.9, "as_of": dt.date(2017, 6, 30)}
    assert typed["cohorts"] == {"period": "M", "as_of": dt.date(2017, 6, 30)}
    assert typed["start_here"] == {"as_of": dt.date(2017, 6, 30)}
    assert check_parameters({"n_scores": 4}, ALL)["rfm_and_lifecycle"] == {"n_scores": 4}


def test_each_declared_type_is_converted_by_its_own_rule():
    flag = Parameter("flag", "bool", False, "")
    assert [flag.convert(text) for text in ("true", "Yes", "0", "off")] == [True, True, False, False]
    assert Parameter("code", "str", "", "").convert("007") == "007"
    assert Parameter("n", "int", 1, "").convert("007") == 7


@pytest.mark.parametrize(
    ("given", "message"),
    [({"nonsense": "1"}, "no notebook of this run declares the parameter 'nonsense'"),
     ({"n_score": "4"}, "Did you mean 'n_scores'"),
     ({"n_scores": "abc"}, "n_scores = 'abc' is not a whole number from 2 to 10"),
     ({"n_scores": "1_0"}, "not a whole number"),
     ({"n_scores": "4.0"}, "not a whole number"),
     ({"overdue_share": "0,9"}, "not a number"),
     ({"overdue_share": "inf"}, "not a number"),
     ({"period": "w"}, "one of W, M, Q"),
     ({"period": "7"}, "one of W, M, Q"),
     ({"as_of": "2017-13-01"}, "not a date")],
)  # fmt: skip
def test_a_run_refuses_what_no_notebook_declares_or_what_is_mistyped(given, message):
    with pytest.raises(ParameterError, match=message):
        check_parameters(given, ALL)


def test_a_parameter_of_a_notebook_that_does_not_run_is_refused():
    with pytest.raises(ParameterError, match="no notebook of this run declares"):
        check_parameters({"n_scores": "4"}, ["cohorts"])


@pytest.mark.parametrize("slug", ALL)
def test_the_generated_cell_agrees_with_the_table_and_papermill_can_read_it(slug):
    from papermill.translators import PythonTranslator

    source = parameters_cell(slug)
    assert parameters_cell_faults(source, slug) == []
    shown = {p.name: (p.inferred_type_name, p.help) for p in PythonTranslator.inspect({"source": source})}
    assert shown == {p.name: (p.annotation, p.help) for p in TABLE[slug].values()}


def test_a_cell_that_differs_from_the_table_is_told_line_by_line():
    source = parameters_cell("rfm_and_lifecycle")
    changed = source.replace("int = 5", "int = 4").replace("as_of: str", "as_off: str") + "\nextra: int = 1"
    faults = parameters_cell_faults("# a comment may stand before\n" + changed, "rfm_and_lifecycle")
    assert [fault.split(":")[0] for fault in faults] == [
        "parameter 'as_off' is not in the table", "parameter 'extra' is not in the table",
        "parameter 'as_of' is missing", "parameter 'n_scores'",
    ]  # fmt: skip


def test_last_day_of_a_month():
    assert [last_day(m).day for m in ("2017-12", "2017-02", "2024-02", "2017-06")] == [31, 28, 29, 30]


def test_in_a_real_kernel_papermill_cannot_slip_anything_past(tmp_path, monkeypatch):
    """Unknown names, numbers for dates, Cyrillic values and braces in a path: all through papermill itself."""
    monkeypatch.setenv("CUSTAUDIENCE_HOME", str(tmp_path))
    folder = tmp_path / "data {1}" / "Київ"
    folder.mkdir(parents=True)
    source = tmp_path / "cohorts.ipynb"
    nbformat.write(notebook("cohorts", "print(params.study.name, params.period, params)"), source)
    study = "data {1}/Київ"
    cases = [
        {"mnth": "2017-11"}, {"study": study, "as_of": 1976}, {"study": study, "period": "M", "as_of": "2017-11-30"},
    ]  # fmt: skip
    tasks = [Task(source, tmp_path / f"out {{{i}}}.ipynb", case, case) for i, case in enumerate(cases)]
    unknown, number, good = execute_all(tasks, jobs=2)
    assert not unknown.ok and "no parameter 'mnth'" in unknown.reason and unknown.failed_cell == 2
    assert not number.ok and "forget the quotes" in number.reason
    assert good.ok
    text = good.task.output.read_text(encoding="utf-8")
    assert 'study = \\"data {1}/Київ\\"' in text and "Київ M Parameters(" in text
    assert str(tmp_path) not in text


def test_a_study_lies_below_the_home_or_where_one_stands(study, monkeypatch, tmp_path):
    """As ``papermill -p study shop`` is typed beside the study; both places are named when it is in neither."""
    mine = tmp_path / "elsewhere" / "mine"
    shutil.copytree(study, mine)
    monkeypatch.chdir(mine.parent)
    assert call(monkeypatch, "start_here", study="mine").study.samefile(mine)
    with pytest.raises(ParameterError, match=f"looked at .*{study.parents[1]}.* and {mine.parent}"):
        call(monkeypatch, "start_here", study="yours")
