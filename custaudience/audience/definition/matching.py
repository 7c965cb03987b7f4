"""Which customers a definition's rules fit, where their variables are columns; what cannot be matched is named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from custaudience.audience.definition.rules import TOPICS, Definition, Rule, joined_ranges
from custaudience.audience.definition.words import NO, PARTLY, UNKNOWN, YES, WordLists, bounds_of, place_of, tokens_of
from custaudience.audience.personas.words import plain_text
from custaudience.customers import CustomerFeatures
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.errors import ColumnError, near_miss
from custaudience.stats.contrast import as_numbers
from custaudience.telling import sheet

_MOST_LEVELS_SHOWN = 5


@dataclass(frozen=True)
class Match:
    """What became of one rule: its column, or the `case` of the sheet's ``[not_counted]`` that says why there is none.

    `partly` are levels that lie only partly within the rule, such as 35-44 within 18 to 40.
    """

    rule: Rule
    column: str = ""
    case: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    partly: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Template of a sentence why it could not be matched, "" when it could; `values` fill it."""
        return str(sheet(__package__)["not_counted"][self.case]) if self.case else ""

    @property
    def matched(self) -> bool:
        """Whether customers could be told apart by the rule."""
        return bool(self.column)


class NotMatched(Exception):
    """A rule that cannot be matched: the case of the sheet, and what its placeholders stand for."""

    def __init__(self, case: str, **values: str) -> None:
        super().__init__(case)
        self.case, self.values = case, values


def match_rules(
    rules: Sequence[Rule], features: CustomerFeatures, words: WordLists, written: Definition
) -> tuple[tuple[Match, ...], np.ndarray]:
    """Match rules to columns, and customers to rules; `written` says what columns and levels are meant.

    The state of each customer is `UNKNOWN` where a matched variable is not known, else `NO`, `PARTLY` or `YES`; all
    `UNKNOWN` when no rule could be matched.
    """
    for variable, column in written.columns.items():
        if column not in features.table:
            raise ColumnError(
                f"definition: column {column!r} given for {variable!r} is not among the customer features."
                f"{near_miss(column, features.table.columns)}"
            )
    matches, states = [], None
    for rule in rules:
        try:
            match, state = _match(rule, features, words, written)
        except NotMatched as why:
            matches.append(Match(rule, "", why.case, {"said": rule.said, **why.values}))
        else:
            matches.append(match)
            states = state if states is None else np.minimum(states, state, out=states)
    none = np.full(len(features.table), UNKNOWN, dtype="int8")
    return tuple(matches), none if states is None else states


def _match(rule: Rule, features: CustomerFeatures, words: WordLists, written: Definition) -> tuple[Match, np.ndarray]:
    """Return the column of a rule, and each customer's state."""
    column = written.columns.get(rule.variable) or _column_of(rule, features, words)
    if not isinstance(column, str):
        raise NotMatched("several", names=", ".join(plain_text(name, most=45) for name in column))
    if not column:
        if topic := sensitive_topic(rule.variable):
            raise NotMatched("sensitive", topic=TOPICS[topic])
        raise NotMatched("no_column")
    if rule.unclear:
        raise NotMatched("per_period")
    if not (rule.values or rule.excluded or rule.ranges):
        raise NotMatched("not_which")
    values = features.table[column]
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return Match(rule, column), _number_states(rule, values, words)
    found = [str(level) for level in values.cat.categories]
    state = _level_states(rule, column, found, words, written.levels.get(rule.variable, {}))
    lookup = np.array([*(state[level] for level in found), UNKNOWN], dtype="int8")  # the code -1 finds the last
    partly = tuple(level for level in found if state[level] == PARTLY)
    return Match(rule, column, partly=partly), lookup[values.cat.codes.to_numpy()]


def _column_of(rule: Rule, features: CustomerFeatures, words: WordLists) -> str | list[str]:
    """Return the column of a rule, "" when there is none, a list when several could be meant."""
    dictionary = features.dictionary
    if rule.column in set(dictionary["column"]):
        return rule.column
    known = words.variables.get(rule.variable)
    if known is not None and known.column:
        return known.column if known.column in features.table else ""
    attributes = dictionary.loc[dictionary["kind"] == "attribute", "column"]
    found = [str(name) for name in attributes if words.variable_named(str(name)) == rule.variable]
    return found[0] if len(found) == 1 else (found or "")


def _number_states(rule: Rule, values: pd.Series, words: WordLists) -> np.ndarray:
    yes_no, numbers = pd.api.types.is_bool_dtype(values), as_numbers(values)
    said = {value: _number_of(value, words, yes_no=yes_no) for value in (*rule.values, *rule.excluded)}
    if unclear := [value for value, number in said.items() if math.isnan(number)]:
        column = plain_text(str(values.name))
        raise NotMatched("no_yes" if yes_no else "no_number", column=column, value=plain_text(unclear[0]))
    wanted = [*rule.ranges, *((said[value],) * 2 for value in rule.values)]
    excluded = [said[value] for value in rule.excluded]
    inside = np.full(len(numbers), not wanted)
    for low, high in wanted:
        inside |= (numbers >= low) & (numbers <= high)
    states = np.where(inside & ~np.isin(numbers, excluded), np.int8(YES), np.int8(NO))
    states[np.isnan(numbers)] = UNKNOWN
    return states


def _number_of(value: str, words: WordLists, *, yes_no: bool) -> float:
    """Return the number that is meant, NaN where none is."""
    if yes_no:
        tokens = tokens_of(value)
        said = {m.key for m in words.longest(tokens, 0)[1] if m.kind == "plain"} if tokens else set()
        return 1.0 if "yes" in said else 0.0 if "no" in said else math.nan
    try:
        number = float(value)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _level_states(
    rule: Rule, column: str, found: list[str], words: WordLists, given: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """Return whether each level of a column lies within a rule."""
    state = dict.fromkeys(found, YES)
    if rule.ranges:
        bounds = {level: bounds_of(level, words) for level in found}
        if not any(bounds.values()):
            raise NotMatched("no_ranges", column=plain_text(column))
        for level, span in bounds.items():
            state[level] = UNKNOWN if span is None else place_of(span, rule.ranges)
    for wanted, keep in ((rule.values, True), (rule.excluded, False)):
        named: set[str] = set()
        by_meaning = False
        for value in wanted:
            some, meant = _levels_named(value, rule.variable, found, given, words)
            by_meaning |= meant
            if not some:
                shown = ", ".join(plain_text(level, most=45) for level in found[:_MOST_LEVELS_SHOWN])
                shown += " …" if len(found) > _MOST_LEVELS_SHOWN else ""
                raise NotMatched("no_level", column=plain_text(column), value=plain_text(value), levels=shown)
            named |= set(some)
        for level in found if wanted else ():
            fits = YES if (level in named) == keep else NO
            if by_meaning and level not in named and not words.value_of(rule.variable, level):
                fits = UNKNOWN  # a level such as "other" that no word list knows
            state[level] = min(state[level], fits)
    return state


def _levels_named(
    value: str, variable: str, found: list[str], given: Mapping[str, Sequence[str]], words: WordLists
) -> tuple[list[str], bool]:
    """Return the levels that a value is, and whether the word lists say so and not the caller or the level's name."""
    if value in given:
        some = [str(level) for level in given[value]]
        for level in some:
            if level not in found:
                raise ColumnError(
                    f"definition: level {level!r} given for {value!r} is not in the column of {variable!r}."
                    f"{near_miss(level, found)}"
                )
        return some, False
    some = [level for level in found if level.casefold() == value.casefold()]
    if some or variable not in words.variables:
        return some, False
    return [level for level in found if words.value_of(variable, level) == value], True


def generation_as_age(rule: Rule, words: WordLists, year: int | None) -> Rule:
    """Return a rule on a generation as one on age in a year; as it is when the year or the generation is not said."""
    born = [words.generations[value] for value in rule.values if value in words.generations]
    if rule.variable != "generation" or year is None or not born or rule.excluded:
        return rule
    ranges = joined_ranges([[(float(year - last), float(year - first)) for first, last in born]])
    return replace(rule, variable="age", values=(), ranges=ranges)
