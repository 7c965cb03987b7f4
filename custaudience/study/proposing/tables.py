"""One table of the study, proposed from its files: columns, how values are written, which rows are no sales."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from custaudience.errors import DataError, near_miss
from custaudience.study.config import StudySection
from custaudience.study.contracts import TABLES
from custaudience.study.proposing import rows, scanning
from custaudience.study.proposing.formats import propose_dates, settle_amounts, settle_currency, settle_date_order
from custaudience.study.proposing.proposal import Answers, TableProposal
from custaudience.study.proposing.roles import assign
from custaudience.study.proposing.sampling import Sample
from custaudience.study.proposing.scanning import scan, write_sample
from custaudience.study.sources import default_separator
from custaudience.study.values import Declared

_READABLE = 0.995  # share of an optional column's values that must be readable for it to be used
_LOST_DIGITS = re.compile(r"\d([.,]\d+)?E\+\d+")
_SIDE = 20_000  # rows of several files together that are looked at closely


def propose_table(
    con: duckdb.DuckDBPyConnection, proposal: TableProposal, study: StudySection, answers: Answers
) -> None:
    """Propose one table: its columns, how values are written, which rows count."""
    of_sales = proposal.table == "transactions"
    _layout(proposal)
    _columns(proposal, answers)
    settle_amounts(proposal, answers)
    propose_dates(proposal)
    rows.totals_rows(proposal)
    statuses = rows.status_columns(proposal) if of_sales and not proposal.preset else []
    _look_at_all(con, proposal, study, statuses)
    if settle_date_order(proposal, answers):
        _look_at_all(con, proposal, study, statuses)
    _say_unreadable(proposal, study)
    if of_sales:
        _transaction_rows(proposal, study, answers)


def together(samples: Sequence[Sample]) -> Sample:
    """Return one sample of the rows of all files, in the columns of the first."""
    first = samples[0]
    if len(samples) == 1:
        return first
    body: list[list[str]] = []
    tail: list[list[str]] = []
    for other in samples:
        for what in ("encoding", "separator", "header_row"):
            if getattr(other, what) != getattr(first, what):
                raise DataError(
                    f"{first.label} and {other.label} are written differently: {what} {getattr(first, what)!r} and "
                    f"{getattr(other, what)!r}. Files of one table must be alike: export them again in one way."
                )
        places = [other.header.index(name) for name in first.header]
        for into, those in ((body, other.rows[: _SIDE // len(samples)]), (tail, other.tail)):
            into += [[row[place] if place < len(row) else "" for place in places] for row in those]
    return replace(first, rows=body, tail=tail)


def _layout(proposal: TableProposal) -> None:
    sample = proposal.sample
    if sample.sheet is not None:
        proposal.settings["sheet"] = sample.sheet
    if sample.header_row > 1:
        proposal.settings["header_row"] = sample.header_row
    if sample.separator not in (None, default_separator(sample.file)):
        proposal.settings["separator"] = sample.separator
    if sample.encoding != "utf-8":
        proposal.settings["encoding"] = sample.encoding
    for key, sentence in sample.evidence.items():
        proposal.say(key, sentence)


def _columns(proposal: TableProposal, answers: Answers) -> None:
    sample, table = proposal.sample, proposal.table
    if proposal.preset is None:
        for ours, (theirs, why) in assign(table, sample, answers).items():
            proposal.columns[ours] = theirs
            proposal.say(ours, why)
        return
    name, preset = proposal.preset
    proposal.columns = preset.columns_of(sample.header)
    for column in TABLES[table].columns:
        given = answers.given(f"{table}.{column.name}")
        if given is not None:
            if given not in sample.header:
                raise DataError(f"{sample.label} has no column {given!r}.{near_miss(given, sample.header)}")
            proposal.columns[column.name] = given
    proposal.settings |= preset.settings_of(sample.header)
    constants = proposal.settings.get("constants", {})
    missing = [
        column.name
        for column in TABLES[table].columns
        if column.required and column.name not in proposal.columns and column.name not in constants
    ]
    if missing:
        documented = preset.columns.get(missing[0])
        raise DataError(
            f"{sample.label} looks like {preset.title} (preset {name}), but has no column {documented!r} for "
            f"{missing[0]}. Export it with that column."
        )
    for ours in proposal.columns:
        proposal.say(ours, "by the preset")
    for option in preset.settings:
        if option in proposal.settings:
            proposal.say(option, f"preset {name}")
    proposal.notes += preset.notes


def _look_at_all(
    con: duckdb.DuckDBPyConnection, proposal: TableProposal, study: StudySection, statuses: list[str]
) -> None:
    section, files = proposal.section, [sample.file for sample in proposal.samples]
    size = sum(sample.file.stat().st_size for sample in proposal.samples if sample.separator is not None)
    proposal.sampled = size > scanning.LARGEST
    with tempfile.TemporaryDirectory(prefix="custaudience-") as scratch:
        if proposal.sampled:
            file, section = write_sample(proposal.sample, section, Path(scratch))
            files = [file]
        proposal.scan = scan(
            Declared(con, TABLES[proposal.table], section, study), proposal.columns, files, statuses, Path(scratch)
        )
    note = (
        f"{proposal.sample.label} holds {size / 1e9:.1f} GB: this rests on {proposal.scan.rows:,} rows out of all "
        "parts of it, and so do the numbers of rows below. `custaudience check` reads every row, once; as Parquet that "
        "would take a fraction of the time and of the disk."
    )
    if proposal.sampled and note not in proposal.notes:
        proposal.notes.append(note)


def _say_unreadable(proposal: TableProposal, study: StudySection) -> None:
    """Give up optional columns that cannot be read, for they would only set rows aside; say what else cannot be."""
    found = proposal.scan
    if found.broken:
        lines = "is 1 broken line" if found.broken == 1 else f"are {found.broken:,} broken lines"
        sentence = f"There {lines} in {found.rows + found.broken:,}: {found.broken_line}. "
        if found.broken > study.max_quarantined * (found.rows + found.broken):
            raise DataError(
                f"{sentence}Is the file cut off there, or does a cell hold the separator outside quotes? Mend it, or "
                "export again."
            )
        proposal.notes.append(f"{sentence}Is the file cut off there? What is broken will be set aside.")
    needed = {column.name for column in TABLES[proposal.table].columns if column.required}
    needed |= {"unit_price", "quantity"} if "revenue" not in proposal.columns else set()
    for ours, counted in found.columns.items():
        unread, theirs = counted.filled - counted.read, proposal.columns[ours]
        if unread and _LOST_DIGITS.fullmatch(counted.unreadable) and ours in ("customer_id", "order_id"):
            raise DataError(
                f"{proposal.sample.label}: in {unread:,} of {found.rows:,} rows {theirs} is shown as "
                f"{counted.unreadable!r}: a spreadsheet shortened a long number so, and the rest of its digits is "
                "gone. Export again straight from the source, or format that column as text before saving."
            )
        if ours not in needed:
            if not counted.filled:
                proposal.give_up(ours, "it is empty")
            elif counted.read < _READABLE * counted.filled:
                proposal.give_up(
                    ours, f"only {counted.read:,} of {counted.filled:,} values can be read, not {counted.unreadable!r}"
                )
        elif counted.filled and not counted.read:
            raise DataError(
                f"{proposal.sample.label}: no value of {theirs} can be read as {ours}, such as {counted.unreadable!r}."
            )
        elif unread:
            stops = (
                f"; `custaudience check` stops at more than {study.max_quarantined:.0%} of the rows (max_quarantined)"
            )
            proposal.notes.append(
                f"{unread:,} of {found.kept:,} values of {theirs!r} cannot be read as {ours}, such as "
                f"{counted.unreadable!r}. These rows will be set aside"
                f"{stops if unread > study.max_quarantined * found.kept else ''}."
            )


def _transaction_rows(proposal: TableProposal, study: StudySection, answers: Answers) -> None:
    rows.nameless_total(proposal)
    rows.status_rows(proposal, answers)
    if "guests" not in proposal.settings:
        rows.guest_rows(proposal, study.max_quarantined, answers)
    if proposal.preset is None:
        rows.amount_per_order(proposal, answers)
        _say_own_orders(proposal)
    buyers = proposal.facts("customer_id").values
    mails = [value for value in buyers if "@" in value]
    if len(mails) > 0.5 * len(buyers) and any(value != value.lower() for value in mails):
        proposal.settings["case_insensitive_ids"] = True
        proposal.say("case_insensitive_ids", "e-mail addresses, some with capitals")
    settle_currency(proposal, answers)


def _say_own_orders(proposal: TableProposal) -> None:
    """Note when each row would be an order of its own though it names a product: its number may be the line's."""
    if not {"order_id", "product_id"} <= set(proposal.columns):
        return
    one = proposal.facts("order_id")
    if len(one.values) > 1 and one.distinct == 1:
        proposal.notes.append(
            f"Each row has a {one.name!r} of its own, so each counts as an order. If it is the number of the line, "
            "take its line out of study.toml: then what a customer buys on one day is one order."
        )
