"""What a report may say of campaigns: which can be judged, who answered, and why that is no effect."""

from __future__ import annotations

import datetime as dt
from typing import Any

from custaudience.customers.response.before_contact import SPEND_BEFORE, BeforeContact
from custaudience.customers.response.effect_claims import (
    during_claims,
    finding_claim,
    hold_out_claims,
    no_hold_out_claim,
    targeting_claims,
)
from custaudience.customers.response.response import CampaignResponse
from custaudience.evidence import Claim, template

SLUG = "campaign_response"
_SOURCE = "campaigns, contacts, responses"
_GROUP_METHOD = template(
    "Difference within the same campaigns (Mantel-Haenszel over campaigns), variance by customers; false discoveries "
    "held to 5 in 100 over all groups compared."
)
_LEFT_OUT = {
    "still running": (
        "left_out.still_running",
        template("{n:count} {n:plural campaign is|campaigns are} still running and cannot be judged yet."),
    ),
    "too recent": (
        "left_out.too_recent",
        template(
            "{n:count} {n:plural campaign|campaigns} ended so lately that answers are still coming in: within "
            "{wait:count} days of an end."
        ),
    ),
    "began before the data": (
        "left_out.began_before",
        template(
            "{n:count} {n:plural campaign|campaigns} began before the data: their first answers are not in sight."
        ),
    ),
    "no dates": (
        "left_out.no_dates",
        template("{n:count} {n:plural campaign has|campaigns have} no dates, so whether they are over is not known."),
    ),
    "nobody contacted": (
        "left_out.nobody_contacted",
        template("{n:count} {n:plural campaign was|campaigns were} sent to nobody that is on record."),
    ),
}
TABLE_WORDS = (
    template("complete"),
    template("still running"),
    template("too recent"),
    template("began before the data"),
    template("no dates"),
    template("nobody contacted"),
    template("more"),
    template("less"),
    template("Segment"),
)
"""What the cells of the published tables say, for the catalogues."""
NOTHING_COMPLETE = template("no campaign was over by then, with all answers in sight")
NO_CONTACTS = template("the data do not say who was contacted")
NO_TABLES = template("the study has no campaigns, contacts and responses")


def refusal_claim(reason: str, *, as_of: dt.date, notebook: str, detail: str = "") -> Claim:
    """Return the claim that takes the place of the finding; `reason` is one of the sentences of this module."""
    return Claim(
        id=f"{SLUG}.finding",
        template=template("Nothing can be said of campaigns here: {reason:term}."),
        values={"reason": reason, "detail": detail},
        kind="count",
        statistic="response_rate",
        value=None,
        unit="campaigns",
        n=None,
        status="too_few",
        source=_SOURCE,
        as_of=as_of,
        notebook=notebook,
    )


def response_claims(
    response: CampaignResponse,
    before: BeforeContact | None,
    *,
    n_to_show: int | None,
    share_to_show: float = 0.1,
    currency: str,
    min_group_size: int,
    notebook: str,
    level: float = 0.95,
) -> list[Claim]:
    """Return the claims of notebook 36, the finding first.

    Parameters
    ----------
    response : CampaignResponse
        Its groups in reading order.
    before : BeforeContact or None
        None where it cannot be told.
    n_to_show : int, optional
        Customers to leave out, and to send to, to show a difference of `share_to_show` in spending.
    currency, min_group_size, notebook, level
        What the figures were made with.
    """
    common: dict[str, Any] = {"source": _SOURCE, "as_of": response.as_of, "notebook": notebook}
    return [
        finding_claim(before, currency, common),
        *_judged(response, common),
        *_rates(response, min_group_size, level, common),
        *_groups(response, level, common),
        *(_coverage(response, common) if response.n_customers >= min_group_size else []),
        *targeting_claims(response, level, common),
        *during_claims(before, currency, common),
        no_hold_out_claim(common),
        *hold_out_claims(before, n_to_show, share_to_show, currency, common),
    ]


def _judged(response: CampaignResponse, common: dict[str, Any]) -> list[Claim]:
    statuses = response.campaigns["status"].value_counts()
    n = int(statuses.get("complete", 0))
    counted: dict[str, Any] = {"kind": "count", "statistic": "response_rate", "unit": "campaigns"} | common
    claims = [
        Claim(
            id=f"{SLUG}.judged",
            template=template(
                "{n:count} of {all:count} {all:plural campaign|campaigns} can be judged: over, with all answers in "
                "sight."
            ),
            values={"n": n, "all": len(response.campaigns)},
            value=n,
            n=len(response.campaigns),
            method=template("Over by the date, begun within the data, and old enough for late answers to have come."),
            **counted,
        )
    ]
    for status, (key, text) in _LEFT_OUT.items():
        if count := int(statuses.get(status, 0)):
            values = {"n": count, "wait": response.wait_days}
            claims.append(
                Claim(id=f"{SLUG}.{key}", template=text, values=values, value=count, n=count, **counted)
            )  # fmt: skip
    return claims


def _rates(response: CampaignResponse, least: int, level: float, common: dict[str, Any]) -> list[Claim]:
    values: dict[str, Any] = {
        "contacts": response.n_contacts,
        "n": response.n_customers,
        "share": response.response_rate,
    }
    shared: dict[str, Any] = {"unit": "fraction", "level": level, "statistic": "response_rate"} | common
    if response.n_customers < least:
        return []
    claims = [
        Claim(
            id=f"{SLUG}.rate",
            template=template(
                "Of {contacts:count} contacts with {n:count} customers {share:percent1} were answered "
                "({low:percent1} to {high:percent1})."
            ),
            values=values | {"low": response.low, "high": response.high},
            kind="estimate",
            value=response.response_rate,
            low=response.low,
            high=response.high,
            n=response.n_customers,
            method=template("Share of contacts, Wilson's interval at as many contacts as customers are worth."),
            **shared,
        )
    ]
    table = response.campaigns
    best = table[(table["verdict"] == "more") & (table["n_responded"] >= least)]
    if len(best):
        row = best.sort_values(["response_rate", "n_contacted"], ascending=[False, False], kind="stable").iloc[0]
        values = {
            "campaign": row["campaign_id"],
            "n": int(row["n_contacted"]),
            "share": row["response_rate"],
            "difference": row["difference"],
            "low": row["difference_low"],
            "high": row["difference_high"],
        }
        claims.append(
            Claim(
                id=f"{SLUG}.most",
                template=template(
                    "Campaign “{campaign:text}” was answered most: {share:percent} of {n:count} customers, "
                    "{difference:points1} against the contacts of all other campaigns ({low:points1} to "
                    "{high:points1}). It went to customers of its own, so it need not be the better campaign."
                ),
                values=values,
                kind="difference",
                value=float(row["difference"]),
                low=float(row["difference_low"]),
                high=float(row["difference_high"]),
                n=int(row["n_contacted"]),
                method=template("Newcombe's interval; Fisher's test, false discoveries held to 5 in 100 campaigns."),
                **shared,
            )
        )
    return claims


def _groups(response: CampaignResponse, level: float, common: dict[str, Any]) -> list[Claim]:
    """Say how many groups differ, each RFM segment that does, and which other group differs most."""
    table = response.groups
    if table.empty:
        return []
    clear = table[table["verdict"] != "no clear difference"]
    claims = [
        Claim(
            id=f"{SLUG}.groups",
            template=template(
                "Of {all:count} groups compared, {n:count} clearly answer more or less than the others who were sent "
                "the same campaigns."
            ),
            values={"all": len(table), "n": len(clear)},
            kind="count",
            statistic="response_difference",
            value=len(clear),
            unit="groups",
            n=response.n_customers,
            method=_GROUP_METHOD,
            **common,
        )
    ]
    stable = clear[(clear["attribute"] == "segment") & clear["value"].str.fullmatch("[a-z0-9_]+")]
    for row in stable.to_dict("records"):
        text = template(
            "{group:term}: {share:percent} answer, {difference:points1} against all others within the same campaigns "
            "({low:points1} to {high:points1})."
        )
        claims.append(_difference(row, text, f"segment.{row['value']}", level, common))
    others = clear[clear["attribute"] != "segment"]
    for key, part in (
        ("spend", others[others["attribute"] == SPEND_BEFORE]),
        ("trait", others[others["attribute"] != SPEND_BEFORE]),
    ):
        if len(part):
            row = part.sort_values(["p_value", "attribute", "value"], kind="stable").iloc[0].to_dict()
            text = template(
                "{attribute:term}, {group:term}: {share:percent} answer, {difference:points1} against all others "
                "within the same campaigns ({low:points1} to {high:points1}); no other differs more clearly."
            )
            claims.append(_difference(row, text, key, level, common))
    return claims


def _difference(row: dict[Any, Any], text: str, key: str, level: float, common: dict[str, Any]) -> Claim:
    values = {
        "attribute": row["attribute"],
        "group": row["value"],
        "share": row["response_rate"],
        "difference": row["difference"],
        "low": row["difference_low"],
        "high": row["difference_high"],
    }
    return Claim(
        id=f"{SLUG}.{key}",
        template=text,
        values=values,
        kind="difference",
        statistic="response_difference",
        value=float(row["difference"]),
        unit="fraction",
        low=float(row["difference_low"]),
        high=float(row["difference_high"]),
        level=level,
        n=int(row["n_customers"]),
        method=_GROUP_METHOD,
        **common,
    )


def _coverage(response: CampaignResponse, common: dict[str, Any]) -> list[Claim]:
    """Say of whom traits are known, for the one known of fewest contacts."""
    table = response.coverage[~response.coverage["attribute"].isin(["segment", SPEND_BEFORE])]
    table = table[(table["n_known"] > 0) & (table["n_known"] < table["n_contacts"])]
    if table.empty:
        return []
    row = table.sort_values(["share_known", "attribute"], kind="stable").iloc[0]
    return [
        Claim(
            id=f"{SLUG}.coverage",
            template=template(
                "{attribute:term} is known for {share:percent} of contacts; of these {known:percent} were answered, of "
                "the rest {unknown:percent}. The groups show those who are known."
            ),
            values={
                "attribute": row["attribute"],
                "share": row["share_known"],
                "known": row["rate_known"],
                "unknown": row["rate_unknown"],
            },
            kind="count",
            statistic="response_difference",
            value=float(row["share_known"]),
            unit="fraction",
            n=int(row["n_contacts"]),
            **common,
        )
    ]
