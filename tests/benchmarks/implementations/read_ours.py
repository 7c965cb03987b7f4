"""From a study's file to its normalised table, by custaudience; CUSTAUDIENCE_CACHE is an empty folder."""

import datetime as dt
from pathlib import Path

import clock
import duckdb
from fingerprint import fingerprint

from custaudience.study import open_study


def compute(folder: Path, as_of: dt.date) -> duckdb.DuckDBPyRelation:
    study = open_study(folder)
    return study.table("transactions")


if __name__ == "__main__":
    clock.run(compute, fingerprint)
