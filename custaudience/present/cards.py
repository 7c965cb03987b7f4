"""Persona cards: one page that shows what is measured of a segment, what is not, and what is imagined.

A card shows claims and nothing else. `persona_card` gives a self-contained HTML page; all personas of a study side by
side: `card_sheet`. The same as text, as data and as a picture: `card_files`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from babel import Locale
from markupsafe import Markup

from custaudience.evidence import template as _
from custaudience.present.card_drawing import drawing
from custaudience.present.card_evidence import STATUS_SHOWN, clean, evidence_line, sentence
from custaudience.present.card_fit import print_scale
from custaudience.present.figures import in_language
from custaudience.present.style import ACCENTS, BLUE, GREEN, PURPLE, REST, VERMILION, css_tokens
from custaudience.present.words import format_value, render, status_name, translator

if TYPE_CHECKING:
    from jinja2 import Environment

    from custaudience.audience.personas.persona import Persona
    from custaudience.evidence import Claim

# An accent's darker shade for text and its wash for a ground.
_SHADES = {
    BLUE: ("#005a8d", "#e6f1f8"),
    VERMILION: ("#a04400", "#fdeee4"),
    GREEN: ("#006b4b", "#e4f4ee"),
    PURPLE: ("#63307f", "#f2eaf7"),
    REST: ("#4b535c", "#eef1f4"),
}
_IN_ORDER = (BLUE, GREEN, VERMILION, PURPLE)
HEADINGS = {
    "demographics": _("Who they are"),
    "categories": _("What they buy, against all others"),
    "behaviour": _("How they buy"),
    "sources": _("Sources and channels"),
    "goals": _("Goals and values"),
    "problems": _("Problems and challenges"),
    "barriers": _("What holds them back, and who decides"),
    "advice": _("Say to them"),
}
_BLOCKS = (
    ("demographics", ("demographics",)),
    ("categories", ("categories",)),
    ("behaviour", ("behaviour", "price")),
    ("sources", ("sources",)),
    ("goals", ("goals",)),
    ("problems", ("problems",)),
    ("barriers", ("barriers",)),
    ("advice", ("advice",)),
)
_WIDEST = 4.0  # ratio at which a bar ends
SMALL_RATIO = 0.095  # below it one decimal would read as none


@dataclass(frozen=True)
class Link:
    """A link to another page: where it leads, what it says, and in which language when not the page's."""

    href: str
    name: str
    language: str = ""


def persona_card(persona: Persona, *, language: str = "en", links: Sequence[Link] = ()) -> str:
    """Return a persona's card as one HTML page: no script, nothing from elsewhere, one A4 page when printed.

    Parameters
    ----------
    persona : Persona
    language : str
    links : sequence of Link
        To other pages, above the card; not printed.

    Raises
    ------
    WordsError
        If the language is not shipped; the message names those that are.
    """
    card = card_parts(persona, language)
    return (
        environment_of(language)
        .get_template("card.html.j2")
        .render(
            lang=language,
            direction=direction_of(language),
            card=card,
            css=stylesheet(),
            links=links,
            title=f"{card['name']} · {card['study']}",
        )
    )


def accent_of(persona: Persona) -> str:
    """Return the colour a persona wears: its RFM segment's own, or by its place among groups that were found."""
    if persona.system == "found":
        return _IN_ORDER[persona.place] if persona.place < len(_IN_ORDER) else REST
    if persona.system == "typed":
        return BLUE
    return ACCENTS.get(persona.segment, REST)


class Numbers:
    """The numbers of footnotes, given in the order of reading."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}

    def of(self, claim: Claim) -> int:
        """Return the claim's number, a new one when it is cited first."""
        self._claims.setdefault(claim.id, claim)
        return list(self._claims).index(claim.id) + 1

    def known(self, claim_id: str) -> int | None:
        """Return the number of a claim that was cited."""
        return list(self._claims).index(claim_id) + 1 if claim_id in self._claims else None

    def items(self) -> Iterator[tuple[Claim, int]]:
        """Yield the claims with their numbers."""
        yield from ((claim, i) for i, claim in enumerate(self._claims.values(), 1))


def card_parts(persona: Persona, language: str) -> dict[str, Any]:
    """Return all that a card says, in the language asked."""
    translator(language)  # refuses a language that is not shipped
    numbers, slots = Numbers(), persona.slots
    accent = accent_of(persona)
    dark, light = _SHADES[accent]
    size = [line_parts(claim, numbers, language) for claim in slots.get("size", ())]
    shares = [
        _share_fact(claim, numbers, language) for claim in slots.get("size", ()) if "share_revenue" in claim.values
    ]
    facts = [fact_parts(claim, numbers, language) for claim in slots.get("facts", ())]
    name = clean(in_language(persona.name, language), most=60)
    words = _("Drawing of a letter, and of things this group buys; nobody is shown")
    card = {
        "key": persona.key, "accent": accent, "dark": dark, "light": light, "small": persona.n is None,
        "name": name, "study": clean(persona.study, most=80), "typed": persona.system == "typed",
        "as_of": render(
            _("Typed on {day:date}") if persona.system == "typed" else _("Figures as of {day:date}"),
            {"day": persona.as_of}, language=language,
        ),
        "picture": drawing(
            name, persona.things, accent=accent, dark=dark, light=light, label=render(words, {}, language=language)
        ),
        "heading": [line_parts(claim, None, language) for claim in slots.get("name", ())],
        "story": [line_parts(claim, None, language) for claim in slots.get("story", ())],
        "size": size,
        "facts": [*(fact for fact in shares if facts), *facts],
    }  # fmt: skip
    card["blocks"] = [block for key, names in _BLOCKS if (block := _block(key, names, slots, numbers, language))]
    notes = slots.get("notes", ())
    card["notes"] = [line_parts(claim, numbers, language) for claim in notes if claim.kind in ("count", "advice")]
    card["imagined"] = [line_parts(claim, None, language) for claim in notes if claim.kind == "imagined"]
    card["caveats"] = [line_parts(claim, None, language) for claim in notes if claim.kind == "typed"]
    levels = [claim.level for claim, _number in numbers.items() if claim.level is not None]
    card["level"] = render(_("intervals at {level:percent}"), {"level": levels[0]}, language=language) if levels else ""
    card["entries"] = [_entry(claim, number, numbers, language) for claim, number in numbers.items()]
    card["scale"] = print_scale(card)
    return card


def _block(
    key: str, names: Sequence[str], slots: Mapping[str, Sequence[Claim]], numbers: Numbers, language: str
) -> dict[str, Any] | None:
    claims = [claim for name in names for claim in slots.get(name, ())]
    if not claims:
        return None
    blank = [claim for claim in claims if claim.statistic == "not_measured"]
    bars = [claim for claim in claims if claim.unit == "ratio"]
    rest = [claim for claim in claims if claim.statistic != "not_measured" and claim.unit != "ratio"]
    known = [claim for claim in rest if claim.statistic == "known_for"]
    kinds = {claim.kind for claim in claims}
    return {
        "key": key,
        "heading": translator(language)(_("What they buy") if key == "categories" and not bars else HEADINGS[key]),
        "pill": status_name(claims[0].status, language) if len(kinds) == 1 and kinds <= {"advice", "typed"} else "",
        "status": claims[0].status,
        "blank": [line_parts(claim, None, language) | _parted(claim, language) for claim in blank],
        "bars": [_bar(claim, numbers, language) for claim in bars],
        "lines": [
            line_parts(claim, numbers, language)
            for claim in rest
            if claim.status != "no_clear_difference" and claim not in known
        ],
        "same": [line_parts(claim, numbers, language) for claim in rest if claim.status == "no_clear_difference"],
        "known": [line_parts(claim, numbers, language) for claim in known],
        "same_word": status_name("no_clear_difference", language),
    }


def line_parts(claim: Claim, numbers: Numbers | None, language: str) -> dict[str, Any]:
    """Return a sentence with its claim's id, status and, unless it explains itself, its footnote."""
    return {
        "id": claim.id,
        "kind": claim.kind,
        "status": claim.status,
        "text": sentence(claim, language),
        "pill": status_name(claim.status, language) if claim.status in STATUS_SHOWN else "",
        "no_source": claim.kind == "typed" and claim.values.get("found_in") == [],
        "number": numbers.of(claim) if numbers is not None else None,
    }


def _parted(claim: Claim, language: str) -> dict[str, Any]:
    """Return a blank's first words, printed bold, and the rest."""
    text = str(sentence(claim, language))
    head, stop, rest = text.partition(". " if ". " in text else ": ")
    return {"head": Markup(head + stop.rstrip()), "rest": Markup(rest)}  # parts of what was escaped as a whole


def fact_parts(claim: Claim, numbers: Numbers, language: str) -> dict[str, Any]:
    """Return a figure that stands alone: its value, what it is called, and that of all others."""
    values, form = claim.values, str(claim.values.get("form", "number"))
    currency = values.get("currency")

    def written(key: str) -> str:
        return format_value(values[key], form, language=language, currency=currency)

    others = (
        render(_("all others {value:text}"), {"value": written("others")}, language=language)
        if "others" in values
        else translator(language)(_("too few to compare"))
    )
    return line_parts(claim, numbers, language) | {
        "value": written("value"),
        "label": translator(language)(str(values.get("label", ""))),
        "others": others,
    }


def _share_fact(claim: Claim, numbers: Numbers, language: str) -> dict[str, Any]:
    """Return the segment's share of revenue as the first figure, beside its share of customers."""
    value = format_value(claim.values["share_revenue"], "percent", language=language)
    others = render(_("from {share:percent} of customers"), {"share": claim.values["share"]}, language=language)
    label = translator(language)(_("of revenue"))
    if "orders" in claim.values:
        text = _("of the revenue of those with {orders:count} {orders:plural order|orders} or more")
        label, others = (render(t, claim.values, language=language) for t in (text, _("from {share:percent} of them")))
    return line_parts(claim, numbers, language) | {"value": value, "label": label, "others": others}


def _bar(claim: Claim, numbers: Numbers, language: str) -> dict[str, Any]:
    """Return a category's bar: it diverges from 1 on a scale of ratios."""
    ratio = float(claim.values["ratio"])
    reach = min(1.0, abs(math.log(ratio)) / math.log(_WIDEST))
    width = max(1.5, (62 if ratio >= 1 else 38) * reach)
    return line_parts(claim, numbers, language) | {
        "name": clean(claim.values["category"], most=60),
        "ratio": render(
            _("{ratio:number1}\u00a0×") if ratio >= SMALL_RATIO else _("{ratio:number2}\u00a0×"),
            {"ratio": ratio},
            language=language,
        ),
        "left": round(38 if ratio >= 1 else 38 - width, 1),
        "width": round(width, 1),
        "is_clear": claim.status == "measured",
        "is_more": ratio >= 1,
    }


def _entry(claim: Claim, number: int, numbers: Numbers, language: str) -> dict[str, Any]:
    rests = [known for needed in claim.rests_on if (known := numbers.known(needed))]
    return {
        "id": claim.id,
        "number": number,
        "text": evidence_line(claim, language),
        "rests_on": rests,
        "status": claim.status,
    }


@lru_cache(maxsize=8)
def environment_of(language: str) -> Environment:
    """Return where templates are rendered in a language."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # the command line need not wait for it

    environment = Environment(
        loader=PackageLoader("custaudience.present", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals["_"] = lambda text, **values: Markup(render(text, values, language=language, html=True))
    return environment


@lru_cache(maxsize=1)
def stylesheet() -> Markup:
    """Return the look of cards and sheets."""
    # Our own stylesheet, part of the package: not to be escaped.
    text = files("custaudience.present").joinpath("templates", "card.css").read_text(encoding="utf-8")
    return Markup(css_tokens() + text)


def direction_of(language: str) -> str:
    """Return in which direction a language is written: ltr or rtl."""
    return Locale.parse(language).text_direction
