"""Personas made of claims: a segment's typical member, what is measured of it, what is not, and what is imagined."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from custaudience.audience.personas import claims as card
from custaudience.audience.personas.claims import PersonaTeller, is_more
from custaudience.audience.personas.ground import ENOUGH, Ground, Part, PersonaSources, ground_of
from custaudience.audience.personas.persona import AVATAR_BLOCKS, FACTS, SLOTS, Persona, is_blank
from custaudience.audience.personas.words import Text, choose_epithet, code_of, is_specific, name_numbers, plain_text
from custaudience.errors import DataError, near_miss
from custaudience.evidence import Claim, Terms

_MOST = {"facts": 4, "demographics": 3, "behaviour": 3, "price": 2, "sources": 3, "goals": 4, "problems": 4}
Slots = dict[str, list[Claim]]


@dataclass(frozen=True)
class PersonaFrame:
    """What stands around the figures of a study's personas.

    By segment: `titles` (RFM segments have names of their own), `since` when it holds (see `holds_since`), `names`
    (`Persona.name_number` of an earlier month), and `more` claims by slot, of other notebooks or typed by a person,
    which come first there and fill a blank one. The study's `caveats` are printed on every card.
    """

    study: str = ""
    titles: Mapping[str, Text] = field(default_factory=dict)
    since: Mapping[str, dt.date | None] = field(default_factory=dict)
    review_months: int = 3
    names: Mapping[str, int] | None = None
    more: Mapping[str, Mapping[str, Sequence[Claim]]] = field(default_factory=dict)
    caveats: Sequence[Text] = ()


def build_persona(segment: str, sources: PersonaSources, terms: Terms, frame: PersonaFrame = PersonaFrame()) -> Persona:
    """Build the persona of one segment; names and comparisons are still those of the whole study."""
    found = {persona.segment: persona for persona in build_personas(sources, terms, frame)}
    if segment not in found:
        raise DataError(f"personas: nobody is in segment {segment!r}.{near_miss(segment, found)}")
    return found[segment]


def build_personas(sources: PersonaSources, terms: Terms, frame: PersonaFrame = PersonaFrame()) -> tuple[Persona, ...]:
    """Build a persona for each segment of a study.

    Returns
    -------
    tuple of Persona
        In the order of the segments: of the RFM rules, of the groups' names, else by size. Segments with fewer
        customers than ``terms.least`` are named without figures.

    Raises
    ------
    EmptyTableError, DataError
        If no customer has a segment, or one stands twice in the labels or in an attribute table.

    Notes
    -----
    The typical member is a synthetic average: medians, means and shares of the group, never a row of the data. A
    difference needs 30 customers on both sides, an interval without 0 and a false discovery rate below 1 - ``level``
    over the whole study to be called measured.
    """
    ground = ground_of(sources, terms)
    numbers, taken, built = name_numbers(ground.order, frame.names), set[str](), []
    for place, name in enumerate(ground.order):
        part, n = ground.part(name), int((ground.labels == name).sum())
        title = frame.titles.get(name) or ground.names.get(name) or plain_text(name)
        tell = PersonaTeller(code_of(name), title, terms)
        size = card.size_claim(tell, part, sources.orders_from)
        slots: Slots = {slot: [] for slot in SLOTS} | {"size": [size]}
        if not tell.few(n):
            _measure(tell, part, ground, slots)
        for slot, claims in frame.more.get(name, {}).items():
            slots[slot] = [*claims, *slots[slot]]
        epithet = choose_epithet(part.effects(), taken)
        taken.add(epithet.key)
        imagined = card.imagined_claims(tell, numbers[name], epithet, n)
        slots |= {slot: imagined[slot] for slot in ("name", "story")}
        if not tell.few(n):
            _complete(tell, part, ground, slots)
            filled = [block for block in AVATAR_BLOCKS if not all(is_blank(c) for c in slots[block])]
            holds = card.holds_claims(tell, size, frame.since.get(name), frame.review_months)
            slots["notes"] += [*holds, card.filled_claim(tell, filled), *imagined["notes"]]
        slots["notes"] += card.caveat_claims(tell, frame.caveats)
        built.append(
            Persona(
                key=tell.key, segment=name, title=title, system=ground.system, place=place,
                name=slots["name"][0].values["name"], name_number=numbers[name], n=size.n,
                study=plain_text(frame.study), currency=terms.currency, as_of=terms.as_of,
                slots={slot: _unique(claims) for slot, claims in slots.items()}, things=_things(slots),
            )
        )  # fmt: skip
    return tuple(built)


def _measure(tell: PersonaTeller, part: Part, ground: Ground, slots: Slots) -> None:
    """Fill the slots with what the data say of a segment."""
    for row in part.rows.to_dict("records"):
        slot = ground.slots.get(str(row["feature"]), "")
        claim = card.difference_claim(tell, row, slot, ground.made_from) if slot else None
        if claim is not None:
            slots[slot].append(claim)
    for slot, most in _MOST.items():
        slots[slot] = _clearest(slots[slot])[:most]
    compared = {str(c.values["which"]): c for c in slots["facts"]}
    # the four figures in their order; alone where there are too few to compare
    known = [feature for feature in FACTS if feature in part.own]
    facts = (compared.get(name) or card.own_figure_claim(tell, name, part.own[name]) for name in known)
    slots["facts"] = [claim for claim in facts if claim is not None]
    columns = [column for column, slot in ground.slots.items() if slot == "demographics"]
    slots["demographics"] += card.coverage_claim(tell, part, columns)
    slots["categories"] = card.category_claims(tell, part.ratios)


def _clearest(claims: Iterable[Claim]) -> list[Claim]:
    """Return clear claims first, the larger the effect the earlier; of each feature the level that says most.

    That is a clear one, and rather one that is more common here than rarer.
    """

    def weight(claim: Claim) -> tuple[bool, bool, float]:
        clear = claim.status == "measured"
        # of levels without a clear difference the commonest says most
        size = abs(float(claim.values["effect"])) if clear else float(claim.values["value"])
        return clear, clear and float(claim.value or 0) > 0, size

    best: dict[str, Claim] = {}
    for claim in claims:
        which = str(claim.values["which"])
        best[which] = max(best.get(which, claim), claim, key=weight)
    return sorted(best.values(), key=lambda c: (c.status != "measured", -abs(float(c.values["effect"])), c.id))


def _complete(tell: PersonaTeller, part: Part, ground: Ground, slots: Slots) -> None:
    """Fill blank blocks with what to ask, or say that too few have an answer; then add advice."""
    seen: dict[str, int] = part.own.notna().sum().groupby(ground.slots).max().to_dict()
    if "status" in ground.ratios and len(ground.ratios):
        seen["categories"] = len(part.own)
    for slot in (*AVATAR_BLOCKS, "behaviour", "categories"):
        if any(c.statistic != "known_for" for c in slots[slot]):
            continue
        n = int(seen.get(slot, 0))
        if n and not tell.few(n) and len(ground.order) > 1:
            facts = {"n": n, "enough": ENOUGH, "least": tell.terms.least}
            case, meta = "text" if n < ENOUGH else "small_groups", {"id": f"{slot}_few"}
            slots[slot] = [tell.say("too_few", case, n=n, values=facts, meta=meta), *slots[slot]]
        elif slot in AVATAR_BLOCKS:
            slots[slot] = [card.blank_claim(tell, slot), *slots[slot]]
    if not slots["price"] and not {"discounted_share", "first_order_discounted"} & set(part.own):
        slots["price"] = [tell.say("price_blank", n=0)]
    slots["advice"] += card.advice_claims(tell, part.segment, slots)


def _things(slots: Slots) -> tuple[str, ...]:
    """Return what the group buys: clearly more than others first, then what it buys as all do."""
    bought = [c for c in slots["categories"] if c.unit == "ratio" and is_specific(str(c.values["raw"]))]
    same = [c for c in bought if c.status == "no_clear_difference"]
    return tuple(str(c.values["raw"]) for c in (*filter(is_more, bought), *same))


def _unique(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Keep the first claim of each id: names that read alike must not make two."""
    return tuple({claim.id: claim for claim in reversed(list(claims))}.values())[::-1]
