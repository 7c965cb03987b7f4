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
    hint = _hint(fault, section)
    return f"{where}{REASONS[fault.reason]} ({fault.rows:,} rows, such as row {row} of {file}{shown}){hint}"


def _hint(fault: Fault, section: TableSection) -> str:
    value = (fault.examples[0][2] or "").strip()
    if fault.reason == "not_a_date":
        if section.date_format:
            return f"; date_format is {section.date_format!r}: are day and month the other way round?"
        if match := re.match(r"\d{1,2}([./-])\d{1,2}[./-](\d{4}|\d{2})(\D|$)", value):
            sign, year = match[1], "%Y" if len(match[2]) == 4 else "%y"
            return (
                f'; declare which comes first: date_format = "%d{sign}%m{sign}{year}" (day) or '
                f'"%m{sign}%d{sign}{year}" (month)'
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
            return "; it carries a currency: export plain numbers, one currency per table"
    return ""
