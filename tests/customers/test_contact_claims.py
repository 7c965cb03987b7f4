"""What is claimed of lists to write to: small groups unnamed, no customer named, what cannot be said refused."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from custaudience.customers.contacts.claims import contact_claims, hold_out_claims
from custaudience.customers.contacts.lists import REFUSALS, ContactLists
from custaudience.customers.contacts.outcomes import look_back
from custaudience.evidence import Claim, Terms
from custaudience.present.words import render_claim, term
from custaudience.recipes import contact_lists_at, earlier_contacts_at
from custaudience.study import open_study

ROOT = Path(__file__).parents[2]
AS_OF = dt.date(2025, 10, 31)
MONTH_AGO = dt.date(2025, 9, 30)
TERMS = Terms(AS_OF, "UAH")


def claims_of(lists: ContactLists, before: pd.DataFrame, effect: float = 0.05) -> dict[str, Claim]:
    claims = contact_claims(lists, before, TERMS, after=MONTH_AGO, effect=effect)
    return {claim.id.split(".", 1)[1]: claim for claim in claims}


@pytest.fixture(scope="module")
def shop() -> tuple[ContactLists, pd.DataFrame]:
    study = open_study(ROOT / "data/shop")
    lists = contact_lists_at(study, AS_OF)
    day, then = earlier_contacts_at(study, lists)
    assert day == MONTH_AGO
    return lists, look_back(then, study.orders(AS_OF), day, TERMS)


def test_every_sentence_can_be_said_and_none_holds_a_customer(shop: tuple[ContactLists, pd.DataFrame]) -> None:
    claims = claims_of(*shop)
    ids = set(shop[0].table["customer_id"])
    for claim in claims.values():
        for language in ("en", "uk"):
            assert render_claim(claim, language=language)
            assert term(claim.statistic, language).does_not_mean
        assert not ids & set(json.dumps(dict(claim.values), default=str).replace('"', " ").split())
    advice = claims["power"]
    assert set(advice.rests_on) <= {claim.id for claim in claims.values()}
    assert advice.values["held"] >= 30


def test_small_groups_are_named_without_their_figures(shop: tuple[ContactLists, pd.DataFrame]) -> None:
    lists, before = shop
    small = lists.table.groupby("list").head(4)
    claims = claims_of(replace(lists, table=small, n_lost=3, n_agreed=4), before.assign(n_customers=9, n_back=1))
    for key in ("finding", "overdue", "missing", "consent", "before.overdue", "before.any", "power"):
        assert claims[key].status == "too_few" and claims[key].n is None and claims[key].value is None, key
    figures = [v for claim in claims.values() for v in claim.values.values() if isinstance(v, (int, float))]
    assert not [v for v in figures if 0 < v < 10]
    mostly = claims_of(replace(lists, table=lists.table.assign(may_write=lists.table.index < 3)), before)["finding"]
    assert "may" not in mostly.values and "too few to be counted" in render_claim(mostly, language="en")


def test_unknown_consent_none_and_all(shop: tuple[ContactLists, pd.DataFrame]) -> None:
    lists, before = shop
    free = lists.table.assign(may_write=True, consent=pd.NA)
    claims = claims_of(replace(lists, table=free, n_agreed=None), before)
    assert claims["consent"].status == "measured" and "names no column" in render_claim(
        claims["consent"], language="en"
    )
    assert "is not known here" in render_claim(claims["finding"], language="en")
    everybody = claims_of(replace(lists, table=free), before)["finding"]
    assert "all agreed" in render_claim(everybody, language="en")
    nobody = claims_of(replace(lists, table=free.assign(may_write=False)), before)
    assert "nobody of them agreed" in render_claim(nobody["finding"], language="en")
    assert nobody["power"].status == "too_few"
    empty = claims_of(replace(lists, table=lists.table.head(0)), before.head(0))
    assert "Nobody gives a reason" in render_claim(empty["finding"], language="en")
    assert all(render_claim(claim, language="uk") for claim in empty.values())


def test_a_list_that_cannot_be_made_says_why(shop: tuple[ContactLists, pd.DataFrame]) -> None:
    lists, before = shop
    without = lists.table[lists.table["list"] != "missing"]
    claims = claims_of(
        replace(lists, table=without, offer=None, missed=None, refused={"missing": REFUSALS["no_pair"]}), before
    )
    assert claims["missing"].status == "too_few" and "missing_value" not in claims
    assert "no two products are bought together" in render_claim(claims["missing"], language="en")


def test_no_number_of_held_out_is_advised_that_cannot_show_the_effect(shop: tuple[ContactLists, pd.DataFrame]) -> None:
    hopeless = claims_of(*shop, effect=0.001)["power"]
    assert hopeless.status == "advice" and "put several months together" in render_claim(hopeless, language="en")


def judged(**row: object) -> pd.DataFrame:
    given = {"list": "any", "n_written": 400, "n_written_back": 80, "n_held_out": 100, "n_held_out_back": 10,
             "share_written": 0.2, "share_held_out": 0.1, "difference": 0.1, "low": 0.02, "high": 0.16,
             "verdict": "measured"}  # fmt: skip
    return pd.DataFrame([given | row])


@pytest.mark.parametrize("verdict", ["measured", "no_clear_difference", "too_few"])
def test_a_judged_hold_out_carries_its_interval(verdict: str) -> None:
    (claim,) = hold_out_claims(judged(verdict=verdict), MONTH_AGO, TERMS)
    assert (claim.kind, claim.status) == ("difference", verdict)
    assert (claim.low, claim.value, claim.high) == (0.02, 0.1, 0.16)
    assert all(render_claim(claim, language=language) for language in ("en", "uk"))


@pytest.mark.parametrize("n", [0, 9])
def test_a_judged_hold_out_of_fewer_than_ten_is_not_shown(n: int) -> None:
    (claim,) = hold_out_claims(judged(n_held_out=n, low=np.nan, high=np.nan), MONTH_AGO, TERMS)
    assert claim.status == "too_few" and claim.value is None and n not in claim.values.values()
    assert "Fewer than 10 customers" in render_claim(claim, language="en")
