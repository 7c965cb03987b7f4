"""Simulated customers: a summary of repeat purchases drawn from BG/NBD and Gamma-Gamma, in days."""

import numpy as np
import pandas as pd

SEED, DAYS = 20250102, 546
PURCHASES, SPEND = (0.25, 4.5, 0.8, 2.5), (6.25, 3.74, 15.44)  # about those of CDNOW; times in weeks


def simulate(n, seed=SEED):
    """Return `n` customers who came within half of `DAYS` days; times in weeks, counted in whole days."""
    rng = np.random.default_rng(seed)
    r, alpha, a, b = PURCHASES
    p, q, v = SPEND
    tenure = rng.integers(DAYS // 2, DAYS, n).astype("float64")
    rate, leaves = rng.gamma(r, 1 / (7 * alpha), n), rng.beta(a, b, n)
    count, last, now = np.zeros(n, dtype="int64"), np.zeros(n), np.zeros(n)
    going = np.arange(n)
    while len(going):
        now[going] += rng.exponential(size=len(going)) / np.maximum(rate[going], 1e-300)
        going = going[now[going] <= tenure[going]]
        day = np.floor(now[going])
        new = day > last[going]  # purchases of one day are one
        count[going[new]] += 1
        last[going] = day
        going = going[rng.random(len(going)) >= leaves[going]]
    mean = rng.gamma(p * np.maximum(count, 1)) / rng.gamma(q, 1 / v, n) / np.maximum(count, 1)
    return pd.DataFrame(
        {"customer_id": np.arange(n).astype(str), "n_repeat": count, "first_to_last": last / 7, "tenure": tenure / 7,
         "mean_repeat_value": np.where(count > 0, np.round(mean, 2), np.nan)}
    )  # fmt: skip
