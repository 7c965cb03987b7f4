"""Many comparisons: how many of what is called different may be wrong."""

from __future__ import annotations

import numpy as np


def false_discovery_rates(p: np.ndarray, n_tests: int | None = None) -> np.ndarray:
    """Adjust p-values after Benjamini and Hochberg (1995); NaN stays NaN.

    With `n_tests` above the number of p-values the others count as found to be nothing (p = 1): so a list cut
    at a threshold does not look as if only its rows had been tried.

    Examples
    --------
    >>> false_discovery_rates(np.array([0.01, 0.04, np.nan])).round(3).tolist()
    [0.02, 0.04, nan]
    """
    p = np.asarray(p, dtype="float64")
    q = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    n = max(n_tests or 0, len(known))
    order = known[np.argsort(p[known], kind="stable")]
    raw = p[order] * n / np.arange(1, len(order) + 1)
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return q
