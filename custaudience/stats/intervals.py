"""Intervals of shares, means and ratios, bootstrap draws, and what many comparisons do to p-values."""

from __future__ import annotations

import math
import warnings

import numpy as np
from scipy import stats

DRAWS = 9_999
Interval = tuple[float, float, float]
"""A figure and the two ends of its interval."""
_NOT_KNOWN: Interval = (math.nan, math.nan, math.nan)


def share_interval(count: float, n: float, level: float = 0.95) -> Interval:
    """Return a share with Wilson's interval (1927); NaN of nobody."""
    from statsmodels.stats.proportion import proportion_confint

    if not n:
        return _NOT_KNOWN
    low, high = proportion_confint(count, n, alpha=1 - level, method="wilson")
    return count / n, float(low), float(high)


def share_difference(a: float, n: float, b: float, m: float, level: float = 0.95) -> Interval:
    """Return the difference of two shares, a of n less b of m, with Newcombe's interval (1998); NaN without others."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    if not n or not m:
        return _NOT_KNOWN
    low, high = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff", alpha=1 - level)
    return a / n - b / m, float(low), float(high)


def share_ratio(a: int, n: int, b: int, m: int, level: float = 0.95) -> Interval:
    """Return how many times as frequent something is, a of n against b of m, with Koopman's interval (1984).

    NaN when nobody of the others has it: then only the difference can be told.

    Examples
    --------
    >>> [round(v, 2) for v in share_ratio(36, 40, 16, 80)]
    [4.5, 2.94, 7.15]
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    if not (n and m and b):
        return _NOT_KNOWN
    with warnings.catch_warnings():  # its root search divides by 0 on the way where nobody has it
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = confint_proportions_2indep(
            a, n, b, m, method="score", compare="ratio", alpha=1 - level, correction=False
        )
    ratio = (a / n) / (b / m)
    return ratio, float(min(low, ratio)) if a else 0.0, float(max(high, ratio))


def mean_ratio(a: np.ndarray, b: np.ndarray, level: float = 0.95) -> Interval:
    """Return how many times as large one mean is as another, by the delta method on its logarithm.

    NaN unless both means are clearly above 0: a ratio to something that may be nothing says nothing.

    Examples
    --------
    >>> [round(v, 2) for v in mean_ratio(np.array([4.0, 6.0, 5.0]), np.array([2.0, 3.0, 2.5]))]
    [2.0, 1.45, 2.75]
    """
    first, second = float(a.mean()), float(b.mean())
    errors = [values.std(ddof=1) / math.sqrt(len(values)) for values in (a, b)]
    if min(first, second) <= 0 or first < 2 * errors[0] or second < 2 * errors[1]:
        return _NOT_KNOWN
    half = float(stats.norm.ppf((1 + level) / 2)) * math.hypot(errors[0] / first, errors[1] / second)
    ratio = first / second
    return ratio, ratio * math.exp(-half), ratio * math.exp(half)


def median_ratio(a: np.ndarray, b: np.ndarray, level: float = 0.95, seed: int = 0) -> Interval:
    """Return how many times as large one median is as another, by bootstrap; NaN unless all draws are above 0."""
    rng = np.random.default_rng(seed)
    first, second = median_draws(a, rng), median_draws(b, rng)
    if min(first.min(), second.min()) <= 0:
        return _NOT_KNOWN
    low, high = middle_of(first / second, level)
    ratio = float(np.median(a)) / float(np.median(b))
    return ratio, float(min(low, ratio)), float(max(high, ratio))


def mean_interval(values: np.ndarray, level: float, n_resamples: int, seed: int) -> np.ndarray:
    """Return the mean, and the ends of its bootstrap interval (percentiles over units)."""
    ordered, rng = np.sort(values), np.random.default_rng(seed)
    means = np.array([ordered[rng.integers(0, len(ordered), len(ordered))].mean() for _ in range(n_resamples)])
    return np.array([ordered.mean(), *middle_of(means, level)])


def median_draws(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw medians of bootstrap samples: the median of n uniform numbers is Beta((n + 1) / 2, (n + 1) / 2)."""
    half = (len(values) + 1) / 2
    place = np.ceil(rng.beta(half, half, DRAWS) * len(values)).astype(int) - 1
    return np.sort(values)[np.clip(place, 0, len(values) - 1)]


def middle_of(draws: np.ndarray, level: float) -> np.ndarray:
    """Return the two ends between which the middle `level` of the draws lies."""
    return np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])


def false_discovery_rates(p: np.ndarray, n_tests: int | None = None) -> np.ndarray:
    """Adjust p-values after Benjamini and Hochberg (1995); NaN stays NaN.

    With `n_tests` above the number of p-values the others count as found to be nothing (p = 1): so a list cut
    at a threshold does not look as if only its rows had been tried.

    Examples
    --------
    >>> false_discovery_rates(np.array([0.01, 0.04, np.nan])).round(3).tolist()
    [0.02, 0.04, nan]
    """
    p = np.asarray(p, dtype="float64")
    q = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    raw = p[order] * max(n_tests or 0, len(order)) / np.arange(1, len(order) + 1)
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return q
