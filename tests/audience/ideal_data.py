"""Orders, features and customers made by hand for the tests of the ideal customer."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from custaudience.audience import CutOffs, IdealCustomers, ideal_customers
from custaudience.customers.features.features import CustomerFeatures, type_of
from custaudience.evidence import Terms

AS_OF = dt.date(2025, 12, 31)
TERMS = Terms(AS_OF, "EUR")
_TABLES = ("survey", "contacts", "responses", "campaigns")


def ideal_of(orders: pd.DataFrame, *, as_of: dt.date = AS_OF, level: float = 0.95, **given: Any) -> IdealCustomers:
    known = {name: given.pop(name) for name in _TABLES if name in given}
    return ideal_customers(orders, Terms(as_of, level=level), CutOffs(**given), known)


def orders_of_people(*people: tuple[str, list[str], float]) -> pd.DataFrame:
    """Return one row per order: who, on which days, for how much each."""
    rows = [(who, pd.Timestamp(day), round(100 * each)) for who, days, each in people for day in days]
    frame = pd.DataFrame(rows, columns=["customer_id", "ordered_on", "revenue_minor"])
    return frame.assign(refund_minor=0, is_order=True)


def monthly(n: int, until: str = "2025-12-10") -> list[str]:
    """Return the days of n monthly orders, the last one given."""
    return [str(day.date()) for day in pd.date_range(end=until, periods=n, freq="30D")]


def small_shop(n: int = 40) -> pd.DataFrame:
    """Return customers of whom the first tenth is ideal: monthly, current, and by far the most valuable.

    Then a tenth as valuable and long silent, and the rest with two small orders.
    """
    people: list[tuple[str, list[str], float]] = []
    tenth = n // 10
    for i in range(n):
        if i < tenth:
            people.append((f"c{i:03}", monthly(8), 100.0 + i))
        elif i < 2 * tenth:
            people.append((f"c{i:03}", monthly(8, "2025-07-01"), 100.0 + i))
        else:
            people.append((f"c{i:03}", monthly(2), 5.0 + i / 100))
    return orders_of_people(*people)


def features_of(table: pd.DataFrame, kinds: dict[str, str], units: dict[str, str] | None = None) -> CustomerFeatures:
    units = units or {}
    dictionary = [
        (c, c, units.get(str(c), ""), kinds.get(str(c), "behaviour"), type_of(table[c]), float(table[c].notna().mean()))
        for c in table.columns.drop("customer_id")
    ]
    columns = ["column", "meaning", "unit", "kind", "type", "share_known"]
    return CustomerFeatures(
        table=table.sort_values("customer_id", ignore_index=True), dictionary=pd.DataFrame(dictionary, columns=columns),
        left_out=pd.DataFrame(columns=["column", "reason"], dtype="str"), categories=(), as_of=AS_OF, until=AS_OF,
        n_without_order=0,
    )  # fmt: skip


def synthetic_base(
    seed: int, n: int = 2000, *, base: float = 0.15, noise: int = 12
) -> tuple[CustomerFeatures, pd.Series, dict[str, Any]]:
    """Return customers with three planted traits, noise of several kinds, who is ideal, and the truth.

    Planted: ``member`` (yes-no: 0.60 of the ideal, 0.40 of the rest, a ratio of 1.5), ``channel`` (level "friend":
    0.30 and 0.15), ``age`` (a mean 4 years higher at a standard deviation of 12).
    """
    rng = np.random.default_rng(seed)
    ideal = rng.random(n) < base
    where = np.where
    table = pd.DataFrame({"customer_id": [f"{i:05}" for i in range(n)]})
    table["member"] = pd.array(rng.random(n) < where(ideal, 0.60, 0.40), dtype="boolean")
    friend = rng.random(n) < where(ideal, 0.30, 0.15)
    other = rng.choice(["search", "advert", "market"], n)
    table["channel"] = pd.Categorical(where(friend, "friend", other))
    table["age"] = np.round(rng.normal(where(ideal, 49, 45), 12))
    for i in range(noise):
        kind = i % 4
        if kind == 0:
            table[f"noise_{i}"] = pd.array(rng.random(n) < 0.3, dtype="boolean")
        elif kind == 1:
            table[f"noise_{i}"] = pd.Categorical(rng.choice(list("abcd"), n, p=[0.4, 0.3, 0.2, 0.1]))
        elif kind == 2:
            table[f"noise_{i}"] = rng.normal(0, 1, n)
        else:
            table[f"noise_{i}"] = np.exp(rng.normal(0, 1, n))
    kinds = dict.fromkeys(table.columns[1:], "attribute")
    chosen = pd.Series(ideal, index=pd.Index(table["customer_id"], name="customer_id"))
    truth = {"member": 0.60 / 0.40, "friend": 0.30 / 0.15, "age": 4.0}
    return features_of(table, kinds), chosen, truth
