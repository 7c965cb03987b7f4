"""Cells: scores, cohorts, criteria and profiles in rows and columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.charts import Chart, lightness, plot
from custaudience.present.plots_lines import TIME_UNITS
from custaudience.present.style import BLUE, INK, LINE, PAPER, QUIET, SEQUENTIAL, VERMILION, WASH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STRONG = 0.8  # prediction strength and customers between, as `choose_k` asks for
_BETWEEN = 0.85
_FORMATS = {"currency": "money0", "share": "percent", "days": "count", "orders": "number1", "lines": "number1"}


@plot
def plot_rfm_grid(chart: Chart, table: pd.DataFrame) -> Axes:
    """Draw how many customers have each pair of recency and frequency scores.

    Columns: ``r_score``, ``f_score``, ``n_customers`` (NA = too few to show); a pair without customers may be absent or
    0.
    """
    ax = chart.open(5.6, 4.4)
    grid = table.pivot(index="r_score", columns="f_score", values="n_customers").sort_index(ascending=False)
    shades = grid.astype("float64").fillna(0)
    image = ax.imshow(shades, cmap=SEQUENTIAL, aspect="auto", vmin=0)
    few = textwrap.fill(chart.few.replace("\u00a0", " "), 9)
    present = set(zip(table["r_score"], table["f_score"], strict=True))
    for i, r in enumerate(grid.index):
        for j, f in enumerate(grid.columns):
            count = grid.loc[r, f]
            absent = few if (r, f) in present else "0"
            chart.cell(j, i, absent if pd.isna(count) else chart.figure(count), shades.loc[r, f], image)
    ax.set_xticks(range(len(grid.columns)), [str(f) for f in grid.columns])
    ax.set_yticks(range(len(grid.index)), [str(r) for r in grid.index])
    ax.set_xlabel(chart.t(_("frequency score (high = many orders)")))
    ax.set_ylabel(chart.t(_("recency score (high = ordered lately)")))
    chart.remove_frame()
    caption = [chart.n_is(table["n_customers"].sum())]
    return chart.close(_("How many customers, by how lately and how often they order?"), caption)


@plot
def plot_retention(chart: Chart, table: pd.DataFrame, *, age_unit: str = "weeks") -> Axes:
    """Draw a heat map of cohorts by age; what is not yet observed stays blank.

    Columns: ``cohort``, ``age`` (0, 1, …), ``n_customers`` (size of the cohort), ``share`` (fraction; NaN = not yet
    observed). `age_unit` ("days", "weeks", "months"): of the ages.
    """
    grid = table.pivot(index="cohort", columns="age", values="share")
    ax = chart.open(7.4, 1.8 + 0.3 * len(grid))
    # Age 0 is 100 % by definition; the scale ends where the news is, at the largest share that came back.
    later = float(table.loc[table["age"].gt(0), "share"].max())
    top = max(0.05, later) if later == later else 1.0
    image = ax.imshow(grid.astype("float64"), cmap=SEQUENTIAL, aspect="auto", vmin=0, vmax=top)
    if grid.shape[1] <= 14:
        for (i, j), share in np.ndenumerate(grid.to_numpy("float64")):
            if pd.notna(share):
                chart.cell(j, i, chart.figure(100 * share), share, image)
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02, ticks=[0, top / 2, top])
    bar.ax.set_yticklabels([chart.figure(v, "percent") for v in (0, top / 2, top)])
    bar.outline.set_visible(False)
    every = max(1, -(-grid.shape[1] // 14))
    ax.set_xticks(range(0, grid.shape[1], every), [str(a) for a in grid.columns[::every]])
    ax.set_yticks(range(len(grid)), [str(c)[:10] for c in grid.index])
    ax.set_xlabel(chart.t(TIME_UNITS[age_unit]))
    ax.set_ylabel(chart.t(_("first order in")))
    chart.remove_frame()
    n = chart.n_is(table.groupby("cohort")["n_customers"].max().sum())
    caption = [chart.t(_("% of the cohort; blank: not yet observed")), n]
    return chart.close(_("Of those who came together, how many order again?"), caption)


@plot
def plot_group_count(chart: Chart, table: pd.DataFrame) -> Axes:
    """Draw what speaks for each number of groups: a row per criterion, a tick where it is met, a cross where not.

    From `count_table`: ``k``, ``chosen``, ``large_enough``, ``prediction_strength``, ``strength_se``, ``between``
    (missing = without bound), ``p_value``, ``silhouette``, ``eligible``.
    """
    from matplotlib.patches import Rectangle

    criteria = [
        _("Found again by another half (80\u00a0% or more)"),
        _("Halfway between two, per 100 in their middles (85 at most)"),
        _("Each group large enough"),
        _("Silhouette (decides nothing)"),
    ]
    ax = chart.open(max(5.8, 3.4 + 0.62 * len(table)), 3.3)
    for x, row in enumerate(table.to_dict("records")):
        for y, (met, text) in enumerate(_criteria(chart, row)):
            _box(chart, x, y, {True: INK, False: PAPER, None: WASH}[met])
            mark = {True: "✓ ", False: "✗ ", None: ""}[met]
            ax.text(x, y, f"{mark}{text}", ha="center", va="center", fontsize=9, color=PAPER if met else INK)
        if row["chosen"]:
            look: dict[str, Any] = {"fill": False, "edgecolor": BLUE, "linewidth": 2, "clip_on": False, "zorder": 5}
            ax.add_patch(Rectangle((x - 0.5, -0.5), 1, len(criteria), **look))
    ax.set_xlim(-0.55, len(table) - 0.45)
    ax.set_xticks(range(len(table)), [str(k) for k in table["k"]], color=INK)
    for name, chosen in zip(ax.get_xticklabels(), table["chosen"], strict=True):
        name.set_fontweight("bold" if chosen else "normal")
    chart.rows([textwrap.fill(chart.t(name), 32) for name in criteria], -0.55, 0.45)
    ax.set_xlabel(chart.t(_("number of groups")))
    chart.remove_frame()
    said = _("framed: the number chosen") if table["chosen"].any() else _("no number meets all three: no groups")
    caption = chart.each(_("✓ met, ✗ not met"), said)
    return chart.close(_("How many groups are there, if any?"), caption, room=8.2 * (chart.width - 2.4))


def _criteria(chart: Chart, row: dict[Any, Any]) -> list[tuple[bool | None, str]]:
    """Return of each criterion whether it is met (None: decides nothing) and the figure."""
    strength, between, large = row["prediction_strength"], row["between"], bool(row["large_enough"])
    halfway = "> 999" if pd.isna(between) or between > 9.99 else chart.figure(round(100 * between))
    return [
        (strength + row["strength_se"] >= _STRONG, chart.figure(strength, "percent")),
        (between <= _BETWEEN and row["p_value"] < 0.05, halfway),
        (large, chart.t(_("yes")) if large else chart.t(_("no"))),
        (None, "–" if pd.isna(row["silhouette"]) else chart.figure(row["silhouette"], "number2")),
    ]


@plot
def plot_profiles(chart: Chart, table: pd.DataFrame, *, names: Mapping[str, str] | None = None, most: int = 12) -> Axes:
    """Draw each group against all others: an arrow up for more, down for less, with the group's own figure.

    From `profile_table`: ``group``, ``name``, ``unit``, ``place``, ``category``, ``statistic``, ``value``, ``effect``,
    ``status``. `names`: mapping of group to its name. `most`: rows with a ``place`` up to it are drawn.
    """
    groups = list(dict.fromkeys(table["group"]))
    shown = table[table["place"].notna() & (table["place"] <= most)].sort_values("place", kind="stable")
    rows = list(dict.fromkeys(shown["place"]))
    heads = [chart.label(group, names, wide=14) for group in groups]
    above = 0.17 * max((head.count("\n") for head in heads), default=0)
    ax = chart.open(max(6.2, 3.0 + 1.15 * len(groups)), 2.0 + above + 0.46 * max(1, len(rows)))
    labels = []
    for y, place in enumerate(rows):
        part = shown[shown["place"] == place].set_index("group")
        labels.append(_row_name(chart, part.iloc[0]))
        for x, group in enumerate(groups):
            _profile_cell(chart, x, y, part.loc[group] if group in part.index else None)
    ax.set_xlim(-0.5, max(1, len(groups)) - 0.5)
    ax.set_ylim(max(1, len(rows)) - 0.5, -0.5)
    ax.set_xticks(range(len(groups)), heads, color=INK)
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(rows)), labels, color=INK)
    chart.remove_frame()
    if not rows:
        none = chart.t(_("No clear difference in anything."))
        ax.text(0.5, 0.5, none, transform=ax.transAxes, ha="center", color=QUIET)
    key = chart.each(
        _("▲ more than all others, ▼ less; a darker cell, a larger difference"),
        _("pale figure: no clear difference"),
        _("shares and averages; † the one in the middle"),
    )
    room = 8.2 * (chart.width - 2.4)  # the names of the rows stand left of the title
    return chart.close(_("What sets each group apart from all others?"), key, room=room, below=-30)


def _profile_cell(chart: Chart, x: int, y: int, cell: pd.Series | None) -> None:
    """Draw one group's figure in one variable."""
    if cell is None or cell["status"] == "too_few" or pd.isna(cell["value"]):
        _box(chart, x, y, PAPER)
        chart.ax.text(x, y, "–", ha="center", va="center", fontsize=9, color=QUIET)
        return
    clear = cell["status"] == "measured"
    effect = float(cell["effect"]) if clear else 0.0
    fill = _mixed(BLUE if effect > 0 else VERMILION, min(1.0, abs(effect)) * 0.75)
    _box(chart, x, y, fill)
    form = "percent" if str(cell["statistic"]).startswith("share") else _FORMATS.get(cell["unit"], "number1")
    text = chart.figure(cell["value"], form) + ("†" if cell["statistic"] == "median" else "")
    arrow = ("▲ " if effect > 0 else "▼ ") if clear else ""
    ink = PAPER if clear and lightness(fill) < 0.2 else INK if clear else QUIET
    chart.ax.text(x, y, arrow + text, ha="center", va="center", fontsize=9, color=ink)


def _row_name(chart: Chart, row: pd.Series) -> str:
    name = chart.label(row["name"])
    if row["statistic"] == "share above":
        name = chart.t(_("{name:text} above {above:number}"), name=name, above=float(row["above"]))
    if row["category"]:
        name = f"{name}: {chart.label(row['category'])}"
    lines = textwrap.wrap(name, 30)
    return "\n".join(lines[:2]) + ("…" if len(lines) > 2 else "")


def _box(chart: Chart, x: float, y: float, fill: Any) -> None:
    from matplotlib.patches import Rectangle

    chart.ax.add_patch(Rectangle((x - 0.48, y - 0.45), 0.96, 0.9, facecolor=fill, edgecolor=LINE, linewidth=0.7))


def _mixed(color: str, strength: float) -> tuple[float, ...]:
    """Return a colour thinned with paper."""
    from matplotlib.colors import to_rgb

    return tuple(1 - strength * (1 - part) for part in to_rgb(color))
