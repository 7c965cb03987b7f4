"""The few compositions that several notebooks need, each a function of a study and a date."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import replace
from typing import Any

import narwhals as nw
import pandas as pd

from custaudience.audience import Persona, build_personas, holds_since
from custaudience.customers import (
    assign_segments,
    choose_k,
    classify_lifecycle,
    customer_features,
    describe_segments,
    regular_buyers,
    score_rfm,
    segment_customers,
    segment_rules,
    segment_stability,
    summarise_rfm,
)
from custaudience.customers.affinity.offers import Offer
from custaudience.customers.affinity.product_kinds import choose_level, with_items
from custaudience.customers.cohorts.second_order_study import SecondOrderStudy, second_order_study
from custaudience.customers.contacts.lists import ANY_ORDER, NO_PRODUCTS, ContactLists, make_contact_lists
from custaudience.customers.contacts.offers import choose_contact_offer, missed_or_reason
from custaudience.customers.drivers.study import DriverStudy, cut_day, discount_column, driver_study
from custaudience.customers.features.features import category_sales, counted_orders
from custaudience.customers.segments.search import (
    CustomerGroups,
    View,
    describe_rule_groups,
    label_customers,
    plan_search,
    rule_labels,
)
from custaudience.errors import ColumnError, EmptyTableError, HistoryError
from custaudience.recipe_cache import cached
from custaudience.study import Study
from custaudience.study.consent import read_consent


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
        first_orders=study.first_orders,  # type: ignore[arg-type]
        minor_digits=study.minor_digits,
        discount=discount_column(transactions),
        min_group_size=max(30, study.min_group_size),
        min_group=max(10, study.min_group_size),
        n_permutations=n_permutations,
        n_repeats=n_repeats,
        seed=seed,
    )


def _customer_tables(study: Study) -> tuple[Any, Any, Any]:
    """Return transactions, and customers and products where they are and can be joined, else None."""
    transactions = study.table("transactions")
    customers = study.table("customers") if "customers" in study.tables else None
    linked = "products" in study.tables and "product_id" in transactions.columns
    return transactions, customers, study.table("products") if linked else None


def contact_lists_at(
    study: Study,
    as_of: dt.date,
    *,
    level: str = "",
    bought: str = "",
    missing: str = "",
    window_days: int = 30,
    offer: Offer | None = None,
) -> ContactLists:
    """Return whom to write to and why: who is overdue, misses what goes with a purchase, buys at a steady pace.

    Parameters
    ----------
    study : Study
        With transactions; products and customers (for their consent) are used where there are.
    as_of : date
        Last day that counts, inclusive.
    level : str
        Column of the products, or ``product_id``, that names what is bought; by default the finest kinds there are,
        see `choose_level`.
    bought, missing : str
        The list ``missing`` is of those who bought the one and none of the other, several between semicolons. By
        default the thing in most baskets that has strong partners, and these partners; where no partner is strong,
        the most certain of the weaker ones, see `choose_offer`.
    window_days : int
        What goes with a purchase may be bought so many days before or after.
    offer : Offer, optional
        In place of `bought` and `missing`: what was chosen at another date.

    Returns
    -------
    ContactLists
        Private: its table has customer ids. A list that the data cannot carry is refused with the reason.

    Raises
    ------
    EmptyTableError
        If no order counts by `as_of`.
    DataError
        If `bought` or `missing` name what is not sold, or the words of the column consent are not understood.
    """
    orders = study.orders(as_of)
    lifecycle = classify_lifecycle(orders, as_of=as_of)
    lines, level = _lines_with_items(study, level)
    refused, missed = {"missing": NO_PRODUCTS}, None
    if level:
        offer = offer or choose_contact_offer(lines, as_of=as_of, bought=bought, missing=missing)
        first, digits = study.config.study.first_orders, study.minor_digits
        missed, reason = missed_or_reason(
            lines, offer, as_of=as_of, window_days=window_days, first_orders=first, minor_digits=digits
        )
        refused = {"missing": reason} if reason else {}
    lists = make_contact_lists(
        lifecycle,
        segments_at(study, as_of),
        missed=missed,
        offer=offer,
        regular=regular_buyers(lines, as_of=as_of, level="item" if level else ANY_ORDER),
        consent=consent_of(study),
        refused=refused,
    )
    return replace(lists, level=level)


def earlier_contacts_at(study: Study, lists: ContactLists) -> tuple[dt.date, pd.DataFrame]:
    """Return who of those who may be written to now would have stood on the same lists a month ago.

    Parameters
    ----------
    study : Study
    lists : ContactLists
        From `contact_lists_at`.

    Returns
    -------
    date, DataFrame
        The earlier day: the end of the month before, or 30 days ago when the lists are not of a month's end. The
        rows of ``ContactLists.table`` as of that day, none where nobody had ordered by then. Private.
    """
    whole = (lists.as_of + dt.timedelta(days=1)).day == 1
    after = lists.as_of - dt.timedelta(days=lists.as_of.day if whole else 30)
    window = lists.missed.window_days if lists.missed is not None else 30
    try:
        then = contact_lists_at(study, after, level=lists.level, window_days=window, offer=lists.offer).table
    except EmptyTableError:
        then = lists.table.head(0)
    return after, then[then["may_write"] & ~then["list"].isin(set(lists.refused))].reset_index(drop=True)


def consent_of(study: Study) -> pd.Series | None:
    """Return who agreed to be written to, by ``customer_id``; None where the study has no such column. Private."""
    if "customers" not in study.tables or "consent" not in study.table("customers").columns:
        return None
    people = study.table("customers").select("customer_id, consent").df().set_index("customer_id")
    return read_consent(people["consent"], yes=study.config.tables["customers"].consent_yes)


def _lines_with_items(study: Study, level: str) -> tuple[Any, str]:
    """Return the order lines with the column ``item``, and the level it stands for; "" where nothing names products."""
    lines = study.table("transactions")
    if "product_id" not in lines.columns:
        if level:
            raise ColumnError(f"level = {level!r}: the order lines have no product_id, so nothing can be looked up.")
        return nw.from_native(lines).lazy().with_columns(nw.lit(ANY_ORDER).alias(ANY_ORDER)), ""
    products = study.table("products") if "products" in study.tables else None
    if not level:
        level = choose_level(products.df()) if products is not None else "product_id"
    return with_items(lines, lines if products is None else products, level), level


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
