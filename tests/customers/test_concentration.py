"""Who brings how much."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers.bridge.concentration import concentration
from custaudience.errors import EmptyTableError, HistoryError

AS_OF = dt.date(2025, 6, 30)


def orders(*rows):
    """Build orders from (customer, minor units[, day of June])."""
    full = [(*r, 1) if len(r) == 2 else r for r in rows]
    frame = pd.DataFrame(full, columns=["customer_id", "revenue_minor", "day"]).astype({"customer_id": "str"})
    day = pd.Timestamp("2025-06-01") + pd.to_timedelta(frame.pop("day") - 1, unit="D")
    return frame.assign(ordered_on=day, is_order=frame["revenue_minor"] > 0)


def test_by_hand():
    """Revenue 100, 100, 400: mean difference 2 * (0 + 300 + 300) / 9 = 133.3, mean 200, Gini 133.3 / 400 = 1/3."""
    found = concentration(orders(("a", 100), ("b", 60), ("b", 40), ("c", 400)), as_of=AS_OF)
    assert found.gini == pytest.approx(1 / 3)
    assert found.table["n_customers"].tolist() == [1, 1, 1, 1] and found.table["share"].tolist() == [400 / 600] * 4
    assert found.curve.to_numpy().tolist() == pytest.approx(np.array([[0, 0], [1 / 3, 1 / 6], [2 / 3, 1 / 3], [1, 1]]))
    assert found.deciles["share"].sum() == pytest.approx(1) and found.deciles["n_customers"].sum() == 3
    assert found.revenue == 6.0


def test_equal_customers_and_a_single_one():
    even = concentration(orders(*[(str(i), 500) for i in range(100)]), as_of=AS_OF)
    assert even.gini == pytest.approx(0) and (even.gini_low, even.gini_high) == pytest.approx((0, 0))
    assert even.table["share"].tolist() == pytest.approx([0.01, 0.05, 0.1, 0.2])
    assert even.deciles["share"].tolist() == pytest.approx([0.1] * 10)
    one = concentration(orders(("a", 5)), as_of=AS_OF)
    assert one.gini == 0 and one.n_customers == 1


def test_one_brings_all():
    rows = [("w", 10**6), *((str(i), 10) for i in range(99)), *((str(i), -10) for i in range(99))]
    found = concentration(orders(*rows), as_of=AS_OF)
    assert found.gini == pytest.approx(0.99) and found.n_not_positive == 99 and found.negative == 0


def test_negative_and_refund_only_customers_are_counted_and_never_push_gini_above_one():
    found = concentration(orders(("a", 1000), ("b", 300), ("b", -500), ("r", -50)), as_of=AS_OF)
    assert (found.n_customers, found.n_not_positive, found.negative) == (2, 1, -2.0)
    assert (found.n_refund_only, found.refund_only, found.revenue) == (1, -0.5, 10.0)
    assert found.gini == pytest.approx(0.5)
    assert found.revenue + found.negative + found.refund_only == 7.5  # as the books have it


def test_window():
    frame = orders(("a", 100, 1), ("b", 300, 10), ("c", 900, 20))
    assert concentration(frame, as_of=dt.date(2025, 6, 10)).revenue == 4.0
    assert concentration(frame, as_of=AS_OF, since=dt.date(2025, 6, 10)).revenue == 12.0


def test_helpful_messages():
    with pytest.raises(EmptyTableError, match="Choose a later as_of"):
        concentration(orders(("a", 1)), as_of=dt.date(2025, 1, 1))
    with pytest.raises(EmptyTableError, match="Choose another time"):
        concentration(orders(("a", -1)), as_of=AS_OF)
    with pytest.raises(HistoryError, match="no revenue to share"):
        concentration(orders(("a", 5), ("a", -5)), as_of=AS_OF)
    with pytest.raises(ValueError, match="level: expected"):
        concentration(orders(("a", 5)), as_of=AS_OF, level=95)


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=60), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_properties(values, seed):
    frame = orders(*[(str(i), v) for i, v in enumerate(values)])
    found = concentration(frame, as_of=AS_OF, n_resamples=40)
    x = np.array(values, dtype="float64")
    assert found.gini == pytest.approx(np.abs(x[:, None] - x).mean() / 2 / x.mean(), abs=1e-9)
    assert (np.diff(found.table["share"]) >= 0).all() and (np.diff(found.deciles["revenue"][:1]) <= 0).all()
    assert (np.diff(found.curve["revenue"]) >= -1e-12).all() and (
        found.curve["revenue"] <= found.curve["customers"] + 1e-9
    ).all()
    shuffled = concentration(frame.sample(frac=1, random_state=seed), as_of=AS_OF, n_resamples=40)
    pd.testing.assert_frame_equal(found.table, shuffled.table)
    assert (found.gini_low, found.gini_high) == (shuffled.gini_low, shuffled.gini_high)
    scaled = concentration(frame.assign(revenue_minor=frame["revenue_minor"] * 7), as_of=AS_OF, n_resamples=1)
    assert scaled.gini == pytest.approx(found.gini, abs=1e-9)


@pytest.mark.slow
def test_the_interval_of_gini_covers():
    """Exponential revenue has a Gini of one half; 95 % intervals of 500 customers hold it in 90 to 98 of 100."""
    rng, covered = np.random.default_rng(3), 0
    for _ in range(300):
        values = np.ceil(rng.exponential(10**5, 500)).astype(int)
        found = concentration(orders(*[(str(i), int(v)) for i, v in enumerate(values)]), as_of=AS_OF, n_resamples=300)
        covered += found.gini_low <= 0.5 <= found.gini_high
    assert 0.90 <= covered / 300 <= 0.985
