"""What a report may say of a month: its figures, how they moved, and the headline."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pandas as pd

from custaudience.evidence import Claim, Status, template
from custaudience.monitoring.kpis import Change, change_of

_FIGURES: dict[str, tuple[str, str, str, str, bool]] = {
    # key: column, unit, sentence, how it is counted, whether a month's length matters
    "revenue": (
        "revenue",
        "",
        template("Revenue in {month:month_in}: {value:money0}."),
        template("Sum of revenue by the local day of the line, refunds netted."),
        True,
    ),
    "customers": (
        "n_customers",
        "customers",
        template("{value:count} {value:plural customer|customers} ordered in {month:month_in}."),
        template("Distinct customers with an order whose net revenue is positive."),
        False,
    ),
    "orders": (
        "n_orders",
        "orders",
        template("{value:count} {value:plural order|orders} in {month:month_in}."),
        template("Orders whose net revenue is positive."),
        True,
    ),
    "revenue_per_order": (
        "revenue_per_order",
        "",
        template("Revenue per order in {month:month_in}: {value:money}."),
        template("Net revenue of the month's orders divided by their number."),
        False,
    ),
}

_VERDICTS = {
    "too_short": template(
        "With {n_months:count} earlier {n_months:plural month|months} it is too early to say whether that is unusual."
    ),
    "too_short_largest": template(
        "It is more than in each of the {n_moves:count} earlier changes, but {n_months:count} earlier "
        "{n_months:plural month|months} are too few to call it unusual."
    ),
    "usual": template("That is as usual for this study, which moves by {usual:percent1} per trading day."),
    "unusual": template("That is unusual for this study, which moves by {usual:percent1} per trading day."),
}

_MOVES = {
    ("up", "up"): template(
        "Revenue per trading day rose {size_per_day:percent1} on {before:month}, in total {size:percent1}. "
        "{verdict:sentence}"
    ),
    ("down", "down"): template(
        "Revenue per trading day fell {size_per_day:percent1} on {before:month}, in total {size:percent1}. "
        "{verdict:sentence}"
    ),
    ("down", "up"): template(
        "Revenue per trading day rose {size_per_day:percent1} on {before:month}, but fell {size:percent1} in total: "
        "the month was shorter. {verdict:sentence}"
    ),
    ("up", "down"): template(
        "Revenue per trading day fell {size_per_day:percent1} on {before:month}, but rose {size:percent1} in total: "
        "the month was longer. {verdict:sentence}"
    ),
}


def month_claims(
    months: pd.DataFrame,
    *,
    month: str,
    as_of: dt.date,
    currency: str,
    notebook: str,
    slug: str = "start_here",
    min_group_size: int = 10,
) -> list[Claim]:
    """Return the claims of a month's figures and of how each moved, the headline first.

    Parameters
    ----------
    months : DataFrame
        As `monthly_kpis` gives it.
    month : str
        "2017-12".
    as_of : date
    currency : str
    notebook, slug : str
        Where they are computed; ids are ``slug.revenue``, ``slug.revenue_change``, … ``slug.finding``.
    min_group_size : int
        Of a month in which fewer customers ordered nothing is said but that, and no other month is compared with it.
    """
    counted = months.set_index("month")["n_customers"]
    if 0 < counted.get(month, 0) < min_group_size:
        return [_too_few(month, as_of, notebook, slug, min_group_size)]
    small = months["n_customers"].between(1, min_group_size - 1)
    months = months.assign(**{column: months[column].mask(small) for column, *_ in _FIGURES.values()})
    claims = []
    changes = {}
    for key, (column, unit, sentence, method, by_day) in _FIGURES.items():
        change = changes[key] = change_of(months, column, month=month, per_trading_day=by_day)
        common: dict[str, Any] = {
            "kind": "count",
            "source": "transactions",
            "as_of": as_of,
            "notebook": notebook,
            "statistic": key,
        }
        value = change.value if unit == "" else int(change.value)
        if not math.isnan(change.value):
            claims.append(
                Claim(
                    id=f"{slug}.{key}",
                    template=sentence,
                    values={"value": value, "month": month, "currency": currency},
                    value=value,
                    unit=unit or currency,
                    n=int(value) if key == "customers" else _orders(months, month),
                    method=method,
                    **common,
                )
            )
        claims.append(_change_claim(f"{slug}.{key}_change", change, month, by_day, common))
    return [
        _finding(changes["revenue"], month, as_of, currency, notebook, slug),
        *claims,
        _last_year(changes["revenue"], month, as_of, currency, notebook, slug),
    ]


def _too_few(month: str, as_of: dt.date, notebook: str, slug: str, min_group_size: int) -> Claim:
    return Claim(
        id=f"{slug}.finding",
        template=template("Fewer than {n:count} customers ordered in {month:month_in}: too few to publish figures of."),
        values={"n": min_group_size, "month": month},
        kind="count",
        statistic="customers",
        value=None,
        unit="customers",
        n=None,
        source="transactions",
        as_of=as_of,
        notebook=notebook,
        status="too_few",
        method=template("Distinct customers with an order whose net revenue is positive."),
    )


def _orders(months: pd.DataFrame, month: str) -> int:
    return int(months.set_index("month")["n_orders"][month])


def _before(month: str) -> str:
    return str(pd.Period(month, "M") - 1)


def _status(change: Change) -> Status:
    statuses: dict[str, Status] = {
        "too_short": "too_few",
        "too_short_largest": "too_few",
        "usual": "no_clear_difference",
        "unusual": "measured",
    }
    return statuses[change.verdict]


def _values(change: Change, month: str) -> dict[str, Any]:
    """Return what the sentences of a change may use; None stands for what cannot be computed."""
    numbers = {
        "total": change.total,
        "per_day": change.per_day,
        "usual": change.usual,
        "value": change.value,
        "value_before": change.before,
    }
    return {name: None if math.isnan(number) else number for name, number in numbers.items()} | {
        "n_months": change.n_months,
        "n_moves": change.n_moves,
        "before": _before(month),
        "month": month,
        "verdict_key": change.verdict,
    }


def _change_claim(id_: str, change: Change, month: str, by_day: bool, common: dict[str, Any]) -> Claim:
    values = _values(change, month)
    if math.isnan(change.total):
        text = template("There is no month before {month:month} to compare with.")
    elif math.isnan(change.usual):
        text = (
            template("{total:signed_percent1} on {before:month} in total, {per_day:signed_percent1} per trading day.")
            if by_day
            else template("{total:signed_percent1} on {before:month}.")
        )
    else:
        text = (
            template(
                "{total:signed_percent1} on {before:month} in total, {per_day:signed_percent1} per trading day; "
                "the usual movement is {usual:percent1}."
            )
            if by_day
            else template("{total:signed_percent1} on {before:month}; the usual movement is {usual:percent1}.")
        )
    fields = common | {"statistic": f"{common['statistic']}_change"}
    return Claim(
        id=id_,
        template=text,
        values=values,
        value=values["total"],
        unit="fraction",
        n=change.n_moves,
        status=_status(change),
        method=template(
            "Against the month before; the usual movement is the median of the absolute changes per trading "
            "day between earlier months."
        )
        if by_day
        else template(
            "Against the month before; the usual movement is the median of the absolute changes between earlier months."
        ),
        **fields,
    )


def _finding(change: Change, month: str, as_of: dt.date, currency: str, notebook: str, slug: str) -> Claim:
    values = _values(change, month) | {"currency": currency}
    if math.isnan(change.total) or math.isnan(change.per_day):
        text = template("Revenue in {month:month_in} was {value:money0}; there is no month before to compare with.")
    else:
        text = _MOVES["up" if change.total >= 0 else "down", "up" if change.per_day >= 0 else "down"]
        values |= {"size": abs(change.total), "size_per_day": abs(change.per_day), "verdict": _VERDICTS[change.verdict]}
    return Claim(
        id=f"{slug}.finding",
        template=text,
        values=values,
        kind="count",
        statistic="revenue_change",
        value=values["total"],
        unit="fraction",
        n=change.n_moves,
        source="transactions",
        as_of=as_of,
        notebook=notebook,
        status=_status(change),
        method=template(
            "Sum of revenue by local month and per trading day; usual means within 95 in 100 of the "
            "changes between earlier months, and needs 12 earlier months."
        ),
    )


def _last_year(change: Change, month: str, as_of: dt.date, currency: str, notebook: str, slug: str) -> Claim:
    last = str(pd.Period(month, "M") - 12)
    known = not math.isnan(change.last_year)
    values: dict[str, Any] = {"month": last, "currency": currency}
    if known:
        values |= {
            "value": change.last_year,
            "total": change.value / change.last_year - 1 if change.last_year else None,
        }
        text = template("Revenue in {month:month_in} was {value:money0}.")
        if values["total"] is not None:
            text = template("{total:signed_percent1} on {month:month}, when revenue was {value:money0}.")
    else:
        text = template(
            "No last year to compare with: {month:month} is not covered, or too few customers ordered in it."
        )
    return Claim(
        id=f"{slug}.last_year",
        template=text,
        values=values,
        kind="count",
        statistic="revenue_change",
        value=values.get("total"),
        unit="fraction",
        n=None,
        source="transactions",
        as_of=as_of,
        notebook=notebook,
        status="measured" if known else "too_few",
        method=template("Against the same month last year, in total."),
    )
