"""A study's months as the books of a company see them, and what would explain that a total of theirs differs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from custaudience.study.health import control_unit
from custaudience.study.sources import literal
from custaudience.study.study import Study

# A line below zero is a refund; what was paid back of a sale (`refunded`) stands on the sale's line.
_SUMS = {
    "gross": ("greatest(sold, 0)", "used"),
    "refunds": ("refunded - least(sold, 0)", "used"),
    "net": ("net", "used"),
    "guests_net": ("net", "guest"),
    "set_aside_net": ("net", "set aside"),
    "excluded_net": ("net", "excluded"),
}
_TAXES = {  # standard rates where a currency is used, percent; where they differ from town to town, none
    "EUR": (19, 20, 21, 22, 23), "GBP": (20,), "UAH": (20,), "PLN": (23,), "CZK": (21,), "RON": (19, 21), "HUF": (27,),
    "BGN": (20,), "SEK": (25,), "DKK": (25,), "NOK": (25,), "TRY": (20,), "VND": (8, 10), "JPY": (10,), "AUD": (10,),
}  # fmt: skip
_ROUNDED = 0.00005  # tax is rounded line by line, so its ratio is right to four digits only
_SHEET_ENDS = (65_535, 1_048_575)  # rows under the header of an .xls and an .xlsx sheet that is full


def monthly_books(study: Study) -> pd.DataFrame:
    """Count and sum the order lines of each local calendar month, by the date of the line.

    Returns
    -------
    DataFrame, one row per month
        ``month`` ("2017-12"; oldest first, months without a line included), ``n_rows`` and ``n_customers``
        (usable lines, and who stands in them), ``n_orders`` (as `orders_of` counts: net revenue is positive), and in
        major units ``gross`` (what was sold), ``refunds`` (what was paid back, positive), ``net`` (gross less
        refunds); then what is not in net: ``guests_net`` (lines set aside because the buyer is a guest; totals
        of the books hold them), ``excluded_net`` (rows left out by ``only`` or ``exclude``) and ``set_aside_net``
        (faulty rows, as far as the amount can be read). Rows whose date cannot be read stand in a last row
        with the month "", when there are any.

    Raises
    ------
    EmptyTableError
        If no line is usable.
    """
    sums = ", ".join(
        f"coalesce(sum({amount}) FILTER (kind = '{kind}'), 0)::BIGINT AS {name}"
        for name, (amount, kind) in _SUMS.items()
    )
    table = study.connection.sql(
        "SELECT coalesce(strftime(start, '%Y-%m'), '') AS month, * EXCLUDE (start) FROM (SELECT "
        "date_trunc('month', ordered_at) AS start, count(*) FILTER (kind = 'used') AS n_rows, "
        f"count(DISTINCT customer_id) FILTER (kind = 'used') AS n_customers, {sums} "
        f"FROM ({_lines(study)}) GROUP BY 1)"
    ).df()
    counted = study.orders(study.last_day).filter("is_order")
    orders = counted.aggregate("strftime(ordered_on, '%Y-%m') AS month, count(*) AS n_orders", "month").df()
    table = table.set_index("month")
    months = _all_months(table.index[table["n_rows"] > 0]).union(table.index.drop("", errors="ignore"))
    table = table.reindex([*months.sort_values(), *(table.index.intersection([""]))], fill_value=0)
    table.insert(2, "n_orders", orders.set_index("month")["n_orders"].reindex(table.index, fill_value=0))
    table = table.rename_axis("month").reset_index()
    table[list(_SUMS)] = table[list(_SUMS)] / 10**study.minor_digits
    return table.astype({"n_rows": "int64", "n_customers": "int64", "n_orders": "int64"})


def _lines(study: Study) -> str:
    """Return the SELECT of every order line that could be parsed, faulty ones too, in minor units.

    ``kind`` is "used", "guest", "excluded" or "set aside"; ``sold`` is the line before what was ``refunded`` of it.
    """
    report = study.read_report("transactions")
    refunded = "coalesce(refunded_minor, 0)" if "refunded" in report.columns else "0"
    return (
        "SELECT customer_id, order_id, CASE WHEN _fault = 'ordered_at|lone' THEN NULL ELSE ordered_at END "
        f"AS ordered_at, revenue_minor AS net, revenue_minor + {refunded} AS sold, {refunded} AS refunded, "
        "_fault AS fault, _rounded AS rounded, CASE WHEN _fault IS NULL THEN 'used' "
        "WHEN _fault LIKE '%|guest' THEN 'guest' WHEN _fault LIKE '%|excluded' OR _fault LIKE '%|overlap' "
        "THEN 'excluded' ELSE 'set aside' END "
        f"AS kind FROM ({study.all_rows('transactions').sql_query()})"
    )


def _all_months(found: pd.Index) -> pd.Index:
    """Return the months from the first to the last of those found, those between without a line included."""
    named = found.drop("", errors="ignore")
    if named.empty:
        return named
    return pd.Index(pd.period_range(named.min(), named.max(), freq="M").strftime("%Y-%m"))


class Guess(NamedTuple):
    """What a total would be if something were so, and what to do then; `slack` is the share that rounding may take."""

    total: float
    so: str
    do: str
    slack: float = 0.0


def explain_difference(study: Study, key: str, found: float, books: pd.DataFrame) -> list[str]:
    """Say what would explain that a total under ``[control]`` and the data differ, and what to do.

    `key` is one of ``[control]``, `found` the total of the data, `books` as `monthly_books` gives them. The five
    commonest causes are tried: refunds, guests, tax, the clock, an order's total on each of its lines. Only what brings
    the total to the control's own last digit is named; several things may, and none is proved thereby. When nothing
    does: where to look.
    """
    control, months = study.config.control[key], books.set_index("month")
    tolerance = control_unit(control, study.minor_digits) / 2 + 1e-9
    what, which = key.split(".", 1)
    if what != "rows" and not (which in months.index and months.loc[which, "n_rows"]):
        return [
            f"No usable line falls in {which}: the data run from {study.first_day} to {study.last_day}. Add the export "
            "of that month to the path of its table, or take the line out of [control]."
        ]
    guesses = {"revenue": _revenue, "orders": _orders, "customers": _customers, "rows": _rows}[what]
    said = _rounding(study, which, control - found) if what == "revenue" else []
    for total, so, do, slack in guesses(study, which, found, months):
        off = abs(total - control)
        if abs(total - found) > 1e-9 and off <= max(tolerance, slack * abs(control)):
            how = "but for rounding" if off > tolerance else "to the last digit" if what == "revenue" else "exactly"
            said.append(f"It would be explained, {how}, if {so}: {do}.")
    if len(said) > 1:
        said.append("More than one thing would explain it; finance can say which one is so.")
    return said or _where_to_look(study, what, which, found - control, months)


def _rounding(study: Study, month: str, off: float) -> list[str]:
    """Say that rounding line by line explains a difference of as many coins as it usually makes."""
    counted = f"SELECT count(*) FROM ({_lines(study)}) WHERE rounded AND kind IN ('used', 'guest') AND "
    n = study.connection.execute(counted + _in_month("ordered_at", month)).fetchall()[0][0]
    usual = 3 * math.sqrt(n / 12) / 10**study.minor_digits  # a rounded line is off by up to half a coin, either way
    if not n or abs(off) > usual:
        return []
    return [
        f"It would be explained by rounding: {n:,} lines of the month carry fractions of a coin and were rounded one "
        f"by one, which can move the total by about {_money(study, usual)}; the books seem to round their sum."
    ]


def _revenue(study: Study, month: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    def named(so: str, amount: float) -> str:
        return f"{so} ({_money(study, abs(amount))} in the month)"

    back = float(months.loc[month, "refunds"])
    ask = "ask finance for revenue after refunds, which is what is compared here"
    yield Guess(found + back, named("the books are gross, before refunds", back), ask)
    here = _in_month("ordered_at", month)
    guests = "kind = 'guest' OR (kind = 'used' AND starts_with(customer_id, 'guest:'))"
    if study.config.tables["transactions"].guests:
        amount = _sum(study, f"({guests}) AND {here}")
        ask = "ask finance for the total with guests, or where their sales are booked"
        yield Guess(found - amount, named("the books leave sales to guests out", amount), ask)
    else:
        amount = _sum(study, f"fault = 'customer_id|missing' AND {here}")
        ask = 'if they are sales to guests, set guests = "set aside" under [tables.transactions]'
        yield Guess(found + amount, named("the books count the rows set aside: customer_id, no value", amount), ask)
    yield from _clocks(study, month)
    if "order_id" in study.read_report("transactions").columns:
        once = _sum(study, f"kind IN ('used', 'guest') AND {here}", by_order=True)
        ask = 'set revenue_per = "order" under [tables.transactions]'
        yield Guess(once, "each line carries the total of its order", ask)
    for rate in _TAXES.get(study.currency, ()):
        ratio = 1 + rate / 100
        tax = f"(a ratio of {ratio:.4f}, as {rate} % tax would make)"
        ask = "ask finance for revenue without tax, or map a column that holds tax"
        yield Guess(found * ratio, f"the books are with tax and the data without {tax}", ask, _ROUNDED)
        ask = "ask finance for revenue with tax, or map a column without tax"
        yield Guess(found / ratio, f"the books are without tax and the data with it {tax}", ask, _ROUNDED)


def _clocks(study: Study, month: str) -> Iterator[Guess]:
    """Cut the month by the clock of the file, or of UTC."""
    home, declared = study.timezone, study.config.tables["transactions"].timezone
    timed = f"SELECT count(*) FROM ({_lines(study)}) WHERE ordered_at <> ordered_at::DATE AND "
    if not study.connection.execute(timed + _in_month("ordered_at", month)).fetchall()[0][0]:
        return  # days without a time are the same on every clock
    moves = []
    for zone in dict.fromkeys((declared or "UTC", "UTC")):
        if zone != home:
            do = f'ask finance for months of {home}, or set timezone = "{zone}" under [study]'
            if zone == declared:
                do += f'; if the file already shows the time of {home}, take timezone = "{zone}" off its table'
            moves.append((home, zone, f"the books cut months at midnight of {zone}, not of {home}", do))
    if declared is None and home != "UTC":
        so = f"the times of the file are those of UTC, not of {home}"
        moves.append(("UTC", home, so, 'if so, set timezone = "UTC" under [tables.transactions]'))
    for source, target, so, do in moves:
        moved = f"(ordered_at AT TIME ZONE {literal(source)}) AT TIME ZONE {literal(target)}"
        yield Guess(_sum(study, f"kind IN ('used', 'guest') AND {_in_month(moved, month)}"), so, do)


def _orders(study: Study, month: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    of_month = study.orders(study.last_day).filter(f"NOT is_order AND {_in_month('ordered_on', month)}")
    nothing, guests = len(of_month), _guest_orders(study, month)
    so = f"the books count also what brought no net revenue, refunds only or nothing paid ({nothing:,})"
    yield Guess(found + nothing, so, "they are no orders here; ask finance for orders that brought revenue")
    ask = 'set guests = "by order" under [tables.transactions], or ask finance for orders of known customers'
    yield Guess(found + guests, f"the books count orders of guests too ({guests:,})", ask)
    yield Guess(months.loc[month, "n_rows"], "the books count lines", "ask finance for the number of orders")


def _customers(study: Study, month: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    everybody = "the books count everybody with a line, those with refunds only or nothing paid too"
    ask = "ask finance for customers with an order that brought revenue"
    yield Guess(months.loc[month, "n_customers"], everybody, ask)
    guests = _guest_orders(study, month)
    ask = 'set guests = "by order" under [tables.transactions], or ask finance for known customers'
    yield Guess(found + guests, f"the books count each order of a guest as a customer ({guests:,})", ask)


def _rows(study: Study, table: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    report = study.read_report(table)
    ask = f'their reasons are above; for the rows used write "rows.{table}" = {found:.0f}'
    yield Guess(report.rows_in, f"the control counts the rows set aside too ({report.rows_set_aside:,})", ask)


def _where_to_look(study: Study, what: str, which: str, difference: float, months: pd.DataFrame) -> list[str]:
    if what == "rows":
        if study.read_report(which).rows_in in _SHEET_ENDS:
            return ["The export is exactly as long as a sheet can be: the spreadsheet cut it. Export it as CSV."]
        short = "was cut off, filtered or covers" if difference < 0 else "holds rows twice or covers"
        return [f"See whether the export {short} another period; if it is right, correct the figure under [control]."]
    said, period = [], pd.Period(which, "M")
    if study.first_day > period.start_time.date() or study.last_day < period.end_time.date():
        said.append(
            f"The data run from {study.first_day} to {study.last_day}: {which} may not be complete in them. "
            "Compare a month that is."
        )
    if what == "revenue":
        if difference > 0 and not months.loc[which, "refunds"]:
            said.append("The data hold no refund in this month: see whether the export leaves refunds out.")
        days = study.table("transactions").filter(_in_month("ordered_at", which))
        top = days.aggregate("ordered_at::DATE AS day, sum(revenue_minor)::BIGINT AS net", "day").order("net DESC, day")
        most = [f"{day} ({_money(study, net / 10**study.minor_digits)})" for day, net in top.limit(3).fetchall()]
        said.append(
            f"Nothing that can be computed here explains it. Compare day by day with the books, first the days with "
            f"most revenue: {', '.join(most)}."
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


def _sum(study: Study, condition: str, *, by_order: bool = False) -> float:
    """Sum lines in major units; `by_order` takes equal amounts of one order once."""
    net = f"SELECT sum({'DISTINCT ' if by_order else ''}net) AS net FROM ({_lines(study)}) WHERE {condition}"
    net += " GROUP BY customer_id, order_id" if by_order else ""
    total = study.connection.execute(f"SELECT coalesce(sum(net), 0) FROM ({net})").fetchall()[0][0]
    return float(total) / 10**study.minor_digits


def _guest_orders(study: Study, month: str) -> int:
    orders = f"SELECT count(DISTINCT order_id) FROM ({_lines(study)}) WHERE kind = 'guest'"
    return int(study.connection.execute(f"{orders} AND {_in_month('ordered_at', month)}").fetchall()[0][0])


def _in_month(stamp: str, month: str) -> str:
    """Return the SQL that is true where a stamp falls in a month."""
    return f"({stamp} >= DATE '{month}-01' AND {stamp} < DATE '{month}-01' + INTERVAL 1 MONTH)"


def _money(study: Study, amount: float) -> str:
    """Write an amount in major units with all the currency's digits: "1,234.50 EUR"."""
    return f"{amount:,.{study.minor_digits}f} {study.currency}"
