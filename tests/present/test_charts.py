"""What all plots share: the project's look stays inside, money is no formula, the same drawing is the same bytes."""

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from custaudience.present import figure_bytes, plot_months, plot_segments, show, variable_names
from custaudience.present.style import ACCENTS

MONTHS = pd.DataFrame({"month": ["2017-11", "2017-12"], "revenue_per_trading_day": [120.0, 90.0]})
SEGMENTS = pd.DataFrame(
    {"segment": list(ACCENTS), "n_customers": 100, "share_of_customers": 0.25, "share_of_revenue": 0.25}
)


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

    show(ax, alt="Two bars")
    (data, more) = sent[0]
    assert data["text/plain"] == "Figure: Two bars" and more["metadata"]["image/png"]["alt"] == "Two bars"
    assert ax.figure.number not in pyplot.get_fignums()


def test_a_figure_without_alt_text_is_refused(ax):
    with pytest.raises(ValueError, match="say in a sentence what it shows"):
        show(ax, alt=" ")


def test_names_from_the_data_do_not_act():
    frame = pd.DataFrame({"name": ["{n:count}", "$x^2$ <b>"], "kind": ["category_share", "attribute"]})
    assert variable_names(frame).tolist() == ["Share of {n:count} in purchases", "$x^2$ <b> *"]
