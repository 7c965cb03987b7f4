"""What a report may say of a written audience definition: what is wrong with it, and what the customers show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from custaudience.audience.definition.check import DefinitionCheck
from custaudience.audience.definition.numbers import clear_differences, sharpest
from custaudience.audience.definition.words import shown
from custaudience.audience.personas.words import category_text, plain_text
from custaudience.evidence import Claim, Estimate, Terms
from custaudience.telling import Teller

SLUG, NOTEBOOK = "ideal_customer", "40_ideal_customer.ipynb"
PRODUCTS = "transactions, customers, products"  # categories are among the behaviours
_CASES = {"money": ("money", "money_alike"), "share": ("share", "share_alike"), "number": ("number", "number_alike")}


def definition_claims(check: DefinitionCheck, terms: Terms, *, key: str = "definition") -> list[Claim]:
    """Return what may be said of a definition: its words, whom it fits, how they differ, what would sharpen it.

    Ids are ``ideal_customer.KEY.…``; give another key to a second definition.
    """
    tell = Teller(__package__, f"{SLUG}.{key}", NOTEBOOK, terms)
    claims, taken = [tell.say("says", text=check.said)], Counter[str]()
    for finding in check.findings:
        code = finding.code
        taken[code] += 1
        meta = {"id": code.lower() + (f"_{taken[code]}" if taken[code] > 1 else "")}
        facts: dict[str, Any] = {"values": finding.values, "meta": meta, "rests_on": ["says"]}
        if check.coverage and code in ("TOO_BROAD", "COVERS_NOBODY"):
            facts["rests_on"] = ["says", "covers"]
        claims.append(tell.say(code, finding.case, of=finding.severity, **facts))
    claims += [*_covers(tell, check), *_compared(tell, check)]
    rest = [match for match in check.matches if not match.matched]
    for number, match in enumerate(rest, start=1):
        claims.append(tell.say("not_counted", match.case, values=match.values, meta={"id": f"not_counted_{number}"}))
    return claims


def _covers(tell: Teller, check: DefinitionCheck) -> Iterator[Claim]:
    coverage = check.coverage
    if coverage is None:
        return
    known, low, high = coverage.n_known, *coverage.share
    said = shown([word for match in check.matches if match.matched for word in match.rule.words])
    if not known or tell.few(coverage.n_yes, coverage.n_no, coverage.n_partly, known):
        yield tell.say("covers", "few", said=said)
    else:
        whole, up_to = ("whole", "whole_up_to") if check.complete else ("part", "part_up_to")
        facts: dict[str, Any] = {"n": coverage.n_yes, "known": known, "share": low, "most": high}
        facts |= {"partly": shown([level for match in check.matches for level in match.partly])}
        facts |= {"said": said, "least": tell.terms.least}
        case = up_to if coverage.n_partly else whole
        yield tell.say("covers", case, of=coverage.n_yes, n=known, values=facts)
    unknown, of = coverage.n_all - known, coverage.n_all
    if known and unknown and not tell.few(known, unknown) and not math.isnan(coverage.revenue_known):
        facts = {"n": known, "all": of, "part": known / of, "revenue": coverage.revenue_known}
        yield tell.say("known", of=known, n=of, values=facts)


def _compared(tell: Teller, check: DefinitionCheck) -> Iterator[Claim]:
    table, level = check.differences, tell.terms.level
    if table.empty:
        return
    by_column = {row["column"]: row for row in table.to_dict("records")}
    for name, column in (("revenue", "revenue_total"), ("orders", "n_orders"), ("per_order", "revenue_per_order")):
        if column in by_column and not by_column[column]["made_from"]:
            yield _difference(tell, by_column[column], {"id": name})
    shares = table[table["category"] != ""]
    clear = shares[clear_differences(shares, level)]
    if len(clear):
        yield _difference(tell, clear.iloc[0].to_dict(), {"id": "category", "source": PRODUCTS})
    yield from _sharpen(tell, check)


def _named(tell: Teller, row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the plain words of a behaviour of `compare_with_rest`: a template, and its values."""
    column = str(row["column"])
    if row["category"]:
        return {"behaviour": tell.phrase("other_behaviour", "category"), "category": category_text(row["category"])}
    if column in tell.sheet["phrases"]["behaviour"]:
        return {"behaviour": tell.phrase("behaviour", column)}
    return {"behaviour": tell.phrase("other_behaviour", "column"), "column": plain_text(column)}


def _difference(tell: Teller, row: Mapping[Any, Any], meta: dict[str, Any]) -> Claim:
    """Say a row of `compare_with_rest`; one without figures is named without any."""
    facts = _named(tell, row) | {"currency": tell.terms.currency}
    meta |= {"unit": {"money": "money", "share": "fraction"}.get(row["kind"], row["unit"])}
    if math.isnan(row["difference"]):
        return tell.say("difference", "no_figures", meta=meta, values=facts)
    if row["status"] == "too_few":
        facts["n"] = int(min(row["n"], row["n_others"]))
        return tell.say("difference", "too_few", meta=meta, values=facts)
    clear, alike = _CASES[row["kind"]]
    case = clear if row["status"] == "measured" else alike
    facts |= {name: row[name] for name in ("value", "difference", "low", "high")} | {"others": row["value_others"]}
    gap = Estimate(row["difference"], row["low"], row["high"], tell.terms.level, int(row["n"]))
    return tell.say("difference", case, of=gap, meta=meta, values=facts)


def _sharpen(tell: Teller, check: DefinitionCheck) -> Iterator[Claim]:
    """Say which behaviour sets the audience apart most, and that it be added; or that none does."""
    row = sharpest(check.differences, tell.terms.level)
    candidates = check.differences[check.differences["to_sharpen"].astype(bool) & check.differences["effect"].notna()]
    enough = candidates[candidates[["n", "n_others"]].min(axis=1) >= 30]
    if row is None and enough.empty:
        return
    largest = enough.iloc[0] if row is None else row
    low, effect, high = (float(largest[name]) for name in ("effect_low", "effect", "effect_high"))
    facts = _named(tell, largest) | {"n": len(candidates)}
    facts |= {"chance": (effect + 1) / 2, "low": (low + 1) / 2, "high": (high + 1) / 2}
    gap = Estimate(effect, low, high, tell.terms.level, int(largest["n"]))
    if row is None:
        yield tell.say("sharpen", "none", of=gap, values=facts, status="no_clear_difference")
        return
    yield tell.say("sharpen", of=gap, values=facts)
    yield tell.say("add", "less" if effect < 0 else "more", values=facts, rests_on=["sharpen"])
