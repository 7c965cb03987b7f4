"""The study of drivers as time demands it: what was known before a day against what was done from it on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.drivers.drivers import Drivers, find_drivers
from custaudience.customers.features.attributes import CATEGORY_SHARE
from custaudience.customers.features.features import CustomerFeatures, category_sales, counted_orders, customer_features
from custaudience.customers.rfm.scores import summarise_rfm
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Terms
from custaudience.study.orders import orders_of
from custaudience.study.proposing.vocabulary import plain_name

_MEANINGS = {
    "bought_again": "at least one order in the outcome period",
    "n_orders": "orders in the outcome period, 0 for those without",
    "revenue_of_buyers": "net revenue of the orders of the outcome period, for those with one",
}


_LONGEST_MONTHS = 12
_DISCOUNT_WORDS = {"discount", "disc", "rebate", "знижка", "скидка", "giảm", "khấu"}


@dataclass(frozen=True)
class DriverStudy:
    """Features before a day, outcomes from it on, and what goes with what.

    Attributes
    ----------
    features : CustomerFeatures
        Of customers with an order before `cut`.
    outcomes : DataFrame
        ``customer_id``, ``bought_again``, ``n_orders``, ``revenue_of_buyers``, ``category_share: NAME`` of the
        features' categories (of buyers; NaN without an order in the period).
    outcome_dictionary : DataFrame
        ``column``, ``meaning``.
    drivers : Drivers
        Its ``variables`` also list what `customer_features` left out.
    cut, as_of : date
        First and last day of the outcome period.
    """

    features: CustomerFeatures
    outcomes: pd.DataFrame
    outcome_dictionary: pd.DataFrame
    drivers: Drivers
    cut: dt.date
    as_of: dt.date


def driver_study(
    transactions: IntoFrame,
    customers: IntoFrame | None = None,
    products: IntoFrame | None = None,
    *,
    cut: dt.date,
    as_of: dt.date,
    minor_digits: int = 2,
    n_categories: int = 8,
    discount: str = "discount_minor",
    **options: float | int,
) -> DriverStudy:
    """Test what was known of customers before a day against what they did from that day on.

    Parameters
    ----------
    transactions, customers, products, minor_digits, n_categories, discount
        As in `customer_features`.
    cut : date
        First day of the outcomes; features are of the days before it.
    as_of : date
        Last day of the outcomes, inclusive.
    **options
        Of `find_drivers`: ``false_discovery_rate``, ``worthwhile``, ``n_permutations``, ``seed``, ….

    Returns
    -------
    DriverStudy

    Raises
    ------
    EmptyTableError
        If nobody has an order before `cut`.
    HistoryError
        If no order of these customers lies between `cut` and `as_of`.
    ValueError
        If `cut` lies after `as_of`.

    Notes
    -----
    Spending has many zeros, so it is taken in two parts: who bought at all, and how much buyers spent.
    Attributes are not held against the first order, nor the first order against the later course (number of
    orders, recency): through what came later they may work. Refunds after `cut` of orders before it are in
    neither part. The customers table has no dates: an attribute written after `cut` cannot be told, see
    `customer_features`.
    """
    if cut > as_of:
        raise ValueError(f"cut: {cut} lies after as_of {as_of}. Choose an earlier cut.")
    before = cut - dt.timedelta(days=1)
    features = customer_features(
        transactions,
        customers,
        products,
        terms=Terms(as_of, minor_digits=minor_digits),
        until=before,
        n_categories=n_categories,
        discount=discount,
    )
    outcomes = _outcomes(transactions, products, features, cut, as_of, minor_digits)
    kinds = features.dictionary.set_index("column")["kind"]
    stages = {c: 0 if kind == "attribute" else 1 if c.startswith("first_") else 2 for c, kind in kinds.items()}
    drivers = find_drivers(features.table, outcomes, stages=stages, **options)  # type: ignore[arg-type]
    more = features.left_out.rename(columns={"column": "variable"}).assign(verdict="left_out", outcomes="", type="")
    variables = pd.concat([drivers.variables, more], ignore_index=True)
    meanings = [(c, _MEANINGS.get(c, "share of the sales to them in the outcome period")) for c in outcomes.columns[1:]]
    return DriverStudy(
        features=features,
        outcomes=outcomes,
        outcome_dictionary=pd.DataFrame(meanings, columns=["column", "meaning"]),
        drivers=replace(drivers, variables=variables),
        cut=cut,
        as_of=as_of,
    )


def _outcomes(
    transactions: IntoFrame,
    products: IntoFrame | None,
    features: CustomerFeatures,
    cut: dt.date,
    as_of: dt.date,
    minor_digits: int,
) -> pd.DataFrame:
    ids = pd.Index(features.table["customer_id"])
    orders = orders_of(transactions, as_of=as_of)
    later = nw.from_native(orders).lazy().filter(nw.col("ordered_on") >= dt.datetime.combine(cut, dt.time()))
    try:
        summary = summarise_rfm(later.to_native(), as_of=as_of, minor_digits=minor_digits).set_index("customer_id")
    except EmptyTableError:
        summary = pd.DataFrame(columns=["n_orders", "revenue_total"])
    mine = summary.reindex(ids)
    n_orders = mine["n_orders"].fillna(0).astype("int64")
    if not n_orders.any():
        raise HistoryError(
            f"none of the {len(ids):,} customers of before {cut} has an order from then to {as_of}. "
            "Choose an earlier cut, or a later as_of if the data reach further."
        )
    bought = n_orders > 0
    table = pd.DataFrame(
        {
            "bought_again": bought,
            "n_orders": n_orders,
            "revenue_of_buyers": mine["revenue_total"].astype("float64").where(bought),
        }
    )
    if features.categories:
        sales = category_sales(transactions, counted_orders(orders, since=cut, until=as_of), products)
        sales["customer_id"] = sales["customer_id"].astype("str")
        total = sales.groupby("customer_id")["sales_minor"].sum().reindex(ids)
        for name in features.categories:
            part = sales[sales["category"] == name].groupby("customer_id")["sales_minor"].sum().reindex(ids)
            table[f"{CATEGORY_SHARE}{name}"] = (part.fillna(0) / total).where(bought).astype("float64")
    return table.replace([np.inf, -np.inf], np.nan).rename_axis("customer_id").reset_index()


def cut_day(first_day: dt.date, as_of: dt.date) -> dt.date:
    """Return the first day of the outcomes: the last quarter of the history, in whole months, a year at most.

    Raises
    ------
    HistoryError
        If the history is shorter than two months.

    Examples
    --------
    >>> cut_day(dt.date(2017, 1, 1), dt.date(2017, 12, 31))
    datetime.date(2017, 10, 1)
    """
    after = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    months = 12 * (after.year - first_day.year) + after.month - first_day.month - (after.day < first_day.day)
    if months < 2:
        raise HistoryError(
            f"the data run from {first_day} to {as_of}: less than two months. A day to cut at needs a month before it "
            "to describe customers, and a month after it to see what they did."
        )
    return (after - pd.DateOffset(months=min(_LONGEST_MONTHS, max(1, months // 4)))).date()


def discount_column(transactions: IntoFrame) -> str:
    """Return the column of the order lines that says what was taken off: the declared one, else one by its name.

    Without one, the declared name is returned; what is absent is not used.
    """
    schema = nw.from_native(transactions).lazy().collect_schema()
    declared = "discount_minor"
    if declared in schema:
        return declared
    named = [c for c, type_ in schema.items() if type_.is_numeric() and _DISCOUNT_WORDS & set(plain_name(c).split())]
    return named[0] if named else declared
