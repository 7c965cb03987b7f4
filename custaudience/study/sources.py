"""The files behind a table: found, checked for what DuckDB would guess, and made readable for it as plain rows."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from custaudience.errors import ConfigError, DataError, near_miss
from custaudience.study.config import TableSection

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

PARQUET = {".parquet", ".pq"}
TEXTS = {".csv", ".txt", ".tsv", ".tab"}
SPREADSHEETS = {".xlsx", ".xlsm"}
KINDS = PARQUET | TEXTS | SPREADSHEETS
_OTHERS = {  # how files that are no tables begin, and what they are
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls) or locked by a password. Save it as .xlsx or CSV.",
    b"%PDF": "a PDF, which has no rows to read. Export CSV, XLSX or Parquet instead.",
}
_PACKED = (b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ")
_WORKBOOK = "[Content_Types].xml"  # stands in the archive that an .xlsx is
SCRATCH = ".utf8.csv"  # ends the names of copies in UTF-8 that are made for one reading


@dataclass(frozen=True)
class Source:
    """One file or frame as DuckDB reads it: its columns with DuckDB's types, and the FROM item."""

    label: str
    columns: dict[str, str]
    sql: str
    header_line: int = 0  # the line of a text file the names stand in; 0 where there are no lines

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
            beside = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in KINDS)
            held = f" The folder holds {', '.join(beside[:8])}." if beside else ""
            raise ConfigError(f"[tables.{name}] path: {given!r} is not there.{held}")
        twice = [file.name for file in found if file in files]
        if twice:
            raise ConfigError(f"[tables.{name}] path: {twice[0]} is named twice; its rows would count double.")
        files += found
    for file in files:
        if file.suffix.lower() not in KINDS:
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
        if pattern.is_absolute():
            return sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
        return sorted(folder.glob(given))
    return [path] if path.is_file() else []


def open_file(con: duckdb.DuckDBPyConnection, file: Path, section: TableSection, scratch: Path) -> Source:
    """Describe a file for DuckDB, nothing guessed; text that is not UTF-8 is transcoded into `scratch`."""
    refuse_disguised(file)
    if file.suffix.lower() in PARQUET:
        return _open_parquet(con, file)
    if file.suffix.lower() in SPREADSHEETS:
        sheet = choose_sheet(file, open_workbook(file), section.sheet)
        readable = scratch / f"{file.name}{SCRATCH}"
        write_rows(file, sheet, section.header_row, readable)
        return _open_text(readable, TableSection(path=readable.name, separator=","), scratch, label=file.name)
    return _open_text(file, section, scratch)


def refuse_disguised(file: Path) -> None:
    """Say what a file really is when it is not what its name says."""
    start = _start_of(file, 1024)
    kind = file.suffix.lower()
    if not start:
        raise DataError(f"{file.name} is empty (0 bytes). Export it again.")
    text = start.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<table", b"<head", b"<meta", b"<?xml")):
        raise DataError(
            f"{file.name} is really a web page (HTML or XML), whatever its name says: a login page, an error page, or "
            "an export made for the screen. Download it again, or open it in a spreadsheet and save it as CSV."
        )
    if start.startswith(b"PK\x03\x04") and kind not in SPREADSHEETS:
        raise DataError(_archive(file))
    if start.startswith(b"PAR1") and kind not in PARQUET:
        raise DataError(f"{file.name} is a Parquet file. Give it the ending .parquet.")
    if start.startswith(_PACKED):
        raise DataError(f"{file.name} is a compressed archive. Unpack it first.")
    for beginning, what in _OTHERS.items():
        if start.startswith(beginning):
            raise DataError(f"{file.name} is {what}")


def _names_in(file: Path) -> list[str] | None:
    """Return what a zip archive holds; None when it cannot be opened as one."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return None


def _archive(file: Path) -> str:
    names = _names_in(file)
    if names is None:
        return f"{file.name} begins like a zip archive and cannot be opened; is the copy complete?"
    if _WORKBOOK in names and any(name.startswith("xl/") for name in names):
        return f"{file.name} is a spreadsheet (.xlsx) under another name. Give it the ending .xlsx, or save it as CSV."
    held = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{file.name} is a zip archive, not text; it holds {held or 'nothing'}. Unpack it first."


def _open_parquet(con: duckdb.DuckDBPyConnection, file: Path) -> Source:
    sql = f"read_parquet({literal(str(file))})"
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM {sql}").fetchall()
    except duckdb.Error as error:
        line = str(error).splitlines()[0][:200]
        raise DataError(f"{file.name} cannot be read as Parquet; is the copy complete? ({line})") from None
    return Source(file.name, {row[0]: row[1] for row in described}, sql)


def _open_text(file: Path, section: TableSection, scratch: Path, *, label: str = "") -> Source:
    separator = section.separator or default_separator(file)
    utf8 = codecs.lookup(section.encoding).name == "utf-8"
    if utf8 and _start_of(file, 4).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f'{file.name} is UTF-16: set encoding = "utf-16" for its table in study.toml.')
    readable = file if utf8 else scratch / f"{file.name}{SCRATCH}"
    try:
        if not utf8:
            with file.open(encoding=section.encoding, newline="") as source:
                with readable.open("w", encoding="utf-8", newline="") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
        header = _header(readable, separator, section.header_row)
    except UnicodeDecodeError as error:
        raise DataError(wrong_encoding(file, section.encoding, error)) from None
    if not any(header):
        line = "The first line" if section.header_row == 1 else f"Line {section.header_row} (header_row)"
        raise DataError(f"{file.name} has no header line. {line} must name the columns.")
    if (unnamed := header.count("")) > len(header) / 2:
        raise DataError(
            f"{file.name}: {unnamed} of {len(header)} columns have no name in line {section.header_row}. Is it a "
            "title? Say in which line the column names stand: header_row = … under the table's section of study.toml."
        )
    # an index that somebody's script wrote along, or a separator at the end of each line
    header = [name or f"column {number}" for number, name in enumerate(header, start=1)]
    refuse_twice(file.name, header)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
    # a line break within a quoted name makes DuckDB guess the ends of lines wrongly
    windows = any("\n" in name for name in header) and b"\r\n" in _start_of(readable)
    breaks = "new_line = '\\r\\n', " if windows else ""
    sql = (
        f"read_csv({literal(str(readable))}, columns = {{{columns}}}, auto_detect = false, header = true, "
        f"delim = {literal(separator)}, quote = '\"', escape = '\"', skip = {section.header_row - 1}, {breaks}"
        "store_rejects = true, rejects_limit = 0)"
    )
    return Source(label or file.name, dict.fromkeys(header, "VARCHAR"), sql, section.header_row)


def refuse_twice(label: str, header: Sequence[str]) -> None:
    """Refuse a header that has a name more than once."""
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise DataError(
            f"{label}: the header names {', '.join(map(repr, twice))} more than once. Rename one in the export; which "
            "is meant cannot be guessed."
        )


def default_separator(file: Path) -> str:
    """Return what separates the cells of a text file when nothing is declared: a tab in .tsv and .tab, else a comma."""
    return "\t" if file.suffix.lower() in {".tsv", ".tab"} else ","


def _header(file: Path, separator: str, header_row: int) -> list[str]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        above = [stream.readline() for _ in range(header_row - 1)]
        first = next(csv.reader(stream, delimiter=separator), [])
    if any(len(cell.splitlines()) > 1 for record in csv.reader(above, delimiter=separator) for cell in record):
        # DuckDB skips records there, not lines, and would lose the first row of data
        raise DataError(
            f"{file.name.removesuffix(SCRATCH)}: a quoted title above the header spans several lines, so the lines "
            "above the header cannot be counted. Delete them."
        )
    return [name.strip() for name in first]


def _start_of(file: Path, size: int = 1 << 20) -> bytes:
    with file.open("rb") as stream:
        return stream.read(size)


def wrong_encoding(file: Path, declared: str, error: object) -> str:
    """Say that the bytes are not in the declared encoding, and which one is likely."""
    from charset_normalizer import from_bytes

    best = from_bytes(_start_of(file), cp_isolation=["cp1251", "cp1252", "cp1250", "koi8_u", "utf_16"]).best()
    said = f"{file.name} is not {declared}: {error}."
    if best is None:
        return said
    return f'{said} It looks like {best.encoding}: set encoding = "{best.encoding}" for its table in study.toml.'


def unreadable(error: duckdb.Error, files: Sequence[Path], encoding: str) -> str:
    """Say why DuckDB could not read files."""
    if "not utf-8" in str(error) or "nvalid unicode" in str(error):
        return wrong_encoding(files[0], encoding, "bytes that no UTF-8 text has")
    return f"{', '.join(file.name for file in files[:3])} cannot be read: {str(error).splitlines()[0][:300]}"


def open_workbook(file: Path) -> CalamineWorkbook:
    """Open a workbook."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        return CalamineWorkbook.from_path(str(file))
    except PasswordError:
        raise DataError(f"{file.name} is locked by a password. Save a copy without one.") from None
    except (CalamineError, OSError) as error:
        names, why = _names_in(file), f"cannot be read as a workbook; is the copy complete? ({error})"
        if names is not None and _WORKBOOK not in names:
            why = f"is a zip archive, not a workbook; it holds {', '.join(names[:5]) or 'nothing'}. Unpack it first."
        raise DataError(f"{file.name} {why}") from None


def sheets_with_content(book: CalamineWorkbook) -> list[str]:
    """Return the names of the sheets that hold anything."""
    return [name for name in book.sheet_names if book.get_sheet_by_name(name).end is not None]


def choose_sheet(file: Path, book: CalamineWorkbook, wanted: str | None) -> CalamineSheet:
    """Return the sheet that is wanted, or the only one that is not empty."""
    filled = sheets_with_content(book)
    if wanted is not None and wanted not in book.sheet_names:
        raise ConfigError(
            f"{file.name} has no sheet {wanted!r}; it has {', '.join(map(repr, book.sheet_names))}."
            f"{near_miss(wanted, book.sheet_names)}"
        )
    if not filled or (wanted is not None and wanted not in filled):
        which = f"sheet {wanted!r}" if wanted else f"every sheet ({', '.join(map(repr, book.sheet_names))})"
        raise DataError(f"{file.name}: {which} is empty. Export it again, or name another sheet.")
    if wanted is None and len(filled) > 1:
        raise ConfigError(
            f"{file.name} has {len(filled)} sheets that hold something: {', '.join(map(repr, filled))}. "
            'Say which one is meant: sheet = "…" under the table\'s section of study.toml.'
        )
    return book.get_sheet_by_name(wanted or filled[0])


def text_rows(sheet: CalamineSheet) -> Iterator[list[str]]:
    """Yield the rows of a sheet from its first row, each cell as text: dates as ISO, whole numbers without a point."""
    before = [""] * (sheet.start[1] if sheet.start else 0)
    for row in sheet.iter_rows():
        yield before + [_text(cell) for cell in row]


def write_rows(file: Path, sheet: CalamineSheet, header_row: int, target: Path) -> None:
    """Write the table below `header_row` of a sheet as UTF-8 CSV; blank rows at its end are left away."""
    where = f"{file.name}, sheet {sheet.name!r}"
    rows = text_rows(sheet)
    header = [cell.strip() for cell in next(islice(rows, header_row - 1, None), [])]
    first, last = _extent(where, sheet, header, header_row)
    with target.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, quoting=csv.QUOTE_ALL)
        out.writerow(header[first:last])
        out.writerows(_body(where, rows, (first, last), header_row))


def _body(where: str, rows: Iterator[list[str]], span: tuple[int, int], header_row: int) -> Iterator[list[str]]:
    first, last = span
    numeric: set[int] = set()
    blank = 0
    for number, row in enumerate(rows, start=header_row + 1):
        beside = [column for column, cell in enumerate(row) if cell and not first <= column < last]
        if beside:
            raise DataError(
                f"{where}: cell {_cell_name(number, beside[0])} holds {row[beside[0]][:30]!r}, outside the table whose "
                f"header stands in row {header_row}. Is there a second table, or a column without a name? "
                "Give each table a sheet of its own, and each column a name."
            )
        cells = row[first:last]
        if not any(cells):
            blank += 1
            continue
        if blank and _is_header(cells, numeric):
            raise DataError(
                f"{where} holds two tables: a second header seems to stand in row {number} "
                f"({', '.join(cell for cell in cells if cell)[:80]}). Give each table a sheet of its own."
            )
        for _ in range(blank):  # blank rows inside the table keep the row numbers true
            yield [""] * len(cells)
        blank = 0
        numeric |= {column for column, cell in enumerate(cells) if _is_value(cell)}
        yield cells


def _extent(where: str, sheet: CalamineSheet, header: list[str], header_row: int) -> tuple[int, int]:
    """Return the first column of the header and the one after its last, after checking what is merged."""
    named = [column for column, cell in enumerate(header) if cell]
    width = (sheet.end[1] + 1) if sheet.end else 0
    if len(named) < 2 and width > 2:
        raise DataError(
            f"{where}: row {header_row} holds {len(named)} of {width} columns"
            + (f" ({header[named[0]][:40]!r}: a title?)" if named else "")
            + ". Say in which row the column names stand: header_row = … under the table's section of study.toml."
        )
    first, last = named[0], named[-1] + 1
    gaps = [column for column in range(first, last) if not header[column]]
    for top, bottom in sheet.merged_cell_ranges or []:
        names = f"{_cell_name(top[0] + 1, top[1])}:{_cell_name(bottom[0] + 1, bottom[1])}"
        if top[0] + 1 <= header_row <= bottom[0] + 1 and bottom[1] > top[1]:
            raise DataError(
                f"{where}: cells {names} of the header are merged. Unmerge them, and write one name above each column."
            )
        if bottom[0] + 1 > header_row and bottom[0] > top[0]:
            raise DataError(
                f"{where}: cells {names} are merged, so only the first of those rows carries the value. "
                "Unmerge them and fill the value down."
            )
    if gaps:
        raise DataError(
            f"{where}: row {header_row} has no name in column {_cell_name(header_row, gaps[0]).rstrip('0123456789')}. "
            "Is it an empty column between two tables, or a column without a name? "
            "Give each table a sheet of its own, and each column a name."
        )
    return first, last


def _is_header(cells: list[str], numeric: set[int]) -> bool:
    """Say whether a row after a gap reads like names: words only, also where numbers or dates stood above."""
    filled = [column for column, cell in enumerate(cells) if cell]
    return len(filled) >= 2 and not any(_is_value(cells[c]) for c in filled) and any(c in numeric for c in filled)


def _is_value(cell: str) -> bool:
    return cell[:1].isdigit() or (cell[:1] in "+-" and cell[1:2].isdigit())


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        whole = cell.is_integer() and abs(cell) < 2**53
        return str(int(cell)) if whole else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ", timespec="seconds")
    return str(cell)


def _cell_name(row: int, column: int) -> str:
    """Return the name people use: row 3 (from 1), column 1 (from 0) is "B3"."""
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row}"
