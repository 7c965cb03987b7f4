"""Nought, nobody, everybody, hardly anybody: each notebook gives a true answer or "too few to say", and never fails."""

from __future__ import annotations

import json
import re
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
