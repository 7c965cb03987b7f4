"""What is said of differences between people, also of hostile data; the figures are recounted in tests/recount."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from custaudience.customers import DriverTests, customer_features, driver_study, find_drivers, time_to_second_order
from custaudience.customers.drivers.claims import (
    driver_claims,
    no_driver_claims,
    no_second_order_claim,
    second_order_claims,
)
from custaudience.customers.drivers.columns import key_of
from custaudience.customers.drivers.effects import share_explained
from custaudience.customers.drivers.study import (
    NO_CODE,
    DriverStudy,
    SecondOrderStudy,
    code_column,
    cut_day,
    discount_column,
    driver_tables,
    headline_outcome,
    second_order_study,
    second_order_table,
)
from custaudience.errors import HistoryError
from custaudience.evidence import Claim, Terms
from custaudience.present.words import render_claim
from custaudience.recipes import drivers_at, second_orders_at
from custaudience.study import open_study, orders_of

DATA = Path(__file__).parents[2] / "data"
LAST = dt.date(2025, 12, 26)
FEW_TESTS = DriverTests(n_permutations=200, n_repeats=1)


def terms(as_of: dt.date = LAST, least: int = 10) -> Terms:
    return Terms(as_of, "EUR", least=least)


def by_key(claims: list[Claim]) -> dict[str, Claim]:
    found = {claim.id.split(".", 1)[1]: claim for claim in claims}
    assert len(found) == len(claims)
    return found


def say(study: DriverStudy, least: int = 10) -> dict[str, Claim]:
    return by_key(driver_claims(study, terms(study.as_of, least)))


@pytest.fixture(scope="module")
def grocery() -> DriverStudy:
    return drivers_at(open_study(DATA / "grocery"), dt.date(2017, 12, 31), n_categories=2, n_permutations=200)


def test_what_is_rejected_has_a_reason_and_minors_are_not_looked_at(grocery: DriverStudy) -> None:
    claims = say(grocery)
    assert "tells more than who they are" in render_claim(claims["finding"], language="en")
    assert "only as far as it goes with “Income”" in render_claim(claims["rejected.marital_status"], language="en")
    assert "no evidence" in render_claim(claims["rejected.age"], language="en")
    assert claims["left_out.kids_count"].values["topic"] == "minors"
    assert not any("kids" in str(c.values) for key, c in claims.items() if not key.startswith("left_out"))
    tables = driver_tables(grocery, terms())
    assert "kids_count" not in set(tables["drivers"]["variable"]) | set(tables["driver_levels"]["variable"])


def test_tables_that_are_published_hold_no_small_group(grocery: DriverStudy) -> None:
    tables = driver_tables(grocery, terms(least=100))
    assert (tables["driver_levels"]["n"] >= 100).all() and len(tables["driver_levels"])
    assert (tables["attribute_coverage"][["n_known", "n_unknown"]] >= 100).all(axis=None)
    for table in tables.values():
        assert not {"customer_id", "order_id"} & set(table)
    drivers = tables["drivers"]
    assert not drivers["n"].between(1, 99).any() and drivers["verdict_name"].notna().all()
    assert set(drivers["kind"]) <= {"behaviour", "category_share", "attribute", "date"}
    assert not grocery.drivers.table["reason"].str.contains(r"only \d").any()  # no small count in a published reason


def lines(n: int, seed: int, weight: Any, *, months: int = 12) -> pd.DataFrame:
    """Order lines of a year: customer i orders about `weight[i]` times a month."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(np.asarray(weight) * months)
    counts[:] = np.maximum(counts, 1)
    who = np.repeat(np.arange(n), counts)
    at = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 30 * 24 * months, len(who)), unit="h")
    return pd.DataFrame(
        {"customer_id": [f"c{i:05}" for i in who], "order_id": [f"o{k}" for k in range(len(who))], "ordered_at": at,
         "revenue_minor": rng.integers(500, 5000, len(who))}
    )  # fmt: skip


def study_of(frame: pd.DataFrame, people: pd.DataFrame | None = None) -> DriverStudy:
    features = customer_features(frame, people, terms=Terms(LAST), until=dt.date(2025, 6, 30))
    return driver_study(frame, features, None, terms(), how=FEW_TESTS)


def second_study_of(frame: pd.DataFrame, people: pd.DataFrame | None = None, as_of: dt.date = LAST) -> SecondOrderStudy:
    waits = time_to_second_order(orders_of(frame, as_of=as_of), as_of=as_of, first_orders="observed")
    features = customer_features(frame, people, terms=Terms(as_of))
    return second_order_study(frame, waits, features, terms(as_of), how=DriverTests(200))


def persons(n: int, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": [f"c{i:05}" for i in range(n)], **columns})


NASTY = "{n:count} <script>alert(1)</script> “x” {0}"


def test_names_from_the_data_are_values_and_never_templates() -> None:
    rng = np.random.default_rng(0)
    n = 500
    kind = rng.choice(["{mean:money0}", "<b>bold</b>"], n)
    people = persons(n, **{NASTY: kind, "religion {x:y}": rng.choice(["p", "q"], n), "{": rng.choice(["a", "b"], n)})
    study = study_of(lines(n, 1, np.where(kind == "<b>bold</b>", 2.5, 0.8)), people)
    claims = say(study)
    driver = claims[f"driver.{key_of(NASTY)}"]
    text = render_claim(driver, language="en")
    assert text.startswith(NASTY) and "“<b>bold</b>”" in text
    assert "<script>" not in render_claim(driver, language="uk", html=True)
    assert "religion {x:y}" in render_claim(claims[f"left_out.{key_of('religion {x:y}')}"], language="en")
    for claim in claims.values():
        assert render_claim(claim, language="uk")
    driver_tables(study, terms())


def test_nothing_but_noise_is_no_evidence_and_few_are_too_few() -> None:
    rng = np.random.default_rng(3)
    n = 600
    features = persons(n, a=rng.choice(["x", "y"], n), b=rng.normal(size=n))
    study = study_of(lines(n, 2, np.full(n, 1.0)), features)
    outcomes = persons(n, n_orders=rng.poisson(3, n), bought_again=rng.random(n) < 0.5)
    drivers = find_drivers(features, outcomes, terms(), how=DriverTests(200))
    blank = say(DriverStudy(study.features, outcomes, drivers))
    assert blank["finding"].status == "no_clear_difference" and "No evidence" in blank["finding"].template
    assert not any(key.startswith(("driver.", "begin_with")) for key in blank)
    assert {"rejected.a", "rejected.b"} <= set(blank)
    few = find_drivers(features[:40], outcomes[:40], terms(), how=DriverTests(200))
    small = say(DriverStudy(study.features, outcomes, few))
    assert small["finding"].status == "too_few" and "Too few" in small["finding"].template
    assert small["rejected.a"].status == "too_few"


def test_no_attributes_is_said() -> None:
    n = 400
    study = study_of(lines(n, 5, np.random.default_rng(5).choice([0.3, 3.0], n)))
    claims = say(study)
    assert "no such attribute could be tested" in claims["finding"].template
    assert claims["coverage"].value == 0 and "warning.known" not in claims
    assert claims["driver.n_orders"].status == "measured"


def test_a_group_under_the_limit_is_not_spoken_of() -> None:
    """The best level has 12 people: with a limit of 15 it is passed over."""
    rng = np.random.default_rng(7)
    n = 600
    group = np.array(["gold"] * 12 + ["silver"] * 288 + ["none"] * 300)
    study = study_of(
        lines(n, 8, np.select([group == "gold", group == "silver"], [6, 3], 1) + rng.random(n)), persons(n, group=group)
    )
    small = say(study, least=15)["driver.group"]
    assert small.values["level_name"] == "silver" and small.n == 288
    assert not driver_tables(study, terms(least=15))["driver_levels"].eq("gold").any(axis=None)


def test_ordered_levels_become_fifths() -> None:
    n = 1000
    ages = pd.Categorical(np.repeat(list("abcdefgh"), 125), list("abcdefgh"), ordered=True)
    y = np.arange(n) + np.random.default_rng(0).normal(0, 50, n)
    levels = find_drivers(persons(n, age=ages), persons(n, y=y), terms(), how=DriverTests(200)).levels
    assert levels["level"].tolist() == ["a … b", "c … d", "e", "f … g", "h"]
    assert levels["n"].tolist() == [250, 250, 125, 250, 125]


def test_refusals_say_what_to_use_instead() -> None:
    day = dt.date(2017, 1, 1)
    short = no_driver_claims(day, terms(dt.date(2017, 1, 31)))[0]
    assert short.status == "too_few" and "two months are the least" in short.template
    nobody = no_driver_claims(day, terms(dt.date(2017, 12, 31)))[0]
    assert "Choose another cut date" in nobody.template and nobody.values["cut"] == "2017-10-01"
    cut_off = no_second_order_claim(HistoryError("cut off"), terms(day))
    assert "notebook 30" in cut_off.template
    for claim in (short, nobody, cut_off):
        assert render_claim(claim, language="uk")


def test_keys_stay_and_do_not_meet() -> None:
    assert key_of("n_orders") == "n_orders"
    assert key_of("Вік") == key_of("Вік") != key_of("вік")
    assert len({key_of(name) for name in ("A b", "a b", "a_b", "A_b", "", "9")}) == 6


@pytest.mark.parametrize(
    ("first", "as_of", "cut"),
    [("2017-01-01", "2017-12-31", "2017-10-01"), ("2023-11-01", "2025-10-31", "2025-05-01"),
     ("2010-01-01", "2025-12-31", "2025-01-01"), ("2017-01-01", "2017-02-28", "2017-02-01"),
     ("2017-01-10", "2017-06-15", "2017-05-16")],
)  # fmt: skip
def test_the_cut_leaves_a_quarter_in_whole_months(first: str, as_of: str, cut: str) -> None:
    assert cut_day(dt.date.fromisoformat(first), dt.date.fromisoformat(as_of)) == dt.date.fromisoformat(cut)
    with pytest.raises(HistoryError, match="less than two months"):
        cut_day(dt.date(2017, 1, 2), dt.date(2017, 2, 28))


def test_columns_are_told_by_their_names() -> None:
    frame = pd.DataFrame({"coupon": ["x"], "retail_disc": [1.0], "discord": [2.0], "Промокод": ["A"]})
    assert discount_column(frame) == "retail_disc"
    assert discount_column(frame.assign(discount_minor=1)) == "discount_minor"
    assert discount_column(frame[["coupon"]]) == "discount_minor"  # absent, and so not used
    assert code_column(frame) == "coupon" and code_column(frame[["Промокод"]]) == "Промокод"
    assert code_column(frame[["retail_disc"]]) == ""


def test_limits_of_a_share_cover_it() -> None:
    """200 samples of 150 with a true correlation of 0.4: nominal 95 %."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        x = rng.normal(size=150)
        y = 0.4 * x + np.sqrt(1 - 0.16) * rng.normal(size=150)
        low, high = share_explained(float(np.corrcoef(x, y)[0, 1]) ** 2, 1, 150)[1:]
        inside += low <= 0.16 <= high
    assert 0.9 <= inside / 200 <= 0.99
    assert share_explained(1.0, 1, 50) == (1.0, 1.0, 1.0) and share_explained(0.0, 1, 50)[1] == 0
    assert np.isnan(share_explained(0.5, 3, 5)[1:]).all()
    _, low, high = share_explained(0.3, 4, 200)
    assert low < 0.3 < high


AS_OF = dt.date(2025, 10, 31)


@pytest.fixture(scope="module")
def second() -> Any:
    return second_orders_at(open_study(DATA / "shop"), AS_OF, n_permutations=200)


def test_second_orders_of_the_shop_are_those_planted(second: Any) -> None:
    assert second.days == 365 and second.n_watched == 1603
    assert set(second.by) == {"Канал залучення", "first_order_discounted", "consent"}
    claims = by_key(second_order_claims(second, terms(AS_OF)))
    channel = key_of("Канал залучення")
    assert claims[f"second_most.{channel}"].values["group"] == "Рекомендація"
    assert claims[f"second_least.{channel}"].values["group"] == "Маркетплейс"
    assert claims["second_most.first_order_discounted"].values["group"] == "no"
    device = claims[f"second_stand_in.{key_of('Пристрій')}"]
    assert device.values["other_name"] == "Канал залучення"
    assert claims["second.tested"].values == {"all": 13, "passed": 3, "none": 9, "few": 0, "days": 365}
    for claim in claims.values():
        assert render_claim(claim, language="en") and render_claim(claim, language="uk")


def test_the_published_table_blanks_small_groups(second: Any) -> None:
    table = second_order_table(second, terms(least=800))
    small = table["n"].isna()
    assert small.any() and table.loc[small, ["share", "low", "high", "difference"]].isna().all(axis=None)
    assert table["name"].iloc[0] == "" and table["group"].iloc[0] == "all"


def test_promo_codes_are_groups_where_there_are_several() -> None:
    n = 600
    rng = np.random.default_rng(4)
    code = rng.choice(["A", "B", None], n)
    back = rng.random(n) < np.select([code == "A", code == "B"], [0.7, 0.2], 0.45)
    start = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 120, n), unit="D")
    firsts = pd.DataFrame(
        {"customer_id": [f"c{i:04}" for i in range(n)], "order_id": [f"a{i}" for i in range(n)], "ordered_at": start,
         "revenue_minor": 100, "promo code": code}
    )  # fmt: skip
    seconds = firsts[back].assign(
        order_id=lambda t: "b" + t["order_id"], ordered_at=lambda t: t["ordered_at"] + pd.Timedelta(days=20)
    )
    study = second_study_of(pd.concat([firsts, seconds]), as_of=dt.date(2025, 12, 31))
    assert study.days == 180 or study.days == 365
    rows = study.table().set_index(["by", "group"])
    assert rows.loc[("promo code", "A"), "verdict"] == "more often"
    assert rows.loc[("promo code", "B"), "verdict"] == "less often"
    assert rows.loc[("promo code", NO_CODE), "n"] == (pd.Series(code).isna()).sum()
    claims = by_key(second_order_claims(study, terms(AS_OF)))
    assert {"second.overall", "second.nothing_known"} <= set(claims)
    assert claims[f"second_most.{key_of('promo code')}"].values["group"] == "A"


def test_too_young_a_business_is_refused() -> None:
    frame = lines(50, 3, np.full(50, 0.01), months=1)
    with pytest.raises(HistoryError, match="too short"):
        second_study_of(frame, as_of=dt.date(2025, 1, 30))


def test_headline_prefers_money_where_enough_people_paid(grocery: DriverStudy) -> None:
    assert headline_outcome(grocery) == "revenue_of_buyers" == say(grocery)["finding"].values["outcome_key"]
    assert driver_tables(grocery, terms())["drivers"]["outcome"].iloc[0] == "revenue_of_buyers"


@pytest.mark.parametrize("n", [1, 15, 60])
def test_hard_studies_are_told_in_words(n: int) -> None:
    """One customer, few, all alike: no figure of a small group, no crash."""
    at = pd.Timestamp("2025-02-01")
    first = pd.DataFrame(
        {"customer_id": [f"c{i:05}" for i in range(n)], "order_id": [f"a{i}" for i in range(n)], "ordered_at": at,
         "revenue_minor": 1000}
    )  # fmt: skip
    later = first.assign(order_id=lambda t: "b" + t["order_id"], ordered_at=at + pd.Timedelta(days=200))
    people = persons(
        n, constant="x", blank=None, village=[f"v{i}" for i in range(n)], flag=[i % 2 == 0 for i in range(n)]
    )
    study = study_of(pd.concat([first, later]), people)
    claims = say(study)
    assert claims["finding"].status == "too_few" and not any(key.startswith("driver.") for key in claims)
    for claim in claims.values():
        assert render_claim(claim, language="uk") and (claim.n is None or claim.n >= 10)
    assert driver_tables(study, terms())["driver_levels"].empty
    second = second_study_of(pd.concat([first, later]), people)
    for claim in second_order_claims(second, terms(AS_OF)):
        assert render_claim(claim, language="en") and (claim.n is None or claim.n >= 10)
