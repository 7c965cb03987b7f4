"""Rows that are no sales: totals, cancelled orders, refunds without a minus, buyers without an id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from custaudience.study.proposing.questions import Answers, Question
from custaudience.study.proposing.roles import Facts
from custaudience.study.proposing.sampling import Sample
from custaudience.study.proposing.scanning import Scan
from custaudience.study.proposing.vocabulary import is_guest, is_state_column, is_status_column, status_of
from custaudience.study.reading import is_total

_FEW = 20  # values a column of statuses has at most
_LINES = 5  # orders of several lines needed to tell a line's amount from an order's


@dataclass
class Rules:
    """Settings on rows, and the sentence that stands for each."""

    settings: dict[str, Any] = field(default_factory=dict)
    why: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def leave_out(self, option: str, column: str, value: str, why: str) -> None:
        """Add a value of a column to `exclude` or `refund_rows`."""
        rules = self.settings.setdefault(option, {})
        values = rules.setdefault(column, [])
        if value.lower() not in (one.lower() for one in values):  # the reader tells no capitals apart
            values.append(value)
        if why not in self.why[option]:
            self.why[option].append(why)


def status_columns(sample: Sample, facts: Mapping[str, Facts], mapped: Mapping[str, str]) -> list[str]:
    """Return the columns that say what kind of row it is."""
    found = []
    for name in sample.header:
        values = set(facts[name].values)
        if name in mapped.values() or not values or len(values) > _FEW:
            continue
        known = sum(1 for value in values if status_of(value) not in ("", "unsure"))
        if is_status_column(name) or known >= max(2, len(values) / 2):
            found.append(name)
    return found


def totals_rows(sample: Sample, mapped: Mapping[str, str], rules: Rules) -> None:
    """Leave out the rows of totals at the end."""
    dated = next((mapped[name] for name in ("ordered_at", "starts_on") if name in mapped), None)
    if dated is None:
        return
    place = sample.header.index(dated)
    for row in [*sample.rows[-3:], *sample.tail]:
        label = next(
            ((column, cell.strip()) for column, cell in enumerate(row) if cell.strip() and is_total(cell)), None
        )
        empty = len(row) <= place or not row[place].strip() or is_total(row[place])
        if label and empty and label[0] < len(sample.header):
            shown = "; ".join(cell for cell in row if cell.strip())[:80]
            rules.leave_out("exclude", sample.header[label[0]], label[1], f"a line of totals at the end: {shown}")


def nameless_total(sample: Sample, mapped: Mapping[str, str], scan: Scan, rules: Rules) -> None:
    """Leave out a last row that has an amount, and neither buyer nor date, when it is the only one without a date."""
    amount = mapped.get("revenue") or mapped.get("unit_price")
    needed = [mapped[name] for name in ("customer_id", "ordered_at") if name in mapped]
    if amount is None or (not sample.tail and not sample.rows):
        return
    row = (sample.tail or sample.rows)[-1]
    place = {name: sample.header.index(name) for name in (*needed, amount)}
    if len(row) <= max(place.values()) or any(row[place[name]].strip() for name in needed) or not row[place[amount]]:
        return
    if scan.kept - scan.columns["ordered_at"].filled == 1:
        rules.leave_out("exclude", mapped["ordered_at"], "", "the last row, a total: no buyer, no date, but an amount")


def status_rows(scan: Scan, table: str, rules: Rules, answers: Answers) -> None:
    """Decide what becomes of the rows of each status; what depends on the company's books is asked."""
    for column, values in scan.statuses.items():
        certain = is_state_column(column) or any(status_of(value) for value in values)
        for value, (rows, above) in sorted(values.items(), key=lambda item: -item[1][0]):
            kind = status_of(value)
            text = f"{column} = {value!r}, {rows:,} rows"
            key = f"{table}.rows.{value or 'empty'}"
            if kind == "left_out":
                rules.leave_out("exclude", column, value, f"{text}: no money came")
            elif kind == "refunds" and not above:
                rules.why["counted"].append(f"{text}: their amounts are negative already")
            elif kind in ("refunds", "unsure"):
                _ask_status(column, value, (kind, text, key, above), rules, answers)
            elif kind == "" and value and certain and answers.given(key) is None:
                _ask_status(column, value, ("unknown", text, key, above), rules, answers)
            elif answers.given(key) is not None:
                _ask_status(column, value, ("", text, key, above), rules, answers)
            else:
                known = "sales" if kind == "sales" else "nothing known against it"
                rules.why["counted"].append(f"{text}: counted ({known})")


def _ask_status(column: str, value: str, about: tuple[str, str, str, int], rules: Rules, answers: Answers) -> None:
    kind, text, key, above = about
    options = (
        ("count", "they are sales like the others"),
        ("leave out", "they brought no money (cancelled, not paid, a test), or are sales that were undone"),
        ("refund", "they are documents of their own for money paid back, written without a minus: taken off"),
    )
    evidence = {
        "refunds": f"{above:,} of them have an amount above zero.",
        "unsure": "Their money may never come.",
        "unknown": f"The word is not known here; {above:,} of them have an amount above zero.",
    }
    likely = {"refunds": "refund", "unknown": "count"}
    question = Question(
        key, f"What are the rows with {text}?", options, evidence.get(kind, ""), likely.get(kind, "leave out")
    )
    answer = answers.settle(question)
    if answer == "count":
        rules.why["counted"].append(f"{text}: counted, as answered")
    else:
        option = "refund_rows" if answer == "refund" else "exclude"
        rules.leave_out(option, column, value, f"{text}: {'money paid back' if answer == 'refund' else 'left out'}")


def guest_rows(
    sample: Sample,
    facts: Mapping[str, Facts],
    mapped: Mapping[str, str],
    scan: Scan,
    max_quarantined: float,
    rules: Rules,
    answers: Answers,
) -> None:
    """Find rows whose buyer nobody knows, and ask what becomes of them."""
    theirs = mapped["customer_id"]
    blank = scan.kept - scan.columns["customer_id"].filled
    if "" in rules.settings.get("exclude", {}).get(mapped["ordered_at"], ()):
        blank -= 1  # the total without a name
    ids = _placeholders(sample, facts, theirs, scan, answers)
    if not ids and blank <= 0:
        return
    if not ids and blank <= max_quarantined / 2 * scan.kept and answers.given("transactions.guests") is None:
        rules.why["counted"].append(f"{blank:,} rows without {theirs} are faults and will be set aside")
        return
    shown = f"{blank:,} of {scan.kept:,} rows have no {theirs}" if blank > 0 else ""
    named = "; ".join(f"{value!r}: {why}" for value, why in ids.items())
    options = [("set aside", "they stay in the control totals, and in no figure about customers")]
    if "order_id" in mapped:
        options.append(("by order", "each of their orders counts as a customer of its own"))
    answer = answers.settle(
        Question(
            "transactions.guests",
            "Some bought without a name. What becomes of them?",
            tuple(options),
            "; ".join(part for part in (shown, named) if part) + ".",
            "set aside",
        )
    )
    rules.settings["guests"] = answer
    rules.why["guests"].append("; ".join(part for part in (shown, named) if part))
    if ids:
        rules.settings["guest_ids"] = list(ids)


def _placeholders(
    sample: Sample, facts: Mapping[str, Facts], theirs: str, scan: Scan, answers: Answers
) -> dict[str, str]:
    """Return ids that stand for nobody in particular, and why each is thought so."""
    looked_at = facts[theirs].values
    found = {
        value: f"stands for nobody in particular, in {looked_at.count(value):,} of {len(sample.rows):,} rows looked at"
        for value in dict.fromkeys([*scan.ids, *looked_at])
        if is_guest(value)
    }
    given = answers.given("transactions.guest_ids")
    if given is not None:
        return {value.strip(): "as answered" for value in given.split(",") if value.strip()}
    place = sample.header.index(theirs)
    for value in scan.ids:
        rows = [row for row in sample.rows if len(row) > place and row[place].strip() == value]
        named = [
            cell.strip() for row in rows for column, cell in enumerate(row) if column != place and _is_nobody(cell)
        ]
        if value not in found and rows and len(named) >= 0.95 * len(rows):
            found[value] = f"stands beside {named[0]!r} in {len(named):,} of {len(rows):,} rows looked at"
    counts = sorted(
        ((facts[theirs].values.count(value), value) for value in scan.ids if value not in found), reverse=True
    )
    if len(counts) > 1:
        (most, value), (second, _) = counts[:2]
        if most >= 0.03 * len(facts[theirs].values) and most >= 4 * second:
            answer = answers.settle(
                Question(
                    f"transactions.guest.{value}",
                    f"Is {value!r} a customer, or does it stand for buyers nobody knows?",
                    (("guest", "it stands for unknown buyers"), ("customer", "it is one customer")),
                    f"It has {most:,} of {len(facts[theirs].values):,} rows looked at, the next id {second:,}.",
                    "guest",
                )
            )
            if answer == "guest":
                found[value] = f"has {most:,} rows where the next id has {second:,}"
    return found


def _is_nobody(cell: str) -> bool:
    return len(cell.strip()) > 3 and is_guest(cell)


def amount_per_order(sample: Sample, mapped: Mapping[str, str], rules: Rules, answers: Answers) -> None:
    """Find out whether the amount is the line's or the order's."""
    if not {"order_id", "revenue"} <= set(mapped):
        return
    order, amount = (sample.header.index(mapped[name]) for name in ("order_id", "revenue"))
    orders: dict[str, list[list[str]]] = defaultdict(list)
    for row in sample.rows:
        if len(row) > max(order, amount) and row[order].strip():
            orders[row[order].strip()].append(row)
    several = [rows for rows in orders.values() if len(rows) > 1]
    if len(several) < _LINES:
        return
    once = sum(1 for rows in several if sum(1 for row in rows if row[amount].strip()) == 1)
    same = sum(1 for rows in several if len({row[amount].strip() for row in rows}) == 1)
    if once >= 0.9 * len(several):
        rules.settings["revenue_per"] = "order"
        rules.why["revenue_per"].append(
            f"of {len(several):,} orders with several lines, {once:,} have the amount on one of them only"
        )
    elif same >= 0.9 * len(several):
        answer = answers.settle(
            Question(
                "transactions.revenue_per",
                f"Is {mapped['revenue']} the amount of the line, or the order's total repeated on each of its lines?",
                (("order", "the order's total: it counts once"), ("line", "the line's amount: all of them count")),
                f"Of {len(several):,} orders with several lines, {same:,} have the same amount on each.",
                "order",
            )
        )
        if answer == "order":
            rules.settings["revenue_per"] = "order"
            rules.why["revenue_per"].append("the order's total, as answered")
