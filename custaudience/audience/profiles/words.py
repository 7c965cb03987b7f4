"""Which words two texts share: without endings, without words that say nothing, and by meaning where lists know it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SHORTEST = 3
LONGEST = 20_000  # characters of a text that are looked at


@cache
def _lists() -> dict[str, Any]:
    return tomllib.loads(files("custaudience.audience.profiles").joinpath("profiles.toml").read_text(encoding="utf-8"))


@cache
def _known() -> tuple[dict[str, str], tuple[tuple[str, str], ...], frozenset[str]]:
    """Return whole words and beginnings with their concepts, and the words that say nothing."""
    whole: dict[str, str] = {}
    beginnings = []
    for concept, entries in _lists()["concepts"].items():
        for entry in entries:
            if entry.endswith("*"):
                beginnings.append((entry[:-1], concept))
            else:
                whole[entry] = concept
    return whole, tuple(sorted(beginnings, key=lambda b: -len(b[0]))), frozenset(_lists()["stop"]["words"])


@lru_cache(maxsize=4096)
def root_of(word: str) -> str:
    """Return what a word is compared by: its concept where a list knows it, else the word without its ending."""
    whole, beginnings, _stop = _known()
    if word in whole:
        return f"={whole[word]}"
    for beginning, concept in beginnings:
        if word.startswith(beginning):
            return f"={concept}"
    for ending in _lists()["endings"]:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            return word[: -len(ending)]
    return word


def roots(text: str) -> dict[str, str]:
    """Return the words of a text that say something: what each is compared by, and as it is written."""
    stop = _known()[2]
    found: dict[str, str] = {}
    for word in _WORD.findall(text[:LONGEST].casefold().replace("’", "'")):
        for part in [word] if word in _known()[0] else word.split("-"):
            if part and part not in stop:
                found.setdefault(root_of(part), part)
    return found


def shared(words: Iterable[str], other: Iterable[str]) -> float:
    """Return which part of `words` is in `other`; 0 when there are none."""
    mine, theirs = set(words), set(other)
    return len(mine & theirs) / len(mine) if mine else 0.0


def number_range(text: str) -> tuple[float, float] | None:
    """Return the range of years a text speaks of, None when of none."""
    found = [float(n) for n in re.findall(r"(?<![\d.,])\d{1,2}(?![\d.,]*\d)", text[:LONGEST])]
    if not found:
        return None
    if len(found) == 1:
        return (found[0], float("inf")) if re.search(r"\d\s*\+", text) else (found[0], found[0])
    return min(found[:2]), max(found[:2])
