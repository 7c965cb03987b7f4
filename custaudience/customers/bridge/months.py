"""Two months side by side: which are compared, which parts of the change may be published, and what is usual."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.bridge.bridge import NO_SEGMENT, RevenueBridge, revenue_bridge
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Terms, suppress_small
from custaudience.telling import sheet

_PHRASES = sheet(__package__)["phrases"]
PART_NAMES = {part.replace("_", " "): name for part, name in _PHRASES["part"].items()}
ENOUGH_PAIRS = 11  # before a movement is called usual or unusual: twelve earlier months have eleven
DAYS_CLOSED = 3  # as `revenue_bridge` has it: a shop may be closed on New Year's Day


@dataclass(frozen=True)
class MonthPair:
    """A month and the earlier one it is compared with, and the first and last day of each, inclusive.

    Not ``whole`` when the later month is cut off by the date: then the earlier one is cut after as many days.
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

    ``refusal``: "", "not_covered", "no_month_before", "empty" or "too_few": why nothing can be said; the rest is empty
    then. ``first_day``, ``last_day``: what the data cover. ``bridge``: private, its parts may be of few customers.
    ``groups`` from `part_groups`, ``parts`` from `bridge_parts`.
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
    published = rows["class"].map(to)
    return dict(zip(rows["part"], published.where(published != "staying", rows["part"]), strict=True))


def bridge_parts(bridge: RevenueBridge, groups: Mapping[str, str], *, minor_digits: int = 2) -> pd.DataFrame:
    """Return the parts of a bridge as they may be published, between the two totals they lead from and to.

    ``kind`` ("total", "customers", "staying", "refunds", "other"), ``part``, ``name``, ``n_customers`` (Int64; of
    "other" without those who only had refunds), ``change`` (major units), ``share`` (of the revenue before; NaN where
    that is not positive), ``start`` and ``end`` (revenue before and after this part, major units), ``first_day`` and
    ``last_day`` (ISO text, of totals). Parts without customers are left out.
    """
    rows = _all_rows(bridge)
    rows["to"] = rows["part"].map(groups)
    minor = rows.groupby("to")["change_minor"].sum()
    classes = rows.drop_duplicates(["class", "to"])
    people = classes[(classes["class"] != "refunds") | (classes["to"] == "refunds")].groupby("to")["n_customers"].sum()
    order = [part for part in PART_NAMES if people.get(part, 0)]
    total, scale = bridge.totals.set_index("segment").loc["all"], 10**minor_digits
    before, after = (round(total[f"revenue_{when}"] * scale) for when in ("before", "after"))
    change = minor.reindex(order).to_numpy()
    ends = before + change.cumsum()
    kinds = rows.drop_duplicates("to").set_index("to")["kind"].reindex(order)
    facts = {
        "kind": np.where(kinds.index == "other", "other", kinds), "part": order,
        "name": [PART_NAMES[part] for part in order], "n_customers": people.reindex(order).astype("Int64").to_numpy(),
        "change": change / scale, "share": change / before if before > 0 else np.nan, "start": (ends - change) / scale,
        "end": ends / scale, "first_day": "", "last_day": "",
    }  # fmt: skip
    table = pd.DataFrame(facts).astype({"n_customers": "Int64"})
    totals = [
        ("total", when, "", int(total[f"n_customers_{when}"]), np.nan, np.nan, 0.0, money / scale, *days)
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
    refused = partial(Comparison, pair, first_day=first_day, last_day=last_day)
    if pair.period[0] > last_day:
        return refused("not_covered")
    cut = terms.first_orders != "observed" and pair.prior[0] < first_day - dt.timedelta(days=DAYS_CLOSED)
    if pair.prior[1] < first_day or cut:
        return refused("no_month_before")
    try:
        bridge = _bridge(transactions, pair, terms, terms.first_orders)
    except EmptyTableError:
        return refused("empty")
    except HistoryError:  # the lines begin later than they were said to
        return refused("no_month_before")
    ordered = bridge.totals.loc[0, ["n_customers_before", "n_customers_after"]].astype("int64")
    if not ordered.any():  # refunds only
        return refused("empty")
    if ordered.between(1, terms.least - 1).any():
        return refused("too_few")
    groups = part_groups(bridge, min_group_size=terms.least)
    parts = bridge_parts(bridge, groups, minor_digits=terms.minor_digits)
    return Comparison(pair, "", first_day, last_day, bridge, groups, parts)


def _bridge(transactions: IntoFrame, pair: MonthPair, terms: Terms, known: Any) -> RevenueBridge:
    days, digits = {"period": pair.period, "before": pair.prior}, terms.minor_digits
    return revenue_bridge(transactions, **days, first_orders=known, minor_digits=digits)


def segment_parts(bridge: RevenueBridge, least: int) -> pd.DataFrame:
    """Return the change of each segment in which somebody ordered, as it may be published, largest first.

    `bridge` has segments as of a day before both periods; of one of which fewer than `least` ordered in one of the
    periods the name is all that stays. ``segment``, ``name``, ``n_customers`` (who ordered in either period),
    ``n_before``, ``n_after``, ``revenue_before``, ``revenue_after``, ``change`` (major units), ``share`` (change of its
    own revenue).
    """
    rules = load_segment_rules()
    names = {s.key: s.name for s in (*rules.segments, rules.no_order)} | {NO_SEGMENT: _PHRASES["segment"]["none"]}
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


def bridge_history(transactions: IntoFrame, now: Comparison, terms: Terms, *, n_earlier: int = 24) -> pd.DataFrame:
    """Split the change of each earlier pair of months into the same parts, so that a part has something beside it.

    Earlier pairs are as far apart and as long as that of `now`; the nearest `n_earlier` count, within the data. A row
    per earlier month and part, oldest first: ``month``, ``before``, ``kind``, ``part``, ``name``, ``n_customers``,
    ``change``, ``share`` (of the revenue before). Parts of few customers are blank; months in which few ordered are
    left out.
    """
    pair, groups, found = now.pair, now.groups, []
    known = "cut off" if terms.first_orders == "unknown" else terms.first_orders
    known = "observed" if "new" in groups else known
    days = None if pair.whole else pair.period[1].day
    months_back = (pd.Period(pair.month, "M") - pd.Period(pair.before, "M")).n
    for back in range(n_earlier, 0, -1):
        earlier = pair_of(pd.Period(pair.month, "M") - back, months_back, days)
        if earlier.prior[0] + dt.timedelta(days=DAYS_CLOSED) < now.first_day:
            continue
        try:
            bridge = _bridge(transactions, earlier, terms, known)
        except (EmptyTableError, HistoryError):  # two months without a line, or not in the data after all
            continue
        parts = bridge_parts(bridge, groups, minor_digits=terms.minor_digits)
        if parts.loc[parts["kind"] == "total", "n_customers"].between(1, terms.least - 1).any():
            continue
        found.append(parts[parts["kind"] != "total"].assign(month=earlier.month, before=earlier.before))
    columns = ["month", "before", "kind", "part", "name", "n_customers", "change", "share"]
    if not found:
        return pd.DataFrame(columns=columns)
    rows = pd.concat(found, ignore_index=True)[columns]
    return suppress_small(rows, n="n_customers", min_group_size=terms.least, keep=columns[:5])


@dataclass(frozen=True)
class Usual:
    """What is usual for each part, and whether this month's change left it.

    ``table``, a row per part: ``part``, ``name``, ``share`` (this month's, of the revenue before), ``middle``, ``low``,
    ``high`` (median, least and largest share of the earlier pairs), ``n_moves`` (earlier pairs with a figure),
    ``times`` (distance from the middle, as a multiple of the part's usual distance; NaN without three earlier figures).
    ``pairs``: this change and the earlier ones, as `bridge_history` has them, with ``is_this``; ``n_moves``: those
    that can be judged. ``verdict``: "none", "too_short", "too_short_largest", "usual", or "unusual": some part lies
    farther from its usual than any part did in 95 in 100 of the earlier pairs.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    n_moves: int
    verdict: str


def usual_parts(now: Comparison, history: pd.DataFrame) -> Usual:
    """Put each part of this month's change beside the same part of the earlier ones, from `bridge_history`.

    A bridge has eight parts or so, and each would leave its own range now and then. So all of them are judged at
    once: every pair of months, this one too, is measured against the others by its farthest part, the distance
    from the median of the others in units of their median distance; this pair is unusual when its farthest part
    lies farther out than that of 95 in 100 earlier pairs (order statistic at ceil(0.95 n)).
    """
    mine = now.parts[now.parts["kind"] != "total"].set_index("part")
    this = mine.reset_index().assign(is_this=True, **now.pair.names())
    pairs = this.reindex(columns=[*history.columns, "is_this"])
    if len(history):
        pairs = pd.concat([pairs, history.assign(is_this=False)], ignore_index=True)
    wide = history.pivot(index="month", columns="part", values="share").astype("float64")
    wide, share = wide.reindex(columns=mine.index), mine["share"].astype("float64")
    times = pd.concat([wide, share.rename("this").to_frame().T]).apply(_distances)
    figures = {"middle": wide.median(), "low": wide.min(), "high": wide.max(), "n_moves": wide.notna().sum()}
    table = pd.DataFrame({"name": mine["name"], "share": share, **figures, "times": times.loc["this"]})
    table = table.rename_axis("part").reset_index()
    farthest = times.max(axis=1)
    earlier = np.sort(farthest.drop("this").dropna().to_numpy())
    n_moves = len(earlier)
    if n_moves < 3 or np.isnan(farthest["this"]):
        return Usual(table, pairs, n_moves, "none")
    if n_moves < ENOUGH_PAIRS:
        return Usual(table, pairs, n_moves, "too_short_largest" if farthest["this"] > earlier[-1] else "too_short")
    threshold = earlier[int(np.ceil(0.95 * n_moves)) - 1]
    return Usual(table, pairs, n_moves, "unusual" if farthest["this"] > threshold else "usual")


def _distances(shares: pd.Series) -> pd.Series:
    """Return each figure's distance from the median of the others, in units of their median distance."""
    values = shares.to_numpy("float64")
    found = np.full(len(values), np.nan)
    for i in np.flatnonzero(~np.isnan(values)):
        others = np.delete(values, i)
        others = others[~np.isnan(others)]
        if len(others) >= 3:
            middle = np.median(others)
            spread = np.median(np.abs(others - middle))
            found[i] = abs(values[i] - middle) / spread if spread else np.nan
    return pd.Series(found, index=shares.index)


def compare_figures(months: pd.DataFrame, pair: MonthPair, *, min_group_size: int = 10) -> pd.DataFrame:
    """Put the figures of the two months beside each other, with what is usual between months as far apart.

    `months` are those of `monthly_kpis`; of one in which fewer than `min_group_size` customers ordered nothing is said.
    ``figure``, ``name``, ``before``, ``now`` (NaN when the month is not whole), ``change`` (fraction),
    ``change_per_day`` (per trading day; of averages and people the change itself), ``usual`` (median of the absolute
    changes per trading day between earlier complete months), ``n_pairs`` (how many), ``last_year`` and
    ``change_on_last_year`` (NaN without one).
    """
    table, month, by_day = months.set_index("month"), pd.Period(pair.month, "M"), ["revenue", "n_orders"]
    back = (month - pd.Period(pair.before, "M")).n
    figures = table[list(_PHRASES["figure"])].astype("float64")
    figures.loc[table["n_customers"].between(1, min_group_size - 1)] = np.nan
    rates = figures.copy()
    rates[by_day] = rates[by_day].div(table["n_trading_days"], axis=0)
    rates.index = pd.PeriodIndex(rates.index, freq="M")
    moves = (rates / rates.shift(back) - 1).replace([np.inf, -np.inf], np.nan)
    whole = table["is_complete"].to_numpy()
    earlier = moves[whole & np.roll(whole, back) & (moves.index < month)]
    rows = figures.reindex([pair.before, pair.month, str(month - 12)]).T
    rows = rows.set_axis(["before", "now", "last_year"], axis=1)
    if not pair.whole:
        rows["now"] = np.nan
    rows["change"] = rows["now"] / rows["before"] - 1
    rows["change_per_day"] = moves.loc[month] if pair.month in table.index else np.nan
    rows["usual"], rows["n_pairs"] = earlier.abs().median(), earlier.notna().sum()
    rows["change_on_last_year"] = rows["now"] / rows["last_year"] - 1
    columns = ["before", "now", "change", "change_per_day", "usual", "n_pairs", "last_year", "change_on_last_year"]
    rows = rows[columns].replace([np.inf, -np.inf], np.nan).rename_axis("figure").reset_index()
    rows.insert(1, "name", rows["figure"].map(_PHRASES["figure"]))
    return rows
