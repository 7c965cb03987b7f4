"""BG/NBD fitted to the same summary by lifetimes; runs in an environment of its own."""

import datetime as dt
from pathlib import Path

import clock
import pandas as pd
from lifetimes import BetaGeoFitter

COLUMNS = ["n_repeat", "first_to_last", "tenure"]


def compute(path: Path, as_of: dt.date) -> pd.DataFrame:
    summary = pd.read_parquet(path, columns=COLUMNS)
    model = BetaGeoFitter().fit(summary["n_repeat"], summary["first_to_last"], summary["tenure"])
    values = [model.params_[name] for name in ("r", "alpha", "a", "b")]
    return pd.DataFrame({"parameter": ["r", "alpha", "a", "b"], "estimate": [f"{value:.4g}" for value in values]})


if __name__ == "__main__":
    clock.run(compute)
