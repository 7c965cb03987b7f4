"""A group against all others, column by column: what says "more than all others" takes its figures here.

A method that truly differs (clustered variance, linearised ratio, binned DeLong) stays with its caller under its own
name, and hands its rows to `judge`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from custaudience.errors import DataError
from custaudience.evidence import Terms
from custaudience.stats.intervals import DRAWS, false_discovery_rates, median_draws, middle_of, share_difference

MOST_LEVELS = 12
SKEWED = 2.0  # skewness from which medians tell more than means
TIED = 0.1  # share of units with the median itself, from which means are compared
COLUMNS = [
    *("group", "feature", "category", "statistic", "above", "n", "n_others", "value", "value_others", "difference"),
    *("low", "high", "effect", "p_value"),
]
Row = tuple[int, dict[str, Any]]
"""The number of a group and its row."""


def as_numbers(values: pd.Series) -> np.ndarray:
    """Return a numeric or yes-no column as float64, missing as NaN."""
    return values.to_numpy(dtype="float64", na_value=np.nan)


def kind_of(values: pd.Series) -> Literal["number", "category", "ordered"]:
    """Return how a column is read, by its type; dates and spans of time are refused (DataError)."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "ordered" if values.cat.ordered else "category"
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        raise DataError(f"column {values.name!r} holds dates. Give a number of days instead, counted to as_of.")
    return "number" if pd.api.types.is_numeric_dtype(values) else "category"


class Gap(NamedTuple):
    """A figure of a group, that of all others, the interval of their difference, and p."""

    value: float
    others: float
    low: float
    high: float
    p_value: float

    @property
    def difference(self) -> float:
        """The group less all others."""
        return self.value - self.others


def gap_of_means(a: np.ndarray, b: np.ndarray, level: float = 0.95) -> Gap:
    """Compare means after Welch (1947); where neither side varies, what differs differs for certain."""
    first, second = float(a.mean()), float(b.mean())
    if a.min() == a.max() and b.min() == b.max():
        return Gap(first, second, first - second, first - second, float(first == second))
    with warnings.catch_warnings():  # scipy warns of lost precision where all of one side have the same
        warnings.simplefilter("ignore", RuntimeWarning)
        test = stats.ttest_ind(a, b, equal_var=False)
        ends = test.confidence_interval(level)
    return Gap(first, second, float(ends.low), float(ends.high), float(test.pvalue))


def gap_of_medians(a: np.ndarray, b: np.ndarray, level: float, rng: np.random.Generator) -> Gap:
    """Compare medians by bootstrap."""
    difference = np.sort(median_draws(a, rng) - median_draws(b, rng))
    low, high = middle_of(difference, level)
    tail = min((difference <= 0).sum(), (difference >= 0).sum())
    return Gap(float(np.median(a)), float(np.median(b)), low, high, min(1.0, 2 * (1 + int(tail)) / (DRAWS + 1)))


def gap_of_shares(a: int, n: int, b: int, m: int, level: float = 0.95) -> Gap:
    """Compare a of n with b of m: Newcombe's interval (1998), z test, Fisher's where fewer than 5 are expected."""
    _, low, high = share_difference(a, n, b, m, level)
    pooled = (a + b) / (n + m)
    if pooled in (0.0, 1.0):
        p_value = 1.0
    elif min(n, m) * min(pooled, 1 - pooled) < 5:
        p_value = float(stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue)
    else:
        p_value = float(2 * stats.norm.sf(abs(a / n - b / m) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))))
    return Gap(a / n, b / m, low, high, p_value)


def contrast(
    table: pd.DataFrame, groups: pd.Series, terms: Terms, *, by_mean: Collection[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """Compare each group with all other units, column by column; return a table, and columns that cannot be compared.

    Groups, levels, and yes and no, with fewer units than the ``least`` of `terms` get no figures. Numbers in `by_mean`
    are compared by their means even where they are skewed or mostly have the smallest value. One row per group, column
    (and level of a category): ``group``, ``feature``, ``category`` ("" for numbers), ``statistic`` ("mean"; "median"
    where skewed and with few ties; "share" of a yes or of a category; "share above" where half or more have the
    smallest value), ``above`` (that smallest value, else NaN); ``n``, ``n_others`` (with a value); ``value``,
    ``value_others``, ``difference`` and its interval ``low``, ``high``; ``effect``: standardised, -1 to 1 (Cliff's
    delta: the chance that one of the group has more than another unit, minus the chance of less; for shares their
    difference); ``p_value``. False discovery is held by `judge`.
    """
    codes = groups.astype("category").cat.remove_unused_categories()
    labels, names = codes.cat.codes.to_numpy().astype(int), list(codes.cat.categories)
    rng, rows, notes = np.random.default_rng(terms.seed), [], []
    for name in table.columns:
        try:
            for number, row in _rows(table[name], labels, len(names), terms, rng, by_mean=name in by_mean):
                rows.append({"group": names[number], "feature": name, **row})
        except DataError as fault:
            notes.append(f"{name} is left out: {fault}")
    return pd.DataFrame(rows, columns=COLUMNS), notes


def judge(table: pd.DataFrame, level: float, *, by_interval: bool = False) -> pd.DataFrame:
    """Hold the false discovery rate over all rows with a p-value, and say of each row what may be said.

    Adds ``p_adjusted`` (Benjamini and Hochberg, 1995) and ``status``: "too_few" without an ``effect``, "measured", or
    "no_clear_difference". A row without p is judged by its interval; with `by_interval` the interval must leave out 0
    in every row: two methods may disagree there, however small p is.
    """
    known = table["p_value"].notna().to_numpy()
    adjusted = false_discovery_rates(table["p_value"].to_numpy("float64"))
    apart = ((table["low"] > 0) | (table["high"] < 0)).to_numpy()
    clear = np.where(known, (adjusted < 1 - level) & (apart | (not by_interval)), apart)
    status = np.where(clear, "measured", "no_clear_difference")
    return table.assign(p_adjusted=adjusted, status=np.where(table["effect"].isna(), "too_few", status))


def _rows(
    values: pd.Series, labels: np.ndarray, k: int, terms: Terms, rng: np.random.Generator, *, by_mean: bool
) -> Iterator[Row]:
    """Yield one row per group, and level of a category."""
    known = values.notna().to_numpy()
    labels, values = labels[known], values[known]
    if not len(values):
        raise DataError("nobody has a value.")
    if kind_of(values) != "number":
        text = values.astype("str")
        levels = text.value_counts()
        if len(levels) > max(MOST_LEVELS, len(text) / 2):
            raise DataError("nearly every customer has a value of their own.")
        for category in levels.index[:MOST_LEVELS]:
            yield from _share_rows((text == category).to_numpy(), labels, k, terms, {"category": category})
        return
    numbers = as_numbers(values)
    smallest = float(numbers.min())
    if smallest == numbers.max():
        raise DataError("the same for all customers.")
    if set(np.unique(numbers[:1000])) <= {0.0, 1.0} and np.isin(numbers, (0.0, 1.0)).all():
        yield from _share_rows(numbers == 1, labels, k, terms, {})
    elif (numbers == smallest).mean() >= 0.5 and not by_mean:
        facts = {"statistic": "share above", "above": smallest}
        yield from _share_rows(numbers > smallest, labels, k, terms, facts)
    else:
        yield from _number_rows(numbers, labels, k, terms, rng, by_mean=by_mean)


def _number_rows(
    numbers: np.ndarray, labels: np.ndarray, k: int, terms: Terms, rng: np.random.Generator, *, by_mean: bool
) -> Iterator[Row]:
    # where many have the middle value, as in counts of orders, medians agree though the groups differ
    tied = (numbers == np.median(numbers)).mean() >= TIED
    skewed = not by_mean and abs(float(stats.skew(numbers))) > SKEWED and not tied
    ranks = stats.rankdata(numbers)
    for number in range(k):
        inside = labels == number
        n, m = int(inside.sum()), int((~inside).sum())
        row: dict[str, Any] = {"category": "", "statistic": "median" if skewed else "mean", "n": n, "n_others": m}
        if min(n, m) >= max(terms.least, 2):
            a, b = numbers[inside], numbers[~inside]
            gap = gap_of_medians(a, b, terms.level, rng) if skewed else gap_of_means(a, b, terms.level)
            row |= figures(gap, 2 * (ranks[inside].mean() - (n + 1) / 2) / m - 1)
        yield number, row


def _share_rows(yes: np.ndarray, labels: np.ndarray, k: int, terms: Terms, facts: dict[str, Any]) -> Iterator[Row]:
    for number in range(k):
        inside = labels == number
        n, m = int(inside.sum()), int((~inside).sum())
        a, b = int(yes[inside].sum()), int(yes[~inside].sum())
        row = {"category": "", "statistic": "share", "n": n, "n_others": m, **facts}
        if min(n, m) >= max(terms.least, 1) and not any(0 < cell < terms.least for cell in (a, n - a, b, m - b)):
            gap = gap_of_shares(a, n, b, m, terms.level)
            row |= figures(gap, gap.difference)
        yield number, row


def figures(gap: Gap, effect: float) -> dict[str, float]:
    """Return the figures of a row of `contrast`."""
    return gap._asdict() | {"value_others": gap.others, "difference": gap.difference, "effect": effect}
