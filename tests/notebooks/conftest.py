"""The grocery study as it would have been exported earlier."""

import os
from pathlib import Path

import duckdb
import pytest

from tests.notebooks.running import ROOT


@pytest.fixture(scope="session")
def until_june(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The grocery study as it would have been exported on 1 July: no line knows anything later."""
    folder = tmp_path_factory.mktemp("studies") / "grocery"
    folder.mkdir()
    source = ROOT / "data" / "grocery"
    local = "(transaction_timestamp AT TIME ZONE 'UTC') AT TIME ZONE 'America/New_York'"
    duckdb.connect().sql(
        f"SELECT * FROM '{source}/transactions.parquet' WHERE {local} < TIMESTAMP '2017-07-01'"
    ).write_parquet(str(folder / "transactions.parquet"))
    for file in source.glob("*.parquet"):
        if file.name != "transactions.parquet":
            os.link(file, folder / file.name) if os.stat(source).st_dev == os.stat(folder).st_dev else (
                folder / file.name
            ).write_bytes(file.read_bytes())
    (folder / "study.toml").write_bytes((source / "study.toml").read_bytes())
    return folder
