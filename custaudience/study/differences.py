"""Why a total of the books may differ from the data: what would explain it, recomputed, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from custaudience.study.books import lines_sql
from custaudience.study.recounts import Guess, in_month, money, one_row, paired_guesses, revenue_guesses

if TYPE_CHECKING:
    from custaudience.study.study import Study

_SHEET_ENDS = (65_535, 1_048_575)  # rows under the header of an .xls and an .xlsx sheet that is full


def explain_difference(study: Study, key: str, found: float, books: pd.DataFrame) -> list[str]:
    """Say what would explain that a total under ``[control]`` and the data differ, and what to do.

    Parameters
    ----------
    study : Study
        With ``[control]``.
    key : str
        Of ``[control]``: "revenue.2017-12", "orders.2017-12", "customers.2017-12" or "rows.transactions".
    found : float
        The total of the data, as `Health.controls` has it.
    books : DataFrame
        As `monthly_books` gives it.

    Returns
    -------
    list of str
        Sentences in plain English. Only what brings the total to the control's own last digit is named; several
        things may, and none is proved thereby. When nothing does: where to look.
    """
    control = study.config.control[key]
    expected, tolerance = float(control), control_unit(control, study.minor_digits) / 2 + 1e-9
    what, which = key.split(".", 1)
    months = books.set_index("month")
    if what != "rows" and not (which in months.index and months.loc[which, "n_rows"]):
        return [
            f"No usable line falls in {which}: the data run from {study.first_day} to {study.last_day}. Add the export "
            "of that month to the path of its table, or take the line out of [control]."
        ]

    def fits(guess: Guess) -> bool:
        slack = max(tolerance, guess.slack * abs(expected))
        return abs(guess.total - found) > 1e-9 and abs(guess.total - expected) <= slack

    guess_at = {"revenue": revenue_guesses, "orders": _orders, "customers": _customers, "rows": _rows}[what]
    hits = [guess for guess in guess_at(study, which, found, months) if fits(guess)]
    if not hits and what == "revenue":
        hits = [guess for guess in paired_guesses(study, which, found, months) if fits(guess)]
    said = []
    for guess in hits:
        exact = "to the last digit" if what == "revenue" else "exactly"
        how = exact if abs(guess.total - expected) <= tolerance else "but for rounding"
        said.append(f"It would be explained, {how}, if {guess.so}: {guess.do}.")
    if len(said) > 1:
        said.append("More than one thing would explain it; finance can say which one is so.")
    return said or _where_to_look(study, what, which, found - expected, months)


def control_unit(control: float, minor_digits: int = 2) -> float:
    """Return the unit of a control: what differs by at most half of it agrees.

    A whole number is rounded to the currency's unit, one with a point has its smallest coins: TOML reads 421720.40
    as 421720.4, so the digits that are written cannot be counted.

    Examples
    --------
    >>> control_unit(421720), control_unit(421720.4)
    (1.0, 0.01)
    """
    return 10.0**-minor_digits if isinstance(control, float) else 1.0


def _orders(study: Study, month: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    nothing, ids, _, guests, left_out = _order_counts(study, month)
    yield Guess(
        found + nothing,
        f"the books count also what brought no net revenue, refunds only or nothing paid ({nothing:,})",
        "they are no orders here; ask finance for orders that brought revenue",
    )
    yield Guess(
        found + guests,
        f"the books count orders of guests too ({guests:,})",
        'set guests = "by order" under [tables.transactions], or ask finance for orders of known customers',
    )
    yield Guess(
        found + left_out,
        f"the books count orders that study.toml leaves out ({left_out:,})",
        "take that rule out of [tables.transactions] if these are orders, or ask finance for orders without them",
    )
    yield Guess(ids, "the books count order ids, and some stand for more than one customer", "see the warning below")
    yield Guess(months.loc[month, "n_rows"], "the books count lines", "ask finance for the number of orders")


def _customers(study: Study, month: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    _, _, folded, guests, _ = _order_counts(study, month)
    yield Guess(
        months.loc[month, "n_customers"],
        "the books count everybody with a line, those with refunds only or nothing paid too",
        "ask finance for customers with an order that brought revenue",
    )
    yield Guess(
        folded,
        "ids that differ by capital letters only are one customer",
        "set case_insensitive_ids = true under [tables.transactions]",
    )
    yield Guess(
        found + guests,
        f"the books count each order of a guest as a customer ({guests:,})",
        'set guests = "by order" under [tables.transactions], or ask finance for known customers',
    )


def _order_counts(study: Study, month: str) -> list[int]:
    """Return of a month: orders without revenue, order ids, customers by folded id, orders of guests, excluded ones."""
    orders = study.orders(study.last_day).filter(in_month("ordered_on", month))
    kept = orders.aggregate(
        "count(*) FILTER (NOT is_order), count(DISTINCT order_id) FILTER (is_order), "
        "count(DISTINCT lower(customer_id)) FILTER (is_order)"
    ).fetchall()[0]
    aside = one_row(
        study,
        "SELECT count(DISTINCT order_id) FILTER (kind = 'guest'), count(DISTINCT order_id) FILTER (kind = 'excluded') "
        f"FROM ({lines_sql(study)}) WHERE {in_month('ordered_at', month)}",
    )
    return [int(value) for value in (*kept, *aside)]


def _rows(study: Study, table: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    report = study.read_report(table)
    yield Guess(
        report.rows_in,
        f"the control counts the rows set aside too ({report.rows_set_aside:,})",
        f'their reasons are above; for the rows used write "rows.{table}" = {found:.0f}',
    )
    yield Guess(
        report.rows_in + len(report.parts),
        "the control counts the header as a line",
        f'write "rows.{table}" = {found:.0f}',
    )
    yield Guess(found / 2, "the export was read twice", "see whether path names the same rows in two files")


def _where_to_look(study: Study, what: str, which: str, difference: float, months: pd.DataFrame) -> list[str]:
    if what == "rows":
        if study.read_report(which).rows_in in _SHEET_ENDS:
            return ["The export is exactly as long as a sheet can be: the spreadsheet cut it. Export it as CSV."]
        short = "was cut off, filtered or covers" if difference < 0 else "holds rows twice or covers"
        return [f"See whether the export {short} another period; if it is right, correct the figure under [control]."]
    said = []
    period = pd.Period(which, "M")
    if study.first_day > period.start_time.date() or study.last_day < period.end_time.date():
        said.append(
            f"The data run from {study.first_day} to {study.last_day}: {which} may not be complete in them. "
            "Compare a month that is."
        )
    if what == "revenue":
        if difference > 0 and not months.loc[which, "refunds"]:
            said.append("The data hold no refund in this month: see whether the export leaves refunds out.")
        days = study.table("transactions").filter(in_month("ordered_at", which))
        top = days.aggregate("ordered_at::DATE AS day, sum(revenue_minor)::BIGINT AS net", "day").order("net DESC, day")
        named = ", ".join(
            f"{day} ({money(study, net / 10**study.minor_digits)})" for day, net in top.limit(3).fetchall()
        )
        said.append(
            f"Nothing that can be computed here explains it. Compare day by day with the books, first the days with "
            f"most revenue: {named}."
        )
    elif what == "orders":
        said.append(
            "An order counts once, in the month of its first line, when its net revenue is positive; ask finance how "
            "theirs are counted."
        )
        if "order_id" not in study.read_report("transactions").columns:
            said.append("There is no order_id, so all lines of a customer on one day are one order: map it if you can.")
    else:
        said.append(
            "A customer counts in the month of an order whose net revenue is positive; ask finance how theirs are "
            "counted: by account, by address, with guests?"
        )
    return said
