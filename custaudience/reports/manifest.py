"""manifest.json: what a run was made of and how it went, without a path or a name of this computer."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from custaudience.reports.run_info import RunInfo

_PACKAGES = (
    "custaudience",
    "pandas",
    "numpy",
    "scipy",
    "statsmodels",
    "scikit-learn",
    "duckdb",
    "pyarrow",
    "narwhals",
    "matplotlib",
    "seaborn",
    "babel",
    "papermill",
    "nbconvert",
    "ipykernel",
)
FILE = "manifest.json"


def write_manifest(
    folder: Path,
    info: RunInfo,
    *,
    inputs: Mapping[str, str],
    notebooks: Mapping[str, Path],
    parameters: Mapping[str, Mapping[str, Any]],
    seconds: float,
) -> None:
    """Write ``manifest.json`` into a run's folder.

    Parameters
    ----------
    inputs : mapping of file name to sha256
        Every file of the study, study.toml included, relative to the study's folder.
    notebooks : mapping of file name to Path
        The notebooks as they stand in their folder, before running.
    parameters : mapping of slug to parameters
        As published: no path of this computer.
    """
    seeds = {slug: values["seed"] for slug, values in parameters.items() if "seed" in values}
    content = {
        "study": info.study,
        "study_name": info.study_name,
        "caveats": list(info.caveats),
        "month": info.month,
        "as_of": info.as_of.isoformat(),
        "status": info.status,
        "languages": list(info.languages),
        "parameters": {slug: dict(values) for slug, values in parameters.items()},
        "seed": seeds or None,
        "inputs": dict(sorted(inputs.items())),
        "notebooks": [
            {
                "file": run.file,
                "sha256": file_sha256(notebooks[run.file]),
                "status": run.status,
                "seconds": round(run.seconds, 2),
                "reason": run.reason,
                "failed_cell": run.failed_cell,
            }
            for run in info.notebooks
        ],
        "versions": _versions(),
        "seconds": round(seconds, 2),
    }
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
