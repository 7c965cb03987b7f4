"""A persona's picture: its initial and simple shapes of what it buys, always the same, and never a face."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from markupsafe import Markup

MOST_SHAPES = 3
_PLACES = ((26, 94, 1.12), (66, 94, 1.12), (106, 94, 1.12))

# Each shape in a field of 32 by 32 around 0, 0; {c} is the accent, {d} its darker shade, {l} a light one.
_SHAPES = {
    "bread": '<path d="M-15 4c-3-13 8-16 15-16s18 3 15 16v8h-30z" fill="{l}" stroke="{d}" stroke-width="2"/>'
    '<path d="M-7-8l3 7M1-9l3 7M9-7l2 6" stroke="{d}" stroke-width="2" fill="none"/>',
    "bottle": '<path d="M-4-16h8v8c5 4 6 7 6 11v13h-20V3c0-4 1-7 6-11z" fill="{c}"/>'
    '<path d="M-10 3h20v7h-20z" fill="{l}"/>',
    "cup": '<path d="M-13-6h22v13a8 8 0 0 1-8 8h-6a8 8 0 0 1-8-8z" fill="{c}"/>'
    '<path d="M9-3h4a5 5 0 0 1 0 10h-4" fill="none" stroke="{c}" stroke-width="3"/>',
    "cheese": '<path d="M-15 4L10-12a12 12 0 0 1 5 16z" fill="{l}" stroke="{d}" stroke-width="2"/>'
    '<path d="M-15 4h30v10h-30z" fill="{c}"/><circle cx="-4" cy="9" r="2.6" fill="{l}"/>'
    '<circle cx="7" cy="8" r="2" fill="{l}"/>',
    "meat": '<path d="M-14 2c0-10 12-16 20-12s10 14 2 20-22 4-22-8z" fill="{c}"/>'
    '<ellipse cx="-1" cy="0" rx="5" ry="4" fill="{l}"/>',
    "fish": '<path d="M-16-8l8 6c5-8 18-9 24 2-6 11-19 10-24 2l-8 6z" fill="{c}"/>'
    '<circle cx="9" cy="-2" r="1.8" fill="{l}"/>',
    "leaf": '<path d="M-12 14c-4-20 8-29 26-28 1 18-8 30-26 28z" fill="{c}"/>'
    '<path d="M-12 14L6-6" stroke="{l}" stroke-width="2"/>',
    "fruit": '<path d="M0-6c5-5 15-2 15 7S7 16 0 14c-7 2-15-4-15-13S-5-11 0-6z" fill="{c}"/>'
    '<path d="M0-6c0-5 3-8 7-9" stroke="{d}" stroke-width="2.4" fill="none"/>',
    "bowl": '<path d="M-16-2h32c0 10-7 16-16 16S-16 8-16-2z" fill="{c}"/>'
    '<path d="M-8-14q3 4 0 8M0-15q3 4 0 9M8-14q3 4 0 8" stroke="{d}" stroke-width="2" fill="none"/>',
    "snow": '<path d="M0-15v30M-13-7.500l26 15M13-7.500l-26 15" stroke="{c}" stroke-width="3.400"/>'
    '<path d="M-4-13l4 4 4-4M-4 13l4-4 4 4" stroke="{c}" stroke-width="2.400" fill="none"/>',
    "paw": '<path d="M-9 8c0-7 5-9 9-9s9 2 9 9-6 6-9 6-9 1-9-6z" fill="{c}"/>'
    '<circle cx="-11" cy="-3" r="3.800" fill="{c}"/>'
    '<circle cx="-4" cy="-10" r="3.800" fill="{c}"/><circle cx="4" cy="-10" r="3.800" fill="{c}"/>'
    '<circle cx="11" cy="-3" r="3.800" fill="{c}"/>',
    "drop": '<path d="M0-16c8 10 11 15 11 20a11 11 0 0 1-22 0c0-5 3-10 11-20z" fill="{c}"/>'
    '<path d="M-5 6a6 6 0 0 0 5 5" stroke="{l}" stroke-width="2.400" fill="none"/>',
    "roller": '<path d="M-14-14h24v9h-24z" fill="{c}"/>'
    '<path d="M10-10h5v8h-15v5" stroke="{d}" stroke-width="2.400" fill="none"/>'
    '<path d="M-3 3h6v12h-6z" fill="{d}"/>',
    "brick": '<path d="M-16-10h14v8h-14zM0-10h16v8H0zM-16 0h8v8h-8zM-6 0h14v8H-6zM10 0h6v8h-6z" fill="{c}"/>'
    '<path d="M-16 10h14v6h-14zM0 10h16v6H0z" fill="{d}"/>',
    "hammer": '<path d="M-13-14H7c5 0 7 3 7 7h-5l-3-1h-19z" fill="{d}"/><path d="M-6-8h6v24h-6z" fill="{c}"/>',
    "bulb": '<path d="M0-16a11 11 0 0 1 6 20v4h-12v-4a11 11 0 0 1 6-20z" fill="{l}" stroke="{c}" stroke-width="2.400"/>'
    ""
    '<path d="M-5 10H5M-4 14H4" stroke="{d}" stroke-width="2.400"/>',
    "cushion": '<path d="M-15-12q15 5 30 0-5 12 0 25-15-5-30 0 5-13 0-25z" fill="{c}"/>'
    '<circle r="2.600" cy="1" fill="{l}"/>',
    "shirt": '<path d="M-7-13l-9 6 4 7 4-2v16H8V-2l4 2 4-7-9-6q-7 6-14 0z" fill="{c}"/>',
    "device": '<path d="M-9-16H9v32H-9z" fill="{d}"/><path d="M-7-12H7V9H-7z" fill="{l}"/>'
    '<circle cy="12.500" r="1.800" fill="{l}"/>',
    "book": '<path d="M-15-11q8-4 15 0 7-4 15 0v22q-8-4-15 0-7-4-15 0z" fill="{l}" stroke="{d}" stroke-width="2"/>'
    ""
    '<path d="M0-11v22" stroke="{d}" stroke-width="2"/>',
    "disc": '<circle r="15" fill="{d}"/><circle r="5.500" fill="{c}"/><circle r="1.600" fill="{l}"/>',
    "gift": '<path d="M-14-4h28v19h-28z" fill="{c}"/><path d="M-2.500-4h5v19h-5z" fill="{l}"/>'
    '<path d="M0-5c-12-2-10-12-4-10 3 1 4 6 4 10 0-4 1-9 4-10 6-2 8 8-4 10z" fill="none" '
    'stroke="{d}" stroke-width="2.400"/>',
    "machine": '<path d="M-16-2h10v-9h12v9H16v14h-32z" fill="{c}"/><circle cx="-8" cy="13" r="3.600" fill="{d}"/>'
    '<circle cx="8" cy="13" r="3.600" fill="{d}"/><path d="M-2-7h5v5h-5z" fill="{l}"/>',
    "parcel": '<path d="M-14-9h28v23h-28z" fill="{l}" stroke="{d}" stroke-width="2"/>'
    '<path d="M-14-9h28v6h-28zM-3-9h6v12h-6z" fill="{c}"/>',
}


@cache
def _words() -> dict[str, list[str]]:
    path = Path(__file__).parent / "templates" / "card_shapes.toml"
    shapes: dict[str, list[str]] = tomllib.loads(path.read_text(encoding="utf-8"))["shapes"]
    return shapes


def shape_of(category: str) -> str:
    """Return the shape that stands for a category.

    Examples
    --------
    >>> shape_of("FLUID MILK PRODUCTS"), shape_of("Інструменти"), shape_of("Xyz")
    ('bottle', 'hammer', 'parcel')
    """
    tokens = re.findall(r"[\w'’]+", category[:200].casefold())
    found = (s for s, words in _words().items() if any(t.startswith(w) for t in tokens for w in words))
    return next(found, "parcel")


def drawing(initial: str, things: Sequence[str], *, accent: str, dark: str, light: str, label: str) -> Markup:
    """Draw a persona: its initial above the shapes of what it buys most.

    Parameters
    ----------
    initial : str
        One letter.
    things : sequence of str
        Categories; the first three different shapes are drawn. None: the letter stands alone.
    accent, dark, light : str
        Colours.
    label : str
        What the picture shows, in words.

    Returns
    -------
    Markup
        An SVG element. Everything given is escaped.
    """
    shapes = list(dict.fromkeys(shape_of(thing) for thing in things))[:MOST_SHAPES]
    places = {0: (), 1: ((66, 93, 1.5),), 2: ((42, 93, 1.3), (90, 93, 1.3)), 3: _PLACES}[len(shapes)]
    parts = [
        Markup('<g transform="translate({} {}) scale({})">{}</g>').format(
            x, y, scale, Markup(_SHAPES[shape].replace("{c}", accent).replace("{d}", dark).replace("{l}", light))
        )
        for shape, (x, y, scale) in zip(shapes, places, strict=True)
    ]
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
