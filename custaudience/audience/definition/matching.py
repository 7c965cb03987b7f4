"""Which customers a definition's rules fit, where their variables are columns; what cannot be matched is named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from custaudience.audience.definition.findings import TOPICS
from custaudience.audience.definition.levels import NO, PARTLY, UNKNOWN, YES, level_bounds, place_of_level
from custaudience.audience.definition.rules import Rule, joined_ranges
from custaudience.audience.definition.word_lists import WordLists, tokens_of
from custaudience.audience.personas.words import plain_text
from custaudience.customers import CustomerFeatures
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.errors import ColumnError, near_miss
from custaudience.evidence import template
from custaudience.stats.columns import as_numbers

_MOST_LEVELS_SHOWN = 5


@dataclass(frozen=True)
class Match:
    """What became of one rule.

    Attributes
    ----------
    rule : Rule
    column : str
        Of the customer features, "" when it could not be matched.
    reason : str
        Template of a sentence why it could not, or of a remark; "" when there is nothing to say.
    values : mapping
        What the template's placeholders stand for.
    partly : tuple of str
        Levels that lie only partly within the rule, such as 35-44 within 18 to 40.
    """

    rule: Rule
    column: str = ""
    reason: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    partly: tuple[str, ...] = ()

    @property
    def matched(self) -> bool:
        """Whether customers could be told apart by the rule."""
        return bool(self.column)


def match_rules(
    rules: Sequence[Rule],
    features: CustomerFeatures,
    words: WordLists,
    *,
    columns: Mapping[str, str],
    levels: Mapping[str, Mapping[str, Sequence[str]]],
) -> tuple[tuple[Match, ...], np.ndarray]:
    """Match rules to columns, and customers to rules.

    Parameters
    ----------
    rules, words
        Of the definition.
    features : CustomerFeatures
    columns : mapping of variable to column
        Where the names do not say it.
    levels : mapping of variable to mapping of value to levels
        What "middle" income is, for example.

    Returns
    -------
    matches : tuple of Match, one per rule
    states : int8 array, one per customer
        `UNKNOWN` where a matched variable is not known, else `NO`, `PARTLY` or `YES`; all `UNKNOWN` when no rule
        could be matched.

    Raises
    ------
    ColumnError
        If `columns` names a column that does not exist.
    """
    for variable, column in columns.items():
        if column not in features.table:
            raise ColumnError(
                f"definition: column {column!r} given for {variable!r} is not among the customer features."
                f"{near_miss(column, features.table.columns)}"
            )
    matches, states = [], None
    for rule in rules:
        match, state = _match(rule, features, words, columns, levels.get(rule.variable, {}))
        matches.append(match)
        if state is not None:
            states = state if states is None else np.minimum(states, state, out=states)
    none = np.full(len(features.table), UNKNOWN, dtype="int8")
    return tuple(matches), none if states is None else states


def _match(
    rule: Rule,
    features: CustomerFeatures,
    words: WordLists,
    columns: Mapping[str, str],
    levels: Mapping[str, Sequence[str]],
) -> tuple[Match, np.ndarray | None]:
    """Return what became of a rule, and each customer's state; None when it could not be matched."""

    def not_matched(reason: str, **values: Any) -> tuple[Match, None]:
        return Match(rule, reason=reason, values={"said": rule.said, **values}), None

    column = columns.get(rule.variable) or _column_of(rule, features, words)
    if not isinstance(column, str):
        return not_matched(
            template("“{said:text}”: several columns could be meant ({names:text}). Say which one."),
            names=", ".join(plain_text(name, most=45) for name in column),
        )
    if not column:
        if topic := sensitive_topic(rule.variable):
            return not_matched(
                template("“{said:text}”: sensitive ({topic:sentence}), never used to count or choose people."),
                topic=TOPICS[topic],
            )
        return not_matched(template("“{said:text}”: no column of the data says it."))
    if rule.unclear:
        return not_matched(
            template("“{said:text}”: an amount per period is meant, and the data count all orders so far.")
        )
    if not (rule.values or rule.excluded or rule.ranges):
        return not_matched(template("“{said:text}”: it is named, but not said which or how much."))
    values = features.table[column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _match_levels(rule, column, values, words, levels)
    return _match_numbers(rule, column, values, words)


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


def _match_numbers(rule: Rule, column: str, values: pd.Series, words: WordLists) -> tuple[Match, np.ndarray | None]:
    yes_no = pd.api.types.is_bool_dtype(values)
    numbers = as_numbers(values)
    wanted = list(rule.ranges)
    for value, keep in [*((v, True) for v in rule.values), *((v, False) for v in rule.excluded)]:
        number = _number_of(value, words, yes_no=yes_no)
        if number is None:
            reason = template("“{said:text}”: the column “{column:text}” holds numbers; “{value:text}” is none.")
            if yes_no:
                reason = template(
                    "“{said:text}”: the column “{column:text}” holds yes and no; “{value:text}” is neither."
                )
            return Match(
                rule,
                reason=reason,
                values={"said": rule.said, "column": plain_text(column), "value": plain_text(value)},
            ), None
        wanted += [(number, number)] if keep else []
    inside = np.zeros(len(numbers), dtype=bool) if wanted else np.ones(len(numbers), dtype=bool)
    for low, high in wanted:
        inside |= (numbers >= low) & (numbers <= high)
    for value in rule.excluded:
        inside &= numbers != _number_of(value, words, yes_no=yes_no)
    states = np.where(inside, np.int8(YES), np.int8(NO))
    states[np.isnan(numbers)] = UNKNOWN
    return Match(rule, column), states


def _number_of(value: str, words: WordLists, *, yes_no: bool) -> float | None:
    if yes_no:
        said = (
            {m.key for m in words.longest(tokens_of(value), 0)[1] if m.kind == "plain"} if tokens_of(value) else set()
        )
        return 1.0 if "yes" in said else 0.0 if "no" in said else None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _match_levels(
    rule: Rule, column: str, values: pd.Series, words: WordLists, given: Mapping[str, Sequence[str]]
) -> tuple[Match, np.ndarray | None]:
    found = [str(level) for level in values.cat.categories]

    def not_matched(reason: str, **more: Any) -> tuple[Match, None]:
        return Match(rule, reason=reason, values={"said": rule.said, "column": plain_text(column), **more}), None

    state = dict.fromkeys(found, YES)
    if rule.ranges:
        bounds = {level: level_bounds(level, words) for level in found}
        if not any(bounds.values()):
            return not_matched(template("“{said:text}”: the levels of “{column:text}” are no numbers or ranges."))
        for level, span in bounds.items():
            state[level] = UNKNOWN if span is None else place_of_level(span, rule.ranges)
    for wanted, keep in ((rule.values, True), (rule.excluded, False)):
        if not wanted:
            continue
        named: set[str] = set()
        by_meaning = False
        for value in wanted:
            some, meant = _levels_named(value, rule.variable, found, given, words)
            by_meaning |= meant
            if not some:
                reason = template(
                    "“{said:text}”: no level of “{column:text}” is known to mean “{value:text}”; it has {levels:text}."
                )
                return not_matched(reason, value=plain_text(value), levels=_shown(found))
            named |= set(some)
        for level in found:
            fits = YES if (level in named) == keep else NO
            if by_meaning and level not in named and not words.value_of(rule.variable, level):
                fits = UNKNOWN  # a level such as "other" that no word list knows
            state[level] = min(state[level], fits)
    lookup = np.array([*(state[level] for level in found), UNKNOWN], dtype="int8")  # the code -1 finds the last
    partly = tuple(level for level in found if state[level] == PARTLY)
    return Match(rule, column, partly=partly), lookup[values.cat.codes.to_numpy()]


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


def _shown(levels: list[str]) -> str:
    return ", ".join(plain_text(level, most=45) for level in levels[:_MOST_LEVELS_SHOWN]) + (
        " …" if len(levels) > _MOST_LEVELS_SHOWN else ""
    )


def generation_as_age(rule: Rule, words: WordLists, year: int | None) -> Rule:
    """Return a rule on a generation as one on age in a year; as it is when the year or the generation is not said."""
    born = [words.generations[value] for value in rule.values if value in words.generations]
    if rule.variable != "generation" or year is None or not born or rule.excluded:
        return rule
    ranges = joined_ranges([[(float(year - last), float(year - first)) for first, last in born]])
    return replace(rule, variable="age", values=(), ranges=ranges)
