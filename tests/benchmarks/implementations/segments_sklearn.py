"""scikit-learn's KMeans with ten starts on all rows, and nothing else."""

import datetime as dt
import sys
from pathlib import Path

import clock
import pandas as pd
from segments_matrix import against_planted, load
from sklearn.cluster import KMeans


def compute(matrix: Path, as_of: dt.date) -> KMeans:
    table = load(matrix)
    return KMeans(5, n_init=10, random_state=0).fit(table.to_numpy())


def fingerprint(fit: KMeans) -> pd.DataFrame:
    return against_planted(fit.inertia_, len(fit.labels_))


if __name__ == "__main__":
    load(Path(sys.argv[1]))  # reading is measured elsewhere
    clock.run(compute, fingerprint)
