"""How groups, what they differ in, and the rules that tell them are put into sentences; names are values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.segments.rules import Condition, SegmentTree, rule_text
from custaudience.customers.segments.tables import kinds_of, name_of
from custaudience.evidence import template

SLUG = "segments"
SEARCHED = template("Customers with as many orders as the search asks for.")
_FORMATS = {"currency": "money0", "share": "percent", "days": "number1", "orders": "number1"}
_DIFFERENCES = {"percent": "points1"}


@dataclass(frozen=True)
class ToldRule:
    """The rule that tells most customers of a group, with how often it is right on the hold-out."""

    group: str
    values: dict[str, Any]
    n: int
    right: float
    low: float
    high: float


def group_values(row: dict[Any, Any], *, short: bool = False) -> dict[str, Any]:
    """Return the values with which a template says ``{group:sentence}`` of a row of `group_table`.

    `short`: without what the group has most of.

    Examples
    --------
    >>> group_values({"group": "champions", "about": None})
    {'group': '{group_name:term}', 'group_name': 'champions'}
    """
    name = str(row["group"])
    about = row.get("about")
    if name.islower():  # a key of the RFM segments
        return {"group": "{group_name:term}", "group_name": name}
    if short or about is None or pd.isna(about):
        return {"group": template("Group {group_name:text}"), "group_name": name}
    text = (
        template("Group {group_name:text} (most of all “{about:term}”)")
        if row["direction"] == "more"
        else template("Group {group_name:text} (little “{about:term}”)")
    )
    return {"group": text, "group_name": name, "about": str(about)}


def difference_values(row: dict[Any, Any], currency: str) -> tuple[str, dict[str, Any]]:
    """Return the sentence for a row of `profile_table`, and its values.

    The sentence says ``{group:sentence}``, whose values `group_values` gives.
    """
    form = _FORMATS.get(row["unit"], "number1")
    kind, statistic = row["kind"], row["statistic"]
    if statistic.startswith("share"):
        form = "percent"
    limit = _DIFFERENCES.get(form, form)
    values: dict[str, Any] = {
        "what_name": row["name"],
        "value": float(row["value"]),
        "others": float(row["value_others"]),
        "low": float(row["low"]),
        "high": float(row["high"]),
        "v": f"{{value:{form}}}",
        "o": f"{{others:{form}}}",
        "l": f"{{low:{limit}}}",
        "h": f"{{high:{limit}}}",
    }
    if form == "money0":
        values["currency"] = currency
    if kind == "category_share":
        return (
            template(
                "{group:sentence}: on average “{what_name:text}” is {v:sentence} of what they spend, {o:sentence} "
                "among all others (difference {l:sentence} to {h:sentence})."
            ),
            values,
        )
    if statistic == "share" and row["category"]:
        values["level"] = str(row["category"])
        return (
            template(
                "{group:sentence}: “{what_name:term}” is “{level:term}” for {v:sentence} of those of whom it is known, "
                "for {o:sentence} of all others (difference {l:sentence} to {h:sentence})."
            ),
            values,
        )
    if statistic == "share":
        return (
            template(
                "{group:sentence}: “{what_name:term}” is yes for {v:sentence} of those of whom it is known, for "
                "{o:sentence} of all others (difference {l:sentence} to {h:sentence})."
            ),
            values,
        )
    if statistic == "share above":
        values["above"] = float(row["above"])
        return (
            template(
                "{group:sentence}: “{what_name:term}” is above {above:number} for {v:sentence}, for {o:sentence} of "
                "all others (difference {l:sentence} to {h:sentence})."
            ),
            values,
        )
    if statistic == "median":
        return (
            template(
                "{group:sentence}: “{what_name:term}” is {v:sentence} for the customer in the middle, {o:sentence} "
                "among all others (difference {l:sentence} to {h:sentence})."
            ),
            values,
        )
    return (
        template(
            "{group:sentence}: “{what_name:term}” is {v:sentence} on average, {o:sentence} among all others "
            "(difference {l:sentence} to {h:sentence})."
        ),
        values,
    )


def rule_values(rules: SegmentTree, view: str, features: CustomerFeatures) -> list[ToldRule]:
    """Return the largest rule of each group that has one, with the values of ``{rule:sentence}``."""
    from statsmodels.stats.proportion import proportion_confint

    kinds, units = (
        kinds_of(features),
        dict(zip(features.dictionary["column"], features.dictionary["unit"], strict=True)),
    )
    told = []
    by_text = {rule_text(tests): tests for tests, _ in rules.conditions}
    for group, table in rules.rules.groupby("segment"):
        row = table.sort_values("n", ascending=False, kind="stable").iloc[0]
        tests, n = by_text[row["rule"]], int(row["n"])
        if not n or not tests:
            continue
        values: dict[str, Any] = {}
        parts = [_condition(i, test, kinds, units, values) for i, test in enumerate(tests)]
        values["rule"] = ", ".join(parts)
        low, high = proportion_confint(round(row["right"] * n), n, alpha=1 - rules.level, method="wilson")
        told.append(ToldRule(str(group), values, n, float(row["right"]), float(low), float(high)))
    return told


def _condition(i: int, test: Condition, kinds: dict[str, Any], units: dict[str, str], values: dict[str, Any]) -> str:
    """Return one condition as a template of signs and values, adding the latter."""
    values[f"c{i}_name"] = name_of(test.feature, kinds.get(test.feature, ""))
    name = f"{{c{i}_name:term}}"
    if test.test in ("at most", "above"):
        values[f"c{i}_limit"] = float(test.value)
        form = "percent1" if units.get(test.feature) == "share" else "number"
        return f"{name} {'≤' if test.test == 'at most' else '>'} {{c{i}_limit:{form}}}"
    if test.test in ("is", "is not"):
        values[f"c{i}_level"] = str(test.value)
        return f"{name} {'=' if test.test == 'is' else '≠'} {{c{i}_level:term}}"
    return f"{name} {'?' if test.test == 'missing' else '✓'}"
