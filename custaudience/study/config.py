"""study.toml: what a study is called, where its tables lie, how their columns and values are written."""

from __future__ import annotations

import re
import tomllib
import zoneinfo
from pathlib import Path
from typing import Any, Literal

from babel.numbers import get_currency_precision, list_currencies
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from custaudience.errors import ConfigError, near_miss
from custaudience.study.contracts import TABLES

_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile(r"(revenue|orders|customers)\.\d{4}-(0[1-9]|1[0-2])|rows\.[a-z_]+")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_zone(value: str | None) -> str | None:
    if value is not None and value not in zoneinfo.available_timezones():
        raise ValueError(f"time zone {value!r} does not exist.{near_miss(value, zoneinfo.available_timezones())}")
    return value


class StudySection(_Strict):
    """``[study]``: what holds for all tables.

    ``first_orders`` says whether each customer's first ever order is in the data: "observed", "cut off"
    (the history starts in the middle of their lives) or "unknown". ``caveats`` are printed wherever the
    study is named; each is a sentence, or a sentence per language code.
    ``complete_until`` is the last day the export covers, when no row says so.
    """

    name: str
    currency: str
    timezone: str
    language: str = "en"
    unit: Literal["person", "organisation"] = "person"
    max_quarantined: float = Field(default=0.01, ge=0, le=1)
    max_money_set_aside: float = Field(default=0.01, ge=0, le=1)
    first_orders: Literal["observed", "cut off", "unknown"] = "unknown"
    complete_until: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    caveats: tuple[str | dict[str, str], ...] = ()

    _zone = field_validator("timezone")(_known_zone)

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if value not in list_currencies():
            raise ValueError(f"currency {value!r} is no ISO 4217 code, such as USD, EUR or UAH")
        return value

    @property
    def minor_digits(self) -> int:
        """Digits after the decimal sign in this currency: 2 for USD, 0 for JPY."""
        return get_currency_precision(self.currency)


IdRule = Literal["drop .0", "drop spaces", "drop leading zeros", "lower case"]


class TableSection(_Strict):
    """``[tables.NAME]``: files with the same columns, or a database and its query, and how values are written.

    ``path`` is a file, a folder of Parquet files, a pattern, or a list of files. ``database`` names the
    environment variable that holds the address, as "env:SHOP_DSN". ``columns`` maps our names to the
    file's; ``constants`` gives a text column one value for all rows. ``header_row`` is the line the
    column names stand in; lines above are skipped. ``date_format`` is written as for `datetime.strptime` (one, or a
    list that is tried in turn), or is "excel" (days since 1899-12-30), "unix", "unix_ms" or "unix_us" (since 1970 in
    UTC).
    ``timezone`` is the zone the file's clock shows; without it, the study's. ``currency_sign`` is taken
    off amounts. ``only`` and ``exclude`` keep or leave out rows by the values of the file's columns: trimmed
    text, upper and lower case alike, "" for an empty cell, ``*`` for any text. The amounts of ``refund_rows`` are
    money paid back, though written without a minus.
    ``guests`` says what becomes of rows without a customer id (or with one of ``guest_ids``): "set aside", or
    "by order", where each order is a customer of its own. ``revenue_per`` = "order": the amount is the order's,
    however many lines carry it. ``overlap`` says of lines that stand in two files whether they count "once"
    or all of them ("keep"). ``lone_dates`` = "keep" uses also the few rows dated far from all others, which are
    set aside as mistyped. ``case_insensitive_ids`` makes customer ids lower case, as e-mail addresses need;
    ``id_rules`` write an id column in one way, where two tables have two: "drop .0", "drop spaces", "drop leading
    zeros", "lower case".
    ``consent_yes`` are the words in the column ``consent`` of customers that mean yes, written as for ``only``; with
    it every other word means no. Without it common words are known in several languages, see `values.read_consent`.
    """

    path: str | tuple[str, ...] | None = None
    database: str | None = None
    query: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    constants: dict[str, str] = Field(default_factory=dict)
    sheet: str | None = None
    header_row: int = Field(default=1, ge=1)
    timezone: str | None = None
    date_format: str | tuple[str, ...] | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal["", " ", ",", ".", "'"] = ""
    currency_sign: str = ""
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str = "utf-8"
    only: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    exclude: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    refund_rows: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    guests: Literal["set aside", "by order"] | None = None
    guest_ids: tuple[str, ...] = ()
    revenue_per: Literal["line", "order"] = "line"
    overlap: Literal["once", "keep"] | None = None
    lone_dates: Literal["set aside", "keep"] = "set aside"
    case_insensitive_ids: bool = False
    id_rules: dict[str, tuple[IdRule, ...]] = Field(default_factory=dict)
    consent_yes: tuple[str, ...] = ()

    _zone = field_validator("timezone")(_known_zone)

    @property
    def paths(self) -> tuple[str, ...]:
        """The files, folders or patterns named by ``path``."""
        return (self.path,) if isinstance(self.path, str) else self.path or ()

    @field_validator("path")
    @classmethod
    def _local(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for path in (value,) if isinstance(value, str) else value or ():
            if _ADDRESS.match(path):
                raise ValueError(
                    f"{path!r} is an address. Download the file and give its path: nothing is fetched here"
                )
        return value

    @field_validator("database")
    @classmethod
    def _no_address(cls, value: str | None) -> str | None:
        if value is not None and not _VARIABLE.fullmatch(value):
            raise ValueError(
                'write "env:SHOP_DSN" and put the address of the database into that environment variable: '
                "an address, which may hold a password, has no place in study.toml"
            )
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"encoding {value!r} is not known; common ones are utf-8, cp1251, cp1252") from None
        return value

    @model_validator(mode="after")
    def _one_source(self) -> TableSection:
        if (self.path is None) == (self.database is None):
            raise ValueError('give either path = "FILE", or database = "env:VARIABLE" with a query')
        if (self.database is None) != (self.query is None):
            raise ValueError('database = "env:VARIABLE" and query = "SELECT …" go together')
        written = {"sheet", "header_row", "decimal", "thousands", "separator", "encoding"} & self.model_fields_set
        if self.database and written:
            raise ValueError(f"{sorted(written)[0]} has no meaning for a database: its values come typed")
        if self.guest_ids and self.guests is None:
            raise ValueError('guest_ids need guests: "set aside", or "by order"')
        if self.thousands and self.thousands == self.decimal:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}; they must differ")
        return self


class PrivacySection(_Strict):
    """``[privacy]``: groups under ``min_group_size`` people are never published."""

    min_group_size: int = Field(default=10, ge=2)


class StudyConfig(_Strict):
    """The whole of study.toml."""

    study: StudySection
    tables: dict[str, TableSection]
    control: dict[str, float | int] = Field(default_factory=dict)
    privacy: PrivacySection = PrivacySection()

    @field_validator("tables")
    @classmethod
    def _known_tables(cls, tables: dict[str, TableSection]) -> dict[str, TableSection]:
        for name, section in tables.items():
            if name not in TABLES:
                raise ValueError(f"table {name!r} is not known.{near_miss(name, TABLES)} Known: {', '.join(TABLES)}")
            known = [column.name for column in TABLES[name].columns]
            for column in (*section.columns, *section.constants):
                if column not in known:
                    raise ValueError(
                        f"[tables.{name}] columns: {column!r} is none of our names.{near_miss(column, known)} "
                        f"Known: {', '.join(known)}. The file's own name stands on the right"
                    )
            texts = [column.name for column in TABLES[name].columns if column.type == "text"]
            for column in section.constants:
                if column not in texts:
                    raise ValueError(f"[tables.{name}] constants: only text columns take one: {', '.join(texts)}")
            if name != "customers" and section.consent_yes:
                raise ValueError(f"[tables.{name}] consent_yes: only customers have it")
            if name != "transactions":
                for option in ("guests", "revenue_per", "refund_rows", "lone_dates"):
                    if option in section.model_fields_set:
                        raise ValueError(f"[tables.{name}] {option}: only transactions have it")
        return tables

    @field_validator("control")
    @classmethod
    def _known_controls(cls, control: dict[str, float | int]) -> dict[str, float | int]:
        for key in control:
            if not _CONTROL.fullmatch(key):
                raise ValueError(
                    f'[control] {key!r}: write "revenue.2025-01", "orders.2025-01", '
                    f'"customers.2025-01" or "rows.transactions"'
                )
        return control


def load_config(folder: Path) -> StudyConfig:
    """Read ``study.toml`` of a study's folder."""
    path = folder / "study.toml"
    if not path.is_file():
        raise ConfigError(f"{folder} holds no study.toml. A study is a folder with study.toml and its tables.")
    try:
        return StudyConfig.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} of {folder.name}: not valid TOML in UTF-8: {error}") from None
    except ValidationError as error:
        raise ConfigError(f"study.toml of {folder.name}: " + "; ".join(map(_say, error.errors()))) from None


def _say(fault: Any) -> str:
    """Turn one pydantic fault into a sentence that names the place."""
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        sections: dict[str, type[BaseModel]] = {
            "study": StudySection, "tables": TableSection, "privacy": PrivacySection,
        }  # fmt: skip
        inside = len(fault["loc"]) > 1
        section = sections.get(str(fault["loc"][0]), StudyConfig) if inside else StudyConfig
        fields = section.model_fields
        return f"{place} is not known.{near_miss(str(fault['loc'][-1]), fields)} Known: {', '.join(fields)}"
    return f"{place}: {str(fault['msg']).removeprefix('Value error, ')}"
