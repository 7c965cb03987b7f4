"""Whom to write to and why: the lists of a month, who may be written to, and who is held out at random."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.affinity.cross_sell import MissedCrossSell, RegularBuyers, missed_cross_sell
from custaudience.customers.affinity.pairs import Offer, asked_offer, choose_offer, product_pairs
from custaudience.customers.lifecycle.lifecycle import REASONS as LIFECYCLE_REASONS
from custaudience.customers.lifecycle.lifecycle import Lifecycle
from custaudience.errors import DataError
from custaudience.evidence import Terms
from custaudience.telling import sheet

LISTS = ("overdue", "missing", "regular")
_PHRASES = sheet(__package__)["phrases"]
LIST_NAMES: dict[str, str] = _PHRASES["list"]
REASONS: dict[str, str] = {key: LIFECYCLE_REASONS[key] for key in ("late_own", "late_pooled")} | _PHRASES["reason"]
"""Sentence of each reason, to be rendered with the row's values in the reader's language."""
REFUSALS: dict[str, str] = _PHRASES["refused"]
ANY_ORDER = "any order"
"""Stands for the item where order lines do not say what was bought."""
_COLUMNS = ["customer_id", "list", "reason_key", "reason_values"]


@dataclass(frozen=True)
class Missing:
    """What the list ``missing`` is about: the offer, who missed it, or the sentence why that cannot be said."""

    offer: Offer | None = None
    missed: MissedCrossSell | None = None
    refused: str = ""


@dataclass(frozen=True)
class ContactLists:
    """The lists of a month, and what they rest on.

    Attributes
    ----------
    table : DataFrame
        **Private.** A row per list and customer, most pressing first within a list: ``customer_id``, ``list`` (see
        `LISTS`), ``reason_key`` (into `REASONS`), ``reason_values`` (dict), ``segment``, ``lists`` (all lists of the
        customer, "overdue+regular"), ``consent`` (boolean; NA where it is not known of anybody), ``may_write``.
    refused : mapping of list to sentence
        Lists that could not be made, and why.
    n_customers, n_agreed, n_lost : int
        Everybody with an order that counts; of them, who agreed to be written to (None without a column of consent:
        then everybody may be written to as far as the data know, and that must be said); silent for more than twice
        their cut-off: they count as lost, and are on no list of overdue.
    offer, missed
        What ``missing`` is about, and who missed it.
    n_regular_tested : int
        Pairs of customer and item looked at for ``regular``.
    level : str
        Column that names what is bought; "" where there is none.
    """

    table: pd.DataFrame
    refused: Mapping[str, str]
    n_customers: int
    n_agreed: int | None
    n_lost: int
    offer: Offer | None
    missed: MissedCrossSell | None
    n_regular_tested: int
    level: str
    as_of: dt.date


def choose_contact_offer(lines: IntoFrame, terms: Terms, *, bought: str = "", missing: str = "") -> Offer | None:
    """Return what goes with what: as given, else the strong partners of a thing, else its one weaker partner.

    `lines` come from `with_items`; `bought` and `missing` as in `asked_offer`. A strong partner is bought at least five
    times as often as chance makes it; where there is none, one that is bought more often than chance makes it for sure
    (the interval of the lift lies above 1). None when there is no such pair.
    """
    known = None
    if bought or missing:
        known = nw.from_native(lines).lazy().select("item").unique().collect(backend="pyarrow")["item"].to_list()
    asked, pairs = asked_offer(bought, missing, known), product_pairs(lines, terms, level="item").table
    return choose_offer(pairs, asked) or choose_offer(pairs, asked, min_lift=1.0, most=1)


def missed_or_reason(lines: IntoFrame, offer: Offer | None, terms: Terms, *, window_days: int) -> Missing:
    """Return who missed what goes with a purchase, or the sentence why that cannot be said.

    An offer that was chosen by rule also has to show in the customers: buyers of the thing take what goes with it more
    often than others do around their orders, see `MissedCrossSell.difference`.
    """
    if offer is None:
        return Missing(refused=REFUSALS["no_pair"])
    try:
        missed = missed_cross_sell(lines, offer, terms, window_days=window_days, level="item")
    except DataError:
        return Missing(offer, refused=REFUSALS["never_bought"])
    if offer.chosen_by_rule and not missed.difference.low > 0:
        return Missing(offer, refused=REFUSALS["nothing_missed"])
    return Missing(offer, missed)


def make_contact_lists(
    lifecycle: Lifecycle, segments: pd.DataFrame, *, missing: Missing | None = None,
    regular: RegularBuyers | None = None, consent: pd.Series | None = None,
) -> ContactLists:  # fmt: skip
    """Put the analyses of a date together to lists of customers to write to.

    Overdue, and not yet lost, is the list ``overdue``; ``regular`` has a customer once, with the thing due first, and
    not what a customer has given up (silent for more than twice the longest usual gap of that thing). `segments` has
    ``customer_id`` and ``segment`` of everybody; who is not in `consent` (bool by ``customer_id``) has not agreed.
    """
    missing = missing or Missing()
    parts = [_overdue(lifecycle.table)]
    if missing.missed is not None:
        parts.append(_missing(missing.missed))
    if regular is not None:
        parts.append(_regular(regular, lifecycle.lost_factor))
    table = pd.concat(parts, ignore_index=True).astype({"customer_id": "str", "list": "str", "reason_key": "str"})
    table["segment"] = table["customer_id"].map(segments.set_index("customer_id")["segment"]).astype("str")
    table["lists"] = table["customer_id"].map(table.groupby("customer_id")["list"].agg("+".join)).astype("str")
    n_agreed = None
    table["consent"], table["may_write"] = pd.Series(pd.NA, table.index, dtype="boolean"), True
    if consent is not None:
        agreed = set(consent.index[consent.to_numpy(dtype="bool")])
        table["may_write"] = table["customer_id"].isin(agreed)
        table["consent"] = table["may_write"].astype("boolean")
        bought = lifecycle.table["state"] != "potential"
        n_agreed = int(lifecycle.table.loc[bought, "customer_id"].isin(agreed).sum())
    states = lifecycle.counts.set_index("state")["n_customers"]
    n_tested, level = (regular.n_tested, regular.level) if regular else (0, "")
    return ContactLists(
        table, {"missing": missing.refused} if missing.refused else {}, int(states["primary"] + states["lost"]),
        n_agreed, int(states["lost"]), missing.offer, missing.missed, n_tested, level, lifecycle.as_of,
    )  # fmt: skip


def _rows(name: str, ids: pd.Series, keys: pd.Series | str, values: list[dict[str, Any]]) -> pd.DataFrame:
    columns = {"customer_id": ids.to_numpy(), "list": name, "reason_key": keys, "reason_values": values}
    return pd.DataFrame(columns, columns=_COLUMNS)


def _overdue(states: pd.DataFrame) -> pd.DataFrame:
    """Return who is silent for longer than usual and not yet lost: own rhythm first, then the least late."""
    late = states[(states["state"] == "primary") & states["overdue"].fillna(False).astype("bool")].copy()
    late["times"] = late["days_since_last_order"] / late["overdue_after_days"]
    late = late.sort_values(["rhythm", "times", "customer_id"], ignore_index=True)
    facts = late[["days_since_last_order", "overdue_after_days", "lost_after_days"]].astype("int64")
    return _rows("overdue", late["customer_id"], late["reason_key"], facts.to_dict("records"))


def _missing(missed: MissedCrossSell) -> pd.DataFrame:
    """Return who bought a thing without what goes with it, the latest purchase first."""
    rows = missed.customers.sort_values(["bought_on", "customer_id"], ascending=[False, True], ignore_index=True)
    values = [
        {"bought": row.bought, "missing": row.missing, "day": row.bought_on.date().isoformat(),
         "window": missed.window_days}
        for row in rows.itertuples()
    ]  # fmt: skip
    return _rows("missing", rows["customer_id"], "bought_without", values)


def _regular(regular: RegularBuyers, lost_factor: float) -> pd.DataFrame:
    """Return who buys at a steady pace and has not given it up, with the thing due first."""
    table = regular.table
    kept = table[table["days_since_last_order"] <= lost_factor * table["overdue_after_days"]]
    first = kept.sort_values(["next_due_on", "customer_id", "item"]).drop_duplicates("customer_id")
    by_item = regular.level != ANY_ORDER
    values = [
        {"gap": float(row.usual_gap_days), "times": int(row.n_orders), "last": row.last_bought_on.date().isoformat(),
         "due": row.next_due_on.date().isoformat(), **({"item": row.item} if by_item else {})}
        for row in first.itertuples()
    ]  # fmt: skip
    late = pd.to_datetime(first["next_due_on"]) < pd.Timestamp(regular.as_of)  # due today is not late yet
    keys = np.where(late, "_late", "").astype(object)
    return _rows("regular", first["customer_id"], ("buys" if by_item else "orders") + "_regularly" + keys, values)


def draw_hold_out(table: pd.DataFrame, *, share: float, seed: int, month: str) -> pd.Series:
    """Draw at random who of `ContactLists.table` is not written to, so that next month can tell what writing did.

    Each customer who may be written to has the chance `share`, and is held out from all lists or from none: who got a
    letter by another list is no comparison. The same for the same seed, month ("2017-12") and customers, whatever the
    order of the rows. Stratified by lists and segment: each such group has its share up to one customer, up or down.
    """
    if not 0 <= share < 1:
        raise ValueError(f"share: expected a fraction from 0 to below 1, got {share}")
    units = table.loc[table["may_write"], ["customer_id", "lists", "segment"]].drop_duplicates("customer_id")
    # hashes, not a generator: a release of numpy may draw otherwise, and the record must stay true
    units["draw"] = [_hashed(seed, month, customer) for customer in units["customer_id"]]
    units = units.sort_values(["lists", "segment", "draw", "customer_id"])
    # systematic: along the sorted groups every 1/share-th, from a random start
    start = int(_hashed(seed, month, "")[:13], 16) / 16**13
    steps = np.floor(np.arange(len(units) + 1) * share + start)
    held = units["customer_id"][np.diff(steps) > 0]
    return table["customer_id"].isin(set(held)) & table["may_write"]


def _hashed(seed: int, month: str, customer: str) -> str:
    return hashlib.sha256(f"{seed}|{month}|{customer}".encode()).hexdigest()


def count_lists(table: pd.DataFrame, held_out: pd.Series | None = None) -> pd.DataFrame:
    """Count customers by list, and in the row ``any`` everybody who is on one.

    ``list``, ``n_customers``, ``n_may_not`` (no consent), ``n_held_out`` (as `draw_hold_out` drew), ``n_to_write``; the
    last three add up to the first.
    """
    marked = with_any(table.assign(held=False if held_out is None else held_out, no=~table["may_write"]))
    grouped = marked.groupby("list")
    sums = grouped[["no", "held"]].sum().set_axis(["n_may_not", "n_held_out"], axis=1)
    counts = pd.concat([grouped.size().rename("n_customers"), sums], axis=1)
    counts = counts.reindex([*LISTS, "any"], fill_value=0).astype("int64").rename_axis("list").reset_index()
    counts["n_to_write"] = counts["n_customers"] - counts["n_may_not"] - counts["n_held_out"]
    return counts.astype({"list": "str"})


def count_by_segment(table: pd.DataFrame) -> pd.DataFrame:
    """Count customers by list and segment: ``list``, ``segment``, ``n_customers``, ``n_may_write``."""
    counts = _counted(table, ["list", "segment"])
    counts["place"] = counts["list"].map(LISTS.index)
    counts = counts.sort_values(["place", "n_customers", "segment"], ascending=[True, False, True], ignore_index=True)
    return counts.drop(columns="place")


def count_overlap(table: pd.DataFrame) -> pd.DataFrame:
    """Count customers by all the lists they are on: ``lists``, ``n_lists``, ``n_customers``, ``n_may_write``."""
    counts = _counted(table.drop_duplicates("customer_id"), ["lists"])
    counts.insert(1, "n_lists", counts["lists"].str.count(r"\+") + 1)
    return counts.sort_values(["n_lists", "n_customers", "lists"], ascending=[True, False, True], ignore_index=True)


def _counted(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    grouped = table.groupby(by)["may_write"]
    return pd.DataFrame({"n_customers": grouped.size(), "n_may_write": grouped.sum().astype("int64")}).reset_index()


def with_any(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all lists, and those of everybody, once, as the list ``any``."""
    return pd.concat([table, table.drop_duplicates("customer_id").assign(list="any")])
