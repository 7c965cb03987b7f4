"""Groups of customers found in a matrix: named by value, applied to new customers, found again when drawn anew."""

from __future__ import annotations

import math
import string
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from custaudience.customers.segments.grouping import (
    SAMPLE,
    fast_kmeans,
    find_medoids,
    lloyd,
    mixed_distance,
    nearest,
    sample_kmeans,
)
from custaudience.customers.segments.preparation import (
    Method,
    Preparation,
    by_customer,
    default_min_size,
    learn_preparation,
    prepared,
)
from custaudience.errors import ColumnError, DataError, near_miss
from custaudience.stats.contrast import as_numbers

FOR_MEDOIDS = 3_000
DISSOLVED, STABLE = 0.5, 0.75  # overlaps of a segment with its best match, the limits of Hennig (2007)
DRAWN_KMEANS, DRAWN_GOWER = 10_000, 1_000  # customers drawn from


@dataclass(frozen=True)
class CustomerSegments:
    """Groups, and what is needed to place others in them.

    Attributes
    ----------
    segments : Series
        Per ``customer_id``, sorted: ordered category, "A" = highest mean of `value`; missing = left out.
    table : DataFrame, one row per segment
        ``segment``, ``n``, ``share`` (of the customers placed), ``value_mean``, ``value_median``, ``value_share``
        (fraction of the sum of `value`; NaN when that sum is not positive).
    k, k_asked : int
        Groups that resulted, and that were asked for.
    method, value, preparation, seed
        Of `segment_customers`.
    inertia : float
        Sum of squared distances to the middles (k-means), or of distances to the typical customers.
    whales, whale_share : DataFrame, float
        ``customer_id``, the value, ``segment``: customers beyond the point at which `value` is cut for the search,
        highest first, and the fraction of its sum that they bring. Ids: never to be published.
    notes : tuple of str
    """

    segments: pd.Series
    table: pd.DataFrame
    k: int
    k_asked: int
    method: Method
    value: str
    inertia: float
    preparation: Preparation
    whales: pd.DataFrame
    whale_share: float
    notes: tuple[str, ...]
    seed: int
    _middles: np.ndarray | pd.DataFrame

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the segments, the most valuable first."""
        return tuple(self.table["segment"])

    def assign(self, matrix: pd.DataFrame) -> pd.Series:
        """Place customers in these groups by the same rules: those they were made from get the same one again.

        Returns an ordered category per ``customer_id``, sorted; missing where the policy leaves a customer out.
        """
        table = by_customer(matrix)
        if absent := [name for name in self.preparation.features if name not in table]:
            raise ColumnError(f"customer matrix: columns {absent} are missing; the segments need them.")
        placed = self.preparation.usable(table)
        rows = table if placed.all() else table.loc[placed]
        return _named(table.index, placed, _place(self.preparation, rows, self._middles), self.names)


def customers_with(
    segments: CustomerSegments | pd.Series, matrix: pd.DataFrame
) -> tuple[pd.DataFrame, pd.Series, tuple[str, ...]]:
    """Return the customers who have a segment, their segments, and what those were made from, as far as known."""
    table, made_from = by_customer(matrix), ()
    if isinstance(segments, CustomerSegments):
        segments, made_from = segments.segments, segments.preparation.features
    names = segments.reindex(table.index)
    placed = names.notna().to_numpy()
    return table.loc[placed], names[placed].astype("category").cat.remove_unused_categories(), made_from


def segment_customers(
    matrix: pd.DataFrame, k: int, *, value: str = "revenue_total", method: Method = "kmeans",
    min_size: int | None = None, preparation: Preparation | None = None, seed: int = 0,
) -> CustomerSegments:  # fmt: skip
    """Divide customers into `k` groups that are alike inside, named A, B, … by value.

    Parameters
    ----------
    matrix : DataFrame, one row per customer
        With ``customer_id`` as index or column.
    k : int
        Groups; ask `choose_k` first. 1 = everybody.
    value : str
        Numeric column by which groups are ordered; it need not be a feature.
    method : {"kmeans", "gower"}
        k-means for numbers; Gower's distance to typical customers for numbers and categories.
    min_size : int, optional
        Smallest group; by default 30 customers or 5 %, whichever is more. A smaller group is given up, its customers
        go to the nearest other one, and a note says so.
    preparation : Preparation, optional
        How columns enter; by default as `learn_preparation` says.

    Raises
    ------
    DataError, ColumnError
        If there are fewer customers than groups, categories with k-means, missing values without a policy, all
        customers are alike and more than one group is asked for, or `value` is not there.

    Notes
    -----
    Numbers are cut at four robust scales (`learn_preparation`) for the search, so that one very large customer makes no
    group of their own; those beyond it in `value` are listed as whales. k-means: see `fast_kmeans`. Typical
    customers are found among 3,000, all others go to the nearest.
    """
    if k < 1 or k > len(string.ascii_uppercase):
        raise ValueError(f"k: expected 1 to {len(string.ascii_uppercase)}, got {k}")
    table, preparation, placed = prepared(matrix, preparation, method)
    if value not in table:
        has = [str(column) for column in table]
        raise ColumnError(
            f"value: column {value!r} not found; it has {has}.{near_miss(value, has)} Segments are named by it."
        )
    rows = table if placed.all() else table.loc[placed]
    n, n_all = len(rows), len(table)
    if n < k:
        raise DataError(f"{n:,} customers cannot form {k} groups. Ask for fewer, or choose_k which.")
    if k > 1 and not preparation.columns:
        raise DataError("all customers are alike in every column: there are no groups to find. Take k=1.")
    least = default_min_size(n) if min_size is None else min_size
    notes = list(preparation.notes)
    if n < n_all:
        notes.append(f"{n_all - n:,} of {n_all:,} customers are in no segment: a value is missing.")
    fit = _fit_mixed if method == "gower" else _fit_numbers
    middles, labels, inertia, given_up = fit(preparation, rows, k, least, seed)
    found = len(middles)
    if given_up:
        notes.append(
            f"{given_up} of {k} groups had fewer than {least:,} customers and were given up; their customers went to "
            "the nearest other group."
        )
    if found + given_up < k:
        notes.append(f"{k} groups asked for; customers differ in {found + given_up} ways only.")
    summary = _summary(as_numbers(rows[value]), labels, found)
    order, names = np.asarray(summary.index), tuple(string.ascii_uppercase[:found])
    summary = summary.set_axis(names).rename_axis("segment").reset_index().astype({"segment": "str"})
    segments = _named(table.index, placed, order.argsort()[labels], names)
    whales, whale_share = _whales(table[value], preparation, segments)
    if len(whales):
        notes.append(
            f"{len(whales):,} of {n_all:,} customers lie so far above the others in {value} that they were cut "
            f"for the search; they bring {whale_share:.1%} of it. They stand in `whales`."
        )
    return CustomerSegments(
        segments, summary, found, k, method, value, inertia, preparation,
        whales, whale_share, tuple(notes), seed, middles.take(order, axis=0),
    )  # fmt: skip


def _fit_numbers(
    preparation: Preparation, rows: pd.DataFrame, k: int, least: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Return middles, labels, inertia, and how many groups were too small."""
    x = preparation.numbers(rows)
    fit = fast_kmeans(x, k, seed=seed, n_init=20 if len(x) <= SAMPLE else 10)
    asked = len(fit.centers)
    while len(fit.centers) > 1 and (size := np.bincount(fit.labels, minlength=len(fit.centers))).min() < least:
        fit = lloyd(x, np.delete(fit.centers, size.argmin(), axis=0))
    return *fit, asked - len(fit.centers)


def _fit_mixed(
    preparation: Preparation, rows: pd.DataFrame, k: int, least: int, seed: int
) -> tuple[pd.DataFrame, np.ndarray, float, int]:
    """Return typical customers, labels, sum of distances, and how many groups were too small."""
    some = rows
    if len(rows) > FOR_MEDOIDS:
        some = rows.iloc[np.sort(np.random.default_rng(seed).choice(len(rows), FOR_MEDOIDS, replace=False))]
    coded = preparation.mixed(some)
    distance = mixed_distance(coded)
    chosen = find_medoids(distance, k, seed=seed)
    different = np.unique(np.column_stack([part[chosen] for part in coded]), axis=0, return_index=True)[1]
    chosen = chosen[np.sort(different)]  # two medoids may be alike when few customers differ
    asked = len(chosen)
    while True:
        middles = some.iloc[chosen]
        labels = _place(preparation, rows, middles)
        size = np.bincount(labels, minlength=len(chosen))
        if len(chosen) == 1 or size.min() >= least:
            break
        chosen = np.delete(chosen, size.argmin())
    cost = float(np.nanmin(distance[chosen], axis=0).mean()) * len(rows)
    return middles, labels, cost, asked - len(chosen)


def _place(preparation: Preparation, rows: pd.DataFrame, middles: np.ndarray | pd.DataFrame) -> np.ndarray:
    """Return the number of the nearest middle, or typical customer, for each row."""
    if isinstance(middles, np.ndarray):
        return nearest(preparation.numbers(rows), middles)
    to = mixed_distance(preparation.mixed(rows), preparation.mixed(middles))
    return np.nan_to_num(to, nan=1.0).argmin(axis=1)


def _named(index: pd.Index, placed: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> pd.Series:
    codes = np.full(len(index), -1, dtype="int8")
    codes[placed] = labels
    return pd.Series(pd.Categorical.from_codes(codes, list(names), ordered=True), index=index, name="segment")


def _summary(worth: np.ndarray, labels: np.ndarray, k: int) -> pd.DataFrame:
    """Return a row per group: the highest mean of the value first, then the largest."""
    values = pd.Series(worth).groupby(pd.Categorical.from_codes(labels, range(k)), observed=False)
    n, total = values.size(), np.nansum(worth)
    table = pd.DataFrame(
        {"n": n, "share": n / len(worth), "value_mean": values.mean(), "value_median": values.median()}
    ).assign(value_share=values.sum() / total if total > 0 else np.nan)
    return table.sort_values(["value_mean", "n"], ascending=False)


def _whales(worth: pd.Series, preparation: Preparation, segments: pd.Series) -> tuple[pd.DataFrame, float]:
    """Return the customers beyond the point at which the value is cut, and their share of its sum."""
    name, values = str(worth.name), as_numbers(worth)
    columns = preparation.columns
    if name not in preparation.features:
        try:
            columns = learn_preparation(worth.dropna().to_frame()).columns
        except DataError:
            columns = ()
    fence = next((column.fence() for column in columns if column.name == name), math.inf)
    beyond = values > fence
    table = pd.DataFrame({"customer_id": worth.index[beyond], name: values[beyond], "segment": segments[beyond].values})
    total = np.nansum(values)
    share = float(values[beyond].sum() / total) if total > 0 else 0.0
    return table.sort_values(name, ascending=False, kind="stable", ignore_index=True), share


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
    n_runs, sampled, notes
        Runs, customers each drew from, and what a reader must know.
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
    segments, matrix
        The segments, and what they were made from; a DataError if that has other customers, or there is one segment.
    n_runs, seed : int
        Bootstrap runs.

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
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(seed)
    most = DRAWN_KMEANS if segments.method == "kmeans" else DRAWN_GOWER
    rows = np.flatnonzero(segments.segments.notna().to_numpy())
    if len(rows) > most:
        rows = np.sort(rng.choice(rows, most, replace=False))
    given = segments.segments.cat.codes.to_numpy()[rows].astype(int)
    some = table.iloc[rows]
    if segments.method == "kmeans":
        x = segments.preparation.numbers(some)
    else:
        distance = mixed_distance(segments.preparation.mixed(some))
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
    verdict = np.where(mean > STABLE, "stable", np.where(mean < DISSOLVED, "dissolved", "unsure"))
    result = segments.table[["segment", "n"]].assign(
        jaccard=mean, jaccard_low=low, jaccard_high=high, dissolved=(overlaps <= DISSOLVED).mean(axis=0),
        recovered=(overlaps >= STABLE).mean(axis=0), verdict=verdict,
    )  # fmt: skip
    ari = {"mean": agreement.mean(), "low": np.quantile(agreement, 0.05), "min": agreement.min()}
    notes = tuple(
        f"Segment {row.segment} is {'not found again' if row.verdict == 'dissolved' else 'found again in part'} when "
        f"other customers are drawn (overlap {row.jaccard:.2f}): build nothing on it alone."
        for row in result.itertuples()
        if row.verdict != "stable"
    )
    return SegmentStability(result, {k: float(v) for k, v in ari.items()}, n_runs, len(rows), notes)


def matched_jaccard(given: np.ndarray, found: np.ndarray, k: int) -> np.ndarray:
    """Return for each of `k` groups the overlap with the group matched to it; NaN for a group with nobody."""
    both = np.bincount(given * k + found, minlength=k * k).reshape(k, k)
    either = both.sum(axis=1)[:, None] + both.sum(axis=0) - both
    overlap = both / np.maximum(either, 1)
    row, column = linear_sum_assignment(overlap, maximize=True)
    result = np.full(k, np.nan)
    result[row] = overlap[row, column]
    return np.where(both.sum(axis=1) > 0, result, np.nan)
