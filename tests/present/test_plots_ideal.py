"""The figures of the ideal customers: what they draw, in words and shapes that need no colour."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from custaudience.present import figure_bytes, plot_cut_offs, plot_traits

HOSTILE = "<b>$x$ {n:count} " + "a very long name of a column " * 3

TRAITS = pd.DataFrame(
    [
        ("town", "attribute", "", "A", "share", 0.6, 0.2, 0.4, 3.0, 2.0, 4.5, "measured"),
        ("BEEF", "category_share", "share", "", "mean", 0.036, 0.038, -0.1, 0.95, 0.85, 1.07, "no_clear_difference"),
        ("Revenue per order", "behaviour", "currency", "", "mean", 1234.0, 617.0, 0.3, 2.0, 1.5, 2.6, "measured"),
        ("rare", "attribute", "", "yes", "share", np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, "too_few"),
        (HOSTILE, "attribute", "", HOSTILE, "share", 0.5, 0.02, 0.5, 25.0, 9.0, 60.0, "measured"),
        ("never", "attribute", "", "x", "share", 0.0, 0.1, -0.1, 0.0, 0.0, 0.4, "measured"),
    ],
    columns=["name", "kind", "unit", "category", "statistic", "value", "value_others", "effect", "ratio", "ratio_low",
             "ratio_high", "status"],
)  # fmt: skip
MOVED = pd.DataFrame(
    [
        ("all", "All", "as set", np.nan, 40, 40, 0.3),
        ("top_share", "Share of customers that counts as the top", "lower", 0.15, 30, 30, 0.25),
        ("overdue_share", "Share of own gaps a silence may outlast", "higher", 0.975, 50, 38, 0.4),
        ("min_orders", "Number of orders at least", "higher", 4.0, None, None, None),
        ("engaged", "Engaged", "left out", np.nan, 90, 40, np.nan),
    ],
    columns=["cut_off", "name", "direction", "value", "n_customers", "n_kept", "share_of_revenue"],
).astype({"n_customers": "Int64", "n_kept": "Int64", "share_of_revenue": "float64"})


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(7, 6), layout="constrained").subplots()


def rows(ax: Axes) -> list[str]:
    return [tick.get_text().replace("\n", " ") for tick in ax.get_yticklabels()]


def text_of(ax: Axes, gid: str) -> list[str]:
    return [t.get_text() for t in ax.texts if t.get_gid() == gid]


def test_traits_are_drawn_clear_ones_first_with_their_figures(ax: Axes) -> None:
    assert plot_traits(TRAITS, currency="USD", ax=ax) is ax
    assert rows(ax)[1:] == ["Town: A *", "Revenue per order", "Share of BEEF in purchases"]
    assert rows(ax)[0].startswith("<b>$x$") and len(rows(ax)[0]) < 80
    assert text_of(ax, "values") == [
        "50.0\u00a0% · 2.0\u00a0%", "60\u00a0% · 20\u00a0%", "$1,234 · $617", "3.6\u00a0% · 3.8\u00a0%"
    ]  # fmt: skip
    marks = {line.get_ydata()[0]: line for line in ax.lines if line.get_marker() not in ("None", None, "")}
    assert [marks[i].get_marker() for i in range(4)] == ["o", "o", "o", "D"]
    assert marks[1].get_xdata()[0] == 3.0 and marks[0].get_xdata()[0] == 8.0  # cut at the edge
    assert "filled dot: clear difference" in text_of(ax, "caption")[0].replace("\n", " ")
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert ticks == ["÷8", "÷4", "÷2", "×1", "×2", "×4", "×8"]


def test_what_is_not_drawn_is_counted(ax: Axes) -> None:
    plot_traits(TRAITS, most=2, currency="USD", ax=ax)
    assert len(rows(ax)) == 2 and "2 weaker ones are not drawn" in text_of(ax, "caption")[0].replace("\n", " ")


def test_no_trait_at_all_is_an_empty_figure(ax: Axes) -> None:
    plot_traits(TRAITS.iloc[[3]], ax=ax)
    assert rows(ax) == [] and figure_bytes(ax, alt="nothing", form="svg")


def test_cut_offs_are_bars_from_zero_small_ones_without_a_figure(ax: Axes) -> None:
    assert plot_cut_offs(MOVED, ax=ax) is ax
    assert rows(ax) == [
        "As set", "Share of customers that counts as the top: 15\u00a0%",
        "Share of own gaps a silence may outlast: 97.5\u00a0%", "Number of orders at least: 4", "without “Engaged”",
    ]  # fmt: skip
    assert text_of(ax, "n") == ["40  ·  30\u00a0%", "30  ·  25\u00a0%", "50  ·  40\u00a0%", "fewer than\u00a010", "90"]
    bars = [(p.get_x(), p.get_width(), bool(p.get_hatch())) for p in ax.patches]
    assert bars[4:6] == [(0.0, 38.0, False), (38.0, 12.0, True)]
    assert ax.get_xlim()[0] == 0


@pytest.mark.parametrize("language", ["en", "uk"])
def test_figures_are_made_in_every_language(ax: Axes, language: str) -> None:
    plot_traits(TRAITS, currency="UAH", language=language, ax=ax)
    assert figure_bytes(ax, alt="traits", form="svg")
