"""The number of groups in 2 to 12, with stability, separation, silhouette and gap."""

import datetime as dt
import sys
from pathlib import Path

import clock
import pandas as pd
import sklearn.cluster  # noqa: F401  (before the clock, as in the others)
from segments_matrix import load

from custaudience.customers.segments.choosing_k import GroupCount, choose_k


def compute(matrix: Path, as_of: dt.date) -> GroupCount:
    return choose_k(load(matrix))


def fingerprint(chosen: GroupCount) -> pd.DataFrame:
    if chosen.k != 5:
        raise ValueError(f"five groups were planted, not {chosen.k}: {chosen.reason}")
    return pd.DataFrame({"k": [chosen.k]})


if __name__ == "__main__":
    load(Path(sys.argv[1]))  # reading is measured elsewhere
    clock.run(compute, fingerprint)
