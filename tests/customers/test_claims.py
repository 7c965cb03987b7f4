"""What is claimed of customers: recounted by plain pandas, small groups unnamed, every sentence can be said."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from custaudience.customers import (
    assign_segments,
    backtest_lost,
    backtest_overdue,
    classify_lifecycle,
    measure_rhythm,
    retention_cells,
    score_rfm,
    summarise_rfm,
    summarise_segments,
    survival_table,
    time_to_second_order,
)
from custaudience.customers.cohorts.claims import cohort_claims, refusal_claim
from custaudience.customers.lifecycle.claims import lifecycle_claims
from custaudience.customers.rfm.claims import rfm_claims
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Claim, Terms
from custaudience.present.words import render_claim
from custaudience.study import open_study

ROOT = Path(__file__).parents[2]


def claims_of(orders: object, as_of: dt.date) -> dict[str, Claim]:
    assigned = assign_segments(score_rfm(summarise_rfm(orders, as_of=as_of), as_of=as_of))
    rhythm = measure_rhythm(orders, as_of=as_of)
    segments = summarise_segments(assigned, overdue=rhythm.table)
    terms, lifecycle = Terms(as_of, "USD"), classify_lifecycle(orders, as_of=as_of)
    backtests = [test(orders, as_of=as_of) for test in (backtest_lost, backtest_overdue)]
    claims = rfm_claims(assigned, segments, rhythm, terms)
    claims += lifecycle_claims(assigned, rhythm, lifecycle, backtests, terms)
    return {claim.id.split(".", 1)[1]: claim for claim in claims}


@pytest.fixture(scope="module")
def cdnow() -> dict[str, Claim]:
    return claims_of(open_study(ROOT / "data/cdnow").orders(dt.date(1998, 6, 30)), dt.date(1998, 6, 30))


def test_a_history_too_short_for_lost_is_said(cdnow: dict[str, Claim]) -> None:
    reach = cdnow["lost_reach"]
    assert reach.status == "too_few"
    assert reach.values["after"] > reach.values["span"]


def test_small_groups_are_named_but_not_counted(cdnow: dict[str, Claim]) -> None:
    few = cdnow["segment_customers.loyal"]
    assert (few.n, few.value, few.status) == (None, None, "too_few")
    assert "n" not in few.values and "share" not in few.values
    assert "fewer than 10" in render_claim(few, language="en")


@pytest.mark.parametrize("language", ["en", "uk"])
def test_every_sentence_can_be_said_also_of_one_customer(language: str, cdnow: dict[str, Claim]) -> None:
    day = pd.Timestamp("2025-01-05")
    one = pd.DataFrame({"customer_id": ["a"], "order_id": ["1"], "ordered_on": day, "ordered_at": day, "n_lines": 1})
    one = one.assign(revenue_minor=100, refund_minor=0, is_order=True)
    for claims in (cdnow, claims_of(one, dt.date(2025, 1, 31))):
        assert all(render_claim(claim, language=language) for claim in claims.values())


def test_cohort_claims_carry_intervals_and_a_refusal_carries_none() -> None:
    as_of = dt.date(1998, 6, 30)
    orders = open_study(ROOT / "data/cdnow").orders(as_of)
    second = time_to_second_order(orders, as_of=as_of, first_orders="observed")
    terms = Terms(as_of)
    curve = survival_table(second["days"], second["ordered_again"], terms)
    cells = retention_cells(orders, terms, period="W", definition="activity")
    claims = {c.id: c for c in cohort_claims(curve, cells, None, terms, period="W")}
    assert claims["cohorts.finding"].value == pytest.approx(0.175, abs=0.002)
    for claim in claims.values():
        assert claim.status == "too_few" or claim.low < claim.value < claim.high
        assert render_claim(claim, language="uk")
    for refusal in (HistoryError("why"), EmptyTableError("why")):
        assert refusal_claim(refusal, terms).status == "too_few"
