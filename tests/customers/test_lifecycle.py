"""Lifecycle states: potential, primary, lost (requirements 000-20, X2, 002-01)."""

import datetime as dt
import string

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers.lifecycle.lifecycle import REASONS, STATES, RhythmRule, classify_lifecycle
from custaudience.errors import ColumnError, EmptyTableError

START = dt.date(2024, 1, 1)


def day(n):
    return START + dt.timedelta(days=n)


def orders(**days):
    """Build orders from customer = days since 1 January 2024; a negative number is a refund on that day."""
    rows = [(c, pd.Timestamp(day(abs(d))), d >= 0) for c, ds in days.items() for d in ds]
    return pd.DataFrame(rows, columns=["customer_id", "ordered_on", "is_order"]).astype({"customer_id": "str"})


WEEKLY = [0, 7, 14, 21, 28, 35]


def test_states_by_hand():
    """Own gaps of 7 days: in rhythm up to 7, late up to 14, lost from 15. Only the weekly customer has gaps."""
    for silence, state, reason in (
        (0, "primary", "in_own_rhythm"), (7, "primary", "in_own_rhythm"), (8, "primary", "late_own"),
        (14, "primary", "late_own"), (15, "lost", "lost_own"),
    ):  # fmt: skip
        row = classify_lifecycle(orders(weekly=WEEKLY), as_of=day(35 + silence)).table.iloc[0]
        assert (row["state"], row["reason_key"]) == (state, reason)
        assert row[["overdue_after_days", "lost_after_days"]].tolist() == [7, 14]


def test_each_customer_has_its_own_cut_off():
    """No fixed number of days: at equal silence the weekly customer is lost and the monthly one is not."""
    monthly = [0, 30, 60, 90, 120, 150]
    weekly = [150 - 7 * i for i in range(6)]
    got = classify_lifecycle(orders(weekly=weekly, monthly=monthly), as_of=day(180)).table.set_index("customer_id")
    assert got["days_since_last_order"].to_dict() == {"monthly": 30, "weekly": 30}
    assert got["state"].to_dict() == {"monthly": "primary", "weekly": "lost"}


def test_everybody_known_has_one_state():
    frame = orders(weekly=WEEKLY, once=[30], refunded=[-30], later=[300])
    customers = pl.DataFrame({"customer_id": ["weekly", "once", "new", "refunded", "new", None]})
    got = classify_lifecycle(frame, as_of=day(40), customers=customers)
    by_id = got.table.set_index("customer_id")
    assert by_id.drop("weekly")[["state", "reason_key"]].T.to_dict("list") == {
        "new": ["potential", "never_ordered"], "once": ["primary", "late_pooled"],
        "refunded": ["potential", "refund_only"],
    }  # fmt: skip
    assert pd.isna(by_id.loc["new", "days_since_last_order"]) and pd.isna(by_id.loc["new", "overdue"])
    assert got.counts["state"].tolist() == list(STATES)
    assert got.counts["n_customers"].tolist() == [2, 0, 2] and got.counts["share"].sum() == 1
    assert got.counts["n_overdue"].tolist() == [1, 0, 0]
    assert "does not say since when" in " ".join(got.notes)
    assert "not counted" in " ".join(classify_lifecycle(frame, as_of=day(40)).notes)
    assert got.pooled_overdue_after_days == 7 and got.as_of == day(40)


def test_nobody_is_lost_without_a_rhythm():
    got = classify_lifecycle(orders(a=[0], b=[5]), as_of=day(1000))
    assert got.table["state"].tolist() == ["primary", "primary"]
    assert set(got.table["reason_key"]) == {"rhythm_unknown"} and "nobody is called lost" in got.notes[0]
    assert got.pooled_overdue_after_days is None


def test_a_history_too_short_to_lose_anybody_says_so():
    """CDNOW: the pooled cut-off doubled exceeds the whole history, so almost everybody stays primary."""
    got = classify_lifecycle(orders(a=[0, 60], b=[0], c=[10]), as_of=day(100))
    assert got.counts.set_index("state").loc["lost", "n_customers"] == 0
    assert "3 with few orders cannot be called lost yet" in got.notes[0]
    assert not classify_lifecycle(orders(a=[0, 40], b=[0], c=[10]), as_of=day(100)).notes[0].startswith("3 with few")


def test_reasons_use_columns_of_the_table():
    got = classify_lifecycle(orders(weekly=WEEKLY), as_of=day(40))
    for text in REASONS.values():
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert names <= set(got.table.columns)


def test_helpful_messages():
    with pytest.raises(ValueError, match="lost comes after overdue"):
        classify_lifecycle(orders(a=[0]), as_of=day(1), rule=RhythmRule(lost_factor=0.5))
    with pytest.raises(ColumnError, match=r"\[tables.customers\]"):
        classify_lifecycle(orders(a=[0]), as_of=day(1), customers=pd.DataFrame({"id": ["a"]}))
    with pytest.raises(EmptyTableError):
        classify_lifecycle(orders(a=[-3]), as_of=day(5))


some_days = st.lists(st.integers(-180, 180), min_size=1, max_size=12)
drawn_days = st.dictionaries(st.sampled_from("abcdef"), some_days, min_size=1)


@given(drawn=drawn_days, cut=st.integers(1, 400), known=st.sets(st.sampled_from("abcxyz")))
@settings(max_examples=60, deadline=None)
def test_states_partition_and_later_rows_change_nothing(drawn, cut, known):
    frame, as_of = orders(**drawn), day(cut)
    past = frame[frame["ordered_on"] <= pd.Timestamp(as_of)]
    if not past["is_order"].any():
        return
    customers = pd.DataFrame({"customer_id": sorted(known)}, dtype="str")
    got = classify_lifecycle(frame, as_of=as_of, customers=customers)
    pd.testing.assert_frame_equal(got.table, classify_lifecycle(past, as_of=as_of, customers=customers).table)
    assert got.table["customer_id"].is_unique
    assert set(got.table["customer_id"]) == set(past["customer_id"]) | known
    assert set(got.table["state"]) <= set(STATES) and set(got.table["reason_key"]) <= set(REASONS)
    assert got.counts["n_customers"].sum() == len(got.table)
    lost = got.table[got.table["state"] == "lost"]
    assert lost["overdue"].all()  # lost comes after overdue, never without it
    stricter = classify_lifecycle(frame, as_of=as_of, customers=customers, rule=RhythmRule(lost_factor=3))
    assert set(stricter.table.loc[stricter.table["state"] == "lost", "customer_id"]) <= set(lost["customer_id"])
