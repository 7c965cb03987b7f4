"""The plots of things bought together."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.drawing import add_caption, axes_for, counted, set_title
from custaudience.present.style import BLUE, INK, LINE, PAPER, QUIET, REST, styled
from custaudience.present.words import format_value, render, translator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEHIND = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}  # figures stand clear of lines
_WIDTH = 34  # letters of a name before it is broken


@styled
def plot_pairs(
    table: pd.DataFrame,
    *,
    most: int = 12,
    min_lift: float | None = None,
    title: str = "",
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw how much more often pairs stand in one basket than unrelated things would: dot and interval.

    Parameters
    ----------
    table : DataFrame
        Columns ``item_a``, ``item_b``, ``lift``, ``lift_low``, ``lift_high``, ``n_customers``, ``verdict``, in
        the order to draw; rows without an interval are left out.
    most : int
        So many pairs at most.
    min_lift : float, optional
        Marked by a line: from here a pair counts as strong.
    """
    shown = table.dropna(subset=["lift", "lift_low", "lift_high"]).head(most)
    names = [
        f"{textwrap.fill(str(a), _WIDTH)}\n+ {textwrap.fill(str(b), _WIDTH, subsequent_indent='  ')}"
        for a, b in zip(shown["item_a"], shown["item_b"], strict=True)
    ]
    lines = [name.count("\n") + 1 for name in names]
    ax = axes_for(ax, 7.4, 1.9 + sum(0.12 + 0.19 * n for n in lines))
    t = translator(language)
    places, at = [], 0.0
    for n in lines:
        places.append(at + (0.12 + 0.19 * n) / 2)
        at += 0.12 + 0.19 * n
    for y, row in zip(places, shown.to_dict("records"), strict=True):
        clear = row["verdict"] != "no clear difference"
        color = BLUE if clear else REST
        ax.plot([row["lift_low"], row["lift_high"]], [y, y], color=color, linewidth=2, solid_capstyle="butt")
        ax.plot(row["lift"], y, marker="o", color=color, markersize=7, markerfacecolor=color if clear else PAPER)
        words = render(
            _("{lift:number1} (n\u00a0=\u00a0{n:count})"),
            {"lift": row["lift"], "n": row["n_customers"]},
            language=language,
        )
        ax.annotate(
            words,
            (row["lift_high"], y),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=9.5,
            bbox=BEHIND,
        )
    ax.set_xscale("log")
    low = min([1.0, *shown["lift_low"]])
    high = max([2.0, *shown["lift_high"], min_lift or 0])
    ax.set_xlim(low / 1.12, high * (high / low) ** 0.28)
    ticks = [x for x in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if low / 1.12 <= x <= high * 1.05]
    ax.set_xticks(ticks, [format_value(x, "number", language=language) for x in ticks])
    ax.minorticks_off()
    ax.axvline(1, color=INK, linewidth=1)
    if min_lift is not None and min_lift > 1:
        ax.axvline(min_lift, color=QUIET, linewidth=1, linestyle="--")
    ax.grid(axis="x", color=LINE)
    ax.set_yticks(places, names, color=INK, fontsize=9.5)
    ax.set_ylim(max(at, 0.3), 0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(t(_("times as often as if unrelated")))
    set_title(ax, title or t(_("What is bought together, beyond chance?")))
    caption = [t(_("line: interval over customers; n: customers who bought both; each step of the axis multiplies"))]
    if min_lift is not None and min_lift > 1:
        caption.append(t(_("dashed: from here a pair counts as strong")))
    if (shown["verdict"] == "no clear difference").any():
        caption.append(t(_("hollow: no clear difference")))
    if len(table) > len(shown):
        caption.append(
            counted(_("{n:count} further {n:plural pair|pairs} not drawn"), len(table) - len(shown), language)
        )
    return add_caption(ax, caption)
