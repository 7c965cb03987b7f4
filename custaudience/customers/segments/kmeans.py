"""k-means for many customers: starts on a sample, the finish on all rows."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

SAMPLE = 20_000
FOR_STARTS = 5_000
CHUNK = 16_384
FOR_THREADS = 12  # blocks; below, threads bring nothing
MOST_STEPS = 100
SETTLED = 1e-5  # relative fall of the inertia in a step on all rows, below which centres stand


@dataclass(frozen=True)
class KMeansFit:
    """Groups around their means.

    Attributes
    ----------
    centers : float64 array of shape (k, d)
    labels : int32 array of n
        Number of the nearest centre.
    inertia : float
        Sum of squared distances to it.
    """

    centers: np.ndarray
    labels: np.ndarray
    inertia: float


def fast_kmeans(x: np.ndarray, k: int, *, seed: int, n_init: int = 10, sample: int = SAMPLE) -> KMeansFit:
    """Fit k-means with many starts on a sample of the rows, then move the best centres on all rows until they stand.

    Parameters
    ----------
    x : float array of shape (n, d)
        No NaN. float32 with columns in one piece (``order="F"``) takes least time and memory.
    k : int, 1 to n
        Groups. Fewer result when there are fewer distinct rows.
    seed : int
    n_init : int
        Starts (k-means++) on the sample.
    sample : int
        Rows of the sample; with no more rows than that, all starts are on all of them, else on the first 5,000 of the
        sample.

    Returns
    -------
    KMeansFit

    Notes
    -----
    Lloyd's iterations (1982) from scikit-learn's starts after Arthur and Vassilvitskii (2007). The local optimum is
    chosen on 5,000 rows, so a group of which these hold fewer than about ten (one customer in 500) may be missed.
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
