"""Seeded transactions of any size in a cache folder: a study of one Parquet file, one of a CSV file."""

import os
import shutil
import subprocess
import sys

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from custaudience.study.cache import cache_folder

VERSION = 1  # raise it when the same seed must give other rows
AS_OF = "2025-11-30"  # a month before the last line, so that the filter has something to do
CHUNK = 1_000_000
START, SECONDS = np.datetime64("2024-01-01", "s"), 731 * 86400  # two years
STUDY = """[study]
name = "Benchmark"
currency = "USD"
timezone = "UTC"

[tables.transactions]
path = "transactions.{suffix}"
"""


class Data:
    """Where the files of one size lie: two studies, the cache of the first, and its lines that are sales."""

    def __init__(self, rows, folder):
        self.rows, self.folder = rows, folder
        self.parquet, self.csv, self.warm_cache = (folder / name for name in ("parquet", "csv", "cache"))
        # without refunds and orders of zero, on which lifetimes and we agree what counts
        self.sales = folder / "sales.parquet"

    @property
    def normalised(self):
        return normalised_file(self.parquet, self.warm_cache)


def prepare(rows, *, csv=True, root=None):
    """Return the files of `rows` lines, made when they are not there yet."""
    root = root or cache_folder() / "bench"
    data = Data(rows, root / f"transactions-{rows}-v{VERSION}")
    if not data.folder.is_dir():
        beside = Data(rows, root / f".making-{rows}-{os.getpid()}")
        shutil.rmtree(beside.folder, ignore_errors=True)
        for study, suffix in ((beside.parquet, "parquet"), (beside.csv, "csv")):
            study.mkdir(parents=True)
            (study / "study.toml").write_text(STUDY.format(suffix=suffix), encoding="utf-8")
        write_parquet(rows, beside.parquet / "transactions.parquet")
        beside.folder.rename(data.folder)
    if csv and not (data.csv / "transactions.csv").exists():
        copy(f"from '{data.parquet}/transactions.parquet'", data.csv / "transactions.csv")
    if not data.sales.exists():
        lines = f"from '{data.normalised}'"
        orders = f"select customer_id, order_id {lines} group by all having sum(revenue_minor) > 0"
        copy(f"select * {lines} semi join ({orders}) using (customer_id, order_id)", data.sales)
    return data


def kept(name, root, make):
    """Return a Parquet file of what `make` makes, made when it is not there yet."""
    file = root / f"{name}.parquet"
    if not file.exists():
        root.mkdir(parents=True, exist_ok=True)
        beside = file.with_name(f".making-{os.getpid()}-{file.name}")
        make().to_parquet(beside, index=False)
        beside.replace(file)
    return file


def write_parquet(rows, path, *, seed=20250101):
    activity = np.cumsum(np.random.default_rng(seed).gamma(0.6, size=max(1, rows // 25)))
    chunks = -(-rows // CHUNK)
    writer = None
    for chunk in range(chunks):
        rng = np.random.default_rng([seed, chunk])
        lines = order_lines(rng, min(CHUNK, rows - chunk * CHUNK), activity, chunk, chunks)
        writer = writer or pq.ParquetWriter(path, lines.schema, compression="zstd")
        writer.write_table(lines, row_group_size=122_880)
    if writer:
        writer.close()


def order_lines(rng, n, activity, chunk, chunks):
    """Return `n` lines of orders of 1 to about 8 lines; some lines are free, 1.5 % of orders are refunds."""
    per_order = 1 + rng.poisson(1.5, size=n)
    order = np.repeat(np.arange(n), per_order)[:n]
    n_orders = int(order[-1]) + 1
    customer = np.searchsorted(activity, rng.random(n_orders) * activity[-1])
    second = np.sort((chunk + rng.random(n_orders)) * (SECONDS / chunks)).astype("int64")
    cents = rng.lognormal(6.0, 0.8, size=n).astype("int64")
    cents[rng.random(n) < 0.005] = 0
    refund = (rng.random(n_orders) < 0.015)[order]
    return pa.table(
        {"customer_id": ids("C", customer[order]), "order_id": ids("O", chunk * CHUNK + order),
         "ordered_at": pa.array((START + second)[order].astype("datetime64[us]")),
         "revenue": pa.array(np.where(refund, -cents, cents) / 100),
         "product_id": ids("P", (20_000 * rng.random(n) ** 3).astype("int64")),
         "quantity": pa.array(1 + rng.poisson(0.4, size=n))}
    )  # fmt: skip


def ids(letter, numbers):
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), 9, "0")
    return pc.binary_join_element_wise(letter, digits, "")


def copy(query, target, separator=","):
    """Write a query's rows to a Parquet or CSV file, whole or not at all."""
    beside = target.with_name(f".making-{target.name}")
    options = (
        f"format csv, header, delimiter '{separator}'"
        if target.suffix == ".csv"
        else "format parquet, compression zstd"
    )
    duckdb.connect().execute(f"copy ({query}) to '{beside}' ({options})")
    beside.rename(target)


def normalised_file(study, cache):
    """Return the file our reader makes of a study's transactions, read once in a process of its own."""
    if not cache.is_dir():
        beside = cache.with_name(f".making-{cache.name}")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        code = "import sys; from custaudience.study import open_study; open_study(sys.argv[1]).table('transactions')"
        env = {**os.environ, "CUSTAUDIENCE_CACHE": str(beside)}
        # without a file name DuckDB takes Python for interactive and draws a progress bar
        subprocess.run([sys.executable, "-c", code, str(study)], env=env, check=True, stdout=subprocess.DEVNULL)
        beside.rename(cache)
    (part,) = cache.glob("tables/*/part-0000.parquet")
    return part


MESSY = """
    SELECT order_id AS "Номер замовлення", strftime(ordered_at, '%d.%m.%Y %H:%M') AS "Дата", customer_id AS "Клієнт",
           product_id AS "Артикул", 'Товар «' || product_id || '», упаковка' AS "Товар",
           replace(quantity::varchar, '.', ',') AS "Кількість", replace(revenue::varchar, '.', ',') AS "Сума, грн",
           CASE WHEN hash(order_id) % 20 = 0 THEN 'Скасовано' ELSE 'Виконано' END AS "Статус"
    FROM read_parquet('{source}')"""
MESSY_STUDY = """[study]
name = "Messy"
currency = "UAH"
timezone = "Europe/Kyiv"

[tables.transactions]
path = "transactions.csv"
separator = ";"
decimal = ","
date_format = "%d.%m.%Y %H:%M"
exclude = { "Статус" = ["Скасовано"] }
[tables.transactions.columns]
customer_id = "Клієнт"
order_id = "Номер замовлення"
ordered_at = "Дата"
revenue = "Сума, грн"
product_id = "Артикул"
quantity = "Кількість"
"""


def messy(data):
    """Return a study of the lines as a shop exports them: semicolons, decimal commas, the day first, statuses."""
    folder = data.folder / "messy"
    file = folder / "transactions.csv"
    if not file.exists():
        folder.mkdir(exist_ok=True)
        (folder / "study.toml").write_text(MESSY_STUDY, encoding="utf-8")
        copy(MESSY.format(source=data.parquet / "transactions.parquet"), file, separator=";")
    return folder
