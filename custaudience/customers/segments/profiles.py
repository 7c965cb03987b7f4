"""What sets each segment apart from all other customers, with intervals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from custaudience.customers.features.attributes import CATEGORY_SHARE, sensitive_topic
from custaudience.customers.segments.choosing_k import by_customer
from custaudience.customers.segments.clusters import CustomerSegments
from custaudience.errors import DataError, EmptyTableError
from custaudience.evidence import Terms
from custaudience.stats.contrast import contrast, judge


@dataclass(frozen=True)
class SegmentProfiles:
    """Every segment against all others.

    Attributes
    ----------
    table : DataFrame, one row per segment, feature (and level of a category), sorted by segment and size of effect
        ``segment``, ``feature``, ``category`` ("" for numbers), ``statistic`` ("mean"; "median" where skewed and with
        few ties, never of a product category's share; "share" of a yes or of a category; "share above" where half or
        more have the smallest value),
        ``above`` (that smallest value, else NaN); ``n``, ``n_others`` (with a value); ``value``, ``value_others``,
        ``difference`` and its interval ``low``, ``high``; ``effect``: standardised, -1 to 1 (Cliff's delta);
        ``p_value``, ``p_adjusted`` (false discovery rate over the table), NaN where the segments were made from the
        feature; ``made_from``; ``status``: "measured", "no_clear_difference", "too_few" (figures are NaN).
    level : float
        Of the intervals.
    min_group_size : int
    notes : tuple of str
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
    matrix: pd.DataFrame,
    segments: CustomerSegments | pd.Series,
    *,
    features: Sequence[str] | None = None,
    by_mean: Collection[str] = (),
    min_group_size: int = 10,
    level: float = 0.95,
    include_sensitive: bool = False,
    seed: int = 0,
) -> SegmentProfiles:
    """Compare each segment with all other customers, feature by feature.

    Parameters
    ----------
    matrix : DataFrame, one row per customer
        With ``customer_id`` as index or column: what the segments were made from, and anything else known.
    segments : CustomerSegments, or Series per ``customer_id``
        Customers without a segment are left out.
    features : sequence of str, optional
        All columns by default.
    by_mean : collection of str
        Numbers compared by their means, as shares of product categories always are: of who has ordered often, a share
        of orders is seldom 0 and near the middle, so that medians and "any at all" would tell how often they ordered.
    min_group_size : int
        Segments, levels, and yes and no, with fewer customers get no figures.
    level : float
    include_sensitive : bool
        Show sensitive attributes (religion, health, …) in aggregate.
    seed : int

    Returns
    -------
    SegmentProfiles

    Raises
    ------
    EmptyTableError
        If no customer of the matrix has a segment.
    DataError
        If there is one segment only.

    Notes
    -----
    Means: Welch's interval (1947). Medians: percentile bootstrap; the bootstrap distribution of a median is drawn
    from directly, its rank being a beta variable, so a million customers take no longer. Shares: Newcombe's interval
    (1998) and the pooled z test, Fisher's where fewer than 5 are expected. `effect` is Cliff's delta (1993): the
    chance that a customer of the segment has more than another customer, minus the chance of less; for shares it is
    their difference. False discovery rate after Benjamini and Hochberg (1995).

    A feature the segments were made from differs between them by construction: its interval says how much, and no
    p-value is given, since it would be small for segments cut out of noise, too (Gao, Bien and Witten 2022).
    """
    table = by_customer(matrix)
    made_from = set(segments.preparation.features) if isinstance(segments, CustomerSegments) else set()
    names = segments.segments if isinstance(segments, CustomerSegments) else segments
    names = names.reindex(table.index)
    if not names.notna().any():
        raise EmptyTableError("describe_segments: no customer of the matrix has a segment. Do the ids agree?")
    placed = names.notna().to_numpy()
    table, names = table.loc[placed], names[placed].astype("category").cat.remove_unused_categories()
    if len(found := list(names.cat.categories)) < 2:
        raise DataError("describe_segments: there is one segment only, and nobody to compare it with.")
    wanted = [str(name) for name in (table.columns if features is None else features)]
    hidden = {} if include_sensitive else {name: topic for name in wanted if (topic := sensitive_topic(name))}
    notes = [
        f"{name} is left out: sensitive ({topic}). include_sensitive=True shows it in aggregate."
        for name, topic in hidden.items()
    ]
    # who orders often has bought of everything once, so that "any at all" would tell how often, not what
    means = {*by_mean, *(name for name in wanted if name.startswith(CATEGORY_SHARE))}
    terms = Terms(dt.date.min, least=min_group_size, level=level, seed=seed)
    table = table[[name for name in wanted if name not in hidden]]
    profile, faults = contrast(table, names, terms, by_mean=means)
    notes += faults
    profile = profile.rename(columns={"group": "segment"}).assign(made_from=profile["feature"].isin(made_from))
    profile.loc[profile["made_from"], "p_value"] = np.nan
    profile = judge(profile, level)[_COLUMNS]
    order = profile.assign(
        place=profile["segment"].map({name: i for i, name in enumerate(found)}), size=-profile["effect"].abs()
    ).sort_values(["place", "size", "feature", "category"], kind="stable", na_position="last")
    if made_from:
        notes.append("No p-values for what the segments were made from: they differ in it by construction.")
    return SegmentProfiles(profile.loc[order.index].reset_index(drop=True), level, min_group_size, tuple(notes))


_COLUMNS = [
    *("segment", "feature", "category", "statistic", "above", "n", "n_others", "value", "value_others", "difference"),
    *("low", "high", "effect", "p_value", "p_adjusted", "made_from", "status"),
]
