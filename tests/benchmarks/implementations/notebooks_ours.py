"""Eight copies of a notebook by the runner's pool, then their pages by one exporter."""

import datetime as dt
import os
import tempfile
from pathlib import Path

import clock
from notebook_copies import copies, printed

from custaudience.reports.execution import Task, execute_all
from custaudience.reports.site import notebook_body

SCRATCH = tempfile.TemporaryDirectory()


def compute(notebook: Path, as_of: dt.date) -> Path:
    source, done = Path(SCRATCH.name, "source"), Path(SCRATCH.name, "done")
    source.mkdir()
    done.mkdir()
    values = {"study": os.environ["BENCH_STUDY"], "as_of": as_of.isoformat()}
    tasks = [Task(copy, done / copy.name, values, values) for copy in copies(notebook, source)]
    for outcome in execute_all(tasks, jobs=min(2, os.cpu_count() or 1)):
        if not outcome.ok:
            raise RuntimeError(outcome.reason)
        body, _ = notebook_body(outcome.task.output)
        outcome.task.output.with_suffix(".html").write_text(body, encoding="utf-8")
    return done


if __name__ == "__main__":
    clock.run(compute, printed)
