"""Our summary of repeat purchases (how many days, first to last, tenure, mean value) on the engine."""

import duckdb
import pyarrow as pa  # noqa: F401  (imported lazily below, so before the clock)

from custaudience.customers.clv.repeat import Counting, summarise_repeat_purchases
from custaudience.evidence import Terms
from custaudience.study import orders_of


def compute(path, as_of):
    orders = orders_of(duckdb.connect().read_parquet(str(path)), as_of=as_of)
    # lifetimes says 0 where there is no repeat purchase, we say NaN
    return summarise_repeat_purchases(orders, Terms(as_of), Counting("D")).fillna({"mean_repeat_value": 0.0})
