"""Awkward files that can be read: what is proposed for them reads every row."""

import csv
import io
import tomllib
from pathlib import Path

import pytest
from order_lines import HEAD, lines, table

from custaudience.study.proposing import describe


def total(study) -> int:
    return study.table("transactions").aggregate("sum(revenue_minor)::BIGINT").fetchall()[0][0]


CENTS = sum(1000 + 100 * (k % 7) + k % 100 for k in range(60))


@pytest.mark.parametrize(
    "content, settings", [(HEAD + lines(), {}),
     ("Sales report\n\nfrom 2024\n" + HEAD + lines(), {"header_row": 4}),
     ("sep=;\n" + (HEAD + lines()).replace(",", ";"), {"header_row": 2, "separator": ";"}),
     ((HEAD + lines()).replace(",", "\t").encode("utf-16"), {"encoding": "utf-16", "separator": "\t"}),
     ((HEAD + lines()).encode("utf-16-le"), {"encoding": "utf-16-le"}),
     (HEAD + lines() + "Total,,,766.00\n", {"exclude": {"customer_id": ["Total"]}}),
     (HEAD + lines() + ",,,766.00\n", {"exclude": {"date": [""]}}),
     (HEAD + lines(date="%d.%m.%Y"), {"date_format": "%d.%m.%Y"}),
     (HEAD + lines(date="%y-%m-%d"), {"date_format": "%y-%m-%d"})],
)  # fmt: skip
def test_every_cent_is_read(content, settings, put, made) -> None:
    study = made(put("orders.csv", content))
    section = study.config.tables["transactions"].model_dump(include=set(settings), mode="json")
    assert section == settings
    assert total(study) == CENTS and study.read_report("transactions").rows_used == 60


def test_a_workbook_with_a_title_and_totals_and_an_empty_sheet(workbook, made) -> None:
    def fill(sheet) -> None:
        sheet["A1"] = "Sales report 2024"
        table(sheet, top=4)
        sheet.cell(35, 1, "Total")
        sheet.cell(35, 4, 843.75)
        sheet.parent.create_sheet("Empty")

    study = made(workbook("orders.xlsx", fill))
    section = study.config.tables["transactions"]
    assert (section.sheet, section.header_row) == ("Sheet", 4)
    assert total(study) == 84375 and study.first_day.isoformat() == "2024-01-05"


def test_days_as_a_spreadsheet_counts_them(put, made) -> None:
    rows = "".join(f"C{k % 9},O{k},{45292 + k},10.50\n" for k in range(60))
    study = made(put("orders.csv", HEAD + rows))
    assert study.config.tables["transactions"].date_format == "excel"
    assert study.first_day.isoformat() == "2024-01-01"


def test_a_cover_sheet_is_said_not_to_be_used(workbook, propose) -> None:
    def fill(sheet) -> None:
        table(sheet)
        sheet.parent.create_sheet("About")["A1"] = "Exported by hand"

    text = describe(propose(workbook("orders.xlsx", fill)))
    assert "Not used: orders.xlsx, sheet 'About': no row within the first 60 names the columns." in text


def test_a_very_large_file_is_proposed_from_its_sample(put, propose, monkeypatch) -> None:
    monkeypatch.setattr("custaudience.study.proposing.scanning.LARGEST", 1000)
    rows = "".join(f"C{k},O{k},2024-01-{k % 28 + 1:02d},5.5,{['paid', 'cancelled'][k % 2]}\n" for k in range(60))
    proposal = propose(put("orders.csv", HEAD.strip() + ",status\n" + rows))
    one = proposal.tables[0]
    assert one.sampled and one.settings["exclude"] == {"status": ["cancelled"]}
    assert "this rests on 60 rows out of all parts of it" in one.notes[0]
    assert "as Parquet that would take a fraction of the time" in one.notes[0]
    assert "60 rows looked at" in describe(proposal)


@pytest.mark.parametrize("sign", ["", "\N{CYRILLIC SMALL LETTER HA}"])
def test_three_hundred_columns(sign, put, made) -> None:
    more = [f"extra {sign}{k}" for k in range(296)]
    rows = lines().replace("\n", "," * 296 + "\n")
    study = made(put("orders.csv", HEAD.strip() + "," + ",".join(more) + "\n" + rows))
    assert total(study) == CENTS and len(study.table("transactions").columns) > 296


ODD = 'a "date"\nof `sale` | 👍 \\ <script>alert(1)</script>\x1b[31m\x7f #'


def test_odd_names_and_values_are_written_so_that_they_are_read_back(put, made, tmp_path: Path) -> None:
    stream = io.StringIO()
    out = csv.writer(stream, lineterminator="\n")
    long = "x" * 10_000
    out.writerow(["customer", ODD, "total", long, "=cmd|x", "note"])
    for k in range(40):
        row = [f"C{k % 9}", f"2024-01-{k % 28 + 1:02d}", f"{k}.5", "=cmd|' /C calc'!A0", "<script>x</script>", "x"]
        out.writerow(row)
    study = made(put("odd [2024].csv", stream.getvalue()), answers={"transactions.ordered_at": ODD})
    assert study.config.tables["transactions"].columns["ordered_at"] == ODD
    assert study.read_report("transactions").rows_used == 40 and total(study) == 80000
    written = (tmp_path / "study" / "study.toml").read_text("utf-8")
    assert tomllib.loads(written)["tables"]["transactions"]["path"] == "../odd [[]2024].csv"
    readme = (tmp_path / "study" / "README.md").read_text("utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("| `")]
    assert len(rows) == 6 and all(line.replace("\\|", "").count("|") == 6 for line in rows)
    assert max(map(len, rows)) < 250 and readme.isprintable() is False and "\x1b" not in readme + written


def test_names_of_months_and_clocks(put, made) -> None:
    rows = "".join(f'C{k % 9},O{k},"Jan {k % 28 + 1:02d}, 2024 {k % 12 + 1}:05 PM",10.50\n' for k in range(60))
    study = made(put("orders.csv", HEAD + rows), answers={"timezone": "Europe/Kyiv"})
    assert study.read_report("transactions").rows_used == 60
    assert str(study.table("transactions").aggregate("max(ordered_at)").fetchall()[0][0]).endswith(
        "2024-01-28 20:05:00"
    )


def test_parquet_is_read_by_its_types(tmp_path: Path, made) -> None:
    import duckdb

    file = tmp_path / "orders.parquet"
    duckdb.sql(
        "SELECT 'C' || k % 9 AS client, DATE '2024-01-01' + CAST(k AS INTEGER) AS day, "
        "CAST(k + 0.25 AS DECIMAL(9, 2)) AS total FROM range(40) t(k)"
    ).write_parquet(str(file))
    assert total(made(file)) == 79000


def test_two_files_of_one_table_with_columns_in_another_order(put, made, tmp_path: Path) -> None:
    first = put("jan/orders.csv", HEAD + lines(30))
    swapped = [",".join(reversed(line.split(","))) for line in (HEAD + lines(60)).splitlines()]
    second = put("feb/orders.csv", "\n".join(swapped[:1] + swapped[31:]) + "\n")
    study = made(first, second, answers={"transactions.files": "all"})
    assert total(study) == CENTS
    assert study.config.tables["transactions"].path == ("../jan/orders.csv", "../feb/orders.csv")


def test_files_are_copied_when_wanted(put, made, tmp_path: Path) -> None:
    study = made(put("orders.csv", HEAD + lines()), copy=True)
    assert study.config.tables["transactions"].path == "orders.csv"
    assert sorted(p.name for p in (tmp_path / "study").iterdir()) == ["README.md", "orders.csv", "study.toml"]
