"""A seeded customer matrix with five planted groups, and how far an inertia is from the planted one."""

from functools import cache

import numpy as np
import pandas as pd

GROUPS, FEATURES, APART = 5, 6, 3.0


def planted(n, seed=5):
    """Return features of `n` customers and the number of each one's group."""
    rng = np.random.default_rng(seed)
    one, other = np.eye(FEATURES)[:2]
    middles = APART * np.array([np.roll(one, j) + np.roll(other, j) for j in range(GROUPS)])
    group = rng.choice(GROUPS, n, p=[0.35, 0.25, 0.2, 0.12, 0.08])
    return middles[group] + rng.normal(size=(n, FEATURES)), group


def customer_matrix(n):
    table = pd.DataFrame(planted(n)[0], columns=["revenue_total", *(f"x{j}" for j in range(1, FEATURES))])
    table.insert(0, "customer_id", [f"C{i:09d}" for i in range(n)])
    return table


@cache
def load(file):
    """Return the matrix; a second time without reading, so that scripts can read before the clock starts."""
    return pd.read_parquet(file).set_index("customer_id")


def against_planted(inertia, n):
    """Return the inertia as a share of the planted groups', to a thousandth: equal within the goal's 0.1 %."""
    x, group = planted(n)
    means = np.column_stack([np.bincount(group, column) for column in x.T]) / np.bincount(group)[:, None]
    return pd.DataFrame({"inertia": [round(inertia / float(((x - means[group]) ** 2).sum()), 3)]})
