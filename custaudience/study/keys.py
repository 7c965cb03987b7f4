"""Whether the keys of two tables meet: the same ids written in two ways (17850.0 and 17850) join nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import duckdb

from custaudience.study.sources import quote
from custaudience.study.values import ID_RULES, apply_rules

_PAIRS = (  # the table that is looked into, its key, the table it is a key of
    ("customers", "customer_id", "transactions"), ("products", "product_id", "transactions"),
    ("contacts", "customer_id", "transactions"), ("responses", "customer_id", "transactions"),
    ("contacts", "campaign_id", "campaigns"), ("responses", "campaign_id", "campaigns"),
    ("coupons", "product_id", "transactions"), ("survey", "customer_id", "transactions"),
)  # fmt: skip
_MEET = 0.5  # share of the smaller side below which keys are suspected
_SETTLED = 0.9


class Meeting(NamedTuple):
    """How many of the `n` ids of a table (the smaller side) another table has; with `rules` it would be ``n_ruled``."""

    table: str
    key: str
    other: str
    n: int
    n_meet: int
    rules: tuple[str, ...] = ()
    n_ruled: int = 0


def meetings(tables: Mapping[str, duckdb.DuckDBPyRelation]) -> Iterator[Meeting]:
    """Yield each pair of tables whose keys hardly meet, with the shortest list of rules that would make them."""
    for table, key, other in _PAIRS:
        if table in tables and other in tables and key in tables[table].columns and key in tables[other].columns:
            found = _meet(tables[table], tables[other], key, ())
            if found[0] and found[1] < _MEET * found[0]:
                rules, n_ruled = _settled_by(tables[table], tables[other], key)
                if rules or not found[1] or table in ("customers", "products"):  # few need have been written to
                    yield Meeting(table, key, other, *found, rules, n_ruled)


def _settled_by(left: duckdb.DuckDBPyRelation, right: duckdb.DuckDBPyRelation, key: str) -> tuple[tuple[str, ...], int]:
    for rules in [*((rule,) for rule in ID_RULES), tuple(ID_RULES)]:
        smaller, meet = _meet(left, right, key, rules)
        if smaller and meet >= _SETTLED * smaller:
            return rules, meet
    return (), 0


def _meet(
    left: duckdb.DuckDBPyRelation, right: duckdb.DuckDBPyRelation, key: str, rules: tuple[str, ...]
) -> tuple[int, int]:
    """Return how many ids the smaller side has, and how many of them both have."""
    one, two = (
        side.filter(f"{quote(key)} IS NOT NULL").project(f"{apply_rules(quote(key), rules)} AS id").distinct()
        for side in (left, right)
    )
    return min(len(one), len(two)), len(one.intersect(two))
