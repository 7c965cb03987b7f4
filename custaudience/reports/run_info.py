"""What one monthly run is and did: handed from the runner to the pages and to the manifest."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class NotebookRun:
    """One notebook of a run.

    ``status`` is "ok", "failed" or "skipped"; ``reason`` says which table is missing, or the error in one
    line; ``failed_cell`` counts code cells from 1. Paths are relative to the month's folder.
    """

    file: str  # "30_rfm_and_lifecycle.ipynb"
    slug: str  # "rfm_and_lifecycle"
    title: str  # first heading of the notebook
    status: Literal["ok", "failed", "skipped"]
    seconds: float = 0.0
    reason: str = ""
    failed_cell: int | None = None
    notebook_path: str = ""  # "appendix/30_rfm_and_lifecycle.ipynb"
    page_path: str = ""  # "appendix/30_rfm_and_lifecycle.html"


@dataclass(frozen=True)
class RunInfo:
    """One run of a study for one month."""

    study: str  # folder name, "grocery"
    study_name: str  # "Grocery panel"
    month: str  # "2017-12"
    as_of: dt.date
    currency: str
    timezone: str
    min_group_size: int
    languages: tuple[str, ...]  # first one is index.html
    notebooks: tuple[NotebookRun, ...]
    version: str  # of custaudience
    caveats: tuple[str | dict[str, str], ...] = ()  # from study.toml, maybe one per language; printed with the name
    status: Literal["complete", "failed", "incomplete"] = "complete"
    pictures: bool = False  # personas as PNG, too
