"""Which differences between people go with what they do later: tested one by one, with control of false finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.random import Generator, default_rng
from scipy.optimize import brentq
from scipy.special import chdtri, chndtr
from scipy.stats import false_discovery_control
from threadpoolctl import threadpool_limits

from custaudience.customers.drivers.columns import Variable, read_outcome, read_variable
from custaudience.customers.drivers.cross_validation import cross_validated_gain
from custaudience.customers.drivers.effect_sizes import (
    area_under_curve,
    cramers_v,
    epsilon_squared,
    permutation_p,
    rank_correlation,
    share_limits,
)
from custaudience.customers.drivers.within import compare_within, coverage_table, level_table
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.errors import ColumnError, EmptyTableError, near_miss

VERDICTS = ("influences", "no_evidence", "too_little_data", "left_out")
_MEANINGS = {
    "variable": "what customers differ in",
    "outcome": "what they did afterwards",
    "n": "customers with both known",
    "n_groups": "levels compared, rare ones together as one; 0 = numbers",
    "measure": "auc, spearman, cramers_v or epsilon2, by the types of the two",
    "effect": "the measure; nothing = 0.5 for auc, 0 for the others",
    "low": "lower limit of the effect",
    "high": "upper limit of the effect",
    "share_explained": "share of the outcome's variance (of its ranks, for amounts) that goes with the variable; "
    "corrected for chance, so that it may be below 0; comparable between variables",
    "share_low": "lower limit of the share explained",
    "share_high": "its upper limit",
    "p_value": "share of permutations with at least such an effect",
    "n_permutations": "how many permutations that is of",
    "q_value": "p-value corrected for all pairs tested (Benjamini and Hochberg 1995)",
    "gain": "R squared on customers not in the sample, by this variable alone",
    "gain_added": "R squared on customers not in the sample, on top of all other variables",
    "given": "the other driver whose groups were held fixed",
    "share_within": "share explained within those groups, mean over groups",
    "p_within": "its p-value (F)",
    "reversed": "within the groups it goes the other way",
    "proxy": "goes with the outcome only as far as it goes with the other driver",
    "verdict": "influences (goes with the outcome), no_evidence, too_little_data",
    "reason": "why, in a sentence",
}


@dataclass(frozen=True)
class Drivers:
    """What was tested, with which result.

    Attributes
    ----------
    table : DataFrame
        One row per variable and outcome, strongest first; columns as in `dictionary`.
    dictionary : DataFrame
        ``column``, ``meaning``.
    variables : DataFrame
        One row per variable: ``variable``, ``type``, ``share_known``, ``verdict`` (the best over its outcomes,
        or "left_out"), ``outcomes`` (those it goes with, comma separated), ``reason``.
    levels : DataFrame
        For pairs that passed: ``variable``, ``outcome``, ``level`` (fifths of numbers, with their bounds in
        ``lower`` (exclusive) and ``upper``), ``n``, ``mean`` of the outcome (a share for yes-no), ``low``, ``high``;
        ``others`` (its mean over all others), ``difference`` to it, ``difference_low``, ``difference_high``,
        which hold for all levels of a variable at once; levels of fewer than ``min_group`` are not shown.
    coverage : DataFrame
        For variables not known for all: ``variable``, ``outcome``, ``n_known``, ``n_unknown``, ``mean_known``,
        ``mean_unknown`` (of the outcome), ``difference``, ``low``, ``high``: how those who are known differ.
    n_customers, n_tested : int
        Customers used, and pairs tested.
    false_discovery_rate, worthwhile, level : float
    min_group, seed : int
    notes : tuple of str
        What a reader must know, in English.
    """

    table: pd.DataFrame
    dictionary: pd.DataFrame
    variables: pd.DataFrame
    levels: pd.DataFrame
    coverage: pd.DataFrame
    n_customers: int
    n_tested: int
    false_discovery_rate: float
    worthwhile: float
    level: float
    min_group: int
    seed: int
    notes: tuple[str, ...]

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
    features: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    stages: Mapping[str, int] | None = None,
    false_discovery_rate: float = 0.05,
    worthwhile: float = 0.05,
    n_permutations: int = 2000,
    n_repeats: int = 4,
    min_group: int = 10,
    most_customers: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Drivers:
    """Test which variables go with what customers do later.

    Parameters
    ----------
    features : DataFrame, one row per customer
        ``customer_id`` and candidates: numbers, booleans, ordered or plain categories (text); NaN = not known.
        They must have been known before the outcomes happened; `driver_study` sees to that.
    outcomes : DataFrame, one row per customer
        ``customer_id`` and outcomes: booleans, or numbers; NaN = not applicable (the amount of who did not buy).
    stages : mapping of variable to int, optional
        A variable is held against others of its own stage or an earlier one only: what comes later may be the
        way it works. By default all have one stage.
    false_discovery_rate : float
        Share of false ones among those found that is accepted.
    worthwhile : float
        Share of variance that would matter. Where so much would be overlooked in more than one of five such
        studies, nothing found means too little data.
    n_permutations : int
        At least; more for pairs that come out small, so that the correction for many pairs can be passed.
    n_repeats : int
        Of the 5-fold cross-validation.
    min_group : int
        Levels of fewer customers are put together; an outcome that fewer have (or lack) is not tested.
    most_customers : int
        Above it a random sample of so many is used, and said in the notes.
    level : float
        Of the intervals.
    seed : int

    Returns
    -------
    Drivers

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
    x, y, sampled = _joined(features, outcomes, most_customers, seed)
    rng = default_rng(seed)
    left_out = {c: topic for c in x if (topic := sensitive_topic(str(c)))}
    variables = {str(c): read_variable(x[c]) for c in x if c not in left_out}
    results = {str(c): read_outcome(y[c]) for c in y}
    if not variables or not results:
        raise EmptyTableError("nothing to test: give at least one variable that is not sensitive, and one outcome.")
    rows, later = [], []
    for names, known_x in _by_mask(variables):
        for whats, known_y in _by_mask(results):
            used = np.flatnonzero(known_x & known_y)
            fit = {name: variables[name].on(used, min_group) for name in names}
            good = {what: results[what].on(used, min_group) for what in whats}
            bad = {(v, o): fit[v].problem or good[o].problem for v in names for o in whats}
            rows += [_untested(v, o, len(used), reason) for (v, o), reason in bad.items() if reason]
            some = [v for v in names if not fit[v].problem], [o for o in whats if not good[o].problem]
            if all(some):
                later.append((used, {v: fit[v] for v in some[0]}, {o: good[o] for o in some[1]}))
    n_tested = sum(len(fit) * len(good) for _, fit, good in later)
    # a single true pair among all must be able to pass the correction
    most = max(n_permutations, min(100_000, int(np.ceil(2 * n_tested / false_discovery_rate))))
    for used, fit, good in later:
        with threadpool_limits(1):  # many small matrices: a second thread costs more than it brings
            rows += _tested(used, fit, good, variables, rng, n_permutations, most, n_repeats, level)
    table = pd.DataFrame(rows, columns=list(_MEANINGS))
    table["q_value"] = np.nan
    tested = table["p_value"].notna()
    if tested.any():
        table.loc[tested, "q_value"] = false_discovery_control(table.loc[tested, "p_value"].to_numpy())
    table["passes"] = tested & (table["q_value"] <= false_discovery_rate) & (table["gain"] > 0)
    # two columns that say the same keep their order, whatever the last digits
    order = (
        table[["passes", "share_explained"]]
        .round(9)
        .sort_values(["passes", "share_explained"], ascending=False, kind="stable")
    )
    table = table.loc[order.index].reset_index(drop=True)
    compare_within(table, variables, results, dict(stages or {}), min_group)
    _judge(table, worthwhile, false_discovery_rate)
    table = table[list(_MEANINGS)]
    passed = table[table["verdict"] == "influences"]
    notes = [f"A random sample of {len(x):,} of {sampled:,} customers was used."] if sampled else []
    return Drivers(
        table=table,
        dictionary=pd.DataFrame(list(_MEANINGS.items()), columns=["column", "meaning"]),
        variables=_summary(table, variables, left_out),
        levels=level_table(passed, variables, results, min_group, level),
        coverage=coverage_table(variables, results, min_group, level),
        n_customers=len(x),
        n_tested=n_tested,
        false_discovery_rate=false_discovery_rate,
        worthwhile=worthwhile,
        level=level,
        min_group=min_group,
        seed=seed,
        notes=tuple(notes),
    )


def _joined(
    features: pd.DataFrame, outcomes: pd.DataFrame, most: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return both tables on the customers they share, and of how many these are a sample (0 = all)."""
    for name, frame in (("features", features), ("outcomes", outcomes)):
        if "customer_id" not in frame:
            raise ColumnError(f"{name}: column 'customer_id' not found.{near_miss('customer_id', frame.columns)}")
    x, y = features.set_index("customer_id"), outcomes.set_index("customer_id")
    for name, frame in (("features", x), ("outcomes", y)):
        if not frame.index.is_unique:
            raise ColumnError(f"{name}: a customer_id stands in two rows. Keep one row per customer.")
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


def _untested(variable: str, outcome: str, n: int, reason: str) -> dict[str, object]:
    return {"variable": variable, "outcome": outcome, "n": n, "measure": "", "reason": reason, "given": ""}


def _tested(
    used: np.ndarray,
    fit: Mapping[str, Variable],
    good: Mapping[str, Variable],
    everything: Mapping[str, Variable],
    rng: Generator,
    least: int,
    most: int,
    n_repeats: int,
    level: float,
) -> list[dict[str, object]]:
    """Test all pairs of variables and outcomes on the customers for whom all of them are known."""
    y = np.stack([outcome.response() for outcome in good.values()], axis=1)
    blocks = [variable.basis() for variable in fit.values()]
    r2, p, done = permutation_p(blocks, y, rng=rng, least=least, most=most)
    parts: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    for name, variable in everything.items():
        added = fit[name].columns() if name in fit else variable.filled(used)
        parts.append(np.arange(added.shape[1]) + sum(c.shape[1] for c in columns))
        columns.append(added)
    wanted = [list(everything).index(name) for name in fit]
    alone, on_top = cross_validated_gain(
        np.concatenate(columns, axis=1), parts, y, rng=rng, n_repeats=n_repeats, wanted=wanted
    )
    rows = []
    for i, (name, variable) in enumerate(fit.items()):
        for j, (what, outcome) in enumerate(good.items()):
            measure, (effect, low, high) = _effect(variable, outcome, level)
            df = max(variable.n_levels - 1, 1)
            share = 1 - (1 - r2[i, j]) * (len(used) - 1) / (len(used) - df - 1)
            limits = share_limits(float(r2[i, j]), df, len(used), level=level)
            rows.append(
                {
                    "variable": name,
                    "outcome": what,
                    "n": len(used),
                    "n_groups": variable.n_levels,
                    "measure": measure,
                    "effect": effect,
                    "low": low,
                    "high": high,
                    "share_explained": share,
                    "share_low": limits[0],
                    "share_high": limits[1],
                    "p_value": p[i, j],
                    "n_permutations": done[i, j],
                    "gain": alone[i, j],
                    "gain_added": on_top[i, j],
                    "given": "",
                    "reason": "",
                }
            )
    return rows


def _effect(variable: Variable, outcome: Variable, level: float) -> tuple[str, tuple[float, float, float]]:
    v, o = variable.values, outcome.values
    if variable.n_levels == 0:
        if outcome.n_levels == 0:
            return "spearman", rank_correlation(v, o, level=level)
        return "auc", area_under_curve(v, o > 0, level=level)
    codes = v.astype("int64")
    if outcome.n_levels == 0:
        return "epsilon2", epsilon_squared(o, codes, level=level)
    counts = np.stack([np.bincount(codes[o == k], minlength=variable.n_levels) for k in (0, 1)])
    return "cramers_v", cramers_v(counts, level=level)


@cache
def _needed(df: int) -> float:
    """Return the noncentrality that a test at 5 % finds in 80 % of studies."""
    limit = chdtri(df, 0.05)
    return float(brentq(lambda nc: chndtr(limit, df, nc) - 0.2, 0.1, 1000))


def _judge(table: pd.DataFrame, worthwhile: float, rate: float) -> None:
    """Add verdict and reason, in place."""
    verdicts, reasons, n_tested = [], [], int(table["p_value"].notna().sum())
    for row in table.itertuples():
        seen = _needed(max(1, int(row.n_groups) - 1)) / row.n if row.n and pd.notna(row.p_value) else np.nan
        if pd.isna(row.p_value):
            verdict, reason = "too_little_data", row.reason
        elif row.proxy:
            verdict = "no_evidence"
            reason = f"goes with the outcome only as far as it goes with {row.given}: "
            reason += "among equals in that, no difference is seen."
        elif row.passes:
            verdict, reason = "influences", f"goes with the outcome: {row.share_explained:.1%} of its variance."
            reason += f" Within groups of {row.given} it goes the other way." if row.reversed else ""
        elif seen > worthwhile:
            verdict = "too_little_data"
            reason = f"{row.n:,} customers show a share of {seen:.0%} or more reliably; a smaller one is easily missed."
        elif row.q_value <= rate:
            verdict, reason = "no_evidence", "does not help to predict customers who were not in the sample."
        else:
            verdict = "no_evidence"
            reason = f"no more than chance in {n_tested:,} tests; a share of {worthwhile:.0%} would have been seen."
        verdicts.append(verdict)
        reasons.append(reason)
    table["verdict"], table["reason"] = verdicts, reasons


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
    rows += [
        (str(name), "", np.nan, "left_out", "", f"sensitive ({topic}): never used to score or group.")
        for name, topic in left_out.items()
    ]
    columns = ["variable", "type", "share_known", "verdict", "outcomes", "reason"]
    return pd.DataFrame(rows, columns=columns).sort_values(
        "verdict", key=lambda v: v.map(VERDICTS.index), kind="stable", ignore_index=True
    )
