"""What a reason for setting rows aside looks like in a message, and what to declare against it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from custaudience.study.config import TableSection
from custaudience.study.contracts import REASONS

if TYPE_CHECKING:
    from custaudience.study.reading import Fault


def describe_fault(fault: Fault, section: TableSection) -> str:
    """Return a reason, how many rows, one of them, and what to declare when the cause can be seen."""
    file, row, value = fault.examples[0]
    where = f"{fault.column}: " if fault.column else ""
    shown = "" if value is None else f" {value[:40]!r}"
    hint = _hint(fault, section) or _total_hint(fault)
    return f"{where}{REASONS[fault.reason]} ({fault.rows:,} rows, such as row {row} of {file}{shown}){hint}"


_TOTALS = re.compile(
    r"(grand |sub)?totals?\b|sum\b|итого|всего|разом|усього|всього|підсумок|tổng( cộng)?|сума|сумма", re.IGNORECASE
)


def is_total(text: str) -> bool:
    """Say whether a cell reads like the label of a line of totals, in English, Ukrainian, Russian or Vietnamese."""
    return bool(_TOTALS.match(text.strip()))


def _total_hint(fault: Fault) -> str:
    value = fault.examples[0][2] or ""
    if not is_total(value):
        return ""
    return f'; it looks like a line of totals: leave it out with exclude = {{ "COLUMN" = ["{value.strip()}"] }}'


def _hint(fault: Fault, section: TableSection) -> str:
    value = (fault.examples[0][2] or "").strip()
    if fault.reason == "not_a_date":
        if section.date_format:
            return _other_order(value, section)
        if match := re.match(r"\d{1,2}([./-])\d{1,2}[./-](\d{4}|\d{2})(\D|$)", value):
            sign, year = match[1], "%Y" if len(match[2]) == 4 else "%y"
            return (
                f'; declare which comes first: date_format = "%d{sign}%m{sign}{year}" (day) or '
                f'"%m{sign}%d{sign}{year}" (month)'
            )
        if re.fullmatch(r"[1-9]\d{4}([.,]\d+)?", value):
            return '; it looks like a day counted by a spreadsheet: set date_format = "excel"'
        if re.fullmatch(r"1\d{9}(\d{3}|\d{6})?", value):
            unit = {10: "unix", 13: "unix_ms", 16: "unix_us"}[len(value)]
            return f'; it looks like a time counted from 1970: set date_format = "{unit}"'
    if fault.reason == "not_an_id":
        return (
            ": a spreadsheet showed a long number so, and the rest of its digits is gone. Export again straight from "
            "the source, or format that column as text before saving"
        )
    if fault.reason == "missing" and fault.column == "customer_id":
        return (
            '; if these bought as guests, say what becomes of them: guests = "set aside", or guests = "by order" '
            "(each order a customer of its own)"
        )
    if fault.reason == "not_a_number":
        if re.fullmatch(r"[+-]?\d+,\d{1,2}", value) and section.decimal == ".":
            return '; it looks like a decimal comma: set decimal = ","'
        if re.fullmatch(r"[+-]?\d{1,3}([ \u00a0\u202f']\d{3})+([.,]\d+)?", value):
            sign = "'" if "'" in value else " "
            comma = ' and decimal = ","' if "," in value else ""
            return f'; it looks grouped by thousands: set thousands = "{sign}"{comma}'
        if re.fullmatch(r"[+-]?\d{1,3}([.,]\d{3})+[.,]\d+", value):
            return "; it looks grouped by thousands: declare decimal and thousands"
        if re.search(r"[$€£¥₴₽₫₸]|[A-Z]{3}", value):
            return '; it carries a currency: set currency_sign = "…", one currency per table'
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
