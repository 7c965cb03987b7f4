"""RFM summary, scores and segments (requirements 000-24: frequency and loyalty; 004-09: how much, how often)."""

import datetime as dt
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers import (
    assign_segments,
    cut_points,
    level_of,
    load_segment_rules,
    score_rfm,
    summarise_rfm,
    summarise_segments,
)
from custaudience.customers.rfm.segments import LEVELS
from custaudience.errors import ColumnError, ConfigError, EmptyTableError

AS_OF = dt.date(2024, 6, 30)


def orders(*rows):
    """Build orders from (customer, "YYYY-MM-DD", net minor units[, refunded minor units])."""
    full = [(*row, 0) if len(row) == 3 else row for row in rows]
    frame = pd.DataFrame(full, columns=["customer_id", "ordered_on", "revenue_minor", "refund_minor"])
    frame["order_id"] = [f"o{i}" for i in range(len(frame))]
    frame["ordered_on"] = pd.to_datetime(frame["ordered_on"])
    frame = frame.astype({"customer_id": "str", "revenue_minor": "int64", "refund_minor": "int64"})
    return frame.assign(is_order=frame["revenue_minor"] > 0)


def segments_of(frame, as_of=AS_OF, **options):
    return assign_segments(score_rfm(summarise_rfm(frame, as_of=as_of), as_of=as_of, **options))


many_orders = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 400), st.integers(-500, 5000)), min_size=1, max_size=60
)


def from_drawn(drawn, start=dt.date(2023, 6, 1)):
    return orders(*((c, start + dt.timedelta(days=d), m, max(-m, 0)) for c, d, m in drawn))


def test_summary_by_hand():
    """007 keeps its zeros; a refund lowers revenue but is no order and no sign of life; 42 has no order."""
    frame = orders(
        ("007", "2024-01-01", 1000), ("007", "2024-03-01", 2050, 950), ("007", "2024-06-30", -3100, 3100),
        ("42", "2024-06-29", -500, 500), ("42", "2024-06-30", 0), ("b", "2024-06-30", 1), ("b", "2024-06-30", 2),
    )  # fmt: skip
    got = summarise_rfm(frame, as_of=AS_OF).set_index("customer_id")
    assert list(got.index) == ["007", "42", "b"]
    assert got.loc["007"].to_dict() == {
        "first_order_on": pd.Timestamp("2024-01-01"), "last_order_on": pd.Timestamp("2024-03-01"),
        "days_since_last_order": 121, "n_orders": 2, "revenue_total": -0.5, "revenue_per_order": -0.25,
        "refund_total": 40.5, "refund_only": False, "net_negative": True,
    }  # fmt: skip
    assert got.loc["42", "refund_only"] and pd.isna(got.loc["42", "days_since_last_order"])
    assert got.loc["42", "n_orders"] == 0 and got.loc["42", "revenue_total"] == -5.0
    assert np.isnan(got.loc["42", "revenue_per_order"]) and pd.isna(got.loc["42", "last_order_on"])
    assert got.loc["b", ["n_orders", "days_since_last_order"]].tolist() == [2, 0]
    assert str(got.index.dtype) == "str" and str(got["days_since_last_order"].dtype) == "Int64"


def test_no_cent_is_lost():
    """Peers' defect D2: 10.05 + 100.09 became 110.00."""
    frame = orders(("a", "2024-01-01", 1005), ("a", "2024-01-02", 10009), ("b", "2024-01-01", 10106))
    before = frame.copy()
    assert segments_of(frame)["revenue_total"].tolist() == [110.14, 101.06]
    pd.testing.assert_frame_equal(frame, before)


def test_other_currencies_have_other_digits():
    frame = orders(("a", "2024-01-01", 1005), ("b", "2024-01-02", 7))
    assert summarise_rfm(frame, as_of=AS_OF, minor_digits=0)["revenue_total"].tolist() == [1005.0, 7.0]
    thousandths = summarise_rfm(frame, as_of=AS_OF, minor_digits=3)
    assert thousandths["revenue_total"].tolist() == [1.005, 0.007]
    assert score_rfm(thousandths, as_of=AS_OF, minor_digits=3).cut_points["m"] == (7, 1005)
    with pytest.raises(ValueError, match="Give score_rfm the minor_digits"):
        score_rfm(thousandths, as_of=AS_OF)


@given(drawn=many_orders, cut=st.integers(0, 400))
@settings(max_examples=40, deadline=None)
def test_later_rows_never_change_a_result(drawn, cut):
    frame = from_drawn(drawn)
    as_of = dt.date(2023, 6, 1) + dt.timedelta(days=cut)
    known = frame[frame["ordered_on"] <= pd.Timestamp(as_of)]
    if known.empty:
        with pytest.raises(EmptyTableError, match="Choose a later as_of"):
            summarise_rfm(frame, as_of=as_of)
        return
    pd.testing.assert_frame_equal(summarise_rfm(frame, as_of=as_of), summarise_rfm(known, as_of=as_of))
    # peers' defect D3: orders of December gave a June report recency -184 and the top score
    assert (summarise_rfm(frame, as_of=as_of)["days_since_last_order"].dropna() >= 0).all()


@given(drawn=many_orders, seed=st.integers(0, 10))
@settings(max_examples=60, deadline=None)
def test_properties_of_summary_scores_and_segments(drawn, seed):
    frame = from_drawn(drawn)
    as_of = dt.date(2024, 7, 5)
    summary = summarise_rfm(frame, as_of=as_of)
    assert summary["customer_id"].is_unique
    assert set(summary["customer_id"]) == set(frame["customer_id"])
    assert round(summary["revenue_total"].sum() * 100) == frame["revenue_minor"].sum()
    per_order = (summary["revenue_per_order"] * summary["n_orders"]).dropna()
    np.testing.assert_allclose(per_order, summary.loc[per_order.index, "revenue_total"])
    shuffled = frame.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(summary, summarise_rfm(shuffled, as_of=as_of))
    if not frame["is_order"].any():
        with pytest.raises(EmptyTableError, match="refunds or orders of zero only"):
            score_rfm(summary, as_of=as_of)
        return
    scores = score_rfm(summary, as_of=as_of)
    table = scores.table[~scores.table["refund_only"]]
    for name, column, sign in (("r", "days_since_last_order", -1), ("f", "n_orders", 1), ("m", "revenue_total", 1)):
        score = table[f"{name}_score"].to_numpy(dtype=int)
        value = sign * table[column].to_numpy(dtype=float)
        assert sorted(set(score)) == list(range(1, scores.scores[name] + 1))  # no score is skipped
        for i, j in itertools.combinations(range(len(value)), 2):
            if value[i] == value[j]:
                assert score[i] == score[j]
            elif value[i] < value[j]:
                assert score[i] <= score[j]
    assigned = assign_segments(scores)
    assert assigned["segment"].notna().all() and len(assigned) == len(summary)
    assert ((assigned["segment"] == "no_order") == assigned["refund_only"]).all()
    total = summarise_segments(assigned)
    assert total["n_customers"].sum() == len(summary)
    assert round(total["revenue_total"].sum() * 100) == frame["revenue_minor"].sum()


@given(drawn=many_orders, days=st.integers(1, 1000), factor=st.integers(2, 50))
@settings(max_examples=30, deadline=None)
def test_scores_do_not_depend_on_the_calendar_or_the_currency(drawn, days, factor):
    frame = from_drawn(drawn)
    if not frame["is_order"].any():
        return
    as_of, shift = dt.date(2024, 7, 5), dt.timedelta(days=days)
    moved = frame.assign(ordered_on=frame["ordered_on"] + shift, revenue_minor=frame["revenue_minor"] * factor)
    here = score_rfm(summarise_rfm(frame, as_of=as_of), as_of=as_of)
    there = score_rfm(summarise_rfm(moved, as_of=as_of + shift), as_of=as_of + shift)
    assert here.table["rfm"].equals(there.table["rfm"])


def test_cut_points_and_scores_by_hand():
    """Ten customers: cut points are the 2nd, 4th, 6th and 8th smallest; a value equal to a cut is below it."""
    n_orders = [1, 1, 1, 1, 1, 1, 2, 3, 5, 9]
    assert cut_points(np.array(n_orders), 5) == (1, 3)
    rows = [(f"c{i}", "2024-06-01", 100 * (i + 1)) for i, n in enumerate(n_orders) for _ in range(n)]
    scores = score_rfm(summarise_rfm(orders(*rows), as_of=AS_OF), as_of=AS_OF)
    assert scores.table["f_score"].tolist() == [1, 1, 1, 1, 1, 1, 2, 2, 3, 3]
    assert scores.table["m_score"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert scores.table["r_score"].tolist() == [1] * 10
    assert scores.scores == {"r": 1, "f": 3, "m": 5}
    assert scores.cut_points == {"r": (-29,), "f": (1, 3), "m": (200, 400, 600, 2400)}
    assert scores.table["rfm"].iloc[9] == "1-3-5"
    assert any("one score" in note for note in scores.notes)
    assert any("3 scores instead of 5" in note for note in scores.notes)


def test_best_and_worst_are_not_exchanged():
    """Peers' defect D1: the best customer got 1-1-1 and "Lost", the worst 5-5-5 and "Champions"."""
    rows = [(f"c{i}", AS_OF - dt.timedelta(days=50 - 10 * i), 1000 * (i + 1)) for i in range(5) for _ in range(i + 1)]
    got = segments_of(orders(*rows)).set_index("customer_id")
    assert got.loc["c4", ["rfm", "segment"]].tolist() == ["5-5-5", "champions"]
    assert got.loc["c0", ["rfm", "segment"]].tolist() == ["1-1-1", "dormant"]


def test_equal_customers_score_alike_whatever_their_ids():
    """Peers' defect D3: customers 4 and 5 with equal data got 122 and 233."""
    rows = [(str(i), "2024-05-01", 700) for i in range(1, 8)] + [("8", "2024-06-01", 900), ("9", "2024-01-01", 10)]
    scores = segments_of(orders(*rows)).set_index("customer_id")
    assert scores.loc[[str(i) for i in range(1, 8)], "rfm"].nunique() == 1
    renamed = orders(*((str(100 - int(c)), d, m) for c, d, m in rows))
    again = segments_of(renamed).set_index("customer_id")
    assert again.loc["92", "rfm"] == scores.loc["8", "rfm"] and again.loc["91", "rfm"] == scores.loc["9", "rfm"]


@pytest.mark.parametrize("share", [0.5, 0.6, 0.75, 0.79, 0.8, 0.95, 0.99, 1.0])
def test_any_share_of_one_time_buyers(share):
    """Peers' defect D4: from about 75 % one-time buyers upward a crash, below it a segment that vanishes."""
    once = round(500 * share)
    rows = [(f"c{i:03}", AS_OF - dt.timedelta(days=i % 90), 100 + i) for i in range(500)]
    rows += [
        (f"c{i:03}", AS_OF - dt.timedelta(days=(i + k) % 90), 100)
        for i in range(once, 500)
        for k in range(1, i % 7 + 2)
    ]
    summary = summarise_rfm(orders(*rows), as_of=AS_OF)
    scores = score_rfm(summary, as_of=AS_OF)
    f = scores.table.groupby(summary["n_orders"] == 1)["f_score"]
    assert f.max()[True] == 1
    if once < 500:
        assert f.min()[False] == 2 and scores.scores["f"] >= 2
        most = summary["n_orders"] == summary["n_orders"].max()
        assert (assign_segments(scores).loc[most, "f_level"] == "high").all()
    else:
        assert scores.scores["f"] == 1 and "same for all" in " ".join(scores.notes)


def test_bands_say_what_a_score_stands_for():
    rows = [(f"c{i}", AS_OF - dt.timedelta(days=10 * i), 100 * (i + 1)) for i in range(5)]
    summary = summarise_rfm(orders(*rows), as_of=AS_OF)
    bands = score_rfm(summary, as_of=AS_OF).bands().set_index(["dimension", "score"])
    assert bands.loc[("m", 2)].tolist() == [1.01, 2.0]
    assert np.isnan(bands.loc[("m", 5), "upper"]) and bands.loc[("m", 5), "lower"] == 4.01
    assert bands.loc[("r", 5), "upper"] == 9 and bands.loc[("r", 1), "lower"] == 40
    assert len(bands.loc["f"]) == 1 and bands.loc["f"].isna().all(axis=None)


@pytest.mark.parametrize(
    ("n", "expected"), [(1, "m"), (2, "lh"), (3, "lmh"), (4, "lmmh"), (5, "llmhh"), (6, "llmmhh"), (10, "lllmmmmhhh")]
)
def test_levels_of_the_scores_that_exist(n, expected):
    assert "".join(level_of(score, n)[0] for score in range(1, n + 1)) == expected


def test_shipped_rules_are_complete_and_disjoint():
    """Peers' defect D5: rectangles overlap, the first match wins, the rest is "Others"."""
    rules = load_segment_rules()
    owners = [[s.key for s in rules.segments if cell in set(s.cells())] for cell in itertools.product(LEVELS, repeat=3)]
    assert all(len(owner) == 1 for owner in owners) and len(owners) == 27
    by_cell = rules.by_cell()
    reached = set()
    for counts in itertools.product(range(1, 6), repeat=3):
        for triple in itertools.product(*(range(1, k + 1) for k in counts)):
            reached.add(by_cell[tuple(level_of(s, k) for s, k in zip(triple, counts, strict=True))])
    assert reached == {s.key for s in rules.segments}
    table = rules.frame()
    assert table.loc[table["segment"] == "champions", ["r", "f", "m"]].to_numpy().tolist() == [["high", "high", "high"]]
    assert table.loc[table["segment"] == "dormant", "m"].tolist() == ["any"]
    assert all(s.name and s.meaning.endswith(".") and s.action.endswith(".") for s in (*rules.segments, rules.no_order))


SEGMENT = '[[segment]]\nkey = "{key}"\nname = "N"\nmeaning = "M."\naction = "A."\ncells = [{cells}]\n'
TWICE = SEGMENT.format(key="a", cells="{}") + SEGMENT.format(key="b", cells='{r = ["low"], f = ["mid"], m = ["high"]}')
ALL_BUT_ONE = """{r = ["low", "mid"]}, {r = ["high"], f = ["low", "mid"]},
{r = ["high"], f = ["high"], m = ["low", "high"]}"""
NO_ORDER = '[no_order]\nkey = "none"\nname = "N"\nmeaning = "M."\naction = "A."\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [(TWICE + NO_ORDER, "r = low, f = mid, m = high belongs to both 'a' and 'b'"),
     (SEGMENT.format(key="a", cells=ALL_BUT_ONE) + NO_ORDER, "r = high, f = high, m = mid belongs to no segment"),
     (SEGMENT.format(key="a", cells='{r = ["hihg"]}') + NO_ORDER, "Did you mean 'high'"),
     (SEGMENT.format(key="a", cells='{recency = ["high"]}') + NO_ORDER, "'recency' is unknown"),
     (SEGMENT.format(key="a", cells="{}").replace("meaning", "meanig") + NO_ORDER, "Did you mean 'meaning'"),
     (SEGMENT.format(key="a", cells="{}"), r"\[no_order\] table is missing"),
     (SEGMENT.format(key="none", cells="{}") + NO_ORDER, "the same key twice"),
     ("key = ", "not valid TOML")],
)  # fmt: skip
def test_own_rules_are_refused_naming_the_fault(text, message):
    with pytest.raises(ConfigError, match=message):
        load_segment_rules(text)


def test_own_rules_are_used():
    rules = load_segment_rules(
        SEGMENT.format(key="lately", cells='{r = ["high"]}')
        + SEGMENT.format(key="rest", cells='{r = ["low", "mid"]}')
        + NO_ORDER
    )
    frame = orders(("a", "2024-06-30", 5), ("b", "2024-01-01", 5), ("c", "2024-06-30", -5))
    got = assign_segments(score_rfm(summarise_rfm(frame, as_of=AS_OF), as_of=AS_OF), rules)
    assert got["segment"].tolist() == ["lately", "rest", "none"]


def test_segment_summary_by_hand():
    """Two dates: c joins the segment of b; b leaves for the segment of a."""
    now = pd.DataFrame(
        {"customer_id": ["a", "b", "c", "d"], "segment": ["champions", "champions", "recent", "no_order"],
         "revenue_total": [10.1, 20.2, 5.05, -1.0], "n_orders": [9, 8, 1, 0],
         "days_since_last_order": pd.array([1, 4, 2, None], dtype="Int64")}
    )  # fmt: skip
    before = pd.DataFrame({"customer_id": ["a", "b", "e"], "segment": ["champions", "recent", "recent"]})
    overdue = pd.DataFrame({"customer_id": ["a", "b", "c"], "overdue": pd.array([True, False, None], dtype="boolean")})
    got = summarise_segments(now, before=before, overdue=overdue).set_index("segment")
    top = got.loc["champions"]
    assert top[["n_customers", "n_overdue", "n_before", "joined", "left"]].tolist() == [2, 1, 1, 1, 0]
    assert top["revenue_total"] == 30.3 and top["revenue_per_customer"] == 15.15
    assert top["share_of_revenue"] == pytest.approx(30.3 / 34.35)
    assert top["median_days_since_last_order"] == 2.5 and top["median_n_orders"] == 8.5
    assert got.loc["recent", ["n_before", "joined", "left"]].tolist() == [2, 1, 2]
    assert got.loc["loyal", "n_customers"] == 0 and np.isnan(got.loc["loyal", "revenue_per_customer"])
    assert (got["n_customers"] == got["n_before"] + got["joined"] - got["left"]).all()
    assert got.index[-1] == "no_order" and got.index[0] == "champions"
    alone = summarise_segments(now.iloc[:3])
    assert "no_order" not in set(alone["segment"]) and alone["joined"].isna().all()


def test_one_customer_and_all_tied():
    got = segments_of(orders(("a", "2024-06-30", 5)))
    assert got.loc[0, ["rfm", "f_level"]].tolist() == ["1-1-1", "mid"]
    scores = score_rfm(summarise_rfm(orders(*((c, "2024-06-30", 5) for c in "abcd")), as_of=AS_OF), as_of=AS_OF)
    assert scores.scores == {"r": 1, "f": 1, "m": 1} and len(scores.notes) == 3


def test_refunds_above_sales_and_ids_beyond_ascii():
    frame = orders(("Žofia ☃", "2024-06-01", 100), ("Žofia ☃", "2024-06-02", -900, 900), ("b", "2024-06-02", 50))
    got = segments_of(frame).set_index("customer_id")
    assert got.loc["Žofia ☃", "net_negative"] and got.loc["Žofia ☃", "m_score"] == 1
    assert got.loc["Žofia ☃", "revenue_total"] == -8.0


def test_helpful_messages():
    frame = orders(("a", "2024-06-30", 5))
    with pytest.raises(ColumnError, match=r"'ordered_on' not found; it has .* Did you mean 'orderd_on'"):
        summarise_rfm(frame.rename(columns={"ordered_on": "orderd_on"}), as_of=AS_OF)
    with pytest.raises(EmptyTableError, match="no order on or before"):
        summarise_rfm(frame.iloc[:0], as_of=AS_OF)
    with pytest.raises(EmptyTableError, match="no order on or before 2020-01-01"):
        summarise_rfm(frame, as_of=dt.date(2020, 1, 1))
    with pytest.raises(ValueError, match=r"as_of: expected a datetime\.date"):
        summarise_rfm(frame, as_of="2024-06-30")
    summary = summarise_rfm(frame, as_of=AS_OF)
    with pytest.raises(ValueError, match="was not counted to 2024-07-01"):
        score_rfm(summary, as_of=dt.date(2024, 7, 1))
    with pytest.raises(ValueError, match="expected 2 to 10"):
        score_rfm(summary, as_of=AS_OF, n_scores=1)
