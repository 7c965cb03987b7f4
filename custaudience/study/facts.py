"""Counts and totals about order lines that decide what may be concluded from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import narwhals as nw
import pandas as pd

from custaudience.study.config import StudyConfig
from custaudience.study.contracts import LONE
from custaudience.study.orders import orders_of
from custaudience.study.reading import ReadReport
from custaudience.study.sources import quote

Relation = duckdb.DuckDBPyRelation
_NEARLY_ALL = 0.9  # share of the rows that a rule leaves out


@dataclass(frozen=True)
class Lines:
    """A study's order lines: those used, `all` with ``_fault``, their first and last day, and who is described."""

    used: Relation
    all: Relation
    first_day: dt.date
    last_day: dt.date
    customers: Relation | None = None

    def until(self, day: dt.date, *, faulty: bool = False) -> Relation:
        """Return the lines up to a day, inclusive."""
        return (self.all if faulty else self.used).filter(f"ordered_at < DATE '{day}' + 1")


def transaction_facts(config: StudyConfig, report: ReadReport, lines: Lines, as_of: dt.date) -> dict[str, Any]:
    """Return counts about the transactions up to `as_of` that decide what may be concluded from them."""
    used = lines.until(as_of)
    n_customers, n_zero, n_refunds, n_guests = used.aggregate(
        "count(DISTINCT customer_id), count(*) FILTER (revenue_minor = 0), count(*) FILTER (revenue_minor < 0), "
        "count(DISTINCT order_id) FILTER (starts_with(customer_id, 'guest:'))"
    ).fetchall()[0]
    by_order = used.aggregate("order_id, count(DISTINCT customer_id) AS customers", "order_id").filter("customers > 1")
    facts: dict[str, Any] = {
        "first_day": lines.first_day, "last_day": lines.last_day, "n_customers": n_customers,
        "n_orders": _count(lines, as_of, nw.col("is_order")), "n_zero_lines": n_zero, "n_refund_lines": n_refunds,
        "n_rounded": report.rows_rounded, "n_faulty": report.rows_set_aside - report.rows_declared,
        "has_refunded": "refunded" in report.columns,
        "money_set_aside": report.lost_minor / 10**config.study.minor_digits, "share_set_aside": report.lost_share,
        "n_shared_order_ids": len(by_order) if "order_id" in report.columns else 0,
    }  # fmt: skip
    facts["n_duplicates"] = _duplicates(used)
    facts["rules"] = _rules(config, report)
    for fault in report.faults:
        if fault.reason == LONE:
            facts |= {"n_lone": fault.rows, "lone_day": str(fault.examples[0][2])[:10]}
    guests = config.tables["transactions"].guests
    if guests == "by order":
        facts["n_guest_orders"] = n_guests
    elif guests:
        n, net, used_net = lines.until(as_of, faulty=True).aggregate(
            "count(*) FILTER (_fault = 'customer_id|guest'), "
            "coalesce(sum(revenue_minor) FILTER (_fault = 'customer_id|guest'), 0), "
            "coalesce(sum(revenue_minor) FILTER (_fault IS NULL), 0)"
        ).fetchall()[0]  # fmt: skip
        share = float(net) / float(net + used_net) if net + used_net else 0.0
        facts |= {"n_guest_lines": n, "share_revenue_guests": share}
    return facts if lines.customers is None else facts | _coverage(used, lines.customers)


def _duplicates(used: Relation) -> int:
    """Return how many lines are equal to an earlier one in every column of the file."""
    columns = ", ".join(quote(name) for name in used.columns if name not in ("_file", "_row"))
    n, distinct = used.aggregate(f"count(*), count(DISTINCT hash({columns}))").fetchall()[0]
    return int(n - distinct)


def _rules(config: StudyConfig, report: ReadReport) -> list[tuple[str, str, int]]:
    """Return the rules of study.toml that leave out nearly all rows of the order lines, or none: column, case, rows."""
    section = config.tables["transactions"]
    left_out = {fault.column: fault.rows for fault in report.faults if fault.reason == "excluded"}
    found = []
    for column in (*section.only, *section.exclude):
        n = left_out.get(column.replace("|", "/"), 0)
        if not n or n > _NEARLY_ALL * report.rows_in:
            found.append((column, "rule_none" if not n else "rule_most", n))
    return found


def _coverage(used: Relation, customers: Relation) -> dict[str, Any]:
    """Return how many of those who ordered are described, by the attribute that is known least."""
    per = used.aggregate("customer_id, sum(revenue_minor) AS net", "customer_id").set_alias("per")
    attributes = [name for name in customers.columns if name not in ("customer_id", "_file", "_row")]
    tests = {name: f"nullif(trim(CAST({quote(name)} AS VARCHAR)), '') IS NOT NULL" for name in attributes}
    tests = tests or {"customer_id": "known.customer_id IS NOT NULL"}
    figures = ", ".join(f"count(*) FILTER ({test}), sum(net) FILTER ({test})" for test in tests.values())
    joined = per.join(customers.set_alias("known"), "per.customer_id = known.customer_id", "left")
    total, *row = joined.aggregate(f"sum(net), {figures}").fetchall()[0]
    described, revenue, least = min(zip(row[::2], row[1::2], tests, strict=True), key=lambda known: int(known[0]))
    share = float(revenue or 0) / float(total) if total else 0.0
    return {"n_described": int(described), "share_revenue_described": share, "least_known": least}


def control_unit(control: float, minor_digits: int = 2) -> float:
    """Return the unit of a control, 1.0 for 421720 and 0.01 for 421720.4: what differs by at most half of it agrees."""
    # TOML reads 421720.40 as 421720.4, so the digits that are written cannot be counted
    return 10.0**-minor_digits if isinstance(control, float) else 1.0


def control_totals(config: StudyConfig, reports: Mapping[str, ReadReport], lines: Lines | None) -> pd.DataFrame:
    """Compare the totals under ``[control]`` with the data."""
    rows, digits = [], config.study.minor_digits
    for key, expected in config.control.items():
        what, which = key.split(".", 1)
        found = _month_total(lines, what, which, digits) if lines and what != "rows" else reports[which].rows_used
        agrees = abs(found - expected) <= control_unit(expected, digits) / 2 + 1e-9
        rows.append((key, float(expected), float(found), found - expected, agrees))
    return pd.DataFrame(rows, columns=["key", "expected", "found", "difference", "agrees"]).astype({"agrees": "bool"})


def _month_total(lines: Lines, what: str, month: str, digits: int) -> float:
    """Return revenue (by the date of the line, with guests, as books have it), orders or customers of a month."""
    if what == "revenue":
        counted = f"strftime(ordered_at, '%Y-%m') = '{month}' AND (_fault IS NULL OR _fault = 'customer_id|guest')"
        total = lines.all.filter(counted).aggregate("coalesce(sum(revenue_minor), 0)").fetchall()[0][0]
        return float(total) / 10**digits
    unit = nw.len() if what == "orders" else nw.col("customer_id").n_unique()
    of_month = nw.col("ordered_on").dt.to_string("%Y-%m") == month
    return float(_count(lines, lines.last_day, nw.col("is_order") & of_month, unit))


def _count(lines: Lines, as_of: dt.date, which: nw.Expr, unit: nw.Expr | None = None) -> int:
    """Count orders up to a day, or their customers."""
    orders = nw.from_native(orders_of(lines.used, as_of=as_of)).lazy().filter(which)
    return int(orders.select(n=nw.len() if unit is None else unit).collect("pyarrow")["n"][0])
