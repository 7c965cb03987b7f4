"""What is known of exports: which header may mean which column, which status that no money came, vendors' presets."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from babel.numbers import list_currencies
from pydantic import BaseModel, ConfigDict, Field

from custaudience.errors import ConfigError, near_miss
from custaudience.study.values import currencies_of

Header = tuple[str, ...]  # column names as they stand in a file
_SPLIT = re.compile(r"[\s_./#№:;\-–]+")
_BRACKETS = re.compile(r"[\[(][^\])]*[\])]")


@cache
def vocabulary() -> dict[str, Any]:
    """Return vocabulary.toml."""
    return tomllib.loads(files(__package__).joinpath("vocabulary.toml").read_text(encoding="utf-8"))


def plain_name(header: str) -> str:
    """Return a header in small letters, without brackets, signs and currency: "Сума, грн" is "сума"."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", _BRACKETS.sub(" ", header))
    text = text.split(",")[0] if currency_of(text.rpartition(",")[2]) else text.replace(",", " ")
    return " ".join(word for word in _SPLIT.split(text.lower().strip()) if word)


def name_score(header: str, table: str, column: str) -> float:
    """Return how well a header names a column: 3 by its name, 2 by a hint, 1 by a mere guess, 0 when nothing fits.

    Less when the name is only part of the header, the less the smaller that part: 1.7 when it is half of its words.
    """
    words = vocabulary().get(table, {}).get(column, {})
    plain = plain_name(header)
    tokens = set(plain.split())
    best = 3.0 if plain == column.replace("_", " ") else 0.0
    for kind, whole, part in (("names", 3.0, 1.5), ("hints", 2.0, 1.0), ("guesses", 1.0, 0.0)):
        for name in words.get(kind, ()):
            if plain == name or plain.replace(" ", "") == name.replace(" ", ""):
                best = max(best, whole)
            elif part and len(name) > 3 and set(name.split()) <= tokens:
                best = max(best, round(part + 0.4 * len(name.split()) / len(tokens), 2))
    return best


def status_of(value: str) -> str:
    """Return what a status says of its rows: "left_out", "refunds", "unsure", "sales", or "" for one not known."""
    kinds = ("left_out", "refunds", "unsure", "sales")
    return next((kind for kind in kinds if plain_name(value) in vocabulary()["status"][kind]), "")


def is_status_column(header: str) -> bool:
    """Say whether a header names a column of statuses or kinds of rows."""
    return plain_name(header) in vocabulary()["status"]["columns"]


def is_state_column(header: str) -> bool:
    """Say whether a header names the state of an order, and not perhaps the kind of a thing."""
    plain = plain_name(header)
    return any(word in plain.split() or plain == word for word in vocabulary()["status"]["state"])


def is_guest(customer_id: str) -> bool:
    """Say whether an id stands for nobody in particular."""
    return customer_id.strip().lower() in vocabulary()["guests"]["ids"]


def names_organisation(header: str) -> bool:
    """Say whether a header shows that customers are organisations."""
    return plain_name(header) in vocabulary()["organisations"]["columns"]


@cache
def currency_codes() -> frozenset[str]:
    """Return the currencies of ISO 4217."""
    return frozenset(list_currencies())


def currency_of(text: str) -> str:
    """Return the ISO code that a sign or word stands for, "" when none or several."""
    return next(iter(currencies_of(text)), "")


def currency_in_header(header: str) -> str:
    """Return the currency a header names, as in "Сума, грн" or "Amount spent (USD)"; else ""."""
    inside = [*re.findall(r"[\[(]([^\])]*)[\])]", header), header.rpartition(",")[2] if "," in header else ""]
    found = [currency_of(text) or (text if re.fullmatch(r"[A-Z]{3}", text) else "") for text in map(str.strip, inside)]
    return next((code for code in found if code and code not in ("UTC", "GMT", "EET", "CET", "EST", "PST")), "")


def usual_zone(currency: str) -> str:
    """Return a time zone in which a currency is used, to suggest; "" when none is known."""
    return str(vocabulary()["zones"].get(currency, ""))


class Preset(BaseModel):
    """One file of ``study/presets``: a vendor's export, and how to read it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    source: str
    table: str
    signature: tuple[str, ...]
    notes: tuple[str, ...] = ()
    columns: dict[str, str | tuple[str, ...]]
    settings: dict[str, Any] = Field(default_factory=dict)
    localised: dict[str, str] = Field(default_factory=dict)

    def fits(self, header: Header) -> bool:
        """Say whether a file has every column of the signature."""
        return not self.missing(header)

    def missing(self, header: Header) -> list[str]:
        """Return the columns of the signature that a file has not."""
        return [name for name in self.signature if self._find(name, header) is None]

    def columns_of(self, header: Header) -> dict[str, str]:
        """Return our columns and the file's own names of them; one that the file has not is left out."""
        wanted = {ours: (theirs,) if isinstance(theirs, str) else theirs for ours, theirs in self.columns.items()}
        found = {ours: [self._find(name, header) for name in names] for ours, names in wanted.items()}
        return {ours: next(filter(None, names)) for ours, names in found.items() if any(names)}

    def settings_of(self, header: Header) -> dict[str, Any]:
        """Return the settings, with column names as the file has them; a rule on a column it has not is left out."""
        settings = dict(self.settings)
        for option in ("only", "exclude", "refund_rows"):
            if option in settings:
                named = ((self._find(name, header), values) for name, values in settings[option].items())
                settings[option] = {name: values for name, values in named if name is not None}
        return settings

    def _find(self, documented: str, header: Header) -> str | None:
        return next((name for name in header if _matches(self._english(name), documented)), None)

    def _english(self, name: str) -> str:
        for localised, english in self.localised.items():
            if _matches(name, localised):
                before, _, after = localised.partition("*")
                return english.replace("*", name[len(before) : len(name) - len(after)]) if "*" in localised else english
        return name


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))


@cache
def presets() -> dict[str, Preset]:
    """Return every preset by its name."""
    folder = files("custaudience.study").joinpath("presets")
    return {
        entry.name.removesuffix(".toml"): Preset.model_validate(tomllib.loads(entry.read_text(encoding="utf-8")))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def find_preset(header: Header, wanted: str | None) -> tuple[str, Preset] | None:
    """Return the preset that is wanted, or the one whose signature the file has; the longest signature wins."""
    known = presets()
    if wanted is not None and _wanted(wanted).fits(header):
        return wanted, known[wanted]
    fitting = [(name, preset) for name, preset in known.items() if preset.fits(header)]
    return max(fitting, key=lambda pair: len(pair[1].signature), default=None)


def why_not_preset(files: Mapping[str, Header], wanted: str) -> str:
    """Return which columns each file lacks when none is of the preset that is wanted; else ""."""
    preset = _wanted(wanted)
    lacks = [(preset.missing(header), label) for label, header in files.items()]
    names, label = min(lacks, key=lambda pair: len(pair[0]))
    if not names:
        return ""
    return (
        f"no file has the columns of preset {wanted} ({preset.title}): {label} lacks {', '.join(map(repr, names))}. "
        f"Export it with these, or leave --preset out. It is documented at {preset.source}."
    )


def _wanted(name: str) -> Preset:
    known = presets()
    if name not in known:
        raise ConfigError(f"preset {name!r} is not known.{near_miss(name, known)} Known: {', '.join(known)}.")
    return known[name]
