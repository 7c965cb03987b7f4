"""Pareto/NBD: how often customers without a contract buy, when they may leave at any time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import gammaln, hyperu, psi

from custaudience.customers.clv.fitting import Objective, Rows
from custaudience.customers.clv.purchase_model import PurchaseModel, nbd_probabilities

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_CHUNK = 8192


class ParetoNbd(PurchaseModel):
    """Pareto / negative binomial model of repeat purchases.

    While alive, a customer buys at random times with a rate of their own; rates differ as a gamma distribution
    (``r``, ``alpha``). Life ends at a random moment with a rate of its own; these differ as a gamma
    distribution (``s``, ``beta``). Unlike in `BgNbd`, customers without a repeat purchase may have left.

    Attributes
    ----------
    params_, standard_errors_ : Series
        ``r``, ``alpha``, ``s``, ``beta``; ``alpha`` and ``beta`` in time units.
    covariance_, estimate_, log_likelihood_, no_dropout_, dropout_identified_, time_unit_, n_customers_,
    n_repeat_customers_, notes_
        As in `BgNbd`.

    Notes
    -----
    Schmittlein, Morrison and Colombo (1987), Management Science 33(1), 1-24. The likelihood holds an integral
    over the unknown time of leaving, which the papers write as a difference of two hypergeometric functions,
    in one form for alpha >= beta and in another below. Here it is computed as the integral, by Gauss-Legendre
    quadrature on a logarithmic axis: no branch, no cancellation, and the gradient comes from the same nodes.
    """

    names = ("r", "alpha", "s", "beta")
    time_names = ("alpha", "beta")
    title = "Pareto/NBD"

    def _starts(self, mean_rate: float) -> list[tuple[float, ...]]:
        return [
            (1.0, 1 / mean_rate, 1.0, 1.0),
            (0.5, 0.3 / mean_rate, 0.5, 0.3),
            (2.0, 1.5 / mean_rate, 0.5, 2.0),
            (0.3, 0.2 / mean_rate, 2.0, 1.0),
        ]

    def discounted_future_purchases(self, summary: pd.DataFrame, rate: float) -> np.ndarray:
        """Return each customer's purchases for ever, discounted continuously at `rate` per time unit.

        Fader, Hardie and Lee (2005), Journal of Marketing Research 42(4), 415-430, equation 2 ("DERT").
        """
        if not rate > 0:
            raise ValueError(f"rate: expected a number above 0, got {rate}; undiscounted, the sum may be infinite")
        r, alpha, s, beta = self.estimate_.values
        x, _, tenure = self.check_summary(summary)
        forever = (beta + tenure) * hyperu(1, 2 - s, rate * (beta + tenure))
        return self.probability_alive(summary) * (r + x) / (alpha + tenure) * forever

    @staticmethod
    def alive(params: np.ndarray, x: np.ndarray, last: np.ndarray, tenure: np.ndarray) -> np.ndarray:
        """Return the probability alive at given parameters."""
        r, alpha, s, beta = params
        log_alive = -(r + x) * np.log(alpha + tenure) - s * np.log(beta + tenure)
        log_left = np.log(s) + left_integral(params, x, last, tenure)[0]
        return 1 / (1 + np.exp(np.minimum(log_left - log_alive, 700)))

    @staticmethod
    def if_alive(params: np.ndarray, x: np.ndarray, tenure: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return purchases to expect within each of `times` of customers alive now, shape (n, n_times)."""
        r, alpha, s, beta = params
        base = beta + tenure[:, None]
        log = np.log1p(times / base)
        # (1 - e^(-(s-1) log)) / (s - 1), whose limit at s = 1 is log
        life = log if abs(s - 1) < 1e-12 else -np.expm1(-(s - 1) * log) / (s - 1)
        return ((r + x) / (alpha + tenure))[:, None] * base * life

    @staticmethod
    def count_probabilities(params: np.ndarray, times: np.ndarray, n: int) -> np.ndarray:
        """Return the chance that a new customer makes 0 to ``n - 1`` purchases, by quadrature over their life."""
        r, alpha, s, beta = params
        gone = -np.expm1(-s * np.log1p(times / beta))
        share = gone[:, None] * (1 + _NODES) / 2  # of customers, left by the time of a node
        lives = beta * np.expm1(-np.log1p(-share) / s)
        left = np.einsum("ijk,j->ik", nbd_probabilities(r, alpha, lives, n), _WEIGHTS) / 2
        return gone[:, None] * left + (1 - gone[:, None]) * nbd_probabilities(r, alpha, times, n)

    @staticmethod
    def draw_future(
        rng: np.random.Generator, params: np.ndarray, x: np.ndarray, tenure: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw, for customers alive now, rate, probability to leave after a purchase, and remaining life."""
        r, alpha, s, beta = params
        rate = rng.gamma(r + x, 1 / (alpha + tenure))
        leaving = rng.gamma(s, 1 / (beta + tenure))
        life = rng.exponential(size=len(x)) / np.maximum(leaving, 1e-300)
        return rate, np.zeros(len(x)), life

    def _objective(self, rows: Rows, weights: np.ndarray) -> Objective:
        x, last, tenure = rows
        xs, x_index = np.unique(x, return_inverse=True)
        n, n_by_x = weights.sum(), np.bincount(x_index, weights, len(xs))

        def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
            """Return minus the log-likelihood at these log-parameters, and its gradient in them."""
            params = np.exp(theta)
            r, alpha, s, beta = params
            log_a, log_b = np.log(alpha + tenure), np.log(beta + tenure)
            alive = -(r + x) * log_a - s * log_b
            integral, mean_log_a, mean_log_b, mean_a, mean_b = left_integral(params, x, last, tenure)
            left = theta[2] + integral
            either = np.logaddexp(alive, left)
            w_alive, w_left = weights * np.exp(alive - either), weights * np.exp(left - either)
            value = n_by_x @ gammaln(r + xs) + n * (r * theta[1] + s * theta[3] - gammaln(r)) + weights @ either
            by_r = n_by_x @ psi(r + xs) + n * (theta[1] - psi(r)) - w_alive @ log_a - w_left @ mean_log_a
            by_alpha = n * r / alpha - w_alive @ ((r + x) / (alpha + tenure)) - w_left @ ((r + x) * mean_a)
            by_s = n * theta[3] - w_alive @ log_b + w_left @ (1 / s - mean_log_b)
            by_beta = n * s / beta - s * (w_alive @ (1 / (beta + tenure))) - (s + 1) * (w_left @ mean_b)
            return -float(value), -np.array([by_r * r, by_alpha * alpha, by_s * s, by_beta * beta])

        return objective


def left_integral(
    params: np.ndarray, x: np.ndarray, last: np.ndarray, tenure: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Integrate over the moment y of leaving, from the last purchase to now.

    Returns
    -------
    tuple of five arrays of shape (n,)
        The logarithm of the integral of ``(alpha + y)^-(r + x) (beta + y)^-(s + 1)`` (minus infinity where
        the last purchase is now), and the means under that density of ``log(alpha + y)``, ``log(beta + y)``,
        ``1 / (alpha + y)`` and ``1 / (beta + y)``.
    """
    parts = [
        _left_integral(params, x[i : i + _CHUNK], last[i : i + _CHUNK], tenure[i : i + _CHUNK])
        for i in range(0, len(x), _CHUNK)
    ]
    log, log_a, log_b, a, b = (np.concatenate(part) for part in zip(*parts, strict=True))
    return log, log_a, log_b, a, b


def _left_integral(params: np.ndarray, x: np.ndarray, last: np.ndarray, tenure: np.ndarray) -> Rows:
    r, alpha, s, beta = params
    lower = min(alpha, beta)
    # beyond this the integrand has fallen by e^-45 and a fixed number of nodes would miss the rest
    far = (alpha + last) * np.exp(np.minimum(45 / (r + x), 600.0)) - alpha
    start, end = np.log(lower + last), np.log(lower + np.minimum(tenure, far))
    half = (end - start)[:, None] / 2
    u = start[:, None] + half * (1 + _NODES)
    smaller = np.exp(u)
    larger = smaller + (max(alpha, beta) - lower)
    log_larger = np.log(larger)
    log_a, log_b = (u, log_larger) if alpha <= beta else (log_larger, u)
    log_f = u - (r + x)[:, None] * log_a - (s + 1) * log_b
    top = log_f.max(axis=1, keepdims=True)
    f = np.exp(log_f - top) * _WEIGHTS
    total = f.sum(axis=1)
    inverse_a, inverse_b = (1 / smaller, 1 / larger) if alpha <= beta else (1 / larger, 1 / smaller)
    with np.errstate(divide="ignore"):
        log = top[:, 0] + np.log(half[:, 0] * total)
    means = (np.einsum("ij,ij->i", f, part) / total for part in (log_a, log_b, inverse_a, inverse_b))
    return (log, *means)
