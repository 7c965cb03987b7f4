"""The folder ``personas/`` of a month, and what the first page says of them: from personas.json and claims alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from babel import Locale
from markupsafe import Markup

from custaudience.audience import Persona, personas_from_json
from custaudience.evidence import Claim
from custaudience.evidence import template as _
from custaudience.present import card_data, card_markdown, card_png, persona_card, persona_sheet
from custaudience.present.cards import Link
from custaudience.present.figures import in_language
from custaudience.present.words import label, translator
from custaudience.reports.ledger import Ledger
from custaudience.reports.manifest import RunInfo
from custaudience.reports.pages import Source, page_name

SLUG = "personas"
FOLDER = "personas"
STEM = f"{FOLDER}/index"
_STATES = {
    "kept": _("stayed"),
    "changed": _("a quarter of its customers gained or lost"),
    "new": _("new"),
    "split": _("new, from another persona"),
    "gone": _("gone"),
    "merged": _("gone into another persona"),
}


def read_personas(build: Path) -> tuple[Persona, ...]:
    """Return the personas a run published, none where it has none."""
    path = build / FOLDER / "personas.json"
    return personas_from_json(path.read_text(encoding="utf-8")) if path.exists() else ()


def in_ledger(ledger: Ledger) -> bool:
    """Say whether this run has anything to say of personas."""
    return f"{SLUG}.finding" in ledger


def persona_rows(source: Source) -> dict[str, Any] | None:
    """Return what the first page says of the personas, None where the run has none."""
    if not in_ledger(source.ledger):
        return None
    changes = _changes(source.ledger)
    earlier = next((claim.values["earlier"] for claim in changes.values()), "")
    claims = source.cited(f"{SLUG}.finding", f"{SLUG}.changes")
    rows = [
        _row(source, changes.get(f"{SLUG}.change.{persona.key}"), persona)
        for persona in read_personas(source.folder)
        if persona.n is not None
    ]
    rows += [_row(source, claim) for claim in changes.values() if claim.id.startswith(f"{SLUG}.gone.")]
    page = page_name(STEM, source.language, source.info)
    return {"rows": rows, "earlier": earlier, "page": page, "claims": claims}


def _changes(ledger: Ledger) -> Mapping[str, Claim]:
    found = [*ledger.under(f"{SLUG}.change."), *ledger.under(f"{SLUG}.gone.")]
    return {claim.id: claim for claim in found}


def _row(source: Source, change: Claim | None, persona: Persona | None = None) -> dict[str, Any]:
    """Return one line of the table: a persona and what became of it, or one that is gone."""
    values = dict(change.values) if change is not None else {}
    shares: dict[str, Any] = {
        "share_before": values.get("share_before"),
        "revenue_before": values.get("revenue_before"),
    }
    name, segment, href, cited = values.get("name", ""), values.get("segment_before", ""), "", change
    if persona is not None:
        size = persona.slots["size"][0]
        name, segment, cited = persona.name, persona.title, change or size
        href = f"{FOLDER}/{page_name(persona.key, source.language, source.info)}"
        shares["share"] = values.get("share", size.values.get("share"))
        shares["revenue"] = values.get("revenue", size.values.get("share_revenue"))
    return {
        "name": in_language(name, source.language),
        "segment": label(in_language(segment, source.language), source.language),
        "href": href,
        **{key: source.fmt(shares.get(key), "percent1") for key in ("share", "revenue", *shares)},
        "state": source.say(_STATES[str(values["state"])]) if values else "–",
        "ref": source.evidence.ref(cited.id) if cited else None,
    }


def index_sheet(source: Source, links: Sequence[Link], top: Markup, foot: Markup) -> str:
    """Return the index of the personas: side by side, each with a link to its card, and what changed.

    `links` lead to the same page in other languages; `top` and `foot` are those of every page of the report.
    """
    told = [c for c in _changes(source.ledger).values() if c.values["state"] != "kept"]
    personas = read_personas(source.folder)
    return persona_sheet(
        personas,
        language=source.language,
        said=[*source.ledger.chosen(f"{SLUG}.{key}" for key in ("finding", "changes", "blanks")), *told],
        cards={p.key: page_name(p.key, source.language, source.info) for p in personas if p.n is not None},
        links=links,
        top=top,
        foot=foot,
    )


def write_cards(build: Path, info: RunInfo) -> None:
    """Write each persona as HTML, Markdown and JSON in each language; as PNG where the run was asked to."""
    folder = build / FOLDER
    personas = [persona for persona in read_personas(build) if persona.n is not None]
    for language in info.languages:
        for i, persona in enumerate(personas):
            page = persona_card(persona, language=language, links=_links(personas, i, language, info))
            data = json.dumps(card_data(persona, language=language), ensure_ascii=False, indent=1) + "\n"
            texts = {"html": page, "md": card_markdown(persona, language=language), "json": data}
            for suffix, text in texts.items():
                path = folder / page_name(persona.key, language, info, suffix)
                path.write_text(text, encoding="utf-8", newline="\n")
            if info.pictures:
                card_png(page, folder / page_name(persona.key, language, info, "png"))


def _links(personas: Sequence[Persona], i: int, language: str, info: RunInfo) -> list[Link]:
    """Return the links above a card: all personas, its neighbours, the first page, its other languages."""
    say = translator(language)
    beside = [personas[j] for j in (i - 1, i + 1) if 0 <= j < len(personas)]
    return [
        Link(page_name("index", language, info), say(_("all personas"))),
        *(Link(page_name(p.key, language, info), in_language(p.name, language)) for p in beside),
        Link(f"../{page_name('index', language, info)}", say(_("Overview of the month"))),
        *(Link(href, name, code) for href, name, code in other_languages(personas[i].key, language, info)),
    ]


def other_languages(stem: str, language: str, info: RunInfo) -> list[tuple[str, str, str]]:
    """Return file, own name and code of each other language that a page is written in."""
    others = [code for code in info.languages if code != language]
    names = {code: Locale.parse(code).get_language_name(code) or code for code in others}
    return [(page_name(stem, code, info), names[code][:1].upper() + names[code][1:], code) for code in others]
