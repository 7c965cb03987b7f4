"""The tables of a driver study that may be published: aggregates, small groups blanked, names beside the codes."""

from __future__ import annotations

import pandas as pd

from custaudience.customers.cohorts.second_order_study import SecondOrderStudy
from custaudience.customers.drivers.finding import headline_outcome
from custaudience.customers.drivers.names import MAIN_OUTCOMES, kinds_of, named_table
from custaudience.customers.drivers.study import DriverStudy
from custaudience.customers.features.attributes import CATEGORY_SHARE
from custaudience.evidence import suppress_small, template

OUTCOMES = {
    "revenue_of_buyers": template("Revenue of those who ordered"),
    "n_orders": template("Number of orders"),
    "bought_again": template("Ordered again"),
}
VERDICTS = {
    "influences": template("Goes with it"),
    "no_evidence": template("No evidence"),
    "too_little_data": template("Too little data"),
    "left_out": template("Left out"),
}
THROUGH = template("Only through a stronger one")


def driver_tables(study: DriverStudy, *, min_group_size: int) -> dict[str, pd.DataFrame]:
    """Return the tables of a driver study, ready to publish.

    Parameters
    ----------
    study : DriverStudy
    min_group_size : int
        What rests on fewer customers is blank.

    Returns
    -------
    dict of DataFrame
        ``drivers`` (a row per variable and outcome, the outcome of the finding first: `Drivers.table` with ``kind``,
        ``name``, ``outcome_name``, ``verdict_name``), ``driver_levels`` (`Drivers.levels`), ``driver_variables`` (one
        row per variable: verdict and reason) and ``attribute_coverage`` (`Drivers.coverage` of attributes and the
        outcomes whether, how often and for how much). ``kind`` and ``name`` say what a figure calls a variable.
    """
    found, features, least = study.drivers, study.features, min_group_size
    attributes = {v for v, kind in kinds_of(features).items() if kind in ("attribute", "date")}
    drivers = named_table(found.table, features)
    drivers.insert(4, "outcome_name", _outcome_names(drivers["outcome"]))
    drivers["verdict_name"] = (
        drivers["verdict"].map(VERDICTS).mask(drivers["proxy"].fillna(False).astype(bool), THROUGH)
    )
    first = drivers["outcome"].ne(headline_outcome(study))
    drivers = drivers.loc[first.sort_values(kind="stable").index].reset_index(drop=True)
    keys = ["variable", "kind", "name", "outcome", "outcome_name", "verdict", "verdict_name", "reason"]
    levels = named_table(found.levels, features)
    levels.insert(4, "outcome_name", _outcome_names(levels["outcome"]))
    known = named_table(found.coverage, features)
    known = known[known["variable"].isin(attributes) & known["outcome"].isin(MAIN_OUTCOMES)]
    known = known[known[["n_known", "n_unknown"]].min(axis=1) >= least].reset_index(drop=True)
    known.insert(4, "outcome_name", _outcome_names(known["outcome"]))
    variables = named_table(found.variables, features)
    few = (variables["share_known"] * found.n_customers).between(0, least, inclusive="neither")
    variables["share_known"] = variables["share_known"].mask(few)
    return {
        "drivers": suppress_small(drivers, n="n", min_group_size=least, keep=keys),
        "driver_levels": levels[levels["n"] >= least].reset_index(drop=True),
        "driver_variables": variables,
        "attribute_coverage": known,
    }


def second_order_table(study: SecondOrderStudy, *, min_group_size: int) -> pd.DataFrame:
    """Return `SecondOrderStudy.table` with ``variable`` ("" = all customers), ``kind``, ``name``, ``days``."""
    table = named_table(study.table().rename(columns={"by": "variable"}), study.features)
    table["name"] = table["name"].where(table["variable"] != "", "")
    table["days"] = study.days
    keys = ["variable", "kind", "name", "group", "verdict", "days"]
    return suppress_small(table, n="n", min_group_size=min_group_size, keep=keys)


def _outcome_names(outcomes: pd.Series) -> pd.Series:
    names = [OUTCOMES.get(o, str(o).removeprefix(CATEGORY_SHARE)) for o in outcomes]
    return pd.Series(names, index=outcomes.index, dtype="str")
