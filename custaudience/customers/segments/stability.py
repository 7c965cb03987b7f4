"""Whether each segment is found again when other customers happen to be in the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from custaudience.customers.segments.choosing_k import by_customer
from custaudience.customers.segments.clusters import CustomerSegments
from custaudience.customers.segments.gower import find_medoids, mixed_distance
from custaudience.customers.segments.kmeans import nearest, sample_kmeans
from custaudience.errors import DataError

DISSOLVED, STABLE = 0.5, 0.75
FOR_KMEANS, FOR_GOWER = 10_000, 1_000


@dataclass(frozen=True)
class SegmentStability:
    """How well segments are found again.

    Attributes
    ----------
    table : DataFrame, one row per segment
        ``segment``, ``n``, ``jaccard`` (mean over runs of the overlap with the best matching group: customers in
        both / in either), ``jaccard_low`` and ``jaccard_high`` (5 % and 95 % of the runs), ``dissolved`` and
        ``recovered`` (share of runs with 0.5 or less, and with 0.75 or more), ``verdict`` ("stable" above 0.75,
        "dissolved" below 0.5, else "unsure").
    ari : dict of str to float
        Adjusted Rand index of whole divisions: ``mean``, ``low`` (5 % of the runs), ``min``.
    n_runs, sampled : int
        Runs, and customers each drew from.
    notes : tuple of str
    """

    table: pd.DataFrame
    ari: dict[str, float]
    n_runs: int
    sampled: int
    notes: tuple[str, ...]


def segment_stability(
    segments: CustomerSegments, matrix: pd.DataFrame, *, n_runs: int = 100, seed: int = 0
) -> SegmentStability:
    """Draw customers anew, find as many groups, and compare each segment with the group that matches it best.

    Parameters
    ----------
    segments : CustomerSegments
        Of `segment_customers`.
    matrix : DataFrame
        That the segments were made from.
    n_runs : int
        Bootstrap runs.
    seed : int

    Returns
    -------
    SegmentStability

    Raises
    ------
    DataError
        If there is one segment only, or the matrix has other customers.

    Notes
    -----
    Cluster-wise stability after Hennig (2007), with his limits 0.5 and 0.75; groups are matched one to one so that
    the Jaccard overlaps are largest in sum (Hungarian method). Customers drawn count once. At most 10,000 customers
    (1,000 with Gower's distance) are drawn from. How columns enter is not learned anew. A stable segment need not be
    a group apart: a long cloud is cut at the same place every time. `choose_k` asks for the valley between.

    It says how far the division depends on who happened to be in the data, not what next year's customers do.
    """
    if segments.k < 2:
        raise DataError("there is one segment only: nothing to find again. Stability is asked of two or more.")
    table = by_customer(matrix)
    if not table.index.equals(segments.segments.index):
        raise DataError("matrix: expected the customers that the segments were made from. Place others with assign.")
    rng = np.random.default_rng(seed)
    from sklearn.metrics import adjusted_rand_score

    most = FOR_KMEANS if segments.method == "kmeans" else FOR_GOWER
    rows = np.flatnonzero(segments.segments.notna().to_numpy())
    if len(rows) > most:
        rows = np.sort(rng.choice(rows, most, replace=False))
    given = segments.segments.cat.codes.to_numpy()[rows].astype(int)
    some = table.iloc[rows]
    if segments.method == "kmeans":
        x = segments.preparation.numbers(some)
    else:
        coded = segments.preparation.mixed(some)
        distance = mixed_distance(coded, coded)
    overlaps, agreement = np.full((n_runs, segments.k), np.nan), np.empty(n_runs)
    for run in range(n_runs):
        drawn = rng.integers(0, len(rows), len(rows))
        once = np.unique(drawn)
        if segments.method == "kmeans":
            centers, _ = sample_kmeans(x[drawn], segments.k, seed=seed + run, n_init=3)
            found = nearest(x[once], centers)
        else:
            chosen = drawn[find_medoids(distance[np.ix_(drawn, drawn)], segments.k, seed=seed + run, n_init=1)]
            found = distance[chosen][:, once].argmin(axis=0)
        overlaps[run] = matched_jaccard(given[once], found, segments.k)
        agreement[run] = adjusted_rand_score(given[once], found)
    mean = np.nanmean(overlaps, axis=0)
    low, high = np.nanquantile(overlaps, [0.05, 0.95], axis=0)
    result = pd.DataFrame(
        {
            "segment": segments.names,
            "n": segments.table["n"].to_numpy(),
            "jaccard": mean,
            "jaccard_low": low,
            "jaccard_high": high,
            "dissolved": (overlaps <= DISSOLVED).mean(axis=0),
            "recovered": (overlaps >= STABLE).mean(axis=0),
            "verdict": np.where(mean > STABLE, "stable", np.where(mean < DISSOLVED, "dissolved", "unsure")),
        }
    )
    ari = {"mean": agreement.mean(), "low": np.quantile(agreement, 0.05), "min": agreement.min()}
    notes = tuple(
        f"Segment {row.segment} is {'not found again' if row.verdict == 'dissolved' else 'found again in part'} when "
        f"other customers are drawn (overlap {row.jaccard:.2f}): build nothing on it alone."
        for row in result.itertuples()
        if row.verdict != "stable"
    )
    return SegmentStability(result, {k: float(v) for k, v in ari.items()}, n_runs, len(rows), notes)


def matched_jaccard(given: np.ndarray, found: np.ndarray, k: int) -> np.ndarray:
    """Return for each of `k` groups the overlap with the group matched to it; NaN for a group with nobody.

    Examples
    --------
    >>> matched_jaccard(np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 0]), 2).round(3).tolist()
    [0.667, 0.667]
    """
    both = np.zeros((k, k))
    np.add.at(both, (given, found), 1)
    either = both.sum(axis=1)[:, None] + both.sum(axis=0) - both
    overlap = both / np.maximum(either, 1)
    row, column = linear_sum_assignment(overlap, maximize=True)
    result = np.full(k, np.nan)
    result[row] = overlap[row, column]
    return np.where(both.sum(axis=1) > 0, result, np.nan)
