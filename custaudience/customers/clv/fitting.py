"""Maximum likelihood for models of purchases and spend: one way for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.stats import norm

Rows = tuple[np.ndarray, ...]
Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]

MIN_REPEAT_CUSTOMERS = 10
_LIMIT = 8.0  # of log-parameters, the data being scaled to about 1: e^8 is as good as infinite
_THINNED = 4000
_VAGUE = 3.0  # a standard error of a logarithm above it: the value may be 100 times larger or smaller


@dataclass(frozen=True)
class MaximumLikelihood:
    """Estimates, how sure they are, and how they were found.

    Attributes
    ----------
    names : tuple of str
    logs : ndarray of shape (k,)
        Logarithms of the estimates: the scale on which they were found and are closest to normal.
    log_covariance : ndarray of shape (k, k)
        Inverse of the observed information in the logarithms; NaN in rows and columns of parameters that the
        data do not identify.
    log_likelihood : float
    n : int
        Observations.
    n_distinct : int
        Distinct rows among them.
    starts_agreeing : int
        Starting points that led to the best likelihood, of those tried.
    n_starts : int
    positive_definite : bool
        The information matrix is: the optimum is a maximum and all parameters are identified.
    """

    names: tuple[str, ...]
    logs: np.ndarray
    log_covariance: np.ndarray
    log_likelihood: float
    n: int
    n_distinct: int
    starts_agreeing: int
    n_starts: int
    positive_definite: bool

    @property
    def values(self) -> np.ndarray:
        """The estimates."""
        return np.exp(self.logs)

    @property
    def params(self) -> pd.Series:
        """The estimates by name."""
        return pd.Series(self.values, index=list(self.names))

    @property
    def covariance(self) -> pd.DataFrame:
        """Covariance of the estimates themselves (delta method)."""
        scaled = self.log_covariance * np.outer(self.values, self.values)
        return pd.DataFrame(scaled, index=list(self.names), columns=list(self.names))

    def unidentified(self) -> list[str]:
        """Return the names of the parameters that the data do not tell."""
        return [name for name, v in zip(self.names, np.diag(self.log_covariance), strict=True) if not np.isfinite(v)]

    def table(self, level: float = 0.9) -> pd.DataFrame:
        """Return ``parameter``, ``estimate``, ``standard_error``, ``low``, ``high`` at `level`.

        The interval is Wald's on the logarithm, so its ends are positive; NaN where not identified.
        """
        error = np.sqrt(np.diag(self.log_covariance))
        width = norm.ppf((1 + level) / 2) * error
        low, high = np.exp(self.logs - width), np.exp(self.logs + width)
        columns = {"parameter": list(self.names), "estimate": self.values, "standard_error": error * self.values}
        return pd.DataFrame({**columns, "low": low, "high": high})

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return `n` draws of the parameters from the normal approximation on logarithms, shape (n, k)."""
        return np.exp(rng.multivariate_normal(self.logs, self.log_covariance, size=n, method="eigh"))

    def rescaled(self, factors: dict[str, float], likelihood_change: float) -> MaximumLikelihood:
        """Return the same estimate with some parameters in other units."""
        shift = np.log([factors.get(name, 1.0) for name in self.names])
        return replace(self, logs=self.logs + shift, log_likelihood=self.log_likelihood + likelihood_change)


class Fitted:
    """What every fitted model tells of its parameters, from ``names`` and ``estimate_``."""

    names: tuple[str, ...]
    estimate_: MaximumLikelihood

    @property
    def params_(self) -> pd.Series:
        """Estimates by name."""
        return self.estimate_.params

    @property
    def standard_errors_(self) -> pd.Series:
        """Standard errors by name; NaN where the data do not identify a parameter."""
        return pd.Series(np.sqrt(np.diag(self.covariance_)), index=list(self.names))

    @property
    def covariance_(self) -> pd.DataFrame:
        """Covariance of the estimates."""
        return self.estimate_.covariance

    @property
    def log_likelihood_(self) -> float:
        """Log-likelihood, as published: without the terms that hold no parameter."""
        return self.estimate_.log_likelihood


def distinct_rows(*columns: np.ndarray) -> tuple[Rows, np.ndarray, np.ndarray]:
    """Return the distinct rows, how often each occurs, and for each row the number of its distinct row.

    Values are compared as they are; rounding them would move the likelihood.
    """
    combined = np.zeros(len(columns[0]), dtype="int64")
    size = 1
    for column in columns:
        codes, labels = pd.factorize(column)
        if size * len(labels) > 2**62:
            combined, known = pd.factorize(combined)
            size = len(known)
        combined, size = combined * len(labels) + codes, size * len(labels)
    if size <= 8 * len(combined) + 10**6:  # a table of all combinations is quicker than hashing
        counts = np.bincount(combined, minlength=size)
        present = np.flatnonzero(counts)
        number = np.empty(size, dtype="int64")
        number[present] = np.arange(len(present))
        inverse, weights = number[combined], counts[present]
    else:
        inverse, present = pd.factorize(combined)
        weights = np.bincount(inverse)
    one = np.empty(len(present), dtype="int64")
    one[inverse] = np.arange(len(inverse))
    return tuple(column[one] for column in columns), weights.astype("float64"), inverse


def maximise(
    build: Callable[[Rows, np.ndarray], Objective],
    rows: Rows,
    weights: np.ndarray,
    names: Sequence[str],
    starts: Sequence[Sequence[float]],
) -> MaximumLikelihood:
    """Find the parameters, all positive, that make weighted rows most likely.

    Parameters
    ----------
    build : callable
        Makes, of rows and weights, a function of the log-parameters that returns minus the log-likelihood and
        its gradient in them.
    rows : tuple of arrays of one length
        Distinct observations, scaled so that parameters are not far from 1.
    weights : array
        How often each occurs.
    names : sequence of str
    starts : sequence of parameter values
        Tried on a systematic sample of at most 4,000 rows; the best goes on with all of them.

    Notes
    -----
    BFGS on logarithms within e^-8 to e^8, then Newton steps with a Hessian by central differences of the
    analytic gradient. Standard errors come from that Hessian, if it is positive definite.
    """
    n = float(weights.sum())
    trial = build(*_thinned(rows, weights))
    ends = [_descend(trial, np.log(start), n) for start in starts]
    best = min(ends, key=lambda end: end[1])
    agreeing = sum(end[1] < best[1] + 1e-6 * n for end in ends)
    objective, theta = trial, best[0]
    if len(weights) > _THINNED:
        objective = build(rows, weights)
        # begun with the curvature of the sample, a handful of steps is enough
        theta = _descend(objective, theta, n, _hessian(trial, theta, np.ones(len(theta), dtype=bool)) / n)[0]
    theta, value, hessian, free = _polish(objective, theta, n)
    covariance, definite = _invert(hessian, free)
    return MaximumLikelihood(
        tuple(names), theta, covariance, -value, round(n), len(weights), agreeing, len(ends), definite
    )


def _thinned(rows: Rows, weights: np.ndarray) -> tuple[Rows, np.ndarray]:
    """Return a systematic sample in proportion to the weights."""
    if len(weights) <= _THINNED:
        return rows, weights
    running = np.cumsum(weights)
    at = (np.arange(_THINNED) + 0.5) / _THINNED * running[-1]
    picked, times = np.unique(np.searchsorted(running, at), return_counts=True)
    return tuple(column[picked] for column in rows), times * (running[-1] / _THINNED)


def _descend(
    objective: Objective, start: np.ndarray, n: float, curvature: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    def per_observation(theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective and its gradient per observation, with a slope back outside the limits."""
        inside = np.clip(theta, -_LIMIT, _LIMIT)
        value, gradient = objective(inside)
        beyond = theta - inside  # a slope back to the limit
        return value / n + beyond @ beyond, np.where(beyond == 0, gradient / n, 2 * beyond)

    options: dict[str, Any] = {"maxiter": 100, "gtol": 1e-6}
    if curvature is not None and np.linalg.eigvalsh(curvature).min() > 1e-6:
        inverse = np.linalg.inv(curvature)
        options["hess_inv0"] = (inverse + inverse.T) / 2
    # not L-BFGS-B, whose own steps took ten times longer than ours on data of a few thousand rows
    found = minimize(per_observation, start, jac=True, method="BFGS", options=options)
    theta = np.clip(found.x, -_LIMIT, _LIMIT)
    return theta, objective(theta)[0]


def _hessian(objective: Objective, theta: np.ndarray, free: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """Return the Hessian in the free parameters, by central differences of the gradient."""
    shifts = np.eye(len(theta))[free] * step
    columns = [(objective(theta + s)[1] - objective(theta - s)[1])[free] / (2 * step) for s in shifts]
    hessian = np.array(columns).reshape(len(shifts), len(shifts))
    return (hessian + hessian.T) / 2


def _polish(objective: Objective, theta: np.ndarray, n: float) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """Take Newton steps to a gradient of zero; return the place, the value, the Hessian, and who is free to move."""
    value, gradient = objective(theta)
    free = np.abs(theta) < _LIMIT - 1e-6
    for _ in range(4):
        hessian = _hessian(objective, theta, free)
        if np.abs(gradient[free]).max(initial=0) < 1e-9 * n:
            break
        try:
            np.linalg.cholesky(hessian)
        except np.linalg.LinAlgError:
            break
        move = np.zeros_like(theta)
        move[free] = -np.linalg.solve(hessian, gradient[free])
        if np.abs(move).max() > 1 or np.abs(theta + move).max() > _LIMIT:
            break
        next_value, next_gradient = objective(theta + move)
        if next_value > value + 1e-9 * abs(value):
            break
        theta, value, gradient = theta + move, next_value, next_gradient
        if np.abs(move).max() < 1e-3:  # what is left is its square, and the Hessian hardly changes
            break
    return theta, value, hessian, free


def _invert(hessian: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, bool]:
    """Invert the Hessian of the free parameters; NaN for those at a limit, without curvature, or vague."""
    covariance = np.full((len(free), len(free)), np.nan)
    try:
        np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return covariance, False
    inverse = np.linalg.inv(hessian)
    sure = np.sqrt(np.diag(inverse)) < _VAGUE
    kept = np.flatnonzero(free)[sure]
    covariance[np.ix_(kept, kept)] = inverse[np.ix_(sure, sure)]
    return covariance, len(kept) == len(free)
