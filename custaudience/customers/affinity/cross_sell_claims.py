"""What a report may say of cross-selling: who misses what goes with a purchase, who buys at an even pace."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import pandas as pd

from custaudience.customers.affinity.cross_sell import MissedCrossSell, RegularBuyers
from custaudience.customers.affinity.offers import Offer
from custaudience.evidence import Claim, status_of_difference, template

SLUG = "cross_sell"
NO_PRODUCTS = template("the order lines do not say what was bought")
NOTHING_BOUGHT = template("nothing had been bought by then")
NO_PAIR = template("no pair is bought together often enough to speak of")
NOT_SOLD = template("what was asked for was not bought by then")
TABLE_WORDS = (
    template("missed"),
    template("bought"),
    template("window not over"),
    template("window begins before the data"),
    template("more often"),
    template("less often"),
    template("too few"),
    template("kind"),
    template("product"),
)
"""What the cells of the published tables say, for the catalogues."""
_MISSED_METHOD = template(
    "Each customer's last purchase of the thing, and what they bought so many days before and after; refunded in "
    "full is not bought. Value: customers who bought none, times the mean spending on it of those who did; "
    "bootstrap over customers."
)


def refusal_claim(reason: str, *, as_of: dt.date, notebook: str, detail: str = "") -> Claim:
    """Return the claim that takes the place of the finding; `reason` is one of the sentences of this module."""
    return Claim(
        id=f"{SLUG}.finding",
        template=template("Who misses something that goes with their purchase cannot be told here: {reason:term}."),
        values={"reason": reason, "detail": detail},
        kind="count",
        statistic="missed_cross_sell",
        value=None,
        unit="customers",
        n=None,
        status="too_few",
        source="transactions, products",
        as_of=as_of,
        notebook=notebook,
        method=_MISSED_METHOD,
    )


def missed_claims(
    missed: MissedCrossSell, offer: Offer, *, currency: str, min_group_size: int, notebook: str, level: float = 0.95
) -> list[Claim]:
    """Return who bought a thing without what goes with it, the finding first.

    Parameters
    ----------
    missed : MissedCrossSell
    offer : Offer
        What it was asked about.
    currency, min_group_size, notebook, level
        What the figures were made with; groups under `min_group_size` are named but not counted.
    """
    common: dict[str, Any] = {"source": "transactions, products", "as_of": missed.as_of, "notebook": notebook}
    least = min_group_size
    words: dict[str, Any] = {
        "bought": _listed(offer.bought),
        "missing": _listed(offer.goes_with),
        "days": missed.window_days,
        "least": least,
    }
    n_bought = missed.n_seen - missed.n_missed
    if 0 < missed.n_missed < least or 0 < n_bought < least or missed.n_seen < least:
        return [_too_few(words, common), *_not_judged(missed, words, least, common)]
    goes_together = missed.difference_low > 0
    claims = [
        _finding(missed, words, currency, level, common) if goes_together else _nothing_missed(missed, words, common),
        *([_versus(missed, words, level, common)] if missed.n_elsewhere >= least else []),
        *_not_judged(missed, words, least, common),
    ]
    if goes_together and missed.n_missed:
        claims.append(_advice(missed, words, common))
    return claims


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _too_few(words: dict[str, Any], common: dict[str, Any]) -> Claim:
    return Claim(
        id=f"{SLUG}.finding",
        template=template(
            "“{bought:text}” without “{missing:text}”: fewer than {least:count} customers on one side, too few to say."
        ),
        values=words,
        kind="count",
        statistic="missed_cross_sell",
        value=None,
        unit="customers",
        n=None,
        status="too_few",
        method=_MISSED_METHOD,
        **common,
    )


def _finding(
    missed: MissedCrossSell, words: dict[str, Any], currency: str, level: float, common: dict[str, Any]
) -> Claim:
    values = words | {"n": missed.n_missed, "seen": missed.n_seen, "share": 1 - missed.share_bought}
    shared: dict[str, Any] = {"n": missed.n_missed, "statistic": "value_if_bought", "method": _MISSED_METHOD} | common
    if missed.value == missed.value and missed.n_missed:
        return Claim(
            id=f"{SLUG}.finding",
            template=template(
                "{n:count} of {seen:count} customers who bought “{bought:text}” took nothing of “{missing:text}” "
                "within {days:count} days before or after. If they bought as similar customers do, that would be "
                "{value:money0} ({low:money0} to {high:money0}); not what an offer adds."
            ),
            values=values
            | {"value": missed.value, "low": missed.value_low, "high": missed.value_high, "currency": currency},
            kind="estimate",
            value=missed.value,
            unit=currency,
            low=missed.value_low,
            high=missed.value_high,
            level=level,
            **shared,
        )
    return Claim(
        id=f"{SLUG}.finding",
        template=template(
            "{n:count} of {seen:count} customers who bought “{bought:text}” took nothing of “{missing:text}” within "
            "{days:count} days before or after."
        ),
        values=values,
        kind="count",
        value=missed.n_missed,
        unit="customers",
        **(shared | {"statistic": "missed_cross_sell"}),
    )


def _nothing_missed(missed: MissedCrossSell, words: dict[str, Any], common: dict[str, Any]) -> Claim:
    """Say that those who bought the thing take the other no more often than anybody."""
    return Claim(
        id=f"{SLUG}.finding",
        template=template(
            "Customers who bought “{bought:text}” take “{missing:text}” no more often than the others do: nobody "
            "misses anything, and no list is made."
        ),
        values=words,
        kind="count",
        statistic="missed_cross_sell",
        value=missed.n_seen,
        unit="customers",
        n=missed.n_seen,
        status="no_clear_difference",
        method=_MISSED_METHOD,
        **common,
    )


def _versus(missed: MissedCrossSell, words: dict[str, Any], level: float, common: dict[str, Any]) -> Claim:
    values = words | {
        "share": missed.share_bought,
        "elsewhere": missed.share_elsewhere,
        "difference": missed.difference,
        "low": missed.difference_low,
        "high": missed.difference_high,
    }
    return Claim(
        id=f"{SLUG}.goes_with",
        template=template(
            "Of the customers who bought “{bought:text}” {share:percent} took some of “{missing:text}” within "
            "{days:count} days, of all others {elsewhere:percent} around their last order: {difference:points1} "
            "({low:points1} to {high:points1})."
        ),
        values=values,
        kind="difference",
        statistic="missed_cross_sell",
        value=missed.difference,
        unit="fraction",
        low=missed.difference_low,
        high=missed.difference_high,
        level=level,
        n=missed.n_seen,
        status=status_of_difference(missed.difference_low, missed.difference_high, missed.n_seen, at_least=10),
        method=template("Difference of two shares of customers, Newcombe's interval."),
        **common,
    )


def _not_judged(missed: MissedCrossSell, words: dict[str, Any], least: int, common: dict[str, Any]) -> list[Claim]:
    counts = missed.table.set_index("state")["n_customers"]
    waiting = int(counts["window not over"] + counts["window begins before the data"])
    if waiting < least:
        return []
    return [
        Claim(
            id=f"{SLUG}.not_judged",
            template=template(
                "{n:count} more {n:plural customer|customers} bought “{bought:text}” too near to the edge of the data "
                "to be judged: their {days:count} days are not all in sight."
            ),
            values=words | {"n": waiting},
            kind="count",
            statistic="censoring",
            value=waiting,
            unit="customers",
            n=waiting,
            method=_MISSED_METHOD,
            **common,
        )
    ]


def _advice(missed: MissedCrossSell, words: dict[str, Any], common: dict[str, Any]) -> Claim:
    return Claim(
        id=f"{SLUG}.remind",
        template=template(
            "Remind the {n:count} of “{missing:text}”, keep a random part of them out, and count a month later what "
            "the reminder added."
        ),
        values=words | {"n": missed.n_missed},
        kind="advice",
        status="advice",
        statistic="missed_cross_sell",
        value=missed.n_missed,
        unit="customers",
        n=missed.n_missed,
        method=template(
            "Rule: bought the one without the other, and those who bought the one take the other clearly more often "
            "than everybody else. Some bought it elsewhere or do not need it."
        ),
        rests_on=(f"{SLUG}.finding", f"{SLUG}.goes_with"),
        **common,
    )


def regular_claims(
    regular: RegularBuyers, items: pd.DataFrame, *, min_group_size: int, min_orders: int, notebook: str
) -> list[Claim]:
    """Return how many buy something at an even pace, what most of them buy, and who is due.

    Parameters
    ----------
    regular : RegularBuyers
    items : DataFrame
        From `regular_items`.
    min_group_size, min_orders, notebook
        What the figures were made with.
    """
    common: dict[str, Any] = {
        "source": "transactions, products",
        "as_of": regular.as_of,
        "notebook": notebook,
        "kind": "count",
        "statistic": "regular_buying",
        "unit": "customers",
        "method": template(
            "Gaps between the days of buying one thing, more even than chance makes them (Moran 1951, false "
            "discoveries held to 5 in 100) and varying by no more than half of their mean."
        ),
    }
    table, tested = regular.table, regular.n_customers_tested
    values: dict[str, Any] = {"least": min_group_size, "times": min_orders}
    if tested >= min_group_size:
        values["tested"] = tested
    n = int(table["customer_id"].nunique())
    if tested < min_group_size or 0 < n < min_group_size:
        text = (
            template(
                "Fewer than {least:count} customers bought one thing on {times:count} days or more: no rhythm can be "
                "told."
            )
            if tested < min_group_size
            else template(
                "Fewer than {least:count} of the {tested:count} customers who bought one thing on {times:count} days "
                "or more do so at an even pace."
            )
        )
        return [
            Claim(
                id=f"{SLUG}.regular", template=text, values=values, value=None, n=None, status="too_few", **common
            )
        ]  # fmt: skip
    late = table["overdue"].astype("bool")
    due = table["next_due_on"].le(pd.Timestamp(regular.as_of)) & ~late
    n_due, n_late = (int(table.loc[which, "customer_id"].nunique()) for which in (due, late))
    text = template(
        "{n:count} of the {tested:count} customers who bought one thing on {times:count} days or more do so at an even "
        "pace."
    )
    if min(n_due, n_late) >= min_group_size:
        text = template(
            "{n:count} of the {tested:count} customers who bought one thing on {times:count} days or more do so at an "
            "even pace. For {due:count} of them something is due now; {late:count} are overdue by their own gaps."
        )
        values |= {"due": n_due, "late": n_late}
    claims = [Claim(id=f"{SLUG}.regular", template=text, values=values | {"n": n}, value=n, n=n, **common)]
    known = items.dropna(subset=["item"])
    if len(known):
        top = known.iloc[0]
        claims.append(
            Claim(
                id=f"{SLUG}.regular_most",
                template=template(
                    "Most often it is “{item:text}”: {n:count} customers, usually every {gap:number} days."
                ),
                values={"item": top["item"], "n": int(top["n_customers"]), "gap": float(top["usual_gap_days"])},
                value=int(top["n_customers"]),
                n=int(top["n_customers"]),
                **common,
            )
        )
    return claims
