"""What people wrote of personas, checked: how far a team agrees, and what a message covers of a persona's needs."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from custaudience.audience.personas.claims import is_more
from custaudience.audience.personas.ground import as_frame
from custaudience.audience.personas.persona import Persona, is_blank
from custaudience.audience.personas.words import fits, in_language, plain_text
from custaudience.audience.profiles.trace import ENOUGH_SHARED, LONGEST, roots, shared
from custaudience.errors import DataError
from custaudience.evidence import Claim

NEED_SLOTS = ("goals", "problems", "barriers")


@cache
def value_kinds() -> tuple[dict[str, Any], ...]:
    """Return the eleven kinds of value: ``key``, ``name`` by language, ``words``."""
    text = files("custaudience.audience.profiles").joinpath("messages.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["value"])


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
    kinds = [{"value": v["key"], "name": v["name"], "words": _found(low, said, v["words"])} for v in value_kinds()]
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
    found = (e for e in entries if (" " in e and e in low) or any(fits(e, word) for word in words))
    return ", ".join(entry.rstrip("*") for entry in found)


def team_agreement(descriptions: pd.DataFrame) -> pd.DataFrame:
    """Measure how far people who describe the same personas mean the same.

    Parameters
    ----------
    descriptions : DataFrame, one row per answer
        ``person``, ``field``, ``value``, and ``persona`` where several are described. Empty values are not answers;
        large and small letters do not matter.

    Returns
    -------
    DataFrame, one row per field, the least agreed first, and ``all fields`` last
        ``field``; ``n_people``, ``n_personas`` (with two answers or more); ``agreement`` (share of pairs of answers
        that agree); ``alpha`` (Krippendorff's, nominal: 1 = all agree, 0 = no more than chance; NaN with fewer than
        two personas, or where all gave the same answer to everything); ``answers`` (each with how many gave it).

    Raises
    ------
    DataError
        If a person answers a field of a persona twice, or fewer than two people answer.

    Notes
    -----
    Krippendorff (2011), Computing Krippendorff's Alpha-Reliability. Of all fields together a unit is a field of a
    persona, so that alpha can be told for a single persona too.
    """
    table = as_frame(descriptions, "descriptions", "person", "field", "value")
    table = table.assign(persona=table["persona"] if "persona" in table else "")
    table = table.assign(value=table["value"].map(lambda v: "" if pd.isna(v) else plain_text(v).casefold()))
    table = table[table["value"] != ""]
    if table.duplicated(["person", "persona", "field"]).any():
        raise DataError("descriptions: a person answers the same field twice. Keep one row per person and field.")
    if table["person"].nunique() < 2:
        raise DataError("descriptions: fewer than two people answered, so there is nothing to compare.")
    rows = [_agreement(str(field), part, ["persona"]) for field, part in table.groupby("field")]
    found = pd.DataFrame(rows).sort_values(["agreement", "alpha", "field"], na_position="first", kind="stable")
    return pd.concat([found, pd.DataFrame([_agreement("all fields", table, ["persona", "field"])])], ignore_index=True)


def _agreement(field: str, table: pd.DataFrame, unit: list[str]) -> dict[str, object]:
    units = [list(part) for _key, part in table.groupby(unit)["value"]]
    counts = Counter(table["value"])
    shown = "; ".join(f"{value} ({n})" for value, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    pairs, agree = (table.groupby(by).size().map(lambda n: n * (n - 1)).sum() for by in (unit, [*unit, "value"]))
    return {
        "field": field, "n_people": table["person"].nunique(),
        "n_personas": table.groupby("persona")["person"].nunique().ge(2).sum(),
        "agreement": agree / pairs if pairs else float("nan"),
        "alpha": krippendorff_alpha(units) if sum(len(values) > 1 for values in units) > 1 else np.nan,
        "answers": shown if len(unit) == 1 else "",
    }  # fmt: skip


def krippendorff_alpha(units: Iterable[Sequence[object]]) -> float:
    """Return Krippendorff's alpha for nominal values: for each thing described, the values people gave.

    NaN when fewer than two values can be paired, or all of them are the same.

    Examples
    --------
    >>> round(krippendorff_alpha([["a", "a"], ["b", "b"], ["a", "b"]]), 3)
    0.444
    """
    observed, totals = 0.0, Counter[object]()
    for values in units:
        m = len(values)
        if m < 2:
            continue  # a value nobody can be compared with
        counts = Counter(values)
        totals.update(counts)
        observed += sum(n * (m - n) for n in counts.values()) / (m - 1)
    n = totals.total()
    expected = sum(count * (n - count) for count in totals.values()) / (n - 1) if n > 1 else 0.0
    return 1 - observed / expected if expected else float("nan")
