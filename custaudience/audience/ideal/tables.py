"""The ideal customers as tables a report can show: counts and shares, no customer, small groups blank."""

from __future__ import annotations

import math

import pandas as pd

from custaudience.audience.ideal.customers import IdealCustomers
from custaudience.audience.ideal.facts import share_of_total
from custaudience.audience.ideal.rule import IdealRule
from custaudience.audience.ideal.traits import WHY_LEFT_OUT, DistinctiveTraits
from custaudience.audience.ideal.wording import CUT_OFFS, PART_NAMES
from custaudience.customers.drivers.names import kinds_of
from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.segments.rules import Condition
from custaudience.customers.segments.search import Kind, name_of
from custaudience.customers.segments.search import kinds_of as rule_kinds_of
from custaudience.evidence import suppress_small


def part_table(ideal: IdealCustomers, *, min_group_size: int = 10) -> pd.DataFrame:
    """Return who has each part and who is left: ``part``, ``name``, ``n_yes``, ``n_no``, ``n_unknown``, ``n_left``."""
    table = ideal.parts.copy()
    table.insert(1, "name", table["part"].map(PART_NAMES).astype("str"))
    return _no_small(table, ["n_yes", "n_no", "n_unknown", "n_left"], min_group_size)


def value_table(ideal: IdealCustomers, *, min_group_size: int = 10) -> pd.DataFrame:
    """Return the ideal customers and the rest: how many, what they bring, per customer and per order.

    Returns
    -------
    DataFrame of two rows
        ``group`` ("ideal", "rest"), ``n_customers``, ``share_of_customers``, ``revenue``, ``share_of_revenue``,
        ``revenue_per_customer``, ``orders_per_customer``.
    """
    rows = []
    revenue = ideal.table["revenue_total"].to_numpy()
    for group, inside in (("ideal", ideal.table["ideal"]), ("rest", ~ideal.table["ideal"])):
        part, n = ideal.table[inside], int(inside.sum())
        rows.append(
            {
                "group": group,
                "n_customers": n,
                "share_of_customers": n / len(ideal.table),
                "revenue": math.fsum(part["revenue_total"]),
                "share_of_revenue": share_of_total(revenue, inside.to_numpy(), ideal.level)[0],
                "revenue_per_customer": math.fsum(part["revenue_total"]) / n if n else math.nan,
                "orders_per_customer": part["n_orders"].mean() if n else math.nan,
            }
        )
    return suppress_small(pd.DataFrame(rows), n="n_customers", min_group_size=min_group_size, keep=["group"])


def cut_off_table(ideal: IdealCustomers, *, min_group_size: int = 10) -> pd.DataFrame:
    """Return what other cut-offs would give; see `IdealCustomers.sensitivity`, with ``name`` after ``cut_off``."""
    table = ideal.sensitivity.copy()
    names = {**CUT_OFFS, **PART_NAMES, "all": "All"}
    table.insert(1, "name", table["cut_off"].map(names).astype("str"))
    kept = ["cut_off", "name", "direction", "value"]
    return suppress_small(table, n="n_customers", min_group_size=min_group_size, keep=kept, counts=["n_kept"])


def trait_table(traits: DistinctiveTraits, features: CustomerFeatures) -> pd.DataFrame:
    """Return the traits as published: named, without p-values of single rows; see `DistinctiveTraits.table`."""
    kinds = kinds_of(features)
    units = features.dictionary.set_index("column")["unit"]
    table = traits.table.drop(columns=["p_value", "p_adjusted"])
    kind = table["feature"].map(kinds).astype("str")
    table["kind"] = kind
    table.insert(2, "name", [name_of(f, _kind(k)) for f, k in zip(table["feature"], kind, strict=True)])
    table.insert(3, "unit", table["feature"].map(units).astype("str"))
    keep = ["feature", "kind", "name", "unit", "category", "statistic", "status"]
    least = traits.min_group_size
    table["above"] = table["above"].astype("float64")
    return suppress_small(table, n="n", min_group_size=least, keep=keep, counts=["n_others"])


def known_table(traits: DistinctiveTraits) -> pd.DataFrame:
    """Return of whom attributes are known, without p-values; the row ``feature`` "" is of any of them."""
    return traits.known.drop(columns=["p_value"])


def left_out_table(traits: DistinctiveTraits, features: CustomerFeatures) -> pd.DataFrame:
    """Return what was not compared: ``feature``, ``name``, ``reason`` (a message)."""
    kinds = kinds_of(features)
    table = traits.left_out.copy()
    names = [name_of(f, _kind(kinds.get(f, "attribute"))) for f in table["feature"]]
    table.insert(1, "name", pd.Series(names, index=table.index, dtype="str"))
    table["reason"] = table.pop("why").map(WHY_LEFT_OUT).astype("str")
    return table


def ideal_rule_table(
    rules: tuple[IdealRule, ...],
    features: CustomerFeatures,
    early: CustomerFeatures | None,
    *,
    min_group_size: int = 10,
) -> pd.DataFrame:
    """Return the rules as published: ``view``, ``rule`` in signs, ``verdict``, ``n`` of those kept aside for whom it
    holds, ``base_rate``, ``precision`` and ``recall`` with ``…_low`` and ``…_high``; of few no figures.
    """  # noqa: D205
    rows = []
    for rule in rules:
        about = early if rule.view == "early" and early is not None else features
        few = 0 < rule.n_right < min_group_size
        missed = 0 < rule.n_hold_out_ideal - rule.n_right < min_group_size
        row = {"view": rule.view, "rule": rule_signs(rule, about), "verdict": rule.verdict, "n": rule.n_said}
        row["base_rate"] = rule.base_rate
        for name, hidden in (("precision", few), ("recall", few or missed)):
            for end in ("", "_low", "_high"):
                row[name + end] = math.nan if hidden else getattr(rule, name + end)
        rows.append(row)
    table = pd.DataFrame(rows)
    return suppress_small(table, n="n", min_group_size=min_group_size, keep=["view", "rule", "verdict", "base_rate"])


def rule_signs(rule: IdealRule, features: CustomerFeatures) -> str:
    """Return a rule in signs with the names a reader knows; alternatives between bars, "" where there is none."""
    kinds = rule_kinds_of(features)
    units = features.dictionary.set_index("column")["unit"].to_dict()
    types = features.dictionary.set_index("column")["type"].to_dict()

    def told(test: Condition) -> str:
        name = name_of(test.feature, kinds.get(test.feature, ""))
        if types.get(test.feature) == "yes-no":
            return f"{name} = {'yes' if test.test == 'above' else 'no'}"
        if test.test in ("is", "is not"):
            return f"{name} {'=' if test.test == 'is' else '≠'} {test.value}"
        sign = "≤" if test.test == "at most" else ">"
        if test.feature in rule.levels:
            return f"{name} {sign} {rule.levels[test.feature][int(float(test.value))]}"
        share = units.get(test.feature) == "share"
        value = f"{100 * float(test.value):.4g}\u00a0%" if share else f"{float(test.value):,.12g}"
        return f"{name} {sign} {value}"

    return " | ".join(", ".join(told(test) for test in tests) for tests in rule.conditions)


def _kind(kind: str) -> Kind:
    """Return the kind that names go by: a date is an attribute."""
    return "category_share" if kind == "category_share" else "behaviour" if kind == "behaviour" else "attribute"


def _no_small(table: pd.DataFrame, counts: list[str], least: int) -> pd.DataFrame:
    result = table.astype(dict.fromkeys(counts, "Int64"))
    for column in counts:
        result[column] = result[column].mask(result[column].between(1, least - 1))
    return result
