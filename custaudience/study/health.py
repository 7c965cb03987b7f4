"""The state of a study's data: what was read, what was set aside, what the books say, what to beware of."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import narwhals as nw
import pandas as pd

from custaudience.evidence import Claim, Terms
from custaudience.study.config import StudyConfig
from custaudience.study.contracts import LONE, REASONS
from custaudience.study.keys import Meeting
from custaudience.study.orders import orders_of
from custaudience.study.reading import ReadReport
from custaudience.study.sources import quote
from custaudience.telling import Teller

Relation = duckdb.DuckDBPyRelation
_MANY, _LONG = 500, 12  # orders and months without a single refund, before that is odd
_NEARLY_ALL = 0.9  # share of the rows that a rule leaves out
_OTHER = {
    "revenue": "other_revenue", "orders": "other_orders", "customers": "other_customers", "rows": "other_rows",
}  # fmt: skip


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


@dataclass(frozen=True)
class Health:
    """The state of the data."""

    tables: pd.DataFrame  # table, rows_in, rows_used, rows_set_aside; each row adds up
    reasons: pd.DataFrame  # table, column, reason (a key of `contracts.REASONS`), n_rows of what was set aside
    controls: pd.DataFrame  # key, expected, found, difference, agrees: totals of the books and ours
    facts: dict[str, Any]  # counts about the transactions, empty without that table
    caveats: tuple[str | dict[str, str], ...]  # sentences from study.toml
    terms: Terms  # its `as_of` is the last day the facts know of
    apart: tuple[Meeting, ...] = ()  # pairs of tables whose keys hardly meet

    def claims(self) -> list[Claim]:
        """Return what a report says about its data: rows, controls, warnings."""
        return [*row_claims(self), *control_claims(self), *warning_claims(self)]


def health_of(
    config: StudyConfig,
    reports: Mapping[str, ReadReport],
    lines: Lines | None,
    terms: Terms,
    apart: tuple[Meeting, ...] = (),
) -> Health:
    """Return the state of the data from what became of each table's rows and, where there are any, the order lines.

    `apart` are the tables whose keys hardly meet.
    """
    tables = pd.DataFrame(
        [(r.table, r.rows_in, r.rows_used, r.rows_set_aside) for r in reports.values()],
        columns=["table", "rows_in", "rows_used", "rows_set_aside"],
    )
    if not (tables["rows_in"] == tables["rows_used"] + tables["rows_set_aside"]).all():
        raise RuntimeError(f"rows read and rows accounted for differ:\n{tables}")
    reasons = pd.DataFrame(
        [(r.table, f.column, f.reason, f.rows) for r in reports.values() for f in r.faults],
        columns=["table", "column", "reason", "n_rows"],
    )
    facts = {} if lines is None else transaction_facts(config, reports["transactions"], lines, terms.as_of)
    return Health(tables, reasons, _controls(config, reports, lines), facts, config.study.caveats, terms, apart)


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


def _controls(config: StudyConfig, reports: Mapping[str, ReadReport], lines: Lines | None) -> pd.DataFrame:
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


def _teller(health: Health) -> Teller:
    return Teller(__package__, "data", "", health.terms)


def row_claims(health: Health) -> list[Claim]:
    """Return rows read, used and set aside, and why."""
    tell, facts = _teller(health), health.tables.set_index("table")
    of_lines = "transactions" in facts.index
    main = facts.loc["transactions"] if of_lines else facts.sum()
    source = {"source": "transactions" if of_lines else "all tables"}
    counts = {"rows_read": "rows_in", "rows_used": "rows_used", "rows_set_aside": "rows_set_aside"}
    claims = [tell.say(key, n=int(main[column]), meta=source) for key, column in counts.items()]
    for row in health.reasons.itertuples():
        n, suffix = int(row.n_rows), f"{row.table}_{_key_of(row.column)}_{row.reason}"
        said = {"n": n, "table": row.table, "column": row.column or "–", "reason": REASONS[row.reason]}
        aside = tell.say("rows_set_aside", "fault", n=n, suffix=suffix, meta={"source": row.table}, values=said)
        claims.append(aside)
    return claims


def _key_of(column: str) -> str:
    """Return a column's name as it may stand in a claim's id; one in other letters by its hash."""
    if re.fullmatch(r"[a-z0-9_]+", column):
        return column
    return hashlib.sha256(column.encode()).hexdigest()[:8] if column else "line"


def control_claims(health: Health) -> list[Claim]:
    """Return how the control totals compare."""
    tell, claims = _teller(health), []
    for row in health.controls.itertuples():
        what, which = row.key.split(".", 1)
        said = {"expected": row.expected, "found": row.found, "difference": row.difference, "month": which}
        said |= {"table": which, "currency": health.terms.currency}
        claim = tell.say(
            "control", what if row.agrees else _OTHER[what], of=float(row.difference), values=said,
            suffix=f"{what}_{which.replace('-', '_')}", status="measured" if row.agrees else "contradicted",
            meta={"source": which if what == "rows" else "transactions"},
        )  # fmt: skip
        claims.append(claim)
    return claims


def warning_claims(health: Health) -> list[Claim]:
    """Return what a reader must know before trusting the rest."""
    tell = _teller(health)
    caveats = enumerate(health.caveats, start=1)
    claims = [tell.say("warning", "caveat", suffix=f"caveat_{place}", caveat=caveat) for place, caveat in caveats]
    for pair in health.apart:
        said: dict[str, Any] = {
            "meet": pair.n_meet,
            "n": pair.n,
            "key": pair.key,
            "table": pair.table,
            "other": pair.other,
        }
        said |= {"ruled": pair.n_ruled, "rules": "[" + ", ".join(f'"{rule}"' for rule in pair.rules) + "]"}
        case, place = "ruled_keys" if pair.rules else "keys", f"keys_{pair.table}_{pair.key}"
        claims.append(tell.say("warning", case, n=pair.n, suffix=place, values=said))
    for column, case, n in health.facts.get("rules", ()):
        said = {"n": n, "column": column}
        claims.append(tell.say("warning", case, n=n, suffix=f"{case}_{_key_of(column)}", values=said))
    for case, n, said in _warnings(health) if health.facts else ():
        of = said.get("share") if case == "coverage" else n
        claims.append(tell.say("warning", case, of=of, n=n, suffix=case, values={"n": n, **said}))
    return claims


def _warnings(health: Health) -> Iterator[tuple[str, int | None, dict[str, Any]]]:
    """Yield each warning that applies, its count and its facts."""
    facts, as_of = health.facts, health.terms.as_of
    if facts["first_day"] > dt.date(as_of.year - 1, as_of.month, 1):
        last_year = {"day": facts["first_day"].isoformat(), "month": f"{as_of.year - 1}-{as_of.month:02d}"}
        yield "no_last_year", None, last_year
    if health.terms.first_orders == "cut off":
        yield "history_cut_off", None, {}
    if facts.get("n_guest_lines"):
        yield "guests", facts["n_guest_lines"], {"share": facts["share_revenue_guests"]}
    if facts.get("n_guest_orders"):
        yield "guest_orders", facts["n_guest_orders"], {}
    n, described = facts["n_customers"], facts.get("n_described", facts["n_customers"])
    if described < n:
        share = {"share": described / max(1, n), "revenue": facts["share_revenue_described"]}
        yield "coverage", n, {"column": facts["least_known"], "described": described, **share}
    if facts.get("n_lone"):
        yield "lone_dates", facts["n_lone"], {"day": facts["lone_day"]}
    if facts["n_faulty"]:
        yield (
            "money_set_aside",
            facts["n_faulty"],
            {"money": facts["money_set_aside"], "share": facts["share_set_aside"]},
        )
    for case in ("shared_order_ids", "rounded", "duplicates", "refund_lines"):
        if count := facts[f"n_{case}"]:
            yield case, count, {}
    months = 12 * (as_of.year - facts["first_day"].year) + as_of.month - facts["first_day"].month + 1
    if not (facts["n_refund_lines"] or facts["has_refunded"]) and facts["n_orders"] >= _MANY and months >= _LONG:
        yield "no_refunds", facts["n_orders"], {"months": months}
