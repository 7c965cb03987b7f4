"""The plots of differences between people: which go with what they do later, and who orders a second time."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.drawing import add_caption, axes_for
from custaudience.present.style import BLUE, INK, PAPER, QUIET, REST, VERMILION, styled
from custaudience.present.tables import fewer_than
from custaudience.present.words import format_value, label, render, translator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Shape and filling tell the verdict; colour only repeats it.
_VERDICTS: dict[str, tuple[str, str, str, str]] = {
    "influences": ("o", BLUE, BLUE, _("filled dot: goes with it")),
    "no_evidence": ("D", PAPER, REST, _("empty diamond: no evidence")),
    "stand_in": ("o", PAPER, REST, _("empty dot: only through a stronger one")),
    "too_little_data": ("x", REST, REST, _("cross: too little data")),
}
_ENDS: dict[str, tuple[str, str, str, str]] = {
    "more often": ("^", BLUE, BLUE, _("triangle up: more often than all others")),
    "less often": ("v", VERMILION, VERMILION, _("triangle down: less often")),
    "no clear difference": ("D", PAPER, REST, _("empty diamond: no clear difference")),
    "": ("o", INK, INK, _("dark dot and dotted line: all customers")),
}
_OUTCOMES = {
    "revenue_of_buyers": _("Which differences go with how much people spend later?"),
    "n_orders": _("Which differences go with how often people order later?"),
    "bought_again": _("Which differences go with who orders again?"),
}
_WIDE = 34


@styled
def plot_drivers(
    table: pd.DataFrame,
    *,
    outcome: str = "",
    most: int = 18,
    title: str = "",
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of the differences in an outcome that goes with each variable, with its interval.

    Parameters
    ----------
    table : DataFrame
        Columns ``name``, ``kind`` ("behaviour", "category_share", "date", "attribute"), ``outcome``, ``n``,
        ``share_explained``, ``share_low``, ``share_high`` (fractions, NaN = not tested), ``verdict``, ``proxy``
        (goes with the outcome only through a stronger one).
    outcome : str
        The outcome to draw; by default, or where the table does not have it, the first of the table.
    most : int
        So many variables at most: those not drawn are counted below. Attributes go before behaviour.
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
    ax = axes_for(ax, 7.4, 2.2 + 0.4 * max(1, len(shown)))
    t = translator(language)
    for i, row in enumerate(shown.to_dict("records")):
        marker, fill, edge, _words = _VERDICTS[row["verdict"]]
        at = max(0.0, float(row["share_explained"]))
        ax.plot([row["share_low"], row["share_high"]], [i, i], color=edge, linewidth=1.6, solid_capstyle="butt")
        _mark(ax, at, i, marker, fill, edge)
        ax.annotate(
            format_value(row["n"], "count", language=language),
            (1, i), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
            va="center", color=QUIET, fontsize=9, annotation_clip=False, gid="n",
        )  # fmt: skip
    ax.annotate(
        "n", (1, -0.55), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points", color=QUIET,
        fontsize=9, va="center", annotation_clip=False,
    )  # fmt: skip
    names = [_variable(row, language) for row in shown.to_dict("records")]
    right = float(shown[["share_explained", "share_high"]].max(axis=None)) if len(shown) else 1.0
    _lay_out(ax, names, 0.0, right, language)
    ax.set_xlabel(t(_("share of the differences that goes with it")))
    _head(ax, title or t(_OUTCOMES.get(outcome, _("Which differences go with what people do later?"))))
    caption = [t(words) for name, (*_shape, words) in _VERDICTS.items() if name in set(shown["verdict"])]
    if "*" in "".join(names):
        caption.append(t(_("* known beside orders")))
    if len(rows) > len(shown):
        text = _("{n:count} weaker ones are not drawn")
        caption.append(render(text, {"n": len(rows) - len(shown)}, language=language))
    return add_caption(ax, [*caption, t(_("n: customers of whom both are known"))])


@styled
def plot_second_order(
    table: pd.DataFrame,
    *,
    days: int | None = None,
    title: str = "",
    min_group_size: int = 10,
    language: str = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the share that orders a second time, of all customers and by what their first order was like.

    Parameters
    ----------
    table : DataFrame
        Columns ``name`` ("" = all customers), ``kind``, ``group``, ``n`` (NA = too few to show), ``share``,
        ``low``, ``high`` (fractions, NaN = not watched long enough), ``verdict`` ("more often", "less often", "no
        clear difference", "" for all).
    days : int, optional
        Horizon of the shares; by default that of a column ``days``.
    """
    if days is None:
        days = int(table["days"].iloc[0])
    t = translator(language)
    groups = [(key, part) for key, part in table.groupby("name", sort=False)]
    ax = axes_for(ax, 7.4, 1.9 + 0.4 * (len(table) + len(groups)))
    names: list[str] = []
    heads: list[int] = []
    shown = []
    for key, part in groups:
        if key:
            heads.append(len(names))
            names.append(_variable(part.iloc[0].to_dict(), language).removesuffix(" *"))
        for row in part.to_dict("records"):
            at = len(names)
            names.append(t(_("All customers")) if not key else label(str(row["group"]), language))
            _point(ax, row, at, min_group_size, language)
            shown += [str(row["verdict"])] if pd.notna(row["share"]) and pd.notna(row["n"]) else []
    whole = table[table["name"] == ""]
    if len(whole) and pd.notna(whole["share"].iloc[0]):
        ax.axvline(float(whole["share"].iloc[0]), color=INK, linewidth=1.1, linestyle=":", zorder=1)
    top = table["high"].max()
    _lay_out(ax, names, 0.0, float(top) if pd.notna(top) else 1.0, language)
    for tick, i in zip(ax.get_yticklabels(), range(len(names)), strict=True):
        tick.set_fontweight("bold" if i in heads else "normal")
    ax.set_xlabel(
        render(_("order a second time within {days:count} days of the first"), {"days": days}, language=language)
    )
    _head(ax, title or t(_("Which first order leads to a second?")))
    return add_caption(ax, [t(words) for name, (*_shape, words) in _ENDS.items() if name in shown])


def _point(ax: Axes, row: dict[Any, Any], at: int, least: int, language: str) -> None:
    n = row["n"]
    known = pd.notna(row["share"]) and pd.notna(n)
    text = fewer_than(least, language) if pd.isna(n) else format_value(n, "count", language=language)
    ax.annotate(
        f"n\u00a0=\u00a0{text}" if pd.notna(n) else text, (1, at), xycoords=("axes fraction", "data"), xytext=(6, 0),
        textcoords="offset points", va="center", color=QUIET, fontsize=9, annotation_clip=False, gid="n",
    )  # fmt: skip
    if not known:
        if pd.notna(n):
            words = translator(language)(_("too few were still watched to tell"))
            ax.annotate(
                words, (0, at), xycoords=("axes fraction", "data"), xytext=(10, 0), textcoords="offset points",
                va="center", color=QUIET, fontsize=9, bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
            )  # fmt: skip
        return
    marker, fill, edge, _words = _ENDS[str(row["verdict"])]
    ax.plot([row["low"], row["high"]], [at, at], color=edge, linewidth=1.6, solid_capstyle="butt")
    _mark(ax, float(row["share"]), at, marker, fill, edge)


def _mark(ax: Axes, x: float, y: int, marker: str, fill: str, edge: str) -> None:
    ax.plot(
        [x], [y], marker=marker, markerfacecolor=fill, markeredgecolor=edge, markersize=7, linestyle="none",
        clip_on=False, zorder=3,
    )  # fmt: skip


def variable_names(table: pd.DataFrame, *, language: str = "en") -> pd.Series:
    """Return what the variables of a table with ``name`` and ``kind`` are called in a figure or a table.

    Examples
    --------
    >>> variable_names(pd.DataFrame({"name": ["BEEF", "age"], "kind": ["category_share", "attribute"]})).tolist()
    ['Share of BEEF in purchases', 'Age *']
    """
    names = [_variable(row, language) for row in table[["name", "kind"]].to_dict("records")]
    return pd.Series(names, index=table.index, dtype="str")


def _variable(row: dict[Any, Any], language: str) -> str:
    """Return what a variable is called; those known beside orders carry a star."""
    name = str(row["name"])
    if row["kind"] == "category_share":
        return render(_("Share of {name:text} in purchases"), {"name": name}, language=language)
    if row["kind"] == "date":
        return render(_("Days since {name:text}"), {"name": name}, language=language) + " *"
    return label(name, language) + (" *" if row["kind"] == "attribute" else "")


def _head(ax: Axes, text: str) -> None:
    """Set the title, broken to the width beside the names."""
    width = ax.figure.get_figwidth()  # type: ignore[union-attr]
    ax.set_title(textwrap.fill(text.replace("\u00a0", " "), int(6.2 * width)))


def _lay_out(ax: Axes, names: list[str], left: float, right: float, language: str) -> None:
    """Name the rows, the first on top, and count in whole per cent from zero."""
    from matplotlib.ticker import MaxNLocator

    lines = [textwrap.fill(name, _WIDE, max_lines=2, placeholder=" …") for name in names]
    ax.set_yticks(range(len(names)), lines, color=INK)
    ax.tick_params(axis="y", labelsize=9.5)
    ax.set_ylim(max(len(names), 1) - 0.4, -0.9)
    ax.set_xlim(left - 0.02 * max(0.01, right), max(0.01, right) * 1.04)  # markers at zero stand free of the names
    ticks = [float(x) for x in MaxNLocator(5).tick_values(left, right) if left <= x <= max(0.01, right) * 1.04]
    ax.set_xticks(ticks, [format_value(x, "percent" if right >= 0.1 else "percent1", language=language) for x in ticks])
    ax.grid(axis="x")
