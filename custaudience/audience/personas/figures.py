"""What is measured of a persona: its size, its figures, and how it differs from all others, as claims."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from custaudience.audience.personas.words import LONGEST, Text, block_of, code_of, feature_name, plain_text
from custaudience.evidence import Claim, Status, template

ENOUGH = 30
"""Customers on each side below which a difference is too few to say."""
FACTS = ("n_orders", "revenue_per_order", "revenue_total", "days_since_last_order")
PRICE = ("discounted_share", "first_order_discounted")
_BEHAVIOUR = ("usual_gap_days", "lines_per_order", "n_categories", "weekend_share", "evening_share", "refund_share")

# Per feature: how its figure is written; the sentence; the words below the figure where it stands alone.
_SENTENCES: dict[str, tuple[str, str, str]] = {
    "n_orders": (
        "number",
        template("Orders so far: {value:number}, all others {others:number}"),
        template("orders so far"),
    ),
    "revenue_per_order": (
        "money0",
        template("Spent per order: {value:money0}, all others {others:money0}"),
        template("per order"),
    ),
    "revenue_total": (
        "money0",
        template("Spent so far: {value:money0}, all others {others:money0}"),
        template("spent so far"),
    ),
    "days_since_last_order": (
        "number",
        template("Days since the last order: {value:number}, all others {others:number}"),
        template("days since the last order"),
    ),
    "usual_gap_days": ("number", template("Days between two orders: {value:number}, all others {others:number}"), ""),
    "lines_per_order": ("number1", template("Lines in an order: {value:number1}, all others {others:number1}"), ""),
    "n_categories": ("number", template("Different categories bought: {value:number}, all others {others:number}"), ""),
    "weekend_share": ("percent", template("Orders at the weekend: {value:percent}, all others {others:percent}"), ""),
    "evening_share": (
        "percent",
        template("Orders from six in the evening on: {value:percent}, all others {others:percent}"),
        "",
    ),
    "refund_share": ("percent1", template("Refunds: {value:percent1} of sales, all others {others:percent1}"), ""),
    "discounted_share": (
        "percent",
        template("Bought at a discount: {value:percent} of lines, all others {others:percent}"),
        "",
    ),
    "first_order_discounted": (
        "percent",
        template("Began with a discount: {value:percent}, all others {others:percent}"),
        "",
    ),
}
_HOW = {
    "median": template("Medians"),
    "mean": template("Means over customers"),
    "share": template("Shares of customers"),
}
_MADE = {
    "median": template("Medians; no finding, the segment is made from it"),
    "mean": template("Means over customers; no finding, the segment is made from it"),
    "share": template("Shares of customers; no finding, the segment is made from it"),
}
_RESPONSE = template("Shares of those contacted, who had been chosen: not what writing causes")
_BASE = template("{n:count} here, {n_others:count} others")


@dataclass(frozen=True)
class Frame:
    """What all claims of one persona share."""

    slug: str
    notebook: str
    segment: str
    key: str
    title: Text
    currency: str
    as_of: dt.date
    min_group_size: int
    level: float

    def claim(self, key: str, **parts: Any) -> Claim:
        """Return a claim of this persona; what is not given is common to all of them."""
        parts.setdefault("source", "transactions")
        values = {"currency": self.currency, "segment": self.title, **parts.pop("values", {})}
        return Claim(
            id=f"{self.slug}.{key}.{self.key}", as_of=self.as_of, notebook=self.notebook, values=values, **parts
        )


def size_claim(
    frame: Frame, n: int, n_all: int, revenue: float | None, revenue_all: float | None, *, orders_from: int = 1
) -> Claim:
    """Say how many customers the segment has, and which shares of customers and of revenue.

    `orders_from`: all are only those with so many orders or more.
    """
    values: dict[str, Any] = {"n": n, "share": n / n_all if n_all else 0.0, "least": frame.min_group_size}
    text = template("{segment:term}: {n:count} {n:plural customer|customers}, {share:percent} of all")
    if n < frame.min_group_size:
        return frame.claim(
            "size",
            template=template("{segment:term}: fewer than {least:count} customers; nothing is shown of them"),
            values={"least": frame.min_group_size},
            kind="count",
            statistic="persona_size",
            value=None,
            unit="customers",
            n=None,
            status="too_few",
            method=template("Groups of fewer than {least:count} are named without figures"),
        )
    if revenue is not None and revenue_all is not None and revenue_all > 0:
        values |= {"revenue": revenue, "share_revenue": revenue / revenue_all}
        text = template(
            "{segment:term}: {n:count} {n:plural customer|customers}, {share:percent} of all, with "
            "{share_revenue:percent} of revenue"
        )
    if min(values["share"], values.get("share_revenue", 1.0)) < 0.01:
        text = template(
            "{segment:term}: {n:count} {n:plural customer|customers}, {share:percent1} of all, with "
            "{share_revenue:percent1} of revenue"
        )
        if "share_revenue" not in values:
            text = template("{segment:term}: {n:count} {n:plural customer|customers}, {share:percent1} of all")
    method = template("Of customers with an order that counts; net revenue up to the date")
    if orders_from > 1 and "share_revenue" in values:
        values["orders"] = orders_from
        text = template(
            "{segment:term}: {n:count} {n:plural customer|customers}, {share:percent} of those with {orders:count} "
            "{orders:plural order|orders} or more, with {share_revenue:percent} of their revenue"
        )
        method = template("Of customers with {orders:count} {orders:plural order|orders} or more; net revenue to date")
    return frame.claim(
        "size",
        template=text,
        values=values,
        kind="count",
        statistic="persona_size",
        value=n,
        unit="customers",
        n=n,
        method=method,
    )


def shown(value: float, form: str) -> float:
    """Return a plain number as it is read: whole from 100 on, else one decimal; the claim keeps the exact one.

    Examples
    --------
    >>> shown(454.35, "number"), shown(76.5, "number"), shown(0.1234, "percent")
    (454.0, 76.5, 0.1234)
    """
    return float(round(value, 0 if abs(value) >= 100 else 1)) if form == "number" else value


def _reads_alike(value: float, others: float, form: str) -> bool:
    """Say whether two figures are written alike."""
    decimals = {"percent": 2, "percent1": 3, "money0": 0, "number1": 1}.get(form)
    if decimals is None:
        return shown(value, form) == shown(others, form)
    return round(value, decimals) == round(others, decimals)


def status_of_row(row: Mapping[str, Any]) -> Status:
    """Return the status of a row of `SegmentProfiles.table`: enough customers on both sides, and clear."""
    if min(row["n"], row["n_others"]) < ENOUGH or row["status"] == "too_few":
        return "too_few"
    return "measured" if row["status"] == "measured" else "no_clear_difference"


def difference_claim(frame: Frame, row: Mapping[str, Any], slot: str, *, made_from: Iterable[str] = ()) -> Claim | None:
    """Return what a row of the profile says as a sentence; None where no sentence can carry it."""
    feature, kind = str(row["feature"]), str(row["statistic"])
    status = status_of_row(row)
    if status == "too_few":
        return None
    form, text, category = _written(feature, kind, row)
    if not text or (feature not in _SENTENCES and row["value"] in (0.0, 1.0) and kind.startswith("share")):
        return None  # what holds for everybody, or for nobody, of a group tells of each one in it
    if status == "measured" and _reads_alike(float(row["value"]), float(row["value_others"]), form):
        return None  # clear, and too small to be seen
    values = {
        "value": shown(float(row["value"]), form),
        "others": shown(float(row["value_others"]), form),
        "n": int(row["n"]),
        "n_others": int(row["n_others"]),
        "feature": feature_name(feature),
        "category": plain_text(category),
        "form": form,
        "effect": round(float(row["effect"]), 4),
        "which": plain_text(feature, most=LONGEST),
    }
    if feature in _SENTENCES:
        values["label"] = _SENTENCES[feature][2]
    how = _MADE if feature in set(made_from) or row.get("made_from") else _HOW
    own = f"{code_of(feature)}_{code_of(category)}" if category else code_of(feature)
    is_share = kind.startswith("share") or form.startswith("percent")
    return frame.claim(
        f"{slot}_{own}"[:90],
        template=text,
        values=values,
        kind="difference",
        statistic="persona_share" if kind.startswith("share") else "persona_typical",
        value=float(row["difference"]),
        unit="fraction" if is_share else frame.currency if form.startswith("money") else "",
        low=float(row["low"]),
        high=float(row["high"]),
        level=frame.level,
        n=int(row["n"]),
        status=status,
        method=_RESPONSE if feature == "responded" else how[kind if kind in how else "share"],
        base=_BASE,
        source="transactions" if feature in _SENTENCES else "responses" if feature == "responded" else "customers",
    )


def _written(feature: str, kind: str, row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the format, the sentence and the level of a row."""
    category = str(row["category"])
    if feature in _SENTENCES:
        form, text, _label = _SENTENCES[feature]
        return form, "" if kind == "share above" else text, ""
    if feature.startswith("first_") or ":" in feature:
        return "", "", ""
    if category:
        if category[:1].isdigit() or category[:1] in "<>≥≤":
            return (
                "percent",
                template("{feature:text} {category:text}: {value:percent}, all others {others:percent}"),
                (category),
            )
        return (
            "percent",
            template("{feature:text} – {category:text}: {value:percent}, all others {others:percent}"),
            (category),
        )
    if kind == "share above":
        return "percent", "", ""
    if kind == "share":
        return "percent", template("{feature:text}: {value:percent}, all others {others:percent}"), ""
    return "number1", template("{feature:text}: {value:number1}, all others {others:number1}"), ""


def typical_rows(
    table: pd.DataFrame, matrix: pd.DataFrame, labels: pd.Series, level: float, made_from: Collection[str]
) -> pd.DataFrame:
    """Return a profile in which figures of behaviour are means where they were shares of customers with any at all.

    Who orders often has ever ordered at a weekend, however they like weekends; a mean over customers does not grow
    with the number of orders. False discovery rates are drawn anew over the whole table, without what the segments
    were made from.
    """
    table = table.astype({"segment": "str"})
    swap = table["feature"].isin(list(_SENTENCES)) & (table["statistic"] == "share above")
    new = [
        mean_row(
            row,
            matrix.loc[labels == row["segment"], row["feature"]],
            matrix.loc[labels != row["segment"], row["feature"]],
            level,
        )
        for row in table[swap].to_dict("records")
    ]
    if new:
        table = pd.concat([table[~swap], pd.DataFrame(new, columns=table.columns)], ignore_index=True)
    table.loc[table["feature"].isin(list(made_from)), ["p_value", "p_adjusted"]] = np.nan
    known = table["p_value"].notna().to_numpy()
    if known.any():
        table.loc[known, "p_adjusted"] = stats.false_discovery_control(table.loc[known, "p_value"].to_numpy("float64"))
    clear = (~known | (table["p_adjusted"] < 1 - level)) & ((table["low"] > 0) | (table["high"] < 0))
    table["status"] = np.where(table["effect"].isna(), "too_few", np.where(clear, "measured", "no_clear_difference"))
    return table


def mean_row(row: Mapping[Hashable, Any], own: pd.Series, others: pd.Series, level: float) -> dict[Hashable, Any]:
    """Compare means as a row of a profile: Welch's interval (1947), and Cliff's delta as the effect."""
    a, b = own.dropna().to_numpy("float64"), others.dropna().to_numpy("float64")
    n, m = len(a), len(b)
    blank = dict.fromkeys(("value", "value_others", "difference", "low", "high", "effect", "p_value"), np.nan)
    result = dict(row) | {"statistic": "mean", "above": np.nan, "n": n, "n_others": m} | blank
    if min(n, m) < ENOUGH:
        return result
    parts = a.var(ddof=1) / n, b.var(ddof=1) / m
    spread, difference = float(np.sqrt(sum(parts))), float(a.mean() - b.mean())
    df = sum(parts) ** 2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1)) if spread else 1.0
    reach = float(stats.t.ppf((1 + level) / 2, df)) * spread
    p_value = float(2 * stats.t.sf(abs(difference) / spread, df)) if spread else float(difference == 0)
    ranks = stats.rankdata(np.concatenate([a, b]))[:n]
    return result | {
        "value": float(a.mean()), "value_others": float(b.mean()), "difference": difference,
        "low": difference - reach, "high": difference + reach, "p_value": p_value,
        "effect": float(2 * (ranks.mean() - (n + 1) / 2) / m - 1),
    }  # fmt: skip


def own_figure_claim(frame: Frame, feature: str, values: pd.Series) -> Claim | None:
    """Return a figure of the segment alone, exact from its rows, where a comparison would be too few to say."""
    known = values.dropna()
    if feature not in _SENTENCES or len(known) < frame.min_group_size:
        return None
    exact = float(known.median())
    texts = {
        "n_orders": template("Orders so far: {value:number} (median)"),
        "revenue_per_order": template("Spent per order: {value:money0} (median)"),
        "revenue_total": template("Spent so far: {value:money0} (median)"),
        "days_since_last_order": template("Days since the last order: {value:number} (median)"),
    }
    if feature not in texts:
        return None
    form, _text, label = _SENTENCES[feature]
    value = shown(exact, form)
    return frame.claim(
        f"facts_{feature}",
        template=texts[feature],
        values={"value": value, "form": form, "label": label, "n": len(known), "which": feature},
        kind="count",
        statistic="persona_typical",
        value=exact,
        unit=frame.currency if form.startswith("money") else "",
        n=len(known),
        method=template("Median of the segment; too few to compare with all others"),
    )


def slot_of(feature: str, kinds: Mapping[str, str]) -> str:
    """Return the slot a feature's sentences stand in, "" when in none."""
    if feature in FACTS:
        return "facts"
    if feature in PRICE:
        return "price"
    if feature in _BEHAVIOUR:
        return "behaviour"
    if feature == "responded":
        return "sources"
    return block_of(feature) if kinds.get(feature, "attribute") == "attribute" else ""


def ranked(claims: Iterable[Claim], *, most: int) -> tuple[Claim, ...]:
    """Return the claims worth printing: clear ones first, the larger the effect the earlier; then the others."""
    order = sorted(claims, key=lambda c: (c.status != "measured", -abs(float(c.values.get("effect", 0.0))), c.id))
    return tuple(order[:most])
