"""Cohorts of new customers over time: who still orders, who orders in a period, who orders a second time."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.ground import orders_until
from custaudience.customers.history import FirstOrders, Period, refuse_cut_off
from custaudience.customers.rhythm import order_days, pool_gaps, pooled_quantile
from custaudience.errors import EmptyTableError
from custaudience.evidence import Terms
from custaudience.stats.intervals import share_interval

_DAYS = {"W": 7, "M": 30, "Q": 91}
_WEEKS = 102_736  # from year 1 on to where pandas begins to number them
_NEVER = 10**9


def cohort_table(
    orders: IntoFrame, *, as_of: dt.date, period: Period = "M",
    first_orders: FirstOrders = "unknown", minor_digits: int = 2,
) -> pd.DataFrame:  # fmt: skip
    """Count each acquisition cohort's customers, orders and revenue by age.

    Parameters
    ----------
    orders : any frame Narwhals reads, one row per order
        As `orders_of` gives them.
    as_of : date
        Last day that counts, inclusive; it must not lie beyond the data, else silence is made up.
    period : {"W", "M", "Q"}
        Calendar length of a cohort and of a step; weeks begin on Monday (ISO 8601).
    first_orders : {"observed", "cut off", "unknown"}
        Whether the data hold everybody's first order. "cut off" is refused; "unknown" is looked at by
        `check_first_orders` and refused if it looks cut off, else ``attrs["history"]`` of the result says what
        was found.
    minor_digits : int

    Returns
    -------
    DataFrame, one row per cohort and age up to `as_of`
        ``cohort``: first day of the period of the first order that counts; ``age`` in periods, 0 = that same
        period; ``cohort_size``; ``n_customers`` who order at that age (0 is a true 0); ``n_orders``;
        ``revenue``: net, refunds in the period in which they were paid (a refund dated before the first order
        counts at age 0); ``is_complete``: the period has ended by `as_of`. Who has no order that counts is in none.

    Raises
    ------
    EmptyTableError, HistoryError
        If no order counts by `as_of`, or the history is cut off on the left.
    """
    last = _step(as_of, period)
    history = refuse_cut_off(first_orders, orders, as_of)
    table = _cohort_sums(orders, as_of, period)
    sizes = table[table["age"] == 0].set_index("cohort")["n_customers"]
    grid = [(cohort, age) for cohort in sizes.index for age in range(last - cohort + 1)]
    index = pd.MultiIndex.from_tuples(grid, names=["cohort", "age"])
    full = table.set_index(["cohort", "age"]).reindex(index, fill_value=0).reset_index()
    steps = full["cohort"] + full["age"]
    result = full[["cohort", "age", "n_customers", "n_orders"]].assign(revenue=full["revenue_minor"] / 10**minor_digits)
    result.insert(2, "cohort_size", full["cohort"].map(sizes))
    result["cohort"] = pd.PeriodIndex.from_ordinals(full["cohort"], freq=period).start_time
    result["is_complete"] = (steps < last) | _ends_period(as_of, period)
    result.attrs.update(history)
    return result


def _cohort_sums(orders: IntoFrame, as_of: dt.date, period: str) -> pd.DataFrame:
    """Reduce orders to (cohort, age) in one chain; periods are whole numbers, so every engine agrees."""
    reduced = (
        orders_until(orders, as_of, "revenue_minor", "is_order")
        .with_columns(step=_step_expression(period), n_orders=nw.col("is_order").cast(nw.Int64))
        .group_by("customer_id", "step")
        .agg(nw.col("n_orders").sum(), nw.col("revenue_minor").sum())
        .with_columns(counted=nw.when(nw.col("n_orders") > 0).then(nw.col("step")).otherwise(nw.lit(_NEVER)))
        .with_columns(cohort=nw.col("counted").min().over("customer_id"))
        .filter(nw.col("cohort") < _NEVER)
        .with_columns(age=nw.col("step") - nw.col("cohort"))
        .with_columns(n_customers=(nw.col("n_orders") > 0).cast(nw.Int64))
        .with_columns(age=nw.when(nw.col("age") < 0).then(nw.lit(0)).otherwise(nw.col("age")))
        .group_by("cohort", "age")
        .agg(nw.col("n_customers").sum(), nw.col("n_orders").sum(), nw.col("revenue_minor").sum())
        .with_columns(nw.all().cast(nw.Int64))
    )
    return _collect_periods(reduced, as_of).sort_values(["cohort", "age"], ignore_index=True)


def retention_cells(
    orders: IntoFrame, terms: Terms, *, period: Period = "M",
    definition: Literal["survival", "activity"] = "survival", follow_up: int | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Give every observed cell of `retention_table` ("survival") or `activity_table` with its base and interval.

    One row per observed cohort and age: ``cohort``, ``age``, ``cohort_size``, ``n_customers`` (of them, those counted),
    ``share``, ``low``, ``high`` (fractions; Wilson). Age 0 is 1 by definition. What is not observed yet has no row; an
    incomplete last period is dropped. Arguments, and what is refused, are those of `retention_table`.
    """
    if definition not in ("survival", "activity"):
        raise ValueError(f"definition: expected 'survival' or 'activity', got {definition!r}")
    if follow_up is not None and follow_up < 0:
        raise ValueError(f"follow_up: expected 0 or more periods, got {follow_up}")
    end = terms.as_of
    if not _ends_period(end, period):
        end = (pd.Period(end, period) - 1).end_time.date()
    history = refuse_cut_off(terms.first_orders, orders, terms.as_of)
    last = _step(end, period)
    if definition == "activity":
        table, wait = _cohort_sums(orders, end, period), 0
        counted = table.set_index(["cohort", "age"])["n_customers"]
        sizes = counted.xs(0, level="age")
    else:
        counted, sizes = _still_ordering(orders, end, period)
        wait = _usual_wait(orders, end, period, last) if follow_up is None else follow_up
    grid = [(cohort, age) for cohort in sizes.index for age in range(max(0, last - cohort - wait) + 1)]
    index = pd.MultiIndex.from_tuples(grid, names=["cohort", "age"])
    cells = counted.reindex(index, fill_value=0).rename("n_customers").reset_index()
    cells.insert(2, "cohort_size", cells["cohort"].map(sizes))
    cells["cohort"] = pd.PeriodIndex.from_ordinals(cells["cohort"], freq=period).start_time
    cells["share"] = cells["n_customers"] / cells["cohort_size"]
    counts = cells[["n_customers", "cohort_size"]].itertuples(index=False)
    limits = [share_interval(n, size, terms.level)[1:] for n, size in counts]
    cells[["low", "high"]] = np.where(cells[["age"]] == 0, 1.0, limits)  # 1 by definition
    cells.attrs.update(history)
    return cells


def retention_table(
    orders: IntoFrame, *, as_of: dt.date, period: Period = "M",
    follow_up: int | None = None, first_orders: FirstOrders = "unknown",
) -> pd.DataFrame:  # fmt: skip
    """Share of each acquisition cohort that still orders, by periods since its first order ("survival").

    Other arguments are those of `cohort_table`; an incomplete last period is dropped.

    Parameters
    ----------
    follow_up : int, optional
        Complete periods that must have been observed after the cell's own. By default so many that 95 % of pooled
        gaps between orders would have ended in them.

    Returns
    -------
    DataFrame of shape (n_cohorts, n_steps), index ``cohort`` (first day of the period), columns ``age``
        Fractions in [0, 1] who have an order at that age or later; column 0 is 1.0; rows never rise;
        NaN = not yet observed, never 0.

    Raises
    ------
    EmptyTableError, HistoryError
        If no period with an order is complete by `as_of`, or the history is cut off on the left.

    Notes
    -----
    "At that age or later" needs a later: who has not come back yet may still do so. A cell is shown once
    `follow_up` more complete periods were seen, and even then it is a lower bound that later data can only
    raise. Older cohorts have been watched longer, which flatters them a little; to compare cohorts, take
    `activity_table`, or `compare_survival` on `time_to_second_order`.
    """
    return _wide(retention_cells(orders, Terms(as_of, first_orders=first_orders), period=period, follow_up=follow_up))


def activity_table(
    orders: IntoFrame, *, as_of: dt.date, period: Period = "M", first_orders: FirstOrders = "unknown"
) -> pd.DataFrame:
    """Share of each acquisition cohort that orders in a period, by periods since its first order.

    Arguments and shape are those of `retention_table`. Rows may rise again; NaN = the period is not over, never 0.
    Exact and final: later data do not change a cell. Calendar months have 28 to 31 days, and a customer of 31 January
    is at age 1 on 1 February.
    """
    terms = Terms(as_of, first_orders=first_orders)
    return _wide(retention_cells(orders, terms, period=period, definition="activity"))


def _wide(cells: pd.DataFrame) -> pd.DataFrame:
    table = cells.pivot(index="cohort", columns="age", values="share")
    table.attrs.update(cells.attrs)
    return table


def _still_ordering(orders: IntoFrame, end: dt.date, period: str) -> tuple[pd.Series, pd.Series]:
    """Return how many of a cohort order at an age or later, by (cohort, age), and the cohort sizes."""
    reduced = (
        orders_until(orders, end, "is_order")
        .filter(nw.col("is_order"))
        .with_columns(step=_step_expression(period))
        .group_by("customer_id")
        .agg(nw.col("step").min().alias("cohort"), nw.col("step").max().alias("last"))
        .group_by("cohort", "last")
        .agg(nw.len().alias("n"))
        .with_columns(nw.all().cast(nw.Int64))
    )
    table = _collect_periods(reduced, end)
    table["age"] = table["last"] - table["cohort"]
    wide = table.pivot(index="cohort", columns="age", values="n").fillna(0)
    wide = wide.reindex(columns=range(int(table["age"].max()) + 1), fill_value=0)
    at_or_after = wide.iloc[:, ::-1].cumsum(axis=1).reset_index().melt("cohort", value_name="n_customers")
    counted = at_or_after.astype("int64").set_index(["cohort", "age"])["n_customers"]
    return counted, table.groupby("cohort")["n"].sum()


def _usual_wait(orders: IntoFrame, end: dt.date, period: str, last: int) -> int:
    """Return in how many periods 95 % of pooled gaps end; all there are when nobody has come back."""
    gap = pooled_quantile(pool_gaps(*order_days(orders, as_of=end).gaps()), 0.95)
    return last if gap is None else math.ceil(gap / _DAYS[period])


def _collect_periods(lazy: nw.LazyFrame[Any], end: dt.date) -> pd.DataFrame:
    # Arrow carries the caller's pandas types along; results have one type, whatever the engine
    table: pd.DataFrame = lazy.collect(backend="pyarrow").to_native().to_pandas(ignore_metadata=True)
    if table.empty:
        raise EmptyTableError(f"no order that counts in the periods up to {end}. Choose a later as_of.")
    return table


def _step_expression(period: str) -> nw.Expr:
    """Return an expression that numbers weeks, months or quarters as pandas does."""
    day = nw.col("ordered_on").dt
    year = day.year().cast(nw.Int64)
    if period == "M":
        return (year - 1970) * 12 + day.month() - 1
    if period == "Q":
        return (year - 1970) * 4 + (day.month() - 1) // 3
    past = year - 1
    ordinal = past * 365 + past // 4 - past // 100 + past // 400 + day.ordinal_day()
    return (ordinal - 1) // 7 - _WEEKS  # day 1 of year 1 was a Monday


def _step(day: dt.date, period: str) -> int:
    """Return the number of a day's period, as `_step_expression` does."""
    if period not in _DAYS:
        raise ValueError(f"period: expected 'W', 'M' or 'Q', got {period!r}")
    return int(pd.Period(day, period).ordinal)


def _ends_period(day: dt.date, period: str) -> bool:
    return _step(day, period) != _step(day + dt.timedelta(days=1), period)


def time_to_second_order(orders: IntoFrame, *, as_of: dt.date, first_orders: FirstOrders = "unknown") -> pd.DataFrame:
    """Days from each customer's first order to the second, or to `as_of` for those still to come back.

    One row per customer with an order that counts, sorted by ``customer_id``: ``first_order_on``, ``days``,
    ``ordered_again``: False = not by `as_of` (censored, not "never"). For `survival_table` and `compare_survival`.
    Orders of one day are one; a history cut off on the left is refused as in `cohort_table`.
    """
    history = refuse_cut_off(first_orders, orders, as_of)
    days = order_days(orders, as_of=as_of)
    first, last = days.first_and_last()
    start = np.flatnonzero(np.diff(days.customer, prepend=-1))
    again = first < last
    second = days.day[np.where(again, start + 1, start)]
    until = np.where(again, second, np.datetime64(as_of, "D").astype("int64"))
    result = pd.DataFrame({"customer_id": days.ids.astype("str"), "days": until - first, "ordered_again": again})
    result.insert(1, "first_order_on", first.astype("datetime64[D]").astype("datetime64[us]"))
    result.attrs.update(history)
    return result
