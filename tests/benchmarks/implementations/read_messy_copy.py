"""From a messy CSV to Parquet with the same casts by one DuckDB COPY: nothing checked, counted or kept back."""

import datetime as dt
import os
from pathlib import Path

import clock
import duckdb
from fingerprint import fingerprint

COPY = """
copy (
    select "Клієнт" as customer_id, "Номер замовлення" as order_id,
           strptime("Дата", '%d.%m.%Y %H:%M') as ordered_at,
           round(replace("Сума, грн", ',', '.')::decimal(28, 6) * 100)::bigint as revenue_minor,
           "Артикул" as product_id, replace("Кількість", ',', '.')::double as quantity, "Товар", "Статус"
    from read_csv('{source}', all_varchar = true, delim = ';')
    where "Статус" <> 'Скасовано'
) to '{target}' (format parquet, compression zstd)
"""


def compute(folder: Path, as_of: dt.date) -> duckdb.DuckDBPyRelation:
    target = Path(os.environ["CUSTAUDIENCE_CACHE"]) / "copy.parquet"
    con = duckdb.connect()
    con.execute(COPY.format(source=folder / "transactions.csv", target=target))
    return con.read_parquet(str(target))


if __name__ == "__main__":
    clock.run(compute, fingerprint)
