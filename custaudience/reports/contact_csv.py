"""Lists of customers as files that a spreadsheet opens safely, and the words that go with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from babel import Locale

from custaudience.evidence import template

if TYPE_CHECKING:
    from custaudience.customers.contacts.lists import ContactLists

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
    """Return the rows of all lists with reasons and segments in the reader's language. Private.

    ``customer_id``, ``list``, ``reason``, ``segment``, ``also_on`` (the customer's other lists), ``expected_value``
    (as `expected` has it by list, empty where it cannot be named), ``consent``.
    """
    from custaudience.customers.contacts.lists import LIST_NAMES, REASONS
    from custaudience.customers.rfm.segments import load_segment_rules
    from custaudience.present.words import label, render, translator

    rules = load_segment_rules()
    names = {rule.key: rule.name for rule in (*rules.segments, rules.no_order)}
    titles = {name: label(title, language) for name, title in LIST_NAMES.items()}
    t = translator(language)
    words = {True: t(template("yes")), False: t(template("no"))}
    unknown = t(template("not known"))
    table = lists.table
    keys = table["segment"].unique()
    segments = {key: label(names.get(key, key), language) for key in keys}
    pairs = zip(table["reason_key"], table["reason_values"], strict=True)
    reasons = [render(REASONS[key], values, language=language).replace("\u00a0", " ") for key, values in pairs]
    others = [
        ", ".join(titles[other] for other in every.split("+") if other != own)
        for own, every in zip(table["list"], table["lists"], strict=True)
    ]
    return pd.DataFrame(
        {
            "customer_id": table["customer_id"],
            "list": table["list"],
            "reason": pd.Series(reasons, index=table.index, dtype="str"),
            "segment": table["segment"].map(segments).astype("str"),
            "also_on": pd.Series(others, index=table.index, dtype="str"),
            "expected_value": table["list"].map(expected).astype("float64"),
            "consent": [unknown if pd.isna(agreed) else words[bool(agreed)] for agreed in table["consent"]],
        }
    )


def contact_notes(lists: ContactLists, record: dict[str, Any], study: str, language: str) -> list[str]:
    """Return what README.txt says beside the lists, the most important first."""
    from custaudience.customers.contacts.lists import LIST_NAMES
    from custaudience.present.words import render

    counts = record["counts"]
    notes: list[tuple[str, dict[str, Any]]] = []
    if lists.n_agreed is None:
        notes.append((UNKNOWN_CONSENT, {}))
    notes.append((HEAD, {"study": study, "month": record["month"], "day": record["as_of"]}))
    for name in (name for name in counts if name != "any"):
        values = {"file": f"{name}.csv", "list": LIST_NAMES[name], "n": counts[name]["n_to_write"]}
        if name in lists.refused:
            notes.append((NOT_LISTED, values | {"reason": lists.refused[name]}))
        else:
            notes.append((LISTED, values))
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
    return [render(text, values, language=language).replace("\u00a0", " ") for text, values in notes]


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
