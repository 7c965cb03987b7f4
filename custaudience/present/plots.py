"""The plots: each takes a table that is already computed and draws it on one axes.

Bars start at zero, every bar carries its number, and meaning never rests on colour alone. A missing count
is a group too small to show. Words come in the reader's language.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.drawing import (
    add_caption,
    axes_for,
    bars_from_zero,
    counted,
    month_ticks,
    n_is,
    remove_frame,
    set_title,
    write_cell,
)
from custaudience.present.style import INK, LINE, PAPER, QUIET, REST, SEQUENTIAL, segment_color, styled
from custaudience.present.tables import fewer_than
from custaudience.present.words import format_value, label, render, translator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MONTH_VALUES = {
    "revenue_per_trading_day": (_("Revenue per trading day"), "money0"),
    "revenue": (_("Revenue"), "money0"),
    "n_customers": (_("Customers who ordered"), "count"),
    "n_orders": (_("Orders"), "count"),
    "revenue_per_order": (_("Revenue per order"), "money"),
}
_STATES = {"primary": (INK, ""), "potential": (PAPER, ""), "lost": (LINE, "////")}


@styled
def plot_months(
    table: pd.DataFrame,
    *,
    value: str = "revenue_per_trading_day",
    title: str = "",
    currency: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw one figure per month as bars; the last month is dark, an incomplete one hatched.

    Parameters
    ----------
    table : DataFrame
        Columns ``month`` ("2017-12"), the column named by `value`, optionally ``is_complete``.
    value : str
        One of the monthly figures.
    title : str
        The finding; default: the question.
    """
    ax = axes_for(ax, 7.4, 3.4)
    name, form = _MONTH_VALUES[value]
    if form.startswith("money") and currency is None:
        form = "number2" if form == "money" else "count"
    complete = table["is_complete"].tolist() if "is_complete" in table else [True] * len(table)
    for i, (height, whole) in enumerate(zip(table[value], complete, strict=True)):
        last = i == len(table) - 1
        bar = ax.bar(i, height, width=0.72, color=INK if last else REST, edgecolor=PAPER)
        if not whole:
            bar[0].set(hatch="////", facecolor=PAPER, edgecolor=REST)
        if pd.notna(height):
            written = format_value(height, form, language=language, currency=currency)
            if last or len(table) <= 12:
                plain = (
                    written
                    if last
                    else format_value(height, "count" if height >= 100 else "number2", language=language)
                )
                ax.text(i, height, plain, ha="center", va="bottom", fontsize=8.5, weight="bold" if last else "normal")
    ax.set_xticks(*month_ticks(table["month"].tolist(), language))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_ylim(bottom=0)
    t = translator(language)
    unit = f"{t(name)}, {currency}" if form.startswith("money") else t(name)
    ax.set_ylabel(unit)
    set_title(ax, title or render(_("How did it move? {what:text}"), {"what": t(name)}, language=language))
    caption = [counted(_("{n:count} {n:plural month|months}"), len(table), language)]
    if not all(complete):
        caption.append(t(_("hatched: an incomplete month")))
    return add_caption(ax, caption)


@styled
def plot_segments(
    table: pd.DataFrame,
    *,
    names: Mapping[str, str] | None = None,
    title: str = "",
    min_group_size: int = 10,
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw each segment's share of customers (striped) and of revenue (solid).

    Parameters
    ----------
    table : DataFrame
        Columns ``segment``, ``n_customers`` (NA = too few to show), ``share_of_customers``,
        ``share_of_revenue`` as fractions.
    names : mapping of segment to its name, optional
    """
    ax = axes_for(ax, 5.6, 1.3 + 0.62 * len(table))
    t = translator(language)
    for i, row in enumerate(table.to_dict("records")):
        color = segment_color(row["segment"])
        if pd.isna(row["n_customers"]):
            ax.text(0, i, f" {fewer_than(min_group_size, language)}", va="center", color=QUIET)
            continue
        for offset, share, hatch in ((-0.19, "share_of_customers", "////"), (0.19, "share_of_revenue", "")):
            fill = PAPER if hatch else color
            if pd.notna(row[share]):
                ax.barh(i + offset, row[share], height=0.34, facecolor=fill, edgecolor=color, hatch=hatch)
                ax.text(
                    row[share],
                    i + offset,
                    f" {format_value(row[share], 'percent', language=language)}",
                    va="center",
                    color=INK,
                    fontsize=9.5,
                )
    shown = [(names or {}).get(s) or label(str(s), language) for s in table["segment"]]
    ax.set_yticks(range(len(table)), [textwrap.fill(name, 20) for name in shown], color=INK)
    ax.set_ylim(len(table) - 0.4, -0.6)
    bars_from_zero(ax)
    set_title(ax, title or t(_("Who buys, and what do they bring?")))
    caption = [t(_("striped: share of customers")), t(_("solid: share of revenue"))]
    return add_caption(ax, [*caption, n_is(table["n_customers"].sum(), language)])


@styled
def plot_rfm_grid(
    table: pd.DataFrame, *, title: str = "", min_group_size: int = 10, language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw how many customers have each pair of recency and frequency scores.

    Parameters
    ----------
    table : DataFrame
        Columns ``r_score``, ``f_score``, ``n_customers`` (NA = too few to show); a pair without
        customers may be absent or 0.
    """
    ax = axes_for(ax, 5.6, 4.4)
    t = translator(language)
    grid = table.pivot(index="r_score", columns="f_score", values="n_customers").sort_index(ascending=False)
    shades = grid.astype("float64").fillna(0)
    image = ax.imshow(shades, cmap=SEQUENTIAL, aspect="auto", vmin=0)
    few = fewer_than(min_group_size, language)
    present = {(r, f) for r, f in zip(table["r_score"], table["f_score"], strict=True)}
    for i, r in enumerate(grid.index):
        for j, f in enumerate(grid.columns):
            count = grid.loc[r, f]
            text = (
                (few if (r, f) in present else "0")
                if pd.isna(count)
                else format_value(count, "count", language=language)
            )
            write_cell(
                ax,
                j,
                i,
                textwrap.fill(text.replace("\u00a0", " "), 9) if text == few else text,
                shades.loc[r, f],
                image,
            )
    ax.set_xticks(range(len(grid.columns)), [str(f) for f in grid.columns])
    ax.set_yticks(range(len(grid.index)), [str(r) for r in grid.index])
    ax.set_xlabel(t(_("frequency score (high = many orders)")))
    ax.set_ylabel(t(_("recency score (high = ordered lately)")))
    remove_frame(ax)
    set_title(ax, title or t(_("How many customers, by how lately and how often they order?")))
    return add_caption(ax, [n_is(table["n_customers"].sum(), language)])


@styled
def plot_lifecycle(
    table: pd.DataFrame,
    *,
    names: Mapping[str, str] | None = None,
    title: str = "",
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the shares of primary, potential and lost customers, whole or by segment.

    Parameters
    ----------
    table : DataFrame
        Columns ``state``, ``n_customers``, ``share`` (fraction of the row's customers) and, for one bar per
        segment, ``segment``.
    names : mapping of segment to its name, optional
    """
    t = translator(language)
    rows = [("", table)] if "segment" not in table else list(table.groupby("segment", sort=False))
    ax = axes_for(ax, 5.6, 1.5 + 0.5 * len(rows))
    for i, (_key, part) in enumerate(rows):
        left = 0.0
        for state, (color, hatch) in _STATES.items():
            share = part.loc[part["state"].eq(state), "share"].sum()
            if not share > 0:
                continue
            ax.barh(i, share, left=left, height=0.62, facecolor=color, edgecolor=QUIET, hatch=hatch)
            if share >= 0.07:
                ax.text(
                    left + share / 2,
                    i,
                    format_value(share, "percent", language=language),
                    ha="center",
                    va="center",
                    color=PAPER if color == INK else INK,
                    fontsize=9.5,
                    bbox=None if not hatch else {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5},
                )
            left += share
    shown = [(names or {}).get(str(key)) or (label(str(key), language) if key else "") for key, _part in rows]
    ax.set_yticks(range(len(rows)), [textwrap.fill(name, 20) for name in shown], color=INK)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    bars_from_zero(ax, 1.0)
    set_title(ax, title or t(_("Who still buys, and who has gone quiet?")))
    key = [t(_("dark: primary")), t(_("white: potential")), t(_("striped: lost"))]
    return add_caption(ax, [*key, n_is(table["n_customers"].sum(), language)])
