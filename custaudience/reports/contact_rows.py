"""The rows of lists of customers, in files that a spreadsheet opens safely, and the words that go with them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from babel import Locale

from custaudience.evidence import template

if TYPE_CHECKING:
    from custaudience.audience import IdealCustomers
    from custaudience.customers.contacts.lists import ContactLists
    from custaudience.study import Study

_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"  # the last four as East Asian keyboards write them
_AT_START = re.compile(f"\\s*[{_SIGNS}]|[\t\r\n]")
_AFTER_SEPARATOR = re.compile(f"([;,\t\r\n]\\s*)(?=[{_SIGNS}])")


def safe_cell(text: str) -> str:
    r"""Return a text that no spreadsheet takes for a formula: an apostrophe stands before what would begin one.

    Also after a comma or semicolon: a spreadsheet of another language may take it for the end of a cell.

    Examples
    --------
    >>> safe_cell("=HYPERLINK(1)"), safe_cell("bricks; =1+1"), safe_cell("007"), safe_cell("sugar-free")
    ("'=HYPERLINK(1)", "bricks; '=1+1", '007', 'sugar-free')
    """
    text = _AFTER_SEPARATOR.sub(r"\1'", text)
    return "'" + text if _AT_START.match(text) else text


def write_csv(path: Path, table: pd.DataFrame, language: str) -> None:
    """Write a table as Excel of that language opens it: UTF-8 with BOM, and ``;`` where a comma is the decimal sign."""
    comma = Locale.parse(language).number_symbols["latn"]["decimal"] == ","
    text = table.copy()
    for column in text.columns.drop("expected_value", errors="ignore"):
        text[column] = text[column].astype("str").map(safe_cell)
    marks = {"sep": ";", "decimal": ","} if comma else {"sep": ",", "decimal": "."}
    text.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n", **marks)


def readable(lists: ContactLists, expected: pd.Series, language: str) -> pd.DataFrame:
    """Return the rows of all lists with reasons and segments in the reader's language.

    ``customer_id``, ``list``, ``reason``, ``segment``, ``also_on`` (the customer's other lists), ``expected_value``
    (as `expected` has it by list, empty where it cannot be named), ``consent``.
    """
    from custaudience.customers.contacts.lists import LIST_NAMES, REASONS
    from custaudience.present.words import label

    titles = {name: label(title, language) for name, title in LIST_NAMES.items()}
    yes, no, unknown = _answers(language)
    table = lists.table
    pairs = zip(table["reason_key"], table["reason_values"], strict=True)
    both = zip(table["list"], table["lists"], strict=True)
    others = [", ".join(titles[other] for other in every.split("+") if other != own) for own, every in both]
    return pd.DataFrame(
        {
            "customer_id": table["customer_id"],
            "list": table["list"],
            "reason": pd.Series([plain(REASONS[k], v, language) for k, v in pairs], index=table.index, dtype="str"),
            "segment": _segments(table["segment"], language),
            "also_on": pd.Series(others, index=table.index, dtype="str"),
            "expected_value": table["list"].map(expected).astype("float64"),
            "consent": [unknown if pd.isna(agreed) else yes if agreed else no for agreed in table["consent"]],
        }
    )


def plain(text: str, values: dict[str, Any], language: str) -> str:
    """Return a text as plain files hold it: without blanks that do not break."""
    from custaudience.present.words import render

    return render(text, values, language=language).replace("\u00a0", " ")


def _answers(language: str) -> Iterable[str]:
    from custaudience.present.words import translator

    return map(translator(language), (template("yes"), template("no"), template("not known")))


def _segments(keys: pd.Series, language: str) -> pd.Series:
    from custaudience.customers.rfm.segments import load_segment_rules
    from custaudience.present.words import label

    rules = load_segment_rules()
    names = {rule.key: rule.name for rule in (*rules.segments, rules.no_order)}
    keys = keys.astype("str")
    return keys.map({key: label(names.get(key, key), language) for key in keys.unique()}).astype("str")


def contact_notes(lists: ContactLists, record: dict[str, Any], study: str, language: str) -> list[str]:
    """Return what README.txt says beside the lists, the most important first."""
    from custaudience.customers.contacts.lists import LIST_NAMES

    counts = record["counts"]
    notes: list[tuple[str, dict[str, Any]]] = []
    if lists.n_agreed is None:
        notes.append((UNKNOWN_CONSENT, {}))
    notes.append((HEAD, {"study": study, "month": record["month"], "day": record["as_of"]}))
    for name in (name for name in counts if name != "any"):
        values = {"file": f"{name}.csv", "list": LIST_NAMES[name], "n": counts[name]["n_to_write"]}
        refused = lists.refused.get(name)
        notes.append((NOT_LISTED, values | {"reason": refused}) if refused else (LISTED, values))
    if lists.n_agreed is not None:
        notes.append((NO_CONSENT, {"n": counts["any"]["n_may_not"]}))
    if record["share"]:
        held = {"n": counts["any"]["n_held_out"], "share": record["share"], "seed": str(record["seed"])}
        notes += [(HELD_OUT, held), (KEEP, {})]
    else:
        notes.append((NOT_HELD_OUT, {}))
    if record["replaced"]:
        notes.append((REPLACED, {"n": len(record["replaced"])}))
    notes += [(ORDER, {}), (VALUE, {}), (SAFE, {}), (TEXT, {})]
    return [plain(text, values, language) for text, values in notes]


@dataclass(frozen=True)
class IdealList:
    """The rows of ``ideal.csv``, what README.txt says of it, and the line that is printed."""

    rows: pd.DataFrame
    note: str
    line: str


def ideal_list(study: Study, as_of: dt.date, *, held_out: Collection[str], language: str) -> IdealList:
    """Return the ideal customers with reason, segment, consent and whether they are held out, in a language.

    Everybody who is ideal by the default cut-offs, with consent or without; without rows where nobody is. Who is
    held out from the letters of the month is named: an interview is a contact, too.
    """
    from custaudience.recipes import ideal_customers_at

    ideal = ideal_customers_at(study, as_of)
    if ideal.n_ideal:
        people = "customer" if ideal.n_ideal == 1 else "customers"
        line = f"  ideal: {ideal.n_ideal:,} {people}, to know and not to write to"
        rows = _ideal_rows(study, ideal, held_out, language)
        return IdealList(rows, plain(IDEAL_LISTED, {"n": ideal.n_ideal}, language), line)
    reason: dict[str, Any] = {"reason": NOBODY}
    if ideal.refused:
        reason = {"reason": ideal.refused[0].reason, **ideal.refused[0].values}
    line = f"  ideal: {plain(reason['reason'], reason, 'en')}"
    return IdealList(pd.DataFrame(), plain(NO_IDEAL, reason, language), line)


def _ideal_rows(study: Study, ideal: IdealCustomers, held_out: Collection[str], language: str) -> pd.DataFrame:
    from custaudience.recipes import consent_of, segments_at

    table = ideal.table[ideal.table["ideal"]]
    table = table.sort_values(["revenue_total", "customer_id"], ascending=[False, True], ignore_index=True)
    people = table["customer_id"]
    yes, no, unknown = _answers(language)
    agreed = consent_of(study)
    consent = pd.Series(unknown, index=table.index, dtype="str")
    if agreed is not None:
        consent = people.isin(agreed.index[agreed.to_numpy(dtype=bool)]).map({True: yes, False: no})
    reasons = [_ideal_reason(row, ideal, study.currency, language) for row in table.to_dict("records")]
    segments = segments_at(study, ideal.as_of).set_index("customer_id")["segment"]
    return pd.DataFrame(
        {
            "customer_id": people,
            "reason": pd.Series(reasons, index=table.index, dtype="str"),
            "segment": _segments(people.map(segments), language),
            "consent": consent,
            "held_out": people.isin(set(held_out)).map({True: yes, False: no}),
        }
    )


def _ideal_reason(row: dict[Any, Any], ideal: IdealCustomers, currency: str, language: str) -> str:
    values = {
        "n": row["n_orders"], "span": row["span_days"], "revenue": row["revenue_total"], "currency": currency,
        "days": row["days_since_last_order"], "after": row["overdue_after_days"], "engaged": "", "satisfied": "",
    }  # fmt: skip
    if row.get("n_contacted"):
        values |= {"engaged": ENGAGED, "responded": row["n_responded"], "contacted": row["n_contacted"]}
    if pd.notna(row.get("score")):
        values |= {"satisfied": SATISFIED, "score": row["score"], "best": ideal.satisfaction_best}
    return plain(REASON, values, language)


UNKNOWN_CONSENT = template(
    "It is not known who agreed to be written to: no column of the study says so. Ask before a letter goes out."
)
HEAD = template(
    "{study:text}, {month:month}: whom to write to, as of {day:date}. These files hold customers: do not publish them."
)
LISTED = template("{file:text} ({list:term}): {n:count} {n:plural customer|customers} to write to.")
NOT_LISTED = template("There is no {file:text} ({list:term}): {reason:term}.")
NO_CONSENT = template(
    "{n:count} {n:plural customer|customers} with a reason to be written to did not agree to it and {n:plural "
    "stands|stand} in no file."
)
HELD_OUT = template(
    "hold_out.csv: {n:count} {n:plural customer|customers}, drawn at random ({share:percent} of those who may be "
    "written to, seed {seed:text}), who must get no letter. Without them nobody can tell what the letters add."
)
KEEP = template(
    "Keep drawn.parquet and hold_out.json as they are: next month custaudience lists judges by them what the letters "
    "did."
)
NOT_HELD_OUT = template("Nobody is held out: what the letters add cannot be told from these lists.")
REPLACED = template(
    "These lists were written anew on other terms ({n:count} {n:plural time|times}): if letters went out by the "
    "earlier ones, the draw is not true, and must not be judged."
)
ORDER = template("The most pressing stand first. Who is on several lists is named on each; one letter is enough.")
VALUE = template(
    "expected_value: what customers who were on the same list a month earlier spent since, on average, without any "
    "letter; not what a letter adds. Empty where too few did."
)
SAFE = template("An apostrophe stands before a cell that a spreadsheet would take for a formula.")
TEXT = template(
    "A spreadsheet drops leading zeros of a customer number when the file is opened by a double click: import the "
    "column customer_id as text."
)
REASON = template(
    "{n:count} {n:plural order|orders} over {span:count} {span:plural day|days}, {revenue:money0} in all; silent for "
    "{days:count} {days:plural day|days}, usual gaps last up to {after:count}{engaged:sentence}{satisfied:sentence}."
)
ENGAGED = template("; responded to {responded:count} of {contacted:count} {contacted:plural campaign|campaigns}")
SATISFIED = template("; answered {score:number} of {best:number}")
IDEAL_LISTED = template(
    "ideal.csv: {n:count} ideal {n:plural customer|customers}, the most valuable first, to know them: for interviews, "
    "and to look for others like them. It is no list to write to: consent stands in a column, and who is held out this "
    "month is not to be asked, either."
)
NO_IDEAL = template("There is no ideal.csv: {reason:sentence}")
NOBODY = template("nobody is ideal by the cut-offs of notebook 40.")
