"""Groups as tables a report can show: named by what sets them apart, counted, compared with all others."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pandas as pd

from custaudience.customers.drivers.names import BEHAVIOUR
from custaudience.customers.features.attributes import CATEGORY_SHARE
from custaudience.customers.segments.rules import Condition, SegmentTree, rule_text
from custaudience.evidence import suppress_small, template

if TYPE_CHECKING:
    from custaudience.customers.features.features import CustomerFeatures
    from custaudience.customers.segments.choosing_k import GroupCount
    from custaudience.customers.segments.profiles import SegmentProfiles
    from custaudience.customers.segments.stability import SegmentStability

NAMES = BEHAVIOUR | {
    "n_orders": template("Number of orders"),
    "revenue_total": template("Revenue so far"),
    "revenue_per_order": template("Revenue per order"),
}
# The codes of published columns, for `present.label`.
CODES = (
    *(template("Search"), template("Describe"), template("Not used")),
    *(template("Passed"), template("Attribute"), template("Not a number"), template("Not known for all")),
    *(template("Other view"), template("No evidence"), template("Too little data"), template("Left out")),
    *(template("Not tested"), template("Stable"), template("Unsure"), template("Dissolved")),
)
# What follows from shares of categories by its making.
KIN_OF_BASKETS = ("first_category", "first_product", "n_categories")
WORTH = 0.1  # a smaller effect (Cliff's delta, or difference of shares) changes no decision
Kind = Literal["category_share", "behaviour", "attribute", ""]


def name_of(column: str, kind: str) -> str:
    """Return what a reader calls a variable: a message, a product category, or the name of a column of the data.

    Examples
    --------
    >>> name_of("category_share: Paint", "category_share"), name_of("n_orders", "behaviour")
    ('Paint', 'Number of orders')
    """
    if kind == "category_share":
        return column.removeprefix(CATEGORY_SHARE)
    return NAMES.get(column, column) if kind != "attribute" else column


def kinds_of(features: CustomerFeatures) -> dict[str, Kind]:
    """Return the kind of each variable of the matrix."""
    kinds = features.dictionary.set_index("column")["kind"]
    return {
        str(column): "category_share" if str(column).startswith(CATEGORY_SHARE) else kind
        for column, kind in kinds.items()
    }


def profile_table(profiles: SegmentProfiles, features: CustomerFeatures, *, min_group_size: int = 10) -> pd.DataFrame:
    """Return the comparison of each group with all others, as it is published.

    Returns
    -------
    DataFrame
        ``group``, ``feature``, ``kind``, ``name``, ``unit`` and ``place``, then the columns of
        `SegmentProfiles.table` without p-values of single rows. ``place``: 1 = the feature (of a category its one
        level) that tells any group apart most; missing where no group differs clearly and noticeably, and for
        what follows from shares of categories when the groups are made from those.
    """
    table = profiles.table.rename(columns={"segment": "group"}).astype({"group": "str"})
    kinds = kinds_of(features)
    units = features.dictionary.set_index("column")["unit"]
    kind = table["feature"].map(kinds)
    table.insert(2, "kind", kind)
    table.insert(3, "name", [name_of(c, k) for c, k in zip(table["feature"], kind, strict=True)])
    table.insert(4, "unit", table["feature"].map(units).astype("str"))
    size = table["effect"].abs().where((table["status"] == "measured") & (table["effect"].abs() >= WORTH))
    row = [table["feature"], table["category"]]
    widest = size.groupby(row).transform("max")
    best = widest == widest.groupby(table["feature"]).transform("max")
    made_from_baskets = bool((table["made_from"].astype(bool) & (kind == "category_share")).any())
    telling = best & widest.notna() & ~(table["feature"].isin(KIN_OF_BASKETS) & made_from_baskets)
    first = table.assign(size=widest)[telling].sort_values("size", ascending=False, kind="stable")
    first = first.drop_duplicates("feature")[["feature", "category"]].reset_index(drop=True)
    first["place"] = pd.array(range(1, len(first) + 1), dtype="Int64")
    table = table.merge(first, on=["feature", "category"], how="left", validate="many_to_one")
    table.insert(5, "place", table.pop("place"))
    labels = ["group", "feature", "kind", "name", "unit", "place", "category", "statistic", "made_from", "status"]
    return suppress_small(
        table.drop(columns=["p_value"]), n="n", min_group_size=min_group_size, keep=labels, counts=["n_others"]
    )


def about_groups(table: pd.DataFrame) -> pd.DataFrame:
    """Say what each group has most of, against all others; for names.

    Parameters
    ----------
    table : DataFrame
        From `profile_table`.

    Returns
    -------
    DataFrame, one row per group that differs clearly in what groups were made from, or in another category
        ``group``, ``about`` (a name), ``direction`` ("more" or "less").
    """
    made = table["made_from"].astype(bool)
    if (table.loc[made, "kind"] == "category_share").any():  # a category that did not enter names a group as well
        made |= table["kind"] == "category_share"
    clear = table[(table["status"] == "measured") & made]
    clear = clear.assign(up=clear["effect"] > 0, size=clear["effect"].abs())
    first = clear.sort_values(["up", "size"], ascending=False, kind="stable").drop_duplicates("group")
    direction = first["up"].map({True: "more", False: "less"}).astype("str")
    result = pd.DataFrame({"group": first["group"], "about": first["name"], "direction": direction})
    return result.sort_values("group", kind="stable", ignore_index=True)


def group_table(
    labels: pd.DataFrame,
    features: CustomerFeatures,
    profiles: SegmentProfiles | None,
    stability: SegmentStability | None = None,
    *,
    min_group_size: int = 10,
) -> pd.DataFrame:
    """Count groups and what they bring.

    Parameters
    ----------
    labels : DataFrame
        As `CustomerGroups.labels`.
    features : CustomerFeatures
    profiles, stability
        Of the same groups.
    min_group_size : int
        Groups of fewer customers stand without figures.

    Returns
    -------
    DataFrame, one row per group, most valuable first
        ``group``, ``about``, ``direction``; ``n_customers`` (of those searched) and ``share_of_customers``;
        ``revenue_total``, ``share_of_revenue`` (of the searched; NaN when it is not positive) and
        ``revenue_per_customer``; ``n_placed`` (customers with fewer orders put there by the same rule); ``jaccard``,
        ``jaccard_low``, ``jaccard_high``, ``verdict`` of `segment_stability`, missing without it.
    """
    worth = features.table.set_index("customer_id")["revenue_total"]
    table = labels.assign(revenue=worth.reindex(labels["customer_id"]).to_numpy())
    inside = table[table["searched"]].groupby("group", observed=False)
    result = pd.DataFrame({"n_customers": inside.size(), "revenue_total": inside["revenue"].apply(math.fsum)})
    result = result.rename_axis("group").reset_index().astype({"group": "str"})
    total = math.fsum(result["revenue_total"])
    result.insert(2, "share_of_customers", result["n_customers"] / result["n_customers"].sum())
    result["share_of_revenue"] = result["revenue_total"] / total if total > 0 else math.nan
    result["revenue_per_customer"] = result["revenue_total"] / result["n_customers"].where(result["n_customers"] > 0)
    others = table[~table["searched"]].groupby("group", observed=False).size()
    result["n_placed"] = others.to_numpy()
    about = pd.DataFrame(columns=["group", "about", "direction"], dtype="str")
    if profiles is not None:
        about = about_groups(profile_table(profiles, features))
    result = result.merge(about, on="group", how="left")
    for place, column in enumerate(("about", "direction"), start=1):
        result.insert(place, column, result.pop(column))
    measured = ["jaccard", "jaccard_low", "jaccard_high", "verdict"]
    if stability is None:
        result = result.assign(**dict.fromkeys(measured[:3], math.nan), verdict=pd.Series(dtype="str"))
    else:
        found = stability.table.rename(columns={"segment": "group"}).astype({"group": "str"})
        result = result.merge(found[["group", *measured]], on="group", how="left", validate="one_to_one")
    keep = ["group", "about", "direction"]
    return suppress_small(result, n="n_customers", min_group_size=min_group_size, keep=keep, counts=["n_placed"])


def count_table(count: GroupCount) -> pd.DataFrame:
    """Return the criteria by number of groups, as published: the smallest group is said to be large enough or not.

    Returns
    -------
    DataFrame, one row per number tried
        ``k``, ``chosen``, ``large_enough``, ``prediction_strength``, ``strength_se``, ``between``, ``p_value``,
        ``silhouette``, ``gap``, ``gap_se``, ``eligible``. ``between`` is missing where a middle is empty.
    """
    table = count.table.drop(columns=["smallest", "against"])
    table.insert(1, "chosen", table["k"] == count.k)
    table.insert(2, "large_enough", count.table["smallest"] >= count.min_size)
    table["between"] = table["between"].astype("float64").where(table["between"] != math.inf)
    return table.astype({"k": "int64", "eligible": "bool"})


def rule_table(rules: SegmentTree, features: CustomerFeatures, *, min_group_size: int = 10) -> pd.DataFrame:
    """Return the rules as published: ``group``, ``rule``, ``n`` of the hold-out, ``right``; of few no figures.

    ``rule`` is in signs, with the names a reader knows; shares in per cent.
    """
    kinds, units = kinds_of(features), features.dictionary.set_index("column")["unit"].to_dict()
    by_text = {rule_text(tests): tests for tests, _ in rules.conditions}
    table = rules.rules.rename(columns={"segment": "group"})[["group", "rule", "n", "right"]]
    table["rule"] = [", ".join(_told(test, kinds, units) for test in by_text[rule]) or rule for rule in table["rule"]]
    return suppress_small(table, n="n", min_group_size=min_group_size, keep=["group", "rule"])


def _told(test: Condition, kinds: dict[str, Kind], units: dict[str, str]) -> str:
    name = name_of(test.feature, kinds.get(test.feature, ""))
    if isinstance(test.value, float):
        share = units.get(test.feature) == "share"
        value = f"{100 * test.value:.4g}\u00a0%" if share else f"{test.value:,.12g}"
        return f"{name} {'≤' if test.test == 'at most' else '>'} {value}"
    return str(replace(test, feature=name))
