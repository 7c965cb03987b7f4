"""Models of purchases, spend and retention: likelihoods, limits, units, hard inputs."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import beta as beta_function
from scipy.special import betaincinv, gammaln, hyp2f1
from scipy.stats import gamma

from custaudience.customers.clv.fitting import distinct_rows
from custaudience.customers.clv.formulas import ShiftedBetaGeometric
from custaudience.customers.clv.purchases import BgNbd, GammaGamma, ParetoNbd, gamma_gamma_objective, left_integral
from custaudience.customers.clv.repeat import purchase_rows
from custaudience.errors import ColumnError, DataError, EmptyTableError, HistoryError

MODELS = [BgNbd, ParetoNbd]


@pytest.fixture(scope="module")
def summary():
    """Return 3,000 customers in whole days who leave after purchases; spend unrelated."""
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(3000):
        rate, leaves, tenure = rng.gamma(0.6, 0.02), rng.beta(0.8, 2.5), int(rng.integers(150, 400))
        days, now = set(), 0.0
        while (now := now + rng.exponential(1 / max(rate, 1e-12))) <= tenure:
            days |= {int(now)} - {0}
            if rng.random() < leaves:
                break
        mean = rng.gamma(5 * max(len(days), 1)) / rng.gamma(4, 1 / 20) / max(len(days), 1)
        rows.append((len(days), max(days, default=0), tenure, mean if days else np.nan))
    frame = pd.DataFrame(rows, columns=["n_repeat", "first_to_last", "tenure", "mean_repeat_value"])
    frame.attrs["time_unit"] = "D"
    return frame


def test_distinct_rows_are_the_rows():
    rng = np.random.default_rng(0)
    columns = (rng.integers(0, 3, 500), rng.integers(0, 4, 500) / 7, rng.random(500).round(1))
    for given in (columns, (*columns, rng.random(500))):  # by a table, and by hashing
        distinct, weights, index = distinct_rows(*given)
        assert weights.sum() == 500 and len(np.unique(np.column_stack(distinct), axis=0)) == len(weights)
        for column, one in zip(given, distinct, strict=True):
            np.testing.assert_array_equal(one[index], column)


@pytest.mark.parametrize("params", [(0.3, 5.0, 0.7, 2.0), (2.0, 0.4, 1.6, 0.9), (0.8, 60.0, 3.0, 8.0)])
@pytest.mark.parametrize("model", [*MODELS, GammaGamma])
def test_gradients_are_those_of_the_likelihood(summary, model, params):
    if model is GammaGamma:
        used = summary[summary["n_repeat"] > 0]
        rows, weights, _ = distinct_rows(used["n_repeat"].to_numpy(float), used["mean_repeat_value"].to_numpy())
        objective, theta = gamma_gamma_objective(rows, weights), np.log(params[:3])
    else:
        rows, weights, _ = distinct_rows(*purchase_rows(summary))
        objective, theta = model()._objective(rows, weights), np.log(params)
    steps = np.eye(len(theta)) * 1e-5
    numeric = [(objective(theta + s)[0] - objective(theta - s)[0]) / 2e-5 for s in steps]
    np.testing.assert_allclose(objective(theta)[1], numeric, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("x, last, tenure", [(0, 0.0, 10.0), (1, 0.5, 10.0), (3, 9.9, 10.0), (40, 5.0, 9.0)])
def test_bgnbd_likelihood_by_integration(x, last, tenure):
    """A mean over customers of lambda^x e^(-lambda T) (1-p)^x + p (1-p)^(x-1) lambda^x e^(-lambda t)."""
    r, alpha, a, b = 0.7, 4.0, 0.8, 2.5
    rate = lambda t: np.exp(gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + t))  # noqa: E731
    value = rate(tenure) * beta_function(a, b + x) / beta_function(a, b)
    if x:
        value += rate(last) * beta_function(a + 1, b + x - 1) / beta_function(a, b)
    one = (np.array([float(x)]), np.array([last]), np.array([tenure]))
    got = BgNbd()._objective(one, np.ones(1))(np.log([r, alpha, a, b]))[0]
    assert got == pytest.approx(-np.log(value), rel=1e-12)


@pytest.mark.parametrize("alpha, beta", [(10.0, 3.0), (3.0, 10.0), (5.0, 5.0), (5.0, 5.0 + 1e-9), (0.2, 40.0)])
@pytest.mark.parametrize("x, last, tenure", [(0, 0.0, 30.0), (2, 29.0, 30.0), (7, 3.0, 30.0), (60, 25.0, 26.0)])
def test_pareto_integral_is_the_papers_hypergeometric_functions(alpha, beta, x, last, tenure):
    """Fader and Hardie's form of the likelihood, both branches."""
    r, s = 0.55, 0.6
    c, m = r + s + x, max(alpha, beta)
    second = s + 1 if alpha >= beta else r + x
    part = lambda t: hyp2f1(c, second, c + 1, abs(alpha - beta) / (m + t)) / (m + t) ** c  # noqa: E731
    expected = np.log((part(last) - part(tenure)) / c)
    given = (np.array([float(x)]), np.array([last]), np.array([tenure]))
    assert left_integral(np.array([r, alpha, s, beta]), *given)[0][0] == pytest.approx(expected, rel=1e-8)


def test_pareto_holds_where_powers_overflow():
    rows = tuple(np.array([v]) for v in (2000.0, 364.0, 365.0))
    r, alpha, s, beta = params = np.array([0.5, 10.0, 0.6, 12.0])
    log_f = lambda y: -(r + 2000) * np.log(alpha + y) - s * np.log(beta + y)  # noqa: E731
    for last in (364.0, 360.0):  # days of silence of somebody who buys five times a day
        odds = quad(lambda y: s / (beta + y) * np.exp(log_f(y) - log_f(365.0)), last, 365)[0]
        got = ParetoNbd.alive(params, rows[0], np.array([last]), rows[2])[0]
        assert got == pytest.approx(1 / (1 + odds), rel=1e-8)


@pytest.mark.parametrize("a, b", [(0.8, 2.4), (1.0, 2.0), (0.4, 0.6), (3.0, 0.5)])
@pytest.mark.parametrize("x, tenure, ahead", [(0, 0.0, 5.0), (0, 40.0, 39.0), (3, 20.0, 500.0), (400, 50.0, 1.0)])
def test_bgnbd_expectation_by_integration(a, b, x, tenure, ahead):
    """Alive now, (1 - e^(-lambda p t)) / p purchases are expected: mean over lambda and p. a = 1 is no hole."""
    r, alpha = 0.6, 5.0
    base = alpha + tenure

    def at_quantile(u):  # of p, so that no peak of its density is missed
        p = max(betaincinv(a, b + x, u), 1e-300)
        return -np.expm1(-(r + x) * np.log1p(p * ahead / base)) / p

    expected = quad(at_quantile, 0, 1, limit=400)[0]
    got = BgNbd.if_alive(np.array([r, alpha, a, b]), np.array([float(x)]), np.array([tenure]), np.array([ahead]))[0, 0]
    assert got == pytest.approx(expected, rel=1e-4)


def test_pareto_expectation_at_s_of_one():
    one = np.ones(1)
    near = [ParetoNbd.if_alive(np.array([0.6, 5, s, 8.0]), one, one, np.array([9.0])) for s in (1, 1 + 1e-9)]
    np.testing.assert_allclose(near[0], near[1], rtol=1e-7)


def test_pareto_discounted_purchases_by_integration(summary):
    model = ParetoNbd().fit(summary)
    r, alpha, s, beta = model.params_
    got = model.discounted_future_purchases(summary.iloc[:5], 0.001)
    tenure = summary["tenure"].to_numpy(float)[:5]
    for i, alive in enumerate(model.probability_alive(summary.iloc[:5])):
        life = beta + tenure[i]
        forever = quad(lambda t, life=life: np.exp(-0.001 * t) * (life / (life + t)) ** s, 0, np.inf)[0]
        rate = (r + summary["n_repeat"][i]) / (alpha + tenure[i])
        assert got[i] == pytest.approx(alive * rate * forever, rel=1e-5)
    with pytest.raises(ValueError, match="rate"):
        model.discounted_future_purchases(summary, 0)


@pytest.mark.parametrize("model", MODELS)
def test_days_to_weeks_only_rescales(summary, model):
    weeks = summary.assign(first_to_last=summary["first_to_last"] / 7, tenure=summary["tenure"] / 7)
    weeks.attrs["time_unit"] = "W"
    days_fit, weeks_fit = model().fit(summary), model().fit(weeks)
    factor = [7.0 if name in ("alpha", "beta") else 1.0 for name in model.names]
    np.testing.assert_allclose(days_fit.params_, weeks_fit.params_ * factor, rtol=1e-7)
    np.testing.assert_allclose(days_fit.standard_errors_, weeks_fit.standard_errors_ * factor, rtol=1e-5)
    np.testing.assert_allclose(days_fit.probability_alive(summary), weeks_fit.probability_alive(weeks), rtol=1e-6)
    by_day, by_week = days_fit.expected_future_purchases(summary, 70), weeks_fit.expected_future_purchases(weeks, 10)
    np.testing.assert_allclose(by_day, by_week, rtol=1e-6)
    with pytest.raises(DataError, match="its time unit is 'W', the model was fitted in 'D'"):
        days_fit.probability_alive(weeks)


@pytest.mark.parametrize("model", MODELS)
def test_rows_repeated_or_shuffled_change_nothing(summary, model):
    fitted = model().fit(summary)
    twice = model().fit(pd.concat([summary, summary]).sample(frac=1, random_state=0), time_unit="D")
    np.testing.assert_allclose(twice.params_, fitted.params_, rtol=1e-6)
    np.testing.assert_allclose(twice.standard_errors_, fitted.standard_errors_ / np.sqrt(2), rtol=1e-4)
    assert fitted.estimate_.starts_agreeing >= 2 and fitted.estimate_.positive_definite


@pytest.mark.parametrize("model", MODELS)
def test_what_is_predicted_makes_sense(summary, model):
    fitted = model().fit(summary)
    alive = fitted.probability_alive(summary)
    soon, later = (fitted.expected_future_purchases(summary, time) for time in (30, 60))
    assert (alive >= 0).all() and (alive <= 1).all() and (soon >= 0).all()
    assert (later > soon).all() and (later < 2 * soon).all()
    assert fitted.expected_purchases(np.array([0.0, 100.0]))[0] == 0
    assert fitted.expected_purchases(100.0) > 0


def test_without_a_repeat_the_probability_alive_is_one_and_it_is_said(summary):
    fitted, once = BgNbd().fit(summary), summary[summary["n_repeat"] == 0]
    assert (fitted.probability_alive(once) == 1).all()
    assert f"{len(once):,} of 3,000" in fitted.notes_[0] and "by construction" in fitted.notes_[0]
    assert "by construction" in BgNbd.probability_alive.__doc__
    assert (ParetoNbd().fit(summary).probability_alive(once) < 1).all()


@pytest.mark.parametrize("model", MODELS)
def test_customers_who_never_leave_are_noticed(model):
    rng = np.random.default_rng(8)
    tenure = rng.uniform(20, 60, 800)
    x = rng.poisson(rng.gamma(1.0, 0.1, 800) * tenure)
    last = np.where(x > 0, tenure * rng.random(800) ** (1 / np.maximum(x, 1)), 0.0)
    fitted = model().fit(pd.DataFrame({"n_repeat": x, "first_to_last": last, "tenure": tenure}), time_unit="W")
    assert not fitted.dropout_identified_
    assert any("Drop-out is not identified" in note for note in fitted.notes_)
    assert fitted.expected_purchases(40.0) == pytest.approx(x.sum() / tenure.sum() * 40, rel=0.15)
    varying = np.diag(fitted.for_intervals_.log_covariance)
    assert (varying[:2] > 0).all() and (varying[2:] == 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_equal_customers_are_told_apart_by_nothing(model):
    same = pd.DataFrame({"n_repeat": [4] * 50, "first_to_last": 30.0, "tenure": 40.0})
    fitted = model().fit(same, time_unit="W")
    assert any(note.startswith("Not identified by these data") for note in fitted.notes_)
    assert np.isnan(fitted.standard_errors_).any()
    assert np.isfinite(fitted.expected_future_purchases(same, 10)).all()


def test_a_short_history_is_said(summary):
    short = summary.assign(tenure=np.maximum(summary["first_to_last"], 30.0))
    assert any(note.startswith("Short history") for note in BgNbd().fit(short).notes_)


@pytest.mark.parametrize("model", MODELS)
def test_refusals_offer_the_simpler_way(summary, model):
    once = summary.assign(n_repeat=0, first_to_last=0.0)
    for given, error, match in (
        (once, HistoryError, "average_revenue_per_buyer"),
        (once.iloc[:1], HistoryError, "0 of 1 customers"),
        (summary.iloc[:0], EmptyTableError, "no customer"),
        (summary.drop(columns="tenure"), ColumnError, "tenure"),
        (summary.assign(tenure=-1.0), DataError, "longer than tenure"),
        (summary.assign(n_repeat=1.5), DataError, "not whole"),
        (summary.assign(n_repeat=1, first_to_last=0.0), DataError, "do not agree"),
        (summary.assign(tenure=np.nan), DataError, "longer than tenure"),
    ):
        with pytest.raises(error, match=match):
            model().fit(given)
    with pytest.raises(ValueError, match="time_unit"):
        model().fit(summary, time_unit="fortnight")


def test_gamma_gamma_likelihood_by_integration():
    """The mean of x gamma values given nu is gamma(px, 1/(nu x)); nu is gamma(q, 1/v)."""
    p, q, v, x, z = 3.0, 2.5, 20.0, 4, 31.0
    density = quad(lambda nu: gamma.pdf(z, p * x, scale=1 / (nu * x)) * gamma.pdf(nu, q, scale=1 / v), 0, np.inf)[0]
    got = gamma_gamma_objective((np.array([float(x)]), np.array([z])), np.ones(1))(np.log([p, q, v]))[0]
    assert got == pytest.approx(-np.log(density), rel=1e-6)


def test_gamma_gamma_in_cents_or_dollars(summary):
    hundred = summary.assign(mean_repeat_value=summary["mean_repeat_value"] * 100)
    dollars, cents = GammaGamma().fit(summary), GammaGamma().fit(hundred)
    np.testing.assert_allclose(cents.params_, dollars.params_ * [1, 1, 100], rtol=1e-6)
    np.testing.assert_allclose(cents.expected_spend(hundred), dollars.expected_spend(summary) * 100, rtol=1e-6)
    once = (summary["n_repeat"] == 0).to_numpy()
    assert (dollars.expected_spend(summary)[once] == dollars.population_mean_).all()


def test_gamma_gamma_shrinks_towards_the_mean_of_all(summary):
    fitted = GammaGamma().fit(summary)
    rich = pd.DataFrame({"n_repeat": [1, 5, 500], "mean_repeat_value": 3 * fitted.population_mean_})
    low, middle, high = fitted.expected_spend(rich)
    assert fitted.population_mean_ < low < middle < high < 3 * fitted.population_mean_ * 1.001


def test_zero_spend_repeat_buyers_leave_with_a_count(summary):
    zero = summary.copy()
    repeaters = np.flatnonzero(zero["n_repeat"])[:7]
    zero.loc[repeaters, "mean_repeat_value"] = 0.0
    fitted = GammaGamma().fit(zero)
    assert fitted.n_zero_spend_ == 7 and "7 repeat customers" in fitted.notes_[0]
    assert fitted.n_customers_ == (summary["n_repeat"] > 0).sum() - 7
    assert np.isfinite(fitted.expected_spend(zero)).all()


def test_related_spend_and_frequency_are_said_in_words(summary):
    related = summary.assign(mean_repeat_value=lambda t: t["mean_repeat_value"] * (1 + t["n_repeat"]))
    fitted = GammaGamma().fit(related)
    assert fitted.correlation_ > 0.1
    assert "frequent buyers tend to come out too low" in fitted.notes_[0]
    assert not any("related" in note for note in GammaGamma().fit(summary).notes_)


def test_spend_without_a_mean_is_refused():
    rng = np.random.default_rng(4)
    wild = pd.DataFrame({"n_repeat": 3, "mean_repeat_value": rng.gamma(3, 1, 2000) / rng.gamma(0.6, 1, 2000)})
    with pytest.raises(HistoryError, match=r"q = 0\.\d+ is not above 1"):
        GammaGamma().fit(wild)


def test_gamma_gamma_refusals(summary):
    with pytest.raises(HistoryError, match="0 repeat customers"):
        GammaGamma().fit(summary.assign(n_repeat=0))
    with pytest.raises(DataError, match="missing or negative"):
        GammaGamma().fit(summary.assign(mean_repeat_value=-1.0))
    with pytest.raises(ColumnError, match="mean_repeat_value"):
        GammaGamma().fit(summary.drop(columns="mean_repeat_value"))
    equal = GammaGamma().fit(pd.DataFrame({"n_repeat": [3] * 40, "mean_repeat_value": 10.0}))
    assert any("Not identified" in note for note in equal.notes_)
    assert equal.population_mean_ == pytest.approx(10.0, rel=1e-2)


def test_contracts_of_several_cohorts_watched_for_different_times():
    """Two halves of one cohort, one of them seen for two periods less, give nearly the same as the whole."""
    whole = np.array([1000, 631, 468, 382, 326, 289, 262, 241], dtype=float)
    half = whole / 2
    cut = np.append(half[:6], [np.nan, np.nan])
    both = ShiftedBetaGeometric().fit(np.stack([half, cut]))
    assert both.n_customers_ == 1000 and both.n_periods_ == 7
    np.testing.assert_allclose(both.params_, ShiftedBetaGeometric().fit(whole).params_, rtol=0.05)


def test_contract_value_is_the_sum_it_stands_for():
    fitted = ShiftedBetaGeometric().fit([1000, 631, 468, 382, 326, 289, 262, 241])
    for age in (0, 3):
        ages = np.arange(age + 1, 2000)
        by_sum = (fitted.survival(ages) / fitted.survival(age) / 1.1 ** (ages - age)).sum()
        assert fitted.expected_discounted_renewals(discount_rate=0.1, age=age) == pytest.approx(by_sum, rel=1e-9)
    rates = fitted.retention_rate(np.arange(1, 8))
    assert (np.diff(rates) > 0).all()
    np.testing.assert_allclose(np.cumprod(rates), fitted.survival(np.arange(1, 8)))


def test_contract_refusals():
    with pytest.raises(HistoryError, match="nobody has left"):
        ShiftedBetaGeometric().fit([10, 10, 10])
    for wrong in ([10, 11], [10, np.nan, 8], [np.nan, 5], [10, -1]):
        with pytest.raises(DataError, match="survivors"):
            ShiftedBetaGeometric().fit(wrong)
    assert "alpha" in ShiftedBetaGeometric().fit([100, 60]).notes_[0]
    with pytest.raises(ValueError, match="discount_rate"):
        ShiftedBetaGeometric().fit([1000, 631, 468, 382]).expected_discounted_renewals(discount_rate=0)
