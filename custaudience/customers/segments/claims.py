"""What a report may say of groups of customers: how many there are, if any, who is in them, and how sure that is."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from custaudience.customers.segments.difference_claims import difference_claims
from custaudience.customers.segments.search import CustomerGroups
from custaudience.customers.segments.sure_claims import (
    placed_claims,
    rules_claims,
    stability_claims,
    variables_claims,
    whales_claims,
)
from custaudience.customers.segments.tables import group_table
from custaudience.customers.segments.wording import SEARCHED, SLUG, group_values
from custaudience.evidence import Claim, template

_COUNT_METHOD = template(
    "k-means on shares of categories or on scaled numbers of the orders. As many groups as possible of which none is "
    "too small, another half of the customers gives the same ones, and between any two neighbouring ones lie clearly "
    "fewer customers than in their middles (p below 0.05); one group, that is none, is an answer."
)


def segment_claims(groups: CustomerGroups, *, currency: str, min_group_size: int, notebook: str) -> list[Claim]:
    """Return the claims of notebook 34, the finding first.

    Parameters
    ----------
    groups : CustomerGroups
        As `recipes.clusters_at` gives them.
    currency : str
    min_group_size : int
        Groups of fewer customers are named without figures.
    notebook : str
    """
    kinds = set(groups.plan.variables.loc[groups.plan.variables["why"] != "left_out", "kind"])
    tables = ["transactions", *(["products"] if "category_share" in kinds else [])]
    tables += ["customers"] if "attribute" in kinds else []
    common: dict[str, Any] = {"source": ", ".join(tables), "as_of": groups.features.as_of, "notebook": notebook}
    rows = group_table(groups.labels, groups.features, groups.profiles, groups.stability, min_group_size=min_group_size)
    if groups.basis == "found":
        found = [
            _found(groups, rows, currency, common),
            _again(groups, common),
            *_sizes(rows, currency, min_group_size, groups.plan.min_orders, common),
            *difference_claims(groups, rows, currency, common),
            *stability_claims(groups, rows, common),
            *rules_claims(groups, rows, min_group_size, common),
            *placed_claims(groups, min_group_size, common),
        ]
    else:
        none = _none(groups, min_group_size, common)
        found = [
            none,
            *([_again(groups, common)] if len(groups.count.table) else []),
            _instead(none, common),
            *difference_claims(groups, rows, currency, common),
        ]
    return [*found, *whales_claims(groups, rows, currency, min_group_size, common), *variables_claims(groups, common)]


def _found(groups: CustomerGroups, rows: pd.DataFrame, currency: str, common: dict[str, Any]) -> Claim:
    top = rows.loc[rows["share_of_revenue"].fillna(0).idxmax()].to_dict()
    text = (
        template(
            "By what they buy, the {n:count} customers with {min_orders:count} or more "
            "{min_orders:plural order|orders} fall into {k:count} groups. {group:sentence} is {share:percent} of them "
            "and brings {money:percent} of their revenue."
        )
        if groups.plan.view == "baskets"
        else template(
            "By how they buy, the {n:count} customers with {min_orders:count} or more "
            "{min_orders:plural order|orders} fall into {k:count} groups. {group:sentence} is {share:percent} of them "
            "and brings {money:percent} of their revenue."
        )
    )
    values = {
        "n": int(rows["n_customers"].sum()),
        "min_orders": groups.plan.min_orders,
        "k": groups.segments.k,
        "share": float(top["share_of_customers"]),
        "money": float(top["share_of_revenue"]) if pd.notna(top["share_of_revenue"]) else 0.0,
        **group_values(top),
    }
    return Claim(
        id=f"{SLUG}.finding",
        template=text,
        values=values,
        kind="count",
        statistic="customer_groups",
        value=groups.segments.k,
        unit="groups",
        n=values["n"],
        base=SEARCHED,
        method=_COUNT_METHOD,
        **common,
    )


def _none(groups: CustomerGroups, least: int, common: dict[str, Any]) -> Claim:
    """Say that there are no groups, or why none were looked for."""
    plan, count = groups.plan, groups.count
    values: dict[str, Any] = {"n": count.n, "min_orders": plan.min_orders, "least": count.min_size}
    status = "too_few"
    if len(count.table):
        status = "no_clear_difference"
        values |= {"from": int(count.table["k"].min()), "to": int(count.table["k"].max())}
        text = (
            template(
                "By what they buy, the {n:count} customers with {min_orders:count} or more "
                "{min_orders:plural order|orders} form no groups: they blend into each other without a gap, and any "
                "border between them would be arbitrary."
            )
            if plan.view == "baskets"
            else template(
                "By how they buy, the {n:count} customers with {min_orders:count} or more "
                "{min_orders:plural order|orders} form no groups: they blend into each other without a gap, and any "
                "border between them would be arbitrary."
            )
        )
    elif not plan.tested:
        text = template(
            "No groups were looked for: the history is too short to test which differences between customers matter."
        )
    elif not plan.columns:
        values["tested"] = int((plan.variables["why"] != "left_out").sum())
        text = template(
            "No groups were looked for: of {tested:count} {tested:plural variable|variables} none passed the test "
            "against what customers did later and could be measured for all."
        )
    elif count.n < 2 * count.min_size:
        values["all"] = len(groups.features.table)
        text = template(
            "No groups were looked for: too few customers have {min_orders:count} or more "
            "{min_orders:plural order|orders}. A group needs {least:count}."
        )
    else:
        text = template("No groups were looked for: too many of the customers are alike in all that matters.")
    shown = count.n >= least
    return Claim(
        id=f"{SLUG}.finding",
        template=text,
        values=values if shown else {k: v for k, v in values.items() if k != "n"},
        kind="count",
        statistic="customer_groups",
        value=0,
        unit="groups",
        n=count.n if shown else None,
        base=SEARCHED,
        method=_COUNT_METHOD,
        status=status,  # type: ignore[arg-type]
        **common,
    )


def _again(groups: CustomerGroups, common: dict[str, Any]) -> Claim:
    """Say how well another half of the customers finds the same groups, and how empty it is between them."""
    table, k = groups.count.table, groups.count.k
    row = (table[table["k"] == k] if k > 1 else table.nlargest(1, "prediction_strength", keep="first")).iloc[0]
    strength, error = float(row["prediction_strength"]), 1.96 * float(row["strength_se"])
    between = float(row["between"])
    values = {
        "k": int(row["k"]),
        "strength": strength,
        "low": max(0.0, strength - error),
        "high": min(1.0, strength + error),
        **({"between": round(100 * between)} if math.isfinite(between) else {}),
    }
    if k > 1:
        text = template(
            "Another half of the customers finds the same {k:count} groups: of two customers whom one half puts "
            "together, the other half leaves {strength:percent} together ({low:percent} to {high:percent}), in the "
            "worst group. Halfway between two neighbouring groups there are at most {between:count} customers for "
            "every 100 in their middles."
        )
    elif 1 < between < math.inf:
        text = template(
            "Nearest to groups is a division into {k:count}: another half of the customers leaves {strength:percent} "
            "of those put together with each other ({low:percent} to {high:percent}), but halfway between two of the "
            "groups there are {between:count} customers for every 100 in their middles. A border there would run "
            "through a crowd."
        )
    else:
        text = template(
            "Nearest to groups is a division into {k:count}: another half of the customers leaves {strength:percent} "
            "of those put together with each other ({low:percent} to {high:percent}). That is not enough, or the gap "
            "between the groups is not clear, or one of them is too small."
        )
    return Claim(
        id=f"{SLUG}.again",
        template=text,
        values=values,
        kind="estimate",
        statistic="group_count",
        value=strength,
        unit="fraction",
        low=values["low"],
        high=values["high"],
        level=0.95,
        n=groups.count.n,
        base=SEARCHED,
        status="measured" if k > 1 else "no_clear_difference",
        method=template(
            "Prediction strength (Tibshirani and Walther 2005) over five random halvings, 0.8 counts as found again; "
            "customers halfway on the line between two middles, 0.85 at most."
        ),
        **common,
    )


def _instead(finding: Claim, common: dict[str, Any]) -> Claim:
    return Claim(
        id=f"{SLUG}.instead",
        template=template(
            "Work with the RFM segments: they are made by rules that anybody can check, and need no gaps between "
            "customers."
        ),
        values={},
        kind="advice",
        statistic="rfm_segment",
        value=None,
        unit="",
        n=None,
        status="advice",
        method=template("Where no groups are found, segments made by rules stand in."),
        rests_on=(finding.id,),
        **common,
    )


def _sizes(rows: pd.DataFrame, currency: str, least: int, min_orders: int, common: dict[str, Any]) -> list[Claim]:
    claims = []
    for row in rows.to_dict("records"):
        few = pd.isna(row["n_customers"])
        values = group_values(row) | {"least": least}
        text = template("{group:sentence}: fewer than {least:count} customers.")
        if not few:
            text = template(
                "{group:sentence}: {n:count} {n:plural customer|customers}, {share:percent} of those searched, with "
                "{money:percent} of their revenue: {each:money0} per customer so far."
            )
            values |= {
                "n": int(row["n_customers"]),
                "share": float(row["share_of_customers"]),
                "money": float(row["share_of_revenue"]) if pd.notna(row["share_of_revenue"]) else 0.0,
                "each": float(row["revenue_per_customer"]),
                "currency": currency,
            }
        claims.append(
            Claim(
                id=f"{SLUG}.group.{str(row['group']).lower()}",
                template=text,
                values=values,
                kind="count",
                statistic="customer_groups",
                value=values.get("n"),
                unit="customers",
                n=values.get("n"),
                status="too_few" if few else "measured",
                base=SEARCHED,
                method=template("Named by value: A has the highest mean revenue. Revenue up to the date, net."),
                **common,
            )
        )
    return claims
