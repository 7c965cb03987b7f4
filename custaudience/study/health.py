"""The state of a study's data: what was read, what was set aside, what the books say, what to beware of."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pandas as pd

from custaudience.evidence import Claim, template
from custaudience.study.contracts import REASONS

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
        return [
            *_row_claims(self, self.as_of),
            *_control_claims(self, self.as_of),
            *_warning_claims(self, self.as_of),
        ]


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
        tables,
        reasons,
        control_totals(study),
        facts,
        study.caveats,
        study.currency,
        study.first_orders,
        as_of,
    )


def transaction_facts(study: Study, as_of: dt.date) -> dict[str, Any]:
    """Return counts about the transactions up to `as_of` that decide what may be concluded from them.

    Keys: ``first_day, last_day, n_customers, n_orders, n_zero_lines, n_refund_lines, n_rounded,
    n_shared_order_ids`` and, when there is a customers table, ``n_described`` and
    ``share_revenue_described`` (customers who ordered and have attributes, and their share of revenue).
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
    if "customers" in study.tables:
        known = study.table("customers").project("customer_id").distinct().set_alias("known")
        per = lines.aggregate("customer_id, sum(revenue_minor) AS net", "customer_id").set_alias("per")
        both = per.join(known, "customer_id").aggregate("count(*), sum(net)").fetchall()[0]
        total = per.aggregate("sum(net)").fetchall()[0][0]
        facts["n_described"] = int(both[0])
        facts["share_revenue_described"] = float(both[1] or 0) / float(total) if total else 0.0
    return facts


def control_totals(study: Study) -> pd.DataFrame:
    """Compare the totals under ``[control]`` with the data.

    A control agrees when it differs by at most half a unit of its own last digit: 421720 means whole
    dollars, 421720.45 cents.
    """
    rows = []
    for key, expected in study.config.control.items():
        what, which = key.split(".", 1)
        found = float(study.read_report(which).rows_used) if what == "rows" else _month_total(study, what, which)
        text = str(expected)
        unit = 10.0 ** -len(text.split(".")[1]) if "." in text else 1.0
        rows.append((key, float(expected), found, found - expected, abs(found - expected) <= unit / 2 + 1e-9))
    return pd.DataFrame(rows, columns=["key", "expected", "found", "difference", "agrees"]).astype({"agrees": "bool"})


def _month_total(study: Study, what: str, month: str) -> float:
    """Return revenue (by the date of the line, as books have it), orders or customers of a month."""
    if what == "revenue":
        lines = study.table("transactions").filter(f"strftime(ordered_at, '%Y-%m') = '{month}'")
        total = lines.aggregate("coalesce(sum(revenue_minor), 0)").fetchall()[0][0]
        return float(total) / 10**study.minor_digits
    orders = nw.from_native(study.orders(study.last_day)).filter(
        nw.col("is_order"), nw.col("ordered_on").dt.to_string("%Y-%m") == month
    )
    unit = nw.len() if what == "orders" else nw.col("customer_id").n_unique()
    return float(orders.select(n=unit).collect("pyarrow")["n"][0])


def _count(health: Health, as_of: dt.date, key: str, text: str, value: int | None, **fields: Any) -> Claim:
    values = fields.pop("values", {"n": value})
    defaults: dict[str, Any] = {
        "kind": "count",
        "statistic": "quarantine",
        "unit": "rows",
        "n": value,
        "source": "all tables",
        "as_of": as_of,
        "notebook": "",
        "method": template("Counted while reading; rows read = used + set aside."),
    }
    return Claim(id=f"data.{key}", template=text, values=values, value=value, **(defaults | fields))


def _row_claims(health: Health, as_of: dt.date) -> list[Claim]:
    facts = health.tables.set_index("table")
    main = facts.loc["transactions"] if "transactions" in facts.index else facts.sum()
    source = "transactions" if "transactions" in facts.index else "all tables"
    read, used, aside = (int(main[c]) for c in ("rows_in", "rows_used", "rows_set_aside"))
    claims = [
        _count(health, as_of, "rows_read", template("{n:count} {n:plural line|lines} read."), read, source=source),
        _count(health, as_of, "rows_used", template("{n:count} {n:plural line|lines} used."), used, source=source),
        _count(
            health,
            as_of,
            "rows_set_aside",
            template("{n:count} {n:plural line|lines} set aside."),
            aside,
            source=source,
        ),
    ]
    for row in health.reasons.itertuples():
        text = template(
            "Table {table:text}, column {column:text}: {n:count} {n:plural row|rows} set aside, {reason:term}."
        )
        claims.append(
            _count(
                health,
                as_of,
                f"rows_set_aside.{row.table}_{row.column or 'line'}_{row.reason}",
                text,
                int(row.n_rows),
                source=row.table,
                values={
                    "n": int(row.n_rows),
                    "table": row.table,
                    "column": row.column or "–",
                    "reason": REASONS[row.reason],
                },
            )
        )
    return claims


def _control_claims(health: Health, as_of: dt.date) -> list[Claim]:
    claims = []
    for row in health.controls.itertuples():
        what, which = row.key.split(".", 1)
        values = {
            "expected": row.expected,
            "found": row.found,
            "difference": row.difference,
            "month": which,
            "table": which,
            "currency": health.currency,
        }
        texts = {
            "revenue": (
                template("Revenue of {month:month} agrees with the control total: {expected:money0}."),
                template(
                    "Revenue of {month:month} does not agree with the control total: {found:money} found, "
                    "{expected:money} expected."
                ),
            ),
            "orders": (
                template("The number of orders in {month:month} agrees with the control total: {expected:count}."),
                template(
                    "Orders of {month:month} do not agree with the control total: {found:count} found, "
                    "{expected:count} expected."
                ),
            ),
            "customers": (
                template("The number of customers in {month:month} agrees with the control total: {expected:count}."),
                template(
                    "Customers of {month:month} do not agree with the control total: {found:count} found, "
                    "{expected:count} expected."
                ),
            ),
            "rows": (
                template("Table {table:text} has as many rows as expected: {expected:count}."),
                template("Table {table:text} has {found:count} rows, {expected:count} expected."),
            ),
        }[what]
        claims.append(
            Claim(
                id=f"data.control.{what}_{which.replace('-', '_')}",
                template=texts[0 if row.agrees else 1],
                values=values,
                kind="count",
                statistic="control_total",
                value=float(row.difference),
                unit=health.currency if what == "revenue" else what,
                n=None,
                source=which if what == "rows" else "transactions",
                as_of=as_of,
                notebook="",
                status="measured" if row.agrees else "contradicted",
                method=(
                    template("The number of rows under [control] in study.toml against the rows used.")
                    if what == "rows"
                    else template("The total under [control] in study.toml against the rows used, by local month.")
                ),
            )
        )
    return claims


def _warning_claims(health: Health, as_of: dt.date) -> list[Claim]:
    claims = []

    def warn(key: str, text: str, n: int | None, fields: dict[str, Any] | None = None, **values: Any) -> None:
        fields = fields or {}
        claims.append(
            _count(
                health,
                as_of,
                f"warning.{key}",
                text,
                n,
                values={"n": n, **values},
                unit="",
                **({"source": "transactions", "method": template("Read off the data.")} | fields),
            )
        )

    for number, caveat in enumerate(health.caveats, start=1):
        claims.append(
            _count(
                health,
                as_of,
                f"warning.caveat_{number}",
                "{caveat:text}",
                None,
                values={"caveat": caveat},
                kind="typed",
                status="typed",
                unit="",
                source="study.toml",
                method=template("Typed in study.toml."),
            )
        )
    facts = health.facts
    if not facts:
        return claims
    if facts["first_day"] > (dt.date(as_of.year - 1, as_of.month, 1)):
        warn(
            "no_last_year",
            template(
                "The data begin on {day:date}, so there is no {month:month} to compare with: "
                "season and growth cannot be told apart."
            ),
            None,
            day=facts["first_day"].isoformat(),
            month=f"{as_of.year - 1}-{as_of.month:02d}",
        )
    if health.first_orders == "cut off":
        warn(
            "history_cut_off",
            template(
                "Customers may have ordered before the data begin, so a first order in the data need not be their "
                "first: how long they have been customers cannot be said."
            ),
            None,
            {
                "kind": "typed",
                "status": "typed",
                "source": "study.toml",
                "method": template("Declared in study.toml: first_orders."),
            },
        )
    if "n_described" in facts:
        warn(
            "coverage",
            template(
                "Attributes such as age are known for {described:count} of {n:count} customers "
                "({share:percent}), who bring {revenue:percent} of revenue: what is said of "
                "people's attributes describes them, not everybody."
            ),
            facts["n_customers"],
            {"source": "customers, transactions"},
            described=facts["n_described"],
            share=facts["n_described"] / max(1, facts["n_customers"]),
            revenue=facts["share_revenue_described"],
        )
    if facts["n_shared_order_ids"]:
        warn(
            "shared_order_ids",
            template(
                "{n:count} order {n:plural id stands|ids stand} for more than one customer: "
                "they were taken as separate orders."
            ),
            facts["n_shared_order_ids"],
        )
    if facts["n_rounded"]:
        warn(
            "rounded",
            template("{n:count} {n:plural line carries|lines carry} fractions of the smallest coin; each was rounded."),
            facts["n_rounded"],
        )
    if facts["n_refund_lines"]:
        warn(
            "refunds",
            template(
                "{n:count} {n:plural line is a refund|lines are refunds}: they lower revenue and count as no order."
            ),
            facts["n_refund_lines"],
        )
    return claims
