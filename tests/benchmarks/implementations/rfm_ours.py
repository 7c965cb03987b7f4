"""RFM summary and scores by custaudience, from the study's normalised file."""

import pyarrow as pa  # noqa: F401  (imported lazily below, so before the clock)

from custaudience.customers import score_rfm, summarise_rfm
from custaudience.study import open_study, orders_of


def compute(folder, as_of):
    study = open_study(folder)
    orders = orders_of(study.table("transactions"), as_of=as_of)
    return score_rfm(summarise_rfm(orders, as_of=as_of), as_of=as_of).table
