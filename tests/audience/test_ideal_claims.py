"""What may be said of ideal customers: statuses, small groups, what is not known, hostile names."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from ideal_data import TERMS, features_of, ideal_of, monthly, orders_of_people, small_shop, synthetic_base

from custaudience.audience import IdealRule, distinctive_traits, ideal_rules
from custaudience.audience.ideal.claims import Found, ideal_claims
from custaudience.audience.ideal.customers import cut_off_table, part_table, value_table
from custaudience.audience.ideal.rule import ideal_rule_table
from custaudience.audience.ideal.traits import left_out_table, trait_table
from custaudience.customers.segments.rules import Condition
from custaudience.evidence import Estimate
from custaudience.present import render_claim, term

HOSTILE = "<script>alert(1)</script>{n:count} =1+1 \u202e" + "x" * 60


def text(claim) -> str:
    return render_claim(claim, language="en").replace("\u00a0", " ")


def by_key(claims) -> dict[str, Any]:
    return {claim.id.split(".", 1)[1]: claim for claim in claims}


@pytest.fixture(scope="module")
def many():
    """400 customers, 40 ideal, with a town that is theirs, hostile names, and an age known of few."""
    orders = small_shop(400)
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"customer_id": [f"c{i:03}" for i in range(400)]})
    ideal = np.arange(400) < 40
    table[HOSTILE] = pd.Categorical(np.where(rng.random(400) < np.where(ideal, 0.6, 0.2), HOSTILE, "no"))
    table["age"] = np.where(ideal | (rng.random(400) < 0.4), rng.normal(40, 9, 400).round(), np.nan)
    table["n_orders"] = np.where(np.arange(400) < 80, 8, 2)
    features = features_of(table, {HOSTILE: "attribute", "age": "attribute"})
    found = ideal_of(orders)
    return found, features


def claims_of(found, features, **more: Any) -> dict[str, Any]:
    traits = distinctive_traits(features, found.is_ideal, TERMS)
    return by_key(ideal_claims(Found(found, traits, **more), TERMS))


def test_every_claim_renders_has_plain_words_and_a_status_by_the_rules(many) -> None:
    found, features = many
    rules = ideal_rules(features, found.is_ideal, TERMS)
    claims = claims_of(found, features, rules=rules)
    assert text(claims["finding"]).startswith(
        "40 of 400 customers (10.0 %) are ideal: loyal, among the most valuable, and in their own rhythm. They bring"
    )
    for key, claim in claims.items():
        assert text(claim) and term(claim.statistic, "en").say and term(claim.statistic, "uk").say, key
        if claim.status == "measured" and claim.kind in ("estimate", "difference"):
            assert claim.low <= claim.value <= claim.high and claim.level == 0.95
        if claim.kind == "advice":
            assert claim.method and set(claim.rests_on) <= {c.id for c in claims.values()}
    assert {"missing.satisfied", "missing.engaged"} <= set(claims)
    assert claims["missing.satisfied"].status == "too_few" and claims["missing.satisfied"].value is None
    assert claims["known"].value > 0.1 and "what is said of them is of those known" in text(claims["known"])
    assert claims["compared_not"].value == 1
    assert claims["unclear.age"].status == "no_clear_difference"
    assert "because" in text(claims["not_because"])


def test_hostile_names_are_values_and_never_markup(many) -> None:
    found, features = many
    claims = claims_of(found, features)
    hostile = [claim for claim in claims.values() if HOSTILE in text(claim)]
    assert hostile and all(HOSTILE not in claim.template for claim in hostile)
    assert all(HOSTILE not in claim.id and "script" not in claim.id for claim in claims.values())
    for claim in hostile:
        for language in ("en", "uk"):
            assert "<script>" not in render_claim(claim, language=language, html=True)


def test_fewer_than_the_limit_are_not_shown() -> None:
    few = ideal_of(small_shop())
    assert few.n_ideal == 4
    claims = by_key(ideal_claims(Found(few), TERMS))
    assert (
        text(claims["finding"]) == "Fewer than 10 customers are ideal by these cut-offs, so nothing is shown of them."
    )
    assert claims["finding"].status == "too_few" and claims["finding"].n is None
    assert not {"sensitivity", "later", "traits", "advice"} & set(claims)
    assert claims["asked.loyal"].value is None  # eight are loyal
    for table in (part_table(few, 10), value_table(few, 10), cut_off_table(few, 10)):
        for column in table.columns.intersection(["n_yes", "n_no", "n_left", "n_customers", "n_kept", "n_unknown"]):
            assert not table[column].between(1, 9).fillna(False).any(), column
    assert part_table(few, 10).set_index("part").loc["current", "n_yes"] == 36
    assert value_table(few, 10).set_index("group").loc["ideal"].isna().all()


def test_refusals_take_the_place_of_the_finding() -> None:
    refused = ideal_of(orders_of_people(("a", monthly(9), 10.0)))
    claims = by_key(ideal_claims(Found(refused), TERMS))
    assert text(claims["finding"]).startswith("No ideal customers can be named. Nobody can be called valuable")
    assert "1 customer" not in text(claims["finding"])
    nobody = ideal_of(small_shop(), min_orders=50)
    claims = by_key(ideal_claims(Found(nobody), TERMS))
    assert text(claims["finding"]).startswith("Nobody is ideal by these cut-offs")


def test_everybody_ideal_is_a_count_without_a_share() -> None:
    orders = orders_of_people(*((f"{i:02}", monthly(8), 10.0 + i) for i in range(30)))
    found = ideal_of(orders, top_share=1.0)
    assert found.n_ideal == 30
    claim = by_key(ideal_claims(Found(found), TERMS))["finding"]
    assert claim.kind == "count" and text(claim).startswith("30 of 30 customers (100.0 %) are ideal")


def rule(features, **more: Any) -> IdealRule:
    facts: dict[str, Any] = {
        "view": "everybody", "about": features, "n_hold_out": 400, "n_said": 100, "n_right": 40, "n_hold_out_ideal": 60,
        "precision": Estimate(0.4, 0.31, 0.5, 0.95, 400), "recall": Estimate(0.67, 0.54, 0.77, 0.95, 60),
        "base_rate": 0.15, "verdict": "better than chance",
    }  # fmt: skip
    conditions = ((Condition("age", "above", 30.0), Condition("age", "at most", 50.5)),)
    return IdealRule(**{**facts, "conditions": conditions, **more})


def test_advice_follows_the_rule_it_names(many) -> None:
    found, features = many
    good = claims_of(found, features, rules=(rule(features),))
    assert text(good["advice"]).startswith("Look for new customers who fit the rule (Age > 30, Age ≤ 50.5)")
    assert good["advice"].rests_on == ("ideal_customer.rule.everybody",)
    assert "it finds 67 % of the ideal" in text(good["rule.everybody"])
    close = claims_of(found, features, rules=(rule(features, precision=Estimate(0.4, 0.16, 0.5, 0.95, 400)),))
    assert text(close["advice"]).startswith("Ask some of the 40 ideal customers")
    chance = claims_of(found, features, rules=(rule(features, verdict="no better"),))
    assert chance["rule.everybody"].status == "no_clear_difference"
    assert "no rule tells them better than chance" in text(chance["rule.everybody"])


def test_rules_that_hold_for_few_are_named_without_figures(many) -> None:
    found, features = many
    few = claims_of(found, features, rules=(rule(features, n_right=7),))["rule.everybody"]
    assert few.status == "too_few" and few.value is None and "too few" in text(few)
    missed = claims_of(found, features, rules=(rule(features, n_right=55),))["rule.everybody"]
    assert "it finds" not in text(missed)
    table = ideal_rule_table((rule(features, n_right=7), rule(features, n_right=55), rule(features, n_said=8)), 10)
    assert table["precision"].isna().tolist() == [True, False, True]
    assert table["recall"].isna().tolist() == [True, True, True]
    assert table["rule"].iloc[0] == "age > 30, age ≤ 50.5"


def test_published_tables_name_nobody(many) -> None:
    found, features = many
    traits = distinctive_traits(features, found.is_ideal, TERMS)
    for table in (
        part_table(found, 10), value_table(found, 10), cut_off_table(found, 10), trait_table(traits),
        traits.known, left_out_table(traits),
    ):  # fmt: skip
        assert "customer_id" not in table.columns and "p_value" not in table.columns
        assert not table.astype(str).isin([f"c{i:03}" for i in range(400)]).any(axis=None)


def test_planted_traits_come_first_in_the_claims() -> None:
    features, ideal, _ = synthetic_base(11)
    traits = distinctive_traits(features, ideal, TERMS)
    found = ideal_of(small_shop(400))
    claims = by_key(ideal_claims(Found(found, traits), TERMS))
    assert {"trait.member", "trait.channel", "trait.age"} <= set(claims)
    claim = claims["trait.member"]
    assert claim.low <= 1.5 <= claim.high and "times as often" in text(claim)
