"""One look at every row: how many agree with what was proposed, and what the sample could not tell."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from custaudience.errors import ColumnError, DataError
from custaudience.study.compiling import listed
from custaudience.study.config import TableSection
from custaudience.study.proposing.sampling import Sample
from custaudience.study.reading import rejected_lines
from custaudience.study.sources import Source, literal, open_file, quote, unreadable
from custaudience.study.values import Declared, trimmed, typed_value

LARGEST = 2_000_000_000  # bytes of text; above, every row is left to `check`, which reads them once anyway
_KEPT = '"row: kept"'
_NUMBERS, _TEXTS = ("rows", "kept", "day_first", "month_first"), ("day_example", "month_example", "first", "last")
_TOP = 12  # commonest ids that are looked at


@dataclass(frozen=True)
class Counted:
    """What one column holds: cells that are not empty, how many can be read as proposed, and one that cannot."""

    filled: int
    read: int
    unreadable: str = ""


@dataclass(frozen=True)
class Scan:
    """What every row of a table says."""

    rows: int = 0  # of all its files that a parser takes
    kept: int = 0  # those that no rule leaves out; the other figures, but `statuses`, are theirs
    columns: dict[str, Counted] = field(default_factory=dict)
    day_first: int = 0  # dates that can only be read with the day in front
    month_first: int = 0
    day_example: str = ""
    month_example: str = ""
    first: str = ""  # the earliest date
    last: str = ""
    ids: list[str] = field(default_factory=list)  # the commonest of customers, about in their order
    statuses: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)  # rows, and those above zero
    currencies: dict[str, int] = field(default_factory=dict)  # in capitals, and their rows
    broken: int = 0  # lines with more or fewer fields than the header
    broken_line: str = ""  # the first


def scan(declared: Declared, mapped: Mapping[str, str], files: list[Path], statuses: list[str], scratch: Path) -> Scan:
    """Look once at every row of a table's files; of `statuses`, the file's columns, the values are counted."""
    found = []
    for file in files:
        source = open_file(declared.con, file, declared.section, scratch)
        found.append(_scan_file(_Look(declared, mapped, source, statuses), file))
    return found[0] if len(found) == 1 else _add(found)


@dataclass(frozen=True)
class _Look:
    """One file to be scanned: how it is read, our columns by its own, and its columns of statuses."""

    declared: Declared
    mapped: Mapping[str, str]
    source: Source
    statuses: list[str]


def write_sample(sample: Sample, section: TableSection, folder: Path) -> tuple[Path, TableSection]:
    """Write a sample's rows as a file that can be scanned in place of the whole one; return it and its section."""
    file, width = folder / sample.file.name, len(sample.header)
    with file.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, quoting=csv.QUOTE_ALL)
        out.writerow(sample.header)
        out.writerows([*row[:width], *[""] * (width - len(row))] for row in sample.rows)
    return file, section.model_copy(update={"separator": ",", "encoding": "utf-8", "header_row": 1})


def _scan_file(look: _Look, file: Path) -> Scan:
    con, section, source = look.declared.con, look.declared.section, look.source
    ruled = (*section.only, *section.exclude)
    missing = [theirs for theirs in (*look.mapped.values(), *look.statuses, *ruled) if theirs not in source.columns]
    if missing:
        has = ", ".join(map(repr, list(source.columns)[:8]))
        raise ColumnError(
            f"{file.name} has no column {missing[0]!r}; it has {has}. Files of one table need the same columns."
        )
    con.execute("DROP TABLE IF EXISTS reject_scans; DROP TABLE IF EXISTS reject_errors")
    try:
        figures = dict(_figures(look))
        named = ", ".join(f"{sql} AS {quote(name)}" for name, sql in figures.items())
        sql = f"SELECT {named} FROM (SELECT {', '.join(_cells(look))} FROM {source.sql})"
        got: dict[str, Any] = dict(zip(figures, con.execute(sql).fetchall()[0], strict=True))
    except duckdb.Error as error:
        mixed = "state machine" in str(error)
        raise DataError(_mixed_lines(file) if mixed else unreadable(error, [file], section.encoding)) from None
    broken, broken_line = _broken_lines(con, source) if source.text else (0, "")
    if source.text and not got["rows"] and not broken:
        raise DataError(_mixed_lines(file))
    counted = {
        name: Counted(got[f"filled {name}"], got[f"read {name}"], (got[f"unread {name}"] or "").strip())
        for name in _ours(look)
    }
    said: dict[str, Any] = {name: str(got.get(name) or "") for name in _TEXTS}
    numbers: dict[str, Any] = {name: int(got.get(name) or 0) for name in _NUMBERS}
    statuses = {name: _folded(got[f"values {k}"], got[f"above {k}"]) for k, name in enumerate(look.statuses)}
    return Scan(
        columns=counted, ids=list(got.get("ids") or []), statuses=statuses,
        currencies=dict(got.get("currencies") or {}), broken=broken, broken_line=broken_line, **numbers, **said,
    )  # fmt: skip


def _mixed_lines(file: Path) -> str:
    return (
        f"{file.name}: its lines do not all end alike: some in CR LF as on Windows, some in LF, perhaps within a "
        "quoted header. Was it put together from several files? Export it again, or save it with one kind of line "
        "end."
    )


def _kept(section: TableSection) -> str:
    """Return the SQL that is true for the rows that no rule so far leaves out, as the reader takes the rules."""
    only = (f"({listed(theirs, values)})" for theirs, values in section.only.items())
    exclude = (f"NOT ({listed(theirs, values)})" for theirs, values in section.exclude.items())
    return " AND ".join(["true", *only, *exclude])


def _ours(look: _Look) -> list[str]:
    """Return our columns that the file has, in the order of the table's declaration."""
    return [column.name for column in look.declared.table.columns if column.name in look.mapped]


def _cells(look: _Look) -> Iterator[str]:
    """Yield the SQL of each cell as the figures take it: once, for a figure asks for it several times."""
    yield f"{_kept(look.declared.section)} AS {_KEPT}"
    for column in look.declared.table.columns:
        if theirs := look.mapped.get(column.name):
            text = quote(theirs) if look.source.columns[theirs] == "VARCHAR" else f"CAST({quote(theirs)} AS VARCHAR)"
            yield f"nullif({trimmed(text)}, '') AS \"cell {column.name}\""
            yield f'{typed_value(look.declared, column, theirs, look.source).sql} AS "read {column.name}"'
    for place, theirs in enumerate(look.statuses):
        text = f"CAST({quote(theirs)} AS VARCHAR)"
        yield f"coalesce({trimmed(text)}, '') AS {quote(f'status {place}')}"


def _figures(look: _Look) -> Iterator[tuple[str, str]]:
    """Yield the name and the SQL of each figure."""
    yield "rows", "count(*)"
    yield "kept", f"count(*) FILTER ({_KEPT})"
    for name in _ours(look):
        cell, read = f'"cell {name}"', f'"read {name}"'
        yield f"filled {name}", f"count({cell}) FILTER ({_KEPT})"
        yield f"read {name}", f"count({read}) FILTER ({_KEPT} AND {cell} IS NOT NULL)"
        yield f"unread {name}", f"any_value({cell}) FILTER ({read} IS NULL AND {_KEPT})"
    yield from _date_figures(look)
    for name, figure, counted in (
        ("customer_id", "ids", f'approx_top_k("cell customer_id", {_TOP})'),
        ("currency", "currencies", 'histogram(upper("cell currency"))'),
    ):
        if name in look.mapped:
            yield figure, f'{counted} FILTER ({_KEPT} AND "cell {name}" IS NOT NULL)'
    amount = next((f'"read {name}"' for name in ("revenue", "unit_price") if name in look.mapped), "NULL")
    for place in range(len(look.statuses)):
        yield f"values {place}", f"histogram({quote(f'status {place}')})"
        yield f"above {place}", f"histogram({quote(f'status {place}')}) FILTER ({amount} > 0)"


def _date_figures(look: _Look) -> Iterator[tuple[str, str]]:
    section, dated = look.declared.section, look.declared.table.dated(look.mapped)
    if dated is None:
        return
    cell, read = f'"cell {dated}"', f'"read {dated}"'
    yield "first", f"CAST(min({read}) FILTER ({_KEPT}) AS DATE)"
    yield "last", f"CAST(max({read}) FILTER ({_KEPT}) AS DATE)"
    declared = (section.date_format,) if isinstance(section.date_format, str) else section.date_format or ()
    formats = [one for one in declared if re.match("%[dm][./-]%[dm]", one)]
    if look.source.columns[look.mapped[dated]] != "VARCHAR" or not formats:
        return
    # a day above 12 that could be read shows the order, unless the year stands in front; so does what can only be read
    # the other way round
    ours, other = ("day", "month") if formats[0].startswith("%d") else ("month", "day")
    swapped = ", ".join(literal(one.translate({ord("d"): "m", ord("m"): "d"})) for one in formats)
    turned = f"CASE WHEN {read} IS NULL THEN try_strptime({cell}, [{swapped}]) IS NOT NULL ELSE false END"
    shown = f"day({read}) > 12"
    if len(formats) < len(declared):
        shown += f" AND regexp_matches({cell}, '^[0-9]{{1,2}}[./-]')"
    for order, shows in ((ours, shown), (other, turned)):
        yield f"{order}_first", f"count(*) FILTER ({shows} AND {_KEPT})"
        yield f"{order}_example", f"any_value({cell}) FILTER ({shows} AND {_KEPT})"


def _broken_lines(con: duckdb.DuckDBPyConnection, source: Source) -> tuple[int, str]:
    """Return how many lines no CSV parser takes, and a sentence on the first."""
    found = rejected_lines(con, source)
    if not found:
        return 0, ""
    row, reason, text = found[0]
    words = {"too_few_fields": "has fewer fields than", "too_many_fields": "has more fields than"}
    return len(found), (
        f"line {row + source.header_line:,} of {source.label} {words.get(reason, 'is not split like')} the header "
        f"({text[:60]!r})"
    )


def _folded(values: Mapping[str, int] | None, above: Mapping[str, int] | None) -> dict[str, tuple[int, int]]:
    """Return rows by value, and those above zero; capitals make no difference, as for the reader."""
    found: dict[str, tuple[str, int, int]] = {}
    for value, rows in sorted((values or {}).items(), key=lambda item: (-item[1], item[0])):
        spelled, so_far, positive = found.get(value.lower(), (value, 0, 0))
        found[value.lower()] = (spelled, so_far + int(rows), positive + int((above or {}).get(value, 0)))
    return {spelled: (rows, positive) for spelled, rows, positive in found.values()}


def _add(found: list[Scan]) -> Scan:
    """Add the scans of several files."""
    currencies: Counter[str] = Counter()
    counts: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for one in found:
        currencies.update(one.currencies)
        for column, values in one.statuses.items():
            rows, above = counts.setdefault(column, (Counter(), Counter()))
            rows.update({value: n for value, (n, _) in values.items()})
            above.update({value: n for value, (_, n) in values.items()})
    columns = {}
    for name in found[0].columns:
        each = [one.columns[name] for one in found]
        unreadable = next((counted.unreadable for counted in each if counted.unreadable), "")
        columns[name] = Counted(sum(c.filled for c in each), sum(c.read for c in each), unreadable)
    counts_of, texts_of = (*_NUMBERS, "broken"), ("day_example", "month_example", "broken_line")
    summed: dict[str, Any] = {name: sum(getattr(one, name) for one in found) for name in counts_of}
    shown: dict[str, Any] = {name: next(filter(None, (getattr(one, name) for one in found)), "") for name in texts_of}
    return Scan(
        columns=columns, first=min((one.first for one in found if one.first), default=""),
        last=max(one.last for one in found), ids=list(dict.fromkeys(name for one in found for name in one.ids)),
        statuses={column: _folded(rows, above) for column, (rows, above) in counts.items()},
        currencies=dict(currencies), **summed, **shown,
    )  # fmt: skip
