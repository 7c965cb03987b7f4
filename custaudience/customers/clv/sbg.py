"""Shifted beta-geometric: how long customers under contract stay."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, hyp2f1, psi

from custaudience.customers.clv.fitting import Fitted, MaximumLikelihood, Objective, Rows, distinct_rows, maximise
from custaudience.errors import DataError, HistoryError


class ShiftedBetaGeometric(Fitted):
    """Shifted beta-geometric model of retention where leaving is seen: contracts, subscriptions.

    At each renewal a customer leaves with a probability of their own; these differ as a beta distribution
    (``alpha``, ``beta``). The retention rate of a cohort rises with age because the loyal ones are left, though
    nobody becomes more loyal.

    Attributes
    ----------
    params_, standard_errors_ : Series
        ``alpha``, ``beta``.
    covariance_ : DataFrame
    estimate_ : MaximumLikelihood
    log_likelihood_ : float
    n_customers_, n_left_ : int
    n_periods_ : int
        Longest time watched; what is said beyond it is the model's.
    notes_ : tuple of str

    Notes
    -----
    Fader and Hardie (2007), "How to Project Customer Retention", Journal of Interactive Marketing 21(1), 76-90.

    Examples
    --------
    >>> model = ShiftedBetaGeometric().fit([1000, 631, 468, 382, 326, 289, 262, 241])
    >>> model.params_.round(2).to_dict()
    {'alpha': 0.7, 'beta': 1.18}
    """

    names = ("alpha", "beta")

    def fit(self, survivors: ArrayLike) -> ShiftedBetaGeometric:
        """Fit the model to customers left at each age.

        Parameters
        ----------
        survivors : array of shape (n_ages,) or (n_cohorts, n_ages)
            Customers of a cohort at age 0, 1, 2, … periods; never rising. NaN, at the end of a row only = not
            yet observed.

        Raises
        ------
        HistoryError
            If nobody has left, or there is no second age.
        DataError
            If counts rise, are negative, or missing in between.
        """
        table = np.atleast_2d(np.asarray(survivors, dtype="float64"))
        seen = np.isfinite(table)
        if not table.size or not seen[:, 0].all() or (np.diff(seen.astype(int), axis=1) > 0).any():
            raise DataError("survivors: expected counts from age 0 on, without gaps, for each cohort.")
        drops = -np.diff(table, axis=1)
        if (table[seen] < 0).any() or (drops[np.isfinite(drops)] < 0).any():
            raise DataError("survivors: counts are negative or rise. In a cohort nobody can join later.")
        observed = seen[:, 1:]
        left = np.where(observed, drops, 0.0).sum(axis=0)
        ages = np.arange(1, table.shape[1])
        # who is left at the last age that is observed
        final = seen.sum(axis=1) - 1
        staying = np.bincount(final, table[np.arange(len(table)), final], table.shape[1])[1:]
        if not left.sum():
            raise HistoryError("shifted beta-geometric: nobody has left yet, so nothing tells how long they stay.")
        died = np.concatenate([np.ones(len(ages)), np.zeros(len(ages))])
        time, weight = np.concatenate([ages, ages]).astype("float64"), np.concatenate([left, staying])
        rows, _, index = distinct_rows(time[weight > 0], died[weight > 0])
        weights = np.bincount(index, weight[weight > 0])
        starts = [(1.0, 1.0), (0.3, 2.0), (3.0, 3.0), (1.0, 10.0)]
        self.estimate_: MaximumLikelihood = maximise(_objective, rows, weights, self.names, starts)
        self.n_customers_, self.n_left_ = int(table[:, 0].sum()), int(left.sum())
        self.n_periods_ = int(time[weight > 0].max())
        missing = self.estimate_.unidentified()
        self.notes_ = (
            (
                f"Not identified by these data: {', '.join(missing)}. Customers look alike, or two ages or more are "
                "needed: a constant retention rate says the same.",
            )
            if missing
            else ()
        )
        return self

    def survival(self, age: ArrayLike) -> np.ndarray:
        """Return the share of a cohort still there at `age` periods."""
        alpha, beta = self.estimate_.values
        return np.exp(betaln(alpha, beta + np.asarray(age, dtype="float64")) - betaln(alpha, beta))

    def retention_rate(self, age: ArrayLike) -> np.ndarray:
        """Return the share of those there at ``age - 1`` who are still there at `age`, for 1 or more."""
        alpha, beta = self.estimate_.values
        t = np.asarray(age, dtype="float64")
        return (beta + t - 1) / (alpha + beta + t - 1)

    def expected_discounted_renewals(self, *, discount_rate: float, age: int = 0) -> float:
        """Return the renewals still to come of a customer who is there at `age`, discounted.

        Parameters
        ----------
        discount_rate : float, above 0
            Per period of the contract. The next renewal is one period away and is discounted once.
        age : int
            Renewals made so far.

        Notes
        -----
        Multiplied by the margin of a period: the residual lifetime value. Fader and Hardie (2010), Marketing
        Science 29(1), 85-93.
        """
        if not discount_rate > 0 or age < 0:
            raise ValueError(f"expected a discount_rate above 0 and an age of 0 or more, got {discount_rate} and {age}")
        alpha, beta = self.estimate_.values
        share = 1 / (1 + discount_rate)
        first = share * (beta + age) / (alpha + beta + age)
        return float(first * hyp2f1(1, beta + age + 1, alpha + beta + age + 1, share))


def _objective(rows: Rows, weights: np.ndarray) -> Objective:
    time, died = rows
    w_left, w_stay = weights * died, weights * (1 - died)

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return minus the log-likelihood at these log-parameters, and its gradient in them."""
        alpha, beta = np.exp(theta)
        left = betaln(alpha + 1, beta + time - 1)
        stay = betaln(alpha, beta + time)
        value = w_left @ left + w_stay @ stay - weights.sum() * betaln(alpha, beta)
        whole = psi(alpha + beta + time)
        by_alpha = w_left @ (psi(alpha + 1) - whole) + w_stay @ (psi(alpha) - whole)
        by_beta = w_left @ (psi(beta + time - 1) - whole) + w_stay @ (psi(beta + time) - whole)
        both = weights.sum() * psi(alpha + beta)
        by_alpha += both - weights.sum() * psi(alpha)
        by_beta += both - weights.sum() * psi(beta)
        return -float(value), -np.array([by_alpha * alpha, by_beta * beta])

    return objective
