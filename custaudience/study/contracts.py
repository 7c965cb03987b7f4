"""What each table must hold, as contracts.toml declares it, and why a row can be set aside."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from custaudience.evidence import template

ColumnType = Literal["id", "text", "datetime", "money", "number"]


@dataclass(frozen=True)
class Column:
    """A column a table has or may have, as contracts.toml says."""

    name: str
    type: ColumnType
    required: bool = False
    meaning: str = ""

    @property
    def normalised(self) -> str:
        """Name in the normalised file."""
        return f"{self.name}_minor" if self.type == "money" else self.name


@dataclass(frozen=True)
class Table:
    """A table of a study and its columns; no two rows may have the same value of ``key``."""

    name: str
    one_row_is: str
    columns: tuple[Column, ...]
    key: str | None = None

    @property
    def required(self) -> list[str]:
        """Names of the columns that each row needs."""
        return [column.name for column in self.columns if column.required]

    def dated(self, mapped: Collection[str]) -> str | None:
        """Return the first of its columns of dates that is mapped."""
        return next(
            (column.name for column in self.columns if column.type == "datetime" and column.name in mapped), None
        )


TABLES: dict[str, Table] = {
    name: Table(name, held["one_row_is"], tuple(Column(**column) for column in held["columns"]), held.get("key"))
    for name, held in tomllib.loads(files(__package__).joinpath("contracts.toml").read_text(encoding="utf-8")).items()
}

REASONS: dict[str, str] = {
    "missing": template("no value"),
    "not_a_date": template("a date that cannot be read"),
    "offset": template("a time-zone offset that the other rows do not have"),
    "not_a_number": template("not a number"),
    "not_an_id": template("an id that was stored as a decimal number and lost digits"),
    "too_few_fields": template("fewer fields than the header"),
    "too_many_fields": template("more fields than the header"),
    "broken_line": template("a line that breaks the rules of CSV"),
    "lone": template("a date far from all others"),
    "repeated": template("a key that an earlier row has"),
    "two_totals": template("a total that differs from the one its order has in an earlier row"),
    "overlap": template("a line that stands in another file too"),
    "excluded": template("left out as study.toml says"),
    "guest": template("bought as a guest"),
}
"""Why a row can be set aside; the sentence completes "…: n rows"."""

LONE = "lone"
"""Reason of the few rows dated far from all others: said aloud, it stops nothing."""

DECLARED = ("excluded", "guest", "overlap")
"""Reasons that study.toml asks for: they are no faults, and do not count against ``max_quarantined``."""
