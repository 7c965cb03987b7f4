"""The "because" of a month: one or two sentences that name what carried the change, and what went against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from custaudience.customers.bridge.months import Comparison
from custaudience.evidence import template

ABOUT_EQUAL = 0.005
"""Up to this share of the earlier month's revenue two months are called about equal."""
_WORTH_NAMING = 0.1
"""Parts smaller than this share of the largest are left out."""
_EVEN_SHARE = 0.02
"""Comings and goings that differ by less than this share of either are called even."""

_LEADS = {
    ("up", True): template(
        "In {month:month_in} revenue was {size:money0} higher than in {before:month_in}: {carrier:sentence}."
    ),
    ("down", True): template(
        "In {month:month_in} revenue was {size:money0} lower than in {before:month_in}: {carrier:sentence}."
    ),
    ("equal", True): template(
        "In {month:month_in} revenue was about the same as in {before:month_in} ({signed:sentence}): "
        "{carrier:sentence}."
    ),
    ("up", False): template(
        "In the first {days:count} days of {month:month} revenue was {size:money0} higher than in the first "
        "{days_before:count} of {before:month}: {carrier:sentence}."
    ),
    ("down", False): template(
        "In the first {days:count} days of {month:month} revenue was {size:money0} lower than in the first "
        "{days_before:count} of {before:month}: {carrier:sentence}."
    ),
    ("equal", False): template(
        "In the first {days:count} days of {month:month} revenue was about the same as in the first "
        "{days_before:count} of {before:month} ({signed:sentence}): {carrier:sentence}."
    ),
}
_RESTS = {
    (): "",
    (True,): template("Besides, {rest1:sentence}."),
    (False,): template("Against that, {rest1:sentence}."),
    (True, True): template("Besides, {rest1:sentence}; and {rest2:sentence}."),
    (True, False): template("Besides, {rest1:sentence}; against that, {rest2:sentence}."),
    (False, False): template("Against that, {rest1:sentence}; and {rest2:sentence}."),
}
_NOBODY_BEFORE = template(
    "Nobody ordered in {before:month_in}: all {revenue:money0} of {month:month} came from {n:count} new or returned "
    "{n:plural customer|customers}."
)
_NOBODY_NOW = template(
    "Nobody ordered in {month:month_in}: the {revenue:money0} of {before:month}, from {n:count} "
    "{n:plural customer|customers}, have no counterpart."
)
_EVEN = {
    "staying": template("customers who ordered in both months brought about the same as before{factors:sentence}"),
    "turnover": template(
        "new and returned customers brought {arrived:money0}, about as much as those who stayed away had brought"
    ),
    "turnover less refunds": template(
        "new and returned customers, less refunds, brought {arrived:money0}, about as much as those who stayed away "
        "had brought"
    ),
}
_CLAUSES = {
    ("staying", True): template(
        "customers who ordered in both months brought {staying:money0} more{factors:sentence}"
    ),
    ("staying", False): template(
        "customers who ordered in both months brought {staying:money0} less{factors:sentence}"
    ),
    ("turnover", True): template(
        "new and returned customers brought {arrived:money0}, {turnover:money0} more than those who stayed away "
        "had brought"
    ),
    ("turnover", False): template(
        "new and returned customers brought {arrived:money0}, {turnover:money0} less than those who stayed away "
        "had brought"
    ),
    ("turnover less refunds", True): template(
        "new and returned customers, less refunds, brought {arrived:money0}, {turnover:money0} more than those who "
        "stayed away had brought"
    ),
    ("turnover less refunds", False): template(
        "new and returned customers, less refunds, brought {arrived:money0}, {turnover:money0} less than those who "
        "stayed away had brought"
    ),
    ("arrived", True): template("new and returned customers brought {arrived:money0}"),
    ("arrived", False): template("refunds were higher than what new and returned customers brought"),
    ("absent", False): template("customers who stayed away had brought {absent:money0}"),
    ("refunds", True): template("refunds were {refunds:money0} lower"),
    ("refunds", False): template("refunds were {refunds:money0} higher"),
    ("other", True): template("all others together brought {other:money0} more"),
    ("other", False): template("all others together brought {other:money0} less"),
}  # fmt: skip
_FACTORS = {
    ("orders", True): template("more orders +{orders:money0}"),
    ("orders", False): template("fewer orders {orders:money0}"),
    ("items per order", True): template("more items per order +{items_per_order:money0}"),
    ("items per order", False): template("fewer items per order {items_per_order:money0}"),
    ("quantity per item", True): template("more of each item +{quantity_per_item:money0}"),
    ("quantity per item", False): template("less of each item {quantity_per_item:money0}"),
    ("price", True): template("higher prices +{price:money0}"),
    ("price", False): template("lower prices {price:money0}"),
    ("mix", True): template("a dearer mix of products +{mix:money0}"),
    ("mix", False): template("a cheaper mix of products {mix:money0}"),
    ("price and mix", True): template("higher prices or dearer products +{price_and_mix:money0}"),
    ("price and mix", False): template("lower prices or cheaper products {price_and_mix:money0}"),
    ("value per order", True): template("more revenue per order +{value_per_order:money0}"),
    ("value per order", False): template("less revenue per order {value_per_order:money0}"),
}
_LISTS = {
    0: "",
    1: template(" ({factor1:sentence})"),
    2: template(" ({factor1:sentence}, {factor2:sentence})"),
    3: template(" ({factor1:sentence}, {factor2:sentence}, {factor3:sentence})"),
}
# Where smaller parts are left unsaid, so that nobody adds up what is said and misses them.
_CHIEF = {
    0: "",
    1: template(" (above all {factor1:sentence})"),
    2: template(" (above all {factor1:sentence}, {factor2:sentence})"),
    3: template(" (above all {factor1:sentence}, {factor2:sentence}, {factor3:sentence})"),
}


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


def because(now: Comparison) -> tuple[str, dict[str, Any]]:
    """Return template and values of the sentences that say what carried the change between two months.

    The largest piece in the direction of the change leads, with what is behind it; then what went the same way, then
    what went against it. A piece under a tenth of the largest is left out, unless it moved much to and fro inside:
    two large parts that cancel are news, too. All figures are those of `bridge_parts`.
    """
    total = now.bridge.totals.iloc[0]  # type: ignore[union-attr]
    change, before = float(total["change"]), float(total["revenue_before"])
    days0, days = now.pair.n_days
    values: dict[str, Any] = {"month": now.pair.month, "before": now.pair.before, "days": days, "days_before": days0}
    n_before, n_after = int(total["n_customers_before"]), int(total["n_customers_after"])
    if not n_before and not before:
        return _NOBODY_BEFORE, values | {"revenue": float(total["revenue_after"]), "n": n_after}
    if not n_after and not float(total["revenue_after"]):
        return _NOBODY_NOW, values | {"revenue": before, "n": n_before}
    pieces, figures = _pieces(now.parts)
    values |= figures
    equal = abs(change) <= ABOUT_EQUAL * abs(before)
    lead = max(pieces, key=lambda p: abs(p.change) if equal else p.change * (1 if change > 0 else -1))
    largest = max(abs(p.change) for p in pieces)
    rest = [p for p in pieces if p is not lead and max(abs(p.change), p.weight / 2) >= _WORTH_NAMING * largest]
    along = [(p.change >= 0) == (lead.change >= 0) for p in rest]
    ranked = sorted(zip(along, rest, strict=True), key=lambda pair: (not pair[0], -abs(pair[1].change)))[:2]
    values |= {f"rest{i}": piece.clause for i, (_along, piece) in enumerate(ranked, start=1)}
    values |= {"carrier": lead.clause, "size": abs(change), "change": change}
    values["signed"] = signed("change", change)
    key = "equal" if equal else "up" if change > 0 else "down"
    values["lead"], values["rest"] = _LEADS[key, now.pair.whole], _RESTS[tuple(side for side, _piece in ranked)]
    return ("{lead:sentence} {rest:sentence}" if ranked else "{lead:sentence}"), values


def _pieces(parts: pd.DataFrame) -> tuple[list[_Piece], dict[str, Any]]:
    """Return what the clauses can name, and the figures in them."""
    change = parts[parts["kind"] != "total"].set_index("part")["change"].astype("float64")
    pieces: list[_Piece] = []
    values: dict[str, Any] = {}
    arrived = change.reindex(["new", "returned", "arrived", "arrived and refunds"]).dropna()
    kind = "turnover less refunds" if "arrived and refunds" in arrived else "turnover"
    came, left = round(float(arrived.sum()), 6), float(change.get("absent", 0.0))
    if len(arrived) and "absent" in change:
        net = round(came + left, 6)
        values |= {"arrived": came, "turnover": abs(net)}
        weight = min(came, -left)
        pieces.append(_Piece("turnover", net, weight, _clause(kind, net, weight)))
    elif len(arrived):
        values["arrived"] = came
        pieces.append(_Piece("arrived", came, 0.0, _CLAUSES["arrived", came >= 0]))
    elif "absent" in change:
        values["absent"] = -left
        pieces.append(_Piece("absent", left, 0.0, _CLAUSES["absent", False]))
    staying = parts[parts["kind"] == "staying"].set_index("part")["change"].astype("float64")
    if len(staying):
        net, factors = round(float(staying.sum()), 6), _named(staying)
        weight = min(float(staying.clip(lower=0).sum()), -float(staying.clip(upper=0).sum()))
        values |= {part.replace(" ", "_"): float(staying[part]) for part in factors}
        values |= {f"factor{i}": _FACTORS[part, bool(staying[part] > 0)] for i, part in enumerate(factors, start=1)}
        unsaid = bool(staying.drop(factors).abs().gt(0).any())
        values |= {"staying": abs(net), "factors": (_CHIEF if unsaid else _LISTS)[len(factors)]}
        pieces.append(_Piece("staying", net, weight, _clause("staying", net, weight)))
    for part in ("refunds", "other"):
        if change.get(part):
            values[part] = abs(float(change[part]))
            pieces.append(_Piece(part, float(change[part]), 0.0, _CLAUSES[part, bool(change[part] > 0)]))
    return pieces, values


def _clause(kind: str, net: float, weight: float) -> str:
    """Return the words for a piece; what moved much to and fro and ended where it was is called even."""
    return _EVEN[kind] if abs(net) < _EVEN_SHARE * weight else _CLAUSES[kind, net >= 0]


def _named(staying: pd.Series) -> list[str]:
    """Return up to three factors worth naming, those in the direction of their sum first."""
    sizes = staying.abs()
    big = staying[(sizes >= sizes.max() / 3) & (sizes > 0)].sort_values(key=abs, ascending=False, kind="stable")[:3]
    along = big * (1 if staying.sum() >= 0 else -1) > 0
    return [*big.index[along], *big.index[~along]]
