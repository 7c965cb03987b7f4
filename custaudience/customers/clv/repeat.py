"""Repeat purchases per customer: what models of lifetime value start from."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow.compute as pc
from narwhals.typing import IntoFrame

from custaudience.customers.ground import collect_customers, orders_until
from custaudience.errors import DataError, EmptyTableError, HistoryError

TimeUnit = Literal["D", "W", "M", "Y"]
DAYS_PER_UNIT: dict[str, float] = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
_ABOVE = 10**12  # above any customer's value of one day, in minor units
_NEVER = 9 * 10**18  # above any day's number; not a missing value, for which pandas would turn integers to floats


def summarise_repeat_purchases(
    orders: IntoFrame,
    *,
    as_of: dt.date,
    calibrated_until: dt.date | None = None,
    orders_then: IntoFrame | None = None,
    time_unit: TimeUnit = "W",
    count_free_orders: bool = False,
    minor_digits: int = 2,
) -> pd.DataFrame:
    """Summarise each customer's repeat purchases: how many, when the last, since when known, of what value.

    Parameters
    ----------
    orders : any frame Narwhals reads, one row per order
        As `orders_of` gives them. All orders of one day are one purchase.
    as_of : date
        Last day that counts, inclusive; it must not lie beyond the data, else silence is made up.
    calibrated_until : date, optional
        Before `as_of`: the summary ends here, and what comes after it up to `as_of` is held out.
    orders_then : any frame Narwhals reads, optional
        Orders as they stood on `calibrated_until`, for example ``study.orders(calibrated_until)``. In `orders` a
        refund paid in the time held out has already lowered the order it belongs to, or undone it: give this wherever
        there are refunds, else the summary knows something of that time.
    time_unit : {"D", "W", "M", "Y"}
        Unit of ``first_to_last`` and ``tenure``: days, weeks, months and years of mean length. It changes no
        model but by its scale.
    count_free_orders : bool
        Count orders of zero without a refund as purchases too. Published figures on CDNOW do; elsewhere an
        order counts when its net revenue is positive.
    minor_digits : int
        Digits of the currency's minor unit.

    Returns
    -------
    DataFrame, one row per customer with a purchase by the end of the summary, sorted by ``customer_id``
        ``n_repeat``: days with a purchase after the first such day; ``first_to_last``: time from the first
        purchase to the last, 0 without a repeat; ``tenure``: time from the first purchase to the end of the
        summary; ``mean_repeat_value``: mean net value of a repeat purchase in major units, NaN without one.
        With `calibrated_until` also ``n_holdout`` and ``holdout_value``: purchases after it, and their net
        value. ``attrs`` hold ``time_unit``, ``ends_on``, ``holdout`` (length in `time_unit`),
        ``n_without_purchase`` (customers left out, refunds only or nothing) and ``refunds_apart``.

    Raises
    ------
    EmptyTableError
        If nobody has a purchase by the end of the summary.
    HistoryError
        If `calibrated_until` is not before `as_of`.
    ColumnError
        If a column is missing.
    DataError
        If one customer's purchases of one day are worth 10^12 minor units or more.

    Notes
    -----
    "Frequency", "recency", "T" and "monetary value" of Fader, Hardie and Lee (2005), Marketing Science 24(2);
    the first purchase counts in none of them. Refunds inside an order lower its value. Those booked apart
    belong to no purchase that is known, so they lower nothing here; ``refunds_apart`` (0 or more, major
    units) tells by how much all purchases together were worth less.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer_id": "007", "revenue_minor": [900, 1000, 2000], "refund_minor": 0,
    ...     "ordered_on": pd.to_datetime(["2025-01-01", "2025-01-08", "2025-01-15"]), "is_order": True})
    >>> row = summarise_repeat_purchases(orders, as_of=dt.date(2025, 1, 29)).iloc[0]
    >>> row.drop("customer_id").astype(float).to_dict()
    {'n_repeat': 2.0, 'first_to_last': 2.0, 'tenure': 4.0, 'mean_repeat_value': 15.0}
    """
    end = summary_end(as_of, calibrated_until)
    unit = days_per_unit(time_unit)
    if calibrated_until is not None and orders_then is not None:
        options: dict[str, Any] = {"count_free_orders": count_free_orders, "minor_digits": minor_digits}
        summary = summarise_repeat_purchases(orders_then, as_of=end, time_unit=time_unit, **options)
        return _with_hold_out(summary, orders, as_of, end, time_unit, count_free_orders, minor_digits)
    table = collect_customers(_reduced(orders, as_of, end, count_free_orders), as_of)
    apart = pc.sum(table["apart"]).as_py() or 0
    bought = table.filter(pc.and_(pc.greater(table["n"], 0), pc.less_equal(table["first"], _same_type(end, table))))
    if not len(bought):
        raise EmptyTableError(f"no customer has a purchase by {end:%Y-%m-%d}. Choose a later date.")
    if (pc.max(bought["largest"]).as_py() or 0) >= _ABOVE:
        raise DataError(f"orders: a day worth {_ABOVE:,} minor units or more. Check the amounts and their currency.")
    bought = bought.sort_by("customer_id")
    first, last = (bought[name].to_numpy().astype("datetime64[D]") for name in ("first", "last"))
    n, total, start = (bought[name].to_numpy().astype("int64") for name in ("n", "total", "start"))
    repeats, scale = n - 1, 10**minor_digits
    with np.errstate(invalid="ignore"):
        value = np.where(repeats > 0, (total - start % _ABOVE) / scale / np.where(repeats > 0, repeats, 1), np.nan)
    summary = pd.DataFrame(
        {
            "customer_id": bought["customer_id"].to_pandas(),
            "n_repeat": repeats,
            "first_to_last": (last - first).astype("int64") / unit,
            "tenure": (np.datetime64(end, "D") - first).astype("int64") / unit,
            "mean_repeat_value": value,
        }
    )
    if calibrated_until is not None:
        summary["n_holdout"] = bought["n_holdout"].to_numpy().astype("int64")
        summary["holdout_value"] = bought["holdout_value"].to_numpy().astype("int64") / scale
    summary.attrs.update(
        time_unit=time_unit,
        ends_on=end.isoformat(),
        holdout=(as_of - end).days / unit,
        n_without_purchase=pc.sum(pc.equal(table["n_ever"], 0)).as_py(),
        refunds_apart=-apart / scale,
    )
    return summary


def _with_hold_out(
    summary: pd.DataFrame,
    orders: IntoFrame,
    as_of: dt.date,
    end: dt.date,
    time_unit: TimeUnit,
    count_free_orders: bool,
    minor_digits: int,
) -> pd.DataFrame:
    """Add to a summary what its customers bought after its end."""
    later = collect_customers(_reduced(orders, as_of, end, count_free_orders), as_of)
    found = later.select(["customer_id", "n_holdout", "holdout_value"]).to_pandas().set_index("customer_id")
    found = found.reindex(summary["customer_id"]).fillna(0).astype("int64")
    summary["n_holdout"] = found["n_holdout"].to_numpy()
    summary["holdout_value"] = found["holdout_value"].to_numpy() / 10**minor_digits
    summary.attrs["holdout"] = (as_of - end).days / days_per_unit(time_unit)
    return summary


def count_purchase_days(
    orders: IntoFrame, *, as_of: dt.date, calibrated_until: dt.date | None = None, count_free_orders: bool = False
) -> pd.DataFrame:
    """Count, day by day, first and repeat purchases of the customers who had bought by `calibrated_until`.

    Parameters
    ----------
    orders, as_of, calibrated_until, count_free_orders
        As in `summarise_repeat_purchases`.

    Returns
    -------
    DataFrame, one row per day with a purchase, in the order of time
        ``day``; ``n_first``: customers whose first purchase it was; ``n_repeat``: customers who bought again.

    Raises
    ------
    EmptyTableError, HistoryError, ColumnError
        As in `summarise_repeat_purchases`.
    """
    end = summary_end(as_of, calibrated_until)
    day, first = nw.col("ordered_on"), nw.col("first")
    counted = (
        orders_until(orders, as_of, "revenue_minor", "refund_minor", "is_order")
        .filter(_counts(count_free_orders))
        .select("customer_id", "ordered_on")
        .unique()
        .with_columns(first=day.min().over("customer_id"))
        .group_by("ordered_on", "first")
        .agg(nw.len().alias("n"))
        .with_columns(nw.col("n").cast(nw.Int64), is_first=(day == first))
        .collect(backend="pyarrow")
        .to_native()
    )
    days, firsts = (counted[name].to_numpy().astype("datetime64[D]") for name in ("ordered_on", "first"))
    cohort = firsts <= np.datetime64(end, "D")
    if not cohort.any():
        raise EmptyTableError(f"no customer has a purchase by {end:%Y-%m-%d}. Choose a later date.")
    n, is_first = counted["n"].to_numpy()[cohort], (days == firsts)[cohort]
    listed, index = np.unique(days[cohort], return_inverse=True)
    sums = [np.bincount(index, n * part, len(listed)).astype("int64") for part in (is_first, ~is_first)]
    return pd.DataFrame({"day": listed.astype("datetime64[us]"), "n_first": sums[0], "n_repeat": sums[1]})


def summary_end(as_of: dt.date, calibrated_until: dt.date | None) -> dt.date:
    """Return the last day of the summary; refuse a calibration that holds nothing out."""
    if calibrated_until is not None and calibrated_until >= as_of:
        raise HistoryError(
            f"calibrated_until: {calibrated_until} leaves nothing to check against before as_of {as_of}. "
            "Choose an earlier day, or leave it out to use the whole history."
        )
    return calibrated_until or as_of


def days_per_unit(time_unit: str) -> float:
    """Return the days of a time unit."""
    if time_unit not in DAYS_PER_UNIT:
        raise ValueError(f"time_unit: expected one of {', '.join(map(repr, DAYS_PER_UNIT))}, got {time_unit!r}")
    return DAYS_PER_UNIT[time_unit]


def _counts(count_free_orders: bool) -> nw.Expr:
    free = (nw.col("revenue_minor") == 0) & (nw.col("refund_minor") == 0)
    return nw.col("is_order") | free if count_free_orders else nw.col("is_order")


def _reduced(orders: IntoFrame, as_of: dt.date, end: dt.date, count_free_orders: bool) -> nw.LazyFrame[Any]:
    """Reduce orders to purchase days, then to customers, in one pass."""
    lazy = orders_until(orders, as_of, "revenue_minor", "refund_minor", "is_order")
    is_date = lazy.collect_schema()["ordered_on"] == nw.Date
    last_day = end if is_date else dt.datetime.combine(end, dt.time.max)
    day, value, purchase = nw.col("ordered_on"), nw.col("revenue_minor"), nw.col("purchase")
    year, month, of_month = (part.cast(nw.Int64) for part in (day.dt.year(), day.dt.month(), day.dt.day()))
    whole = nw.Int64
    zero = nw.lit(0).cast(whole)
    inside = purchase & (day <= last_day)
    after = purchase & (day > last_day)
    return (
        lazy.with_columns(purchase=_counts(count_free_orders))
        .group_by("customer_id", "ordered_on", "purchase")
        .agg(value.sum())
        .with_columns(value.cast(whole))
        .with_columns(
            # rising with the day, so that one minimum gives the first day's value without a second pass
            start=nw.when(inside)
            .then(((year * 12 + month) * 31 + of_month) * _ABOVE + value)
            .otherwise(nw.lit(_NEVER)),
            bought_on=nw.when(inside).then(day),
            total=nw.when(inside).then(value).otherwise(zero),
            holdout_value=nw.when(after).then(value).otherwise(zero),
            apart=nw.when(~purchase).then(value).otherwise(zero),
            n=nw.when(inside).then(nw.lit(1)).otherwise(nw.lit(0)).cast(whole),
            n_holdout=nw.when(after).then(nw.lit(1)).otherwise(nw.lit(0)).cast(whole),
        )
        .group_by("customer_id")
        .agg(
            nw.col("start").min(),
            nw.col("bought_on").min().alias("first"),
            nw.col("bought_on").max().alias("last"),
            nw.col("total").max().alias("largest"),
            *(nw.col(name).sum() for name in ("total", "holdout_value", "apart", "n", "n_holdout")),
        )
        # DuckDB sums integers to HUGEINT, which would leave as decimals
        .with_columns(nw.col("total", "holdout_value", "apart", "n", "n_holdout").cast(whole))
        .with_columns(n_ever=nw.col("n") + nw.col("n_holdout"))
    )


def _same_type(day: dt.date, table: Any) -> Any:
    """Return a day as a scalar of the type of the column ``first``."""
    import pyarrow as pa

    column = table.schema.field("first").type
    return (
        pa.scalar(day, column) if pa.types.is_date(column) else pa.scalar(dt.datetime.combine(day, dt.time()), column)
    )
