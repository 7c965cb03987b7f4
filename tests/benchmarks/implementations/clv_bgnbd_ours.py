"""BG/NBD fitted to a summary of repeat purchases, by us."""

import datetime as dt
from pathlib import Path

import clock
import pandas as pd

from custaudience.customers.clv.purchases import BgNbd

COLUMNS = ["n_repeat", "first_to_last", "tenure"]


def compute(path: Path, as_of: dt.date) -> pd.DataFrame:
    model = BgNbd().fit(pd.read_parquet(path, columns=COLUMNS), time_unit="W")
    # four digits are compared: lifetimes stops that far from the optimum
    return pd.DataFrame({"parameter": model.names, "estimate": [f"{value:.4g}" for value in model.params_]})


if __name__ == "__main__":
    clock.run(compute)
