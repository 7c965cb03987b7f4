"""A persona's picture: its initial and simple shapes of what it buys, always the same, and never a face."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

MOST_SHAPES = 3
_PLACES = ((26, 94, 1.12), (66, 94, 1.12), (106, 94, 1.12))


@cache
def _shapes() -> dict[str, Any]:
    """Return the words that call for each shape, and how it is drawn."""
    return tomllib.loads((Path(__file__).parent / "templates" / "card_shapes.toml").read_text(encoding="utf-8"))


def shape_of(category: str) -> str:
    """Return the shape that stands for a category, by the beginnings of its words: a parcel where none is known."""
    tokens = re.findall(r"[\w'’]+", category[:200].casefold())
    found = (s for s, words in _shapes()["shapes"].items() if any(t.startswith(w) for t in tokens for w in words))
    return next(found, "parcel")


def drawing(initial: str, things: Sequence[str], *, accent: str, dark: str, light: str, label: str) -> Markup:
    """Draw a persona: its initial above the shapes of what it buys most.

    Of `things`, categories, the first three different shapes are drawn; without one the letter stands alone. `label`
    says what the picture shows. Everything given is escaped.
    """
    shapes = list(dict.fromkeys(shape_of(thing) for thing in things))[:MOST_SHAPES]
    places = {0: (), 1: ((66, 93, 1.5),), 2: ((42, 93, 1.3), (90, 93, 1.3)), 3: _PLACES}[len(shapes)]
    colors, parts = {"{c}": accent, "{d}": dark, "{l}": light}, []
    for shape, (x, y, scale) in zip(shapes, places, strict=True):
        drawn = str(_shapes()["drawings"][shape])
        for mark, color in colors.items():
            drawn = drawn.replace(mark, color)
        parts.append(Markup('<g transform="translate({} {}) scale({})">{}</g>').format(x, y, scale, Markup(drawn)))
    middle, radius, size = (38, 27, 32) if shapes else (66, 44, 52)
    return Markup(
        '<svg viewBox="0 0 132 132" role="img" aria-label="{label}"><rect width="132" height="132" fill="{light}"/>'
        '<path d="M0 116h132v16H0z" fill="{accent}" opacity=".16"/><circle cx="66" cy="{y}" r="{r}" fill="{accent}"/>'
        '<text x="66" y="{base}" text-anchor="middle" font-size="{size}" font-weight="700" fill="#fff">{letter}</text>'
        "{parts}</svg>"
    ).format(
        label=label, light=light, accent=accent, y=middle, r=radius, base=round(middle + 0.36 * size, 1), size=size,
        letter=initial[:1], parts=Markup("").join(parts),
    )  # fmt: skip
