"""Keep the computer out of what is published: its folders, its users, its process numbers."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_KERNEL_FILE = re.compile(r"[^\s\"'<>]*ipykernel_\d+[/\\]\d+\.py")


def machine_paths(named: Mapping[Path, str] | None = None) -> dict[str, str]:
    """Return the folders that must not be published, each with what is to stand for it.

    Parameters
    ----------
    named : mapping of Path to str, optional
        Further folders, for example that of the study.
    """
    package = Path(__file__).resolve().parents[2]
    known = {
        Path(sys.prefix): "python",
        Path(sys.base_prefix): "python",
        package: ".",
        Path.home(): "~",
        Path(tempfile.gettempdir()): "tmp",
        Path.cwd(): ".",
        **(named or {}),
    }
    folders: dict[str, str] = {}
    for path, name in known.items():
        for form in (path, path.resolve()):
            if form != Path(form.anchor):
                folders[str(form)] = name
                folders[form.as_posix()] = name
                folders[str(form).replace("\\", "\\\\")] = name  # as a repr shows it on Windows
    return folders


def scrubber(folders: Mapping[str, str]) -> Any:
    """Return a function that replaces the folders in a text, the longest first."""
    longest_first = sorted(folders, key=len, reverse=True)
    pattern = re.compile(r"(?<![\w./\\])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w])")

    def scrub(text: str) -> str:
        return pattern.sub(lambda found: folders[found[1]], _KERNEL_FILE.sub("cell.py", text))

    return scrub


def scrub_outputs(outputs: Any, scrub: Any) -> Any:
    """Return a notebook's outputs with every text scrubbed; images stay as they are."""
    if isinstance(outputs, str):
        return scrub(outputs)
    if isinstance(outputs, list):
        return [scrub_outputs(item, scrub) for item in outputs]
    if isinstance(outputs, dict):
        return type(outputs)(
            {k: v if str(k).startswith("image/") else scrub_outputs(v, scrub) for k, v in outputs.items()}
        )
    return outputs
