"""Variables and outcomes as numbers that can be tested, their figures by level, and what they are called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata, t

from custaudience.customers.drivers.effects import level_basis, unit_columns
from custaudience.customers.features.attributes import CATEGORY_SHARE, MOST_LEVELS, OTHER
from custaudience.customers.features.features import CustomerFeatures, type_of
from custaudience.errors import DataError
from custaudience.stats.contrast import gap_of_means
from custaudience.stats.intervals import Interval, share_difference, share_interval
from custaudience.telling import sheet

MIN_CUSTOMERS = 20
_PHRASES = sheet("custaudience.customers.drivers")["phrases"]
BEHAVIOUR: dict[str, str] = _PHRASES["behaviour"]
DECLARED: dict[str, str] = _PHRASES["declared"]  # columns of the customers table whose meaning is declared
OUTCOMES: dict[str, str] = _PHRASES["outcome"]
VERDICTS: dict[str, str] = _PHRASES["verdict"]
MAIN_OUTCOMES = ("revenue_of_buyers", "n_orders", "bought_again")
_FORMATS = {"currency": "money0", "share": "percent1"}
_KEY = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class Variable:
    """A variable or an outcome of n customers; ``problem`` says why it cannot be tested on them.

    ``type``: "numeric", "ordered", "yes-no" or "category". ``values``: numbers, codes of levels for all but numbers;
    NaN = not known. ``levels`` in the order of their codes.
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
        values = self.values[rows]
        mine = replace(self, values=values, known=np.ones(len(rows), dtype=bool))
        if len(rows) < MIN_CUSTOMERS:
            return replace(mine, problem=f"fewer than {MIN_CUSTOMERS} customers have both.")
        if self.type != "category":
            return replace(mine, problem=_too_equal(values, min_group))
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
        return replace(mine, values=values, levels=levels, problem=problem)

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
            ranks = np.zeros(len(values))
            ranks[known] = rankdata(values[known]) - (known.sum() + 1) / 2
            columns = ranks[:, None]
        return np.concatenate([columns, unknown], axis=1) if unknown.any() else columns

    def strata(self, rows: np.ndarray, min_group: int) -> tuple[np.ndarray, list[str], list[tuple[float, float]]]:
        """Return groups of equals, as ints from 0, their names and bounds: levels, or fifths of numbers.

        More than five ordered levels become about fifths, too, named by the first and the last level of each.
        Bounds of fifths belong to the lower one; the smallest and the largest value are not told (NaN).
        """
        values, fifths, bounds = self.values[rows], [0.2, 0.4, 0.6, 0.8], None
        cuts = present = np.unique(values)
        if self.type == "category":
            fit = self.on(rows, min_group)
            values, names, cuts = fit.values, list(fit.levels), np.arange(len(fit.levels))
        elif self.levels and len(cuts) <= 5:
            names = [self.levels[int(c)] for c in cuts]
        elif self.levels:
            cuts = np.unique([*np.quantile(values, fifths, method="inverted_cdf"), present[-1]])
            ends = zip([present[0], *(present[present > c][0] for c in cuts[:-1])], cuts, strict=True)
            names = [" … ".join(dict.fromkeys((self.levels[int(a)], self.levels[int(b)]))) for a, b in ends]
        elif len(cuts) <= 5:
            names, bounds = [_told(c) for c in cuts], [(float(c), float(c)) for c in cuts]
        else:
            cuts = np.unique(np.quantile(values, fifths))
            told = [_told(c) for c in cuts]
            names = [f"≤ {told[0]}", *(f"{a} – {b}" for a, b in pairwise(told)), f"> {told[-1]}"]
            bounds = list(pairwise([np.nan, *(float(c) for c in cuts), np.nan]))
        bounds = bounds or [(np.nan, np.nan)] * len(names)
        present, codes = np.unique(np.searchsorted(cuts, values, side="left"), return_inverse=True)
        return codes, [names[k] for k in present], [bounds[k] for k in present]


def _too_equal(values: np.ndarray, min_group: int) -> str:
    _, counts = np.unique(values, return_counts=True)
    if len(counts) == 1:
        return "the same value for all."
    apart = int(counts.sum() - counts.max())
    return f"fewer than {min_group} customers differ from the others." if apart < min_group else ""


def _told(bound: float) -> str:
    return f"{bound:.0f}" if abs(bound) >= 1000 else f"{bound:.4g}"


def read_variable(values: pd.Series) -> Variable:
    """Read a column as a variable; its type is told by its dtype, text is a category."""
    type_, name = type_of(values), str(values.name)
    if type_ in ("numeric", "yes-no"):
        levels = ("no", "yes") if type_ == "yes-no" else ()
        number = (values.astype("boolean") if levels else values).to_numpy(dtype="float64", na_value=np.nan)
        number = np.where(np.isfinite(number), number, np.nan)
        return Variable(name, type_, number, ~np.isnan(number), levels)
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

    Newcombe's intervals for yes-no, Welch's for amounts. Pairs with fewer than `min_group` on one side are not shown.
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


def kinds_of(features: CustomerFeatures) -> dict[str, str]:
    """Return the kind of each variable: "attribute", "date" (days since one), "category_share" or "behaviour"."""
    kinds = {}
    for row in features.dictionary.to_dict("records"):
        kind = "category_share" if row["column"].startswith(CATEGORY_SHARE) else "behaviour"
        if row["kind"] == "attribute":
            kind = "date" if row["unit"] == "days" else "attribute"
        kinds[row["column"]] = kind
    return kinds


def plain_name_of(variable: str, kind: str) -> str:
    """Return a variable's name for tables: a message, a category, or the name of a column."""
    if kind == "category_share":
        return variable.removeprefix(CATEGORY_SHARE)
    return (BEHAVIOUR if kind == "behaviour" else DECLARED).get(variable, variable)


def naming(variable: str, kind: str, role: str = "variable") -> dict[str, str]:
    """Return the values with which a template says ``{variable:sentence}`` (or ``other``): names are values only."""
    text = _PHRASES["name"].get(f"{kind}_{role}", f"{{{role}_name:term}}")
    return {role: text, f"{role}_name": plain_name_of(variable, kind)}


def level_naming(row: dict[Any, Any], unit: str) -> dict[str, Any]:
    """Return the values with which a template says ``{level:sentence}`` of a row of `Drivers.levels`."""
    texts, form = _PHRASES["level"], _FORMATS.get(unit, "number")
    bounds = {k: float(row[k]) for k in ("lower", "upper") if pd.notna(row[k])}
    if not bounds:
        return {"level": texts["named"], "level_name": row["level"]}
    if row["lower"] == row["upper"]:
        return {"level": f"{{upper:{form}}}", "upper": bounds["upper"]}
    case = "between" if len(bounds) == 2 else "more_than" if "lower" in bounds else "at_most"
    return {"level": texts[case], **{f"{k}_text": f"{{{k}:{form}}}" for k in bounds}, **bounds}


def key_of(variable: str) -> str:
    """Return a claim's key for a variable, the same every month: its name where that is a key, else a hash of it."""
    return variable if _KEY.fullmatch(variable) else "x" + hashlib.sha256(variable.encode()).hexdigest()[:8]
