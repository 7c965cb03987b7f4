"""The ideal customers of a study at a date."""

from __future__ import annotations

import datetime as dt
from typing import Any

from custaudience.audience.ideal.customers import Ask, IdealCustomers, ideal_customers
from custaudience.audience.ideal.early import early_features
from custaudience.audience.ideal.later import IdealLater, follow_ideal
from custaudience.customers.drivers.study import discount_column
from custaudience.customers.features.features import CustomerFeatures
from custaudience.errors import EmptyTableError
from custaudience.recipe_cache import cached
from custaudience.study import Study


@cached("transactions", "survey", "contacts", "responses", "campaigns")
def ideal_customers_at(
    study: Study,
    as_of: dt.date,
    *,
    min_orders: int = 3,
    min_span_days: int = 90,
    top_share: float = 0.2,
    overdue_share: float = 0.95,
    satisfied_from: float | None = None,
    satisfaction_column: str = "",
    min_responses: int = 1,
    ask: Ask = "all",
) -> IdealCustomers:
    """Return the ideal customers of a date, as notebook 40 shows them.

    Parameters
    ----------
    study : Study
        With transactions; survey, contacts, responses and campaigns are used where there are.
    as_of : date
        Last day that counts, inclusive.
    min_orders, min_span_days, top_share, overdue_share, satisfied_from, satisfaction_column, min_responses, ask
        As in `ideal_customers`.

    Returns
    -------
    IdealCustomers
        Private: its table has customer ids.

    Raises
    ------
    EmptyTableError
        If nobody has an order that counts.
    ParameterError
        If a cut-off cannot be.
    """
    known: dict[str, Any] = {
        name: study.table(name) if name in study.tables else None
        for name in ("survey", "contacts", "responses", "campaigns")
    }
    return ideal_customers(
        study.orders(as_of),
        as_of=as_of,
        **known,
        min_orders=min_orders,
        min_span_days=min_span_days,
        top_share=top_share,
        overdue_share=overdue_share,
        satisfied_from=satisfied_from,
        satisfaction_column=satisfaction_column,
        min_responses=min_responses,
        ask=ask,
        minor_digits=study.minor_digits,
    )


def first_orders_at(study: Study, as_of: dt.date, *, n_orders: int = 3) -> CustomerFeatures | None:
    """Return what each customer's first orders were like, None where nobody has so many; see `early_features`."""
    transactions = study.table("transactions")
    linked = "products" in study.tables and "product_id" in transactions.columns
    return early_features(
        transactions,
        study.table("products") if linked else None,
        as_of=as_of,
        n_orders=n_orders,
        minor_digits=study.minor_digits,
        discount=discount_column(transactions),
    )


def ideal_later_at(study: Study, ideal: IdealCustomers, earlier: dt.date, *, ask: Ask = "all") -> IdealLater | None:
    """Follow those who were ideal on an earlier day by the same cut-offs; None where nobody could be.

    Parameters
    ----------
    study : Study
    ideal : IdealCustomers
        Of the later date.
    earlier : date
    ask
        As it was asked for `ideal`.
    """
    cut = ideal.cut_offs
    try:
        before = ideal_customers_at(
            study,
            earlier,
            min_orders=cut.min_orders,
            min_span_days=cut.min_span_days,
            top_share=cut.top_share,
            overdue_share=cut.overdue_share,
            satisfied_from=cut.satisfied_from,
            satisfaction_column=ideal.satisfaction_column,
            min_responses=cut.min_responses,
            ask=ask,
        )
    except EmptyTableError:  # nobody had ordered by then
        return None
    return follow_ideal(before, ideal) if before.n_ideal and ideal.n_ideal else None
