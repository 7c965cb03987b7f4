"""Coloured cells: figures that stand out on them, signs that need no colour, blanks where nothing is known."""

import numpy as np
import pandas as pd
import pytest
from drawn import boxes_apart, caption, rows, speaks, texts, words
from matplotlib.figure import Figure

from custaudience.present import figure_bytes, plot_group_count, plot_profiles, plot_retention, plot_rfm_grid

GRID = pd.DataFrame({"r_score": [1, 1, 2], "f_score": [1, 2, 2], "n_customers": pd.array([5000, None, 12], "Int64")})
RETENTION = pd.DataFrame(
    [("2017-01", 0, 50, 1.0), ("2017-01", 1, 50, 0.4), ("2017-02", 0, 60, 1.0), ("2017-02", 1, 60, np.nan)],
    columns=["cohort", "age", "n_customers", "share"],
)
COUNT = pd.DataFrame(
    [(2, False, True, 0.98, 0.0, 0.19, 0.0, 0.43, True), (3, True, True, 0.97, 0.0, 0.15, 0.0, 0.56, True),
     (4, False, False, 0.5, 0.01, np.nan, 1.0, np.nan, False)],
    columns=["k", "chosen", "large_enough", "prediction_strength", "strength_se", "between", "p_value", "silhouette",
             "eligible"],
)  # fmt: skip


def profiles(groups=("A", "B", "C"), name="Будівельні матеріали"):
    statuses = ("measured", "measured", "too_few")
    table = [
        (g, name, "share", 1, "", "mean", 0.7 - 0.3 * i, 0.9 - 0.8 * i, statuses[i % 3]) for i, g in enumerate(groups)
    ]
    for g in groups:
        table.append((g, "Revenue per order", "currency", 2, "", "median", 1234.5, 0.01, "no_clear_difference"))
        table.append((g, "Age", "", pd.NA, "", "mean", 40.0, 0.0, "no_clear_difference"))
    columns = ["group", "name", "unit", "place", "category", "statistic", "value", "effect", "status"]
    return pd.DataFrame(table, columns=columns).astype({"place": "Int64"}).assign(above=np.nan)


def test_the_grid_shows_counts_and_small_groups_and_writes_legibly(ax):
    plot_rfm_grid(GRID, ax=ax)
    assert {"5,000", "12", "0"} <= set(words(ax)) and any(text.startswith("fewer") for text in words(ax))
    assert len({t.get_color() for t in ax.texts if t.get_text() in ("5,000", "12")}) == 2
    speaks(plot_rfm_grid, GRID)


def test_retention_leaves_the_unobserved_blank(ax):
    plot_retention(RETENTION, ax=ax)
    shown = ax.images[0].get_array()
    assert np.isnan(np.ma.filled(shown.astype(float), np.nan)[1, 1])
    assert {"100", "40"} <= set(words(ax)) and "110" in caption(ax)
    speaks(plot_retention, RETENTION)


def test_the_number_of_groups_ticks_what_is_met_and_frames_the_choice(ax):
    assert plot_group_count(COUNT, ax=ax) is ax
    assert {"✓ 98\u00a0%", "✓ 15", "✗ 50\u00a0%", "✗ > 999", "✓ yes", "✗ no", "0.56", "–"} <= set(texts(ax))
    (frame,) = (p for p in ax.patches if not p.get_fill())
    assert (frame.get_x(), frame.get_width()) == (0.5, 1) and "framed" in caption(ax)
    ticks = ax.get_xticklabels()
    assert [t.get_text() for t in ticks] == ["2", "3", "4"] and ticks[1].get_fontweight() == "bold"
    speaks(plot_group_count, COUNT)


def test_no_groups_is_said(ax):
    plot_group_count(COUNT.assign(chosen=False, prediction_strength=0.2), ax=ax)
    assert all(p.get_fill() for p in ax.patches) and "no groups" in caption(ax)


def test_profiles_say_more_and_less_by_arrows_and_nothing_of_few(ax):
    assert plot_profiles(profiles(), names={"A": "A · Tiles"}, currency="EUR", ax=ax) is ax
    said = texts(ax)
    assert "▲ 70\u00a0%" in said and "▲ 40\u00a0%" in said and "–" in said
    assert any("1,23" in text and text.endswith("†") and "▲" not in text for text in said)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["A · Tiles", "B", "C"]
    assert rows(ax) == ["Будівельні матеріали", "Revenue per order"]
    dark, none = ax.patches[0].get_facecolor(), ax.patches[3].get_facecolor()
    assert dark[0] < 0.6 and none[:3] == (1.0, 1.0, 1.0)
    speaks(plot_profiles, profiles())


def test_less_points_down_and_levels_are_named(ax):
    table = profiles().assign(effect=-0.5, category="Київ", statistic="share", status="measured", value=0.25)
    plot_profiles(table, ax=ax)
    assert sum(text == "▼ 25\u00a0%" for text in texts(ax)) == 6 and rows(ax)[0] == "Будівельні матеріали: Київ"
    plot_profiles(profiles().assign(statistic="share above", above=0.0), ax=Figure().subplots())


@pytest.mark.parametrize("n", [1, 3, 9])
def test_long_names_do_not_touch(n):
    long = {f"g{i}": f"group number {i} with a name of forty-five signs" for i in range(n)}
    table = profiles(tuple(long), name="A product category whose name has forty-five")
    ax = plot_profiles(table, names=long, currency="UAH")
    ax.figure.canvas.draw()
    boxes_apart(ax.get_xticklabels(), ax.figure)
    boxes_apart(ax.get_yticklabels(), ax.figure)
    assert len(figure_bytes(ax, alt="what sets each group apart")) > 1000


def test_nothing_to_show_is_said(ax):
    plot_profiles(profiles().assign(place=pd.NA).astype({"place": "Int64"}), ax=ax)
    assert "No clear difference in anything." in texts(ax)
