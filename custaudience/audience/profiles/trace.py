"""Profiles that a person typed: each line traced to its sources, and held against what the data say."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from custaudience.audience.personas.persona import SLOTS, Persona
from custaudience.audience.personas.words import Text, code_of, in_language, plain_text
from custaudience.errors import ConfigError, near_miss
from custaudience.evidence import Claim

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SHORTEST = 3
LONGEST = 20_000  # characters of a text that are looked at
LONGEST_LINE = 240
ENOUGH_SHARED = 0.5  # a line is found in a source when so much of what it says stands there
TraceStatus = Literal["measured", "no_clear_difference", "contradicted", "typed"]


@dataclass(frozen=True)
class Line:
    """A line of a profile: the document's name of its field, the slot of a card it belongs to, its words."""

    field: Text
    slot: str
    text: Text


@dataclass(frozen=True)
class Profile:
    """A profile as a person typed it: whom it describes, where it comes from, its imagined name and words, its lines.

    `sources` are what the lines claim to rest on, by key, one statement or several between semicolons; `things` are for
    the drawing.
    """

    key: str
    title: Text
    about: Text
    who: Text
    written_on: dt.date
    sources: Mapping[str, Text]
    lines: tuple[Line, ...]
    things: tuple[str, ...] = ()
    name: Text = ""


@dataclass(frozen=True)
class TracedLine:
    """A line of a profile and what it rests on.

    `status` is "typed" where no claim of the study speaks of it (`rests_on`); `sources` are the keys of those it is
    found in, the best first; `missing` the words of the line that its best source does not have.
    """

    line: Line
    status: TraceStatus
    sources: tuple[str, ...]
    missing: tuple[str, ...]
    rests_on: Claim | None = None


@dataclass(frozen=True)
class Trace:
    """Every line traced, and what the sources say that no line took up: pairs of source and statement."""

    lines: tuple[TracedLine, ...]
    unused: tuple[tuple[str, Text], ...]
    has_sources: bool

    @property
    def unsupported(self) -> tuple[TracedLine, ...]:
        """The lines that neither a source nor the data support."""
        return tuple(t for t in self.lines if not t.sources and t.status in ("typed", "contradicted"))


def parse_profile(text: str) -> Profile:
    """Read a profile from TOML text; see data/examples for two."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"profile: not valid TOML: {error}") from error
    known = {"key", "title", "about", "name", "who", "written_on", "things", "source", "field"}
    for key in raw:
        if key not in known:
            raise ConfigError(
                f"profile: {key!r} is unknown; known are {', '.join(sorted(known))}.{near_miss(key, known)}"
            )
    for key in ("key", "title", "written_on", "field"):
        if key not in raw:
            raise ConfigError(f"profile: {key!r} is missing")
    if not isinstance(raw["written_on"], dt.date):
        raise ConfigError("profile: written_on must be a date like 2025-01-31, without quotes")
    lines = []
    for part in raw["field"]:
        if part.get("slot") not in SLOTS:
            raise ConfigError(
                f"profile, field {part.get('name')!r}: no slot {part.get('slot')!r}."
                f"{near_miss(str(part.get('slot')), SLOTS)} Slots: {', '.join(SLOTS)}."
            )
        lines += [Line(part.get("name", ""), part["slot"], line) for line in part.get("lines", ())]
    return Profile(
        key=code_of(raw["key"]), title=raw["title"], about=raw.get("about", ""), who=raw.get("who", ""),
        written_on=raw["written_on"], sources={s["key"]: s["text"] for s in raw.get("source", ())},
        lines=tuple(lines), things=tuple(str(t) for t in raw.get("things", ())), name=raw.get("name", ""),
    )  # fmt: skip


def load_profile(path: str | Path) -> Profile:
    """Read a profile from a TOML file."""
    return parse_profile(Path(path).read_text(encoding="utf-8"))


def trace_claims(
    profile: Profile | str, against: Iterable[Claim] | Persona = (), *, sources: Mapping[str, Text] | None = None
) -> Trace:
    """Find out what each line of a profile rests on: which source says it, and what the data say of it.

    Of a text the sentences and parts between semicolons are the lines, and `sources` are given beside it; a profile
    brings its own. `against` is what was measured: a persona, or the ledger of a study.

    Notes
    -----
    By words, not by understanding: a line is found in a source when at least half of its words that say something
    stand there, the same or by the lists of profiles.toml. A claim speaks of a line when all words of its level or
    category stand in the line, or when both speak of an age and the ranges overlap by half. What a claim shows
    clearly in the other direction contradicts the line.
    """
    if isinstance(profile, str):
        parts = [part for part in re.split(r"[;\n]|(?<=[.!?])\s+", profile[:LONGEST]) if roots(part)]
        lines: Sequence[Line] = [Line("", "goals", plain_text(part, most=LONGEST_LINE)) for part in parts]
        given = dict(sources or {})
    else:
        lines, given = profile.lines, dict(sources if sources is not None else profile.sources)
    claims = list(against.claims() if isinstance(against, Persona) else against)
    words_of = {key: roots(in_language(text)) for key, text in given.items()}
    traced = [_traced(line, words_of, claims) for line in lines]
    said = {root for line in lines for root in roots(in_language(line.text))}
    unused = tuple(
        (key, _part(text, i))
        for key, text in given.items()
        for i, part in enumerate(in_language(text).split(";"))
        if (words := roots(part)) and shared(words, said) < ENOUGH_SHARED
    )
    return Trace(tuple(traced), unused, bool(given))


def _traced(line: Line, sources: Mapping[str, Mapping[str, str]], claims: Sequence[Claim]) -> TracedLine:
    words = roots(in_language(line.text))
    score = {key: shared(words, found) for key, found in sources.items()}
    # of sources that say as much, the one that says least beside it
    best = sorted((k for k in score if score[k] >= ENOUGH_SHARED), key=lambda k: (-score[k], len(sources[k])))
    missing = [word for root, word in words.items() if not best or root not in sources[best[0]]]
    status, claim = _held_against(in_language(line.text), claims)
    return TracedLine(line, status, tuple(best), tuple(missing), claim)


def _held_against(text: str, claims: Sequence[Claim]) -> tuple[TraceStatus, Claim | None]:
    """Return what the data say of a line: the clearest claim that speaks of it decides."""
    speaking = [c for c in claims if c.kind == "difference" and c.value is not None and _speaks(text, c)]
    clear = [c for c in speaking if c.status == "measured"]
    if clear:
        best = max(clear, key=lambda c: (_is_more(c), abs(float(c.values.get("effect", 0)))))
        return ("measured" if _is_more(best) else "contradicted"), best
    same = [c for c in speaking if c.status == "no_clear_difference"]
    return ("no_clear_difference", same[0]) if same else ("typed", None)


def _is_more(claim: Claim) -> bool:
    return float(claim.value or 0) > (1 if claim.unit == "ratio" else 0)


def _speaks(text: str, claim: Claim) -> bool:
    category = claim.values.get("raw") or claim.values.get("category") or ""
    feature = in_language(claim.values.get("feature") or "")
    said, level = roots(text), roots(str(category))
    if "=age" in roots(feature) and category:
        mine, theirs = number_range(text), number_range(str(category))
        if mine is None or theirs is None or "=age" not in said:
            return False
        overlap = min(mine[1], theirs[1]) - max(mine[0], theirs[0])
        return overlap >= 0.5 * min(theirs[1] - theirs[0], 10.0)
    if level:
        return set(level) <= set(said)
    words = set(roots(feature))
    return bool(words) and claim.unit == "fraction" and words <= set(said)


def _part(source: Text, i: int) -> Text:
    """Return a statement of a source in each language that has as many."""
    if isinstance(source, str):
        return source.split(";")[i].strip()
    n = len(in_language(source).split(";"))
    texts = {language: text.split(";") for language, text in source.items()}
    return {language: parts[i].strip() for language, parts in texts.items() if len(parts) == n}


def trace_table(trace: Trace, *, language: str = "en") -> pd.DataFrame:
    """Return a row per line of a profile: where it stands, what it says, what it rests on."""
    rows = []
    for traced in trace.lines:
        found = traced.sources[0] if traced.sources else "none of them" if trace.has_sources else ""
        name, line = (in_language(text, language) for text in (traced.line.field, traced.line.text))
        rows.append((name, line, traced.status, found, ", ".join(traced.missing)))
    return pd.DataFrame(rows, columns=["field", "line", "status", "source", "missing"])


@cache
def _lists() -> dict[str, Any]:
    return tomllib.loads(files("custaudience.audience.profiles").joinpath("profiles.toml").read_text(encoding="utf-8"))


@cache
def _known() -> tuple[dict[str, str], tuple[tuple[str, str], ...], frozenset[str]]:
    """Return whole words and beginnings with their concepts, and the words that say nothing."""
    known = [(entry, concept) for concept, entries in _lists()["concepts"].items() for entry in entries]
    whole = {entry: concept for entry, concept in known if not entry.endswith("*")}
    beginnings = [(entry[:-1], concept) for entry, concept in known if entry.endswith("*")]
    return whole, tuple(sorted(beginnings, key=lambda b: -len(b[0]))), frozenset(_lists()["stop"]["words"])


@lru_cache(maxsize=4096)
def root_of(word: str) -> str:
    """Return what a word is compared by: its concept where a list knows it, else the word without its ending."""
    whole, beginnings, _stop = _known()
    concept = whole.get(word) or next((concept for start, concept in beginnings if word.startswith(start)), "")
    left = (word.removesuffix(ending) for ending in _lists()["endings"] if word.endswith(ending))
    return f"={concept}" if concept else next((short for short in left if len(short) >= _SHORTEST), word)


def roots(text: str) -> dict[str, str]:
    """Return the words of a text that say something: what each is compared by, and as it is written."""
    stop = _known()[2]
    found: dict[str, str] = {}
    for word in _WORD.findall(text[:LONGEST].casefold().replace("’", "'")):
        for part in [word] if word in _known()[0] else word.split("-"):
            if part and part not in stop:
                found.setdefault(root_of(part), part)
    return found


def shared(words: Iterable[str], other: Iterable[str]) -> float:
    """Return which part of `words` is in `other`; 0 when there are none."""
    mine, theirs = set(words), set(other)
    return len(mine & theirs) / len(mine) if mine else 0.0


def number_range(text: str) -> tuple[float, float] | None:
    """Return the range of years a text speaks of, None when of none."""
    found = [float(n) for n in re.findall(r"(?<![\d.,])\d{1,2}(?![\d.,]*\d)", text[:LONGEST])]
    if not found:
        return None
    if len(found) == 1:
        return (found[0], float("inf")) if re.search(r"\d\s*\+", text) else (found[0], found[0])
    return min(found[:2]), max(found[:2])
