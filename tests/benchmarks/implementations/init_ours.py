"""From a company's messy CSV to a proposed study; the folder it is written to is thrown away."""

import datetime as dt
import os
from pathlib import Path

import clock
import pandas as pd

from custaudience.reports.studies import Talk, Wishes, make_study
from custaudience.study import open_study

ANSWERS = {"timezone": "Europe/Kyiv"}


def compute(file: Path, as_of: dt.date) -> Path:
    folder = Path(os.environ["CUSTAUDIENCE_CACHE"]) / "proposed"
    make_study(folder, [file], Wishes(ANSWERS), Talk(say=lambda text: None))
    return folder


def proposed(folder: Path) -> pd.DataFrame:
    section = open_study(folder).config.tables["transactions"]
    return pd.DataFrame(sorted(section.columns.items()), columns=["ours", "theirs"])


if __name__ == "__main__":
    clock.run(compute, proposed)
