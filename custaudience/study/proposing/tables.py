"""One table of the study, proposed from its files: columns, how values are written, which rows are no sales."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from custaudience.errors import DataError, near_miss
from custaudience.study.config import StudySection, TableSection
from custaudience.study.contracts import TABLES
from custaudience.study.proposing import rows as row_rules
from custaudience.study.proposing import scanning
from custaudience.study.proposing.amounts import settle_amounts, settle_currency
from custaudience.study.proposing.dates import propose_dates, settle_date_order
from custaudience.study.proposing.presets import Preset
from custaudience.study.proposing.questions import Answers
from custaudience.study.proposing.roles import Facts, assign, facts_of
from custaudience.study.proposing.sampling import Sample
from custaudience.study.proposing.scanning import Scan, scan, write_sample
from custaudience.study.proposing.styles import DateStyle
from custaudience.study.sources import default_separator
from custaudience.study.values import Declared

_READABLE = 0.995  # share of an optional column's values that must be readable for it to be used
_LOST_DIGITS = re.compile(r"\d([.,]\d+)?E\+\d+")
_SIDE = 20_000  # rows of several files together that are looked at closely


@dataclass
class TableProposal:
    """What is proposed for one table, and why.

    Attributes
    ----------
    samples : list of Sample
        Its files; they have the same columns.
    sample : Sample
        Rows of all of them.
    columns : dict
        Our column by the file's.
    settings : dict
        Everything else of ``[tables.NAME]`` but the path.
    why : dict
        Evidence by our column, or by setting: sentences.
    scan : Scan or None
        What the rows say; None before they were counted.
    sampled : bool
        Whether only the sample's rows were counted, because the file is very large.
    currency : str
        The currency that its column of currencies says, as an ISO code; "" when it says none.
    """

    table: str
    samples: list[Sample]
    sample: Sample
    columns: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    why: dict[str, list[str]] = field(default_factory=dict)
    preset: tuple[str, Preset] | None = None
    scan: Scan | None = None
    sampled: bool = False
    currency: str = ""
    date: DateStyle | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows that were counted."""
        return self.scan.rows if self.scan else len(self.sample.rows)

    def say(self, key: str, sentence: str) -> None:
        """Add a sentence of evidence."""
        if sentence and sentence not in self.why.setdefault(key, []):
            self.why[key].append(sentence)

    def give_up(self, ours: str, why: str) -> None:
        """Use a column no longer, and note why."""
        theirs = self.columns.pop(ours)
        self.why.pop(ours, None)
        self.notes.append(f"{theirs!r} could be {ours}, but {why}: it is not used.")


def propose_table(
    con: duckdb.DuckDBPyConnection,
    table: str,
    samples: list[Sample],
    preset: tuple[str, Preset] | None,
    study: StudySection,
    answers: Answers,
) -> TableProposal:
    """Propose one table.

    Raises
    ------
    DataError
        If a column is missing, dates are written in two orders or amounts in two ways, or a file cannot be read.
    """
    sample = _together(samples)
    proposal = TableProposal(table, samples, sample, preset=preset)
    facts = facts_of(sample)
    _layout(proposal)
    _columns(proposal, facts, answers)
    settle_amounts(proposal, facts, answers)
    propose_dates(proposal, facts)
    rules = row_rules.Rules()
    row_rules.totals_rows(sample, proposal.columns, rules)
    _merge(proposal, rules)
    statuses = [] if preset or table != "transactions" else row_rules.status_columns(sample, facts, proposal.columns)
    _look_at_all(con, proposal, study, statuses)
    if settle_date_order(proposal, facts, answers):
        _look_at_all(con, proposal, study, statuses)
    _say_unreadable(proposal, study)
    if table == "transactions":
        _transaction_rows(proposal, facts, study, rules, answers)
    _merge(proposal, rules)
    return proposal


def _together(samples: Sequence[Sample]) -> Sample:
    """Return one sample of the rows of all files, in the columns of the first."""
    first = samples[0]
    if len(samples) == 1:
        return first
    rows: list[list[str]] = []
    tail: list[list[str]] = []
    for other in samples:
        for what in ("encoding", "separator", "header_row"):
            if getattr(other, what) != getattr(first, what):
                raise DataError(
                    f"{first.label} and {other.label} are written differently: {what} {getattr(first, what)!r} and "
                    f"{getattr(other, what)!r}. Files of one table must be alike: export them again in one way."
                )
        places = [other.header.index(name) for name in first.header]
        for into, those in ((rows, other.rows[: _SIDE // len(samples)]), (tail, other.tail)):
            into += [[row[place] if place < len(row) else "" for place in places] for row in those]
    return replace(first, rows=rows, tail=tail, known={})


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


def _columns(proposal: TableProposal, facts: dict[str, Facts], answers: Answers) -> None:
    sample, table = proposal.sample, proposal.table
    if proposal.preset is None:
        for ours, (theirs, why) in assign(table, sample, facts, answers).items():
            proposal.columns[ours] = theirs
            proposal.say(ours, why)
        return
    name, preset = proposal.preset
    proposal.columns = preset.columns_of(sample)
    for column in TABLES[table].columns:
        given = answers.given(f"{table}.{column.name}")
        if given is not None:
            if given not in sample.header:
                raise DataError(f"{sample.label} has no column {given!r}.{near_miss(given, sample.header)}")
            proposal.columns[column.name] = given
    proposal.settings |= preset.settings_of(sample)
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
    section, files = section_of(proposal), [sample.file for sample in proposal.samples]
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
        f"{proposal.sample.label} holds {size / 1e9:.1f} GB: this rests on {proposal.rows:,} rows out of all parts of "
        "it, and so do the numbers of rows below. `custaudience check` reads every row, once; as Parquet that would "
        "take a fraction of the time and of the disk."
    )
    if proposal.sampled and note not in proposal.notes:
        proposal.notes.append(note)


def section_of(proposal: TableProposal) -> TableSection:
    """Return the proposed section, as the reader takes it."""
    return TableSection.model_validate(
        {"path": proposal.sample.file.name, "columns": proposal.columns, **proposal.settings}
    )


def _say_unreadable(proposal: TableProposal, study: StudySection) -> None:
    """Give up optional columns that cannot be read, for they would only set rows aside; say what else cannot be."""
    found = proposal.scan
    if found is None:
        return
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


def _transaction_rows(
    proposal: TableProposal, facts: dict[str, Facts], study: StudySection, rules: row_rules.Rules, answers: Answers
) -> None:
    found = proposal.scan
    if found is not None:
        row_rules.nameless_total(proposal.sample, proposal.columns, found, rules)
        row_rules.status_rows(found, proposal.table, rules, answers)
        if "guests" not in proposal.settings:
            row_rules.guest_rows(proposal.sample, facts, proposal.columns, found, study.max_quarantined, rules, answers)
    if proposal.preset is None:
        row_rules.amount_per_order(proposal.sample, proposal.columns, rules, answers)
        _say_own_orders(proposal, facts)
    theirs = proposal.columns["customer_id"]
    mails = [value for value in facts[theirs].values if "@" in value]
    if len(mails) > 0.5 * len(facts[theirs].values) and any(value != value.lower() for value in mails):
        proposal.settings["case_insensitive_ids"] = True
        proposal.say("case_insensitive_ids", "e-mail addresses, some with capitals")
    settle_currency(proposal, answers)


def _say_own_orders(proposal: TableProposal, facts: dict[str, Facts]) -> None:
    """Note when each row would be an order of its own though it names a product: its number may be the line's."""
    theirs = proposal.columns.get("order_id")
    if theirs and "product_id" in proposal.columns and len(facts[theirs].values) > 1 and facts[theirs].distinct == 1:
        proposal.notes.append(
            f"Each row has a {theirs!r} of its own, so each counts as an order. If it is the number of the line, take "
            "its line out of study.toml: then what a customer buys on one day is one order."
        )


def _merge(proposal: TableProposal, rules: row_rules.Rules) -> None:
    for option, value in rules.settings.items():
        if isinstance(value, dict):
            into = proposal.settings.setdefault(option, {})
            for column, values in value.items():
                into[column] = list(dict.fromkeys([*into.get(column, ()), *values]))
        else:
            proposal.settings.setdefault(option, value)
    for key, sentences in rules.why.items():
        for sentence in sentences:
            proposal.say(key, sentence)
