"""Order lines as exports hold them: as text, and in a sheet."""

import datetime as dt
from typing import Any

HEAD = "customer_id,order_id,date,amount\n"


def lines(n: int = 60, date: str = "%Y-%m-%d") -> str:
    """Return order lines of 17 customers, one every five days from 5 January 2024."""
    first = dt.datetime(2024, 1, 5)
    return "".join(
        f"C{k % 17},O{k // 2},{first + dt.timedelta(days=5 * k):{date}},{10 + k % 7}.{k % 100:02d}\n" for k in range(n)
    )


def table(sheet: Any, top: int = 1, left: int = 1, n: int = 30) -> None:
    """Write a table of order lines into a sheet."""
    for column, name in enumerate(("customer_id", "order_id", "date", "amount")):
        sheet.cell(top, left + column, name)
    for k in range(n):
        cells = (f"C{k % 7}", f"O{k}", dt.datetime(2024, 1, 5) + dt.timedelta(days=5 * k), 10 + k * 1.25)
        for column, cell in enumerate(cells):
            sheet.cell(top + 1 + k, left + column, cell)
