"""Models of repeat purchases without a contract, BG/NBD and Pareto/NBD, and of their value, Gamma-Gamma."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import betaln, gammaln, hyp2f1, hyperu, psi
from scipy.stats import pearsonr

from custaudience.customers.clv.fitting import (
    MIN_REPEAT_CUSTOMERS,
    Fitted,
    Objective,
    PurchaseModel,
    Rows,
    distinct_rows,
    maximise,
    nbd_probabilities,
)  # fmt: skip
from custaudience.customers.clv.repeat import value_rows
from custaudience.errors import HistoryError

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
    params_, standard_errors_, covariance_, log_likelihood_, n_customers_, time_unit_, notes_
        ``r``, ``alpha`` (in time units), ``a``, ``b``.
    estimate_, no_dropout_ : MaximumLikelihood
        With ``table(level)`` and how the optimum was found; the NBD on the same data: customers who never leave.
    dropout_identified_ : bool
        The model describes the data better than the NBD (likelihood ratio test, 5 %).

    Notes
    -----
    Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), 275-284.
    Not for contracts, where leaving is seen: `ShiftedBetaGeometric`. No seasons, no campaigns.
    """

    names = ("r", "alpha", "a", "b")
    time_names = ("alpha",)
    title = "BG/NBD"
    shapes = ((1.0, 1.0, 1.0, 2.0), (0.3, 0.15, 0.5, 2.0), (3.0, 3.0, 0.2, 5.0), (0.5, 0.2, 3.0, 3.0))

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
        with np.errstate(over="ignore", invalid="ignore"):
            lost = power * hyp2f1(a + b - 1 - r, a - 1, a + b + xs - 1, z)
            # where everybody leaves at once, a is beyond all bounds: nought times infinity, which the first form is not
            direct = (1 - z) ** (r + xs) * hyp2f1(r + xs, b + xs, a + b + xs - 1, z)
        return (a + b + xs - 1) / (a - 1) * (1 - np.where(np.isfinite(lost), lost, direct))

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
    shapes = ((1.0, 1.0, 1.0, 1.0), (0.5, 0.3, 0.5, 0.3), (2.0, 1.5, 0.5, 2.0), (0.3, 0.2, 2.0, 1.0))

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


class GammaGamma(Fitted):
    """Gamma-Gamma model of the value of a purchase.

    A customer's purchases vary as a gamma distribution (shape ``p``) around a mean of their own; these means
    differ among customers (``q``, ``v``). The fewer purchases a customer has, the more the estimate leans on
    all customers. How much somebody spends must not depend on how often they buy.

    Attributes
    ----------
    params_, standard_errors_, covariance_, log_likelihood_, estimate_, notes_
        ``p``, ``q`` and ``v``; ``v`` in money.
    population_mean_ : float
        Mean value of a purchase over all customers, ``p v / (q - 1)``; stands in for who has no repeat.
    n_customers_, n_zero_spend_ : int
        Repeat customers the fit rests on; and those left out because the model knows no purchase worth nothing.
    correlation_ : float
        Between number and mean value of repeat purchases (Pearson's); NaN when one is constant. A rank
        correlation is not used: means of few skewed values have lower medians, so it is not 0 without a relation.

    Notes
    -----
    Fader and Hardie (2013), "The Gamma-Gamma Model of Monetary Value", brucehardie.com/notes/025. The note
    and the paper of Fader, Hardie and Lee (2005) write gamma where ``v`` stands here.
    """

    names = ("p", "q", "v")

    def fit(self, summary: pd.DataFrame) -> GammaGamma:
        """Fit the model to the repeat customers of a summary, as `summarise_repeat_purchases` gives it.

        Refused with fewer than 10 repeat customers who have spent anything; and if ``q <= 1``: spend is so unequal
        that its mean over customers is infinite.
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
        found = maximise(gamma_gamma_objective, rows, weights, self.names, starts)
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


def gamma_gamma_objective(rows: Rows, weights: np.ndarray) -> Objective:
    """Return minus the log-likelihood of Gamma-Gamma, of ``n_repeat`` and ``mean_repeat_value``."""
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
