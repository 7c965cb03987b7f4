"""Cohorts and survival (requirements 000-20: former customers; 003-20: repeat purchases over the relation)."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers import (
    activity_table,
    check_first_orders,
    cohort_table,
    compare_survival,
    median_survival,
    retention_cells,
    retention_table,
    survival_table,
    time_to_second_order,
)
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Terms

ONE = Terms(dt.date(2024, 4, 30), least=1, first_orders="unknown")
TEN = Terms(dt.date(2024, 4, 30))


def orders(*rows):
    """Build orders from (customer, "YYYY-MM-DD"[, net minor units])."""
    full = [(*row, 100) if len(row) == 2 else row for row in rows]
    frame = pd.DataFrame(full, columns=["customer_id", "ordered_on", "revenue_minor"])
    frame["ordered_on"] = pd.to_datetime(frame["ordered_on"])
    frame = frame.astype({"customer_id": "str", "revenue_minor": "int64"})
    return frame.assign(is_order=frame["revenue_minor"] > 0)


THREE = orders(
    ("a", "2024-01-31", 1000), ("a", "2024-02-01", 500), ("a", "2024-04-10", 250), ("b", "2024-01-05", 300),
    ("b", "2024-03-05", -300), ("c", "2023-12-31", -50), ("c", "2024-02-15", 700), ("c", "2024-02-20", 100),
    ("refunds", "2024-01-03", -900),
)  # fmt: skip


def test_cohort_table_by_hand():
    """a and b start in January, c in February; refunds count where they were paid, one before the start at age 0."""
    got = cohort_table(THREE, as_of=dt.date(2024, 4, 15)).set_index(["cohort", "age"])
    january, february = pd.Timestamp("2024-01-01"), pd.Timestamp("2024-02-01")
    assert got.loc[january, "n_customers"].tolist() == [2, 1, 0, 1]
    assert got.loc[january, "n_orders"].tolist() == [2, 1, 0, 1]
    assert got.loc[january, "revenue"].tolist() == [13.0, 5.0, -3.0, 2.5]
    assert got.loc[january, "is_complete"].tolist() == [True, True, True, False]
    assert got.loc[february, "n_customers"].tolist() == [1, 0, 0]
    assert got.loc[february, "n_orders"].tolist() == [2, 0, 0]
    assert got.loc[february, "revenue"].tolist() == [7.5, 0.0, 0.0]
    assert got["cohort_size"].tolist() == [2, 2, 2, 2, 1, 1, 1] and len(got) == 7


def test_activity_by_hand():
    """April is not over on the 15th: dropped, not 0."""
    got = activity_table(THREE, as_of=dt.date(2024, 4, 15))
    assert got.columns.tolist() == [0, 1, 2] and got.columns.name == "age" and got.index.name == "cohort"
    assert got.iloc[0].tolist() == [1.0, 0.5, 0.0]
    assert got.iloc[1, :2].tolist() == [1.0, 0.0] and np.isnan(got.iloc[1, 2])
    full = activity_table(THREE, as_of=dt.date(2024, 4, 30))
    assert full.iloc[0].tolist() == [1.0, 0.5, 0.0, 0.5]


def test_retention_by_hand():
    """Who orders in April has not left in March: survival does not rise and fall as activity does."""
    got = retention_table(THREE, as_of=dt.date(2024, 4, 30), follow_up=0)
    assert got.iloc[0].tolist() == [1.0, 0.5, 0.5, 0.5]
    assert got.iloc[1, :3].tolist() == [1.0, 0.0, 0.0] and np.isnan(got.iloc[1, 3])
    waited = retention_table(THREE, as_of=dt.date(2024, 4, 30), follow_up=2)
    assert waited.iloc[0].tolist() == [1.0, 0.5] and np.isnan(waited.iloc[1, 1])


def test_follow_up_comes_from_the_gaps():
    """The longest of a's gaps, 69 days, takes 3 months to end: of January to June, ages 0 to 2 are shown."""
    got = retention_cells(THREE, Terms(dt.date(2024, 6, 30), first_orders="unknown"))
    assert got.groupby("cohort")["age"].max().tolist() == [2, 1]
    nobody = retention_table(orders(("a", "2024-01-01"), ("b", "2024-02-01")), as_of=dt.date(2024, 6, 30))
    assert nobody.columns.tolist() == [0] and (nobody == 1.0).all(axis=None)  # nobody came back


def test_weeks_begin_on_monday():
    """Sunday 7 January 2024 belongs to the week of Monday 1 January."""
    frame = orders(("a", "2024-01-07"), ("b", "2024-01-08"), ("a", "2024-01-08"))
    got = activity_table(frame, as_of=dt.date(2024, 1, 14), period="W")
    assert got.index.tolist() == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-08")]
    assert got.iloc[0].tolist() == [1.0, 1.0]
    assert activity_table(frame, as_of=dt.date(2024, 1, 13), period="W").shape == (1, 1)


def test_quarters_and_turns_of_the_year():
    frame = orders(("a", "2023-12-31"), ("a", "2024-01-01"), ("a", "2024-06-30"))
    got = activity_table(frame, as_of=dt.date(2024, 6, 30), period="Q")
    assert got.index.tolist() == [pd.Timestamp("2023-10-01")] and got.iloc[0].tolist() == [1.0, 1.0, 1.0]
    leap = orders(("a", "2020-02-29"), ("a", "2020-03-01"))
    assert cohort_table(leap, as_of=dt.date(2020, 3, 31))["n_customers"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("back", "size", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_reproduce_a_published_table(back, size, low, high):
    """Wilson's score interval, Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3."""
    rows = [(f"c{i}", "2024-01-01") for i in range(size)] + [(f"c{i}", "2024-02-01") for i in range(back)]
    cells = retention_cells(orders(*rows), Terms(dt.date(2024, 2, 29)), definition="activity")
    assert cells.loc[1, ["low", "high"]].round(4).tolist() == [low, high]
    assert cells.loc[0, ["share", "low", "high"]].tolist() == [1.0, 1.0, 1.0]


one_order = st.tuples(st.sampled_from("abcdefg"), st.integers(0, 300), st.integers(-300, 900))
many = st.lists(one_order, min_size=1, max_size=50)


@given(drawn=many, cut=st.integers(0, 330), period=st.sampled_from("WMQ"), seed=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_properties(drawn, cut, period, seed):
    frame = orders(*((c, dt.date(2023, 11, 20) + dt.timedelta(days=d), m) for c, d, m in drawn))
    as_of = dt.date(2023, 11, 20) + dt.timedelta(days=cut)
    past = frame[frame["ordered_on"] <= pd.Timestamp(as_of)]
    if not past["is_order"].any():
        with pytest.raises(EmptyTableError):
            cohort_table(frame, as_of=as_of, period=period)
        return
    shuffled = frame.sample(frac=1, random_state=seed)
    table = cohort_table(shuffled, as_of=as_of, period=period)
    pd.testing.assert_frame_equal(table, cohort_table(past, as_of=as_of, period=period))
    buyers = past.groupby("customer_id")["is_order"].transform("any")
    assert table.loc[table["age"] == 0, "n_customers"].sum() == past.loc[buyers, "customer_id"].nunique()
    assert table["n_orders"].sum() == past["is_order"].sum()
    assert round(table["revenue"].sum() * 100) == past.loc[buyers, "revenue_minor"].sum()
    assert (table["n_customers"] <= table["cohort_size"]).all()
    try:
        activity = activity_table(frame, as_of=as_of, period=period)
    except EmptyTableError:
        return
    retention = retention_table(frame, as_of=as_of, period=period, follow_up=0)
    assert (activity[0] == 1).all() and (retention[0] == 1).all()
    assert activity.notna().equals(retention.notna())
    assert (retention.diff(axis=1).iloc[:, 1:].fillna(0) <= 1e-12).all(axis=None)
    assert ((retention - activity).fillna(0) >= -1e-12).all(axis=None)
    # at the edge "at that age or later" can only mean "at that age": why cells there are held back
    for i in range(len(activity)):
        edge = activity.iloc[i].last_valid_index()
        assert retention.iloc[i][edge] == activity.iloc[i][edge]
    later = frame[frame["ordered_on"] <= pd.Timestamp(as_of) + pd.Timedelta(days=40)]
    grown = retention_table(later, as_of=as_of + dt.timedelta(days=40), period=period, follow_up=0)
    same = grown.reindex(index=retention.index, columns=retention.columns)
    assert ((same - retention).fillna(0) >= -1e-12).all(axis=None)  # a lower bound: it only grows


def test_one_customer_and_one_day():
    frame = orders(("a", "2024-01-31"))
    assert cohort_table(frame, as_of=dt.date(2024, 1, 31))["n_customers"].tolist() == [1]
    assert activity_table(frame, as_of=dt.date(2024, 1, 31)).shape == (1, 1)
    with pytest.raises(EmptyTableError, match=r"in the periods up to 2023-12-31. Choose a later as_of"):
        activity_table(orders(("a", "2024-01-15")), as_of=dt.date(2024, 1, 20))


def regulars(n, start, days, every):
    """n customers from the first days on, one order every so many days."""
    return [(f"old{i}", start + dt.timedelta(days=d)) for i in range(n) for d in range(i % every, days, every)]


def newcomers(n, start, days):
    """n customers, evenly over the days, coming back once after ten."""
    first = [int(i * (days - 11) / n) for i in range(n)]
    return [(f"new{i}", start + dt.timedelta(days=d + extra)) for i, d in enumerate(first) for extra in (0, 10)]


def test_a_cut_off_history_is_found_and_refused():
    start, as_of = dt.date(2024, 1, 1), dt.date(2024, 12, 30)
    frame = orders(*regulars(60, start, 364, 14), *newcomers(60, start, 364))
    check = check_first_orders(frame, as_of=as_of)
    assert check.verdict == "cut off" and check.window_days == 14 and check.times_later_rate > 20
    assert check.share_in_window == pytest.approx(63 / 120, abs=0.01)
    for function in (cohort_table, retention_table, activity_table, time_to_second_order):
        with pytest.raises(HistoryError, match=r"What can be said instead: .*notebook 00"):
            function(frame, as_of=as_of)
        assert len(function(frame, as_of=as_of, first_orders="observed"))
        with pytest.raises(HistoryError, match="first_orders = 'cut off'"):
            function(frame, as_of=as_of, first_orders="cut off")


def test_a_whole_history_is_let_pass():
    start, as_of = dt.date(2024, 1, 1), dt.date(2024, 12, 30)
    frame = orders(*newcomers(120, start, 364))
    assert check_first_orders(frame, as_of=as_of).verdict == "no sign of a cut"
    assert activity_table(frame, as_of=as_of).attrs["history"].startswith("no sign of a cut: ")


def test_a_burst_without_later_customers_names_the_way_out():
    """A panel recruited at the start looks cut off; who knows better says so."""
    start = dt.date(2024, 1, 1)
    frame = orders(*regulars(60, start, 364, 14))
    with pytest.raises(HistoryError, match=r"nobody came later.* say first_orders = 'observed'"):
        cohort_table(frame, as_of=dt.date(2024, 12, 30))


def test_too_little_to_tell_is_said():
    check = check_first_orders(THREE, as_of=dt.date(2024, 4, 30))
    assert check.verdict == "cannot tell" and check.n_customers == 3
    assert cohort_table(THREE, as_of=dt.date(2024, 4, 30)).attrs["history"].startswith("cannot tell: ")


def test_helpful_messages():
    with pytest.raises(ValueError, match="expected 'observed', 'cut off' or 'unknown'"):
        cohort_table(THREE, as_of=dt.date(2024, 4, 30), first_orders="cut-off")
    with pytest.raises(ValueError, match="follow_up"):
        retention_cells(THREE, ONE, follow_up=-1)
    with pytest.raises(ValueError, match="definition"):
        retention_cells(THREE, ONE, definition="both")
    with pytest.raises(ValueError, match="period: expected 'W', 'M' or 'Q'"):
        cohort_table(THREE, as_of=dt.date(2024, 4, 30), period="Y")


def test_time_to_second_order_by_hand():
    frame = orders(
        ("a", "2024-01-01"), ("a", "2024-01-01"), ("a", "2024-01-31"), ("a", "2024-02-01"), ("b", "2024-01-11"),
        ("b", "2024-01-20", -100), ("b", "2024-03-01"),
    )  # fmt: skip
    got = time_to_second_order(frame, as_of=dt.date(2024, 2, 10))
    assert got["customer_id"].tolist() == ["a", "b"]
    assert got["days"].tolist() == [30, 30] and got["ordered_again"].tolist() == [True, False]
    assert got["first_order_on"].tolist() == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-11")]


# Freireich et al. (1963), Blood 21:699-716: weeks in remission under 6-mercaptopurine and placebo.
# Product-limit estimates and test as in Kleinbaum & Klein, Survival Analysis, ch. 2.
DRUG = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
DRUG_SEEN = [True] * 9 + [False] * 12
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
WEEKS, SEEN = DRUG + PLACEBO, DRUG_SEEN + [True] * 21
ARM = ["6-MP"] * 21 + ["placebo"] * 21


def test_kaplan_meier_reproduces_the_published_example():
    table = survival_table(WEEKS, SEEN, ONE, groups=ARM)
    drug = table[(table["group"] == "6-MP") & (table["events"] > 0)]
    assert drug["time"].tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert drug["at_risk"].tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert drug["share"].round(3).tolist() == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    six = drug.iloc[0]
    assert six[["low", "high"]].round(4).tolist() == [0.6197, 0.9516]  # log(-log) limits
    median = median_survival(table).set_index("group")
    assert median["median"].to_dict() == {"6-MP": 23, "placebo": 8}
    last = table[table["group"] == "placebo"].iloc[-1]
    assert last["share"] == 0 and np.isnan(last["low"])


def test_log_rank_reproduces_the_published_example():
    got = compare_survival(WEEKS, SEEN, ARM)
    assert round(got.chi2, 2) == 16.79 and got.df == 1 and got.p_value < 0.0001
    groups = got.groups.set_index("group")
    assert groups["events"].to_dict() == {"6-MP": 9, "placebo": 21}
    assert groups["expected"].round(2).to_dict() == {"6-MP": 19.25, "placebo": 10.75}
    assert got.pairs["p_holm"].tolist() == got.pairs["p_value"].tolist()


def test_late_entry_by_hand():
    """A (0, 2], B (0, 5] censored, C (1, 3], D (2, 4]: three, three and two at risk at 2, 3 and 4."""
    times, seen, entry = [2, 5, 3, 4], [True, False, True, True], [0, 0, 1, 2]
    table = survival_table(times, seen, ONE, entry=entry)
    assert table["time"].tolist() == [0, 2, 3, 4, 5]
    assert table["at_risk"].tolist() == [3, 3, 3, 2, 1]
    np.testing.assert_allclose(table["share"], [1, 2 / 3, 4 / 9, 2 / 9, 2 / 9])
    # X = A, B: observed 1, expected 2/3 + 1/3 + 1/2, variance 2/9 + 2/9 + 1/4
    got = compare_survival(times, seen, ["X", "X", "Y", "Y"], entry=entry)
    assert got.chi2 == pytest.approx(0.25 / (25 / 36))
    assert got.groups["expected"].tolist() == pytest.approx([1.5, 1.5])


def test_late_entry_starts_where_enough_are_at_risk():
    """One early event among one at risk would pull the whole curve to 0."""
    times = [1] + [20 + i for i in range(12)]
    table = survival_table(times, [True] * 13, TEN, entry=[0] + [10] * 12)
    assert table.iloc[0][["time", "at_risk", "share"]].tolist() == [1, 12, 1.0]
    assert table["share"].round(4).tolist() == [1.0, 0.9167, 0.8333, 0.75]  # stops when nine are left
    naive = survival_table(times, [True] * 13, ONE, entry=[0] + [10] * 12)
    assert (naive["share"].iloc[1:] == 0).all()


def test_curves_stop_when_few_are_at_risk():
    table = survival_table(range(1, 21), [True] * 20, TEN)
    assert table["at_risk"].min() == 10 and table["time"].max() == 11
    assert survival_table(range(1, 10), [True] * 9, TEN).empty


def test_median_not_reached_is_said_with_how_long_was_watched():
    got = median_survival(survival_table([5.0] * 6 + [90.0] * 14, [True] * 6 + [False] * 14, TEN)).iloc[0]
    assert np.isnan(got["median"]) and not got["reached"] and got["seen_until"] == 90


def test_everybody_censored():
    table = survival_table([30] * 12, [False] * 12, TEN)
    assert table["share"].tolist() == [1.0, 1.0] and table["time"].tolist() == [0, 30]
    with pytest.raises(HistoryError, match="nobody has had the event yet"):
        compare_survival([30] * 12, [False] * 12, ["a", "b"] * 6)


def test_three_groups_and_holm():
    """Three pairs: the smallest p-value counts three times, the next twice, and the order is kept."""
    groups = ARM + ["again"] * 21
    got = compare_survival(WEEKS + PLACEBO, SEEN + [True] * 21, groups)
    assert got.df == 2 and len(got.pairs) == 3
    pairs = got.pairs.sort_values("p_value", ignore_index=True)
    p, holm = pairs["p_value"], pairs["p_holm"]
    assert holm[0] == pytest.approx(3 * p[0])
    assert holm[1] == pytest.approx(max(3 * p[0], 2 * p[1])) and holm[2] == pytest.approx(1.0)
    assert set(pairs.loc[2, ["group_a", "group_b"]]) == {"again", "placebo"} and pairs.loc[2, "chi2"] < 1e-12


def test_relabelled_groups_and_row_order_change_nothing():
    order = np.random.default_rng(3).permutation(len(WEEKS))
    a = compare_survival(WEEKS, SEEN, ARM)
    b = compare_survival(
        np.array(WEEKS)[order], np.array(SEEN)[order], ["z" if ARM[i] == "6-MP" else "y" for i in order]
    )
    assert a.chi2 == pytest.approx(b.chi2) and a.p_value == pytest.approx(b.p_value)


@pytest.mark.parametrize(
    ("times", "seen", "options", "message"),
    [([1, -1], [True, True], {}, "0 or more; some are missing or negative"),
     ([1, np.nan], [True, True], {}, "some are missing"),
     ([1, 2], [True], {}, "observed: expected 2 values"),
     ([1, 2], [True, True], {"entry": [0, 2]}, "entry: expected a time below each duration"),
     ([1, 2], [True, True], {"groups": ["a", None]}, "groups: some labels are missing")],
)  # fmt: skip
def test_bad_survival_input(times, seen, options, message):
    with pytest.raises(ValueError, match=message):
        survival_table(times, seen, TEN, **options)


def test_nothing_to_compare():
    with pytest.raises(EmptyTableError, match="nobody to follow"):
        survival_table([], [], TEN)
    with pytest.raises(HistoryError, match="two groups or more"):
        compare_survival([1, 2], [True, True], ["a", "a"])
    with pytest.raises(HistoryError, match="never at risk at the same time"):
        compare_survival([1, 2, 9, 9], [True, True, True, True], ["a", "a", "b", "b"], entry=[0, 0, 8, 8])


def test_recovers_a_known_rate():
    """Exponential times with censoring: the curve covers exp(-t / 50) at 25, 50 and 75."""
    rng = np.random.default_rng(5)
    event, end = rng.exponential(50, 20_000), rng.uniform(0, 200, 20_000)
    table = survival_table(np.minimum(event, end), event <= end, TEN)
    for at in (25, 50, 75):
        row = table[table["time"] <= at].iloc[-1]
        assert row["low"] - 0.01 < np.exp(-at / 50) < row["high"] + 0.01
        assert row["high"] - row["low"] < 0.03
