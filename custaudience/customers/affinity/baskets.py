"""What stands in each basket: at which level things are bought, what they are called, lines netted to things bought."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.typing import IntoFrame

from custaudience.errors import ColumnError, ParameterError, near_miss

_NESTED = 0.9  # of products: so many lie in the main category of their kind
_UNIQUE = 0.9  # more different values than this, per product, and a column names products, not kinds


def kind_columns(products: pd.DataFrame) -> pd.DataFrame:
    """Look which text columns of the products sort them into kinds, one row per column.

    ``column``, ``n_values``, ``share_in_category`` (of products, in the category where most of their value's products
    lie), ``use``: "level" (sorts products within the categories), "names" (tells nearly all apart), "" (neither).
    """
    rows = []
    for column in products.columns.drop(["product_id", "category"], errors="ignore"):
        if str(column).startswith("_") or not _is_text(products[column]):
            continue
        known = products[column].notna() & (products[column].astype("str").str.strip() != "")
        n, n_values, share, use = int(known.sum()), products.loc[known, column].nunique(), np.nan, ""
        if "category" in products and (both := known & products["category"].notna()).any():
            cells = products[both].groupby([column, "category"]).size()
            share = float(cells.groupby(level=0).max().sum() / both.sum())
        if n >= _NESTED * len(products):
            use = "names" if n_values > _UNIQUE * n else "level" if share >= _NESTED and n_values > 1 else ""
        rows.append((str(column), n_values, share, use))
    table = pd.DataFrame(rows, columns=["column", "n_values", "share_in_category", "use"])
    return table.astype({"column": "str", "use": "str"})


def _is_text(values: pd.Series) -> bool:
    """Return whether most values hold a letter: prices, article numbers and barcodes do not."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return False
    known = values.dropna().astype("str")
    return bool(known.str.contains(r"[^\W\d_]").mean() > 0.5) if len(known) else False


def choose_level(products: pd.DataFrame | None) -> str:
    """Return the column that sorts products into the finest kinds within the categories; without, ``product_id``."""
    if products is None or "category" not in products or products["category"].isna().all():
        return "product_id"
    levels = kind_columns(products)
    levels = levels[(levels["use"] == "level") & (levels["n_values"] > products["category"].nunique())]
    best = levels.sort_values(["n_values", "column"], ascending=[False, True])
    return str(best["column"].iloc[0]) if len(best) else "category"


def product_names(products: pd.DataFrame | None, level: str = "category") -> pd.Series:
    """Return a readable name by ``product_id``: the product's own, else its kind with its id; no two are the same."""
    if products is None:
        return pd.Series(dtype="str")
    ids = products["product_id"].astype("str")
    columns = kind_columns(products)
    named = columns.loc[columns["use"] == "names", "column"]
    source = named.iloc[0] if len(named) else level if level in products and level != "product_id" else None
    names = ids
    if source is not None:
        label = products[source].astype("str").str.strip()
        alike = label.duplicated(keep=False) | (not len(named))
        names = label.where(~alike, label + " · " + ids).where(label.notna() & (label != ""), ids)
    return pd.Series(names.to_numpy(), index=ids.to_numpy(), dtype="str")


def with_items(transactions: IntoFrame, products: IntoFrame | None, level: str) -> nw.LazyFrame[Any]:
    """Return the order lines with the column ``item``: the product's value of `level`, null where it has none."""
    lines: nw.LazyFrame[Any] = nw.from_native(transactions).lazy()
    if "product_id" not in lines.collect_schema():
        raise ColumnError("transactions: column 'product_id' not found: the lines do not say what was bought.")
    if level == "product_id":
        return lines.with_columns(item=nw.col("product_id"))
    if products is None:
        raise ParameterError(f"level = {level!r}: the study has no table of products. Leave level empty.")
    known: nw.LazyFrame[Any] = nw.from_native(products).lazy()
    columns = [name for name in known.collect_schema() if not name.startswith("_")]
    if level not in columns:
        has = f"is no column of the products; they have {', '.join(columns)}.{near_miss(level, columns)}"
        raise ParameterError(f"level = {level!r} {has}")
    text = nw.col(level).cast(nw.String).str.strip_chars()
    return lines.join(known.select("product_id", item=nw.when(text != "").then(text)), on="product_id", how="left")


def bought_items(lines: nw.LazyFrame[Any], level: str) -> nw.LazyFrame[Any]:
    """Net lines to what was bought and kept: one row per customer, order and item.

    ``customer_id``, ``order_id``, ``item``, ``bought_on`` (day of the earliest line, at midnight),
    ``revenue_minor`` (net). Items that refunds of the same order take back in full have no row; gifts have one.
    """
    revenue = nw.col("revenue_minor")
    return (
        lines.filter(~nw.col(level).is_null())
        .with_columns(item=nw.col(level), least=revenue)
        .group_by("customer_id", "order_id", "item")
        .agg(nw.col("ordered_at").min(), revenue.sum(), nw.col("least").min())
        .filter((revenue > 0) | (nw.col("least") >= 0))
        .with_columns(revenue.cast(nw.Int64), bought_on=nw.col("ordered_at").dt.truncate("1d"))
        .select("customer_id", "order_id", "item", "bought_on", "revenue_minor")
    )


def _codes(column: pa.ChunkedArray, *, in_runs: bool = False) -> tuple[np.ndarray, pa.Array]:
    """Return a text column as numbers from 0 (-1 = missing) and the distinct values they stand for.

    With `in_runs`, equal values in a row are looked up once: the lines of an order mostly stand together.
    """
    lengths = None
    if in_runs and len(column):
        runs = [pc.run_end_encode(chunk, run_end_type=pa.int64()) for chunk in column.chunks if len(chunk)]
        lengths = np.concatenate([np.diff(run.run_ends.to_numpy(), prepend=0) for run in runs])
        column = pa.chunked_array([run.values for run in runs])
    coded = column.dictionary_encode().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):  # of no rows
        coded = pa.array([], column.type).dictionary_encode()
    indices = (coded.indices.fill_null(-1) if coded.null_count else coded.indices).to_numpy(zero_copy_only=False)
    return indices if lengths is None else np.repeat(indices, lengths), coded.dictionary


def coded_baskets(lines: nw.LazyFrame[Any], level: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, pa.Array]:
    """Return the customer of each basket, in rising order; of each thing bought its basket and item; the items' names.

    The same as `bought_items`, but on numbers: grouping by three text columns would take most of the time.
    """
    table = lines.select("customer_id", "order_id", level, "revenue_minor").collect(backend="pyarrow").to_native()
    with ThreadPoolExecutor(3) as pool:  # Arrow lets go of the interpreter
        columns = [pool.submit(_codes, table[level])]
        columns += [pool.submit(_codes, table[name], in_runs=True) for name in ("order_id", "customer_id")]
        (item, values), (order, orders), (customer, _) = (column.result() for column in columns)
    revenue = table["revenue_minor"].to_numpy()
    del table, columns  # texts take more room than all that follows
    owner = np.full(len(orders) + 1, -1, dtype="int32")
    owner[order] = customer
    if (owner[order] == customer).all():
        basket = order
    else:  # order numbers that start anew with every customer
        basket = np.unique(customer.astype("int64") * (len(orders) + 1) + order + 1, return_inverse=True)[1]
    kept = revenue >= 0
    if not kept.all():
        key = basket.astype("int64") * (len(values) + 1) + item + 1
        touched = np.unique(key[~kept])
        place = np.searchsorted(touched, key).clip(max=len(touched) - 1)
        mine = touched[place] == key
        net = np.zeros(len(touched), dtype="int64")
        np.add.at(net, place[mine], revenue[mine])
        kept &= ~mine | (net[place] > 0)
        basket, customer, item = basket[kept], customer[kept], item[kept]
    basket, used = _renumber(basket)
    customer_of = np.empty(used, dtype="int64")
    customer_of[basket] = customer
    customer_of, _ = _renumber(customer_of)
    if (np.diff(customer_of) < 0).any():
        by_customer = np.argsort(customer_of, kind="stable")
        place_of = np.empty_like(by_customer)
        place_of[by_customer] = np.arange(used)
        basket, customer_of = place_of[basket], customer_of[by_customer]
    known = item >= 0 if item.min(initial=0) < 0 else slice(None)
    return customer_of, basket[known], item[known], values


def _renumber(codes: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the codes numbered anew, from 0 without a gap, and how many there are."""
    if not len(codes):
        return codes, 0
    low = codes.min()
    seen = np.bincount(codes - low) > 0
    if low == 0 and seen.all():
        return codes, len(seen)
    return (np.cumsum(seen) - 1)[codes - low], int(seen.sum())


def count_one_item(basket: np.ndarray, item: np.ndarray, n: int) -> int:
    """Count the baskets whose lines all name one item."""
    low, high = np.full(n, np.iinfo("int32").max, dtype="int32"), np.full(n, -1, dtype="int32")
    np.minimum.at(low, basket, item)
    np.maximum.at(high, basket, item)
    return int((low == high).sum())
