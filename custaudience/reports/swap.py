"""One run of a study at a time, which publishes a folder in one step and sets right what a killed run left behind.

A month is built beside its place and swapped in: a reader sees the old month or the new one, never half.
Where the system cannot exchange two folders, the old one steps aside first; a run killed between the two
steps leaves the month under its ``.old`` name until the next start, which puts it back (`repair`).
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, SoftFileLock, Timeout

from custaudience.errors import CustaudienceError

_BUILD, _OLD = ".build-", ".old"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # <fcntl.h>, <linux/fs.h>
_RENAME_SWAP = 2  # <sys/stdio.h> of macOS
_PATIENCE = 0.1  # seconds: a holder that is just leaving may have removed the file that was opened


class LockedError(CustaudienceError):
    """Another run of the same study is going on."""

    exit_code = 75  # EX_TEMPFAIL: a scheduler may try again later


@contextmanager
def run_lock(path: Path) -> Iterator[None]:
    """Hold `path` for the time of a ``with`` block; `LockedError` where another process (or this one) holds it.

    The operating system lets go of it when the process dies, however it dies; where a file system does not lock,
    filelock asks whether the process still runs. Who holds it stands beside: Windows lets nobody read a locked file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_name(f"{path.name}-holder")
    lock = FileLock(path, timeout=_PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        who = "another process"
        with suppress(OSError):  # not written yet, or just removed
            who = holder.read_text(encoding="utf-8") or who
        raise LockedError(
            f"another run of this study is going on ({who}). Wait for it to end; if it is surely gone, remove {path}."
        ) from None
    try:
        holder.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        # a soft lock removes its file itself; on Windows an open file cannot be removed
        if sys.platform != "win32" and not isinstance(lock, SoftFileLock):
            path.unlink(missing_ok=True)
        lock.release()


def is_running(pid: int) -> bool:
    """Say whether there is such a process, and not only what its parent has yet to take note of."""
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False


def build_folder(target: Path) -> Path:
    """Return the hidden folder beside `target` in which this process builds it."""
    return target.with_name(f".{target.name}{_BUILD}{os.getpid()}")


@contextmanager
def private_build(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target` that only its owner reads; it is removed unless it was published."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.chmod(target.parent, 0o700)
    repair(target.parent)
    build = build_folder(target)
    build.mkdir(mode=0o700)
    try:
        yield build
    finally:
        shutil.rmtree(build, ignore_errors=True)


def publish_folder(build: Path, target: Path, *, private: bool = False) -> None:
    """Put `build` in the place of `target`, whole, and remove what was there.

    Everybody may read it, or, when `private`, only its owner.
    """
    _set_modes(build, *((0o700, 0o600) if private else (0o755, 0o644)))
    if not target.exists():
        os.replace(build, target)
    elif exchange(build, target):
        shutil.rmtree(build, ignore_errors=True)
    else:
        _replace_in_two_steps(build, target)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step of the file system; False where that cannot be done."""
    first, second = os.fsencode(one), os.fsencode(other)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return bool(libc.renamex_np(first, second, _RENAME_SWAP) == 0)
        return bool(libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) == 0)
    except (OSError, AttributeError, TypeError):  # no such function, or (Windows) no such library
        return False


def repair(folder: Path) -> list[str]:
    """Set right what killed runs left in `folder`, and say what was done; call it only while holding its lock.

    A month that had stepped aside goes back to its name; build folders of processes that are gone are removed.
    """
    done = []
    for old in sorted(folder.glob(f".*{_OLD}")):
        target = old.with_name(old.name[1 : -len(_OLD)])
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(old, target)
            done.append(f"put back {target.name}, which a killed run had moved aside")
    for left in sorted(folder.glob(f".*{_BUILD}*")):
        pid = left.name.rpartition(_BUILD)[2]
        if pid == str(os.getpid()) or not (pid.isdecimal() and is_running(int(pid))):
            shutil.rmtree(left, ignore_errors=True)
            done.append(f"removed {left.name}, left by a killed run")
    return done


def _set_modes(folder: Path, of_folders: int, of_files: int) -> None:
    for parent, _, files in os.walk(folder):
        os.chmod(parent, of_folders)
        for name in files:
            os.chmod(os.path.join(parent, name), of_files)


def _replace_in_two_steps(build: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}{_OLD}")
    if old.exists():
        shutil.rmtree(old)
    os.replace(target, old)
    os.replace(build, target)
    shutil.rmtree(old, ignore_errors=True)
