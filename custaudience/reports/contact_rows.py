"""The rows of lists of customers, in files that a spreadsheet opens safely, and the words that go with them."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from babel import Locale

from custaudience.evidence import template

if TYPE_CHECKING:
    from custaudience.audience import IdealCustomers
    from custaudience.customers.contacts.lists import ContactLists
    from custaudience.study import Study

WORDS = tomllib.loads(files("custaudience.reports").joinpath("contact_words.toml").read_text(encoding="utf-8"))
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
    notes: list[tuple[str, dict[str, Any]]] = [("unknown_consent", {})] if lists.n_agreed is None else []
    notes.append(("head", {"study": study, "month": record["month"], "day": record["as_of"]}))
    for name in (name for name in counts if name != "any"):
        values = {"file": f"{name}.csv", "list": LIST_NAMES[name], "n": counts[name]["n_to_write"]}
        refused = lists.refused.get(name)
        notes.append(("not_listed", values | {"reason": refused}) if refused else ("listed", values))
    if lists.n_agreed is not None:
        notes.append(("no_consent", {"n": counts["any"]["n_may_not"]}))
    if record["share"]:
        held = {"n": counts["any"]["n_held_out"], "share": record["share"], "seed": str(record["seed"])}
        notes += [("held_out", held), ("keep", {})]
    else:
        notes.append(("not_held_out", {}))
    if record["replaced"]:
        notes.append(("replaced", {"n": len(record["replaced"])}))
    notes += [("order", {}), ("value", {}), ("safe", {}), ("text", {})]
    return [plain(WORDS[name], values, language) for name, values in notes]


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
        return IdealList(rows, plain(WORDS["ideal_listed"], {"n": ideal.n_ideal}, language), line)
    reason: dict[str, Any] = {"reason": WORDS["nobody"]}
    if ideal.refused:
        reason = {"reason": ideal.refused[0].reason, **ideal.refused[0].values}
    line = f"  ideal: {plain(reason['reason'], reason, 'en')}"
    return IdealList(pd.DataFrame(), plain(WORDS["no_ideal"], reason, language), line)


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
        values |= {"engaged": WORDS["engaged"], "responded": row["n_responded"], "contacted": row["n_contacted"]}
    if pd.notna(row.get("score")):
        values |= {"satisfied": WORDS["satisfied"], "score": row["score"], "best": ideal.satisfaction_best}
    return plain(WORDS["reason"], values, language)
