"""Levels of a column that are ranges of numbers, such as 35-44, 65+ or Under 15K."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from custaudience.audience.definition.rules import Range
from custaudience.audience.definition.word_lists import WordLists, tokens_of

UNKNOWN, NO, PARTLY, YES = 0, 1, 2, 3
"""What is known of a customer and a rule, so that the smallest of several says whether all of them hold."""


def place_of_level(span: Range, wanted: Sequence[Range]) -> int:
    """Say whether a level lies within the ranges, outside, or partly."""
    low, high = span
    if any(a <= low and high <= b for a, b in wanted):
        return YES
    return PARTLY if any(low <= b and a <= high for a, b in wanted) else NO


def level_bounds(level: str, words: WordLists) -> Range | None:
    """Return the lowest and highest number of a level such as 35-44, 65+ or Under 15K; None when it has none.

    Examples
    --------
    >>> from custaudience.audience.definition.word_lists import load_words
    >>> [level_bounds(level, load_words()) for level in ("35-44", "65+", "15-24K", "Kyiv")]
    [(35.0, 44.0), (65.0, inf), (15000.0, 24999.0), None]
    """
    tokens = tokens_of(level)
    numbers = [i for i, token in enumerate(tokens) if token.word[0].isdecimal()]
    if not 1 <= len(numbers) <= 2:
        return None
    keys: set[str] = set()
    scale, at = 1.0, 0
    while at < len(tokens):
        length, meanings = words.longest(tokens, at)
        keys |= {m.key for m in meanings if m.kind == "numbers"}
        at += max(length, 1)
    scale = 1e6 if "million" in keys else 1e3 if "thousand" in keys else 1.0
    first, last = (float(tokens[i].word.replace(",", ".")) for i in (numbers[0], numbers[-1]))
    if len(numbers) == 2:
        return first * scale, (last + 1) * scale - 1 if scale > 1 else last
    if any(token.word in "+>≥" for token in tokens) or keys & {"over", "from", "older"}:
        return first * scale, math.inf
    if re.search("[<≤]", level) or keys & {"under", "up_to", "younger"}:
        strict = "<" in level or ("under" in keys and "up_to" not in keys)
        return -math.inf, float(np.nextafter(first * scale, -math.inf)) if strict else first * scale
    return first * scale, first * scale
