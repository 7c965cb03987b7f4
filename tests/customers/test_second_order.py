"""Do they come back, and for whom does it differ (requirement 003-20: repeat purchases)."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from custaudience.customers import compare_survival, survival_table, time_to_second_order
from custaudience.customers.cohorts.second_order import second_order
from custaudience.errors import ColumnError, EmptyTableError, HistoryError
from custaudience.evidence import Terms
from custaudience.study import open_study, orders_of

DATA = Path(__file__).resolve().parents[2] / "data"
AS_OF = dt.date(2025, 12, 31)


def found_in(frame, as_of=AS_OF, least=30, first_orders="observed", **options):
    return second_order(frame, Terms(as_of, least=least, first_orders=first_orders), **options)


def lines(*rows):
    """Build lines from (customer, order, day of the year, code[, minor units])."""
    full = [(*r, 100) if len(r) == 4 else r for r in rows]
    frame = pd.DataFrame(full, columns=["customer_id", "order_id", "day", "code", "revenue_minor"])
    at = pd.Timestamp("2025-01-01") + pd.to_timedelta(frame.pop("day"), unit="D")
    return frame.astype({"customer_id": "str", "order_id": "str"}).assign(ordered_at=at)


def simple(n=40, wait=20):
    """Half start with code A and all return after `wait` days; half start with B and never return."""
    rows = []
    for i in range(n):
        code = "A" if i % 2 else "B"
        rows.append((f"{i:03}", f"{i}-1", i, code))
        if code == "A":
            rows.append((f"{i:03}", f"{i}-2", i + wait, "other"))
    return lines(*rows)


def test_by_hand():
    found = found_in(simple(), by="code", least=20, days=(10, 30))
    table = found.table.set_index(["group", "days"])
    assert table.loc[("all", 30), "share"] == pytest.approx(0.5) and table.loc[("all", 10), "share"] == 0
    assert table.loc[("A", 30), "share"] == 1 and table.loc[("B", 30), "share"] == 0
    assert table.loc[("A", 30), "difference"] == 1 and table.loc[("B", 30), "difference"] == -1
    # 20 of 20 and 0 of 20 are no certainty: Wilson's limits (Newcombe 1998: 0/20 is 0 to .1611)
    assert table.loc[("B", 30), "high"] == pytest.approx(0.1611, abs=1e-4)
    assert table.loc[("A", 30), "low"] == pytest.approx(1 - 0.1611, abs=1e-4)
    assert found.groups["verdict"].tolist() == ["more often", "less often"]
    assert found.groups["median_days"].iloc[0] == 20 and np.isnan(found.groups["median_days"].iloc[1])
    assert (found.by, found.n_customers, found.n_missing, found.overlapping) == ("code", 40, 0, False)


def test_who_has_just_come_is_not_counted_as_lost():
    """As of day 45 the last twenty have been watched for fewer than 26 days; the share at 20 days stays."""
    early = found_in(simple(200), as_of=dt.date(2025, 4, 10), days=(30,))
    orders = orders_of(simple(200), as_of=dt.date(2025, 4, 10))
    naive = time_to_second_order(orders, as_of=dt.date(2025, 4, 10), first_orders="observed")["ordered_again"].mean()
    assert naive < 0.45 and early.table["share"].iloc[0] == pytest.approx(0.5, abs=0.02)


def test_horizons_that_were_not_seen_are_missing():
    found = found_in(simple(), as_of=dt.date(2025, 3, 1), days=(30, 365))
    assert found.table["share"].notna().tolist() == [True, False]


def test_it_is_the_curve_and_the_log_rank_test_of_survival():
    study = open_study(DATA / "shop")
    channel = study.table("customers").df()[["customer_id", "Канал залучення"]]
    as_of = dt.date(2025, 10, 31)
    found = found_in(study.table("transactions"), as_of=as_of, by=channel)
    waits = time_to_second_order(study.orders(as_of), as_of=as_of, first_orders="observed")
    group = waits["customer_id"].map(channel.drop_duplicates().set_index("customer_id")["Канал залучення"])
    mine = (group == "Маркетплейс").to_numpy()
    curve = survival_table(waits["days"][mine], waits["ordered_again"][mine], Terms(as_of))
    row = found.table.set_index(["group", "days"]).loc[("Маркетплейс", 90)]
    assert row["share"] == 1 - curve[curve["time"] <= 90]["share"].iloc[-1]
    test = compare_survival(waits["days"], waits["ordered_again"], mine.astype(str))
    groups = found.groups.set_index("group")
    assert groups.loc["Маркетплейс", "p_value"] == pytest.approx(test.p_value, rel=1e-9)
    # what was planted: recommendation +18 points against search, marketplace -16, Google Ads 0
    assert groups["verdict"].to_dict() == {
        "Instagram": "no clear difference", "Маркетплейс": "less often", "Пошук Google": "no clear difference",
        "Реклама Google": "no clear difference", "Рекомендація": "more often",
    }  # fmt: skip


def test_values_of_the_first_day_only_and_overlapping_groups():
    """Two products in the first order are two groups; what came later, or was refunded, is none."""
    rows = [(f"{i:03}", f"{i}-1", 0, code) for i in range(30) for code in ("tea", "cup")]
    rows += [("000", "0-2", 9, "late"), ("001", "1-1", 0, "refunded", -50)]
    found = found_in(lines(*rows), by="code", least=1)
    assert found.groups["group"].tolist() == ["cup", "tea"] and found.overlapping
    assert found.groups["n"].tolist() == [30, 30] and found.groups["p_value"].isna().all()  # no others


def test_missing_values_and_small_groups_are_counted():
    frame = simple().assign(code=lambda t: t["code"].where(t["code"] == "A"))
    left_out = found_in(frame, by="code", least=20)
    assert left_out.n_missing == 20 and left_out.groups["group"].tolist() == ["A"]
    named = found_in(frame, by="code", least=20, missing="none")
    assert named.n_missing == 0 and named.groups["group"].tolist() == ["A", "none"]
    small = found_in(simple(), by="code", least=21)
    assert (small.n_small_groups, small.n_in_small_groups, len(small.groups)) == (2, 40, 0)
    assert small.table["group"].unique().tolist() == ["all"]


def test_refuses_a_cut_off_history_and_bad_input():
    with pytest.raises(HistoryError, match="lie before the data begin"):
        found_in(simple(), first_orders="cut off")
    with pytest.raises(EmptyTableError):
        found_in(simple(), as_of=dt.date(2020, 1, 1))
    with pytest.raises(ColumnError, match=r"'cod' not found.*Did you mean 'code'"):
        found_in(simple(), by="cod")
    with pytest.raises(ColumnError, match="Pass the order lines"):
        found_in(orders_of(simple(), as_of=AS_OF), by="code")
    with pytest.raises(ColumnError, match="customer_id and one more"):
        found_in(simple(), by=pd.DataFrame({"customer_id": ["0"]}))
    with pytest.raises(ValueError, match="days: expected"):
        found_in(simple(), days=())


def test_one_customer():
    found = found_in(lines(("a", "1", 0, "x")), by="code")
    assert found.n_customers == 1 and found.table["share"].isna().all()
