"""The floor: DuckDB reads the four columns that RFM needs and does next to nothing with them."""

import datetime as dt
from pathlib import Path

import clock
import duckdb
import pandas as pd


def compute(path: Path, as_of: dt.date) -> pd.DataFrame:
    return (
        duckdb.connect()
        .execute(
            """select max(customer_id) as customer_id, max(order_id) as order_id, max(ordered_at) as ordered_at,
           sum(revenue_minor)::bigint as revenue_minor from read_parquet($path)""",
            {"path": str(path)},
        )
        .df()
    )


if __name__ == "__main__":
    clock.run(compute)
