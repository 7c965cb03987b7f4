"""What is claimed of groups: the planted ones found, and none where there are none.

tests/recount counts what is claimed of the grocery panel and the shop again from the raw files.
"""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score
from synthetic import make_shop

from custaudience.customers import (
    DriverTests,
    choose_k,
    customer_features,
    describe_segments,
    find_drivers,
    segment_customers,
    segment_rules,
    segment_stability,
)
from custaudience.customers.segments.claims import segment_claims
from custaudience.customers.segments.search import (
    CustomerGroups,
    count_table,
    describe_rule_groups,
    group_table,
    label_customers,
    plan_search,
    profile_table,
    rule_labels,
    rule_table,
)
from custaudience.evidence import Claim, Terms
from custaudience.present import render_claim, term
from custaudience.recipes import clusters_at, segments_at
from custaudience.study import Study, open_study

ROOT = Path(__file__).parents[2]
AS_OF = dt.date(2025, 10, 31)
USELESS = {"Улюблений колір", "Розмір взуття", "Поштова скринька", "Пристрій"}


def claims_of(groups: CustomerGroups, least: int = 10) -> dict[str, Claim]:
    claims = segment_claims(groups, Terms(groups.features.as_of, "UAH", least=least))
    return {claim.id.split(".", 1)[1]: claim for claim in claims}


@pytest.fixture(scope="module", autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def shop(cache_of_its_own: None) -> CustomerGroups:
    return clusters_at(open_study(ROOT / "data/shop"), AS_OF)


@pytest.fixture(scope="module")
def claims(shop: CustomerGroups) -> dict[str, Claim]:
    return claims_of(shop)


def test_planted_groups_are_found_and_useless_variables_kept_out(
    shop: CustomerGroups, claims: dict[str, Claim]
) -> None:
    """Craftsmen and renovators buy the same things: of four planted groups three can be told by baskets."""
    truth = make_shop().truth["customers"].set_index("customer_id")["group"]
    labels = shop.labels[shop.labels["searched"]].set_index("customer_id")["group"].astype("str")
    planted = truth.reindex(labels.index)
    assert adjusted_rand_score(planted, labels) > 0.6
    assert pd.crosstab(labels, planted.replace({"trade": "renovation"})).idxmax(axis=1).to_dict() == {
        "A": "renovation", "B": "home", "C": "garden",
    }  # fmt: skip
    assert (planted[labels == "A"] == "trade").sum() > 0.9 * (planted == "trade").sum()
    used = shop.plan.variables.set_index("name")
    assert USELESS <= set(used.index[used["use"] == "not_used"]) and (used.loc[list(USELESS), "reason"] != "").all()
    assert not used.index[used["use"] == "search"].intersection(list(USELESS)).size
    assert claims["rejected"].value == (used["why"] == "no_evidence").sum()
    assert claims["variables"].value == len(shop.plan.columns) == (used["use"] == "search").sum()
    assert claims["group.a"].values["each"] > claims["group.b"].values["each"] > claims["group.c"].values["each"]
    # no valley inside the first group: large and small customers blend into each other
    inside = shop.plan.matrix[shop.plan.matrix["customer_id"].isin(labels.index[labels == "A"])]
    assert choose_k(inside[["customer_id", "n_orders", "revenue_per_order"]], k_range=range(2, 5)).k == 1


def test_they_are_sure_and_the_rules_can_be_replayed_by_hand(shop: CustomerGroups, claims: dict[str, Claim]) -> None:
    stable = claims["stability"]
    assert stable.kind == "estimate" and stable.level == 0.9 and stable.low <= stable.value <= stable.high
    assert stable.value == shop.stability.table["jaccard"].min() > 0.9
    assert (shop.stability.table["verdict"] == "stable").all() and shop.rules.segments["recall"].min() > 0.8
    fidelity = claims["rules"]
    assert fidelity.low < fidelity.value < fidelity.high and fidelity.value > 0.93
    assert fidelity.values["baseline"] < 0.5
    rule = claims["rule.a"]
    assert rule.values["rule"] == "{c0_name:term} > {c0_limit:percent1}"
    table = shop.plan.matrix.merge(shop.labels, on="customer_id")
    holds = table[f"category_share: {rule.values['c0_name']}"] > rule.values["c0_limit"]
    assert (table.loc[holds, "group"] == "A").mean() == pytest.approx(rule.value, abs=0.03)
    told = rule_table(shop.rules, shop.features)
    assert told["n"].sum() == shop.rules.n_hold_out and told["rule"].iloc[0].startswith("Будівельні матеріали > ")


@pytest.mark.parametrize("language", ["en", "uk"])
def test_every_sentence_can_be_said_and_has_plain_words(claims: dict[str, Claim], language: str) -> None:
    for claim in claims.values():
        assert render_claim(claim, language=language) and term(claim.statistic, language).say


def test_a_group_too_small_to_show_stands_without_figures(shop: CustomerGroups) -> None:
    few = claims_of(shop, least=300)["group.c"]
    assert (few.status, few.n, few.value) == ("too_few", None, None)
    assert "fewer than 300" in render_claim(few, language="en")
    assert not {"n", "share", "money", "each"} & set(few.values)
    table = group_table(shop, min_group_size=300)
    small = table[table["group"] == "C"].iloc[0]
    assert small.drop(["group", "about", "direction"]).isna().all() and small["about"] == "Сад і город"


def test_the_recipe_is_the_same_from_the_cache_and_computed(shop: CustomerGroups) -> None:
    again = clusters_at(open_study(ROOT / "data/shop"), AS_OF)
    pd.testing.assert_frame_equal(again.labels, shop.labels)
    assert claims_of(again) == claims_of(shop)


def test_where_there_are_none_rfm_segments_are_described_instead() -> None:
    study = open_study(ROOT / "data/cdnow")
    groups = clusters_at(study, dt.date(1998, 6, 30))
    found = claims_of(groups)
    assert (groups.basis, found["finding"].status, found["finding"].value) == ("rfm", "no_clear_difference", 0)
    assert found["finding"].n == 1139 and "form no groups" in render_claim(found["finding"], language="en")
    assert found["again"].status == "no_clear_difference" and found["again"].values["between"] > 100
    assert found["instead"].kind == "advice" and found["instead"].rests_on == ("segments.finding",)
    assert not {"stability", "rules", "placed"} & set(found)
    rfm = segments_at(study, dt.date(1998, 6, 30)).set_index("customer_id")["segment"]
    ours = groups.labels.set_index("customer_id")["group"].astype("str")
    pd.testing.assert_series_equal(ours, rfm.reindex(ours.index), check_names=False, check_dtype=False)
    assert not count_table(groups.count)["chosen"].any()


def made_up(
    n: int = 400, *, groups: int = 2, whale: float = 0.0, names: tuple[str, str, str] = ("Paint", "Seeds", "Pans")
) -> Study:
    """Customers with eight orders each in a year who buy of one category, or of all alike; one may be very large."""
    rng = np.random.default_rng(5)
    rows = []
    for i in range(n):
        liking = np.full(3, 1 / 3) if groups == 1 else np.roll([0.86, 0.07, 0.07], i % groups)
        for day in np.sort(rng.choice(360, 8, replace=False)):
            for _line in range(3):
                amount = rng.gamma(4, 5.0 if i % groups == 0 else 3.0) * (whale if whale and i == 0 else 1)
                rows.append((f"c{i:04d}", f"{i}-{day}", day, int(rng.choice(3, p=liking)), round(float(amount), 2)))
    lines = pd.DataFrame(rows, columns=["customer_id", "order_id", "day", "product", "revenue"])
    lines["ordered_at"] = pd.Timestamp("2024-01-02") + pd.to_timedelta(lines.pop("day"), unit="D")
    lines["product_id"] = "p" + lines.pop("product").astype("str")
    products = pd.DataFrame({"product_id": ["p0", "p1", "p2"], "category": list(names)})
    people = pd.DataFrame(
        {"customer_id": [f"c{i:04d}" for i in range(n)],
         "{n:count} <b>age</b>": [str(20 + i % 50 + 15 * (i % groups)) for i in range(n)],
         "religion": rng.choice(["x", "y"], n)}
    )  # fmt: skip
    return Study.from_frames(
        currency="EUR", timezone="Europe/Kyiv", transactions=lines, products=products, customers=people
    )


def test_one_cloud_gives_no_groups_and_the_view_can_be_chosen() -> None:
    groups = clusters_at(made_up(groups=1), dt.date(2024, 12, 31), n_runs=10)
    assert groups.segments.k == 1 and groups.basis == "rfm"
    groups = clusters_at(made_up(), dt.date(2024, 12, 31), view="behaviour", n_runs=10)
    assert groups.plan.view == "behaviour"
    assert (groups.plan.variables.query("use == 'search'")["kind"] == "behaviour").all()
    assert set(groups.plan.variables.query("why == 'other_view'")["kind"]) <= {"category_share"}


def test_a_very_large_customer_is_counted_and_makes_no_group_of_their_own() -> None:
    study = made_up(groups=2, whale=5_000.0)
    groups = clusters_at(study, dt.date(2024, 12, 31), n_runs=10)
    found = claims_of(groups)
    assert groups.segments.k == 2 and groups.segments.table["n"].min() > 150
    assert found["whales"].n == 10 and found["whales"].value > 0.9
    said = render_claim(found["whales"], language="en")
    assert "make no group of their own" in said and "All of them are in Group A" in said
    planted = np.arange(400) % 2
    labels = groups.labels.sort_values("customer_id")["group"].astype("str")
    assert adjusted_rand_score(planted, labels) > 0.95


def test_hostile_names_are_text_and_sensitive_columns_stay_out() -> None:
    hostile = ("{n:count} {group:sentence}", "<script>alert(1)</script>", "a; DROP TABLE — " + "long " * 9)
    groups = clusters_at(made_up(groups=3, names=hostile), dt.date(2024, 12, 31), n_runs=10)
    found = claims_of(groups)
    assert groups.segments.k == 3
    said = "\n".join(render_claim(claim, language=language) for claim in found.values() for language in ("en", "uk"))
    for name in hostile:
        assert name.strip() in said
    html = "\n".join(render_claim(claim, language="en", html=True) for claim in found.values())
    assert "<script>" not in html and "&lt;script&gt;" in html
    by_name = groups.plan.variables.set_index("name")
    assert by_name.loc["religion", "why"] == "left_out" and "sensitive" in by_name.loc["religion", "reason"]
    assert "religion" not in set(groups.profiles.table["feature"])
    assert "people.a" in found and found["people.a"].values["what_name"] == "{n:count} <b>age</b>"


def matrix(n: int, **columns: Any) -> Any:
    ids = pd.Series([f"c{i:05d}" for i in range(n)], dtype="str")
    table = pd.DataFrame({"customer_id": ids, "n_orders": 3, "revenue_total": np.linspace(10, 900, n), **columns})
    lines = pd.DataFrame(
        {"customer_id": ids, "order_id": ids, "ordered_at": pd.Timestamp("2025-01-05"), "revenue_minor": 100}
    )
    features = customer_features(lines, terms=Terms(dt.date(2025, 1, 31)))
    rows = [(c, "", "", "behaviour", "numeric", float(table[c].notna().mean())) for c in table.columns[1:]]
    dictionary = pd.DataFrame(rows, columns=features.dictionary.columns)
    return replace(features, table=table, dictionary=dictionary)


def test_only_what_passed_is_known_for_all_and_is_a_number_enters() -> None:
    rng = np.random.default_rng(0)
    n = 400
    good = rng.normal(size=n)
    letter = pd.Categorical(np.where(good > 0, "p", "q"))
    gappy = np.where(np.arange(n) % 9, good, np.nan)
    features = matrix(n, good=good, gappy=gappy, noise=rng.normal(size=n), letter=letter)
    features.dictionary.loc[features.dictionary["column"] == "letter", "type"] = "category"
    outcomes = pd.DataFrame({"customer_id": features.table["customer_id"], "y": good + rng.normal(size=n)})
    apart = [["good", "noise"], ["gappy"], ["letter"]]  # together the weaker ones would be mere proxies
    tests = [
        find_drivers(features.table[["customer_id", *c]], outcomes, Terms(AS_OF), how=DriverTests(200)) for c in apart
    ]
    drivers, merged = tests[0], pd.concat([test.variables for test in tests], ignore_index=True)
    plan = plan_search(features, replace(drivers, variables=merged), min_orders=2)
    why = plan.variables.set_index("variable")["why"].to_dict()
    assert why["good"] == "passed" and why["gappy"] == "not_known_for_all" and why["letter"] == "not_a_number"
    assert why["noise"] in ("no_evidence", "too_little_data") and plan.columns == ("good",)
    assert plan.view == "behaviour" and plan.min_orders == 2 and (plan.variables["reason"] != "").all()
    assert plan_search(features, None, min_orders=9).min_orders == 1


def test_whales_of_a_search_by_behaviour_are_cut_and_said() -> None:
    rng = np.random.default_rng(1)
    n = 600
    value = np.where(np.arange(n) % 2, rng.normal(40, 4, n), rng.normal(90, 4, n))
    value[:14] = 1e6
    features = matrix(n, rhythm=np.where(np.arange(n) % 2, rng.normal(10, 1, n), rng.normal(30, 1, n)))
    features.table["revenue_total"] = value
    outcomes = features.table[["customer_id"]].assign(y=features.table["rhythm"] + rng.normal(size=n), z=np.log(value))
    drivers = find_drivers(
        features.table[["customer_id", "rhythm", "revenue_total"]], outcomes, Terms(AS_OF), how=DriverTests(200)
    )
    plan = plan_search(features, drivers)
    assert set(plan.columns) == {"rhythm", "revenue_total"}
    count = choose_k(plan.matrix, k_range=range(2, 5), preparation=plan.preparation)
    segments = segment_customers(plan.matrix, count.k, preparation=plan.preparation)
    assert segments.k == 2 and len(segments.whales) == 14
    groups = CustomerGroups(
        label_customers(plan, segments, features), "found", features, plan, count, segments,
        describe_segments(plan.matrix, segments), segment_stability(segments, plan.matrix, n_runs=10),
        segment_rules(plan.matrix, segments),
    )  # fmt: skip
    found = claims_of(groups)
    assert found["whales"].values["whales"] == 14
    assert "14 customers lie so far above" in render_claim(found["whales"], language="en")
    assert found["finding"].template.startswith("By how they buy")


def test_one_customer_and_all_alike_are_refused_in_words() -> None:
    for n in (1, 60):
        features = matrix(n)
        plan = plan_search(features, None)
        count = choose_k(plan.matrix, preparation=plan.preparation)
        segments = segment_customers(plan.matrix, count.k, preparation=plan.preparation)
        assigned = pd.DataFrame({"customer_id": features.table["customer_id"], "segment": "dormant"})
        labels = rule_labels(assigned)
        assert describe_rule_groups(features, labels, Terms(AS_OF)) is None
        groups = CustomerGroups(labels, "rfm", features, plan, count, segments, None, None, None)
        found = claims_of(groups)
        assert found["finding"].status == "too_few" and all(render_claim(c, language="uk") for c in found.values())
        assert ("whales" in found) == (n == 60) and len(count_table(count)) == 0
        assert len(group_table(groups)) == 1


def test_profiles_of_small_groups_are_blank() -> None:
    features = matrix(60, x=np.arange(60.0))
    labels = pd.Series(np.where(np.arange(60) < 4, "tiny", "rest"), index=features.table["customer_id"])
    table = profile_table(describe_segments(features.table, labels), features)
    tiny = table[table["group"] == "tiny"]
    assert tiny[["n", "n_others", "value", "low", "high"]].isna().all(axis=None)
    assert not table["n"].between(1, 9).fillna(False).any()
