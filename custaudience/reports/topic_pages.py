"""Report pages of one topic: the claims of a notebook in sections, each with its figure and how to read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience.evidence import Claim
from custaudience.present.charts import off_screen
from custaudience.present.style import use_style
from custaudience.reports.ledger import Ledger
from custaudience.reports.pages import Source, page_name
from custaudience.reports.pictures import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Sentences a reader takes in before the next heading; the others stand in the evidence's notebook.
MOST_CLAIMS = 12
# A longer sentence stands below the page's name instead of being its headline.
LONGEST_HEADLINE = 180


@dataclass(frozen=True)
class Figure:
    """A figure drawn from a published table.

    ``draw(table, source)`` draws it in the language of ``source`` on a figure of the size it needs, and returns
    None where the table holds nothing to draw.
    """

    table: str
    draw: Callable[[pd.DataFrame, Source], Axes | None]
    titled: bool = False  # the title says more than the section's heading


@dataclass(frozen=True)
class Section:
    """A heading, its sentences by claim key, a figure and how to read it.

    A key ``share.*`` stands for every claim ``slug.share.…`` of the notebook, in the ledger's order; keys
    that a run does not have are left out, and a section without any sentence or figure is, too.
    """

    heading: str
    claims: tuple[str, ...] = ()
    reading: str = ""
    figure: Figure | None = None


@dataclass(frozen=True)
class Topic:
    """A page: its file's stem, the slug and file of its notebook, its name in the navigation, its sections.

    What it advises stands on the first page, too, where it `acts`: says what to do this month.
    """

    stem: str
    slug: str
    notebook: str
    name: str
    lead: tuple[str, ...] = ("finding",)
    intro: str = ""
    acts: bool = False
    sections: tuple[Section, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.sections:
            raise ValueError(f"page {self.stem}: a topic needs sections")

    def in_ledger(self, ledger: Ledger) -> bool:
        """Say whether this run has anything to say of the topic."""
        return bool(ledger.under(f"{self.slug}."))


def topic_page(source: Source, topic: Topic) -> dict[str, Any]:
    """Return what the page of a topic says, citations numbered in the order of reading."""
    said: set[str] = set()
    lead = _printed(source, topic, topic.lead, said)
    headline = bool(lead) and len(lead[0]["text"]) <= LONGEST_HEADLINE
    return {
        "index_page": page_name("index", source.language, source.info),
        "name": source.say(topic.name),
        "heading": lead[0] if headline else None,
        "lead": lead[1:] if headline else lead,
        "intro": source.say(topic.intro) if topic.intro else "",
        "notebook": topic.notebook.removesuffix(".ipynb"),
        "sections": [made for section in topic.sections if (made := _section(source, topic, section, said))],
        "warnings": _printed(source, topic, ("warning.*",), said),
    }


def _section(source: Source, topic: Topic, section: Section, said: set[str]) -> dict[str, Any] | None:
    claims = _printed(source, topic, section.claims, said)
    figure = _picture(source, section, claims)
    if not claims and figure is None:
        return None
    return {
        "heading": source.say(section.heading),
        "anchor": "s-" + "-".join(c.split(".")[0] for c in section.claims[:1] or ("figure",)),
        "claims": claims[:MOST_CLAIMS],
        "n_more": max(0, len(claims) - MOST_CLAIMS),
        "picture": figure,
        "reading": source.say(section.reading) if section.reading and figure else "",
    }


def _printed(source: Source, topic: Topic, keys: tuple[str, ...], said: set[str]) -> list[dict[str, Any]]:
    """Return the claims of these keys as the page prints them, each once on a page."""
    found = [claim for key in keys for claim in _found(source.ledger, f"{topic.slug}.{key}") if claim.id not in said]
    said.update(claim.id for claim in found)
    return source.claims(found)


def _found(ledger: Ledger, wanted: str) -> list[Claim]:
    if wanted.endswith(".*"):
        return ledger.under(wanted[:-1])
    claim = ledger.get(wanted)
    return [claim] if claim else []


def _picture(source: Source, section: Section, claims: list[dict[str, Any]]) -> dict[str, Any] | None:
    if section.figure is None:
        return None
    table = source.table(section.figure.table)
    if table is None or table.empty:
        return None
    with use_style(), off_screen():
        ax = section.figure.draw(table, source)
    if ax is None:
        return None
    if not section.figure.titled:
        ax.set_title("", loc="left")
    alt = " ".join([source.say(section.heading), *(claim["text"] for claim in claims[:3])])
    return picture(ax, alt)
