"""Are segments found again when other customers are drawn (Hennig 2007)."""

import numpy as np
import pandas as pd
import pytest

from custaudience.customers.segments.clusters import matched_jaccard, segment_customers, segment_stability
from custaudience.customers.segments.preparation import learn_preparation
from custaudience.errors import DataError


def frame(x, **more):
    return pd.DataFrame(x, columns=[f"x{j}" for j in range(x.shape[1])]).assign(**more)


def raw(table):
    return learn_preparation(table, features=[c for c in table if c.startswith("x")], scale="none", log=())


def three_clouds(n=600, seed=0):
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 3
    return frame(np.array([[0, 0], [8, 0], [0, 8]])[group] + rng.normal(size=(n, 2)), revenue_total=100.0 - group)


def test_overlap_by_hand():
    """{0,1,2} and {2,3,4} share one of five customers, {3,4} is two of three: names of groups do not count."""
    given = np.array([0, 0, 0, 1, 1, 2])
    assert matched_jaccard(given, np.array([2, 2, 2, 0, 0, 1]), 3).tolist() == [1, 1, 1]
    got = matched_jaccard(given, np.array([1, 1, 0, 0, 0, 2]), 3)
    np.testing.assert_allclose(got, [2 / 3, 2 / 3, 1])
    assert np.isnan(matched_jaccard(np.array([0, 0]), np.array([1, 1]), 2)[1])


def test_each_group_is_matched_once():
    """All customers in one found group: only one segment may claim it."""
    got = matched_jaccard(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0]), 2)
    assert sorted(got.tolist()) == [0, 0.5]


def test_clear_groups_are_stable():
    table = three_clouds()
    got = segment_stability(segment_customers(table, 3, preparation=raw(table)), table, n_runs=30)
    assert got.table["verdict"].tolist() == ["stable"] * 3
    assert got.table["jaccard"].min() > 0.97 and got.ari["mean"] > 0.97 and got.ari["min"] <= got.ari["low"]
    assert (got.table["dissolved"] == 0).all() and (got.table["recovered"] == 1).all()
    assert (got.n_runs, got.sampled, got.notes) == (30, 600, ())


def test_groups_cut_out_of_a_round_cloud_are_not():
    rng = np.random.default_rng(0)
    table = frame(rng.normal(size=(500, 6)), revenue_total=rng.random(500))
    got = segment_stability(segment_customers(table, 5, preparation=raw(table)), table, n_runs=30)
    assert (got.table["verdict"] != "stable").all()
    assert len(got.notes) == 5 and "build nothing on it alone" in got.notes[0]


def test_one_clear_group_among_others_is_told_apart():
    """Segment A stands apart, the rest is one cloud cut in three."""
    rng = np.random.default_rng(1)
    far = np.arange(900) < 300
    table = frame(rng.normal(size=(900, 4)) + 12 * far[:, None], revenue_total=np.where(far, 1000.0, rng.random(900)))
    got = segment_stability(segment_customers(table, 4, preparation=raw(table)), table, n_runs=30).table
    assert got["verdict"].tolist()[0] == "stable" and (got["verdict"] == "stable").sum() == 1


def test_typical_customers():
    table = three_clouds(300)
    got = segment_stability(segment_customers(table, 3, method="gower", preparation=raw(table)), table, n_runs=10)
    assert got.table["verdict"].tolist() == ["stable"] * 3


def test_the_same_seed_gives_the_same():
    table = three_clouds()
    segments = segment_customers(table, 3, preparation=raw(table))
    first, second = (segment_stability(segments, table, n_runs=5, seed=3).table for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_refusals():
    table = three_clouds()
    with pytest.raises(DataError, match="one segment only"):
        segment_stability(segment_customers(table, 1), table)
    with pytest.raises(DataError, match="Place others with assign"):
        segment_stability(segment_customers(table, 3), table.iloc[1:])
