"""Who responds, and who was contacted: groups of customers compared within the same campaigns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from custaudience.errors import ColumnError
from custaudience.evidence import Terms
from custaudience.stats.intervals import false_discovery_rates, share_difference, share_interval

VERSUS = ["difference", "difference_low", "difference_high"]


def verdicts(table: pd.DataFrame, level: float) -> pd.Series:
    """Return whether each ``difference`` is found by its ``q_value``: more, less, or no clear difference."""
    found = np.where(table["difference"] > 0, "more", "less")
    found = np.where(table["q_value"] <= 1 - level, found, "no clear difference")
    return pd.Series(found, table.index, dtype="str")


def customer_attributes(customers: pd.DataFrame | None, segments: pd.DataFrame | None) -> dict[str, pd.Series]:
    """Return each attribute as a series of text by customer; numbers become quarters."""
    found: dict[str, pd.Series] = {}
    for name, frame in (("segments", segments), ("customers", customers)):
        if frame is None:
            continue
        if "customer_id" not in frame:
            raise ColumnError(f"{name}: column 'customer_id' not found; it has {list(frame.columns)}.")
        frame = frame.drop_duplicates()
        if frame["customer_id"].duplicated().any():
            raise ValueError(f"{name}: expected one row per customer_id; some have several")
        indexed = frame.set_index(frame["customer_id"].astype("str"))
        for column in indexed.columns.drop("customer_id"):
            if not str(column).startswith("_"):
                found[str(column)] = _as_text(indexed[column])
    return found


def _as_text(values: pd.Series) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return values.dropna().astype("str")
    values = values.dropna().astype("float64")
    cuts = np.unique(np.quantile(values, [0.25, 0.5, 0.75], method="inverted_cdf")) if len(values) else np.empty(0)
    names = np.array(["1 lowest", "2", "3", "4 highest"])
    return pd.Series(names[np.searchsorted(cuts, values)], values.index, dtype="str")


def group_table(sent: pd.DataFrame, attributes: dict[str, pd.Series], terms: Terms) -> pd.DataFrame:
    """Return a row per attribute and value, compared with all others within the same campaigns."""
    rows = []
    for attribute, values in attributes.items():
        known = sent.assign(value=sent["customer_id"].map(values)).dropna(subset="value")
        for value in sorted(known["value"].unique()):
            mine = (known["value"] == value).to_numpy()
            n = [known.loc[which, "customer_id"].nunique() for which in (mine, ~mine)]
            if min(n) >= max(terms.least, 2):
                rows.append((attribute, value, n[0], *_group(known, mine, terms.level)))
    columns = ["attribute", "value", "n_customers", "n_contacts", "n_responded", "response_rate", "low", "high"]
    table = pd.DataFrame(rows, columns=[*columns, *VERSUS, "p_value"])
    table["q_value"] = false_discovery_rates(table["p_value"].to_numpy(dtype="float64"))
    return table.assign(verdict=verdicts(table, terms.level)).astype({"attribute": "str", "value": "str"})


def _group(known: pd.DataFrame, mine: np.ndarray, level: float) -> tuple[float, ...]:
    """Return a group's contacts, responses, rate with interval, and difference within campaigns with its test."""
    from scipy.stats import t

    y, customer = known["responded"].to_numpy(), pd.factorize(known["customer_id"])[0]
    campaign = pd.factorize(known["campaign_id"])[0]
    n, count = int(mine.sum()), int(y[mine].sum())
    rate, low, high = clustered_share(y[mine], customer[mine], level)
    size = np.array([np.bincount(campaign, weights=which) for which in (mine, ~mine)])
    hits = np.array([np.bincount(campaign, weights=which * y) for which in (mine, ~mine)])
    both = (size > 0).all(axis=0)
    weight = np.where(both, size[0] * size[1] / size.sum(axis=0), 0.0)
    if not weight.any():
        return n, count, rate, low, high, np.nan, np.nan, np.nan, np.nan
    share = hits / np.maximum(size, 1)
    difference = float((weight * (share[0] - share[1])).sum() / weight.sum())
    row = np.where(mine, 0, 1)
    parts = (weight[campaign] / weight.sum()) * (y - share[row, campaign]) / np.maximum(size[row, campaign], 1)
    # where nobody of a few answered, the rows themselves show no spread: at least that of the pooled rate counts
    pooled = hits.sum(axis=0) / np.maximum(size.sum(axis=0), 1)
    least = (weight / weight.sum()) ** 2 * pooled * (1 - pooled) / np.maximum(size, 1)
    spread = [_clustered(parts[row == side], customer[row == side]) for side in (0, 1)]
    error = np.sqrt(np.maximum(spread, least.sum(axis=1)).sum())
    # the variance rests on few customers where one side is small
    freedom = min(len(np.unique(customer[mine])), len(np.unique(customer[~mine]))) - 1
    width = t.ppf((1 + level) / 2, freedom) * error
    p = float(2 * t.sf(abs(difference) / error, freedom)) if error > 0 else np.nan
    return n, count, rate, low, high, difference, difference - width, difference + width, p


def clustered_share(y: np.ndarray, customer: np.ndarray, level: float) -> tuple[float, float, float]:
    """Return the share of contacts that responded, with Wilson's interval at the effective number of contacts."""
    n, rate = len(y), float(y.sum() / len(y))
    # contacts of one customer are alike: as many independent ones as give the same variance
    variance = _clustered((y - rate) / n, customer)
    effective = min(n, rate * (1 - rate) / variance) if variance > 0 else len(np.unique(customer))
    _, low, high = share_interval(rate * effective, effective, level)
    return rate, low, high


def _clustered(parts: np.ndarray, cluster: np.ndarray) -> float:
    """Return the variance of a sum whose parts belong together within a cluster."""
    sums = np.bincount(cluster, weights=parts)
    m = len(np.unique(cluster))
    return float((sums**2).sum() * m / max(m - 1, 1))


def coverage_table(sent: pd.DataFrame, attributes: dict[str, pd.Series]) -> pd.DataFrame:
    """Return of how many contacts each attribute is known, and how those and the others answered."""
    rows = []
    for attribute, values in attributes.items():
        known = sent["customer_id"].isin(values.index)
        rates = [sent.loc[which, "responded"].mean() for which in (known, ~known)]
        rows.append((attribute, len(sent), int(known.sum()), known.mean(), *rates))
    return pd.DataFrame(
        rows, columns=["attribute", "n_contacts", "n_known", "share_known", "rate_known", "rate_unknown"]
    )


def targeting_table(attributes: dict[str, pd.Series], contacted: set[str], terms: Terms) -> pd.DataFrame:
    """Return who was contacted at all, by attribute and value."""
    rows = []
    for attribute, values in attributes.items():
        reached = values.index.isin(contacted)
        for value in sorted(values.unique()):
            mine = (values == value).to_numpy()
            n, count, n_other, other = (int(part.sum()) for part in (mine, reached[mine], ~mine, reached[~mine]))
            if n >= terms.least:
                versus = share_difference(count, n, other, n_other, terms.level)
                rows.append((attribute, value, n, count, *share_interval(count, n, terms.level), *versus))
    columns = ["attribute", "value", "n_customers", "n_contacted", "share_contacted", "low", "high", *VERSUS]
    return pd.DataFrame(rows, columns=columns).astype({"attribute": "str", "value": "str"})
