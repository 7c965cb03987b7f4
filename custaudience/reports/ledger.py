"""The claims of a run as pages use them: found by id, numbered when cited, listed with what they rest on."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from custaudience.evidence import Claim, read_claims
from custaudience.evidence import template as _
from custaudience.present.words import format_value, render, render_claim, status_name, term, terms
from custaudience.reports.manifest import RunInfo

# Units in which a claim's value, its interval included, is written otherwise than as a plain number.
_FRACTIONS = {"fraction", "share", "rate"}
_SOURCES = {
    "transactions": _("order lines (table transactions)"),
    "all tables": _("all tables"),
    "customers": _("customers (table customers)"),
}


@dataclass(frozen=True)
class Ref:
    """A citation on a page: the number a reader sees and the anchor it leads to."""

    number: int
    anchor: str


@dataclass(frozen=True)
class Entry:
    """One item of the evidence list, in the reader's language."""

    number: int
    anchor: str
    title: str
    lines: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    status: str = ""
    status_name: str = ""
    rests_on: tuple[Ref, ...] = ()
    notebook: str = ""
    page: str = ""


class Ledger(Mapping[str, Claim]):
    """The claims of a run by id, in the order of their ids."""

    def __init__(self, claims: list[Claim]) -> None:
        self._claims = {claim.id: claim for claim in sorted(claims, key=lambda claim: claim.id)}

    def __getitem__(self, key: str) -> Claim:
        return self._claims[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._claims)

    def __len__(self) -> int:
        return len(self._claims)

    def chosen(self, ids: Iterable[str]) -> list[Claim]:
        """Return the claims of these ids, without those that this run does not have."""
        return [self._claims[key] for key in ids if key in self._claims]

    def under(self, prefix: str) -> list[Claim]:
        """Return the claims whose id begins with `prefix`."""
        return [claim for claim in self._claims.values() if claim.id.startswith(prefix)]

    def warnings(self) -> list[Claim]:
        """Return what a reader must know before trusting the rest: ``slug.warning.key``, of any notebook."""
        return [claim for claim in self._claims.values() if claim.id.split(".")[1:2] == ["warning"]]

    def of_kind(self, kind: str) -> list[Claim]:
        """Return the claims of a kind."""
        return [claim for claim in self._claims.values() if claim.kind == kind]


def read_ledger(folder: Path) -> Ledger:
    """Read the claims of a run: ``tables/claims.parquet``, else what the notebooks left in ``claims/``."""
    merged = folder / "tables" / "claims.parquet"
    if merged.exists():
        return Ledger([_claim(row) for row in pd.read_parquet(merged).to_dict("records")])
    parts = sorted((folder / "claims").glob("*.json"))
    return Ledger([claim for part in parts for claim in read_claims(part)])


def _claim(row: dict[Any, Any]) -> Claim:
    known: dict[str, Any]
    known = {str(key): None if pd.api.types.is_scalar(v) and pd.isna(v) else v for key, v in row.items()}
    known["values"] = json.loads(known["values"])
    known["rests_on"] = tuple(json.loads(known["rests_on"]))
    known["as_of"] = dt.date.fromisoformat(known["as_of"])
    known["n"] = None if known["n"] is None else int(known["n"])
    known["value"] = _number_or_text(known["value"])
    return Claim(**known)


def _number_or_text(value: str | None) -> float | int | str | None:
    """Undo the ledger's text column: figures come back as figures."""
    for kind in (int, float):
        with suppress(ValueError, TypeError):
            return kind(value)  # type: ignore[arg-type]
    return value


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

    def all(self) -> list[Entry]:
        """Return the list, with everything that the cited claims rest on."""
        pending = list(self.entries)
        while pending:  # what a claim rests on is cited too, and may rest on more
            claim = self.ledger.get(pending.pop(0))
            for needed in claim.rests_on if claim else ():
                if needed not in self.entries and self.ref(needed):
                    pending.append(needed)
        said: set[str] = set()
        return [self._entry(key, ref, said) for key, ref in self.entries.items()]

    def _entry(self, key: str, ref: Ref, said: set[str]) -> Entry:
        claim = self.ledger.get(key)
        if claim is None:
            name = key.removeprefix("table ")
            title, notebook = self.tables[name]
            line = self._say(_("Table {name:text}, published as CSV and Parquet."), name=f"tables/{name}.csv")
            about: dict[str, Any] = {"title": title, "lines": (line,)}
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
        return Entry(ref.number, ref.anchor, **about, notebook=Path(notebook).stem, page=page)

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
