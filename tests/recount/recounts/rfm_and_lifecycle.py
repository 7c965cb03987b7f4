"""Segments, who is overdue, lifecycle, and how the same rules fared at an earlier date."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from recounts.books import LEAST, Books, once
from recounts.claims import Found, Published, register
from recounts.rfm import NAMES, segments_at

SHARE, MIN_GAPS, LOST_AFTER = 0.95, 5, 2
TOPIC = "rfm_and_lifecycle"


@once
def rhythm_at(books: Books, day: pd.Timestamp) -> pd.DataFrame:
    """Per customer with an order that counts: silence, own gaps, the cut-off and whose it is."""
    orders = books.orders_until(day)
    days = orders.loc[orders["counts"], ["customer", "day"]].drop_duplicates().sort_values(["customer", "day"])
    days["gap"] = days.groupby("customer")["day"].diff().dt.days
    gaps = days.dropna(subset="gap")
    own = gaps.groupby("customer")["gap"]
    table = pd.DataFrame({"silent": (day - days.groupby("customer")["day"].max()).dt.days})
    table["n_gaps"] = own.size().reindex(table.index, fill_value=0)
    ordered = gaps.sort_values(["customer", "gap"])
    rank = ordered.groupby("customer").cumcount() + 1
    size = ordered.groupby("customer")["gap"].transform("size")
    at = ordered[rank == -(-95 * size // 100)].set_index("customer")["gap"]
    weight = 1 / gaps.groupby("customer")["gap"].transform("size")
    pooled = weight.groupby(gaps["gap"]).sum().sort_index().cumsum() / own.ngroups
    shared = pooled.index[np.argmax(pooled.to_numpy() >= SHARE - 1e-9)]
    table["own"] = table["n_gaps"] >= MIN_GAPS
    table["after"] = at.reindex(table.index).where(table["own"], shared)
    table["overdue"] = table["silent"] > table["after"]
    table["lost"] = table["silent"] > LOST_AFTER * table["after"]
    return table


def known(books: Books, day: pd.Timestamp) -> set[Any]:
    """Everybody with a line by a day or in the table of customers."""
    return set(books.lines_until(day)["customer"]) | set(books.people.index)


@once
def _valuable(books: Books) -> pd.DataFrame:
    """Customers with the highest revenue score, with their rhythm."""
    table = segments_at(books, books.as_of)
    top = table[table["m_score"] == table["m_score"].max()]
    return top.join(rhythm_at(books, books.as_of).drop(columns="silent"))


@register(f"{TOPIC}.finding")
def finding(books: Books, claim: Published) -> Found:
    everybody, top = segments_at(books, books.as_of), _valuable(books)
    late = top[top["overdue"] & top["own"]]
    values = {
        "n": len(late), "top": len(top), "share_top": len(top) / len(everybody),
        "share_revenue": top["minor"].sum() / everybody["minor"].sum(), "revenue": late["minor"].sum() / 100,
        "share": SHARE,
    }  # fmt: skip
    return Found(len(late), len(late), values=values)


@register(f"{TOPIC}.overdue_valuable")
def overdue_valuable(books: Books, claim: Published) -> Found:
    top = _valuable(books)
    late = top[top["overdue"] & top["own"]]
    assert len(late) >= LEAST and claim.rests_on == tuple(
        f"{TOPIC}.{k}" for k in ("finding", "overdue", "overdue_backtest")
    )
    values = {"n": len(late), "revenue": late["minor"].sum() / 100, "share": SHARE}
    return Found(len(late), len(late), values=values, status="advice")


@once
def _segments(books: Books) -> pd.DataFrame:
    before = segments_at(books, pd.Period(books.as_of, "M").start_time - pd.Timedelta(days=1))["segment"]
    now = segments_at(books, books.as_of)
    of = now.groupby("segment")
    table = pd.DataFrame({"n": of.size(), "cents": of["minor"].sum(), "days": of["silent"].median()})
    joined = now["segment"][now["segment"] != before.reindex(now.index)]
    left = before[before != now["segment"].reindex(before.index)]
    table["joined"] = joined.value_counts().reindex(table.index, fill_value=0)
    table["left"] = left.value_counts().reindex(table.index, fill_value=0)
    return table


@register(f"{TOPIC}.segment_customers.*")
def segment_customers(books: Books, claim: Published) -> Found:
    table = _segments(books)
    row = table.loc[claim.last]
    n = int(row["n"])
    if n < LEAST:
        return Found(values={"segment": NAMES[claim.last], "least": LEAST}, status="too_few")
    values: dict[str, Any] = {"segment": NAMES[claim.last], "n": n, "share": n / table["n"].sum()}
    if claim.last != "no_order":
        values["days"] = row["days"]
        if not {row["joined"], row["left"]} & set(range(1, LEAST)):
            values |= {"joined": row["joined"], "left": row["left"]}
    return Found(n, n, values=values)


@register(f"{TOPIC}.segment_revenue.*")
def segment_revenue(books: Books, claim: Published) -> Found:
    table = _segments(books)
    row = table.loc[claim.last]
    n, revenue = int(row["n"]), row["cents"] / 100
    if n < LEAST:
        return Found(values={"segment": NAMES[claim.last], "least": LEAST}, status="too_few")
    values = {
        "segment": NAMES[claim.last], "n": n, "share": n / table["n"].sum(), "revenue": revenue,
        "share_revenue": row["cents"] / table["cents"].sum(), "each": revenue / n,
    }  # fmt: skip
    return Found(revenue, n, values=values)


@register(f"{TOPIC}.concentration")
def concentration(books: Books, claim: Published) -> Found:
    table = _segments(books)
    best = table["cents"].idxmax()
    share = table["cents"][best] / table["cents"].sum()
    n = int(table["n"][best])
    return Found(share, n, values={"segment": NAMES[best], "share": n / table["n"].sum(), "share_revenue": share})


@register(f"{TOPIC}.overdue")
def overdue(books: Books, claim: Published) -> Found:
    table = rhythm_at(books, books.as_of)
    n = int(table["overdue"].sum())
    return Found(n, n, values={"n": n, "all": len(table), "part": n / len(table), "share": SHARE})


@register(f"{TOPIC}.one_time")
def one_time(books: Books, claim: Published) -> Found:
    n_orders = books.customers["n_orders"]
    n, everybody = int((n_orders == 1).sum()), int((n_orders > 0).sum())
    return Found(n, n, values={"n": n, "all": everybody, "part": n / everybody})


@register(f"{TOPIC}.lost", f"{TOPIC}.primary", f"{TOPIC}.potential")
def lifecycle(books: Books, claim: Published) -> Found:
    table, everybody = rhythm_at(books, books.as_of), known(books, books.as_of)
    lost = int(table["lost"].sum())
    n = {"lost": lost, "primary": len(table) - lost, "potential": len(everybody - set(table.index))}[claim.key]
    return Found(n, n, values={"n": n, "part": n / len(everybody)})


@register(f"{TOPIC}.lost_backtest", f"{TOPIC}.overdue_backtest")
def backtest(books: Books, claim: Published) -> Found:
    """The rule at an earlier date: half the history, at most 182 days, or 30 days; who has ordered since."""
    column = claim.key.removesuffix("_backtest")
    half = (books.as_of - books.orders["day"].min()).days // 2
    earlier = books.as_of - pd.Timedelta(days=min(half, 182 if column == "lost" else 30))
    then = rhythm_at(books, earlier)
    back = then.index.isin(books.orders.loc[books.orders["day"] > earlier, "customer"])
    named = then[column].to_numpy()
    n, returned = int(named.sum()), int((named & back).sum())
    low, high = proportion_confint(returned, n, method="wilson")
    values = {
        "day": earlier, "n": n, "share": returned / n, "low": low, "high": high, "least": LEAST,
        "others": (~named & back).sum() / (~named).sum(),
    }  # fmt: skip
    return Found(returned / n, n, low, high, values)


@register(f"{TOPIC}.warning.moved", f"{TOPIC}.moved")
def moved(books: Books, claim: Published) -> Found:
    before = segments_at(books, pd.Period(books.as_of, "M").start_time - pd.Timedelta(days=1))["segment"]
    now = segments_at(books, books.as_of)["segment"]
    n = int((before != now.reindex(before.index)).sum())
    part = n / len(before)
    assert ("warning" in claim.id) == (part >= 0.25)
    return Found(n, len(before), values={"n": n, "all": len(before), "part": part})
