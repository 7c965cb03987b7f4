"""Where each customer stands: potential, primary or lost, each with its reason."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.ground import collect_customers, orders_until
from custaudience.customers.rhythm import OrderDays, Rhythm, measure_rhythm, order_days
from custaudience.errors import ColumnError
from custaudience.telling import sheet

STATES = ("primary", "lost", "potential")
OrdersAt = Callable[[dt.date], IntoFrame]

REASONS: dict[str, str] = sheet(__package__)["phrases"]["reason"]
"""Sentence of each reason, to be rendered with the row's values."""
_COLUMNS = [
    *("customer_id", "state", "reason_key", "days_since_last_order", "n_gaps", "usual_gap_days", "overdue_after_days"),
    *("lost_after_days", "rhythm", "overdue"),
]


@dataclass(frozen=True)
class RhythmRule:
    """By which rule customers are told apart; `share` and `min_gaps` as in `overdue_customers`.

    Lost = silent for longer than `lost_factor` times ``overdue_after_days``. A convention: nothing in orders alone
    shows that somebody has left.
    """

    share: float = 0.95
    min_gaps: int = 5
    lost_factor: float = 2.0

    def __post_init__(self) -> None:
        if self.lost_factor < 1:
            raise ValueError(f"lost_factor: expected 1 or more (lost comes after overdue), got {self.lost_factor}")


RULE = RhythmRule()


@dataclass(frozen=True)
class Lifecycle:
    """Each customer's state, and the cut-offs it rests on.

    Attributes
    ----------
    table : DataFrame, one row per customer, sorted by ``customer_id``
        ``state``, ``reason_key`` (into `REASONS`), ``days_since_last_order``, ``n_gaps``, ``usual_gap_days``,
        ``overdue_after_days``, ``lost_after_days``, ``rhythm``, ``overdue``; NA or missing without an order.
    counts : DataFrame
        ``state``, ``n_customers``, ``share``, ``n_overdue`` (of them, silent for longer than usual), for all
        three states.
    pooled_overdue_after_days : int or None
        Cut-off for customers with few gaps of their own; None when nobody ordered on two days.
    notes : tuple of str
        What a reader must know, in English.
    """

    table: pd.DataFrame
    counts: pd.DataFrame
    as_of: dt.date
    pooled_overdue_after_days: int | None
    lost_factor: float
    notes: tuple[str, ...]


def classify_lifecycle(
    orders: IntoFrame, *, as_of: dt.date, customers: IntoFrame | None = None, rule: RhythmRule = RULE
) -> Lifecycle:
    """Tell potential, primary and lost customers apart by their rhythm.

    Parameters
    ----------
    orders : any frame Narwhals reads, one row per order
        As `orders_of` gives them.
    as_of : date
        Last day that counts, inclusive.
    customers : frame with ``customer_id``, optional
        Everybody who is known. Without it, potential customers can hardly be seen.

    Returns
    -------
    Lifecycle
        States partition everybody in `orders` by `as_of` or in `customers`. **potential**: no order that
        counts yet. **primary**: silent for at most the lost cut-off (``overdue`` tells who is late).
        **lost**: silent for longer. Cut-offs are never a fixed number of days.

    Raises
    ------
    EmptyTableError, ColumnError
        If no order counts by `as_of`, or `customers` has no ``customer_id``.

    Notes
    -----
    Another scheme in use calls everybody who has ordered a "target" customer: there, primary and lost are
    target, and potential is potential. A table of customers carries no dates: whoever is in it counts as
    known at any `as_of`, and ``notes`` says how many of the potential come from it.
    """
    rhythm = measure_rhythm(orders, as_of=as_of, share=rule.share, min_gaps=rule.min_gaps)
    table = rhythm.table.astype({"days_since_last_order": "Int64", "n_gaps": "Int64"})
    after = table["overdue_after_days"]
    table["lost_after_days"] = np.floor(after.astype("Float64") * rule.lost_factor).astype("Int64")
    lost = (table["days_since_last_order"] > table["lost_after_days"]).fillna(False).astype(bool)
    table["state"] = pd.Series(np.where(lost, "lost", "primary"), dtype="str")
    late = table["overdue"].fillna(False).astype(bool)
    stage = pd.Series(np.where(lost, "lost_", np.where(late, "late_", "in_")), dtype="str")
    ending = table["rhythm"].where(lost | late, table["rhythm"] + "_rhythm")
    table["reason_key"] = (stage + ending).where(table["rhythm"] != "unknown", "rhythm_unknown")
    others = _without_order(orders, customers, as_of, set(table["customer_id"]))
    table = pd.concat([table[_COLUMNS], others.reindex(columns=_COLUMNS).astype(table[_COLUMNS].dtypes)])
    table = table.sort_values("customer_id", ignore_index=True)
    n = table["state"].value_counts().reindex(STATES, fill_value=0)
    overdue = [int(table.loc[table["state"] == s, "overdue"].sum()) for s in STATES]
    counts = pd.DataFrame({"state": pd.Series(STATES, dtype="str"), "n_customers": n.to_numpy()})
    counts = counts.assign(share=(n / n.sum()).to_numpy(), n_overdue=overdue)
    notes = (*_notes(rhythm, rule.lost_factor), *_notes_of_potential(others, customers is not None))
    return Lifecycle(table, counts, as_of, rhythm.pooled_overdue_after_days, rule.lost_factor, notes)


@dataclass(frozen=True)
class Backtest:
    """How an earlier verdict fared: how many of those it named, and of the others, have ordered since.

    The rule ("lost", "overdue") was applied at `earlier`; orders after it and by `as_of` count as coming back.
    """

    verdict: str
    earlier: dt.date
    as_of: dt.date
    n_named: int
    n_named_back: int
    n_others: int
    n_others_back: int


def backtest_lost(
    orders: IntoFrame, *, as_of: dt.date, orders_at: OrdersAt | None = None, rule: RhythmRule = RULE
) -> Backtest:
    """Count how many of the customers who counted as lost at an earlier date have ordered since.

    The earlier date lies half of the history before `as_of`, at most half a year, so that the rhythm can be
    learned before it and a return be seen after it. `orders_at` returns the orders as they stood on a day, for example
    `Study.orders`. Without it the orders are those of `as_of`, in which a refund paid after the earlier date has
    already undone its order: give it wherever there are refunds.
    """
    days = order_days(orders, as_of=as_of)
    earlier = _earlier(days, as_of, 182)
    then = classify_lifecycle(orders_at(earlier) if orders_at else orders, as_of=earlier, rule=rule).table
    then = then[then["state"] != "potential"]
    return _looked_back("lost", earlier, as_of, days, then["customer_id"], then["state"] == "lost")


def backtest_overdue(
    orders: IntoFrame, *, as_of: dt.date, orders_at: OrdersAt | None = None, days: int = 30, rule: RhythmRule = RULE
) -> Backtest:
    """Count how many of the customers who were overdue `days` ago, at most half of the history, have ordered since.

    Everything else as in `backtest_lost`.
    """
    known = order_days(orders, as_of=as_of)
    earlier = _earlier(known, as_of, days)
    before = orders_at(earlier) if orders_at else orders
    then = measure_rhythm(before, as_of=earlier, share=rule.share, min_gaps=rule.min_gaps).table
    named = then["overdue"].fillna(False).astype(bool)
    return _looked_back("overdue", earlier, as_of, known, then["customer_id"], named)


def _earlier(days: OrderDays, as_of: dt.date, most: int) -> dt.date:
    """Return the day that lies half of the history before `as_of`, at most so many days."""
    history = int(np.datetime64(as_of, "D").astype("int64") - days.day.min())
    return as_of - dt.timedelta(days=min(most, history // 2))


def _looked_back(
    verdict: str, earlier: dt.date, as_of: dt.date, days: OrderDays, customers: pd.Series, named: pd.Series
) -> Backtest:
    """Count how many of those named then, and of the others, have ordered since."""
    since = days.first_and_last()[1] > np.datetime64(earlier, "D").astype("int64")
    back = customers.isin(days.ids[since])
    counts = (int(part.sum()) for part in (named, named & back, ~named, ~named & back))
    return Backtest(verdict, earlier, as_of, *counts)


def _without_order(orders: IntoFrame, customers: IntoFrame | None, as_of: dt.date, ordered: set[str]) -> pd.DataFrame:
    """Return everybody known who has no order that counts, with the reason."""
    rows = orders_until(orders, as_of).select("customer_id").unique()
    refunds = set(collect_customers(rows, as_of)["customer_id"].to_pylist()) - ordered
    known: set[str] = set()
    if customers is not None:
        frame = nw.from_native(customers).lazy()
        if "customer_id" not in frame.collect_schema():
            raise ColumnError("customers: column 'customer_id' not found. Map it under [tables.customers] columns.")
        ids = frame.select("customer_id").unique().collect(backend="pyarrow").to_native()["customer_id"]
        known = {str(i) for i in ids.to_pylist() if i is not None} - ordered - refunds
    reasons = [*((i, "refund_only") for i in refunds), *((i, "never_ordered") for i in known)]
    return pd.DataFrame(reasons, columns=["customer_id", "reason_key"], dtype="str").assign(state="potential")


def _notes(rhythm: Rhythm, lost_factor: float) -> Iterator[str]:
    after = rhythm.pooled_overdue_after_days
    if after is None:
        yield "Nobody has ordered on two days: no rhythm is known, and nobody is called lost."
        return
    n, days = int((rhythm.table["rhythm"] == "pooled").sum()), math.floor(after * lost_factor)
    if n and days >= rhythm.history_days:
        yield (
            f"{n} with few orders cannot be called lost yet: that takes a silence of more than {days} "
            f"days, and the history has {rhythm.history_days}. Read how many of them are overdue instead."
        )


def _notes_of_potential(others: pd.DataFrame, with_customers: bool) -> Iterator[str]:
    if n := int((others["reason_key"] == "never_ordered").sum()):
        yield f"{n} potential from the table of customers, which does not say since when they are known."
    if not with_customers:
        yield "No table of customers: people who are known but have not ordered are not counted."
    if n := int((others["reason_key"] == "refund_only").sum()):
        yield (
            f"{n} with refunds or orders of nothing only: counted as potential, though a refund may "
            "belong to an order before the data."
        )
