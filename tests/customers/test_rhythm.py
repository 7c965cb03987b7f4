"""Own rhythm: who is silent for longer than usual (requirements 000-20, 000-24)."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers.rhythm import measure_rhythm, order_gaps, overdue_customers, pool_gaps, pooled_quantile
from custaudience.errors import EmptyTableError

START = dt.date(2024, 1, 1)
AS_OF = dt.date(2024, 6, 30)


def orders(**days):
    """Build orders from customer = days since 1 January 2024; a negative number is a refund on that day."""
    rows = [(c, pd.Timestamp(START) + pd.Timedelta(days=abs(d)), d >= 0) for c, ds in days.items() for d in ds]
    return pd.DataFrame(rows, columns=["customer_id", "ordered_on", "is_order"]).astype({"customer_id": "str"})


def day(n):
    return START + dt.timedelta(days=n)


def test_own_and_pooled_rhythm_by_hand():
    """a: gaps 10, 10, 10, 10, 30, own cut-off 30. b: gaps 5 and 7. c: none.

    Pooled, each customer weighing once: 5 and 7 weigh 1/2, four gaps of 10 weigh 4/5, one of 30 weighs 1/5;
    of 2 in all, 1.8 lie at or below 10 and 95 % needs 1.9: the cut-off is 30.
    """
    frame = orders(a=[0, 10, 20, 30, 40, 70], b=[60, 65, 72], c=[70])
    got = overdue_customers(frame, as_of=day(101)).set_index("customer_id")
    assert got.loc["a"].to_dict() == {
        "days_since_last_order": 31, "n_gaps": 5, "usual_gap_days": 10.0, "overdue_after_days": 30, "rhythm": "own",
        "overdue": True,
    }  # fmt: skip
    assert got.loc["b", ["n_gaps", "usual_gap_days", "overdue_after_days", "rhythm"]].tolist() == [2, 6.0, 30, "pooled"]
    assert not got.loc["b", "overdue"] and got.loc["c", "overdue"]
    assert np.isnan(got.loc["c", "usual_gap_days"]) and got.loc["c", "rhythm"] == "pooled"
    assert not overdue_customers(frame, as_of=day(100)).set_index("customer_id").loc["a", "overdue"]


def test_pooled_gaps_weigh_each_customer_once():
    """A customer with 99 gaps of a day must not hide one with a single gap of 50 days."""
    pooled = pool_gaps(np.array([0] * 99 + [1]), np.array([1] * 99 + [50]))
    assert pooled["share"].tolist() == [0.5, 0.5] and pooled["n_gaps"].tolist() == [99, 1]
    assert pooled_quantile(pooled, 0.5) == 1
    assert pooled_quantile(pooled, 0.51) == 50


def test_pooled_quantile_reaches_shares_that_floats_miss():
    """Three customers with one gap each: two thirds of the weight lie at or below the second."""
    pooled = pool_gaps(np.array([0, 1, 2]), np.array([3, 4, 5]))
    assert [pooled_quantile(pooled, s) for s in (1 / 3, 2 / 3, 0.999)] == [3, 4, 5]


@pytest.mark.parametrize(
    ("share", "n", "rank"), [(0.95, 5, 5), (0.95, 20, 19), (0.95, 40, 38), (0.07, 100, 7), (0.5, 5, 3)]
)
def test_own_cut_off_is_the_order_statistic_at_the_ceiling(share, n, rank):
    """0.07 * 100 is 7.000000000000001 in floats; its ceiling must still be 7."""
    days = np.concatenate([[0], np.cumsum(np.arange(n, 0, -1))]).tolist()  # gaps n, ..., 2, 1
    got = overdue_customers(orders(a=days), as_of=day(days[-1]), share=share)
    assert got["overdue_after_days"].tolist() == [rank]


def test_orders_of_one_day_are_one_and_refunds_are_none():
    frame = orders(a=[0, 0, 0, 10, -50, 20])
    assert order_gaps(frame, as_of=AS_OF)["gap_days"].tolist() == [10, 10]
    assert overdue_customers(frame, as_of=day(60))["days_since_last_order"].tolist() == [40]


def test_five_gaps_are_enough_four_are_not():
    frame = orders(four=[0, 1, 2, 3, 4], five=[0, 1, 2, 3, 4, 5], slow=[0, 90])
    got = overdue_customers(frame, as_of=day(95)).set_index("customer_id")
    assert got["rhythm"].to_dict() == {"five": "own", "four": "pooled", "slow": "pooled"}
    assert got["overdue_after_days"].to_dict() == {"five": 1, "four": 90, "slow": 90}
    own = overdue_customers(frame, as_of=day(95), min_gaps=4).set_index("customer_id")
    assert own.loc["four", "rhythm"] == "own"


def test_the_future_does_not_exist():
    frame = orders(a=[0, 10, 20, 300])
    got = overdue_customers(frame, as_of=day(25))
    assert got["days_since_last_order"].tolist() == [5] and got["n_gaps"].tolist() == [2]


def test_without_any_gap_nothing_is_claimed():
    got = measure_rhythm(orders(a=[0], b=[3, 3]), as_of=day(99))
    assert got.pooled_overdue_after_days is None and got.n_customers_with_gaps == 0
    assert got.table["rhythm"].tolist() == ["unknown", "unknown"]
    assert got.table["overdue"].isna().all() and got.table["overdue_after_days"].isna().all()
    assert got.pooled.empty and got.history_days == 99
    assert overdue_customers(orders(a=[0], b=[0]), as_of=START)["days_since_last_order"].tolist() == [0, 0]


def test_helpful_messages():
    for days, change, error, words in (
        ([10], {"as_of": day(9)}, EmptyTableError, "Choose a later as_of"),
        ([-10], {}, EmptyTableError, "no order"),
        ([10], {"share": 95}, ValueError, "share: expected a fraction"),
        ([10], {"min_gaps": 0}, ValueError, "min_gaps"),
    ):
        with pytest.raises(error, match=words):
            overdue_customers(orders(a=days), **({"as_of": AS_OF} | change))


some_days = st.lists(st.integers(0, 180), min_size=1, max_size=15)
drawn_days = st.dictionaries(st.sampled_from("abcdef"), some_days, min_size=1)


@given(drawn=drawn_days, cut=st.integers(0, 200), seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_properties(drawn, cut, seed):
    frame, as_of = orders(**drawn), day(cut)
    known = frame[frame["ordered_on"] <= pd.Timestamp(as_of)]
    if known.empty:
        return
    got = overdue_customers(frame.sample(frac=1, random_state=seed), as_of=as_of)
    pd.testing.assert_frame_equal(got, overdue_customers(known, as_of=as_of))
    assert got["customer_id"].is_unique and set(got["customer_id"]) == set(known["customer_id"])
    known_cut = got["overdue_after_days"].notna()
    late = got["days_since_last_order"] > got["overdue_after_days"]
    assert (got.loc[known_cut, "overdue"] == late[known_cut]).all()
    gaps = order_gaps(frame, as_of=as_of)
    assert (gaps["gap_days"] >= 1).all() and len(gaps) == got["n_gaps"].sum()
    # every gap lies between two order days: they add up to first-to-last
    span = known.groupby("customer_id")["ordered_on"].agg(lambda d: (d.max() - d.min()).days)
    assert gaps.groupby("customer_id")["gap_days"].sum().reindex(span.index, fill_value=0).equals(span.astype("int64"))
