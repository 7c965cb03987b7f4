"""What one monthly run is and did: handed from the runner to the pages, and written down in manifest.json.

The manifest names no path and no user of this computer.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

_PACKAGES = (
    "custaudience", "pandas", "numpy", "scipy", "statsmodels", "scikit-learn", "duckdb", "pyarrow", "narwhals",
    "matplotlib", "seaborn", "babel", "papermill", "nbconvert", "ipykernel",
)  # fmt: skip
FILE = "manifest.json"


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


@dataclass(frozen=True)
class Inputs:
    """What a run was made of: hashes of the study's files, the notebooks as they stand, and their parameters.

    Parameters are those published, by slug: no path of this computer.
    """

    files: Mapping[str, str]
    notebooks: Mapping[str, Path]
    parameters: Mapping[str, Mapping[str, Any]]


def write_manifest(folder: Path, info: RunInfo, inputs: Inputs, seconds: float) -> None:
    """Write ``manifest.json`` into a run's folder."""
    seeds = {slug: values["seed"] for slug, values in inputs.parameters.items() if "seed" in values}
    content = {
        "study": info.study,
        "study_name": info.study_name,
        "caveats": list(info.caveats),
        "month": info.month,
        "as_of": info.as_of.isoformat(),
        "status": info.status,
        "languages": list(info.languages),
        "parameters": {slug: dict(values) for slug, values in inputs.parameters.items()},
        "seed": seeds or None,
        "inputs": dict(sorted(inputs.files.items())),
        "notebooks": [
            {"file": run.file, "sha256": file_sha256(inputs.notebooks[run.file]), "status": run.status,
             "seconds": round(run.seconds, 2), "reason": run.reason, "failed_cell": run.failed_cell}
            for run in info.notebooks
        ],
        "versions": _versions(),
        "seconds": round(seconds, 2),
    }  # fmt: skip
    _write(folder, content)


def set_status(folder: Path, status: str) -> None:
    """Change the status that a manifest states."""
    _write(folder, {**read_manifest(folder), "status": status})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a published folder, empty when there is none that can be read."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError):
        return {}


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(folder: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=2, default=str) + "\n"
    (folder / FILE).write_text(text, encoding="utf-8", newline="\n")


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # seaborn and its like are only imported where used
            continue
    return found
