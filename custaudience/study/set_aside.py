"""What the rows set aside are worth: rows are judged by their money and their kind, not by their number alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from custaudience.study.config import StudySection
from custaudience.study.contracts import DECLARED, LONE
from custaudience.study.sources import literal, quote
from custaudience.study.values import Declared

_SHARE = 0.10  # of a kind's rows or money
_ROWS = 3  # fewer rows say nothing of a kind, unless they are all of it
_LARGEST = 0.99  # the largest hundredth of all amounts is a kind


class Kind(NamedTuple):
    """Rows of one kind: how many, how many of them are set aside, and the same of their money in minor units."""

    kind: str
    name: str
    rows: int
    lost_rows: int
    money: float
    lost_money: float

    @property
    def too_much(self) -> bool:
        """Whether what is set aside would change what is said of the kind."""
        wholly = self.lost_rows == self.rows
        return self.lost_rows > 0 and (wholly or (self.lost_rows >= _ROWS and self.share >= _SHARE))

    @property
    def share(self) -> float:
        """Share of the kind's rows or money that is set aside, whichever is larger."""
        return max(self.lost_rows / max(1, self.rows), self.lost_money / self.money if self.money else 0.0)

    @property
    def said(self) -> str:
        """Which rows of the kind are set aside, such as "3 of the 3 refunds"."""
        what = {"refunds": "refunds", "largest": "largest amounts (the top hundredth)"}.get(self.kind)
        return f"{self.lost_rows:,} of the {self.rows:,} {what or f'rows of {self.name}'}"


@dataclass(frozen=True)
class Lost:
    """Money in the faulty rows of transactions, in minor units, estimated from its digits where it cannot be read.

    ``lone`` is the part of it in rows dated far from all others, which stop nothing.
    """

    money: float
    lone: float
    gross: float
    n_unknown: int
    kinds: tuple[Kind, ...]

    @property
    def share(self) -> float:
        """Share of gross revenue."""
        return self.money / self.gross if self.gross else 0.0

    def too_much(self, limit: float) -> list[str]:
        """Return why this is too much to go on without, in words; empty when it is not."""
        over = [f"more than {limit:.1%} of what was sold"] if self.money - self.lone > limit * self.gross else []
        return [*(kind.said for kind in self.kinds if kind.too_much), *over]

    def said(self, study: StudySection) -> str:
        """Say how much money it is."""
        if self.n_unknown and not self.money:
            return "how much money stands in them does not show"
        unknown = f", and {self.n_unknown:,} of them show no amount" if self.n_unknown else ""
        money = f"{self.money / 10**study.minor_digits:,.{study.minor_digits}f} {study.currency}"
        return f"about {money} ({self.share:.1%} of what was sold){unknown}"


def money_lost(declared: Declared, parts: list[tuple[str, Path]]) -> Lost:
    """Estimate the money in the faulty rows of order lines, by kind.

    `parts` are (file, Parquet part). Rows that study.toml leaves out count nowhere. A kind is the refunds, the largest
    hundredth of the amounts, a month, or a file.
    """
    con, rows = declared.con, " UNION ALL ".join(_rows(declared, place, part) for place, (_, part) in enumerate(parts))
    con.execute(f"CREATE OR REPLACE TEMP TABLE _amounts AS {rows}")
    try:
        money, lone, gross, unknown, edge = con.execute(
            "SELECT sum(abs(amount)) FILTER (lost OR lone), sum(abs(amount)) FILTER (lone), "
            "sum(amount) FILTER (amount > 0), count(*) FILTER (lost AND amount IS NULL), "
            f"quantile_disc(abs(amount), {_LARGEST}) FROM _amounts"
        ).fetchall()[0]
        named = {str(place): file for place, (file, _) in enumerate(parts)}
        kinds = []
        for kind, name, test in (
            ("refunds", "''", "refund"),
            ("largest", "''", f"abs(amount) >= {edge or 0}"),
            ("month", "strftime(month, '%Y-%m')", "month IS NOT NULL"),
            ("file", "part::VARCHAR", "true"),
        ):
            counted = "count(*), count(*) FILTER (lost)"
            summed = "coalesce(sum(abs(amount)), 0), coalesce(sum(abs(amount)) FILTER (lost), 0)"
            of_kind = f"FROM _amounts WHERE NOT lone AND {test} GROUP BY 1 ORDER BY 1"
            found = con.execute(f"SELECT {name}, {counted}, {summed} {of_kind}").fetchall()
            kinds += [Kind(kind, named.get(row[0], row[0]) if kind == "file" else row[0], *row[1:]) for row in found]
    finally:
        con.execute("DROP TABLE IF EXISTS _amounts")
    return Lost(float(money or 0), float(lone or 0), float(gross or 0), int(unknown), tuple(kinds))


def _rows(declared: Declared, place: int, part: Path) -> str:
    """Return the SELECT of a part's rows that are used or at fault: amount, whether lost, a refund, which month."""
    con, source = declared.con, f"read_parquet({literal(str(part))})"
    kept = {row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    scale = 10**declared.study.minor_digits
    text, digits = "coalesce(_value, '')", _digits("coalesce(_value, '')")
    pieces = "coalesce(nullif(abs(quantity), 0), 1)" if "quantity" in kept else "1"
    guess = {"revenue": f"{digits} * {scale}", "unit_price": f"{digits} * {scale} * {pieces}"}
    if "unit_price_minor" in kept:
        guess["quantity"] = f"{digits} * abs(unit_price_minor)"
    cases = " ".join(f"WHEN {literal(f'{name}|not_a_number')} THEN {sql}" for name, sql in guess.items())
    below = f"regexp_matches({text}, '[-(\u2212\u2013]')"
    marked = [_is_refund(name, values, kept) for name, values in declared.section.refund_rows.items()]
    refund = " OR ".join(["revenue_minor < 0", f"(revenue_minor IS NULL AND {below})", *filter(None, marked)])
    refund += " OR coalesce(refunded_minor, 0) > 0" if "refunded_minor" in kept else ""
    declared_out = " AND ".join(f"NOT ends_with(_fault, {literal('|' + reason)})" for reason in DECLARED)
    lone = f"coalesce(ends_with(_fault, '|{LONE}'), false)"
    return (
        f"SELECT {place} AS part, coalesce(revenue_minor::DOUBLE, CASE _fault {cases} END) AS amount, "
        f"_fault IS NOT NULL AND NOT {lone} AS lost, {lone} AS lone, coalesce({refund}, false) AS refund, "
        "date_trunc('month', ordered_at) AS month "
        f"FROM {source} WHERE _fault IS NULL OR ({declared_out})"
    )


def _is_refund(column: str, values: tuple[str, ...], kept: set[str]) -> str:
    """Return the SQL that is true in rows of refunds by a column of the file that is carried along."""
    name = next((name for name in (f"{column} (file)", column) if name in kept), None)
    listed = ", ".join(literal(value.strip().lower()) for value in values)
    return f"lower(trim(CAST({quote(name)} AS VARCHAR))) IN ({listed})" if name else ""


def _digits(text: str) -> str:
    """Return the SQL of what the digits of a text may amount to: its largest number, NULL where it has none.

    One or two digits behind the last point or comma are cents; all other signs between digits group them.
    """
    found = f"regexp_extract_all({text}, '[0-9](?:[0-9 .,''\u00a0\u202f]*[0-9])?')"
    cents = "length(regexp_extract(x, '[.,]([0-9]{1,2})$', 1))"
    worth = f"TRY_CAST(regexp_replace(x, '[^0-9]', '', 'g') AS DOUBLE) / pow(10, {cents})"
    return f"list_max(list_transform({found}, lambda x: {worth}))"
