"""The cache folder: where normalised tables are kept, private to the user."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_KEEP_DAYS = 45


def cache_folder() -> Path:
    """Return ``CUSTAUDIENCE_CACHE``, else the user's cache folder; made with mode 0700 when missing."""
    given = os.environ.get("CUSTAUDIENCE_CACHE")
    if given:
        folder = Path(given).expanduser().absolute()
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "custaudience"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "custaudience"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, remembered by path, size and times: every notebook of a run asks again."""
    stat = path.stat()
    signature = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}"
    note = cache_folder() / "sha256" / hashlib.sha256(signature.encode()).hexdigest()
    with contextlib.suppress(OSError):
        remembered = note.read_text(encoding="ascii")
        if len(remembered) == 64:
            return remembered
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    note.parent.mkdir(exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=note.parent, prefix=f".{note.name[:20]}.")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(digest)
    os.replace(beside, note)  # a reader sees the whole note or none
    return digest


def entry(key: dict[str, object], build: Callable[[Path], object]) -> Path:
    """Return the cache folder for `key`, built by ``build(folder)`` when it is not there yet.

    It is built beside and renamed: of two processes that build it at once one wins, and both read the same.
    """
    root = cache_folder() / "tables"
    root.mkdir(exist_ok=True, mode=0o700)
    name = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:32]
    folder = root / name
    if not folder.is_dir():
        beside = Path(tempfile.mkdtemp(dir=root, prefix=".build-"))
        try:
            build(beside)
            try:
                beside.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        prune(root)
    os.utime(folder)
    return folder


def prune(root: Path) -> None:
    """Remove what nobody used for 45 days: copies of customers' data do not pile up."""
    limit = time.time() - _KEEP_DAYS * 86400
    for held in root.iterdir():
        with contextlib.suppress(OSError):
            if held.stat().st_mtime < limit:
                if held.is_file():
                    held.unlink()
                else:
                    shutil.rmtree(held, ignore_errors=True)
