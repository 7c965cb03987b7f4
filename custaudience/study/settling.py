"""What only several rows together can tell: a key that stands twice, the total of an order on many lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from custaudience.study.config import TableSection
from custaudience.study.contracts import Table
from custaudience.study.sources import literal, quote


def settle(con: duckdb.DuckDBPyConnection, table: Table, section: TableSection, parts: Sequence[Path]) -> None:
    """Rewrite the parts of a table in which rows depend on other rows; the others stay as they are.

    A repeated key keeps its first row. With ``revenue_per`` = "order" the first line of an order that has an amount
    keeps it, the order's others get 0; one that has another amount is set aside, and all lines of an order
    without any, or of one that study.toml leaves out.
    """
    if table.key is not None:
        _mark_repeated(con, table.key, parts)
    if section.revenue_per == "order":
        for part in parts:
            _once_per_order(con, part)


def _mark_repeated(con: duckdb.DuckDBPyConnection, key: str, parts: Sequence[Path]) -> None:
    rows = " UNION ALL ".join(
        f"SELECT {number} AS part, file_row_number AS row, {quote(key)} AS key "
        f"FROM read_parquet({literal(str(part))}, file_row_number = true) WHERE _fault IS NULL"
        for number, part in enumerate(parts)
    )
    repeated = con.execute(
        f"SELECT part, row FROM ({rows}) QUALIFY row_number() OVER (PARTITION BY key ORDER BY part, row) > 1"
    ).fetchall()
    for number, part in enumerate(parts):
        hit = [row for of, row in repeated if of == number]
        if hit:
            listed = ", ".join(map(str, hit))
            fault = f"CASE WHEN file_row_number IN ({listed}) THEN {literal(f'{key}|repeated')} ELSE _fault END"
            value = f"CASE WHEN file_row_number IN ({listed}) THEN {quote(key)} ELSE _value END"
            _rewrite(con, part, f"{fault} AS _fault, {value} AS _value", _rows(part))


def _once_per_order(con: duckdb.DuckDBPyConnection, part: Path) -> None:
    has_refunded = "refunded_minor" in {row[0] for row in con.execute(f"DESCRIBE {_rows(part)}").fetchall()}
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
        f"min(file_row_number) {of_order} AS _at, {back} AS _back FROM ({_rows(part)})"
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
    _rewrite(con, part, replaced, marked, helpers="_gross, _rule, _total, _at, _back, ")


def _rows(part: Path) -> str:
    return f"SELECT * FROM read_parquet({literal(str(part))}, file_row_number = true)"


def _rewrite(con: duckdb.DuckDBPyConnection, part: Path, replaced: str, rows: str, helpers: str = "") -> None:
    beside = part.with_name(f"{part.name}.new")
    con.execute(
        f"COPY (SELECT * EXCLUDE ({helpers}file_row_number) REPLACE ({replaced}) FROM ({rows}) "
        f"ORDER BY file_row_number) TO {literal(str(beside))} (FORMAT parquet, COMPRESSION zstd)"
    )
    beside.replace(part)
