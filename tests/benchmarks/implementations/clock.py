"""What every implementation shares: the clock, the report to the driver, the output to compare.

Standard library only: it also runs in the environments of peers.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run(compute: Callable[[Path, dt.date], Any], output: Callable[[Any], Any] = lambda result: result) -> None:
    """Time ``compute(input, as_of)``, report, then write ``output(result)``, a pandas frame, as Parquet.

    Imports stand above the call, so they are outside the clock; so is writing.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("as_of", type=dt.date.fromisoformat)
    given = parser.parse_args()
    start, worked = time.perf_counter(), cpu_seconds()
    result = compute(given.input, given.as_of)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - worked
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": own_peak()}), flush=True)
    output(result).to_parquet(given.output, index=False)


def cpu_seconds() -> float:
    """Return what all cores have worked for this process and the children it has waited for."""
    return sum(os.times()[:4])


def own_peak() -> int:
    """Return this process's largest resident size in bytes where the system keeps it (Linux), else 0."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
