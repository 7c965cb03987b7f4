"""Repeat purchases per customer: by hand, as lifetimes counts, on every engine."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers.clv.repeat import Counting, count_purchase_days, summarise_repeat_purchases
from custaudience.errors import ColumnError, DataError, EmptyTableError, HistoryError
from custaudience.evidence import Terms

AS_OF = dt.date(2024, 3, 31)


def orders(*rows):
    """Build orders from (customer, "YYYY-MM-DD", net minor units[, refunded minor units])."""
    full = [(*row, 0) if len(row) == 3 else row for row in rows]
    frame = pd.DataFrame(full, columns=["customer_id", "ordered_on", "revenue_minor", "refund_minor"])
    frame["ordered_on"] = pd.to_datetime(frame["ordered_on"])
    frame = frame.astype({"customer_id": "str", "revenue_minor": "int64", "refund_minor": "int64"})
    return frame.assign(is_order=frame["revenue_minor"] > 0)


def summarise(frame, *, as_of=AS_OF, digits=2, **counting):
    return summarise_repeat_purchases(frame, Terms(as_of, minor_digits=digits), Counting(**counting))


def test_by_hand():
    """Two orders of a day are one purchase; the first day's value counts nowhere; a refund is no purchase."""
    frame = orders(
        ("007", "2024-01-01", 900), ("007", "2024-01-01", 100), ("007", "2024-01-15", 2000), ("007", "2024-01-15", 500),
        ("007", "2024-03-04", 1500), ("007", "2024-03-20", -1200, 1200), ("b", "2024-03-31", 1),
        ("c", "2024-01-01", -5, 5), ("d", "2024-04-01", 5)
    )  # fmt: skip
    got = summarise(frame).set_index("customer_id")
    assert got.loc["007"].tolist() == [2, 9.0, 90 / 7, 20.0]
    assert list(got.index) == ["007", "b"]
    assert got.loc["b", ["n_repeat", "first_to_last", "tenure"]].tolist() == [0, 0, 0]
    assert np.isnan(got.loc["b", "mean_repeat_value"])
    told = {"holdout": 0.0, "n_without_purchase": 1, "refunds_apart": 12.05}
    assert got.attrs == {"time_unit": "W", "ends_on": "2024-03-31", **told}


def test_what_comes_after_the_calibration_is_held_out():
    frame = orders(
        ("a", "2024-01-01", 100), ("a", "2024-02-01", 250), ("a", "2024-02-10", 300), ("a", "2024-02-10", 400),
        ("a", "2024-03-01", 500), ("new", "2024-02-02", 900), ("new", "2024-03-02", 900), ("once", "2024-01-31", 100)
    )  # fmt: skip
    until = {"calibrated_until": dt.date(2024, 2, 1)}
    got = summarise(frame, time_unit="D", **until)
    assert got["customer_id"].tolist() == ["a", "once"]
    assert got.iloc[0].tolist() == ["a", 1, 31.0, 31.0, 2.5, 2, 12.0]
    assert got.iloc[1].tolist()[:4] == ["once", 0, 0.0, 1.0] and got.iloc[1].tolist()[5:] == [0, 0.0]
    assert got.attrs["holdout"] == 59.0 and got.attrs["ends_on"] == "2024-02-01"
    days = count_purchase_days(frame, Terms(AS_OF), Counting(**until))
    assert days["day"].dt.strftime("%m-%d").tolist() == ["01-01", "01-31", "02-01", "02-10", "03-01"]
    assert days["n_first"].tolist() == [1, 1, 0, 0, 0] and days["n_repeat"].tolist() == [0, 0, 1, 1, 1]


def test_a_refund_in_the_time_held_out_is_not_known_before_it():
    """The second order is undone later: with the orders as they stood, it counts until the calibration's end."""
    then = orders(("a", "2024-01-01", 100), ("a", "2024-01-11", 300))
    now = orders(("a", "2024-01-01", 100), ("a", "2024-01-11", 0, 300), ("a", "2024-03-01", 500))
    until = {"calibrated_until": dt.date(2024, 2, 1), "time_unit": "D"}
    columns = ["n_repeat", "first_to_last", "mean_repeat_value", "n_holdout", "holdout_value"]
    assert summarise(now, orders_then=then, **until)[columns].iloc[0].tolist() == [1, 10, 3, 1, 5]
    assert summarise(now, **until)["n_repeat"].tolist() == [0]


def test_free_orders_count_when_asked():
    frame = orders(
        ("a", "2024-01-01", 100), ("a", "2024-01-08", 0), ("b", "2024-01-01", 0), ("b", "2024-01-09", 0, 700)
    )
    assert summarise(frame)["n_repeat"].tolist() == [0]
    free = summarise(frame, count_free_orders=True)
    # an order refunded to nothing is not one given away
    assert free["n_repeat"].tolist() == [1, 0] and free["mean_repeat_value"].iloc[0] == 0


def test_units_only_rescale_and_digits_are_the_currency_s():
    frame = orders(("a", "2024-01-01", 100), ("a", "2024-03-11", 1234))
    by = {u: summarise(frame, time_unit=u).iloc[0] for u in "DWMY"}
    assert [by[u]["first_to_last"] for u in "DWMY"] == [70, 10, 70 / (365.25 / 12), 70 / 365.25]
    assert summarise(frame, digits=0)["mean_repeat_value"].iloc[0] == 1234.0


drawn_orders = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 90), st.integers(-50, 500)), min_size=1, max_size=50
)


@given(drawn=drawn_orders, cut=st.integers(0, 89))
@settings(max_examples=25, deadline=None)
def test_properties(drawn, cut):
    """As a plain loop counts; later rows change nothing; the order of rows is irrelevant; purchases are conserved."""
    start = dt.date(2024, 1, 1)
    frame = orders(*((c, start + dt.timedelta(days=d), m, max(-m, 0)) for c, d, m in drawn))
    until = start + dt.timedelta(days=cut)
    days = {}
    for customer, day, minor in drawn:
        if minor > 0:
            days.setdefault(customer, {}).setdefault(day, []).append(minor)
    expected = {c: sorted(d for d in by_day if d <= cut) for c, by_day in days.items() if any(d <= cut for d in by_day)}
    if not expected:
        with pytest.raises(EmptyTableError):
            summarise(frame, as_of=until)
        return
    got = summarise(frame, as_of=until, time_unit="D")
    shuffled = frame.sample(frac=1, random_state=cut)
    pd.testing.assert_frame_equal(got, summarise(shuffled, as_of=until, time_unit="D"))
    assert got["customer_id"].tolist() == sorted(expected)
    for row in got.itertuples():
        seen = expected[row.customer_id]
        assert (row.n_repeat, row.first_to_last, row.tenure) == (len(seen) - 1, seen[-1] - seen[0], cut - seen[0])
        if row.n_repeat:
            total = sum(sum(days[row.customer_id][d]) for d in seen[1:])
            assert row.mean_repeat_value == pytest.approx(total / 100 / row.n_repeat)
    end = start + dt.timedelta(days=91)
    held = summarise(frame, as_of=end, calibrated_until=until, time_unit="D")
    pd.testing.assert_frame_equal(held[got.columns.tolist()], got)
    counted = count_purchase_days(frame, Terms(end), Counting(calibrated_until=until))
    assert counted["n_repeat"].sum() == held["n_repeat"].sum() + held["n_holdout"].sum()
    assert counted["n_first"].sum() == len(held)


def test_refusals_say_what_to_do():
    frame = orders(("a", "2024-01-01", 100), ("b", "2024-01-02", -5, 5))
    with pytest.raises(HistoryError, match="leaves nothing to check against"):
        summarise(frame, calibrated_until=AS_OF)
    with pytest.raises(EmptyTableError, match="Choose a later"):
        summarise(frame, as_of=dt.date(2023, 1, 1))
    with pytest.raises(EmptyTableError, match="no customer has a purchase by 2024-01-02"):
        summarise(frame.iloc[1:], as_of=dt.date(2024, 1, 2))
    with pytest.raises(EmptyTableError, match="no customer has a purchase"):
        count_purchase_days(frame.iloc[1:], Terms(AS_OF))
    with pytest.raises(ColumnError, match="orders_of"):
        summarise(frame.drop(columns="is_order"))
    with pytest.raises(ValueError, match="time_unit: expected one of 'D'"):
        summarise(frame, time_unit="week")
    with pytest.raises(DataError, match="Check the amounts"):
        summarise(orders(("a", "2024-01-01", 10**12)))
