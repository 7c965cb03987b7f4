"""A model against a time it has not seen: what it said, and what happened."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.clv.predicting import simulate_futures, unit_of
from custaudience.customers.clv.purchase_model import PurchaseModel
from custaudience.customers.clv.repeat import count_purchase_days, days_per_unit, summarise_repeat_purchases
from custaudience.errors import DataError


@dataclass(frozen=True)
class HoldOut:
    """What a model said of a time it had not seen, and what happened.

    Attributes
    ----------
    tracking : DataFrame, one row per week
        ``until`` (last day), ``n_customers`` (who had bought by then, of those in the calibration), ``actual`` and
        ``expected`` repeat purchases in the week, ``actual_cumulative``, ``expected_cumulative`` since the first
        day of the data, ``held_out``: after the calibration.
        Expected: of customers of whom only the day of the first purchase is known.
    by_calibration_purchases : DataFrame
        ``n_repeat`` in the calibration ("0" to "6", "7+"), ``n_customers``, then per customer in the time held
        out ``actual``, ``expected`` (given each history), ``predictive_low``, ``predictive_high``.
    actual, expected : float
        Purchases of all customers in the time held out; expected given each history.
    predictive_low, predictive_high : float
        Where the actual number was to lie at `level` if the model were right.
    error : float
        ``expected / actual - 1``; NaN when nothing was bought.
    calibrated_until, as_of : date
    level : float
    """

    tracking: pd.DataFrame
    by_calibration_purchases: pd.DataFrame
    actual: float
    expected: float
    predictive_low: float
    predictive_high: float
    error: float
    calibrated_until: dt.date
    as_of: dt.date
    level: float


def check_hold_out(
    purchases: PurchaseModel,
    orders: IntoFrame,
    *,
    as_of: dt.date,
    calibrated_until: dt.date,
    orders_then: IntoFrame | None = None,
    count_free_orders: bool = False,
    level: float = 0.9,
    n_draws: int = 400,
    seed: int = 0,
) -> HoldOut:
    """Compare what a model expects after its calibration with what happened.

    Parameters
    ----------
    purchases : fitted `BgNbd` or `ParetoNbd`
        Fitted to `summarise_repeat_purchases` with the same `calibrated_until`, `orders_then` and `count_free_orders`.
    orders, orders_then : any frame Narwhals reads, one row per order
        As they stand at `as_of`, and as they stood at `calibrated_until`.
    as_of, calibrated_until : date
        Last day held out and last day of the calibration.
    count_free_orders, level, n_draws, seed
        As in `summarise_repeat_purchases` and `predict_clv`.

    Returns
    -------
    HoldOut

    Raises
    ------
    DataError
        If the model was fitted to another time or other customers.
    EmptyTableError, HistoryError, ColumnError
        As in `summarise_repeat_purchases`.
    """
    unit = unit_of(purchases)
    options = {"as_of": as_of, "calibrated_until": calibrated_until, "count_free_orders": count_free_orders}
    summary = summarise_repeat_purchases(orders, time_unit=unit, orders_then=orders_then, **options)  # type: ignore[arg-type]
    fitted_until = purchases.ends_on_ or calibrated_until.isoformat()
    if fitted_until != calibrated_until.isoformat() or purchases.n_customers_ != len(summary):
        raise DataError(
            f"the model was fitted until {fitted_until} to {purchases.n_customers_:,} customers; "
            f"here are {len(summary):,} until {calibrated_until}. "
            "Fit it to summarise_repeat_purchases with the same dates and options."
        )
    ahead = float(summary.attrs["holdout"])
    expected = purchases.expected_future_purchases(summary, ahead)
    x, last, tenure = purchases.check_summary(summary)
    group = np.minimum(x, 7).astype(int)
    members = np.bincount(group, minlength=8)
    drawn = np.full((8, max(n_draws, 1)), np.nan)
    if n_draws and np.isfinite(purchases.for_intervals_.log_covariance).all():
        drawn[:] = 0.0
        done = 0
        for counts, _ in simulate_futures(purchases, None, (x, last, tenure, 0 * x), ahead, 0.0, n_draws, seed):
            np.add.at(drawn, group[done : done + len(counts)], counts)
            done += len(counts)
    present = members > 0
    ends = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(drawn[present] / members[present, None], ends, axis=1)
    table = pd.DataFrame(
        {
            "n_repeat": np.array([*map(str, range(7)), "7+"])[present],
            "n_customers": members[present],
            "actual": np.bincount(group, summary["n_holdout"], 8)[present] / members[present],
            "expected": np.bincount(group, expected, 8)[present] / members[present],
            "predictive_low": low,
            "predictive_high": high,
        }
    )
    actual = float(summary["n_holdout"].sum())
    total_low, total_high = np.quantile(drawn.sum(axis=0), ends)
    return HoldOut(
        _track(purchases, count_purchase_days(orders, **options), calibrated_until, as_of),  # type: ignore[arg-type]
        table,
        actual,
        float(expected.sum()),
        float(total_low),
        float(total_high),
        float(expected.sum() / actual - 1) if actual else float("nan"),
        calibrated_until,
        as_of,
        level,
    )


def _track(purchases: PurchaseModel, days: pd.DataFrame, calibrated_until: dt.date, as_of: dt.date) -> pd.DataFrame:
    """Return actual and expected repeat purchases by weeks that end with the calibration's last day."""
    day = days["day"].to_numpy().astype("datetime64[D]").astype("int64")
    cut, end = (int(np.datetime64(d, "D").astype("int64")) for d in (calibrated_until, as_of))
    until = np.arange(cut - (cut - day.min()) // 7 * 7, end + 7, 7)
    until = np.unique(np.minimum(until, end))
    reached = np.searchsorted(day, until, side="right") - 1
    actual = np.cumsum(days["n_repeat"].to_numpy())[reached]
    ages = np.maximum(until[:, None] - day[None, :], 0)
    known = np.unique(ages)
    rising = purchases.expected_purchases(known / days_per_unit(unit_of(purchases)))
    expected = rising[np.searchsorted(known, ages)] @ days["n_first"].to_numpy()
    return pd.DataFrame(
        {
            "until": until.astype("datetime64[D]").astype("datetime64[us]"),
            "n_customers": np.cumsum(days["n_first"].to_numpy())[reached],
            "actual": np.diff(actual, prepend=0),
            "expected": np.diff(expected, prepend=0.0),
            "actual_cumulative": actual,
            "expected_cumulative": expected,
            "held_out": until > cut,
        }
    )
