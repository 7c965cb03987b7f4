"""What a report says of its data: rows read and set aside, control totals, warnings."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from custaudience.evidence import Claim, template
from custaudience.study.contracts import REASONS

if TYPE_CHECKING:
    from custaudience.study.health import Health

Warning_ = tuple[str, str, int | None, dict[str, Any], dict[str, Any]]

_TYPED: dict[str, Any] = {
    "kind": "typed",
    "status": "typed",
    "source": "study.toml",
    "method": template("Typed in study.toml."),
}
_NO_LAST_YEAR = template(
    "The data begin on {day:date}, so there is no {month:month} to compare with: "
    "season and growth cannot be told apart."
)
_CUT_OFF = template(
    "Customers may have ordered before the data begin, so a first order in the data need not be their "
    "first: how long they have been customers cannot be said."
)
_COVERAGE = template(
    "Of the attributes of customers, {column:text} is known least: for {described:count} of {n:count} customers "
    "({share:percent}), who bring {revenue:percent} of revenue. What is said of attributes describes those people, "
    "not everybody."
)
_GUESTS = template(
    "{n:count} {n:plural line was|lines were} bought as a guest, without a customer id: they bring {share:percent} of "
    "what all buyers paid, and stand in no figure here but the control totals."
)
_GUEST_ORDERS = template(
    "{n:count} {n:plural order was|orders were} bought as a guest: each counts as a customer of its own, so there are "
    "fewer customers, and fewer of them bought only once, than the figures say."
)
_ROWS: dict[str, Any] = {"unit": "rows"}
_LINES = {
    "shared_order_ids": template(
        "{n:count} order {n:plural id stands|ids stand} for more than one customer: they were taken as separate orders."
    ),
    "rounded": template(
        "{n:count} {n:plural line carries|lines carry} fractions of the smallest coin; each was rounded."
    ),
    "refund_lines": template(
        "{n:count} {n:plural line is a refund|lines are refunds}: they lower revenue and count as no order."
    ),
}


def _count(health: Health, key: str, text: str, n: int | None, **fields: Any) -> Claim:
    values = fields.pop("values", {"n": n})
    defaults: dict[str, Any] = {
        "kind": "count",
        "statistic": "quarantine",
        "value": n,
        "unit": "rows",
        "n": n,
        "source": "all tables",
        "as_of": health.as_of,
        "notebook": "",
        "method": template("Counted while reading; rows read = used + set aside."),
    }
    return Claim(id=f"data.{key}", template=text, values=values, **(defaults | fields))


def row_claims(health: Health) -> list[Claim]:
    """Return rows read, used and set aside, and why."""
    facts = health.tables.set_index("table")
    main = facts.loc["transactions"] if "transactions" in facts.index else facts.sum()
    source = "transactions" if "transactions" in facts.index else "all tables"
    read, used, aside = (int(main[c]) for c in ("rows_in", "rows_used", "rows_set_aside"))
    claims = [
        _count(health, "rows_read", template("{n:count} {n:plural line|lines} read."), read, source=source),
        _count(health, "rows_used", template("{n:count} {n:plural line|lines} used."), used, source=source),
        _count(health, "rows_set_aside", template("{n:count} {n:plural line|lines} set aside."), aside, source=source),
    ]
    for row in health.reasons.itertuples():
        text = template(
            "Table {table:text}, column {column:text}: {n:count} {n:plural row|rows} set aside, {reason:term}."
        )
        claims.append(
            _count(
                health,
                f"rows_set_aside.{row.table}_{_key_of(row.column)}_{row.reason}",
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


def _key_of(column: str) -> str:
    """Return a column's name as it may stand in a claim's id; one in other letters by its hash."""
    if re.fullmatch(r"[a-z0-9_]+", column):
        return column
    return hashlib.sha256(column.encode()).hexdigest()[:8] if column else "line"


def control_claims(health: Health) -> list[Claim]:
    """Return how the control totals compare."""
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
                as_of=health.as_of,
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


def warning_claims(health: Health) -> list[Claim]:
    """Return what a reader must know before trusting the rest."""
    claims = [
        _count(health, f"warning.caveat_{number}", "{caveat:text}", None, values={"caveat": caveat}, unit="", **_TYPED)
        for number, caveat in enumerate(health.caveats, start=1)
    ]
    if not health.facts:
        return claims
    for key, text, n, values, fields in _warnings(health, health.facts):
        fixed = {"unit": "", "source": "transactions", "method": template("Read off the data.")}
        claims.append(_count(health, f"warning.{key}", text, n, values={"n": n, **values}, **(fixed | fields)))
    return claims


def _warnings(health: Health, facts: dict[str, Any]) -> Iterator[Warning_]:
    """Yield key, sentence, n, values and other fields of each warning that applies."""
    as_of = health.as_of
    if facts["first_day"] > dt.date(as_of.year - 1, as_of.month, 1):
        last_year = {"day": facts["first_day"].isoformat(), "month": f"{as_of.year - 1}-{as_of.month:02d}"}
        yield "no_last_year", _NO_LAST_YEAR, None, last_year, {}
    if health.first_orders == "cut off":
        declared = _TYPED | {"method": template("Declared in study.toml: first_orders.")}
        yield "history_cut_off", _CUT_OFF, None, {}, declared
    if facts.get("n_guest_lines"):
        yield "guests", _GUESTS, facts["n_guest_lines"], {"share": facts["share_revenue_guests"]}, _ROWS
    if facts.get("n_guest_orders"):
        yield "guest_orders", _GUEST_ORDERS, facts["n_guest_orders"], {}, {"unit": "orders"}
    if facts.get("n_described", facts["n_customers"]) < facts["n_customers"]:
        n, described = facts["n_customers"], facts["n_described"]
        shares = {
            "column": facts["least_known"],
            "described": described,
            "share": described / max(1, n),
            "revenue": facts["share_revenue_described"],
        }
        share = {"value": shares["share"], "unit": "fraction", "source": "customers, transactions"}
        yield "coverage", _COVERAGE, n, shares, share
    for key, text in _LINES.items():
        if facts[f"n_{key}"]:
            yield key, text, facts[f"n_{key}"], {}, {} if key == "shared_order_ids" else _ROWS
