"""lifetimes' summary (repeat purchase days, age at the last, age now, mean value) from our orders.

The package has no function of this name yet; the reduction below runs on what `orders_of` gives, on the engine.
"""

import datetime as dt
from pathlib import Path

import clock
import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa  # noqa: F401  (imported lazily below, so before the clock)

from custaudience.study import orders_of

SHIFT = 10**11  # above any day's value in minor units


def compute(path: Path, as_of: dt.date) -> pd.DataFrame:
    orders = nw.from_native(orders_of(duckdb.connect().read_parquet(str(path)), as_of=as_of))
    day, value = nw.col("ordered_on"), nw.col("revenue_minor")
    year, month, of_month = (part.cast(nw.Int64) for part in (day.dt.year(), day.dt.month(), day.dt.day()))
    customers = (
        orders.filter("is_order")
        .group_by("customer_id", "ordered_on")
        .agg(value.sum().cast(nw.Int64))
        # the first day and its value in one number, whose minimum needs no second pass
        .with_columns(start=(year * 10_000 + month * 100 + of_month) * SHIFT + value)
        .group_by("customer_id")
        .agg(nw.col("start").min(), first=day.min(), last=day.max(), n=nw.len(), total=value.sum())
        .with_columns(nw.col("n", "total").cast(nw.Int64))
        .sort("customer_id")
        .collect("pandas")
        .to_native()
    )
    first, last = (customers[name].to_numpy().astype("datetime64[D]") for name in ("first", "last"))
    n_repeat = customers["n"].to_numpy() - 1
    repeated = (customers["total"] - customers["start"] % SHIFT).to_numpy()
    return pd.DataFrame(
        {
            "customer_id": customers["customer_id"],
            "n_repeat": n_repeat,
            "first_to_last": (last - first).astype("int64"),
            "tenure": (np.datetime64(as_of, "D") - first).astype("int64"),
            "mean_repeat_value": repeated / 100 / np.maximum(n_repeat, 1),
        }
    )


if __name__ == "__main__":
    clock.run(compute)
