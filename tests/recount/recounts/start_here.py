"""The month's figures and how they moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from recounts.books import LEAST, Books, once
from recounts.claims import Found, Published, register

FIGURES = ("revenue", "customers", "orders", "revenue_per_order")
PER_DAY = ("revenue", "orders")


@once
def trading_weekdays(books: Books) -> set[int]:
    """Weekdays with at least a tenth of an average weekday's orders."""
    share = books.orders["day"].dt.day_of_week.value_counts(normalize=True)
    return set(share.index[share >= 1 / 70])


@once
def months_of(books: Books) -> pd.DataFrame:
    """Per calendar month: the four figures, trading days from the first line on, and whether it is whole."""
    lines, orders, weekdays = books.lines, books.orders, trading_weekdays(books)
    table = pd.DataFrame({"revenue": lines.groupby(lines["day"].dt.to_period("M"))["minor"].sum() / 100})
    table = table.reindex(pd.period_range(table.index.min(), pd.Period(books.as_of, "M")), fill_value=0.0)
    by_month = orders.groupby(orders["day"].dt.to_period("M"))
    table["orders"] = by_month.size().reindex(table.index, fill_value=0)
    table["customers"] = by_month["customer"].nunique().reindex(table.index, fill_value=0)
    table["revenue_per_order"] = by_month["minor"].sum() / 100 / table["orders"]
    begin, whole, days = lines["day"].min(), [], []
    for month in table.index:
        first, last = max(month.start_time, begin), min(month.end_time.normalize(), books.as_of)
        days.append(sum(day.day_of_week in weekdays for day in pd.date_range(first, last)))
        missed = pd.date_range(month.start_time, first - pd.Timedelta(days=1))
        cut = any(day.day_of_week in weekdays for day in missed)
        whole.append(last == month.end_time.normalize() and not cut)
    return table.assign(days=days, whole=whole)


@once
def _moves(books: Books) -> dict[str, Any]:
    """Per figure: now, before, total change, per trading day, and the earlier absolute moves."""
    months = months_of(books)
    this = pd.Period(books.as_of, "M")
    months = months[months["whole"] | (months.index == this)]
    shown = months[list(FIGURES)].where(~months["customers"].between(1, LEAST - 1), np.nan, axis=0)
    found = {}
    for name in FIGURES:
        figure = shown[name].astype(float)
        rate = figure / months["days"] if name in PER_DAY else figure
        step = {m: rate[m] / rate[m - 1] - 1 for m in rate.index if m - 1 in rate.index}
        earlier = np.array([abs(v) for m, v in step.items() if m < this and np.isfinite(v)])
        found[name] = {
            "now": figure[this],
            "before": figure.get(this - 1, np.nan),
            "total": figure[this] / figure.get(this - 1, np.nan) - 1,
            "per_day": step.get(this, np.nan),
            "earlier": earlier,
            "n_months": len(months) - 1,
            "last_year": figure.get(this - 12, np.nan),
        }
    return found


def _verdict(move: dict[str, Any]) -> tuple[str, str]:
    """The verdict and the status that goes with it."""
    earlier, size = move["earlier"], abs(move["per_day"])
    if move["n_months"] >= 12 and len(earlier):
        bound = sorted(earlier)[-(-95 * len(earlier) // 100) - 1]
        return ("unusual", "measured") if size > bound else ("usual", "no_clear_difference")
    largest = len(earlier) >= 3 and size > max(earlier)
    return ("too_short_largest" if largest else "too_short"), "too_few"


def _change(books: Books, move: dict[str, Any]) -> dict[str, Any]:
    this = pd.Period(books.as_of, "M")
    return {
        "total": move["total"],
        "per_day": move["per_day"],
        "usual": float(np.median(move["earlier"])) if len(move["earlier"]) else None,
        "value": move["now"],
        "value_before": move["before"],
        "n_months": move["n_months"],
        "n_moves": len(move["earlier"]),
        "before": str(this - 1),
        "month": str(this),
        "verdict_key": _verdict(move)[0],
    }


@register("start_here.revenue", "start_here.customers", "start_here.orders", "start_here.revenue_per_order")
def figure(books: Books, claim: Published) -> Found:
    moves, this = _moves(books), pd.Period(books.as_of, "M")
    value = moves[claim.key]["now"]
    n = moves["customers" if claim.key == "customers" else "orders"]["now"]
    return Found(value, n, values={"value": value, "month": str(this)})


@register("start_here.*_change")
def change(books: Books, claim: Published) -> Found:
    move = _moves(books)[claim.key.removesuffix("_change")]
    return Found(move["total"], len(move["earlier"]), values=_change(books, move), status=_verdict(move)[1])


@register("start_here.finding")
def finding(books: Books, claim: Published) -> Found:
    move = _moves(books)["revenue"]
    verdict, status = _verdict(move)
    sizes = {"size": abs(move["total"]), "size_per_day": abs(move["per_day"])}
    fell, shrank = move["per_day"] < 0, move["total"] < 0
    says = ("day fell" if fell else "day rose",)
    if fell != shrank:
        says += ("but fell" if shrank else "but rose", "shorter" if shrank else "longer")
    says += ({"too_short_largest": "more than in each", "unusual": "is unusual", "usual": "as usual"}.get(verdict, ""),)
    return Found(move["total"], len(move["earlier"]), values=_change(books, move) | sizes, says=says, status=status)


@register("start_here.last_year")
def last_year(books: Books, claim: Published) -> Found:
    move, month = _moves(books)["revenue"], str(pd.Period(books.as_of, "M") - 12)
    if np.isnan(move["last_year"]):
        return Found(values={"month": month}, says=("No last year",), status="too_few")
    total = move["now"] / move["last_year"] - 1
    return Found(total, values={"month": month, "value": move["last_year"], "total": total})
