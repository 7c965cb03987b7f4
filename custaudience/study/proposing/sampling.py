"""What a file is: its kind, where its header stands, how it is written, and rows from all parts of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from custaudience.errors import DataError, near_miss
from custaudience.study.proposing.styles import is_plain_value
from custaudience.study.proposing.texts import find_encoding, find_separator, read_pieces, records_of
from custaudience.study.reading import is_total
from custaudience.study.sources import literal, refuse_disguised
from custaudience.study.spreadsheets import SPREADSHEETS, open_workbook, sheets_with_content, text_rows

_ROWS = 20_000
_TEXTS, _PARQUET = {".csv", ".tsv", ".tab", ".txt"}, {".parquet", ".pq"}
_KINDS = _TEXTS | _PARQUET | SPREADSHEETS
_LOOKED_AT = 60  # lines at the top among which the header is looked for


@dataclass(frozen=True)
class Sample:
    """A table as a file (or a sheet of it) holds it, and how it is written.

    Attributes
    ----------
    header : tuple of str
        Column names as they stand there.
    rows : list of list of str
        Up to 20,000 rows from all parts of the file, in its order, as text; "" = empty.
    tail : list of list of str
        Its last rows, where totals stand.
    evidence : dict
        Why the encoding, separator and header row are taken as they are, one sentence each.
    types : dict
        DuckDB types of a Parquet file's columns; empty for text.
    name : str
        What the file is called: its name, with the folder's before it where two files have one name.
    """

    file: Path
    header: tuple[str, ...]
    rows: list[list[str]] = field(repr=False)
    tail: list[list[str]] = field(repr=False)
    sheet: str | None = None
    encoding: str = "utf-8"
    separator: str | None = None
    header_row: int = 1
    evidence: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    name: str = ""
    known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)  # worked out once, by column

    @property
    def label(self) -> str:
        """The file's name, and the sheet's."""
        name = self.name or self.file.name
        return f"{name}, sheet {self.sheet!r}" if self.sheet else name

    def column(self, name: str) -> list[str]:
        """Return the values of a column in the sample that are not empty, trimmed."""
        place = self.header.index(name)
        return [row[place].strip() for row in self.rows if len(row) > place and row[place].strip()]


def take_samples(con: duckdb.DuckDBPyConnection, file: Path) -> tuple[list[Sample], list[str]]:
    """Look into a file and return the tables it holds: one, or one for each sheet that is not empty.

    Returns
    -------
    samples : list of Sample
    unused : list of str
        Why a sheet of the workbook holds no table; empty unless another sheet holds one.

    Raises
    ------
    DataError
        If it is not there, not what its name says, empty, or has no line of column names.
    """
    _refuse_missing(file)
    try:
        refuse_disguised(file)
    except OSError as error:
        raise DataError(f"{file.name} cannot be opened: {error.strerror}. Close it elsewhere, or copy it.") from None
    kind = file.suffix.lower()
    if kind in _PARQUET:
        return [_sample_parquet(con, file)], []
    if kind in SPREADSHEETS:
        return _sample_workbook(file)
    if kind in _TEXTS:
        return [_sample_text(file)], []
    raise DataError(f"{file.name}: give a CSV (.csv, .tsv, .txt), an Excel workbook (.xlsx) or a Parquet file.")


def _refuse_missing(file: Path) -> None:
    if file.is_dir():
        held = sorted(p.name for p in file.iterdir() if p.suffix.lower() in _KINDS)
        such = f" It holds {', '.join(held[:5])}{', …' if len(held) > 5 else ''}." if held else ""
        raise DataError(f"{file.name} is a folder.{such} Give the files in it, each with --from.")
    if not file.is_file():
        beside = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        raise DataError(f"{file} is not there.{near_miss(file.name, beside)} Give the path of an export.")


def _sample_parquet(con: duckdb.DuckDBPyConnection, file: Path) -> Sample:
    source = f"read_parquet({literal(str(file))})"
    try:
        types = {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        picked = f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {source}"
        rows = con.execute(f"{picked} LIMIT {_ROWS}").fetchall()
        if len(rows) == _ROWS:  # the start whole, so that the lines of one order stand together
            rest = con.execute(f"{picked} USING SAMPLE reservoir({_ROWS} ROWS) REPEATABLE (1)").fetchall()
            rows = rows[: _ROWS // 4] + rest[: _ROWS - _ROWS // 4]
    except duckdb.Error as error:
        raise DataError(f"{file.name} cannot be read as Parquet; is the copy complete? ({error})") from None
    if not rows:
        raise DataError(f"{file.name} has columns but no rows. Export it again.")
    return Sample(file, tuple(types), [["" if cell is None else cell for cell in row] for row in rows], [], types=types)


def _sample_workbook(file: Path) -> tuple[list[Sample], list[str]]:
    book = open_workbook(file)
    sheets = sheets_with_content(book)
    if not sheets:
        raise DataError(
            f"{file.name}: every sheet ({', '.join(map(repr, book.sheet_names))}) is empty. Export it again, or name "
            "another file."
        )
    samples: list[Sample] = []
    faults: list[DataError] = []
    for name in sheets:
        rows = list(text_rows(book.get_sheet_by_name(name)))
        try:
            header_row, why = _find_header(f"{file.name}, sheet {name!r}", rows[:_LOOKED_AT], _usual_width(rows))
        except DataError as error:  # a cover sheet beside the table
            faults.append(error)
            continue
        top = rows[header_row - 1]
        named = [column for column, cell in enumerate(top) if cell.strip()]
        header = _named(f"{file.name}, sheet {name!r}", top[named[0] : named[-1] + 1])
        filled = [row[named[0] : named[-1] + 1] for row in rows[header_row:] if any(row)]
        if not filled:
            faults.append(DataError(f"{file.name}, sheet {name!r} has a header but no rows. Export it again."))
            continue
        step = max(1, len(filled) // _ROWS)
        samples.append(
            Sample(
                file,
                header,
                filled[: _ROWS // 4] + filled[_ROWS // 4 :: step][: _ROWS - _ROWS // 4],
                filled[-3:],
                sheet=name,
                header_row=header_row,
                evidence={"header_row": why} if why else {},
            )
        )
    if not samples:
        raise faults[0]
    return samples, [str(fault).partition(". ")[0] + "." for fault in faults]


def _sample_text(file: Path) -> Sample:
    encoding, why_encoding = find_encoding(file)
    pieces = read_pieces(file, encoding)
    separator, why_separator = find_separator(file, pieces[0])
    start = records_of(pieces[0], separator)
    records = [record for _, record in start]
    found, why = _find_header(file.name, records[:_LOOKED_AT], _usual_width(records))
    header_row = start[found - 1][0]
    if header_row != found:  # the reader would count such a title as one line
        raise DataError(
            f"{file.name}: a cell above the header, which stands in line {header_row}, holds a line break. Take the "
            "lines above the header out."
        )
    # the first line of a later piece is cut, and cannot be told from a whole one
    later = [record for piece in pieces[1:] for _, record in records_of(piece, separator)[1:-1]]
    header = _named(file.name, records[found - 1])
    body = [row for row in records[found:] + later if any(row)]
    if not body:
        raise DataError(f"{file.name} has a header but no rows. Export it again.")
    last = [record for _, record in records_of(pieces[-1], separator)] if len(pieces) > 1 else body
    step = max(1, len(body) // _ROWS)
    evidence = {"encoding": why_encoding, "separator": why_separator, "header_row": why}
    return Sample(
        file,
        header,
        # the start whole, so that the lines of one order stand together; of the rest every so many
        body[: _ROWS // 4] + body[_ROWS // 4 :: step][: _ROWS - _ROWS // 4],
        [row for row in last if any(row)][-3:],
        encoding=encoding,
        separator=separator,
        header_row=header_row,
        evidence={key: text for key, text in evidence.items() if text},
    )


def _usual_width(rows: Iterable[list[str]]) -> int:
    """Return how many cells most rows fill."""
    widths = Counter(sum(1 for cell in row if cell.strip()) for row in rows if any(cell.strip() for cell in row))
    return max(widths.items(), key=lambda item: (item[1], item[0]))[0] if widths else 0


def _find_header(label: str, rows: list[list[str]], usual: int) -> tuple[int, str]:
    """Return the row of the column names (from 1), and a sentence when it is not the first."""
    for number, row in enumerate(rows, start=1):
        filled = [cell.strip() for cell in row if cell.strip()]
        if len(filled) < max(2, usual * 0.6):
            continue
        if any(is_plain_value(cell) for cell in filled):
            raise DataError(
                f"{label}: row {number} ({'; '.join(filled)[:80]}) looks like data, and no row above it names the "
                "columns. Export it with a header, or write one line of names above."
            )
        if number == 1:
            return 1, ""
        above = next((cell.strip() for cells in rows[: number - 1] for cell in cells if cell.strip()), "")
        title = f", below a title ({above[:40]!r})" if above and not is_total(above) else ""
        return number, f"row {number} is the first with a name in each column{title}"
    raise DataError(
        f"{label}: no row within the first {_LOOKED_AT} names the columns. Export it with a header line, one name "
        "above each column."
    )


def _named(label: str, cells: list[str]) -> tuple[str, ...]:
    header = tuple(cell.strip() or f"column {number}" for number, cell in enumerate(cells, start=1))
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice and all(cell.strip() for cell in cells):  # a gap speaks of two tables, which is said when all is read
        raise DataError(
            f"{label}: the header names {', '.join(map(repr, twice))} more than once. Rename one in the export; which "
            "is meant cannot be guessed."
        )
    return header
