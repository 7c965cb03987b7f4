"""Why revenue moved: the change between two periods, split into parts that add up to the cent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.ground import lines_until
from custaudience.customers.history import FirstOrders, check_first_orders
from custaudience.errors import DataError, EmptyTableError, HistoryError
from custaudience.study.orders import orders_of

Days = tuple[str | dt.date, str | dt.date]
NO_SEGMENT = "(no segment)"


@dataclass(frozen=True)
class RevenueBridge:
    """The change in net revenue between two periods, in parts.

    Attributes
    ----------
    table : DataFrame
        A row per segment ("all" first) and part: ``segment``, ``kind`` ("customers", "staying", "refunds"),
        ``part``, ``n_customers``, ``change_minor`` (exact integers), ``change`` (major units). The parts of a
        segment add up to its change exactly.
    totals : DataFrame
        Per segment: ``revenue_before``, ``revenue_after``, ``change`` (major units), ``change_minor``,
        ``n_customers_before``, ``n_customers_after``, ``n_staying``, ``n_orders_before``, ``n_orders_after``.
    factors : DataFrame
        Of staying customers, per segment: ``orders_before``, ``orders_after``, ``items_per_order_before``,
        ``items_per_order_after`` (different products paid for, else pieces; NaN when neither is known),
        ``revenue_before``, ``revenue_after`` (of their orders), ``matched_share``: share of that revenue from products
        bought in both periods with known quantities, whose prices can be compared (NaN where price is no part).
    period, before : tuple of date
        First and last day of each, inclusive.
    history : str
        "observed", "cut off", or what `check_first_orders` found.
    parts_missing : str
        Why stayers have fewer factors than orders, items, quantity, price and mix; empty when they have all.
    """

    table: pd.DataFrame
    totals: pd.DataFrame
    factors: pd.DataFrame
    period: tuple[dt.date, dt.date]
    before: tuple[dt.date, dt.date]
    history: str
    parts_missing: str


def revenue_bridge(
    transactions: IntoFrame, *, period: Days, before: Days, first_orders: FirstOrders = "unknown",
    segments: pd.DataFrame | None = None, minor_digits: int = 2,
) -> RevenueBridge:  # fmt: skip
    """Split the change in net revenue between two periods by what caused it.

    Parameters
    ----------
    transactions : any frame Narwhals reads, one row per order line
        As `Study.table` gives them. With ``product_id`` and ``quantity`` prices can be told from mix.
    period, before : pairs of dates or "YYYY-MM-DD"
        First and last day, inclusive; `before` must end before `period` begins. Lines after `period` do not exist.
    first_orders : {"observed", "cut off", "unknown"}
        Whether the data hold everybody's first order. Else whoever has no earlier order in the data is not
        "new" but "new or long absent"; "unknown" is looked at by `check_first_orders`.
    segments : DataFrame, optional
        ``customer_id``, ``segment``: a bridge per segment as well. Take segments as of the end of `before`, not
        later: else they contain the answer. Customers without one are "(no segment)".

    Raises
    ------
    DataError
        If a customer has two segments.
    HistoryError
        If the data begin more than three days after the first day of `before`, unless first orders are observed.
    EmptyTableError
        If there is nothing in the two periods.

    Notes
    -----
    Revenue is dated by the line, as in the books. Lines of one order are netted within each period; what is
    then above zero is an order, the rest are **refunds** of earlier orders: a part of its own, by the period
    in which they were paid. Customers who order in both periods **stay**; **absent** ones ordered only before;
    **returned** ones ordered at some earlier time, but not in the period before.

    For stayers revenue is orders x items per order x quantity per item x price, over a changing mix. An item is a
    product in an order with net revenue above zero, so that tonnes and pieces are never added. With logarithmic
    means, ``L(x, y) = (x - y) / log(x / y)``, the change of a product is exactly the sum of ``L * log(ratio)`` of
    its factors (LMDI-I; Ang, 2004), whatever their order. Hence: *orders* ``L(R) log(orders ratio)``; *items per
    order* ``L(R) log(ratio of items per order)``; then per product bought in both periods *quantity per item*
    ``L(r) log(ratio of units per item)`` and *price* ``L(r) log(ratio of revenue per unit)``; *mix* is the rest:
    other products, in other proportions. Prices are those paid, discounts taken off. Without product ids items are
    pieces; without product ids or quantities price and mix stay together; without both they are value per order.

    Factors are computed for each segment by itself: they need not add up to those of all customers, while all
    other parts and the total of stayers do. The split is exact arithmetic. It says what moved, not why people did.
    """
    (start, end), (start0, end0) = _period(period, "period"), _period(before, "before")
    if first_orders not in ("observed", "cut off", "unknown"):
        raise ValueError(f"first_orders: expected 'observed', 'cut off' or 'unknown', got {first_orders!r}")
    if end0 >= start:
        raise ValueError(f"before: must end before the period begins on {start}, and ends on {end0}")
    lines = lines_until(transactions, end, "order_id", "revenue_minor").with_columns(step=_step((start, start0, end0)))
    schema = lines.collect_schema()
    has_product, has_quantity = "product_id" in schema, "quantity" in schema
    customers, first_day = _customers(lines)
    if not len(customers):
        raise EmptyTableError(f"no order line from {start0} to {end0} or from {start} to {end}. Choose other periods.")
    history = _history(transactions, first_orders, end)
    if first_day > start0 + dt.timedelta(days=3) and history != "observed":
        raise HistoryError(
            f"The data begin on {first_day}, after the first day of the period before ({start0}): it would look too "
            "small. Choose a later period, or say first_orders = 'observed' if the business began then."
        )
    of = _segment_of(customers["customer_id"], segments)
    newcomer = "new" if history.startswith(("observed", "no sign")) else "new or long absent"
    earlier, prior, now = (customers[f"n_orders_{step}"] > 0 for step in range(3))
    classes = ["staying", "returned", newcomer, "absent"]
    customers["class"] = np.select([now & prior, now & earlier, now, prior], classes, "none")
    items = _items(lines, has_product, has_quantity, by_customer=segments is not None)
    item_segment = None if segments is None else items["customer_id"].map(pd.Series(of, index=customers["customer_id"]))
    groups = ["all"] if segments is None else ["all", *sorted(set(of) - {NO_SEGMENT}), *sorted({NO_SEGMENT} & set(of))]
    parts, totals, factors, scale = [], [], [], 10**minor_digits
    for name in groups:
        rows = customers if name == "all" else customers[of == name]
        mine = items if name == "all" or item_segment is None else items[item_segment == name]
        staying, known = _staying(rows[rows["class"] == "staying"], mine, has_product, has_quantity, scale)
        parts += [(name, *part) for part in _parts(rows, staying, newcomer)]
        totals.append({"segment": name, **_totals(rows, scale)})
        factors.append({"segment": name, **known})
    table = pd.DataFrame(parts, columns=["segment", "kind", "part", "n_customers", "change_minor"])
    table = table.astype({"kind": "str", "part": "str"}).assign(change=table["change_minor"] / scale)
    missing = [name for name, there in (("product_id", has_product), ("quantity", has_quantity)) if not there]
    why = f"transactions have no {' and no '.join(missing)}" if missing else ""
    return RevenueBridge(table, pd.DataFrame(totals), pd.DataFrame(factors), (start, end), (start0, end0), history, why)


def _period(days: Days, name: str) -> tuple[dt.date, dt.date]:
    first, last = (dt.date.fromisoformat(day) if isinstance(day, str) else day for day in days)
    if first > last:
        raise ValueError(f"{name}: begins on {first} and ends before that, on {last}")
    return first, last


def _step(days: tuple[dt.date, dt.date, dt.date]) -> nw.Expr:
    """Return 2 in the period, 1 in the one before, 0 at any other earlier time."""
    at = nw.col("ordered_at")
    start, start0, after0 = (dt.datetime.combine(day, dt.time()) for day in (*days[:2], days[2] + dt.timedelta(days=1)))
    inside = nw.when((at >= start0) & (at < after0)).then(nw.lit(1)).otherwise(nw.lit(0))
    return nw.when(at >= start).then(nw.lit(2)).otherwise(inside)


def _history(transactions: IntoFrame, first_orders: str, end: dt.date) -> str:
    if first_orders != "unknown":
        return first_orders
    try:
        check = check_first_orders(orders_of(transactions, as_of=end), as_of=end)
    except EmptyTableError:  # refunds only
        return "cannot tell: no order counts."
    return f"{check.verdict}: {check.message}"


def _collect(lazy: nw.LazyFrame[Any]) -> pd.DataFrame:
    table: pd.DataFrame = lazy.collect(backend="pyarrow").to_native().to_pandas(ignore_metadata=True)
    return table.astype({name: "str" for name in ("customer_id", "product_id") if name in table})


def _customers(lines: nw.LazyFrame[Any]) -> tuple[pd.DataFrame, dt.date]:
    """Return per customer the orders, sales and refunds (minor units) of each step, and the first day of all."""
    revenue = nw.col("revenue_minor")
    sold = nw.when(revenue > 0)
    reduced = (
        lines.group_by("customer_id", "order_id", "step")
        .agg(revenue.sum(), nw.col("ordered_at").min())
        .with_columns(
            n_orders=sold.then(nw.lit(1)).otherwise(nw.lit(0)),
            sales=sold.then(revenue).otherwise(nw.lit(0)),
            refunds=sold.then(nw.lit(0)).otherwise(revenue),
        )
        .group_by("customer_id", "step")
        .agg(nw.col("n_orders", "sales", "refunds").sum(), nw.col("ordered_at").min())
        .with_columns(nw.col("n_orders", "sales", "refunds", "step").cast(nw.Int64))
    )
    table = _collect(reduced)
    if not table["step"].gt(0).any():
        return pd.DataFrame(), dt.date.min
    names = ["n_orders", "sales", "refunds"]
    wide = table.pivot(index="customer_id", columns="step", values=names)
    wide = wide.reindex(columns=pd.MultiIndex.from_product([names, range(3)])).fillna(0).astype("int64").sort_index()
    wide.columns = pd.Index([f"{name}_{step}" for name, step in wide.columns])
    return wide.reset_index(), table["ordered_at"].min().date()


def _segment_of(ids: pd.Series, segments: pd.DataFrame | None) -> np.ndarray:
    if segments is None:
        return np.full(len(ids), "all", dtype=object)
    known = segments[["customer_id", "segment"]].dropna().astype("str").drop_duplicates()
    if known["customer_id"].duplicated().any():
        twice = known.loc[known["customer_id"].duplicated(), "customer_id"].nunique()
        raise DataError(f"segments: {twice} customers have two segments; keep one row per customer.")
    return ids.map(known.set_index("customer_id")["segment"]).fillna(NO_SEGMENT).to_numpy(dtype=object)


def _items(lines: nw.LazyFrame[Any], has_product: bool, has_quantity: bool, *, by_customer: bool) -> pd.DataFrame:
    """Return what stayers bought in each of the two periods, per product and, where asked, customer.

    ``revenue_minor``, ``items``, ``unknown`` (items without a usable quantity), ``quantity``.
    """
    revenue, quantity = nw.col("revenue_minor"), nw.col("quantity")
    keys = ["customer_id", "product_id"] if by_customer else ["product_id"]
    if not has_product:
        lines = lines.with_columns(product_id=nw.lit("any"))
    if not has_quantity:
        lines = lines.with_columns(quantity=nw.lit(0.0))
    in_order = ["customer_id", "order_id", "step"]
    # joins, for windows over the lines take three times as long; and joins drop blank ids
    lines = lines.filter(nw.col("step") > 0).with_columns(nw.col("order_id").fill_null(""))
    orders = lines.group_by(in_order).agg(revenue.sum()).filter(revenue > 0)
    steps = orders.group_by("customer_id").agg(least=nw.col("step").min(), most=nw.col("step").max())
    kept = (
        lines.with_columns(blank=nw.when(quantity.is_null()).then(nw.lit(1)).otherwise(nw.lit(0)))
        .join(orders.select(in_order), on=in_order, how="semi")
        .join(steps.filter(nw.col("least") < nw.col("most")), on="customer_id", how="semi")
        .group_by(*in_order, "product_id")
        .agg(revenue.sum(), quantity.sum(), nw.col("blank").sum())
        .with_columns(items=nw.when(revenue > 0).then(nw.lit(1)).otherwise(nw.lit(0)))
        .with_columns(
            unknown=nw.when((nw.col("blank") > 0) | ~(quantity > 0)).then(nw.col("items")).otherwise(nw.lit(0))
        )
        .group_by(*keys, "step")
        .agg(revenue.sum(), quantity.sum(), nw.col("items", "unknown").sum())
        .with_columns(nw.col("revenue_minor", "items", "unknown", "step").cast(nw.Int64))
    )
    return _collect(kept).sort_values([*keys, "step"], ignore_index=True)


def _mean_log(after: np.ndarray | float, before: np.ndarray | float) -> np.ndarray:
    """Return logarithmic means of positive numbers."""
    ratio = np.log(np.divide(after, before))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(ratio) < 1e-9, after, np.subtract(after, before) / ratio)


def _staying(
    rows: pd.DataFrame, items: pd.DataFrame, has_product: bool, has_quantity: bool, scale: int
) -> tuple[dict[str, int], dict[str, float]]:
    """Split the stayers' change; return its parts in minor units and the row of factors behind them."""
    orders0, orders1, sales0, sales1 = (int(rows[c].sum()) for c in ("n_orders_1", "n_orders_2", "sales_1", "sales_2"))
    unknown = dict.fromkeys(["items_per_order_before", "items_per_order_after", "matched_share"], np.nan)
    money = {"revenue_before": sales0 / scale, "revenue_after": sales1 / scale}
    known = {"orders_before": orders0, "orders_after": orders1, **unknown, **money}
    if not len(rows):
        return {}, known
    weight = float(_mean_log(sales1, sales0))
    parts = {"orders": weight * np.log(orders1 / orders0)}
    last = "value per order"
    product = items.assign(product_id=items["product_id"].fillna("")) if has_product else items
    product = product.groupby(["product_id", "step"])[["revenue_minor", "items", "unknown", "quantity"]].sum()
    sums = product.groupby("step")[["items", "unknown", "quantity"]].sum().reindex([1, 2], fill_value=0)
    pieces = sums["items"] if has_product else sums["quantity"]
    if has_product or (has_quantity and not sums["unknown"].any()):
        before, after = pieces[1] / orders0, pieces[2] / orders1
        known |= {"items_per_order_before": before, "items_per_order_after": after}
        parts["items per order"] = weight * np.log(after / before)
        last = "price and mix"
    if has_product and has_quantity:
        parts["quantity per item"], parts["price"], known["matched_share"] = _prices(product, sales0 + sales1)
        last = "mix"
    exact = {name: int(np.rint(value)) for name, value in parts.items()}
    exact[last] = sales1 - sales0 - sum(exact.values())  # integers: the parts add up to the cent
    return exact, known


def _prices(product: pd.DataFrame, revenue: int) -> tuple[float, float, float]:
    """Return the effects of quantity per item and of price over products bought in both periods, and their share."""
    wide = product.unstack("step").fillna(0)
    names = ("revenue_minor", "items", "quantity", "unknown")
    money, items, quantity, unknown = (wide[name].to_numpy(dtype="float64") for name in names)
    both = ((money > 0) & (items > 0) & (quantity > 0) & (unknown == 0)).all(axis=1)
    both &= wide.index != ""
    money, items, quantity = money[both], items[both], quantity[both]
    weight = _mean_log(money[:, 1], money[:, 0])
    per_item, price = quantity / items, money / quantity
    effects = [float((weight * np.log(x[:, 1] / x[:, 0])).sum()) for x in (per_item, price)]
    return effects[0], effects[1], float(money.sum() / revenue)


def _parts(rows: pd.DataFrame, staying: dict[str, int], newcomer: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield kind, name, customers and change in minor units of the parts of one segment."""
    for name, column, sign in ((newcomer, "sales_2", 1), ("returned", "sales_2", 1), ("absent", "sales_1", -1)):
        mine = rows[rows["class"] == name]
        yield "customers", name, len(mine), sign * int(mine[column].sum())
    for name, change in staying.items():
        yield "staying", name, int((rows["class"] == "staying").sum()), change
    n_refunded = int((rows[["refunds_1", "refunds_2"]] < 0).any(axis=1).sum())
    yield "refunds", "refunds", n_refunded, int(rows["refunds_2"].sum()) - int(rows["refunds_1"].sum())


def _totals(rows: pd.DataFrame, scale: int) -> dict[str, float | int]:
    before, after = (int(rows[f"sales_{i}"].sum()) + int(rows[f"refunds_{i}"].sum()) for i in (1, 2))
    orders = rows[["n_orders_1", "n_orders_2"]]
    n_customers, n_orders = (orders > 0).sum().tolist(), orders.sum().tolist()
    return {
        "revenue_before": before / scale, "revenue_after": after / scale, "change": (after - before) / scale,
        "change_minor": after - before, "n_customers_before": n_customers[0], "n_customers_after": n_customers[1],
        "n_staying": int((rows["class"] == "staying").sum()), "n_orders_before": n_orders[0],
        "n_orders_after": n_orders[1],
    }  # fmt: skip
