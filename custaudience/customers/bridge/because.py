"""The "because" of a month: one or two sentences that name what carried the change, and what went against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from custaudience.customers.bridge.months import Comparison
from custaudience.telling import Teller

ABOUT_EQUAL = 0.005
"""Up to this share of the earlier month's revenue two months are called about equal."""
_WORTH_NAMING = 0.1
"""Parts smaller than this share of the largest are left out."""
_EVEN_SHARE = 0.02
"""Comings and goings that differ by less than this share of either are called even."""


def signed(name: str, value: float) -> str:
    """Return a sentence of one amount of money with its sign, to be filled with the value of that name.

    Examples
    --------
    >>> signed("change", 5.0), signed("change", -5.0)
    ('+{change:money0}', '{change:money0}')
    """
    return f"+{{{name}:money0}}" if value > 0 else f"{{{name}:money0}}"


@dataclass(frozen=True)
class _Piece:
    """A part of the change that a clause can name; `weight` says how much it moves to and fro inside."""

    kind: str
    change: float
    weight: float
    clause: str


def because(now: Comparison, tell: Teller) -> tuple[str, dict[str, Any]]:
    """Return case and facts of the sentences that say what carried the change between two months.

    The largest piece in the direction of the change leads, with what is behind it; then what went the same way, then
    what went against it. A piece under a tenth of the largest is left out, unless it moved much to and fro inside:
    two large parts that cancel are news, too. All figures are those of `bridge_parts`.
    """
    total = now.totals
    change, before = float(total["change"]), float(total["revenue_before"])
    days0, days = now.pair.n_days
    facts: dict[str, Any] = {"days": days, "days_before": days0, **now.pair.names()}
    n_before, n_after = int(total["n_customers_before"]), int(total["n_customers_after"])
    if not n_before and not before:
        return "nobody_before", facts | {"revenue": float(total["revenue_after"]), "n": n_after}
    if not n_after and not float(total["revenue_after"]):
        return "nobody_now", facts | {"revenue": before, "n": n_before}
    pieces, figures = _pieces(now.parts, tell)
    equal = abs(change) <= ABOUT_EQUAL * abs(before)
    lead = max(pieces, key=lambda p: abs(p.change) if equal else p.change * (1 if change > 0 else -1))
    largest = max(abs(p.change) for p in pieces)
    rest = [p for p in pieces if p is not lead and max(abs(p.change), p.weight / 2) >= _WORTH_NAMING * largest]
    sides = [((p.change >= 0) == (lead.change >= 0), p) for p in rest]
    ranked = sorted(sides, key=lambda side: (not side[0], -abs(side[1].change)))[:2]
    facts |= figures | {f"rest{i}": piece.clause for i, (_along, piece) in enumerate(ranked, start=1)}
    facts |= {"carrier": lead.clause, "size": abs(change), "change": change, "signed": signed("change", change)}
    way = "equal" if equal else "up" if change > 0 else "down"
    facts["lead"] = tell.phrase("lead", way if now.pair.whole else f"{way}_days")
    together = "_".join("along" if along else "against" for along, _piece in ranked)
    facts["rest"] = tell.phrase("rest", together) if together else ""
    return "with_rest" if ranked else "text", facts


def _pieces(parts: pd.DataFrame, tell: Teller) -> tuple[list[_Piece], dict[str, Any]]:
    """Return what the clauses can name, and the figures in them."""
    change = parts[parts["kind"] != "total"].set_index("part")["change"].astype("float64")
    pieces: list[_Piece] = []
    facts: dict[str, Any] = {}

    def add(kind: str, net: float, weight: float = 0.0, words: str = "", **figures: Any) -> None:
        # what moved much to and fro and ended where it was is called even
        words, even = words or kind, abs(net) < _EVEN_SHARE * weight
        clause = tell.phrase("even", words) if even else tell.phrase("clause", _way(words, net >= 0))
        pieces.append(_Piece(kind, net, weight, clause))
        facts.update(figures)

    arrived = change.reindex(["new", "returned", "arrived", "arrived and refunds"]).dropna()
    came, left = round(float(arrived.sum()), 6), float(change.get("absent", 0.0))
    if len(arrived) and "absent" in change:
        net, words = round(came + left, 6), "turnover_less_refunds" if "arrived and refunds" in arrived else "turnover"
        add("turnover", net, min(came, -left), words, arrived=came, turnover=abs(net))
    elif len(arrived):
        add("arrived", came, arrived=came)
    elif "absent" in change:
        pieces.append(_Piece("absent", left, 0.0, tell.phrase("clause", "absent_down")))
        facts["absent"] = -left
    staying = parts[parts["kind"] == "staying"].set_index("part")["change"].astype("float64")
    if len(staying):
        net, factors = round(float(staying.sum()), 6), _named(staying)
        weight = min(float(staying.clip(lower=0).sum()), -float(staying.clip(upper=0).sum()))
        named: dict[str, Any] = {part.replace(" ", "_"): float(staying[part]) for part in factors}
        for i, part in enumerate(factors, start=1):
            named[f"factor{i}"] = tell.phrase("factor", _way(part, staying[part] > 0))
        # where smaller parts are left unsaid, so that nobody adds up what is said and misses them
        unsaid = staying.drop(factors).abs().gt(0).any()
        factors_said = tell.phrase("chief" if unsaid else "list", str(len(factors)))
        add("staying", net, weight, staying=abs(net), factors=factors_said, **named)
    for part in ("refunds", "other"):
        if change.get(part):
            figures: dict[str, Any] = {part: abs(float(change[part]))}
            add(part, float(change[part]), **figures)
    return pieces, facts


def _way(words: str, up: bool) -> str:
    return f"{words.replace(' ', '_')}_{'up' if up else 'down'}"


def _named(staying: pd.Series) -> list[str]:
    """Return up to three factors worth naming, those in the direction of their sum first."""
    sizes = staying.abs()
    big = staying[(sizes >= sizes.max() / 3) & (sizes > 0)].sort_values(key=abs, ascending=False, kind="stable")[:3]
    along = big * (1 if staying.sum() >= 0 else -1) > 0
    return [*big.index[along], *big.index[~along]]
