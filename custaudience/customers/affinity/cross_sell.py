"""Whom to remind: bought one thing without what goes with it, or buys a thing at a steady pace."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.affinity.baskets import bought_items
from custaudience.customers.affinity.pairs import Offer
from custaudience.customers.ground import lines_until
from custaudience.customers.rhythm import order_days, overdue_customers
from custaudience.errors import DataError, EmptyTableError
from custaudience.evidence import Estimate, Terms
from custaudience.stats.intervals import false_discovery_rates, mean_interval, share_difference, share_interval

STATES = ("missed", "bought", "window not over", "window begins before the data")
_N_RESAMPLES = 2000


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
    share : Estimate
        Of `n`, the customers whose window is over and lies in the data (missed + bought): who bought some of what goes
        with it; Wilson.
    elsewhere : Estimate
        The same share among the `n` customers who never bought the thing, around their last order. Where it is no
        lower, nothing goes together and nobody missed anything.
    difference : Estimate
        The one share less the other, with Newcombe's interval.
    spend : Estimate
        Mean net spend on what goes with it of the `n` who did buy; bootstrap over customers; NaN of too few.
    value : Estimate
        `n_missed` times `spend`: **if they bought as similar customers do; not what an offer adds**. Some
        bought elsewhere or have no need, some would have come anyway.
    """

    customers: pd.DataFrame
    table: pd.DataFrame
    goods: pd.DataFrame
    n_missed: int
    share: Estimate
    elsewhere: Estimate
    difference: Estimate
    spend: Estimate
    value: Estimate
    offer: Offer
    window_days: int
    as_of: dt.date


def missed_cross_sell(
    transactions: IntoFrame, offer: Offer, terms: Terms, *, window_days: int, level: str = "product_id"
) -> MissedCrossSell:
    """Find customers who bought a thing and, around that time, nothing of what goes with it.

    Parameters
    ----------
    transactions : any frame Narwhals reads, one row per order line
        As `Study.table` gives them, with the column `level`.
    offer : Offer
        Values of `level`: any of the one, and none of the other. Choose pairs that `product_pairs` has found.
    terms : Terms
        Its ``first_orders`` "observed" says that nothing was bought before the data begin. Else a window that reaches
        back before the first day of the data, in which nothing was found, has a state of its own. With fewer customers
        than its ``least`` who bought what goes with it, no value is given.
    window_days : int
        What goes with it may be bought so many days before or after.

    Raises
    ------
    DataError
        If nobody bought any of it, or the two lists overlap.

    Notes
    -----
    A customer is judged by the last purchase of the thing, on its day. Refunded in full is not bought. As long
    as the window is open the customer is counted apart: who has not come back yet may still do so.
    The value assumes that those who missed would spend as those who bought. It does not say what a letter
    brings: for that, hold some customers back at random and compare.
    """
    wanted, others = (_names(getattr(offer, which), which) for which in ("bought", "goes_with"))
    if both := set(wanted) & set(others):
        raise DataError(f"missed_cross_sell: {sorted(both)} stand in both lists; take them out of one.")
    if window_days < 0:
        raise ValueError(f"window_days: expected 0 or more, got {window_days}")
    as_of, confidence, scale = terms.as_of, terms.level, 10**terms.minor_digits
    lines = lines_until(transactions, as_of, "order_id", "revenue_minor", level)
    first_day, last_order = _last_orders(lines, as_of)
    relevant = _collect(bought_items(lines.filter(nw.col(level).is_in([*wanted, *others])), level))
    things, goods = (relevant[relevant["item"].isin(names)] for names in (wanted, others))
    if things.empty:
        raise DataError(
            f"missed_cross_sell: nobody bought {list(wanted)} by {as_of}. These are values of the column {level!r}: "
            "look at its spelling, or choose another level."
        )
    anchor = things.groupby("customer_id")["bought_on"].max()
    near = _near(goods, anchor, window_days)
    end, window = pd.Timestamp(as_of), pd.Timedelta(days=window_days)
    found = anchor.index.isin(near["customer_id"])
    open_, early = anchor + window > end, (anchor - window < first_day) & (terms.first_orders != "observed")
    state = pd.Series(np.select([found, open_, early], STATES[1:], STATES[0]), index=anchor.index)
    # those who bought at once are known before their window ends; to compare shares, only closed windows count
    seen = ~open_ & ~(early & ~found)
    near_seen = near[near["customer_id"].isin(anchor.index[seen])]
    spent = near_seen.groupby("customer_id")["revenue_minor"].sum()
    n_seen, n_bought, n_missed = int(seen.sum()), len(spent), int((state == "missed").sum())
    away = last_order[~last_order.index.isin(anchor.index) & (last_order + window <= end)]
    n_away = int(away.index.isin(_near(goods, away, window_days)["customer_id"]).sum())
    spend = low = high = np.nan
    if n_bought >= max(terms.least, 2):
        spend, low, high = map(float, mean_interval(spent.to_numpy(), confidence, _N_RESAMPLES, terms.seed) / scale)
    versus = share_difference(n_bought, n_seen, n_away, len(away), confidence)
    return MissedCrossSell(
        _private_list(things, anchor[state == "missed"], others, scale),
        pd.DataFrame({"state": STATES, "n_customers": [int((state == name).sum()) for name in STATES]}),
        _goods(near_seen, others, n_seen, terms),
        n_missed,
        Estimate(*share_interval(n_bought, n_seen, confidence), confidence, n_seen),
        Estimate(*share_interval(n_away, len(away), confidence), confidence, len(away)),
        Estimate(*versus, confidence, n_seen),
        Estimate(spend, low, high, confidence, n_bought),
        Estimate(n_missed * spend, n_missed * low, n_missed * high, confidence, n_missed),
        offer, window_days, as_of,
    )  # fmt: skip


def _names(values: Iterable[str], which: str) -> tuple[str, ...]:
    if isinstance(values, str) or not (names := tuple(dict.fromkeys(map(str, values)))):
        raise ValueError(f"{which}: expected a list of names such as ['sand', 'cement'], got {values!r}")
    return names


def _collect(lazy: nw.LazyFrame[Any]) -> pd.DataFrame:
    table: pd.DataFrame = lazy.collect(backend="pyarrow").to_native().to_pandas(ignore_metadata=True)
    return table.astype({name: "str" for name in ("customer_id", "item") if name in table})


def _last_orders(lines: nw.LazyFrame[Any], as_of: dt.date) -> tuple[pd.Timestamp, pd.Series]:
    """Return the first day of the data, and the last day on which each customer bought."""
    day = nw.col("ordered_at")
    bought = lines.filter(nw.col("revenue_minor") >= 0).group_by("customer_id")
    table = _collect(bought.agg(first=day.min(), last=day.max()))
    if table.empty:
        raise EmptyTableError(f"nothing bought by {as_of}. Choose a later as_of.")
    return table["first"].min().normalize(), table.set_index("customer_id")["last"].dt.normalize()


def _near(goods: pd.DataFrame, anchor: pd.Series, window_days: int) -> pd.DataFrame:
    """Return the rows of `goods` bought within the window around their customer's day."""
    day = anchor.reindex(goods["customer_id"]).to_numpy()
    return goods[(goods["bought_on"] - day).abs() <= pd.Timedelta(days=window_days)]


def _goods(near: pd.DataFrame, others: tuple[str, ...], n_seen: int, terms: Terms) -> pd.DataFrame:
    rows = []
    for item in others:
        spent = near[near["item"] == item].groupby("customer_id")["revenue_minor"].sum()
        mean = spent.sum() / len(spent) / 10**terms.minor_digits if len(spent) else np.nan
        rows.append((item, len(spent), *share_interval(len(spent), n_seen, terms.level), mean))
    return pd.DataFrame(rows, columns=["item", "n_customers", "share", "low", "high", "mean_spend"])


def _private_list(things: pd.DataFrame, missed: pd.Series, others: tuple[str, ...], scale: int) -> pd.DataFrame:
    mine = things[things["bought_on"] == missed.reindex(things["customer_id"]).to_numpy()]
    grouped = mine.sort_values(["customer_id", "item"]).groupby("customer_id")
    bought = ("item", lambda items: ", ".join(dict.fromkeys(items)))
    result = grouped.agg(bought_on=("bought_on", "first"), bought=bought, spend=("revenue_minor", "sum"))
    result.insert(2, "missing", ", ".join(others))
    result = result.assign(spend=result["spend"] / scale, reason="bought_without").reset_index()
    result = result.astype({"customer_id": "str", "bought": "str", "missing": "str", "reason": "str"})
    return result.sort_values(["spend", "customer_id"], ascending=[False, True], ignore_index=True)


@dataclass(frozen=True)
class RegularBuyers:
    """Who buys a thing at a steady pace, and how many were looked at.

    Attributes
    ----------
    table : DataFrame
        Private. A row per regular customer and item, sorted by both: ``customer_id``, ``item``,
        ``n_orders`` (days), ``usual_gap_days`` (median), ``variation``, ``q_value``, ``last_bought_on``,
        ``next_due_on`` (last + usual gap, rounded up), ``days_since_last_order`` (of the item),
        ``overdue_after_days`` (order statistic of the own gaps), ``overdue``.
    n_tested, n_customers_tested : int
        Pairs of customer and item with enough purchases: the family of the false-discovery control.
    """

    table: pd.DataFrame
    n_tested: int
    n_customers_tested: int
    level: str
    as_of: dt.date
    min_orders: int = 6


def regular_buyers(
    transactions: IntoFrame, terms: Terms, *, level: str = "product_id", min_orders: int = 6, max_variation: float = 0.5
) -> RegularBuyers:
    """Find customers who buy a thing again at intervals more even than chance makes them.

    Parameters
    ----------
    transactions : any frame Narwhals reads, one row per order line
        With the column `level`, which names what is bought.
    min_orders : int, 3 or more
        Days on which the customer bought it; purchases of one day are one.
    max_variation : float
        Largest coefficient of variation of the gaps (standard deviation / mean; random buying has about 1).

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
    as_of = terms.as_of
    days = bought_items(lines_until(transactions, as_of, "order_id", "revenue_minor", level), level)
    days = days.select("customer_id", "item", "bought_on").unique().with_columns(one=nw.lit(1))
    days = days.with_columns(n=nw.col("one").sum().over("customer_id", "item")).filter(nw.col("n") >= min_orders)
    table = _collect(days.select("customer_id", "item", "bought_on"))
    columns = ["customer_id", "item", "n_orders", "usual_gap_days", "variation", "q_value", "last_bought_on",
               "next_due_on", "days_since_last_order", "overdue_after_days", "overdue"]  # fmt: skip
    if table.empty:
        return RegularBuyers(pd.DataFrame(columns=columns), 0, 0, level, as_of, min_orders)
    pairs = table.groupby(["customer_id", "item"], sort=True)
    keys = pairs.size().reset_index()[["customer_id", "item"]]
    # each pair of customer and item is followed like a customer of its own
    followed = pairs.ngroup().map("{:012d}".format)
    fake = pd.DataFrame({"customer_id": followed, "ordered_on": table["bought_on"], "is_order": True})
    rhythm = overdue_customers(fake, as_of=as_of, min_gaps=min_orders - 1)
    pair, gap = order_days(fake, as_of=as_of).gaps()
    n = np.bincount(pair)
    mean, square = np.bincount(pair, gap) / n, np.bincount(pair, gap.astype("float64") ** 2)
    silent = rhythm["days_since_last_order"]
    last = pd.Timestamp(as_of) - pd.to_timedelta(silent, unit="D")
    followed = rhythm[["usual_gap_days", "days_since_last_order", "overdue_after_days", "overdue"]]
    result = keys.join(followed.astype({"overdue_after_days": "int64", "overdue": "bool"})).assign(
        n_orders=n + 1, variation=np.sqrt(np.maximum(square - n * mean**2, 0) / (n - 1)) / mean,
        # days are whole: half a day less, and gaps of random shopping days spread as exponential ones do
        q_value=false_discovery_rates(_p_even(n, mean - 0.5, np.bincount(pair, np.log(gap - 0.5)) / n)),
        last_bought_on=last, next_due_on=last + pd.to_timedelta(np.ceil(rhythm["usual_gap_days"]), unit="D"),
    )  # fmt: skip
    kept = (result["q_value"] <= 1 - terms.level) & (result["variation"] <= max_variation)
    table = result.loc[kept, columns].reset_index(drop=True)
    return RegularBuyers(table, len(result), keys["customer_id"].nunique(), level, as_of, min_orders)


def _p_even(n: np.ndarray, mean: np.ndarray, mean_log: np.ndarray) -> np.ndarray:
    """Return the chance that random gaps are so even (Moran 1951, lower tail)."""
    from scipy.stats import chi2

    statistic = 2 * n * (np.log(mean) - mean_log) / (1 + (n + 1) / (6 * n))
    return chi2.cdf(np.maximum(statistic, 0), n - 1)


def regular_items(regular: RegularBuyers, least: int) -> pd.DataFrame:
    """Count the regular buyers of each thing, and who is due: things by falling number, all others (NA) last.

    ``item``, ``n_customers``, ``usual_gap_days`` (median; NA for the others), ``n_due`` (usual gap over, not yet
    overdue), ``n_overdue`` (silent for longer than their own gaps); counts of fewer than `least` are NA.
    """
    late = regular.table["overdue"].astype("bool")
    rows = regular.table.assign(overdue=late, due=(regular.table["next_due_on"] <= pd.Timestamp(regular.as_of)) & ~late)
    size = rows.groupby("item")["customer_id"].transform("nunique") if len(rows) else pd.Series(dtype="int64")
    large, small = rows[size >= least], rows[size < least]
    table = large.groupby("item").agg(
        n_customers=("customer_id", "nunique"), usual_gap_days=("usual_gap_days", "median"),
        n_due=("due", "sum"), n_overdue=("overdue", "sum"),
    )  # fmt: skip
    table = table.reset_index().sort_values(["n_customers", "item"], ascending=[False, True], ignore_index=True)
    n, *mine = (small.loc[which, "customer_id"].nunique() for which in (slice(None), small["due"], small["overdue"]))
    if n >= least:
        last = pd.DataFrame([(None, n, None, *mine)], columns=list(table.columns))
        table = pd.concat([table.astype("object"), last.astype("object")], ignore_index=True)
    counts = ["n_customers", "n_due", "n_overdue"]
    table = table.astype({"item": "str", "usual_gap_days": "float64"} | dict.fromkeys(counts, "Int64"))
    for column in counts[1:]:
        table[column] = table[column].mask(table[column].between(1, least - 1))
    return table
