"""The models of customer value fitted to one study at one date, what each refuses, and how they fare."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.clv.bgnbd import BgNbd
from custaudience.customers.clv.fitting import MIN_REPEAT_CUSTOMERS
from custaudience.customers.clv.gammagamma import GammaGamma
from custaudience.customers.clv.hold_out import HoldOut, check_hold_out
from custaudience.customers.clv.paretonbd import ParetoNbd
from custaudience.customers.clv.purchase_model import PurchaseModel
from custaudience.customers.clv.repeat import TimeUnit, summarise_repeat_purchases
from custaudience.customers.lifecycle.history import check_first_orders
from custaudience.customers.lifecycle.rhythm import order_days
from custaudience.errors import EmptyTableError, HistoryError

MODELS: tuple[type[PurchaseModel], ...] = (BgNbd, ParetoNbd)
_CLOCKWORK = 0.5  # chance alone puts 7 % of gaps within a tenth of their median; a monthly bill nearly all
_MIN_GAPS = 3


@dataclass(frozen=True)
class ValueModels:
    """Models of purchases and of spend on one summary.

    Attributes
    ----------
    summary : DataFrame or None
        As `summarise_repeat_purchases` gives it; None where the history was refused before. Private: it has ids.
    purchases : tuple of fitted `PurchaseModel`, the best first
        All have four parameters, so the one with the higher likelihood describes the data better. Empty when
        refused.
    spend : fitted `GammaGamma` or None
    refused : dict of str to dict
        What cannot be said, by code, with the figures that tell why: ``cut_off``, ``clockwork``, ``no_repeat``
        (nothing is fitted); ``short``, ``vague`` (nothing to come is told); ``drop_out`` (do not read who is
        still a customer); ``no_spend``, ``infinite_spend``, ``vague_spend`` (no value in money).
    """

    summary: pd.DataFrame | None = None
    purchases: tuple[PurchaseModel, ...] = ()
    spend: GammaGamma | None = None
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def best(self) -> PurchaseModel | None:
        """The model of purchases that describes the data best."""
        return self.purchases[0] if self.purchases else None

    def named(self, title: str) -> PurchaseModel:
        """Return the model of purchases of that name."""
        return next(model for model in self.purchases if model.title == title)


@dataclass(frozen=True)
class ModelCheck:
    """What the models said of a time they had not seen.

    Attributes
    ----------
    hold_out : HoldOut
        Of the best model.
    errors : DataFrame, the best model first, then the other, then everybody going on at their own pace
        ``model``, ``expected``, ``actual`` (purchases of all), ``error`` (expected / actual - 1), and
        ``mean_absolute_error`` (purchases per customer).
    frequency : DataFrame
        ``n_repeat``, ``actual``, then the customers each model expects, in columns named by the models.
    """

    hold_out: HoldOut
    errors: pd.DataFrame
    frequency: pd.DataFrame


def middle_of(first: dt.date, last: dt.date) -> dt.date:
    """Return the day that ends the first half of a time.

    Examples
    --------
    >>> middle_of(dt.date(1997, 1, 1), dt.date(1998, 6, 30))
    datetime.date(1997, 9, 30)
    """
    return min(first + (last - first) // 2, last - dt.timedelta(days=1))


def clockwork_share(orders: IntoFrame, *, as_of: dt.date) -> tuple[float, int]:
    """Return which share of gaps lies within a tenth of the customer's own median gap, and of how many customers.

    Each customer with three gaps or more weighs once. NaN when there is nobody.
    """
    customer, gap = order_days(orders, as_of=as_of).gaps()
    by_customer = pd.Series(gap.astype("float64")).groupby(customer)
    median, often = by_customer.transform("median"), by_customer.transform("size") >= _MIN_GAPS
    near = ((gap - median).abs() <= 0.1 * median)[often]
    each = near.groupby(customer[often.to_numpy()]).mean()
    return float(each.mean()) if len(each) else float("nan"), len(each)


def round_summary(summary: pd.DataFrame, digits: int = 2) -> pd.DataFrame:
    """Return a summary with its times and means rounded, halves upwards: what other programs are often given.

    A time that would round to a different sign of repeat purchase, or beyond the tenure, stays as it is.
    """
    rounded, scale = summary.copy(), 10**digits
    for column in ("first_to_last", "tenure", "mean_repeat_value"):
        rounded[column] = np.floor(summary[column] * scale + 0.5 + 1e-6) / scale
    wrong = (rounded["first_to_last"] > 0) != (summary["first_to_last"] > 0)
    wrong |= rounded["first_to_last"] > rounded["tenure"]
    columns = ["first_to_last", "tenure"]
    rounded.loc[wrong, columns] = summary.loc[wrong, columns]
    return rounded


def fit_value_models(
    orders: IntoFrame,
    *,
    as_of: dt.date,
    calibrated_until: dt.date | None = None,
    orders_then: IntoFrame | None = None,
    time_unit: TimeUnit = "W",
    count_free_orders: bool = True,
    minor_digits: int = 2,
    first_orders: str = "unknown",
) -> ValueModels:
    """Fit all models to the orders until a date; refuse, by code, what the data cannot carry.

    Parameters
    ----------
    orders, as_of, calibrated_until, orders_then, time_unit, count_free_orders, minor_digits
        As in `summarise_repeat_purchases`.
    first_orders : {"observed", "cut off", "unknown"}
        Whether customers' first orders are in the data; "unknown": they are looked for.

    Returns
    -------
    ValueModels
    """
    refused = _refuse_history(orders, as_of, first_orders)
    if refused:
        return ValueModels(refused=refused)
    try:
        summary = summarise_repeat_purchases(
            orders,
            as_of=as_of,
            calibrated_until=calibrated_until,
            orders_then=orders_then,
            time_unit=time_unit,
            count_free_orders=count_free_orders,
            minor_digits=minor_digits,
        )
    except EmptyTableError:
        return ValueModels(refused={"no_repeat": {"n": 0, "until": (calibrated_until or as_of).isoformat()}})
    repeaters = int((summary["n_repeat"] > 0).sum())
    if repeaters < MIN_REPEAT_CUSTOMERS:
        return ValueModels(summary, refused={"no_repeat": {"n": repeaters, "until": summary.attrs["ends_on"]}})
    fitted = sorted((model().fit(summary) for model in MODELS), key=lambda m: -m.log_likelihood_)
    best = fitted[0]
    if best.is_short_:
        refused["short"] = {"known": best.median_tenure_, "gap": best.mean_gap_}
    if not best.dropout_identified_:
        refused["drop_out"] = {"model": best.title}
    if not np.isfinite(best.for_intervals_.log_covariance).all():
        refused["vague"] = {"model": best.title}
    spend, why = _fit_spend(summary)
    return ValueModels(summary, tuple(fitted), spend, refused | why)


def _refuse_history(orders: IntoFrame, as_of: dt.date, first_orders: str) -> dict[str, dict[str, Any]]:
    if first_orders == "cut off":
        return {"cut_off": {"declared": True}}
    if first_orders == "unknown" and check_first_orders(orders, as_of=as_of).verdict == "cut off":
        return {"cut_off": {"declared": False}}
    share, n = clockwork_share(orders, as_of=as_of)
    if n >= MIN_REPEAT_CUSTOMERS and share >= _CLOCKWORK:
        return {"clockwork": {"share": share, "n": n}}
    return {}


def _fit_spend(summary: pd.DataFrame) -> tuple[GammaGamma | None, dict[str, dict[str, Any]]]:
    model = GammaGamma()
    try:
        if vague := model.fit(summary).estimate_.unidentified():
            return None, {"vague_spend": {"names": ", ".join(vague)}}
        return model, {}
    except HistoryError:
        if model.n_customers_ < MIN_REPEAT_CUSTOMERS:
            return None, {"no_spend": {"n": model.n_customers_}}
        return None, {"infinite_spend": {"q": float(model.params_["q"]), "n": model.n_customers_}}


def parameter_table(models: ValueModels, *, level: float = 0.95) -> pd.DataFrame:
    """Return the estimates of all models, and what they are when the summary is rounded to two decimals.

    Returns
    -------
    DataFrame, one row per parameter
        ``model``, ``parameter``, ``estimate``, ``standard_error``, ``low``, ``high``, ``estimate_rounded``,
        ``log_likelihood``, ``n_customers``.
    """
    if models.summary is None or not models.purchases:
        return pd.DataFrame()
    rounded = round_summary(models.summary)
    parts: list[tuple[str, PurchaseModel | GammaGamma, pd.Series, int]] = [
        (model.title, model, type(model)().fit(rounded).params_, model.n_customers_)
        for model in sorted(models.purchases, key=lambda m: [t.title for t in MODELS].index(m.title))
    ]
    again = _fit_spend(rounded)[0]
    if models.spend is not None:
        missing = pd.Series(np.nan, index=list(models.spend.names))
        parts.append(("Gamma-Gamma", models.spend, again.params_ if again else missing, models.spend.n_customers_))
    tables = []
    for title, model, other, n in parts:
        table = model.estimate_.table(level)
        table.insert(0, "model", title)
        tables.append(
            table.assign(estimate_rounded=other.to_numpy(), log_likelihood=model.log_likelihood_, n_customers=n)
        )
    return pd.concat(tables, ignore_index=True)


def check_value_models(
    models: ValueModels,
    orders: IntoFrame,
    *,
    as_of: dt.date,
    calibrated_until: dt.date,
    orders_then: IntoFrame | None = None,
    count_free_orders: bool = True,
    level: float = 0.95,
    n_draws: int = 400,
    seed: int = 0,
) -> ModelCheck | None:
    """Hold the models, fitted until `calibrated_until`, against the time from then to `as_of`.

    Returns
    -------
    ModelCheck, or None when there is no model.
    """
    if models.best is None or models.summary is None:
        return None
    summary = models.summary
    hold_out = check_hold_out(
        models.best,
        orders,
        as_of=as_of,
        calibrated_until=calibrated_until,
        orders_then=orders_then,
        count_free_orders=count_free_orders,
        level=level,
        n_draws=n_draws,
        seed=seed,
    )
    ahead = float(summary.attrs["holdout"])
    tenure = summary["tenure"].to_numpy()
    pace = summary["n_repeat"] / np.where(tenure > 0, tenure, np.inf) * ahead
    said = {model.title: model.expected_future_purchases(summary, ahead) for model in models.purchases}
    actual = summary["n_holdout"].to_numpy()
    errors = [
        {
            "model": title,
            "expected": float(np.sum(expected)),
            "actual": float(actual.sum()),
            "error": float(np.sum(expected) / actual.sum() - 1) if actual.sum() else np.nan,
            "mean_absolute_error": float(np.mean(np.abs(expected - actual))),
        }
        for title, expected in {**said, "everybody at their own pace": pace}.items()
    ]
    tables = {model.title: model.repeat_frequency(summary) for model in models.purchases}
    first = next(iter(tables.values()))
    frequency = first[["n_repeat", "actual"]].assign(**{name: t["expected"] for name, t in tables.items()})
    return ModelCheck(hold_out, pd.DataFrame(errors), frequency)
