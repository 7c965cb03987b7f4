"""Colour, type and space of everything shown, in one place, and how a figure is shown: with words, in the same bytes.

Contrast on white: ink 16:1, quiet 6:1, accents 3.4:1 or more. Text in a colour uses the ink shades only.
"""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1b1f24"
QUIET = "#57606a"
LINE = "#d0d7de"
WASH = "#f6f8fa"
PAPER = "#ffffff"
BLUE = "#0072b2"
VERMILION = "#d55e00"
GREEN = "#00875f"
PURPLE = "#7b3f9d"
REST = "#6e7781"
WARN_BACKGROUND, WARN_LINE, WARN_INK = "#fff8e6", "#9a6700", "#7a5200"

# Four segments wear an accent, the same one in all months and on all pages; the others wear REST.
ACCENTS = {"champions": BLUE, "loyal": GREEN, "at_risk": VERMILION, "cannot_lose": PURPLE}

SEQUENTIAL = "cividis"
FONT_STACK = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif'
# Comes with matplotlib, so that a stored figure is the same on every machine; knows Cyrillic and ₴ ₽ ₫.
FONT = "DejaVu Sans"
DPI = 100

_RC: dict[str, Any] = {
    "font.family": "sans-serif", "font.sans-serif": [FONT], "font.size": 10.5, "text.color": INK,
    "text.parse_math": False,  # "$" is money
    "axes.edgecolor": LINE, "axes.labelcolor": QUIET, "axes.labelsize": 10, "axes.facecolor": PAPER,
    "axes.titlecolor": INK, "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.titlepad": 12, "axes.spines.top": False, "axes.spines.right": False, "axes.unicode_minus": True,
    "axes.axisbelow": True, "axes.grid": False, "grid.color": LINE, "grid.linewidth": 0.7, "hatch.linewidth": 1.4,
    "xtick.color": QUIET, "xtick.labelsize": 10, "xtick.major.size": 0,
    "ytick.color": QUIET, "ytick.labelsize": 10, "ytick.major.size": 0,
    "figure.facecolor": PAPER, "figure.dpi": DPI, "savefig.dpi": DPI,
    "svg.hashsalt": "custaudience",  # the same drawing gives the same bytes
}  # fmt: skip


def segment_color(segment: str) -> str:
    """Return the colour a segment wears: one of four accents, or grey."""
    return ACCENTS.get(segment, REST)


@contextmanager
def use_style() -> Iterator[None]:
    """Draw in the project's look inside the ``with`` block; the caller's settings come back after it."""
    import matplotlib as mpl

    with mpl.rc_context(_RC):  # type: ignore[arg-type]
        yield


@cache
def template_text(name: str) -> str:
    """Return a file of ``templates/``."""
    return files("custaudience.present").joinpath("templates", name).read_text(encoding="utf-8")


def stylesheet(name: str) -> Markup:
    """Return a stylesheet of ours with the colours and fonts as CSS custom properties: not to be escaped."""
    tokens = {
        "ink": INK, "quiet": QUIET, "line": LINE, "wash": WASH, "paper": PAPER, "blue": BLUE,
        "vermilion": VERMILION, "green": GREEN, "purple": PURPLE, "rest": REST,
        "warn-bg": WARN_BACKGROUND, "warn-line": WARN_LINE, "warn-ink": WARN_INK, "font": FONT_STACK,
    }  # fmt: skip
    properties = "".join(f"--{token}:{value};" for token, value in tokens.items())
    return Markup(f":root{{{properties}}}{template_text(name)}")


def show(fig: Figure | Axes, *, alt: str) -> None:
    """Display what a ``plot_*`` function returned as PNG, then close it.

    `alt` says in a sentence what the figure shows; it becomes the alternative text on report pages.
    """
    from IPython.display import display

    figure: Figure = fig if hasattr(fig, "savefig") else fig.figure  # type: ignore[assignment]
    picture = base64.b64encode(figure_bytes(figure, alt=alt)).decode("ascii")
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)  # otherwise the notebook shows it a second time
    display({"image/png": picture, "text/plain": f"Figure: {alt}"}, metadata={"image/png": {"alt": alt}}, raw=True)


def figure_bytes(fig: Figure | Axes, *, alt: str, form: str = "png") -> bytes:
    """Return a figure as PNG of at most 100 dots per inch, or as SVG; the same drawing, the same bytes."""
    if not alt.strip():
        raise ValueError("a figure needs alt text: say in a sentence what it shows")
    figure: Figure = fig if hasattr(fig, "savefig") else fig.figure  # type: ignore[assignment]
    stream = io.BytesIO()
    # No date and no version inside, so that a stored figure changes only when the drawing does.
    metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    with use_style():
        figure.savefig(stream, format=form, dpi=min(figure.dpi, DPI), metadata=metadata)
    return stream.getvalue()
