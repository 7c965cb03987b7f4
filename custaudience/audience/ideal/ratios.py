"""How many times as much, or as often: ratios of a group to the rest, with their intervals."""

from __future__ import annotations

import math
import warnings

import numpy as np
from scipy import stats

from custaudience.customers.segments.profiles import median_draws

Ratio = tuple[float, float, float]


def risk_ratio(a: int, n: int, b: int, m: int, *, level: float = 0.95) -> Ratio:
    """Estimate how many times as frequent something is in one group as in another.

    Parameters
    ----------
    a, n : int
        Who has it, of how many, in the group.
    b, m : int
        The same in the rest.
    level : float

    Returns
    -------
    ratio, low, high : float
        NaN when nobody of the rest has it: then only the difference can be told.

    Notes
    -----
    Score interval of Koopman (1984).

    Examples
    --------
    >>> [round(v, 2) for v in risk_ratio(36, 40, 16, 80)]
    [4.5, 2.94, 7.15]
    """
    if not (n and m and b):
        return math.nan, math.nan, math.nan
    from statsmodels.stats.proportion import confint_proportions_2indep

    with warnings.catch_warnings():  # its root search divides by 0 on the way where nobody has it
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = confint_proportions_2indep(
            a, n, b, m, method="score", compare="ratio", alpha=1 - level, correction=False
        )
    ratio = (a / n) / (b / m)
    return ratio, float(min(low, ratio)) if a else 0.0, float(max(high, ratio))


def mean_ratio(a: np.ndarray, b: np.ndarray, *, level: float = 0.95) -> Ratio:
    """Estimate how many times as large the mean of one group is as that of another.

    NaN unless both means are clearly above 0: a ratio to something that may be nothing says nothing.

    Notes
    -----
    Delta method on the logarithm of the ratio.

    Examples
    --------
    >>> [round(v, 2) for v in mean_ratio(np.array([4.0, 6.0, 5.0]), np.array([2.0, 3.0, 2.5]))]
    [2.0, 1.45, 2.75]
    """
    first, second = float(a.mean()), float(b.mean())
    errors = [values.std(ddof=1) / math.sqrt(len(values)) for values in (a, b)]
    if min(first, second) <= 0 or first < 2 * errors[0] or second < 2 * errors[1]:
        return math.nan, math.nan, math.nan
    half = float(stats.norm.ppf((1 + level) / 2)) * math.hypot(errors[0] / first, errors[1] / second)
    ratio = first / second
    return ratio, ratio * math.exp(-half), ratio * math.exp(half)


def median_ratio(a: np.ndarray, b: np.ndarray, *, level: float = 0.95, seed: int = 0) -> Ratio:
    """Estimate how many times as large the median of one group is as that of another, by bootstrap.

    NaN unless both medians are above 0 in every draw.
    """
    rng = np.random.default_rng(seed)
    first, second = median_draws(a, rng), median_draws(b, rng)
    if min(first.min(), second.min()) <= 0:
        return math.nan, math.nan, math.nan
    low, high = np.quantile(first / second, [(1 - level) / 2, (1 + level) / 2])
    ratio = float(np.median(a)) / float(np.median(b))
    return ratio, float(min(low, ratio)), float(max(high, ratio))
