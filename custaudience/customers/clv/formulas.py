"""The short formulas that are all called lifetime value, each under its own name, and what they are fed from.

Beside them the model of contracts, where customers are seen to leave and differ in how likely they do.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import ArrayLike
from scipy.special import betaln, hyp2f1, psi

from custaudience.customers.clv.fitting import Fitted, Objective, Rows, distinct_rows, maximise
from custaudience.customers.clv.repeat import DAYS_PER_UNIT
from custaudience.customers.ground import collect_customers, orders_until
from custaudience.errors import DataError, EmptyTableError, HistoryError
from custaudience.evidence import Terms

LONGEST, SHORTEST = 365, 28  # days of a window
N_RESAMPLES = 500


@dataclass(frozen=True)
class Outlook:
    """What a value to come is stated for.

    Parameters
    ----------
    horizon : float
        Time ahead, in the time unit of the model.
    yearly_discount_rate : float, above -1
        0.15 = 15 % a year, whatever the time unit. A purchase counts as paid at the end of its time unit.
    margin : float
        Share of revenue that is earned; 1 leaves revenue. May be negative.
    n_draws : int
        Simulated futures of each customer for the predictive interval; 0 leaves it NaN. Takes tens of seconds for
        50,000 customers at 400 draws.
    """

    horizon: float
    yearly_discount_rate: float = 0.1
    margin: float = 1.0
    n_draws: int = 400


@dataclass(frozen=True)
class FormulaValue:
    """The result of a formula, in the money of its `inputs`; `name` says what it is, `notes` what it is not."""

    value: float
    name: str
    inputs: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def average_revenue_per_buyer(revenue: float, n_buyers: int) -> FormulaValue:
    """Divide a period's revenue, in major units, by its buyers, each counted once. This is **not** lifetime value.

    Examples
    --------
    >>> average_revenue_per_buyer(1_000_000, 200).value
    5000.0
    """
    if n_buyers < 1:
        raise ValueError(f"n_buyers: expected 1 or more, got {n_buyers}; without buyers there is no average")
    notes = (
        "This is not lifetime value, though often called so: it knows nothing of how long customers stay.",
        "A longer period gives a larger number from the same customers. Compare equal periods only.",
        "Revenue, not profit; and a mean, which a few large buyers can make.",
    )
    inputs = {"revenue": revenue, "n_buyers": n_buyers}
    return FormulaValue(revenue / n_buyers, "average revenue per buyer in the period", inputs, notes)


def simple_clv(average_sale: float, sales_per_month: float, months_retained: float) -> FormulaValue:
    """Multiply average sale, sales per month and months retained: revenue over a relation, undiscounted.

    `average_sale` is in major units, `sales_per_month` to one customer while retained.

    Examples
    --------
    >>> simple_clv(1500, 2, 18).value
    54000.0
    """
    inputs = {"average_sale": average_sale, "sales_per_month": sales_per_month, "months_retained": months_retained}
    for name in ("sales_per_month", "months_retained"):
        if not inputs[name] >= 0:
            raise ValueError(f"{name}: expected 0 or more, got {inputs[name]}")
    notes = (
        "No margin: this is revenue, not what is earned.",
        "No discount: money of later years counts as money of today.",
        "Months retained must not be the mean over customers who have left: those still there stay longer. "
        "Take it from a survival curve, and say how far that curve reaches.",
        "A product of three means is the mean of the product only if they are unrelated among customers.",
    )
    value = float(average_sale * sales_per_month * months_retained)
    return FormulaValue(value, "revenue of an average relation", inputs, notes)


def margin_clv(
    margin: float, retention_rate: float, discount_rate: float, *, first_margin_at: Literal[0, 1] = 1
) -> FormulaValue:
    """Discount a constant margin that is retained at a constant rate, for ever.

    Parameters
    ----------
    margin : float
        Earned per period from a customer who is there, in major units; may be negative.
    retention_rate : float, 0 to 1
        Share of customers who stay from one period to the next.
    discount_rate : float, above -1
        Per period, the same as of the retention rate: 0.10 = 10 %.
    first_margin_at : {1, 0}
        1: the first margin comes after one period, if the customer stays: ``m r / (1 + i - r)``. 0: it comes
        now and for sure: ``m (1 + i) / (1 + i - r)``.

    Notes
    -----
    Margin multiple of Gupta and Lehmann (2003), Journal of Interactive Marketing 17(1). If customers differ,
    those who stay are the loyal ones and the rate rises with age: a constant rate misvalues both new and old
    customers (Fader and Hardie 2010, Marketing Science 29(1)); see `ShiftedBetaGeometric`.

    Examples
    --------
    >>> round(margin_clv(100, 0.8, 0.10).value, 2)
    266.67
    """
    if not 0 <= retention_rate <= 1:
        raise ValueError(f"retention_rate: expected a fraction from 0 to 1, got {retention_rate}")
    if not discount_rate > -1 or first_margin_at not in (0, 1):
        raise ValueError(
            f"discount_rate: expected a number above -1, got {discount_rate}; "
            f"first_margin_at: expected 0 or 1, got {first_margin_at}"
        )
    left = 1 + discount_rate - retention_rate
    if left <= 0:
        raise ValueError("the sum is infinite: everybody stays and nothing is discounted. Lower retention_rate.")
    notes = [
        "A contract or subscription is meant: who leaves is seen to leave. For shops see BgNbd.",
        "Retention is taken as the same for all and for ever; if customers differ, this is not their mean value.",
        "The cost of winning the customer is not subtracted.",
    ]
    if margin < 0:
        notes.append("The margin is negative: every further period loses money.")
    value = margin * (retention_rate if first_margin_at else 1 + discount_rate) / left
    inputs = {"margin": margin, "retention_rate": retention_rate, "discount_rate": discount_rate}
    inputs |= {"first_margin_at": first_margin_at}
    return FormulaValue(value, "discounted margin of a relation", inputs, tuple(notes))


@dataclass(frozen=True)
class SimpleValues:
    """What the short formulas say, and from what.

    ``table``, one row per formula that can be computed: ``formula`` ("average", "simple", "margin"), ``value`` and
    ``low``, ``high`` in major units; the interval resamples customers and says nothing about whether the formula fits.
    ``formulas`` are the same with inputs and notes. The later window of ``days`` begins on ``since`` and ends at
    ``as_of``; ``n_buyers``, ``revenue`` and ``median_revenue`` are of it, refunds taken off, also those
    of who bought nothing in it. ``n_before`` ordered in the window before, ``n_retained`` of them in the later one too.
    ``months_watched``: how long the data are; ``months_retained``: how long the constant retention would have a
    customer stay, infinite when everybody stayed.
    """

    table: pd.DataFrame
    formulas: tuple[FormulaValue, ...]
    since: dt.date
    days: int
    n_buyers: int
    revenue: float
    median_revenue: float
    n_before: int
    n_retained: int
    months_watched: float
    months_retained: float
    as_of: dt.date


def simple_values(orders: IntoFrame, first_day: dt.date, outlook: Outlook, terms: Terms) -> SimpleValues | None:
    """Compute the short formulas from the last two windows of a year, or of half the data where that is shorter.

    None when nobody bought in the later window. Retention is the share of the earlier window's buyers who bought in
    the later one; months retained are those of a customer who stays from window to window with that chance. With
    fewer buyers than ``terms.least`` there is no formula; windows under four weeks, or with fewer who bought in both,
    leave the average only.
    """
    span = (terms.as_of - first_day).days + 1
    days = max(1, min(LONGEST, span // 2))
    since = terms.as_of - dt.timedelta(days=days - 1)
    try:
        table = _per_customer(orders, terms.as_of, since - dt.timedelta(days=days), since)
    except EmptyTableError:  # nobody bought in either window
        return None
    n_orders, minor, before = (table[name].to_numpy().astype("int64") for name in ("n_orders", "minor", "before"))
    bought, was = n_orders > 0, before > 0
    if not bought.any():
        return None
    columns = np.stack([minor, n_orders, bought, was, was & bought], axis=1).astype("float64")
    scale, months, margin = 10**terms.minor_digits, days / DAYS_PER_UNIT["M"], outlook.margin
    per_window = (1 + outlook.yearly_discount_rate) ** (days / DAYS_PER_UNIT["Y"]) - 1
    revenue, n, n_buyers, n_before, n_retained = columns.sum(axis=0)
    draws = _resample(columns, terms.seed)
    found: list[tuple[str, FormulaValue, np.ndarray]] = []
    each, each_drawn = revenue / scale / n_buyers, draws[:, 0] / scale / draws[:, 2]
    if n_buyers >= terms.least:
        found.append(("average", average_revenue_per_buyer(float(revenue / scale), int(n_buyers)), each_drawn))
    stayed = float("inf")
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = draws[:, 4] / draws[:, 3]
    # where everybody stayed in many of the draws, how long a customer stays has no upper limit
    bounded = (kept == 1).mean() < 1 - terms.ends[1] - 1 / N_RESAMPLES
    if days >= SHORTEST and n_retained >= terms.least and n_retained < n_before and bounded:
        retention = n_retained / n_before
        stayed = float(months / (1 - retention))
        simple = simple_clv(float(revenue / scale / n), float(n / n_buyers / months), stayed)
        discounted = margin_clv(float(margin * each), float(retention), float(per_window))
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(("simple", simple, each_drawn / (1 - kept)))
            found.append(("margin", discounted, margin * each_drawn * kept / (1 + per_window - kept)))
    rows = [(name, formula.value, *map(float, np.nanquantile(drawn, terms.ends))) for name, formula, drawn in found]
    return SimpleValues(
        table=pd.DataFrame(rows, columns=["formula", "value", "low", "high"]),
        formulas=tuple(formula for _, formula, _ in found),
        since=since, days=days, n_buyers=int(n_buyers), revenue=float(revenue / scale),
        median_revenue=float(np.median(minor[bought]) / scale), n_before=int(n_before), n_retained=int(n_retained),
        months_watched=span / DAYS_PER_UNIT["M"], months_retained=stayed, as_of=terms.as_of,
    )  # fmt: skip


def _per_customer(orders: IntoFrame, as_of: dt.date, begin: dt.date, since: dt.date) -> pd.DataFrame:
    """Return orders and net revenue of the later window, and orders of the one before, per customer."""
    kept = orders_until(orders, as_of, "revenue_minor", "is_order")
    is_date = kept.collect_schema()["ordered_on"] == nw.Date
    first, split = (day if is_date else dt.datetime.combine(day, dt.time()) for day in (begin, since))
    names, whole, zero = ["n_orders", "before", "minor"], nw.Int64, nw.lit(0).cast(nw.Int64)
    late, count = nw.col("ordered_on") >= split, nw.col("is_order").cast(whole)
    reduced = (
        kept.filter(nw.col("ordered_on") >= first)
        .with_columns(
            n_orders=nw.when(late).then(count).otherwise(zero),
            before=nw.when(~late).then(count).otherwise(zero),
            minor=nw.when(late).then(nw.col("revenue_minor")).otherwise(zero),
        )
        .group_by("customer_id")
        .agg(nw.col(*names).sum())
        .with_columns(nw.col(*names).cast(whole))
    )
    return collect_customers(reduced, as_of).sort_by("customer_id").select(names).to_pandas()


def _resample(columns: np.ndarray, seed: int) -> np.ndarray:
    """Return the sums of columns over customers drawn with replacement; draws without buyers are left out."""
    rng, n = np.random.default_rng(seed), len(columns)
    sums = np.array([np.bincount(rng.integers(0, n, n), minlength=n) @ columns for _ in range(N_RESAMPLES)])
    whole = (sums[:, 2] > 0) & ((sums[:, 3] > 0) | (columns[:, 3].sum() == 0))
    return sums[whole] if whole.any() else columns.sum(axis=0, keepdims=True)


class ShiftedBetaGeometric(Fitted):
    """Shifted beta-geometric model of retention where leaving is seen: contracts, subscriptions.

    At each renewal a customer leaves with a probability of their own; these differ as a beta distribution
    (``alpha``, ``beta``). The retention rate of a cohort rises with age because the loyal ones are left, though
    nobody becomes more loyal.

    Attributes
    ----------
    params_, standard_errors_, covariance_, log_likelihood_, estimate_, notes_
        ``alpha``, ``beta``.
    n_customers_, n_periods_ : int
        ``n_periods_`` is the longest time watched; what is said beyond it is the model's.

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
        """Fit the model to customers left at age 0, 1, 2, … periods, of shape (n_ages,) or (n_cohorts, n_ages).

        Counts never rise. NaN, at the end of a row only = not yet observed.
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
        final = seen.sum(axis=1) - 1  # the last age that is observed
        staying = np.bincount(final, table[np.arange(len(table)), final], table.shape[1])[1:]
        if not left.sum():
            raise HistoryError("shifted beta-geometric: nobody has left yet, so nothing tells how long they stay.")
        died, time = np.repeat([1.0, 0.0], len(ages)), np.tile(ages, 2).astype("float64")
        weight = np.concatenate([left, staying])
        rows, _, index = distinct_rows(time[weight > 0], died[weight > 0])
        weights = np.bincount(index, weight[weight > 0])
        starts = [(1.0, 1.0), (0.3, 2.0), (3.0, 3.0), (1.0, 10.0)]
        self.estimate_ = maximise(_contract_objective, rows, weights, self.names, starts)
        self.n_customers_, self.n_periods_ = int(table[:, 0].sum()), int(time[weight > 0].max())
        missing = self.estimate_.unidentified()
        why = "Customers look alike, or two ages or more are needed: a constant retention rate says the same."
        self.notes_ = (f"Not identified by these data: {', '.join(missing)}. {why}",) if missing else ()
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
        """Return the renewals still to come of a customer who has made `age` of them, discounted per period.

        The next renewal is one period away and is discounted once. Multiplied by the margin of a period: the residual
        lifetime value. Fader and Hardie (2010), Marketing Science 29(1), 85-93.
        """
        if not discount_rate > 0 or age < 0:
            raise ValueError(f"expected a discount_rate above 0 and an age of 0 or more, got {discount_rate} and {age}")
        alpha, beta = self.estimate_.values
        share = 1 / (1 + discount_rate)
        first = share * (beta + age) / (alpha + beta + age)
        return float(first * hyp2f1(1, beta + age + 1, alpha + beta + age + 1, share))


def _contract_objective(rows: Rows, weights: np.ndarray) -> Objective:
    time, died = rows
    w_left, w_stay = weights * died, weights * (1 - died)

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        alpha, beta = np.exp(theta)
        left = betaln(alpha + 1, beta + time - 1)
        stay = betaln(alpha, beta + time)
        value = w_left @ left + w_stay @ stay - weights.sum() * betaln(alpha, beta)
        whole = psi(alpha + beta + time)
        both, n = weights.sum() * psi(alpha + beta), weights.sum()
        by_alpha = w_left @ (psi(alpha + 1) - whole) + w_stay @ (psi(alpha) - whole) + both - n * psi(alpha)
        by_beta = w_left @ (psi(beta + time - 1) - whole) + w_stay @ (psi(beta + time) - whole) + both - n * psi(beta)
        return -float(value), -np.array([by_alpha * alpha, by_beta * beta])

    return objective
