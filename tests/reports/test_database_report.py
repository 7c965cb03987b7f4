"""A month's report from a database: its manifest says so, and nothing has the password.

That a file, SQLite and PostgreSQL give the same table is held by tests/study/test_database.py.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import command

from ..study.postgres import PASSWORD, Postgres, started_postgres

STUDY = """[study]
name = "Music shop"
currency = "USD"
timezone = "UTC"
first_orders = "observed"
[tables.transactions]
date_format = "%Y%m%d"
columns = { ordered_at = "date", revenue = "dollars", quantity = "cds" }
database = "env:SHOP_DSN"
query = "SELECT customer_id, date, dollars, cds FROM cd_sales ORDER BY customer_id, date, line"
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with started_postgres() as server:
        yield server


def test_a_report_from_postgres_names_the_database_and_never_the_password(postgres: Postgres, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    lines = (Path(__file__).parents[2] / "data/cdnow/transactions.csv").read_text(encoding="utf-8").splitlines()[1:]
    values = [(row[0], *row[2:]) for row in (line.split(",") for line in lines)]
    literals = ", ".join(f"('{who}', '{day}', {paid}, {cds}, {n})" for n, (who, day, cds, paid) in enumerate(values))
    postgres.run(
        "CREATE TABLE cd_sales (customer_id text, date text, dollars numeric(10, 2), cds integer, line integer)",
        f"INSERT INTO cd_sales VALUES {literals}",
    )
    address = postgres.address()
    done = command("report", "shop", "--notebook", "30", "--jobs", "1", cwd=tmp_path, SHOP_DSN=address)
    assert done.returncode == 0, done.stderr
    month = Path(done.stdout.strip()).parent
    assert {"segments.parquet", "claims.parquet"} <= {path.name for path in (month / "tables").iterdir()}
    manifest = (month / "manifest.json").read_text(encoding="utf-8")
    assert "database:env:SHOP_DSN:transactions" in json.loads(manifest)["inputs"]
    assert PASSWORD not in manifest + done.stdout + done.stderr and address not in manifest
