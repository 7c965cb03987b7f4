"""What a report may say of cross-selling: who misses what goes with a purchase, which pairs, who buys evenly."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from custaudience.customers.affinity.cross_sell import MissedCrossSell, RegularBuyers
from custaudience.customers.affinity.pairs import ProductPairs, directed_pairs, misleading_pair, strong_pairs
from custaudience.evidence import Claim, Estimate, Terms, status_of_difference
from custaudience.telling import Teller

teller = partial(Teller, __package__, "cross_sell", "35_cross_sell.ipynb")


def refusal_claim(reason: str, terms: Terms, *, detail: str = "") -> Claim:
    """Return the claim that takes the place of the finding; `reason` is one of the sheet's ``[phrases.refused]``."""
    tell = teller(terms)
    return tell.say("refused", reason=tell.phrase("refused", reason), detail=detail)


def missed_claims(missed: MissedCrossSell, terms: Terms) -> list[Claim]:
    """Return who bought a thing without what goes with it, the finding first."""
    return list(_missed(teller(terms), missed))


def _missed(tell: Teller, missed: MissedCrossSell) -> Iterator[Claim]:
    words: dict[str, Any] = {"days": missed.window_days, "least": tell.terms.least}
    words |= {"bought": ", ".join(missed.offer.bought), "missing": ", ".join(missed.offer.goes_with)}
    n, seen, gap = missed.n_missed, missed.share.n or 0, missed.difference
    told = seen > 0 and not tell.few(n, seen - n)
    if not told:
        yield tell.say("finding", "few", **words)
    elif not gap.low > 0:
        yield tell.say("finding", "nothing_missed", n=seen, **words)
    else:
        counts = {"n": n, "seen": seen, "share": 1 - missed.share.value}
        valued = n > 0 and pd.notna(missed.value.value)  # NaN where too few bought
        key, of = ("value", missed.value) if valued else ("finding", None)
        yield tell.say(key, of=of, n=n, values=counts | words)
    if told and missed.elsewhere.n and not tell.few(missed.elsewhere.n):
        yield tell.say("goes_with", of=gap, share=missed.share.value, elsewhere=missed.elsewhere.value, **words)
    counted = missed.table.set_index("state")["n_customers"]
    waiting = int(counted["window not over"] + counted["window begins before the data"])
    if waiting and not tell.few(waiting):
        yield tell.say("not_judged", n=waiting, **words)
    if told and gap.low > 0 and n:
        yield tell.say("remind", of=n, n=n, rests_on=("finding", "goes_with"), **words)


def pair_claims(pairs: ProductPairs, terms: Terms, *, min_lift: float, level: str = "") -> list[Claim]:
    """Return how many pairs are found, the strongest, and the one that misleads.

    Its names are those a reader sees; `min_lift` is what counts as strong; `level`, "" or "product", stands before the
    keys and tells levels apart.
    """
    tell, table = teller(terms), pairs.table
    before = f"{level}_" if level else ""
    if not pairs.n_tested or tell.few(pairs.n_customers):
        return [tell.say("pairs", "none", needed=pairs.min_baskets, meta={"id": f"{before}pairs"})]
    strong, found = strong_pairs(table, min_lift=min_lift), table["verdict"].value_counts()
    counts: dict[str, Any] = {"tested": pairs.n_tested, "strong": len(strong), "times": min_lift}
    counts |= {"n": int(found.get("more often", 0)), "less": int(found.get("less often", 0))}
    claims = [tell.say("pairs", of=len(strong), n=pairs.n_customers, values=counts, meta={"id": f"{before}pairs"})]
    if len(strong):
        names, both = set(strong.loc[0, ["item_a", "item_b"]]), directed_pairs(table)
        sides = both[both["bought"].isin(names) & both["other"].isin(names)]
        row = sides.sort_values(["confidence", "bought"], ascending=[False, True]).iloc[0]
        claims.append(_lift(tell, "strongest", "text", row, f"{before}strongest"))
    if (trap := misleading_pair(table)) is not None:
        claims.append(_lift(tell, "trap", "less" if trap["lift_high"] < 1 else "text", trap, f"{before}trap"))
    return claims


def _lift(tell: Teller, key: str, case: str, row: pd.Series, name: str) -> Claim:
    value, low, high = map(float, row[["lift", "lift_low", "lift_high"]])
    lift = Estimate(value, low, high, tell.terms.level, int(row["n_customers"]))
    status = status_of_difference(low, high, lift.n or 0, at_least=10, unit="times")
    values = {"bought": row["bought"], "other": row["other"], "confidence": float(row["confidence"])}
    values |= {"share": float(row["share_other"]), "n": lift.n}
    return tell.say(key, case, of=lift, status=status, values=values, meta={"id": name})


def regular_claims(regular: RegularBuyers, items: pd.DataFrame, terms: Terms) -> list[Claim]:
    """Return how many buy something at an even pace and who is due, and of `regular_items` what most of them buy."""
    return list(_regular(teller(terms), regular, items))


def _regular(tell: Teller, regular: RegularBuyers, items: pd.DataFrame) -> Iterator[Claim]:
    table, tested = regular.table, regular.n_customers_tested
    facts: dict[str, Any] = {"least": tell.terms.least, "times": regular.min_orders}
    n = table["customer_id"].nunique()
    if not tested or tell.few(tested):
        yield tell.say("regular", "few_tested", **facts)
        return
    if tell.few(n):
        yield tell.say("regular", "few_regular", tested=tested, **facts)
        return
    overdue = table["overdue"].astype("bool")
    due = table["next_due_on"].le(pd.Timestamp(regular.as_of)) & ~overdue
    n_due, n_late = (table.loc[which, "customer_id"].nunique() for which in (due, overdue))
    both = n_due and n_late and not tell.few(n_due, n_late)
    facts |= {"tested": tested} | ({"due": n_due, "late": n_late} if both else {})
    yield tell.say("regular", "due" if both else "text", n=n, **facts)
    for _, top in items.dropna(subset=["item"]).head(1).iterrows():
        yield tell.say("regular_most", n=int(top["n_customers"]), item=top["item"], gap=float(top["usual_gap_days"]))
