"""The finding of a driver study: how much goes with what people did before, how much with who they are."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from custaudience.customers.drivers.columns import read_outcome, read_variable
from custaudience.customers.drivers.effect_sizes import share_limits
from custaudience.customers.drivers.names import MAIN_OUTCOMES, kinds_of, naming
from custaudience.customers.drivers.study import DriverStudy, cut_day
from custaudience.errors import HistoryError
from custaudience.evidence import Claim, Status, template

SLUG = "what_drives_behaviour"
_MANY = 100
METHOD = template(
    "Known before the cut date, against what was done from it on: permutation test, false discoveries held at 5 % "
    "over all pairs, prediction of customers not in the sample, and comparison within groups of stronger ones."
)
_IN_WHAT = {
    "revenue_of_buyers": template("in how much those who ordered spent"),
    "n_orders": template("in how often customers ordered"),
    "bought_again": template("in who ordered again at all"),
}


@dataclass(frozen=True)
class Told:
    """A study with what the sentences on it share."""

    study: DriverStudy
    currency: str
    least: int
    common: dict[str, Any]

    @property
    def n(self) -> int | None:
        """Customers of the study; None when they are too few to be counted in public."""
        n = self.study.drivers.n_customers
        return n if n >= self.least else None

    @cached_property
    def attributes(self) -> set[str]:
        """Names of the variables that come from the customers table."""
        return {variable for variable, kind in self.kinds.items() if kind in ("attribute", "date")}

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Kind by variable."""
        return kinds_of(self.study.features)

    @cached_property
    def units(self) -> dict[str, str]:
        """Unit by variable."""
        return self.study.features.dictionary.set_index("column")["unit"].to_dict()

    @cached_property
    def main(self) -> pd.DataFrame:
        """Pairs with whether, how often and for how much; strongest first."""
        table = self.study.drivers.table
        return table[table["outcome"].isin(MAIN_OUTCOMES)]

    @cached_property
    def strongest(self) -> pd.DataFrame:
        """Of each variable that passes for a main outcome, the pair with the largest share; strongest first."""
        passed = self.main[self.main["verdict"] == "influences"].copy()
        # two that are as strong keep the order of their names, whatever the last digits
        passed["rounded"] = passed["share_explained"].round(9)
        passed = passed.sort_values(["rounded", "variable"], ascending=[False, True], kind="stable")
        return passed.drop_duplicates("variable")

    def name(self, variable: str, role: str = "variable") -> dict[str, str]:
        """Return the values that name a variable in a sentence."""
        return naming(variable, self.kinds[variable], role)


def finding_claim(told: Told) -> Claim:
    """Return the finding: how much goes with earlier behaviour, and how much with who people are."""
    outcome = headline_outcome(told.study)
    rows = told.main[told.main["outcome"] == outcome]
    passed = rows[rows["verdict"] == "influences"]
    is_attribute = passed["variable"].isin(told.attributes)
    tested = rows.dropna(subset="p_value")
    n_attributes = int(tested["variable"].isin(told.attributes).sum())
    cut = told.study.cut.isoformat()
    values: dict[str, Any] = {"what": _IN_WHAT[outcome], "outcome_key": outcome, "cut": cut, "tested": len(tested)}
    fixed: dict[str, Any] = {"statistic": "driver_share", "unit": "fraction", "method": METHOD}
    if passed.empty:
        text = template(
            "No evidence that any of {tested:count} differences between customers goes with what they did from "
            "{cut:date} on: no audience should be defined by them yet."
        )
        status: Status = "no_clear_difference" if (tested["verdict"] == "no_evidence").any() else "too_few"
        if status == "too_few":
            text = template(
                "Too few customers to tell which differences between them go with what they did from {cut:date} on."
            )
        return Claim(
            id=f"{SLUG}.finding", template=text, values=values, kind="count", value=len(tested),
            n=told.n, status=status, **(fixed | {"unit": "pairs"}), **told.common,
        )  # fmt: skip
    behaviour, attribute = passed[~is_attribute][:1], passed[is_attribute][:1]
    first = (attribute if behaviour.empty else behaviour).iloc[0]
    share, low, high, n = _share(first)
    if not behaviour.empty and not attribute.empty:
        among = attribute.iloc[0]
        # a fair comparison is of the same people: those for whom the attribute is known
        share, low, high, n = _share_among(told.study, first["variable"], among["variable"], outcome)
        values |= {**told.name(among["variable"], "other"), **_shares(among, "other")}
        text = template(
            "Of the differences {what:sentence} from {cut:date} on, “{variable:sentence}” goes with {share:percent} "
            "({low:percent} to {high:percent}) and the strongest attribute, “{other:sentence}”, with "
            "{other_share:percent} ({other_low:percent} to {other_high:percent}), among the {n:count} customers of "
            "whom both are known."
        )
        if among["share_high"] < low:
            text = template(
                "What people did before tells more than who they are: of the differences {what:sentence} from "
                "{cut:date} on, “{variable:sentence}” goes with {share:percent} ({low:percent} to {high:percent}), the "
                "strongest attribute, “{other:sentence}”, with only {other_share:percent} ({other_low:percent} to "
                "{other_high:percent}), among the {n:count} customers of whom both are known."
            )
    elif not behaviour.empty and n_attributes:
        values["attributes"] = n_attributes
        text = template(
            "What people did before goes with what they do later: of the differences {what:sentence} from {cut:date} "
            "on, “{variable:sentence}” goes with {share:percent} ({low:percent} to {high:percent}). Of "
            "{attributes:count} {attributes:plural attribute|attributes} of customers none is seen to go with it by "
            "itself."
        )
        mine = tested[tested["variable"].isin(told.attributes)]
        if (mine["verdict"] == "too_little_data").all():
            text = template(
                "What people did before goes with what they do later: of the differences {what:sentence} from "
                "{cut:date} on, “{variable:sentence}” goes with {share:percent} ({low:percent} to {high:percent}). "
                "Of {attributes:count} {attributes:plural attribute|attributes} of customers too little is known to "
                "tell."
            )
    elif not behaviour.empty:
        text = template(
            "What people did before goes with what they do later: of the differences {what:sentence} from {cut:date} "
            "on, “{variable:sentence}” goes with {share:percent} ({low:percent} to {high:percent}). Whether age, "
            "income or place matter cannot be said: no such attribute could be tested."
        )
    else:
        text = template(
            "Of the differences {what:sentence} from {cut:date} on, “{variable:sentence}” goes with {share:percent} "
            "({low:percent} to {high:percent}), more than anything known of earlier orders."
        )
    values |= {**told.name(first["variable"]), "n": n, "share": share, "low": low, "high": high}
    return Claim(
        id=f"{SLUG}.finding", template=text, values=values, kind="estimate", value=share, low=low, high=high,
        level=told.study.drivers.level, n=n, base=template("customers with an order before the cut date"),
        **fixed, **told.common,
    )  # fmt: skip


def _share(row: pd.Series) -> tuple[float, float, float, int]:
    share = max(0.0, float(row["share_explained"]))
    return share, float(row["share_low"]), float(row["share_high"]), int(row["n"])


def _shares(row: pd.Series, role: str) -> dict[str, float]:
    share, low, high, _ = _share(row)
    return {f"{role}_share": share, f"{role}_low": low, f"{role}_high": high}


def _share_among(study: DriverStudy, variable: str, known: str, outcome: str) -> tuple[float, float, float, int]:
    """Return the share that goes with a variable among the customers for whom another one is known."""
    before = study.features.table.set_index("customer_id")
    after = study.outcomes.set_index("customer_id")[outcome].reindex(before.index)
    x, other, y = read_variable(before[variable]), read_variable(before[known]), read_outcome(after)
    rows = np.flatnonzero(x.known & other.known & y.known)
    fit = x.on(rows, study.drivers.min_group)
    block, response = fit.basis(), y.on(rows, study.drivers.min_group).response()
    centred = response - response.mean()
    df, n = max(fit.n_levels - 1, 1), len(rows)
    r2 = float(((block.T @ centred) ** 2).sum() / (centred @ centred))
    low, high = share_limits(r2, df, n, level=study.drivers.level)
    return max(0.0, 1 - (1 - r2) * (n - 1) / (n - df - 1)), low, high, n


def no_driver_claims(first_day: dt.date, as_of: dt.date, *, cut: dt.date | None = None, notebook: str) -> list[Claim]:
    """Return the claim that takes the place of a driver study that the data cannot carry."""
    try:
        cut = cut or cut_day(first_day, as_of)
        text = template(
            "Which differences between people change behaviour cannot be told here: nobody ordered both before "
            "{cut:date} and from then on. Choose another cut date; who has gone quiet stands in notebook 30."
        )
    except HistoryError:
        cut = as_of
        text = template(
            "Which differences between people change behaviour cannot be told yet: the data run from {first:date} to "
            "{until:date}, and two months are the least. Until then notebook 30 says who orders how often."
        )
    values = {"first": first_day.isoformat(), "until": as_of.isoformat(), "cut": cut.isoformat()}
    return [
        Claim(
            id=f"{SLUG}.finding", template=text, values=values, kind="estimate", statistic="driver_share", value=None,
            unit="fraction", n=None, status="too_few", method=METHOD, source="transactions", as_of=as_of,
            notebook=notebook,
        )
    ]  # fmt: skip


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
