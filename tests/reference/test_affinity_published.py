"""Pairs against published figures: Tan, Steinbach, Karpatne and Kumar, Introduction to Data Mining, tea and coffee."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from custaudience.customers.affinity.pairs import product_pairs
from custaudience.evidence import Terms
from custaudience.stats.intervals import false_discovery_rates


def test_tea_and_coffee() -> None:
    """Of 100 people 20 drink tea, 90 coffee, 15 both: confidence .75, lift .8333, leverage -.03, conviction .4.

    The text-book case of a high confidence that means less, not more: 90 in 100 drink coffee anyway.
    """
    drinks = [("tea", "coffee")] * 15 + [("tea",)] * 5 + [("coffee",)] * 75 + [("milk",)] * 5
    rows = [(str(i), item) for i, basket in enumerate(drinks) for item in basket]
    lines = pd.DataFrame(rows, columns=["customer_id", "product_id"]).assign(
        order_id=lambda t: t["customer_id"], revenue_minor=100, ordered_at=pd.Timestamp("2025-01-01")
    )
    found = product_pairs(lines, Terms(dt.date(2025, 1, 1)), min_count=1)
    (pair,) = found.table.to_dict("records")
    assert (found.n_baskets, found.n_one_item, pair["n_baskets"]) == (100, 85, 15)
    assert (pair["item_a"], pair["item_b"]) == ("coffee", "tea")
    assert pair["confidence_b_to_a"] == 0.75
    assert pair["lift"] == pytest.approx(0.8333, abs=1e-4)
    assert pair["leverage"] == pytest.approx(-0.03, abs=1e-9)
    assert pair["conviction_b_to_a"] == pytest.approx(0.4, abs=1e-9)
    assert pair["support"] == 0.15
    # expected 2 baskets with tea and without coffee: Fisher's exact test of [[15, 5], [75, 5]]
    assert pair["p_baskets"] == pytest.approx(fisher_exact([[15, 5], [75, 5]]).pvalue, rel=1e-9)


def test_false_discovery_rates_of_benjamini_and_hochberg() -> None:
    """Benjamini and Hochberg (1995), 15 p-values of thrombolysis trials: 4 are found at 5 %."""
    p = np.array([0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
                  0.6528, 0.7590, 1.0])  # fmt: skip
    assert (false_discovery_rates(p) <= 0.05).sum() == 4
    # the same four as rows of a list cut from 100 tests are two
    assert (false_discovery_rates(p[:4], 100) <= 0.05).sum() == 2
