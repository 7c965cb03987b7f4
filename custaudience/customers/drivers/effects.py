"""How strongly two things go together: effect sizes that do not flatter small samples, permutation, prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from scipy.optimize import brentq
from scipy.special import chndtr, fdtrc, ncfdtr, ndtri
from scipy.stats import rankdata

from custaudience.stats.intervals import Interval

PENALTY = 10.0  # of the ridge regression, in people without a difference
_CHUNK = 4_000_000  # numbers permuted at once
_ENOUGH = 10  # pairs that permutations matched so often are settled after the least number of them
_SAME = 1e-9  # statistics that differ by less than rounding are ties


def cramers_v(counts: np.ndarray, *, level: float = 0.95) -> Interval:
    """Estimate Cramér's V of a table of counts without empty rows or columns: 0 = nothing, 1 = one tells the other.

    Corrected for bias after Bergsma (2013), A bias-correction for Cramér's V and Tschuprow's T, J. Korean Statistical
    Society 42(3); limits by inverting the noncentral chi-square distribution (Smithson 2003, Confidence Intervals).
    """
    counts = np.asarray(counts, dtype="float64")
    n, (r, c) = counts.sum(), counts.shape
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    chi2, df = float(((counts - expected) ** 2 / expected).sum()), (r - 1) * (c - 1)
    corrected = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    estimate = min(1.0, np.sqrt(max(0.0, chi2 / n - df / (n - 1)) / corrected))
    low, high = _noncentral_limits(lambda nc: float(chndtr(chi2, df, nc)), level)
    low, high = (min(1.0, np.sqrt(nc / n / (min(r, c) - 1))) for nc in (low, high))
    return float(estimate), float(min(low, estimate)), float(max(high, estimate))


def epsilon_squared(values: np.ndarray, groups: np.ndarray, *, level: float = 0.95) -> Interval:
    """Estimate which share of the ranks' variance lies between groups, numbered from 0, each present; all equal: 0.

    Epsilon squared (Kelley 1935) of the ranks, ``(H - k + 1) / (n - k)`` with the H of Kruskal and Wallis, cut off at
    0, so that a few large spenders do not decide. Limits as in `share_between`: approximate, ranks are not normal.
    """
    ranks = rankdata(values)
    n, k = len(ranks), int(groups.max()) + 1
    centred = ranks - ranks.mean()
    total = float(centred @ centred)
    if total == 0:
        return 0.0, 0.0, 0.0
    sums = np.bincount(groups, weights=centred)
    return share_between(float((sums**2 / np.bincount(groups)).sum()) / total, k - 1, n, level=level)


def share_between(r2: float, df: int, n: int, *, level: float = 0.95) -> Interval:
    """Correct a share of variance for the `df` columns that explain it, cut off at 0; limits of the noncentral F."""
    rest = n - df - 1
    estimate = max(0.0, 1 - (1 - r2) * (n - 1) / rest)
    if r2 >= 1 - 1e-12:
        return 1.0, 1.0, 1.0
    f = r2 / df / ((1 - r2) / rest)
    low, high = (nc / (nc + n) for nc in _noncentral_limits(lambda nc: float(ncfdtr(df, rest, nc, f)), level))
    return estimate, min(low, estimate), max(high, estimate)


def share_explained(r2: float, df: int, n: int, *, level: float = 0.95) -> Interval:
    """Return a share of variance corrected for chance, which may be below 0, and the limits of the share.

    One column: Fisher's z of the correlation, as in `rank_correlation`; a share has no direction, so that limits
    on both sides of 0 begin at 0. Several columns: as `share_between`.
    """
    share = 1 - (1 - r2) * (n - 1) / (n - df - 1) if n > df + 1 else np.nan
    if n <= df + 2 or np.isnan(r2):
        return share, np.nan, np.nan
    if df > 1 or r2 >= 1 - 1e-12:
        return share, *share_between(min(r2, 1.0), df, n, level=level)[1:]
    r = np.sqrt(max(r2, 0.0))
    half = -ndtri((1 - level) / 2) * np.sqrt((1 + r2 / 2) / (n - 3))
    down, up = np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)
    estimate = max(0.0, 1 - (1 - r2) * (n - 1) / (n - 2))
    return share, float(min(max(down, 0.0) ** 2, estimate)), float(max(up**2, estimate))


def _noncentral_limits(cdf: Callable[[float], float], level: float) -> tuple[float, float]:
    """Return the noncentralities at which what was seen is just not too large, and just not too small."""
    limits = []
    for p in ((1 + level) / 2, (1 - level) / 2):
        if cdf(0.0) <= p:
            limits.append(0.0)
            continue
        upper = 1.0
        while cdf(upper) > p:
            upper *= 2
        limits.append(float(brentq(lambda nc, p=p: cdf(nc) - p, 0.0, upper, xtol=1e-6)))
    return limits[0], limits[1]


def area_under_curve(values: np.ndarray, yes: np.ndarray, *, level: float = 0.95) -> Interval:
    """Estimate how often one with yes has the larger value than one with no, ties counted half; two of each at least.

    Mann and Whitney (1947); variance after DeLong, DeLong and Clarke-Pearson (1988); limits on the logit scale.
    """
    high_, low_ = values[yes], values[~yes]
    m, n = len(high_), len(low_)
    ranks = rankdata(values)
    above = (ranks[yes] - rankdata(high_)) / n  # per yes: share of the no below it
    below = 1 - (ranks[~yes] - rankdata(low_)) / m
    auc = float(above.mean())
    variance = above.var(ddof=1) / m + below.var(ddof=1) / n
    if not 0 < auc < 1 or variance == 0:
        return auc, auc, auc
    logit, half = np.log(auc / (1 - auc)), -ndtri((1 - level) / 2) * np.sqrt(variance) / (auc * (1 - auc))
    low, high = (1 / (1 + np.exp(-(logit + s * half))) for s in (-1, 1))
    return auc, float(low), float(high)


def rank_correlation(x: np.ndarray, y: np.ndarray, *, level: float = 0.95) -> Interval:
    """Estimate Spearman's rank correlation; a constant gives 0, 0, 0.

    Limits by Fisher's z with the variance of Bonett and Wright (2000), ``(1 + rho**2 / 2) / (n - 3)``.
    """
    a, b = unit_columns(rankdata(x)), unit_columns(rankdata(y))
    rho = float(np.clip(a @ b, -1, 1))
    if not (a.any() and b.any()):
        return 0.0, 0.0, 0.0
    if abs(rho) > 1 - 1e-12:
        return rho, rho, rho
    half = -ndtri((1 - level) / 2) * np.sqrt((1 + rho**2 / 2) / (len(a) - 3))
    return round(rho, 12), float(np.tanh(np.arctanh(rho) - half)), float(np.tanh(np.arctanh(rho) + half))


def unit_columns(column: np.ndarray) -> np.ndarray:
    """Centre columns and scale them to length 1; a constant becomes 0."""
    centred = column - column.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    return centred / np.where(length > 1e-9 * max(1.0, float(np.abs(column).max(initial=0))), length, np.inf)


def level_basis(codes: np.ndarray, n_levels: int) -> np.ndarray:
    """Return one column of length 1 per level (n, k); with outcomes that are centred, their mean plays no part."""
    columns = np.eye(n_levels)[codes]
    return columns / np.sqrt(np.maximum(columns.sum(axis=0), 1))


def _means(columns: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Return each row's stratum mean."""
    n = np.bincount(strata)
    sums = np.stack([np.bincount(strata, weights=column) for column in columns.T], axis=1)
    return (sums / np.maximum(n, 1)[:, None])[strata]


def partial_share(block: np.ndarray, outcome: np.ndarray, strata: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Estimate the share of an outcome's variance within strata (ints from 0) that goes with some columns (n, k).

    Returns the share, corrected for the number of columns; the p-value of F (an analysis of covariance); NaN and 1.0
    when nothing is left to explain; and k slopes of the outcome on the columns, pooled over strata.
    """
    x = block - _means(block, strata)
    y = outcome - _means(outcome[:, None], strata)[:, 0]
    size, turn = np.linalg.eigh(x.T @ x)
    kept = size > 1e-9 * max(float((block.var(axis=0) * len(y)).sum()), 1e-300)
    total, df = float(y @ y), int(kept.sum())
    rest = len(y) - len(np.unique(strata)) - df
    if df == 0 or rest < 1 or total < 1e-12:
        return np.nan, 1.0, np.zeros(block.shape[1])
    along = turn[:, kept].T @ (x.T @ y)
    r2 = min(1.0, float((along**2 / size[kept]).sum()) / total)
    f = r2 / df / max((1 - r2) / rest, 1e-300)
    return 1 - (1 - r2) * (rest + df) / rest, float(fdtrc(df, rest, f)), turn[:, kept] @ (along / size[kept])


def permutation_p(
    blocks: Sequence[np.ndarray], outcomes: np.ndarray, *, rng: Generator, least: int, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test each block of columns (n, k) against each outcome (n, m) by permuting the outcomes.

    Blocks are orthonormal: from `level_basis`, or a centred column of length 1. `least` permutations for every pair,
    `most` for pairs whose p-value is still small after those. Returns the share of variance of the outcome that goes
    with the block, the p-value ``(matched + 1) / (n + 1)``, and the number of permutations, each (blocks, m).

    Phipson and Smyth (2010) for the + 1. Going on only where p is small stays valid: a p-value of at most
    ``alpha`` below ``(_ENOUGH + 1) / (least + 1)`` can only come from all `most` permutations, one above it is
    at most ``alpha`` only if that of the first `least` is. (In the spirit of Besag and Clifford 1991.)
    """
    n, m = outcomes.shape
    y = unit_columns(outcomes)
    starts = np.cumsum([0] + [block.shape[1] for block in blocks])[:-1]
    r2 = _explained(np.concatenate(blocks, axis=1), starts, y)
    matched = np.zeros((len(blocks), m), dtype="int64")
    done = np.zeros_like(matched)
    for until in (least, most):
        open_ = (matched < _ENOUGH) & (done < until)
        rows, columns = np.flatnonzero(open_.any(axis=1)), np.flatnonzero(open_.any(axis=0))
        if not len(rows):
            break
        some = [blocks[row] for row in rows.tolist()]
        x, begin = np.concatenate(some, axis=1), np.cumsum([0] + [block.shape[1] for block in some])[:-1]
        hits, did = np.zeros((len(rows), len(columns)), dtype="int64"), int(done[open_].min())
        limit = r2[np.ix_(rows, columns)] - _SAME
        while did < until:
            size = min(until - did, max(1, _CHUNK // (n * len(columns))))
            order = rng.permuted(np.broadcast_to(np.arange(n), (size, n)).copy(), axis=1)
            permuted = y[:, columns].take(np.ascontiguousarray(order.T), axis=0).reshape(n, -1)
            hits += (_explained(x, begin, permuted).reshape(len(rows), size, -1) >= limit[:, None, :]).sum(axis=1)
            did += size
        of = np.ix_(rows, columns)
        matched[of] = np.where(open_[of], matched[of] + hits, matched[of])
        done[of] = np.where(open_[of], until, done[of])
    return r2, (matched + 1) / (done + 1), done


def _explained(x: np.ndarray, starts: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the summed squared projections of the columns of y, (blocks, columns of y)."""
    return np.add.reduceat((x.T @ y) ** 2, starts, axis=0)


def cross_validated_gain(
    parts: Sequence[np.ndarray], wanted: Sequence[int], outcomes: np.ndarray, *, rng: Generator, n_repeats: int
) -> tuple[np.ndarray, np.ndarray]:
    """Measure how much better outcomes (n, m) are predicted for unseen people with a variable than without it.

    `parts` are the columns (n, k) of each variable, without missing values; `wanted` says which to measure. Returns,
    each (wanted, m), the out-of-sample R squared of the variable alone over that of the mean, and of all variables
    over that of all others: at or below 0 = does not help, NaN for a constant outcome. Ridge regression on standardised
    columns in 5 folds; yes-no outcomes are predicted linearly, so that R squared is the Brier skill score.
    """
    columns, ends = np.concatenate(parts, axis=1), np.cumsum([0] + [part.shape[1] for part in parts])
    n, p = columns.shape
    spread = columns.std(axis=0)
    x = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    alone = np.zeros((len(wanted), outcomes.shape[1]))
    added, total = np.zeros_like(alone), np.zeros(outcomes.shape[1])
    for _ in range(n_repeats):
        fold = rng.permutation(np.arange(n) % 5)
        for k in range(5):
            train, test = fold != k, fold == k
            centre, mean = x[train].mean(axis=0), outcomes[train].mean(axis=0)
            a, b = x[train] - centre, outcomes[train] - mean
            gram, cross = a.T @ a + PENALTY * np.eye(p), a.T @ b
            new, truth = x[test] - centre, outcomes[test] - mean
            inverse = np.linalg.inv(gram)
            weights = inverse @ cross
            left = truth - new @ weights
            nothing, full = (truth**2).sum(axis=0), (left**2).sum(axis=0)
            total += nothing
            for row, variable in enumerate(wanted):
                of = np.arange(ends[variable], ends[variable + 1])
                own = truth - new[:, of] @ np.linalg.solve(gram[np.ix_(of, of)], cross[of])
                alone[row] += nothing - (own**2).sum(axis=0)
                # the weights of a fit without these columns, from the fit with them
                lost = inverse[:, of] @ np.linalg.solve(inverse[np.ix_(of, of)], weights[of])
                added[row] += ((left + new @ lost) ** 2).sum(axis=0) - full
    base = np.where(total > 0, total, np.nan)
    return alone / base, added / base
