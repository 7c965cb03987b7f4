"""What every implementation shares: the clock, the report to the driver, the output to compare.

Standard library only: it also runs in the environments of peers.
"""

import argparse
import datetime as dt
import json
import os
import runpy
import time
from pathlib import Path


def main() -> None:
    """Run a script: ``compute(input, as_of)`` is timed and reported, then ``output`` of it is written as Parquet.

    Imports, and what ``ready(input)`` does, stand before the clock; ``output`` and writing after it. Without an
    ``output`` the result itself is a pandas frame.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("script")
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("as_of", type=dt.date.fromisoformat)
    given = parser.parse_args()
    script = runpy.run_path(given.script)
    if "ready" in script:
        script["ready"](given.input)
    start, worked = time.perf_counter(), cpu_seconds()
    result = script["compute"](given.input, given.as_of)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - worked
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": own_peak()}), flush=True)
    (script["output"](result) if "output" in script else result).to_parquet(given.output, index=False)


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


if __name__ == "__main__":
    main()
