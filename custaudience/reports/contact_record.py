"""The record of a draw: the terms that a month's lists were written on, and what its hold-out shows later."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience.errors import ParameterError
from custaudience.reports.parameters import last_day

if TYPE_CHECKING:
    from custaudience.customers.contacts.lists import ContactLists
    from custaudience.evidence import Claim
    from custaudience.study import Study

RECORD = "hold_out.json"
DRAWN = "drawn.parquet"
_VERSION = 1
_MONTH = re.compile(r"\d{4}-\d{2}")
_TERMS = ("share", "seed", "level", "bought", "missing", "window_days", "fingerprint")


def make_record(
    study: Study, lists: ContactLists, held: pd.Series, *, month: str, share: float, seed: int, window_days: int
) -> dict[str, Any]:
    """Return the terms of a draw and its counts."""
    from custaudience.customers.contacts.lists import count_lists

    read = tuple(name for name in ("customers", "products", "transactions") if name in study.tables)
    counts = count_lists(lists.table, held).set_index("list")
    return {
        "version": _VERSION,
        "study": study.folder_name,
        "month": month,
        "as_of": lists.as_of.isoformat(),
        "share": share,
        "seed": seed,
        "level": lists.level,
        "bought": list(lists.offer.bought) if lists.offer else [],
        "missing": list(lists.offer.goes_with) if lists.offer else [],
        "window_days": window_days,
        "fingerprint": study.fingerprint(read),
        "consent_known": lists.n_agreed is not None,
        "counts": {name: {key: int(n) for key, n in row.items()} for name, row in counts.to_dict("index").items()},
        "replaced": [],
    }


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the terms that a folder's lists were written on; None where there are none.

    Raises
    ------
    ParameterError
        If there are, and cannot be read.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        record = None
    if not isinstance(record, dict) or any(name not in record for name in (*_TERMS, "as_of", "replaced")):
        raise ParameterError(f"{folder / RECORD} cannot be read. Move it aside, then the lists can be written anew.")
    return record


def settle_record(folder: Path, record: dict[str, Any], again: bool) -> None:
    """Compare with the terms that the month's lists were written on; refuse others, or remember them as replaced."""
    before = read_record(folder)
    if before is None:
        return
    record["replaced"] = before["replaced"]
    other = [name for name in _TERMS if before[name] != record[name]]
    if not other:
        return
    what = "; ".join(
        "the data or their declaration changed" if name == "fingerprint" else f"{name} was {listed(before[name])}, "
        f"now {listed(record[name])}"
        for name in other
    )  # fmt: skip
    if not again:
        raise ParameterError(
            f"lists of {record['month']} have been written on other terms: {what}. If letters went out by them, a new "
            "draw would make the record untrue, and nothing could be learned from it. Give the same options, or "
            "--again to write anew."
        )
    record["replaced"] = [*before["replaced"], {name: before[name] for name in _TERMS}]


def listed(value: Any) -> str:
    """Return a term as a message names it."""
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def judge_latest(root: Path, month: str, study: Study) -> list[str]:
    """Say what the latest hold-out of an earlier month shows, in lines of English.

    A record that cannot be read is named and does not stop the lists of this month.
    """
    from custaudience.present.words import render_claim

    months = (path.parent.parent.name for path in root.glob(f"*/lists/{RECORD}"))
    for earlier in sorted((name for name in months if _MONTH.fullmatch(name) and name < month), reverse=True):
        folder = root / earlier / "lists"
        try:
            claims = judge_month(folder, study, month)
            again = (read_record(folder) or {})["replaced"]
        except ParameterError as error:
            return [f"Held out in {earlier}: {error}"]
        if claims:
            doubt = " (not true if letters went out before these lists were written anew)" if again else ""
            sentences = (render_claim(claim, language="en").replace("\u00a0", " ") for claim in claims)
            return [f"Held out in {earlier}{doubt}:", *(f"  {sentence}" for sentence in sentences)]
    return []


def judge_month(folder: str | os.PathLike[str], study: Study, month: str) -> list[Claim]:
    """Return what the hold-out recorded in a folder shows by the end of a month; none where nobody was held out.

    Parameters
    ----------
    folder : path
        ``private/<study>/<earlier month>/lists``.
    study : Study
    month : str
        "2017-12", after the month of the draw.

    Raises
    ------
    ParameterError
        If the folder holds no record, or one that cannot be read.
    """
    from custaudience.customers.contacts.claims import hold_out_claims
    from custaudience.customers.contacts.outcomes import judge_hold_out

    record = read_record(Path(folder))
    if record is None:
        raise ParameterError(f"{folder}: no {RECORD} here. Lists are written by custaudience lists STUDY.")
    if not record["share"]:
        return []
    try:
        drawn = pd.read_parquet(Path(folder) / DRAWN)
    except (OSError, ValueError) as error:
        raise ParameterError(f"{Path(folder) / DRAWN} cannot be read: {error}") from None
    drawn_at, terms = pd.Timestamp(record["as_of"]).date(), study.terms(last_day(month))
    return hold_out_claims(judge_hold_out(drawn, study.orders(terms.as_of), drawn_at, terms), drawn_at, terms)
