"""A month's report is the same whether the lines come from a CSV file, from SQLite or from PostgreSQL."""

import csv
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from fakes import command

from ..study.postgres import PASSWORD, Postgres, started_postgres

ROOT = Path(__file__).parents[2]
QUERY = 'query = "SELECT customer_id, date, dollars, cds FROM cd_sales ORDER BY customer_id, date, line"\n'


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with started_postgres() as server:
        yield server


def lines() -> list[dict[str, str]]:
    with (ROOT / "data/cdnow/transactions.csv").open(encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: (row["customer_id"], row["date"]))


def report(folder: Path, **environment: str) -> Path:
    done = command("report", folder.name, "--notebook", "30", "--jobs", "1", cwd=folder.parent, **environment)
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return Path(done.stdout.strip()).parent


def test_file_sqlite_and_postgres_give_the_same_report(postgres: Postgres, tmp_path: Path) -> None:
    rows = lines()

    def study(name: str, source: str) -> Path:
        folder = tmp_path / name / "shop"
        folder.mkdir(parents=True)
        (folder / "study.toml").write_text(
            '[study]\nname = "Music shop"\ncurrency = "USD"\ntimezone = "UTC"\nfirst_orders = "observed"\n'
            '[tables.transactions]\ndate_format = "%Y%m%d"\n'
            f'columns = {{ ordered_at = "date", revenue = "dollars", quantity = "cds" }}\n{source}',
            encoding="utf-8",
        )
        return folder

    as_file = study("file", 'path = "lines.csv"\n')
    with (as_file / "lines.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, ["customer_id", "date", "dollars", "cds"], extrasaction="ignore")
        out.writeheader()
        out.writerows(rows)

    values = [(row["customer_id"], row["date"], row["dollars"], row["cds"], n) for n, row in enumerate(rows)]
    as_sqlite = study("sqlite", 'database = "env:SHOP_DSN"\n' + QUERY)
    with closing(sqlite3.connect(as_sqlite / "shop.db")) as connection:
        connection.execute(
            "CREATE TABLE cd_sales (customer_id TEXT, date TEXT, dollars NUMERIC, cds INTEGER, line INTEGER)"
        )
        connection.executemany("INSERT INTO cd_sales VALUES (?, ?, ?, ?, ?)", values)
        connection.commit()

    as_postgres = study("postgres", 'database = "env:SHOP_DSN"\n' + QUERY)
    literals = ", ".join(f"('{who}', '{day}', {paid}, {pieces}, {n})" for who, day, paid, pieces, n in values)
    postgres.run(
        "CREATE TABLE cd_sales (customer_id text, date text, dollars numeric(10, 2), cds integer, line integer)",
        f"INSERT INTO cd_sales VALUES {literals}",
    )

    from_file = report(as_file)
    tables = sorted(path.name for path in (from_file / "tables").glob("*.parquet"))
    assert {"segments.parquet", "claims.parquet"} <= set(tables)
    for folder, address in ((as_sqlite, "sqlite:///shop.db"), (as_postgres, postgres.address())):
        published = report(folder, SHOP_DSN=address)
        for name in tables:
            pd.testing.assert_frame_equal(
                pd.read_parquet(published / "tables" / name), pd.read_parquet(from_file / "tables" / name), obj=name
            )
        manifest = (published / "manifest.json").read_text(encoding="utf-8")
        assert "database:env:SHOP_DSN:transactions" in json.loads(manifest)["inputs"]
        assert PASSWORD not in manifest and address not in manifest
