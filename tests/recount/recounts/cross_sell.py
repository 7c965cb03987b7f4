"""Pairs, what somebody missed, regular buying."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import confint_proportions_2indep

from recounts.affinity import directed, kind_column, missed, offer, pairs, regular
from recounts.books import LEAST, Books, once
from recounts.chance import bootstrap, of_width
from recounts.claims import Found, Published, register

WINDOW = 30


def _level(books: Books, claim: Published) -> str:
    return "product" if claim.key.startswith("product_") else kind_column(books)


def _name(books: Books, level: str, item: Any) -> str:
    """The name a reader sees: of single products their own, or their kind with the id."""
    if level != "product":
        return str(item)
    if "Назва" in books.products:
        return str(books.products["Назва"].get(item, item))
    return f"{books.products[kind_column(books)][item].strip()} · {item}"


@register("cross_sell.pairs", "cross_sell.product_pairs")
def found_pairs(books: Books, claim: Published) -> Found:
    found = pairs(books, _level(books, claim))
    table = found["table"]
    counts = {name: int(table[name].sum()) for name in ("more", "less", "strong")}
    values = {
        "tested": found["tested"], "n": counts["more"], "less": counts["less"], "strong": counts["strong"], "times": 5.0
    }  # fmt: skip
    return Found(counts["strong"], found["customers"], values=values)


def _lift(books: Books, level: str, row: pd.Series) -> Found:
    values = {
        "bought": _name(books, level, row["a"]), "other": _name(books, level, row["b"]),
        "confidence": row["confidence"], "share": row["share_b"],
        "lift": row["lift"], "low": row["low"], "high": row["high"], "n": row["buyers"],
    }  # fmt: skip
    status = "no_clear_difference" if row["low"] <= 1 <= row["high"] else "measured"
    near = {name: (1e-8, 0.0) for name in ("low", "high", "value", "lift", "confidence", "share")}
    return Found(row["lift"], row["buyers"], row["low"], row["high"], values, near, status=status)


@register("cross_sell.strongest", "cross_sell.product_strongest")
def strongest(books: Books, claim: Published) -> Found:
    level = _level(books, claim)
    table = pairs(books, level)["table"]
    strong = table[table["strong"]].sort_values(["buyers", "lift"], ascending=[False, False])
    top = strong.iloc[0]
    sides = directed(table)
    mine = sides[sides["a"].isin([top["a"], top["b"]]) & sides["b"].isin([top["a"], top["b"]])]
    return _lift(books, level, mine.sort_values("confidence", ascending=False).iloc[0])


@register("cross_sell.trap", "cross_sell.product_trap")
def trap(books: Books, claim: Published) -> Found:
    level = _level(books, claim)
    sides = directed(pairs(books, level)["table"])
    traps = sides[sides["low"] <= 1].sort_values(["confidence", "buyers"], ascending=[False, False])
    return _lift(books, level, traps.iloc[0])


@once
def today(books: Books) -> dict[str, Any]:
    """Who missed what goes with a purchase at the date of the report."""
    thing, goods = offer(books)
    return missed(books, books.as_of, thing, goods)


@once
def spend(books: Books) -> tuple[float, float, float]:
    """Mean spending on the goods of those who took some, with a bootstrap interval, in major units."""
    spent = today(books)["spent"].to_numpy(float) / 100
    low, high = bootstrap(spent, lambda times: times @ spent / len(spent))
    return float(spent.mean()), low, high


def words(books: Books) -> dict[str, Any]:
    """What was bought, what is missing."""
    thing, goods = offer(books)
    return {"bought": thing, "missing": ", ".join(goods), "days": WINDOW, "least": LEAST}


@register("cross_sell.finding")
def finding(books: Books, claim: Published) -> Found:
    found, each = today(books), spend(books)
    n, seen = len(found["missed"]), found["seen"]
    assert len(found["spent"]) == seen - n
    value, low, high = (n * amount for amount in each)
    values = words(books) | {"n": n, "seen": seen, "share": n / seen, "value": value, "low": low, "high": high}
    return Found(value, n, low, high, values, of_width(low, high))


@register("cross_sell.goes_with")
def goes_with(books: Books, claim: Published) -> Found:
    found = today(books)
    took, n, away_took, away = len(found["spent"]), found["seen"], found["away_took"], found["away"]
    low, high = confint_proportions_2indep(took, n, away_took, away, method="newcomb")
    difference = took / n - away_took / away
    values = words(books) | {
        "share": took / n, "elsewhere": away_took / away, "difference": difference, "low": low, "high": high
    }  # fmt: skip
    return Found(difference, n, low, high, values, status="measured" if low > 0 else "no_clear_difference")


@register("cross_sell.not_judged")
def not_judged(books: Books, claim: Published) -> Found:
    n = today(books)["waiting"]
    return Found(n, n, values=words(books) | {"n": n})


@register("cross_sell.remind")
def remind(books: Books, claim: Published) -> Found:
    found = today(books)
    n = len(found["missed"])
    low, _ = confint_proportions_2indep(
        len(found["spent"]), found["seen"], found["away_took"], found["away"], method="newcomb"
    )
    assert low > 0 and n >= LEAST and claim.rests_on == ("cross_sell.finding", "cross_sell.goes_with")
    return Found(n, n, values=words(books) | {"n": n}, status="advice")


@register("cross_sell.regular")
def regular_buying(books: Books, claim: Published) -> Found:
    found = regular(books, books.as_of)
    table, tested = found["table"], found["customers"]
    values: dict[str, Any] = {"least": LEAST, "times": 6}
    if tested < LEAST:
        return Found(values=values, says=("no rhythm can be told",), status="too_few")
    due = (table["due"] <= books.as_of) & ~table["late"]
    n = table["customer"].nunique()
    values |= {
        "tested": tested, "n": n, "due": table.loc[due, "customer"].nunique(),
        "late": table.loc[table["late"], "customer"].nunique(),
    }  # fmt: skip
    return Found(n, n, values=values)


@register("cross_sell.regular_most")
def regular_most(books: Books, claim: Published) -> Found:
    table = regular(books, books.as_of)["table"]
    count = table.groupby("item")["customer"].nunique()
    item = sorted(count.index[count == count.max()])[0]
    n, gap = int(count[item]), float(np.median(table.loc[table["item"] == item, "usual"]))
    return Found(n, n, values={"item": item, "n": n, "gap": gap})
