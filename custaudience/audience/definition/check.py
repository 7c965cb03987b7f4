"""The lint of a written audience definition: what is wrong with its words, and what the customers say of it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from custaudience.audience.definition.findings import Finding, Said, in_order, sensitive_spans, shown, word_findings
from custaudience.audience.definition.levels import YES
from custaudience.audience.definition.matching import Match, generation_as_age, match_rules
from custaudience.audience.definition.numbers import COLUMNS, Coverage, compare_with_rest, coverage_of
from custaudience.audience.definition.rules import Definition, Rule, read_definition, rules_of
from custaudience.audience.definition.text import items_of, read_text
from custaudience.audience.definition.word_lists import WordLists, load_words
from custaudience.audience.personas.words import plain_text
from custaudience.customers import CustomerFeatures
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.errors import ParameterError
from custaudience.evidence import template


@dataclass(frozen=True)
class DefinitionCheck:
    """What `check_definition` found.

    Attributes
    ----------
    definition : Definition
        As it was written.
    rules : tuple of Rule
        As they were read.
    findings : tuple of Finding
        Errors first.
    matches : tuple of Match
        One per rule: its column, or why it could not be matched; empty without customers.
    coverage : Coverage or None
        None without customers, or when no rule could be matched.
    differences : DataFrame
        Of the customers who fit against all others, see `compare_with_rest`; empty where they cannot be compared.
    members : Index
        Ids of the customers who fit every rule that could be matched. Private; empty unless all could be.
    max_share, level, min_group_size : float, float, int
        As they were asked for.
    """

    definition: Definition
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    matches: tuple[Match, ...]
    coverage: Coverage | None
    differences: pd.DataFrame
    members: pd.Index
    max_share: float
    level: float
    min_group_size: int

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
    *,
    reference_year: int | None = None,
    columns: Mapping[str, str] | None = None,
    levels: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    max_share: float = 0.30,
    level: float = 0.95,
    min_group_size: int = 10,
    words: WordLists | None = None,
) -> DefinitionCheck:
    """Check a written definition of an audience, and count it on the customers of a study.

    Parameters
    ----------
    definition : str, mapping, list of rules, or Definition
        Free text, in any language with a word list, also mixed; or rules, all of which must hold, each with a
        ``variable`` (sex, age, income, …, or a column of the features) and one or more of ``is``, ``is_not`` (a word or
        several: any, none of them), ``at_least``, ``at_most``, ``above``, ``below``. A mapping, or a TOML file read by
        `parse_definition`, has ``text`` or ``rules``, and may have ``name``, ``reference_year``, ``columns`` and
        ``levels``::

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
        From `customer_features`. Without it only the words are checked.
    reference_year : int, optional
        The year in which ages are meant; needed to check and count generations.
    columns, levels : mappings, optional
        Which column a variable is, and which of its levels a value is, where the names do not say it; they go before
        those of the definition.
    max_share : float
        A definition that fits a larger share of the customers is too broad.
    level : float
        Of the intervals.
    min_group_size : int
        Smaller groups get no figures.
    words : WordLists, optional
        All languages shipped by default.

    Returns
    -------
    DefinitionCheck
        Its sentences are templates; `definition_claims` makes claims of them.

    Raises
    ------
    ConfigError
        If the definition is of a form that does not exist.
    ColumnError
        If `columns` or `levels` name what is not there.
    ParameterError
        If `max_share` or `level` is not a fraction.

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
    for name, fraction in (("max_share", max_share), ("level", level)):
        if not 0 < fraction < 1:
            raise ParameterError(f"{name}: expected a fraction between 0 and 1, came {fraction}.")
    words = words or load_words()
    written = definition if isinstance(definition, Definition) else read_definition(definition)
    year = reference_year if reference_year is not None else written.reference_year
    columns = {**written.columns, **(columns or {})}
    levels = {**written.levels, **(levels or {})}
    said = _read(written, words, features, columns)
    findings = word_findings(said, words, reference_year=year)
    matches: tuple[Match, ...] = ()
    coverage, differences, members = None, pd.DataFrame(columns=COLUMNS), pd.Index([])
    minors = any(finding.code == "MINORS" and finding.severity == "error" for finding in findings)
    if features is not None and said.rules and not minors:
        countable = [generation_as_age(rule, words, year) for rule in said.rules]
        matches, states = match_rules(countable, features, words, columns=columns, levels=levels)
        if any(match.matched for match in matches):
            coverage = coverage_of(states, features)
            made_from = {match.column for match in matches if match.matched}
            if min(coverage.n_yes, coverage.n_no) >= min_group_size:
                differences = compare_with_rest(
                    states, features, made_from=made_from, level=level, min_group_size=min_group_size
                )
            if all(match.matched for match in matches) and not said.unread:
                members = pd.Index(features.table["customer_id"].array[states == YES])
            findings += _coverage_findings(coverage, matches, said, max_share, min_group_size)
    return DefinitionCheck(
        definition=written,
        rules=said.rules,
        findings=in_order(findings),
        matches=matches,
        coverage=coverage,
        differences=differences,
        members=members,
        max_share=max_share,
        level=level,
        min_group_size=min_group_size,
    )


def _read(written: Definition, words: WordLists, features: CustomerFeatures | None, columns: Mapping[str, str]) -> Said:
    """Return what a definition says, with the family of each of its variables."""
    kinds: dict[str, str] = {}
    if features is not None:
        kinds = dict(zip(features.dictionary["column"], features.dictionary["kind"], strict=True))
    mapped = {variable: kinds.get(column, "attribute") for variable, column in columns.items()}
    families = kinds | mapped | {name: variable.family for name, variable in words.variables.items()}
    if written.text:
        read = read_text(written.text, words)
        sensitive = sensitive_spans(written.text, read.items, words)
        named = [span for spans in sensitive.values() for span in spans]
        unread = tuple((a, b) for a, b in read.unread if not any(c <= a and b <= d for c, d in named))
        return Said(written.text, read.rules, read.items, unread, families=families, sensitive=sensitive)
    rules = rules_of(written.rules, words)
    values = "; ".join(_stated_values(written.rules))
    items = tuple(items_of(values, words))
    unknown = {rule.variable for rule in rules if rule.variable not in families and not sensitive_topic(rule.variable)}
    return Said(
        values,
        rules,
        items,
        unknown=tuple(sorted(unknown)),
        near={name: nearest(name, [*words.known_names(), *kinds]) for name in unknown},
        families=families,
        sensitive=sensitive_spans(values, items, words),
        typed=False,
    )


def _stated_values(rules: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the words that rules state as values."""
    found: list[str] = []
    for rule in rules:
        for key in ("is", "is_not"):
            value = rule.get(key, ())
            found += [v for v in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(v, str)]
    return sorted(set(found))


def nearest(name: str, known: Sequence[str]) -> str:
    """Return the known name that is closest to one, "" when none is close.

    Examples
    --------
    >>> nearest("incom", ["age", "income"])
    'income'
    """
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return close[0] if close else ""


def _coverage_findings(
    coverage: Coverage, matches: Sequence[Match], said: Said, max_share: float, least: int
) -> list[Finding]:
    complete = all(match.matched for match in matches) and not said.unread
    counted = [match.rule for match in matches if match.matched]
    low, high = coverage.share
    values = {
        "said": shown([word for rule in counted for word in rule.words]),
        "known": coverage.n_known,
        "share": low,
        "limit": max_share,
    }
    words = tuple(word for rule in counted for word in rule.words)
    spans = tuple(sorted({span for rule in counted for span in rule.spans}))
    if coverage.n_known < least:
        return []
    if low > max_share and complete:
        text = template(
            "“{said:text}” fits {share:percent} of the customers of whom it is known, more than {limit:percent}: it "
            "leaves hardly anybody out. Add what sets the buyers you want apart."
        )
        return [Finding("TOO_BROAD", "warning", text, values, words, spans)]
    if low > max_share:
        text = template(
            "The part that could be counted (“{said:text}”) fits {share:percent} of the customers of whom it is known, "
            "more than {limit:percent}; whether the rest narrows it, the data cannot say."
        )
        return [Finding("TOO_BROAD", "notice", text, values, words, spans)]
    if high == 0:
        text = template(
            "“{said:text}” fits none of the {known:count} customers of whom it is known. If it is meant for people who "
            "do not buy yet, say so; else look at what your customers are like."
        )
        return [Finding("COVERS_NOBODY", "warning", text, values, words, spans)]
    return []
