"""The proposal as people read it: lines on a terminal, a commented study.toml, a data dictionary."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from custaudience.study.contracts import TABLES
from custaudience.study.proposing.tables import TableProposal

if TYPE_CHECKING:
    from custaudience.study.proposing import Proposal

_WIDTH = 100
_ORDER = (
    "sheet", "header_row", "separator", "encoding", "timezone", "date_format", "decimal", "thousands", "currency_sign",
    "constants", "only", "exclude", "refund_rows", "guests", "guest_ids", "revenue_per", "case_insensitive_ids",
)  # fmt: skip
_MEANINGS = {
    "sheet": "the sheet",
    "header_row": "the column names stand in this row",
    "separator": "between the cells",
    "encoding": "of the text",
    "timezone": "the clock of the dates",
    "date_format": "how dates are written",
    "decimal": "the decimal sign",
    "thousands": "groups thousands",
    "currency_sign": "taken off the amounts",
    "constants": "the same for all rows",
    "only": "rows that count",
    "exclude": "rows left out",
    "refund_rows": "rows that are money paid back",
    "guests": "buyers without an id",
    "guest_ids": "ids that stand for nobody in particular",
    "revenue_per": "what the amount belongs to",
    "case_insensitive_ids": "ids in small letters",
}
_PERSONAL = {"customer_id", "order_id", "email", "phone"}


def describe(proposal: Proposal) -> str:
    """Return the proposal as lines for a terminal: each guess with the evidence for it."""
    lines = [
        f"{proposal.study['name']}: proposed from {', '.join(table.sample.file.name for table in proposal.tables)}"
    ]
    for key in ("currency", "timezone", "language", "unit"):
        lines.append(f"  {key:<12} {proposal.study[key]:<18} {proposal.why[key]}")
    for table in proposal.tables:
        lines += ["", *_describe_table(table)]
    lines += [_wrapped(f"not used: {text}", "") for text in proposal.unused]
    return "\n".join(lines)


def _describe_table(table: TableProposal) -> Iterator[str]:
    named = ", ".join(sample.label for sample in table.samples)
    exact = "rows" if table.scan else "rows looked at"
    preset = f", by preset {table.preset[0]}" if table.preset else ""
    yield f"{named} → {table.table} ({TABLES[table.table].one_row_is}), {table.rows:,} {exact}{preset}"
    for ours, theirs in table.columns.items():
        values = list(dict.fromkeys(table.sample.column(theirs)))[:3]
        shown = ", ".join(value if len(value) <= 24 else f"{value[:23]}…" for value in values)
        yield f"  {ours:<12} {theirs!r}"
        yield _wrapped(f"{_agreement(table, ours)}; {'; '.join(table.why.get(ours, []))}. Such as {shown}", " " * 15)
    for key in _ORDER:
        if key in table.settings:
            yield _wrapped(f"{key} = {_toml(table.settings[key])}", "  ")
            for sentence in table.why.get(key, []):
                yield _wrapped(f"{sentence}", " " * 15)
    for sentence in table.why.get("counted", []):
        yield _wrapped(sentence, "  ")
    for note in table.notes:
        yield _wrapped(f"Note: {note}", "  ")


def _agreement(table: TableProposal, ours: str) -> str:
    if table.scan is None:
        return "looked at in the sample only"
    counted = table.scan.columns[ours]
    if counted.filled == table.scan.rows == counted.read:
        return f"all {table.scan.rows:,} rows read"
    empty = table.scan.rows - counted.filled
    return f"{counted.read:,} of {table.scan.rows:,} rows read" + (f", {empty:,} empty" if empty else "")


def study_toml(proposal: Proposal, paths: Mapping[str, str]) -> str:
    """Return study.toml with a comment for each guess; `paths` gives each file's path by its name in the proposal."""
    study = proposal.study
    lines = ["# One folder is one study. README.md beside this file is the data dictionary.", "[study]"]
    for key in ("name", "currency", "timezone", "language", "unit"):
        lines.append(_commented(key, study[key], proposal.why.get(key, "")))
    lines += [
        '# first_orders = "observed"     # or "cut off": does the export reach back to each customer\'s first order ever?',
        '# complete_until = "2025-06-30" # the last day the export covers, when nothing was sold on it',
        "",
    ]
    for table in proposal.tables:
        lines += [*_table_toml(table, paths), ""]
    lines += [
        "[control]                       # totals from the books; `custaudience check` says how the data meet them",
        '# "revenue.2025-06" = 48210',
        "",
        "[privacy]",
        "min_group_size = 10             # smaller groups of people are never published",
        "",
    ]
    return "\n".join(lines)


def _table_toml(table: TableProposal, paths: Mapping[str, str]) -> Iterator[str]:
    yield f"[tables.{table.table}]" + (f"  # {table.preset[1].title}: preset {table.preset[0]}" if table.preset else "")
    for note in table.notes:
        yield from textwrap.wrap(note, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    named = [paths[sample.label] for sample in table.samples]
    yield f"path = {_toml(named[0] if len(named) == 1 else named)}"
    for key in _ORDER:
        if key in table.settings:
            yield from _commented_lines(key, table.settings[key], table.why.get(key, []))
    if table.why.get("counted"):
        yield from (f"# {sentence}" for sentence in table.why["counted"])
    yield f"[tables.{table.table}.columns]"
    yield from (f"{ours} = {_toml(theirs)}" for ours, theirs in table.columns.items())


def _commented(key: str, value: Any, why: str) -> str:
    comment = ": ".join(part for part in (_MEANINGS.get(key, ""), _one_line(why)) if part)
    return f"{f'{key} = {_toml(value)}':<31} # {comment}" if comment else f"{key} = {_toml(value)}"


def _commented_lines(key: str, value: Any, why: list[str]) -> Iterator[str]:
    text = f"{key} = {_toml(value)}"
    short = "; ".join(map(_one_line, why))
    if len(text) <= 60 and len(short) <= 70:
        yield _commented(key, value, short)
        return
    yield f"# {key}: {_MEANINGS[key]}"
    yield from (f"#   {_one_line(sentence)}" for sentence in why)
    yield text


def dictionary(proposal: Proposal) -> str:
    """Return the data dictionary as Markdown; no id or name of anybody is in it."""
    lines = [f"# {_one_line(proposal.study['name'])}: data dictionary", ""]
    for table in proposal.tables:
        lines += [f"## {table.table}: {TABLES[table.table].one_row_is}", ""]
        lines += [f"Files: {', '.join(_code(sample.label) for sample in table.samples)}. Rows: {table.rows:,}.", ""]
        if table.scan and table.scan.first:
            lines += [f"From {table.scan.first} to {table.scan.last}.", ""]
        lines += ["| column in the file | ours | meaning | filled | examples |", "|---|---|---|---|---|"]
        lines += [_dictionary_row(table, theirs) for theirs in table.sample.header]
        lines += ["", *(f"- {_one_line(note)}" for note in table.notes), ""]
    lines += ["Source, licence, known problems: write them here.", ""]
    return "\n".join(lines)


def _dictionary_row(table: TableProposal, theirs: str) -> str:
    ours = next((name for name, column in table.columns.items() if column == theirs), "")
    column = next((column for column in TABLES[table.table].columns if column.name == ours), None)
    values = table.sample.column(theirs)
    filled = len(values) / max(1, len(table.sample.rows))
    few = list(dict.fromkeys(values))
    # what identifies people, or might, is not repeated in a file that is passed on
    tells = column is not None and column.type in ("datetime", "money", "number")
    repeated = len(few) <= 20 and len(few) < len(values) / 10 and ours not in _PERSONAL
    shown = ", ".join(_code(value[:30]) for value in few[:3]) if tells or repeated else "not shown"
    meaning = column.meaning if column else "carried along"
    return f"| {_code(theirs)} | {ours} | {meaning} | {filled:.0%} | {shown} |"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(str(key))} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _key(text: str) -> str:
    return text if text.isidentifier() and text.isascii() else json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _code(text: str) -> str:
    return "`" + _one_line(text).replace("`", "'").replace("|", "\\|") + "`"


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        _one_line(text), _WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False
    )
