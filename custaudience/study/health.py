"""The state of a study's data: what was read, what was set aside, what the books say, what to beware of."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from custaudience.evidence import Claim, Terms
from custaudience.study.config import StudyConfig
from custaudience.study.contracts import REASONS
from custaudience.study.facts import Lines, control_totals, transaction_facts
from custaudience.study.keys import Meeting
from custaudience.study.reading import ReadReport
from custaudience.telling import Teller

_MANY, _LONG = 500, 12  # orders and months without a single refund, before that is odd
_OTHER = {
    "revenue": "other_revenue", "orders": "other_orders", "customers": "other_customers", "rows": "other_rows",
}  # fmt: skip


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
    return Health(tables, reasons, control_totals(config, reports, lines), facts, config.study.caveats, terms, apart)


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
