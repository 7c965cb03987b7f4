"""Plain words: templates and figures written as the reader's language writes them.

One place turns numbers, money, dates and codes into text, for pages, tables, plots and notebooks alike.
Minus signs are minus signs, and a figure never parts from its unit.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from custaudience.errors import near_miss
from custaudience.evidence import template as _
from custaudience.present import locale
from custaudience.present.figures import NBSP, WordsError, format_value, label, plural_form, plural_tags, translator

if TYPE_CHECKING:
    from custaudience.evidence import Claim

__all__ = [
    "STATUS_NAMES", "Say", "Term", "WordsError", "format_value", "label", "plural_tags", "render", "render_claim",
    "status_name", "term", "terms", "translator"
]  # fmt: skip

STATUS_NAMES = {
    "measured": _("measured"), "no_clear_difference": _("no clear difference"), "too_few": _("too few to say"),
    "typed": _("typed, not measured"), "contradicted": _("data say otherwise"), "advice": _("advice"),
    "imagined": _("imagined")
}  # fmt: skip

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True)
class Say:
    """Writes in one language, one that is shipped: ``say(message, **values)``, ``say.figure(value, form)``."""

    language: str

    def __post_init__(self) -> None:
        translator(self.language)

    def __call__(self, message: str, /, **values: Any) -> str:
        """Return a message translated, its placeholders filled."""
        return render(message, values, language=self.language) if values else translator(self.language)(message)

    def figure(self, value: Any, form: str = "count", currency: str | None = None) -> str:
        """Write one figure."""
        return format_value(value, form, language=self.language, currency=currency)

    def status(self, status: str) -> str:
        """Return a claim's status as readers see it."""
        return status_name(status, self.language)


@dataclass(frozen=True)
class Term:
    """The plain words of one statistic: its name, what to say, what not to conclude, one glossary line."""

    name: str
    say: str
    does_not_mean: str
    glossary: str


def render(
    template: str, values: Mapping[str, Any], *, language: str, currency: str | None = None, html: bool = False
) -> str:
    r"""Translate a template and fill in its placeholders.

    Placeholders are ``{name:format}``; ``{{`` and ``}}`` stand for braces. Formats: see `format_value`; ``plural A|B``
    chooses a form by the number; ``sentence`` is a template of its own, filled with the same values. Shares are
    fractions, money is in major units, of ``values["currency"]`` or else `currency`; no value is missing.
    With `html` everything is escaped and `Markup` returned.

    Examples
    --------
    >>> render("{n:count} {n:plural customer|customers} ordered", {"n": 2062}, language="en")
    '2,062\xa0customers ordered'
    """
    text = translator(language)(template)
    currency = values.get("currency", currency)
    # A message without a translation stays English, and so do its plural forms.
    forms_of = language if text != template else locale.SOURCE_LANGUAGE
    done: list[str] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        literal = text[end : match.start()]
        spec = match.group(1)
        if literal == " " and done and spec is not None and ":plural " in spec:
            literal = NBSP  # "5 customers" is one word to the eye
        done.append(literal)
        end = match.end()
        if spec is None:
            if len(match.group()) == 1:
                raise WordsError(f"template {text!r}: a single brace; write '{{{{' or '}}}}' for a brace")
            done.append(match.group()[0])
        else:
            done.append(_fill(spec, values, text, language, forms_of, currency))
    done.append(text[end:])
    return Markup("").join(escape(part) for part in done) if html else "".join(done)


def render_claim(claim: Claim, *, language: str, html: bool = False) -> str:
    """Return the sentence of a claim in the reader's language; an error names the claim."""
    try:
        return render(claim.template, claim.values, language=language, html=html)
    except WordsError as error:
        raise WordsError(f"claim {claim.id}: {error}") from error


def status_name(status: str, language: str) -> str:
    """Return a claim's status as readers see it."""
    return translator(language)(STATUS_NAMES[status])


def term(statistic: str, language: str) -> Term:
    """Return the plain words of a statistic from ``locale/terms.toml``."""
    entries = _terms()
    if statistic not in entries:
        raise WordsError(f"no plain words for statistic {statistic!r} in terms.toml.{near_miss(statistic, entries)}")
    entry = entries[statistic]
    translator(language)  # refuses a language that is not shipped
    return Term(**entry.get(language, entry["en"]))


def terms() -> tuple[str, ...]:
    """Return the statistics that have plain words."""
    return tuple(_terms())


@lru_cache(maxsize=1)
def _terms() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads((locale.FOLDER / "terms.toml").read_text(encoding="utf-8"))


def _fill(spec: str, values: Mapping[str, Any], text: str, language: str, forms_of: str, currency: str | None) -> str:
    name, colon, form = spec.partition(":")
    if not colon:
        raise WordsError(f"template {text!r}: placeholder {{{spec}}} has no format; write {{{spec}:count}} or another")
    if name not in values:
        raise WordsError(f"template {text!r}: no value {name!r}.{near_miss(name, values)}")
    try:
        if form == "sentence":  # a template within a template, with the same values
            return render(values[name], values, language=language, currency=currency)
        if form.startswith("plural "):
            return plural_form(values[name], form.removeprefix("plural ").split("|"), forms_of)
        return format_value(values[name], form, language=language, currency=currency)
    except WordsError as error:
        raise WordsError(f"template {text!r}, placeholder {{{spec}}}: {error}") from error
