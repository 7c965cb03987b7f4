"""The plots of the ideal customers: what sets them apart from the rest, and what other cut-offs would give."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.drawing import add_caption, axes_for, set_title
from custaudience.present.plots_drivers import variable_names
from custaudience.present.style import BLUE, INK, LINE, PAPER, QUIET, REST, styled
from custaudience.present.tables import fewer_than
from custaudience.present.words import format_value, label, render, translator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDE = 34
_FORMS = {"currency": "money0", "share": "percent"}
_WIDEST = 8.0  # times as much, and an eighth: longer intervals are cut at the edge
_STEPS = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)


@styled
def plot_traits(
    table: pd.DataFrame,
    *,
    most: int = 16,
    currency: str = "",
    title: str = "",
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw how many times as often, or as much, each trait is among ideal customers as among the rest.

    Parameters
    ----------
    table : DataFrame
        Columns ``name``, ``kind`` ("behaviour", "category_share", "date", "attribute"), ``unit``, ``category``,
        ``statistic``, ``value``, ``value_others``, ``ratio``, ``ratio_low``, ``ratio_high``, ``status``.
    most : int
        So many rows at most, clear ones first; those not drawn are counted below.
    currency : str
        Of values in money.
    """
    rows = table[table["ratio"].notna() & (table["ratio"] > 0) & (table["status"] != "too_few")]
    place = (rows["status"] != "measured").astype(int)
    size = rows["effect"].abs() if "effect" in rows else rows["ratio"].abs()
    order = rows.assign(place=place, size=-size).sort_values(["place", "size"], kind="stable").index
    shown = rows.loc[order].head(most)
    ax = axes_for(ax, 7.4, 2.2 + 0.4 * max(1, len(shown)))
    t = translator(language)
    reach = _reach(shown)
    for i, row in enumerate(shown.to_dict("records")):
        _trait(ax, row, i, reach, currency, language)
    ax.axvline(1.0, color=INK, linewidth=1.1, linestyle=":", zorder=1)
    names = [_name(row, language) for row in shown.to_dict("records")]
    ax.set_yticks(range(len(names)), names, color=INK)
    ax.tick_params(axis="y", labelsize=9.5)
    ax.set_ylim(max(len(names), 1) - 0.4, -0.9)
    ax.set_xscale("log")
    ax.set_xlim(1 / reach / 1.06, reach * 1.06)
    steps = [step for step in _STEPS if 1 / reach <= step <= reach]
    ax.set_xticks(steps, [_times(step, language) for step in steps])
    ax.minorticks_off()
    ax.grid(axis="x")
    ax.annotate(
        t(_("ideal · rest")), (1, -0.62), xycoords=("axes fraction", "data"), xytext=(6, 0),
        textcoords="offset points", color=QUIET, fontsize=9, va="center", annotation_clip=False,
    )  # fmt: skip
    ax.set_xlabel(t(_("times as often, or as much, as among the rest")))
    set_title(ax, title or t(_("What sets ideal customers apart from the rest?")))
    marks = {
        "measured": _("filled dot: clear difference"),
        "no_clear_difference": _("empty diamond: no clear difference"),
    }
    caption = [t(words) for status, words in marks.items() if status in set(shown["status"])]
    if "*" in "".join(names):
        caption.append(t(_("* known beside orders")))
    if len(rows) > len(shown):
        caption.append(
            render(_("{n:count} weaker ones are not drawn"), {"n": len(rows) - len(shown)}, language=language)
        )
    return add_caption(ax, caption)


def _reach(rows: pd.DataFrame) -> float:
    """Return how far the axis goes to both sides: to the next step that holds the intervals."""
    if rows.empty:
        return 2.0
    furthest = max(float(rows["ratio_high"].max()), 1 / max(float(rows["ratio_low"].min()), 1e-9))
    return next((step for step in (2.0, 4.0) if furthest <= step * 1.05), _WIDEST)


def _trait(ax: Axes, row: dict[Any, Any], at: int, reach: float, currency: str, language: str) -> None:
    clear = row["status"] == "measured"
    edge, fill, marker = (BLUE, BLUE, "o") if clear else (REST, PAPER, "D")
    low, ratio, high = (min(max(float(row[c]), 1 / reach), reach) for c in ("ratio_low", "ratio", "ratio_high"))
    ax.plot([low, high], [at, at], color=edge, linewidth=1.6, solid_capstyle="butt")
    ax.plot(
        [ratio], [at], marker=marker, markerfacecolor=fill, markeredgecolor=edge, markersize=7, linestyle="none",
        clip_on=False, zorder=3,
    )  # fmt: skip
    form = "percent" if str(row["statistic"]).startswith("share") else _FORMS.get(str(row["unit"]), "number1")
    if form == "percent" and min(row["value"], row["value_others"]) < 0.1:
        form = "percent1"
    values = [format_value(row[c], form, language=language, currency=currency) for c in ("value", "value_others")]
    ax.annotate(
        " · ".join(values), (1, at), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
        va="center", color=QUIET, fontsize=9, annotation_clip=False, gid="values",
    )  # fmt: skip


def _times(step: float, language: str) -> str:
    return f"×{format_value(step, 'number', language=language)}" if step >= 1 else f"÷{1 / step:.0f}"


def _name(row: dict[Any, Any], language: str) -> str:
    name = str(variable_names(pd.DataFrame([{"name": row["name"], "kind": row["kind"]}]), language=language).iloc[0])
    if row["category"]:
        star = " *" if name.endswith(" *") else ""
        name = f"{name.removesuffix(' *')}: {label(str(row['category']), language)}{star}"
    return textwrap.fill(name, _WIDE, max_lines=2, placeholder=" …")


@styled
def plot_cut_offs(
    table: pd.DataFrame, *, min_group_size: int = 10, title: str = "", language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw how many customers would be ideal with each cut-off moved, and how many of them are so as set.

    Parameters
    ----------
    table : DataFrame
        Columns ``cut_off``, ``name``, ``direction``, ``value``, ``n_customers`` and ``n_kept`` (NA = too few to show),
        ``share_of_revenue``; the row of the cut-offs as set first.
    """
    t = translator(language)
    ax = axes_for(ax, 7.4, 1.9 + 0.42 * max(1, len(table)))
    names = []
    for i, row in enumerate(table.to_dict("records")):
        names.append(_move(row, language))
        _bar(ax, row, i, min_group_size, language)
    as_set = table.loc[table["direction"] == "as set", "n_customers"].dropna()
    if len(as_set):
        ax.axvline(float(as_set.iloc[0]), color=INK, linewidth=1.1, linestyle=":", zorder=3)
    ax.set_yticks(range(len(names)), names, color=INK)
    ax.tick_params(axis="y", labelsize=9.5)
    ax.set_ylim(max(len(names), 1) - 0.4, -0.7)
    top = table["n_customers"].max()
    ax.set_xlim(0, max(1.0, float(top) if pd.notna(top) else 1.0) * 1.32)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    set_title(ax, title or t(_("What if a cut-off stood a bit lower or higher?")))
    return add_caption(
        ax,
        [
            t(_("dark: ideal as set and still; striped: others who would be")),
            t(_("dotted line: as set")),
            t(_("per cent: share of revenue")),
        ],
    )


def _move(row: dict[Any, Any], language: str) -> str:
    """Return what a row is called: the cut-off and where it would stand."""
    t = translator(language)
    if row["direction"] == "as set":
        return t(_("As set"))
    name = label(str(row["name"]), language)
    if row["direction"] == "left out":
        text = render(_("without “{name:text}”"), {"name": name}, language=language)
    else:
        form = "percent" if str(row["cut_off"]).endswith("share") else "number"
        if form == "percent" and abs(100 * row["value"] - round(100 * row["value"])) > 1e-9:
            form = "percent1"
        text = f"{name}: {format_value(row['value'], form, language=language)}"
    return textwrap.fill(text, _WIDE, max_lines=2, placeholder=" …")


def _bar(ax: Axes, row: dict[Any, Any], at: int, least: int, language: str) -> None:
    n, kept = row["n_customers"], row["n_kept"]
    if pd.isna(n):
        text, end = fewer_than(least, language), 0.0
    else:
        text, end = format_value(n, "count", language=language), float(n)
        same = float(kept) if pd.notna(kept) else 0.0
        ax.barh(at, same, height=0.56, color=BLUE)
        ax.barh(at, end - same, left=same, height=0.56, color=PAPER, edgecolor=BLUE, hatch="///", linewidth=0.8)
        if pd.notna(row["share_of_revenue"]):
            text += f"  ·  {format_value(row['share_of_revenue'], 'percent', language=language)}"
    ax.annotate(
        text, (end, at), xytext=(6, 0), textcoords="offset points", va="center", color=QUIET, fontsize=9,
        annotation_clip=False, gid="n", zorder=4, bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
    )  # fmt: skip
    ax.axhline(at + 0.5, color=LINE, linewidth=0.4, zorder=0)
