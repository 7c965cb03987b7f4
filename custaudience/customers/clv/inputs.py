"""The short formulas of customer value, fed from orders: two equal windows of time, one after the other."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.clv.formulas import FormulaValue, average_revenue_per_buyer, margin_clv, simple_clv
from custaudience.customers.clv.repeat import DAYS_PER_UNIT
from custaudience.customers.ground import collect_customers, orders_until

LONGEST = 365
SHORTEST = 28


@dataclass(frozen=True)
class SimpleValues:
    """What the short formulas say, and from what.

    Attributes
    ----------
    table : DataFrame, one row per formula that can be computed
        ``formula`` ("average", "simple", "margin"), ``value``, ``low``, ``high`` (major units; the interval by
        resampling customers says nothing about whether the formula fits).
    formulas : tuple of FormulaValue
        The same, with inputs and notes.
    since : date
        First day of the later window; it ends at `as_of`.
    days : int
        Length of a window.
    n_buyers, n_orders, revenue, median_revenue
        Of the later window; revenue is net of refunds, also of those who bought nothing in it.
    n_before, n_retained : int
        Who ordered in the window before, and of them in the later one too.
    months_watched, months_retained : float
        How long the data are, and how long the constant retention would have a customer stay; infinite when
        everybody stayed.
    as_of : date
    level : float
    """

    table: pd.DataFrame
    formulas: tuple[FormulaValue, ...]
    since: dt.date
    days: int
    n_buyers: int
    n_orders: int
    revenue: float
    median_revenue: float
    n_before: int
    n_retained: int
    months_watched: float
    months_retained: float
    as_of: dt.date
    level: float


def simple_values(
    orders: IntoFrame,
    *,
    as_of: dt.date,
    first_day: dt.date,
    margin: float = 1.0,
    yearly_discount_rate: float = 0.1,
    level: float = 0.95,
    n_resamples: int = 500,
    seed: int = 0,
    minor_digits: int = 2,
    min_group_size: int = 10,
) -> SimpleValues | None:
    """Compute the short formulas from the last two windows of a year, or of half the data where that is shorter.

    Parameters
    ----------
    orders : any frame Narwhals reads, one row per order
        As `orders_of` gives them.
    as_of, first_day : date
        Last and first day of the data that count.
    margin : float
        Share of revenue that is earned.
    yearly_discount_rate : float, above -1
    level, n_resamples, seed
        Of the bootstrap intervals (percentiles, over customers).
    minor_digits : int
    min_group_size : int
        With fewer buyers there is no formula; with fewer of them in either window, none of those with retention.

    Returns
    -------
    SimpleValues, or None when nobody bought in the later window.

    Raises
    ------
    EmptyTableError
        If there is no order line in both windows.

    Notes
    -----
    Retention is the share of the earlier window's buyers who bought in the later one; months retained are those
    of a customer who stays from window to window with that chance. Windows under four weeks, or with few who
    bought in both, leave the average only.
    """
    span = (as_of - first_day).days + 1
    days = max(1, min(LONGEST, span // 2))
    since = as_of - dt.timedelta(days=days - 1)
    table = _per_customer(orders, as_of, since - dt.timedelta(days=days), since)
    n_orders, minor, before = (table[name].to_numpy().astype("int64") for name in ("n_orders", "minor", "before"))
    bought, was = n_orders > 0, before > 0
    if not bought.any():
        return None
    columns = np.stack([minor, n_orders, bought, was, was & bought], axis=1).astype("float64")
    scale, months = 10**minor_digits, days / DAYS_PER_UNIT["M"]
    per_window = (1 + yearly_discount_rate) ** (days / DAYS_PER_UNIT["Y"]) - 1
    sums = columns.sum(axis=0)
    usable = days >= SHORTEST and sums[4] >= min_group_size
    draws = _resample(columns, n_resamples, seed)
    revenue, n, n_buyers, n_before, n_retained = sums
    formulas = [average_revenue_per_buyer(float(revenue / scale), int(n_buyers))]
    names, drawn = ["average"], [draws[:, 0] / scale / draws[:, 2]]
    if n_buyers < min_group_size:
        formulas, names, drawn = [], [], []
    retention, each = (n_retained / n_before, revenue / scale / n_buyers) if usable else (np.nan, np.nan)
    if usable and retention < 1:
        formulas.append(
            simple_clv(float(revenue / scale / n), float(n / n_buyers / months), float(months / (1 - retention)))
        )
        formulas.append(margin_clv(float(margin * each), float(retention), float(per_window)))
        kept = draws[:, 4] / draws[:, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn.append(drawn[0] / (1 - kept))
            drawn.append(margin * drawn[0] * kept / (1 + per_window - kept))
        names += ["simple", "margin"]
    ends = [np.nanquantile(d, [(1 - level) / 2, (1 + level) / 2]) for d in drawn]
    return SimpleValues(
        table=pd.DataFrame(
            {
                "formula": names,
                "value": [f.value for f in formulas],
                "low": [float(e[0]) for e in ends],
                "high": [float(e[1]) for e in ends],
            }
        ),
        formulas=tuple(formulas),
        since=since,
        days=days,
        n_buyers=int(n_buyers),
        n_orders=int(n),
        revenue=float(revenue / scale),
        median_revenue=float(np.median(minor[bought]) / scale),
        n_before=int(n_before),
        n_retained=int(n_retained),
        months_watched=span / DAYS_PER_UNIT["M"],
        months_retained=float(months / (1 - retention)) if usable and retention < 1 else float("inf"),
        as_of=as_of,
        level=level,
    )


def _per_customer(orders: IntoFrame, as_of: dt.date, begin: dt.date, since: dt.date) -> pd.DataFrame:
    """Return orders and net revenue of the later window, and orders of the one before, per customer."""
    kept = orders_until(orders, as_of, "revenue_minor", "is_order")
    is_date = kept.collect_schema()["ordered_on"] == nw.Date
    first, split = (day if is_date else dt.datetime.combine(day, dt.time()) for day in (begin, since))
    whole, zero = nw.Int64, nw.lit(0)
    late, count = nw.col("ordered_on") >= split, nw.col("is_order").cast(nw.Int64)
    reduced = (
        kept.filter(nw.col("ordered_on") >= first)
        .with_columns(
            n_orders=nw.when(late).then(count).otherwise(zero.cast(whole)),
            before=nw.when(~late).then(count).otherwise(zero.cast(whole)),
            minor=nw.when(late).then(nw.col("revenue_minor")).otherwise(zero.cast(whole)),
        )
        .group_by("customer_id")
        .agg(nw.col("n_orders", "before", "minor").sum())
        .with_columns(nw.col("n_orders", "before", "minor").cast(whole))
    )
    return collect_customers(reduced, as_of).sort_by("customer_id").select(["n_orders", "before", "minor"]).to_pandas()


def _resample(columns: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    """Return the sums of columns over customers drawn with replacement; draws without buyers are left out."""
    rng, n = np.random.default_rng(seed), len(columns)
    sums = np.array([np.bincount(rng.integers(0, n, n), minlength=n) @ columns for _ in range(n_resamples)])
    whole = (sums[:, 2] > 0) & ((sums[:, 3] > 0) | (columns[:, 3].sum() == 0))
    return sums[whole] if whole.any() else columns.sum(axis=0, keepdims=True)
