"""Models of repeat purchases without a contract: BG/NBD and Pareto/NBD."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import betaln, gammaln, hyp2f1, hyperu, psi

from custaudience.customers.clv.fitting import Objective, PurchaseModel, Rows, nbd_probabilities

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_CHUNK = 8192


class BgNbd(PurchaseModel):
    """Beta-geometric / negative binomial model of repeat purchases.

    While alive, a customer buys at random times with a rate of their own; rates differ among customers as a
    gamma distribution (``r``, ``alpha``). After each *repeat* purchase the customer leaves for good with a
    probability of their own; these differ as a beta distribution (``a``, ``b``).

    **Customers without a repeat purchase have a probability alive of 1**, however long they have been silent:
    the model lets nobody leave before a repeat purchase. This is no finding about them. `ParetoNbd` does not
    have this peculiarity.

    Attributes
    ----------
    params_, standard_errors_, covariance_, log_likelihood_
        ``r``, ``alpha`` (in time units), ``a``, ``b``.
    estimate_, no_dropout_ : MaximumLikelihood
        With ``table(level)`` and how the optimum was found; the NBD on the same data: customers who never leave.
    dropout_identified_ : bool
        The model describes the data better than the NBD (likelihood ratio test, 5 %).
    time_unit_, n_customers_, n_repeat_customers_, notes_

    Notes
    -----
    Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), 275-284.
    Not for contracts, where leaving is seen: `ShiftedBetaGeometric`. No seasons, no campaigns.
    """

    names = ("r", "alpha", "a", "b")
    time_names = ("alpha",)
    title = "BG/NBD"

    def _starts(self, mean_rate: float) -> list[tuple[float, ...]]:
        shapes = [(1.0, 1.0, 1.0, 2.0), (0.3, 0.15, 0.5, 2.0), (3.0, 3.0, 0.2, 5.0), (0.5, 0.2, 3.0, 3.0)]
        return [(r, alpha / mean_rate, a, b) for r, alpha, a, b in shapes]

    def _notes(self, x: np.ndarray, last: np.ndarray, tenure: np.ndarray) -> tuple[str, ...]:
        once = f"{int((x == 0).sum()):,} of {len(x):,} customers have no repeat purchase: their probability alive is 1 "
        return (once + "by construction of the model, not by evidence.", *super()._notes(x, last, tenure))

    @staticmethod
    def alive(params: np.ndarray, x: np.ndarray, last: np.ndarray, tenure: np.ndarray) -> np.ndarray:
        """Return the probability alive at given parameters."""
        r, alpha, a, b = params
        repeat = x > 0
        log_odds = np.log(a) - np.log(b + np.where(repeat, x, 1) - 1)
        log_odds = log_odds + (r + x) * (np.log(alpha + tenure) - np.log(alpha + last))
        return np.where(repeat, 1 / (1 + np.exp(np.minimum(log_odds, 700))), 1.0)

    @staticmethod
    def if_alive(params: np.ndarray, x: np.ndarray, tenure: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return purchases to expect within each of `times`, of customers alive now."""
        # equation 10 of the paper after Euler's transformation of the hypergeometric function, which takes the
        # powers of r + x out of it: no overflow for customers with many purchases
        r, alpha, a, b = params
        # the formula has removable poles at a = 1 and a + b + x = 1
        a = a + 1e-7 if abs(a - 1) < 1e-7 else a
        b = b + 1e-7 if abs(a + b - 1) < 1e-7 else b
        xs, base = x[:, None], alpha + tenure[:, None]
        z = times / (base + times)
        power = np.exp((a - 1) * np.log1p(-z))
        series = hyp2f1(a + b - 1 - r, a - 1, a + b + xs - 1, z)
        return (a + b + xs - 1) / (a - 1) * (1 - power * series)

    @staticmethod
    def count_probabilities(params: np.ndarray, times: np.ndarray, n: int) -> np.ndarray:
        """Return the chance of 0 to ``n - 1`` purchases of a new customer."""
        r, alpha, a, b = params
        x, nbd = np.arange(n), nbd_probabilities(r, alpha, times, n)  # equation 8 of the paper
        staying = np.exp(betaln(a, b + x) - betaln(a, b))
        leaving = np.where(x > 0, np.exp(betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b)), 0.0)
        more = 1 - np.cumsum(nbd, axis=1) + nbd  # x purchases or more, were nobody to leave
        return staying * nbd + leaving * more

    @staticmethod
    def draw_future(rng: np.random.Generator, params: np.ndarray, x: np.ndarray, tenure: np.ndarray) -> Rows:
        """Draw rate, probability to leave after a purchase, and remaining life."""
        r, alpha, a, b = params
        rate = rng.gamma(r + x, 1 / (alpha + tenure))
        return rate, rng.beta(a, b + x), np.full(len(x), np.inf)

    def _objective(self, rows: Rows, weights: np.ndarray) -> Objective:
        x, last, tenure = rows  # special functions on distinct counts, logarithms on distinct times
        (x_index, xs), (time_index, times) = pd.factorize(x), pd.factorize(tenure)
        repeat = x > 0
        w, k, ix, it = weights[repeat], x[repeat], x_index[repeat], time_index[repeat]
        il, lasts = pd.factorize(last[repeat])
        n, n_by_x = weights.sum(), np.bincount(x_index, weights, len(xs))
        n_by_time = np.bincount(time_index, weights, len(times))
        x_by_time = np.bincount(time_index, weights * x, len(times))
        some = xs > 0

        def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
            r, alpha, a, b = np.exp(theta)
            log_time, log_last = np.log(alpha + times), np.log(alpha + lasts)
            silence = log_time[it] - log_last[il]
            before = b + np.where(some, xs, 1) - 1
            odds = (theta[2] - np.log(before))[ix] + (r + k) * silence  # log odds of having left
            small = np.exp(-np.abs(odds))
            gone = w * np.where(odds > 0, 1, small) / (1 + small)
            gone_by_x = np.bincount(ix, gone, len(xs))
            value = (
                n_by_x @ (gammaln(r + xs) + gammaln(b + xs) - gammaln(a + b + xs))
                + n * (r * theta[1] - gammaln(r) + gammaln(a + b) - gammaln(b))
                - (r * n_by_time + x_by_time) @ log_time
                + w @ (np.maximum(odds, 0) + np.log1p(small))
            )
            by_r = n_by_x @ psi(r + xs) + n * (theta[1] - psi(r)) - n_by_time @ log_time + gone @ silence
            by_alpha = (
                n * r / alpha
                - (r * n_by_time + x_by_time) @ (1 / (alpha + times))
                + (gone * (r + k)) @ ((1 / (alpha + times))[it] - (1 / (alpha + lasts))[il])
            )
            both = n * psi(a + b) - n_by_x @ psi(a + b + xs)
            by_a = both + gone_by_x.sum() / a
            by_b = both + n_by_x @ psi(b + xs) - n * psi(b) - gone_by_x @ (1 / before)
            return -float(value), -np.array([by_r * r, by_alpha * alpha, by_a * a, by_b * b])

        return objective


class ParetoNbd(PurchaseModel):
    """Pareto / negative binomial model of repeat purchases.

    While alive, a customer buys at random times with a rate of their own; rates differ as a gamma distribution
    (``r``, ``alpha``). Life ends at a random moment with a rate of its own; these differ as a gamma
    distribution (``s``, ``beta``). Unlike in `BgNbd`, customers without a repeat purchase may have left.

    Attributes are those of `BgNbd`; ``alpha`` and ``beta`` are in time units.

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
        shapes = [(1.0, 1.0, 1.0, 1.0), (0.5, 0.3, 0.5, 0.3), (2.0, 1.5, 0.5, 2.0), (0.3, 0.2, 2.0, 1.0)]
        return [(r, alpha / mean_rate, s, beta) for r, alpha, s, beta in shapes]

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
        """Return purchases to expect within each of `times`, of customers alive now."""
        r, alpha, s, beta = params
        base = beta + tenure[:, None]
        log = np.log1p(times / base)
        # (1 - e^(-(s-1) log)) / (s - 1), whose limit at s = 1 is log
        life = log if abs(s - 1) < 1e-12 else -np.expm1(-(s - 1) * log) / (s - 1)
        return ((r + x) / (alpha + tenure))[:, None] * base * life

    @staticmethod
    def count_probabilities(params: np.ndarray, times: np.ndarray, n: int) -> np.ndarray:
        """Return the chance of 0 to ``n - 1`` purchases of a new customer."""
        r, alpha, s, beta = params
        gone = -np.expm1(-s * np.log1p(times / beta))  # by quadrature over lives
        share = gone[:, None] * (1 + _NODES) / 2  # of customers, left by the time of a node
        lives = beta * np.expm1(-np.log1p(-share) / s)
        left = np.einsum("ijk,j->ik", nbd_probabilities(r, alpha, lives, n), _WEIGHTS) / 2
        return gone[:, None] * left + (1 - gone[:, None]) * nbd_probabilities(r, alpha, times, n)

    @staticmethod
    def draw_future(rng: np.random.Generator, params: np.ndarray, x: np.ndarray, tenure: np.ndarray) -> Rows:
        """Draw rate, probability to leave after a purchase, and remaining life."""
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


def left_integral(params: np.ndarray, x: np.ndarray, last: np.ndarray, tenure: np.ndarray) -> Rows:
    """Integrate over the moment y of leaving, from the last purchase to now.

    Returns the logarithm of the integral of ``(alpha + y)^-(r + x) (beta + y)^-(s + 1)`` (minus infinity where the
    last purchase is now), and the means under that density of ``log(alpha + y)``, ``log(beta + y)``,
    ``1 / (alpha + y)`` and ``1 / (beta + y)``, each of shape (n,).
    """
    some = (slice(i, i + _CHUNK) for i in range(0, len(x), _CHUNK))
    parts = [_left_integral(params, x[part], last[part], tenure[part]) for part in some]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


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
