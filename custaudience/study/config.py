"""study.toml: what a study is called, where its tables lie, how their columns and values are written."""

from __future__ import annotations

import re
import tomllib
import zoneinfo
from pathlib import Path
from typing import Any, Literal

from babel.numbers import get_currency_precision, list_currencies
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from custaudience.errors import ConfigError, near_miss
from custaudience.study.contracts import TABLES

_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
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


class TableSection(_Strict):
    """``[tables.NAME]``: one file, or a folder or pattern of files with the same columns.

    ``columns`` maps our names to the file's; ``date_format`` is written as for `datetime.strptime`.
    ``timezone`` is the zone the file's clock shows; without it, the study's.
    """

    path: str
    columns: dict[str, str] = Field(default_factory=dict)
    timezone: str | None = None
    date_format: str | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal["", " ", ",", ".", "'"] = ""
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str = "utf-8"

    _zone = field_validator("timezone")(_known_zone)

    @field_validator("path")
    @classmethod
    def _local(cls, value: str) -> str:
        if _ADDRESS.match(value):
            raise ValueError(f"{value!r} is an address. Download the file and give its path: nothing is fetched here")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"encoding {value!r} is not known; common ones are utf-8, cp1251, cp1252") from None
        return value


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
            for column in section.columns:
                if column not in known:
                    raise ValueError(
                        f"[tables.{name}] columns: {column!r} is none of our names.{near_miss(column, known)} "
                        f"Known: {', '.join(known)}. The file's own name stands on the right"
                    )
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
    """Read ``study.toml`` of a study's folder.

    Raises
    ------
    ConfigError
        If the file is missing, is no TOML, or says something unknown; the near miss is named.
    """
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
            "study": StudySection,
            "tables": TableSection,
            "privacy": PrivacySection,
        }
        fields = (
            sections.get(str(fault["loc"][0]), StudyConfig).model_fields
            if len(fault["loc"]) > 1
            else (StudyConfig.model_fields)
        )
        return f"{place} is not known.{near_miss(str(fault['loc'][-1]), fields)} Known: {', '.join(fields)}"
    return f"{place}: {str(fault['msg']).removeprefix('Value error, ')}"
