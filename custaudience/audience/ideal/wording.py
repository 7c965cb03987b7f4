"""How traits and rules are put into sentences; names of the data are values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from custaudience.audience.ideal.rule import IdealRule
from custaudience.customers.drivers.names import naming
from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.segments.rules import Condition
from custaudience.customers.segments.search import kinds_of, name_of
from custaudience.evidence import template

SLUG = "ideal_customer"
_FORMS = {"currency": "money0", "share": "percent1"}
_YES, _NO = template("Yes"), template("No")
_ALTERNATIVES = {
    1: "{r0:sentence}",
    2: template("{r0:sentence}; or {r1:sentence}"),
    3: template("{r0:sentence}; or {r1:sentence}; or {r2:sentence}"),
    4: template("{r0:sentence}; or {r1:sentence}; or {r2:sentence}; or {r3:sentence}"),
}
MOST_ALTERNATIVES = max(_ALTERNATIVES)
VIEW_NAMES = {
    "everybody": template("By what is known of everybody from the start"),
    "asked": template("By what is known of those who were asked"),
    "early": template("By the first {orders:count} {orders:plural order|orders}"),
}
CUT_OFFS = {
    "min_orders": template("Number of orders at least"),
    "min_span_days": template("Days from the first order to the last"),
    "top_share": template("Share of customers that counts as the top"),
    "overdue_share": template("Share of own gaps a silence may outlast"),
    "satisfied_from": template("Answer from which somebody is satisfied"),
    "min_responses": template("Campaigns responded to at least"),
}
PART_NAMES = {
    "loyal": template("Loyal"),
    "valuable": template("Valuable"),
    "current": template("In the own rhythm"),
    "satisfied": template("Satisfied"),
    "engaged": template("Engaged"),
}
# The codes of published columns, for `present.label`.
CODES = (
    *(template("As set"), template("Lower"), template("Higher"), template("Left out"), template("All")),
    *(template("Ideal"), template("Rest"), template("Everybody"), template("Asked"), template("Early")),
    *(template("Better than chance"), template("No better"), template("None")),
)


def trait_values(row: Mapping[Any, Any], kind: str, unit: str, currency: str) -> tuple[str, dict[str, Any]]:
    """Return the sentence for a row of `DistinctiveTraits.table` that has figures, and its values.

    Parameters
    ----------
    row : mapping
    kind : str
        As `drivers.names.kinds_of` gives it.
    unit : str
        Of the feature's dictionary.
    currency : str
    """
    share = str(row["statistic"]).startswith("share")
    form = "percent1" if share else _FORMS.get(unit, "number1")
    values: dict[str, Any] = {
        **naming(str(row["feature"]), kind), "value": float(row["value"]), "others": float(row["value_others"]),
        "v": f"{{value:{form}}}", "o": f"{{others:{form}}}",
    }  # fmt: skip
    if form == "money0":
        values["currency"] = currency
    if pd.isna(row["ratio"]):
        limit = "points1" if form == "percent1" else form
        values |= {"low": float(row["low"]), "high": float(row["high"])}
        values |= {"l": f"{{low:{limit}}}", "h": f"{{high:{limit}}}"}
        how = template("difference {l:sentence} to {h:sentence}")
    else:
        values |= {"ratio": float(row["ratio"]), "low": float(row["ratio_low"]), "high": float(row["ratio_high"])}
        often, much = (template("{ratio:number2} times as often, {low:number2} to {high:number2}"),
                       template("{ratio:number2} times as much, {low:number2} to {high:number2}"))  # fmt: skip
        how = often if share else much
    values["how"] = how
    if share and row["category"]:
        values["level"] = str(row["category"])
        return template(
            "“{variable:sentence}” is “{level:term}” for {v:sentence} of the ideal customers of whom it is known, for "
            "{o:sentence} of the rest ({how:sentence})."
        ), values
    if row["statistic"] == "share":
        return template(
            "“{variable:sentence}” is yes for {v:sentence} of the ideal customers of whom it is known, for "
            "{o:sentence} of the rest ({how:sentence})."
        ), values
    if share:
        values["above"] = float(row["above"])
        return template(
            "“{variable:sentence}” is above {above:number} for {v:sentence} of the ideal customers, for {o:sentence} "
            "of the rest ({how:sentence})."
        ), values
    if row["statistic"] == "median":
        return template(
            "“{variable:sentence}” is {v:sentence} for the ideal customer in the middle, {o:sentence} among the rest "
            "({how:sentence})."
        ), values
    return template(
        "“{variable:sentence}” is {v:sentence} on average, {o:sentence} among the rest ({how:sentence})."
    ), values


def rule_values(rule: IdealRule, features: CustomerFeatures, currency: str) -> dict[str, Any]:
    """Return the values of ``{rule:sentence}``: the conditions in signs, alternatives joined by "or"."""
    units = dict(zip(features.dictionary["column"], features.dictionary["unit"], strict=True))
    types = dict(zip(features.dictionary["column"], features.dictionary["type"], strict=True))
    kinds = kinds_of(features)
    values: dict[str, Any] = {"currency": currency}
    # a deep tree may have more; those left out of the sentence stand in the table of rules
    shown = rule.conditions[:MOST_ALTERNATIVES]
    for i, tests in enumerate(shown):
        parts = [
            _condition(f"c{i}_{j}", test, str(kinds.get(test.feature, "")), units, types, rule.levels, values)
            for j, test in enumerate(_ranges(tests))
        ]
        values[f"r{i}"] = ", ".join(parts)
    return values | {"rule": _ALTERNATIVES[len(shown)]}


def _ranges(tests: Sequence[Condition]) -> list[Condition]:
    """Return conditions with those on one feature beside each other, the lower limit first."""
    order = {test.feature: i for i, test in reversed(list(enumerate(tests)))}
    return sorted(tests, key=lambda test: (order[test.feature], test.test == "at most"))


def _condition(
    key: str,
    test: Condition,
    kind: str,
    units: Mapping[str, str],
    types: Mapping[str, str],
    levels: Mapping[str, Sequence[str]],
    values: dict[str, Any],
) -> str:
    """Return one condition as a template of signs and values, adding the latter."""
    values[f"{key}_name"] = name_of(test.feature, kind)
    name = f"{{{key}_name:term}}"
    if types.get(test.feature) == "yes-no":
        values[f"{key}_level"] = _YES if test.test == "above" else _NO
        return f"{name} = {{{key}_level:term}}"
    if test.test in ("at most", "above"):
        sign = "≤" if test.test == "at most" else ">"
        if test.feature in levels:
            values[f"{key}_level"] = levels[test.feature][int(float(test.value))]
            return f"{name} {sign} {{{key}_level:term}}"
        values[f"{key}_limit"] = float(test.value)
        return f"{name} {sign} {{{key}_limit:{_FORMS.get(units.get(test.feature, ''), 'number')}}}"
    values[f"{key}_level"] = str(test.value)
    return f"{name} {'=' if test.test == 'is' else '≠'} {{{key}_level:term}}"
