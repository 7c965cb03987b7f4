"""The words of personas that are no result: names, back-stories, questions, which column belongs to which block."""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from custaudience.customers.features.attributes import is_named
from custaudience.study.proposing.vocabulary import plain_name

Text = str | Mapping[str, str]  # or one per language
LONGEST = 80
_CODE = re.compile(r"[a-z0-9_]{1,40}")


def in_language(text: Text, language: str = "en") -> str:
    """Return a text in a language; where it is not written in that, in English, else in its first."""
    return text if isinstance(text, str) else text.get(language) or text.get("en") or next(iter(text.values()), "")


@dataclass(frozen=True)
class Epithet:
    """What a persona is called by: a feature that differs, which way, and the imagined words for it."""

    key: str
    feature: str
    sign: int
    who: Mapping[str, str]
    story: Mapping[str, str]


@cache
def words() -> dict[str, Any]:
    """Return ``personas.toml``."""
    return tomllib.loads(files("custaudience.audience.personas").joinpath("personas.toml").read_text(encoding="utf-8"))


@cache
def epithets() -> tuple[Epithet, ...]:
    """Return the epithets in the order of the file; the last one, without a feature, fits everybody."""
    return tuple(Epithet(**row) for row in words()["epithet"])


def choose_epithet(effects: Sequence[tuple[str, float]], taken: Collection[str]) -> Epithet:
    """Return the words for the clear difference that is largest, passing over those another persona already has."""
    free = [epithet for epithet in epithets() if epithet.key not in taken]
    fitting = (e for feature, effect in effects for e in free if e.feature == feature and e.sign * effect > 0)
    return next(fitting, epithets()[-1])


def questions(block: str) -> tuple[Mapping[str, str], ...]:
    """Return the survey questions that would fill a block, one text per language."""
    return tuple(words()["questions"][block])


def plain_text(text: Any, *, most: int = LONGEST) -> str:
    r"""Return a text of the data fit to be shown: one line, no marks that turn its direction, at most so long.

    Examples
    --------
    >>> plain_text("  Spices,\nsauces\u202e "), plain_text("x" * 100, most=5)
    ('Spices, sauces', 'xxxx…')
    """
    if isinstance(text, str) and len(text) <= most and text.isprintable() and "  " not in text:
        return text.strip()
    # Cc and Cf: control characters, and marks that change the direction of what follows them
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in str(text)[: 20 * most])
    kept = " ".join("".join(c for c in kept if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn")).split())
    return kept if len(kept) <= most else kept[: most - 1].rstrip() + "…"


def category_text(name: Any) -> str:
    """Return a product category as it reads best: what shouts in capitals is written small."""
    text = plain_text(name)
    return text.capitalize() if len(text) > 3 and text.isupper() else text


def code_of(text: Any) -> str:
    """Return a short name of small letters and digits for an id; other alphabets become a number of their own.

    Examples
    --------
    >>> code_of("at_risk"), code_of("Marital status"), code_of("Вік")[:1]
    ('at_risk', 'marital_status', 'x')
    """
    small = re.sub(r"[\s\-./]+", "_", str(text).strip().casefold())
    return small if _CODE.fullmatch(small) else f"x{stable_number(text) % 10**8:08d}"


def stable_number(text: Any) -> int:
    """Return the same large number for the same text on every machine."""
    return int.from_bytes(hashlib.sha256(str(text).encode("utf-8", "replace")).digest()[:8], "big")


def name_numbers(segments: Sequence[str], previous: Mapping[str, int] | None = None) -> dict[str, int]:
    """Give each segment of a study the number of its persona's name, different for all.

    A segment of `previous`, of an earlier month, keeps its number; else it depends on the segment's key alone, unless
    another one took it.
    """
    n = len(words()["names"]["en"])
    given = {key: number % n for key, number in (previous or {}).items() if key in set(segments)}
    for key in sorted(set(segments) - set(given)):
        start, used = stable_number(key) % n, set(given.values())
        free = ((start + step) % n for step in range(n))
        given[key] = next((number for number in free if number not in used), start)
    return {key: given[key] for key in segments}


def name_of(number: int) -> dict[str, str]:
    """Return the name with this number, in each language."""
    return {language: names[number % len(names)] for language, names in words()["names"].items()}


def feature_name(column: str) -> Text:
    """Return how a column is called in a sentence: by language where the words are known, else as it is."""
    names: Mapping[str, Mapping[str, str]] = words()["columns"]
    known = names.get(plain_name(column.replace("_", " ")))
    if known is not None:
        return known
    text = plain_text(column.replace("_", " "), most=45)
    return text[:1].upper() + text[1:]


@lru_cache(maxsize=4096)
def block_of(column: str) -> str:
    """Return the block that a column of customers or answers belongs to by its name, "" when none."""
    return next((block for block, entries in words()["blocks"].items() if is_named(column, entries)), "")


def fits(mark: str, word: str) -> bool:
    """Say whether a word is the one of a list, where one with a star may have any ending."""
    return word.startswith(mark[:-1]) if mark.endswith("*") else word == mark


def is_specific(category: str) -> bool:
    """Say whether a category names things at all; "misc" and "other" do not."""
    tokens = re.findall(r"[\w'’]+", plain_name(plain_text(category)))
    return not any(t.startswith(word) for t in tokens for word in words()["unspecific"]["beginnings"])
