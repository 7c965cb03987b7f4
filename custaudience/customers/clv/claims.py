"""What a report may say of customer value: who brings how much, the short formulas, what cannot be said."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pandas as pd

from custaudience.customers.bridge.concentration import Concentration
from custaudience.customers.clv.inputs import SimpleValues
from custaudience.customers.clv.model_claims import SLUG, Terms, count_claim, estimate_claim, model_claims, span_of
from custaudience.customers.clv.models import ModelCheck, ValueModels
from custaudience.customers.clv.worth import Worth
from custaudience.customers.clv.worth_claims import worth_claims
from custaudience.evidence import Claim, template


@dataclass(frozen=True)
class ValueFindings:
    """All that notebook 32 has found, for its claims.

    ``simple`` is None when nobody bought lately; ``check`` when no model could be fitted to the calibration;
    ``today`` (models of the whole history) and ``worth`` then as well.
    """

    spread: Concentration
    simple: SimpleValues | None
    calibrated: ValueModels
    check: ModelCheck | None
    parameters: pd.DataFrame
    today: ValueModels | None
    worth: Worth | None


def value_claims(
    found: ValueFindings,
    *,
    as_of: dt.date,
    currency: str,
    min_group_size: int,
    notebook: str,
    time_unit: str,
    horizon: float,
    margin: float,
    yearly_discount_rate: float,
    level: float = 0.95,
) -> list[Claim]:
    """Return the claims of notebook 32, the finding first.

    Parameters
    ----------
    found : ValueFindings
    as_of, currency, min_group_size, notebook
        Groups under `min_group_size` are named but not counted.
    time_unit, horizon, margin, yearly_discount_rate, level
        What the figures were made with.
    """
    common: dict[str, Any] = {"source": "transactions", "as_of": as_of, "notebook": notebook}
    terms = Terms(currency, min_group_size, time_unit, horizon, margin, yearly_discount_rate, level)
    spread = _concentration(found.spread, min_group_size, level, common)
    formulas = [] if found.simple is None else _formulas(found.simple, terms, common)
    latest = found.today or found.calibrated
    return [
        _finding(found, spread[0], terms, common),
        *spread,
        *formulas,
        *model_claims(found.calibrated, found.check, found.parameters, latest.summary, terms, common),
        *worth_claims(found.today, found.worth, found.check, terms, common),
        *(_refusal(code, why, terms, common) for code, why in latest.refused.items()),
    ]


def _finding(found: ValueFindings, spread: Claim, terms: Terms, common: dict[str, Any]) -> Claim:
    if found.worth is None or found.today is None or found.today.spend is None:
        return _finding_without(spread, common)
    prediction = found.worth.prediction
    total, n = prediction.totals.loc["value"], len(prediction.table)
    low, high = sorted((float(total["parameter_low"]) / n, float(total["parameter_high"]) / n))
    values: dict[str, Any] = {
        "each": float(total["estimate"]) / n,
        "low": low,
        "high": high,
        "median": float(found.worth.typical["value"]),
        "currency": terms.currency,
        "margin": terms.margin,
        **span_of(terms),
    }
    text = template(
        "Over the next {span:sentence} a customer is expected to bring {each:money} of revenue in today's money "
        "({low:money} to {high:money}), half of them no more than {median:money}."
    )
    if terms.margin != 1:
        text = template(
            "Over the next {span:sentence} a customer is expected to earn us {each:money} in today's money, at a "
            "margin of {margin:percent} ({low:money} to {high:money}), half of them no more than {median:money}."
        )
    if found.simple is not None and found.simple.formulas:
        values |= {"average": found.simple.formulas[0].value, "days": found.simple.days, "first": text}
        text = template(
            "{first:sentence} The average revenue per buyer, {average:money} in the last {days:count} days, is "
            "something else."
        )
    return estimate_claim(
        "finding",
        text,
        values,
        values["each"],
        terms,
        common,
        unit=terms.currency,
        statistic="customer_value",
        n=n,
        method=template("Expected purchases times expected spend times margin, discounted; parameter interval."),
    )


def _finding_without(spread: Claim, common: dict[str, Any]) -> Claim:
    """Return the finding where no value to come can be told."""
    few = spread.status == "too_few"
    return Claim(
        id=f"{SLUG}.finding",
        template=template(
            "What a customer will bring in money cannot be told from these data, and there are too few to say more."
        )
        if few
        else template(
            "The best {top:percent} of customers brought {share:percent} of revenue ({low:percent} to "
            "{high:percent}); what a customer will bring in money cannot be told from these data."
        ),
        values=dict(spread.values),
        kind="estimate",
        statistic="concentration",
        value=spread.value,
        unit="fraction",
        low=spread.low,
        high=spread.high,
        level=spread.level,
        n=spread.n,
        status=spread.status,
        method=spread.method,
        **common,
    )


def _concentration(spread: Concentration, least: int, level: float, common: dict[str, Any]) -> list[Claim]:
    """Return what the best tenth brings, or the next larger share that is no small group, and the smallest one."""
    shown = spread.table[spread.table["n_customers"] >= least]
    method = template("Net revenue so far, customers resampled; refunds are taken off.")
    fields: dict[str, Any] = {
        "kind": "estimate",
        "statistic": "concentration",
        "unit": "fraction",
        "n": spread.n_customers,
        "method": method,
        **common,
    }
    if shown.empty:
        text = template("Even the best {top:percent} of customers are fewer than {least:count}: not shown.")
        values = {"top": float(spread.table["top"].iloc[-1]), "least": least}
        return [Claim(id=f"{SLUG}.concentration", template=text, values=values, value=None, status="too_few", **fields)]
    main = shown[shown["top"] >= 0.1].iloc[0]
    values = _top_values(main, spread) | {"half": float(spread.deciles["share"].iloc[5:].sum())}
    text = template(
        "The best {top:percent} of customers ({n:count} of {all:count}) brought {share:percent} of revenue "
        "({low:percent} to {high:percent}), the lower half {half:percent}."
    )
    claims = [_top_claim("concentration", text, values, level, fields)]
    if (best := shown.iloc[0])["top"] < main["top"]:
        text = template(
            "The best {top:percent} ({n:count} customers) brought {share:percent} ({low:percent} to {high:percent})."
        )
        claims.append(_top_claim("concentration.best", text, _top_values(best, spread), level, fields))
    return claims


def _top_values(row: pd.Series, spread: Concentration) -> dict[str, Any]:
    names = ("top", "share", "low", "high")
    return {name: float(row[name]) for name in names} | {"n": int(row["n_customers"]), "all": spread.n_customers}


def _top_claim(key: str, text: str, values: dict[str, Any], level: float, fields: dict[str, Any]) -> Claim:
    ends = {"value": values["share"], "low": values["low"], "high": values["high"], "level": level}
    return Claim(id=f"{SLUG}.{key}", template=text, values=values, **ends, **fields)


def _formulas(simple: SimpleValues, terms: Terms, common: dict[str, Any]) -> list[Claim]:
    if not simple.formulas:
        return [
            count_claim(
                "average",
                template(
                    "Fewer than {least:count} customers bought in the last {days:count} days: no average is shown."
                ),
                {"least": terms.least, "days": simple.days},
                None,
                common,
                statistic="average_per_buyer",
                unit=terms.currency,
                n=None,
                status="too_few",
            )
        ]
    rows = simple.table.set_index("formula")
    value = simple.formulas[0].value
    average = {
        "n": simple.n_buyers,
        "days": simple.days,
        "until": simple.as_of.isoformat(),
        "revenue": simple.revenue,
        "value": value,
        "median": simple.median_revenue,
        "currency": terms.currency,
    }
    claims = [
        count_claim(
            "average",
            template(
                "In the {days:count} days to {until:date} {n:count} {n:plural customer|customers} bought for "
                "{revenue:money0}: {value:money} per buyer, half of them {median:money} or less. This is not lifetime "
                "value: it does not know how long a customer stays."
            ),
            average,
            value,
            common,
            statistic="average_per_buyer",
            unit=terms.currency,
            n=simple.n_buyers,
            method=template("Net revenue of the time divided by its buyers."),
        )
    ]
    if "simple" not in rows.index:
        return claims
    inputs = simple.formulas[1].inputs
    beyond = template(
        " But {months:count} months were never seen: the data span {watched:count}, the rest is the formula's own."
    )
    shared = {"currency": terms.currency, "days": simple.days, "retention": simple.n_retained / simple.n_before}
    return [
        *claims,
        estimate_claim(
            "simple_formula",
            template(
                "Average sale × sales a month × months retained = {sale:money} × {sales:number2} × {months:number1} = "
                "{value:money0} of revenue per buyer ({low:money0} to {high:money0}): no costs, no "
                "discount.{beyond:sentence}"
            ),
            shared
            | {"sale": inputs["average_sale"], "sales": inputs["sales_per_month"], "months": simple.months_retained}
            | {
                "watched": simple.months_watched,
                "beyond": beyond if simple.months_retained > simple.months_watched else "",
            }
            | _ends(rows.loc["simple"]),
            float(rows.loc["simple", "value"]),
            terms,
            common,
            unit=terms.currency,
            statistic="simple_clv",
            n=simple.n_buyers,
            method=template("The chance to stay is taken as the same for all and for ever; customers resampled."),
        ),
        estimate_claim(
            "margin_formula",
            template(
                "{retention:percent} of the buyers of {days:count} days bought again in the next {days:count}. Were "
                "that so for all and for ever, what a buyer brings after these days would be worth {value:money0} of "
                "revenue today ({low:money0} to {high:money0}), at {rate:percent} discount a year."
            )
            if terms.margin == 1
            else template(
                "{retention:percent} of the buyers of {days:count} days bought again in the next {days:count}. Were "
                "that so for all and for ever, what a buyer brings after these days would be worth {value:money0} "
                "today ({low:money0} to {high:money0}), at a margin of {margin:percent} and {rate:percent} discount a "
                "year."
            ),
            shared | {"margin": terms.margin, "rate": terms.rate} | _ends(rows.loc["margin"]),
            float(rows.loc["margin", "value"]),
            terms,
            common,
            unit=terms.currency,
            statistic="margin_clv",
            n=simple.n_buyers,
            method=template("The chance to stay is taken as the same for all and for ever; customers resampled."),
        ),
    ]


def _ends(row: pd.Series) -> dict[str, float]:
    return {name: float(row[name]) for name in ("value", "low", "high")}


_REFUSALS = {
    "cut_off": template(
        "What a customer will bring cannot be told here: customers had ordered before the data begin, so nobody's "
        "first order is known, nor how long they have been buying. An export that begins with the first orders would "
        "tell."
    ),
    "clockwork": template(
        "Of a customer's gaps between orders {share:percent} lie within a tenth of the usual one, as a contract or a "
        "subscription makes them. Models of free purchases do not fit: count who renews at each renewal (shifted "
        "beta-geometric)."
    ),
    "no_repeat": template(
        "Fewer than {needed:count} customers had bought again by {until:date}: nothing tells how often they return, "
        "so no value to come can be said. The revenue per buyer can, and later the share with a second order."
    ),
    "short": template(
        "Half of the customers have been known for {known:number} {unit:sentence} or less, under two usual gaps of "
        "{gap:number}: who has left and who waits look the same, so neither who is still a customer nor what they will "
        "bring is told."
    ),
    "drop_out": template(
        "Nothing in these data shows that customers leave for good: without leaving they are described as well. How "
        "many are still customers is not told."
    ),
    "vague": template(
        "These data do not tell how customers differ in how often they buy: what they will bring would have no "
        "interval, and is not told."
    ),
    "vague_spend": template(
        "These data do not tell how customers differ in what they spend on an order: a value in money would have no "
        "interval, and is not told."
    ),
    "no_spend": template(
        "Fewer than {needed:count} of those who bought again spent anything: what a repeat order is worth cannot be "
        "told, nor what a customer will bring in money."
    ),
    "infinite_spend": template(
        "Orders differ so much in size that their mean over customers has no bound (q = {q:number2}, not above 1): a "
        "few large ones carry it all. No value in money is told; say medians, and look at the largest one by one."
    ),
}


def _refusal(code: str, why: dict[str, Any], terms: Terms, common: dict[str, Any]) -> Claim:
    """Return why something cannot be said; without counts, which may be of few people."""
    values = {k: v for k, v in why.items() if k in ("share", "until", "known", "gap", "q")}
    return Claim(
        id=f"{SLUG}.refused.{code}",
        template=_REFUSALS[code],
        values=values | {"needed": terms.needed, "horizon": why.get("gap", terms.horizon), "unit": terms.units},
        kind="count",
        statistic="customer_value",
        value=None,
        unit="",
        n=None,
        status="too_few",
        method=template("A condition of the models that these data do not meet."),
        **common,
    )
