"""What the plots share: a place to draw, a title that wraps, the caption, labels that stay legible."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pandas as pd
from babel.dates import format_date

from custaudience.evidence import template as _
from custaudience.present.style import INK, PAPER, QUIET
from custaudience.present.words import render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_off_screen: ContextVar[bool] = ContextVar("_off_screen", default=False)


def axes_for(ax: Axes | None, width: float, height: float) -> Axes:
    """Return `ax`, or the axes of a new figure of that size in inches."""
    if ax is not None:
        return ax
    if _off_screen.get():
        from matplotlib.figure import Figure

        return Figure(figsize=(width, height), layout="constrained").subplots()
    from matplotlib import pyplot

    _figure, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
    return ax


@contextmanager
def off_screen() -> Iterator[None]:
    """Let plots make figures outside pyplot: no window opens, and nobody has to close them."""
    token = _off_screen.set(True)
    try:
        yield
    finally:
        _off_screen.reset(token)


def set_title(ax: Axes, text: str) -> None:
    """Set the title, broken to the width of the figure."""
    room = int(8.2 * ax.figure.get_figwidth())  # type: ignore[union-attr]
    ax.set_title(textwrap.fill(text.replace("\u00a0", " "), room))


def add_caption(ax: Axes, parts: list[str], *, below: int = 0) -> Axes:
    """Write what the figure rests on below it, quietly."""
    down = 8 + (16 if len(ax.get_xticks()) else 0) + (20 if ax.get_xlabel() else 0) + below
    down += 14 * max((tick.get_text().count("\n") for tick in ax.get_xticklabels()), default=0)
    spec = ax.get_subplotspec()
    alone = spec is not None and spec.get_gridspec().get_geometry() == (1, 1)
    # Alone in its figure, the caption begins at the figure's edge: names beside the bars may be long.
    across = "figure fraction" if alone else "axes fraction"
    room = int((11.8 if alone else 8.5) * ax.figure.get_figwidth())  # type: ignore[union-attr]
    ax.annotate(
        textwrap.fill(" · ".join(parts), room),
        (0.012 if alone else 0, 0),
        xycoords=(across, "axes fraction"),
        xytext=(0, -down),
        va="top",
        textcoords="offset points",
        color=QUIET,
        fontsize=9.5,
        gid="caption",
        annotation_clip=False,
    )
    return ax


def counted(template: str, n: Any, language: str) -> str:
    """Write a number with its noun."""
    return render(template, {"n": 0 if pd.isna(n) else int(n)}, language=language)


def n_is(n: Any, language: str) -> str:
    """Write n."""
    return counted(_("n\u00a0=\u00a0{n:count} {n:plural customer|customers}"), n, language)


def bars_from_zero(ax: Axes, right: float | None = None) -> None:
    """Start lying bars at zero and leave room for their numbers."""
    ax.set_xlim(0, right if right is not None else max(0.02, ax.get_xlim()[1] * 1.12))
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)


def remove_frame(ax: Axes) -> None:
    """Take the frame away."""
    for spine in ax.spines.values():
        spine.set_visible(False)


def write_cell(ax: Axes, x: int, y: int, text: str, shade: float, image: Any) -> None:
    """Write on a coloured cell in whichever of black and white stands out."""
    r, g, b, _alpha = image.cmap(image.norm(shade))
    light = 0.2126 * r**2.2 + 0.7152 * g**2.2 + 0.0722 * b**2.2
    ax.text(x, y, text, ha="center", va="center", fontsize=9, color=INK if light > 0.2 else PAPER)


def round_ticks(end: float) -> list[float]:
    """Return a handful of round times up to the end."""
    from matplotlib.ticker import MaxNLocator

    return [float(x) for x in MaxNLocator(5, integer=True).tick_values(0, end) if x <= end]


def keep_apart(heights: list[float], gap: float) -> list[float]:
    """Move labels up where they would lie on each other."""
    placed = list(heights)
    order = sorted(range(len(heights)), key=heights.__getitem__)
    for lower, upper in itertools.pairwise(order):
        placed[upper] = max(placed[upper], placed[lower] + gap)
    return placed


def month_ticks(months: Sequence[str], language: str) -> tuple[list[int], list[str]]:
    """Return where months are named below their bars, and how: the year stands below where it begins.

    Of many months only quarters, half years or Januaries are named, so that names do not touch.
    """
    step = next(step for step in (1, 3, 6, 12, 24, 60, 120, 1200) if len(months) <= 14 * step)
    days = [pd.Period(month, freq="M").start_time.date() for month in months]
    places = [i for i, day in enumerate(days) if (12 * day.year + day.month - 1) % step == 0]
    labels = []
    for i in places:
        name = format_date(days[i], "LLL", locale=language)
        labels.append(f"{name}\n{days[i].year}" if i == places[0] or days[i].month == 1 else name)
    return places, labels
