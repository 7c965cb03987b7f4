"""How many groups of customers there are, with "none" as a possible answer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from custaudience.customers.segments.grouping import (
    SAMPLE,
    cloud_without_groups,
    find_medoids,
    mixed_distance,
    nearest,
    sample_kmeans,
    silhouette,
)
from custaudience.customers.segments.preparation import Method, Mixed, Preparation, default_min_size, prepared

FOUND_AGAIN = 0.8  # prediction strength from which groups count as found again (Tibshirani and Walther 2005)
MOST_BETWEEN = 0.85  # two normal groups of equal size are then 2.7 standard deviations apart
ALPHA = 0.05
FOR_SILHOUETTE = 4_000
FOR_GOWER = 1_000
REFERENCES = 10  # uniform clouds for the gap statistic
NULLS = 39  # clouds without groups for mixed data: the least p is then 0.025
WINDOW = 0.2  # half the width of a place on the line between two middles, as a share of its length
REPEATS = 5  # random halvings


@dataclass(frozen=True)
class GroupCount:
    """The number of groups and why.

    Attributes
    ----------
    k, reason : int, str
        1 = no groups; why, in English.
    table : DataFrame, one row per number tried
        ``k``; ``smallest`` (customers in the smallest group, projected from the sample); ``prediction_strength``,
        ``strength_se``; ``between`` and ``p_value`` (see `judge_halves`; with Gower's distance: the mean distance to
        the typical customer as a share of what clouds without groups have, and the share of those clouds that have as
        small a one, NaN where it was not needed); ``silhouette``; ``gap``, ``gap_se`` (k-means only); ``eligible``;
        ``against`` (what speaks against, "" when eligible).
    n, sampled : int
        Customers that could be used, and how many of those were looked at.
    method, min_size, preparation
        Of `choose_k`.
    """

    k: int
    reason: str
    table: pd.DataFrame
    method: Method
    min_size: int
    n: int
    sampled: int
    preparation: Preparation


class Halves(NamedTuple):
    """What `judge_halves` found for a number of groups."""

    prediction_strength: float
    strength_se: float
    between: float
    p_value: float


def choose_k(
    matrix: pd.DataFrame, *, k_range: Iterable[int] = range(2, 13), seed: int = 0, method: Method = "kmeans",
    min_size: int | None = None, preparation: Preparation | None = None,
) -> GroupCount:  # fmt: skip
    """Find how many groups of customers there are; 1 when there is one cloud without groups in it.

    Parameters
    ----------
    matrix : DataFrame, one row per customer
        With ``customer_id`` as index or column.
    k_range : iterable of int, 2 or more
        Numbers to try. One group is always an answer.
    seed, method, min_size, preparation
        Of `segment_customers`.

    Raises
    ------
    DataError, EmptyTableError
        If k-means is asked for with categories, values are missing and no policy was given, or nobody is there.

    Notes
    -----
    The answer is the largest number at which (a) no group is too small, (b) a random half of the customers finds
    the groups of the other half (prediction strength 0.8 or more, within its standard error) and (c) there are
    clearly fewer customers between any two neighbouring groups than in their middles (`judge_halves`), p below 0.05.
    A single cloud, however long, skewed or uniform, has no valley and gets 1. The silhouette and the gap statistic
    (Tibshirani, Walther and Hastie 2001) are reported beside it; they decide nothing, since the silhouette knows no
    "none" and the gap statistic asks for round groups. At most 20,000 customers are looked at.

    With Gower's distance (1,000 customers) there is no line to count along. There (c) is: customers are nearer to the
    typical ones, by 5 % or more, than in clouds in which numbers keep their distributions and rank correlations (a
    normal copula) and categories are unrelated to anything; and the silhouette is 0.25 or more (Kaufman and Rousseeuw
    1990). That is weaker evidence: a category that goes along with a number may be enough.
    """
    tried = sorted(set(k_range))
    if not tried or tried[0] < 2:
        raise ValueError(f"k_range: expected numbers of 2 or more, got {tried}; one group is always an answer")
    table, preparation, placed = prepared(matrix, preparation, method)
    rows = np.flatnonzero(placed)
    n, least = len(rows), default_min_size(len(rows)) if min_size is None else min_size
    most = min(SAMPLE, FOR_GOWER) if method == "gower" else SAMPLE
    if n > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    possible = [k for k in tried if k * least <= n and 4 * k <= len(rows)]
    found: list[dict[str, Any]] = []
    if preparation.columns and possible:
        some = table.iloc[rows]
        if method == "gower":
            found = _mixed_rows(preparation.mixed(some), possible, n, least, seed)
        else:
            found = _number_rows(preparation.numbers(some), possible, n, least, seed)
    for row in found:  # with Gower's distance `between` is only known of the largest numbers
        row |= {"eligible": not row["against"] and not math.isnan(row["between"]), "against": "; ".join(row["against"])}
    columns = ["k", "smallest", *Halves._fields, "silhouette", "gap", "gap_se", "eligible", "against"]
    judged = pd.DataFrame(found, columns=columns)
    k = max((row["k"] for row in found if row["eligible"]), default=1)
    count = GroupCount(k, "", judged, method, least, n, len(rows), preparation)
    return replace(count, reason=_reason(count, min(tried)))


def _number_rows(x: np.ndarray, tried: list[int], n: int, least: int, seed: int) -> list[dict[str, Any]]:
    """Judge numbers of groups by k-means."""
    from sklearn.metrics import pairwise_distances

    some = x[:: max(1, math.ceil(len(x) / FOR_SILHOUETTE))]
    distance = pairwise_distances(some)
    gaps = _gap(some[::2], tried, seed)
    rows = []
    for k in tried:
        centers, labels = sample_kmeans(x, k, seed=seed, n_init=5)
        if len(centers) < k:
            break  # so many different customers there are not
        smallest = round(float(np.bincount(labels, minlength=k).min()) * n / len(x))
        halves = judge_halves(x, k, seed=seed)
        facts = {"silhouette": silhouette(distance, nearest(some, centers)), **gaps[k]}
        against = _against(smallest, least, halves)
        rows.append({"k": k, "smallest": smallest, **halves._asdict(), **facts, "against": against})
    return rows


def _against(smallest: int, least: int, halves: Halves) -> list[str]:
    against = []
    if smallest < least:
        against.append(f"a group of {smallest:,}")
    if halves.prediction_strength + halves.strength_se < FOUND_AGAIN:
        against.append(f"not found again in another half (prediction strength {halves.prediction_strength:.2f})")
    if halves.between > MOST_BETWEEN or halves.p_value >= ALPHA:
        against.append(f"no clear valley between two of them ({halves.between:.2f} between per 1 in the middle)")
    return against


def _gap(x: np.ndarray, tried: list[int], seed: int) -> dict[int, dict[str, float]]:
    """Return the gap statistic and its standard error, against uniform clouds along the principal axes."""
    rng = np.random.default_rng(seed)
    centred = x - x.mean(axis=0, dtype="float64")
    turned = centred @ np.linalg.svd(centred, full_matrices=False)[2].T
    low, high = turned.min(axis=0), turned.max(axis=0)
    clouds = [turned, *(rng.uniform(low, high, turned.shape) for _ in range(REFERENCES))]
    gaps = {}
    for k in tried:
        own, *others = (_log_within(cloud.astype("float32"), k, seed) for cloud in clouds)
        se = np.std(others) * math.sqrt(1 + 1 / REFERENCES)
        gaps[k] = {"gap": float(np.mean(others) - own), "gap_se": float(se)}
    return gaps


def _log_within(x: np.ndarray, k: int, seed: int) -> float:
    centers, labels = sample_kmeans(x, k, seed=seed, n_init=1)
    return math.log(max(float(((x - centers[labels]) ** 2).sum()), 1e-12))


def judge_halves(x: np.ndarray, k: int, *, seed: int, n_init: int = 3) -> Halves:
    """Find `k` groups in one random half of the customers and judge them on the other half.

    *Prediction strength* (Tibshirani and Walther 2005): of two customers of one group as their own half finds it, the
    share that the other half's groups leave together, in the worst group. It is high, too, where one long cloud is cut.

    *Valley.* On the line between two neighbouring middles, customers are counted at both ends and halfway (in windows
    of equal length; those off the line weigh less, by a normal curve as wide as the groups). In any log-concave cloud
    (normal, exponential, uniform on a convex set) the count halfway is at least the smaller of the two ends (Prékopa
    1973), so one clearly below both shows two groups. ``between``: customers halfway per customer in the emptier
    middle, of the two groups least apart; ``p_value``: of "there is no valley between those two". Middles come from
    one half, counts from the other; the halvings' z values are averaged, which is conservative. After the ridgeline
    ratio of Hennig (2010).
    """
    rng = np.random.default_rng(seed)
    spread = spread_ties(x, rng)
    strengths, ratios, scores = [], [], []
    for _ in range(REPEATS):
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
    return Halves(*_mean_and_error(strengths), float(np.median(ratios)), float(norm.sf(np.mean(scores))))


def _mean_and_error(values: list[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values) / math.sqrt(len(values)))


def prediction_strength(own: np.ndarray, predicted: np.ndarray, k: int) -> float:
    """Return the share of pairs of one group that stay together, in the worst group (of ordered pairs)."""
    together = np.bincount(own * k + predicted, minlength=k * k).reshape(k, k)
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
        half = np.diff(values.astype("float64")) / 2
        below, above = np.pad(half, (1, 0), mode="edge"), np.pad(half, (0, 1), mode="edge")
        spread[:, j] = values[place] - below[place] + (below + above)[place] * rng.random(len(place))
    return spread


def _mixed_rows(rows: Mixed, tried: list[int], n: int, least: int, seed: int) -> list[dict[str, Any]]:
    """Judge numbers of groups by Gower's distance; the largest possible ones are held against clouds first."""
    distance = mixed_distance(rows)
    rng = np.random.default_rng(seed)
    clouds: list[np.ndarray] = []
    judged: list[dict[str, Any]] = []
    settled = False
    for k in sorted(tried, reverse=True):
        labels = distance[find_medoids(distance, k, seed=seed)].argmin(axis=0)
        smallest = round(float(np.bincount(labels, minlength=k).min()) * n / len(distance))
        strength, se = _mean_and_error([_mixed_strength(distance, k, rng, seed) for _ in range(REPEATS)])
        width, ratio, p_value = silhouette(distance, labels), math.nan, math.nan
        found_again = smallest >= least and strength + se >= FOUND_AGAIN and width >= 0.25
        if found_again and not settled:
            clouds = clouds or [cloud_without_groups(rows, rng) for _ in range(NULLS)]
            cost, without = _cost(distance, k, seed), np.array([_cost(cloud, k, seed) for cloud in clouds])
            ratio, p_value = cost / without.mean(), (1 + (without <= cost).sum()) / (NULLS + 1)
        halves = Halves(strength, se, ratio, p_value)
        against = _against(smallest, least, halves)
        if found_again and not (ratio <= 0.95 and p_value < ALPHA) and not math.isnan(ratio):
            against = ["hardly nearer to typical customers than without groups"]
        if width < 0.25:
            against.append(f"silhouette {width:.2f}")
        settled = settled or not (against or math.isnan(ratio))
        judged.append({"k": k, "smallest": smallest, **halves._asdict(), "silhouette": width, "against": against})
    return judged[::-1]


def _mixed_strength(distance: np.ndarray, k: int, rng: np.random.Generator, seed: int) -> float:
    order = rng.permutation(len(distance))
    a, b = order[: len(order) // 2], order[len(order) // 2 :]
    first = a[find_medoids(distance[np.ix_(a, a)], k, seed=seed)]
    second = b[find_medoids(distance[np.ix_(b, b)], k, seed=seed)]
    by_first, by_second = (distance[medoids].argmin(axis=0) for medoids in (first, second))
    return min(prediction_strength(by_second[b], by_first[b], k), prediction_strength(by_first[a], by_second[a], k))


def _cost(distance: np.ndarray, k: int, seed: int) -> float:
    """Return the mean distance to the nearest typical customer, as a share of that to the one of all."""
    one, many = (distance[find_medoids(distance, number, seed=seed, n_init=1)] for number in (1, k))
    return float(many.min(axis=0).mean() / max(one.mean(), 1e-12))


def _reason(count: GroupCount, first: int) -> str:
    """Say in words why; `first` is the smallest number of groups asked for."""
    table, n, least = count.table, count.n, count.min_size
    if not count.preparation.columns:
        return "No groups: all customers are alike in every column."
    if table.empty and first * least > n:
        return f"No groups looked for: {n:,} customers cannot form {first} groups of {least:,} or more."
    if table.empty:
        return f"No groups looked for: {n:,} customers are too few, or too many of them are alike."
    others = _others(table, count.method)
    if count.k == 1:
        closest = table.sort_values(["prediction_strength"], ascending=False).iloc[0]
        return (
            f"No groups: at every number from {table['k'].min()} to {table['k'].max()} something speaks against it. "
            f"At {closest['k']}, where groups are found again best: {closest['against']}. {others}"
        )
    row = table[table["k"] == count.k].iloc[0]
    apart = (
        f"between any two neighbouring groups there are at most {row['between']:.2f} customers per 1 in their middles"
        if count.method == "kmeans"
        else f"customers are {1 - row['between']:.0%} nearer to the typical ones than in clouds without groups"
    )
    return (
        f"{count.k} groups, the largest number at which {apart} (p = {row['p_value']:.2g}), another half of the "
        f"customers gives the same groups (prediction strength {row['prediction_strength']:.2f}) and none is smaller "
        f"than {least:,} (smallest: {row['smallest']:,}). {others}"
    )


def _others(judged: pd.DataFrame, method: Method) -> str:
    """Say where the criteria point that decide nothing."""
    widest = judged.loc[judged["silhouette"].fillna(-1).idxmax()]
    said = f"The silhouette is highest at {widest['k']} ({widest['silhouette']:.2f})"
    if method == "gower":
        return said + "."
    gap, se, ks = (judged[c].to_numpy() for c in ("gap", "gap_se", "k"))
    stands = np.flatnonzero(gap[:-1] >= gap[1:] - se[1:])
    where = f"says {ks[stands[0]]}" if len(stands) else "settles nowhere"
    return f"{said}; the gap statistic {where}."
