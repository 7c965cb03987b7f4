"""The cache folder: where normalised tables are kept, private to the user."""

from __future__ import annotations

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
    """Return the sha256 of a file's bytes.

    Remembered by path, size, and time of the last change and of the last change of the inode, since
    every notebook of a run asks again; a file overwritten in place gets new times.
    """
    stat = path.stat()
    signature = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}"
    note = cache_folder() / "sha256" / hashlib.sha256(signature.encode()).hexdigest()
    try:
        remembered = note.read_text(encoding="ascii")
        if len(remembered) == 64:
            return remembered
    except OSError:
        pass
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    note.parent.mkdir(exist_ok=True)
    write_beside(note, digest.hexdigest().encode("ascii"))
    return digest.hexdigest()


def write_beside(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never half."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:20]}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.replace(name, path)


def entry(key: dict[str, object], build: Callable[[Path], object]) -> Path:
    """Return the cache folder for `key`, built by ``build(folder)`` when it is not there yet.

    It is built beside and renamed, so two processes may build the same entry at once: one wins, both
    read the same. Entries unused for 45 days are removed.
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
        _prune(root)
    os.utime(folder)
    return folder


def _prune(root: Path) -> None:
    limit = time.time() - _KEEP_DAYS * 86400
    for folder in root.iterdir():
        try:
            if folder.stat().st_mtime < limit:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
