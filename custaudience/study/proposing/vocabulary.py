"""The words exports use: which header may mean which column, which status means that no money came."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from babel.numbers import list_currencies

_SPLIT = re.compile(r"[\s_./#№:;\-–]+")
_BRACKETS = re.compile(r"[\[(][^\])]*[\])]")


@cache
def vocabulary() -> dict[str, Any]:
    """Return vocabulary.toml."""
    text = files("custaudience.study.proposing").joinpath("vocabulary.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def plain_name(header: str) -> str:
    """Return a header in small letters, without brackets, signs and currency.

    Examples
    --------
    >>> plain_name("Сума, грн")
    'сума'
    >>> plain_name("orderDate (UTC)")
    'order date'
    """
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", _BRACKETS.sub(" ", header))
    text = text.split(",")[0] if currency_of(text.rpartition(",")[2]) else text.replace(",", " ")
    return " ".join(word for word in _SPLIT.split(text.lower().strip()) if word)


def name_score(header: str, table: str, column: str) -> float:
    """Return how well a header names a column.

    3 by its name, 2 by a hint, 1 by a mere guess; less when the name is only part of the header, the less the smaller
    that part: 1.7 when it is half of its words. 0 when nothing fits.
    """
    words = vocabulary().get(table, {}).get(column, {})
    plain = plain_name(header)
    tokens = set(plain.split())
    best = 3.0 if plain == column.replace("_", " ") else 0.0
    for kind, whole, part in (("names", 3.0, 1.5), ("hints", 2.0, 1.0), ("guesses", 1.0, 0.0)):
        for name in words.get(kind, ()):
            if plain == name or plain.replace(" ", "") == name.replace(" ", ""):
                best = max(best, whole)
            elif part and len(name) > 3 and set(name.split()) <= tokens:
                best = max(best, round(part + 0.4 * len(name.split()) / len(tokens), 2))
    return best


def status_of(value: str) -> str:
    """Return what a status says of its rows: "left_out", "refunds", "unsure", "sales", or "" for one not known."""
    plain = plain_name(value)
    for kind in ("left_out", "refunds", "unsure", "sales"):
        if plain in vocabulary()["status"][kind]:
            return kind
    return ""


def is_status_column(header: str) -> bool:
    """Say whether a header names a column of statuses or kinds of rows."""
    return plain_name(header) in vocabulary()["status"]["columns"]


def is_state_column(header: str) -> bool:
    """Say whether a header names the state of an order, and not perhaps the kind of a thing."""
    words = ("status", "state", "mode", "статус", "стан", "состояние", "trạng thái", "tình trạng")
    return any(word in plain_name(header).split() or plain_name(header) == word for word in words)


def is_guest(customer_id: str) -> bool:
    """Say whether an id stands for nobody in particular."""
    return customer_id.strip().lower() in vocabulary()["guests"]["ids"]


def names_organisation(header: str) -> bool:
    """Say whether a header shows that customers are organisations."""
    return plain_name(header) in vocabulary()["organisations"]["columns"]


@cache
def currency_codes() -> frozenset[str]:
    """Return the currencies of ISO 4217."""
    return frozenset(list_currencies())


def currency_of(text: str) -> str:
    """Return the ISO code that a sign or word stands for, "" when none or several."""
    word = text.strip(" .()[]").lower()
    if not word:
        return ""
    return next((code for code, signs in vocabulary()["currencies"].items() if word in signs), "")


def currency_in_header(header: str) -> str:
    """Return the currency a header names, as in "Сума, грн" or "Amount spent (USD)"; else ""."""
    inside = [*re.findall(r"[\[(]([^\])]*)[\])]", header), header.rpartition(",")[2] if "," in header else ""]
    found = [currency_of(text) or (text if re.fullmatch(r"[A-Z]{3}", text) else "") for text in map(str.strip, inside)]
    return next((code for code in found if code and code not in ("UTC", "GMT", "EET", "CET", "EST", "PST")), "")


def usual_zone(currency: str) -> str:
    """Return a time zone in which a currency is used, to suggest; "" when none is known."""
    return str(vocabulary()["zones"].get(currency, ""))
