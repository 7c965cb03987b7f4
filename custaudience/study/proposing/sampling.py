"""What a file is: its kind, where its header stands, how it is written, and rows from all parts of it."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from custaudience.errors import DataError, near_miss
from custaudience.study import sources
from custaudience.study.proposing.styles import Facts, is_plain_value
from custaudience.study.reading import is_total

_START, _BLOCK, _BLOCKS = 1 << 20, 1 << 17, 12
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_ENCODINGS = ["cp1251", "cp1252", "cp1250", "koi8_u", "cp866", "cp1258"]
_BYTE_ORDERS = {"utf-16": "utf-16-le", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be"}
_ROWS = 20_000
_LOOKED_AT = 60  # lines at the top among which the header is looked for


@dataclass(frozen=True)
class Sample:
    """A table as a file (or a sheet of it) holds it, and how it is written.

    ``rows`` are up to 20,000 from all parts of the file, ``tail`` its last, where totals stand; as text, "" = empty.
    ``evidence`` says why encoding, separator and header row are taken so; ``types`` are DuckDB's of a Parquet file.
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
    name: str = ""  # with the folder's before it where two files have one name

    @cached_property
    def facts(self) -> dict[str, Facts]:
        """What stands in each column."""
        return {name: Facts(name, self.column(name), self.types.get(name, "VARCHAR")) for name in self.header}

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
    """Look into a file and return the tables it holds: one, or one for each sheet that is not empty."""
    _refuse_missing(file)
    try:
        sources.refuse_disguised(file)
    except OSError as error:
        raise DataError(f"{file.name} cannot be opened: {error.strerror}. Close it elsewhere, or copy it.") from None
    kind = file.suffix.lower()
    if kind in sources.PARQUET:
        return [_sample_parquet(con, file)], []
    if kind in sources.SPREADSHEETS:
        return _sample_workbook(file)
    if kind in sources.TEXTS:
        return [_sample_text(file)], []
    raise DataError(f"{file.name}: give a CSV (.csv, .tsv, .txt), an Excel workbook (.xlsx) or a Parquet file.")


def _refuse_missing(file: Path) -> None:
    if file.is_dir():
        held = sorted(p.name for p in file.iterdir() if p.suffix.lower() in sources.KINDS)
        such = f" It holds {', '.join(held[:5])}{', …' if len(held) > 5 else ''}." if held else ""
        raise DataError(f"{file.name} is a folder.{such} Give the files in it, each with --from.")
    if not file.is_file():
        beside = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        raise DataError(f"{file} is not there.{near_miss(file.name, beside)} Give the path of an export.")


def _sample_parquet(con: duckdb.DuckDBPyConnection, file: Path) -> Sample:
    source = f"read_parquet({sources.literal(str(file))})"
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
    book = sources.open_workbook(file)
    sheets = sources.sheets_with_content(book)
    if not sheets:
        raise DataError(
            f"{file.name}: every sheet ({', '.join(map(repr, book.sheet_names))}) is empty. Export it again, or name "
            "another file."
        )
    samples: list[Sample] = []
    faults: list[DataError] = []
    for name in sheets:
        rows = list(sources.text_rows(book.get_sheet_by_name(name)))
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
        evidence = {"header_row": why} if why else {}
        at: dict[str, Any] = {"sheet": name, "header_row": header_row}
        samples.append(Sample(file, header, _spread(filled), filled[-3:], evidence=evidence, **at))
    if not samples:
        raise faults[0]
    return samples, [str(fault).partition(". ")[0] + "." for fault in faults]


def _sample_text(file: Path) -> Sample:
    encoding, why_encoding = _find_encoding(file)
    pieces = _read_pieces(file, encoding)
    separator, why_separator = _find_separator(file, pieces[0])
    start = _records_of(pieces[0], separator)
    records = [record for _, record in start]
    found, why = _find_header(file.name, records[:_LOOKED_AT], _usual_width(records))
    header_row = start[found - 1][0]
    if header_row != found:  # the reader would count such a title as one line
        raise DataError(
            f"{file.name}: a cell above the header, which stands in line {header_row}, holds a line break. Take the "
            "lines above the header out."
        )
    # the first line of a later piece is cut, and cannot be told from a whole one
    later = [record for piece in pieces[1:] for _, record in _records_of(piece, separator)[1:-1]]
    header = _named(file.name, records[found - 1])
    body = [row for row in records[found:] + later if any(row)]
    if not body:
        raise DataError(f"{file.name} has a header but no rows. Export it again.")
    last = [record for _, record in _records_of(pieces[-1], separator)] if len(pieces) > 1 else body
    tail = [row for row in last if any(row)][-3:]
    found_out = {"encoding": why_encoding, "separator": why_separator, "header_row": why}
    return Sample(
        file, header, _spread(body), tail, encoding=encoding, separator=separator, header_row=header_row,
        evidence={key: text for key, text in found_out.items() if text},
    )  # fmt: skip


def _spread(rows: list[list[str]]) -> list[list[str]]:
    """Return the start whole, so that the lines of one order stand together, and of the rest every so many."""
    first = _ROWS // 4
    return rows[:first] + rows[first :: max(1, len(rows) // _ROWS)][: _ROWS - first]


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
    if all(cell.strip() for cell in cells):  # a gap speaks of two tables, which is said when all is read
        sources.refuse_twice(label, header)
    return header


def _find_encoding(file: Path) -> tuple[str, str]:
    """Return a text file's encoding and the evidence for it; the whole file is looked at."""
    with file.open("rb") as stream:
        start = stream.read(_START)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16", "it begins with the mark of UTF-16"
        if b"\0" in start:
            return _without_mark(file, start)
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        place = 0
        try:
            while block := stream.read(_START):
                decoder.decode(block)
                place += len(block)
            decoder.decode(b"", final=True)
            return "utf-8", "every byte of it is UTF-8"
        except UnicodeDecodeError:
            stream.seek(max(0, place - _START // 2))
            sample = stream.read(2 * _START) if place else start
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=_ENCODINGS).best()
    if best is None:
        raise DataError(f"{file.name} is not UTF-8, and no usual encoding reads it. Export it again as CSV in UTF-8.")
    text = sample.decode(best.encoding, errors="replace")
    seen = next((word for word in text.split() if not word.isascii() and len(word) > 3), "")
    return best.encoding, f"it is no UTF-8; as {best.encoding} it reads {seen.strip(',;')[:30]!r}"


def _without_mark(file: Path, start: bytes) -> tuple[str, str]:
    """Return which UTF-16 a file with zero bytes is: in most scripts every other byte of it is small."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > 0.2 * len(start) / 2 and min(even, odd) < 0.1 * max(even, odd):
        name = "utf-16-le" if odd > even else "utf-16-be"
        return name, "every other byte of it is zero, as in UTF-16 without its mark"
    line = start[: start.index(b"\0")].count(b"\n") + 1
    raise DataError(
        f"{file.name} holds a zero byte, which no text has (line {line:,}): the copy is damaged, or it is no text "
        "file. Export it again as CSV in UTF-8."
    )


def _read_pieces(file: Path, encoding: str) -> list[str]:
    """Return the text of the file's start, and of blocks from all over the rest when it is long."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(_START)
        places = []
        if size > _START:
            span = size - _START - _BLOCK
            places = sorted({_START + max(0, span) * k // (_BLOCKS - 1) for k in range(_BLOCKS)})
        raw = []
        for place in places:
            # UTF-16 has two bytes to a letter
            stream.seek(place - place % 2)
            raw.append(stream.read(size if place == places[-1] else _BLOCK))
    text = codecs.getincrementaldecoder(encoding)(errors="ignore").decode(start)
    name = encoding
    if encoding in _BYTE_ORDERS:
        name = "utf-16-be" if start.startswith(codecs.BOM_UTF16_BE) else _BYTE_ORDERS[encoding]
    return [text.removeprefix("\ufeff"), *(block.decode(name, errors="ignore") for block in raw)]


def _records_of(text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Return the records of a piece of text, each with the line it begins in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    records, line = [], 1
    try:
        for record in reader:
            records.append((line, record))
            line = reader.line_num + 1
    except csv.Error:  # a quote that a cut left open runs to the end of the piece
        pass
    return records


def _find_separator(file: Path, start: str) -> tuple[str, str]:
    """Return what separates the cells, and the evidence: the sign that splits most lines alike."""
    if not start.strip():
        raise DataError(f"{file.name} holds blank lines only. Export it again.")
    best: tuple[float, int, str, str] = (0.0, 0, ",", "")
    for sign, name in _SEPARATORS.items():
        records = _records_of(start, sign)
        widths = Counter(len(record) for _, record in records[:-1] or records if any(record))
        wide = {width: rows for width, rows in widths.items() if width > 1}
        if not wide:
            continue
        width, rows = max(wide.items(), key=lambda item: (item[1], item[0]))
        share = rows / sum(widths.values())
        why = f"with a {name}, {rows:,} of {sum(widths.values()):,} lines looked at have {width} fields"
        best = max(best, (round(share, 2), width, sign, why))
    if not best[1]:
        raise DataError(
            f"{file.name}: its lines are not split by a comma, semicolon, tab or bar, so it has one column. An export "
            "needs at least who bought, when, and for how much: export it again as CSV."
        )
    return best[2], best[3]
