"""Personas as text, so that one process measures them and another one writes their cards."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from custaudience.audience.personas.build import Persona
from custaudience.evidence import Claim


def personas_to_json(personas: Iterable[Persona]) -> str:
    """Return personas as JSON text: aggregates only, nothing of one customer."""
    rows = [
        {f.name: getattr(persona, f.name) for f in fields(Persona) if f.name != "slots"}
        | {"slots": {slot: [_claim_row(c) for c in claims] for slot, claims in persona.slots.items() if claims}}
        for persona in personas
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1, default=_plain) + "\n"


def personas_from_json(text: str) -> tuple[Persona, ...]:
    """Read what `personas_to_json` wrote."""
    found = []
    for row in json.loads(text):
        slots = {slot: tuple(_claim(c) for c in claims) for slot, claims in row.pop("slots").items()}
        row |= {"as_of": dt.date.fromisoformat(row["as_of"]), "things": tuple(row["things"])}
        found.append(Persona(**row, slots=slots))
    return tuple(found)


def _claim_row(claim: Claim) -> dict[str, Any]:
    return {f.name: getattr(claim, f.name) for f in fields(Claim)}


def _claim(row: dict[str, Any]) -> Claim:
    return Claim(**(row | {"as_of": dt.date.fromisoformat(row["as_of"]), "rests_on": tuple(row["rests_on"])}))


def _plain(value: Any) -> Any:
    """Turn dates, numpy scalars and tuples into what JSON knows."""
    if isinstance(value, dt.date):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else list(value)
