"""One row per customer: what they did up to a date and what is known about them, with its dictionary."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import narwhals as nw
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.features.attributes import CATEGORY_SHARE, group_levels, sensitive_topic, usable_attribute
from custaudience.customers.ground import orders_until
from custaudience.customers.rhythm import order_gaps
from custaudience.errors import ColumnError, DataError, EmptyTableError, near_miss
from custaudience.evidence import Terms
from custaudience.stats.contrast import kind_of
from custaudience.study.orders import orders_of

EVENING_FROM = 18
_TECHNICAL = ("customer_id", "_file", "_row")
_MEANINGS = tomllib.loads(files(__package__).joinpath("behaviour.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class CustomerFeatures:
    """The customer matrix, and what is needed to read it.

    Attributes
    ----------
    table : DataFrame
        ``customer_id`` and one column per variable, sorted by ``customer_id``; see `customer_features`.
    dictionary : DataFrame
        ``column``, ``meaning``, ``unit`` ("" = none), ``kind`` ("behaviour" from orders, "attribute" from the customers
        table), ``type`` ("numeric", "category", "ordered", "yes-no"), ``share_known`` (fraction with a value).
    left_out : DataFrame
        ``column``, ``reason``: what was not taken, in English sentences.
    categories : tuple of str
        Product categories that have a column with their share, by sales.
    as_of, until : date
        What exists, and the last day that counts here.
    n_without_order : int
        Customers with rows by `until`, or in the customers table, that have no order that counts by then.
    """

    table: pd.DataFrame
    dictionary: pd.DataFrame
    left_out: pd.DataFrame
    categories: tuple[str, ...]
    as_of: dt.date
    until: dt.date
    n_without_order: int


def customer_features(
    transactions: IntoFrame, customers: IntoFrame | None = None, products: IntoFrame | None = None, *, terms: Terms,
    until: dt.date | None = None, n_categories: int = 8, discount: str = "discount_minor",
) -> CustomerFeatures:  # fmt: skip
    """Describe each customer by what they did up to a date and by what the customers table says.

    Parameters
    ----------
    transactions, customers, products : any frame Narwhals reads
        As `Study.table` gives them; the latter two where there are. All columns of `customers` beside ``customer_id``
        are candidates for attributes. Without `products` a ``category`` of the transactions is taken.
    terms : Terms
    until : date, optional
        Last day that counts, inclusive, ``as_of`` by default. Set it before ``as_of`` when something later is to be
        explained: nothing of a later day enters.
    n_categories : int
        So many categories, those with most sales, get a column with their share of a customer's sales.
    discount : str
        Column of the transactions that is above 0 where a line had a discount; may be absent.

    Returns
    -------
    CustomerFeatures
        Of customers with at least one order that counts by `until`. Money in major units; shares are fractions; NaN =
        not known (a median gap of one-time buyers, an attribute without a value). ``category_share: NAME`` and
        ``lines_per_order`` are of the lines with an amount in orders that count, before refunds; a product without a
        category counts in the base of the shares. Lines are counted and not quantities, which mix pieces and litres.

    Raises
    ------
    EmptyTableError, ColumnError, DataError
        If nobody has an order that counts by `until`, a column is missing, a customer stands twice in `customers`, or
        `products` is of another kind of frame.

    Notes
    -----
    Left out and listed: sensitive columns (recognised by their names; personal.toml has the words, in English,
    Ukrainian, Russian and Vietnamese), what identifies a person, ids (nearly as many values as customers), columns with
    one value, dates in an unclear form. A category of more than 50 levels keeps its largest, or is left out if they
    hold less than half of the customers. An attribute has no date: what was written into the customers table after
    `until` cannot be told apart, and may have been written because of what happened later. In a history cut off on the
    left, ``tenure`` is a lower bound and "first" is the first in the data.
    """
    until = terms.as_of if until is None else until
    if until > terms.as_of:
        raise ValueError(f"until: {until} lies after as_of {terms.as_of}; nothing is known of that time yet.")
    orders = orders_of(transactions, as_of=until)
    table = _order_features(orders, until, terms.minor_digits)
    n_without = int((table["n_orders"] == 0).sum())
    table = table[table["n_orders"] > 0].set_index("customer_id").sort_index()
    if table.empty:
        raise EmptyTableError(f"nobody has an order that counts by {until}. Choose a later date.")
    gaps = order_gaps(orders, as_of=until).groupby("customer_id")["gap_days"].median()
    table.insert(5, "usual_gap_days", gaps.reindex(table.index).astype("float64"))
    left_out: dict[str, str] = {}
    if not table.pop("timed").any():
        table = table.drop(columns="evening_share")
        left_out["evening_share"] = "the orders have no time of day."
    sales = category_sales(transactions, counted_orders(orders, until=until), products, discount=discount)
    named = _add_sales(table, sales, n_categories, left_out)
    meanings = {c: (f"share of the customer's sales that is {name}", "share") for c, name in named.items()} | _MEANINGS
    entries = [(column, *meanings[column], "behaviour") for column in table]
    if customers is not None:
        attributes, more, n_more = _attributes(customers, table.index, set(table), until, left_out)
        n_without, entries, table = n_without + n_more, entries + more, table.join(attributes)
    dictionary = pd.DataFrame(entries, columns=["column", "meaning", "unit", "kind"], dtype="str").assign(
        type=[type_of(table[column]) for column in table], share_known=table.notna().mean().to_numpy()
    )
    reasons = pd.DataFrame(list(left_out.items()), columns=["column", "reason"], dtype="str")
    return CustomerFeatures(
        table.reset_index(), dictionary, reasons, tuple(named.values()), terms.as_of, until, n_without
    )


def type_of(values: pd.Series) -> str:
    """Return the type of a variable, by its dtype: "numeric", "category", "ordered" or "yes-no"."""
    if pd.api.types.is_bool_dtype(values):
        return "yes-no"
    kind = kind_of(values)
    return "numeric" if kind == "number" else kind


def _order_features(orders: IntoFrame, until: dt.date, minor_digits: int) -> pd.DataFrame:
    """Reduce orders to one row per customer."""
    day, counts, hour = nw.col("ordered_on"), nw.col("is_order"), nw.col("ordered_at").dt.hour()
    marks = {
        "n_orders": counts,
        "n_weekend": counts & (day.dt.weekday() >= 6),
        "n_evening": counts & (hour >= EVENING_FROM),
        "n_timed": counts & ((hour > 0) | (nw.col("ordered_at").dt.minute() > 0)),
    }
    sums, counted_on = nw.col(*marks, "revenue_minor", "refund_minor"), nw.col("counted_on")
    reduced = (
        orders_until(orders, until, "ordered_at", "revenue_minor", "refund_minor", "is_order")
        .with_columns(**{name: mark.cast(nw.Int64) for name, mark in marks.items()})
        .with_columns(counted_on=nw.when(counts).then(day))
        .group_by("customer_id")
        .agg(counted_on.min().alias("first"), counted_on.max().alias("last"), sums.sum())
        .with_columns(sums.cast(nw.Int64))  # DuckDB sums integers to HUGEINT, which would leave as decimals
    )
    raw = _collected(reduced)
    n = raw["n_orders"].where(raw["n_orders"] > 0).astype("float64")
    today, revenue = pd.Timestamp(until), raw["revenue_minor"] / 10**minor_digits
    gross = raw["revenue_minor"] + raw["refund_minor"]
    table = raw[["n_orders"]].assign(
        revenue_total=revenue, revenue_per_order=revenue / n,
        days_since_last_order=(today - pd.to_datetime(raw["last"])).dt.days.astype("float64"),
        tenure=(today - pd.to_datetime(raw["first"])).dt.days.astype("float64"),
        weekend_share=raw["n_weekend"] / n, evening_share=raw["n_evening"] / n,
        refund_share=raw["refund_minor"] / gross.where(gross > 0), timed=raw["n_timed"] > 0,
    )  # fmt: skip
    table.insert(0, "customer_id", raw["customer_id"].astype("str"))
    return table


def counted_orders(orders: IntoFrame, *, until: dt.date, since: dt.date | None = None) -> nw.LazyFrame[Any]:
    """Return the orders that count between two days, both inclusive: ids, and whether it is the customer's first.

    ``is_first`` is of the orders in between; two orders at the same moment are both first.
    """
    counted = orders_until(orders, until, "order_id", "ordered_at", "is_order").filter(nw.col("is_order"))
    if since is not None:
        counted = counted.filter(nw.col("ordered_on") >= dt.datetime.combine(since, dt.time()))
    first = nw.col("ordered_at") == nw.col("ordered_at").min().over("customer_id")
    return counted.with_columns(is_first=first).select("customer_id", "order_id", "is_first")


def category_sales(
    transactions: IntoFrame, orders: nw.LazyFrame[Any], products: IntoFrame | None = None, *,
    discount: str = "discount_minor",
) -> pd.DataFrame:  # fmt: skip
    """Sum the lines with an amount of the given orders, of `counted_orders`, by customer and category.

    One row per customer, category, and product of the first order: ``customer_id``; ``category`` ("" = not known);
    ``is_first``; ``product_id`` (first order only, else ""); ``n_lines``; ``n_discounted``; ``sales_minor``.
    """
    lines = nw.from_native(transactions).lazy().filter(nw.col("revenue_minor") > 0)
    schema = lines.collect_schema()
    has_product = "product_id" in schema
    if products is not None and has_product:
        listed = _like(products, transactions)
        found = listed.collect_schema()
        for column in ("product_id", "category"):
            if column not in found:
                raise ColumnError(f"products: column {column!r} not found.{near_miss(column, found)}")
        if _collected(listed.select("product_id"))["product_id"].duplicated().any():
            raise DataError("products: a product_id stands in two rows, which would count its sales twice. Keep one.")
        lines = lines.drop("category", strict=False).join(
            listed.select("product_id", "category"), on="product_id", how="left"
        )
    elif "category" not in schema:
        lines = lines.with_columns(category=nw.lit(""))
    reduced = nw.col(discount) > 0 if discount in schema else nw.lit(False)
    product = nw.col("product_id").cast(nw.String) if has_product else nw.lit("")
    rows = lines.select(
        "customer_id", "order_id", nw.col("category").cast(nw.String).fill_null("").alias("category"),
        product.fill_null("").alias("product_id"), nw.col("revenue_minor").alias("sales_minor"),
        nw.when(reduced).then(nw.lit(1)).otherwise(nw.lit(0)).alias("n_discounted"), nw.lit(1).alias("n_lines"),
    ).join(orders, on=["customer_id", "order_id"], how="inner")  # fmt: skip
    sums = ("n_lines", "n_discounted", "sales_minor")
    table = _collected(
        rows.with_columns(product_id=nw.when(nw.col("is_first")).then(nw.col("product_id")).otherwise(nw.lit("")))
        .group_by("customer_id", "category", "is_first", "product_id")
        .agg(nw.col(*sums).sum())
        .with_columns(nw.col(*sums).cast(nw.Int64))
    )
    table.attrs["discounts"] = discount in schema
    return table


def _collected(lazy: nw.LazyFrame[Any]) -> pd.DataFrame:
    table: pd.DataFrame = lazy.collect(backend="pyarrow").to_native().to_pandas(ignore_metadata=True)
    return table


def _like(frame: IntoFrame, other: IntoFrame) -> nw.LazyFrame[Any]:
    """Return `frame` as a lazy frame of the kind of `other`."""
    mine, theirs = nw.from_native(frame).lazy(), nw.from_native(other).lazy()
    if mine.implementation == theirs.implementation:
        return mine
    raise DataError(
        f"products is a frame of {mine.implementation}, transactions of {theirs.implementation}. "
        "Give both in one kind, or take both from the same study."
    )


def _add_sales(table: pd.DataFrame, sales: pd.DataFrame, n_categories: int, left_out: dict[str, str]) -> dict[str, str]:
    """Add what lines and categories tell to `table`, in place; return columns of shares and their categories."""
    sales["customer_id"] = sales["customer_id"].astype("str")
    of = sales.groupby("customer_id")
    total = of["sales_minor"].sum().reindex(table.index)
    n_lines = of["n_lines"].sum().reindex(table.index)
    table.insert(6, "lines_per_order", n_lines / table["n_orders"])
    first = sales[sales["is_first"]]
    if sales.attrs["discounts"]:
        table["discounted_share"] = of["n_discounted"].sum().reindex(table.index) / n_lines
        discounted = first.groupby("customer_id")["n_discounted"].sum() > 0
        table["first_order_discounted"] = discounted.reindex(table.index).astype("boolean")
    named: dict[str, str] = {}
    known = sales[sales["category"] != ""]
    if len(known):
        n_different = known.groupby("customer_id")["category"].nunique()
        table.insert(7, "n_categories", n_different.reindex(table.index).fillna(0))
        by_size = known.groupby("category")["sales_minor"].sum().sort_values(ascending=False, kind="stable")
        for name in by_size.index:
            column = f"{CATEGORY_SHARE}{name}"
            if topic := sensitive_topic(column):
                left_out[column] = f"sensitive ({topic}): never used to score or group."
            elif len(named) < n_categories:
                named[column] = str(name)
        part = known[known["category"].isin(named.values())].pivot_table(
            index="customer_id", columns="category", values="sales_minor", aggfunc="sum", observed=True
        )
        for column, name in named.items():
            table[column] = part[name].reindex(table.index).fillna(0) / total
    for column, key in (("first_category", "category"), ("first_product", "product_id")):
        _add_first(table, first, column, key, left_out)
    return named


def _add_first(table: pd.DataFrame, first: pd.DataFrame, column: str, key: str, left_out: dict[str, str]) -> None:
    """Add the level of the first order with most sales; by name where two have as much."""
    sums = first[first[key] != ""].groupby(["customer_id", key], as_index=False)["sales_minor"].sum()
    if sums.empty:
        return
    top = sums.sort_values(["customer_id", "sales_minor", key], ascending=[True, False, True])
    label = top.drop_duplicates("customer_id").set_index("customer_id")[key].astype("str")
    if key == "category":
        hidden = [name for name in label.unique() if sensitive_topic(f"{CATEGORY_SHARE}{name}")]
        label = label.mask(label.isin(hidden))
    values, remark = group_levels(label.reindex(table.index))
    if values is None:
        left_out[column] = remark
    elif len(values.cat.categories) > 1:
        table[column] = values


def _attributes(
    customers: IntoFrame, ids: pd.Index, taken: set[str], until: dt.date, left_out: dict[str, str]
) -> tuple[pd.DataFrame, list[tuple[Any, ...]], int]:
    """Return the usable columns of the customers table for `ids`, their dictionary, and how many have no order."""
    raw = _collected(nw.from_native(customers).lazy())
    if "customer_id" not in raw:
        raise ColumnError(f"customers: column 'customer_id' not found.{near_miss('customer_id', raw.columns)}")
    raw.index = pd.Index(raw["customer_id"].astype("str"))
    if n_twice := int(raw.index.duplicated().sum()):
        raise DataError(f"customers: {n_twice} rows repeat a customer_id. Keep one row per customer.")
    mine = raw.reindex(ids)
    result, entries = pd.DataFrame(index=ids), []
    for column in raw.columns.difference(_TECHNICAL, sort=False):
        if column in taken:
            left_out[f"customers: {column}"] = "the orders give a column of this name."
            continue
        values, type_, remark = usable_attribute(str(column), mine[column], until=until)
        if values is None:
            left_out[str(column)] = remark
            continue
        result[column] = values.to_numpy() if type_ == "numeric" else values.array
        meaning = f"as the customers table says{': ' + remark if remark else ''}"
        entries.append((column, meaning, "days" if remark.startswith("days since") else "", "attribute"))
    return result, entries, int((~raw.index.isin(ids)).sum())
