"""Figures of groups of customers: how many there are, and what sets each apart."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.drawing import add_caption, axes_for, remove_frame
from custaudience.present.style import BLUE, INK, LINE, PAPER, QUIET, VERMILION, WASH, styled
from custaudience.present.words import format_value, label, render, translator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STRONG = 0.8  # prediction strength and customers between, as `choose_k` asks for
_BETWEEN = 0.85
_FORMATS = {"currency": "money0", "share": "percent", "days": "count", "orders": "number1", "lines": "number1"}


@styled
def plot_group_count(table: pd.DataFrame, *, title: str = "", language: str = "en", ax: Axes | None = None) -> Axes:
    """Draw what speaks for each number of groups: a row per criterion, a tick where it is met, a cross where not.

    Parameters
    ----------
    table : DataFrame
        From `count_table`: ``k``, ``chosen``, ``large_enough``, ``prediction_strength``, ``strength_se``, ``between``
        (missing = without bound), ``p_value``, ``silhouette``, ``eligible``.
    title : str
        The finding; default: the question.
    """
    t = translator(language)
    criteria = [
        t(_("Found again by another half (80\u00a0% or more)")),
        t(_("Halfway between two, per 100 in their middles (85 at most)")),
        t(_("Each group large enough")),
        t(_("Silhouette (decides nothing)")),
    ]
    ax = axes_for(ax, max(5.8, 3.4 + 0.62 * len(table)), 3.3)
    for x, row in enumerate(table.to_dict("records")):
        strength = row["prediction_strength"]
        gap = row["between"] <= _BETWEEN and row["p_value"] < 0.05
        cells = [
            (strength + row["strength_se"] >= _STRONG, format_value(strength, "percent", language=language)),
            (gap, _per_hundred(row["between"], language)),
            (bool(row["large_enough"]), t(_("yes")) if row["large_enough"] else t(_("no"))),
            (
                None,
                "–" if pd.isna(row["silhouette"]) else format_value(row["silhouette"], "number2", language=language),
            ),
        ]
        for y, (met, text) in enumerate(cells):
            _criterion(ax, x, y, met, text)
        if row["chosen"]:
            ax.add_patch(_frame(x - 0.5, -0.5, 1, len(criteria)))
    ax.set_xlim(-0.55, len(table) - 0.45)
    ax.set_ylim(len(criteria) - 0.45, -0.55)
    bold = table["chosen"].tolist()
    ax.set_xticks(range(len(table)), [str(k) for k in table["k"]], color=INK)
    for name, chosen in zip(ax.get_xticklabels(), bold, strict=True):
        name.set_fontweight("bold" if chosen else "normal")
    ax.set_yticks(range(len(criteria)), [textwrap.fill(name, 32) for name in criteria], color=INK)
    ax.set_xlabel(t(_("number of groups")))
    remove_frame(ax)
    _title(ax, title or t(_("How many groups are there, if any?")))
    said = t(_("framed: the number chosen")) if any(bold) else t(_("no number meets all three: no groups"))
    return add_caption(ax, [t(_("✓ met, ✗ not met")), said])


@styled
def plot_profiles(
    table: pd.DataFrame,
    *,
    names: Mapping[str, str] | None = None,
    most: int = 12,
    currency: str | None = None,
    title: str = "",
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw each group against all others: an arrow up for more, down for less, with the group's own figure.

    Parameters
    ----------
    table : DataFrame
        From `profile_table`: ``group``, ``name``, ``unit``, ``place``, ``category``, ``statistic``, ``value``,
        ``effect``, ``status``.
    names : mapping of group to its name, optional
    most : int
        Rows with a ``place`` up to it are drawn.
    """
    t = translator(language)
    groups = list(dict.fromkeys(table["group"]))
    shown = table[table["place"].notna() & (table["place"] <= most)].sort_values("place", kind="stable")
    rows = list(dict.fromkeys(shown["place"]))
    heads = [textwrap.fill((names or {}).get(g) or label(str(g), language), 14) for g in groups]
    above = 0.17 * max((head.count("\n") for head in heads), default=0)
    ax = axes_for(ax, max(6.2, 3.0 + 1.15 * len(groups)), 2.0 + above + 0.46 * max(1, len(rows)))
    labels = []
    for y, place in enumerate(rows):
        part = shown[shown["place"] == place].set_index("group")
        labels.append(_row_name(part.iloc[0], language))
        for x, group in enumerate(groups):
            cell = part.loc[group] if group in part.index else None
            _profile_cell(ax, x, y, cell, currency, language)
    ax.set_xlim(-0.5, max(1, len(groups)) - 0.5)
    ax.set_ylim(max(1, len(rows)) - 0.5, -0.5)
    ax.set_xticks(range(len(groups)), heads, color=INK)
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(rows)), labels, color=INK)
    remove_frame(ax)
    if not rows:
        ax.text(0.5, 0.5, t(_("No clear difference in anything.")), transform=ax.transAxes, ha="center", color=QUIET)
    _title(ax, title or t(_("What sets each group apart from all others?")))
    key = [
        t(_("▲ more than all others, ▼ less; a darker cell, a larger difference")),
        t(_("pale figure: no clear difference")),
        t(_("shares and averages; † the one in the middle")),
    ]
    return add_caption(ax, key, below=-30)


def _title(ax: Axes, text: str) -> None:
    """Set the title, broken to the width of the cells: the names of the rows stand left of it."""
    room = int(8.2 * (ax.figure.get_figwidth() - 2.4))  # type: ignore[union-attr]
    ax.set_title(textwrap.fill(text.replace("\u00a0", " "), room))


def _per_hundred(between: float, language: str) -> str:
    if pd.isna(between) or between > 9.99:
        return "> 999"
    return format_value(round(100 * between), "count", language=language)


def _criterion(ax: Axes, x: int, y: int, met: bool | None, text: str) -> None:
    """Draw a cell of the criteria: dark and ticked where met."""
    fill = {True: INK, False: PAPER, None: WASH}[met]
    ax.add_patch(_box(x, y, fill))
    mark = {True: "✓ ", False: "✗ ", None: ""}[met]
    ax.text(x, y, f"{mark}{text}", ha="center", va="center", fontsize=9, color=PAPER if met else INK)


def _profile_cell(ax: Axes, x: int, y: int, cell: pd.Series | None, currency: str | None, language: str) -> None:
    """Draw one group's figure in one variable."""
    if cell is None or cell["status"] == "too_few" or pd.isna(cell["value"]):
        ax.add_patch(_box(x, y, PAPER))
        ax.text(x, y, "–", ha="center", va="center", fontsize=9, color=QUIET)
        return
    clear = cell["status"] == "measured"
    effect = float(cell["effect"]) if clear else 0.0
    fill = _mixed(BLUE if effect > 0 else VERMILION, min(1.0, abs(effect)) * 0.75)
    ax.add_patch(_box(x, y, fill))
    form = "percent" if str(cell["statistic"]).startswith("share") else _FORMATS.get(cell["unit"], "number1")
    if form == "money0" and currency is None:
        form = "count"
    text = format_value(cell["value"], form, language=language, currency=currency)
    if cell["statistic"] == "median":
        text += "†"
    arrow = ("▲ " if effect > 0 else "▼ ") if clear else ""
    ink = PAPER if clear and _light(fill) < 0.2 else INK if clear else QUIET
    ax.text(x, y, arrow + text, ha="center", va="center", fontsize=9, color=ink)


def _row_name(row: pd.Series, language: str) -> str:
    name = label(str(row["name"]), language)
    if row["statistic"] == "share above":
        above = {"name": name, "above": float(row["above"])}
        name = render(_("{name:text} above {above:number}"), above, language=language)
    if row["category"]:
        name = f"{name}: {label(str(row['category']), language)}"
    lines = textwrap.wrap(name, 30)
    return "\n".join(lines[:2]) + ("…" if len(lines) > 2 else "")


def _box(x: float, y: float, fill: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.45), 0.96, 0.9, facecolor=fill, edgecolor=LINE, linewidth=0.7)


def _frame(x: float, y: float, width: float, height: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, fill=False, edgecolor=BLUE, linewidth=2, clip_on=False, zorder=5)


def _mixed(color: str, strength: float) -> tuple[float, ...]:
    """Return a colour thinned with paper."""
    from matplotlib.colors import to_rgb

    return tuple(1 - strength * (1 - part) for part in to_rgb(color))


def _light(rgb: tuple[float, ...]) -> float:
    return 0.2126 * rgb[0] ** 2.2 + 0.7152 * rgb[1] ** 2.2 + 0.0722 * rgb[2] ** 2.2
