"""The files behind a table: found, checked for what DuckDB would guess, and made readable for it."""

from __future__ import annotations

import codecs
import csv
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from custaudience.errors import ConfigError, DataError
from custaudience.study.config import TableSection
from custaudience.study.spreadsheets import SPREADSHEETS, choose_sheet, open_workbook, write_rows

_PARQUET = {".parquet", ".pq"}
_TEXT = {".csv", ".txt", ".tsv", ".tab"}
_READ = _PARQUET | _TEXT | SPREADSHEETS
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_BLOCK = 1 << 20
_SCRATCH = ".utf8.csv"


@dataclass(frozen=True)
class Source:
    """One file or frame as DuckDB reads it: its columns with DuckDB's types, and the FROM item.

    ``header_line`` is the line of a text file the names stand in; 0 where there are no lines.
    """

    label: str
    columns: dict[str, str]
    sql: str
    header_line: int = 0

    @property
    def text(self) -> bool:
        """Whether every value comes as text."""
        return self.header_line > 0


def quote(name: str) -> str:
    """Quote an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text value for SQL."""
    return "'" + text.replace("'", "''") + "'"


def files_of(folder: Path, name: str, section: TableSection) -> list[Path]:
    """Return the files of a table, sorted; a folder means its Parquet files, ``*`` is understood."""
    files: list[Path] = []
    for given in section.paths:
        found = _matching(folder, given)
        if not found:
            beside = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in _READ)
            raise ConfigError(
                f"[tables.{name}] path: {given!r} is not there."
                + (f" The folder holds {', '.join(beside[:8])}." if beside else "")
            )
        twice = [file.name for file in found if file in files]
        if twice:
            raise ConfigError(f"[tables.{name}] path: {twice[0]} is named twice; its rows would count double.")
        files += found
    for file in files:
        if file.suffix.lower() not in _READ:
            raise ConfigError(
                f"[tables.{name}] {file.name}: give a CSV (.csv, .tsv, .txt), an Excel workbook (.xlsx) or a Parquet "
                "file; save or unpack it as one of these first."
            )
    return files


def _matching(folder: Path, given: str) -> list[Path]:
    path = folder / given
    if path.is_dir():
        return sorted(path.glob("*.parquet"))
    if any(sign in given for sign in "*?["):
        pattern = Path(given)
        return sorted(
            Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
            if pattern.is_absolute()
            else folder.glob(given)
        )
    return [path] if path.is_file() else []


def open_file(con: duckdb.DuckDBPyConnection, file: Path, section: TableSection, scratch: Path) -> Source:
    """Describe a file for DuckDB, nothing guessed; text that is not UTF-8 is transcoded into `scratch`."""
    refuse_disguised(file)
    if file.suffix.lower() in _PARQUET:
        return _open_parquet(con, file)
    if file.suffix.lower() in SPREADSHEETS:
        sheet = choose_sheet(file, open_workbook(file), section.sheet)
        readable = scratch / f"{file.name}{_SCRATCH}"
        write_rows(file, sheet, section.header_row, readable)
        return _open_text(readable, TableSection(path=readable.name, separator=","), scratch, label=file.name)
    return _open_text(file, section, scratch)


def refuse_disguised(file: Path) -> None:
    """Say what a file really is when it is not what its name says."""
    with file.open("rb") as stream:
        start = stream.read(1024)
    kind = file.suffix.lower()
    if not start:
        raise DataError(f"{file.name} is empty (0 bytes). Export it again.")
    text = start.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<table", b"<head", b"<meta", b"<?xml")):
        raise DataError(
            f"{file.name} is really a web page (HTML or XML), whatever its name says: a login page, an error page, or "
            "an export made for the screen. Download it again, or open it in a spreadsheet and save it as CSV."
        )
    if start.startswith(_ZIP) and kind not in SPREADSHEETS:
        raise DataError(_archive(file))
    if start.startswith(_OLE):
        raise DataError(f"{file.name} is an old Excel file (.xls) or locked by a password. Save it as .xlsx or CSV.")
    if start.startswith((b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ")):
        raise DataError(f"{file.name} is a compressed archive. Unpack it first.")
    if start.startswith(b"%PDF"):
        raise DataError(f"{file.name} is a PDF, which has no rows to read. Export CSV, XLSX or Parquet instead.")
    if start.startswith(b"PAR1") and kind not in _PARQUET:
        raise DataError(f"{file.name} is a Parquet file. Give it the ending .parquet.")


def _archive(file: Path) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return f"{file.name} begins like a zip archive and cannot be opened; is the copy complete?"
    if "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names):
        return f"{file.name} is a spreadsheet (.xlsx) under another name. Give it the ending .xlsx, or save it as CSV."
    held = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{file.name} is a zip archive, not text; it holds {held or 'nothing'}. Unpack it first."


def _open_parquet(con: duckdb.DuckDBPyConnection, file: Path) -> Source:
    sql = f"read_parquet({literal(str(file))})"
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM {sql}").fetchall()
    except duckdb.Error as error:
        raise DataError(
            f"{file.name} cannot be read as Parquet; is the copy complete? ({_first_line(error)})"
        ) from None
    return Source(file.name, {row[0]: row[1] for row in described}, sql)


def _open_text(file: Path, section: TableSection, scratch: Path, *, label: str = "") -> Source:
    separator = section.separator or default_separator(file)
    with file.open("rb") as stream:
        start = stream.read(4)
    utf8 = codecs.lookup(section.encoding).name == "utf-8"
    if utf8 and start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f'{file.name} is UTF-16: set encoding = "utf-16" for its table in study.toml.')
    readable = file if utf8 else scratch / f"{file.name}{_SCRATCH}"
    try:
        if not utf8:
            _transcode(file, section.encoding, readable)
        header = _header(readable, separator, section.header_row)
    except UnicodeDecodeError as error:
        raise DataError(wrong_encoding(file, section.encoding, error)) from None
    if not any(header):
        line = "The first line" if section.header_row == 1 else f"Line {section.header_row} (header_row)"
        raise DataError(f"{file.name} has no header line. {line} must name the columns.")
    unnamed = header.count("")
    if unnamed > len(header) / 2:
        raise DataError(
            f"{file.name}: {unnamed} of {len(header)} columns have no name in line {section.header_row}. Is it a "
            "title? Say in which line the column names stand: header_row = … under the table's section of study.toml."
        )
    # an index that somebody's script wrote along, or a separator at the end of each line
    header = [name or f"column {number}" for number, name in enumerate(header, start=1)]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(
            f"{file.name}: the header names {', '.join(map(repr, twice))} more than once. "
            "Rename one in the export; which is meant cannot be guessed."
        )
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
    # a line break within a quoted name makes DuckDB guess the ends of lines wrongly
    breaks = "new_line = '\\r\\n', " if any("\n" in name for name in header) and _windows_lines(readable) else ""
    sql = (
        f"read_csv({literal(str(readable))}, columns = {{{columns}}}, auto_detect = false, header = true, "
        f"delim = {literal(separator)}, quote = '\"', escape = '\"', skip = {section.header_row - 1}, {breaks}"
        "store_rejects = true, rejects_limit = 0)"
    )
    return Source(label or file.name, dict.fromkeys(header, "VARCHAR"), sql, section.header_row)


def default_separator(file: Path) -> str:
    """Return what separates the cells of a text file when nothing is declared: a tab in .tsv and .tab, else a comma."""
    return "\t" if file.suffix.lower() in {".tsv", ".tab"} else ","


def remove_scratch(scratch: Path) -> None:
    """Remove the copies in UTF-8 that were made for one reading."""
    for copy in scratch.glob(f"*{_SCRATCH}"):
        copy.unlink()


def _header(file: Path, separator: str, header_row: int) -> list[str]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        above = [stream.readline() for _ in range(header_row - 1)]
        first = next(csv.reader(stream, delimiter=separator), [])
    if any(len(cell.splitlines()) > 1 for record in csv.reader(above, delimiter=separator) for cell in record):
        # DuckDB skips records there, not lines, and would lose the first row of data
        raise DataError(
            f"{file.name.removesuffix(_SCRATCH)}: a quoted title above the header spans several lines, so the lines "
            "above the header cannot be counted. Delete them."
        )
    return [name.strip() for name in first]


def _windows_lines(file: Path) -> bool:
    with file.open("rb") as stream:
        return b"\r\n" in stream.read(_BLOCK)


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
