"""Which file is which table, and which of its columns is what: by name and by what stands in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from custaudience.errors import DataError
from custaudience.study.contracts import TABLES, Column
from custaudience.study.proposing.questions import Answers, Question
from custaudience.study.proposing.sampling import Sample
from custaudience.study.proposing.styles import AmountStyle, DateStyle, amount_style, counted_date, date_style
from custaudience.study.proposing.vocabulary import name_score

_GUESSED = ("transactions", "spend", "products", "customers", "campaigns")
_UNIQUE = 0.95  # share of distinct values that a key must have in the sample
_DATES, _NUMBERS = ("DATE", "TIMESTAMP"), ("INT", "DOUBLE", "FLOAT", "DECIMAL", "HUGEINT")


@dataclass(frozen=True)
class Facts:
    """What stands in one column of a sample."""

    name: str
    values: list[str]
    n_rows: int
    kind: str = "VARCHAR"

    @cached_property
    def date(self) -> DateStyle | None:
        """How it writes dates, None when it holds none."""
        if self.kind.startswith(_DATES):
            timed = self.kind != "DATE" and any(not value.endswith("00:00:00") for value in self.values)
            zone = "offset" if "ZONE" in self.kind else ""
            return DateStyle((), "year", len(self.values), len(self.values), timed, zone)
        return date_style(self.values) or counted_date(self.values)

    @cached_property
    def amount(self) -> AmountStyle | None:
        """How it writes numbers, None when it holds none."""
        if any(name in self.kind for name in _NUMBERS):
            return AmountStyle("", "", "", len(self.values), len(self.values))
        return None if date_style(self.values) else amount_style(self.values)

    @property
    def distinct(self) -> float:
        """Share of distinct values among those filled."""
        return len(set(self.values)) / max(1, len(self.values))

    def fits(self, column: Column) -> bool:
        """Say whether what stands in it can be this column."""
        if not self.values:
            return False
        if column.type == "datetime":
            return self.date is not None
        if column.type in ("money", "number"):
            return self.amount is not None
        if column.name == "customer_id":  # neither days nor sums of money are anybody's number
            return date_style(self.values) is None and not (self.amount and self.amount.decimal)
        return column.name == "currency" or date_style(self.values) is None


def facts_of(sample: Sample) -> dict[str, Facts]:
    """Return the facts of each column of a sample."""
    return {
        name: Facts(name, sample.column(name), len(sample.rows), sample.types.get(name, "VARCHAR"))
        for name in sample.header
    }


def candidates(table: str, facts: dict[str, Facts]) -> dict[str, list[tuple[float, str]]]:
    """Return, by our column, the file's columns that may be it, best first: (score, name)."""
    found: dict[str, list[tuple[float, str]]] = {}
    for column in TABLES[table].columns:
        scored = [(name_score(name, table, column.name), name) for name in facts]
        fitting = [(score, name) for score, name in scored if score >= 1 and facts[name].fits(column)]
        # of equal names the one that stands further left
        found[column.name] = sorted(fitting, key=lambda pair: (-pair[0], list(facts).index(pair[1])))
    return found


def table_of(sample: Sample, facts: dict[str, Facts], answers: Answers) -> str | None:
    """Return the table a sample is, None when it is none of ours or is not wanted."""
    given = answers.given(f"table.{sample.label}")
    if given is not None:
        return None if given == "none" else given
    stem = sample.file.stem.lower()
    fitting = [table for table in _GUESSED if _can_be(table, facts)]
    if stem in fitting or (stem in TABLES and stem not in _GUESSED and _can_be(stem, facts)):
        return stem
    return fitting[0] if fitting else None


def _can_be(table: str, facts: dict[str, Facts]) -> bool:
    found = candidates(table, facts)
    taken = {pairs[0][1] for pairs in found.values() if pairs}
    needs = [column.name for column in TABLES[table].columns if column.required]
    if table == "transactions":
        priced = all(found[name] for name in ("unit_price", "quantity"))
        return bool(found["customer_id"] and found["ordered_at"] and (found["revenue"] or priced))
    if not all(found[name] for name in needs) or len(taken) < len(needs):
        return False
    key = TABLES[table].key
    if key is not None:
        named = facts[found[key][0][1]]
        beside = [name for name, pairs in found.items() if pairs and name != key]
        return named.distinct >= _UNIQUE and (table == "customers" or bool(beside))
    return True


def why_no_table(sample: Sample, facts: dict[str, Facts]) -> str:
    """Return what a file lacks to be any of our tables."""
    found = candidates("transactions", facts)
    money = found["revenue"] or (found["unit_price"] and found["quantity"])
    has = ", ".join(map(repr, sample.header[:12]))
    if found["ordered_at"] and money and not found["customer_id"]:
        return (
            f"{sample.label}: no column says who bought; it has {has}. Without a customer number, an e-mail address or a "
            "loyalty card nothing can be said about customers: export that column along. If one of these is it, say so: "
            '--answer "transactions.customer_id=COLUMN".'
        )
    lacks = [
        words
        for name, words in (("customer_id", "who bought"), ("ordered_at", "when"), ("revenue", "for how much"))
        if not (money if name == "revenue" else found[name])
    ]
    return (
        f"{sample.label} is none of the tables that are recognised; it has {has}. To be order lines it lacks a column "
        f"that says {', '.join(lacks)}. If it is another table, say which: "
        f'--answer "table.{sample.label}=customers" (or products, campaigns, contacts, responses, spend; none leaves it out).'
    )


def assign(table: str, sample: Sample, facts: dict[str, Facts], answers: Answers) -> dict[str, tuple[str, str]]:
    """Return, by our column, the file's column and why; what several columns may be is asked.

    Raises
    ------
    DataError
        If a required column is nowhere, or an answer names a column the file has not.
    """
    found = candidates(table, facts)
    chosen: dict[str, tuple[str, str]] = {}
    for ours, named in _given(table, sample, answers):
        chosen[ours] = (named, "as answered")
    order = sorted(TABLES[table].columns, key=lambda column: -(found[column.name][0][0] if found[column.name] else 0))
    for column in order:
        if column.name in chosen:
            continue
        taken = {name for name, _ in chosen.values()}
        free = [(score, name) for score, name in found[column.name] if name not in taken]
        if not free:
            continue
        best = [name for score, name in free if score == free[0][0]]
        if len(best) > 1 and column.required:
            chosen[column.name] = (_which(table, column, best, facts, answers), "as answered")
        else:
            chosen[column.name] = (best[0], "its name" if free[0][0] >= 2 else "part of its name")
    if "revenue" in chosen:  # an amount makes price and discount mere information
        chosen.pop("unit_price", None)
        chosen.pop("discount", None)
    priced = {"unit_price", "quantity"} <= set(chosen)
    for column in TABLES[table].columns:
        if column.required and column.name not in chosen and not (column.name == "revenue" and priced):
            raise DataError(why_no_table(sample, facts))
    return chosen


def _given(table: str, sample: Sample, answers: Answers) -> Iterator[tuple[str, str]]:
    for column in TABLES[table].columns:
        named = answers.given(f"{table}.{column.name}")
        if named is not None:
            if named not in sample.header:
                has = ", ".join(map(repr, sample.header[:12]))
                raise DataError(f"{sample.label} has no column {named!r}, answered for {column.name}; it has {has}.")
            yield column.name, named


def _which(table: str, column: Column, best: list[str], facts: dict[str, Facts], answers: Answers) -> str:
    shown = "; ".join(f"{name}: {', '.join(dict.fromkeys(facts[name].values[:40]))[:60]}" for name in best)
    return answers.settle(
        Question(
            f"{table}.{column.name}",
            f"Which column of {table} is {column.name} ({column.meaning})?",
            tuple((name, ", ".join(list(dict.fromkeys(facts[name].values))[:3])) for name in best),
            f"Several may be it ({shown}).",
        )
    )
