"""BG/NBD, Pareto/NBD and Gamma-Gamma from their papers: likelihoods, optima, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1
from statsmodels.tools.numdiff import approx_fprime, approx_hess3

Array = np.ndarray


def bg_nbd(theta: Array, x: Array, last: Array, tenure: Array) -> float:
    """Log-likelihood of Fader, Hardie and Lee (2005), equation 6."""
    r, alpha, a, b = np.exp(theta)
    still = -(r + x) * np.log(alpha + tenure)
    gone = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + last)
    either = np.where(x > 0, np.logaddexp(still, gone), still)
    each = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b) + either
    return float(each.sum())


def _log_a0(r: float, alpha: float, s: float, beta: float, x: Array, last: Array, tenure: Array) -> Array:
    """Logarithm of the difference of two hypergeometric functions of Schmittlein, Morrison and Colombo (1987)."""
    larger, second = (alpha, s + 1) if alpha >= beta else (beta, r + x)
    both = r + s + x

    def log_term(t: Array) -> Array:
        return np.log(hyp2f1(both, second, both + 1, abs(alpha - beta) / (larger + t))) - both * np.log(larger + t)

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        first, then = log_term(last), log_term(tenure)
        found = first + np.log(-np.expm1(np.minimum(then - first, 0)))
    found[last >= tenure] = -np.inf
    lost = ~np.isfinite(found) & (last < tenure)  # the functions overflow where s or beta is very large
    if lost.any():
        u = np.linspace(0, 1, 401)
        weights = np.r_[1, np.tile([4, 2], 199), 4, 1] / 1200  # Simpson's rule on a logarithmic axis
        low, high = np.log(alpha + last[lost]), np.log(alpha + tenure[lost])
        log_y = low[:, None] + np.outer(high - low, u)
        log_f = log_y * (1 - r - x[lost][:, None]) - (s + 1) * np.log(np.exp(log_y) + beta - alpha)
        top = log_f.max(axis=1)
        found[lost] = top + np.log((np.exp(log_f - top[:, None]) @ weights) * (high - low)) + np.log(both[lost])
    return found


def pareto_nbd(theta: Array, x: Array, last: Array, tenure: Array) -> float:
    """Log-likelihood of Schmittlein, Morrison and Colombo (1987), as Fader and Hardie write it."""
    r, alpha, s, beta = np.exp(theta)
    still = -(r + x) * np.log(alpha + tenure) - s * np.log(beta + tenure)
    gone = np.log(s / (r + s + x)) + _log_a0(r, alpha, s, beta, x, last, tenure)
    each = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + np.logaddexp(still, gone)
    return float(each.sum())


def gamma_gamma(theta: Array, x: Array, z: Array) -> float:
    """Log-likelihood of Fader and Hardie (2013), equation 1a."""
    p, q, v = np.exp(theta)
    each = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
    each += (p * x - 1) * np.log(z) + p * x * np.log(x) - (p * x + q) * np.log(x * z + v)
    return float(each.sum())


MODELS = {"BG/NBD": bg_nbd, "Pareto/NBD": pareto_nbd, "Gamma-Gamma": gamma_gamma}


@dataclass(frozen=True)
class Fit:
    """An optimum: logarithms of the parameters, their covariance, the log-likelihood."""

    logs: Array
    covariance: Array
    log_likelihood: float

    @property
    def params(self) -> Array:
        """The parameters."""
        return np.exp(self.logs)

    @property
    def errors(self) -> Array:
        """Standard errors of the parameters."""
        return np.sqrt(np.diag(self.covariance)) * self.params


def fit(title: str, start: Array, *rows: Array) -> Fit:
    """Climb from a start to the optimum, then by Newton's steps until the slope is zero."""
    model = MODELS[title]

    def cost(theta: Array) -> float:
        value = model(theta, *rows)
        return -value if np.isfinite(value) else 1e12

    theta = minimize(cost, np.log(start), method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-7}).x
    for _ in range(4):
        hessian = approx_hess3(theta, cost)
        theta = theta - np.linalg.solve(hessian, approx_fprime(theta, cost, centered=True))
    return Fit(theta, np.linalg.inv(approx_hess3(theta, cost)), -cost(theta))


def alive(params: Array, x: Array, last: Array, tenure: Array) -> Array:
    """Chance to be still a customer under Pareto/NBD."""
    r, alpha, s, beta = params
    odds = np.log(s / (r + s + x)) + (r + x) * np.log(alpha + tenure) + s * np.log(beta + tenure)
    return 1 / (1 + np.exp(np.minimum(odds + _log_a0(r, alpha, s, beta, x, last, tenure), 700)))


def future(params: Array, x: Array, last: Array, tenure: Array, time: float) -> Array:
    """Purchases to expect within a time under Pareto/NBD."""
    r, alpha, s, beta = params
    while_alive = (r + x) * (beta + tenure) / ((alpha + tenure) * (s - 1))
    while_alive = while_alive * (1 - ((beta + tenure) / (beta + tenure + time)) ** (s - 1))
    return while_alive * alive(params, x, last, tenure)


def discounted(params: Array, x: Array, last: Array, tenure: Array, weeks: int, rate: float) -> Array:
    """The same with each purchase discounted to today from the end of its week."""
    so_far = np.array([future(params, x, last, tenure, float(t)) for t in range(weeks + 1)])
    return (np.diff(so_far, axis=0) * np.exp(-rate * np.arange(1, weeks + 1))[:, None]).sum(axis=0)


def spend(params: Array, x: Array, z: Array) -> Array:
    """Value to expect of a purchase under Gamma-Gamma."""
    p, q, v = params
    return p * (v + x * z) / (p * x + q - 1)


def log_slopes(function: Any, logs: Array) -> Array:
    """Slope of the logarithm of a positive figure in each log-parameter."""
    return np.asarray(approx_fprime(logs, lambda theta: np.log(function(np.exp(theta))), centered=True))


def simulate(
    rng: np.random.Generator, params: Array, gg: Array | None, rows: tuple[Array, ...], weeks: float, rate: float
) -> tuple[Array, Array]:
    """Let each customer live through the time ahead once; return purchases and their discounted value."""
    r, alpha, s, beta = params
    x, last, tenure, z = rows
    buying = rng.gamma(r + x, 1 / (alpha + tenure))
    life = rng.exponential(1 / rng.gamma(s, 1 / (beta + tenure)))
    life = np.where(rng.random(len(x)) < alive(params, x, last, tenure), life, 0.0)
    until = np.minimum(life, weeks)
    n = rng.poisson(buying * until)
    who = np.repeat(np.arange(len(x)), n)
    when = np.minimum(np.ceil(rng.random(len(who)) * until[who]), weeks)
    amount = np.ones(len(who))
    if gg is not None:
        p, q, v = gg
        nu = rng.gamma(p * x + q, 1 / (v + x * z))
        amount = rng.gamma(p, 1 / nu[who])
    return n, np.bincount(who, amount * np.exp(-rate * when), len(x))
