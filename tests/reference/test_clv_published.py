"""Published figures of the models of customer value (METHODS 21: G02, G03, G05, G06, G08), from data in the repo.

The published estimates of CDNOW rest on times rounded to 0.01 week and, for spend, on means rounded to cents; the
raw days and cents give the same to the digits that were printed.
"""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from custaudience.customers.clv.formulas import ShiftedBetaGeometric, margin_clv
from custaudience.customers.clv.predicting import check_hold_out
from custaudience.customers.clv.purchases import BgNbd, GammaGamma, ParetoNbd
from custaudience.customers.clv.repeat import Counting, summarise_repeat_purchases
from custaudience.evidence import Terms
from custaudience.study import open_study, orders_of

CDNOW = Path(__file__).resolve().parents[2] / "data" / "cdnow"
AS_OF, UNTIL = dt.date(1998, 6, 30), dt.date(1997, 9, 30)
COUNTING = Counting(count_free_orders=True, calibrated_until=UNTIL)


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return orders_of(open_study(CDNOW).table("transactions"), as_of=AS_OF)


@pytest.fixture(scope="module")
def summary(orders):
    return summarise_repeat_purchases(orders, Terms(AS_OF), COUNTING)


@pytest.fixture(scope="module")
def bgnbd(summary):
    return BgNbd().fit(summary)


@pytest.fixture(scope="module")
def pareto(summary):
    return ParetoNbd().fit(summary)


def one(n_repeat, first_to_last, tenure):
    return pd.DataFrame({"n_repeat": [n_repeat], "first_to_last": [first_to_last], "tenure": [tenure]})


@pytest.mark.parametrize(
    ("retention", "multiples"),
    [(0.6, (1.20, 1.15, 1.11, 1.07)), (0.7, (1.75, 1.67, 1.59, 1.52)), (0.8, (2.67, 2.50, 2.35, 2.22)),
     (0.9, (4.50, 4.09, 3.75, 3.46))]
)  # fmt: skip
def test_g02_margin_multiples(retention, multiples):
    """Gupta and Lehmann (2003), Journal of Interactive Marketing 17(1), table of margin multiples."""
    got = [margin_clv(1, retention, rate).value for rate in (0.10, 0.12, 0.14, 0.16)]
    assert got == pytest.approx(multiples, abs=0.0051)


def test_g03_bgnbd(summary, bgnbd):
    """Fader, Hardie and Lee (2005), Marketing Science 24(2), table 2: CDNOW, 2,357 customers, 39 weeks."""
    assert len(summary) == 2357 and (summary["n_repeat"] > 0).sum() == 946
    assert bgnbd.params_.to_numpy() == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=5e-4)
    assert bgnbd.log_likelihood_ == pytest.approx(-9582.4, abs=0.05)


def test_g03_bgnbd_on_rounded_times(summary):
    """To five digits, as other programs find them on the authors' own spreadsheet: times to 0.01 week."""
    fitted = BgNbd().fit(
        summary.assign(first_to_last=summary["first_to_last"].round(2), tenure=summary["tenure"].round(2))
    )
    assert fitted.params_.to_numpy() == pytest.approx([0.24259, 4.41353, 0.79289, 2.42575], abs=6e-6)
    assert fitted.log_likelihood_ == pytest.approx(-9582.4256, abs=1e-4)


def test_g03_expectations(bgnbd):
    """The authors' spreadsheet (x = 2, t = 30.43, T = 38.86); BTYD vignette, customer 1516 (26, 30.86, 31)."""
    assert bgnbd.expected_future_purchases(one(2, 30.43, 38.86), 39)[0] == pytest.approx(1.226, abs=0.002)
    assert bgnbd.expected_future_purchases(one(26, 30.86, 31.0), 52)[0] == pytest.approx(25.76, abs=0.03)
    assert bgnbd.probability_alive(one(26, 30.86, 31.0))[0] == pytest.approx(0.9688, abs=5e-4)
    assert bgnbd.expected_purchases(52.0) == pytest.approx(1.444, abs=0.002)


def test_pareto_nbd(pareto):
    """The same paper, table 2, and the BTYD vignette: customer 1516 is expected to buy 25.46 times in a year."""
    assert pareto.params_.to_numpy() == pytest.approx([0.553, 10.58, 0.606, 11.67], abs=6e-3)
    assert pareto.log_likelihood_ == pytest.approx(-9595.0, abs=0.05)
    assert pareto.expected_future_purchases(one(26, 30.86, 31.0), 52)[0] == pytest.approx(25.46, abs=0.02)


def test_g05_nbd(bgnbd):
    """The same paper, table 2: nobody leaves."""
    assert bgnbd.no_dropout_.values == pytest.approx([0.385, 12.072], abs=5e-4)
    assert bgnbd.no_dropout_.log_likelihood == pytest.approx(-9763.7, abs=0.05)
    assert bgnbd.dropout_identified_


def test_g06_gamma_gamma(summary):
    """Fader and Hardie (2013), brucehardie.com/notes/025: 946 repeat customers."""
    fitted = GammaGamma().fit(summary)
    assert fitted.n_customers_ == 946 and fitted.n_zero_spend_ == 0
    assert fitted.params_.to_numpy() == pytest.approx([6.25, 3.74, 15.44], abs=6e-3)
    assert fitted.log_likelihood_ == pytest.approx(-4055.9177, abs=1e-4)
    assert fitted.population_mean_ == pytest.approx(35.17, abs=0.03)
    assert fitted.expected_spend(summary)[0] == pytest.approx(24.66, abs=0.02)  # customer 1: 2 repeats of 22.35
    assert fitted.correlation_ == pytest.approx(0.11, abs=0.005)  # Fader, Hardie and Lee (2005), JMR 42(4)


def test_g06_gamma_gamma_on_rounded_means(summary):
    """As other programs find it on the authors' table, means to the cent (half cents upwards)."""
    cents = np.floor(summary["mean_repeat_value"] * 100 + 0.5 + 1e-6) / 100
    fitted = GammaGamma().fit(summary.assign(mean_repeat_value=cents))
    assert fitted.params_.to_numpy() == pytest.approx([6.2488, 3.7446, 15.4477], abs=1e-4)


def test_g08_shifted_beta_geometric():
    """Fader and Hardie (2007), Journal of Interactive Marketing 21(1), "Regular" customers, years 0 to 7 of 12."""
    fitted = ShiftedBetaGeometric().fit([1000, 631, 468, 382, 326, 289, 262, 241])
    assert fitted.params_.to_numpy() == pytest.approx([0.704, 1.182], abs=6e-4)
    assert fitted.log_likelihood_ == pytest.approx(-1680.3, abs=0.05)
    assert fitted.survival(12) == pytest.approx(0.1700, abs=5e-4)


def test_the_next_39_weeks(orders, bgnbd, pareto):
    """What the models say of week 78, the first time they see neither; counted from the raw file: 6,696 days."""
    for model, error in ((bgnbd, -0.041), (pareto, -0.016)):
        found = check_hold_out(model, orders, Terms(AS_OF), COUNTING, n_draws=0)
        end = found.tracking.iloc[-1]
        assert end["actual_cumulative"] == 6696 - 2357 and len(found.tracking) == 78
        assert end["expected_cumulative"] / end["actual_cumulative"] - 1 == pytest.approx(error, abs=0.0015)
        assert found.actual == 1882
