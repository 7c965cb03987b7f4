"""Gamma-Gamma: what a customer's average purchase is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import gammaln, psi
from scipy.stats import pearsonr

from custaudience.customers.clv.fitting import MIN_REPEAT_CUSTOMERS, Fitted, Objective, Rows, distinct_rows, maximise
from custaudience.customers.clv.repeat import value_rows
from custaudience.errors import HistoryError


class GammaGamma(Fitted):
    """Gamma-Gamma model of the value of a purchase.

    A customer's purchases vary as a gamma distribution (shape ``p``) around a mean of their own; these means
    differ among customers (``q``, ``v``). The fewer purchases a customer has, the more the estimate leans on
    all customers. How much somebody spends must not depend on how often they buy.

    Attributes
    ----------
    params_, standard_errors_, covariance_, log_likelihood_, estimate_
        ``p``, ``q`` and ``v``; ``v`` in money.
    population_mean_ : float
        Mean value of a purchase over all customers, ``p v / (q - 1)``; stands in for who has no repeat.
    n_customers_, n_zero_spend_ : int
        Repeat customers the fit rests on; and those left out because the model knows no purchase worth nothing.
    correlation_ : float
        Between number and mean value of repeat purchases (Pearson's); NaN when one is constant. A rank
        correlation is not used: means of few skewed values have lower medians, so it is not 0 without a relation.
    notes_ : tuple of str

    Notes
    -----
    Fader and Hardie (2013), "The Gamma-Gamma Model of Monetary Value", brucehardie.com/notes/025. The note
    and the paper of Fader, Hardie and Lee (2005) write gamma where ``v`` stands here.
    """

    names = ("p", "q", "v")

    def fit(self, summary: pd.DataFrame) -> GammaGamma:
        """Fit the model to the repeat customers of a summary, as `summarise_repeat_purchases` gives it.

        Raises
        ------
        HistoryError
            If fewer than 10 repeat customers have spent anything; or if ``q <= 1``: spend is so unequal that
            its mean over customers is infinite.
        """
        x, z = value_rows(summary)
        repeat = x > 0
        use = repeat & (z > 0)
        self.n_zero_spend_, self.n_customers_ = int((repeat & ~use).sum()), int(use.sum())
        if self.n_customers_ < MIN_REPEAT_CUSTOMERS:
            raise HistoryError(
                f"Gamma-Gamma: {self.n_customers_} repeat customers with spend; at least {MIN_REPEAT_CUSTOMERS} are "
                "needed to tell customers' own values apart. Say the mean value of an order instead."
            )
        x, z = x[use], z[use]
        scale = float(np.average(z, weights=x))  # so that dollars and cents are fitted by the very same numbers
        rows, weights, _ = distinct_rows(x, z / scale)
        starts = [(1.0, 2.0, 1.0), (6.0, 3.0, 0.5), (1.0, 10.0, 10.0), (20.0, 1.5, 0.05)]
        found = maximise(_objective, rows, weights, self.names, starts)
        # the density of z / scale is that of z, times scale
        self.estimate_ = found.rescaled({"v": scale}, -len(z) * float(np.log(scale)))
        p, q, v = self.estimate_.values
        if q <= 1:
            raise HistoryError(
                f"Gamma-Gamma: q = {q:.3g} is not above 1, so the mean spend over customers is infinite: a few "
                "purchases carry it all. Look at the largest, set aside wholesale buyers, or say medians."
            )
        self.population_mean_ = float(p * v / (q - 1))
        self.notes_ = self._notes(x, z)
        return self

    def expected_spend(self, summary: pd.DataFrame) -> np.ndarray:
        """Return the value to expect of each customer's next purchase, in money, shape (n_customers,).

        Without a repeat purchase it is `population_mean_`: nothing of their own is known.
        """
        return self.spend(self.estimate_.values, *value_rows(summary))

    @staticmethod
    def spend(params: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the expected value of a purchase at given parameters; infinite where there is no mean."""
        p, q, v = params
        left = p * x + q - 1
        return np.where(left > 0, p * (v + x * np.where(x > 0, z, 0)) / np.where(left > 0, left, 1), np.inf)

    def _notes(self, x: np.ndarray, z: np.ndarray) -> tuple[str, ...]:
        self.correlation_, related, missing = np.nan, False, ", ".join(self.estimate_.unidentified())
        if np.ptp(x) > 0 and np.ptp(z) > 0:
            found = pearsonr(x, z)
            self.correlation_ = float(found.statistic)
            related = abs(self.correlation_) > 0.1 and found.pvalue < 0.05
        often, rarely = ("low", "high") if self.correlation_ > 0 else ("high", "low")
        notes = [
            (self.n_zero_spend_,
             f"{self.n_zero_spend_} repeat customers have purchases of zero only: left out of Gamma-Gamma."),
            (related, f"Spend and number of purchases are related (correlation {self.correlation_:+.2f}), which "
             f"Gamma-Gamma takes as unrelated: values of frequent buyers tend to come out too {often}, of rare ones "
             f"too {rarely}. Look at groups of equal frequency."),
            (missing, f"Not identified by these data: {missing}; customers hardly differ, or hardly vary. No standard "
             "error and no interval."),
            (self.estimate_.starts_agreeing < 2, "Starting points led to different optima; the best was taken."),
        ]  # fmt: skip
        return tuple(note for applies, note in notes if applies)


def _objective(rows: Rows, weights: np.ndarray) -> Objective:
    x, z = rows
    index, xs = pd.factorize(x)
    n, n_by_x, total = weights.sum(), np.bincount(index, weights, len(xs)), x * z
    log_z, x_log = weights @ np.log(z), (weights * x) @ np.log(total)

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        p, q, v = np.exp(theta)
        per_x = np.bincount(index, weights * np.log(total + v), len(xs))
        inverse_per_x = np.bincount(index, weights / (total + v), len(xs))
        both = psi(p * xs + q)
        value = (
            n_by_x @ (gammaln(p * xs + q) - gammaln(p * xs))
            + n * (q * theta[2] - gammaln(q))
            + p * x_log
            - log_z
            - (p * xs + q) @ per_x
        )
        by_p = (n_by_x * xs) @ (both - psi(p * xs)) + x_log - xs @ per_x
        by_q = n_by_x @ both + n * (theta[2] - psi(q)) - per_x.sum()
        by_v = n * q / v - (p * xs + q) @ inverse_per_x
        return -float(value), -np.array([by_p * p, by_q * q, by_v * v])

    return objective
