"""What a report may say of the differences between people: which go with what they do later, and how much."""

from __future__ import annotations

from typing import Any

import pandas as pd

from custaudience.customers.drivers.finding import METHOD, SLUG, Told, finding_claim, headline_outcome, no_driver_claims
from custaudience.customers.drivers.names import key_of, level_naming
from custaudience.customers.drivers.rejections import coverage_claims, rejection_claims
from custaudience.customers.drivers.study import DriverStudy
from custaudience.customers.features.attributes import CATEGORY_SHARE
from custaudience.evidence import Claim, status_of_difference, template

__all__ = ["driver_claims", "headline_outcome", "no_driver_claims"]

ENOUGH = 30
_DIFFERENCES = {
    "bought_again": template(
        "{variable:sentence}, {level:sentence}: of these {n:count} customers {mean:percent} ordered again from "
        "{cut:date} on, of all others {others:percent}: {difference:points1} ({low:points1} to {high:points1})."
    ),
    "n_orders": template(
        "{variable:sentence}, {level:sentence}: these {n:count} customers placed {mean:number1} orders each from "
        "{cut:date} on, all others {others:number1}: {difference:number1} more ({low:number1} to {high:number1})."
    ),
    "revenue_of_buyers": template(
        "{variable:sentence}, {level:sentence}: these {n:count} customers, among those who ordered, spent "
        "{mean:money0} each from {cut:date} on, all others {others:money0}: {difference:money0} more ({low:money0} "
        "to {high:money0})."
    ),
}


def driver_claims(
    study: DriverStudy, *, currency: str, min_group_size: int, notebook: str, most: int = 8
) -> list[Claim]:
    """Return what may be said of a driver study, the finding first.

    Parameters
    ----------
    study : DriverStudy
        From `driver_study` or `recipes.drivers_at`.
    currency : str
    min_group_size : int
        Smaller groups are not described.
    notebook : str
        File name of the notebook.
    most : int
        So many facts of earlier behaviour have a sentence each, the strongest; attributes of customers all have.
    """
    common = {"source": "transactions, customers, products", "as_of": study.as_of, "notebook": notebook}
    told = Told(study, currency, min_group_size, common)
    strongest = told.strongest
    is_attribute = strongest["variable"].isin(told.attributes)
    shown = pd.concat([strongest[~is_attribute][:most], strongest[is_attribute]]).sort_index()
    drivers = [claim for row in shown.to_dict("records") if (claim := _difference(told, row))]
    return [
        finding_claim(told),
        *drivers,
        *_purchases(told),
        *_worthwhile(told),
        *_advice(told, drivers),
        *rejection_claims(told),
        *coverage_claims(told),
    ]


def _picked(told: Told, row: dict[Any, Any]) -> dict[Any, Any] | None:
    """Return the level to speak of: the end of a number where more is done, or the category in which most is."""
    levels = told.study.drivers.levels
    mine = levels[(levels["variable"] == row["variable"]) & (levels["outcome"] == row["outcome"])]
    mine = mine[(mine["n"] >= told.least) & mine["difference_low"].notna()]
    if mine.empty:
        return None
    if row["measure"] in ("spearman", "auc"):
        rising = row["effect"] > (0.5 if row["measure"] == "auc" else 0)
        return mine.iloc[-1 if rising else 0].to_dict()
    mine = mine[mine["n"] >= ENOUGH] if (mine["n"] >= ENOUGH).any() else mine
    return mine.loc[mine["mean"].idxmax()].to_dict()


def _difference(told: Told, row: dict[Any, Any]) -> Claim | None:
    """Return what a driver means in plain units: its highest level against all others."""
    variable, outcome = row["variable"], row["outcome"]
    level = _picked(told, row)
    if level is None:
        return None
    low, high = float(level["difference_low"]), float(level["difference_high"])
    values = {
        **told.name(variable),
        **level_naming(level, told.units.get(variable, "")),
        "n": int(level["n"]),
        "mean": float(level["mean"]),
        "others": float(level["others"]),
        "difference": float(level["difference"]),
        "low": low,
        "high": high,
        "cut": told.study.cut.isoformat(),
        "currency": told.currency,
    }
    return Claim(
        id=f"{SLUG}.driver.{key_of(variable)}",
        template=_DIFFERENCES[outcome],
        values=values,
        kind="difference",
        statistic="driver_difference",
        value=values["difference"],
        unit={"n_orders": "orders", "revenue_of_buyers": told.currency}.get(outcome, "fraction"),
        low=low,
        high=high,
        level=told.study.drivers.level,
        n=int(level["n"]),
        base=template("customers with an order before the cut date for whom it is known"),
        method=template(
            "Numbers and ordered levels in about fifths of the customers: the end where more is done against all "
            "others; of categories the one in which most is. The interval is wide enough for having picked one."
        ),
        status=status_of_difference(low, high, int(level["n"])),
        **told.common,
    )


def _purchases(told: Told) -> list[Claim]:
    """Say which attributes go with what is bought, where they do not go with how much."""
    table = told.study.drivers.table
    found = table[(table["verdict"] == "influences") & table["outcome"].str.startswith(CATEGORY_SHARE)]
    found = found[found["variable"].isin(told.attributes - set(told.strongest["variable"]))].drop_duplicates("variable")
    claims = []
    for row in found.to_dict("records"):
        share, low, high = max(0.0, row["share_explained"]), float(row["share_low"]), float(row["share_high"])
        values = {
            "share": float(share),
            "low": low,
            "high": high,
            "category": row["outcome"].removeprefix(CATEGORY_SHARE),
        }
        claims.append(
            Claim(
                id=f"{SLUG}.purchases.{key_of(row['variable'])}",
                template=template(
                    "{variable:sentence} goes with what people buy, not with how much: most with the share of "
                    "{category:text} in purchases, with {share:percent1} of the differences in it ({low:percent1} to "
                    "{high:percent1})."
                ),
                values={**told.name(row["variable"]), **values}, kind="estimate", statistic="driver_share",
                value=float(share), unit="fraction", low=low, high=high, level=told.study.drivers.level,
                n=int(row["n"]), method=METHOD, **told.common,
            )
        )  # fmt: skip
    return claims


def _worthwhile(told: Told) -> list[Claim]:
    """Say how many of those found are large enough to matter."""
    tested = told.main.dropna(subset="p_value")["variable"].nunique()
    if not tested:
        return []
    found, least = told.strongest, told.study.drivers.worthwhile
    large = int((found["share_explained"] >= least).sum())
    values = {"n": len(found), "tested": tested, "large": large, "least": least}
    return [
        Claim(
            id=f"{SLUG}.worthwhile",
            template=template(
                "Of {tested:count} differences tested {n:count} go with whether, how often or for how much people "
                "order later, {large:count} of them with {least:percent} or more of it. The smaller ones go beyond "
                "chance, but are no ground for an audience of their own."
            ),
            values=values,
            kind="count",
            statistic="driver_share",
            value=large,
            unit="differences",
            n=told.n,
            method=METHOD,
            **told.common,
        )
    ]


def _advice(told: Told, drivers: list[Claim]) -> list[Claim]:
    """Say with what to begin a definition of an audience: the strongest that is large enough and measured."""
    large = told.strongest[told.strongest["share_explained"] >= told.study.drivers.worthwhile]
    keys = {key_of(v): v for v in large["variable"]}
    first = {key_of(v) for v in large.loc[large["outcome"] == headline_outcome(told.study), "variable"]}
    begin = [c for c in drivers if c.status == "measured" and c.id.rpartition(".")[2] in keys]
    begin = sorted(begin, key=lambda claim: claim.id.rpartition(".")[2] not in first)  # of the finding's outcome
    if not begin:
        return []
    return [
        Claim(
            id=f"{SLUG}.begin_with",
            template=template(
                "Begin the definition of an audience with “{variable:sentence}”, and put in attributes of people only "
                "where they passed here; what changes when you act on it, only a test with a hold-out shows."
            ),
            values=told.name(keys[begin[0].id.rpartition(".")[2]]),
            kind="advice",
            status="advice",
            statistic="driver_share",
            value=None,
            unit="",
            n=begin[0].n,
            method=template(
                "Rule: passed the tests, is no stand-in for a stronger one, goes with at least the share called "
                "worthwhile, and its levels differ by more than their interval."
            ),
            rests_on=(f"{SLUG}.finding", begin[0].id),
            **told.common,
        )
    ]
