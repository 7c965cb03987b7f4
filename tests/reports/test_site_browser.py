"""The pages as a reader meets them: in a real browser, wide, narrow, on paper and enlarged."""

import re
import sys
from pathlib import Path

import made_up
import nbformat
import pytest

from custaudience.reports import site

sys.path.insert(0, str(Path(__file__).parents[1] / "present"))
from browser import axe_faults, browser, clipped, lost_links, page_of

pytestmark = pytest.mark.browser
LONG = "Найпостійніші покупці натуральних приправ і чаїв"
MADE = {
    "nine": {},
    "one": {"n_segments": 1},
    "four long names": {"n_segments": 4, "scale": 1000, "currency": "VND", "rename": lambda key: f"{LONG} {key[:2]}"},
}


@pytest.fixture(scope="module")
def started():
    with browser() as running:
        yield running


@pytest.fixture(scope="module", params=MADE)
def folder(request, tmp_path_factory):
    how = MADE[request.param]
    month = made_up.build_month(tmp_path_factory.mktemp("study") / "2017-12", **how)
    info = made_up.run_info(currency=how.get("currency", "USD"))
    site.render_month(month, info)
    made_up.write_manifest(month)
    v4 = nbformat.v4
    head = "<table><caption>Who</caption><thead><tr><th></th><th>n</th></tr></thead>"
    table = f"{head}<tbody><tr><th>a</th><td>1</td></tr></tbody></table>"
    cells = [
        v4.new_markdown_cell("# Who buys?\n\n## First\n\nText.\n\n## Second\n\n- one\n- two\n\n## Third"),
        v4.new_code_cell("x", outputs=[v4.new_output("display_data", {"text/html": table}),
                                       v4.new_output("display_data", {"text/html": table}),
                                       v4.new_output("stream", text="a line of output " * 20)]),
    ]  # fmt: skip
    nbformat.write(v4.new_notebook(cells=cells), month / "appendix" / "30.ipynb")
    site.render_appendix_page(month / "appendix" / "30.ipynb", month / "appendix" / "30.html", info, info.notebooks[1])
    site.render_study_index(month.parent)
    return month


def every_page(folder):
    return [*sorted(folder.rglob("*.html")), folder.parent / "index.html"]


def test_axe_finds_nothing_and_nothing_is_asked_of_the_network(folder, started):
    for path in every_page(folder):
        with page_of(started, path) as page:
            asked = [url for url in page.asked if not url.startswith(("file:", "data:"))]
            assert not asked and not page.said, path.name
            assert axe_faults(page) == [], path.name
            assert lost_links(page) == [], path.name


def test_nothing_is_clipped(folder, started):
    for path in every_page(folder):
        with page_of(started, path) as page:
            for width, what in ((1280, "a desk"), (640, "200 % zoom of a desk"), (360, "a phone"), (320, "400 % zoom")):
                page.set_viewport_size({"width": width, "height": 900})
                assert clipped(page) == [], (path.name, what)


def test_pages_fit_on_a4(folder, started):
    for path in every_page(folder):
        with page_of(started, path, width=695) as page:  # A4 less its margins, in CSS pixels
            page.emulate_media(media="print")
            assert clipped(page) == [], path.name
            pdf = page.pdf(prefer_css_page_size=True)
            assert re.search(rb"/MediaBox\s*\[\s*0 0 59[45]", pdf), path.name


def test_an_evidence_link_lands_on_its_text(folder, started):
    with page_of(started, folder / "index.html") as page:
        page.click('a.ev[href="#e-start_here-revenue"]')
        target = page.locator("#e-start_here-revenue")
        assert target.is_visible() and "Revenue" in target.inner_text()
        assert page.evaluate("document.querySelector(':target').getBoundingClientRect().top < innerHeight")


def test_letters_are_never_too_small_to_read(folder, started):
    for path in every_page(folder):
        with page_of(started, path, width=360) as page:
            smallest = page.evaluate("""() => Math.min(...[...document.querySelectorAll('body *')]
                .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
                .map(e => parseFloat(getComputedStyle(e).fontSize)))""")
            assert smallest >= 12.5, path.name
