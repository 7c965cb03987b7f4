"""The notebooks as files: finding them, and the one form in which they are committed and published."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custaudience.errors import ConfigError, ParameterError, near_miss
from custaudience.reports import places

if TYPE_CHECKING:
    import pandas as pd
    from nbformat import NotebookNode

_NUMBERED = re.compile(r"\d\d_(\w+)\.ipynb")
_KEPT_CELL_METADATA = {"tags", "alt", "jupyter", "slideshow", "nbgrader"}
_KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_LANGUAGE_INFO = {  # without the version, which differs between computers
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}


@dataclass(frozen=True)
class Notebook:
    """A notebook and what its metadata says of it."""

    path: Path
    slug: str  # "rfm_and_lifecycle"
    title: str  # first heading
    needs: tuple[str, ...]  # tables without which it is skipped
    default_study: str = ""

    @property
    def file(self) -> str:
        """The file's name."""
        return self.path.name


def read_notebook(path: Path) -> Notebook:
    """Read slug, title and needs of a notebook, without running anything.

    Raises
    ------
    ConfigError
        If it is no notebook, or its metadata do not hold ``custaudience = {"slug": …, "needs": […]}``.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        about = content["metadata"]["custaudience"]
        slug, needs = str(about["slug"]), tuple(map(str, about["needs"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path.name}: not a notebook of this project ({type(error).__name__}: {error}); "
            'its metadata must hold custaudience = {"slug": "…", "needs": ["transactions"]}.'
        ) from error
    return Notebook(path, slug, _title(content) or slug, needs, str(about.get("default_study", "")))


def find_notebooks(folder: Path | None = None) -> list[Notebook]:
    """Return the numbered notebooks of a folder in order; by default those of the home or the clone.

    Raises
    ------
    ConfigError
        If there is none, or two share a slug.
    """
    folder = folder or places.notebooks_folder()
    found = [read_notebook(path) for path in sorted(folder.glob("*.ipynb")) if _NUMBERED.fullmatch(path.name)]
    slugs = [notebook.slug for notebook in found]
    twice = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    if twice or not found:
        raise ConfigError(f"{folder.name}/: " + (f"two notebooks named {twice[0]}" if twice else "no notebook in it"))
    return found


def select_notebooks(found: Sequence[Notebook], names: Iterable[str] | None) -> list[Notebook]:
    """Return the notebooks that are asked for by slug, file name, or number; all when `names` is empty."""
    wanted = list(names or ())
    by_name = {name: n for n in found for name in (n.slug, n.file, n.path.stem, n.file[:2])}
    for name in wanted:
        if Path(name).name not in by_name:
            slugs = [n.slug for n in found]
            raise ParameterError(f"no notebook '{name}'; there are {', '.join(slugs)}.{near_miss(name, slugs)}")
    chosen = {by_name[Path(name).name].file for name in wanted}
    return [n for n in found if not wanted or n.file in chosen]


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
    metadata = {"kernelspec": _KERNELSPEC, "language_info": _LANGUAGE_INFO}
    if "custaudience" in nb.metadata:
        metadata["custaudience"] = dict(nb.metadata["custaudience"])
    return from_dict({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


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
    tidy = dict(output)
    if "data" in tidy:
        tidy["data"] = {k: v for k, v in tidy["data"].items() if "jupyter.widget" not in k}
    if tidy["output_type"] == "execute_result":
        tidy["execution_count"] = number
    return tidy


def _title(content: dict[str, Any]) -> str:
    for cell in content.get("cells", ()):
        if cell.get("cell_type") == "markdown":
            source = cell.get("source", "")
            for line in (source if isinstance(source, str) else "".join(source)).splitlines():
                if line.startswith("# "):
                    return line[2:].strip()
    return ""


def notebook_map(tables: Iterable[str], folder: Path | None = None) -> pd.DataFrame:
    """Return every notebook, its question, and whether a study with these tables can feed it.

    Parameters
    ----------
    tables : iterable of str
        Names of the tables a study has.
    folder : Path, optional
        Where the notebooks lie; by default the project's.

    Returns
    -------
    DataFrame, one row per notebook
        ``notebook``, ``question``, ``needs``, ``can it run``.
    """
    import pandas as pd

    have = set(tables)
    rows = []
    for notebook in find_notebooks(folder):
        missing = [name for name in notebook.needs if name not in have]
        rows.append(
            (
                notebook.file,
                notebook.title,
                ", ".join(notebook.needs),
                f"no: {', '.join(missing)} missing" if missing else "yes",
            )
        )
    return pd.DataFrame(rows, columns=["notebook", "question", "needs", "can it run"])
