"""What a report may say of cohorts: how many new customers come back, and how soon."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from custaudience.customers.cohorts.survival import SurvivalComparison, median_survival
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Claim, Estimate, Terms
from custaudience.stats.intervals import share_interval
from custaudience.telling import Teller

SLUG, NOTEBOOK = "cohorts", "31_cohorts.ipynb"
HORIZONS = (30, 90, 180)  # days by which the share that came back is told
_LATER = {"W": 12, "M": 6, "Q": 4}  # the later period of which activity is told


def refusal_claim(refusal: EmptyTableError | HistoryError, terms: Terms) -> Claim:
    """Return the claim that takes the place of cohorts: the history is cut off on the left, or no period is whole."""
    entry = "refused" if isinstance(refusal, HistoryError) else "too_short"
    return Teller(__package__, SLUG, NOTEBOOK, terms).say(entry, reason=str(refusal))


def cohort_claims(
    curve: pd.DataFrame, activity: pd.DataFrame, comparison: SurvivalComparison | None, terms: Terms, *, period: str
) -> list[Claim]:
    """Return the claims of notebook 31 when first orders are in the data, the finding first.

    `curve` is the `survival_table` of the time to the second order, of all customers; `activity` are `retention_cells`
    with ``definition="activity"`` and this `period`; `comparison` is of early against late cohorts.
    """
    tell = Teller(__package__, SLUG, NOTEBOOK, terms)
    if curve.empty:
        return [tell.say("finding", "few")]
    if not curve["events"].any():
        n, until = int(curve["at_risk"].iloc[0]), int(curve["time"].iloc[-1])
        return [tell.say("nobody", n=n, until=until)]
    claims = [*_came_back(tell, curve), _median_wait(tell, curve), *_later_activity(tell, activity, period)]
    return claims if comparison is None else [*claims, _early_late(tell, comparison)]


def _came_back(tell: Teller, curve: pd.DataFrame) -> Iterator[Claim]:
    shares = {days: _back_by(tell, curve, days) for days in HORIZONS if days <= curve["time"].max()}
    if len(shares) >= 2:
        (days, first), *_, (until, last) = shares.items()
        facts = {"share": first.value, "low": first.low, "high": first.high, "days": days, "until": until}
        facts |= {"first": round(100 * first.value), "last": round(100 * last.value)}
        yield tell.say("finding", "text" if first.value >= last.value / 2 else "slow", of=first, values=facts)
    for days, share in shares.items():
        yield tell.say("came_back", of=share, days=days, meta={"id": f"came_back_{days}"})


def _back_by(tell: Teller, curve: pd.DataFrame, days: int) -> Estimate:
    """Return the share that has ordered again by a day, of all who are in the curve."""
    at = curve[curve["time"] <= days].iloc[-1]
    share, low, high = (1 - float(at[c]) for c in ("share", "high", "low"))
    return Estimate(share, low, high, tell.terms.level, int(curve["at_risk"].iloc[0]))


def _median_wait(tell: Teller, curve: pd.DataFrame) -> Claim:
    row, n = median_survival(curve).iloc[0], int(curve["at_risk"].iloc[0])
    days = None if pd.isna(row["median"]) else int(row["median"])
    told: Estimate | int | None = days
    if days is not None and pd.notna(row["low"]) and pd.notna(row["high"]):
        told = Estimate(days, float(row["low"]), float(row["high"]), tell.terms.level)
    case = "not_yet" if days is None else "text"
    return tell.say("median_wait", case, of=told, n=n, days=days, until=int(row["seen_until"]))


def _later_activity(tell: Teller, activity: pd.DataFrame, period: str) -> Iterator[Claim]:
    """Say how many order in one later period, of the cohorts that have reached it."""
    age = min(_LATER[period], int(activity["age"].max()))
    active, n = (int(activity.loc[activity["age"] == age, c].sum()) for c in ("n_customers", "cohort_size"))
    if age > 0:  # there is a period after the first
        share = Estimate(*share_interval(active, n, tell.terms.level), tell.terms.level, n)
        yield tell.say("later_activity", period, of=share, age=age)


def _early_late(tell: Teller, comparison: SurvivalComparison) -> Claim:
    p = comparison.p_value
    case = "very_clear" if p < 0.001 else "clear" if p < 1 - tell.terms.level else "text"
    return tell.say("early_late", case, of=p, n=int(comparison.groups["n"].sum()), p=p)
