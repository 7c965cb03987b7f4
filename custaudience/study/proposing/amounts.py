"""How the amounts of a table are written: one decimal sign, one sign of thousands, one currency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from custaudience.errors import DataError
from custaudience.study.contracts import TABLES
from custaudience.study.proposing.questions import Answers, Question
from custaudience.study.proposing.roles import Facts
from custaudience.study.proposing.styles import AmountStyle
from custaudience.study.proposing.vocabulary import currency_codes, currency_of

if TYPE_CHECKING:
    from custaudience.study.proposing.tables import TableProposal

_PAID = ("revenue", "unit_price", "quantity", "spend")  # what these say of the signs holds for the others


def settle_amounts(proposal: TableProposal, facts: Mapping[str, Facts], answers: Answers) -> None:
    """Settle the decimal sign, the sign of thousands, and the sign of currency.

    Raises
    ------
    DataError
        If what was paid is written in two ways, or in two currencies.
    """
    decimals: dict[str, str] = {}
    groups: dict[str, str] = {}
    unclear = ""
    for ours, column, style in _written(proposal, facts):
        clash = style.mixed or _clash(column, style, decimals, groups)
        if clash and ours not in _needed(proposal):
            proposal.give_up(ours, f"its numbers are written in another way, such as {clash[0]!r} beside {clash[-1]!r}")
            continue
        if clash:
            raise DataError(
                f"{proposal.sample.label}: the numbers of {column.name} are written in two ways, such as {clash[0]!r} "
                f"and {clash[-1]!r}. Which sign is the decimal one cannot be told: export it again with one."
            )
        if style.decimal:
            decimals.setdefault(style.decimal, _first(column, style.decimal))
        if style.thousands:
            groups.setdefault(style.thousands, _first(column, style.thousands))
        unclear = unclear or style.unclear
        if ours in ("revenue", "unit_price", "spend"):
            _currency_sign(proposal, column, style)
    if unclear:
        _settle_unclear(proposal, unclear, decimals, groups, answers)
    decimal, group = next(iter(decimals), ""), next(iter(groups), "")
    if decimal == "," or group == ".":
        proposal.settings["decimal"] = ","
        proposal.say("decimal", f"as in {_shown(decimals[decimal])}" if decimal else "the point groups thousands")
    if group:
        proposal.settings["thousands"] = group
        proposal.say("thousands", f"as in {_shown(groups[group])}")


def settle_currency(proposal: TableProposal, answers: Answers) -> None:
    """Settle which currency counts where a column names one for each row."""
    found = proposal.scan.currencies if proposal.scan else {}
    if "currency" not in proposal.columns or not found:
        return
    theirs = proposal.columns["currency"]
    by_code: dict[str, int] = {}
    for name, n in found.items():
        by_code[_code(name)] = by_code.get(_code(name), 0) + n
    shown = ", ".join(f"{name} {n:,} rows" for name, n in sorted(found.items(), key=lambda item: -item[1])[:6])
    code = next(iter(by_code))
    if len(by_code) > 1:
        code = answers.settle(
            Question(
                "currency",
                f"{proposal.sample.label} holds several currencies, which cannot be added. Which one is the study in?",
                tuple((name, f"{n:,} rows; the others are left out") for name, n in by_code.items()),
                f"{theirs}: {shown}.",
            )
        )
        names = [name for name in found if _code(name) == code]
        proposal.settings.setdefault("only", {})[theirs] = names
        proposal.say("only", f"rows in {code}; of all: {shown}")
    if any(name != code for name in found if _code(name) == code):  # the reader wants ISO codes in that column
        proposal.columns.pop("currency")
        proposal.why.pop("currency", None)
        proposal.notes.append(f"{theirs!r} names the currency ({shown}), not by its ISO code: it is carried along.")
    proposal.currency = code if code in currency_codes() else ""


def _code(name: str) -> str:
    """Return the ISO code that a value of a column of currencies stands for; itself when it is not known."""
    return name if name in currency_codes() else currency_of(name) or name


def _written(proposal: TableProposal, facts: Mapping[str, Facts]) -> list[tuple[str, Facts, AmountStyle]]:
    """Return the columns of numbers that come as text, what was paid first."""
    names = {column.name for column in TABLES[proposal.table].columns if column.type in ("money", "number")}
    mapped = [ours for ours in (*_PAID, *sorted(names - set(_PAID))) if ours in names and ours in proposal.columns]
    found = [(ours, facts[proposal.columns[ours]]) for ours in mapped]
    return [(ours, one, one.amount) for ours, one in found if one.kind == "VARCHAR" and one.amount is not None]


def _needed(proposal: TableProposal) -> set[str]:
    required = {column.name for column in TABLES[proposal.table].columns if column.required}
    return required | (set() if "revenue" in proposal.columns else {"unit_price", "quantity"})


def _clash(
    column: Facts, style: AmountStyle, decimals: Mapping[str, str], groups: Mapping[str, str]
) -> tuple[str, ...]:
    """Return two values that contradict each other: of this column and of those before."""
    for mark, others, same in ((style.decimal, groups, decimals), (style.thousands, decimals, groups)):
        if mark and mark in others:
            return (others[mark], _first(column, mark))
        if mark and same and mark not in same:
            return (next(iter(same.values())), _first(column, mark))
    return ()


def _settle_unclear(
    proposal: TableProposal, unclear: str, decimals: dict[str, str], groups: dict[str, str], answers: Answers
) -> None:
    """Settle what 1.250 is: by the other numbers, or by asking."""
    mark = next(sign for sign in unclear if sign in ".,")
    if mark in decimals or mark in groups:
        return
    if decimals or groups:  # the other sign is taken, so that this one can only be what is left
        (groups if decimals else decimals)[mark] = unclear
        return
    whole, _, rest = "".join(sign for sign in unclear if sign.isdigit() or sign == mark).partition(mark)
    answer = answers.settle(
        Question(
            f"{proposal.table}.amounts",
            f"{proposal.sample.label}: is {unclear!r} {whole}{rest}, or {int(whole)} and a fraction?",
            (
                ("thousands", f"{whole}{rest}: {mark!r} groups thousands"),
                ("decimal", f"{whole}.{rest}: {mark!r} is the decimal sign"),
            ),
            "No number in it says which.",
        )
    )
    (groups if answer == "thousands" else decimals).setdefault(mark, unclear)


def _currency_sign(proposal: TableProposal, column: Facts, style: AmountStyle) -> None:
    codes = {currency_of(sign): sign for sign in style.signs if currency_of(sign)}
    if len(codes) > 1:
        shown = [f"{sign} in {sum(sign in value for value in column.values):,}" for sign in codes.values()]
        raise DataError(
            f"{proposal.sample.label}: {column.name} holds several currencies: of {len(column.values):,} rows looked "
            f"at {', '.join(shown)}. They cannot be added: export one currency, or the amounts converted to one."
        )
    if style.sign and style.sign != "%":
        proposal.settings["currency_sign"] = style.sign
        proposal.say("currency_sign", f"stands at the amounts, as in {_shown(_first(column, style.sign))}")


def _first(column: Facts, mark: str) -> str:
    """Return the first value that has a sign in it; a space may be one of several."""
    marks = (" ", "\u00a0", "\u202f", "\u2009") if mark == " " else (mark,)
    return next((value for value in column.values if any(sign in value for sign in marks)), column.values[0])


def _shown(value: str) -> str:
    return repr(" ".join(value.split()))
