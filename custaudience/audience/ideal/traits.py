"""What sets ideal customers apart from the rest, apart from what they were chosen for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from custaudience.audience.ideal.coverage import known_about
from custaudience.audience.ideal.facts import MADE_FROM
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.segments.profiles import describe_segments
from custaudience.errors import DataError, EmptyTableError
from custaudience.evidence import Terms, template
from custaudience.stats.columns import as_numbers, kind_of
from custaudience.stats.intervals import mean_ratio, median_ratio, share_ratio

FIRST_ORDER = ("first_category", "first_product", "first_order_discounted")
DILUTED = "discounted_share"
COPY = 0.9  # rank correlation from which a trait says the same as something ideal is made of

WHY_LEFT_OUT = {
    "loyal": template("ideal is made of it (loyal)"),
    "valuable": template("ideal is made of it (valuable)"),
    "current": template("ideal is made of it (in the own rhythm)"),
    "engaged": template("ideal is made of it (engaged)"),
    "made_from": template("ideal is made of it"),
    "diluted": template("a discount on the first order weighs less the more orders follow"),
    "finer": template("the category of the first order says it in fewer words"),
    "copy": template("says the same as what ideal is made of"),
    "first": template("the data begin after first orders, so the first here need not be the first"),
    "sensitive": template("sensitive, never used"),
    "one_value": template("the same for all, or a value of their own for nearly everybody"),
}
"""Sentence of each reason."""


@dataclass(frozen=True)
class DistinctiveTraits:
    """Every trait of a group against the rest.

    Attributes
    ----------
    table : DataFrame, one row per trait (and level of a category), clearest and largest first
        ``feature``, ``kind`` ("behaviour", "attribute"), ``category``, ``statistic``, ``above``, ``n``, ``n_others``
        (of whom it is known), ``value``, ``value_others``, ``difference``, ``low``, ``high``, ``effect`` (-1 to 1) as
        `describe_segments` has them, but that of means is what Cliff's delta would be of two normal distributions so
        far apart: ranks would tell how often somebody ordered; ``ratio``, ``ratio_low``, ``ratio_high`` (how many
        times as often, or as much; NaN where a ratio says nothing); ``p_value``, ``p_adjusted`` (false discovery rate
        over the table); ``status``: "measured" where that rate holds and neither interval covers no difference,
        "no_clear_difference", "too_few".
    known : DataFrame
        Per attribute that is not known of everybody, see `known_about`.
    left_out : DataFrame
        ``feature``, ``why``, a key of `WHY_LEFT_OUT`.
    n, n_others : int
        Customers of the group and of the rest.
    level : float
    min_group_size : int
    """

    table: pd.DataFrame
    known: pd.DataFrame
    left_out: pd.DataFrame
    n: int
    n_others: int
    level: float
    min_group_size: int

    @property
    def clear(self) -> pd.DataFrame:
        """The traits that set the group apart, one row per feature, the largest first."""
        rows = self.table[self.table["status"] == "measured"]
        return rows.drop_duplicates("feature").reset_index(drop=True)


def distinctive_traits(
    features: CustomerFeatures | pd.DataFrame,
    is_ideal: pd.Series,
    *,
    made_from: Mapping[str, str] | Collection[str] | None = None,
    first_orders_observed: bool = True,
    level: float = 0.95,
    min_group_size: int = 10,
    seed: int = 0,
) -> DistinctiveTraits:
    """Compare a group of customers with all others, trait by trait.

    Parameters
    ----------
    features : CustomerFeatures, or DataFrame with ``customer_id`` and a column per trait
    is_ideal : Series of bool by ``customer_id``
        As `IdealCustomers.is_ideal`; a customer who is not in it, or missing, is left out.
    made_from : mapping of column to part, or collection of columns, optional
        What the group was chosen by: it differs by its making, and so does what says the same (a rank correlation of
        0.9 or more). By default `MADE_FROM`; an empty collection compares everything.
    first_orders_observed : bool
        Whether first orders are in the data; else nothing of "the first" is compared.
    level : float
        Of the intervals; one less it is the false discovery rate.
    min_group_size : int
        Groups and cells with fewer customers get no figures.
    seed : int
        Of the bootstrap of medians.

    Returns
    -------
    DistinctiveTraits

    Raises
    ------
    EmptyTableError
        If there is nobody in the group.
    DataError
        If there is nobody else.

    Notes
    -----
    Shares: Newcombe's interval of the difference, Koopman's of the ratio. Behaviour is compared by means (Welch) even
    where it is skewed: who has ordered once has shares of 0 or 1, and medians would tell how often somebody ordered.
    Attributes that are numbers: medians where skewed, by bootstrap. The ratio of means by the delta method. False
    discovery rate after Benjamini and Hochberg (1995) over all rows. Attributes are compared among those of whom they
    are known; ``known`` says who that is.

    Nothing here says why: what goes with being ideal need not make anybody so.
    """
    table, kinds = _matrix(features)
    chosen = is_ideal.dropna().astype(bool)
    chosen = chosen[chosen.index.isin(table.index)]
    table = table.loc[chosen.index]
    if not chosen.any():
        raise EmptyTableError("distinctive_traits: nobody is in the group, so there is nobody to compare.")
    if chosen.all():
        raise DataError("distinctive_traits: everybody is in the group, so there is nobody to compare with.")
    left_out = circular_columns(table, MADE_FROM if made_from is None else made_from, first_orders_observed)
    if DILUTED in table and (made_from is None or isinstance(made_from, Mapping)):
        left_out.setdefault(DILUTED, "diluted")
    columns = [str(name) for name in table.columns if name not in left_out]
    groups = chosen.map({True: "ideal", False: "rest"})
    behaviour = [name for name in columns if kinds.get(name) == "behaviour" and kind_of(table[name]) == "number"]
    profiles = describe_segments(
        table[columns],
        groups,
        by_mean=behaviour,
        terms=Terms(dt.date.max, least=min_group_size, level=level, seed=seed),
    )
    rows = profiles.table[profiles.table["segment"] == "ideal"].drop(columns=["segment", "made_from"])
    for name in columns:
        if name not in set(rows["feature"]):
            left_out[name] = "sensitive" if sensitive_topic(name) else "one_value"
    rows = _with_ratios(rows, table, chosen.to_numpy(), level, seed)
    rows.insert(1, "kind", rows["feature"].map(lambda name: kinds.get(name, "attribute")).astype("str"))
    attributes = [name for name in columns if kinds.get(name, "attribute") == "attribute" and name not in left_out]
    return DistinctiveTraits(
        table=_judged(rows, level),
        known=known_about(table[attributes], chosen, level=level, min_group_size=min_group_size),
        left_out=pd.DataFrame(sorted(left_out.items()), columns=["feature", "why"], dtype="str"),
        n=int(chosen.sum()),
        n_others=int((~chosen).sum()),
        level=level,
        min_group_size=min_group_size,
    )


def circular_columns(
    table: pd.DataFrame, made_from: Mapping[str, str] | Collection[str], first_orders_observed: bool = True
) -> dict[str, str]:
    """Return the columns that must not be compared, with the key of the reason."""
    parts = dict(made_from) if isinstance(made_from, Mapping) else dict.fromkeys(made_from, "made_from")
    left_out = {name: why for name, why in parts.items() if name in table}
    if not first_orders_observed:
        left_out |= {name: "first" for name in FIRST_ORDER if name in table}
    elif {"first_category", "first_product"} <= set(table.columns):
        left_out["first_product"] = "finer"
    sources = {name: as_numbers(table[name]) for name in parts if name in table and kind_of(table[name]) == "number"}
    for name in table.columns.difference([*left_out], sort=False):
        if kind_of(table[name]) == "number" and any(
            _same_order(as_numbers(table[name]), other) for other in sources.values()
        ):
            left_out[str(name)] = "copy"
    return left_out


def _same_order(a: np.ndarray, b: np.ndarray) -> bool:
    known = ~(np.isnan(a) | np.isnan(b))
    if known.sum() < 30:
        return False
    ranks = [pd.Series(values[known]).rank().to_numpy() for values in (a, b)]
    if any(values.std() == 0 for values in ranks):
        return False
    return abs(float(np.corrcoef(*ranks)[0, 1])) >= COPY


def _matrix(features: CustomerFeatures | pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    if isinstance(features, CustomerFeatures):
        dictionary = features.dictionary
        return features.table.set_index("customer_id"), dict(zip(dictionary["column"], dictionary["kind"], strict=True))
    table = features.set_index("customer_id") if "customer_id" in features else features
    return table, {}


def _with_ratios(rows: pd.DataFrame, table: pd.DataFrame, chosen: np.ndarray, level: float, seed: int) -> pd.DataFrame:
    """Add to each row how many times as often or as much."""
    ratios, effects = [], []
    for row in rows.to_dict("records"):
        found = (np.nan, np.nan, np.nan)
        if pd.notna(row["effect"]):
            values = table[row["feature"]]
            known = values.notna().to_numpy()
            if str(row["statistic"]).startswith("share"):
                n, m = int(row["n"]), int(row["n_others"])
                counts = round(row["value"] * n), n, round(row["value_others"] * m), m
                found = share_ratio(*counts, level=level)
            else:
                a, b = (as_numbers(values[known & side]) for side in (chosen, ~chosen))
                mean = row["statistic"] == "mean"
                found = mean_ratio(a, b, level=level) if mean else median_ratio(a, b, level=level, seed=seed)
                row["effect"] = _apart(a, b) if mean else row["effect"]
        ratios.append(found)
        effects.append(row["effect"])
    rows = rows.reset_index(drop=True).assign(effect=effects)
    place = rows.columns.get_loc("p_value")
    for i, name in enumerate(("ratio", "ratio_low", "ratio_high")):
        rows.insert(place + i, name, np.array([found[i] for found in ratios], dtype="float64"))
    return rows


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """Return how often one of the group would have more, less how often less, were both normal."""
    spread = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    return float(2 * stats.norm.cdf((a.mean() - b.mean()) / spread / np.sqrt(2)) - 1) if spread > 0 else 0.0


def _judged(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """Hold the false discovery rate over all rows, and sort: clear ones first, the largest first."""
    from statsmodels.stats.multitest import multipletests

    tested = rows["p_value"].notna()
    rows["p_adjusted"] = np.nan
    if tested.any():
        rows.loc[tested, "p_adjusted"] = multipletests(rows.loc[tested, "p_value"], method="fdr_bh")[1]
    # what is said by an interval must not cover "no difference", however small p is: two methods may disagree there
    apart = ((rows["low"] > 0) | (rows["high"] < 0)) & ~((rows["ratio_low"] <= 1) & (rows["ratio_high"] >= 1))
    clear = (rows["p_adjusted"] < 1 - level) & apart
    rows["status"] = np.where(~tested, "too_few", np.where(clear, "measured", "no_clear_difference"))
    place = rows["status"].map({"measured": 0, "no_clear_difference": 1, "too_few": 2})
    order = rows.assign(place=place, size=-rows["effect"].abs())
    order = order.sort_values(["place", "size", "feature", "category"], kind="stable")
    return rows.loc[order.index].reset_index(drop=True)
