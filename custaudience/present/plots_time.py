"""The plots of customers over time: who orders again, who is still a customer, how long they wait."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.drawing import (
    add_caption,
    axes_for,
    counted,
    keep_apart,
    n_is,
    remove_frame,
    round_ticks,
    set_title,
    write_cell,
)
from custaudience.present.style import INK, QUIET, REST, SEQUENTIAL, segment_color, styled
from custaudience.present.words import format_value, label, translator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES = ("-", "--", "-.", ":")
_TIME_UNITS = {
    "days": _("days since the first order"),
    "weeks": _("weeks since the first order"),
    "months": _("months since the first order"),
}


@styled
def plot_retention(
    table: pd.DataFrame, *, title: str = "", age_unit: str = "weeks", language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw a heat map of cohorts by age; what is not yet observed stays blank.

    Parameters
    ----------
    table : DataFrame
        Columns ``cohort``, ``age`` (0, 1, …), ``n_customers`` (size of the cohort), ``share``
        (fraction; NaN = not yet observed).
    age_unit : {"days", "weeks", "months"}
        Of the ages.
    """
    grid = table.pivot(index="cohort", columns="age", values="share")
    ax = axes_for(ax, 7.4, 1.8 + 0.3 * len(grid))
    t = translator(language)
    # Age 0 is 100 % by definition; the scale ends where the news is, at the largest share that came back.
    later = float(table.loc[table["age"].gt(0), "share"].max())
    top = max(0.05, later) if later == later else 1.0
    image = ax.imshow(grid.astype("float64"), cmap=SEQUENTIAL, aspect="auto", vmin=0, vmax=top)
    if grid.shape[1] <= 14:
        for (i, j), share in np.ndenumerate(grid.to_numpy("float64")):
            if pd.notna(share):
                write_cell(ax, j, i, format_value(100 * share, "count", language=language), share, image)
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02, ticks=[0, top / 2, top])
    bar.ax.set_yticklabels([format_value(v, "percent", language=language) for v in (0, top / 2, top)])
    bar.outline.set_visible(False)
    every = max(1, -(-grid.shape[1] // 14))
    ax.set_xticks(range(0, grid.shape[1], every), [str(a) for a in grid.columns[::every]])
    ax.set_yticks(range(len(grid)), [str(c)[:10] for c in grid.index])
    ax.set_xlabel(t(_TIME_UNITS[age_unit]))
    ax.set_ylabel(t(_("first order in")))
    remove_frame(ax)
    set_title(ax, title or t(_("Of those who came together, how many order again?")))
    sizes = table.groupby("cohort")["n_customers"].max()
    return add_caption(ax, [t(_("% of the cohort; blank: not yet observed")), n_is(sizes.sum(), language)])


@styled
def plot_survival(
    table: pd.DataFrame,
    *,
    title: str = "",
    time_unit: str = "days",
    names: Mapping[str, str] | None = None,
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw step curves with their intervals, named at their ends, and the numbers at risk below.

    Parameters
    ----------
    table : DataFrame
        Columns ``group``, ``time``, ``at_risk``, ``share``, ``low``, ``high`` (fractions); up to four groups.
    time_unit : {"days", "weeks", "months"}
        Of the times.
    """
    ax = axes_for(ax, 7.4, 4.4)
    t = translator(language)
    groups = list(table.groupby("group", sort=False))
    end = float(table["time"].max()) or 1.0
    ticks = round_ticks(end)
    heights = keep_apart([float(part["share"].iloc[-1]) for _group, part in groups], 0.1)
    for i, (group, part) in enumerate(groups):
        color = segment_color(str(group)) if segment_color(str(group)) != REST else (INK, REST)[i % 2]
        ax.step(part["time"], part["share"], where="post", color=color, linestyle=_LINES[i % 4], linewidth=1.8)
        ax.fill_between(part["time"], part["low"], part["high"], step="post", color=color, alpha=0.14, linewidth=0)
        name = textwrap.fill((names or {}).get(str(group)) or label(str(group), language), 18)
        ax.annotate(
            name,
            (1, heights[i] / 1.02),
            xycoords="axes fraction",
            xytext=(8, 0),
            va="center",
            textcoords="offset points",
            color=INK,
            fontsize=9.5,
        )
        below = -48 - 26 * i
        ax.annotate(
            name,
            (1, 0),
            xycoords="axes fraction",
            xytext=(8, below),
            va="center",
            textcoords="offset points",
            color=QUIET,
            fontsize=9,
        )
        for tick in ticks:
            reached = part[part["time"] >= tick]
            n = format_value(reached["at_risk"].iloc[0], "count", language=language) if len(reached) else "–"
            ax.annotate(
                n,
                (tick, 0),
                xycoords=("data", "axes fraction"),
                xytext=(0, below),
                ha="center",
                va="center",
                textcoords="offset points",
                color=QUIET,
                fontsize=9,
            )
    ax.set(xlim=(0, end), ylim=(0, 1.02))
    ax.set_xticks(ticks, [format_value(x, "number", language=language) for x in ticks])
    ax.set_yticks(
        [0, 0.25, 0.5, 0.75, 1], [format_value(y, "percent", language=language) for y in (0, 0.25, 0.5, 0.75, 1)]
    )
    ax.grid(axis="y")
    ax.set_xlabel(t(_TIME_UNITS[time_unit]))
    set_title(ax, title or t(_("How many are still customers?")))
    lines = [t(_("below the axis: customers still waiting and still observed at that time"))]
    at_start = table.groupby("group")["at_risk"].max().sum()
    return add_caption(ax, [*lines, n_is(at_start, language)], below=26 * len(groups))


@styled
def plot_gaps(
    table: pd.DataFrame,
    *,
    marks: Mapping[str, float] | None = None,
    title: str = "",
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw how many days lie between one order and the next.

    Parameters
    ----------
    table : DataFrame
        Columns ``days`` (left edge of the class, ascending) and ``n_gaps``.
    marks : mapping of words to days, optional
        Lines to draw, such as a cut-off.
    """
    ax = axes_for(ax, 7.4, 3.4)
    t = translator(language)
    edges = table["days"].astype("float64").to_numpy()
    width = float(pd.Series(edges).diff().median()) if len(edges) > 1 else 1.0
    ax.bar(edges, table["n_gaps"].astype("float64"), width=0.9 * width, align="edge", color=REST)
    for k, (words, days) in enumerate((marks or {}).items()):
        ax.axvline(days, color=INK, linestyle=_LINES[k % 4], linewidth=1.4)
        beyond = days > 0.5 * (edges[-1] + width if len(edges) else days)  # else the words would leave the figure
        ax.annotate(
            words,
            (days, 1 - 0.1 * k),
            xycoords=("data", "axes fraction"),
            xytext=(-5 if beyond else 5, -4),
            textcoords="offset points",
            va="top",
            ha="right" if beyond else "left",
            color=INK,
            fontsize=9.5,
        )
    ax.set_xlabel(t(_("days from one order to the next")))
    ax.set_ylabel(t(_("number of gaps")))
    ax.set_ylim(bottom=0)
    ax.set_xlim(left=0)
    ax.yaxis.set_major_formatter(lambda v, _at: format_value(v, "number", language=language))
    set_title(ax, title or t(_("How long do customers wait between orders?")))
    return add_caption(ax, [counted(_("{n:count} {n:plural gap|gaps}"), table["n_gaps"].sum(), language)])


@styled
def plot_new_customers(
    table: pd.DataFrame, *, period: str = "W", title: str = "", language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw how many customers have their first order in the data, by period.

    Parameters
    ----------
    table : DataFrame
        Columns ``start`` (first day of the period) and ``n_customers`` (NA = too few to show).
    period : {"W", "M", "Q"}
        Length of a period.
    """
    ax = axes_for(ax, 7.4, 3.2)
    t = translator(language)
    places = range(len(table))
    ax.bar(places, table["n_customers"].astype("Float64").fillna(0).to_numpy("float64"), width=0.8, color=REST)
    every = max(1, -(-len(table) // 6))
    ax.set_xticks(list(places)[::every], [f"{day:%Y-%m-%d}" for day in table["start"][::every]])
    lengths = {
        "W": _("week of the first order"),
        "M": _("month of the first order"),
        "Q": _("quarter of the first order"),
    }
    ax.set_xlabel(t(lengths[period]))
    ax.set_ylabel(t(_("customers")))
    ax.set_ylim(bottom=0)
    set_title(ax, title or t(_("When does each customer appear for the first time?")))
    lines = [n_is(table["n_customers"].sum(), language)]
    if table["n_customers"].isna().any():
        lines.append(t(_("groups that are too small to show are left out")))
    return add_caption(ax, lines)
