"""Who brings how much, the short formulas, and the models of value to come."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, pearsonr

from recounts import purchase_models as models
from recounts.books import LEAST, Books, once
from recounts.chance import bootstrap, of_width
from recounts.claims import Found, Published, register
from recounts.repeat_purchases import STARTS, buyers_again, fitted, middle, purchases, rows_of
from recounts.rfm import NAMES, segments_at

TOPIC = "customer_value"
MONTH, YEAR, HORIZON, RATE, LEVEL = 365.25 / 12, 365.25, 52, 0.1, 0.95
PER_WEEK = math.log(1 + RATE) * 7 / YEAR
SPAN = {"horizon": HORIZON}
WIDE = 0.35
"""How near, in widths, the ends of simulated intervals must come: the parameters lie on a ridge, so that the normal
approximation they are drawn from has a heavy upper tail, and its quantile from 400 draws is not sure."""


@once
def _sorted_value(books: Books) -> np.ndarray:
    """Net revenue of each customer with an order that counts, the largest first; below zero counts as nothing."""
    buyers = books.customers[books.customers["n_orders"] > 0]
    return np.sort(buyers["minor"].clip(lower=0).to_numpy())[::-1]


@once
def _top(books: Books, top: float) -> dict[str, float]:
    value = _sorted_value(books)
    n = math.ceil(round(top * 100) * len(value) / 100)

    def share(times: np.ndarray) -> np.ndarray:
        money, above = np.cumsum(times * value, axis=1), np.cumsum(times, axis=1)
        at = (above < n).sum(axis=1)
        rows = np.arange(len(times))
        return (money[rows, at] - (above[rows, at] - n) * value[at]) / money[:, -1]

    low, high = bootstrap(value, share)
    return {"top": top, "n": n, "all": len(value), "share": value[:n].sum() / value.sum(), "low": low, "high": high}


def _concentration(books: Books, claim: Published, top: float, half: bool) -> Found:
    found, value = dict(_top(books, top)), _sorted_value(books)
    if half:
        found["half"] = value[len(value) * 5 // 10 :].sum() / value.sum()
    near = of_width(found["low"], found["high"])
    return Found(found["share"], found["all"], found["low"], found["high"], found, near)


@register(f"{TOPIC}.concentration")
def concentration(books: Books, claim: Published) -> Found:
    return _concentration(books, claim, 0.1, True)


@register(f"{TOPIC}.concentration.best")
def concentration_best(books: Books, claim: Published) -> Found:
    n = len(_sorted_value(books))
    top = next(t for t in (0.01, 0.05, 0.1) if math.ceil(round(t * 100) * n / 100) >= LEAST)
    return _concentration(books, claim, top, False)


@once
def _windows(books: Books) -> dict[str, Any]:
    """Two equal times, one after the other: a year, or half of the data."""
    span = (books.as_of - books.all_used["day"].min()).days + 1
    days = min(365, span // 2)
    since = books.as_of - pd.Timedelta(days=days - 1)
    netted = books.netted[books.netted["day"] >= since - pd.Timedelta(days=days)]
    late = netted["day"] >= since
    table = pd.DataFrame(
        {
            "minor": netted["minor"].where(late, 0).groupby(netted["customer"]).sum(),
            "n": (netted["counts"] & late).groupby(netted["customer"]).sum(),
            "before": (netted["counts"] & ~late).groupby(netted["customer"]).sum(),
        }
    )
    table["bought"], table["was"] = table["n"] > 0, table["before"] > 0
    table["both"] = table["bought"] & table["was"]
    return {"days": days, "watched": span / MONTH, "table": table}


def _simple(sums: Any, days: int) -> dict[str, Any]:
    """The short formulas of sums over customers: revenue, orders, buyers, buyers before, buyers of both."""
    minor, n, bought, was, both = sums
    months, discount = days / MONTH, (1 + RATE) ** (days / YEAR) - 1
    kept, each = both / was, minor / 100 / bought
    return {
        "average": each, "sale": minor / 100 / n, "sales": n / bought / months, "months": months / (1 - kept),
        "retention": kept, "simple": each / (1 - kept), "margin": each * kept / (1 + discount - kept),
    }  # fmt: skip


@once
def _formulas(books: Books) -> dict[str, Any]:
    windows = _windows(books)
    columns = windows["table"][["minor", "n", "bought", "was", "both"]].to_numpy(float)
    found = _simple(columns.sum(axis=0), windows["days"])
    for name in ("simple", "margin"):
        found[f"{name} ends"] = bootstrap(
            columns, lambda times, name=name: _simple((times @ columns).T, windows["days"])[name]
        )
    return found


@register(f"{TOPIC}.average")
def average(books: Books, claim: Published) -> Found:
    windows = _windows(books)
    table, value = windows["table"], _formulas(books)["average"]
    n = int(table["bought"].sum())
    values = {
        "n": n, "days": windows["days"], "until": books.as_of, "revenue": table["minor"].sum() / 100, "value": value,
        "median": table.loc[table["bought"], "minor"].median() / 100,
    }  # fmt: skip
    return Found(value, n, values=values)


@register(f"{TOPIC}.simple_formula", f"{TOPIC}.margin_formula")
def formula(books: Books, claim: Published) -> Found:
    windows, found = _windows(books), _formulas(books)
    name = claim.key.removesuffix("_formula")
    low, high = found[f"{name} ends"]
    values = {"days": windows["days"], "retention": found["retention"], "value": found[name], "low": low, "high": high}
    says: tuple[str, ...] = ()
    if name == "simple":
        values |= {"watched": windows["watched"]} | {key: found[key] for key in ("sale", "sales", "months")}
        says = ("were never seen",) if found["months"] > windows["watched"] else ()
        assert says or not claim.values["beyond"]
    else:
        values |= {"margin": 1.0, "rate": RATE}
    n = int(windows["table"]["bought"].sum())
    return Found(found[name], n, low, high, values, of_width(low, high), says)


@register(f"{TOPIC}.refused.cut_off")
def cut_off(books: Books, claim: Published) -> Found:
    assert books.first_orders == "cut off"
    return Found(values={"horizon": HORIZON, "needed": 10}, says=("cannot be told",), status="too_few")


@register(f"{TOPIC}.repeat")
def repeat(books: Books, claim: Published) -> Found:
    table = purchases(books, books.as_of)
    n = int((table["x"] > 0).sum())
    values = {"n": n, "all": len(table), "share": n / len(table), "until": books.as_of}
    return Found(n / len(table), len(table), values=values)


@register(f"{TOPIC}.model")
def model(books: Books, claim: Published) -> Found:
    until = middle(books)
    found = {title: fitted(books, title, until).log_likelihood for title in ("BG/NBD", "Pareto/NBD")}
    best, other = sorted(found, key=lambda title: -found[title])
    assert best == "Pareto/NBD", "only its predictions are recounted"
    values = {"best": best, "ll": found[best], "other": other, "other_ll": found[other], "until": until}
    says = "about equally well" if found[best] - found[other] < 2 else "better than"
    near = {name: (0.0, 1e-4) for name in ("value", "ll", "other_ll")}
    return Found(found[best], len(purchases(books, until)), values=values, near=near, says=(says,))


@register(f"{TOPIC}.parameters.*")
def parameters(books: Books, claim: Published) -> Found:
    """The printed digits must be those of our own optimum, but for the last; so must those of the rounded summary."""
    title = {"bg_nbd": "BG/NBD", "pareto_nbd": "Pareto/NBD", "gamma_gamma": "Gamma-Gamma"}[claim.last]
    until = middle(books)
    table = purchases(books, until)
    n = len(buyers_again(table)) if title == "Gamma-Gamma" else len(table)
    values: dict[str, Any] = {"model": title, "n": n}
    for name, as_rounded in (("exact", False), ("rounded", True)):
        mine = fitted(books, title, until, as_rounded).params
        printed = np.array([float(word) for word in str(claim.values[name]).split()])
        close = np.allclose(printed, mine, rtol=3e-4, atol=1e-3)
        values[name] = claim.values[name] if close else " ".join(f"{p:.4f}" for p in mine)
    return Found(None, n, values=values)


@register(f"{TOPIC}.rounding")
def rounding(books: Books, claim: Published) -> Found:
    until = middle(books)
    moved = 0.0
    for title in STARTS:
        exact, other = (fitted(books, title, until, as_rounded) for as_rounded in (False, True))
        moved = max(moved, float(np.max(abs(other.params - exact.params) / exact.errors)))
    near = {name: (0.1, 1e-4) for name in ("value", "moved")}
    says = "does not matter" if moved <= 0.1 else "keep the exact"
    return Found(moved, len(purchases(books, until)), values={"moved": moved}, near=near, says=(says,))


@once
def _held_out(books: Books) -> dict[str, Any]:
    until = middle(books)
    table, orders = purchases(books, until), books.orders
    later = orders[(orders["day"] > until) & orders["customer"].isin(table.index)]
    actual = later.drop_duplicates(["customer", "day"]).groupby("customer").size().reindex(table.index, fill_value=0)
    fit, ahead = fitted(books, "Pareto/NBD", until), (books.as_of - until).days / 7
    expected = models.future(fit.params, *rows_of(table), ahead)
    rng = np.random.default_rng(3)
    draws = np.exp(rng.multivariate_normal(fit.logs, fit.covariance, size=800, method="eigh"))
    rows = (*rows_of(table), table["z"].to_numpy())
    sums = [models.simulate(rng, params, None, rows, ahead, 0.0)[0].sum() for params in draws]
    low, high = np.quantile(sums, [0.025, 0.975])
    return {"actual": actual, "expected": expected, "low": low, "high": high, "ahead": ahead, "table": table}


@register(f"{TOPIC}.holdout")
def holdout(books: Books, claim: Published) -> Found:
    found = _held_out(books)
    actual, expected = int(found["actual"].sum()), float(found["expected"].sum())
    low, high = float(found["low"]), float(found["high"])
    values = {
        "from": middle(books) + pd.Timedelta(days=1), "until": books.as_of, "actual": actual, "model": "Pareto/NBD",
        "expected": expected, "low": low, "high": high, "error": abs(expected / actual - 1),
    }  # fmt: skip
    near = of_width(low, high, WIDE) | {name: (1e-4, 0.0) for name in ("value", "expected")} | {"error": (0.0, 1e-4)}
    inside = low <= actual <= high
    says = ("{error:percent1} too few" if expected < actual else "{error:percent1} too many",)
    if values["error"] < 0.01:
        says, values["verdict"] = (), "within 1 % of it"
    status = "measured" if inside else "contradicted"
    return Found(expected, len(found["table"]), low, high, values, near, says, status)


@register(f"{TOPIC}.pace")
def pace(books: Books, claim: Published) -> Found:
    found = _held_out(books)
    table = found["table"]
    kept_up = (table["x"] / table["T"].where(table["T"] > 0, np.inf) * found["ahead"]).to_numpy()
    error, other = (float(np.mean(abs(said - found["actual"]))) for said in (found["expected"], kept_up))
    values = {
        "naive": round(kept_up.sum()), "actual": int(found["actual"].sum()), "model": "Pareto/NBD", "error": error,
        "other": other,
    }  # fmt: skip
    return Found(error, len(table), values=values, near={name: (1e-4, 0.0) for name in ("value", "error")})


@register(f"{TOPIC}.independence")
def independence(books: Books, claim: Published) -> Found:
    again = buyers_again(purchases(books, books.as_of))
    r = float(pearsonr(again["x"], again["z"]).statistic)
    half = norm.ppf(0.975) / math.sqrt(len(again) - 3)
    low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    related = abs(r) > 0.1 and (low > 0 or high < 0)
    says = ("also spends more" if r > 0 else "spends less") if related else "hardly related"
    return Found(r, len(again), low, high, {"r": r, "low": low, "high": high}, says=(says,))


@register(f"{TOPIC}.spend")
def spend(books: Books, claim: Published) -> Found:
    fit = fitted(books, "Gamma-Gamma", books.as_of)
    p, q, v = fit.params
    drawn = np.exp(np.random.default_rng(5).multivariate_normal(fit.logs, fit.covariance, size=40000)).T
    means = (drawn[0] * drawn[2] / (drawn[1] - 1))[drawn[1] > 1]
    low, high = (float(end) for end in np.quantile(means, [0.025, 0.975]))
    mean, n = p * v / (q - 1), len(buyers_again(purchases(books, books.as_of)))
    near = of_width(low, high) | {name: (1e-4, 0.0) for name in ("value", "mean")}
    return Found(mean, n, low, high, {"mean": mean, "low": low, "high": high, "n": n}, near)


@once
def _to_come(books: Books) -> dict[str, Any]:
    """Expected purchases and value of each customer, with simulated sums."""
    table = purchases(books, books.as_of)
    buying, paying = fitted(books, "Pareto/NBD", books.as_of), fitted(books, "Gamma-Gamma", books.as_of)
    rows, z = rows_of(table), table["z"].to_numpy()
    n = models.future(buying.params, *rows, HORIZON)
    value = models.discounted(buying.params, *rows, HORIZON, PER_WEEK) * models.spend(paying.params, rows[0], z)
    order = np.argsort(value, kind="stable")
    typical = int(order[(len(value) + 1) // 2 - 1])
    rng, sums, one = np.random.default_rng(9), [], []
    for params in np.exp(rng.multivariate_normal(buying.logs, buying.covariance, size=600, method="eigh")):
        gg = np.exp(rng.multivariate_normal(paying.logs, paying.covariance))
        count, money = models.simulate(rng, params, gg, (*rows, z), HORIZON, PER_WEEK)
        sums.append((count.sum(), money.sum()))
        one.append(money[typical])
    wide = np.quantile(np.array(sums), [0.025, 0.975], axis=0)
    return {
        "table": table, "purchases": n, "value": value, "typical": typical, "wide": wide, "buying": buying,
        "paying": paying, "one": np.quantile(one, [0.025, 0.975]),
    }  # fmt: skip


def _parameter_ends(books: Books, members: np.ndarray, money: bool = True) -> tuple[float, float]:
    """Delta method on the logarithm of the sum over some customers; the two models are independent."""
    found = _to_come(books)
    table, buying, paying = found["table"][members], found["buying"], found["paying"]
    rows, z = rows_of(table), table["z"].to_numpy()
    if not money:
        slope = models.log_slopes(lambda p: models.future(p, *rows, HORIZON).sum(), buying.logs)
        total, variance = found["purchases"][members].sum(), slope @ buying.covariance @ slope
    else:
        each = models.spend(paying.params, rows[0], z)
        ahead = models.discounted(buying.params, *rows, HORIZON, PER_WEEK)
        s1 = models.log_slopes(lambda p: (models.discounted(p, *rows, HORIZON, PER_WEEK) * each).sum(), buying.logs)
        s2 = models.log_slopes(lambda p: (ahead * models.spend(p, rows[0], z)).sum(), paying.logs)
        total = found["value"][members].sum()
        variance = s1 @ buying.covariance @ s1 + s2 @ paying.covariance @ s2
    half = norm.ppf((1 + LEVEL) / 2) * math.sqrt(variance)
    return float(total * math.exp(-half)), float(total * math.exp(half))


NEAR = {name: (1e-3, 0.0) for name in ("value", "estimate", "each", "median", "low", "high", "share", "hundred")}


@register(f"{TOPIC}.expected", f"{TOPIC}.worth")
def total_to_come(books: Books, claim: Published) -> Found:
    found, money = _to_come(books), claim.key == "worth"
    everybody = np.ones(len(found["table"]), dtype=bool)
    estimate = float(found["value" if money else "purchases"].sum())
    low, high = _parameter_ends(books, everybody, money)
    wide_low, wide_high = (float(end) for end in found["wide"][:, int(money)])
    values = {
        "estimate": estimate, "low": low, "high": high, "wide_low": wide_low, "wide_high": wide_high,
        "n": len(everybody), "margin": 1.0, "rate": RATE, **SPAN,
    }  # fmt: skip
    wide = {f"wide_{end}": (0.0, WIDE * (wide_high - wide_low)) for end in ("low", "high")}
    return Found(estimate, len(everybody), low, high, values, NEAR | wide)


@register(f"{TOPIC}.worth_typical")
def typical(books: Books, claim: Published) -> Found:
    found = _to_come(books)
    i = found["typical"]
    members = np.arange(len(found["table"])) == i
    low, high = _parameter_ends(books, members)
    wide_low, wide_high = (float(end) for end in found["one"])
    value = float(found["value"][i])
    values = {
        "estimate": value, "low": low, "high": high, "wide_low": wide_low, "wide_high": wide_high,
        "n": len(members), "margin": 1.0, "rate": RATE, **SPAN,
    }  # fmt: skip
    return Found(value, len(members), low, high, values, NEAR)


@register(f"{TOPIC}.worth_group.*")
def group(books: Books, claim: Published) -> Found:
    found = _to_come(books)
    segments = segments_at(books, books.as_of)["segment"].reindex(found["table"].index)
    members = (segments == claim.last).to_numpy()
    n, value = int(members.sum()), found["value"]
    low, high = (end / n for end in _parameter_ends(books, members))
    each, share = value[members].sum() / n, value[members].sum() / value.sum()
    values = {"segment": NAMES[claim.last], "n": n, "share": share, "each": each, "low": low, "high": high}
    return Found(each, n, low, high, values, NEAR)


@register(f"{TOPIC}.alive")
def alive(books: Books, claim: Published) -> Found:
    found = _to_come(books)
    rows, buying = rows_of(found["table"]), found["buying"]
    share = float(models.alive(buying.params, *rows).mean())
    drawn = np.exp(np.random.default_rng(8).multivariate_normal(buying.logs, buying.covariance, size=600))
    low, high = np.quantile([models.alive(p, *rows).mean() for p in drawn], [0.025, 0.975])
    # the published interval has 200 draws, so its ends are less sure than others
    near = NEAR | of_width(float(low), float(high), WIDE)
    values = {"hundred": 100 * share, "low": float(low), "high": float(high), "model": "Pareto/NBD"}
    return Found(share, len(found["table"]), float(low), float(high), values, near)


@register(f"{TOPIC}.finding")
def finding(books: Books, claim: Published) -> Found:
    if books.first_orders == "cut off":
        found = concentration(books, claim)
        found.says = ("cannot be told",)
        return found
    found = _to_come(books)
    n = len(found["table"])
    low, high = (end / n for end in _parameter_ends(books, np.ones(n, dtype=bool)))
    each = found["value"].sum() / n
    values = {
        "each": each, "low": low, "high": high, "median": float(found["value"][found["typical"]]), "margin": 1.0,
        "average": _formulas(books)["average"], "days": _windows(books)["days"], **SPAN,
    }  # fmt: skip
    return Found(each, n, low, high, values, NEAR)
