"""The strict pass: one scan of each file types every value and marks each row that cannot be used.

Each file becomes one Parquet part with every row in the file's order; one that is set aside carries ``_fault``
("column|reason") and ``_value``. So rows in = used + set aside, and a row's number is its position in the part.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import duckdb
from pydantic import TypeAdapter

from custaudience.errors import ColumnError, DataError
from custaudience.study.compiling import compile_table, settle
from custaudience.study.config import StudySection, TableSection
from custaudience.study.contracts import DECLARED, LONE, REASONS
from custaudience.study.overlaps import settle_overlaps
from custaudience.study.set_aside import money_lost
from custaudience.study.sources import SCRATCH, Source, literal, open_file, unreadable
from custaudience.study.values import Declared

READER_VERSION = 3  # part of the cache key: raise it when the same input must be read anew

_HINTS: dict[str, list[dict[str, str]]] = tomllib.loads(
    files(__package__).joinpath("hints.toml").read_text(encoding="utf-8")
)
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
    lost_minor: float = 0.0  # money in the faulty rows of order lines, estimated where it cannot be read
    lost_share: float = 0.0  # its share of what was sold

    @property
    def rows_set_aside(self) -> int:
        """Rows in quarantine."""
        return sum(fault.rows for fault in self.faults)

    @property
    def rows_declared(self) -> int:
        """Rows among them that study.toml asks to leave out: they are no faults."""
        return sum(fault.rows for fault in self.faults if fault.reason in DECLARED)


def read_files(declared: Declared, paths: Sequence[Path], folder: Path) -> ReadReport:
    """Read a table's files into Parquet parts in `folder`; see `read_sources`."""
    section = declared.section
    _enough_room(paths, section, folder)
    sources = [open_file(declared.con, file, section, folder) for file in paths]
    if section.database:  # its snapshot has a name that means nothing to people
        sources = [replace(source, label=f"{declared.table.name} from {section.database}") for source in sources]
    try:
        return read_sources(declared, sources, folder)
    except duckdb.Error as error:
        raise DataError(unreadable(error, paths, section.encoding)) from None
    finally:
        for copy in folder.glob(f"*{SCRATCH}"):
            copy.unlink()


def _enough_room(paths: Sequence[Path], section: TableSection, folder: Path) -> None:
    """Stop before a disk fills up: a part takes about a third of its text, and other encodings are copied first."""
    size = sum(path.stat().st_size for path in paths)
    copied = 1.5 if section.encoding != "utf-8" else 0.0
    needed, free = size * (0.4 + copied), shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{paths[0].name}{' and others' if len(paths) > 1 else ''}: {size / 1e9:.1f} GB take about "
            f"{needed / 1e9:.1f} GB in the cache folder, whose disk has {free / 1e9:.1f} GB left. Free some, or set "
            "CUSTAUDIENCE_CACHE to a folder on a larger disk."
        )


def read_sources(declared: Declared, sources: Sequence[Source], folder: Path) -> ReadReport:
    """Type and check every row of the sources, write the parts and ``report.json``."""
    con, table = declared.con, declared.table
    parts: list[Part] = []
    rejects: list[tuple[str, int, str, str]] = []
    columns: tuple[str, ...] = ()
    for number, source in enumerate(sources):
        part = folder / f"part-{number:04d}.parquet"
        before = columns
        columns, select = compile_table(declared, source)
        if number and set(columns) != set(before):
            odd = ", ".join(sorted(set(columns) ^ set(before)))
            raise ColumnError(
                f"[tables.{table.name}] {sources[0].label} and {source.label} differ: one has {odd}, the other not. "
                "Files of one table need the same columns."
            )
        con.execute("DROP TABLE IF EXISTS reject_scans; DROP TABLE IF EXISTS reject_errors")
        con.execute(f"COPY ({select}) TO {literal(str(part))} (FORMAT parquet, COMPRESSION zstd)")
        broken = rejected_lines(con, source) if source.text else []
        rows = con.read_parquet(str(part)).count("*").fetchall()[0][0]
        # record number of a broken line = its line less the header; readable rows before it = that less itself
        after = tuple(row - 1 - k for k, (row, _, _) in enumerate(broken))
        parts.append(Part(source.label, part.name, rows, after))
        rejects += [(source.label, *row) for row in broken]
    settle_overlaps(declared, columns, [(part.file, folder / part.parquet) for part in parts])
    settle(declared, [folder / part.parquet for part in parts])
    report = _count_faults(con, ReadReport(table.name, 0, 0, 0, columns, tuple(parts), (), tuple(rejects)), folder)
    _stop_if_too_many(report, declared.section, declared.study)
    if table.name == "transactions" and report.rows_set_aside > report.rows_declared:
        report = _stop_if_too_much(report, declared, folder)
    if "currency" in columns:
        _one_currency(con, report, declared.study, folder)
    (folder / "report.json").write_text(json.dumps(report, default=vars, ensure_ascii=False), encoding="utf-8")
    return report


def load_report(folder: Path) -> ReadReport:
    """Read ``report.json`` of a cache entry."""
    return TypeAdapter(ReadReport).validate_json((folder / "report.json").read_bytes())


def used_rows(report: ReadReport, folder: Path) -> str:
    """Return the SELECT of a table's usable rows, with ``_file`` and ``_row`` (1 = first after the header)."""
    return " UNION ALL BY NAME ".join(  # exports of two months may order their columns differently
        f"SELECT * EXCLUDE (_fault, _value, _rounded, file_row_number), {literal(part.file)} AS _file, "
        f"{_row_number(part)} AS _row FROM {_parquet(folder / part.parquet)}"
        + (" WHERE _fault IS NULL" if report.faults else "")
        for part in report.parts
    )


def all_rows(report: ReadReport, folder: Path) -> str:
    """Return the SELECT of every row a parser took, usable or not: ``_fault`` is NULL or "column|reason"."""
    files = (literal(str(folder / part.parquet)) for part in report.parts)
    return " UNION ALL BY NAME ".join(f"SELECT * FROM read_parquet({file})" for file in files)


def quarantined_rows(report: ReadReport, folder: Path) -> str:
    """Return the SELECT of the rows set aside: file, row, column, reason, value."""
    marked = [
        f"SELECT {literal(part.file)} AS file, {_row_number(part)} AS row, split_part(_fault, '|', 1) AS \"column\", "
        f"split_part(_fault, '|', 2) AS reason, _value AS value FROM {_parquet(folder / part.parquet)} "
        "WHERE _fault IS NOT NULL"
        for part in report.parts
    ]
    rejected = ((literal(file), row, literal(reason), literal(text)) for file, row, reason, text in report.rejects)
    broken = [f"SELECT {file}, {row}, '', {reason}, {text}" for file, row, reason, text in rejected]
    return " UNION ALL ".join(marked + broken) + " ORDER BY file, row"


def _parquet(path: Path) -> str:
    return f"read_parquet({literal(str(path))}, file_row_number = true)"


def _row_number(part: Part) -> str:
    if not part.rejected_after:
        return "file_row_number + 1"
    after = ", ".join(map(str, part.rejected_after))
    return f"file_row_number + 1 + len(list_filter([{after}], lambda a: file_row_number >= a))"


def rejected_lines(con: duckdb.DuckDBPyConnection, source: Source) -> list[tuple[int, str, str]]:
    """Return the lines no CSV parser took in the last scan: (row, reason, text); row 1 follows the header."""
    rows = con.execute(
        "SELECT line, any_value(error_type ORDER BY error_type), any_value(csv_line) FROM reject_errors "
        "GROUP BY line ORDER BY line"
    ).fetchall()
    for line, kind, _ in rows:
        if "QUOTE" in kind:
            raise DataError(
                f"{source.label}: line {line:,} opens a quote that is never closed, so what follows cannot be told "
                "apart. Mend that line, or export again."
            )
    return [
        (line - source.header_line, _STRUCTURAL.get(kind, "broken_line"), (text or "").strip())
        for line, kind, text in rows
    ]


def _count_faults(con: duckdb.DuckDBPyConnection, report: ReadReport, folder: Path) -> ReadReport:
    """Return the report with its rows counted: read, used, rounded and, by reason, set aside."""
    scan = " UNION ALL ".join(
        f"SELECT _fault, _value, {literal(part.file)} AS file, {_row_number(part)} AS row "
        f"FROM {_parquet(folder / part.parquet)} WHERE _fault IS NOT NULL"
        for part in report.parts
    )
    counted = con.execute(
        f"SELECT _fault, count(*), list({{'file': file, 'row': row, 'value': _value}} ORDER BY file, row)[:3] "
        f"FROM ({scan}) GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    faults = []
    for fault, rows, examples in counted:
        column, reason = fault.split("|")
        faults.append(Fault(column, reason, rows, tuple((e["file"], e["row"], e["value"]) for e in examples)))
    for reason in sorted({row[2] for row in report.rejects}):
        hit = [row for row in report.rejects if row[2] == reason]
        faults.append(Fault("", reason, len(hit), tuple((f, row, text[:80]) for f, row, _, text in hit[:3])))
    names = ", ".join(literal(str(folder / part.parquet)) for part in report.parts)
    rounded = con.execute(f"SELECT count(*) FROM read_parquet([{names}]) WHERE _rounded AND _fault IS NULL").fetchall()
    rows_in = sum(part.rows for part in report.parts) + len(report.rejects)
    used = rows_in - sum(fault.rows for fault in faults)
    in_order = tuple(sorted(faults, key=lambda f: -f.rows))
    return replace(report, rows_in=rows_in, rows_used=used, rows_rounded=int(rounded[0][0]), faults=in_order)


def _stop_if_too_many(report: ReadReport, section: TableSection, study: StudySection) -> None:
    label = report.parts[0].file if len(report.parts) == 1 else f"{report.table} ({len(report.parts)} files)"
    if not report.rows_in:
        raise DataError(
            f"{label} has a header but no rows, or lines that end in two ways (Windows and Unix) so that none can be "
            "told apart. Export it again."
        )
    if not report.rows_used and report.rows_set_aside == report.rows_declared:
        rules = ", ".join(sorted({fault.column for fault in report.faults}))
        raise DataError(f"{label}: the rules of study.toml on {rules} leave no row of {report.rows_in:,} in.")
    lone = sum(fault.rows for fault in report.faults if fault.reason == LONE)
    faulty = report.rows_set_aside - report.rows_declared - lone
    share = faulty / max(1, report.rows_in - report.rows_declared)
    if share <= study.max_quarantined:
        return
    faults = [fault for fault in report.faults if fault.reason not in (*DECLARED, LONE)]
    reasons = "; ".join(describe_fault(fault, section) for fault in faults[:3])
    raise DataError(
        f"{label}: {faulty:,} of {report.rows_in - report.rows_declared:,} rows ({share:.1%}) cannot be used; at most "
        f"{study.max_quarantined:.1%} may be set aside (max_quarantined). Commonest: {reasons}."
    )


def _stop_if_too_much(report: ReadReport, declared: Declared, folder: Path) -> ReadReport:
    """Stop when the rows set aside, however few, are much of the money or of a kind of rows; else note their money."""
    lost = money_lost(declared, [(part.file, folder / part.parquet) for part in report.parts])
    limit = declared.study.max_money_set_aside
    why = lost.too_much(limit) if limit < 1 else []
    if why:
        faults = [fault for fault in report.faults if fault.reason not in DECLARED]
        reasons = "; ".join(describe_fault(fault, declared.section) for fault in faults[:3])
        label = report.parts[0].file if len(report.parts) == 1 else f"{report.table} ({len(report.parts)} files)"
        faulty = f"{report.rows_set_aside - report.rows_declared:,} of {report.rows_in:,} rows"
        raise DataError(
            f"{label}: {faulty} cannot be used. Few, but {'; '.join(why[:3])}: {lost.said(declared.study)}. Commonest: "
            f"{reasons}. Say how they are written, mend the export, or leave them out knowingly: by exclude, or with "
            "max_money_set_aside = 1 under [study]."
        )
    return replace(report, lost_minor=lost.money, lost_share=lost.share)


def _one_currency(con: duckdb.DuckDBPyConnection, report: ReadReport, study: StudySection, folder: Path) -> None:
    rows = used_rows(report, folder)
    found = con.execute(
        f"SELECT currency, count(*) FROM ({rows}) WHERE currency IS NOT NULL GROUP BY 1 ORDER BY 2 DESC"
    ).fetchall()
    if [name for name, _ in found] not in ([], [study.currency]):
        named = ", ".join(f"{name} {rows:,} rows" for name, rows in found[:5])
        raise DataError(
            f"{report.parts[0].file}: the study is in {study.currency}, the table holds {named}. Amounts of two "
            "currencies cannot be added: split the file, or convert it first."
        )


_TOTALS = re.compile(
    r"(grand |sub)?totals?\b|sum\b|итого|всего|разом|усього|всього|підсумок|tổng( cộng)?|сума|сумма", re.IGNORECASE
)


def is_total(text: str) -> bool:
    """Say whether a cell reads like the label of a line of totals, in English, Ukrainian, Russian or Vietnamese."""
    return bool(_TOTALS.match(text.strip()))


def describe_fault(fault: Fault, section: TableSection) -> str:
    """Return a reason, how many rows, one of them, and what to declare when the cause can be seen."""
    file, row, value = fault.examples[0]
    where = f"{fault.column}: " if fault.column else ""
    shown = "" if value is None else f" {value[:40]!r}"
    said = f"{where}{REASONS[fault.reason]} ({fault.rows:,} rows, such as row {row} of {file}{shown})"
    return said + _hint(fault, (value or "").strip(), section)


def _hint(fault: Fault, value: str, section: TableSection) -> str:
    if fault.reason == "not_a_date" and section.date_format:
        return _other_order(value, section)
    seen = {"column": fault.column, "decimal": section.decimal}
    for hint in _HINTS.get(fault.reason, ()):
        fits = all(hint.get(key, what) == what for key, what in seen.items())
        if fits and (found := re.match(hint.get("pattern", ""), value)):
            return str(hint["say"]).format(**found.groupdict())
    if is_total(value):
        return f'; it looks like a line of totals: leave it out with exclude = {{ "COLUMN" = ["{value}"] }}'
    return ""


def _other_order(value: str, section: TableSection) -> str:
    """Say what is likely when dates were declared and some cannot be read."""
    declared = section.date_format
    if declared in ("excel", "unix", "unix_ms", "unix_us"):
        return f"; date_format is {declared!r}, and this is written out: export one kind of date"
    if re.fullmatch(r"[1-9]\d{4}([.,]\d+)?", value):
        return f"; date_format is {declared!r}, and this is a day counted by a spreadsheet: export one kind of date"
    first, second = [*re.findall(r"\d+", value), "", ""][:2]
    if first.isdigit() and second.isdigit() and len(first) <= 2 and (int(first) > 12) != (int(second) > 12):
        order = "day" if int(first) > 12 else "month"
        return (
            f"; date_format is {declared!r}, and here the {order} comes first: if all rows are so, turn it round; if "
            "some are, two orders are mixed in one column, which no rule can tell apart: export it again with one"
        )
    return f"; date_format is {declared!r}: is the rest of the column written so?"
