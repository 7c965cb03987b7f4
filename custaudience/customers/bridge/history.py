"""What is usual for each part of a change between months: the same split of every earlier pair of months."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.bridge.bridge import revenue_bridge
from custaudience.customers.bridge.months import DAYS_CLOSED, Comparison, MonthPair, bridge_parts, pair_of
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Terms, suppress_small
from custaudience.telling import sheet

ENOUGH_PAIRS = 11
"""Earlier pairs needed before a movement is called usual or unusual: twelve earlier months have eleven."""


def bridge_history(transactions: IntoFrame, now: Comparison, terms: Terms, *, n_earlier: int = 24) -> pd.DataFrame:
    """Split the change of each earlier pair of months into the same parts, so that a part has something beside it.

    Earlier pairs are as far apart and as long as that of `now`; the nearest `n_earlier` count, within the data.

    Returns
    -------
    DataFrame, a row per earlier month and part, oldest first
        ``month``, ``before``, ``kind``, ``part``, ``name``, ``n_customers``, ``change``, ``share`` (of the revenue
        before). Parts of fewer than `min_group_size` customers are blank; months in which fewer ordered are left out.
    """
    pair, groups, found = now.pair, now.groups, []
    known: Any = "cut off" if terms.first_orders == "unknown" else terms.first_orders
    known = "observed" if "new" in groups else known
    days = None if pair.whole else pair.period[1].day
    months_back = (pd.Period(pair.month, "M") - pd.Period(pair.before, "M")).n
    for back in range(n_earlier, 0, -1):
        earlier = pair_of(pd.Period(pair.month, "M") - back, months_back, days)
        if earlier.prior[0] + dt.timedelta(days=DAYS_CLOSED) < now.first_day:
            continue
        try:
            bridge = revenue_bridge(
                transactions, period=earlier.period, before=earlier.prior, first_orders=known,
                minor_digits=terms.minor_digits,
            )  # fmt: skip
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

    Attributes
    ----------
    table : DataFrame
        A row per part: ``part``, ``name``, ``share`` (this month's, of the revenue before), ``middle``, ``low``,
        ``high`` (median, least and largest share of the earlier pairs), ``n_moves`` (earlier pairs with a
        figure), ``times`` (distance from the middle, as a multiple of the part's usual distance; NaN without
        three earlier figures).
    pairs : DataFrame
        This change and the earlier ones below each other, as `bridge_history` has them, with ``is_this``.
    n_moves : int
        Earlier pairs of months that can be judged.
    verdict : {"none", "too_short", "too_short_largest", "usual", "unusual"}
        "unusual": some part lies farther from its usual than any part did in 95 in 100 of the earlier pairs.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    n_moves: int
    verdict: str


def usual_parts(now: Comparison, history: pd.DataFrame) -> Usual:
    """Put each part of this month's change beside the same part of the earlier ones, from `bridge_history`.

    Notes
    -----
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
    wide = wide.reindex(columns=mine.index)
    both = pd.concat([wide, mine["share"].astype("float64").rename("this").to_frame().T])
    times = both.apply(_distances)
    table = pd.DataFrame(
        {
            "name": mine["name"], "share": mine["share"].astype("float64"), "middle": wide.median(), "low": wide.min(),
            "high": wide.max(), "n_moves": wide.notna().sum(), "times": times.loc["this"],
        }
    ).rename_axis("part").reset_index()  # fmt: skip
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


_FIGURES = sheet(__package__)["phrases"]["figure"]
_BY_DAY = ("revenue", "n_orders")


def compare_figures(months: pd.DataFrame, pair: MonthPair, *, min_group_size: int = 10) -> pd.DataFrame:
    """Put the figures of the two months beside each other, with what is usual between months as far apart.

    `months` are those of `monthly_kpis`; of one in which fewer than `min_group_size` customers ordered nothing is said.

    Returns
    -------
    DataFrame, one row per figure
        ``figure``, ``name``, ``before``, ``now`` (NaN when the month is not whole), ``change`` (fraction),
        ``change_per_day`` (per trading day; of averages and people the change itself), ``usual`` (median of the
        absolute changes per trading day between earlier complete months), ``n_pairs`` (how many), ``last_year``
        and ``change_on_last_year`` (NaN without one).
    """
    table = months.set_index("month")
    back = (pd.Period(pair.month, "M") - pd.Period(pair.before, "M")).n
    figures = table[list(_FIGURES)].astype("float64")
    figures.loc[table["n_customers"].between(1, min_group_size - 1)] = np.nan
    rates = figures.copy()
    rates[list(_BY_DAY)] = rates[list(_BY_DAY)].div(table["n_trading_days"], axis=0)
    rates.index = pd.PeriodIndex(rates.index, freq="M")
    moves = rates / rates.shift(back) - 1
    moves = moves.replace([np.inf, -np.inf], np.nan)
    whole = table["is_complete"].to_numpy()
    earlier = moves[whole & np.roll(whole, back) & (moves.index < pd.Period(pair.month, "M"))]
    year_ago = str(pd.Period(pair.month, "M") - 12)
    rows = figures.reindex([pair.before, pair.month, year_ago]).T.set_axis(["before", "now", "last_year"], axis=1)
    if not pair.whole:
        rows["now"] = np.nan
    rows["change"] = rows["now"] / rows["before"] - 1
    rows["change_per_day"] = moves.loc[pd.Period(pair.month, "M")] if pair.month in table.index else np.nan
    rows["usual"], rows["n_pairs"] = earlier.abs().median(), earlier.notna().sum()
    rows["change_on_last_year"] = rows["now"] / rows["last_year"] - 1
    columns = ["before", "now", "change", "change_per_day", "usual", "n_pairs", "last_year", "change_on_last_year"]
    rows = rows[columns].replace([np.inf, -np.inf], np.nan).rename_axis("figure").reset_index()
    rows.insert(1, "name", rows["figure"].map(_FIGURES))
    return rows
