"""One row per customer: what they did up to a day and what the customers table says, by plain pandas."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from recounts.books import Books, once

YES, NO = {"так", "yes"}, {"ні", "no"}
SENSITIVE = {"health": ("health", "allerg"), "race or ethnicity": ("ethnic",), "minors": ("kids", "child")}
"""Words in the names of these studies that are never used to score or group people, by topic."""


def topic_of(name: str) -> str:
    """Which sensitive topic a name is about; what is bought for children describes no minor."""
    share = name.startswith("category_share: ")
    topics = {t: words for t, words in SENSITIVE.items() if not (share and t == "minors")}
    return next((t for t, words in topics.items() if any(word in name.lower() for word in words)), "")


_RANGE_WORDS = {"under", "over", "k", "to"}


@dataclass(frozen=True)
class Column:
    """A variable: ``values`` (numbers, or codes of ``levels``), and its type."""

    values: pd.Series
    type: str
    levels: tuple[str, ...] = ()

    @property
    def ranked(self) -> bool:
        """Whether it is compared by ranks, and not by groups."""
        return self.type in ("numeric", "ordered")


def _discount(lines: pd.DataFrame) -> pd.Series:
    """What was taken off a line: the declared column, else the first whose name says so."""
    name = "discount" if "discount" in lines else next((c for c in lines if "disc" in str(c).split("_")), None)
    return pd.Series(np.nan, lines.index) if name is None else lines[name]


@once
def sales(books: Books, since: pd.Timestamp | None, until: pd.Timestamp, netted: pd.Timestamp) -> pd.DataFrame:
    """Lines with an amount in orders that count and begin in a time, netted at a day; ``first``: of first orders."""
    orders = books.orders_until(netted)
    orders = orders[orders["counts"] & (orders["day"] <= until)]
    if since is not None:
        orders = orders[orders["day"] >= since]
    first = orders["at"] == orders.groupby("customer")["at"].transform("min")
    lines = books.lines_until(netted)
    lines = lines[lines["minor"] > 0]
    lines = lines.assign(discount=_discount(lines), category=lines["product"].map(books.products["category"]))
    columns = ["customer", "order", "product", "minor", "discount", "category"]
    return lines[columns].merge(orders[["customer", "order"]].assign(first=first), on=["customer", "order"])


@once
def behaviour(books: Books, until: pd.Timestamp) -> pd.DataFrame:
    """What customers with an order that counts did up to a day, netted at that day."""
    lines, orders = books.lines_until(until), books.orders_until(until)
    counted = orders[orders["counts"]]
    of = counted.groupby("customer")
    table = pd.DataFrame({"n_orders": of.size().astype(float)})
    booked = orders.groupby("customer")["minor"].sum()
    table["revenue_total"] = booked / 100
    table["revenue_per_order"] = table["revenue_total"] / table["n_orders"]
    table["days_since_last_order"] = (until - of["day"].max()).dt.days.astype(float)
    table["tenure"] = (until - of["day"].min()).dt.days.astype(float)
    days = counted[["customer", "day"]].drop_duplicates().sort_values(["customer", "day"])
    table["usual_gap_days"] = days.groupby("customer")["day"].diff().dt.days.groupby(days["customer"]).median()
    refunds = -lines["minor"].clip(upper=0).groupby(lines["customer"]).sum()
    gross = booked + refunds
    table["weekend_share"] = (counted["day"].dt.day_of_week >= 5).groupby(counted["customer"]).mean()
    table["evening_share"] = (counted["at"].dt.hour >= 18).groupby(counted["customer"]).mean()
    table["refund_share"] = (refunds / gross.where(gross > 0)).reindex(table.index)
    sold = sales(books, None, until, until)
    by = sold.groupby("customer")
    table["lines_per_order"] = by.size() / table["n_orders"]
    table["n_categories"] = by["category"].nunique().reindex(table.index).fillna(0).astype(float)
    if sold["discount"].notna().any():
        table["discounted_share"] = (sold["discount"] > 0).groupby(sold["customer"]).mean()
        first = sold[sold["first"]]
        table["first_order_discounted"] = (first["discount"] > 0).groupby(first["customer"]).any()
    return table.sort_index()


def top_of_first(books: Books, until: pd.Timestamp, column: str) -> pd.Series:
    """The category or product with most sales in the first order, by name where two have as much."""
    sold = sales(books, None, until, until)
    first = sold[sold["first"]].dropna(subset=column)
    sums = first.groupby(["customer", column])["minor"].sum().reset_index()
    sums["name"] = sums[column].astype(str)
    sums = sums.sort_values(["customer", "minor", "name"], ascending=[True, False, True])
    return sums.drop_duplicates("customer").set_index("customer")["name"]


def category_share(books: Books, name: str, sold: pd.DataFrame, customers: pd.Index) -> pd.Series:
    """Share of a customer's sales that is of a category."""
    total = sold.groupby("customer")["minor"].sum().reindex(customers)
    mine = sold[sold["category"] == name].groupby("customer")["minor"].sum().reindex(customers).fillna(0)
    return mine / total


def _kept(labels: pd.Series) -> pd.Series:
    """Of more than fifty levels the largest keep their name; of equally large ones that of the first id as text."""
    counts = labels.loc[sorted(labels.index, key=str)].value_counts()
    if len(counts) <= 50:
        return labels
    largest = counts[counts >= 10].sort_values(ascending=False, kind="stable").index[:49]
    return labels.where(labels.isin(largest) | labels.isna(), "other")


def _category(labels: pd.Series) -> Column:
    levels = tuple(sorted(labels.dropna().unique()))
    codes = labels.map({level: i for i, level in enumerate(levels)}).astype(float)
    return Column(codes, "category", levels)


def attribute(values: pd.Series, until: pd.Timestamp) -> Column:
    """Read a column of the customers table as what it looks like."""
    text = values.astype("object").where(values.notna(), None)
    text = text.map(lambda v: v if v is None else str(v).strip())
    given = text.dropna()
    if set(given.str.casefold()) <= YES | NO and given.nunique() == 2:
        yes = given.str.casefold().isin(YES).astype(float).reindex(values.index)
        return Column(yes, "yes-no", ("no", "yes"))
    if given.str.fullmatch(r"\d\d\.\d\d\.\d{4}").all():
        days = (until - pd.to_datetime(given, format="%d.%m.%Y")).dt.days.astype(float)
        return Column(days.where(days >= 0).reindex(values.index), "numeric")
    if given.str.fullmatch(r"[-+]?\d+([.,]\d+)?").all():
        return Column(given.str.replace(",", ".").astype(float).reindex(values.index), "numeric")
    levels = list(given.unique())
    words = {w for level in levels for w in re.findall(r"[^\W\d_]+", level.lower())}
    if all(re.search(r"\d", level) for level in levels) and words <= _RANGE_WORDS:

        def begins(level: str) -> float:
            return -1.0 if level.lower().startswith("under") else float(re.findall(r"\d+", level)[0])

        order = tuple(sorted(levels, key=begins))
        return Column(text.map({level: i for i, level in enumerate(order)}).astype(float), "ordered", order)
    return _category(text)


@once
def variable(books: Books, until: pd.Timestamp, name: str) -> Column:
    """One variable of all customers with an order that counts by a day."""
    table = behaviour(books, until)
    if name == "first_order_discounted":
        return Column(table[name].astype(float), "yes-no", ("no", "yes"))
    if name in table:
        return Column(table[name].astype(float), "numeric")
    if name.startswith("category_share: "):
        sold = sales(books, None, until, until)
        share = category_share(books, name.removeprefix("category_share: "), sold, table.index)
        return Column(share, "numeric")
    if name in ("first_category", "first_product"):
        label = top_of_first(books, until, name.removeprefix("first_")).reindex(table.index)
        if name == "first_category":
            label = label.mask(label.map(lambda v: isinstance(v, str) and topic_of(f"category_share: {v}") != ""))
        return _category(_kept(label))
    return attribute(books.people[name].reindex(table.index), until)


def outcome(books: Books, cut: pd.Timestamp, name: str) -> pd.Series:
    """What customers of before a day did from it on; missing where it does not apply."""
    customers = behaviour(books, cut - pd.Timedelta(days=1)).index
    later = books.netted[books.netted["day"] >= cut]
    n = later[later["counts"]].groupby("customer").size().reindex(customers).fillna(0)
    if name == "n_orders":
        return n.astype(float)
    if name == "bought_again":
        return (n > 0).astype(float)
    if name == "revenue_of_buyers":
        return (later.groupby("customer")["minor"].sum().reindex(customers) / 100).where(n > 0)
    sold = sales(books, cut, books.as_of, books.as_of)
    return category_share(books, name.removeprefix("category_share: "), sold, customers).where(n > 0)


def ranks(values: Any) -> np.ndarray:
    """Mean ranks."""
    return np.asarray(rankdata(values))
