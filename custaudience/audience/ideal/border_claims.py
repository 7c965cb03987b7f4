"""Where the border of "ideal" stands, what the study cannot tell, and what a cut-off more or less would change."""

from __future__ import annotations

from typing import Any

import pandas as pd

from custaudience.audience.ideal.customers import IdealCustomers
from custaudience.audience.ideal.wording import CUT_OFFS, SLUG
from custaudience.evidence import Claim, template

ALL = template("Customers with an order that counts by the date.")


def asked_claims(ideal: IdealCustomers, currency: str, least: int, common: dict[str, Any]) -> list[Claim]:
    """State the cut-offs."""
    cut = ideal.cut_offs
    facts: dict[str, Any] = {
        "kind": "count", "statistic": "ideal_cut_offs", "unit": "customers", "base": ALL,
        "method": template("Set by hand: a convention. The table of cut-offs shows what others would give."),
    } | common  # fmt: skip
    counts = ideal.parts.set_index("part")["n_yes"]

    def claim(part: str, key: str, text: str, **values: Any) -> Claim:
        n = int(counts[part])
        small = 0 < n < least
        facts_ = facts | {"value": None if small else n, "n": None if small else ideal.n_customers}
        return Claim(id=f"{SLUG}.asked.{key}", template=text, values=values, **facts_)

    found = []
    if "loyal" in counts:
        text = template(
            "Loyal here: {orders:count} {orders:plural order|orders} or more, {span:count} days or more from the first "
            "to the last."
        )
        found.append(claim("loyal", "loyal", text, orders=cut.min_orders, span=cut.min_span_days))
    if "valuable" in counts:
        n = int(counts["valuable"])  # with ties not always the share that was asked
        top = cut.top_share if n < least else n / ideal.n_customers
        text = template(
            "Valuable here: {least:money0} or more in all, which the top {top:percent1} of customers brought."
        )
        found.append(claim("valuable", "valuable", text, least=ideal.least_revenue, top=top, currency=currency))
    if "current" in counts:
        text = template(
            "In the own rhythm here: not silent for longer than {gaps:sentence} of the customer's own gaps between "
            "orders, or of all customers' gaps where there are fewer than five."
        )
        found.append(
            claim("current", "current", text, share=cut.overdue_share, gaps=_percent("share", cut.overdue_share))
        )
    if "satisfied" in counts:
        text = template(
            "Satisfied here: the last answer in “{column:text}” was {start:number} or more, on a scale up to "
            "{best:number}."
        )
        found.append(
            claim("satisfied", "satisfied", text, column=ideal.satisfaction_column, start=cut.satisfied_from,
                  best=ideal.satisfaction_best)
        )  # fmt: skip
    if "engaged" in counts:
        text = template(
            "Engaged here: responded to {n:count} {n:plural campaign|campaigns} or more of those they were sent. Whom "
            "a campaign went to was the company's choice."
        )
        found.append(claim("engaged", "engaged", text, n=cut.min_responses))
    return found


def _percent(name: str, share: float) -> str:
    """Return the placeholder of a share, with a decimal only where it has one."""
    return f"{{{name}:percent}}" if abs(100 * share - round(100 * share)) < 1e-9 else f"{{{name}:percent1}}"


def missing_claims(ideal: IdealCustomers, common: dict[str, Any]) -> list[Claim]:
    """Name the parts that the study cannot tell, with the reason."""
    return [
        Claim(
            id=f"{SLUG}.missing.{part.part}", template=part.reason, values=dict(part.values), kind="count",
            statistic="ideal_parts", value=None, unit="customers", n=None, status="too_few",
            method=template("A part the study cannot tell is named, and never made up."), **common,
        )
        for part in ideal.missing_parts
    ]  # fmt: skip


def not_known_claims(ideal: IdealCustomers, least: int, common: dict[str, Any]) -> list[Claim]:
    """Say of how many ideal customers a part is not known that is known of others."""
    table = ideal.table[ideal.table["ideal"]]
    texts = {
        "satisfied": template(
            "Of {n:count} of the {all:count} ideal customers it is not known whether they are satisfied: they did not "
            "answer, and stay on the list."
        ),
        "engaged": template(
            "{n:count} of the {all:count} ideal customers were sent no campaign that is over: whether they respond is "
            "not known, and they stay on the list."
        ),
    }
    claims = []
    for part, text in texts.items():
        n = int(table[part].isna().sum()) if part in table else 0
        if n >= least:
            claims.append(
                Claim(
                    id=f"{SLUG}.not_known.{part}", template=text, values={"n": n, "all": ideal.n_ideal}, kind="count",
                    statistic="ideal_parts", value=n, unit="customers", n=ideal.n_ideal,
                    method=template("Only who is known not to be excludes a customer."), **common,
                )
            )  # fmt: skip
    return claims


def sensitivity_claims(ideal: IdealCustomers, least: int, common: dict[str, Any]) -> list[Claim]:
    """Say how far the number depends on the cut-offs, and what the optional parts do."""
    table = ideal.sensitivity
    moved = table[table["direction"].isin(["lower", "higher"]) & (table["n_customers"] >= least)]
    facts: dict[str, Any] = {
        "kind": "count", "statistic": "ideal_sensitivity", "base": ALL, "unit": "customers",
        "method": template("Each cut-off is moved alone, the others stay as set."),
    } | common  # fmt: skip
    claims = []
    if len(moved):
        row = moved.sort_values(["overlap", "cut_off", "direction"], kind="stable").iloc[0]
        small = int(row["n_kept"]) < least
        claims.append(
            Claim(
                id=f"{SLUG}.sensitivity",
                template=template(
                    "With one cut-off a bit lower or higher there would be {from:count} to {to:count} ideal customers "
                    "instead of {n:count}. The one that matters most is “{which:sentence}”."
                )
                if small
                else template(
                    "With one cut-off a bit lower or higher there would be {from:count} to {to:count} ideal customers "
                    "instead of {n:count}. The one that matters most is “{which:sentence}”: at {value:sentence} there "
                    "would be {moved:count}, with {kept:percent} of the present ones."
                ),
                values={
                    "from": int(moved["n_customers"].min()), "to": int(moved["n_customers"].max()),
                    "n": ideal.n_ideal, "which": CUT_OFFS[str(row["cut_off"])], "moved": int(row["n_customers"]),
                    "limit": float(row["value"]), "kept": float(row["share_kept"]),
                    "value": _percent("limit", row["value"]) if str(row["cut_off"]).endswith("share")
                    else "{limit:number}",
                },
                value=int(row["n_customers"]), n=ideal.n_ideal,
                **(facts | {"base": template("Ideal customers by the cut-offs as set.")}),
            )
        )  # fmt: skip
    texts = {
        "satisfied": template(
            "Without asking for satisfaction {n:count} customers would be ideal, with {share:percent} of revenue."
        ),
        "engaged": template(
            "Without asking for engagement {n:count} customers would be ideal, with {share:percent} of revenue."
        ),
    }
    left_out = table[table["direction"] == "left out"].set_index("cut_off")
    for part, text in texts.items():
        if part in left_out.index and pd.notna(left_out.loc[part, "share_of_revenue"]):
            n, share = int(left_out.loc[part, "n_customers"]), float(left_out.loc[part, "share_of_revenue"])
            claims.append(
                Claim(id=f"{SLUG}.without.{part}", template=text, values={"n": n, "share": share}, value=n,
                      n=ideal.n_customers, **facts)
            )  # fmt: skip
    return claims
