"""One table's declaration, compiled to one SELECT that types every value and names each row's first fault."""

from __future__ import annotations

import json

import duckdb

from custaudience.errors import ColumnError, near_miss
from custaudience.study.config import StudySection, TableSection
from custaudience.study.contracts import Column, Table
from custaudience.study.sources import Source, literal, quote

_OFFSET = "'([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$'"


def compile_table(
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
            tests.append((_has_offset(f"CAST({quote('raw ' + name)} AS VARCHAR)", wanted=offset == "none"), "offset"))
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
    con: duckdb.DuckDBPyConnection, raw: str, kind: str, section: TableSection, study: StudySection, source: Source
) -> tuple[str, str]:
    here = literal(study.timezone)
    shift = section.timezone is not None and section.timezone != study.timezone

    def local(stamp: str) -> str:
        return f"({stamp} AT TIME ZONE {literal(section.timezone or '')}) AT TIME ZONE {here}" if shift else stamp

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
    sample = f"SELECT {raw} FROM {source.sql} LIMIT 1000"
    found = con.execute(f"SELECT bool_or({_has_offset(text, wanted=True)}) FROM ({sample})").fetchall()
    if found[0][0]:
        return f"TRY_CAST({text} AS TIMESTAMPTZ) AT TIME ZONE {here}", "all"
    stamp = f"TRY_CAST({text} AS TIMESTAMP)"
    if shift:  # a calendar day has no zone
        stamp = f"CASE WHEN length({text}) <= 10 THEN {stamp} ELSE {local(stamp)} END"
    return stamp, "none"


def _has_offset(text: str, *, wanted: bool) -> str:
    """Return the SQL that is true where a date's text ends in a zone offset, or where it does not."""
    # the usual 2025-01-31 10:00:00 is told by two characters: the pattern costs a sixth of the whole pass
    usual = f"length({text}) <= 10 OR (length({text}) = 19 AND substr({text}, 17, 1) = ':')"
    found = f"CASE WHEN {usual} THEN false ELSE regexp_matches(substr({text}, 14), {_OFFSET}) END"
    return found if wanted else f"NOT {found}"


def _codes(date_format: str) -> set[str]:
    return {date_format[i : i + 2] for i in range(len(date_format) - 1) if date_format[i] == "%"}
