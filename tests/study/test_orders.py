"""Lines netted to orders: the same on every engine, to the cent."""

import datetime as dt
import gc
from typing import Any

import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.study import Study, orders_of

LINES = pd.DataFrame(
    {"customer_id": ["1", "1", "1", "2", "2", "2"], "order_id": ["a", "a", "b", "c", "d", "e"],
     "ordered_at": pd.to_datetime(
         ["2025-01-01 10:00", "2025-01-03 09:00", "2025-01-04 00:00", "2025-01-05 23:59", "2025-01-06 12:00",
          "2025-02-01 00:00"]
     ),
     "revenue_minor": [10_000, -3_000, -500, 0, 250, 999]}
)  # fmt: skip
ENGINES = {
    "pandas": lambda df: df, "polars": pl.from_pandas, "polars lazy": lambda df: pl.from_pandas(df).lazy(),
    "pyarrow": lambda df: pa.Table.from_pandas(df, preserve_index=False),
    "duckdb": lambda df: duckdb.connect().from_arrow(pa.Table.from_pandas(df, preserve_index=False)),
}  # fmt: skip


def collect(frame: Any) -> pd.DataFrame:
    native = nw.from_native(frame)
    eager = native.collect("pyarrow") if isinstance(native, nw.LazyFrame) else native
    return eager.to_pandas().sort_values(["customer_id", "order_id"], ignore_index=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_orders_are_netted_dated_by_their_first_line_and_cut_at_as_of(engine: str) -> None:
    orders = collect(orders_of(ENGINES[engine](LINES), as_of=dt.date(2025, 1, 31)))
    assert orders["order_id"].tolist() == ["a", "b", "c", "d"]
    assert orders["revenue_minor"].tolist() == [7_000, -500, 0, 250]
    assert orders["refund_minor"].tolist() == [3_000, 500, 0, 0]
    assert orders["n_lines"].tolist() == [2, 1, 1, 1]
    assert orders["is_order"].tolist() == [True, False, False, True]
    assert orders["ordered_on"].dt.strftime("%Y-%m-%d").tolist() == [
        "2025-01-01", "2025-01-04", "2025-01-05", "2025-01-06",
    ]  # fmt: skip
    assert str(orders["revenue_minor"].dtype) == "int64"


def test_as_of_includes_its_whole_day() -> None:
    assert len(collect(orders_of(LINES, as_of=dt.date(2025, 1, 5)))) == 3


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(0, 40), st.integers(-2000, 5000)),
        min_size=1,
        max_size=60,
    )
)
def test_engines_agree_and_revenue_is_conserved(rows: list[tuple[int, int, int, int]]) -> None:
    lines = pd.DataFrame(
        {"customer_id": [str(r[0]) for r in rows],
         "order_id": [str(r[1]) for r in rows],
         "ordered_at": pd.Timestamp("2025-01-01") + pd.to_timedelta([r[2] * 11 for r in rows], unit="h"),
         "revenue_minor": [r[3] for r in rows]}
    )  # fmt: skip
    as_of = dt.date(2025, 1, 10)
    expected = collect(orders_of(lines, as_of=as_of))
    assert expected["revenue_minor"].sum() == lines.loc[lines["ordered_at"] < "2025-01-11", "revenue_minor"].sum()
    for make in ENGINES.values():
        pd.testing.assert_frame_equal(collect(orders_of(make(lines), as_of=as_of)), expected, check_dtype=False)


@pytest.mark.parametrize("engine", ["pandas", "polars", "pyarrow", "duckdb"])
def test_frames_go_through_the_same_strict_pass_as_files(engine: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path))
    raw = pd.DataFrame(
        {"customer_id": ["007", "8"],
         "ordered_at": pd.to_datetime(["2025-01-01", "2025-01-02"]),
         "revenue": [12.05, 0.1 + 0.2]}
    )  # fmt: skip
    study = Study.from_frames(currency="EUR", timezone="Europe/Kyiv", transactions=ENGINES[engine](raw))
    assert study.table("transactions").project("customer_id, revenue_minor").fetchall() == [("007", 1205), ("8", 30)]
    assert collect(study.orders(dt.date(2025, 1, 31)))["revenue_minor"].tolist() == [1205, 30]


def test_orders_outlive_the_study_that_gave_them(tmp_path, monkeypatch) -> None:
    """``Study.from_frames(…).orders(day)`` in one line: the study is gone before its orders are read."""
    monkeypatch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path))

    def lines(*days: str):
        raw = pd.DataFrame({"customer_id": "a", "ordered_at": pd.to_datetime(list(days)), "revenue": 1.0})
        return Study.from_frames(currency="EUR", timezone="UTC", transactions=raw)

    orders = lines("2025-01-01", "2025-01-02").orders(dt.date(2025, 1, 31))
    table = lines("2025-01-01").table("transactions")
    gc.collect()
    assert len(collect(orders)) == 2 and len(table.fetchall()) == 1
