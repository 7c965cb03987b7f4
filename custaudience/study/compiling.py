"""One table's declaration, compiled to one SELECT that types every value and names each row's first fault."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

import duckdb

from custaudience.errors import ColumnError, ConfigError, near_miss
from custaudience.study.config import StudySection, TableSection
from custaudience.study.contracts import Column, Table
from custaudience.study.sources import Source, literal, quote
from custaudience.study.values import Typed, number, trimmed, typed_value

_PRICED = ("unit_price", "quantity")


@dataclass
class _Select:
    """The parts of the SELECT as they grow: typed columns inside, kept columns outside, faults in order."""

    inner: list[str] = field(default_factory=list)
    outer: list[str] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)  # test, "column|reason", value
    rounded: str = "false"


def compile_table(
    con: duckdb.DuckDBPyConnection, table: Table, section: TableSection, study: StudySection, source: Source
) -> tuple[tuple[str, ...], str]:
    """Compile a table's declaration to one SELECT over a source.

    Returns
    -------
    columns : tuple of str
        Our names of the columns the source has.
    select : str
        The SELECT: typed columns under their normalised names, the file's other columns, then ``_fault``
        ("column|reason" of the first fault, NULL for a usable row), ``_value`` and ``_rounded``.
    """
    mapped = _map_columns(table, section, source)
    parts = _Select()
    parts.faults = _declared_rows(table, section, source)
    priced = table.name == "transactions" and "revenue" not in {column.name for column in mapped}
    for column, theirs in mapped.items():
        typed = typed_value(con, column, theirs, section, study, source)
        _add_column(parts, column, theirs, typed, section, source, needed=priced and column.name in _PRICED)
    for name, value in section.constants.items():
        parts.outer.append(f"{literal(value)} AS {quote(name)}")
    if table.name == "transactions":
        _add_revenue(parts, mapped, section, study, source)
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
            raise ColumnError(
                f"{_not_found(source, theirs)} Rename it, or map {column.name} under [tables.{table.name}] columns."
                + _no_customer(column, section)
            )
    return mapped


def _no_customer(column: Column, section: TableSection) -> str:
    if column.name != "customer_id" or column.name in section.columns:
        return ""
    return (
        " Without a column that says who bought (a customer number, an e-mail address, a loyalty card) nothing can be "
        "said about customers: export it along."
    )


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
                test = _listed(theirs, values)
                shown = f"CAST({quote(f'raw {theirs}')} AS VARCHAR)"
                label = f"{theirs.replace('|', '/')}|excluded"
                faults.append((f"NOT ({test})" if option == "only" else test, label, shown))
    return faults


def _listed(theirs: str, values: tuple[str, ...]) -> str:
    """Return the SQL that is true where a cell of the file's column is one of `values`."""
    # the inner SELECT carries the file's columns under names of ours, so that none can hide another
    text = f"CAST({quote(f'raw {theirs}')} AS VARCHAR)"
    cell = f"coalesce(lower({trimmed(text)}), '')"
    wanted = [value.strip().lower() for value in values]
    tests = [f"{cell} IN ({', '.join(literal(value) for value in wanted if '*' not in value)})"]
    for value in wanted:
        if "*" in value:
            pattern = ".*".join(re.escape(piece) for piece in value.split("*"))
            tests.append(f"regexp_full_match({cell}, {literal(pattern)}, 's')")
    return " OR ".join(test for test in tests if not test.endswith("IN ()"))


def _add_column(
    parts: _Select, column: Column, theirs: str, typed: Typed, section: TableSection, source: Source, *, needed: bool
) -> None:
    name, raw = column.normalised, quote(f"raw {theirs}")
    kind = source.columns[theirs]
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
    if (column.required or needed) and not by_order:
        parts.faults.append((none, f"{column.name}|missing", shown))
    if typed.offset:
        parts.faults.append((typed.offset, f"{column.name}|offset", shown))
    unreadable = f"{quote(name)} IS NULL AND NOT ({empty})"
    parts.faults.append((unreadable, f"{column.name}|{typed.unreadable}", shown))
    if typed.inexact and column.name == "revenue":
        parts.rounded = typed.inexact


def _add_revenue(
    parts: _Select, mapped: dict[Column, str], section: TableSection, study: StudySection, source: Source
) -> None:
    """Add what transactions need beyond their columns: net revenue where it is not one column, an order id."""
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
        price, pieces = (number(by_name[name], section, source) for name in _PRICED)
        off = f" - coalesce({number(by_name['discount'], section, source)}, 0)" if "discount" in names else ""
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
    tests = " OR ".join(_listed(theirs, values) for theirs, values in section.refund_rows.items())
    return f"CASE WHEN {tests} THEN -abs({revenue}) ELSE {revenue} END AS revenue_minor" if tests else revenue


def _add_others(parts: _Select, mapped: dict[Column, str], section: TableSection, source: Source) -> None:
    """Carry along the file's other columns; one that has a name of ours gets "(file)" behind it."""
    ours = {column.normalised for column in mapped} | {column.name for column in mapped}
    ours |= {"order_id", "revenue", "revenue_minor"} | set(section.constants)
    for theirs in source.columns:
        parts.inner.append(f"{quote(theirs)} AS {quote(f'raw {theirs}')}")
        if theirs not in mapped.values():
            parts.outer.append(f"{quote(f'raw {theirs}')} AS {quote(f'{theirs} (file)' if theirs in ours else theirs)}")
