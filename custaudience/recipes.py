"""The few compositions that several notebooks need, each a function of a study and a date."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from custaudience.customers import assign_segments, score_rfm, summarise_rfm
from custaudience.study import Study


def segments_at(study: Study, as_of: dt.date, *, n_scores: int = 5) -> pd.DataFrame:
    """Return each customer's RFM segment at a date, as notebook 30 shows it step by step.

    Parameters
    ----------
    study : Study
        With transactions.
    as_of : date
        Last day that counts, inclusive.
    n_scores : int
        Scores asked for per dimension.

    Returns
    -------
    DataFrame, one row per customer
        As `assign_segments` gives it. Private: it has customer ids.
    """
    orders = study.orders(as_of)
    summary = summarise_rfm(orders, as_of=as_of, minor_digits=study.minor_digits)
    return assign_segments(score_rfm(summary, as_of=as_of, n_scores=n_scores, minor_digits=study.minor_digits))
