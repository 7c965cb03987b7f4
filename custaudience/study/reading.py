"""The strict pass: one scan of each file types every value and marks each row that cannot be used.

Each source file becomes one Parquet part in the cache with every row in the file's order; a row that is
set aside carries ``_fault`` ("column|reason") and ``_value``. Nothing is dropped, so rows in = used +
set aside can be asserted, and a row's number in its file is its position in the part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from custaudience.errors import ColumnError, DataError, near_miss
from custaudience.study.config import StudySection, TableSection
from custaudience.study.contracts import REASONS, Column, Table
from custaudience.study.sources import Source, literal, open_file, quote, wrong_encoding

READER_VERSION = 1  # part of the cache key: raise it when the same input must be read anew

_OFFSET = "'([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$'"
_STRUCTURAL = {"MISSING COLUMNS": "too_few_fields", "TOO MANY COLUMNS": "too_many_fields"}


@dataclass(frozen=True)
class Fault:
    """Rows of a table set aside for one reason; `examples` are (file, row, value), for private eyes."""

    column: str
    reason: str
    rows: int
    examples: tuple[tuple[str, int, str | None], ...]


@dataclass(frozen=True)
class Part:
    """One source file in the cache; `rejected_after` counts the readable rows before each broken line."""

    file: str
    parquet: str
    rows: int
    rejected_after: tuple[int, ...] = ()


@dataclass(frozen=True)
class ReadReport:
    """What became of a table's rows: ``rows_in == rows_used + sum of the faults' rows``."""

    table: str
    rows_in: int
    rows_used: int
    rows_rounded: int
    columns: tuple[str, ...]
    parts: tuple[Part, ...]
    faults: tuple[Fault, ...]
    rejects: tuple[tuple[str, int, str, str], ...]  # file, row, reason, text of lines no parser takes

    @property
    def rows_set_aside(self) -> int:
        """Rows in quarantine."""
        return sum(fault.rows for fault in self.faults)


def read_files(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    section: TableSection,
    study: StudySection,
    files: Sequence[Path],
    folder: Path,
) -> ReadReport:
    """Read a table's files into Parquet parts in `folder`; see `read_sources`."""
    sources = [open_file(con, file, section, folder) for file in files]
    try:
        return read_sources(con, table, section, study, sources, folder)
    except duckdb.Error as error:
        if "not utf-8" in str(error) or "nvalid unicode" in str(error):
            raise DataError(
                wrong_encoding(files[0], section.encoding, "bytes that no UTF-8 text has")
            ) from None
        names = ", ".join(file.name for file in files[:3])
        raise DataError(f"{names} cannot be read: {str(error).splitlines()[0][:300]}") from None
    finally:
        for transcoded in folder.glob("*.utf8.csv"):
            transcoded.unlink()


def read_sources(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    section: TableSection,
    study: StudySection,
    sources: Sequence[Source],
    folder: Path,
) -> ReadReport:
    """Type and check every row of the sources, write the parts and ``report.json``.

    Raises
    ------
    ColumnError
        If a required column is missing; the near miss is named.
    DataError
        If more than ``max_quarantined`` of the rows must be set aside (the commonest reasons are named),
        a quote is never closed, or two currencies meet.
    """
    parts, rejects, columns = [], [], ()
    for number, source in enumerate(sources):
        part = folder / f"part-{number:04d}.parquet"
        columns, select = _compile(con, table, section, study, source)
        con.execute("DROP TABLE IF EXISTS reject_scans; DROP TABLE IF EXISTS reject_errors")
        con.execute(f"COPY ({select}) TO {literal(str(part))} (FORMAT parquet, COMPRESSION zstd)")
        broken = _rejected(con, source) if source.text else []
        rows = _count(con, part)
        # record number of a broken line = its line less the header; readable rows before it = that less itself
        after = tuple(row - 1 - k for k, (row, _, _) in enumerate(broken))
        parts.append(Part(source.label, part.name, rows, after))
        rejects += [(source.label, *row) for row in broken]
    report = _report(con, table, columns, parts, rejects, folder)
    _stop_if_too_many(report, section, study)
    if "currency" in columns:
        _one_currency(con, report, study, folder)
    (folder / "report.json").write_text(
        json.dumps(report, default=vars, ensure_ascii=False), encoding="utf-8"
    )
    return report


def load_report(folder: Path) -> ReadReport:
    """Read ``report.json`` of a cache entry."""
    raw: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return ReadReport(
        raw["table"],
        raw["rows_in"],
        raw["rows_used"],
        raw["rows_rounded"],
        tuple(raw["columns"]),
        tuple(Part(p["file"], p["parquet"], p["rows"], tuple(p["rejected_after"])) for p in raw["parts"]),
        tuple(
            Fault(f["column"], f["reason"], f["rows"], tuple(map(tuple, f["examples"])))
            for f in raw["faults"]
        ),
        tuple(tuple(r) for r in raw["rejects"]),
    )


def used_rows(report: ReadReport, folder: Path) -> str:
    """Return the SELECT of a table's usable rows, with ``_file`` and ``_row`` (1 = first after the header)."""
    return " UNION ALL ".join(
        f"SELECT * EXCLUDE (_fault, _value, _rounded, file_row_number), {literal(part.file)} AS _file, "
        f"{_row_number(part)} AS _row FROM {_parquet(folder / part.parquet)}"
        + (" WHERE _fault IS NULL" if report.faults else "")
        for part in report.parts
    )


def quarantined_rows(report: ReadReport, folder: Path) -> str:
    """Return the SELECT of the rows set aside: file, row, column, reason, value."""
    marked = [
        f"SELECT {literal(part.file)} AS file, {_row_number(part)} AS row, split_part(_fault, '|', 1) AS \"column\", "
        f"split_part(_fault, '|', 2) AS reason, _value AS value FROM {_parquet(folder / part.parquet)} "
        "WHERE _fault IS NOT NULL"
        for part in report.parts
    ]
    broken = [
        f"SELECT {literal(file)}, {row}, '', {literal(reason)}, {literal(text)}"
        for file, row, reason, text in report.rejects
    ]
    return " UNION ALL ".join(marked + broken) + " ORDER BY file, row"


def _parquet(path: Path) -> str:
    return f"read_parquet({literal(str(path))}, file_row_number = true)"


def _row_number(part: Part) -> str:
    if not part.rejected_after:
        return "file_row_number + 1"
    after = ", ".join(map(str, part.rejected_after))
    return f"file_row_number + 1 + len(list_filter([{after}], lambda a: file_row_number >= a))"


def _count(con: duckdb.DuckDBPyConnection, part: Path) -> int:
    return int(con.execute(f"SELECT count(*) FROM read_parquet({literal(str(part))})").fetchall()[0][0])


def _compile(
    con: duckdb.DuckDBPyConnection, table: Table, section: TableSection, study: StudySection, source: Source
) -> tuple[tuple[str, ...], str]:
    """Compile a table's declaration to one SELECT over a source."""
    mapped = _map_columns(table, section, source)
    inner, faults, values, outer, rounded = [], [], [], [], "false"
    for column, theirs in mapped.items():
        raw = quote(theirs)
        kind = source.columns[theirs]
        typed, offset = _typed(con, column, raw, kind, section, study, source)
        name = column.normalised
        empty = f"{raw} IS NULL" + (f" OR trim({raw}) = ''" if kind == "VARCHAR" else "")
        if kind in ("DOUBLE", "FLOAT"):
            empty += f" OR isnan({raw})"
        inner += [
            f"{typed} AS {quote(name)}",
            f"{raw} AS {quote('raw ' + name)}",
            f"({empty}) AS {quote('no ' + name)}",
        ]
        outer.append(quote(name))
        unreadable = {"datetime": "not_a_date", "money": "not_a_number", "number": "not_a_number"}.get(
            column.type, "not_an_id"
        )
        tests = [(quote("no " + name), "missing")] if column.required else []
        if offset:
            has_one = f"regexp_matches(substr(CAST({quote('raw ' + name)} AS VARCHAR), 14), {_OFFSET})"
            tests.append((has_one if offset == "none" else f"NOT {has_one}", "offset"))
        tests.append((f"{quote(name)} IS NULL AND NOT {quote('no ' + name)}", unreadable))
        for test, reason in tests:
            faults.append(f"WHEN {test} THEN {literal(column.name + '|' + reason)}")
            values.append(f"WHEN {test} THEN CAST({quote('raw ' + name)} AS VARCHAR)")
        if column.type == "money" and not kind.startswith(("BIGINT", "INTEGER", "HUGEINT", "SMALLINT")):
            number = _number(raw, kind, section)
            rounded = f"coalesce(abs({number} * {10**study.minor_digits} - {quote(name)}) > 1e-6, false)"
    if table.name == "transactions" and "order_id" not in {column.name for column in mapped}:
        outer.append("strftime(ordered_at, '%Y-%m-%d') AS order_id")
    taken = {column.normalised for column in mapped} | {column.name for column in mapped} | {"order_id"}
    for theirs in source.columns:
        if theirs not in mapped.values():
            name = f"{theirs} (file)" if theirs in taken else theirs
            inner.append(f"{quote(theirs)} AS {quote(name)}")
            outer.append(quote(name))
    select = (
        f"SELECT {', '.join(outer)}, CASE {' '.join(faults)} END AS _fault, CASE {' '.join(values)} END AS _value, "
        f"_rounded FROM (SELECT {', '.join(inner)}, {rounded} AS _rounded FROM {source.sql})"
    )
    return tuple(column.name for column in mapped), select


def _map_columns(table: Table, section: TableSection, source: Source) -> dict[Column, str]:
    mapped: dict[Column, str] = {}
    for column in table.columns:
        theirs = section.columns.get(column.name, column.name)
        if theirs in source.columns:
            mapped[column] = theirs
        elif column.required or column.name in section.columns:
            hint = near_miss(theirs, source.columns)
            if len(source.columns) == 1 and source.text:
                only = next(iter(source.columns))
                sign = next((s for s in (";", "\t", "|") if s in only), None)
                hint = f" The header is one column: set separator = {json.dumps(sign)}." if sign else hint
            has = ", ".join(map(repr, list(source.columns)[:12]))
            raise ColumnError(
                f"{source.label}: column {theirs!r} not found; it has {has}.{hint} "
                f"Rename it, or map {column.name} under [tables.{table.name}] columns."
            )
    return mapped


def _typed(
    con: duckdb.DuckDBPyConnection,
    column: Column,
    raw: str,
    kind: str,
    section: TableSection,
    study: StudySection,
    source: Source,
) -> tuple[str, str]:
    """Return the SQL of a column's typed value; for text dates whether "all" or "none" carry an offset."""
    if column.type in ("id", "text"):
        if kind in ("DOUBLE", "FLOAT"):  # an id column with blanks, as pandas writes it: 7.0 is 7
            return (
                f"CASE WHEN {raw} = trunc({raw}) AND abs({raw}) < 9007199254740992 THEN "
                f"CAST(CAST({raw} AS BIGINT) AS VARCHAR) END",
                "",
            )
        return (f"nullif(trim({raw}), '')" if kind == "VARCHAR" else f"CAST({raw} AS VARCHAR)"), ""
    if column.type == "datetime":
        return _local_time(con, raw, kind, section, study, source)
    number = _number(raw, kind, section)
    if column.type == "money":
        return f"TRY_CAST(round({number} * {10**study.minor_digits}) AS BIGINT)", ""
    return f"TRY_CAST({number} AS DOUBLE)", ""


def _number(raw: str, kind: str, section: TableSection) -> str:
    # by way of a decimal: 0.285 as binary is a little less, and would round to 28 cents
    if kind != "VARCHAR" or (section.decimal == "." and not section.thousands):
        return f"TRY_CAST({raw} AS DECIMAL(28, 6))"
    # spaces of all kinds group thousands in many languages' exports
    text = f"trim(translate({raw}, '\u00a0\u202f\u2009\u2212', '   -'))"
    group = "[ ]" if section.thousands == " " else f"[{section.thousands}]" if section.thousands else ""
    whole = rf"([0-9]+|[0-9]{{1,3}}({group}[0-9]{{3}})+)" if group else "[0-9]+"
    shape = rf"[+-]?{whole}([{section.decimal}][0-9]*)?"
    plain = f"replace({text}, {literal(section.thousands)}, '')" if section.thousands else text
    return (
        f"CASE WHEN regexp_full_match({text}, {literal(shape)}) THEN "
        f"TRY_CAST(replace({plain}, {literal(section.decimal)}, '.') AS DECIMAL(28, 6)) END"
    )


def _local_time(
    con: duckdb.DuckDBPyConnection,
    raw: str,
    kind: str,
    section: TableSection,
    study: StudySection,
    source: Source,
) -> tuple[str, str]:
    here = literal(study.timezone)
    shift = section.timezone is not None and section.timezone != study.timezone

    def local(stamp: str) -> str:
        return (
            f"({stamp} AT TIME ZONE {literal(section.timezone or '')}) AT TIME ZONE {here}"
            if shift
            else stamp
        )

    if kind == "DATE":  # a calendar day has no zone
        return f"CAST({raw} AS TIMESTAMP)", ""
    if "WITH TIME ZONE" in kind:
        return f"{raw} AT TIME ZONE {here}", ""
    if kind.startswith("TIMESTAMP"):
        return local(f"CAST({raw} AS TIMESTAMP)"), ""
    text = raw if kind == "VARCHAR" else f"CAST({raw} AS VARCHAR)"
    if section.date_format:
        stamp = f"try_strptime(trim({text}), {literal(section.date_format)})"
        if "%z" in section.date_format.lower():
            return f"CAST({stamp} AS TIMESTAMPTZ) AT TIME ZONE {here}", ""
        return (local(stamp) if {"%H", "%I", "%X", "%c"} & _codes(section.date_format) else stamp), ""
    # DuckDB drops an offset silently when it casts to a naive timestamp, so it is all rows or none
    found = con.execute(
        f"SELECT bool_or(regexp_matches(substr({text}, 14), {_OFFSET})) FROM (SELECT {raw} FROM {source.sql} LIMIT 1000)"
    ).fetchall()
    if found[0][0]:
        return f"TRY_CAST({text} AS TIMESTAMPTZ) AT TIME ZONE {here}", "all"
    stamp = f"TRY_CAST({text} AS TIMESTAMP)"
    if shift:  # a calendar day has no zone
        stamp = f"CASE WHEN length({text}) <= 10 THEN {stamp} ELSE {local(stamp)} END"
    return stamp, "none"


def _codes(date_format: str) -> set[str]:
    return {date_format[i : i + 2] for i in range(len(date_format) - 1) if date_format[i] == "%"}


def _rejected(con: duckdb.DuckDBPyConnection, source: Source) -> list[tuple[int, str, str]]:
    """Return the lines no CSV parser takes: (row, reason, text)."""
    rows = con.execute(
        "SELECT line, any_value(error_type ORDER BY error_type), any_value(csv_line) FROM reject_errors "
        "GROUP BY line ORDER BY line"
    ).fetchall()
    for line, kind, _ in rows:
        if "QUOTE" in kind:
            raise DataError(
                f"{source.label}: line {line} opens a quote that is never closed, so what follows cannot be told "
                "apart. Mend that line, or export again."
            )
    return [
        (line - 1, _STRUCTURAL.get(kind, "broken_line"), (text or "").strip()) for line, kind, text in rows
    ]


def _report(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    columns: tuple[str, ...],
    parts: list[Part],
    rejects: list[tuple[str, int, str, str]],
    folder: Path,
) -> ReadReport:
    faults = []
    scan = " UNION ALL ".join(
        f"SELECT _fault, _value, {literal(part.file)} AS file, {_row_number(part)} AS row "
        f"FROM {_parquet(folder / part.parquet)} WHERE _fault IS NOT NULL"
        for part in parts
    )
    counted = con.execute(
        f"SELECT _fault, count(*), list({{'file': file, 'row': row, 'value': _value}} ORDER BY file, row)[:3] "
        f"FROM ({scan}) GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    for fault, rows, examples in counted:
        column, reason = fault.split("|")
        faults.append(Fault(column, reason, rows, tuple((e["file"], e["row"], e["value"]) for e in examples)))
    for reason in sorted({row[2] for row in rejects}):
        hit = [row for row in rejects if row[2] == reason]
        faults.append(Fault("", reason, len(hit), tuple((f, row, text[:80]) for f, row, _, text in hit[:3])))
    names = ", ".join(literal(str(folder / part.parquet)) for part in parts)
    rounded = con.execute(
        f"SELECT count(*) FROM read_parquet([{names}]) WHERE _rounded AND _fault IS NULL"
    ).fetchall()
    rows_in = sum(part.rows for part in parts) + len(rejects)
    used = rows_in - sum(fault.rows for fault in faults)
    return ReadReport(
        table.name,
        rows_in,
        used,
        int(rounded[0][0]),
        columns,
        tuple(parts),
        tuple(sorted(faults, key=lambda f: -f.rows)),
        tuple(rejects),
    )


def _stop_if_too_many(report: ReadReport, section: TableSection, study: StudySection) -> None:
    label = report.parts[0].file if len(report.parts) == 1 else f"{report.table} ({len(report.parts)} files)"
    if not report.rows_in:
        raise DataError(f"{label} has a header but no rows. Export it again.")
    share = report.rows_set_aside / report.rows_in
    if share <= study.max_quarantined:
        return
    reasons = "; ".join(_say(fault, section) for fault in report.faults[:3])
    raise DataError(
        f"{label}: {report.rows_set_aside:,} of {report.rows_in:,} rows ({share:.1%}) cannot be used; at most "
        f"{study.max_quarantined:.1%} may be set aside (max_quarantined). Commonest: {reasons}."
    )


def _say(fault: Fault, section: TableSection) -> str:
    file, row, value = fault.examples[0]
    where = f"{fault.column}: " if fault.column else ""
    shown = "" if value is None else f" {value[:40]!r}"
    hint = _hint(fault, section)
    return f"{where}{REASONS[fault.reason]} ({fault.rows:,} rows, such as row {row} of {file}{shown}){hint}"


def _hint(fault: Fault, section: TableSection) -> str:
    value = (fault.examples[0][2] or "").strip()
    if fault.reason == "not_a_date":
        if section.date_format:
            return f"; date_format is {section.date_format!r}: are day and month the other way round?"
        if match := re.match(r"\d{1,2}([./-])\d{1,2}[./-](\d{4}|\d{2})(\D|$)", value):
            sign, year = match[1], "%Y" if len(match[2]) == 4 else "%y"
            return (
                f'; declare which comes first: date_format = "%d{sign}%m{sign}{year}" (day) or '
                f'"%m{sign}%d{sign}{year}" (month)'
            )
    if fault.reason == "not_a_number":
        if re.fullmatch(r"[+-]?\d+,\d{1,2}", value) and section.decimal == ".":
            return '; it looks like a decimal comma: set decimal = ","'
        if re.fullmatch(r"[+-]?\d{1,3}([ \u00a0\u202f']\d{3})+([.,]\d+)?", value):
            sign = "'" if "'" in value else " "
            comma = ' and decimal = ","' if "," in value else ""
            return f'; it looks grouped by thousands: set thousands = "{sign}"{comma}'
        if re.fullmatch(r"[+-]?\d{1,3}([.,]\d{3})+[.,]\d+", value):
            return "; it looks grouped by thousands: declare decimal and thousands"
        if re.search(r"[$€£¥₴₽₫₸]|[A-Z]{3}", value):
            return "; it carries a currency: export plain numbers, one currency per table"
    return ""


def _one_currency(
    con: duckdb.DuckDBPyConnection, report: ReadReport, study: StudySection, folder: Path
) -> None:
    found = con.execute(
        f"SELECT currency, count(*) FROM ({used_rows(report, folder)}) WHERE currency IS NOT NULL GROUP BY 1 ORDER BY 2 DESC"
    ).fetchall()
    if [name for name, _ in found] not in ([], [study.currency]):
        named = ", ".join(f"{name} {rows:,} rows" for name, rows in found[:5])
        raise DataError(
            f"{report.parts[0].file}: the study is in {study.currency}, the table holds {named}. Amounts of two "
            "currencies cannot be added: split the file, or convert it first."
        )
