"""What variables, levels and outcomes are called in a sentence: messages for the project's own, data's own names."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pandas as pd

from custaudience.customers.features.attributes import CATEGORY_SHARE
from custaudience.customers.features.features import CustomerFeatures
from custaudience.evidence import template

BEHAVIOUR = {
    "n_orders": template("Number of orders before"),
    "revenue_total": template("Revenue before"),
    "revenue_per_order": template("Revenue per order before"),
    "days_since_last_order": template("Days since the last order"),
    "tenure": template("Days since the first order in the data"),
    "usual_gap_days": template("Usual days between two orders"),
    "lines_per_order": template("Lines per order"),
    "n_categories": template("Number of product categories bought"),
    "weekend_share": template("Share of orders at weekends"),
    "evening_share": template("Share of orders in the evening"),
    "discounted_share": template("Share of lines with a discount"),
    "refund_share": template("Refunds as a share of sales"),
    "first_category": template("Product category of the first order"),
    "first_product": template("Product of the first order"),
    "first_order_discounted": template("Discount in the first order"),
}
# Columns of the customers table whose meaning is declared.
DECLARED = {"consent": template("Consent to messages")}
MAIN_OUTCOMES = ("revenue_of_buyers", "n_orders", "bought_again")
# Levels that the project itself names, and the topics of personal.toml.
OWN_LEVELS = (template("Yes"), template("No"), template("Other"))
TOPICS = (
    template("race or ethnicity"),
    template("skin colour"),
    template("nationality or origin"),
    template("religion"),
    template("health"),
    template("minors"),
)
_FORMATS = {"currency": "money0", "share": "percent1"}
_KEY = re.compile(r"[a-z][a-z0-9_]{0,40}")


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
    """Return the values with which a template says ``{variable:sentence}`` (or `role`): names are values only.

    Examples
    --------
    >>> naming("Вік", "attribute")
    {'variable': '{variable_name:term}', 'variable_name': 'Вік'}
    """
    text = f"{{{role}_name:term}}"
    if role == "variable" and kind in ("category_share", "date"):
        text = template("Share of {variable_name:text} in purchases")
        text = template("Days since {variable_name:text}") if kind == "date" else text
    elif kind in ("category_share", "date"):
        text = template("Share of {other_name:text} in purchases")
        text = template("Days since {other_name:text}") if kind == "date" else text
    return {role: text, f"{role}_name": plain_name_of(variable, kind)}


def level_naming(row: dict[Any, Any], unit: str) -> dict[str, Any]:
    """Return the values with which a template says ``{level:sentence}`` of a row of `Drivers.levels`."""
    lower, upper = row["lower"], row["upper"]
    form = _FORMATS.get(unit, "number")
    if pd.isna(lower) and pd.isna(upper):
        return {"level": template("“{level_name:term}”"), "level_name": row["level"]}
    if lower == upper:
        return {"level": f"{{upper:{form}}}", "upper": float(upper)}
    bounds = {k: float(row[k]) for k in ("lower", "upper") if pd.notna(row[k])}
    if pd.isna(lower):
        return {"level": template("at most {upper_text:sentence}"), "upper_text": f"{{upper:{form}}}", **bounds}
    above = {"lower_text": f"{{lower:{form}}}"}
    if pd.isna(upper):
        return {"level": template("more than {lower_text:sentence}"), **above, **bounds}
    text = template("more than {lower_text:sentence}, up to {upper_text:sentence}")
    return {"level": text, **above, "upper_text": f"{{upper:{form}}}", **bounds}


def key_of(variable: str) -> str:
    """Return a claim's key for a variable, the same every month: its name where that is a key, else a hash of it.

    Examples
    --------
    >>> key_of("home_ownership"), key_of("Вік")
    ('home_ownership', 'xbe3a60b1')
    """
    if _KEY.fullmatch(variable):
        return variable
    return "x" + hashlib.sha256(variable.encode()).hexdigest()[:8]


def named_table(table: pd.DataFrame, features: CustomerFeatures) -> pd.DataFrame:
    """Put ``kind`` and ``name`` behind ``variable``: what a figure or a page calls it, see `plain_name_of`."""
    known = kinds_of(features)
    kinds = [known.get(v) or _kind_of_left_out(str(v)) for v in table["variable"]]
    names = [plain_name_of(v, k) for v, k in zip(table["variable"], kinds, strict=True)]
    result = table.copy()
    at = list(table.columns).index("variable") + 1
    result.insert(at, "kind", pd.Series(kinds, index=table.index, dtype="str"))
    result.insert(at + 1, "name", pd.Series(names, index=table.index, dtype="str"))
    return result


def _kind_of_left_out(variable: str) -> str:
    if variable.startswith(CATEGORY_SHARE):
        return "category_share"
    return "behaviour" if variable in BEHAVIOUR else "attribute"
