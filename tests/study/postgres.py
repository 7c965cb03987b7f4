"""A PostgreSQL of the test's own: started from the computer's binaries, asked for a password, gone afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

USER = "owner"
PASSWORD = "p@ss:w/rd %41 ключ"
_PATIENCE = 60  # seconds
_INITDB = ("-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync")


@dataclass(frozen=True)
class Postgres:
    """A running server; its addresses carry the password."""

    port: int

    def address(self, database: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str, database: str = "postgres") -> None:
        from adbc_driver_postgresql import dbapi

        with closing(dbapi.connect(self.address(database), autocommit=True)) as connection:
            with closing(connection.cursor()) as cursor:
                for statement in ("SET client_encoding TO 'UTF8'", *statements):
                    cursor.execute(statement)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        from adbc_driver_postgresql import dbapi

        with closing(dbapi.connect(self.address(), autocommit=True)) as connection:
            with closing(connection.cursor()) as cursor:
                cursor.execute(query)
                return list(cursor.fetchall())


@contextmanager
def started_postgres() -> Iterator[Postgres]:
    """Start a server in a folder of its own; skip the test with the reason where that cannot be."""
    pytest.importorskip("adbc_driver_postgresql", reason="the PostgreSQL driver is not installed")
    binaries = _binaries()
    owner = _owner()
    folder = Path(tempfile.mkdtemp(prefix="custaudience-postgres-"))
    how: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL}
    if owner:
        shutil.chown(folder, *owner)
        how |= {"user": owner[0], "group": owner[1], "extra_groups": []}
    try:
        secret = folder / "secret"
        secret.write_text(PASSWORD + "\n", encoding="utf-8")
        if owner:
            shutil.chown(secret, *owner)
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", USER, f"--pwfile={secret}", *_INITDB],
            check=True,
            capture_output=True,
            timeout=_PATIENCE,
            **how,
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "timezone=Asia/Tokyo"]
        command = [binaries / "postgres", "-D", folder / "data", "-p", str(port)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command + [part for setting in settings for part in ("-c", setting)], stdout=log, stderr=log, **how
            )
        try:
            yield _wait(Postgres(port), process, folder / "log")
        finally:
            process.send_signal(signal.SIGINT)  # "fast": does not wait for clients
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(_PATIENCE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    if os.name == "nt":
        pytest.skip("starting a PostgreSQL on Windows is not tried")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    for folder in [*on_path, *reversed(debian)]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    pytest.skip("no PostgreSQL server here (Debian: apt-get install postgresql)")


def _owner() -> tuple[int, int] | None:
    """Return whom the server runs as when we are root, which it refuses to run as."""
    if os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    pytest.skip("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")


def _wait(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> Postgres:
    from adbc_driver_manager import Error

    until = time.monotonic() + _PATIENCE
    while True:
        try:
            server.run("SELECT 1")
            return server
        except Error:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}") from None
            time.sleep(0.1)
