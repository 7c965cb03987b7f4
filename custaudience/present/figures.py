"""Figures, money, dates and codes as the reader's language writes them.

Minus signs are minus signs, and a figure never parts from its unit.
"""

from __future__ import annotations

import datetime as dt
import numbers
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import pandas as pd
from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal

from custaudience.errors import CustaudienceError, near_miss
from custaudience.evidence import template as _
from custaudience.present import locale

NBSP = "\u00a0"
MINUS = "\u2212"

# Months as they stand after "in"; languages that do not bend them need no entry.
_MONTHS_AFTER_IN = {
    "uk": "січні лютому березні квітні травні червні липні серпні вересні жовтні листопаді грудні".split()
}
_PLURAL_ORDER = ("zero", "one", "two", "few", "many", "other")
_CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class WordsError(CustaudienceError):
    """A template asks for a format that does not exist, or for a value that is not there."""


@lru_cache(maxsize=32)
def translator(language: str) -> Callable[[str], str]:
    """Return the function that translates an English message; one without a translation is returned as it is."""
    known = locale.languages()
    if language not in known:
        raise WordsError(f"no report language {language!r}; there are {', '.join(known)}.{near_miss(language, known)}")
    catalogue = locale.translations(language)
    return lambda message: catalogue.gettext(message) if message else ""


def format_value(value: Any, form: str, *, language: str = "en", currency: str | None = None) -> str:
    r"""Write one value, which is not missing, as the language writes it.

    Forms: ``count``, ``number`` (up to two decimals), ``number1`` to ``number3``; ``percent``, ``percent1``,
    ``signed_percent1`` and ``points1`` from a fraction; ``money``, ``money0``, which need a currency; ``date``,
    ``month``, ``month_short``, ``month_in`` from ISO text or a date; ``text`` as it is; ``term`` through the catalogue.

    Examples
    --------
    >>> format_value(-0.062, "signed_percent1")
    '−6.2\xa0%'
    >>> format_value("2017-12", "month", language="uk")
    'грудень 2017\xa0р.'
    """
    if form not in _FORMATS:
        raise WordsError(
            f"unknown format {form!r}.{near_miss(form, _FORMATS)} There are {', '.join(_FORMATS)}, sentence, plural."
        )
    if is_missing(value):
        raise WordsError(f"the value for format {form!r} is missing ({value!r})")
    text = _FORMATS[form](value, language, currency)
    return text.replace("\u202f", NBSP)  # the narrow space is missing from many fonts


def label(code: str, language: str) -> str:
    """Return the name of a plain code ("at_risk": "At risk") or of a message that is in the catalogue."""
    known = translator(language)(code)
    if known != code or not _CODE.fullmatch(code):
        return known
    return translator(language)(code.replace("_", " ").capitalize())


def plural_tags(language: str) -> tuple[str, ...]:
    """Return the plural forms of whole numbers in a language, as ("one", "other"), in the order templates list them."""
    chooses = Locale.parse(language).plural_form
    used = {chooses(n) for n in (*range(201), 1_000_000)}
    return tuple(tag for tag in _PLURAL_ORDER if tag in used)


def plural_form(value: Any, forms: list[str], language: str) -> str:
    """Choose the form of a noun by its number; the forms stand in the order of `plural_tags`."""
    tags = plural_tags(language)
    if len(forms) != len(tags):
        raise WordsError(f"{len(forms)} plural forms given; {language!r} needs {len(tags)}: {'|'.join(tags)}")
    tag = Locale.parse(language).plural_form(abs(decimal_of(value)))
    return forms[tags.index(tag)] if tag in tags else forms[-1]  # a fraction where only whole numbers have forms


def decimal_of(value: Any) -> Decimal:
    """Return a number as it is written, without the noise of binary fractions."""
    if isinstance(value, bool) or not isinstance(value, numbers.Number):
        raise WordsError(f"expected a number, came {value!r}")
    if is_missing(value):
        raise WordsError(f"the value is missing ({value!r})")
    item = value.item() if hasattr(value, "item") else value
    result = Decimal(str(item))
    if not result.is_finite():
        raise WordsError(f"expected a finite number, came {value!r}")
    return result


def is_missing(value: Any) -> bool:
    """Return whether there is nothing to write."""
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _written(value: Decimal, decimals: str, language: str, *, unit: str = "", signed: bool = False) -> str:
    """Write a number with a real sign; what rounds to zero has none."""
    figure = format_decimal(abs(value), format=f"#,##0{decimals}", locale=language)
    is_zero = not re.search("[1-9]", format_decimal(abs(value), format=f"0{decimals}", locale="en"))
    sign = "" if is_zero else MINUS if value < 0 else "+" if signed else ""
    return f"{sign}{figure}{NBSP + unit if unit else ''}"


def _points(language: str) -> str:
    return translator(language)(_("points"))


def _money(value: Decimal, language: str, currency: str | None, *, whole: bool) -> str:
    if not currency:
        raise WordsError("money needs a currency: give currency= or values['currency']")
    pattern = Locale.parse(language).currency_formats["standard"].pattern
    amount, pattern = (round(abs(value)), pattern.replace(".00", "")) if whole else (abs(value), pattern)
    text = format_currency(amount, currency, format=pattern, locale=language, currency_digits=not whole)
    text = re.sub(r"(?<=[^\W\d_])(?=\d)", NBSP, text).replace(" ", NBSP)  # Babel writes "UAH5" in English
    return (MINUS if value < 0 else "") + text


def _day(value: Any) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(f"{value}-01" if len(str(value)) == 7 else str(value)[:10])
    except ValueError:
        raise WordsError(f"expected a date like 2017-12-31 or a month like 2017-12, came {value!r}") from None


def _date(value: Any, language: str) -> str:
    # The project's English is British: 31 December 2017.
    written = format_date(_day(value), "long", locale="en_GB" if language == "en" else language)
    return written.replace(" ", NBSP)


def _month_in(value: Any, language: str) -> str:
    if language not in _MONTHS_AFTER_IN:
        return format_skeleton("yMMMM", _day(value), locale=language)
    day = _day(value)
    return f"{_MONTHS_AFTER_IN[language][day.month - 1]} {day.year}{NBSP}року"


def in_language(text: str | Mapping[str, str], language: str) -> str:
    """Return a text of the data; where there is one per language, the reader's, else English, else the first."""
    return text[language_of(text, language)] if isinstance(text, Mapping) else str(text)


def language_of(text: Mapping[str, str], language: str) -> str:
    """Return the language in which `in_language` finds a text given once per language."""
    return next(known for known in (language, locale.SOURCE_LANGUAGE, *text) if known in text)


_FORMATS: dict[str, Callable[[Any, str, str | None], str]] = {
    "count": lambda v, lang, _cur: _written(decimal_of(v), "", lang),
    "number": lambda v, lang, _cur: _written(decimal_of(v), ".##", lang),
    "number1": lambda v, lang, _cur: _written(decimal_of(v), ".0", lang),
    "number2": lambda v, lang, _cur: _written(decimal_of(v), ".00", lang),
    "number3": lambda v, lang, _cur: _written(decimal_of(v), ".000", lang),
    "percent": lambda v, lang, _cur: _written(100 * decimal_of(v), "", lang, unit="%"),
    "percent1": lambda v, lang, _cur: _written(100 * decimal_of(v), ".0", lang, unit="%"),
    "signed_percent1": lambda v, lang, _cur: _written(100 * decimal_of(v), ".0", lang, unit="%", signed=True),
    "points1": lambda v, lang, _cur: _written(100 * decimal_of(v), ".0", lang, unit=_points(lang), signed=True),
    "money": lambda v, lang, cur: _money(decimal_of(v), lang, cur, whole=False),
    "money0": lambda v, lang, cur: _money(decimal_of(v), lang, cur, whole=True),
    "date": lambda v, lang, _cur: _date(v, lang),
    "month": lambda v, lang, _cur: format_skeleton("yMMMM", _day(v), locale=lang),
    "month_short": lambda v, lang, _cur: format_skeleton("yMMM", _day(v), locale=lang),
    "month_in": lambda v, lang, _cur: _month_in(v, lang),
    "text": lambda v, lang, _cur: in_language(v, lang),
    "term": lambda v, lang, _cur: label(in_language(v, lang), lang),
}
FORMATS = (*_FORMATS, "plural")
