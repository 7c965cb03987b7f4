"""What a list is worth and what a letter adds: those listed a month ago, hold-outs judged, and how many it takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.ground import orders_until
from custaudience.evidence import status_of_difference
from custaudience.stats.bootstrap import mean_interval
from custaudience.stats.intervals import share_difference, share_interval

MIN_ARM = 30
"""With fewer customers written to, or fewer held out, a difference is not judged."""
MIN_ORDERED = 10
"""With fewer customers who ordered, in both groups together, neither: a single one would turn the verdict."""


def ordered_since(orders: IntoFrame, *, after: dt.date, as_of: dt.date) -> pd.Series:
    """Return the net revenue of each customer with an order after a day, in minor units, by ``customer_id``."""
    late = orders_until(orders, as_of, "is_order", "revenue_minor").filter(
        nw.col("is_order"), nw.col("ordered_on").cast(nw.Datetime("us")) > dt.datetime.combine(after, dt.time.max)
    )
    table = late.group_by("customer_id").agg(nw.col("revenue_minor").sum()).collect(backend="pyarrow").to_native()
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype({"customer_id": "str"}).set_index("customer_id")["revenue_minor"].astype("int64")


def look_back(
    earlier: pd.DataFrame,
    orders: IntoFrame,
    *,
    after: dt.date,
    as_of: dt.date,
    min_customers: int = 30,
    min_buyers: int = 10,
    interval_level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
    minor_digits: int = 2,
) -> pd.DataFrame:
    """Say what the customers on earlier lists have done since, by themselves.

    Parameters
    ----------
    earlier : DataFrame
        ``list`` and ``customer_id`` as of `after`.
    orders : any frame Narwhals reads, one row per order
    after, as_of : date
        Orders after the one day and by the other count.
    min_customers, min_buyers : int
        With fewer on the list, or fewer of them who ordered, no revenue is named: a few purchases would make it.

    Returns
    -------
    DataFrame, a row per list in `earlier`, and ``any`` for everybody on one
        ``list``, ``n_customers``, ``n_back`` (ordered since), ``share``, ``low``, ``high`` (Wilson);
        ``revenue_each`` (net revenue since per customer on the list, also of those who did not order),
        ``revenue_low``, ``revenue_high`` (bootstrap over customers); NaN where nothing can be said.
    """
    spent = ordered_since(orders, after=after, as_of=as_of)
    everybody = pd.concat([earlier, earlier.drop_duplicates("customer_id").assign(list="any")])
    rows = []
    for name, part in everybody.groupby("list", sort=False):
        revenue = part["customer_id"].map(spent)
        n, back = len(part), int(revenue.notna().sum())
        each = np.full(3, np.nan)
        if n >= min_customers and back >= min_buyers:
            each = mean_interval(revenue.fillna(0).to_numpy(), interval_level, n_resamples, seed) / 10**minor_digits
        rows.append((name, n, back, *share_interval(back, n, interval_level), *each))
    columns = ["list", "n_customers", "n_back", "share", "low", "high", "revenue_each", "revenue_low", "revenue_high"]
    return pd.DataFrame(rows, columns=columns).astype({"list": "str"})


def judge_hold_out(
    drawn: pd.DataFrame,
    orders: IntoFrame,
    *,
    drawn_at: dt.date,
    as_of: dt.date,
    interval_level: float = 0.95,
    min_arm: int = MIN_ARM,
    min_ordered: int = MIN_ORDERED,
) -> pd.DataFrame:
    """Compare who was to be written to with who was held out at random: how many have ordered since.

    Parameters
    ----------
    drawn : DataFrame
        ``customer_id``, ``list``, ``held_out`` (bool), as they were drawn.
    orders : any frame Narwhals reads, one row per order
    drawn_at : date
        Last day the draw knew of; orders after it count.
    as_of : date
        Last day that counts, inclusive.
    min_arm, min_ordered : int
        With fewer customers in either group, or fewer of both together who ordered, the verdict is "too_few".

    Returns
    -------
    DataFrame, a row per list in `drawn`, and ``any`` for everybody
        ``list``, ``n_written``, ``n_written_back``, ``n_held_out``, ``n_held_out_back``, ``share_written``,
        ``share_held_out``, ``difference`` (written to less held out), ``low``, ``high`` (Newcombe), ``verdict``
        ("measured", "no_clear_difference", "too_few").

    Raises
    ------
    ValueError
        If `as_of` is not after `drawn_at`.

    Notes
    -----
    As drawn, not as sent: whoever was meant to get a letter counts as written to, also if it was never opened. The
    draw alone makes the groups comparable, so nobody may be moved between them afterwards. Of several lists looked at
    one may differ by chance: the row ``any`` is the one to decide by.
    """
    if as_of <= drawn_at:
        raise ValueError(f"as_of: expected a day after {drawn_at}, when the hold-out was drawn, got {as_of}")
    back = set(ordered_since(orders, after=drawn_at, as_of=as_of).index)
    marked = drawn.assign(back=drawn["customer_id"].isin(back), held_out=drawn["held_out"].astype("bool"))
    marked = pd.concat([marked, marked.drop_duplicates("customer_id").assign(list="any")])
    rows: list[tuple[Any, ...]] = []
    for name, part in marked.groupby("list", sort=False):
        written, held = part[~part["held_out"]], part[part["held_out"]]
        n, k, m, j = len(written), int(written["back"].sum()), len(held), int(held["back"].sum())
        difference, low, high = share_difference(k, n, j, m, interval_level)
        verdict = status_of_difference(low, high, min(n, m), at_least=min_arm)
        verdict = verdict if k + j >= min_ordered else "too_few"
        shares = (k / n if n else np.nan, j / m if m else np.nan)
        rows.append((name, n, k, m, j, *shares, difference, low, high, verdict))
    columns = ["list", "n_written", "n_written_back", "n_held_out", "n_held_out_back", "share_written",
               "share_held_out", "difference", "low", "high", "verdict"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).astype({"list": "str", "verdict": "str"})


def smallest_effect(n_written: int, n_held_out: int, base: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the smallest rise of a share that a comparison of two groups would show.

    Parameters
    ----------
    n_written, n_held_out : int
    base : float
        Share of those held out who order by themselves.
    power, alpha : float
        Chance to see an effect of that size; chance to see one where there is none (two-sided).

    Returns
    -------
    float
        As a fraction, 0.02 = two points; NaN where not even everybody ordering would show.

    Notes
    -----
    Normal approximation to Cohen's h (Cohen 1988, chapter 6), as statsmodels' `NormalIndPower`.

    Examples
    --------
    >>> round(smallest_effect(900, 100, 0.10), 3)
    0.105
    """
    from statsmodels.stats.power import NormalIndPower

    if min(n_written, n_held_out) < 2 or not 0 <= base < 1:
        return float("nan")
    h = NormalIndPower().solve_power(nobs1=n_held_out, ratio=n_written / n_held_out, power=power, alpha=alpha)
    angle = np.arcsin(np.sqrt(base)) + float(h) / 2
    return float(np.sin(angle) ** 2 - base) if angle <= np.pi / 2 else float("nan")


def hold_out_sizes(
    n: int, base: float, shares: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.5), *, power: float = 0.8
) -> pd.DataFrame:
    """Return which rise would be seen if so many of `n` customers were held out.

    Returns
    -------
    DataFrame, one row per share
        ``share_held_out``, ``n_held_out``, ``n_written``, ``base``, ``smallest_effect`` (see `smallest_effect`).
    """
    held = [round(n * share) for share in shares]
    effects = [smallest_effect(n - m, m, base, power=power) for m in held]
    return pd.DataFrame(
        {
            "share_held_out": list(shares),
            "n_held_out": held,
            "n_written": [n - m for m in held],
            "base": base,
            "smallest_effect": effects,
        }
    )


def hold_out_needed(n: int, base: float, effect: float, *, power: float = 0.8) -> int | None:
    """Return how many of `n` customers must be held out for a rise of `effect` to be seen; None if no number does."""
    half = n // 2
    if not smallest_effect(n - half, half, base, power=power) <= effect:
        return None
    low, high = 2, half  # more held out shows more, up to the half
    while low < high:
        middle = (low + high) // 2
        if smallest_effect(n - middle, middle, base, power=power) <= effect:
            high = middle
        else:
            low = middle + 1
    return low
