"""The search for groups as a plan: which variables may enter it and why the others not; what came out, as tables."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from custaudience.customers.drivers.columns import BEHAVIOUR
from custaudience.customers.drivers.drivers import Drivers
from custaudience.customers.features.attributes import CATEGORY_SHARE
from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.customers.segments.choosing_k import GroupCount
from custaudience.customers.segments.clusters import CustomerSegments, SegmentStability
from custaudience.customers.segments.preparation import Preparation, learn_preparation
from custaudience.customers.segments.rules import Condition, SegmentProfiles, SegmentTree, describe_segments, rule_text
from custaudience.evidence import Terms, suppress_small, template

View = Literal["auto", "baskets", "behaviour"]
Basis = Literal["found", "rfm"]
Kind = Literal["category_share", "behaviour", "attribute", ""]
NAMES = BEHAVIOUR | {
    "n_orders": template("Number of orders"),
    "revenue_total": template("Revenue so far"),
    "revenue_per_order": template("Revenue per order"),
}
KIN_OF_BASKETS = ("first_category", "first_product", "n_categories")  # follows from shares of categories by its making
WORTH = 0.1  # a smaller effect (Cliff's delta, or difference of shares) changes no decision
# What RFM segments are made from, and what moves with it by its making.
MADE_FROM_RFM = (
    *("n_orders", "revenue_total", "revenue_per_order", "days_since_last_order", "usual_gap_days", "tenure"),
    "n_categories",
)
_REASONS = {
    "attribute": "describes the groups: what somebody is like is held against what they do, not mixed with it.",
    "not_a_number": "describes the groups: the search measures distances, and this is no number.",
    "not_known_for_all": "describes the groups: it is not known for all, and groups would follow who answered.",
    "other_view": "describes the groups: this search looks at the other side of behaviour.",
    "not_tested": "not used: whether it matters could not be tested on an earlier date.",
}
_DESCRIBING = ("attribute", "not_a_number", "not_known_for_all", "other_view")


@dataclass(frozen=True)
class SearchPlan:
    """What a search for groups looks at.

    `variables`, one row each: ``variable``; ``name`` (what a reader calls it); ``kind``; ``share_known`` (missing for
    what was left out); ``use`` ("search", "describe", "not_used"); ``why`` (a code: "passed", one of `_DESCRIBING`,
    "no_evidence", "too_little_data", "left_out", "not_tested"); ``reason`` in English. `matrix`: ``customer_id`` and
    all variables, of the customers to search; private. `preparation`: how the columns to search by enter. `view`: by
    what people buy, or by how they buy. `min_orders`: of those searched; 1 when nobody has as many as asked for.
    `tested`: whether the variables could be tested at all.
    """

    variables: pd.DataFrame
    matrix: pd.DataFrame
    preparation: Preparation
    view: Literal["baskets", "behaviour"]
    min_orders: int
    tested: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the variables that enter."""
        return tuple(self.variables.loc[self.variables["use"] == "search", "variable"])


@dataclass(frozen=True)
class CustomerGroups:
    """The groups of customers at a date, and all that may be said of them.

    `labels`, one row per customer, private: ``customer_id``; ``group`` (ordered category; missing = cannot be placed);
    ``searched`` (False: placed afterwards by the same rule). `basis` "rfm": no groups were found, `segments` is one
    group, and the RFM segments stand in, made by rules. `profiles`, `stability` and `rules` are None when there is one
    group only; the latter two unless groups were found.
    """

    labels: pd.DataFrame
    basis: Basis
    features: CustomerFeatures
    plan: SearchPlan
    count: GroupCount
    segments: CustomerSegments
    profiles: SegmentProfiles | None
    stability: SegmentStability | None
    rules: SegmentTree | None


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
    return {str(c): "category_share" if str(c).startswith(CATEGORY_SHARE) else kind for c, kind in kinds.items()}


def plan_search(
    features: CustomerFeatures, drivers: Drivers | None, *, view: View = "auto", min_orders: int = 2
) -> SearchPlan:
    """Decide which variables a search for groups looks at, and at whom.

    A variable enters when it passed a test against later behaviour (`drivers`; without one nothing enters), is a
    number of the orders, is known for all and belongs to the view: "baskets", shares of product categories;
    "behaviour", the other numbers of the orders; "auto", baskets where two shares or more passed. What people are like
    (attributes) describes groups of what they do. Of fewer than `min_orders` little is known: a single order makes each
    share 0 or 1, and the gap between looks like two groups. Those customers are placed afterwards.
    """
    matrix = features.table
    enough = matrix["n_orders"] >= min_orders
    searched = matrix[enough] if enough.any() else matrix
    rows, kinds = [], kinds_of(features)
    found = {} if drivers is None else drivers.variables.set_index("variable").to_dict("index")
    for entry in features.dictionary.itertuples():
        kind = kinds[entry.column]
        verdict = found.get(entry.column, {"verdict": "not_tested", "reason": ""})
        why = str(verdict["verdict"])
        if why == "influences":
            why = _role(kind, entry.type, bool(searched[entry.column].notna().all()))
        reason = _REASONS.get(why, str(verdict["reason"]))
        rows.append((entry.column, name_of(entry.column, kind), kind, float(entry.share_known), why, reason))
    for column, reason in features.left_out[["column", "reason"]].itertuples(index=False):
        kind = "behaviour" if column in NAMES else "attribute"
        kind = "category_share" if column.startswith(CATEGORY_SHARE) else kind
        rows.append((column, name_of(column, kind), kind, math.nan, "left_out", reason))
    variables = pd.DataFrame(rows, columns=["variable", "name", "kind", "share_known", "why", "reason"])
    passed, share = variables["why"] == "passed", variables["kind"] == "category_share"
    by_baskets = view == "baskets" or (view == "auto" and (passed & share).sum() >= 2)
    other = passed & (share != by_baskets)
    variables.loc[other, ["why", "reason"]] = "other_view", _REASONS["other_view"]
    uses = {"passed": "search"} | dict.fromkeys(_DESCRIBING, "describe")
    variables.insert(4, "use", variables["why"].map(uses).fillna("not_used"))
    used = list(variables.loc[variables["use"] == "search", "variable"])
    # shares are on one scale: a point of a small category counts as much as one of a large
    preparation = learn_preparation(searched, features=used, scale="none" if by_baskets else "robust")
    return SearchPlan(
        variables, searched.reset_index(drop=True), preparation, "baskets" if by_baskets else "behaviour",
        min_orders if enough.any() else 1, drivers is not None,
    )  # fmt: skip


def _role(kind: str, type_: str, known_for_all: bool) -> str:
    """Return what becomes of a variable that passed."""
    if kind == "attribute":
        return "attribute"
    if type_ not in ("numeric", "yes-no"):
        return "not_a_number"
    return "passed" if known_for_all else "not_known_for_all"


def label_customers(plan: SearchPlan, segments: CustomerSegments, features: CustomerFeatures) -> pd.DataFrame:
    """Return everybody's group, as `CustomerGroups.labels`: of those searched, and of the others by the same rule."""
    matrix = features.table.set_index("customer_id")
    placed = segments.assign(matrix).reindex(matrix.index)
    searched = matrix.index.isin(plan.matrix["customer_id"])
    return pd.DataFrame({"customer_id": matrix.index, "group": placed.array, "searched": searched})


def rule_labels(assigned: pd.DataFrame) -> pd.DataFrame:
    """Return RFM segments (of `assign_segments` with the rules shipped) as `CustomerGroups.labels`.

    Customers without an order that counts are left out.
    """
    rules = load_segment_rules()
    ordered = assigned[assigned["segment"] != rules.no_order.key]
    present = [rule.key for rule in rules.segments if rule.key in set(ordered["segment"])]
    group = pd.Categorical(ordered["segment"].astype("str"), categories=present, ordered=True)
    ids = ordered["customer_id"].astype("str").to_numpy()
    return pd.DataFrame({"customer_id": ids, "group": group, "searched": True})


def describe_rule_groups(features: CustomerFeatures, labels: pd.DataFrame, terms: Terms) -> SegmentProfiles | None:
    """Compare RFM segments with all other customers in what they are not made from; None of one segment only.

    What is counted as "any at all" is left out, too: it rises with the number of orders.
    """
    names = labels.set_index("customer_id")["group"]
    if names.nunique() < 2:
        return None
    days = set(features.dictionary.query("kind == 'attribute' and unit == 'days'")["column"])  # near the first order
    told = features.table.drop(columns=[c for c in features.table if c in days.union(MADE_FROM_RFM)])
    profiles = describe_segments(told, names, terms=terms)
    kept = profiles.table[profiles.table["statistic"] != "share above"]
    return replace(profiles, table=kept.reset_index(drop=True))


def profile_table(profiles: SegmentProfiles, features: CustomerFeatures, *, min_group_size: int = 10) -> pd.DataFrame:
    """Return the comparison of each group with all others, as it is published.

    `SegmentProfiles.table` without p-values of single rows, with ``kind``, ``name``, ``unit`` and ``place``: 1 = the
    feature (of a category its one level) that tells any group apart most; missing where no group differs clearly and
    noticeably, and for what follows from shares of categories when the groups are made from those.
    """
    table = profiles.table.rename(columns={"segment": "group"}).astype({"group": "str"})
    kind = table["feature"].map(kinds_of(features))
    table.insert(2, "kind", kind)
    table.insert(3, "name", [name_of(c, k) for c, k in zip(table["feature"], kind, strict=True)])
    table.insert(4, "unit", table["feature"].map(features.dictionary.set_index("column")["unit"]).astype("str"))
    size = table["effect"].abs().where((table["status"] == "measured") & (table["effect"].abs() >= WORTH))
    row = [table["feature"], table["category"]]
    widest = size.groupby(row).transform("max")
    best = widest == widest.groupby(table["feature"]).transform("max")
    made_from_baskets = bool((table["made_from"].astype(bool) & (kind == "category_share")).any())
    telling = best & widest.notna() & ~(table["feature"].isin(KIN_OF_BASKETS) & made_from_baskets)
    first = table.assign(size=widest)[telling].sort_values("size", ascending=False, kind="stable")
    first = first.drop_duplicates("feature")[["feature", "category"]]
    first["place"] = pd.array(range(1, len(first) + 1), dtype="Int64")
    table = table.merge(first, on=["feature", "category"], how="left", validate="many_to_one")
    table.insert(5, "place", table.pop("place"))
    keep = ["group", "feature", "kind", "name", "unit", "place", "category", "statistic", "made_from", "status"]
    table = table.drop(columns=["p_value"])
    return suppress_small(table, n="n", min_group_size=min_group_size, keep=keep, counts=["n_others"])


def about_groups(table: pd.DataFrame) -> pd.DataFrame:
    """Say by a `profile_table` what each group has most of (``about``, and ``direction`` "more" or "less").

    Of groups that differ clearly in what groups were made from, or in another category; for names.
    """
    made, share = table["made_from"].astype(bool), table["kind"] == "category_share"
    if (made & share).any():  # a category that did not enter names a group as well
        made |= share
    clear = table[(table["status"] == "measured") & made]
    clear = clear.assign(up=clear["effect"] > 0, size=clear["effect"].abs())
    first = clear.sort_values(["up", "size"], ascending=False, kind="stable").drop_duplicates("group")
    direction = first["up"].map({True: "more", False: "less"}).astype("str")
    result = pd.DataFrame({"group": first["group"], "about": first["name"], "direction": direction})
    return result.sort_values("group", kind="stable", ignore_index=True)


def group_table(groups: CustomerGroups, *, min_group_size: int = 10) -> pd.DataFrame:
    """Count groups and what they bring, the most valuable first; of groups too small to be shown no figures.

    ``group``, ``about``, ``direction``; ``n_customers`` (of those searched), ``share_of_customers``; ``revenue_total``,
    ``share_of_revenue`` (of the searched; NaN when it is not positive), ``revenue_per_customer``; ``n_placed``
    (customers with fewer orders put there by the same rule); ``jaccard``, ``jaccard_low``, ``jaccard_high``,
    ``verdict`` of `segment_stability`, missing without it.
    """
    profiles, stability = groups.profiles, groups.stability
    worth = groups.features.table.set_index("customer_id")["revenue_total"]
    table = groups.labels.assign(revenue=worth.reindex(groups.labels["customer_id"]).to_numpy())
    searched = table["searched"].astype(bool)
    inside, others = (table[rows].groupby("group", observed=False) for rows in (searched, ~searched))
    n, revenue = inside.size(), inside["revenue"].apply(math.fsum)
    total = math.fsum(revenue)
    result = pd.DataFrame(
        {
            "n_customers": n, "share_of_customers": n / n.sum(), "revenue_total": revenue,
            "share_of_revenue": revenue / total if total > 0 else math.nan,
            "revenue_per_customer": revenue / n.where(n > 0), "n_placed": others.size().to_numpy(),
        }
    ).rename_axis("group").reset_index().astype({"group": "str"})  # fmt: skip
    keep = ["group", "about", "direction"]
    about = pd.DataFrame(columns=keep, dtype="str")
    if profiles is not None:
        about = about_groups(profile_table(profiles, groups.features))
    result = result.merge(about, on="group", how="left")[[*keep, *result.columns[1:]]]
    measured = ["jaccard", "jaccard_low", "jaccard_high", "verdict"]
    if stability is None:
        result = result.assign(**dict.fromkeys(measured[:3], math.nan), verdict=pd.Series(dtype="str"))
    else:
        found = stability.table.rename(columns={"segment": "group"}).astype({"group": "str"})
        result = result.merge(found[["group", *measured]], on="group", how="left", validate="one_to_one")
    return suppress_small(result, n="n_customers", min_group_size=min_group_size, keep=keep, counts=["n_placed"])


def count_table(count: GroupCount) -> pd.DataFrame:
    """Return `GroupCount.table` as published: ``chosen``, and the smallest group is said to be large enough or not.

    ``between`` is missing where a middle is empty.
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
    told = replace(test, feature=name_of(test.feature, kinds.get(test.feature, "")))
    if isinstance(test.value, float) and units.get(test.feature) == "share":
        told = replace(told, value=f"{100 * test.value:.4g}\u00a0%")
    return str(told)
