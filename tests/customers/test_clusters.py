"""Segments of customers: preparation, k-means on many rows, names by value, replay, bad input."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from custaudience.customers.segments.clusters import segment_customers
from custaudience.customers.segments.grouping import fast_kmeans, lloyd, nearest
from custaudience.customers.segments.preparation import learn_preparation
from custaudience.errors import ColumnError, DataError, EmptyTableError


def planted(n=2000, k=4, seed=0, apart=6.0, d=4):
    """Return a matrix with `k` groups of different revenue, and who is in which; group 0 brings most."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % k
    middles = apart * np.array(list(itertools.product([0, 1], repeat=d)))[rng.permutation(2**d)[:k]]
    x = middles[group] + rng.normal(size=(n, d))
    table = pd.DataFrame(x, columns=[f"x{j}" for j in range(d)])
    table.insert(0, "revenue_total", (1000.0 / (1 + group)) * rng.lognormal(0, 0.1, n))
    table.index = pd.Index([f"{i:05d}" for i in range(n)], name="customer_id")
    return table, group


def features(table):
    return learn_preparation(table, features=[c for c in table if c.startswith("x")], scale="none", log=())


def mixed(n=600, seed=0):
    """Return numbers and categories of three groups, with gaps."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    say = lambda right, levels: np.where(rng.random(n) < 0.9, np.array(levels)[right], rng.choice(levels, n))  # noqa: E731
    table = pd.DataFrame(
        {"revenue_total": 100.0 * (3 - group) + rng.normal(0, 10, n),
         "channel": say(group, ["web", "shop", "phone"]),
         "size": pd.Categorical(say(group, ["S", "M", "L"]), ["S", "M", "L"], ordered=True),
         "member": rng.random(n) < np.array([0.95, 0.5, 0.05])[group]},
        index=pd.Index([f"{i:04d}" for i in range(n)], name="customer_id"),
    )  # fmt: skip
    return table, group


def test_how_columns_enter_by_hand():
    """Median 50, middle 95 % from 2.5 to 97.5: scale 95 / 3.92; 90,000 is cut at four scales; yes and no: half."""
    table = pd.DataFrame({"a": [*range(100), 90_000], "yes": [True] + [False] * 100})
    got = learn_preparation(table, log=())
    a, yes = got.columns
    assert (a.logged, a.centre, a.scale) == (False, 50.0, pytest.approx(95 / 3.92))
    entered = got.numbers(table)
    np.testing.assert_allclose(entered[[0, 50, 99, 100], 0], [-50 * 3.92 / 95, 0, 49 * 3.92 / 95, 4], atol=1e-6)
    assert (yes.centre, yes.scale) == (0, 0.5) and entered[:2, 1].tolist() == [2, 0]
    assert a.fence() == pytest.approx(50 + 4 * 95 / 3.92)


def test_groups_far_apart_are_not_scaled_away():
    """One column holds the groups, another is noise: divided by standard deviations, k-means would cut the noise."""
    rng = np.random.default_rng(0)
    group = np.arange(900) % 3
    table = pd.DataFrame({"revenue_total": 100 + 10.0 * group + rng.normal(size=900), "b": rng.normal(size=900)})
    assert adjusted_rand_score(group, segment_customers(table, 3).segments.cat.codes) > 0.99


def test_long_tails_are_logged_and_shares_are_not():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"money": rng.lognormal(5, 1, 500), "share": rng.random(500) ** 12, "age": rng.normal(40, 9, 500)}
    )
    assert [column.logged for column in learn_preparation(table).columns] == [True, False, False]
    assert [column.logged for column in learn_preparation(table, log=["age"]).columns] == [False, False, True]
    money = learn_preparation(table).columns[0]
    at_fence = money.enter(np.array([money.fence()]))
    assert at_fence[0] == pytest.approx(4)


def test_refunds_above_sales_stay_negative_on_the_log_scale():
    table = pd.DataFrame({"money": [-500.0, 0, 1, 10, 20, 30, 50, 100, 1000, 90000]})
    entered = learn_preparation(table, log=["money"]).numbers(table)[:, 0]
    assert (np.diff(entered) > 0).sum() >= 8 and entered[0] < entered[1]


def test_half_zeros_and_rare_yes_do_not_divide_by_zero():
    table = pd.DataFrame({"garden": [0.0] * 95 + [5, 6, 7, 8, 9], "vip": [False] * 99 + [True]})
    got = learn_preparation(table)
    assert np.isfinite(got.numbers(table)).all()
    assert all(column.scale > 0 for column in got.columns)


def test_what_is_left_out_and_what_is_said():
    table = pd.DataFrame(
        {"x": [1.0, 2, 3, 4], "same": 7, "nothing": [np.nan] * 4, "twice": [2.0, 4, 6, 8], "religion": list("abca")}
    )
    got = learn_preparation(table, scale="none", log=())
    assert got.features == ("x", "twice")
    assert got.left_out["same"] == "the same for all customers"
    assert got.left_out["nothing"] == "no value at all"
    assert "sensitive" in got.left_out["religion"]
    assert any("x and twice say the same" in note for note in got.notes)


def test_missing_values_need_a_policy():
    table, _ = planted(400)
    table.loc[table.index[:40], "x1"] = np.nan
    with pytest.raises(DataError, match=r"x1 \(10\.0%\)\. Say what to do"):
        segment_customers(table, 4)
    whole = table.iloc[40:]
    with pytest.raises(DataError, match="x1"):  # the same policy for customers placed later
        segment_customers(whole, 4, preparation=features(whole)).assign(table.iloc[:50])
    dropped = segment_customers(table, 4, preparation=learn_preparation(table, missing="drop"))
    assert dropped.segments.isna().sum() == 40 and dropped.table["n"].sum() == 360
    assert any("40 of 400 customers are in no segment" in note for note in dropped.notes)
    flagged = learn_preparation(table, missing="indicator")
    assert flagged.numbers(table).shape == (400, len(flagged.columns) + 1)
    assert segment_customers(table, 4, preparation=flagged).segments.notna().all()
    with pytest.raises(DataError, match="gower"):
        segment_customers(table, 4, preparation=learn_preparation(table, missing="pairwise"))
    table.loc[table.index[:300], "x1"] = np.nan
    with pytest.raises(DataError, match="more than 50%"):
        learn_preparation(table, missing="drop")


@pytest.mark.parametrize(
    ("columns", "options", "error", "text"), [({"x": [1, np.inf]}, {}, DataError, "infinite"),
     ({"x": pd.to_datetime(["2025-01-01", "2025-01-02"])}, {}, DataError, "number of days"),
     ({"n_orders": [1, 2]}, {"features": ["n_order"]}, ColumnError, "Did you mean 'n_orders'"),
     ({"x": []}, {}, EmptyTableError, "no row"),
     ({"x": [1, 2]}, {"missing": "zero"}, ValueError, "missing")],
)  # fmt: skip
def test_what_cannot_enter(columns, options, error, text):
    with pytest.raises(error, match=text):
        learn_preparation(pd.DataFrame(columns), **options)


def test_nullable_types_are_numbers():
    table = pd.DataFrame({"n": pd.array([1, 2, None, 4], dtype="Int64"), "yes": pd.array([True, None, False, True])})
    got = learn_preparation(table, missing="indicator")
    assert np.isfinite(got.numbers(table)).all() and got.numbers(table).shape == (4, 4)


@pytest.mark.parametrize("n", [500, 30_000])
def test_no_worse_than_all_starts_on_all_rows(n):
    """The goal: inertia within 0.1 % of KMeans(n_init=10)."""
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(5, 6)) * 2)[rng.integers(0, 5, n)] + rng.normal(size=(n, 6))
    ours = fast_kmeans(x, 5, seed=0, sample=5_000)
    theirs = KMeans(5, n_init=10, random_state=0).fit(x)
    assert ours.inertia <= theirs.inertia_ * 1.001
    assert ours.inertia == pytest.approx(((x - ours.centers[ours.labels]) ** 2).sum())


def test_one_centre_is_the_mean_and_equal_rows_make_fewer():
    x = np.array([[0.0, 1], [2, 3], [2, 3], [4, 5]])
    np.testing.assert_allclose(fast_kmeans(x, 1, seed=0).centers, [[2, 3]])
    assert len(fast_kmeans(x, 4, seed=0).centers) == 3
    assert fast_kmeans(np.repeat(x, 1000, axis=0), 4, seed=0).inertia == pytest.approx(0, abs=1e-9)


def test_lloyd_never_makes_it_worse():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 3))
    start = x[:6]
    first = ((x - start[nearest(x, start)]) ** 2).sum()
    assert lloyd(x, start).inertia < first


def test_a_customer_alone_goes_where_they_went_among_many():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40_000, 6)).astype("float32")
    centers = rng.normal(size=(7, 6))
    together = nearest(x, centers)
    assert [int(nearest(x[[i]], centers)[0]) for i in range(0, 40_000, 400)] == together[::400].tolist()


def test_planted_groups_are_found_and_named_by_value():
    table, group = planted()
    got = segment_customers(table, 4, preparation=features(table))
    assert adjusted_rand_score(group, got.segments.cat.codes) > 0.98
    assert got.names == ("A", "B", "C", "D")
    assert got.table["value_mean"].is_monotonic_decreasing
    assert [group[got.segments == name].mean().round() for name in got.names] == [0, 1, 2, 3]
    assert got.table["n"].sum() == len(table) and got.table["share"].sum() == pytest.approx(1)
    assert got.table["value_share"].sum() == pytest.approx(1)
    assert got.segments.index.equals(table.index) and got.segments.dtype.ordered


@pytest.mark.parametrize("method", ["kmeans", "gower"])
def test_replay(method):
    table, _ = planted(600)
    before = table.copy()
    got = segment_customers(table, 4, method=method, preparation=features(table))
    pd.testing.assert_series_equal(got.assign(table), got.segments)
    pd.testing.assert_frame_equal(table, before)  # input is not changed
    some = table.iloc[[7, 3, 300]]
    assert got.assign(some).tolist() == got.segments[some.index.sort_values()].tolist()
    with pytest.raises(ColumnError, match="x0"):
        got.assign(table[["x1", "x2", "x3"]])


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_row_order_and_ids_as_a_column_change_nothing(seed):
    table, _ = planted(300)
    expected = segment_customers(table, 3, seed=5).segments
    shuffled = table.sample(frac=1, random_state=seed)
    pd.testing.assert_series_equal(segment_customers(shuffled, 3, seed=5).segments, expected)
    pd.testing.assert_series_equal(segment_customers(shuffled.reset_index(), 3, seed=5).segments, expected)


def test_the_same_seed_the_same_groups_and_names_do_not_follow_the_seed():
    table, _ = planted()
    first, second = (segment_customers(table, 4, preparation=features(table), seed=s).segments for s in (0, 99))
    pd.testing.assert_series_equal(first, second)


def test_a_whale_makes_no_segment_and_is_named_even_if_the_value_is_no_feature():
    table, _ = planted(500, k=2)
    table.loc["00007", "revenue_total"] = 5e7
    got = segment_customers(table, 3)
    assert got.table["n"].min() >= 30
    assert got.whales["customer_id"].tolist() == ["00007"]
    assert got.whale_share == pytest.approx(5e7 / table["revenue_total"].sum())
    assert any("1 of 500 customers lie so far above" in note for note in got.notes)
    assert segment_customers(table, 2, preparation=features(table)).whales["customer_id"].tolist() == ["00007"]


def test_too_small_groups_are_given_up_with_a_note():
    table, _ = planted(400, k=2)
    table.loc[table.index[:5], ["x0", "x1", "x2", "x3"]] = 20 + np.random.default_rng(0).normal(0, 0.1, (5, 4))
    plain = learn_preparation(table, features=["x0", "x1", "x2", "x3"], scale="none", log=())
    assert segment_customers(table, 3, preparation=plain, min_size=1).table["n"].min() == 5
    got = segment_customers(table, 3, preparation=plain)
    assert (got.k, got.k_asked) == (2, 3) and got.table["n"].min() >= 30
    assert any("had fewer than 30 customers and were given up" in note for note in got.notes)


def test_mixed_data():
    table, group = mixed()
    used = learn_preparation(table, features=["channel", "size", "member"])
    with pytest.raises(DataError, match="method='gower'"):
        segment_customers(table, 3, preparation=used)
    got = segment_customers(table, 3, method="gower", preparation=used)
    assert adjusted_rand_score(group, got.segments.cat.codes) > 0.6
    assert [group[got.segments == name].mean().round() for name in got.names] == [0, 1, 2]
    strange = table.iloc[:2].assign(channel="fax")
    assert got.assign(strange).notna().all()


def test_mixed_data_with_gaps():
    table, group = mixed()
    table.loc[table.index[::3], "channel"] = None
    pairwise = learn_preparation(table, features=["channel", "size", "member"], missing="pairwise")
    got = segment_customers(table, 3, method="gower", preparation=pairwise)
    assert got.segments.notna().all() and adjusted_rand_score(group, got.segments.cat.codes) > 0.4
    level = learn_preparation(table, features=["channel", "size", "member"], missing="indicator")
    numbers, codes = level.mixed(table)
    assert codes.min() >= 0 and len(np.unique(codes)) == 4 and numbers.shape[1] == 2
    table.loc[table.index[0], ["channel", "size"]] = None
    alone = segment_customers(
        table, 3, method="gower", preparation=learn_preparation(table, features=["channel", "size"], missing="pairwise")
    )
    assert alone.segments.isna().sum() == 1


def test_all_categories_and_ten_thousand_levels():
    rng = np.random.default_rng(0)
    n = 12_000
    table = pd.DataFrame({"street": rng.integers(0, 10_000, n).astype(str), "city": rng.choice(list("abc"), n)})
    table["revenue_total"] = rng.random(n)
    used = learn_preparation(table, features=["street", "city"])
    assert any("levels: two customers hardly ever agree" in note for note in used.notes)
    got = segment_customers(table, 3, method="gower", preparation=used)
    assert got.k == 3 and got.table["n"].sum() == n


@pytest.mark.parametrize(
    ("change", "k", "options", "error", "text"),
    [(lambda t: t.iloc[:3], 4, {}, DataError, "3 customers cannot form 4 groups"),
     (lambda t: pd.DataFrame({"revenue_total": [5.0] * 40}), 2, {}, DataError, "alike in every column"),
     (lambda t: t, 2, {"value": "revenue_totl"}, ColumnError, "Did you mean 'revenue_total'"),
     (lambda t: pd.concat([t, t]), 2, {}, DataError, "comes twice"),
     (lambda t: t, 0, {}, ValueError, "k: expected"),
     (lambda t: t, 2, {"method": "dbscan"}, ValueError, "method")],
)  # fmt: skip
def test_refusals(change, k, options, error, text):
    with pytest.raises(error, match=text):
        segment_customers(change(planted(50)[0]), k, **options)


def test_one_customer_and_everybody_alike_are_one_segment():
    one = segment_customers(pd.DataFrame({"revenue_total": [5.0]}, index=["007"]), 1)
    assert one.segments.tolist() == ["A"] and one.table["n"].tolist() == [1]
    alike = segment_customers(pd.DataFrame({"revenue_total": [5.0] * 40}), 1)
    assert alike.table["value_share"].tolist() == [1.0]


def test_fewer_different_customers_than_groups():
    table = pd.DataFrame({"revenue_total": [1.0, 2.0] * 50})
    for method in ("kmeans", "gower"):
        got = segment_customers(table, 4, method=method, min_size=1)
        assert got.k == 2
        assert any("differ in 2 ways only" in note for note in got.notes)


def test_refunds_only_and_missing_value_do_not_break_names():
    table, _ = planted(200, k=2)
    used = features(table)
    table["revenue_total"] = -table["revenue_total"]
    got = segment_customers(table, 2, preparation=used)
    assert got.table["value_mean"].is_monotonic_decreasing and got.table["value_share"].isna().all()
    table.loc[table.index[:50], "revenue_total"] = np.nan
    assert segment_customers(table, 2, preparation=used).table["n"].sum() == 200


@pytest.mark.slow
def test_memory_is_linear_in_customers():
    """A million customers x 6: the peak beyond the table stays under five times the table."""
    import tracemalloc

    peaks = []
    for n in (250_000, 1_000_000):
        rng = np.random.default_rng(0)
        table = pd.DataFrame(rng.normal(size=(n, 6)), columns=["revenue_total", *"bcdef"])
        tracemalloc.start()
        segment_customers(table, 5)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 5 * peaks[0]
    assert peaks[1] < 5 * 1_000_000 * 6 * 8
