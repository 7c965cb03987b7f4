"""A database as source: its rows arrive whole and exact, it is never changed, its password is never seen."""

import datetime as dt
import os
import random
import sqlite3
import stat
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from custaudience.errors import ConfigError, CustaudienceError, DataError
from custaudience.study import cache, open_study
from custaudience.study.database import snapshot

from .postgres import PASSWORD, Postgres, started_postgres

SHOP = "env:SHOP_DSN"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with started_postgres() as server:
        yield server


@pytest.fixture
def in_postgres(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pa.Table]:
    """Return a function that runs SQL, then gives the snapshot of a query."""

    def rows(query: str, *statements: str, fresh: bool = False) -> pa.Table:
        monkeypatch.setenv("SHOP_DSN", postgres.address())
        postgres.run(*statements)
        return pq.read_table(snapshot(SHOP, query, folder=tmp_path, fresh=fresh))

    return rows


@pytest.fixture
def in_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pa.Table]:
    """Return a function that runs SQL in the study folder's shop.db, then gives the snapshot of a query."""

    def rows(query: str, *statements: str, fresh: bool = False) -> pa.Table:
        monkeypatch.setenv("SHOP_DSN", "sqlite:///shop.db")
        with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        return pq.read_table(snapshot(SHOP, query, folder=tmp_path, fresh=fresh))

    return rows


def test_postgres_values_arrive_exact_and_with_their_types(in_postgres: Callable[..., pa.Table]) -> None:
    got = in_postgres(
        """SELECT 9007199254740993::bigint AS big, 12345678901234567890.10::numeric AS "Сума", 'NaN'::numeric AS nan,
                  '12.50'::money AS money, 'Їжак, «"x"» 🛒'::text AS text, NULL::text AS nothing, true AS yes,
                  '2025-03-30 03:30:00+02'::timestamptz AS instant, '2025-03-30 03:30:00.25'::timestamp AS naive,
                  '2025-03-30'::date AS day, '6f1e0a52-0000-4000-8000-000000000001'::uuid AS id,
                  '{"a": [1]}'::json AS j, interval '1 day' AS span, ARRAY[1, 2] AS several, 0.1::float8 AS f,
                  '10.0.0.1'::inet AS host, '\\x00ff'::bytea AS raw  -- a comment at the end"""
    )
    (values,) = (tuple(row.values()) for row in got.to_pylist())
    assert values[:6] == (9007199254740993, "12345678901234567890.10", "NaN", "12.50", 'Їжак, «"x"» 🛒', None)
    assert values[6:8] == (True, dt.datetime(2025, 3, 30, 1, 30, tzinfo=dt.UTC))
    assert values[8:10] == (dt.datetime(2025, 3, 30, 3, 30, 0, 250000), dt.date(2025, 3, 30))
    assert values[10:13] == ("6f1e0a52-0000-4000-8000-000000000001", '{"a": [1]}', "1 day")
    assert values[13:] == ("{1,2}", 0.1, "10.0.0.1/32", "\\x00ff")
    assert got.column_names[:2] == ["big", "Сума"]


def test_sqlite_values_of_many_types_in_one_column_all_arrive(in_sqlite: Callable[..., pa.Table]) -> None:
    many = ", ".join(f"({n}, NULL)" for n in range(60_000))
    got = in_sqlite(
        "SELECT rowid, a, b FROM t ORDER BY rowid", "CREATE TABLE t (a, b)", f"INSERT INTO t VALUES {many}",
        "INSERT INTO t VALUES ('007', 'late'), (9223372036854775807, 0.1), (7.0, 1e300), (0.285, X'00FF'), ('', 'Їжа')",
    )  # fmt: skip
    assert got.num_rows == 60_005
    assert set(map(str, got.schema.types)) == {"string"}
    assert got.slice(59_999).select(["a", "b"]).to_pylist() == [
        {"a": "59999", "b": None}, {"a": "007", "b": "late"}, {"a": "9223372036854775807", "b": "0.1"},
        {"a": "7", "b": "1e+300"}, {"a": "0.285", "b": "X'00FF'"}, {"a": "", "b": "Їжа"},
    ]  # fmt: skip


def test_a_postgres_in_cp1251_sends_the_same_letters(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.run("CREATE DATABASE cyrillic ENCODING 'WIN1251' TEMPLATE template0")
    postgres.run("CREATE TABLE t AS SELECT 'Їжак'::text AS name", database="cyrillic")
    monkeypatch.setenv("SHOP_DSN", postgres.address("cyrillic"))
    found = snapshot(SHOP, "SELECT name FROM t WHERE name LIKE 'Їж%'", folder=tmp_path)
    assert pq.read_table(found).to_pylist() == [{"name": "Їжак"}]


@pytest.mark.parametrize("value", ["'infinity'::timestamptz", "'-infinity'::date", "'20000-01-01'::timestamp"])
def test_a_date_of_no_calendar_is_named_not_wrapped_around(in_postgres: Callable[..., pa.Table], value: str) -> None:
    with pytest.raises(DataError, match=r"'ends_on' holds a date outside the years 1 to 9999, .*nullif\(ends_on"):
        in_postgres(f"SELECT {value} AS ends_on UNION ALL SELECT '2025-01-01'")


def _transactions() -> list[tuple[str, int, dt.datetime, str, str]]:
    pick = random.Random(20250330)
    start = dt.datetime(2024, 12, 31, 20, 0, 0)
    rows = []
    for order in range(3000):
        when = start + dt.timedelta(seconds=pick.randrange(120 * 86400))
        cents = pick.randrange(-2_000, 2_000_000)
        amount = f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"
        rows.append((f"{pick.randrange(400):04}", order, when, amount, pick.choice(["кава", "tea; 'x'", ""])))
    return rows


def test_a_file_sqlite_and_postgres_give_the_same_table(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = _transactions()
    values = [(who, order, str(when), amount, what) for who, order, when, amount, what in rows]

    def study(name: str, source: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "study.toml").write_text(
            '[study]\nname = "Shop"\ncurrency = "UAH"\ntimezone = "Europe/Kyiv"\n[tables.transactions]\n'
            'timezone = "UTC"\ncolumns = { customer_id = "who", ordered_at = "at", revenue = "paid" }\n' + source,
            encoding="utf-8",
        )
        return folder

    query = 'query = "SELECT who, order_id, at, paid, what FROM orders ORDER BY order_id"\n'
    as_file = study("file", 'path = "orders.csv"\n')
    lines = ["who,order_id,at,paid,what", *(",".join(map(str, row)) for row in values)]
    (as_file / "orders.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    as_sqlite = study("sqlite", 'database = "env:LITE_DSN"\n' + query)
    monkeypatch.setenv("LITE_DSN", "sqlite:///shop.db")
    with closing(sqlite3.connect(as_sqlite / "shop.db")) as connection:
        connection.execute("CREATE TABLE orders (who TEXT, order_id INTEGER, at TEXT, paid REAL, what TEXT)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", values)
        connection.commit()

    as_postgres = study("postgres", 'database = "env:SHOP_DSN"\n' + query)
    monkeypatch.setenv("SHOP_DSN", postgres.address())
    literals = ", ".join(
        f"('{who}', {order}, '{at}+00', {paid}, '{what.replace(chr(39), chr(39) * 2)}')"
        for who, order, at, paid, what in values
    )
    postgres.run(
        "DROP TABLE IF EXISTS orders",
        "CREATE TABLE orders (who text, order_id bigint, at timestamptz, paid numeric(12, 2), what text)",
        f"INSERT INTO orders VALUES {literals}",
    )

    def read(folder: Path) -> list[Any]:
        table = open_study(folder).table("transactions")
        return table.project("customer_id, order_id, ordered_at, revenue_minor, coalesce(what, ''), _row").fetchall()

    from_file = read(as_file)
    assert len(from_file) == 3000
    assert sum(row[3] for row in from_file) == sum(round(float(amount) * 100) for *_, amount, _ in rows)
    assert read(as_sqlite) == from_file
    assert read(as_postgres) == from_file


def test_a_snapshot_stays_until_a_fresh_one_is_asked_for(in_sqlite: Callable[..., pa.Table], tmp_path: Path) -> None:
    query = "SELECT n FROM t"
    in_sqlite(query, "CREATE TABLE t (n)", "INSERT INTO t VALUES (1)")
    assert in_sqlite(query, "INSERT INTO t VALUES (2)").num_rows == 1
    os.utime(snapshot(SHOP, query, folder=tmp_path), (0, 1_700_000_000))
    assert in_sqlite(query, fresh=True).num_rows == 2
    assert snapshot(SHOP, query, folder=tmp_path).stat().st_mtime > 1_700_000_000


def test_without_the_variable_an_existing_snapshot_is_read(
    in_sqlite: Callable[..., pa.Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_sqlite("SELECT 1 AS n")
    monkeypatch.delenv("SHOP_DSN")
    assert snapshot(SHOP, "SELECT 1 AS n", folder=tmp_path).is_file()


def test_a_refreshed_study_sees_what_came_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DSN", "sqlite:///shop.db")
    (tmp_path / "study.toml").write_text(
        '[study]\nname = "Shop"\ncurrency = "EUR"\ntimezone = "UTC"\n[tables.transactions]\n'
        'database = "env:SHOP_DSN"\nquery = "SELECT customer_id, ordered_at, revenue FROM t"\n',
        encoding="utf-8",
    )
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE t (customer_id, ordered_at, revenue)")
        connection.execute("INSERT INTO t VALUES ('1', '2025-01-01', 5)")
        connection.commit()
        study = open_study(tmp_path)
        assert (study.read_report("transactions").rows_in, study.last_day) == (1, dt.date(2025, 1, 1))
        connection.execute("INSERT INTO t VALUES ('2', '2025-01-02', 7)")
        connection.commit()
    assert open_study(tmp_path).read_report("transactions").rows_in == 1  # as the run began
    study.refresh()
    assert (study.read_report("transactions").rows_in, study.last_day) == (2, dt.date(2025, 1, 2))
    assert open_study(tmp_path).read_report("transactions").rows_in == 2


def test_two_studies_and_two_queries_share_no_snapshot(in_sqlite: Callable[..., pa.Table], tmp_path: Path) -> None:
    in_sqlite("SELECT 1 AS n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "shop.db").write_bytes((tmp_path / "shop.db").read_bytes())
    queries, places = ("SELECT 1 AS n", "SELECT 2 AS n"), (tmp_path, other)
    assert len({snapshot(SHOP, query, folder=place) for query in queries for place in places}) == 4


def test_a_failed_fetch_leaves_the_old_snapshot_and_nothing_else(
    in_postgres: Callable[..., pa.Table], tmp_path: Path
) -> None:
    query = "SELECT n, 100 / n AS share FROM parts"
    first = in_postgres(
        query, "DROP TABLE IF EXISTS parts", "CREATE TABLE parts AS SELECT generate_series(1, 200000) AS n"
    )
    # the last row fails, when hundreds of thousands are on their way
    with pytest.raises(DataError, match=r"the database broke off: .*division by zero"):
        in_postgres(query, "INSERT INTO parts VALUES (0)", fresh=True)
    assert pq.read_table(snapshot(SHOP, query, folder=tmp_path)).equals(first)
    with pytest.raises(DataError, match="gives no rows"):
        in_postgres(query, "DELETE FROM parts", fresh=True)
    assert [file.name for file in (cache.cache_folder() / "snapshots").iterdir()] == [
        snapshot(SHOP, query, folder=tmp_path).name
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_rows_are_for_the_user_only(in_sqlite: Callable[..., pa.Table], tmp_path: Path) -> None:
    in_sqlite("SELECT 1 AS n")
    found = snapshot(SHOP, "SELECT 1 AS n", folder=tmp_path)
    assert stat.S_IMODE(found.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(found.stat().st_mode) == 0o600


def test_copies_that_nobody_renews_are_removed(in_sqlite: Callable[..., pa.Table], tmp_path: Path) -> None:
    in_sqlite("SELECT 1 AS n")
    old = snapshot(SHOP, "SELECT 1 AS n", folder=tmp_path)
    os.utime(old, (1_700_000_000, 1_700_000_000))
    in_sqlite("SELECT 2 AS n")
    assert not old.exists()


_WRITES = (
    "INSERT INTO kept VALUES (3) RETURNING id", "UPDATE kept SET id = 9 RETURNING id", "DELETE FROM kept RETURNING id",
    "DROP TABLE kept", "SELECT 1; DELETE FROM kept", "WITH gone AS (SELECT 1) DELETE FROM kept RETURNING id",
    "/* SELECT */ DELETE FROM kept",
)  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [*_WRITES, "WITH gone AS (DELETE FROM kept RETURNING id) SELECT * FROM gone", "SELECT empty_it()",
     "SELECT set_config('transaction_read_only', 'off', false), empty_it()",
     "SELECT 1 AS a) AS q; COMMIT; DELETE FROM kept; SELECT * FROM (SELECT 1",
     "SELECT 1) TO STDOUT; COMMIT; DELETE FROM kept; COPY (SELECT 1",
     "SELECT nextval('counter')"],
)  # fmt: skip
def test_postgres_refuses_what_would_change_it(
    in_postgres: Callable[..., pa.Table], postgres: Postgres, query: str
) -> None:
    prepared = (
        "DROP TABLE IF EXISTS kept",
        "CREATE TABLE kept AS SELECT generate_series(1, 2) AS id",
        "CREATE SEQUENCE IF NOT EXISTS counter",
        "CREATE OR REPLACE FUNCTION empty_it() RETURNS int LANGUAGE sql AS 'DELETE FROM kept; SELECT 1'",
    )
    with pytest.raises(CustaudienceError, match=r"the database (refuses|broke off)|Write one SELECT"):
        in_postgres(query, *prepared)
    assert postgres.ask("SELECT id FROM kept ORDER BY id") == [(1,), (2,)]


@pytest.mark.parametrize(
    "query",
    [*_WRITES, "VACUUM INTO 'copy.db'", "ATTACH 'new.db' AS new", "PRAGMA query_only = 0",
     "SELECT writefile('new.db', 1)"],
)  # fmt: skip
def test_sqlite_refuses_what_would_change_it(
    in_sqlite: Callable[..., pa.Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CustaudienceError, match=r"the database refuses|Write one SELECT"):
        in_sqlite(query, "CREATE TABLE kept AS SELECT 1 AS id UNION SELECT 2")
    with closing(sqlite3.connect("shop.db")) as connection:
        assert connection.execute("SELECT id FROM kept ORDER BY id").fetchall() == [(1,), (2,)]
    assert not list(tmp_path.glob("new.db")) + list(tmp_path.glob("copy.db"))


@pytest.fixture
def message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that gives all that is shown of the error for an address and a query."""

    def shown(address: str, query: str = "SELECT 1 AS n") -> str:
        monkeypatch.setenv("SHOP_DSN", address)
        with pytest.raises((ConfigError, DataError)) as caught:
            snapshot(SHOP, query, folder=tmp_path)
        return "".join(traceback.format_exception(caught.value))

    return shown


def test_the_variable_to_set_is_named_with_an_example(message: Callable[..., str]) -> None:
    text = message("")
    assert "environment variable SHOP_DSN is not set" in text
    assert "postgresql://user@host/db or sqlite:///file.db" in text


@pytest.mark.parametrize(
    ("address", "says"),
    [("postgresql://owner:{secret}@127.0.0.1:{port}/postgres", 'password authentication failed for user "owner"'),
     ("postgresql://owner:{secret}@no-such-host.invalid/postgres", 'could not translate host name "no-such-host'),
     ("postgresql://owner:{secret}@127.0.0.1:1/postgres", "Connection refused"),
     ("postgresql://127.0.0.1:{port}/postgres?user=owner&password={secret}", "password authentication failed"),
     ("postgresql://owner:{secret}%zz@127.0.0.1/postgres", 'invalid percent-encoded token: "…"'),
     ("postgresql://owner:{secret}@[::1/postgres", "IPv6"),
     ("postgresql://owner:a/{secret}@127.0.0.1/postgres", "/ is %2F"),
     ("postgresql://owner:a@{secret}@127.0.0.1/postgres", "@ is %40"),
     ("mysql://owner:{secret}@127.0.0.1/shop", "SHOP_DSN begins with mysql://. Understood are postgresql://"),
     ("host=127.0.0.1 user=owner password={secret}", "SHOP_DSN holds no address. Understood are postgresql://"),
     ("sqlite:///absent.db?{secret}", "Write sqlite:///file.db for a file in the study's folder")],
)  # fmt: skip
def test_no_message_has_the_address_or_the_password(
    message: Callable[..., str], postgres: Postgres, address: str, says: str
) -> None:
    secret = "Tr0ub4dor&3" if "password=" not in address else "Tr0ub4dor3"
    address = address.format(secret=secret, port=postgres.port)
    text = message(address)
    assert says in text and address not in text
    assert "sqlite" in address or secret not in text


def test_a_server_that_repeats_the_password_is_scrubbed(message: Callable[..., str], postgres: Postgres) -> None:
    text = message(
        postgres.address(), f"SELECT {'1 + ' * 20} CAST('{PASSWORD} {quote(PASSWORD, safe='')}' AS int) AS n"
    )
    assert 'invalid input syntax for type integer: "… …"' in text
    assert PASSWORD not in text


def test_a_missing_driver_says_what_to_install(message: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    assert "pip install 'custaudience[database]'" in message("postgresql://owner@127.0.0.1/shop")


@pytest.mark.parametrize(
    ("query", "says"),
    [("SELECT nope FROM (SELECT 1 AS n) AS t", "nope"), ("SELECT 1 FROM WHERE", 'near "WHERE"'),
     ("SELECT 1 AS id, 2 AS n, 3 AS ID", "the same name twice"), ("SELECT 1 AS n WHERE 1 = 0;", "gives no rows"),
     ("SELECT 1 AS n; SELECT 2 AS n", "the database refuses the query"),
     ("SHOW tables", "it begins with 'SHOW'. Write one SELECT"), ("", "it begins with ''. Write one SELECT")],
)  # fmt: skip
def test_what_is_wrong_with_a_query_is_said(
    message: Callable[..., str], postgres: Postgres, tmp_path: Path, query: str, says: str
) -> None:
    (tmp_path / "shop.db").touch()
    assert says in message(postgres.address(), query)
    assert says in message("sqlite:///shop.db", query)


def test_text_that_is_not_utf8_is_refused(message: Callable[..., str], postgres: Postgres, tmp_path: Path) -> None:
    (tmp_path / "shop.db").touch()
    assert "text that is not UTF-8" in message("sqlite:///shop.db", "SELECT CAST(X'CAE0' AS TEXT) AS name")
    postgres.run("CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0")
    assert 'invalid byte sequence for encoding "UTF8"' in message(
        postgres.address("bytes"), r"SELECT E'\xCA\xE0' AS name"
    )
