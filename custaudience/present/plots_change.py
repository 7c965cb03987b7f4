"""A change: what led from one month to the other, and what each part did in earlier months."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pandas as pd
from babel.dates import format_interval

from custaudience.evidence import template as _
from custaudience.present.charts import Chart, plot
from custaudience.present.style import BLUE, INK, LINE, PAPER, QUIET, REST
from custaudience.present.words import format_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UP: dict[str, Any] = {"facecolor": BLUE, "edgecolor": BLUE}
_DOWN: dict[str, Any] = {"facecolor": PAPER, "edgecolor": REST, "hatch": "////"}


@plot
def plot_bridge(chart: Chart, table: pd.DataFrame) -> Axes:
    """Draw a waterfall from the revenue of one month to that of another; the totals start at zero.

    Columns: ``kind`` ("total" or another), ``name``, ``change``, ``start``, ``end`` (money), and for totals
    ``first_day`` and ``last_day`` (ISO text).
    """
    ax = chart.open(7.4, 1.7 + 0.42 * len(table))
    rows = table.to_dict("records")
    right = max(float(table[["start", "end"]].max().max()), 0.0)
    left = min(float(table[["start", "end"]].min().min()), 0.0)
    span = (right - left) or 1.0
    amounts = [_amount(chart, row) for row in rows]
    for i, row in enumerate(rows):
        total = row["kind"] == "total"
        low, high = sorted((float(row["start"]), float(row["end"])))
        look = {"facecolor": INK, "edgecolor": INK} if total else _UP if row["change"] >= 0 else _DOWN
        ax.barh(i, high - low, left=low, height=0.62, **look)
        place, weight = max(high, 0.0) + 0.012 * span, "bold" if total else "normal"
        ax.text(place, i, amounts[i], va="center", color=INK, fontsize=9.5, weight=weight)
        if i + 1 < len(rows):
            ax.plot([row["end"]] * 2, [i - 0.31, i + 1.31], color=QUIET, linewidth=0.8, gid="level")
    names = [_days(row, chart.language) if row["kind"] == "total" else chart.label(row["name"]) for row in rows]
    chart.rows([textwrap.fill(name, 28) for name in names], -0.6)
    # room for the longest amount: a sign is 0.085 inch wide, and the axes have about three fifths of the figure
    wide = 0.085 * max(map(len, amounts)) / (0.6 * chart.width)
    ax.set_xlim(left, right + span * wide / (1 - min(wide, 0.6)))
    ax.axvline(0, color=LINE, linewidth=0.8)
    ax.set_xticks([])
    for side in ("bottom", "left"):
        ax.spines[side].set_visible(False)
    caption = chart.each(_("solid: more revenue"), _("striped: less revenue"), _("dark: all revenue, from zero"))
    caption += _staying(chart, table)
    return chart.close(_("What led from the one revenue to the other?"), caption, room=5.6 * chart.width)


def _amount(chart: Chart, row: dict[Any, Any]) -> str:
    value = row["end" if row["kind"] == "total" else "change"]
    sign = "+" if row["kind"] != "total" and value > 0 else ""
    return sign + chart.figure(value, "money0" if chart.currency else "count")


def _staying(chart: Chart, table: pd.DataFrame) -> list[str]:
    """Say which parts of a change are of the customers who ordered in both months."""
    names = list(dict.fromkeys(table.loc[table["kind"] == "staying", "name"]))
    if len(names) < 2:
        return []
    text = _("“{first:term}” to “{last:term}”: of customers who ordered in both months")
    return [chart.t(text, first=names[0], last=names[-1])]


def _days(row: dict[Any, Any], language: str) -> str:
    """Write a whole month as a month, and part of one as days."""
    first, last = (pd.Timestamp(row[name]).date() for name in ("first_day", "last_day"))
    if first.day == 1 and last == (first.replace(day=1) + pd.offsets.MonthEnd(0)).date():
        return format_value(first, "month", language=language)
    return format_interval(first, last, skeleton="yMMMd", locale="en_GB" if language == "en" else language)


@plot
def plot_bridge_history(chart: Chart, table: pd.DataFrame) -> Axes:
    """Draw what each part did in this change and in every earlier one, in percent of the revenue before.

    Columns: ``month``, ``kind``, ``name``, ``share`` (fraction; NaN = too few customers to show), ``is_this`` (the
    change in question); parts in the order to draw them.
    """
    parts = list(dict.fromkeys(table["name"]))
    ax = chart.open(7.4, 1.9 + 0.42 * len(parts))
    for i, name in enumerate(parts):
        rows = table[(table["name"] == name) & table["share"].notna()]
        earlier, this = rows.loc[~rows["is_this"], "share"].astype(float), rows.loc[rows["is_this"], "share"]
        ax.axhline(i, color=LINE, linewidth=0.7, zorder=0)
        ax.scatter(earlier, [i] * len(earlier), s=34, facecolor="none", edgecolor=REST, linewidth=1.0, zorder=2)
        for share in this.astype(float):
            ax.scatter([share], [i], s=74, marker="D", color=BLUE, zorder=3)
            chart.note(chart.figure(share, "signed_percent1"), (share, i), (0, 8), ha="center", va="bottom")
    ax.axvline(0, color=QUIET, linewidth=0.9, zorder=1)
    chart.rows([chart.label(name, wide=28) for name in parts], -0.8, 0.5)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_formatter(lambda v, _at: chart.figure(v, "percent"))
    ax.margins(x=0.06)
    ax.set_xlabel(chart.t(_("share of the revenue of the earlier month")))
    pairs = table.loc[~table["is_this"], "month"].nunique()
    caption = chart.each(_("diamond: this change"), _("rings: the same part between earlier months"))
    caption.append(chart.t(_("{n:count} earlier {n:plural pair|pairs} of months"), n=pairs))
    caption += _staying(chart, table)
    if table["share"].isna().any():
        caption.append(chart.t(_("groups that are too small to show are left out")))
    return chart.close(_("Which part moved otherwise than it usually does?"), caption, room=5.6 * chart.width)
