"""A definition of an audience as rules: what is said of which variable, read from tables of rules."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from custaudience.audience.definition.word_lists import WordLists
from custaudience.audience.personas.words import plain_text
from custaudience.errors import ConfigError, near_miss

Range = tuple[float, float]
Span = tuple[int, int]
MOST_CHARACTERS = 20_000
EVERYTHING: Range = (-math.inf, math.inf)
NOTHING: Range = (math.inf, -math.inf)
_KEYS = ("variable", "is", "is_not", "at_least", "at_most", "above", "below")
_SIGNS = {"is": "=", "is_not": "≠", "at_least": "≥", "at_most": "≤", "above": ">", "below": "<"}
_DEFINITION_KEYS = ("name", "text", "rules", "columns", "levels", "reference_year")


@dataclass(frozen=True)
class Rule:
    """One thing a definition says.

    Attributes
    ----------
    variable : str
        A variable of variables.toml, else as it was written.
    values, excluded : tuple of str
        Any of `values`, none of `excluded`; of known variables their values in variables.toml's words.
    ranges : tuple of (low, high)
        In any of them, both ends included.
    words : tuple of str
        As they stand in the definition.
    spans : tuple of (start, end)
        Where they stand in a text; empty for a table of rules.
    column : str
        The variable as a table of rules names it, which may be a column; "" in a text.
    unclear : bool
        True when an amount was said in a way that cannot be counted, such as orders per month.
    """

    variable: str
    values: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    words: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    column: str = ""
    unclear: bool = False

    @property
    def said(self) -> str:
        """The rule as it was written, in one short line."""
        return plain_text(" … ".join(self.words) or self.variable)


@dataclass(frozen=True)
class Definition:
    """A definition as it was written, before anything is said of it; see `read_definition`."""

    text: str = ""
    rules: tuple[Mapping[str, Any], ...] = ()
    name: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    reference_year: int | None = None


def read_definition(definition: str | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Definition:
    """Return a definition given as free text, as a table, or as a list of rules.

    Raises
    ------
    ConfigError
        If it is of another form; the message names the key and the near miss.
    """
    if isinstance(definition, str):
        definition = {"text": definition}
    elif not isinstance(definition, Mapping):
        definition = {"rules": definition}
    for key in definition:
        if key not in _DEFINITION_KEYS:
            raise ConfigError(
                f"definition: key {key!r} does not exist.{near_miss(str(key), _DEFINITION_KEYS)} "
                f"There are {', '.join(_DEFINITION_KEYS)}."
            )
    text, rules = definition.get("text", ""), definition.get("rules", ())
    if not isinstance(text, str):
        raise ConfigError(f"definition: text must be text, came {type(text).__name__}.")
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f"definition: {len(text):,} characters; at most {MOST_CHARACTERS:,} are read. Shorten it.")
    if isinstance(rules, (str, Mapping)) or not isinstance(rules, Sequence):
        raise ConfigError("definition: rules must be a list, each with a variable and what is said of it.")
    if text.strip() and rules:
        raise ConfigError("definition: give text or rules, not both: they could contradict each other.")
    year = definition.get("reference_year")
    if year is not None and (isinstance(year, bool) or not isinstance(year, int) or not 1900 <= year <= 2200):
        raise ConfigError(f"definition: reference_year must be a year such as 2025, came {year!r}.")
    for key in ("columns", "levels"):
        if not isinstance(definition.get(key, {}), Mapping):
            raise ConfigError(f"definition: {key} must be a table, one entry per variable.")
    rest = {key: definition[key] for key in ("name", "columns", "levels") if key in definition}
    return Definition(text=text, rules=tuple(rules), reference_year=year, **rest)


def parse_definition(text: str) -> Definition:
    """Read a definition from the text of a TOML file; see `check_definition` for its form."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"definition: not TOML: {error}. Pass a sentence to check_definition as it is.") from error
    return read_definition(content)


def rules_of(given: Sequence[Mapping[str, Any]], words: WordLists) -> tuple[Rule, ...]:
    """Return the rules of a table of rules.

    Raises
    ------
    ConfigError
        If a rule has no variable, says nothing, or says it in a form that does not exist.
    """
    rules = tuple(_rule(rule, number, words) for number, rule in enumerate(given, start=1))
    # whatever their order in the table, the same definition
    return tuple(sorted(rules, key=lambda rule: (rule.variable, rule.words)))


def _rule(rule: Mapping[str, Any], number: int, words: WordLists) -> Rule:
    if not isinstance(rule, Mapping):
        raise ConfigError(f"rule {number}: expected a table with a variable, came {rule!r}.")
    for key in rule:
        if key not in _KEYS:
            raise ConfigError(f"rule {number}: key {key!r} does not exist.{near_miss(str(key), _KEYS)} "
                              f"There are {', '.join(_KEYS)}.")  # fmt: skip
    name = rule.get("variable")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f'rule {number}: it has no variable. Say of what it speaks: variable = "age".')
    if len(rule) == 1:
        raise ConfigError(f"rule {number} ({name}): it says nothing. Give one of {', '.join(_KEYS[1:])}.")
    variable = words.variable_named(name) or name.strip()
    written = {key: _texts(rule[key], f"rule {number} ({name}): {key}") for key in ("is", "is_not") if key in rule}
    values, excluded = (_values(written.get(key, ()), variable, words) for key in ("is", "is_not"))
    bounds = {key: _number(rule[key], f"rule {number} ({name}): {key}") for key in _KEYS[3:] if key in rule}
    low = max(bounds.get("at_least", -math.inf), _next(bounds.get("above", -math.inf), math.inf))
    high = min(bounds.get("at_most", math.inf), _next(bounds.get("below", math.inf), -math.inf))
    shown = [f"{_SIGNS[key]} {value:g}" for key, value in bounds.items()]
    shown += [f"{_SIGNS[key]} {', '.join(texts)}" for key, texts in written.items()]
    ranges = ((low, high),) if bounds else ()
    said = f"{name.strip()} {' '.join(shown)}"
    return Rule(variable, values, excluded, ranges, words=(said,), column=name.strip())


def _texts(value: Any, where: str) -> tuple[str, ...]:
    found = (value,) if isinstance(value, (str, bool, int, float)) else value
    if not isinstance(found, Sequence) or not found or not all(isinstance(v, (str, bool, int, float)) for v in found):
        raise ConfigError(f"{where}: expected a word or a list of words, came {value!r}.")
    return tuple("yes" if v is True else "no" if v is False else str(v).strip() for v in found)


def _values(written: tuple[str, ...], variable: str, words: WordLists) -> tuple[str, ...]:
    """Return known values by their name, others as they were written; each once, sorted."""
    if variable not in words.variables:
        return tuple(sorted(set(written)))
    return tuple(sorted({words.value_of(variable, text) or text for text in written}))


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise ConfigError(f"{where}: expected a number, came {value!r}.")
    return float(value)


def _next(value: float, towards: float) -> float:
    return float(np.nextafter(value, towards)) if math.isfinite(value) else value


def joined_ranges(ranges: Sequence[Sequence[Range]]) -> tuple[Range, ...]:
    """Return the ranges in which all of several rules on one variable hold; none = they exclude each other.

    Examples
    --------
    >>> joined_ranges([((18, 40), (50, 60)), ((30, 55),)])
    ((30, 40), (50, 55))
    """
    result: tuple[Range, ...] = (EVERYTHING,)
    for alternatives in ranges:
        result = tuple(
            (max(a, c), min(b, d)) for a, b in result for c, d in alternatives if max(a, c) <= min(b, d)
        )  # fmt: skip
    return tuple(sorted(set(result)))
