"""Customers described and grouped at a date: segments, drivers, second orders, groups found."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import pandas as pd

from custaudience.customers import (
    assign_segments,
    choose_k,
    customer_features,
    describe_segments,
    score_rfm,
    segment_customers,
    segment_rules,
    segment_stability,
    summarise_rfm,
)
from custaudience.customers.cohorts.second_order_study import SecondOrderStudy, second_order_study
from custaudience.customers.drivers.study import DriverStudy, cut_day, discount_column, driver_study
from custaudience.customers.segments.search import (
    CustomerGroups,
    View,
    describe_rule_groups,
    label_customers,
    plan_search,
    rule_labels,
)
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.recipe_cache import cached
from custaudience.study import Study


def segments_at(study: Study, as_of: dt.date, *, n_scores: int = 5) -> pd.DataFrame:
    """Return each customer's RFM segment at a date, as notebook 30 shows it step by step.

    Parameters
    ----------
    study : Study
        With transactions.
    as_of : date
        Last day that counts, inclusive.
    n_scores : int
        Scores asked for per dimension.

    Returns
    -------
    DataFrame, one row per customer
        As `assign_segments` gives it. Private: it has customer ids.
    """
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
    false_discovery_rate: float = 0.05,
    seed: int = 0,
) -> DriverStudy:
    """Return which differences between customers go with what they did later, as notebook 33 shows it.

    Parameters
    ----------
    study : Study
        With transactions; customers and products are used where there are.
    as_of : date
        Last day that counts, inclusive.
    cut : date, optional
        First day of the outcomes; customers are described by the days before it. By default the outcomes are
        the last quarter of the history, in whole months, see `cut_day`.
    n_categories : int
        Largest product categories whose shares are described, before and after.
    n_permutations, n_repeats, false_discovery_rate, seed
        Of `find_drivers`.

    Returns
    -------
    DriverStudy
        Private: its features and outcomes have customer ids.

    Raises
    ------
    HistoryError
        If the history is shorter than two months, or nobody of before the cut ordered after it.
    """
    transactions, customers, products = _customer_tables(study)
    return driver_study(
        transactions,
        customers,
        products,
        cut=cut or cut_day(study.first_day, as_of),
        as_of=as_of,
        minor_digits=study.minor_digits,
        n_categories=n_categories,
        discount=discount_column(transactions),
        n_permutations=n_permutations,
        n_repeats=n_repeats,
        false_discovery_rate=false_discovery_rate,
        min_group=max(10, study.min_group_size),
        seed=seed,
    )


def second_orders_at(
    study: Study, as_of: dt.date, *, n_permutations: int = 1000, n_repeats: int = 2, seed: int = 0
) -> SecondOrderStudy:
    """Return which first order leads to a second, as notebook 33 shows it.

    Parameters
    ----------
    study : Study
        With transactions; customers and products are used where there are.
    as_of : date
        Last day that counts, inclusive.
    n_permutations, n_repeats, seed
        Of `find_drivers`.

    Raises
    ------
    HistoryError
        If first orders lie before the data, or customers were hardly watched after theirs.
    """
    transactions, customers, products = _customer_tables(study)
    return second_order_study(
        transactions,
        customers,
        products,
        as_of=as_of,
        first_orders=study.first_orders,
        minor_digits=study.minor_digits,
        discount=discount_column(transactions),
        min_group_size=max(30, study.min_group_size),
        min_group=max(10, study.min_group_size),
        n_permutations=n_permutations,
        n_repeats=n_repeats,
        seed=seed,
    )


@cached("transactions", "customers", "products")
def clusters_at(
    study: Study,
    as_of: dt.date,
    *,
    view: View = "auto",
    min_orders: int = 2,
    most_groups: int = 8,
    n_categories: int = 8,
    n_permutations: int = 200,
    n_runs: int = 50,
    seed: int = 0,
) -> CustomerGroups:
    """Return the groups of customers at a date, as notebook 34 finds them step by step; RFM segments where none are.

    Parameters
    ----------
    study : Study
        With transactions; customers and products are used where there are.
    as_of : date
        Last day that counts, inclusive.
    view, min_orders
        Of `plan_search`.
    most_groups : int
        The largest number tried, 2 or more.
    n_categories, n_permutations
        Of `drivers_at`, which says what matters.
    n_runs : int
        Of `segment_stability`.
    seed : int

    Returns
    -------
    CustomerGroups
        Private: it has customer ids.
    """
    known = {name: study.table(name) if name in study.tables else None for name in ("customers", "products")}
    transactions = study.table("transactions")
    features = customer_features(
        transactions,
        known["customers"],
        known["products"],
        as_of=as_of,
        minor_digits=study.minor_digits,
        n_categories=n_categories,
        discount=discount_column(transactions),
    )
    drivers = None
    with contextlib.suppress(HistoryError, EmptyTableError):  # too short a history to test anything
        drivers = drivers_at(
            study, as_of, n_categories=n_categories, n_permutations=n_permutations, n_repeats=1, seed=seed
        ).drivers
    plan = plan_search(features, drivers, view=view, min_orders=min_orders)
    count = choose_k(plan.matrix, k_range=range(2, most_groups + 1), preparation=plan.preparation, seed=seed)
    segments = segment_customers(plan.matrix, count.k, preparation=plan.preparation, seed=seed)
    least = max(10, study.min_group_size)
    if segments.k > 1:
        profiles = describe_segments(plan.matrix, segments, min_group_size=least, seed=seed)
        stability = segment_stability(segments, plan.matrix, n_runs=n_runs, seed=seed)
        rules = segment_rules(plan.matrix, segments, seed=seed)
        labels = label_customers(plan, segments, features)
        return CustomerGroups(labels, "found", features, plan, count, segments, profiles, stability, rules)
    labels = rule_labels(segments_at(study, as_of))
    described = describe_rule_groups(features, labels, min_group_size=least, seed=seed)
    return CustomerGroups(labels, "rfm", features, plan, count, segments, described, None, None)


def _customer_tables(study: Study) -> tuple[Any, Any, Any]:
    """Return transactions, and customers and products where they are and can be joined, else None."""
    transactions = study.table("transactions")
    customers = study.table("customers") if "customers" in study.tables else None
    linked = "products" in study.tables and "product_id" in transactions.columns
    return transactions, customers, study.table("products") if linked else None
