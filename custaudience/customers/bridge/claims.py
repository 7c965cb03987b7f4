"""What a report may say of why revenue moved: the "because" of a month, its parts, its segments, what is usual."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import pandas as pd

from custaudience.customers.bridge.months import Comparison, Usual
from custaudience.evidence import Claim, Status, Terms
from custaudience.telling import Teller

teller = partial(Teller, __package__, "what_changed", "50_what_changed.ipynb")
ABOUT_EQUAL = 0.005  # up to this share of the earlier month's revenue two months are called about equal
_WORTH_NAMING = 0.1  # parts smaller than this share of the largest are left out
_EVEN_SHARE = 0.02  # comings and goings that differ by less than this share of either are called even
_VERDICT_STATUS: dict[str, Status] = {
    **dict.fromkeys(("too_short", "too_short_largest", "none"), "too_few"), "usual": "no_clear_difference",
    "unusual": "measured",
}  # fmt: skip


def bridge_claims(
    now: Comparison, usual: Usual | None, terms: Terms, *, months: pd.DataFrame | None = None,
    last_year: Comparison | None = None, segments: pd.DataFrame | None = None,
) -> list[Claim]:  # fmt: skip
    """Return the claims of notebook 50, the finding first; when `now` is refused one claim says why.

    `months` are those of `monthly_kpis`, `last_year` the same month a year earlier, `segments` from `segment_parts`.
    """
    tell = teller(terms)
    if now.bridge is None or usual is None or months is None:
        return [_refusal(tell, "finding", now)]
    claims = [
        _finding(tell, now, usual), _because(tell, "because", now), *_days(tell, now, months), *_newcomers(tell, now),
        *_parts(tell, now, usual), *_segments(tell, segments, now),
    ]  # fmt: skip
    if last_year is not None:
        say = _refusal if last_year.bridge is None else _because
        claims.append(say(tell, "last_year", last_year))
    return claims


def _refusal(tell: Teller, key: str, refused: Comparison) -> Claim:
    # the last day of the data only where it is the reason: an export made later changes it and nothing else
    days = {"not_covered": {"last": refused.last_day}, "no_month_before": {"first": refused.first_day}}
    facts: dict[str, Any] = {name: day.isoformat() for name, day in days.get(refused.refusal, {}).items()}
    least = tell.terms.least
    return tell.say("refused", refused.refusal, meta={"id": key}, least=least, **refused.pair.names(), **facts)


def _finding(tell: Teller, now: Comparison, usual: Usual) -> Claim:
    """Say whether any part left its usual, all parts judged at once."""
    facts: dict[str, Any] = {"n_pairs": usual.n_moves, **now.pair.names()}
    status, n = _VERDICT_STATUS[usual.verdict], usual.n_moves
    if usual.verdict == "none":
        return tell.say("finding", "none", of=None, status=status, meta={"value": None}, n=n, **facts)
    row = usual.table.loc[usual.table["times"].idxmax()]
    facts |= {"low": float(row["low"]), "high": float(row["high"]), "name": row["name"], "n_moves": int(row["n_moves"])}
    verdict = tell.phrase("verdict", usual.verdict)
    return tell.say("finding", of=float(row["share"]), n=n, status=status, verdict=verdict, **facts)


def _because(tell: Teller, key: str, now: Comparison) -> Claim:
    case, facts = because(now, tell)
    total = now.totals
    n = int(total["n_customers_before"] + total["n_customers_after"] - total["n_staying"])
    return tell.say(key, case, of=float(total["change"]), n=n, currency=tell.terms.currency, values=facts)


def _days(tell: Teller, now: Comparison, months: pd.DataFrame) -> Iterator[Claim]:
    """Say how much of the change the length of the months accounts for."""
    trading = months.set_index("month")["n_trading_days"]
    days, days0 = (int(trading.get(month, 0)) for month in (now.pair.month, now.pair.before))
    before, change = float(now.totals["revenue_before"]), float(now.totals["change"])
    case = "equal" if days == days0 else "more"
    if not now.pair.whole:
        case, (days0, days) = "cut", now.pair.n_days
    if days and days0 and before > 0 and not (case == "cut" and days != days0):
        worth = before / days0 * (days - days0)
        money = {"worth": worth, "rest": change - worth, "change": change}
        facts = money | {f"{name}_signed": signed(name, value) for name, value in money.items()} | now.pair.names()
        facts |= {"days": days, "days_before": days0, "currency": tell.terms.currency}
        yield tell.say("days", case, of=worth, n=days, values=facts)


def _newcomers(tell: Teller, now: Comparison) -> Iterator[Claim]:
    """Say who might be new where the data do not tell new from long absent."""
    rows = now.bridge.table.set_index(["segment", "part"])  # type: ignore[union-attr]
    if ("all", "new or long absent") in rows.index:
        n = int(rows.loc[("all", "new or long absent"), "n_customers"])
        facts = {"cannot": tell.phrase("newcomers", "cannot"), "least": tell.terms.least, **now.pair.names()}
        counted = {} if tell.few(n) else {"n": n}
        yield tell.say("newcomers", "few" if tell.few(n) else "text", n=n, values={**counted, **facts})


def _parts(tell: Teller, now: Comparison, usual: Usual) -> Iterator[Claim]:
    """Say each part beside what it was in the earlier pairs of months."""
    around, currency = usual.table.set_index("part"), tell.terms.currency
    for row in now.parts[now.parts["kind"] != "total"].to_dict("records"):
        beside, change, case = around.loc[row["part"]], float(row["change"]), "no_share"
        facts = {"name": row["name"], "change_signed": signed("change", change), **now.pair.names()}
        if pd.notna(row["share"]):
            case = "usual" if beside["n_moves"] >= 3 else "alone"
            facts |= {"share": float(row["share"]), "n_moves": int(beside["n_moves"])}
        if case == "usual":
            facts |= {"low": float(beside["low"]), "high": float(beside["high"])}
        meta = {"base": tell.phrase("of_whom", "staying")} if row["kind"] == "staying" else None
        n, suffix = int(row["n_customers"]), _key(row["part"])
        yield tell.say("part", case, of=change, n=n, suffix=suffix, meta=meta, currency=currency, values=facts)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "none"


def _segments(tell: Teller, segments: pd.DataFrame | None, now: Comparison) -> Iterator[Claim]:
    """Say where most of the change is, then a sentence per segment."""
    names, currency = now.pair.names(), tell.terms.currency
    if segments is None:
        yield tell.say("segments", "unknown", first=now.first_day.isoformat(), **names)
        return
    change = float(now.totals["change"])
    facts: dict[str, Any] = {"change": change, "change_signed": signed("change", change), "currency": currency, **names}
    along = segments.dropna(subset=["n_customers", "change"])
    along = along[along["change"] * change > 0]
    if len(along):
        most = along.loc[along["change"].abs().idxmax()]
        part, n = float(most["change"]), int(most["n_customers"])
        case, facts["name"], facts["part"] = "part" if abs(part) <= abs(change) else "more", most["name"], part
        yield tell.say("segments", case, of=part, n=n, part_signed=signed("part", part), **facts)
    else:
        yield tell.say("segments", "none", **facts)
    for row in segments.to_dict("records"):
        facts = {"name": row["name"], "currency": currency, "least": tell.terms.least, **names}
        suffix = _key(row["segment"])
        if pd.isna(row["n_customers"]):
            yield tell.say("segment", "few", suffix=suffix, **facts)
            continue
        value, case = float(row["change"]), "both" if pd.notna(row["share"]) else "no_share"
        facts |= {"change_signed": signed("change", value), **{c: int(row[c]) for c in ("n_before", "n_after")}}
        facts |= {"share": float(row["share"])} if case == "both" else {}
        yield tell.say("segment", case, of=value, n=int(row["n_customers"]), suffix=suffix, **facts)


def signed(name: str, value: float) -> str:
    """Return a sentence of one amount of money with its sign, to be filled with the value of that name."""
    return f"+{{{name}:money0}}" if value > 0 else f"{{{name}:money0}}"


class _Piece(NamedTuple):
    """A part of the change that a clause can name; `weight` says how much it moves to and fro inside."""

    change: float
    weight: float
    clause: str


def because(now: Comparison, tell: Teller) -> tuple[str, dict[str, Any]]:
    """Return case and facts of the sentences that name what carried the change between two months.

    The largest piece in the direction of the change leads; then what went the same way, then what went against it.
    A piece under a tenth of the largest is left out, unless two large parts cancel inside it: they are news, too.
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

    def add(words: str, net: float, weight: float = 0.0, **figures: Any) -> None:
        # what moved much to and fro and ended where it was is called even
        even = abs(net) < _EVEN_SHARE * weight
        clause = tell.phrase("even", words) if even else tell.phrase("clause", _way(words, net >= 0))
        pieces.append(_Piece(net, weight, clause))
        facts.update(figures)

    arrived = change.reindex(["new", "returned", "arrived", "arrived and refunds"]).dropna()
    came, left = round(float(arrived.sum()), 6), float(change.get("absent", 0.0))
    if len(arrived) and "absent" in change:
        net, words = round(came + left, 6), "turnover_less_refunds" if "arrived and refunds" in arrived else "turnover"
        add(words, net, min(came, -left), arrived=came, turnover=abs(net))
    elif len(arrived):
        add("arrived", came, arrived=came)
    elif "absent" in change:
        pieces.append(_Piece(left, 0.0, tell.phrase("clause", "absent_down")))
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
            add(part, float(change[part]), **{part: abs(float(change[part]))})
    return pieces, facts


def _way(words: str, up: bool) -> str:
    return f"{words.replace(' ', '_')}_{'up' if up else 'down'}"


def _named(staying: pd.Series) -> list[str]:
    """Return up to three factors worth naming, those in the direction of their sum first."""
    sizes = staying.abs()
    big = staying[(sizes >= sizes.max() / 3) & (sizes > 0)].sort_values(key=abs, ascending=False, kind="stable")[:3]
    along = big * (1 if staying.sum() >= 0 else -1) > 0
    return [*big.index[along], *big.index[~along]]
