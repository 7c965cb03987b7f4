"""One look at every row: how many agree with what was proposed, and what the sample could not tell."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from custaudience.errors import ColumnError, DataError
from custaudience.study.config import StudySection, TableSection
from custaudience.study.contracts import TABLES
from custaudience.study.proposing.sampling import Sample
from custaudience.study.reading import rejected_lines
from custaudience.study.sources import Source, literal, open_file, quote, wrong_encoding
from custaudience.study.values import trimmed, typed_value

LARGEST = 2_000_000_000  # bytes of text; above, every row is left to `check`, which reads them once anyway
_KEPT = '"row: kept"'
_TOP = 12  # commonest ids that are looked at


@dataclass(frozen=True)
class Counted:
    """What one column holds: cells that are not empty, how many can be read as proposed, and one that cannot."""

    filled: int
    read: int
    unreadable: str = ""


@dataclass(frozen=True)
class Scan:
    """What every row of a table says.

    Attributes
    ----------
    rows : int
        Rows of all its files that a parser takes.
    kept : int
        Those that no rule leaves out; the other figures, but `statuses`, are theirs.
    columns : dict
        By our column: `Counted`.
    day_first, month_first : int
        Dates that can only be read with the day, or with the month, in front; `day_example` and `month_example` are one
        of each.
    first, last : str
        The earliest and latest date.
    ids : list of str
        The commonest customer ids, about in their order.
    statuses : dict
        By the file's column and its value, capitals or not: rows, and rows with an amount above zero.
    currencies : dict
        Values of the currency column, in capitals, and their rows.
    broken : int
        Lines with more or fewer fields than the header; `broken_line` says which is the first.
    """

    rows: int
    kept: int
    columns: dict[str, Counted]
    day_first: int = 0
    month_first: int = 0
    day_example: str = ""
    month_example: str = ""
    first: str = ""
    last: str = ""
    ids: list[str] = field(default_factory=list)
    statuses: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    currencies: dict[str, int] = field(default_factory=dict)
    broken: int = 0
    broken_line: str = ""


def scan(
    con: duckdb.DuckDBPyConnection,
    files: list[Path],
    table: str,
    mapped: Mapping[str, str],
    section: TableSection,
    study: StudySection,
    statuses: list[str],
    scratch: Path,
) -> Scan:
    """Look once at every row of a table's files.

    Parameters
    ----------
    mapped : mapping
        Our column by the file's.
    section, study
        What is proposed so far.
    statuses : list of str
        The file's columns whose values are counted.

    Raises
    ------
    DataError
        If a file cannot be parsed, or lacks a column that the others have.
    """
    found = [_scan_file(con, file, table, mapped, section, study, statuses, scratch) for file in files]
    return found[0] if len(found) == 1 else _add(found)


def write_sample(sample: Sample, section: TableSection, folder: Path) -> tuple[Path, TableSection]:
    """Write a sample's rows as a file that can be scanned in place of the whole one; return it and its section."""
    file, width = folder / sample.file.name, len(sample.header)
    with file.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, quoting=csv.QUOTE_ALL)
        out.writerow(sample.header)
        out.writerows([*row[:width], *[""] * (width - len(row))] for row in sample.rows)
    return file, section.model_copy(update={"separator": ",", "encoding": "utf-8", "header_row": 1})


def _scan_file(
    con: duckdb.DuckDBPyConnection,
    file: Path,
    table: str,
    mapped: Mapping[str, str],
    section: TableSection,
    study: StudySection,
    statuses: list[str],
    scratch: Path,
) -> Scan:
    source = open_file(con, file, section, scratch)
    ruled = (*section.only, *section.exclude)
    missing = [theirs for theirs in (*mapped.values(), *statuses, *ruled) if theirs not in source.columns]
    if missing:
        has = ", ".join(map(repr, list(source.columns)[:8]))
        raise ColumnError(
            f"{file.name} has no column {missing[0]!r}; it has {has}. Files of one table need the same columns."
        )
    con.execute("DROP TABLE IF EXISTS reject_scans; DROP TABLE IF EXISTS reject_errors")
    try:
        cells = ", ".join(_cells(con, table, mapped, section, study, source, statuses))
        figures = dict(_figures(table, mapped, section, source, statuses))
        named = ", ".join(f"{sql} AS {quote(name)}" for name, sql in figures.items())
        values = con.execute(f"SELECT {named} FROM (SELECT {cells} FROM {source.sql})").fetchall()[0]
    except duckdb.Error as error:
        if "not utf-8" in str(error) or "nvalid unicode" in str(error):
            raise DataError(wrong_encoding(file, section.encoding, "bytes that no UTF-8 text has")) from None
        if "state machine" in str(error):
            raise DataError(_mixed_lines(file)) from None
        raise DataError(f"{file.name} cannot be read: {str(error).splitlines()[0][:300]}") from None
    got: dict[str, Any] = dict(zip(figures, values, strict=True))
    broken, broken_line = _broken_lines(con, source) if source.text else (0, "")
    if source.text and not got["rows"] and not broken:
        raise DataError(_mixed_lines(file))
    return Scan(
        got["rows"],
        got["kept"],
        {
            column.name: Counted(got[f"filled {k}"], got[f"read {k}"], (got[f"unread {k}"] or "").strip())
            for k, column in enumerate(TABLES[table].columns)
            if column.name in mapped
        },
        int(got.get("day_first") or 0),
        int(got.get("month_first") or 0),
        str(got.get("day_example") or ""),
        str(got.get("month_example") or ""),
        str(got.get("first") or ""),
        str(got.get("last") or ""),
        list(got.get("ids") or []),
        {theirs: _folded(got[f"values {k}"], got[f"above {k}"]) for k, theirs in enumerate(statuses)},
        dict(got.get("currencies") or {}),
        broken,
        broken_line,
    )


def _mixed_lines(file: Path) -> str:
    return (
        f"{file.name}: its lines do not all end alike: some in CR LF as on Windows, some in LF, perhaps within a "
        "quoted header. Was it put together from several files? Export it again, or save it with one kind of line "
        "end."
    )


def _kept(section: TableSection) -> str:
    """Return the SQL that is true for the rows that no rule so far leaves out, as the reader takes the rules."""
    tests = ["true"]
    for rules, wanted in ((section.only, True), (section.exclude, False)):
        for theirs, values in rules.items():
            cell = f"coalesce(lower(trim(CAST({quote(theirs)} AS VARCHAR))), '')"
            lowered = [value.strip().lower() for value in values]
            plain = ", ".join(literal(value) for value in lowered if "*" not in value)
            shapes = (".*".join(map(re.escape, value.split("*"))) for value in lowered if "*" in value)
            hits = [f"{cell} IN ({plain})"] if plain else []
            hit = " OR ".join([*hits, *(f"regexp_full_match({cell}, {literal(shape)}, 's')" for shape in shapes)])
            tests.append(f"({hit})" if wanted else f"NOT ({hit})")
    return " AND ".join(tests)


def _cells(
    con: duckdb.DuckDBPyConnection,
    table: str,
    mapped: Mapping[str, str],
    section: TableSection,
    study: StudySection,
    source: Source,
    statuses: list[str],
) -> Iterator[str]:
    """Yield the SQL of each cell as the figures take it: once, for a figure asks for it several times."""
    yield f"{_kept(section)} AS {_KEPT}"
    for column in TABLES[table].columns:
        if theirs := mapped.get(column.name):
            text = f"CAST({quote(theirs)} AS VARCHAR)" if source.columns[theirs] != "VARCHAR" else quote(theirs)
            yield f"nullif({trimmed(text)}, '') AS {_cell(column.name)}"
            yield f"{typed_value(con, column, theirs, section, study, source).sql} AS {_read(column.name)}"
    for place, theirs in enumerate(statuses):
        text = f"CAST({quote(theirs)} AS VARCHAR)"
        yield f"coalesce({trimmed(text)}, '') AS {quote(f'status {place}')}"


def _cell(ours: str) -> str:
    return quote(f"cell {ours}")


def _read(ours: str) -> str:
    return quote(f"read {ours}")


def _figures(
    table: str, mapped: Mapping[str, str], section: TableSection, source: Source, statuses: list[str]
) -> Iterator[tuple[str, str]]:
    """Yield the name and the SQL of each figure."""
    yield "rows", "count(*)"
    yield "kept", f"count(*) FILTER ({_KEPT})"
    for place, column in enumerate(TABLES[table].columns):
        if column.name in mapped:
            cell, read = _cell(column.name), _read(column.name)
            yield f"filled {place}", f"count({cell}) FILTER ({_KEPT})"
            yield f"read {place}", f"count({read}) FILTER ({_KEPT} AND {cell} IS NOT NULL)"
            yield f"unread {place}", f"any_value({cell}) FILTER ({read} IS NULL AND {_KEPT})"
    yield from _date_figures(table, mapped, section, source)
    if "customer_id" in mapped:
        cell = _cell("customer_id")
        yield "ids", f"approx_top_k({cell}, {_TOP}) FILTER ({_KEPT} AND {cell} IS NOT NULL)"
    if "currency" in mapped:
        cell = _cell("currency")
        yield "currencies", f"histogram(upper({cell})) FILTER ({_KEPT} AND {cell} IS NOT NULL)"
    amount = next((_read(name) for name in ("revenue", "unit_price") if name in mapped), "NULL")
    for place in range(len(statuses)):
        yield f"values {place}", f"histogram({quote(f'status {place}')})"
        yield f"above {place}", f"histogram({quote(f'status {place}')}) FILTER ({amount} > 0)"


def _date_figures(
    table: str, mapped: Mapping[str, str], section: TableSection, source: Source
) -> Iterator[tuple[str, str]]:
    dated = next((c for c in TABLES[table].columns if c.type == "datetime" and c.name in mapped), None)
    if dated is None:
        return
    cell, read = _cell(dated.name), _read(dated.name)
    yield "first", f"CAST(min({read}) FILTER ({_KEPT}) AS DATE)"
    yield "last", f"CAST(max({read}) FILTER ({_KEPT}) AS DATE)"
    declared = (section.date_format,) if isinstance(section.date_format, str) else section.date_format or ()
    formats = [one for one in declared if re.match("%[dm][./-]%[dm]", one)]
    if source.columns[mapped[dated.name]] != "VARCHAR" or not formats:
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


def _folded(values: dict[str, int] | None, above: dict[str, int] | None) -> dict[str, tuple[int, int]]:
    """Return rows by value, and those above zero; capitals make no difference, as for the reader."""
    found: dict[str, tuple[str, int, int]] = {}
    for value, rows in sorted((values or {}).items(), key=lambda item: (-item[1], item[0])):
        spelled, so_far, positive = found.get(value.lower(), (value, 0, 0))
        found[value.lower()] = (spelled, so_far + int(rows), positive + int((above or {}).get(value, 0)))
    return {spelled: (rows, positive) for spelled, rows, positive in found.values()}


def _add(found: list[Scan]) -> Scan:
    currencies: dict[str, int] = {}
    counts: dict[str, tuple[dict[str, int], dict[str, int]]] = {}
    for one in found:
        for name, n in one.currencies.items():
            currencies[name] = currencies.get(name, 0) + n
        for column, values in one.statuses.items():
            rows, above = counts.setdefault(column, ({}, {}))
            for value, (n, positive) in values.items():
                rows[value] = rows.get(value, 0) + n
                above[value] = above.get(value, 0) + positive
    columns = {}
    for name in found[0].columns:
        each = [one.columns[name] for one in found]
        unreadable = next((counted.unreadable for counted in each if counted.unreadable), "")
        columns[name] = Counted(sum(c.filled for c in each), sum(c.read for c in each), unreadable)
    return Scan(
        sum(one.rows for one in found),
        sum(one.kept for one in found),
        columns,
        sum(one.day_first for one in found),
        sum(one.month_first for one in found),
        next((one.day_example for one in found if one.day_example), ""),
        next((one.month_example for one in found if one.month_example), ""),
        min((one.first for one in found if one.first), default=""),
        max(one.last for one in found),
        list(dict.fromkeys(name for one in found for name in one.ids)),
        {column: _folded(rows, above) for column, (rows, above) in counts.items()},
        currencies,
        sum(one.broken for one in found),
        next((one.broken_line for one in found if one.broken_line), ""),
    )
