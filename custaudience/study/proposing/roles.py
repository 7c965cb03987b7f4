"""Which file is which table, and which of its columns is what: by name and by what stands in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from custaudience.errors import DataError, near_miss
from custaudience.study.contracts import TABLES, Column
from custaudience.study.proposing.questions import Answers, Question
from custaudience.study.proposing.sampling import Sample
from custaudience.study.proposing.styles import AmountStyle, DateStyle, amount_style, counted_date, date_style
from custaudience.study.proposing.vocabulary import name_score

_GUESSED = ("transactions", "spend", "products", "customers", "campaigns")
_COUNTING = ("order_id", "refunded")  # optional columns on which the figures depend
_PRICED = ("unit_price", "quantity")  # and these, where there is no revenue
_SURE = 1.7  # score of a name above which it says more than half of what the header says
_OFFERED = 8  # columns offered as an answer
_ORDERS = 0.02  # share of distinct values below which a column is a kind of something, no number of orders
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
        return self._written_date or counted_date(self.values)

    @cached_property
    def amount(self) -> AmountStyle | None:
        """How it writes numbers, None when it holds none."""
        if any(name in self.kind for name in _NUMBERS):
            return AmountStyle("", "", "", len(self.values), len(self.values))
        return None if self._written_date else amount_style(self._looked_at)

    @cached_property
    def _written_date(self) -> DateStyle | None:
        return date_style(self._looked_at)

    @property
    def _looked_at(self) -> list[str]:
        """Up to some 5,000 of the values, from everywhere: what they do not show, the look at all rows does."""
        return self.values[:: max(1, len(self.values) // 5_000)]

    @property
    def _is_money(self) -> bool:
        """Whether the numbers have cents; 17850.0 is an id that somebody's script read as a number."""
        if not (self.amount and self.amount.decimal):
            return False
        ends = [value.rpartition(self.amount.decimal)[2] for value in self.values if self.amount.decimal in value]
        return any(len(end) <= 2 and end.strip("0") for end in ends)

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
            return self._written_date is None and not self._is_money
        if column.name == "order_id" and len(self.values) >= 40 and self.distinct < _ORDERS:
            return False
        return column.name == "currency" or self._written_date is None


def facts_of(sample: Sample) -> dict[str, Facts]:
    """Return the facts of each column of a sample."""
    if not sample.known:
        for name in sample.header:
            sample.known[name] = Facts(name, sample.column(name), len(sample.rows), sample.types.get(name, "VARCHAR"))
    return sample.known


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
    """Return the table a sample seems to be, None when it is none of ours."""
    stem = sample.file.stem.lower()
    fitting = [table for table in _GUESSED if _can_be(table, facts)]
    if stem in fitting or (stem in TABLES and stem not in _GUESSED and _can_be(stem, facts)):
        return stem
    if {"transactions", "customers"} <= set(fitting) and _may_be_list_of_customers(facts):
        return answers.settle(
            Question(
                f"table.{sample.label}",
                f"Is {sample.label} a list of sales, or of customers?",
                (("transactions", "each row is a sale"), ("customers", "each row is a customer, once")),
                "No customer occurs twice in the rows looked at, and nothing names an order, a product or a quantity.",
            )
        )
    return fitting[0] if fitting else None


def _may_be_list_of_customers(facts: dict[str, Facts]) -> bool:
    found = candidates("transactions", facts)
    named = any(found[name] and found[name][0][0] >= _SURE for name in ("order_id", "product_id", "quantity"))
    buyer = facts[found["customer_id"][0][1]]
    return not named and len(buyer.values) >= 20 and buyer.distinct >= _UNIQUE


def _can_be(table: str, facts: dict[str, Facts]) -> bool:
    found = candidates(table, facts)
    taken = {pairs[0][1] for pairs in found.values() if pairs}
    needs = [column.name for column in TABLES[table].columns if column.required]
    if table == "transactions":
        priced = all(found[name] for name in _PRICED)
        return bool(found["customer_id"] and found["ordered_at"] and (found["revenue"] or priced))
    if not all(found[name] for name in needs) or len(taken) < len(needs):
        return False
    key = TABLES[table].key
    if key is not None:
        named = facts[found[key][0][1]]
        beside = [name for name, pairs in found.items() if pairs and name != key]
        return named.distinct >= _UNIQUE and (table == "customers" or bool(beside))
    return True


def why_no_table(table: str, sample: Sample, facts: dict[str, Facts]) -> str:
    """Return what a file lacks to be a table, or, with "" for the table, to be any of ours."""
    found = candidates(table or "transactions", facts)
    needs = {column.name: column for column in TABLES[table or "transactions"].columns if column.required}
    priced = found.get("unit_price") and found.get("quantity")
    lacks = [name for name in needs if not (found[name] or (name == "revenue" and priced))]
    named = ", ".join(map(repr, sample.header[:12])) + (", …" if len(sample.header) > 12 else "")
    unfit = " ".join(text for name in lacks if (text := _unfit(table or "transactions", needs[name], facts)))
    if not table and lacks == ["customer_id"] and not unfit:
        return (
            f"{sample.label}: no column says who bought; it has {named}. Without a customer number, an e-mail address "
            "or a loyalty card nothing can be said about customers: export that column along. If one of these is it, "
            "say "
            'so: --answer "transactions.customer_id=COLUMN".'
        )
    words = {"customer_id": "who bought", "ordered_at": "when", "revenue": "for how much"}
    if table and table != "transactions":
        lacking = ", ".join(f"{name} ({needs[name].meaning})" for name in lacks)
        return (
            f"{sample.label}: no column is {lacking}, which {table} need; it has {named}. {unfit} If one of these is "
            "it, "
            f'say so: --answer "{table}.{lacks[0] if lacks else "COLUMN"}=COLUMN".'
        ).replace("  ", " ")
    return (
        f"{sample.label} is none of the tables that are recognised; it has {named}. To be order lines it lacks a "
        f"column that says {', '.join(words[name] for name in lacks)}. {unfit} If a column says that under another "
        "name, "
        f'answer so: --answer "transactions.{lacks[0] if lacks else "customer_id"}=COLUMN". If it is another table, '
        "say "
        f'which: --answer "table.{sample.label}=customers" (or products, campaigns, contacts, responses, spend; none '
        "leaves it out)."
    ).replace("  ", " ")


def _unfit(table: str, column: Column, facts: dict[str, Facts]) -> str:
    """Return a sentence on a column that is named right and holds something else."""
    for name, one in facts.items():
        if name_score(name, table, column.name) >= _SURE and not one.fits(column):
            shown = ", ".join(map(repr, list(dict.fromkeys(one.values))[:3])) or "nothing"
            kinds = {
                "datetime": "no date in figures, such as 2025-04-03 or 03.04.2025",
                "money": "no number",
                "number": "no number",
            }
            return f"{name!r} is named so, but holds {shown}: {kinds.get(column.type, 'dates or sums of money')}."
    return ""


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
        counts = column.required or column.name in _COUNTING
        counts = counts or (column.name in _PRICED and not found["revenue"])
        doubtful = column.required and free[0][0] <= _SURE
        if counts and (doubtful or len(best) > 1):
            others = [name for name, one in facts.items() if name not in (*taken, *best) and one.fits(column)]
            offered = [*best, *others][:_OFFERED] if doubtful else best
            chosen[column.name] = (_which(table, column, best, offered, facts, answers), "as answered")
        else:
            also = f"; {' and '.join(map(repr, best[1:3]))} would do as well" if len(best) > 1 else ""
            chosen[column.name] = (best[0], ("by its name" if free[0][0] >= 2 else "by part of its name") + also)
    if "revenue" in chosen:  # an amount makes price and discount mere information
        chosen.pop("unit_price", None)
        chosen.pop("discount", None)
    priced = set(_PRICED) <= set(chosen)
    for column in TABLES[table].columns:
        if column.required and column.name not in chosen and not (column.name == "revenue" and priced):
            raise DataError(why_no_table(table if table != "transactions" else "", sample, facts))
    return {column.name: chosen[column.name] for column in TABLES[table].columns if column.name in chosen}


def _given(table: str, sample: Sample, answers: Answers) -> Iterator[tuple[str, str]]:
    for column in TABLES[table].columns:
        named = answers.given(f"{table}.{column.name}")
        if named is not None:
            if named not in sample.header:
                has = ", ".join(map(repr, sample.header[:12]))
                raise DataError(
                    f"{sample.label} has no column {named!r}, answered for {column.name}; it has {has}."
                    f"{near_miss(named, sample.header)}"
                )
            yield column.name, named


def _which(
    table: str, column: Column, best: list[str], offered: list[str], facts: dict[str, Facts], answers: Answers
) -> str:
    def values(name: str) -> str:
        return ", ".join(list(dict.fromkeys(facts[name].values[:200]))[:3])

    if len(best) > 1:
        why = "Several are named so: " + "; ".join(f"{name!r} ({values(name)})" for name in best[:_OFFERED]) + "."
    else:
        why = f"Only part of the name speaks for {best[0]!r} ({values(best[0])})."
    return answers.settle(
        Question(
            f"{table}.{column.name}",
            f"Which column of {table} is {column.name} ({column.meaning.split(';')[0]})?",
            tuple((name, values(name)) for name in offered),
            why,
        )
    )
