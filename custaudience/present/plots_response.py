"""The plots of campaigns: who answers, and what those who answer had bought beforehand."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.drawing import add_caption, axes_for, set_title
from custaudience.present.plots_products import BEHIND
from custaudience.present.style import BLUE, INK, LINE, PAPER, REST, styled
from custaudience.present.tables import fewer_than
from custaudience.present.words import format_value, label, render, translator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 32  # letters of a name before it is broken
_ROW, _LINE, _HEADING = 0.16, 0.19, 0.36  # inches


def _n(n: int, language: str) -> str:
    return render(_("n\u00a0=\u00a0{n:count}"), {"n": n}, language=language)


@styled
def plot_response(
    table: pd.DataFrame,
    *,
    overall: float | None = None,
    min_group_size: int = 10,
    title: str = "",
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw which share of each group answers: dot and interval, filled where it differs clearly from the others.

    Parameters
    ----------
    table : DataFrame
        Columns ``attribute`` (a heading; the rows of one stand together), ``value`` (the group),
        ``response_rate``, ``low``, ``high`` (fractions), ``n`` (NA = too few to show), ``verdict``.
    overall : float, optional
        Share of all, marked by a line.
    """
    names = [textwrap.fill(label(str(value), language), _WIDTH) for value in table["value"]]
    heads = table["attribute"].ne(table["attribute"].shift()).tolist()
    several = table["attribute"].nunique() > 1
    places, at = [], 0.0
    headings: list[tuple[float, str]] = []
    for name, new, attribute in zip(names, heads, table["attribute"], strict=True):
        if new and several:
            headings.append((at + _HEADING - 0.1, label(str(attribute), language)))
            at += _HEADING
        height = _ROW + _LINE * (name.count("\n") + 1)
        places.append(at + height / 2)
        at += height
    ax = axes_for(ax, 7.4, 1.7 + at)
    t = translator(language)
    top = max([0.02, *table["high"].dropna()])
    written = []
    for y, name, row in zip(places, names, table.to_dict("records"), strict=True):
        if pd.isna(row["n"]) or pd.isna(row["response_rate"]):
            written.append(f"{name} ({fewer_than(min_group_size, language)})" if pd.isna(row["n"]) else name)
            continue
        written.append(f"{name} ({_n(row['n'], language)})")
        clear = row["verdict"] != "no clear difference"
        color = BLUE if clear else REST
        ax.plot([row["low"], row["high"]], [y, y], color=color, linewidth=2, solid_capstyle="butt")
        ax.plot(
            row["response_rate"], y, marker="o", markersize=7, color=color, markerfacecolor=color if clear else PAPER
        )
        ax.annotate(
            format_value(row["response_rate"], "percent", language=language),
            (row["high"], y),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=9.5,
            bbox=BEHIND,
        )
    if overall is not None and overall == overall:
        ax.axvline(overall, color=INK, linewidth=1, linestyle="--")
    for y, text in headings:
        ax.annotate(
            text, (0.012, y), xycoords=("figure fraction", "data"), va="bottom", color=INK, weight="bold", fontsize=9.5
        )
    ax.set_yticks(places, written, color=INK, fontsize=9.5)
    ax.set_ylim(max(at, 0.3), 0)
    ax.set_xlim(0, top * 1.12)
    step = next(step for step in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if top / step <= 6 or step == 0.2)
    ticks = [i * step for i in range(int(top / step) + 1)]
    form = "percent" if step >= 0.01 else "percent1"
    ax.set_xticks(ticks, [format_value(x, form, language=language) for x in ticks])
    ax.grid(axis="x", color=LINE)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(t(_("share of contacts answered")))
    set_title(ax, title or t(_("Who answers?")))
    caption = [
        t(_("filled: clearly unlike the others, after allowing for so many comparisons; hollow: no clear difference")),
        t(_("line: interval")),
    ]
    if overall is not None:
        caption.append(t(_("dashed: all contacts")))
    return add_caption(ax, caption)


@styled
def plot_before(
    table: pd.DataFrame,
    *,
    n_days: int,
    currency: str | None = None,
    min_group_size: int = 10,
    title: str = "",
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw what each group brought before a campaign (hollow) and during it (filled), with intervals.

    Parameters
    ----------
    table : DataFrame
        Columns ``group`` ("responded", "no_response", "not_sent"), ``n_customers`` (NA = too few to show),
        ``spend_before``, ``before_low``, ``before_high``, ``spend_during``, ``during_low``, ``during_high``.
    n_days : int
        Of the campaign, and of the time before it.
    """
    ax = axes_for(ax, 7.4, 1.8 + 0.75 * len(table))
    t = translator(language)
    names = []
    for place, row in enumerate(table.to_dict("records")):
        name = textwrap.fill(label(str(row["group"]), language), 22)
        few = pd.isna(row["n_customers"])
        size = fewer_than(min_group_size, language) if few else _n(row["n_customers"], language)
        names.append(f"{name}\n({size})")
        if few:
            continue
        for offset, which, fill, color in ((-0.17, "before", PAPER, REST), (0.17, "during", BLUE, BLUE)):
            y = place + offset
            if pd.notna(row[f"{which}_low"]):
                ax.plot([row[f"{which}_low"], row[f"{which}_high"]], [y, y], color=color, linewidth=2)
            ax.plot(
                row[f"spend_{which}"], y, marker="o", markersize=7, color=color, markerfacecolor=fill, clip_on=False
            )
            form = "money0" if currency else "count"
            end = row[f"{which}_high"] if pd.notna(row[f"{which}_high"]) else row[f"spend_{which}"]
            ax.annotate(
                format_value(row[f"spend_{which}"], form, language=language, currency=currency),
                (end, y),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                color=INK,
                fontsize=9.5,
                bbox=BEHIND,
            )
    ax.set_yticks(range(len(table)), names, color=INK)
    ax.set_ylim(len(table) - 0.45, -0.55)
    ax.set_xlim(0, 1.18 * max([1.0, *table[["before_high", "during_high"]].max().dropna()]))
    ax.xaxis.set_major_formatter(lambda v, _at: format_value(v, "count", language=language))
    ax.grid(axis="x", color=LINE)
    ax.spines["left"].set_visible(False)
    what = render(_("revenue per customer in {n:count} {n:plural day|days}"), {"n": n_days}, language=language)
    ax.set_xlabel(f"{what}, {currency}" if currency else what)
    set_title(ax, title or t(_("What had they brought before it was sent?")))
    return add_caption(ax, [t(_("hollow: before")), t(_("filled: during")), t(_("line: interval of the mean"))])
