"""What a report may say of the models of customer value: repeat orders, parameters, the time held out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from custaudience.customers.clv.fitting import MIN_REPEAT_CUSTOMERS
from custaudience.customers.clv.models import ModelCheck, ValueModels
from custaudience.evidence import Claim, template

SLUG = "customer_value"
_SPANS = {
    "D": template("{horizon:number} {horizon:plural day|days}"),
    "W": template("{horizon:number} {horizon:plural week|weeks}"),
    "M": template("{horizon:number} {horizon:plural month|months}"),
    "Y": template("{horizon:number} {horizon:plural year|years}"),
}
_UNITS = {"D": template("days"), "W": template("weeks"), "M": template("months"), "Y": template("years")}
_KEYS = {"BG/NBD": "bg_nbd", "Pareto/NBD": "pareto_nbd", "Gamma-Gamma": "gamma_gamma"}


@dataclass(frozen=True)
class Terms:
    """What the figures were made with."""

    currency: str
    least: int
    time_unit: str
    horizon: float
    margin: float
    rate: float
    level: float
    needed: int = MIN_REPEAT_CUSTOMERS

    @property
    def units(self) -> str:
        """The time unit in words, a template."""
        return _UNITS[self.time_unit]


def span_of(terms: Terms) -> dict[str, Any]:
    """Return the horizon as values of a template: ``{span:sentence}`` reads "52 weeks"."""
    return {"span": _SPANS[terms.time_unit], "horizon": terms.horizon}


def count_claim(
    key: str, text: str, values: dict[str, Any], value: float | None, common: dict[str, Any], **fields: Any
) -> Claim:
    """Return a claim that counts."""
    return Claim(id=f"{SLUG}.{key}", template=text, values=values, kind="count", value=value, **fields, **common)


def estimate_claim(
    key: str,
    text: str,
    values: dict[str, Any],
    value: float,
    terms: Terms,
    common: dict[str, Any],
    unit: str,
    statistic: str,
    n: int,
    method: str,
) -> Claim:
    """Return a claim with an interval, whose ends are among the values."""
    return Claim(
        id=f"{SLUG}.{key}",
        template=text,
        values=values,
        kind="estimate",
        statistic=statistic,
        value=value,
        unit=unit,
        low=values["low"],
        high=values["high"],
        level=terms.level,
        n=n,
        method=method,
        **common,
    )


def model_claims(
    calibrated: ValueModels,
    check: ModelCheck | None,
    parameters: pd.DataFrame,
    summary: pd.DataFrame | None,
    terms: Terms,
    common: dict[str, Any],
) -> list[Claim]:
    """Return who has bought again, and what the models say of it until the calibration and after.

    Parameters
    ----------
    calibrated, check, parameters
        From `fit_value_models` until the day of the calibration, `check_value_models`, `parameter_table`.
    summary : DataFrame or None
        Of the latest date there is.
    """
    claims = [] if summary is None else _repeat(summary, terms, common)
    if check is None:
        return claims
    return [
        *claims,
        _choice(calibrated, common),
        *_parameters(parameters, common),
        *_rounding(parameters, common),
        _hold_out(check, terms, common),
        *_pace(check, common),
    ]


def _repeat(summary: pd.DataFrame, terms: Terms, common: dict[str, Any]) -> list[Claim]:
    n, everybody = int((summary["n_repeat"] > 0).sum()), len(summary)
    if 0 < n < terms.least or everybody < terms.least:
        return []
    return [
        count_claim(
            "repeat",
            template("{n:count} of {all:count} customers ({share:percent}) had bought again by {until:date}."),
            {"n": n, "all": everybody, "share": n / everybody, "until": summary.attrs["ends_on"]},
            n / everybody,
            common,
            unit="fraction",
            statistic="repeat_purchases",
            n=everybody,
            method=template("Customers with purchases on two days or more; all orders of one day are one purchase."),
        )
    ]


def _choice(models: ValueModels, common: dict[str, Any]) -> Claim:
    best, other = models.purchases[:2]
    close = best.log_likelihood_ - other.log_likelihood_ < 2
    values = {"best": best.title, "other": other.title, "until": best.ends_on_}
    values |= {"ll": best.log_likelihood_, "other_ll": other.log_likelihood_}
    return count_claim(
        "model",
        template(
            "{best:text} and {other:text} describe the repeat orders until {until:date} about equally well "
            "(log-likelihood {ll:number1} and {other_ll:number1}, four parameters each); {best:text} is taken."
        )
        if close
        else template(
            "{best:text} describes the repeat orders until {until:date} better than {other:text} (log-likelihood "
            "{ll:number1} against {other_ll:number1}, four parameters each), so it is taken."
        ),
        values,
        best.log_likelihood_,
        common,
        unit="",
        statistic="purchase_model",
        n=best.n_customers_,
        method=template("Maximum likelihood on purchases until the day of the calibration."),
    )


def _parameters(table: pd.DataFrame, common: dict[str, Any]) -> list[Claim]:
    """Return the parameters of each model, written with as many digits as publications give."""
    claims = []
    for model, part in table.groupby("model", sort=False):
        digits = 3 if model == "Gamma-Gamma" else 4
        known = part["standard_error"].notna() & part["estimate_rounded"].notna()
        if not known.any():
            continue
        exact, rounded = (
            " ".join(f"{x:.{digits}f}" if told else "–" for x, told in zip(part[c], known, strict=True))
            for c in ("estimate", "estimate_rounded")
        )
        values = {"model": model, "names": " ".join(part["parameter"]), "exact": exact, "rounded": rounded}
        claims.append(
            count_claim(
                f"parameters.{_KEYS[str(model)]}",
                template(
                    "{model:text} ({names:text}): {exact:text}; with the summary rounded to two decimals "
                    "{rounded:text}."
                ),
                values | {"n": int(part["n_customers"].iloc[0])},
                None,
                common,
                unit="",
                statistic="purchase_model",
                n=int(part["n_customers"].iloc[0]),
                method=template("Maximum likelihood on purchases until the day of the calibration."),
            )
        )
    return claims


def _rounding(table: pd.DataFrame, common: dict[str, Any]) -> list[Claim]:
    moved = ((table["estimate_rounded"] - table["estimate"]).abs() / table["standard_error"]).max()
    if not moved >= 0:
        return []
    calm = template(
        "Rounding times and means to two decimals, as published files do, moves no parameter by more than "
        "{moved:number3} standard errors: it does not matter here."
    )
    matters = template(
        "Rounding times and means to two decimals moves a parameter by {moved:number3} standard errors: keep the exact "
        "values."
    )
    return [
        count_claim(
            "rounding",
            calm if moved <= 0.1 else matters,
            {"moved": max(float(moved), 0.001)},
            float(moved),
            common,
            unit="",
            statistic="purchase_model",
            n=int(table["n_customers"].max()),
            method=template("The same models fitted to the rounded summary, halves upwards."),
        )
    ]


def _hold_out(check: ModelCheck, terms: Terms, common: dict[str, Any]) -> Claim:
    found = check.hold_out
    inside = found.predictive_low <= found.actual <= found.predictive_high
    known = np.isfinite(found.predictive_low)
    much = template("{error:percent1} too many")
    little = template("{error:percent1} too few")
    exact = template("within 1 % of it")
    values: dict[str, Any] = {
        "from": (found.calibrated_until + dt.timedelta(days=1)).isoformat(),
        "until": found.as_of.isoformat(),
        "actual": round(found.actual),
        "model": str(check.errors["model"].iloc[0]),
        "expected": found.expected,
        "low": found.predictive_low,
        "high": found.predictive_high,
        "error": abs(found.error),
    }
    text = template(
        "From {from:date} to {until:date} these customers ordered {actual:count} times; {model:text}, which had not "
        "seen that time, had said {expected:count} ({low:count} to {high:count}): {verdict:sentence}."
    )
    missed = template(
        "From {from:date} to {until:date} these customers ordered {actual:count} times; {model:text}, which had not "
        "seen that time, had said {expected:count}: {verdict:sentence}. What happened lies outside the model's own "
        "interval ({low:count} to {high:count}), so it misses something, such as seasons or campaigns."
    )
    plain = template(
        "From {from:date} to {until:date} these customers ordered {actual:count} times; {model:text}, which had not "
        "seen that time, had said {expected:count}: {verdict:sentence}. No interval can be given."
    )
    none = template(
        "From {from:date} to {until:date} none of these customers ordered; {model:text} had said {expected:count}."
    )
    values["verdict"] = exact if abs(found.error) < 0.01 else much if found.error > 0 else little
    if not found.actual:
        values = {name: values[name] for name in ("from", "until", "model", "expected", "low", "high")}
    if not known:
        values |= {"low": None, "high": None}
    return Claim(
        id=f"{SLUG}.holdout",
        template=none if not found.actual else plain if not known else text if inside else missed,
        values=values,
        kind="estimate",
        statistic="model_check",
        value=found.expected,
        unit="orders",
        low=values["low"],
        high=values["high"],
        level=terms.level if known else None,
        n=int(found.by_calibration_purchases["n_customers"].sum()),
        status="too_few" if not known else "measured" if inside else "contradicted",
        method=template("Fitted before, compared after; where the actual number was to lie if the model were right."),
        **common,
    )


def _pace(check: ModelCheck, common: dict[str, Any]) -> list[Claim]:
    model, pace = check.errors.iloc[0], check.errors.iloc[-1]
    if not model["actual"]:
        return []
    values = {
        "naive": round(float(pace["expected"])),
        "actual": round(float(model["actual"])),
        "model": model["model"],
        "error": float(model["mean_absolute_error"]),
        "other": float(pace["mean_absolute_error"]),
    }
    return [
        count_claim(
            "pace",
            template(
                "Had everybody gone on at their own pace, it would have been {naive:count} orders instead of "
                "{actual:count}. Per customer, {model:text} is off by {error:number2} orders on average, the pace by "
                "{other:number2}."
            ),
            values,
            values["error"],
            common,
            unit="orders",
            statistic="model_check",
            n=int(check.hold_out.by_calibration_purchases["n_customers"].sum()),
            method=template("Orders per time until the calibration, kept up; mean absolute errors."),
        )
    ]
