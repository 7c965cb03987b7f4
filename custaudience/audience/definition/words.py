"""The words a definition of an audience is written in, one file per language, all looked up at once."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from custaudience.audience.personas.words import fits, plain_text
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.errors import ConfigError, near_miss

# marks that are not seen (direction, width, soft hyphen) may stand within a word, and do not end it
_UNSEEN = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_TOKEN = re.compile(
    rf"\d+(?:[.,]\d+)?|[^\W\d_]+(?:['’ʼ{_UNSEEN}]+[^\W\d_]+)*|(?<![^\W\d_])[-–—−]|[-–—−](?![^\W\d_])|[+%$€£₴<>≤≥]"
)
_HIDDEN = re.compile(f"[{_UNSEEN}]")
_APOSTROPHES = str.maketrans("’ʼ", "''")
_SECTIONS = ("plain", "numbers", "levels", "flags", "sensitive", "variables")
Range = tuple[float, float]
Span = tuple[int, int]
DASHES = "-–—−"
_SHOWN = 12
_FOLDER = files("custaudience.audience.definition")
_BREAKS = ",.;!?()\n"
_WHOLE_PHRASES = ("values", "needs", "behaviour")  # families whose phrases say nothing of a person's health or origin

UNKNOWN, NO, PARTLY, YES = 0, 1, 2, 3  # of a customer and a rule: the smallest of several says whether all hold


class Token(NamedTuple):
    """A word, a number or a sign of a text, in small letters, and where it stands."""

    word: str
    start: int
    end: int


class Meaning(NamedTuple):
    """What a phrase can be: its section and key, or a variable with its name (value "") or one of its values."""

    kind: str
    key: str
    value: str = ""


@dataclass(frozen=True)
class Variable:
    """Something a definition can speak of; see variables.toml."""

    family: str
    number: bool = False
    levels: bool = False
    column: str = ""


def tokens_of(text: str) -> list[Token]:
    """Cut a text into words, numbers and signs; a hyphen between two words is no sign, the 's of an owner no letter."""

    def bare(word: str) -> str:
        return _HIDDEN.sub("", word).lower().translate(_APOSTROPHES).removesuffix("'s")

    return [Token(bare(found.group()), found.start(), found.end()) for found in _TOKEN.finditer(text)]


class WordLists:
    """Phrases of one or more languages, each the parsed TOML of its file, and what they mean."""

    def __init__(self, languages: Mapping[str, Mapping[str, Any]]) -> None:
        known = _read("variables.toml")
        self.variables = {name: Variable(**entry) for name, entry in known["variables"].items()}
        self.generations: dict[str, tuple[int, int]] = known["generations"]
        self._phrases: dict[str, dict[tuple[str, ...], set[Meaning]]] = {}
        self._names: dict[str, str] = {}
        for language, content in languages.items():
            self._add(language, content)

    def _add(self, language: str, content: Mapping[str, Any]) -> None:
        for section, lists in content.items():
            if section not in _SECTIONS:
                raise ConfigError(f"words of {language!r}: no section {section!r}.{near_miss(section, _SECTIONS)}")
            for key, entry in lists.items():
                if section != "variables":
                    self._learn(entry, Meaning(section, key))
                    continue
                if key not in self.variables:
                    raise ConfigError(f"words of {language!r}: no variable {key!r}.{near_miss(key, self.variables)}")
                self._learn(entry["names"], Meaning("variable", key))
                self._names |= {_plain(name): key for name in entry["names"]}
                for value, words in entry.get("values", {}).items():
                    self._learn(words, Meaning("variable", key, value))

    def _learn(self, phrases: Iterable[str], meaning: Meaning) -> None:
        for phrase in phrases:
            # a word with a star may have any ending
            marks = tuple(word + "*" * (phrase[end : end + 1] == "*") for word, _, end in tokens_of(phrase))
            self._phrases.setdefault(marks[0].strip("*")[:2], {}).setdefault(marks, set()).add(meaning)

    def longest(self, tokens: Sequence[Token], at: int) -> tuple[int, frozenset[Meaning]]:
        """Return how many tokens the longest known phrase beginning at a token has, and its meanings; 0 = none."""
        best: tuple[int, int] = (0, 0)
        meanings: set[Meaning] = set()
        for phrase, found in self._phrases.get(tokens[at].word[:2], {}).items():
            following = tokens[at : at + len(phrase)]
            if len(following) == len(phrase) and all(map(fits, phrase, (token.word for token in following))):
                size = (len(phrase), sum(len(mark.strip("*")) for mark in phrase))
                if size > best:
                    best, meanings = size, set(found)
                elif size == best:
                    meanings |= found
        return best[0], frozenset(meanings)

    def meanings(self, text: str) -> Iterator[Meaning]:
        """Yield what the longest known phrases of a text mean."""
        tokens, at = tokens_of(text), 0
        while at < len(tokens):
            length, meanings = self.longest(tokens, at)
            yield from meanings
            at += max(length, 1)

    def variable_named(self, name: str) -> str:
        """Return the variable a column or a rule speaks of by its whole name, "" when none."""
        plain = _plain(name)
        if plain.replace(" ", "_") in self.variables:
            return plain.replace(" ", "_")
        stems = (v for n, v in self._names.items() if n.endswith("*") and plain.startswith(n[:-1]))
        return self._names.get(plain) or (next(stems, "") if " " not in plain else "")

    def value_of(self, variable: str, written: str) -> str:
        """Return the value of a variable that some words mean, "" when they mean none or several."""
        meanings = set(self.meanings(written))
        found = {m.value for m in meanings if m.kind == "variable" and m.key == variable and m.value}
        found |= {m.key for m in meanings if m.kind == "levels" and self.variables[variable].levels}
        return found.pop() if len(found) == 1 else ""

    def known_names(self) -> list[str]:
        """Return the names a rule's variable can have, for near misses."""
        return [*self.variables, *(name.rstrip("*") for name in self._names)]


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
    return all(text[a.end : b.start].strip(f" \t\n\u00a0{DASHES}") == "" for a, b in pairwise(part))


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


_topic = lru_cache(maxsize=4096)(sensitive_topic)


def shown(words: Sequence[str]) -> str:
    """Return words for a sentence, not too many of them and none too long."""
    short = [plain_text(word, most=45) for word in dict.fromkeys(words)]
    return ", ".join(short[:_SHOWN]) + (" …" if len(short) > _SHOWN else "")


@cache
def load_words(*languages: str) -> WordLists:
    """Return the word lists shipped, all languages when none is named."""
    shipped = sorted(entry.name.removesuffix(".toml") for entry in _FOLDER.joinpath("words").iterdir())
    for language in languages:
        if language not in shipped:
            raise ConfigError(f"no word list for {language!r}; there are {', '.join(shipped)}.")
    return WordLists({language: _read(f"words/{language}.toml") for language in languages or shipped})


@cache
def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads(_FOLDER.joinpath(name).read_text(encoding="utf-8"))
    return content


def _plain(name: str) -> str:
    return " ".join(re.sub(r"(?<=[a-zа-яіїєґ])(?=[A-Z])", " ", name).replace("_", " ").lower().split())


def place_of(span: Range, wanted: Sequence[Range]) -> int:
    """Say whether a level lies within the ranges, outside, or partly."""
    low, high = span
    if any(a <= low and high <= b for a, b in wanted):
        return YES
    return PARTLY if any(low <= b and a <= high for a, b in wanted) else NO


def bounds_of(level: str, words: WordLists) -> Range | None:
    """Return the lowest and highest number of a level such as 35-44, 65+ or Under 15K; None when it has none."""
    tokens = tokens_of(level)
    numbers = [i for i, token in enumerate(tokens) if token.word[0].isdecimal()]
    if not 1 <= len(numbers) <= 2:
        return None
    keys = {m.key for m in words.meanings(level) if m.kind == "numbers"}
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
