"""The segments page, and the folder ``personas/`` with what the first page says of it: from claims and tables alone."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from babel import Locale
from markupsafe import Markup

from custaudience.audience import Persona, personas_from_json
from custaudience.evidence import Claim
from custaudience.evidence import template as _
from custaudience.present import (
    card_data,
    card_markdown,
    card_png,
    persona_card,
    persona_sheet,
    plot_lifecycle,
    plot_segments,
)
from custaudience.present.cards import Link
from custaudience.present.figures import in_language
from custaudience.present.words import label, term, translator
from custaudience.reports.ledger import Ledger, RunInfo
from custaudience.reports.pages import Source, drawing, page_name, picture, segment_name, segment_rows, segment_texts

_LEVELS = {
    "r": {"high": _("ordered lately"), "mid": _("ordered a while ago"), "low": _("silent longest")},
    "f": {"high": _("many orders"), "mid": _("a middling number of orders"), "low": _("few orders")},
    "m": {"high": _("high revenue"), "mid": _("middling revenue"), "low": _("low revenue")},
}
_MEASURES = {"r": _("Days since the last order"), "f": _("Orders"), "m": _("Revenue")}
_STATES = {"primary": _("Primary"), "potential": _("Potential"), "lost": _("Lost")}
# Said as facts of the segment; their claims are cited, not printed twice.
_AS_FACTS = ("segment_customers", "segment_revenue")
_SLUG = "rfm_and_lifecycle"
PERSONAS = "personas"  # the notebook's slug, and the folder of the pages
_BECAME = {
    "kept": _("stayed"), "changed": _("a quarter of its customers or more come or gone"), "new": _("new"),
    "split": _("new, from another persona"), "gone": _("gone"), "merged": _("gone into another persona"),
}  # fmt: skip


def segments_page(source: Source) -> dict[str, Any]:
    """Return what the segments page says."""
    rules = source.say(_("The rules of the segments"))
    rows = segment_rows(source)
    said = ("overdue", "one_time", *_STATES, "lost_reach", "lost_backtest", "overdue_backtest", "moved")
    return {
        "index_page": page_name("index", source.language, source.info),
        "heading": source.say(_("Segments: who they are, and what to do")),
        "rules_ref": source.evidence.table_ref("segment_rules", rules, "30_rfm_and_lifecycle.ipynb"),
        "segments": [row | _details(source, row) for row in rows],
        "lifecycle": _lifecycle(source),
        "lifecycle_claims": source.cited(*(f"{_SLUG}.{key}" for key in said)),
        "schemes": [term(key, source.language) for key in ("lifecycle", "lifecycle_by_product")],
        "cuts": _cuts(source),
        "pictures": [*_picture_of_segments(source), *_picture_of_states(source)],
    }


def _details(source: Source, row: dict[str, Any]) -> dict[str, Any]:
    key = row["key"]
    claims = [c for c in source.ledger.under(f"{_SLUG}.") if c.id.endswith(f".{key}") and c.id.count(".") == 2]
    return {
        **{text: source.say(segment_texts().get(key, {}).get(text, "")) for text in ("meaning", "action")},
        "rules": _rules(source, key),
        "mix": [] if row["small"] else _mix(source, key),
        "facts": [] if row["small"] else _figures(source, row),
        "claims": source.claims([c for c in claims if c.id.split(".")[1] not in _AS_FACTS]),
    }


def _figures(source: Source, row: dict[str, Any]) -> list[dict[str, Any]]:
    raw = row["raw"]
    of_all = source.say(_("{share:text} of all customers"), share=source.fmt(row["share_of_customers"], "percent"))
    revenue = source.fmt(row["share_of_revenue"], "percent"), source.fmt(raw.get("revenue_total"), "money0")
    facts = [
        (_("Customers"), row["customers"], of_all),
        (_("Share of revenue"), *revenue),
        (_("Revenue per customer"), row["revenue_per_customer"], ""),
        (_("Days since the last order, median"), row["days"], ""),
        (_("Orders, median"), source.fmt(raw.get("median_n_orders"), "number"), ""),
        (_("Silent longer than usual"), _overdue(source, raw), ""),
        (_("Since the month before"), row["moved"], ""),
    ]
    return [{"name": source.say(name), "value": value, "note": note} for name, value, note in facts if value != "–"]


def _overdue(source: Source, raw: dict[Any, Any]) -> str:
    """Return how many are overdue; a blank among counts is a group too small to show, else it was not counted."""
    counted = any(pd.notna(row.get("n_overdue")) for row in source.rows("segments"))
    return source.few() if counted and pd.isna(raw["n_overdue"]) else source.fmt(raw.get("n_overdue"), "count")


def _rules(source: Source, key: str) -> list[str]:
    """Return a segment's rule in words, one phrase per block of scores."""
    either = source.say(_("or"))
    rules = []
    for row in (row for row in source.rows("segment_rules") if row["segment"] == key):
        parts = []
        for dimension, words in _LEVELS.items():
            levels = [level.strip() for level in str(row[dimension]).split(",")]
            if levels != ["any"]:
                parts.append(f" {either} ".join(source.say(words[v]) for v in words if v in levels))
        rules.append(", ".join(parts) or source.say(_("all customers")))
    return rules


def _mix(source: Source, key: str) -> list[str]:
    shares = {row["state"]: row["share"] for row in source.rows("lifecycle_by_segment") if row["segment"] == key}
    return [
        f"{source.say(name)} {source.fmt(shares[state], 'percent')}"
        for state, name in _STATES.items()
        if state in shares and pd.notna(shares[state]) and shares[state] > 0
    ]


def _lifecycle(source: Source) -> list[dict[str, str]]:
    rows = {row["state"]: row for row in source.rows("lifecycle")}
    told = []
    for name, row in ((name, rows[state]) for state, name in _STATES.items() if state in rows):
        note, n = _("{n:count} {n:plural customer|customers}"), row["n_customers"]
        if pd.isna(n):
            note, n = _("fewer than {n:count} customers"), source.info.min_group_size
        share = source.fmt(row["share"], "percent")
        told.append({"name": source.say(name), "value": share, "note": source.say(note, n=n)})
    return told


def _cuts(source: Source) -> list[dict[str, str]]:
    cuts = []
    for row in source.rows("rfm_cuts"):
        if row["dimension"] in _MEASURES:
            form = "money" if row["dimension"] == "m" else "count"
            ends = {end: source.fmt(row[end], form) for end in ("lower", "upper")}
            name = source.say(_MEASURES[row["dimension"]])
            cuts.append({"name": name, "score": source.fmt(row["score"], "count"), **ends})
    return cuts


def _picture_of_segments(source: Source) -> list[dict[str, Any]]:
    table, language = source.table("segments"), source.language
    if table is None or table.empty:
        return []
    names = {key: segment_name(key, language) for key in table["segment"]}
    said = _("{name:text}: {who:text} of customers, {revenue:text} of revenue")
    bars = []
    for row in table[table["n_customers"].notna()].to_dict("records"):
        who, revenue = (source.fmt(row[f"share_of_{part}"], "percent") for part in ("customers", "revenue"))
        bars.append(source.say(said, name=names[row["segment"]], who=who, revenue=revenue))
    with drawing(1.4 + 0.62 * len(table)) as ax:
        plot_segments(table, names=names, min_group_size=source.info.min_group_size, language=language, ax=ax)
        return [picture(ax, f"{source.say(_('Bars by segment.'))} {'; '.join(bars)}.")]


def _picture_of_states(source: Source) -> list[dict[str, Any]]:
    mix = source.table("lifecycle_by_segment")
    if mix is None or mix.empty:
        return []
    names = {key: segment_name(key, source.language) for key in mix["segment"]}
    with drawing(1.5 + 0.5 * len(names)) as ax:
        plot_lifecycle(mix, names=names, language=source.language, ax=ax)
        alt = [f"{name}: {', '.join(_mix(source, key))}" for key, name in names.items()]
        return [picture(ax, textwrap.shorten("; ".join(alt), 1500) + ".")]


def read_personas(build: Path) -> tuple[Persona, ...]:
    """Return the personas a run published, none where it has none."""
    path = build / PERSONAS / "personas.json"
    return personas_from_json(path.read_text(encoding="utf-8")) if path.exists() else ()


def in_ledger(ledger: Ledger) -> bool:
    """Say whether this run has anything to say of personas."""
    return f"{PERSONAS}.finding" in ledger


def persona_rows(source: Source) -> dict[str, Any] | None:
    """Return what the first page says of the personas, None where the run has none."""
    if not in_ledger(source.ledger):
        return None
    changes = _changes(source.ledger)
    earlier = next((claim.values["earlier"] for claim in changes.values()), "")
    claims = source.cited(f"{PERSONAS}.finding", f"{PERSONAS}.changes")
    rows = [
        _row(source, changes.get(f"{PERSONAS}.change.{persona.key}"), persona)
        for persona in read_personas(source.folder)
        if persona.n is not None
    ]
    rows += [_row(source, claim) for claim in changes.values() if claim.id.startswith(f"{PERSONAS}.gone.")]
    page = page_name(f"{PERSONAS}/index", source.language, source.info)
    return {"rows": rows, "earlier": earlier, "page": page, "claims": claims}


def _changes(ledger: Ledger) -> Mapping[str, Claim]:
    found = [*ledger.under(f"{PERSONAS}.change."), *ledger.under(f"{PERSONAS}.gone.")]
    return {claim.id: claim for claim in found}


def _row(source: Source, change: Claim | None, persona: Persona | None = None) -> dict[str, Any]:
    """Return one line of the table: a persona and what became of it, or one that is gone."""
    values = dict(change.values) if change is not None else {}
    shares: dict[str, Any] = {key: values.get(key) for key in ("share_before", "revenue_before")}
    name, segment, href, cited = values.get("name", ""), values.get("segment_before", ""), "", change
    if persona is not None:
        size = persona.slots["size"][0]
        name, segment, cited = persona.name, persona.title, change or size
        href = f"{PERSONAS}/{page_name(persona.key, source.language, source.info)}"
        shares["share"] = values.get("share", size.values.get("share"))
        shares["revenue"] = values.get("revenue", size.values.get("share_revenue"))
    return {
        "name": in_language(name, source.language),
        "segment": label(in_language(segment, source.language), source.language),
        "href": href,
        **{key: source.fmt(shares.get(key), "percent1") for key in ("share", "revenue", *shares)},
        "state": source.say(_BECAME[str(values["state"])]) if values else "–",
        "ref": source.evidence.ref(cited.id) if cited else None,
    }


def index_sheet(source: Source, links: Sequence[Link], top: Markup, foot: Markup) -> str:
    """Return the index of the personas: side by side, each with a link to its card, and what changed.

    `links` lead to the same page in other languages; `top` and `foot` are those of every page of the report.
    """
    told = [c for c in _changes(source.ledger).values() if c.values["state"] != "kept"]
    personas = read_personas(source.folder)
    said = [*source.ledger.chosen(f"{PERSONAS}.{key}" for key in ("finding", "changes", "blanks")), *told]
    cards = {p.key: page_name(p.key, source.language, source.info) for p in personas if p.n is not None}
    return persona_sheet(personas, language=source.language, said=said, cards=cards, links=links, top=top, foot=foot)


def write_cards(build: Path, info: RunInfo) -> None:
    """Write each persona as HTML, Markdown and JSON in each language; as PNG where the run was asked to."""
    folder = build / PERSONAS
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
