"""Which file is which table, and which of its columns is what: by name and by what stands in them."""

from __future__ import annotations

from collections.abc import Iterator

from custaudience.errors import DataError, near_miss
from custaudience.study.contracts import TABLES, Column
from custaudience.study.proposing.proposal import Answers, Question, question
from custaudience.study.proposing.sampling import Sample
from custaudience.study.proposing.vocabulary import name_score

_GUESSED = ("transactions", "spend", "products", "customers", "campaigns")
_COUNTING = ("order_id", "refunded")  # optional columns on which the figures depend
_PRICED = ("unit_price", "quantity")  # and these, where there is no revenue
_SURE = 1.7  # score of a name above which it says more than half of what the header says
_UNFIT = {
    "datetime": "no date in figures, such as 2025-04-03 or 03.04.2025", "money": "no number", "number": "no number"
}  # fmt: skip
_OFFERED = 8  # columns offered as an answer
_UNIQUE = 0.95  # share of distinct values that a key must have in the sample


def candidates(table: str, sample: Sample) -> dict[str, list[tuple[float, str]]]:
    """Return, by our column, the file's columns that may be it, best first: (score, name)."""
    found: dict[str, list[tuple[float, str]]] = {}
    for column in TABLES[table].columns:
        scored = [(name_score(name, table, column.name), name) for name in sample.header]
        fitting = [(score, name) for score, name in scored if score >= 1 and sample.facts[name].fits(column)]
        found[column.name] = sorted(fitting, key=lambda pair: -pair[0])  # of equal names the one further left
    return found


def table_of(sample: Sample, answers: Answers) -> str | None:
    """Return the table a sample seems to be, None when it is none of ours."""
    stem = sample.file.stem.lower()
    fitting = [table for table in _GUESSED if _can_be(table, sample)]
    if stem in fitting or (stem in TABLES and stem not in _GUESSED and _can_be(stem, sample)):
        return stem
    if {"transactions", "customers"} <= set(fitting) and _may_be_list_of_customers(sample):
        return answers.settle(question("table", {"label": sample.label}))
    return fitting[0] if fitting else None


def _may_be_list_of_customers(sample: Sample) -> bool:
    found = candidates("transactions", sample)
    named = any(found[name] and found[name][0][0] >= _SURE for name in ("order_id", "product_id", "quantity"))
    buyer = sample.facts[found["customer_id"][0][1]]
    return not named and len(buyer.values) >= 20 and buyer.distinct >= _UNIQUE


def _can_be(table: str, sample: Sample) -> bool:
    found = candidates(table, sample)
    taken = {pairs[0][1] for pairs in found.values() if pairs}
    needs = TABLES[table].required
    if table == "transactions":
        priced = all(found[name] for name in _PRICED)
        return bool(found["customer_id"] and found["ordered_at"] and (found["revenue"] or priced))
    if not all(found[name] for name in needs) or len(taken) < len(needs):
        return False
    key = TABLES[table].key
    if key is None:
        return True
    beside = any(pairs for name, pairs in found.items() if name != key)
    return sample.facts[found[key][0][1]].distinct >= _UNIQUE and (table == "customers" or beside)


def why_no_table(table: str, sample: Sample) -> str:
    """Return what a file lacks to be a table, or, with "" for the table, to be any of ours."""
    found = candidates(table or "transactions", sample)
    needs = {column.name: column for column in TABLES[table or "transactions"].columns if column.required}
    priced = found.get("unit_price") and found.get("quantity")
    lacks = [name for name in needs if not (found[name] or (name == "revenue" and priced))]
    named = ", ".join(map(repr, sample.header[:12])) + (", …" if len(sample.header) > 12 else "")
    unfit = " ".join(text for name in lacks if (text := _unfit(table or "transactions", needs[name], sample)))
    if not table and lacks == ["customer_id"] and not unfit:
        return (
            f"{sample.label}: no column says who bought; it has {named}. Without a customer number, an e-mail address "
            "or a loyalty card nothing can be said about customers: export that column along. If one of these is it, "
            'say so: --answer "transactions.customer_id=COLUMN".'
        )
    words = {"customer_id": "who bought", "ordered_at": "when", "revenue": "for how much"}
    if table and table != "transactions":
        lacking = ", ".join(f"{name} ({needs[name].meaning})" for name in lacks)
        text = (
            f"{sample.label}: no column is {lacking}, which {table} need; it has {named}. {unfit} If one of these is "
            f'it, say so: --answer "{table}.{lacks[0] if lacks else "COLUMN"}=COLUMN".'
        )
    else:
        text = (
            f"{sample.label} is none of the tables that are recognised; it has {named}. To be order lines it lacks a "
            f"column that says {', '.join(words[name] for name in lacks)}. {unfit} If a column says that under another "
            f'name, answer so: --answer "transactions.{lacks[0] if lacks else "customer_id"}=COLUMN". If it is another '
            f'table, say which: --answer "table.{sample.label}=customers" (or products, campaigns, contacts, '
            "responses, spend; none leaves it out)."
        )
    return text.replace("  ", " ")


def _unfit(table: str, column: Column, sample: Sample) -> str:
    """Return a sentence on a column that is named right and holds something else."""
    for name, one in sample.facts.items():
        if name_score(name, table, column.name) >= _SURE and not one.fits(column):
            shown = ", ".join(map(repr, list(dict.fromkeys(one.values))[:3])) or "nothing"
            return f"{name!r} is named so, but holds {shown}: {_UNFIT.get(column.type, 'dates or sums of money')}."
    return ""


def assign(table: str, sample: Sample, answers: Answers) -> dict[str, tuple[str, str]]:
    """Return, by our column, the file's column and why; what several columns may be is asked."""
    found = candidates(table, sample)
    chosen = {ours: (named, "as answered") for ours, named in _given(table, sample, answers)}
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
            others = [name for name, one in sample.facts.items() if name not in (*taken, *best) and one.fits(column)]
            offered = [*best, *others][:_OFFERED] if doubtful else best
            chosen[column.name] = (answers.settle(_which(sample, table, column, best, offered)), "as answered")
        else:
            also = f"; {' and '.join(map(repr, best[1:3]))} would do as well" if len(best) > 1 else ""
            chosen[column.name] = (best[0], ("by its name" if free[0][0] >= 2 else "by part of its name") + also)
    if "revenue" in chosen:  # an amount makes price and discount mere information
        chosen.pop("unit_price", None)
        chosen.pop("discount", None)
    priced = set(_PRICED) <= set(chosen)
    for name in TABLES[table].required:
        if name not in chosen and not (name == "revenue" and priced):
            raise DataError(why_no_table(table if table != "transactions" else "", sample))
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


def _which(sample: Sample, table: str, column: Column, best: list[str], offered: list[str]) -> Question:
    def values(name: str) -> str:
        return ", ".join(list(dict.fromkeys(sample.facts[name].values[:200]))[:3])

    facts = {
        "table": table, "column": column.name, "meaning": column.meaning.split(";")[0],
        "likely": best[0], "values": values(best[0]),
        "named": "; ".join(f"{name!r} ({values(name)})" for name in best[:_OFFERED]),
    }  # fmt: skip
    options = tuple((name, values(name)) for name in offered)
    return question("column", facts, "several" if len(best) > 1 else "", options=options)
