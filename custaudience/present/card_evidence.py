"""The sentences of a card and what each rests on, as text that nothing from the data can break."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from custaudience.evidence import template as _
from custaudience.present.figures import in_language
from custaudience.present.words import WordsError, format_value, render, status_name, translator

if TYPE_CHECKING:
    from custaudience.evidence import Claim

# A status is printed beside its sentence unless the sentence's block or look says it.
STATUS_SHOWN = ("no_clear_difference", "too_few", "contradicted", "imagined")
LONGEST = 320
_SOURCES = {
    "transactions": _("orders"),
    "customers": _("table customers"),
    "responses": _("contacts and responses"),
    "all tables": _("all tables"),
}


def clean(text: Any, *, most: int = LONGEST) -> str:
    r"""Return a text in one line, without marks that turn its direction, at most so long.

    Examples
    --------
    >>> clean("a\u202eb\n c")
    'ab c'
    """
    plain = str(text)
    if len(plain) <= most and plain.replace("\u00a0", "").isprintable() and "  " not in plain:
        return plain.strip(" ")
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in str(text)[: 8 * most])
    kept = "".join(c for c in kept if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    kept = " ".join(part for part in kept.split(" ") if part)
    return kept if len(kept) <= most else kept[: most - 1].rstrip() + "…"


def sentence(claim: Claim, language: str) -> Markup:
    """Return a claim's sentence, escaped, each text of its values cleaned, without its last stop."""
    try:
        text = render(claim.template, cleaned(claim, language), language=language)
    except WordsError as error:
        raise WordsError(f"claim {claim.id}: {error}") from error
    text = clean(text, most=2 * LONGEST)
    # An abbreviation at the end of a value ("31 січня 2026 р.") keeps its stop.
    stops = claim.template.endswith((".", ":term}", ":text}")) and not text.endswith("..")
    return escape(text.removesuffix(".") if stops else text)


def cleaned(claim: Claim, language: str) -> dict[str, Any]:
    """Return a claim's values with every text fit to be shown."""
    return {
        key: clean(in_language(value, language))
        if isinstance(value, str)
        or (isinstance(value, dict) and value and all(isinstance(v, str) for v in value.values()))
        else value
        for key, value in claim.values.items()
    }


def evidence_line(claim: Claim, language: str, *, whole: bool = False) -> Markup:
    """Return what a claim rests on in one line: how, of whom, how sure, and its status.

    A card has one page, and says once what all its lines share; `whole` adds the level and the source.
    """
    values = cleaned(claim, language)
    method = "" if claim.unit == "ratio" and not whole else claim.method
    parts = [render(text, values, language=language) for text in (method, claim.base) if text]
    if claim.n is not None and not claim.base and claim.kind in ("difference", "estimate") and claim.n != claim.value:
        parts.append(render(_("n\u00a0=\u00a0{n:count}"), {"n": claim.n}, language=language))
    if claim.low is not None and claim.high is not None:
        parts.append(_interval(claim, language))
    if whole and claim.level is not None:
        parts.append(render(_("interval at {level:percent}"), {"level": claim.level}, language=language))
    if whole and claim.source in _SOURCES:
        parts.append(
            render(_("from: {name:text}"), {"name": translator(language)(_SOURCES[claim.source])}, language=language)
        )
    text = "; ".join(clean(part).rstrip(". ") for part in parts)
    status = status_name(claim.status, language)
    text = f"{text}. {status[:1].upper()}{status[1:]}" if text else status
    # a minus must not part from the sign of a currency
    return escape(f"{text[:1].upper()}{text[1:]}.".replace("\u2212", "\u2212\u2060"))


def evidence_parts(claim: Claim, language: str) -> tuple[str, str, str]:
    """Return what a claim rests on in three parts: how, of whom, and how sure, with its status where not measured."""
    values = cleaned(claim, language)
    how = clean(render(claim.method, values, language=language)).rstrip(". ") if claim.method else ""
    base = clean(render(claim.base, values, language=language)).rstrip(". ") if claim.base else ""
    rest = [_interval(claim, language)] if claim.low is not None and claim.high is not None else []
    if claim.status != "measured":
        rest.append(status_name(claim.status, language))
    minus, kept = "\u2212", "\u2212\u2060"  # a minus must not part from the sign of a currency
    return how, base, "; ".join(clean(part).rstrip(". ") for part in rest).replace(minus, kept)


def _interval(claim: Claim, language: str) -> str:
    low, high = float(claim.low or 0), float(claim.high or 0)
    if claim.unit == "fraction":
        form, text = "number1", _("{low:text} to {high:text} points")
        low, high = 100 * low, 100 * high
    elif claim.unit == "ratio":
        form, text = "number2", _("{low:text} to {high:text} times")
    elif len(claim.unit) == 3 and claim.unit.isupper():
        form, text = ("money" if max(abs(low), abs(high)) < 10 else "money0"), _("by {low:text} to {high:text}")
        low, high = (0.0 if abs(v) < (0.5 if form == "money0" else 0.005) else v for v in (low, high))
    else:
        form, text = "number1", _("by {low:text} to {high:text}")
    written = [format_value(v, form, language=language, currency=claim.unit) for v in (low, high)]
    return render(text, {"low": written[0], "high": written[1]}, language=language)
