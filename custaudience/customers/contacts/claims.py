"""What a report may say of lists to write to: how many, who agreed, what they do by themselves, how to judge it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pandas as pd

from custaudience.customers.contacts.lists import LIST_NAMES, LISTS, ContactLists, count_lists, count_overlap
from custaudience.customers.contacts.outcomes import MIN_ARM, hold_out_needed
from custaudience.evidence import Claim, Estimate, Terms
from custaudience.telling import Teller

SLUG, NOTEBOOK = "whom_to_write_to", "37_whom_to_write_to.ipynb"
_VERDICTS = {"measured": "text", "no_clear_difference": "unclear", "too_few": "open"}


def teller(terms: Terms) -> Teller:
    """Return who tells what notebook 37 found."""
    return Teller(__package__, SLUG, NOTEBOOK, terms)


def contact_claims(
    lists: ContactLists, before: pd.DataFrame, terms: Terms, *, after: dt.date, effect: float
) -> list[Claim]:
    """Return the claims of notebook 37, the finding first; they hold counts and no customer.

    `before` is what `look_back` says of the same lists at `after`; `effect` the rise of the share who order that a
    hold-out is to show, as a fraction.
    """
    tell = teller(terms)
    counts, past = count_lists(lists.table).set_index("list"), before.set_index("list")
    listed, may = counts["n_customers"], counts["n_customers"] - counts["n_may_not"]
    on_list = lists.table[lists.table["list"] == "regular"]
    late = int(on_list["reason_key"].str.endswith("_late").sum())
    return [
        _finding(tell, int(listed["any"]), int(may["any"]), known=lists.n_agreed is not None),
        _overdue(tell, lists, int(listed["overdue"])),
        *_missing(tell, lists, int(listed["missing"]), int(may["missing"])),
        _regular(tell, len(on_list), late, lists.n_regular_tested),
        _consent(tell, lists, int(listed["any"]), int(may["any"])),
        _overlap(tell, count_overlap(lists.table)),
        *(_before(tell, name, past.loc[name], after) for name in (*LISTS, "any") if name in past.index),
        *_values(tell, past, may, after),
        _power(tell, int(may["any"]), past, effect),
    ]


def _count(tell: Teller, key: str, case: str, n: int, **facts: Any) -> Claim:
    return tell.say(key, case, n=n, values={"n": n} | facts)


def _finding(tell: Teller, n: int, may: int, *, known: bool) -> Claim:
    facts: dict[str, Any] = {"may": may, "no": n - may, "part": may / n if n else 0.0, "list": LIST_NAMES["any"]}
    case = "nobody" if not n else "unknown" if not known else {0: "none", n: "all"}.get(may, "text")
    if n and known and tell.few(may, n - may):
        case, facts = "few_agreed", {"list": LIST_NAMES["any"]}
    return _count(tell, "finding" if known else "finding_without_consent", case, n, **facts)


def _overdue(tell: Teller, lists: ContactLists, n: int) -> Claim:
    facts: dict[str, Any] = {"all": lists.n_customers, "list": LIST_NAMES["overdue"]}
    if lists.n_lost and not tell.few(lists.n_lost):
        return _count(tell, "overdue", "and_lost", n, lost=lists.n_lost, **facts)
    return _count(tell, "overdue", "text", n, **facts)


def _missing(tell: Teller, lists: ContactLists, n: int, may: int) -> Iterator[Claim]:
    offer, missed = lists.offer, lists.missed
    if offer is None or missed is None:
        yield tell.say("missing", "refused", reason=lists.refused.get("missing", ""))
        return
    words: dict[str, Any] = {"bought": ", ".join(offer.bought), "missing": ", ".join(offer.goes_with)}
    words |= {"window": missed.window_days, "list": LIST_NAMES["missing"]}
    yield _count(tell, "missing", "text" if n else "nobody", n, **words)
    spend = missed.spend
    if may and not tell.few(may) and spend.value > 0:  # NaN where too few bought
        value = Estimate(may * spend.value, may * spend.low, may * spend.high, spend.level, spend.n)
        yield tell.say("missing_value", of=value, may=may, **words)


def _regular(tell: Teller, n: int, late: int, tested: int) -> Claim:
    facts: dict[str, Any] = {"late": late, "tested": tested, "list": LIST_NAMES["regular"]}
    if n and tell.few(late, n - late):
        return _count(tell, "regular", "few_late", n, list=facts["list"])
    return _count(tell, "regular", "text" if n else "nobody", n, **facts)


def _consent(tell: Teller, lists: ContactLists, listed: int, may: int) -> Claim:
    n, agreed = lists.n_customers, lists.n_agreed
    if agreed is None:  # a fact about the study, not a figure that too few customers carry
        return tell.say("consent", "unknown")
    facts: dict[str, Any] = {"all": n, "part": agreed / n, "list": LIST_NAMES["any"]}
    if listed and not tell.few(listed, may, listed - may):
        return _count(tell, "consent", "and_listed", agreed, part_listed=may / listed, **facts)
    return _count(tell, "consent", "text", agreed, **facts)


def _overlap(tell: Teller, counts: pd.DataFrame) -> Claim:
    several = int(counts.loc[counts["n_lists"] > 1, "n_customers"].sum())
    if not several:
        return _count(tell, "overlap", "nobody", 0)
    return _count(tell, "overlap", "text", several, all=int(counts["n_customers"].sum()))


def _before(tell: Teller, name: str, row: pd.Series, after: dt.date) -> Claim:
    value, low, high = map(float, row[["share", "low", "high"]])
    share = Estimate(value, low, high, tell.terms.level, int(row["n_customers"]))
    words: dict[str, Any] = {"list": LIST_NAMES[name], "day": after.isoformat(), "least": tell.terms.least}
    key = "before_any" if name == "any" else "before"
    return tell.say(key, of=share, people=share.n, suffix=name, **words)


def _values(tell: Teller, past: pd.DataFrame, may: pd.Series, after: dt.date) -> Iterator[Claim]:
    """Yield what each list is worth if its customers do as those of the earlier list did."""
    days = (tell.terms.as_of - after).days
    for name in past.index.intersection(LISTS):
        row, n = past.loc[name], int(may[name])
        if n and not tell.few(n) and pd.notna(row["revenue_each"]):
            each, low, high = map(float, row[["revenue_each", "revenue_low", "revenue_high"]])
            value = Estimate(n * each, n * low, n * high, tell.terms.level, int(row["n_customers"]))
            facts = {"n": n, "list": LIST_NAMES[name], "day": after.isoformat(), "days": days, "each": each}
            yield tell.say("value", of=value, suffix=name, values=facts)


def _power(tell: Teller, n: int, past: pd.DataFrame, effect: float) -> Claim:
    """Advise how many to hold out, and what that would show."""
    half = n // 2
    if not half or "any" not in past.index or tell.few(half, int(past.loc["any", "n_customers"])):
        return tell.say("power", "refused")
    base = float(past.loc["any", "share"])
    needed = hold_out_needed(n, base, effect)
    case, held = ("hopeless", half) if needed is None else ("text", max(needed, MIN_ARM))
    facts = {"points": round(100 * effect, 1), "base": base, "held": held, "n": n}
    return tell.say("power", case, of=held, n=n, values=facts, rests_on=("finding", f"{SLUG}.before.any"))


def hold_out_claims(judged: pd.DataFrame, drawn_at: dt.date, terms: Terms) -> list[Claim]:
    """Return what a hold-out drawn earlier shows, from `judge_hold_out`, everybody first."""
    tell, rows = teller(terms), {row["list"]: row for row in judged.to_dict("records")}
    return [_hold_out(tell, rows[name], drawn_at) for name in ("any", *LISTS) if name in rows]


def _hold_out(tell: Teller, row: dict[Any, Any], drawn_at: dt.date) -> Claim:
    name, written, held = row["list"], int(row["n_written"]), int(row["n_held_out"])
    words: dict[str, Any] = {"list": LIST_NAMES[name], "day": drawn_at.isoformat()}
    if not (written and held) or tell.few(written, held):
        return tell.say("hold_out", "few", suffix=name, **words)
    gap = Estimate(row["difference"], row["low"], row["high"], tell.terms.level, written + held)
    shares = {key: row[key] for key in ("n_written", "n_held_out", "share_written", "share_held_out")}
    case = _VERDICTS[row["verdict"]]
    return tell.say("hold_out", case, of=gap, status=row["verdict"], suffix=name, **words, **shares)
