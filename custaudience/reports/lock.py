"""One run of a study at a time.

The lock is a file that its holder keeps locked with the operating system, which lets go of it when the
process dies, however it dies. What stands in the file (process, computer, start of the process) names the
holder in the message, and decides where a file system does not lock: a process that is gone, or whose
number now belongs to another one, holds nothing.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from custaudience.errors import CustaudienceError

_WINDOWS_BYTE = 1 << 30  # locks are mandatory on Windows: lock a byte that nobody reads


class LockedError(CustaudienceError):
    """Another run of the same study is going on."""

    exit_code = 75  # EX_TEMPFAIL: a scheduler may try again later


class RunLock:
    """Hold ``path`` for the time of a ``with`` block.

    Raises
    ------
    LockedError
        On entering, when another process (or this one) holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> RunLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while self._file is None:
            self._file = self._try_to_hold()
        self._file.seek(0)
        self._file.truncate()
        json.dump(_this_process(), self._file)
        self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        self._file.seek(0)
        self._file.truncate()  # what cannot be removed (Windows, while open) is empty at least
        if sys.platform != "win32":
            self.path.unlink(missing_ok=True)
        self._file.close()
        self._file = None

    def _try_to_hold(self) -> IO[str] | None:
        """Return the locked file; None if its holder removed it meanwhile, so try again."""
        file = open(self.path, "a+", encoding="utf-8")
        try:
            locked = _system_lock(file)
            holder = _read_holder(file)
            if locked is False or (holder and _is_alive(holder, trust_host=locked is None)):
                raise LockedError(_message(self.path, holder))
            if not self.path.exists() or os.stat(self.path).st_ino != os.fstat(file.fileno()).st_ino:
                file.close()
                return None
        except BaseException:
            file.close()
            raise
        return file


def process_start(pid: int) -> str | None:
    """Return when a process started, in the system's own words; None if there is no such process.

    Two processes that had the same number in turn have different starts.
    """
    if sys.platform == "win32":
        return _windows_process_start(pid)
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # the command's name, in brackets, may itself hold spaces and brackets; field 22 is the start
        after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if after_name[0] in "ZX" else f"{boot} {after_name[19]}"
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    return answer.stdout.strip() or None


def _windows_process_start(pid: int) -> str | None:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return None
    times = [ctypes.c_ulonglong() for _ in range(4)]
    kernel.GetProcessTimes(handle, *(ctypes.byref(t) for t in times))
    kernel.CloseHandle(handle)
    return None if times[1].value else str(times[0].value)


def _this_process() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": platform.node(), "started": process_start(os.getpid())}


def _read_holder(file: IO[str]) -> dict[str, Any] | None:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return holder if isinstance(holder, dict) and isinstance(holder.get("pid"), int) else None
    except ValueError:
        return None


def _is_alive(holder: dict[str, Any], *, trust_host: bool) -> bool:
    """Say whether the named process still runs.

    One on another computer cannot be asked. Where the operating system let us lock the file, it is gone
    (a container that was killed has another host name next time); where it cannot lock, it is believed.
    """
    if holder.get("host") != platform.node():
        return trust_host
    return holder.get("started") == process_start(holder["pid"])


def _message(path: Path, holder: dict[str, Any] | None) -> str:
    who = f"process {holder['pid']} on {holder.get('host')}" if holder else "another process"
    return f"another run of this study is going on ({who}). Wait for it to end; if it is surely gone, remove {path}."


def _system_lock(file: IO[str]) -> bool | None:
    """Lock an open file without waiting: True, False when another has it, None where locks do not work."""
    if sys.platform == "win32":
        import msvcrt

        position = file.tell()
        file.seek(_WINDOWS_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            return True
        except OSError:
            return False
        finally:
            file.seek(position)
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError:
        return None
