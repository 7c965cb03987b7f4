"""Eight copies of a notebook by the runner's pool, then their pages by one exporter."""

import os
import tempfile
from pathlib import Path

from notebook_copies import copies, output  # noqa: F401  (what is compared)

from custaudience.reports.execution import Task, execute_all
from custaudience.reports.site import notebook_body

SCRATCH = tempfile.TemporaryDirectory()


def compute(notebook, as_of):
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
