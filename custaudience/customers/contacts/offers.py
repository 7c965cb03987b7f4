"""What to remind whom of: what goes with a purchase, chosen from the data, and who has missed it."""

from __future__ import annotations

import datetime as dt

import narwhals as nw
from narwhals.typing import IntoFrame

from custaudience.customers.affinity.cross_sell import MissedCrossSell, missed_cross_sell
from custaudience.customers.affinity.offers import Offer, choose_offer
from custaudience.customers.affinity.pairs import product_pairs
from custaudience.customers.contacts.lists import NEVER_BOUGHT, NO_PAIR, NOTHING_MISSED
from custaudience.customers.lifecycle.history import FirstOrders
from custaudience.errors import DataError


def choose_contact_offer(lines: IntoFrame, *, as_of: dt.date, bought: str = "", missing: str = "") -> Offer | None:
    """Return what goes with what: as given, else the strong partners of a thing, else its one weaker partner.

    Parameters
    ----------
    lines : any frame Narwhals reads, one row per order line, with ``item``
        From `with_items`.
    as_of : date
        Last day that counts, inclusive.
    bought, missing : str
        As in `choose_offer`. A strong partner is bought at least five times as often as chance makes it; where there
        is none, one that is bought more often than chance makes it for sure (the interval of the lift lies above 1).

    Returns
    -------
    Offer or None
        None when no pair is bought together clearly more often than chance makes it.

    Raises
    ------
    DataError
        If a thing is not sold, or stands on both sides.
    """
    known = None
    if bought or missing:
        items = nw.from_native(lines).lazy().select("item").unique().collect(backend="pyarrow")
        known = items["item"].to_list()
    pairs = product_pairs(lines, as_of=as_of, level="item").table
    strong = choose_offer(pairs, bought=bought, missing=missing, known=known)
    return strong or choose_offer(pairs, bought=bought, missing=missing, known=known, min_lift=1.0, most=1)


def missed_or_reason(
    lines: IntoFrame,
    offer: Offer | None,
    *,
    as_of: dt.date,
    window_days: int,
    first_orders: FirstOrders = "unknown",
    minor_digits: int = 2,
) -> tuple[MissedCrossSell | None, str]:
    """Return who missed what goes with a purchase, or the sentence why that cannot be said.

    An offer that was chosen by rule also has to show in the customers: buyers of the thing take what goes with it more
    often than others do around their orders, see `MissedCrossSell.difference`.
    """
    if offer is None:
        return None, NO_PAIR
    try:
        missed = missed_cross_sell(
            lines,
            as_of=as_of,
            bought=offer.bought,
            goes_with=offer.goes_with,
            window_days=window_days,
            level="item",
            first_orders=first_orders,
            minor_digits=minor_digits,
        )
    except DataError:
        return None, NEVER_BOUGHT
    if offer.chosen_by_rule and not missed.difference_low > 0:
        return None, NOTHING_MISSED
    return missed, ""
