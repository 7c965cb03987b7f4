"""What the first few orders of a customer show: as many orders of everybody, so that shares can be compared."""

from __future__ import annotations

import datetime as dt

import narwhals as nw
from narwhals.typing import IntoFrame

from custaudience.customers.features.features import CustomerFeatures, customer_features
from custaudience.customers.ground import orders_until
from custaudience.evidence import Terms
from custaudience.study.orders import orders_of

LATER = ("n_orders", "revenue_total", "days_since_last_order", "tenure", "first_category", "first_product")
"""Columns that are the same for all, count up to the date, or stand among the attributes of new customers already."""


def early_features(
    transactions: IntoFrame,
    products: IntoFrame | None = None,
    *,
    as_of: dt.date,
    n_orders: int = 3,
    minor_digits: int = 2,
    n_categories: int = 8,
    discount: str = "discount_minor",
) -> CustomerFeatures | None:
    """Describe customers by their first orders only.

    Parameters
    ----------
    transactions, products, as_of, minor_digits, n_categories, discount
        As in `customer_features`.
    n_orders : int
        So many first orders that count; customers with fewer are left out.

    Returns
    -------
    CustomerFeatures, or None when nobody has so many orders
        Without attributes. Where the data begin after first orders, of the first orders in the data. Orders of one
        moment count together.
    """
    orders = nw.from_native(orders_of(transactions, as_of=as_of))
    place = nw.col("ordered_at").rank(method="dense").over("customer_id")
    counted = (
        orders_until(orders.to_native(), as_of, "order_id", "ordered_at", "is_order")
        .filter(nw.col("is_order"))
        .with_columns(place=place.cast(nw.Int64))
    )
    early = counted.filter(nw.col("place") <= n_orders)
    enough = (
        early.group_by("customer_id")
        .agg(nw.col("place").max().alias("reached"))
        .filter(nw.col("reached") >= n_orders)
        .select("customer_id")
    )
    kept = early.join(enough, on="customer_id", how="inner").select("customer_id", "order_id")
    lines = nw.from_native(transactions).lazy().join(kept, on=["customer_id", "order_id"], how="inner")
    if not len(kept.head(1).collect()):
        return None
    return customer_features(
        lines.to_native(),
        None,
        products,
        terms=Terms(as_of, minor_digits=minor_digits),
        n_categories=n_categories,
        discount=discount,
    )
