"""Who brings how much: the share of revenue that the best customers bring, and how uneven it is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.ground import collect_customers, orders_until
from custaudience.errors import EmptyTableError, HistoryError

TOP = (0.01, 0.05, 0.10, 0.20)


@dataclass(frozen=True)
class Concentration:
    """How revenue is spread over customers.

    Attributes
    ----------
    table : DataFrame
        A row per top share (1, 5, 10, 20 %): ``top`` (fraction of customers), ``n_customers`` (rounded up),
        ``revenue`` (major units), ``share`` (of the positive revenue), ``low``, ``high``.
    deciles : DataFrame
        ``decile`` (1 = the best tenth), ``n_customers``, ``revenue``, ``share``; counts differ by at most one.
    curve : DataFrame
        Lorenz curve, the smallest customers first: ``customers``, ``revenue`` (from 0 to 1), at most 101 points.
    gini, gini_low, gini_high : float
        0 = all bring the same; towards 1 = a single one brings all.
    n_customers : int
        With an order that counts in the time looked at.
    n_not_positive, negative : int, float
        Of them, those whose refunds reach or exceed their orders, and their net revenue: in the shares they count as 0.
    n_refund_only, refund_only : int, float
        Customers with refunds and no order in that time, and their net revenue: not part of anything here.
    revenue : float
        Positive net revenue, of which the shares are. It plus the two sums above is the revenue in the books.
    """

    table: pd.DataFrame
    deciles: pd.DataFrame
    curve: pd.DataFrame
    gini: float
    gini_low: float
    gini_high: float
    n_customers: int
    n_not_positive: int
    negative: float
    n_refund_only: int
    refund_only: float
    revenue: float
    as_of: dt.date
    since: dt.date | None


def concentration(
    orders: IntoFrame, *, as_of: dt.date, since: dt.date | None = None, level: float = 0.95, n_resamples: int = 500,
    seed: int = 0, minor_digits: int = 2,
) -> Concentration:  # fmt: skip
    """Measure which share of revenue the best customers bring.

    Parameters
    ----------
    orders : any frame Narwhals reads, one row per order
        As `orders_of` gives them.
    as_of, since : date
        Last and first day that count, inclusive; without `since`, all time. Compare only times of equal length:
        the longer the time, the more even revenue looks.
    level : float
        Of the bootstrap intervals (percentiles, over customers).

    Raises
    ------
    EmptyTableError
        If no order counts.
    HistoryError
        If no customer has positive net revenue.

    Notes
    -----
    Gini (1912) of net revenue, the mean absolute difference of two customers over twice the mean, without the
    factor n / (n - 1). A negative revenue would push it above 1, so it counts as 0, and is told. The intervals
    say how far the figures depend on who happened to be a customer; where a few customers bring most, they are
    too narrow, because a resample cannot hold a larger customer than the largest.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer_id": ["a", "b", "c"], "revenue_minor": [100, 100, 400],
    ...     "ordered_on": pd.Timestamp("2025-01-01"), "is_order": True})
    >>> found = concentration(orders, as_of=dt.date(2025, 1, 31))
    >>> round(found.gini, 4), round(float(found.table["share"].iloc[0]), 4)
    (0.3333, 0.6667)
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a fraction between 0 and 1, got {level}")
    kept = orders_until(orders, as_of, "revenue_minor", "is_order")
    if since is not None:
        from_ = since if kept.collect_schema()["ordered_on"] == nw.Date else dt.datetime.combine(since, dt.time())
        kept = kept.filter(nw.col("ordered_on") >= from_)
    reduced = (
        kept.with_columns(n_orders=nw.col("is_order").cast(nw.Int64))
        .group_by("customer_id")
        .agg(nw.col("n_orders", "revenue_minor").sum())
        .with_columns(nw.col("n_orders", "revenue_minor").cast(nw.Int64))
    )
    table = collect_customers(reduced, as_of)
    counts, net = table["n_orders"].to_numpy() > 0, table["revenue_minor"].to_numpy()
    if not counts.any():
        raise EmptyTableError(f"no order that counts from {since or 'the beginning'} to {as_of}. Choose another time.")
    value = np.sort(np.maximum(net[counts], 0))[::-1]
    total = int(value.sum())
    if total == 0:
        raise HistoryError("concentration: refunds reach the sales of every customer; there is no revenue to share.")
    n, scale = len(value), 10**minor_digits
    n_top = np.array([_rank(top, n) for top in TOP])
    reached = np.concatenate(([0], np.cumsum(value)))
    low, high = _bootstrap(value, level, n_resamples, seed)
    edges = np.arange(11) * n // 10
    points = np.unique(np.arange(101) * n // 100)
    not_positive = net[counts] <= 0

    def spread(first: str, of: object, n_customers: np.ndarray, minor: np.ndarray, **ends: np.ndarray) -> pd.DataFrame:
        shares = {"revenue": minor / scale, "share": minor / total}
        return pd.DataFrame({first: of, "n_customers": n_customers, **shares, **ends})

    return Concentration(
        table=spread("top", TOP, n_top, reached[n_top], low=low[1:], high=high[1:]),
        deciles=spread("decile", np.arange(1, 11), np.diff(edges), np.diff(reached[edges])),
        curve=pd.DataFrame({"customers": points / n, "revenue": 1 - reached[n - points] / total}),
        gini=float(_gini(value, np.ones(n))), gini_low=float(low[0]), gini_high=float(high[0]), n_customers=n,
        n_not_positive=int(not_positive.sum()), negative=float(net[counts][not_positive].sum() / scale),
        n_refund_only=int((~counts).sum()), refund_only=float(net[~counts].sum() / scale),
        revenue=total / scale, as_of=as_of, since=since,
    )  # fmt: skip


def _rank(top: float, n: int) -> int:
    """Return how many customers are the top share of n, rounded up; 0.05 * 20 must stay 1."""
    return int(np.ceil(round(top * 100) * n / 100))


def _gini(value: np.ndarray, weight: np.ndarray) -> np.float64:
    """Return the Gini coefficient of values sorted from large to small, each counted `weight` times."""
    above = np.cumsum(weight)
    n = above[-1]
    rank = above - (weight - 1) / 2  # mean rank of a value's copies, 1 = largest
    money = weight * value
    return (n + 1 - 2 * (rank * money).sum() / money.sum()) / n


def _bootstrap(value: np.ndarray, level: float, n_resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the limits of the Gini coefficient and of the top shares, resampling customers."""
    rng, n = np.random.default_rng(seed), len(value)
    n_top = np.array([_rank(top, n) for top in TOP])
    found = np.full((n_resamples, 1 + len(TOP)), np.nan)
    for i in range(n_resamples):
        # how often each customer is drawn: the values stay sorted, so nothing is sorted again
        weight = np.bincount(rng.integers(0, n, n), minlength=n)
        money = np.cumsum(weight * value)
        if money[-1] == 0:
            continue
        above = np.cumsum(weight)
        place = np.searchsorted(above, n_top)
        top = money[place] - (above[place] - n_top) * value[place]
        found[i] = [_gini(value, weight), *(top / money[-1])]
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
