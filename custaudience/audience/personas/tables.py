"""Personas as tables: side by side, and which of their blocks nobody measured."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from custaudience.audience.personas.build import AVATAR_BLOCKS, Persona, is_blank
from custaudience.audience.personas.figures import FACTS
from custaudience.audience.personas.words import questions
from custaudience.audience.profiles.trace import Trace, TracedLine


def compare_personas(personas: Sequence[Persona], *, language: str = "en") -> pd.DataFrame:
    """Return a row per persona: who, how many, what they bring, their four figures, how much is known.

    Parameters
    ----------
    personas : sequence of Persona
    language : str
        Of the names.

    Returns
    -------
    DataFrame
        ``name`` (imagined), ``segment``, ``n_customers`` (missing: too few to be counted), ``share_of_customers``,
        ``share_of_revenue``, ``n_orders``, ``revenue_per_order``, ``revenue_total``, ``days_since_last_order``
        (medians), ``discounted_share`` (mean), ``holds_since`` (missing: not known), ``blocks_filled`` of five.
    """
    rows = []
    for persona in personas:
        claims = {str(c.values.get("which")): c for c in persona.claims()}
        size = persona.slots["size"][0].values
        held = [c.value for c in persona.slots.get("notes", ()) if c.id.split(".")[1] == "holds"]
        figures = {name: claims[name].values["value"] for name in (*FACTS, "discounted_share") if name in claims}
        rows.append(
            {
                "name": persona.name.get(language, persona.name["en"]), "segment": persona.title,
                "n_customers": persona.n, "share_of_customers": size.get("share"),
                "share_of_revenue": size.get("share_revenue"), **dict.fromkeys((*FACTS, "discounted_share")),
                **figures, "holds_since": held[0] if held else None,
                "blocks_filled": len(persona.filled) if persona.n is not None else None,
            }
        )  # fmt: skip
    table = pd.DataFrame(rows)
    numbers = [c for c in table if c not in ("name", "segment", "holds_since")]
    table[numbers] = table[numbers].astype("float64")
    return table.astype({"n_customers": "Int64", "blocks_filled": "Int64"})


def blank_blocks(personas: Sequence[Persona], *, language: str = "en") -> pd.DataFrame:
    """Return a row per block of an avatar: for how many personas it is filled, and what to ask where for none.

    Returns
    -------
    DataFrame
        ``block``; ``n_filled``, ``n_personas``; ``why`` ("filled", "not measured" or "too few to say"); ``questions``
        ("" where the block is filled for somebody).
    """
    shown = [p for p in personas if p.n is not None]
    rows = []
    for block in AVATAR_BLOCKS:
        n = sum(block in p.filled for p in shown)
        nothing = any(is_blank(c) and c.n == 0 for p in shown for c in p.slots.get(block, ()))
        why = "filled" if n else "not measured" if nothing else "too few to say"
        asked = [] if n else [q.get(language, q["en"]) for q in questions(block)[:3]]
        rows.append((block, n, len(shown), why, " · ".join(asked)))
    return pd.DataFrame(rows, columns=["block", "n_filled", "n_personas", "why", "questions"])


def trace_table(trace: Trace, *, language: str = "en") -> pd.DataFrame:
    """Return a row per line of a profile: where it stands, what it says, what it rests on.

    Returns
    -------
    DataFrame
        ``field``, ``line``, ``status`` (a claim's), ``source`` ("none of them" where no source says it), ``missing``
        (its words that the source does not have).
    """
    rows = [_row(line, trace.has_sources, language) for line in trace.lines]
    return pd.DataFrame(rows, columns=["field", "line", "status", "source", "missing"])


def _row(traced: TracedLine, has_sources: bool, language: str) -> tuple[str, str, str, str, str]:
    found = traced.sources[0] if traced.sources else "none of them" if has_sources else ""
    field, line = (
        text if isinstance(text, str) else text.get(language) or next(iter(text.values()))
        for text in (traced.line.field, traced.line.text)
    )
    return field, line, traced.status, found, ", ".join(traced.missing)
