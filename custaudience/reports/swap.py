"""Publishing a folder in one step, and setting right what a killed run left behind.

A month is built beside its place and swapped in: a reader sees the old month or the new one, never half.
Where the system cannot exchange two folders, the old one steps aside first; a run killed between the two
steps leaves the month under its ``.old`` name until the next start, which puts it back (`repair`).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from pathlib import Path

from custaudience.reports.lock import process_start

_BUILD, _OLD = ".build-", ".old"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # <fcntl.h>, <linux/fs.h>
_RENAME_SWAP = 2  # <sys/stdio.h> of macOS


def build_folder(target: Path) -> Path:
    """Return the hidden folder beside `target` in which this process builds it."""
    return target.with_name(f".{target.name}{_BUILD}{os.getpid()}")


def publish_folder(build: Path, target: Path, *, private: bool = False) -> None:
    """Put `build` in the place of `target`, whole, and remove what was there.

    Everybody may read it, or, when `private`, only its owner.
    """
    (close_modes if private else open_modes)(build)
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
    """Set right what killed runs left in `folder`; call it only while holding its lock.

    A month that had stepped aside goes back to its name; build folders of processes that are gone are removed.

    Returns
    -------
    list of str
        What was done, one sentence each.
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
        if pid == str(os.getpid()) or not (pid.isdecimal() and process_start(int(pid))):
            shutil.rmtree(left, ignore_errors=True)
            done.append(f"removed {left.name}, left by a killed run")
    return done


def open_modes(folder: Path) -> None:
    """Let everybody read a folder that is to be published: 0755 for folders, 0644 for files."""
    for parent, _, files in os.walk(folder):
        os.chmod(parent, 0o755)
        for name in files:
            os.chmod(os.path.join(parent, name), 0o644)


def close_modes(folder: Path) -> None:
    """Let only the owner read a folder: 0700 for folders, 0600 for files."""
    for parent, _, files in os.walk(folder):
        os.chmod(parent, 0o700)
        for name in files:
            os.chmod(os.path.join(parent, name), 0o600)


def _replace_in_two_steps(build: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}{_OLD}")
    if old.exists():
        shutil.rmtree(old)
    os.replace(target, old)
    os.replace(build, target)
    shutil.rmtree(old, ignore_errors=True)
