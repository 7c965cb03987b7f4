"""What a report may say: a claim with its evidence, and the ledger of a run.

A claim's text is never stored. It is rendered from ``template`` and ``values`` in the reader's
language by `custaudience.present.words`; so the same ledger reads in every language.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from custaudience.errors import PrivacyError

Kind = Literal["count", "estimate", "difference", "advice", "typed", "imagined"]
Status = Literal["measured", "no_clear_difference", "too_few", "typed", "contradicted", "advice", "imagined"]

_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+){1,2}")
_BELOW = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*\.[a-z]+")
_OWN_STATUS: dict[str, str] = {"advice": "advice", "typed": "typed", "imagined": "imagined"}
_IDENTIFIERS = {"customer_id", "order_id", "household_id", "basket_id", "email", "phone", "address"}


def template(text: str) -> str:
    """Mark an English sentence as translatable; return it unchanged.

    The catalogues are extracted from calls of this name, and `present.words.render` looks the sentence
    up when it is rendered.
    """
    return text


@dataclass(frozen=True)
class Terms:
    """What all figures of one notebook share: passed once, and explained here."""

    as_of: dt.date  # last day that counts, inclusive; later rows do not exist
    currency: str = ""  # ISO code of the amounts
    minor_digits: int = 2  # of its minor unit: amounts are whole minor units inside, and leave divided by 10 to this
    least: int = 10  # smallest group of people of whom anything is shown
    level: float = 0.95  # confidence of intervals; one less it is the false discovery rate of comparisons
    seed: int = 0  # of everything that draws at random
    first_orders: str = "observed"  # whether customers' first orders are in the data: observed, cut off, unknown

    @property
    def ends(self) -> list[float]:
        """The two quantiles between which an interval lies."""
        return [(1 - self.level) / 2, (1 + self.level) / 2]


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval: `value`, `low` to `high` at confidence `level`, from `n` units."""

    value: float
    low: float
    high: float
    level: float
    n: int | None = None

    def differs(self, nothing: float = 0.0) -> bool:
        """Say whether the interval leaves out what means no difference."""
        return not self.low <= nothing <= self.high


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence a report may print, and what it rests on.

    Parameters
    ----------
    id : str
        ``slug.key`` or ``slug.key.segment``; the same in every month and language.
    template : str
        English sentence with placeholders ``{name:format}``; see `present.words.render`.
    values : mapping
        What the placeholders stand for: numbers, strings, ISO dates.
    kind : {"count", "estimate", "difference", "advice", "typed", "imagined"}
        ``count`` is exact from rows and has no interval. ``estimate`` and ``difference`` must have one
        unless the status is ``too_few``; differences are against all others.
    statistic : str
        Key of the plain words in ``present/locale/terms.toml``.
    value, unit : number or str, str
        The headline figure; ``unit`` is a currency code, "customers", "fraction", "days", …
    low, high, level : float, optional
        The interval and its confidence level.
    method : str
        How it was computed; for advice, the rule. Translatable.
    n : int, optional
        How many units it rests on.
    base, source, filter : str
        Of whom; which tables; which rows. Translatable.
    as_of : date
        Last day that counts.
    status : str
        As readers see it; see `Status`. A difference is ``measured`` only if its interval leaves out the value that
        means no difference; it may be ``no_clear_difference`` all the same, where many were tested.
    notebook : str
        File name of the notebook that computed it.
    rests_on : tuple of str
        For advice: ids of the claims it rests on.

    Raises
    ------
    ValueError
        If the claim contradicts its own kind, for example an estimate without an interval.
    """

    id: str
    template: str
    values: Mapping[str, Any]
    kind: Kind
    statistic: str
    value: float | int | str | None
    unit: str
    n: int | None
    source: str
    as_of: dt.date
    notebook: str
    method: str = ""
    base: str = ""
    filter: str = ""
    low: float | None = None
    high: float | None = None
    level: float | None = None
    status: Status = "measured"
    rests_on: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"claim id {self.id!r}: expected slug.key or slug.key.segment in small letters")
        if self.kind not in get_args(Kind) or self.status not in get_args(Status):
            raise ValueError(f"claim {self.id}: kind {self.kind!r} or status {self.status!r} does not exist")
        interval = self.low is not None and self.high is not None and self.level is not None
        if self.kind in ("estimate", "difference") and not interval and self.status != "too_few":
            raise ValueError(f"claim {self.id}: kind {self.kind!r} needs low, high and level, or status too_few")
        if self.kind == "count" and (self.low is not None or self.high is not None):
            raise ValueError(f"claim {self.id}: a count is exact and has no interval")
        if interval and not (self.low <= self.high and 0 < self.level < 1):  # type: ignore[operator]
            raise ValueError(f"claim {self.id}: interval {self.low}..{self.high} at level {self.level}")
        if self.kind == "difference" and self.status == "measured" and interval:
            nothing = no_difference(self.unit)
            if self.low <= nothing <= self.high:  # type: ignore[operator]
                raise ValueError(
                    f"claim {self.id}: {self.low}..{self.high} covers {nothing:g}, no difference: it is not measured"
                )
        if _OWN_STATUS.get(self.kind, self.status) != self.status:
            raise ValueError(f"claim {self.id}: kind {self.kind!r} has status {_OWN_STATUS[self.kind]!r}")
        if self.kind == "advice" and not (self.method and self.rests_on):
            raise ValueError(f"claim {self.id}: advice must name its rule (method) and the claims it rests on")


def no_difference(unit: str) -> float:
    """Return the value that means "as all others": 1 for what is told as so many times or a ratio, else 0."""
    return 1.0 if unit in ("times", "ratio") else 0.0


def status_of_difference(low: float, high: float, n: int, *, at_least: int = 30, unit: str = "") -> Status:
    """Return the status of a difference from its interval, its number of units and the unit of its value.

    ``too_few`` below `at_least` units or without an interval, ``no_clear_difference`` when the interval covers
    what means no difference (`no_difference`), else ``measured``. With fewer than 30 the normal approximations
    behind most intervals are too short; methods that are exact may ask for less.

    Examples
    --------
    >>> status_of_difference(-0.02, 0.12, 168)
    'no_clear_difference'
    >>> status_of_difference(1.1, 1.9, 168, unit="times")
    'measured'
    """
    if n < at_least or math.isnan(low) or math.isnan(high):
        return "too_few"
    return "no_clear_difference" if low <= no_difference(unit) <= high else "measured"


def ledger_frame(claims: Iterable[Claim]) -> pd.DataFrame:
    """Return the ledger: one row per claim, ``values`` and ``rests_on`` as JSON text, sorted by id."""
    names = [f.name for f in fields(Claim)]
    rows = [{name: getattr(claim, name) for name in names} for claim in claims]
    frame = pd.DataFrame(rows, columns=names)
    frame["values"] = [json.dumps(dict(v), ensure_ascii=False, sort_keys=True, default=str) for v in frame["values"]]
    frame["rests_on"] = [json.dumps(list(v)) for v in frame["rests_on"]]
    frame["value"] = [None if v is None else str(v) for v in frame["value"]]
    for name in ("low", "high", "level"):
        frame[name] = frame[name].astype("float64")
    frame["n"] = frame["n"].astype("Int64")
    frame["as_of"] = [str(d) for d in frame["as_of"]]
    return frame.sort_values("id", ignore_index=True)


def write_claims(path: Path, claims: Iterable[Claim]) -> None:
    """Write claims as JSON, one notebook's share of the ledger."""
    rows = [{f.name: getattr(claim, f.name) for f in fields(Claim)} for claim in claims]
    ids = [row["id"] for row in rows]
    if len(set(ids)) != len(ids):
        raise ValueError(f"claims with the same id: {sorted({i for i in ids if ids.count(i) > 1})}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1, default=plain) + "\n", encoding="utf-8")


def read_claims(path: Path) -> list[Claim]:
    """Read what `write_claims` wrote."""
    return [claim_of(row) for row in json.loads(path.read_text(encoding="utf-8"))]


def claim_of(row: Mapping[str, Any]) -> Claim:
    """Return the claim of a row of JSON."""
    return Claim(**{**row, "as_of": dt.date.fromisoformat(row["as_of"]), "rests_on": tuple(row["rests_on"])})


def publish(
    out: str | os.PathLike[str],
    slug: str,
    *,
    tables: Mapping[str, pd.DataFrame] | None = None,
    claims: Iterable[Claim] = (),
    texts: Mapping[str, str] | None = None,
) -> None:
    """Write a notebook's tables and claims below `out`, the folder of the run; do nothing when `out` is empty.

    `tables` by name, aggregates only, small groups already merged, go to ``out/tables/NAME.parquet`` and ``.csv``;
    claims to ``out/claims/SLUG.json``, where `slug` is the notebook, such as ``rfm_and_lifecycle``; further aggregates
    in `texts` to files below `out`, for example ``{"personas/personas.json": …}``.

    Raises
    ------
    PrivacyError
        If a table has a column that identifies a customer or an order.
    ValueError
        If a file would lie elsewhere than below `out`.
    """
    tables = dict(tables or {})
    for name in texts or {}:
        if not _BELOW.fullmatch(name):
            raise ValueError(f"publish: {name!r} is no plain file name below the folder of the run")
    for name, table in tables.items():
        named = [str(c) for c in (*table.columns, *table.index.names) if str(c).lower() in _IDENTIFIERS]
        if named:
            raise PrivacyError(
                f"table {name!r} holds {named}: published tables carry no identifiers. "
                "Aggregate it, or write it to private/."
            )
    if not str(out):
        return
    folder = Path(out)
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(folder / "tables" / f"{name}.parquet", index=False)
        table.to_csv(folder / "tables" / f"{name}.csv", index=False, encoding="utf-8", lineterminator="\n")
    for name, text in (texts or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    write_claims(folder / "claims" / f"{slug}.json", claims)


def suppress_small(
    table: pd.DataFrame, *, n: str, min_group_size: int, keep: Iterable[str] = (), counts: Iterable[str] = ()
) -> pd.DataFrame:
    """Blank what a table says of groups of 1 to ``min_group_size - 1`` people.

    `n` is the column with the size of each row's group: a small one becomes NA, and with it every other figure of its
    row but the labels in `keep`. In `counts`, further columns that count people, single small cells become NA.
    No secondary suppression: a total beside the table can give one blanked cell away, and reports say so.
    """
    result = table.copy()
    for column in (n, *counts):
        result[column] = result[column].astype("Int64").mask(table[column].between(1, min_group_size - 1).fillna(False))
    small = table[n].between(1, min_group_size - 1).fillna(False).astype(bool)
    for column in result.columns.difference([*keep, n], sort=False):
        result[column] = result[column].mask(small)
    return result


def plain(value: Any) -> Any:
    """Turn numpy scalars, dates and tuples into what JSON knows."""
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    return list(value)
