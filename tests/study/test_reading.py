"""Reading is strict, happens once, and loses nothing (requirements section 7; 002-22)."""

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from custaudience.errors import ColumnError, ConfigError, DataError, EmptyTableError
from custaudience.study import open_study

MakeStudy = Callable[..., Path]
CSV = """customer_id,order_id,ordered_at,revenue
007,a,2025-01-01 10:00:00,12.05
007,b,2025-01-15 11:00:00,12.07
0042,c,2025-01-20 12:00:00,100.09
0042,c,2025-01-22 12:00:00,-10.05
9,d,2025-01-31 23:59:59,0
"""


def rows(path: Path, columns: str = "customer_id, order_id, ordered_at, revenue_minor") -> list[tuple]:
    return open_study(path).table("transactions").project(columns).fetchall()


def test_ids_stay_text_money_becomes_minor_units_and_rows_are_numbered(make_study: MakeStudy) -> None:
    got = rows(make_study(), "customer_id, revenue_minor, _file, _row")
    assert got == [
        ("007", 1205, "orders.csv", 1), ("007", 1207, "orders.csv", 2), ("0042", 10009, "orders.csv", 3),
        ("0042", -1005, "orders.csv", 4), ("9", 0, "orders.csv", 5),
    ]  # fmt: skip


def test_missing_column_names_the_near_miss_and_what_is_there(make_study: MakeStudy) -> None:
    path = make_study(CSV.replace("revenue", "revenu"))
    with pytest.raises(ColumnError, match=r"orders\.csv: column 'revenue' not found; it has .*'revenu'\. Did you mean"):
        open_study(path).table("transactions")


def test_a_semicolon_file_is_named_when_suspected_and_read_when_declared(make_study: MakeStudy) -> None:
    text = CSV.replace(",", ";")
    with pytest.raises(ColumnError, match='set separator = ";"'):
        open_study(make_study(text)).table("transactions")
    assert len(rows(make_study(text, table='separator = ";"', folder="declared"))) == 5


@pytest.mark.parametrize(
    ("value", "table", "minor", "hint"),
    [("'12,50'", 'decimal = ","', 1250, 'decimal comma: set decimal = ","'),
     ("'1 234.50'", 'thousands = " "', 123450, 'set thousands = " "'),
     ("'1\u00a0234.50'", 'thousands = " "', 123450, 'set thousands = " "'),
     ("'1 234,50'", 'thousands = " "\ndecimal = ","', 123450, 'thousands = " " and decimal = ","'),
     ("'1.234.567,5'", 'thousands = "."\ndecimal = ","', 123456750, "declare decimal and thousands")],
)  # fmt: skip
def test_amounts_are_named_when_suspected_and_read_when_declared(
    make_study: MakeStudy, value: str, table: str, minor: int, hint: str
) -> None:
    text = "customer_id;ordered_at;revenue\n1;2025-01-01;" + value.strip("'") + "\n"
    semicolon = 'separator = ";"\n'
    with pytest.raises(DataError, match=re.escape(hint)):
        open_study(make_study(text, table=semicolon)).table("transactions")
    assert rows(make_study(text, table=semicolon + table, folder="declared"), "revenue_minor") == [(minor,)]


def test_a_comma_meant_as_thousands_is_never_taken_for_a_decimal_sign(make_study: MakeStudy) -> None:
    text = "customer_id;ordered_at;revenue\n1;2025-01-01;1.234\n"
    path = make_study(text, table='separator = ";"\ndecimal = ","')
    with pytest.raises(DataError, match="not a number"):
        open_study(path).table("transactions")


def test_day_first_dates_stop_the_run_and_the_message_says_what_to_declare(make_study: MakeStudy) -> None:
    text = "customer_id,ordered_at,revenue\n" + "".join(f"{d},{d:02d}.03.2025,1\n" for d in range(1, 29))
    with pytest.raises(DataError, match=r'28 of 28 rows .*date_format = "%d\.%m\.%Y" \(day\)'):
        open_study(make_study(text)).table("transactions")
    wrong = make_study(text, table='date_format = "%m.%d.%Y"', folder="wrong")
    with pytest.raises(DataError, match=r"16 of 28 rows .*turn it round"):
        open_study(wrong).table("transactions")
    right = make_study(text, table='date_format = "%d.%m.%Y"', folder="right")
    assert rows(right, "max(ordered_at)") == [(dt.datetime(2025, 3, 28),)]


def test_utc_times_are_cut_in_local_time_and_plain_days_stay(make_study: MakeStudy) -> None:
    text = "customer_id,ordered_at,revenue\n1,2025-01-31 23:30:00,1\n1,2025-01-31,1\n"
    got = rows(make_study(text, table='timezone = "UTC"'), "ordered_at")
    assert got == [(dt.datetime(2025, 2, 1, 1, 30),), (dt.datetime(2025, 1, 31),)]  # Kyiv is 2 h ahead


def test_offsets_are_used_and_never_dropped_silently(make_study: MakeStudy) -> None:
    both = "customer_id,ordered_at,revenue\n1,2025-01-31T23:30:00Z,1\n1,2025-01-31T23:30:00-05:00,1\n"
    assert rows(make_study(both), "ordered_at") == [
        (dt.datetime(2025, 2, 1, 1, 30),),
        (dt.datetime(2025, 2, 1, 6, 30),),
    ]
    late = "customer_id,ordered_at,revenue\n" + "1,2025-01-31 10:00:00,1\n" * 1200 + "1,2025-01-31 10:00:00+02,1\n"
    study = open_study(make_study(late, folder="late"))
    (fault,) = study.read_report("transactions").faults
    assert (fault.reason, fault.rows, fault.examples[0][1]) == ("offset", 1, 1201)


def test_rows_set_aside_are_counted_kept_with_their_place_and_the_rest_is_used(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    bad = "8,e,not a day,5\n,f,2025-01-05,5\n8,g,2025-01-06,five\n8,h\n8,i,2025-01-07,5,extra\n"
    study = open_study(
        make_study(CSV + bad + "8,j,2025-01-08,5\n", study="max_quarantined = 0.6\nmax_money_set_aside = 1")
    )
    report = study.read_report("transactions")
    assert (report.rows_in, report.rows_used, report.rows_set_aside) == (11, 6, 5)
    assert study.quarantined("transactions").fetchall() == [
        ("orders.csv", 6, "ordered_at", "not_a_date", "not a day"), ("orders.csv", 7, "customer_id", "missing", None),
        ("orders.csv", 8, "revenue", "not_a_number", "five"), ("orders.csv", 9, "", "too_few_fields", "8,h"),
        ("orders.csv", 10, "", "too_many_fields", "8,i,2025-01-07,5,extra"),
    ]  # fmt: skip
    last = study.table("transactions").filter("order_id = 'j'").project("_row").fetchall()
    assert last == [(11,)]
    counts = study.write_quarantine(tmp_path / "private" / "quarantine")
    assert counts == {"transactions": 5}
    written = (tmp_path / "private" / "quarantine" / "transactions.csv").read_text(encoding="utf-8")
    assert "not a day" in written and len(written.splitlines()) == 6
    health = study.health()
    assert health.tables.loc[0, "rows_in"] == 11
    assert sorted(health.reasons["n_rows"]) == [1, 1, 1, 1, 1]


def test_one_row_too_many_stops_and_nothing_is_kept(make_study: MakeStudy, tmp_path: Path) -> None:
    lines = "".join(f"1,o{i},2025-01-01,1\n" for i in range(98))
    head = "customer_id,order_id,ordered_at,revenue\n"
    allowed = make_study(head + lines + "1,x,2025-01-01,1\n1,y,2025-01-01,one\n", folder="one")
    assert open_study(allowed).read_report("transactions").rows_set_aside == 1
    stopped = make_study(head + lines + "1,x,?,1\n1,y,2025-01-01,one\n", folder="two")
    with pytest.raises(DataError, match=r"2 of 100 rows \(2\.0%\) cannot be used; at most 1\.0%"):
        open_study(stopped).table("transactions")
    assert len(list((tmp_path / "cache" / "tables").iterdir())) == 1


def test_an_unterminated_quote_is_an_error_with_its_line(make_study: MakeStudy) -> None:
    with pytest.raises(DataError, match=r"line 3 opens a quote that is never closed"):
        open_study(make_study(CSV.replace("007,b", '"007,b'))).table("transactions")


def test_a_duplicate_header_is_refused(make_study: MakeStudy) -> None:
    with pytest.raises(DataError, match="names 'order_id' more than once"):
        open_study(make_study(CSV.replace("customer_id,order_id", "order_id,order_id"))).table("transactions")


@pytest.mark.parametrize(
    ("content", "message"), [(b"", r"orders\.csv is empty \(0 bytes\)"),
     (b"\n\n", "has no header line"),
     (b"customer_id,ordered_at,revenue\n", "has a header but no rows"),
     (b"PK\x03\x04rest", "begins like a zip archive")],
)  # fmt: skip
def test_files_without_rows(make_study: MakeStudy, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_study(make_study(content)).table("transactions")


def test_cp1251_read_as_utf8_names_the_likely_encoding(make_study: MakeStudy) -> None:
    text = "customer_id,ordered_at,revenue,місто\n" + "1,2025-01-01,1,Запоріжжя, наше місто\n".replace(", ", " ") * 40
    with pytest.raises(DataError, match=r"is not utf-8.*encoding = "):
        open_study(make_study(text.encode("cp1251"))).table("transactions")
    only_values = text.replace("місто\n", "town\n", 1)
    with pytest.raises(DataError, match=r"is not utf-8.*encoding = "):
        open_study(make_study(only_values.encode("cp1251"), folder="values")).table("transactions")
    declared = make_study(text.encode("cp1251"), table='encoding = "cp1251"', folder="declared")
    assert rows(declared, 'min("місто")') == [("Запоріжжя наше місто",)]


def test_a_byte_order_mark_is_no_part_of_the_first_name(make_study: MakeStudy) -> None:
    assert len(rows(make_study("\ufeff" + CSV))) == 5


def test_two_currencies_are_an_error(make_study: MakeStudy) -> None:
    text = "customer_id,ordered_at,revenue,currency\n1,2025-01-01,1,EUR\n2,2025-01-01,1,USD\n"
    with pytest.raises(DataError, match=r"study is in EUR, the table holds .*USD 1 rows"):
        open_study(make_study(text)).table("transactions")
    with pytest.raises(DataError, match="carries a currency"):
        open_study(make_study("customer_id,ordered_at,revenue\n1,2025-01-01,$12\n", folder="sign")).table(
            "transactions"
        )


def test_parquet_types_are_taken_as_they_are_and_a_torn_file_is_named(make_study: MakeStudy) -> None:
    folder = make_study(b"x", name="orders.parquet")
    duckdb.sql(
        "SELECT 7.0::DOUBLE AS customer_id, DATE '2025-01-02' AS ordered_at, 0.285::DOUBLE AS revenue "
        "UNION ALL SELECT NULL, DATE '2025-01-02', 'nan'::DOUBLE UNION ALL SELECT 8, DATE '2025-01-03', 1.1"
    ).write_parquet(str(folder / "orders.parquet"))
    toml = folder / "study.toml"
    toml.write_text(
        toml.read_text().replace('"Europe/Kyiv"', '"Europe/Kyiv"\nmax_quarantined = 0.5\nmax_money_set_aside = 1')
    )
    assert rows(folder, "customer_id, ordered_at, revenue_minor") == [
        ("7", dt.datetime(2025, 1, 2), 29),
        ("8", dt.datetime(2025, 1, 3), 110),
    ]
    assert open_study(folder).read_report("transactions").rows_rounded == 1
    content = (folder / "orders.parquet").read_bytes()
    (folder / "orders.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="cannot be read as Parquet; is the copy complete"):
        open_study(folder).table("transactions")


def test_a_folder_of_parquet_files_is_one_table_with_each_rows_place(make_study: MakeStudy) -> None:
    folder = make_study(b"x", name="unused.parquet")
    (folder / "lines").mkdir()
    for month in (1, 2):
        duckdb.sql(
            f"SELECT '1' AS customer_id, TIMESTAMP '2025-0{month}-01' AS ordered_at, {month} AS revenue"
        ).write_parquet(str(folder / "lines" / f"m{month}.parquet"))
    toml = folder / "study.toml"
    toml.write_text(toml.read_text().replace("unused.parquet", "lines"))
    assert rows(folder, "revenue_minor, _file, _row") == [(100, "m1.parquet", 1), (200, "m2.parquet", 1)]


def test_an_address_is_refused(make_study: MakeStudy) -> None:
    with pytest.raises(ConfigError, match="is an address"):
        open_study("https://example.org/study")
    folder = make_study()
    toml = folder / "study.toml"
    toml.write_text(toml.read_text().replace("orders.csv", "s3://bucket/orders.csv"))
    with pytest.raises(ConfigError, match="is an address"):
        open_study(folder)


def test_without_order_ids_the_lines_of_a_customers_day_are_one_order(make_study: MakeStudy) -> None:
    text = "customer_id,ordered_at,revenue\n1,2025-01-01 09:00,1\n1,2025-01-01 20:00,2\n1,2025-01-02 09:00,3\n"
    orders = (
        open_study(make_study(text)).orders(dt.date(2025, 1, 31)).order("order_id").project("order_id, revenue_minor")
    )
    assert orders.fetchall() == [("2025-01-01", 300), ("2025-01-02", 300)]


def test_a_changed_file_is_read_anew_and_an_unchanged_one_is_not(make_study: MakeStudy, tmp_path: Path) -> None:
    folder = make_study()
    assert len(rows(folder)) == 5
    assert len(rows(folder)) == 5
    assert len(list((tmp_path / "cache" / "tables").iterdir())) == 1
    (folder / "orders.csv").write_text(CSV + "1,z,2025-01-31,1\n")
    assert len(rows(folder)) == 6


def test_months_are_available_when_their_last_day_is_reached(make_study: MakeStudy) -> None:
    study = open_study(make_study(CSV))
    assert study.months_available() == ["2025-01"]
    assert study.default_as_of == dt.date(2025, 1, 31)
    short = open_study(make_study(CSV.replace("2025-01-31", "2025-01-30"), folder="short"))
    with pytest.raises(EmptyTableError, match="complete_until"):
        _ = short.last_complete_month


def test_controls_agree_to_their_own_last_digit(make_study: MakeStudy) -> None:
    good = make_study(
        control='"revenue.2025-01" = 114\n"orders.2025-01" = 3\n"customers.2025-01" = 2\n"rows.transactions" = 5'
    )
    assert open_study(good).health().controls["agrees"].tolist() == [True] * 4
    exact = make_study(control='"revenue.2025-01" = 114.17', folder="exact")
    controls = open_study(exact).health().controls
    assert controls["agrees"].tolist() == [False]
    assert controls.loc[0, "difference"] == pytest.approx(-0.01)
    claims = {claim.id: claim for claim in open_study(exact).health().claims()}
    assert claims["data.control.revenue_2025_01"].status == "contradicted"
