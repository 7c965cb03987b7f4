"""What has chance in it: bootstrap intervals of our own, and how near a published one must come."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

N = 3000


def of_width(low: float, high: float, part: float = 0.15) -> dict[str, tuple[float, float]]:
    """How near both ends must come: a part of the interval's width.

    The ends of a percentile interval of 500 resamples have a standard error of 3 % of its width, so 15 % is five of
    them; an interval of another figure, another level or other people misses by more.
    """
    return {name: (0.0, part * (high - low)) for name in ("low", "high")}


def bootstrap(
    rows: np.ndarray, figure: Callable[[np.ndarray], np.ndarray], *, n: int = N, seed: int = 11, level: float = 0.95
) -> tuple[float, float]:
    """Resample rows; `figure` takes, of all resamples, how often each row was drawn, and returns a figure each."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(0, n, 100):
        drawn = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=100)
        found.append(figure(drawn))
    low, high = np.nanquantile(np.concatenate(found), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
