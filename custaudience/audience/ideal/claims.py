"""What a report may say of the ideal customers: how many, what they bring, what sets them apart, and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from custaudience.audience.ideal.customers import IdealCustomers, IdealLater
from custaudience.audience.ideal.rule import FORMS, IdealRule
from custaudience.audience.ideal.traits import DistinctiveTraits
from custaudience.customers.drivers.columns import key_of, naming
from custaudience.customers.segments.rules import Condition
from custaudience.evidence import Claim, Estimate, Terms
from custaudience.stats.intervals import share_interval
from custaudience.telling import Teller

SLUG, NOTEBOOK = "ideal_customer", "40_ideal_customer.ipynb"
WORTH = 1.25  # a rule is worth acting on when its precision is surely so many times the base rate
ENOUGH = 30  # customers on both sides of a comparison
MOST_CLEAR, MOST_UNCLEAR, MOST_ALTERNATIVES = 6, 4, 4
_BY_CONSTRUCTION = ["loyal", "valuable", "current", "engaged", "made_from", "copy"]


@dataclass(frozen=True)
class Found:
    """What notebook 40 found; `n_first` are the first orders a rule may look at, `source` the tables."""

    ideal: IdealCustomers
    traits: DistinctiveTraits | None = None
    rules: tuple[IdealRule, ...] = ()
    later: IdealLater | None = None
    n_first: int = 3
    source: str = "transactions"


def ideal_claims(found: Found, terms: Terms) -> list[Claim]:
    """Return the claims of notebook 40 beside those of a written definition; of few only how ideal is decided."""
    tell, ideal = Teller(__package__, SLUG, NOTEBOOK, terms, found.source), found.ideal
    claims = [_finding(tell, ideal), *_asked(tell, ideal)]
    claims += [tell.say("missing", p.case, suffix=p.part, values=p.values) for p in ideal.missing_parts]
    if not ideal.n_ideal or tell.few(ideal.n_ideal):
        return claims
    claims += [*_not_known(tell, ideal), *_sensitivity(tell, ideal), *_later(tell, found.later)]
    if found.traits is not None:
        claims += [*_traits(tell, found.traits), *_known(tell, found.traits)]
    told = [_rule(tell, rule, found.n_first) for rule in found.rules]
    claims += told
    if found.traits is not None:
        rests = [c.id for c in claims if c.id.startswith(f"{SLUG}.trait")] + [c.id for c in told]
        claims.append(tell.say("not_because", rests_on=rests or ["finding"]))
    return [*claims, _advice(tell, found, [claim.id for claim in told])]


def _finding(tell: Teller, ideal: IdealCustomers) -> Claim:
    if ideal.refused:
        part = ideal.refused[0]
        return tell.say("finding", "refused", reason=part.reason, values=part.values)
    if not ideal.n_ideal:
        return tell.say("finding", "nobody")
    if tell.few(ideal.n_ideal):
        return tell.say("finding", "few")
    optional = [part for part in ideal.asked if part in ("satisfied", "engaged")]
    what = tell.phrase("what", "both" if len(optional) == 2 else optional[0] if optional else "neither")
    n, of = ideal.n_ideal, ideal.n_customers
    facts: dict[str, Any] = {"all": of, "part": n / of, "what": what, "values": {"n": n}}
    if math.isnan(ideal.share.low):  # everybody, or no revenue to share
        return tell.say("finding", "everybody", of=n, n=of, **facts)
    return tell.say("finding", "share", of=ideal.share, **facts)


def _asked(tell: Teller, ideal: IdealCustomers) -> Iterator[Claim]:
    """State the cut-offs, each with how many customers it holds for."""
    cut, counts = ideal.cut_offs, ideal.parts.set_index("part")["n_yes"].to_dict()
    n_top, best = counts.get("valuable", 0), ideal.satisfaction_best
    top = cut.top_share if tell.few(n_top) else n_top / ideal.n_customers  # with ties not always what was asked
    facts: dict[str, dict[str, Any]] = {
        "loyal": {"orders": cut.min_orders, "span": cut.min_span_days},
        "valuable": {"least": ideal.least_revenue, "currency": tell.terms.currency, "top": top},
        "current": {"share": cut.overdue_share, "gaps": _percent("share", cut.overdue_share)},
        "satisfied": {"column": cut.satisfaction_column, "start": cut.satisfied_from, "best": best},
        "engaged": {"n": cut.min_responses},
    }
    for part in (part for part in facts if part in counts):
        n, of = (None, None) if tell.few(counts[part]) else (int(counts[part]), ideal.n_customers)
        yield tell.say("asked", part, of=n, n=of, suffix=part, values=facts[part])


def _percent(name: str, share: float) -> str:
    """Return the placeholder of a share, with a decimal only where it has one."""
    return f"{{{name}:percent}}" if abs(100 * share - round(100 * share)) < 1e-9 else f"{{{name}:percent1}}"


def _not_known(tell: Teller, ideal: IdealCustomers) -> Iterator[Claim]:
    """Say of how many ideal customers a part is not known that is known of others."""
    table = ideal.table[ideal.table["ideal"]]
    for part in ("satisfied", "engaged"):
        n = int(table[part].isna().sum()) if part in table else 0
        if n and not tell.few(n):
            yield tell.say("not_known", part, of=n, n=len(table), suffix=part, all=len(table), values={"n": n})


def _sensitivity(tell: Teller, ideal: IdealCustomers) -> Iterator[Claim]:
    """Say how far the number depends on the cut-offs, and what the optional parts do."""
    table, n = ideal.sensitivity, ideal.n_ideal
    moved = table[table["direction"].isin(["lower", "higher"]) & (table["n_customers"] > 0)]
    moved = moved[~moved["n_customers"].map(tell.few)]
    if len(moved):
        row = moved.sort_values(["overlap", "cut_off", "direction"], kind="stable").iloc[0]
        name, size, kept = str(row["cut_off"]), int(row["n_customers"]), int(row["n_kept"])
        facts: dict[str, Any] = {"from": int(moved["n_customers"].min()), "to": int(moved["n_customers"].max())}
        facts |= {"which": tell.phrase("cut_off", name)}
        if not kept or tell.few(kept):
            yield tell.say("sensitivity", "small", of=size, n=n, values=facts)
        else:
            limit = _percent("limit", row["value"]) if name.endswith("share") else "{limit:number}"
            told = {"moved": size, "kept": float(row["share_kept"]), "limit": float(row["value"]), "value": limit}
            yield tell.say("sensitivity", of=size, n=n, values=facts | told)
    without = table[table["direction"] == "left out"].set_index("cut_off")
    for part in without.index.intersection(["satisfied", "engaged"]):
        n, share = int(without.loc[part, "n_customers"]), float(without.loc[part, "share_of_revenue"])
        if not math.isnan(share):
            yield tell.say("without", part, of=n, n=ideal.n_customers, suffix=part, share=share, values={"n": n})


def _later(tell: Teller, later: IdealLater | None) -> Iterator[Claim]:
    """Say what those who were ideal earlier did since."""
    if later is None or not later.n_others or tell.few(later.n, later.n_others):
        return
    earlier, still = later.earlier.isoformat(), later.n_still
    if not math.isnan(later.share_since.low):
        yield tell.say("later", of=later.share_since, earlier=earlier, until=later.share_until)
    if still and not tell.few(still, later.n - still):
        level = later.share_since.level
        yield tell.say("still", of=Estimate(*share_interval(still, later.n, level), level, later.n), earlier=earlier)


def _traits(tell: Teller, traits: DistinctiveTraits) -> Iterator[Claim]:
    """Say how many comparisons there are, which are clear, which attributes are not, and what was not compared."""
    too_few = traits.table[["n", "n_others"]].min(axis=1) < ENOUGH
    table = traits.table.assign(status=traits.table["status"].mask(too_few, "too_few"))
    few, n_clear = (int((table["status"] == status).sum()) for status in ("too_few", "measured"))
    n = len(table) - few
    if n:
        more = tell.phrase("more", "few") if few else ""
        yield tell.say("traits", "some" if n_clear else "none", of=n_clear, n=n, clear=n_clear, few=few, more=more)
    else:
        yield tell.say("traits", "too_few" if few else "nothing", of=n_clear, n=n, few=few)
    clear = table[table["status"] == "measured"].drop_duplicates("feature")
    unclear = table[(table["status"] == "no_clear_difference") & table["kind"].isin(["attribute", "date"])]
    unclear = unclear[~unclear["feature"].isin(clear["feature"])].drop_duplicates("feature")
    yield from (_trait(tell, row, clear=True) for row in clear.head(MOST_CLEAR).to_dict("records"))
    yield from (_trait(tell, row, clear=False) for row in unclear.head(MOST_UNCLEAR).to_dict("records"))
    if made := int(traits.left_out["why"].isin(_BY_CONSTRUCTION).sum()):
        yield tell.say("compared_not", of=made)


def _trait(tell: Teller, row: dict[Any, Any], *, clear: bool) -> Claim:
    """Say one row of `DistinctiveTraits.table`."""
    share, unit, feature = row["statistic"].startswith("share"), row["unit"], str(row["feature"])
    form = "percent1" if share else FORMS.get(unit, "number1")
    facts: dict[str, Any] = {"value": float(row["value"]), "others": float(row["value_others"])}
    facts |= naming(feature, row["kind"]) | {"v": f"{{value:{form}}}", "o": f"{{others:{form}}}"}
    ends = ("low", "high")
    if pd.isna(row["ratio"]):
        of, how, limit = row["difference"], "difference", "points1" if form == "percent1" else form
        facts |= {"l": f"{{low:{limit}}}", "h": f"{{high:{limit}}}"}
        unit = unit or row["statistic"]
    else:
        of, how, unit, ends = row["ratio"], "often" if share else "much", "times", ("ratio_low", "ratio_high")
        facts["ratio"] = float(of)
    facts["how"] = tell.phrase("how", how)
    case = "median" if row["statistic"] == "median" else "mean"
    if share:
        case = "level" if row["category"] else "yes" if row["statistic"] == "share" else "above"
        facts |= {"level": str(row["category"])} if case == "level" else {}
        facts |= {"above": float(row["above"])} if case == "above" else {}
    low, high = (float(row[end]) for end in ends)
    gap = Estimate(float(of), low, high, tell.terms.level, int(row["n"]))
    meta = {"unit": unit, "method": tell.sheet["trait"]["method"]["shares" if share else "numbers"]}
    key = key_of(feature)
    if clear:
        return tell.say("trait", case, of=gap, suffix=key, meta=meta, values=facts)
    facts["trait"] = tell.sheet["trait"][case]
    return tell.say("unclear", of=gap, suffix=key, meta=meta, status="no_clear_difference", values=facts)


def _known(tell: Teller, traits: DistinctiveTraits) -> Iterator[Claim]:
    """Say of whom attributes are known, and whether these are other customers."""
    if traits.known.empty or traits.known.iloc[0]["status"] == "too_few":
        return
    names = ("share_known", "share_known_ideal", "share_known_rest", "ideal_known", "ideal_unknown")
    row = traits.known.iloc[0]
    difference, low, high, *shares = (float(row[name]) for name in ("difference", "low", "high", *names))
    gap = Estimate(difference, low, high, tell.terms.level, int(row["n_known"]))
    values = dict(zip(("share", "ideal", "rest", "among", "others"), shares, strict=True))
    yield tell.say("known", of=gap, all=traits.n + traits.n_others, values=values)


def _rule(tell: Teller, rule: IdealRule, n_first: int) -> Claim:
    """Say the rule of a view with its precision and recall, or why there is none."""
    facts: dict[str, Any] = {"view": tell.phrase("view", rule.view), "orders": n_first}
    if rule.verdict == "none" or tell.few(rule.n_said, rule.n_right):
        reason = tell.phrase("no_rule", rule.reason or "holds_for_few")
        return tell.say("rule", "none", suffix=rule.view, reason=reason, **facts)
    better, recall = rule.verdict == "better than chance", rule.recall
    facts |= rule_values(tell, rule) | {"base": rule.base_rate, "n": rule.n_said}
    facts |= {"recall": recall.value, "from": recall.low, "to": recall.high}
    if better:  # how many of so few it misses is not said
        few = tell.few(rule.n_hold_out_ideal - rule.n_right)
        facts["finds"] = "" if few else tell.phrase("finds", "share")
    return tell.say("rule", "better" if better else "chance", of=rule.precision, suffix=rule.view, values=facts)


def rule_values(tell: Teller, rule: IdealRule) -> dict[str, Any]:
    """Return the values of ``{rule:sentence}``: the conditions in signs, alternatives joined by "or"."""
    values: dict[str, Any] = {"currency": tell.terms.currency}
    # a deep tree may have more; those left out of the sentence stand in the table of rules
    shown = rule.conditions[:MOST_ALTERNATIVES]
    for i, tests in enumerate(shown):
        told = []
        for j, test in enumerate(_ranges(tests)):
            name, sign, value, form = rule.parts(test)
            key = f"c{i}_{j}_limit" if isinstance(value, float) else f"c{i}_{j}_level"
            values |= {f"c{i}_{j}_name": name, key: value}
            told.append(f"{{c{i}_{j}_name:term}} {sign} {{{key}:{'term' if form == 'yes-no' else form}}}")
        values[f"r{i}"] = ", ".join(told)
    one = "{r0:sentence}"
    return values | {"rule": one if len(shown) == 1 else tell.phrase("alternatives", str(len(shown)))}


def _ranges(tests: Sequence[Condition]) -> list[Condition]:
    """Return conditions with those on one feature beside each other, the lower limit first."""
    order = {test.feature: i for i, test in reversed(list(enumerate(tests)))}
    return sorted(tests, key=lambda test: (order[test.feature], test.test == "at most"))


def _advice(tell: Teller, found: Found, told: list[str]) -> Claim:
    """Advise the one thing to do: use a rule that is surely worth it, else ask the ideal customers themselves."""
    for rule in found.rules:
        if rule.verdict == "better than chance" and rule.precision.low >= WORTH * rule.base_rate:
            values = rule_values(tell, rule) | {"orders": found.n_first}
            case = "early" if rule.view == "early" else "look"
            return tell.say("advice", case, values=values, rests_on=[f"{SLUG}.rule.{rule.view}"])
    return tell.say("advice", "ask", values={"n": found.ideal.n_ideal}, rests_on=["finding", *told])
