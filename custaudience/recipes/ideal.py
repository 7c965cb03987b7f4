"""The ideal customers of a study at a date."""

from __future__ import annotations

import datetime as dt

from custaudience.audience.ideal.customers import IdealCustomers, IdealLater, follow_ideal, ideal_customers
from custaudience.audience.ideal.facts import CutOffs
from custaudience.audience.ideal.rule import early_features
from custaudience.customers.drivers.study import discount_column
from custaudience.customers.features.features import CustomerFeatures
from custaudience.errors import EmptyTableError
from custaudience.recipe_cache import cached
from custaudience.study import Study


@cached("transactions", "survey", "contacts", "responses", "campaigns")
def ideal_customers_at(study: Study, as_of: dt.date, cut_offs: CutOffs | None = None) -> IdealCustomers:
    """Return the ideal customers of a date, as notebook 40 shows them; private, since its table has customer ids.

    Survey, contacts, responses and campaigns are used where there are; see `ideal_customers`.
    """
    tables = ("survey", "contacts", "responses", "campaigns")
    known = {str(name): study.table(name) for name in tables if name in study.tables}
    return ideal_customers(study.orders(as_of), study.terms(as_of), cut_offs, known)


def first_orders_at(study: Study, as_of: dt.date, *, n_orders: int = 3) -> CustomerFeatures | None:
    """Return what each customer's first orders were like, None where nobody has so many; see `early_features`."""
    lines = study.table("transactions")
    products = study.table("products") if "products" in study.tables and "product_id" in lines.columns else None
    return early_features(lines, products, study.terms(as_of), n_orders=n_orders, discount=discount_column(lines))


def ideal_later_at(study: Study, ideal: IdealCustomers, earlier: dt.date) -> IdealLater | None:
    """Follow those who were ideal on an earlier day by the same cut-offs; None where nobody could be."""
    try:
        before = ideal_customers_at(study, earlier, ideal.cut_offs)
    except EmptyTableError:  # nobody had ordered by then
        return None
    return follow_ideal(before, ideal) if before.n_ideal and ideal.n_ideal else None
