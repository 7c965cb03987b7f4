"""What is done to a customer matrix before groups are looked for: learned once, and applied to new customers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from custaudience.customers.features.attributes import sensitive_topic
from custaudience.errors import ColumnError, DataError, EmptyTableError, near_miss
from custaudience.stats.contrast import as_numbers, kind_of

Method = Literal["kmeans", "gower"]
Missing = Literal["refuse", "drop", "indicator", "pairwise"]
Scale = Literal["robust", "standard", "none"]
Mixed = tuple[np.ndarray, np.ndarray]
"""Numbers in [0, 1] with NaN, and codes of categories with -1 = missing: what enters Gower's distance."""
SKEWED = 2.0  # skewness above which a column is put on a log scale
SAME = 0.999  # correlation from which two columns say the same
MANY_LEVELS = 50
MOST_MISSING = 0.5  # share of customers without a value above which groups would follow who answered
LIMIT = 4.0  # robust scales from the middle at which numbers are cut: no single customer pulls groups to themselves
ENOUGH = 200_000  # customers from which middle and scale are learned


@dataclass(frozen=True)
class PreparedColumn:
    """How a column enters: a number as (x - centre) / scale, cut at plus and minus `limit`.

    `logged`: x is sign(x) * log(1 + abs(x)). `low`, `high`: the smallest and largest value that entered, after all
    this. `levels`: of a category. `missing`: customers without a value.
    """

    name: str
    kind: Literal["number", "category", "ordered"]
    logged: bool = False
    centre: float = 0.0
    scale: float = 1.0
    limit: float = math.inf
    low: float = 0.0
    high: float = 0.0
    levels: tuple = ()
    missing: int = 0

    def enter(self, values: np.ndarray) -> np.ndarray:
        """Return numbers as they enter; NaN stays NaN."""
        entered = (signed_log(values) if self.logged else values) - self.centre
        entered /= self.scale
        return np.clip(entered, -self.limit, self.limit, out=entered)

    def fence(self) -> float:
        """Return the raw value above which a number is cut."""
        edge = self.centre + self.scale * self.limit
        return math.copysign(math.expm1(min(abs(edge), 700.0)), edge) if self.logged else edge


@dataclass(frozen=True)
class Preparation:
    """What `learn_preparation` learned.

    Attributes
    ----------
    columns, missing : tuple of PreparedColumn, str
        Those used, in the order of the table; the policy.
    left_out, notes : dict of column to reason, tuple of str
        What does not enter; what a reader must know, in English.
    """

    columns: tuple[PreparedColumn, ...]
    missing: Missing
    left_out: dict[str, str]
    notes: tuple[str, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns used."""
        return tuple(column.name for column in self.columns)

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of those that are no numbers."""
        return tuple(column.name for column in self.columns if column.kind != "number")

    def usable(self, table: pd.DataFrame) -> np.ndarray:
        """Return which customers of `table` can be placed; refuse gaps where the policy is "refuse"."""
        absent = {name: table[name].isna().to_numpy() for name in self.features if table[name].hasnans}
        if absent and self.missing == "refuse":
            raise DataError(_refusal({name: int(gone.sum()) for name, gone in absent.items()}, len(table)))
        if not absent or (self.missing != "drop" and len(absent) < len(self.features)):
            return np.ones(len(table), dtype=bool)
        without = np.logical_or if self.missing == "drop" else np.logical_and
        return ~without.reduce(list(absent.values()))

    def numbers(self, table: pd.DataFrame) -> np.ndarray:
        """Return the numeric columns as they enter k-means: float32 of shape (n, d), no NaN.

        With "indicator" a missing number stands at the middle, and a further column says that it was missing.
        """
        entering = [column for column in self.columns if column.kind == "number"]
        flagged = [column for column in entering if self.missing == "indicator" and column.missing]
        matrix = np.empty((len(table), len(entering) + len(flagged)), dtype="float32", order="F")
        for j, column in enumerate(entering):
            matrix[:, j] = column.enter(as_numbers(table[column.name]))
            if column.missing or self.missing != "refuse":
                np.nan_to_num(matrix[:, j], copy=False, nan=0.0)
        for j, column in enumerate(flagged, start=len(entering)):
            matrix[:, j] = table[column.name].isna()
        return matrix

    def mixed(self, table: pd.DataFrame) -> Mixed:
        """Return what enters Gower's distance; a level not there when this was learned is a level of its own."""
        numbers, codes = [], []
        for column in self.columns:
            if column.kind == "number":
                span = (column.high - column.low) or 1.0
                numbers.append(np.clip((column.enter(as_numbers(table[column.name])) - column.low) / span, 0.0, 1.0))
                continue
            code = level_codes(table[column.name], column.levels)
            if column.kind == "ordered":
                numbers.append(np.where(code < 0, np.nan, np.minimum(code, len(column.levels) - 1) / column.high))
            else:
                codes.append(np.where((code < 0) & (self.missing == "indicator"), len(column.levels) + 1, code))
        return side_by_side(numbers, len(table)).astype("float32"), side_by_side(codes, len(table)).astype("int32")


def learn_preparation(
    table: pd.DataFrame, *, features: Sequence[str] | None = None, missing: Missing = "refuse",
    scale: Scale = "robust", log: Iterable[str] | None = None,
) -> Preparation:  # fmt: skip
    """Learn how each column of a customer matrix enters a search for groups.

    Parameters
    ----------
    table : DataFrame, one row per customer
        Numeric, yes-no and category columns.
    features : sequence of str, optional
        Columns to use; all by default.
    missing : {"refuse", "drop", "indicator", "pairwise"}
        What to do with missing values: refuse; leave those customers out; put the middle and say so in a further
        column (a category gets the level "missing"); or, with Gower's distance only, compare two customers on what
        both have. A column that more than half of the customers lack is refused, whatever the policy.
    scale : {"robust", "standard", "none"}
        "robust": median, and the range of the middle 95 % / 3.92, which is the standard deviation of a normal column;
        of a column with two values, half their difference; numbers are cut at four such scales from the middle.
        "standard": mean and standard deviation.
    log : iterable of str, optional
        Columns on a log scale; by default those with skewness above 2 whose values range over more than 1.

    Raises
    ------
    ColumnError, EmptyTableError, DataError
        If a feature or every customer is absent; if values are infinite, dates, or missing beyond what is allowed.

    Notes
    -----
    Ranges, since a standard deviation or an interquartile range makes small exactly those columns in which groups
    lie far apart (Milligan and Cooper 1988).

    Examples
    --------
    >>> matrix = pd.DataFrame({"n_orders": [1, 2, 3, 4, 900], "country": "UA"})
    >>> learn_preparation(matrix).left_out
    {'country': 'the same for all customers'}
    """
    if not len(table):
        raise EmptyTableError("the customer matrix has no row. Choose a later as_of or a wider group of customers.")
    names = list(table.columns if features is None else features)
    if unnamed := [name for name in names if not isinstance(name, str)]:
        raise ColumnError(f"customer matrix: columns {unnamed} have no text as name. Rename them: rename(columns=str).")
    known = [str(column) for column in table]
    for name in names:
        if name not in table:
            raise ColumnError(f"features: column {name!r} not found; it has {known}.{near_miss(name, known)}")
    absent = {name: int(table[name].isna().sum()) for name in names}
    left_out = {name: "no value at all" for name, n in absent.items() if n == len(table)}
    _check_missing({name: n for name, n in absent.items() if n and name not in left_out}, len(table), missing)
    logged = None if log is None else set(log)
    columns = []
    for name in names:
        if topic := sensitive_topic(name):
            left_out[name] = f"sensitive ({topic}): never used to group people"
        elif name not in left_out:
            if column := _learn(table[name], logged, scale, absent[name]):
                columns.append(column)
            else:
                left_out[name] = "the same for all customers"
    notes = [
        *(f"{c.name} has {len(c.levels):,} levels: two customers hardly ever agree in it."
          for c in columns if len(c.levels) > MANY_LEVELS),
        *(f"{name} is left out: {reason}." for name, reason in left_out.items()),
        *(f"{c.name}: {c.missing:,} of {len(table):,} have no value ({_HOW[missing]})." for c in columns if c.missing),
    ]  # fmt: skip
    return Preparation(tuple(columns), missing, left_out, (*notes, *_same(table, columns)))


_HOW = {
    "drop": "those customers are left out",
    "indicator": "the middle stands in, and that it was missing is a feature",
    "pairwise": "two customers are compared on what both have",
}


def by_customer(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return the matrix with unique customers as index, sorted, so that the order of rows changes nothing."""
    table = matrix.set_index("customer_id") if "customer_id" in matrix else matrix
    if table.index.hasnans or not table.index.is_unique:
        raise DataError("customer matrix: customer_id is missing or comes twice. Give one row per customer.")
    return table if table.index.is_monotonic_increasing else table.sort_index()


def default_min_size(n: int) -> int:
    """Return the smallest group worth a name: 30 customers or 5 %, whichever is more."""
    return max(30, math.ceil(0.05 * n))


def prepared(
    matrix: pd.DataFrame, preparation: Preparation | None, method: Method
) -> tuple[pd.DataFrame, Preparation, np.ndarray]:
    """Return the matrix by customer, how it enters (learned unless given), and who of it can be placed.

    Categories with k-means, and "pairwise" with k-means, are refused.
    """
    if method not in ("kmeans", "gower"):
        raise ValueError(f"method: expected 'kmeans' or 'gower', got {method!r}")
    table = by_customer(matrix)
    preparation = preparation or learn_preparation(table)
    if method == "kmeans" and preparation.categories:
        raise DataError(
            f"k-means needs numbers; {', '.join(preparation.categories)} hold categories. Take method='gower', or "
            "leave them out and describe the groups by them afterwards."
        )
    if method == "kmeans" and preparation.missing == "pairwise":
        raise DataError("missing='pairwise' goes with method='gower' only. Take 'drop' or 'indicator' for k-means.")
    return table, preparation, preparation.usable(table)


def signed_log(values: np.ndarray) -> np.ndarray:
    """Return sign(x) * log(1 + abs(x)): a log scale that knows zero and refunds."""
    return np.copysign(np.log1p(np.abs(values)), values)


def level_codes(values: pd.Series, levels: Sequence) -> np.ndarray:
    """Return the place of each value among `levels`; -1 = missing, ``len(levels)`` = none of them."""
    codes = pd.Index(levels).get_indexer(pd.Index(values.astype(object)))
    return np.where(values.isna(), -1, np.where(codes < 0, len(levels), codes))


def side_by_side(columns: Sequence[np.ndarray], n: int) -> np.ndarray:
    """Return columns as an array of `n` rows, of no column, too."""
    return np.column_stack(columns) if columns else np.empty((n, 0))


def _learn(values: pd.Series, logged: set[str] | None, scale: Scale, missing: int) -> PreparedColumn | None:
    """Return how a column enters, None if it is constant."""
    name, kind = str(values.name), kind_of(values)
    if kind != "number":
        levels = tuple(values.cat.categories) if kind == "ordered" else tuple(sorted(values.dropna().unique(), key=str))
        if values.nunique() < 2:
            return None
        return PreparedColumn(name, kind, levels=levels, high=float(len(levels) - 1), missing=missing)
    numbers = as_numbers(values)
    known = numbers[~np.isnan(numbers)] if missing else numbers
    least, most = float(known.min()), float(known.max())
    if not math.isfinite(least) or not math.isfinite(most):
        raise DataError(f"column {name!r} holds infinite values. Check divisions by zero where it is made.")
    if least == most:
        return None
    some = known[:: max(1, len(known) // ENOUGH)]  # quartiles of every fifth of a million are those of all
    use_log = name in logged if logged is not None else most - least > 1 and _skewness(some) > SKEWED
    centre, unit = _centre_and_scale(signed_log(some) if use_log else some, scale)
    if not unit:
        centre, unit = _centre_and_scale(signed_log(known) if use_log else known, scale)
    cut = LIMIT if scale == "robust" else math.inf
    edges = signed_log(np.array([least, most])) if use_log else np.array([least, most])
    low, high = np.clip((edges - centre) / unit, -cut, cut).tolist()
    return PreparedColumn(name, kind, use_log, centre, unit, cut, low, high, (), missing)


def _centre_and_scale(entered: np.ndarray, scale: Scale) -> tuple[float, float]:
    if scale == "none":
        return 0.0, 1.0
    if scale == "standard":
        return float(entered.mean()), float(entered.std(ddof=1))
    low, middle, high = np.quantile(entered, [0.025, 0.5, 0.975])
    least, most = entered.min(), entered.max()
    if ((entered == least) | (entered == most)).all():
        return float(middle), float(most - least) / 2
    return float(middle), float((high - low) or (most - least)) / 3.92


def _skewness(values: np.ndarray) -> float:
    centred = values - values.mean()
    square = centred * centred
    return float((square * centred).mean() / variance**1.5) if (variance := square.mean()) else 0.0


def _refusal(found: dict[str, int], n: int) -> str:
    listed = ", ".join(f"{name} ({count / n:.1%})" for name, count in found.items())
    return (
        f"values are missing in {listed}. Say what to do: missing='drop' leaves those customers out, 'indicator' makes "
        "missing a feature of its own, 'pairwise' (Gower) compares what both have; or leave the column out."
    )


def _check_missing(absent: dict[str, int], n: int, missing: Missing) -> None:
    if missing not in ("refuse", "drop", "indicator", "pairwise"):
        raise ValueError(f"missing: expected 'refuse', 'drop', 'indicator' or 'pairwise', got {missing!r}")
    if absent and missing == "refuse":
        raise DataError(_refusal(absent, n))
    if worst := [name for name, count in absent.items() if count > MOST_MISSING * n]:
        raise DataError(
            f"{', '.join(worst)}: more than {MOST_MISSING:.0%} of the customers have no value; groups would follow who "
            "answered. Leave the column out, or describe the groups by it afterwards."
        )


def _same(table: pd.DataFrame, columns: Sequence[PreparedColumn]) -> list[str]:
    """Name numeric columns that say the same; a regular choice of 20,000 customers is enough to see it."""
    numeric = [column for column in columns if column.kind == "number"]
    some = table.iloc[:: max(1, len(table) // 20_000)]
    if len(numeric) < 2 or len(some) < 3:
        return []
    entered = pd.DataFrame({c.name: c.enter(as_numbers(some[c.name])) for c in numeric})
    r = entered.loc[:, entered.std() > 0].corr().abs()
    pairs = [(a, b) for i, a in enumerate(r) for b in r.columns[i + 1 :] if r.loc[a, b] > SAME]
    return [f"{a} and {b} say the same: it counts twice. Leave one out." for a, b in pairs]
