"""Five segments of all customers: preparation, k-means, names by value, summary."""

import datetime as dt
import sys
from pathlib import Path

import clock
import pandas as pd
import sklearn.cluster  # noqa: F401  (before the clock, as in the others)
from segments_matrix import against_planted, load

from custaudience.customers.segments.clusters import CustomerSegments, segment_customers
from custaudience.customers.segments.preparation import learn_preparation


def compute(matrix: Path, as_of: dt.date) -> CustomerSegments:
    table = load(matrix)
    return segment_customers(table, 5, preparation=learn_preparation(table, scale="none", log=()))


def fingerprint(segments: CustomerSegments) -> pd.DataFrame:
    return against_planted(segments.inertia, len(segments.segments))


if __name__ == "__main__":
    load(Path(sys.argv[1]))  # reading is measured elsewhere
    clock.run(compute, fingerprint)
