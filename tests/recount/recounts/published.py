"""The published tables whose figures pages print beside the claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from recounts.books import LEAST, Books
from recounts.rfm import scores, segments_at
from recounts.rfm_and_lifecycle import known, rhythm_at
from recounts.start_here import months_of

STATES = ("primary", "lost", "potential")


def _small(column: pd.Series) -> pd.Series:
    """Counts of few people are not shown."""
    return column.mask(column.between(1, LEAST - 1))


def segments(books: Books) -> pd.DataFrame:
    """Per segment: customers, revenue, the customer in the middle, who is late, who moved."""
    now = segments_at(books, books.as_of)
    before = segments_at(books, pd.Period(books.as_of, "M").start_time - pd.Timedelta(days=1))["segment"]
    now = now.assign(late=rhythm_at(books, books.as_of)["overdue"].reindex(now.index) == True)  # noqa: E712
    of = now.groupby("segment")
    table = pd.DataFrame({"n_customers": of.size(), "revenue_total": of["minor"].sum() / 100})
    table["share_of_customers"] = table["n_customers"] / len(now)
    table["share_of_revenue"] = table["revenue_total"] / table["revenue_total"].sum()
    table["revenue_per_customer"] = table["revenue_total"] / table["n_customers"]
    table["median_days_since_last_order"] = of["silent"].median()
    table["median_n_orders"] = of["n_orders"].median()
    table["n_overdue"] = of["late"].sum()
    table["n_before"] = before.value_counts()
    left = before[before != now["segment"].reindex(before.index)]
    table["joined"] = now.loc[now["segment"] != before.reindex(now.index), "segment"].value_counts()
    table["left"] = left.value_counts()
    counts = ["n_overdue", "n_before", "joined", "left"]
    table[counts] = table[counts].fillna(0).apply(_small)
    return table.reset_index()


def _states(books: Books) -> pd.Series:
    rhythm = rhythm_at(books, books.as_of)
    everybody = pd.Series("potential", index=sorted(known(books, books.as_of), key=str))
    everybody[rhythm.index] = np.where(rhythm["lost"], "lost", "primary")
    return everybody


def lifecycle(books: Books) -> pd.DataFrame:
    """Everybody who is known, by state."""
    states, late = _states(books), rhythm_at(books, books.as_of)["overdue"]
    n = states.value_counts().reindex(STATES, fill_value=0)
    late_by = late.groupby(states.reindex(late.index)).sum().reindex(STATES, fill_value=0)
    small = n.between(1, LEAST - 1)
    return pd.DataFrame(
        {"state": STATES, "n_customers": _small(n).array, "share": (n / n.sum()).mask(small).array,
         "n_overdue": _small(late_by).array}
    )  # fmt: skip


def lifecycle_by_segment(books: Books) -> pd.DataFrame:
    """States within each segment; what few have is not shown."""
    segment, states = segments_at(books, books.as_of)["segment"], _states(books)
    table = pd.DataFrame({"segment": segment, "state": states.reindex(segment.index)})
    table = table.groupby(["segment", "state"]).size().rename("n_customers").reset_index()
    table["share"] = table["n_customers"] / table.groupby("segment")["n_customers"].transform("sum")
    table["share"] = table["share"].mask(table["n_customers"].between(1, LEAST - 1))
    return table.assign(n_customers=_small(table["n_customers"]))


def rfm_cuts(books: Books) -> pd.DataFrame:
    """What each score stands for: its smallest and largest value, the outermost left open."""
    table = segments_at(books, books.as_of)
    buyers, rows = table[table["n_orders"] > 0], []
    for name, value, unit in (("r", -buyers["silent"], 1), ("f", buyers["n_orders"], 1), ("m", buyers["minor"], 100)):
        score = scores(value)
        tops = value.groupby(score).max()
        for k in range(1, int(score.max()) + 1):
            lower = tops[k - 1] + 1 if k > 1 else np.nan
            upper = tops[k] if k < score.max() else np.nan
            ends = (-upper, -lower) if name == "r" else (lower / unit, upper / unit)
            rows.append((name, k, *ends))
    return pd.DataFrame(rows, columns=["dimension", "score", "lower", "upper"])


def months(books: Books) -> pd.DataFrame:
    """The figures of every month; of months in which few ordered nothing."""
    table = months_of(books)
    lines = books.lines
    refunds = -lines["minor"].clip(upper=0).groupby(lines["day"].dt.to_period("M")).sum() / 100
    result = pd.DataFrame(
        {
            "month": table.index.astype(str), "n_days": table.index.days_in_month,
            "n_trading_days": table["days"].array, "is_complete": table["whole"].array,
            "n_orders": table["orders"].array, "n_customers": table["customers"].array,
            "revenue": table["revenue"].array, "refunds": refunds.reindex(table.index, fill_value=0).array,
            "revenue_per_trading_day": (table["revenue"] / table["days"]).array,
            "revenue_per_order": table["revenue_per_order"].array,
        }
    )  # fmt: skip
    small = result["n_customers"].between(1, LEAST - 1)
    kept = ["month", "n_days", "n_trading_days", "is_complete"]
    return result.assign(**{c: result[c].mask(small) for c in result.columns.drop(kept)})


TABLES: dict[str, tuple[Callable[[Books], pd.DataFrame], list[str]]] = {
    "segments": (segments, ["segment"]),
    "lifecycle": (lifecycle, ["state"]),
    "lifecycle_by_segment": (lifecycle_by_segment, ["segment", "state"]),
    "rfm_cuts": (rfm_cuts, ["dimension", "score"]),
    "months": (months, ["month"]),
}
"""How to recount a table, and the columns that name its rows."""


def table_differences(books: Books, name: str) -> list[str]:
    """Say where a published table and its recount differ."""
    recount, keys = TABLES[name]
    mine, theirs = recount(books).set_index(keys).sort_index(), books.published(name).set_index(keys).sort_index()
    if list(mine.index) != list(theirs.index):
        return [f"table {name}: rows are {list(theirs.index)}, recounted {list(mine.index)}"]
    if missing := set(theirs.columns) - set(mine.columns):
        return [f"table {name}: {sorted(missing)} were not recounted"]
    wrong = []
    for column in theirs:
        a, b = (pd.to_numeric(frame[column], errors="coerce").astype(float) for frame in (theirs, mine))
        apart = (a - b).abs() > 1e-9 * b.abs().clip(lower=1)
        for row in a.index[(apart | (a.isna() != b.isna())).to_numpy()]:
            at: Any = row
            wrong.append(f"table {name}, {at}: {column} is {theirs.at[at, column]}, recounted {mine.at[at, column]}")
    return wrong
