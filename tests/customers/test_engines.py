"""Every reduction gives the same rows on every engine: zero rows differ."""

import datetime as dt

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from custaudience.customers import (
    assign_segments,
    cohort_table,
    retention_cells,
    score_rfm,
    summarise_rfm,
    time_to_second_order,
)
from custaudience.customers.lifecycle.lifecycle import classify_lifecycle
from custaudience.customers.rhythm import order_gaps, overdue_customers
from custaudience.evidence import Terms

AS_OF = dt.date(2024, 6, 15)  # in the middle of a month and before the last rows


@pytest.fixture(scope="module")
def table():
    """Orders of 300 customers with refunds, zeros, ties, ids that are no numbers, and rows after AS_OF."""
    rng = np.random.default_rng(11)
    n = 6000
    revenue = rng.integers(-800, 5000, n) * (rng.random(n) > 0.05)
    who = np.minimum(rng.integers(0, 300, n), rng.integers(0, 330, n))
    day = np.datetime64("2022-11-15", "D") + rng.integers(0, 620, n)
    return pa.table(
        {"customer_id": [f"{i:04}" if i % 3 else f"клієнт {i}" for i in who], "order_id": [str(i) for i in range(n)],
         "ordered_on": pa.array(day, pa.date32()), "revenue_minor": pa.array(revenue.astype("int64")),
         "refund_minor": pa.array(np.maximum(-revenue, 0).astype("int64")), "is_order": pa.array(revenue > 0)}
    )  # fmt: skip


def with_datetimes(table):
    index = table.column_names.index("ordered_on")
    return table.set_column(index, "ordered_on", table["ordered_on"].cast(pa.timestamp("us")))


def pandas_with_date_objects(table):
    return table.to_pandas()  # Arrow dates become an object column of datetime.date


CONNECTION = duckdb.connect()
ENGINES = {
    "duckdb, datetimes": lambda t: CONNECTION.from_arrow(with_datetimes(t)),
    "pandas": lambda t: with_datetimes(t).to_pandas(),
    "pandas, date objects": pandas_with_date_objects,
    "pandas, Arrow types": lambda t: t.to_pandas(types_mapper=pd.ArrowDtype),
    "Polars": pl.from_arrow,
    "Polars, lazy": lambda t: pl.from_arrow(with_datetimes(t)).lazy(),
    "PyArrow": lambda t: t,
    "PyArrow, datetimes": with_datetimes,
}
REDUCTIONS = {
    "summarise_rfm": lambda o: summarise_rfm(o, as_of=AS_OF),
    "segments": lambda o: assign_segments(score_rfm(summarise_rfm(o, as_of=AS_OF), as_of=AS_OF)),
    "order_gaps": lambda o: order_gaps(o, as_of=AS_OF),
    "overdue": lambda o: overdue_customers(o, as_of=AS_OF),
    "lifecycle": lambda o: classify_lifecycle(o, as_of=AS_OF).table,
    "cohorts by month": lambda o: cohort_table(o, as_of=AS_OF, first_orders="observed"),
    "cohorts by week": lambda o: cohort_table(o, as_of=AS_OF, period="W", first_orders="observed"),
    "cohorts by quarter": lambda o: cohort_table(o, as_of=AS_OF, period="Q", first_orders="observed"),
    "survival": lambda o: retention_cells(o, Terms(AS_OF), period="W"),
    "activity": lambda o: retention_cells(o, Terms(AS_OF), definition="activity"),
    "second order": lambda o: time_to_second_order(o, as_of=AS_OF, first_orders="observed"),
}


@pytest.fixture(scope="module")
def on_duckdb(table):
    relation = CONNECTION.from_arrow(table)
    return {name: reduce(relation) for name, reduce in REDUCTIONS.items()}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_zero_rows_differ(table, on_duckdb, engine, name):
    got = REDUCTIONS[name](ENGINES[engine](table))
    assert len(on_duckdb[name]) > 10
    pd.testing.assert_frame_equal(got, on_duckdb[name], check_exact=True)


def test_the_connection_stays_open(table):
    summarise_rfm(CONNECTION.from_arrow(table), as_of=AS_OF)
    assert CONNECTION.sql("select 1").fetchall() == [(1,)]
