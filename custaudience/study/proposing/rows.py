"""Rows that are no sales: totals, cancelled orders, refunds without a minus, buyers without an id."""

from __future__ import annotations

from collections import Counter, defaultdict

from custaudience.study.proposing.proposal import Answers, Question, TableProposal
from custaudience.study.proposing.vocabulary import is_guest, is_state_column, is_status_column, status_of
from custaudience.study.reading import is_total

_FEW = 20  # values a column of statuses has at most
_LINES = 5  # orders of several lines needed to tell a line's amount from an order's


def status_columns(proposal: TableProposal) -> list[str]:
    """Return the columns that say what kind of row it is."""
    found = []
    for name in proposal.sample.header:
        values = set(proposal.sample.facts[name].values)
        if name in proposal.columns.values() or not values or len(values) > _FEW:
            continue
        known = sum(1 for value in values if status_of(value) not in ("", "unsure"))
        if is_status_column(name) or known >= max(2, len(values) / 2):
            found.append(name)
    return found


def totals_rows(proposal: TableProposal) -> None:
    """Leave out the rows of totals at the end."""
    sample = proposal.sample
    dated = next((proposal.columns[name] for name in ("ordered_at", "starts_on") if name in proposal.columns), None)
    if dated is None:
        return
    place = sample.header.index(dated)
    for row in [*sample.rows[-3:], *sample.tail]:
        labels = ((column, cell.strip()) for column, cell in enumerate(row) if cell.strip() and is_total(cell))
        label = next(labels, None)
        empty = len(row) <= place or not row[place].strip() or is_total(row[place])
        if label and empty and label[0] < len(sample.header):
            shown = "; ".join(cell for cell in row if cell.strip())[:80]
            proposal.leave_out("exclude", sample.header[label[0]], label[1], f"a line of totals at the end: {shown}")


def nameless_total(proposal: TableProposal) -> None:
    """Leave out a last row that has an amount, and neither buyer nor date, when it is the only one without a date."""
    sample, mapped, scan = proposal.sample, proposal.columns, proposal.scan
    amount = mapped.get("revenue") or mapped.get("unit_price")
    needed = [mapped[name] for name in ("customer_id", "ordered_at") if name in mapped]
    if amount is None or (not sample.tail and not sample.rows):
        return
    row = (sample.tail or sample.rows)[-1]
    place = {name: sample.header.index(name) for name in (*needed, amount)}
    if len(row) <= max(place.values()) or any(row[place[name]].strip() for name in needed) or not row[place[amount]]:
        return
    if scan.kept - scan.columns["ordered_at"].filled == 1:
        why = "the last row, a total: no buyer, no date, but an amount"
        proposal.leave_out("exclude", mapped["ordered_at"], "", why)


def status_rows(proposal: TableProposal, answers: Answers) -> None:
    """Decide what becomes of the rows of each status; what depends on the company's books is asked."""
    for column, values in proposal.scan.statuses.items():
        certain = is_state_column(column) or any(status_of(value) for value in values)
        for value, (rows, above) in sorted(values.items(), key=lambda item: -item[1][0]):
            kind = status_of(value)
            text = f"{column} = {value!r}, {rows:,} rows"
            key = f"{proposal.table}.rows.{value or 'empty'}"
            doubt = kind if kind in ("refunds", "unsure") else "unknown" if not kind and value and certain else ""
            if kind == "left_out":
                proposal.leave_out("exclude", column, value, f"{text}: no money came")
            elif kind == "refunds" and not above:
                proposal.say("counted", f"{text}: their amounts are negative already")
            elif doubt or answers.given(key) is not None:
                if doubt == "unknown" and answers.given(key) is not None:
                    doubt = ""
                question = _question(key, text, doubt, above)
                _settle_status(proposal, (column, value, text), answers.settle(question))
            else:
                known = "sales" if kind == "sales" else "nothing known against it"
                proposal.say("counted", f"{text}: counted ({known})")


def _question(key: str, text: str, doubt: str, above: int) -> Question:
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
    likely = {"refunds": "refund", "unknown": "count"}.get(doubt, "leave out")
    return Question(key, f"What are the rows with {text}?", options, evidence.get(doubt, ""), likely)


def _settle_status(proposal: TableProposal, status: tuple[str, str, str], answer: str) -> None:
    column, value, text = status
    if answer == "count":
        proposal.say("counted", f"{text}: counted, as answered")
    elif answer == "refund":
        proposal.leave_out("refund_rows", column, value, f"{text}: money paid back")
    else:
        proposal.leave_out("exclude", column, value, f"{text}: left out")


def guest_rows(proposal: TableProposal, max_quarantined: float, answers: Answers) -> None:
    """Find rows whose buyer nobody knows, and ask what becomes of them."""
    mapped, scan = proposal.columns, proposal.scan
    theirs = mapped["customer_id"]
    blank = scan.kept - scan.columns["customer_id"].filled
    if "" in proposal.settings.get("exclude", {}).get(mapped["ordered_at"], ()):
        blank -= 1  # the total without a name
    ids = _placeholders(proposal, answers)
    if not ids and blank <= 0:
        return
    if not ids and blank <= max_quarantined / 2 * scan.kept and answers.given("transactions.guests") is None:
        proposal.say("counted", f"{blank:,} rows without {theirs} are faults and will be set aside")
        return
    shown = [f"{blank:,} of {scan.kept:,} rows have no {theirs}"] if blank > 0 else []
    why = "; ".join([*shown, *(f"{value!r}: {why}" for value, why in ids.items())])
    options = [("set aside", "they stay in the control totals, and in no figure about customers")]
    if "order_id" in mapped:
        options.append(("by order", "each of their orders counts as a customer of its own"))
    text = "Some bought without a name. What becomes of them?"
    question = Question("transactions.guests", text, tuple(options), f"{why}.", "set aside")
    proposal.settings["guests"] = answers.settle(question)
    proposal.say("guests", why)
    if ids:
        proposal.settings["guest_ids"] = list(ids)


def _placeholders(proposal: TableProposal, answers: Answers) -> dict[str, str]:
    """Return ids that stand for nobody in particular, and why each is thought so."""
    sample, ids = proposal.sample, proposal.scan.ids
    buyers = proposal.facts("customer_id")
    count, n = Counter(buyers.values), len(sample.rows)
    given = answers.given("transactions.guest_ids")
    if given is not None:
        return {value.strip(): "as answered" for value in given.split(",") if value.strip()}
    found = {
        value: f"stands for nobody in particular, in {count[value]:,} of {n:,} rows looked at"
        for value in dict.fromkeys([*ids, *buyers.values])
        if is_guest(value)
    }
    place = sample.header.index(buyers.name)
    for value in ids:
        rows = [row for row in sample.rows if len(row) > place and row[place].strip() == value]
        beside = [
            cell.strip() for row in rows for column, cell in enumerate(row) if column != place and _is_nobody(cell)
        ]
        if value not in found and rows and len(beside) >= 0.95 * len(rows):
            found[value] = f"stands beside {beside[0]!r} in {len(beside):,} of {len(rows):,} rows looked at"
    counts = sorted(((count[value], value) for value in ids if value not in found), reverse=True)
    if len(counts) > 1:
        (most, value), (second, _) = counts[:2]
        if most >= 0.03 * len(buyers.values) and most >= 4 * second:
            question = Question(
                f"transactions.guest.{value}",
                f"Is {value!r} a customer, or does it stand for buyers nobody knows?",
                (("guest", "it stands for unknown buyers"), ("customer", "it is one customer")),
                f"It has {most:,} of {len(buyers.values):,} rows looked at, the next id {second:,}.",
                "guest",
            )
            if answers.settle(question) == "guest":
                found[value] = f"has {most:,} rows where the next id has {second:,}"
    return found


def _is_nobody(cell: str) -> bool:
    return len(cell.strip()) > 3 and is_guest(cell)


def amount_per_order(proposal: TableProposal, answers: Answers) -> None:
    """Find out whether the amount is the line's or the order's."""
    sample, mapped = proposal.sample, proposal.columns
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
        why = f"of {len(several):,} orders with several lines, {once:,} have the amount on one of them only"
    elif same >= 0.9 * len(several):
        question = Question(
            "transactions.revenue_per",
            f"Is {mapped['revenue']} the amount of the line, or the order's total repeated on each of its lines?",
            (("order", "the order's total: it counts once"), ("line", "the line's amount: all of them count")),
            f"Of {len(several):,} orders with several lines, {same:,} have the same amount on each.",
            "order",
        )
        why = "the order's total, as answered" if answers.settle(question) == "order" else ""
    else:
        return
    if why:
        proposal.settings["revenue_per"] = "order"
        proposal.say("revenue_per", why)
