"""Lines over time: told apart by their style, named at their ends."""

import pandas as pd
import pytest
from drawn import boxes_apart, caption, speaks, words
from matplotlib.figure import Figure

from custaudience.present import plot_survival, plot_tracking

SURVIVAL = pd.DataFrame(
    {"group": ["early"] * 3 + ["late"] * 3, "time": [0, 50, 100] * 2, "at_risk": [90, 60, 30, 80, 50, 20],
     "share": [1, 0.7, 0.5, 1, 0.7, 0.48], "low": [1, 0.6, 0.4, 1, 0.6, 0.4], "high": [1, 0.8, 0.6, 1, 0.8, 0.6]}
)  # fmt: skip
WEEKS = pd.date_range("1997-01-07", periods=78, freq="7D")
TRACKING = pd.DataFrame(
    {"until": WEEKS, "n_customers": [None, *[2357] * 77], "actual_cumulative": [None, *range(50, 3900, 50)],
     "expected_cumulative": [None, *range(48, 3744, 48)], "held_out": WEEKS > "1997-09-30"}
)  # fmt: skip


def test_survival_names_its_curves_apart_and_shows_who_is_at_risk(ax):
    plot_survival(SURVIVAL, ax=ax)
    styles = [line.get_linestyle() for line in ax.lines]
    assert len(set(styles)) == 2 and all(line.get_drawstyle() == "steps-post" for line in ax.lines)
    assert {"90", "80"} <= set(words(ax)) and len(ax.collections) == 2
    ends = {t.get_text(): t.xy[1] for t in ax.texts if t.get_text() in ("Early", "Late") and t.xy[1] > 0}
    assert abs(ends["Early"] - ends["Late"]) >= 0.09  # the labels do not lie on each other
    assert "170" in caption(ax)
    speaks(plot_survival, SURVIVAL)


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
    speaks(plot_tracking, TRACKING)


@pytest.mark.parametrize("n", [3, 15, 60, 300])
def test_months_do_not_touch(n):
    weeks = pd.date_range("2020-01-05", periods=n, freq="7D")
    table = pd.DataFrame({"until": weeks, "actual_cumulative": range(n), "held_out": weeks > weeks[n // 2]})
    table["expected_cumulative"] = table["actual_cumulative"]
    figure = Figure(figsize=(7.4, 4), dpi=100)
    for language in ("en", "uk"):
        ax = plot_tracking(table, language=language, ax=figure.subplots())
        figure.canvas.draw()
        boxes_apart(ax.get_xticklabels(), figure)
        figure.clear()


def test_little_to_show_is_drawn_as_little(ax):
    plot_tracking(TRACKING.iloc[:1], ax=ax)
    assert all(len(line.get_xdata()) <= 2 for line in ax.get_lines())
    assert plot_tracking(TRACKING.iloc[:0], ax=Figure().subplots())
