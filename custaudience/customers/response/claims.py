"""What a report may say of campaigns: which can be judged, who answered, and why that is no effect."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from custaudience.customers.response.before_contact import SPEND_BEFORE, BeforeContact
from custaudience.customers.response.response import CampaignResponse
from custaudience.evidence import Claim, Estimate, Terms
from custaudience.telling import Teller

teller = partial(Teller, __package__, "campaign_response", "36_campaign_response.ipynb")
_LEFT_OUT = {
    "still running": "still_running", "too recent": "too_recent", "began before the data": "began_before",
    "no dates": "no_dates", "nobody contacted": "nobody_contacted",
}  # fmt: skip


def refusal_claim(reason: str, terms: Terms, *, detail: str = "") -> Claim:
    """Return the claim that takes the place of the finding; `reason` is one of the sheet's ``[phrases.refused]``."""
    tell = teller(terms)
    return tell.say("refused", reason=tell.phrase("refused", reason), detail=detail)


def response_claims(
    response: CampaignResponse, before: BeforeContact | None, terms: Terms, *,
    n_to_show: int | None, share_to_show: float = 0.1,
) -> list[Claim]:  # fmt: skip
    """Return the claims of notebook 36, the finding first; `before` is None where it cannot be told.

    The groups of `response` stand in reading order. `n_to_show` customers must be left out, and as many sent to, to
    show a difference of `share_to_show` in spending.
    """
    tell = teller(terms)
    return [
        _finding(tell, before), *_judged(tell, response), *_rates(tell, response), *_groups(tell, response),
        *_targeting(tell, response), *_effect(tell, before, n_to_show, share_to_show),
    ]  # fmt: skip


def _finding(tell: Teller, before: BeforeContact | None) -> Claim:
    if before is None:
        return tell.say("finding", "unknown")
    spent, gap = before.table.set_index("group")["spend_before"], before.difference
    return tell.say(
        "finding", "more" if gap.differs() and gap.value > 0 else "text", of=gap, campaign=before.campaign_id,
        days=before.n_days, mine=spent["responded"], other=spent["no_response"],
    )  # fmt: skip


def _judged(tell: Teller, response: CampaignResponse) -> Iterator[Claim]:
    statuses, n = response.campaigns["status"].value_counts(), len(response.campaigns)
    yield tell.say("judged", of=int(statuses.get("complete", 0)), n=n, all=n)
    for status, case in _LEFT_OUT.items():
        if count := int(statuses.get(status, 0)):
            yield tell.say("left_out", case, n=count, suffix=case, wait=response.wait_days)


def _rates(tell: Teller, response: CampaignResponse) -> Iterator[Claim]:
    if tell.few(response.rate.n):
        return
    yield tell.say("rate", of=response.rate, contacts=response.n_contacts)
    best = response.campaigns[response.campaigns["verdict"] == "more"]
    best = best[~best["n_responded"].map(tell.few)]
    if len(best):
        row = best.sort_values(["response_rate", "n_contacted"], ascending=[False, False], kind="stable").iloc[0]
        share = {"campaign": row["campaign_id"], "share": row["response_rate"]}
        yield tell.say("most", of=_gap(tell, row, "n_contacted"), **share)


def _gap(tell: Teller, row: pd.Series, n: str = "n_customers") -> Estimate:
    ends = (float(row["difference_low"]), float(row["difference_high"]))
    return Estimate(float(row["difference"]), *ends, tell.terms.level, int(row[n]))


def _groups(tell: Teller, response: CampaignResponse) -> Iterator[Claim]:
    """Say how many groups differ, each segment that does, which other group differs most, and of whom it is known."""
    table = response.groups
    if len(table):
        clear = table[table["verdict"] != "no clear difference"]
        yield tell.say("groups", of=len(clear), n=response.rate.n, all=len(table))
        stable = clear[(clear["attribute"] == "segment") & clear["value"].str.fullmatch("[a-z0-9_]+")]
        others = clear[clear["attribute"] != "segment"].sort_values(["p_value", "attribute", "value"], kind="stable")
        spend = others["attribute"] == SPEND_BEFORE
        told = [("segment", str(row["value"]), row) for _, row in stable.iterrows()]
        for key, part in (("spend", spend), ("trait", ~spend)):
            told += [(key, "", row) for _, row in others[part].head(1).iterrows()]
        for key, suffix, row in told:
            facts = {"attribute": row["attribute"], "group": row["value"], "share": row["response_rate"]}
            yield tell.say(key, of=_gap(tell, row), suffix=suffix, **facts)
    table = response.coverage[~response.coverage["attribute"].isin(["segment", SPEND_BEFORE])]
    table = table[(table["n_known"] > 0) & (table["n_known"] < table["n_contacts"])]
    if len(table) and not tell.few(response.rate.n):
        row = table.sort_values(["share_known", "attribute"], kind="stable").iloc[0]
        facts = {"attribute": row["attribute"], "known": row["rate_known"], "unknown": row["rate_unknown"]}
        yield tell.say("coverage", of=float(row["share_known"]), n=int(row["n_contacts"]), **facts)


def _targeting(tell: Teller, response: CampaignResponse) -> Iterator[Claim]:
    """Say whether the best customers were chosen."""
    table = response.targeting
    best = table[(table["attribute"] == SPEND_BEFORE) & (table["value"] == "highest_quarter")]
    for _, row in best.dropna(subset="difference_low").head(1).iterrows():
        gap = _gap(tell, row)
        yield tell.say("targeting", "clear" if gap.differs() else "text", of=gap, share=row["share_contacted"])


def _effect(tell: Teller, before: BeforeContact | None, n: int | None, share: float) -> Iterator[Claim]:
    """Say what a comparison of those who answered would have claimed, and what would show an effect."""
    if before is not None and before.difference.value > 0 and before.during.low > 0:
        yield tell.say("naive", of=before.during, campaign=before.campaign_id, before=before.difference.value)
    yield tell.say("no_hold_out")
    if before is not None and n is not None:
        yield tell.say(
            "hold_out", "text" if 2 * n <= before.n_sent else "too_many", of=n, n=before.n_sent, share=share,
            amount=share * before.sent_mean, sent=before.n_sent, campaign=before.campaign_id,
            rests_on=("no_hold_out", "finding"),
        )  # fmt: skip
