"""Does a text speak to a persona: which of its needs and which kinds of value it covers, and which not."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from custaudience.audience.personas.claims import is_more
from custaudience.audience.personas.persona import Persona, is_blank
from custaudience.audience.personas.words import in_language
from custaudience.audience.profiles.words import LONGEST, roots, shared
from custaudience.evidence import Claim

NEED_SLOTS = ("goals", "problems", "barriers")
ENOUGH_SHARED = 0.5
"""A need is covered when so much of what it says stands in the text."""


@cache
def _values() -> tuple[dict[str, Any], ...]:
    text = files("custaudience.audience.profiles").joinpath("messages.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["value"])


@cache
def value_kinds() -> tuple[str, ...]:
    """Return the eleven kinds of value."""
    return tuple(row["key"] for row in _values())


@dataclass(frozen=True)
class MessageCheck:
    """What a text covers.

    Attributes
    ----------
    needs : DataFrame
        A row per need, uncovered first: ``claim_id``, ``slot``, ``need`` (in the language of the text where there is
        more than one), ``status`` of the claim, ``share`` (of its words in the text), ``covered``, ``words`` (those
        found), ``missing``.
    values : DataFrame
        A row per kind of value: ``value``, ``name`` (by language), ``covered``, ``words``.
    notes : tuple of str
        What cannot be said, in English.
    """

    needs: pd.DataFrame
    values: pd.DataFrame
    notes: tuple[str, ...]


def check_message(text: str, persona: Persona) -> MessageCheck:
    """Compare a text in English or Ukrainian (its first 20,000 characters) with the needs and values of a persona.

    Its needs are its goals, problems and barriers, measured or typed, and what it clearly buys more of than others.
    By words alone, and open to be checked: each row names the words it rests on. A text may speak to a need in other
    words, and name it without meeting it.

    Examples
    --------
    >>> check_message("Fast and safe: your data stay private.", persona).values  # doctest: +SKIP
    """
    said = roots(text)
    language = _language(text[:LONGEST])
    rows = [_row(claim, slot, said, language) for slot, claim in _needs(persona)]
    columns = ["claim_id", "slot", "need", "status", "share", "covered", "words", "missing"]
    needs = pd.DataFrame(rows, columns=columns).sort_values(["covered", "share"], kind="stable", ignore_index=True)
    notes = []
    if not any(slot in NEED_SLOTS for slot in needs["slot"]):
        notes.append("Goals, problems and barriers of this persona were not measured: only what it buys was compared.")
    if len(text) > LONGEST:
        notes.append(f"Only the first {LONGEST:,} characters were read.")
    if not said:
        notes.append("The text has no words that say something.")
    low = text[:LONGEST].casefold()
    kinds = [{"value": v["key"], "name": v["name"], "words": _found(low, said, v["words"])} for v in _values()]
    values = pd.DataFrame([row | {"covered": bool(row["words"])} for row in kinds])
    return MessageCheck(needs, values[["value", "name", "covered", "words"]], tuple(notes))


def _needs(persona: Persona) -> list[tuple[str, Claim]]:
    asked = [(slot, c) for slot in NEED_SLOTS for c in persona.slots.get(slot, ()) if not is_blank(c)]
    return asked + [("categories", c) for c in persona.slots.get("categories", ()) if is_more(c)]


def _language(text: str) -> str:
    """Return the language whose letters a text is written in."""
    cyrillic = sum("\u0400" <= c <= "\u04ff" for c in text)
    return "uk" if 2 * cyrillic > sum(c.isalpha() for c in text) else "en"


def _row(claim: Claim, slot: str, said: Mapping[str, str], language: str) -> dict[str, Any]:
    line = claim.values.get("line") or claim.values.get("category") or claim.values.get("feature") or ""
    need = in_language(line, language)
    words = roots(need)
    share = shared(words, said)
    return {
        "claim_id": claim.id, "slot": slot, "need": need, "status": claim.status, "share": share,
        "covered": share >= ENOUGH_SHARED,
        "words": ", ".join(said[root] for root in words if root in said),
        "missing": ", ".join(word for root, word in words.items() if root not in said),
    }  # fmt: skip


def _found(low: str, said: Mapping[str, str], entries: list[str]) -> str:
    words = {part for word in said.values() for part in (word, *word.split("-"))}
    found = [
        entry.rstrip("*")
        for entry in entries
        if (" " in entry and entry in low)
        or any(word.startswith(entry[:-1]) if entry.endswith("*") else word == entry for word in words)
    ]
    return ", ".join(found)
