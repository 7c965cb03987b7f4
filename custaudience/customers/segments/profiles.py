"""What sets each segment apart from all other customers, with intervals."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from custaudience.customers.features.attributes import CATEGORY_SHARE, sensitive_topic
from custaudience.customers.segments.choosing_k import by_customer
from custaudience.customers.segments.clusters import CustomerSegments
from custaudience.customers.segments.preparation import SKEWED, as_numbers, kind_of
from custaudience.errors import DataError, EmptyTableError

MOST_LEVELS = 12
DRAWS = 9_999
TIED = 0.1  # share of customers with the median itself, from which means are compared
Measured = tuple[float, float, float, float, float]  # in the segment, in the others, low, high, p


@dataclass(frozen=True)
class SegmentProfiles:
    """Every segment against all others.

    Attributes
    ----------
    table : DataFrame, one row per segment, feature (and level of a category), sorted by segment and size of effect
        ``segment``, ``feature``, ``category`` ("" for numbers), ``statistic`` ("mean"; "median" where skewed and with
        few ties, never of a product category's share; "share" of a yes or of a category; "share above" where half or
        more have the smallest value),
        ``above`` (that smallest value, else NaN); ``n``, ``n_others`` (with a value); ``value``, ``value_others``,
        ``difference`` and its interval ``low``, ``high``; ``effect``: standardised, -1 to 1 (Cliff's delta);
        ``p_value``, ``p_adjusted`` (false discovery rate over the table), NaN where the segments were made from the
        feature; ``made_from``; ``status``: "measured", "no_clear_difference", "too_few" (figures are NaN).
    level : float
        Of the intervals.
    min_group_size : int
    notes : tuple of str
    """

    table: pd.DataFrame
    level: float
    min_group_size: int
    notes: tuple[str, ...]

    def top(self, segment: str, n: int = 5) -> pd.DataFrame:
        """Return the `n` clear differences of a segment with the largest effects, one per feature."""
        rows = self.table[(self.table["segment"] == segment) & (self.table["status"] == "measured")]
        return rows.drop_duplicates("feature").head(n).reset_index(drop=True)


def describe_segments(
    matrix: pd.DataFrame,
    segments: CustomerSegments | pd.Series,
    *,
    features: Sequence[str] | None = None,
    by_mean: Collection[str] = (),
    min_group_size: int = 10,
    level: float = 0.95,
    include_sensitive: bool = False,
    seed: int = 0,
) -> SegmentProfiles:
    """Compare each segment with all other customers, feature by feature.

    Parameters
    ----------
    matrix : DataFrame, one row per customer
        With ``customer_id`` as index or column: what the segments were made from, and anything else known.
    segments : CustomerSegments, or Series per ``customer_id``
        Customers without a segment are left out.
    features : sequence of str, optional
        All columns by default.
    by_mean : collection of str
        Numbers compared by their means, as shares of product categories always are: of who has ordered often, a share
        of orders is seldom 0 and near the middle, so that medians and "any at all" would tell how often they ordered.
    min_group_size : int
        Segments, levels, and yes and no, with fewer customers get no figures.
    level : float
    include_sensitive : bool
        Show sensitive attributes (religion, health, …) in aggregate.
    seed : int

    Returns
    -------
    SegmentProfiles

    Raises
    ------
    EmptyTableError
        If no customer of the matrix has a segment.
    DataError
        If there is one segment only.

    Notes
    -----
    Means: Welch's interval (1947). Medians: percentile bootstrap; the bootstrap distribution of a median is drawn
    from directly, its rank being a beta variable, so a million customers take no longer. Shares: Newcombe's interval
    (1998) and the pooled z test, Fisher's where fewer than 5 are expected. `effect` is Cliff's delta (1993): the
    chance that a customer of the segment has more than another customer, minus the chance of less; for shares it is
    their difference. False discovery rate after Benjamini and Hochberg (1995).

    A feature the segments were made from differs between them by construction: its interval says how much, and no
    p-value is given, since it would be small for segments cut out of noise, too (Gao, Bien and Witten 2022).
    """
    from statsmodels.stats.multitest import multipletests

    table = by_customer(matrix)
    made_from = set(segments.preparation.features) if isinstance(segments, CustomerSegments) else set()
    names = segments.segments if isinstance(segments, CustomerSegments) else segments
    names = names.reindex(table.index)
    if not names.notna().any():
        raise EmptyTableError("describe_segments: no customer of the matrix has a segment. Do the ids agree?")
    placed = names.notna().to_numpy()
    table, names = table.loc[placed], names[placed].astype("category").cat.remove_unused_categories()
    labels, found = names.cat.codes.to_numpy().astype(int), list(names.cat.categories)
    if len(found) < 2:
        raise DataError("describe_segments: there is one segment only, and nobody to compare it with.")
    rng = np.random.default_rng(seed)
    rows, notes = [], []
    for name in table.columns if features is None else features:
        if (topic := sensitive_topic(str(name))) and not include_sensitive:
            notes.append(f"{name} is left out: sensitive ({topic}). include_sensitive=True shows it in aggregate.")
            continue
        try:
            means = name in by_mean
            for row in _feature_rows(table[name], labels, len(found), min_group_size, level, rng, by_mean=means):
                rows.append(
                    {"segment": found[row.pop("number")], "feature": name, **row, "made_from": name in made_from}
                )
        except DataError as fault:
            notes.append(f"{name} is left out: {fault}")
    profile = pd.DataFrame(rows, columns=_COLUMNS)
    known = profile["p_value"].notna()
    profile.loc[known & profile["made_from"], "p_value"] = np.nan
    known &= ~profile["made_from"].astype(bool)
    if known.any():
        profile.loc[known, "p_adjusted"] = multipletests(profile.loc[known, "p_value"], method="fdr_bh")[1]
    clear = np.where(known, profile["p_adjusted"] < 1 - level, (profile["low"] > 0) | (profile["high"] < 0))
    profile["status"] = np.where(
        profile["effect"].isna(), "too_few", np.where(clear, "measured", "no_clear_difference")
    )
    order = profile.assign(
        place=profile["segment"].map({name: i for i, name in enumerate(found)}), size=-profile["effect"].abs()
    ).sort_values(["place", "size", "feature", "category"], kind="stable", na_position="last")
    if made_from:
        notes.append("No p-values for what the segments were made from: they differ in it by construction.")
    return SegmentProfiles(profile.loc[order.index].reset_index(drop=True), level, min_group_size, tuple(notes))


_COLUMNS = [
    *("segment", "feature", "category", "statistic", "above", "n", "n_others", "value", "value_others", "difference"),
    *("low", "high", "effect", "p_value", "p_adjusted", "made_from", "status"),
]


def _feature_rows(
    values: pd.Series, labels: np.ndarray, k: int, least: int, level: float, rng: np.random.Generator, *, by_mean: bool
) -> Iterator[dict[str, Any]]:
    """Yield one row per segment, and level of a category."""
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
            yes = (text == category).to_numpy()
            yield from _share_rows(yes, labels, k, least, level, {"category": category, "statistic": "share"})
        return
    numbers = as_numbers(values)
    smallest = float(numbers.min())
    # who orders often has bought of everything once, so that "any at all" would tell how often, not what
    by_mean |= str(values.name).startswith(CATEGORY_SHARE)
    if smallest == numbers.max():
        raise DataError("the same for all customers.")
    if set(np.unique(numbers[:1000])) <= {0.0, 1.0} and np.isin(numbers, (0.0, 1.0)).all():
        yield from _share_rows(numbers == 1, labels, k, least, level, {"category": "", "statistic": "share"})
    elif (numbers == smallest).mean() >= 0.5 and not by_mean:
        facts = {"category": "", "statistic": "share above", "above": smallest}
        yield from _share_rows(numbers > smallest, labels, k, least, level, facts)
    else:
        yield from _number_rows(numbers, labels, k, least, level, rng, by_mean=by_mean)


def _number_rows(
    numbers: np.ndarray,
    labels: np.ndarray,
    k: int,
    least: int,
    level: float,
    rng: np.random.Generator,
    *,
    by_mean: bool,
) -> Iterator[dict[str, Any]]:
    middle = np.median(numbers)
    # where many have the middle value, as in counts of orders, medians agree though the groups differ
    skewed = not by_mean and abs(float(stats.skew(numbers))) > SKEWED and (numbers == middle).mean() < TIED
    ranks = stats.rankdata(numbers)
    for number in range(k):
        inside = labels == number
        n, m = int(inside.sum()), int((~inside).sum())
        row = {"number": number, "category": "", "statistic": "median" if skewed else "mean", "n": n, "n_others": m}
        if min(n, m) >= max(least, 2):
            a, b = numbers[inside], numbers[~inside]
            measured = _medians(a, b, level, rng) if skewed else _means(a, b, level)
            effect = 2 * (ranks[inside].mean() - (n + 1) / 2) / m - 1
            row |= _figures(measured, effect)
        yield row


def _share_rows(
    yes: np.ndarray, labels: np.ndarray, k: int, least: int, level: float, facts: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for number in range(k):
        inside = labels == number
        n, m = int(inside.sum()), int((~inside).sum())
        a, b = int(yes[inside].sum()), int(yes[~inside].sum())
        row = {"number": number, "n": n, "n_others": m, **facts}
        enough = min(n, m) >= max(least, 1) and not any(0 < cell < least for cell in (a, n - a, b, m - b))
        if enough:
            row |= _figures(_shares(a, n, b, m, level), a / n - b / m)
        yield row


def _figures(measured: Measured, effect: float) -> dict[str, float]:
    value, others, low, high, p_value = measured
    return {
        "value": value, "value_others": others, "difference": value - others, "low": low, "high": high,
        "effect": effect, "p_value": p_value,
    }  # fmt: skip


def _means(a: np.ndarray, b: np.ndarray, level: float) -> Measured:
    """Welch: means, the interval of their difference, and p."""
    first, second = float(a.mean()), float(b.mean())
    if a.min() == a.max() and b.min() == b.max():  # no spread at all: what differs differs for certain
        return first, second, first - second, first - second, float(first == second)
    # by hand: scipy warns of lost precision where all of one side have the same
    parts = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    spread = math.sqrt(sum(parts))
    df = sum(parts) ** 2 / (parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
    reach, difference = float(stats.t.ppf((1 + level) / 2, df)) * spread, first - second
    return first, second, difference - reach, difference + reach, float(2 * stats.t.sf(abs(difference) / spread, df))


def _medians(a: np.ndarray, b: np.ndarray, level: float, rng: np.random.Generator) -> Measured:
    """Bootstrap: medians, the interval of their difference, and p."""
    difference = np.sort(median_draws(a, rng) - median_draws(b, rng))
    low, high = np.quantile(difference, [(1 - level) / 2, (1 + level) / 2])
    tail = min((difference <= 0).sum(), (difference >= 0).sum())
    p_value = min(1.0, 2 * (1 + int(tail)) / (DRAWS + 1))
    return float(np.median(a)), float(np.median(b)), float(low), float(high), p_value


def median_draws(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw medians of bootstrap samples: the median of n uniform numbers is Beta((n + 1) / 2, (n + 1) / 2)."""
    half = (len(values) + 1) / 2
    place = np.ceil(rng.beta(half, half, DRAWS) * len(values)).astype(int) - 1
    return np.sort(values)[np.clip(place, 0, len(values) - 1)]


def _shares(a: int, n: int, b: int, m: int, level: float) -> Measured:
    """Newcombe: shares, the interval of their difference, and p."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff", alpha=1 - level)
    pooled = (a + b) / (n + m)
    if pooled in (0.0, 1.0):
        p_value = 1.0
    elif min(n, m) * min(pooled, 1 - pooled) < 5:
        p_value = float(stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue)
    else:
        p_value = float(2 * stats.norm.sf(abs(a / n - b / m) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))))
    return a / n, b / m, float(low), float(high), p_value
