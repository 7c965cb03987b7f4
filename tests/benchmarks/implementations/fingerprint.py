"""One row that is equal for equal transactions, whatever their order."""

import duckdb
import pandas as pd

COLUMNS = "customer_id, order_id, ordered_at, revenue_minor, product_id, quantity"


def fingerprint(rows: duckdb.DuckDBPyRelation) -> pd.DataFrame:
    """Count the rows of a relation and add up a hash of each."""
    ((n, total),) = rows.aggregate(f"count(*), sum(hash({COLUMNS}))").fetchall()
    return pd.DataFrame({"rows": [n], "hash": [str(total)]})
