"""k-means for many customers: starts on a sample, the finish on all rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

SAMPLE = 20_000
CHUNK = 16_384
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
        Rows of the sample; with no more rows than that, all starts are on all of them.

    Returns
    -------
    KMeansFit

    Notes
    -----
    Lloyd's iterations (1982) from scikit-learn's starts after Arthur and Vassilvitskii (2007). The local optimum is
    chosen on the sample, so a group of which the sample holds fewer than about ten may be missed.
    """
    if k == 1:
        return lloyd(x, x.mean(axis=0, keepdims=True, dtype="float64"))
    some = x
    if len(x) > sample:
        some = x[np.sort(np.random.default_rng(seed).choice(len(x), sample, replace=False))]
    return lloyd(x, sample_kmeans(some, k, seed=seed, n_init=n_init)[0])


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
    """
    k = len(centers)
    labels = np.empty(len(x), dtype="int32")
    sums, counts, inertia = np.zeros(centers.shape), np.zeros(k), 0.0
    middle = centers.mean(axis=0)  # near zero less is lost to rounding
    shifted = centers - middle
    length = (shifted**2).sum(axis=1)[:, None]
    for start in range(0, len(x), CHUNK):
        block = x[start : start + CHUNK].T - middle[:, None]
        score = length - 2 * (shifted @ block)
        best, least = labels[start : start + CHUNK], score[0].copy()
        best[:] = 0
        for number in range(1, k):  # argmin across so few rows takes longer
            np.copyto(best, number, where=score[number] < least)
            np.minimum(least, score[number], out=least)
        inertia += float(np.einsum("ij,ij->", block, block) + least.sum())
        chosen = best == np.arange(k)[:, None]
        counts += chosen.sum(axis=1)
        sums += chosen.astype("float64") @ block.T
    means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], shifted) + middle
    return labels, max(inertia, 0.0), means
