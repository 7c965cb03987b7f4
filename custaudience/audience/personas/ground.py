"""What all personas of a study are measured from, brought together once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from custaudience.audience.personas.categories import category_ratios
from custaudience.audience.personas.figures import slot_of, typical_rows
from custaudience.audience.personas.matrix import persona_matrix
from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.customers.segments.clusters import CustomerSegments
from custaudience.customers.segments.profiles import SegmentProfiles, describe_segments
from custaudience.errors import DataError, EmptyTableError
from custaudience.evidence import Terms

RFM = ("days_since_last_order", "n_orders", "revenue_total")
"""What RFM segments are made from."""
System = Literal["rules", "found", "typed"]


@dataclass(frozen=True)
class Ground:
    """What all personas of a study are measured from."""

    matrix: pd.DataFrame
    kinds: dict[str, str]
    labels: pd.Series
    order: list[str]
    rows: dict[str, pd.DataFrame]
    ratios: pd.DataFrame | None
    names: dict[str, str]
    system: System
    made_from: set[str]


def ground_of(
    features: CustomerFeatures,
    labels: pd.Series | CustomerSegments,
    category_sales: pd.DataFrame | None,
    profiles: SegmentProfiles | None,
    min_group_size: int,
    level: float,
    made_from: Collection[str] | None,
    **tables: Any,
) -> Ground:
    """Bring the frames of a study together, and compare every segment with all others."""
    matrix, kinds = persona_matrix(features, **tables)
    order, who = segment_labels(labels)
    who = who[who.index.isin(matrix.index)]
    if who.empty:
        raise EmptyTableError("personas: no customer of the matrix has a segment. Do the ids agree?")
    matrix, order = matrix.loc[who.index], [name for name in order if (who == name).any()]
    rules = load_segment_rules()
    names = {s.key: s.name for s in (*rules.segments, rules.no_order)}
    system: System = "rules" if set(order) <= set(names) else "found"
    made = set(made_from if made_from is not None else RFM if system == "rules" else ())
    if isinstance(labels, CustomerSegments):
        made |= set(labels.preparation.features)
    used = [c for c in matrix if slot_of(str(c), kinds) or c == "tenure"]
    ratios = None
    if len(order) > 1:
        profiles = profiles or describe_segments(
            matrix[used], who, terms=Terms(dt.date.max, least=min_group_size, level=level)
        )
        if category_sales is not None:
            ratios = category_ratios(category_sales, who, min_group_size=min_group_size, level=level)
    rows = {}
    if profiles is not None:
        table = typical_rows(profiles.table, matrix, who, level, made)
        rows = {str(k): part for k, part in table.groupby("segment")}
    return Ground(matrix, kinds, who, order, rows, ratios, names if system == "rules" else {}, system, made)


def segment_labels(labels: pd.Series | CustomerSegments) -> tuple[list[str], pd.Series]:
    """Return the segments in their order, and each customer's as text."""
    given = labels.segments if isinstance(labels, CustomerSegments) else labels
    if given.index.has_duplicates:
        raise DataError(
            f"personas: {int(given.index.duplicated().sum())} customers have two labels. Give each one segment."
        )
    who = given.dropna().astype("str")
    who.index = who.index.astype("str")
    rules = load_segment_rules()
    known = [s.key for s in (*rules.segments, rules.no_order)]
    sizes = who.value_counts()
    if set(sizes.index) <= set(known):
        order = [key for key in known if key in sizes.index]
    elif isinstance(given.dtype, pd.CategoricalDtype):
        order = [str(c) for c in given.cat.categories if str(c) in sizes.index]
    else:
        order = sorted(sizes.index, key=lambda name: (-sizes[name], name))
    return order, who
