"""What a card says of a segment (size, figures against all others, blanks, advice), and a report of all personas."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from custaudience.audience.personas.ground import ENOUGH, Part
from custaudience.audience.personas.months import PersonaMonth
from custaudience.audience.personas.persona import AVATAR_BLOCKS, FACTS, Persona, nothing_measured
from custaudience.audience.personas.words import (
    LONGEST,
    Epithet,
    Text,
    category_text,
    code_of,
    feature_name,
    is_specific,
    name_of,
    plain_text,
    questions,
    words,
)
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.customers.segments.rules import describe_segments
from custaudience.evidence import Claim, Estimate, Terms
from custaudience.telling import Teller

SLUG, NOTEBOOK = "personas", "42_personas.ipynb"
LEAST_SHARE = 0.005  # a category with less of both sides' spending than this is not named on a card
KNOWN_FOR_ALL = 0.95  # from this share of customers on, a block is not said to be known for some only
MOST_ADVICE = 3
WORTH_ACTING = 0.05  # a difference of shares that would change what is done
_FORMS: Mapping[str, str] = words()["forms"]
_DECIMALS = {"percent": 2, "percent1": 3, "money0": 0, "number1": 1}
_ADVICE = ("advice_discounted_share", "advice_weekend_share", "advice_evening_share")  # each of a feature
_NUMBERS = {
    "n": "n_customers", "n_before": "n_before", "share": "share_of_customers", "revenue": "share_of_revenue",
    "share_before": "share_of_customers_before", "revenue_before": "share_of_revenue_before",
}  # fmt: skip


class PersonaTeller(Teller):
    """Tells of one persona: each claim's id ends in its key, and knows its title and the currency."""

    def __init__(self, key: str, title: Text, terms: Terms, *, slug: str = SLUG, room: str = __package__) -> None:
        super().__init__(room, slug, NOTEBOOK, terms)
        self.key, self.title = key, title

    def say(self, key: str, case: str = "text", /, *, values: Mapping[str, Any] | None = None, **parts: Any) -> Claim:
        """Return the claim ``slug.key`` of this persona; see `Teller.say`."""
        common = {"currency": self.terms.currency, "segment": self.title}
        return super().say(key, case, suffix=self.key, values=common | dict(values or {}), **parts)


def size_claim(tell: PersonaTeller, part: Part, orders_from: int) -> Claim:
    """Say how many customers the segment has, and which shares of customers and of revenue."""
    n, n_all = len(part.own), len(part.own) + len(part.others)
    values: dict[str, Any] = {"n": n, "share": n / n_all, "least": tell.terms.least}
    if "revenue_total" in part.own:
        revenue = float(part.own["revenue_total"].sum())
        if (total := revenue + float(part.others["revenue_total"].sum())) > 0:
            values |= {"revenue": revenue, "share_revenue": revenue / total}
    paid, fine = "share_revenue" in values, min(values["share"], values.get("share_revenue", 1.0)) < 0.01
    case = ("revenue_fine" if fine else "revenue") if paid else "fine" if fine else "text"
    if orders_from > 1 and paid:
        case, values["orders"] = "found", orders_from
    return tell.say("size", case, n=n, values=values)


def shown(value: float, form: str) -> float:
    """Return a plain number as it is read: whole from 100 on, else one decimal; the claim keeps the exact one."""
    return float(round(value, 0 if abs(value) >= 100 else 1)) if form == "number" else value


def difference_claim(tell: PersonaTeller, row: Mapping[Any, Any], slot: str, made: Collection[str]) -> Claim | None:
    """Return what a row of the comparison says, None where no sentence can; `made`: of what segments are made."""
    feature, kind = str(row["feature"]), str(row["statistic"])
    case, form = _written(row)
    if row["status"] == "too_few" or min(row["n"], row["n_others"]) < ENOUGH or not case:
        return None
    is_share, own = kind.startswith("share"), feature in _FORMS
    if is_share and not own and row["value"] in (0.0, 1.0):
        return None  # what holds for everybody, or for nobody, of a group tells of each one in it
    value, others = (shown(float(row[name]), form) for name in ("value", "value_others"))
    digits = _DECIMALS.get(form, 1)
    if row["status"] == "measured" and round(value, digits) == round(others, digits):
        return None  # clear, and too small to be seen
    category = "" if own else str(row["category"])
    values = {
        "value": value, "others": others, "n": int(row["n"]), "n_others": int(row["n_others"]),
        "feature": feature_name(feature), "category": plain_text(category), "form": form,
        "effect": round(float(row["effect"]), 4), "which": plain_text(feature, most=LONGEST),
    }  # fmt: skip
    if own:
        values["label"] = tell.phrase("label", feature) if feature in FACTS else ""
    how = "share" if is_share else kind
    how = "responded" if feature == "responded" else f"made_{how}" if feature in made else how
    unit = "fraction" if is_share or form.startswith("percent") else "money" if form.startswith("money") else ""
    code = f"{code_of(feature)}_{code_of(category)}" if category else code_of(feature)
    return tell.say(
        "differs", case, of=_estimate(tell, row, "difference"), status=row["status"], values=values,
        meta={
            "id": f"{slot}_{code}"[:90], "statistic": "persona_share" if is_share else "persona_typical", "unit": unit,
            "source": "transactions" if own else "responses" if feature == "responded" else "customers",
            "method": tell.phrase("how", how),
        },
    )  # fmt: skip


def _estimate(tell: PersonaTeller, row: Mapping[str, Any], figure: str) -> Estimate:
    value, low, high = (float(row[name]) for name in (figure, "low", "high"))
    return Estimate(value, low, high, tell.terms.level, int(row["n"]))


def _written(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the case of the sentence, "" where there is none, and the format of the figure of a row."""
    feature, kind, category = str(row["feature"]), str(row["statistic"]), str(row["category"])
    if feature in _FORMS:
        return "" if kind == "share above" else feature, _FORMS[feature]
    if feature.startswith("first_") or ":" in feature or kind == "share above":
        return "", ""
    if category:
        return "numbered" if category[:1].isdigit() or category[:1] in "<>≥≤" else "category", "percent"
    return ("share", "percent") if kind == "share" else ("number", "number1")


def own_figure_claim(tell: PersonaTeller, feature: str, values: pd.Series) -> Claim | None:
    """Return a figure of the segment alone, exact from its rows, where a comparison would be too few to say."""
    known = values.dropna()
    if not len(known) or tell.few(len(known)):
        return None
    exact, form = float(known.median()), _FORMS[feature]
    facts = {"value": shown(exact, form), "form": form, "label": tell.phrase("label", feature), "which": feature}
    meta = {"id": f"facts_{feature}", "unit": "money" if form.startswith("money") else ""}
    return tell.say("alone", feature, of=exact, n=len(known), values=facts | {"n": len(known)}, meta=meta)


def coverage_claim(tell: PersonaTeller, part: Part, columns: list[str]) -> list[Claim]:
    """Say for how many of a segment demographics are known, and whether those spend otherwise than the rest of it."""
    if not columns:
        return []
    known, elsewhere = (table[columns].notna().any(axis=1) for table in (part.own, part.others))
    n, n_known, n_elsewhere = len(known), int(known.sum()), int(elsewhere.sum())
    if n == n_known or tell.few(n - n_known) or n_known >= KNOWN_FOR_ALL * n:
        return []
    if not n_known or tell.few(n_known):
        return [tell.say("demographics_known", "few")]
    values: dict[str, Any] = {"known": n_known, "n": n, "share": n_known / n}
    if n_elsewhere and not tell.few(n_elsewhere):
        values["others"] = n_elsewhere / len(elsewhere)
    row = _spending(part.own, known, tell.terms)
    if row is None:
        case = "others" if "others" in values else "text"
        return [tell.say("demographics_known", case, of=n_known, n=n, values=values)]
    values |= {"value": float(row["value"]), "rest": float(row["value_others"])}
    case, method = "more" if values["value"] > values["rest"] else "less", tell.phrase("spent", row["statistic"])
    gap = replace(_estimate(tell, row, "difference"), n=n_known)
    return [tell.say("demographics_known", case, of=gap, values=values, meta={"method": method})]


def _spending(own: pd.DataFrame, known: pd.Series, terms: Terms) -> dict[str, Any] | None:
    """Return how those with an answer spend against those without, None where that is not clear."""
    enough = min(int(known.sum()), int((~known).sum())) >= ENOUGH
    if "revenue_total" not in own or not enough or own["revenue_total"].nunique() < 2:
        return None
    groups = known.map({True: "known", False: "unknown"})
    table = describe_segments(own[["revenue_total"]], groups, terms=terms).table
    rows = table[(table["segment"] == "known") & table["statistic"].isin(["mean", "median"])]
    clear: list[dict[str, Any]] = rows[rows["status"] == "measured"].to_dict("records")
    return clear[0] if clear else None


def category_claims(tell: PersonaTeller, ratios: pd.DataFrame, *, most: int = 5) -> list[Claim]:
    """Return the categories a segment buys most above all others and one it buys below; the rest are its largest.

    Clear ones are chosen by the end of the interval next to 1, so that a small, uncertain category does not lead.
    Where fewer are clear, the largest categories follow, and their claims say that there is no clear difference.
    """
    if ratios.empty:
        return []
    own = ratios[(ratios["status"] != "too_few") & (ratios[["share", "share_others"]].max(axis=1) >= LEAST_SHARE)]
    clear = own[own["status"] == "measured"]
    less = clear[clear["high"] < 1].sort_values(["high", "category"])
    more = clear[clear["low"] > 1].sort_values(["low", "category"], ascending=[False, True])
    more = more.head(most - min(1, len(less)))
    same = own[own["status"] == "no_clear_difference"]
    same = same[same["category"].map(is_specific).astype("bool")]
    same = same.sort_values(["share", "category"], ascending=[False, True]).head(max(0, most - 1 - len(more)))
    less = less.head(max(1, most - len(more)) if same.empty else 1)
    chosen = (rows.sort_values("ratio", ascending=False) for rows in (more, same, less))
    return [_category_claim(tell, row) for rows in chosen for row in rows.to_dict("records")]


def _category_claim(tell: PersonaTeller, row: Mapping[Any, Any]) -> Claim:
    values = {
        "category": category_text(row["category"]), "raw": plain_text(row["category"]), "ratio": row["ratio"],
        "share": row["share"], "others": row["share_others"], "n": row["n"], "buyers": row["n_buyers"],
        "effect": abs(float(np.log(row["ratio"]))),
    }  # fmt: skip
    return tell.say(
        "categories", "small" if row["ratio"] < 0.095 else "text",  # one decimal would read as none
        of=_estimate(tell, row, "ratio"), status=row["status"], values=values,
        meta={"id": f"categories_{code_of(row['category'])}"},
    )  # fmt: skip


def imagined_claims(tell: PersonaTeller, number: int, epithet: Epithet, n: int) -> dict[str, list[Claim]]:
    """Return by slot the name, the back-story and the note that they are imagined; of few only the name."""
    name = {"name": name_of(number), "who": dict(epithet.who), "epithet": epithet.key}
    if tell.few(n):
        return {"name": [tell.say("name", "small", values=name)], "story": [], "notes": []}
    return {
        "name": [tell.say("name", values=name)],
        "story": [tell.say("story", story=dict(epithet.story))],
        "notes": [tell.say("average", values={"n": n})],
    }


def blank_claim(tell: PersonaTeller, block: str) -> Claim:
    """Say that nothing was measured for a block, and ask what would fill it."""
    asked = {f"q{i}": dict(question) for i, question in enumerate(questions(block)[:3], 1)}
    case = ("text", "ask1", "ask2", "ask3")[len(asked)]
    return tell.say("blank", case, n=0, values=asked, meta={"id": f"{block}_blank"})


def holds_claims(tell: PersonaTeller, size: Claim, since: dt.date | None, review_months: int) -> list[Claim]:
    """Say since when the segment holds, and when to look again."""
    facts, n = {"least": tell.terms.least}, size.n
    if since is None:
        holds = replace(tell.say("holds", "unknown", n=n, values=facts), value=None)
    else:
        holds = tell.say("holds", of=since.isoformat(), n=n, values=facts, since=since.isoformat())
    day = f"{pd.Timestamp(tell.terms.as_of) + pd.DateOffset(months=review_months):%Y-%m-%d}"
    return [holds, tell.say("review", of=day, n=n, day=day, months=review_months, rests_on=[size.id])]


def filled_claim(tell: PersonaTeller, filled: Sequence[str]) -> Claim:
    """Say how many blocks of the avatar rest on something."""
    return tell.say("filled", of=len(filled), filled=len(filled), all=len(AVATAR_BLOCKS))


def caveat_claims(tell: PersonaTeller, caveats: Iterable[Text]) -> list[Claim]:
    """Return the study's caveats as what they are: typed by a person."""
    return [tell.say("caveat", caveat=text, meta={"id": f"caveat{i}"}) for i, text in enumerate(caveats, 1)]


def is_more(claim: Claim) -> bool:
    """Say whether a category is clearly bought more than by all others."""
    return claim.status == "measured" and claim.unit == "ratio" and (claim.low or 0) > 1


def advice_claims(tell: PersonaTeller, segment: str, slots: Mapping[str, Sequence[Claim]]) -> list[Claim]:
    """Return what to say and when, each by a rule from what is clear."""
    more = [claim for claim in slots["categories"] if is_more(claim) and is_specific(str(claim.values["raw"]))]
    found = [tell.say("advice_lead", category=claim.values["category"], rests_on=[claim.id]) for claim in more[:1]]
    figures = [c for slot in ("behaviour", "price", "facts") for c in slots[slot] if c.kind == "difference"]
    clear = {str(c.values.get("which")): c for c in figures if c.status == "measured"}
    for key in _ADVICE:
        if (seen := clear.get(key.removeprefix("advice_"))) is not None and abs(float(seen.value or 0)) >= WORTH_ACTING:
            found.append(tell.say(key, "more" if float(seen.value or 0) > 0 else "less", rests_on=[seen.id]))
    actions = {s.key: s.action for s in load_segment_rules().segments}
    if segment in actions:
        found.append(tell.say("advice_segment", action=actions[segment], rests_on=[slots["size"][0].id]))
    return found if len(found) <= MOST_ADVICE else [*found[: MOST_ADVICE - 1], found[-1]]


def month_claims(month: PersonaMonth, terms: Terms) -> list[Claim]:
    """Return ``personas.finding``; ``blanks``; ``changes``; ``change.KEY`` and ``gone.KEY`` of each persona."""
    tell = Teller(__package__, SLUG, NOTEBOOK, terms)
    shown = [p for p in month.personas if p.n is not None]
    if not shown:
        return [tell.say("finding", month.reason or "none", of=0, values={"least": terms.least})]
    return [_finding(tell, shown, month), _blanks(tell, shown), *_changes(tell, month)]


def _finding(tell: Teller, shown: Sequence[Persona], month: PersonaMonth) -> Claim:
    """Name the persona that brings more than its share, by most."""
    sizes = {p.key: p.slots["size"][0] for p in shown}
    brings = {p.key: sizes[p.key].values.get("share_revenue", 0.0) - sizes[p.key].values["share"] for p in shown}
    top = max(shown, key=lambda p: (brings[p.key], -p.place))
    size = sizes[top.key].values
    values = {
        "k": len(shown), "name": dict(top.name), "segment": top.title, "share": size["share"],
        "n_small": len(month.personas) - len(shown), "least": tell.terms.least, "orders": month.searched_from,
    }  # fmt: skip
    case = "largest"
    if "share_revenue" in size and brings[top.key] > 0:
        values["revenue"] = size["share_revenue"]
        case = "found" if month.searched_from > 1 else "text"
    return tell.say("finding", case, of=len(shown), n=len(shown), values=values, rests_on=[sizes[top.key].id])


def _blanks(tell: Teller, shown: Sequence[Persona]) -> Claim:
    """Say how many blocks of the avatar nobody measured, and how many questions would fill them."""
    empty = [b for b in AVATAR_BLOCKS if not any(b in p.filled for p in shown)]
    asked = sum(len(questions(b)[:3]) for b in empty if nothing_measured(b, shown))
    filled = len(AVATAR_BLOCKS) - len(empty)
    case = "text" if asked else "nothing_to_ask"
    return tell.say("blanks", case, of=filled, filled=filled, all=len(AVATAR_BLOCKS), questions=asked)


def _changes(tell: Teller, month: PersonaMonth) -> Iterator[Claim]:
    if month.earlier is None or month.changes.empty:
        yield tell.say("changes", "none")
        return
    n = Counter(month.changes["state"])
    values: dict[str, Any] = {"kept": n["kept"] + n["changed"], "changed": n["changed"], "new": n["new"] + n["split"]}
    values |= {"gone": n["gone"] + n["merged"], "earlier": str(month.earlier), "least": tell.terms.least}
    method = {"method": tell.phrase("matched", month.basis)}
    case = "text" if values["changed"] or values["new"] or values["gone"] else "same"
    yield tell.say("changes", case, of=values["kept"], n=len(month.changes), values=values, meta=method)
    titles = {s.key: s.name for s in load_segment_rules().segments} | {p.segment: p.title for p in month.personas}
    for row in month.changes.dropna(subset=["name_number"]).to_dict("records"):
        yield _change(tell, row, titles, month, method)


def _change(
    tell: Teller, row: Mapping[Any, Any], titles: Mapping[str, Any], month: PersonaMonth, method: Mapping[str, str]
) -> Claim:  # fmt: skip
    state, here = str(row["state"]), row["state"] not in ("gone", "merged")
    values: dict[str, Any] = {
        "name": name_of(int(row["name_number"])), "earlier": str(month.earlier), "state": state,
        "least": tell.terms.least, "revenue": 0.0, "revenue_before": 0.0,  # where nobody has paid anything
    }  # fmt: skip
    for key in ("segment", "segment_before"):
        values[key] = titles.get(row[key], row[key]) if isinstance(row[key], str) else ""
    values |= {key: row[column] for key, column in _NUMBERS.items() if pd.notna(row[column])}
    if state == "changed":
        values |= {"came": row["came"], "went": row["went"]}
    n = int(values["n" if here else "n_before"])
    suffix = code_of(row["segment" if here else "segment_before"])
    return tell.say("change" if here else "gone", state, n=n, suffix=suffix, values=values, meta=method)
