"""The plots of differences between people: artists, verdicts by shape, small groups blank, long names."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from custaudience.present import figure_bytes, plot_drivers, plot_second_order, variable_names

LONG = "A name of a column as long as exports have them, and then longer still"
DRIVERS = pd.DataFrame(
    [
        ("revenue_total", "behaviour", "Revenue before", "n_orders", 900, 0.6, 0.5, 0.7, "influences", False),
        ("tenure", "behaviour", "Days known", "n_orders", 900, 0.2, 0.1, 0.3, "no_evidence", True),
        ("x", "attribute", LONG, "n_orders", 300, -0.001, 0.0, 0.02, "no_evidence", False),
        ("d", "date", "Registered", "n_orders", 40, 0.05, 0.0, 0.2, "too_little_data", False),
        ("z", "attribute", "Never tested", "n_orders", None, None, None, None, "too_little_data", None),
        ("y", "category_share", "BEEF", "bought_again", 900, 0.1, 0.05, 0.2, "influences", False),
    ],
    columns=[
        "variable",
        "kind",
        "name",
        "outcome",
        "n",
        "share_explained",
        "share_low",
        "share_high",
        "verdict",
        "proxy",
    ],
)
SECOND = pd.DataFrame(
    [
        ("", "attribute", "all", 3000, 0.4, 0.38, 0.42, ""),
        ("channel", "attribute", "search", 1200, 0.5, 0.46, 0.54, "more often"),
        ("channel", "attribute", "market", 700, 0.3, 0.26, 0.34, "less often"),
        ("channel", "attribute", "friends", None, None, None, None, "more often"),
        ("BEEF", "category_share", "yes", 40, None, None, None, "no clear difference"),
    ],
    columns=["name", "kind", "group", "n", "share", "low", "high", "verdict"],
)


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


def rows(ax):
    return [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]


def markers(ax):
    return {
        int(line.get_ydata()[0]): (line.get_marker(), line.get_markerfacecolor(), float(line.get_xdata()[0]))
        for line in ax.lines
        if line.get_marker() not in ("None", "", None)
    }


def caption(ax):
    return next(t.get_text() for t in ax.texts if t.get_gid() == "caption").replace("\n", " ")


def test_drivers_are_ordered_and_verdicts_are_shapes(ax):
    assert plot_drivers(DRIVERS, ax=ax) is ax
    names = rows(ax)
    assert names[0] == "Revenue before" and names[1] == "Days known" and names[2] == "Days since Registered *"
    assert names[3].startswith("A name of a column") and names[3].endswith(" …") and len(names) == 4
    found = markers(ax)
    assert (found[0][0], found[1][0], found[2][0], found[3][0]) == ("o", "o", "x", "D")
    assert found[0][1] != found[1][1]  # a stand-in is empty
    assert found[3][2] == 0 and found[0][2] == 0.6  # a share is not below zero
    assert [t.get_text() for t in ax.texts if t.get_gid() == "n"] == ["900", "900", "40", "300"]
    text = caption(ax)
    assert all(words in text for words in ("filled dot", "empty dot", "cross", "empty diamond", "* known beside"))


def test_one_outcome_is_drawn_and_attributes_come_first_when_room_is_short(ax):
    plot_drivers(DRIVERS, outcome="bought_again", ax=ax)
    assert rows(ax) == ["Share of BEEF in purchases"] and "empty" not in caption(ax)
    other = Figure(layout="constrained").subplots()
    plot_drivers(DRIVERS, most=2, ax=other)
    assert rows(other)[0] == "Days since Registered *" and len(rows(other)) == 2
    assert "2 weaker ones are not drawn" in caption(other)


def test_nothing_to_draw_is_an_empty_figure(ax):
    plot_drivers(DRIVERS.iloc[:0], ax=ax)
    plot_drivers(DRIVERS[DRIVERS["name"] == "Never tested"])
    assert rows(ax) == []


def test_second_orders_stand_by_variable_with_small_groups_blank(ax):
    plot_second_order(SECOND, days=90, min_group_size=10, ax=ax)
    assert rows(ax) == [
        "All customers", "Channel", "Search", "Market", "Friends", "Share of BEEF in purchases", "Yes"
    ]  # fmt: skip
    found = markers(ax)
    assert set(found) == {0, 2, 3} and (found[2][0], found[3][0]) == ("^", "v")
    n = [t.get_text() for t in ax.texts if t.get_gid() == "n"]
    assert n == [
        "n\u00a0=\u00a03,000",
        "n\u00a0=\u00a01,200",
        "n\u00a0=\u00a0700",
        "fewer than\u00a010",
        "n\u00a0=\u00a040",
    ]
    assert "90 days" in ax.get_xlabel()
    assert any(t.get_text().startswith("too few") for t in ax.texts)
    assert "triangle down" in caption(ax) and "diamond" not in caption(ax)


def test_the_horizon_may_stand_in_the_table(ax):
    plot_second_order(SECOND.assign(days=180), ax=ax)
    assert "180 days" in ax.get_xlabel()


def test_names_from_the_data_do_not_act():
    frame = pd.DataFrame({"name": ["{n:count}", "$x^2$ <b>"], "kind": ["category_share", "attribute"]})
    assert variable_names(frame).tolist() == ["Share of {n:count} in purchases", "$x^2$ <b> *"]
    nasty = DRIVERS.assign(name=["{n:count}", "$x^2$", "a_b", "<b>", "", "%s"])
    assert figure_bytes(plot_drivers(nasty), alt="x")


def test_labels_do_not_touch_and_figures_are_the_same_each_time():
    rng = np.random.default_rng(0)
    many = pd.concat([DRIVERS.iloc[[2]]] * 18, ignore_index=True).assign(
        name=[f"{LONG} {i}" for i in range(18)], share_explained=rng.random(18) / 10
    )
    ax = plot_drivers(many, language="uk")
    first = figure_bytes(ax, alt="x")
    boxes = sorted((label.get_window_extent() for label in ax.get_yticklabels()), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 + 1 for below, above in itertools.pairwise(boxes))
    assert ax.title.get_window_extent().x1 <= ax.figure.bbox.x1 + 1
    assert first == figure_bytes(plot_drivers(many, language="uk"), alt="x")
