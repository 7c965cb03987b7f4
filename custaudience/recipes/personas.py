"""Whom to target at a date: the personas of a study, and what became of those of an earlier date."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from custaudience.audience import Persona, build_personas, holds_since, personas_from_json
from custaudience.audience.personas.changes import PersonaMonth, group_sizes, persona_changes
from custaudience.audience.personas.matching import carried_names, match_groups
from custaudience.audience.personas.words import name_numbers
from custaudience.customers.drivers.study import discount_column
from custaudience.customers.features.features import category_sales, counted_orders
from custaudience.customers.segments.search import CustomerGroups, group_table
from custaudience.errors import DataError, EmptyTableError
from custaudience.evidence import template
from custaudience.recipes.customers import clusters_at, segments_at
from custaudience.study import Study

_NOBODY = template("No persona can be made: nobody has an order that counts up to this date.")


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
        over so many months, so nothing is said of them.
    review_months : int
        After so many months a persona is to be looked at again.

    Returns
    -------
    tuple of Persona
        Aggregates only; see `build_personas`.
    """
    return _built(study, as_of, clusters_at(study, as_of), n_months, review_months, names=None)


def persona_month_at(
    study: Study, as_of: dt.date, *, earlier: Sequence[Persona] = (), n_months: int = 6, review_months: int = 3
) -> PersonaMonth:
    """Return the personas of a study at a date, each beside the one it was at the end of the month before.

    Parameters
    ----------
    study, as_of, n_months, review_months
        As in `personas_at`.
    earlier : sequence of Persona
        As they were published of the month before: their names are kept. Without them the names are those that
        month would have had by itself.

    Returns
    -------
    PersonaMonth
        Aggregates only. Without personas it says why.

    Notes
    -----
    RFM segments are made by the same rules at both dates and matched by name. Groups that were found are looked for
    at the earlier date, too, and matched by their members; where RFM segments stand in for them, whether there were
    groups a month ago is not asked.
    """
    before_day = month_before(as_of)
    day = before_day if study.first_day <= before_day else None
    try:
        groups = clusters_at(study, as_of)
    except EmptyTableError:
        return PersonaMonth((), pd.DataFrame(), as_of, day, "rfm", reason=_NOBODY)
    least, is_found = study.min_group_size, groups.basis == "found"
    now, revenue = _members(groups), groups.features.table.set_index("customer_id")["revenue_total"]
    names: dict[str, int] | None = None
    changes = pd.DataFrame()
    then = None if day is None else _earlier(study, day, is_found)
    if then is not None:
        labels, spent = then
        matches = match_groups(now, labels, by_name=not is_found, min_group_size=least)
        known = {persona.segment: persona.name_number for persona in earlier}
        of_before = name_numbers(sorted(set(labels.dropna().astype("str"))), known)
        names = carried_names(matches, of_before)
        of_now = name_numbers([str(name) for name in now.cat.categories], names)
        changes = persona_changes(
            matches, group_sizes(now, revenue, min_group_size=least),
            group_sizes(labels, spent, min_group_size=least), of_now, of_before,
        )  # fmt: skip
    stayed = [] if changes.empty or day is None else changes[changes["state"].isin(["kept", "changed"])]["segment"]
    since = {str(name): day for name in stayed} if is_found else {}
    personas = _built(study, as_of, groups, n_months, review_months, names, since)
    return PersonaMonth(
        personas, changes, as_of, day if then is not None else None, groups.basis,
        groups.plan.min_orders if is_found else 1,
    )  # fmt: skip


def published_personas(path: str | os.PathLike[str]) -> tuple[Persona, ...]:
    """Return the personas of a published month, none where `path` is empty.

    Parameters
    ----------
    path : path or ""
        The file ``personas.json`` of that month, absolute: where one stands is not known in a notebook.

    Raises
    ------
    DataError
        If there is no such file, or it holds something else.
    """
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


def month_before(day: dt.date) -> dt.date:
    """Return the last day of the month before.

    Examples
    --------
    >>> month_before(dt.date(2024, 3, 31)), month_before(dt.date(2024, 3, 5))
    (datetime.date(2024, 2, 29), datetime.date(2024, 2, 29))
    """
    return day - dt.timedelta(days=day.day)


def _members(groups: CustomerGroups) -> pd.Series:
    """Return the group of each customer the search looked at; those placed afterwards are no members."""
    labels: pd.Series = groups.labels[groups.labels["searched"]].set_index("customer_id")["group"]
    return labels


def _earlier(study: Study, day: dt.date, is_found: bool) -> tuple[pd.Series, pd.Series] | None:
    """Return groups and revenue of the customers at an earlier date, None where there were no customers."""
    try:
        if is_found:
            groups = clusters_at(study, day)
            return _members(groups), groups.features.table.set_index("customer_id")["revenue_total"]
        table = segments_at(study, day).set_index("customer_id")
    except EmptyTableError:
        return None
    ordered = table[table["n_orders"] > 0]
    return (ordered["segment"].astype("str"), ordered["revenue_total"]) if len(ordered) else None


def _built(
    study: Study, as_of: dt.date, groups: CustomerGroups, n_months: int, review_months: int,
    names: Mapping[str, int] | None, since: Mapping[str, dt.date | None] | None = None,
) -> tuple[Persona, ...]:  # fmt: skip
    is_found = groups.basis == "found"
    labels = groups.labels.set_index("customer_id")["group"].astype("str")
    history = {as_of: labels}
    if not is_found:
        for day in pd.date_range(end=as_of, periods=n_months + 1, freq="ME").date:
            if study.first_day <= day < as_of:
                history[day] = segments_at(study, day).set_index("customer_id")["segment"].astype("str")
    transactions = study.table("transactions")
    linked = "products" in study.tables and "product_id" in transactions.columns
    sales = category_sales(
        transactions, counted_orders(study.orders(as_of), until=as_of), study.table("products") if linked else None,
        discount=discount_column(transactions),
    )  # fmt: skip
    sent = {name: _until(study, name, as_of) for name in ("contacts", "responses") if name in study.tables}
    # the profiles of the groups leave out what a persona tells: what RFM segments are made from, and responses
    return build_personas(
        groups.features,
        groups.segments if is_found else labels,
        currency=study.currency,
        study=study.name,
        category_sales=sales,
        titles=_titles(groups),
        since=since or holds_since(history, min_group_size=study.min_group_size),
        review_months=review_months,
        names=names,
        caveats=study.caveats,
        min_group_size=study.min_group_size,
        orders_from=groups.plan.min_orders if is_found else 1,
        **sent,
    )


def _titles(groups: CustomerGroups) -> dict[str, str]:
    """Return the names of groups by what they buy most above the others; of other groups none."""
    if groups.basis != "found" or groups.plan.view != "baskets":
        return {}
    rows = group_table(groups)
    named = rows[rows["about"].notna() & (rows["direction"] == "more")]
    return {str(row.group): f"{row.group} · {row.about}" for row in named.itertuples()}


def _until(study: Study, name: str, as_of: dt.date) -> Any:
    """Return contacts or responses up to a date, as far as the table has dates."""
    table = study.table(name).df()
    dates = [column for column in ("sent_at", "responded_on") if column in table]
    for column in dates:
        table = table[pd.to_datetime(table[column]) < pd.Timestamp(as_of) + pd.Timedelta(days=1)]
    return table.reset_index(drop=True)
