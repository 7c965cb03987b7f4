"""What is claimed of customer value: small groups unnamed, refusals in words, every sentence can be said."""

import dataclasses
import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from custaudience.customers.bridge.concentration import concentration
from custaudience.customers.clv.claims import ValueFindings, value_claims
from custaudience.customers.clv.formulas import Outlook, simple_values
from custaudience.customers.clv.models import (
    ValueModels,
    check_value_models,
    fit_value_models,
    middle_of,
    parameter_table,
    value_to_come,
)
from custaudience.customers.clv.repeat import Counting
from custaudience.evidence import Claim, Terms
from custaudience.present.words import render_claim
from custaudience.recipes import segments_at
from custaudience.study import open_study

ROOT = Path(__file__).parents[2]
AS_OF = dt.date(1998, 6, 30)
OUTLOOK = Outlook(52, n_draws=100)


def find(orders, first_day, groups, terms):
    halved = Counting(count_free_orders=True, calibrated_until=middle_of(first_day, terms.as_of))
    calibrated = fit_value_models(orders, terms, halved)
    check = check_value_models(calibrated, orders, terms, halved, 100)
    today = fit_value_models(orders, terms, Counting(count_free_orders=True)) if check else None
    worth = today and value_to_come(today, calibrated.best.title, groups, OUTLOOK, terms)
    spread = concentration(orders, as_of=terms.as_of, minor_digits=terms.minor_digits)
    simple = simple_values(orders, first_day, OUTLOOK, terms)
    return ValueFindings(OUTLOOK, spread, simple, calibrated, check, parameter_table(calibrated), today, worth)


def say(found, as_of=AS_OF, *, least=10, time_unit="W", **outlook) -> dict[str, Claim]:
    calibrated = dataclasses.replace(found.calibrated, time_unit=time_unit)
    outlook = dataclasses.replace(found.outlook, **outlook)
    found = dataclasses.replace(found, outlook=outlook, calibrated=calibrated)
    claims = value_claims(found, Terms(as_of, "USD", least=least))
    assert len({claim.id for claim in claims}) == len(claims)
    return {claim.id.split(".", 1)[1]: claim for claim in claims}


def text(claim: Claim) -> str:
    return render_claim(claim, language="en").replace("\u00a0", " ")


@pytest.fixture(scope="module")
def found() -> ValueFindings:
    study = open_study(ROOT / "data/cdnow")
    return find(study.orders(AS_OF), study.first_day, segments_at(study, AS_OF), study.terms(AS_OF))


@pytest.fixture(scope="module")
def cdnow(found) -> dict[str, Claim]:
    return say(found)


def test_the_published_parameters_stand_in_a_sentence(cdnow):
    assert "0.2426 4.4136 0.7929 2.4259" in text(cdnow["parameters.bg_nbd"])
    assert "0.2426 4.4135 0.7929 2.4258" in text(cdnow["parameters.bg_nbd"])
    assert "6.250 3.744 15.444" in text(cdnow["parameters.gamma_gamma"])
    assert "6.249 3.745 15.448" in text(cdnow["parameters.gamma_gamma"])
    assert (cdnow["parameters.bg_nbd"].n, cdnow["parameters.gamma_gamma"].n) == (2357, 946)
    assert "it does not matter here" in text(cdnow["rounding"])
    assert "This is not lifetime value" in text(cdnow["average"]) and cdnow["average"].kind == "count"


def test_a_miss_beyond_the_models_own_interval_is_said(cdnow):
    claim = cdnow["holdout"]
    assert claim.status == "contradicted" and claim.values["actual"] > claim.high
    assert "12.1 % too few" in text(claim) and "outside the model's own interval" in text(claim)
    assert "12 % off, which neither interval holds" in text(cdnow["worth"])


def test_two_intervals_are_named_in_one_sentence(cdnow):
    for key in ("expected", "worth", "worth_typical"):
        assert "(parameter):" in text(cdnow[key]) and "(parameter and process):" in text(cdnow[key])
        values = cdnow[key].values
        assert values["wide_low"] <= values["low"] <= values["estimate"] <= values["high"] <= values["wide_high"]
    assert cdnow["worth"].value == pytest.approx(2357 * cdnow["finding"].value)


def test_by_construction_is_no_finding(cdnow):
    assert "by construction" in text(cdnow["alive_once"]) and "Pareto/NBD" in text(cdnow["alive_once"])
    assert cdnow["alive"].n == 1139  # of those who bought again only


def test_no_sentence_counts_a_small_group(found):
    for least in (10, 100, 400):
        claims = say(found, least=least)
        groups = [c for key, c in claims.items() if key.startswith("worth_group.")]
        assert all(claim.n >= least for claim in groups)
    assert "worth_group.loyal" not in say(found)  # 3 customers
    assert say(found)["concentration.best"].values["top"] == 0.01
    assert say(found, least=100)["concentration.best"].values["top"] == 0.05
    none = say(found, least=500)
    assert none["concentration"].status == "too_few" and none["concentration"].value is None


def test_margin_and_horizon_change_the_words(found):
    assert "margin of 30 %" in text(say(found, margin=0.3)["finding"])
    assert "Over the next 1 day " in text(say(found, horizon=1, time_unit="D")["finding"])
    assert "longer than anybody has been watched" in text(say(found, horizon=520)["reach"])
    assert "reach" not in say(found)


@pytest.mark.parametrize(
    ("code", "why", "words"),
    [("clockwork", {"share": 0.93, "n": 60}, "93 % lie within a tenth"),
     ("no_repeat", {"n": 3, "until": "2025-06-30"}, "Fewer than 10 customers had bought again by 30 June 2025"),
     ("short", {"known": 3.2857, "gap": 2.05}, "known for 3.29 weeks or less, under two usual gaps of 2.05"),
     ("drop_out", {"model": "BG/NBD"}, "How many are still customers is not told"),
     ("vague", {"model": "BG/NBD"}, "how often they buy"),
     ("vague_spend", {"names": "v"}, "what they spend on an order"),
     ("no_spend", {"n": 4}, "Fewer than 10 of those who bought again spent anything"),
     ("infinite_spend", {"q": 0.823, "n": 48}, "q = 0.82, not above 1")]
)  # fmt: skip
def test_each_refusal_says_why(found, code, why, words):
    nothing = {"check": None, "parameters": pd.DataFrame(), "today": None, "worth": None}
    refused = dataclasses.replace(found, calibrated=ValueModels(refused={code: why}), **nothing)
    claim = say(refused)[f"refused.{code}"]
    assert words in text(claim) and claim.status == "too_few" and claim.n is None
    assert render_claim(claim, language="uk")


def test_an_unbounded_spend_leaves_orders_to_be_told():
    study = open_study(ROOT / "data/b2b")
    as_of = study.default_as_of
    found = find(study.orders(as_of), study.first_day, segments_at(study, as_of), study.terms(as_of))
    claims = say(found, as_of)
    assert "refused.infinite_spend" in claims and "expected" in claims and "worth" not in claims
    assert not any(key.startswith("worth") for key in claims)
    assert "–" in text(claims["parameters.pareto_nbd"])  # what the data do not identify has no digits
    assert "parameters.bg_nbd" not in claims


def test_zero_spend_repeat_buyers_leave_with_a_count(found):
    spend = found.today.spend
    before = spend.n_zero_spend_
    try:
        for n, words in ((12, "12 customers bought again, but for nothing"), (3, "Fewer than 10 customers bought")):
            spend.n_zero_spend_ = n
            claim = say(found)["zero_spend"]
            assert words in text(claim) and (claim.n == 12 or claim.n is None)
    finally:
        spend.n_zero_spend_ = before
    assert "zero_spend" not in say(found)
