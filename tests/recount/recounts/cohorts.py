"""How soon new customers come back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm
from statsmodels.stats.proportion import proportion_confint

from recounts.books import LEAST, Books, once
from recounts.claims import Found, Published, register


@once
def waits(books: Books) -> pd.DataFrame:
    """Per customer: first order day, days to the second or to the end, and whether it came."""
    days = books.orders[["customer", "day"]].drop_duplicates().sort_values(["customer", "day"])
    rank = days.groupby("customer").cumcount()
    table = pd.DataFrame({"first": days[rank == 0].set_index("customer")["day"]})
    second = days[rank == 1].set_index("customer")["day"].reindex(table.index)
    table["again"] = second.notna()
    table["days"] = (second.fillna(books.as_of) - table["first"]).dt.days
    return table


def kaplan_meier(days: pd.Series, again: pd.Series, by: int, level: float = 0.95) -> tuple[float, float, float]:
    """The share that has come back by a day, with the interval formed on log(-log)."""
    at = np.sort(days[again & (days <= by)].unique())
    risk = np.array([(days >= day).sum() for day in at])
    events = np.array([(again & (days == day)).sum() for day in at])
    waiting = np.prod(1 - events / risk)
    error = waiting * np.sqrt((events / (risk * (risk - events))).sum())
    width = np.exp(norm.ppf((1 + level) / 2) * error / (waiting * -np.log(waiting)))
    return 1 - waiting, 1 - waiting ** (1 / width), 1 - waiting**width


def log_rank(table: pd.DataFrame, late: pd.Series) -> float:
    """P-value of the log-rank test of two groups."""
    observed = expected = variance = 0.0
    for day in np.sort(table.loc[table["again"], "days"].unique()):
        risk = table["days"] >= day
        n, m = int(risk.sum()), int((risk & late).sum())
        d = int((table["again"] & (table["days"] == day)).sum())
        observed += (table["again"] & (table["days"] == day) & late).sum()
        expected += d * m / n
        if n > 1:
            variance += d * m / n * (1 - m / n) * (n - d) / (n - 1)
    return float(chi2.sf((observed - expected) ** 2 / variance, 1))


@register("cohorts.came_back_*")
def came_back(books: Books, claim: Published) -> Found:
    table, days = waits(books), int(claim.last.removeprefix("came_back_"))
    share, low, high = kaplan_meier(table["days"], table["again"], days)
    return Found(share, len(table), low, high, {"days": days, "share": share, "low": low, "high": high})


@register("cohorts.finding")
def finding(books: Books, claim: Published) -> Found:
    if books.first_orders == "cut off":
        # the reason repeats the declaration; it holds the numbers of two notebooks and no figure
        return Found(values={"reason": claim.values["reason"]}, says=("cannot be told", "cut off"), status="too_few")
    table = waits(books)
    share, low, high = kaplan_meier(table["days"], table["again"], 30)
    later = kaplan_meier(table["days"], table["again"], 180)[0]
    values = {
        "first": round(100 * share), "last": round(100 * later), "days": 30, "until": 180, "share": share, "low": low,
        "high": high,
    }  # fmt: skip
    return Found(share, len(table), low, high, values, says=("mostly does so early" if share >= later / 2 else "time",))


@register("cohorts.median_wait")
def median_wait(books: Books, claim: Published) -> Found:
    table = waits(books)
    ordered = np.sort(table["days"].unique())
    risk = np.array([(table["days"] >= day).sum() for day in ordered])
    until = int(ordered[risk >= LEAST][-1])
    share = kaplan_meier(table["days"], table["again"], until)[0]
    assert share < 0.5, "a median that is reached is not recounted yet"
    return Found(None, len(table), values={"days": None, "until": until}, says=("Fewer than half",), status="too_few")


@register("cohorts.later_activity")
def later_activity(books: Books, claim: Published) -> Found:
    """Of all cohorts by week whose 12th week after the first is over, who orders in that week."""
    weeks = books.orders[["customer"]].assign(week=books.orders["day"].dt.to_period("W-SUN")).drop_duplicates()
    first = weeks.groupby("customer")["week"].min()
    end = pd.Period(books.as_of, "W-SUN")
    last = end if end.end_time.normalize() == books.as_of else end - 1
    reached = first[first + 12 <= last]
    then = weeks.merge(reached.rename("first"), left_on="customer", right_index=True)
    active, n = int((then["week"] == then["first"] + 12).sum()), len(reached)
    low, high = proportion_confint(active, n, method="wilson")
    values: dict[str, Any] = {"age": 12, "share": active / n, "low": low, "high": high}
    return Found(active / n, n, low, high, values)


@register("cohorts.early_late")
def early_late(books: Books, claim: Published) -> Found:
    table = waits(books)
    p = log_rank(table, table["first"] > table["first"].median())
    says = "different speeds" if p < 0.05 else "No clear difference"
    status = "measured" if p < 0.05 else "no_clear_difference"
    return Found(p, len(table), values={"p": p}, near={"value": (1e-7, 0), "p": (1e-7, 0)}, says=(says,), status=status)
