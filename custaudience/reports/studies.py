"""What `custaudience init` and `custaudience check` do: make a study from exports, and say in what state one is."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from custaudience.errors import ConfigError
from custaudience.present import locale
from custaudience.present.words import render_claim
from custaudience.reports import places
from custaudience.reports.notebooks import find_notebooks
from custaudience.reports.parameters import Parameter, last_day
from custaudience.study.books import explain_difference, monthly_books
from custaudience.study.health import Health, control_claims, row_claims, warning_claims

if TYPE_CHECKING:
    from custaudience.study.proposing import Question
    from custaudience.study.study import Study

_WIDTH = 100
_MONTHS = 24  # shown one by one; earlier ones are summed


@dataclass(frozen=True)
class Wishes:
    """What is known of a study before its exports are looked into; `answers` by key, as `init` asks for them."""

    answers: Mapping[str, str] = field(default_factory=dict)
    preset: str | None = None
    name: str | None = None
    copy: bool = False


@dataclass(frozen=True)
class Talk:
    """How to talk with who makes a study: `ask` what is ambiguous, `confirm` before anything is written.

    Without `ask`, anything ambiguous that the answers leave open is an error.
    """

    ask: Callable[[Question], str] | None = None
    confirm: Callable[[], bool] = lambda: True
    say: Callable[[str], object] = print
    progress: Callable[[str], None] = lambda text: None


_NO_WISHES, _PRINTING = Wishes(), Talk()


def make_study(
    folder: str | os.PathLike[str],
    files: Sequence[str | os.PathLike[str]],
    wishes: Wishes = _NO_WISHES,
    talk: Talk = _PRINTING,
) -> bool:
    """Propose a study from exports, relative to where you stand, and write it when it is confirmed; say whether."""
    from custaudience.study.proposing import Answers, describe, propose_study, refuse_taken, write_study

    places.refuse_address(folder, *files)
    target = Path(folder)
    refuse_taken(target)
    language = wishes.answers.get("language")
    if language is not None and language not in locale.languages():
        raise ConfigError(f"reports are not written in {language!r}; languages: {', '.join(locale.languages())}.")
    title = wishes.name or target.absolute().name.replace("_", " ").replace("-", " ").capitalize()
    answers, preset = Answers(wishes.answers, talk.ask), wishes.preset
    proposal = propose_study(files, answers=answers, name=title, preset=preset, progress=talk.progress)
    talk.say(describe(proposal))
    if not talk.confirm():
        talk.say("\nNothing was written. With --yes it is.")
        return False
    had_readme = (target / "README.md").exists()
    write_study(proposal, target, copy=wishes.copy, progress=talk.progress)
    readme = f" ({target / 'README.md'} was there and is as it was)" if had_readme else f", {target / 'README.md'}"
    talk.say(f"\nWritten: {target / 'study.toml'}{readme}")
    has_lines = any(table.table == "transactions" for table in proposal.tables)
    none = "There are no order lines among these files, so nothing can be said of who buys: give that export along."
    talk.say(f"Next: custaudience check {target}" if has_lines else none)
    return True


def describe_study(study_path: str | os.PathLike[str], *, as_of: str | None = None) -> str:
    """Read a study strictly and return the state of its data as lines of plain English, for the analyst's own eyes.

    The warnings know no line after `as_of`, by default the last day of the last month that is complete in the data;
    the months and totals of the books are those of all data.
    """
    from custaudience.study import open_study

    day = Parameter("as_of", "date").check(as_of or "")
    places.refuse_address(study_path)
    study = open_study(study_path)
    study.refresh()
    if "transactions" in study.tables:
        day = day or last_day(study.last_complete_month)
    health = study.health(as_of=day)
    lines = [f"{study.name} ({study.folder_name})" + (f", as of {day}" if day else "")]
    for row in health.tables.itertuples():
        used, aside = f"{row.rows_used:,} used", f"{row.rows_set_aside:,} set aside"
        lines.append(f"  {row.table}: {row.rows_in:,} rows read, {used}, {aside}")
    if day:
        faults = [claim for claim in row_claims(health) if claim.id.startswith("data.rows_set_aside.")]
        lines += _wrapped(render_claim(claim, language="en") for claim in faults)
        books = monthly_books(study)
        lines += ["", f"Revenue by month, {study.currency}", *month_lines(books, health.controls, study.minor_digits)]
        lines += _wrapped(_notes(study, books))
        lines += ["", "Totals of the books", *_control_lines(study, health, books)]
        warnings = [render_claim(claim, language="en") for claim in warning_claims(health)]
        lines += ["", "To beware of", *_wrapped(warnings)] if warnings else []
    return "\n".join([*lines, "", "Notebooks", *_notebook_lines(set(study.tables))])


def month_lines(books: pd.DataFrame, controls: pd.DataFrame, digits: int) -> list[str]:
    """Lay out the books as text: the last 24 months and those that have a control, the others as one line.

    `digits` are those of the currency; where the table would be wider than 100 columns, whole units are shown, and
    that is said.
    """
    given = {row.key.split(".", 1)[1]: row for row in controls.itertuples() if row.key.startswith("revenue.")}
    months = books[books["month"] != ""]
    single = months["month"].isin([*months["month"].tail(_MONTHS), *given])
    amounts = ["gross", "refunds", "net", *(["guests_net"] if books["guests_net"].any() else [])]

    def sums(label: str, part: pd.DataFrame) -> list[str]:
        counts = [f"{part['n_rows'].sum():,}", "", f"{part['n_orders'].sum():,}"]
        return [label, *counts, *(f"{part[name].sum():,.{digits}f}" for name in amounts)]

    head = ["month", "rows", "customers", "orders", *(name.removesuffix("_net") for name in amounts)]
    table = [[*head, *(["control", "difference"] if given else [])]]
    if not single.all():
        table.append(sums("earlier", months[~single]))
    for number, row in months[single].iterrows():
        line = sums(row["month"], months.loc[[number]])
        line[2] = f"{row['n_customers']:,}"
        if control := given.get(row["month"]):  # in words, so that it needs no colour
            differs = "agrees" if control.agrees else f"! {control.difference:+,.{digits}f}"
            line += [f"{control.expected:,.{digits}f}", differs]
        table.append(line)
    if len(months) > 1:
        table.append(sums("total", months))
    for gap in (2, 1):
        lines = aligned(table, gap)
        if max(map(len, lines)) <= _WIDTH:
            return lines
    if not digits:
        return lines
    rounded = "Amounts are shown in whole units; the totals of the books were compared to the last digit."
    return [*month_lines(books, controls, 0), *_wrapped([rounded])]


def aligned(table: list[list[str]], gap: int = 2) -> list[str]:
    """Set the first column to the left and figures to the right."""
    rows = [row + [""] * (len(table[0]) - len(row)) for row in table]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows)
    return ["  " + (" " * gap).join(row).rstrip() for row in cells]


def _notes(study: Study, books: pd.DataFrame) -> list[str]:
    """Return what must be known to read the table of months."""
    dated = books[books["month"] != ""]
    digits, last = study.minor_digits, dated["month"].iloc[-1]
    guests = "Guests: lines set aside for want of a customer id. A control of revenue is held against net + guests."
    notes = [guests] if books["guests_net"].any() else []
    for name, what in (("excluded_net", "Left out as study.toml says"), ("set_aside_net", "Set aside as faulty")):
        if books[name].any():
            total, most = books[name].sum(), books.loc[books[name].abs().idxmax()]
            place = most["month"] or "rows without a readable date"
            share = "all of it" if most[name] == total else f"{most[name]:,.{digits}f} of it"
            notes.append(f"{what}, and in no column: {total:,.{digits}f} {study.currency}, {share} in {place}.")
    if study.first_day.day > 1:
        notes.append(f"The data begin on {study.first_day}: the first month may not be complete.")
    if last not in study.months_available():
        notes.append(
            f"The data end on {study.last_day}: {last} is not complete. If the export covers all of it, say so under "
            f'[study]: complete_until = "{pd.Period(last, "M").end_time:%Y-%m-%d}".'
        )
    return notes


def _control_lines(study: Study, health: Health, books: pd.DataFrame) -> list[str]:
    """Return how the controls are met, what to do where they are not, and which to ask for when there is none."""
    lines = []
    for row, claim in zip(health.controls.itertuples(), control_claims(health), strict=True):
        lines += _wrapped([("" if row.agrees else "! ") + render_claim(claim, language="en")])
        if not row.agrees:
            lines += _wrapped(explain_difference(study, row.key, row.found, books), mark="- ")
    if not health.controls["key"].str.startswith("revenue.").any():
        lines += _proposed(study, books)
    return lines


def _proposed(study: Study, books: pd.DataFrame) -> list[str]:
    """Return lines for ``[control]``, each behind a # until finance has said so."""
    months = study.months_available()[-3:]
    net = books.set_index("month")[["net", "guests_net"]].sum(axis="columns")
    ask = (
        "No total of revenue stands under [control] yet. Ask finance for the revenue of these months, after refunds"
        + (" and with guests" if books["guests_net"].any() else "")
        + ". If a figure agrees, put its line into study.toml without the # in front; if not, put the figure of "
        "finance there, and check again: it says what would explain the difference."
    )
    lines = [f'  # "revenue.{m}" = {net.get(m, 0.0):.{study.minor_digits}f}   # not yet confirmed' for m in months]
    return [*_wrapped([ask]), "", *([] if study.config.control else ["  [control]"]), *lines]


def _notebook_lines(have: set[str]) -> list[str]:
    missing = {notebook.path.stem: notebook.missing(have) for notebook in find_notebooks()}
    can = [stem for stem, tables in missing.items() if not tables]
    cannot = [f"{stem}: cannot run: no table {' or '.join(tables)}" for stem, tables in missing.items() if tables]
    return _wrapped([*([f"can run: {', '.join(can)}"] if can else []), *cannot])


def _wrapped(sentences: Iterable[str], mark: str = "") -> list[str]:
    start = "  " + ("  " + mark if mark else "")
    below = " " * (len(start) + (0 if mark else 2))
    wrap = textwrap.TextWrapper(_WIDTH, start, below, break_long_words=False, break_on_hyphens=False)
    return [line for sentence in sentences for line in wrap.wrap(sentence)]
