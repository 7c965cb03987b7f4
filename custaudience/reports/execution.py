"""Running notebooks in spawned worker processes, with papermill's traps closed, and the one form they are written in.

Processes, not threads: papermill's ``cwd`` and asyncio are per process. Workers and kernels end with the run:
a worker leaves as soon as the pipe to the runner breaks, and a kernel looks every second whether its worker
is still there (ipykernel does this). So after a killed run all is gone within about two seconds, unless a
kernel sits in C code that never lets go of the interpreter.
"""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custaudience.errors import EmptyTableError
from custaudience.reports import places

if TYPE_CHECKING:
    from nbformat import NotebookNode

# ipykernel 7 warns at every start that it talks over TCP and logs how it ends; errors of cells are in the notebook.
_QUIET_KERNEL = ["--IPKernelApp.log_level=50"]
# A busy computer may take its time; nbclient gives outputs that come late only 4 seconds.
_PATIENCE = {"start_timeout": 180, "iopub_timeout": 60}
_INJECTED = "injected-parameters"
_KEPT_CELL_METADATA = {"tags", "alt", "jupyter", "slideshow", "nbgrader"}
_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {  # without the version, which differs between computers
        "codemirror_mode": {"name": "ipython", "version": 3}, "file_extension": ".py", "mimetype": "text/x-python",
        "name": "python", "nbconvert_exporter": "python", "pygments_lexer": "ipython3",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One notebook to run."""

    source: Path
    output: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)  # as injected; empty: on its defaults
    shown: Mapping[str, Any] = field(default_factory=dict)  # as published: no path of this computer
    folders: Mapping[Path, str] = field(default_factory=dict)  # folders to hide in outputs, and their names
    timeout: float | None = None  # seconds for one cell


@dataclass(frozen=True)
class Outcome:
    """How it went; `failed_cell` counts the notebook's own code cells from 1."""

    task: Task
    ok: bool
    seconds: float = 0.0
    reason: str = ""
    failed_cell: int | None = None

    @property
    def nothing_to_say(self) -> str:
        """What the data lack for the notebook's question, "" if nothing: true of the data, and no fault."""
        empty = f"{EmptyTableError.__name__}: "
        return self.reason.removeprefix(empty) if self.reason.startswith(empty) else ""


def execute(task: Task) -> Outcome:
    """Run one notebook in this process with a kernel of its own, and write it in the published form.

    A failure is an outcome, not an exception: the notebook is written as far as it came.
    """
    import nbformat

    _prepare_papermill()
    started = time.monotonic()
    reason = _run_papermill(task)
    scrub = places.scrubber(places.machine_paths(task.folders))
    failed_cell = None
    if task.output.exists():
        nb = nbformat.read(task.output, as_version=4)
        last, unfinished = _progress(nb)
        reason = reason or ("it ended before its last cell" if unfinished else "")
        failed_cell = last if reason else None
        _write_published(nb, task, scrub)
    return Outcome(task, not reason, time.monotonic() - started, scrub(reason), failed_cell)


def execute_all(
    tasks: Sequence[Task],
    *,
    jobs: int,
    on_done: Callable[[Outcome], None] = lambda outcome: None,
    on_wait: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Run notebooks in `jobs` worker processes; return their outcomes in the order given.

    `on_done` is called in this process with each outcome as it comes, `on_wait` about once a second meanwhile.
    """
    outcomes: dict[Path, Outcome] = {}

    def keep(outcome: Outcome) -> None:
        outcomes[outcome.task.output] = outcome
        on_done(outcome)

    try:
        _run_pool(tasks, jobs, keep, on_wait)
    except BrokenProcessPool:
        # A worker died (killed for its memory, say) and took the pool along: one by one shows whose it was.
        for task in tasks:
            if task.output not in outcomes:
                try:
                    _run_pool([task], 1, keep, on_wait)
                except BrokenProcessPool:
                    keep(Outcome(task, False, reason="its worker process died; the computer may lack memory"))
    return [outcomes[task.output] for task in tasks]


def _run_pool(tasks: Sequence[Task], jobs: int, keep: Callable[[Outcome], None], on_wait: Callable[[], None]) -> None:
    with _workers(min(jobs, len(tasks)) or 1) as pool:
        running: set[Future[Outcome]] = {pool.submit(execute, task) for task in tasks}
        while running:
            done, running = wait(running, timeout=1, return_when=FIRST_COMPLETED)
            broken = None
            for future in done:
                try:
                    keep(future.result())
                except BrokenProcessPool as error:
                    broken = error
            if broken:
                raise broken
            if running:
                on_wait()


@contextmanager
def _workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    heard, held = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_prepare_worker, initargs=(heard, jobs))
    try:
        yield pool
    except BaseException:
        held.close()  # the workers leave at once, their kernels follow
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    else:
        pool.shutdown()
    finally:
        held.close()
        heard.close()


def _prepare_worker(heard: Connection, jobs: int) -> None:
    os.environ["CUSTAUDIENCE_JOBS"] = str(jobs)  # kernels share memory and cores among them
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's to handle
    threading.Thread(target=_leave_with_the_runner, args=(heard,), daemon=True).start()
    _prepare_papermill()


def _leave_with_the_runner(heard: Connection) -> None:
    try:
        heard.recv()
    except (EOFError, OSError):
        os._exit(1)


def _prepare_papermill() -> None:
    from papermill.translators import PythonTranslator, papermill_translators

    class PlainText(PythonTranslator):
        """Write parameters as people read them: papermill escapes every letter that is not ASCII."""

        @classmethod
        def translate_escaped_str(cls, str_val: object) -> str:
            return json.dumps(str(str_val), ensure_ascii=False)

    papermill_translators.register("python", PlainText)
    logging.getLogger("papermill").setLevel(logging.ERROR)
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)


def _run_papermill(task: Task) -> str:
    """Run the notebook; return the error in one line, empty when there was none."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook

    try:
        execute_notebook(
            _literally(task.source), _literally(task.output), parameters=dict(task.parameters) or None,
            kernel_name="python3", progress_bar=False, execution_timeout=task.timeout,
            extra_arguments=list(_QUIET_KERNEL), **_PATIENCE,
        )  # fmt: skip
    except PapermillExecutionError as error:
        return _one_line(error.ename, error.evalue)
    except CellTimeoutError as error:
        if task.timeout is None or "IOPub" in str(error):
            return _one_line("CellTimeoutError", str(error))
        return f"a cell ran longer than {task.timeout:g} seconds"
    except DeadKernelError:
        return "its kernel died; the computer may lack memory"
    except Exception as error:  # whatever else, the other notebooks go on and the report names it
        return _one_line(type(error).__name__, str(error))
    return ""


def _literally(path: Path) -> str:
    """Return a path that papermill, which formats it with the parameters, leaves as it is."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _one_line(name: str, text: str) -> str:
    lines = str(text).strip().splitlines()
    return f"{name}: {lines[0]}"[:300] if lines else name


def _progress(nb: Any) -> tuple[int | None, bool]:
    """Return the last code cell that was begun, and whether code cells after it were left out.

    From the execution itself: after a timeout papermill calls every cell completed.
    """
    begun, unfinished, number = None, False, 0
    for cell in nb.cells:
        if cell.cell_type == "code" and cell.source.strip():
            number += _INJECTED not in cell.metadata.get("tags", [])
            has_begun = bool(cell.metadata.get("papermill", {}).get("start_time"))
            begun, unfinished = number if has_begun else begun, unfinished or not has_begun
    return begun, unfinished


def _write_published(nb: Any, task: Task, scrub: Callable[[str], str]) -> None:
    from papermill.execute import remove_error_markers
    from papermill.translators import papermill_translators

    nb = remove_error_markers(nb)
    for cell in nb.cells:
        if _INJECTED in cell.metadata.get("tags", []):
            translator = papermill_translators.find_translator("python3", "python")
            cell.source = translator.codify(dict(task.shown), "Parameters").strip()
        if cell.cell_type == "code":
            cell.outputs = places.scrub_outputs(cell.outputs, scrub)
    write_if_changed(task.output, notebook_text(normalise(nb)))


def normalise(nb: NotebookNode) -> NotebookNode:
    """Return the notebook in the one form that is committed, the same from every run of the same content.

    Fixed cell ids and counts, no timings, no paths or versions in metadata, no widget state.
    """
    from nbformat import from_dict

    cells, seen, count = [], {}, 0  # type: ignore[var-annotated]
    for cell in nb.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\0{cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        tidy = {
            "cell_type": cell.cell_type,
            "id": digest if seen[digest] == 1 else f"{digest}-{seen[digest]}",
            "metadata": {k: v for k, v in cell.metadata.items() if k in _KEPT_CELL_METADATA and v},
            "source": cell.source,
        }
        if cell.cell_type == "code":
            count += 1 if cell.execution_count else 0
            number = count if cell.execution_count else None
            tidy |= {"execution_count": number, "outputs": [_tidy_output(o, number) for o in _joined(cell.outputs)]}
        cells.append(tidy)
    own = {"custaudience": dict(nb.metadata["custaudience"])} if "custaudience" in nb.metadata else {}
    return from_dict({"cells": cells, "metadata": _METADATA | own, "nbformat": 4, "nbformat_minor": 5})


def notebook_text(nb: NotebookNode) -> str:
    """Return the notebook as its file holds it."""
    import nbformat

    text: str = nbformat.writes(nb)
    return text + "\n"


def write_if_changed(path: Path, text: str) -> bool:
    """Write a text file in one step, only when it differs; say whether it did."""
    if path.exists() and path.read_bytes() == text.encode():
        return False
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(text.encode())
    os.replace(beside, path)
    return True


def _joined(outputs: Iterable[Any]) -> list[Any]:
    """Join neighbouring pieces of one stream: where they break is a matter of timing."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == "stream" == last["output_type"] and output.name == last["name"]:
            last["text"] += output.text
        else:
            joined.append(dict(output))
    return joined


def _tidy_output(output: dict[str, Any], number: int | None) -> dict[str, Any]:
    if "data" in output:
        output = output | {"data": {k: v for k, v in output["data"].items() if "jupyter.widget" not in k}}
    return output | ({"execution_count": number} if output["output_type"] == "execute_result" else {})
