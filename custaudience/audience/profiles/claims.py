"""The card of a typed profile: every line a claim with its status and its source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from custaudience.audience.personas.claims import PersonaTeller, blank_claim, caveat_claims, filled_claim
from custaudience.audience.personas.persona import AVATAR_BLOCKS, SLOTS, Persona
from custaudience.audience.personas.words import Text, in_language, name_of, plain_text, stable_number
from custaudience.audience.profiles.trace import (
    ENOUGH_SHARED,
    LONGEST_LINE,
    Profile,
    Trace,
    TracedLine,
    roots,
    shared,
    trace_claims,
)
from custaudience.evidence import Claim, Estimate, Terms

SLUG = "profiles"


def profile_persona(profile: Profile, trace: Trace | None = None, *, caveats: Iterable[Text] = ()) -> Persona:
    """Return a typed profile as a persona for a card: every line a claim with its status and its source.

    Without `trace` the lines are traced to the profile's own sources only; `caveats` are printed below its `about`.
    """
    trace = trace or trace_claims(profile)
    terms = Terms(profile.written_on)
    tell = PersonaTeller(profile.key, profile.title, terms, slug=SLUG, room=__package__)
    known = PersonaTeller(profile.key, profile.title, terms, slug=SLUG)  # what every card says
    slots: dict[str, list[Claim]] = {slot: [] for slot in SLOTS}
    for i, traced in enumerate(trace.lines, 1):
        slots[traced.line.slot].append(_line_claim(tell, f"{traced.line.slot}{i}", traced, profile, trace))
    number = stable_number(profile.key) % 10_000
    name = _by_language(profile.name) if profile.name else name_of(number)
    values = {"name": dict(name), "who": profile.who}
    slots["name"] = [tell.say("name", "text" if profile.who else "alone", values=values)]
    if not slots["size"]:
        slots["size"] = [tell.say("title", line=_clipped(profile.title))]
    filled = [block for block in AVATAR_BLOCKS if slots[block]]
    for block in AVATAR_BLOCKS:
        slots[block] = slots[block] or [blank_claim(known, block)]
    slots["notes"] = [*_trace_notes(tell, trace), filled_claim(known, filled)]
    slots["notes"] += caveat_claims(known, [text for text in (profile.about, *caveats) if text])
    return Persona(
        key=profile.key, segment="", title=profile.title, system="typed", place=0, name=name,
        name_number=number, n=0, study="", currency="", as_of=profile.written_on,
        slots={slot: tuple(claims) for slot, claims in slots.items()}, things=profile.things,
    )  # fmt: skip


def _by_language(text: Text) -> dict[str, str]:
    return {"en": text} if isinstance(text, str) else dict(text)


def _trace_notes(tell: PersonaTeller, trace: Trace) -> list[Claim]:
    """Say how many lines no source says, and what the sources say that no line took up."""
    if not trace.has_sources:
        return []
    n, lost = len(trace.lines), sum(not t.sources for t in trace.lines)
    notes = [tell.say("traced", of=lost, n=n, lost=lost)]
    if trace.unused:
        statements = [_by_language(statement) for _source, statement in trace.unused]
        languages = sorted({language for statement in statements for language in statement})
        each = {language: "; ".join(in_language(s, language) for s in statements) for language in languages}
        said = {language: plain_text(text, most=LONGEST_LINE) for language, text in each.items()}
        notes.append(tell.say("unused", of=len(trace.unused), said=said))
    return notes


def _line_claim(tell: PersonaTeller, key: str, traced: TracedLine, profile: Profile, trace: Trace) -> Claim:
    """Return a line as a claim: typed, or with the figures of the claim that speaks of it."""
    found = [_statement(profile.sources[k], traced.line.text) for k in traced.sources if k in profile.sources]
    values: dict[str, Any] = {
        "line": _clipped(traced.line.text), "field": traced.line.field or "Text",
        "found_in": list(traced.sources) if trace.has_sources else None,
    }  # fmt: skip
    if found:
        values["quote"] = _clipped(found[0])
    method = tell.phrase("where", "quote" if found else "lost" if trace.has_sources else "none")
    meta, claim = {"id": key, "method": method}, traced.rests_on
    if claim is None or claim.low is None or claim.high is None or claim.level is None:
        return tell.say("line", values=values, meta=meta)
    of = Estimate(float(claim.value or 0), claim.low, claim.high, claim.level, claim.n)
    meta |= {"statistic": claim.statistic, "unit": claim.unit}
    return tell.say("held", of=of, status=traced.status, values=values, rests_on=[claim.id], meta=meta)


def _statement(source: Text, line: Text) -> Text:
    """Return of a source the statement that says the line, in each language; all of it where several do together."""
    if isinstance(source, str):
        return _best_part(source, in_language(line))
    return {language: _best_part(text, in_language(line, language)) for language, text in source.items()}


def _best_part(source: str, line: str) -> str:
    words, parts = roots(line), [part.strip() for part in source.split(";")]
    best = max(parts, key=lambda part: shared(words, roots(part)))
    return best if shared(words, roots(best)) >= ENOUGH_SHARED else source


def _clipped(text: Text) -> Text:
    if isinstance(text, str):
        return plain_text(text, most=LONGEST_LINE)
    return {language: plain_text(part, most=LONGEST_LINE) for language, part in text.items()}
