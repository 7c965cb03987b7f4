"""An executed notebook as an article: what it says and shows, without its code."""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from markupsafe import Markup

if TYPE_CHECKING:
    from nbconvert import HTMLExporter

_HIDDEN_TAGS = ("parameters", "injected-parameters", "remove_cell", "remove-cell")
_TABLE_TAGS = {
    "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "div", "p", "span", "b", "strong", "i", "em",
    "small", "sub", "sup", "br", "ul", "ol", "li", "dl", "dt", "dd", "code", "pre", "a", "h2", "h3", "h4",
}  # fmt: skip
_TABLE_ATTRIBUTES = {
    "*": ["class", "lang"], "th": ["scope", "colspan", "rowspan", "style"], "td": ["colspan", "rowspan", "style"],
    "a": ["href", "title"],
}  # fmt: skip
_STYLE_SCRIPT = re.compile(r"<(style|script)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_HEADING = re.compile(r"<h2\b[^>]*>(.*?)</h2>", re.DOTALL)


def notebook_body(path: Path) -> tuple[Markup, list[dict[str, str]]]:
    """Return an executed notebook as HTML for the inside of a page, and its contents.

    Parameters
    ----------
    path : Path
        Executed notebook. Pictures take their alt text from the metadata that `present.show` leaves.

    Returns
    -------
    body : Markup
        Text, tables and pictures; no code, no script, no style, no link to a picture elsewhere.
    contents : list of dict
        ``anchor`` and ``text`` of the second-level headings.
    """
    notebook = nbformat.read(path, as_version=4)
    exporter = _exporter()
    exporter.environment.filters["safe_table"] = _table_filter()
    body, _resources = exporter.from_notebook_node(notebook)
    return _with_anchors(_without_scripts(body))


def _with_anchors(body: str) -> tuple[Markup, list[dict[str, str]]]:
    """Give each second-level heading an anchor of its own, and list them."""
    contents: list[dict[str, str]] = []

    def anchored(heading: re.Match[str]) -> str:
        anchor = f"part-{len(contents) + 1}"
        text = unescape(re.sub(r"<[^>]+>", "", heading.group(1))).strip()
        contents.append({"anchor": anchor, "text": text})
        return f'<h2 id="{anchor}">{heading.group(1)}</h2>'

    return Markup(_HEADING.sub(anchored, body)), contents


@lru_cache(maxsize=1)
def _exporter() -> HTMLExporter:
    """Return the one exporter of this process: making it costs more than a page."""
    from importlib.resources import files

    from jinja2 import DictLoader
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors import TagRemovePreprocessor
    from traitlets.config import Config

    source = files("custaudience.present").joinpath("templates", "notebook.html.j2").read_text(encoding="utf-8")
    config = Config()
    config.TagRemovePreprocessor.remove_cell_tags = _HIDDEN_TAGS
    exporter = HTMLExporter(
        config=config,
        extra_loaders=[DictLoader({"custaudience.html.j2": source})],
        template_file="custaudience.html.j2",
        exclude_input=True,
        exclude_anchor_links=True,
    )
    exporter.register_preprocessor(TagRemovePreprocessor(config=config), enabled=True)
    return exporter


def _table_filter() -> Any:
    """Return the filter that lets a table through: known tags only, in a region that scrolls and is named."""
    import bleach
    from bleach.css_sanitizer import CSSSanitizer

    cleaner = bleach.Cleaner(
        tags=_TABLE_TAGS,
        attributes=_TABLE_ATTRIBUTES,
        css_sanitizer=CSSSanitizer(allowed_css_properties=["text-align"]),
        strip=True,
    )
    number = itertools.count(1)

    def safe_table(html: str) -> str:
        clean = cleaner.clean(_STYLE_SCRIPT.sub("", html))
        clean = re.sub(r"<th\b([^>]*)>\s*</th>", r"<td\1></td>", clean)  # an empty heading heads nothing
        clean = re.sub(r"(<td[^>]*?) scope=\"\w+\"", r"\1", clean)
        clean = _scoped(clean)
        caption = re.search(r"<caption[^>]*>(.*?)</caption>", clean, re.DOTALL)
        name = re.sub(r"<[^>]+>", "", caption.group(1)).strip() if caption else ""
        label = f"Table {next(number)}" + (f": {name}" if name else "")
        label = label.replace('"', "&quot;")  # the rest of the caption is escaped already
        return f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">{clean}</div>'

    return safe_table


def _scoped(html: str) -> str:
    """Say of every heading cell whether it heads a column or a row."""
    head, end, body = html.partition("</thead>")
    if not end:
        head, body = "", html
    head = re.sub(r"<th(?![^>]*\bscope=)(?=[\s>])", '<th scope="col"', head)
    return head + end + re.sub(r"<th(?![^>]*\bscope=)(?=[\s>])", '<th scope="row"', body)


def _without_scripts(html: str) -> str:
    """Take out what raw HTML in a text cell could bring: scripts, frames, handlers, pictures from elsewhere."""
    html = _STYLE_SCRIPT.sub("", html)
    html = re.sub(r"</?(script|iframe|object|embed|link|meta|base|form)\b[^>]*>", "", html, flags=re.IGNORECASE)
    html = re.sub(r"""(<[a-zA-Z][^>]*?)\son\w+\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""", r"\1", html)
    html = re.sub(r"""<img\b(?![^>]*\bsrc\s*=\s*["']?data:)[^>]*>""", "", html, flags=re.IGNORECASE)
    return re.sub(r"""\bhref\s*=\s*(["'])\s*javascript:[^"']*\1""", 'href="#main"', html, flags=re.IGNORECASE)
