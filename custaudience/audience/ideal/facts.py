"""What "ideal" is decided by: each customer's orders, value, rhythm and answers, and the cut-offs on them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.audience.ideal.known import MissingPart, Satisfaction
from custaudience.customers.ground import orders_until
from custaudience.customers.lifecycle.rhythm import measure_rhythm
from custaudience.customers.rfm.scores import summarise_rfm
from custaudience.errors import EmptyTableError, ParameterError
from custaudience.evidence import template

ESSENTIAL = ("loyal", "valuable", "current")
PARTS = (*ESSENTIAL, "satisfied", "engaged")

MADE_FROM: Mapping[str, str] = {
    "n_orders": "loyal",
    "tenure": "loyal",
    "n_categories": "loyal",
    "revenue_total": "valuable",
    "revenue_per_order": "valuable",
    "lines_per_order": "valuable",
    "days_since_last_order": "current",
    "usual_gap_days": "current",
}
"""What "ideal" is made of, or follows from it (more orders reach more categories, larger baskets bring more)."""

SHORT_HISTORY = template(
    "Nobody can be called loyal yet: the orders reach over {days:count} {days:plural day|days}, and {span:count} are "
    "asked between the first and the last order."
)
TOO_FEW_FOR_A_TOP = template(
    "Nobody can be called valuable: too few customers have ordered to have a top {share:percent}."
)
ALL_ALIKE = template(
    "Nobody can be called more valuable than the others: {part:percent} of the customers brought as much as the "
    "last of the top {share:percent}, or more."
)
NO_REVENUE = template("Nobody can be called valuable: refunds reach the sales of every customer.")
NO_RHYTHM = template("Nobody's rhythm is known: no customer has ordered on two days yet.")


@dataclass(frozen=True)
class CutOffs:
    """What is asked of an ideal customer.

    Attributes
    ----------
    min_orders : int
        Loyal: so many orders that count, or more.
    min_span_days : int
        Loyal: so many days, or more, from the first of them to the last.
    top_share : float
        Valuable: among this share of customers with most net revenue; who brought as much as the last of them, too,
        unless that is half of all or more.
    overdue_share : float
        Current: not silent for longer than this share of the own gaps (of everybody's, with fewer than five).
    satisfied_from : float or None
        Satisfied: this answer or a better one; None = by the scale.
    min_responses : int
        Engaged: responded to so many campaigns, or more.
    """

    min_orders: int = 3
    min_span_days: int = 90
    top_share: float = 0.2
    overdue_share: float = 0.95
    satisfied_from: float | None = None
    min_responses: int = 1

    def __post_init__(self) -> None:
        whole = {"min_orders": self.min_orders, "min_responses": self.min_responses}
        for name, value in whole.items():
            if value < 1:
                raise ParameterError(f"{name} = {value}: expected 1 or more.")
        if self.min_span_days < 0:
            raise ParameterError(f"min_span_days = {self.min_span_days}: expected 0 or more days.")
        if not 0 < self.top_share <= 1:
            raise ParameterError(f"top_share = {self.top_share}: expected a share above 0, at most 1.")
        if not 0 < self.overdue_share < 1:
            raise ParameterError(f"overdue_share = {self.overdue_share}: expected a share between 0 and 1.")


@dataclass
class Facts:
    """What the cut-offs are held against; private.

    ``table`` is by ``customer_id``: ``n_orders``, ``span_days``, ``revenue_total``, ``days_since_last_order``, and
    where they are known ``score``, ``n_contacted``, ``n_responded``.
    """

    table: pd.DataFrame
    history_days: int
    satisfaction: Satisfaction | None
    has_responses: bool
    orders: nw.DataFrame
    as_of: dt.date

    def __post_init__(self) -> None:
        self._rhythms: dict[float, pd.DataFrame] = {}

    def rhythm(self, share: float) -> pd.DataFrame:
        """Return ``overdue`` and ``overdue_after_days`` by customer, computed once per share."""
        if share not in self._rhythms:
            table = measure_rhythm(self.orders, as_of=self.as_of, share=share).table.set_index("customer_id")
            self._rhythms[share] = table.reindex(self.table.index)[["overdue", "overdue_after_days"]]
        return self._rhythms[share]


def gather_facts(orders: IntoFrame, *, as_of: dt.date, minor_digits: int) -> Facts:
    """Read the orders once, and describe every customer with an order that counts.

    Raises
    ------
    EmptyTableError
        If there is none.
    """
    columns = ("customer_id", "ordered_on", "revenue_minor", "refund_minor", "is_order")
    read = orders_until(orders, as_of, *columns[2:]).select(*columns).collect(backend="pyarrow")
    if not len(read):
        raise EmptyTableError(f"no order on or before {as_of}. Choose a later as_of, or check the dates in the data.")
    table = summarise_rfm(read, as_of=as_of, minor_digits=minor_digits).set_index("customer_id")
    table = table[~table["refund_only"]]
    if table.empty:
        raise EmptyTableError(f"nobody has an order that counts by {as_of}: only refunds, or orders of nothing.")
    table["span_days"] = (table["last_order_on"] - table["first_order_on"]).dt.days
    # the time that was looked at, not up to the last order
    history = (pd.Timestamp(as_of) - table["first_order_on"].min()).days + 1
    kept = ["n_orders", "span_days", "revenue_total", "days_since_last_order"]
    return Facts(table[kept].astype({"days_since_last_order": "int64"}), history, None, False, read, as_of)


def judge(facts: Facts, cut: CutOffs) -> tuple[pd.DataFrame, dict[str, MissingPart]]:
    """Say of every customer which parts hold.

    Returns
    -------
    parts : DataFrame of "boolean", by ``customer_id``
        NA = not known of this customer; a part that cannot be told of anybody has no column.
    refused : mapping of part to MissingPart
        Essential parts that cannot be told.
    """
    table = facts.table
    parts: dict[str, pd.Series] = {}
    refused: dict[str, MissingPart] = {}
    if facts.history_days <= cut.min_span_days:
        values = {"days": facts.history_days, "span": cut.min_span_days}
        refused["loyal"] = MissingPart("loyal", SHORT_HISTORY, values, essential=True)
    else:
        several = (table["n_orders"] >= cut.min_orders) & (table["span_days"] >= cut.min_span_days)
        parts["loyal"] = several.astype("boolean")
    least = least_revenue(table["revenue_total"], cut.top_share)
    if isinstance(least, MissingPart):
        refused["valuable"] = least
    else:
        parts["valuable"] = (table["revenue_total"] >= least).astype("boolean")
    overdue = facts.rhythm(cut.overdue_share)["overdue"]
    if overdue.isna().all():
        refused["current"] = MissingPart("current", NO_RHYTHM, essential=True)
    else:
        parts["current"] = ~overdue.astype("boolean")
    if facts.satisfaction is not None and cut.satisfied_from is not None:
        parts["satisfied"] = (table["score"] >= cut.satisfied_from).astype("boolean").mask(table["score"].isna())
    if facts.has_responses:
        known = table["n_contacted"] > 0
        parts["engaged"] = (table["n_responded"] >= cut.min_responses).astype("boolean").mask(~known)
    return pd.DataFrame(parts, index=table.index), refused


def least_revenue(revenue: pd.Series, top_share: float) -> float | MissingPart:
    """Return what the last customer of the top brought, or why there is no top.

    Where half of all or more brought as much as that one, it is the least of those who brought more.

    Examples
    --------
    >>> least_revenue(pd.Series([5.0, 40.0, 10.0, 20.0, 30.0]), 0.4)
    30.0
    """
    n = len(revenue)
    rank = math.ceil(round(top_share * n, 9))
    if n * top_share < 1:
        return MissingPart("valuable", TOO_FEW_FOR_A_TOP, {"share": top_share}, essential=True)
    ranked = np.sort(revenue.to_numpy())[::-1]
    least = float(ranked[min(rank, n) - 1])
    if ranked[0] <= 0:
        return MissingPart("valuable", NO_REVENUE, essential=True)
    part = float((ranked >= least).mean())
    if top_share <= 0.5 <= part and part > rank / n:  # ties: who brought more than they is told from the rest, if any
        above = ranked[ranked > least]
        if not len(above):
            return MissingPart("valuable", ALL_ALIKE, {"part": part, "share": top_share}, essential=True)
        least = float(above[-1])
    return max(least, float(ranked[ranked > 0][-1]))  # who brought nothing is no part of a top


def is_ideal(parts: pd.DataFrame, *, without: str = "") -> pd.Series:
    """Return whether no part is known not to hold; essential parts are known of everybody."""
    asked = parts.drop(columns=[without], errors="ignore")
    return asked.fillna(True).astype(bool).all(axis=1)


def share_of_total(values: np.ndarray, chosen: np.ndarray, level: float) -> tuple[float, float, float]:
    """Return the share of a sum that some bring, and how far it depends on who happened to be a customer.

    The interval is of a ratio of two sums over customers, on the logit scale (delta method); NaN where a sum is not
    positive or one side is everything.
    """
    from scipy.special import expit, logit, ndtri

    n, total = len(values), math.fsum(values)
    part = math.fsum(values[chosen])
    if total <= 0:
        return math.nan, math.nan, math.nan
    share = part / total
    if not 0 < share < 1 or n < 2:
        return share, math.nan, math.nan
    spread = math.sqrt(n / (n - 1) * math.fsum((values * (chosen - share)) ** 2)) / total
    half = -float(ndtri((1 - level) / 2)) * spread / (share * (1 - share))
    return share, float(expit(logit(share) - half)), float(expit(logit(share) + half))


def named(cut: CutOffs) -> Mapping[str, float | int | None]:
    """Return the cut-offs by name."""
    return dict(vars(cut))
