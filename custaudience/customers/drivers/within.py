"""Looking twice at what was found: within groups of another driver, by level, and who is known at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from custaudience.customers.drivers.columns import Variable
from custaudience.customers.drivers.effect_sizes import partial_share

STILL_SEEN = 0.05
KEPT = 0.5
COVERED = 0.8


def compare_within(
    table: pd.DataFrame,
    variables: Mapping[str, Variable],
    outcomes: Mapping[str, Variable],
    stages: Mapping[str, int],
    min_group: int,
) -> None:
    """Hold each tested pair against the other drivers of its outcome, in place.

    Adds ``given``, ``share_within``, ``p_within``, ``reversed`` (the strongest other driver; for a proxy the
    one it goes back to) and ``proxy``. `table` must be sorted, strongest first, those that pass on top.
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
                proxy = other in stronger and p > STILL_SEEN and not within > KEPT * marginal
                if found is None or (proxy and not found[4]) or (proxy and within < found[1]):
                    turned = turned and row.passes and p <= STILL_SEEN
                    found = (other, within, p, turned, proxy)
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
    if len(rows) < COVERED * mine.sum():
        return None
    fit, y = variable.on(rows, min_group), outcome.on(rows, min_group).response()
    if fit.problem:
        return None
    block, strata = fit.columns(), other.strata(rows, min_group)[0]
    marginal, _, overall = partial_share(block, y, np.zeros(len(rows), dtype="int64"))
    within, p, inside = partial_share(block, y, strata)
    if np.isnan(within):  # the other one tells this one exactly
        return marginal, 0.0, 1.0, False
    centred = block - block.mean(axis=0)
    return marginal, within, p, float((centred @ overall) @ (centred @ inside)) < 0


def level_table(
    passed: pd.DataFrame,
    variables: Mapping[str, Variable],
    outcomes: Mapping[str, Variable],
    min_group: int,
    level: float,
) -> pd.DataFrame:
    """Give the outcome by level of each variable that passed; numbers in fifths.

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


def _mean(values: np.ndarray, outcome: Variable, level: float) -> tuple[float, float, float]:
    from statsmodels.stats.proportion import proportion_confint

    mean = float(values.mean())
    if outcome.n_levels:
        low, high = proportion_confint(int(values.sum()), len(values), alpha=1 - level, method="wilson")
        return mean, float(low), float(high)
    if np.ptp(values) == 0:
        return mean, np.nan, np.nan  # nothing to learn a spread from
    half = float(-stdtrit(len(values) - 1, (1 - level) / 2) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def _gap(a: np.ndarray, b: np.ndarray, outcome: Variable, level: float) -> tuple[float, float, float]:
    from statsmodels.stats.proportion import confint_proportions_2indep

    gap = float(a.mean() - b.mean())
    if outcome.n_levels:
        low, high = confint_proportions_2indep(
            a.sum(), len(a), b.sum(), len(b), method="newcomb", compare="diff", alpha=1 - level
        )
        return gap, float(low), float(high)
    va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if va + vb == 0:
        return gap, np.nan, np.nan  # nothing to learn a spread from
    df = (va + vb) ** 2 / max(va**2 / (len(a) - 1) + vb**2 / (len(b) - 1), 1e-300)
    half = float(-stdtrit(max(df, 1.0), (1 - level) / 2) * np.sqrt(va + vb))
    return gap, gap - half, gap + half


def coverage_table(
    variables: Mapping[str, Variable], outcomes: Mapping[str, Variable], min_group: int, level: float
) -> pd.DataFrame:
    """Compare those for whom a variable is known with those for whom it is not, by outcome.

    Intervals: Newcombe (1998) for yes-no, Welch (1947) for amounts. Variables known for the same customers
    repeat the same figures. Pairs with fewer than `min_group` on one side are not shown.
    """
    rows: list[tuple[object, ...]] = []
    for name, variable in variables.items():
        for what, outcome in outcomes.items():
            a = outcome.values[outcome.known & variable.known]
            b = outcome.values[outcome.known & ~variable.known]
            if min(len(a), len(b)) < min_group:
                continue
            rows.append((name, what, len(a), len(b), a.mean(), b.mean(), *_gap(a, b, outcome, level)))
    columns = ["variable", "outcome", "n_known", "n_unknown", "mean_known", "mean_unknown", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
