"""Expected value, its two intervals, and the check against a time held out."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from custaudience.customers.clv.formulas import Outlook
from custaudience.customers.clv.predicting import check_hold_out, predict_clv
from custaudience.customers.clv.purchases import BgNbd, GammaGamma, ParetoNbd
from custaudience.customers.clv.repeat import Counting, summarise_repeat_purchases
from custaudience.errors import DataError
from custaudience.evidence import Terms

AS_OF, UNTIL = dt.date(2024, 12, 31), dt.date(2024, 8, 31)
TERMS, HALVED = Terms(AS_OF, level=0.9), Counting(calibrated_until=UNTIL)


@pytest.fixture(scope="module")
def orders():
    """Return orders of 800 customers who come in the first half of the year and leave after purchases."""
    rng = np.random.default_rng(21)
    rows = []
    for customer in range(800):
        day, rate, leaves = float(rng.integers(0, 150)), rng.gamma(0.8, 0.04), rng.beta(0.8, 3.0)
        worth = 1 / rng.gamma(4, 1 / 2000)
        while day < 366:
            rows.append((f"{customer:04}", int(day), int(worth * rng.gamma(5)) + 1))
            if rng.random() < leaves:
                break
            day += 0.5 + rng.exponential(1 / max(rate, 1e-9))
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "revenue_minor"])
    frame["ordered_on"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame.pop("day"), unit="D")
    return frame.assign(refund_minor=0, is_order=True)


@pytest.fixture(scope="module")
def summary(orders):
    return summarise_repeat_purchases(orders, TERMS, HALVED)


@pytest.fixture(scope="module", params=[BgNbd, ParetoNbd])
def model(request, summary):
    return request.param().fit(summary)


@pytest.fixture(scope="module")
def spend(summary):
    return GammaGamma().fit(summary)


@pytest.fixture(scope="module")
def prediction(model, spend, summary):
    return predict_clv(model, spend, summary, Outlook(17.5, 0.15, 0.3, 600), TERMS)


def test_value_is_discounted_purchases_times_spend_times_margin(prediction, model, spend, summary):
    table = prediction.table
    np.testing.assert_allclose(table["expected_purchases"], model.expected_future_purchases(summary, 17.5))
    np.testing.assert_allclose(table["probability_alive"], model.probability_alive(summary))
    np.testing.assert_allclose(table["value"], 0.3 * table["discounted_purchases"] * spend.expected_spend(summary))
    assert table["customer_id"].tolist() == summary["customer_id"].tolist()


def test_each_period_is_discounted_once(model, summary):
    """Peers' defect D6: cumulative forecasts added up each period."""
    got = predict_clv(model, None, summary, Outlook(3, 0.5, n_draws=0), TERMS).table
    week = 1.5 ** (-7 / 365.25)
    steps = np.diff([model.expected_future_purchases(summary, t) for t in (0, 1, 2, 3)], axis=0)
    np.testing.assert_allclose(got["discounted_purchases"], steps.T @ week ** np.array([1, 2, 3]), rtol=1e-10)
    undiscounted = predict_clv(model, None, summary, Outlook(3, 0, n_draws=0), TERMS).table
    np.testing.assert_allclose(undiscounted["discounted_purchases"], undiscounted["expected_purchases"])
    assert got["value"].isna().all() and got["expected_spend"].isna().all()


def test_the_discount_is_a_year_s_whatever_the_unit(orders, spend):
    values = []
    for unit, horizon in (("D", 140), ("W", 20)):
        s = summarise_repeat_purchases(orders, TERMS, Counting(unit))
        found = predict_clv(BgNbd().fit(s), spend, s, Outlook(horizon, 0.3, n_draws=0), TERMS)
        values.append(found.totals.loc["value", "estimate"])
    assert values[0] == pytest.approx(values[1], rel=4e-3)


def test_two_intervals_with_names(prediction):
    table = prediction.table
    for name, column in (("purchases", "expected_purchases"), ("value", "value")):
        assert (table[f"{name}_parameter_low"] <= table[column]).all()
        assert (table[f"{name}_parameter_high"] >= table[column]).all()
        # what one customer does is mostly chance
        width = {k: table[f"{name}_{k}_high"] - table[f"{name}_{k}_low"] for k in ("parameter", "predictive")}
        assert width["predictive"].mean() > 3 * width["parameter"].mean()
        total = prediction.totals.loc[name]
        assert total["predictive_low"] < total["parameter_low"] < total["estimate"] < total["parameter_high"]
        assert total["parameter_high"] < total["predictive_high"]


def test_simulated_futures_agree_with_the_expectation(prediction):
    """The middle of the simulated totals is near the formula's total, by a way that shares none of it."""
    for row in prediction.totals.itertuples():
        middle = (row.predictive_low + row.predictive_high) / 2
        assert middle == pytest.approx(row.estimate, rel=0.08)


def test_a_negative_margin_turns_the_interval_round(model, spend, summary):
    table = predict_clv(model, spend, summary, Outlook(5, 0, -0.1, 50), TERMS).table
    assert (table["value_parameter_low"] <= table["value"]).all() and (table["value"] <= 0).all()
    assert (table["value_predictive_low"] <= table["value_predictive_high"]).all()


def test_notes_come_along(prediction, model, summary, spend):
    assert set(model.notes_) <= set(prediction.notes)
    far = predict_clv(model, spend, summary, Outlook(500, n_draws=0), TERMS)
    assert any("longer than anybody has been watched" in note for note in far.notes)
    assert far.table["value_predictive_low"].isna().all()


def test_no_interval_without_identified_parameters():
    same = pd.DataFrame({"n_repeat": [4] * 50, "first_to_last": 30.0, "tenure": 40.0})
    fitted = BgNbd().fit(same, time_unit="W")
    found = predict_clv(fitted, None, same, Outlook(10, 0), TERMS)
    assert found.table.filter(like="_low").isna().all(axis=None)
    assert any("No predictive interval" in note for note in found.notes)


def test_one_customer(model, spend, summary):
    one = predict_clv(model, spend, summary.iloc[[0]], Outlook(5, n_draws=20), TERMS)
    assert len(one.table) == 1 and np.isfinite(one.totals.loc["value"]).all()


def test_hold_out_counts_what_happened(model, orders, summary):
    found = check_hold_out(model, orders, TERMS, HALVED)
    assert found.actual == summary["n_holdout"].sum()
    table = found.by_calibration_purchases
    assert table["n_customers"].sum() == len(summary)
    assert (table["actual"] * table["n_customers"]).sum() == pytest.approx(found.actual)
    assert (table["expected"] * table["n_customers"]).sum() == pytest.approx(found.expected)
    assert found.predictive_low < found.actual < found.predictive_high  # these customers do as the model says
    assert found.error == pytest.approx(found.expected / found.actual - 1)


def test_tracking_is_weekly_and_cumulative(model, orders, summary):
    track = check_hold_out(model, orders, TERMS, HALVED, 0).tracking
    last = track[~track["held_out"]].iloc[-1]
    assert last["until"] == pd.Timestamp(UNTIL) and last["actual_cumulative"] == summary["n_repeat"].sum()
    assert track["until"].iloc[-1] == pd.Timestamp(AS_OF)
    assert track["actual_cumulative"].iloc[-1] == summary["n_repeat"].sum() + summary["n_holdout"].sum()
    assert (track["until"].diff().dropna().iloc[:-1] == pd.Timedelta(days=7)).all()
    np.testing.assert_array_equal(track["actual"].cumsum(), track["actual_cumulative"])
    np.testing.assert_allclose(track["expected"].cumsum(), track["expected_cumulative"])
    by_hand = model.expected_purchases(summary["tenure"].to_numpy()).sum()
    assert last["expected_cumulative"] == pytest.approx(by_hand)


def test_another_time_or_unit_is_refused(model, orders, summary):
    with pytest.raises(DataError, match="fitted until 2024-08-31"):
        check_hold_out(model, orders, TERMS, Counting(calibrated_until=dt.date(2024, 9, 30)))
    with pytest.raises(DataError, match="nothing is held out"):
        check_hold_out(model, orders, TERMS)
    with pytest.raises(DataError, match="time unit is not known"):
        bare = summary.copy()
        bare.attrs = {}
        predict_clv(BgNbd().fit(bare), None, bare, Outlook(5), TERMS)
    with pytest.raises(ValueError, match="horizon above 0"):
        predict_clv(model, None, summary, Outlook(0), TERMS)
