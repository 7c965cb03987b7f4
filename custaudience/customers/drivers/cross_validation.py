"""What a variable adds to predicting people who were not in the sample: repeated cross-validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

PENALTY = 10.0


def cross_validated_gain(
    columns: np.ndarray,
    parts: Sequence[np.ndarray],
    outcomes: np.ndarray,
    *,
    rng: Generator,
    n_folds: int = 5,
    n_repeats: int = 4,
    wanted: Sequence[int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Measure how much better an outcome is predicted for unseen people with a variable than without it.

    Parameters
    ----------
    columns : array of shape (n, p), no missing values
        All variables as columns.
    parts : sequence of int arrays
        For each variable, its columns.
    outcomes : array of shape (n, m)
    rng : Generator
        Draws the folds.
    n_folds, n_repeats : int
    wanted : sequence of int, optional
        The variables to measure; all by default.

    Returns
    -------
    alone, added : arrays of shape (number wanted, m)
        Out-of-sample R squared of the variable alone over that of the mean, and of all variables over that of
        all others. At or below 0 = does not help. NaN for a constant outcome.

    Notes
    -----
    Ridge regression on standardised columns; the penalty counts as 10 people without a difference. Yes-no
    outcomes are predicted linearly, so that R squared is the Brier skill score. `added` is small for each of
    two variables that say the same; `alone` is not.
    """
    n, p = columns.shape
    wanted = range(len(parts)) if wanted is None else wanted
    spread = columns.std(axis=0)
    x = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    alone = np.zeros((len(wanted), outcomes.shape[1]))
    added = np.zeros_like(alone)
    total = np.zeros(outcomes.shape[1])
    for _ in range(n_repeats):
        fold = rng.permutation(np.arange(n) % n_folds)
        for k in range(n_folds):
            train, test = fold != k, fold == k
            centre, mean = x[train].mean(axis=0), outcomes[train].mean(axis=0)
            a, b = x[train] - centre, outcomes[train] - mean
            gram, cross = a.T @ a + PENALTY * np.eye(p), a.T @ b
            new, truth = x[test] - centre, outcomes[test] - mean
            inverse = np.linalg.inv(gram)
            weights = inverse @ cross
            left = truth - new @ weights
            nothing, full = (truth**2).sum(axis=0), (left**2).sum(axis=0)
            total += nothing
            for row, variable in enumerate(wanted):
                of = parts[variable]
                own = truth - new[:, of] @ np.linalg.solve(gram[np.ix_(of, of)], cross[of])
                alone[row] += nothing - (own**2).sum(axis=0)
                # the weights of a fit without these columns, from the fit with them
                lost = inverse[:, of] @ np.linalg.solve(inverse[np.ix_(of, of)], weights[of])
                added[row] += ((left + new @ lost) ** 2).sum(axis=0) - full
    base = np.where(total > 0, total, np.nan)
    return alone / base, added / base
