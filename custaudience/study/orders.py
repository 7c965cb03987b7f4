"""Lines netted to orders."""

from __future__ import annotations

import datetime as dt

import narwhals as nw
from narwhals.typing import IntoFrame

_COLUMNS = (
    "customer_id", "order_id", "ordered_at", "ordered_on", "revenue_minor", "refund_minor", "n_lines", "is_order",
)  # fmt: skip


def orders_of(transactions: IntoFrame, *, as_of: dt.date) -> IntoFrame:
    """Net order lines to orders.

    Parameters
    ----------
    transactions : any frame Narwhals reads, one row per order line
        With ``customer_id``, ``order_id``, ``ordered_at`` (naive local time) and ``revenue_minor`` (integer
        minor units; refunds negative), as `Study.table` gives them.
    as_of : date
        Last day that counts, inclusive; later lines do not exist.

    Returns
    -------
    frame of the same kind, lazy if the input is lazy, one row per customer and order
        ``customer_id``, ``order_id``, ``ordered_at`` (its earliest line), ``ordered_on`` (its
        day, as a datetime at midnight: pandas has no date type), ``revenue_minor`` (net), ``refund_minor`` (the
        refunded part, 0 or more), ``n_lines``, and
        ``is_order``: True when the net revenue is positive. Rows without it (refunds of earlier orders,
        orders of zero) lower revenue but are no order: they count neither for frequency nor for recency.

    Notes
    -----
    The earliest line dates the order, so that a later partial refund does not make a customer look active.
    """
    frame = nw.from_native(transactions)
    end = dt.datetime.combine(as_of + dt.timedelta(days=1), dt.time())
    revenue = nw.col("revenue_minor")
    refund = nw.when(revenue < 0).then(-revenue).otherwise(nw.lit(0))
    orders = (
        frame.filter(nw.col("ordered_at") < end)
        .with_columns(refund_minor=refund)
        .group_by("customer_id", "order_id")
        .agg(nw.col("ordered_at").min(), revenue.sum(), nw.col("refund_minor").sum(), nw.len().alias("n_lines"))
        .with_columns(
            # DuckDB sums integers to HUGEINT, which would leave as float
            nw.col("revenue_minor", "refund_minor", "n_lines").cast(nw.Int64),
            ordered_on=nw.col("ordered_at").dt.truncate("1d"),
            is_order=revenue > 0,
        )
        .select(*_COLUMNS)
    )
    return orders.to_native()
