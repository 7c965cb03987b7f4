"""The figures of groups: what they draw, and that a reader without colour sees the same."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from custaudience.present import figure_bytes, plot_group_count, plot_profiles

COUNT = pd.DataFrame(
    {
        "k": [2, 3, 4],
        "chosen": [False, True, False],
        "large_enough": [True, True, False],
        "prediction_strength": [0.98, 0.97, 0.5],
        "strength_se": [0.0, 0.0, 0.01],
        "between": [0.19, 0.15, np.nan],
        "p_value": [0.0, 0.0, 1.0],
        "silhouette": [0.43, 0.56, np.nan],
        "eligible": [True, True, False],
    }
)


def profiles(groups: tuple[str, ...] = ("A", "B", "C"), name: str = "Будівельні матеріали") -> pd.DataFrame:
    rows = [
        (g, name, "share", 1, "", "mean", 0.7 - 0.3 * i, 0.9 - 0.8 * i, ["measured", "measured", "too_few"][i % 3])
        for i, g in enumerate(groups)
    ]
    rows += [(g, "Revenue per order", "currency", 2, "", "median", 1234.5, 0.01, "no_clear_difference") for g in groups]
    rows += [(g, "Age", "", pd.NA, "", "mean", 40.0, 0.0, "no_clear_difference") for g in groups]
    columns = ["group", "name", "unit", "place", "category", "statistic", "value", "effect", "status"]
    return pd.DataFrame(rows, columns=columns).astype({"place": "Int64"}).assign(above=np.nan)


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(7, 4), layout="constrained").subplots()


def words(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.texts]


def caption(ax: Axes) -> str:
    return next(t.get_text() for t in ax.texts if t.get_gid() == "caption")


def test_the_number_of_groups_ticks_what_is_met_and_frames_the_choice(ax: Axes) -> None:
    assert plot_group_count(COUNT, ax=ax) is ax
    assert {"✓ 98\u00a0%", "✓ 15", "✗ 50\u00a0%", "✗ > 999", "✓ yes", "✗ no", "0.56", "–"} <= set(words(ax))
    framed = [p for p in ax.patches if not p.get_fill()]
    assert len(framed) == 1 and framed[0].get_x() == 0.5 and framed[0].get_width() == 1
    assert "framed" in caption(ax)
    ticks = ax.get_xticklabels()
    assert [t.get_text() for t in ticks] == ["2", "3", "4"] and ticks[1].get_fontweight() == "bold"


def test_no_groups_is_said(ax: Axes) -> None:
    plot_group_count(COUNT.assign(chosen=False, prediction_strength=0.2), ax=ax)
    assert all(p.get_fill() for p in ax.patches) and "no groups" in caption(ax)


def test_profiles_say_more_and_less_by_arrows_and_nothing_of_few(ax: Axes) -> None:
    assert plot_profiles(profiles(), names={"A": "A · Tiles"}, currency="EUR", ax=ax) is ax
    said = words(ax)
    assert "▲ 70\u00a0%" in said and "▲ 40\u00a0%" in said and "–" in said
    assert any("1,23" in text and text.endswith("†") and "▲" not in text for text in said)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["A · Tiles", "B", "C"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Будівельні матеріали", "Revenue per order"]
    dark, none = ax.patches[0].get_facecolor(), ax.patches[3].get_facecolor()
    assert dark[0] < 0.6 and none[:3] == (1.0, 1.0, 1.0)


def test_less_points_down_and_levels_are_named(ax: Axes) -> None:
    table = profiles().assign(effect=-0.5, category="Київ", statistic="share", status="measured", value=0.25)
    plot_profiles(table, ax=ax)
    assert sum(text == "▼ 25\u00a0%" for text in words(ax)) == 6
    assert ax.get_yticklabels()[0].get_text() == "Будівельні матеріали: Київ"
    above = profiles().assign(statistic="share above", above=0.0)
    plot_profiles(above, ax=Figure().subplots())


@pytest.mark.parametrize("n", [1, 3, 9])
def test_long_names_do_not_touch(n: int) -> None:
    names = {f"g{i}": f"group number {i} with a name of forty-five signs" for i in range(n)}
    table = profiles(tuple(names), name="A product category whose name has forty-five")
    drawn = plot_profiles(table, names=names, currency="UAH")
    figure = drawn.figure
    figure.canvas.draw()
    for labels in (drawn.get_xticklabels(), drawn.get_yticklabels()):
        boxes = [t.get_window_extent() for t in labels]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 + 1 for box in boxes)
    assert len(figure_bytes(drawn, alt="what sets each group apart")) > 1000


def test_nothing_to_show_is_said(ax: Axes) -> None:
    plot_profiles(profiles().assign(place=pd.NA).astype({"place": "Int64"}), ax=ax)
    assert "No clear difference in anything." in words(ax)


@pytest.mark.parametrize("language", ["en", "uk"])
def test_both_languages_draw(language: str) -> None:
    assert plot_group_count(COUNT, language=language).get_title("left")
    assert plot_profiles(profiles(), language=language).get_title("left")
