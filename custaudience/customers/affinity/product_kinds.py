"""At which level things go together: kinds of products, chosen from the table of products, and readable names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals as nw
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.affinity.pairs import ProductPairs
from custaudience.errors import ColumnError, ParameterError, near_miss

_NESTED = 0.9  # of products: so many lie in the main category of their kind
_UNIQUE = 0.9  # more different values than this, per product, and a column names products, not kinds


def kind_columns(products: pd.DataFrame) -> pd.DataFrame:
    """Look which text columns of the products sort them into kinds.

    Parameters
    ----------
    products : DataFrame
        ``product_id``, optionally ``category`` and other columns.

    Returns
    -------
    DataFrame, one row per text column
        ``column``, ``n_values``, ``share_in_category`` (share of products that lie in the category where most of
        their value's products lie; NaN without a category), ``use``: "level" (sorts products within the
        categories), "names" (tells nearly every product apart), "" (neither).
    """
    rows = []
    category = products["category"] if "category" in products else None
    for column in products.columns.drop(["product_id", "category"], errors="ignore"):
        if str(column).startswith("_") or not _is_text(products[column]):
            continue
        known = products[column].notna() & (products[column].astype("str").str.strip() != "")
        n, n_values = int(known.sum()), products.loc[known, column].nunique()
        share = float("nan")
        if category is not None and (both := known & category.notna()).any():
            cells = products[both].groupby([column, "category"]).size()
            share = float(cells.groupby(level=0).max().sum() / both.sum())
        use = ""
        if n >= _NESTED * len(products):
            names = n_values > _UNIQUE * n
            use = "names" if names else "level" if share >= _NESTED and n_values > 1 else ""
        rows.append((str(column), n_values, share, use))
    table = pd.DataFrame(rows, columns=["column", "n_values", "share_in_category", "use"])
    return table.astype({"column": "str", "use": "str"})


def choose_level(products: pd.DataFrame | None) -> str:
    """Return the column that sorts products into the finest kinds: within the categories, and fewer than products.

    ``category`` where no column is finer, ``product_id`` where there is no category.

    Examples
    --------
    >>> choose_level(pd.DataFrame({"product_id": ["1", "2", "3", "4"], "category": ["food"] * 2 + ["tools"] * 2,
    ...     "kind": ["milk", "milk", "saw", "axe"], "name": ["milk 1 %", "milk 2 %", "saw", "axe"]}))
    'kind'
    """
    if products is None or "category" not in products or products["category"].isna().all():
        return "product_id"
    levels = kind_columns(products)
    levels = levels[(levels["use"] == "level") & (levels["n_values"] > products["category"].nunique())]
    best = levels.sort_values(["n_values", "column"], ascending=[False, True])
    return str(best["column"].iloc[0]) if len(best) else "category"


def product_names(products: pd.DataFrame | None, level: str = "category") -> pd.Series:
    """Return a readable name per product: its own, else its kind with its id; no two are the same.

    Returns
    -------
    Series of text, indexed by ``product_id``
    """
    if products is None:
        return pd.Series(dtype="str")
    ids = products["product_id"].astype("str")
    columns = kind_columns(products)
    named = columns.loc[columns["use"] == "names", "column"]
    source = named.iloc[0] if len(named) else level if level in products and level != "product_id" else None
    if source is None:
        return pd.Series(ids.to_numpy(), index=ids.to_numpy(), dtype="str")
    label = products[source].astype("str").str.strip()
    doubtful = label.isna() | (label == "")
    alike = label.duplicated(keep=False) | (not len(named))
    names = label.where(~alike, label + " · " + ids).where(~doubtful, ids)
    return pd.Series(names.to_numpy(), index=ids.to_numpy(), dtype="str")


def name_pairs(pairs: ProductPairs, names: pd.Series) -> ProductPairs:
    """Return pairs of product ids with the names of `product_names` in place of the ids."""
    table = pairs.table.copy()
    for column in ("item_a", "item_b"):
        table[column] = table[column].map(names).fillna(table[column]).astype("str")
    return replace(pairs, table=table)


def with_items(transactions: IntoFrame, products: IntoFrame | None, level: str) -> nw.LazyFrame[Any]:
    """Return the order lines with the column ``item``: the product's value of `level`.

    Parameters
    ----------
    transactions, products : any frames Narwhals reads, of one engine
        Relations of one study.
    level : str
        Column of the products, or ``product_id``. Lines of products that are not in the table have no item.

    Raises
    ------
    ColumnError
        If the lines name no products.
    ParameterError
        If the products have no such column.
    """
    lines: nw.LazyFrame[Any] = nw.from_native(transactions).lazy()
    if "product_id" not in lines.collect_schema():
        raise ColumnError("transactions: column 'product_id' not found: the lines do not say what was bought.")
    if level == "product_id":
        return lines.with_columns(item=nw.col("product_id"))
    if products is None:
        raise ParameterError(f"level = {level!r}: the study has no table of products. Leave level empty.")
    known: nw.LazyFrame[Any] = nw.from_native(products).lazy()
    schema = known.collect_schema()
    columns = [name for name in schema if not name.startswith("_")]
    if level not in columns:
        raise ParameterError(
            f"level = {level!r} is no column of the products; they have {', '.join(columns)}."
            f"{near_miss(level, columns)}"
        )
    text = nw.col(level).cast(nw.String).str.strip_chars()
    item = known.select("product_id", item=nw.when(text != "").then(text))
    return lines.join(item, on="product_id", how="left")


def _is_text(values: pd.Series) -> bool:
    """Return whether most values hold a letter: prices, article numbers and barcodes do not."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return False
    known = values.dropna().astype("str")
    return bool(known.str.contains(r"[^\W\d_]").mean() > 0.5) if len(known) else False
