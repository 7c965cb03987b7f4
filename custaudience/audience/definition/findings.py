"""What is wrong with a definition by its words alone: findings with the places they rest on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from custaudience.audience.definition.rules import NOTHING, Range, Rule, Span, joined_ranges
from custaudience.audience.definition.text import OLDEST, Item
from custaudience.audience.definition.word_lists import WordLists
from custaudience.audience.personas.words import plain_text
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.evidence import template

Severity = Literal["error", "warning", "notice"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "notice")
ADULT = 18
SEX_AGE_INCOME = frozenset({"sex", "age", "generation", "income"})
_WHOLE_PHRASES = ("values", "needs", "behaviour")  # families whose phrases say nothing of a person's health or origin
_SHOWN = 12
TOPICS = {
    "race or ethnicity": template("race or ethnicity"),
    "skin colour": template("skin colour"),
    "nationality or origin": template("nationality or origin"),
    "religion": template("religion"),
    "health": template("health"),
    "minors": template("minors"),
}
GENERATIONS = {
    "silent_generation": template("silent generation"),
    "baby_boomers": template("baby boomers"),
    "generation_x": template("generation X"),
    "millennials": template("millennials"),
    "generation_z": template("generation Z"),
}


@dataclass(frozen=True)
class Finding:
    """One thing found in a definition, and what to do about it.

    Attributes
    ----------
    code : str
        NOTHING_SAID, CONTRADICTION, MINORS (errors or warnings); ONLY_SEX_AGE_INCOME, DEMOGRAPHIC_ONLY,
        GENERATION_AGE_MISMATCH, SENSITIVE, UNKNOWN_VARIABLE, TOO_BROAD, COVERS_NOBODY (warnings, or notices where
        something could not be read or matched); NO_REFERENCE_YEAR, NOT_READ (notices).
    severity : {"error", "warning", "notice"}
    template, values
        The sentence: what was found, and what to do; see `present.words.render`.
    words : tuple of str
        As they stand in the definition.
    spans : tuple of (start, end)
        Where they stand in a text; empty for a table of rules.
    """

    code: str
    severity: Severity
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Said:
    """A definition as it was read: what the findings are made from.

    `text` is the free text, or the values that a table of rules states; `typed` says which.
    """

    text: str
    rules: tuple[Rule, ...]
    items: tuple[Item, ...] = ()
    unread: tuple[Span, ...] = ()
    unknown: tuple[str, ...] = ()
    near: Mapping[str, str] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    sensitive: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    typed: bool = True

    @property
    def not_understood(self) -> list[str]:
        """Words and variables that may say something, which nobody knows."""
        return [*(self.text[a:b] for a, b in self.unread), *self.unknown]


def word_findings(said: Said, words: WordLists, *, reference_year: int | None) -> list[Finding]:
    """Return what the words alone show, without the customers."""
    return [
        *_nothing(said),
        *_contradictions(said),
        *_minors(said),
        *_sensitive(said),
        *_families(said),
        *_generation(said, words, reference_year),
        *_not_understood(said),
    ]


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, errors first."""
    return tuple(sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), f.code, f.spans, f.words)))


def _of(code: str, severity: Severity, text: str, rules: Iterable[Rule], **values: Any) -> Finding:
    """Return a finding that rests on rules."""
    given = list(rules)
    words = tuple(dict.fromkeys(word for rule in given for word in rule.words))
    spans = tuple(sorted({span for rule in given for span in rule.spans}))
    return Finding(code, severity, text, {"said": shown(words)} | values, words, spans)


def shown(words: Sequence[str]) -> str:
    """Return words for a sentence, not too many of them and none too long.

    Examples
    --------
    >>> shown(["women", "18-40"])
    'women, 18-40'
    """
    short = [plain_text(word, most=45) for word in dict.fromkeys(words)]
    return ", ".join(short[:_SHOWN]) + (" …" if len(short) > _SHOWN else "")


def _nothing(said: Said) -> Iterator[Finding]:
    if not said.rules and not said.sensitive:
        yield Finding(
            "NOTHING_SAID",
            "error",
            template(
                "Nothing that is known is said of whom it is for. Write who they are, what they do, what they value "
                "and which problem they have."
            ),
        )


def _contradictions(said: Said) -> Iterator[Finding]:
    by_variable: dict[str, list[Rule]] = {}
    for rule in said.rules:
        by_variable.setdefault(rule.variable, []).append(rule)
    for rules in by_variable.values():
        stated = [rule.ranges for rule in rules if rule.ranges]
        chosen = [set(rule.values) for rule in rules if rule.values]
        excluded = {value for rule in rules for value in rule.excluded}
        left = set.intersection(*chosen) - excluded if chosen else {""}
        if (stated and joined_ranges(stated) in ((), (NOTHING,))) or not left:
            yield _of(
                "CONTRADICTION",
                "error",
                template("Nobody can fit “{said:text}”. If either is meant, make a definition of each."),
                rules,
            )


def _minors(said: Said) -> Iterator[Finding]:
    ages = [rule for rule in said.rules if rule.variable == "age" and rule.ranges]
    found = joined_ranges([rule.ranges for rule in ages]) if ages else ()
    ages_of = [(max(low, 0.0), min(high, OLDEST)) for low, high in found]
    flagged = _flagged(said, "minors")
    if flagged or (ages_of and max(high for _, high in ages_of) < ADULT):
        yield _joined(
            "MINORS",
            "error",
            template(
                "“{said:text}” means people under {adult:count}: they are never counted, scored or addressed here. "
                "Speak to their parents, or begin at {adult:count}."
            ),
            said, flagged, [] if flagged else ages,
        )  # fmt: skip
    elif any(low < ADULT and low > 0 for low, _ in ages_of):
        yield _joined(
            "MINORS",
            "warning",
            template("“{said:text}” includes people under {adult:count}. Begin at {adult:count}."),
            said, [], ages,
        )  # fmt: skip
    elif (maybe := _flagged(said, "maybe_minors")) and not (
        _flagged(said, "grown_up") or (ages_of and min(low for low, _ in ages_of) >= ADULT)
    ):
        yield _joined(
            "MINORS",
            "notice",
            template(
                "“{said:text}” can mean people under {adult:count}. If grown-ups are meant, say from which age; others "
                "are not addressed here."
            ),
            said, maybe, [],
        )  # fmt: skip


def _flagged(said: Said, flag: str) -> list[Item]:
    return [item for item in said.items if item.is_("flags", flag)]


def _joined(
    code: str, severity: Severity, text: str, said: Said, items: Sequence[Item], rules: Sequence[Rule]
) -> Finding:
    spans = sorted({(item.start, item.end) for item in items} | {span for rule in rules for span in rule.spans})
    words = tuple(said.text[a:b] for a, b in spans) or tuple(word for rule in rules for word in rule.words)
    places = tuple(spans) if said.typed else ()
    return Finding(code, severity, text, {"said": shown(words), "adult": ADULT}, words, places)


def sensitive_spans(text: str, items: Sequence[Item], words: WordLists) -> dict[str, tuple[Span, ...]]:
    """Return where a text speaks of each sensitive topic."""
    found: dict[str, set[Span]] = {}
    for i, item in enumerate(items):
        listed = {meaning.key for meaning in item.meanings if meaning.kind == "sensitive"}
        for topic in listed:
            found.setdefault(topic, set()).add((item.start, item.end))
        if listed or item.is_("flags") or any(words.variables[m.key].family in _WHOLE_PHRASES for m in item.variables):
            continue
        for end in range(i + 1, min(i + 4, len(items) + 1)):
            topic = _topic(text[item.start : items[end - 1].end])
            if topic and (end == i + 1 or topic not in {_topic(each.word) for each in items[i + 1 : end]}):
                found.setdefault(topic, set()).add((item.start, items[end - 1].end))
                break
    return {topic: tuple(sorted(spans)) for topic, spans in sorted(found.items())}


def _sensitive(said: Said) -> Iterator[Finding]:
    variables = {rule.variable: _topic(rule.variable) for rule in said.rules if not rule.spans}
    for topic in sorted({*said.sensitive, *variables.values()} - {""}):
        spans = said.sensitive.get(topic, ())
        stated = tuple(said.text[a:b] for a, b in spans)
        stated += tuple(word for rule in said.rules if variables.get(rule.variable) == topic for word in rule.words)
        yield Finding(
            "SENSITIVE",
            "warning",
            template(
                "“{said:text}” is about {topic:sentence}: never used to choose or score people. Take it out, and say "
                "what they need or do instead."
            ),
            {"said": shown(stated), "topic": TOPICS[topic]},
            stated,
            spans if said.typed else (),
        )


@lru_cache(maxsize=4096)
def _topic(phrase: str) -> str:
    return sensitive_topic(phrase)


def _families(said: Said) -> Iterator[Finding]:
    """Find a definition of who people are, which says nothing of why they would buy."""
    speaking = [rule for rule in said.rules if rule.variable in said.families]
    if not speaking or {said.families[rule.variable] for rule in speaking} != {"demographic"}:
        return
    only = {rule.variable for rule in speaking} <= SEX_AGE_INCOME and not said.sensitive
    spans = tuple(span for found in said.sensitive.values() for span in found)
    speaking.append(Rule("sensitive", words=tuple(said.text[a:b] for a, b in spans), spans=spans if said.typed else ()))
    code = "ONLY_SEX_AGE_INCOME" if only else "DEMOGRAPHIC_ONLY"
    if said.not_understood:
        text = template(
            "All that could be read is who they are (“{said:text}”). If “{unread:text}” is not what they do, what they "
            "value or which problem they have, add that."
        )
        yield _of(code, "notice", text, speaking, unread=shown(said.not_understood))
    elif only:
        text = template(
            "Only sex, age or income is said (“{said:text}”). This fits very many people, and nothing says that they "
            "would buy. Add what they do, what they value or which problem they have."
        )
        yield _of(code, "warning", text, speaking)
    else:
        text = template(
            "Only who they are and where they live is said (“{said:text}”), not why they would buy. Add what they do, "
            "what they value or which problem they have."
        )
        yield _of(code, "warning", text, speaking)


def _generation(said: Said, words: WordLists, year: int | None) -> Iterator[Finding]:
    ages = [rule for rule in said.rules if rule.variable == "age" and rule.ranges]
    for rule in (r for r in said.rules if r.variable == "generation"):
        for name in rule.values:
            if name not in words.generations:
                continue
            first, last = words.generations[name]
            values = {"generation": GENERATIONS[name], "first": str(first), "last": str(last)}
            stated = joined_ranges([r.ranges for r in ages]) if ages else ()
            span = max((high - low for low, high in stated), default=0.0)
            if year is None and span > last - first + 1:
                text = template(
                    "Of {generation:sentence} (born {first:text} to {last:text}) the oldest and the youngest are never "
                    "more than {span:count} years apart; “{said:text}” is wider. Keep the generation or the ages."
                )
                yield _of("GENERATION_AGE_MISMATCH", "warning", text, [rule, *ages], span=last - first + 1, **values)
            elif year is None:
                text = template(
                    "“{said:text}”: how old {generation:sentence} are depends on the year. Say which year is meant, "
                    "and ages can be checked and counted."
                )
                yield _of("NO_REFERENCE_YEAR", "notice", text, [rule, *ages], **values)
            elif stated and not _within(stated, (year - last - 1, year - first)):
                text = template(
                    "In {year:text} {generation:sentence} (born {first:text} to {last:text}) are {youngest:count} to "
                    "{oldest:count} years old, and “{said:text}” says otherwise. Keep the generation or the ages."
                )
                yield _of(
                    "GENERATION_AGE_MISMATCH", "warning", text, [rule, *ages],
                    year=str(year), youngest=max(year - last - 1, 0), oldest=year - first, **values,
                )  # fmt: skip


def _within(stated: Sequence[Range], bounds: Range) -> bool:
    return all(
        bounds[0] <= math.floor(max(low, -1.0)) and math.floor(min(high, OLDEST + 90)) <= bounds[1]
        for low, high in stated
    )


def _not_understood(said: Said) -> Iterator[Finding]:
    for name in said.unknown:
        rules = [rule for rule in said.rules if rule.variable == name]
        text = template("“{said:text}”: nothing is known of this variable, and it is left out. Name it as the data do.")
        if said.near.get(name):
            text = template("“{said:text}”: nothing is known of this variable. Did you mean “{near:text}”?")
        yield _of("UNKNOWN_VARIABLE", "warning", text, rules, near=said.near.get(name, ""))
    if said.unread:
        stated = tuple(said.text[a:b] for a, b in said.unread)
        yield Finding(
            "NOT_READ",
            "notice",
            template("“{said:text}”: no word list knows this, and nothing is counted for it."),
            {"said": shown(stated)},
            stated,
            said.unread,
        )
