"""The ledger as it is published, and how a recount is held against it."""

from __future__ import annotations

import fnmatch
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

EXACT = 1e-9


@dataclass(frozen=True)
class Published:
    """A claim as it stands in ``tables/claims.parquet``."""

    id: str
    template: str
    values: dict[str, Any]
    kind: str
    status: str
    statistic: str
    value: float | str | None
    unit: str
    n: int | None
    low: float | None
    high: float | None
    level: float | None
    as_of: pd.Timestamp
    method: str
    base: str
    source: str
    rests_on: tuple[str, ...]
    notebook: str

    @property
    def key(self) -> str:
        """The part of the id after the topic."""
        return self.id.split(".", 1)[1]

    @property
    def last(self) -> str:
        """The last part of the id, such as a segment."""
        return self.id.rsplit(".", 1)[1]


def read_ledger(path: Path) -> dict[str, Published]:
    """Read the published ledger."""
    return {claim.id: claim for claim in map(_published, pd.read_parquet(path).to_dict("records"))}


def _published(row: dict[Any, Any]) -> Published:
    def none(value: Any) -> Any:
        return None if value is None or pd.isna(value) else value

    value = none(row["value"])
    if value is not None:
        try:
            value = float(value)
        except ValueError:
            value = str(value)
    n = none(row["n"])
    return Published(
        id=row["id"], template=row["template"], values=json.loads(row["values"]), kind=row["kind"],
        status=row["status"], statistic=row["statistic"], value=None if value != value else value, unit=row["unit"],
        n=None if n is None else int(n), low=none(row["low"]), high=none(row["high"]), level=none(row["level"]),
        as_of=pd.Timestamp(row["as_of"]), method=row["method"], base=row["base"], source=row["source"],
        rests_on=tuple(json.loads(row["rests_on"])), notebook=row["notebook"],
    )  # fmt: skip


@dataclass
class Found:
    """What a recount found.

    Parameters
    ----------
    value, n, low, high
        As the claim should have them; None where it should have none.
    values : dict
        What its sentence should be filled with. Every number and every date of the claim must be here; a word only
        where it is a result.
    near : dict of name to (relative, absolute) tolerance
        For what has chance in it, such as the ends of a bootstrap interval; all else is exact.
    says : tuple of str
        Words the template must hold: the choice of a sentence is a result, too.
    status : str
        As the claim should have it; "measured" unless said.
    """

    value: float | str | None = None
    n: int | None = None
    low: float | None = None
    high: float | None = None
    values: dict[str, Any] = field(default_factory=dict)
    near: dict[str, tuple[float, float]] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    status: str = "measured"


Recount = Callable[[Any, Published], Found]
REGISTERED: dict[str, Recount] = {}


def register(*patterns: str) -> Callable[[Recount], Recount]:
    """Register a recount for the claims whose id matches one of the patterns."""

    def keep(function: Recount) -> Recount:
        for pattern in patterns:
            if pattern in REGISTERED:
                raise ValueError(f"two recounts of {pattern}")
            REGISTERED[pattern] = function
        return function

    return keep


def recount_of(claim_id: str) -> Recount | None:
    """Return the recount of a claim: the longest pattern that fits."""
    fitting = [pattern for pattern in REGISTERED if fnmatch.fnmatchcase(claim_id, pattern)]
    return REGISTERED[max(fitting, key=len)] if fitting else None


def differences(claim: Published, found: Found) -> list[str]:
    """Say where a published claim and its recount differ."""
    wrong = []

    def compare(name: str, published: Any, recounted: Any) -> None:
        if not _same(published, recounted, found.near.get(name, (EXACT, EXACT))):
            wrong.append(f"{claim.id}: {name} is {published!r}, recounted {recounted!r}")

    compare("value", claim.value, found.value)
    compare("n", claim.n, found.n)
    compare("low", claim.low, found.low)
    compare("high", claim.high, found.high)
    if claim.status != found.status:
        wrong.append(f"{claim.id}: status is {claim.status!r}, recounted {found.status!r}")
    for name, published in claim.values.items():
        if name in found.values:
            compare(name, published, found.values[name])
        elif not _is_wording(published):
            wrong.append(f"{claim.id}: {name} = {published!r} was not recounted")
    for name in found.values.keys() - claim.values.keys():
        wrong.append(f"{claim.id}: {name} is not given, recounted {found.values[name]!r}")
    text = " ".join([claim.template, *(v for v in claim.values.values() if isinstance(v, str))])
    wrong += [f"{claim.id}: does not say {words!r} but {text!r}" for words in found.says if words not in text]
    return wrong


def _is_wording(value: Any) -> bool:
    """Whether a value is words, in which no figure can hide."""
    return value is None or (isinstance(value, str) and not any(sign.isdigit() for sign in value.split("{")[0]))


def _same(published: Any, recounted: Any, tolerance: tuple[float, float]) -> bool:
    published, recounted = (_plain(v) for v in (published, recounted))
    if isinstance(published, float) and isinstance(recounted, float):
        return math.isclose(published, recounted, rel_tol=tolerance[0], abs_tol=tolerance[1])
    return bool(published == recounted)


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return None if value != value else float(value)
    return None if value is pd.NaT else value


def recount_all(ledger: dict[str, Published], books: Any, slugs: Iterable[str] | None = None) -> list[str]:
    """Recount every claim and return all differences, a line each."""
    wrong = []
    for claim in ledger.values():
        if slugs is not None and claim.id.split(".")[0] not in slugs:
            continue
        recount = recount_of(claim.id)
        if recount is None:
            wrong.append(f"{claim.id}: nobody recounts it")
            continue
        try:
            wrong += differences(claim, recount(books, claim))
        except Exception as error:  # a recount that breaks is a difference, and the others go on
            wrong.append(f"{claim.id}: the recount failed, {type(error).__name__}: {error}")
    return wrong
