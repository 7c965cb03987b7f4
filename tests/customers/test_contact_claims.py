"""What is claimed of lists to write to: recounted by plain pandas, small groups unnamed, no customer named."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from custaudience.customers.contacts.claims import contact_claims
from custaudience.customers.contacts.judgement import hold_out_claims
from custaudience.customers.contacts.lists import NO_PAIR, ContactLists
from custaudience.customers.contacts.outcomes import look_back
from custaudience.evidence import Claim
from custaudience.present.words import render_claim, term
from custaudience.recipes import contact_lists_at, earlier_contacts_at
from custaudience.study import open_study

ROOT = Path(__file__).parents[2]
AS_OF = dt.date(2025, 10, 31)
MONTH_AGO = dt.date(2025, 9, 30)


def claims_of(lists: ContactLists, before: pd.DataFrame, least: int = 10, effect: float = 0.05) -> dict[str, Claim]:
    claims = contact_claims(
        lists, before, after=MONTH_AGO, effect=effect, currency="UAH", min_group_size=least, notebook="n.ipynb"
    )
    return {claim.id.split(".", 1)[1]: claim for claim in claims}


@pytest.fixture(scope="module")
def shop() -> tuple[ContactLists, pd.DataFrame]:
    study = open_study(ROOT / "data/shop")
    lists = contact_lists_at(study, AS_OF)
    day, then = earlier_contacts_at(study, lists)
    assert day == MONTH_AGO
    return lists, look_back(then, study.orders(AS_OF), after=day, as_of=AS_OF)


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    """The raw order lines, read by nothing of ours: what counts, with its kind of product."""
    lines = pd.read_csv(ROOT / "data/shop/orders.csv", sep=";", encoding="cp1251", dtype=str, keep_default_na=False)
    lines["at"] = pd.to_datetime(lines["Дата"], format="%d.%m.%Y %H:%M", errors="coerce")
    amount = lines["Сума, грн"].str.replace("\u00a0", "").str.replace(",", ".")
    lines["revenue"] = pd.to_numeric(amount, errors="coerce")
    left_out = lines["Статус"].str.lower().isin(["скасовано", "тест"]) | lines["Клієнт"].isin(["", "Гість"])
    kept = lines[~left_out & lines["at"].notna() & lines["revenue"].notna()]
    kinds = pd.read_csv(ROOT / "data/shop/products.csv", sep=";", encoding="cp1251", dtype=str)
    return kept.merge(kinds[["Артикул", "Вид товару"]], on="Артикул", how="left")


@pytest.fixture(scope="module")
def agreed() -> set[str]:
    people = pd.read_csv(ROOT / "data/shop/customers.csv", sep=";", encoding="cp1251", dtype=str)
    return set(people.loc[people["Згода на розсилку"] == "так", "Код клієнта"])


def overdue_by_hand(raw: pd.DataFrame, as_of: str) -> tuple[set[str], int, set[str]]:
    """Return who is overdue and not lost, how many are lost, and everybody, by plain pandas."""
    orders = raw[raw["at"] < pd.Timestamp(as_of) + pd.Timedelta(days=1)]
    orders = (
        orders.groupby(["Клієнт", "Номер замовлення"]).agg(at=("at", "min"), revenue=("revenue", "sum")).reset_index()
    )
    orders = orders[orders["revenue"].round(2) > 0]
    days = {who: sorted(set(part.dt.normalize())) for who, part in orders.groupby("Клієнт")["at"]}
    gaps = {who: sorted((b - a).days for a, b in itertools.pairwise(on)) for who, on in days.items()}
    weights = sorted((gap, 1 / len(own)) for own in gaps.values() for gap in own)
    total, so_far, pooled = sum(w for _, w in weights), 0.0, 0
    for gap, weight in weights:
        so_far += weight
        pooled = gap
        if so_far >= 0.95 * total - 1e-9:
            break
    late, lost = set(), 0
    for who, on in days.items():
        own = gaps[who]
        limit = own[math.ceil(0.95 * len(own)) - 1] if len(own) >= 5 else pooled
        silent = (pd.Timestamp(as_of) - on[-1]).days
        lost += silent > 2 * limit
        late |= {who} if limit < silent <= 2 * limit else set()
    return late, lost, set(days)


def test_overdue_and_consent_equal_a_recount_of_the_raw_files(
    shop: tuple[ContactLists, pd.DataFrame], raw: pd.DataFrame, agreed: set[str]
) -> None:
    claims = claims_of(*shop)
    late, lost, everybody = overdue_by_hand(raw, "2025-10-31")
    assert claims["overdue"].value == len(late)
    assert (claims["overdue"].values["lost"], claims["overdue"].values["all"]) == (lost, len(everybody))
    assert claims["consent"].value == len(everybody & agreed)
    listed = late | {row.customer_id for row in shop[0].table.itertuples() if row.list == "missing"}
    assert claims["finding"].value == len(listed)
    assert claims["finding"].values["may"] == len(listed & agreed)


def test_missing_equals_a_recount_of_the_raw_files(shop: tuple[ContactLists, pd.DataFrame], raw: pd.DataFrame) -> None:
    kept = raw.assign(day=raw["at"].dt.normalize())
    kept = kept.groupby(["Клієнт", "Номер замовлення", "Вид товару"]).agg(
        day=("day", "min"), revenue=("revenue", "sum"), least=("revenue", "min")
    )
    kept = kept[(kept["revenue"].round(2) > 0) | (kept["least"] >= 0)].reset_index()
    bricks = kept[kept["Вид товару"] == "Цегла"].groupby("Клієнт")["day"].max()
    others = kept[kept["Вид товару"].isin(["Цемент", "Пісок"])]
    near = (others["day"] - others["Клієнт"].map(bricks)).abs() <= pd.Timedelta(days=30)
    found = bricks.index.isin(others.loc[near, "Клієнт"])
    closed = bricks + pd.Timedelta(days=30) <= pd.Timestamp(AS_OF)
    claim = claims_of(*shop)["missing"]
    assert claim.value == int((~found & closed).sum())
    assert (claim.values["bought"], claim.values["missing"]) == ("Цегла", "Цемент, Пісок")


def test_last_months_list_is_checked_against_who_came(
    shop: tuple[ContactLists, pd.DataFrame], raw: pd.DataFrame, agreed: set[str]
) -> None:
    # refunds known by the end of October belong to the orders of both dates here: the list is of what was known then
    late, _, _ = overdue_by_hand(raw, "2025-09-30")
    claim = claims_of(*shop)["before.overdue"]
    assert claim.n == len(late & agreed)
    since = raw[(raw["at"] >= "2025-10-01") & (raw["at"] < "2025-11-01") & (raw["revenue"] > 0)]
    assert claim.value == pytest.approx(len(late & agreed & set(since["Клієнт"])) / claim.n)
    assert claim.low < claim.value < claim.high


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
    claims = claims_of(replace(lists, table=without, offer=None, missed=None, refused={"missing": NO_PAIR}), before)
    assert claims["missing"].status == "too_few" and "missing_value" not in claims
    assert "no two products are bought together" in render_claim(claims["missing"], language="en")


def test_names_from_data_stay_values(shop: tuple[ContactLists, pd.DataFrame]) -> None:
    lists, before = shop
    evil = "{n:count}<script>alert(1)</script>{{"
    offer = replace(lists.offer, bought=(evil,), goes_with=(evil,))
    claim = claims_of(replace(lists, offer=offer), before)["missing"]
    assert evil not in claim.template
    text = str(render_claim(claim, language="en", html=True))
    assert "<script>" not in text and "{n:count}" in text


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
    claim = hold_out_claims(
        judged(verdict=verdict), drawn_at=MONTH_AGO, as_of=AS_OF, min_group_size=10, notebook="n.ipynb"
    )[0]
    assert (claim.kind, claim.status) == ("difference", verdict)
    assert (claim.low, claim.value, claim.high) == (0.02, 0.1, 0.16)
    assert all(render_claim(claim, language=language) for language in ("en", "uk"))


def test_a_judged_hold_out_of_fewer_than_ten_is_not_shown() -> None:
    claim = hold_out_claims(
        judged(n_held_out=9, low=np.nan, high=np.nan), drawn_at=MONTH_AGO, as_of=AS_OF, min_group_size=10,
        notebook="n.ipynb",
    )[0]  # fmt: skip
    assert claim.status == "too_few" and claim.value is None and 9 not in claim.values.values()
    assert "Fewer than 10 customers" in render_claim(claim, language="en")
