"""Tables and takeaways for notebooks and pages: figures written as figures, nothing unescaped, always the same text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from custaudience.errors import ColumnError, near_miss
from custaudience.evidence import template as _
from custaudience.present.figures import NBSP
from custaudience.present.words import format_value, render, render_claim, status_name, term, terms, translator

if TYPE_CHECKING:
    from custaudience.evidence import Claim

_BLANK = "–"
_WORDS = {"text", "term", "date", "month", "month_in"}
# Jupyter reads dollar signs in tables as formulas unless told not to.
_CLASSES = "custaudience tex2jax_ignore mathjax_ignore"


@dataclass(frozen=True)
class Table:
    """A table as text: what `table` returns and a notebook displays."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_number: tuple[bool, ...]
    caption: str = ""

    def __repr__(self) -> str:
        widths = [max(len(row[i]) for row in (self.head, *self.rows)) for i in range(len(self.head))]
        sides = [">" if number else "<" for number in self.is_number]

        def line(row: tuple[str, ...]) -> str:
            cells = zip(row, sides, widths, strict=True)
            return "  ".join(f"{cell:{side}{width}}" for cell, side, width in cells).rstrip()

        rule = "  ".join("-" * width for width in widths)
        text = [self.caption] if self.caption else []
        return "\n".join([*text, line(self.head), rule, *map(line, self.rows)]).replace(NBSP, " ")

    def html(self) -> Markup:
        """Return the table as HTML: escaped, headers scoped, the first column heading its rows."""
        cell = Markup('<{tag}{scope} style="text-align:{align}"{css}>{text}</{tag}>')

        def fill(text: str, i: int, scope: str) -> Markup:
            number = self.is_number[i]
            return cell.format(
                tag="th" if scope else "td", scope=Markup(' scope="{}"').format(scope) if scope else "",
                align="right" if number else "left", css=Markup(' class="n"') if number else "", text=text
            )  # fmt: skip

        def line(row: tuple[str, ...], scopes: tuple[str, ...]) -> Markup:
            cells = [fill(text, i, scope) for i, (text, scope) in enumerate(zip(row, scopes, strict=True))]
            return Markup("<tr>{}</tr>").format(Markup("").join(cells))

        width = len(self.head)
        head = line(self.head, ("col",) * width)
        body = Markup("").join(line(row, ("row",) + ("",) * (width - 1)) for row in self.rows)
        caption = Markup("<caption>{}</caption>").format(self.caption) if self.caption else ""
        parts = (_CLASSES, caption, head, body)
        return Markup('<table class="{}">{}<thead>{}</thead><tbody>{}</tbody></table>').format(*parts)

    _repr_html_ = html


def table(
    df: pd.DataFrame, *, caption: str = "", formats: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None, min_group_size: int | None = None, currency: str | None = None,
    language: str = "en"
) -> Table:  # fmt: skip
    """Return a table ready to show: its columns in order, a named index first.

    `caption` says what the table answers. `formats` by column are those of `words.format_value`, ``+`` before one signs
    it; a column without one is written by its type. `labels` head columns in place of their names. With
    `min_group_size` a missing ``count`` is a group too small to show: "fewer than 10"; else a missing value is a dash.

    Examples
    --------
    >>> table(pd.DataFrame({"segment": ["loyal"], "share": [0.193]}), formats={"share": "percent"})
    segment  share
    -------  -----
    loyal     19 %
    """
    formats, labels = dict(formats or {}), dict(labels or {})
    if any(name is not None for name in df.index.names):
        df = df.reset_index()
    for name in (*formats, *labels):
        if name not in df.columns:
            raise ColumnError(f"table: no column {name!r}.{near_miss(name, map(str, df.columns))}")
    forms = {column: formats.get(column) or _form_of(df[column]) for column in df.columns}

    def write(value: Any, form: str) -> str:
        if pd.api.types.is_scalar(value) and pd.isna(value):
            small = form == "count" and min_group_size is not None
            return fewer_than(min_group_size or 0, language) if small else _BLANK
        text = format_value(value, form.removeprefix("+"), language=language, currency=currency)
        return f"+{text}" if form.startswith("+") and value > 0 else text

    head = tuple(translator(language)(labels.get(c, str(c).replace("_", " "))) for c in df.columns)
    rows = tuple(tuple(map(write, row, forms.values())) for row in df.itertuples(index=False, name=None))
    return Table(head, rows, tuple(form not in _WORDS for form in forms.values()), caption)


def fewer_than(n: int, language: str) -> str:
    """Return how a group too small to be shown is written."""
    return render(_("fewer than {n:count}"), {"n": n}, language=language).replace(f" {n}", f"{NBSP}{n}")


def _form_of(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column):
        return "text"
    if pd.api.types.is_integer_dtype(column):
        return "count"
    if pd.api.types.is_numeric_dtype(column):
        return "number"
    return "date" if pd.api.types.is_datetime64_any_dtype(column) else "text"


def glossary(*, language: str = "en") -> Table:
    """Return every term with its line from ``locale/terms.toml``, in alphabetical order."""
    entries = sorted((term(key, language) for key in terms()), key=lambda entry: entry.name.casefold())
    heads = ["word", "what it is", "what it does not mean"]
    return table(pd.DataFrame([(e.name, e.glossary, e.does_not_mean) for e in entries], columns=heads))


_PLAIN = {"measured", "advice"}


@dataclass(frozen=True)
class Takeaways:
    """Sentences to say, with their status where it is not simply measured."""

    sentences: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(f"- {sentence}" for sentence in self.sentences)

    def _repr_html_(self) -> str:
        return Markup("<ul>{}</ul>").format(Markup("").join(map(Markup("<li>{}</li>").format, self.sentences)))


def takeaways(claims: Iterable[Claim], *, language: str = "en") -> Takeaways:
    """Return claims as sentences in the reader's language, ready to show at the end of a cell."""
    sentences = []
    for claim in claims:
        note = "" if claim.status in _PLAIN else f" ({status_name(claim.status, language)})"
        sentences.append(render_claim(claim, language=language) + note)
    return Takeaways(tuple(sentences))
