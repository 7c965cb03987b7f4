"""Notebook 34 on other studies and dates: groups or none, no id, no small group, nothing later than as_of."""

import json
from pathlib import Path

import pytest

from tests.notebooks.running import ROOT, made_up, run, run_whole_and_cut, tables_of

NOTEBOOK = "34_segments.ipynb"


@pytest.mark.slow
def test_hostile_names_and_nothing_later_than_as_of(tmp_path: Path) -> None:
    """Cutting the export at the date changes nothing that is claimed or published."""
    studies = made_up(tmp_path / "study"), made_up(tmp_path / "known", until="2025-06-30")
    (texts, claims, _), _ = run_whole_and_cut(NOTEBOOK, tmp_path, *studies, as_of="2025-06-30")
    assert claims["segments.finding"]["value"] == 3
    assert {f"segments.rule.{g}" for g in "abc"} <= set(claims) and "segments.people.a" in claims
    assert any("the recipe gives the same" in text for text in texts)
    cells = json.loads((tmp_path / "whole" / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    html = "".join("".join(o.get("data", {}).get("text/html", "")) for c in cells for o in c.get("outputs", []))
    assert "&lt;script&gt;" in html and "<b>" not in html


def test_too_early_a_date_is_refused_in_words(tmp_path: Path) -> None:
    texts, claims, out = run(NOTEBOOK, tmp_path, study=str(ROOT / "data" / "b2b"), as_of="2022-12-31")
    assert claims["segments.finding"]["status"] == "too_few"
    assert any("No groups were looked for" in text for text in texts)
    assert "none could enter" in claims["segments.variables"]["template"]
    assert (tables_of(out)["group_variables"]["use"] == "not_used").all()
