"""Customers described and grouped at a date: segments, drivers, second orders, groups found."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import replace
from typing import Any

import pandas as pd

from custaudience.customers import (
    CustomerFeatures,
    DriverTests,
    assign_segments,
    choose_k,
    customer_features,
    describe_segments,
    score_rfm,
    segment_customers,
    segment_rules,
    segment_stability,
    summarise_rfm,
    time_to_second_order,
)
from custaudience.customers.drivers.study import (
    DriverStudy,
    SecondOrderStudy,
    cut_day,
    discount_column,
    driver_study,
    second_order_study,
)
from custaudience.customers.segments import search
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Terms
from custaudience.recipe_cache import cached
from custaudience.study import Study


def segments_at(study: Study, as_of: dt.date, *, n_scores: int = 5) -> pd.DataFrame:
    """Return each customer's RFM segment at a date, as notebook 30 shows it; see `assign_segments`. Private."""
    orders = study.orders(as_of)
    summary = summarise_rfm(orders, as_of=as_of, minor_digits=study.minor_digits)
    return assign_segments(score_rfm(summary, as_of=as_of, n_scores=n_scores, minor_digits=study.minor_digits))


@cached("transactions", "customers", "products")
def drivers_at(
    study: Study,
    as_of: dt.date,
    *,
    cut: dt.date | None = None,
    n_categories: int = 4,
    n_permutations: int = 1000,
    n_repeats: int = 2,
    seed: int = 0,
) -> DriverStudy:
    """Return which differences between customers go with what they did later, as notebook 33 shows it. Private.

    `cut` is the first day of the outcomes, by default that of the last quarter of the history in whole months, see
    `cut_day`; customers are described by the days before it. A history shorter than two months is refused.
    """
    cut = cut or cut_day(study.first_day, as_of)
    if cut > as_of:
        raise ValueError(f"cut: {cut} lies after as_of {as_of}. Choose an earlier cut.")
    terms, how = study.terms(as_of, seed=seed), DriverTests(n_permutations, n_repeats)
    features = _features(study, terms, until=cut - dt.timedelta(days=1), n_categories=n_categories)
    transactions, _, products = customer_tables(study)
    return driver_study(transactions, features, products, terms, how=how)


def second_orders_at(
    study: Study, as_of: dt.date, *, n_permutations: int = 1000, n_repeats: int = 2, seed: int = 0
) -> SecondOrderStudy:
    """Return which first order leads to a second, as notebook 33 shows it; refused where first orders are not seen."""
    waits = time_to_second_order(study.orders(as_of), as_of=as_of, first_orders=study.first_orders)
    terms, how = study.terms(as_of, seed=seed), DriverTests(n_permutations, n_repeats)
    return second_order_study(study.table("transactions"), waits, _features(study, terms), terms, how=how)


@cached("transactions", "customers", "products")
def clusters_at(
    study: Study,
    as_of: dt.date,
    *,
    view: search.View = "auto",
    min_orders: int = 2,
    most_groups: int = 8,
    n_categories: int = 8,
    n_permutations: int = 200,
    n_runs: int = 50,
    seed: int = 0,
) -> search.CustomerGroups:
    """Return the groups of customers at a date, as notebook 34 finds them step by step; RFM segments where none are.

    Private. `view` and `min_orders` are of `plan_search`; `most_groups` is the largest number tried, 2 or more;
    `n_categories` and `n_permutations` are of `drivers_at`, which says what matters; `n_runs` of `segment_stability`.
    """
    terms = replace(study.terms(as_of, seed=seed), least=max(10, study.min_group_size))
    features, drivers = _features(study, terms, n_categories=n_categories), None
    with contextlib.suppress(HistoryError, EmptyTableError):  # too short a history to test anything
        drivers = drivers_at(
            study, as_of, n_categories=n_categories, n_permutations=n_permutations, n_repeats=1, seed=seed
        ).drivers
    plan = search.plan_search(features, drivers, view=view, min_orders=min_orders)
    count = choose_k(plan.matrix, k_range=range(2, most_groups + 1), preparation=plan.preparation, seed=seed)
    segments = segment_customers(plan.matrix, count.k, preparation=plan.preparation, seed=seed)
    if segments.k > 1:
        profiles = describe_segments(plan.matrix, segments, terms=terms)
        stability = segment_stability(segments, plan.matrix, n_runs=n_runs, seed=seed)
        rules = segment_rules(plan.matrix, segments, terms=terms)
        labels = search.label_customers(plan, segments, features)
        return search.CustomerGroups(labels, "found", features, plan, count, segments, profiles, stability, rules)
    labels = search.rule_labels(segments_at(study, as_of))
    described = search.describe_rule_groups(features, labels, terms)
    return search.CustomerGroups(labels, "rfm", features, plan, count, segments, described, None, None)


def _features(study: Study, terms: Terms, **how: Any) -> CustomerFeatures:
    transactions, customers, products = customer_tables(study)
    discount = discount_column(transactions)
    return customer_features(transactions, customers, products, terms=terms, discount=discount, **how)


def customer_tables(study: Study) -> tuple[Any, Any, Any]:
    """Return transactions, and customers and products where they are and can be joined, else None."""
    transactions = study.table("transactions")
    customers = study.table("customers") if "customers" in study.tables else None
    linked = "products" in study.tables and "product_id" in transactions.columns
    return transactions, customers, study.table("products") if linked else None
