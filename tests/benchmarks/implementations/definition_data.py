"""Seeded customers with attributes and behaviour, as `customer_features` gives them."""

import datetime as dt
from functools import cache

import numpy as np
import pandas as pd

from custaudience.customers import CustomerFeatures

INCOMES = ["Under 15K", "15-24K", "25-34K", "35-49K", "50-74K", "75-99K", "100-149K", "150K+"]
UNITS = {"revenue_total": "currency", "revenue_per_order": "currency"}
DEFINITION = {
    "text": "women 18-40 with middle and high income",
    "levels": {"income": {"middle": INCOMES[3:5], "high": INCOMES[5:]}},
}


def made_up(n, seed=6):
    """Return customers, a fifth of whom gave no age; who is young buys a little more often."""
    rng = np.random.default_rng(seed)
    age = rng.integers(16, 90, n).astype("float64")
    table = pd.DataFrame({"customer_id": [f"C{i:09d}" for i in range(n)]})
    table["n_orders"] = 1 + rng.poisson(np.where(age < 41, 2.2, 2.0))
    table["revenue_total"] = np.round(rng.lognormal(3.5, 1.0, n) * table["n_orders"], 2)
    table["revenue_per_order"] = table["revenue_total"] / table["n_orders"]
    table["days_since_last_order"] = rng.integers(0, 365, n).astype("float64")
    table["usual_gap_days"] = np.where(table["n_orders"] > 1, rng.gamma(2.0, 20.0, n), np.nan)
    table["weekend_share"] = rng.binomial(4, 0.3, n) / 4
    table["evening_share"] = rng.binomial(4, 0.4, n) / 4
    shares = rng.dirichlet(np.full(6, 0.3), n)
    for j in range(5):
        table[f"category_share: K{j}"] = np.where(shares[:, j] < 0.02, 0.0, shares[:, j])
    table["age"] = np.where(rng.random(n) < 0.2, np.nan, age)
    table["sex"] = pd.Categorical(rng.choice(["F", "M"], n))
    table["income"] = pd.Categorical(rng.choice(INCOMES, n), INCOMES, ordered=True)
    return table


@cache
def load(file):
    """Return the features; a second time without reading, so that scripts can read before the clock starts."""
    table = pd.read_parquet(file)
    day = dt.date(2025, 11, 30)
    return CustomerFeatures(table, dictionary(table), pd.DataFrame(), (), day, day, 0)


def compared(differences):
    """Return what two ways of measuring differences must agree on."""
    columns = ["column", "n", "n_others", "value", "value_others"]
    return differences[columns].sort_values("column", ignore_index=True).round(6)


def dictionary(table):
    types = {"age": "numeric", "sex": "category", "income": "ordered"}
    rows = [
        {"column": column, "meaning": "", "kind": "attribute" if column in types else "behaviour",
         "unit": UNITS.get(column, "share" if "share" in column else ""),
         "type": types.get(column, "numeric"), "share_known": float(table[column].notna().mean())}
        for column in table.columns.drop("customer_id")
    ]  # fmt: skip
    return pd.DataFrame(rows)
