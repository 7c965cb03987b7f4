"""All personas of a study side by side on one page, the evidence of each figure below."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from custaudience.evidence import template as _
from custaudience.present.card_evidence import clean, evidence_parts
from custaudience.present.cards import (
    SMALL_RATIO,
    Link,
    Numbers,
    card_parts,
    fact_parts,
    fill_page,
    fitting,
    line_parts,
    text_height,
)
from custaudience.present.words import Say

if TYPE_CHECKING:
    from custaudience.audience.personas.persona import Persona
    from custaudience.evidence import Claim

_HEIGHT, _WIDTH = 718.0, 1047.0  # of its print, in pixels
_LARGEST, _SMALLEST = 1.3, 0.56


def persona_sheet(
    personas: Sequence[Persona], *, language: str = "en", said: Sequence[Claim] = (),
    cards: Mapping[str, str] | None = None, links: Sequence[Link] = (), top: Markup | None = None,
    foot: Markup | None = None,
) -> str:  # fmt: skip
    """Return all personas of a study side by side as one HTML page, with the evidence of each figure below.

    `said` is said of them together, printed above; `cards` are addresses of each persona's card by its key; `links` to
    other pages are not printed; `top` and `foot` are what a report prints above and below each of its pages.
    """
    say = Say(language)
    if not personas:
        raise ValueError("persona_sheet: there is no persona. Build some with build_personas first.")
    built = [card_parts(persona, say) for persona in personas]
    numbers = Numbers()
    together = [line_parts(claim, numbers, say) for claim in said]
    rows = [_row(persona, card, numbers, say) for persona, card in zip(personas, built, strict=True)]
    widest = max((share for row in rows for _form, share, _text in row["shares"]), default=1.0) or 1.0
    heads = list(dict.fromkeys(str(fact["label"]) for row in rows for fact in row["facts"]))
    for row in rows:
        by_label = {str(fact["label"]): fact for fact in row["facts"]}
        row["cells"] = [by_label.get(head) for head in heads]
        row["href"] = (cards or {}).get(row["card"]["key"], "")
    # amounts of nine digits need the room of two columns, and their names then stand with them
    roomy = any(len(str(fact["value"])) > 10 for row in rows for fact in row["facts"])
    sheet: dict[str, Any] = {
        "roomy": roomy,
        "said": together, "rows": rows, "heads": heads, "widest": widest, "notes": built[0]["caveats"],
        "study": built[0]["study"], "as_of": built[0]["as_of"], "level": next((c["level"] for c in built), ""),
        **_evidence(numbers, rows, say),
    }  # fmt: skip
    # the factor for all sizes of its print, so that it stays on one A4 page, landscape
    scale = fitting(lambda scale: _height_of(sheet, scale), _HEIGHT - 10, _LARGEST, _SMALLEST)
    parts = {"sheet": sheet, "scale": scale, "links": links, "top": top or "", "foot": foot or ""}
    return fill_page("card_sheet.html.j2", language, **parts)


def _row(persona: Persona, card: dict[str, Any], numbers: Numbers, say: Say) -> dict[str, Any]:
    """Return a persona's line."""
    slots = persona.slots
    size = slots.get("size", ())
    shares = [
        (form, float(size[0].values[key]), say.figure(size[0].values[key], "percent"))
        for form, key in (("who", "share"), ("", "share_revenue"))
        if size and key in size[0].values
    ]
    lines = [*slots.get("categories", ())[:2], *slots.get("demographics", ())[:1]]
    lines = [claim for claim in lines if claim.status == "measured" and claim.statistic != "known_for"]
    typed = [claim for slot in ("demographics", "goals", "problems") for claim in slots.get(slot, ())[:2]]
    lines = [c for c in (typed if persona.system == "typed" else lines) if c.statistic != "not_measured"]
    advice = slots.get("advice", ())[:1]
    return {
        "card": card, "shares": shares, "size": [line_parts(claim, numbers, say) for claim in size],
        "facts": [fact_parts(claim, numbers, say) for claim in slots.get("facts", ())],
        "lines": [line_parts(claim, numbers, say) | {"short": _short(claim, say)} for claim in lines],
        "advice": [line_parts(claim, numbers, say) | {"word": say.status(claim.status)} for claim in advice],
    }  # fmt: skip


def _short(claim: Claim, say: Say) -> str:
    """Return a category with its ratio, "" for another claim."""
    if claim.unit != "ratio":
        return ""
    values = {"category": clean(claim.values["category"], most=60), "ratio": claim.values["ratio"]}
    if float(claim.values["ratio"]) < SMALL_RATIO:
        return say(_("{category:text}: {ratio:number2}\u00a0× all others"), **values)
    return say(_("{category:text}: {ratio:number1}\u00a0× all others"), **values)


def _evidence(numbers: Numbers, rows: Sequence[Mapping[str, Any]], say: Say) -> dict[str, Any]:
    """Return the evidence by persona; a way of measuring that several lines share is said once, under a letter."""
    parts = {key: (claim, number, *evidence_parts(claim, say)) for key, (claim, number) in numbers.items()}
    used = Counter(method for claim, _n, method, _base, _rest in parts.values() if method and claim.kind != "advice")
    shared = [method for method, n in used.items() if n > 1][: len(string.ascii_lowercase)]
    letters = dict(zip(shared, string.ascii_lowercase, strict=False))
    groups, mine = [], set[str]()
    for row in rows:
        lines = [*row["size"], *row["facts"], *row["lines"], *row["advice"]]
        ids = [str(line["id"]) for line in lines]
        mine |= set(ids)
        bases = Counter(parts[key][3] for key in ids if parts[key][3])
        base = bases.most_common(1)[0][0] if bases else ""
        name = " ".join(str(line["text"]).split(",")[0] for line in row["card"]["heading"])
        entries = [_entry(*parts[key], base, letters, numbers) for key in ids]
        groups.append({"title": Markup(name), "base": escape(base), "entries": entries})
    first = [_entry(*found, "", letters, numbers) for key, found in parts.items() if key not in mine]
    title = say(_("All together"))
    return {
        "methods": [(letter, escape(method)) for method, letter in letters.items()],
        "groups": [*([{"title": title, "base": "", "entries": first}] if first else []), *groups],
    }


def _entry(
    claim: Claim, number: int, method: str, base: str, rest: str, shared: str, letters: Mapping[str, str],
    numbers: Numbers,
) -> dict[str, Any]:  # fmt: skip
    letter = letters.get(method, "")
    said = "; ".join(part for part in ("" if letter else method, "" if base == shared else base, rest) if part)
    found = {"id": claim.id, "number": number, "letter": letter, "text": escape(said)}
    return found | {"rests_on": numbers.rests_on(claim)}


def _height_of(sheet: dict[str, Any], scale: float) -> float:
    """Estimate the height of the printed sheet."""
    facts = 58.0 if sheet["roomy"] else 46.0 if sheet["heads"] else 0.0
    lines = _WIDTH * (0.26 if sheet["heads"] else 0.66)
    height = 30 + text_height(f"{sheet['study']} {sheet['as_of']}", 11, _WIDTH * 0.5, scale)
    height += sum(text_height(f"{line['text']}.", 11, _WIDTH, scale) for line in sheet["notes"])
    height += sum(text_height(line["text"], 12, _WIDTH, scale) + 3 for line in sheet["said"])
    height += 34 if sheet["heads"] else 8
    for row in sheet["rows"]:
        who = sum(text_height(f"{x['text']}", 13.5, _WIDTH * 0.19, scale) for x in row["card"]["heading"])
        who += sum(text_height(f"{x['text']}··", 10.5, _WIDTH * 0.19, scale) for x in row["size"])
        said = [*(x["short"] or x["text"] for x in row["lines"]), *(f"{x['text']} {x['word']} " for x in row["advice"])]
        told = sum(text_height(f"{text}··", 11, lines - 24, scale) + 2 for text in said)
        height += max(who, 52.0, told, facts) + 11
    parts = [
        f"{g['title']} {g['base']} " + " ".join(f"{e['number']} {e['letter']} {e['text']}" for e in g["entries"])
        for g in sheet["groups"]
    ]
    height += 24 + sum(text_height(f"{letter} {text}; ", 9.8, _WIDTH, scale) for letter, text in sheet["methods"]) * 0.6
    height += sum(text_height(part, 9.8, _WIDTH / 2 - 14, scale) + 3 for part in parts) / 2 + 14
    runs_wide = any("\u0400" <= letter <= "\u04ff" for letter in sheet["as_of"])  # Latin letters are narrower
    return height * scale * (1.0 if runs_wide else 0.94) + 20
