"""A database as the source of a table: the rows of one query, kept as a Parquet file that the strict pass reads.

The address, which may hold a password, is in an environment variable and stays there: no message, file or
file name of ours has it. Both databases are opened so that they refuse to change anything themselves.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from custaudience.errors import ConfigError, DataError
from custaudience.study import cache

_ROWS = 50_000  # of SQLite at a time
_EXAMPLES = "postgresql://user@host/db or sqlite:///file.db"
_FIRST_WORD = re.compile(r"(?:\s|\(|--[^\n]*(?:\n|$)|/\*.*?\*/)*(\w*)", re.DOTALL)

_Rows = tuple[pa.Schema, Iterable[pa.RecordBatch]]
_Open = Callable[[str, str, str, Path], AbstractContextManager[_Rows]]


def snapshot(database: str, query: str, *, folder: Path, fresh: bool = False) -> Path:
    """Return the result of a query as a Parquet file in the cache; run the query when there is none yet.

    `database` names the environment variable that holds the address ("env:SHOP_DSN"); a SQLite file lies in the
    study's `folder`, and two studies share no snapshot. With `fresh` the query runs in any case; the old file stays
    until the new one is whole. From PostgreSQL numbers, dates and booleans keep their type, all else (``numeric`` too,
    so that no digit is lost) is text; from SQLite, where each value has a type of its own, all columns are text.
    """
    key = json.dumps([str(folder.resolve()), database, query])
    name = f"{database.removeprefix('env:')}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.parquet"
    target = cache.cache_folder() / "snapshots" / name
    if fresh or not target.is_file():
        target.parent.mkdir(exist_ok=True, mode=0o700)
        _fetch(database, query, folder, target)
        cache.prune(target.parent)
    return target


def _fetch(database: str, query: str, folder: Path, target: Path) -> None:
    where = f'{database}, query "{textwrap.shorten(query, 60, placeholder=" …")}"'
    first = _FIRST_WORD.match(query)
    word = first[1] if first else ""
    if word.upper() not in {"SELECT", "WITH", "VALUES", "TABLE"}:
        raise ConfigError(f"{where}: it begins with {word!r}. Write one SELECT: a study only reads.")
    variable = database.removeprefix("env:")
    address = os.environ.get(variable, "").strip()
    if not address:
        raise ConfigError(
            f"{database}: the environment variable {variable} is not set. Set it to the address of the "
            f"database, such as {_EXAMPLES}; a password stands behind the user, as in user:password@host."
        )
    openers: dict[str, _Open] = {"postgresql": _postgresql, "postgres": _postgresql, "sqlite": _sqlite}
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", address)
    opener = openers.get(scheme[1].lower()) if scheme else None
    if opener is None:
        begins = f"begins with {scheme[0]}" if scheme else "holds no address"
        raise ConfigError(
            f"{database}: {variable} {begins}. Understood are {_EXAMPLES}; from another database, "
            "export the rows as CSV or Parquet and give their path."
        )
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=".fetch-", suffix=".parquet")
    os.close(handle)
    try:
        with opener(address, query.strip().rstrip(";"), where, folder) as (schema, batches):
            _one_name_each(schema.names, where)
            rows = 0
            with pq.ParquetWriter(beside, schema, compression="zstd") as writer:
                for batch in batches:
                    writer.write_batch(batch)
                    rows += batch.num_rows
            if not rows:
                raise DataError(f"{where} gives no rows. Are its conditions right, and is this the right database?")
        os.replace(beside, target)
    except OSError as error:  # of the cache folder: those of the drivers are DataErrors by now
        raise DataError(f"{where}: the rows cannot be kept in the cache folder: {error.strerror}.") from None
    finally:
        Path(beside).unlink(missing_ok=True)


def _one_name_each(names: Sequence[str], where: str) -> None:
    lowered = [name.lower() for name in names]
    twice = sorted({name for name in names if lowered.count(name.lower()) > 1})
    if twice:
        raise DataError(
            f"{where} gives {', '.join(map(repr, twice))}: the same name twice, which is meant cannot be guessed. "
            "Name each column once, with AS."
        )


@contextmanager
def _postgresql(address: str, query: str, where: str, folder: Path) -> Iterator[_Rows]:
    try:
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import dbapi
    except ImportError:
        raise ConfigError(
            f"{where}: to read PostgreSQL, install its driver: pip install 'custaudience[database]'"
        ) from None
    failures = (Error, OSError, pa.ArrowException)
    address, said = _guarded(address, where)
    try:
        connection = dbapi.connect(address, autocommit=True)
    except failures as error:
        raise DataError(f"{where}: the database cannot be reached: {said(error)}.") from None
    with closing(connection), closing(connection.cursor()) as cursor:
        try:
            cursor.execute("SET client_encoding TO 'UTF8'")  # else one in cp1251 sends cp1251
            cursor.execute("BEGIN READ ONLY")
            # this prepares the query as it stands, so that what is wrapped below is one whole statement
            columns = [_selected(field) for field in cursor.adbc_execute_schema(query)]
            _one_name_each([name for name, _ in columns], where)
            cursor.execute(f"SELECT {', '.join(sql for _, sql in columns)} FROM ({query}\n) AS query")
            reader = cursor.fetch_record_batch()
        except failures as error:
            raise DataError(f"{where}: the database refuses the query: {said(error)}.") from None

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for batch in reader:
                    _within_the_calendar(batch, where)
                    yield batch
            except failures as error:
                raise DataError(f"{where}: the database broke off: {said(error)}.") from None

        yield reader.schema, batches()


def _selected(field: pa.Field) -> tuple[str, str]:
    """Return a column's name, and the SQL that gives it as a type that Arrow and Parquet have."""
    kind, name = field.type, '"' + field.name.replace('"', '""') + '"'
    if (field.metadata or {}).get(b"POSTGRESQL:type") == b"money":  # arrives as an integer of cents
        return field.name, f"{name}::numeric::text AS {name}"
    plain = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_date, pa.types.is_timestamp)
    if pa.types.is_string(kind) or any(is_plain(kind) for is_plain in plain):
        return field.name, name
    return field.name, f"{name}::text AS {name}"


def _within_the_calendar(batch: pa.RecordBatch, where: str) -> None:
    # 'infinity', and years that Arrow's microseconds cannot hold, wrap around to a date of no meaning
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_date(field.type) or pa.types.is_timestamp(field.type):
            naive = column.cast(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else column
            years = pc.min_max(pc.year(naive)).as_py()
            if years["min"] is not None and not 1 <= years["min"] <= years["max"] <= 9999:
                raise DataError(
                    f"{where}: {field.name!r} holds a date outside the years 1 to 9999, perhaps 'infinity'. Leave "
                    f"such rows out, or empty it: nullif({field.name}, 'infinity')."
                )


def _guarded(address: str, where: str) -> tuple[str, Callable[[Exception], str]]:
    """Return the address with a time limit, and what says a driver's error in one line without any secret."""
    login, _, place = address.partition("://")[2].rpartition("@")
    if "@" in login or "/" in login:  # the driver would take a part of the password for the host, and name it
        raise ConfigError(
            f"{where}: the address has an @ or / within the user's name or password. Write such signs as percent "
            "codes: @ is %40, / is %2F, : is %3A, % is %25."
        )
    passwords = [login.partition(":")[2], *re.findall(r"password=([^&]*)", address)]
    secrets = sorted({address, *passwords, *map(unquote, passwords)} - {""}, key=len, reverse=True)
    if "connect_timeout=" not in place and "PGCONNECT_TIMEOUT" not in os.environ:
        address += ("&" if "?" in place else "?") + "connect_timeout=15"

    def said(error: Exception) -> str:
        text = str(error).partition("\n\nQuery was:")[0].rpartition("ERROR:  ")[2].rpartition("[libpq] ")[2]
        text = text.removeprefix("Failed to connect: ")
        for secret in secrets:
            text = text.replace(secret, "…")
        return "; ".join(line.strip() for line in text.splitlines() if line.strip(" \t^"))[:300].rstrip(".")

    return address, said


@contextmanager
def _sqlite(address: str, query: str, where: str, folder: Path) -> Iterator[_Rows]:
    # the standard library's driver: ADBC's takes a column's type from its first rows and breaks off at another
    path = (folder / address.partition(":///")[2]).resolve()
    if not path.is_file():
        raise ConfigError(
            f"{where}: there is no file {path.name!r}. Write sqlite:///file.db for a file in the study's folder, "
            "sqlite:////folder/file.db for one elsewhere (on Windows sqlite:///C:/folder/file.db)."
        )
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA query_only = 1")
            connection.text_factory = lambda raw: raw.decode("utf-8")
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description]
            _one_name_each(names, where)
            schema = pa.schema([(name, pa.string()) for name in names])
            blocks = iter(lambda: cursor.fetchmany(_ROWS), [])
            columns = ([_as_text(column) for column in zip(*block, strict=True)] for block in blocks)
            yield schema, (pa.record_batch(arrays, schema=schema) for arrays in columns)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise DataError(f"{where}: the database refuses the query: {error}.") from None
    except UnicodeDecodeError:
        raise DataError(f"{where} gives text that is not UTF-8. Mend it, or leave that column out.") from None


def _as_text(column: Sequence[Any]) -> pa.Array:
    kinds = set(map(type, column)) - {type(None)}
    if kinds == {int}:
        return pa.array(column, pa.int64()).cast(pa.string())
    return pa.array(column if kinds <= {str} else list(map(_value_as_text, column)), pa.string())


def _value_as_text(value: Any) -> str | None:
    if isinstance(value, float):  # an id that became 7.0 is 7, as SQLite itself compares them
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, bytes):
        return f"X'{value.hex().upper()}'"
    return None if value is None else str(value)
