"""Bars: months, segments, states, lists, parts of a change, cut-offs, how often and how long."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.charts import BEHIND, Chart, month_ticks, plot
from custaudience.present.style import BLUE, INK, LINE, PAPER, QUIET, REST, segment_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MONTH_VALUES = {
    "revenue_per_trading_day": (_("Revenue per trading day"), "money0"), "revenue": (_("Revenue"), "money0"),
    "n_customers": (_("Customers who ordered"), "count"), "n_orders": (_("Orders"), "count"),
    "revenue_per_order": (_("Revenue per order"), "money")
}  # fmt: skip
_STATES: dict[str, dict[str, Any]] = {
    "primary": {"facecolor": INK, "hatch": "", "edgecolor": QUIET},
    "potential": {"facecolor": PAPER, "hatch": "", "edgecolor": QUIET},
    "lost": {"facecolor": LINE, "hatch": "////", "edgecolor": QUIET},
}
_PARTS: dict[str, dict[str, Any]] = {
    "n_to_write": {"facecolor": INK, "hatch": "", "edgecolor": INK},
    "n_held_out": {"facecolor": PAPER, "hatch": "....", "edgecolor": QUIET},
    "n_may_not": {"facecolor": PAPER, "hatch": "////", "edgecolor": QUIET},
}
_ROOM = 0.09  # of the longest bar: a narrower part carries no number
_MARKS = ("o", "D", "s")
_DASHES = ("-", "--", "-.", ":")
_PERIODS = {"W": _("week of the first order"), "M": _("month of the first order"), "Q": _("quarter of the first order")}
_ON_HATCH = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5}


@plot
def plot_months(chart: Chart, table: pd.DataFrame, *, value: str = "revenue_per_trading_day") -> Axes:
    """Draw one figure per month as bars; the last month is dark, an incomplete one hatched.

    Columns: ``month`` ("2017-12"), the column named by `value`, optionally ``is_complete``. `value`: one of the monthly
    figures.
    """
    ax = chart.open(7.4, 3.4)
    name, form = _MONTH_VALUES[value]
    money = form.startswith("money") and chart.currency is not None
    complete = table["is_complete"].tolist() if "is_complete" in table else [True] * len(table)
    for i, (height, whole) in enumerate(zip(table[value], complete, strict=True)):
        last = i == len(table) - 1
        bar = ax.bar(i, height, width=0.72, color=INK if last else REST, edgecolor=PAPER)
        if not whole:
            bar[0].set(hatch="////", facecolor=PAPER, edgecolor=REST)
        if pd.notna(height) and (last or len(table) <= 12):
            written = chart.figure(height, form if last else "count" if height >= 100 else "number2")
            ax.text(i, height, written, ha="center", va="bottom", fontsize=8.5, weight="bold" if last else "normal")
    ax.set_xticks(*month_ticks(table["month"].tolist(), chart.language))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_ylim(bottom=0)
    ax.set_ylabel(f"{chart.t(name)}, {chart.currency}" if money else chart.t(name))
    caption = [chart.t(_("{n:count} {n:plural month|months}"), n=len(table))]
    caption += [] if all(complete) else [chart.t(_("hatched: an incomplete month"))]
    chart.title = chart.title or chart.t(_("How did it move? {what:text}"), what=chart.t(name))
    return chart.close("", caption)


@plot
def plot_segments(chart: Chart, table: pd.DataFrame, *, names: Mapping[str, str] | None = None) -> Axes:
    """Draw each segment's share of customers (striped) and of revenue (solid).

    Columns: ``segment``, ``n_customers`` (NA = too few to show), ``share_of_customers``, ``share_of_revenue`` as
    fractions. `names`: mapping of segment to its name.
    """
    ax = chart.open(5.6, 1.3 + 0.62 * len(table))
    for i, row in enumerate(table.to_dict("records")):
        color = segment_color(row["segment"])
        if pd.isna(row["n_customers"]):
            ax.text(0, i, f" {chart.few}", va="center", color=QUIET)
            continue
        for offset, share, hatch in ((-0.19, "share_of_customers", "////"), (0.19, "share_of_revenue", "")):
            if pd.notna(row[share]):
                fill, y = PAPER if hatch else color, i + offset
                ax.barh(y, row[share], height=0.34, facecolor=fill, edgecolor=color, hatch=hatch)
                ax.text(row[share], y, f" {chart.figure(row[share], 'percent')}", va="center", color=INK, fontsize=9.5)
    chart.rows([chart.label(s, names, wide=20) for s in table["segment"]], -0.6)
    chart.bars_from_zero()
    caption = chart.each(_("striped: share of customers"), _("solid: share of revenue"))
    return chart.close(_("Who buys, and what do they bring?"), [*caption, chart.n_is(table["n_customers"].sum())])


@plot
def plot_lifecycle(chart: Chart, table: pd.DataFrame, *, names: Mapping[str, str] | None = None) -> Axes:
    """Draw the shares of primary, potential and lost customers, whole or by segment.

    Columns: ``state``, ``n_customers``, ``share`` (fraction of the row's customers) and, for one bar per segment,
    ``segment``. `names`: mapping of segment to its name.
    """
    rows = [("", table)] if "segment" not in table else list(table.groupby("segment", sort=False))
    chart.open(5.6, 1.5 + 0.5 * len(rows))
    for i, (_key, part) in enumerate(rows):
        shares = {state: part.loc[part["state"].eq(state), "share"].sum() for state in _STATES}
        parts = [(share, chart.figure(share, "percent"), _STATES[state]) for state, share in shares.items()]
        _stack(chart, i, parts, least=0.07, height=0.62)
    chart.rows([chart.label(key, names, wide=20) for key, _part in rows], -0.5, 0.5)
    chart.bars_from_zero(1.0)
    key = chart.each(_("dark: primary"), _("white: potential"), _("striped: lost"))
    return chart.close(_("Who still buys, and who has gone quiet?"), [*key, chart.n_is(table["n_customers"].sum())])


def _stack(chart: Chart, y: int, parts: list[tuple[float, str, dict[str, Any]]], least: float, **look: Any) -> float:
    """Draw the parts of a bar one after the other, each with its figure from the `least` length on; return its end."""
    left = 0.0
    for size, text, own in parts:
        if size > 0:
            chart.ax.barh(y, size, left=left, **look, **own)
            if size >= least:
                words: dict[str, Any] = {"color": PAPER if own["facecolor"] == INK else INK, "fontsize": 9.5}
                words |= {"ha": "center", "va": "center", "bbox": _ON_HATCH if own["hatch"] else None}
                chart.ax.text(left + size / 2, y, text, **words)
            left += size
    return left


@plot
def plot_contact_lists(chart: Chart, table: pd.DataFrame) -> Axes:
    """Draw how many customers each list has: to write to, held out, without consent.

    A row per list: ``name``, ``n_customers``, ``n_to_write``, ``n_held_out``, ``n_may_not`` (NA = too few to show),
    ``consent_known`` (bool).
    """
    ax = chart.open(6.4, 1.5 + 0.62 * len(table))
    longest = max(1.0, float(table["n_customers"].astype("float64").max(skipna=True) or 0))
    for i, row in enumerate(table.to_dict("records")):
        if pd.isna(row["n_customers"]):
            ax.text(0.015 * longest, i, chart.few, va="center", color=QUIET, fontsize=9.5)
            continue
        sizes = {part: 0 if pd.isna(row[part]) else int(row[part]) for part in _PARTS}
        parts = [(float(n), chart.figure(n), _PARTS[part]) for part, n in sizes.items()]
        left = _stack(chart, i, parts, least=_ROOM * longest, height=0.6, linewidth=0.8)
        total = chart.figure(int(row["n_customers"]))
        ax.text(left + 0.015 * longest, i, total, va="center", weight="bold", color=INK, fontsize=10)
    chart.rows([chart.label(name, wide=24) for name in table["name"]], -0.6, 0.5)
    chart.bars_from_zero(longest * 1.16)
    ax.spines["left"].set_color(LINE)
    known = bool(table["consent_known"].all())
    caption = [
        _("dark: to write to") if known else _("dark: all others"), _("dotted: held out at random"),
        _("striped: did not agree") if known else _("who agreed is not known"), _("bold: all on the list"),
    ]  # fmt: skip
    asked = _("Who is on each list, and may be written to?") if known else _("Who is on each list?")
    return chart.close(asked, chart.each(*caption))


@plot
def plot_cut_offs(chart: Chart, table: pd.DataFrame) -> Axes:
    """Draw how many customers would be ideal with each cut-off moved, and how many of them are so as set.

    Columns: ``cut_off``, ``name``, ``direction``, ``value``, ``n_customers`` and ``n_kept`` (NA = too few to show),
    ``share_of_revenue``; the row of the cut-offs as set first.
    """
    ax = chart.open(7.4, 1.9 + 0.42 * max(1, len(table)))
    rows = table.to_dict("records")
    for i, row in enumerate(rows):
        _cut_off_bar(chart, row, i)
    as_set = table.loc[table["direction"] == "as set", "n_customers"].dropna()
    if len(as_set):
        ax.axvline(float(as_set.iloc[0]), color=INK, linewidth=1.1, linestyle=":", zorder=3)
    chart.rows([_move(chart, row) for row in rows], -0.7, size=9.5)
    top = table["n_customers"].max()
    chart.bars_from_zero(max(1.0, float(top) if pd.notna(top) else 1.0) * 1.32)
    caption = [_("dark: ideal as set and still; striped: others who would be"), _("dotted line: as set")]
    caption = chart.each(*caption, _("per cent: share of revenue"))
    return chart.close(_("What if a cut-off stood a bit lower or higher?"), caption)


def _move(chart: Chart, row: dict[Any, Any]) -> str:
    """Return what a row is called: the cut-off and where it would stand."""
    if row["direction"] == "as set":
        return chart.t(_("As set"))
    name = chart.label(row["name"])
    if row["direction"] == "left out":
        text = chart.t(_("without “{name:text}”"), name=name)
    else:
        form = "percent" if str(row["cut_off"]).endswith("share") else "number"
        if form == "percent" and abs(100 * row["value"] - round(100 * row["value"])) > 1e-9:
            form = "percent1"
        text = f"{name}: {chart.figure(row['value'], form)}"
    return textwrap.fill(text, 34, max_lines=2, placeholder=" …")


def _cut_off_bar(chart: Chart, row: dict[Any, Any], at: int) -> None:
    text, end, kept = chart.few, 0.0, row["n_kept"]
    if pd.notna(row["n_customers"]):
        text, end = chart.figure(row["n_customers"]), float(row["n_customers"])
        same = float(kept) if pd.notna(kept) else 0.0
        chart.ax.barh(at, same, height=0.56, color=BLUE)
        chart.ax.barh(at, end - same, left=same, height=0.56, color=PAPER, edgecolor=BLUE, hatch="///", linewidth=0.8)
        if pd.notna(row["share_of_revenue"]):
            text += f"  ·  {chart.figure(row['share_of_revenue'], 'percent')}"
    look = {"color": QUIET, "fontsize": 9, "annotation_clip": False, "gid": "n", "zorder": 4, "bbox": BEHIND}
    chart.note(text, (end, at), (6, 0), **look)
    chart.ax.axhline(at + 0.5, color=LINE, linewidth=0.4, zorder=0)


@plot
def plot_concentration(chart: Chart, table: pd.DataFrame) -> Axes:
    """Draw the share of revenue that the best customers bring, with intervals.

    Columns: ``top`` (fraction of customers), ``n_customers`` (NA = too few to show), ``share``, ``low``, ``high``.
    """
    ax = chart.open(6.4, 1.2 + 0.55 * len(table))
    names = []
    for i, row in enumerate(table.to_dict("records")):
        best = chart.t(_("the best {top:percent}"), top=row["top"])
        if pd.isna(row["n_customers"]):
            names.append(best)
            ax.text(0, i, f" {chart.few}", va="center", color=QUIET)
            continue
        size = chart.t(_("{n:count} {n:plural customer|customers}"), n=int(row["n_customers"]))
        names.append(f"{best}\n{size}")
        ax.barh(i, row["share"], height=0.56, color=REST)
        chart.interval(row["low"], row["high"], i, PAPER, 3.6)
        ax.plot([row["low"], row["high"]], [i, i], color=INK, linewidth=1.6, marker="|", markersize=9)
        written = f"  {chart.figure(row['share'], 'percent')}"
        ax.text(max(row["share"], row["high"]), i, written, va="center", color=INK, fontsize=9.5)
    chart.rows(names, -0.6)
    chart.bars_from_zero(1.0)
    caption = chart.each(_("bars: share of revenue"), _("lines: its interval"))
    return chart.close(_("Who brings how much of the revenue?"), caption)


@plot
def plot_repeat_frequency(chart: Chart, table: pd.DataFrame) -> Axes:
    """Draw how many customers have bought again how often, and how many each model expects.

    Columns: ``n_repeat`` ("0", "1", …, "7+"), ``actual`` (customers; NA = too few to show), then a column per model,
    named by it.
    """
    ax = chart.open(7.2, 3.8)
    places = range(len(table))
    actual = table["actual"].astype("Float64")
    heights = actual.fillna(0).to_numpy("float64")
    ax.bar(places, heights, width=0.72, color=LINE, edgecolor=REST)
    models = [str(column) for column in table.columns if column not in ("n_repeat", "actual")]
    shift, top = 0.16 if len(models) > 1 else 0.0, heights
    for k, model in enumerate(models):
        expected = table[model].astype("Float64").to_numpy("float64", na_value=float("nan"))
        x = [place + shift * (2 * k - len(models) + 1) for place in places]
        look: dict[str, Any] = {"marker": _MARKS[k % 3], "color": (INK, PAPER)[k % 2], "markeredgecolor": INK}
        ax.plot(x, expected, linestyle="", label=model, **look)
        top = pd.DataFrame([top, expected]).max().to_numpy()
    for place, count, height in zip(places, actual, top, strict=True):
        few = pd.isna(count)
        text = chart.few.replace("\u00a0", "\n") if few else chart.figure(count)
        look = {"fontsize": 8.5 if few else 9.5, "color": QUIET if few else INK}
        chart.note(text, (place, height), (0, 6), ha="center", va="bottom", **look)
    ax.set_xticks(places, table["n_repeat"].tolist())
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_ylim(0, 1.12 * float(max(top, default=1)) or 1)
    ax.set_xlabel(chart.t(_("purchases after the first")))
    if models:
        ax.legend(frameon=False, loc="upper right")
    caption = [chart.t(_("bars: customers; marks: the models")), chart.n_is(actual.sum())]
    return chart.close(_("How often do they buy again, and what do the models say?"), caption)


@plot
def plot_gaps(chart: Chart, table: pd.DataFrame, *, marks: Mapping[str, float] | None = None) -> Axes:
    """Draw how many days lie between one order and the next.

    Columns: ``days`` (left edge of the class, ascending) and ``n_gaps``. `marks`: lines to draw, such as a cut-off.
    """
    ax = chart.open(7.4, 3.4)
    edges = table["days"].astype("float64").to_numpy()
    width = float(pd.Series(edges).diff().median()) if len(edges) > 1 else 1.0
    ax.bar(edges, table["n_gaps"].astype("float64"), width=0.9 * width, align="edge", color=REST)
    for k, (words, days) in enumerate((marks or {}).items()):
        ax.axvline(days, color=INK, linestyle=_DASHES[k % 4], linewidth=1.4)
        beyond = days > 0.5 * (edges[-1] + width if len(edges) else days)  # else the words would leave the figure
        by, side = (-5 if beyond else 5, -4), "right" if beyond else "left"
        chart.note(words, (days, 1 - 0.1 * k), by, coords=("data", "axes fraction"), va="top", ha=side)
    ax.set_xlabel(chart.t(_("days from one order to the next")))
    ax.set_ylabel(chart.t(_("number of gaps")))
    ax.set_ylim(bottom=0)
    ax.set_xlim(left=0)
    ax.yaxis.set_major_formatter(lambda v, _at: chart.figure(v, "number"))
    caption = [chart.t(_("{n:count} {n:plural gap|gaps}"), n=int(table["n_gaps"].sum()))]
    return chart.close(_("How long do customers wait between orders?"), caption)


@plot
def plot_new_customers(chart: Chart, table: pd.DataFrame, *, period: str = "W") -> Axes:
    """Draw how many customers have their first order in the data, by period.

    Columns: ``start`` (first day of the period) and ``n_customers`` (NA = too few to show). `period` ("W", "M", "Q"):
    length of a period.
    """
    ax = chart.open(7.4, 3.2)
    places = range(len(table))
    ax.bar(places, table["n_customers"].astype("Float64").fillna(0).to_numpy("float64"), width=0.8, color=REST)
    every = max(1, -(-len(table) // 6))
    ax.set_xticks(list(places)[::every], [f"{day:%Y-%m-%d}" for day in table["start"][::every]])
    ax.set_xlabel(chart.t(_PERIODS[period]))
    ax.set_ylabel(chart.t(_("customers")))
    ax.set_ylim(bottom=0)
    caption = [chart.n_is(table["n_customers"].sum())]
    if table["n_customers"].isna().any():
        caption.append(chart.t(_("groups that are too small to show are left out")))
    return chart.close(_("When does each customer appear for the first time?"), caption)
