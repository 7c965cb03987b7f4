"""Report pages of one topic: the claims of a notebook in sections, each with its figure and how to read it.

What the pages are stands in ``topics.toml``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience import present
from custaudience.evidence import Claim
from custaudience.present.charts import off_screen
from custaudience.present.style import use_style
from custaudience.reports.ledger import Ledger
from custaudience.reports.pages import Source, page_name, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Sentences a reader takes in before the next heading; the others stand in the evidence's notebook.
MOST_CLAIMS = 12
# A longer sentence stands below the page's name instead of being its headline.
LONGEST_HEADLINE = 180


@dataclass(frozen=True)
class Section:
    """A heading, its sentences by claim key, the published table its figure is drawn from, and how to read it."""

    heading: str
    claims: tuple[str, ...] = ()
    figure: str = ""
    titled: bool = False  # the figure's title says more than the heading
    reading: str = ""


@dataclass(frozen=True)
class Topic:
    """A page: its file's stem, the slug and file of its notebook, its name in the navigation, its sections."""

    stem: str
    slug: str
    notebook: str
    name: str
    sections: tuple[Section, ...]
    lead: tuple[str, ...] = ("finding",)
    intro: str = ""
    acts: bool = False

    def __post_init__(self) -> None:
        if not self.sections:
            raise ValueError(f"page {self.stem}: a topic needs sections")

    def in_ledger(self, ledger: Ledger) -> bool:
        """Say whether this run has anything to say of the topic."""
        return bool(ledger.under(f"{self.slug}."))


def _read() -> tuple[Topic, ...]:
    raw = tomllib.loads(files("custaudience.reports").joinpath("topics.toml").read_text(encoding="utf-8"))
    topics = []
    for row in raw["topic"]:
        sections = tuple(Section(**part | {"claims": tuple(part.get("claims", ()))}) for part in row["sections"])
        topics.append(Topic(**row | {"sections": sections, "lead": tuple(row.get("lead", Topic.lead))}))
    return tuple(topics)


*TOPICS, PERSONAS = _read()


def topic_page(source: Source, topic: Topic) -> dict[str, Any]:
    """Return what the page of a topic says, citations numbered in the order of reading."""
    said: set[str] = set()
    lead = _printed(source, topic, topic.lead, said)
    headline = bool(lead) and len(lead[0]["text"]) <= LONGEST_HEADLINE
    return {
        "index_page": page_name("index", source.language, source.info), "name": source.say(topic.name),
        "heading": lead[0] if headline else None, "lead": lead[1:] if headline else lead,
        "intro": source.say(topic.intro), "notebook": topic.notebook.removesuffix(".ipynb"),
        "sections": [made for section in topic.sections if (made := _section(source, topic, section, said))],
        "warnings": _printed(source, topic, ("warning.*",), said),
    }  # fmt: skip


def _section(source: Source, topic: Topic, section: Section, said: set[str]) -> dict[str, Any] | None:
    claims = _printed(source, topic, section.claims, said)
    figure = _picture(source, section, claims)
    if not claims and figure is None:
        return None
    return {
        "heading": source.say(section.heading), "picture": figure,
        "anchor": "s-" + "-".join(c.split(".")[0] for c in section.claims[:1] or ("figure",)),
        "claims": claims[:MOST_CLAIMS], "n_more": max(0, len(claims) - MOST_CLAIMS),
        "reading": source.say(section.reading) if figure else "",
    }  # fmt: skip


def _printed(source: Source, topic: Topic, keys: tuple[str, ...], said: set[str]) -> list[dict[str, Any]]:
    """Return the claims of these keys as the page prints them, each once on a page."""
    found = [claim for key in keys for claim in _found(source.ledger, f"{topic.slug}.{key}") if claim.id not in said]
    said.update(claim.id for claim in found)
    return source.claims(found)


def _found(ledger: Ledger, wanted: str) -> list[Claim]:
    return ledger.under(wanted[:-1]) if wanted.endswith(".*") else ledger.chosen([wanted])


def _picture(source: Source, section: Section, claims: list[dict[str, Any]]) -> dict[str, Any] | None:
    table = source.table(section.figure) if section.figure else None
    if table is None or table.empty:
        return None
    info, name = source.info, section.figure
    look = {"currency": info.currency, "min_group_size": info.min_group_size, "language": source.language}
    with use_style(), off_screen():
        ax = _CHOSEN[name](table, source, look) if name in _CHOSEN else _PLAIN[name](table, **look)
    if ax is None:
        return None
    if not section.titled:
        ax.set_title("", loc="left")
    return picture(ax, " ".join([source.say(section.heading), *(claim["text"] for claim in claims[:3])]))


def _tracking(table: pd.DataFrame, source: Source, look: dict[str, Any]) -> Axes:
    errors = source.table("value_errors")
    model = "" if errors is None or errors.empty else str(errors["model"].iloc[0])
    return present.plot_tracking(table, model=model, **look)


def _pairs(table: pd.DataFrame, source: Source, look: dict[str, Any]) -> Axes:
    kinds = table[table["level"] == "kind"] if (table["level"] == "kind").any() else table
    strong = kinds[kinds["strong"].fillna(False).astype(bool)]
    return present.plot_pairs(strong if len(strong) else kinds, **look)


def _campaigns(table: pd.DataFrame, source: Source, look: dict[str, Any]) -> Axes | None:
    judged = table[table["response_rate"].notna()].sort_values("response_rate", ascending=False, kind="stable")
    if judged.empty:
        return None
    judged = judged.rename(columns={"n_contacted": "n"}).assign(attribute="campaign", value=judged["campaign_id"])
    rate = source.ledger.get("campaign_response.rate")
    overall = float(rate.value) if rate and rate.value is not None else None
    return present.plot_response(judged, overall=overall, **look)


def _response(table: pd.DataFrame, source: Source, look: dict[str, Any]) -> Axes:
    own = table[table["attribute"].isin(["segment", "spend_before_the_campaigns"])]
    return present.plot_response(own if len(own) else table.head(20), **look)


def _before(table: pd.DataFrame, source: Source, look: dict[str, Any]) -> Axes | None:
    finding = source.ledger.get("campaign_response.finding")
    if finding is None or "days" not in finding.values:
        return None
    return present.plot_before(table, n_days=int(finding.values["days"]), **look)


def _profiles(table: pd.DataFrame, source: Source, look: dict[str, Any]) -> Axes:
    groups = source.table("groups")
    named = pd.DataFrame() if groups is None else groups.dropna(subset=["about"])
    names = {str(row["group"]): f"{row['group']} · {row['about']}" for row in named.to_dict("records")}
    return present.plot_profiles(table, names=names, **look)


# Published tables, and what draws them as they are, or after a choice of rows.
_PLAIN: dict[str, Any] = {
    "revenue_bridge": present.plot_bridge, "revenue_bridge_history": present.plot_bridge_history,
    "contact_lists": present.plot_contact_lists, "value_concentration": present.plot_concentration,
    "value_frequency": present.plot_repeat_frequency, "drivers": present.plot_drivers,
    "second_order": present.plot_second_order, "group_count": present.plot_group_count,
    "ideal_cut_offs": present.plot_cut_offs, "ideal_traits": present.plot_traits,
}  # fmt: skip
_CHOSEN: dict[str, Any] = {
    "value_tracking": _tracking, "group_profiles": _profiles, "product_pairs": _pairs, "response_before": _before,
    "campaigns": _campaigns, "response_groups": _response,
}  # fmt: skip
