"""Where each customer stands: potential, primary or lost, each with its reason."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.ground import collect_customers, orders_until
from custaudience.customers.lifecycle.rhythm import Rhythm, measure_rhythm
from custaudience.errors import ColumnError, EmptyTableError
from custaudience.evidence import template

STATES = ("primary", "lost", "potential")
OrdersAt = Callable[[dt.date], IntoFrame]

REASONS: dict[str, str] = {
    "never_ordered": template("Known, and no order yet."),
    "refund_only": template("Only refunds or orders of nothing in the data: no order that counts."),
    "in_own_rhythm": template(
        "Silent for {days_since_last_order:count} {days_since_last_order:plural day|days}; "
        "own gaps last up to {overdue_after_days:count}."
    ),
    "in_pooled_rhythm": template(
        "Silent for {days_since_last_order:count} {days_since_last_order:plural day|days}; "
        "too few own gaps, and those of all customers last up to {overdue_after_days:count}."
    ),
    "late_own": template(
        "Silent for {days_since_last_order:count} {days_since_last_order:plural day|days}, longer than own "
        "gaps ({overdue_after_days:count}), not yet longer than {lost_after_days:count}."
    ),
    "late_pooled": template(
        "Silent for {days_since_last_order:count} {days_since_last_order:plural day|days}, longer than the "
        "gaps of all customers ({overdue_after_days:count}), not yet longer than {lost_after_days:count}."
    ),
    "lost_own": template(
        "Silent for {days_since_last_order:count} {days_since_last_order:plural day|days}, longer than "
        "{lost_after_days:count}, counted from own gaps ({overdue_after_days:count})."
    ),
    "lost_pooled": template(
        "Silent for {days_since_last_order:count} {days_since_last_order:plural day|days}, longer than "
        "{lost_after_days:count}, counted from the gaps of all customers ({overdue_after_days:count})."
    ),
    "rhythm_unknown": template("Has ordered; nobody has come back on a second day yet, so nobody can be called lost."),
}
"""Sentence of each reason, to be rendered with the row's values."""


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
    as_of : date
    pooled_overdue_after_days : int or None
        Cut-off for customers with few gaps of their own; None when nobody ordered on two days.
    lost_factor : float
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
    orders: IntoFrame,
    *,
    as_of: dt.date,
    customers: IntoFrame | None = None,
    lost_factor: float = 2.0,
    share: float = 0.95,
    min_gaps: int = 5,
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
    lost_factor : float, 1 or more
        Lost = silent for longer than so many times ``overdue_after_days``. A convention: nothing in orders
        alone shows that somebody has left.
    share, min_gaps
        As in `overdue_customers`.

    Returns
    -------
    Lifecycle
        States partition everybody in `orders` by `as_of` or in `customers`. **potential**: no order that
        counts yet. **primary**: silent for at most the lost cut-off (``overdue`` tells who is late).
        **lost**: silent for longer. Cut-offs are never a fixed number of days.

    Raises
    ------
    EmptyTableError
        If no order counts by `as_of`.
    ColumnError
        If `customers` has no ``customer_id``.

    Notes
    -----
    Another scheme in use calls everybody who has ordered a "target" customer: there, primary and lost are
    target, and potential is potential. A table of customers carries no dates: whoever is in it counts as
    known at any `as_of`, and ``notes`` says how many of the potential come from it.
    """
    if lost_factor < 1:
        raise ValueError(f"lost_factor: expected 1 or more (lost comes after overdue), got {lost_factor}")
    rhythm = measure_rhythm(orders, as_of=as_of, share=share, min_gaps=min_gaps)
    table = rhythm.table.copy()
    after = table["overdue_after_days"]
    table["lost_after_days"] = np.floor(after.astype("Float64") * lost_factor).astype("Int64")
    table["days_since_last_order"] = table["days_since_last_order"].astype("Int64")
    table["n_gaps"] = table["n_gaps"].astype("Int64")
    lost = (table["days_since_last_order"] > table["lost_after_days"]).fillna(False).astype(bool)
    table["state"] = pd.Series(np.where(lost, "lost", "primary"), dtype="str")
    late = table["overdue"].fillna(False).astype(bool)
    stage = pd.Series(np.where(lost, "lost_", np.where(late, "late_", "in_")), dtype="str")
    ending = table["rhythm"].where(lost | late, table["rhythm"] + "_rhythm")
    table["reason_key"] = (stage + ending).where(table["rhythm"] != "unknown", "rhythm_unknown")
    others = _without_order(orders, customers, as_of, set(table["customer_id"]))
    columns = [
        "customer_id",
        "state",
        "reason_key",
        "days_since_last_order",
        "n_gaps",
        "usual_gap_days",
        "overdue_after_days",
        "lost_after_days",
        "rhythm",
        "overdue",
    ]
    table = pd.concat([table[columns], others.reindex(columns=columns).astype(table[columns].dtypes)])
    table = table.sort_values("customer_id", ignore_index=True)
    n = table["state"].value_counts().reindex(STATES, fill_value=0)
    counts = pd.DataFrame(
        {
            "state": pd.Series(STATES, dtype="str"),
            "n_customers": n.to_numpy(),
            "share": (n / n.sum()).to_numpy(),
            "n_overdue": [int(table.loc[table["state"] == s, "overdue"].sum()) for s in STATES],
        }
    )
    notes = _rhythm_notes(rhythm, lost_factor) + _notes(others, customers is not None)
    return Lifecycle(table, counts, as_of, rhythm.pooled_overdue_after_days, lost_factor, notes)


@dataclass(frozen=True)
class Backtest:
    """How an earlier verdict fared: how many of those it named, and of the others, have ordered since.

    Attributes
    ----------
    verdict : {"lost", "overdue"}
    earlier, as_of : date
        The rule was applied at `earlier`; orders after it and by `as_of` count as coming back.
    n_named, n_named_back : int
        Called so at `earlier`; of them, with an order since.
    n_others, n_others_back : int
        The same for all others who had ordered.
    """

    verdict: str
    earlier: dt.date
    as_of: dt.date
    n_named: int
    n_named_back: int
    n_others: int
    n_others_back: int


def backtest_lost(
    orders: IntoFrame,
    *,
    as_of: dt.date,
    orders_at: OrdersAt | None = None,
    lost_factor: float = 2.0,
    share: float = 0.95,
    min_gaps: int = 5,
) -> Backtest:
    """Count how many of the customers who counted as lost at an earlier date have ordered since.

    The earlier date lies half of the history before `as_of`, at most half a year, so that the rhythm can be
    learned before it and a return be seen after it.

    Parameters
    ----------
    orders, as_of, lost_factor, share, min_gaps
        As in `classify_lifecycle`.
    orders_at : callable, optional
        As in `backtest_overdue`.

    Raises
    ------
    EmptyTableError
        If no order counts by the earlier date.
    """
    days = min(182, _history_days(orders, as_of) // 2)
    earlier = as_of - dt.timedelta(days=days)
    before = orders_at(earlier) if orders_at else orders
    then = classify_lifecycle(before, as_of=earlier, lost_factor=lost_factor, share=share, min_gaps=min_gaps).table
    then = then[then["state"] != "potential"]
    return _looked_back(orders, "lost", then["customer_id"], then["state"] == "lost", earlier, as_of)


def backtest_overdue(
    orders: IntoFrame,
    *,
    as_of: dt.date,
    orders_at: OrdersAt | None = None,
    days: int = 30,
    share: float = 0.95,
    min_gaps: int = 5,
) -> Backtest:
    """Count how many of the customers who were overdue some days ago have ordered since.

    Parameters
    ----------
    orders, as_of, share, min_gaps
        As in `overdue_customers`.
    orders_at : callable, optional
        Returns the orders as they stood on a day, for example `Study.orders`. Without it the orders are those of
        `as_of`, in which a refund paid after the earlier date has already undone its order: give it wherever there
        are refunds.
    days : int
        How long ago the rule is applied; at most half of the history.

    Raises
    ------
    EmptyTableError
        If no order counts by the earlier date.
    """
    earlier = as_of - dt.timedelta(days=min(days, _history_days(orders, as_of) // 2))
    before = orders_at(earlier) if orders_at else orders
    then = measure_rhythm(before, as_of=earlier, share=share, min_gaps=min_gaps).table
    named = then["overdue"].fillna(False).astype(bool)
    return _looked_back(orders, "overdue", then["customer_id"], named, earlier, as_of)


def _history_days(orders: IntoFrame, as_of: dt.date) -> int:
    counted = orders_until(orders, as_of, "is_order").filter(nw.col("is_order"))
    first = counted.select(first=nw.col("ordered_on").min()).collect(backend="pyarrow").to_native()["first"][0].as_py()
    if first is None:
        raise EmptyTableError(f"no order that counts on or before {as_of}. Choose a later as_of.")
    return (as_of - dt.date(first.year, first.month, first.day)).days


def _looked_back(
    orders: IntoFrame, verdict: str, ids: pd.Series, named: pd.Series, earlier: dt.date, as_of: dt.date
) -> Backtest:
    counted = orders_until(orders, as_of, "is_order").filter(nw.col("is_order"))
    now = collect_customers(counted.group_by("customer_id").agg(nw.col("ordered_on").max().alias("last")), as_of)
    days = now["last"].to_numpy().astype("datetime64[D]")
    back = ids.isin(now["customer_id"].to_pandas()[days > np.datetime64(earlier, "D")])
    return Backtest(
        verdict,
        earlier,
        as_of,
        int(named.sum()),
        int((named & back).sum()),
        int((~named).sum()),
        int((~named & back).sum()),
    )


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


def _rhythm_notes(rhythm: Rhythm, lost_factor: float) -> tuple[str, ...]:
    after = rhythm.pooled_overdue_after_days
    if after is None:
        return ("Nobody has ordered on two days: no rhythm is known, and nobody is called lost.",)
    n = int((rhythm.table["rhythm"] == "pooled").sum())
    if n and (lost_after := math.floor(after * lost_factor)) >= rhythm.history_days:
        return (
            f"{n} with few orders cannot be called lost yet: that takes a silence of more than {lost_after} "
            f"days, and the history has {rhythm.history_days}. Read how many of them are overdue instead.",
        )
    return ()


def _notes(others: pd.DataFrame, with_customers: bool) -> tuple[str, ...]:
    notes = []
    if n := int((others["reason_key"] == "never_ordered").sum()):
        notes.append(f"{n} potential from the table of customers, which does not say since when they are known.")
    if not with_customers:
        notes.append("No table of customers: people who are known but have not ordered are not counted.")
    if n := int((others["reason_key"] == "refund_only").sum()):
        notes.append(
            f"{n} with refunds or orders of nothing only: counted as potential, though a refund may "
            "belong to an order before the data."
        )
    return tuple(notes)
