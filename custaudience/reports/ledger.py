"""What a run was and left: its manifest, which names no path and no user of this computer, and its claims.

Pages find claims by id, number them when they cite them, and list what they rest on.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from markupsafe import Markup

from custaudience.evidence import Claim, read_claims
from custaudience.evidence import template as _
from custaudience.present.words import format_value, render, render_claim, status_name, term, terms

_PACKAGES = (
    "custaudience", "pandas", "numpy", "scipy", "statsmodels", "scikit-learn", "duckdb", "pyarrow", "narwhals",
    "matplotlib", "seaborn", "babel", "papermill", "nbconvert", "ipykernel",
)  # fmt: skip
FILE = "manifest.json"
# Units in which a claim's value, its interval included, is written otherwise than as a plain number.
_FRACTIONS = {"fraction", "share", "rate"}
_SOURCES = {
    "transactions": _("order lines (table transactions)"),
    "all tables": _("all tables"),
    "customers": _("customers (table customers)"),
}


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
        "study": info.study, "study_name": info.study_name, "caveats": list(info.caveats), "month": info.month,
        "as_of": info.as_of.isoformat(), "status": info.status, "languages": list(info.languages),
        "parameters": {slug: dict(values) for slug, values in inputs.parameters.items()},
        "seed": seeds or None, "inputs": dict(sorted(inputs.files.items())),
        "notebooks": [
            {"file": run.file, "sha256": file_sha256(inputs.notebooks[run.file]), "status": run.status,
             "seconds": round(run.seconds, 2), "reason": run.reason, "failed_cell": run.failed_cell}
            for run in info.notebooks
        ],
        "versions": _versions(), "seconds": round(seconds, 2),
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


class Ref(NamedTuple):
    """A citation on a page: the number a reader sees and the anchor it leads to."""

    number: int
    anchor: str


class Ledger(dict[str, Claim]):
    """The claims of a run by id, in the order of their ids."""

    def __init__(self, claims: list[Claim]) -> None:
        super().__init__((claim.id, claim) for claim in sorted(claims, key=lambda claim: claim.id))

    def chosen(self, ids: Iterable[str]) -> list[Claim]:
        """Return the claims of these ids, without those that this run does not have."""
        return [self[key] for key in ids if key in self]

    def under(self, prefix: str) -> list[Claim]:
        """Return the claims whose id begins with `prefix`."""
        return [claim for claim in self.values() if claim.id.startswith(prefix)]

    def warnings(self) -> list[Claim]:
        """Return what a reader must know before trusting the rest: ``slug.warning.key``, of any notebook."""
        return [claim for claim in self.values() if claim.id.split(".")[1:2] == ["warning"]]


def read_ledger(folder: Path) -> Ledger:
    """Read the claims of a run: what the notebooks left in ``claims/``."""
    return Ledger([claim for part in sorted((folder / "claims").glob("*.json")) for claim in read_claims(part)])


def value_format(unit: str) -> str:
    """Return the format in which a value of this unit is written.

    Examples
    --------
    >>> value_format("EUR"), value_format("fraction"), value_format("customers")
    ('money', 'percent1', 'number')
    """
    if len(unit) == 3 and unit.isupper():
        return "money"
    return "percent1" if unit in _FRACTIONS else "number"


@dataclass
class Evidence:
    """The evidence list of one page: claims get their number when they are cited first."""

    ledger: Ledger
    info: RunInfo
    language: str
    entries: dict[str, Ref] = field(default_factory=dict)
    tables: dict[str, tuple[str, str]] = field(default_factory=dict)

    def ref(self, claim_id: str) -> Ref | None:
        """Cite a claim; None when this run does not have it."""
        if claim_id not in self.ledger:
            return None
        return self._cited(claim_id, "e-" + claim_id.replace(".", "-"))

    def table_ref(self, name: str, title: str, notebook: str) -> Ref:
        """Cite a published table."""
        self.tables[name] = (title, notebook)
        return self._cited(f"table {name}", f"t-{name}")

    def _cited(self, key: str, anchor: str) -> Ref:
        return self.entries.setdefault(key, Ref(len(self.entries) + 1, anchor))

    def all(self) -> list[dict[str, Any]]:
        """Return the list, with everything that the cited claims rest on."""
        pending = list(self.entries)
        while pending:  # what a claim rests on is cited too, and may rest on more
            claim = self.ledger.get(pending.pop(0))
            for needed in claim.rests_on if claim else ():
                if needed not in self.entries and self.ref(needed):
                    pending.append(needed)
        said: set[str] = set()
        return [self._entry(key, ref, said) for key, ref in self.entries.items()]

    def _entry(self, key: str, ref: Ref, said: set[str]) -> dict[str, Any]:
        claim = self.ledger.get(key)
        if claim is None:
            name = key.removeprefix("table ")
            title, notebook = self.tables[name]
            line = self._say(_("Table {name:text}, published as CSV and Parquet."), name=f"tables/{name}.csv")
            empty = {"words": (), "status": "", "status_name": "", "rests_on": ()}
            about: dict[str, Any] = {"title": title, "lines": (line,), **empty}
        else:
            notebook = claim.notebook
            about = {
                "title": Markup(render_claim(claim, language=self.language, html=True)),
                "lines": tuple(self._lines(claim)),
                "words": self._words(claim, said),
                "status": claim.status,
                "status_name": status_name(claim.status, self.language),
                "rests_on": tuple(found for needed in claim.rests_on if (found := self.ref(needed))),
            }
        page = next((run.page_path for run in self.info.notebooks if run.file == notebook), "")
        return {"number": ref.number, "anchor": ref.anchor, **about, "notebook": Path(notebook).stem, "page": page}

    def _lines(self, claim: Claim) -> Iterator[str]:
        for text in (claim.method, claim.base):
            if text:
                said = render(text, claim.values, language=self.language, html=True)
                yield said if said[-1:] in (*".!?…", "") else said + Markup(".")
        if claim.n is not None and claim.n != claim.value:
            yield self._say(_("n\u00a0=\u00a0{n:count}."), n=claim.n)
        if claim.low is not None and claim.high is not None and claim.level is not None:
            form, look = value_format(claim.unit), {"language": self.language, "currency": claim.unit}
            ends = {name: format_value(v, form, **look) for name, v in (("low", claim.low), ("high", claim.high))}
            yield self._say(_("{level:percent} interval: {low:text} to {high:text}."), level=claim.level, **ends)
        if claim.source:
            yield self._say(_("Source: {name:term}."), name=_SOURCES.get(claim.source, claim.source))
        if claim.filter:
            which = render(claim.filter, claim.values, language=self.language).rstrip(".")
            yield self._say(_("Rows: {which:text}."), which=which)
        if claim.as_of != self.info.as_of:
            yield self._say(_("As of {day:date}."), day=claim.as_of)

    def _words(self, claim: Claim, said: set[str]) -> tuple[str, ...]:
        """Return the plain words of a claim's statistic, where the list meets it first."""
        if claim.statistic in said or claim.statistic not in terms():
            return ()
        said.add(claim.statistic)
        words = term(claim.statistic, self.language)
        return (words.say, words.does_not_mean)

    def _say(self, text: str, **values: Any) -> str:
        return render(text, values, language=self.language, html=True)
