"""One table of the study, proposed from its files: columns, how values are written, which rows are no sales."""

from __future__ import annotations

import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from custaudience.errors import DataError, near_miss
from custaudience.study.config import StudySection
from custaudience.study.contracts import TABLES
from custaudience.study.proposing import scanning
from custaudience.study.proposing.formats import propose_dates, settle_amounts, settle_currency, settle_date_order
from custaudience.study.proposing.proposal import Answers, TableProposal, question
from custaudience.study.proposing.roles import assign
from custaudience.study.proposing.sampling import Sample
from custaudience.study.proposing.scanning import scan, write_sample
from custaudience.study.proposing.vocabulary import is_guest, is_state_column, is_status_column, status_of
from custaudience.study.reading import is_total
from custaudience.study.sources import default_separator
from custaudience.study.values import Declared

_READABLE = 0.995  # share of an optional column's values that must be readable for it to be used
_LOST_DIGITS = re.compile(r"\d([.,]\d+)?E\+\d+")
_SIDE = 20_000  # rows of several files together that are looked at closely
_FEW = 20  # values a column of statuses has at most
_LINES = 5  # orders of several lines needed to tell a line's amount from an order's


def propose_table(
    con: duckdb.DuckDBPyConnection, proposal: TableProposal, study: StudySection, answers: Answers
) -> None:
    """Propose one table: its columns, how values are written, which rows count."""
    of_sales = proposal.table == "transactions"
    _layout(proposal)
    _columns(proposal, answers)
    settle_amounts(proposal, answers)
    propose_dates(proposal)
    _totals_rows(proposal)
    statuses = _status_columns(proposal) if of_sales and not proposal.preset else []
    _look_at_all(con, proposal, study, statuses)
    if settle_date_order(proposal, answers):
        _look_at_all(con, proposal, study, statuses)
    _say_unreadable(proposal, study)
    if not of_sales:
        return
    _nameless_total(proposal)
    _status_rows(proposal, answers)
    if "guests" not in proposal.settings:
        _guest_rows(proposal, study.max_quarantined, answers)
    if proposal.preset is None:
        _amount_per_order(proposal, answers)
        _say_own_orders(proposal)
    buyers = proposal.facts("customer_id").values
    mails = [value for value in buyers if "@" in value]
    if len(mails) > 0.5 * len(buyers) and any(value != value.lower() for value in mails):
        proposal.settings["case_insensitive_ids"] = True
        proposal.say("case_insensitive_ids", "e-mail addresses, some with capitals")
    settle_currency(proposal, answers)


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
    usual = {"sheet": None, "header_row": 1, "separator": default_separator(sample.file), "encoding": "utf-8"}
    found = {key: getattr(sample, key) for key in usual}
    proposal.settings |= {key: value for key, value in found.items() if value not in (None, usual[key])}
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
    missing = [name for name in TABLES[table].required if name not in proposal.columns and name not in constants]
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
        declared = Declared(con, TABLES[proposal.table], section, study)
        proposal.scan = scan(declared, proposal.columns, files, statuses, Path(scratch))
    if proposal.sampled:
        proposal.note(
            f"{proposal.sample.label} holds {size / 1e9:.1f} GB: this rests on {proposal.scan.rows:,} rows out of all "
            "parts of it, and so do the numbers of rows below. `custaudience check` reads every row, once; as Parquet "
            "that would take a fraction of the time and of the disk."
        )


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
    for ours, counted in found.columns.items():
        unread, theirs = counted.filled - counted.read, proposal.columns[ours]
        if unread and _LOST_DIGITS.fullmatch(counted.unreadable) and ours in ("customer_id", "order_id"):
            raise DataError(
                f"{proposal.sample.label}: in {unread:,} of {found.rows:,} rows {theirs} is shown as "
                f"{counted.unreadable!r}: a spreadsheet shortened a long number so, and the rest of its digits is "
                "gone. Export again straight from the source, or format that column as text before saving."
            )
        if ours not in proposal.needed:
            why = f"only {counted.read:,} of {counted.filled:,} values can be read, not {counted.unreadable!r}"
            if not counted.filled or counted.read < _READABLE * counted.filled:
                proposal.give_up(ours, why if counted.filled else "it is empty")
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


def _status_columns(proposal: TableProposal) -> list[str]:
    """Return the columns that say what kind of row it is."""
    found = []
    for name in proposal.sample.header:
        values = set(proposal.sample.facts[name].values)
        if name in proposal.columns.values() or not values or len(values) > _FEW:
            continue
        known = sum(1 for value in values if status_of(value) not in ("", "unsure"))
        if is_status_column(name) or known >= max(2, len(values) / 2):
            found.append(name)
    return found


def _totals_rows(proposal: TableProposal) -> None:
    """Leave out the rows of totals at the end."""
    sample = proposal.sample
    dated = next((proposal.columns[name] for name in ("ordered_at", "starts_on") if name in proposal.columns), None)
    if dated is None:
        return
    place = sample.header.index(dated)
    for row in [*sample.rows[-3:], *sample.tail]:
        labels = ((column, cell.strip()) for column, cell in enumerate(row) if cell.strip() and is_total(cell))
        label = next(labels, None)
        empty = len(row) <= place or not row[place].strip() or is_total(row[place])
        if label and empty and label[0] < len(sample.header):
            shown = "; ".join(cell for cell in row if cell.strip())[:80]
            proposal.leave_out("exclude", sample.header[label[0]], label[1], f"a line of totals at the end: {shown}")


def _nameless_total(proposal: TableProposal) -> None:
    """Leave out a last row that has an amount, and neither buyer nor date, when it is the only one without a date."""
    sample, mapped, scan = proposal.sample, proposal.columns, proposal.scan
    amount = mapped.get("revenue") or mapped.get("unit_price")
    needed = [mapped[name] for name in ("customer_id", "ordered_at") if name in mapped]
    if amount is None or (not sample.tail and not sample.rows):
        return
    row = (sample.tail or sample.rows)[-1]
    place = {name: sample.header.index(name) for name in (*needed, amount)}
    if len(row) <= max(place.values()) or any(row[place[name]].strip() for name in needed) or not row[place[amount]]:
        return
    if scan.kept - scan.columns["ordered_at"].filled == 1:
        why = "the last row, a total: no buyer, no date, but an amount"
        proposal.leave_out("exclude", mapped["ordered_at"], "", why)


def _status_rows(proposal: TableProposal, answers: Answers) -> None:
    """Decide what becomes of the rows of each status; what depends on the company's books is asked."""
    for column, values in proposal.scan.statuses.items():
        certain = is_state_column(column) or any(status_of(value) for value in values)
        for value, (rows, above) in sorted(values.items(), key=lambda item: -item[1][0]):
            kind = status_of(value)
            text = f"{column} = {value!r}, {rows:,} rows"
            key = f"{proposal.table}.rows.{value or 'empty'}"
            doubt = kind if kind in ("refunds", "unsure") else "unknown" if not kind and value and certain else ""
            if kind == "left_out":
                proposal.leave_out("exclude", column, value, f"{text}: no money came")
            elif kind == "refunds" and not above:
                proposal.say("counted", f"{text}: their amounts are negative already")
            elif doubt or answers.given(key) is not None:
                if doubt == "unknown" and answers.given(key) is not None:
                    doubt = ""
                answer = answers.settle(question("status", {"key": key, "text": text, "above": above}, doubt))
                if answer == "count":
                    proposal.say("counted", f"{text}: counted, as answered")
                elif answer == "refund":
                    proposal.leave_out("refund_rows", column, value, f"{text}: money paid back")
                else:
                    proposal.leave_out("exclude", column, value, f"{text}: left out")
            else:
                known = "sales" if kind == "sales" else "nothing known against it"
                proposal.say("counted", f"{text}: counted ({known})")


def _guest_rows(proposal: TableProposal, max_quarantined: float, answers: Answers) -> None:
    """Find rows whose buyer nobody knows, and ask what becomes of them."""
    mapped, scan = proposal.columns, proposal.scan
    theirs = mapped["customer_id"]
    blank = scan.kept - scan.columns["customer_id"].filled
    if "" in proposal.settings.get("exclude", {}).get(mapped["ordered_at"], ()):
        blank -= 1  # the total without a name
    ids = _placeholders(proposal, answers)
    if not ids and blank <= 0:
        return
    if not ids and blank <= max_quarantined / 2 * scan.kept and answers.given("transactions.guests") is None:
        proposal.say("counted", f"{blank:,} rows without {theirs} are faults and will be set aside")
        return
    shown = [f"{blank:,} of {scan.kept:,} rows have no {theirs}"] if blank > 0 else []
    why = "; ".join([*shown, *(f"{value!r}: {why}" for value, why in ids.items())])
    case = "with_orders" if "order_id" in mapped else ""
    proposal.settings["guests"] = answers.settle(question("guests", {"why": why}, case))
    proposal.say("guests", why)
    if ids:
        proposal.settings["guest_ids"] = list(ids)


def _placeholders(proposal: TableProposal, answers: Answers) -> dict[str, str]:
    """Return ids that stand for nobody in particular, and why each is thought so."""
    sample, ids = proposal.sample, proposal.scan.ids
    buyers = proposal.facts("customer_id")
    count, n = Counter(buyers.values), len(sample.rows)
    given = answers.given("transactions.guest_ids")
    if given is not None:
        return {value.strip(): "as answered" for value in given.split(",") if value.strip()}
    found = {
        value: f"stands for nobody in particular, in {count[value]:,} of {n:,} rows looked at"
        for value in dict.fromkeys([*ids, *buyers.values])
        if is_guest(value)
    }
    place = sample.header.index(buyers.name)
    for value in ids:
        rows = [row for row in sample.rows if len(row) > place and row[place].strip() == value]
        cells = (cell.strip() for row in rows for column, cell in enumerate(row) if column != place)
        beside = [cell for cell in cells if len(cell) > 3 and is_guest(cell)]
        if value not in found and rows and len(beside) >= 0.95 * len(rows):
            found[value] = f"stands beside {beside[0]!r} in {len(beside):,} of {len(rows):,} rows looked at"
    counts = sorted(((count[value], value) for value in ids if value not in found), reverse=True)
    if len(counts) > 1:
        (most, value), (second, _) = counts[:2]
        if most >= 0.03 * len(buyers.values) and most >= 4 * second:
            facts = {"value": value, "most": most, "n": len(buyers.values), "second": second}
            if answers.settle(question("guest", facts)) == "guest":
                found[value] = f"has {most:,} rows where the next id has {second:,}"
    return found


def _amount_per_order(proposal: TableProposal, answers: Answers) -> None:
    """Find out whether the amount is the line's or the order's."""
    sample, mapped = proposal.sample, proposal.columns
    if not {"order_id", "revenue"} <= set(mapped):
        return
    order, amount = (sample.header.index(mapped[name]) for name in ("order_id", "revenue"))
    orders: dict[str, list[list[str]]] = defaultdict(list)
    for row in sample.rows:
        if len(row) > max(order, amount) and row[order].strip():
            orders[row[order].strip()].append(row)
    several = [rows for rows in orders.values() if len(rows) > 1]
    if len(several) < _LINES:
        return
    once = sum(1 for rows in several if sum(1 for row in rows if row[amount].strip()) == 1)
    same = sum(1 for rows in several if len({row[amount].strip() for row in rows}) == 1)
    if once >= 0.9 * len(several):
        why = f"of {len(several):,} orders with several lines, {once:,} have the amount on one of them only"
    elif same >= 0.9 * len(several):
        facts = {"amount": mapped["revenue"], "several": len(several), "same": same}
        if answers.settle(question("revenue_per", facts)) != "order":
            return
        why = "the order's total, as answered"
    else:
        return
    proposal.settings["revenue_per"] = "order"
    proposal.say("revenue_per", why)
