"""What a report may say of a month: its figures, how they moved, and the headline."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from custaudience.evidence import Claim, Status, Terms
from custaudience.monitoring.kpis import Change, change_of
from custaudience.telling import Teller

SLUG, NOTEBOOK = "start_here", "00_start_here.ipynb"
_FIGURES = {  # column of the months, and whether a month's length matters
    "revenue": ("revenue", True), "customers": ("n_customers", False), "orders": ("n_orders", True),
    "revenue_per_order": ("revenue_per_order", False),
}  # fmt: skip
_MOVES = {  # in total, per trading day
    (True, True): "up_up", (False, False): "down_down", (False, True): "down_up", (True, False): "up_down",
}  # fmt: skip
_STATUS: dict[str, Status] = {
    "too_short": "too_few", "too_short_largest": "too_few", "usual": "no_clear_difference", "unusual": "measured",
}  # fmt: skip


def month_claims(months: pd.DataFrame, month: str, terms: Terms) -> list[Claim]:
    """Return the claims of a month's figures and of how each moved, the headline first.

    `months` as `monthly_kpis` gives them, `month` like "2017-12". Of a month in which too few customers ordered nothing
    is said but that, and no other month is compared with it.
    """
    tell = Teller(__package__, SLUG, NOTEBOOK, terms)
    counts = months.set_index("month")[["n_customers", "n_orders"]]
    if tell.few(counts["n_customers"].get(month, 0)):
        return [tell.say("too_few", values={"n": terms.least, "month": month})]
    columns = [column for column, _by_day in _FIGURES.values()]
    months = months.assign(**{column: months[column].mask(months["n_customers"].map(tell.few)) for column in columns})
    changes = {
        key: change_of(months, column, month=month, per_trading_day=by_day)
        for key, (column, by_day) in _FIGURES.items()
    }
    claims = []
    for key, (_column, by_day) in _FIGURES.items():
        change = changes[key]
        if not math.isnan(change.value):
            value = int(change.value) if key in ("customers", "orders") else change.value
            n = value if key == "customers" else int(counts["n_orders"][month])
            claims.append(tell.say(key, of=value, n=int(n), month=month, currency=terms.currency))
        facts = _facts(change, month)
        case = "none" if math.isnan(change.total) else "text" if math.isnan(change.usual) else "usual"
        meta = {"id": f"{key}_change", "statistic": f"{key}_change"}
        moved = "change_by_day" if by_day else "change"
        claims.append(tell.say(moved, case, of=facts["total"], n=change.n_moves, status=_STATUS[change.verdict],
                               meta=meta, values=facts))  # fmt: skip
    return [_finding(tell, changes["revenue"], month), *claims, _last_year(tell, changes["revenue"], month)]


def _facts(change: Change, month: str) -> dict[str, Any]:
    """Return what the sentences of a change may use; None stands for what cannot be computed."""
    numbers = {name: getattr(change, name) for name in ("total", "per_day", "usual", "value")}
    numbers["value_before"] = change.before
    facts: dict[str, Any] = {name: None if math.isnan(number) else number for name, number in numbers.items()}
    facts |= {"n_months": change.n_months, "n_moves": change.n_moves, "before": str(pd.Period(month, "M") - 1)}
    return facts | {"month": month, "verdict_key": change.verdict}


def _finding(tell: Teller, change: Change, month: str) -> Claim:
    facts, case = _facts(change, month) | {"currency": tell.terms.currency}, "text"
    if not (math.isnan(change.total) or math.isnan(change.per_day)):
        case = _MOVES[change.total >= 0, change.per_day >= 0]
        facts |= {"size": abs(change.total), "size_per_day": abs(change.per_day)}
        facts["verdict"] = tell.phrase("verdict", change.verdict)
    n, status = change.n_moves, _STATUS[change.verdict]
    return tell.say("finding", case, of=facts["total"], n=n, status=status, values=facts)


def _last_year(tell: Teller, change: Change, month: str) -> Claim:
    facts: dict[str, Any] = {"month": str(pd.Period(month, "M") - 12), "currency": tell.terms.currency}
    if math.isnan(change.last_year):
        return tell.say("last_year", "none", **facts)
    total = change.value / change.last_year - 1 if change.last_year else None
    case = "alone" if total is None else "text"
    return tell.say("last_year", case, of=total, values={**facts, "value": change.last_year, "total": total})
