"""What a report may say of the segments: who is where, what they bring, who moved, which of the best are overdue."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from custaudience.customers.rfm.segments import minor_units, segment_names
from custaudience.customers.rhythm import Rhythm
from custaudience.evidence import Claim, Terms
from custaudience.telling import Teller

SLUG, NOTEBOOK = "rfm_and_lifecycle", "30_rfm_and_lifecycle.ipynb"
_MANY = 0.25  # so many moved in a month that single moves mean little


def rfm_claims(assigned: pd.DataFrame, segments: pd.DataFrame, rhythm: Rhythm, terms: Terms) -> list[Claim]:
    """Return what notebook 30 says of segments, the finding first.

    `assigned` and `segments` are those of `assign_segments` and `summarise_segments`, `rhythm` that of
    `measure_rhythm` at the same date.
    """
    tell = Teller(__package__, SLUG, NOTEBOOK, terms)
    valuable = _valuable_and_overdue(assigned, rhythm)
    return [
        _finding(tell, valuable, assigned, rhythm.share),
        *_segments(tell, segments),
        _concentration(tell, segments),
        *_moved(tell, segments),
        *_advice(tell, valuable, rhythm.share),
    ]


def _valuable_and_overdue(assigned: pd.DataFrame, rhythm: Rhythm) -> pd.DataFrame:
    """Return the customers with the highest revenue score who are overdue by gaps of their own."""
    late = rhythm.table[rhythm.table["overdue"].fillna(False).astype(bool) & (rhythm.table["rhythm"] == "own")]
    best = assigned[assigned["m_score"] == assigned["m_score"].max()]
    return best[best["customer_id"].isin(late["customer_id"])]


def _money(tell: Teller, frame: pd.DataFrame) -> float:
    """Sum revenue as whole minor units."""
    digits = tell.terms.minor_digits
    return float(minor_units(frame["revenue_total"], digits).sum()) / 10**digits


def _finding(tell: Teller, valuable: pd.DataFrame, assigned: pd.DataFrame, share: float) -> Claim:
    top, total = assigned[assigned["m_score"] == assigned["m_score"].max()], _money(tell, assigned)
    return tell.say(
        "finding", n=len(valuable), top=len(top), share_top=len(top) / len(assigned), share=share,
        share_revenue=_money(tell, top) / total if total else 0.0, revenue=_money(tell, valuable),
    )  # fmt: skip


def _segments(tell: Teller, segments: pd.DataFrame) -> Iterator[Claim]:
    """Say how many are in each segment, with what else is known of them, and what they brought."""
    names = segment_names()
    for row in segments.to_dict("records"):
        n, days = int(row["n_customers"]), row["median_days_since_last_order"]
        facts = {"n": n, "segment": names[row["segment"]], "share": row["share_of_customers"]}
        facts["currency"] = tell.terms.currency
        more, moves, case = {}, [row["joined"], row["left"]], "text"
        if pd.notna(days):
            more, case = {"days": float(days)}, "known"
            if not pd.isna(moves).any() and not tell.few(*moves):
                more, case = more | {"joined": int(moves[0]), "left": int(moves[1])}, "moved"
        yield tell.say("segment_customers", case, n=n, suffix=row["segment"], values=facts | more)
        if n and pd.notna(row["share_of_revenue"]):
            more = {"share_revenue": row["share_of_revenue"], "each": row["revenue_per_customer"]}
            revenue = row["revenue_total"]
            yield tell.say("segment_revenue", of=revenue, n=n, suffix=row["segment"], values=facts | more)


def _concentration(tell: Teller, segments: pd.DataFrame) -> Claim:
    best = segments.loc[segments["revenue_total"].idxmax()]
    return tell.say(
        "concentration", of=float(best["share_of_revenue"]), n=int(best["n_customers"]),
        segment=segment_names()[best["segment"]], share=float(best["share_of_customers"]),
    )  # fmt: skip


def _moved(tell: Teller, segments: pd.DataFrame) -> Iterator[Claim]:
    """Say how many customers are in another segment than a month ago; a warning when it is a quarter or more."""
    if segments["left"].isna().any() or not segments["n_before"].sum():
        return
    moved, before = int(segments["left"].sum()), int(segments["n_before"].sum())
    many = moved / before >= _MANY
    facts = {"n": moved, "all": before, "part": moved / before}
    yield tell.say("warning" if many else "moved", of=moved, n=before, suffix="moved" if many else "", values=facts)


def _advice(tell: Teller, valuable: pd.DataFrame, share: float) -> Iterator[Claim]:
    n, rests_on = len(valuable), ("finding", "overdue", "overdue_backtest")
    if n and not tell.few(n):
        revenue = _money(tell, valuable)
        yield tell.say("overdue_valuable", of=n, n=n, revenue=revenue, share=share, rests_on=rests_on)
