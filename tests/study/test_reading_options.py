"""What study.toml can say about awkward exports: guests, refunds, order totals, statuses, odd dates and amounts."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from custaudience.errors import ColumnError, ConfigError, DataError
from custaudience.study import Study, open_study
from custaudience.study.config import load_config

MakeStudy = Callable[..., Path]
HEADER = "customer_id,order_id,ordered_at,revenue\n"


def lines(study: Study, columns: str = "customer_id, order_id, revenue_minor") -> list[tuple[object, ...]]:
    return study.table("transactions").order("_file, _row").project(columns).fetchall()


def why(study: Study, table: str = "transactions") -> dict[tuple[str, str], int]:
    return {(fault.column, fault.reason): fault.rows for fault in study.read_report(table).faults}


def test_rows_left_out_by_rule_are_counted_and_are_no_faults(make_study: MakeStudy) -> None:
    text = HEADER.replace("revenue", "revenue,Status,Mode") + (
        "1,a,2025-01-01,10,Completed,Live\n2,b,2025-01-02,20,CANCELLED ,Live\n3,c,2025-01-03,30,,Live\n"
        "4,d,2025-01-04,40,completed,Test\nTotal,,,60,,\n"
    )
    rules = 'only = { Mode = ["live"] }\nexclude = { Status = ["cancelled", ""] }'
    study = open_study(make_study(text, table=rules))
    assert lines(study) == [("1", "a", 1000)]
    assert why(study) == {("Mode", "excluded"): 2, ("Status", "excluded"): 2}
    report = study.read_report("transactions")
    assert report.rows_in == report.rows_used + report.rows_set_aside == 5
    assert study.quarantined("transactions").project("row, reason, value").fetchall() == [
        (2, "excluded", "CANCELLED "), (3, "excluded", None), (4, "excluded", "Test"), (5, "excluded", None),
    ]  # fmt: skip


def test_a_rule_on_a_column_that_is_not_there_names_the_near_miss(make_study: MakeStudy) -> None:
    with pytest.raises(ColumnError, match=r"column 'custmer_id' not found.*'customer_id'.*exclude"):
        open_study(make_study(table='exclude = { custmer_id = ["9"] }')).table("transactions")


def test_rules_that_leave_nothing_say_so(make_study: MakeStudy) -> None:
    with pytest.raises(DataError, match=r"rules of study.toml on order_id leave no row of 5 in"):
        open_study(make_study(table='only = { order_id = ["nothing"] }')).table("transactions")


def test_a_star_in_a_rule_stands_for_any_text_and_nothing_else_is_special(make_study: MakeStudy) -> None:
    text = HEADER + "1,A.1,2025-01-01,1\n2,AX1,2025-01-01,1\n3,B,2025-01-01,1\n"
    study = open_study(make_study(text, table='exclude = { order_id = ["a.*", "b"] }'))
    assert lines(study, "order_id") == [("AX1",)]


@pytest.mark.parametrize("amount", ["5", "-5"])
def test_refunds_written_without_a_minus_are_turned(make_study: MakeStudy, amount: str) -> None:
    text = HEADER.replace("revenue", "revenue,Status") + f"1,a,2025-01-01,10,Sold\n1,b,2025-01-02,{amount},Returned\n"
    study = open_study(make_study(text, table='refund_rows = { Status = ["returned"] }'))
    assert lines(study, "revenue_minor") == [(1000,), (-500,)]


GUESTS = HEADER + "1,a,2025-01-01,10\n,b,2025-01-02,20\n,b,2025-01-02,5\n0,c,2025-01-03,7\n2,d,2025-01-03,1\n"


def test_guests_are_faults_until_study_toml_says_what_becomes_of_them(make_study: MakeStudy) -> None:
    with pytest.raises(DataError, match=r'2 of 5 rows .*guests = "set aside", or guests = "by order"'):
        open_study(make_study(GUESTS)).table("transactions")


def test_guests_set_aside_stay_in_the_control_total(make_study: MakeStudy) -> None:
    rule = 'guests = "set aside"\nguest_ids = ["0"]'
    study = open_study(make_study(GUESTS, table=rule, control='"revenue.2025-01" = 43'))
    assert lines(study, "customer_id") == [("1",), ("2",)]
    assert why(study) == {("customer_id", "guest"): 3}
    assert study.health().controls["agrees"].tolist() == [True]


def test_each_order_of_a_guest_can_be_a_customer_of_its_own(make_study: MakeStudy) -> None:
    study = open_study(make_study(GUESTS, table='guests = "by order"\nguest_ids = ["0"]'))
    assert lines(study, "customer_id") == [("1",), ("guest:b",), ("guest:b",), ("guest:c",), ("2",)]
    without = GUESTS.replace("order_id", "other")
    with pytest.raises(ConfigError, match=r'guests = "by order" needs order_id'):
        open_study(make_study(without, table='guests = "by order"', folder="x")).table("transactions")


def test_price_times_quantity_less_discount_is_revenue_to_the_cent(make_study: MakeStudy) -> None:
    text = "customer_id,order_id,ordered_at,unit_price,quantity,discount\n" + (
        "1,a,2025-01-01,0.333,3,\n1,a,2025-01-01,19.99,-2,\n2,b,2025-01-02,10,2,1.50\n"
    )
    assert lines(open_study(make_study(text)), "revenue_minor") == [(100,), (-3998,), (1850,)]
    # a price without a quantity is no amount
    missing = text + "3,c,2025-01-03,5,,\n"
    study = open_study(make_study(missing, study="max_quarantined = 0.5\nmax_money_set_aside = 1", folder="x"))
    assert why(study) == {("quantity", "missing"): 1}
    assert study.read_report("transactions").rows_rounded == 1  # 0.333 x 3 = 0.999


def test_money_paid_back_on_the_row_of_the_sale_is_taken_off(make_study: MakeStudy) -> None:
    text = "customer_id,ordered_at,revenue,refunded\n1,2025-01-01,10,\n2,2025-01-02,20,5.5\n3,2025-01-03,30,30\n"
    study = open_study(make_study(text))
    assert lines(study, "revenue_minor, refunded_minor") == [(1000, None), (1450, 550), (0, 3000)]


def test_an_orders_total_repeated_on_its_lines_counts_once(make_study: MakeStudy) -> None:
    text = HEADER.replace("revenue", "revenue,Status") + (
        "1,a,2025-01-01,30,ok\n1,a,2025-01-01,30,ok\n1,b,2025-01-02,12,ok\n1,b,2025-01-02,,\n"
        "2,c,2025-01-03,50,void\n2,c,2025-01-03,,\n3,d,2025-01-04,,ok\n3,e,2025-01-04,7,ok\n3,e,2025-01-04,8,ok\n"
    )
    rules = 'revenue_per = "order"\nexclude = { Status = ["void"] }'
    study = open_study(make_study(text, table=rules, study="max_quarantined = 0.5\nmax_money_set_aside = 1"))
    assert lines(study) == [("1", "a", 3000), ("1", "a", 0), ("1", "b", 1200), ("1", "b", 0), ("3", "e", 700)]
    assert why(study) == {("Status", "excluded"): 2, ("revenue", "missing"): 1, ("revenue", "two_totals"): 1}


def test_refunds_of_an_order_told_on_one_line_count_once(make_study: MakeStudy) -> None:
    text = HEADER.replace("revenue", "revenue,refunded") + "1,a,2025-01-01,30,10\n1,a,2025-01-01,30,10\n"
    study = open_study(make_study(text, table='revenue_per = "order"'))
    assert lines(study, "revenue_minor, refunded_minor") == [(2000, 1000), (0, 0)]


def test_e_mail_addresses_as_ids_know_no_capitals(make_study: MakeStudy) -> None:
    text = HEADER + "Anna@Example.org,a,2025-01-01,1\nanna@example.org,b,2025-01-02,1\n"
    study = open_study(make_study(text, table="case_insensitive_ids = true"))
    assert set(lines(study, "customer_id")) == {("anna@example.org",)}


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ('date_format = "excel"', ["45658", "45658.75"], [dt.datetime(2025, 1, 1), dt.datetime(2025, 1, 1, 18)]),
        ('date_format = "unix"', ["1735682400"], [dt.datetime(2025, 1, 1)]),  # Kyiv is two hours before UTC
        ('date_format = "unix_ms"', ["1735682400000"], [dt.datetime(2025, 1, 1)]),
        ('date_format = "unix_us"', ["1735682400000000"], [dt.datetime(2025, 1, 1)]),
        (
            'date_format = ["%d.%m.%Y %H:%M", "%d.%m.%Y"]',
            ["31.01.2025 10:30", "01.02.2025"],
            [dt.datetime(2025, 1, 31, 10, 30), dt.datetime(2025, 2, 1)],
        ),
    ],
)
def test_dates_that_programs_count(make_study: MakeStudy, declared: str, values: list[str], expected: object) -> None:
    text = "customer_id,ordered_at,revenue\n" + "".join(f"1,{value},1\n" for value in values)
    study = open_study(make_study(text, table=declared))
    assert [row[0] for row in lines(study, "ordered_at")] == expected


@pytest.mark.parametrize(
    ("value", "hint"), [("45658", 'date_format = "excel"'), ("1735682400", '"unix"'), ("1735682400000", '"unix_ms"')]
)
def test_counted_dates_are_named_when_not_declared(make_study: MakeStudy, value: str, hint: str) -> None:
    with pytest.raises(DataError, match=hint):
        open_study(make_study(f"customer_id,ordered_at,revenue\n1,{value},1\n")).table("transactions")


def test_mixed_date_orders_in_one_column_are_said_to_be_mixed(make_study: MakeStudy) -> None:
    days = "".join(f"1,{d},1\n" for d in ["03/04/2025", "25/04/2025", "04/26/2025"])
    with pytest.raises(DataError, match=r"two orders are mixed in one column"):
        open_study(make_study(f"customer_id,ordered_at,revenue\n{days}", table='date_format = "%d/%m/%Y"')).table(
            "transactions"
        )


def test_an_id_that_a_spreadsheet_shortened_is_not_taken(make_study: MakeStudy) -> None:
    text = HEADER + "1.23E+10,a,2025-01-01,1\n"
    with pytest.raises(DataError, match=r"the rest of its digits is gone.*format that column as text"):
        open_study(make_study(text)).table("transactions")


def test_a_sign_of_currency_is_taken_off_when_declared(make_study: MakeStudy) -> None:
    text = 'customer_id;ordered_at;revenue\n1;2025-01-01;"1 250,50 грн"\n2;2025-01-02;-3,00 грн\n3;2025-01-03;4 USD\n'
    rules = 'separator = ";"\ndecimal = ","\nthousands = " "\ncurrency_sign = "грн"'
    study = open_study(make_study(text, table=rules, study="max_quarantined = 0.5\nmax_money_set_aside = 1"))
    assert lines(study, "revenue_minor") == [(125050,), (-300,)]
    assert why(study) == {("revenue", "not_a_number"): 1}


def test_title_lines_above_the_header_are_skipped_and_rows_keep_their_numbers(make_study: MakeStudy) -> None:
    text = 'Report "x\n1 - 31 January 2025\n\n' + HEADER + "1,a,2025-01-01,1\n2,b\n3,c,2025-01-03,3\n"
    study = open_study(make_study(text, table="header_row = 4", study="max_quarantined = 0.5\nmax_money_set_aside = 1"))
    assert lines(study, "customer_id, _row") == [("1", 1), ("3", 3)]
    assert study.quarantined("transactions").project("row, reason").fetchall() == [(2, "too_few_fields")]
    with pytest.raises(ColumnError, match="not found"):
        open_study(make_study(text, folder="x")).table("transactions")


def test_columns_without_a_name_are_numbered_and_a_title_is_suspected(make_study: MakeStudy) -> None:
    study = open_study(make_study(",customer_id,ordered_at,revenue\n0,1,2025-01-01,1\n"))
    assert lines(study, '"column 1"') == [("0",)]
    with pytest.raises(DataError, match=r"3 of 4 columns have no name.*header_row"):
        open_study(make_study("Orders,,,\na,b,c,d\n", folder="x")).table("transactions")


def test_a_table_may_lie_in_several_files_and_none_twice(make_study: MakeStudy) -> None:
    folder = make_study()
    (folder / "more.csv").write_text(HEADER + "5,z,2025-02-01,3\n", encoding="utf-8")
    declared = (folder / "study.toml").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(declared.replace('"orders.csv"', '["orders.csv", "more.csv"]'), encoding="utf-8")
    study = open_study(folder)
    assert study.read_report("transactions").rows_in == 6
    assert sorted(study.inputs()) == ["more.csv", "orders.csv", "study.toml"]
    (folder / "study.toml").write_text(declared.replace('"orders.csv"', '["*.csv", "more.csv"]'), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"more\.csv is named twice; its rows would count double"):
        open_study(folder).table("transactions")


def test_a_repeated_key_keeps_its_first_row(make_study: MakeStudy) -> None:
    folder = make_study(study="max_quarantined = 0.5\nmax_money_set_aside = 1")
    (folder / "products.csv").write_text("product_id,category\np,A\nq,B\np,C\n", encoding="utf-8")
    with (folder / "study.toml").open("a", encoding="utf-8") as toml:
        toml.write('\n[tables.products]\npath = "products.csv"\n')
    study = open_study(folder)
    assert sorted(study.table("products").project("product_id, category").fetchall()) == [("p", "A"), ("q", "B")]
    assert why(study, "products") == {("product_id", "repeated"): 1}
    assert study.quarantined("products").project("row, value").fetchall() == [(3, "p")]


def test_a_constant_stands_for_a_column_the_file_lacks(make_study: MakeStudy) -> None:
    folder = make_study()
    (folder / "ads.csv").write_text("day,cost\n2025-01-01,12.5\n2025-01-02,0\n", encoding="utf-8")
    with (folder / "study.toml").open("a", encoding="utf-8") as toml:
        toml.write(
            '\n[tables.spend]\npath = "ads.csv"\ncolumns = { starts_on = "day", spend = "cost" }\n'
            'constants = { channel = "Meta Ads" }\n'
        )
    rows = open_study(folder).table("spend").project("channel, spend_minor").fetchall()
    assert rows == [("Meta Ads", 1250), ("Meta Ads", 0)]


@pytest.mark.parametrize(
    ("table", "message"),
    [('database = "postgresql://me:secret@host/db"\nquery = "SELECT 1"', 'write "env:SHOP_DSN"'),
     ('database = "env:SHOP_DSN"', "give either path"),
     ('query = "SELECT 1"', "go together"),
     ('constants = { revenue = "5" }', "only text columns take one"),
     ('decimal = ","\nthousands = ","', "they must differ"),
     ('guests = "ignore"', "guests"),
     ('guest_ids = ["0"]', "guest_ids need guests"),
     ("header_row = 0", "header_row")],
)  # fmt: skip
def test_declarations_that_cannot_be(make_study: MakeStudy, table: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(make_study(table=table))
    assert "secret" not in str(caught.value)


def test_a_file_too_large_for_the_disk_is_said_before_it_fills(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=20))
    with pytest.raises(DataError, match=r"orders\.csv: .* GB in the cache folder.* CUSTAUDIENCE_CACHE"):
        open_study(make_study()).table("transactions")


def test_files_of_one_table_with_other_columns_are_told_apart(make_study: MakeStudy) -> None:
    folder = make_study(HEADER + "1,a,2025-01-01,1\n", name="a.csv", table="")
    (folder / "b.csv").write_text("customer_id,order_id,ordered_at,revenue,quantity\n2,b,2025-01-02,1,3\n", "utf-8")
    toml = folder / "study.toml"
    toml.write_text(toml.read_text("utf-8").replace('"a.csv"', '"*.csv"'), "utf-8")
    with pytest.raises(ColumnError, match=r"a\.csv and b\.csv differ: one has quantity"):
        open_study(folder).table("transactions")


def test_amounts_in_brackets_are_negative_as_in_books(make_study: MakeStudy) -> None:
    text = HEADER + "1,a,2025-01-01,10.50\n1,b,2025-01-02,(5.50)\n1,c,2025-01-03,(5.50\n"
    study = open_study(make_study(text, study="max_quarantined = 0.5\nmax_money_set_aside = 1"))
    assert lines(study, "revenue_minor") == [(1050,), (-550,)]


def test_an_amount_above_a_hundred_million_is_exact(make_study: MakeStudy) -> None:
    text = HEADER + "1,a,2025-01-01,123456789012.34\n1,b,2025-01-02,99999999.99\n1,c,2025-01-02,-100000000.01\n"
    study = open_study(make_study(text))
    assert lines(study, "revenue_minor") == [(12345678901234,), (9999999999,), (-10000000001,)]


def test_a_line_break_within_a_name_of_the_header_loses_no_row(make_study: MakeStudy) -> None:
    text = 'customer_id,order_id,ordered_at,revenue,"a\nnote"\r\n1,a,2025-01-01,1,x\r\n2,b,2025-01-02,2,y\r\n'
    assert lines(open_study(make_study(text)), "revenue_minor") == [(100,), (200,)]


def test_a_quoted_title_over_several_lines_is_refused(make_study: MakeStudy) -> None:
    text = '"Report\nof January"\n' + HEADER + "1,a,2025-01-01,1\n"
    with pytest.raises(DataError, match="a quoted title above the header spans several lines"):
        open_study(make_study(text, table="header_row = 3")).table("transactions")


def test_equal_totals_of_other_orders_are_not_taken_for_repeated_ones(make_study: MakeStudy) -> None:
    # no number at all; one number that two customers have
    text = HEADER + "1,,2025-01-01,30\n1,,2025-01-02,30\n2,a,2025-01-03,7\n3,a,2025-01-04,7\n"
    study = open_study(make_study(text, table='revenue_per = "order"'))
    assert [row[2] for row in lines(study)] == [3000, 3000, 700, 700]


def test_two_exports_that_order_their_columns_differently_are_one_table(make_study: MakeStudy) -> None:
    folder = make_study("note,customer_id,ordered_at,revenue,x\nn,1,2025-01-01,1,y\n", name="a.csv")
    (folder / "b.csv").write_text("x,revenue,ordered_at,customer_id\ny,2,2025-01-02,2\n", "utf-8")
    toml = folder / "study.toml"
    control = toml.read_text("utf-8").replace('"a.csv"', '"*.csv"') + '"revenue.2025-01" = 3\n'
    toml.write_text(control, "utf-8")
    study = open_study(folder)
    assert lines(study, "customer_id, revenue_minor, note, x") == [("1", 100, "n", "y"), ("2", 200, None, "y")]
    assert study.health().controls["agrees"].all()
