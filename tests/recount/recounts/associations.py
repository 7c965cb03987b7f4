"""How much of an outcome goes with a variable: shares explained with limits, tests, levels against all others."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq
from statsmodels.stats.proportion import confint_proportions_2indep

from recounts.features import Column, ranks

MIN_GROUP = 10


def groups_on(column: Column, used: pd.Index) -> tuple[np.ndarray, tuple[str, ...]]:
    """Codes of a category on some customers, rare levels put together, and their names."""
    codes = column.values[used].to_numpy(int)
    if column.type == "yes-no":
        return codes, column.levels
    counts = np.bincount(codes, minlength=len(column.levels))
    kept = np.flatnonzero(counts >= MIN_GROUP)
    new = np.full(len(column.levels), len(kept))
    new[kept] = np.arange(len(kept))
    codes = new[codes]
    return codes, tuple(column.levels[k] for k in kept) + (("other",) if (codes == len(kept)).any() else ())


def block_of(column: Column, used: pd.Index) -> np.ndarray:
    """A variable as columns: its ranks, or a column per level."""
    if column.ranked:
        return ranks(column.values[used])[:, None]
    codes, names = groups_on(column, used)
    return np.eye(len(names))[codes]


def response(values: pd.Series, yes_no: bool) -> np.ndarray:
    """An outcome as it is explained: 0 and 1, or ranks."""
    return values.to_numpy(float) if yes_no else ranks(values)


def share_explained(column: Column, y: np.ndarray, used: pd.Index) -> dict[str, float]:
    """Share of the variance of an outcome that goes with a variable, corrected for chance, with limits and F-test."""
    n, total = len(y), float(((y - y.mean()) ** 2).sum())
    if column.ranked:
        df, r2 = 1, float(np.corrcoef(ranks(column.values[used]), y)[0, 1] ** 2)
    else:
        codes, names = groups_on(column, used)
        df = max(len(names) - 1, 1)
        means = np.bincount(codes, y) / np.bincount(codes)
        r2 = float((np.bincount(codes) * (means - y.mean()) ** 2).sum() / total)
    share = 1 - (1 - r2) * (n - 1) / (n - df - 1)
    low, high = share_limits(r2, df, n)
    f = r2 / df / ((1 - r2) / (n - df - 1))
    return {"share": share, "low": low, "high": high, "p": float(stats.f.sf(f, df, n - df - 1)), "df": df, "r2": r2}


def share_limits(r2: float, df: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Limits of the share: Fisher's z for one column, else the noncentral F distribution turned round."""
    if df == 1:
        half = stats.norm.ppf((1 + level) / 2) * np.sqrt((1 + r2 / 2) / (n - 3))
        z, estimate = np.arctanh(np.sqrt(r2)), max(0.0, 1 - (1 - r2) * (n - 1) / (n - 2))
        low = max(float(np.tanh(z - half)), 0.0) ** 2
        return min(low, estimate), max(float(np.tanh(z + half)) ** 2, estimate)
    rest = n - df - 1
    estimate, f = max(0.0, 1 - (1 - r2) * (n - 1) / rest), r2 / df / ((1 - r2) / rest)
    ends = []
    for p in ((1 + level) / 2, (1 - level) / 2):

        def gap(nc: float, p: float = p) -> float:
            return float(stats.ncf.cdf(f, df, rest, nc) if nc else stats.f.cdf(f, df, rest)) - p

        upper = 1.0
        while gap(upper) > 0:
            upper *= 2
        nc = 0.0 if gap(0.0) <= 0 else brentq(gap, 1e-9, upper, xtol=1e-6)
        ends.append(nc / (nc + n))
    return min(ends[0], estimate), max(ends[1], estimate)


def strata(column: Column, used: pd.Index) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Groups of equals: levels, or about fifths of numbers and ordered levels; and what each is."""
    if column.type == "category":
        codes, names = groups_on(column, used)
        return codes, [{"level_name": name} for name in names]
    values = column.values[used].to_numpy(float)
    present = np.unique(values)
    if len(present) <= 5:
        named = [{"level_name": column.levels[int(v)]} if column.levels else {"upper": float(v)} for v in present]
        return np.searchsorted(present, values), named
    if column.levels:
        cuts = np.unique([*np.quantile(values, [0.2, 0.4, 0.6, 0.8], method="inverted_cdf"), present[-1]])
        codes = np.searchsorted(cuts, values)
        ends = [(values[codes == k].min(), values[codes == k].max()) for k in range(len(cuts))]
        names = [" … ".join(dict.fromkeys(column.levels[int(v)] for v in pair)) for pair in ends]
        return codes, [{"level_name": name} for name in names]
    cuts = np.unique(np.quantile(values, [0.2, 0.4, 0.6, 0.8]))
    named = [{"upper": cuts[0]}, *({"lower": a, "upper": b} for a, b in itertools.pairwise(cuts)), {"lower": cuts[-1]}]
    codes = np.searchsorted(cuts, values)
    found = np.unique(codes)
    return np.searchsorted(found, codes), [named[k] for k in found]


def gap(mine: np.ndarray, others: np.ndarray, yes_no: bool, level: float) -> tuple[float, float, float]:
    """Difference of two means or shares, with Welch's or Newcombe's interval."""
    difference = float(mine.mean() - others.mean())
    if yes_no:
        ends = confint_proportions_2indep(
            mine.sum(), len(mine), others.sum(), len(others), method="newcomb", alpha=1 - level
        )
        return difference, float(ends[0]), float(ends[1])
    interval = stats.ttest_ind(mine, others, equal_var=False).confidence_interval(level)
    return difference, float(interval.low), float(interval.high)


def partial(column: Column, y: np.ndarray, used: pd.Index, within: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Share explained within groups held fixed, its p-value (F), and the fitted slopes per column."""
    block = block_of(column, used)
    frame = pd.DataFrame(np.column_stack([block, y]))
    centred = (frame - frame.groupby(within).transform("mean")).to_numpy()
    x, target = centred[:, :-1], centred[:, -1]
    slopes, _, rank, size = np.linalg.lstsq(x, target, rcond=None)
    df = int((size**2 > 1e-9 * block.var(axis=0).sum() * len(y)).sum())
    rest = len(y) - len(np.unique(within)) - df
    if df == 0:
        return np.nan, 1.0, slopes
    slopes = np.linalg.pinv(x, rcond=np.sqrt(1e-9)) @ target if rank > df else slopes
    r2 = 1 - float(((target - x @ slopes) ** 2).sum() / (target**2).sum())
    return 1 - (1 - r2) * (rest + df) / rest, float(stats.f.sf(r2 / df / ((1 - r2) / rest), df, rest)), slopes


def predicts(column: Column, y: np.ndarray, used: pd.Index, *, repeats: int = 4, seed: int = 3) -> float:
    """R squared on customers not in the sample, by this variable alone: ridge regression, five folds."""
    block = block_of(column, used)
    x = (block - block.mean(axis=0)) / np.where(block.std(axis=0) > 0, block.std(axis=0), 1)
    rng, left, total = np.random.default_rng(seed), 0.0, 0.0
    for _ in range(repeats):
        fold = rng.permutation(np.arange(len(y)) % 5)
        for k in range(5):
            train, test = fold != k, fold == k
            centre, mean = x[train].mean(axis=0), y[train].mean()
            a = x[train] - centre
            weights = np.linalg.solve(a.T @ a + 10 * np.eye(a.shape[1]), a.T @ (y[train] - mean))
            left += float(((y[test] - mean - (x[test] - centre) @ weights) ** 2).sum())
            total += float(((y[test] - mean) ** 2).sum())
    return 1 - left / total


def least_seen(df: int, n: int) -> float:
    """The share that four of five such studies would find at 5 %."""
    limit = stats.chi2.isf(0.05, df)
    return float(brentq(lambda nc: stats.ncx2.cdf(limit, df, nc) - 0.2, 0.1, 1000)) / n
