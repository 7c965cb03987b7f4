"""The plots of customer value: who brings how much, how often they come back, and whether a model holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.drawing import (
    add_caption,
    axes_for,
    bars_from_zero,
    counted,
    keep_apart,
    month_ticks,
    n_is,
    set_title,
)
from custaudience.present.style import INK, LINE, PAPER, QUIET, REST, styled
from custaudience.present.tables import fewer_than
from custaudience.present.words import format_value, render, translator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = ("o", "D", "s")


@styled
def plot_concentration(
    table: pd.DataFrame, *, title: str = "", min_group_size: int = 10, language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw the share of revenue that the best customers bring, with intervals.

    Parameters
    ----------
    table : DataFrame
        Columns ``top`` (fraction of customers), ``n_customers`` (NA = too few to show), ``share``, ``low``, ``high``.
    """
    ax = axes_for(ax, 6.4, 1.2 + 0.55 * len(table))
    t = translator(language)
    names = []
    for i, row in enumerate(table.to_dict("records")):
        best = render(_("the best {top:percent}"), {"top": row["top"]}, language=language)
        if pd.isna(row["n_customers"]):
            names.append(best)
            ax.text(0, i, f" {fewer_than(min_group_size, language)}", va="center", color=QUIET)
            continue
        size = counted(_("{n:count} {n:plural customer|customers}"), row["n_customers"], language)
        names.append(f"{best}\n{size}")
        ax.barh(i, row["share"], height=0.56, color=REST)
        ax.plot([row["low"], row["high"]], [i, i], color=PAPER, linewidth=3.6, solid_capstyle="butt")
        ax.plot([row["low"], row["high"]], [i, i], color=INK, linewidth=1.6, marker="|", markersize=9)
        written = format_value(row["share"], "percent", language=language)
        ax.text(max(row["share"], row["high"]), i, f"  {written}", va="center", color=INK, fontsize=9.5)
    ax.set_yticks(range(len(table)), names, color=INK)
    ax.set_ylim(len(table) - 0.4, -0.6)
    bars_from_zero(ax, 1.0)
    set_title(ax, title or t(_("Who brings how much of the revenue?")))
    return add_caption(ax, [t(_("bars: share of revenue")), t(_("lines: its interval"))])


@styled
def plot_repeat_frequency(
    table: pd.DataFrame, *, title: str = "", min_group_size: int = 10, language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw how many customers have bought again how often, and how many each model expects.

    Parameters
    ----------
    table : DataFrame
        Columns ``n_repeat`` ("0", "1", …, "7+"), ``actual`` (customers; NA = too few to show), then a column per
        model, named by it.
    """
    ax = axes_for(ax, 7.2, 3.8)
    t = translator(language)
    places = range(len(table))
    actual = table["actual"].astype("Float64")
    heights = actual.fillna(0).to_numpy("float64")
    ax.bar(places, heights, width=0.72, color=LINE, edgecolor=REST)
    models = [str(column) for column in table.columns if column not in ("n_repeat", "actual")]
    shift = 0.16 if len(models) > 1 else 0.0
    top = heights
    for k, model in enumerate(models):
        expected = table[model].astype("Float64").to_numpy("float64", na_value=float("nan"))
        x = [place + shift * (2 * k - len(models) + 1) for place in places]
        ax.plot(
            x, expected, linestyle="", marker=_MARKS[k % 3], color=(INK, PAPER)[k % 2], markeredgecolor=INK, label=model
        )
        top = pd.DataFrame([top, expected]).max().to_numpy()
    for place, count, height in zip(places, actual, top, strict=True):
        written = fewer_than(min_group_size, language).replace("\u00a0", "\n") if pd.isna(count) else None
        text = written or format_value(count, "count", language=language)
        ax.annotate(
            text,
            (place, height),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8.5 if written else 9.5,
            color=QUIET if written else INK,
        )
    ax.set_xticks(places, table["n_repeat"].tolist())
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_ylim(0, 1.12 * float(max(top, default=1)) or 1)
    ax.set_xlabel(t(_("purchases after the first")))
    if models:
        ax.legend(frameon=False, loc="upper right")
    set_title(ax, title or t(_("How often do they buy again, and what do the models say?")))
    return add_caption(ax, [t(_("bars: customers; marks: the models")), n_is(actual.sum(), language)])


@styled
def plot_tracking(
    table: pd.DataFrame, *, model: str = "", title: str = "", language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw actual against expected repeat purchases, cumulated, and where the model stopped to see.

    Parameters
    ----------
    table : DataFrame
        Columns ``until`` (last day of a week), ``actual_cumulative``, ``expected_cumulative``, ``held_out`` and, for
        the caption, ``n_customers``; rows without figures (too few customers yet) are left out.
    model : str
        Its name, for the label of its line.
    """
    ax = axes_for(ax, 7.4, 4.0)
    t = translator(language)
    shown = table.dropna(subset=["actual_cumulative"])
    days = pd.to_datetime(shown["until"])
    lines = {
        "actual_cumulative": (t(_("what happened")), "-", 2.2, INK),
        "expected_cumulative": (model or t(_("the model")), "--", 1.8, REST),
    }
    end = float(shown[list(lines)].to_numpy("float64").max(initial=1.0))
    heights = keep_apart([float(shown[name].iloc[-1]) if len(shown) else 0.0 for name in lines], 0.08 * end)
    for height, (name, (words, style, width, color)) in zip(heights, lines.items(), strict=True):
        ax.plot(days, shown[name].astype("float64"), linestyle=style, linewidth=width, color=color)
        if len(shown):
            ax.annotate(
                words,
                (1, height / (1.06 * end)),
                xycoords="axes fraction",
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                color=INK,
                fontsize=9.5,
            )
    ax.set_ylim(0, 1.06 * end)
    seen = days[~shown["held_out"].astype(bool)]
    if len(seen) and len(seen) < len(shown):
        ax.axvline(seen.iloc[-1], color=INK, linestyle=":", linewidth=1.4)
        early = (seen.iloc[-1] - days.iloc[0]) < 0.45 * (days.iloc[-1] - days.iloc[0])
        ax.annotate(
            t(_("not seen by the model →")) if early else t(_("← seen by the model")),
            (seen.iloc[-1], 1),
            xycoords=("data", "axes fraction"),
            xytext=(6 if early else -6, -4),
            textcoords="offset points",
            ha="left" if early else "right",
            va="top",
            color=INK,
            fontsize=9.5,
        )
    if len(shown):
        ax.set_xlim(days.iloc[0], days.iloc[-1])
    months = pd.date_range(days.min(), days.max(), freq="MS") if len(shown) else pd.DatetimeIndex([])
    if len(months) > 1:
        places, names = month_ticks([f"{day:%Y-%m}" for day in months], language)
        ax.set_xticks(months[places], names)
    else:
        ends = days.iloc[[0, -1]].drop_duplicates() if len(shown) else days
        ax.set_xticks(ends, [format_value(day.date(), "date", language=language) for day in ends])
    ax.yaxis.set_major_formatter(lambda v, _at: format_value(v, "count", language=language))
    ax.set_ylabel(t(_("repeat purchases so far")))
    ax.grid(axis="y")
    set_title(ax, title or t(_("Does the model hold in a time it has not seen?")))
    cut = "" if not len(seen) else seen.iloc[-1].date().isoformat()
    caption = (
        [] if not cut else [render(_("fitted to purchases until {until:date}"), {"until": cut}, language=language)]
    )
    if "n_customers" in shown:
        caption.append(n_is(shown["n_customers"].max(), language))
    return add_caption(ax, caption)
