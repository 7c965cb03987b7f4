"""Whom to write to: lists by hand, a draw that stays what it was, and what a hold-out can show."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from custaudience.customers import classify_lifecycle
from custaudience.customers.affinity.cross_sell import RegularBuyers
from custaudience.customers.affinity.pairs import Offer
from custaudience.customers.contacts.lists import (
    ANY_ORDER,
    REASONS,
    choose_contact_offer,
    count_by_segment,
    count_lists,
    count_overlap,
    draw_hold_out,
    make_contact_lists,
    missed_or_reason,
)
from custaudience.customers.contacts.outcomes import (
    hold_out_needed,
    hold_out_sizes,
    judge_hold_out,
    look_back,
    smallest_effect,
)
from custaudience.errors import DataError
from custaudience.evidence import Terms
from custaudience.present.words import render

AS_OF = dt.date(2025, 6, 30)
TERMS = Terms(AS_OF)
DRAWN_AT = dt.date(2025, 5, 31)
START = pd.Timestamp("2025-01-01")


def orders(**days: list[int]) -> pd.DataFrame:
    """Build orders of 100 minor units from days of the year by customer."""
    rows = [(who, day) for who, on in days.items() for day in on]
    frame = pd.DataFrame(rows, columns=["customer_id", "day"])
    at = START + pd.to_timedelta(frame.pop("day"), unit="D")
    return frame.assign(order_id=[str(i) for i in range(len(frame))], ordered_on=at, ordered_at=at, revenue_minor=100,
                        refund_minor=0, n_lines=1, is_order=True)  # fmt: skip


def everybody(frame: pd.DataFrame, segment: str = "loyal") -> pd.DataFrame:
    return pd.DataFrame({"customer_id": sorted(set(frame["customer_id"])), "segment": segment})


CASES = orders(
    here=[75, 95, 115, 135, 155, 175],  # silent for 5 days of 20
    late=[55, 75, 95, 115, 135, 155],  # 25 days: longer than 20, not than 40
    later=[50, 70, 90, 110, 130, 145],  # 35
    edge=[40, 60, 80, 100, 120, 140],  # 40: twice its cut-off, not longer
    lost=[0, 20, 40, 60, 80, 100],
)


def test_overdue_and_not_lost_stands_on_the_list_the_least_late_first() -> None:
    lists = make_contact_lists(classify_lifecycle(CASES, as_of=AS_OF), everybody(CASES))
    table = lists.table
    assert table["customer_id"].tolist() == ["late", "later", "edge"]
    assert set(table["list"]) == {"overdue"} and set(table["lists"]) == {"overdue"}
    assert (lists.n_customers, lists.n_lost, lists.n_agreed) == (5, 1, None)
    assert table["consent"].isna().all() and table["may_write"].all()
    values = table.loc[0, "reason_values"]
    assert values == {"days_since_last_order": 25, "overdue_after_days": 20, "lost_after_days": 40}
    assert render(REASONS[table.loc[0, "reason_key"]], values, language="en").startswith("Silent for 25\u00a0days")


def test_only_who_agreed_may_be_written_to() -> None:
    consent = pd.Series({"late": True, "edge": False, "stranger": True})  # later is not in the table of customers
    lists = make_contact_lists(classify_lifecycle(CASES, as_of=AS_OF), everybody(CASES), consent=consent)
    may = lists.table.set_index("customer_id")["may_write"].to_dict()
    assert may == {"late": True, "later": False, "edge": False}
    assert lists.n_agreed == 1  # a stranger never ordered
    counts = count_lists(lists.table, draw_hold_out(lists.table, share=0.5, seed=1, month="2025-06")).set_index("list")
    row = counts.loc["any"]
    assert (row["n_customers"], row["n_may_not"], row["n_held_out"] + row["n_to_write"]) == (3, 2, 1)


def lines(*rows: tuple[str, int, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "item"])
    at = START + pd.to_timedelta(frame.pop("day"), unit="D")
    return frame.assign(order_id=frame["customer_id"] + at.astype("str"), ordered_at=at, revenue_minor=100)


def regular(*rows: tuple[str, str, int, int, int], level: str = "item") -> RegularBuyers:
    """Build regular buyers from customer, item, gap, days since the last purchase, overdue after."""
    table = pd.DataFrame(rows, columns=["customer_id", "item", "gap", "silent", "overdue_after_days"])
    last = pd.Timestamp(AS_OF) - pd.to_timedelta(table["silent"], unit="D")
    table = table.assign(n_orders=6, usual_gap_days=table["gap"].astype("float64"), last_bought_on=last,
                         next_due_on=last + pd.to_timedelta(table["gap"], unit="D"),
                         days_since_last_order=table["silent"])  # fmt: skip
    return RegularBuyers(table, 40, 30, level, AS_OF)


def test_missing_and_regular_have_reasons_with_values_and_a_customer_stands_once_a_list() -> None:
    bought = lines(("late", 100, "bricks"), ("edge", 110, "bricks"), ("here", 90, "bricks"), ("here", 91, "sand"))
    missing = missed_or_reason(bought, Offer(("bricks",), ("sand", "cement")), TERMS, window_days=30)
    steady = regular(
        ("here", "tea", 20, 5, 30), ("here", "ink", 10, 9, 12),  # ink is due first
        ("late", "tea", 20, 25, 30),  # due five days ago
        ("gone", "tea", 20, 61, 30),  # given up: more than twice 30 days
    )  # fmt: skip
    lifecycle = classify_lifecycle(CASES, as_of=AS_OF)
    rows = make_contact_lists(lifecycle, everybody(CASES), missing=missing, regular=steady).table
    assert rows.loc[rows["list"] == "missing", "customer_id"].tolist() == ["edge", "late"]  # the latest purchase first
    assert rows.loc[rows["list"] == "regular", "customer_id"].tolist() == ["late", "here"]
    said = [
        render(REASONS[k], v, language="en").replace("\u00a0", " ")
        for k, v in zip(rows["reason_key"], rows["reason_values"], strict=True)
    ]
    assert said[3] == "Bought bricks on 21 April 2025, and nothing of sand, cement within 30 days before or after."
    assert (
        said[5]
        == "Buys tea about every 20 days, on 6 days so far; last on 5 June 2025, and late: due since 25 June 2025."
    )
    assert said[6] == "Buys ink about every 10 days, on 6 days so far; last on 21 June 2025, next due on 1 July 2025."
    assert dict(zip(rows["customer_id"], rows["lists"], strict=True)) == {
        "late": "overdue+missing+regular", "later": "overdue", "edge": "overdue+missing", "here": "regular",
    }  # fmt: skip
    overlap = count_overlap(rows).set_index("lists")["n_customers"].to_dict()
    assert overlap == {"overdue": 1, "regular": 1, "overdue+missing": 1, "overdue+missing+regular": 1}
    assert count_by_segment(rows)["n_customers"].tolist() == [3, 2, 2]
    by_order = regular(("here", "x", 9, 5, 9), level=ANY_ORDER)
    whole = make_contact_lists(lifecycle, everybody(CASES), regular=by_order).table
    said = whole.loc[whole["list"] == "regular"].iloc[0]
    assert render(REASONS[said["reason_key"]], said["reason_values"], language="en").startswith("Orders about every 9 ")


def test_reasons_of_no_pair_of_nothing_bought_and_of_what_does_not_go_together() -> None:
    rng = np.random.default_rng(3)
    frame = lines(
        *[(f"c{i}", int(rng.integers(0, 100)), item) for i in range(300) for item in ("a", "b") if rng.random() < 0.5]
    )
    assert choose_contact_offer(frame, TERMS) is None
    assert "no two products" in missed_or_reason(frame, None, TERMS, window_days=30).refused
    unsold = Offer(("z",), ("a",), chosen_by_rule=True)
    assert "not been bought" in missed_or_reason(frame, unsold, TERMS, window_days=30).refused
    by_chance = Offer(("a",), ("b",), chosen_by_rule=True)
    assert "no more often" in missed_or_reason(frame, by_chance, TERMS, window_days=0).refused
    assert missed_or_reason(frame, Offer(("a",), ("b",)), TERMS, window_days=0).missed is not None
    with pytest.raises(DataError, match="is no name of anything sold here"):
        choose_contact_offer(frame, TERMS, bought="bricks", missing="a")


def people(n: int, lists: list[str] | None = None, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    some = rng.choice(lists or ["overdue", "missing", "overdue+missing"], n)
    frame = pd.DataFrame({"customer_id": [f"{i:05}" for i in range(n)], "lists": some,
                          "segment": rng.choice(["loyal", "recent", "lost"], n, p=[0.6, 0.3, 0.1]),
                          "may_write": rng.random(n) < 0.8})  # fmt: skip
    parts = frame.assign(list=frame["lists"].str.split("+")).explode("list")
    return parts.sample(frac=1, random_state=seed).reset_index(drop=True)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.05, 0.1, 0.25, 0.5]), st.integers(0, 3))
def test_the_draw_does_not_know_the_order_of_rows(shuffle: int, share: float, seed: int) -> None:
    table = people(200)
    mixed = table.sample(frac=1, random_state=shuffle)
    one, other = (draw_hold_out(t, share=share, seed=seed, month="2025-06") for t in (table, mixed))
    assert set(table["customer_id"][one]) == set(mixed["customer_id"][other])


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
def test_the_draw_keeps_its_share_in_every_group_and_takes_whole_customers(share: float) -> None:
    table = people(2000)
    table["held"] = draw_hold_out(table, share=share, seed=7, month="2025-06")
    assert not (table["held"] & ~table["may_write"]).any()
    assert (table.groupby("customer_id")["held"].nunique() == 1).all()  # out of all lists, or of none
    once = table[table["may_write"]].drop_duplicates("customer_id")
    assert abs(once["held"].sum() - share * len(once)) < 1
    for _, group in once.groupby(["lists", "segment"]):
        assert abs(group["held"].sum() - share * len(group)) < 1
    for name in ("overdue", "missing"):
        rows = table[table["may_write"] & (table["list"] == name)]
        assert abs(rows["held"].sum() - share * len(rows)) < 3


def test_everybody_has_the_same_chance_and_other_seeds_and_months_draw_others() -> None:
    table = people(60)
    may = table.loc[table["may_write"], "customer_id"].unique()
    draws = [set(table["customer_id"][draw_hold_out(table, share=0.2, seed=s, month="2025-06")]) for s in range(400)]
    chances = np.array([sum(who in drawn for drawn in draws) / 400 for who in may])
    assert abs(chances.mean() - 0.2) < 0.01
    assert chances.min() > 0.1 and chances.max() < 0.3  # 5 standard errors of 0.02
    july = set(table["customer_id"][draw_hold_out(table, share=0.2, seed=0, month="2025-07")])
    assert len({frozenset(draws[0]), frozenset(draws[1]), frozenset(july)}) == 3


def test_a_draw_of_nobody_and_of_too_much() -> None:
    table = people(50)
    assert not draw_hold_out(table, share=0, seed=1, month="x").any()
    assert not draw_hold_out(table.head(0), share=0.5, seed=1, month="x").any()
    assert not draw_hold_out(table.assign(may_write=False), share=0.5, seed=1, month="x").any()
    with pytest.raises(ValueError, match="from 0 to below 1"):
        draw_hold_out(table, share=1, seed=1, month="x")


def drawn(n: int, m: int) -> pd.DataFrame:
    ids = [f"w{i}" for i in range(n)] + [f"h{i}" for i in range(m)]
    return pd.DataFrame({"customer_id": ids, "list": "overdue", "held_out": [False] * n + [True] * m})


def test_a_hold_out_is_judged_by_who_ordered_since() -> None:
    since = orders(
        **{f"w{i}": [160] for i in range(60)}, **{f"h{i}": [170] for i in range(10)}, h50=[149], h51=[190], w99=[150]
    )  # the day itself and later than as_of do not count
    found = judge_hold_out(drawn(300, 100), since, DRAWN_AT, TERMS).set_index("list")
    row = found.loc["overdue"]
    assert (row["n_written"], row["n_written_back"], row["n_held_out"], row["n_held_out_back"]) == (300, 60, 100, 10)
    assert row["difference"] == pytest.approx(0.1)
    low, high = confint_proportions_2indep(60, 300, 10, 100, method="newcomb")
    assert (row["low"], row["high"], row["verdict"]) == (pytest.approx(low), pytest.approx(high), "measured")
    assert found.loc["any", "n_written"] == 300
    with pytest.raises(ValueError, match="expected a day after 2025-06-30"):
        judge_hold_out(drawn(3, 1), since, AS_OF, TERMS)


def test_a_hold_out_of_few_is_too_few_whatever_it_shows() -> None:
    since = orders(**{f"w{i}": [160] for i in range(290)})
    found = judge_hold_out(drawn(300, 29), since, DRAWN_AT, TERMS)
    assert set(found["verdict"]) == {"too_few"}
    none = judge_hold_out(drawn(300, 0), since, DRAWN_AT, TERMS)
    assert set(none["verdict"]) == {"too_few"} and none["share_held_out"].isna().all()


def test_a_hold_out_in_which_hardly_anybody_ordered_is_too_few() -> None:
    since = orders(**{f"w{i}": [160] for i in range(9)})
    assert set(judge_hold_out(drawn(100, 100), since, DRAWN_AT, TERMS)["verdict"]) == {"too_few"}
    since = orders(**{f"w{i}": [160] for i in range(10)})
    assert set(judge_hold_out(drawn(100, 100), since, DRAWN_AT, TERMS)["verdict"]) == {"measured"}


def test_where_letters_do_nothing_the_hold_out_says_so_in_nineteen_of_twenty() -> None:
    rng, false = np.random.default_rng(5), 0
    table = drawn(400, 100)
    for _ in range(200):
        who = table["customer_id"][rng.random(500) < 0.3]
        since = orders(**{name: [160] for name in who})
        found = judge_hold_out(table, since, DRAWN_AT, TERMS)
        false += (found["verdict"] == "measured").all()
    assert false <= 18  # 10 expected


def test_looking_back_counts_also_who_did_not_order() -> None:
    then = pd.DataFrame({"customer_id": [f"c{i}" for i in range(40)] + ["c0"], "list": ["overdue"] * 40 + ["missing"]})
    since = orders(**{f"c{i}": [160, 161] for i in range(10)}, c39=[100])
    found = look_back(then, since, DRAWN_AT, TERMS).set_index("list")
    row = found.loc["overdue"]
    assert (row["n_customers"], row["n_back"], row["share"]) == (40, 10, 0.25)
    assert row["revenue_each"] == pytest.approx(10 * 2.00 / 40)
    assert row["revenue_low"] < row["revenue_each"] < row["revenue_high"]
    assert np.isnan(found.loc["missing", "revenue_each"])  # one customer
    assert found.loc["any", "n_customers"] == 40
    fewer = look_back(then, orders(c0=[160]), DRAWN_AT, TERMS).set_index("list")
    assert np.isnan(fewer.loc["overdue", "revenue_each"]) and fewer.loc["overdue", "n_back"] == 1
    assert look_back(then.head(0), since, DRAWN_AT, TERMS).empty


def test_power_of_two_groups_by_hand() -> None:
    """From h = 2 asin(sqrt .65) - 2 asin(sqrt .5) = .3047 and 2 (1.96 + .8416)^2 / h^2 = 169.1 in each group."""
    assert smallest_effect(169, 169, 0.5) == pytest.approx(0.15, abs=0.0005)
    assert smallest_effect(9000, 100, 0.1) > smallest_effect(9000, 1000, 0.1)
    assert np.isnan(smallest_effect(20, 5, 0.95)) and np.isnan(smallest_effect(100, 1, 0.1))
    assert np.isfinite(smallest_effect(500, 100, 0.0))


def test_the_power_promised_is_kept() -> None:
    """Simulated: a rise of that size is called measured in about 80 of 100 months."""
    rng, n, m, base = np.random.default_rng(9), 800, 200, 0.2
    effect = smallest_effect(n, m, base)
    written, held = rng.binomial(n, base + effect, 2000), rng.binomial(m, base, 2000)
    low = np.array(
        [confint_proportions_2indep(a, n, b, m, method="newcomb")[0] for a, b in zip(written, held, strict=True)]
    )
    assert 0.77 < (low > 0).mean() < 0.84


def test_as_few_as_show_the_effect_are_held_out() -> None:
    needed = hold_out_needed(1000, 0.1, 0.08)
    assert needed is not None
    assert smallest_effect(1000 - needed, needed, 0.1) <= 0.08 < smallest_effect(1001 - needed, needed - 1, 0.1)
    assert hold_out_needed(40, 0.1, 0.05) is None and hold_out_needed(1, 0.1, 0.5) is None
    sizes = hold_out_sizes(1000, 0.1)
    assert (sizes["n_held_out"] + sizes["n_written"] == 1000).all()
    assert sizes["smallest_effect"].is_monotonic_decreasing
