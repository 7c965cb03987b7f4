"""What is bought together, what is missed, and who buys at an even pace, at the finest kind of product."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import chi2, norm

from recounts.books import Books, once


@once
def kind_column(books: Books) -> str:
    """The column of the products that sorts them finest: within the categories, and no name of nearly each one."""
    products = books.products
    found = {}
    for column in products.columns.drop(["product_id", "category"]):
        text = products[column]
        if text.dtype.kind in "iufM":
            continue
        known = text.notna() & (text.astype(str).str.strip() != "")
        letters = text[known].astype(str).str.contains(r"[^\W\d_]").mean()
        both = products[known & products["category"].notna()]
        inside = both.groupby([column, "category"]).size().groupby(level=0).max().sum() / len(both)
        n = text[known].nunique()
        if letters > 0.5 and known.mean() >= 0.9 and inside >= 0.9 and n <= 0.9 * known.sum():
            found[column] = n
    return max(found, key=lambda column: found[column])


@once
def kept_items(books: Books, level: str) -> pd.DataFrame:
    """What was bought and not taken back in full, per customer, order and thing; things without a name are missing."""
    lines = books.all_used[["customer", "order", "product", "minor", "day"]]
    if level == "product":
        lines = lines.assign(item=lines["product"])
    else:
        names = books.products[level].astype("str").str.strip().replace({"": None, "nan": None})
        lines = lines.assign(item=lines["product"].map(names))
    grouped = lines.groupby(["customer", "order", "item"], dropna=False)
    table = grouped.agg(minor=("minor", "sum"), least=("minor", "min"), day=("day", "min"), last=("day", "max"))
    return table.reset_index()


def kept_until(books: Books, level: str, day: pd.Timestamp) -> pd.DataFrame:
    """The same of the lines up to a day."""
    items = kept_items(books, level)
    if (items["last"] > day).any():  # lines after the day do not exist: net again
        late = books.lines_until(day)
        part = Books(books.folder, day, books.tables)
        part.__dict__["all_used"] = late
        items = kept_items(part, level)
    return items[(items["minor"] > 0) | (items["least"] >= 0)]


def discoveries(p: np.ndarray, n_tests: int) -> np.ndarray:
    """Benjamini and Hochberg's adjusted p-values; tests that are not in the list found nothing."""
    q, known = np.full(len(p), np.nan), np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    raw = p[order] * max(n_tests, len(order)) / (np.arange(len(order)) + 1)
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1)
    return q


@once
def pairs(books: Books, level: str) -> dict[str, Any]:
    """All pairs in a thousandth of the baskets or more: lift with its interval over customers, and the verdict."""
    items = kept_until(books, level, books.as_of)
    basket = items.groupby(["customer", "order"]).ngroup()
    n, m = basket.nunique(), items["customer"].nunique()
    owner = items.groupby(basket)["customer"].first()
    customer = pd.factorize(owner.sort_index())[0]
    needed = max(10, math.ceil(0.001 * n - 1e-9))
    named = items["item"].notna()
    item, basket = items.loc[named, "item"], basket[named]
    size = item.value_counts()
    frequent = np.array(sorted(size.index[size >= needed], key=str), dtype=object)
    code = item.map({name: i for i, name in enumerate(frequent)})
    use = code.notna()
    matrix = sparse.csc_matrix(
        (np.ones(use.sum()), (basket[use].to_numpy(), code[use].to_numpy(int))), shape=(n, len(frequent))
    )
    together = sparse.triu(matrix.T @ matrix, k=1).tocoo()
    enough = together.data >= needed
    a, b, both = together.row[enough], together.col[enough], together.data[enough]
    single = np.asarray(matrix.sum(axis=0)).ravel()
    owns = sparse.csr_matrix((np.ones(n), (customer, np.arange(n))), shape=(m, n))
    share = np.asarray((owns @ matrix).todense()) / single
    all_baskets = np.bincount(customer, minlength=m)[:, None] / n
    buyers, variance = np.zeros(len(a), dtype=int), np.zeros(len(a))
    for start in range(0, len(a), 2000):
        at = slice(start, start + 2000)
        pair = np.asarray((owns @ matrix[:, a[at]].multiply(matrix[:, b[at]])).todense())
        buyers[at] = (pair > 0).sum(axis=0)
        moved = pair / both[at] + all_baskets - share[:, a[at]] - share[:, b[at]]
        variance[at] = (moved**2).sum(axis=0) * m / (m - 1)
    lift = both * n / (single[a] * single[b])
    error = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(error > 1e-9, 2 * norm.sf(abs(np.log(lift)) / error), 1.0)
    p[buyers < 10] = np.nan
    n_tested = len(frequent) * (len(frequent) - 1) // 2
    half = norm.ppf(0.975) * error
    table = pd.DataFrame(
        {
            "a": frequent[a], "b": frequent[b], "both": both, "buyers": buyers, "lift": lift,
            "low": lift * np.exp(-half), "high": lift * np.exp(half), "q": discoveries(p, n_tested),
            "share_a": single[a] / n, "share_b": single[b] / n, "known": buyers >= 10,
        }
    )  # fmt: skip
    table["more"] = table["known"] & (table["q"] <= 0.05) & (table["lift"] > 1)
    table["less"] = table["known"] & (table["q"] <= 0.05) & (table["lift"] < 1)
    table["strong"] = table["more"] & (table["low"] >= 5)
    return {"table": table, "tested": n_tested, "customers": m}


def directed(table: pd.DataFrame) -> pd.DataFrame:
    """Each pair from either side: of baskets with ``bought``, the share that holds ``other``."""
    known = table[table["known"]]
    flipped = known.rename(columns={"a": "b", "b": "a", "share_a": "share_b", "share_b": "share_a"})
    both = pd.concat([known, flipped], ignore_index=True)
    return both.assign(confidence=both["lift"] * both["share_b"])


@once
def offer(books: Books) -> tuple[str, tuple[str, ...]]:
    """The thing in most baskets that has strong partners in half of its baskets, and up to three of these."""
    both = directed(pairs(books, kind_column(books))["table"])
    strong = both[both["strong"] & (both["confidence"] >= 0.5)]
    first = strong.sort_values(["share_a", "confidence", "a"], ascending=[False, False, True])["a"].iloc[0]
    others = strong[strong["a"] == first].sort_values(["confidence", "b"], ascending=[False, True])["b"].head(3)
    return first, tuple(others)


@once
def missed(books: Books, day: pd.Timestamp, thing: str, goods: tuple[str, ...], window: int = 30) -> dict[str, Any]:
    """Who bought a thing last, and took nothing of the goods so many days before or after."""
    items = kept_until(books, kind_column(books), day)
    lines = books.lines_until(day)
    sold = lines[lines["minor"] >= 0]
    begin, reach = sold["day"].min(), pd.Timedelta(days=window)
    anchor = items[items["item"] == thing].groupby("customer")["day"].max()

    def near(days: pd.Series) -> pd.DataFrame:
        some = items[items["item"].isin(goods) & items["customer"].isin(days.index)]
        return some[(some["day"] - some["customer"].map(days)).abs() <= reach]

    took = near(anchor)
    found = pd.Series(anchor.index.isin(took["customer"]), index=anchor.index)
    still_open = anchor + reach > day
    early = (anchor - reach < begin) & (books.first_orders != "observed")
    seen = ~still_open & ~(early & ~found)
    last = sold.groupby("customer")["day"].max()
    away = last[~last.index.isin(anchor.index) & (last + reach <= day)]
    return {
        "missed": anchor[~found & ~still_open & ~early],
        "waiting": int((~found & (still_open | early)).sum()),
        "seen": int(seen.sum()),
        "spent": took[took["customer"].isin(anchor.index[seen])].groupby("customer")["minor"].sum(),
        "away": len(away),
        "away_took": int(away.index.isin(near(away)["customer"]).sum()),
    }


@once
def regular(books: Books, day: pd.Timestamp) -> dict[str, Any]:
    """Customers and things bought on six days or more at gaps more even than chance, by Moran's test."""
    items = kept_until(books, kind_column(books), day).dropna(subset="item")
    days = items[["customer", "item", "day"]].drop_duplicates().sort_values(["customer", "item", "day"])
    days = days[days.groupby(["customer", "item"])["day"].transform("size") >= 6]
    if days.empty:
        return {"table": days.assign(late=False), "pairs": 0, "customers": 0}
    days["gap"] = days.groupby(["customer", "item"])["day"].diff().dt.days
    gaps = days.dropna(subset="gap")
    gaps = gaps.assign(log=np.log(gaps["gap"] - 0.5))
    of = gaps.groupby(["customer", "item"])
    table = pd.DataFrame({"n": of.size(), "mean": of["gap"].mean(), "sd": of["gap"].std(), "usual": of["gap"].median()})
    away = np.log(table["mean"] - 0.5) - of["log"].mean()
    moran = 2 * table["n"] * away / (1 + (table["n"] + 1) / (6 * table["n"]))
    p = chi2.cdf(moran.clip(lower=0), table["n"] - 1)
    table["q"] = discoveries(p, len(table))
    ordered = gaps.sort_values(["customer", "item", "gap"])
    rank = ordered.groupby(["customer", "item"]).cumcount() + 1
    size = ordered.groupby(["customer", "item"])["gap"].transform("size")
    cut = ordered[rank == -(-95 * size // 100)].set_index(["customer", "item"])["gap"]
    table["after"] = cut
    last = days.groupby(["customer", "item"])["day"].max()
    table["silent"] = (day - last).dt.days
    table["due"] = last + pd.to_timedelta(np.ceil(table["usual"]), unit="D")
    table["late"] = table["silent"] > table["after"]
    even = (table["q"] <= 0.05) & (table["sd"] / table["mean"] <= 0.5)
    n_customers = days["customer"].nunique()
    return {"table": table[even].reset_index(), "pairs": len(table), "customers": n_customers}
