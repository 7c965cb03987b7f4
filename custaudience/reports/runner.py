"""The monthly run: one process drives a pool of workers, and publishes a month whole or not at all."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import custaudience
from custaudience.reports import places, publication, swap
from custaudience.reports.execution import Outcome, Task, execute, execute_all
from custaudience.reports.lock import RunLock
from custaudience.reports.notebooks import Notebook, find_notebooks, read_notebook, select_notebooks
from custaudience.reports.parameters import check_parameters, last_day
from custaudience.reports.plan import Plan, make_plan, settle_month, split_by_tables, tasks_of
from custaudience.reports.run_info import NotebookRun, RunInfo

Progress = Callable[[str, bool], None]
"""Called with a line of text, and whether it stays (True) or the next one may overwrite it (False)."""

CELL_TIMEOUT = 3600.0


@dataclass(frozen=True)
class RunResult:
    """What a run left: `folder` is the month's, or ``<month>.failed``; `private` must not be published."""

    folder: Path
    index: Path
    private: Path
    info: RunInfo

    @property
    def exit_code(self) -> int:
        """0 when every notebook that could run did, 1 when one failed."""
        return 0 if self.info.status == "complete" else 1


def run_report(
    study_path: str | os.PathLike[str],
    *,
    month: str | None = None,
    notebooks: Sequence[str] | None = None,
    parameters: Mapping[str, object] | None = None,
    jobs: int | None = None,
    out: str | os.PathLike[str] | None = None,
    languages: Sequence[str] | None = None,
    private: str | os.PathLike[str] | None = None,
    timeout: float | None = CELL_TIMEOUT,
    pictures: bool = False,
    progress: Progress = lambda text, stays: None,
) -> RunResult:
    """Run the notebooks on a study and publish one month's report.

    Parameters
    ----------
    study_path : path
        Folder of the study, relative to where you stand.
    month : str, optional
        "2017-11"; by default the last one complete in the data.
    notebooks : sequence of str, optional
        Slugs, file names or numbers; by default all. The month then holds only these.
    parameters : mapping of name to value, optional
        Each goes to the notebooks that declare it; text is converted by the declared type.
    jobs : int, optional
        Worker processes; by default 2, or 1 on a computer with one core.
    out, private : path, optional
        Folders in place of ``reports`` and ``private``, which lie below ``CUSTAUDIENCE_HOME`` when that is
        set, else where you stand. The report goes to ``out/<study>/<month>``.
    languages : sequence of str, optional
        The first is that of ``index.html``; by default the study's own.
    timeout : float, optional
        Seconds for one cell, None for no limit.
    pictures : bool
        Write each persona's card as PNG, too; an installed Chromium draws it.
    progress : callable, optional
        Called with lines of text; see `Progress`.

    Returns
    -------
    RunResult
        Also when notebooks failed: then `folder` is ``<month>.failed`` and a good month stays as it was.

    Raises
    ------
    CustaudienceError
        If something about the usage or the data is wrong; nothing has been published then.
    LockedError
        If another run of the study is going on.
    """
    plan = make_plan(
        study_path,
        month=month,
        notebooks=notebooks,
        parameters=parameters,
        out=out,
        languages=languages,
        private=private,
        timeout=timeout,
        pictures=pictures,
    )
    with _folder_made(plan.reports), RunLock(plan.reports / ".lock"):
        for sentence in swap.repair(plan.reports):
            progress(sentence, True)
        return _run(plan, jobs or min(2, os.cpu_count() or 1), progress)


def run_notebook(
    notebook: str | os.PathLike[str],
    study_path: str | os.PathLike[str] | None = None,
    *,
    output: str | os.PathLike[str],
    parameters: Mapping[str, object] | None = None,
    out: str | os.PathLike[str] | None = None,
    timeout: float | None = None,
) -> NotebookRun:
    """Run one notebook in this process, and write the executed notebook to `output`.

    Parameters
    ----------
    notebook : str or path
        A slug or number of the project's notebooks, or the path of a file.
    study_path : path, optional
        Relative to where you stand; by default the notebook's own study.
    parameters : mapping, optional
        Checked and converted as by `run_report`; ``as_of`` may be any day.
    out : path, optional
        Folder for the notebook's tables and claims; by default it publishes none.

    Returns
    -------
    NotebookRun
        A failure is told by its ``status``, ``reason`` and ``failed_cell``.
    """
    is_file = Path(notebook).is_file()
    chosen = read_notebook(Path(notebook)) if is_file else select_notebooks(find_notebooks(), [str(notebook)])[0]
    values = check_parameters(parameters or {}, [chosen.slug])[chosen.slug]
    if "as_of" in values:
        values["as_of"] = str(values["as_of"] or "")
    shown = dict(values)
    if study_path is not None:
        places.refuse_address(study_path)
        folder = Path(study_path).expanduser().absolute()
        values["study"], shown["study"] = str(folder), places.shown_path(folder)
    if out is not None:
        values["out"] = str(Path(out).expanduser().absolute())
    written = Path(output).expanduser().absolute()
    written.parent.mkdir(parents=True, exist_ok=True)
    outcome = execute(Task(chosen.path, written, values, shown, timeout=timeout))
    return _notebook_run(chosen, outcome, notebook_path=written.name)


def _run(plan: Plan, jobs: int, progress: Progress) -> RunResult:
    started = time.monotonic()
    plan.study.refresh()  # once, before the notebooks: they all see the same rows
    month = settle_month(plan.study, plan.month)
    can_run, reasons = split_by_tables(plan)
    data_claims = plan.study.health(last_day(month)).claims()
    private = publication.publish_private(plan, month)
    build = swap.build_folder(plan.reports / month)
    try:
        publication.begin(build, data_claims)
        tasks = tasks_of(plan, month, build, can_run)
        progress(f"{plan.study.folder_name} {month}: {len(tasks)} notebooks, {jobs} at a time", True)
        watch = _Watch(len(tasks), progress)
        outcomes = execute_all(tasks, jobs=jobs, on_done=watch.done, on_wait=watch.wait)
        info = _run_info(plan, month, _notebook_runs(plan, outcomes, reasons))
        publication.finish(plan, build, info, tasks, time.monotonic() - started)
        folder = publication.publish(plan.reports, build, info)
    finally:
        for left in (build, swap.build_folder(plan.reports / f"{month}.failed")):
            shutil.rmtree(left, ignore_errors=True)
    publication.render_study_index(plan.reports)
    return RunResult(folder, folder / "index.html", private, info)


class _Watch:
    """Tells how far a run is."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.total, self.progress, self.finished, self.started = total, progress, 0, time.monotonic()

    def done(self, outcome: Outcome) -> None:
        self.finished += 1
        how = "" if outcome.ok else f", failed: {outcome.reason}"
        name = outcome.task.source.stem
        self.progress(f"notebook {self.finished} of {self.total}: {name}, {outcome.seconds:.1f} s{how}", True)

    def wait(self) -> None:
        elapsed = time.monotonic() - self.started
        self.progress(f"{self.finished} of {self.total} notebooks done, {elapsed:.0f} s", False)


def _notebook_runs(plan: Plan, outcomes: Sequence[Outcome], reasons: Mapping[str, str]) -> tuple[NotebookRun, ...]:
    by_file = {outcome.task.source.name: outcome for outcome in outcomes}
    runs = []
    for notebook in plan.notebooks:
        if notebook.file in by_file:
            runs.append(_notebook_run(notebook, by_file[notebook.file], folder="appendix"))
        else:
            skipped = NotebookRun(notebook.file, notebook.slug, notebook.title, "skipped")
            runs.append(replace(skipped, reason=reasons[notebook.file]))
    return tuple(runs)


def _notebook_run(notebook: Notebook, outcome: Outcome, *, folder: str = "", notebook_path: str = "") -> NotebookRun:
    if folder and outcome.task.output.exists():
        notebook_path = f"{folder}/{notebook.file}"
    return NotebookRun(
        file=notebook.file,
        slug=notebook.slug,
        title=notebook.title,
        status="ok" if outcome.ok else "failed",
        seconds=outcome.seconds,
        reason=outcome.reason,
        failed_cell=outcome.failed_cell,
        notebook_path=notebook_path,
        page_path=f"{folder}/{notebook.path.stem}.html" if folder and notebook_path else "",
    )


def _run_info(plan: Plan, month: str, runs: tuple[NotebookRun, ...]) -> RunInfo:
    study: Any = plan.study
    return RunInfo(
        study=study.folder_name,
        study_name=study.name,
        month=month,
        as_of=last_day(month),
        currency=study.currency,
        timezone=study.timezone,
        min_group_size=study.min_group_size,
        languages=plan.languages,
        notebooks=runs,
        version=custaudience.__version__,
        caveats=study.caveats,
        status="failed" if any(run.status == "failed" for run in runs) else "complete",
        pictures=plan.pictures,
    )


@contextmanager
def _folder_made(folder: Path) -> Iterator[None]:
    """Make a folder, and take it away again when nothing came to be in it."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for path in made:
            try:
                path.rmdir()
            except OSError:  # not empty: the report is in it
                break
