"""BG/NBD or Gamma-Gamma, as BENCH_MODEL says, fitted to the same summary by lifetimes, in an environment of its own."""

import os

import pandas as pd
from lifetimes import BetaGeoFitter, GammaGammaFitter


def compute(path, as_of):
    if os.environ["BENCH_MODEL"] == "gamma":
        summary = pd.read_parquet(path, columns=["n_repeat", "mean_repeat_value"])
        repeat = summary[(summary["n_repeat"] > 0) & (summary["mean_repeat_value"] > 0)]
        model, names = GammaGammaFitter().fit(repeat["n_repeat"], repeat["mean_repeat_value"]), ["p", "q", "v"]
    else:
        summary = pd.read_parquet(path, columns=["n_repeat", "first_to_last", "tenure"])
        model = BetaGeoFitter().fit(summary["n_repeat"], summary["first_to_last"], summary["tenure"])
        names = ["r", "alpha", "a", "b"]
    return pd.DataFrame({"parameter": names, "estimate": [f"{model.params_[name]:.4g}" for name in names]})
