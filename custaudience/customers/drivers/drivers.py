"""Which differences between people go with what they do later: tested one by one, with control of false finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator, default_rng
from scipy.optimize import brentq
from scipy.special import chdtri, chndtr
from threadpoolctl import threadpool_limits

from custaudience.customers.drivers import effects
from custaudience.customers.drivers.columns import Variable, coverage_table, level_table, read_outcome, read_variable
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.errors import ColumnError, EmptyTableError, near_miss
from custaudience.evidence import Terms
from custaudience.stats.intervals import false_discovery_rates

VERDICTS = ("influences", "no_evidence", "too_little_data", "left_out")
COLUMNS = [
    *("variable", "outcome", "n", "n_groups", "measure", "effect", "low", "high"),
    *("share_explained", "share_low", "share_high", "p_value", "n_permutations", "q_value", "gain", "gain_added"),
    *("given", "share_within", "p_within", "reversed", "proxy", "verdict", "reason"),
]
_LEAST = 10  # levels of fewer are put together
_STILL_SEEN, _KEPT, _COVERED = 0.05, 0.5, 0.8  # p and share of an effect within groups; customers compared there


@dataclass(frozen=True)
class DriverTests:
    """How thoroughly drivers are tested.

    ``n_permutations``: at least so many, more for pairs that come out small, so that the correction for many pairs can
    be passed; ``n_repeats`` of the 5-fold cross-validation; ``worthwhile``: share of variance that would matter: where
    so much would be overlooked in more than one of five such studies, nothing found means too little data; above
    ``most_customers`` a random sample of so many is used, and said in the notes.
    """

    n_permutations: int = 2000
    n_repeats: int = 4
    worthwhile: float = 0.05
    most_customers: int = 10_000


@dataclass(frozen=True)
class Drivers:
    """What was tested, with which result.

    Attributes
    ----------
    table : DataFrame
        One row per ``variable`` (what customers differ in) and ``outcome`` (what they did afterwards), strongest first.
        ``n``: customers with both known; ``n_groups``: levels compared, rare ones together as one, 0 = numbers;
        ``measure``: auc, spearman, cramers_v or epsilon2, its ``effect`` (nothing = 0.5 for auc, 0 for the others),
        ``low``, ``high``; ``share_explained``: share of the outcome's variance (of its ranks, for amounts) that goes
        with the variable, corrected for chance, so that it may be below 0, with ``share_low``, ``share_high``;
        ``p_value``: share of ``n_permutations`` with at least such an effect; ``q_value``: corrected for all pairs
        (Benjamini and Hochberg 1995); ``gain``, ``gain_added``: R squared on customers not in the sample, by this
        variable alone, and on top of all others. ``given``: the other driver whose groups were held fixed; within them:
        ``share_within``, its ``p_within`` (F), ``reversed`` (goes the other way), ``proxy`` (goes with the outcome only
        as far as it goes with the other). ``verdict``: influences, no_evidence, too_little_data; ``reason``.
    variables : DataFrame
        One row per variable: ``variable``, ``type``, ``share_known``, ``verdict`` (the best over its outcomes,
        or "left_out"), ``outcomes`` (those it goes with, comma separated), ``reason``.
    levels : DataFrame
        For pairs that passed: ``variable``, ``outcome``, ``level`` (fifths of numbers, with their bounds in
        ``lower`` (exclusive) and ``upper``), ``n``, ``mean`` of the outcome (a share for yes-no), ``low``, ``high``;
        ``others`` (its mean over all others), ``difference`` to it, ``difference_low``, ``difference_high``,
        which hold for all levels of a variable at once; levels of fewer than `min_group` are not shown.
    coverage : DataFrame
        For variables not known for all: ``variable``, ``outcome``, ``n_known``, ``n_unknown``, ``mean_known``,
        ``mean_unknown`` (of the outcome), ``difference``, ``low``, ``high``: how those who are known differ.
    n_customers, n_tested : int
        Customers used, and pairs tested.
    """

    table: pd.DataFrame
    variables: pd.DataFrame
    levels: pd.DataFrame
    coverage: pd.DataFrame
    n_customers: int
    n_tested: int
    terms: Terms
    how: DriverTests
    notes: tuple[str, ...]

    @property
    def min_group(self) -> int:
        """Levels of fewer customers are put together; an outcome that fewer have, or lack, is not tested."""
        return max(_LEAST, self.terms.least)

    @property
    def usable_for_segments(self) -> tuple[str, ...]:
        """Names of the variables that passed for at least one outcome."""
        return tuple(self.variables.loc[self.variables["verdict"] == "influences", "variable"])

    @property
    def rejected(self) -> pd.DataFrame:
        """The other variables: ``variable``, ``verdict``, ``reason``."""
        others = self.variables[self.variables["verdict"] != "influences"]
        return others[["variable", "verdict", "reason"]].reset_index(drop=True)


def find_drivers(
    features: pd.DataFrame, outcomes: pd.DataFrame, terms: Terms,
    *, stages: Mapping[str, int] | None = None, how: DriverTests | None = None,
) -> Drivers:  # fmt: skip
    """Test which variables go with what customers do later.

    Parameters
    ----------
    features : DataFrame, one row per customer
        ``customer_id`` and candidates: numbers, booleans, ordered or plain categories (text); NaN = not known.
        They must have been known before the outcomes happened; `driver_study` sees to that.
    outcomes : DataFrame, one row per customer
        ``customer_id`` and outcomes: booleans, or numbers; NaN = not applicable (the amount of who did not buy).
    terms : Terms
        One less its ``level`` is the share of false ones among those found that is accepted. Levels of fewer than its
        ``least`` (10 at the least) are put together; an outcome that fewer have (or lack) is not tested.
    stages : mapping of variable to int, optional
        A variable is held against others of its own stage or an earlier one only: what comes later may be the
        way it works. By default all have one stage.

    Raises
    ------
    EmptyTableError
        If no customer is in both tables, or there is no variable or no outcome.
    ColumnError
        If ``customer_id`` is missing.

    Notes
    -----
    A pair passes (verdict "influences") when three things hold: its permutation p-value survives the
    correction of Benjamini and Hochberg (1995) over all pairs tested; alone it predicts customers who were not
    in the sample; and it is no mere proxy: within the groups of a stronger driver of its stage or earlier, more
    than half of its effect remains or it is still seen (p at most 0.05). "Influences" is short for "goes with,
    earlier than, and not through a stronger one of these": whether changing it would change behaviour, only an
    experiment tells. Numbers are tested for rising or falling together; a hump in the middle is overlooked.
    Sensitive variables are left out by name. Categories beyond 50 levels keep the largest.
    """
    how, least, rate = how or DriverTests(), max(_LEAST, terms.least), round(1 - terms.level, 12)
    x, y, sampled = _joined(features, outcomes, how.most_customers, terms.seed)
    left_out = {c: topic for c in x if (topic := sensitive_topic(str(c)))}
    variables = {str(c): read_variable(x[c]) for c in x if c not in left_out}
    results = {str(c): read_outcome(y[c]) for c in y}
    if not variables or not results:
        raise EmptyTableError("nothing to test: give at least one variable that is not sensitive, and one outcome.")
    rows: list[dict[str, Any]] = []
    batches: list[_Batch] = []
    for names, known_x in _by_mask(variables):
        for whats, known_y in _by_mask(results):
            used = np.flatnonzero(known_x & known_y)
            fit = {name: variables[name].on(used, least) for name in names}
            good = {what: results[what].on(used, least) for what in whats}
            for v, o in ((v, o) for v in names for o in whats):
                if reason := fit[v].problem or good[o].problem:
                    untested = {"variable": v, "outcome": o, "n": len(used), "reason": reason}
                    rows.append({"measure": "", "given": "", **untested})
            fit, good = ({k: c for k, c in found.items() if not c.problem} for found in (fit, good))
            if fit and good:
                batches.append(_Batch(used, fit, good))
    n_tested = sum(len(batch.fit) * len(batch.outcomes) for batch in batches)
    # a single true pair among all must be able to pass the correction
    most = max(how.n_permutations, min(100_000, int(np.ceil(2 * n_tested / rate))))
    rng = default_rng(terms.seed)
    with threadpool_limits(1):  # many small matrices: a second thread costs more than it brings
        for batch in batches:
            rows += _tested(batch, variables, terms.level, how, most, rng)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["q_value"] = false_discovery_rates(table["p_value"].to_numpy("float64"))
    table["passes"] = (table["q_value"] <= rate) & (table["gain"] > 0)
    # two columns that say the same keep their order, whatever the last digits
    strength = table[["passes", "share_explained"]].round(9)
    order = strength.sort_values(["passes", "share_explained"], ascending=False, kind="stable").index
    table = table.loc[order].reset_index(drop=True)
    _compare_within(table, variables, results, dict(stages or {}), least)
    judged = [_verdict(row, how.worthwhile, rate, n_tested) for row in table.itertuples()]
    table[["verdict", "reason"]] = pd.DataFrame(judged, columns=["verdict", "reason"], dtype="str")
    table = table[COLUMNS]
    passed = table[table["verdict"] == "influences"]
    notes = [f"A random sample of {len(x):,} of {sampled:,} customers was used."] if sampled else []
    return Drivers(
        table, _summary(table, variables, left_out),
        level_table(passed, variables, results, min_group=least, level=terms.level),
        coverage_table(variables, results, min_group=least, level=terms.level),
        len(x), n_tested, terms, how, tuple(notes),
    )  # fmt: skip


def _joined(
    features: pd.DataFrame, outcomes: pd.DataFrame, most: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return both tables on the customers they share, and of how many these are a sample (0 = all)."""
    for name, frame in (("features", features), ("outcomes", outcomes)):
        if "customer_id" not in frame:
            raise ColumnError(f"{name}: column 'customer_id' not found.{near_miss('customer_id', frame.columns)}")
        if frame["customer_id"].duplicated().any():
            raise ColumnError(f"{name}: a customer_id stands in two rows. Keep one row per customer.")
    x, y = features.set_index("customer_id"), outcomes.set_index("customer_id")
    shared = x.index.intersection(y.index).sort_values()
    if shared.empty:
        raise EmptyTableError("no customer is in both features and outcomes. Compare their customer_id.")
    n = len(shared)
    if n > most:
        shared = shared[np.sort(default_rng([seed, 1]).choice(n, most, replace=False))]
    return x.loc[shared], y.loc[shared], n if n > most else 0


def _by_mask(columns: Mapping[str, Variable]) -> Iterable[tuple[list[str], np.ndarray]]:
    """Group columns that are known for the same customers: they share permutations and folds."""
    groups: dict[bytes, tuple[list[str], np.ndarray]] = {}
    for name, column in columns.items():
        groups.setdefault(column.known.tobytes(), ([], column.known))[0].append(name)
    return groups.values()


class _Batch(NamedTuple):
    """Customers, by position, and what is known of all of them and can be tested."""

    used: np.ndarray
    fit: Mapping[str, Variable]
    outcomes: Mapping[str, Variable]


def _tested(
    batch: _Batch, everything: Mapping[str, Variable], level: float, how: DriverTests, most: int, rng: Generator
) -> Iterable[dict[str, Any]]:
    """Test all pairs of a batch; `everything` are the variables that others are predicted on top of."""
    fit, n = batch.fit, len(batch.used)
    y = np.stack([outcome.response() for outcome in batch.outcomes.values()], axis=1)
    blocks = [variable.basis() for variable in fit.values()]
    r2, p, done = effects.permutation_p(blocks, y, rng=rng, least=how.n_permutations, most=most)
    parts = [fit[name].columns() if name in fit else other.filled(batch.used) for name, other in everything.items()]
    wanted = [list(everything).index(name) for name in fit]
    alone, on_top = effects.cross_validated_gain(parts, wanted, y, rng=rng, n_repeats=how.n_repeats)
    for i, (name, variable) in enumerate(fit.items()):
        for j, (what, outcome) in enumerate(batch.outcomes.items()):
            row: dict[str, Any] = {"variable": name, "outcome": what, "n": n, "n_groups": variable.n_levels}
            row["measure"], (row["effect"], row["low"], row["high"]) = _effect(variable, outcome, level)
            share = effects.share_explained(float(r2[i, j]), max(variable.n_levels - 1, 1), n, level=level)
            row["share_explained"], row["share_low"], row["share_high"] = share
            row |= {"p_value": p[i, j], "n_permutations": done[i, j], "gain": alone[i, j], "gain_added": on_top[i, j]}
            yield row | {"given": "", "reason": ""}


def _effect(variable: Variable, outcome: Variable, level: float) -> tuple[str, effects.Interval]:
    v, o = variable.values, outcome.values
    if variable.n_levels == 0:
        if outcome.n_levels == 0:
            return "spearman", effects.rank_correlation(v, o, level=level)
        return "auc", effects.area_under_curve(v, o > 0, level=level)
    codes = v.astype("int64")
    if outcome.n_levels == 0:
        return "epsilon2", effects.epsilon_squared(o, codes, level=level)
    counts = np.stack([np.bincount(codes[o == k], minlength=variable.n_levels) for k in (0, 1)])
    return "cramers_v", effects.cramers_v(counts, level=level)


def _compare_within(
    table: pd.DataFrame, variables: Mapping[str, Variable], outcomes: Mapping[str, Variable],
    stages: Mapping[str, int], min_group: int,
) -> None:  # fmt: skip
    """Hold each tested pair against the strongest other driver of its outcome, or the one a proxy goes back to.

    In place, in a `table` sorted by strength, those that pass on top: ``given`` … ``proxy`` of `Drivers.table`.
    """
    table["share_within"], table["p_within"], table["reversed"], table["proxy"] = np.nan, np.nan, False, False
    for what, part in table[table["p_value"].notna()].groupby("outcome", sort=False):
        passing = part[part["passes"]]
        genuine: list[str] = []
        for row in part.itertuples():
            stage = stages.get(row.variable, 0)
            others = [v for v in passing["variable"] if v != row.variable and stages.get(v, 0) <= stage]
            stronger = [v for v in others if v in genuine] if row.passes else []
            found = None
            for other in dict.fromkeys([*others[:1], *stronger]):
                compared = _within(variables[row.variable], variables[other], outcomes[str(what)], min_group)
                if compared is None:
                    continue
                marginal, within, p, turned = compared
                proxy = other in stronger and p > _STILL_SEEN and not within > _KEPT * marginal
                if found is None or (proxy and not found[4]) or (proxy and within < found[1]):
                    found = (other, within, p, turned and row.passes and p <= _STILL_SEEN, proxy)
            if found:
                columns = ["given", "share_within", "p_within", "reversed", "proxy"]
                table.loc[row.Index, columns] = pd.Series(found, index=columns, dtype="object")
            if row.passes and not (found and found[4]):
                genuine.append(row.variable)


def _within(
    variable: Variable, other: Variable, outcome: Variable, min_group: int
) -> tuple[float, float, float, bool] | None:
    """Return the share explained overall and within groups of `other`, its p-value, and whether it turns round."""
    mine = variable.known & outcome.known
    rows = np.flatnonzero(mine & other.known)
    if len(rows) < _COVERED * mine.sum():
        return None
    fit, y = variable.on(rows, min_group), outcome.on(rows, min_group).response()
    if fit.problem:
        return None
    block, strata = fit.columns(), other.strata(rows, min_group)[0]
    marginal, _, overall = effects.partial_share(block, y, np.zeros(len(rows), dtype="int64"))
    within, p, inside = effects.partial_share(block, y, strata)
    if np.isnan(within):  # the other one tells this one exactly
        return marginal, 0.0, 1.0, False
    centred = block - block.mean(axis=0)
    return marginal, within, p, float((centred @ overall) @ (centred @ inside)) < 0


@cache
def _needed(df: int) -> float:
    """Return the noncentrality that a test at 5 % finds in 80 % of studies."""
    limit = chdtri(df, 0.05)
    return float(brentq(lambda nc: chndtr(limit, df, nc) - 0.2, 0.1, 1000))


def _verdict(row: Any, worthwhile: float, rate: float, n_tested: int) -> tuple[str, str]:
    """Return verdict and reason of a row of the table."""
    if pd.isna(row.p_value):
        return "too_little_data", row.reason
    if row.proxy:
        reason = f"goes with the outcome only as far as it goes with {row.given}: "
        return "no_evidence", reason + "among equals in that, no difference is seen."
    if row.passes:
        reason = f"goes with the outcome: {row.share_explained:.1%} of its variance."
        return "influences", reason + (f" Within groups of {row.given} it goes the other way." if row.reversed else "")
    seen = _needed(max(1, int(row.n_groups) - 1)) / row.n
    if seen > worthwhile:
        reason = f"{row.n:,} customers show a share of {seen:.0%} or more reliably; a smaller one is easily missed."
        return "too_little_data", reason
    if row.q_value <= rate:
        return "no_evidence", "does not help to predict customers who were not in the sample."
    reason = f"no more than chance in {n_tested:,} tests; a share of {worthwhile:.0%} would have been seen."
    return "no_evidence", reason


def _summary(table: pd.DataFrame, variables: Mapping[str, Variable], left_out: Mapping[object, str]) -> pd.DataFrame:
    rows = []
    for name, variable in variables.items():
        mine = table[table["variable"] == name]
        verdict = next(v for v in VERDICTS if (mine["verdict"] == v).any())
        best = mine[mine["verdict"] == verdict]
        outcomes = ", ".join(best["outcome"]) if verdict == "influences" else ""
        proxy = best[best["reason"].str.startswith("goes with")]
        reason = (proxy if len(proxy) else best)["reason"].iloc[0]
        few = int((mine["verdict"] == "too_little_data").sum())
        if 0 < few < len(mine):
            reason += f" Too little data for {few} of {len(mine)} outcomes."
        rows.append((name, variable.type, float(variable.known.mean()), verdict, outcomes, reason))
    for column, topic in left_out.items():
        reason = f"sensitive ({topic}): never used to score or group."
        rows.append((str(column), "", np.nan, "left_out", "", reason))
    result = pd.DataFrame(rows, columns=["variable", "type", "share_known", "verdict", "outcomes", "reason"])
    return result.sort_values("verdict", key=lambda v: v.map(VERDICTS.index), kind="stable", ignore_index=True)
