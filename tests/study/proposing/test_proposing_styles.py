"""How dates and amounts are written: found by their look, and read back to the same value."""

import datetime as dt
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.study.config import StudySection, TableSection
from custaudience.study.contracts import TABLES
from custaudience.study.proposing.styles import Facts, amount_style, counted_date, date_style, is_plain_value
from custaudience.study.sources import Source, literal
from custaudience.study.values import Declared, typed_value

STUDY = StudySection(name="Shop", currency="EUR", timezone="UTC")
CONNECTION = duckdb.connect()
COLUMNS = {column.name: column for column in TABLES["transactions"].columns}


def read_back(values: list[str], column: str, section: TableSection) -> list[object]:
    """Read values as the strict pass does."""
    rows = ", ".join(f"({k}, {literal(value)})" for k, value in enumerate(values))
    source = Source("values", {"raw": "VARCHAR"}, f"(VALUES {rows}) t(k, raw)", 1)
    typed = typed_value(Declared(CONNECTION, TABLES["transactions"], section, STUDY), COLUMNS[column], "raw", source)
    return [row[0] for row in CONNECTION.execute(f"SELECT {typed.sql} FROM {source.sql} ORDER BY k").fetchall()]


def section(**settings: object) -> TableSection:
    return TableSection.model_validate({"path": "orders.csv", **settings})


WRITTEN = [
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d", "%Y.%m.%d %H:%M", "%d.%m.%Y",
    "%d.%m.%Y %H:%M", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y %H:%M:%S", "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S%p", "%d/%m/%Y, %H:%M", "%b %d, %Y", "%d %B %Y", "%b %d, %Y %I:%M %p",
    "%Y-%m-%d %H:%M:%S UTC",
]  # fmt: skip
DAYS = st.datetimes(min_value=dt.datetime(2015, 1, 1), max_value=dt.datetime(2035, 12, 31)).map(
    lambda day: day.replace(second=0, microsecond=0)
)


@pytest.mark.parametrize("written", WRITTEN)
@settings(max_examples=15, deadline=None)  # each example is a query
@given(days=st.lists(DAYS, min_size=1, max_size=20))
def test_dates_are_read_back(written: str, days: list[dt.datetime]) -> None:
    days = [*days, dt.datetime(2024, 2, 28, 13, 5)]  # one that tells day from month
    values = [f"{day:{written}}" for day in days]
    style = date_style(values)
    assert style is not None and style.n_agree == len(values)
    formats = {"date_format": style.formats} if style.formats else {}
    expected = [dt.datetime.strptime(value, written) for value in values]
    assert read_back(values, "ordered_at", section(**formats)) == expected
    assert style.has_time == ("%M" in written)


@settings(max_examples=15, deadline=None)  # each example is a query
@given(day=st.integers(1, 12), month=st.integers(1, 12), year=st.integers(2000, 2030))
def test_a_date_that_can_be_two_is_unclear_and_both_can_be_read(day: int, month: int, year: int) -> None:
    value = f"{day:02d}/{month:02d}/{year}"
    style = date_style([value])
    assert style is not None and style.order == "unclear"
    read = {
        read_back([value], "ordered_at", section(date_format=formats))[0] for formats in (style.formats, style.swapped)
    }
    assert read == {dt.datetime(year, month, day), dt.datetime(year, day, month)}


@pytest.mark.parametrize(
    "values, order, formats",
    [(["03.04.2025", "05.06.2025"], "day", ("%d.%m.%Y",)), (["03/04/2025", "13/04/2025"], "day", ("%d/%m/%Y",)),
     (["03/04/2025", "04/13/2025"], "month", ("%m/%d/%Y",)), (["13/04/2025", "04/13/2025"], "mixed", ("%d/%m/%Y",)),
     ([f"25-{m:02d}-{d:02d}" for m in (1, 2) for d in range(1, 29)], "year", ("%y-%m-%d",)),
     ([f"{d:02d}-{m:02d}-25" for m in (1, 2) for d in range(1, 29)], "day", ("%d-%m-%y",)),
     (["13.01.2025", "13.01.2025 10:00"], "day", ("%d.%m.%Y", "%d.%m.%Y %H:%M")),
     (["2025-01-13 10:00:00 +0200"], "year", ()),
     (["2025-01-12 00:00:00"] * 6 + ["13/02/2025"] * 6, "turned", ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y"))],
)  # fmt: skip
def test_what_comes_first(values, order, formats) -> None:
    style = date_style(values)
    assert style is not None and (style.order, style.formats) == (order, formats)


@pytest.mark.parametrize("values", [["C1", "C2"], ["12.50"], ["1 січня 2025"], ["01.02"], [], ["", "x"], ["May be"]])
def test_no_dates(values) -> None:
    assert date_style(values) is None


@pytest.mark.parametrize(
    "unit, value",
    [("excel", "45292"), ("excel", "45292.5"), ("unix", "1704067200"), ("unix_ms", "1704067200000"),
     ("unix_us", "1704067200000000"), ("%Y%m%d", "20240101")],
)  # fmt: skip
def test_counted_dates_are_read_back(unit, value) -> None:
    style = counted_date([value])
    assert style is not None and style.formats == (unit,)
    assert read_back([value], "ordered_at", section(date_format=unit))[0].date() == dt.date(2024, 1, 1)


@pytest.mark.parametrize("value", ["12", "99999", "20241301", "7", "12345678"])
def test_numbers_that_count_no_days(value) -> None:
    assert counted_date([value]) is None


SIGNS = [
    (".", "", ""), (",", "", ""), (".", ",", ""), (",", ".", ""), (",", " ", ""), (",", "\u00a0", ""), (".", "'", ""),
    (".", "", "$"), (",", " ", "₴"), (",", "\u202f", " грн"), (".", ",", "USD "), (",", ".", " €"),
]  # fmt: skip


def write(amount: Decimal, decimal: str, thousands: str, sign: str) -> str:
    text = f"{abs(amount):,.2f}".translate(str.maketrans({",": thousands, ".": decimal}))
    text = text + sign if sign.startswith(" ") or sign == "₴" else sign + text
    return f"-{text}" if amount < 0 else text


@pytest.mark.parametrize("decimal, thousands, sign", SIGNS)
@settings(max_examples=15, deadline=None)  # each example is a query
@given(amounts=st.lists(st.decimals(-(10**7), 10**7, places=2), min_size=1, max_size=20))
def test_amounts_are_read_back(decimal, thousands, sign, amounts) -> None:
    amounts = [*amounts, Decimal("1234567.89")]
    values = [write(amount, decimal, thousands, sign) for amount in amounts]
    style = amount_style(values)
    assert style is not None and not style.mixed and not style.unclear and style.sign == sign.strip()
    read = section(decimal=style.decimal, thousands=style.thousands, currency_sign=style.sign)
    assert read_back(values, "revenue", read) == [int(amount * 100) for amount in amounts]


@pytest.mark.parametrize(
    "values, unclear, mixed",
    [(["1.250", "2.500"], "1.250", ()), (["1,250"], "1,250", ()), (["1.250", "2.5"], "", ()),
     (["1.250", "1.250.000"], "", ()), (["1.250", "10"], "1.250", ()), (["12345.678"], "", ()), (["0.125"], "", ()),
     (["10.50", "10,50"], "", ("10.50", "10,50"))],
)  # fmt: skip
def test_what_an_amount_leaves_open(values, unclear, mixed) -> None:
    style = amount_style(values)
    assert style is not None and (style.unclear, style.mixed) == (unclear, mixed)


@pytest.mark.parametrize("values", [["C12", "C13"], ["O1", "O2"], ["N0"], ["SKU-7"], [""], [], ["(5.50)"]])
def test_what_is_no_amount(values) -> None:
    assert amount_style(values) is None


def test_signs_of_several_currencies_are_all_named() -> None:
    style = amount_style(["$5", "$6", "€7"])
    assert style is not None and style.signs == ("$", "€") and style.sign == ""


@pytest.mark.parametrize(
    "values, fits",
    [(["17850.0", "17851.0"], True), (["10.50", "11.20"], False), (["007", "008"], True), (["2025-01-01"], False),
     (["1234567890.1612345678"], True), ([], False)],
)  # fmt: skip
def test_what_can_be_a_customer(values, fits) -> None:
    assert Facts("id", values).fits(COLUMNS["customer_id"]) is fits


@pytest.mark.parametrize("cell, plain", [("12", True), ("1 250,00", True), ("03.04.2025", True), ("Total", False)])
def test_a_value_names_no_column(cell, plain) -> None:
    assert is_plain_value(cell) is plain
