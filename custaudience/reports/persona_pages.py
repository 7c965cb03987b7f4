"""The folder ``personas/`` of a month, and what the first page says of them: from personas.json and claims alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from custaudience.audience import Persona, personas_from_json
from custaudience.evidence import Claim
from custaudience.evidence import template as _
from custaudience.present import card_data, card_markdown, card_png, persona_card, persona_sheet
from custaudience.present.cards import Link
from custaudience.present.figures import in_language
from custaudience.present.words import label, translator
from custaudience.reports.ledger import Ledger
from custaudience.reports.pages import Source, page_name
from custaudience.reports.run_info import RunInfo

SLUG = "personas"
FOLDER = "personas"
STEM = f"{FOLDER}/index"
NAME = _("Personas")
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


def shown_personas(build: Path) -> tuple[Persona, ...]:
    """Return those personas that are large enough for a card of their own."""
    return tuple(persona for persona in read_personas(build) if persona.n is not None)


def in_ledger(ledger: Ledger) -> bool:
    """Say whether this run has anything to say of personas."""
    return f"{SLUG}.finding" in ledger


def persona_rows(source: Source) -> dict[str, Any] | None:
    """Return what the first page says of the personas, None where the run has none."""
    if not in_ledger(source.ledger):
        return None
    personas = shown_personas(source.folder)
    changes = _changes(source.ledger)
    earlier = next((claim.values["earlier"] for claim in changes.values()), "")
    said = [source.ledger.get(f"{SLUG}.{key}") for key in ("finding", "changes")]
    claims = source.claims([claim for claim in said if claim])
    rows = [_row(source, persona, changes.get(f"{SLUG}.change.{persona.key}")) for persona in personas]
    rows += [_gone(source, claim) for claim in changes.values() if claim.id.startswith(f"{SLUG}.gone.")]
    page = page_name(STEM, source.language, source.info)
    return {"rows": rows, "earlier": earlier, "page": page, "claims": claims}


def _changes(ledger: Ledger) -> Mapping[str, Claim]:
    found = [*ledger.under(f"{SLUG}.change."), *ledger.under(f"{SLUG}.gone.")]
    return {claim.id: claim for claim in found}


def _row(source: Source, persona: Persona, change: Claim | None) -> dict[str, Any]:
    size = persona.slots["size"][0]
    values = dict(change.values) if change is not None else {}
    return {
        "name": in_language(persona.name, source.language),
        "segment": label(in_language(persona.title, source.language), source.language),
        "href": f"{FOLDER}/{card_name(persona, source.language, source.info)}",
        "share": source.fmt(values.get("share", size.values.get("share")), "percent1"),
        "revenue": source.fmt(values.get("revenue", size.values.get("share_revenue")), "percent1"),
        "share_before": source.fmt(values.get("share_before"), "percent1"),
        "revenue_before": source.fmt(values.get("revenue_before"), "percent1"),
        "state": source.say(_STATES[str(values["state"])]) if values else "–",
        "ref": source.evidence.ref(change.id if change is not None else size.id),
    }


def _gone(source: Source, change: Claim) -> dict[str, Any]:
    values = change.values
    return {
        "name": in_language(values["name"], source.language),
        "segment": label(in_language(values["segment_before"], source.language), source.language),
        "href": "",
        "share": "–",
        "revenue": "–",
        "share_before": source.fmt(values.get("share_before"), "percent1"),
        "revenue_before": source.fmt(values.get("revenue_before"), "percent1"),
        "state": source.say(_STATES[str(values["state"])]),
        "ref": source.evidence.ref(change.id),
    }


def card_name(persona: Persona, language: str, info: RunInfo, suffix: str = "html") -> str:
    """Return the file name of a card inside the folder; the first language has the plain one."""
    return f"{persona.key}.{suffix}" if language == info.languages[0] else f"{persona.key}.{language}.{suffix}"


def index_sheet(source: Source, links: Sequence[Link], top: Markup, foot: Markup) -> str:
    """Return the index of the personas: side by side, each with a link to its card, and what changed.

    Parameters
    ----------
    source : Source
    links : sequence of Link
        The same page in other languages.
    top, foot : Markup
        As on every page of the report.
    """
    said = [source.ledger.get(f"{SLUG}.{key}") for key in ("finding", "changes", "blanks")]
    told = [c for c in _changes(source.ledger).values() if c.values["state"] != "kept"]
    personas = read_personas(source.folder)
    return persona_sheet(
        personas,
        language=source.language,
        said=[claim for claim in (*said, *told) if claim],
        cards={p.key: card_name(p, source.language, source.info) for p in personas if p.n is not None},
        links=links,
        top=top,
        foot=foot,
    )


def write_cards(build: Path, info: RunInfo) -> None:
    """Write each persona as HTML, Markdown and JSON in each language; as PNG where the run was asked to.

    Raises
    ------
    MissingEngineError
        If pictures are asked for, and no Chromium is installed.
    """
    folder = build / FOLDER
    personas = shown_personas(build)
    for language in info.languages:
        for i, persona in enumerate(personas):
            page = persona_card(persona, language=language, links=_links(personas, i, language, info))
            data = json.dumps(card_data(persona, language=language), ensure_ascii=False, indent=1) + "\n"
            texts = {"html": page, "md": card_markdown(persona, language=language), "json": data}
            for suffix, text in texts.items():
                path = folder / card_name(persona, language, info, suffix)
                path.write_text(text, encoding="utf-8", newline="\n")
            if info.pictures:
                card_png(page, folder / card_name(persona, language, info, "png"))


def _links(personas: Sequence[Persona], i: int, language: str, info: RunInfo) -> list[Link]:
    """Return the links above a card: all personas, its neighbours, the first page, its other languages."""
    say = translator(language)
    beside = [personas[j] for j in (i - 1, i + 1) if 0 <= j < len(personas)]
    own = card_name(personas[i], language, info)
    return [
        Link(page_name("index", language, info), say(_("all personas"))),
        *(Link(card_name(p, language, info), in_language(p.name, language)) for p in beside),
        Link(f"../{page_name('index', language, info)}", say(_("Overview of the month"))),
        *(
            Link(other, name, code)
            for code in info.languages
            for other, name in [(card_name(personas[i], code, info), own_name(code))]
            if other != own
        ),
    ]


def own_name(language: str) -> str:
    """Return what a language calls itself."""
    from babel import Locale

    name = Locale.parse(language).get_language_name(language) or language
    return name[:1].upper() + name[1:]
