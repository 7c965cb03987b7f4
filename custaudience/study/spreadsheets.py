"""A sheet of a workbook, written out as plain text rows for the strict pass; what has no rows is refused."""

from __future__ import annotations

import csv
import datetime as dt
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custaudience.errors import ConfigError, DataError, near_miss

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

SPREADSHEETS = {".xlsx", ".xlsm"}


def open_workbook(file: Path) -> CalamineWorkbook:
    """Open a workbook."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        return CalamineWorkbook.from_path(str(file))
    except PasswordError:
        raise DataError(f"{file.name} is locked by a password. Save a copy without one.") from None
    except (CalamineError, OSError) as error:
        if held := _other_archive(file):
            raise DataError(
                f"{file.name} is a zip archive, not a workbook; it holds {held}. Unpack it first."
            ) from None
        raise DataError(f"{file.name} cannot be read as a workbook; is the copy complete? ({error})") from None


def _other_archive(file: Path) -> str:
    """Return what a zip archive holds that is no workbook; "" when it is one, or no archive."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return ""
    return "" if "[Content_Types].xml" in names else ", ".join(names[:5]) or "nothing"


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
    header = _header(where, rows, header_row)
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
                f"{where}: cell {cell_name(number, beside[0])} holds {row[beside[0]][:30]!r}, outside the table whose "
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


def _header(where: str, rows: Iterator[list[str]], header_row: int) -> list[str]:
    header: list[str] = []
    for _ in range(header_row):
        header = next(rows, [])
    return [cell.strip() for cell in header]


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
        names = f"{cell_name(top[0] + 1, top[1])}:{cell_name(bottom[0] + 1, bottom[1])}"
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
            f"{where}: row {header_row} has no name in column {cell_name(header_row, gaps[0]).rstrip('0123456789')}. "
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


def cell_name(row: int, column: int) -> str:
    """Return the name people use: row 3 (from 1), column 1 (from 0) is "B3".

    Examples
    --------
    >>> cell_name(1, 27)
    'AB1'
    """
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row}"
