"""What a report may say of cohorts: how many new customers come back, and how soon."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from custaudience.customers.cohorts.survival import SurvivalComparison, median_survival
from custaudience.evidence import Claim, template

_LATER = {
    "W": (
        12,
        template(
            "In week {age:count} after the first, {share:percent1} of new customers order "
            "({low:percent1} to {high:percent1})."
        ),
    ),
    "M": (
        6,
        template(
            "In month {age:count} after the first, {share:percent1} of new customers order "
            "({low:percent1} to {high:percent1})."
        ),
    ),
    "Q": (
        4,
        template(
            "In quarter {age:count} after the first, {share:percent1} of new customers order "
            "({low:percent1} to {high:percent1})."
        ),
    ),
}


def cohort_claims(
    second: pd.DataFrame,
    curve: pd.DataFrame,
    activity: pd.DataFrame,
    comparison: SurvivalComparison | None,
    *,
    as_of: dt.date,
    period: str,
    horizons: tuple[int, ...] = (30, 90, 180),
    notebook: str,
    level: float = 0.95,
) -> list[Claim]:
    """Return the claims of notebook 31 when first orders are in the data, the finding first.

    Parameters
    ----------
    second : DataFrame
        From `time_to_second_order`.
    curve : DataFrame
        From `survival_table` of the time to the second order, all customers.
    activity : DataFrame
        From `retention_cells` with ``definition="activity"``.
    comparison : SurvivalComparison, optional
        Early against late cohorts.
    as_of : date
    period : {"W", "M", "Q"}
        Of `activity`.
    horizons : tuple of int
        Days by which the share that came back is told.
    notebook : str
    level : float
        Confidence level of the intervals in `curve`.
    """
    common: dict[str, Any] = {"source": "transactions", "as_of": as_of, "notebook": notebook}
    return [
        *_came_back(curve, len(second), horizons, level, common),
        _median_wait(curve, len(second), level, common),
        _later_activity(activity, period, level, common),
        *([] if comparison is None else [_comparison(comparison, common)]),
    ]


def _came_back(
    curve: pd.DataFrame, n: int, horizons: tuple[int, ...], level: float, common: dict[str, Any]
) -> list[Claim]:
    claims: list[Claim] = []
    reached = [days for days in horizons if days <= curve["time"].max()]
    for days in reached:
        share, low, high = _came_back_by(curve, days)
        claims.append(
            _share_claim(
                f"cohorts.came_back_{days}",
                template(
                    "Within {days:count} days {share:percent} have ordered again ({low:percent} to {high:percent})."
                ),
                {"share": share, "days": days, "low": low, "high": high},
                n,
                level,
                common,
            )
        )
    if len(reached) >= 2:
        share, low, high = _came_back_by(curve, reached[0])
        later = _came_back_by(curve, reached[-1])[0]
        values = {
            "first": round(100 * share),
            "last": round(100 * later),
            "days": reached[0],
            "until": reached[-1],
            "share": share,
            "low": low,
            "high": high,
        }
        text = template(
            "Of 100 new customers about {first:count} order again within {days:count} days and {last:count} "
            "within {until:count}: whoever is to come back mostly does so early."
        )
        slow = template(
            "Of 100 new customers about {first:count} order again within {days:count} days and {last:count} "
            "within {until:count}: most of those who come back take their time."
        )
        claims.insert(
            0, _share_claim("cohorts.finding", text if share >= later / 2 else slow, values, n, level, common)
        )
    return claims


def _came_back_by(curve: pd.DataFrame, days: int) -> tuple[float, float, float]:
    """Return the share that has ordered again by a day, with its interval."""
    at = curve[curve["time"] <= days].iloc[-1]
    return 1 - float(at["share"]), 1 - float(at["high"]), 1 - float(at["low"])


def _share_claim(id_: str, text: str, values: dict[str, Any], n: int, level: float, common: dict[str, Any]) -> Claim:
    return Claim(
        id=id_,
        template=text,
        values=values,
        kind="estimate",
        statistic="survival",
        value=values["share"],
        unit="fraction",
        low=values["low"],
        high=values["high"],
        level=level,
        n=n,
        method=template("Kaplan-Meier estimate of the time to the second order, censored at the end of the data."),
        **common,
    )


def _median_wait(curve: pd.DataFrame, n: int, level: float, common: dict[str, Any]) -> Claim:
    median = median_survival(curve).iloc[0]
    reached = bool(median["reached"]) and pd.notna(median["low"]) and pd.notna(median["high"])
    values = {"days": None if pd.isna(median["median"]) else int(median["median"]), "until": int(median["seen_until"])}
    text = (
        template("Half of the new customers have ordered again after {days:count} days.")
        if median["reached"]
        else template(
            "Fewer than half of the new customers have ordered again by day {until:count}, the last one seen."
        )
    )
    return Claim(
        id="cohorts.median_wait",
        template=text,
        values=values,
        kind="estimate",
        statistic="survival",
        value=values["days"],
        unit="days",
        n=n,
        low=float(median["low"]) if reached else None,
        high=float(median["high"]) if reached else None,
        level=level if reached else None,
        status="measured" if reached else "too_few",
        method=template("Kaplan-Meier estimate of the time to the second order, censored at the end of the data."),
        **common,
    )


def _later_activity(activity: pd.DataFrame, period: str, level: float, common: dict[str, Any]) -> Claim:
    """Say how many order in one later period, of the cohorts that have reached it."""
    usual, text = _LATER[period]
    age = min(usual, int(activity["age"].max()))
    cells = activity[activity["age"] == age]
    n, active = int(cells["cohort_size"].sum()), int(cells["n_customers"].sum())
    low, high = proportion_confint(active, n, alpha=1 - level, method="wilson")
    return Claim(
        id="cohorts.later_activity",
        template=text,
        values={"age": age, "share": active / n, "low": float(low), "high": float(high)},
        kind="estimate",
        statistic="activity",
        value=active / n,
        unit="fraction",
        low=float(low),
        high=float(high),
        level=level,
        n=n,
        method=template("Share with an order in that period, Wilson interval."),
        **common,
    )


def _comparison(comparison: SurvivalComparison, common: dict[str, Any]) -> Claim:
    clear = comparison.p_value < 0.05
    small = template("Early and late cohorts come back at different speeds (log-rank p < 0.001).")
    return Claim(
        id="cohorts.early_late",
        template=small
        if comparison.p_value < 0.001
        else template("Early and late cohorts come back at different speeds (log-rank p = {p:number2}).")
        if clear
        else template(
            "No clear difference between early and late cohorts in how soon they come back (log-rank p = {p:number2})."
        ),
        values={"p": comparison.p_value},
        kind="count",
        statistic="log_rank",
        value=comparison.p_value,
        unit="p",
        n=int(comparison.groups["n"].sum()),
        status="measured" if clear else "no_clear_difference",
        method=template("Log-rank test of the time to the second order, cohorts split in two halves by date."),
        **common,
    )


def refusal_claim(reason: str, *, as_of: dt.date, notebook: str) -> Claim:
    """Return the claim that takes the place of cohorts when the history is cut off on the left."""
    return Claim(
        id="cohorts.finding",
        template=template(
            "Acquisition cohorts cannot be told here: customers had ordered before the data begin, so their "
            "first order in the data is not their first order."
        ),
        values={"reason": reason},
        kind="count",
        statistic="cohort",
        value=None,
        unit="",
        n=None,
        status="too_few",
        source="transactions",
        as_of=as_of,
        notebook=notebook,
        method=template(
            "Declared in study.toml, or the rate of first orders right after the data begin against later."
        ),
    )
