"""Each segment against all other customers."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from custaudience.customers.segments.clusters import segment_customers
from custaudience.customers.segments.rules import describe_segments
from custaudience.errors import DataError, EmptyTableError
from custaudience.evidence import Terms


def known(n=400, seed=0):
    """Return what is known of customers in segments A (a quarter) and B, and the segments."""
    rng = np.random.default_rng(seed)
    first = np.arange(n) % 4 == 0
    table = pd.DataFrame(
        {"age": rng.normal(40, 10, n) + 8 * first,
         "spend": rng.lognormal(3, 1.5, n) * np.where(first, 5, 1),
         "member": rng.random(n) < np.where(first, 0.8, 0.4),
         "city": np.where(rng.random(n) < np.where(first, 0.7, 0.3), "Kyiv", "Lviv"),
         "garden": np.where(rng.random(n) < np.where(first, 0.4, 0.1), rng.random(n) * 100, 0),
         "noise": rng.normal(size=n)}
    )  # fmt: skip
    return table, pd.Series(np.where(first, "A", "B"), index=table.index)


def row(profile, segment, feature, category=""):
    table = profile.table
    return table[(table.segment == segment) & (table.feature == feature) & (table.category == category)].iloc[0]


def test_the_statistic_fits_the_column():
    table, segments = known()
    got = describe_segments(table, segments).table.drop_duplicates("feature").set_index("feature")["statistic"]
    assert got.to_dict() == {
        **{"age": "mean", "spend": "median", "member": "share", "city": "share"},
        **{"garden": "share above", "noise": "mean"},
    }


def test_means_are_welch():
    table, segments = known()
    got = row(describe_segments(table, segments), "A", "age")
    a, b = table.age[segments == "A"], table.age[segments == "B"]
    test = stats.ttest_ind(a, b, equal_var=False)
    interval = test.confidence_interval(0.95)
    assert (got.value, got.value_others) == (pytest.approx(a.mean()), pytest.approx(b.mean()))
    assert (got.low, got.high, got.p_value) == pytest.approx((interval.low, interval.high, test.pvalue))
    above = (a.to_numpy()[:, None] > b.to_numpy()).mean() - (a.to_numpy()[:, None] < b.to_numpy()).mean()
    assert got.effect == pytest.approx(above)
    assert (got.n, got.n_others, got.status) == (100, 300, "measured")


def test_shares_by_hand():
    """Newcombe 1998, table II, 56/70 against 48/80: difference 0.2, interval 0.0524 to 0.3339."""
    table = pd.DataFrame({"yes": [True] * 56 + [False] * 14 + [True] * 48 + [False] * 32})
    got = row(describe_segments(table, pd.Series(["A"] * 70 + ["B"] * 80)), "A", "yes")
    assert (got.difference, got.low, got.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert got.effect == pytest.approx(0.2)


def test_medians_agree_with_a_plain_bootstrap():
    table, segments = known()
    got = row(describe_segments(table, segments), "A", "spend")
    rng = np.random.default_rng(0)
    a, b = (table.spend[segments == name].to_numpy() for name in "AB")
    draws = [np.median(rng.choice(a, len(a))) - np.median(rng.choice(b, len(b))) for _ in range(4000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    assert got.value == pytest.approx(np.median(a))
    assert (got.low, got.high) == pytest.approx((low, high), rel=0.1)


def test_share_above_names_its_limit():
    table, segments = known()
    got = row(describe_segments(table, segments), "A", "garden")
    assert got.above == 0
    assert got.value == pytest.approx((table.garden[segments == "A"] > 0).mean())


def test_two_segments_mirror_each_other():
    table, segments = known()
    got = describe_segments(table, segments)
    for feature, category in (("age", ""), ("member", ""), ("city", "Kyiv")):
        a, b = row(got, "A", feature, category), row(got, "B", feature, category)
        assert (a.difference, a.low, a.effect) == pytest.approx((-b.difference, -b.high, -b.effect))


def test_what_differs_is_found_and_noise_is_not():
    table, segments = known(800)
    got = describe_segments(table, segments)
    assert set(got.top("A")["feature"]) == {"age", "spend", "member", "city", "garden"}
    assert row(got, "A", "noise").status == "no_clear_difference"
    assert got.top("A")["effect"].abs().is_monotonic_decreasing
    assert (got.table["p_adjusted"] >= got.table["p_value"] - 1e-12).all()


def test_few_false_finds():
    """100 columns of noise: after the correction hardly any is called different."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(300, 100))).add_prefix("v")
    got = describe_segments(table, pd.Series(rng.choice(list("ABC"), 300)))
    assert (got.table["status"] == "measured").sum() <= 3


def test_no_p_value_for_what_segments_were_made_from():
    table, _ = known()
    segments = segment_customers(table[["age", "noise", "spend"]], 2, value="spend")
    got = describe_segments(table, segments)
    made = got.table[got.table["made_from"]]
    assert set(made["feature"]) == {"age", "noise", "spend"}
    assert made["p_value"].isna().all() and made["p_adjusted"].isna().all() and made["low"].notna().all()
    assert got.table.loc[~got.table["made_from"], "p_value"].notna().all()
    assert any("by construction" in note for note in got.notes)


def test_small_groups_and_rare_answers_show_nothing():
    table, segments = known()
    segments.iloc[:9] = "C"
    table["rare"] = table.index < 12
    got = describe_segments(table, segments)
    small = got.table[got.table["segment"] == "C"]
    assert (small["status"] == "too_few").all() and small[["value", "value_others", "low", "effect"]].isna().all(
        axis=None
    )
    assert row(got, "B", "rare").status == "too_few"
    assert got.top("C").empty


def test_gaps_shrink_n():
    table, segments = known()
    table.loc[:199, "age"] = np.nan
    table["empty"] = np.nan
    got = describe_segments(table, segments)
    assert (row(got, "A", "age").n, row(got, "A", "age").n_others) == (50, 150)
    assert any(note.startswith("empty is left out: nobody has a value") for note in got.notes)


def test_customers_are_matched_by_id_and_those_without_a_segment_are_left_out():
    table, segments = known()
    expected = row(describe_segments(table, segments), "A", "age")
    shuffled = segments.sample(frac=1, random_state=0)
    assert row(describe_segments(table, shuffled), "A", "age").p_value == expected.p_value
    assert row(describe_segments(table, segments.iloc[:100]), "A", "age").n == 25


def test_no_spread():
    table = pd.DataFrame({"x": [1.0] * 40 + [2.0] * 60})
    got = row(describe_segments(table, pd.Series(["A"] * 40 + ["B"] * 60)), "A", "x")
    assert (got.low, got.high, got.effect) == (-1, -1, -1)


def test_many_levels_ids_dates_and_sensitive_columns():
    table, segments = known()
    table["street"] = [f"s{i % 40}" for i in range(400)]
    table["email"] = [f"{i}@x" for i in range(400)]
    table["since"] = pd.Timestamp("2025-01-01")
    table["religion"] = "x"
    table["same"] = 5
    got = describe_segments(table, segments)
    assert (got.table["feature"] == "street").sum() == 24
    said = " ".join(got.notes)
    assert not set(got.table["feature"]) & {"email", "since", "religion", "same"}
    for words in ("email is left out: nearly every", "since is left out", "religion is left out: sensitive", "same is"):
        assert words in said
    assert "religion" in set(describe_segments(table, segments, include_sensitive=True).table["feature"])


def test_refusals():
    table, segments = known()
    with pytest.raises(EmptyTableError, match="Do the ids agree"):
        describe_segments(table, segments.set_axis(segments.index + 10_000))
    with pytest.raises(DataError, match="one segment only"):
        describe_segments(table, pd.Series("A", index=table.index))


@pytest.mark.slow
def test_intervals_of_medians_cover():
    """Nominal 95 % covers the true difference of medians in 92 to 98 % of 1000 samples."""
    covered = 0
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        x = np.concatenate([rng.lognormal(1, 1.5, 80), rng.lognormal(0, 1.5, 160)])
        table = pd.DataFrame({"x": x})
        got = describe_segments(
            table, pd.Series(["A"] * 80 + ["B"] * 160), terms=Terms(dt.date.max, seed=seed)
        ).table.iloc[0]
        true = np.exp(1) - 1 if got.statistic == "median" else np.exp(1.125) * (np.exp(1) - 1)
        covered += got.low <= true <= got.high
    assert 920 <= covered <= 985


def test_a_side_without_spread_gives_no_warning() -> None:
    """All of a segment have the same; Welch's interval is that of the other side alone (warnings are errors here)."""
    others = np.linspace(2.0, 4.0, 40)
    matrix = pd.DataFrame({"x": [*np.full(40, 3.05), *others]}, index=[f"c{i}" for i in range(80)])
    profile = describe_segments(matrix, pd.Series(["a"] * 40 + ["b"] * 40, index=matrix.index)).table
    row = profile[profile["segment"] == "a"].iloc[0]
    reach = 2.0226909 * others.std(ddof=1) / np.sqrt(40)  # t of 39 degrees
    assert (row["low"], row["high"]) == pytest.approx((0.05 - reach, 0.05 + reach), rel=1e-6)
