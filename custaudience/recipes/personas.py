"""Whom to target at a date: the personas of a study."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from custaudience.audience import Persona, build_personas, holds_since
from custaudience.customers.drivers.study import discount_column
from custaudience.customers.features.features import category_sales, counted_orders
from custaudience.recipes.customers import clusters_at, segments_at
from custaudience.study import Study


def personas_at(study: Study, as_of: dt.date, *, n_months: int = 6, review_months: int = 3) -> tuple[Persona, ...]:
    """Return the personas of a study at a date: of the groups that were found, of the RFM segments where none were.

    Parameters
    ----------
    study : Study
        With transactions; products, customers, contacts and responses are used where there are.
    as_of : date
        Last day that counts, inclusive.
    n_months : int
        Month ends looked back at, to say since when an RFM segment holds. Groups that were found are not matched
        over time, so nothing is said of them.
    review_months : int
        After so many months a persona is to be looked at again.

    Returns
    -------
    tuple of Persona
        Aggregates only; see `build_personas`.
    """
    groups = clusters_at(study, as_of)
    labels = groups.labels.set_index("customer_id")["group"].astype("str")
    history = {as_of: labels}
    if groups.basis == "rfm":
        for day in pd.date_range(end=as_of, periods=n_months + 1, freq="ME").date:
            if study.first_day <= day < as_of:
                history[day] = segments_at(study, day).set_index("customer_id")["segment"].astype("str")
    transactions = study.table("transactions")
    products = study.table("products") if "products" in study.tables else None
    sales = category_sales(
        transactions, counted_orders(study.orders(as_of), until=as_of), products, discount=discount_column(transactions)
    )
    sent = {name: _until(study, name, as_of) for name in ("contacts", "responses") if name in study.tables}
    return build_personas(
        groups.features,
        groups.segments if groups.basis == "found" else labels,
        currency=study.currency,
        study=study.name,
        category_sales=sales,
        profiles=groups.profiles,
        since=holds_since(history, min_group_size=study.min_group_size),
        review_months=review_months,
        caveats=study.caveats,
        min_group_size=study.min_group_size,
        **sent,
    )


def _until(study: Study, name: str, as_of: dt.date) -> pd.DataFrame:
    """Return contacts or responses up to a date, as far as the table has dates."""
    table = study.table(name).df()
    dates = [column for column in ("sent_at", "responded_on") if column in table]
    for column in dates:
        table = table[pd.to_datetime(table[column]) < pd.Timestamp(as_of) + pd.Timedelta(days=1)]
    return table.reset_index(drop=True)
