"""The models of value on whole studies: what is fitted, what is refused, what customers are worth."""

import datetime as dt
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from custaudience.customers import BgNbd, ParetoNbd
from custaudience.customers.clv.fitting import nbd_probabilities
from custaudience.customers.clv.formulas import Outlook, simple_values
from custaudience.customers.clv.models import (
    check_value_models,
    clockwork_share,
    fit_value_models,
    middle_of,
    parameter_table,
    round_summary,
    value_to_come,
)
from custaudience.customers.clv.repeat import Counting
from custaudience.evidence import Terms
from custaudience.study import open_study

ROOT = Path(__file__).parents[2]
AS_OF, UNTIL = dt.date(1998, 6, 30), dt.date(1997, 9, 30)
TERMS, FREE = Terms(AS_OF), Counting(count_free_orders=True)
HALVED = Counting(count_free_orders=True, calibrated_until=UNTIL)
END = Terms(dt.date(2024, 12, 31))
NOW, DAY_ONE = Outlook(8, 0, n_draws=0), dt.date(2024, 1, 1)


@pytest.fixture(scope="module")
def orders():
    return open_study(ROOT / "data/cdnow").orders(AS_OF)


@pytest.fixture(scope="module")
def calibrated(orders):
    return fit_value_models(orders, TERMS, HALVED)


@pytest.fixture(scope="module")
def today(orders):
    return fit_value_models(orders, TERMS, FREE)


def made_orders(days_by_customer: dict[str, list[int]], worth: int = 1000) -> pd.DataFrame:
    rows = [(c, d, worth) for c, days in days_by_customer.items() for d in days]
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "revenue_minor"])
    frame["ordered_on"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame.pop("day"), unit="D")
    return frame.assign(refund_minor=0, is_order=frame["revenue_minor"] > 0)


def wandering(n: int, seed: int = 1, **worth: int) -> pd.DataFrame:
    """Return orders of customers who buy at random and leave at random."""
    rng = np.random.default_rng(seed)
    days = {}
    for i in range(n):
        day, rate, leaves = int(rng.integers(0, 150)), rng.gamma(0.8, 0.05), rng.beta(1, 3)
        days[f"{i:04}"] = [day]
        while rng.random() > leaves and (day := day + 1 + int(rng.exponential(1 / max(rate, 1e-6)))) < 366:
            days[f"{i:04}"].append(day)
    return made_orders(days, **worth)


def worth_of_all(models, outlook=NOW):
    groups = models.summary[["customer_id"]].assign(segment="all")
    return value_to_come(models, models.best.title, groups, outlook, END)


def test_the_middle_of_cdnow_is_the_published_calibration(calibrated):
    assert middle_of(dt.date(1997, 1, 1), AS_OF) == UNTIL
    assert not calibrated.refused and calibrated.best.title == "BG/NBD"
    assert middle_of(AS_OF, AS_OF) < AS_OF


def test_rounding_keeps_a_summary_usable():
    summary = pd.DataFrame(
        {"n_repeat": [1, 1, 0], "first_to_last": [0.001, 10.006, 0.0], "tenure": [0.004, 10.006, 3.005],
         "mean_repeat_value": [1.005, 2.344, np.nan]}
    )  # fmt: skip
    got = round_summary(summary)
    assert got["first_to_last"].tolist() == [0.001, 10.01, 0.0] and got["tenure"].tolist() == [0.004, 10.01, 3.01]
    assert got["mean_repeat_value"].tolist()[:2] == [1.01, 2.34]
    assert summary["mean_repeat_value"].iloc[0] == 1.005


@pytest.mark.parametrize("model", [BgNbd, ParetoNbd])
def test_expected_counts_sum_to_all_and_agree_with_the_mean(model, calibrated):
    fitted = calibrated.named(model.title)
    table = fitted.repeat_frequency(calibrated.summary)
    assert table["actual"].tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    assert table["expected"].sum() == pytest.approx(2357)
    chances = fitted.count_probabilities(fitted.estimate_.values, np.array([0.0, 30.0]), 400)
    assert chances[0, 0] == pytest.approx(1) and chances[0, 1:].sum() == pytest.approx(0)
    assert chances[1] @ np.arange(400) == pytest.approx(float(fitted.expected_purchases(30.0)), rel=1e-6)


def test_counts_of_paretonbd_equal_the_integral_over_lives():
    r, alpha, s, beta = params = np.array([0.75, 9.5, 3.0, 47.7])
    t = 60.0
    got = ParetoNbd.count_probabilities(params, np.array([t]), 5)[0]
    for k in range(5):

        def at(life, k=k):
            return s / beta * (beta / (beta + life)) ** (s + 1) * nbd_probabilities(r, alpha, np.array([life]), 5)[0, k]

        whole = (beta / (beta + t)) ** s * nbd_probabilities(r, alpha, np.array([t]), 5)[0, k] + quad(at, 0, t)[0]
        assert got[k] == pytest.approx(whole, rel=1e-7)


def test_the_check_counts_what_happened_beside_everybody_s_pace(orders, calibrated):
    check = check_value_models(calibrated, orders, TERMS, HALVED, 100)
    errors = check.errors.set_index("model")
    assert errors["actual"].unique().tolist() == [1882]
    summary = calibrated.summary
    pace = (summary["n_repeat"] / summary["tenure"] * 39).sum()
    assert errors.loc["everybody at their own pace", "expected"] == pytest.approx(pace)
    assert check.errors["model"].iloc[0] == "BG/NBD"
    assert check.hold_out.tracking["n_customers"].iloc[-1] == 2357
    assert check.hold_out.tracking["n_customers"].is_monotonic_increasing


def test_groups_are_parts_of_the_whole(today):
    groups = today.summary[["customer_id"]].assign(segment=np.where(today.summary["n_repeat"] > 0, "back", "once"))
    groups = groups.iloc[:-20]
    worth = value_to_come(today, "BG/NBD", groups, Outlook(26, n_draws=100), TERMS)
    assert set(worth.groups["group"]) == {"back", "once", "no_order"}
    assert worth.groups["n_customers"].sum() == 2357
    total = worth.prediction.totals.loc["value"]
    assert worth.groups["value"].sum() == pytest.approx(total["estimate"])
    assert worth.groups["share_of_value"].sum() == pytest.approx(1)
    assert total["predictive_low"] < total["parameter_low"] < total["estimate"] < total["parameter_high"]
    assert total["parameter_high"] < total["predictive_high"]
    once = worth.groups.set_index("group").loc["once"]
    assert math.isnan(once["mean_probability_alive"])  # 1 by construction is no finding
    assert "customer_id" not in worth.typical and "customer_id" not in worth.groups
    values = worth.prediction.table["value"]
    assert worth.typical["value"] == pytest.approx(np.sort(values)[(len(values) + 1) // 2 - 1])


def test_the_wide_interval_covers_the_narrow_figures_and_the_seed_decides(today):
    groups = today.summary[["customer_id"]].assign(segment="all")
    outlook = Outlook(8, 0.0, n_draws=100)
    first, again, other = (
        value_to_come(today, "BG/NBD", groups, outlook, replace(TERMS, seed=seed)) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first.prediction.totals, again.prediction.totals)
    assert (
        first.prediction.totals.loc["value", "predictive_low"] != other.prediction.totals.loc["value", "predictive_low"]
    )
    third = value_to_come(today, "BG/NBD", groups, replace(outlook, margin=0.25), replace(TERMS, seed=1))
    whole, part = first.prediction.totals.loc["value"], third.prediction.totals.loc["value"]
    np.testing.assert_allclose(part.to_numpy(float), 0.25 * whole.to_numpy(float))


def test_a_history_cut_off_is_refused_declared_or_seen(orders):
    assert set(fit_value_models(orders, Terms(AS_OF, first_orders="cut off")).refused) == {"cut_off"}
    days = {f"{i:03}": sorted({i % 30, 30 + i % 40, 90 + i % 50, 170 + i % 60, 250 + i % 70}) for i in range(120)}
    seen = fit_value_models(made_orders(days), replace(END, first_orders="unknown"))
    assert seen.refused == {"cut_off": {"declared": False}} and seen.best is None


def test_contracts_are_known_by_their_clockwork():
    rng = np.random.default_rng(0)
    monthly = {f"{i:03}": list(range(int(start), 360, 30)) for i, start in enumerate(rng.integers(0, 200, 60))}
    share, n = clockwork_share(made_orders(monthly), as_of=END.as_of)
    assert share == 1 and n == 60
    models = fit_value_models(made_orders(monthly), END)
    assert set(models.refused) == {"clockwork"} and models.summary is None
    share, _ = clockwork_share(wandering(400), as_of=END.as_of)
    assert share < 0.35


def test_few_who_bought_again_are_refused():
    days = {f"{i:03}": [i % 100] for i in range(60)} | {"again": [1, 50, 200]}
    models = fit_value_models(made_orders(days), END)
    assert models.refused["no_repeat"]["n"] == 1 and models.best is None and models.summary is not None
    early = fit_value_models(made_orders({"a": [300]}), END, Counting(calibrated_until=dt.date(2024, 2, 1)))
    assert early.refused["no_repeat"]["n"] == 0 and early.summary is None
    assert check_value_models(early, None, TERMS, HALVED) is None
    assert value_to_come(early, "BG/NBD", pd.DataFrame(), NOW, END) is None
    assert parameter_table(early).empty


def test_a_short_history_is_refused_and_worth_nothing():
    rng = np.random.default_rng(3)
    days = {f"{i:03}": [10, *(10 + np.unique(rng.integers(1, 12, rng.integers(0, 2))))] for i in range(200)}
    models = fit_value_models(made_orders(days), Terms(dt.date(2024, 1, 15)))
    assert "short" in models.refused and worth_of_all(models) is None


def test_spend_is_refused_without_spend_and_without_a_bound():
    free = wandering(300)
    free.loc[free.duplicated("customer_id"), "revenue_minor"] = 0
    models = fit_value_models(free, END, FREE)
    assert models.refused["no_spend"]["n"] == 0 and models.spend is None and models.best is not None
    wild = wandering(300)
    rng = np.random.default_rng(5)
    factor = {c: 1 + rng.pareto(0.5) for c in wild["customer_id"].unique()}
    wild["revenue_minor"] = [int(min(1e9, 100 * factor[c] * rng.gamma(3))) + 1 for c in wild["customer_id"]]
    models = fit_value_models(wild, END)
    assert models.refused["infinite_spend"]["q"] <= 1
    worth = worth_of_all(models, Outlook(20, 0, n_draws=100))
    assert worth.prediction.totals.loc["purchases"].notna().all() and worth.groups["value"].isna().all()


def test_no_value_without_an_interval():
    same = fit_value_models(wandering(300), END)
    assert "vague_spend" in same.refused and same.spend is None  # all spend 10.00 on every order
    rng = np.random.default_rng(2)
    alike = {f"{i:03}": sorted({0, *rng.choice(180, 12, replace=False).tolist()}) for i in range(150)}
    models = fit_value_models(made_orders(alike), Terms(dt.date(2024, 6, 28)))
    assert "vague" in models.refused and worth_of_all(models) is None


def test_the_short_formulas_equal_a_recount_by_hand():
    """Ten buy 10.00 in the first and second half, ten more in the first only, five 40.00 in the second only."""
    days = {f"both{i}": [5, 205] for i in range(10)} | {f"first{i}": [10] for i in range(10)}
    frame = pd.concat([made_orders(days), made_orders({f"second{i}": [210] for i in range(5)}, worth=4000)])
    found = simple_values(frame, DAY_ONE, Outlook(1, 0.1, margin=0.5), Terms(dt.date(2024, 12, 30)))
    assert (found.days, found.n_buyers, found.n_before, found.n_retained) == (182, 15, 20, 10)
    table = found.table.set_index("formula")["value"]
    assert table["average"] == pytest.approx(300 / 15) and found.median_revenue == 10
    assert table["simple"] == pytest.approx(20 / (1 - 0.5))
    rate = 1.1 ** (182 / 365.25) - 1
    assert table["margin"] == pytest.approx(0.5 * 20 * 0.5 / (1 + rate - 0.5))
    assert (found.table["low"] <= found.table["value"]).all() and (found.table["value"] <= found.table["high"]).all()


def test_the_short_formulas_leave_what_is_few():
    everybody = {f"{i:02}": [5, 205] for i in range(12)}
    terms = Terms(dt.date(2024, 12, 30))
    found = simple_values(made_orders(everybody), DAY_ONE, NOW, terms)
    assert found.table["formula"].tolist() == ["average"] and math.isinf(found.months_retained)  # all stayed
    few = simple_values(made_orders({"a": [5, 205]}), DAY_ONE, NOW, terms)
    assert few.table.empty and few.formulas == ()
    assert simple_values(made_orders({"a": [5]}), DAY_ONE, NOW, terms) is None


def test_neither_the_order_of_rows_nor_later_rows_change_anything():
    frame = wandering(300)
    as_of, until = dt.date(2024, 10, 31), dt.date(2024, 5, 31)
    mixed = frame[frame["ordered_on"] <= pd.Timestamp(as_of)].sample(frac=1, random_state=1)
    terms, halved = Terms(as_of), Counting(calibrated_until=until)
    tables = [parameter_table(fit_value_models(f, terms, halved)) for f in (frame, mixed)]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    formulas = [simple_values(f, DAY_ONE, NOW, terms).table for f in (frame, mixed)]
    pd.testing.assert_frame_equal(*formulas)
