"""Of whom attributes are known, and whether these customers are other people than the rest."""

from __future__ import annotations

import pandas as pd

COMPLETE = 0.95
"""From this share of customers on, an attribute counts as known of everybody."""
_COLUMNS = [
    *("feature", "n_known", "share_known", "share_known_ideal", "share_known_rest"),
    *("ideal_known", "ideal_unknown", "difference", "low", "high", "p_value", "status"),
]


def known_about(
    attributes: pd.DataFrame, is_ideal: pd.Series, *, level: float = 0.95, min_group_size: int = 10
) -> pd.DataFrame:
    """Compare the customers of whom attributes are known with those of whom they are not.

    Parameters
    ----------
    attributes : DataFrame by ``customer_id``
    is_ideal : Series of bool with the same index
    level, min_group_size

    Returns
    -------
    DataFrame, one row per attribute known of less than 95 %, and one ("") for any of these
        ``feature``, ``n_known``, ``share_known``, ``share_known_ideal``, ``share_known_rest``; ``ideal_known`` (share
        of the known who are ideal), ``ideal_unknown``, their ``difference`` with ``low``, ``high`` (Newcombe),
        ``p_value``, ``status``. "measured": those known are other people, and what is said of the attribute is of them.
        Figures are missing where a group is smaller than `min_group_size`.
    """
    partly = [str(name) for name in attributes if attributes[name].notna().mean() < COMPLETE]
    if not partly:
        return pd.DataFrame(columns=_COLUMNS)
    masks = {"": attributes[partly].notna().any(axis=1)} | {name: attributes[name].notna() for name in partly}
    rows = [_row(name, known, is_ideal, level, min_group_size) for name, known in masks.items()]
    table = pd.DataFrame(rows, columns=_COLUMNS)
    numbers = [name for name in _COLUMNS if name not in ("feature", "n_known", "status")]
    return table.astype({"n_known": "Int64"} | dict.fromkeys(numbers, "float64"))


def _row(name: str, known: pd.Series, ideal: pd.Series, level: float, least: int) -> dict[str, object]:
    from scipy import stats
    from statsmodels.stats.proportion import confint_proportions_2indep

    n, m = int(known.sum()), int((~known).sum())
    row: dict[str, object] = {"feature": name, "n_known": n, "share_known": n / len(known), "status": "too_few"}
    a, b = int((known & ideal).sum()), int((~known & ideal).sum())
    if any(cell < least for cell in (n, m)) or any(0 < cell < least for cell in (a, n - a, b, m - b)):
        return row | ({"n_known": pd.NA, "share_known": pd.NA} if 0 < n < least else {})
    low, high = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff", alpha=1 - level)
    return row | {
        "share_known_ideal": a / (a + b) if a + b else pd.NA,
        "share_known_rest": (n - a) / (n + m - a - b) if n + m > a + b else pd.NA,
        "ideal_known": a / n,
        "ideal_unknown": b / m,
        "difference": a / n - b / m,
        "low": float(low),
        "high": float(high),
        "p_value": float(stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue),
        "status": "no_clear_difference" if low <= 0 <= high else "measured",
    }
