"""The state of a study's data: what was read, what was set aside, what the books say, what to beware of."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pandas as pd

from custaudience.evidence import Claim
from custaudience.study.differences import control_unit
from custaudience.study.health_claims import control_claims, row_claims, warning_claims
from custaudience.study.sources import quote

if TYPE_CHECKING:
    from custaudience.study.study import Study


@dataclass(frozen=True)
class Health:
    """The state of the data.

    Attributes
    ----------
    tables : DataFrame
        ``table, rows_in, rows_used, rows_set_aside``; each row adds up.
    reasons : DataFrame
        ``table, column, reason, n_rows`` of what was set aside; ``reason`` is a key of `contracts.REASONS`.
    controls : DataFrame
        ``key, expected, found, difference, agrees``: totals of the books and ours.
    facts : dict
        Counts about the transactions; see `transaction_facts`. Empty without that table.
    caveats : tuple
        Sentences from study.toml.
    """

    tables: pd.DataFrame
    reasons: pd.DataFrame
    controls: pd.DataFrame
    facts: dict[str, Any]
    caveats: tuple[str | dict[str, str], ...]
    currency: str
    first_orders: str
    as_of: dt.date

    def claims(self) -> list[Claim]:
        """Return what a report says about its data: rows, controls, warnings."""
        return [*row_claims(self), *control_claims(self), *warning_claims(self)]


def health_of(study: Study, as_of: dt.date) -> Health:
    """Read every table of a study and return the state of its data; the facts know no later line than `as_of`."""
    reports = [study.read_report(name) for name in study.tables]
    tables = pd.DataFrame(
        [(r.table, r.rows_in, r.rows_used, r.rows_set_aside) for r in reports],
        columns=["table", "rows_in", "rows_used", "rows_set_aside"],
    )
    if not (tables["rows_in"] == tables["rows_used"] + tables["rows_set_aside"]).all():
        raise RuntimeError(f"rows read and rows accounted for differ:\n{tables}")
    reasons = pd.DataFrame(
        [(r.table, f.column, f.reason, f.rows) for r in reports for f in r.faults],
        columns=["table", "column", "reason", "n_rows"],
    )
    facts = transaction_facts(study, as_of) if "transactions" in study.tables else {}
    return Health(
        tables, reasons, control_totals(study), facts, study.caveats, study.currency, study.first_orders, as_of
    )


def transaction_facts(study: Study, as_of: dt.date) -> dict[str, Any]:
    """Return counts about the transactions up to `as_of` that decide what may be concluded from them.

    Keys: ``first_day, last_day, n_customers, n_orders, n_zero_lines, n_refund_lines, n_rounded,
    n_shared_order_ids`` and, when there is a customers table, ``least_known`` (the attribute known of
    fewest), ``n_described`` and ``share_revenue_described`` (customers who ordered of whom it is known, and their
    share of revenue); where
    guests are declared, ``n_guest_lines`` and ``share_revenue_guests``, or ``n_guest_orders``.
    """
    lines = study.table("transactions").filter(f"ordered_at < DATE '{as_of}' + 1")
    row = lines.aggregate(
        "count(DISTINCT customer_id), count(*) FILTER (WHERE revenue_minor = 0), "
        "count(*) FILTER (WHERE revenue_minor < 0)"
    ).fetchall()[0]
    by_order = lines.aggregate(
        "order_id, count(DISTINCT customer_id) AS customers, sum(revenue_minor) AS net", "order_id"
    )
    has_ids = "order_id" in study.read_report("transactions").columns
    shared = by_order.filter("customers > 1").count("*").fetchall()[0][0] if has_ids else 0
    orders = nw.from_native(study.orders(as_of)).filter(nw.col("is_order")).select(nw.len()).collect("pyarrow")
    facts: dict[str, Any] = {
        "first_day": study.first_day,
        "last_day": study.last_day,
        "n_customers": int(row[0]),
        "n_orders": int(orders.item()),
        "n_zero_lines": int(row[1]),
        "n_refund_lines": int(row[2]),
        "n_rounded": study.read_report("transactions").rows_rounded,
        "n_shared_order_ids": int(shared),
    }
    facts |= _guest_facts(study, as_of)
    if "customers" in study.tables:
        facts |= _coverage(study, lines)
    return facts


def _coverage(study: Study, lines: Any) -> dict[str, Any]:
    """Return how many of those who ordered are described, by the attribute that is known least."""
    per = lines.aggregate("customer_id, sum(revenue_minor) AS net", "customer_id").set_alias("per")
    known = study.table("customers").set_alias("known")
    attributes = [name for name in known.columns if name not in ("customer_id", "_file", "_row")]
    tests = {name: f"nullif(trim(CAST({quote(name)} AS VARCHAR)), '') IS NOT NULL" for name in attributes}
    tests = tests or {"customer_id": "known.customer_id IS NOT NULL"}
    figures = ", ".join(f"count(*) FILTER ({test}), sum(net) FILTER ({test})" for test in tests.values())
    row = per.join(known, "per.customer_id = known.customer_id", "left").aggregate(f"sum(net), {figures}").fetchall()[0]
    by_attribute = {name: (int(row[1 + 2 * k]), row[2 + 2 * k]) for k, name in enumerate(tests)}
    least = min(by_attribute, key=lambda name: by_attribute[name][0])
    described, revenue = by_attribute[least]
    share = float(revenue or 0) / float(row[0]) if row[0] else 0.0
    return {"n_described": described, "share_revenue_described": share, "least_known": least}


def _guest_facts(study: Study, as_of: dt.date) -> dict[str, Any]:
    """Return how much was bought without a customer id, whichever way study.toml takes it."""
    guests = study.config.tables["transactions"].guests
    if guests == "by order":
        orders = study.table("transactions").filter(f"ordered_at < DATE '{as_of}' + 1")
        count = orders.filter("starts_with(customer_id, 'guest:')").aggregate("count(DISTINCT order_id)").fetchall()
        return {"n_guest_orders": int(count[0][0])}
    if guests is None:
        return {}
    lines = study.all_rows("transactions").filter(f"ordered_at < DATE '{as_of}' + 1")
    of_guests = "_fault = 'customer_id|guest'"
    row = lines.aggregate(
        f"count(*) FILTER ({of_guests}), coalesce(sum(revenue_minor) FILTER ({of_guests}), 0), "
        f"coalesce(sum(revenue_minor) FILTER ({of_guests} OR _fault IS NULL), 0)"
    ).fetchall()[0]
    share = float(row[1]) / float(row[2]) if row[2] else 0.0
    return {"n_guest_lines": int(row[0]), "share_revenue_guests": share}


def control_totals(study: Study) -> pd.DataFrame:
    """Compare the totals under ``[control]`` with the data.

    A control agrees when it differs by at most half of what `control_unit` says.
    """
    rows = []
    for key, expected in study.config.control.items():
        what, which = key.split(".", 1)
        found = float(study.read_report(which).rows_used) if what == "rows" else _month_total(study, what, which)
        unit = control_unit(expected, study.minor_digits)
        rows.append((key, float(expected), found, found - expected, abs(found - expected) <= unit / 2 + 1e-9))
    return pd.DataFrame(rows, columns=["key", "expected", "found", "difference", "agrees"]).astype({"agrees": "bool"})


def _month_total(study: Study, what: str, month: str) -> float:
    """Return revenue (by the date of the line, as books have it), orders or customers of a month.

    Revenue includes that of guests who are set aside: the books know no difference.
    """
    if what == "revenue":
        lines = study.all_rows("transactions").filter(
            f"strftime(ordered_at, '%Y-%m') = '{month}' AND (_fault IS NULL OR _fault = 'customer_id|guest')"
        )
        total = lines.aggregate("coalesce(sum(revenue_minor), 0)").fetchall()[0][0]
        return float(total) / 10**study.minor_digits
    orders = nw.from_native(study.orders(study.last_day)).filter(
        nw.col("is_order"), nw.col("ordered_on").dt.to_string("%Y-%m") == month
    )
    unit = nw.len() if what == "orders" else nw.col("customer_id").n_unique()
    return float(orders.select(n=unit).collect("pyarrow")["n"][0])
