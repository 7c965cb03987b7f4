"""From a company's messy CSV to a proposed study; the folder it is written to is thrown away."""

import os
from pathlib import Path

import pandas as pd

from custaudience.reports.studies import Talk, Wishes, make_study
from custaudience.study import open_study

ANSWERS = {"timezone": "Europe/Kyiv"}


def compute(file, as_of):
    folder = Path(os.environ["CUSTAUDIENCE_CACHE"]) / "proposed"
    make_study(folder, [file], Wishes(ANSWERS), Talk(say=lambda text: None))
    return folder


def output(folder):
    section = open_study(folder).config.tables["transactions"]
    return pd.DataFrame(sorted(section.columns.items()), columns=["ours", "theirs"])
