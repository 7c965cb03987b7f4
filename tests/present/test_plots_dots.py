"""Dots with their intervals: verdicts are shapes, small groups are blank, what is not drawn is counted."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from drawn import boxes_apart, caption, dots, names, rows, speaks, texts, words
from matplotlib.figure import Figure

from custaudience.present import (
    figure_bytes,
    plot_before,
    plot_drivers,
    plot_pairs,
    plot_response,
    plot_second_order,
    plot_traits,
)
from custaudience.present.style import BLUE, REST

LONG = "A name of a column as long as exports have them, and then longer still"
LETTERS_45 = "Мішки для будівельного сміття міцні, 240 літр"
HOSTILE = "<b>$x$ {n:count} " + "a very long name of a column " * 3
DRIVERS = pd.DataFrame(
    [("revenue_total", "behaviour", "Revenue before", "n_orders", 900, 0.6, 0.5, 0.7, "influences", False),
     ("tenure", "behaviour", "Days known", "n_orders", 900, 0.2, 0.1, 0.3, "no_evidence", True),
     ("x", "attribute", LONG, "n_orders", 300, -0.001, 0.0, 0.02, "no_evidence", False),
     ("d", "date", "Registered", "n_orders", 40, 0.05, 0.0, 0.2, "too_little_data", False),
     ("z", "attribute", "Never tested", "n_orders", None, None, None, None, "too_little_data", None),
     ("y", "category_share", "BEEF", "bought_again", 900, 0.1, 0.05, 0.2, "influences", False)],
    columns=["variable", "kind", "name", "outcome", "n", "share_explained", "share_low", "share_high", "verdict",
             "proxy"],
)  # fmt: skip
SECOND = pd.DataFrame(
    [("", "attribute", "all", 3000, 0.4, 0.38, 0.42, ""),
     ("channel", "attribute", "search", 1200, 0.5, 0.46, 0.54, "more often"),
     ("channel", "attribute", "market", 700, 0.3, 0.26, 0.34, "less often"),
     ("channel", "attribute", "friends", None, None, None, None, "more often"),
     ("BEEF", "category_share", "yes", 40, None, None, None, "no clear difference")],
    columns=["name", "kind", "group", "n", "share", "low", "high", "verdict"],
)  # fmt: skip
TRAITS = pd.DataFrame(
    [("town", "attribute", "", "A", "share", 0.6, 0.2, 0.4, 3.0, 2.0, 4.5, "measured"),
     ("BEEF", "category_share", "share", "", "mean", 0.036, 0.038, -0.1, 0.95, 0.85, 1.07, "no_clear_difference"),
     ("Revenue per order", "behaviour", "currency", "", "mean", 1234.0, 617.0, 0.3, 2.0, 1.5, 2.6, "measured"),
     ("rare", "attribute", "", "yes", "share", *[np.nan] * 6, "too_few"),
     (HOSTILE, "attribute", "", HOSTILE, "share", 0.5, 0.02, 0.5, 25.0, 9.0, 60.0, "measured"),
     ("never", "attribute", "", "x", "share", 0.0, 0.1, -0.1, 0.0, 0.0, 0.4, "measured")],
    columns=["name", "kind", "unit", "category", "statistic", "value", "value_others", "effect", "ratio", "ratio_low",
             "ratio_high", "status"],
)  # fmt: skip
PAIRS = pd.DataFrame(
    [("sand", "cement", 12.0, 10.0, 14.0, 362, "more often"),
     (LETTERS_45, LETTERS_45[::-1], 6.0, 0.9, 40.0, 40, "no clear difference"),
     ("bag", "tea", 0.5, 0.3, 0.8, 50, "less often"), ("rare", "rarer", 30.0, None, None, 4, "too few")],
    columns=["item_a", "item_b", "lift", "lift_low", "lift_high", "n_customers", "verdict"],
)  # fmt: skip
RESPONSE = pd.DataFrame(
    [("segment", "champions", 300, 0.16, 0.13, 0.18, "more"), ("segment", "loyal", None, None, None, None, "less"),
     ("place", LETTERS_45, 40, 0.1, 0.02, 0.3, "no clear difference"),
     ("place", "2", 12, 0.0, 0.0, 0.2, "no clear difference")],
    columns=["attribute", "value", "n", "response_rate", "low", "high", "verdict"],
).astype({"n": "Int64"})  # fmt: skip
BEFORE = pd.DataFrame(
    {"group": ["responded", "no_response", "not_sent"], "n_customers": pd.array([214, 919, None], "Int64"),
     "spend_before": [611.2, 395.1, None], "before_low": [556, 373, None], "before_high": [666, 417, None],
     "spend_during": [731.2, 410.0, None], "during_low": [670, 387, None], "during_high": [793, 433, None]}
)  # fmt: skip


@pytest.mark.parametrize(
    ("draw", "table"),
    [(plot_drivers, DRIVERS.iloc[:0]), (plot_traits, TRAITS.iloc[[3]]), (plot_pairs, PAIRS.tail(1)),
     (plot_response, RESPONSE.iloc[:0]), (partial(plot_before, n_days=3), BEFORE.tail(1))],
)  # fmt: skip
def test_nothing_to_draw_still_draws(ax, draw, table):
    assert not dots(draw(table, ax=ax)) and figure_bytes(ax, alt="nothing", form="svg")


def markers(ax):
    return {int(d.get_ydata()[0]): (d.get_marker(), d.get_markerfacecolor(), float(d.get_xdata()[0])) for d in dots(ax)}


def test_drivers_are_ordered_and_verdicts_are_shapes(ax):
    assert plot_drivers(DRIVERS, ax=ax) is ax
    *first, last = rows(ax)
    assert first == ["Revenue before", "Days known", "Days since Registered *"]
    assert last.startswith("A name of a column") and last.endswith(" …")
    found = markers(ax)
    assert [found[i][0] for i in range(4)] == ["o", "o", "x", "D"]
    assert found[0][1] != found[1][1]  # a stand-in is empty
    assert found[3][2] == 0 and found[0][2] == 0.6  # a share is not below zero
    assert texts(ax, "n") == ["900", "900", "40", "300"]
    said = ("filled dot", "empty dot", "cross", "empty diamond", "* known beside")
    assert all(text in caption(ax) for text in said)
    speaks(plot_drivers, DRIVERS)


def test_one_outcome_is_drawn_and_attributes_come_first_when_room_is_short(ax):
    plot_drivers(DRIVERS, outcome="bought_again", ax=ax)
    assert rows(ax) == ["Share of BEEF in purchases"] and "empty" not in caption(ax)
    other = plot_drivers(DRIVERS, most=2, ax=Figure(layout="constrained").subplots())
    assert rows(other)[0] == "Days since Registered *" and len(rows(other)) == 2
    assert "2 weaker ones are not drawn" in caption(other)
    assert rows(plot_drivers(DRIVERS[DRIVERS["name"] == "Never tested"])) == []
    assert figure_bytes(plot_drivers(DRIVERS.assign(name=["{n:count}", "$x^2$", "a_b", "<b>", "", "%s"])), alt="x")


def test_many_long_drivers_do_not_touch():
    many = pd.concat([DRIVERS.iloc[[2]]] * 18, ignore_index=True)
    many["name"], many["share_explained"] = [f"{LONG} {i}" for i in range(18)], np.random.default_rng(0).random(18) / 10
    ax = plot_drivers(many, language="uk")
    first = figure_bytes(ax, alt="x")
    boxes_apart(ax.get_yticklabels(), ax.figure)
    assert ax.title.get_window_extent().x1 <= ax.figure.bbox.x1 + 1
    assert first == figure_bytes(plot_drivers(many, language="uk"), alt="x")


def test_second_orders_stand_by_variable_with_small_groups_blank(ax):
    plot_second_order(SECOND, days=90, min_group_size=10, ax=ax)
    heads = ["All customers", "Channel", "Search", "Market", "Friends", "Share of BEEF in purchases", "Yes"]
    assert rows(ax) == heads
    found = markers(ax)
    assert set(found) == {0, 2, 3} and (found[2][0], found[3][0]) == ("^", "v")
    n = [text.replace("\u00a0", " ") for text in texts(ax, "n")]
    assert n == ["n = 3,000", "n = 1,200", "n = 700", "fewer than 10", "n = 40"]
    assert "90 days" in ax.get_xlabel() and any(text.startswith("too few") for text in texts(ax))
    assert "triangle down" in caption(ax) and "diamond" not in caption(ax)
    in_table = plot_second_order(SECOND.assign(days=180), ax=Figure().subplots())
    assert "180 days" in in_table.get_xlabel()
    speaks(plot_second_order, SECOND.assign(days=90))


def test_traits_are_drawn_clear_ones_first_with_their_figures(ax):
    assert plot_traits(TRAITS, currency="USD", ax=ax) is ax
    assert rows(ax)[1:] == ["Town: A *", "Revenue per order", "Share of BEEF in purchases"]
    assert rows(ax)[0].startswith("<b>$x$") and len(rows(ax)[0]) < 80
    values = [text.replace("\u00a0", " ") for text in texts(ax, "values")]
    assert values == ["50.0 % · 2.0 %", "60 % · 20 %", "$1,234 · $617", "3.6 % · 3.8 %"]
    found = markers(ax)
    assert [found[i][0] for i in range(4)] == ["o", "o", "o", "D"]
    assert found[1][2] == 3.0 and found[0][2] == 8.0  # cut at the edge
    assert "filled dot: clear difference" in caption(ax)
    assert names(ax.get_xticklabels()) == ["÷8", "÷4", "÷2", "×1", "×2", "×4", "×8"]
    few = plot_traits(TRAITS, most=2, currency="USD", ax=Figure().subplots())
    assert len(rows(few)) == 2 and "2 weaker ones are not drawn" in caption(few)
    speaks(plot_traits, TRAITS)


def test_pairs_have_dots_intervals_and_numbers(ax):
    assert plot_pairs(PAIRS, min_lift=5, ax=ax) is ax
    found = dots(ax)
    assert [dot.get_xdata()[0] for dot in found] == [12.0, 6.0, 0.5]  # too few to say: not drawn
    assert [dot.get_color() for dot in found] == [BLUE, REST, BLUE]
    assert found[1].get_markerfacecolor() != found[1].get_color()  # hollow, not by colour alone
    spans = [list(line.get_xdata()) for line in ax.lines if len(set(line.get_xdata())) == 2]
    assert [10.0, 14.0] in spans
    assert "12.0 (n\u00a0=\u00a0362)" in words(ax) and not any("rare" in word for word in words(ax))
    assert ax.get_xscale() == "log" and ax.get_xlim()[0] < 0.3
    assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"] == [5]
    speaks(plot_pairs, PAIRS)


def test_pairs_beyond_the_most_are_counted(ax):
    plot_pairs(pd.concat([PAIRS.head(1)] * 20, ignore_index=True), most=3, ax=ax)
    assert "17" in caption(ax) and len(ax.get_yticks()) == 3


@pytest.mark.parametrize(
    ("draw", "table"),
    [(plot_pairs, pd.concat([PAIRS.iloc[[1]]] * 4)), (partial(plot_response, overall=0.13), RESPONSE)],
)
def test_long_names_do_not_touch(draw, table):
    ax = draw(table, language="uk")
    ax.figure.canvas.draw()
    boxes_apart(ax.get_yticklabels(), ax.figure)
    if draw is plot_pairs:  # the other one's n stands in the labels
        boxes_apart([t for t in ax.texts if "n\u00a0=" in t.get_text()], ax.figure)


def test_rates_with_n_and_small_groups_blank(ax):
    assert plot_response(RESPONSE, overall=0.13, ax=ax) is ax
    found = dots(ax)
    assert [dot.get_xdata()[0] for dot in found] == [0.16, 0.1, 0.0]
    assert [dot.get_color() for dot in found] == [BLUE, REST, REST]
    assert found[0].get_markerfacecolor() == BLUE and found[1].get_markerfacecolor() != REST
    assert "Champions (n\u00a0=\u00a0300)" in words(ax) and "Loyal (fewer than\u00a010)" in words(ax)
    assert {"Segment", "Place"} <= set(words(ax))  # headings
    assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"] == [0.13]
    assert ax.get_xlim()[0] == 0
    alone = plot_response(RESPONSE.head(1), ax=Figure().subplots())
    assert "Segment" not in words(alone)  # one attribute needs no heading
    speaks(plot_response, RESPONSE)


def test_before_and_during_are_told_apart_by_fill(ax):
    plot_before(BEFORE, n_days=56, currency="USD", ax=ax)
    found = dots(ax)
    assert [dot.get_xdata()[0] for dot in found] == [611.2, 731.2, 395.1, 410.0]  # too few: no dot
    assert found[0].get_markerfacecolor() != found[0].get_color() and found[1].get_markerfacecolor() == BLUE
    assert "$611" in words(ax) and "Not sent\n(fewer than\u00a010)" in words(ax)
    assert ax.get_xlabel() == "revenue per customer in 56\u00a0days, USD" and ax.get_xlim()[0] == 0
    speaks(partial(plot_before, n_days=56), BEFORE)
