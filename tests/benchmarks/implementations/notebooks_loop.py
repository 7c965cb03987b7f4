"""Eight copies of a notebook by a loop of the commands papermill and nbconvert."""

import datetime as dt
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import clock
from notebook_copies import copies, printed

SCRATCH = tempfile.TemporaryDirectory()


def compute(notebook: Path, as_of: dt.date) -> Path:
    source, done = Path(SCRATCH.name, "source"), Path(SCRATCH.name, "done")
    source.mkdir()
    done.mkdir()
    values = ["-p", "study", os.environ["BENCH_STUDY"], "-p", "as_of", as_of.isoformat()]
    for copy in copies(notebook, source):
        call("papermill", "--no-progress-bar", str(copy), str(done / copy.name), *values)
        call("nbconvert", "--to", "html", "--no-input", str(done / copy.name))
    return done


def call(command: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", command, *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    clock.run(compute, printed)
