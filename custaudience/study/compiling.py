"""One table's declaration, compiled to one SELECT that types every value and names each row's first fault.

What only several rows together can tell is settled behind it: a key that stands twice, the total of an order on many
lines.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise, product
from pathlib import Path

import duckdb

from custaudience.errors import ColumnError, ConfigError, near_miss
from custaudience.study.config import TableSection
from custaudience.study.contracts import Column, Table
from custaudience.study.sources import Source, literal, quote
from custaudience.study.values import Declared, Typed, number, trimmed, typed_value

_PRICED = ("unit_price", "quantity")
_FAR = 90  # days without an order line, at least, before a date beyond them is lone
_ENOUGH = 5  # days that the others must have, to tell what is far
_NOBODY = (
    " Without a column that says who bought (a customer number, an e-mail address, a loyalty card) nothing can be said "
    "about customers: export it along."
)


@dataclass
class _Select:
    """The parts of the SELECT as they grow: typed columns inside, kept columns outside, faults in order."""

    inner: list[str] = field(default_factory=list)
    outer: list[str] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)  # test, "column|reason", value
    rounded: str = "false"


def compile_table(declared: Declared, source: Source) -> tuple[tuple[str, ...], str]:
    """Return our names of the columns a source has, and one SELECT over it.

    It gives typed columns under their normalised names, the file's other columns, then ``_fault`` ("column|reason" of
    the first fault, NULL for a usable row), ``_value`` and ``_rounded``.
    """
    table, section = declared.table, declared.section
    mapped = _map_columns(table, section, source)
    parts = _Select()
    parts.faults = _declared_rows(table, section, source)
    priced = table.name == "transactions" and "revenue" not in {column.name for column in mapped}
    for column, theirs in mapped.items():
        typed = typed_value(declared, column, theirs, source)
        needed = column.required or (priced and column.name in _PRICED)
        _add_column(parts, column, typed, section, (theirs, source.columns[theirs], needed))
    for name, value in section.constants.items():
        parts.outer.append(f"{literal(value)} AS {quote(name)}")
    if table.name == "transactions":
        _add_revenue(parts, mapped, declared, source)
    _add_others(parts, mapped, section, source)
    # each test is made once: the first that hits gives a rank, and the rank its reason and value
    tests = " ".join(f"WHEN {test} THEN {rank}" for rank, (test, _, _) in enumerate(parts.faults))
    reasons = " ".join(f"WHEN {rank} THEN {literal(reason)}" for rank, (_, reason, _) in enumerate(parts.faults))
    values = " ".join(f"WHEN {rank} THEN {value}" for rank, (_, _, value) in enumerate(parts.faults))
    marks = f"CASE _hit {reasons} END AS _fault, CASE _hit {values} END AS _value, _rounded"
    select = (
        f"SELECT {', '.join(parts.outer)}, {marks} FROM (SELECT *, CASE {tests} END AS _hit FROM "
        f"(SELECT {', '.join(parts.inner)}, {parts.rounded} AS _rounded FROM {source.sql}))"
    )
    return tuple(dict.fromkeys([*(column.name for column in mapped), *section.constants])), select


def _map_columns(table: Table, section: TableSection, source: Source) -> dict[Column, str]:
    mapped: dict[Column, str] = {}
    named = {column.name: section.columns.get(column.name, column.name) for column in table.columns}
    priced = table.name == "transactions" and all(named[name] in source.columns for name in _PRICED)
    for column in table.columns:
        if column.name in section.constants:
            continue
        theirs = named[column.name]
        if theirs in source.columns:
            mapped[column] = theirs
        elif column.name in section.columns or (column.required and not (priced and column.name == "revenue")):
            nobody = column.name == "customer_id" and column.name not in section.columns
            raise ColumnError(
                f"{_not_found(source, theirs)} Rename it, or map {column.name} under [tables.{table.name}] columns."
                f"{_NOBODY if nobody else ''}"
            )
    return mapped


def _not_found(source: Source, theirs: str) -> str:
    hint = near_miss(theirs, source.columns)
    if len(source.columns) == 1 and source.text:
        only = next(iter(source.columns))
        sign = next((s for s in (";", "\t", "|") if s in only), None)
        hint = f" The header is one column: set separator = {json.dumps(sign)}." if sign else hint
    has = ", ".join(map(repr, list(source.columns)[:12]))
    return f"{source.label}: column {theirs!r} not found; it has {has}.{hint}"


def _declared_rows(table: Table, section: TableSection, source: Source) -> list[tuple[str, str, str]]:
    """Return the tests of the rows that study.toml leaves out."""
    faults = []
    for option, rules in (("only", section.only), ("exclude", section.exclude), ("refund_rows", section.refund_rows)):
        for theirs, values in rules.items():
            if theirs not in source.columns:
                raise ColumnError(f"{_not_found(source, theirs)} It is named under [tables.{table.name}] {option}.")
            if option != "refund_rows":
                # the inner SELECT carries the file's columns under names of ours, so that none can hide another
                test = listed(f"raw {theirs}", values)
                shown = f"CAST({quote(f'raw {theirs}')} AS VARCHAR)"
                label = f"{theirs.replace('|', '/')}|excluded"
                faults.append((f"NOT ({test})" if option == "only" else test, label, shown))
    return faults


def listed(column: str, values: Sequence[str]) -> str:
    """Return the SQL that is true where a cell of a column is one of `values`, ``*`` for any text."""
    text = f"CAST({quote(column)} AS VARCHAR)"
    cell = f"coalesce(lower({trimmed(text)}), '')"
    wanted = [value.strip().lower() for value in values]
    tests = [f"{cell} IN ({', '.join(literal(value) for value in wanted if '*' not in value)})"]
    for value in wanted:
        if "*" in value:
            pattern = ".*".join(re.escape(piece) for piece in value.split("*"))
            tests.append(f"regexp_full_match({cell}, {literal(pattern)}, 's')")
    return " OR ".join(test for test in tests if not test.endswith("IN ()"))


def _add_column(
    parts: _Select, column: Column, typed: Typed, section: TableSection, cell: tuple[str, str, bool]
) -> None:
    """Add a column; `cell` is the file's name of it, its type there, and whether each row needs a value."""
    theirs, kind, needed = cell
    name, raw = column.normalised, quote(f"raw {theirs}")
    empty = f"{raw} IS NULL" + (f" OR trim({raw}) = ''" if kind == "VARCHAR" else "")
    if kind in ("DOUBLE", "FLOAT"):
        empty += f" OR isnan({raw})"
    parts.inner.append(f"{typed.sql} AS {quote(name)}")
    # a cell is looked at again only where nothing could be read: that is a sixth of the pass
    kept, none = quote(name), f"({quote(name)} IS NULL AND ({empty}))"
    shown = f"CAST({raw} AS VARCHAR)"
    if column.name == "customer_id" and section.guests:
        guest = none
        if section.guest_ids:
            listed = ", ".join(literal(value.strip().lower()) for value in section.guest_ids)
            guest = f"({none} OR lower(trim({shown})) IN ({listed}))"
        if section.guests == "set aside":
            parts.faults.append((guest, "customer_id|guest", shown))
        else:
            kept = f"CASE WHEN {guest} THEN 'guest:' || {quote('order_id')} ELSE {kept} END AS {quote(name)}"
            none = f"{none} AND {quote('order_id')} IS NULL"
    if column.name == "revenue":
        kept = _signed(kept, section)
    parts.outer.append(kept)
    by_order = column.name == "revenue" and section.revenue_per == "order"  # other lines of the order may carry it
    if needed and not by_order:
        parts.faults.append((none, f"{column.name}|missing", shown))
    if typed.offset:
        parts.faults.append((typed.offset, f"{column.name}|offset", shown))
    unreadable = f"{quote(name)} IS NULL AND NOT ({empty})"
    parts.faults.append((unreadable, f"{column.name}|{typed.unreadable}", shown))
    if typed.inexact and column.name == "revenue":
        parts.rounded = typed.inexact


def _add_revenue(parts: _Select, mapped: dict[Column, str], declared: Declared, source: Source) -> None:
    """Add what transactions need beyond their columns: net revenue where it is not one column, an order id."""
    section, study = declared.section, declared.study
    names = {column.name for column in mapped}
    if section.guests == "by order" and "order_id" not in names:
        raise ConfigError(
            '[tables.transactions] guests = "by order" needs order_id: without it the orders of guests cannot be told '
            'apart. Map order_id, or set guests = "set aside".'
        )
    if section.revenue_per == "order" and not {"order_id", "revenue"} <= names:
        raise ConfigError('[tables.transactions] revenue_per = "order" needs the columns order_id and revenue.')
    if "revenue" not in names:
        by_name = {column.name: theirs for column, theirs in mapped.items()}
        price, pieces = (number(by_name[name], declared, source) for name in _PRICED)
        off = f" - coalesce({number(by_name['discount'], declared, source)}, 0)" if "discount" in names else ""
        wide = [f"CAST({factor} AS DECIMAL(38, 6))" for factor in (price, pieces)]
        exact = f"TRY(({wide[0]} * {wide[1]}{off}) * {10**study.minor_digits})"  # NULL where the product is too large
        parts.inner.append(f"TRY_CAST(round({exact}) AS BIGINT) AS revenue_minor")
        parts.rounded = f"coalesce(abs({exact} - round({exact})) > 1e-6, false)"
        parts.outer.append(_signed(quote("revenue_minor"), section))
    if "refunded" in names:
        kept = _signed(quote("revenue_minor"), section)
        plain = kept.removesuffix(" AS revenue_minor")
        parts.outer[parts.outer.index(kept)] = f"{plain} - coalesce(refunded_minor, 0) AS revenue_minor"
    if "order_id" not in names:
        parts.outer.append("strftime(ordered_at, '%Y-%m-%d') AS order_id")


def _signed(revenue: str, section: TableSection) -> str:
    """Return the SQL of revenue with the sign turned in the rows that study.toml calls refunds."""
    tests = " OR ".join(listed(f"raw {theirs}", values) for theirs, values in section.refund_rows.items())
    return f"CASE WHEN {tests} THEN -abs({revenue}) ELSE {revenue} END AS revenue_minor" if tests else revenue


def _add_others(parts: _Select, mapped: dict[Column, str], section: TableSection, source: Source) -> None:
    """Carry along the file's other columns; one that has a name of ours gets "(file)" behind it."""
    ours = {column.normalised for column in mapped} | {column.name for column in mapped}
    ours |= {"order_id", "revenue", "revenue_minor"} | set(section.constants)
    for theirs in source.columns:
        parts.inner.append(f"{quote(theirs)} AS {quote(f'raw {theirs}')}")
        if theirs not in mapped.values():
            parts.outer.append(f"{quote(f'raw {theirs}')} AS {quote(f'{theirs} (file)' if theirs in ours else theirs)}")


def settle(declared: Declared, parts: Sequence[Path]) -> None:
    """Rewrite the parts of a table in which rows depend on other rows; the others stay as they are.

    A repeated key keeps its first row. With ``revenue_per`` = "order" the first line of an order that has an amount
    keeps it, the order's others get 0; one that has another amount is set aside, and all lines of an order
    without any, or of one that study.toml leaves out.
    """
    if declared.table.key is not None:
        _mark_repeated(declared.con, declared.table.key, parts)
    if declared.section.revenue_per == "order":
        for part in parts:
            _once_per_order(declared.con, part)
    if declared.table.name == "transactions" and declared.section.lone_dates == "set aside":
        _mark_lone(declared.con, parts)


def _mark_repeated(con: duckdb.DuckDBPyConnection, key: str, parts: Sequence[Path]) -> None:
    rows = " UNION ALL ".join(
        f"SELECT {place} AS part, file_row_number AS row, {quote(key)} AS key "
        f"FROM read_parquet({literal(str(part))}, file_row_number = true) WHERE _fault IS NULL"
        for place, part in enumerate(parts)
    )
    repeated = con.execute(
        f"SELECT part, row FROM ({rows}) QUALIFY row_number() OVER (PARTITION BY key ORDER BY part, row) > 1"
    ).fetchall()
    for place, part in enumerate(parts):
        hit = [row for of, row in repeated if of == place]
        if hit:
            listed = ", ".join(map(str, hit))
            fault = f"CASE WHEN file_row_number IN ({listed}) THEN {literal(f'{key}|repeated')} ELSE _fault END"
            value = f"CASE WHEN file_row_number IN ({listed}) THEN {quote(key)} ELSE _value END"
            rewrite(con, part, f"{fault} AS _fault, {value} AS _value", rows_of(part))


def lone_days(days: Sequence[dt.date], rows: Sequence[int]) -> list[dt.date]:
    """Return the days at either end that lie far from all others and have few rows: they are mistyped, or a test.

    `days` ascend, `rows` are how many each has. Few is three rows or half a percent; far is beyond a gap of more than
    90 days and ten times the longest gap within the rest.
    """
    few, gaps = max(3, 0.005 * sum(rows)), [(b - a).days for a, b in pairwise(days)]
    before, after = list(accumulate(rows)), list(accumulate(rows[::-1]))[::-1]
    wide = [at for at, gap in enumerate(gaps) if gap > _FAR]
    firsts = [0, *(at + 1 for at in wide if before[at] <= few)]
    lasts = [len(days), *(at + 1 for at in wide if after[at + 1] <= few)]
    for first, last in sorted(product(firsts, lasts), key=lambda ends: ends[1] - ends[0]):
        longest = max(gaps[first : last - 1], default=1)
        edges = gaps[first - 1 : first] + gaps[last - 1 : last]
        if last - first >= _ENOUGH and all(gap > 10 * longest for gap in edges):
            return [*days[:first], *days[last:]]
    return []


def _mark_lone(con: duckdb.DuckDBPyConnection, parts: Sequence[Path]) -> None:
    everything = " UNION ALL ".join(f"SELECT ordered_at FROM read_parquet({literal(str(part))})" for part in parts)
    found = con.execute(
        f"SELECT ordered_at::DATE AS day, count(*) FROM ({everything}) WHERE day IS NOT NULL GROUP BY 1 ORDER BY 1"
    ).fetchall()
    lone = lone_days([day for day, _ in found], [n for _, n in found])
    listed = ", ".join(f"DATE '{day}'" for day in lone)
    for part in parts if lone else ():
        hit = f"_fault IS NULL AND ordered_at::DATE IN ({listed})"
        fault = f"CASE WHEN {hit} THEN 'ordered_at|lone' ELSE _fault END"
        value = f"CASE WHEN {hit} THEN CAST(ordered_at AS VARCHAR) ELSE _value END"
        rewrite(con, part, f"{fault} AS _fault, {value} AS _value", rows_of(part))


def _once_per_order(con: duckdb.DuckDBPyConnection, part: Path) -> None:
    has_refunded = "refunded_minor" in {row[0] for row in con.execute(f"DESCRIBE {rows_of(part)}").fetchall()}
    # the reading pass has taken refunds off already; the total that lines repeat is the one before
    gross = "(revenue_minor + coalesce(refunded_minor, 0))" if has_refunded else "revenue_minor"
    # an order is a customer's, and a row without its number is one of its own
    whose = "PARTITION BY customer_id, coalesce(order_id, 'row ' || file_row_number)"
    sale = "(_fault IS NULL OR ends_with(_fault, '|guest'))"
    of_order = f"FILTER (WHERE {sale} AND {gross} IS NOT NULL) OVER ({whose})"
    rule = f"min(_fault) FILTER (WHERE ends_with(_fault, '|excluded')) OVER ({whose})"
    back = f"coalesce(max(refunded_minor) {of_order}, 0)" if has_refunded else "0"
    marked = (
        f"SELECT *, {gross} AS _gross, {rule} AS _rule, arg_min({gross}, file_row_number) {of_order} AS _total, "
        f"min(file_row_number) {of_order} AS _at, {back} AS _back FROM ({rows_of(part)})"
    )
    fault = (
        f"CASE WHEN {sale} AND _rule IS NOT NULL THEN _rule WHEN _fault IS NOT NULL THEN _fault "
        "WHEN _total IS NULL THEN 'revenue|missing' WHEN _gross <> _total THEN 'revenue|two_totals' END"
    )
    counts = f"(({fault}) IS NULL OR ({fault}) = 'customer_id|guest')"
    value = f"CASE WHEN ({fault}) = 'revenue|two_totals' THEN CAST(_gross AS VARCHAR) ELSE _value END"
    once = (
        f"CASE WHEN {counts} THEN CASE WHEN file_row_number = _at THEN _total - _back ELSE 0 END ELSE revenue_minor END"
    )
    replaced = f"{fault} AS _fault, {value} AS _value, {once} AS revenue_minor"
    if has_refunded:
        refund = "CASE WHEN file_row_number = _at THEN _back ELSE 0 END"
        replaced += f", CASE WHEN {counts} THEN {refund} ELSE refunded_minor END AS refunded_minor"
    rewrite(con, part, replaced, marked, helpers="_gross, _rule, _total, _at, _back, ")


def rows_of(part: Path) -> str:
    """Return the SELECT of all rows of a part, with their number in it."""
    return f"SELECT * FROM read_parquet({literal(str(part))}, file_row_number = true)"


def rewrite(con: duckdb.DuckDBPyConnection, part: Path, replaced: str, rows: str, helpers: str = "") -> None:
    """Write a part anew from its `rows`, with columns replaced and `helpers` left out."""
    beside = part.with_name(f"{part.name}.new")
    con.execute(
        f"COPY (SELECT * EXCLUDE ({helpers}file_row_number) REPLACE ({replaced}) FROM ({rows}) "
        f"ORDER BY file_row_number) TO {literal(str(beside))} (FORMAT parquet, COMPRESSION zstd)"
    )
    beside.replace(part)
