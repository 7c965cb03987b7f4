"""Where things are (the home of a project, studies, notebooks, reports), and how a published text names them.

Never the working folder for what a notebook names: JupyterLab starts kernels in the notebook's folder,
papermill in the caller's, a scheduler anywhere. Nothing published names a folder of this computer.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from custaudience.errors import ParameterError

HOME_VARIABLE = "CUSTAUDIENCE_HOME"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_KERNEL_FILE = re.compile(r"[^\s\"'<>]*ipykernel_\d+[/\\]\d+\.py")


def clone_folder() -> Path | None:
    """Return the clone behind an editable install, None when installed without notebooks and data."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "notebooks").is_dir() and (root / "data").is_dir() else None


def _home() -> Path | None:
    home = os.environ.get(HOME_VARIABLE, "").strip()
    return Path(home).expanduser().absolute() if home else None


def base_folders() -> list[Path]:
    """Return the folders that relative names are looked up in, best first."""
    return [folder for folder in (_home(), clone_folder()) if folder]


def refuse_address(*paths: str | os.PathLike[str] | None) -> None:
    """Raise `ParameterError` for ``http://…``, ``s3://…`` and their like: only local files are read."""
    for path in paths:
        if path is not None and _ADDRESS.match(os.fspath(path)):
            raise ParameterError(
                f"{os.fspath(path)} is an address; custaudience reads local files only. "
                "Download it first, then give the folder that holds it."
            )


def study_folder(text: str | os.PathLike[str]) -> Path:
    """Return the folder of a study named in a notebook: absolute, or below the home, the clone or where one stands."""
    refuse_address(text)
    path = Path(text).expanduser()
    candidates = [path] if path.is_absolute() else [base / path for base in (*base_folders(), Path.cwd())]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    looked = " and ".join(dict.fromkeys(map(str, candidates)))
    raise ParameterError(
        f"study = '{os.fspath(text)}': no such folder (looked at {looked}). "
        f"Give an absolute path, or a path below the folder that {HOME_VARIABLE} names."
    )


def output_folder(text: str | os.PathLike[str]) -> Path:
    """Return where a notebook publishes: absolute, else below the home or the clone; it need not exist."""
    refuse_address(text)
    path = Path(text).expanduser()
    bases = base_folders()
    if not (bases or path.is_absolute()):
        raise ParameterError(f"out = '{os.fspath(text)}': give an absolute path, or set {HOME_VARIABLE}.")
    return path if path.is_absolute() else bases[0] / path


def notebooks_folder() -> Path:
    """Return the folder of the notebooks: below the home when it has one, else in the clone."""
    for base in base_folders():
        if (base / "notebooks").is_dir():
            return base / "notebooks"
    raise ParameterError(
        f"no folder 'notebooks' found. Clone the project, or set {HOME_VARIABLE} to a folder that holds one."
    )


def written_below(given: str | os.PathLike[str] | None, name: str) -> Path:
    """Return the folder a command writes to: the given one, else `name` below the home or where you stand."""
    return Path(given).expanduser().absolute() if given is not None else (_home() or Path.cwd()) / name


def shown_path(path: Path) -> str:
    """Return a path fit to publish: relative to the home or the clone, else the folder's bare name."""
    for base in base_folders():
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return path.name


def machine_paths(named: Mapping[Path, str] | None = None) -> dict[str, str]:
    """Return the folders that must not be published, each with what is to stand for it; `named` ones besides."""
    known = {
        Path(sys.prefix): "python", Path(sys.base_prefix): "python", Path(__file__).resolve().parents[2]: ".",
        Path.home(): "~", Path(tempfile.gettempdir()): "tmp", Path.cwd(): ".", **(named or {}),
    }  # fmt: skip
    folders: dict[str, str] = {}
    for path, name in known.items():
        for form in (path, path.resolve()):
            if form != Path(form.anchor):
                as_repr = str(form).replace("\\", "\\\\")  # as Windows shows it
                folders |= dict.fromkeys((str(form), form.as_posix(), as_repr), name)
    return folders


def scrubber(folders: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that replaces the folders in a text, the longest first."""
    longest_first = sorted(folders, key=len, reverse=True)
    pattern = re.compile(r"(?<![\w./\\])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w])")
    return lambda text: pattern.sub(lambda found: folders[found[1]], _KERNEL_FILE.sub("cell.py", text))


def scrub_outputs(outputs: Any, scrub: Callable[[str], str]) -> Any:
    """Return a notebook's outputs with every text scrubbed; images stay as they are."""
    if isinstance(outputs, str):
        return scrub(outputs)
    if isinstance(outputs, list):
        return [scrub_outputs(item, scrub) for item in outputs]
    if isinstance(outputs, dict):
        cleaned = {k: v if str(k).startswith("image/") else scrub_outputs(v, scrub) for k, v in outputs.items()}
        return type(outputs)(cleaned)
    return outputs
