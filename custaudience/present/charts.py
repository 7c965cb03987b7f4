"""What the plots share: a place to draw, words in the reader's language, marks, notes, title and caption.

Each plot takes a table that is already computed and draws it on one axes. Bars start at zero, every bar carries its
number, and meaning never rests on colour alone. A missing count is a group too small to show.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pandas as pd
from babel.dates import format_date
from markupsafe import Markup, escape

from custaudience.evidence import template as _
from custaudience.present.style import INK, PAPER, QUIET, use_style
from custaudience.present.tables import fewer_than
from custaudience.present.words import Say, label, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEHIND = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}  # figures stand clear of lines
_WIDTH, _HEIGHT, _MARGIN = 120.0, 36.0, 4.0
# A line drawn from its minimum to its maximum makes noise look like news: the height stands for at
# least this share of the mean.
_LEAST_SPAN = 0.2
_off_screen: ContextVar[bool] = ContextVar("_off_screen", default=False)


class Chart:
    """One axes, and how figures and words are written on it."""

    def __init__(self, ax: Axes | None, title: str, language: str, currency: str | None, least: int) -> None:
        self._given, self.title, self.language, self.currency, self.least = ax, title, language, currency, least
        self.t = Say(language)

    def open(self, width: float, height: float) -> Axes:
        """Begin to draw: on the axes given, or on those of a new figure of that size in inches."""
        if self._given is not None:
            self.ax = self._given
        elif _off_screen.get():
            from matplotlib.figure import Figure

            self.ax = Figure(figsize=(width, height), layout="constrained").subplots()
        else:
            from matplotlib import pyplot

            _figure, self.ax = pyplot.subplots(figsize=(width, height), layout="constrained")
        self.width: float = self.ax.figure.get_figwidth()  # type: ignore[union-attr]
        return self.ax

    def each(self, *texts: str) -> list[str]:
        """Return messages in the reader's language."""
        return [self.t(text) for text in texts]

    def figure(self, value: Any, form: str = "count") -> str:
        """Write a figure; money without a currency as a plain number."""
        if form.startswith("money") and self.currency is None:
            form = "count" if form == "money0" else "number2"
        return self.t.figure(value, form, self.currency)

    def label(self, name: Any, names: Mapping[str, str] | None = None, *, wide: int = 0) -> str:
        """Return what something is called, by `names`, else by its key, in lines of so many letters."""
        known = (names or {}).get(str(name)) or (label(str(name), self.language) if name else "")
        return textwrap.fill(known, wide) if wide else known

    @property
    def few(self) -> str:
        """What stands for the size of a group too small to show."""
        return fewer_than(self.least, self.language)

    def n_is(self, n: Any) -> str:
        """Write the number of customers of a caption."""
        count = 0 if pd.isna(n) else int(n)
        return self.t(_("n\u00a0=\u00a0{n:count} {n:plural customer|customers}"), n=count)

    def size(self, n: Any) -> str:
        """Write the number of customers beside a name."""
        return self.few if pd.isna(n) else self.t(_("n\u00a0=\u00a0{n:count}"), n=n)

    def note(self, text: str, at: tuple[Any, Any], by: tuple[float, float] = (0, 0), **look: Any) -> None:
        """Write beside a place: `by` are points from there; `coords` as matplotlib's ``xycoords``."""
        coords = look.pop("coords", "data")
        look = {"textcoords": "offset points", "va": "center", "color": INK, "fontsize": 9.5, **look}
        self.ax.annotate(text, at, xycoords=coords, xytext=by, **look)

    def at_right(self, text: str, y: float, *, gid: str | None = None) -> None:
        """Write quietly at the right end of a row."""
        edge = ("axes fraction", "data")
        self.note(text, (1, y), (6, 0), coords=edge, color=QUIET, fontsize=9, annotation_clip=False, gid=gid)

    def interval(self, low: Any, high: Any, y: float, color: str, width: float = 1.6) -> None:
        """Draw a lying interval."""
        self.ax.plot([low, high], [y, y], color=color, linewidth=width, solid_capstyle="butt")

    def mark(self, x: float, y: float, marker: str, fill: str, edge: str) -> None:
        """Draw a mark above lines, whole even at the edge."""
        self.ax.plot(
            [x], [y], marker=marker, markerfacecolor=fill, markeredgecolor=edge, markersize=7, linestyle="none",
            clip_on=False, zorder=3,
        )  # fmt: skip

    def rows(self, names: Sequence[str], top: float, below: float = 0.4, size: float | None = None) -> None:
        """Name the rows, the first on top; `top` and `below` are the room around the outer ones."""
        self.ax.set_yticks(range(len(names)), list(names), color=INK)
        if size:
            self.ax.tick_params(axis="y", labelsize=size)
        self.ax.set_ylim(max(len(names), 1) - below, top)

    def bars_from_zero(self, right: float | None = None) -> None:
        """Start lying bars at zero and leave room for their numbers."""
        self.ax.set_xlim(0, right if right is not None else max(0.02, self.ax.get_xlim()[1] * 1.12))
        self.ax.set_xticks([])
        self.ax.spines["bottom"].set_visible(False)

    def remove_frame(self) -> None:
        """Take the frame away."""
        for spine in self.ax.spines.values():
            spine.set_visible(False)

    def cell(self, x: int, y: int, text: str, shade: float, image: Any) -> None:
        """Write on a coloured cell in whichever of black and white stands out."""
        light = lightness(image.cmap(image.norm(shade)))
        self.ax.text(x, y, text, ha="center", va="center", fontsize=9, color=INK if light > 0.2 else PAPER)

    def close(self, question: str, caption: list[str], *, room: float | None = None, below: int = 0) -> Axes:
        """Set the title, broken after `room` letters, and write quietly below what the figure rests on."""
        text = (self.title or self.t(question)).replace("\u00a0", " ")
        self.ax.set_title(textwrap.fill(text, int(8.2 * self.width if room is None else room)))
        down = 8 + (16 if len(self.ax.get_xticks()) else 0) + (20 if self.ax.get_xlabel() else 0) + below
        down += 14 * max((tick.get_text().count("\n") for tick in self.ax.get_xticklabels()), default=0)
        spec = self.ax.get_subplotspec()
        alone = spec is not None and spec.get_gridspec().get_geometry() == (1, 1)
        # Alone in its figure, the caption begins at the figure's edge: names beside the bars may be long.
        coords = ("figure fraction" if alone else "axes fraction", "axes fraction")
        words = textwrap.fill(" · ".join(caption), int((11.8 if alone else 8.5) * self.width))
        look = {"va": "top", "color": QUIET, "gid": "caption", "annotation_clip": False}
        self.note(words, (0.012 if alone else 0, 0), (0, -down), coords=coords, **look)
        return self.ax


def _nothing(chart: Chart) -> Axes:
    """Say that there is nothing to draw: every group is too small, or there is none."""
    ax = chart.open(7.4, 1.2)
    ax.set_axis_off()
    chart.note(
        chart.t(_("Too few to show, or none at all.")), (0.5, 0.5), coords="axes fraction", ha="center", color=QUIET
    )
    ax.set_title(chart.title)
    return ax


def plot(draw: Callable[..., Axes]) -> Callable[..., Axes]:
    """Make a plot of a function that draws on a `Chart`, in the project's look and the reader's language.

    Every plot takes, beside its own: ``title`` (the finding; default the question), ``language``, ``currency`` of
    money, ``min_group_size`` for what stands where a group is too small, and ``ax`` (default: of a new figure).
    """
    mine = list(inspect.signature(draw).parameters.values())[1:]
    shared = {"title": "", "language": "en", "currency": None, "min_group_size": 10, "ax": None}

    @functools.wraps(draw)
    def inside(table: pd.DataFrame, **options: Any) -> Axes:
        given = {name: options.pop(name, default) for name, default in shared.items()}
        chart = Chart(*(given[name] for name in ("ax", "title", "language", "currency", "min_group_size")))
        with use_style():
            return draw(chart, table, **options) if len(table) else _nothing(chart)

    more = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=d) for n, d in shared.items()]
    inside.__signature__ = inspect.Signature([*mine, *more])  # type: ignore[attr-defined]
    return inside


@contextmanager
def off_screen() -> Iterator[None]:
    """Let plots make figures outside pyplot: no window opens, and nobody has to close them."""
    token = _off_screen.set(True)
    try:
        yield
    finally:
        _off_screen.reset(token)


def lightness(rgb: Sequence[float]) -> float:
    """Return how light a colour is to the eye, from 0 to 1."""
    return float(0.2126 * rgb[0] ** 2.2 + 0.7152 * rgb[1] ** 2.2 + 0.0722 * rgb[2] ** 2.2)


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


def variable_name(name: str, kind: str, language: str) -> str:
    """Return what a variable is called; those known beside orders carry a star."""
    if kind == "category_share":
        return render(_("Share of {name:text} in purchases"), {"name": name}, language=language)
    if kind == "date":
        return render(_("Days since {name:text}"), {"name": name}, language=language) + " *"
    return label(name, language) + (" *" if kind == "attribute" else "")


def variable_names(table: pd.DataFrame, *, language: str = "en") -> pd.Series:
    """Return what the variables of a table with ``name`` and ``kind`` are called in a figure or a table.

    Examples
    --------
    >>> variable_names(pd.DataFrame({"name": ["BEEF", "age"], "kind": ["category_share", "attribute"]})).tolist()
    ['Share of BEEF in purchases', 'Age *']
    """
    names = [variable_name(str(n), k, language) for n, k in zip(table["name"], table["kind"], strict=True)]
    return pd.Series(names, index=table.index, dtype="str")


def sparkline(values: Sequence[float | None], *, label: str) -> Markup:
    """Return a line of months as SVG, oldest first, the last one marked; None or NaN leaves a gap.

    `label` says what it shows, for readers who do not see it. Without any value nothing is drawn.
    """
    points = [None if v is None or math.isnan(float(v)) else float(v) for v in values]
    known = [v for v in points if v is not None]
    if not known:
        return Markup("")
    low, high = min(known), max(known)
    lack = max(0.0, _LEAST_SPAN * abs(sum(known) / len(known)) - (high - low)) / 2
    low, high = low - lack, high + lack
    step = (_WIDTH - 2 * _MARGIN) / max(1, len(points) - 1)
    scale = (_HEIGHT - 2 * _MARGIN) / (high - low) if high > low else 0.0
    placed = [
        None if v is None else (_MARGIN + i * step, _HEIGHT - _MARGIN - (v - low) * scale if scale else _HEIGHT / 2)
        for i, v in enumerate(points)
    ]
    last_x, last_y = next(p for p in reversed(placed) if p is not None)
    # The picture stretches with its tile; strokes and the round dot keep their shape.
    return Markup(
        f'<svg class="spark" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}"><path d="{_path(placed)}"/>'
        f'<path class="dot" d="M{last_x:.1f} {last_y:.1f}h0"/></svg>'
    )


def _path(placed: Sequence[tuple[float, float] | None]) -> str:
    pairs = zip([None, *placed], placed, strict=False)
    return "".join(f"{'L' if before else 'M'}{at[0]:.1f} {at[1]:.1f}" for before, at in pairs if at)
