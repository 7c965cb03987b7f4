"""Repeat purchases of each customer until a day, and the models fitted to them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recounts import purchase_models as models
from recounts.books import Books, once


@once
def purchases(books: Books, until: pd.Timestamp) -> pd.DataFrame:
    """Per customer: days with a purchase after the first, time to the last of them and to the end, mean value.

    An order of nothing without a refund is a purchase, too. Orders are netted at the end of the time.
    """
    lines = books.lines_until(until)
    refund = (lines["minor"] < 0).groupby([lines["customer"], lines["order"]]).any()
    orders = books.orders_until(until).set_index(["customer", "order"])
    free = (orders["minor"] == 0) & ~refund.reindex(orders.index)
    days = orders[orders["counts"] | free].reset_index().groupby(["customer", "day"])["minor"].sum().reset_index()
    of = days.groupby("customer")
    first, last = of["day"].min(), of["day"].max()
    table = pd.DataFrame({"x": of.size() - 1, "first": first, "last": last})
    table["t"] = (last - first).dt.days / 7
    table["T"] = (until - first).dt.days / 7
    rest = of["minor"].sum() - days[days["day"].to_numpy() == first.reindex(days["customer"]).to_numpy()].set_index(
        "customer"
    )["minor"].reindex(table.index)
    table["z"] = (rest / 100 / table["x"]).where(table["x"] > 0, 0.0)
    return table


def middle(books: Books) -> pd.Timestamp:
    """Last day of the first half of the data."""
    begin = books.all_used["day"].min()
    return begin + pd.Timedelta(days=(books.as_of - begin).days // 2)


def rows_of(table: pd.DataFrame) -> tuple[np.ndarray, ...]:
    """Number of repeats, time to the last and to the end as floats."""
    return tuple(table[name].to_numpy(float) for name in ("x", "t", "T"))


def buyers_again(table: pd.DataFrame) -> pd.DataFrame:
    """Those who bought again and spent something then."""
    return table[(table["x"] > 0) & (table["z"] > 0)]


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The summary with two decimals, halves upwards."""
    up = table.assign(**{c: np.floor(table[c] * 100 + 0.5 + 1e-6) / 100 for c in ("t", "T", "z")})
    wrong = ((up["t"] > 0) != (table["t"] > 0)) | (up["t"] > up["T"])
    up.loc[wrong, ["t", "T"]] = table.loc[wrong, ["t", "T"]]
    return up


STARTS = {"BG/NBD": (0.3, 4.0, 10.0, 40.0), "Pareto/NBD": (0.7, 9.0, 3.0, 45.0), "Gamma-Gamma": (2.0, 2.0, 1000.0)}


@once
def fitted(books: Books, title: str, until: pd.Timestamp, as_rounded: bool = False) -> models.Fit:
    """The optimum of a model on the purchases until a day."""
    table = purchases(books, until)
    table = rounded(table) if as_rounded else table
    if title == "Gamma-Gamma":
        again = buyers_again(table)
        return models.fit(title, np.array(STARTS[title]), again["x"].to_numpy(float), again["z"].to_numpy())
    return models.fit(title, np.array(STARTS[title]), *rows_of(table))
