"""Groups of customers found in a matrix: named by value, explained, and applied to new customers."""

from __future__ import annotations

import string
from dataclasses import dataclass

import numpy as np
import pandas as pd

from custaudience.customers.segments.choosing_k import Method, by_customer, check_method, default_min_size
from custaudience.customers.segments.gower import find_medoids, mixed_distance
from custaudience.customers.segments.kmeans import SAMPLE, fast_kmeans, lloyd, nearest
from custaudience.customers.segments.preparation import Preparation, learn_preparation
from custaudience.errors import ColumnError, DataError, near_miss
from custaudience.stats.columns import as_numbers

FOR_MEDOIDS = 3_000
PLACED_AT_ONCE = 200_000


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
    method : {"kmeans", "gower"}
    value : str
        Column by which groups are named.
    inertia : float
        Sum of squared distances to the middles (k-means), or of distances to the typical customers.
    preparation : Preparation
    whales : DataFrame
        ``customer_id``, the value, ``segment``: customers beyond the point at which `value` is cut for the search,
        highest first. Ids: never to be published.
    whale_share : float
        Fraction of the sum of `value` that they bring.
    notes : tuple of str
    seed : int
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
    _middles: np.ndarray | tuple[np.ndarray, np.ndarray]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the segments, the most valuable first."""
        return tuple(self.table["segment"])

    def assign(self, matrix: pd.DataFrame) -> pd.Series:
        """Place customers in these groups by the same rules.

        Parameters
        ----------
        matrix : DataFrame, one row per customer
            With the columns that were used.

        Returns
        -------
        Series per ``customer_id``, sorted
            Ordered category; missing where the policy leaves a customer out. The customers the groups were made
            from get the same segment again.
        """
        table = by_customer(matrix)
        if absent := [name for name in self.preparation.features if name not in table]:
            raise ColumnError(f"customer matrix: columns {absent} are missing; the segments need them.")
        placed = self.preparation.usable(table)
        rows = table if placed.all() else table.loc[placed]
        return _named(table.index, placed, _place(self.preparation, rows, self._middles), self.names)


def segment_customers(
    matrix: pd.DataFrame,
    k: int,
    *,
    value: str = "revenue_total",
    method: Method = "kmeans",
    min_size: int | None = None,
    preparation: Preparation | None = None,
    seed: int = 0,
) -> CustomerSegments:
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
    seed : int

    Returns
    -------
    CustomerSegments

    Raises
    ------
    DataError
        If there are fewer customers than groups, categories with k-means, missing values without a policy, or all
        customers are alike and more than one group is asked for.
    ColumnError
        If `value` is not there.

    Notes
    -----
    Numbers are cut at four robust scales (`learn_preparation`) for the search, so that one very large customer makes no
    group of their own; those beyond it in `value` are listed as whales. k-means: see `fast_kmeans`. Typical
    customers are found among 3,000, all others go to the nearest.
    """
    if k < 1 or k > len(string.ascii_uppercase):
        raise ValueError(f"k: expected 1 to {len(string.ascii_uppercase)}, got {k}")
    table = by_customer(matrix)
    if value not in table:
        known = [str(column) for column in table]
        raise ColumnError(
            f"value: column {value!r} not found; it has {known}.{near_miss(value, known)} Segments are named by it."
        )
    preparation = preparation or learn_preparation(table)
    check_method(method, preparation)
    placed = preparation.usable(table)
    rows = table if placed.all() else table.loc[placed]
    if len(rows) < k:
        raise DataError(f"{len(rows):,} customers cannot form {k} groups. Ask for fewer, or choose_k which.")
    if k > 1 and not preparation.columns:
        raise DataError("all customers are alike in every column: there are no groups to find. Take k=1.")
    least = default_min_size(len(rows)) if min_size is None else min_size
    notes = list(preparation.notes)
    if not placed.all():
        notes.append(f"{int((~placed).sum()):,} of {len(table):,} customers are in no segment: a value is missing.")
    fit = _fit_mixed if method == "gower" else _fit_numbers
    middles, labels, inertia, given_up = fit(preparation, rows, k, least, seed)
    found = len(middles[0]) if isinstance(middles, tuple) else len(middles)
    if given_up:
        notes.append(
            f"{given_up} of {k} groups had fewer than {least:,} customers and were given up; their customers went to "
            "the nearest other group."
        )
    if found + given_up < k:
        notes.append(f"{k} groups asked for; customers differ in {found + given_up} ways only.")
    worth = as_numbers(rows[value])
    order = _by_value(worth, labels, found)
    rank = np.empty(found, dtype="int32")
    rank[order] = np.arange(found)
    names = tuple(string.ascii_uppercase[:found])
    segments = _named(table.index, placed, rank[labels], names)
    middles = tuple(part[order] for part in middles) if isinstance(middles, tuple) else middles[order]
    whales, whale_share = _whales(table[value], preparation, segments)
    if len(whales):
        notes.append(
            f"{len(whales):,} of {len(table):,} customers lie so far above the others in {value} that they were cut "
            f"for the search; they bring {whale_share:.1%} of it. They stand in `whales`."
        )
    summary = _summary(worth, rank[labels], names)
    return CustomerSegments(
        segments,
        summary,
        found,
        k,
        method,
        value,
        inertia,
        preparation,
        whales,
        whale_share,
        tuple(notes),
        seed,
        middles,
    )


def _fit_numbers(
    preparation: Preparation, rows: pd.DataFrame, k: int, least: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Return middles, labels, inertia, and how many groups were too small."""
    x = preparation.numbers(rows)
    fit = fast_kmeans(x, k, seed=seed, n_init=20 if len(x) <= SAMPLE else 10)
    asked = len(fit.centers)
    while len(fit.centers) > 1 and (size := np.bincount(fit.labels, minlength=len(fit.centers))).min() < least:
        fit = lloyd(x, np.delete(fit.centers, size.argmin(), axis=0))
    return fit.centers, fit.labels, fit.inertia, asked - len(fit.centers)


def _fit_mixed(
    preparation: Preparation, rows: pd.DataFrame, k: int, least: int, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, float, int]:
    """Return typical customers, labels, sum of distances, and how many groups were too small."""
    some = rows
    if len(rows) > FOR_MEDOIDS:
        some = rows.iloc[np.sort(np.random.default_rng(seed).choice(len(rows), FOR_MEDOIDS, replace=False))]
    coded = preparation.mixed(some)
    distance = mixed_distance(coded, coded)
    chosen = find_medoids(distance, k, seed=seed)
    different = np.unique(np.column_stack([part[chosen] for part in coded]), axis=0, return_index=True)[1]
    chosen = chosen[np.sort(different)]  # two medoids may be alike when few customers differ
    asked = len(chosen)
    while True:
        middles = (coded[0][chosen], coded[1][chosen])
        labels = _place(preparation, rows, middles)
        size = np.bincount(labels, minlength=len(chosen))
        if len(chosen) == 1 or size.min() >= least:
            break
        chosen = np.delete(chosen, size.argmin())
    cost = float(np.nanmin(distance[chosen], axis=0).mean()) * len(rows)
    return middles, labels, cost, asked - len(chosen)


def _place(
    preparation: Preparation, rows: pd.DataFrame, middles: np.ndarray | tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return the number of the nearest middle for each row."""
    if not isinstance(middles, tuple):
        return nearest(preparation.numbers(rows), middles)
    labels = np.zeros(len(rows), dtype="int32")
    for start in range(0, len(rows), PLACED_AT_ONCE):
        some = slice(start, start + PLACED_AT_ONCE)
        to = mixed_distance(preparation.mixed(rows.iloc[some]), middles)
        labels[some] = np.nan_to_num(to, nan=1.0).argmin(axis=1)
    return labels


def _by_value(worth: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Order groups by the mean of the value, highest first; then by size."""
    known = ~np.isnan(worth)
    count = np.bincount(labels[known], minlength=k)
    mean = np.bincount(labels[known], worth[known], k) / np.maximum(count, 1)
    return np.lexsort((-np.bincount(labels, minlength=k), np.where(count > 0, -mean, np.inf)))


def _named(index: pd.Index, placed: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> pd.Series:
    codes = np.full(len(index), -1, dtype="int8")
    codes[placed] = labels
    return pd.Series(pd.Categorical.from_codes(codes, list(names), ordered=True), index=index, name="segment")


def _summary(worth: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    total = np.nansum(worth)
    rows = []
    by_group = worth[np.argsort(labels.astype("int8"), kind="stable")]
    ends = np.bincount(labels, minlength=len(names)).cumsum()
    for name, part in zip(names, np.split(by_group, ends[:-1]), strict=True):
        known = part[~np.isnan(part)]
        middle = (float(known.mean()), float(np.median(known))) if len(known) else (np.nan, np.nan)
        rows.append((name, len(part), len(part) / len(worth), *middle, known.sum() / total if total > 0 else np.nan))
    columns = ["segment", "n", "share", "value_mean", "value_median", "value_share"]
    return pd.DataFrame(rows, columns=columns)


def _whales(worth: pd.Series, preparation: Preparation, segments: pd.Series) -> tuple[pd.DataFrame, float]:
    """Return the customers beyond the point at which the value is cut, and their share of its sum."""
    known = {column.name: column for column in preparation.columns}
    name = str(worth.name)
    if name not in known:
        try:
            known = {c.name: c for c in learn_preparation(worth.dropna().to_frame()).columns}
        except DataError:
            known = {}
    values = as_numbers(worth)
    beyond = values > known[name].fence() if name in known else np.zeros(len(values), dtype=bool)
    table = pd.DataFrame({"customer_id": worth.index[beyond], name: values[beyond], "segment": segments[beyond].values})
    total = np.nansum(values)
    share = float(values[beyond].sum() / total) if total > 0 else 0.0
    return table.sort_values(name, ascending=False, kind="stable", ignore_index=True), share
