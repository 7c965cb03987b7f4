"""What customers will bring: expected value with two intervals; and a model against a time it has not seen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from scipy.stats import norm

from custaudience.customers.clv.fitting import PurchaseModel, Rows, distinct_rows
from custaudience.customers.clv.formulas import Outlook
from custaudience.customers.clv.purchases import GammaGamma
from custaudience.customers.clv.repeat import (
    DAYS_PER_UNIT,
    WEEKLY,
    Counting,
    count_purchase_days,
    days_per_unit,
    summarise_repeat_purchases,
    value_rows,
)  # fmt: skip
from custaudience.errors import DataError
from custaudience.evidence import Terms

TOTALS = ["estimate", "parameter_low", "parameter_high", "predictive_low", "predictive_high"]
_CELLS = 2_000_000  # customers times draws held at once


@dataclass(frozen=True)
class ClvPrediction:
    """Expected value per customer and in total.

    Attributes
    ----------
    table : DataFrame, one row per customer, in the order of the summary
        ``customer_id``; ``probability_alive``; ``expected_purchases`` within the horizon; ``discounted_purchases``;
        ``expected_spend`` per purchase; ``value``: discounted purchases times expected spend times margin, in money.
        Without a spend model the last two are NaN. ``purchases_parameter_low`` and ``_high``: how far the expected
        value may lie from the estimate, because the parameters are estimated from so many customers;
        ``purchases_predictive_low`` and ``_high``: where what will really happen lies, chance in what customers do
        included; the same four for ``value``; NaN when not identified.
    totals : DataFrame, rows ``purchases`` and ``value``, columns `TOTALS`
        Of the sum over all customers. Their ends are not the sums of customers' ends.
    notes : tuple of str
        What a reader must know, in English, those of the models included.
    """

    table: pd.DataFrame
    totals: pd.DataFrame
    outlook: Outlook
    time_unit: str
    terms: Terms
    notes: tuple[str, ...]


def predict_clv(
    purchases: PurchaseModel, spend: GammaGamma | None, summary: pd.DataFrame, outlook: Outlook, terms: Terms
) -> ClvPrediction:
    """Predict what each customer will buy within a horizon, and what that is worth today.

    Parameters
    ----------
    purchases, spend
        Fitted; without a model of spend there is no value in money.
    summary : DataFrame
        As `summarise_repeat_purchases` gives it, in the time unit of the model.

    Notes
    -----
    Expected purchases of each period are discounted and summed, not cumulative ones. The parameter interval is
    the delta method's on the logarithm of the value. For the predictive one, each draw takes parameters from
    their normal approximation (logarithms), then for each customer whether alive, rate, moment of leaving,
    purchases and their values, given the customer's history.
    """
    x, last, tenure = purchases.check_summary(summary)
    unit, horizon, margin, level = unit_of(purchases), outlook.horizon, outlook.margin, terms.level
    if not horizon > 0 or not outlook.yearly_discount_rate > -1 or not 0 < level < 1:
        raise ValueError(
            f"expected horizon above 0, yearly_discount_rate above -1 and level between 0 and 1, got {horizon}, "
            f"{outlook.yearly_discount_rate} and {level}"
        )
    z = value_rows(summary)[1] if spend else np.zeros(len(x))
    ends = np.append(np.arange(1, np.ceil(horizon - 1e-9)), float(horizon))
    factors = np.exp(-_per_unit(outlook, unit) * ends)
    (xs, lasts, tenures), _, index = distinct_rows(x, last, tenure)
    pairs, _, pair_index = distinct_rows(xs, tenures)

    def expected(params: np.ndarray) -> np.ndarray:
        """Return expected and discounted purchases of each distinct history, shape (2, n)."""
        future = np.diff(purchases.if_alive(params, pairs[0], pairs[1], ends), axis=1, prepend=0.0)
        both = np.stack([future.sum(axis=1), future @ factors])[:, pair_index]
        return both * purchases.alive(params, xs, lasts, tenures)

    def spent(params: np.ndarray) -> np.ndarray:
        return spend.spend(params, x, z)[None] if spend else np.full((1, len(x)), np.nan)

    mean, discounted = expected(purchases.estimate_.values)[:, index]
    each = spent(spend.estimate_.values if spend else np.empty(0))[0]
    value = margin * discounted * each
    who = summary["customer_id"].to_numpy() if "customer_id" in summary else np.arange(len(x))
    table = pd.DataFrame(
        {"customer_id": who, "probability_alive": purchases.probability_alive(summary), "expected_purchases": mean,
         "discounted_purchases": discounted, "expected_spend": each, "value": value}
    )  # fmt: skip
    slopes = _log_slopes(expected, purchases.estimate_.logs)[:, :, index]
    covariance = purchases.for_intervals_.log_covariance
    value_parts = [(slopes[1], covariance)]
    if spend:
        value_parts.append((_log_slopes(spent, spend.estimate_.logs)[0], spend.estimate_.log_covariance))
    width, totals = float(norm.ppf(terms.ends[1])), {}
    for name, point, parts in (("purchases", mean, [(slopes[0], covariance)]), ("value", value, value_parts)):
        own, total = _delta(point, parts, width)
        table[f"{name}_parameter_low"], table[f"{name}_parameter_high"] = own
        totals[name] = [point.sum(), *total, np.nan, np.nan]
    sums: dict[str, np.ndarray] = {}
    quantiles: dict[str, list[np.ndarray]] = {"purchases": [], "value": []}
    for _, futures in simulate_futures(purchases, spend, summary, outlook, terms.seed):
        for name, drawn in futures.items():
            sums[name] = sums.get(name, 0.0) + drawn.sum(axis=0)
            quantiles[name].append(np.quantile(drawn, terms.ends, axis=1))
    for name, parts_of in quantiles.items():
        bounds = np.concatenate(parts_of, axis=1) if parts_of else np.full((2, len(x)), np.nan)
        table[f"{name}_predictive_low"], table[f"{name}_predictive_high"] = bounds
        if name in sums:
            totals[name][3:] = np.quantile(sums[name], terms.ends)
    notes = (*purchases.notes_, *(spend.notes_ if spend else ()), *_limits(purchases, spend, horizon, tenure.max()))
    whole = pd.DataFrame.from_dict(totals, orient="index", columns=TOTALS)
    return ClvPrediction(table, whole, outlook, unit, terms, notes)


def unit_of(purchases: PurchaseModel) -> str:
    """Return the time unit of a fitted model; refuse one that does not know it."""
    if purchases.time_unit_ is None:
        raise DataError("the model's time unit is not known. Say fit(summary, time_unit='W'), for weeks.")
    return purchases.time_unit_


def _per_unit(outlook: Outlook, unit: str) -> float:
    """Return the discount per time unit, as a continuous rate."""
    return float(np.log1p(outlook.yearly_discount_rate) * days_per_unit(unit) / DAYS_PER_UNIT["Y"])


def _identified(purchases: PurchaseModel, spend: GammaGamma | None) -> bool:
    """Say whether the data identify the parameters that simulated futures rest on."""
    known = bool(np.isfinite(purchases.for_intervals_.log_covariance).all())
    return known and (spend is None or spend.estimate_.positive_definite)


def _log_slopes(function: Callable[[np.ndarray], np.ndarray], logs: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """Return the slopes of a function's logarithm in each log-parameter, shape (rows, k, n)."""
    columns = []
    for shift in np.eye(len(logs)) * step:
        upper, lower = function(np.exp(logs + shift)), function(np.exp(logs - shift))
        with np.errstate(divide="ignore", invalid="ignore"):
            columns.append(np.nan_to_num(np.log(upper / lower) / (2 * step)))
    return np.stack(columns, axis=1)


def _delta(point: np.ndarray, parts: list[tuple[np.ndarray, np.ndarray]], width: float) -> list[np.ndarray]:
    """Return both ends per customer, and of the sum; estimates of the parts are independent."""
    variance, total_variance = np.zeros(len(point)), 0.0
    share = point / point.sum() if point.sum() else np.zeros(len(point))
    for slopes, covariance in parts:
        variance = variance + np.einsum("in,ij,jn->n", slopes, covariance, slopes)
        together = slopes @ share
        total_variance += float(together @ covariance @ together)
    spread = ((point, variance), (point.sum(), np.float64(total_variance)))
    factors = [(p, np.exp(width * np.sqrt(np.maximum(v, 0)))) for p, v in spread]
    return [np.sort(np.stack([p / factor, p * factor]), axis=0) for p, factor in factors]


def simulate_futures(
    purchases: PurchaseModel, spend: GammaGamma | None, summary: pd.DataFrame, outlook: Outlook, seed: int
) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
    """Simulate futures; yield which customers, and their ``purchases`` and discounted ``value``, (n_some, n_draws).

    No ``value`` without `spend`; nothing without draws, or where the data do not identify the parameters. A draw has
    the same parameters for all customers, so that sums over customers are draws of the total.
    """
    n_draws = outlook.n_draws
    if not n_draws or not _identified(purchases, spend):
        return
    rows = (*purchases.check_summary(summary), value_rows(summary)[1] if spend else np.zeros(len(summary)))
    per_unit, rng = _per_unit(outlook, unit_of(purchases)), np.random.default_rng(seed)
    buying = purchases.for_intervals_.draw(rng, n_draws)
    paying = spend.estimate_.draw(rng, n_draws) if spend else np.empty((n_draws, 0))
    some = max(1, _CELLS // n_draws)
    for begin in range(0, len(summary), some):
        part = slice(begin, begin + some)
        x, last, tenure, z = (column[part] for column in rows)
        history, _, index = distinct_rows(x, last, tenure)
        shape = (len(x), n_draws)
        rate, leaves, life, worth, p = np.empty(shape), np.empty(shape), np.empty(shape), np.ones(shape), np.ones(shape)
        for j in range(n_draws):
            rate[:, j], leaves[:, j], life[:, j] = purchases.draw_future(rng, buying[j], x, tenure)
            alive = purchases.alive(buying[j], *history)[index]
            life[:, j] = np.where(rng.random(len(x)) < alive, life[:, j], 0.0)
            if spend:
                p[:, j], q, v = paying[j]
                worth[:, j] = 1 / rng.gamma(p[:, j] * x + q, 1 / (v + x * z))
        lives = (rate, leaves, np.minimum(life, outlook.horizon), worth, p)
        counts, values = _live(rng, lives, outlook.horizon, per_unit, vary=spend is not None)
        money = {"value": outlook.margin * values.reshape(shape)} if spend else {}
        yield slice(begin, begin + len(x)), {"purchases": counts.reshape(shape), **money}


def _live(rng: np.random.Generator, lives: Rows, horizon: float, per_unit: float, *, vary: bool) -> Rows:
    """Let each customer buy until the end; return the number of purchases and their discounted value, flat.

    `lives` hold rates, chances to leave after a purchase, ends, scales and shapes of what a purchase is worth; all
    purchases of one customer are worth the scale unless they `vary`.
    """
    rate, leaves, until, worth, shape = (column.ravel() for column in lives)
    rate = np.maximum(rate, 1e-300)
    counts, values, now = np.zeros(len(rate), dtype="int64"), np.zeros(len(rate)), np.zeros(len(rate))
    going = np.flatnonzero(until > 0)
    while len(going):
        now[going] += rng.exponential(size=len(going)) / rate[going]
        going = going[now[going] <= until[going]]
        counts[going] += 1
        paid_at = np.minimum(np.ceil(now[going]), horizon)
        amount = rng.gamma(shape[going]) * worth[going] if vary else worth[going]
        values[going] += amount * np.exp(-per_unit * paid_at)
        going = going[rng.random(len(going)) >= leaves[going]]
    return counts, values


def _limits(purchases: PurchaseModel, spend: GammaGamma | None, horizon: float, longest: float) -> Iterator[str]:
    if horizon > 1.1 * longest:
        yield (
            f"The horizon, {horizon:g}, is longer than anybody has been watched ({longest:.3g}): what is said of the "
            "time beyond rests on the shape of the model alone."
        )
    if spend is not None:
        yield "Customers without a repeat purchase get the mean spend of all: nothing of their own is known."
    if not _identified(purchases, spend):
        yield "No predictive interval: the data do not identify the parameters it rests on."


@dataclass(frozen=True)
class HoldOut:
    """What a model said of a time it had not seen, and what happened.

    Attributes
    ----------
    tracking : DataFrame, one row per week
        ``until`` (last day), ``n_customers`` (who had bought by then, of those in the calibration), ``actual`` and
        ``expected`` repeat purchases in the week, ``actual_cumulative``, ``expected_cumulative`` since the first
        day of the data, ``held_out``: after the calibration. Expected knows only the day of each first purchase.
    by_calibration_purchases : DataFrame
        ``n_repeat`` in the calibration ("0" to "6", "7+"), ``n_customers``, then per customer in the time held
        out ``actual``, ``expected`` (given each history), ``predictive_low``, ``predictive_high``.
    actual, expected, predictive_low, predictive_high : float
        Purchases of all customers in the time held out; where the actual number was to lie if the model were right.
    error : float
        ``expected / actual - 1``; NaN when nothing was bought.
    """

    tracking: pd.DataFrame
    by_calibration_purchases: pd.DataFrame
    actual: float
    expected: float
    predictive_low: float
    predictive_high: float
    error: float
    calibrated_until: dt.date
    terms: Terms


def check_hold_out(
    purchases: PurchaseModel, orders: IntoFrame, terms: Terms, counting: Counting = WEEKLY, n_draws: int = 400
) -> HoldOut:
    """Compare what a model expects after its calibration with what happened.

    `purchases` was fitted to `summarise_repeat_purchases` with the same `counting`, which says ``calibrated_until``; a
    model fitted to another time or other customers is refused.
    """
    until = counting.calibrated_until
    if until is None:
        raise DataError("nothing is held out. Say Counting(calibrated_until=…), the last day the model has seen.")
    counting = replace(counting, time_unit=unit_of(purchases))  # type: ignore[arg-type]
    summary = summarise_repeat_purchases(orders, terms, counting)
    fitted_until = purchases.ends_on_ or until.isoformat()
    if fitted_until != until.isoformat() or purchases.n_customers_ != len(summary):
        raise DataError(
            f"the model was fitted until {fitted_until} to {purchases.n_customers_:,} customers; "
            f"here are {len(summary):,} until {until}. "
            "Fit it to summarise_repeat_purchases with the same dates and options."
        )
    ahead = float(summary.attrs["holdout"])
    expected = purchases.expected_future_purchases(summary, ahead)
    group = np.minimum(summary["n_repeat"].to_numpy(), 7)
    members = np.bincount(group, minlength=8)
    drawn = np.full((8, max(n_draws, 1)), np.nan)
    outlook = Outlook(ahead, yearly_discount_rate=0.0, n_draws=n_draws)
    for part, futures in simulate_futures(purchases, None, summary, outlook, terms.seed):
        drawn = np.zeros_like(drawn) if part.start == 0 else drawn
        np.add.at(drawn, group[part], futures["purchases"])
    present = members > 0
    low, high = np.quantile(drawn[present] / members[present, None], terms.ends, axis=1)
    table = pd.DataFrame(
        {"n_repeat": np.array([*map(str, range(7)), "7+"])[present], "n_customers": members[present],
         "actual": np.bincount(group, summary["n_holdout"], 8)[present] / members[present],
         "expected": np.bincount(group, expected, 8)[present] / members[present],
         "predictive_low": low, "predictive_high": high}
    )  # fmt: skip
    actual, said = float(summary["n_holdout"].sum()), float(expected.sum())
    total_low, total_high = map(float, np.quantile(drawn.sum(axis=0), terms.ends))
    tracking = _track(purchases, count_purchase_days(orders, terms, counting), until, terms.as_of)
    error = said / actual - 1 if actual else float("nan")
    return HoldOut(tracking, table, actual, said, total_low, total_high, error, until, terms)


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
        {"until": until.astype("datetime64[D]").astype("datetime64[us]"),
         "n_customers": np.cumsum(days["n_first"].to_numpy())[reached],
         "actual": np.diff(actual, prepend=0), "expected": np.diff(expected, prepend=0.0),
         "actual_cumulative": actual, "expected_cumulative": expected, "held_out": until > cut}
    )  # fmt: skip
