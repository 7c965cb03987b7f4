"""Nought, nobody, everybody, hardly anybody: each notebook gives a true answer or "too few to say", and never fails."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.extremes.studies import STUDIES, write
from tests.notebooks.running import ROOT, run

NOTHING_SOLD = {"all-refunded", "everything-is-free"}  # no order counts: refused in a sentence, see below
QUICK = {"1-customers", "nobody-came-back", "a-quiet-last-month"}
NOTEBOOKS = [path.name for path in sorted((ROOT / "notebooks").glob("[345]*.ipynb"))]

NOT_A_NUMBER = re.compile(r"(?<![a-z])(nan|nat|inf)(?![a-z])")


def needs_of(notebook: str) -> set[str]:
    cells = json.loads((ROOT / "notebooks" / notebook).read_text(encoding="utf-8"))
    return set(cells["metadata"]["custaudience"]["needs"])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in sorted(STUDIES)]
)
def test_every_notebook_has_an_answer(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path / "cache"))
    study = write(name, tmp_path / "study")
    tables = {path.stem for path in study.glob("*.csv")}
    unsaid = []
    for notebook in NOTEBOOKS:
        if needs_of(notebook) <= tables and name not in NOTHING_SOLD:
            folder = tmp_path / notebook
            folder.mkdir()
            texts, claims, _ = run(notebook, folder, study=str(study))
            assert claims, notebook
            assert all(claim["value"] == claim["value"] for claim in claims.values()), notebook
            lines = "\n".join(texts).splitlines()
            unsaid += [
                (notebook, line) for line in lines if re.search(r"(?<![a-z])(nan|nat|inf)(?![a-z])", line.lower())
            ]
    assert not unsaid


WHOLE = [
    "1-customers", "nobody-came-back", "one-whale", "products-without-a-category", "a-month-of-refunds-only",
    "five-customers-with-everything", "all-refunded", "everything-is-free",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_the_whole_report_is_made(name: str, tmp_path: Path) -> None:
    """Exit 0; a page for each notebook, or the sentence why there is nothing to say; nothing that is no number."""
    study = write(name, tmp_path / "study")
    told = subprocess.run(
        [Path(sys.executable).parent / "custaudience", "report", str(study), "--out", str(tmp_path / "reports")],
        env=os.environ | {"CUSTAUDIENCE_CACHE": str(tmp_path / "cache")}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    (month,) = (path.parent for path in (tmp_path / "reports").rglob("manifest.json"))
    runs = json.loads((month / "manifest.json").read_text(encoding="utf-8"))["notebooks"]
    assert {run["status"] for run in runs} <= {"ok", "skipped"}
    assert all(run["reason"] for run in runs if run["status"] == "skipped")
    assert any(run["status"] == "ok" for run in runs)
    for page in month.glob("*.html"):
        text = re.sub(r"<(script|style|svg).*?</\1>|<[^>]*>", " ", page.read_text(encoding="utf-8"), flags=re.S)
        assert not NOT_A_NUMBER.search(text.lower()), page.name
        assert "Error" not in text, page.name
