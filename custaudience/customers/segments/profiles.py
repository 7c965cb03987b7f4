"""What sets each segment apart from all other customers, with intervals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from custaudience.customers.features.attributes import CATEGORY_SHARE, sensitive_topic
from custaudience.customers.segments.clusters import CustomerSegments, customers_with
from custaudience.errors import DataError, EmptyTableError
from custaudience.evidence import Terms
from custaudience.stats.contrast import contrast, judge

_TERMS = Terms(dt.date.max)


@dataclass(frozen=True)
class SegmentProfiles:
    """Every segment against all others.

    Attributes
    ----------
    table : DataFrame, one row per segment, feature (and level of a category), sorted by segment and size of effect
        ``segment``, then as `contrast` has them (a product category's share is never compared by its median), with
        ``p_adjusted`` (false discovery rate over the table) and ``status`` of `judge`; ``made_from``: the segments were
        made from the feature, and p-values are NaN. Where ``status`` is "too_few" figures are NaN.
    level, min_group_size, notes
        Of the intervals; of the groups shown; what a reader must know, in English.
    """

    table: pd.DataFrame
    level: float
    min_group_size: int
    notes: tuple[str, ...]

    def top(self, segment: str, n: int = 5) -> pd.DataFrame:
        """Return the `n` clear differences of a segment with the largest effects, one per feature."""
        rows = self.table[(self.table["segment"] == segment) & (self.table["status"] == "measured")]
        return rows.drop_duplicates("feature").head(n).reset_index(drop=True)


def describe_segments(
    matrix: pd.DataFrame, segments: CustomerSegments | pd.Series, *, by_mean: Collection[str] = (),
    include_sensitive: bool = False, terms: Terms = _TERMS,
) -> SegmentProfiles:  # fmt: skip
    """Compare each segment with all other customers, feature by feature.

    Parameters
    ----------
    matrix : DataFrame, one row per customer
        With ``customer_id`` as index or column: what the segments were made from, and anything else known.
    segments : CustomerSegments, or Series per ``customer_id``
        Customers without a segment are left out.
    by_mean : collection of str
        Numbers compared by their means, as shares of product categories always are: of who has ordered often, a share
        of orders is seldom 0 and near the middle, so that medians and "any at all" would tell how often they ordered.
    include_sensitive : bool
        Show sensitive attributes (religion, health, …) in aggregate.
    terms : Terms, optional
        Segments, levels, and yes and no, with fewer customers than its ``least`` get no figures.

    Raises
    ------
    EmptyTableError, DataError
        If no customer of the matrix has a segment, or there is one segment only.

    Notes
    -----
    Means after Welch, medians by bootstrap, shares after Newcombe: see `custaudience.stats.contrast`. A feature
    the segments were made from differs between them by construction: its interval says how much, and no p-value is
    given, since it would be small for segments cut out of noise, too (Gao, Bien and Witten 2022).
    """
    table, names, made_from = customers_with(segments, matrix)
    if not len(table):
        raise EmptyTableError("describe_segments: no customer of the matrix has a segment. Do the ids agree?")
    if len(found := list(names.cat.categories)) < 2:
        raise DataError("describe_segments: there is one segment only, and nobody to compare it with.")
    wanted = [str(name) for name in table.columns]
    hidden = {} if include_sensitive else {name: topic for name in wanted if (topic := sensitive_topic(name))}
    notes = [
        f"{name} is left out: sensitive ({topic}). include_sensitive=True shows it in aggregate."
        for name, topic in hidden.items()
    ]
    # who orders often has bought of everything once, so that "any at all" would tell how often, not what
    means = {*by_mean, *(name for name in wanted if name.startswith(CATEGORY_SHARE))}
    table = table[[name for name in wanted if name not in hidden]]
    profile, faults = contrast(table, names, terms, by_mean=means)
    notes += faults
    made = profile["feature"].isin(made_from)
    profile = profile.rename(columns={"group": "segment"}).assign(p_value=profile["p_value"].mask(made))
    profile = judge(profile, terms.level)
    profile.insert(len(profile.columns) - 1, "made_from", made)
    order = profile.assign(
        place=profile["segment"].map({name: i for i, name in enumerate(found)}), size=-profile["effect"].abs()
    ).sort_values(["place", "size", "feature", "category"], kind="stable", na_position="last")
    if made_from:
        notes.append("No p-values for what the segments were made from: they differ in it by construction.")
    return SegmentProfiles(profile.loc[order.index].reset_index(drop=True), terms.level, terms.least, tuple(notes))
