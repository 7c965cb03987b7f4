"""RFM segments at a date, by the rules as DESIGN and the table of segments state them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recounts.books import Books, once

NAMES = {
    "champions": "Champions", "loyal": "Loyal", "cannot_lose": "Cannot lose", "regulars": "Regulars",
    "at_risk": "At risk", "promising": "Promising", "recent": "Recent", "occasional": "Occasional",
    "dormant": "Dormant", "no_order": "No order that counts",
}  # fmt: skip


def scores(value: pd.Series, n_scores: int = 5) -> pd.Series:
    """1 + the number of distinct cut points below a value; cut points are order statistics at ceil(i n / 5)."""
    ordered = np.sort(value.to_numpy())
    cuts = {ordered[-(-i * len(ordered) // n_scores) - 1] for i in range(1, n_scores)}
    return sum(((value > cut).astype(int) for cut in cuts), start=pd.Series(1, index=value.index))


def _level(score: pd.Series) -> pd.Series:
    """The third of the scores that exist in which the middle of a score's band lies."""
    middle = (score - 0.5) / score.max()
    return pd.Series(np.select([middle < 1 / 3 - 1e-12, middle > 2 / 3 + 1e-12], ["low", "high"], "mid"), score.index)


def segment_of(r: str, f: str, m: str) -> str:
    """The segment of three levels."""
    if r == "high":
        if f == "high":
            return "champions" if m == "high" else "loyal"
        return "promising" if f == "mid" else "recent"
    if r == "mid":
        return "occasional" if f == "low" else "regulars"
    if f == "low":
        return "dormant"
    return "cannot_lose" if f == m == "high" else "at_risk"


@once
def segments_at(books: Books, day: pd.Timestamp) -> pd.DataFrame:
    """Per customer with a line up to a day: figures, ``m_score`` and ``segment``."""
    table = books.customers_at(day).copy()
    buyers = table[table["n_orders"] > 0]
    each = {"r": scores(-buyers["silent"]), "f": scores(buyers["n_orders"]), "m": scores(buyers["minor"])}
    levels = pd.DataFrame({name: _level(score) for name, score in each.items()})
    named = [segment_of(*row) for row in levels.itertuples(index=False)]
    table["segment"] = pd.Series(named, index=buyers.index).reindex(table.index, fill_value="no_order")
    table["m_score"] = each["m"].reindex(table.index)
    return table
