"""How the dates of a table are written: which comes first, and whose clock they show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from custaudience.errors import DataError
from custaudience.study.contracts import TABLES
from custaudience.study.proposing.questions import Answers, Question
from custaudience.study.proposing.roles import Facts
from custaudience.study.proposing.styles import DateStyle

if TYPE_CHECKING:
    from custaudience.study.proposing.tables import TableProposal

_ORDERS = (("day", "the day comes first: 3 April"), ("month", "the month comes first: March 4"))
_STRAY = 0.001  # share of dates in the other order up to which they are slips of the pen, and set aside


def dated_column(proposal: TableProposal) -> str | None:
    """Return our name of the first column of dates that the table has."""
    named = (column.name for column in TABLES[proposal.table].columns if column.type == "datetime")
    return next((name for name in named if name in proposal.columns), None)


def propose_dates(proposal: TableProposal, facts: Mapping[str, Facts]) -> None:
    """Say how dates are written, as far as the sample shows it.

    Raises
    ------
    DataError
        If the column holds no dates, or two orders.
    """
    ours = dated_column(proposal)
    if ours is None:
        return
    theirs = proposal.columns[ours]
    style = facts[theirs].date
    if style is None:
        shown = ", ".join(map(repr, facts[theirs].values[:3])) or "nothing"
        raise DataError(f"{proposal.sample.label}: {theirs} is to be {ours}, and holds no dates but {shown}.")
    if style.order == "mixed":
        raise DataError(_mixed(proposal, theirs, style))
    if style.order == "turned":
        text, turned = style.examples
        raise DataError(
            f"{proposal.sample.label}: a spreadsheet seems to have turned day and month round in some of {theirs}. It "
            f"took what it could for dates, such as {turned!r}, of which none is after the 12th of a month, and left "
            f"the others as text, such as {text!r}, of which all are. Export it again straight from the source, and "
            "do not open it in a spreadsheet in between."
        )
    proposal.date = style
    if style.formats and "date_format" not in proposal.settings:
        proposal.settings["date_format"] = style.formats[0] if len(style.formats) == 1 else list(style.formats)
        proposal.say("date_format", _in_words(style))
    zone = zone_in_header(theirs) or ("UTC" if style.zone == "UTC" else "")
    if zone and "timezone" not in proposal.settings and style.has_time:
        proposal.settings["timezone"] = zone
        counted = style.order == "count"
        proposal.say("timezone", f"{theirs} counts from 1970 in UTC" if counted else f"{theirs!r} says so")


def settle_date_order(proposal: TableProposal, facts: Mapping[str, Facts], answers: Answers) -> bool:
    """Settle whether day or month comes first where the sample left it open; True when the formats changed.

    Raises
    ------
    DataError
        If every row shows that both orders occur.
    """
    style, found, ours = proposal.date, proposal.scan, dated_column(proposal)
    if style is None or ours is None or style.order not in ("unclear", "day", "month"):
        return False
    if proposal.preset and "date_format" in proposal.preset[1].settings:
        return False
    theirs = proposal.columns[ours]
    day_first, month_first = (found.day_first, found.month_first) if found else (0, 0)
    if min(day_first, month_first) > _STRAY * (day_first + month_first):
        raise DataError(_mixed(proposal, theirs, style))
    if style.order != "unclear":
        return False
    proposal.why.pop("date_format", None)
    if day_first or month_first:
        order = "day" if day_first > month_first else "month"
        rows = max(day_first, month_first)
        proposal.say(
            "date_format",
            f"the {order} comes first: in {rows:,} {'row' if rows == 1 else 'rows'} that number is over 12",
        )
    else:
        order = answers.settle(
            Question(
                f"{proposal.table}.date_order",
                f"{proposal.sample.label}, {theirs}: in {facts[theirs].values[0]!r}, does the day or the month come "
                "first?",
                _ORDERS,
                "No date in it has a number above 12 in front or behind, so the file cannot say.",
            )
        )
        proposal.say("date_format", f"the {order} comes first, as answered")
    if order == "month":
        formats = style.swapped
        proposal.settings["date_format"] = formats[0] if len(formats) == 1 else list(formats)
    return order == "month"


def zone_in_header(header: str) -> str:
    """Return the time zone that the header of a date names, "" when it names none.

    Examples
    --------
    >>> zone_in_header("Created (UTC)")
    'UTC'
    """
    from zoneinfo import available_timezones

    for word in re.findall(r"[\[(]([^\])]+)[\])]", header) + header.replace("_", " ").split()[-1:]:
        if word.strip().upper() in ("UTC", "GMT", "UTC+0", "UTC+00:00"):
            return "UTC"
        if word.strip() in available_timezones() and "/" in word:
            return str(word.strip())
    return ""


def _in_words(style: DateStyle) -> str:
    example = f", as in {style.examples[0]!r}" if style.examples else ""
    if style.order == "day":
        return f"the day comes first{example}" if example else "dates with points are written day first"
    if style.order == "count":
        counts = {
            "excel": "days as a spreadsheet counts them, from 30 December 1899",
            "unix": "seconds since 1970",
            "unix_ms": "milliseconds since 1970",
            "unix_us": "microseconds since 1970",
        }
        return counts.get(style.formats[0], "year, month and day without a sign between")
    words = {"month": "the month comes first", "name": "the month by its name", "year": "the year comes first"}
    return words[style.order] + example if style.order in words else ""


def _mixed(proposal: TableProposal, theirs: str, style: DateStyle) -> str:
    found = proposal.scan
    if found is not None and found.day_first and found.month_first:
        shown = (
            f": {found.day_first:,} rows have the day first, as in {found.day_example!r}, {found.month_first:,} the "
            f"month, as in {found.month_example!r}"
        )
    else:
        first, second = style.examples
        shown = f": {first!r} has the day first, {second!r} the month"
    return (
        f"{proposal.sample.label}: {theirs} mixes two date orders in one column{shown}. A date such as 03/04/2025 then "
        "cannot be told: export it again with one order, best with the year first (2025-04-03)."
    )
