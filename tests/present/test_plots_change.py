"""The plots of a change: each bar begins where the one before ended, and up and down differ without colour."""

import numpy as np
import pandas as pd
import pytest
from drawn import boxes_apart, caption, rows, speaks, texts
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from custaudience.present import figure_bytes, plot_bridge, plot_bridge_history
from custaudience.present.style import BLUE, INK

LONG = "A part with a name of forty five letters, or so"
BRIDGE = pd.DataFrame(
    [("total", "before", "", np.nan, 0.0, 1000.0, "2017-11-01", "2017-11-30"),
     ("customers", "new", LONG, 300.0, 1000.0, 1300.0, "", ""),
     ("customers", "absent", "Customers who stayed away", -450.0, 1300.0, 850.0, "", ""),
     ("staying", "orders", "Number of orders", 50.0, 850.0, 900.0, "", ""),
     ("staying", "mix", "Mix of products", 0.0, 900.0, 900.0, "", ""),
     ("total", "after", "", np.nan, 0.0, 900.0, "2017-12-01", "2017-12-31")],
    columns=["kind", "part", "name", "change", "start", "end", "first_day", "last_day"],
)  # fmt: skip
HISTORY = pd.DataFrame(
    {"month": ["2017-12", "2017-12", "2017-11", "2017-11", "2017-10", "2017-10"], "kind": ["customers", "staying"] * 3,
     "name": [LONG, "Number of orders"] * 3, "share": [0.3, -0.05, 0.2, 0.01, np.nan, 0.0],
     "is_this": [True, True, False, False, False, False]}
)  # fmt: skip


def test_each_bar_begins_where_the_one_before_ended_and_totals_at_zero(ax):
    assert plot_bridge(BRIDGE, currency="USD", ax=ax) is ax
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert spans == [(0, 1000), (1000, 1300), (850, 1300), (850, 900), (900, 900), (0, 900)]
    assert ax.get_xlim()[0] == 0
    levels = [line.get_xdata()[0] for line in ax.lines if line.get_gid() == "level"]
    assert levels == [1000, 1300, 850, 900, 900]
    assert texts(ax)[:6] == ["$1,000", "+$300", "−$450", "+$50", "$0", "$900"]
    speaks(plot_bridge, BRIDGE)


def test_up_and_down_differ_without_colour(ax):
    plot_bridge(BRIDGE, currency="USD", ax=ax)
    total, up, down = ax.patches[:3]
    assert down.get_hatch() and not up.get_hatch() and not total.get_hatch()
    assert [tuple(bar.get_facecolor()) for bar in (up, total)] == [to_rgba(BLUE), to_rgba(INK)]
    assert "striped: less revenue" in caption(ax) and "“Number of orders” to “Mix of products”" in caption(ax)


def test_bridge_names_months_and_days(ax):
    plot_bridge(BRIDGE, currency="USD", ax=ax)
    assert rows(ax)[:2] == ["November 2017", LONG]
    cut = BRIDGE.assign(last_day=BRIDGE["last_day"].replace({"2017-12-31": "2017-12-15", "2017-11-30": "2017-11-15"}))
    part = plot_bridge(cut, ax=Figure().subplots(), language="uk")
    assert rows(part)[0].replace("\u202f", " ").startswith("1–15 лист") and texts(part)[0] == "1\u00a0000"


def test_a_bridge_below_zero_still_shows_it(ax):
    """More was refunded than sold: the total lies left of zero, and its amount stays in the figure."""
    table = BRIDGE.iloc[[0, 2, 5]].copy()
    table[["start", "end"]] = [[0.0, 200.0], [200.0, -250.0], [0.0, -250.0]]
    plot_bridge(table, currency="USD", ax=ax)
    assert ax.get_xlim()[0] == -250 and "−$250" in texts(ax)
    assert len(figure_bytes(ax, alt="x")) > 1000


@pytest.mark.parametrize("width", [5.2, 7.4])
@pytest.mark.parametrize("currency", ["USD", "UAH", "XXX"])
def test_amounts_stay_inside_the_figure_and_off_each_other(width, currency):
    figure = Figure(figsize=(width, 4), layout="constrained")
    big = BRIDGE.assign(**{name: BRIDGE[name] * 12345.0 for name in ("change", "start", "end")})
    ax = plot_bridge(big, currency=currency, ax=figure.subplots())
    figure.draw_without_rendering()
    boxes_apart([t for t in ax.texts if t.get_gid() != "caption"], figure)
    boxes_apart(ax.get_yticklabels(), figure)
    assert ax.title.get_window_extent().x1 <= figure.bbox.x1


def test_history_shows_this_change_among_the_earlier_ones(ax):
    plot_bridge_history(HISTORY, ax=ax)
    rings = [c.get_offsets() for c in ax.collections if not len(c.get_facecolor())]
    diamonds = [c.get_offsets() for c in ax.collections if len(c.get_facecolor())]
    assert [len(r) for r in rings] == [1, 2] and [d[0].tolist() for d in diamonds] == [[0.3, 0], [-0.05, 1]]
    assert texts(ax)[:2] == ["+30.0\u00a0%", "−5.0\u00a0%"] and rows(ax) == [LONG, "Number of orders"]
    assert "2 earlier pairs of months" in caption(ax) and "too small to show" in caption(ax)
    speaks(plot_bridge_history, HISTORY)


def test_history_of_one_change_alone(ax):
    plot_bridge_history(HISTORY[HISTORY["is_this"]], ax=ax)
    assert "0 earlier pairs" in caption(ax) and "too small" not in caption(ax)
