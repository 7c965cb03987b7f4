"""Do they come back: the share with a second order and the time to it, by what the first order was like."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.cohorts.cohorts import time_to_second_order
from custaudience.customers.cohorts.survival import compare_survival, median_survival, survival_table
from custaudience.customers.ground import lines_until
from custaudience.errors import ColumnError, near_miss
from custaudience.evidence import Terms
from custaudience.stats.intervals import false_discovery_rates, share_interval
from custaudience.study.orders import orders_of

_MIN_AT_RISK = 10  # a curve stops before fewer are watched
_COLUMNS = [
    *("group", "n", "n_again", "days", "share", "low", "high", "difference", "difference_low", "difference_high")
]  # fmt: skip


@dataclass(frozen=True)
class SecondOrder:
    """Who orders a second time, over all and by group.

    Attributes
    ----------
    table : DataFrame
        A row per group and horizon, "all" first, then groups by name: ``group``, ``n`` (customers),
        ``n_again`` (so far), ``days``, ``share`` (with a second order within so many days), ``low``, ``high``,
        ``difference`` (to all others), ``difference_low``, ``difference_high``. NaN where fewer than
        10 were watched so long.
    groups : DataFrame
        A row per group: ``n``, ``n_again``, ``p_value`` (log-rank against all others), ``q_value``
        (Benjamini-Hochberg over the groups; NaN without others or events), ``verdict`` ("more often", "less
        often", "no clear difference"), ``median_days`` (by when half have come back), ``quarter_days`` (a
        quarter), NaN = not reached, ``seen_days`` (how long enough of them were watched).
    curves : DataFrame
        `survival_table` of "all" and of the groups; ``share`` = not back yet.
    by : str
        What the groups are, "" without.
    n_customers, n_missing : int
        Customers with a first order; of them, those without a value of `by`, left out of all groups.
    n_small_groups, n_in_small_groups : int
        Groups under ``terms.least``, and their customers: in "all" and "all others" only.
    overlapping : bool
        A customer may be in several groups, as with the products of a first order.
    """

    table: pd.DataFrame
    groups: pd.DataFrame
    curves: pd.DataFrame
    by: str
    n_customers: int
    n_missing: int
    n_small_groups: int
    n_in_small_groups: int
    overlapping: bool
    history: str
    as_of: dt.date


def second_order(
    orders: IntoFrame, terms: Terms, *, by: pd.DataFrame | str | None = None,
    days: Sequence[int] = (30, 90, 180, 365), missing: str | None = None,
) -> SecondOrder:  # fmt: skip
    """Estimate which share orders a second time within 30, 90, … days, and for whom it differs.

    Parameters
    ----------
    orders : any frame Narwhals reads, one row per order or per order line
        Lines (`Study.table`) are netted with `orders_of`.
    terms : Terms
        Its date must not lie beyond the data; groups smaller than its ``least`` have no row.
    by : str or DataFrame, optional
        Name of a column of `orders`: the values on the day of the first order, such as ``product_id`` or a
        promo code (lines of refunds do not count). Or a frame with ``customer_id`` and one more column, such as
        a channel. Several values per customer are several groups.
    days : sequence of int
        Horizons.
    missing : str, optional
        Name of the group without a value, such as "no code"; without it they are left out and counted.

    Raises
    ------
    HistoryError, EmptyTableError, ColumnError
        If first orders lie before the data, no order counts by the date, or the column is missing.

    Notes
    -----
    Kaplan-Meier (1958): customers of last week have not had their chance yet and count only as long as they
    were watched. Differences are against all other customers, their intervals from the two curves' own
    (MOVER; Newcombe, 1998); the test is the log-rank of the whole curves. A difference is of the people, not
    the effect of a product or a code: who is given a welcome code differs from who is not.

    Orders of one day are one. Groups are fixed by the first order, so that nobody gets into one by staying.
    """
    if not days or min(days) < 1:
        raise ValueError(f"days: expected horizons of 1 or more, got {list(days)}")
    is_orders = "is_order" in nw.from_native(orders).lazy().collect_schema()
    netted = orders if is_orders else orders_of(orders, as_of=terms.as_of)
    waits = time_to_second_order(netted, as_of=terms.as_of, first_orders=terms.first_orders)  # type: ignore[arg-type]
    if isinstance(by, str):
        name, member = by, _first_values(orders, terms.as_of, by, is_orders=is_orders)
    else:
        name, member = _given_values(by)
    member = member[member["customer_id"].isin(waits["customer_id"])]
    without = waits.loc[~waits["customer_id"].isin(member["customer_id"]), "customer_id"]
    if name and missing is not None:
        member = pd.concat([member, pd.DataFrame({"customer_id": without, "group": missing})])
        without = without[:0]
    sizes = member.groupby("group").size()
    small = sizes.index[sizes < terms.least]
    known = ~waits["customer_id"].isin(without).to_numpy() if name else np.ones(len(waits), dtype=bool)
    curves, groups = [_curve(waits, "all", terms)], []
    rows = [_at(curves[0], waits, days, terms.level).assign(group="all")]
    for group in sizes.index[sizes >= terms.least]:
        mine = waits["customer_id"].isin(member.loc[member["group"] == group, "customer_id"]).to_numpy()
        own, rest = waits[mine], waits[known & ~mine]
        curves.append(_curve(own, group, terms))
        found = _at(curves[-1], own, days, terms.level)
        others = _at(_curve(rest, "others", terms), rest, days, terms.level)
        rows.append(_against(found, others).assign(group=group))
        groups.append((group, len(own), int(own["ordered_again"].sum()), *_against_rest(own, rest)))
    return SecondOrder(
        pd.concat(rows, ignore_index=True)[_COLUMNS], _groups(groups, curves, terms),
        pd.concat(curves, ignore_index=True), name, len(waits), len(without) if name else 0, len(small),
        int(member.loc[member["group"].isin(small), "customer_id"].nunique()),
        bool(member["customer_id"].duplicated().any()), waits.attrs["history"], terms.as_of,
    )  # fmt: skip


def _first_values(frame: IntoFrame, as_of: dt.date, by: str, *, is_orders: bool) -> pd.DataFrame:
    """Return the values of a column on the day of each customer's first order, each once."""
    if is_orders:
        rows = nw.from_native(frame).lazy()
        if by not in (schema := rows.collect_schema()):
            raise ColumnError(f"orders: column {by!r} not found.{near_miss(by, schema)} Pass the order lines instead.")
        rows = rows.filter(nw.col("is_order")).with_columns(day=nw.col("ordered_on"))
    else:
        revenue, order = nw.col("revenue_minor"), ("customer_id", "order_id")
        rows = lines_until(frame, as_of, "order_id", "revenue_minor", by)
        net, day = revenue.sum().over(*order), nw.col("ordered_at").min().over(*order).dt.truncate("1d")
        rows = rows.with_columns(net=net, day=day).filter((nw.col("net") > 0) & (revenue >= 0))
    rows = rows.with_columns(first=nw.col("day").min().over("customer_id")).filter(nw.col("day") == nw.col("first"))
    rows = rows.with_columns(group=nw.col(by)).select("customer_id", "group").unique()
    return _members(rows.collect(backend="pyarrow").to_native().to_pandas(ignore_metadata=True))


def _given_values(by: pd.DataFrame | None) -> tuple[str, pd.DataFrame]:
    if by is None:
        return "", pd.DataFrame({"customer_id": pd.Series(dtype="str"), "group": pd.Series(dtype="str")})
    others = [column for column in by.columns if column != "customer_id"]
    if "customer_id" not in by or len(others) != 1:
        raise ColumnError(f"by: expected the columns customer_id and one more, got {list(by.columns)}")
    return str(others[0]), _members(by.rename(columns={others[0]: "group"}))


def _members(table: pd.DataFrame) -> pd.DataFrame:
    return table[["customer_id", "group"]].dropna().astype("str").drop_duplicates(ignore_index=True)


def _curve(waits: pd.DataFrame, group: str, terms: Terms) -> pd.DataFrame:
    if waits.empty:
        return pd.DataFrame(columns=["group", "time", "at_risk", "events", "share", "low", "high"])
    terms = replace(terms, least=min(_MIN_AT_RISK, terms.least))
    return survival_table(waits["days"], waits["ordered_again"], terms, groups=np.full(len(waits), group))


def _at(curve: pd.DataFrame, waits: pd.DataFrame, days: Sequence[int], level: float) -> pd.DataFrame:
    """Read a group's curve at the horizons, as the share that has come back."""
    rows, last = [], curve["time"].max() if len(curve) else -1
    for day in days:
        share = low = high = np.nan
        # watched to the horizon, or to the last event when everybody has come back before
        if last >= day or (len(curve) and curve["share"].iloc[-1] == 0):
            point = curve[curve["time"] <= day].iloc[-1]
            share, low, high = 1 - point["share"], 1 - point["high"], 1 - point["low"]
            if share in (0, 1):  # nobody or everybody so far: Greenwood's error is 0, which is no certainty
                at_risk = int(curve["at_risk"].iloc[0]) if share == 1 else int(point["at_risk"])
                _, low, high = share_interval(round(share * at_risk), at_risk, level)
        rows.append((day, share, low, high))
    table = pd.DataFrame(rows, columns=["days", "share", "low", "high"])
    counts = {"n": len(waits), "n_again": int(waits["ordered_again"].sum())}
    return table.assign(**counts, difference=np.nan, difference_low=np.nan, difference_high=np.nan)


def _against(found: pd.DataFrame, rest: pd.DataFrame) -> pd.DataFrame:
    """Add the difference to all others; its limits combine those of the two shares."""
    difference = found["share"] - rest["share"]
    down = np.hypot(found["share"] - found["low"], rest["high"] - rest["share"])
    up = np.hypot(found["high"] - found["share"], rest["share"] - rest["low"])
    return found.assign(difference=difference, difference_low=difference - down, difference_high=difference + up)


def _against_rest(own: pd.DataFrame, rest: pd.DataFrame) -> tuple[float, float]:
    """Return the p-value against all others, and the events minus those to expect if both were alike."""
    both = pd.concat([own, rest])
    if rest.empty or not both["ordered_again"].any():
        return np.nan, np.nan
    test = compare_survival(both["days"], both["ordered_again"], np.arange(len(both)) < len(own))
    mine = test.groups.iloc[1]  # of False and True
    return test.p_value, mine["events"] - mine["expected"]


def _groups(rows: list[tuple[str, int, int, float, float]], curves: list[pd.DataFrame], terms: Terms) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["group", "n", "n_again", "p_value", "excess"]).astype({"group": "str"})
    table["q_value"] = false_discovery_rates(table["p_value"].to_numpy(dtype="float64"))
    direction = np.where(table.pop("excess") > 0, "more often", "less often")
    clear = table["q_value"] <= 1 - terms.level
    table["verdict"] = pd.Series(np.where(clear, direction, "no clear difference"), dtype="str")
    curve = pd.concat(curves[1:], ignore_index=True) if curves[1:] else curves[0].iloc[:0]
    for name, share in (("median_days", 0.5), ("quarter_days", 0.75)):
        reached = median_survival(curve, share=share).set_index("group")
        table[name] = table["group"].map(reached["median"]).astype("float64")
    return table.assign(seen_days=table["group"].map(reached["seen_until"]).astype("float64"))
