"""What a report may say of the customers: segments, who is overdue, lifecycle."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from custaudience.customers.lifecycle import Lifecycle, LostBacktest
from custaudience.customers.rfm_segments import load_segment_rules
from custaudience.evidence import Claim, template

_SLUG = "rfm_and_lifecycle"
_FEW = template("Fewer than {least:count} customers: not shown, so that nobody can be recognised.")


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
    backtest: LostBacktest | None,
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
    backtest : LostBacktest, optional
        From `backtest_lost` at the same date.
    as_of, currency, minor_digits, min_group_size, notebook, overdue_share
        What the figures were made with; groups under `min_group_size` are named but not counted.
    """
    common: dict[str, Any] = {"source": "transactions", "as_of": as_of, "notebook": notebook}
    valuable = valuable_and_overdue(assigned, rhythm)
    return [
        _finding(valuable, assigned, currency, minor_digits, min_group_size, overdue_share, common),
        *_segment_claims(segments, currency, min_group_size, common),
        _concentration(segments, common),
        *_rhythm_claims(rhythm, assigned, overdue_share, min_group_size, common),
        *_lifecycle_claims(lifecycle, assigned, min_group_size, common),
        *([] if backtest is None else [_lost_backtest(backtest, min_group_size, common)]),
        *_advice(valuable, currency, minor_digits, min_group_size, overdue_share, common),
    ]


def _count(key: str, text: str, n: int | None, min_group_size: int, common: dict[str, Any], **fields: Any) -> Claim:
    """Return a claim that counts people; a small group is named without its figures."""
    defaults: dict[str, Any] = {"kind": "count", "unit": "customers", "n": n, "statistic": "customers", "value": n}
    values = {"n": n, **fields.pop("values", {})}
    if n is not None and 0 < n < min_group_size:
        defaults |= {"n": None, "value": None, "status": "too_few"}
        text, values = (
            fields.pop("few", _FEW),
            {"least": min_group_size} | {k: v for k, v in values.items() if isinstance(v, str)},
        )
    fields.pop("few", None)
    return Claim(id=f"{_SLUG}.{key}", template=text, values=values, **(defaults | fields | common))


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
    }
    return _count(
        "finding",
        template(
            "{n:count} of the {top:count} customers who bring {share_revenue:percent} of revenue have been silent "
            "for longer than their own rhythm explains; they brought {revenue:money0} until then."
        ),
        len(valuable),
        least,
        common,
        statistic="overdue",
        values=values,
        few=template(
            "Of the best customers fewer than {least:count} are silent for longer than their own rhythm explains."
        ),
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
            _count(
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
                _count(
                    f"segment_revenue.{segment}",
                    template(
                        "{segment:term} brought {revenue:money0}, {share_revenue:percent} of revenue, {each:money0} "
                        "per customer."
                    ),
                    n,
                    least,
                    common,
                    statistic="revenue",
                    values=values | money,
                    few=few,
                    unit=currency,
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
    values = {
        "segment": _name(best["segment"]),
        "share": float(best["share_of_customers"]),
        "share_revenue": float(best["share_of_revenue"]),
    }
    return Claim(
        id=f"{_SLUG}.concentration",
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


def _rhythm_claims(
    rhythm: pd.DataFrame, assigned: pd.DataFrame, share: float, least: int, common: dict[str, Any]
) -> list[Claim]:
    late = rhythm["overdue"].fillna(False).astype(bool)
    once = int((assigned["n_orders"] == 1).sum())
    ordered = int((assigned["n_orders"] > 0).sum())
    return [
        _count(
            "overdue",
            template(
                "{n:count} of {all:count} {all:plural customer|customers} ({part:percent}) have been silent for "
                "longer than {share:percent} of the gaps they are compared with."
            ),
            int(late.sum()),
            least,
            common,
            statistic="overdue",
            values={"all": len(rhythm), "part": float(late.mean()), "share": share},
            method=template(
                "Own gaps between order days where there are five or more, else those of all customers, "
                "each customer weighing once."
            ),
        ),
        _count(
            "one_time",
            template("{n:count} of {all:count} customers ({part:percent}) ordered once so far."),
            once,
            least,
            common,
            values={"all": ordered, "part": once / ordered},
            method=template("Customers with exactly one order whose net revenue is positive."),
        ),
    ]


def _lifecycle_claims(lifecycle: Lifecycle, assigned: pd.DataFrame, least: int, common: dict[str, Any]) -> list[Claim]:
    texts = {
        "primary": template(
            "{n:count} {n:plural customer is|customers are} primary ({part:percent}): silent for no more than twice as "
            "long as usual."
        ),
        "lost": template(
            "{n:count} {n:plural customer counts|customers count} as lost ({part:percent}): silent for more than twice "
            "as long as usual."
        ),
        "potential": template(
            "{n:count} {n:plural person is|people are} known without an order that counts ({part:percent})."
        ),
    }
    method = template("Silence against the own rhythm; lost begins at a multiple of the overdue cut-off, a convention.")
    claims = [
        _count(
            row["state"],
            texts[row["state"]],
            int(row["n_customers"]),
            least,
            common,
            statistic="lifecycle",
            values={"part": float(row["share"])},
            method=method,
        )
        for row in lifecycle.counts.to_dict("records")
    ]
    return [*claims, *_reach(lifecycle, assigned, method, common)]


def _reach(lifecycle: Lifecycle, assigned: pd.DataFrame, method: str, common: dict[str, Any]) -> list[Claim]:
    """Say so when the data are too short for most customers to be called lost at all."""
    first = assigned["first_order_on"].min()
    span = (pd.Timestamp(lifecycle.as_of) - first).days
    pooled = lifecycle.pooled_overdue_after_days
    if pooled is None or pooled * lifecycle.lost_factor <= span:
        return []
    few = int((lifecycle.table["rhythm"] == "pooled").sum())
    values = {
        "few": few,
        "part": few / len(lifecycle.table),
        "after": int(pooled * lifecycle.lost_factor),
        "span": span,
    }
    return [
        Claim(
            id=f"{_SLUG}.lost_reach",
            template=template(
                "{few:count} customers ({part:percent}) ordered too seldom to have a rhythm of their own, and are lost "
                "only after {after:count} days of silence: longer than the {span:count} days of data. None of them can "
                "be called lost yet, so the number of lost customers is too low."
            ),
            values=values,
            kind="count",
            statistic="lifecycle",
            value=few,
            unit="customers",
            n=few,
            status="too_few",
            method=method,
            **common,
        )
    ]


def _lost_backtest(backtest: LostBacktest, least: int, common: dict[str, Any]) -> Claim:
    n, back = backtest.n_lost, backtest.n_back
    values: dict[str, Any] = {"day": backtest.earlier.isoformat(), "least": least}
    enough = n >= least
    if enough:
        low, high = (float(limit) for limit in proportion_confint(back, n, method="wilson"))
        values |= {
            "n": n,
            "share": back / n,
            "low": low,
            "high": high,
            "primary": backtest.n_primary_back / max(1, backtest.n_primary),
        }
    return Claim(
        id=f"{_SLUG}.lost_backtest",
        template=template(
            "Of the {n:count} customers who counted as lost on {day:date}, {share:percent} have ordered again since "
            "({low:percent} to {high:percent}), of the primary ones {primary:percent}: lost is a warning, not a "
            "verdict."
        )
        if enough
        else template(
            "Fewer than {least:count} customers counted as lost on {day:date}: how often that is wrong cannot be said."
        ),
        values=values,
        kind="estimate",
        statistic="lifecycle",
        value=back / n if enough else None,
        unit="fraction",
        low=values.get("low"),
        high=values.get("high"),
        level=0.95 if enough else None,
        n=n if enough else None,
        status="measured" if enough else "too_few",
        method=template("The same rule applied at an earlier date, and who has ordered since; Wilson interval."),
        **common,
    )


def _advice(
    valuable: pd.DataFrame, currency: str, minor_digits: int, least: int, share: float, common: dict[str, Any]
) -> list[Claim]:
    n = len(valuable)
    if n < least:
        return []
    return [
        Claim(
            id=f"{_SLUG}.overdue_valuable",
            template=template(
                "Write to the {n:count} best customers who are overdue by their own rhythm, and keep a random "
                "part of them out, so that the effect can be judged. They brought {revenue:money0} until they "
                "fell silent."
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
                "of them. What a letter adds is not known before it is tried."
            ),
            rests_on=(f"{_SLUG}.finding", f"{_SLUG}.overdue"),
            **common,
        )
    ]
