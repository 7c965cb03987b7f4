"""Bars begin at zero and carry their numbers; small groups are left blank; nothing rests on colour alone."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from drawn import boxes_apart, caption, rows, speaks, texts, words
from matplotlib.figure import Figure

from custaudience.present import (
    figure_bytes,
    plot_concentration,
    plot_contact_lists,
    plot_cut_offs,
    plot_gaps,
    plot_lifecycle,
    plot_months,
    plot_repeat_frequency,
    plot_segments,
)
from custaudience.present.style import ACCENTS, REST, segment_color

MONTHS = pd.DataFrame(
    {"month": ["2017-10", "2017-11", "2017-12"], "revenue_per_trading_day": [100.0, 120.0, 90.0],
     "is_complete": [True, True, False]}
)  # fmt: skip
SEGMENTS = pd.DataFrame(
    {"segment": ["champions", "loyal", "dormant"], "n_customers": pd.array([400, None, 300], "Int64"),
     "share_of_customers": [0.4, None, 0.3], "share_of_revenue": [0.7, None, 0.1]}
)  # fmt: skip
STATES = pd.DataFrame({"state": ["primary", "lost", "potential"], "n_customers": [70, 30, 0], "share": [0.7, 0.3, 0]})
GAPS = pd.DataFrame({"days": [0, 1, 2], "n_gaps": [5, 3, 1]})
TOP = pd.DataFrame(
    {"top": [0.01, 0.05, 0.2], "n_customers": pd.array([None, 118, 470], "Int64"), "share": [None, 0.36, 0.67],
     "low": [None, 0.33, 0.65], "high": [None, 0.40, 0.70]}
)  # fmt: skip
FREQUENCY = pd.DataFrame(
    {"n_repeat": ["0", "1", "2+"], "actual": pd.array([1411, 439, None], "Int64"), "BG/NBD": [1407.7, 460.3, None],
     "Pareto/NBD": [1434.0, 396.9, None]}
)  # fmt: skip
LISTS = pd.DataFrame(
    {"name": ["silent for longer", "мовчать довше, ніж звичайно, і ще не вдвічі д", "at a steady pace", "all lists"],
     "n_customers": pd.array([920, 116, None, 1011], "Int64"), "n_to_write": pd.array([361, 57, None, 406], "Int64"),
     "n_held_out": pd.array([90, None, None, 101], "Int64"), "n_may_not": pd.array([469, 53, None, 504], "Int64"),
     "consent_known": True}
)  # fmt: skip
CUT_OFFS = pd.DataFrame(
    [("all", "All", "as set", np.nan, 40, 40, 0.3),
     ("top_share", "Share of customers that counts as the top", "lower", 0.15, 30, 30, 0.25),
     ("overdue_share", "Share of own gaps a silence may outlast", "higher", 0.975, 50, 38, 0.4),
     ("min_orders", "Number of orders at least", "higher", 4.0, None, None, None),
     ("engaged", "Engaged", "left out", np.nan, 90, 40, np.nan)],
    columns=["cut_off", "name", "direction", "value", "n_customers", "n_kept", "share_of_revenue"],
).astype({"n_customers": "Int64", "n_kept": "Int64", "share_of_revenue": "float64"})  # fmt: skip


def test_months_start_at_zero_and_mark_the_last_and_the_incomplete(ax):
    assert plot_months(MONTHS, currency="USD", ax=ax) is ax
    assert [bar.get_height() for bar in ax.patches] == [100, 120, 90] and ax.get_ylim()[0] == 0
    assert ax.patches[2].get_hatch() and not ax.patches[0].get_hatch()
    assert "incomplete" in caption(ax) and "3\u00a0months" in caption(ax)
    assert ax.get_ylabel() == "Revenue per trading day, USD"
    speaks(plot_months, MONTHS)


@pytest.mark.parametrize("n", [2, 14, 15, 24, 42, 43, 84, 85, 240])
def test_names_of_months_do_not_touch(n):
    months = pd.period_range("2023-11", periods=n, freq="M").astype(str)
    figure = Figure(figsize=(7.4, 3.4), dpi=100)
    table = pd.DataFrame({"month": months, "revenue_per_trading_day": 5.0})
    ax = plot_months(table, currency="UAH", ax=figure.subplots())
    figure.canvas.draw()
    assert len(ax.get_xticklabels()) >= min(n, 4)
    boxes_apart(ax.get_xticklabels(), figure)


def test_segments_carry_numbers_patterns_and_their_own_colour(ax):
    plot_segments(SEGMENTS, ax=ax)
    first, second = ax.patches[:2]
    assert first.get_hatch() and not second.get_hatch()
    assert (first.get_width(), second.get_width()) == (0.4, 0.7) and first.get_x() == 0
    assert mpl.colors.to_hex(second.get_facecolor()) == ACCENTS["champions"]
    assert mpl.colors.to_hex(ax.patches[-1].get_facecolor()) == segment_color("dormant") == REST
    assert len(ax.patches) == 4 and any("fewer than\u00a010" in text for text in words(ax))
    assert any("70\u00a0%" in text for text in words(ax)) and "700" in caption(ax)
    speaks(plot_segments, SEGMENTS)


def test_lifecycle_as_one_bar_and_by_segment(ax):
    plot_lifecycle(STATES, ax=ax)
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(1)
    assert len({(bar.get_hatch(), bar.get_facecolor()) for bar in ax.patches}) == 2
    assert "Loyal" in words(plot_lifecycle(STATES.assign(segment="loyal"), ax=Figure().subplots()))
    speaks(plot_lifecycle, STATES)


def test_gaps_have_units_and_marks(ax):
    plot_gaps(GAPS, marks={"95 of 100": 2}, ax=ax)
    assert ax.get_xlabel() == "days from one order to the next" and ax.get_ylim()[0] == 0
    assert "95 of 100" in words(ax) and len(ax.lines) == 1
    speaks(plot_gaps, GAPS)


def test_concentration_starts_at_zero_and_leaves_small_groups_blank(ax):
    assert plot_concentration(TOP, ax=ax) is ax
    assert [bar.get_width() for bar in ax.patches] == [0.36, 0.67] and ax.get_xlim() == (0, 1)
    assert any("fewer than\u00a010" in text for text in words(ax))
    assert "the best 5\u00a0%\n118\u00a0customers" in words(ax) and "the best 1\u00a0%" in words(ax)
    assert [0.33, 0.40] in [list(line.get_xdata()) for line in ax.lines] and "interval" in caption(ax)
    speaks(plot_concentration, TOP)


def test_frequency_shows_bars_and_a_mark_per_model(ax):
    plot_repeat_frequency(FREQUENCY, ax=ax)
    assert [bar.get_height() for bar in ax.patches] == [1411, 439, 0] and ax.get_ylim()[0] == 0
    assert [line.get_label() for line in ax.lines] == ["BG/NBD", "Pareto/NBD"]
    assert len({line.get_marker() for line in ax.lines}) == 2  # not by colour alone
    assert {"1,411", "439"} <= set(words(ax)) and any(text.startswith("fewer") for text in words(ax))
    assert "1,850" in caption(ax)
    speaks(plot_repeat_frequency, FREQUENCY)


def test_little_to_show_is_drawn_as_little(ax):
    plot_repeat_frequency(FREQUENCY[["n_repeat", "actual"]].iloc[2:], ax=ax)
    assert len(ax.get_xticklabels()) == len(FREQUENCY) - 2
    assert len(plot_concentration(TOP.iloc[:1], ax=Figure().subplots()).get_yticklabels()) == 1


def test_parts_of_lists_stand_side_by_side_from_zero_and_small_groups_are_blank(ax):
    plot_contact_lists(LISTS, ax=ax)
    bars = [bar for bar in ax.patches if bar.get_y() < 0 < bar.get_y() + bar.get_height()]  # of the first list
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(0, 361), (361, 90), (451, 469)]
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 3  # not by colour alone
    assert ax.get_xlim()[0] == 0 and ax.get_xlim()[1] > 1011
    assert {"920", "361", "469", "1,011", "fewer than\u00a010"} <= set(words(ax))
    assert not [bar for bar in ax.patches if 1.5 < bar.get_y() + bar.get_height() / 2 < 2.5]
    assert "striped: did not agree" in caption(ax)
    speaks(plot_contact_lists, LISTS)


def test_unknown_consent_is_said_and_other_languages_are_spoken(ax):
    plot_contact_lists(LISTS.assign(consent_known=False, n_may_not=0), language="uk", ax=ax)
    assert "striped" not in caption(ax) and "смуги" not in caption(ax)
    assert {"менш як\u00a010", "1\u00a0011"} <= set(words(ax))


def test_lists_do_not_touch_and_an_empty_month_can_be_drawn():
    ax = plot_contact_lists(LISTS)
    ax.figure.canvas.draw()
    boxes_apart(ax.get_yticklabels(), ax.figure)
    boxes_apart([t for t in ax.texts if t.get_weight() == "bold"], ax.figure)
    none = LISTS.assign(n_customers=0, n_to_write=0, n_held_out=0, n_may_not=0)
    assert figure_bytes(plot_contact_lists(none), alt="Nobody is on a list").startswith(b"\x89PNG")


def test_cut_offs_are_bars_from_zero_small_ones_without_a_figure(ax):
    plot_cut_offs(CUT_OFFS, ax=ax)
    assert rows(ax) == [
        "As set", "Share of customers that counts as the top: 15\u00a0%",
        "Share of own gaps a silence may outlast: 97.5\u00a0%", "Number of orders at least: 4", "without “Engaged”",
    ]  # fmt: skip
    assert texts(ax, "n") == ["40  ·  30\u00a0%", "30  ·  25\u00a0%", "50  ·  40\u00a0%", "fewer than\u00a010", "90"]
    bars = [(p.get_x(), p.get_width(), bool(p.get_hatch())) for p in ax.patches]
    assert bars[4:6] == [(0.0, 38.0, False), (38.0, 12.0, True)] and ax.get_xlim()[0] == 0
    speaks(plot_cut_offs, CUT_OFFS)
