"""What customers are worth over a horizon: all of them, a typical one, and groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from custaudience.customers.clv.fitting import distinct_rows
from custaudience.customers.clv.gammagamma import GammaGamma, value_rows
from custaudience.customers.clv.models import ValueModels
from custaudience.customers.clv.predicting import ClvPrediction, predict_clv, simulate_futures
from custaudience.customers.clv.purchase_model import PurchaseModel
from custaudience.customers.clv.repeat import DAYS_PER_UNIT


@dataclass(frozen=True)
class Worth:
    """What customers are expected to bring, with both intervals.

    Attributes
    ----------
    prediction : ClvPrediction
        Per customer (private: it has ids) and in total.
    typical : Series
        The row of the prediction whose value is the median, or whose expected purchases are when there is no
        value; without its id.
    groups : DataFrame, one row per group, the most valuable first
        ``group``, ``n_customers``, ``mean_probability_alive`` (with BG/NBD of those who bought again only, for the
        others it is 1 by construction; NaN where it is not told), ``expected_purchases`` (per customer),
        ``value_per_customer``, ``value`` (of the group) and its ``parameter_low``, ``parameter_high``,
        ``predictive_low``, ``predictive_high``, ``share_of_value``. Money is NaN without a spend model.
    alive : DataFrame, groups ``all``, ``repeat`` and ``once`` of each model, the one taken first
        ``model``, ``group``, ``n_customers``, ``probability_alive`` (mean), ``low``, ``high`` (parameter interval).
    """

    prediction: ClvPrediction
    typical: pd.Series
    groups: pd.DataFrame
    alive: pd.DataFrame


def value_to_come(
    models: ValueModels,
    *,
    title: str,
    groups: pd.DataFrame,
    horizon: float,
    yearly_discount_rate: float,
    margin: float = 1.0,
    level: float = 0.95,
    n_draws: int = 400,
    seed: int = 0,
) -> Worth | None:
    """Predict what customers will bring.

    Parameters
    ----------
    models : ValueModels
        Fitted to the whole history.
    title : str
        Which model of purchases to take, for example the one that was best in the calibration.
    groups : DataFrame
        ``customer_id`` and ``segment``; customers that are not in it form the group "no_order".
    horizon, yearly_discount_rate, margin, level, n_draws, seed
        As in `predict_clv`.

    Returns
    -------
    Worth, or None when there is no model, or none that tells anything of the time to come.
    """
    if not models.purchases or models.summary is None or {"short", "vague"} & models.refused.keys():
        return None
    model, spend, summary = models.named(title), models.spend, models.summary
    predict = partial(
        predict_clv,
        model,
        spend,
        horizon=horizon,
        yearly_discount_rate=yearly_discount_rate,
        margin=margin,
        level=level,
        n_draws=0,
        seed=seed,
    )
    prediction = predict(summary)
    table = prediction.table
    by = "value" if spend is not None else "purchases"
    size = table["value" if spend is not None else "expected_purchases"]
    middle = int(size.rank(method="first").sub((len(table) + 1) // 2).abs().argmin())
    known = summary[["customer_id"]].merge(groups[["customer_id", "segment"]], on="customer_id", how="left")["segment"]
    codes, names = pd.factorize(known.astype("object").where(known.notna(), "no_order"), sort=True)
    sums, typical = _futures(prediction, model, spend, summary, codes, len(names), middle, n_draws)
    ends = [(1 - level) / 2, (1 + level) / 2]
    totals = prediction.totals.copy()
    row = table.iloc[middle].drop("customer_id")
    for name in sums:
        totals.loc[name, ["predictive_low", "predictive_high"]] = np.quantile(sums[name].sum(axis=0), ends)
        row[[f"{name}_predictive_low", f"{name}_predictive_high"]] = np.quantile(typical[name], ends)
    rows = []
    for i, name in enumerate(names):
        own = predict(summary[codes == i])
        predictive = np.quantile(sums[by][i], ends) if by in sums else np.full(2, np.nan)
        row_of = _group_row(str(name), own, predictive, money=spend is not None)
        told = (summary["n_repeat"] > 0).to_numpy()[codes == i] | (model.title != "BG/NBD")
        told &= model.dropout_identified_
        row_of["mean_probability_alive"] = float(own.table.loc[told, "probability_alive"].mean())
        rows.append(row_of)
    found = pd.DataFrame(rows)
    whole = found["value"].sum()
    found["share_of_value"] = found["value"] / whole if whole else np.nan
    order = found["value"].where(found["value"].notna(), found["expected_purchases"] * found["n_customers"])
    found = found.iloc[np.lexsort((found["group"], -order))].reset_index(drop=True)
    alive = [alive_table(m, summary, level=level, seed=seed) for m in (model, *models.purchases)]
    return Worth(
        replace(prediction, totals=totals, n_draws=n_draws),
        row,
        found,
        pd.concat(alive, ignore_index=True).drop_duplicates(["model", "group"], ignore_index=True),
    )


def _futures(
    prediction: ClvPrediction,
    model: PurchaseModel,
    spend: GammaGamma | None,
    summary: pd.DataFrame,
    codes: np.ndarray,
    n_groups: int,
    middle: int,
    n_draws: int,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Simulate each customer once; return purchases and values by group and draw, and those of one customer.

    Nothing where the data do not identify the parameters, or no draws are wanted.
    """
    known = np.isfinite(model.for_intervals_.log_covariance).all()
    if not n_draws or not known or not (spend is None or spend.estimate_.positive_definite):
        return {}, {}
    x, last, tenure = model.check_summary(summary)
    z = value_rows(summary)[1] if spend else np.zeros(len(x))
    unit = DAYS_PER_UNIT[prediction.time_unit] / DAYS_PER_UNIT["Y"]
    per_unit = np.log1p(prediction.yearly_discount_rate) * unit
    names = ("purchases", "value") if spend else ("purchases",)
    sums = {name: np.zeros((n_groups, n_draws)) for name in names}
    one: dict[str, np.ndarray] = {}
    done = 0
    rows = (x, last, tenure, z)
    for counts, values in simulate_futures(model, spend, rows, prediction.horizon, per_unit, n_draws, prediction.seed):
        part = slice(done, done + len(counts))
        for name, drawn in zip(names, (counts, prediction.margin * values), strict=False):
            np.add.at(sums[name], codes[part], drawn)
            if part.start <= middle < part.stop:
                one[name] = drawn[middle - done]
        done += len(counts)
    return sums, one


def _group_row(name: str, own: ClvPrediction, predictive: np.ndarray, *, money: bool) -> dict[str, float | str]:
    table, totals = own.table, own.totals.loc["value"]
    return {
        "group": name,
        "n_customers": len(table),
        "mean_probability_alive": np.nan,
        "expected_purchases": float(table["expected_purchases"].mean()),
        "value_per_customer": float(table["value"].mean()) if money else np.nan,
        "value": float(table["value"].sum()) if money else np.nan,
        "parameter_low": float(totals["parameter_low"]) if money else np.nan,
        "parameter_high": float(totals["parameter_high"]) if money else np.nan,
        "predictive_low": float(predictive[0]) if money else np.nan,
        "predictive_high": float(predictive[1]) if money else np.nan,
    }


def alive_table(
    model: PurchaseModel, summary: pd.DataFrame, *, level: float = 0.95, n_draws: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Return the mean probability of being alive of all customers, of repeat buyers, and of who bought once.

    The interval draws the parameters from their normal approximation; NaN where drop-out is not identified.
    """
    history, weights, _ = distinct_rows(*model.check_summary(summary))
    x = history[0]
    parts = {"all": weights, "repeat": weights * (x > 0), "once": weights * (x == 0)}

    def means(params: np.ndarray) -> list[float]:
        chance = model.alive(params, *history)
        return [float(chance @ part / part.sum()) if part.any() else np.nan for part in parts.values()]

    point = means(model.estimate_.values)
    ends = np.full((2, len(parts)), np.nan)
    if model.dropout_identified_:
        draws = [means(params) for params in model.estimate_.draw(np.random.default_rng(seed), n_draws)]
        ends = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    rows = [
        (model.title, name, int(part.sum()), mean, min(low, mean), max(high, mean))
        for (name, part), mean, low, high in zip(parts.items(), point, *ends.tolist(), strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "group", "n_customers", "probability_alive", "low", "high"])
