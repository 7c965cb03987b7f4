"""The ideal customers as tables a report can show: counts and shares, no customer, small groups blank."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from custaudience.audience.ideal.customers import IdealCustomers, share_of_total
from custaudience.audience.ideal.rule import IdealRule
from custaudience.audience.ideal.traits import DistinctiveTraits
from custaudience.customers.segments.rules import Condition
from custaudience.evidence import suppress_small
from custaudience.telling import sheet


def _names(group: str) -> dict[str, str]:
    return dict(sheet(__package__)["phrases"][group])


def part_table(ideal: IdealCustomers, least: int) -> pd.DataFrame:
    """Return who has each part and who is left: ``part``, ``name``, ``n_yes``, ``n_no``, ``n_unknown``, ``n_left``."""
    table = ideal.parts.astype(dict.fromkeys(["n_yes", "n_no", "n_unknown", "n_left"], "Int64"))
    for column in ["n_yes", "n_no", "n_unknown", "n_left"]:
        table[column] = table[column].mask(table[column].between(1, least - 1))
    table.insert(1, "name", table["part"].map(_names("part")).astype("str"))
    return table


def value_table(ideal: IdealCustomers, least: int) -> pd.DataFrame:
    """Return the "ideal" and the "rest" (``group``): how many, what they bring, per customer and per order."""
    rows, revenue = [], ideal.table["revenue_total"].to_numpy()
    for group, inside in (("ideal", ideal.table["ideal"]), ("rest", ~ideal.table["ideal"])):
        part, n, brought = ideal.table[inside], int(inside.sum()), math.fsum(revenue[inside])
        share = share_of_total(revenue, inside.to_numpy(), ideal.share.level).value
        each = (brought / n, part["n_orders"].mean()) if n else (math.nan, math.nan)
        rows.append((group, n, n / len(ideal.table), brought, share, *each))
    columns = ["group", "n_customers", "share_of_customers", "revenue", "share_of_revenue"]
    table = pd.DataFrame(rows, columns=[*columns, "revenue_per_customer", "orders_per_customer"])
    return suppress_small(table, n="n_customers", min_group_size=least, keep=["group"])


def cut_off_table(ideal: IdealCustomers, least: int) -> pd.DataFrame:
    """Return what other cut-offs would give; see `IdealCustomers.sensitivity`, with ``name`` after ``cut_off``."""
    table = ideal.sensitivity.copy()
    names = {**_names("cut_off"), **_names("part"), "all": "All"}
    table.insert(1, "name", table["cut_off"].map(names).astype("str"))
    kept = ["cut_off", "name", "direction", "value"]
    return suppress_small(table, n="n_customers", min_group_size=least, keep=kept, counts=["n_kept"])


def trait_table(traits: DistinctiveTraits) -> pd.DataFrame:
    """Return the traits as published, without p-values of single rows; see `DistinctiveTraits.table`."""
    table = traits.table.drop(columns=["p_value", "p_adjusted"]).astype({"above": "float64"})
    keep = ["feature", "kind", "name", "unit", "category", "statistic", "status"]
    return suppress_small(table, n="n", min_group_size=traits.terms.least, keep=keep, counts=["n_others"])


def left_out_table(traits: DistinctiveTraits) -> pd.DataFrame:
    """Return what was not compared: ``feature``, ``name``, ``reason`` (a message)."""
    table = traits.left_out.copy()
    table["reason"] = table.pop("why").map(_names("left_out")).astype("str")
    return table


def ideal_rule_table(rules: Sequence[IdealRule], least: int) -> pd.DataFrame:
    """Return the rules as published: ``view``, ``rule`` in signs, ``verdict``, ``n`` of those kept aside for whom it
    holds, ``base_rate``, ``precision`` and ``recall`` with ``…_low`` and ``…_high``; of few no figures.
    """  # noqa: D205
    rows = []
    for rule in rules:
        few = 0 < rule.n_right < least
        missed = 0 < rule.n_hold_out_ideal - rule.n_right < least
        row = {"view": rule.view, "rule": rule_signs(rule), "verdict": rule.verdict, "n": rule.n_said}
        row["base_rate"] = rule.base_rate
        for name, of, hidden in (("precision", rule.precision, few), ("recall", rule.recall, few or missed)):
            for end, value in (("", of.value), ("_low", of.low), ("_high", of.high)):
                row[name + end] = math.nan if hidden else value
        rows.append(row)
    keep = ["view", "rule", "verdict", "base_rate"]
    return suppress_small(pd.DataFrame(rows), n="n", min_group_size=least, keep=keep)


def rule_signs(rule: IdealRule) -> str:
    """Return a rule in signs with the names a reader knows; alternatives between bars, "" where there is none."""
    return " | ".join(", ".join(_signs(rule, test) for test in tests) for tests in rule.conditions)


def _signs(rule: IdealRule, test: Condition) -> str:
    name, sign, value, form = rule.parts(test)
    if isinstance(value, float):
        value = f"{100 * value:.4g}\u00a0%" if form == "percent1" else f"{value:,.12g}"
    return f"{name} {sign} {value.lower() if form == 'yes-no' else value}"
