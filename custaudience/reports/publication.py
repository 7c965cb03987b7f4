"""From a folder of results to a published month: ledger, manifest, pages, and which folder they replace."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from custaudience.evidence import Claim, ledger_frame, read_claims, write_claims
from custaudience.reports import swap
from custaudience.reports.execution import Task
from custaudience.reports.lock import RunLock
from custaudience.reports.manifest import read_manifest, set_status, write_manifest
from custaudience.reports.plan import Plan
from custaudience.reports.run_info import RunInfo


def begin(build: Path, data_claims: Iterable[Claim]) -> None:
    """Make the folder of a run, with what the reading of the data has to say."""
    for name in ("tables", "claims", "appendix"):
        (build / name).mkdir(parents=True)
    write_claims(build / "claims" / "data.json", data_claims)


def finish(plan: Plan, build: Path, info: RunInfo, tasks: Sequence[Task], seconds: float) -> None:
    """Write the ledger of all claims, and the manifest."""
    claims = [claim for path in sorted((build / "claims").glob("*.json")) for claim in read_claims(path)]
    ledger = ledger_frame(claims)
    ledger.to_parquet(build / "tables" / "claims.parquet", index=False)
    ledger.to_csv(build / "tables" / "claims.csv", index=False, encoding="utf-8", lineterminator="\n")
    slugs = {notebook.file: notebook.slug for notebook in plan.notebooks}
    write_manifest(
        build,
        info,
        inputs=plan.study.inputs(),
        notebooks={notebook.file: notebook.path for notebook in plan.notebooks},
        parameters={slugs[task.source.name]: task.shown for task in tasks},
        seconds=seconds,
    )


def publish(reports: Path, build: Path, info: RunInfo) -> Path:
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
    plan.private.mkdir(parents=True, exist_ok=True)
    os.chmod(plan.private, 0o700)
    swap.repair(plan.private)
    target = plan.private / month
    build = swap.build_folder(target)
    build.mkdir(mode=0o700)
    try:
        plan.study.write_quarantine(build / "quarantine")
        # the month's lists, and the record of who was held out, are not of this run and outlive it
        with RunLock(plan.private / ".lists.lock"):
            if (target / "lists").is_dir():
                shutil.copytree(target / "lists", build / "lists")
            swap.publish_folder(build, target, private=True)
    finally:
        shutil.rmtree(build, ignore_errors=True)
    return target


def render_study_index(reports: Path) -> None:
    """Write the page that lists a study's months."""
    from custaudience.reports import site

    site.render_study_index(reports)


def _render(build: Path, info: RunInfo) -> None:
    from custaudience.reports import site

    for run in info.notebooks:
        if run.notebook_path:
            site.render_appendix_page(build / run.notebook_path, build / run.page_path, info, run)
    site.render_month(build, info)
