"""What a report may say of the customers: segments, who is overdue, lifecycle."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pandas as pd

from custaudience.customers.lifecycle.claims import SLUG, backtest_claim, count_claim, lifecycle_claims, rhythm_claims
from custaudience.customers.lifecycle.lifecycle import Backtest, Lifecycle
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.evidence import Claim, template


def valuable_and_overdue(assigned: pd.DataFrame, rhythm: pd.DataFrame) -> pd.DataFrame:
    """Return the customers with the highest revenue score who are overdue by their own rhythm.

    Parameters
    ----------
    assigned : DataFrame
        From `assign_segments`.
    rhythm : DataFrame
        From `overdue_customers` at the same date. Only customers measured by their own gaps count.

    Returns
    -------
    DataFrame, one row per customer: those of `assigned` with the columns of `rhythm`. Private.
    """
    both = assigned.merge(rhythm.drop(columns="days_since_last_order"), on="customer_id", validate="one_to_one")
    late = both["overdue"].fillna(False).astype(bool) & (both["rhythm"] == "own")
    return both[late & (both["m_score"] == both["m_score"].max())]


def rfm_claims(
    assigned: pd.DataFrame,
    segments: pd.DataFrame,
    rhythm: pd.DataFrame,
    lifecycle: Lifecycle,
    backtests: Sequence[Backtest],
    *,
    as_of: dt.date,
    currency: str,
    minor_digits: int,
    min_group_size: int,
    notebook: str,
    overdue_share: float,
) -> list[Claim]:
    """Return the claims of notebook 30, the finding first.

    Parameters
    ----------
    assigned, segments : DataFrame
        From `assign_segments` and `summarise_segments`.
    rhythm : DataFrame
        From `overdue_customers`.
    lifecycle : Lifecycle
    backtests : sequence of Backtest
        From `backtest_lost` and `backtest_overdue` at the same date.
    as_of, currency, minor_digits, min_group_size, notebook, overdue_share
        What the figures were made with; groups under `min_group_size` are named but not counted.
    """
    common: dict[str, Any] = {"source": "transactions", "as_of": as_of, "notebook": notebook}
    valuable = valuable_and_overdue(assigned, rhythm)
    return [
        _finding(valuable, assigned, currency, minor_digits, min_group_size, overdue_share, common),
        *_segment_claims(segments, currency, min_group_size, common),
        _concentration(segments, common),
        *rhythm_claims(rhythm, assigned, overdue_share, min_group_size, common),
        *lifecycle_claims(lifecycle, assigned, min_group_size, common),
        *(backtest_claim(backtest, min_group_size, common) for backtest in backtests),
        *_moved(segments, common),
        *_advice(valuable, currency, minor_digits, min_group_size, overdue_share, common),
    ]


def _money(frame: pd.DataFrame, minor_digits: int) -> float:
    return float((frame["revenue_total"] * 10**minor_digits).round().astype("int64").sum()) / 10**minor_digits


def _finding(
    valuable: pd.DataFrame,
    assigned: pd.DataFrame,
    currency: str,
    minor_digits: int,
    least: int,
    share: float,
    common: dict[str, Any],
) -> Claim:
    top = assigned[assigned["m_score"] == assigned["m_score"].max()]
    total = _money(assigned, minor_digits)
    values = {
        "top": len(top),
        "share_top": len(top) / len(assigned),
        "currency": currency,
        "share_revenue": _money(top, minor_digits) / total if total else 0.0,
        "revenue": _money(valuable, minor_digits),
        "share": share,
    }
    return count_claim(
        "finding",
        template(
            "{n:count} of the {top:count} customers who bring {share_revenue:percent} of revenue have been silent for "
            "longer than {share:percent} of their own gaps; their revenue so far is {revenue:money0}."
        ),
        len(valuable),
        least,
        common,
        statistic="overdue",
        values=values,
        few=template("Of the best customers fewer than {least:count} are silent for longer than their own gaps."),
        method=template("Highest revenue score, and silent for longer than the order statistic of their own gaps."),
    )


def _segment_claims(segments: pd.DataFrame, currency: str, least: int, common: dict[str, Any]) -> list[Claim]:
    claims = []
    for row in segments.to_dict("records"):
        segment, n = row["segment"], int(row["n_customers"])
        values = {"segment": _name(segment), "share": row["share_of_customers"], "currency": currency}
        few = template("{segment:term}: fewer than {least:count} customers.")
        text, moved = _customers_sentence(row, least)
        claims.append(
            count_claim(
                f"segment_customers.{segment}",
                text,
                n,
                least,
                common,
                statistic="rfm_segment",
                values=values | moved,
                few=few,
                method=template("Scores of recency, number of orders and revenue; rules in the table of segments."),
            )
        )
        if n and pd.notna(row["share_of_revenue"]):
            money = {
                "revenue": row["revenue_total"],
                "share_revenue": row["share_of_revenue"],
                "each": row["revenue_per_customer"],
            }
            claims.append(
                count_claim(
                    f"segment_revenue.{segment}",
                    template(
                        "{segment:term} brought {revenue:money0}, {share_revenue:percent} of revenue, {each:money0} "
                        "per customer."
                    ),
                    n,
                    least,
                    common,
                    statistic="revenue_to_date",
                    values=values | money,
                    few=few,
                    unit=currency,
                    value=row["revenue_total"],
                    method=template("Net revenue up to the date, of the customers now in the segment."),
                )
            )
    return claims


def _customers_sentence(row: dict[Any, Any], least: int) -> tuple[str, dict[str, Any]]:
    """Return the sentence of a segment's size with what else is known of it, small movements left out."""
    values = {}
    if pd.notna(row["median_days_since_last_order"]):
        values["days"] = float(row["median_days_since_last_order"])
    moves = {name: row[name] for name in ("joined", "left")}
    if all(pd.notna(n) and not 0 < n < least for n in moves.values()) and "days" in values:
        values |= {name: int(n) for name, n in moves.items()}
        return template(
            "{segment:term}: {n:count} {n:plural customer|customers}, {share:percent} of all; days since the "
            "last order {days:number} (median). Since the month before {joined:count} joined and {left:count} left."
        ), values
    if "days" in values:
        return template(
            "{segment:term}: {n:count} {n:plural customer|customers}, {share:percent} of all; days since the "
            "last order {days:number} (median)."
        ), values
    return template("{segment:term}: {n:count} {n:plural customer|customers}, {share:percent} of all."), values


def _name(segment: str) -> str:
    rules = load_segment_rules()
    return {s.key: s.name for s in (*rules.segments, rules.no_order)}.get(segment, segment)


def _concentration(segments: pd.DataFrame, common: dict[str, Any]) -> Claim:
    best = segments.loc[segments["revenue_total"].idxmax()]
    values: dict[str, Any] = {
        "segment": _name(best["segment"]),
        "share": float(best["share_of_customers"]),
        "share_revenue": float(best["share_of_revenue"]),
    }
    return Claim(
        id=f"{SLUG}.concentration",
        template=template(
            "{segment:term} are {share:percent} of customers and bring {share_revenue:percent} of revenue, "
            "more than any other segment."
        ),
        values=values,
        kind="count",
        statistic="rfm_segment",
        value=values["share_revenue"],
        unit="fraction",
        n=int(best["n_customers"]),
        method=template("Net revenue up to the date, of the customers now in the segment."),
        **common,
    )


def _moved(segments: pd.DataFrame, common: dict[str, Any]) -> list[Claim]:
    """Say how many customers are in another segment than a month ago; a warning when it is a quarter or more."""
    if segments["left"].isna().any() or not segments["n_before"].sum():
        return []
    moved, before = int(segments["left"].sum()), int(segments["n_before"].sum())
    part = moved / before
    text = template("{n:count} of {all:count} customers ({part:percent}) are in another segment than a month ago.")
    if part >= 0.25:
        text = template(
            "{n:count} of {all:count} customers ({part:percent}) are in another segment than a month ago: the segments "
            "say where customers stand at the date, and single moves in or out mean little."
        )
    return [
        Claim(
            id=f"{SLUG}.warning.moved" if part >= 0.25 else f"{SLUG}.moved",
            template=text,
            values={"n": moved, "all": before, "part": part},
            kind="count",
            statistic="rfm_segment",
            value=moved,
            unit="customers",
            n=before,
            method=template(
                "Segments at the date against those at the end of the month before, cut points drawn anew."
            ),
            **common,
        )
    ]


def _advice(
    valuable: pd.DataFrame, currency: str, minor_digits: int, least: int, share: float, common: dict[str, Any]
) -> list[Claim]:
    n = len(valuable)
    if n < least:
        return []
    return [
        Claim(
            id=f"{SLUG}.overdue_valuable",
            template=template(
                "Write to the {n:count} best customers who are overdue by their own rhythm, and keep a random "
                "part of them out, so that the effect can be judged. Their revenue so far is {revenue:money0}, "
                "which is not at stake as a whole."
            ),
            values={"n": n, "revenue": _money(valuable, minor_digits), "currency": currency, "share": share},
            kind="advice",
            status="advice",
            statistic="overdue",
            value=n,
            unit="customers",
            n=n,
            method=template(
                "Rule: highest revenue score, at least five own gaps, and silent for longer than {share:percent} "
                "of them. What a letter adds is not known before it is tried, and with few people only a large effect "
                "would show."
            ),
            rests_on=(f"{SLUG}.finding", f"{SLUG}.overdue", f"{SLUG}.overdue_backtest"),
            **common,
        )
    ]
