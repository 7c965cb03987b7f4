"""Give CDNOW_sample.txt a header and commas: transactions.csv, every value as the source writes it.

Run from anywhere: ``python data/cdnow/make_transactions.py``. The same bytes come out each time.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
COLUMNS = ["master_id", "customer_id", "date", "cds", "dollars"]  # as in the source, which has no header


def make_transactions(source: Path, target: Path) -> int:
    """Write the lines of `source` to `target` as CSV; return how many there were."""
    # dtype=str keeps "0001" and "29.70" as they are
    lines = pd.read_csv(source, sep=r"\s+", header=None, names=COLUMNS, dtype=str, na_filter=False)
    lines = lines[["customer_id", "master_id", "date", "cds", "dollars"]]
    lines.to_csv(target, index=False, encoding="utf-8", lineterminator="\n")
    return len(lines)


if __name__ == "__main__":
    n = make_transactions(HERE / "CDNOW_sample.txt", HERE / "transactions.csv")
    print(f"transactions.csv: {n} lines")
