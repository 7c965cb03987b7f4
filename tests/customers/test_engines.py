"""Every reduction gives the same rows on every engine: zero rows differ. And a million rows take seconds."""

import datetime as dt
import time

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from custaudience.customers import (
    Offer,
    assign_segments,
    cohort_table,
    customer_features,
    missed_cross_sell,
    retention_cells,
    score_rfm,
    summarise_rfm,
    summarise_segments,
    survival_table,
    time_to_second_order,
)
from custaudience.customers.affinity.pairs import product_pairs
from custaudience.customers.bridge.bridge import revenue_bridge
from custaudience.customers.bridge.concentration import concentration
from custaudience.customers.clv.repeat import Counting, count_purchase_days, summarise_repeat_purchases
from custaudience.customers.cohorts.second_order import second_order
from custaudience.customers.lifecycle.lifecycle import classify_lifecycle
from custaudience.customers.rhythm import order_gaps, overdue_customers
from custaudience.evidence import Terms

AS_OF = dt.date(2024, 6, 15)  # in the middle of a month and before the last rows
TERMS, SPRING = Terms(AS_OF), Terms(dt.date(2025, 3, 15), least=2, first_orders="observed")


@pytest.fixture(scope="module")
def orders():
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


@pytest.fixture(scope="module")
def lines():
    """Lines of orders from December to March, some without product, quantity, code or discount; and products."""
    rng = np.random.default_rng(4)
    n = 4000
    who, nth = rng.integers(0, 200, n), rng.integers(0, 9, n)
    at = np.datetime64("2024-12-15", "us") + (((who * 9 + nth) * 331) % 154_080).astype("timedelta64[m]")
    sold = pa.table(
        {"customer_id": [f"{i:03}" if i % 3 else f"клієнт {i}" for i in who],
         "order_id": [f"{i}-{k}" for i, k in zip(who, nth, strict=True)], "ordered_at": pa.array(at),
         "product_id": pa.array([f"p{i}" if i else None for i in rng.integers(0, 15, n)]),
         "quantity": pa.array(rng.integers(0, 5, n).astype("float64"), mask=rng.random(n) < 0.02),
         "revenue_minor": rng.integers(-400, 5000, n),
         "discount_minor": pa.array([None if d == 0 else int(d) for d in rng.integers(-1, 3, n)], pa.int64()),
         "code": pa.array([c or None for c in rng.choice(["A", "B", ""], n)])}
    )  # fmt: skip
    kinds = [None if p % 9 == 0 else f"c{p % 7}" for p in range(12)]
    return sold, pa.table({"product_id": [f"p{p}" for p in range(12)], "category": kinds})


def with_datetimes(table):
    if "ordered_on" not in table.column_names:
        return table
    index = table.column_names.index("ordered_on")
    return table.set_column(index, "ordered_on", table["ordered_on"].cast(pa.timestamp("us")))


CONNECTION = duckdb.connect()
ENGINES = {
    "duckdb, datetimes": lambda t: CONNECTION.from_arrow(with_datetimes(t)),
    "pandas": lambda t: with_datetimes(t).to_pandas(), "pandas, date objects": lambda t: t.to_pandas(),
    "pandas, Arrow types": lambda t: t.to_pandas(types_mapper=pd.ArrowDtype), "Polars": pl.from_arrow,
    "Polars, lazy": lambda t: pl.from_arrow(with_datetimes(t)).lazy(), "PyArrow": lambda t: t,
    "PyArrow, datetimes": with_datetimes,
}  # fmt: skip


def bridge(sold, *, drop=(), segments=None):
    found = revenue_bridge(
        sold, period=("2025-03-01", "2025-03-31"), before=("2025-02-01", "2025-02-28"), first_orders="observed",
        segments=segments,
    )  # fmt: skip
    assert all(name in found.parts_missing for name in drop)
    return found.table, found.totals, found.factors


SEGMENTS = pd.DataFrame({"customer_id": [f"{i:03}" for i in range(100)], "segment": ["A", "B"] * 50})
KEPT, FREE = ({"count_free_orders": free, "calibrated_until": dt.date(2023, 7, 15)} for free in (False, True))
OF_ORDERS = {
    "summarise_rfm": lambda o: summarise_rfm(o, as_of=AS_OF),
    "segments": lambda o: assign_segments(score_rfm(summarise_rfm(o, as_of=AS_OF), as_of=AS_OF)),
    "order_gaps": lambda o: order_gaps(o, as_of=AS_OF),
    "overdue": lambda o: overdue_customers(o, as_of=AS_OF),
    "lifecycle": lambda o: classify_lifecycle(o, as_of=AS_OF).table,
    "cohorts by month": lambda o: cohort_table(o, as_of=AS_OF, first_orders="observed"),
    "cohorts by week": lambda o: cohort_table(o, as_of=AS_OF, period="W", first_orders="observed"),
    "cohorts by quarter": lambda o: cohort_table(o, as_of=AS_OF, period="Q", first_orders="observed"),
    "survival": lambda o: retention_cells(o, TERMS, period="W"),
    "activity": lambda o: retention_cells(o, TERMS, definition="activity"),
    "second order": lambda o: time_to_second_order(o, as_of=AS_OF, first_orders="observed"),
    "concentration": lambda o: vars(concentration(o, as_of=AS_OF, since=dt.date(2024, 2, 1), n_resamples=20)),
    "repeat purchases": lambda o: summarise_repeat_purchases(o, TERMS, Counting(**KEPT)),
    "repeat purchases, free ones too": lambda o: summarise_repeat_purchases(o, TERMS, Counting(**FREE)),
    "purchase days": lambda o: count_purchase_days(o, TERMS, Counting(**KEPT)),
    "purchase days, free ones too": lambda o: count_purchase_days(o, TERMS, Counting(**FREE)),
}
OF_LINES = {
    "bridge": lambda s, _: bridge(s),
    "bridge of segments": lambda s, _: bridge(s, segments=SEGMENTS),
    "pairs": lambda s, _: product_pairs(s, SPRING).table,
    "features": lambda s, p: vars(customer_features(s, None, p, terms=SPRING, until=dt.date(2025, 3, 1))),
    "by first code": lambda s, _: vars(second_order(s, SPRING, by="code")),
    "missed": lambda s, _: vars(missed_cross_sell(s, Offer(("p1",), ("p2", "p3")), SPRING, window_days=5)),
}
WITHOUT = [("quantity",), ("product_id",), ("product_id", "quantity")]


def assert_equal(got, expected):
    """Compare frames, or all that a result holds: its frames to the last bit, the rest by what it is written as."""
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(got, expected, check_exact=True)
        assert got.attrs == expected.attrs
    elif isinstance(expected, (dict, tuple)):
        got, expected = (list(r.values()) if isinstance(r, dict) else r for r in (got, expected))
        for a, b in zip(got, expected, strict=True):
            assert_equal(a, b)
    else:
        assert repr(got) == repr(expected)


@pytest.fixture(scope="module")
def on_duckdb(orders, lines):
    relation, *of_lines = (CONNECTION.from_arrow(t) for t in (orders, *lines))
    return {name: reduce(relation) for name, reduce in OF_ORDERS.items()} | {
        name: reduce(*of_lines) for name, reduce in OF_LINES.items()
    }


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [*OF_ORDERS, *OF_LINES])
def test_zero_rows_differ(orders, lines, on_duckdb, engine, name):
    if name in OF_ORDERS:
        got = OF_ORDERS[name](ENGINES[engine](orders))
    else:
        got = OF_LINES[name](*(ENGINES[engine](t) for t in lines))
    assert not isinstance(got, pd.DataFrame) or len(got) > 10
    assert_equal(got, on_duckdb[name])


@pytest.mark.parametrize("engine", ["pandas", "Polars, lazy", "PyArrow"])
@pytest.mark.parametrize("drop", WITHOUT)
def test_zero_rows_differ_where_the_bridge_has_fewer_columns(lines, engine, drop):
    sold = lines[0].drop_columns(list(drop))
    assert_equal(*(bridge(make(sold), drop=drop) for make in (ENGINES[engine], CONNECTION.from_arrow)))


def test_the_connection_stays_open(orders):
    summarise_rfm(CONNECTION.from_arrow(orders), as_of=AS_OF)
    assert CONNECTION.sql("select 1").fetchall() == [(1,)]


def test_a_million_orders_in_reasonable_time():
    rng = np.random.default_rng(1)
    n = 1_000_000
    frame = pd.DataFrame({"customer_id": rng.integers(0, 100_000, n).astype("str"), "refund_minor": 0})
    frame["revenue_minor"] = rng.integers(-500, 9000, n)
    frame["ordered_on"] = np.datetime64("2023-01-01", "us") + rng.integers(0, 500, n).astype("timedelta64[D]")
    frame["is_order"] = frame["revenue_minor"] > 0
    as_of, begin = dt.date(2024, 5, 31), time.perf_counter()
    total = summarise_segments(OF_ORDERS["segments"](frame))
    table = cohort_table(frame, as_of=as_of, first_orders="observed")
    second = time_to_second_order(frame, as_of=as_of, first_orders="observed")
    survival_table(second["days"], second["ordered_again"], TERMS)
    assert time.perf_counter() - begin < 45
    assert total["n_customers"].sum() == frame["customer_id"].nunique()
    assert table["n_orders"].sum() == frame["is_order"].sum()
