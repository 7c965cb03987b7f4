"""How the values of a column are written: which dates, which decimal sign, which currency; and what stays unclear."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from custaudience.study.contracts import Column
from custaudience.study.proposing.vocabulary import currency_codes, currency_of

_DATE = re.compile(
    r"(?P<a>\d{1,4})(?P<sign>[./-])(?P<b>\d{1,2})(?P=sign)(?P<c>\d{1,4})"
    r"(?:(?P<joint>T| +|, ?)(?P<time>\d{1,2}:\d{2}(?::\d{2}(?P<fraction>\.\d{1,9})?)?)(?P<half> ?[AaPp][Mm])?)?"
    r"(?P<offset> ?(?:Z|[+-]\d{2}:?\d{2}))?(?P<utc> UTC| GMT)?"
)
_WORDS = [
    f"{day}{time}"
    for day in ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d %Y")
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", ", %I:%M %p", " %I:%M:%S %p", " at %I:%M %p")
]
_MONTH = re.compile(r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2212": "-"})
_AMOUNT = re.compile(
    r"(?P<before>[^\d\s+.,'()-]{1,5}|[A-Z]{3})? ?(?P<minus>[+-] ?)?(?P<early>[^\d\s+.,'()-]{1,5})?"
    r" ?(?P<number>\d[\d .,']*\d|\d) ?(?P<after>[^\d\s+,'()-][^\d\s+,'()-]{0,5})?"
)
_TURNED = 5  # dates of each kind that a spreadsheet must have left before it is suspected
_ORDERS = 0.02  # share of distinct values below which a column is a kind of something, no number of orders
_DATES, _NUMBERS = ("DATE", "TIMESTAMP"), ("INT", "DOUBLE", "FLOAT", "DECIMAL", "HUGEINT")
_ENOUGH = 0.8  # of the values must be so before a column is taken for dates or amounts


@dataclass(frozen=True)
class DateStyle:
    """How a column writes dates.

    ``order`` is what comes first: "year", "day", "month", "name" (a month's name), "count" (a number counts),
    "unclear", "mixed", or "turned" (a spreadsheet took some for dates in its own order).
    """

    formats: tuple[str, ...]  # tried in turn, () where the reader needs none
    order: str
    n: int
    n_agree: int
    has_time: bool
    zone: str = ""  # "offset" when each value has one, "UTC" when it says so
    swapped: tuple[str, ...] = ()  # the formats for the other order when it is unclear
    examples: tuple[str, ...] = ()  # of the order


@dataclass(frozen=True)
class AmountStyle:
    """How a column writes numbers: "" = it does not show."""

    decimal: str
    thousands: str
    sign: str
    n: int
    n_agree: int
    unclear: str = ""  # a value that can be read in two ways
    mixed: tuple[str, ...] = ()  # two that contradict each other
    signs: tuple[str, ...] = ()  # what stands at the numbers, the commonest first


def is_plain_value(cell: str) -> bool:
    """Say whether a cell is a number or a date and so no column's name."""
    text = cell.strip().translate(_SPACES)
    return bool(re.fullmatch(r"[+-]?\d[\d .,']*%?", text) or _DATE.fullmatch(text))


def date_style(values: Sequence[str]) -> DateStyle | None:
    """Return how dates are written in a column, or None when it holds none."""
    matches = [match for value in values if (match := _DATE.fullmatch(value.strip()))]
    if len(matches) < _ENOUGH * len(values) or not values:
        return _named_months(values)
    order, examples = _order(matches)
    written = Counter(_formats(match, order) for match in matches)
    day_first, month_first = (tuple(dict.fromkeys(each)) for each in zip(*dict(written.most_common()), strict=True))
    formats = month_first if order == "month" else day_first
    timed = any(m["time"] for m in matches)
    zone = "offset" if all(m["offset"] for m in matches) else "UTC" if any(m["utc"] for m in matches) else ""
    whole = all(len(m["a"]) == 4 and m["sign"] == "-" and not (m["half"] or m["utc"]) for m in matches)
    swapped, shown = month_first if order == "unclear" else (), tuple(match[0] for match in examples)
    return DateStyle(() if whole else formats, order, len(values), len(matches), timed, zone, swapped, shown)


def _order(matches: list[re.Match[str]]) -> tuple[str, list[re.Match[str]]]:
    """Return what comes first in dates, and those that show it."""
    written = [m for m in matches if len(m["a"]) <= 2]
    first = [m for m in written if int(m["a"]) > 12]
    second = [m for m in written if int(m["b"]) > 12]
    if not written:
        return "year", []
    if _is_short_year(matches):
        return "year", matches[:1]
    if first and second:
        return "mixed", [first[0], second[0]]
    whole = [m for m in matches if len(m["a"]) == 4]
    # a spreadsheet takes 03/04/2025 for a date, in the order of its own country, and leaves 25/04/2025 as text
    if min(len(whole), len(written)) >= _TURNED and len(first or second) == len(written):
        if all(int(m["c"]) <= 12 for m in whole):
            return "turned", [written[0], whole[0]]
    if first or second:
        return ("day" if first else "month"), (first or second)[:1]
    # dates with points are written day first wherever they are written
    return ("day" if all(m["sign"] == "." for m in written) else "unclear"), []


def _is_short_year(matches: list[re.Match[str]]) -> bool:
    """Say whether all are written as 25-01-31: there are few years, and many days of a month."""
    if not all(len(m["a"]) == len(m["c"]) == 2 and int(m["b"]) <= 12 and 1 <= int(m["c"]) <= 31 for m in matches):
        return False
    years, days = ({int(m[part]) for m in matches} for part in ("a", "c"))
    return max(years) - min(years) <= 15 and min(years) > 12 and len(days) >= max(5, 2 * len(years))


def counted_date(values: Sequence[str]) -> DateStyle | None:
    """Return what a column of numbers counts, when read as dates it is a day between 1995 and 2049; else None."""
    if not values:
        return None
    units = {
        "excel": (r"\d{5}([.,]\d+)?", 34700, 54800),
        "unix": (r"\d{9,10}([.]\d+)?", 788918400, 2524608000),
        "unix_ms": (r"\d{12,13}", 788918400e3, 2524608000e3),
        "unix_us": (r"\d{15,16}", 788918400e6, 2524608000e6),
        "%Y%m%d": (r"\d{8}", 19950101, 20491231),
    }
    for unit, (pattern, low, high) in units.items():
        fits = [v for v in values if re.fullmatch(pattern, v) and low <= float(v.replace(",", ".")) <= high]
        if len(fits) >= 0.95 * len(values) and (unit != "%Y%m%d" or all(_parses(v, unit) for v in fits)):
            timed = unit.startswith("unix") or any(re.search(r"[.,]", v) for v in fits)
            zone = "UTC" if unit.startswith("unix") else ""
            return DateStyle((unit,), "count", len(values), len(fits), timed, zone)
    return None


def amount_style(values: Sequence[str]) -> AmountStyle | None:
    """Return how numbers are written in a column, or None when it holds none."""
    found = (_AMOUNT.fullmatch(value.strip().translate(_SPACES)) for value in values)
    matches = [match for match in found if match and _is_sign(match["before"] or match["early"] or "")]
    if len(matches) < _ENOUGH * len(values) or not values:
        return None
    signs = Counter((m["before"] or m["early"] or m["after"] or "").strip() for m in matches)
    named = tuple(text for text, _ in signs.most_common() if text)
    # what stands at nearly all amounts, or a currency at some: another word at some ("238.60 CR") may turn their sign
    alone = len(named) == 1 and _is_currency(named[0])
    sign = next((text for text in named if alone or signs[text] >= _ENOUGH * len(matches)), "")
    decimals: dict[str, str] = {}
    groups: dict[str, str] = {}
    unclear = ""
    for match in matches:
        number = match["number"]
        marks = [mark for mark in number if not mark.isdigit()]
        if not marks:
            continue
        last, rest = marks[-1], re.split(r"[ .,']", number)[-1]
        if len(set(marks)) > 1:
            decimals.setdefault(last, match[0])
            groups.setdefault(marks[0], match[0])
        elif len(marks) > 1 or last in " '":
            groups.setdefault(last, match[0])
        elif len(rest) != 3 or len(number) > 7 or number.startswith("0"):
            decimals.setdefault(last, match[0])
        else:
            unclear = unclear or match[0]
    decimal = next(iter(decimals)) if len(decimals) == 1 else ""
    thousands = next(iter(groups)) if len(groups) == 1 else ""
    both = tuple({**decimals, **groups}.values())
    clash = len(decimals) > 1 or len(groups) > 1 or (decimal and decimal == thousands)
    settled = (decimal and decimal in unclear) or (thousands and thousands in unclear) or not unclear
    mixed = both[:2] if clash else ()
    return AmountStyle(decimal, thousands, sign, len(values), len(matches), "" if settled else unclear, mixed, named)


def _is_sign(before: str) -> bool:
    """Say whether what stands before a number can be a currency: "K12" is a number of something else."""
    return not before.isalpha() or _is_currency(before)


def _is_currency(text: str) -> bool:
    return bool(currency_of(text)) or text.upper() in currency_codes()


def _formats(match: re.Match[str], order: str) -> tuple[str, str]:
    """Return the format of a date, with the day and with the month before the other."""
    year = "%Y" if len(match["a"]) == 4 or len(match["c"]) == 4 else "%y"
    sign, half, offset = match["sign"], match["half"] or "", match["offset"] or ""
    rest = ""
    if match["time"]:
        rest = re.sub(" +", " ", match["joint"]) + ("%I:%M" if half else "%H:%M")
        rest += ":%S" if match["time"].count(":") == 2 else ""
        rest += ".%f" if match["fraction"] else ""
        rest += re.sub("[AaPp][Mm]", "%p", half)
    rest += re.sub("[^ ].*", "%z", offset) + (match["utc"] or "")
    if len(match["a"]) == 4 or order == "year":
        return (f"{year}{sign}%m{sign}%d{rest}",) * 2
    return f"%d{sign}%m{sign}{year}{rest}", f"%m{sign}%d{sign}{year}{rest}"


def _named_months(values: Sequence[str]) -> DateStyle | None:
    found: Counter[str] = Counter()
    looked_at = values[:: max(1, len(values) // 500)]
    if sum(1 for value in looked_at if _MONTH.search(value)) < _ENOUGH * len(looked_at):
        return None
    for value in looked_at:
        found.update([one for one in _WORDS if _parses(value, one)][:1])
    n = len(looked_at)
    if not n or sum(found.values()) < _ENOUGH * n:
        return None
    formats = tuple(one for one, _ in found.most_common())
    return DateStyle(formats, "name", n, sum(found.values()), any("%M" in one for one in formats))


def _parses(value: str, date_format: str) -> bool:
    try:
        dt.datetime.strptime(value, date_format)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Facts:
    """What stands in one column of a sample."""

    name: str
    values: list[str]
    kind: str = "VARCHAR"

    @cached_property
    def date(self) -> DateStyle | None:
        """How it writes dates, None when it holds none."""
        if self.kind.startswith(_DATES):
            timed = self.kind != "DATE" and any(not value.endswith("00:00:00") for value in self.values)
            zone = "offset" if "ZONE" in self.kind else ""
            return DateStyle((), "year", len(self.values), len(self.values), timed, zone)
        return self._written_date or counted_date(self.values)

    @cached_property
    def amount(self) -> AmountStyle | None:
        """How it writes numbers, None when it holds none."""
        if any(name in self.kind for name in _NUMBERS):
            return AmountStyle("", "", "", len(self.values), len(self.values))
        return None if self._written_date else amount_style(self._looked_at)

    @cached_property
    def _written_date(self) -> DateStyle | None:
        return date_style(self._looked_at)

    @property
    def _looked_at(self) -> list[str]:
        """Up to some 5,000 of the values, from everywhere: what they do not show, the look at all rows does."""
        return self.values[:: max(1, len(self.values) // 5_000)]

    @property
    def _is_money(self) -> bool:
        """Whether the numbers have cents; 17850.0 is an id that somebody's script read as a number."""
        if not (self.amount and self.amount.decimal):
            return False
        ends = [value.rpartition(self.amount.decimal)[2] for value in self.values if self.amount.decimal in value]
        return any(len(end) <= 2 and end.strip("0") for end in ends)

    @property
    def distinct(self) -> float:
        """Share of distinct values among those filled."""
        return len(set(self.values)) / max(1, len(self.values))

    def fits(self, column: Column) -> bool:
        """Say whether what stands in it can be this column."""
        if not self.values:
            return False
        if column.type == "datetime":
            return self.date is not None
        if column.type in ("money", "number"):
            return self.amount is not None
        if column.name == "customer_id":  # neither days nor sums of money are anybody's number
            return self._written_date is None and not self._is_money
        if column.name == "order_id" and len(self.values) >= 40 and self.distinct < _ORDERS:
            return False
        return column.name == "currency" or self._written_date is None
