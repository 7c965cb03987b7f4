"""From a file to Parquet with the same casts by one DuckDB COPY: nothing checked, counted or kept back."""

import datetime as dt
import os
from pathlib import Path

import clock
import duckdb
from fingerprint import fingerprint

COPY = """
copy (
    select customer_id::varchar as customer_id, order_id::varchar as order_id, ordered_at::timestamp as ordered_at,
           round(revenue::decimal(28, 6) * 100)::bigint as revenue_minor, product_id::varchar as product_id,
           quantity::double as quantity
    from {source}
) to '{target}' (format parquet, compression zstd)
"""


def compute(folder: Path, as_of: dt.date) -> duckdb.DuckDBPyRelation:
    file = next(folder.glob("transactions.*"))
    source = f"read_parquet('{file}')" if file.suffix == ".parquet" else f"read_csv('{file}', all_varchar = true)"
    target = Path(os.environ["CUSTAUDIENCE_CACHE"]) / "copy.parquet"
    con = duckdb.connect()
    con.execute(COPY.format(source=source, target=target))
    return con.read_parquet(str(target))


if __name__ == "__main__":
    clock.run(compute, fingerprint)
