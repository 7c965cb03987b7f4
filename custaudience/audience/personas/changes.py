"""The personas of a study beside those of an earlier date: which stayed, came, went, grew or shrank."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from custaudience.audience.personas.build import AVATAR_BLOCKS, Persona, is_blank
from custaudience.audience.personas.words import code_of, name_of, questions
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.evidence import Claim, template

SLUG = "personas"
CHANGED = 0.25
"""From this share of its customers gained or lost, a persona is to be looked at again; see `holds_claims`."""
_SHARES = ("n_customers", "share_of_customers", "share_of_revenue")
_BEFORE = ("n_before", "share_of_customers_before", "share_of_revenue_before")


@dataclass(frozen=True)
class PersonaMonth:
    """The personas of a study at a date, and what became of those of an earlier one.

    Attributes
    ----------
    personas : tuple of Persona
        Empty where there are none, see `reason`.
    changes : DataFrame
        From `persona_changes`; without rows where there was nothing to compare with.
    as_of : date
    earlier : date or None
        None: the data do not reach back so far.
    basis : {"found", "rfm"}
    searched_from : int
        Orders from which a customer was looked at.
    reason : str
        Why there is no persona, a template; "" where there are some.
    """

    personas: tuple[Persona, ...]
    changes: pd.DataFrame
    as_of: dt.date
    earlier: dt.date | None
    basis: str
    searched_from: int = 1
    reason: str = ""


def group_sizes(labels: pd.Series, revenue: pd.Series, *, min_group_size: int) -> pd.DataFrame:
    """Return the size of each group, and its shares of all customers and of their revenue.

    Parameters
    ----------
    labels, revenue : Series per ``customer_id``
    min_group_size : int
        Groups of fewer customers have no row.

    Returns
    -------
    DataFrame by group
        ``n_customers``, ``share_of_customers``, ``share_of_revenue`` (missing where there is no revenue).
    """
    who = labels.dropna().astype("str")
    spent = revenue.reindex(who.index).astype("float64").groupby(who).sum()
    sizes = who.value_counts().rename("n_customers").to_frame()
    sizes["share_of_customers"] = sizes["n_customers"] / len(who)
    sizes["share_of_revenue"] = spent / spent.sum() if spent.sum() > 0 else float("nan")
    return sizes[sizes["n_customers"] >= min_group_size]


def persona_changes(
    matches: pd.DataFrame, now: pd.DataFrame, before: pd.DataFrame, numbers: Mapping[str, int],
    numbers_before: Mapping[str, int],
) -> pd.DataFrame:  # fmt: skip
    """Put each persona beside the one it was.

    Parameters
    ----------
    matches : DataFrame
        From `match_groups`.
    now, before : DataFrame
        From `group_sizes` at the two dates.
    numbers, numbers_before : mapping of group to int
        Of the personas' names.

    Returns
    -------
    DataFrame, one row per persona of now, then those that are no more
        ``segment``, ``segment_before``; ``state``: "kept", "changed" (kept, with a quarter of its customers gained
        or lost), "new", "split", "gone", "merged"; ``overlap``; ``n_customers``, ``share_of_customers``,
        ``share_of_revenue`` and the same with ``_before``; ``name_number``. Of a persona that split off, the figures
        before are those of nobody, and so missing.
    """
    table = matches.rename(columns={"now": "segment", "before": "segment_before"})
    for names, sizes, key in ((_SHARES, now, "segment"), (_BEFORE, before, "segment_before")):
        for name, column in zip(names, _SHARES, strict=True):
            table[name] = [sizes[column].get(group) if isinstance(group, str) else None for group in table[key]]
    split, merged = table["state"] == "split", table["state"] == "merged"
    table.loc[split, list(_BEFORE)] = None
    table.loc[merged, list(_SHARES)] = None
    moved = (table["n_customers"].astype("float64") / table["n_before"].astype("float64") - 1).abs()
    table["state"] = table["state"].mask((table["state"] == "kept") & (moved >= CHANGED), "changed")
    here = table["state"].isin(["kept", "changed", "new", "split"])
    table["name_number"] = [
        numbers.get(str(row.segment), 0) if there else numbers_before.get(str(row.segment_before), 0)
        for row, there in zip(table.itertuples(), here, strict=True)
    ]
    for column in ("n_customers", "n_before"):
        table[column] = table[column].astype("Int64")
    return table.astype({c: "float64" for c in (*_SHARES[1:], *_BEFORE[1:], "overlap")})


def month_claims(month: PersonaMonth, *, min_group_size: int, notebook: str) -> list[Claim]:
    """Return what may be said of a study's personas together: the finding, what is blank, what changed.

    Parameters
    ----------
    month : PersonaMonth
    min_group_size : int
    notebook : str

    Returns
    -------
    list of Claim
        ``personas.finding``; ``blanks``; ``changes``; ``change.KEY`` and ``gone.KEY`` of each persona.
    """
    common: dict[str, Any] = {"source": "transactions", "as_of": month.as_of, "notebook": notebook}
    shown = [p for p in month.personas if p.n is not None]
    if not shown:
        return [_none(month, min_group_size, common)]
    return [
        _finding(shown, len(month.personas) - len(shown), month, min_group_size, common),
        _blanks(shown, common),
        *_changes(month, min_group_size, common),
    ]


_TOO_SMALL = template(
    "No persona can be made: no segment has {least:count} customers, and smaller groups are not shown."
)


def _none(month: PersonaMonth, least: int, common: dict[str, Any]) -> Claim:
    return Claim(
        id=f"{SLUG}.finding",
        template=month.reason or _TOO_SMALL,
        values={"least": least}, kind="count", statistic="persona_size", value=0, unit="personas", n=None,
        status="too_few", method=template("Groups of fewer than {least:count} are named without figures"), **common,
    )  # fmt: skip


def _finding(shown: Sequence[Persona], n_small: int, month: PersonaMonth, least: int, common: dict[str, Any]) -> Claim:
    """Name the persona that brings more than its share, by most."""
    sizes = {p.key: p.slots["size"][0] for p in shown}
    brings = {p.key: sizes[p.key].values.get("share_revenue", 0.0) - sizes[p.key].values["share"] for p in shown}
    top = max(shown, key=lambda p: (brings[p.key], -p.place))
    values = {
        "k": len(shown), "name": dict(top.name), "segment": top.title, "share": sizes[top.key].values["share"],
        "n_small": n_small, "least": least, "orders": month.searched_from,
    }  # fmt: skip
    if "share_revenue" not in sizes[top.key].values or brings[top.key] <= 0:
        text = template(
            "{k:count} {k:plural persona|personas}; the largest is {name:text}, the segment {segment:term}: "
            "{share:percent} of customers."
        )
    else:
        values["revenue"] = sizes[top.key].values["share_revenue"]
        text = template(
            "Of {k:count} {k:plural persona|personas}, {name:text} brings most above its share: the segment "
            "{segment:term} is {share:percent} of customers and {revenue:percent} of revenue."
        )
        if month.searched_from > 1:
            text = template(
                "Of {k:count} {k:plural persona|personas}, {name:text} brings most above its share: the group "
                "{segment:term} is {share:percent} of customers with {orders:count} "
                "{orders:plural order|orders} or more, and {revenue:percent} of their revenue."
            )
    return Claim(
        id=f"{SLUG}.finding", template=text, values=values, kind="count", statistic="persona_size", value=len(shown),
        unit="personas", n=len(shown), rests_on=(sizes[top.key].id,),
        method=template("The largest share of revenue less the share of customers; names are imagined"), **common,
    )  # fmt: skip


def _blanks(shown: Sequence[Persona], common: dict[str, Any]) -> Claim:
    """Say how many blocks of the avatar nobody measured, and how many questions would fill them."""
    filled = [b for b in AVATAR_BLOCKS if any(b in p.filled for p in shown)]
    empty = [b for b in AVATAR_BLOCKS if b not in filled]
    asked = [b for b in empty if any(is_blank(c) and c.n == 0 for p in shown for c in p.slots.get(b, ()))]
    values = {"filled": len(filled), "all": len(AVATAR_BLOCKS), "questions": sum(len(questions(b)[:3]) for b in asked)}
    text = template(
        "{filled:count} of the {all:count} blocks of an avatar can be filled from the tables for at least one persona; "
        "{questions:count} survey {questions:plural question|questions} would fill the others."
    )
    if not values["questions"]:
        text = template(
            "{filled:count} of the {all:count} blocks of an avatar can be filled from the tables for at least one "
            "persona."
        )
    return Claim(
        id=f"{SLUG}.blanks", template=text, values=values, kind="count", statistic="persona_filled",
        value=len(filled), unit="blocks", n=None,
        method=template(
            "Demographics, goals and values, information sources, problems, barriers and role: filled when a "
            "line of it is measured or typed"
        ),
        **(common | {"source": "all tables"}),
    )  # fmt: skip


_SENTENCES = {
    "kept": template(
        "{name:text}, the segment {segment:term}: {share:percent1} of customers, {share_before:percent1} on "
        "{earlier:date}; {revenue:percent1} of revenue, then {revenue_before:percent1}."
    ),
    "changed": template(
        "{name:text}, the segment {segment:term}, has {moved:signed_percent1} customers since {earlier:date}: "
        "{share:percent1} of all, then {share_before:percent1}; {revenue:percent1} of revenue, then "
        "{revenue_before:percent1}."
    ),
    "new": template(
        "{name:text}, the segment {segment:term}, is new since {earlier:date}: {share:percent1} of customers, "
        "{revenue:percent1} of revenue."
    ),
    "split": template(
        "{name:text}, the segment {segment:term}, is new since {earlier:date}, and most of it comes from the segment "
        "{segment_before:term}: {share:percent1} of customers, {revenue:percent1} of revenue."
    ),
    "gone": template(
        "{name:text}, the segment {segment_before:term}, is gone since {earlier:date}, when it was "
        "{share_before:percent1} of customers with {revenue_before:percent1} of revenue."
    ),
    "merged": template(
        "{name:text}, the segment {segment_before:term}, has gone into the segment {segment:term} since "
        "{earlier:date}, when it was {share_before:percent1} of customers with {revenue_before:percent1} of revenue."
    ),
}


def _changes(month: PersonaMonth, least: int, common: dict[str, Any]) -> list[Claim]:
    if month.earlier is None or month.changes.empty:
        return [
            Claim(
                id=f"{SLUG}.changes", template=template("There is no earlier month to compare the personas with."),
                values={}, kind="count", statistic="persona_change", value=None, unit="personas", n=None,
                status="too_few", method=template("Read off the data."), **common,
            )
        ]  # fmt: skip
    method = (
        template(
            "A found group is the one of before whose members overlap most, from half of both together on "
            "(Hungarian matching on Jaccard); below {least:count} customers a group is not shown"
        )
        if month.basis == "found"
        else template("The same rules at both dates; below {least:count} customers a segment is not shown")
    )
    counts = month.changes["state"].value_counts()
    values: dict[str, Any] = {
        "kept": int(counts.get("kept", 0) + counts.get("changed", 0)), "changed": int(counts.get("changed", 0)),
        "new": int(counts.get("new", 0) + counts.get("split", 0)),
        "gone": int(counts.get("gone", 0) + counts.get("merged", 0)), "earlier": str(month.earlier), "least": least,
    }  # fmt: skip
    text = template(
        "Since {earlier:date} {kept:count} {kept:plural persona has|personas have} stayed; none is new, none is gone, "
        "and none has gained or lost a quarter of its customers."
    )
    if values["changed"] or values["new"] or values["gone"]:
        text = template(
            "Since {earlier:date} {kept:count} {kept:plural persona has|personas have} stayed, {changed:count} of them "
            "with a quarter of its customers gained or lost; {new:count} {new:plural is|are} new, {gone:count} "
            "{gone:plural is|are} gone."
        )
    summary = Claim(
        id=f"{SLUG}.changes", template=text, values=values, kind="count", statistic="persona_change",
        value=values["kept"], unit="personas", n=len(month.changes), method=method, **common,
    )  # fmt: skip
    rules = load_segment_rules()
    titles = {s.key: s.name for s in rules.segments} | {p.segment: p.title for p in month.personas}
    told = month.changes.dropna(subset=["name_number"])
    return [summary, *(_change(row, titles, month, method, least, common) for row in told.to_dict("records"))]


def _change(
    row: Mapping[Any, Any], titles: Mapping[str, Any], month: PersonaMonth, method: str, least: int,
    common: dict[str, Any],
) -> Claim:  # fmt: skip
    state = str(row["state"])
    here = state not in ("gone", "merged")
    values: dict[str, Any] = {
        "name": name_of(int(row["name_number"])), "earlier": str(month.earlier), "state": state, "least": least,
        "segment": _title(row["segment"], titles), "segment_before": _title(row["segment_before"], titles),
    }  # fmt: skip
    numbers = {
        "n": "n_customers", "n_before": "n_before", "share": "share_of_customers", "revenue": "share_of_revenue",
        "share_before": "share_of_customers_before", "revenue_before": "share_of_revenue_before",
    }  # fmt: skip
    values |= {key: row[column] for key, column in numbers.items() if pd.notna(row[column])}
    for key in ("revenue", "revenue_before"):
        values.setdefault(key, 0.0)  # nobody has paid anything
    if state == "changed":
        values["moved"] = values["n"] / values["n_before"] - 1
    n = values["n"] if here else values["n_before"]
    key = code_of(row["segment"] if here else row["segment_before"])
    return Claim(
        id=f"{SLUG}.{'change' if here else 'gone'}.{key}", template=_SENTENCES[state], values=values, kind="count",
        statistic="persona_change", value=int(n), unit="customers", n=int(n), method=method, **common,
    )  # fmt: skip


def _title(segment: Any, titles: Mapping[str, Any]) -> Any:
    return titles.get(str(segment), str(segment)) if isinstance(segment, str) else ""
