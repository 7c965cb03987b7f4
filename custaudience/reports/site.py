"""The pages of a run: written from published tables and claims, in each language asked; its notebooks as articles.

Pages are whole in themselves: no script, nothing from elsewhere, everything from data escaped.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from markupsafe import Markup

import custaudience
from custaudience.evidence import template as _
from custaudience.present.cards import environment_of
from custaudience.present.figures import in_language, language_of
from custaudience.present.style import stylesheet, template_text
from custaudience.present.words import term, terms, translator
from custaudience.reports import segment_pages
from custaudience.reports.ledger import NotebookRun, RunInfo, read_ledger, read_manifest
from custaudience.reports.pages import Source, index_page, page_name
from custaudience.reports.topics import PERSONAS, TOPICS, topic_page

if TYPE_CHECKING:
    from nbconvert import HTMLExporter

_MONTH, _FAILED = re.compile(r"\d{4}-\d{2}"), re.compile(r"\d{4}-\d{2}\.failed")
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


def render_month(build: Path, info: RunInfo) -> None:
    """Write the pages of a month beside its ``tables/``, from these and the claims.

    ``index.html``, ``segments.html`` and a page per topic with claims in the first language,
    ``index.<language>.html`` … in the others, and ``appendix/index.html`` in English.
    """
    for language in info.languages:
        translator(language)  # refuses what is not shipped before anything is written
    ledger = read_ledger(build)
    index = partial(
        index_page,
        said_elsewhere={PERSONAS.slug, *(topic.slug for topic in TOPICS)},
        acts={topic.slug for topic in TOPICS if topic.acts},
        personas=segment_pages.persona_rows,
    )
    topics = [topic for topic in TOPICS if topic.in_ledger(ledger)]
    if segment_pages.in_ledger(ledger):
        topics.insert(0, PERSONAS)  # the last but those of single topics: whom the segments stand for
    pages: list[tuple[str, str, Callable[[Source], dict[str, Any]], str]] = [
        ("index", "index.html.j2", index, _("Overview of the month")),
        ("segments", "segments.html.j2", segment_pages.segments_page, _("Segments")),
        *((topic.stem, "topic.html.j2", partial(topic_page, topic=topic), topic.name) for topic in topics),
    ]
    for language in info.languages:
        for stem, template, make, _name in pages:
            source = Source(info, ledger, build, language)
            nav = [
                {"href": page_name(other, language, info), "name": source.say(name), "here": other == stem}
                for other, _template, _make, name in pages
            ]
            made = _persona_index(source, nav) if stem == PERSONAS.stem else ""
            if not made:
                page = make(source) | {"links": _links(info, language, stem), "nav": nav}
                context = {"page": page, "evidence": source.evidence, "fmt": source.fmt}
                made = _page(template, language, info, root="../" * stem.count("/"), **context)
            _write(build / page_name(stem, language, info), made)
    segment_pages.write_cards(build, info)
    _write_appendix_index(build, info)


def _persona_index(source: Source, nav: list[dict[str, Any]]) -> str:
    """Return the index of the personas, "" where the run has none: then a page says why."""
    if not segment_pages.read_personas(source.folder):
        return ""
    info, language = source.info, source.language
    page = {"nav": nav, "links": _links(info, language, PERSONAS.stem)}
    parts = environment_of(language).get_template("personas.html.j2")
    context = _context(language, info.languages[0]) | {"info": info, "page": page, "root": "../"}
    top, foot = (Markup(parts.render(context, part=part)) for part in ("top", "foot"))
    return segment_pages.index_sheet(source, (), top, foot)


def render_appendix_page(notebook_path: Path, html_path: Path, info: RunInfo, run: NotebookRun) -> None:
    """Write an executed notebook as a page of the appendix: in English, without code."""
    body, contents = notebook_body(notebook_path)
    page = _page("appendix.html.j2", "en", info, run=run, body=body, contents=contents, links=_appendix_links())
    _write(html_path, page)


def render_study_index(study_folder: Path) -> None:
    """Write ``index.html`` of a study's folder: all its months, the newest first, and what failed last."""
    found = {path.name: read_manifest(path) for path in sorted(study_folder.iterdir(), reverse=True) if path.is_dir()}
    months = [_listed(name, manifest) for name, manifest in found.items() if _MONTH.fullmatch(name)]
    failed = [_listed(name, manifest) for name, manifest in found.items() if _FAILED.fullmatch(name)]
    newest: Mapping[str, Any] = next((m for m in found.values() if m), {})
    language = next(iter(newest.get("languages", ())), "en")
    page = environment_of(language).get_template("study_index.html.j2").render(
        _context(language, language), months=months, failed=failed, caveats=newest.get("caveats", ()),
        name=newest.get("study_name") or newest.get("study") or study_folder.name,
    )  # fmt: skip
    _write(study_folder / "index.html", page)


def _listed(name: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    failed = [run for run in manifest.get("notebooks", ()) if run.get("status") == "failed"]
    return {
        "month": manifest.get("month") or name.removesuffix(".failed"),
        "status": manifest.get("status", "complete"),
        "href": f"{name}/index.html",
        "what": [f"{run.get('file')}: {run.get('reason', '')}" for run in failed],
    }


def _write_appendix_index(build: Path, info: RunInfo) -> None:
    cited = {claim.statistic for claim in read_ledger(build).values()}
    glossary = [term(key, "en") for key in terms() if key in cited]
    page = _page("appendix_index.html.j2", "en", info, links=_appendix_links(), glossary=glossary)
    _write(build / "appendix" / "index.html", page)


def _page(template: str, language: str, info: RunInfo, **context: Any) -> str:
    page = environment_of(language).get_template(template)
    return page.render(_context(language, info.languages[0]) | context, info=info)


def _context(language: str, study_language: str) -> dict[str, Any]:
    translate = translator(language)

    def study_lang(text: str | Mapping[str, str]) -> Markup:
        """Mark a text of the study's own with the language it is in, when that is not the page's."""
        if isinstance(text, Mapping):
            found = language_of(text, language)
        else:
            found = language if translate(text) != text else study_language
        return Markup('lang="{}"').format(found) if found != language else Markup("")

    return {
        "lang": language,
        "root": "",  # from a page's folder up to the month's
        "css": stylesheet("page.css"),
        "version": custaudience.__version__,
        "study_lang": study_lang,
        "study_text": lambda text: translate(in_language(text, language)),
    }


def _links(info: RunInfo, language: str, stem: str) -> list[dict[str, str]]:
    say, others = translator(language), segment_pages.other_languages(stem, language, info)
    own = {"appendix/index.html": _("all notebooks"), "manifest.json": _("manifest"), "../index.html": _("all months")}
    links = [(href, say(name), "") for href, name in own.items()]
    return [{"href": href, "name": name, "lang": code} for href, name, code in (*links, *others)]


def _appendix_links() -> list[dict[str, str]]:
    own = {"index.html": "all notebooks", "../manifest.json": "manifest", "../../index.html": "all months"}
    return [{"href": href, "name": name, "lang": ""} for href, name in own.items()]


def _write(path: Path, page: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (line.rstrip() for line in page.splitlines())
    path.write_text("\n".join(line for line in lines if line) + "\n", encoding="utf-8", newline="\n")


def notebook_body(path: Path) -> tuple[Markup, list[dict[str, str]]]:
    """Return an executed notebook as HTML for the inside of a page, and ``anchor`` and ``text`` of its headings.

    Text, tables and pictures, with the alt text that `present.show` leaves in their metadata; no code, no script, no
    style, no link to a picture elsewhere.
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
    from jinja2 import DictLoader
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors import TagRemovePreprocessor
    from traitlets.config import Config

    source = template_text("notebook.html.j2")
    config = Config()
    config.TagRemovePreprocessor.remove_cell_tags = _HIDDEN_TAGS
    name = "custaudience.html.j2"
    loaders, without = [DictLoader({name: source})], {"exclude_input": True, "exclude_anchor_links": True}
    exporter = HTMLExporter(config=config, extra_loaders=loaders, template_file=name, **without)
    exporter.register_preprocessor(TagRemovePreprocessor(config=config), enabled=True)
    return exporter


def _table_filter() -> Any:
    """Return the filter that lets a table through: known tags only, in a region that scrolls and is named."""
    import bleach
    from bleach.css_sanitizer import CSSSanitizer

    css = CSSSanitizer(allowed_css_properties=["text-align"])
    cleaner = bleach.Cleaner(tags=_TABLE_TAGS, attributes=_TABLE_ATTRIBUTES, css_sanitizer=css, strip=True)
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
