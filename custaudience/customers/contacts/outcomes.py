"""What a list is worth and what a letter adds: those listed a month ago, hold-outs judged, and how many it takes."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Sequence

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.contacts.lists import with_any
from custaudience.customers.ground import orders_until
from custaudience.evidence import Terms, status_of_difference
from custaudience.stats.intervals import mean_interval, share_difference, share_interval

MIN_ARM = 30
"""With fewer customers written to, or fewer held out, a difference is not judged; with fewer, no revenue is named."""
MIN_ORDERED = 10
"""With fewer customers who ordered, in both groups together, neither: a single one would turn the verdict."""
_N_RESAMPLES = 1000


def ordered_since(orders: IntoFrame, *, after: dt.date, as_of: dt.date) -> pd.Series:
    """Return the net revenue of each customer with an order after a day, in minor units, by ``customer_id``."""
    late = orders_until(orders, as_of, "is_order", "revenue_minor").filter(
        nw.col("is_order"), nw.col("ordered_on").cast(nw.Datetime("us")) > dt.datetime.combine(after, dt.time.max)
    )
    table = late.group_by("customer_id").agg(nw.col("revenue_minor").sum()).collect(backend="pyarrow").to_native()
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype({"customer_id": "str"}).set_index("customer_id")["revenue_minor"].astype("int64")


def look_back(earlier: pd.DataFrame, orders: IntoFrame, after: dt.date, terms: Terms) -> pd.DataFrame:
    """Say what the customers on earlier lists have done since, by themselves: a row per list, and ``any``.

    `earlier` has ``list`` and ``customer_id`` as of the day `after`; orders since then count. ``n_customers``,
    ``n_back`` (ordered since), ``share``, ``low``, ``high`` (Wilson); ``revenue_each`` (net revenue since per customer
    on the list, also of those who did not order), ``revenue_low``, ``revenue_high`` (bootstrap over customers); NaN
    where a few purchases would make it: of fewer than `MIN_ARM` customers or `MIN_ORDERED` who ordered.
    """
    spent, rows = ordered_since(orders, after=after, as_of=terms.as_of), []
    for name, part in with_any(earlier).groupby("list", sort=False):
        revenue = part["customer_id"].map(spent)
        n, back = len(part), int(revenue.notna().sum())
        each = np.full(3, np.nan)
        if n >= MIN_ARM and back >= MIN_ORDERED:
            each = mean_interval(revenue.fillna(0).to_numpy(), terms.level, _N_RESAMPLES, terms.seed)
        rows.append((name, n, back, *share_interval(back, n, terms.level), *(each / 10**terms.minor_digits)))
    columns = ["list", "n_customers", "n_back", "share", "low", "high", "revenue_each", "revenue_low", "revenue_high"]
    return pd.DataFrame(rows, columns=columns).astype({"list": "str"})


def judge_hold_out(drawn: pd.DataFrame, orders: IntoFrame, drawn_at: dt.date, terms: Terms) -> pd.DataFrame:
    """Compare who was to be written to with who was held out at random: how many have ordered since they were drawn.

    `drawn` has ``customer_id``, ``list``, ``held_out`` (bool). A row per list, and ``any`` for everybody: ``list``,
    ``n_written``, ``n_written_back``, ``n_held_out``, ``n_held_out_back``, ``share_written``, ``share_held_out``,
    ``difference`` (written to less held out), ``low``, ``high`` (Newcombe), ``verdict`` ("measured",
    "no_clear_difference", "too_few": see `MIN_ARM`, `MIN_ORDERED`).

    As drawn, not as sent: whoever was meant to get a letter counts as written to, also if it was never opened. The
    draw alone makes the groups comparable, so nobody may be moved between them afterwards. Of several lists looked at
    one may differ by chance: the row ``any`` is the one to decide by.
    """
    if terms.as_of <= drawn_at:
        raise ValueError(f"as_of: expected a day after {drawn_at}, when the hold-out was drawn, got {terms.as_of}")
    back = set(ordered_since(orders, after=drawn_at, as_of=terms.as_of).index)
    marked = with_any(drawn.assign(back=drawn["customer_id"].isin(back), held_out=drawn["held_out"].astype("bool")))
    rows = []
    for name, part in marked.groupby("list", sort=False):
        written, held = part[~part["held_out"]], part[part["held_out"]]
        n, k, m, j = len(written), int(written["back"].sum()), len(held), int(held["back"].sum())
        difference, low, high = share_difference(k, n, j, m, terms.level)
        verdict = status_of_difference(low, high, min(n, m), at_least=MIN_ARM)
        verdict = verdict if k + j >= MIN_ORDERED else "too_few"
        shares = (k / n if n else np.nan, j / m if m else np.nan)
        rows.append((name, n, k, m, j, *shares, difference, low, high, verdict))
    columns = ["list", "n_written", "n_written_back", "n_held_out", "n_held_out_back", "share_written"]
    columns += ["share_held_out", "difference", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns).astype({"list": "str", "verdict": "str"})


def smallest_effect(n_written: int, n_held_out: int, base: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the smallest rise of a share that a comparison of two groups would show: 0.02 is two points.

    `base` is the share of those held out who order by themselves; `power` the chance to see an effect of that size,
    `alpha` that to see one where there is none (two-sided). NaN where not even everybody ordering would show. Normal
    approximation to Cohen's h (Cohen 1988, chapter 6), as statsmodels' `NormalIndPower`.

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


def hold_out_sizes(n: int, base: float, shares: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.5)) -> pd.DataFrame:
    """Return which rise would be seen if so many of `n` were held out, one row per share; see `smallest_effect`."""
    held = [round(n * share) for share in shares]
    sizes = {"share_held_out": list(shares), "n_held_out": held, "n_written": [n - m for m in held], "base": base}
    return pd.DataFrame(sizes | {"smallest_effect": [smallest_effect(n - m, m, base) for m in held]})


def hold_out_needed(n: int, base: float, effect: float) -> int | None:
    """Return how many of `n` customers must be held out for a rise of `effect` to be seen; None if no number does."""
    sizes = range(2, n // 2 + 1)  # more held out shows more, up to the half
    at = bisect_left(sizes, True, key=lambda held: smallest_effect(n - held, held, base) <= effect)
    return sizes[at] if at < len(sizes) else None
