"""What a report may say of pairs of things: how many are found, the strongest, and the one that misleads."""

from __future__ import annotations

from typing import Any

import pandas as pd

from custaudience.customers.affinity.offers import directed_pairs, misleading_pair, strong_pairs
from custaudience.customers.affinity.pairs import ProductPairs
from custaudience.evidence import Claim, status_of_difference, template

SLUG = "cross_sell"
_PAIR_METHOD = template(
    "Times as often in one basket as if the two were unrelated; interval of the logarithm over customers, so that "
    "one loyal customer's many baskets count once; false discoveries held to 5 in 100 over all pairs tested."
)


def pair_claims(
    pairs: ProductPairs, *, min_lift: float, notebook: str, key: str = "", min_group_size: int = 10, level: float = 0.95
) -> list[Claim]:
    """Return what may be said of pairs: how many are found, the strongest, and the one that misleads.

    Parameters
    ----------
    pairs : ProductPairs
        Its names are those a reader sees.
    min_lift : float
        What counts as strong.
    key : str
        Put before the keys, to tell levels apart: "" or "product".
    min_group_size : int
        A study of fewer customers is not counted.
    level : float
        Of the intervals in `pairs`.
    """
    common: dict[str, Any] = {"source": "transactions, products", "as_of": pairs.as_of, "notebook": notebook}
    prefix = f"{SLUG}.{key}_" if key else f"{SLUG}."
    if not pairs.n_tested or pairs.n_customers < min_group_size:
        return [_none(pairs, f"{prefix}pairs", common)]
    strong = strong_pairs(pairs.table, min_lift=min_lift)
    claims = [_found(pairs, len(strong), min_lift, f"{prefix}pairs", common)]
    both = directed_pairs(pairs.table)
    if len(strong):
        top = strong.iloc[0]
        names = both["bought"].isin([top["item_a"], top["item_b"]]) & both["other"].isin([top["item_a"], top["item_b"]])
        row = both[names].sort_values(["confidence", "bought"], ascending=[False, True]).iloc[0]
        text = template(
            "“{bought:text}” and “{other:text}” stand in one basket {lift:number1} times as often as if unrelated "
            "({low:number1} to {high:number1}); {n:count} customers bought both. {confidence:percent} of baskets with "
            "the first hold the second."
        )
        claims.append(_lift(row, text, f"{prefix}strongest", "lift", level, common))
    trap = misleading_pair(pairs.table)
    if trap is not None:
        less = trap["lift_high"] < 1
        text = (
            template(
                "{confidence:percent} of baskets with “{bought:text}” hold “{other:text}”, yet of all baskets "
                "{share:percent} do: together less often than chance makes them ({lift:number2} times, "
                "{low:number2} to {high:number2})."
            )
            if less
            else template(
                "{confidence:percent} of baskets with “{bought:text}” hold “{other:text}”, but of all baskets "
                "{share:percent} do: no clear sign that the two go together ({lift:number2} times, {low:number2} to "
                "{high:number2})."
            )
        )
        claims.append(_lift(trap, text, f"{prefix}trap", "confidence", level, common))
    return claims


def _found(pairs: ProductPairs, n_strong: int, min_lift: float, id_: str, common: dict[str, Any]) -> Claim:
    n_more = int((pairs.table["verdict"] == "more often").sum())
    n_less = int((pairs.table["verdict"] == "less often").sum())
    return Claim(
        id=id_,
        template=template(
            "Of {tested:count} {tested:plural pair|pairs} looked at, {n:count} {n:plural stands|stand} in one basket "
            "more often than chance and {less:count} less often. {strong:count} {strong:plural is|are} strong: at "
            "least {times:number} times as often. "
            "A large basket holds a bit of everything, so a small excess means little."
        ),
        values={"tested": pairs.n_tested, "n": n_more, "less": n_less, "strong": n_strong, "times": min_lift},
        kind="count",
        statistic="lift",
        value=n_strong,
        unit="pairs",
        n=pairs.n_customers,
        method=_PAIR_METHOD,
        **common,
    )


def _none(pairs: ProductPairs, id_: str, common: dict[str, Any]) -> Claim:
    return Claim(
        id=id_,
        template=template(
            "No two things were bought often enough to be looked at as a pair: each would have to be in {needed:count} "
            "baskets."
        ),
        values={"needed": pairs.min_baskets},
        kind="count",
        statistic="lift",
        value=None,
        unit="pairs",
        n=None,
        status="too_few",
        method=_PAIR_METHOD,
        **common,
    )


def _lift(row: pd.Series, text: str, id_: str, statistic: str, level: float, common: dict[str, Any]) -> Claim:
    n, lift = int(row["n_customers"]), float(row["lift"])
    low, high = float(row["lift_low"]), float(row["lift_high"])
    values = {
        "bought": row["bought"],
        "other": row["other"],
        "confidence": float(row["confidence"]),
        "share": float(row["share_other"]),
        "lift": lift,
        "low": low,
        "high": high,
        "n": n,
    }
    return Claim(
        id=id_,
        template=text,
        values=values,
        kind="estimate",
        statistic=statistic,
        value=lift,
        unit="times",
        low=low,
        high=high,
        level=level,
        n=n,
        status=status_of_difference(low, high, n, at_least=10, unit="times"),
        method=_PAIR_METHOD,
        base=template("Baskets up to the date; a basket holds a thing once, however many pieces."),
        **common,
    )
