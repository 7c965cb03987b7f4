"""A month's revenue counted anew, in the ways the books of companies commonly differ from an export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import pandas as pd

from custaudience.study.books import lines_sql
from custaudience.study.contracts import REASONS
from custaudience.study.sources import literal

if TYPE_CHECKING:
    from custaudience.study.reading import Fault
    from custaudience.study.study import Study

_COUNTED = "kind IN ('used', 'guest')"  # what totals of revenue hold
_TAXES = (5, 7, 8, 10, 12, 18, 19, 20, 21, 22, 23, 25)  # common rates of VAT, percent
_ROUNDED = 0.00005  # tax is rounded line by line, so its ratio is right to four digits only

_ASK = {
    "gross": "ask finance for revenue after refunds, which is what is compared here",
    "guests": "ask finance for the total with guests, or where their sales are booked",
    "excluded": "take that rule out of [tables.transactions] if these are sales, or ask for the total without them",
    "buyer": 'if they are sales to guests, set guests = "set aside" under [tables.transactions]',
    "fault": "mend them in the export; the quarantine list of a report names file and row",
}


@dataclass(frozen=True)
class Guess:
    """What the total would be if something were so, and what to do then."""

    total: float
    so: str
    do: str
    slack: float = 0.0


def revenue_guesses(study: Study, month: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    """Yield what a month's revenue would be if one thing were otherwise; `months` are the books by month."""
    additions = list(_additions(study, month, months))
    yield from (Guess(found + amount, so, do) for amount, so, do in additions)
    faulty = months.loc[month, "set_aside_net"]
    if faulty not in [amount for amount, _, _ in additions]:
        all_faulty = f"the books count all rows set aside as faulty ({money(study, faulty)} in the month)"
        yield Guess(found + faulty, all_faulty, _ASK["fault"])
    if "" in months.index:
        undated = months.loc["", "set_aside_net"]
        yield Guess(
            found + undated,
            f"the rows whose date cannot be read ({money(study, undated)}) are all of this month",
            "mend their dates in the export, or declare date_format under [tables.transactions]",
        )
    yield from _clocks(study, month)
    yield from _counted_once(study, month, found, months)
    for name, step in (("before", -1), ("after", 1)):
        other = str(pd.Period(month, "M") + step)
        if other in months.index:
            yield Guess(
                float(months.loc[other, ["net", "guests_net"]].sum()),
                f"the figure is that of the month {name}, {other}",
                f'write it as "revenue.{other}", and see whether the other months are moved too',
            )
    for rate in _TAXES:
        ratio = 1 + rate / 100
        tax = f"(a ratio of {ratio:.4f}, as {rate} % tax would make)"
        with_tax = f"the books are with tax and the data without {tax}"
        without = f"the books are without tax and the data with it {tax}"
        yield Guess(
            found * ratio, with_tax, "ask finance for revenue without tax, or map a column that holds tax", _ROUNDED
        )
        yield Guess(found / ratio, without, "ask finance for revenue with tax, or map a column without tax", _ROUNDED)
    for factor, name in ((0.01, "cents"), (1e3, "thousands"), (1e6, "millions")):
        whole = f"write it in {study.currency}, with all its digits"
        yield Guess(found / factor, f"the figure under [control] is in {name}", whole)
    yield Guess(found / 100, "the amounts of the export are in cents", "export them in whole units, or divide them")


def _additions(study: Study, month: str, months: pd.DataFrame) -> Iterator[tuple[float, str, str]]:
    """Yield what the books may hold, or leave out, as a whole: the amount to add to ours, condition, advice."""
    row, section = months.loc[month], study.config.tables["transactions"]
    faults = study.read_report("transactions").faults
    guests = "kind = 'guest' OR (kind = 'used' AND starts_with(customer_id, 'guest:'))"
    wanted = {"discount": ("discount", "kind = 'used'", "ordered_at"), "guests": ("net", guests, "ordered_at")}
    wanted |= {f"{f.column}|{f.reason}": ("net", _is_fault(f), "ordered_at") for f in faults}
    sums = _sums(study, month, wanted)
    yield from _named(study, row["refunds"], "the books are gross, before refunds", _ASK["gross"])
    if "revenue" in study.read_report("transactions").columns:
        after = "the books take discounts off, and the column of revenue does not"
        yield from _named(study, -sums["discount"], after, "map a column of revenue after discounts")
    else:
        before = "the books are before discounts"
        yield from _named(study, sums["discount"], before, "ask finance for revenue after discounts")
    if section.guests:
        yield from _named(study, -sums["guests"], "the books leave sales to guests out", _ASK["guests"])
    rules = ", ".join(sorted({fault.column for fault in faults if fault.reason == "excluded"}))
    left_out = f"the books count the rows that study.toml leaves out by {rules}"
    yield from _named(study, row["excluded_net"], left_out, _ASK["excluded"])
    for fault in faults:
        if fault.reason not in ("guest", "excluded"):
            so = f"the books count the rows set aside: {fault.column or 'line'}, {REASONS[fault.reason]}"
            do = _ASK["buyer" if (fault.column, fault.reason) == ("customer_id", "missing") else "fault"]
            yield from _named(study, sums[f"{fault.column}|{fault.reason}"], so, do)


def _is_fault(fault: Fault) -> str:
    return f"fault = {literal(f'{fault.column}|{fault.reason}')}"


def _named(study: Study, amount: float, so: str, do: str) -> Iterator[tuple[float, str, str]]:
    if amount:
        yield float(amount), f"{so} ({money(study, abs(amount))} in the month)", do


def paired_guesses(study: Study, month: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    """Yield what it would be if two things were otherwise; to be asked when no single one fits."""
    for (one, so, do), (other, also, then) in combinations(_additions(study, month, months), 2):
        yield Guess(found + one + other, f"{so}, and {also}", f"{do}; {then}")


def _clocks(study: Study, month: str) -> Iterator[Guess]:
    """Cut the month by other clocks."""
    home, declared = study.timezone, study.config.tables["transactions"].timezone
    moves: dict[str, tuple[str, str]] = {}  # moved stamp: condition, advice
    for zone in dict.fromkeys((declared or "UTC", "UTC")):
        if zone != home:
            do = f'ask finance for months of {home}, or set timezone = "{zone}" under [study]'
            if zone == declared:
                do += f'; if the file already shows the time of {home}, take timezone = "{zone}" off its table'
            moves[_moved(home, zone)] = f"the books cut months at midnight of {zone}, not of {home}", do
    if declared is None and home != "UTC":
        do = 'if so, set timezone = "UTC" under [tables.transactions]'
        moves[_moved("UTC", home)] = f"the times of the file are those of UTC, not of {home}", do
    if not moves:
        for hours in (h for h in range(-12, 15) if h):
            do = 'set timezone under [study] to the zone of the books, and timezone = "UTC" under [tables.transactions]'
            so = f"the books keep the clock of UTC{hours:+d}"
            moves[f"ordered_at + INTERVAL ({hours}) HOUR"] = so, do
    timed = _sums(study, month, {"timed": ("(ordered_at <> ordered_at::DATE)::INT", _COUNTED, "ordered_at")})
    if not timed["timed"]:  # days without a time are the same on every clock
        return
    totals = _sums(study, month, {stamp: ("net", _COUNTED, stamp) for stamp in moves})
    for stamp, (so, do) in moves.items():
        yield Guess(totals[stamp], so, do)


def _moved(source: str, target: str) -> str:
    return f"(ordered_at AT TIME ZONE {literal(source)}) AT TIME ZONE {literal(target)}"


def _counted_once(study: Study, month: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    """Count what repeats only once; put refunds into the month of their order."""
    digits, counted = 10**study.minor_digits, f"({_COUNTED}) AND {in_month('ordered_at', month)}"
    once = {}
    if "order_id" in study.read_report("transactions").columns:
        orders = study.orders(study.last_day).filter(in_month("ordered_on", month))
        yield Guess(
            float(orders.sum("revenue_minor").fetchall()[0][0] or 0) / digits + months.loc[month, "guests_net"],
            "the books put each refund into the month of its order, not into its own",
            "ask finance for revenue with refunds in the month they were paid",
        )
        lines = f"FROM ({lines_sql(study)}) WHERE {counted}"
        once[f"SELECT sum(DISTINCT net) AS net {lines} GROUP BY customer_id, order_id"] = (
            "each line carries the total of its order",
            'set revenue_per = "order" under [tables.transactions]',
        )
    rows = study.all_rows("transactions").filter(in_month("ordered_at", month)).sql_query()
    rows = f"SELECT DISTINCT * EXCLUDE (_value, _rounded) FROM ({rows})"
    once[f"SELECT revenue_minor AS net FROM ({rows}) WHERE _fault IS NULL OR _fault LIKE '%|guest'"] = (
        "the same rows stand in the files more than once",
        "see whether two exports overlap, and take one off the path",
    )
    totals = [float(one_row(study, f"SELECT coalesce(sum(net), 0) FROM ({sql})")[0]) / digits for sql in once]
    yield from (Guess(total, so, do) for total, (so, do) in zip(totals, once.values(), strict=True))
    if not any(abs(total - found / 2) < 1e-9 for total in totals):
        yield Guess(
            found / 2,
            "the export holds each amount twice",
            "look for lines that repeat the total of their order, or for an export read twice",
        )


def _sums(study: Study, month: str, wanted: dict[str, tuple[str, str, str]]) -> dict[str, float]:
    """Sum a month in one scan, in major units: name to amount, condition, and the stamp that says the month."""
    sums = ", ".join(
        f"coalesce(sum({amount}) FILTER (WHERE ({condition}) AND {in_month(stamp, month)}), 0)"
        for amount, condition, stamp in wanted.values()
    )
    near = f"ordered_at >= DATE '{month}-01' - 2 AND ordered_at < DATE '{month}-01' + INTERVAL 1 MONTH + INTERVAL 2 DAY"
    row = one_row(study, f"SELECT {sums} FROM ({lines_sql(study)}) WHERE {near}")
    return {name: float(value) / 10**study.minor_digits for name, value in zip(wanted, row, strict=True)}


def in_month(stamp: str, month: str) -> str:
    """Return the SQL that is true where a stamp falls in a month."""
    return f"({stamp} >= DATE '{month}-01' AND {stamp} < DATE '{month}-01' + INTERVAL 1 MONTH)"


def one_row(study: Study, sql: str) -> tuple[float, ...]:
    """Return the single row of a SELECT."""
    return study.connection.execute(sql).fetchall()[0]


def money(study: Study, amount: float) -> str:
    """Write an amount in major units with all the currency's digits: "1,234.50 EUR"."""
    return f"{amount:,.{study.minor_digits}f} {study.currency}"
