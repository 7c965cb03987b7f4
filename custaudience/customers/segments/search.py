"""The search for groups as a plan: which variables may enter it and why the others not, of whom, and what came out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from custaudience.customers.drivers.drivers import Drivers
from custaudience.customers.features.attributes import CATEGORY_SHARE
from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.customers.segments.choosing_k import GroupCount
from custaudience.customers.segments.clusters import CustomerSegments
from custaudience.customers.segments.preparation import Preparation, learn_preparation
from custaudience.customers.segments.profiles import SegmentProfiles, describe_segments
from custaudience.customers.segments.rules import SegmentTree
from custaudience.customers.segments.stability import SegmentStability
from custaudience.customers.segments.tables import NAMES, kinds_of, name_of

View = Literal["auto", "baskets", "behaviour"]
Basis = Literal["found", "rfm"]
# What RFM segments are made from, and what moves with it by its making.
MADE_FROM_RFM = (
    "n_orders",
    "revenue_total",
    "revenue_per_order",
    "days_since_last_order",
    "usual_gap_days",
    "tenure",
    "n_categories",
)
_REASONS = {
    "attribute": "describes the groups: what somebody is like is held against what they do, not mixed with it.",
    "not_a_number": "describes the groups: the search measures distances, and this is no number.",
    "not_known_for_all": "describes the groups: it is not known for all, and groups would follow who answered.",
    "other_view": "describes the groups: this search looks at the other side of behaviour.",
    "not_tested": "not used: whether it matters could not be tested on an earlier date.",
}


@dataclass(frozen=True)
class SearchPlan:
    """What a search for groups looks at.

    Attributes
    ----------
    variables : DataFrame, one row per variable
        ``variable``; ``name`` (what a reader calls it); ``kind`` ("category_share", "behaviour",
        "attribute"); ``share_known`` (missing for what was left out); ``use`` ("search", "describe", "not_used");
        ``why`` (a code: "passed", "attribute", "not_a_number", "not_known_for_all", "other_view", "no_evidence",
        "too_little_data", "left_out", "not_tested"); ``reason`` in English.
    matrix : DataFrame, one row per customer
        ``customer_id`` and all variables, of the customers to search. Private.
    preparation : Preparation
        How the columns with ``use`` "search" enter.
    view : {"baskets", "behaviour"}
        By what people buy (shares of categories), or by how they buy.
    min_orders : int
        Orders of those searched; 1 when nobody has as many as asked for.
    tested : bool
        False when no test of the variables could be made.
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

    Attributes
    ----------
    labels : DataFrame, one row per customer
        ``customer_id``; ``group`` (ordered category; missing = cannot be placed); ``searched`` (False: placed
        afterwards by the same rule). Private.
    basis : {"found", "rfm"}
        "rfm": no groups were found, and the RFM segments stand in: made by rules, not found.
    features : CustomerFeatures
    plan : SearchPlan
    count : GroupCount
    segments : CustomerSegments
        One group when none were found.
    profiles : SegmentProfiles or None
        None when there is one group only.
    stability : SegmentStability or None
    rules : SegmentTree or None
        Both None unless groups were found.
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


def plan_search(
    features: CustomerFeatures, drivers: Drivers | None, *, view: View = "auto", min_orders: int = 2
) -> SearchPlan:
    """Decide which variables a search for groups looks at, and at whom.

    Parameters
    ----------
    features : CustomerFeatures
        Of the date.
    drivers : Drivers or None
        What was tested (`driver_study` and `find_drivers`); None when it could not be, and then nothing enters.
    view : {"auto", "baskets", "behaviour"}
        "baskets": shares of product categories; "behaviour": the other numbers of the orders; "auto": baskets
        where two shares or more passed.
    min_orders : int
        Of fewer orders little is known: a single order makes each share 0 or 1, and the gap between looks like two
        groups. Those customers are placed afterwards.

    Returns
    -------
    SearchPlan

    Notes
    -----
    A variable enters when it passed a test against later behaviour, is a number of the orders, is known for all
    and belongs to the view. What people are like (attributes) describes groups of what they do.
    """
    matrix = features.table
    enough = matrix["n_orders"] >= min_orders
    searched = matrix[enough] if enough.any() else matrix
    rows, kinds = [], kinds_of(features)
    verdicts = (
        {} if drivers is None else drivers.variables.set_index("variable")[["verdict", "reason"]].to_dict("index")
    )
    for entry in features.dictionary.to_dict("records"):
        column = str(entry["column"])
        kind = kinds[column]
        found = verdicts.get(column, {"verdict": "not_tested", "reason": _REASONS["not_tested"]})
        why = str(found["verdict"])
        if why == "influences":
            why = _role(kind, str(entry["type"]), bool(searched[column].notna().all()))
        reason = _REASONS.get(why, str(found["reason"]))
        rows.append((column, name_of(column, kind), kind, float(entry["share_known"]), why, reason))
    for left in features.left_out.to_dict("records"):
        column = str(left["column"])
        kind = (
            "category_share" if column.startswith(CATEGORY_SHARE) else "behaviour" if column in NAMES else "attribute"
        )
        rows.append((column, name_of(column, kind), kind, math.nan, "left_out", left["reason"]))
    variables = pd.DataFrame(rows, columns=["variable", "name", "kind", "share_known", "why", "reason"])
    passed = variables[variables["why"] == "passed"]
    n_shares = int((passed["kind"] == "category_share").sum())
    by_baskets = view == "baskets" or (view == "auto" and n_shares >= 2)
    chosen: Literal["baskets", "behaviour"] = "baskets" if by_baskets else "behaviour"
    wanted = "category_share" if chosen == "baskets" else "behaviour"
    other = (variables["why"] == "passed") & (variables["kind"] != wanted)
    variables.loc[other, "why"], variables.loc[other, "reason"] = "other_view", _REASONS["other_view"]
    variables.insert(4, "use", variables["why"].map({"passed": "search"} | dict.fromkeys(_DESCRIBING, "describe")))
    variables["use"] = variables["use"].fillna("not_used")
    used = list(variables.loc[variables["use"] == "search", "variable"])
    return SearchPlan(
        variables=variables,
        matrix=searched.reset_index(drop=True),
        # shares are on one scale: a point of a small category counts as much as one of a large
        preparation=learn_preparation(searched, features=used, scale="none" if chosen == "baskets" else "robust"),
        view=chosen,
        min_orders=min_orders if enough.any() else 1,
        tested=drivers is not None,
    )


_DESCRIBING = ("attribute", "not_a_number", "not_known_for_all", "other_view")


def _role(kind: str, type_: str, known_for_all: bool) -> str:
    """Return what becomes of a variable that passed."""
    if kind == "attribute":
        return "attribute"
    if type_ not in ("numeric", "yes-no"):
        return "not_a_number"
    return "passed" if known_for_all else "not_known_for_all"


def label_customers(plan: SearchPlan, segments: CustomerSegments, features: CustomerFeatures) -> pd.DataFrame:
    """Return everybody's group: of those searched, and of the others by the same rule.

    Returns
    -------
    DataFrame, one row per customer of `features`
        As `CustomerGroups.labels`.
    """
    matrix = features.table.set_index("customer_id")
    placed = segments.assign(matrix).reindex(matrix.index)
    searched = matrix.index.isin(plan.matrix["customer_id"])
    return pd.DataFrame({"customer_id": matrix.index, "group": placed.array, "searched": searched})


def rule_labels(assigned: pd.DataFrame) -> pd.DataFrame:
    """Return RFM segments in the form of `CustomerGroups.labels`, for studies without groups.

    Parameters
    ----------
    assigned : DataFrame
        From `assign_segments` with the rules shipped. Customers without an order that counts are left out.
    """
    rules = load_segment_rules()
    ordered = assigned[assigned["segment"] != rules.no_order.key]
    present = [rule.key for rule in rules.segments if rule.key in set(ordered["segment"])]
    group = pd.Categorical(ordered["segment"].astype("str"), categories=present, ordered=True)
    ids = ordered["customer_id"].astype("str").to_numpy()
    return pd.DataFrame({"customer_id": ids, "group": group, "searched": True})


def describe_rule_groups(
    features: CustomerFeatures, labels: pd.DataFrame, *, min_group_size: int = 10, seed: int = 0
) -> SegmentProfiles | None:
    """Compare RFM segments with all other customers in what they are not made from.

    What is counted as "any at all" is left out, too: it rises with the number of orders.

    Parameters
    ----------
    features : CustomerFeatures
    labels : DataFrame
        From `rule_labels`.
    min_group_size, seed
        Of `describe_segments`.

    Returns
    -------
    SegmentProfiles, or None when there is one segment only
    """
    names = labels.set_index("customer_id")["group"]
    if names.nunique() < 2:
        return None
    days = set(features.dictionary.query("kind == 'attribute' and unit == 'days'")["column"])  # near the first order
    told = [column for column in features.table.columns[1:] if column not in days.union(MADE_FROM_RFM)]
    profiles = describe_segments(features.table, names, features=told, min_group_size=min_group_size, seed=seed)
    kept = profiles.table[profiles.table["statistic"] != "share above"]
    return replace(profiles, table=kept.reset_index(drop=True))
