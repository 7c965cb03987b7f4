"""Long simulations: intervals cover as they say, and a rule errs as often as its page says."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from custaudience.customers import compare_survival, overdue_customers, retention_cells, survival_table
from custaudience.evidence import Terms

pytestmark = pytest.mark.slow


def test_kaplan_meier_intervals_cover_the_truth_under_censoring() -> None:
    """95 % intervals at day 60 hold the true share in 91 to 98.5 of 100 of 400 simulated studies."""
    rng = np.random.default_rng(11)
    truth, covered = np.exp(-60 / 90), 0
    for _ in range(400):
        event, leave = rng.exponential(90, 300), rng.uniform(20, 250, 300)
        curve = survival_table(np.minimum(event, leave), event <= leave, Terms(dt.date(2025, 2, 28)))
        at = curve[curve["time"] <= 60].iloc[-1]
        covered += at["low"] <= truth <= at["high"]
    assert 0.91 <= covered / 400 <= 0.985


def test_the_log_rank_test_calls_equal_groups_different_in_one_of_twenty() -> None:
    rng = np.random.default_rng(12)
    called = 0
    for _ in range(400):
        event, leave = rng.exponential(90, 200), rng.uniform(20, 250, 200)
        groups = np.repeat(["a", "b"], 100)
        called += compare_survival(np.minimum(event, leave), event <= leave, groups).p_value < 0.05
    assert 0.025 <= called / 400 <= 0.08


@pytest.mark.parametrize("n_gaps", [5, 9, 15])
def test_a_customer_who_changed_nothing_is_called_overdue_once_in_n_plus_one_gaps(n_gaps: int) -> None:
    """The limit told in `overdue_customers`: with n own gaps the next one is the longest in 1 of n + 1 cases."""
    rng = np.random.default_rng(n_gaps)
    gaps = np.ceil(rng.exponential(300, (4000, n_gaps + 1))).astype(int)
    days = np.cumsum(np.column_stack([np.zeros(4000, dtype=int), gaps]), axis=1)
    # as seen on the eve of the next order: its gap is still a silence
    start = np.datetime64("1960-01-01")
    silent_until = days[:, -1].max() + 1
    shift = silent_until - days[:, -1]
    orders = pd.DataFrame(
        {"customer_id": np.repeat([f"{i:05d}" for i in range(4000)], n_gaps + 1),
         "ordered_on": (start + (days[:, :-1] + shift[:, None]).ravel().astype("timedelta64[D]")).astype(
             "datetime64[us]"
         ),
         "is_order": True}
    )  # fmt: skip
    as_of = (start + np.timedelta64(int(silent_until), "D")).astype(dt.date)
    late = overdue_customers(orders, as_of=as_of)["overdue"].astype(bool).mean()
    assert late == pytest.approx(1 / (n_gaps + 1), abs=0.015)


def test_wilson_intervals_of_retention_cells_cover() -> None:
    """Of customers who order again in a month with chance 0.3, the 95 % intervals of 300 cohorts hold 0.3."""
    rng = np.random.default_rng(13)
    covered = 0
    for _ in range(300):
        again = rng.random(80) < 0.3
        first = pd.DataFrame({"customer_id": [str(i) for i in range(80)], "ordered_on": pd.Timestamp("2025-01-10")})
        second = first[again].assign(ordered_on=pd.Timestamp("2025-02-10"))
        orders = pd.concat([first, second]).assign(is_order=True, revenue_minor=100)
        cells = retention_cells(orders, Terms(dt.date(2025, 2, 28)), definition="activity")
        cell = cells[cells["age"] == 1].iloc[0]
        covered += cell["low"] <= 0.3 <= cell["high"]
    assert 0.91 <= covered / 300 <= 0.985
