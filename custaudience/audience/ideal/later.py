"""What those who were ideal at an earlier date did since: the one figure that the choice itself does not make."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from custaudience.audience.ideal.customers import IdealCustomers
from custaudience.audience.ideal.facts import share_of_total
from custaudience.errors import HistoryError


@dataclass(frozen=True)
class IdealLater:
    """The ideal customers of an earlier date, and what they did until a later one.

    Attributes
    ----------
    earlier, as_of : date
    n : int
        Ideal at the earlier date.
    n_still : int
        Of them, ideal at the later one by the same cut-offs.
    n_ordered : int
        Of them, with an order in between.
    n_others, n_others_ordered : int
        The same of all other customers of the earlier date.
    share_until : float
        Of the revenue until the earlier date, the part of those ideal then.
    share_since, low, high : float
        Of the revenue that the customers of the earlier date brought since, their part, with an interval; NaN when
        there was none.
    level : float
    """

    earlier: dt.date
    as_of: dt.date
    n: int
    n_still: int
    n_ordered: int
    n_others: int
    n_others_ordered: int
    share_until: float
    share_since: float
    low: float
    high: float
    level: float


def follow_ideal(earlier: IdealCustomers, later: IdealCustomers) -> IdealLater:
    """Compare two dates: who stayed ideal, who ordered again, and which part of the revenue since they brought.

    Parameters
    ----------
    earlier, later : IdealCustomers
        Of the same study, in this order.

    Returns
    -------
    IdealLater
        Newcomers since are in no figure. The share until is made by the choice; only the share since is news.

    Raises
    ------
    HistoryError
        If the dates are not in order, or nobody was ideal at the earlier one.
    """
    if not earlier.as_of < later.as_of:
        raise HistoryError(f"follow_ideal: {earlier.as_of} is not before {later.as_of}.")
    if not earlier.n_ideal:
        raise HistoryError(f"follow_ideal: nobody was ideal on {earlier.as_of}, so nobody can be followed.")
    columns = ["n_orders", "revenue_total", "ideal"]
    before = earlier.table.set_index("customer_id")[columns]
    after = later.table.set_index("customer_id")[columns].reindex(before.index)
    ideal = before["ideal"].to_numpy(dtype=bool)
    ordered = (after["n_orders"].fillna(0) > before["n_orders"]).to_numpy(dtype=bool)
    # an order refunded in full later counts no more: then the customer is in `before` only
    since = (after["revenue_total"].fillna(0.0) - before["revenue_total"]).to_numpy()
    share, low, high = share_of_total(since, ideal, later.level)
    until = before["revenue_total"].to_numpy()
    return IdealLater(
        earlier=earlier.as_of,
        as_of=later.as_of,
        n=int(ideal.sum()),
        n_still=int((ideal & (after["ideal"] == True).to_numpy(dtype=bool)).sum()),  # noqa: E712
        n_ordered=int((ideal & ordered).sum()),
        n_others=int((~ideal).sum()),
        n_others_ordered=int((~ideal & ordered).sum()),
        share_until=share_of_total(until, ideal, later.level)[0],
        share_since=share,
        low=low,
        high=high,
        level=later.level,
    )


def later_table(later: IdealLater, *, min_group_size: int = 10) -> pd.DataFrame:
    """Return the figures of both groups as published: ``group``, ``n``, ``ordered`` (share), ``share_of_revenue``.

    Returns
    -------
    DataFrame of two rows
        Figures of groups under `min_group_size` are missing, and of shares of 1 to 9 people.
    """
    rows = []
    for group, n, ordered in (("ideal", later.n, later.n_ordered), ("rest", later.n_others, later.n_others_ordered)):
        small = 0 < n < min_group_size
        part = math.nan if small or not n or 0 < ordered < min_group_size else ordered / n
        money = later.share_since if group == "ideal" else 1 - later.share_since
        rows.append((group, pd.NA if small else n, part, np.nan if small else money))
    table = pd.DataFrame(rows, columns=["group", "n", "ordered", "share_of_revenue"])
    return table.astype({"n": "Int64", "ordered": "float64", "share_of_revenue": "float64"})
