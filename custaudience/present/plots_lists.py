"""The plot of lists of customers to write to: who can be, who must not be, who is held out."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present.drawing import add_caption, axes_for, bars_from_zero, set_title
from custaudience.present.style import INK, LINE, PAPER, QUIET, styled
from custaudience.present.tables import fewer_than
from custaudience.present.words import format_value, label, translator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PARTS = (("n_to_write", INK, ""), ("n_held_out", PAPER, "...."), ("n_may_not", PAPER, "////"))
_ROOM = 0.09  # of the longest bar: a narrower part carries no number


@styled
def plot_contact_lists(
    table: pd.DataFrame, *, title: str = "", min_group_size: int = 10, language: str = "en", ax: Axes | None = None
) -> Axes:
    """Draw how many customers each list has: to write to, held out, without consent.

    Parameters
    ----------
    table : DataFrame
        A row per list: ``name``, ``n_customers``, ``n_to_write``, ``n_held_out``, ``n_may_not`` (NA = too few to
        show), ``consent_known`` (bool).
    """
    ax = axes_for(ax, 6.4, 1.5 + 0.62 * len(table))
    t = translator(language)
    longest = max(1.0, float(table["n_customers"].astype("float64").max(skipna=True) or 0))
    for i, row in enumerate(table.to_dict("records")):
        if pd.isna(row["n_customers"]):
            ax.text(
                0.015 * longest, i, f"{fewer_than(min_group_size, language)}", va="center", color=QUIET, fontsize=9.5
            )
            continue
        left = 0.0
        for part, color, hatch in _PARTS:
            n = 0.0 if pd.isna(row[part]) else float(row[part])
            if not n:
                continue
            edge = INK if color == INK else QUIET
            ax.barh(i, n, left=left, height=0.6, facecolor=color, edgecolor=edge, hatch=hatch, linewidth=0.8)
            if n >= _ROOM * longest:
                ax.text(
                    left + n / 2,
                    i,
                    format_value(int(n), "count", language=language),
                    ha="center",
                    va="center",
                    fontsize=9.5,
                    color=PAPER if color == INK else INK,
                    bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5} if hatch else None,
                )
            left += n
        total = format_value(int(row["n_customers"]), "count", language=language)
        ax.text(left + 0.015 * longest, i, total, va="center", weight="bold", color=INK, fontsize=10)
    names = [textwrap.fill(label(str(name), language), 24) for name in table["name"]]
    ax.set_yticks(range(len(table)), names, color=INK)
    ax.set_ylim(len(table) - 0.5, -0.6)
    bars_from_zero(ax, longest * 1.16)
    ax.spines["left"].set_color(LINE)
    known = bool(table["consent_known"].all())
    asked = _("Who is on each list, and may be written to?") if known else _("Who is on each list?")
    set_title(ax, title or t(asked))
    caption = [t(_("dark: to write to")) if known else t(_("dark: all others")), t(_("dotted: held out at random"))]
    caption.append(t(_("striped: did not agree")) if known else t(_("who agreed is not known")))
    return add_caption(ax, [*caption, t(_("bold: all on the list"))])
