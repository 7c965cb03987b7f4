"""Renew the catalogues, or check them: ``python -m custaudience.present.locale [check] [language …]``.

Messages are the sentences of the sheets of words (`custaudience.telling`), the literal arguments of ``_`` and
``template`` in the package and in the notebooks, of ``_`` in the page templates, the names, meanings and actions of
the shipped segments, and the caveats of the shipped studies.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from custaudience.present import locale
from custaudience.present.words import WordsError, plural_tags
from custaudience.telling import sentences

PACKAGE = locale.FOLDER.parents[1]
_FILES = ("customers/rfm/segments.toml", "reports/contact_words.toml", "reports/topics.toml")
_MARKERS = {"_", "template"}
_FILLED = re.compile(r"\{\w+:(?!plural )[^{}]+\}")
_PLACEHOLDER = re.compile(r"\{(\w+):([^{}]+)\}")
# A date stands in another case or form where another language needs it.
_ALIKE = {"month_in": "month"}


def messages() -> dict[str, list[str]]:
    """Return each message with the files it stands in, sorted; paths are relative to the project."""
    found: dict[str, set[str]] = {}
    for message, place in (*_from_code(), *_from_sheets(), *_from_notebooks(), *_from_templates(), *_from_data()):
        if message.strip():
            found.setdefault(message, set()).add(place)
    return {message: sorted(found[message]) for message in sorted(found)}


def update(language: str) -> tuple[int, int]:
    """Write a catalogue with exactly the messages there are; return how many, and how many lack a translation."""
    path = locale.catalogue_path(language)
    known = catalogue(language) if path.exists() else Catalog(locale=language)
    renewed = Catalog(locale=language, charset="utf-8", header_comment="", fuzzy=False)
    for message, places in messages().items():
        old = known.get(message)
        text = old.string if old and not old.fuzzy else ""
        renewed.add(message, text, locations=[(place, 0) for place in places])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as handle:
        handle.write(_HEADER.format(language=language).encode())
        write_po(handle, renewed, width=100, omit_header=True, include_lineno=False)
    return len(renewed), sum(not message.string for message in renewed if message.id)


_HEADER = """# Kept in step with the code by `python -m custaudience.present.locale`; write translations here.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: {language}\\n"

"""


def faults(language: str) -> list[str]:
    """Return what is wrong with a catalogue, one line each; empty when it is whole."""
    known = catalogue(language)
    wrong = []
    for message, places in messages().items():
        entry = known.get(message)
        if entry is None or not entry.string:
            wrong.append(f"{places[0]}: no translation of {message!r}")
        elif entry.fuzzy:
            wrong.append(f"{places[0]}: the translation of {message!r} is marked fuzzy")
        else:
            wrong.extend(f"{places[0]}: {fault}" for fault in _disagreements(message, str(entry.string), language))
    return wrong


def catalogue(language: str) -> Catalog:
    """Read the catalogue of a language."""
    path = locale.catalogue_path(language)
    if not path.exists():
        raise WordsError(f"no catalogue for {language!r}; begin one: python -m custaudience.present.locale {language}")
    with path.open("rb") as handle:
        return read_po(handle, locale=language, abort_invalid=True)


def _disagreements(message: str, translation: str, language: str) -> Iterator[str]:
    """Compare placeholders: the same values in the same formats; plurals as the language needs them."""

    def parts(text: str) -> set[tuple[str, str]]:
        found = ((name, form) for name, form in _PLACEHOLDER.findall(text) if not form.startswith("plural "))
        return {(name, _ALIKE.get(form, form)) for name, form in found}

    if parts(message) != parts(translation):
        differ = sorted(f"{{{n}:{f}}}" for n, f in parts(message) ^ parts(translation))
        yield f"placeholders {', '.join(differ)} stand only in one of {message!r} and {translation!r}"
    names = {name for name, _form in _PLACEHOLDER.findall(message)}
    for text, tags in ((message, plural_tags("en")), (translation, plural_tags(language))):
        for name, form in _PLACEHOLDER.findall(text):
            if name not in names:
                yield f"value {name!r} is not in {message!r}"
            if form.startswith("plural ") and form.count("|") + 1 != len(tags):
                yield f"{text!r}: plural {name} needs the forms {'|'.join(tags)}"


def _from_code() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for message in _marked(path.read_text(encoding="utf-8")):
            yield message, _place(path)


def _from_sheets() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("sheet.toml")):
        for message in sentences(tomllib.loads(path.read_text(encoding="utf-8"))):
            if re.search(r"[^\s().,:;]", _FILLED.sub("", message)):  # else nothing but other sentences
                yield message, _place(path)


def _from_notebooks() -> Iterator[tuple[str, str]]:
    for path in sorted((PACKAGE.parent / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code" and "template(" in source:
                for message in _marked(re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE)):
                    yield message, _place(path)


def _marked(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            first = node.args[0]
            if name in _MARKERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _from_templates() -> Iterator[tuple[str, str]]:
    from jinja2 import Environment
    from jinja2.ext import extract_from_ast

    for path in sorted((PACKAGE / "present" / "templates").glob("*.html.j2")):
        if path.name == "notebook.html.j2":  # nbconvert's blocks and filters; nothing in it is translated
            continue
        tree = Environment().parse(path.read_text(encoding="utf-8"))
        for _line, _function, strings in extract_from_ast(tree, gettext_functions=("_",), babel_style=False):
            message = strings if isinstance(strings, str) else next((s for s in strings or () if s), "")
            yield message, _place(path)


def _from_data() -> Iterator[tuple[str, str]]:
    segments, notes, topics = (PACKAGE / file for file in _FILES)
    rules, words, pages = (tomllib.loads(path.read_text(encoding="utf-8")) for path in (segments, notes, topics))
    for row in (*rules["segment"], rules["no_order"]):
        yield from ((row.get(key, ""), _place(segments)) for key in ("name", "meaning", "action"))
    yield from ((text, _place(notes)) for text in words.values())
    for row in (part for topic in pages["topic"] for part in (topic, *topic["sections"])):
        yield from ((row.get(key, ""), _place(topics)) for key in ("name", "intro", "heading", "reading"))
    for path in sorted((PACKAGE.parent / "data").glob("*/study.toml")):
        for caveat in tomllib.loads(path.read_text(encoding="utf-8"))["study"].get("caveats", ()):
            if isinstance(caveat, str):  # one given once per language brings its translations
                yield caveat, _place(path)


def _place(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).as_posix()


def main(arguments: list[str]) -> int:
    """Renew or check the catalogues named, all of them by default; return the exit code."""
    checking = arguments[:1] == ["check"]
    wanted = arguments[1:] if checking else arguments
    broken = 0
    for language in wanted or locale.languages()[1:]:
        if checking:
            found = faults(language)
            broken += len(found)
            print("\n".join([*found, f"{language}: {len(found)} faults"]))
        else:
            total, missing = update(language)
            print(f"{language}: {total} messages, {missing} without a translation")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
