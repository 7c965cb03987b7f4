"""Gamma-Gamma fitted to the same summary by lifetimes; runs in an environment of its own."""

import datetime as dt
from pathlib import Path

import clock
import pandas as pd
from lifetimes import GammaGammaFitter


def compute(path: Path, as_of: dt.date) -> pd.DataFrame:
    summary = pd.read_parquet(path, columns=["n_repeat", "mean_repeat_value"])
    repeat = summary[(summary["n_repeat"] > 0) & (summary["mean_repeat_value"] > 0)]
    model = GammaGammaFitter().fit(repeat["n_repeat"], repeat["mean_repeat_value"])
    values = [model.params_[name] for name in ("p", "q", "v")]
    return pd.DataFrame({"parameter": ["p", "q", "v"], "estimate": [f"{value:.4g}" for value in values]})


if __name__ == "__main__":
    clock.run(compute)
