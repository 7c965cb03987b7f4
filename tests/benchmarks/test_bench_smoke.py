"""The benchmark's implementations agree on a small table; no time is judged."""

import datetime as dt
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest

from custaudience.study.cache import cache_folder

from .data import AS_OF, Data, prepare, write_parquet
from .measure import HERE, Implementation, equal_tables, run_once
from .sections import OF_CUSTOMERS, TITLES, of_customers, section


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return prepare(10_000, root=tmp_path_factory.mktemp("bench"))


@pytest.mark.parametrize("name", [*TITLES, *OF_CUSTOMERS])
def test_implementations_agree(name: str, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, which starts faster; a peer runs in its own."""
    monkeypatch.syspath_prepend(str(HERE))
    root = cache_folder() / "bench"
    if name in OF_CUSTOMERS:
        ours, *others = of_customers(name, 10_000, root, install=False)
    else:
        ours, *others = section(name, data, root, install=False)
    expected = output_of(ours, tmp_path / "ours", monkeypatch)
    absent = [f"{other.name}: {other.absent}" for other in others if other.absent]
    for number, other in enumerate(other for other in others if other.compared and not other.absent):
        assert equal_tables(expected, output_of(other, tmp_path / str(number), monkeypatch)) == "", other.name
    if absent:
        pytest.skip("; ".join(absent))


def output_of(implementation: Implementation, folder: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    folder.mkdir()
    if str(implementation.python) != sys.executable:
        run_once(implementation, folder / "output.parquet", AS_OF, folder)
        return pd.read_parquet(folder / "output.parquet")
    for name, value in {"CUSTAUDIENCE_CACHE": str(folder), **implementation.env}.items():
        monkeypatch.setenv(name, value)
    script = runpy.run_path(str(HERE / implementation.script))
    result = script["compute"](implementation.input, dt.date.fromisoformat(AS_OF))
    return script["output"](result) if "output" in script and implementation.compared else result


def test_a_process_is_timed_and_its_memory_seen(data: Data, tmp_path: Path) -> None:
    scan = section("rfm", data, tmp_path)[-1]
    run = run_once(scan, tmp_path / "output.parquet", AS_OF, tmp_path)
    assert 0 < run.seconds < 60
    assert 20 < run.peak_mb < 4000
    assert len(pd.read_parquet(tmp_path / "output.parquet")) == 1


def test_the_data_are_the_same_each_time(data: Data, tmp_path: Path) -> None:
    write_parquet(10_000, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (data.parquet / "transactions.parquet").read_bytes()


def test_the_data_hold_what_is_hard(data: Data) -> None:
    lines = pd.read_parquet(data.normalised)
    orders = lines.groupby("order_id")["revenue_minor"].sum()
    assert len(lines) == 10_000
    assert (lines["revenue_minor"] == 0).any() and (orders < 0).any()
    assert (lines["ordered_at"] > pd.Timestamp(AS_OF) + pd.Timedelta(days=1)).any()
    assert lines.groupby("customer_id")["order_id"].nunique().between(1, 2).any()


def test_a_difference_is_noticed() -> None:
    table = pd.DataFrame({"customer_id": ["a", "b"], "n_orders": [1, 2], "rfm": ["1-1-1", None]})
    assert equal_tables(table, table.copy()) == ""
    assert equal_tables(table, table.assign(n_orders=[1, 3])) == "column n_orders in 1 of 2 rows"
    assert equal_tables(table, table.assign(rfm=["1-1-1", "1-1-1"])) == "column rfm in 1 of 2 rows"
    assert equal_tables(table, table.iloc[:1]) == "2 and 1 rows"
