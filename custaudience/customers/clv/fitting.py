"""Maximum likelihood, one way for all models of value; and what models of repeat purchases share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import gammaln, psi, xlogy
from scipy.stats import chi2, norm

from custaudience.customers.clv.repeat import DAYS_PER_UNIT, days_per_unit, purchase_rows
from custaudience.errors import DataError, HistoryError

Rows = tuple[np.ndarray, ...]
Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]

MIN_REPEAT_CUSTOMERS = 10
_LIMIT = 8.0  # of log-parameters, the data being scaled to about 1: e^8 is as good as infinite
_THINNED = 4000
_VAGUE = 3.0  # a standard error of a logarithm above it: the value may be 100 times larger or smaller


@dataclass(frozen=True)
class MaximumLikelihood:
    """Estimates, how sure they are, and how they were found.

    ``logs`` are logarithms of the estimates: the scale on which they were found and are closest to normal.
    ``log_covariance`` is the inverse of the observed information in them; NaN in rows and columns of parameters that
    the data do not identify. ``starts_agreeing`` counts starting points that led to the best likelihood.
    ``positive_definite``: the information matrix is, so all parameters are identified.
    """

    names: tuple[str, ...]
    logs: np.ndarray
    log_covariance: np.ndarray
    log_likelihood: float
    starts_agreeing: int
    positive_definite: bool

    @property
    def values(self) -> np.ndarray:
        """The estimates."""
        return np.exp(self.logs)

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
        return pd.Series(self.estimate_.values, index=list(self.names))

    @property
    def standard_errors_(self) -> pd.Series:
        """Standard errors by name; NaN where the data do not identify a parameter."""
        return pd.Series(np.sqrt(np.diag(self.covariance_)), index=list(self.names))

    @property
    def covariance_(self) -> pd.DataFrame:
        """Covariance of the estimates (delta method)."""
        scaled = self.estimate_.log_covariance * np.outer(self.estimate_.values, self.estimate_.values)
        return pd.DataFrame(scaled, index=list(self.names), columns=list(self.names))

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
    build: Callable[[Rows, np.ndarray], Objective], rows: Rows, weights: np.ndarray,
    names: Sequence[str], starts: Sequence[Sequence[float]],
) -> MaximumLikelihood:  # fmt: skip
    """Find the parameters, all positive, that make weighted rows most likely.

    `build` makes, of distinct rows (scaled so that parameters are not far from 1) and their weights, a function of the
    log-parameters that returns minus the log-likelihood and its gradient in them. `starts` are tried on a systematic
    sample of at most 4,000 rows; the best goes on with all. BFGS on logarithms within e^-8 to e^8, then Newton steps
    with a Hessian by central differences of the gradient, from which standard errors come if it is positive definite.
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
    return MaximumLikelihood(tuple(names), theta, covariance, -value, agreeing, definite)


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


def nbd_probabilities(r: float, alpha: float, times: np.ndarray, n: int) -> np.ndarray:
    """Return the chance of 0 to ``n - 1`` purchases in each of `times` while nobody leaves; shape (*times.shape, n)."""
    x, t = np.arange(n), times[..., None]
    logs = gammaln(r + x) - gammaln(r) - gammaln(x + 1) - r * np.log1p(t / alpha) + xlogy(x, t / (alpha + t))
    return np.exp(logs)


def nbd_objective(rows: Rows, weights: np.ndarray) -> Objective:
    """Return minus the log-likelihood of the NBD (nobody ever leaves) of ``n_repeat`` and ``tenure``."""
    x, tenure = rows

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        r, alpha = np.exp(theta)
        log = np.log(alpha + tenure)
        value = weights @ (gammaln(r + x) - gammaln(r) + r * theta[1] - (r + x) * log)
        by_r = weights @ (psi(r + x) - psi(r) + theta[1] - log)
        by_alpha = weights @ (r / alpha - (r + x) / (alpha + tenure))
        return -value, -np.array([by_r * r, by_alpha * alpha])

    return objective


class PurchaseModel(Fitted, ABC):
    """What models of repeat purchases without a contract share: fitting, and what is known afterwards."""

    time_names: tuple[str, ...]  # parameters in time units
    title: str
    shapes: tuple[tuple[float, float, float, float], ...]  # starting points, at one purchase per unit of time

    def fit(self, summary: pd.DataFrame, *, time_unit: str | None = None) -> Any:
        """Fit the model to a summary of repeat purchases.

        `time_unit` is only needed for a summary made elsewhere, without ``attrs["time_unit"]``. With fewer than 10
        customers who bought again it refuses: nothing is told about repeating.
        """
        x, last, tenure = purchase_rows(summary)
        repeaters = int((x > 0).sum())
        if repeaters < MIN_REPEAT_CUSTOMERS:
            raise HistoryError(
                f"{self.title}: {repeaters} of {len(x):,} customers have bought again; at least "
                f"{MIN_REPEAT_CUSTOMERS} are needed to tell how often and how long people buy. "
                "Say average_revenue_per_buyer instead, and look at the share with a second order."
            )
        self.time_unit_ = time_unit or summary.attrs.get("time_unit")
        self.ends_on_ = summary.attrs.get("ends_on")
        if self.time_unit_ is not None:
            days_per_unit(self.time_unit_)
        scale = float(tenure.max())  # so that days, weeks and years are fitted by the very same numbers
        rows, weights, _ = distinct_rows(x, last / scale, tenure / scale)
        mean_rate = (weights @ rows[0]) / (weights @ rows[2])
        change = -float(x.sum()) * np.log(scale)
        starts = [(r, alpha / mean_rate, third, fourth) for r, alpha, third, fourth in self.shapes]
        found = maximise(self._objective, rows, weights, self.names, starts)
        self.estimate_ = found.rescaled(dict.fromkeys(self.time_names, scale), change)
        pairs, _, index = distinct_rows(rows[0], rows[2])
        simple = [(1.0, 1 / mean_rate), (0.2, 0.2 / mean_rate)]
        nbd = maximise(nbd_objective, pairs, np.bincount(index, weights), ("r", "alpha"), simple)
        self.no_dropout_ = nbd.rescaled({"alpha": scale}, change)
        gain = 2 * (self.estimate_.log_likelihood - self.no_dropout_.log_likelihood)
        self.dropout_identified_ = bool(gain > chi2.ppf(0.95, 2)) and not self.estimate_.unidentified()
        self.n_customers_ = len(x)
        self.mean_gap_, self.median_tenure_ = float(last.sum() / x.sum()), float(np.median(tenure))
        self.is_short_ = self.median_tenure_ < 2 * self.mean_gap_
        self.notes_ = self._notes(x, last, tenure)
        return self

    def expected_purchases(self, time: ArrayLike) -> np.ndarray:
        """Return the repeat purchases to expect of a new customer within `time` of the first purchase."""
        t = np.atleast_1d(np.asarray(time, dtype="float64"))
        return self.if_alive(self.estimate_.values, np.zeros(1), np.zeros(1), t)[0].reshape(np.shape(time))

    def expected_future_purchases(self, summary: pd.DataFrame, time: float) -> np.ndarray:
        """Return the purchases to expect of each customer of `summary` in the next `time`, shape (n_customers,)."""
        x, _, tenure = self.check_summary(summary)
        (xs, tenures), _, index = distinct_rows(x, tenure)
        future = self.if_alive(self.estimate_.values, xs, tenures, np.array([float(time)]))[index, 0]
        return future * self.probability_alive(summary)

    def probability_alive(self, summary: pd.DataFrame) -> np.ndarray:
        """Return each customer's probability of being alive; by `BgNbd` 1 without a repeat, by construction."""
        rows, _, index = distinct_rows(*self.check_summary(summary))
        return self.alive(self.estimate_.values, *rows)[index]

    def repeat_frequency(self, summary: pd.DataFrame, *, last: int = 7) -> pd.DataFrame:
        """Return how many customers made 0, 1, …, `last` or more repeat purchases, and how many the model expects.

        Columns ``n_repeat`` ("0", "1", …, "7+"), ``actual``, ``expected``: customers; both sum to all.
        """
        x, _, tenure = self.check_summary(summary)
        times, index = np.unique(tenure, return_inverse=True)
        chances = self.count_probabilities(self.estimate_.values, times, last)
        expected = np.bincount(index, minlength=len(times)) @ chances
        actual = np.bincount(np.minimum(x, last).astype(int), minlength=last + 1)
        expected = np.append(expected, max(0.0, len(x) - expected.sum()))
        return pd.DataFrame({"n_repeat": [*map(str, range(last)), f"{last}+"], "actual": actual, "expected": expected})

    @property
    def for_intervals_(self) -> MaximumLikelihood:
        """The estimate with the covariance that intervals of predictions rest on."""
        if self.dropout_identified_:
            return self.estimate_
        # the parameters of drop-out lie on a ridge and no normal approximation holds: they are taken as estimated, and
        # the rest varies as in the NBD
        covariance = np.zeros((len(self.names), len(self.names)))
        covariance[:2, :2] = self.no_dropout_.log_covariance
        return replace(self.estimate_, log_covariance=covariance)

    def check_summary(self, summary: pd.DataFrame) -> Rows:
        """Return the rows of a summary to predict for; refuse one in another time unit."""
        unit = summary.attrs.get("time_unit")
        if unit and self.time_unit_ and unit != self.time_unit_:
            raise DataError(
                f"summary: its time unit is {unit!r}, the model was fitted in {self.time_unit_!r}. "
                f"Summarise with time_unit={self.time_unit_!r} (one of {', '.join(DAYS_PER_UNIT)})."
            )
        return purchase_rows(summary)

    def _notes(self, x: np.ndarray, last: np.ndarray, tenure: np.ndarray) -> tuple[str, ...]:
        missing = ", ".join(self.estimate_.unidentified())
        notes = [
            (self.is_short_, f"Short history: half of the customers are known for {self.median_tenure_:.3g} or less, "
             f"and those who repeat do so every {self.mean_gap_:.3g} on average. Under two such gaps, who left and who "
             "waits look the same."),
            (not self.dropout_identified_, "Drop-out is not identified: the data are described about as well by "
             "customers who never leave (likelihood ratio test at 5 %). Do not read probabilities of being alive; "
             "intervals of predictions take drop-out as estimated."),
            (missing, f"Not identified by these data: {missing}; no standard error. Expected purchases over times like "
             "those observed can still be read."),
            (self.estimate_.starts_agreeing < 2,
             "Starting points led to different optima; the best was taken. Look at the hold-out."),
        ]  # fmt: skip
        return tuple(note for applies, note in notes if applies)

    @abstractmethod
    def _objective(self, rows: Rows, weights: np.ndarray) -> Objective: ...

    @staticmethod
    @abstractmethod
    def alive(params: np.ndarray, x: np.ndarray, last: np.ndarray, tenure: np.ndarray) -> np.ndarray:
        """Return the probability alive at given parameters, shape (n,)."""

    @staticmethod
    @abstractmethod
    def if_alive(params: np.ndarray, x: np.ndarray, tenure: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return purchases to expect within each of `times` of customers alive now, shape (n, n_times)."""

    @staticmethod
    @abstractmethod
    def count_probabilities(params: np.ndarray, times: np.ndarray, n: int) -> np.ndarray:
        """Return the chance of 0 to ``n - 1`` purchases of a new customer in each of `times`, shape (n_times, n)."""

    @staticmethod
    @abstractmethod
    def draw_future(rng: np.random.Generator, params: np.ndarray, x: np.ndarray, tenure: np.ndarray) -> Rows:
        """Draw, for customers alive now, rate, probability to leave after a purchase, and remaining life."""
