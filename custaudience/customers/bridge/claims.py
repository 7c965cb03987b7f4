"""What a report may say of why revenue moved: the "because" of a month, its parts, its segments, what is usual."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from custaudience.customers.bridge.because import because, signed
from custaudience.customers.bridge.history import Usual
from custaudience.customers.bridge.months import Comparison
from custaudience.customers.bridge.part_claims import METHOD, SLUG, finding_claim, part_claims, segment_claims
from custaudience.evidence import Claim, template


def bridge_claims(
    now: Comparison,
    usual: Usual | None,
    *,
    months: pd.DataFrame,
    last_year: Comparison | None = None,
    segments: pd.DataFrame | None = None,
    as_of: dt.date,
    currency: str,
    min_group_size: int,
    notebook: str,
) -> list[Claim]:
    """Return the claims of notebook 50, the finding first.

    Parameters
    ----------
    now : Comparison
        From `compare_months`; when it is refused one claim says why.
    usual : Usual, optional
        From `usual_parts`.
    months : DataFrame
        From `monthly_kpis`: trading days.
    last_year : Comparison, optional
        The same month a year earlier.
    segments : DataFrame, optional
        From `segment_parts`.
    as_of, currency, min_group_size, notebook
        What the figures were made with.
    """
    common: dict[str, Any] = {"source": "transactions", "as_of": as_of, "notebook": notebook}
    if now.bridge is None or usual is None:
        return [refusal_claim("finding", now, min_group_size, common)]
    return [
        finding_claim(now, usual, common),
        _because("because", now, currency, common),
        *_days(now, months, currency, common),
        *_newcomers(now, currency, min_group_size, common),
        *part_claims(now, usual, currency, common),
        *segment_claims(segments, now, currency, min_group_size, common),
        *_last_year(last_year, currency, min_group_size, common),
    ]


_REFUSALS = {
    "not_covered": template(
        "The data end on {last:date}: {month:month} is not in them, so there is no change to explain."
    ),
    "no_month_before": template(
        "The data begin on {first:date} and do not hold the whole of {before:month}, so why revenue moved since then "
        "cannot be said."
    ),
    "empty": template("Nobody ordered in {month:month_in} or in {before:month_in}: there is no change to explain."),
    "too_few": template(
        "In {month:month_in} or in {before:month_in} fewer than {least:count} customers ordered: too few to say what "
        "moved revenue, so that nobody can be recognised."
    ),
}


def refusal_claim(key: str, refused: Comparison, min_group_size: int, common: dict[str, Any]) -> Claim:
    """Return the claim that says why two months cannot be compared."""
    values: dict[str, Any] = {"least": min_group_size, **refused.pair.names()}
    # the last day of the data only where it is the reason: an export made later changes it and nothing else
    if refused.refusal == "not_covered":
        values["last"] = refused.last_day.isoformat()
    if refused.refusal == "no_month_before":
        values["first"] = refused.first_day.isoformat()
    return Claim(
        id=f"{SLUG}.{key}",
        template=_REFUSALS[refused.refusal],
        values=values,
        kind="count",
        statistic="bridge",
        value=None,
        unit="",
        n=None,
        status="too_few",
        method=METHOD,
        **common,
    )


def _ordered(now: Comparison) -> int:
    """Return how many customers ordered in either month."""
    total = now.bridge.totals.iloc[0]  # type: ignore[union-attr]
    return int(total["n_customers_before"] + total["n_customers_after"] - total["n_staying"])


def _because(key: str, now: Comparison, currency: str, common: dict[str, Any]) -> Claim:
    text, values = because(now)
    total = now.bridge.totals.iloc[0]  # type: ignore[union-attr]
    return Claim(
        id=f"{SLUG}.{key}",
        template=text,
        values=values | {"currency": currency},
        kind="count",
        statistic="bridge",
        value=float(total["change"]),
        unit=currency,
        n=_ordered(now),
        method=METHOD,
        base=template("Customers who ordered in either month."),
        **common,
    )


_DAYS = {
    "cut": template(
        "Both months are counted over their first {days:count} days, so their length explains nothing of the change of "
        "{change_signed:sentence}, but for where weekends and holidays fell."
    ),
    "more": template(
        "{month:month} had {days:count} trading days, {before:month} {days_before:count}. At the earlier month's "
        "revenue per trading day the difference is worth {worth_signed:sentence}; the rest of the change, "
        "{rest_signed:sentence}, is not the calendar's."
    ),
    "equal": template(
        "Both months had {days:count} trading days, so the calendar explains nothing of the change of "
        "{change_signed:sentence}, but for where weekends and holidays fell."
    ),
}


def _days(now: Comparison, months: pd.DataFrame, currency: str, common: dict[str, Any]) -> list[Claim]:
    """Say how much of the change the length of the months accounts for."""
    trading = months.set_index("month")["n_trading_days"]
    days, days0 = (int(trading.get(month, 0)) for month in (now.pair.month, now.pair.before))
    total = now.bridge.totals.iloc[0]  # type: ignore[union-attr]
    before, change = float(total["revenue_before"]), float(total["change"])
    key = "equal" if days == days0 else "more"
    if not now.pair.whole:
        key, (days0, days) = "cut", now.pair.n_days
    if not (days and days0 and before > 0) or (key == "cut" and days != days0):
        return []
    worth = before / days0 * (days - days0)
    values = {
        "days": days, "days_before": days0, "worth": worth, "rest": change - worth, "change": change,
        "worth_signed": signed("worth", worth), "rest_signed": signed("rest", change - worth),
        "change_signed": signed("change", change), "currency": currency, **now.pair.names(),
    }  # fmt: skip
    return [
        Claim(
            id=f"{SLUG}.days",
            template=_DAYS[key],
            values=values,
            kind="count",
            statistic="trading_days",
            value=worth,
            unit=currency,
            n=days,
            method=template(
                "Trading days are days of weekdays on which this company trades; the difference in days times the "
                "earlier month's revenue per trading day."
            ),
            **common,
        )
    ]


def _newcomers(now: Comparison, currency: str, least: int, common: dict[str, Any]) -> list[Claim]:
    """Say who might be new where the data do not tell new from long absent."""
    rows = now.bridge.table.set_index(["segment", "part"])  # type: ignore[union-attr]
    if ("all", "new or long absent") not in rows.index:
        return []
    row = rows.loc[("all", "new or long absent")]
    n = int(row["n_customers"])
    few = 0 < n < least
    cannot = template(
        "had no earlier order in the data. Whether they are new or were away for long cannot be told, because first "
        "orders may lie before the data begin; they are counted with those who returned."
    )
    many = template("{n:count} {n:plural customer|customers} of {month:month} {cannot:sentence}")
    text = template("Fewer than {least:count} customers of {month:month} {cannot:sentence}") if few else many
    return [
        Claim(
            id=f"{SLUG}.newcomers",
            template=text,
            values={**({} if few else {"n": n}), "least": least, "cannot": cannot, **now.pair.names()},
            kind="count",
            statistic="bridge",
            value=None if few else n,
            unit="customers",
            n=None if few else n,
            status="too_few" if few else "measured",
            method=METHOD,
            **common,
        )
    ]


def _last_year(then: Comparison | None, currency: str, least: int, common: dict[str, Any]) -> list[Claim]:
    if then is None:
        return []
    if then.bridge is None:
        return [refusal_claim("last_year", then, least, common)]
    return [_because("last_year", then, currency, common)]
