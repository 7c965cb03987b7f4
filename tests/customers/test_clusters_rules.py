"""Segments in a few rules, judged on customers not used for them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers.segments.clusters import segment_customers
from custaudience.customers.segments.rules import Condition, round_limit, segment_rules
from custaudience.errors import ColumnError, DataError


def by_rule(n=1000, seed=0):
    """Return customers whose segment follows from orders and city."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"n_orders": rng.integers(1, 12, n),
         "city": rng.choice(["Kyiv", "Lviv", "Odesa"], n),
         "size": pd.Categorical(rng.choice(["S", "M", "L"], n), ["S", "M", "L"], ordered=True),
         "noise": rng.normal(size=n)}
    )  # fmt: skip
    often = table["n_orders"] > 4
    return table, pd.Series(np.where(~often, "C", np.where(table["city"] == "Kyiv", "A", "B")), index=table.index)


def test_rules_are_found_in_original_units():
    table, segments = by_rule()
    got = segment_rules(table, segments)
    assert got.rules["rule"].tolist() == [
        "n_orders > 4 and city is Kyiv", "n_orders > 4 and city is not Kyiv", "n_orders ≤ 4",
    ]  # fmt: skip
    assert got.rules["segment"].tolist() == ["A", "B", "C"]
    assert got.fidelity == 1 and got.low > 0.98 and 0.3 < got.baseline < 0.6
    assert (got.segments[["recall", "precision"]] == 1).all(axis=None)
    assert got.n_train + got.n_hold_out == 1000 and got.rules["n"].sum() == got.n_hold_out


def test_replay():
    table, segments = by_rule()
    got = segment_rules(table, segments)
    pd.testing.assert_series_equal(got.apply(table).astype("str"), segments.astype("str"), check_names=False)
    new = pd.DataFrame({"n_orders": [4, 5, 5], "city": ["Kyiv", "Kyiv", "Paris"]}, index=["a", "b", "c"])
    assert got.apply(new).to_dict() == {"a": "C", "b": "A", "c": "B"}
    with pytest.raises(ColumnError, match="city"):
        got.apply(new[["n_orders"]])


@given(st.integers(0, 500))
@settings(max_examples=15, deadline=None)
def test_exactly_one_rule_holds_for_anybody(seed):
    rng = np.random.default_rng(seed)
    table, _ = by_rule(200, seed)
    table.loc[rng.random(200) < 0.2, "noise"] = np.nan
    table.loc[rng.random(200) < 0.2, "city"] = None
    segments = pd.Series(rng.choice(list("ABCD"), 200), index=table.index)
    got = segment_rules(table, segments)
    held = sum(
        np.logical_and.reduce([np.ones(200, bool)] + [test.holds(table, got.middle) for test in tests]).astype(int)
        for tests, _ in got.conditions
    )
    assert (held == 1).all()
    assert (got.apply(table) != "").all()


def test_fidelity_is_of_customers_not_used():
    """Labels at random: whatever the tree learns, on others it is right no more often than by chance."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(600, 8))).add_prefix("x")
    got = segment_rules(table, pd.Series(rng.choice(list("AB"), 600)))
    assert got.low < 0.5 < got.high


def test_precision_and_recall_by_hand():
    table, segments = by_rule()
    got = segment_rules(table[["n_orders"]], segments)
    said = got.apply(table)
    assert set(said) == {"B", "C"}
    by_name = got.segments.set_index("segment")
    assert by_name.loc["A", "recall"] == 0 and np.isnan(by_name.loc["A", "precision"])
    assert by_name.loc["C", ["recall", "precision"]].tolist() == [1, 1]
    assert by_name.loc["B", "recall"] == 1 and 0.5 < by_name.loc["B", "precision"] < 0.8
    assert by_name.loc["B", "precision_low"] < by_name.loc["B", "precision"] < by_name.loc["B", "precision_high"]


def test_missing_is_a_condition_of_its_own():
    table, _ = by_rule()
    table.loc[::2, "noise"] = np.nan
    segments = pd.Series(np.where(table["noise"].isna(), "A", "B"), index=table.index)
    got = segment_rules(table, segments)
    assert sorted(got.rules["rule"]) == ["noise is known", "noise is missing"]
    assert got.fidelity == 1


def test_ordered_categories_are_cut_in_their_order():
    table, _ = by_rule()
    segments = pd.Series(np.where(table["size"] == "L", "A", "B"), index=table.index)
    got = segment_rules(table[["size"]], segments)
    assert got.fidelity == 1 and sorted(got.rules["rule"]) == ["size > 1", "size ≤ 1"]


def test_segments_that_were_made_get_rules_from_their_features():
    rng = np.random.default_rng(0)
    group = np.arange(900) % 3
    table = pd.DataFrame({"a": 10 * group + rng.normal(size=900), "b": rng.normal(size=900), "c": 1.0 * group})
    segments = segment_customers(table[["a", "b"]], 3, value="a")
    got = segment_rules(table, segments)
    assert got.fidelity > 0.95
    assert {test.feature for tests, _ in got.conditions for test in tests} <= {"a", "b"}


@pytest.mark.parametrize(
    ("limit", "values", "expected"),
    [(3.5, [1, 2, 3, 4, 9], 3), (1234.567, np.linspace(0, 100_000, 1001), 1000),
     (0.12345, np.linspace(0, 1, 1001), 0.123), (2017.5, [2015, 2016, 2017, 2018], 2017),
     (500.0, [1.0, 2.5, 999.5], 500)],
)  # fmt: skip
def test_limits_are_round_and_divide_alike(limit, values, expected):
    values = np.array(values, dtype=float)
    got = round_limit(limit, values)
    assert got == expected
    assert abs((values <= got).mean() - (values <= limit).mean()) <= 0.01


def test_conditions_read_well():
    assert str(Condition("revenue", "above", 12500.0)) == "revenue > 12,500"
    assert str(Condition("share", "at most", 0.35)) == "share ≤ 0.35"


def test_refusals():
    table, segments = by_rule()
    with pytest.raises(DataError, match="one segment only"):
        segment_rules(table, segments.replace({"A": "B", "C": "B"}))
    with pytest.raises(DataError, match="too few to judge"):
        segment_rules(table.iloc[:30], segments)
    with pytest.raises(ValueError, match="no longer read"):
        segment_rules(table, segments, max_depth=8)
