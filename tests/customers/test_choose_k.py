"""How many groups, and "none" as an answer."""

import numpy as np
import pandas as pd
import pytest

from custaudience.customers.segments.choosing_k import choose_k, judge_halves, spread_ties, worst_valley
from custaudience.errors import DataError, EmptyTableError

RNG = np.random.default_rng


def frame(x):
    return pd.DataFrame(x, columns=[f"x{j}" for j in range(x.shape[1])])


def blobs(n, k, d, seed, apart=5.0, shares=None):
    """Return `k` normal groups whose middles are at least `apart` from each other, not more than needed."""
    rng = RNG(seed)
    while True:
        middles = rng.normal(size=(k, d)) * apart
        gaps = np.sqrt(((middles[:, None] - middles) ** 2).sum(axis=2)) + 1e9 * np.eye(k)
        if apart <= gaps.min() <= 1.6 * apart:
            break
    return frame(middles[rng.choice(k, n, p=shares)] + rng.normal(size=(n, d)))


CLOUDS = {
    "normal": lambda r, n: r.normal(size=(n, 4)),
    "long": lambda r, n: r.normal(size=(n, 4)) * [10, 3, 1, 1],
    "correlated": lambda r, n: r.normal(size=(n, 5)) @ r.normal(size=(5, 5)),
    "uniform": lambda r, n: r.random((n, 2)),
    "line": lambda r, n: r.random((n, 1)),
    "exponential": lambda r, n: r.exponential(size=(n, 3)),
    "money": lambda r, n: r.lognormal(5, 1, size=(n, 3)),
    "counts": lambda r, n: r.poisson(3, size=(n, 3)).astype(float),
    "orders": lambda r, n: r.geometric(0.6, size=(n, 2)).astype(float),
    "yes or no": lambda r, n: r.integers(0, 2, size=(n, 5)).astype(float),
}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_one_cloud_is_one_group(cloud):
    """Prediction strength alone would cut the long cloud and the line in two, and find them again every time."""
    got = choose_k(frame(CLOUDS[cloud](RNG(3), 1500)), k_range=range(2, 7), seed=1)
    assert got.k == 1, got.table.to_string()
    assert got.reason.startswith("No groups: at every number from 2 to 6")


@pytest.mark.parametrize(("k", "d"), [(2, 1), (2, 3), (3, 2), (4, 6), (5, 6), (7, 4)])
def test_planted_groups_are_counted(k, d):
    got = choose_k(blobs(3000, k, d, seed=k), k_range=range(2, 9), preparation=None)
    assert got.k == k, got.table.to_string()
    assert got.reason.startswith(f"{k} groups, the largest number at which")


def test_groups_of_different_size_and_shape():
    table = blobs(4000, 4, 4, seed=2, apart=6, shares=[0.55, 0.25, 0.12, 0.08])
    assert choose_k(table, k_range=range(2, 8)).k == 4
    long = blobs(4000, 3, 4, seed=5, apart=8)
    long["x0"] += RNG(0).normal(size=4000) * 2
    assert choose_k(long, k_range=range(2, 8)).k == 3


def test_a_small_group_counts_only_if_allowed():
    table = blobs(5000, 3, 3, seed=1, apart=8, shares=[0.6, 0.37, 0.03])
    assert choose_k(table, k_range=(2, 3)).k == 2
    assert choose_k(table, k_range=(2, 3), min_size=20).k == 3


def test_the_table_says_what_speaks_against():
    got = choose_k(blobs(1500, 3, 3, seed=0), k_range=range(2, 6))
    assert got.table["k"].tolist() == [2, 3, 4, 5]
    row = got.table.set_index("k").loc[3]
    assert row["eligible"] and row["against"] == "" and row["between"] < 0.85 and row["prediction_strength"] > 0.9
    assert "valley" in got.table.set_index("k").loc[5, "against"]
    assert got.table["silhouette"].idxmax() == got.table.index[got.table["k"] == 3][0]
    assert (got.n, got.sampled, got.min_size) == (1500, 1500, 75)


def test_seed_and_row_order():
    table = blobs(900, 3, 3, seed=0)
    first, again = (choose_k(table, k_range=(2, 3, 4), seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, again.table)
    shuffled = choose_k(table.sample(frac=1, random_state=1), k_range=(2, 3, 4), seed=4)
    pd.testing.assert_frame_equal(first.table, shuffled.table)


def test_a_sample_of_many_is_enough(monkeypatch):
    monkeypatch.setattr("custaudience.customers.segments.choosing_k.SAMPLE", 3_000)
    table = blobs(60_000, 4, 4, seed=0)
    got = choose_k(table, k_range=range(2, 7))
    assert (got.k, got.n, got.sampled) == (4, 60_000, 3_000)


def test_hard_input():
    one = choose_k(pd.DataFrame({"x": [1.0]}))
    assert one.k == 1 and "alike in every column" in one.reason
    few = choose_k(frame(RNG(0).normal(size=(20, 2))))
    assert few.k == 1 and "20 customers cannot form 2 groups of 30" in few.reason
    alike = choose_k(pd.DataFrame({"x": [5.0] * 100, "y": ["a"] * 100}))
    assert alike.k == 1 and len(alike.table) == 0
    with pytest.raises(EmptyTableError):
        choose_k(pd.DataFrame({"x": []}))
    with pytest.raises(ValueError, match="k_range"):
        choose_k(frame(RNG(0).normal(size=(20, 2))), k_range=[1, 2])
    with pytest.raises(DataError, match="gower"):
        choose_k(pd.DataFrame({"x": list("ab") * 50}))


def test_few_distinct_rows():
    """Two kinds of customers, each a hundred times, are two groups; three different ones there are not."""
    table = pd.DataFrame({"x": [0.0, 1.0] * 100, "y": [0.0, 5.0] * 100})
    got = choose_k(table, k_range=range(2, 5))
    assert got.k == 2 and got.table["k"].tolist() == [2]


def test_constant_and_empty_columns_change_nothing():
    table = blobs(800, 3, 3, seed=0)
    plain = choose_k(table, k_range=(2, 3, 4))
    more = choose_k(table.assign(same=1, nothing=np.nan), k_range=(2, 3, 4))
    assert plain.k == more.k == 3


def kinds(n, seed, informative):
    rng = RNG(seed)
    group = rng.integers(0, 3, n)
    kind = group if informative else rng.integers(0, 3, (4, n))
    return pd.DataFrame(
        {name: np.where(rng.random(n) < 0.93, np.array(list("abc"))[kind if informative else kind[i]], "a")
         for i, name in enumerate(("channel", "city", "device", "first"))}
    ).assign(x=rng.normal(size=n) + (4 * group if informative else 0))  # fmt: skip


def test_mixed_groups_are_counted():
    got = choose_k(kinds(500, 0, True), method="gower", k_range=range(2, 6))
    assert got.k == 3, got.table.to_string()
    assert "nearer to the typical ones" in got.reason


@pytest.mark.parametrize(
    "table", [kinds(500, 0, False),
     pd.DataFrame({"sex": RNG(0).choice(["f", "m"], 400), "x": RNG(1).normal(size=400)}),
     frame(RNG(0).normal(size=(400, 1)) + 0.5 * RNG(1).normal(size=(400, 3)))],
    ids=["unrelated categories", "a category and a number", "correlated numbers"],
)  # fmt: skip
def test_mixed_data_without_groups_is_one_group(table):
    got = choose_k(table, method="gower", k_range=range(2, 6))
    assert got.k == 1, got.table.to_string()


def test_valley_by_hand():
    """Six at 0, two halfway, five at 1: 2 / 5 between; z is the smaller of (6-2)/sqrt(8) and (5-2)/sqrt(7)."""
    x = np.array([0.0] * 6 + [0.5] * 2 + [1.0] * 5)[:, None]
    ratio, z = worst_valley(x, np.array([[0.0], [1.0]]))
    assert ratio == pytest.approx(0.4)
    assert z == pytest.approx(3 / np.sqrt(7))


def test_a_third_group_between_makes_no_neighbours():
    """On a line, 0 and 2 are no neighbours, so the crowd at 1 between them does not count against them."""
    x = np.repeat([0.0, 1.0, 2.0], 50)[:, None]
    ratio, _ = worst_valley(x, np.array([[0.0], [1.0], [2.0]]))
    assert ratio == 0


def test_ties_are_spread_halfway_to_the_neighbours():
    x = np.repeat([1.0, 2.0, 4.0], 1000)[:, None]
    spread = spread_ties(x, RNG(0))[:, 0]
    ends = [(spread[i * 1000 : (i + 1) * 1000].min(), spread[i * 1000 : (i + 1) * 1000].max()) for i in range(3)]
    np.testing.assert_allclose(ends, [(0.5, 1.5), (1.5, 3.0), (3.0, 5.0)], atol=0.02)
    assert (spread_ties(np.ones((5, 1)), RNG(0)) == 1).all()


@pytest.mark.slow
@pytest.mark.parametrize("cloud", ["uniform", "line"])
def test_seldom_groups_where_there_are_none(cloud):
    """At most 5 % of 200 clouds of 400 customers get groups, in the hardest cases: flat, so that nothing is between."""
    wrong = sum(
        choose_k(frame(CLOUDS[cloud](RNG(seed), 400)), k_range=range(2, 7), seed=seed).k > 1 for seed in range(200)
    )
    assert wrong <= 10


@pytest.mark.slow
def test_planted_groups_are_counted_nearly_always():
    right = sum(
        choose_k(blobs(600, 3, 4, seed, apart=4.5), k_range=range(2, 7), seed=seed).k == 3 for seed in range(100)
    )
    assert right >= 90


def test_halves_that_hold_fewer_kinds_than_groups():
    x = np.repeat(np.array([[0.0], [1.0], [9.0]]), [50, 50, 1], axis=0)
    assert judge_halves(x, 3, seed=0).prediction_strength == 0
