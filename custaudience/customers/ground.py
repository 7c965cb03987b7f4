"""The ground of all customer analyses: orders and lines until a date, checked once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals as nw
import pyarrow as pa
from narwhals.typing import IntoFrame

from custaudience.errors import ColumnError, EmptyTableError, near_miss


def orders_until(orders: IntoFrame, as_of: dt.date, *columns: str) -> nw.LazyFrame[Any]:
    """Return the rows of `orders` on or before `as_of` as a lazy Narwhals frame, columns checked."""
    frame = _checked(
        "orders", orders, as_of, ("ordered_on", *columns), "Make orders with custaudience.study.orders_of."
    )
    schema = frame.collect_schema()
    if schema["ordered_on"] == nw.Object:  # pandas keeps datetime.date values as objects
        frame = frame.with_columns(nw.col("ordered_on").cast(nw.Datetime("us")))
    day = dt.date(as_of.year, as_of.month, as_of.day)
    # engines disagree on comparing dates with datetimes, so the literal takes the column's own type
    last = day if schema["ordered_on"] == nw.Date else dt.datetime.combine(day, dt.time.max)
    return frame.filter(nw.col("ordered_on") <= last)


def _checked(name: str, rows: IntoFrame, as_of: dt.date, columns: tuple[str, ...], hint: str) -> nw.LazyFrame[Any]:
    """Return a frame as a lazy Narwhals frame that has these columns; `hint` says what to do about a missing one."""
    if not isinstance(as_of, dt.date):
        raise ValueError(f"as_of: expected a datetime.date, got {as_of!r}")
    frame = nw.from_native(rows).lazy()
    schema = frame.collect_schema()
    for column in ("customer_id", *columns):
        if column not in schema:
            has = ", ".join(map(repr, schema))
            raise ColumnError(f"{name}: column {column!r} not found; it has {has}.{near_miss(column, schema)} {hint}")
    return frame


def lines_until(
    transactions: IntoFrame, as_of: dt.date, *columns: str, since: dt.date | None = None
) -> nw.LazyFrame[Any]:
    """Return order lines from `since` to `as_of`, both inclusive, as a lazy Narwhals frame, columns checked."""
    hint = "What products.csv knows can be joined on product_id first."
    frame = _checked("transactions", transactions, as_of, ("ordered_at", *columns), hint)
    frame = frame.filter(nw.col("ordered_at") < dt.datetime.combine(as_of + dt.timedelta(days=1), dt.time()))
    if since is not None:
        frame = frame.filter(nw.col("ordered_at") >= dt.datetime.combine(since, dt.time()))
    return frame


def collect_customers(lazy: nw.LazyFrame[Any], as_of: dt.date) -> pa.Table:
    """Run a reduction with a ``customer_id`` and return it as Arrow, ids as text; refuse an empty one."""
    table = lazy.collect(backend="pyarrow").to_native()
    if not len(table):
        raise EmptyTableError(
            f"no order on or before {as_of:%Y-%m-%d}. Choose a later as_of, or check the dates in the data."
        )
    index = table.column_names.index("customer_id")
    return table.set_column(index, "customer_id", table["customer_id"].cast(pa.large_string()))
