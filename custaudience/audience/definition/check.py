"""The lint of a written audience definition: what is wrong with its words, and what the customers say of it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from custaudience.audience.definition.matching import Match, generation_as_age, match_rules
from custaudience.audience.definition.numbers import COLUMNS, Coverage, compare_with_rest, coverage_of
from custaudience.audience.definition.rules import (
    NOTHING,
    OLDEST,
    TOPICS,
    Definition,
    Rule,
    joined_ranges,
    read_definition,
    read_text,
    rules_of,
)
from custaudience.audience.definition.words import (
    YES,
    Item,
    Range,
    Span,
    WordLists,
    items_of,
    load_words,
    sensitive_spans,
    shown,
)
from custaudience.audience.personas.words import plain_text
from custaudience.customers import CustomerFeatures
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.errors import ParameterError
from custaudience.evidence import Terms
from custaudience.telling import sheet

Severity = Literal["error", "warning", "notice"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "notice")
ADULT = 18
SEX_AGE_INCOME = frozenset({"sex", "age", "generation", "income"})


@dataclass(frozen=True)
class Finding:
    """One thing found in a definition: a table in capitals of the sheet (`code`), and which of its sentences (`case`).

    `words` as they stand in the definition, `spans` where in a text (empty for rules).
    """

    code: str
    severity: Severity
    case: str = "text"
    values: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()

    @property
    def template(self) -> str:
        """The sentence: what was found, and what to do."""
        return str(sheet(__package__)[self.code][self.case])


@dataclass(frozen=True)
class Said:
    """A definition as it was read; `text` is the free text (`typed`), or the values that a table of rules states."""

    text: str
    rules: tuple[Rule, ...]
    items: tuple[Item, ...] = ()
    unread: tuple[Span, ...] = ()
    unknown: tuple[str, ...] = ()
    near: Mapping[str, Sequence[str]] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    sensitive: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    typed: bool = True

    @property
    def not_understood(self) -> list[str]:
        """Words and variables that may say something, which nobody knows."""
        return [*(self.text[a:b] for a, b in self.unread), *self.unknown]

    def flagged(self, flag: str) -> list[Span]:
        """Return where the phrases with a flag of the word lists stand."""
        return sorted({(item.start, item.end) for item in self.items if item.is_("flags", flag)})

    def quoted(self, spans: Iterable[Span]) -> Rule:
        """Return places of the text as a rule that a finding can rest on; in a table of rules they have no place."""
        places = tuple(spans)
        return Rule("", words=tuple(self.text[a:b] for a, b in places), spans=places if self.typed else ())

    def ages(self) -> tuple[list[Rule], tuple[Range, ...]]:
        """Return the rules on age, and the ages that all of them allow."""
        rules = [rule for rule in self.rules if rule.variable == "age" and rule.ranges]
        return rules, joined_ranges([rule.ranges for rule in rules]) if rules else ()


@dataclass(frozen=True)
class DefinitionCheck:
    """What `check_definition` found.

    Attributes
    ----------
    definition, rules : Definition, tuple of Rule
        As it was written, and as it was read.
    findings : tuple of Finding
        Errors first.
    matches, coverage : tuple of Match, Coverage or None
        One per rule: its column, or why it could not be matched; and what was counted with those that could.
    differences : DataFrame
        Of the customers who fit against all others, see `compare_with_rest`; empty where they cannot be compared.
    members : Index
        Ids of the customers who fit every rule that could be matched. Private; empty unless all could be.
    """

    definition: Definition
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    matches: tuple[Match, ...]
    coverage: Coverage | None
    differences: pd.DataFrame
    members: pd.Index

    @property
    def said(self) -> str:
        """The definition in one line, shortened."""
        written = self.definition.name or self.definition.text or "; ".join(rule.said for rule in self.rules)
        return plain_text(written, most=160)

    @property
    def complete(self) -> bool:
        """Whether everything that is said could be matched, so that the counts are of the whole definition."""
        return bool(self.matches) and all(m.matched for m in self.matches) and not self.has("NOT_READ")

    def has(self, code: str) -> bool:
        """Say whether there is a finding of a code."""
        return any(finding.code == code for finding in self.findings)


def check_definition(
    definition: str | Mapping[str, Any] | Sequence[Mapping[str, Any]] | Definition,
    features: CustomerFeatures | None = None,
    terms: Terms | None = None,
    *,
    max_share: float = 0.30,
    words: WordLists | None = None,
) -> DefinitionCheck:
    """Check a written definition of an audience, and count it on the customers of a study.

    Parameters
    ----------
    definition : str, mapping, list of rules, or Definition
        Free text, in any language with a word list, also mixed; or rules, all of which must hold, each with a
        ``variable`` (sex, age, income, …, or a column of the features) and one or more of ``is``, ``is_not`` (a word or
        several: any, none of them), ``at_least``, ``at_most``, ``above``, ``below``. A mapping, or a TOML file read by
        `parse_definition`, has ``text`` or ``rules``, and may have ``name``, ``reference_year`` (in which ages are
        meant, to check and count generations; by default that of `terms`), and which ``columns`` variables are and
        which ``levels`` their values, where the names do not say it::

            reference_year = 2025
            [[rules]]
            variable = "age"
            at_least = 18
            at_most = 40
            [[rules]]
            variable = "income"
            is = ["middle", "high"]
            [columns]
            sex = "Gender of the buyer"
            [levels.income]
            middle = ["35-49K", "50-74K"]
            high = ["75-99K", "100K+"]

    features : CustomerFeatures, optional
        Without it only the words are checked.
    max_share : float
        A definition that fits a larger share of the customers is too broad.
    words : WordLists, optional
        All languages shipped by default.

    Raises
    ------
    ConfigError
        If the definition is of a form that does not exist.
    ColumnError
        If its ``columns`` or ``levels`` name what is not there.

    Notes
    -----
    What cannot be matched to a column is named with its reason, and never guessed; then the counts are of the part that
    could be, and `DefinitionCheck.complete` is False. Sensitive variables and minors are never counted. A customer of
    whom a matched variable is not known counts on neither side.

    Examples
    --------
    >>> check = check_definition("women 18-40 with middle and high income")
    >>> [(finding.code, finding.severity) for finding in check.findings]
    [('ONLY_SEX_AGE_INCOME', 'warning')]
    """
    if not 0 < max_share < 1:
        raise ParameterError(f"max_share: expected a fraction between 0 and 1, came {max_share}.")
    words = words or load_words()
    written = definition if isinstance(definition, Definition) else read_definition(definition)
    year = written.reference_year or (terms.as_of.year if terms else None)
    said = _read(written, words, features)
    findings = word_findings(said, words, reference_year=year)
    matches: tuple[Match, ...] = ()
    coverage, differences, members = None, pd.DataFrame(columns=COLUMNS), pd.Index([])
    minors = any(finding.code == "MINORS" and finding.severity == "error" for finding in findings)
    if features is not None and said.rules and not minors:
        terms = terms or Terms(features.as_of)
        countable = [generation_as_age(rule, words, year) for rule in said.rules]
        matches, states = match_rules(countable, features, words, written)
        complete = all(match.matched for match in matches) and not said.unread
        if made_from := {match.column for match in matches if match.matched}:
            coverage = coverage_of(states, features)
            if min(coverage.n_yes, coverage.n_no) >= terms.least:
                differences = compare_with_rest(states, features, terms, made_from)
            if complete:
                members = pd.Index(features.table["customer_id"].array[states == YES])
            if coverage.n_known >= terms.least:
                counted = [match.rule for match in matches if match.matched]
                findings += _coverage_findings(coverage, counted, max_share, complete=complete)
    order = sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), f.code, f.spans, f.words))
    return DefinitionCheck(written, said.rules, tuple(order), matches, coverage, differences, members)


def _read(written: Definition, words: WordLists, features: CustomerFeatures | None) -> Said:
    """Return what a definition says, with the family of each of its variables."""
    kinds: dict[str, str] = {} if features is None else features.dictionary.set_index("column")["kind"].to_dict()
    mapped = {variable: kinds.get(column, "attribute") for variable, column in written.columns.items()}
    families = kinds | mapped | {name: variable.family for name, variable in words.variables.items()}
    if written.text:
        rules, items, unread = read_text(written.text, words)
        sensitive = sensitive_spans(written.text, items, words)
        named = [span for spans in sensitive.values() for span in spans]
        unread = tuple((a, b) for a, b in unread if not any(c <= a and b <= d for c, d in named))
        return Said(written.text, rules, items, unread, families=families, sensitive=sensitive)
    rules = rules_of(written.rules, words)
    values = "; ".join(_stated_values(written.rules))
    items = tuple(items_of(values, words))
    unknown = {rule.variable for rule in rules if rule.variable not in families and not sensitive_topic(rule.variable)}
    near = {name: difflib.get_close_matches(name.lower(), [*words.known_names(), *kinds], n=1) for name in unknown}
    sensitive = sensitive_spans(values, items, words)
    return Said(values, rules, items, (), tuple(sorted(unknown)), near, families, sensitive, typed=False)


def _stated_values(rules: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the words that rules state as values."""
    stated = [rule[key] for rule in rules for key in ("is", "is_not") if key in rule]
    found = [word for value in stated for word in (value if isinstance(value, (list, tuple)) else [value])]
    return sorted({word for word in found if isinstance(word, str)})


def word_findings(said: Said, words: WordLists, *, reference_year: int | None) -> list[Finding]:
    """Return what the words alone show, without the customers."""
    nothing = [] if said.rules or said.sensitive else [Finding("NOTHING_SAID", "error")]
    return [
        *nothing, *_contradictions(said), *_minors(said), *_sensitive(said), *_families(said),
        *_generation(said, words, reference_year), *_not_understood(said),
    ]  # fmt: skip


def _of(code: str, severity: Severity, rules: Iterable[Rule], case: str = "text", **values: Any) -> Finding:
    """Return a finding that rests on rules."""
    given = list(rules)
    words = tuple(word for rule in given for word in rule.words)
    spans = tuple(sorted({span for rule in given for span in rule.spans}))
    return Finding(code, severity, case, {"said": shown(words)} | values, words, spans)


def _coverage_findings(
    coverage: Coverage, counted: Sequence[Rule], max_share: float, *, complete: bool
) -> Iterator[Finding]:
    low, high = coverage.share
    facts: dict[str, Any] = {"known": coverage.n_known, "share": low, "limit": max_share}
    if low > max_share:
        severity: Severity = "warning" if complete else "notice"
        yield _of("TOO_BROAD", severity, counted, "text" if complete else "part", **facts)
    elif high == 0:
        yield _of("COVERS_NOBODY", "warning", counted, **facts)


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
            yield _of("CONTRADICTION", "error", rules)


def _minors(said: Said) -> Iterator[Finding]:
    ages, found = said.ages()
    ages_of = [(max(low, 0.0), min(high, OLDEST)) for low, high in found]
    flagged, maybe = said.flagged("minors"), said.flagged("maybe_minors")
    grown_up = said.flagged("grown_up") or (ages_of and min(low for low, _ in ages_of) >= ADULT)
    if flagged or (ages_of and max(high for _, high in ages_of) < ADULT):
        yield _of("MINORS", "error", [said.quoted(flagged)] if flagged else ages, adult=ADULT)
    elif any(0 < low < ADULT for low, _ in ages_of):
        yield _of("MINORS", "warning", ages, "includes", adult=ADULT)
    elif maybe and not grown_up:
        yield _of("MINORS", "notice", [said.quoted(maybe)], "maybe", adult=ADULT)


def _sensitive(said: Said) -> Iterator[Finding]:
    variables = {rule.variable: sensitive_topic(rule.variable) for rule in said.rules if not rule.spans}
    for topic in sorted({*said.sensitive, *variables.values()} - {""}):
        named = [rule for rule in said.rules if variables.get(rule.variable) == topic]
        yield _of("SENSITIVE", "warning", [said.quoted(said.sensitive.get(topic, ())), *named], topic=TOPICS[topic])


def _families(said: Said) -> Iterator[Finding]:
    """Find a definition of who people are, which says nothing of why they would buy."""
    speaking = [rule for rule in said.rules if rule.variable in said.families]
    if not speaking or {said.families[rule.variable] for rule in speaking} != {"demographic"}:
        return
    only = {rule.variable for rule in speaking} <= SEX_AGE_INCOME and not said.sensitive
    speaking.append(said.quoted(span for found in said.sensitive.values() for span in found))
    code = "ONLY_SEX_AGE_INCOME" if only else "DEMOGRAPHIC_ONLY"
    if said.not_understood:
        yield _of(code, "notice", speaking, "unread", unread=shown(said.not_understood))
    else:
        yield _of(code, "warning", speaking)


def _generation(said: Said, words: WordLists, year: int | None) -> Iterator[Finding]:
    ages, stated = said.ages()
    span = max((high - low for low, high in stated), default=0.0)
    named = [(rule, name) for rule in said.rules if rule.variable == "generation" for name in rule.values]
    for rule, name in ((rule, name) for rule, name in named if name in words.generations):
        first, last = words.generations[name]
        generation = sheet(__package__)["phrases"]["generation"][name]
        facts: dict[str, Any] = {"generation": generation, "first": str(first), "last": str(last)}
        rules = [rule, *ages]
        if year is None and span > last - first + 1:
            yield _of("GENERATION_AGE_MISMATCH", "warning", rules, "any_year", span=last - first + 1, **facts)
        elif year is None:
            yield _of("NO_REFERENCE_YEAR", "notice", rules, **facts)
        else:
            youngest, oldest = year - last - 1, year - first
            ends = [(math.floor(max(low, -1.0)), math.floor(min(high, OLDEST + 90))) for low, high in stated]
            if not all(youngest <= low and high <= oldest for low, high in ends):
                facts |= {"year": str(year), "youngest": max(youngest, 0), "oldest": oldest}
                yield _of("GENERATION_AGE_MISMATCH", "warning", rules, **facts)


def _not_understood(said: Said) -> Iterator[Finding]:
    for name in said.unknown:
        rules, near = [rule for rule in said.rules if rule.variable == name], "".join(said.near[name])
        yield _of("UNKNOWN_VARIABLE", "warning", rules, "near" if near else "text", near=near)
    if said.unread:
        yield _of("NOT_READ", "notice", [said.quoted(said.unread)])
