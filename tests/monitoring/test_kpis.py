"""Figures of a month: by hand, on every engine, and against the published totals of the bundled panel."""

import datetime as dt
import math
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from custaudience.errors import EmptyTableError
from custaudience.evidence import Terms
from custaudience.monitoring.claims import month_claims
from custaudience.monitoring.kpis import change_of, monthly_kpis
from custaudience.study import open_study

GROCERY = Path(__file__).parents[2] / "data" / "grocery"


def lines(*rows: tuple[str, str, str, int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "order_id", "ordered_at", "revenue_minor"])
    return frame.assign(ordered_at=pd.to_datetime(frame["ordered_at"], format="ISO8601"))


LINES = lines(
    ("a", "1", "2025-01-01 09:00", 1000), ("a", "1", "2025-01-01 09:00", 500), ("b", "2", "2025-01-20", 2000),
    ("b", "2", "2025-03-02", -500), ("a", "3", "2025-03-31 23:59:59", 700), ("c", "4", "2025-03-05", 0),
    ("a", "5", "2025-04-01", 9900)
)  # fmt: skip
ENGINES = {
    "pandas": lambda df: df, "polars": pl.from_pandas, "polars lazy": lambda df: pl.from_pandas(df).lazy(),
    "pyarrow": lambda df: pa.Table.from_pandas(df, preserve_index=False),
    "duckdb": lambda df: duckdb.connect().from_arrow(pa.Table.from_pandas(df, preserve_index=False))
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_months_by_hand(engine: str) -> None:
    months = monthly_kpis(ENGINES[engine](LINES), as_of=dt.date(2025, 3, 31)).set_index("month")
    assert months.index.tolist() == ["2025-01", "2025-02", "2025-03"]
    assert months["revenue"].tolist() == [35.0, 0.0, 2.0]  # the refund is booked in March
    assert months["refunds"].tolist() == [0.0, 0.0, 5.0]
    assert months["n_orders"].tolist() == [2, 0, 1]  # an order of nothing is none
    assert months["n_customers"].tolist() == [2, 0, 1]
    assert months["is_complete"].tolist() == [True, True, True]
    assert months["revenue_per_order"].iloc[0] == pytest.approx((15.0 + 15.0) / 2)  # order 2 net of its refund
    assert math.isnan(months["revenue_per_order"].iloc[1])


def test_a_month_cut_by_as_of_is_marked_and_its_days_counted_so_far() -> None:
    months = monthly_kpis(LINES, as_of=dt.date(2025, 3, 10)).set_index("month")
    assert months["is_complete"].tolist() == [True, True, False]
    assert months.loc["2025-03", "revenue"] == -5.0


def test_a_shop_closed_on_sundays_has_fewer_trading_days() -> None:
    days = pd.date_range("2025-01-01", "2025-02-28")
    open_days = days[days.day_of_week != 6]
    shop = pd.DataFrame(
        {"customer_id": "a", "order_id": [str(i) for i in range(len(open_days))], "ordered_at": open_days,
         "revenue_minor": 100}
    )  # fmt: skip
    months = monthly_kpis(shop, as_of=dt.date(2025, 2, 28))
    assert months["n_trading_days"].tolist() == [27, 24]
    assert months["revenue_per_trading_day"].tolist() == [1.0, 1.0]


def test_nothing_before_as_of_is_an_error() -> None:
    with pytest.raises(EmptyTableError, match="on or before 2024-12-31"):
        monthly_kpis(LINES, as_of=dt.date(2024, 12, 31))


def test_february_of_the_panel_fell_in_total_and_rose_per_day():
    grocery = monthly_kpis(open_study(GROCERY).table("transactions"), as_of=dt.date(2017, 12, 31))
    change = change_of(grocery, "revenue", month="2017-02")
    assert (round(change.total, 3), round(change.per_day, 3)) == (-0.062, 0.038)
    claims = {c.id: c for c in month_claims(grocery, "2017-02", Terms(dt.date(2017, 2, 28), "USD"))}
    finding = claims["start_here.finding"]
    assert "fell" in finding.template and "rose" in finding.template
    assert finding.status == "too_few"


def test_a_verdict_needs_twelve_earlier_months() -> None:
    index = pd.period_range("2024-01", periods=14, freq="M").astype(str)
    steady = [100.0 + (i % 2) for i in range(14)]
    months = pd.DataFrame({"month": index, "revenue": steady, "n_trading_days": 30, "is_complete": True})
    assert change_of(months, "revenue", month="2024-12").verdict == "too_short"
    assert change_of(months, "revenue", month="2025-01").verdict == "usual"
    months.loc[13, "revenue"] = 150.0
    last = change_of(months, "revenue", month="2025-02")
    assert (last.verdict, last.n_months, last.last_year) == ("unusual", 13, 101.0)


def test_a_gap_between_months_is_no_month_before() -> None:
    months = pd.DataFrame(
        {"month": ["2025-01", "2025-03"], "revenue": [1.0, 2.0], "n_trading_days": 30, "is_complete": True}
    )
    assert math.isnan(change_of(months, "revenue", month="2025-03").total)


def test_every_claim_of_a_first_month_can_be_said() -> None:
    from custaudience.present.words import render_claim

    months = monthly_kpis(LINES, as_of=dt.date(2025, 1, 31))
    claims = month_claims(months, "2025-01", Terms(dt.date(2025, 1, 31), "EUR"))
    for language in ("en", "uk"):
        assert all(render_claim(claim, language=language) for claim in claims)


def test_of_a_month_of_fewer_than_ten_customers_nothing_else_is_said() -> None:
    months = pd.DataFrame(
        {"month": ["2024-01", "2024-02", "2024-03"], "n_days": [31, 29, 31], "n_trading_days": [31, 29, 31],
         "is_complete": True, "n_orders": [20, 4, 30], "n_customers": [15, 4, 20], "revenue": [100.0, 7.0, 150.0],
         "revenue_per_order": [5.0, 1.75, 5.0]}
    )  # fmt: skip
    small = month_claims(months, "2024-02", Terms(dt.date(2024, 2, 29), "EUR"))
    assert [claim.id for claim in small] == ["start_here.finding"] and small[0].status == "too_few"
    after = month_claims(months, "2024-03", Terms(dt.date(2024, 3, 31), "EUR"))
    said = " ".join(str(dict(claim.values)) for claim in after)
    assert "7.0" not in said and "'before': 4" not in said and "1.75" not in said
