"""What a text file is: its encoding, its separator, and records from all parts of it."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from pathlib import Path

from custaudience.errors import DataError

_START, _BLOCK, _BLOCKS = 1 << 20, 1 << 17, 12
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_ENCODINGS = ["cp1251", "cp1252", "cp1250", "koi8_u", "cp866", "cp1258"]
_BYTE_ORDERS = {"utf-16": "utf-16-le", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be"}


def find_encoding(file: Path) -> tuple[str, str]:
    """Return a text file's encoding and the evidence for it; the whole file is looked at.

    Raises
    ------
    DataError
        If no usual encoding reads it, or it holds bytes that no text has.
    """
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


def read_pieces(file: Path, encoding: str) -> list[str]:
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


def records_of(text: str, separator: str) -> list[tuple[int, list[str]]]:
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


def find_separator(file: Path, start: str) -> tuple[str, str]:
    """Return what separates the cells, and the evidence: the sign that splits most lines alike.

    Raises
    ------
    DataError
        If no sign splits its lines.
    """
    if not start.strip():
        raise DataError(f"{file.name} holds blank lines only. Export it again.")
    best: tuple[float, int, str, str] = (0.0, 0, ",", "")
    for sign, name in _SEPARATORS.items():
        records = records_of(start, sign)
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
