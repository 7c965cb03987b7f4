"""BG/NBD: how often customers without a contract buy, and whether they still do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import betaln, gammaln, hyp2f1, psi

from custaudience.customers.clv.fitting import Objective, Rows
from custaudience.customers.clv.purchase_model import PurchaseModel, nbd_probabilities


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
    params_, standard_errors_ : Series
        ``r``, ``alpha`` (in time units), ``a``, ``b``.
    covariance_ : DataFrame
    estimate_ : MaximumLikelihood
        With ``table(level)`` and how the optimum was found.
    log_likelihood_ : float
    no_dropout_ : MaximumLikelihood
        The NBD on the same data: customers who never leave.
    dropout_identified_ : bool
        The model describes the data better than the NBD (likelihood ratio test, 5 %).
    time_unit_ : str or None
    n_customers_, n_repeat_customers_ : int
    notes_ : tuple of str
        What a reader must know, in English.

    Notes
    -----
    Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), 275-284.
    Not for contracts, where leaving is seen: `ShiftedBetaGeometric`. No seasons, no campaigns.
    """

    names = ("r", "alpha", "a", "b")
    time_names = ("alpha",)
    title = "BG/NBD"

    def _starts(self, mean_rate: float) -> list[tuple[float, ...]]:
        return [
            (1.0, 1 / mean_rate, 1.0, 2.0),
            (0.3, 0.15 / mean_rate, 0.5, 2.0),
            (3.0, 3 / mean_rate, 0.2, 5.0),
            (0.5, 0.2 / mean_rate, 3.0, 3.0),
        ]

    def _notes(self, x: np.ndarray, last: np.ndarray, tenure: np.ndarray) -> tuple[str, ...]:
        note = (
            f"{int((x == 0).sum()):,} of {len(x):,} customers have no repeat purchase: their probability alive is 1 "
            "by construction of the model, not by evidence."
        )
        return (note, *super()._notes(x, last, tenure))

    def probability_alive(self, summary: pd.DataFrame) -> np.ndarray:
        """Return each customer's probability of being alive; 1 without a repeat purchase, by construction."""
        return super().probability_alive(summary)

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
        """Return purchases to expect within each of `times` of customers alive now, shape (n, n_times).

        Equation 10 of the paper after Euler's transformation of the hypergeometric function, which takes the
        powers of ``r + x`` out of it: no overflow for customers with many purchases.
        """
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
        """Return the chance that a new customer makes 0 to ``n - 1`` purchases; equation 8 of the paper."""
        r, alpha, a, b = params
        x, nbd = np.arange(n), nbd_probabilities(r, alpha, times, n)
        staying = np.exp(betaln(a, b + x) - betaln(a, b))
        leaving = np.where(x > 0, np.exp(betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b)), 0.0)
        more = 1 - np.cumsum(nbd, axis=1) + nbd  # x purchases or more, were nobody to leave
        return staying * nbd + leaving * more

    @staticmethod
    def draw_future(
        rng: np.random.Generator, params: np.ndarray, x: np.ndarray, tenure: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw, for customers alive now, rate, probability to leave after a purchase, and remaining life."""
        r, alpha, a, b = params
        rate = rng.gamma(r + x, 1 / (alpha + tenure))
        return rate, rng.beta(a, b + x), np.full(len(x), np.inf)

    def _objective(self, rows: Rows, weights: np.ndarray) -> Objective:
        """Return minus the log-likelihood: special functions on distinct counts, logarithms on distinct times."""
        x, last, tenure = rows
        (x_index, xs), (time_index, times) = pd.factorize(x), pd.factorize(tenure)
        repeat = x > 0
        w, k, ix, it = weights[repeat], x[repeat], x_index[repeat], time_index[repeat]
        il, lasts = pd.factorize(last[repeat])
        n, n_by_x = weights.sum(), np.bincount(x_index, weights, len(xs))
        n_by_time = np.bincount(time_index, weights, len(times))
        x_by_time = np.bincount(time_index, weights * x, len(times))
        some = xs > 0

        def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
            """Return minus the log-likelihood at these log-parameters, and its gradient in them."""
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
