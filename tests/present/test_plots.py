import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from custaudience.present import (
    figure_bytes,
    plot_gaps,
    plot_lifecycle,
    plot_months,
    plot_retention,
    plot_rfm_grid,
    plot_segments,
    plot_survival,
    show,
)
from custaudience.present.style import ACCENTS, REST, segment_color

MONTHS = pd.DataFrame(
    {"month": ["2017-10", "2017-11", "2017-12"], "revenue_per_trading_day": [100.0, 120.0, 90.0],
     "is_complete": [True, True, False]}
)  # fmt: skip
SEGMENTS = pd.DataFrame(
    {"segment": ["champions", "loyal", "dormant"], "n_customers": pd.array([400, None, 300], dtype="Int64"),
     "share_of_customers": [0.4, None, 0.3], "share_of_revenue": [0.7, None, 0.1]}
)  # fmt: skip
RETENTION = pd.DataFrame(
    [("2017-01", 0, 50, 1.0), ("2017-01", 1, 50, 0.4), ("2017-02", 0, 60, 1.0), ("2017-02", 1, 60, np.nan)],
    columns=["cohort", "age", "n_customers", "share"],
)
SURVIVAL = pd.DataFrame(
    {"group": ["early"] * 3 + ["late"] * 3, "time": [0, 50, 100] * 2, "at_risk": [90, 60, 30, 80, 50, 20],
     "share": [1, 0.7, 0.5, 1, 0.7, 0.48], "low": [1, 0.6, 0.4, 1, 0.6, 0.4], "high": [1, 0.8, 0.6, 1, 0.8, 0.6]}
)  # fmt: skip


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


def words(ax):
    return [t.get_text() for t in ax.texts] + [t.get_text() for t in (*ax.get_xticklabels(), *ax.get_yticklabels())]


def caption(ax):
    return next(t.get_text() for t in ax.texts if t.get_gid() == "caption")


def test_months_start_at_zero_and_mark_the_last_and_the_incomplete(ax):
    assert plot_months(MONTHS, currency="USD", ax=ax) is ax
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == [100, 120, 90] and ax.get_ylim()[0] == 0
    assert ax.patches[2].get_hatch() and not ax.patches[0].get_hatch()
    assert "incomplete" in caption(ax) and "3\u00a0months" in caption(ax)
    assert ax.get_ylabel() == "Revenue per trading day, USD"


def test_segments_carry_numbers_patterns_and_their_own_colour(ax):
    plot_segments(SEGMENTS, ax=ax)
    first, second = ax.patches[:2]
    assert first.get_hatch() and not second.get_hatch()
    assert (first.get_width(), second.get_width()) == (0.4, 0.7) and first.get_x() == 0
    assert mpl.colors.to_hex(second.get_facecolor()) == ACCENTS["champions"]
    assert mpl.colors.to_hex(ax.patches[-1].get_facecolor()) == segment_color("dormant") == REST
    assert len(ax.patches) == 4 and any("fewer than\u00a010" in text for text in words(ax))
    assert any("70\u00a0%" in text for text in words(ax)) and "700" in caption(ax)


def test_the_grid_shows_counts_and_small_groups_and_writes_legibly(ax):
    table = pd.DataFrame(
        {"r_score": [1, 1, 2], "f_score": [1, 2, 2], "n_customers": pd.array([5000, None, 12], "Int64")}
    )
    plot_rfm_grid(table, ax=ax)
    assert {"5,000", "12", "0"} <= set(words(ax)) and any(text.startswith("fewer") for text in words(ax))
    assert len({t.get_color() for t in ax.texts if t.get_text() in ("5,000", "12")}) == 2


def test_lifecycle_as_one_bar_and_by_segment(ax):
    states = pd.DataFrame(
        {"state": ["primary", "lost", "potential"], "n_customers": [70, 30, 0], "share": [0.7, 0.3, 0]}
    )
    plot_lifecycle(states, ax=ax)
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(1)
    assert len({(bar.get_hatch(), bar.get_facecolor()) for bar in ax.patches}) == 2
    other = Figure().subplots()
    plot_lifecycle(states.assign(segment="loyal"), ax=other)
    assert "Loyal" in words(other)


def test_retention_leaves_the_unobserved_blank(ax):
    plot_retention(RETENTION, ax=ax)
    shown = ax.images[0].get_array()
    assert np.isnan(np.ma.filled(shown.astype(float), np.nan)[1, 1])
    assert {"100", "40"} <= set(words(ax)) and "110" in caption(ax)


def test_survival_names_its_curves_apart_and_shows_who_is_at_risk(ax):
    plot_survival(SURVIVAL, ax=ax)
    styles = [line.get_linestyle() for line in ax.lines]
    assert len(set(styles)) == 2 and all(line.get_drawstyle() == "steps-post" for line in ax.lines)
    assert {"90", "80"} <= set(words(ax)) and len(ax.collections) == 2
    ends = [t.xy[1] for t in ax.texts if t.get_text() in ("early", "Early") and t.xy[1] > 0]
    others = [t.xy[1] for t in ax.texts if t.get_text() in ("late", "Late") and t.xy[1] > 0]
    assert abs(ends[0] - others[0]) >= 0.09  # the labels do not lie on each other
    assert "170" in caption(ax)


def test_gaps_have_units_and_marks(ax):
    plot_gaps(pd.DataFrame({"days": [0, 1, 2], "n_gaps": [5, 3, 1]}), marks={"95 of 100": 2}, ax=ax)
    assert ax.get_xlabel() == "days from one order to the next" and ax.get_ylim()[0] == 0
    assert "95 of 100" in words(ax) and len(ax.lines) == 1


@pytest.mark.parametrize(
    ("draw", "table"),
    [(plot_months, MONTHS), (plot_segments, SEGMENTS), (plot_retention, RETENTION), (plot_survival, SURVIVAL)],
)
def test_titles_are_questions_by_default_findings_on_demand_and_speak_ukrainian(draw, table):
    ax = Figure().subplots()
    draw(table, language="uk", ax=ax)
    assert any("а" <= letter <= "я" for letter in ax.get_title(loc="left").lower())
    ax = Figure().subplots()
    draw(table, title="It fell.", ax=ax)
    assert ax.get_title(loc="left") == "It fell."


def test_style_stays_inside():
    before = dict(mpl.rcParams)
    plot_months(MONTHS, ax=Figure().subplots())
    assert dict(mpl.rcParams) == before


def test_dollar_signs_are_money_not_formulas(ax):
    plot_months(MONTHS, currency="USD", title="From $5 to $6", ax=ax)
    figure_bytes(ax, alt="x")
    assert ax.get_title(loc="left") == "From $5 to $6"


@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_same_drawing_gives_the_same_bytes(form):
    drawn = [figure_bytes(plot_segments(SEGMENTS, ax=Figure().subplots()), alt="x", form=form) for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_show_sends_alt_text_and_a_fixed_text(monkeypatch):
    sent = []
    monkeypatch.setattr("IPython.display.display", lambda data, **more: sent.append((data, more)))
    ax = plot_months(MONTHS)
    from matplotlib import pyplot

    show(ax, alt="Three bars")
    (data, more) = sent[0]
    assert data["text/plain"] == "Figure: Three bars" and more["metadata"]["image/png"]["alt"] == "Three bars"
    assert not pyplot.get_fignums()


def test_a_figure_without_alt_text_is_refused(ax):
    with pytest.raises(ValueError, match="say in a sentence what it shows"):
        show(ax, alt=" ")


@pytest.mark.parametrize("n", [2, 14, 15, 24, 42, 43, 84, 85, 240])
def test_names_of_months_do_not_touch(n: int) -> None:
    months = pd.period_range("2023-11", periods=n, freq="M").astype(str)
    table = pd.DataFrame({"month": months, "revenue_per_trading_day": 5.0})
    figure = Figure(figsize=(7.4, 3.4), dpi=100)
    ax = plot_months(table, currency="UAH", ax=figure.subplots())
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert len(boxes) >= min(n, 4)
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
