"""What a report may say of the value to come: what an order is worth, who is still a customer, what they will bring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from custaudience.customers.clv.gammagamma import GammaGamma
from custaudience.customers.clv.model_claims import Terms, count_claim, estimate_claim, span_of
from custaudience.customers.clv.models import ModelCheck, ValueModels
from custaudience.customers.clv.worth import Worth
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.evidence import Claim, template


def worth_claims(
    models: ValueModels | None, worth: Worth | None, check: ModelCheck | None, terms: Terms, common: dict[str, Any]
) -> list[Claim]:
    """Return what the models of the whole history say; nothing where one was refused."""
    if models is None or worth is None:
        return []
    claims = [] if models.spend is None else _spend(models.spend, terms, common)
    if "drop_out" not in models.refused:
        claims += _alive(worth.alive, terms, common)
    return [*claims, *_to_come(worth, check, terms, common), *_reach(worth, models, terms, common)]


def _reach(worth: Worth, models: ValueModels, terms: Terms, common: dict[str, Any]) -> list[Claim]:
    """Say so when the horizon is longer than anybody has been watched."""
    longest = 0.0 if models.summary is None else float(models.summary["tenure"].max())
    if terms.horizon <= 1.1 * longest:
        return []
    text = template(
        "The next {span:sentence} are longer than anybody has been watched ({longest:number1}): what is said of the "
        "time beyond rests on the shape of the model alone."
    )
    method = template("The horizon against the longest time since a first purchase.")
    values = {"longest": longest, **span_of(terms)}
    fields: dict[str, Any] = {"unit": "", "statistic": "customer_value", "n": len(worth.prediction.table)}
    return [count_claim("reach", text, values, terms.horizon, common, method=method, **fields)]


def _spend(model: GammaGamma, terms: Terms, common: dict[str, Any]) -> list[Claim]:
    claims = []
    z, n = float(norm.ppf((1 + terms.level) / 2)), model.n_customers_
    draws = model.estimate_.draw(np.random.default_rng(0), 2000) if model.estimate_.positive_definite else None
    if draws is not None and (bounded := draws[:, 1] > 1).mean() > 1 - (1 - terms.level) / 2:
        p, q, v = draws[bounded].T
        low, high = np.quantile(p * v / (q - 1), [(1 - terms.level) / 2, (1 + terms.level) / 2])
        values = {"mean": model.population_mean_, "low": float(low), "high": float(high), "currency": terms.currency}
        text = template(
            "A repeat order is worth {mean:money} on average over customers ({low:money} to {high:money}); {n:count} "
            "customers tell."
        )
        method = template("Gamma-Gamma model of mean values; parameter interval.")
        claims.append(
            estimate_claim("spend", text, values | {"n": n}, model.population_mean_, terms, common, terms.currency,
                      "expected_spend", n, method)
        )  # fmt: skip
    if model.n_zero_spend_:
        many = model.n_zero_spend_ >= terms.least
        claims.append(
            count_claim(
                "zero_spend",
                template(
                    "{n:count} customers bought again, but for nothing: they tell when people buy, not for how much."
                )
                if many
                else template(
                    "Fewer than {least:count} customers bought again, but for nothing: they tell when people buy, not "
                    "for how much."
                ),
                {"n": model.n_zero_spend_} if many else {"least": terms.least},
                model.n_zero_spend_ if many else None,
                common,
                unit="customers",
                statistic="expected_spend",
                n=model.n_zero_spend_ if many else None,
                status="measured" if many else "too_few",
                method=template("Repeat purchases of zero only: left out of the model of spend."),
            )
        )
    r = model.correlation_
    if n > 3 and np.isfinite(r) and abs(r) < 1:
        low, high = (float(np.tanh(np.arctanh(r) + sign * z / np.sqrt(n - 3))) for sign in (-1, 1))
        related = abs(r) > 0.1 and (low > 0 or high < 0)
        more = template(
            "Who buys more often also spends more per order (correlation {r:number2}, {low:number2} to "
            "{high:number2}); the model takes the two as unrelated, so values of frequent buyers come out too low and "
            "those of rare ones too high."
        )
        less = template(
            "Who buys more often spends less per order (correlation {r:number2}, {low:number2} to {high:number2}); "
            "the model takes the two as unrelated, so values of frequent buyers come out too high and those of rare "
            "ones too low."
        )
        free = template(
            "How often and for how much people buy is hardly related (correlation {r:number2}, {low:number2} to "
            "{high:number2}), as the model of spend requires."
        )
        text = free if not related else more if r > 0 else less
        method = template("Pearson's correlation of number and mean value of repeat purchases; Fisher's interval.")
        values = {"r": r, "low": low, "high": high}
        claims.append(
            estimate_claim("independence", text, values, r, terms, common, "correlation", "expected_spend", n, method)
        )
    return claims


def _alive(table: pd.DataFrame, terms: Terms, common: dict[str, Any]) -> list[Claim]:
    title = str(table["model"].iloc[0])
    rows = table[table["model"] == title].set_index("group")
    by_construction = title == "BG/NBD"
    group = rows.loc["repeat" if by_construction else "all"]
    claims = []
    if group["n_customers"] >= terms.least and np.isfinite(group["low"]):
        share = float(group["probability_alive"])
        text = template("Of 100 customers about {hundred:count} are still customers ({low:percent} to {high:percent}).")
        if by_construction:
            text = template(
                "Of 100 who bought again about {hundred:count} are still customers ({low:percent} to {high:percent})."
            )
        values = {"hundred": 100 * share, "low": float(group["low"]), "high": float(group["high"])}
        method = template("Mean probability of being alive by {model:text}; parameter interval.")
        claims.append(
            estimate_claim("alive", text, values | {"model": title}, share, terms, common, "fraction",
                      "probability_alive", int(group["n_customers"]), method)
        )  # fmt: skip
    n = int(rows.loc["once", "n_customers"])
    if not by_construction or n < terms.least:
        return claims
    others = table[(table["model"] != title) & (table["group"] == "once") & table["low"].notna()]
    text = template(
        "The {n:count} who bought once count as customers by construction of BG/NBD, which lets nobody leave before a "
        "second order: that is no finding about them."
    )
    values = {"n": n}
    if len(others):
        values |= {"hundred": 100 * float(others["probability_alive"].iloc[0]), "other": others["model"].iloc[0]}
        text = template(
            "The {n:count} who bought once count as customers by construction of BG/NBD, which lets nobody leave "
            "before a second order: that is no finding about them. {other:text}, which does, takes {hundred:count} of "
            "100 as still customers."
        )
    method = template("BG/NBD gives a probability of 1 to everybody without a repeat purchase.")
    claims.append(
        count_claim(
            "alive_once", text, values, n, common, unit="customers", statistic="probability_alive", n=n, method=method
        )
    )
    return claims


def _to_come(worth: Worth, check: ModelCheck | None, terms: Terms, common: dict[str, Any]) -> list[Claim]:
    prediction, n = worth.prediction, len(worth.prediction.table)
    shared = {"n": n, "currency": terms.currency, "margin": terms.margin, "rate": terms.rate, **span_of(terms)}
    orders, money = (_both(prediction.totals.loc[name]) for name in ("purchases", "value"))
    method = template("Summed over customers; the parameter interval by the delta method, the other by simulation.")
    claims = []
    if n >= terms.least and np.isfinite(list(orders.values())).all():
        text = template(
            "Over the next {span:sentence} today's {n:count} customers are expected to order {estimate:count} times. "
            "How far the estimate may be off (parameter): {low:count} to {high:count}; where what happens will lie "
            "(parameter and process): {wide_low:count} to {wide_high:count}."
        )
        claims.append(
            estimate_claim("expected", text, shared | orders, orders["estimate"], terms, common, "orders",
                      "repeat_purchases", n, method)
        )  # fmt: skip
    if n < terms.least or not np.isfinite(list(money.values())).all():
        return claims
    text = template(
        "These orders are worth {estimate:money0} of revenue today, discounted at {rate:percent} a year. How far the "
        "estimate may be off (parameter): {low:money0} to {high:money0}; where what happens will lie (parameter and "
        "process): {wide_low:money0} to {wide_high:money0}."
    )
    if terms.margin != 1:
        text = template(
            "At a margin of {margin:percent} these orders are worth {estimate:money0} today, discounted at "
            "{rate:percent} a year. How far the estimate may be off (parameter): {low:money0} to {high:money0}; where "
            "what happens will lie (parameter and process): {wide_low:money0} to {wide_high:money0}."
        )
    values = shared | money
    if check is not None and abs(check.hold_out.error) > 0.05:
        values |= {"first": text, "error": abs(check.hold_out.error)}
        text = template(
            "{first:sentence} In the time held out the model was {error:percent} off, which neither interval holds."
        )
    claims.append(
        estimate_claim(
            "worth", text, values, money["estimate"], terms, common, terms.currency, "customer_value", n, method
        )
    )
    typical = _both(worth.typical.rename({"value": "estimate"}), "value_")
    text = template(
        "A typical customer, half are worth more and half less, is expected to bring {estimate:money}. How far the "
        "estimate may be off (parameter): {low:money} to {high:money}; what such a customer will really bring "
        "(parameter and process): {wide_low:money} to {wide_high:money}."
    )
    claims.append(
        estimate_claim("worth_typical", text, shared | typical, typical["estimate"], terms, common, terms.currency,
                  "customer_value", n, method)
    )  # fmt: skip
    return [*claims, *_groups(worth.groups, terms, common)]


def _groups(groups: pd.DataFrame, terms: Terms, common: dict[str, Any]) -> list[Claim]:
    rules = load_segment_rules()
    names = {s.key: s.name for s in (*rules.segments, rules.no_order)}
    claims = []
    telling = (groups["n_customers"] >= terms.least) & (groups["share_of_value"] >= 0.01)
    for row in groups[telling].to_dict("records"):
        n = int(row["n_customers"])
        values = {
            "segment": names.get(row["group"], row["group"]),
            "n": n,
            "share": row["share_of_value"],
            "each": row["value_per_customer"],
            "low": row["parameter_low"] / n,
            "high": row["parameter_high"] / n,
            "currency": terms.currency,
        }
        text = template(
            "{segment:term}: {n:count} customers carry {share:percent} of the value to come, {each:money} each "
            "({low:money} to {high:money})."
        )
        method = template("Summed over the customers now in the segment; parameter interval.")
        claims.append(
            estimate_claim(f"worth_group.{row['group']}", text, values, values["each"], terms, common, terms.currency,
                      "customer_value", n, method)
        )  # fmt: skip
    return claims


def _both(row: pd.Series, before: str = "") -> dict[str, float]:
    """Return an estimate with the ends of its two intervals as values of a template."""
    names = {
        "low": "parameter_low",
        "high": "parameter_high",
        "wide_low": "predictive_low",
        "wide_high": "predictive_high",
    }
    return {"estimate": float(row["estimate"])} | {name: float(row[before + end]) for name, end in names.items()}
