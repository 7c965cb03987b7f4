"""Whom to remind: bought one thing without what goes with it, or buys a thing at a steady pace."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.affinity.baskets import bought_items
from custaudience.customers.ground import lines_until
from custaudience.customers.lifecycle.history import FirstOrders
from custaudience.customers.lifecycle.rhythm import order_days, overdue_customers
from custaudience.errors import DataError, EmptyTableError
from custaudience.stats.bootstrap import mean_interval
from custaudience.stats.discovery import false_discovery_rates
from custaudience.stats.intervals import share_difference, share_interval

STATES = ("missed", "bought", "window not over", "window begins before the data")


@dataclass(frozen=True)
class MissedCrossSell:
    """Who bought a thing without what goes with it. The list is private, the rest can be published.

    Attributes
    ----------
    customers : DataFrame
        Private. A row per customer who missed, by falling ``spend`` and then ``customer_id``: ``bought_on``
        (day of the purchase), ``bought`` and ``missing`` (items, separated by ", "), ``spend`` (on what was
        bought that day, net), ``reason`` ("bought_without").
    table : DataFrame
        ``state`` (see `STATES`), ``n_customers``: adds up to everybody who bought the thing.
    goods : DataFrame
        Per missing item, of those whose window is over: ``item``, ``n_customers`` (bought it within the
        window), ``share``, ``low``, ``high`` (Wilson), ``mean_spend`` (of those who did; NaN if nobody).
    n_seen : int
        Customers whose window is over and lies in the data: missed + bought.
    n_missed : int
    share_bought, share_low, share_high : float
        Of `n_seen`, who bought some of what goes with it; Wilson.
    share_elsewhere, n_elsewhere : float, int
        The same share among customers who never bought the thing, around their last order. Where it is no
        lower, nothing goes together and nobody missed anything.
    difference, difference_low, difference_high : float
        ``share_bought - share_elsewhere`` with Newcombe's interval.
    spend_if_bought, spend_low, spend_high : float
        Mean net spend on what goes with it of those who did buy; bootstrap over customers; NaN below
        `min_buyers`.
    value, value_low, value_high : float
        ``n_missed * spend_if_bought``: **if they bought as similar customers do; not what an offer adds**. Some
        bought elsewhere or have no need, some would have come anyway.
    window_days : int
    as_of : date
    """

    customers: pd.DataFrame
    table: pd.DataFrame
    goods: pd.DataFrame
    n_seen: int
    n_missed: int
    share_bought: float
    share_low: float
    share_high: float
    share_elsewhere: float
    n_elsewhere: int
    difference: float
    difference_low: float
    difference_high: float
    spend_if_bought: float
    spend_low: float
    spend_high: float
    value: float
    value_low: float
    value_high: float
    window_days: int
    as_of: dt.date


def missed_cross_sell(
    transactions: IntoFrame,
    *,
    as_of: dt.date,
    bought: Sequence[str],
    goes_with: Sequence[str],
    window_days: int,
    level: str = "product_id",
    first_orders: FirstOrders = "unknown",
    min_buyers: int = 10,
    interval_level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
    minor_digits: int = 2,
) -> MissedCrossSell:
    """Find customers who bought a thing and, around that time, nothing of what goes with it.

    Parameters
    ----------
    transactions : any frame Narwhals reads, one row per order line
        As `Study.table` gives them, with the column `level`.
    as_of : date
        Last day that counts, inclusive.
    bought, goes_with : sequences of str
        Values of `level`: any of the one, and none of the other. Choose pairs that `product_pairs` has found.
    window_days : int
        What goes with it may be bought so many days before or after.
    level : str
        Column that names what is bought.
    first_orders : {"observed", "cut off", "unknown"}
        "observed" says that nothing was bought before the data begin. Else a window that reaches back before
        the first day of the data, in which nothing was found, has a state of its own.
    min_buyers : int
        With fewer customers who bought what goes with it, no value is given.
    interval_level, n_resamples, seed : float, int, int
        Of the intervals; the last two of the bootstrap.

    Returns
    -------
    MissedCrossSell

    Raises
    ------
    DataError
        If nobody bought any of `bought`, or the two lists overlap.

    Notes
    -----
    A customer is judged by the last purchase of the thing, on its day. Refunded in full is not bought. As long
    as the window is open the customer is counted apart: who has not come back yet may still do so.
    The value assumes that those who missed would spend as those who bought. It does not say what a letter
    brings: for that, hold some customers back at random and compare.
    """
    wanted, others = _names(bought, "bought"), _names(goes_with, "goes_with")
    if both := set(wanted) & set(others):
        raise DataError(f"missed_cross_sell: {sorted(both)} stand in both lists; take them out of one.")
    if window_days < 0:
        raise ValueError(f"window_days: expected 0 or more, got {window_days}")
    lines = lines_until(transactions, as_of, "order_id", "revenue_minor", level)
    first_day, last_order = _last_orders(lines, as_of)
    relevant = _collect(bought_items(lines.filter(nw.col(level).is_in([*wanted, *others])), level))
    relevant["item"] = relevant["item"].astype("str")
    things, goods = (relevant[relevant["item"].isin(names)] for names in (wanted, others))
    if things.empty:
        raise DataError(
            f"missed_cross_sell: nobody bought {list(wanted)} by {as_of}. These are values of the column {level!r}: "
            "look at its spelling, or choose another level."
        )
    anchor = things.groupby("customer_id")["bought_on"].max()
    near = _near(goods, anchor, window_days)
    end = pd.Timestamp(as_of)
    window = pd.Timedelta(days=window_days)
    found = anchor.index.isin(near["customer_id"])
    open_, early = anchor + window > end, (anchor - window < first_day) & (first_orders != "observed")
    state = pd.Series(np.select([found, open_, early], STATES[1:], STATES[0]), index=anchor.index)
    # those who bought at once are known before their window ends; to compare shares, only closed windows count
    seen = ~open_ & ~(early & ~found)
    spent = near[near["customer_id"].isin(anchor.index[seen])].groupby("customer_id")["revenue_minor"].sum()
    n_seen, n_bought = int(seen.sum()), len(spent)
    n_missed = int((state == "missed").sum())
    away = last_order[~last_order.index.isin(anchor.index) & (last_order + window <= end)]
    n_away = int(away.index.isin(_near(goods, away, window_days)["customer_id"]).sum())
    spend = np.full(3, np.nan)
    if len(spent) >= max(min_buyers, 2):
        spend = mean_interval(spent.to_numpy(), interval_level, n_resamples, seed) / 10**minor_digits
    share, share_low, share_high = share_interval(n_bought, n_seen, interval_level)
    versus = share_difference(n_bought, n_seen, n_away, len(away), interval_level)
    return MissedCrossSell(
        customers=_private_list(things, anchor[state == "missed"], others, 10**minor_digits),
        table=pd.DataFrame({"state": STATES, "n_customers": [int((state == name).sum()) for name in STATES]}),
        goods=_goods(near[near["customer_id"].isin(spent.index)], others, n_seen, interval_level, 10**minor_digits),
        n_seen=n_seen,
        n_missed=n_missed,
        share_bought=share,
        share_low=share_low,
        share_high=share_high,
        share_elsewhere=n_away / len(away) if len(away) else np.nan,
        n_elsewhere=len(away),
        difference=versus[0],
        difference_low=versus[1],
        difference_high=versus[2],
        spend_if_bought=float(spend[0]),
        spend_low=float(spend[1]),
        spend_high=float(spend[2]),
        value=float(n_missed * spend[0]),
        value_low=float(n_missed * spend[1]),
        value_high=float(n_missed * spend[2]),
        window_days=window_days,
        as_of=as_of,
    )


def _names(values: Sequence[str], which: str) -> tuple[str, ...]:
    if isinstance(values, str) or not len(values):
        raise ValueError(f"{which}: expected a list of names such as ['sand', 'cement'], got {values!r}")
    return tuple(dict.fromkeys(str(value) for value in values))


def _collect(lazy: nw.LazyFrame[Any]) -> pd.DataFrame:
    table: pd.DataFrame = lazy.collect(backend="pyarrow").to_native().to_pandas(ignore_metadata=True)
    table["customer_id"] = table["customer_id"].astype("str")
    return table


def _last_orders(lines: nw.LazyFrame[Any], as_of: dt.date) -> tuple[pd.Timestamp, pd.Series]:
    """Return the first day of the data, and the last day on which each customer bought."""
    day = nw.col("ordered_at")
    table = _collect(
        lines.filter(nw.col("revenue_minor") >= 0)
        .group_by("customer_id")
        .agg(first=day.min(), last=day.max())
    )  # fmt: skip
    if table.empty:
        raise EmptyTableError(f"nothing bought by {as_of}. Choose a later as_of.")
    return table["first"].min().normalize(), table.set_index("customer_id")["last"].dt.normalize()


def _near(goods: pd.DataFrame, anchor: pd.Series, window_days: int) -> pd.DataFrame:
    """Return the rows of `goods` bought within the window around their customer's day."""
    day = anchor.reindex(goods["customer_id"]).to_numpy()
    return goods[(goods["bought_on"] - day).abs() <= pd.Timedelta(days=window_days)]


def _goods(near: pd.DataFrame, others: tuple[str, ...], n_seen: int, level: float, scale: int) -> pd.DataFrame:
    rows = []
    for item in others:
        spent = near[near["item"] == item].groupby("customer_id")["revenue_minor"].sum()
        mean = spent.sum() / len(spent) / scale if len(spent) else np.nan
        rows.append((item, len(spent), *share_interval(len(spent), n_seen, level), mean))
    return pd.DataFrame(rows, columns=["item", "n_customers", "share", "low", "high", "mean_spend"])


def _private_list(things: pd.DataFrame, missed: pd.Series, others: tuple[str, ...], scale: int) -> pd.DataFrame:
    mine = things[things["bought_on"] == missed.reindex(things["customer_id"]).to_numpy()]
    mine = mine.sort_values(["customer_id", "item"])
    grouped = mine.groupby("customer_id")
    result = pd.DataFrame(
        {
            "bought_on": grouped["bought_on"].first(),
            "bought": grouped["item"].agg(lambda items: ", ".join(dict.fromkeys(items))),
            "missing": ", ".join(others),
            "spend": grouped["revenue_minor"].sum() / scale,
            "reason": "bought_without",
        }
    ).reset_index()
    result = result.astype({"customer_id": "str", "bought": "str", "missing": "str", "reason": "str"})
    return result.sort_values(["spend", "customer_id"], ascending=[False, True], ignore_index=True)


@dataclass(frozen=True)
class RegularBuyers:
    """Who buys a thing at a steady pace, and how many were looked at.

    Attributes
    ----------
    table : DataFrame
        Private, as `regular_buyers` describes it.
    n_tested : int
        Pairs of customer and item with enough purchases: the family of the false-discovery control.
    n_customers_tested : int
    level : str
    as_of : date
    """

    table: pd.DataFrame
    n_tested: int
    n_customers_tested: int
    level: str
    as_of: dt.date


def regular_buyers(
    transactions: IntoFrame,
    *,
    as_of: dt.date,
    level: str = "product_id",
    min_orders: int = 6,
    max_variation: float = 0.5,
    max_fdr: float = 0.05,
    share: float = 0.95,
) -> RegularBuyers:
    """Find customers who buy a thing again at intervals more even than chance makes them.

    Parameters
    ----------
    transactions : any frame Narwhals reads, one row per order line
    as_of : date
        Last day that counts, inclusive.
    level : str
        Column that names what is bought.
    min_orders : int, 3 or more
        Days on which the customer bought it; purchases of one day are one.
    max_variation : float
        Largest coefficient of variation of the gaps (standard deviation / mean; random buying has about 1).
    max_fdr : float
        Share of false finds to accept among the regular.
    share : float
        As in `overdue_customers`.

    Returns
    -------
    RegularBuyers
        ``table`` has a row per regular customer and item, sorted by both: ``customer_id``, ``item``,
        ``n_orders`` (days), ``usual_gap_days`` (median), ``variation``, ``q_value``, ``last_bought_on``,
        ``next_due_on`` (last + usual gap, rounded up), ``days_since_last_order`` (of the item),
        ``overdue_after_days`` (order statistic of the own gaps), ``overdue``.

    Raises
    ------
    EmptyTableError
        If nothing was bought by `as_of`.

    Notes
    -----
    Moran's test (1951) that gaps are exponential, as when every moment is as likely as any other, one-sided
    for too even: ``2n (log mean - mean log) / (1 + (n + 1) / 6n)`` of n gaps is about chi-squared with n - 1
    degrees of freedom. P-values over all pairs tested, after Benjamini and Hochberg. Whoever shops every
    Saturday buys everything regularly: the rhythm may be of the visits, not of the thing.
    """
    if min_orders < 3:
        raise ValueError(f"min_orders: expected 3 or more (two gaps), got {min_orders}")
    lines = lines_until(transactions, as_of, "order_id", "revenue_minor", level)
    days = (
        bought_items(lines, level)
        .select("customer_id", "item", "bought_on")
        .unique()
        .with_columns(one=nw.lit(1))
        .with_columns(n=nw.col("one").sum().over("customer_id", "item"))
    )
    table = _collect(days.filter(nw.col("n") >= min_orders).select("customer_id", "item", "bought_on"))
    table["item"] = table["item"].astype("str")
    columns = ["customer_id", "item", "n_orders", "usual_gap_days", "variation", "q_value", "last_bought_on",
               "next_due_on", "days_since_last_order", "overdue_after_days", "overdue"]  # fmt: skip
    if table.empty:
        return RegularBuyers(pd.DataFrame(columns=columns), 0, 0, level, as_of)
    table["pair"] = table.groupby(["customer_id", "item"], sort=True).ngroup()
    keys = table.sort_values("pair").drop_duplicates("pair")[["customer_id", "item"]].reset_index(drop=True)
    # each pair of customer and item is followed like a customer of its own
    fake = pd.DataFrame(
        {"customer_id": table["pair"].map("{:012d}".format), "ordered_on": table["bought_on"], "is_order": True}
    )
    rhythm = overdue_customers(fake, as_of=as_of, share=share, min_gaps=min_orders - 1)
    pair, gap = order_days(fake, as_of=as_of).gaps()
    n = np.bincount(pair)
    mean, square = np.bincount(pair, gap) / n, np.bincount(pair, gap.astype("float64") ** 2)
    variation = np.sqrt(np.maximum(square - n * mean**2, 0) / (n - 1)) / mean
    result = keys.assign(
        n_orders=n + 1,
        usual_gap_days=rhythm["usual_gap_days"],
        variation=variation,
        # days are whole: half a day less, and gaps of random shopping days spread as exponential ones do
        q_value=false_discovery_rates(_p_even(n, mean - 0.5, np.bincount(pair, np.log(gap - 0.5)) / n)),
        last_bought_on=pd.Timestamp(as_of) - pd.to_timedelta(rhythm["days_since_last_order"], unit="D"),
        days_since_last_order=rhythm["days_since_last_order"],
        overdue_after_days=rhythm["overdue_after_days"].astype("int64"),
        overdue=rhythm["overdue"].astype("bool"),
    )
    result["next_due_on"] = result["last_bought_on"] + pd.to_timedelta(np.ceil(result["usual_gap_days"]), unit="D")
    regular = (result["q_value"] <= max_fdr) & (result["variation"] <= max_variation)
    return RegularBuyers(
        result.loc[regular, columns].reset_index(drop=True), len(result), keys["customer_id"].nunique(), level, as_of
    )


def _p_even(n: np.ndarray, mean: np.ndarray, mean_log: np.ndarray) -> np.ndarray:
    """Return the chance that random gaps are so even (Moran 1951, lower tail)."""
    from scipy.stats import chi2

    statistic = 2 * n * (np.log(mean) - mean_log) / (1 + (n + 1) / (6 * n))
    return chi2.cdf(np.maximum(statistic, 0), n - 1)
