"""Where things are: the home of a project, studies, notebooks, reports.

Never the working folder for what a notebook names: JupyterLab starts kernels in the notebook's folder,
papermill in the caller's, a scheduler anywhere.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from custaudience.errors import ParameterError

HOME_VARIABLE = "CUSTAUDIENCE_HOME"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def clone_folder() -> Path | None:
    """Return the clone behind an editable install, None when installed without notebooks and data."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "notebooks").is_dir() and (root / "data").is_dir() else None


def base_folders() -> list[Path]:
    """Return the folders that relative names are looked up in, best first."""
    home = os.environ.get(HOME_VARIABLE, "").strip()
    clone = clone_folder()
    return ([Path(home).expanduser().absolute()] if home else []) + ([clone] if clone else [])


def refuse_address(path: str | os.PathLike[str]) -> None:
    """Raise `ParameterError` for ``http://…``, ``s3://…`` and their like: only local files are read."""
    if _ADDRESS.match(os.fspath(path)):
        raise ParameterError(
            f"{os.fspath(path)} is an address; custaudience reads local files only. "
            "Download it first, then give the folder that holds it."
        )


def study_folder(text: str | os.PathLike[str]) -> Path:
    """Return the folder of a study named in a notebook: absolute, else below the home or the clone.

    Raises
    ------
    ParameterError
        If it is an address, or is in none of these places.
    """
    refuse_address(text)
    path = Path(text).expanduser()
    candidates = [path] if path.is_absolute() else [base / path for base in base_folders()]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    looked = ", ".join(str(c) for c in candidates) or f"nowhere: {HOME_VARIABLE} is not set"
    raise ParameterError(
        f"study = '{os.fspath(text)}': no such folder (looked at {looked}). "
        f"Give an absolute path, or a path below the folder that {HOME_VARIABLE} names."
    )


def output_folder(text: str | os.PathLike[str]) -> Path:
    """Return where a notebook publishes: absolute, else below the home or the clone; it need not exist."""
    refuse_address(text)
    path = Path(text).expanduser()
    if path.is_absolute():
        return path
    bases = base_folders()
    if not bases:
        raise ParameterError(f"out = '{os.fspath(text)}': give an absolute path, or set {HOME_VARIABLE}.")
    return bases[0] / path


def notebooks_folder() -> Path:
    """Return the folder of the notebooks: below the home when it has one, else in the clone."""
    for base in base_folders():
        if (base / "notebooks").is_dir():
            return base / "notebooks"
    raise ParameterError(
        f"no folder 'notebooks' found. Clone the project, or set {HOME_VARIABLE} to a folder that holds one."
    )


def working_base() -> Path:
    """Return the folder below which a command writes: the home when it is set, else where you stand."""
    home = os.environ.get(HOME_VARIABLE, "").strip()
    return Path(home).expanduser().absolute() if home else Path.cwd()


def shown_path(path: Path) -> str:
    """Return a path fit to publish: relative to the home or the clone, else the folder's bare name."""
    for base in base_folders():
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return path.name
