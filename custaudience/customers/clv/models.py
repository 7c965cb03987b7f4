"""The models of value fitted to one study at one date: what each refuses, how they fare, what customers are worth."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.clv.fitting import MIN_REPEAT_CUSTOMERS, PurchaseModel, distinct_rows
from custaudience.customers.clv.formulas import Outlook
from custaudience.customers.clv.predicting import ClvPrediction, HoldOut, check_hold_out, predict_clv, simulate_futures
from custaudience.customers.clv.purchases import BgNbd, GammaGamma, ParetoNbd
from custaudience.customers.clv.repeat import WEEKLY, Counting, summarise_repeat_purchases
from custaudience.customers.history import check_first_orders
from custaudience.customers.rhythm import order_days
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Terms

MODELS: tuple[type[PurchaseModel], ...] = (BgNbd, ParetoNbd)
_CLOCKWORK = 0.5  # chance alone puts 7 % of gaps within a tenth of their median; a monthly bill nearly all
_MIN_GAPS = 3


@dataclass(frozen=True)
class ValueModels:
    """Models of purchases and of spend on one summary.

    ``summary`` (private: it has ids) is None where the history was refused before. ``purchases`` stand best first: all
    have four parameters, so the one with the higher likelihood describes the data better. ``refused`` says what cannot
    be said, by code, with the figures that tell why: ``cut_off``, ``clockwork``, ``no_repeat`` (nothing is fitted);
    ``short``, ``vague`` (nothing to come is told); ``drop_out`` (do not read who is still a customer); ``no_spend``,
    ``infinite_spend``, ``vague_spend`` (no value in money).
    """

    summary: pd.DataFrame | None = None
    purchases: tuple[PurchaseModel, ...] = ()
    spend: GammaGamma | None = None
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)
    time_unit: str = "W"

    @property
    def best(self) -> PurchaseModel | None:
        """The model of purchases that describes the data best."""
        return self.purchases[0] if self.purchases else None

    def named(self, title: str) -> PurchaseModel:
        """Return the model of purchases of that name."""
        return next(model for model in self.purchases if model.title == title)


@dataclass(frozen=True)
class ModelCheck:
    """What the models said of a time they had not seen: the best one first, then the other.

    ``hold_out`` is of the best model; ``errors`` (expected / actual - 1) end with everybody going on at their own pace;
    ``frequency`` has the customers each model expects by repeat purchases.
    """

    hold_out: HoldOut
    errors: pd.DataFrame
    frequency: pd.DataFrame


@dataclass(frozen=True)
class Worth:
    """What customers are expected to bring, with both intervals.

    ``prediction`` is private: it has ids. ``typical`` is its row, without id, whose value is the median, or whose
    expected purchases are when there is no value. ``groups``, the most valuable first, have money where there is a
    model of spend, and ``mean_probability_alive`` with BG/NBD of those who bought again only: for the others it is 1 by
    construction. ``alive``: see `alive_table`, the model taken first.
    """

    prediction: ClvPrediction
    typical: pd.Series
    groups: pd.DataFrame
    alive: pd.DataFrame


def middle_of(first: dt.date, last: dt.date) -> dt.date:
    """Return the day that ends the first half of a time."""
    return min(first + (last - first) // 2, last - dt.timedelta(days=1))


def clockwork_share(orders: IntoFrame, *, as_of: dt.date) -> tuple[float, int]:
    """Return which share of gaps lies within a tenth of the customer's own median gap, and of how many customers.

    Each customer with three gaps or more weighs once; NaN when there is nobody.
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


def fit_value_models(orders: IntoFrame, terms: Terms, counting: Counting = WEEKLY) -> ValueModels:
    """Fit all models to the orders until a date; refuse, by code, what the data cannot carry."""
    unit = counting.time_unit
    if refused := _refuse_history(orders, terms):
        return ValueModels(refused=refused, time_unit=unit)
    try:
        summary = summarise_repeat_purchases(orders, terms, counting)
    except EmptyTableError:
        until = counting.end(terms.as_of).isoformat()
        return ValueModels(refused={"no_repeat": {"n": 0, "until": until}}, time_unit=unit)
    repeaters = int((summary["n_repeat"] > 0).sum())
    if repeaters < MIN_REPEAT_CUSTOMERS:
        refused = {"no_repeat": {"n": repeaters, "until": summary.attrs["ends_on"]}}
        return ValueModels(summary, refused=refused, time_unit=unit)
    fitted = sorted((model().fit(summary) for model in MODELS), key=lambda m: -m.log_likelihood_)
    best = fitted[0]
    if best.is_short_:
        refused["short"] = {"known": best.median_tenure_, "gap": best.mean_gap_}
    if not best.dropout_identified_:
        refused["drop_out"] = {"model": best.title}
    if not np.isfinite(best.for_intervals_.log_covariance).all():
        refused["vague"] = {"model": best.title}
    spend, why = _fit_spend(summary)
    return ValueModels(summary, tuple(fitted), spend, refused | why, unit)


def _refuse_history(orders: IntoFrame, terms: Terms) -> dict[str, dict[str, Any]]:
    if terms.first_orders == "cut off":
        return {"cut_off": {"declared": True}}
    if terms.first_orders == "unknown" and check_first_orders(orders, as_of=terms.as_of).verdict == "cut off":
        return {"cut_off": {"declared": False}}
    share, n = clockwork_share(orders, as_of=terms.as_of)
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
    """Return the estimates of all models, and what they are when the summary is rounded to two decimals."""
    if models.summary is None or not models.purchases:
        return pd.DataFrame()
    rounded, tables = round_summary(models.summary), []
    fitted: list[tuple[str, PurchaseModel | GammaGamma]] = [(m.title, models.named(m.title)) for m in MODELS]
    fitted += [("Gamma-Gamma", models.spend)] if models.spend else []
    for title, model in fitted:
        again = _fit_spend(rounded)[0] if isinstance(model, GammaGamma) else type(model)().fit(rounded)
        table = model.estimate_.table(level).assign(estimate_rounded=again.params_.to_numpy() if again else np.nan)
        table.insert(0, "model", title)
        tables.append(table.assign(log_likelihood=model.log_likelihood_, n_customers=model.n_customers_))
    return pd.concat(tables, ignore_index=True)


def check_value_models(
    models: ValueModels, orders: IntoFrame, terms: Terms, counting: Counting, n_draws: int = 400
) -> ModelCheck | None:
    """Hold the models, fitted with the same `counting`, against what came after; None when there is no model."""
    if models.best is None or models.summary is None:
        return None
    summary = models.summary
    hold_out = check_hold_out(models.best, orders, terms, counting, n_draws)
    ahead, tenure = float(summary.attrs["holdout"]), summary["tenure"].to_numpy()
    said = {model.title: model.expected_future_purchases(summary, ahead) for model in models.purchases}
    said["everybody at their own pace"] = summary["n_repeat"] / np.where(tenure > 0, tenure, np.inf) * ahead
    actual = summary["n_holdout"].to_numpy()
    errors = pd.DataFrame({"model": list(said), "expected": [float(np.sum(e)) for e in said.values()]})
    errors["actual"] = float(actual.sum())
    errors["error"] = errors["expected"] / actual.sum() - 1 if actual.sum() else np.nan
    errors["mean_absolute_error"] = [float(np.mean(np.abs(e - actual))) for e in said.values()]
    tables = {model.title: model.repeat_frequency(summary) for model in models.purchases}
    frequency = tables[models.best.title][["n_repeat", "actual"]]
    return ModelCheck(hold_out, errors, frequency.assign(**{name: t["expected"] for name, t in tables.items()}))


def value_to_come(
    models: ValueModels, title: str, groups: pd.DataFrame, outlook: Outlook, terms: Terms
) -> Worth | None:
    """Predict what customers will bring; None when there is no model, or none that tells anything of the time to come.

    `title` names the model of purchases to take, for example the one that was best in the calibration; `groups` hold
    ``customer_id`` and ``segment``, and customers that are not in it form the group "no_order".
    """
    if not models.purchases or models.summary is None or {"short", "vague"} & models.refused.keys():
        return None
    model, spend, summary = models.named(title), models.spend, models.summary
    formula = replace(outlook, n_draws=0)
    prediction = predict_clv(model, spend, summary, formula, terms)
    table, totals = prediction.table, prediction.totals.copy()
    size = table["value" if spend is not None else "expected_purchases"]
    middle = int(size.rank(method="first").sub((len(table) + 1) // 2).abs().argmin())
    known = summary[["customer_id"]].merge(groups[["customer_id", "segment"]], on="customer_id", how="left")["segment"]
    codes, names = pd.factorize(known.astype("object").where(known.notna(), "no_order"), sort=True)
    sums: dict[str, np.ndarray] = {}  # by group and draw
    typical = table.iloc[middle].drop("customer_id")
    for part, futures in simulate_futures(model, spend, summary, outlook, terms.seed):
        for name, drawn in futures.items():
            np.add.at(sums.setdefault(name, np.zeros((len(names), outlook.n_draws))), codes[part], drawn)
            if part.start <= middle < part.stop:
                own_ends = np.quantile(drawn[middle - part.start], terms.ends)
                typical[[f"{name}_predictive_low", f"{name}_predictive_high"]] = own_ends
    for name in sums:
        totals.loc[name, ["predictive_low", "predictive_high"]] = np.quantile(sums[name].sum(axis=0), terms.ends)
    told = ((summary["n_repeat"] > 0).to_numpy() | (model.title != "BG/NBD")) & model.dropout_identified_
    rows = []
    for i, name in enumerate(names):
        own = predict_clv(model, spend, summary[codes == i], formula, terms)
        means = own.table[["expected_purchases", "value"]].mean()
        alive = own.table.loc[told[codes == i], "probability_alive"].mean()
        ends = np.quantile(sums["value"][i], terms.ends) if "value" in sums else (np.nan, np.nan)
        rows.append((str(name), len(own.table), alive, *means, *own.totals.loc["value"].iloc[:3], *ends))
    columns = ["group", "n_customers", "mean_probability_alive", "expected_purchases", "value_per_customer"]
    found = pd.DataFrame(rows, columns=[*columns, "value", *totals.columns[1:]])
    total = found["value"].sum()
    found["share_of_value"] = found["value"] / total if total else np.nan
    order = found["value"].where(found["value"].notna(), found["expected_purchases"] * found["n_customers"])
    found = found.iloc[np.lexsort((found["group"], -order))].reset_index(drop=True)
    still = pd.concat([alive_table(m, summary, terms) for m in (model, *models.purchases)])
    still = still.drop_duplicates(["model", "group"], ignore_index=True)
    return Worth(replace(prediction, totals=totals, outlook=outlook), typical, found, still)


def alive_table(model: PurchaseModel, summary: pd.DataFrame, terms: Terms, *, n_draws: int = 200) -> pd.DataFrame:
    """Return the mean probability of being alive of ``all``, who came back (``repeat``), and who bought ``once``.

    Columns ``model``, ``group``, ``n_customers``, ``probability_alive``, ``low``, ``high``. The interval draws the
    parameters from their normal approximation; NaN where drop-out is not identified.
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
        draws = [means(params) for params in model.estimate_.draw(np.random.default_rng(terms.seed), n_draws)]
        ends = np.quantile(draws, terms.ends, axis=0)
    rows = [
        (model.title, name, int(part.sum()), mean, min(low, mean), max(high, mean))
        for (name, part), mean, low, high in zip(parts.items(), point, *ends.tolist(), strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "group", "n_customers", "probability_alive", "low", "high"])
