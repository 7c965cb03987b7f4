"""Notebook 37 elsewhere and at other dates: it runs, knows nothing later, publishes counts and no customer."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from custaudience.reports.contact_files import ListRequest, write_contact_files
from tests.notebooks import running

ROOT = running.ROOT
NOTEBOOK = "37_whom_to_write_to.ipynb"


def run(folder: Path, **parameters: str) -> tuple[list[str], dict[str, Any], Path]:
    texts, claims, out = running.run(NOTEBOOK, folder, short=True, **parameters)
    for name, table in running.tables_of(out).items():
        small = [c for c in table if c.startswith("n_") and c != "n_lists" and table[c].between(1, 9).any()]
        assert not small, (name, small)
    return texts, claims, out


def test_the_report_counts_what_the_command_writes(tmp_path: Path) -> None:
    _, claims, out = run(tmp_path, study=str(ROOT / "data" / "shop"))
    written = write_contact_files(ListRequest(study=ROOT / "data" / "shop", hold_out=0.1, private=tmp_path / "private"))
    record = json.loads((written.folder / "hold_out.json").read_text(encoding="utf-8"))
    table = pd.read_parquet(out / "tables" / "contact_lists.parquet").set_index("list")
    for name, counts in record["counts"].items():
        for key, n in counts.items():
            assert n < 10 if pd.isna(table.loc[name, key]) else table.loc[name, key] == n, (name, key)
    assert claims["finding"]["values"]["may"] == claims["finding"]["n"] - record["counts"]["any"]["n_may_not"]
    ids = set(pd.read_parquet(written.folder / "drawn.parquet")["customer_id"])
    published = " ".join(p.read_text(encoding="utf-8") for p in out.rglob("*") if p.suffix in (".csv", ".json"))
    assert not ids & set(published.replace(",", " ").replace('"', " ").split())


@pytest.mark.parametrize(
    ("study", "as_of", "statuses"),
    [("grocery", "2017-02-28", {"finding": "measured", "consent": "measured"}),
     ("cdnow", "", {"missing": "too_few", "value.overdue": "measured", "power": "advice"}),
     ("cdnow", "1997-01-31", {"power": "too_few", "overdue": "measured"}),
     ("b2b", "2023-03-31", {"finding": "too_few", "missing": "too_few"})],
)  # fmt: skip
def test_it_runs_elsewhere_and_early_and_says_what_it_cannot(
    study: str, as_of: str, statuses: dict[str, str], tmp_path: Path
) -> None:
    _, claims, _ = run(tmp_path, study=str(ROOT / "data" / study), as_of=as_of)
    assert {key: claims[key]["status"] for key in statuses} == statuses


def test_no_number_knows_anything_later_than_as_of(tmp_path: Path) -> None:
    cut = tmp_path / "shop"
    shutil.copytree(ROOT / "data" / "shop", cut)
    lines = (cut / "orders.csv").read_text(encoding="cp1251").splitlines(keepends=True)
    early = [
        line
        for line in lines[1:]
        if (d := line.split(";")[1][:10]).count(".") != 2 or (d[6:], d[3:5]) <= ("2025", "03")
    ]
    (cut / "orders.csv").write_text("".join([lines[0], *early]), encoding="cp1251", newline="")
    running.run_whole_and_cut(NOTEBOOK, tmp_path, ROOT / "data" / "shop", cut, as_of="2025-03-31")
    assert len(early) < len(lines) - 1 and os.path.getsize(cut / "orders.csv")


def test_it_can_be_asked_and_hostile_names_stay_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> {n:count} $x$"
    folder = tmp_path / "shop"
    shutil.copytree(ROOT / "data" / "shop", folder)
    for name in ("products.csv", "orders.csv"):
        text = (folder / name).read_text(encoding="cp1251").replace("Валик;", f"{evil};")
        (folder / name).write_text(text, encoding="cp1251", newline="")
    texts, claims, _ = run(
        tmp_path, study=str(folder), bought="Фарба", missing=evil, window_days="14", hold_out="0.5", effect="0.2"
    )
    assert claims["missing"]["values"]["missing"] == evil and claims["missing"]["values"]["window"] == 14
    assert claims["power"]["values"]["points"] == 20
    assert any(evil in text for text in texts)
