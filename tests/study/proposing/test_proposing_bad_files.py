"""What cannot be read is refused in one sentence that says what to do, and nothing is left behind."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from order_lines import HEAD, lines, table

PAGE = b"<!DOCTYPE html><html><body><table><tr><td>1</td></tr></table></body></html>"


def archive(name: str = "orders.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, HEAD + lines())
    return buffer.getvalue()


def merge(cells: str) -> Any:
    return lambda sheet: sheet.merge_cells(cells)


@pytest.mark.parametrize("name", ["page.xls", "page.csv", "page.xlsx"])
def test_a_web_page_under_another_name(name, put, refused) -> None:
    message = refused(put(name, PAGE))
    assert f"{name} is really a web page" in message and "save it as CSV" in message


@pytest.mark.parametrize("name", ["orders.zip", "orders.csv", "orders.xlsx"])
def test_a_zip_says_what_it_holds(name, put, refused) -> None:
    message = refused(put(name, archive("sales 2024.csv")))
    assert f"{name} is a zip archive" in message and "it holds sales 2024.csv. Unpack it first." in message


def test_a_workbook_named_csv(put, workbook, refused) -> None:
    file = put("orders.csv", workbook("real.xlsx", table).read_bytes())
    assert "orders.csv is a spreadsheet (.xlsx) under another name. Give it the ending .xlsx" in refused(file)


@pytest.mark.parametrize(
    "content, said", [("", "orders.csv is empty (0 bytes). Export it again."),
     ("\n\n  \n", "orders.csv holds blank lines only. Export it again."),
     (HEAD, "orders.csv has a header but no rows. Export it again."),
     (HEAD.strip(), "orders.csv has a header but no rows. Export it again."),
     ("customer_id\nC1\nC2\n", "so it has one column. An export needs at least who bought, when, and for how much"),
     (lines(), "row 1 (C0; O0; 2024-01-05; 10.00) looks like data, and no row above it names the columns"),
     (HEAD.replace("order_id", "date") + lines(),
      "the header names 'date' more than once. Rename one in the export"),
     (HEAD + lines().replace("C3,", "C\x003,"), "orders.csv holds a zero byte, which no text has (line 5)"),
     (HEAD + 'C1,"O1,2024-01-01,3\n' + lines(), "line 2 opens a quote that is never closed"),
     (HEAD + lines(20) + 'C1,"O1,2024-0', "line 22 opens a quote that is never closed"),
     ((HEAD + lines())[:-14],
      "There is 1 broken line in 60: line 61 of orders.csv has fewer fields than the header ('C8,O29,202'). "
      "Is the file cut off there"),
     (HEAD.strip() + ",city\n" + lines().replace("\n", ",Kyiv, Podil\n"),
      "There are 60 broken lines in 60: line 2 of orders.csv has more fields than the header"),
     (HEAD.replace("\n", "\r\n") + lines(),
      "orders.csv: its lines do not all end alike: some in CR LF as on Windows, some in LF"),
     ('"report\nof sales"\n' + HEAD + lines(),
      "a cell above the header, which stands in line 3, holds a line break")],
)  # fmt: skip
def test_text_that_is_no_table(content, said, put, refused) -> None:
    assert said in refused(put("orders.csv", content))


def test_a_line_cut_off_at_the_end_of_a_long_file_is_noted(put, propose) -> None:
    proposal = propose(put("orders.csv", (HEAD + lines(400))[:-14]))
    assert proposal.tables[0].notes == [
        "There is 1 broken line in 400: line 401 of orders.csv has fewer fields than the header ('C8,O199,202'). "
        "Is the file cut off there? What is broken will be set aside."
    ]


def test_a_file_that_is_not_there_names_the_near_miss(put, tmp_path: Path, refused) -> None:
    put("orders.csv", HEAD + lines())
    assert "order.csv is not there. Did you mean 'orders.csv'?" in refused(tmp_path / "order.csv")


def test_a_folder_says_which_files_it_holds(put, refused) -> None:
    folder = put("exports/jan.csv", HEAD + lines()).parent
    assert refused(folder) == "exports is a folder. It holds jan.csv. Give the files in it, each with --from."


def test_a_file_of_an_unknown_kind(put, refused) -> None:
    assert "give a CSV (.csv, .tsv, .txt), an Excel workbook (.xlsx) or a Parquet file" in refused(put("a.json", "{}"))


def test_a_file_that_another_program_holds(put, refused, monkeypatch) -> None:
    def locked(file: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("custaudience.study.sources.refuse_disguised", locked)
    assert "orders.csv cannot be opened: Permission denied. Close it elsewhere" in refused(put("orders.csv", HEAD))


@pytest.mark.parametrize("make", ["same", "copy"])
def test_one_file_twice(make, put, refused) -> None:
    first = put("orders.csv", HEAD + lines())
    second = first if make == "same" else put("copy.csv", first.read_bytes())
    assert f"{second.name} and orders.csv are the same file; its rows would count double." in refused(first, second)


def test_an_empty_workbook(workbook, refused) -> None:
    assert "every sheet ('Sheet') is empty. Export it again" in refused(workbook("orders.xlsx"))


def test_a_workbook_with_a_header_only(workbook, refused) -> None:
    file = workbook("orders.xlsx", lambda sheet: table(sheet, n=0))
    assert refused(file) == "orders.xlsx, sheet 'Sheet' has a header but no rows. Export it again."


@pytest.mark.parametrize(
    "fill, said",
    [([merge("A1:B1")], "cells A1:B1 of the header are merged. Unmerge them, and write one name above each column."),
     ([merge("A2:A4")], "cells A2:A4 are merged, so only the first of those rows carries the value. Unmerge them"),
     ([lambda sheet: table(sheet, left=7)], "Is it an empty column between two tables, or a column without a name?"),
     ([lambda sheet: table(sheet, top=40)], "holds two tables: a second header seems to stand in row 40")],
)  # fmt: skip
def test_a_sheet_that_is_more_than_a_table(fill, said, workbook, refused) -> None:
    assert said in refused(workbook("orders.xlsx", table, *fill))


def test_no_customer_at_all(put, refused) -> None:
    rows = "".join(f"O{k},2024-01-{k % 28 + 1:02d},{k}.5\n" for k in range(40))
    message = refused(put("orders.csv", "order,date,total\n" + rows))
    assert "orders.csv: no column says who bought; it has 'order', 'date', 'total'." in message
    assert '--answer "transactions.customer_id=COLUMN"' in message


@pytest.mark.parametrize(
    "cell, said",
    [("12 січня 2024", "'Дата' is named so, but holds '12 січня 2024': no date in figures, such as 2025-04-03"),
     ("soon", "To be order lines it lacks a column that says when.")],
)  # fmt: skip
def test_a_date_that_is_none_is_shown(cell, said, put, refused) -> None:
    assert said in refused(put("orders.csv", "client,Дата,Сума\n" + f"C1,{cell},5.50\n" * 30))


@pytest.mark.parametrize("column", ["customer_id", "order_id"])
def test_ids_that_a_spreadsheet_shortened(column, put, refused) -> None:
    row = ["C1", "O1", "2024-01-05", "10.50"]
    row[["customer_id", "order_id"].index(column)] = "1.23E+10"
    message = refused(put("orders.csv", HEAD + lines(57) + f"{','.join(row)}\n" * 3))
    assert f"in 3 of 60 rows {column} is shown as '1.23E+10': a spreadsheet shortened a long number so" in message
    assert "Export again straight from the source" in message


def test_files_of_one_table_must_be_written_alike(put, refused) -> None:
    first, second = put("a.csv", HEAD + lines()), put("b.csv", (HEAD + lines(30)).replace(",", ";"))
    message = refused(first, second, answers={"transactions.files": "all"})
    assert "a.csv and b.csv are written differently: separator ',' and ';'." in message


def test_nothing_half_written_when_the_disk_is_full(put, refused, monkeypatch) -> None:
    def full(self: Path, *args: Any, **kwargs: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    file = put("orders.csv", HEAD + lines())
    assert "cannot be written: No space left on device. Name another folder." in refused(file, copy=True)
