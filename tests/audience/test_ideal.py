"""Who is ideal: worked by hand, what cannot be told, cut-offs moved, later rows, hard inputs."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from ideal_data import AS_OF, ideal_of, monthly, orders_of_people, small_shop

from custaudience.audience.ideal.customers import follow_ideal, share_of_total
from custaudience.audience.ideal.facts import least_revenue
from custaudience.errors import ColumnError, DataError, EmptyTableError, HistoryError, ParameterError


def named(found) -> list[str]:
    return found.table.loc[found.table["ideal"], "customer_id"].tolist()


def reasons(found) -> dict[str, str]:
    return {part.part: part.reason for part in found.missing_parts}


def test_loyal_valuable_and_current_by_hand() -> None:
    found = ideal_of(small_shop())
    assert named(found) == ["c000", "c001", "c002", "c003"]
    counts = found.parts.set_index("part")
    assert counts["n_left"].to_dict() == {"loyal": 8, "valuable": 8, "current": 4}
    assert counts.loc["current", "n_no"] == 4  # silent since July with gaps of 30 days
    assert found.revenue == 8 * (100 + 101 + 102 + 103)
    total = found.revenue + 8 * (104 + 105 + 106 + 107) + 2 * sum(5 + i / 100 for i in range(8, 40))
    assert found.share.value == pytest.approx(found.revenue / total)
    assert found.share.low < found.share.value < found.share.high
    assert set(reasons(found)) == {"satisfied", "engaged"} and found.refused == ()
    assert found.n_confirmed == 4 and found.asked == ("loyal", "valuable", "current")


def test_order_of_rows_and_later_rows_change_nothing() -> None:
    orders = small_shop()
    more = orders_of_people(("c030", monthly(9, "2026-09-01")[-5:], 9000.0), ("new", ["2026-01-01"], 1.0))
    first = ideal_of(orders)
    for other in (orders.sample(frac=1, random_state=3), pd.concat([orders, more])):
        again = ideal_of(other)
        pd.testing.assert_frame_equal(again.table, first.table)
        pd.testing.assert_frame_equal(again.sensitivity, first.sensitivity)


def test_each_cut_off_is_moved_alone_and_recounts() -> None:
    orders = small_shop()
    found = ideal_of(orders, min_orders=8, top_share=0.2)
    moved = found.sensitivity.set_index(["cut_off", "direction"])
    assert moved.loc[("all", "as set"), "n_customers"] == 4
    for (name, direction), row in moved.iterrows():
        if direction in ("lower", "higher"):
            value = int(row["value"]) if name.startswith("min_") else row["value"]
            other = ideal_of(orders, **({"min_orders": 8, "top_share": 0.2} | {name: value}))
            assert row["n_customers"] == other.n_ideal, name
            same = set(named(found)) & set(named(other))
            assert row["n_kept"] == len(same)
            assert row["overlap"] == pytest.approx(len(same) / len(set(named(found)) | set(named(other))))
    assert moved.loc[("min_orders", "higher"), "n_customers"] == 0
    assert moved.loc[("current", "left out"), "n_customers"] == 8


def test_who_was_not_asked_stays_and_who_is_dissatisfied_goes() -> None:
    survey = pd.DataFrame(
        {"customer_id": ["c000", "c000", "c001", "c002", "stranger", None],
         "NPS": [3, 9, 9, 6, 10, 1],
         "answered_at": pd.to_datetime(
             ["2025-01-01", "2025-06-01", "2026-01-01", "2025-06-01"] + ["2025-06-01"] * 2
         )}
    )  # fmt: skip
    found = ideal_of(small_shop(), survey=survey)
    assert named(found) == ["c000", "c001", "c003"]  # c001 answered after the date
    assert found.cut_offs.satisfied_from == 9 and found.cut_offs.satisfaction_column == "NPS" and found.n_confirmed == 1
    assert found.parts.set_index("part").loc["satisfied"].tolist() == [1, 1, 38, 3]
    assert "satisfied" not in reasons(found)
    lower = ideal_of(small_shop(), survey=survey, satisfied_from=6)
    assert named(lower) == ["c000", "c001", "c002", "c003"]
    assert named(ideal_of(small_shop(), survey=survey, ask="orders")) == named(lower)


@pytest.mark.parametrize(
    ("columns", "expected"), [({"Оцінка": [5, 4, 3, 1]}, (4.0, 5.0)),
     ({"rating": [7, 1, 3, 6]}, (6.0, 7.0)),
     ({"rating": [1, 2, 9, 4], "nps": [0, 9, 10, 2]}, (9.0, 10.0)),
     ({"csat": ["5", "4", "", "no answer"]}, (4.0, 5.0))],
)  # fmt: skip
def test_scales_are_found_by_name_and_values(columns, expected) -> None:
    survey = pd.DataFrame({"customer_id": ["c000", "c001", "c002", "c003"], **columns})
    found = ideal_of(small_shop(), survey=survey)
    assert (found.cut_offs.satisfied_from, found.satisfaction_best) == expected


def test_what_a_survey_cannot_tell_is_named_and_not_made_up() -> None:
    ids = ["c000", "c001", "c002", "c003"]
    cases = {
        "no survey that names customers": pd.DataFrame({"NPS": [9, 9]}),
        "no column of the survey": pd.DataFrame({"customer_id": ids, "colour": ["red"] * 4}),
        "on no scale that is known": pd.DataFrame({"customer_id": ids, "rating": [10, 250, 40, 1]}),
        "no customer who has ordered answered": pd.DataFrame({"customer_id": ["x"], "nps": [9]}),
    }
    for words, survey in cases.items():
        found = ideal_of(small_shop(), survey=survey)
        assert words in reasons(found)["satisfied"] and "satisfied" not in found.table
        assert named(found) == ids
    twice = pd.DataFrame({"customer_id": ["c000", "c000"], "nps": [1, 9]})
    with pytest.raises(DataError, match="no column says when"):
        ideal_of(small_shop(), survey=twice)
    with pytest.raises(ColumnError, match=r"'ratng' not found\. Did you mean 'rating'"):
        ideal_of(small_shop(), survey=cases["on no scale that is known"], satisfaction_column="ratng")
    with_cut = ideal_of(small_shop(), survey=cases["on no scale that is known"], satisfied_from=30)
    assert named(with_cut) == ["c001", "c002"]


def test_engaged_is_asked_of_those_who_were_sent_something_that_is_over() -> None:
    contacts = pd.DataFrame(
        {"campaign_id": ["a", "a", "b", "b", "late"], "customer_id": ["c000", "c001"] * 2 + ["c002"]}
    )
    responses = pd.DataFrame(
        {"campaign_id": ["a", "b", "z"], "customer_id": ["c000", "c001", "c003"],
         "responded_on": pd.to_datetime(["2025-05-01", "2026-01-02", "2025-05-01"])}
    )  # fmt: skip
    campaigns = pd.DataFrame(
        {"campaign_id": ["a", "b", "late"], "starts_on": pd.to_datetime(["2025-04-01", "2025-06-01", "2025-12-01"]),
         "ends_on": pd.to_datetime(["2025-05-01", "2025-07-01", "2026-02-01"])}
    )  # fmt: skip
    found = ideal_of(small_shop(), contacts=contacts, responses=responses, campaigns=campaigns)
    table = found.table.set_index("customer_id")
    assert table.loc["c000", ["n_contacted", "n_responded"]].tolist() == [2, 1]
    assert table.loc["c001", "n_responded"] == 0  # answered after the date
    assert table["engaged"].isna().sum() == 38  # c002's campaign still runs; c003 answered what was not sent
    assert named(found) == ["c000", "c002", "c003"] and found.n_confirmed == 1
    assert "engaged" not in reasons(found)
    early = ideal_of(
        small_shop(), as_of=dt.date(2025, 4, 15), min_span_days=30, contacts=contacts, responses=responses,
        campaigns=campaigns,
    )  # fmt: skip
    assert "no campaign that a customer was sent was over" in reasons(early)["engaged"]


@pytest.mark.parametrize(
    ("orders", "as_of", "part", "words"), [(small_shop(), dt.date(2025, 2, 10), "loyal", "reach over"),
     (orders_of_people(("a", monthly(9), 10.0)), AS_OF, "valuable", "too few customers"),
     (orders_of_people(*((f"{i}", monthly(9), 10.0) for i in range(50))), AS_OF, "valuable", "as much as the"),
     (orders_of_people(*((f"{i}", ["2025-01-01"], 10.0 + i) for i in range(50))), AS_OF, "current", "two days")],
)  # fmt: skip
def test_what_cannot_be_told_leaves_nobody_ideal(orders, as_of, part, words) -> None:
    found = ideal_of(orders, as_of=as_of)
    assert part in [refused.part for refused in found.refused]
    assert words in reasons(found)[part]
    assert found.n_ideal == 0 and not found.table["ideal"].any() and found.sensitivity.empty


def test_refunds_lower_value_and_refunds_alone_are_nobody() -> None:
    orders = small_shop()
    gone = orders["customer_id"] == "c000"
    net = orders.assign(revenue_minor=orders["revenue_minor"].where(~gone, 1), refund_minor=0)
    assert "c000" not in named(ideal_of(net))
    only = orders.assign(revenue_minor=-100, refund_minor=100, is_order=False)
    with pytest.raises(EmptyTableError, match="only refunds"):
        ideal_of(only)
    with pytest.raises(EmptyTableError, match="no order on or before 2020-01-01"):
        ideal_of(orders, as_of=dt.date(2020, 1, 1))
    back = pd.concat([orders, orders.assign(revenue_minor=-(10**7), refund_minor=10**7, is_order=False)])
    refused = ideal_of(back).refused
    assert [part.part for part in refused] == ["valuable"] and "refunds reach" in refused[0].reason


def test_nobody_and_everybody() -> None:
    nobody = ideal_of(small_shop(), min_orders=50)
    assert nobody.n_ideal == 0 and nobody.refused == () and len(nobody.sensitivity)
    everybody = ideal_of(small_shop(), min_orders=1, min_span_days=0, top_share=1.0, overdue_share=0.999)
    alive = everybody.table["days_since_last_order"] < 60
    assert named(everybody) == everybody.table.loc[alive, "customer_id"].tolist()


@pytest.mark.parametrize(
    "wrong",
    [{"min_orders": 0}, {"top_share": 0.0}, {"top_share": 1.1}, {"overdue_share": 1.0}, {"min_span_days": -1},
     {"min_responses": 0}, {"level": 1.0}, {"top_share": float("nan")}],
)  # fmt: skip
def test_cut_offs_that_cannot_be_are_refused(wrong) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        ideal_of(small_shop(), **wrong)


def test_equal_customers_are_both_in_the_top_or_both_out() -> None:
    revenue = pd.Series([50.0, 40.0, 40.0, 10.0, 10.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    assert least_revenue(revenue, 0.2) == 40.0
    assert least_revenue(pd.Series([9.0, 8.0] + [1.0] * 18), 0.2) == 8.0  # the tie is nearly everybody
    people = [(f"{i}", monthly(8), float(each)) for i, each in enumerate(revenue)]
    assert named(ideal_of(orders_of_people(*people))) == ["0", "1", "2"]


def test_following_says_who_stayed_and_what_they_brought_since() -> None:
    orders = orders_of_people(
        *((f"stay{i}", monthly(14), 100.0) for i in range(3)),
        *((f"stop{i}", monthly(8, "2025-07-01"), 100.0) for i in range(3)),
        *((f"small{i}", monthly(14), 1.0) for i in range(4)),
        ("new", monthly(4), 5000.0),
    )
    july = dt.date(2025, 7, 15)
    before, after = (ideal_of(orders, as_of=day, top_share=0.6) for day in (july, AS_OF))
    assert named(before) == ["stay0", "stay1", "stay2", "stop0", "stop1", "stop2"]
    later = follow_ideal(before, after)
    assert (later.n, later.n_still, later.n_others) == (6, 3, 4)
    assert later.share_since.value == pytest.approx(1500 / 1520)  # five orders each since; the newcomer is in no figure
    assert later.share_until == pytest.approx(before.share.value)
    with pytest.raises(HistoryError, match="is not before"):
        follow_ideal(after, before)
    nobody = ideal_of(orders, as_of=july, min_orders=50)
    with pytest.raises(HistoryError, match="nobody was ideal"):
        follow_ideal(nobody, after)


def test_the_interval_of_a_share_of_revenue_covers_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(1)
    revenue = np.exp(rng.normal(0, 1, 200_000))
    chosen = rng.random(200_000) < np.clip(revenue / 20, 0, 0.9)
    true = revenue[chosen].sum() / revenue.sum()
    hits = 0
    for _ in range(400):
        draw = rng.integers(0, 200_000, 1500)
        share = share_of_total(revenue[draw], chosen[draw], 0.95)
        hits += share.low <= true <= share.high
    assert 0.91 <= hits / 400 <= 0.98
