"""Resampling: how far a figure depends on who happened to be among the data."""

from __future__ import annotations

import numpy as np

DRAWS = 9_999


def median_draws(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw medians of bootstrap samples: the median of n uniform numbers is Beta((n + 1) / 2, (n + 1) / 2)."""
    half = (len(values) + 1) / 2
    place = np.ceil(rng.beta(half, half, DRAWS) * len(values)).astype(int) - 1
    return np.sort(values)[np.clip(place, 0, len(values) - 1)]


def mean_interval(values: np.ndarray, level: float, n_resamples: int, seed: int) -> np.ndarray:
    """Return the mean, and the ends of its bootstrap interval (percentiles over units)."""
    ordered, rng = np.sort(values), np.random.default_rng(seed)
    means = np.array([ordered[rng.integers(0, len(ordered), len(ordered))].mean() for _ in range(n_resamples)])
    return np.array([ordered.mean(), *np.quantile(means, [(1 - level) / 2, (1 + level) / 2])])
