"""Whom to write to at a date, and who would have been written to a month earlier."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import narwhals as nw
import pandas as pd

from custaudience.customers import classify_lifecycle, regular_buyers
from custaudience.customers.affinity.baskets import choose_level, with_items
from custaudience.customers.affinity.pairs import Offer
from custaudience.customers.contacts.lists import (
    ANY_ORDER,
    REFUSALS,
    ContactLists,
    Missing,
    choose_contact_offer,
    make_contact_lists,
    missed_or_reason,
)
from custaudience.errors import ColumnError, EmptyTableError
from custaudience.recipes.customers import customer_tables, segments_at
from custaudience.study import Study
from custaudience.study.values import read_consent


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

    Private. `level` is a column of the products, or ``product_id``, that names what is bought (see `choose_level`). The
    list ``missing`` is of those who bought `bought` and none of `missing`, several between semicolons (by default see
    `choose_offer`), `window_days` before or after; `offer` in place of both: what was chosen at another date. A list
    that the data cannot carry is refused with the reason.
    """
    orders = study.orders(as_of)
    lifecycle = classify_lifecycle(orders, as_of=as_of)
    lines, level = _lines_with_items(study, level)
    terms, missed = study.terms(as_of), Missing(offer, refused=REFUSALS["no_products"])
    if level:
        offer = offer or choose_contact_offer(lines, terms, bought=bought, missing=missing)
        missed = missed_or_reason(lines, offer, terms, window_days=window_days)
    regular = regular_buyers(lines, terms, level="item" if level else ANY_ORDER)
    lists = make_contact_lists(
        lifecycle, segments_at(study, as_of), missing=missed, regular=regular, consent=consent_of(study)
    )
    return replace(lists, level=level)


def earlier_contacts_at(study: Study, lists: ContactLists) -> tuple[dt.date, pd.DataFrame]:
    """Return a day, and who of those who may be written to now would have stood on the same lists on that day. Private.

    The day is the end of the month before, or 30 days ago when the lists are not of a month's end. No rows where nobody
    had ordered by then.
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
    lines, _, products = customer_tables(study)
    if "product_id" not in lines.columns:
        if level:
            raise ColumnError(f"level = {level!r}: the order lines have no product_id, so nothing can be looked up.")
        return nw.from_native(lines).lazy().with_columns(nw.lit(ANY_ORDER).alias(ANY_ORDER)), ""
    if not level:
        level = choose_level(products.df()) if products is not None else "product_id"
    return with_items(lines, lines if products is None else products, level), level
