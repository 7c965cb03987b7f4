"""How the amounts and the dates of a table are written: signs and currency, day or month first, whose clock."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from zoneinfo import available_timezones

from custaudience.errors import DataError
from custaudience.study.contracts import TABLES
from custaudience.study.proposing.proposal import Answers, TableProposal, question
from custaudience.study.proposing.styles import AmountStyle, DateStyle, Facts
from custaudience.study.proposing.vocabulary import currency_codes, currency_of

_PAID = ("revenue", "unit_price", "quantity", "spend")  # what these say of the signs holds for the others
_STRAY = 0.001  # share of dates in the other order up to which they are slips of the pen, and set aside


def settle_amounts(proposal: TableProposal, answers: Answers) -> None:
    """Settle the decimal sign, the sign of thousands, and the sign of currency."""
    decimals: dict[str, str] = {}
    groups: dict[str, str] = {}
    unclear = ""
    for ours, column, style in _written(proposal):
        clash = style.mixed or _clash(column, style, decimals, groups)
        if clash and ours not in proposal.needed:
            proposal.give_up(ours, f"its numbers are written in another way, such as {clash[0]!r} beside {clash[-1]!r}")
            continue
        if clash:
            raise DataError(
                f"{proposal.sample.label}: the numbers of {column.name} are written in two ways, such as {clash[0]!r} "
                f"and {clash[-1]!r}. Which sign is the decimal one cannot be told: export it again with one."
            )
        if style.decimal:
            decimals.setdefault(style.decimal, _first(column, style.decimal))
        if style.thousands:
            groups.setdefault(style.thousands, _first(column, style.thousands))
        unclear = unclear or style.unclear
        if ours in ("revenue", "unit_price", "spend"):
            _currency_sign(proposal, column, style)
    if unclear:
        _settle_unclear(proposal, unclear, (decimals, groups), answers)
    decimal, group = next(iter(decimals), ""), next(iter(groups), "")
    if decimal == "," or group == ".":
        proposal.settings["decimal"] = ","
        proposal.say("decimal", f"as in {_shown(decimals[decimal])}" if decimal else "the point groups thousands")
    if group:
        proposal.settings["thousands"] = group
        proposal.say("thousands", f"as in {_shown(groups[group])}")


def settle_currency(proposal: TableProposal, answers: Answers) -> None:
    """Settle which currency counts where a column names one for each row."""
    found = proposal.scan.currencies
    if "currency" not in proposal.columns or not found:
        return
    theirs = proposal.columns["currency"]
    by_code: Counter[str] = Counter()
    for name, n in found.items():
        by_code[_code(name)] += n
    shown = ", ".join(f"{name} {n:,} rows" for name, n in sorted(found.items(), key=lambda item: -item[1])[:6])
    code = next(iter(by_code))
    if len(by_code) > 1:
        options = tuple((name, f"{n:,} rows; the others are left out") for name, n in by_code.items())
        facts = {"label": proposal.sample.label, "theirs": theirs, "shown": shown}
        code = answers.settle(question("currencies", facts, options=options))
        names = [name for name in found if _code(name) == code]
        proposal.settings.setdefault("only", {})[theirs] = names
        proposal.say("only", f"rows in {code}; of all: {shown}")
    if any(name != code for name in found if _code(name) == code):  # the reader wants ISO codes in that column
        proposal.columns.pop("currency")
        proposal.why.pop("currency", None)
        proposal.notes.append(f"{theirs!r} names the currency ({shown}), not by its ISO code: it is carried along.")
    proposal.currency = code if code in currency_codes() else ""


def _code(name: str) -> str:
    """Return the ISO code that a value of a column of currencies stands for; itself when it is not known."""
    return name if name in currency_codes() else currency_of(name) or name


def _written(proposal: TableProposal) -> list[tuple[str, Facts, AmountStyle]]:
    """Return the columns of numbers that come as text, what was paid first."""
    names = {column.name for column in TABLES[proposal.table].columns if column.type in ("money", "number")}
    mapped = [ours for ours in (*_PAID, *sorted(names - set(_PAID))) if ours in names and ours in proposal.columns]
    found = [(ours, proposal.facts(ours)) for ours in mapped]
    return [(ours, one, one.amount) for ours, one in found if one.kind == "VARCHAR" and one.amount is not None]


def _clash(
    column: Facts, style: AmountStyle, decimals: Mapping[str, str], groups: Mapping[str, str]
) -> tuple[str, ...]:
    """Return two values that contradict each other: of this column and of those before."""
    for mark, others, same in ((style.decimal, groups, decimals), (style.thousands, decimals, groups)):
        if mark and mark in others:
            return (others[mark], _first(column, mark))
        if mark and same and mark not in same:
            return (next(iter(same.values())), _first(column, mark))
    return ()


def _settle_unclear(
    proposal: TableProposal, unclear: str, marks: tuple[dict[str, str], dict[str, str]], answers: Answers
) -> None:
    """Settle what 1.250 is: by the other numbers, or by asking; `marks` are those of decimals and of thousands."""
    decimals, groups = marks
    mark = next(sign for sign in unclear if sign in ".,")
    if mark in decimals or mark in groups:
        return
    if decimals or groups:  # the other sign is taken, so that this one can only be what is left
        (groups if decimals else decimals)[mark] = unclear
        return
    whole, _, rest = "".join(sign for sign in unclear if sign.isdigit() or sign == mark).partition(mark)
    facts = {"table": proposal.table, "label": proposal.sample.label, "unclear": unclear, "mark": mark}
    answer = answers.settle(question("amounts", {"whole": whole, "rest": rest, "least": int(whole), **facts}))
    (groups if answer == "thousands" else decimals).setdefault(mark, unclear)


def _currency_sign(proposal: TableProposal, column: Facts, style: AmountStyle) -> None:
    codes = {currency_of(sign): sign for sign in style.signs if currency_of(sign)}
    if len(codes) > 1:
        shown = [f"{sign} in {sum(sign in value for value in column.values):,}" for sign in codes.values()]
        raise DataError(
            f"{proposal.sample.label}: {column.name} holds several currencies: of {len(column.values):,} rows looked "
            f"at {', '.join(shown)}. They cannot be added: export one currency, or the amounts converted to one."
        )
    if style.sign and style.sign != "%":
        proposal.settings["currency_sign"] = style.sign
        proposal.say("currency_sign", f"stands at the amounts, as in {_shown(_first(column, style.sign))}")


def _first(column: Facts, mark: str) -> str:
    """Return the first value that has a sign in it; a space may be one of several."""
    marks = (" ", "\u00a0", "\u202f", "\u2009") if mark == " " else (mark,)
    return next((value for value in column.values if any(sign in value for sign in marks)), column.values[0])


def _shown(value: str) -> str:
    return repr(" ".join(value.split()))


def propose_dates(proposal: TableProposal) -> None:
    """Say how dates are written, as far as the sample shows it."""
    ours = TABLES[proposal.table].dated(proposal.columns)
    if ours is None:
        return
    theirs = proposal.columns[ours]
    style, values = proposal.facts(ours).date, proposal.facts(ours).values
    if style is None:
        shown = ", ".join(map(repr, values[:3])) or "nothing"
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
        proposal.settings["date_format"] = _one_or_all(style.formats)
        proposal.say("date_format", _in_words(style))
    zone = zone_in_header(theirs) or ("UTC" if style.zone == "UTC" else "")
    if zone and "timezone" not in proposal.settings and style.has_time:
        proposal.settings["timezone"] = zone
        counted = style.order == "count"
        proposal.say("timezone", f"{theirs} counts from 1970 in UTC" if counted else f"{theirs!r} says so")


def settle_date_order(proposal: TableProposal, answers: Answers) -> bool:
    """Settle whether day or month comes first where the sample left it open; True when the formats changed."""
    style, found, ours = proposal.date, proposal.scan, TABLES[proposal.table].dated(proposal.columns)
    if style is None or ours is None or style.order not in ("unclear", "day", "month"):
        return False
    if proposal.preset and "date_format" in proposal.preset[1].settings:
        return False
    theirs = proposal.columns[ours]
    day_first, month_first = found.day_first, found.month_first
    if min(day_first, month_first) > _STRAY * (day_first + month_first):
        raise DataError(_mixed(proposal, theirs, style))
    if style.order != "unclear":
        return False
    proposal.why.pop("date_format", None)
    if day_first or month_first:
        order = "day" if day_first > month_first else "month"
        rows = max(day_first, month_first)
        counted = f"{rows:,} {'row' if rows == 1 else 'rows'}"
        proposal.say("date_format", f"the {order} comes first: in {counted} that number is over 12")
    else:
        facts = {"label": proposal.sample.label, "theirs": theirs, "date": proposal.facts(ours).values[0]}
        order = answers.settle(question("date_order", {"table": proposal.table, **facts}))
        proposal.say("date_format", f"the {order} comes first, as answered")
    if order == "month":
        proposal.settings["date_format"] = _one_or_all(style.swapped)
    return order == "month"


def _one_or_all(formats: tuple[str, ...]) -> str | list[str]:
    return formats[0] if len(formats) == 1 else list(formats)


def zone_in_header(header: str) -> str:
    """Return the time zone that the header of a date names, as "Created (UTC)" does; "" when it names none."""
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
            "unix": "seconds since 1970", "unix_ms": "milliseconds since 1970", "unix_us": "microseconds since 1970",
            "excel": "days as a spreadsheet counts them, from 30 December 1899",
        }  # fmt: skip
        return counts.get(style.formats[0], "year, month and day without a sign between")
    words = {"month": "the month comes first", "name": "the month by its name", "year": "the year comes first"}
    return words[style.order] + example if style.order in words else ""


def _mixed(proposal: TableProposal, theirs: str, style: DateStyle) -> str:
    found = proposal.scan
    if found.day_first and found.month_first:
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
