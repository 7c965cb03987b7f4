"""A definition of an audience as rules: what is said of which variable, in tables of rules or a reader's own words."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from custaudience.audience.definition.words import DASHES, Item, Range, Span, WordLists, items_of
from custaudience.audience.personas.words import plain_text
from custaudience.errors import ConfigError, near_miss
from custaudience.telling import sheet

MOST_CHARACTERS = 20_000
EVERYTHING: Range = (-math.inf, math.inf)
TOPICS: Mapping[str, str] = sheet(__package__)["phrases"]["topic"]
NOTHING: Range = (math.inf, -math.inf)
_KEYS = ("variable", "is", "is_not", "at_least", "at_most", "above", "below")
_SIGNS = {"is": "=", "is_not": "≠", "at_least": "≥", "at_most": "≤", "above": ">", "below": "<"}
OLDEST = 110
_THOUSANDS = {"thousand": 1e3, "million": 1e6}
_NEAR = 4  # items within which an amount finds the word it is of
_DEFINITION_KEYS = ("name", "text", "rules", "columns", "levels", "reference_year")


@dataclass(frozen=True)
class Rule:
    """One thing a definition says of a variable (of variables.toml, else as it was written).

    Any of `values` holds, none of `excluded`, and a number lies in any of `ranges`, both ends included. `words` as they
    stand in the definition, `spans` where in a text; `column`: the variable as a table of rules names it. `unclear`: an
    amount that cannot be counted, such as orders per month.
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
    """Return a definition given as free text, as a table, or as a list of rules; see `check_definition`."""
    if isinstance(definition, str):
        definition = {"text": definition}
    elif not isinstance(definition, Mapping):
        definition = {"rules": definition}
    _known_keys("definition", definition, _DEFINITION_KEYS)
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
    """Return the rules of a table of rules."""
    rules = tuple(_rule(rule, number, words) for number, rule in enumerate(given, start=1))
    # whatever their order in the table, the same definition
    return tuple(sorted(rules, key=lambda rule: (rule.variable, rule.words)))


def _rule(rule: Mapping[str, Any], number: int, words: WordLists) -> Rule:
    if not isinstance(rule, Mapping):
        raise ConfigError(f"rule {number}: expected a table with a variable, came {rule!r}.")
    _known_keys(f"rule {number}", rule, _KEYS)
    name = rule.get("variable")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f'rule {number}: it has no variable. Say of what it speaks: variable = "age".')
    if len(rule) == 1:
        raise ConfigError(f"rule {number} ({name}): it says nothing. Give one of {', '.join(_KEYS[1:])}.")
    variable = words.variable_named(name) or name.strip()
    written = {key: _texts(rule[key], f"rule {number} ({name}): {key}") for key in ("is", "is_not") if key in rule}
    values, excluded = (_values(written.get(key, ()), variable, words) for key in ("is", "is_not"))
    bounds = {key: _number(rule[key], f"rule {number} ({name}): {key}") for key in _KEYS[3:] if key in rule}
    low, high = bounds.get("at_least", -math.inf), bounds.get("at_most", math.inf)
    if "above" in bounds:
        low = max(low, float(np.nextafter(bounds["above"], math.inf)))
    if "below" in bounds:
        high = min(high, float(np.nextafter(bounds["below"], -math.inf)))
    shown = [f"{_SIGNS[key]} {value:g}" for key, value in bounds.items()]
    shown += [f"{_SIGNS[key]} {', '.join(texts)}" for key, texts in written.items()]
    ranges = ((low, high),) if bounds else ()
    said = f"{name.strip()} {' '.join(shown)}"
    return Rule(variable, values, excluded, ranges, words=(said,), column=name.strip())


def _known_keys(where: str, given: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in given:
        if key not in keys:
            raise ConfigError(
                f"{where}: key {key!r} does not exist.{near_miss(str(key), keys)} There are {', '.join(keys)}."
            )


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


def joined_ranges(ranges: Sequence[Sequence[Range]]) -> tuple[Range, ...]:
    """Return the ranges in which all of several rules on one variable hold; none = they exclude each other."""
    result: tuple[Range, ...] = (EVERYTHING,)
    for alternatives in ranges:
        pairs = ((max(a, c), min(b, d)) for a, b in result for c, d in alternatives)
        result = tuple((low, high) for low, high in pairs if low <= high)
    return tuple(sorted(set(result)))


def read_text(text: str, words: WordLists) -> tuple[tuple[Rule, ...], tuple[Item, ...], tuple[Span, ...]]:
    """Return the rules in a text, its phrases, and the places of words and numbers that say nothing known.

    Values and closed ranges of one variable are alternatives ("18-25 or 60-70"); one-sided ranges hold together ("over
    18 and under 40"). Two numbers joined by a dash are an age when no unit stands beside them and both could be one.
    """
    items = items_of(text, words)
    used: set[int] = set()
    found = [*_amounts(items, words, used), *_levels(items, words, used), *_said_values(items, used)]
    rules: dict[str, Rule] = {}
    for rule in sorted(found, key=lambda rule: rule.spans):
        rules[rule.variable] = _together(rules[rule.variable], rule) if rule.variable in rules else rule
    unread = [(item.start, item.end) for i, item in enumerate(items) if i not in used and _says_something(item)]
    written = (replace(rule, words=tuple(text[a:b] for a, b in rule.spans)) for rule in rules.values())
    return tuple(written), tuple(items), tuple(unread)


def _says_something(item: Item) -> bool:
    if item.number is not None:
        return not item.is_("plain")
    return not item.meanings and len(item.word) > 1


def _together(first: Rule, second: Rule) -> Rule:
    """Join two mentions of one variable."""
    ranges = (*first.ranges, *second.ranges)
    if first.ranges and second.ranges and not all(math.isfinite(end) for bounds in ranges for end in bounds):
        ranges = joined_ranges([first.ranges, second.ranges]) or (NOTHING,)
    values, excluded, spans = (
        tuple(sorted({*getattr(first, name), *getattr(second, name)})) for name in ("values", "excluded", "spans")
    )
    unclear = first.unclear or second.unclear
    return Rule(first.variable, values, excluded, tuple(sorted(set(ranges))), spans=spans, unclear=unclear)


def _said_values(items: list[Item], used: set[int]) -> Iterable[Rule]:
    """Yield a rule for each variable named and each value said."""
    for i, item in enumerate(items):
        if i in used:
            continue
        for meaning in item.variables:
            used.add(i)
            value = (meaning.value,) if meaning.value else ()
            if value and i > 0 and items[i - 1].is_("plain", "not"):
                used.add(i - 1)
                yield Rule(meaning.key, excluded=value, spans=((items[i - 1].start, item.end),))
            else:
                yield Rule(meaning.key, values=value, spans=((item.start, item.end),))


def _levels(items: list[Item], words: WordLists, used: set[int]) -> Iterable[Rule]:
    """Yield a rule for each low, middle or high that stands beside a variable which has levels."""
    for i, item in enumerate(items):
        if not item.is_("levels") or item.variables:
            continue
        used.add(i)  # beside no such variable it is an adjective, and says nothing by itself
        variable = _levelled(items[i + 1 :], words) or _levelled(reversed(items[:i]), words)
        if variable:
            level = next(m.key for m in sorted(item.meanings) if m.kind == "levels")
            yield Rule(variable, values=(level,), spans=((item.start, item.end),))


def _levelled(items: Iterable[Item], words: WordLists) -> str:
    """Return the variable a level belongs to: the first name in a direction, past other levels and little words."""
    for item in items:
        named = [m.key for m in item.variables if words.variables[m.key].levels]
        if named:
            return named[0]
        if not (item.is_("levels") or item.is_("plain", "and", "or", "filler") or item.word in f"{DASHES}+"):
            return ""
    return ""


def _amounts(items: list[Item], words: WordLists, used: set[int]) -> Iterable[Rule]:
    """Return a rule for each number or range of numbers whose variable is clear; "or" joins two to one."""
    rules: list[Rule] = []
    at, end_before = 0, 0
    while at < len(items):
        if items[at].number is None:
            at += 1
            continue
        first, last, bounds = _range_at(items, at)
        variable, end = _variable_of(items, first, last, bounds, words)
        if not variable and rules and all(item.is_("plain", "and", "or") for item in items[end_before + 1 : first]):
            variable = rules[-1].variable  # over 60 or under 20
        if variable:
            used |= set(range(first, end + 1))
            end_before = end
            unclear = any(item.is_("numbers", "period") for item in items[end + 1 : end + _NEAR]) and variable != "age"
            span = (items[first].start, items[end].end)
            rule = Rule(variable, ranges=(() if unclear else (bounds,)), spans=(span,), unclear=unclear)
            if rules and rules[-1].variable == variable and first and items[first - 1].is_("plain", "or"):
                before = rules.pop()
                rule = replace(rule, ranges=(*before.ranges, *rule.ranges), spans=(*before.spans, span))
            rules.append(rule)
        at = last + 1
    return rules


def _range_at(items: list[Item], at: int) -> tuple[int, int, Range]:
    """Return the first and last item of the amount whose first number is at a place, and its bounds."""

    def key(place: int, *keys: str) -> bool:
        return 0 <= place < len(items) and items[place].is_("numbers", *keys)

    def scaled(place: int) -> tuple[float, float, int]:
        number = items[place].number or 0.0
        scale = next((s for word, s in _THOUSANDS.items() if key(place + 1, word)), 1.0)
        return number, scale, place + (scale > 1)

    low, scale, last = scaled(at)
    between = key(at - 1, "between")
    joined = last + 1 < len(items) and (
        items[last + 1].word in DASHES or key(last + 1, "to") or (between and items[last + 1].is_("plain", "and"))
    )
    if joined and last + 2 < len(items) and items[last + 2].number is not None:
        high, scale_high, end = scaled(last + 2)
        if scale == 1 and high * scale_high > low * scale_high:
            scale = scale_high  # 20-30 thousand
        return at - (between or key(at - 1, "from")), end, (low * scale, high * scale_high)
    value = low * scale
    after, and_more, and_less = last + 1 + key(last + 1, "age_unit"), (value, math.inf), (-math.inf, value)
    if last + 1 < len(items) and items[last + 1].word == "+":
        return at, last + 1, and_more
    if key(after, "older", "younger"):
        return at, after, and_more if key(after, "older") else and_less
    over, under = (float(np.nextafter(value, end)) for end in (math.inf, -math.inf))
    known = {"over": (over, math.inf), "under": (-math.inf, under), "up_to": and_less, "from": and_more}
    bounds = next((bounds for word, bounds in known.items() if key(at - 1, word)), None)
    return (at - 1, last, bounds) if bounds else (at, last, (value, value))


def _variable_of(items: list[Item], first: int, last: int, bounds: Range, words: WordLists) -> tuple[str, int]:
    """Return the variable of an amount and the last item that belongs to it; "" when it is not clear."""

    def named(place: int) -> str:
        found = items[place].variables if 0 <= place < len(items) else []
        return next((m.key for m in found if words.variables[m.key].number and not m.value), "")

    after = last + 1 + (last + 1 < len(items) and items[last + 1].word in DASHES)
    following = items[after] if after < len(items) and not items[after].apart else None
    is_age, is_money = (bool(following and following.is_("numbers", unit)) for unit in ("age_unit", "unit"))
    if is_age or items[last].is_("numbers", "older", "younger"):
        return "age", after if is_age else last
    if following and named(after):
        return named(after), after
    if is_money or (first and items[first - 1].is_("numbers", "unit")):
        near = [*range(first - 1, first - _NEAR - 1, -1), *range(after, after + _NEAR)]
        variable = next((named(place) for place in near if named(place) and named(place) != "age"), "")
        return variable, after if is_money else last
    low, high = bounds
    beginning = next((place for place in range(first, max(first - _NEAR, 0), -1) if items[place].apart), first - _NEAR)
    before = next((named(place) for place in range(first - 1, beginning - 1, -1) if named(place)), "")
    if before and (before != "income" or max(abs(end) for end in bounds if math.isfinite(end)) > OLDEST):
        return before, last
    if all(map(math.isfinite, bounds)):
        could_be_age = low < high and 0 <= low and high <= OLDEST
    else:
        people = (items[place] for place in range(max(0, first - 2), first))
        could_be_age = max(low if math.isfinite(low) else high, 0) <= OLDEST and any(
            item.is_("plain", "person") or item.is_("variable", "sex", "generation", "age") for item in people
        )
    return ("age", last) if could_be_age else ("", last)
