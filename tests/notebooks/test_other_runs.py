"""Notebooks run with parameters other than their defaults: another month, another study, from another folder."""

from pathlib import Path

import pandas as pd
import pytest

from tests.notebooks.running import ROOT, run, run_whole_and_cut


@pytest.mark.parametrize("notebook", ["00_start_here.ipynb", "30_rfm_and_lifecycle.ipynb", "31_cohorts.ipynb"])
def test_no_number_knows_anything_later_than_as_of(notebook: str, until_june: Path, tmp_path: Path) -> None:
    """An as-of date is true when cutting the file at it changes nothing but the count of lines read (D3, D5)."""
    whole, cut = run_whole_and_cut(notebook, tmp_path, ROOT / "data" / "grocery", until_june, as_of="2017-06-30")
    assert len(whole[0]) == len(cut[0])
    different = [(a, b) for a, b in zip(whole[0], cut[0], strict=True) if a != b]
    # what was read, and the books' totals of later months, are facts of the file and not of the customers
    assert all("read" in a or "books" in a for a, _ in different), different


def test_notebook_30_reads_well_where_half_bought_once(tmp_path: Path) -> None:
    texts, claims, out = run("30_rfm_and_lifecycle.ipynb", tmp_path, study=str(ROOT / "data" / "cdnow"))
    assert any("4 scores instead of 5" in text for text in texts)
    assert claims["rfm_and_lifecycle.one_time"]["values"]["part"] == pytest.approx(0.515, abs=0.005)
    assert claims["rfm_and_lifecycle.lost_reach"]["status"] == "too_few"
    segments = pd.read_parquet(out / "tables" / "segments.parquet")
    assert not segments["n_customers"].between(1, 9).any()


def test_notebook_31_refuses_cohorts_where_history_is_cut_off(tmp_path: Path) -> None:
    texts, claims, out = run("31_cohorts.ipynb", tmp_path, study=str(ROOT / "data" / "grocery"))
    assert list(claims) == ["cohorts.finding"]
    assert claims["cohorts.finding"]["status"] == "too_few"
    assert any("What can be said instead" in text for text in texts)
    assert not list((out / "tables").iterdir())
