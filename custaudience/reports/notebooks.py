"""The notebooks as files: finding them, the one form in which they are committed, and what a committed one must be.

`check_notebook` says where one is not what it must be, `refresh_notebooks` mends.
"""

from __future__ import annotations

import ast
import base64
import io
import itertools
import json
import os
import re
import tempfile
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custaudience.errors import ConfigError, ParameterError, near_miss
from custaudience.reports import places
from custaudience.reports.execution import Outcome, Task, execute_all, normalise, notebook_text, write_if_changed
from custaudience.reports.parameters import declared, parameters_cell_faults

if TYPE_CHECKING:
    import pandas as pd

MAX_PNG_BYTES = 200_000
MAX_LINES = 25
_NUMBERED = re.compile(r"\d\d_(\w+)\.ipynb")


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

    def missing(self, have: Iterable[str]) -> list[str]:
        """Return the tables it needs that are not among those a study has."""
        return [table for table in self.needs if table not in have]


def read_notebook(path: Path) -> Notebook:
    """Read slug, title and needs of a notebook, without running anything."""
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
    """Return the numbered notebooks of a folder in order; by default those of the home or the clone."""
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


def _title(content: dict[str, Any]) -> str:
    cells = (cell for cell in content.get("cells", ()) if cell.get("cell_type") == "markdown")
    lines = (line for cell in cells for line in "".join(cell.get("source", "")).splitlines())
    headings = (line[2:].strip() for line in lines if line.startswith("# "))
    return next(headings, "")


def notebook_map(tables: Iterable[str], folder: Path | None = None) -> pd.DataFrame:
    """Return every notebook, its question, its needs, and whether a study with these tables can feed it."""
    import pandas as pd

    have, rows = set(tables), []
    for notebook in find_notebooks(folder):
        missing = ", ".join(notebook.missing(have))
        can = f"no: {missing} missing" if missing else "yes"
        rows.append((notebook.file, notebook.title, ", ".join(notebook.needs), can))
    return pd.DataFrame(rows, columns=["notebook", "question", "needs", "can it run"])


def refresh_notebooks(
    notebooks: Sequence[Notebook], *, jobs: int = 1, on_done: Callable[[Outcome], None] = lambda outcome: None
) -> tuple[list[Path], list[Outcome]]:
    """Run notebooks on their defaults and write them back in normal form; return what differs now, and what failed."""
    import nbformat

    changed, failed = [], []
    with tempfile.TemporaryDirectory() as folder:
        tasks = [Task(n.path, Path(folder) / n.file) for n in notebooks]
        for outcome in execute_all(tasks, jobs=jobs, on_done=on_done):
            if not outcome.ok:
                failed.append(outcome)
                continue
            text = notebook_text(nbformat.read(outcome.task.output, as_version=4))
            if write_if_changed(outcome.task.source, text):
                changed.append(outcome.task.source)
    return changed, failed


def check_notebook(path: Path) -> list[str]:
    """Say what is wrong with a committed notebook, one sentence each; empty when nothing is."""
    import nbformat

    try:
        about = read_notebook(path)
    except ConfigError as error:
        return [str(error)]
    nb = nbformat.read(path, as_version=4)
    return [*_form_faults(path, nb), *_anatomy_faults(about, nb), *_cell_faults(nb), *_output_faults(nb)]


def refresh_named(
    names: Sequence[str] | None, *, jobs: int | None, progress: Callable[[str, bool], None]
) -> tuple[list[Path], list[Outcome]]:
    """Refresh the project's notebooks by slug or number, all by default, and tell `progress` of each."""

    def tell(outcome: Outcome) -> None:
        cell = f" in code cell {outcome.failed_cell}" if outcome.failed_cell else ""
        how = "" if outcome.ok else f", failed{cell}: {outcome.reason}"
        progress(f"{outcome.task.source.name}, {outcome.seconds:.1f} s{how}", True)

    chosen = select_notebooks(find_notebooks(), names)
    return refresh_notebooks(chosen, jobs=jobs or min(2, os.cpu_count() or 1), on_done=tell)


def check_named(names: Sequence[str] | None) -> list[tuple[str, str]]:
    """Return file and fault for everything that is wrong with the project's notebooks."""
    chosen = select_notebooks(find_notebooks(), names)
    return [(notebook.file, fault) for notebook in chosen for fault in check_notebook(notebook.path)]


def _form_faults(path: Path, nb: Any) -> Iterator[str]:
    kernel = nb.metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield f"its kernelspec is {kernel!r}, not 'python3': other computers have no such kernel"
    if path.read_bytes() != notebook_text(normalise(nb)).encode():
        yield "it is not in normal form: run custaudience notebooks refresh"


def _anatomy_faults(about: Notebook, nb: Any) -> Iterator[str]:
    if about.title == about.slug:
        yield "it has no title: a text cell that begins with '# '"
    if about.path.stem[3:] != about.slug:
        yield f"its slug is '{about.slug}', but its file is {about.file}"
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    tagged = [i for i, cell in enumerate(code) if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        yield f"{len(tagged)} cells are tagged 'parameters', one is needed"
        return
    try:
        yield from parameters_cell_faults(code[tagged[0]].source, about.slug)
        default = declared(about.slug)["study"].default
        if about.default_study and about.default_study != default:
            yield f"its metadata name the default study {about.default_study!r}, the table {default!r}"
    except ParameterError as error:
        yield str(error)
    after = code[tagged[0] + 1].source if tagged[0] + 1 < len(code) else ""
    if f'custaudience.parameters("{about.slug}")' not in after:
        yield f'the cell after the parameters must call custaudience.parameters("{about.slug}")'


def _cell_faults(nb: Any) -> Iterator[str]:
    for number, cell in _code_cells(nb):
        lines = cell.source.splitlines()
        if len(lines) > MAX_LINES:
            yield f"code cell {number} has {len(lines)} lines; at most {MAX_LINES} read well"
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:
            yield f"code cell {number} is not plain Python"
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield f"code cell {number} defines '{node.name}': that belongs in the package"
        if _ends_in_semicolon(cell.source):
            yield f"code cell {number} has a line that ends in ';', which hides nothing outside Jupyter"


def _output_faults(nb: Any) -> Iterator[str]:
    if not any(cell.outputs for _, cell in _code_cells(nb)):
        yield "it has no outputs: readers see no result and nbval compares nothing"
    folders = re.compile("|".join(rf"{re.escape(f)}(?=[/\\])" for f in places.machine_paths()))
    for number, cell in _code_cells(nb):
        if cell.source.strip() and cell.execution_count is None:
            yield f"code cell {number} has not been run"
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"code cell {number} ended in {output.ename}: {output.evalue}"
            elif output.output_type == "stream" and output.name == "stderr":
                yield f"code cell {number} wrote a warning: {output.text.strip().splitlines()[-1][:120]}"
            else:
                yield from (f"code cell {number} {fault}" for fault in _content_faults(output, folders))


def _content_faults(output: Any, folders: re.Pattern[str]) -> Iterator[str]:
    for kind, content in output.get("data", {"text/plain": output.get("text", "")}).items():
        if kind == "image/png":
            size = len(base64.b64decode(content))
            if size >= MAX_PNG_BYTES:
                yield f"shows a picture of {size // 1000} kB; draw it smaller or at fewer dots per inch"
        elif isinstance(content, str) and (found := folders.search(content)):
            yield f"shows a folder of this computer: {found[0]}"


def _code_cells(nb: Any) -> Iterator[tuple[int, Any]]:
    return enumerate((cell for cell in nb.cells if cell.cell_type == "code"), start=1)


def _ends_in_semicolon(source: str) -> bool:
    ends = (tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER)
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    return any(a.string == ";" and b.type in ends for a, b in itertools.pairwise(tokens))
