"""The pages of a month taken apart: what each number on them belongs to."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString

from custaudience.evidence import Claim
from custaudience.present.tables import fewer_than
from custaudience.present.words import format_value, render, render_claim, status_name, term, terms
from custaudience.reports.ledger import Ledger, read_ledger
from custaudience.reports.topics import TOPICS

NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f]\d+)*")
RESTS_ON = re.compile(r"([Rr]ests on|[Сс]пирається на):?( \d+,?)+")
"""Numbers of the entries that an advice rests on."""
FORMATS = ("count", "number", "number1", "number2", "number3", "percent", "percent1", "points1", "signed_percent1")
MONEY = ("money", "money0")
FURNITURE = (
    "Made by custaudience {version:text}",
    "Groups of fewer than {n:count} are not shown; a total beside them can give one away.",
    "Revenue and orders are counted over the whole history up to {day:date}.",
    "Of five scores 1 and 2 are low, 3 is middle, 4 and 5 are high; where fewer scores exist, by thirds.",
    "Fewer than {n:count} customers: no figure is shown, so that nobody can be recognised.",
    "fewer than {n:count} customers",
    "{month:month} · as of {day:date} · {currency:text}",
    "on {day:date}",
    "{day:date}",
    "{year_ago:month}",
    "intervals at {level:percent}",
)
MORE = "{n:count} more {n:plural sentence stands|sentences stand} in the notebook {name:text}."
"""Sentences of the pages themselves that hold a number or a date, and no figure about customers."""


@dataclass(eq=False)
class Month:
    """A rendered month: its folder, ledger, and what pages may print that is no claim."""

    folder: Path
    study: dict[str, Any]
    tables: tuple[str, ...]
    ledger: Ledger = field(init=False)
    _of_tables: dict[str, set[str]] = field(init=False, default_factory=dict)
    _furniture: dict[str, list[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = read_ledger(self.folder)
        self.by_anchor = {"e-" + key.replace(".", "-"): key for key in self.ledger}
        self.as_of = next(iter(self.ledger.values())).as_of

    @property
    def currency(self) -> str:
        """Currency of the study."""
        return str(self.study["study"]["currency"])

    def pages(self) -> list[Path]:
        """All report pages: the month's own and those of personas; the appendix holds notebooks."""
        return sorted([*self.folder.glob("*.html"), *self.folder.glob("personas/**/*.html")])

    def of_claim(self, claim: Claim, language: str) -> set[str]:
        """The numbers that belong to a claim: those of its sentence, its figures and how it was made."""
        texts = [render_claim(claim, language=language)]
        texts += [render(t, claim.values, language=language) for t in (claim.method, claim.base, claim.filter) if t]
        found = {number for text in texts for number in NUMBER.findall(text)}
        figures = [*claim.values.values(), claim.value, claim.low, claim.high, claim.level, claim.n]
        numbers = [figure for figure in figures if isinstance(figure, (int, float))]
        return found | {text for figure in numbers for text in _written(figure, language, self.currency)}

    def of_tables(self, language: str) -> set[str]:
        """The numbers of the published tables that pages print, which are recounted, too."""
        if language in self._of_tables:
            return self._of_tables[language]
        found: set[str] = set()
        for name in self.tables:
            path = self.folder / "tables" / f"{name}.parquet"
            if path.exists():
                table = pd.read_parquet(path)
                values = pd.unique(pd.Series(table.select_dtypes("number").astype(float).to_numpy().ravel()))
                found |= {text for value in values for text in _written(float(value), language, self.currency)}
        self._of_tables[language] = found
        return found

    def furniture(self, language: str) -> list[str]:
        """What a page says of its own, longest first: no figure about customers is in it."""
        if language in self._furniture:
            return self._furniture[language]
        from custaudience import __version__

        before = self.as_of.replace(day=1)
        values = {
            "version": __version__, "n": 10, "day": self.as_of, "month": f"{self.as_of:%Y-%m}", "level": 0.95,
            "currency": self.currency,
            "year_ago": f"{self.as_of.year - 1}-{self.as_of:%m}",
        }  # fmt: skip
        month_before = values | {"day": before - dt.timedelta(days=1)}
        texts = [render(text, own, language=language) for text in FURNITURE for own in (values, month_before)]
        names = {topic.notebook.removesuffix(".ipynb") for topic in TOPICS}
        texts += names
        texts += [render(MORE, {"n": n, "name": name}, language=language) for n in range(1, 80) for name in names]
        texts += [fewer_than(10, language), *(text.rstrip(".") for text in texts)]
        for topic in TOPICS:
            own = [topic.name, topic.intro, *(t for s in topic.sections for t in (s.heading, s.reading))]
            texts += [render(text, {}, language=language) for text in own if text]
        for key in terms():
            words = term(key, language)
            texts += [words.say, words.does_not_mean, words.glossary]
        texts += [text for caveat in self.study["study"].get("caveats", []) for text in caveat.values()]
        texts += [path.stem for path in (self.folder / "appendix").glob("*.ipynb")]
        self._furniture[language] = sorted({_plain(text) for text in texts if text}, key=len, reverse=True)
        return self._furniture[language]


@lru_cache(maxsize=100_000)
def _written(value: float, language: str, currency: str) -> frozenset[str]:
    """A number in all the ways in which a page may write it."""
    if isinstance(value, bool) or pd.isna(value):
        return frozenset()
    texts = {format_value(v, form, language=language) for form in FORMATS for v in (value, abs(value), 100 * value)}
    texts |= {format_value(abs(value), form, language=language, currency=currency) for form in MONEY}
    return frozenset(number for text in texts for number in NUMBER.findall(text))


def _plain(text: str) -> str:
    return " ".join(text.split(" ")).replace("\n", " ").strip()


def language_of(page: Path, soup: BeautifulSoup) -> str:
    """The language a page says it is in."""
    return str(soup.html["lang"]) if soup.html else "en"


def problems_of(month: Month, page: Path) -> list[str]:
    """What is wrong on a page: figures without a claim, claims without evidence, other words than the ledger's."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    language = language_of(page, soup)
    wrong = [*_links(month, page, soup), *_entries(month, soup, language), *_marked(month, soup)]
    furniture, tables = month.furniture(language), month.of_tables(language)
    for node in list(soup.select("style, head, svg, script, a.ev, sup, .entry > b")):
        node.decompose()
    for block, text in _blocks(soup):
        own_number = re.compile(r"^\d+ · ") if block.name == "dt" else re.compile(r"^$")
        text = RESTS_ON.sub("", own_number.sub("", text))
        left = NUMBER.findall(_without(text, furniture))
        allowed: set[str] = set()
        for claim_id in _cited(month, page, block):
            allowed |= month.of_claim(month.ledger[claim_id], language)
        if _shows_tables(block):
            allowed |= tables
        if block.find_parent(class_="ends") or "ends" in block.get("class", []):
            continue  # the two ends of a line of months
        wrong += [f"{number} belongs to no claim: {text[:120]!r}" for number in left if number not in allowed]
    return [f"{page.name}: {problem}" for problem in wrong]


def _without(text: str, furniture: list[str]) -> str:
    for own in furniture:
        text = text.replace(own, " ")
    return text


BLOCKS = ("p", "li", "h1", "h2", "h3", "td", "th", "dd", "dt", "figcaption", "caption", "title", "div", "span", "b")


def _blocks(soup: BeautifulSoup) -> Iterator[tuple[Tag, str]]:
    """Each smallest block with a number in it, and its text."""
    seen: set[int] = set()
    for string in soup.find_all(string=re.compile(r"\d")):
        if not isinstance(string, NavigableString):
            continue
        block = string.find_parent(["p", "li", "h1", "h2", "h3", "td", "th", "dd", "dt", "figcaption", "caption"])
        block = block or string.find_parent(["div", "footer", "nav", "body"])
        if block is not None and id(block) not in seen:
            seen.add(id(block))
            yield block, _plain(block.get_text())


def _cited(month: Month, page: Path, block: Tag) -> set[str]:
    """The claims a block stands for: marked on it or around it, listed below it, or cited where it stands."""
    original = page_refs(page)
    found = {tag["data-claim"] for tag in [block, *block.find_all(True), *block.parents] if tag.get("data-claim")}
    if block.find_parent("article") and block.get("aria-hidden"):  # bars of a row, whose claims stand beside them
        found |= {tag["data-claim"] for tag in block.find_parent("article").select("[data-claim]")}
    if around := block.find_parent("dl", class_="proof"):  # what the entries of one group share stands in its title
        found |= {tag["data-claim"] for tag in (block.find_parent("div") or around).select("[data-claim]")}
    if "how" in block.get("class", []) and (proof := block.find_next("dl", class_="proof")):
        found |= {tag["data-claim"] for tag in proof.select("[data-claim]")}
    entry = block if block.get("id") else block.find_previous_sibling("dt") or block
    if (anchor := entry.get("id")) in month.by_anchor:
        found.add(month.by_anchor[anchor])
    found |= {month.by_anchor[a] for a in original.get(_plain(block.get_text()), set()) if a in month.by_anchor}
    return {claim for claim in found if claim in month.ledger}


_REFS: dict[Path, dict[str, set[str]]] = {}


def page_refs(page: Path) -> dict[str, set[str]]:
    """For the text of each block the anchors cited in it, in its row or tile, or, of a headline, right below it."""
    if page not in _REFS:
        soup, found = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser"), {}
        for block in soup.select("p, li, h1, h2, h3, td, th, dd, dt, figcaption"):
            place = block.find_parent(class_=["tile"]) or block.find_parent("tr") or block.find_parent("dl") or block
            refs = {a["href"][1:] for a in place.select('a.ev[href^="#"]')}
            if block.name == "h1" or block.find_parent("dl", class_="facts"):
                for after in block.find_all_next("p", limit=4):
                    refs |= {a["href"][1:] for a in after.select('a.ev[href^="#"]')}
            if block.name == "figcaption" and (section := block.find_parent("section")):
                refs |= {a["href"][1:] for a in section.select('a.ev[href^="#"]')}
            text = BeautifulSoup(str(block), "html.parser")
            for link in text.select("a.ev, sup"):
                link.decompose()
            found.setdefault(_plain(text.get_text()), set()).update(refs)
        _REFS[page] = found
    return _REFS[page]


def _shows_tables(block: Tag) -> bool:
    """Whether a block prints a published table: a cell, a fact, a tile, or the line below them."""
    inside = block.find_parent(["table"]) or block.find_parent("dl", class_="facts") or block.find_parent(class_="tile")
    return bool(inside) or (block.name == "p" and block.find_parent("section", class_="segment") is not None)


def _links(month: Month, page: Path, soup: BeautifulSoup) -> Iterator[str]:
    """Every citation leads to its evidence on the page, every other link to a file."""
    for link in soup.select("a[href]"):
        href = str(link["href"])
        if href.startswith("#"):
            if soup.find(id=href[1:]) is None:
                yield f"{href} leads nowhere"
        elif "://" not in href and not (page.parent / href.split("#")[0]).exists() and "../" not in href:
            yield f"{href} does not exist"


def _entries(month: Month, soup: BeautifulSoup, language: str) -> Iterator[str]:
    """Each entry of the evidence is a claim of the ledger in its own words, with its status; or a published table."""
    for title in soup.select("section.evidence dt[id]"):
        anchor = str(title["id"])
        if anchor.startswith("t-"):
            if not (month.folder / "tables" / f"{anchor[2:]}.csv").exists():
                yield f"{anchor}: no such table"
            continue
        claim_id = month.by_anchor.get(anchor)
        if claim_id is None:
            yield f"{anchor} is no claim of the ledger"
            continue
        claim, pill = month.ledger[claim_id], title.select_one(".pill")
        said = _plain(title.get_text())
        if _plain(render_claim(claim, language=language)) not in said:
            yield f"{claim_id}: the page says {said!r}"
        if pill is None or claim.status not in pill.get("class", []):
            yield f"{claim_id}: its status is not shown"
        elif _plain(pill.get_text()) != status_name(claim.status, language):
            yield f"{claim_id}: its status reads {pill.get_text()!r}"


def _marked(month: Month, soup: BeautifulSoup) -> Iterator[str]:
    """Each element that says which claim it is names one of the ledger, and the claim's status."""
    for tag in soup.select("[data-claim]"):
        claim = month.ledger.get(str(tag["data-claim"]))
        if claim is None:
            yield f"{tag['data-claim']} is no claim of the ledger"
        elif tag.get("data-status") not in (None, claim.status):
            yield f"{claim.id}: shown as {tag['data-status']}, is {claim.status}"


def sentences(month: Month) -> pd.DataFrame:
    """Every sentence that the pages cite, with claim and status: what a reader can check."""
    rows = []
    for page in month.pages():
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        language = language_of(page, soup)
        anchors = {str(a["href"])[1:] for a in soup.select('a.ev[href^="#"]')}
        ids = {month.by_anchor[a] for a in anchors if a in month.by_anchor}
        ids |= {str(tag["data-claim"]) for tag in soup.select("[data-claim]")} & set(month.ledger)
        for claim_id in sorted(ids):
            claim = month.ledger[claim_id]
            rows.append(
                (
                    page.relative_to(month.folder).as_posix(),
                    language,
                    claim_id,
                    claim.status,
                    render_claim(claim, language=language),
                )
            )
    return pd.DataFrame(rows, columns=["page", "language", "claim", "status", "sentence"])
