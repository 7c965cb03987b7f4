"""The sentences on a behaviour of customers: its plain words, and how two groups differ in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from custaudience.audience.personas.words import category_text, plain_text
from custaudience.evidence import Claim, template

BEHAVIOURS = {
    "n_orders": template("Orders per customer so far"),
    "revenue_total": template("Revenue per customer so far"),
    "revenue_per_order": template("Revenue per order"),
    "days_since_last_order": template("Days since the last order"),
    "tenure": template("Days since the first order"),
    "usual_gap_days": template("Days between two orders"),
    "lines_per_order": template("Lines per order"),
    "n_categories": template("Different categories bought"),
    "weekend_share": template("Share of orders at the weekend"),
    "evening_share": template("Share of orders in the evening"),
    "discounted_share": template("Share of order lines with a discount"),
    "refund_share": template("Refunds as a share of sales"),
    "first_order_discounted": template("First order with a discount"),
}
_CATEGORY = template("{category:text} as a share of spending")
_ANY = template("{column:text}")
_DIFFERENCES = {
    "money": (
        template(
            "{behaviour:sentence}: {value:money0}, against {others:money0} for all others, a difference of "
            "{difference:money0} ({low:money0} to {high:money0})."
        ),
        template(
            "{behaviour:sentence}: {value:money0}, and {others:money0} for all others; no clear difference "
            "({low:money0} to {high:money0})."
        ),
    ),
    "share": (
        template(
            "{behaviour:sentence}: {value:percent1}, against {others:percent1} for all others, a difference of "
            "{difference:points1} ({low:points1} to {high:points1})."
        ),
        template(
            "{behaviour:sentence}: {value:percent1}, and {others:percent1} for all others; no clear difference "
            "({low:points1} to {high:points1})."
        ),
    ),
    "number": (
        template(
            "{behaviour:sentence}: {value:number1}, against {others:number1} for all others, a difference of "
            "{difference:number1} ({low:number1} to {high:number1})."
        ),
        template(
            "{behaviour:sentence}: {value:number1}, and {others:number1} for all others; no clear difference "
            "({low:number1} to {high:number1})."
        ),
    ),
}


def behaviour_name(row: Mapping[str, Any] | pd.Series) -> tuple[str, dict[str, Any]]:
    """Return the plain words of a behaviour of `compare_with_rest`: a template, and its values."""
    if row["category"]:
        return _CATEGORY, {"category": category_text(row["category"])}
    column = str(row["column"])
    return BEHAVIOURS.get(column, _ANY), {} if column in BEHAVIOURS else {"column": plain_text(column)}


def difference_claim(id_: str, row: Mapping[str, Any], currency: str, facts: dict[str, Any]) -> Claim:
    """Return the claim of a row of `compare_with_rest`; a row without figures is named without any."""
    behaviour, values = behaviour_name(row)
    measured, unclear = _DIFFERENCES[row["kind"]]
    values |= {"behaviour": behaviour, "currency": currency}
    unit = {"money": currency, "share": "fraction"}.get(row["kind"], row["unit"])
    if row["status"] == "too_few":
        text = template("{behaviour:sentence}: too few customers to compare.")
        if pd.notna(row["difference"]):
            text = template("{behaviour:sentence}: too few customers to compare ({n:count}).")
            values |= {"n": int(min(row["n"], row["n_others"]))}
        facts = {name: fact for name, fact in facts.items() if name != "level"}
        return Claim(id=id_, template=text, values=values, value=None, unit=unit, n=None, status="too_few", **facts)
    text = measured if row["status"] == "measured" else unclear
    values |= {
        "value": row["value"], "others": row["value_others"], "difference": row["difference"],
        "low": row["low"], "high": row["high"],
    }  # fmt: skip
    return Claim(
        id=id_, template=text, values=values, value=row["difference"], unit=unit, n=int(row["n"]),
        low=row["low"], high=row["high"], status=row["status"], **facts,
    )  # fmt: skip
