"""The plot of pairs: what is drawn, what is left out, that words do not lie on each other."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest
from matplotlib.figure import Figure

from custaudience.present import figure_bytes, plot_pairs
from custaudience.present.style import BLUE, REST

LONG = "Мішки для будівельного сміття міцні, 240 літр"  # 45 letters
PAIRS = pd.DataFrame(
    [("sand", "cement", 12.0, 10.0, 14.0, 362, "more often"),
     (LONG, LONG[::-1], 6.0, 0.9, 40.0, 40, "no clear difference"),
     ("bag", "tea", 0.5, 0.3, 0.8, 50, "less often"), ("rare", "rarer", 30.0, None, None, 4, "too few")],
    columns=["item_a", "item_b", "lift", "lift_low", "lift_high", "n_customers", "verdict"],
)  # fmt: skip


@pytest.fixture
def ax():
    return Figure(figsize=(7.4, 4), layout="constrained").subplots()


def words(ax):
    return [t.get_text() for t in (*ax.texts, *ax.get_yticklabels(), *ax.get_xticklabels())]


def test_dots_intervals_and_numbers(ax):
    assert plot_pairs(PAIRS, min_lift=5, ax=ax) is ax
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [12.0, 6.0, 0.5]  # too few to say: not drawn
    assert [dot.get_color() for dot in dots] == [BLUE, REST, BLUE]
    assert dots[1].get_markerfacecolor() != dots[1].get_color()  # hollow, not by colour alone
    spans = [list(line.get_xdata()) for line in ax.lines if len(set(line.get_xdata())) == 2]
    assert [10.0, 14.0] in spans
    assert "12.0 (n\u00a0=\u00a0362)" in words(ax) and not any("rare" in word for word in words(ax))
    assert ax.get_xscale() == "log" and ax.get_xlim()[0] < 0.3
    assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"] == [5]


def test_rows_beyond_the_most_are_counted(ax):
    many = pd.concat([PAIRS.head(1)] * 20, ignore_index=True)
    plot_pairs(many, most=3, ax=ax)
    caption = next(t.get_text() for t in ax.texts if t.get_gid() == "caption")
    assert "17" in caption and len(ax.get_yticks()) == 3


def test_long_names_do_not_touch():
    table = pd.concat([PAIRS.iloc[[1]]] * 4, ignore_index=True)
    ax = plot_pairs(table, language="uk")
    figure_bytes(ax, alt="x")
    ax.figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert all(one.y0 >= other.y1 - 1 for one, other in itertools.pairwise(boxes))
    assert all(box.x0 >= 0 for box in boxes)
    ends = [t.get_window_extent().x1 for t in ax.texts if "n\u00a0=" in t.get_text()]
    assert max(ends) <= ax.figure.bbox.x1


def test_no_pair_still_draws(ax):
    plot_pairs(PAIRS.tail(1), ax=ax)
    assert not [line for line in ax.lines if line.get_marker() == "o"]
