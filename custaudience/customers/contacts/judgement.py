"""What a hold-out drawn earlier shows: what the letters added, or that too few were held out to say."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from custaudience.customers.contacts.lists import LIST_NAMES, LISTS
from custaudience.evidence import Claim, template

SLUG = "whom_to_write_to"


def hold_out_claims(
    judged: pd.DataFrame, *, drawn_at: dt.date, as_of: dt.date, min_group_size: int, notebook: str
) -> list[Claim]:
    """Return what a hold-out drawn earlier shows, everybody first.

    Parameters
    ----------
    judged : DataFrame
        From `judge_hold_out`.
    drawn_at, as_of, min_group_size, notebook
        What the figures were made with; where fewer than `min_group_size` were written to or held out, none is shown.
    """
    rows = {row["list"]: row for row in judged.to_dict("records")}
    return [
        _hold_out(rows[name], drawn_at, as_of, min_group_size, notebook) for name in ("any", *LISTS) if name in rows
    ]


def _hold_out(row: dict[Any, Any], drawn_at: dt.date, as_of: dt.date, least: int, notebook: str) -> Claim:
    values: dict[str, Any] = {"list": LIST_NAMES[row["list"]], "day": drawn_at.isoformat(), "least": least}
    common: dict[str, Any] = {
        "id": f"{SLUG}.hold_out.{row['list']}",
        "kind": "difference",
        "statistic": "hold_out",
        "unit": "fraction",
        "source": "transactions",
        "as_of": as_of,
        "notebook": notebook,
        "method": template(
            "As drawn at random, not as sent: share with an order since, those to be written to against those held "
            "out; Newcombe interval."
        ),
    }
    if min(row["n_written"], row["n_held_out"]) < least:
        text = template(
            "Fewer than {least:count} customers of the list “{list:term}” were held out, or were to be written to, on "
            "{day:date}: what the letters added cannot be said."
        )
        return Claim(template=text, values=values, value=None, n=None, status="too_few", **common)
    keys = ("n_written", "n_held_out", "share_written", "share_held_out", "difference", "low", "high")
    values |= {key: row[key] for key in keys}
    texts = {
        "too_few": template(
            "Too few to say what the letters added (“{list:term}”): of {n_written:count} to be written to on "
            "{day:date} {share_written:percent1} have ordered since, of {n_held_out:count} held out "
            "{share_held_out:percent1}."
        ),
        "no_clear_difference": template(
            "No clear effect of the letters (“{list:term}”): of {n_written:count} to be written to on {day:date} "
            "{share_written:percent1} have ordered since, of {n_held_out:count} held out {share_held_out:percent1}; "
            "the difference is {difference:points1}, and may be {low:points1} to {high:points1}."
        ),
        "measured": template(
            "The letters made a difference of {difference:points1} ({low:points1} to {high:points1}; “{list:term}”): "
            "of {n_written:count} to be written to on {day:date} {share_written:percent1} have ordered since, of "
            "{n_held_out:count} held out {share_held_out:percent1}."
        ),
    }
    return Claim(
        template=texts[row["verdict"]],
        values=values,
        value=float(row["difference"]),
        low=float(row["low"]),
        high=float(row["high"]),
        level=0.95,
        n=int(row["n_written"] + row["n_held_out"]),
        status=row["verdict"],
        **common,
    )
