"""Personas made of claims: a segment's typical member, what is measured of it, what is not, and what is imagined."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from custaudience.audience.personas.categories import category_claims
from custaudience.audience.personas.figures import (
    FACTS,
    Frame,
    difference_claim,
    own_figure_claim,
    ranked,
    size_claim,
    slot_of,
)
from custaudience.audience.personas.ground import Ground, System, ground_of
from custaudience.audience.personas.matrix import coverage_claim
from custaudience.audience.personas.slots import (
    advice_claims,
    blank_claim,
    caveat_claims,
    choose_epithet,
    completeness_claim,
    holds_claims,
    imagined_claims,
    is_more,
    no_price_claim,
    too_few_claim,
)
from custaudience.audience.personas.words import Text, code_of, is_specific, name_numbers, plain_text
from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.segments.clusters import CustomerSegments
from custaudience.customers.segments.profiles import SegmentProfiles
from custaudience.errors import DataError, near_miss
from custaudience.evidence import Claim

AVATAR_BLOCKS = ("demographics", "goals", "sources", "problems", "barriers")
"""The five blocks of an avatar; barriers is with the role in the purchase."""
PROFILE_KINDS: dict[str, tuple[str, ...]] = {
    "demographic": ("demographics",),
    "psychographic": ("goals",),
    "behavioural": ("facts", "behaviour", "categories", "sources"),
    "buyer": ("price", "problems", "barriers"),
}
"""The four kinds of profile, and the slots each of them reads."""
BUYING_ROLES = ("initiator", "influencer", "decider", "buyer", "user", "gatekeeper")
SLOTS = (
    *("name", "story", "size", "facts", "demographics", "categories", "behaviour", "price", "sources"),
    *("goals", "problems", "barriers", "advice", "notes"),
)
"""Where a persona's claims stand, in the order of a card."""
_MOST = {"facts": 4, "demographics": 3, "behaviour": 3, "price": 2, "sources": 3, "goals": 4, "problems": 4}


@dataclass(frozen=True, kw_only=True)
class Persona:
    """The typical member of a group, as claims in named slots.

    Attributes
    ----------
    key : str
        Small letters and digits; the same in every month: for file names and ids of claims.
    segment : str
        The group as the analysis calls it; "" for a profile typed by a person.
    title : str or mapping of language to str
        The group as readers see it.
    system : {"rules", "found", "typed"}
        How the group came about.
    place : int
        Its place among the study's groups, 0 first; found groups take their colour from it.
    name : mapping of language to str
        Imagined.
    name_number : int
        To keep the name next month; see `name_numbers`.
    n : int or None
        Customers; None when they are too few to be counted, or nobody was.
    study : str
    currency : str
    as_of : date
    slots : mapping of str to tuple of Claim
        Keys of `SLOTS`. Every sentence of a card is one of these claims.
    things : tuple of str
        What the group buys more of than others, for the drawing.
    """

    key: str
    segment: str
    title: Text
    system: System
    place: int
    name: Mapping[str, str]
    name_number: int
    n: int | None
    study: str
    currency: str
    as_of: dt.date
    slots: Mapping[str, tuple[Claim, ...]] = field(default_factory=dict)
    things: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if unknown := [name for name in self.slots if name not in SLOTS]:
            raise ValueError(f"persona {self.key}: no slot {unknown[0]!r}.{near_miss(unknown[0], SLOTS)}")

    def claims(self) -> list[Claim]:
        """Return every claim, slot by slot."""
        return [claim for name in SLOTS for claim in self.slots.get(name, ())]

    def profile(self, kind: str) -> list[Claim]:
        """Return what is known in one of the four kinds of profile: measured or typed, not blank.

        Raises
        ------
        ValueError
            If there is no such kind.
        """
        if kind not in PROFILE_KINDS:
            raise ValueError(f"profile: no kind {kind!r}.{near_miss(kind, PROFILE_KINDS)} Kinds: {list(PROFILE_KINDS)}")
        return [claim for slot in PROFILE_KINDS[kind] for claim in self.slots.get(slot, ()) if not is_blank(claim)]

    @property
    def filled(self) -> tuple[str, ...]:
        """The avatar's blocks that something is known for."""
        return tuple(b for b in AVATAR_BLOCKS if any(not is_blank(c) for c in self.slots.get(b, ())))


def is_blank(claim: Claim) -> bool:
    """Say whether a claim only tells that nothing was measured, or of how many something is known."""
    return claim.statistic in ("not_measured", "known_for")


def build_persona(segment: str, features: CustomerFeatures, labels: Any, **options: Any) -> Persona:
    """Build the persona of one segment; everything as in `build_personas`.

    Raises
    ------
    DataError
        If no customer has this segment.
    """
    found = build_personas(features, labels, only=[segment], **options)
    return found[0]


def build_personas(
    features: CustomerFeatures,
    labels: pd.Series | CustomerSegments,
    *,
    currency: str,
    study: str = "",
    category_sales: pd.DataFrame | None = None,
    demographics: pd.DataFrame | None = None,
    answers: pd.DataFrame | None = None,
    contacts: pd.DataFrame | None = None,
    responses: pd.DataFrame | None = None,
    profiles: SegmentProfiles | None = None,
    titles: Mapping[str, Text] | None = None,
    made_from: Collection[str] | None = None,
    since: Mapping[str, dt.date | None] | None = None,
    review_months: int = 3,
    names: Mapping[str, int] | None = None,
    more: Mapping[str, Mapping[str, Sequence[Claim]]] | None = None,
    caveats: Iterable[Text] = (),
    min_group_size: int = 10,
    orders_from: int = 1,
    level: float = 0.95,
    only: Sequence[str] | None = None,
    slug: str = "personas",
    notebook: str = "42_personas.ipynb",
) -> tuple[Persona, ...]:
    """Build a persona for each segment of a study.

    Parameters
    ----------
    features : CustomerFeatures
        From `customer_features` at the date of the segments.
    labels : Series per ``customer_id``, or CustomerSegments
        The segment of each customer: RFM segments or groups that were found. Customers without one are left out.
    currency, study : str
    category_sales : DataFrame, optional
        ``customer_id``, ``category``, ``sales_minor``. Without it the card says nothing of categories.
    demographics, answers : DataFrame, optional
        One row per customer, ``customer_id`` and columns; those that `features` has not. A column goes to the block
        that its name tells (personas.toml); sensitive ones are left out.
    contacts, responses : DataFrame, optional
        ``customer_id``, ``campaign_id``: who was written to, who responded.
    profiles : SegmentProfiles, optional
        From `describe_segments`, of the same customers and segments; made here when left out.
    titles : mapping of segment to text, optional
        How readers call a segment; RFM segments have names of their own.
    made_from : collection of str, optional
        Features the segments were made from: that they differ is no finding, and the card says so. Known by
        themselves of RFM segments and of CustomerSegments.
    since : mapping of segment to date, optional
        Since when each segment holds; see `holds_since`.
    review_months : int
    names : mapping of segment to int, optional
        `Persona.name_number` of an earlier month.
    more : mapping of segment to slot to claims, optional
        Claims of other notebooks, or typed by a person; they come first in their slot and fill a blank one.
    caveats : iterable of text
        The study's, printed on every card.
    min_group_size : int
        Segments with fewer customers are named without figures.
    orders_from : int
        Orders from which a customer has a segment here; more than 1 is said beside the shares.
    level : float
        Of the intervals.
    only : sequence of str, optional
        Build these segments only; names and comparisons are still those of the whole study.
    slug, notebook : str
        Of the claims.

    Returns
    -------
    tuple of Persona
        In the order of the segments: of the RFM rules, of the groups' names, else by size.

    Raises
    ------
    EmptyTableError
        If no customer has a segment.
    DataError
        If a customer stands twice in the labels or in an attribute table, or a segment in `only` does not exist.

    Notes
    -----
    The typical member is a synthetic average: medians, means and shares of the group, never a row of the data. A
    difference needs 30 customers on both sides, an interval without 0 and a false discovery rate below 1 - `level`
    over the whole study to be called measured.
    """
    ground = ground_of(
        features, labels, category_sales, profiles, min_group_size, level, made_from,
        demographics=demographics, answers=answers, contacts=contacts, responses=responses,
    )  # fmt: skip
    wanted = list(ground.order if only is None else only)
    for name in wanted:
        if name not in ground.order:
            raise DataError(f"personas: nobody is in segment {name!r}.{near_miss(name, ground.order)}")
    numbers, taken = name_numbers(ground.order, names), set[str]()
    built = {}
    for place, name in enumerate(ground.order):
        title = (titles or {}).get(name) or ground.names.get(name) or plain_text(name)
        frame = Frame(
            slug, notebook, name, code_of(name), title, currency, features.as_of, min_group_size, level
        )  # fmt: skip
        slots, own = _measured(frame, ground, orders_from), ground.labels == name
        for slot, claims in ((more or {}).get(name) or {}).items():
            slots[slot] = [*claims, *slots[slot]]
        epithet = choose_epithet(_effects(ground.rows.get(name)), taken)
        taken.add(epithet.key)
        small = int(own.sum()) < min_group_size
        slots["name"], slots["story"], note = imagined_claims(
            frame, numbers[name], epithet, int(own.sum()), small=small
        )
        if not small:
            _complete(frame, slots, ground)
            filled = [block for block in AVATAR_BLOCKS if not all(is_blank(c) for c in slots[block])]
            slots["notes"] += [
                *holds_claims(frame, int(own.sum()), (since or {}).get(name), review_months),
                completeness_claim(frame, filled, AVATAR_BLOCKS),
                *note,
            ]
        slots["notes"] += caveat_claims(frame, caveats)
        built[name] = Persona(
            key=frame.key, segment=name, title=title, system=ground.system, place=place,
            name=slots["name"][0].values["name"], name_number=numbers[name], n=None if small else int(own.sum()),
            study=plain_text(study), currency=currency, as_of=features.as_of,
            slots={slot: _unique(claims) for slot, claims in slots.items()}, things=_things(slots),
        )  # fmt: skip
    return tuple(built[name] for name in wanted)


def _measured(frame: Frame, ground: Ground, orders_from: int) -> dict[str, list[Claim]]:
    """Return the slots with what the data say of a segment."""
    slots: dict[str, list[Claim]] = {slot: [] for slot in SLOTS}
    inside = ground.labels == frame.segment
    own, n = ground.matrix[inside], int(inside.sum())
    revenue, total = None, None
    if "revenue_total" in own:
        revenue, total = float(own["revenue_total"].sum()), float(ground.matrix["revenue_total"].sum())
    slots["size"] = [size_claim(frame, n, len(ground.labels), revenue, total, orders_from=orders_from)]
    if n < frame.min_group_size:
        return slots
    rows = ground.rows.get(frame.segment)
    for row in [] if rows is None else rows.to_dict("records"):
        slot = slot_of(str(row["feature"]), ground.kinds)
        claim = difference_claim(frame, row, slot, made_from=ground.made_from) if slot else None
        if claim is not None:
            slots[slot].append(claim)
    for slot, most in _MOST.items():
        slots[slot] = list(ranked(_one_per_feature(slots[slot]), most=most))
    slots["facts"] = _facts(frame, slots["facts"], own)
    slots["demographics"] += coverage_claim(frame, ground.matrix, ground.labels, ground.kinds)
    if ground.ratios is not None:
        slots["categories"] = list(category_claims(frame, ground.ratios))
    return slots


def _one_per_feature(claims: Iterable[Claim]) -> list[Claim]:
    """Keep of each feature the level that says most: clear, and rather one that is more common here than rarer."""
    best: dict[str, Claim] = {}
    for claim in claims:
        before = best.get(str(claim.values["which"]))
        if before is None or _weight(claim) > _weight(before):
            best[str(claim.values["which"])] = claim
    return list(best.values())


def _weight(claim: Claim) -> tuple[bool, bool, float]:
    clear = claim.status == "measured"
    more = float(claim.value or 0) > 0
    # of levels without a clear difference the commonest says most
    return clear, clear and more, abs(float(claim.values["effect"])) if clear else float(claim.values["value"])


def _facts(frame: Frame, compared: list[Claim], own: pd.DataFrame) -> list[Claim]:
    """Return the four figures in their order; alone where there are too few to compare."""
    by_feature = {str(c.values["which"]): c for c in compared}
    found = []
    for feature in FACTS:
        claim = by_feature.get(feature)
        if claim is None and feature in own:
            claim = own_figure_claim(frame, feature, own[feature])
        if claim is not None:
            found.append(claim)
    return found


def _complete(frame: Frame, slots: dict[str, list[Claim]], ground: Ground) -> None:
    """Fill blank blocks with what to ask, or say that too few have an answer; then add advice."""
    own = ground.matrix[ground.labels == frame.segment]
    counts = own.notna().sum()
    seen: dict[str, int] = {}
    for column, n in counts.items():
        slot = slot_of(str(column), ground.kinds)
        seen[slot] = max(seen.get(slot, 0), int(n))
    if ground.ratios is not None and len(ground.ratios):
        seen["categories"] = len(own)
    for slot in (*AVATAR_BLOCKS, "behaviour", "categories"):
        if any(c.statistic != "known_for" for c in slots[slot]):
            continue
        few = seen.get(slot, 0)
        if frame.min_group_size <= few and len(ground.order) > 1:
            slots[slot] = [too_few_claim(frame, slot, few), *slots[slot]]
        elif slot in AVATAR_BLOCKS:
            slots[slot] = [blank_claim(frame, slot), *slots[slot]]
    if not slots["price"] and not {"discounted_share", "first_order_discounted"} & set(own):
        slots["price"] = [no_price_claim(frame)]
    slots["advice"] += advice_claims(frame, slots)


def _effects(rows: pd.DataFrame | None) -> list[tuple[str, float]]:
    """Return the clear differences of a segment, the largest first."""
    if rows is None:
        return []
    clear = rows[rows["status"] == "measured"]
    order = clear.assign(size=clear["effect"].abs()).sort_values(["size", "feature"], ascending=[False, True])
    return list(zip(order["feature"].astype("str"), order["effect"].astype("float64"), strict=True))


def _things(slots: Mapping[str, list[Claim]]) -> tuple[str, ...]:
    """Return what the group buys: clearly more than others first, then what it buys as all do."""
    bought = [c for c in slots["categories"] if c.unit == "ratio" and is_specific(str(c.values["raw"]))]
    same = [c for c in bought if c.status == "no_clear_difference"]
    return tuple(str(c.values["raw"]) for c in (*filter(is_more, bought), *same))


def _unique(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Keep the first claim of each id: names that read alike must not make two."""
    return tuple({claim.id: claim for claim in reversed(list(claims))}.values())[::-1]
