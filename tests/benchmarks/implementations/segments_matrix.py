"""A seeded customer matrix with five planted groups, and how far an inertia is from the planted one."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

GROUPS, FEATURES, APART = 5, 6, 3.0


def planted(n: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return features of `n` customers and the number of each one's group."""
    rng = np.random.default_rng(seed)
    middles = APART * np.array(
        [np.roll(np.eye(FEATURES)[0], j) + np.roll(np.eye(FEATURES)[1], j) for j in range(GROUPS)]
    )
    group = rng.choice(GROUPS, n, p=[0.35, 0.25, 0.2, 0.12, 0.08])
    return middles[group] + rng.normal(size=(n, FEATURES)), group


def customer_matrix(n: int, folder: Path) -> Path:
    """Return a Parquet file with ``customer_id`` and six features, made when it is not there yet."""
    file = folder / f"customer-matrix-{n}-v2.parquet"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        x, _ = planted(n)
        table = pd.DataFrame(x, columns=["revenue_total", *(f"x{j}" for j in range(1, FEATURES))])
        table.insert(0, "customer_id", [f"C{i:09d}" for i in range(n)])
        beside = file.with_name(f".making-{os.getpid()}-{file.name}")
        table.to_parquet(beside, index=False)
        beside.replace(file)
    return file


@cache
def load(file: Path) -> pd.DataFrame:
    """Return the matrix; a second time without reading, so that scripts can read before the clock starts."""
    return pd.read_parquet(file).set_index("customer_id")


def against_planted(inertia: float, n: int) -> pd.DataFrame:
    """Return the inertia as a share of the planted groups', to a thousandth: equal within the goal's 0.1 %."""
    x, group = planted(n)
    means = np.column_stack([np.bincount(group, column) for column in x.T]) / np.bincount(group)[:, None]
    return pd.DataFrame({"inertia": [round(inertia / float(((x - means[group]) ** 2).sum()), 3)]})
