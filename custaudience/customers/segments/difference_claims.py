"""What sets groups apart from all other customers, as claims: by their making, by the rest of behaviour, as people."""

from __future__ import annotations

from typing import Any

import pandas as pd

from custaudience.customers.segments.search import CustomerGroups
from custaudience.customers.segments.tables import KIN_OF_BASKETS, WORTH, profile_table
from custaudience.customers.segments.wording import SLUG, difference_values, group_values
from custaudience.evidence import Claim, status_of_difference, template

ENOUGH = 30  # customers on both sides
_METHODS = {
    "apart": template(
        "The largest of all differences (Cliff's delta) in what the groups were made from: by their making they differ "
        "in it, the interval says how much."
    ),
    "besides": template(
        "The largest of all differences (Cliff's delta) in what the groups were not made from; false discoveries held "
        "to 5 in 100 over all comparisons."
    ),
    "people": template(
        "The largest of all differences in what is known of people beside their orders; false discoveries held to 5 in "
        "100 over all comparisons. Known for some only: those who answered."
    ),
}


def difference_claims(groups: CustomerGroups, rows: pd.DataFrame, currency: str, common: dict[str, Any]) -> list[Claim]:
    """Return for each group what sets it apart from all others: up to three differences with their intervals.

    Parameters
    ----------
    groups : CustomerGroups
    rows : DataFrame
        From `group_table`.
    currency : str
    common : dict
        Source, date and notebook of the claims.
    """
    if groups.profiles is None:
        return []
    table = profile_table(groups.profiles, groups.features)
    enough = (table[["n", "n_others"]].astype("Float64") >= ENOUGH).all(axis=1)
    clear = table[(table["status"] == "measured") & enough & (table["effect"].abs() >= WORTH)]
    made = clear["made_from"].astype(bool)
    kin = clear["feature"].isin(KIN_OF_BASKETS) if groups.plan.view == "baskets" else made
    kinds = {
        "apart": clear[made & (clear["effect"] > 0)],
        "besides": clear[~made & ~kin & (clear["kind"] != "attribute")],
        "people": clear[~made & (clear["kind"] == "attribute")],
    }
    claims = []
    for row in rows.to_dict("records"):
        for key, candidates in kinds.items():
            mine = candidates[candidates["group"] == row["group"]]
            if len(mine):
                claims.append(_claim(key, _strongest(mine), row, currency, groups.profiles.level, common))
    return claims


def _strongest(rows: pd.DataFrame) -> dict[Any, Any]:
    order = rows.assign(size=rows["effect"].abs()).sort_values("size", ascending=False, kind="stable")
    return order.drop(columns="size").iloc[0].to_dict()


def _claim(
    key: str, row: dict[Any, Any], group: dict[Any, Any], currency: str, level: float, common: dict[str, Any]
) -> Claim:
    text, values = difference_values(row, currency)
    n = int(row["n"])
    return Claim(
        id=f"{SLUG}.{key}.{str(group['group']).lower()}",
        template=text,
        values={**values, **group_values(group, short=True)},
        kind="difference",
        statistic="group_difference",
        value=float(row["difference"]),
        unit=currency if row["unit"] == "currency" else str(row["unit"]) or str(row["statistic"]),
        low=float(row["low"]),
        high=float(row["high"]),
        level=level,
        n=n,
        base=template("All customers of the other groups, of whom it is known."),
        status=status_of_difference(float(row["low"]), float(row["high"]), n),
        method=_METHODS[key],
        **common,
    )
