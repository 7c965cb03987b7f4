import base64
import copy
import json
from pathlib import Path

import fakes
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from custaudience.errors import ConfigError
from custaudience.reports.notebooks import (
    check_notebook,
    find_notebooks,
    normalise,
    notebook_text,
    read_notebook,
    refresh_notebooks,
    select_notebooks,
    write_if_changed,
)
from custaudience.reports.parameters import parameters_cell


@pytest.fixture
def good():
    """Return a notebook as it should be committed."""
    nb = fakes.notebook("start_here")
    nb.metadata["custaudience"]["default_study"] = "data/grocery"
    nb.cells[2].source = 'params = custaudience.parameters("start_here")'
    for number, cell in enumerate(nb.cells[1:], start=1):
        cell.execution_count = number
    nb.cells[-1].outputs = [new_output("stream", name="stdout", text="published\n")]
    return nb


def faults_of(nb, tmp_path, name="00_start_here.ipynb", *, normal=True):
    path = tmp_path / name
    path.write_text(notebook_text(normalise(nb) if normal else nb), encoding="utf-8")
    return check_notebook(path)


def test_a_good_notebook_has_no_faults(good, tmp_path):
    assert faults_of(good, tmp_path) == []


def add_output(nb, output):
    nb.cells[-1].outputs.append(output)


def picture(size):
    return new_output("display_data", data={"image/png": base64.b64encode(b"x" * size).decode()})


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda nb: setattr(nb.cells[2], "source", nb.cells[2].source + ";"), "ends in ';'"),
        (lambda nb: setattr(nb.cells[2], "source", nb.cells[2].source + ";  # quiet"), "ends in ';'"),
        (lambda nb: setattr(nb.cells[3], "source", "def helper():\n    return 1"), "defines 'helper'"),
        (lambda nb: setattr(nb.cells[3], "source", "class Helper:\n    pass"), "defines 'Helper'"),
        (lambda nb: setattr(nb.cells[3], "source", "x = 1\n" * 26), "26 lines"),
        (lambda nb: setattr(nb.cells[3], "source", "%matplotlib inline"), "not plain Python"),
        (lambda nb: setattr(nb.cells[3], "execution_count", None), "has not been run"),
        (lambda nb: setattr(nb.cells[0], "source", "no heading"), "has no title"),
        (lambda nb: nb.cells[1].metadata.pop("tags"), "0 cells are tagged 'parameters'"),
        (lambda nb: setattr(nb.cells[1], "source", parameters_cell("cohorts")), "'period' is not in the table"),
        (lambda nb: setattr(nb.cells[2], "source", "import custaudience"), "must call custaudience.parameters"),
        (lambda nb: nb.metadata["custaudience"].update(default_study="data/x"), "default study 'data/x'"),
        (lambda nb: nb.metadata["custaudience"].update(slug="cohorts"), "slug is 'cohorts', but its file is"),
        (lambda nb: nb.metadata["custaudience"].update(slug="nothing"), "no notebook 'nothing' in the table"),
        (lambda nb: nb.metadata.pop("custaudience"), "metadata must hold custaudience"),
        (lambda nb: setattr(nb.cells[-1], "outputs", []), "has no outputs"),
        (lambda nb: add_output(nb, new_output("error", ename="KeyError", evalue="x", traceback=[])), "KeyError: x"),
        (lambda nb: add_output(nb, new_output("stream", name="stderr", text="a FutureWarning\n")), "wrote a warning"),
        (lambda nb: add_output(nb, picture(200_000)), "picture of 200 kB"),
        (
            lambda nb: add_output(nb, new_output("stream", name="stdout", text=f"{fakes.__file__}\n")),
            "a folder of this computer",
        ),
    ],
)
def test_each_fault_is_named(good, tmp_path, spoil, fault):
    spoil(good)
    faults = faults_of(good, tmp_path)
    assert any(fault in told for told in faults), faults


def test_a_foreign_kernel_and_a_file_not_in_normal_form_are_named(good, tmp_path):
    nb = normalise(good)
    nb.metadata["kernelspec"]["name"] = "my-conda"
    faults = faults_of(nb, tmp_path, normal=False)
    assert len(faults) == 2 and "'my-conda'" in faults[0] and "not in normal form" in faults[1]


def test_a_semicolon_within_a_line_or_a_text_is_no_fault(good, tmp_path):
    good.cells[3].source = 'x = 1; y = 2\nprint("a;")\n# a comment;'
    assert faults_of(good, tmp_path) == []


def test_the_normal_form_drops_what_differs_from_run_to_run(good):
    noisy = copy.deepcopy(good)
    noisy.metadata["papermill"] = {"input_path": str(Path.home() / "x.ipynb"), "duration": 3.1}
    noisy.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    noisy.metadata["widgets"] = {"state": {}}
    for number, cell in enumerate(noisy.cells[1:]):
        cell.id = f"random-{number}"
        cell.execution_count = 10 + 3 * number
        cell.metadata |= {"execution": {"iopub.execute_input": "2026-11-22T02:00:00"}, "collapsed": False}
    noisy.cells[-1].outputs = [
        new_output("stream", name="stdout", text="pub"),
        new_output("stream", name="stdout", text="lished\n"),
    ]
    assert notebook_text(normalise(noisy)) == notebook_text(normalise(good))
    again = nbformat.reads(notebook_text(normalise(noisy)), as_version=4)
    assert notebook_text(normalise(again)) == notebook_text(again)
    nbformat.validate(again)


def test_cell_ids_follow_the_content_and_equal_cells_differ(good):
    good.cells += [new_code_cell("x = 1"), new_code_cell("x = 1")]
    before = [cell.id for cell in normalise(good).cells]
    assert len(set(before)) == len(before)
    good.cells.insert(2, new_code_cell("inserted"))
    after = [cell.id for cell in normalise(good).cells]
    assert after[:2] + after[3:] == before


def test_pictures_keep_their_alternative_text(good):
    shown = new_output("display_data", data={"image/png": "eA=="}, metadata={"image/png": {"alt": "A chart"}})
    widget = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "w"}
    good.cells[-1].outputs = [shown, new_output("execute_result", data=widget, execution_count=99)]
    first, second = normalise(good).cells[-1].outputs
    assert first.metadata["image/png"]["alt"] == "A chart"
    assert dict(second.data) == {"text/plain": "w"} and second.execution_count == 3


def test_notebooks_are_found_in_order_and_chosen_by_slug_file_or_number(tmp_path):
    root = fakes.make_home(tmp_path, cohorts=(), start_here=(), rfm_and_lifecycle=())
    (root / "notebooks" / "scratch.ipynb").write_text("not one of the project's")
    found = find_notebooks(root / "notebooks")
    assert [n.slug for n in found] == ["start_here", "rfm_and_lifecycle", "cohorts"]
    assert (found[0].title, found[0].needs, found[0].file) == (
        "The start_here question", ("transactions",), "00_start_here.ipynb",
    )  # fmt: skip
    for names in (["31", "start_here"], ["31_cohorts.ipynb", "notebooks/00_start_here.ipynb"], ["31_cohorts", "00"]):
        assert [n.slug for n in select_notebooks(found, names)] == ["start_here", "cohorts"]
    assert select_notebooks(found, None) == found


def test_two_notebooks_of_one_slug_and_a_broken_file_are_refused(tmp_path):
    root = fakes.make_home(tmp_path, cohorts=())
    nbformat.write(fakes.notebook("cohorts"), root / "notebooks" / "32_cohorts.ipynb")
    with pytest.raises(ConfigError, match="two notebooks named cohorts"):
        find_notebooks(root / "notebooks")
    (tmp_path / "33_x.ipynb").write_text("{")
    with pytest.raises(ConfigError, match=r"33_x\.ipynb: not a notebook"):
        read_notebook(tmp_path / "33_x.ipynb")
    with pytest.raises(ConfigError, match="no notebook in it"):
        find_notebooks(tmp_path / "data")


def test_a_file_is_written_only_when_it_differs(tmp_path):
    path = tmp_path / "a.ipynb"
    assert write_if_changed(path, "один\n") and not write_if_changed(path, "один\n")
    assert path.read_bytes() == "один\n".encode() and [p.name for p in tmp_path.iterdir()] == ["a.ipynb"]


def test_refreshing_runs_on_defaults_and_a_second_time_changes_nothing(tmp_path, monkeypatch):
    root = fakes.make_home(tmp_path, start_here=("print('Так'); params",), cohorts=("1/0",))
    (root / "data" / "grocery").mkdir()
    (root / "data" / "cdnow").mkdir()
    monkeypatch.setenv("CUSTAUDIENCE_HOME", str(root))
    found = find_notebooks(root / "notebooks")
    failing = found[1].path.read_bytes()
    changed, failed = refresh_notebooks(found, jobs=2)
    assert changed == [found[0].path] and [f.reason for f in failed] == ["ZeroDivisionError: division by zero"]
    assert found[1].path.read_bytes() == failing
    nb = json.loads(found[0].path.read_text(encoding="utf-8"))
    shown = nb["cells"][3]["outputs"]
    assert shown[0]["text"] == ["Так\n"]
    assert shown[1]["data"]["text/plain"] == ["Parameters(study='data/grocery', as_of='')"]
    assert [c["execution_count"] for c in nb["cells"][1:]] == [1, 2, 3, 4]
    assert refresh_notebooks(found[:1], jobs=1) == ([], [])
