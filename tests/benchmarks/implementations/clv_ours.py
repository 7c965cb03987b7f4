"""BG/NBD or Gamma-Gamma, as BENCH_MODEL says, fitted to a summary of repeat purchases, by us."""

import os

import pandas as pd

from custaudience.customers.clv.purchases import BgNbd, GammaGamma


def compute(path, as_of):
    if os.environ["BENCH_MODEL"] == "gamma":
        model = GammaGamma().fit(pd.read_parquet(path, columns=["n_repeat", "mean_repeat_value"]))
    else:
        model = BgNbd().fit(pd.read_parquet(path, columns=["n_repeat", "first_to_last", "tenure"]), time_unit="W")
    # four digits are compared: lifetimes stops that far from the optimum
    return pd.DataFrame({"parameter": model.names, "estimate": [f"{value:.4g}" for value in model.params_]})
