"""The pages of a run: written from published tables and claims, in each language asked.

Pages are whole in themselves: no script, nothing from elsewhere, everything from data escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import custaudience
from custaudience.evidence import template as _
from custaudience.present.figures import in_language, language_of
from custaudience.present.style import css_tokens
from custaudience.present.words import format_value, render, term, terms, translator
from custaudience.reports import persona_pages
from custaudience.reports.appendix import notebook_body
from custaudience.reports.ledger import read_ledger
from custaudience.reports.pages import Source, index_page, page_name
from custaudience.reports.run_info import NotebookRun, RunInfo
from custaudience.reports.segment_pages import segments_page
from custaudience.reports.topic_pages import topic_page
from custaudience.reports.topics import PERSONAS, TOPICS

_MONTH = re.compile(r"\d{4}-\d{2}")


def render_month(build: Path, info: RunInfo) -> None:
    """Write the pages of a month beside its tables.

    Parameters
    ----------
    build : Path
        The month's folder; ``tables/`` and the claims are read from it. Writes ``index.html``, ``segments.html``
        and a page per topic with claims in the first language, ``index.<language>.html`` … in the others, and
        ``appendix/index.html`` in English.
    info : RunInfo

    Raises
    ------
    WordsError
        If a language is not shipped, or a claim does not fit its template.
    """
    for language in info.languages:
        translator(language)  # refuses what is not shipped before anything is written
    ledger = read_ledger(build)
    index = partial(
        index_page,
        said_elsewhere={persona_pages.SLUG, *(topic.slug for topic in TOPICS)},
        acts={topic.slug for topic in TOPICS if topic.acts},
        personas=persona_pages.persona_rows,
    )
    pages: list[tuple[str, str, Callable[[Source], dict[str, Any]], str]] = [
        ("index", "index.html.j2", index, _("Overview of the month")),
        ("segments", "segments.html.j2", segments_page, _("Segments")),
        *(
            (topic.stem, "topic.html.j2", partial(topic_page, topic=topic), topic.name)
            for topic in TOPICS
            if topic.in_ledger(ledger)
        ),
    ]
    if persona_pages.in_ledger(ledger):
        # the last but those of single topics: whom the segments stand for
        pages.insert(2, (persona_pages.STEM, "topic.html.j2", partial(topic_page, topic=PERSONAS), persona_pages.NAME))
    for language in info.languages:
        for stem, template, make, _name in pages:
            source = Source(info, ledger, build, language)
            nav = [
                {"href": page_name(other, language, info), "name": source.say(name), "here": other == stem}
                for other, _template, _make, name in pages
            ]
            made = _persona_index(source, nav) if stem == persona_pages.STEM else ""
            if not made:
                page = make(source) | {"links": _links(info, language, stem), "nav": nav}
                context = {"page": page, "evidence": source.evidence, "fmt": source.fmt}
                made = _page(template, language, info, root="../" * stem.count("/"), **context)
            _write(build / page_name(stem, language, info), made)
    persona_pages.write_cards(build, info)
    _write_appendix_index(build, info)


def _persona_index(source: Source, nav: list[dict[str, Any]]) -> str:
    """Return the index of the personas, "" where the run has none: then a page says why."""
    if not persona_pages.read_personas(source.folder):
        return ""
    info, language = source.info, source.language
    page = {"nav": nav, "links": _links(info, language, persona_pages.STEM)}
    parts = _environment(language).get_template("personas.html.j2")
    context = _context(language, study_language=info.languages[0]) | {"info": info, "page": page, "root": "../"}
    top, foot = (Markup(parts.render(context, part=part)) for part in ("top", "foot"))
    return persona_pages.index_sheet(source, (), top, foot)


def render_appendix_page(notebook_path: Path, html_path: Path, info: RunInfo, run: NotebookRun) -> None:
    """Write an executed notebook as a page of the appendix: in English, without code.

    Parameters
    ----------
    notebook_path, html_path : Path
        The executed notebook, and the page to write.
    info : RunInfo
    run : NotebookRun
    """
    body, contents = notebook_body(notebook_path)
    page = _page("appendix.html.j2", "en", info, run=run, body=body, contents=contents, links=_appendix_links(info))
    _write(html_path, page)


def render_study_index(study_folder: Path) -> None:
    """Write ``index.html`` of a study: all its months, the newest first, and what failed last.

    Parameters
    ----------
    study_folder : Path
        Holds one folder per month, each with its ``manifest.json``, and ``<month>.failed``.
    """
    found = {path.name: _manifest(path) for path in sorted(study_folder.iterdir(), reverse=True) if path.is_dir()}
    months = [_listed(name, manifest) for name, manifest in found.items() if _MONTH.fullmatch(name)]
    failed = [
        _listed(name, manifest)
        for name, manifest in found.items()
        if name.endswith(".failed") and _MONTH.fullmatch(name.removesuffix(".failed"))
    ]
    newest: Mapping[str, Any] = next((m for m in found.values() if m), {})
    language = next(iter(newest.get("languages", ())), "en")
    page = _environment(language).get_template("study_index.html.j2").render(
        _context(language, study_language=language),
        name=newest.get("study_name") or newest.get("study") or study_folder.name,
        caveats=newest.get("caveats", ()),
        months=months,
        failed=failed,
        version=custaudience.__version__,
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


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a month without a readable manifest is listed all the same
        return {}
    return content if isinstance(content, dict) else {}


def _write_appendix_index(build: Path, info: RunInfo) -> None:
    cited = {claim.statistic for claim in read_ledger(build).values()}
    glossary = [term(key, "en") for key in terms() if key in cited]
    page = _page("appendix_index.html.j2", "en", info, links=_appendix_links(info), glossary=glossary)
    _write(build / "appendix" / "index.html", page)


def _page(template: str, language: str, info: RunInfo, **context: Any) -> str:
    page = _environment(language).get_template(template)
    return page.render(_context(language, study_language=info.languages[0]) | context, info=info)


def _context(language: str, *, study_language: str) -> dict[str, Any]:
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
        "css": Markup(css_tokens() + _css()),
        "version": custaudience.__version__,
        "study_lang": study_lang,
        "study_text": lambda text: translate(in_language(text, language)),
    }


@lru_cache(maxsize=8)
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("custaudience.present", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    translate = translator(language)

    def say(text: str, **values: Any) -> str:
        return render(text, values, language=language, html=True) if values else translate(text)

    environment.globals["_"] = say
    environment.globals["fmt"] = lambda value, form: format_value(value, form, language=language)
    environment.filters["below_appendix"] = lambda path: path.removeprefix("appendix/")
    return environment


@lru_cache(maxsize=1)
def _css() -> str:
    return files("custaudience.present").joinpath("templates", "page.css").read_text(encoding="utf-8")


def _links(info: RunInfo, language: str, stem: str) -> list[dict[str, str]]:
    say = translator(language)
    return [
        {"href": "appendix/index.html", "name": say(_("all notebooks")), "lang": ""},
        {"href": "manifest.json", "name": say(_("manifest")), "lang": ""},
        {"href": "../index.html", "name": say(_("all months")), "lang": ""},
        *(
            {"href": page_name(stem, other, info), "name": persona_pages.own_name(other), "lang": other}
            for other in info.languages
            if other != language
        ),
    ]


def _appendix_links(info: RunInfo) -> list[dict[str, str]]:
    return [
        {"href": "index.html", "name": "all notebooks", "lang": ""},
        {"href": "../manifest.json", "name": "manifest", "lang": ""},
        {"href": "../../index.html", "name": "all months", "lang": ""},
    ]


def _write(path: Path, page: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (line.rstrip() for line in page.splitlines())
    path.write_text("\n".join(line for line in lines if line) + "\n", encoding="utf-8", newline="\n")
