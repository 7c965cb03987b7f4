"""One look at every row: how many agree with what was proposed, and what the sample could not tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from custaudience.errors import DataError
from custaudience.study.config import StudySection, TableSection
from custaudience.study.contracts import TABLES
from custaudience.study.sources import Source, open_file, quote, wrong_encoding
from custaudience.study.values import number, typed_value

LARGEST = 2_000_000_000  # bytes; above, every row is left to `check`, which reads them once anyway
_TOP = 12  # commonest ids and statuses that are looked at


@dataclass(frozen=True)
class Counted:
    """What one column holds: cells that are not empty, and how many of them can be read as proposed."""

    filled: int
    read: int


@dataclass(frozen=True)
class Scan:
    """What every row of a table says.

    Attributes
    ----------
    rows : int
        Rows of all its files.
    columns : dict
        By our column: `Counted`.
    day_first, month_first : int
        Dates that can only be read with the day, or with the month, in front.
    first, last : str
        The earliest and latest date.
    ids : list of str
        The commonest customer ids, about in their order.
    statuses : dict
        By the file's column and its value: rows, and rows with an amount above zero.
    currencies : dict
        Values of the currency column, in capitals, and their rows.
    """

    rows: int
    columns: dict[str, Counted]
    day_first: int = 0
    month_first: int = 0
    first: str = ""
    last: str = ""
    ids: list[str] = field(default_factory=list)
    statuses: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    currencies: dict[str, int] = field(default_factory=dict)


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
        If a file cannot be parsed.
    """
    found = [_scan_file(con, file, table, mapped, section, study, statuses, scratch) for file in files]
    return found[0] if len(found) == 1 else _add(found)


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
    picked: list[str] = ["count(*)"]
    for column in TABLES[table].columns:
        theirs = mapped.get(column.name)
        if theirs is not None:
            typed = typed_value(con, column, theirs, section, study, source)
            filled = _filled(theirs, source)
            picked.append(f"count(*) FILTER ({filled})")
            picked.append(f"count(*) FILTER ({filled} AND ({typed.sql}) IS NOT NULL)")
    # one more row of figures, in the order in which they are taken apart below
    picked += _date_figures(con, table, mapped, section, study, source)
    customer, currency = mapped.get("customer_id"), mapped.get("currency")
    cell = f"trim(CAST({quote(customer or '')} AS VARCHAR))"
    picked.append(f"approx_top_k({cell}, {_TOP}) FILTER ({_filled(customer, source)})" if customer else "NULL")
    cell = f"upper(trim(CAST({quote(currency or '')} AS VARCHAR)))"
    picked.append(f"histogram({cell}) FILTER ({_filled(currency, source)})" if currency else "NULL")
    amount = next((mapped[name] for name in ("revenue", "unit_price") if name in mapped), None)
    positive = f"({number(amount, section, source)}) > 0" if amount else "false"
    for theirs in statuses:
        cell = f"coalesce(trim(CAST({quote(theirs)} AS VARCHAR)), '')"
        picked += [f"histogram({cell})", f"histogram({cell}) FILTER ({positive})"]
    try:
        row = list(con.execute(f"SELECT {', '.join(picked)} FROM {source.sql}").fetchall()[0])
    except duckdb.Error as error:
        if "not utf-8" in str(error) or "nvalid unicode" in str(error):
            raise DataError(wrong_encoding(file, section.encoding, "bytes that no UTF-8 text has")) from None
        raise DataError(f"{file.name} cannot be read: {str(error).splitlines()[0][:300]}") from None
    rows = int(row.pop(0))
    counted = {
        column.name: Counted(int(row.pop(0)), int(row.pop(0)))
        for column in TABLES[table].columns
        if column.name in mapped
    }
    day_first, month_first, first, last, ids, currencies = (row.pop(0) for _ in range(6))
    by_status = {}
    for theirs in statuses:
        every, above = row.pop(0) or {}, row.pop(0) or {}
        by_status[theirs] = {value: (int(n), int(above.get(value, 0))) for value, n in every.items()}
    return Scan(
        rows,
        counted,
        int(day_first or 0),
        int(month_first or 0),
        str(first or ""),
        str(last or ""),
        list(ids or []),
        by_status,
        {value: int(n) for value, n in (currencies or {}).items()},
    )


def _filled(theirs: str, source: Source) -> str:
    raw = quote(theirs)
    if source.columns[theirs] == "VARCHAR":
        return f"{raw} IS NOT NULL AND trim({raw}) <> ''"
    return f"{raw} IS NOT NULL"


def _date_figures(
    con: duckdb.DuckDBPyConnection,
    table: str,
    mapped: Mapping[str, str],
    section: TableSection,
    study: StudySection,
    source: Source,
) -> list[str]:
    dated = next((c for c in TABLES[table].columns if c.type == "datetime" and c.name in mapped), None)
    if dated is None:
        return ["0", "0", "NULL", "NULL"]
    theirs = mapped[dated.name]
    typed = typed_value(con, dated, theirs, section, study, source)
    text = f"trim(CAST({quote(theirs)} AS VARCHAR))"
    figures = []
    if section.date_format and source.columns[theirs] == "VARCHAR" and "%" in str(section.date_format):
        pieces = f"regexp_extract({text}, '^([0-9]{{1,2}})[./-]([0-9]{{1,2}})[./-]'"
        figures = [f"count(*) FILTER (TRY_CAST({pieces}, {k}) AS INTEGER) > 12)" for k in (1, 2)]
    return [*(figures or ["0", "0"]), f"CAST(min({typed.sql}) AS DATE)", f"CAST(max({typed.sql}) AS DATE)"]


def _add(found: list[Scan]) -> Scan:
    currencies: dict[str, int] = {}
    statuses: dict[str, dict[str, tuple[int, int]]] = {}
    for one in found:
        for name, n in one.currencies.items():
            currencies[name] = currencies.get(name, 0) + n
        for column, values in one.statuses.items():
            into = statuses.setdefault(column, {})
            for value, (rows, above) in values.items():
                before = into.get(value, (0, 0))
                into[value] = (before[0] + rows, before[1] + above)
    return Scan(
        sum(one.rows for one in found),
        {
            name: Counted(sum(one.columns[name].filled for one in found), sum(one.columns[name].read for one in found))
            for name in found[0].columns
        },
        sum(one.day_first for one in found),
        sum(one.month_first for one in found),
        min(one.first for one in found if one.first) if any(one.first for one in found) else "",
        max(one.last for one in found),
        list(dict.fromkeys(name for one in found for name in one.ids)),
        statuses,
        currencies,
    )
