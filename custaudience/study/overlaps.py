"""Exports that overlap: the same lines in two files of a table would count twice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from custaudience.errors import DataError
from custaudience.study.compiling import rewrite, rows_of
from custaudience.study.sources import literal, quote
from custaudience.study.values import Declared


def settle_overlaps(declared: Declared, columns: Sequence[str], parts: Sequence[tuple[str, Path]]) -> None:
    """Find lines that stand in two files; set those of the later file aside, or ask what is meant.

    `columns` are our columns that the table has, `parts` (file, Parquet part). A line that stands twice in one file is
    sold twice: of a line, as many are kept as one file has at most.
    """
    if declared.table.key or declared.section.overlap == "keep" or len(parts) < 2 or not _meet(declared, parts):
        return
    named = [column.normalised for column in declared.table.columns if column.name in columns]
    hashed = f"hash({', '.join(map(quote, named))})"
    lines = " UNION ALL ".join(
        f"SELECT {place} AS part, file_row_number AS row, {hashed} AS line FROM ({rows_of(part)}) WHERE _fault IS NULL"
        for place, (_, part) in enumerate(parts)
    )
    # of a line's n-th occurrence in each file, the first file's is kept
    copies = f"SELECT *, row_number() OVER (PARTITION BY line, part ORDER BY row) AS copy FROM ({lines})"
    first = f"SELECT *, min(part) OVER (PARTITION BY line, copy) AS first FROM ({copies})"
    declared.con.execute(
        f"CREATE OR REPLACE TEMP TABLE _twice AS SELECT part, row, first FROM ({first}) WHERE part > first"
    )
    try:
        found = declared.con.execute(
            "SELECT first, part, count(*) FROM _twice GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
        ).fetchall()
        if found and declared.section.overlap is None:
            raise DataError(_question(declared, parts, found))
        for place in sorted({part for _, part, _ in found}):
            twice = f"file_row_number IN (SELECT row FROM _twice WHERE part = {place})"
            fault = f"CASE WHEN {twice} THEN '{named[0]}|overlap' ELSE _fault END"
            rewrite(declared.con, parts[place][1], f"{fault} AS _fault", rows_of(parts[place][1]))
    finally:
        declared.con.execute("DROP TABLE IF EXISTS _twice")


def _meet(declared: Declared, parts: Sequence[tuple[str, Path]]) -> bool:
    """Say whether two files cover a day in common; without a date any two may."""
    date = next((column.name for column in declared.table.columns if column.type == "datetime"), None)
    spans = []
    for _, part in parts:
        source = f"read_parquet({literal(str(part))})"
        has = {row[0] for row in declared.con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        if date not in has:
            return True
        low, high = declared.con.execute(f"SELECT min({date}), max({date}) FROM {source}").fetchall()[0]
        spans += [(low, high)] if low is not None else []
    spans.sort()
    return any(later[0] <= earlier[1] for earlier, later in pairwise(spans))


def _question(declared: Declared, parts: Sequence[tuple[str, Path]], found: list[tuple[int, int, int]]) -> str:
    name, total = declared.table.name, sum(n for _, _, n in found)
    pairs = "; ".join(f"{n:,} of {parts[later][0]} also in {parts[first][0]}" for first, later, n in found[:3])
    return (
        f"{name}: {total:,} {'line stands' if total == 1 else 'lines stand'} in two files ({pairs}): they would count "
        f'twice. If the exports overlap, write overlap = "once" under [tables.{name}]; if each was really sold twice, '
        'overlap = "keep".'
    )
