"""The lists of the month, who agreed, what the same lists did a month ago, and what a hold-out could show."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from recounts.affinity import missed, offer, regular
from recounts.books import LEAST, Books, once
from recounts.chance import bootstrap, of_width
from recounts.claims import Found, Published, register
from recounts.cross_sell import spend
from recounts.rfm_and_lifecycle import rhythm_at

TOPIC = "whom_to_write_to"
NAMES = {
    "overdue": "silent longer than usual", "missing": "missing what goes with a purchase",
    "regular": "buying at a steady pace", "any": "all lists",
}  # fmt: skip
EFFECT = 0.05


@once
def lists_at(books: Books, day: pd.Timestamp) -> dict[str, set[Any]]:
    """Who is on which list; what goes with what is that of the report's date."""
    rhythm, buying = rhythm_at(books, day), regular(books, day)["table"]
    kept = buying[buying["silent"] <= 2 * buying["after"]]
    lists = {
        "overdue": set(rhythm.index[rhythm["overdue"] & ~rhythm["lost"]]),
        "missing": set(missed(books, day, *offer(books))["missed"].index),
        "regular": set(kept["customer"]),
    }
    return lists | {"any": set().union(*lists.values())}


@once
def agreed(books: Books) -> set[Any] | None:
    """Who agreed to be written to; None where no column says so."""
    if "consent" not in books.people:
        return None
    said = books.people["consent"].astype(str).str.strip().str.lower()
    return set(books.people.index[said == "так"])


def may(books: Books, people: set[Any]) -> set[Any]:
    """Those of some who may be written to, as far as the data know."""
    yes = agreed(books)
    return people if yes is None else people & yes


def month_ago(books: Books) -> pd.Timestamp:
    """Last day of the month before."""
    return pd.Period(books.as_of, "M").start_time - pd.Timedelta(days=1)


@register(f"{TOPIC}.finding")
def finding(books: Books, claim: Published) -> Found:
    everybody = lists_at(books, books.as_of)["any"]
    n, yes = len(everybody), len(may(books, everybody))
    values = {"n": n, "may": yes, "no": n - yes, "part": yes / n, "list": NAMES["any"]}
    says = "not known here" if agreed(books) is None else "must not be"
    return Found(n, n, values=values, says=(says,))


@register(f"{TOPIC}.overdue")
def overdue(books: Books, claim: Published) -> Found:
    rhythm, lists = rhythm_at(books, books.as_of), lists_at(books, books.as_of)
    n, lost = len(lists["overdue"]), set(rhythm.index[rhythm["lost"]])
    values = {"n": n, "all": len(rhythm), "lost": len(lost), "list": NAMES["overdue"]}
    says = ("are on no list",) if not lost & lists["any"] else ("are not on this list",)
    return Found(n, n, values=values, says=says)


@register(f"{TOPIC}.missing")
def missing(books: Books, claim: Published) -> Found:
    thing, goods = offer(books)
    n = len(lists_at(books, books.as_of)["missing"])
    values = {"n": n, "bought": thing, "missing": ", ".join(goods), "window": 30, "list": NAMES["missing"]}
    return Found(n, n, values=values)


@register(f"{TOPIC}.missing_value")
def missing_value(books: Books, claim: Published) -> Found:
    thing, goods = offer(books)
    yes = len(may(books, lists_at(books, books.as_of)["missing"]))
    value, low, high = (yes * amount for amount in spend(books))
    values = {
        "may": yes, "value": value, "low": low, "high": high, "bought": thing, "missing": ", ".join(goods),
        "window": 30, "list": NAMES["missing"],
    }  # fmt: skip
    n = len(missed(books, books.as_of, thing, goods)["spent"])
    return Found(value, n, low, high, values, of_width(low, high))


@register(f"{TOPIC}.regular")
def regular_list(books: Books, claim: Published) -> Found:
    found = regular(books, books.as_of)
    table = found["table"]
    if not len(table):
        return Found(0, 0, values={"n": 0, "late": 0, "tested": found["pairs"], "list": NAMES["regular"]})
    kept = table[table["silent"] <= 2 * table["after"]]
    first_due = kept.groupby("customer")["due"].min()
    n, late = len(first_due), int((first_due < books.as_of).sum())
    return Found(n, n, values={"n": n, "late": late, "tested": found["pairs"], "list": NAMES["regular"]})


@register(f"{TOPIC}.consent")
def consent(books: Books, claim: Published) -> Found:
    yes = agreed(books)
    if yes is None:
        return Found(says=("names no column",))
    buyers, listed = set(books.orders["customer"]), lists_at(books, books.as_of)["any"]
    n = len(buyers & yes)
    values = {
        "n": n, "all": len(buyers), "part": n / len(buyers), "part_listed": len(listed & yes) / len(listed),
        "list": NAMES["any"],
    }  # fmt: skip
    return Found(n, n, values=values)


@register(f"{TOPIC}.overlap")
def overlap(books: Books, claim: Published) -> Found:
    lists = lists_at(books, books.as_of)
    times = pd.Series(
        [customer for name in ("overdue", "missing", "regular") for customer in lists[name]]
    ).value_counts()
    n = int((times > 1).sum())
    return Found(n, n, values={"n": n, "all": len(lists["any"])})


@once
def since(books: Books, name: str) -> pd.Series:
    """Net revenue since, in cents, of those on an earlier list who may be written to; missing without an order."""
    day = month_ago(books)
    people = may(books, lists_at(books, day)[name])
    later = books.orders[books.orders["day"] > day].groupby("customer")["minor"].sum()
    return later.reindex(sorted(people))


@register(f"{TOPIC}.before.*")
def before(books: Books, claim: Published) -> Found:
    spent = since(books, claim.last)
    n, back = len(spent), int(spent.notna().sum())
    low, high = proportion_confint(back, n, method="wilson")
    values = {
        "list": NAMES[claim.last], "day": month_ago(books), "least": LEAST, "n": n, "share": back / n, "low": low,
        "high": high,
    }  # fmt: skip
    return Found(back / n, n, low, high, values)


@register(f"{TOPIC}.value.*")
def value(books: Books, claim: Published) -> Found:
    spent = since(books, claim.last).fillna(0).to_numpy(float) / 100
    yes = len(may(books, lists_at(books, books.as_of)[claim.last]))
    low, high = bootstrap(spent, lambda times: times @ spent / len(spent))
    each, day = float(spent.mean()), month_ago(books)
    values = {
        "n": yes, "list": NAMES[claim.last], "day": day, "days": (books.as_of - day).days, "value": yes * each,
        "low": yes * low, "high": yes * high, "each": each,
    }  # fmt: skip
    return Found(yes * each, len(spent), yes * low, yes * high, values, of_width(yes * low, yes * high))


def _smallest_rise(written: int, held: int, base: float) -> float:
    """Smallest rise that shows in 80 of 100 months, by Cohen's h."""
    h = (norm.ppf(0.975) + norm.ppf(0.8)) * math.sqrt(1 / written + 1 / held)
    angle = math.asin(math.sqrt(base)) + h / 2
    return math.sin(angle) ** 2 - base if angle <= math.pi / 2 else math.nan


@register(f"{TOPIC}.power")
def power(books: Books, claim: Published) -> Found:
    everybody = may(books, lists_at(books, books.as_of)["any"])
    base, n = float(since(books, "any").notna().mean()), len(everybody)
    assert claim.rests_on == (f"{TOPIC}.finding", f"{TOPIC}.before.any")
    shows = [m for m in range(2, n // 2 + 1) if _smallest_rise(n - m, m, base) <= EFFECT]
    held = max(shows[0], 30) if shows else n // 2
    says = "hold {held:count}" if shows else "cannot show"
    values = {"n": n, "points": 5.0, "base": base, "held": held}
    # the normal approximation leaves the far tail out, so the number may differ by one
    return Found(held, n, values=values, near={"held": (0, 1), "value": (0, 1)}, says=(says,), status="advice")
