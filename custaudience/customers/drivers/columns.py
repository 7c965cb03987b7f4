"""Variables and outcomes as numbers that can be tested; outcomes by level, and by whether a variable is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import rankdata, t

from custaudience.customers.drivers.effects import level_basis, unit_columns
from custaudience.customers.features.attributes import MOST_LEVELS, OTHER
from custaudience.customers.features.features import type_of
from custaudience.errors import DataError
from custaudience.stats.contrast import gap_of_means
from custaudience.stats.intervals import Interval, share_difference, share_interval

MIN_CUSTOMERS = 20


@dataclass(frozen=True)
class Variable:
    """A variable or an outcome of n customers.

    ``type``: "numeric", "ordered", "yes-no" or "category". ``values``: numbers, codes of levels for "yes-no" and
    "category"; NaN = not known. ``levels``: of all but numbers, in the order of their codes. ``problem``: why it cannot
    be tested on these customers; "" when it can.
    """

    name: str
    type: str
    values: np.ndarray
    known: np.ndarray
    levels: tuple[str, ...] = ()
    problem: str = ""

    @property
    def n_levels(self) -> int:
        """Levels that are compared as groups; 0 for numbers and ordered levels, which are ranked."""
        return len(self.levels) if self.type in ("yes-no", "category") else 0

    def on(self, rows: np.ndarray, min_group: int) -> Variable:
        """Return the variable on some customers, rare levels put together, with what speaks against a test."""
        values, known = self.values[rows], np.ones(len(rows), dtype=bool)
        if len(rows) < MIN_CUSTOMERS:
            return replace(self, values=values, known=known, problem=f"fewer than {MIN_CUSTOMERS} customers have both.")
        if self.type != "category":
            return replace(self, values=values, known=known, problem=self._too_equal(values, min_group))
        counts = np.bincount(values.astype("int64"), minlength=len(self.levels))
        kept = np.flatnonzero(counts >= min_group)
        if len(kept) > MOST_LEVELS:
            kept = np.sort(np.argsort(-counts, kind="stable")[: MOST_LEVELS - 1])
        problem = ""
        if len(kept) < 2:
            problem = f"fewer than two of its levels have {min_group} customers or more."
        elif counts[kept].sum() < len(rows) / 2:
            problem = f"{np.count_nonzero(counts):,} levels; the {len(kept)} largest hold less than half of all."
        code = np.full(len(self.levels), len(kept))
        code[kept] = np.arange(len(kept))
        values = code[values.astype("int64")].astype("float64")
        levels = tuple(self.levels[k] for k in kept) + ((OTHER,) if (values == len(kept)).any() else ())
        return replace(self, values=values, known=known, levels=levels, problem=problem)

    def _too_equal(self, values: np.ndarray, min_group: int) -> str:
        _, counts = np.unique(values, return_counts=True)
        if len(counts) == 1:
            return "the same value for all."
        apart = int(counts.sum() - counts.max())
        return f"fewer than {min_group} customers differ from the others." if apart < min_group else ""

    def columns(self) -> np.ndarray:
        """Return the variable as columns, (n, k): its ranks, or one column per level."""
        if self.n_levels:
            return np.eye(self.n_levels)[self.values.astype("int64")]
        return rankdata(self.values)[:, None]

    def response(self) -> np.ndarray:
        """Return an outcome as it is explained: 0 and 1, or ranks, so that a few large spenders do not decide."""
        return self.values if self.n_levels else rankdata(self.values)

    def basis(self) -> np.ndarray:
        """Return the columns as an orthonormal basis, as `permutation_p` takes them."""
        if self.n_levels:
            return level_basis(self.values.astype("int64"), self.n_levels)
        return unit_columns(self.columns())

    def filled(self, rows: np.ndarray) -> np.ndarray:
        """Return columns on some customers for whom it may be unknown, which becomes a column of its own."""
        values, known = self.values[rows], self.known[rows]
        unknown = ~known[:, None]
        if self.type == "category":
            counts = np.bincount(values[known].astype("int64"), minlength=len(self.levels))
            largest = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
            columns = (values[:, None] == largest[None, :]).astype("float64")
        else:
            ranks = np.full(len(values), 0.0)
            if known.any():
                ranks[known] = rankdata(values[known]) - (known.sum() + 1) / 2
            columns = ranks[:, None]
        return np.concatenate([columns, unknown], axis=1) if unknown.any() else columns

    def strata(self, rows: np.ndarray, min_group: int) -> tuple[np.ndarray, list[str], list[tuple[float, float]]]:
        """Return groups of equals, as ints from 0, their names and bounds: levels, or fifths of numbers.

        More than five ordered levels become about fifths, too, named by the first and the last level of each.
        Bounds of fifths belong to the lower one; the smallest and the largest value are not told (NaN).
        """
        if self.type == "category":
            fit = self.on(rows, min_group)
            codes, names = fit.values.astype("int64"), list(fit.levels)
            bounds = [(np.nan, np.nan)] * len(names)
        else:
            values = self.values[rows]
            cuts = np.unique(values)
            if len(cuts) <= 5:
                names = [self.levels[int(c)] if self.levels else _told(c) for c in cuts]
                bounds = [(np.nan, np.nan) if self.levels else (float(c), float(c)) for c in cuts]
            elif self.levels:
                last, present = cuts[-1], cuts
                cuts = np.unique(np.append(np.quantile(values, [0.2, 0.4, 0.6, 0.8], method="inverted_cdf"), last))
                firsts = [present[present > c][0] for c in cuts[:-1]]
                ends = zip([present[0], *firsts], cuts, strict=True)
                names = [" … ".join(dict.fromkeys((self.levels[int(a)], self.levels[int(b)]))) for a, b in ends]
                bounds = [(np.nan, np.nan)] * len(names)
            else:
                cuts = np.unique(np.quantile(values, [0.2, 0.4, 0.6, 0.8]))
                told = [_told(c) for c in cuts]
                between = [f"{a} – {b}" for a, b in pairwise(told)]
                names = [f"≤ {told[0]}", *between, f"> {told[-1]}"]
                bounds = list(pairwise([np.nan, *(float(c) for c in cuts), np.nan]))
            codes = np.searchsorted(cuts, values, side="left")
        present, codes = np.unique(codes, return_inverse=True)
        return codes, [names[k] for k in present], [bounds[k] for k in present]


def _told(bound: float) -> str:
    return f"{bound:.0f}" if abs(bound) >= 1000 else f"{bound:.4g}"


def read_variable(values: pd.Series) -> Variable:
    """Read a column as a variable; its type is told by its dtype, text is a category."""
    type_, name = type_of(values), str(values.name)
    if type_ == "numeric":
        number = values.to_numpy(dtype="float64", na_value=np.nan)
        number = np.where(np.isfinite(number), number, np.nan)
        return Variable(name, type_, number, ~np.isnan(number))
    if type_ == "yes-no":
        number = values.astype("boolean").to_numpy(dtype="float64", na_value=np.nan)
        return Variable(name, type_, number, ~np.isnan(number), ("no", "yes"))
    coded = values if isinstance(values.dtype, pd.CategoricalDtype) else values.astype("str").astype("category")
    codes = coded.cat.codes.to_numpy().astype("float64")
    known = codes >= 0
    return Variable(name, type_, np.where(known, codes, np.nan), known, tuple(map(str, coded.cat.categories)))


def read_outcome(values: pd.Series) -> Variable:
    """Read a column as an outcome: yes-no (booleans) or an amount (numbers)."""
    outcome = read_variable(values)
    if outcome.type in ("category", "ordered"):
        raise DataError(
            f"outcomes: {outcome.name!r} is a category. Give yes-no or numbers, such as one yes-no column per level."
        )
    return outcome


def level_table(
    passed: pd.DataFrame, variables: Mapping[str, Variable], outcomes: Mapping[str, Variable],
    *, min_group: int, level: float,
) -> pd.DataFrame:  # fmt: skip
    """Give the outcome by level of each variable that passed; numbers in fifths. Columns: `Drivers.levels`.

    Differences to all others have the intervals of `coverage_table`, wider by the number of levels (Bonferroni),
    so that the one that stands out may be picked.
    """
    rows: list[tuple[object, ...]] = []
    for pair in passed.itertuples():
        variable, outcome = variables[pair.variable], outcomes[pair.outcome]
        used = np.flatnonzero(variable.known & outcome.known)
        codes, levels, bounds = variable.strata(used, min_group)
        y = outcome.values[used]
        for code, (label, bound) in enumerate(zip(levels, bounds, strict=True)):
            mine, others = y[codes == code], y[codes != code]
            if len(mine) < min_group:
                continue
            gap = (np.nan,) * 4
            if len(others) >= min_group:
                gap = (float(others.mean()), *_gap(mine, others, outcome, 1 - (1 - level) / len(levels)))
            rows.append((pair.variable, pair.outcome, label, *bound, len(mine), *_mean(mine, outcome, level), *gap))
    columns = ["variable", "outcome", "level", "lower", "upper", "n", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "others", "difference", "difference_low", "difference_high"])


def coverage_table(
    variables: Mapping[str, Variable], outcomes: Mapping[str, Variable], *, min_group: int, level: float
) -> pd.DataFrame:
    """Compare those for whom a variable is known with the others, by outcome. Columns: `Drivers.coverage`.

    Intervals: Newcombe (1998) for yes-no, Welch (1947) for amounts. Variables known for the same customers
    repeat the same figures. Pairs with fewer than `min_group` on one side are not shown.
    """
    rows: list[tuple[object, ...]] = []
    for name, variable in variables.items():
        for what, outcome in outcomes.items():
            a, b = (outcome.values[outcome.known & known] for known in (variable.known, ~variable.known))
            if min(len(a), len(b)) >= min_group:
                rows.append((name, what, len(a), len(b), a.mean(), b.mean(), *_gap(a, b, outcome, level)))
    columns = ["variable", "outcome", "n_known", "n_unknown", "mean_known", "mean_unknown", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _mean(values: np.ndarray, outcome: Variable, level: float) -> Interval:
    if outcome.n_levels:
        return share_interval(int(values.sum()), len(values), level)
    if np.ptp(values) == 0:
        return float(values.mean()), np.nan, np.nan  # nothing to learn a spread from
    mean, error = float(values.mean()), values.std(ddof=1) / np.sqrt(len(values))
    low, high = t.interval(level, len(values) - 1, loc=mean, scale=error)
    return mean, float(low), float(high)


def _gap(a: np.ndarray, b: np.ndarray, outcome: Variable, level: float) -> Interval:
    if outcome.n_levels:
        return share_difference(a.sum(), len(a), b.sum(), len(b), level)
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        return float(a.mean() - b.mean()), np.nan, np.nan  # nothing to learn a spread from
    gap = gap_of_means(a, b, level)
    return gap.difference, gap.low, gap.high
