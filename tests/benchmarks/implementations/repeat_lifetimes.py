"""lifetimes' own summary, from the same normalised file; runs in an environment of its own."""

import pandas as pd
from lifetimes.utils import summary_data_from_transaction_data


def compute(path, as_of):
    lines = pd.read_parquet(path, columns=["customer_id", "ordered_at", "revenue_minor"])
    lines["revenue"] = lines.pop("revenue_minor") / 100
    return summary_data_from_transaction_data(
        lines, "customer_id", "ordered_at", "revenue", observation_period_end=as_of, freq="D"
    )


def output(summary):
    names = {"frequency": "n_repeat", "recency": "first_to_last", "T": "tenure", "monetary_value": "mean_repeat_value"}
    return summary.rename(columns=names).reset_index().sort_values("customer_id")
