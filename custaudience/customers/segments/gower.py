"""Distances between customers described by numbers and categories, and groups around typical customers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from custaudience.customers.segments.preparation import level_codes
from custaudience.errors import ColumnError, DataError, EmptyTableError
from custaudience.stats.columns import as_numbers, kind_of

MOST_PAIRS = 250_000_000  # a gigabyte
BLOCK = 2_000_000  # pairs compared at once


def gower_distance(
    table: pd.DataFrame, other: pd.DataFrame | None = None, *, weights: Mapping[str, float] | None = None
) -> np.ndarray:
    """Return how unlike customers are, from 0 (alike in all) to 1, with numbers and categories together.

    Parameters
    ----------
    table : DataFrame of n rows
        Numbers and yes-no (distance: the difference as a share of the column's range), ordered categories (the same
        on their ranks), other categories and text (0 = the same, 1 = not).
    other : DataFrame of m rows, optional
        With the same columns; `table` itself by default. Ranges are over both.
    weights : mapping of column to weight, optional
        1 by default.

    Returns
    -------
    float32 array of shape (n, m)
        The weighted mean over the columns that both have; NaN where no column has a value for both.

    Raises
    ------
    EmptyTableError
        If there are no columns or no rows.
    DataError
        If there are more than 250 million pairs, or a number is infinite.
    ColumnError
        If the tables have other columns, or `weights` names one that is not there.

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
    numbers: list[tuple[np.ndarray, np.ndarray, float]] = []
    codes: list[tuple[np.ndarray, np.ndarray, float]] = []
    for name in table:
        weight = 1.0 if weights is None else float(weights.get(str(name), 1.0))
        a, b, is_number = _coded(table[name], second[name])
        (numbers if is_number else codes).append((a, b, weight))
    parts = [np.column_stack([c[i] for c in group]) if group else None for group in (numbers, codes) for i in (0, 1)]
    first_numbers, second_numbers, first_codes, second_codes = parts
    none_a, none_b = np.empty((len(table), 0)), np.empty((len(second), 0))
    return mixed_distance(
        (none_a if first_numbers is None else first_numbers, none_a if first_codes is None else first_codes),
        (none_b if second_numbers is None else second_numbers, none_b if second_codes is None else second_codes),
        np.array([weight for *_, weight in numbers + codes]),
    )


def _coded(a: pd.Series, b: pd.Series) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return both columns as numbers in [0, 1] (NaN = missing) or as codes (-1 = missing)."""
    kind = kind_of(a)
    if kind == "number":
        first, second = as_numbers(a), as_numbers(b)
        both = np.concatenate([first, second])
        both = both[~np.isnan(both)]
        if not np.isfinite(both).all():
            raise DataError(f"column {a.name!r} holds infinite values. Check divisions by zero where it is made.")
        least, span = (both.min(), np.ptp(both) or 1.0) if len(both) else (0.0, 1.0)
        return (first - least) / span, (second - least) / span, True
    levels = a.cat.categories if kind == "ordered" else pd.Index(pd.concat([a, b]).dropna().astype(object).unique())
    first, second = level_codes(a, levels), level_codes(b, levels)
    if kind == "category":
        return first, second, False
    top = max(len(levels) - 1, 1)
    return np.where(first < 0, np.nan, first / top), np.where(second < 0, np.nan, second / top), True


def mixed_distance(
    a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray], weights: np.ndarray | None = None
) -> np.ndarray:
    """Return Gower's distances between two sets of rows that are coded already.

    Parameters
    ----------
    a, b : pair of arrays
        Numbers of shape (n, p) in [0, 1] with NaN, and codes of shape (n, q) with -1 = missing, as
        `Preparation.mixed` gives them.
    weights : array of p + q, optional

    Returns
    -------
    float32 array of shape (n, m)
        NaN where two rows have no column in common.
    """
    n, m = len(a[0]), len(b[0])
    weights = np.ones(a[0].shape[1] + a[1].shape[1]) if weights is None else weights
    weight = np.asarray(weights, dtype="float32")
    p = a[0].shape[1]
    numbers = tuple(part[0].astype("float32") for part in (a, b))
    gaps = np.isnan(numbers[0]).any() or np.isnan(numbers[1]).any() or (a[1] < 0).any() or (b[1] < 0).any()
    result = np.empty((n, m), dtype="float32")
    step = max(1, BLOCK // max(m, 1))
    for start in range(0, n, step):
        block = slice(start, min(start + step, n))
        total = np.zeros((block.stop - start, m), dtype="float32")
        known = np.zeros_like(total) if gaps else weight.sum()
        for j, w in enumerate(weight):
            if j < p:
                apart = np.abs(numbers[0][block, j, None] - numbers[1][None, :, j])
            else:
                x, y = a[1][block, j - p, None], b[1][None, :, j - p]
                apart = np.where((x < 0) | (y < 0), np.float32(np.nan), (x != y).astype("float32"))
            if gaps:
                absent = np.isnan(apart)
                known += w * ~absent
                apart[absent] = 0
            total += w * apart
        with np.errstate(invalid="ignore", divide="ignore"):
            result[block] = total / known
    return result


def find_medoids(distance: np.ndarray, k: int, *, seed: int, n_init: int = 3) -> np.ndarray:
    """Return the numbers of the `k` rows to which the distances of all are smallest in sum (k-medoids).

    Parameters
    ----------
    distance : array of shape (n, n)
        Symmetric; NaN counts as 1.
    k : int, 1 to n
    seed : int
    n_init : int
        Random starts; the best counts.

    Returns
    -------
    int array of k, sorted

    Notes
    -----
    Swaps after FasterPAM (Schubert and Rousseeuw 2021): any swap that lowers the sum is made at once, and all
    medoids that a candidate could replace are judged together. The result is a local optimum.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 10.0, 11.0, 12.0])
    >>> find_medoids(abs(x[:, None] - x), 2, seed=0).tolist()
    [1, 4]
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
    since, order = 0, rng.permutation(n)
    while since < n:
        for candidate in order:
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
    nearest = to.argmin(axis=0)
    two = np.partition(to, 1, axis=0)
    return two[0], two[1], nearest


def silhouette(distance: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean silhouette width of rows with known distances (Rousseeuw 1987); 0 for a group of one.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 10.0, 11.0])
    >>> round(silhouette(abs(x[:, None] - x), np.array([0, 0, 1, 1])), 3)
    0.9
    """
    k = int(labels.max()) + 1
    member = labels[:, None] == np.arange(k)
    size = member.sum(axis=0)
    if (size > 0).sum() < 2:
        return float("nan")
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
