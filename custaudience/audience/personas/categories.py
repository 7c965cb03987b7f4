"""What a segment buys against all others: each category's share of its spending, as a ratio with an interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse, stats

from custaudience.audience.personas.figures import ENOUGH, Frame
from custaudience.audience.personas.words import category_text, code_of, is_specific, plain_text
from custaudience.customers.features.attributes import CATEGORY_SHARE, sensitive_topic
from custaudience.errors import ColumnError, near_miss
from custaudience.evidence import Claim, template

MOST_CATEGORIES = 120
LEAST_SHARE = 0.005
"""A category with less of both sides' spending than this is not named on a card."""
_COLUMNS = ["segment", "category", "n", "n_buyers", "share", "share_others", "ratio", "low", "high"]


def category_ratios(
    sales: pd.DataFrame,
    labels: pd.Series,
    *,
    min_group_size: int = 10,
    level: float = 0.95,
    most: int = MOST_CATEGORIES,
    include_sensitive: bool = False,
) -> pd.DataFrame:
    """Compare what each segment spends its money on with what all other customers spend theirs on.

    Parameters
    ----------
    sales : DataFrame
        ``customer_id``, ``category`` ("" = not known), ``sales_minor``, as `category_sales` gives them; several rows
        of a customer and category are added up.
    labels : Series per ``customer_id``
        The segment; customers without one are left out.
    min_group_size : int
        Pairs with fewer buyers in the segment, or among the others, have no row.
    level : float
        Of the intervals.
    most : int
        So many categories, those with most sales, are compared.
    include_sensitive : bool
        Also categories that tell of health, religion and the like.

    Returns
    -------
    DataFrame, one row per segment and category, by segment and falling ratio
        ``segment``, ``category``, ``n`` (customers of the segment with sales), ``n_buyers`` (of the category),
        ``share`` and ``share_others`` (of spending), ``ratio`` and its interval ``low``, ``high``, ``p_adjusted``
        (false discovery rate over the table), ``status``.

    Raises
    ------
    ColumnError
        If a column is missing.

    Notes
    -----
    A share of spending is a ratio of two sums over customers; its variance is that of the linearised ratio
    (Cochran 1977, section 6.3), customers being the units, and the interval is made on the logarithm of the ratio of
    the two shares. False discovery rate after Benjamini and Hochberg (1995).
    """
    for column in ("customer_id", "category", "sales_minor"):
        if column not in sales:
            raise ColumnError(f"category sales: column {column!r} not found.{near_miss(column, sales.columns)}")
    who = labels.dropna().astype("str")
    matrix, names, customers = _matrix(sales, who.index, most, include_sensitive)
    segment, found = pd.factorize(who.reindex(customers), sort=True)
    if len(found) < 2 or not names:
        return pd.DataFrame(columns=[*_COLUMNS, "p_adjusted", "status"])
    parts = _parts(matrix, segment, len(found))
    result = pd.concat(
        [_against_others(parts, k, str(name), names, min_group_size, level) for k, name in enumerate(found)],
        ignore_index=True,
    )
    result["p_adjusted"] = stats.false_discovery_control(result["p_value"].to_numpy()) if len(result) else np.empty(0)
    clear = (result["p_adjusted"] < 1 - level) & ((result["low"] > 1) | (result["high"] < 1))
    few = result["n_fewest"] < ENOUGH
    result["status"] = np.where(few, "too_few", np.where(clear, "measured", "no_clear_difference"))
    result = result.sort_values(["segment", "ratio", "category"], ascending=[True, False, True], kind="stable")
    return result[[*_COLUMNS, "p_adjusted", "status"]].reset_index(drop=True)


def _matrix(
    sales: pd.DataFrame, ids: pd.Index, most: int, include_sensitive: bool
) -> tuple[sparse.csr_array, list[str], np.ndarray]:
    """Return customers by categories, the last column being what they spent on everything."""
    row, customers = pd.factorize(sales["customer_id"])
    placed = pd.Index(customers).astype("str").isin(ids)
    category, found = pd.factorize(sales["category"].fillna(""))
    amount = np.where(placed[row], sales["sales_minor"].to_numpy("float64"), 0.0)
    sums = np.bincount(category, weights=amount, minlength=len(found))
    names: list[str] = []
    chosen = np.full(len(found), -1)
    for i in sorted(range(len(found)), key=lambda i: (-sums[i], str(found[i]))):
        name = str(found[i])
        if len(names) == most or sums[i] <= 0:
            break
        if name and (include_sensitive or not sensitive_topic(f"{CATEGORY_SHARE}{plain_text(name)}")):
            chosen[i] = len(names)
            names.append(name)
    column = chosen[category]
    kept, n = column >= 0, len(customers)
    data = np.concatenate([amount[kept], amount])
    at = (np.concatenate([row[kept], row]), np.concatenate([column[kept], np.full(len(row), len(names))]))
    matrix = sparse.coo_array((data, at), shape=(n, len(names) + 1)).tocsr()  # the same pair twice is added up
    return matrix[np.flatnonzero(placed)], names, np.asarray(customers.astype("str"))[placed]


def _parts(matrix: sparse.csr_array, segment: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """Return per segment what the ratios need: customers, buyers, sums, squares and products."""
    n = len(segment)
    of = sparse.coo_array((np.ones(n), (segment, np.arange(n))), shape=(k, n)).tocsr()
    total = matrix[:, [-1]].toarray()
    return {
        "n": np.bincount(segment, minlength=k).astype("float64"),
        "buyers": (of @ (matrix > 0).astype("float64")).toarray(),
        "sum": (of @ matrix).toarray(),
        "square": (of @ matrix.multiply(matrix)).toarray(),
        "product": (of @ matrix.multiply(total).tocsr()).toarray(),
    }


def _against_others(
    parts: dict[str, np.ndarray], k: int, name: str, names: list[str], least: int, level: float
) -> pd.DataFrame:
    mine = {key: value[k] for key, value in parts.items()}
    others = {key: value.sum(axis=0) - value[k] for key, value in parts.items()}
    (share, error), (base, base_error) = _share(mine), _share(others)
    n_buyers, n_others = mine["buyers"][:-1], others["buyers"][:-1]
    shown = (n_buyers >= max(least, 2)) & (n_others >= max(least, 2)) & (share > 0) & (base > 0)
    share, base = share[shown], base[shown]
    spread = np.sqrt((error[shown] / share) ** 2 + (base_error[shown] / base) ** 2)
    ratio, reach = share / base, np.exp(stats.norm.ppf((1 + level) / 2) * spread)
    with np.errstate(divide="ignore"):
        z = np.abs(np.log(ratio)) / spread
    return pd.DataFrame(
        {
            "segment": name,
            "category": [label for label, kept in zip(names, shown, strict=True) if kept],
            "n": int(mine["n"]),
            "n_buyers": n_buyers[shown].astype(int),
            "share": share,
            "share_others": base,
            "ratio": ratio,
            "low": ratio / reach,
            "high": ratio * reach,
            "p_value": np.nan_to_num(2 * stats.norm.sf(z), nan=1.0),
            "n_fewest": np.minimum(n_buyers[shown], n_others[shown]),
        }
    )


def _share(sums: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return each category's share of spending and its standard error."""
    n, total, squares = float(sums["n"]), float(sums["sum"][-1]), float(sums["square"][-1])
    if n < 2 or total <= 0:
        return np.zeros(len(sums["sum"]) - 1), np.zeros(len(sums["sum"]) - 1)
    share = sums["sum"][:-1] / total
    left = sums["square"][:-1] - 2 * share * sums["product"][:-1] + share**2 * squares
    return share, np.sqrt(np.maximum(left, 0) * n / (n - 1)) / total


def category_claims(frame: Frame, ratios: pd.DataFrame, *, most: int = 5) -> tuple[Claim, ...]:
    """Return the categories a segment buys most above all others and one it buys below; the rest are its largest.

    Clear ones are chosen by the end of the interval next to 1, so that a small, uncertain category does not lead.
    Where fewer are clear, the largest categories follow, and their claims say that there is no clear difference.
    """
    own = ratios[(ratios["segment"] == frame.segment) & (ratios["status"] != "too_few")]
    own = own[own[["share", "share_others"]].max(axis=1) >= LEAST_SHARE]
    clear = own[own["status"] == "measured"]
    less = clear[clear["high"] < 1].sort_values(["high", "category"])
    more = clear[clear["low"] > 1].sort_values(["low", "category"], ascending=[False, True])
    more = more.head(most - min(1, len(less)))
    same = own[own["status"] == "no_clear_difference"]
    same = same[same["category"].map(lambda name: is_specific(str(name))).astype("bool")]
    same = same.sort_values(["share", "category"], ascending=[False, True]).head(max(0, most - 1 - len(more)))
    less = less.head(max(1, most - len(more) - len(same)) if len(same) == 0 else 1)
    chosen = [rows.sort_values("ratio", ascending=False) for rows in (more, same, less)]
    return tuple(_claim(frame, row) for rows in chosen for row in rows.to_dict("records"))


def _claim(frame: Frame, row: dict[str, object]) -> Claim:
    ratio, low, high = (float(str(row[key])) for key in ("ratio", "low", "high"))
    values = {
        "category": category_text(row["category"]), "raw": plain_text(row["category"]), "ratio": ratio,
        "share": row["share"], "others": row["share_others"], "n": row["n"], "buyers": row["n_buyers"],
        "effect": abs(float(np.log(ratio))),
    }  # fmt: skip
    text = template(
        "{category:text}: {ratio:number1} times the share it has with all others ({share:percent1} of spending "
        "against {others:percent1})"
    )
    if ratio < 0.095:  # one decimal would read as none
        text = template(
            "{category:text}: {ratio:number2} times the share it has with all others ({share:percent1} of spending "
            "against {others:percent1})"
        )
    return frame.claim(
        f"categories_{code_of(row['category'])}",
        template=text,
        values=values,
        kind="difference",
        statistic="category_ratio",
        value=ratio,
        unit="ratio",
        low=low,
        high=high,
        level=frame.level,
        n=int(str(row["n"])),
        status="measured" if row["status"] == "measured" else "no_clear_difference",
        method=template("Share of spending divided by that of all others, by customer"),
        base=template("{buyers:count} of {n:count} bought it"),
        source="transactions",
    )
