"""How sure groups of customers are: found again, told by rules, not made by a few, of tested variables only."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from custaudience.customers.segments.search import CustomerGroups
from custaudience.customers.segments.stability import STABLE
from custaudience.customers.segments.wording import SEARCHED, SLUG, group_values, rule_values
from custaudience.evidence import Claim, template

ENOUGH = 50  # customers from which the share of the largest hundredth says something
TOP = 0.01


def stability_claims(groups: CustomerGroups, rows: pd.DataFrame, common: dict[str, Any]) -> list[Claim]:
    """Return how surely each group comes back when customers are drawn anew."""
    stability = groups.stability
    if stability is None:
        return []
    worst = rows.loc[rows["jaccard"].idxmin()].to_dict()
    n_stable = int((stability.table["jaccard"] > STABLE).sum())
    text = template(
        "Drawn anew {runs:count} times, every group comes back: the least sure one, {group:sentence}, overlaps with "
        "itself by {value:percent} ({low:percent} to {high:percent})."
    )
    if n_stable < groups.segments.k:
        text = template(
            "Drawn anew {runs:count} times, {stable:count} of {k:count} groups come back; the least sure one, "
            "{group:sentence}, overlaps with itself by {value:percent} only ({low:percent} to {high:percent}): build "
            "nothing on it alone."
        )
    values = {
        "runs": stability.n_runs,
        "stable": n_stable,
        "k": groups.segments.k,
        "value": float(worst["jaccard"]),
        "low": float(worst["jaccard_low"]),
        "high": float(worst["jaccard_high"]),
        **group_values(worst, short=True),
    }
    return [
        Claim(
            id=f"{SLUG}.stability",
            template=text,
            values=values,
            kind="estimate",
            statistic="group_stability",
            value=values["value"],
            unit="fraction",
            low=values["low"],
            high=values["high"],
            level=0.9,
            n=stability.sampled,
            base=SEARCHED,
            method=template(
                "Bootstrap; each group against the best match, matched one to one (Hungarian method); overlap = "
                "customers in both / in either (Jaccard). Above 0.75 a group counts as stable (Hennig 2007). The "
                "interval is of the draws: 90 in 100."
            ),
            **common,
        )
    ]


def rules_claims(groups: CustomerGroups, rows: pd.DataFrame, least: int, common: dict[str, Any]) -> list[Claim]:
    """Return how well simple rules tell the groups, and the main rule of each."""
    rules = groups.rules
    if rules is None:
        return []
    method = template(
        "A classification tree of at most three conditions, its limits rounded, judged on three tenths of the "
        "customers who were kept aside; Wilson interval."
    )
    values = {
        "rules": len(rules.rules),
        "value": rules.fidelity,
        "low": rules.low,
        "high": rules.high,
        "baseline": rules.baseline,
    }
    whole = Claim(
        id=f"{SLUG}.rules",
        template=template(
            "{rules:count} simple {rules:plural rule|rules} put {value:percent} of customers kept aside into their "
            "group ({low:percent} to {high:percent}); to guess the largest group for everybody is right for "
            "{baseline:percent}."
        ),
        values=values,
        kind="estimate",
        statistic="group_rules",
        value=rules.fidelity,
        unit="fraction",
        low=rules.low,
        high=rules.high,
        level=rules.level,
        n=rules.n_hold_out,
        base=SEARCHED,
        method=method,
        **common,
    )
    by_group = rows.set_index("group").to_dict("index")
    claims = [whole]
    for told in rule_values(rules, groups.plan.view, groups.features):
        row = by_group[told.group]
        if told.n < max(least, 30):
            continue
        claims.append(
            Claim(
                id=f"{SLUG}.rule.{told.group.lower()}",
                template=template(
                    "{group:sentence} can be told by shares of purchases: {rule:sentence}. Of those for whom it "
                    "holds, {right:percent} are in the group ({low:percent} to {high:percent})."
                )
                if groups.plan.view == "baskets"
                else template(
                    "{group:sentence} can be told by this: {rule:sentence}. Of those for whom it holds, "
                    "{right:percent} are in the group ({low:percent} to {high:percent})."
                ),
                values={
                    **told.values,
                    **group_values({"group": told.group, **row}, short=True),
                    "right": told.right,
                    "low": told.low,
                    "high": told.high,
                },
                kind="estimate",
                statistic="group_rules",
                value=told.right,
                unit="fraction",
                low=told.low,
                high=told.high,
                level=rules.level,
                n=told.n,
                base=SEARCHED,
                method=method,
                **common,
            )
        )
    return claims


def placed_claims(groups: CustomerGroups, least: int, common: dict[str, Any]) -> list[Claim]:
    """Return how many customers were placed afterwards."""
    n = int((~groups.labels["searched"] & groups.labels["group"].notna()).sum())
    if n < least:
        return []
    return [
        Claim(
            id=f"{SLUG}.placed",
            template=template(
                "{n:count} customers with fewer than {min_orders:count} orders were put into the groups afterwards by "
                "the same rule. So little is known of them that the next order may move them; no figure here counts "
                "them."
            ),
            values={"n": n, "min_orders": groups.plan.min_orders},
            kind="count",
            statistic="customer_groups",
            value=n,
            unit="customers",
            n=n,
            method=template("The nearest middle of a group."),
            **common,
        )
    ]


def whales_claims(
    groups: CustomerGroups, rows: pd.DataFrame, currency: str, least: int, common: dict[str, Any]
) -> list[Claim]:
    """Say what the few largest customers bring and that they make no group of their own."""
    table = groups.features.table[["customer_id", "revenue_total"]].sort_values(
        ["revenue_total", "customer_id"], ascending=[False, True]
    )
    total = math.fsum(table["revenue_total"])
    top = table.head(max(least, math.ceil(TOP * len(table))))
    if len(table) < ENOUGH or total <= 0:
        return []
    money = math.fsum(top["revenue_total"])
    values: dict[str, Any] = {
        "n": len(top),
        "part": len(top) / len(table),
        "money": money / total,
        "revenue": money,
        "currency": currency,
    }
    text = template(
        "The {n:count} customers with most revenue ({part:percent1} of all) bring {money:percent} of it, "
        "{revenue:money0}."
    )
    if groups.basis == "found":
        text = template(
            "The {n:count} customers with most revenue ({part:percent1} of all) bring {money:percent} of it, "
            "{revenue:money0}. {how:sentence}{where:sentence}"
        )
        values |= {"how": _how_cut(groups, least, values), "where": ""}
        inside = top.merge(groups.labels, on="customer_id")["group"].value_counts()
        home, n = str(inside.index[0]), int(inside.iloc[0])
        rest = len(top) - n
        if n > len(top) / 2:
            values |= group_values(rows[rows["group"] == home].iloc[0].to_dict()) | {"inside": n}
            if rest >= least:
                values["where"] = template(" {inside:count} of them are in {group:sentence}.")
            elif rest:  # how many are elsewhere is too few to say
                del values["inside"]
                values["where"] = template(" Nearly all of them are in {group:sentence}.")
            else:
                values["where"] = template(" All of them are in {group:sentence}.")
    return [
        Claim(
            id=f"{SLUG}.whales",
            template=text,
            values=values,
            kind="count",
            statistic="largest_customers",
            value=values["money"],
            unit="fraction",
            n=len(top),
            method=template(
                "One customer in a hundred, and as many as may be shown at least, by revenue up to the date."
            ),
            **common,
        )
    ]


def _how_cut(groups: CustomerGroups, least: int, values: dict[str, Any]) -> str:
    whales = len(groups.segments.whales)
    if groups.plan.view == "baskets":
        return template("Revenue did not enter the search, so they make no group of their own.")
    if whales >= least:
        values["whales"] = whales
        return template(
            "{whales:count} customers lie so far above the others that they were cut back to the edge for the search, "
            "so that they make no group of their own."
        )
    if whales:
        values["least"] = least
        return template(
            "Fewer than {least:count} customers lie so far above the others that they were cut back to the edge for "
            "the search, so that they make no group of their own."
        )
    return template("Nobody lies so far above the others that the groups hang on them.")


def variables_claims(groups: CustomerGroups, common: dict[str, Any]) -> list[Claim]:
    """Return what entered the search and what did not."""
    table = groups.plan.variables
    by_why = table["why"].value_counts()
    values: dict[str, Any] = {
        "used": int((table["use"] == "search").sum()),
        "all": len(table),
        "describe": int((table["use"] == "describe").sum()),
        "none": int(by_why.get("no_evidence", 0)),
        "little": int(by_why.get("too_little_data", 0) + by_why.get("not_tested", 0)),
        "left": int(by_why.get("left_out", 0)),
    }
    parts = {
        "describe": template(
            " {describe:count} {describe:plural goes|go} with it, too, but only "
            "{describe:plural describes|describe} the groups."
        ),
        "none": template(" {none:count} showed no link of their own."),
        "little": template(" Of {little:count} there is too little data."),
        "left": template(" {left:count} may not or cannot be used."),
    }
    said = {f"{key}_part": text if values[key] else "" for key, text in parts.items()}
    claims = [
        Claim(
            id=f"{SLUG}.variables",
            template=template(
                "Of {all:count} things known of customers {used:count} entered the search: they go with what customers "
                "did later.{describe_part:sentence}{none_part:sentence}{little_part:sentence}{left_part:sentence}"
            )
            if values["used"]
            else template(
                "Of {all:count} things known of customers none could enter the search.{describe_part:sentence}"
                "{none_part:sentence}{little_part:sentence}{left_part:sentence}"
            ),
            values=values | said,
            kind="count",
            statistic="group_variables",
            value=values["used"],
            unit="variables",
            n=None,
            method=template(
                "Each variable, measured on an earlier date, against what customers did after it: permutation test, "
                "false discoveries held to 5 in 100, gain out of sample, no mere proxy (notebook 33)."
            ),
            **common,
        )
    ]
    rejected = table[table["why"] == "no_evidence"].head(6)
    if len(rejected):
        names = {f"r{i}": name for i, name in enumerate(rejected["name"])}
        claims.append(
            Claim(
                id=f"{SLUG}.rejected",
                template=template(
                    "Kept out because they say nothing of later behaviour that a stronger variable does not say: "
                    "{names:sentence}{more:sentence}."
                ),
                values={
                    **names,
                    "names": "; ".join(f"{{{key}:term}}" for key in names),
                    "more": template("; and others") if by_why["no_evidence"] > len(names) else "",
                },
                kind="count",
                statistic="group_variables",
                value=int(by_why["no_evidence"]),
                unit="variables",
                n=None,
                method=claims[0].method,
                **common,
            )
        )
    return claims
