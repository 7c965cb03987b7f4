"""What one value of a file means: SQL for ids, local times, amounts and numbers; the words of consent."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import duckdb
import pandas as pd

from custaudience.errors import DataError
from custaudience.study.config import StudySection, TableSection
from custaudience.study.contracts import Column, Table
from custaudience.study.sources import Source, literal, quote

_OFFSET = "'([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$'"
_EPOCHS: dict[object, int] = {"unix": 1_000_000, "unix_ms": 1_000, "unix_us": 1}
_EXCEL_1970 = 25569  # days from 1899-12-30, where Excel's count begins, to 1970-01-01
_LATEST = 4_102_444_800_000_000  # the year 2100 in microseconds: a larger number counts in another unit
# spaces, minus signs and apostrophes have several shapes; marks of order and direction show nothing
_ODD, _EVEN = "\u00a0\u202f\u2009\u2212\u2013\u2010\u2011\ufe63\uff0d\u2019\u2018\u02bc\u00b4`", "   ------" + 5 * "'"
_MARKS = "\u200e\u200f\ufeff"
_WHOLE = ("BIGINT", "INTEGER", "HUGEINT", "SMALLINT")
_CONSENT = tomllib.loads(files(__package__).joinpath("consent.toml").read_text(encoding="utf-8"))
YES, NO = frozenset(_CONSENT["yes"]), frozenset(_CONSENT["no"])


ID_RULES = {  # what may be settled of ids that two tables write in two ways
    "drop .0": r"regexp_replace({}, '^([0-9]+)[.,]0+$', '\1')",
    "drop spaces": r"regexp_replace({}, '\s', '', 'g')",
    "drop leading zeros": r"regexp_replace({}, '^0+([0-9]+)$', '\1')",
    "lower case": "lower({})",
}


def apply_rules(sql: str, rules: Sequence[str]) -> str:
    """Return the SQL of an id after some of `ID_RULES`, in their order."""
    for name, rule in ID_RULES.items():
        sql = rule.format(sql) if name in rules else sql
    return sql


@dataclass(frozen=True)
class Declared:
    """How a table is read: where, what it must hold, and what study.toml says of its values."""

    con: duckdb.DuckDBPyConnection
    table: Table
    section: TableSection
    study: StudySection


@dataclass(frozen=True)
class Typed:
    """SQL of a typed value, NULL where it cannot be read, and the reason that this then is."""

    sql: str
    unreadable: str = "not_a_date"
    offset: str = ""  # true where a date's zone offset breaks with the other rows
    inexact: str = ""  # true where an amount has more digits than the currency


def typed_value(declared: Declared, column: Column, theirs: str, source: Source) -> Typed:
    """Return the SQL of a column's typed value, from the file's column `theirs`."""
    section, study = declared.section, declared.study
    raw, kind = quote(theirs), source.columns[theirs]
    if column.type in ("id", "text"):
        lower = column.name == "customer_id" and section.case_insensitive_ids
        text = _text(raw, kind, is_id=column.type == "id", lower=lower)
        text = apply_rules(text, section.id_rules.get(column.name, ()))
        return Typed(f"upper({text})" if column.name == "currency" else text, "not_an_id")
    if column.type == "datetime":
        return _local_time(declared, theirs, source)
    amount = number(theirs, declared, source)
    if column.type == "number":
        return Typed(f"TRY_CAST({amount} AS DOUBLE)", "not_a_number")
    # amounts under 100 million fit a narrow decimal, which is three times faster; the others take the wide one
    narrow = _usual_number(quote(theirs), kind, section, digits=14)
    minor = ", ".join(f"TRY_CAST(round({one} * {10**study.minor_digits}) AS BIGINT)" for one in (narrow, amount))
    minor = f"coalesce({minor})"
    exact = kind.startswith(_WHOLE)
    inexact = "" if exact else f"coalesce(abs({amount} * {10**study.minor_digits} - {minor}) > 1e-6, false)"
    return Typed(minor, "not_a_number", inexact=inexact)


def _text(raw: str, kind: str, *, is_id: bool, lower: bool) -> str:
    if kind in ("DOUBLE", "FLOAT"):  # an id column with blanks, as pandas writes it: 7.0 is 7
        return (
            f"CASE WHEN {raw} = trunc({raw}) AND abs({raw}) < 9007199254740992 THEN "
            f"CAST(CAST({raw} AS BIGINT) AS VARCHAR) END"
        )
    if kind != "VARCHAR":
        return f"CAST({raw} AS VARCHAR)"
    text = f"nullif({trimmed(raw)}, '')"
    if is_id:  # a spreadsheet shows a long id as 1.23E+10 and saves what it shows: the digits are gone
        lost = f"contains({raw}, 'E+') AND regexp_full_match(trim({raw}), '[0-9]([.,][0-9]+)?E[+][0-9]+')"
        text = f"CASE WHEN {lost} THEN NULL ELSE {text} END"
    return f"lower({text})" if lower else text


def trimmed(raw: str) -> str:
    """Return the SQL of a text without spaces around it; only what has some is copied, for trim copies all."""
    return f"CASE WHEN starts_with({raw}, ' ') OR ends_with({raw}, ' ') THEN trim({raw}) ELSE {raw} END"


def number(theirs: str, declared: Declared, source: Source) -> str:
    """Return the SQL of a column's value as an exact decimal, NULL where it is none.

    Read are, beside plain digits: an apostrophe before them (a guard against formulas), a minus of any shape before or
    behind, brackets (books write what is owed so), the study's currency as a sign or word on either side, digits
    grouped by the declared sign or by apostrophes, in threes or (as in India) in twos.
    """
    raw, kind, section = quote(theirs), source.columns[theirs], declared.section
    usual = _usual_number(raw, kind, section, digits=28)
    if kind != "VARCHAR":
        return usual
    text = f"ltrim(trim(translate({raw}, {literal(_ODD + _MARKS)}, {literal(_EVEN)})), '''')"
    word = "|".join(map(re.escape, currency_words(declared.study.currency, section.currency_sign)))
    before, behind = (
        rf"(?i)^([+-]? ?[(]?) ?(?:{word})[.]? ?([(]?-? ?[0-9])",
        rf"(?i)([0-9.,)]) ?(?:{word})[.]? ?([)]?-?)$",
    )
    for pattern in (before, behind):
        text = rf"regexp_replace({text}, {literal(pattern)}, '\1\2')"
    point, group = f"[{section.decimal}]", f"[{section.thousands}']"
    whole = f"(?:[0-9]+|[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]{{1,2}}(?:{group}[0-9]{{2}})+{group}[0-9]{{3}})"
    digits = f"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)"
    shape = f"[+-]? ?{digits}|{digits} ?-|[(] ?{digits} ?[)]"
    bare = f"translate({text}, {literal(f' {section.thousands}' + chr(39))}, '')"
    plain = rf"regexp_replace({bare}, '^[(](.*)[)]$|^(.*)-$', '-\1\2')"
    any_way = (
        f"CASE WHEN regexp_full_match({text}, {literal(shape)}) THEN "
        f"TRY_CAST(replace({plain}, {literal(section.decimal)}, '.') AS DECIMAL(28, 6)) END"
    )
    # most amounts are digits and perhaps a decimal sign; the pattern is left to the others, it costs four times as much
    return f"coalesce({usual}, {any_way})"


@cache
def _currencies() -> dict[str, list[str]]:
    return tomllib.loads(files("custaudience.study").joinpath("currencies.toml").read_text(encoding="utf-8"))


def currency_words(currency: str, sign: str = "") -> list[str]:
    """Return what may stand at amounts of a currency, the longest first: its code, its signs and words, and `sign`."""
    words = {currency.lower(), *_currencies().get(currency, ()), sign.strip().strip(".").lower()} - {""}
    return sorted(words, key=lambda word: (-len(word), word))


def currencies_of(text: str) -> list[str]:
    """Return the ISO codes that a sign or word may stand for, the likeliest first."""
    word = text.strip(" .()[]").lower()
    return [code for code, signs in _currencies().items() if word in signs]


def _usual_number(raw: str, kind: str, section: TableSection, *, digits: int) -> str:
    """Return the SQL of a number written with digits and a decimal sign only."""
    # by way of a decimal: 0.285 as binary is a little less, and would round to 28 cents
    if kind == "VARCHAR" and section.decimal == ",":
        raw = f"CASE WHEN NOT contains({raw}, '.') THEN replace({raw}, ',', '.') END"
    return f"TRY_CAST({raw} AS DECIMAL({digits}, 6))"


def _local_time(declared: Declared, theirs: str, source: Source) -> Typed:
    section, study = declared.section, declared.study
    raw, kind = quote(theirs), source.columns[theirs]
    here = literal(study.timezone)
    shift = section.timezone is not None and section.timezone != study.timezone

    def local(stamp: str) -> str:
        return f"({stamp} AT TIME ZONE {literal(section.timezone or '')}) AT TIME ZONE {here}" if shift else stamp

    if kind == "DATE":  # a calendar day has no zone
        return Typed(f"CAST({raw} AS TIMESTAMP)")
    if "WITH TIME ZONE" in kind:
        return Typed(f"{raw} AT TIME ZONE {here}")
    if kind.startswith("TIMESTAMP"):
        return Typed(local(f"CAST({raw} AS TIMESTAMP)"))
    text = raw if kind == "VARCHAR" else f"CAST({raw} AS VARCHAR)"
    if section.date_format in _EPOCHS:
        micros = f"TRY_CAST(TRY_CAST({raw} AS DECIMAL(28, 6)) * {_EPOCHS[section.date_format]} AS BIGINT)"
        stamp = f"CASE WHEN {micros} BETWEEN 1 AND {_LATEST} THEN make_timestamp({micros}) END"
        return Typed(f"({stamp} AT TIME ZONE 'UTC') AT TIME ZONE {here}")
    if section.date_format == "excel":
        days = f"TRY_CAST(replace({text}, ',', '.') AS DOUBLE)"
        stamp = f"make_timestamp(CAST(round(({days} - {_EXCEL_1970}) * 86400) AS BIGINT) * 1000000)"
        stamp = f"CASE WHEN {days} = floor({days}) THEN {stamp} ELSE {local(stamp)} END"
        return Typed(f"CASE WHEN {days} BETWEEN 1 AND 2958465 THEN {stamp} END")
    if section.date_format:
        formats = (section.date_format,) if isinstance(section.date_format, str) else section.date_format
        written = f"[{', '.join(map(literal, formats))}]" if len(formats) > 1 else literal(formats[0])
        stamp = f"try_strptime({trimmed(text)}, {written})"
        if any("%z" in one.lower() for one in formats):
            return Typed(f"CAST({stamp} AS TIMESTAMPTZ) AT TIME ZONE {here}")
        timed = any({"%H", "%I", "%X", "%c"} & _codes(one) for one in formats)
        return Typed(local(stamp) if timed else stamp)
    # DuckDB drops an offset silently when it casts to a naive timestamp, so it is all rows or none
    sample = f"SELECT {raw} FROM {source.sql} LIMIT 1000"
    found = declared.con.execute(f"SELECT bool_or({_has_offset(text, wanted=True)}) FROM ({sample})").fetchall()
    # the test stands outside, where the file's columns are named so
    whole = f"CAST({quote(f'raw {theirs}')} AS VARCHAR)"
    if found[0][0]:
        zoned = f"TRY_CAST({text} AS TIMESTAMPTZ) AT TIME ZONE {here}"
        return Typed(zoned, offset=_has_offset(whole, wanted=False))
    stamp = f"TRY_CAST({text} AS TIMESTAMP)"
    if shift:  # a calendar day has no zone
        stamp = f"CASE WHEN length({text}) <= 10 THEN {stamp} ELSE {local(stamp)} END"
    return Typed(stamp, offset=_has_offset(whole, wanted=True))


def _has_offset(text: str, *, wanted: bool) -> str:
    """Return the SQL that is true where a date's text ends in a zone offset, or where it does not."""
    # the usual 2025-01-31 10:00:00 is told by two characters: the pattern costs a sixth of the whole pass
    usual = f"length({text}) <= 10 OR (length({text}) = 19 AND substr({text}, 17, 1) = ':')"
    found = f"CASE WHEN {usual} THEN false ELSE regexp_matches(substr({text}, 14), {_OFFSET}) END"
    return found if wanted else f"NOT {found}"


def _codes(date_format: str) -> set[str]:
    return {date_format[i : i + 2] for i in range(len(date_format) - 1) if date_format[i] == "%"}


def read_consent(values: pd.Series, *, yes: Sequence[str] = ()) -> pd.Series:
    """Return who agreed to be written to, by the words in the column ``consent``: text, or true and false.

    Missing and empty mean no: nobody agreed by saying nothing. With `yes` (upper and lower case alike, ``*`` for any
    text) every other word means no; without it the words of consent.toml count, and a word of neither is a
    `DataError`: it is not guessed.

    Examples
    --------
    >>> read_consent(pd.Series(["Так", "ні", None, " YES "])).tolist()
    [True, False, False, True]
    >>> read_consent(pd.Series(["weekly", "never"]), yes=["weekly", "monthly"]).tolist()
    [True, False]
    """
    words = values.astype("str").fillna("").map(_plain_word)
    agreeing: Collection[str] = YES
    if yes:
        shapes = [re.sub(r"[\[?]", "[\\g<0>]", _plain_word(pattern)) for pattern in yes]
        agreeing = [word for word in words.unique() if any(fnmatch.fnmatchcase(word, shape) for shape in shapes)]
    elif (unknown := ~words.isin(YES | NO | {""})).any():
        counts = values[unknown].astype("str").str.strip().value_counts()
        shown = ", ".join(f"{word[:40]!r} ({n:,})" for word, n in counts.head(5).items())
        more = f" and {len(counts) - 5:,} others" if len(counts) > 5 else ""
        raise DataError(
            f"customers: the column consent holds words that are neither yes nor no: {shown}{more}. Say under "
            f'[tables.customers] which mean yes, for example consent_yes = ["yes"] (every other is then no; "*" means '
            "any filled cell)."
        )
    return (words.isin(agreeing) & (words != "")).rename(None)


def _plain_word(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u00a0", " ")).strip().casefold()
