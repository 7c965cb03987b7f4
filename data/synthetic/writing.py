"""The made-up studies as files: CSV as a Ukrainian shop exports it, XLSX as an office keeps it."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from pathlib import Path

import pandas as pd

from synthetic.made import SyntheticStudy

TITLE = ("Packing machines and service: all contracts", "November 2022 - October 2025, EUR without VAT. SYNTHETIC DATA")
_MADE = dt.datetime(2025, 11, 3, 9, 0)  # when the workbooks say they were made


def write_study(study: SyntheticStudy, folder: Path) -> list[Path]:
    """Write a study's tables into `folder`; return the files. study.toml and README.md are written by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, frame in study.tables.items():
        content = csv_bytes(frame) if name.endswith(".csv") else workbook_bytes(name, frame)
        (folder / name).write_bytes(content)
        written.append(folder / name)
    return written


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a frame of text as cp1251 with semicolons and Windows line ends, quoted where it must be."""
    return frame.to_csv(index=False, sep=";", lineterminator="\r\n").encode("cp1251")


def workbook_bytes(name: str, frame: pd.DataFrame) -> bytes:
    """Return a frame as XLSX; the contracts get a note sheet, a title, and a row of totals. Needs openpyxl."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    book.properties.created = _MADE
    book.properties.creator = "custaudience"
    sheet = book.active
    if name == "contracts.xlsx":
        sheet.title = "About"
        sheet.append(["Made by a program. No organisation in it exists."])
        sheet = book.create_sheet("Contracts")
        for place, line in enumerate(TITLE, start=1):
            sheet.cell(place, 1, line)
            sheet.merge_cells(start_row=place, start_column=1, end_row=place, end_column=len(frame.columns))
        sheet.cell(1, 1).font = Font(bold=True, size=14)
    else:
        sheet.title = "Clients"
    header = sheet.max_row + 2 if name == "contracts.xlsx" else 1  # an empty row below the title
    for column, text in enumerate(frame.columns, start=1):
        sheet.cell(header, column, text).font = Font(bold=True)
    for row, values in enumerate(frame.itertuples(index=False), start=header + 1):
        for column, value in enumerate(values, start=1):
            value = value.to_pydatetime() if isinstance(value, pd.Timestamp) else value
            sheet.cell(row, column, value)
            if isinstance(value, dt.datetime):
                sheet.cell(row, column).number_format = "yyyy-mm-dd"
    if name == "contracts.xlsx":
        last = header + len(frame) + 1
        sheet.cell(last, 1, "Total").font = Font(bold=True)
        sheet.cell(last, len(frame.columns), round(float(frame["Net amount, EUR"].sum()), 2)).font = Font(bold=True)
    out = io.BytesIO()
    book.save(out)
    return _same_bytes(out.getvalue())


def _same_bytes(workbook: bytes) -> bytes:
    """Take the moment of writing out of a workbook, so that the same content is the same file."""
    out = io.BytesIO()
    stamp = f"{_MADE:%Y-%m-%dT%H:%M:%SZ}".encode()
    with zipfile.ZipFile(io.BytesIO(workbook)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, content)
            entry = zipfile.ZipInfo(name, date_time=_MADE.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # the same on every system
            target.writestr(entry, content)
    return out.getvalue()
