"""The files behind a table: found, checked for what DuckDB would guess, and made readable for it."""

from __future__ import annotations

import codecs
import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from custaudience.errors import ConfigError, DataError
from custaudience.study.config import TableSection

_PARQUET = {".parquet", ".pq"}
_TEXT = {".csv", ".txt", ".tsv", ".tab"}
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Source:
    """One file or frame as DuckDB reads it: its columns with DuckDB's types, and the FROM item."""

    label: str
    columns: dict[str, str]
    sql: str
    text: bool = False


def quote(name: str) -> str:
    """Quote an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text value for SQL."""
    return "'" + text.replace("'", "''") + "'"


def files_of(folder: Path, name: str, section: TableSection) -> list[Path]:
    """Return the files of a table, sorted; a folder means its Parquet files, ``*`` is understood.

    Raises
    ------
    ConfigError
        If there is none, or its kind is not read.
    """
    path = folder / section.path
    if path.is_dir():
        files = sorted(path.glob("*.parquet"))
    elif any(sign in section.path for sign in "*?["):
        files = sorted(folder.glob(section.path))
    else:
        files = [path] if path.is_file() else []
    if not files:
        beside = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in _PARQUET | _TEXT)
        raise ConfigError(
            f"[tables.{name}] path: {section.path!r} is not there."
            + (f" The folder holds {', '.join(beside[:8])}." if beside else "")
        )
    for file in files:
        if file.suffix.lower() not in _PARQUET | _TEXT:
            raise ConfigError(
                f"[tables.{name}] {file.name}: give a CSV (.csv, .tsv, .txt) or Parquet file; "
                "save a spreadsheet as CSV first."
            )
    return files


def open_file(con: duckdb.DuckDBPyConnection, file: Path, section: TableSection, scratch: Path) -> Source:
    """Describe a file for DuckDB, nothing guessed; text that is not UTF-8 is transcoded into `scratch`."""
    if file.stat().st_size == 0:
        raise DataError(f"{file.name} is empty (0 bytes). Export it again.")
    if file.suffix.lower() in _PARQUET:
        return _open_parquet(con, file)
    return _open_text(file, section, scratch)


def _open_parquet(con: duckdb.DuckDBPyConnection, file: Path) -> Source:
    sql = f"read_parquet({literal(str(file))})"
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM {sql}").fetchall()
    except duckdb.Error as error:
        raise DataError(
            f"{file.name} cannot be read as Parquet; is the copy complete? ({_first_line(error)})"
        ) from None
    return Source(file.name, {row[0]: row[1] for row in described}, sql)


def _open_text(file: Path, section: TableSection, scratch: Path) -> Source:
    separator = section.separator or ("\t" if file.suffix.lower() in {".tsv", ".tab"} else ",")
    with file.open("rb") as stream:
        start = stream.read(4)
    if start.startswith(b"PK\x03\x04"):
        raise DataError(f"{file.name} is a spreadsheet or zip archive, not text. Save or unpack it as CSV.")
    utf8 = codecs.lookup(section.encoding).name == "utf-8"
    if utf8 and start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f'{file.name} is UTF-16: set encoding = "utf-16" for its table in study.toml.')
    readable = file if utf8 else scratch / f"{file.name}.utf8.csv"
    try:
        if not utf8:
            _transcode(file, section.encoding, readable)
        header = _header(readable, separator)
    except UnicodeDecodeError as error:
        raise DataError(wrong_encoding(file, section.encoding, error)) from None
    if not any(header):
        raise DataError(f"{file.name} has no header line. The first line must name the columns.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(
            f"{file.name}: the header names {', '.join(map(repr, twice))} more than once. "
            "Rename one in the export; which is meant cannot be guessed."
        )
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
    sql = (
        f"read_csv({literal(str(readable))}, columns = {{{columns}}}, auto_detect = false, header = true, "
        f"delim = {literal(separator)}, quote = '\"', escape = '\"', store_rejects = true, rejects_limit = 0)"
    )
    return Source(file.name, dict.fromkeys(header, "VARCHAR"), sql, text=True)


def _header(file: Path, separator: str) -> list[str]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        first = next(csv.reader(stream, delimiter=separator), [])
    return [name.strip() for name in first]


def _transcode(file: Path, encoding: str, target: Path) -> None:
    with file.open(encoding=encoding, newline="") as source, target.open("w", encoding="utf-8", newline="") as out:
        shutil.copyfileobj(source, out, _BLOCK)


def wrong_encoding(file: Path, declared: str, error: object) -> str:
    """Say that the bytes are not in the declared encoding, and which one is likely."""
    from charset_normalizer import from_bytes

    with file.open("rb") as stream:
        sample = stream.read(_BLOCK)
    best = from_bytes(sample, cp_isolation=["cp1251", "cp1252", "cp1250", "koi8_u", "utf_16"]).best()
    guess = (
        f' It looks like {best.encoding}: set encoding = "{best.encoding}" for its table in study.toml.' if best else ""
    )
    return f"{file.name} is not {declared}: {error}.{guess}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
