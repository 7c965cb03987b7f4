"""What a report may say of rhythm and lifecycle: who is overdue, who counts as lost, how often that was wrong."""

from __future__ import annotations

from typing import Any

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from custaudience.customers.lifecycle.lifecycle import Backtest, Lifecycle
from custaudience.evidence import Claim, template

SLUG = "rfm_and_lifecycle"
_FEW = template("Fewer than {least:count} customers: not shown, so that nobody can be recognised.")


def count_claim(
    key: str, text: str, n: int | None, min_group_size: int, common: dict[str, Any], **fields: Any
) -> Claim:
    """Return a claim that counts people, or with a `value` of its own, money of them; a small group without figures."""
    defaults: dict[str, Any] = {"kind": "count", "unit": "customers", "n": n, "statistic": "customers"}
    defaults["value"] = fields.pop("value", n)
    values = {"n": n, **fields.pop("values", {})}
    if n is not None and 0 < n < min_group_size:
        defaults |= {"n": None, "value": None, "status": "too_few"}
        text, values = (
            fields.pop("few", _FEW),
            {"least": min_group_size} | {k: v for k, v in values.items() if isinstance(v, str)},
        )
    fields.pop("few", None)
    return Claim(id=f"{SLUG}.{key}", template=text, values=values, **(defaults | fields | common))


def rhythm_claims(
    rhythm: pd.DataFrame, assigned: pd.DataFrame, share: float, least: int, common: dict[str, Any]
) -> list[Claim]:
    """Return how many are overdue, and how many ordered once."""
    late = rhythm["overdue"].fillna(False).astype(bool)
    once = int((assigned["n_orders"] == 1).sum())
    ordered = int((assigned["n_orders"] > 0).sum())
    return [
        count_claim(
            "overdue",
            template(
                "{n:count} of {all:count} {all:plural customer|customers} ({part:percent}) have been silent for "
                "longer than {share:percent} of the gaps they are compared with."
            ),
            int(late.sum()),
            least,
            common,
            statistic="overdue",
            values={"all": len(rhythm), "part": float(late.mean()), "share": share},
            method=template(
                "Own gaps between order days where there are five or more, else those of all customers, "
                "each customer weighing once."
            ),
        ),
        count_claim(
            "one_time",
            template("{n:count} of {all:count} customers ({part:percent}) ordered once so far."),
            once,
            least,
            common,
            statistic="one_time",
            values={"all": ordered, "part": once / ordered},
            method=template("Customers with exactly one order whose net revenue is positive."),
        ),
    ]


def lifecycle_claims(lifecycle: Lifecycle, assigned: pd.DataFrame, least: int, common: dict[str, Any]) -> list[Claim]:
    """Return how many are primary, lost and potential, and whether the data reach far enough to say so."""
    texts = {
        "primary": template(
            "{n:count} {n:plural customer is|customers are} primary ({part:percent}): silent for no more than twice "
            "their overdue cut-off."
        ),
        "lost": template(
            "{n:count} {n:plural customer counts|customers count} as lost ({part:percent}): silent for more than twice "
            "their overdue cut-off."
        ),
        "potential": template(
            "{n:count} {n:plural person is|people are} known without an order that counts ({part:percent})."
        ),
    }
    method = template("Silence against the own rhythm; lost begins at a multiple of the overdue cut-off, a convention.")
    claims = [
        count_claim(
            row["state"],
            texts[row["state"]],
            int(row["n_customers"]),
            least,
            common,
            statistic="lifecycle",
            values={"part": float(row["share"])},
            method=method,
        )
        for row in lifecycle.counts.to_dict("records")
    ]
    return [*claims, *_reach(lifecycle, assigned, method, common)]


def _reach(lifecycle: Lifecycle, assigned: pd.DataFrame, method: str, common: dict[str, Any]) -> list[Claim]:
    """Say so when the data are too short for most customers to be called lost at all."""
    first = assigned["first_order_on"].min()
    span = (pd.Timestamp(lifecycle.as_of) - first).days
    pooled = lifecycle.pooled_overdue_after_days
    if pooled is None or pooled * lifecycle.lost_factor <= span:
        return []
    few = int((lifecycle.table["rhythm"] == "pooled").sum())
    values = {
        "few": few,
        "part": few / len(lifecycle.table),
        "after": int(pooled * lifecycle.lost_factor),
        "span": span,
    }
    return [
        Claim(
            id=f"{SLUG}.lost_reach",
            template=template(
                "{few:count} customers ({part:percent}) ordered too seldom to have a rhythm of their own, and are lost "
                "only after {after:count} days of silence: longer than the {span:count} days of data. None of them can "
                "be called lost yet, so the number of lost customers is too low."
            ),
            values=values,
            kind="count",
            statistic="lifecycle",
            value=few,
            unit="customers",
            n=few,
            status="too_few",
            method=method,
            **common,
        )
    ]


_BACKTESTS = {
    "lost": template(
        "Of the {n:count} customers who counted as lost on {day:date}, {share:percent} have ordered again since "
        "({low:percent} to {high:percent}), of all others {others:percent}: lost is a warning, not a verdict."
    ),
    "overdue": template(
        "Of the {n:count} customers who were overdue on {day:date}, {share:percent} have ordered since "
        "({low:percent} to {high:percent}), of all others {others:percent}."
    ),
}


def backtest_claim(backtest: Backtest, least: int, common: dict[str, Any]) -> Claim:
    """Return how an earlier verdict fared, with its interval."""
    n, back = backtest.n_named, backtest.n_named_back
    values: dict[str, Any] = {"day": backtest.earlier.isoformat(), "least": least}
    enough = n >= least
    if enough:
        low, high = (float(limit) for limit in proportion_confint(back, n, method="wilson"))
        others = backtest.n_others_back / max(1, backtest.n_others)
        values |= {"n": n, "share": back / n, "low": low, "high": high, "others": others}
    few = template(
        "Fewer than {least:count} customers were named on {day:date}: how often that is wrong cannot be said."
    )
    return Claim(
        id=f"{SLUG}.{backtest.verdict}_backtest",
        template=_BACKTESTS[backtest.verdict] if enough else few,
        values=values,
        kind="estimate",
        statistic="lifecycle" if backtest.verdict == "lost" else "overdue",
        value=back / n if enough else None,
        unit="fraction",
        low=values.get("low"),
        high=values.get("high"),
        level=0.95 if enough else None,
        n=n if enough else None,
        status="measured" if enough else "too_few",
        method=template("The same rule applied at the earlier date, and who has ordered since; Wilson interval."),
        **common,
    )
