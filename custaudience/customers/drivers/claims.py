"""What a report may say of the differences between people: which go with what they do later, and how much."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from custaudience.customers.drivers.columns import (
    MAIN_OUTCOMES,
    key_of,
    kinds_of,
    level_naming,
    naming,
    read_outcome,
    read_variable,
)
from custaudience.customers.drivers.effects import share_explained
from custaudience.customers.drivers.study import NO_CODE, DriverStudy, SecondOrderStudy, cut_day, headline_outcome
from custaudience.customers.features.attributes import CATEGORY_SHARE, sensitive_topic
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Claim, Estimate, Terms
from custaudience.telling import Teller

teller = partial(Teller, __package__, "what_drives_behaviour", "33_what_drives_behaviour.ipynb")
ENOUGH = 30  # customers of a category that may stand for the highest
_SHARE = ("share_explained", "share_low", "share_high")
_DIFFERENCE = ("difference", "difference_low", "difference_high")


class _Told:
    """A study with what the sentences on it share."""

    def __init__(self, study: DriverStudy, terms: Terms) -> None:
        self.study, self.drivers, self.features = study, study.drivers, study.features
        self.tell, self.cut = teller(terms), study.cut.isoformat()
        self.kinds = kinds_of(study.features)
        self.attributes = {variable for variable, kind in self.kinds.items() if kind in ("attribute", "date")}
        # pairs with whether, how often and for how much; strongest first
        self.main = study.drivers.table[study.drivers.table["outcome"].isin(MAIN_OUTCOMES)]

    @property
    def n(self) -> int | None:
        """Customers of the study, where they may be counted in public."""
        return _shown(self.tell, self.drivers.n_customers)

    @cached_property
    def strongest(self) -> pd.DataFrame:
        """Of each variable that passes for a main outcome, the pair with the largest share; strongest first."""
        passed = self.main[self.main["verdict"] == "influences"].copy()
        # two that are as strong keep the order of their names, whatever the last digits
        passed["rounded"] = passed["share_explained"].round(9)
        passed = passed.sort_values(["rounded", "variable"], ascending=[False, True], kind="stable")
        return passed.drop_duplicates("variable")

    def name(self, variable: str, role: str = "variable") -> dict[str, str]:
        """Return the values that name a variable in a sentence."""
        return naming(variable, self.kinds[variable], role)

    def share(self, row: Any) -> Estimate:
        """Return the share of the differences in an outcome that goes with a variable."""
        share, low, high = (float(row[c]) for c in _SHARE)
        return Estimate(max(0.0, share), low, high, self.drivers.terms.level, int(row["n"]))


def _shown(tell: Teller, n: int) -> int | None:
    return n if n and not tell.few(n) else None


def no_driver_claims(first_day: dt.date, terms: Terms, *, cut: dt.date | None = None) -> list[Claim]:
    """Return the claim that takes the place of a driver study that the data cannot carry."""
    try:
        cut, case = cut or cut_day(first_day, terms.as_of), "text"
    except HistoryError:
        cut, case = terms.as_of, "short"
    days = {"first": first_day.isoformat(), "until": terms.as_of.isoformat(), "cut": cut.isoformat()}
    return [teller(terms).say("refused", case, values=days)]


def driver_claims(study: DriverStudy, terms: Terms, *, most: int = 8) -> list[Claim]:
    """Return what may be said of a driver study, the finding first; of earlier behaviour the `most` strongest facts."""
    told = _Told(study, terms)
    strongest = told.strongest
    is_attribute = strongest["variable"].isin(told.attributes)
    shown = pd.concat([strongest[~is_attribute][:most], strongest[is_attribute]]).sort_index()
    drivers = [claim for row in shown.to_dict("records") if (claim := _driver(told, row))]
    return [
        _finding(told), *drivers, *_purchases(told), *_worthwhile(told), *_advice(told, drivers), *_rejections(told),
        *_left_out(told), *_within(told), *_coverage(told),
    ]  # fmt: skip


def _finding(told: _Told) -> Claim:
    """Say how much goes with earlier behaviour, and how much with who people are."""
    outcome = headline_outcome(told.study)
    rows = told.main[told.main["outcome"] == outcome]
    passed, tested = rows[rows["verdict"] == "influences"], rows.dropna(subset="p_value")
    what = {"what": told.tell.phrase("what", outcome), "outcome_key": outcome, "cut": told.cut, "tested": len(tested)}
    if passed.empty:
        case = "text" if (tested["verdict"] == "no_evidence").any() else "small"
        return told.tell.say("nothing", case, of=len(tested), n=told.n, values=what)
    is_attribute = passed["variable"].isin(told.attributes)
    behaviour, attribute = passed[~is_attribute][:1], passed[is_attribute][:1]
    mine = tested[tested["variable"].isin(told.attributes)]
    first = (attribute if behaviour.empty else behaviour).iloc[0]
    share, facts = told.share(first), what | told.name(first["variable"])
    if behaviour.empty:
        case = "text"
    elif not attribute.empty:
        among = attribute.iloc[0]
        # a fair comparison is of the same people: those for whom the attribute is known
        share, other = _share_among(told, first["variable"], among["variable"], outcome), told.share(among)
        facts |= told.name(among["variable"], "other")
        facts |= {"other_share": other.value, "other_low": other.low, "other_high": other.high}
        case = "more" if other.high < share.low else "both"
    elif mine.empty:
        case = "untested"
    else:
        case = "unknown" if (mine["verdict"] == "too_little_data").all() else "alone"
        facts["attributes"] = mine["variable"].nunique()
    return told.tell.say("finding", case, of=share, values=facts | {"n": share.n})


def _share_among(told: _Told, variable: str, known: str, outcome: str) -> Estimate:
    """Return the share that goes with a variable among the customers for whom another one is known."""
    before, least = told.features.table.set_index("customer_id"), told.drivers.min_group
    after = told.study.outcomes.set_index("customer_id")[outcome].reindex(before.index)
    x, other, y = read_variable(before[variable]), read_variable(before[known]), read_outcome(after)
    rows = np.flatnonzero(x.known & other.known & y.known)
    fit = x.on(rows, least)
    block, response = fit.basis(), y.on(rows, least).response()
    centred = response - response.mean()
    r2, level = float(((block.T @ centred) ** 2).sum() / (centred @ centred)), told.drivers.terms.level
    share, low, high = share_explained(r2, max(fit.n_levels - 1, 1), len(rows), level=level)
    return Estimate(max(0.0, share), low, high, level, len(rows))


def _picked(told: _Told, row: dict[Any, Any]) -> dict[Any, Any] | None:
    """Return the level to speak of: the end of a number where more is done, or the category in which most is."""
    levels = told.drivers.levels
    mine = levels[(levels["variable"] == row["variable"]) & (levels["outcome"] == row["outcome"])]
    mine = mine[~mine["n"].map(told.tell.few).astype(bool) & mine["difference_low"].notna()]
    if mine.empty:
        return None
    if row["measure"] in ("spearman", "auc"):
        rising = row["effect"] > (0.5 if row["measure"] == "auc" else 0)
        return mine.iloc[-1 if rising else 0].to_dict()
    mine = mine[mine["n"] >= ENOUGH] if (mine["n"] >= ENOUGH).any() else mine
    return mine.loc[mine["mean"].idxmax()].to_dict()


def _driver(told: _Told, row: dict[Any, Any]) -> Claim | None:
    """Return what a driver means in plain units: its highest level against all others."""
    variable, level = row["variable"], _picked(told, row)
    if level is None:
        return None
    units = told.features.dictionary.set_index("column")["unit"]
    difference, low, high = (float(level[c]) for c in _DIFFERENCE)
    gap = Estimate(difference, low, high, told.drivers.terms.level, int(level["n"]))
    facts = {**told.name(variable), **level_naming(level, units.get(variable, "")), "cut": told.cut}
    facts |= {"mean": float(level["mean"]), "others": float(level["others"]), "currency": told.tell.terms.currency}
    return told.tell.say("driver", row["outcome"], of=gap, suffix=key_of(variable), values=facts)


def _purchases(told: _Told) -> Iterator[Claim]:
    """Say which attributes go with what is bought, where they do not go with how much."""
    table = told.drivers.table
    found = table[(table["verdict"] == "influences") & table["outcome"].str.startswith(CATEGORY_SHARE)]
    found = found[found["variable"].isin(told.attributes - set(told.strongest["variable"]))].drop_duplicates("variable")
    for row in found.to_dict("records"):
        facts = {"category": row["outcome"].removeprefix(CATEGORY_SHARE), **told.name(row["variable"])}
        yield told.tell.say("purchases", of=told.share(row), suffix=key_of(row["variable"]), values=facts)


def _worthwhile(told: _Told) -> Iterator[Claim]:
    """Say how many of those found are large enough to matter."""
    tested, worth = told.main.dropna(subset="p_value")["variable"].nunique(), told.drivers.how.worthwhile
    if tested:
        large = int((told.strongest["share_explained"] >= worth).sum())
        facts = {"n": len(told.strongest), "tested": tested, "large": large, "least": worth}
        yield told.tell.say("worthwhile", of=large, n=told.n, values=facts)


def _advice(told: _Told, drivers: list[Claim]) -> Iterator[Claim]:
    """Say with what to begin a definition of an audience: the strongest that is large enough and measured."""
    large = told.strongest[told.strongest["share_explained"] >= told.drivers.how.worthwhile]
    keys = {key_of(v): v for v in large["variable"]}
    first = {key_of(v) for v in large.loc[large["outcome"] == headline_outcome(told.study), "variable"]}
    begin = [c for c in drivers if c.status == "measured" and c.id.rpartition(".")[2] in keys]
    begin = sorted(begin, key=lambda claim: claim.id.rpartition(".")[2] not in first)  # of the finding's outcome
    if begin:
        name, rests_on = told.name(keys[begin[0].id.rpartition(".")[2]]), ("finding", begin[0].id)
        yield told.tell.say("begin_with", n=begin[0].n, values=name, rests_on=rests_on)


def _rejections(told: _Told) -> Iterator[Claim]:
    """Say of each attribute why it did not pass, by its strongest pair, and count the facts of earlier behaviour."""
    passed, table = set(told.strongest["variable"]), told.drivers.table
    buys = set(table.loc[table["verdict"] == "influences", "variable"])
    rows = told.main[told.main["variable"].isin(told.attributes - passed - buys)]
    for variable, part in rows.groupby("variable", sort=False):
        case, n, other = _why_rejected(part)
        facts = {**told.name(str(variable)), "worthwhile": told.drivers.how.worthwhile}
        facts |= told.name(other, "other") if other else {}
        yield told.tell.say("rejected", case, n=_shown(told.tell, n), suffix=key_of(str(variable)), values=facts)
    tested = set(told.main.dropna(subset="p_value")["variable"]) - told.attributes
    if rejected := tested - passed:
        facts = {"all": len(tested), "n": len(rejected)}
        yield told.tell.say("rejected_behaviour", of=len(rejected), n=told.n, values=facts)


def _why_rejected(rows: pd.DataFrame) -> tuple[str, int, str]:
    """Return the case that says why an attribute did not pass, on how many customers, and the one it stands in for."""
    tested = rows.dropna(subset="p_value")
    clear = tested[tested["verdict"] == "no_evidence"]
    proxies = clear[clear["proxy"].astype(bool)]
    if tested.empty:
        n, alike = int(rows["n"].max()), rows["reason"].str.contains("same value|differ from the others").all()
        return "alike" if n >= 20 and alike else "unknown", n, ""
    if len(proxies):
        return "stand_in", int(proxies["n"].iloc[0]), proxies["given"].iloc[0]
    if clear.empty:
        return "small", int(tested["n"].max()), ""
    return "partly" if (tested["verdict"] == "too_little_data").any() else "text", int(clear["n"].max()), ""


def _left_out(told: _Told) -> Iterator[Claim]:
    """Name the sensitive columns that were not looked at, and count the others."""
    listed = told.drivers.variables
    names = listed.loc[listed["verdict"] == "left_out", "variable"].astype("str").tolist()
    topics = {name: topic for name in names if (topic := sensitive_topic(name))}
    for name, topic in topics.items():
        case, plain = "purchases" if name.startswith(CATEGORY_SHARE) else "text", name.removeprefix(CATEGORY_SHARE)
        yield told.tell.say("left_out", case, of=1, suffix=key_of(name), values={"name": plain, "topic": topic})
    if others := len(names) - len(topics):
        yield told.tell.say("left_out_others", of=others, values={"n": others})


def _within(told: _Told) -> Iterator[Claim]:
    """Say what became of the findings within groups of another driver (Simpson's paradox, stand-ins)."""
    compared = told.main[told.main["given"].fillna("").ne("") & (told.main["gain"] > 0)]
    found = compared[compared["verdict"] == "influences"]
    if found.empty:
        return
    turned = found[found["reversed"].astype(bool)]
    facts = {"n": len(found), "turned": len(turned), "gone": int(compared["proxy"].astype(bool).sum())}
    yield told.tell.say("within", "turned" if len(turned) else "text", of=len(turned), n=told.n, values=facts)
    for row in turned.drop_duplicates("variable").to_dict("records"):
        names, key = {**told.name(row["variable"]), **told.name(row["given"], "other")}, key_of(row["variable"])
        yield told.tell.say("reversed", of=float(row["share_within"]), n=int(row["n"]), suffix=key, values=names)


def _coverage(told: _Told) -> Iterator[Claim]:
    """Say of whom anything is known beside orders, and how they differ from the others."""
    known, n = told.features.dictionary[told.features.dictionary["kind"] == "attribute"], len(told.features.table)
    if told.tell.few(n):
        return
    if known.empty:
        yield told.tell.say("coverage", "nothing", of=0, n=n, values={"n": n})
        return
    least, whole = known.loc[known["share_known"].idxmin()], int((known["share_known"] == 1).sum())
    facts = {**told.name(str(least["column"])), "attributes": len(known), "whole": whole, "n": n}
    facts |= {} if whole else {"best": float(known["share_known"].max())}
    case, part = "all" if whole == len(known) else "text" if whole else "none", float(least["share_known"])
    yield told.tell.say("coverage", case, of=part, n=n, part=part, values=facts)
    partly = known.loc[known["share_known"].between(0, 1, inclusive="neither")].set_index("column")["share_known"]
    if len(partly):
        yield from _bias(told, partly)


def _bias(told: _Told, partly: pd.Series) -> Iterator[Claim]:
    """Compare those of whom most attributes are known with the others, by what both did later."""
    masks = {name: told.features.table[name].notna().to_numpy().tobytes() for name in partly.index}
    sizes = pd.Series(masks).value_counts()
    usual = next(name for name, mask in masks.items() if sizes[mask] == sizes.max())
    rows, differs = told.drivers.coverage, False
    rows = rows[(rows["variable"] == usual) & rows["outcome"].isin(MAIN_OUTCOMES)]
    for row in rows.sort_values("outcome", key=lambda o: o.map(MAIN_OUTCOMES.index)).to_dict("records"):
        n, others = int(row["n_known"]), int(row["n_unknown"])
        if pd.isna(row["low"]) or told.tell.few(n, others):
            continue
        gap = Estimate(float(row["difference"]), float(row["low"]), float(row["high"]), told.drivers.terms.level, n)
        facts: dict[str, Any] = {
            **told.name(usual),
            "others": others,
            "cut": told.cut,
            "known": float(row["mean_known"]),
        }
        facts |= {"unknown": float(row["mean_unknown"]), "currency": told.tell.terms.currency}
        claim = told.tell.say("known", row["outcome"], of=gap, suffix=row["outcome"], values=facts)
        differs |= claim.status == "measured"
        yield claim
    if differs:
        n, everybody = int(rows["n_known"].max()), len(told.features.table)
        facts = {"n": n, "all": everybody, "part": float(partly[usual])}
        yield told.tell.say("warning", of=n, n=everybody, suffix="known", values=facts)


def no_second_order_claim(refusal: HistoryError | EmptyTableError, terms: Terms) -> Claim:
    """Return the claim that says so when first orders are not in the data, or hardly watched."""
    short = isinstance(refusal, EmptyTableError) or "too short" in str(refusal)
    return teller(terms).say("second_refused", "short" if short else "text", suffix="refused")


def second_order_claims(study: SecondOrderStudy, terms: Terms) -> list[Claim]:
    """Return what may be said of who orders a second time, all customers first."""
    tell, table = teller(terms), study.table()
    ends = [claim for name in study.by for claim in _ends(tell, study, name, table[table["by"] == name])]
    return [_overall(tell, study, table.iloc[0]), *ends, *_second_rejected(tell, study)]


def _overall(tell: Teller, study: SecondOrderStudy, row: pd.Series) -> Claim:
    facts, n = {"days": study.days, "n": int(row["n"])}, int(row["n"])
    if row[["share", "low"]].isna().any():
        return tell.say("second_overall", "unseen", suffix="overall", values=facts)
    share = Estimate(float(row["share"]), float(row["low"]), float(row["high"]), tell.terms.level, n)
    return tell.say("second_overall", of=share, suffix="overall", hundred=round(100 * share.value), values=facts)


def _ends(tell: Teller, study: SecondOrderStudy, name: str, rows: pd.DataFrame) -> Iterator[Claim]:
    """Return the group that comes back most and the one that comes back least, where they differ from all others."""
    kind, said = kinds_of(study.features).get(name, "attribute"), 0
    for key, verdict, place in (("second_most", "more often", 0), ("second_least", "less often", -1)):
        clear = rows[(rows["verdict"] == verdict) & rows["difference_low"].notna()]
        if clear.empty or (said and len(rows) == 2):
            continue  # of two groups the one says what the other does
        row, said = clear.iloc[place], said + 1
        group = tell.phrase("group", "no_code") if row["group"] == NO_CODE else str(row["group"])
        share, difference, low, high = (float(row[c]) for c in ("share", *_DIFFERENCE))
        gap = Estimate(difference, low, high, tell.terms.level, int(row["n"]))
        facts = {**naming(name, kind), "group": group, "days": study.days, "share": share, "others": share - gap.value}
        yield tell.say(key, of=gap, suffix=key_of(name), values=facts)


def _second_rejected(tell: Teller, study: SecondOrderStudy) -> Iterator[Claim]:
    """Count what did not pass, and name what only stands in for another difference."""
    n = _shown(tell, study.n_watched)
    if study.drivers is None or study.drivers.table["p_value"].isna().all():
        yield tell.say("second_nothing_known", of=0, n=n, suffix="nothing_known")
        return
    table, kinds = study.drivers.table.drop_duplicates("variable"), kinds_of(study.features)
    counts, stand_ins = table["verdict"].value_counts(), table[table["proxy"].astype(bool)]
    none = int(counts.get("no_evidence", 0)) - len(stand_ins)
    few, passed = int(counts.get("too_little_data", 0)), int(counts.get("influences", 0))
    facts: dict[str, Any] = {"all": len(table), "passed": passed, "none": none, "few": few, "days": study.days}
    status: Any = "measured" if passed else "no_clear_difference" if none else "too_few"
    case = "some_few" if few else "text"
    yield tell.say("second_tested", case, of=passed, n=n, suffix="tested", status=status, values=facts)
    for row in stand_ins.to_dict("records"):
        name, given = row["variable"], row["given"]
        facts = {**naming(name, kinds[name]), **naming(given, kinds[given], "other"), "days": study.days}
        yield tell.say("second_stand_in", n=n, suffix=key_of(name), values=facts)
