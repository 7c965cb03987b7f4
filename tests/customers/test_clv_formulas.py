"""The short formulas: each its own number, its own name, and what it is not (requirements 003-11, 003-19)."""

import numpy as np
import pytest

from custaudience.customers.clv.formulas import average_revenue_per_buyer, margin_clv, simple_clv


def test_each_says_what_it_is_not():
    """The source calls 1,000,000 / 200 = 5,000 lifetime value (the values themselves are doctests)."""
    average, simple = average_revenue_per_buyer(1_000_000, 200), simple_clv(1500, 2, 18)
    assert average.value == 5000 and "lifetime" not in average.name and "not lifetime value" in average.notes[0]
    said = " ".join(simple.notes)
    assert "No margin" in said and "No discount" in said and "survival curve" in said
    assert "loses money" in margin_clv(-10, 0.5, 0.1).notes[-1]


@pytest.mark.parametrize("first_margin_at", [0, 1])
def test_margin_clv_is_the_sum_it_stands_for(first_margin_at):
    periods = np.arange(first_margin_at, 2000)
    by_sum = (40 * 0.85**periods / 1.12**periods).sum()
    assert margin_clv(40, 0.85, 0.12, first_margin_at=first_margin_at).value == pytest.approx(by_sum, rel=1e-12)


def test_the_three_differ_in_name_and_inputs():
    three = [average_revenue_per_buyer(100, 2), simple_clv(50, 1, 1), margin_clv(50, 0.5, 0.1)]
    assert len({t.name for t in three}) == 3
    assert len({tuple(t.inputs) for t in three}) == 3


@pytest.mark.parametrize(
    ("formula", "given", "match"),
    [(average_revenue_per_buyer, (100, 0), "n_buyers"),
     (simple_clv, (1, 1, -1), "months_retained"),
     (margin_clv, (100, 80, 0.1), "fraction from 0 to 1"),
     (margin_clv, (100, 1, 0), "infinite"),
     (margin_clv, (100, 0.5, -1), "discount_rate")]
)  # fmt: skip
def test_refusals(formula, given, match):
    with pytest.raises(ValueError, match=match):
        formula(*given)
