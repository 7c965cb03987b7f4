"""What stands on the segments page: each segment's rule, figures and what to do, and who still buys."""

from __future__ import annotations

import textwrap
from typing import Any

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present import plot_lifecycle, plot_segments
from custaudience.present.words import term
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
    texts = segment_texts().get(key, {})
    claims = [c for c in source.ledger.under(f"{_SLUG}.") if c.id.endswith(f".{key}") and c.id.count(".") == 2]
    return {
        "meaning": source.say(texts.get("meaning", "")),
        "action": source.say(texts.get("action", "")),
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
    for row in source.rows("segment_rules"):
        if row["segment"] != key:
            continue
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
    states = [(name, rows[state]) for state, name in _STATES.items() if state in rows]
    return [
        {
            "name": source.say(name),
            "value": source.fmt(row["share"], "percent"),
            "note": source.say(_("fewer than {n:count} customers"), n=source.info.min_group_size)
            if pd.isna(row["n_customers"])
            else source.say(_("{n:count} {n:plural customer|customers}"), n=row["n_customers"]),
        }
        for name, row in states
    ]


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
