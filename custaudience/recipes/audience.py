"""Whom to target at a date: the ideal customers of a study, its personas, and what became of those of earlier."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from custaudience.audience import (
    CutOffs,
    IdealCustomers,
    Persona,
    PersonaFrame,
    PersonaSources,
    build_personas,
    holds_since,
    ideal_customers,
    personas_from_json,
)
from custaudience.audience.ideal.customers import IdealLater, follow_ideal
from custaudience.audience.ideal.rule import early_features
from custaudience.audience.personas import months
from custaudience.audience.personas.words import name_numbers
from custaudience.customers import CustomerFeatures
from custaudience.customers.drivers.study import discount_column
from custaudience.customers.features.features import category_sales, counted_orders
from custaudience.customers.segments.search import CustomerGroups, group_table
from custaudience.errors import DataError, EmptyTableError
from custaudience.recipe_cache import cached
from custaudience.recipes.customers import clusters_at, customer_tables, segments_at
from custaudience.study import Study


@cached("transactions", "survey", "contacts", "responses", "campaigns")
def ideal_customers_at(study: Study, as_of: dt.date, cut_offs: CutOffs | None = None) -> IdealCustomers:
    """Return the ideal customers of a date, as notebook 40 shows them; private, since its table has customer ids."""
    tables = ("survey", "contacts", "responses", "campaigns")
    known = {str(name): study.table(name) for name in tables if name in study.tables}
    return ideal_customers(study.orders(as_of), study.terms(as_of), cut_offs, known)


def first_orders_at(study: Study, as_of: dt.date, *, n_orders: int = 3) -> CustomerFeatures | None:
    """Return what each customer's first orders were like, None where nobody has so many; see `early_features`."""
    lines, _, products = customer_tables(study)
    return early_features(lines, products, study.terms(as_of), n_orders=n_orders, discount=discount_column(lines))


def ideal_later_at(study: Study, ideal: IdealCustomers, earlier: dt.date) -> IdealLater | None:
    """Follow those who were ideal on an earlier day by the same cut-offs; None where nobody could be."""
    try:
        before = ideal_customers_at(study, earlier, ideal.cut_offs)
    except EmptyTableError:  # nobody had ordered by then
        return None
    return follow_ideal(before, ideal) if before.n_ideal and ideal.n_ideal else None


def persona_month_at(
    study: Study, as_of: dt.date, *, earlier: Sequence[Persona] = (), n_months: int = 6, review_months: int = 3
) -> months.PersonaMonth:
    """Return the personas of a study at a date, each beside the one it was at the end of the month before.

    `earlier` are those that were published of the month before: their names are kept. Without them the names are those
    that month would have had by itself. RFM segments are made by the same rules at both dates and matched by name.
    Groups that were found are looked for at the earlier date, too, and matched by their members; where RFM segments
    stand in for them, whether there were groups a month ago is not asked. Aggregates only.
    """
    last_month = as_of - dt.timedelta(days=as_of.day)
    day = last_month if study.first_day <= last_month else None
    try:
        groups = clusters_at(study, as_of)
    except EmptyTableError:
        return months.PersonaMonth((), pd.DataFrame(), as_of, day, "rfm", reason=months.NOBODY)
    least, is_found, names, changes = study.min_group_size, groups.basis == "found", None, pd.DataFrame()
    then = None if day is None else _earlier(study, day, is_found)
    if then is not None:
        now, (labels, spent) = _members(groups), then
        matches = months.match_groups(now, labels, by_name=not is_found, min_group_size=least)
        known = {persona.segment: persona.name_number for persona in earlier}
        of_before = name_numbers(sorted(set(labels.dropna().astype("str"))), known)
        names = months.carried_names(matches, of_before)
        of_now = name_numbers([str(name) for name in now.cat.categories], names)
        here = months.group_sizes(now, _revenue(groups), min_group_size=least)
        there = months.group_sizes(labels, spent, min_group_size=least)
        changes = months.persona_changes(matches, here, there, of_now, of_before)
    since: dict[str, dt.date | None] = {}
    if is_found and len(changes):
        since = {str(name): day for name in changes.loc[changes["state"].isin(["kept", "changed"]), "segment"]}
    since = since or _since(study, as_of, groups, n_months)
    personas = _built(study, as_of, groups, PersonaFrame(since=since, review_months=review_months, names=names))
    compared, searched_from = day if then is not None else None, groups.plan.min_orders if is_found else 1
    return months.PersonaMonth(personas, changes, as_of, compared, groups.basis, searched_from)


def published_personas(path: str | os.PathLike[str]) -> tuple[Persona, ...]:
    """Return the personas of a published month's ``personas.json``, given by its absolute path; none where empty."""
    if not str(path):
        return ()
    if not Path(path).is_absolute():
        raise DataError(f"{path}: give the absolute path of an earlier month's personas.json.")
    try:
        return personas_from_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{Path(path).name} of an earlier month cannot be read as personas: {error}. "
            "Leave it out, or publish that month again."
        ) from error


def _members(groups: CustomerGroups) -> pd.Series:
    """Return the group of each customer the search looked at; those placed afterwards are no members."""
    labels: pd.Series = groups.labels[groups.labels["searched"]].set_index("customer_id")["group"]
    return labels


def _revenue(groups: CustomerGroups) -> pd.Series:
    return groups.features.table.set_index("customer_id")["revenue_total"]


def _earlier(study: Study, day: dt.date, is_found: bool) -> tuple[pd.Series, pd.Series] | None:
    """Return groups and revenue of the customers at an earlier date, None where there were no customers."""
    try:
        if is_found:
            groups = clusters_at(study, day)
            return _members(groups), _revenue(groups)
        table = segments_at(study, day).set_index("customer_id")
    except EmptyTableError:
        return None
    ordered = table[table["n_orders"] > 0]
    return (ordered["segment"].astype("str"), ordered["revenue_total"]) if len(ordered) else None


def _labels(groups: CustomerGroups) -> pd.Series:
    return groups.labels.set_index("customer_id")["group"].astype("str")


def _since(study: Study, as_of: dt.date, groups: CustomerGroups, n_months: int) -> dict[str, dt.date | None]:
    """Return since when RFM segments hold, of groups that were found None."""
    history = {as_of: _labels(groups)}
    if groups.basis != "found":
        for day in pd.date_range(end=as_of, periods=n_months + 1, freq="ME").date:
            if study.first_day <= day < as_of:
                history[day] = segments_at(study, day).set_index("customer_id")["segment"].astype("str")
    return holds_since(history, min_group_size=study.min_group_size)


def _built(study: Study, as_of: dt.date, groups: CustomerGroups, frame: PersonaFrame) -> tuple[Persona, ...]:
    lines, _customers, products = customer_tables(study)
    counted = counted_orders(study.orders(as_of), until=as_of)
    is_found = groups.basis == "found"
    contacts, responses = (study.table(n) if n in study.tables else None for n in ("contacts", "responses"))
    sources = PersonaSources(
        groups.features, groups.segments if is_found else _labels(groups), contacts=contacts, responses=responses,
        category_sales=category_sales(lines, counted, products, discount=discount_column(lines)),
        orders_from=groups.plan.min_orders if is_found else 1,
    )  # fmt: skip
    titles = {}
    if is_found and groups.plan.view == "baskets":  # called by what they buy most above the others
        rows = group_table(groups)
        named = rows[rows["about"].notna() & (rows["direction"] == "more")]
        titles = {str(row.group): f"{row.group} · {row.about}" for row in named.itertuples()}
    frame = replace(frame, study=study.name, titles=titles, caveats=study.caveats)
    return build_personas(sources, study.terms(as_of), frame)
