"""Whom to remind: bricks without sand or cement, and what is bought at a steady pace (requirement 004)."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import make_shop

from custaudience.customers import Offer, missed_cross_sell, regular_buyers
from custaudience.errors import ColumnError, DataError
from custaudience.evidence import Terms
from custaudience.study import open_study

DATA = Path(__file__).resolve().parents[2] / "data"
AS_OF = dt.date(2025, 12, 31)
TERMS = Terms(AS_OF)
START = pd.Timestamp("2025-01-01")


def lines(*rows):
    """Build lines from (customer, order, day of the year, item[, minor units])."""
    full = [(*r, 100) if len(r) == 4 else r for r in rows]
    frame = pd.DataFrame(full, columns=["customer_id", "order_id", "day", "product_id", "revenue_minor"])
    at = START + pd.to_timedelta(frame.pop("day"), unit="D") + pd.Timedelta(hours=11)
    return frame.astype({"customer_id": "str", "order_id": "str"}).assign(ordered_at=at)


def missed(frame, *, bought=("bricks",), goes_with=("sand", "cement"), window_days=30, level="product_id", **terms):
    terms = replace(TERMS, **terms)
    return missed_cross_sell(frame, Offer(bought, goes_with), terms, window_days=window_days, level=level)


CASES = lines(
    ("with", 1, 100, "bricks"), ("with", 1, 100, "sand", 500),
    ("later", 2, 100, "bricks"), ("later", 3, 130, "cement", 300),
    ("before", 4, 80, "sand", 100), ("before", 5, 100, "bricks"),
    ("too late", 6, 100, "bricks"), ("too late", 7, 131, "sand"),
    ("never", 8, 100, "bricks", 900), ("never", 8, 100, "bricks", 100),
    ("returned", 9, 100, "bricks"), ("returned", 9, 100, "sand"), ("returned", 9, 105, "sand", -100),
    ("open", 10, 350, "bricks"),
    ("open but bought", 11, 350, "bricks"), ("open but bought", 11, 351, "sand", 900),
    ("no bricks", 12, 100, "sand"), ("nothing", 13, 100, "tea"),
    ("no buyer", 14, 100, "bricks"), ("no buyer", 14, 110, "bricks", -100),
)  # fmt: skip


def test_by_hand():
    found = missed(CASES, least=1)
    assert found.customers["customer_id"].tolist() == ["never", "returned", "too late"]
    assert found.customers["spend"].tolist() == [10.0, 1.0, 1.0]
    assert found.customers["missing"].unique().tolist() == ["sand, cement"]
    assert found.customers["bought_on"].unique().tolist() == [START + pd.Timedelta(days=100)]
    assert found.table["n_customers"].tolist() == [3, 4, 1, 0]
    # of those whose window is over 3 of 6 bought; they spent 5.00, 3.00 and 1.00
    assert (found.share.n, found.n_missed, found.share.value) == (6, 3, 0.5)
    assert found.spend.value == pytest.approx(3.0) and found.value.value == pytest.approx(9.0)
    assert found.spend.low < 3 < found.spend.high and found.value.low == pytest.approx(3 * found.spend.low)
    assert found.goods["n_customers"].tolist() == [2, 1] and found.goods["mean_spend"].tolist() == [3.0, 3.0]
    # of the customers without bricks one of three took sand around the last order
    assert found.elsewhere.n == 3 and found.elsewhere.value == pytest.approx(1 / 3)
    assert found.difference.value == pytest.approx(0.5 - 1 / 3)


def test_a_window_before_the_data_is_not_called_missed():
    frame = lines(("early", 1, 10, "bricks"), ("first", 2, 0, "tea"), ("late", 3, 100, "bricks"))
    assert missed(frame, first_orders="unknown").table["n_customers"].tolist() == [1, 0, 0, 1]
    assert missed(frame).table["n_customers"].tolist() == [2, 0, 0, 0]


def test_too_few_buyers_have_no_value():
    found = missed(CASES)
    assert np.isnan(found.value.value) and np.isnan(found.spend.value) and found.n_missed == 3


def test_the_last_purchase_decides():
    frame = lines(("a", 1, 50, "bricks"), ("a", 1, 50, "sand"), ("a", 2, 200, "bricks"))
    assert missed(frame).customers["bought_on"].tolist() == [START + pd.Timedelta(days=200)]


def test_nobody_missed():
    frame = lines(("a", 1, 50, "bricks"), ("a", 1, 50, "sand"))
    found = missed(frame)
    assert found.customers.empty and found.n_missed == 0 and found.share.value == 1
    assert np.isnan(found.elsewhere.value) and np.isnan(found.difference.value)


def test_later_rows_do_not_exist_and_seeds_repeat():
    early = missed(CASES, as_of=dt.date(2025, 5, 20), least=2)
    known = CASES[CASES["ordered_at"] < "2025-05-21"].sample(frac=1, random_state=1)
    other = missed(known, as_of=dt.date(2025, 5, 20), least=2)
    pd.testing.assert_frame_equal(early.customers, other.customers)
    assert early.value == other.value


def test_helpful_messages():
    with pytest.raises(DataError, match=r"nobody bought \['brick'\].*spelling"):
        missed(CASES, bought=["brick"])
    with pytest.raises(DataError, match="stand in both lists"):
        missed(CASES, goes_with=["sand", "bricks"])
    with pytest.raises(ValueError, match="bought: expected a list of names"):
        missed(CASES, bought="bricks")
    with pytest.raises(ValueError, match="window_days"):
        missed(CASES, window_days=-1)
    with pytest.raises(ColumnError, match="joined on product_id"):
        missed(CASES, level="kind")


def test_the_shop_gives_back_its_planted_customers():
    """Of the 119 who never take cement or sand all are found whose order is readable and window over."""
    study = open_study(DATA / "shop")
    joined = study.table("transactions").join(
        study.table("products").select('product_id, "Вид товару" as kind'), "product_id"
    )
    offer = Offer(("Цегла",), ("Цемент", "Пісок"))
    found = missed_cross_sell(joined, offer, Terms(dt.date(2025, 10, 31)), window_days=30, level="kind")
    planted = set(make_shop().truth["missed_cross_sell"]["customer_id"])
    listed = set(found.customers["customer_id"])
    waiting = int(found.table.set_index("state").loc["window not over", "n_customers"])
    assert len(planted) == 119 and len(planted - listed) <= waiting + 2
    assert len(listed - planted) <= 0.05 * len(listed)
    assert 0.70 < found.share.low < found.share.high < 0.82 and found.elsewhere.value < 0.05
    assert found.value.value == pytest.approx(found.n_missed * found.spend.value)


def test_regular_by_hand():
    """Every 14 days, give or take one, eight times; last on day 99, next on day 113, overdue after 15."""
    days = [0, 14, 29, 42, 57, 70, 85, 99]
    frame = lines(
        *[("r", f"o{d}", d, "paint") for d in days], *[("x", f"x{d}", d, "paint") for d in (0, 1, 2, 60, 61, 99)]
    )
    (row,) = regular_buyers(frame, Terms((START + pd.Timedelta(days=115)).date())).table.to_dict("records")
    assert (row["customer_id"], row["item"], row["n_orders"], row["usual_gap_days"]) == ("r", "paint", 8, 14.0)
    assert row["next_due_on"] == START + pd.Timedelta(days=113) and row["days_since_last_order"] == 16
    assert row["overdue_after_days"] == 15 and row["overdue"] and row["variation"] < 0.1


def test_regular_needs_enough_days_and_ignores_refunds():
    frame = lines(
        *[("a", f"o{d}", d, "tea") for d in (0, 10, 20, 30, 40)], ("a", "o50", 50, "tea"), ("a", "o50", 51, "tea", -100)
    )
    found = regular_buyers(frame, TERMS)
    assert found.table.empty and found.n_tested == 0
    assert len(regular_buyers(frame, TERMS, min_orders=5).table) == 1
    with pytest.raises(ValueError, match="min_orders"):
        regular_buyers(frame, TERMS, min_orders=2)


def test_random_buying_is_not_called_regular():
    """2,000 customers who buy on days drawn by lot: hardly anybody passes, however often they shop."""
    rng = np.random.default_rng(5)
    rows = []
    for i in range(2000):
        chance = rng.choice([0.03, 0.1, 0.25])
        rows += [(f"{i:04}", f"{i}-{d}", int(d), "milk") for d in np.flatnonzero(rng.random(364) < chance)]
    found = regular_buyers(lines(*rows), TERMS, max_variation=10)
    assert found.n_tested > 1500 and len(found.table) <= 3
