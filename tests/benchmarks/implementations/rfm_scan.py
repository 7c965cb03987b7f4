"""The floor: DuckDB reads the four columns that RFM needs and does next to nothing with them."""

import duckdb
import pandas  # noqa: F401  (imported lazily below, so before the clock)

SQL = """select max(customer_id) as customer_id, max(order_id) as order_id, max(ordered_at) as ordered_at,
         sum(revenue_minor)::bigint as revenue_minor from read_parquet($path)"""


def compute(path, as_of):
    return duckdb.connect().execute(SQL, {"path": str(path)}).df()
