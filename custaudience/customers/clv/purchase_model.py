"""What models of repeat purchases without a contract share: fitting, and what is known afterwards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import gammaln, psi, xlogy
from scipy.stats import chi2

from custaudience.customers.clv.fitting import (
    MIN_REPEAT_CUSTOMERS,
    Fitted,
    MaximumLikelihood,
    Objective,
    Rows,
    distinct_rows,
    maximise,
)
from custaudience.customers.clv.repeat import DAYS_PER_UNIT, days_per_unit
from custaudience.errors import ColumnError, DataError, EmptyTableError, HistoryError


def purchase_rows(summary: pd.DataFrame) -> Rows:
    """Return ``n_repeat``, ``first_to_last``, ``tenure`` as floats, checked.

    Raises
    ------
    EmptyTableError, ColumnError, DataError
        If the summary is empty, lacks a column, or holds what cannot be.
    """
    for name in ("n_repeat", "first_to_last", "tenure"):
        if name not in summary:
            raise ColumnError(f"summary: column {name!r} not found. Make it with summarise_repeat_purchases.")
    if not len(summary):
        raise EmptyTableError("summary: no customer in it. Choose a later as_of or a wider group.")
    x, last, tenure = (summary[c].to_numpy(dtype="float64") for c in ("n_repeat", "first_to_last", "tenure"))
    wrong = {
        "n_repeat is missing, negative or not whole": ~(x >= 0) | (x != np.floor(x)),
        "first_to_last is missing, negative or longer than tenure": ~(last >= 0) | ~(last <= tenure),
        "n_repeat and first_to_last do not agree on whether there was a repeat": (x > 0) != (last > 0),
        "tenure is not finite": ~np.isfinite(tenure),
    }
    for what, rows in wrong.items():
        if rows.any():
            raise DataError(
                f"summary: {what} in {int(rows.sum()):,} of {len(x):,} rows. Make it with summarise_repeat_purchases, "
                "which counts days."
            )
    return x, last, tenure


def nbd_probabilities(r: float, alpha: float, times: np.ndarray, n: int) -> np.ndarray:
    """Return the chance of 0 to ``n - 1`` purchases in each of `times` while nobody leaves; shape (*times.shape, n)."""
    x, t = np.arange(n), times[..., None]
    logs = gammaln(r + x) - gammaln(r) - gammaln(x + 1) - r * np.log1p(t / alpha) + xlogy(x, t / (alpha + t))
    return np.exp(logs)


def nbd_objective(rows: Rows, weights: np.ndarray) -> Objective:
    """Return minus the log-likelihood of the NBD (nobody ever leaves) of ``n_repeat`` and ``tenure``."""
    x, tenure = rows

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return minus the log-likelihood at these log-parameters, and its gradient in them."""
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

    def fit(self, summary: pd.DataFrame, *, time_unit: str | None = None) -> Any:
        """Fit the model to a summary of repeat purchases.

        Parameters
        ----------
        summary : DataFrame
            As `summarise_repeat_purchases` gives it.
        time_unit : {"D", "W", "M", "Y"}, optional
            Only needed for a summary made elsewhere, without ``attrs["time_unit"]``.

        Returns
        -------
        the model, with its state in attributes that end in ``_``

        Raises
        ------
        HistoryError
            If fewer than 10 customers have a repeat purchase: nothing is told about repeating.
        EmptyTableError, ColumnError, DataError
            If the summary cannot be used.
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
        found = maximise(self._objective, rows, weights, self.names, self._starts(mean_rate))
        self.estimate_ = found.rescaled(dict.fromkeys(self.time_names, scale), change)
        pairs, _, index = distinct_rows(rows[0], rows[2])
        starts = [(1.0, 1 / mean_rate), (0.2, 0.2 / mean_rate)]
        nbd = maximise(nbd_objective, pairs, np.bincount(index, weights), ("r", "alpha"), starts)
        self.no_dropout_ = nbd.rescaled({"alpha": scale}, change)
        gain = 2 * (self.estimate_.log_likelihood - self.no_dropout_.log_likelihood)
        self.dropout_identified_ = bool(gain > chi2.ppf(0.95, 2)) and not self.estimate_.unidentified()
        self.n_customers_, self.n_repeat_customers_ = len(x), repeaters
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
        """Return each customer's probability of being alive, shape (n_customers,)."""
        rows, _, index = distinct_rows(*self.check_summary(summary))
        return self.alive(self.estimate_.values, *rows)[index]

    def repeat_frequency(self, summary: pd.DataFrame, *, last: int = 7) -> pd.DataFrame:
        """Return how many customers have made 0, 1, 2, … repeat purchases, and how many the model expects.

        Parameters
        ----------
        summary : DataFrame
            The one the model was fitted to.
        last : int, 1 or more
            The last class holds this many purchases and more.

        Returns
        -------
        DataFrame, one row per class
            ``n_repeat`` ("0", "1", …, "7+"), ``actual``, ``expected`` (customers; both sum to all).
        """
        x, _, tenure = self.check_summary(summary)
        times, index = np.unique(tenure, return_inverse=True)
        chances = self.count_probabilities(self.estimate_.values, times, last)
        expected = np.bincount(index, minlength=len(times)) @ chances
        return pd.DataFrame(
            {
                "n_repeat": [*map(str, range(last)), f"{last}+"],
                "actual": np.bincount(np.minimum(x, last).astype(int), minlength=last + 1),
                "expected": np.append(expected, max(0.0, len(x) - expected.sum())),
            }
        )

    @property
    def for_intervals_(self) -> MaximumLikelihood:
        """The estimate with the covariance that intervals of predictions rest on.

        Where drop-out is not identified, its parameters lie on a ridge and no normal approximation holds; then
        drop-out is taken as estimated and the rest varies as in the NBD.
        """
        if self.dropout_identified_:
            return self.estimate_
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
        notes = []
        if self.is_short_:
            notes.append(
                f"Short history: half of the customers are known for {self.median_tenure_:.3g} or less, and those who "
                f"repeat do so every {self.mean_gap_:.3g} on average. Under two such gaps, who left and who waits look "
                "the same."
            )
        if not self.dropout_identified_:
            notes.append(
                "Drop-out is not identified: the data are described about as well by customers who never leave "
                "(likelihood ratio test at 5 %). Do not read probabilities of being alive; intervals of predictions "
                "take drop-out as estimated."
            )
        if missing := self.estimate_.unidentified():
            notes.append(
                f"Not identified by these data: {', '.join(missing)}; no standard error. "
                "Expected purchases over times like those observed can still be read."
            )
        if self.estimate_.starts_agreeing < 2:
            notes.append("Starting points led to different optima; the best was taken. Look at the hold-out.")
        return tuple(notes)

    @abstractmethod
    def _objective(self, rows: Rows, weights: np.ndarray) -> Objective: ...

    @abstractmethod
    def _starts(self, mean_rate: float) -> list[tuple[float, ...]]: ...

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
    def draw_future(
        rng: np.random.Generator, params: np.ndarray, x: np.ndarray, tenure: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw, for customers alive now, rate, probability to leave after a purchase, and remaining life."""
