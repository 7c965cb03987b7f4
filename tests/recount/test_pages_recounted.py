"""All sentences of all pages: each stands beside the id of a claim and its status, and has no number of its own."""

from __future__ import annotations

import re
import shutil
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from pages import Month, problems_of, sentences
from recounts.published import TABLES

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "reports" / "example" / "2017-12"


@lru_cache(maxsize=20)  # a month is read once
def month_of(study: str, folder: Path) -> Month:
    said = tomllib.loads((ROOT / "data" / study / "study.toml").read_text(encoding="utf-8"))
    return Month(folder, said, tuple(TABLES))


PAGES = month_of("grocery", EXAMPLE).pages()


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(EXAMPLE).as_posix() for page in PAGES])
def test_pages_of_grocery_say_claims_and_nothing_else(page: Path) -> None:
    problems = problems_of(month_of("grocery", EXAMPLE), page)
    assert not problems, "\n".join(problems)


def test_all_sentences_have_a_claim_and_a_status() -> None:
    month = month_of("grocery", EXAMPLE)
    listed = sentences(month)
    assert len(month.pages()) >= 18 and {"en", "uk"} == set(listed["language"])
    assert listed["sentence"].str.len().gt(5).all() and listed["status"].str.len().gt(0).all()
    # both languages show the same claims
    by_language = listed.assign(page=listed["page"].str.replace(".uk.", ".", regex=False)).groupby(["page", "claim"])
    assert (by_language["language"].nunique() == 2).all()


@pytest.mark.slow
def test_pages_of_the_shop_say_claims_and_nothing_else(shop: Any) -> None:
    month = month_of("shop", shop[0])
    problems = [problem for page in month.pages() for problem in problems_of(month, page)]
    assert not problems, "\n".join(problems)


CHANGES = {
    "a number of nobody's": (r"</h1>", "</h1><p>Sales will rise by 31,337.</p>"),
    "another figure in a sentence": (r"(<p class=\"lead\">[^<]*?)\$35,693", r"\1$35,694"),
    "another figure in the evidence": (r"(<dt id=\"e-start_here-orders\">[^<]*?)13,054", r"\1 13,055"),
    "a status left out": (r'(<dt id="e-start_here-orders">[^<]*)<span class="pill measured">\w+</span>', r"\1"),
    "another status": (r'(<dt id="e-start_here-orders">[^<]*<span class="pill )measured', r"\1contradicted"),
    "a citation that leads nowhere": (r'href="#e-start_here-orders"', 'href="#e-start_here-order"'),
    "evidence of no claim": (r'id="e-start_here-orders"', 'id="e-start_here-nobody"'),
    "another figure in a table": (r'(<td class="n nb" data-k="Customers">)481', r"\g<1>31,337"),
    "another figure in a tile": (r'<p class="v">13,054', '<p class="v">13,999'),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_page_that_says_more_than_the_ledger_is_noticed(tmp_path: Path, change: str) -> None:
    for name in ("tables", "claims", "appendix"):
        (tmp_path / name).symlink_to(EXAMPLE / name)
    for path in EXAMPLE.glob("*.html"):
        shutil.copy(path, tmp_path)
    page, (old, new) = tmp_path / "index.html", CHANGES[change]
    text = page.read_text(encoding="utf-8")
    changed = re.sub(old, new, text, count=1)
    assert changed != text, "nothing to change"
    page.write_text(changed, encoding="utf-8")
    assert problems_of(month_of("grocery", tmp_path), page)
