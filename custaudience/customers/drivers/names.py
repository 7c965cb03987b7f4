"""What variables, levels and outcomes are called, and the tables of a study that may be published."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pandas as pd

from custaudience.customers.drivers.study import DriverStudy, SecondOrderStudy
from custaudience.customers.features.attributes import CATEGORY_SHARE
from custaudience.customers.features.features import CustomerFeatures
from custaudience.evidence import Terms, suppress_small
from custaudience.telling import sheet

_PHRASES = sheet("custaudience.customers.drivers")["phrases"]
BEHAVIOUR: dict[str, str] = _PHRASES["behaviour"]
DECLARED: dict[str, str] = _PHRASES["declared"]  # columns of the customers table whose meaning is declared
OUTCOMES: dict[str, str] = _PHRASES["outcome"]
VERDICTS: dict[str, str] = _PHRASES["verdict"]
MAIN_OUTCOMES = ("revenue_of_buyers", "n_orders", "bought_again")
_MANY = 100
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
    """Return the values with which a template says ``{variable:sentence}`` (or ``other``): names are values only.

    Examples
    --------
    >>> naming("Вік", "attribute")
    {'variable': '{variable_name:term}', 'variable_name': 'Вік'}
    """
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
    """Return a claim's key for a variable, the same every month: its name where that is a key, else a hash of it.

    Examples
    --------
    >>> key_of("home_ownership"), key_of("Вік")
    ('home_ownership', 'xbe3a60b1')
    """
    return variable if _KEY.fullmatch(variable) else "x" + hashlib.sha256(variable.encode()).hexdigest()[:8]


def headline_outcome(study: DriverStudy) -> str:
    """Return the outcome the finding speaks of: what was spent, else how often, else who.

    The first for which anything passed on 100 customers or more; else for which anything passed, or was tested.
    """
    tested = study.drivers.table.dropna(subset="p_value")
    passed = tested[tested["verdict"] == "influences"]
    for rows in (passed[passed["n"] >= _MANY], passed, tested):
        found = [outcome for outcome in MAIN_OUTCOMES if (rows["outcome"] == outcome).any()]
        if found:
            return found[0]
    return "n_orders"


def named_table(table: pd.DataFrame, features: CustomerFeatures) -> pd.DataFrame:
    """Put ``kind`` and ``name`` behind ``variable``, and ``outcome_name`` behind ``outcome``, as a page calls them."""
    known, result = kinds_of(features), table.copy()
    kinds = [known.get(v) or _kind_of_left_out(str(v)) for v in table["variable"]]
    names = [plain_name_of(v, k) for v, k in zip(table["variable"], kinds, strict=True)]
    at = list(table.columns).index("variable") + 1
    result.insert(at, "kind", pd.Series(kinds, index=table.index, dtype="str"))
    result.insert(at + 1, "name", pd.Series(names, index=table.index, dtype="str"))
    if "outcome" in result:
        called = [OUTCOMES.get(o, str(o).removeprefix(CATEGORY_SHARE)) for o in table["outcome"]]
        result.insert(at + 3, "outcome_name", pd.Series(called, index=table.index, dtype="str"))
    return result


def _kind_of_left_out(variable: str) -> str:
    if variable.startswith(CATEGORY_SHARE):
        return "category_share"
    return "behaviour" if variable in BEHAVIOUR else "attribute"


def driver_tables(study: DriverStudy, terms: Terms) -> dict[str, pd.DataFrame]:
    """Return the tables of a driver study, ready to publish; what rests on fewer customers than ``least`` is blank.

    ``drivers`` (a row per variable and outcome, the outcome of the finding first: `Drivers.table` with ``kind``,
    ``name``, ``outcome_name``, ``verdict_name``), ``driver_levels`` (`Drivers.levels`), ``driver_variables`` (one
    row per variable: verdict and reason) and ``attribute_coverage`` (`Drivers.coverage` of attributes and the
    outcomes whether, how often and for how much). ``kind`` and ``name`` say what a figure calls a variable.
    """
    found, features, least = study.drivers, study.features, terms.least
    drivers = named_table(found.table, features)
    stand_in = drivers["proxy"].fillna(False).astype(bool)
    drivers["verdict_name"] = drivers["verdict"].map(VERDICTS).mask(stand_in, VERDICTS["stand_in"])
    first = drivers["outcome"].ne(headline_outcome(study))
    drivers = drivers.loc[first.sort_values(kind="stable").index].reset_index(drop=True)
    keys = ["variable", "kind", "name", "outcome", "outcome_name", "verdict", "verdict_name", "reason"]
    levels, known, variables = (named_table(t, features) for t in (found.levels, found.coverage, found.variables))
    known = known[known["kind"].isin(["attribute", "date"]) & known["outcome"].isin(MAIN_OUTCOMES)]
    few = (variables["share_known"] * found.n_customers).between(0, least, inclusive="neither")
    return {
        "drivers": suppress_small(drivers, n="n", min_group_size=least, keep=keys),
        "driver_levels": levels[levels["n"] >= least].reset_index(drop=True),
        "driver_variables": variables.assign(share_known=variables["share_known"].mask(few)),
        "attribute_coverage": known[known[["n_known", "n_unknown"]].min(axis=1) >= least].reset_index(drop=True),
    }


def second_order_table(study: SecondOrderStudy, terms: Terms) -> pd.DataFrame:
    """Return `SecondOrderStudy.table` with ``variable`` ("" = all customers), ``kind``, ``name``, ``days``."""
    table = named_table(study.table().rename(columns={"by": "variable"}), study.features)
    table["name"] = table["name"].where(table["variable"] != "", "")
    keys = ["variable", "kind", "name", "group", "verdict", "days"]
    return suppress_small(table.assign(days=study.days), n="n", min_group_size=terms.least, keep=keys)
