"""The plots of a change: what led from one month to the other, and what each part did in earlier months."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pandas as pd
from babel.dates import format_interval

from custaudience.evidence import template as _
from custaudience.present.drawing import add_caption, axes_for, counted
from custaudience.present.style import BLUE, INK, LINE, PAPER, QUIET, REST, styled
from custaudience.present.words import format_value, label, render, translator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UP: dict[str, Any] = {"facecolor": BLUE, "edgecolor": BLUE}
_DOWN: dict[str, Any] = {"facecolor": PAPER, "edgecolor": REST, "hatch": "////"}


@styled
def plot_bridge(
    table: pd.DataFrame, *, title: str = "", currency: str | None = None, language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw a waterfall from the revenue of one month to that of another; the totals start at zero.

    Parameters
    ----------
    table : DataFrame
        Columns ``kind`` ("total" or another), ``name``, ``change``, ``start``, ``end`` (money), and for totals
        ``first_day`` and ``last_day`` (ISO text).
    title : str
        The finding; default: the question.
    """
    ax = axes_for(ax, 7.4, 1.7 + 0.42 * len(table))
    t = translator(language)
    rows = table.to_dict("records")
    right = max(float(table[["start", "end"]].max().max()), 0.0)
    left = min(float(table[["start", "end"]].min().min()), 0.0)
    span = (right - left) or 1.0
    room = 0.012 * span
    amounts = [
        _money(row["end" if row["kind"] == "total" else "change"], language, currency, signed=row["kind"] != "total")
        for row in rows
    ]
    for i, row in enumerate(rows):
        total = row["kind"] == "total"
        up = not total and row["change"] >= 0
        low, high = sorted((float(row["start"]), float(row["end"])))
        look = {"facecolor": INK, "edgecolor": INK} if total else _UP if up else _DOWN
        ax.barh(i, high - low, left=low, height=0.62, **look)
        ax.text(
            max(high, 0.0) + room, i, amounts[i], va="center", color=INK, fontsize=9.5,
            weight="bold" if total else "normal",
        )  # fmt: skip
        if i + 1 < len(rows):
            ax.plot([row["end"]] * 2, [i - 0.31, i + 1.31], color=QUIET, linewidth=0.8, gid="level")
    names = [_days(row, language) if row["kind"] == "total" else label(str(row["name"]), language) for row in rows]
    ax.set_yticks(range(len(rows)), [textwrap.fill(name, 28) for name in names], color=INK)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    # room for the longest amount: a sign is 0.085 inch wide, and the axes have about three fifths of the figure
    wide = 0.085 * max(map(len, amounts)) / (0.6 * ax.figure.get_figwidth())  # type: ignore[union-attr]
    ax.set_xlim(left, right + span * wide / (1 - min(wide, 0.6)))
    ax.axvline(0, color=LINE, linewidth=0.8)
    ax.set_xticks([])
    for side in ("bottom", "left"):
        ax.spines[side].set_visible(False)
    _title(ax, title or t(_("What led from the one revenue to the other?")))
    caption = [t(_("solid: more revenue")), t(_("striped: less revenue")), t(_("dark: all revenue, from zero"))]
    return add_caption(ax, [*caption, *_staying(table, language)])


@styled
def plot_bridge_history(table: pd.DataFrame, *, title: str = "", language: str = "en", ax: Axes | None = None) -> Axes:
    """Draw what each part did in this change and in every earlier one, in percent of the revenue before.

    Parameters
    ----------
    table : DataFrame
        Columns ``month``, ``kind``, ``name``, ``share`` (fraction; NaN = too few customers to show), ``is_this``
        (the change in question); parts in the order to draw them.
    """
    parts = list(dict.fromkeys(table["name"]))
    ax = axes_for(ax, 7.4, 1.9 + 0.42 * len(parts))
    t = translator(language)
    for i, name in enumerate(parts):
        rows = table[(table["name"] == name) & table["share"].notna()]
        earlier, this = rows.loc[~rows["is_this"], "share"].astype(float), rows.loc[rows["is_this"], "share"]
        ax.axhline(i, color=LINE, linewidth=0.7, zorder=0)
        ax.scatter(earlier, [i] * len(earlier), s=34, facecolor="none", edgecolor=REST, linewidth=1.0, zorder=2)
        for share in this.astype(float):
            ax.scatter([share], [i], s=74, marker="D", color=BLUE, zorder=3)
            ax.annotate(
                format_value(share, "signed_percent1", language=language), (share, i), xytext=(0, 8),
                textcoords="offset points", ha="center", va="bottom", fontsize=9.5, color=INK,
            )  # fmt: skip
    ax.axvline(0, color=QUIET, linewidth=0.9, zorder=1)
    ax.set_yticks(range(len(parts)), [textwrap.fill(label(str(name), language), 28) for name in parts], color=INK)
    ax.set_ylim(len(parts) - 0.5, -0.8)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_formatter(lambda v, _at: format_value(v, "percent", language=language))
    ax.margins(x=0.06)
    ax.set_xlabel(t(_("share of the revenue of the earlier month")))
    _title(ax, title or t(_("Which part moved otherwise than it usually does?")))
    pairs = table.loc[~table["is_this"], "month"].nunique()
    caption = [t(_("diamond: this change")), t(_("rings: the same part between earlier months"))]
    caption.append(counted(_("{n:count} earlier {n:plural pair|pairs} of months"), pairs, language))
    caption += _staying(table, language)
    if table["share"].isna().any():
        caption.append(t(_("groups that are too small to show are left out")))
    return add_caption(ax, caption)


def _title(ax: Axes, text: str) -> None:
    """Set the title, broken to the width of the axes: names of parts take a third of the figure."""
    ax.set_title(textwrap.fill(text, int(5.6 * ax.figure.get_figwidth())))  # type: ignore[union-attr]


def _staying(table: pd.DataFrame, language: str) -> list[str]:
    """Say which parts are of the customers who ordered in both months."""
    names = list(dict.fromkeys(table.loc[table["kind"] == "staying", "name"]))
    if len(names) < 2:
        return []
    values = {"first": names[0], "last": names[-1]}
    return [
        render(_("“{first:term}” to “{last:term}”: of customers who ordered in both months"), values, language=language)
    ]


def _money(value: float, language: str, currency: str | None, *, signed: bool) -> str:
    form = "money0" if currency else "count"
    text = format_value(value, form, language=language, currency=currency)
    return f"+{text}" if signed and value > 0 else text


def _days(row: dict[str, Any], language: str) -> str:
    """Write a whole month as a month, and part of one as days."""
    first, last = (pd.Timestamp(row[name]).date() for name in ("first_day", "last_day"))
    if first.day == 1 and last == (first.replace(day=1) + pd.offsets.MonthEnd(0)).date():
        return format_value(first, "month", language=language)
    return format_interval(first, last, skeleton="yMMMd", locale="en_GB" if language == "en" else language)
