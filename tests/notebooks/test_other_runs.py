"""Notebooks run with parameters other than their defaults: another month, another study, from another folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(notebook: str, folder: Path, **parameters: str) -> tuple[list[str], dict[str, Any], Path]:
    """Run a notebook by the plain papermill command, in `folder`; return its texts, its claims and its output."""
    out = folder / "published"
    command = [
        str(BIN / "papermill"),
        str(ROOT / "notebooks" / notebook),
        "out.ipynb",
        "--no-progress-bar",
        "-k",
        "python3",
        "-p",
        "out",
        str(out),
    ]
    for name, value in parameters.items():
        command += ["-p", name, value]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = json.loads((folder / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not [o for o in outputs if o.get("name") == "stderr"]
    texts = ["".join(o.get("text", o.get("data", {}).get("text/plain", ""))) for o in outputs]
    claims = json.loads(next((out / "claims").glob("*.json")).read_text(encoding="utf-8"))
    return texts, {claim["id"]: claim for claim in claims}, out


@pytest.fixture(scope="module")
def until_june(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The grocery study as it would have been exported on 1 July: no line knows anything later."""
    folder = tmp_path_factory.mktemp("studies") / "grocery"
    folder.mkdir()
    source = ROOT / "data" / "grocery"
    local = "(transaction_timestamp AT TIME ZONE 'UTC') AT TIME ZONE 'America/New_York'"
    duckdb.connect().sql(
        f"SELECT * FROM '{source}/transactions.parquet' WHERE {local} < TIMESTAMP '2017-07-01'"
    ).write_parquet(str(folder / "transactions.parquet"))
    for file in source.glob("*.parquet"):
        if file.name != "transactions.parquet":
            os.link(file, folder / file.name) if os.stat(source).st_dev == os.stat(folder).st_dev else (
                folder / file.name
            ).write_bytes(file.read_bytes())
    (folder / "study.toml").write_bytes((source / "study.toml").read_bytes())
    return folder


@pytest.mark.parametrize("notebook", ["00_start_here.ipynb", "30_rfm_and_lifecycle.ipynb", "31_cohorts.ipynb"])
def test_no_number_knows_anything_later_than_as_of(notebook: str, until_june: Path, tmp_path: Path) -> None:
    """An as-of date is true when cutting the file at it changes nothing but the count of lines read (D3, D5)."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = run(notebook, tmp_path / "whole", study=str(ROOT / "data" / "grocery"), as_of="2017-06-30")
    cut = run(notebook, tmp_path / "cut", study=str(until_june), as_of="2017-06-30")
    assert whole[1] == cut[1]
    for table in sorted((whole[2] / "tables").glob("*.parquet")):
        pd.testing.assert_frame_equal(pd.read_parquet(table), pd.read_parquet(cut[2] / "tables" / table.name))
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
