"""Who is silent for longer than usual: each customer's own gaps between orders, and everybody's."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.typing import IntoFrame

from custaudience.customers.ground import collect_customers, orders_until


@dataclass(frozen=True)
class OrderDays:
    """The distinct days on which customers ordered, sorted by customer and day.

    ``ids`` are the customers in order; ``customer`` indexes them, ``day`` counts days since 1970-01-01.
    """

    ids: pd.Series
    customer: np.ndarray
    day: np.ndarray

    def gaps(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (customer, gap in days) for each pair of neighbouring order days."""
        same = self.customer[1:] == self.customer[:-1]
        return self.customer[1:][same], np.diff(self.day)[same]

    def first_and_last(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the first and the last order day of each customer."""
        start = np.flatnonzero(np.diff(self.customer, prepend=-1))
        return self.day[start], self.day[np.append(start[1:], len(self.day)) - 1]


def order_days(orders: IntoFrame, *, as_of: dt.date) -> OrderDays:
    """Read the distinct days of orders that count, on or before `as_of`; refuse none at all."""
    counted = orders_until(orders, as_of, "is_order").filter(nw.col("is_order"))
    table = collect_customers(counted.select("customer_id", "ordered_on"), as_of)
    coded = table["customer_id"].combine_chunks().dictionary_encode()
    by_name = pc.sort_indices(coded.dictionary).to_numpy()
    rank = np.empty(len(by_name), dtype="int64")
    rank[by_name] = np.arange(len(by_name))
    customer = rank[coded.indices.to_numpy()]
    day = table["ordered_on"].to_numpy().astype("datetime64[D]").astype("int64")
    first, span = day.min(), day.max() - day.min() + 1
    # one integer per customer and day sorts and merges same-day orders at once; np.unique is 10 times slower
    key = np.sort(customer * span + (day - first))
    key = key[np.flatnonzero(np.diff(key, prepend=-1))]
    return OrderDays(coded.dictionary.take(pa.array(by_name)).to_pandas(), key // span, key % span + first)


def order_gaps(orders: IntoFrame, *, as_of: dt.date) -> pd.DataFrame:
    """List the gaps between each customer's neighbouring order days: ``customer_id`` and ``gap_days``, sorted.

    Orders of one day are one; the silence since the last order is no gap: it is not over.
    """
    days = order_days(orders, as_of=as_of)
    customer, gap = days.gaps()
    table = pd.DataFrame({"customer_id": days.ids.take(customer).to_numpy(), "gap_days": gap})
    return table.astype({"customer_id": "str"})


def pool_gaps(customer: np.ndarray, gap: np.ndarray) -> pd.DataFrame:
    """Pool the gaps (in days, beside each its customer's number) of all customers, each customer weighing once.

    One row per length: ``gap_days``, ``n_gaps``, ``share`` (weight of the length; sums to 1), ``share_up_to``.
    """
    per_customer = np.bincount(customer)[customer] if len(customer) else np.empty(0, dtype="int64")
    # counted before they are divided: sums of 1/n would depend on the order of the customers
    base = per_customer.max(initial=0) + 1
    pair, times = np.unique(gap * base + per_customer, return_counts=True)
    lengths, index = np.unique(pair // base, return_inverse=True)
    weight = np.bincount(index, weights=times / (pair % base), minlength=len(lengths))
    share = weight / max(int(np.count_nonzero(np.bincount(customer))), 1)
    n_gaps = np.bincount(index, weights=times, minlength=len(lengths)).astype("int64")
    return pd.DataFrame({"gap_days": lengths, "n_gaps": n_gaps, "share": share, "share_up_to": np.cumsum(share)})


def pooled_quantile(pooled: pd.DataFrame, share: float) -> int | None:
    """Return the shortest gap that at least `share` of the weight does not exceed; None without gaps."""
    if pooled.empty:
        return None
    reached = pooled["share_up_to"].to_numpy() >= share - 1e-9  # weights like 1/3 do not add up exactly
    return int(pooled["gap_days"].to_numpy()[np.argmax(reached)])


@dataclass(frozen=True)
class Rhythm:
    """How often customers order and who is overdue, with what it rests on.

    ``table`` is that of `overdue_customers`, ``pooled`` that of `pool_gaps`; ``pooled_overdue_after_days``: cut-off of
    customers with few gaps, None when no customer has ordered on two days; ``n_customers_with_gaps``: on whom the
    pooled figures rest; ``history_days``: from the first order of all to `as_of`, no silence can be longer.
    """

    table: pd.DataFrame
    pooled: pd.DataFrame
    pooled_overdue_after_days: int | None
    n_customers_with_gaps: int
    history_days: int
    as_of: dt.date
    share: float
    min_gaps: int


def measure_rhythm(orders: IntoFrame, *, as_of: dt.date, share: float = 0.95, min_gaps: int = 5) -> Rhythm:
    """Compare each customer's silence with its own gaps between orders; see `overdue_customers`."""
    if not 0 < share < 1:
        raise ValueError(f"share: expected a fraction between 0 and 1, got {share}")
    if min_gaps < 1:
        raise ValueError(f"min_gaps: expected 1 or more, got {min_gaps}")
    days = order_days(orders, as_of=as_of)
    customer, gap = days.gaps()
    pooled = pool_gaps(customer, gap)
    pooled_after = pooled_quantile(pooled, share)
    n_gaps = np.bincount(customer, minlength=len(days.ids))
    median, own_after = _own_quantiles(customer, gap, n_gaps, share)
    own = n_gaps >= min_gaps
    known = own | (pooled_after is not None)
    after = np.where(own, own_after, pooled_after or 0)
    first, last = days.first_and_last()
    today = np.datetime64(as_of, "D").astype("int64")
    table = pd.DataFrame(
        {
            "customer_id": days.ids.astype("str"), "days_since_last_order": today - last, "n_gaps": n_gaps,
            "usual_gap_days": median, "overdue_after_days": pd.Series(after, dtype="Int64").where(known),
            "rhythm": pd.Series(np.where(own, "own", np.where(known, "pooled", "unknown")), dtype="str"),
            "overdue": pd.Series(today - last > after, dtype="boolean").where(known),
        }
    )  # fmt: skip
    history = int(today - first.min())
    return Rhythm(table, pooled, pooled_after, int((n_gaps > 0).sum()), history, as_of, share, min_gaps)


def overdue_customers(orders: IntoFrame, *, as_of: dt.date, share: float = 0.95, min_gaps: int = 5) -> pd.DataFrame:
    """Find customers who have been silent for longer than their own rhythm explains.

    Parameters
    ----------
    orders : any frame Narwhals reads, one row per order
        As `orders_of` gives them; orders of one day are merged.
    as_of : date
        Last day that counts, inclusive.
    share : float
        Overdue = silent for longer than this share of gaps lasted.
    min_gaps : int
        A customer with at least so many gaps is compared with its own, others with the pooled ones.

    Returns
    -------
    DataFrame, one row per customer with an order that counts, sorted by ``customer_id``
        ``days_since_last_order``; ``n_gaps``; ``usual_gap_days``: median own gap, NaN without one;
        ``overdue_after_days``: for ``rhythm`` "own" the order statistic at ``ceil(share * n_gaps)`` of the
        own gaps, for "pooled" the lower weighted quantile of all gaps, each customer weighing once;
        ``overdue``: silent for longer. When no customer has ordered on two days there is nothing to compare
        with: ``rhythm`` is "unknown", the cut-off and ``overdue`` are NA.

    Raises
    ------
    EmptyTableError
        If no order counts by `as_of`.

    Notes
    -----
    Limits, to be said wherever the result is shown. Gaps are only seen when they end: long ones are missing
    near `as_of` and in short histories, so that cut-offs come out too short. With n own gaps, n < 20, the
    95 % order statistic is the longest gap: a customer who changed nothing outlasts it once in n + 1 gaps
    (1 in 6 at n = 5), not once in 20. Customers with one order day lend nothing to the pooled gaps and are
    measured by those who came back.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer_id": "a", "is_order": True,
    ...     "ordered_on": pd.to_datetime([f"2025-01-{d:02}" for d in (1, 3, 6, 8, 10, 13)])})
    >>> row = overdue_customers(orders, as_of=dt.date(2025, 1, 17)).iloc[0]
    >>> int(row["overdue_after_days"]), bool(row["overdue"])
    (3, True)
    """
    return measure_rhythm(orders, as_of=as_of, share=share, min_gaps=min_gaps).table


def _own_quantiles(
    customer: np.ndarray, gap: np.ndarray, n_gaps: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the median (NaN without gaps) and the order statistic at ceil(share * n), 0 without gaps."""
    ordered = np.append(gap[np.lexsort((gap, customer))], 0)
    start = np.cumsum(n_gaps) - n_gaps
    exact = Fraction(str(share))  # 0.07 * 100 is 7.000000000000001 as a float, and its ceil 8
    rank = -(-exact.numerator * n_gaps // exact.denominator)
    some = n_gaps > 0
    lower, upper = start + np.maximum(n_gaps - 1, 0) // 2, start + n_gaps // 2
    median = np.where(some, (ordered[lower] + ordered[np.where(some, upper, 0)]) / 2, np.nan)
    return median, np.where(some, ordered[np.where(some, start + rank - 1, 0)], 0)


def gap_classes(pooled: pd.DataFrame, *, n_classes: int = 40) -> pd.DataFrame:
    """Group pooled gaps into at most `n_classes` classes of equal whole days, as a histogram draws them.

    One row per class up to the 99th percentile: ``days`` (shortest gap of the class), ``n_gaps``; empty without gaps.
    """
    if pooled.empty:
        return pd.DataFrame({"days": pd.Series(dtype="int64"), "n_gaps": pd.Series(dtype="int64")})
    share = pooled["n_gaps"].cumsum() / pooled["n_gaps"].sum()
    longest = int(pooled.loc[share >= 0.99 - 1e-9, "gap_days"].iloc[0])
    width = max(1, -(-longest // n_classes))
    kept = pooled[pooled["gap_days"] <= longest]
    edges = (kept["gap_days"] - 1) // width * width + 1
    counts = kept.groupby(edges)["n_gaps"].sum()
    counts = counts.reindex(range(1, int(counts.index.max()) + 1, width), fill_value=0)
    return counts.rename_axis("days").reset_index()
