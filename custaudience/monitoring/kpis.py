"""The figures a month is judged by, and what usually moves them."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.errors import EmptyTableError
from custaudience.study.orders import orders_of

ENOUGH_MONTHS = 12
"""Earlier months needed before a movement is called usual or unusual."""


@dataclass(frozen=True)
class Change:
    """A month's figure against the month before and the same month last year.

    Changes are fractions; NaN = cannot be computed. `usual`: the median absolute change per trading day between
    neighbouring earlier months, which are `n_months` with `n_moves` such changes. `verdict`: "usual", "unusual",
    "too_short", or "too_short_largest": fewer than 12 earlier months, and larger than every earlier change.
    """

    value: float
    before: float
    total: float
    per_day: float
    usual: float
    n_months: int
    n_moves: int
    last_year: float
    verdict: str


def monthly_kpis(transactions: IntoFrame, *, as_of: dt.date, minor_digits: int = 2) -> pd.DataFrame:
    """Return one row per calendar month up to `as_of`.

    Parameters
    ----------
    transactions : any frame Narwhals reads, one row per order line
        As `Study.table` gives them.
    as_of : date
        Last day that counts; a month it cuts is in the table with ``is_complete`` False.
    minor_digits : int
        Digits after the decimal sign of the currency.

    Returns
    -------
    DataFrame, one row per month from the first to the last with a line, gaps filled with zeros
        ``month`` ("2017-12"), ``n_days``, ``n_trading_days``, ``is_complete``, ``n_orders``, ``n_customers`` (who
        ordered), ``revenue`` and ``refunds`` (major units, by the date of the line, as books have it),
        ``revenue_per_trading_day``, ``revenue_per_order`` (of that month's orders; NaN without one).

    Raises
    ------
    EmptyTableError
        If there is no line on or before `as_of`.

    Notes
    -----
    A trading day is a day whose weekday this company trades on: one with at least a tenth of an average
    weekday's orders. Public holidays are not known and count as trading days.
    """
    end = dt.datetime.combine(as_of + dt.timedelta(days=1), dt.time())
    revenue = nw.col("revenue_minor")
    days = (
        nw.from_native(transactions)
        .filter(nw.col("ordered_at") < end)
        .with_columns(
            day=nw.col("ordered_at").dt.truncate("1d"),
            refund_minor=nw.when(revenue < 0).then(-revenue).otherwise(nw.lit(0)),
        )
        .group_by("day")
        .agg(revenue.sum(), nw.col("refund_minor").sum())
    )
    money = _collect(days)
    if money.empty:
        raise EmptyTableError(f"No order line on or before {as_of}: choose a later date.")
    orders = nw.from_native(orders_of(transactions, as_of=as_of)).filter(nw.col("is_order"))
    by_month = orders.with_columns(month=nw.col("ordered_on").dt.truncate("1mo")).group_by("month")
    n_customers = nw.col("customer_id").n_unique().alias("n_customers")
    per_month = _collect(by_month.agg(nw.len().alias("n_orders"), n_customers, revenue.sum().alias("order_minor")))
    per_day = _collect(orders.group_by("ordered_on").agg(nw.len().alias("n_orders")))
    return _by_month(money, per_month, per_day, as_of, 10**minor_digits)


def _collect(frame: nw.DataFrame | nw.LazyFrame) -> pd.DataFrame:
    eager = frame.collect("pyarrow") if isinstance(frame, nw.LazyFrame) else frame
    result = eager.to_pandas()
    for name in result.columns:
        if name.endswith("_minor") or name.startswith("n_"):
            result[name] = result[name].astype("int64")  # DuckDB sums integers to HUGEINT
        elif name in ("day", "month", "ordered_on"):
            result[name] = pd.to_datetime(result[name])
    return result


def _by_month(
    money: pd.DataFrame, per_month: pd.DataFrame, per_day: pd.DataFrame, as_of: dt.date, minor: int
) -> pd.DataFrame:
    money = money.assign(month=money["day"].dt.to_period("M"))
    months = pd.period_range(money["month"].min(), pd.Period(as_of, "M"), freq="M")
    months = months[months <= money["month"].max()]
    sums = money.groupby("month")[["revenue_minor", "refund_minor"]].sum().reindex(months, fill_value=0)
    counts = per_month.set_index(per_month.pop("month").dt.to_period("M")).reindex(months, fill_value=0)
    trades = _trading_weekdays(per_day)
    first = money["day"].min().to_datetime64().astype("datetime64[D]")
    starts, full = (day.to_numpy().astype("datetime64[D]") for day in (months.start_time, months.end_time))
    ends = np.minimum(full, np.datetime64(as_of))
    table = pd.DataFrame(
        {
            "month": months.astype(str), "n_days": months.days_in_month,
            "n_trading_days": np.busday_count(np.maximum(starts, first), ends + 1, weekmask=trades),
            "is_complete": ends == full, "n_orders": counts["n_orders"].to_numpy(),
            "n_customers": counts["n_customers"].to_numpy(), "revenue": sums["revenue_minor"].to_numpy() / minor,
            "refunds": sums["refund_minor"].to_numpy() / minor,
        }
    )  # fmt: skip
    # a first month that begins after its first trading day is cut off, too
    table.loc[0, "is_complete"] &= first <= np.busday_offset(starts[0], 0, roll="forward", weekmask=trades)
    table["revenue_per_trading_day"] = table["revenue"] / table["n_trading_days"]
    table["revenue_per_order"] = (counts["order_minor"] / minor / counts["n_orders"]).to_numpy()
    return table


def _trading_weekdays(per_day: pd.DataFrame) -> list[bool]:
    """Say of each weekday from Monday on whether it has a tenth of an average weekday's orders, or more."""
    by_weekday = per_day.groupby(per_day["ordered_on"].dt.day_of_week)["n_orders"].sum().reindex(range(7), fill_value=0)
    return list(by_weekday >= by_weekday.sum() / 7 / 10)


def change_of(months: pd.DataFrame, column: str, *, month: str, per_trading_day: bool = True) -> Change:
    """Return how the figure of a `month` ("2017-12") moved, beside this study's own usual movement.

    Earlier rows of `monthly_kpis` are history, later rows do not exist. `per_trading_day` is False for averages such as
    revenue per order, whose change per day is their change. With fewer than 12 earlier complete months the verdict is
    "too_short" or "too_short_largest". Else a movement is "unusual" when it is larger than 95 in 100 of the earlier
    ones (order statistic at ceil(0.95 n)).
    """
    history = months[(months["month"] <= month) & (months["is_complete"] | (months["month"] == month))]
    if month not in set(history["month"]):
        raise EmptyTableError(f"Month {month} is not in the data.")
    figures = history.set_index("month")[column].astype("float64")
    rate = figures / history.set_index("month")["n_trading_days"] if per_trading_day else figures
    moves, totals = rate / rate.shift() - 1, figures / figures.shift() - 1
    follows = pd.Series(pd.PeriodIndex(figures.index, freq="M").astype("int64")).diff().to_numpy() == 1
    moves, totals = moves.where(follows), totals.where(follows)
    earlier = moves.iloc[:-1].replace([np.inf, -np.inf], np.nan).dropna().abs().to_numpy()
    n_months = len(figures) - 1
    last = str(pd.Period(month, "M") - 12)
    largest = bool(len(earlier) >= 3 and abs(moves.iloc[-1]) > earlier.max())
    verdict = "too_short_largest" if largest else "too_short"
    if n_months >= ENOUGH_MONTHS and len(earlier):
        threshold = np.sort(earlier)[int(np.ceil(0.95 * len(earlier))) - 1]
        verdict = "unusual" if abs(moves.iloc[-1]) > threshold else "usual"
    return Change(
        value=float(figures.iloc[-1]), before=float(figures.iloc[-2]) if follows[-1] else math.nan,
        total=float(totals.iloc[-1]), per_day=float(moves.iloc[-1]),
        usual=float(np.median(earlier)) if len(earlier) else math.nan,
        n_months=n_months, n_moves=len(earlier), last_year=float(figures.get(last, math.nan)), verdict=verdict,
    )  # fmt: skip
