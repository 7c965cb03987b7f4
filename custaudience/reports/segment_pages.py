"""What stands on the segments page: each segment's rule, figures and what to do, and who still buys."""

from __future__ import annotations

import textwrap
from typing import Any

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present import plot_lifecycle, plot_segments
from custaudience.present.tables import fewer_than
from custaudience.present.words import term
from custaudience.reports.pages import Source, page_name, segment_name, segment_rows, segment_texts
from custaudience.reports.pictures import drawing, picture

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
    rows = segment_rows(source)
    page: dict[str, Any] = {
        "index_page": page_name("index", source.language, source.info),
        "heading": source.say(_("Segments: who they are, and what to do")),
        "rules_ref": source.evidence.table_ref(
            "segment_rules", source.say(_("The rules of the segments")), "30_rfm_and_lifecycle.ipynb"
        ),
        "segments": [row | _details(source, row) for row in rows],
        "lifecycle": _lifecycle(source),
        "lifecycle_claims": source.claims(
            [
                c
                for key in ("overdue", "one_time", *_STATES, "lost_reach", "lost_backtest", "overdue_backtest", "moved")
                if (c := source.ledger.get(f"{_SLUG}.{key}"))
            ]
        ),
        "schemes": [term(key, source.language) for key in ("lifecycle", "lifecycle_by_product")],
        "cuts": _cuts(source),
        "pictures": _pictures(source),
    }
    return page


def _details(source: Source, row: dict[str, Any]) -> dict[str, Any]:
    key = row["key"]
    texts = segment_texts().get(key, {})
    claims = [c for c in source.ledger.under(f"{_SLUG}.") if c.id.endswith(f".{key}") and c.id.count(".") == 2]
    printed = [c for c in claims if c.id.split(".")[1] not in _AS_FACTS]
    return {
        "meaning": source.say(texts.get("meaning", "")),
        "action": source.say(texts.get("action", "")),
        "rules": _rules(source, key),
        "mix": [] if row["small"] else _mix(source, key),
        "facts": [] if row["small"] else _figures(source, row),
        "claims": source.claims(printed),
    }


def _figures(source: Source, row: dict[str, Any]) -> list[dict[str, Any]]:
    raw = row["raw"]

    def fact(name: str, value: str, note: str = "") -> dict[str, str]:
        return {"name": source.say(name), "value": value, "note": note}

    share = source.fmt(row["share_of_customers"], "percent")
    facts = [
        fact(_("Customers"), row["customers"], source.say(_("{share:text} of all customers"), share=share)),
        fact(
            _("Share of revenue"),
            source.fmt(row["share_of_revenue"], "percent"),
            source.fmt(raw.get("revenue_total"), "money0"),
        ),
        fact(_("Revenue per customer"), row["revenue_per_customer"]),
        fact(_("Days since the last order, median"), row["days"]),
        fact(_("Orders, median"), source.fmt(raw.get("median_n_orders"), "number")),
        fact(_("Silent longer than usual"), _overdue(source, raw)),
        fact(_("Since the month before"), row["moved"]),
    ]
    return [f for f in facts if f["value"] != "–"]


def _overdue(source: Source, raw: dict[Any, Any]) -> str:
    """Return how many are overdue; a blank among counts is a group too small to show, else it was not counted."""
    table = source.table("segments")
    counted = table is not None and "n_overdue" in table and table["n_overdue"].notna().any()
    if counted and pd.isna(raw["n_overdue"]):
        return fewer_than(source.info.min_group_size, source.language)
    return source.fmt(raw.get("n_overdue"), "count")


def _rules(source: Source, key: str) -> list[str]:
    """Return a segment's rule in words, one phrase per block of scores."""
    table = source.table("segment_rules")
    if table is None:
        return []
    either = source.say(_("or"))
    rules = []
    for row in table[table["segment"] == key].to_dict("records"):
        parts = []
        for dimension, words in _LEVELS.items():
            levels = [level.strip() for level in str(row[dimension]).split(",")]
            if levels != ["any"]:
                parts.append(f" {either} ".join(source.say(words[v]) for v in words if v in levels))
        rules.append(", ".join(parts) or source.say(_("all customers")))
    return rules


def _mix(source: Source, key: str) -> list[str]:
    table = source.table("lifecycle_by_segment")
    if table is None:
        return []
    mine = table[table["segment"] == key].set_index("state")["share"]
    return [
        f"{source.say(name)} {source.fmt(mine[state], 'percent')}"
        for state, name in _STATES.items()
        if state in mine and pd.notna(mine[state]) and mine[state] > 0
    ]


def _lifecycle(source: Source) -> list[dict[str, str]]:
    table = source.table("lifecycle")
    if table is None:
        return []
    rows = table.set_index("state")
    return [
        {
            "name": source.say(name),
            "value": source.fmt(rows.at[state, "share"], "percent"),
            "note": _customers(source, rows.at[state, "n_customers"]),
        }
        for state, name in _STATES.items()
        if state in rows.index
    ]


def _customers(source: Source, n: Any) -> str:
    if pd.isna(n):
        return source.say(_("fewer than {n:count} customers"), n=source.info.min_group_size)
    return source.say(_("{n:count} {n:plural customer|customers}"), n=n)


def _cuts(source: Source) -> list[dict[str, str]]:
    table = source.table("rfm_cuts")
    if table is None:
        return []
    return [
        {
            "name": source.say(_MEASURES[row["dimension"]]),
            "score": source.fmt(row["score"], "count"),
            "lower": source.fmt(row["lower"], "money" if row["dimension"] == "m" else "count"),
            "upper": source.fmt(row["upper"], "money" if row["dimension"] == "m" else "count"),
        }
        for row in table.to_dict("records")
        if row["dimension"] in _MEASURES
    ]


def _pictures(source: Source) -> list[dict[str, Any]]:
    table = source.table("segments")
    pictures = []
    if table is not None and len(table):
        height = 1.4 + 0.62 * len(table)
        names = {key: segment_name(key, source.language) for key in table["segment"]}
        shown = [
            source.say(
                _("{name:text}: {who:text} of customers, {revenue:text} of revenue"),
                name=names[row["segment"]],
                who=source.fmt(row["share_of_customers"], "percent"),
                revenue=source.fmt(row["share_of_revenue"], "percent"),
            )
            for row in table.to_dict("records")
            if pd.notna(row["n_customers"])
        ]
        with drawing(height) as ax:
            plot_segments(
                table, names=names, min_group_size=source.info.min_group_size, language=source.language, ax=ax
            )
            pictures.append(picture(ax, source.say(_("Bars by segment.")) + " " + "; ".join(shown) + "."))
    mix = source.table("lifecycle_by_segment")
    if mix is not None and len(mix):
        keys = list(dict.fromkeys(mix["segment"]))
        names = {key: segment_name(key, source.language) for key in keys}
        with drawing(1.5 + 0.5 * len(keys)) as ax:
            plot_lifecycle(mix, names=names, language=source.language, ax=ax)
            alt = [f"{names[key]}: {', '.join(_mix(source, key))}" for key in keys]
            pictures.append(picture(ax, textwrap.shorten("; ".join(alt), 1500) + "."))
    return pictures
