"""What sets ideal customers apart from the rest, apart from what they were chosen for, and of whom it is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from custaudience.audience.ideal.customers import MADE_FROM
from custaudience.customers.drivers.columns import kinds_of
from custaudience.customers.features.attributes import CATEGORY_SHARE, sensitive_topic
from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.segments.search import name_of
from custaudience.errors import DataError, EmptyTableError
from custaudience.evidence import Terms, suppress_small
from custaudience.stats.contrast import as_numbers, contrast, judge, kind_of
from custaudience.stats.intervals import mean_ratio, median_ratio, share_difference, share_ratio
from custaudience.telling import sheet

FIRST_ORDER = ("first_category", "first_product", "first_order_discounted")
DILUTED = "discounted_share"
COPY = 0.9  # rank correlation from which a trait says the same as something ideal is made of
COMPLETE = 0.95  # from this share of customers on, an attribute counts as known of everybody
_KNOWN = [
    *("feature", "n_known", "share_known", "share_known_ideal", "share_known_rest"),
    *("ideal_known", "ideal_unknown", "difference", "low", "high", "status"),
]


@dataclass(frozen=True)
class DistinctiveTraits:
    """Every trait of a group against the rest.

    Attributes
    ----------
    table : DataFrame, one row per trait (and level of a category), clearest and largest first
        ``feature``, ``kind`` ("attribute", "date", "category_share", "behaviour"), ``name``, ``unit``; the columns of
        `contrast`, but the ``effect`` of means is what Cliff's delta would be of two normal distributions so far apart:
        ranks would tell how often somebody ordered; ``ratio``, ``ratio_low``, ``ratio_high`` (how many times as often,
        or as much; NaN where a ratio says nothing); ``p_adjusted`` (false discovery rate over the table); ``status``:
        "measured" where that rate holds and neither interval covers no difference, "no_clear_difference", "too_few".
    known : DataFrame, one row per attribute known of less than 95 %, and one ("") for any of these
        ``feature``, ``n_known``, ``share_known``, ``share_known_ideal``, ``share_known_rest``; ``ideal_known`` (share
        of the known who are ideal), ``ideal_unknown``, their ``difference`` with ``low``, ``high`` (Newcombe),
        ``status``. "measured": those known are other people, and what is said of the attribute is of them.
    left_out : DataFrame
        ``feature``, ``name``, ``why``: one of the sheet's ``[phrases.left_out]``.
    n, n_others : int
        Customers of the group and of the rest.
    """

    table: pd.DataFrame
    known: pd.DataFrame
    left_out: pd.DataFrame
    n: int
    n_others: int
    terms: Terms

    @property
    def clear(self) -> pd.DataFrame:
        """The traits that set the group apart, one row per feature, the largest first."""
        rows = self.table[self.table["status"] == "measured"]
        return rows.drop_duplicates("feature").reset_index(drop=True)


def distinctive_traits(
    features: CustomerFeatures | pd.DataFrame,
    is_ideal: pd.Series,
    terms: Terms,
    *,
    made_from: Mapping[str, str] | Collection[str] | None = None,
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
    Attributes that are numbers: medians where skewed, by bootstrap. The ratio of means by the delta method. Attributes
    are compared among those of whom they are known. What goes with being ideal need not make anybody so.
    """
    kinds: dict[str, str] = {}
    units: dict[str, str] = {}
    if isinstance(features, CustomerFeatures):
        kinds, units = kinds_of(features), features.dictionary.set_index("column")["unit"].to_dict()
        features = features.table
    table = features.set_index("customer_id") if "customer_id" in features else features
    chosen = is_ideal.dropna().astype(bool)
    chosen = chosen[chosen.index.isin(table.index)]
    table = table.loc[chosen.index]
    if not chosen.any():
        raise EmptyTableError("distinctive_traits: nobody is in the group, so there is nobody to compare.")
    if chosen.all():
        raise DataError("distinctive_traits: everybody is in the group, so there is nobody to compare with.")
    left_out = circular_columns(table, MADE_FROM if made_from is None else made_from, terms)
    if DILUTED in table and (made_from is None or isinstance(made_from, Mapping)):
        left_out.setdefault(DILUTED, "diluted")
    left_out |= {name: "sensitive" for name in map(str, table) if name not in left_out and sensitive_topic(name)}
    columns = [str(name) for name in table if name not in left_out]
    known_behaviour = {name for name, kind in kinds.items() if kind in ("behaviour", "category_share")}
    behaviour = [name for name in columns if name in known_behaviour or name.startswith(CATEGORY_SHARE)]
    rows, _ = contrast(table[columns], chosen.map({True: "ideal", False: "rest"}), terms, by_mean=behaviour)
    rows = _with_ratios(rows[rows["group"] == "ideal"].drop(columns="group"), table, chosen.to_numpy(), terms)
    left_out |= {name: "one_value" for name in columns if name not in set(rows["feature"])}
    gone = pd.DataFrame(sorted(left_out.items()), columns=["feature", "why"], dtype="str")
    for frame in (rows, gone):
        kind = frame["feature"].map(lambda name: kinds.get(name, "attribute")).astype("str")
        shown = [name_of(f, "attribute" if k == "date" else k) for f, k in zip(frame["feature"], kind, strict=True)]
        frame.insert(1, "name", pd.Series(shown, index=frame.index, dtype="str"))
        if frame is rows:
            frame.insert(1, "kind", kind)
            frame.insert(3, "unit", frame["feature"].map(lambda name: units.get(name, "")).astype("str"))
    attributes = [n for n in columns if kinds.get(n, "attribute") in ("attribute", "date") and n not in left_out]
    known = known_about(table[attributes], chosen, terms)
    return DistinctiveTraits(_judged(rows, terms.level), known, gone, int(chosen.sum()), int((~chosen).sum()), terms)


def circular_columns(
    table: pd.DataFrame, made_from: Mapping[str, str] | Collection[str], terms: Terms
) -> dict[str, str]:
    """Return the columns that must not be compared, with the key of the reason."""
    parts = dict(made_from) if isinstance(made_from, Mapping) else dict.fromkeys(made_from, "made_from")
    left_out = {name: why for name, why in parts.items() if name in table}
    if terms.first_orders != "observed":
        left_out |= {name: "first" for name in FIRST_ORDER if name in table}
    elif {"first_category", "first_product"} <= set(table.columns):
        left_out["first_product"] = "finer"
    numbers = {str(name): as_numbers(table[name]) for name in table if kind_of(table[name]) == "number"}
    sources = [numbers[name] for name in parts if name in numbers]
    for name, values in numbers.items():
        if name not in left_out and any(_same_order(values, other) for other in sources):
            left_out[name] = "copy"
    return left_out


def _same_order(a: np.ndarray, b: np.ndarray) -> bool:
    known = ~(np.isnan(a) | np.isnan(b))
    if known.sum() < 30 or any(np.ptp(values[known]) == 0 for values in (a, b)):
        return False
    return abs(float(stats.spearmanr(a[known], b[known]).statistic)) >= COPY


def _with_ratios(rows: pd.DataFrame, table: pd.DataFrame, chosen: np.ndarray, terms: Terms) -> pd.DataFrame:
    """Add to each row how many times as often or as much, and to that of means an effect without ranks."""
    ratios, effects = [], []
    for row in rows.to_dict("records"):
        found, effect = (np.nan, np.nan, np.nan), row["effect"]
        if pd.notna(effect) and row["statistic"].startswith("share"):
            n, m = int(row["n"]), int(row["n_others"])
            found = share_ratio(round(row["value"] * n), n, round(row["value_others"] * m), m, terms.level)
        elif pd.notna(effect):
            values = table[row["feature"]]
            a, b = (as_numbers(values[values.notna().to_numpy() & side]) for side in (chosen, ~chosen))
            if row["statistic"] == "mean":
                found, effect = mean_ratio(a, b, terms.level), _apart(a, b)
            else:
                found = median_ratio(a, b, terms.level, terms.seed)
        ratios.append(found)
        effects.append(effect)
    rows = rows.reset_index(drop=True).assign(effect=effects)
    values = np.array(ratios, dtype="float64").reshape(-1, 3).T
    for name, column in zip(("ratio", "ratio_low", "ratio_high"), values, strict=True):
        rows.insert(rows.columns.get_loc("p_value"), name, column)
    return rows


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """Return how often one of the group would have more, less how often less, were both normal."""
    spread = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    return float(2 * stats.norm.cdf((a.mean() - b.mean()) / spread / np.sqrt(2)) - 1) if spread > 0 else 0.0


def _judged(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """Hold the false discovery rate over all rows, and sort: clear ones first, the largest first."""
    rows = judge(rows, level, by_interval=True)
    covers_1 = (rows["ratio_low"] <= 1) & (rows["ratio_high"] >= 1) & (rows["status"] == "measured")
    rows["status"] = rows["status"].mask(covers_1, "no_clear_difference")
    by = ["status", "size", "feature", "category"]  # "measured" comes first in the alphabet, "too_few" last
    rows = rows.assign(size=-rows["effect"].abs()).sort_values(by, kind="stable", ignore_index=True)
    return rows.drop(columns="size")


def known_about(attributes: pd.DataFrame, is_ideal: pd.Series, terms: Terms) -> pd.DataFrame:
    """Compare those of whom attributes are known with the others; see `DistinctiveTraits.known`."""
    partly = [str(name) for name in attributes if attributes[name].notna().mean() < COMPLETE]
    masks = {"": attributes[partly].notna().any(axis=1)} | {name: attributes[name].notna() for name in partly}
    if not partly:
        return pd.DataFrame(columns=_KNOWN)
    table = pd.DataFrame([_known_row(name, known, is_ideal, terms) for name, known in masks.items()], columns=_KNOWN)
    return table.astype({"n_known": "Int64"} | dict.fromkeys(_KNOWN[2:10], "float64"))


def _known_row(name: str, known: pd.Series, ideal: pd.Series, terms: Terms) -> dict[str, object]:
    n, m = int(known.sum()), int((~known).sum())
    row: dict[str, object] = {"feature": name, "n_known": n, "share_known": n / len(known), "status": "too_few"}
    a, b = int((known & ideal).sum()), int((~known & ideal).sum())
    if min(n, m) < terms.least or any(0 < cell < terms.least for cell in (a, n - a, b, m - b)):
        return row | ({"n_known": np.nan, "share_known": np.nan} if 0 < n < terms.least else {})
    difference, low, high = share_difference(a, n, b, m, terms.level)
    return row | {
        "share_known_ideal": a / (a + b) if a + b else np.nan,
        "share_known_rest": (n - a) / (n + m - a - b) if n + m > a + b else np.nan,
        "ideal_known": a / n, "ideal_unknown": b / m, "difference": difference, "low": low, "high": high,
        "status": "no_clear_difference" if low <= 0 <= high else "measured",
    }  # fmt: skip


def trait_table(traits: DistinctiveTraits) -> pd.DataFrame:
    """Return the traits as published, without p-values of single rows; see `DistinctiveTraits.table`."""
    table = traits.table.drop(columns=["p_value", "p_adjusted"]).astype({"above": "float64"})
    keep = ["feature", "kind", "name", "unit", "category", "statistic", "status"]
    return suppress_small(table, n="n", min_group_size=traits.terms.least, keep=keep, counts=["n_others"])


def left_out_table(traits: DistinctiveTraits) -> pd.DataFrame:
    """Return what was not compared: ``feature``, ``name``, ``reason`` (a message)."""
    table = traits.left_out.copy()
    table["reason"] = table.pop("why").map(sheet(__package__)["phrases"]["left_out"]).astype("str")
    return table
