"""Exports of well-known programs: which columns they have, and what people trip over in them."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from custaudience.errors import ConfigError, near_miss
from custaudience.study.proposing.sampling import Sample


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

    def fits(self, sample: Sample) -> bool:
        """Say whether a file has every column of the signature."""
        return not self.missing(sample)

    def missing(self, sample: Sample) -> list[str]:
        """Return the columns of the signature that a file has not."""
        return [name for name in self.signature if self._find(name, sample.header) is None]

    def columns_of(self, sample: Sample) -> dict[str, str]:
        """Return our columns and the file's own names of them; one that the file has not is left out."""
        mapped = {}
        for ours, theirs in self.columns.items():
            wanted = (theirs,) if isinstance(theirs, str) else theirs
            found = next((hit for name in wanted if (hit := self._find(name, sample.header))), None)
            if found is not None:
                mapped[ours] = found
        return mapped

    def settings_of(self, sample: Sample) -> dict[str, Any]:
        """Return the settings, with column names as the file has them; a rule on a column it has not is left out."""
        settings = dict(self.settings)
        for option in ("only", "exclude", "refund_rows"):
            if option in settings:
                named = ((self._find(name, sample.header), values) for name, values in settings[option].items())
                settings[option] = {name: values for name, values in named if name is not None}
        return settings

    def _find(self, documented: str, header: tuple[str, ...]) -> str | None:
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


def find_preset(sample: Sample, wanted: str | None) -> tuple[str, Preset] | None:
    """Return the preset that is wanted, or the one whose signature the file has; the longest signature wins.

    Raises
    ------
    ConfigError
        If there is no preset of that name.
    """
    known = presets()
    _refuse_unknown(wanted, known)
    if wanted is not None and known[wanted].fits(sample):
        return wanted, known[wanted]
    fitting = [(name, preset) for name, preset in known.items() if preset.fits(sample)]
    return max(fitting, key=lambda pair: len(pair[1].signature), default=None)


def why_not_preset(samples: Sequence[Sample], wanted: str) -> str:
    """Return which columns each file lacks when none is of the preset that is wanted; else ""."""
    known = presets()
    _refuse_unknown(wanted, known)
    lacks = [(known[wanted].missing(sample), sample) for sample in samples]
    if not all(names for names, _ in lacks):
        return ""
    names, sample = min(lacks, key=lambda pair: len(pair[0]))
    return (
        f"no file has the columns of preset {wanted} ({known[wanted].title}): {sample.label} lacks "
        f"{', '.join(map(repr, names))}. Export it with these, or leave --preset out. It is documented at "
        f"{known[wanted].source}."
    )


def _refuse_unknown(wanted: str | None, known: Mapping[str, Preset]) -> None:
    if wanted is not None and wanted not in known:
        raise ConfigError(f"preset {wanted!r} is not known.{near_miss(wanted, known)} Known: {', '.join(known)}.")
