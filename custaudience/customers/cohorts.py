"""Cohorts of new customers over time, and time to an event where not everybody has had it yet."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import ArrayLike

from custaudience.customers.rfm import orders_until
from custaudience.customers.rhythm import OrderDays, order_days, pool_gaps, pooled_quantile
from custaudience.errors import EmptyTableError, HistoryError

Period = Literal["W", "M", "Q"]
FirstOrders = Literal["observed", "cut off", "unknown"]
_DAYS = {"W": 7, "M": 30, "Q": 91}
_NEVER = 10**9


@dataclass(frozen=True)
class HistoryCheck:
    """Whether first orders in the data look like first orders at all.

    Attributes
    ----------
    verdict : {"no sign of a cut", "cut off", "cannot tell"}
    window_days : int or None
        Length of the first window: 95 % of pooled gaps are no longer, so nearly everybody who was a
        customer before the data began shows up in it.
    share_in_window : float
        Share of all customers whose first order lies in the window; NaN without a window.
    times_later_rate : float
        New customers per day in the window, as a multiple of the rate after it; infinite when nobody came
        later.
    n_customers : int
    message : str
        The finding in English.
    """

    verdict: str
    window_days: int | None
    share_in_window: float
    times_later_rate: float
    n_customers: int
    message: str


def check_first_orders(orders: IntoFrame, *, as_of: dt.date) -> HistoryCheck:
    """Look for a history that is cut off on the left.

    When the data begin in the middle of a business, its regular customers all seem to be new at first. So the
    rate of first orders in a first window is compared with the rate later: 3 times as high or more is "cut
    off", below 1.5 "no sign of a cut"; between, with fewer than 30 customers, or without as much time after
    the window as in it, "cannot tell".

    Raises
    ------
    EmptyTableError
        If no order counts by `as_of`.

    Notes
    -----
    A rule of thumb. A launch with a burst of customers, or a panel recruited in its first weeks, looks the
    same; who knows better says ``first_orders = "observed"`` in study.toml.
    """
    return _check(order_days(orders, as_of=as_of), as_of)


def _check(days: OrderDays, as_of: dt.date) -> HistoryCheck:
    window = pooled_quantile(pool_gaps(*days.gaps()), 0.95)
    first, _ = days.first_and_last()
    n, span = len(first), int(np.datetime64(as_of, "D").astype("int64") - first.min()) + 1
    if window is None or n < 30 or span < 2 * window:
        message = "Too few customers or too short a history to tell whether first orders are first orders."
        return HistoryCheck("cannot tell", window, math.nan, math.nan, n, message)
    early = int((first < first.min() + window).sum())
    times = (early / window) / ((n - early) / (span - window)) if early < n else math.inf
    verdict = "cut off" if times >= 3 else "no sign of a cut" if times < 1.5 else "cannot tell"
    message = (f"{early} of {n} customers have their first order in the first {window} days: "
               + (f"{times:.1f} times the rate of the time after." if early < n else "nobody came later."))
    return HistoryCheck(verdict, window, early / n, times, n, message)


def _refuse_cut_off(first_orders: str, orders: IntoFrame, as_of: dt.date) -> dict[str, str]:
    """Refuse a cut-off history; return what is known about it, for the ``attrs`` of a result."""
    if first_orders not in ("observed", "cut off", "unknown"):
        raise ValueError(f"first_orders: expected 'observed', 'cut off' or 'unknown', got {first_orders!r}")
    instead = (
        "Acquisition cohorts would mix old customers with new ones. What can be said instead: how many "
        "customers order in each calendar period (monthly_kpis), and who is silent for longer than usual "
        "(overdue_customers)."
    )
    if first_orders == "cut off":
        raise HistoryError(f"first orders lie before the data begin (first_orders = 'cut off'). {instead}")
    if first_orders == "unknown":
        check = check_first_orders(orders, as_of=as_of)
        if check.verdict == "cut off":
            raise HistoryError(
                f"first orders seem to lie before the data begin: {check.message} {instead} "
                "If the data do hold everybody's first order, say first_orders = 'observed'."
            )
        return {"history": f"{check.verdict}: {check.message}"}
    return {"history": first_orders}


def cohort_table(
    orders: IntoFrame,
    *,
    as_of: dt.date,
    period: Period = "M",
    first_orders: FirstOrders = "unknown",
    minor_digits: int = 2,
) -> pd.DataFrame:
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
        Digits of the currency's minor unit.

    Returns
    -------
    DataFrame, one row per cohort and age up to `as_of`
        ``cohort``: first day of the period of the first order that counts; ``age`` in periods, 0 = that same
        period; ``cohort_size``; ``n_customers`` who order at that age (0 is a true 0); ``n_orders``;
        ``revenue``: net, refunds in the period in which they were paid (a refund dated before the first order
        counts at age 0); ``is_complete``: the period has ended by `as_of`. Customers without an order that
        counts are in no cohort.

    Raises
    ------
    EmptyTableError
        If no order counts by `as_of`.
    HistoryError
        If the history is cut off on the left.
    """
    last = _step(as_of, period)
    history = _refuse_cut_off(first_orders, orders, as_of)
    table = _cohort_sums(orders, as_of, period)
    sizes = table[table["age"] == 0].set_index("cohort")["n_customers"]
    grid = [(cohort, age) for cohort in sizes.index for age in range(last - cohort + 1)]
    index = pd.MultiIndex.from_tuples(grid, names=["cohort", "age"])
    full = table.set_index(["cohort", "age"]).reindex(index, fill_value=0).reset_index()
    steps = full["cohort"] + full["age"]
    result = pd.DataFrame({
        "cohort": _starts(full["cohort"].to_numpy(), period),
        "age": full["age"],
        "cohort_size": full["cohort"].map(sizes),
        "n_customers": full["n_customers"],
        "n_orders": full["n_orders"],
        "revenue": full["revenue_minor"] / 10**minor_digits,
        "is_complete": (steps < last) | _ends_period(as_of, period),
    })
    result.attrs.update(history)
    return result


def _cohort_sums(orders: IntoFrame, as_of: dt.date, period: str) -> pd.DataFrame:
    """Reduce orders to (cohort, age) in one chain; periods are whole numbers, so every engine agrees."""
    counts = nw.col("is_order")
    reduced = (
        orders_until(orders, as_of, "revenue_minor", "is_order")
        .with_columns(step=_step_expression(period), n_orders=counts.cast(nw.Int64))
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
    orders: IntoFrame,
    *,
    as_of: dt.date,
    period: Period = "M",
    definition: Literal["survival", "activity"] = "survival",
    follow_up: int | None = None,
    first_orders: FirstOrders = "unknown",
    level: float = 0.95,
) -> pd.DataFrame:
    """Give every observed cell of a retention table with its base and interval.

    Parameters
    ----------
    orders, as_of, period, first_orders
        As in `cohort_table`. An incomplete last period is dropped.
    definition : {"survival", "activity"}
        See `retention_table` and `activity_table`.
    follow_up : int, optional
        For "survival": complete periods that must have been observed after the cell's own. By default so many
        that 95 % of pooled gaps between orders would have ended in them.
    level : float
        Of the Wilson intervals.

    Returns
    -------
    DataFrame, one row per observed cohort and age
        ``cohort``, ``age``, ``cohort_size``, ``n_customers`` (of them, those counted), ``share``, ``low``,
        ``high`` (fractions). Age 0 is 1 by definition. What is not observed yet has no row.

    Raises
    ------
    EmptyTableError
        If no period with an order is complete by `as_of`.
    HistoryError
        If the history is cut off on the left.
    """
    if definition not in ("survival", "activity"):
        raise ValueError(f"definition: expected 'survival' or 'activity', got {definition!r}")
    if follow_up is not None and follow_up < 0:
        raise ValueError(f"follow_up: expected 0 or more periods, got {follow_up}")
    end = _last_complete_day(as_of, period)
    history = _refuse_cut_off(first_orders, orders, as_of)
    last = _step(end, period)
    if definition == "activity":
        table, wait = _cohort_sums(orders, end, period), 0
        counted = table.set_index(["cohort", "age"])["n_customers"]
        sizes = counted.xs(0, level="age")
    else:
        counted, sizes = _still_ordering(orders, end, period)
        wait = _usual_wait(orders, end, period, last) if follow_up is None else follow_up
    ages = {int(cohort): max(0, last - int(cohort) - wait) for cohort in sizes.index}
    index = pd.MultiIndex.from_tuples(
        [(cohort, age) for cohort, oldest in ages.items() for age in range(oldest + 1)], names=["cohort", "age"]
    )
    cells = counted.reindex(index, fill_value=0).rename("n_customers").reset_index()
    cells.insert(2, "cohort_size", cells["cohort"].map(sizes))
    cells["cohort"] = _starts(cells["cohort"].to_numpy(), period)
    cells["share"] = cells["n_customers"] / cells["cohort_size"]
    result = cells.join(_wilson(cells, level))
    result.attrs.update(history)
    return result


def retention_table(
    orders: IntoFrame,
    *,
    as_of: dt.date,
    period: Period = "M",
    follow_up: int | None = None,
    first_orders: FirstOrders = "unknown",
) -> pd.DataFrame:
    """Share of each acquisition cohort that still orders, by periods since its first order ("survival").

    Parameters
    ----------
    orders, as_of, period, follow_up, first_orders
        As in `retention_cells`.

    Returns
    -------
    DataFrame of shape (n_cohorts, n_steps), index ``cohort`` (first day of the period), columns ``age``
        Fractions in [0, 1] who have an order at that age or later; column 0 is 1.0; rows never rise;
        NaN = not yet observed, never 0.

    Raises
    ------
    EmptyTableError
        If no period with an order is complete by `as_of`.
    HistoryError
        If the history is cut off on the left.

    Notes
    -----
    "At that age or later" needs a later: who has not come back yet may still do so. A cell is shown once
    `follow_up` more complete periods were seen, and even then it is a lower bound that later data can only
    raise. Older cohorts have been watched longer, which flatters them a little; to compare cohorts, take
    `activity_table`, or `compare_survival` on `time_to_second_order`.
    """
    cells = retention_cells(
        orders, as_of=as_of, period=period, follow_up=follow_up, first_orders=first_orders
    )
    return _wide(cells)


def activity_table(
    orders: IntoFrame, *, as_of: dt.date, period: Period = "M", first_orders: FirstOrders = "unknown"
) -> pd.DataFrame:
    """Share of each acquisition cohort that orders in a period, by periods since its first order.

    Parameters
    ----------
    orders, as_of, period, first_orders
        As in `retention_cells`.

    Returns
    -------
    DataFrame of shape (n_cohorts, n_steps), index ``cohort`` (first day of the period), columns ``age``
        Fractions in [0, 1] who order in that period; column 0 is 1.0; rows may rise again; NaN = the period
        is not over, never 0. Exact and final: later data do not change a cell. Calendar months have 28 to 31
        days, and a customer of 31 January is at age 1 on 1 February.

    Raises
    ------
    EmptyTableError
        If no period with an order is complete by `as_of`.
    HistoryError
        If the history is cut off on the left.
    """
    cells = retention_cells(
        orders, as_of=as_of, period=period, definition="activity", first_orders=first_orders
    )
    return _wide(cells)


def _wide(cells: pd.DataFrame) -> pd.DataFrame:
    table = cells.pivot(index="cohort", columns="age", values="share")
    table.attrs.update(cells.attrs)
    return table


def _last_complete_day(as_of: dt.date, period: str) -> dt.date:
    if _ends_period(as_of, period):
        return as_of
    return _start_day(_step(as_of, period), period) - dt.timedelta(days=1)


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


def _wilson(cells: pd.DataFrame, level: float) -> pd.DataFrame:
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(cells["n_customers"].to_numpy(), cells["cohort_size"].to_numpy(),
                                   alpha=1 - level, method="wilson")
    limits = pd.DataFrame({"low": low, "high": high})
    limits.loc[cells["age"] == 0] = 1.0  # by definition
    return limits


def _step_expression(period: str) -> nw.Expr:
    """Return an expression that numbers weeks, months or quarters without a gap."""
    day = nw.col("ordered_on").dt
    year = day.year().cast(nw.Int64)
    if period == "M":
        return year * 12 + day.month() - 1
    if period == "Q":
        return year * 4 + (day.month() - 1) // 3
    past = year - 1
    ordinal = past * 365 + past // 4 - past // 100 + past // 400 + day.ordinal_day()
    return (ordinal - 1) // 7  # day 1 of year 1 was a Monday


def _step(day: dt.date, period: str) -> int:
    """Return the number of a day's period, as `_step_expression` does."""
    if period not in _DAYS:
        raise ValueError(f"period: expected 'W', 'M' or 'Q', got {period!r}")
    if period == "M":
        return day.year * 12 + day.month - 1
    return day.year * 4 + (day.month - 1) // 3 if period == "Q" else (day.toordinal() - 1) // 7


def _start_day(step: int, period: str) -> dt.date:
    if period == "M":
        return dt.date(step // 12, step % 12 + 1, 1)
    return dt.date(step // 4, step % 4 * 3 + 1, 1) if period == "Q" else dt.date.fromordinal(step * 7 + 1)


def _starts(steps: np.ndarray, period: str) -> np.ndarray:
    days = np.array([np.datetime64(_start_day(int(step), period)) for step in steps], dtype="datetime64[D]")
    return days.astype("datetime64[us]")


def _ends_period(day: dt.date, period: str) -> bool:
    return _step(day, period) != _step(day + dt.timedelta(days=1), period)


def time_to_second_order(
    orders: IntoFrame, *, as_of: dt.date, first_orders: FirstOrders = "unknown"
) -> pd.DataFrame:
    """Days from each customer's first order to the second, or to `as_of` for those still to come back.

    Parameters
    ----------
    orders, as_of, first_orders
        As in `cohort_table`. Orders of one day are one.

    Returns
    -------
    DataFrame, one row per customer with an order that counts, sorted by ``customer_id``
        ``first_order_on``; ``days``; ``ordered_again``: False = not by `as_of` (censored, not "never").
        For `survival_table` and `compare_survival`.

    Raises
    ------
    EmptyTableError
        If no order counts by `as_of`.
    HistoryError
        If the history is cut off on the left.
    """
    history = _refuse_cut_off(first_orders, orders, as_of)
    days = order_days(orders, as_of=as_of)
    first, last = days.first_and_last()
    start = np.flatnonzero(np.diff(days.customer, prepend=-1))
    again = first < last
    second = days.day[np.where(again, start + 1, start)]
    until = np.where(again, second, np.datetime64(as_of, "D").astype("int64"))
    result = pd.DataFrame({
        "customer_id": days.ids.astype("str"),
        "first_order_on": first.astype("datetime64[D]").astype("datetime64[us]"),
        "days": until - first,
        "ordered_again": again,
    })
    result.attrs.update(history)
    return result


def survival_table(
    durations: ArrayLike,
    observed: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    groups: Sequence[Any] | pd.Series | np.ndarray | None = None,
    min_at_risk: int = 10,
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate which share has not had an event yet, by time (Kaplan-Meier).

    Parameters
    ----------
    durations : array of n numbers, 0 or more
        Time to the event, or to the end of observation.
    observed : array of n booleans
        True = the event happened; False = not yet when last seen (censored).
    entry : array of n numbers, optional
        Time from which each was watched, below its duration: those already past their start when the data
        begin count only from there.
    groups : array of n labels, optional
        One curve per label.
    min_at_risk : int
        A curve stops before fewer are at risk; groups that are never so many have no row.
    level : float
        Of the intervals, formed on log(-log) of the share.

    Returns
    -------
    DataFrame, one row per group and time, sorted
        ``group`` ("all" without groups), ``time``, ``at_risk`` (just before), ``events``, ``share`` (fraction
        without an event after that time), ``low``, ``high`` (NaN where the share is 0: no interval there).
        The first row of a curve is its start with share 1, the last its end. With late entry a curve starts
        when `min_at_risk` are at risk, and shares are of those who came so far without an event.

    Raises
    ------
    ValueError
        If lengths differ, a value is missing or negative, or an entry is not below its duration.
    EmptyTableError
        If there is nobody.

    Notes
    -----
    Product-limit estimator of Kaplan and Meier (1958) through statsmodels. Censoring must not depend on the
    event: end of data is fine, closing the accounts of the unhappy is not.

    Examples
    --------
    >>> table = survival_table([1, 2, 2, 3], [True, True, False, True], min_at_risk=1)
    >>> [round(float(share), 3) for share in table["share"]]
    [1.0, 0.75, 0.5, 0.0]
    """
    data = _survival_data(durations, observed, entry, groups)
    parts = [_curve(part, min_at_risk, level).assign(group=label)
             for label, part in data.groupby("group", sort=True, observed=True)]
    return pd.concat(parts, ignore_index=True)[["group", "time", "at_risk", "events", "share", "low", "high"]]


def median_survival(table: pd.DataFrame, *, share: float = 0.5) -> pd.DataFrame:
    """Read from each curve when the share falls to one half, or to another `share`.

    Parameters
    ----------
    table : DataFrame
        From `survival_table`.

    Returns
    -------
    DataFrame, one row per group
        ``median``: first time at which ``share`` is at most one half, NaN if not reached; ``low``, ``high``:
        where the limits of the curve get there, NaN if they do not; ``reached``; ``seen_until``: where the
        curve ends, so that "not reached by day 180" can be said.
    """
    rows = []
    for label, curve in table.groupby("group", sort=True, observed=True):
        first = [curve.loc[curve[c] <= share + 1e-12, "time"].min() for c in ("share", "low", "high")]
        rows.append((label, *first, bool(pd.notna(first[0])), curve["time"].max()))
    return pd.DataFrame(rows, columns=["group", "median", "low", "high", "reached", "seen_until"])


@dataclass(frozen=True)
class SurvivalComparison:
    """A log-rank test of equal curves.

    Attributes
    ----------
    groups : DataFrame
        ``group``, ``n``, ``events``, ``expected`` (events if all groups were alike).
    chi2 : float
    df : int
    p_value : float
    pairs : DataFrame
        ``group_a``, ``group_b``, ``chi2``, ``p_value``, ``p_holm`` (corrected for the number of pairs).
    """

    groups: pd.DataFrame
    chi2: float
    df: int
    p_value: float
    pairs: pd.DataFrame


def compare_survival(
    durations: ArrayLike,
    observed: ArrayLike,
    groups: Sequence[Any] | pd.Series | np.ndarray,
    *,
    entry: ArrayLike | None = None,
) -> SurvivalComparison:
    """Test whether groups have the same time to an event (log-rank).

    Parameters
    ----------
    durations, observed, groups, entry
        As in `survival_table`.

    Returns
    -------
    SurvivalComparison

    Raises
    ------
    HistoryError
        If there is only one group, nobody had the event, or groups were never at risk at the same time.

    Notes
    -----
    Log-rank test after Mantel (1966) through statsmodels; pairs corrected after Holm (1979). A small p-value
    says that curves differ somewhere, not how much: show `survival_table` with it. Curves that cross can differ
    without a small one. Groups must be known at the start, not made from what happened later.
    """
    from statsmodels.stats.multitest import multipletests

    data = _survival_data(durations, observed, entry, groups)
    labels = sorted(data["group"].unique())
    if len(labels) < 2:
        raise HistoryError(f"compare_survival: two groups or more are needed, got {labels}.")
    if not data["observed"].any():
        raise HistoryError("compare_survival: nobody has had the event yet; there is nothing to compare.")
    chi2, p_value = _log_rank(data)
    pairs = pd.DataFrame(
        [(a, b, *_log_rank(data[data["group"].isin([a, b])])) for a, b in combinations(labels, 2)],
        columns=["group_a", "group_b", "chi2", "p_value"],
    )
    pairs["p_holm"] = multipletests(pairs["p_value"], method="holm")[1]
    return SurvivalComparison(_expected(data, labels), chi2, len(labels) - 1, p_value, pairs)


def _survival_data(
    durations: ArrayLike, observed: ArrayLike, entry: ArrayLike | None, groups: Any
) -> pd.DataFrame:
    """Check the inputs and line them up."""
    time = np.asarray(durations, dtype="float64")
    given = {"observed": observed, "entry": entry, "groups": groups}
    for name, value in given.items():
        if value is not None and (n := len(np.asarray(value))) != len(time):
            raise ValueError(f"{name}: expected {len(time)} values, one per duration, got {n}")
    if not len(time):
        raise EmptyTableError("durations: nobody to follow. Choose a later as_of or a wider group.")
    if not (time >= 0).all():
        raise ValueError("durations: expected numbers of 0 or more; some are missing or negative")
    data = pd.DataFrame({"time": time, "observed": np.asarray(observed, dtype=bool)})
    data["entry"] = -1.0 if entry is None else np.asarray(entry, dtype="float64")
    if not (data["entry"] < data["time"]).all():
        raise ValueError("entry: expected a time below each duration; leave out who was never watched")
    data["group"] = "all" if groups is None else pd.Series(np.asarray(groups))
    if data["group"].isna().any():
        raise ValueError("groups: some labels are missing; name them or leave those rows out")
    return data


def _at_risk(data: pd.DataFrame, times: np.ndarray) -> np.ndarray:
    """Return how many are watched and without the event just before each time (entry < time <= duration)."""
    entered = np.searchsorted(np.sort(data["entry"].to_numpy()), times, side="left")
    gone = np.searchsorted(np.sort(data["time"].to_numpy()), times, side="left")
    return entered - gone


def _curve(data: pd.DataFrame, min_at_risk: int, level: float) -> pd.DataFrame:
    """Return the Kaplan-Meier curve of one group where enough are at risk."""
    from scipy.stats import norm
    from statsmodels.duration.survfunc import SurvfuncRight

    times = np.unique(data["time"].to_numpy())
    risk = _at_risk(data, times)
    enough = risk >= max(min_at_risk, 1)
    columns = ["time", "at_risk", "events", "share", "low", "high"]
    if not enough.any():
        return pd.DataFrame(columns=columns, dtype="float64")
    begin = int(np.argmax(enough))
    stop = begin + int(np.argmin(enough[begin:])) if not enough[begin:].all() else len(times)
    start = times[begin - 1] if begin else max(0.0, float(data["entry"].min()))
    kept = data[data["time"] > start] if begin else data
    fit = SurvfuncRight(kept["time"].to_numpy(), kept["observed"].to_numpy().astype("float64"),
                        entry=np.maximum(kept["entry"].to_numpy(), start if begin else -1.0))
    use = fit.surv_times <= times[stop - 1]
    share = np.minimum.accumulate(fit.surv_prob[use])
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.exp(norm.ppf((1 + level) / 2) * fit.surv_prob_se[use] / (share * -np.log(share)))
    low, high = np.where(share > 0, [share**width, share ** (1 / width)], np.nan)
    values = (fit.surv_times[use], fit.n_risk[use], fit.n_events[use], share, low, high)
    curve = pd.DataFrame(dict(zip(columns, values, strict=True)))
    ends = [(start, risk[begin], 0, 1.0, 1.0, 1.0)]
    if not len(curve) or curve["time"].iloc[-1] < times[stop - 1]:
        tail = curve.iloc[-1] if len(curve) else dict(zip(columns, ends[0], strict=True))
        ends.append((times[stop - 1], risk[stop - 1], 0, tail["share"], tail["low"], tail["high"]))
    curve = pd.concat([curve, pd.DataFrame(ends, columns=columns)]).sort_values("time", kind="stable")
    curve = curve.drop_duplicates("time", ignore_index=True)
    return curve.astype({"at_risk": "int64", "events": "int64"})


def _log_rank(data: pd.DataFrame) -> tuple[float, float]:
    from scipy.stats import chi2
    from statsmodels.duration.survfunc import survdiff

    codes, labels = pd.factorize(data["group"], sort=True)
    if not data["observed"].any():
        return math.nan, math.nan
    try:
        statistic, _ = survdiff(data["time"].to_numpy(), data["observed"].to_numpy().astype("float64"),
                                codes, entry=data["entry"].to_numpy())
    except np.linalg.LinAlgError as error:
        raise HistoryError(
            "compare_survival: groups were never at risk at the same time, so they cannot be compared."
        ) from error
    return float(statistic), float(chi2.sf(statistic, len(labels) - 1))


def _expected(data: pd.DataFrame, labels: list[Any]) -> pd.DataFrame:
    """Return events and the events to expect if all groups were alike."""
    times, events = np.unique(data.loc[data["observed"], "time"].to_numpy(), return_counts=True)
    rate = events / _at_risk(data, times)
    rows = []
    for label in labels:
        part = data[data["group"] == label]
        rows.append((label, len(part), int(part["observed"].sum()), float((_at_risk(part, times) * rate).sum())))
    return pd.DataFrame(rows, columns=["group", "n", "events", "expected"])


def first_order_counts(days: OrderDays, *, period: Period = "M", min_group_size: int = 10) -> pd.DataFrame:
    """Count the customers whose first order in the data falls in each period.

    Parameters
    ----------
    days : OrderDays
        From `order_days`.
    period : {"W", "M", "Q"}
    min_group_size : int
        Smaller counts become NA.

    Returns
    -------
    DataFrame, one row per period from the first to the last with an order day
        ``start`` (first day of the period), ``n_customers`` (Int64).
    """
    first, last = days.first_and_last()
    as_dates = pd.Series(first.astype("datetime64[D]"))
    counts = as_dates.dt.to_period(period).value_counts()
    until = pd.Period(np.datetime64(int(last.max()), "D").astype("datetime64[s]").item(), period)
    counts = counts.reindex(pd.period_range(counts.index.min(), until, freq=period), fill_value=0).astype("Int64")
    counts = counts.mask(counts.between(1, min_group_size - 1))
    return pd.DataFrame({"start": counts.index.start_time, "n_customers": counts.to_numpy()})
