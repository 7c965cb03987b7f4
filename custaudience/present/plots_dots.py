"""Dots with intervals: variables, groups, pairs, traits and parts beside each other."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.charts import BEHIND, Chart, plot, variable_name
from custaudience.present.style import BLUE, INK, LINE, PAPER, QUIET, REST, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Shape and filling tell the verdict; colour only repeats it.
_VERDICTS = {
    "influences": ("o", BLUE, BLUE, _("filled dot: goes with it")),
    "no_evidence": ("D", PAPER, REST, _("empty diamond: no evidence")),
    "stand_in": ("o", PAPER, REST, _("empty dot: only through a stronger one")),
    "too_little_data": ("x", REST, REST, _("cross: too little data")),
}
_ENDS = {
    "more often": ("^", BLUE, BLUE, _("triangle up: more often than all others")),
    "less often": ("v", VERMILION, VERMILION, _("triangle down: less often")),
    "no clear difference": ("D", PAPER, REST, _("empty diamond: no clear difference")),
    "": ("o", INK, INK, _("dark dot and dotted line: all customers")),
}
_CLEAR = {
    "measured": ("o", BLUE, BLUE, _("filled dot: clear difference")),
    "no_clear_difference": ("D", PAPER, REST, _("empty diamond: no clear difference")),
}
_OUTCOMES = {
    "revenue_of_buyers": _("Which differences go with how much people spend later?"),
    "n_orders": _("Which differences go with how often people order later?"),
    "bought_again": _("Which differences go with who orders again?"),
}
_BESIDE, _WEAKER = _("* known beside orders"), _("{n:count} weaker ones are not drawn")
_FORMS = {"currency": "money0", "share": "percent"}
_WIDEST = 8.0  # times as much, and an eighth: longer intervals are cut at the edge
_STEPS = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)
_WIDE = 34  # letters of a name before it is broken
_ROW, _TALL, _HEADING = 0.16, 0.19, 0.36  # inches


@plot
def plot_drivers(chart: Chart, table: pd.DataFrame, *, outcome: str = "", most: int = 18) -> Axes:
    """Draw the share of the differences in an outcome that goes with each variable, with its interval.

    Columns: ``name``, ``kind`` ("behaviour", "category_share", "date", "attribute"), ``outcome``, ``n``,
    ``share_explained``, ``share_low``, ``share_high`` (fractions, NaN = not tested), ``verdict``, ``proxy`` (goes with
    the outcome only through a stronger one). `outcome`: the outcome to draw; by default, or where the table does not
    have it, the first of the table. `most`: so many variables at most: those not drawn are counted below. Attributes go
    before behaviour.
    """
    if not table["outcome"].eq(outcome).any():
        outcome = str(table["outcome"].iloc[0]) if len(table) else ""
    rows = table[(table["outcome"] == outcome) & table["share_low"].notna() & table["n"].notna()]
    rows = rows.sort_values("share_explained", ascending=False, kind="stable")
    is_person = rows["kind"].isin(["attribute", "date"])
    room = max(0, most - int(is_person.sum()))
    shown = pd.concat([rows[is_person][:most], rows[~is_person][:room]])
    shown = shown.sort_values("share_explained", ascending=False, kind="stable")
    shown = shown.assign(verdict=shown["verdict"].mask(shown["proxy"].fillna(False).astype(bool), "stand_in"))
    ax = chart.open(7.4, 2.2 + 0.4 * max(1, len(shown)))
    for i, row in enumerate(shown.to_dict("records")):
        marker, fill, edge, _words = _VERDICTS[row["verdict"]]
        chart.interval(row["share_low"], row["share_high"], i, edge)
        chart.mark(max(0.0, float(row["share_explained"])), i, marker, fill, edge)
        chart.at_right(chart.figure(row["n"]), i, gid="n")
    chart.at_right("n", -0.55)
    names = [variable_name(str(row["name"]), row["kind"], chart.language) for row in shown.to_dict("records")]
    _lay_out(chart, names, float(shown[["share_explained", "share_high"]].max(axis=None)) if len(shown) else 1.0)
    ax.set_xlabel(chart.t(_("share of the differences that goes with it")))
    caption = _key(chart, _VERDICTS, shown["verdict"], names, len(rows) - len(shown))
    caption.append(chart.t(_("n: customers of whom both are known")))
    question = _OUTCOMES.get(outcome, _("Which differences go with what people do later?"))
    return chart.close(question, caption, room=6.2 * chart.width)


def _key(chart: Chart, marks: dict[str, Any], used: Any, names: list[str], left_out: int) -> list[str]:
    """Return the caption: the marks that are drawn, the star, and how many rows are not drawn."""
    caption = [chart.t(words) for name, (*_shape, words) in marks.items() if name in set(used)]
    caption += [chart.t(_BESIDE)] if "*" in "".join(names) else []
    return caption + ([chart.t(_WEAKER, n=left_out)] if left_out else [])


def _lay_out(chart: Chart, names: list[str], right: float) -> None:
    """Name the rows, the first on top, and count in whole per cent from zero."""
    from matplotlib.ticker import MaxNLocator

    chart.rows([_broken(name) for name in names], -0.9, size=9.5)
    chart.ax.set_xlim(-0.02 * max(0.01, right), max(0.01, right) * 1.04)  # markers at zero stand free of the names
    ticks = [float(x) for x in MaxNLocator(5).tick_values(0.0, right) if 0 <= x <= max(0.01, right) * 1.04]
    chart.ax.set_xticks(ticks, [chart.figure(x, "percent" if right >= 0.1 else "percent1") for x in ticks])
    chart.ax.grid(axis="x")


def _broken(name: str) -> str:
    return textwrap.fill(name, _WIDE, max_lines=2, placeholder=" …")


@plot
def plot_second_order(chart: Chart, table: pd.DataFrame, *, days: int | None = None) -> Axes:
    """Draw the share that orders a second time, of all customers and by what their first order was like.

    Columns: ``name`` ("" = all customers), ``kind``, ``group``, ``n`` (NA = too few to show), ``share``, ``low``,
    ``high`` (fractions, NaN = not watched long enough), ``verdict`` ("more often", "less often", "no clear difference",
    "" for all). `days`: horizon of the shares; by default that of a column ``days``.
    """
    groups = [(key, part) for key, part in table.groupby("name", sort=False)]
    ax = chart.open(7.4, 1.9 + 0.4 * (len(table) + len(groups)))
    names, heads = list[str](), list[int]()
    for key, part in groups:
        if key:
            heads.append(len(names))
            names.append(variable_name(str(key), part["kind"].iloc[0], chart.language).removesuffix(" *"))
        for row in part.to_dict("records"):
            _second_order(chart, row, len(names))
            names.append(chart.t(_("All customers")) if not key else chart.label(row["group"]))
    whole = table.loc[table["name"] == "", "share"]
    if len(whole) and pd.notna(whole.iloc[0]):
        ax.axvline(float(whole.iloc[0]), color=INK, linewidth=1.1, linestyle=":", zorder=1)
    top = table["high"].max()
    _lay_out(chart, names, float(top) if pd.notna(top) else 1.0)
    for tick, i in zip(ax.get_yticklabels(), range(len(names)), strict=True):
        tick.set_fontweight("bold" if i in heads else "normal")
    horizon = int(table["days"].iloc[0]) if days is None else days
    ax.set_xlabel(chart.t(_("order a second time within {days:count} days of the first"), days=horizon))
    drawn = table.loc[table["share"].notna() & table["n"].notna(), "verdict"]
    caption = _key(chart, _ENDS, drawn.astype("str"), [], 0)
    return chart.close(_("Which first order leads to a second?"), caption, room=6.2 * chart.width)


def _second_order(chart: Chart, row: dict[Any, Any], at: int) -> None:
    chart.at_right(chart.few if pd.isna(row["n"]) else f"n\u00a0=\u00a0{chart.figure(row['n'])}", at, gid="n")
    if pd.notna(row["n"]) and pd.isna(row["share"]):
        edge, look = ("axes fraction", "data"), {"color": QUIET, "fontsize": 9, "bbox": BEHIND}
        chart.note(chart.t(_("too few were still watched to tell")), (0, at), (10, 0), coords=edge, **look)
    elif pd.notna(row["n"]):
        marker, fill, edge_color, _words = _ENDS[str(row["verdict"])]
        chart.interval(row["low"], row["high"], at, edge_color)
        chart.mark(float(row["share"]), at, marker, fill, edge_color)


@plot
def plot_traits(chart: Chart, table: pd.DataFrame, *, most: int = 16) -> Axes:
    """Draw how many times as often, or as much, each trait is among ideal customers as among the rest.

    Columns: ``name``, ``kind`` ("behaviour", "category_share", "date", "attribute"), ``unit``, ``category``,
    ``statistic``, ``value``, ``value_others``, ``ratio``, ``ratio_low``, ``ratio_high``, ``status``. `most`: so many
    rows at most, clear ones first; those not drawn are counted below.
    """
    rows = table[(table["ratio"] > 0) & (table["status"] != "too_few")]
    size = rows["effect" if "effect" in rows else "ratio"].abs()
    order = rows.assign(place=rows["status"] != "measured", size=-size).sort_values(["place", "size"], kind="stable")
    shown = rows.loc[order.index].head(most)
    ax = chart.open(7.4, 2.2 + 0.4 * max(1, len(shown)))
    reach = _reach(shown)
    for i, row in enumerate(shown.to_dict("records")):
        marker, fill, edge, _words = _CLEAR["measured" if row["status"] == "measured" else "no_clear_difference"]
        low, ratio, high = (min(max(float(row[c]), 1 / reach), reach) for c in ("ratio_low", "ratio", "ratio_high"))
        chart.interval(low, high, i, edge)
        chart.mark(ratio, i, marker, fill, edge)
        chart.at_right(" · ".join(_trait_values(chart, row)), i, gid="values")
    ax.axvline(1.0, color=INK, linewidth=1.1, linestyle=":", zorder=1)
    names = [_trait_name(row, chart) for row in shown.to_dict("records")]
    chart.rows(names, -0.9, size=9.5)
    ax.set_xscale("log")
    ax.set_xlim(1 / reach / 1.06, reach * 1.06)
    steps = [step for step in _STEPS if 1 / reach <= step <= reach]
    ax.set_xticks(steps, [f"×{chart.figure(s, 'number')}" if s >= 1 else f"÷{1 / s:.0f}" for s in steps])
    ax.minorticks_off()
    ax.grid(axis="x")
    chart.at_right(chart.t(_("ideal · rest")), -0.62)
    ax.set_xlabel(chart.t(_("times as often, or as much, as among the rest")))
    caption = _key(chart, _CLEAR, shown["status"], names, len(rows) - len(shown))
    return chart.close(_("What sets ideal customers apart from the rest?"), caption)


def _reach(rows: pd.DataFrame) -> float:
    """Return how far the axis goes to both sides: to the next step that holds the intervals."""
    if rows.empty:
        return 2.0
    furthest = max(float(rows["ratio_high"].max()), 1 / max(float(rows["ratio_low"].min()), 1e-9))
    return next((step for step in (2.0, 4.0) if furthest <= step * 1.05), _WIDEST)


def _trait_values(chart: Chart, row: dict[Any, Any]) -> list[str]:
    form = "percent" if str(row["statistic"]).startswith("share") else _FORMS.get(str(row["unit"]), "number1")
    if form == "percent" and min(row["value"], row["value_others"]) < 0.1:
        form = "percent1"
    return [chart.figure(row[c], form) for c in ("value", "value_others")]


def _trait_name(row: dict[Any, Any], chart: Chart) -> str:
    name = variable_name(str(row["name"]), row["kind"], chart.language)
    if row["category"]:
        star = " *" if name.endswith(" *") else ""
        name = f"{name.removesuffix(' *')}: {chart.label(row['category'])}{star}"
    return _broken(name)


def _dot(chart: Chart, ends: tuple[Any, Any, Any], y: float, text: str, *, clear: bool, away: int = 7) -> None:
    """Draw low, value and high as interval and dot, filled where clear, with the figure beside it."""
    color, (low, value, high) = BLUE if clear else REST, ends
    chart.interval(low, high, y, color, 2)
    chart.ax.plot(value, y, marker="o", markersize=7, color=color, markerfacecolor=color if clear else PAPER)
    chart.note(text, (high, y), (away, 0), bbox=BEHIND)


def _stacked(names: list[str], room: float, heads: list[bool]) -> tuple[list[float], list[float], float]:
    """Return where rows with names of several lines begin, their middles and the end, in inches, heads above."""
    tops, places, at = [], [], 0.0
    for name, head in zip(names, heads, strict=True):
        tops.append(at + _HEADING if head else at)
        height = room + _TALL * (name.count("\n") + 1)
        places.append(tops[-1] + height / 2)
        at = tops[-1] + height
    return tops, places, at


@plot
def plot_response(chart: Chart, table: pd.DataFrame, *, overall: float | None = None) -> Axes:
    """Draw which share of each group answers: dot and interval, filled where it differs clearly from the others.

    Columns: ``attribute`` (a heading; the rows of one stand together), ``value`` (the group), ``response_rate``,
    ``low``, ``high`` (fractions), ``n`` (NA = too few to show), ``verdict``. `overall`: share of all, marked by a line.
    """
    names = [chart.label(value, wide=32) for value in table["value"]]
    heads = table["attribute"].ne(table["attribute"].shift()) & (table["attribute"].nunique() > 1)
    tops, places, at = _stacked(names, _ROW, heads.tolist())
    ax = chart.open(7.4, 1.7 + at)
    top = max([0.02, *table["high"].dropna()])
    written = []
    for y, name, row in zip(places, names, table.to_dict("records"), strict=True):
        known = pd.notna(row["n"]) and pd.notna(row["response_rate"])
        written.append(name if pd.notna(row["n"]) and not known else f"{name} ({chart.size(row['n'])})")
        if known:
            ends = (row["low"], row["response_rate"], row["high"])
            share = chart.figure(row["response_rate"], "percent")
            _dot(chart, ends, y, share, clear=row["verdict"] != "no clear difference")
    if overall is not None and overall == overall:
        ax.axvline(overall, color=INK, linewidth=1, linestyle="--")
    look: dict[str, Any] = {"xycoords": ("figure fraction", "data"), "va": "bottom", "weight": "bold", "fontsize": 9.5}
    for y, new, attribute in zip(tops, heads, table["attribute"], strict=True):
        if new:
            ax.annotate(chart.label(attribute), (0.012, y - 0.1), color=INK, **look)
    ax.set_yticks(places, written, color=INK, fontsize=9.5)
    ax.set_ylim(max(at, 0.3), 0)
    ax.set_xlim(0, top * 1.12)
    step = next(step for step in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if top / step <= 6 or step == 0.2)
    ticks = [i * step for i in range(int(top / step) + 1)]
    ax.set_xticks(ticks, [chart.figure(x, "percent" if step >= 0.01 else "percent1") for x in ticks])
    ax.grid(axis="x", color=LINE)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(chart.t(_("share of contacts answered")))
    lines = [
        _("filled: clearly unlike the others, after allowing for so many comparisons; hollow: no clear difference"),
        _("line: interval"), *([_("dashed: all contacts")] if overall is not None else []),
    ]  # fmt: skip
    return chart.close(_("Who answers?"), chart.each(*lines))


@plot
def plot_before(chart: Chart, table: pd.DataFrame, *, n_days: int) -> Axes:
    """Draw what each group brought before a campaign (hollow) and during it (filled), with intervals.

    Columns: ``group`` ("responded", "no_response", "not_sent"), ``n_customers`` (NA = too few to show),
    ``spend_before``, ``before_low``, ``before_high``, ``spend_during``, ``during_low``, ``during_high``. `n_days`: of
    the campaign, and of the time before it.
    """
    ax = chart.open(7.4, 1.8 + 0.75 * len(table))
    names = []
    for place, row in enumerate(table.to_dict("records")):
        names.append(f"{chart.label(row['group'], wide=22)}\n({chart.size(row['n_customers'])})")
        if pd.isna(row["n_customers"]):
            continue
        for offset, which, fill, color in ((-0.17, "before", PAPER, REST), (0.17, "during", BLUE, BLUE)):
            y, spend = place + offset, row[f"spend_{which}"]
            low, high = row[f"{which}_low"], row[f"{which}_high"]
            if pd.notna(low):
                ax.plot([low, high], [y, y], color=color, linewidth=2)
            ax.plot(spend, y, marker="o", markersize=7, color=color, markerfacecolor=fill, clip_on=False)
            end = high if pd.notna(high) else spend
            chart.note(chart.figure(spend, "money0" if chart.currency else "count"), (end, y), (7, 0), bbox=BEHIND)
    chart.rows(names, -0.55, 0.45)
    ax.set_xlim(0, 1.18 * max([1.0, *table[["before_high", "during_high"]].max().dropna()]))
    ax.xaxis.set_major_formatter(lambda v, _at: chart.figure(v))
    ax.grid(axis="x", color=LINE)
    ax.spines["left"].set_visible(False)
    what = chart.t(_("revenue per customer in {n:count} {n:plural day|days}"), n=n_days)
    ax.set_xlabel(f"{what}, {chart.currency}" if chart.currency else what)
    caption = chart.each(_("hollow: before"), _("filled: during"), _("line: interval of the mean"))
    return chart.close(_("What had they brought before it was sent?"), caption)


@plot
def plot_pairs(chart: Chart, table: pd.DataFrame, *, most: int = 12, min_lift: float | None = None) -> Axes:
    """Draw how much more often pairs stand in one basket than unrelated things would: dot and interval.

    Columns: ``item_a``, ``item_b``, ``lift``, ``lift_low``, ``lift_high``, ``n_customers``, ``verdict``, in order;
    rows without an interval are left out. `most`: so many pairs at most. `min_lift`: from here a pair counts as
    strong, marked by a line.
    """
    shown = table.dropna(subset=["lift", "lift_low", "lift_high"]).head(most)
    names = [
        f"{textwrap.fill(str(a), _WIDE)}\n+ {textwrap.fill(str(b), _WIDE, subsequent_indent='  ')}"
        for a, b in zip(shown["item_a"], shown["item_b"], strict=True)
    ]
    _tops, places, at = _stacked(names, 0.12, [False] * len(names))
    ax = chart.open(7.4, 1.9 + at)
    for y, row in zip(places, shown.to_dict("records"), strict=True):
        ends = (row["lift_low"], row["lift"], row["lift_high"])
        words = chart.t(_("{lift:number1} (n\u00a0=\u00a0{n:count})"), lift=row["lift"], n=row["n_customers"])
        _dot(chart, ends, y, words, clear=row["verdict"] != "no clear difference", away=8)
    ax.set_xscale("log")
    low = min([1.0, *shown["lift_low"]])
    high = max([2.0, *shown["lift_high"], min_lift or 0])
    ax.set_xlim(low / 1.12, high * (high / low) ** 0.28)
    ticks = [x for x in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if low / 1.12 <= x <= high * 1.05]
    ax.set_xticks(ticks, [chart.figure(x, "number") for x in ticks])
    ax.minorticks_off()
    ax.axvline(1, color=INK, linewidth=1)
    strong = bool(min_lift and min_lift > 1)
    if min_lift and strong:
        ax.axvline(min_lift, color=QUIET, linewidth=1, linestyle="--")
    ax.grid(axis="x", color=LINE)
    ax.set_yticks(places, names, color=INK, fontsize=9.5)
    ax.set_ylim(max(at, 0.3), 0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(chart.t(_("times as often as if unrelated")))
    read = _("line: interval over customers; n: customers who bought both; each step of the axis multiplies")
    caption = [chart.t(read), *([chart.t(_("dashed: from here a pair counts as strong"))] if strong else [])]
    if (shown["verdict"] == "no clear difference").any():
        caption.append(chart.t(_("hollow: no clear difference")))
    if left := len(table) - len(shown):
        caption.append(chart.t(_("{n:count} further {n:plural pair|pairs} not drawn"), n=left))
    return chart.close(_("What is bought together, beyond chance?"), caption)
