"""Fixtures of the recount: the committed month of the grocery panel, and a month of the shop made anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for recounts, which imports nothing of the package, and pages
from recounts.books import Books
from recounts.claims import Published, read_ledger

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "reports" / "example" / "2017-12"
PROGRAM = Path(sys.executable).parent / "custaudience"


def books_of(study: str, month: Path, ledger: dict[str, Published]) -> Books:
    """The raw files of a study as a month's ledger dates them."""
    return Books(ROOT / "data" / study, pd.Timestamp(next(iter(ledger.values())).as_of), month / "tables")


@pytest.fixture(scope="session")
def grocery() -> tuple[Path, dict[str, Published], Books]:
    """The committed month of the grocery panel: folder, ledger, raw files."""
    ledger = read_ledger(EXAMPLE / "tables" / "claims.parquet")
    return EXAMPLE, ledger, books_of("grocery", EXAMPLE, ledger)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Published], Books]:
    """A month of the shop, made for this test."""
    folder = tmp_path_factory.mktemp("shop")
    done = subprocess.run(
        [str(PROGRAM), "report", str(ROOT / "data" / "shop"), "--language", "en", "--language", "uk",
         "--out", str(folder / "reports"), "--private", str(folder / "private")],
        cwd=folder, capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    month = Path(done.stdout.strip()).parent
    ledger = read_ledger(month / "tables" / "claims.parquet")
    return month, ledger, books_of("shop", month, ledger)
