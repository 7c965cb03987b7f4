"""Debian's chromium through playwright: opens pages from disk and tells what a reader would trip over."""

import shutil
from contextlib import contextmanager

import pytest

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Text wider than its box, or reaching over the edge of the page without a region that scrolls.
_CLIPPED = """() => {
  const wide = document.documentElement.clientWidth + 1, found = [];
  for (const e of document.querySelectorAll('body *')) {
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (!box.width || e.closest('.hidden, .skip, thead, svg, .scroll, pre') || style.display === 'inline') continue;
    if (style.clipPath === 'inset(50%)') continue;  // meant for screen readers only
    if (box.right > wide || box.left < -1) found.push(e.tagName + ' over the edge: ' + e.textContent.slice(0, 60));
    else if (e.scrollWidth > e.clientWidth + 1 && style.overflowX !== 'auto')
      found.push(e.tagName + ' overflows: ' + e.textContent.slice(0, 60));
  }
  return found;
}"""


@contextmanager
def browser():
    """Start the browser; skip, saying why, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the playwright package is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def page_of(started, path, *, width=1280, height=900):
    """Open a page from disk with no network; requests and console messages are noted on the page."""
    context = started.new_context(viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    page.asked, page.said = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(path.as_uri())
    try:
        yield page
    finally:
        context.close()


def clipped(page):
    """Return what reaches over the edge of the page or out of its box."""
    return page.evaluate(_CLIPPED)


def axe_faults(page):
    """Return what axe finds, best practices included."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    # axe is put in by the browser, not by the page, whose own policy allows no script.
    result = axe.Axe().run(page).response
    return [f"{v['id']}: {node['html'][:160]}" for v in result["violations"] for node in v["nodes"]]


def lost_links(page):
    """Return the anchors of the page that land on nothing visible."""
    return page.evaluate("""() => [...document.querySelectorAll('a[href^="#"]')].map(a => a.getAttribute('href'))
      .filter(h => { const e = document.getElementById(decodeURIComponent(h.slice(1)));
                     return !e || !e.getBoundingClientRect().height || !e.textContent.trim(); })""")
