"""Run implementations in turn, each in a process of its own; time and memory; compare what they give."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

HERE = Path(__file__).resolve().parent / "implementations"


@dataclass(frozen=True)
class Implementation:
    """One way to do the job: a script beside `clock.py` and its input.

    `goal` is what ours aims at beside it: ("at most", 1.3) times its time, or ("faster", 2) times.
    `absent` says why it cannot run here; then it does not.
    """

    name: str
    script: str
    input: Path
    goal: tuple[str, float] | None = None
    python: Path = Path(sys.executable)
    env: Mapping[str, str] = field(default_factory=dict)
    fresh_cache: bool = False  # CUSTAUDIENCE_CACHE is an empty folder in every repetition
    compared: bool = True  # its output must equal the first implementation's
    absent: str = ""


@dataclass(frozen=True)
class Run:
    seconds: float
    cpu_seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Measured:
    """All repetitions of one implementation, in the order of the rounds."""

    implementation: Implementation
    runs: tuple[Run, ...]

    @property
    def seconds(self) -> list[float]:
        return [run.seconds for run in self.runs]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def cpu_median(self) -> float:
        """Median seconds of work on all cores: hardly changed by what else the computer does."""
        return statistics.median(run.cpu_seconds for run in self.runs)

    @property
    def peak_mb(self) -> float:
        return max(run.peak_mb for run in self.runs)

    def ratio_to(self, other: Measured) -> float:
        """Return the median over rounds of my time over the other's in the same round."""
        return statistics.median(a / b for a, b in zip(self.seconds, other.seconds, strict=True))


def interleave(implementations: Sequence[Implementation], repeat: int, scratch: Path, as_of: str) -> list[Measured]:
    """Run A B C, A B C, … in so many rounds, ours first, each with an ISO date; `scratch` holds outputs and caches.

    Outputs that differ from ours are refused: no ratio is worth printing then. Progress goes to stderr.
    """
    present = [i for i in implementations if not i.absent]
    runs: dict[str, list[Run]] = {i.name: [] for i in present}
    for turn in range(repeat):
        for i in present:
            print(f"round {turn + 1} of {repeat}: {i.name}", file=sys.stderr, flush=True)
            output = scratch / f"{i.script}.parquet"
            runs[i.name].append(run_once(i, output, as_of, scratch / "cache"))
            if i.compared and i is not present[0]:
                first = pd.read_parquet(scratch / f"{present[0].script}.parquet")
                if difference := equal_tables(first, pd.read_parquet(output)):
                    raise ValueError(f"{present[0].name} and {i.name} differ: {difference}")
    return [Measured(i, tuple(runs[i.name])) for i in present]


def run_once(implementation: Implementation, output: Path, as_of: str, cache: Path) -> Run:
    """Run a script; its memory is watched until it says that its clock stopped."""
    env = {**os.environ, **implementation.env}
    if implementation.fresh_cache:
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        env["CUSTAUDIENCE_CACHE"] = str(cache)
    script = HERE / implementation.script
    command = [implementation.python, HERE / "clock.py", script, implementation.input, output, as_of]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen([str(part) for part in command], env=env, **pipes) as process:
        watch = Watch(process.pid)
        faults: list[str] = []
        errors = threading.Thread(target=lambda: faults.append(process.stderr.read()))
        errors.start()
        line = process.stdout.readline()
        polled = watch.stop()
        process.wait()
        errors.join()
    if process.returncode or not line:
        raise RuntimeError(f"{implementation.name} failed:\n{''.join(faults)[-3000:]}")
    said = json.loads(line)
    return Run(said["seconds"], said["cpu_seconds"], max(polled, said["peak_bytes"]) / 1e6)


class Watch:
    """The largest resident memory of a process and its children, looked at every 10 ms."""

    def __init__(self, pid: int):
        self.peak = 0
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(0.01):
            self.peak = max(self.peak, tree_memory(self._pid))

    def stop(self) -> int:
        self._stop.set()
        self._thread.join()
        return self.peak


def tree_memory(pid: int) -> int:
    """Return the resident bytes of a process and all below it; shared pages count once for each."""
    try:
        process = psutil.Process(pid)
        tree = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for one in tree:
        with suppress(psutil.Error):
            total += one.memory_info().rss
    return total


def equal_tables(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Return the first column in which two tables of customers differ, "" when none of `ours` does."""
    if len(ours) != len(theirs):
        return f"{len(ours):,} and {len(theirs):,} rows"
    for name in ours:
        if name not in theirs:
            return f"no column {name}"
        if rows := _different(ours[name], theirs[name].reset_index(drop=True)):
            return f"column {name} in {rows:,} of {len(ours):,} rows"
    return ""


def _different(a: pd.Series, b: pd.Series) -> int:
    both_missing = a.isna() & b.isna()
    if pd.api.types.is_numeric_dtype(a) and not pd.api.types.is_bool_dtype(a):
        x, y = (s.to_numpy(dtype="float64", na_value=np.nan) for s in (a, b))
        equal = np.isclose(x, y, rtol=1e-12, atol=1e-9)
    elif pd.api.types.is_datetime64_any_dtype(a):
        equal = (a.astype("datetime64[s]") == b.astype("datetime64[s]")).to_numpy()
    else:
        equal = (a.astype(object) == b.astype(object)).to_numpy()
    return int((~(equal | both_missing.to_numpy())).sum())
