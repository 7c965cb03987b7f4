"""Notebook 34 on other studies and dates: groups or none, no id, no small group, nothing later than as_of."""

import json
from pathlib import Path

import pandas as pd
import pytest

from custaudience.evidence import read_claims
from custaudience.present import render_claim
from tests.notebooks.running import ROOT, made_up, run, tables_of

NOTEBOOK = "34_segments.ipynb"


def assert_publishable(texts: list[str], out: Path, *ids: str) -> None:
    published = "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in out.rglob("*") if p.is_file())
    for marker in ids:
        assert marker not in published and not any(marker in text for text in texts)
    for name, table in tables_of(out).items():
        assert not {"customer_id", "order_id"} & set(table.columns), name
        for column in {"n", "n_others", "n_customers", "n_placed"} & set(table.columns):
            assert not table[column].between(1, 9).fillna(False).any(), (name, column)


@pytest.mark.slow
def test_hostile_names_and_nothing_later_than_as_of(tmp_path: Path) -> None:
    """Cutting the export at the date changes nothing that is claimed or published."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
    first = run(NOTEBOOK, whole, study=str(made_up(whole / "study")), as_of="2025-06-30")
    second = run(NOTEBOOK, cut, study=str(made_up(cut / "study", until="2025-06-30")), as_of="2025-06-30")
    assert first[1] == second[1]
    for name, table in tables_of(first[2]).items():
        pd.testing.assert_frame_equal(table, tables_of(second[2])[name])
    texts, claims, out = first
    assert claims["segments.finding"]["value"] == 3
    assert {f"segments.rule.{g}" for g in "abc"} <= set(claims) and "segments.people.a" in claims
    assert_publishable(texts, out, "secret-", "order-")
    assert any("the recipe gives the same" in text for text in texts)
    for claim in read_claims(out / "claims/segments.json"):
        assert "<script>" not in render_claim(claim, language="uk", html=True)
    cells = json.loads((whole / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    html = "".join("".join(o.get("data", {}).get("text/html", "")) for c in cells for o in c.get("outputs", []))
    assert "&lt;script&gt;" in html and "<script>" not in html and "<b>" not in html


def test_where_there_are_none_the_notebook_says_so_and_goes_on(tmp_path: Path) -> None:
    texts, claims, out = run(NOTEBOOK, tmp_path, study=str(ROOT / "data" / "cdnow"))
    assert claims["segments.finding"]["status"] == "no_clear_difference"
    assert claims["segments.instead"]["rests_on"] == ["segments.finding"]
    assert any("form no groups" in text for text in texts) and "segments.stability" not in claims
    assert set(tables_of(out)["groups"]["group"]) >= {"champions", "dormant"}
    assert_publishable(texts, out)


def test_too_early_a_date_is_refused_in_words(tmp_path: Path) -> None:
    texts, claims, out = run(NOTEBOOK, tmp_path, study=str(ROOT / "data" / "b2b"), as_of="2022-12-31")
    assert claims["segments.finding"]["status"] == "too_few"
    assert any("No groups were looked for" in text for text in texts)
    assert "none could enter" in claims["segments.variables"]["template"]
    assert (tables_of(out)["group_variables"]["use"] == "not_used").all()
    assert_publishable(texts, out)
