"""lifetimes' own summary, from the same normalised file; runs in an environment of its own."""

import datetime as dt
from pathlib import Path

import clock
import pandas as pd
from lifetimes.utils import summary_data_from_transaction_data


def compute(path: Path, as_of: dt.date) -> pd.DataFrame:
    lines = pd.read_parquet(path, columns=["customer_id", "ordered_at", "revenue_minor"])
    lines["revenue"] = lines.pop("revenue_minor") / 100
    return summary_data_from_transaction_data(
        lines, "customer_id", "ordered_at", "revenue", observation_period_end=as_of, freq="D"
    )


def output(summary: pd.DataFrame) -> pd.DataFrame:
    names = {"frequency": "n_repeat", "recency": "first_to_last", "T": "tenure", "monetary_value": "mean_repeat_value"}
    return summary.rename(columns=names).reset_index().sort_values("customer_id")


if __name__ == "__main__":
    clock.run(compute, output)
