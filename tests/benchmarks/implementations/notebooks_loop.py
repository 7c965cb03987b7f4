"""Eight copies of a notebook by a loop of the commands papermill and nbconvert."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from notebook_copies import copies, output  # noqa: F401  (what is compared)

SCRATCH = tempfile.TemporaryDirectory()


def compute(notebook, as_of):
    source, done = Path(SCRATCH.name, "source"), Path(SCRATCH.name, "done")
    source.mkdir()
    done.mkdir()
    values = ["-p", "study", os.environ["BENCH_STUDY"], "-p", "as_of", as_of.isoformat()]
    for copy in copies(notebook, source):
        call("papermill", "--no-progress-bar", str(copy), str(done / copy.name), *values)
        call("nbconvert", "--to", "html", "--no-input", str(done / copy.name))
    return done


def call(command, *arguments):
    subprocess.run([sys.executable, "-m", command, *arguments], check=True, stdout=subprocess.DEVNULL)
