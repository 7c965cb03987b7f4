"""How customers of an audience differ from all others in what they do, by whole columns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from custaudience.audience.definition.levels import NO, PARTLY, UNKNOWN, YES
from custaudience.customers import CustomerFeatures
from custaudience.customers.features.attributes import CATEGORY_SHARE
from custaudience.evidence import status_of_difference
from custaudience.stats.columns import as_numbers

NOT_TO_SHARPEN = ("revenue_total", "tenure")
"""What follows from buying, or from how long somebody has been there: nothing an audience could be chosen by."""
GROWING = ("n_orders", "revenue_total", "n_categories")
"""What grows with every order: a definition that speaks of one of them speaks of all."""
_KEPT_BITS = 12  # of a number's 23 binary places: those that agree to one part in 2,048 count as equal
COLUMNS = [
    *("column", "kind", "unit", "category", "n", "n_others", "value", "value_others", "difference", "low", "high"),
    *("effect", "effect_low", "effect_high", "p_value", "p_adjusted", "made_from", "to_sharpen", "status"),
]


@dataclass(frozen=True)
class Coverage:
    """How many customers a definition fits.

    Attributes
    ----------
    n_all : int
        Customers of the study that have ordered.
    n_known : int
        Of them, those of whom everything is known that the matched rules ask.
    n_yes, n_partly, n_no : int
        Of `n_known`: who fits, who may (a level lies partly within a range), who does not.
    revenue_known : float
        Share of all customers' revenue that is of those known; NaN when there is no revenue.
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
    states: np.ndarray,
    features: CustomerFeatures,
    *,
    made_from: Collection[str] = (),
    level: float = 0.95,
    min_group_size: int = 10,
) -> pd.DataFrame:
    """Compare who fits with all others of whom it is known that they do not, behaviour by behaviour.

    Parameters
    ----------
    states : int8 array
        From `match_rules`.
    features : CustomerFeatures
        Its numeric and yes-no behaviours are compared.
    made_from : collection of str
        Columns the definition itself speaks of: they differ by construction and get no p-value; nor does what grows
        with every order when it speaks of one such.
    level : float
    min_group_size : int
        With fewer customers on either side there are no figures.

    Returns
    -------
    DataFrame, one row per behaviour, by size of effect
        ``column``, ``kind`` ("money", "share", "number"), ``unit``, ``category`` ("" unless a share of it); ``n``,
        ``n_others``; means ``value``, ``value_others``, their ``difference`` with ``low``, ``high``; ``effect``
        (Cliff's delta, -1 to 1) with ``effect_low``, ``effect_high``; ``p_value``, ``p_adjusted``; ``made_from``;
        ``to_sharpen`` (it may be added to the definition); ``status`` of the difference of means.

    Notes
    -----
    Welch's interval (1947) of the difference of means; of very skewed values (log-normal, sigma 1) a 95 % interval
    holds in 92 % of cases with 100 customers who fit, in 89 % with 30.

    Cliff's delta is twice the chance that one of the audience has more than one of the others, less one; p of Mann and
    Whitney (1947) with ties, limits after DeLong (1988) on the logit scale, as `effect_sizes.area_under_curve`, here
    simultaneous over all behaviours (Bonferroni), so that the largest may be picked. False discovery rate after
    Benjamini and Hochberg (1995). For ranks, values that agree to one part in 2,048 count as equal: counting takes a
    pass, sorting a million takes twenty times as long.
    """
    inside, outside = np.flatnonzero(states == YES), np.flatnonzero(states == NO)
    dictionary = features.dictionary
    chosen = dictionary[(dictionary["kind"] == "behaviour") & dictionary["type"].isin(["numeric", "yes-no"])]
    made = {*made_from, *(GROWING if set(GROWING) & set(made_from) else ())}
    rows = []
    for entry in chosen.to_dict("records"):
        column = str(entry["column"])
        row = {
            "column": column,
            "kind": {"currency": "money", "share": "share"}.get(entry["unit"], _kind(entry["type"])),
            "unit": entry["unit"],
            "category": column.removeprefix(CATEGORY_SHARE) if column.startswith(CATEGORY_SHARE) else "",
            "made_from": column in made,
        }
        numbers = as_numbers(features.table[column])
        a, b = _known(numbers[inside]), _known(numbers[outside])
        row |= {"n": len(a), "n_others": len(b)}
        if min(len(a), len(b)) >= max(min_group_size, 2):
            row |= _figures(a, b, level, n_tests=len(chosen))
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return _with_status(table, level).sort_values(
        ["effect", "column"], key=lambda c: -c.abs() if c.name == "effect" else c, ignore_index=True, na_position="last"
    )


def sharpest(table: pd.DataFrame, level: float = 0.95) -> pd.Series | None:
    """Return the behaviour that would sharpen a definition most, None when no behaviour tells its customers apart.

    Both the ranks and the means must say so, and the same way: a share of spending that is more often above zero can be
    smaller on average.
    """
    clear = clear_differences(table, level) & table["to_sharpen"].astype(bool)
    clear &= ((table["effect_low"] > 0) & (table["low"] > 0)) | ((table["effect_high"] < 0) & (table["high"] < 0))
    return table[clear].iloc[0] if clear.any() else None


def clear_differences(table: pd.DataFrame, level: float = 0.95) -> pd.Series:
    """Say of each behaviour whether it differs clearly, counting that so many were looked at."""
    return (table["status"] == "measured") & (table["p_adjusted"] < 1 - level)


def _kind(type_: str) -> str:
    return "share" if type_ == "yes-no" else "number"


def _known(numbers: np.ndarray) -> np.ndarray:
    return numbers[~np.isnan(numbers)] if np.isnan(numbers.min(initial=0.0)) else numbers


def _figures(a: np.ndarray, b: np.ndarray, level: float, *, n_tests: int) -> dict[str, float]:
    (mean_a, error_a), (mean_b, error_b) = _mean(a), _mean(b)
    error2 = error_a + error_b
    freedom = error2**2 / (error_a**2 / (len(a) - 1) + error_b**2 / (len(b) - 1)) if error2 > 0 else 1.0
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * error2**0.5
    difference = mean_a - mean_b
    effect, low, high, p_value = effect_from_counts(*_binned(a, b), level=1 - (1 - level) / n_tests)
    return {
        "value": mean_a, "value_others": mean_b, "difference": difference,
        "low": difference - half, "high": difference + half,
        "effect": effect, "effect_low": low, "effect_high": high, "p_value": p_value,
    }  # fmt: skip


def _mean(values: np.ndarray) -> tuple[float, float]:
    """Return the mean and its squared standard error."""
    return float(values.mean()), float(values.var(ddof=1)) / len(values)


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
    """Return Cliff's delta of two groups counted by value, its limits, and p.

    Parameters
    ----------
    a, b : arrays of counts
        How many of each group have each value, in rising order of the values; at least two of each group.
    level : float

    Returns
    -------
    effect, low, high, p_value : float

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


def _with_status(table: pd.DataFrame, level: float) -> pd.DataFrame:
    table = table.astype(dict.fromkeys(COLUMNS[6:16], "float64"))
    table["made_from"] = table["made_from"].astype(bool)
    table.loc[table["made_from"], "p_value"] = np.nan
    tested = table["p_value"].notna()
    if tested.any():
        table.loc[tested, "p_adjusted"] = stats.false_discovery_control(table.loc[tested, "p_value"])
    table["to_sharpen"] = tested & ~table["column"].isin(NOT_TO_SHARPEN)
    rows: list[dict[Any, Any]] = table.to_dict("records")
    table["status"] = [status_of_difference(r["low"], r["high"], min(r["n"], r["n_others"])) for r in rows]
    return table
