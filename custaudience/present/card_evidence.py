"""The sentences of a card and what each rests on, as text that nothing from the data can break."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from custaudience.evidence import template as _
from custaudience.present.figures import in_language
from custaudience.present.words import Say, WordsError, render
from custaudience.telling import is_text

if TYPE_CHECKING:
    from custaudience.evidence import Claim

# A status is printed beside its sentence unless the sentence's block or look says it.
STATUS_SHOWN = ("no_clear_difference", "too_few", "contradicted", "imagined")
LONGEST = 320
_SOURCES = {
    "transactions": _("orders"), "customers": _("table customers"), "responses": _("contacts and responses"),
    "all tables": _("all tables")
}  # fmt: skip


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


def sentence(claim: Claim, say: Say) -> Markup:
    """Return a claim's sentence, escaped, each text of its values cleaned, without its last stop."""
    try:
        text = render(claim.template, cleaned(claim, say), language=say.language)
    except WordsError as error:
        raise WordsError(f"claim {claim.id}: {error}") from error
    text = clean(text, most=2 * LONGEST)
    # An abbreviation at the end of a value ("31 січня 2026 р.") keeps its stop.
    stops = claim.template.endswith((".", ":term}", ":text}")) and not text.endswith("..")
    return escape(text.removesuffix(".") if stops else text)


def cleaned(claim: Claim, say: Say) -> dict[str, Any]:
    """Return a claim's values with every text fit to be shown."""
    return {k: clean(in_language(v, say.language)) if is_text(v) else v for k, v in claim.values.items()}


def evidence_line(claim: Claim, say: Say, *, whole: bool = False) -> Markup:
    """Return what a claim rests on in one line: how, of whom, how sure, and its status.

    A card has one page, and says once what all its lines share; `whole` adds the level and the source.
    """
    values = cleaned(claim, say)
    method = "" if claim.unit == "ratio" and not whole else claim.method
    parts = [say(text, **values) for text in (method, claim.base) if text]
    if claim.n is not None and not claim.base and claim.kind in ("difference", "estimate") and claim.n != claim.value:
        parts.append(say(_("n\u00a0=\u00a0{n:count}"), n=claim.n))
    if claim.low is not None and claim.high is not None:
        parts.append(_interval(claim, say))
    if whole and claim.level is not None:
        parts.append(say(_("interval at {level:percent}"), level=claim.level))
    if whole and claim.source in _SOURCES:
        parts.append(say(_("from: {name:text}"), name=say(_SOURCES[claim.source])))
    text, status = "; ".join(clean(part).rstrip(". ") for part in parts), say.status(claim.status)
    text = f"{text}. {status[:1].upper()}{status[1:]}" if text else status
    return escape(_unparted(f"{text[:1].upper()}{text[1:]}."))


def _unparted(text: str) -> str:
    """Keep a minus with the sign of a currency after it."""
    return text.replace("\u2212", "\u2212\u2060")


def evidence_parts(claim: Claim, say: Say) -> tuple[str, str, str]:
    """Return what a claim rests on in three parts: how, of whom, and how sure, with its status where not measured."""
    values = cleaned(claim, say)
    how, base = (clean(say(t, **values)).rstrip(". ") if t else "" for t in (claim.method, claim.base))
    rest = [_interval(claim, say)] if claim.low is not None and claim.high is not None else []
    rest += [] if claim.status == "measured" else [say.status(claim.status)]
    return how, base, _unparted("; ".join(clean(part).rstrip(". ") for part in rest))


def _interval(claim: Claim, say: Say) -> str:
    low, high = float(claim.low or 0), float(claim.high or 0)
    form, text = "number1", _("by {low:text} to {high:text}")
    if claim.unit == "fraction":
        text, low, high = _("{low:text} to {high:text} points"), 100 * low, 100 * high
    elif claim.unit == "ratio":
        form, text = "number2", _("{low:text} to {high:text} times")
    elif len(claim.unit) == 3 and claim.unit.isupper():
        form = "money" if max(abs(low), abs(high)) < 10 else "money0"
        low, high = (0.0 if abs(v) < (0.5 if form == "money0" else 0.005) else v for v in (low, high))
    return say(text, low=say.figure(low, form, claim.unit), high=say.figure(high, form, claim.unit))
