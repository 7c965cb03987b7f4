"""Months as finance sees them, and what would explain that its totals differ."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from custaudience.study import Study, open_study
from custaudience.study.books import explain_difference, monthly_books

MakeStudy = Callable[..., Path]
# January: sold 180.50, paid back 10.05, net 170.45. Kyiv is two hours ahead of UTC.
SALES = """customer_id,order_id,ordered_at,revenue
a,1,2025-01-01 10:00:00,100.00
b,2,2025-01-20 11:00:00,60.50
b,2,2025-01-22 09:00:00,-10.05
c,3,2025-01-31 23:30:00,20.00
a,4,2025-02-01 00:30:00,40.00
d,5,2025-02-10 12:00:00,80.00
"""
MANY = "max_quarantined = 0.9\nmax_money_set_aside = 1"
ODDS = """customer_id,order_id,ordered_at,revenue,status
a,1,2025-01-05 10:00:00,100.00,paid
,2,2025-01-06 10:00:00,7.77,paid
,3,2025-01-07 10:00:00,5.00,paid
b,4,2025-01-08 10:00:00,31.10,Cancelled
c,5,someday,12.34,paid
d,6,2025-01-09 10:00:00,-3.00,paid
"""
GUESTS = 'guests = "set aside"'
OUT = 'exclude = { status = ["cancelled"] }'


def explained(path: Path) -> list[str]:
    """Return what is said of the study's one control, which does not agree."""
    study = open_study(path)
    row = study.health().controls.iloc[0]
    assert not row["agrees"]
    return explain_difference(study, row["key"], row["found"], monthly_books(study))


def test_the_books_of_a_month_by_hand(make_study: MakeStudy) -> None:
    got = monthly_books(open_study(make_study(SALES)))
    expected = [
        ("2025-01", 4, 3, 3, 180.50, 10.05, 170.45, 0.0, 0.0, 0.0),
        ("2025-02", 2, 2, 2, 120.00, 0.00, 120.00, 0.0, 0.0, 0.0),
    ]
    assert list(got.itertuples(index=False, name=None)) == expected


def test_what_is_not_in_net_stands_in_columns_of_its_own(make_study: MakeStudy) -> None:
    study = open_study(make_study(ODDS, study=MANY, table=f"{GUESTS}\n{OUT}"))
    got = monthly_books(study)
    assert list(got.itertuples(index=False, name=None)) == [
        ("2025-01", 2, 2, 1, 100.0, 3.0, 97.0, 12.77, 0.0, 31.10),
        ("", 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 12.34, 0.0),
    ]
    assert study.health().controls.empty


def test_a_refund_on_the_row_of_its_sale_is_sold_and_paid_back() -> None:
    frame = pd.DataFrame(
        {"customer_id": ["a", "b", "c"],
         "order_id": ["1", "2", "3"],
         "ordered_at": pd.to_datetime(["2025-01-05", "2025-01-06", "2025-01-07"]),
         "revenue": [50.0, 20.0, -4.0],
         "refunded": [0.0, 25.0, 0.0]}
    )  # fmt: skip
    got = monthly_books(Study.from_frames(transactions=frame, currency="EUR", timezone="UTC"))
    assert got.loc[0, ["gross", "refunds", "net"]].tolist() == [70.0, 29.0, 41.0]
    assert got.loc[0, ["n_rows", "n_customers", "n_orders"]].tolist() == [3, 3, 1]


def test_a_month_without_a_line_is_a_row_and_currencies_without_cents_are_whole() -> None:
    frame = pd.DataFrame(
        {"customer_id": ["a", "a"], "ordered_at": pd.to_datetime(["2024-12-05", "2025-02-06"]), "revenue": [500, 70]}
    )
    got = monthly_books(Study.from_frames(transactions=frame, currency="JPY", timezone="Asia/Tokyo"))
    assert got["month"].tolist() == ["2024-12", "2025-01", "2025-02"]
    assert got["net"].tolist() == [500.0, 0.0, 70.0] and got["n_rows"].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("control", "said"),
    [(180.50, "the books are gross, before refunds (10.05 EUR in the month): ask finance for revenue after refunds"),
     (210.45,
      'at midnight of UTC, not of Europe/Kyiv: ask finance for months of Europe/Kyiv, or set timezone = "UTC"'),
     (150.45,
      'the times of the file are those of UTC, not of Europe/Kyiv: if so, set timezone = "UTC" under [tables'),
     (204.54, "the books are with tax and the data without (a ratio of 1.2000, as 20 % tax would make)"),
     (143.24, "the books are without tax and the data with it (a ratio of 1.1900, as 19 % tax would make)")],
)  # fmt: skip
def test_one_wrong_figure_has_one_explanation(make_study: MakeStudy, control: float, said: str) -> None:
    [sentence] = explained(make_study(SALES, control=f'"revenue.2025-01" = {control}'))
    assert sentence.startswith("It would be explained, to the last digit, if ") and said in sentence


@pytest.mark.parametrize(
    ("table", "control", "said"),
    [(f"{GUESTS}\n{OUT}", 97.0, "the books leave sales to guests out (12.77 EUR in the month)"),
     ('guests = "by order"\n' + OUT, 97.0, "the books leave sales to guests out (12.77 EUR in the month)"),
     (OUT,
      109.77,
      "set aside: customer_id, no value (12.77 EUR in the month): if they are sales to guests, set guests")],
)  # fmt: skip
def test_rows_that_are_not_in_the_data_or_not_in_the_books(
    make_study: MakeStudy, table: str, control: float, said: str
) -> None:
    sentences = explained(make_study(ODDS, study=MANY, table=table, control=f'"revenue.2025-01" = {control}'))
    assert len(sentences) == 1 and said in sentences[0]


def test_guests_set_aside_are_in_the_total_of_a_control(make_study: MakeStudy) -> None:
    path = make_study(ODDS, study=MANY, table=f"{GUESTS}\n{OUT}", control='"revenue.2025-01" = 109.77')
    assert open_study(path).health().controls["agrees"].tolist() == [True]


TOTALS = """customer_id,order_id,ordered_at,revenue,item
a,1,2025-01-05 10:00:00,30.00,x
a,1,2025-01-05 10:00:00,30.00,y
a,1,2025-01-05 10:00:00,30.00,z
b,2,2025-01-06 10:00:00,12.50,x
"""


def test_an_order_total_on_each_line(make_study: MakeStudy) -> None:
    [sentence] = explained(make_study(TOTALS, control='"revenue.2025-01" = 42.50'))
    assert 'each line carries the total of its order: set revenue_per = "order" under [tables.transactions]' in sentence


def test_days_without_a_time_are_cut_by_no_clock(make_study: MakeStudy) -> None:
    text = "customer_id,ordered_at,revenue\na,2025-01-01,10.00\nb,2025-01-15,20.00\nc,2025-02-01,5.00\n"
    [said] = explained(make_study(text, table='timezone = "UTC"', control='"revenue.2025-01" = 20.00'))[-1:]
    assert "UTC" not in said


def test_when_nothing_fits_the_days_to_compare_are_named(make_study: MakeStudy) -> None:
    sentences = explained(make_study(SALES, control='"revenue.2025-01" = 171.11'))
    assert sentences == [
        "Nothing that can be computed here explains it. Compare day by day with the books, first the days with most "
        "revenue: 2025-01-01 (100.00 EUR), 2025-01-20 (60.50 EUR), 2025-01-31 (20.00 EUR)."
    ]


def test_a_month_that_is_not_there_or_not_complete(make_study: MakeStudy) -> None:
    [said] = explained(make_study(SALES, control='"revenue.2024-12" = 5'))
    assert said.startswith(
        "No usable line falls in 2024-12: the data run from 2025-01-01 to 2025-02-10. Add the export"
    )
    first, second, _ = explained(make_study(SALES, control='"revenue.2025-02" = 119', folder="short"))
    assert first == (
        "The data run from 2025-01-01 to 2025-02-10: 2025-02 may not be complete in them. Compare a month that is."
    )
    assert second == "The data hold no refund in this month: see whether the export leaves refunds out."


LINES = """customer_id,order_id,ordered_at,revenue,status
Ann@x.org,1,2025-01-01 10:00:00,100.00,paid
ann@x.org,2,2025-01-02 10:00:00,10.00,paid
ann@x.org,2,2025-01-02 10:00:00,10.00,paid
ann@x.org,2,2025-01-02 10:00:00,12.00,paid
b,3,2025-01-08 10:00:00,-31.10,paid
d,7,2025-01-08 10:00:00,0,paid
,4,2025-01-09 10:00:00,7.00,paid
,5,2025-01-09 11:00:00,7.00,paid
,6,2025-01-09 12:00:00,7.00,paid
c,8,2025-01-31 10:00:00,1.00,Cancelled
"""


@pytest.mark.parametrize(
    ("control", "said"),
    [("orders.2025-01 4", "the books count also what brought no net revenue, refunds only or nothing paid (2)"),
     ("orders.2025-01 5", "the books count orders of guests too (3): set guests = "),
     ("orders.2025-01 6", "the books count lines: ask finance for the number of orders"),
     ("orders.2025-01 9", "An order counts once, in the month of its first line"),
     ("customers.2025-01 4", "the books count everybody with a line"),
     ("customers.2025-01 5", "the books count each order of a guest as a customer (3)"),
     ("customers.2025-01 9", "A customer counts in the month of an order whose net revenue is positive"),
     ("rows.transactions 10", "the control counts the rows set aside too (4): their reasons are above"),
     ("rows.transactions 99", "See whether the export was cut off, filtered or covers another period")],
)  # fmt: skip
def test_counts_that_differ(make_study: MakeStudy, control: str, said: str) -> None:
    key, figure = control.split()
    whole = MANY + '\ncomplete_until = "2025-01-31"'
    [sentence] = explained(make_study(LINES, study=whole, table=f"{GUESTS}\n{OUT}", control=f'"{key}" = {figure}'))
    assert said in sentence


def test_without_order_ids_lines_of_a_day_are_an_order(make_study: MakeStudy) -> None:
    no_ids = "customer_id,ordered_at,revenue\na,2025-01-01,1\na,2025-01-31,2\n"
    assert "There is no order_id" in explained(make_study(no_ids, control='"orders.2025-01" = 9'))[-1]


def test_no_tax_is_guessed_where_rates_differ_from_town_to_town(make_study: MakeStudy) -> None:
    path = make_study(SALES, control='"revenue.2025-01" = 204.54')
    toml = path / "study.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("EUR", "USD"), encoding="utf-8")
    assert not any(" tax " in sentence for sentence in explained(path))


@pytest.mark.parametrize(("control", "explained"), [(702.59, True), (690.0, False)])
def test_rounding_line_by_line_is_named_where_it_explains(
    make_study: Callable[..., Path], control: float, explained: bool
) -> None:
    """Twelve lines of 58.5495 are 702.594 in all, and 702.60 when each is rounded."""
    lines = "".join(f"{n},o{n},2025-01-{n + 1:02d},58.5495\n" for n in range(12))
    study = open_study(make_study("customer_id,order_id,ordered_at,revenue\n" + lines))
    books = monthly_books(study)
    assert books["net"].iloc[0] == 702.6
    study.config = study.config.model_copy(update={"control": {"revenue.2025-01": control}})
    said = explain_difference(study, "revenue.2025-01", 702.6, books)
    assert any("rounding" in line for line in said) == explained
