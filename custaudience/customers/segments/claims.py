"""What a report may say of groups of customers: how many there are, if any, who is in them, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from custaudience.customers.segments.clusters import STABLE
from custaudience.customers.segments.rules import Condition, rule_text
from custaudience.customers.segments.search import (
    KIN_OF_BASKETS,
    WORTH,
    CustomerGroups,
    group_table,
    kinds_of,
    name_of,
    profile_table,
)
from custaudience.evidence import Claim, Estimate, Terms
from custaudience.stats.intervals import share_interval
from custaudience.telling import Teller

SLUG, NOTEBOOK = "segments", "34_segments.ipynb"
ENOUGH = 30  # customers on both sides of a difference, and for whom a rule holds
FOR_WHALES, TOP = 50, 0.01  # customers from which the share of the largest hundredth says something
_FORMATS = {"currency": "money0", "share": "percent", "days": "number1", "orders": "number1"}
_CASES = {"mean": "mean", "median": "median", "share": "yes", "share above": "above"}
_LITTLE = ("too_little_data", "not_tested")


def segment_claims(groups: CustomerGroups, terms: Terms) -> list[Claim]:
    """Return the claims of notebook 34, the finding first; groups too small to show are named without figures."""
    variables = groups.plan.variables
    kinds = set(variables.loc[variables["why"] != "left_out", "kind"])
    tables = {"products": "category_share", "customers": "attribute"}
    source = ", ".join(["transactions", *(name for name, kind in tables.items() if kind in kinds)])
    tell = Teller(__package__, SLUG, NOTEBOOK, terms, source)
    rows = group_table(groups, min_group_size=terms.least)
    rows["money"] = rows["share_of_revenue"].fillna(0.0)
    found = (_found, _again, _sizes, _differences, _stability, _rules, _placed)
    none = (_none, _again, _instead, _differences)
    tellers = (*(found if groups.basis == "found" else none), _whales, _variables)
    return [claim for say in tellers for claim in say(tell, groups, rows)]


def _found(tell: Teller, groups: CustomerGroups, rows: pd.DataFrame) -> Iterator[Claim]:
    top = rows.loc[rows["money"].idxmax()]
    yield tell.say(
        "finding", groups.plan.view, of=groups.segments.k, n=int(rows["n_customers"].sum()),
        min_orders=groups.plan.min_orders, share=float(top["share_of_customers"]), money=float(top["money"]),
        values=_named(tell, top),
    )  # fmt: skip


def _named(tell: Teller, row: pd.Series, *, short: bool = False) -> dict[str, Any]:
    """Return what ``{group:sentence}`` stands for, of a row of `group_table`; `short`: without what it has most of."""
    name, about = str(row["group"]), row["about"]
    if name.islower():  # a key of the RFM segments
        return {"group": "{group_name:term}", "group_name": name}
    if short or pd.isna(about):
        return {"group": tell.phrase("group", "plain"), "group_name": name}
    return {"group": tell.phrase("group", row["direction"]), "group_name": name, "about": str(about)}


def _none(tell: Teller, groups: CustomerGroups, rows: pd.DataFrame) -> Iterator[Claim]:
    """Say that there are no groups, or why none were looked for."""
    plan, count = groups.plan, groups.count
    n = count.n if count.n and not tell.few(count.n) else None
    facts: dict[str, Any] = {"min_orders": plan.min_orders, "least": count.min_size} | ({"n": n} if n else {})
    case = "alike"
    if len(count.table):
        case = plan.view
        facts |= {"from": int(count.table["k"].min()), "to": int(count.table["k"].max())}
    elif not plan.tested:
        case = "untested"
    elif not plan.columns:
        case, facts["tested"] = "none_passed", int((plan.variables["why"] != "left_out").sum())
    elif count.n < 2 * count.min_size:
        case = "few_customers"
    yield tell.say("none", case, of=0, n=n, values=facts)


def _again(tell: Teller, groups: CustomerGroups, rows: pd.DataFrame) -> Iterator[Claim]:
    """Say how well another half of the customers finds the same groups, and how empty it is between them."""
    table, k = groups.count.table, groups.count.k
    if not len(table):
        return
    row = (table[table["k"] == k] if k > 1 else table.nlargest(1, "prediction_strength", keep="first")).iloc[0]
    strength, error = float(row["prediction_strength"]), 1.96 * float(row["strength_se"])
    between = float(row["between"])
    facts = {"k": int(row["k"])} | ({"between": round(100 * between)} if math.isfinite(between) else {})
    yield tell.say(
        "again", "text" if k > 1 else "crowd" if 1 < between < math.inf else "unclear", values=facts,
        of=Estimate(strength, max(0.0, strength - error), min(1.0, strength + error), 0.95, groups.count.n),
    )  # fmt: skip


def _instead(tell: Teller, groups: CustomerGroups, rows: pd.DataFrame) -> Iterator[Claim]:
    yield tell.say("instead", rests_on=("finding",))


def _sizes(tell: Teller, groups: CustomerGroups, rows: pd.DataFrame) -> Iterator[Claim]:
    for _, row in rows.iterrows():
        named, suffix = _named(tell, row), str(row["group"]).lower()
        if pd.isna(row["n_customers"]):
            yield tell.say("group", "few", suffix=suffix, values=named)
            continue
        facts = named | {"share": float(row["share_of_customers"]), "money": float(row["money"])}
        facts |= {"each": float(row["revenue_per_customer"]), "least": tell.terms.least}
        yield tell.say("group", n=int(row["n_customers"]), suffix=suffix, values=facts)


def _differences(tell: Teller, groups: CustomerGroups, rows: pd.DataFrame) -> Iterator[Claim]:
    """Say for each group what sets it apart most: by its making, in the rest of behaviour, as people."""
    if groups.profiles is None:
        return
    table = profile_table(groups.profiles, groups.features)
    enough = (table[["n", "n_others"]].astype("Float64") >= ENOUGH).all(axis=1)
    clear = table[(table["status"] == "measured") & enough & (table["effect"].abs() >= WORTH)]
    clear = clear.assign(size=clear["effect"].abs()).sort_values("size", ascending=False, kind="stable")
    made, person = clear["made_from"].astype(bool), clear["kind"] == "attribute"
    kin = clear["feature"].isin(KIN_OF_BASKETS) if groups.plan.view == "baskets" else made
    kinds = {"apart": made & (clear["effect"] > 0), "besides": ~made & ~kin & ~person, "persons": ~made & person}
    for _, group in rows.iterrows():
        for key, of_kind in kinds.items():
            for row in clear[of_kind & (clear["group"] == group["group"])].head(1).to_dict("records"):
                yield _difference(tell, key, row, group, groups.profiles.level)


def _difference(tell: Teller, key: str, row: dict[Any, Any], group: pd.Series, level: float) -> Claim:
    statistic, unit = str(row["statistic"]), str(row["unit"])
    form = "percent" if statistic.startswith("share") else _FORMATS.get(unit, "number1")
    limit = "points1" if form == "percent" else form
    facts = {"what_name": row["name"], "value": float(row["value"]), "others": float(row["value_others"])}
    facts |= {"v": f"{{value:{form}}}", "o": f"{{others:{form}}}", "l": f"{{low:{limit}}}", "h": f"{{high:{limit}}}"}
    case = "category" if row["kind"] == "category_share" else _CASES[statistic]
    if case == "yes" and row["category"]:
        case, facts["level"] = "level", str(row["category"])
    elif case == "above":
        facts["above"] = float(row["above"])
    return tell.say(
        key, case, of=Estimate(float(row["difference"]), float(row["low"]), float(row["high"]), level, int(row["n"])),
        suffix=str(group["group"]).lower(), values=facts | _named(tell, group, short=True),
        meta={"unit": "money" if unit == "currency" else unit or statistic},
    )  # fmt: skip


def _stability(tell: Teller, groups: CustomerGroups, rows: pd.DataFrame) -> Iterator[Claim]:
    """Say how surely each group comes back when customers are drawn anew."""
    if (stability := groups.stability) is None:
        return
    worst = rows.loc[rows["jaccard"].idxmin()]
    n_stable, k = int((stability.table["jaccard"] > STABLE).sum()), groups.segments.k
    ends = (float(worst["jaccard"]), float(worst["jaccard_low"]), float(worst["jaccard_high"]))
    yield tell.say(
        "stability", "some" if n_stable < k else "all", of=Estimate(*ends, 0.9, stability.sampled), k=k,
        runs=stability.n_runs, stable=n_stable, values=_named(tell, worst, short=True),
    )  # fmt: skip


def _rules(tell: Teller, groups: CustomerGroups, rows: pd.DataFrame) -> Iterator[Claim]:
    """Say how well simple rules tell the groups, and the largest rule of each."""
    if (rules := groups.rules) is None:
        return
    whole = Estimate(rules.fidelity, rules.low, rules.high, rules.level, rules.n_hold_out)
    yield tell.say("rules", of=whole, rules=len(rules.rules), baseline=rules.baseline)
    by_text, by_group = {rule_text(tests): tests for tests, _ in rules.conditions}, rows.set_index("group", drop=False)
    kinds, units = kinds_of(groups.features), groups.features.dictionary.set_index("column")["unit"].to_dict()
    for group, table in rules.rules.groupby("segment"):
        row = table.sort_values("n", ascending=False, kind="stable").iloc[0]
        tests, n, right = by_text[row["rule"]], int(row["n"]), float(row["right"])
        if not tests or n < ENOUGH or tell.few(n):
            continue
        facts: dict[str, Any] = {}
        facts["rule"] = ", ".join([_condition(i, test, kinds, units, facts) for i, test in enumerate(tests)])
        _, low, high = share_interval(round(right * n), n, rules.level)
        yield tell.say(
            "rule", groups.plan.view, of=Estimate(right, low, high, rules.level, n), suffix=str(group).lower(),
            values=facts | _named(tell, by_group.loc[group], short=True),
        )  # fmt: skip


def _condition(i: int, test: Condition, kinds: Any, units: dict[str, str], facts: dict[str, Any]) -> str:
    """Return one condition as a template of signs and values, adding the latter to `facts`."""
    facts[f"c{i}_name"] = name_of(test.feature, kinds.get(test.feature, ""))
    name = f"{{c{i}_name:term}}"
    if test.test in ("at most", "above"):
        facts[f"c{i}_limit"] = float(test.value)
        form = "percent1" if units.get(test.feature) == "share" else "number"
        return f"{name} {'≤' if test.test == 'at most' else '>'} {{c{i}_limit:{form}}}"
    if test.test in ("is", "is not"):
        facts[f"c{i}_level"] = str(test.value)
        return f"{name} {'=' if test.test == 'is' else '≠'} {{c{i}_level:term}}"
    return f"{name} {'?' if test.test == 'missing' else '✓'}"


def _placed(tell: Teller, groups: CustomerGroups, rows: pd.DataFrame) -> Iterator[Claim]:
    n = int((~groups.labels["searched"] & groups.labels["group"].notna()).sum())
    if n and not tell.few(n):
        yield tell.say("placed", n=n, min_orders=groups.plan.min_orders)


def _whales(tell: Teller, groups: CustomerGroups, rows: pd.DataFrame) -> Iterator[Claim]:
    """Say what the few largest customers bring and that they make no group of their own."""
    table = groups.features.table[["customer_id", "revenue_total"]]
    table = table.sort_values(["revenue_total", "customer_id"], ascending=[False, True])
    total, n_all = math.fsum(table["revenue_total"]), len(table)
    if n_all < FOR_WHALES or total <= 0:
        return
    top = table.head(max(tell.terms.least, math.ceil(TOP * n_all)))
    money, n = math.fsum(top["revenue_total"]), len(top)
    facts: dict[str, Any] = {"part": n / n_all, "revenue": money}
    if groups.basis == "found":
        facts |= _cut(tell, groups) | {"where": ""}
        inside = top.merge(groups.labels, on="customer_id")["group"].value_counts()
        home, n_home = str(inside.index[0]), int(inside.iloc[0])
        if n_home > n / 2:
            # how many are elsewhere may be too few to say
            where = "all" if n_home == n else "nearly" if tell.few(n - n_home) else "some"
            facts |= _named(tell, rows[rows["group"] == home].iloc[0]) | {"where": tell.phrase("home", where)}
            facts |= {} if where == "nearly" else {"inside": n_home}
    yield tell.say("whales", "found" if groups.basis == "found" else "text", of=money / total, n=n, values=facts)


def _cut(tell: Teller, groups: CustomerGroups) -> dict[str, Any]:
    """Return the sentence on how very large customers entered the search."""
    n = len(groups.segments.whales)
    if groups.plan.view == "baskets":
        return {"how": tell.phrase("cut", "baskets")}
    if n and not tell.few(n):
        return {"how": tell.phrase("cut", "whales"), "whales": n}
    return {"how": tell.phrase("cut", "few" if n else "none")}


def _variables(tell: Teller, groups: CustomerGroups, rows: pd.DataFrame) -> Iterator[Claim]:
    """Say what entered the search and what did not."""
    table = groups.plan.variables
    use, why = table["use"], table["why"]
    counts = {"describe": int((use == "describe").sum()), "none": int((why == "no_evidence").sum())}
    counts |= {"little": int(why.isin(_LITTLE).sum()), "left": int((why == "left_out").sum())}
    parts = {f"{key}_part": tell.phrase("part", key) if n else "" for key, n in counts.items()}
    used = int((use == "search").sum())
    facts: dict[str, Any] = {"all": len(table), "used": used, **counts, **parts}
    yield tell.say("variables", "text" if used else "nothing", of=used, values=facts)
    if len(rejected := table[why == "no_evidence"].head(6)):
        facts = {f"r{i}": name for i, name in enumerate(rejected["name"])}
        more = tell.phrase("part", "more") if counts["none"] > len(facts) else ""
        facts |= {"names": "; ".join(f"{{{key}:term}}" for key in facts), "more": more}
        yield tell.say("rejected", of=counts["none"], values=facts)
