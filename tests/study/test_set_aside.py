"""Rows set aside are judged by what they are: by their money and their kind (cases 16 and relatives)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from custaudience.errors import DataError
from custaudience.study import open_study
from custaudience.study.config import StudySection, TableSection
from custaudience.study.contracts import TABLES
from custaudience.study.proposing.styles import amount_style
from custaudience.study.values import Declared, number

Make = Callable[..., Path]


def orders(write: Callable[[int, float], str], n: int = 400) -> str:
    """Lines of one order a day, of 5 to 60; days 100, 200 and 300 are refunds of 238.60."""
    lines = ["customer_id,order_id,ordered_at,revenue"]
    for day in range(n):
        amount = -238.6 if day in (100, 200, 300) else 5 + (day * 37 % 550) / 10
        when = dt.date(2024, 1, 1) + dt.timedelta(days=day)
        lines.append(f'K{day % 25:02d},O{day},{when},"{write(day, amount)}"')
    return "\n".join(lines) + "\n"


READ = {  # how an amount of 1,234.5 or less is written, and what it is, by currency and what is declared
    ("EUR", "."): {
        "'-238.60": -238.6, "238.60-": -238.6, "238.60 -": -238.6, "\u2212238.60": -238.6, "\u2013 238.60": -238.6,
        "(238.60)": -238.6, "(€238.60)": -238.6, "€(238.60)": -238.6, "-€238.60": -238.6, "€ -238.60": -238.6,
        "EUR 238.60": 238.6, "238.60 eur": 238.6, "238.60 EUR-": -238.6, "'1'234.50": 1234.5, "1\u2019234.50": 1234.5,
        "\u200e12.50": 12.5, ".50": 0.5, "-.5": -0.5,
        "USD 238.60": None, "238.60 CR": None, "--5": None, "(-5)": None, "1'23": None, "1.234.5": None, "12x": None,
    },
    ("INR", ".,"): {"1,23,456.78": 123456.78, "₹1,00,000": 100000, "Rs. 500": 500, "-₹ 12,34,567": -1234567,
                    "1,234.50": 1234.5, "12,34": None, "1,2,345": None},
    ("UAH", ", "): {"1 234,50": 1234.5, "-1\u00a0234,50 грн.": -1234.5, "грн 5": 5, "5,00 ₴": 5, "5 $": None},
    ("USD", ".,"): {"$1,234.50-": -1234.5, "US$ 5": 5, "(US$1,234.00)": -1234, "C$5": None, "€5": None},
    ("CHF", "."): {"Fr. 1'234.50": 1234.5, "SFr. -5": -5, "1'234.50 CHF": 1234.5},
}  # fmt: skip


@pytest.mark.parametrize(("currency", "marks"), READ)
def test_amounts_are_read_as_people_write_them(currency: str, marks: str) -> None:
    section = TableSection(path="x.csv", decimal=marks[0], thousands=marks[1:])
    study = StudySection(name="x", currency=currency, timezone="UTC")
    con = duckdb.connect()
    sql = number("a", Declared(con, TABLES["transactions"], section, study), SimpleNamespace(columns={"a": "VARCHAR"}))
    con.execute("CREATE TABLE t (a VARCHAR)")
    con.executemany("INSERT INTO t VALUES (?)", [(text,) for text in READ[currency, marks]])
    found = dict(con.execute(f"SELECT a, {sql} FROM t").fetchall())
    assert {text: None if n is None else float(n) for text, n in found.items()} == READ[currency, marks]


def test_the_refunds_of_case_16_are_read(make_study: Make) -> None:
    for write in (lambda _, a: f"'{a:.2f}", lambda _, a: f"{abs(a):.2f}-" if a < 0 else f"{a:.2f}"):
        study = open_study(make_study(orders(write)))
        assert study.health().facts["n_refund_lines"] == 3
        assert study.health().facts["n_faulty"] == 0


@pytest.mark.parametrize(
    ("write", "says"),
    [
        pytest.param(lambda d, a: "####" if d in (31, 35, 50) else f"{a:.2f}", "how much money", id="no-digits"),
        pytest.param(lambda _, a: f"{-a:.2f} CR" if a < 0 else f"{a:.2f}", "about 715.80 EUR", id="credit-in-letters"),
        pytest.param(lambda _, a: f"~{a:.2f}" if a < 0 else f"{a:.2f}", "3 of the 3 refunds", id="all-refunds"),
        pytest.param(lambda d, a: f"{a}?" if 30 < d < 34 else f"{a:.2f}", "rows of 2024-02", id="of-a-month"),
        pytest.param(lambda d, a: "2 x 900.00" if d == 7 else f"{a:.2f}", "more than 1.0% of what", id="one-large"),
    ],
)  # fmt: skip
def test_few_rows_stop_the_reading_when_they_are_much(make_study: Make, write: Callable, says: str) -> None:
    place = make_study(orders(write))
    with pytest.raises(DataError, match=says):
        open_study(place).table("transactions")
    allowed = make_study(orders(write), study="max_money_set_aside = 1", folder="allowed")
    assert len(open_study(allowed).table("transactions"))


def test_a_file_of_several_that_lost_a_tenth_is_named(make_study: Make) -> None:
    place = make_study(orders(lambda _, a: f"{abs(a):.2f}"), table='path = ["orders.csv", "small.csv"]')
    text = (place / "study.toml").read_text(encoding="utf-8").replace('path = "orders.csv"\n', "")
    (place / "study.toml").write_text(text, encoding="utf-8")
    write = lambda day, amount: "?" if day < 3 else f"{abs(amount) / 100:.2f}"  # noqa: E731
    (place / "small.csv").write_text(orders(write, n=20), encoding="utf-8")
    with pytest.raises(DataError, match=r"3 of the 20 rows of small\.csv"):
        open_study(place).table("transactions")


def test_a_rows_other_fault_is_judged_by_its_money_too(make_study: Make) -> None:
    content = orders(lambda _, a: f"{a:.2f}")
    lines = [line.replace("2024-04-10", "10 Apr?") if ",O100," in line else line for line in content.splitlines()]
    with pytest.raises(DataError, match=r"about 238\.60 EUR"):
        open_study(make_study("\n".join(lines))).table("transactions")


def test_little_that_is_set_aside_is_said_with_its_money(make_study: Make) -> None:
    write = lambda day, amount: "5.20 ?" if day in (40, 80, 140) else f"{amount:.2f}"  # noqa: E731
    health = open_study(make_study(orders(write))).health()
    said = {claim.id: claim for claim in health.claims()}["data.warning.money_set_aside"]
    assert said.values["n"] == 3
    assert said.values["money"] == pytest.approx(15.6)


def test_rows_left_out_by_rule_are_no_loss(make_study: Make) -> None:
    write = lambda _, a: "#####" if a < 0 else f"{a:.2f}"  # noqa: E731
    study = open_study(make_study(orders(write), table='exclude = { revenue = ["#####"] }'))
    assert study.health().facts["n_faulty"] == 0


def test_a_word_at_some_amounts_is_no_currency() -> None:
    values = ["12.50", "13.50", "8.00", "9.10"] * 10 + ["238.60 CR"]
    style = amount_style(values)
    assert style is not None
    assert style.sign == ""
    assert amount_style([*values[:-1], "5.00 грн"]).sign == "грн"
