"""Recency, number of orders and revenue per customer: summary and scores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.ground import collect_customers, orders_until
from custaudience.errors import EmptyTableError

DIMENSIONS = ("r", "f", "m")


def summarise_rfm(orders: IntoFrame, *, as_of: dt.date, minor_digits: int = 2) -> pd.DataFrame:
    """Summarise each customer's orders up to a date: when last, how many, for how much.

    Parameters
    ----------
    orders : any frame Narwhals reads, one row per order
        As `orders_of` gives them: ``customer_id``, ``ordered_on``, ``revenue_minor`` (net),
        ``refund_minor``, ``is_order``.
    as_of : date
        Last day that counts, inclusive; later rows do not exist.
    minor_digits : int
        Money leaves divided by ``10 ** minor_digits``.

    Returns
    -------
    DataFrame, one row per customer with any row by `as_of`, sorted by ``customer_id``
        ``first_order_on``, ``last_order_on``, ``days_since_last_order`` (whole days, 0 = on `as_of`): of
        orders that count, missing when there is none; ``n_orders``: orders that count;
        ``revenue_total``: net of all refunds, may be negative; ``revenue_per_order``:
        ``revenue_total / n_orders``, so that the product is the revenue in the books (refunds of all orders
        lower it; NaN without an order); ``refund_total``, 0 or more; ``refund_only``: no order counts;
        ``net_negative``: refunds exceed sales.

    Raises
    ------
    EmptyTableError, ColumnError
        If there is no row by `as_of`, or a column is missing.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer_id": "007", "revenue_minor": [1005, 10009], "refund_minor": 0,
    ...                        "ordered_on": pd.to_datetime(["2025-01-01", "2025-01-31"]), "is_order": True})
    >>> row = summarise_rfm(orders, as_of=dt.date(2025, 2, 1)).iloc[0]
    >>> row["customer_id"], int(row["days_since_last_order"]), float(row["revenue_total"])
    ('007', 1, 110.14)
    """
    day, counts = nw.col("ordered_on"), nw.col("is_order")
    reduced = (
        orders_until(orders, as_of, "revenue_minor", "refund_minor", "is_order")
        .with_columns(n_orders=counts.cast(nw.Int64), counted_on=nw.when(counts).then(day))
        .group_by("customer_id")
        .agg(
            nw.col("counted_on").min().alias("first"),
            nw.col("counted_on").max().alias("last"),
            nw.col("n_orders").sum(),
            nw.col("revenue_minor").sum(),
            nw.col("refund_minor").sum(),
        )
        # DuckDB sums integers to HUGEINT, which would leave as decimals
        .with_columns(nw.col("n_orders", "revenue_minor", "refund_minor").cast(nw.Int64))
    )
    table = collect_customers(reduced, as_of).sort_by("customer_id")
    n_orders, net, refund = (table[c].to_numpy() for c in ("n_orders", "revenue_minor", "refund_minor"))
    first, last = (table[c].to_numpy().astype("datetime64[D]") for c in ("first", "last"))
    days = (np.datetime64(as_of, "D") - last).astype("int64")
    scale, none = 10**minor_digits, n_orders == 0
    out = pd.DataFrame({"customer_id": table["customer_id"].to_pandas()})
    out["first_order_on"], out["last_order_on"] = first.astype("datetime64[us]"), last.astype("datetime64[us]")
    out["days_since_last_order"] = pd.Series(np.where(none, 0, days), dtype="Int64").mask(none)
    out["n_orders"], out["revenue_total"] = n_orders, net / scale
    out["revenue_per_order"] = np.where(none, np.nan, net / scale / np.maximum(n_orders, 1))
    out["refund_total"], out["refund_only"], out["net_negative"] = refund / scale, none, net < 0
    return out


@dataclass(frozen=True)
class RfmScores:
    """Scores, and what anybody needs to compute them again.

    Attributes
    ----------
    table : DataFrame
        The summary with ``r_score``, ``f_score``, ``m_score`` (Int64; NA without an order) and ``rfm``
        ("5-4-3"; missing without an order).
    cut_points : dict of dimension to tuple of int
        Distinct and rising. A score is 1 + the number of cut points strictly below the value. The value is
        minus days for ``r``, the number of orders for ``f``, net revenue in minor units for ``m``.
    n_scores : int
        Scores asked for per dimension.
    scores : dict of dimension to int
        Scores that resulted: fewer where many customers share a value.
    notes : tuple of str
        What a reader must know, in English.
    """

    table: pd.DataFrame
    cut_points: dict[str, tuple[int, ...]]
    as_of: dt.date
    n_scores: int
    scores: dict[str, int]
    minor_digits: int
    notes: tuple[str, ...]

    def bands(self) -> pd.DataFrame:
        """Return what each score stands for: ``dimension``, ``score``, ``lower``, ``upper``.

        Both ends belong to the band; NaN = open. ``r`` is in days since the last order, ``f`` in orders,
        ``m`` in major units of net revenue. The extremes of single customers are not shown.
        """
        rows, scale = [], 10**self.minor_digits
        for name in DIMENSIONS:
            # the last cut point tops no band when nobody lies above it
            cuts = self.cut_points[name][: self.scores[name] - 1]
            for score in range(1, self.scores[name] + 1):
                lower = cuts[score - 2] + 1 if score > 1 else np.nan
                upper = cuts[score - 1] if score <= len(cuts) else np.nan
                if name == "r":
                    lower, upper = -upper, -lower
                elif name == "m":
                    lower, upper = lower / scale, upper / scale
                rows.append((name, score, float(lower), float(upper)))
        return pd.DataFrame(rows, columns=["dimension", "score", "lower", "upper"])


def score_rfm(summary: pd.DataFrame, *, as_of: dt.date, n_scores: int = 5, minor_digits: int = 2) -> RfmScores:
    """Score recency, number of orders and revenue from 1 (worst) to `n_scores` (best).

    Parameters
    ----------
    summary, as_of, minor_digits
        As `summarise_rfm` gives it, of that date and with these digits.
    n_scores : int, 2 to 10
        Scores asked for. Where many customers share a value, fewer result; ``scores`` and ``notes`` say so.

    Raises
    ------
    EmptyTableError, ValueError
        If no customer has an order that counts, or the summary was made at another date or with other minor digits.

    Notes
    -----
    Cut points are the lower order statistics at ``ceil(p * n)`` over customers with an order, compared as
    integers: customers with equal values always score alike, and every engine gives the same scores. The
    usual shortcuts do not hold this: ntile and ``rank(method="first")`` split ties, qcut fails on them.
    """
    if not 2 <= n_scores <= 10:
        raise ValueError(f"n_scores: expected 2 to 10, got {n_scores}")
    scored = summary["n_orders"].to_numpy() > 0
    if not scored.any():
        raise EmptyTableError(
            f"no customer has an order that counts by {as_of}: there are refunds or orders of zero only. "
            "Check the sign of the revenue."
        )
    values, table = _values(summary.loc[scored], as_of, minor_digits), summary.copy()
    cuts = {name: cut_points(values[name], n_scores) for name in DIMENSIONS}
    scores: dict[str, int] = {}
    for name in DIMENSIONS:
        score = 1 + np.searchsorted(np.array(cuts[name]), values[name], side="left")
        scores[name] = int(score.max())
        column = np.zeros(len(table), dtype="int64")
        column[scored] = score
        table[f"{name}_score"] = pd.Series(column, index=table.index, dtype="Int64").mask(~scored)
    r, f, m = (table[f"{name}_score"].astype("str") for name in DIMENSIONS)
    table["rfm"] = (r + "-" + f + "-" + m).where(scored)
    notes = _notes(scores, n_scores, int((~scored).sum()), int((table["net_negative"] & scored).sum()))
    return RfmScores(table, cuts, as_of, n_scores, scores, minor_digits, notes)


def cut_points(values: np.ndarray, n_scores: int) -> tuple[int, ...]:
    """Return the distinct lower order statistics of integer `values` at ``ceil(i / n_scores * n)``.

    Examples
    --------
    >>> cut_points(np.array([1, 1, 1, 1, 1, 1, 2, 3, 5, 9]), 5)  # the 2nd, 4th, 6th and 8th value
    (1, 3)
    """
    ordered = np.sort(values)
    ranks = [-(-i * len(ordered) // n_scores) for i in range(1, n_scores)]  # ceil in integers
    return tuple(sorted({int(ordered[rank - 1]) for rank in ranks}))


def _values(summary: pd.DataFrame, as_of: dt.date, minor_digits: int) -> dict[str, np.ndarray]:
    """Return what is scored, as integers where more is better."""
    days = summary["days_since_last_order"].to_numpy(dtype="int64")
    last = summary["last_order_on"].to_numpy().astype("datetime64[D]")
    if not (np.datetime64(as_of, "D") - last == days.astype("timedelta64[D]")).all():
        raise ValueError(f"summary: days_since_last_order was not counted to {as_of}. Summarise at that date first.")
    revenue = summary["revenue_total"].to_numpy() * 10**minor_digits
    minor = np.rint(revenue)
    if not np.allclose(revenue, minor, rtol=1e-12, atol=1e-4):
        raise ValueError(
            f"summary: revenue_total is not whole at {minor_digits} digits. "
            "Give score_rfm the minor_digits that summarise_rfm had."
        )
    return {"r": -days, "f": summary["n_orders"].to_numpy(dtype="int64"), "m": minor.astype("int64")}


def _notes(scores: Mapping[str, int], n_scores: int, n_unscored: int, n_negative: int) -> tuple[str, ...]:
    named, notes = {"r": "Days since the last order", "f": "The number of orders", "m": "Revenue"}, []
    for name, k in scores.items():
        if k == 1:
            notes.append(f"{named[name]} is the same for all customers: one score, level mid.")
        elif k < n_scores:
            why = "because many customers share a value and equal customers score alike."
            notes.append(f"{named[name]}: {k} scores instead of {n_scores}, {why}")
    if n_unscored:
        notes.append(f"{n_unscored} without an order that counts: not scored; their refunds stay in revenue.")
    if n_negative:
        notes.append(f"{n_negative} with orders have refunds above their sales: net revenue below zero.")
    return tuple(notes)
