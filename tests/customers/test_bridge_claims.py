"""What is said of a change: exact, whichever signs its parts have, and nothing of few people."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers.bridge.bridge import revenue_bridge
from custaudience.customers.bridge.claims import because, bridge_claims, teller
from custaudience.customers.bridge.months import (
    Comparison,
    bridge_history,
    compare_figures,
    compare_months,
    month_pair,
    segment_parts,
    usual_parts,
)
from custaudience.evidence import Terms
from custaudience.monitoring.kpis import monthly_kpis
from custaudience.present import render_claim, term
from custaudience.study import open_study

DATA = Path(__file__).resolve().parents[2] / "data"
AS_OF = dt.date(2025, 3, 31)
TERMS = Terms(AS_OF, "USD")
COVER = {"first_day": dt.date(2025, 1, 1), "last_day": AS_OF}


def frame(*groups):
    """Build lines from (how many customers, name, {"MM-DD": minor units})."""
    rows = [
        (f"{name} {i}", f"{name} {i} {day}", f"2025-{day}", money) for n, name,
        days in groups for i in range(n) for day, money in days.items()
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["customer_id", "order_id", "ordered_at", "revenue_minor"])
    return table.assign(ordered_at=pd.to_datetime(table["ordered_at"]), product_id="x", quantity=1.0)


def compared(*groups, as_of=AS_OF, first_orders="observed", **cover):
    terms = Terms(as_of, "USD", first_orders=first_orders)
    return compare_months(frame(*groups), month_pair(as_of), terms, **(COVER | cover))


def sentence(now, language="en"):
    case, facts = because(now, teller(TERMS))
    return render_claim(teller(TERMS).say("because", case, of=0.0, n=0, values=facts), language=language)


def said(*groups, language="en", **options):
    return sentence(compared(*groups, **options), language).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("as_of", "last_day", "back", "whole", "prior"),
    [("2025-03-31", "2025-12-31", 1, True, ("2025-02-01", "2025-02-28")),
     ("2025-03-30", "2025-12-31", 1, False, ("2025-02-01", "2025-02-28")),
     ("2025-03-15", "2025-12-31", 1, False, ("2025-02-01", "2025-02-15")),
     ("2025-03-31", "2025-03-15", 1, False, ("2025-02-01", "2025-02-15")),
     ("2025-03-31", "2025-01-15", 1, True, ("2025-02-01", "2025-02-28")),
     ("2025-02-28", "2025-12-31", 12, True, ("2024-02-01", "2024-02-29")),
     ("2025-01-31", "2025-12-31", 1, True, ("2024-12-01", "2024-12-31"))]
)  # fmt: skip
def test_like_is_compared_with_like(as_of, last_day, back, whole, prior):
    """A month that the date or the data cut is held against as many days of the other."""
    pair = month_pair(dt.date.fromisoformat(as_of), months_back=back, last_day=dt.date.fromisoformat(last_day))
    assert (pair.whole, tuple(map(str, pair.prior))) == (whole, prior)


BOTH = (20, "both", {"02-03": 1000, "03-03": 1500})
NEW, GONE = (12, "new", {"03-05": 1000}), (11, "gone", {"02-05": 500})


# 20 of both months 5.00 up: 100.00 more; 12 new at 10.00: 120.00; 11 gone at 5.00: 55.00; 165.00 more in all.
SAID = {
    "what carried the change leads": ((BOTH, NEW, GONE), "$165 higher than in February 2025: customers who ordered in "
        "both months brought $100 more (higher prices +$100). Besides, new and returned customers brought $120, $65 "
        "more than those who stayed away had brought."),
    "a fall leads with the fall": (
        ((20, "both", {"02-03": 1500, "03-03": 1000}), (12, "new", {"03-05": 500}), (15, "gone", {"02-05": 1000})),
        "$190 lower than in February 2025: customers who ordered in both months brought $100 less (lower prices "
        "−$100). Besides, new and returned customers brought $60, $90 less than those who stayed away had brought."),
    "what went against a fall": ((BOTH, (10, "new", {"03-05": 100}), (20, "gone", {"02-05": 2000})), "$290 lower than "
        "in February 2025: new and returned customers brought $10, $390 less than those who stayed away had brought. "
        "Against that, customers who ordered in both months brought $100 more (higher prices +$100)."),
    "two parts that cancel are both said": ((BOTH, (10, "new", {"03-05": 1000}), (20, "gone", {"02-05": 1000})),
        "about the same as in February 2025 ($0): new and returned customers brought $100, $100 less than those who "
        "stayed away had brought. Against that, customers who ordered in both months brought $100 more (higher prices "
        "+$100)."),
    "what cancels inside a part, twice the orders at half the price": (
        ((20, "both", {"02-03": 10000, "03-03": 5000, "03-04": 5000}), (10, "new", {"03-01": 20000})),
        "$2,000 higher than in February 2025: new and returned customers brought $2,000. Besides, customers who "
        "ordered in both months brought about the same as before (more orders +$1,386, lower prices −$1,386)."),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_because(case):
    groups, sentence = SAID[case]
    assert said(*groups) == f"In March 2025 revenue was {sentence}"


def test_comings_and_goings_that_are_even_are_called_even():
    both = (20, "both", {"02-03": 1000, "03-03": 2000})
    even = "new and returned customers brought $500, about as much as those who stayed away had brought."
    assert said(both, (10, "new", {"03-01": 5000}), (10, "gone", {"02-01": 5000})).endswith(f"Besides, {even}")


def test_refunds_that_are_many_stand_alone_and_few_go_with_new_customers():
    returning = {"02-04": 900, "03-04": 900, "03-09": -900}
    rows = frame((30, "both", {"02-03": 1000, "03-03": 1500}), (20, "sorry", returning), (15, "new", {"03-05": 100}))
    rows.loc[rows["revenue_minor"] < 0, "order_id"] = "of an earlier order"
    now = compare_months(rows, month_pair(AS_OF), TERMS, **COVER)
    assert now.parts.set_index("part")["change"]["refunds"] == -180
    assert "refunds were $180 higher" in sentence(now)
    few = rows.drop(rows.index[rows["revenue_minor"] < 0][9:])
    now = compare_months(few, month_pair(AS_OF), TERMS, **COVER)
    assert now.parts["part"].tolist()[1] == "arrived and refunds" and "refunds" not in set(now.parts["part"])
    assert now.parts["change"].iloc[1] == pytest.approx(15 - 9 * 9)
    assert "refunds were higher than what new and returned" in sentence(now)


def test_months_without_anybody():
    jan = (30, "old", {"01-05": 100})
    came = "Nobody ordered in February 2025: all $60 of March 2025 came from 12 new or returned customers."
    left = "Nobody ordered in March 2025: the $60 of February 2025, from 12 customers, have no counterpart."
    assert said(jan, (12, "old", {"03-05": 500})) == came
    assert said(jan, (12, "old", {"02-05": 500})) == left
    assert compared(jan).refusal == "empty"


def test_part_of_a_month_says_so():
    days = "In the first 15 days of March 2025 revenue was $220 higher than in the first 15 of February"
    assert said(BOTH, NEW, as_of=dt.date(2025, 3, 15)).startswith(days)


@pytest.mark.parametrize(
    ("options", "refusal", "words"),
    [({"as_of": dt.date(2025, 4, 30)}, "not_covered", "The data end on 31 March 2025: April 2025 is not in them"),
     ({"as_of": dt.date(2025, 1, 31)}, "no_month_before", "begin on 1 January 2025 and do not hold the whole of Dec"),
     ({"as_of": dt.date(2025, 2, 28), "first_day": dt.date(2025, 1, 20), "first_orders": "cut off"}, "no_month_before",
      "begin on 20 January 2025 and do not hold the whole of January 2025")]
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_in_words(options, refusal, words):
    now = compared(BOTH, NEW, **options)
    (claim,) = claims_of(now)
    assert (now.refusal, claim.status, claim.id) == (refusal, "too_few", "what_changed.finding")
    assert words in render_claim(claim, language="en").replace("\u00a0", " ")


def test_months_of_few_customers_are_refused():
    now = compared(BOTH, (9, "january", {"01-05": 500}), as_of=dt.date(2025, 2, 28))
    assert now.refusal == "too_few" and now.parts.empty
    assert "fewer than 10 customers ordered" in render_claim(claims_of(now)[0], language="en").replace("\u00a0", " ")


def claims_of(now, rows=None, *, usual=None, **options):
    months = None if rows is None else monthly_kpis(rows, as_of=AS_OF)
    return bridge_claims(now, usual, TERMS, months=months, **options)


GROUPS = st.tuples(
    st.integers(0, 14), st.sampled_from(["02-03", "03-03", "01-03"]), st.sampled_from(["02-04", "03-04", "01-04"]),
    st.integers(-300, 900), st.integers(-300, 900),
)  # fmt: skip


@given(drawn=st.lists(GROUPS, min_size=1, max_size=6), history=st.sampled_from(["observed", "cut off"]))
@settings(max_examples=40, deadline=None)
def test_no_part_of_few_customers_and_nothing_lost(drawn, history):
    """Whoever orders: parts add up to the cent, none is of 1 to 9 people, and the sentence can be written."""
    rows = [(n, f"g{i}", {day: money, other: more}) for i, (n, day, other, money, more) in enumerate(drawn)]
    table = frame(*rows)
    if table.empty:
        return
    now = compare_months(table, month_pair(AS_OF), Terms(AS_OF, "USD", first_orders=history), **COVER)
    books = table.groupby(table["ordered_at"].dt.month)["revenue_minor"].sum().reindex([2, 3], fill_value=0)
    if now.refusal:
        assert now.refusal in ("empty", "too_few", "no_month_before")
        return
    assert round(now.parts["change"].sum() * 100) == books[3] - books[2]
    assert not now.parts["n_customers"].between(1, 9).any()
    assert now.parts["end"].iloc[-2] == pytest.approx(now.parts["end"].iloc[-1])
    assert "{" not in sentence(now)


def test_few_returned_customers_go_with_the_new_ones():
    now = compared(BOTH, NEW, GONE, (3, "back", {"01-05": 100, "03-06": 100}))
    assert now.parts["part"].tolist()[1] == "arrived" and now.parts["n_customers"].iloc[1] == 15
    whole = compared(BOTH, NEW, GONE, (10, "back", {"01-05": 100, "03-06": 100}))
    assert whole.parts["part"].tolist()[1:3] == ["new", "returned"]


def test_nobody_is_called_new_where_history_is_cut_off():
    rows, cut_off = frame(BOTH, NEW, GONE, (5, "old", {"01-03": 100})), Terms(AS_OF, "USD", first_orders="cut off")
    now = compare_months(rows, month_pair(AS_OF), cut_off, **COVER)
    history = bridge_history(rows, now, cut_off)
    claims = {c.id: c for c in claims_of(now, rows, usual=usual_parts(now, history))}
    assert "new" not in set(now.parts["part"]) and claims["what_changed.newcomers"].value == 12
    assert "new or were away for long cannot be told" in render_claim(claims["what_changed.newcomers"], language="en")


def pairs(shares, parts=("a", "b", "c")):
    """Build this change and earlier ones from shares, one row per pair, this one last."""
    table = pd.DataFrame(shares, columns=list(parts))
    months = [str(pd.Period("2020-01", "M") + i) for i in range(len(table))]
    table = table.assign(month=months, before="x", kind="customers")
    long = table.melt(["month", "before", "kind"], var_name="part", value_name="share")
    long = long.assign(name=long["part"], n_customers=99, change=long["share"])
    this = long[long["month"] == months[-1]].drop(columns=["month", "before"])
    return this, long[long["month"] != months[-1]]


def verdict(shares):
    this, earlier = pairs(shares)
    return usual_parts(Comparison(month_pair(AS_OF), "", *COVER.values(), parts=this), earlier).verdict


def test_usual_needs_a_year_and_a_part_farther_out_than_any():
    calm = np.random.default_rng(1).normal(0, 0.01, (12, 3))
    calm[-1] = [0.0, 0.0, 0.1]
    assert verdict(calm) == "unusual"
    assert verdict(calm[1:]) == "too_short_largest" and verdict(calm[-4:]) == "too_short_largest"
    assert verdict(calm[-3:]) == "none" and verdict(calm[-1:]) == "none"
    calm[-1] = 0.0
    assert verdict(calm) == "usual" and verdict(calm[1:]) == "too_short"


def test_calm_months_are_seldom_called_unusual():
    """All parts are judged at once: of 11 earlier pairs and this one, each is the farthest once in twelve."""
    rng = np.random.default_rng(7)
    called = sum(verdict(rng.normal(0, 0.01, (12, 3))) == "unusual" for _ in range(240))
    assert 0.03 < called / 240 < 0.14


def test_earlier_months_of_few_customers_are_left_out():
    rows = frame(BOTH, NEW, GONE, (9, "january", {"01-03": 100}))
    now = compare_months(rows, month_pair(AS_OF), TERMS, **COVER)
    assert bridge_history(rows, now, TERMS).empty
    more = pd.concat([rows, frame((5, "more", {"01-03": 100}))])
    found = bridge_history(more, now, TERMS)
    assert found["month"].unique().tolist() == ["2025-02"] and not found["n_customers"].between(1, 9).any()


def test_small_segments_lose_their_money_even_if_only_one_month_is_small():
    ids = frame(BOTH, NEW, GONE)["customer_id"].drop_duplicates()
    segments = pd.DataFrame({"customer_id": ids, "segment": ids.str.split().str[0]})
    segments.loc[segments["customer_id"].isin(["both 0", "both 1"]), "segment"] = "gone"
    bridge = revenue_bridge(
        frame(BOTH, NEW, GONE), period=("2025-03-01", "2025-03-31"), before=("2025-02-01", "2025-02-28"),
        first_orders="observed", segments=segments,
    )  # fmt: skip
    table = segment_parts(bridge, 10).set_index("segment")
    assert table.loc["both", "change"] == 18 * 5 and table.loc["new", "n_before"] == 0
    assert table.loc["gone"].drop("name").isna().all()


def test_hostile_names_of_segments_stay_values():
    evil = "{n:count} <script>alert(1)</script>"
    rows = frame(BOTH, NEW, GONE)
    now = compare_months(rows, month_pair(AS_OF), TERMS, **COVER)
    segments = pd.DataFrame({"customer_id": rows["customer_id"].unique(), "segment": evil})
    periods = {"period": now.pair.period, "before": now.pair.prior}
    bridge = revenue_bridge(rows, **periods, first_orders="observed", segments=segments)
    history = bridge_history(rows, now, TERMS)
    usual = usual_parts(now, history)
    claims = claims_of(now, rows, usual=usual, segments=segment_parts(bridge, 10))
    evils = [c for c in claims if evil in str(c.values)]
    assert len(evils) == 2 and all(evil not in c.template for c in claims)
    assert all("<script>" not in render_claim(c, language="en", html=True) for c in evils)
    assert evil in render_claim(evils[1], language="en")


def test_every_claim_has_plain_words_and_an_exact_kind():
    study = open_study(DATA / "shop")
    lines = study.table("transactions")
    terms = study.terms(dt.date(2025, 10, 31))
    cover = {"first_day": study.first_day, "last_day": study.last_day}
    now = compare_months(lines, month_pair(terms.as_of), terms, **cover)
    year = compare_months(lines, month_pair(terms.as_of, months_back=12), terms, **cover)
    history = bridge_history(lines, now, terms, n_earlier=3)
    usual = usual_parts(now, history)
    months = monthly_kpis(lines, as_of=dt.date(2025, 10, 31))
    claims = bridge_claims(now, usual, terms, months=months, last_year=year)
    keys = [c.id for c in claims]
    assert keys[:2] == ["what_changed.finding", "what_changed.because"] and "what_changed.last_year" in keys
    assert len(set(keys)) == len(keys)
    for claim in claims:
        assert claim.kind == "count" and term(claim.statistic, "uk").say and claim.method
        assert claim.n is None or claim.n >= 10 or claim.statistic in ("bridge_usual", "trading_days")
        assert "{" not in render_claim(claim, language="en") and "{" not in render_claim(claim, language="uk")
    parts = [c.value for c in claims if c.id.startswith("what_changed.part.")]
    assert sum(parts) == pytest.approx(claims[1].value)


def test_figures_beside_what_is_usual():
    months = pd.DataFrame({
        "month": [f"2024-{m:02}" for m in range(1, 13)] + ["2025-01"], "is_complete": [True] * 12 + [True],
        "n_trading_days": [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31], "n_customers": 50, "n_orders": 100,
        "revenue_per_order": 5.0,
    }).assign(revenue=lambda t: 10.0 * t["n_trading_days"])  # fmt: skip
    months.loc[12, "revenue"] = 620.0
    months.loc[3, "n_customers"] = 4
    found = compare_figures(months, month_pair(dt.date(2025, 1, 31))).set_index("figure")
    assert found.loc["revenue", ["before", "now", "change", "change_per_day", "usual", "n_pairs"]].tolist() == [
        310, 620, 1, 1, 0, 9,
    ]  # fmt: skip
    assert found.loc["revenue", "change_on_last_year"] == 1 and found.loc["n_orders", "change_per_day"] == 0
    cut = compare_figures(months, month_pair(dt.date(2025, 1, 15))).set_index("figure")
    assert cut["now"].isna().all() and cut.loc["revenue", "change_per_day"] == 1


def test_a_refused_comparison_holds_nothing_private():
    refused = Comparison(month_pair(AS_OF), "too_few", *COVER.values())
    assert refused.bridge is None and refused.parts.empty and refused.groups == {}
