"""Whether customers' first orders are in the data at all: without them nobody can be called new."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.rhythm import OrderDays, order_days, pool_gaps, pooled_quantile
from custaudience.errors import HistoryError

Period = Literal["W", "M", "Q"]
FirstOrders = Literal["observed", "cut off", "unknown"]


@dataclass(frozen=True)
class HistoryCheck:
    """Whether first orders in the data look like first orders at all.

    Attributes
    ----------
    verdict : {"no sign of a cut", "cut off", "cannot tell"}
    window_days : int or None
        Length of the first window: 95 % of pooled gaps are no longer, so nearly everybody who was a customer before the
        data began shows up in it.
    share_in_window : float
        Share of all customers whose first order lies in the window; NaN without a window.
    times_later_rate : float
        New customers per day in the window, as a multiple of the rate after it; infinite when nobody came later.
    n_customers : int
    message : str
        The finding in English.
    """

    verdict: str
    window_days: int | None
    share_in_window: float
    times_later_rate: float
    n_customers: int
    message: str


def check_first_orders(orders: IntoFrame, *, as_of: dt.date) -> HistoryCheck:
    """Look for a history that is cut off on the left.

    When the data begin in the middle of a business, its regular customers all seem to be new at first. So the
    rate of first orders in a first window is compared with the rate later: 3 times as high or more is "cut
    off", below 1.5 "no sign of a cut"; between, with fewer than 30 customers, or without as much time after
    the window as in it, "cannot tell".

    Notes
    -----
    A rule of thumb. A launch with a burst of customers, or a panel recruited in its first weeks, looks the
    same; who knows better says ``first_orders = "observed"`` in study.toml.
    """
    days = order_days(orders, as_of=as_of)
    window = pooled_quantile(pool_gaps(*days.gaps()), 0.95)
    first, _ = days.first_and_last()
    n, span = len(first), int(np.datetime64(as_of, "D").astype("int64") - first.min()) + 1
    if window is None or n < 30 or span < 2 * window:
        message = "Too few customers to tell whether first orders are first orders."
        if n >= 30 and window is not None:
            message = (
                f"The data span {span} days, less than twice the {window} days in which 95 % of gaps end: too short to "
                "tell whether first orders are first orders."
            )
        return HistoryCheck("cannot tell", window, math.nan, math.nan, n, message)
    early = int((first < first.min() + window).sum())
    times = (early / window) / ((n - early) / (span - window)) if early < n else math.inf
    verdict = "cut off" if times >= 3 else "no sign of a cut" if times < 1.5 else "cannot tell"
    message = f"{early} of {n} customers have their first order in the first {window} days: " + (
        f"{times:.1f} times the rate of the time after." if early < n else "nobody came later."
    )
    return HistoryCheck(verdict, window, early / n, times, n, message)


def refuse_cut_off(first_orders: str, orders: IntoFrame, as_of: dt.date) -> dict[str, str]:
    """Refuse a cut-off history; return what is known about it, for the ``attrs`` of a result."""
    if first_orders not in ("observed", "cut off", "unknown"):
        raise ValueError(f"first_orders: expected 'observed', 'cut off' or 'unknown', got {first_orders!r}")
    instead = (
        "Acquisition cohorts would mix old customers with new ones. What can be said instead: how many "
        "customers order in each month (notebook 00), and who is silent for longer than usual (notebook 30)."
    )
    if first_orders == "cut off":
        raise HistoryError(f"First orders lie before the data begin (first_orders = 'cut off'). {instead}")
    if first_orders == "unknown":
        check = check_first_orders(orders, as_of=as_of)
        if check.verdict == "cut off":
            raise HistoryError(
                f"First orders seem to lie before the data begin: {check.message} {instead} "
                "If the data do hold everybody's first order, say first_orders = 'observed'."
            )
        return {"history": f"{check.verdict}: {check.message}"}
    return {"history": first_orders}


def first_order_counts(days: OrderDays, *, period: Period = "M", min_group_size: int = 10) -> pd.DataFrame:
    """Count the customers whose first order in the data falls in each period, from the first to the last order day.

    One row per period: ``start`` (its first day), ``n_customers`` (Int64; NA below `min_group_size`).
    """
    first, last = days.first_and_last()
    as_dates = pd.Series(first.astype("datetime64[D]"))
    counts = as_dates.dt.to_period(period).value_counts()
    until = pd.Period(np.datetime64(int(last.max()), "D").astype("datetime64[s]").item(), period)
    counts = counts.reindex(pd.period_range(counts.index.min(), until, freq=period), fill_value=0).astype("Int64")
    counts = counts.mask(counts.between(1, min_group_size - 1))
    return pd.DataFrame({"start": counts.index.start_time, "n_customers": counts.to_numpy()})
