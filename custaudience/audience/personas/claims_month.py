"""What is said of a study's personas together: the finding, what is blank, which stayed, came, went or changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from custaudience.audience.personas.claims import NOTEBOOK, SLUG
from custaudience.audience.personas.months import PersonaMonth
from custaudience.audience.personas.persona import AVATAR_BLOCKS, Persona, nothing_measured
from custaudience.audience.personas.words import code_of, name_of, questions
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.evidence import Claim, Terms
from custaudience.telling import Teller

_NUMBERS = {
    "n": "n_customers", "n_before": "n_before", "share": "share_of_customers", "revenue": "share_of_revenue",
    "share_before": "share_of_customers_before", "revenue_before": "share_of_revenue_before",
}  # fmt: skip


def month_claims(month: PersonaMonth, terms: Terms) -> list[Claim]:
    """Return ``personas.finding``; ``blanks``; ``changes``; ``change.KEY`` and ``gone.KEY`` of each persona."""
    tell = Teller(__package__, SLUG, NOTEBOOK, terms)
    shown = [p for p in month.personas if p.n is not None]
    if not shown:
        return [tell.say("finding", month.reason or "none", of=0, values={"least": terms.least})]
    return [_finding(tell, shown, month), _blanks(tell, shown), *_changes(tell, month)]


def _finding(tell: Teller, shown: Sequence[Persona], month: PersonaMonth) -> Claim:
    """Name the persona that brings more than its share, by most."""
    sizes = {p.key: p.slots["size"][0] for p in shown}
    brings = {p.key: sizes[p.key].values.get("share_revenue", 0.0) - sizes[p.key].values["share"] for p in shown}
    top = max(shown, key=lambda p: (brings[p.key], -p.place))
    size = sizes[top.key].values
    values = {
        "k": len(shown), "name": dict(top.name), "segment": top.title, "share": size["share"],
        "n_small": len(month.personas) - len(shown), "least": tell.terms.least, "orders": month.searched_from,
    }  # fmt: skip
    case = "largest"
    if "share_revenue" in size and brings[top.key] > 0:
        values["revenue"] = size["share_revenue"]
        case = "found" if month.searched_from > 1 else "text"
    return tell.say("finding", case, of=len(shown), n=len(shown), values=values, rests_on=[sizes[top.key].id])


def _blanks(tell: Teller, shown: Sequence[Persona]) -> Claim:
    """Say how many blocks of the avatar nobody measured, and how many questions would fill them."""
    empty = [b for b in AVATAR_BLOCKS if not any(b in p.filled for p in shown)]
    asked = sum(len(questions(b)[:3]) for b in empty if nothing_measured(b, shown))
    filled = len(AVATAR_BLOCKS) - len(empty)
    case = "text" if asked else "nothing_to_ask"
    return tell.say("blanks", case, of=filled, filled=filled, all=len(AVATAR_BLOCKS), questions=asked)


def _changes(tell: Teller, month: PersonaMonth) -> Iterator[Claim]:
    if month.earlier is None or month.changes.empty:
        yield tell.say("changes", "none")
        return
    counts = month.changes["state"].value_counts()
    kept, changed, new, split, gone, merged = (
        int(counts.get(state, 0)) for state in ("kept", "changed", "new", "split", "gone", "merged")
    )
    values: dict[str, Any] = {"kept": kept + changed, "changed": changed, "new": new + split, "gone": gone + merged}
    values |= {"earlier": str(month.earlier), "least": tell.terms.least}
    method = {"method": tell.phrase("matched", month.basis)}
    case = "text" if values["changed"] or values["new"] or values["gone"] else "same"
    yield tell.say("changes", case, of=values["kept"], n=len(month.changes), values=values, meta=method)
    titles = {s.key: s.name for s in load_segment_rules().segments} | {p.segment: p.title for p in month.personas}
    for row in month.changes.dropna(subset=["name_number"]).to_dict("records"):
        yield _change(tell, row, titles, month, method)


def _change(
    tell: Teller, row: Mapping[Any, Any], titles: Mapping[str, Any], month: PersonaMonth, method: Mapping[str, str]
) -> Claim:  # fmt: skip
    state, here = str(row["state"]), row["state"] not in ("gone", "merged")
    values: dict[str, Any] = {
        "name": name_of(int(row["name_number"])), "earlier": str(month.earlier), "state": state,
        "least": tell.terms.least, "revenue": 0.0, "revenue_before": 0.0,  # where nobody has paid anything
    }  # fmt: skip
    for key in ("segment", "segment_before"):
        values[key] = titles.get(row[key], row[key]) if isinstance(row[key], str) else ""
    values |= {key: row[column] for key, column in _NUMBERS.items() if pd.notna(row[column])}
    if state == "changed":
        values["moved"] = values["n"] / values["n_before"] - 1
    n = int(values["n" if here else "n_before"])
    suffix = code_of(row["segment" if here else "segment_before"])
    return tell.say("change" if here else "gone", state, n=n, suffix=suffix, values=values, meta=method)
