"""A study's months as the books of a company see them, and what would explain that a total of theirs differs."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple

import pandas as pd

from custaudience.study.facts import control_unit
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
_SAID = tomllib.loads(files(__package__).joinpath("books.toml").read_text(encoding="utf-8"))
_ROUNDED = 0.00005  # tax is rounded line by line, so its ratio is right to four digits only
_SHEET_ENDS = (65_535, 1_048_575)  # rows under the header of an .xls and an .xlsx sheet that is full


def monthly_books(study: Study) -> pd.DataFrame:
    """Count and sum the order lines of each local calendar month, by the date of the line; oldest first.

    ``n_rows`` and ``n_customers`` are of usable lines, ``n_orders`` as `orders_of` counts; in major units ``gross``,
    ``refunds`` (positive), ``net``, and what is not in net: ``guests_net`` (which totals of the books hold),
    ``excluded_net`` and ``set_aside_net``. Rows whose date cannot be read stand in a last row with the month "".
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
    used = table.index[table["n_rows"] > 0].drop("", errors="ignore")
    between = pd.period_range(used.min(), used.max(), freq="M").strftime("%Y-%m") if len(used) else used
    months = sorted({*between, *table.index} - {""})
    table = table.reindex([*months, *(table.index.intersection([""]))], fill_value=0)
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


class Guess(NamedTuple):
    """What a total would be if something in books.toml were so; `slack` is the share that rounding may take."""

    total: float
    key: str
    facts: dict[str, Any]
    slack: float = 0.0


def explain_difference(study: Study, key: str, found: float, books: pd.DataFrame) -> list[str]:
    """Say what would explain that a total under ``[control]`` and the data (`found`) differ, and what to do.

    The commonest causes are tried, and only what brings the total to the control's own last digit is named: several
    things may, and none is proved thereby. When nothing does: where to look.
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
    for guess in guesses(study, which, found, months):
        off = abs(guess.total - control)
        if abs(guess.total - found) > 1e-9 and off <= max(tolerance, guess.slack * abs(control)):
            how = "but for rounding" if off > tolerance else "to the last digit" if what == "revenue" else "exactly"
            so, do = (_SAID[what][guess.key][part].format(**guess.facts) for part in ("so", "do"))
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
    def money(amount: float) -> dict[str, str]:
        return {"money": _money(study, abs(amount))}

    back = float(months.loc[month, "refunds"])
    yield Guess(found + back, "gross", money(back))
    here = _in_month("ordered_at", month)
    if study.config.tables["transactions"].guests:
        guests = "kind = 'guest' OR (kind = 'used' AND starts_with(customer_id, 'guest:'))"
        amount = _sum(study, f"({guests}) AND {here}")
        yield Guess(found - amount, "without_guests", money(amount))
    else:
        amount = _sum(study, f"fault = 'customer_id|missing' AND {here}")
        yield Guess(found + amount, "nameless", money(amount))
    yield from _clocks(study, month)
    if "order_id" in study.read_report("transactions").columns:
        once = _sum(study, f"kind IN ('used', 'guest') AND {here}", by_order=True)
        yield Guess(once, "total_per_line", {})
    for rate in _SAID["taxes"].get(study.currency, ()):
        ratio = 1 + rate / 100
        yield Guess(found * ratio, "with_tax", {"ratio": ratio, "rate": rate}, _ROUNDED)
        yield Guess(found / ratio, "without_tax", {"ratio": ratio, "rate": rate}, _ROUNDED)


def _clocks(study: Study, month: str) -> Iterator[Guess]:
    """Cut the month by the clock of the file, or of UTC."""
    home, declared = study.timezone, study.config.tables["transactions"].timezone
    timed = f"SELECT count(*) FROM ({_lines(study)}) WHERE ordered_at <> ordered_at::DATE AND "
    if not study.connection.execute(timed + _in_month("ordered_at", month)).fetchall()[0][0]:
        return  # days without a time are the same on every clock
    zones = [zone for zone in dict.fromkeys((declared or "UTC", "UTC")) if zone != home]
    moves = [(home, zone, "declared_clock" if zone == declared else "other_clock", zone) for zone in zones]
    if declared is None and home != "UTC":
        moves.append(("UTC", home, "file_in_utc", "UTC"))
    for source, target, key, zone in moves:
        moved = f"(ordered_at AT TIME ZONE {literal(source)}) AT TIME ZONE {literal(target)}"
        total = _sum(study, f"kind IN ('used', 'guest') AND {_in_month(moved, month)}")
        yield Guess(total, key, {"zone": zone, "home": home})


def _orders(study: Study, month: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    of_month = study.orders(study.last_day).filter(f"NOT is_order AND {_in_month('ordered_on', month)}")
    nothing, guests = len(of_month), _guest_orders(study, month)
    yield Guess(found + nothing, "nothing_paid", {"n": nothing})
    yield Guess(found + guests, "guests", {"n": guests})
    yield Guess(months.loc[month, "n_rows"], "lines", {})


def _customers(study: Study, month: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    yield Guess(months.loc[month, "n_customers"], "everybody", {})
    guests = _guest_orders(study, month)
    yield Guess(found + guests, "guests", {"n": guests})


def _rows(study: Study, table: str, found: float, months: pd.DataFrame) -> Iterator[Guess]:
    report = study.read_report(table)
    yield Guess(report.rows_in, "set_aside", {"n": report.rows_set_aside, "table": table, "found": found})


def _where_to_look(study: Study, what: str, which: str, difference: float, months: pd.DataFrame) -> list[str]:
    look = _SAID["look"]
    if what == "rows":
        cut = study.read_report(which).rows_in in _SHEET_ENDS
        return [look["cut_sheet" if cut else "rows_short" if difference < 0 else "rows_long"]]
    said, period = [], pd.Period(which, "M")
    if study.first_day > period.start_time.date() or study.last_day < period.end_time.date():
        said.append(look["incomplete"].format(first=study.first_day, last=study.last_day, month=which))
    if what == "revenue":
        if difference > 0 and not months.loc[which, "refunds"]:
            said.append(look["no_refunds"])
        days = study.table("transactions").filter(_in_month("ordered_at", which))
        top = days.aggregate("ordered_at::DATE AS day, sum(revenue_minor)::BIGINT AS net", "day").order("net DESC, day")
        most = [f"{day} ({_money(study, net / 10**study.minor_digits)})" for day, net in top.limit(3).fetchall()]
        return [*said, look["revenue"].format(days=", ".join(most))]
    said.append(look[what])
    if what == "orders" and "order_id" not in study.read_report("transactions").columns:
        said.append(look["no_order_id"])
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
