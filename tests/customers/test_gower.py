"""Gower's distance and groups around typical customers."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers.segments.grouping import BLOCK, find_medoids, gower_distance, silhouette
from custaudience.errors import ColumnError, DataError, EmptyTableError

SIZES = pd.CategoricalDtype(["S", "M", "L"], ordered=True)


def people():
    return pd.DataFrame(
        {"age": [20.0, 30.0, 60.0, np.nan], "city": ["Kyiv", "Lviv", "Kyiv", None],
         "size": pd.Series(["S", "M", "L", "S"], dtype=SIZES), "member": [True, False, True, True]}
    )  # fmt: skip


def test_by_hand():
    """Rows 1 and 2: 10/40, another city, one step of two, another answer; row 4 has a size and an answer only."""
    got = gower_distance(people())
    assert got[0, 1] == pytest.approx((0.25 + 1 + 0.5 + 1) / 4)
    assert got[0, 2] == pytest.approx((1 + 0 + 1 + 0) / 4)
    assert got[0, 3] == pytest.approx(0)
    assert got[1, 3] == pytest.approx((0.5 + 1) / 2)
    weighted = gower_distance(people(), weights={"city": 3, "age": 0})
    assert weighted[0, 1] == pytest.approx((0 + 3 + 0.5 + 1) / 5)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, got.T)
    np.testing.assert_array_equal(np.diag(got), 0)


def test_nothing_in_common_is_unknown_not_far():
    table = pd.DataFrame({"a": [1.0, np.nan, 2.0], "b": ["x", None, None], "c": [np.nan] * 3})
    got = gower_distance(table)
    assert np.isnan(got[0, 1]) and np.isnan(got[1, 1])
    assert got[0, 2] == 1


def test_another_table_shares_ranges_and_levels():
    table = people()
    both = gower_distance(table)
    np.testing.assert_allclose(gower_distance(table, table.iloc[[2]]), both[:, [2]])
    far = gower_distance(table[["age"]], pd.DataFrame({"age": [100.0]}))
    assert far[0, 0] == 1 and far[1, 0] == pytest.approx(70 / 80)
    new = gower_distance(table[["city"]], pd.DataFrame({"city": ["Odesa"]}))
    assert new[:3, 0].tolist() == [1, 1, 1]


def test_constant_columns_and_single_rows():
    table = pd.DataFrame({"same": [5, 5, 5], "x": [1, 2, 3]})
    assert gower_distance(table)[0, 2] == 0.5
    assert gower_distance(table.iloc[:1]).tolist() == [[0.0]]


@given(st.integers(2, 25), st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_properties(n, seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"x": rng.normal(size=n), "y": rng.integers(0, 3, n), "z": rng.choice(list("abc"), n)})
    table.loc[rng.random(n) < 0.2, "x"] = np.nan
    got = gower_distance(table)
    assert ((got >= 0) & (got <= 1)).all()
    order = rng.permutation(n)
    np.testing.assert_allclose(gower_distance(table.iloc[order]), got[np.ix_(order, order)], atol=1e-6)
    other_units = table.assign(x=table["x"] * 1000 - 7)
    np.testing.assert_allclose(gower_distance(other_units), got, atol=1e-5)


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=100), "z": rng.choice(list("abc"), 100)})
    whole = gower_distance(table)
    monkeypatch.setattr("custaudience.customers.segments.grouping.BLOCK", 1000)
    np.testing.assert_array_equal(gower_distance(table), whole)
    assert BLOCK > 1000


@pytest.mark.parametrize(
    ("columns", "other", "error", "text"), [({"x": []}, {}, EmptyTableError, "no rows"),
     ({"x": np.zeros(20_000)}, {}, DataError, "Take a sample"),
     ({"x": [1, np.inf]}, {}, DataError, "infinite"),
     ({"x": pd.to_datetime(["2025-01-01", "2025-01-02"])}, {}, DataError, "days"),
     ({"x": [1, 2]}, {"weights": {"y": 1}}, ColumnError, "weights"),
     ({"x": [1, 2]}, {"other": pd.DataFrame({"y": [1, 2]})}, ColumnError, "expected the columns")],
)  # fmt: skip
def test_refusals(columns, other, error, text):
    with pytest.raises(error, match=text):
        gower_distance(pd.DataFrame(columns), **other)


@pytest.mark.parametrize("seed", range(5))
def test_medoids_are_the_best_of_all(seed):
    """Few enough rows to try every choice of three."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(14, 2))
    distance = np.sqrt(((x[:, None] - x) ** 2).sum(axis=2))
    best = min(distance[list(chosen)].min(axis=0).sum() for chosen in combinations(range(14), 3))
    chosen = find_medoids(distance, 3, seed=0, n_init=10)
    assert distance[chosen].min(axis=0).sum() == pytest.approx(best)


def test_medoids_of_equal_rows():
    assert len(set(find_medoids(np.zeros((5, 5)), 3, seed=0))) == 3
    assert find_medoids(np.zeros((1, 1)), 1, seed=0).tolist() == [0]


def test_silhouette_equals_scikit_learn():
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(60, 3)), rng.integers(0, 4, 60)
    distance = np.sqrt(((x[:, None] - x) ** 2).sum(axis=2))
    assert silhouette(distance, labels) == pytest.approx(silhouette_score(x, labels))
    assert np.isnan(silhouette(distance, np.zeros(60, dtype=int)))
