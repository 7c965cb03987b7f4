"""A definition of an audience in a reader's own words: which rules it states, and which words could not be read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from custaudience.audience.definition.rules import NOTHING, Range, Rule, Span, joined_ranges
from custaudience.audience.definition.word_lists import Meaning, Token, WordLists, tokens_of

OLDEST = 110
_DASHES = "-–—−"
_BREAKS = ",.;!?()\n"
_THOUSANDS = {"thousand": 1e3, "million": 1e6}
_NEAR = 4  # items within which an amount finds the word it is of


@dataclass(frozen=True)
class Item:
    """A phrase of the text, one or more tokens, what it can mean, and whether a comma or the like stands before it."""

    start: int
    end: int
    word: str
    meanings: frozenset[Meaning]
    apart: bool = False

    def is_(self, kind: str, *keys: str) -> bool:
        """Say whether it can be of a kind, and of one of the keys if given."""
        return any(m.kind == kind and (not keys or m.key in keys) for m in self.meanings)

    @property
    def number(self) -> float | None:
        """Its number, None when it is none."""
        return float(self.word.replace(",", ".")) if self.word[0].isdecimal() else None

    @property
    def variables(self) -> list[Meaning]:
        """Which variables or values it can name."""
        return sorted(m for m in self.meanings if m.kind == "variable")


@dataclass(frozen=True)
class ReadText:
    """What a text says: its rules, its phrases, and the places of words and numbers that say nothing known."""

    rules: tuple[Rule, ...]
    items: tuple[Item, ...]
    unread: tuple[Span, ...]


def read_text(text: str, words: WordLists) -> ReadText:
    """Find the rules in a text.

    Parameters
    ----------
    text : str
    words : WordLists
        All their languages are looked up at once, so that a text may mix them.

    Notes
    -----
    Values of one variable are alternatives ("middle and high income"). Closed ranges of one variable are
    alternatives, too ("18-25 or 60-70"); one-sided ones hold together ("over 18 and under 40"). Two numbers joined by a
    dash are an age when no unit stands beside them and both could be one.
    """
    items = items_of(text, words)
    used: set[int] = set()
    found = [*_amounts(items, words, used), *_levels(items, words, used), *_values(items, used)]
    rules: dict[str, Rule] = {}
    for rule in sorted(found, key=lambda rule: rule.spans):
        rules[rule.variable] = _together(rules[rule.variable], rule) if rule.variable in rules else rule
    unread = [(item.start, item.end) for i, item in enumerate(items) if i not in used and _says_something(item)]
    written = (replace(rule, words=tuple(text[a:b] for a, b in rule.spans)) for rule in rules.values())
    return ReadText(tuple(written), tuple(items), tuple(unread))


def items_of(text: str, words: WordLists) -> list[Item]:
    """Cut a text into its longest known phrases, and single tokens."""
    tokens, at = tokens_of(text), 0
    items: list[Item] = []
    while at < len(tokens):
        length, meanings = words.longest(tokens, at)
        part = tokens[at : at + max(length, 1)]
        following = tokens[at + len(part)].word if at + len(part) < len(tokens) else ""
        ends_an_amount = any(m.key in ("older", "younger") for m in meanings) and following[:1].isdecimal()
        # "and over" in "and over 60" is no phrase
        if len(part) > 1 and (ends_an_amount or not _one_phrase(part, text)):
            part, meanings = part[:1], words.longest(part[:1], 0)[1]
        before = text[items[-1].end if items else 0 : part[0].start]
        word = " ".join(token.word for token in part)
        items.append(Item(part[0].start, part[-1].end, word, meanings, bool(set(before) & set(_BREAKS))))
        at += len(part)
    return items


def _one_phrase(part: list[Token], text: str) -> bool:
    """Say whether nothing but blanks and hyphens stands between the words of a phrase."""
    return all(text[a.end : b.start].strip(f" \t\n\u00a0{_DASHES}") == "" for a, b in pairwise(part))


def _says_something(item: Item) -> bool:
    if item.meanings:
        return item.number is not None and not item.is_("plain")
    return item.number is not None or len(item.word) > 1


def _together(first: Rule, second: Rule) -> Rule:
    """Join two mentions of one variable."""
    ranges = (*first.ranges, *second.ranges)
    if first.ranges and second.ranges and not all(math.isfinite(end) for bounds in ranges for end in bounds):
        ranges = joined_ranges([first.ranges, second.ranges]) or (NOTHING,)
    return Rule(
        first.variable,
        tuple(sorted({*first.values, *second.values})),
        tuple(sorted({*first.excluded, *second.excluded})),
        tuple(sorted(set(ranges))),
        spans=tuple(sorted({*first.spans, *second.spans})),
        unclear=first.unclear or second.unclear,
    )


def _values(items: list[Item], used: set[int]) -> Iterable[Rule]:
    """Yield a rule for each variable named and each value said."""
    for i, item in enumerate(items):
        if i in used:
            continue
        for meaning in item.variables:
            used.add(i)
            span = (item.start, item.end)
            if not meaning.value:
                yield Rule(meaning.key, spans=(span,))
                continue
            negated = i > 0 and items[i - 1].is_("plain", "not")
            if negated:
                used.add(i - 1)
                yield Rule(meaning.key, excluded=(meaning.value,), spans=((items[i - 1].start, item.end),))
            else:
                yield Rule(meaning.key, values=(meaning.value,), spans=(span,))


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
        if not (item.is_("levels") or item.is_("plain", "and", "or", "filler") or item.word in f"{_DASHES}+"):
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
        items[last + 1].word in _DASHES or key(last + 1, "to") or (between and items[last + 1].is_("plain", "and"))
    )
    if joined and last + 2 < len(items) and items[last + 2].number is not None:
        high, scale_high, end = scaled(last + 2)
        if scale == 1 and high * scale_high > low * scale_high:
            scale = scale_high  # 20-30 thousand
        return at - (between or key(at - 1, "from")), end, (low * scale, high * scale_high)
    value = low * scale
    after = last + 1 + key(last + 1, "age_unit")
    if last + 1 < len(items) and items[last + 1].word == "+":
        return at, last + 1, (value, math.inf)
    if key(after, "older"):
        return at, after, (value, math.inf)
    if key(after, "younger"):
        return at, after, (-math.inf, value)
    for word, bounds in {
        "over": (float(np.nextafter(value, math.inf)), math.inf),
        "under": (-math.inf, float(np.nextafter(value, -math.inf))),
        "up_to": (-math.inf, value),
        "from": (value, math.inf),
    }.items():
        if key(at - 1, word):
            return at - 1, last, bounds
    return at, last, (value, value)


def _variable_of(items: list[Item], first: int, last: int, bounds: Range, words: WordLists) -> tuple[str, int]:
    """Return the variable of an amount and the last item that belongs to it; "" when it is not clear."""

    def named(place: int) -> str:
        found = items[place].variables if 0 <= place < len(items) else []
        return next((m.key for m in found if words.variables[m.key].number and not m.value), "")

    after = last + 1 + (last + 1 < len(items) and items[last + 1].word in _DASHES)
    following = items[after] if after < len(items) and not items[after].apart else None
    if (following and following.is_("numbers", "age_unit")) or items[last].is_("numbers", "older", "younger"):
        return "age", after if following and following.is_("numbers", "age_unit") else last
    if following and named(after):
        return named(after), after
    in_money = (following and following.is_("numbers", "unit")) or (first and items[first - 1].is_("numbers", "unit"))
    if in_money:
        near = [*range(first - 1, first - _NEAR - 1, -1), *range(after, after + _NEAR)]
        variable = next((named(place) for place in near if named(place) and named(place) != "age"), "")
        return variable, after if following and following.is_("numbers", "unit") else last
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
