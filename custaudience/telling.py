"""How a finding becomes a sentence: sheets of words, figures from code, and the one gate of privacy.

An analysis returns figures. ``sheet.toml`` beside it holds the words: a table per claim, a sentence per case. The
Teller joins them to a `Claim`, and says "too few" by itself where people could be recognised.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, cast

import pandas as pd

from custaudience.errors import near_miss
from custaudience.evidence import Claim, Estimate, Status, Terms, status_of_difference, template

META = (
    *("kind", "statistic", "unit", "as", "method", "base", "source", "filter", "status", "at_least", "people"),
    *("id", "like", "headline"),
)
"""What a claim's table says beside its sentences; each a text, or a table with a text per case.

``as``: what the headline figure is called in the sentences. ``people = false``: what is counted are no people.
``at_least``: units below which a difference is "too few". ``id``: the key in the claim's id, where several tables tell
of one. ``like``: another table, of which all but what stands here is taken over. ``headline = false``: a count that
has no figure but its ``n``. What stands above the first table holds for all. ``cells`` lists words of published tables,
which only the catalogues need.
"""
TRANSLATED = ("method", "base", "filter")
FEW = template("Fewer than {least:count} customers: not shown, so that nobody can be recognised.")
_PLACEHOLDER = re.compile(r"\{(\w+):([^{}]*)\}")


class SheetError(ValueError):
    """A sheet and the code that tells from it do not fit."""


@cache
def sheet(room: str) -> dict[str, Any]:
    """Return ``sheet.toml`` of a room, for example ``custaudience.customers.response``."""
    words = tomllib.loads(files(room).joinpath("sheet.toml").read_text(encoding="utf-8"))
    tables = [name for name, entry in (*words.items(), *words.get("phrases", {}).items()) if isinstance(entry, Mapping)]
    if taken := sorted(set(tables) & set(META)):
        raise SheetError(f"sheet.toml of {room}: {', '.join(taken)} are fields of a claim and cannot name a table")
    return words


def sentences(words: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text of a sheet that a reader sees, in its order: what the catalogues translate."""
    for key, entry in words.items():
        if key == "cells":
            yield from entry
        elif key in TRANSLATED or isinstance(entry, Mapping):
            yield from _texts(key, entry)


def _texts(key: str, entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        if key in TRANSLATED or key not in META:
            yield entry
    elif isinstance(entry, Mapping) and (key in TRANSLATED or key not in META):
        for inner, text in entry.items():
            yield from _texts(key if key in TRANSLATED else inner, text)


class Teller:
    """Makes the claims of one notebook, a file's name, from the sheet of words of a `room`, usually ``__package__``.

    `slug` is the first part of every claim's id; `source` names the tables all its claims rest on, where the study
    decides that and not the sheet.
    """

    def __init__(self, room: str, slug: str, notebook: str, terms: Terms, source: str = "") -> None:
        self.sheet = sheet(room) | ({"source": source} if source else {})
        self.room, self.slug, self.notebook, self.terms = room, slug, notebook, terms

    def few(self, *counts: float | None) -> bool:
        """Say whether one of these counts of people is above 0 and below the smallest group that may be shown."""
        return any(count is not None and 0 < count < self.terms.least for count in counts)

    def phrase(self, group: str, name: str) -> str:
        """Return a text of ``[phrases.GROUP]``, to stand within a sentence as ``:term`` or ``:sentence``."""
        return str(_get(_get(self._get("phrases"), group, f"[phrases.{group}]", self.room), name, group, self.room))

    def say(
        self,
        key: str,
        case: str = "text",
        /,
        *,
        of: Estimate | float | str | None = None,
        n: int | None = None,
        people: int | Iterable[int | None] | None = None,
        suffix: str = "",
        status: Status | None = None,
        rests_on: Iterable[str] = (),
        meta: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        **facts: Any,
    ) -> Claim:
        """Return the claim ``slug.key`` or ``slug.key.suffix``.

        Parameters
        ----------
        key, case : str
            Table of the sheet, and the sentence in it. The case "few" has no figures.
        of : Estimate, number or text, optional
            The headline figure; of a count its `n` where none is given.
        n : int, optional
            How many units it rests on; of an `Estimate` its own.
        people : int or several, optional
            Counts of people a reader could learn; of a count its `n`, unless the sheet says ``people = false``.
            One of 1 to ``least - 1`` turns the claim into "few".
        suffix : str
            Third part of the id.
        status : str, optional
            Lowers what the figures give, for example where many were compared.
        rests_on : iterable of str
            For advice: keys of this sheet, or whole ids.
        meta : mapping, optional
            What differs from the sheet's own fields for this one claim, as ``{"source": "transactions, products"}``.
        values, **facts
            What the placeholders stand for. The headline figure (named by ``as``), ``low``, ``high``, ``level``, ``n``,
            ``least`` and ``currency`` are filled in where a sentence asks for them and no fact is given.

        Raises
        ------
        SheetError
            If the sheet has no such key or case, or a placeholder has no fact.
        """
        facts = {**(values or {}), **facts}
        entry = dict(self._get(key))
        if "like" in entry:
            entry = {**self._get(entry["like"]), **entry}
        entry = {**{k: v for k, v in self.sheet.items() if k in META}, **entry, **(meta or {})}
        name = f"{self.slug}.{entry.get('id', key)}" + (f".{suffix}" if suffix else "")
        estimate = of if isinstance(of, Estimate) else None
        n = estimate.n if n is None and estimate else n
        kind = _of_case(entry, "kind", case)
        if people is None and kind == "count" and entry.get("people", True):
            people = n
        counts = [people] if isinstance(people, (int, float)) or people is None else list(people)
        gated = case != "few" and self.few(*counts)
        case = "few" if gated else case
        few = case == "few"
        counted = n if kind == "count" and entry.get("headline", True) else None
        value: Any = estimate.value if estimate else counted if of is None else of
        ends = (estimate.low, estimate.high, estimate.level) if estimate else (None, None, None)
        unit = _of_case(entry, "unit", case, "")
        unit = self.terms.currency if unit == "money" else unit
        if few:
            value, n, ends, status = None, None, (None, None, None), status or "too_few"
        elif estimate and kind == "difference":
            found = status_of_difference(
                estimate.low, estimate.high, estimate.n or 0, at_least=entry.get("at_least", 30), unit=unit
            )
            status = found if status is None or found == "too_few" else status
        text = entry.get("few", FEW) if few else _get(entry, case, key, self.room)
        texts = {name: _of_case(entry, name, case, "") for name in TRANSLATED}
        ready: dict[str, Any] = {"low": ends[0], "high": ends[1], "level": ends[2], "n": n, "least": self.terms.least}
        ready |= {"currency": self.terms.currency, entry.get("as", "value"): value}
        if status is None:
            interval = kind in ("count", "advice", "typed", "imagined") or estimate
            own = _OWN.get(kind, "measured" if interval else "too_few")
            status = cast("Status", _of_case(entry, "status", case) or own)
        return Claim(
            id=name, template=text, values=_values(name, [text, *texts.values()], facts, ready, gated=gated),
            kind=kind, statistic=_of_case(entry, "statistic", case), value=value, unit=unit, n=n, low=ends[0],
            high=ends[1], level=ends[2], status=status, source=_of_case(entry, "source", case, "transactions"),
            as_of=self.terms.as_of, notebook=self.notebook,
            rests_on=tuple(i if "." in i else f"{self.slug}.{i}" for i in rests_on), **texts,
        )  # fmt: skip

    def _get(self, key: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = _get(self.sheet, key, "its keys", self.room)
        return found


_OWN = {"advice": "advice", "typed": "typed", "imagined": "imagined"}


def _get(table: Mapping[str, Any], key: str, where: str, room: str) -> Any:
    if key not in table:
        raise SheetError(f"sheet.toml of {room}: no {key!r} under {where}.{near_miss(key, table)}")
    return table[key]


def _of_case(entry: Mapping[str, Any], name: str, case: str, default: Any = None) -> Any:
    """Return a field of a claim's table, which may have a text per case, with ``text`` for the others."""
    value = entry.get(name, default)
    return value.get(case, value.get("text", default)) if isinstance(value, Mapping) else value


def _values(
    claim: str, texts: Iterable[str], facts: Mapping[str, Any], ready: Mapping[str, Any], *, gated: bool
) -> dict[str, Any]:
    """Return the facts and whatever else the texts ask for; of too few people nothing but words and dates."""
    asked: dict[str, str] = {}
    pending = list(texts)
    while pending:
        for name, form in _PLACEHOLDER.findall(pending.pop()):
            inner = facts.get(name)
            if form == "sentence" and isinstance(inner, str) and name not in asked:
                pending.append(inner)
            asked[name] = "money" if asked.get(name) == "money" or form.startswith("money") else form
    values = {name: fact for name, fact in facts.items() if not gated or (is_text(fact) and name in asked)}
    wanted = [*asked, *(["currency"] if "money" in asked.values() else []), *(["least"] if gated else [])]
    values |= {name: ready[name] for name in wanted if name not in values and ready.get(name) is not None}
    if missing := [name for name in asked if name not in values or _absent(values[name])]:
        raise SheetError(f"claim {claim}: nothing given for {', '.join(missing)}; given are {', '.join(values)}")
    return values


def is_text(value: Any) -> bool:
    """Say whether it is words and no figure: a text, or one per language."""
    return all(isinstance(part, str) for part in (value.values() if isinstance(value, Mapping) else [value]))


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and pd.isna(value))
