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
from custaudience.evidence import ledger_frame, read_claims, write_claims
from custaudience.reports import places, swap
from custaudience.reports.execution import Outcome, Task, execute, execute_all
from custaudience.reports.ledger import Inputs, NotebookRun, RunInfo, read_manifest, set_status, write_manifest
from custaudience.reports.notebooks import Notebook, find_notebooks, read_notebook, select_notebooks
from custaudience.reports.parameters import check_parameters, last_day
from custaudience.reports.plan import Plan, Request, make_plan, settle_month, split_by_tables, tasks_of

Progress = Callable[[str, bool], None]
"""Called with a line of text, and whether it stays (True) or the next one may overwrite it (False)."""


@dataclass(frozen=True)
class RunResult:
    """What a run left: `folder` is the month's, or ``<month>.failed``; `private` must not be published."""

    folder: Path
    private: Path
    info: RunInfo

    @property
    def index(self) -> Path:
        """The first page."""
        return self.folder / "index.html"

    @property
    def exit_code(self) -> int:
        """0 when every notebook that could run did, 1 when one failed."""
        return 0 if self.info.status == "complete" else 1


def run_report(request: Request, progress: Progress = lambda text, stays: None) -> RunResult:
    """Run the notebooks on a study and publish one month's report.

    There is a result also when notebooks failed: its folder is then ``<month>.failed``, and a good month stays.

    Raises
    ------
    CustaudienceError
        If something about the usage or the data is wrong (nothing has been published then), or another run goes on.
    """
    plan = make_plan(request)
    with _folder_made(plan.reports), swap.run_lock(plan.reports / ".lock"):
        for sentence in swap.repair(plan.reports):
            progress(sentence, True)
        return _run(plan, progress)


def run_notebook(
    notebook: str | os.PathLike[str],
    study_path: str | os.PathLike[str] | None = None,
    *,
    output: str | os.PathLike[str],
    parameters: Mapping[str, object] | None = None,
    out: str | os.PathLike[str] | None = None,
) -> NotebookRun:
    """Run one notebook in this process, and write the executed notebook to `output`; a failure is told by the result.

    `notebook` is a slug or number of the project's notebooks, or the path of a file; `study_path` is relative to where
    you stand, by default the notebook's own study. `parameters` are checked and converted as by `run_report`; ``as_of``
    may be any day. Tables and claims go to `out`; by default none are published.
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
    outcome = execute(Task(chosen.path, written, values, shown))
    return replace(_notebook_run(chosen, outcome), notebook_path=written.name)


def _run(plan: Plan, progress: Progress) -> RunResult:
    started, jobs = time.monotonic(), plan.request.jobs or min(2, os.cpu_count() or 1)
    plan.study.refresh()  # once, before the notebooks: they all see the same rows
    month = settle_month(plan.study, plan.month)
    can_run, reasons = split_by_tables(plan)
    data_claims = plan.study.health(last_day(month)).claims()
    private = publish_private(plan, month)
    build = swap.build_folder(plan.reports / month)
    try:
        for name in ("tables", "claims", "appendix"):
            (build / name).mkdir(parents=True)
        write_claims(build / "claims" / "data.json", data_claims)
        tasks = tasks_of(plan, month, build, can_run)
        progress(f"{plan.study.folder_name} {month}: {len(tasks)} notebooks, {jobs} at a time", True)
        outcomes = _execute(tasks, jobs, progress)
        info = _run_info(plan, month, _notebook_runs(plan, outcomes, reasons))
        _write_ledger(build)
        slugs = {notebook.file: notebook.slug for notebook in plan.notebooks}
        published = {slugs[task.source.name]: task.shown for task in tasks}
        inputs = Inputs(plan.study.inputs(), {n.file: n.path for n in plan.notebooks}, published)
        write_manifest(build, info, inputs, time.monotonic() - started)
        folder = _publish(plan.reports, build, info)
    finally:
        for left in (build, swap.build_folder(plan.reports / f"{month}.failed")):
            shutil.rmtree(left, ignore_errors=True)
    _site().render_study_index(plan.reports)
    return RunResult(folder, private, info)


def _execute(tasks: Sequence[Task], jobs: int, progress: Progress) -> list[Outcome]:
    """Run the notebooks and tell how far the run is."""
    started, n_done = time.monotonic(), 0

    def done(outcome: Outcome) -> None:
        nonlocal n_done
        n_done += 1
        why = f"nothing to say: {outcome.nothing_to_say}" if outcome.nothing_to_say else f"failed: {outcome.reason}"
        how = "" if outcome.ok else f", {why}"
        name = outcome.task.source.stem
        progress(f"notebook {n_done} of {len(tasks)}: {name}, {outcome.seconds:.1f} s{how}", True)

    def wait() -> None:
        progress(f"{n_done} of {len(tasks)} notebooks done, {time.monotonic() - started:.0f} s", False)

    return execute_all(tasks, jobs=jobs, on_done=done, on_wait=wait)


def _notebook_runs(plan: Plan, outcomes: Sequence[Outcome], reasons: Mapping[str, str]) -> Iterator[NotebookRun]:
    by_file = {outcome.task.source.name: outcome for outcome in outcomes}
    for notebook in plan.notebooks:
        outcome = by_file.get(notebook.file)
        if outcome is None:
            yield NotebookRun(notebook.file, notebook.slug, notebook.title, "skipped", reason=reasons[notebook.file])
            continue
        run = _notebook_run(notebook, outcome)
        if run.status == "skipped":
            outcome.task.output.unlink(missing_ok=True)
        elif outcome.task.output.exists():
            page = f"appendix/{notebook.path.stem}.html"
            run = replace(run, notebook_path=f"appendix/{notebook.file}", page_path=page)
        yield run


def _notebook_run(notebook: Notebook, outcome: Outcome) -> NotebookRun:
    how: Any = ("ok" if outcome.ok else "failed", outcome.seconds, outcome.reason, outcome.failed_cell)
    if outcome.nothing_to_say:
        how = ("skipped", outcome.seconds, outcome.nothing_to_say)
    return NotebookRun(notebook.file, notebook.slug, notebook.title, *how)


def _run_info(plan: Plan, month: str, notebooks: Iterator[NotebookRun]) -> RunInfo:
    study: Any = plan.study
    runs = tuple(notebooks)
    return RunInfo(
        study=study.folder_name, study_name=study.name, month=month, as_of=last_day(month), currency=study.currency,
        timezone=study.timezone, min_group_size=study.min_group_size, languages=plan.languages, notebooks=runs,
        version=custaudience.__version__, caveats=study.caveats, pictures=plan.request.pictures,
        status="failed" if any(run.status == "failed" for run in runs) else "complete",
    )  # fmt: skip


def _write_ledger(build: Path) -> None:
    """Write the claims of all notebooks as one table."""
    claims = [claim for path in sorted((build / "claims").glob("*.json")) for claim in read_claims(path)]
    ledger = ledger_frame(claims)
    ledger.to_parquet(build / "tables" / "claims.parquet", index=False)
    ledger.to_csv(build / "tables" / "claims.csv", index=False, encoding="utf-8", lineterminator="\n")


def _publish(reports: Path, build: Path, info: RunInfo) -> Path:
    """Render the pages and put the run in its place; return where.

    A run with a failed notebook replaces no good month: it goes to ``<month>.failed``, and only where there
    is no good month does a copy, marked incomplete, become it.
    """
    target = reports / info.month
    failed = target.with_name(f"{info.month}.failed")
    if info.status == "complete":
        _render(build, info)
        swap.publish_folder(build, target)
        shutil.rmtree(failed, ignore_errors=True)
        return target
    beside = swap.build_folder(failed)
    shutil.copytree(build, beside)
    _render(beside, info)
    swap.publish_folder(beside, failed)
    if read_manifest(target).get("status") != "complete":
        set_status(build, "incomplete")
        _render(build, replace(info, status="incomplete"))
        swap.publish_folder(build, target)
    return failed


def publish_private(plan: Plan, month: str) -> Path:
    """Write the rows that were set aside to where only this user reads them."""
    target = plan.private / month
    with swap.private_build(target) as build:
        plan.study.write_quarantine(build / "quarantine")
        # the month's lists, and the record of who was held out, are not of this run and outlive it
        with swap.run_lock(plan.private / ".lists.lock"):
            if (target / "lists").is_dir():
                shutil.copytree(target / "lists", build / "lists")
            swap.publish_folder(build, target, private=True)
    return target


def _render(build: Path, info: RunInfo) -> None:
    for run in info.notebooks:
        if run.notebook_path:
            _site().render_appendix_page(build / run.notebook_path, build / run.page_path, info, run)
    _site().render_month(build, info)


def _site() -> Any:
    """Return the module that writes pages: it needs matplotlib, which a refused run does not."""
    from custaudience.reports import site

    return site


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
