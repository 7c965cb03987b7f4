"""What a persona is: a segment's typical member as claims in named slots; as a table, and as text."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

import pandas as pd

from custaudience.audience.personas.words import Text, in_language, questions
from custaudience.errors import EmptyTableError, near_miss
from custaudience.evidence import Claim, claim_of, plain

System = Literal["rules", "found", "typed"]
AVATAR_BLOCKS = ("demographics", "goals", "sources", "problems", "barriers")  # barriers: with the role in the purchase
PROFILE_KINDS: dict[str, tuple[str, ...]] = {
    "demographic": ("demographics",),
    "psychographic": ("goals",),
    "behavioural": ("facts", "behaviour", "categories", "sources"),
    "buyer": ("price", "problems", "barriers"),
}  # the four kinds of profile, and the slots each of them reads
BUYING_ROLES = ("initiator", "influencer", "decider", "buyer", "user", "gatekeeper")
SLOTS = (
    *("name", "story", "size", "facts", "demographics", "categories", "behaviour", "price", "sources"),
    *("goals", "problems", "barriers", "advice", "notes"),
)
"""Where a persona's claims stand, in the order of a card."""
FACTS = ("n_orders", "revenue_per_order", "revenue_total", "days_since_last_order")


@dataclass(frozen=True, kw_only=True)
class Persona:
    """The typical member of a group, as claims in named slots.

    Attributes
    ----------
    key : str
        Small letters and digits; the same in every month: for file names and ids of claims.
    segment, title : str, str or mapping of language to str
        The group as the analysis calls it ("" for a profile typed by a person), and as readers see it.
    system : {"rules", "found", "typed"}
        How the group came about.
    place : int
        Its place among the study's groups, 0 first; found groups take their colour from it.
    name, name_number : mapping of language to str, int
        Imagined, and the number to keep the name next month; see `name_numbers`.
    n : int or None
        Customers; None when they are too few to be counted, or nobody was.
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
        """Return what is known in one of the four kinds of profile: measured or typed, not blank."""
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


def nothing_measured(block: str, personas: Iterable[Persona]) -> bool:
    """Say whether a block is blank for one of them because no table has it, not because too few have a value."""
    return any(is_blank(claim) and claim.n == 0 for persona in personas for claim in persona.slots.get(block, ()))


def compare_personas(personas: Sequence[Persona], *, language: str = "en") -> pd.DataFrame:
    """Return a row per persona: who, how many, what they bring, their four figures, how much is known."""
    if not personas:
        raise EmptyTableError("there is no persona: nobody has an order that counts.")
    rows, figures = [], (*FACTS, "discounted_share")
    for persona in personas:
        claims = {str(c.values.get("which")): c for c in persona.claims()}
        size = persona.slots["size"][0].values
        held = [c.value for c in persona.slots.get("notes", ()) if c.id.split(".")[1] == "holds"]
        rows.append(
            {
                "name": in_language(persona.name, language), "segment": persona.title,
                "n_customers": persona.n, "share_of_customers": size.get("share"),
                "share_of_revenue": size.get("share_revenue"),
                **{name: claims[name].values["value"] if name in claims else None for name in figures},
                "holds_since": held[0] if held else None,
                "blocks_filled": len(persona.filled) if persona.n is not None else None,
            }
        )  # fmt: skip
    table = pd.DataFrame(rows)
    numbers = [c for c in table if c not in ("name", "segment", "holds_since")]
    table[numbers] = table[numbers].astype("float64")
    return table.astype({"n_customers": "Int64", "blocks_filled": "Int64"})


def blank_blocks(personas: Sequence[Persona], *, language: str = "en") -> pd.DataFrame:
    """Return a row per block of an avatar: for how many personas it is filled, and what to ask where for none."""
    shown = [p for p in personas if p.n is not None]
    rows = []
    for block in AVATAR_BLOCKS:
        n = sum(block in p.filled for p in shown)
        why = "filled" if n else "not measured" if nothing_measured(block, shown) else "too few to say"
        asked = [] if n else [in_language(q, language) for q in questions(block)[:3]]
        rows.append((block, n, len(shown), why, " · ".join(asked)))
    return pd.DataFrame(rows, columns=["block", "n_filled", "n_personas", "why", "questions"])


def personas_to_json(personas: Iterable[Persona]) -> str:
    """Return personas as JSON text: aggregates only, nothing of one customer."""
    rows = [
        {f.name: getattr(persona, f.name) for f in fields(Persona) if f.name != "slots"}
        | {"slots": {slot: [vars(c) for c in claims] for slot, claims in persona.slots.items() if claims}}
        for persona in personas
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1, default=plain) + "\n"


def personas_from_json(text: str) -> tuple[Persona, ...]:
    """Read what `personas_to_json` wrote."""
    found = []
    for row in json.loads(text):
        slots = {slot: tuple(map(claim_of, claims)) for slot, claims in row.pop("slots").items()}
        row |= {"as_of": dt.date.fromisoformat(row["as_of"]), "things": tuple(row["things"])}
        found.append(Persona(**row, slots=slots))
    return tuple(found)
