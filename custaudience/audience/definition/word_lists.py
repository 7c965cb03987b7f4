"""The words a definition of an audience is written in, one file per language, all looked up at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from custaudience.errors import ConfigError, near_miss

# marks that are not seen (direction, width, soft hyphen) may stand within a word, and do not end it
_UNSEEN = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_TOKEN = re.compile(
    rf"\d+(?:[.,]\d+)?|[^\W\d_]+(?:['’ʼ{_UNSEEN}]+[^\W\d_]+)*|(?<![^\W\d_])[-–—−]|[-–—−](?![^\W\d_])|[+%$€£₴<>≤≥]"
)
_HIDDEN = re.compile(f"[{_UNSEEN}]")
_APOSTROPHES = str.maketrans("’ʼ", "''")
_SECTIONS = ("plain", "numbers", "levels", "flags", "sensitive", "variables")


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
    """Cut a text into words, numbers and signs; a hyphen between two words is no sign.

    Examples
    --------
    >>> [token.word for token in tokens_of("Tech-savvy women 18–40, 50k+")]
    ['tech', 'savvy', 'women', '18', '–', '40', '50', 'k', '+']
    """
    return [Token(_bare(found.group()), found.start(), found.end()) for found in _TOKEN.finditer(text)]


def _bare(word: str) -> str:
    """Return a word in small letters, without what is not seen and without the 's of an owner."""
    return _HIDDEN.sub("", word).lower().translate(_APOSTROPHES).removesuffix("'s")


class WordLists:
    """Phrases of one or more languages and what they mean.

    Parameters
    ----------
    languages : mapping of language to the parsed TOML of its file

    Raises
    ------
    ConfigError
        If a file has a section, a flag or a variable that does not exist.
    """

    def __init__(self, languages: Mapping[str, Mapping[str, Any]]) -> None:
        self.languages = tuple(languages)
        self.variables, self.generations = _variables()
        self._phrases: dict[str, list[tuple[tuple[str, ...], set[Meaning]]]] = {}
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
            words = tuple(token.word for token in tokens_of(phrase.replace("*", "")))
            marks = tuple(f"{w}*" if star else w for w, star in zip(words, _stars(phrase), strict=True))
            listed = self._phrases.setdefault(words[0][:2], [])
            same = next((found for known, found in listed if known == marks), None)
            if same is None:
                listed.append((marks, {meaning}))
            else:
                same.add(meaning)

    def longest(self, tokens: Sequence[Token], at: int) -> tuple[int, frozenset[Meaning]]:
        """Return how many tokens the longest known phrase beginning at a token has, and its meanings; 0 = none."""
        best: tuple[int, int] = (0, 0)
        meanings: set[Meaning] = set()
        for phrase, found in self._phrases.get(tokens[at].word[:2], ()):
            if len(phrase) <= len(tokens) - at and all(
                _fits(mark, tokens[at + i].word) for i, mark in enumerate(phrase)
            ):
                size = (len(phrase), sum(len(mark.strip("*")) for mark in phrase))
                if size > best:
                    best, meanings = size, set(found)
                elif size == best:
                    meanings |= found
        return best[0], frozenset(meanings)

    def variable_named(self, name: str) -> str:
        """Return the variable a column or a rule speaks of by its whole name, "" when none.

        Examples
        --------
        >>> load_words().variable_named("Вік"), load_words().variable_named("Розмір взуття")
        ('age', '')
        """
        plain = _plain(name)
        if plain.replace(" ", "_") in self.variables:
            return plain.replace(" ", "_")
        stems = (v for n, v in self._names.items() if n.endswith("*") and plain.startswith(n[:-1]))
        return self._names.get(plain) or (next(stems, "") if " " not in plain else "")

    def value_of(self, variable: str, written: str) -> str:
        """Return the value of a variable that some words mean, "" when they mean none or several.

        Examples
        --------
        >>> load_words().value_of("place", "місто понад 500 тис."), load_words().value_of("sex", "F")
        ('city', 'female')
        """
        found, tokens, at = set(), tokens_of(written), 0
        while at < len(tokens):
            length, meanings = self.longest(tokens, at)
            found |= {m.value for m in meanings if m.kind == "variable" and m.key == variable and m.value}
            found |= {m.key for m in meanings if m.kind == "levels" and self.variables[variable].levels}
            at += max(length, 1)
        return found.pop() if len(found) == 1 else ""

    def known_names(self) -> list[str]:
        """Return the names a rule's variable can have, for near misses."""
        return [*self.variables, *(name.rstrip("*") for name in self._names)]


def parse_words(text: str, language: str) -> WordLists:
    """Read one language's word lists from TOML text, as words/en.toml has them."""
    return WordLists({language: tomllib.loads(text)})


@cache
def load_words(*languages: str) -> WordLists:
    """Return the word lists shipped, all languages when none is named.

    Raises
    ------
    ConfigError
        If there is no file for a language.
    """
    folder = files("custaudience.audience.definition").joinpath("words")
    shipped = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    for language in languages:
        if language not in shipped:
            raise ConfigError(f"no word list for {language!r}; there are {', '.join(shipped)}.")
    wanted = languages or tuple(shipped)
    return WordLists({lang: tomllib.loads(folder.joinpath(f"{lang}.toml").read_text("utf-8")) for lang in wanted})


@cache
def _variables() -> tuple[dict[str, Variable], dict[str, tuple[int, int]]]:
    content = tomllib.loads(files("custaudience.audience.definition").joinpath("variables.toml").read_text("utf-8"))
    generations = {name: (first, last) for name, (first, last) in content["generations"].items()}
    return {name: Variable(**entry) for name, entry in content["variables"].items()}, generations


def _plain(name: str) -> str:
    return " ".join(re.sub(r"(?<=[a-zа-яіїєґ])(?=[A-Z])", " ", name).replace("_", " ").lower().split())


def _stars(phrase: str) -> list[bool]:
    """Say of each token of a phrase whether it may have any ending."""
    return [phrase[token.end : token.end + 1] == "*" for token in tokens_of(phrase)]


def _fits(mark: str, word: str) -> bool:
    return word.startswith(mark[:-1]) if mark.endswith("*") else word == mark
