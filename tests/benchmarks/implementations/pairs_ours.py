"""Pairs of products bought together by custaudience, intervals and tests included, from the normalised file."""

import datetime as dt

import duckdb
import pyarrow as pa

from custaudience.customers.affinity.pairs import product_pairs
from custaudience.evidence import Terms


def compute(path, as_of):
    return product_pairs(duckdb.connect().read_parquet(str(path)), Terms(as_of), min_support=0.001, min_count=1).table


def output(pairs):
    columns = ["item_a", "item_b", "support", "confidence_a_to_b", "confidence_b_to_a", "lift", "leverage"]
    return pairs[columns].sort_values(["item_a", "item_b"], ignore_index=True).astype({"item_a": str, "item_b": str})


def ready(path):
    # what is imported on first use (Narwhals for DuckDB, scipy.stats) is imported before the clock
    line = {"customer_id": ["1"], "order_id": ["1"], "product_id": ["1"], "revenue_minor": [1]}
    one = pa.table({**line, "ordered_at": [dt.datetime(2017, 1, 1)]})
    product_pairs(duckdb.connect().from_arrow(one), Terms(dt.date(2017, 1, 1)))
