"""One table of the study, proposed from its files: columns, how values are written, which rows are no sales."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from custaudience.errors import ConfigError, DataError, near_miss
from custaudience.study.config import StudySection, TableSection
from custaudience.study.contracts import TABLES
from custaudience.study.proposing import rows as row_rules
from custaudience.study.proposing.presets import Preset
from custaudience.study.proposing.questions import Answers, Question
from custaudience.study.proposing.roles import Facts, assign, facts_of
from custaudience.study.proposing.sampling import Sample
from custaudience.study.proposing.scanning import LARGEST, Scan, scan
from custaudience.study.proposing.styles import DateStyle
from custaudience.study.sources import default_separator

_READABLE = 0.995  # share of an optional column's values that must be readable for it to be used
_ORDERS = (("day", "the day comes first: 3 April"), ("month", "the month comes first: March 4"))


@dataclass
class TableProposal:
    """What is proposed for one table, and why.

    Attributes
    ----------
    columns : dict
        Our column by the file's.
    settings : dict
        Everything else of ``[tables.NAME]`` but the path.
    why : dict
        Evidence by our column, or by setting: sentences.
    scan : Scan or None
        What all rows say; None for a file too large to be looked at twice.
    """

    table: str
    samples: list[Sample]
    columns: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    why: dict[str, list[str]] = field(default_factory=dict)
    preset: tuple[str, Preset] | None = None
    scan: Scan | None = None
    date: DateStyle | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def sample(self) -> Sample:
        """The first of its files; the others have the same columns."""
        return self.samples[0]

    @property
    def rows(self) -> int:
        """Rows in all files, or in the sample of a very large one."""
        return self.scan.rows if self.scan else len(self.sample.rows)

    def say(self, key: str, sentence: str) -> None:
        """Add a sentence of evidence."""
        if sentence and sentence not in self.why.setdefault(key, []):
            self.why[key].append(sentence)


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
    proposal = TableProposal(table, samples, preset=preset)
    sample = proposal.sample
    facts = facts_of(sample)
    _layout(proposal)
    _columns(proposal, facts, answers)
    _amounts(proposal, facts, answers)
    _dates(proposal, facts)
    rules = row_rules.Rules()
    row_rules.totals_rows(sample, proposal.columns, rules)
    statuses = [] if preset or table != "transactions" else row_rules.status_columns(sample, facts, proposal.columns)
    _look_at_all(con, proposal, study, statuses)
    if _settle_date_order(proposal, facts, answers):
        _look_at_all(con, proposal, study, statuses)
    _drop_unreadable(proposal)
    if table == "transactions":
        _transaction_rows(proposal, facts, study, rules, answers)
    _merge(proposal, rules)
    return proposal


def _layout(proposal: TableProposal) -> None:
    sample = proposal.sample
    if sample.sheet is not None:
        proposal.settings["sheet"] = sample.sheet
        proposal.say("sheet", "the sheet it stands on")
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
        proposal.say(ours, f"as {preset.title} names it")
    for option in preset.settings:
        if option in proposal.settings:
            proposal.say(option, f"preset {name}")
    proposal.notes += preset.notes


def _numeric(proposal: TableProposal, facts: dict[str, Facts]) -> Iterator[tuple[str, Facts]]:
    for column in TABLES[proposal.table].columns:
        theirs = proposal.columns.get(column.name)
        if theirs is not None and column.type in ("money", "number") and facts[theirs].kind == "VARCHAR":
            yield column.name, facts[theirs]


def _amounts(proposal: TableProposal, facts: dict[str, Facts], answers: Answers) -> None:
    """Settle the decimal sign, the sign of thousands, and the sign of currency."""
    decimals: dict[str, str] = {}
    groups: dict[str, str] = {}
    unclear = ""
    for name, column in _numeric(proposal, facts):
        style = column.amount
        if style is None:
            continue
        if style.mixed:
            raise DataError(
                f"{proposal.sample.label}: {column.name} is written in two ways, such as {style.mixed[0]!r} and "
                f"{style.mixed[-1]!r}. Which sign is the decimal one cannot be told: export it again with one."
            )
        if style.decimal:
            decimals.setdefault(style.decimal, next(v for v in column.values if style.decimal in v))
        if style.thousands:
            groups.setdefault(style.thousands, next(v for v in column.values if _has(v, style.thousands)))
        unclear = unclear or style.unclear
        if style.sign and name in ("revenue", "unit_price", "spend") and style.sign != "%":
            proposal.settings["currency_sign"] = style.sign
            proposal.say("currency_sign", f"stands at the amounts, as in {_shown(column.values[0])}")
    if len(decimals) > 1 or (decimals and set(decimals) & set(groups)):
        shown = list({**groups, **decimals}.values())[:2]
        raise DataError(
            f"{proposal.sample.label}: numbers are written in two ways, such as {shown[0]!r} and {shown[-1]!r}. Which "
            "sign is the decimal one cannot be told: export it again with one."
        )
    if unclear and not decimals and not groups:
        mark = next(sign for sign in unclear if sign in ".,")
        whole, _, rest = "".join(sign for sign in unclear if sign.isdigit() or sign == mark).partition(mark)
        answer = answers.settle(
            Question(
                f"{proposal.table}.amounts",
                f"{proposal.sample.label}: is {unclear!r} {whole}{rest}, or {int(whole)} and a fraction?",
                (
                    ("thousands", f"{whole}{rest}: {mark!r} groups thousands"),
                    ("decimal", f"{whole}.{rest}: {mark!r} is the decimal sign"),
                ),
                "No number in it says which.",
            )
        )
        (groups if answer == "thousands" else decimals).setdefault(mark, unclear)
    decimal, group = next(iter(decimals), ""), next(iter(groups), "")
    if decimal == "," or group == ".":
        proposal.settings["decimal"] = ","
        proposal.say("decimal", f"as in {_shown(decimals[decimal])}" if decimal else "the point groups thousands")
    if group:
        proposal.settings["thousands"] = group
        proposal.say("thousands", f"as in {_shown(groups[group])}")


def _shown(value: str) -> str:
    return repr(" ".join(value.split()))


def _has(value: str, mark: str) -> bool:
    return any(sign in value for sign in ((" ", "\u00a0", "\u202f", "\u2009") if mark == " " else (mark,)))


def _dates(proposal: TableProposal, facts: dict[str, Facts]) -> None:
    dated = [c for c in TABLES[proposal.table].columns if c.type == "datetime" and c.name in proposal.columns]
    if not dated:
        return
    theirs = proposal.columns[dated[0].name]
    style = facts[theirs].date
    if style is None:
        shown = ", ".join(map(repr, facts[theirs].values[:3])) or "nothing"
        raise DataError(f"{proposal.sample.label}: {theirs} is to be {dated[0].name}, and holds no dates but {shown}.")
    if style.order == "mixed":
        raise DataError(_mixed(proposal, theirs, style))
    proposal.date = style
    if style.formats and "date_format" not in proposal.settings:
        proposal.settings["date_format"] = style.formats[0] if len(style.formats) == 1 else list(style.formats)
        proposal.say("date_format", _order_in_words(style))
    zone = row_rules.zone_in_header(theirs) or ("UTC" if style.zone == "UTC" else "")
    if zone and "timezone" not in proposal.settings and style.has_time:
        proposal.settings["timezone"] = zone
        counted = style.order == "count"
        proposal.say("timezone", f"{theirs} counts from 1970 in UTC" if counted else f"{theirs!r} says so")


def _order_in_words(style: DateStyle) -> str:
    example = f", as in {style.examples[0]!r}" if style.examples else ""
    if style.order == "day":
        dotted = all("." in one for one in style.formats) and not example
        return "dates with points are written day first" if dotted else f"the day comes first{example}"
    if style.order == "month":
        return f"the month comes first{example}"
    return {"count": "numbers that count", "name": "months by name", "year": "the year comes first"}.get(
        style.order, ""
    )


def _mixed(proposal: TableProposal, theirs: str, style: DateStyle) -> str:
    first, second = (*style.examples, "", "")[:2]
    shown = f": {first!r} has the day first, {second!r} the month" if second else ""
    return (
        f"{proposal.sample.label}: {theirs} mixes two date orders in one column{shown}. A date such as 03/04/2025 then "
        "cannot be told: export it again with one order, best with the year first (2025-04-03)."
    )


def _look_at_all(
    con: duckdb.DuckDBPyConnection, proposal: TableProposal, study: StudySection, statuses: list[str]
) -> None:
    size = sum(sample.file.stat().st_size for sample in proposal.samples)
    if size > LARGEST:
        proposal.notes.append(
            f"{proposal.sample.label} holds {size / 1e9:.1f} GB: this rests on {len(proposal.sample.rows):,} rows out of all "
            "parts of it. `custaudience check` reads every row, once; as Parquet it would take a fraction of the time "
            "and of the disk."
        )
        return
    files = [sample.file for sample in proposal.samples]
    with tempfile.TemporaryDirectory(prefix="custaudience-") as scratch:
        proposal.scan = scan(
            con, files, proposal.table, proposal.columns, section_of(proposal), study, statuses, Path(scratch)
        )


def section_of(proposal: TableProposal) -> TableSection:
    """Return the proposed section, as the reader takes it."""
    return TableSection.model_validate(
        {"path": proposal.sample.file.name, "columns": proposal.columns, **proposal.settings}
    )


def _settle_date_order(proposal: TableProposal, facts: dict[str, Facts], answers: Answers) -> bool:
    """Settle whether day or month comes first where the sample left it open; True when the formats changed."""
    style, found = proposal.date, proposal.scan
    if style is None or style.order not in ("unclear", "day", "month"):
        return False
    dated = next(c.name for c in TABLES[proposal.table].columns if c.type == "datetime" and c.name in proposal.columns)
    if found is not None and found.day_first and found.month_first:
        raise DataError(_mixed(proposal, proposal.columns[dated], style))
    if style.order != "unclear":
        return False
    proposal.why.pop("date_format", None)
    if found is not None and (found.day_first or found.month_first):
        order = "day" if found.day_first else "month"
        rows = found.day_first or found.month_first
        proposal.say("date_format", f"in {rows:,} rows the {order} is over 12" if order == "day" else "")
        proposal.say("date_format", f"the {order} comes first")
    else:
        example = facts[proposal.columns[dated]].values[0]
        order = answers.settle(
            Question(
                f"{proposal.table}.date_order",
                f"{proposal.sample.label}, {proposal.columns[dated]}: in {example!r}, does the day or the month come first?",
                _ORDERS,
                "No date in it has a number above 12 in front or behind, so the file cannot say.",
            )
        )
        proposal.say("date_format", f"the {order} comes first, as answered")
    if order == "month":
        formats = style.swapped
        proposal.settings["date_format"] = formats[0] if len(formats) == 1 else list(formats)
    return order == "month"


def _drop_unreadable(proposal: TableProposal) -> None:
    """Give up optional columns whose values cannot be read: they would only set rows aside."""
    if proposal.scan is None:
        return
    needed = {"unit_price", "quantity"} if "revenue" not in proposal.columns else set()
    for column in TABLES[proposal.table].columns:
        counted = proposal.scan.columns.get(column.name)
        if counted is None or column.required or column.name in needed:
            continue
        if counted.read < _READABLE * counted.filled or not counted.filled:
            theirs = proposal.columns.pop(column.name)
            proposal.why.pop(column.name, None)
            what = (
                f"only {counted.read:,} of {counted.filled:,} values can be read" if counted.filled else "it is empty"
            )
            proposal.notes.append(f"{theirs} could be {column.name}, but {what}: not used.")


def _transaction_rows(
    proposal: TableProposal, facts: dict[str, Facts], study: StudySection, rules: row_rules.Rules, answers: Answers
) -> None:
    found = proposal.scan
    if found is not None:
        row_rules.status_rows(found, proposal.table, rules, answers)
        if "guests" not in proposal.settings:
            row_rules.guest_rows(proposal.sample, facts, proposal.columns, found, study.max_quarantined, rules, answers)
    if proposal.preset is None:
        row_rules.amount_per_order(proposal.sample, proposal.columns, rules, answers)
    theirs = proposal.columns["customer_id"]
    mails = [value for value in facts[theirs].values if "@" in value]
    if len(mails) > 0.5 * len(facts[theirs].values) and any(value != value.lower() for value in mails):
        proposal.settings["case_insensitive_ids"] = True
        proposal.say("case_insensitive_ids", "e-mail addresses, some with capitals")
    _one_currency(proposal, study, answers)


def _one_currency(proposal: TableProposal, study: StudySection, answers: Answers) -> None:
    found = proposal.scan.currencies if proposal.scan else {}
    if len(found) < 2:
        return
    theirs = proposal.columns["currency"]
    shown = ", ".join(f"{name} {n:,} rows" for name, n in sorted(found.items(), key=lambda item: -item[1])[:6])
    answer = answers.settle(
        Question(
            "currency",
            f"{proposal.sample.label} holds several currencies, which cannot be added. Which one is the study in?",
            tuple((name, f"{n:,} rows; the others are left out") for name, n in found.items()),
            f"{theirs}: {shown}.",
        )
    )
    if answer not in found:
        raise ConfigError(f"currency {answer}: {theirs} has none; it has {shown}.")
    proposal.settings.setdefault("only", {})[theirs] = [answer]
    proposal.say("only", f"rows in {answer}; of all: {shown}")


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
