"""The plots of campaigns: rates by group and what was brought before, small groups blank."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest
from matplotlib.figure import Figure

from custaudience.present import figure_bytes, plot_before, plot_response
from custaudience.present.style import BLUE, REST

LONG = "Мешканці міст із населенням понад 100 000 люд"  # 45 letters
GROUPS = pd.DataFrame(
    [("segment", "champions", 300, 0.16, 0.13, 0.18, "more"), ("segment", "loyal", None, None, None, None, "less"),
     ("place", LONG, 40, 0.1, 0.02, 0.3, "no clear difference"),
     ("place", "2", 12, 0.0, 0.0, 0.2, "no clear difference")],
    columns=["attribute", "value", "n", "response_rate", "low", "high", "verdict"],
).astype({"n": "Int64"})  # fmt: skip
BEFORE = pd.DataFrame(
    {"group": ["responded", "no_response", "not_sent"], "n_customers": pd.array([214, 919, None], "Int64"),
     "spend_before": [611.2, 395.1, None], "before_low": [556, 373, None], "before_high": [666, 417, None],
     "spend_during": [731.2, 410.0, None], "during_low": [670, 387, None], "during_high": [793, 433, None]}
)  # fmt: skip


@pytest.fixture
def ax():
    return Figure(figsize=(7.4, 4), layout="constrained").subplots()


def words(ax):
    return [t.get_text() for t in (*ax.texts, *ax.get_yticklabels(), *ax.get_xticklabels())]


def test_rates_with_n_and_small_groups_blank(ax):
    assert plot_response(GROUPS, overall=0.13, ax=ax) is ax
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [0.16, 0.1, 0.0]
    assert [dot.get_color() for dot in dots] == [BLUE, REST, REST]
    assert dots[0].get_markerfacecolor() == BLUE and dots[1].get_markerfacecolor() != REST
    assert "Champions (n\u00a0=\u00a0300)" in words(ax) and "Loyal (fewer than\u00a010)" in words(ax)
    assert {"Segment", "Place"} <= set(words(ax))  # headings
    assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"] == [0.13]
    assert ax.get_xlim()[0] == 0


def test_one_attribute_needs_no_heading(ax):
    plot_response(GROUPS.head(1), ax=ax)
    assert "Segment" not in words(ax)


def test_names_do_not_touch():
    ax = plot_response(GROUPS, overall=0.13, language="uk")
    figure_bytes(ax, alt="x")
    ax.figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert all(one.y0 >= other.y1 - 1 for one, other in itertools.pairwise(boxes))
    assert all(box.x0 >= 0 for box in boxes)


def test_before_and_during_are_told_apart_by_fill(ax):
    plot_before(BEFORE, n_days=56, currency="USD", ax=ax)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [611.2, 731.2, 395.1, 410.0]  # too few: no dot
    assert dots[0].get_markerfacecolor() != dots[0].get_color() and dots[1].get_markerfacecolor() == BLUE
    assert "$611" in words(ax) and "Not sent\n(fewer than\u00a010)" in words(ax)
    assert ax.get_xlabel() == "revenue per customer in 56\u00a0days, USD" and ax.get_xlim()[0] == 0


def test_nothing_to_draw_still_draws(ax):
    plot_response(GROUPS.head(0), ax=ax)
    other = Figure(layout="constrained").subplots()
    plot_before(BEFORE.tail(1), n_days=3, ax=other)
    assert not [line for line in (*ax.lines, *other.lines) if line.get_marker() == "o"]
