"""From pairs to an offer: which pairs are strong, which mislead, what to remind whom of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from custaudience.errors import DataError, near_miss

SEPARATOR = ";"
"""Stands between several things in a parameter."""


@dataclass(frozen=True)
class Offer:
    """What somebody bought, and what goes with it.

    Attributes
    ----------
    bought, goes_with : tuple of str
    chosen_by_rule : bool
        False when both were given.
    """

    bought: tuple[str, ...]
    goes_with: tuple[str, ...]
    chosen_by_rule: bool


def directed_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return each pair twice, from either side, those that too few customers bought left out.

    Parameters
    ----------
    pairs : DataFrame
        ``table`` of `product_pairs`.

    Returns
    -------
    DataFrame
        ``bought``, ``other``, ``confidence`` (of baskets with the one, the share that holds the other),
        ``n_baskets_bought`` (baskets with the one), ``share_other`` (of all baskets, those with the other),
        ``lift``, ``lift_low``, ``lift_high``, ``n_baskets``, ``n_customers`` (with both), ``verdict``.
    """
    known = pairs[pairs["verdict"] != "too few"]
    sides = [("item_a", "item_b", "confidence_a_to_b"), ("item_b", "item_a", "confidence_b_to_a")]
    kept = ["lift", "lift_low", "lift_high", "n_baskets", "n_customers", "verdict"]
    parts = [
        known[[one, other, confidence, *kept]].set_axis(["bought", "other", "confidence", *kept], axis=1)
        for one, other, confidence in sides
    ]
    both = pd.concat(parts, ignore_index=True)
    both["n_baskets_bought"] = (both["n_baskets"] / both["confidence"]).round().astype("int64")
    both["share_other"] = both["confidence"] / both["lift"]
    return both


def strong_pairs(pairs: pd.DataFrame, *, min_lift: float) -> pd.DataFrame:
    """Return the pairs whose whole interval of the lift lies above `min_lift`, those of most customers first."""
    strong = pairs[(pairs["verdict"] == "more often") & (pairs["lift_low"] >= max(min_lift, 1.0))]
    return strong.sort_values(
        ["n_customers", "lift", "item_a", "item_b"], ascending=[False, False, True, True], ignore_index=True
    )


def published_pairs(pairs: pd.DataFrame, *, min_lift: float, min_group_size: int, most: int = 200) -> pd.DataFrame:
    """Return the pairs to publish: the strong ones, the traps, and others of most customers; none of a small group.

    Parameters
    ----------
    pairs : DataFrame
        ``table`` of `product_pairs`.
    min_lift : float
        As in `strong_pairs`.
    min_group_size : int
        Pairs that fewer customers bought are left out.
    most : int
        Rows of each sort.

    Returns
    -------
    DataFrame
        ``item_a``, ``item_b``, ``strong``, ``n_customers``, ``n_baskets``, ``support``, ``confidence_a_to_b``,
        ``confidence_b_to_a``, ``lift``, ``lift_low``, ``lift_high``, ``q_value``, ``verdict``; the strong first,
        then by falling number of customers.
    """
    known = pairs[(pairs["verdict"] != "too few") & (pairs["n_customers"] >= min_group_size)]
    strong = strong_pairs(known, min_lift=min_lift)
    marked = known.assign(strong=(known["verdict"] == "more often") & (known["lift_low"] >= max(min_lift, 1.0)))
    marked["best"] = marked[["confidence_a_to_b", "confidence_b_to_a"]].max(axis=1)
    traps = marked[marked["lift_low"] <= 1].nlargest(most, ["best", "n_customers"])
    rest = marked[~marked["strong"] & ~marked.index.isin(traps.index)].nlargest(most, ["n_customers", "lift"])
    chosen = pd.concat([strong.head(most).assign(strong=True), traps, rest])
    chosen = chosen.sort_values(["strong", "n_customers", "item_a", "item_b"], ascending=[False, False, True, True])
    columns = ["item_a", "item_b", "strong", "n_customers", "n_baskets", "support", "confidence_a_to_b",
               "confidence_b_to_a", "lift", "lift_low", "lift_high", "q_value", "verdict"]  # fmt: skip
    return chosen[columns].reset_index(drop=True)


def misleading_pair(pairs: pd.DataFrame) -> pd.Series | None:
    """Return the pair with the highest confidence whose lift may be 1 or less by its interval, None without one.

    As a row of `directed_pairs`: the trap that a confidence alone sets.
    """
    both = directed_pairs(pairs)
    trap = both[both["lift_low"] <= 1].sort_values(
        ["confidence", "n_customers", "bought", "other"], ascending=[False, False, True, True]
    )
    return trap.iloc[0] if len(trap) else None


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of a parameter, which stand between semicolons.

    Examples
    --------
    >>> names_in("sand; cement;")
    ('sand', 'cement')
    """
    return tuple(dict.fromkeys(part.strip() for part in text.split(SEPARATOR) if part.strip()))


def choose_offer(
    pairs: pd.DataFrame,
    *,
    bought: str = "",
    missing: str = "",
    known: Iterable[str] | None = None,
    min_lift: float = 5.0,
    min_confidence: float = 0.5,
    most: int = 3,
) -> Offer | None:
    """Choose whom to remind of what: the thing in most baskets that has strong partners, and these partners.

    Parameters
    ----------
    pairs : DataFrame
        ``table`` of `product_pairs`.
    bought, missing : str
        Given, they are taken as they are, several between semicolons; the empty one is chosen to suit.
    known : iterable of str, optional
        Names there are; one that is not among them is refused, as nobody would ever have bought it.
    min_lift : float
        A partner's whole interval of the lift lies above it.
    min_confidence : float
        At least this share of the baskets with the thing hold the partner.
    most : int
        So many partners at most, by falling confidence.

    Returns
    -------
    Offer or None
        None when no pair is strong enough.

    Raises
    ------
    DataError
        If a thing stands on both sides, or is not known.
    """
    things, others = names_in(bought), names_in(missing)
    if twice := set(things) & set(others):
        raise DataError(f"{', '.join(sorted(twice))}: both bought and missing; take it out of one.")
    names = None if known is None else sorted({str(name) for name in known if pd.notna(name)})
    if names is not None and (odd := [name for name in (*things, *others) if name not in names]):
        raise DataError(f"{odd[0]!r} is no name of anything sold here.{near_miss(odd[0], names)}")
    if things and others:
        return Offer(things, others, chosen_by_rule=False)
    both = directed_pairs(pairs)
    strong = both[
        (both["verdict"] == "more often")
        & (both["lift_low"] >= max(min_lift, 1.0))
        & (both["confidence"] >= min_confidence)
    ]
    if things:
        strong = strong[strong["bought"].isin(things) & ~strong["other"].isin(things)]
    if others:
        strong = strong[strong["other"].isin(others) & ~strong["bought"].isin(others)]
    if strong.empty:
        return None
    if not things:
        first = strong.sort_values(["n_baskets_bought", "confidence", "bought"], ascending=[False, False, True])
        things = (str(first["bought"].iloc[0]),)
        strong = strong[strong["bought"].isin(things)]
    if not others:
        strong = strong.sort_values(["confidence", "other"], ascending=[False, True])
        others = tuple(strong["other"].drop_duplicates().head(most).astype("str"))
    return Offer(things, others, chosen_by_rule=True)


def regular_items(regular: pd.DataFrame, *, as_of: dt.date, min_group_size: int) -> pd.DataFrame:
    """Count the regular buyers of each thing, and who is due.

    Parameters
    ----------
    regular : DataFrame
        ``table`` of `regular_buyers`.
    as_of : date
    min_group_size : int
        Things with fewer regular buyers are put together as one row without a name; smaller counts are NA.

    Returns
    -------
    DataFrame, things by falling number of regular buyers, the others last
        ``item`` (NA = all others), ``n_customers``, ``usual_gap_days`` (median over customers; NA for the
        others), ``n_due`` (usual gap over, not yet overdue), ``n_overdue`` (silent for longer than their own
        gaps). In the last row a customer counts once.
    """
    today = pd.Timestamp(as_of)
    rows = regular.assign(due=(regular["next_due_on"] <= today) & ~regular["overdue"].astype("bool"))
    size = rows.groupby("item")["customer_id"].transform("nunique") if len(rows) else pd.Series(dtype="int64")
    large = rows[size >= min_group_size]
    table = large.groupby("item").agg(
        n_customers=("customer_id", "nunique"),
        usual_gap_days=("usual_gap_days", "median"),
        n_due=("due", "sum"),
        n_overdue=("overdue", "sum"),
    )
    table = table.reset_index().sort_values(["n_customers", "item"], ascending=[False, True], ignore_index=True)
    small = rows[size < min_group_size]
    if small["customer_id"].nunique() >= min_group_size:
        mine = [small[which]["customer_id"].nunique() for which in (small["due"], small["overdue"].astype("bool"))]
        last = pd.DataFrame([(None, small["customer_id"].nunique(), None, *mine)], columns=list(table.columns))
        table = pd.concat([table.astype("object"), last.astype("object")], ignore_index=True)
    counts = ["n_customers", "n_due", "n_overdue"]
    table = table.astype({"item": "str", "usual_gap_days": "float64"} | dict.fromkeys(counts, "Int64"))
    for column in counts[1:]:
        table[column] = table[column].mask(table[column].between(1, min_group_size - 1))
    return table
