"""The plot of lists to write to: parts that add up, small ones left out, words in the reader's language."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure

from custaudience.present import figure_bytes, plot_contact_lists

LONG = "мовчать довше, ніж звичайно, і ще не вдвічі д"  # 45 letters


def lists(**columns: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "name": ["silent longer than usual", LONG, "buying at a steady pace", "all lists"],
            "n_customers": [920, 116, None, 1011],
            "n_to_write": [361, 57, None, 406],
            "n_held_out": [90, None, None, 101],
            "n_may_not": [469, 53, None, 504],
            "consent_known": True,
        }
    ).astype(dict.fromkeys(["n_customers", "n_to_write", "n_held_out", "n_may_not"], "Int64"))
    return frame.assign(**columns)


@pytest.fixture
def ax():
    return Figure(figsize=(6.4, 4), layout="constrained").subplots()


def words(ax):
    return [t.get_text() for t in (*ax.texts, *ax.get_yticklabels())]


def test_parts_stand_side_by_side_from_zero(ax):
    assert plot_contact_lists(lists(), ax=ax) is ax
    bars = [bar for bar in ax.patches if bar.get_y() < 0 < bar.get_y() + bar.get_height()]  # of the first list
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(0, 361), (361, 90), (451, 469)]
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 3  # not by colour alone
    assert ax.get_xlim()[0] == 0 and ax.get_xlim()[1] > 1011
    assert {"920", "361", "469", "1,011"} <= set(words(ax))


def test_small_groups_have_no_figure(ax):
    plot_contact_lists(lists(), ax=ax)
    assert "fewer than\u00a010" in words(ax)
    assert not [bar for bar in ax.patches if 1.5 < bar.get_y() + bar.get_height() / 2 < 2.5]
    caption = next(t.get_text() for t in ax.texts if t.get_gid() == "caption")
    assert "striped: did not agree" in caption


def test_unknown_consent_is_said_and_other_languages_are_spoken(ax):
    plot_contact_lists(lists(consent_known=False, n_may_not=0), language="uk", ax=ax)
    caption = next(t.get_text() for t in ax.texts if t.get_gid() == "caption")
    assert "striped" not in caption and "смуги" not in caption
    assert "менш як\u00a010" in words(ax) and "1\u00a0011" in words(ax)


def test_nothing_touches_and_an_empty_month_can_be_drawn():
    drawn = plot_contact_lists(lists())
    figure = drawn.figure
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in drawn.get_yticklabels()]
    assert all(not a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert min(box.x0 for box in boxes) >= 0
    totals = [t.get_window_extent() for t in drawn.texts if t.get_weight() == "bold"]
    assert max(box.x1 for box in totals) <= figure.bbox.x1
    none = lists(n_customers=0, n_to_write=0, n_held_out=0, n_may_not=0)
    assert figure_bytes(plot_contact_lists(none), alt="Nobody is on a list").startswith(b"\x89PNG")
