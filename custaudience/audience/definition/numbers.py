"""What is counted of an audience: whom it fits, how they differ in what they do, and that it lies in its market."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from custaudience.audience.definition.words import NO, PARTLY, UNKNOWN, YES
from custaudience.customers import CustomerFeatures
from custaudience.customers.features.attributes import CATEGORY_SHARE
from custaudience.errors import DataError
from custaudience.evidence import Terms, status_of_difference
from custaudience.stats.contrast import as_numbers, figures, gap_of_means
from custaudience.stats.intervals import false_discovery_rates

NOT_TO_SHARPEN = ("revenue_total", "tenure")  # follows from buying: nothing an audience could be chosen by
GROWING = ("n_orders", "revenue_total", "n_categories")  # a definition that speaks of one of them speaks of all
_KEPT_BITS = 12  # of a number's 23 binary places: those that agree to one part in 2,048 count as equal
COLUMNS = [
    *("column", "kind", "unit", "category", "n", "n_others", "value", "value_others", "difference", "low", "high"),
    *("effect", "effect_low", "effect_high", "p_value", "p_adjusted", "made_from", "to_sharpen", "status"),
]
LEVELS = ("market", "target market", "audience", "persona")
Group = Any  # a size, or the ids themselves: any collection


@dataclass(frozen=True)
class Coverage:
    """How many of `n_all` customers a definition fits, may fit (a level lies partly within a range), or does not.

    `n_known`: of whom all is known that the matched rules ask; `revenue_known`: their share of revenue, NaN of none.
    """

    n_all: int
    n_known: int
    n_yes: int
    n_partly: int
    n_no: int
    revenue_known: float

    @property
    def share(self) -> tuple[float, float]:
        """Least and largest share of those known that fit; they differ where levels lie partly within a range."""
        if not self.n_known:
            return np.nan, np.nan
        return self.n_yes / self.n_known, (self.n_yes + self.n_partly) / self.n_known


def coverage_of(states: np.ndarray, features: CustomerFeatures) -> Coverage:
    """Count the states of `match_rules`."""
    n_no, n_partly, n_yes = (int(np.count_nonzero(states == state)) for state in (NO, PARTLY, YES))
    revenue = features.table["revenue_total"].to_numpy()
    total = revenue.sum()
    known = revenue[states != UNKNOWN].sum() / total if total > 0 else np.nan
    return Coverage(len(states), n_no + n_partly + n_yes, n_yes, n_partly, n_no, float(known))


def compare_with_rest(
    states: np.ndarray, features: CustomerFeatures, terms: Terms, made_from: Collection[str] = ()
) -> pd.DataFrame:
    """Compare who fits with all others of whom it is known that they do not, behaviour by behaviour.

    The columns a definition itself speaks of (`made_from`) differ by construction and get no p-value; nor does what
    grows with every order when it speaks of one such. A row per behaviour (`COLUMNS`), by size of ``effect``: Cliff's
    delta, p of Mann and Whitney (1947) with ties, limits after DeLong (1988) on the logit scale, simultaneous over all
    behaviours (Bonferroni), so that the largest may be picked. For ranks, values that agree to one part in 2,048 count
    as equal: counting takes a pass, sorting a million takes twenty times as long. Means by Welch: of very skewed values
    (log-normal, sigma 1) a 95 % interval holds in 92 % of cases with 100 customers who fit, in 89 % with 30.
    """
    inside, outside = np.flatnonzero(states == YES), np.flatnonzero(states == NO)
    dictionary = features.dictionary
    chosen = dictionary[(dictionary["kind"] == "behaviour") & dictionary["type"].isin(["numeric", "yes-no"])]
    made = {*made_from, *(GROWING if set(GROWING) & set(made_from) else ())}
    level = 1 - (1 - terms.level) / max(len(chosen), 1)
    rows: list[dict[str, Any]] = []
    for column, unit, type_ in chosen[["column", "unit", "type"]].itertuples(index=False):
        numbers = as_numbers(features.table[column])
        a, b = (side[~np.isnan(side)] for side in (numbers[inside], numbers[outside]))
        kind = {"currency": "money", "share": "share"}.get(unit, "share" if type_ == "yes-no" else "number")
        category = column.removeprefix(CATEGORY_SHARE) if column.startswith(CATEGORY_SHARE) else ""
        row = {"column": column, "kind": kind, "unit": unit, "category": category, "made_from": column in made}
        row |= {"n": len(a), "n_others": len(b)}
        if min(len(a), len(b)) >= max(terms.least, 2):
            effect, low, high, p_value = effect_from_counts(*_binned(a, b), level=level)
            row |= figures(gap_of_means(a, b, terms.level), effect)
            row |= {"effect_low": low, "effect_high": high, "p_value": p_value}
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[6:16], "float64"))
    table["made_from"] = table["made_from"].astype(bool)
    table.loc[table["made_from"], "p_value"] = np.nan
    table["p_adjusted"] = false_discovery_rates(table["p_value"].to_numpy())
    table["to_sharpen"] = table["p_value"].notna() & ~table["column"].isin(NOT_TO_SHARPEN)
    least = table[["n", "n_others"]].min(axis=1)
    ends = zip(table["low"], table["high"], least, strict=True)
    table["status"] = [status_of_difference(low, high, n) for low, high, n in ends]
    return table.sort_values(
        ["effect", "column"], key=lambda c: -c.abs() if c.name == "effect" else c, ignore_index=True, na_position="last"
    )


def sharpest(table: pd.DataFrame, level: float = 0.95) -> pd.Series | None:
    """Return the behaviour that would sharpen a definition most, None when ranks and means do not say so both."""
    clear = clear_differences(table, level) & table["to_sharpen"].astype(bool)
    clear &= ((table["effect_low"] > 0) & (table["low"] > 0)) | ((table["effect_high"] < 0) & (table["high"] < 0))
    return table[clear].iloc[0] if clear.any() else None


def clear_differences(table: pd.DataFrame, level: float = 0.95) -> pd.Series:
    """Say of each behaviour whether it differs clearly, counting that so many were looked at."""
    return (table["status"] == "measured") & (table["p_adjusted"] < 1 - level)


def _binned(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count both groups' values by their leading binary places, in rising order."""
    first, second = _leading(a), _leading(b)
    least = min(first.min(), second.min())
    size = int(max(first.max(), second.max()) - least) + 1
    counted = np.bincount(first - least, minlength=size), np.bincount(second - least, minlength=size)
    there = np.flatnonzero(counted[0] + counted[1])
    return counted[0][there], counted[1][there]


def _leading(values: np.ndarray) -> np.ndarray:
    """Return whole numbers in the order of the values: their float32 bits, of which the last are cut off."""
    bits = (values.astype("float32") + np.float32(0)).view("int32")  # + 0 makes -0.0 a 0.0
    if bits.min() < 0:
        bits = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    return bits >> _KEPT_BITS


def effect_from_counts(a: np.ndarray, b: np.ndarray, *, level: float = 0.95) -> tuple[float, float, float, float]:
    """Return Cliff's delta of two groups counted by value in rising order, its limits, and p; two at least of each.

    Examples
    --------
    >>> round(effect_from_counts(np.array([1, 3, 6]), np.array([6, 3, 1]))[0], 3)  # (72 - 7) / 100
    0.65
    """
    m, n = int(a.sum()), int(b.sum())
    below_a, below_b = np.cumsum(a) - a, np.cumsum(b) - b
    over_b, under_a = (below_b + b / 2) / n, 1 - (below_a + a / 2) / m
    area = float((over_b * a).sum()) / m
    variance = float(((over_b - area) ** 2 * a).sum()) / (m - 1) / m
    variance += float(((under_a - area) ** 2 * b).sum()) / (n - 1) / n
    ties = (a + b).astype("float64")
    spread = (m + n + 1 - float((ties * ties * ties - ties).sum()) / ((m + n) * (m + n - 1))) / (12 * m * n)
    p_value = float(2 * stats.norm.sf(abs(area - 0.5) / spread**0.5)) if spread > 0 else 1.0
    low = high = area
    if 0 < area < 1 and variance > 0:
        logit, half = np.log(area / (1 - area)), stats.norm.ppf((1 + level) / 2) * variance**0.5 / (area * (1 - area))
        low, high = (1 / (1 + float(np.exp(-(logit + sign * half)))) for sign in (-1, 1))
    return 2 * area - 1, 2 * low - 1, 2 * high - 1, p_value


@dataclass(frozen=True)
class Hierarchy:
    """How large each level is, from the widest to the narrowest; None = not given."""

    market: float | None
    target_market: float | None
    audience: float | None
    persona: float | None

    @property
    def table(self) -> pd.DataFrame:
        """One row per level given: ``level``, ``size``, ``share`` of the level above that was given."""
        sizes = (self.market, self.target_market, self.audience, self.persona)
        rows = [(level, size) for level, size in zip(LEVELS, sizes, strict=True) if size is not None]
        table = pd.DataFrame(rows, columns=["level", "size"]).astype({"size": "float64"})
        above = table["size"].shift()
        return table.assign(share=table["size"] / above.where(above > 0))


def check_hierarchy(
    *, market: Group = None, target_market: Group = None, audience: Group = None, persona: Group = None
) -> Hierarchy:
    """Check that each level lies within the one above it: market, target market, audience, persona.

    Each level is a size or the ids of its people, and may be left out; a persona is one id, or 1 for an average.

    Raises
    ------
    DataError
        If a level is larger than the one above it, or holds somebody who is not in it; the message names both, and
        never an id.

    Examples
    --------
    >>> check_hierarchy(market=50_000, target_market=3_000, audience=["a", "b", "c"], persona="a").audience
    3.0
    >>> check_hierarchy(target_market=3_000, audience=5_000)
    Traceback (most recent call last):
    custaudience.errors.DataError: the audience (5,000) is larger than the target market (3,000) that must contain it...
    """
    one: Group = [persona] if isinstance(persona, str) else persona
    given = zip(LEVELS, (market, target_market, audience, one), strict=True)
    groups = {level: _counted(level, group) for level, group in given if group is not None}
    for (outer, (large, wide)), (inner, (small, narrow)) in combinations(groups.items(), 2):
        if small > large:
            raise DataError(
                f"the {inner} ({small:,.0f}) is larger than the {outer} ({large:,.0f}) that must contain it. "
                "Check the figures of both, and whether both count the same unit."
            )
        outside = 0 if wide is None or narrow is None else len(narrow.difference(wide))
        if outside:
            raise DataError(
                f"the {inner} is not within the {outer}: {outside:,} of its {small:,.0f} are not in it. "
                f"Take them out, or widen the {outer}."
            )
    return Hierarchy(*(groups[level][0] if level in groups else None for level in LEVELS))


def _counted(level: str, group: Group) -> tuple[float, pd.Index | None]:
    """Return the size of a level, and its ids where they are given."""
    if isinstance(group, str) or not isinstance(group, (int, float, np.number, Iterable)) or isinstance(group, bool):
        raise DataError(f"the {level}: expected a size or the ids of its people, came {type(group).__name__}.")
    if isinstance(group, Iterable):
        values = group if isinstance(group, (pd.Index, pd.Series, np.ndarray)) else list(group)
        ids = pd.Index(values).astype("str").unique()
        return float(len(ids)), ids
    if not math.isfinite(group) or group < 0:
        raise DataError(f"the {level}: a size is a number of 0 or more, came {group}.")
    return float(group), None
