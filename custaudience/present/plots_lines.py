"""Lines over time: who is still a customer, and whether a model holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.charts import Chart, keep_apart, month_ticks, plot, round_ticks
from custaudience.present.style import INK, QUIET, REST, segment_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TIME_UNITS = {
    "days": _("days since the first order"), "weeks": _("weeks since the first order"),
    "months": _("months since the first order"),
}  # fmt: skip
_DASHES = ("-", "--", "-.", ":")


@plot
def plot_survival(
    chart: Chart, table: pd.DataFrame, *, time_unit: str = "days", names: Mapping[str, str] | None = None
) -> Axes:
    """Draw step curves with their intervals, named at their ends, and the numbers at risk below.

    Columns: ``group``, ``time``, ``at_risk``, ``share``, ``low``, ``high`` (fractions); up to four groups. `time_unit`
    ("days", "weeks", "months"): of the times. `names`: mapping of group to its name.
    """
    ax = chart.open(7.4, 4.4)
    groups = list(table.groupby("group", sort=False))
    end = float(table["time"].max()) or 1.0
    ticks = round_ticks(end)
    heights = keep_apart([float(part["share"].iloc[-1]) for _group, part in groups], 0.1)
    quiet: dict[str, Any] = {"color": QUIET, "fontsize": 9}
    for i, (group, part) in enumerate(groups):
        color = segment_color(str(group)) if segment_color(str(group)) != REST else (INK, REST)[i % 2]
        ax.step(part["time"], part["share"], where="post", color=color, linestyle=_DASHES[i % 4], linewidth=1.8)
        ax.fill_between(part["time"], part["low"], part["high"], step="post", color=color, alpha=0.14, linewidth=0)
        name, below = chart.label(group, names, wide=18), -48 - 26 * i
        chart.note(name, (1, heights[i] / 1.02), (8, 0), coords="axes fraction")
        chart.note(name, (1, 0), (8, below), coords="axes fraction", **quiet)
        for tick in ticks:
            reached = part[part["time"] >= tick]
            n = chart.figure(reached["at_risk"].iloc[0]) if len(reached) else "–"
            chart.note(n, (tick, 0), (0, below), coords=("data", "axes fraction"), ha="center", **quiet)
    ax.set(xlim=(0, end), ylim=(0, 1.02))
    ax.set_xticks(ticks, [chart.figure(x, "number") for x in ticks])
    quarters = [0, 0.25, 0.5, 0.75, 1]
    ax.set_yticks(quarters, [chart.figure(y, "percent") for y in quarters])
    ax.grid(axis="y")
    ax.set_xlabel(chart.t(TIME_UNITS[time_unit]))
    caption = [chart.t(_("below the axis: customers still waiting and still observed at that time"))]
    caption.append(chart.n_is(table.groupby("group")["at_risk"].max().sum()))
    return chart.close(_("How many are still customers?"), caption, below=26 * len(groups))


@plot
def plot_tracking(chart: Chart, table: pd.DataFrame, *, model: str = "") -> Axes:
    """Draw actual against expected repeat purchases, cumulated, and where the model stopped to see.

    Columns: ``until`` (last day of a week), ``actual_cumulative``, ``expected_cumulative``, ``held_out`` and, for the
    caption, ``n_customers``; rows without figures (too few customers yet) are left out. `model`: its name, for the
    label of its line.
    """
    ax = chart.open(7.4, 4.0)
    shown = table.dropna(subset=["actual_cumulative"])
    days = pd.to_datetime(shown["until"])
    lines = {
        "actual_cumulative": (chart.t(_("what happened")), "-", 2.2, INK),
        "expected_cumulative": (model or chart.t(_("the model")), "--", 1.8, REST),
    }
    end = float(shown[list(lines)].to_numpy("float64").max(initial=1.0))
    heights = keep_apart([float(shown[name].iloc[-1]) if len(shown) else 0.0 for name in lines], 0.08 * end)
    for height, (name, (words, style, width, color)) in zip(heights, lines.items(), strict=True):
        ax.plot(days, shown[name].astype("float64"), linestyle=style, linewidth=width, color=color)
        if len(shown):
            chart.note(words, (1, height / (1.06 * end)), (8, 0), coords="axes fraction")
    ax.set_ylim(0, 1.06 * end)
    seen = days[~shown["held_out"].astype(bool)]
    if len(seen) and len(seen) < len(shown):
        last = seen.iloc[-1]
        ax.axvline(last, color=INK, linestyle=":", linewidth=1.4)
        early = (last - days.iloc[0]) < 0.45 * (days.iloc[-1] - days.iloc[0])
        words = chart.t(_("not seen by the model →")) if early else chart.t(_("← seen by the model"))
        by, side = (6 if early else -6, -4), "left" if early else "right"
        chart.note(words, (last, 1), by, coords=("data", "axes fraction"), ha=side, va="top")
    if len(shown):
        ax.set_xlim(days.iloc[0], days.iloc[-1])
    months = pd.date_range(days.min(), days.max(), freq="MS") if len(shown) else pd.DatetimeIndex([])
    if len(months) > 1:
        places, names = month_ticks([f"{day:%Y-%m}" for day in months], chart.language)
        ax.set_xticks(months[places], names)
    else:
        ends = days.iloc[[0, -1]].drop_duplicates() if len(shown) else days
        ax.set_xticks(ends, [chart.figure(day.date(), "date") for day in ends])
    ax.yaxis.set_major_formatter(lambda v, _at: chart.figure(v))
    ax.set_ylabel(chart.t(_("repeat purchases so far")))
    ax.grid(axis="y")
    caption = []
    if len(seen):
        until = seen.iloc[-1].date().isoformat()
        caption.append(chart.t(_("fitted to purchases until {until:date}"), until=until))
    if "n_customers" in shown:
        caption.append(chart.n_is(shown["n_customers"].max()))
    return chart.close(_("Does the model hold in a time it has not seen?"), caption)
