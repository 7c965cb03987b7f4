"""What a report may say of customer value: who brings how much, what models say and refuse, what is to come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from custaudience.customers.bridge.concentration import Concentration
from custaudience.customers.clv.fitting import MIN_REPEAT_CUSTOMERS
from custaudience.customers.clv.formulas import Outlook, SimpleValues
from custaudience.customers.clv.models import ModelCheck, ValueModels, Worth
from custaudience.customers.clv.purchases import GammaGamma
from custaudience.customers.rfm.segments import segment_names
from custaudience.evidence import Claim, Estimate, Terms
from custaudience.telling import Teller

SLUG, NOTEBOOK = "customer_value", "32_customer_value.ipynb"
_KEYS = {"BG/NBD": "bg_nbd", "Pareto/NBD": "pareto_nbd", "Gamma-Gamma": "gamma_gamma"}
_SHARE = ("share", "low", "high")
_ALIVE = ("probability_alive", "low", "high")
_PARAMETER = ("estimate", "parameter_low", "parameter_high")


@dataclass(frozen=True)
class ValueFindings:
    """All that notebook 32 has found, for its claims.

    ``simple`` is None when nobody bought lately; ``check`` when no model could be fitted to the calibration;
    ``today`` (models of the whole history) and ``worth`` then as well. ``outlook``: what values are stated for.
    """

    outlook: Outlook
    spread: Concentration
    simple: SimpleValues | None
    calibrated: ValueModels
    check: ModelCheck | None
    parameters: pd.DataFrame
    today: ValueModels | None
    worth: Worth | None


def value_claims(found: ValueFindings, terms: Terms) -> list[Claim]:
    """Return the claims of notebook 32, the finding first."""
    tell = Teller(__package__, SLUG, NOTEBOOK, terms)
    spread = list(_concentration(tell, found.spread))
    latest = found.today or found.calibrated
    claims = [_finding(tell, found, spread[0]), *spread, *_formulas(tell, found.simple, found.outlook)]
    claims += _repeat(tell, latest.summary)
    if found.check is not None:
        claims += _models(tell, found.calibrated, found.parameters)
        claims += _hold_out(tell, found.check)
    if found.today is not None and found.worth is not None:
        claims += _spend(tell, found.today.spend)
        claims += _alive(tell, found.worth.alive) if "drop_out" not in found.today.refused else ()
        claims += _to_come(tell, found, found.worth)
        claims += _reach(tell, found, found.today.summary)
    return [*claims, *_refusals(tell, found, latest)]


def _of(tell: Teller, row: Any, n: int | None, names: tuple[str, str, str] = ("value", "low", "high")) -> Estimate:
    value, low, high = (float(row[name]) for name in names)
    return Estimate(value, low, high, tell.terms.level, n)


def _span(tell: Teller, found: ValueFindings) -> dict[str, Any]:
    """Return the horizon as facts: ``{span:sentence}`` reads "52 weeks"."""
    return {"span": tell.phrase("span", found.calibrated.time_unit), "horizon": found.outlook.horizon}


def _finding(tell: Teller, found: ValueFindings, spread: Claim) -> Claim:
    worth, simple, margin = found.worth, found.simple, found.outlook.margin
    if worth is None or found.today is None or found.today.spend is None:  # no value to come can be told
        if spread.value is None:
            return tell.say("finding_without", "hidden", n=spread.n, values=spread.values)
        return tell.say("finding_without", of=_of(tell, spread.values, spread.n, _SHARE), values=spread.values)
    n = len(worth.prediction.table)
    each = _of(tell, worth.prediction.totals.loc["value"] / n, n, _PARAMETER)
    facts = {"median": float(worth.typical["value"]), "margin": margin, **_span(tell, found)}
    plain = tell.say("finding", "text" if margin == 1 else "earned", of=each, people=n, **facts)
    if simple is None or not simple.formulas:
        return plain
    facts |= {"first": plain.template, "average": simple.formulas[0].value, "days": simple.days}
    return tell.say("finding", "and_average", of=each, people=n, **facts)


def _concentration(tell: Teller, spread: Concentration) -> Iterator[Claim]:
    """Say what the best tenth brings, or the next larger share that is no small group, and the smallest one."""
    shown = spread.table[~spread.table["n_customers"].map(tell.few)]
    if shown.empty:
        yield tell.say("concentration", "hidden", n=spread.n_customers, top=float(spread.table["top"].iloc[-1]))
        return
    main, best = shown[shown["top"] >= 0.1].iloc[0], shown.iloc[0]
    half = float(spread.deciles["share"].iloc[5:].sum())
    told: list[tuple[str, str, pd.Series, dict[str, Any]]] = [("text", "", main, {"half": half})]
    if best["top"] < main["top"]:
        told.append(("best", "best", best, {}))
    for case, suffix, row, facts in told:
        facts |= {"top": float(row["top"]), "n": int(row["n_customers"]), "all": spread.n_customers}
        share = _of(tell, row, spread.n_customers, _SHARE)
        yield tell.say("concentration", case, of=share, suffix=suffix, values=facts)


def _formulas(tell: Teller, simple: SimpleValues | None, outlook: Outlook) -> Iterator[Claim]:
    if simple is None:
        return
    if not simple.formulas:
        yield tell.say("average", "hidden", days=simple.days)
        return
    until, n, days = simple.as_of.isoformat(), simple.n_buyers, simple.days
    facts: dict[str, Any] = {"revenue": simple.revenue, "median": simple.median_revenue, "until": until, "days": days}
    yield tell.say("average", of=simple.formulas[0].value, n=n, **facts)
    rows = simple.table.set_index("formula")
    if "simple" not in rows.index:
        if simple.n_retained and not tell.few(simple.n_retained):
            yield tell.say("no_formula", n=simple.n_before, days=days)
        return
    inputs, months, watched = simple.formulas[1].inputs, simple.months_retained, simple.months_watched
    facts = {"days": days, "retention": simple.n_retained / simple.n_before}
    factors: dict[str, Any] = {"sale": inputs["average_sale"], "sales": inputs["sales_per_month"], "months": months}
    factors |= {"watched": watched, "beyond": tell.phrase("beyond", "text") if months > watched else ""}
    yield tell.say("simple_formula", of=_of(tell, rows.loc["simple"], n), **factors, **facts)
    facts |= {"margin": outlook.margin, "rate": outlook.yearly_discount_rate}
    case = "text" if outlook.margin == 1 else "earned"
    yield tell.say("margin_formula", case, of=_of(tell, rows.loc["margin"], n), **facts)


def _repeat(tell: Teller, summary: pd.DataFrame | None) -> Iterator[Claim]:
    if summary is None:
        return
    n, everybody = int((summary["n_repeat"] > 0).sum()), len(summary)
    if not tell.few(n, everybody):
        facts = {"n": n, "all": everybody, "until": summary.attrs["ends_on"]}
        yield tell.say("repeat", of=n / everybody, n=everybody, values=facts)


def _models(tell: Teller, models: ValueModels, table: pd.DataFrame) -> Iterator[Claim]:
    """Say which model was taken, its parameters as publications write them, and what rounding would have done."""
    best, other = models.purchases[:2]
    close = best.log_likelihood_ - other.log_likelihood_ < 2
    facts: dict[str, Any] = {"best": best.title, "other": other.title, "until": best.ends_on_}
    facts |= {"other_ll": other.log_likelihood_}
    yield tell.say("model", "close" if close else "text", of=best.log_likelihood_, n=best.n_customers_, **facts)
    for title, part in table.groupby("model", sort=False):
        known = part["standard_error"].notna() & part["estimate_rounded"].notna()
        if not known.any():
            continue
        digits = 3 if title == "Gamma-Gamma" else 4
        exact, rounded = (
            " ".join(f"{x:.{digits}f}" if told else "–" for x, told in zip(part[c], known, strict=True))
            for c in ("estimate", "estimate_rounded")
        )
        n = int(part["n_customers"].iloc[0])
        facts = {"model": title, "names": " ".join(part["parameter"]), "exact": exact, "rounded": rounded}
        claim = tell.say("parameters", n=n, suffix=_KEYS[str(title)], values=facts | {"n": n})
        yield replace(claim, value=None)  # none of several parameters is the headline
    moved = float(((table["estimate_rounded"] - table["estimate"]).abs() / table["standard_error"]).max())
    if moved >= 0:
        case, n = "text" if moved <= 0.1 else "matters", int(table["n_customers"].max())
        yield tell.say("rounding", case, of=moved, n=n, moved=max(moved, 0.001))


def _hold_out(tell: Teller, check: ModelCheck) -> Iterator[Claim]:
    """Say what happened in the time held out, beside what the model and everybody's own pace had said."""
    found, n = check.hold_out, int(check.hold_out.by_calibration_purchases["n_customers"].sum())
    inside = found.predictive_low <= found.actual <= found.predictive_high
    known, since = np.isfinite(found.predictive_low), found.calibrated_until + dt.timedelta(days=1)
    model, pace, title = check.errors.iloc[0], check.errors.iloc[-1], str(check.errors["model"].iloc[0])
    facts: dict[str, Any] = {"from": since.isoformat(), "until": found.terms.as_of.isoformat(), "model": title}
    if found.actual:
        verdict = "exact" if abs(found.error) < 0.01 else "much" if found.error > 0 else "little"
        verdict = tell.phrase("verdict", verdict)
        facts |= {"actual": round(found.actual), "error": abs(found.error), "verdict": verdict}
    said = Estimate(found.expected, found.predictive_low, found.predictive_high, tell.terms.level, n)
    yield tell.say(
        "holdout", "none" if not found.actual else "plain" if not known else "text" if inside else "missed",
        of=said if known else found.expected, n=n, values=facts,
        status="too_few" if not known else "measured" if inside else "contradicted",
    )  # fmt: skip
    if found.actual:
        facts = {"naive": round(float(pace["expected"])), "actual": round(found.actual), "model": title}
        off, other = (float(row["mean_absolute_error"]) for row in (model, pace))
        yield tell.say("pace", of=off, n=n, other=other, **facts)


def _spend(tell: Teller, model: GammaGamma | None) -> Iterator[Claim]:
    if model is None:
        return
    level, ends, n = tell.terms.level, tell.terms.ends, model.n_customers_
    draws = model.estimate_.draw(np.random.default_rng(0), 2000) if model.estimate_.positive_definite else None
    if draws is not None and (bounded := draws[:, 1] > 1).mean() > 1 - ends[0]:
        p, q, v = draws[bounded].T
        low, high = np.quantile(p * v / (q - 1), ends)
        yield tell.say("spend", of=Estimate(model.population_mean_, float(low), float(high), level, n))
    if model.n_zero_spend_:
        yield tell.say("zero_spend", n=model.n_zero_spend_)
    r, z = model.correlation_, float(norm.ppf(ends[1]))
    if n > 3 and np.isfinite(r) and abs(r) < 1:
        low, high = (float(np.tanh(np.arctanh(r) + sign * z / np.sqrt(n - 3))) for sign in (-1, 1))
        related = abs(r) > 0.1 and (low > 0 or high < 0)
        case = "text" if not related else "more" if r > 0 else "less"
        yield tell.say("independence", case, of=Estimate(r, low, high, level, n))


def _alive(tell: Teller, table: pd.DataFrame) -> Iterator[Claim]:
    title = str(table["model"].iloc[0])
    rows = table[table["model"] == title].set_index("group")
    by_construction = title == "BG/NBD"
    group = rows.loc["repeat" if by_construction else "all"]
    if not tell.few(group["n_customers"]) and np.isfinite(group["low"]):
        share = _of(tell, group, int(group["n_customers"]), _ALIVE)
        case = "repeat" if by_construction else "text"
        yield tell.say("alive", case, of=share, hundred=100 * share.value, model=title)
    n = int(rows.loc["once", "n_customers"])
    if not by_construction or not n or tell.few(n):
        return
    others = table[(table["model"] != title) & (table["group"] == "once") & table["low"].notna()]
    facts = [{"hundred": 100 * float(row["probability_alive"]), "other": row["model"]} for _, row in others.iterrows()]
    yield tell.say("alive_once", "compared" if facts else "text", n=n, values=facts[0] if facts else {})


def _to_come(tell: Teller, found: ValueFindings, worth: Worth) -> Iterator[Claim]:
    """Say what all customers, a typical one, and groups are expected to bring."""
    outlook, n = found.outlook, len(worth.prediction.table)
    shared = {"n": n, "currency": tell.terms.currency, "margin": outlook.margin, "rate": outlook.yearly_discount_rate}
    shared |= _span(tell, found)
    orders, money = (worth.prediction.totals.loc[name].astype("float64") for name in ("purchases", "value"))
    if tell.few(n):
        return
    if np.isfinite(orders).all():
        yield tell.say("expected", of=_of(tell, orders, n, _PARAMETER), values=shared | _wide(orders))
    if not np.isfinite(money).all():
        return
    values = shared | _wide(money)
    total, case = _of(tell, money, n, _PARAMETER), "text" if outlook.margin == 1 else "earned"
    claim = tell.say("worth", case, of=total, values=values)
    if found.check is not None and abs(found.check.hold_out.error) > 0.05:
        values |= {"first": claim.template, "error": abs(found.check.hold_out.error)}
        claim = tell.say("worth", "and_missed", of=total, values=values)
    yield claim
    typical = _of(tell, worth.typical, n, ("value", "value_parameter_low", "value_parameter_high"))
    yield tell.say("worth_typical", of=typical, values=shared | _wide(worth.typical, "value_"))
    names = segment_names()
    groups = worth.groups[~worth.groups["n_customers"].map(tell.few) & (worth.groups["share_of_value"] >= 0.01)]
    for _, row in groups.iterrows():
        n, group = int(row["n_customers"]), str(row["group"])
        low, high = row["parameter_low"] / n, row["parameter_high"] / n
        each = Estimate(row["value_per_customer"], low, high, tell.terms.level, n)
        share = row["share_of_value"]
        yield tell.say("worth_group", of=each, suffix=group, segment=names.get(group, group), share=share)


def _wide(row: pd.Series, before: str = "") -> dict[str, float]:
    return {f"wide_{end}": float(row[f"{before}predictive_{end}"]) for end in ("low", "high")}


def _reach(tell: Teller, found: ValueFindings, summary: pd.DataFrame | None) -> Iterator[Claim]:
    """Say so when the horizon is longer than anybody has been watched."""
    longest = 0.0 if summary is None else float(summary["tenure"].max())
    if found.outlook.horizon > 1.1 * longest and found.worth is not None:
        n = len(found.worth.prediction.table)
        yield tell.say("reach", of=found.outlook.horizon, n=n, longest=longest, **_span(tell, found))


def _refusals(tell: Teller, found: ValueFindings, models: ValueModels) -> Iterator[Claim]:
    """Say why something cannot be said; without counts, which may be of few people."""
    for code, why in models.refused.items():
        facts = {name: fact for name, fact in why.items() if name in ("share", "until", "known", "gap", "q")}
        facts |= {"needed": MIN_REPEAT_CUSTOMERS, "horizon": why.get("gap", found.outlook.horizon)}
        facts["unit"] = tell.phrase("units", found.calibrated.time_unit)
        yield tell.say("refused", code, suffix=code, values=facts)
