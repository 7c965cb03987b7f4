"""What may be said of targeting and effect: who was chosen, who answers, and what a hold-out would show."""

from __future__ import annotations

from typing import Any

import pandas as pd

from custaudience.customers.response.before_contact import SPEND_BEFORE, BeforeContact
from custaudience.customers.response.response import CampaignResponse
from custaudience.evidence import Claim, status_of_difference, template

SLUG = "campaign_response"


def finding_claim(before: BeforeContact | None, currency: str, common: dict[str, Any]) -> Claim:
    """Say what those who answered had brought before the campaign, against those who did not."""
    shared: dict[str, Any] = {"id": f"{SLUG}.finding", "statistic": "before_contact"} | common
    if before is None:
        return Claim(
            template=template(
                "Whether those who answer bought more already beforehand cannot be told: no campaign that can be "
                "judged has as long a time before it in the data and enough customers who answered."
            ),
            values={},
            kind="difference",
            value=None,
            unit=currency,
            n=None,
            status="too_few",
            **shared,
        )
    table = before.table.set_index("group")
    clear = not before.low <= 0 <= before.high
    text = (
        template(
            "Customers who answered campaign “{campaign:text}” had brought {mine:money0} each in the {days:count} days "
            "before it, those who did not answer {other:money0}: {difference:money0} more ({low:money0} to "
            "{high:money0}) before it was sent. What they bought afterwards cannot simply be credited to the "
            "campaign."
        )
        if clear and before.difference > 0
        else template(
            "Customers who answered campaign “{campaign:text}” had brought {mine:money0} each in the {days:count} days "
            "before it, those who did not answer {other:money0}: a difference of {difference:money0} ({low:money0} to "
            "{high:money0}) before it was sent."
        )
    )
    values = {
        "campaign": before.campaign_id,
        "days": before.n_days,
        "mine": table.loc["responded", "spend_before"],
        "other": table.loc["no_response", "spend_before"],
        "difference": before.difference,
        "low": before.low,
        "high": before.high,
        "currency": currency,
    }
    return Claim(
        template=text,
        values=values,
        kind="difference",
        value=before.difference,
        unit=currency,
        low=before.low,
        high=before.high,
        level=before.level,
        n=int(table.loc["responded", "n_customers"]),
        status=status_of_difference(before.low, before.high, int(table.loc["responded", "n_customers"]), at_least=2),
        method=template("Mean net revenue per customer before the campaign, Welch's interval; the largest campaign."),
        **shared,
    )


def targeting_claims(response: CampaignResponse, level: float, common: dict[str, Any]) -> list[Claim]:
    """Say whether the best customers were chosen."""
    table = response.targeting
    row = table[(table["attribute"] == SPEND_BEFORE) & (table["value"] == "highest_quarter")]
    if row.empty or pd.isna(row["difference_low"].iloc[0]):
        return []
    best = row.iloc[0]
    values = {
        "share": best["share_contacted"],
        "difference": best["difference"],
        "low": best["difference_low"],
        "high": best["difference_high"],
    }
    clear = not best["difference_low"] <= 0 <= best["difference_high"]
    return [
        Claim(
            id=f"{SLUG}.targeting",
            template=template(
                "Of the quarter of customers who had brought most before the campaigns {share:percent} were sent one, "
                "{difference:points1} against all others ({low:points1} to {high:points1}): who was contacted and who "
                "was not cannot be compared."
            )
            if clear
            else template(
                "Of the quarter of customers who had brought most before the campaigns {share:percent} were sent one: "
                "no clear difference from all others ({low:points1} to {high:points1})."
            ),
            values=values,
            kind="difference",
            statistic="targeting",
            value=float(best["difference"]),
            unit="fraction",
            low=float(best["difference_low"]),
            high=float(best["difference_high"]),
            level=level,
            n=int(best["n_customers"]),
            status=status_of_difference(best["difference_low"], best["difference_high"], int(best["n_customers"])),
            method=template("Shares of customers known before the campaigns; Newcombe's interval."),
            **common,
        )
    ]


def during_claims(before: BeforeContact | None, currency: str, common: dict[str, Any]) -> list[Claim]:
    """Say what a comparison of those who answered would have claimed, beside what was there beforehand."""
    if before is None or before.difference <= 0:
        return []
    if before.low_during <= 0:
        return []
    n = int(before.table.set_index("group").loc["responded", "n_customers"])
    values = {
        "campaign": before.campaign_id,
        "during": before.difference_during,
        "low": before.low_during,
        "high": before.high_during,
        "before": before.difference,
        "currency": currency,
    }
    return [
        Claim(
            id=f"{SLUG}.naive",
            template=template(
                "During campaign “{campaign:text}” those who answered brought {during:money0} more each than those who "
                "did not ({low:money0} to {high:money0}); a lead of {before:money0} was there before it began."
            ),
            values=values,
            kind="difference",
            statistic="before_contact",
            value=before.difference_during,
            unit=currency,
            low=before.low_during,
            high=before.high_during,
            level=before.level,
            n=n,
            status=status_of_difference(before.low_during, before.high_during, n),
            method=template("Difference of mean net revenue per customer, Welch's interval, in as many days before."),
            **common,
        )
    ]


def no_hold_out_claim(common: dict[str, Any]) -> Claim:
    """Say that no effect can be told."""
    return Claim(
        id=f"{SLUG}.no_hold_out",
        template=template(
            "What the campaigns added cannot be said: nobody is known to have been left out at random, so there is "
            "nobody to compare with."
        ),
        values={},
        kind="count",
        statistic="campaign_hold_out",
        value=None,
        unit="",
        n=None,
        status="too_few",
        **common,
    )


def hold_out_claims(
    before: BeforeContact | None, n: int | None, share: float, currency: str, common: dict[str, Any]
) -> list[Claim]:
    """Say how many must be left out by lot to show a difference in spending."""
    if before is None or n is None:
        return []
    values = {
        "n": n,
        "share": share,
        "amount": share * before.sent_mean,
        "sent": before.n_sent,
        "campaign": before.campaign_id,
        "currency": currency,
    }
    text = (
        template(
            "Leave {n:count} customers out of the next campaign by lot, and send it to as many: that shows a "
            "difference of {share:percent} in spending, {amount:money0} each. “{campaign:text}” went to {sent:count}."
        )
        if 2 * n <= before.n_sent
        else template(
            "To show a difference of {share:percent} in spending, {amount:money0} each, {n:count} customers must be "
            "left out by lot and as many written to; “{campaign:text}” went to {sent:count}. Put several campaigns "
            "together, or be content with seeing larger effects only."
        )
    )
    return [
        Claim(
            id=f"{SLUG}.hold_out",
            template=text,
            values=values,
            kind="advice",
            status="advice",
            statistic="campaign_hold_out",
            value=n,
            unit="customers",
            n=before.n_sent,
            method=template(
                "Rule: two means, two-sided at 5 in 100, found 8 times in 10; spread as before the largest campaign."
            ),
            rests_on=(f"{SLUG}.no_hold_out", f"{SLUG}.finding"),
            **common,
        )
    ]
