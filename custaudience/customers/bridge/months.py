"""Two months side by side: which are compared, and which parts of the change between them may be published."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.bridge.bridge import NO_SEGMENT, RevenueBridge, revenue_bridge
from custaudience.customers.history import FirstOrders
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Terms, suppress_small
from custaudience.telling import sheet

PART_NAMES = {part.replace("_", " "): name for part, name in sheet(__package__)["phrases"]["part"].items()}
NO_SEGMENT_NAME = sheet(__package__)["phrases"]["segment"]["none"]
DAYS_CLOSED = 3  # as `revenue_bridge` has it: a shop may be closed on New Year's Day


@dataclass(frozen=True)
class MonthPair:
    """A month and the earlier one it is compared with, both whole or both their first days.

    Attributes
    ----------
    month, before : str
        "2017-12", "2017-11".
    period, prior : tuple of date
        First and last day of each, inclusive.
    whole : bool
        False when the later month is cut off by the date: then the earlier one is cut after as many days.
    """

    month: str
    before: str
    period: tuple[dt.date, dt.date]
    prior: tuple[dt.date, dt.date]
    whole: bool

    @property
    def n_days(self) -> tuple[int, int]:
        """Length of the two in days, the earlier one first."""
        return ((self.prior[1] - self.prior[0]).days + 1, (self.period[1] - self.period[0]).days + 1)

    def names(self) -> dict[str, Any]:
        """Return the two months as values of a sentence."""
        return {"month": self.month, "before": self.before}

    @property
    def day_before_both(self) -> dt.date:
        """Last day of which neither knows anything: segments are taken there."""
        return self.prior[0] - dt.timedelta(days=1)


def month_pair(as_of: dt.date, *, months_back: int = 1, last_day: dt.date = dt.date.max) -> MonthPair:
    """Return the month of a date and the one it is compared with.

    Before the end of its month both are cut after as many days; so they are where the data end in it, on `last_day`.

    Examples
    --------
    >>> pair = month_pair(dt.date(2017, 12, 31))
    >>> pair.before, pair.whole, pair.n_days
    ('2017-11', True, (30, 31))
    >>> month_pair(dt.date(2017, 12, 15)).prior[1]
    datetime.date(2017, 11, 15)
    """
    month = pd.Period(as_of, "M")
    if month.start_time.date() <= last_day < as_of:
        as_of = last_day
    whole = as_of.day == month.days_in_month
    return pair_of(month, months_back, None if whole else as_of.day)


def pair_of(month: pd.Period, months_back: int, days: int | None) -> MonthPair:
    """Return a month and the one so many months before it, whole or their first `days`."""
    before = month - months_back

    def reach(m: pd.Period) -> tuple[dt.date, dt.date]:
        return m.start_time.date(), m.start_time.date().replace(day=min(days or 31, m.days_in_month))

    return MonthPair(str(month), str(before), reach(month), reach(before), days is None)


@dataclass(frozen=True)
class Comparison:
    """Two months and what led from one to the other.

    Attributes
    ----------
    pair : MonthPair
    refusal : {"", "not_covered", "no_month_before", "empty", "too_few"}
        Why nothing can be said; the rest is empty then.
    first_day, last_day : date
        What the data cover.
    bridge : RevenueBridge or None
        Whole, private: its parts may be of few customers.
    groups : dict of part to published part
        From `part_groups`.
    parts : DataFrame
        From `bridge_parts`.
    """

    pair: MonthPair
    refusal: str
    first_day: dt.date
    last_day: dt.date
    bridge: RevenueBridge | None = None
    groups: dict[str, str] = field(default_factory=dict)
    parts: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def totals(self) -> pd.Series:
        """The row of all customers in the totals of the bridge."""
        return self.bridge.totals.iloc[0]  # type: ignore[union-attr]


def part_groups(bridge: RevenueBridge, *, min_group_size: int) -> dict[str, str]:
    """Say under which name each part may be published: parts of few customers go together.

    New and returned customers go together where they cannot be told apart, or where one of them is small. Refunds of
    few customers go with them. What is still small goes to "other", with the next smallest until that is large
    enough. So nothing is lost and the parts still add up.
    """
    rows = _all_rows(bridge)
    n = rows.drop_duplicates("class").set_index("class")["n_customers"]
    newcomer = next(name for name in n.index if name.startswith("new"))
    few = n.between(1, min_group_size - 1)
    to = {name: name for name in n.index}
    if newcomer != "new" or few[[newcomer, "returned", "refunds"]].any():
        to[newcomer] = to["returned"] = "arrived"
    unit = {name: "arrived" if name in (newcomer, "returned") else name for name in n.index}
    people = n.drop("refunds").groupby(unit).sum()  # who is refunded may be in another of these, too
    other = [name for name, size in people.items() if 0 < size < min_group_size]
    if few["refunds"]:
        with_arrived = people["arrived"] >= min_group_size
        unit["refunds"] = "arrived" if with_arrived else "refunds"
        other += [] if with_arrived else ["refunds"]
    while other and people[people.index.isin(other)].sum() < min_group_size:
        left = people[~people.index.isin(other) & (people > 0)]
        if left.empty:
            break
        other.append(left.idxmin())
    if unit["refunds"] == "arrived":
        to[newcomer] = to["returned"] = to["refunds"] = "arrived and refunds"
    to = {name: "other" if unit[name] in other else group for name, group in to.items()}
    return {
        part: part if to[name] == "staying" else to[name]
        for part, name in zip(rows["part"], rows["class"], strict=True)
    }


def bridge_parts(bridge: RevenueBridge, groups: Mapping[str, str], *, minor_digits: int = 2) -> pd.DataFrame:
    """Return the parts of a bridge as they may be published, between the two totals they lead from and to.

    Returns
    -------
    DataFrame, a row per part that has customers, the total before first and the total after last
        ``kind`` ("total", "customers", "staying", "refunds", "other"), ``part``, ``name``, ``n_customers`` (Int64;
        of "other" without those who only had refunds), ``change`` (major units), ``share`` (of the revenue
        before; NaN where that is not positive), ``start`` and ``end`` (revenue before and after this part, major
        units), ``first_day`` and ``last_day`` (ISO text, of totals). Changes add up to the last ``end`` less the
        first.
    """
    rows = _all_rows(bridge)
    rows["to"] = rows["part"].map(groups)
    minor = rows.groupby("to")["change_minor"].sum()
    classes = rows.drop_duplicates(["class", "to"])
    people = classes[(classes["class"] != "refunds") | (classes["to"] == "refunds")].groupby("to")["n_customers"].sum()
    order = [part for part in PART_NAMES if people.get(part, 0)]
    total = bridge.totals.set_index("segment").loc["all"]
    before, after = (round(total[f"revenue_{when}"] * 10**minor_digits) for when in ("before", "after"))
    ends = before + minor.reindex(order).cumsum().to_numpy()
    kinds = rows.drop_duplicates("to").set_index("to")["kind"].reindex(order)
    change, scale = minor.reindex(order).to_numpy(), 10**minor_digits
    facts = {
        "kind": np.where(kinds.index == "other", "other", kinds), "part": order,
        "name": [PART_NAMES[part] for part in order], "n_customers": people.reindex(order).astype("Int64").to_numpy(),
        "change": change / scale, "share": change / before if before > 0 else np.nan, "start": (ends - change) / scale,
        "end": ends / scale, "first_day": "", "last_day": "",
    }  # fmt: skip
    table = pd.DataFrame(facts).astype({"n_customers": "Int64"})
    totals = [
        ("total", when, "", int(total[f"n_customers_{when}"]), np.nan, np.nan, 0.0, money / 10**minor_digits, *days)
        for when, money, days in (("before", before, bridge.before), ("after", after, bridge.period))
    ]
    ends_of = pd.DataFrame(totals, columns=table.columns).astype({"n_customers": "Int64"})
    ends_of = ends_of.astype({"first_day": "str", "last_day": "str"})
    return pd.concat([ends_of.iloc[:1], table, ends_of.iloc[1:]], ignore_index=True)


def _all_rows(bridge: RevenueBridge) -> pd.DataFrame:
    """Return the rows of all customers with the class that each part's customers belong to."""
    rows = bridge.table[bridge.table["segment"] == "all"]
    return rows.assign(**{"class": rows["part"].where(rows["kind"] != "staying", "staying")})


def compare_months(
    transactions: IntoFrame, pair: MonthPair, terms: Terms, *, first_day: dt.date, last_day: dt.date
) -> Comparison:
    """Return why revenue moved between two months, as far as it may be published, or why that cannot be said.

    Refused where the data, from `first_day` to `last_day`, do not cover both months, or where fewer than the smallest
    group ordered in one.
    """
    first_orders: FirstOrders = terms.first_orders  # type: ignore[assignment]
    if pair.period[0] > last_day:
        return Comparison(pair, "not_covered", first_day, last_day)
    opened = first_day if first_orders == "observed" else first_day - dt.timedelta(days=DAYS_CLOSED)
    if pair.prior[1] < first_day or (first_orders != "observed" and pair.prior[0] < opened):
        return Comparison(pair, "no_month_before", first_day, last_day)
    try:
        bridge = revenue_bridge(
            transactions, period=pair.period, before=pair.prior, first_orders=first_orders,
            minor_digits=terms.minor_digits,
        )  # fmt: skip
    except EmptyTableError:
        return Comparison(pair, "empty", first_day, last_day)
    except HistoryError:  # the lines begin later than they were said to
        return Comparison(pair, "no_month_before", first_day, last_day)
    ordered = bridge.totals.loc[0, ["n_customers_before", "n_customers_after"]].astype("int64")
    if not ordered.any():  # refunds only
        return Comparison(pair, "empty", first_day, last_day)
    if ordered.between(1, terms.least - 1).any():
        return Comparison(pair, "too_few", first_day, last_day)
    groups = part_groups(bridge, min_group_size=terms.least)
    parts = bridge_parts(bridge, groups, minor_digits=terms.minor_digits)
    return Comparison(pair, "", first_day, last_day, bridge, groups, parts)


def segment_parts(bridge: RevenueBridge, least: int) -> pd.DataFrame:
    """Return the change of each segment as it may be published, largest first.

    `bridge` has segments as of a day before both periods; of one of which fewer than the smallest group ordered in one
    of the periods the name is all that stays.

    Returns
    -------
    DataFrame, one row per segment in which somebody ordered
        ``segment``, ``name``, ``n_customers`` (who ordered in either period), ``n_before``, ``n_after``,
        ``revenue_before``, ``revenue_after``, ``change`` (major units), ``share`` (change of its own revenue).
    """
    rules = load_segment_rules()
    names = {s.key: s.name for s in (*rules.segments, rules.no_order)} | {NO_SEGMENT: NO_SEGMENT_NAME}
    rows = bridge.totals[bridge.totals["segment"] != "all"].copy()
    rows = rows.rename(columns={"n_customers_before": "n_before", "n_customers_after": "n_after"})
    rows["n_customers"] = rows["n_before"] + rows["n_after"] - rows.pop("n_staying")
    rows = rows[(rows["n_customers"] > 0) | (rows["change_minor"] != 0)]
    rows["name"] = [names.get(key, key) for key in rows["segment"]]
    rows["segment"] = rows["segment"].replace({NO_SEGMENT: "none"})
    rows["share"] = (rows["change"] / rows["revenue_before"]).where(rows["revenue_before"] > 0)
    rows = rows.sort_values("change_minor", ascending=False, kind="stable", ignore_index=True)
    counts = ["n_customers", "n_before", "n_after"]
    # who only had refunds did not order, but is somebody, and one of few
    few = rows[counts].isin(range(1, least)).any(axis=1) | (rows["n_customers"] == 0)
    rows["least"] = rows["n_customers"].mask(few, 1)
    money = ["revenue_before", "revenue_after", "change", "share"]
    rows = rows[["least", "segment", "name", *counts, *money]]
    rows = suppress_small(rows, n="least", min_group_size=least, keep=["segment", "name"], counts=counts)
    return rows.drop(columns="least")
