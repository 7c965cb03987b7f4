"""Two ways to put rows into groups: around means (k-means), and around typical rows by Gower's distance."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import cycle
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata
from threadpoolctl import ThreadpoolController

from custaudience.customers.segments.preparation import Mixed, level_codes, side_by_side
from custaudience.errors import ColumnError, DataError, EmptyTableError
from custaudience.stats.contrast import as_numbers, kind_of

SAMPLE = 20_000
FOR_STARTS = 5_000
CHUNK = 16_384
FOR_THREADS = 12  # blocks; below, threads bring nothing
MOST_STEPS = 100
SETTLED = 1e-5  # relative fall of the inertia in a step on all rows, below which centres stand
MOST_PAIRS = 250_000_000  # a gigabyte
BLOCK = 2_000_000  # pairs compared at once


class KMeansFit(NamedTuple):
    """`centers` of shape (k, d), the number of each row's nearest one in `labels`, the sum of squares as `inertia`."""

    centers: np.ndarray
    labels: np.ndarray
    inertia: float


def fast_kmeans(x: np.ndarray, k: int, *, seed: int, n_init: int = 10, sample: int = SAMPLE) -> KMeansFit:
    """Fit k-means with `n_init` starts on a sample of the rows, then move the best centres on all until they stand.

    `x` has no NaN; float32 with columns in one piece (``order="F"``) takes least time and memory. Lloyd's iterations
    (1982) from scikit-learn's starts after Arthur and Vassilvitskii (2007). With more rows than `sample` the local
    optimum is chosen on 5,000, so a group of which these hold fewer than about ten (one customer in 500) may be missed.
    Fewer groups result when there are fewer distinct rows.
    """
    if k == 1:
        return lloyd(x, x.mean(axis=0, keepdims=True, dtype="float64"))
    if len(x) <= sample:
        return lloyd(x, sample_kmeans(x, k, seed=seed, n_init=n_init)[0])
    some = x[np.random.default_rng(seed).choice(len(x), sample, replace=False)]
    centers, _ = sample_kmeans(some[:FOR_STARTS], k, seed=seed, n_init=n_init)
    return lloyd(x, lloyd(some, centers).centers)  # few steps on few rows save some on all


def sample_kmeans(x: np.ndarray, k: int, *, seed: int, n_init: int) -> tuple[np.ndarray, np.ndarray]:
    """Return centres and labels of scikit-learn's k-means on few rows; fewer than `k` if fewer are distinct."""
    from sklearn.cluster import KMeans  # scikit-learn takes seconds to import: only where it is used

    if len(np.unique(x[: 50 * k], axis=0)) < k:
        k = min(k, len(np.unique(x, axis=0)))
    # threads cost more than they bring on so few rows, and very much where other work runs
    with _threads().limit(limits=1):
        fit = KMeans(k, n_init=n_init, random_state=seed, tol=1e-6).fit(np.ascontiguousarray(x))
    return fit.cluster_centers_.astype("float64"), fit.labels_


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all loaded libraries, so once


def lloyd(x: np.ndarray, centers: np.ndarray) -> KMeansFit:
    """Move centres to the means of their rows until the inertia hardly falls."""
    labels, inertia, means = _step(x, centers)
    for _ in range(MOST_STEPS if len(centers) > 1 else 0):
        moved = _step(x, means)
        settled = moved[1] >= inertia * (1 - SETTLED)
        if moved[1] < inertia:
            centers = means
            labels, inertia, means = moved
        if settled:
            break
    return KMeansFit(centers, labels, inertia)


def nearest(x: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the number of each row's nearest centre, the first of equals."""
    return _step(x, centers)[0]


def _step(x: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Return each row's nearest centre, the sum of squared distances, and the means of the rows of each centre.

    In blocks with customers as columns, in float64: a customer placed alone goes where they went among a million.
    Blocks are added up in their order, however many threads worked on them.
    """
    middle = centers.mean(axis=0)  # near zero less is lost to rounding
    shifted = centers - middle
    length = (shifted**2).sum(axis=1)[:, None]
    numbers = np.arange(len(centers))[:, None]

    def step(start: int) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
        block = x[start : start + CHUNK].T - middle[:, None]
        score = length - 2 * (shifted @ block)
        best, least = np.zeros(block.shape[1], dtype="int32"), score[0].copy()
        for number in range(1, len(score)):  # argmin across so few rows takes longer
            np.copyto(best, number, where=score[number] < least)
            np.minimum(least, score[number], out=least)
        inertia = float(np.einsum("ij,ij->", block, block) + least.sum())
        chosen = best == numbers
        return best, inertia, chosen.sum(axis=1), chosen.astype("float64") @ block.T

    starts = range(0, len(x), CHUNK)
    if len(starts) < FOR_THREADS:
        blocks = [step(start) for start in starts]
    else:  # numpy lets go of the interpreter while it computes
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool, _threads().limit(limits=1):
            blocks = list(pool.map(step, starts))
    labels, inertia, counts, sums = zip(*blocks, strict=True)
    count = np.sum(counts, axis=0)[:, None]
    means = np.where(count > 0, np.sum(sums, axis=0) / np.maximum(count, 1), shifted) + middle
    return np.concatenate(labels), max(math.fsum(inertia), 0.0), means


def gower_distance(
    table: pd.DataFrame, other: pd.DataFrame | None = None, *, weights: Mapping[str, float] | None = None
) -> np.ndarray:
    """Return how unlike customers are, from 0 (alike in all) to 1, with numbers and categories together.

    Parameters
    ----------
    table, other : DataFrame of n rows, of m rows
        Numbers and yes-no (distance: the difference as a share of the column's range), ordered categories (the same
        on their ranks), other categories and text (0 = the same, 1 = not). `other` has the same columns, and is
        `table` by default; ranges are over both.
    weights : mapping of column to weight, optional
        1 by default.

    Returns
    -------
    float32 array of shape (n, m)
        The weighted mean over the columns that both have; NaN where no column has a value for both.

    Raises
    ------
    EmptyTableError, DataError, ColumnError
        If there are no columns or no rows, more than 250 million pairs, infinite numbers, or other columns.

    Notes
    -----
    Gower (1971); ordered categories by their ranks as in Kaufman and Rousseeuw (1990). One number far from all
    others makes every other difference in its column small: cut it first (`learn_preparation` does).

    Examples
    --------
    >>> people = pd.DataFrame({"age": [20, 30, 60], "city": ["Kyiv", "Lviv", "Kyiv"]})
    >>> gower_distance(people).round(3).tolist()
    [[0.0, 0.625, 0.5], [0.625, 0.0, 0.875], [0.5, 0.875, 0.0]]
    """
    second = table if other is None else other
    if not len(table) or not len(second) or not len(table.columns):
        raise EmptyTableError("gower_distance: no rows or no columns to compare.")
    if list(second.columns) != list(table.columns):
        raise ColumnError(f"other: expected the columns {list(table.columns)}, got {list(second.columns)}")
    if unknown := set(weights or {}) - set(table.columns):
        raise ColumnError(f"weights: no column {sorted(map(str, unknown))}; there are {list(table.columns)}")
    if len(table) * len(second) > MOST_PAIRS:
        raise DataError(
            f"gower_distance: {len(table):,} x {len(second):,} distances do not fit. Take a sample, or use "
            "segment_customers(method='gower'), which needs only the distances of a sample."
        )
    numbers = [name for name in table if kind_of(table[name]) != "category"]
    categories = [name for name in table if name not in numbers]
    coded = {name: _coded(table[name], second[name]) for name in table}
    given = [(weights or {}).get(name, 1.0) for name in (*numbers, *categories)]

    def side(i: int, n: int) -> Mixed:
        first, last = ([coded[name][i] for name in names] for names in (numbers, categories))
        return side_by_side(first, n), side_by_side(last, n)

    return mixed_distance(side(0, len(table)), side(1, len(second)), np.array(given))


def _coded(a: pd.Series, b: pd.Series) -> list[np.ndarray]:
    """Return both columns as numbers in [0, 1] (NaN = missing), or as whole codes (-1 = missing)."""
    kind = kind_of(a)
    if kind == "number":
        both = np.concatenate([as_numbers(a), as_numbers(b)])
        known = both[~np.isnan(both)]
        if not np.isfinite(known).all():
            raise DataError(f"column {a.name!r} holds infinite values. Check divisions by zero where it is made.")
        least, span = (known.min(), np.ptp(known) or 1.0) if len(known) else (0.0, 1.0)
        return np.split((both - least) / span, [len(a)])
    levels = a.cat.categories if kind == "ordered" else pd.Index(pd.concat([a, b]).dropna().astype(object).unique())
    codes = [level_codes(values, levels) for values in (a, b)]
    if kind == "category":
        return codes
    return [np.where(code < 0, np.nan, code / max(len(levels) - 1, 1)) for code in codes]


def mixed_distance(a: Mixed, b: Mixed | None = None, weights: np.ndarray | None = None) -> np.ndarray:
    """Return Gower's distances, float32 of shape (n, m), between rows coded as `Preparation.mixed` codes them.

    NaN where two rows have no column in common. `weights` are of the numbers, then of the categories.
    """
    b = a if b is None else b
    n, m, p = len(a[0]), len(b[0]), a[0].shape[1]
    weight = np.ones(p + a[1].shape[1], "float32") if weights is None else np.asarray(weights, dtype="float32")
    numbers = [part[0].astype("float32") for part in (a, b)]
    gaps = any(np.isnan(part).any() for part in numbers) or any((part[1] < 0).any() for part in (a, b))
    result = np.empty((n, m), dtype="float32")
    for block in np.array_split(np.arange(n), max(1, math.ceil(n * m / BLOCK))):
        total = np.zeros((len(block), m), dtype="float32")
        known = np.zeros_like(total) if gaps else weight.sum()
        for j, w in enumerate(weight):
            if j < p:
                apart = np.abs(numbers[0][block, j, None] - numbers[1][None, :, j])
            else:
                x, y = a[1][block, j - p, None], b[1][None, :, j - p]
                apart = np.where((x < 0) | (y < 0), np.float32(np.nan), (x != y).astype("float32"))
            if gaps:
                known += w * ~np.isnan(apart)
                np.nan_to_num(apart, copy=False, nan=0.0)
            total += w * apart
        with np.errstate(invalid="ignore", divide="ignore"):
            result[block] = total / known
    return result


def cloud_without_groups(rows: Mixed, rng: np.random.Generator) -> np.ndarray:
    """Return Gower's distances in a cloud like `rows` without groups.

    Each number keeps its values and, by a normal copula, its rank correlations; categories are shuffled.
    """
    numbers, codes = (part.copy() for part in rows)
    n, p = numbers.shape
    if p:
        absent = np.isnan(numbers)
        ranks = norm.ppf((rankdata(np.where(absent, np.inf, numbers), axis=0) - 0.5) / n)
        ranks[absent] = 0
        with np.errstate(invalid="ignore", divide="ignore"):
            r = np.nan_to_num(np.corrcoef(ranks, rowvar=False).reshape(p, p))
        np.fill_diagonal(r, 1.0)
        drawn = rng.multivariate_normal(np.zeros(p), r, size=n, method="eigh")
        for j, column in enumerate(np.sort(numbers, axis=0).T):  # missing values sort last
            numbers[drawn[:, j].argsort(), j] = column
            if absent[:, j].any():
                _scatter_missing(numbers[:, j], rng)
    for j in range(codes.shape[1]):
        codes[:, j] = rng.permutation(codes[:, j])
    return mixed_distance((numbers, codes))


def _scatter_missing(column: np.ndarray, rng: np.random.Generator) -> None:
    """Put as many gaps at random places, and the values that stood there where the gaps were."""
    absent = np.isnan(column)
    gaps = rng.permutation(absent)
    column[absent & ~gaps] = column[gaps & ~absent]
    column[gaps] = np.nan


def find_medoids(distance: np.ndarray, k: int, *, seed: int, n_init: int = 3) -> np.ndarray:
    """Return the sorted numbers of the `k` rows to which the distances of all are smallest in sum; NaN counts as 1.

    Swaps after FasterPAM (Schubert and Rousseeuw 2021): any swap that lowers the sum is made at once, and all medoids
    that a candidate could replace are judged together. The result is a local optimum, the best of `n_init`.
    """
    distance = np.nan_to_num(distance, nan=1.0)
    if k == 1:
        return np.array([int(distance.sum(axis=0, dtype="float64").argmin())])
    rng = np.random.default_rng(seed)
    found = [_swap(distance, _spread_start(distance, k, rng), rng) for _ in range(n_init)]
    return np.sort(min(found, key=lambda chosen: float(distance[chosen].min(axis=0).sum(dtype="float64"))))


def _spread_start(distance: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Choose rows at random, far ones more likely."""
    chosen = [int(rng.integers(len(distance)))]
    while len(chosen) < k:
        chance = distance[chosen].min(axis=0).astype("float64") ** 2
        chance[chosen] = 0
        if not chance.sum():
            chance = np.ones(len(distance))
            chance[chosen] = 0
        chosen.append(int(rng.choice(len(distance), p=chance / chance.sum())))
    return np.array(chosen)


def _swap(distance: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Replace medoids by other rows as long as that lowers the sum."""
    n, k = len(distance), len(chosen)
    chosen = chosen.copy()
    first, second, nearest = _two_nearest(distance, chosen)
    since = 0
    for candidate in cycle(rng.permutation(n)):
        since += 1
        if since > n:
            break
        if candidate in chosen:
            continue
        to = distance[candidate]
        gain = np.minimum(to - first, 0)
        # what a medoid's rows lose when it goes: they fall to the second nearest or to the candidate
        loss = np.where(to < first, 0, np.minimum(to, second) - first)
        change = gain.sum() + np.bincount(nearest, loss, k)
        out = int(change.argmin())
        if change[out] < -1e-6:
            chosen[out] = candidate
            first, second, nearest = _two_nearest(distance, chosen)
            since = 0
    return chosen


def _two_nearest(distance: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distances to the nearest and second nearest medoid, and which is nearest."""
    to = distance[chosen].astype("float64")
    two = np.partition(to, 1, axis=0)
    return two[0], two[1], to.argmin(axis=0)


def silhouette(distance: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean silhouette width (Rousseeuw 1987), NaN distances counted as 1; 0 for a group of one.

    scikit-learn adds single precision up in another way: published figures would move in the ninth digit.
    """
    member = labels[:, None] == np.arange(int(labels.max()) + 1)
    size = member.sum(axis=0)
    if (size > 0).sum() < 2:
        return math.nan
    sums = np.nan_to_num(distance, nan=1.0) @ member.astype(distance.dtype)
    rows = np.arange(len(labels))
    own = sums[rows, labels] / np.maximum(size[labels] - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(size > 0, sums / size, np.inf)
    means[rows, labels] = np.inf
    other = means.min(axis=1)
    widest = np.maximum(own, other)
    width = np.where((size[labels] > 1) & (widest > 0), (other - own) / np.where(widest > 0, widest, 1), 0)
    return float(width.mean(dtype="float64"))
