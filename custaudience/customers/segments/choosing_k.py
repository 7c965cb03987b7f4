"""How many groups of customers there are, with "none" as a possible answer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import norm, rankdata

from custaudience.customers.segments.gower import find_medoids, mixed_distance, silhouette
from custaudience.customers.segments.kmeans import SAMPLE, nearest, sample_kmeans
from custaudience.customers.segments.preparation import Preparation, learn_preparation
from custaudience.customers.segments.separation import Halves, judge_halves, prediction_strength
from custaudience.errors import DataError

Method = Literal["kmeans", "gower"]
Mixed = tuple[np.ndarray, np.ndarray]
FOUND_AGAIN = 0.8  # prediction strength from which groups count as found again (Tibshirani and Walther 2005)
MOST_BETWEEN = 0.85  # two normal groups of equal size are then 2.7 standard deviations apart
ALPHA = 0.05
FOR_SILHOUETTE = 4_000
FOR_GOWER = 1_000
REFERENCES = 10  # uniform clouds for the gap statistic
NULLS = 39  # clouds without groups for mixed data: the least p is then 0.025


@dataclass(frozen=True)
class GroupCount:
    """The number of groups and why.

    Attributes
    ----------
    k : int
        1 = no groups.
    reason : str
        In words, in English.
    table : DataFrame, one row per number tried
        ``k``; ``smallest`` (customers in the smallest group, projected from the sample); ``prediction_strength``,
        ``strength_se``; ``between`` and ``p_value`` (see `Halves`; with Gower's distance: the mean distance to the
        typical customer as a share of what clouds without groups have, and the share of those clouds that have as
        small a one, NaN where it was not needed); ``silhouette``; ``gap``, ``gap_se`` (k-means only); ``eligible``;
        ``against`` (what speaks against, "" when eligible).
    method : {"kmeans", "gower"}
    min_size : int
    n : int
        Customers that could be used.
    sampled : int
        Of those, how many were looked at.
    preparation : Preparation
    """

    k: int
    reason: str
    table: pd.DataFrame
    method: Method
    min_size: int
    n: int
    sampled: int
    preparation: Preparation


def choose_k(
    matrix: pd.DataFrame,
    *,
    k_range: Iterable[int] = range(2, 13),
    seed: int = 0,
    method: Method = "kmeans",
    min_size: int | None = None,
    preparation: Preparation | None = None,
    sample: int = SAMPLE,
) -> GroupCount:
    """Find how many groups of customers there are; 1 when there is one cloud without groups in it.

    Parameters
    ----------
    matrix : DataFrame, one row per customer
        With ``customer_id`` as index or column.
    k_range : iterable of int, 2 or more
        Numbers to try. One group is always an answer.
    seed : int
    method : {"kmeans", "gower"}
        k-means for numbers; Gower's distance and typical customers for numbers and categories.
    min_size : int, optional
        Smallest group; by default 30 customers or 5 %, whichever is more.
    preparation : Preparation, optional
        How columns enter; by default as `learn_preparation` says.
    sample : int
        Customers looked at; with Gower's distance at most 1,000.

    Returns
    -------
    GroupCount

    Raises
    ------
    DataError
        If k-means is asked for with categories, or values are missing and no policy was given.
    EmptyTableError
        If there is no customer.
    ValueError
        If `k_range` has a number below 2.

    Notes
    -----
    The answer is the largest number at which (a) no group is too small, (b) a random half of the customers finds
    the groups of the other half (prediction strength 0.8 or more, within its standard error) and (c) there are
    clearly fewer customers between any two neighbouring groups than in their middles (`judge_halves`), p below 0.05.
    A single cloud, however long, skewed or uniform, has no valley and gets 1. The silhouette and the gap statistic
    (Tibshirani, Walther and Hastie 2001) are reported beside it; they decide nothing, since the silhouette knows no
    "none" and the gap statistic asks for round groups.

    With Gower's distance there is no line to count along. There (c) is: customers are nearer to the typical ones, by
    5 % or more, than in clouds in which numbers keep their distributions and rank correlations (a normal copula) and
    categories are unrelated to anything; and the silhouette is 0.25 or more (Kaufman and Rousseeuw 1990). That is
    weaker evidence: a category that goes along with a number may be enough.
    """
    tried = sorted(set(k_range))
    if not tried or tried[0] < 2:
        raise ValueError(f"k_range: expected numbers of 2 or more, got {tried}; one group is always an answer")
    table = by_customer(matrix)
    preparation = preparation or learn_preparation(table)
    check_method(method, preparation)
    rows = np.flatnonzero(preparation.usable(table))
    n, least = len(rows), default_min_size(len(rows)) if min_size is None else min_size
    most = min(sample, FOR_GOWER) if method == "gower" else sample
    if n > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    possible = [k for k in tried if k * least <= n and 4 * k <= len(rows)]
    found: list[dict[str, object]] = []
    if preparation.columns and possible:
        some = table.iloc[rows]
        if method == "gower":
            found = _mixed_rows(preparation.mixed(some), possible, n, least, seed)
        else:
            found = _number_rows(preparation.numbers(some), possible, n, least, seed)
    columns = ["k", "smallest", *_HALVES, "silhouette", "gap", "gap_se", "eligible", "against"]
    judged = pd.DataFrame(found, columns=columns)
    k = int(judged.loc[judged["eligible"].astype(bool), "k"].max()) if judged["eligible"].any() else 1
    reason = _reason(judged, k, n, least, tried, preparation, method)
    return GroupCount(k, reason, judged, method, least, n, len(rows), preparation)


_HALVES = ("prediction_strength", "strength_se", "between", "p_value")


def default_min_size(n: int) -> int:
    """Return the smallest group worth a name: 30 customers or 5 %, whichever is more."""
    return max(30, math.ceil(0.05 * n))


def by_customer(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return the matrix with unique customers as index, sorted, so that the order of rows changes nothing.

    Raises
    ------
    DataError
        If a customer comes twice or has no id.
    """
    table = matrix.set_index("customer_id") if "customer_id" in matrix else matrix
    if table.index.dtype == "str":  # as a study gives them: pandas would make each id an object to find this out
        ids = pa.array(table.index)
        if pc.all(pc.less(ids[:-1], ids[1:]), skip_nulls=False).as_py():
            return table
    if table.index.hasnans or not table.index.is_unique:
        raise DataError("customer matrix: customer_id is missing or comes twice. Give one row per customer.")
    return table if table.index.is_monotonic_increasing else table.sort_index()


def check_method(method: Method, preparation: Preparation) -> None:
    """Refuse k-means for categories and "pairwise" for k-means."""
    if method not in ("kmeans", "gower"):
        raise ValueError(f"method: expected 'kmeans' or 'gower', got {method!r}")
    if method == "kmeans" and preparation.categories:
        raise DataError(
            f"k-means needs numbers; {', '.join(preparation.categories)} hold categories. Take method='gower', or "
            "leave them out and describe the groups by them afterwards."
        )
    if method == "kmeans" and preparation.missing == "pairwise":
        raise DataError("missing='pairwise' goes with method='gower' only. Take 'drop' or 'indicator' for k-means.")


def _number_rows(x: np.ndarray, tried: list[int], n: int, least: int, seed: int) -> list[dict[str, object]]:
    """Judge numbers of groups by k-means."""
    from sklearn.metrics import pairwise_distances

    some = x[:: max(1, math.ceil(len(x) / FOR_SILHOUETTE))]
    distance = pairwise_distances(some)
    gap, gap_se = _gap(some[::2], tried, seed)
    rows = []
    for k in tried:
        centers, labels = sample_kmeans(x, k, seed=seed, n_init=5)
        if len(centers) < k:
            break  # so many different customers there are not
        smallest = round(float(np.bincount(labels, minlength=k).min()) * n / len(x))
        halves = judge_halves(x, k, seed=seed)
        width = silhouette(distance, nearest(some, centers))
        rows.append(_row(k, smallest, least, halves, width, gap[k], gap_se[k]))
    return rows


def _row(
    k: int, smallest: int, least: int, halves: Halves, width: float, gap: float, gap_se: float
) -> dict[str, object]:
    against = []
    if smallest < least:
        against.append(f"a group of {smallest:,}")
    if halves.strength + halves.strength_se < FOUND_AGAIN:
        against.append(f"not found again in another half (prediction strength {halves.strength:.2f})")
    if halves.between > MOST_BETWEEN or halves.p_value >= ALPHA:
        against.append(f"no clear valley between two of them ({halves.between:.2f} between per 1 in the middle)")
    named = dict(zip(_HALVES, asdict(halves).values(), strict=True))
    facts = {"silhouette": width, "gap": gap, "gap_se": gap_se}
    return {"k": k, "smallest": smallest, **named, **facts, "eligible": not against, "against": "; ".join(against)}


def _gap(x: np.ndarray, tried: list[int], seed: int) -> tuple[dict[int, float], dict[int, float]]:
    """Return the gap statistic and its standard error, against uniform clouds along the principal axes."""
    rng = np.random.default_rng(seed)
    centred = x - x.mean(axis=0, dtype="float64")
    turned = centred @ np.linalg.svd(centred, full_matrices=False)[2].T
    low, high = turned.min(axis=0), turned.max(axis=0)
    clouds = [turned, *(rng.uniform(low, high, turned.shape) for _ in range(REFERENCES))]
    gap, se = {}, {}
    for k in tried:
        logs = np.array([_log_within(cloud.astype("float32"), k, seed) for cloud in clouds])
        gap[k] = float(logs[1:].mean() - logs[0])
        se[k] = float(logs[1:].std() * math.sqrt(1 + 1 / REFERENCES))
    return gap, se


def _log_within(x: np.ndarray, k: int, seed: int) -> float:
    centers, labels = sample_kmeans(x, k, seed=seed, n_init=1)
    return math.log(max(float(((x - centers[labels]) ** 2).sum()), 1e-12))


def _mixed_rows(rows: Mixed, tried: list[int], n: int, least: int, seed: int) -> list[dict[str, object]]:
    """Judge numbers of groups by Gower's distance; the largest possible ones are held against clouds first."""
    distance = mixed_distance(rows, rows)
    rng = np.random.default_rng(seed)
    clouds: list[np.ndarray] = []
    judged: list[dict[str, object]] = []
    for k in sorted(tried, reverse=True):
        chosen = find_medoids(distance, k, seed=seed)
        labels = distance[chosen].argmin(axis=0)
        smallest = round(float(np.bincount(labels, minlength=k).min()) * n / len(distance))
        strengths = [_mixed_strength(distance, k, rng, seed) for _ in range(5)]
        strength, se = float(np.mean(strengths)), float(np.std(strengths) / math.sqrt(len(strengths)))
        width, ratio, p_value = silhouette(distance, labels), math.nan, math.nan
        found_again = smallest >= least and strength + se >= FOUND_AGAIN and width >= 0.25
        if found_again and not any(row["eligible"] for row in judged):
            clouds = clouds or [cloud_without_groups(rows, rng) for _ in range(NULLS)]
            without = np.array([_cost(cloud, k, seed) for cloud in clouds])
            ratio = _cost(distance, k, seed) / without.mean()
            p_value = (1 + (without <= _cost(distance, k, seed)).sum()) / (NULLS + 1)
        row = _row(k, smallest, least, Halves(strength, se, ratio, p_value), width, math.nan, math.nan)
        against = [row["against"]] if row["against"] else []
        if found_again and not (ratio <= 0.95 and p_value < ALPHA) and not math.isnan(ratio):
            against = ["hardly nearer to typical customers than without groups"]
        if width < 0.25:
            against.append(f"silhouette {width:.2f}")
        unneeded = found_again and math.isnan(ratio)
        judged.append(row | {"eligible": not against and not unneeded, "against": "; ".join(map(str, against))})
    return judged[::-1]


def _mixed_strength(distance: np.ndarray, k: int, rng: np.random.Generator, seed: int) -> float:
    order = rng.permutation(len(distance))
    a, b = order[: len(order) // 2], order[len(order) // 2 :]
    first = a[find_medoids(distance[np.ix_(a, a)], k, seed=seed)]
    second = b[find_medoids(distance[np.ix_(b, b)], k, seed=seed)]
    return min(
        prediction_strength(distance[second][:, b].argmin(axis=0), distance[first][:, b].argmin(axis=0), k),
        prediction_strength(distance[first][:, a].argmin(axis=0), distance[second][:, a].argmin(axis=0), k),
    )


def _cost(distance: np.ndarray, k: int, seed: int) -> float:
    """Return the mean distance to the nearest typical customer, as a share of that to the one of all."""
    one, many = (distance[find_medoids(distance, number, seed=seed, n_init=1)] for number in (1, k))
    return float(many.min(axis=0).mean() / max(one.mean(), 1e-12))


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
        for j in range(p):
            numbers[drawn[:, j].argsort(), j] = np.sort(np.where(absent[:, j], np.nan, numbers[:, j]))
            if absent[:, j].any():  # missing values sort last: scatter them
                numbers[:, j] = _scatter_missing(numbers[:, j], rng)
    for j in range(codes.shape[1]):
        codes[:, j] = rng.permutation(codes[:, j])
    return mixed_distance((numbers, codes), (numbers, codes))


def _scatter_missing(column: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put as many gaps at random places, and the values that stood there where the gaps were."""
    absent = np.isnan(column)
    gaps = rng.permutation(absent)
    scattered = np.where(gaps, np.nan, column)
    scattered[absent & ~gaps] = column[gaps & ~absent]
    return scattered


def _reason(
    judged: pd.DataFrame, k: int, n: int, least: int, tried: list[int], preparation: Preparation, method: Method
) -> str:
    """Say in words why."""
    if not preparation.columns:
        return "No groups: all customers are alike in every column."
    if judged.empty and min(tried) * least > n:
        return f"No groups looked for: {n:,} customers cannot form {min(tried)} groups of {least:,} or more."
    if judged.empty:
        return f"No groups looked for: {n:,} customers are too few, or too many of them are alike."
    others = _others(judged, method)
    if k == 1:
        closest = judged.sort_values(["prediction_strength"], ascending=False).iloc[0]
        return (
            f"No groups: at every number from {judged['k'].min()} to {judged['k'].max()} something speaks against it. "
            f"At {closest['k']}, where groups are found again best: {closest['against']}. {others}"
        )
    row = judged[judged["k"] == k].iloc[0]
    apart = (
        f"between any two neighbouring groups there are at most {row['between']:.2f} customers per 1 in their middles"
        if method == "kmeans"
        else f"customers are {1 - row['between']:.0%} nearer to the typical ones than in clouds without groups"
    )
    return (
        f"{k} groups, the largest number at which {apart} (p = {row['p_value']:.2g}), another half of the customers "
        f"gives the same groups (prediction strength {row['prediction_strength']:.2f}) and none is smaller than "
        f"{least:,} (smallest: {row['smallest']:,}). {others}"
    )


def _others(judged: pd.DataFrame, method: Method) -> str:
    """Say where the criteria point that decide nothing."""
    widest = judged.loc[judged["silhouette"].fillna(-1).idxmax()]
    said = f"The silhouette is highest at {widest['k']} ({widest['silhouette']:.2f})"
    if method == "gower":
        return said + "."
    gap, se, ks = (judged[c].to_numpy() for c in ("gap", "gap_se", "k"))
    stands = np.flatnonzero(gap[:-1] >= gap[1:] - se[1:])
    return said + (
        f"; the gap statistic says {ks[stands[0]]}." if len(stands) else "; the gap statistic settles nowhere."
    )
