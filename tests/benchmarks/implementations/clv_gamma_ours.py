"""Gamma-Gamma fitted to a summary of repeat purchases, by us."""

import datetime as dt
from pathlib import Path

import clock
import pandas as pd

from custaudience.customers.clv.gammagamma import GammaGamma


def compute(path: Path, as_of: dt.date) -> pd.DataFrame:
    model = GammaGamma().fit(pd.read_parquet(path, columns=["n_repeat", "mean_repeat_value"]))
    # four digits are compared: lifetimes stops that far from the optimum
    return pd.DataFrame({"parameter": model.names, "estimate": [f"{value:.4g}" for value in model.params_]})


if __name__ == "__main__":
    clock.run(compute)
