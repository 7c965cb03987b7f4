"""The plots of customer value: their bars, lines and words."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest
from matplotlib.figure import Figure

from custaudience.present import plot_concentration, plot_repeat_frequency, plot_tracking

TOP = pd.DataFrame(
    {"top": [0.01, 0.05, 0.2], "n_customers": pd.array([None, 118, 470], "Int64"), "share": [None, 0.36, 0.67],
     "low": [None, 0.33, 0.65], "high": [None, 0.40, 0.70]}
)  # fmt: skip
FREQUENCY = pd.DataFrame(
    {"n_repeat": ["0", "1", "2+"], "actual": pd.array([1411, 439, None], "Int64"), "BG/NBD": [1407.7, 460.3, None],
     "Pareto/NBD": [1434.0, 396.9, None]}
)  # fmt: skip
WEEKS = pd.date_range("1997-01-07", periods=78, freq="7D")
TRACKING = pd.DataFrame(
    {"until": WEEKS, "n_customers": [None, *[2357] * 77], "actual_cumulative": [None, *range(50, 3900, 50)],
     "expected_cumulative": [None, *range(48, 3744, 48)], "held_out": WEEKS > "1997-09-30"}
)  # fmt: skip


@pytest.fixture
def ax():
    return Figure(layout="constrained", figsize=(7.4, 4)).subplots()


def words(ax):
    return [t.get_text() for t in ax.texts] + [t.get_text() for t in (*ax.get_xticklabels(), *ax.get_yticklabels())]


def caption(ax):
    return next(t.get_text() for t in ax.texts if t.get_gid() == "caption")


def test_concentration_starts_at_zero_and_leaves_small_groups_blank(ax):
    assert plot_concentration(TOP, ax=ax) is ax
    assert [bar.get_width() for bar in ax.patches] == [0.36, 0.67] and ax.get_xlim() == (0, 1)
    assert any("fewer than\u00a010" in text for text in words(ax))
    assert "the best 5\u00a0%\n118\u00a0customers" in words(ax) and "the best 1\u00a0%" in words(ax)
    ends = [list(line.get_xdata()) for line in ax.lines]
    assert [0.33, 0.40] in ends and "interval" in caption(ax)


def test_frequency_shows_bars_and_a_mark_per_model(ax):
    plot_repeat_frequency(FREQUENCY, ax=ax)
    assert [bar.get_height() for bar in ax.patches] == [1411, 439, 0] and ax.get_ylim()[0] == 0
    assert [line.get_label() for line in ax.lines] == ["BG/NBD", "Pareto/NBD"]
    assert len({line.get_marker() for line in ax.lines}) == 2  # not by colour alone
    assert {"1,411", "439"} <= set(words(ax)) and any(text.startswith("fewer") for text in words(ax))
    assert "1,850" in caption(ax)


def test_tracking_names_its_lines_apart_and_marks_the_calibration(ax):
    plot_tracking(TRACKING, model="BG/NBD", ax=ax)
    actual, expected, cut = ax.lines
    assert actual.get_linestyle() != expected.get_linestyle() and len(actual.get_xdata()) == 77
    assert cut.get_xdata()[0] == pd.Timestamp("1997-09-30")
    assert {"what happened", "BG/NBD"} <= set(words(ax))
    ends = {t.get_text(): t.xy[1] for t in ax.texts if t.get_text() in ("what happened", "BG/NBD")}
    assert abs(ends["what happened"] - ends["BG/NBD"]) >= 0.07
    assert "30\u00a0September\u00a01997" in caption(ax).replace("30 September 1997", "30\u00a0September\u00a01997")
    assert "2,357" in caption(ax) and ax.get_ylim()[0] == 0


@pytest.mark.parametrize("n", [3, 15, 60, 300])
def test_months_do_not_touch(n):
    weeks = pd.date_range("2020-01-05", periods=n, freq="7D")
    table = pd.DataFrame({"until": weeks, "actual_cumulative": range(n), "held_out": weeks > weeks[n // 2]})
    table["expected_cumulative"] = table["actual_cumulative"]
    figure = Figure(figsize=(7.4, 4), dpi=100)
    for language in ("en", "uk"):
        ax = plot_tracking(table, language=language, ax=figure.subplots())
        figure.canvas.draw()
        boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
        figure.clear()


def test_little_to_show_is_drawn_as_little(ax):
    tracked = plot_tracking(TRACKING.iloc[:1], ax=ax)
    bars = plot_repeat_frequency(FREQUENCY[["n_repeat", "actual"]].iloc[2:], ax=Figure().subplots())
    best = plot_concentration(TOP.iloc[:1], ax=Figure().subplots())
    assert all(len(line.get_xdata()) <= 2 for line in tracked.get_lines())
    assert len(bars.get_xticklabels()) == len(FREQUENCY) - 2
    assert len(best.get_yticklabels()) == 1


@pytest.mark.parametrize(
    ("draw", "table"), [(plot_concentration, TOP), (plot_repeat_frequency, FREQUENCY), (plot_tracking, TRACKING)]
)
def test_titles_are_questions_by_default_findings_on_demand(draw, table):
    ax = Figure().subplots()
    draw(table, title="It held.", language="uk", ax=ax)
    assert ax.get_title(loc="left") == "It held."
    ax = Figure().subplots()
    draw(table, ax=ax)
    assert ax.get_title(loc="left").endswith("?")
