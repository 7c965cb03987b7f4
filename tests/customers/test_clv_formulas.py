"""The short formulas: each its own number, its own name, and what it is not (requirements 003-11, 003-19)."""

from __future__ import annotations

import numpy as np
import pytest

from custaudience.customers.clv.formulas import average_revenue_per_buyer, margin_clv, simple_clv


def test_revenue_per_buyer_is_not_called_lifetime_value():
    """The source calls 1,000,000 / 200 = 5,000 lifetime value."""
    got = average_revenue_per_buyer(1_000_000, 200)
    assert got.value == 5000
    assert "lifetime" not in got.name and "not lifetime value" in got.notes[0]


def test_simple_clv_warns_of_margin_discount_and_censoring():
    got = simple_clv(1500, 2, 18)
    assert got.value == 54_000
    said = " ".join(got.notes)
    assert "No margin" in said and "No discount" in said and "survival curve" in said


@pytest.mark.parametrize("first_margin_at", [0, 1])
def test_margin_clv_is_the_sum_it_stands_for(first_margin_at):
    periods = np.arange(first_margin_at, 2000)
    by_sum = (40 * 0.85**periods / 1.12**periods).sum()
    assert margin_clv(40, 0.85, 0.12, first_margin_at=first_margin_at).value == pytest.approx(by_sum, rel=1e-12)


def test_a_negative_margin_is_said():
    got = margin_clv(-10, 0.5, 0.1)
    assert got.value < 0 and "loses money" in got.notes[-1]


def test_the_three_differ_in_name_and_inputs():
    three = [average_revenue_per_buyer(100, 2), simple_clv(50, 1, 1), margin_clv(50, 0.5, 0.1)]
    assert len({t.name for t in three}) == 3
    assert len({tuple(t.inputs) for t in three}) == 3


def test_refusals():
    with pytest.raises(ValueError, match="n_buyers"):
        average_revenue_per_buyer(100, 0)
    with pytest.raises(ValueError, match="months_retained"):
        simple_clv(1, 1, -1)
    with pytest.raises(ValueError, match="fraction from 0 to 1"):
        margin_clv(100, 80, 0.1)
    with pytest.raises(ValueError, match="infinite"):
        margin_clv(100, 1, 0)
    with pytest.raises(ValueError, match="first_margin_at"):
        margin_clv(100, 0.5, 0.1, first_margin_at=2)
