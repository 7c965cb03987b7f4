"""What is claimed of campaigns: no effect, the number of comparisons, what lay before, refusals in words."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from custaudience.customers.response.before_contact import (
    GROUPS,
    SPEND_BEFORE,
    BeforeContact,
    before_contact,
    in_reading_order,
    known_traits,
)
from custaudience.customers.response.claims import refusal_claim, response_claims
from custaudience.customers.response.response import CampaignResponse, CampaignTables, campaign_response
from custaudience.errors import HistoryError
from custaudience.evidence import Claim, Terms
from custaudience.present.words import render_claim, term
from custaudience.recipes import segments_at
from custaudience.study import open_study

DATA = Path(__file__).parents[2] / "data" / "grocery"
AS_OF = dt.date(2017, 12, 31)
TERMS, SPRING = Terms(AS_OF, "USD"), Terms(dt.date(2025, 3, 31))


def keyed(claims: list[Claim]) -> dict[str, Claim]:
    return {claim.id.split(".", 1)[1]: claim for claim in claims}


def claims_of(response: CampaignResponse, before: BeforeContact | None, **more: Any) -> dict[str, Claim]:
    return keyed(response_claims(response, before, TERMS, **({"n_to_show": 1060} | more)))


@pytest.fixture(scope="module")
def grocery() -> tuple[CampaignResponse, BeforeContact]:
    study = open_study(DATA)
    tables = CampaignTables(*(study.table(n) for n in ("contacts", "responses", "campaigns")), None, study.first_day)
    known_on = dt.date(2017, 2, 7)
    traits, left_out = known_traits(study.table("customers").df(), until=known_on)
    assert left_out["column"].tolist() == ["kids_count"] and "minors" in left_out["reason"].iloc[0]
    segments = segments_at(study, known_on)[["customer_id", "segment", "revenue_total"]]
    segments = segments.rename(columns={"revenue_total": SPEND_BEFORE})
    found = campaign_response(tables, TERMS, customers=traits, segments=segments)
    found = replace(
        found, groups=in_reading_order(found.groups, traits), targeting=in_reading_order(found.targeting, traits)
    )
    return found, before_contact(study.orders(AS_OF), tables, found, TERMS)


def test_no_effect_is_claimed(grocery: tuple[CampaignResponse, BeforeContact]) -> None:
    claims = claims_of(*grocery)
    assert claims["no_hold_out"].status == "too_few" and claims["no_hold_out"].value is None
    assert "cannot be said" in render_claim(claims["no_hold_out"], language="en")
    assert "before it began" in render_claim(claims["naive"], language="en")
    assert claims["targeting"].low > 0.2
    advice = claims["hold_out"]
    assert advice.kind == "advice" and set(advice.rests_on) <= {claim.id for claim in claims.values()}
    assert "must be left out" in render_claim(advice, language="en")  # 2 x 1,060 are more than were ever sent
    enough = claims_of(*grocery, n_to_show=300, share_to_show=0.2)["hold_out"]
    assert render_claim(enough, language="en").startswith("Leave 300 customers out")


def test_groups_are_said_with_the_number_of_comparisons(grocery: tuple[CampaignResponse, BeforeContact]) -> None:
    response, _ = grocery
    claims = claims_of(*grocery)
    assert claims["groups"].values == {"all": len(response.groups), "n": claims["groups"].value}
    named = [key for key in claims if key.startswith("segment.")]
    clear = response.groups[response.groups["verdict"] != "no clear difference"]
    assert len(named) == (clear["attribute"] == "segment").sum() > 0
    assert not response.groups["attribute"].isin(["kids_count"]).any()
    ages = response.groups.loc[response.groups["attribute"] == "income", "value"].tolist()
    assert ages[0] == "Under 15K" and ages[-1] == "250K+"
    quarters = response.groups.loc[response.groups["attribute"] == SPEND_BEFORE, "value"].tolist()
    assert quarters == ["lowest_quarter", "second_quarter", "third_quarter", "highest_quarter"]
    # a household of two keeps its own name
    assert "2" in response.groups.loc[response.groups["attribute"] == "household_size", "value"].tolist()


@pytest.mark.parametrize("language", ["en", "uk"])
def test_every_sentence_can_be_said(language: str, grocery: tuple[CampaignResponse, BeforeContact]) -> None:
    for claims in (claims_of(*grocery), claims_of(grocery[0], None, n_to_show=None)):
        for claim in claims.values():
            assert render_claim(claim, language=language) and term(claim.statistic, language).say
    assert claims_of(grocery[0], None)["finding"].status == "too_few"
    assert render_claim(refusal_claim("no_tables", TERMS), language=language)


PLAN = pd.DataFrame(
    {"campaign_id": ["<b>{n:count}"], "starts_on": [pd.Timestamp("2025-02-01")],
     "ends_on": [pd.Timestamp("2025-02-10")]}
)  # fmt: skip


def small_study(n_yes: int, n_no: int) -> tuple[pd.DataFrame, CampaignTables]:
    """Those who answer spent 20 before and 30 during, the others 10 and 10; ten more were not sent anything."""
    ids = [f"{i:03}" for i in range(n_yes + n_no + 10)]
    spend = [20] * n_yes + [10] * n_no + [5] * 10
    rows = [(c, f"{c}a", "2025-01-25", 100 * s) for c, s in zip(ids, spend, strict=True)]
    rows += [(c, f"{c}b", "2025-02-05", 3000 if i < n_yes else 1000) for i, c in enumerate(ids)]
    rows += [("new", "x", "2025-02-09", 9900), ("000", "old", "2025-01-21", 70), ("000", "late", "2025-02-11", 70)]
    orders = pd.DataFrame(rows, columns=["customer_id", "order_id", "ordered_on", "revenue_minor"])
    orders["ordered_on"] = pd.to_datetime(orders["ordered_on"])
    contacts = pd.DataFrame({"campaign_id": PLAN["campaign_id"].iloc[0], "customer_id": ids[: n_yes + n_no]})
    responses = contacts.head(n_yes).assign(responded_on=pd.Timestamp("2025-02-03"))
    return orders, CampaignTables(contacts, responses, PLAN, observed_from=dt.date(2025, 1, 1))


def test_before_contact_by_hand() -> None:
    orders, tables = small_study(12, 15)
    found = campaign_response(tables, SPRING)
    before = before_contact(orders, tables, found, SPRING)
    table = before.table.set_index("group")
    assert table.index.tolist() == list(GROUPS) and table["n_customers"].tolist() == [12, 15, 10]
    assert before.n_days == 10 and before.n_sent == 27
    assert table["spend_before"].tolist() == [20, 10, 5]  # the order of 21 January is too early by a day
    assert table["spend_during"].tolist() == [30, 10, 10]  # that of 11 February too late
    assert (before.difference.value, before.during.value) == (10, 20)
    assert before.sent_mean == pytest.approx((12 * 20 + 15 * 10) / 27)
    claims = claims_of(found, before, n_to_show=20)
    assert "“<b>{n:count}”" in render_claim(claims["finding"], language="en")
    assert "&lt;b&gt;" in render_claim(claims["finding"], language="en", html=True)


def test_before_contact_refuses_where_too_few_answered_or_nothing_lies_before() -> None:
    orders, tables = small_study(9, 15)
    with pytest.raises(HistoryError, match="enough customers who responded"):
        before_contact(orders, tables, campaign_response(tables, SPRING), SPRING)
    orders, tables = small_study(12, 15)
    late = replace(tables, observed_from=dt.date(2025, 1, 23))
    with pytest.raises(HistoryError, match="as many days of orders before it"):
        before_contact(orders, late, campaign_response(late, SPRING), SPRING)


def test_traits_leave_out_what_nobody_may_be_chosen_by() -> None:
    people = pd.DataFrame(
        {"customer_id": [f"{i:03}" for i in range(40)], "Релігія": ["a", "b"] * 20,
         "email": [f"u{i}@x.ua" for i in range(40)],
         "consent": ["yes", "no"] * 20, "age": np.arange(40.0), "_row": range(40)}
    )  # fmt: skip
    traits, left_out = known_traits(people, until=dt.date(2025, 1, 1))
    assert traits.columns.tolist() == ["customer_id", "consent", "age"]
    assert left_out["column"].tolist() == ["Релігія", "email"]
    assert set(traits["consent"]) == {"yes", "no"}
