"""The table of all pairs of a difference and an outcome, gone through row by row.

Permutation tests and cross-validation have chance in them. So shares and limits are recounted exactly, p-values
against those of an F-test of the same ranks, the correction for many tests from the published p-values exactly, the
gain against our own folds, what is left within groups of a stronger one exactly, and the verdict by its rule.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
import pandas as pd

from recounts import associations as tests
from recounts.affinity import discoveries
from recounts.books import Books, once
from recounts.features import Column, behaviour, outcome, variable

MAIN = ("revenue_of_buyers", "n_orders", "bought_again")
WORTHWHILE = 0.05
NAMES = {
    "n_orders": "Number of orders before", "revenue_total": "Revenue before",
    "revenue_per_order": "Revenue per order before", "days_since_last_order": "Days since the last order",
    "tenure": "Days since the first order in the data", "usual_gap_days": "Usual days between two orders",
    "lines_per_order": "Lines per order", "n_categories": "Number of product categories bought",
    "first_category": "Product category of the first order", "first_product": "Product of the first order",
    "first_order_discounted": "Discount in the first order", "consent": "Consent to messages",
    "weekend_share": "Share of orders at weekends", "evening_share": "Share of orders in the evening",
    "discounted_share": "Share of lines with a discount", "refund_share": "Refunds as a share of sales",
}  # fmt: skip


def name_of(name: str) -> str:
    """What a sentence calls a variable."""
    return NAMES.get(name, name.removeprefix("category_share: "))


def key_of(name: str) -> str:
    """The key of a variable in a claim's id."""
    fit = re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name)
    return name if fit else "x" + hashlib.sha256(name.encode()).hexdigest()[:8]


def cut_of(books: Books) -> pd.Timestamp:
    """First day of the last quarter of the history in whole months, a year at most."""
    begin, after = books.all_used["day"].min(), books.as_of + pd.Timedelta(days=1)
    months = 12 * (after.year - begin.year) + after.month - begin.month - (after.day < begin.day)
    return after - pd.DateOffset(months=min(12, max(1, months // 4)))


def attributes(books: Books) -> set[str]:
    """Columns of the customers table."""
    return set(books.people.columns)


def stage(books: Books, name: str) -> int:
    """What comes first: what somebody is, the first order, the later course."""
    return 0 if name in attributes(books) else 1 if name.startswith("first_") else 2


@once
def known(books: Books, name: str) -> Column:
    """A variable as it was known before the cut."""
    return variable(books, cut_of(books) - pd.Timedelta(days=1), name)


@once
def later(books: Books, name: str) -> pd.Series:
    """An outcome."""
    return outcome(books, cut_of(books), name)


def used_by(books: Books, *columns: pd.Series) -> pd.Index:
    """Customers of whom all is known."""
    ok = pd.concat(columns, axis=1).notna().all(axis=1)
    return columns[0].index[ok.to_numpy()]


def within(column: Column, other: Column, after: pd.Series, what: str) -> tuple[float, float, float, bool] | None:
    """Share overall and within groups of another variable, its p-value, whether it turns; None if too few have both."""
    mine = after.notna() & column.values.notna()
    both = after.index[mine & other.values.notna()]
    if len(both) < 0.8 * mine.sum():
        return None
    y = tests.response(after[both], what in ("bought_again", "second_order"))
    fixed, _ = tests.strata(other, both)
    marginal, _, overall = tests.partial(column, y, both, np.zeros(len(both), dtype=int))
    share, p, inside = tests.partial(column, y, both, fixed)
    if np.isnan(share):
        return marginal, 0.0, 1.0, False
    block = tests.block_of(column, both)
    centred = block - block.mean(axis=0)
    return marginal, share, p, bool((centred @ overall) @ (centred @ inside) < 0)


def look_within(
    books: Books, part: pd.DataFrame, columns: dict[str, Column], after: pd.Series, what: str
) -> pd.DataFrame:
    """Hold each variable against the other drivers of its outcome; `part` is sorted, those that pass first."""
    rows, genuine = [], []
    passing = list(part.loc[part["passes"], "variable"])
    for row in part.itertuples():
        others = [v for v in passing if v != row.variable and stage(books, v) <= stage(books, row.variable)]
        stronger = [v for v in others if v in genuine] if row.passes else []
        found: tuple[Any, ...] | None = None
        for other in dict.fromkeys([*others[:1], *stronger]):
            compared = within(columns[row.variable], columns[other], after, what)
            if compared is None:
                continue
            marginal, share, p, turned = compared
            proxy = other in stronger and p > 0.05 and not share > 0.5 * marginal
            if found is None or (proxy and (not found[4] or share < found[1])):
                found = (other, share, p, turned and row.passes and p <= 0.05, proxy)
        rows.append(found or ("", np.nan, np.nan, False, False))
        if row.passes and not rows[-1][4]:
            genuine.append(row.variable)
    return pd.DataFrame(rows, columns=["given", "share_within", "p_within", "reversed", "proxy"], index=part.index)


def _check(table: pd.DataFrame, column: str, other: pd.Series, tolerance: Any, what: str) -> None:
    away = (table[column].astype(float) - other.astype(float)).abs() > tolerance
    away |= table[column].isna() != other.isna()
    if away.any():
        first = table.index[away][0]
        row = table.loc[first]
        raise AssertionError(
            f"published table drivers: {what} of {row['variable']} and {row['outcome']} is {row[column]}, "
            f"recounted {other[first]} ({int(away.sum())} such rows)"
        )


@once
def drivers(books: Books) -> pd.DataFrame:
    """The published pairs, each recounted."""
    table = books.published("drivers").reset_index(drop=True)
    table = table.assign(given=table["given"].fillna("").astype(str))
    tested = table["p_value"].notna()
    found = []
    for row in table[tested].itertuples():
        column, after = known(books, row.variable), later(books, row.outcome)
        used = used_by(books, column.values, after)
        y = tests.response(after[used], row.outcome == "bought_again")
        gain = tests.predicts(column, y, used) if row.outcome in MAIN else row.gain
        found.append(tests.share_explained(column, y, used) | {"n": len(used), "gain": gain})
    mine = pd.DataFrame(found, index=table.index[tested])
    pub = table[tested]
    _check(pub, "n", mine["n"], 0, "n")
    _check(pub, "share_explained", mine["share"], 1e-8, "the share explained")
    _check(pub, "share_low", mine["low"], 2e-6, "its lower limit")
    _check(pub, "share_high", mine["high"], 2e-6, "its upper limit")
    spread = 5 * np.sqrt(mine["p"] * (1 - mine["p"]) / pub["n_permutations"])
    _check(pub, "p_value", mine["p"], spread + 0.2 * mine["p"] + 0.003, "the p-value")
    _check(pub, "q_value", pd.Series(discoveries(pub["p_value"].to_numpy(), 0), pub.index), 1e-12, "the q-value")
    _check(pub, "gain", mine["gain"], 0.02 + 0.1 * mine["gain"].abs() + 8 / mine["n"], "the gain")
    table["passes"] = tested & (table["q_value"] <= 0.05) & (table["gain"] > 0)
    for what in MAIN:
        part = table[tested & (table["outcome"] == what)].copy()
        part["rounded"] = part["share_explained"].round(9)
        part = part.sort_values(["passes", "rounded"], ascending=False, kind="stable")
        columns = {name: known(books, name) for name in part["variable"]}
        again = look_within(books, part, columns, later(books, what), what)
        pub = table.loc[part.index]
        same = (again["given"] == pub["given"]) & (again["proxy"] == pub["proxy"].astype(bool))
        same &= again["reversed"] == pub["reversed"].astype(bool)
        assert same.all(), f"drivers of {what}: {pub.loc[~same, ['variable', 'given', 'proxy', 'reversed']]}"
        _check(pub, "share_within", again["share_within"], 1e-7, "the share within")
        _check(pub, "p_within", again["p_within"], 1e-6, "its p-value")
    for row in table[table["outcome"].isin(MAIN)].itertuples():
        verdict = "no_evidence"
        if pd.isna(row.p_value):
            verdict = "too_little_data"
        elif row.passes and not row.proxy:
            verdict = "influences"
        elif not row.proxy and tests.least_seen(max(1, int(row.n_groups) - 1), row.n) > WORTHWHILE:
            verdict = "too_little_data"
        assert verdict == row.verdict, f"{row.variable}, {row.outcome}: {row.verdict}, recounted {verdict}"
    return table


@once
def strongest(books: Books) -> pd.DataFrame:
    """Of each variable that passes for a main outcome its strongest pair, strongest first."""
    table = drivers(books)
    passed = table[(table["verdict"] == "influences") & table["outcome"].isin(MAIN)].copy()
    passed["rounded"] = passed["share_explained"].round(9)
    passed = passed.sort_values(["rounded", "variable"], ascending=[False, True], kind="stable")
    return passed.drop_duplicates("variable")


@once
def headline(books: Books) -> str:
    """The outcome of the finding: spending, else how often, else who, for which anything passed on 100 or more."""
    table = drivers(books)
    passed = table[(table["verdict"] == "influences") & (table["n"] >= 100)]
    return next(what for what in MAIN if (passed["outcome"] == what).any())


def n_all(books: Books) -> int:
    """Customers with an order before the cut."""
    return len(behaviour(books, cut_of(books) - pd.Timedelta(days=1)))
