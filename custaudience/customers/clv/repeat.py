"""Repeat purchases per customer: what models of lifetime value start from."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow.compute as pc
from narwhals.typing import IntoFrame

from custaudience.customers.ground import collect_customers, orders_until
from custaudience.errors import ColumnError, DataError, EmptyTableError, HistoryError
from custaudience.evidence import Terms

TimeUnit = Literal["D", "W", "M", "Y"]
DAYS_PER_UNIT: dict[str, float] = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
_ABOVE = 10**12  # above any customer's value of one day, in minor units
_NEVER = 9 * 10**18  # above any day's number; not a missing value, for which pandas would turn integers to floats


@dataclass(frozen=True)
class Counting:
    """How purchases are counted.

    Parameters
    ----------
    time_unit : {"D", "W", "M", "Y"}
        Months and years of mean length. It changes no model but by its scale.
    count_free_orders : bool
        Count orders of zero without a refund as purchases too, as published figures on CDNOW do; else an order counts
        when its net revenue is positive.
    calibrated_until : date, optional
        Before the last day that counts: summaries end here, and what comes after it is held out.
    orders_then : any frame Narwhals reads, optional
        Orders as they stood on `calibrated_until`, as ``study.orders(calibrated_until)`` gives them. Later, a refund
        paid in the time held out has already lowered the order it belongs to, or undone it: give this wherever there
        are refunds, else the summary knows something of that time.
    """

    time_unit: TimeUnit = "W"
    count_free_orders: bool = False
    calibrated_until: dt.date | None = None
    orders_then: IntoFrame | None = None

    def end(self, as_of: dt.date) -> dt.date:
        """Return the last day of a summary; refuse a calibration that holds nothing out."""
        if self.calibrated_until is not None and self.calibrated_until >= as_of:
            raise HistoryError(
                f"calibrated_until: {self.calibrated_until} leaves nothing to check against before as_of {as_of}. "
                "Choose an earlier day, or leave it out to use the whole history."
            )
        return self.calibrated_until or as_of


WEEKLY = Counting()


def summarise_repeat_purchases(orders: IntoFrame, terms: Terms, counting: Counting = WEEKLY) -> pd.DataFrame:
    """Summarise each customer's repeat purchases: how many, when the last, since when known, of what value.

    Parameters
    ----------
    orders : any frame Narwhals reads, one row per order
        As `orders_of` gives them. All orders of one day are one purchase.
    terms : Terms
        Its ``as_of`` must not lie beyond the data, else silence is made up.

    Returns
    -------
    DataFrame, one row per customer with a purchase by the end of the summary, sorted by ``customer_id``
        ``n_repeat``: days with a purchase after the first such day; ``first_to_last``: time from the first
        purchase to the last, 0 without a repeat; ``tenure``: time from the first purchase to the end of the
        summary; ``mean_repeat_value``: mean net value of a repeat purchase in major units, NaN without one.
        With a calibration also ``n_holdout`` and ``holdout_value``: purchases after it, and their net
        value. ``attrs`` hold ``time_unit``, ``ends_on``, ``holdout`` (length in the time unit),
        ``n_without_purchase`` (customers left out, refunds only or nothing) and ``refunds_apart``.

    Raises
    ------
    EmptyTableError, HistoryError, DataError
        If nobody has a purchase by then, nothing is held out, or a day is worth 10^12 minor units or more.

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
    >>> row = summarise_repeat_purchases(orders, Terms(dt.date(2025, 1, 29))).iloc[0]
    >>> row.drop("customer_id").astype(float).to_dict()
    {'n_repeat': 2.0, 'first_to_last': 2.0, 'tenure': 4.0, 'mean_repeat_value': 15.0}
    """
    as_of, end, scale = terms.as_of, counting.end(terms.as_of), 10**terms.minor_digits
    unit, held_out = days_per_unit(counting.time_unit), counting.calibrated_until is not None
    then = counting.orders_then if held_out else None
    table = _reduced(orders, as_of, end, counting) if then is None else _reduced(then, end, end, counting)
    bought = table.filter(pc.greater(table["n"], 0)).sort_by("customer_id")
    if not len(bought):
        raise EmptyTableError(f"no customer has a purchase by {end:%Y-%m-%d}. Choose a later date.")
    if (pc.max(bought["largest"]).as_py() or 0) >= _ABOVE:
        raise DataError(f"orders: a day worth {_ABOVE:,} minor units or more. Check the amounts and their currency.")
    first, last = (bought[name].to_numpy().astype("datetime64[D]") for name in ("first", "last"))
    n, total, start = (bought[name].to_numpy().astype("int64") for name in ("n", "total", "start"))
    repeats = n - 1
    value = np.where(repeats > 0, (total - start % _ABOVE) / scale / np.where(repeats > 0, repeats, 1), np.nan)
    days_known = (np.datetime64(end, "D") - first).astype("int64")
    summary = pd.DataFrame(
        {"customer_id": bought["customer_id"].to_pandas(), "n_repeat": repeats,
         "first_to_last": (last - first).astype("int64") / unit, "tenure": days_known / unit,
         "mean_repeat_value": value}
    )  # fmt: skip
    if held_out:
        later = table if then is None else _reduced(orders, as_of, end, counting)
        found = later.select(["customer_id", "n_holdout", "holdout_value"]).to_pandas().set_index("customer_id")
        found = found.reindex(summary["customer_id"]).fillna(0).astype("int64")
        summary["n_holdout"] = found["n_holdout"].to_numpy()
        summary["holdout_value"] = found["holdout_value"].to_numpy() / scale
    without = pc.sum(pc.equal(table["n_ever"], 0)).as_py()
    summary.attrs.update(
        time_unit=counting.time_unit, ends_on=end.isoformat(), holdout=(as_of - end).days / unit,
        n_without_purchase=without, refunds_apart=-(pc.sum(table["apart"]).as_py() or 0) / scale,
    )  # fmt: skip
    return summary


def count_purchase_days(orders: IntoFrame, terms: Terms, counting: Counting = WEEKLY) -> pd.DataFrame:
    """Count first (``n_first``) and repeat purchases (``n_repeat``) by ``day``, of who had bought by the end."""
    end = counting.end(terms.as_of)
    day, first = nw.col("ordered_on"), nw.col("first")
    counted = (
        orders_until(orders, terms.as_of, "revenue_minor", "refund_minor", "is_order")
        .filter(_counts(counting))
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


def days_per_unit(time_unit: str) -> float:
    """Return the days of a time unit."""
    if time_unit not in DAYS_PER_UNIT:
        raise ValueError(f"time_unit: expected one of {', '.join(map(repr, DAYS_PER_UNIT))}, got {time_unit!r}")
    return DAYS_PER_UNIT[time_unit]


def _counts(counting: Counting) -> nw.Expr:
    free = (nw.col("revenue_minor") == 0) & (nw.col("refund_minor") == 0)
    return nw.col("is_order") | free if counting.count_free_orders else nw.col("is_order")


def _reduced(orders: IntoFrame, as_of: dt.date, end: dt.date, counting: Counting) -> Any:
    """Reduce orders to purchase days, then to customers, in one pass; return an Arrow table."""
    lazy = orders_until(orders, as_of, "revenue_minor", "refund_minor", "is_order")
    is_date = lazy.collect_schema()["ordered_on"] == nw.Date
    last_day = end if is_date else dt.datetime.combine(end, dt.time.max)
    day, value, purchase, whole = nw.col("ordered_on"), nw.col("revenue_minor"), nw.col("purchase"), nw.Int64
    year, month, of_month = (part.cast(whole) for part in (day.dt.year(), day.dt.month(), day.dt.day()))
    zero, one = (nw.lit(number).cast(whole) for number in (0, 1))
    inside, after = purchase & (day <= last_day), purchase & (day > last_day)
    # rising with the day, so that one minimum gives the first day's value without a second pass
    numbered = ((year * 12 + month) * 31 + of_month) * _ABOVE + value
    sums = ("total", "holdout_value", "apart", "n", "n_holdout")
    reduced = (
        lazy.with_columns(purchase=_counts(counting))
        .group_by("customer_id", "ordered_on", "purchase")
        .agg(value.sum())
        .with_columns(value.cast(whole))
        .with_columns(
            start=nw.when(inside).then(numbered).otherwise(nw.lit(_NEVER)),
            bought_on=nw.when(inside).then(day),
            total=nw.when(inside).then(value).otherwise(zero),
            holdout_value=nw.when(after).then(value).otherwise(zero),
            apart=nw.when(~purchase).then(value).otherwise(zero),
            n=nw.when(inside).then(one).otherwise(zero),
            n_holdout=nw.when(after).then(one).otherwise(zero),
        )
        .group_by("customer_id")
        .agg(
            nw.col("start").min(),
            nw.col("bought_on").min().alias("first"),
            nw.col("bought_on").max().alias("last"),
            nw.col("total").max().alias("largest"),
            *(nw.col(name).sum() for name in sums),
        )
        # DuckDB sums integers to HUGEINT, which would leave as decimals
        .with_columns(nw.col(*sums).cast(whole))
        .with_columns(n_ever=nw.col("n") + nw.col("n_holdout"))
    )
    return collect_customers(reduced, as_of)


def purchase_rows(summary: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``n_repeat``, ``first_to_last``, ``tenure`` as floats; refuse what cannot be."""
    x, last, tenure = _floats(summary, "n_repeat", "first_to_last", "tenure")
    if not len(summary):
        raise EmptyTableError("summary: no customer in it. Choose a later as_of or a wider group.")
    _refuse("n_repeat is missing, negative or not whole", ~(x >= 0) | (x != np.floor(x)))
    _refuse("first_to_last is missing, negative or longer than tenure", ~(last >= 0) | ~(last <= tenure))
    _refuse("n_repeat and first_to_last do not agree on whether there was a repeat", (x > 0) != (last > 0))
    _refuse("tenure is not finite", ~np.isfinite(tenure))
    return x, last, tenure


def value_rows(summary: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return ``n_repeat`` and ``mean_repeat_value`` as floats, checked; the value is 0 without a repeat."""
    x, z = _floats(summary, "n_repeat", "mean_repeat_value")
    wrong = ~(x >= 0) | ((x > 0) & ~((z >= 0) & np.isfinite(z)))
    _refuse("mean_repeat_value or n_repeat is missing or negative", wrong)
    return x, np.where(x > 0, z, 0.0)


def _floats(summary: pd.DataFrame, *names: str) -> list[np.ndarray]:
    for name in names:
        if name not in summary:
            raise ColumnError(f"summary: column {name!r} not found. Make it with summarise_repeat_purchases.")
    return [summary[name].to_numpy(dtype="float64") for name in names]


def _refuse(what: str, rows: np.ndarray) -> None:
    if rows.any():
        where = f"{what} in {int(rows.sum()):,} of {len(rows):,} rows"
        raise DataError(f"summary: {where}. Make it with summarise_repeat_purchases, which counts days.")
