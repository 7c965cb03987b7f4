"""Whether groups exist: fewer customers between them than in their middles, and the same groups found again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import norm

from custaudience.customers.segments.kmeans import nearest, sample_kmeans

WINDOW = 0.2  # half the width of a place on the line between two middles, as a share of its length
REPEATS = 5  # random halvings


@dataclass(frozen=True)
class Halves:
    """What `judge_halves` found for one number of groups.

    Attributes
    ----------
    strength, strength_se : float
        Prediction strength, mean over halvings, and its standard error.
    between : float
        Customers between the two groups that are least apart, per customer in the emptier middle.
    p_value : float
        Of "there is no valley between those two".
    """

    strength: float
    strength_se: float
    between: float
    p_value: float


def judge_halves(x: np.ndarray, k: int, *, seed: int, n_init: int = 3, repeats: int = REPEATS) -> Halves:
    """Find `k` groups in one random half of the customers and judge them on the other half.

    Parameters
    ----------
    x : float array of shape (n, d)
    k : int, 2 or more
    seed : int
    n_init : int
        Starts of k-means in each half.
    repeats : int
        Random halvings.

    Returns
    -------
    Halves

    Notes
    -----
    *Prediction strength* (Tibshirani and Walther 2005): of two customers of one group as their own half finds it,
    the share that the other half's groups leave together, in the worst group. It is high, too, where one long
    cloud is cut across: that groups are found again does not mean that they are there.

    *Valley.* On the line between the middles of two neighbouring groups, customers are counted at both ends and
    halfway (windows of equal length; customers off the line weigh less, by a normal curve as wide as the groups).
    In any log-concave cloud, and the normal, the uniform on a convex set, and the exponential are such, the count
    halfway is at least the smaller of the two ends (Prékopa 1973: marginals of log-concave densities are
    log-concave). So a count halfway that is clearly below both ends shows two groups. Middles come from one half,
    counts from the other; the halvings' z values are averaged, which is conservative. In the spirit of the
    ridgeline ratio of Hennig (2010).
    """
    rng = np.random.default_rng(seed)
    spread = spread_ties(x, rng)
    strengths, ratios, scores = [], [], []
    for _ in range(repeats):
        order = rng.permutation(len(x))
        halves = (order[: len(x) // 2], order[len(x) // 2 :])
        fits = [sample_kmeans(x[half], k, seed=seed, n_init=n_init) for half in halves]
        if any(len(centers) < k for centers, _ in fits):
            return Halves(0.0, 0.0, math.inf, 1.0)
        z = 0.0
        for (centers, _), (_, own), half in zip(fits, fits[::-1], halves[::-1], strict=True):
            strengths.append(prediction_strength(own, nearest(x[half], centers), k))
            ratio, score = worst_valley(spread[half], centers)
            ratios.append(ratio)
            z += score / math.sqrt(2)
        scores.append(z)
    spread_of = float(np.std(strengths) / math.sqrt(len(strengths)))
    return Halves(float(np.mean(strengths)), spread_of, float(np.median(ratios)), float(norm.sf(np.mean(scores))))


def prediction_strength(own: np.ndarray, predicted: np.ndarray, k: int) -> float:
    """Return the share of pairs of one group that stay together, in the worst group.

    Examples
    --------
    >>> prediction_strength(np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 0]), 2)  # 2 of 6 ordered pairs
    0.3333333333333333
    """
    together = np.zeros((k, k))
    np.add.at(together, (own, predicted), 1)
    size = together.sum(axis=1)
    pairs = (together * (together - 1)).sum(axis=1)
    return float(min((pairs / np.maximum(size * (size - 1), 1))[size > 1], default=0.0))


def worst_valley(x: np.ndarray, centers: np.ndarray) -> tuple[float, float]:
    """Return the ratio and the z of the neighbouring groups with the least valley between them.

    Neighbours are groups with no third one nearest to the point halfway (Gabriel and Sokal 1969).
    """
    label = nearest(x, centers)
    between, score = 0.0, math.inf
    for a, b in combinations(range(len(centers)), 2):
        halfway = (centers[a] + centers[b]) / 2
        if nearest(halfway[None], centers)[0] in (a, b):
            ratio, z = _valley(x, centers[a], centers[b], (label == a) | (label == b))
            between, score = max(between, ratio), min(score, z)
    return between, score


def _valley(x: np.ndarray, start: np.ndarray, end: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Return customers halfway per customer at the emptier end, and by how many standard errors they are fewer."""
    line = end - start
    length = float(line @ line)
    if not length:
        return math.inf, -math.inf
    off = x - start
    along = off @ line / length
    weight = np.ones(len(x))
    if (d := x.shape[1]) > 1:
        off_line = np.maximum((off**2).sum(axis=1) - along**2 * length, 0)
        # wide enough that about 40 % of a normal group count in any number of dimensions
        width = max(1, (d - 1) / 2) * off_line[inside].mean() / (d - 1) if inside.any() else 0.0
        weight = np.exp(-off_line / (2 * width)) if width else weight
    places = [weight[np.abs(along - place) < WINDOW] for place in (0, 0.5, 1)]
    (left, mid, right), noise = [p.sum() for p in places], [(p**2).sum() for p in places]
    if not min(left, right):
        return math.inf, -math.inf
    z = min((end - mid) / math.sqrt(var + noise[1]) for end, var in ((left, noise[0]), (right, noise[2])))
    return float(mid / min(left, right)), float(z)


def spread_ties(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Spread equal values evenly over the way to their neighbours, halfway each.

    Without it the gaps between 1, 2 and 3 orders would be valleys, and yes and no two groups.
    """
    spread = np.empty(x.shape)
    for j in range(x.shape[1]):
        values, place = np.unique(x[:, j], return_inverse=True)
        if len(values) == 1:
            spread[:, j] = values[0]
            continue
        step = np.diff(values.astype("float64"))
        below, above = np.concatenate([step[:1], step]) / 2, np.concatenate([step, step[-1:]]) / 2
        spread[:, j] = values[place] - below[place] + (below + above)[place] * rng.random(len(place))
    return spread
