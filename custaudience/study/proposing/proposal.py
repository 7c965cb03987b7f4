"""What is proposed, as people read it, and what cannot be seen in a file and is asked: left open, it stops all."""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from custaudience.errors import ConfigError, near_miss
from custaudience.study.config import TableSection
from custaudience.study.contracts import TABLES
from custaudience.study.proposing.sampling import Sample
from custaudience.study.proposing.scanning import Scan
from custaudience.study.proposing.styles import DateStyle, Facts
from custaudience.study.proposing.vocabulary import Preset, is_status_column, vocabulary

Options = tuple[tuple[str, str], ...]  # values and what each means
_PATIENCE = 2  # how often a question is asked again
_WIDTH = 100
_MEANINGS: dict[str, str] = vocabulary()["meanings"]
_CATEGORIES = {"currency", "category", "kind", "channel"}  # texts of ours that name nobody
_CONTACT = re.compile(r"\S+@\S+\.\S+|\+?\d[\d ()-]{6,}\d")


@dataclass
class TableProposal:
    """What is proposed for one table, and why."""

    table: str
    samples: list[Sample]  # its files; they have the same columns
    sample: Sample  # rows of all of them
    columns: dict[str, str] = field(default_factory=dict)  # our column by the file's
    settings: dict[str, Any] = field(default_factory=dict)  # all else of [tables.NAME] but the path
    why: dict[str, list[str]] = field(default_factory=dict)  # evidence by our column, or by setting
    preset: tuple[str, Preset] | None = None
    scan: Scan = field(default_factory=Scan)
    sampled: bool = False  # only the sample's rows were counted, because the file is very large
    currency: str = ""  # the ISO code that its column of currencies says
    date: DateStyle | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def section(self) -> TableSection:
        """The proposed section, as the reader takes it."""
        return TableSection.model_validate({"path": self.sample.file.name, "columns": self.columns, **self.settings})

    @property
    def needed(self) -> set[str]:
        """Our columns whose values each row needs: price and quantity where there is no revenue."""
        return {*TABLES[self.table].required, *(() if "revenue" in self.columns else ("unit_price", "quantity"))}

    def facts(self, ours: str) -> Facts:
        """Return what stands in the column that is one of ours."""
        return self.sample.facts[self.columns[ours]]

    def say(self, key: str, sentence: str) -> None:
        """Add a sentence of evidence."""
        if sentence and sentence not in self.why.setdefault(key, []):
            self.why[key].append(sentence)

    def note(self, sentence: str) -> None:
        """Add a note, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def leave_out(self, option: str, column: str, value: str, why: str) -> None:
        """Add a value of a column to `exclude` or `refund_rows`; the reader tells no capitals apart."""
        rules = self.settings.setdefault(option, {})
        if value.lower() not in (one.lower() for one in rules.get(column, ())):
            rules[column] = [*rules.get(column, ()), value]
        self.say(option, why)

    def give_up(self, ours: str, why: str) -> None:
        """Use a column no longer, and note why."""
        theirs = self.columns.pop(ours)
        self.why.pop(ours, None)
        self.notes.append(f"{theirs!r} could be {ours}, but {why}: it is not used.")


@dataclass
class Proposal:
    """What is proposed for a study: the values of ``[study]`` with why, its tables, and what was not used."""

    study: dict[str, str]
    why: dict[str, str]
    tables: list[TableProposal]
    unused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Question:
    """One thing that is ambiguous, as questions.toml words it; without ``options`` ``check`` judges a free text."""

    key: str
    text: str
    options: Options = ()
    evidence: str = ""
    suggestion: str = ""
    check: Callable[[str], str] | None = None

    def fault_of(self, answer: str) -> str:
        """Return what is wrong with an answer, "" when nothing is."""
        values = [value for value, _ in self.options]
        if values and answer not in values:
            return f"{answer!r} is no answer.{near_miss(answer, values)} Possible: {', '.join(values)}."
        return self.check(answer) if self.check else ""


@cache
def _questions() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("questions.toml").read_text(encoding="utf-8"))


def question(
    name: str, facts: Mapping[str, Any], case: str = "", *, options: Options = (), suggestion: str = ""
) -> Question:
    """Return a question of questions.toml in one of its cases, filled with facts; `options` are those of the data."""
    words = _questions()[name] | _questions()[name].get(case, {})
    own = ((value, meaning.format(**facts)) for value, meaning in words.get("options", {}).items())
    key, text, evidence = (words.get(part, "").format(**facts) for part in ("key", "text", "evidence"))
    return Question(key, text, tuple(options or own), evidence, suggestion or words.get("suggestion", ""))


class Answers:
    """Answers given beforehand by key, or by somebody who is asked; `ask` is None when nobody can be."""

    def __init__(self, given: Mapping[str, str], ask: Callable[[Question], str] | None = None):
        self._given = dict(given)
        self._ask = ask
        self._used: set[str] = set()
        self._open: dict[str, Question] = {}

    def settle(self, question: Question) -> str:
        """Return the answer; without one, remember the question and go on with its suggestion or first option."""
        self._used.add(question.key)
        answer = self._given.get(question.key)
        if answer is None:
            if self._ask is None:
                self._open.setdefault(question.key, question)
                return question.suggestion or (question.options[0][0] if question.options else "")
            answer = self._ask(question)
            for _ in range(_PATIENCE):
                if fault := question.fault_of(answer.strip()):
                    answer = self._ask(replace(question, text=f"{fault} {question.text}"))
        answer = answer.strip()
        if fault := question.fault_of(answer):
            raise ConfigError(f"{question.key}: {fault}")
        self._given[question.key] = answer
        return answer

    def given(self, key: str) -> str | None:
        """Return an answer that was given though nothing asked for it yet."""
        if key in self._given:
            self._used.add(key)
        return self._given.get(key)

    def finish(self) -> None:
        """Stop when questions are open, or an answer fits no question."""
        self.stop_if_open()
        unknown = [key for key in self._given if key not in self._used]
        if unknown:
            raise ConfigError(
                f"--answer {unknown[0]}: nothing of that name is asked here.{near_miss(unknown[0], sorted(self._used))}"
                + (f" Asked: {', '.join(sorted(self._used))}." if self._used else "")
            )

    def stop_if_open(self) -> None:
        """Stop when questions are open, for what is asked next depends on them."""
        if self._open:
            count = len(self._open)
            lines = [f"{count} {'thing is' if count == 1 else 'things are'} ambiguous, and nothing is taken silently:"]
            for question in self._open.values():
                lines.append(f"  {question.text}" + (f" {question.evidence}" if question.evidence else ""))
                values = [value for value, _ in question.options] or [question.suggestion or "…"]
                choices = " or ".join(f'--answer "{question.key}={value}"' for value in values[:6])
                lines.append(f"    {choices}")
            raise ConfigError("\n".join([*lines, "Nothing was written."]))


def describe(proposal: Proposal) -> str:
    """Return the proposal as lines for a terminal: each guess with the evidence for it."""
    study = proposal.study
    files = ", ".join(sample.label for table in proposal.tables for sample in table.samples)
    lines = [_wrapped(f"{study['name']}: proposed from {files}", "")]
    for key in ("currency", "timezone", "language", "unit"):
        lines.append(_hanging(f"  {key:<12} {study[key]:<14} ", proposal.why[key]))
    for table in proposal.tables:
        lines += ["", *_describe_table(table)]
    if proposal.unused:
        lines += ["", *(_wrapped(f"Not used: {text}", "") for text in proposal.unused)]
    return "\n".join(lines)


def _describe_table(table: TableProposal) -> Iterator[str]:
    named = ", ".join(sample.label for sample in table.samples)
    preset = f", by preset {table.preset[0]}" if table.preset else ""
    yield _wrapped(f"{named} → {table.table}: {_extent(table)}{preset}", "")
    yield f"  One row is {TABLES[table.table].one_row_is}."
    for ours, theirs in table.columns.items():
        why = "; ".join(table.why.get(ours, []))
        yield f"  {ours:<12} {_name(theirs)!r}: {why}"
        values = list(dict.fromkeys(table.sample.column(theirs)))[:3]
        yield _wrapped(f"{_agreement(table, ours)}, such as {', '.join(map(_cut, values))}", " " * 15)
    for key in _MEANINGS:
        if key in table.settings:
            yield _wrapped(f"{key} = {_toml(table.settings[key])}", "  ")
            yield from (_wrapped(sentence, " " * 15) for sentence in table.why.get(key, []))
    if table.why.get("counted"):
        yield "  rows that count"
        yield from (_wrapped(sentence, " " * 15) for sentence in table.why["counted"])
    ruled = {name for option in ("only", "exclude", "refund_rows") for name in table.settings.get(option, ())}
    unused = [name for name in table.sample.header if name not in {*table.columns.values(), *ruled}]
    if unused:
        more = f" and {len(unused) - 12} more" if len(unused) > 12 else ""
        yield _wrapped(f"not used, carried along: {', '.join(map(_name, unused[:12]))}{more}", "  ")
    if table.table == "transactions" and "order_id" not in table.columns:
        yield _wrapped(
            "No column is the number of an order: what a customer buys on one day counts as one order. If one is, say "
            'so: --answer "transactions.order_id=COLUMN".',
            "  ",
        )
    yield from (_wrapped(f"Note: {note}", "  ") for note in table.notes)


def _extent(table: TableProposal) -> str:
    """Return how many rows a table has, and from when to when."""
    rows = f"{table.scan.rows:,} {'rows looked at' if table.sampled else 'rows'}"
    if table.scan.kept < table.scan.rows:
        rows += f" ({table.scan.rows - table.scan.kept:,} left out by the rules below)"
    dates = f", {table.scan.first} to {table.scan.last}" if table.scan.first else ""
    return rows + dates


def _agreement(table: TableProposal, ours: str) -> str:
    rows, counted = table.scan.kept, table.scan.columns[ours]
    if counted.filled == counted.read == rows:
        return f"all {rows:,} rows can be read"
    empty, unread = rows - counted.filled, counted.filled - counted.read
    parts = [f"{counted.read:,} of {rows:,} rows can be read"]
    parts += [f"{empty:,} {'is' if empty == 1 else 'are'} empty"] if empty else []
    parts += [f"{unread:,} cannot be"] if unread else []
    return ", ".join(parts)


def study_toml(proposal: Proposal, paths: Mapping[str, str]) -> str:
    """Return study.toml with a comment for each guess; `paths` gives each file's path by its name in the proposal."""
    study = proposal.study
    lines = ["# One folder is one study. README.md beside this file is the data dictionary.", "[study]"]
    for key in ("name", "currency", "timezone", "language", "unit"):
        lines.append(_commented(key, study[key], proposal.why.get(key, "")))
    lines += [
        '# first_orders = "observed"     # or "cut off": does the export reach back to each customer\'s first order '
        "ever?",
        '# complete_until = "2025-06-30" # the last day the export covers, when nothing was sold on it',
        "",
    ]
    for table in proposal.tables:
        lines += [*_table_toml(table, paths), ""]
    lines += [
        "[control]                       # totals from the books; `custaudience check` says how the data meet them",
        '# "revenue.2025-06" = 48210',
        "",
        "[privacy]",
        "min_group_size = 10             # smaller groups of people are never published",
        "",
    ]
    return "\n".join(lines)


def _table_toml(table: TableProposal, paths: Mapping[str, str]) -> Iterator[str]:
    yield f"[tables.{table.table}]" + (f"  # {table.preset[1].title}: preset {table.preset[0]}" if table.preset else "")
    for note in table.notes:
        yield from textwrap.wrap(_one_line(note), _WIDTH, initial_indent="# ", subsequent_indent="# ")
    named = [paths[sample.label] for sample in table.samples]
    yield f"path = {_toml(named[0] if len(named) == 1 else named)}"
    for key, meaning in _MEANINGS.items():
        if key in table.settings:
            value, why = table.settings[key], [_one_line(sentence) for sentence in table.why.get(key, [])]
            short = _commented(key, value, ": ".join(part for part in (meaning, "; ".join(why)) if part))
            fits = len(short) <= _WIDTH
            yield from (
                [short] if fits else [f"# {key}: {meaning}", *(f"#   {one}" for one in why), _commented(key, value, "")]
            )
    if table.why.get("counted"):
        yield "# rows that count:"
        yield from (f"#   {_one_line(sentence)}" for sentence in table.why["counted"])
    yield f"[tables.{table.table}.columns]"
    yield from (f"{ours} = {_toml(theirs)}" for ours, theirs in table.columns.items())


def _commented(key: str, value: Any, comment: str) -> str:
    text = f"{key} = {_toml(value)}"
    return f"{text:<31} # {_one_line(comment)}" if comment else text


def dictionary(proposal: Proposal) -> str:
    """Return the data dictionary as Markdown; no id or name of anybody is in it."""
    lines = [f"# {_plain(proposal.study['name'])}: data dictionary", ""]
    for table in proposal.tables:
        lines += [f"## {table.table}: one row is {TABLES[table.table].one_row_is}", ""]
        lines += [f"{', '.join(_code(sample.label) for sample in table.samples)}: {_extent(table)}.", ""]
        lines += ["| column in the file | ours | meaning | filled | examples |", "|---|---|---|---|---|"]
        lines += [_dictionary_row(table, theirs) for theirs in table.sample.header]
        lines += ["", *(f"- {_plain(note)}" for note in table.notes if not _CONTACT.search(note)), ""]
    lines += [
        "Examples are those of dates, amounts and categories: what identifies people has no place in a file that is "
        "passed on.",
        "",
        "Source, licence, known problems: write them here.",
        "",
    ]
    return "\n".join(lines)


def _dictionary_row(table: TableProposal, theirs: str) -> str:
    ours = next((name for name, column in table.columns.items() if column == theirs), "")
    column = next((column for column in TABLES[table.table].columns if column.name == ours), None)
    values = table.sample.column(theirs)
    filled = len(values) / max(1, len(table.sample.rows))
    if ours in table.scan.columns:
        filled = table.scan.columns[ours].filled / max(1, table.scan.kept)
    few = list(dict.fromkeys(values))
    # what identifies people, or might, is not repeated in a file that is passed on
    safe = (column is not None and column.type in ("datetime", "money", "number")) or ours in _CATEGORIES
    safe = safe or (is_status_column(theirs) and len(few) <= 20 and not any(map(_CONTACT.search, few)))
    shown = ", ".join(_code(_cut(value)) for value in few[:3]) if safe else f"{len(few):,} different" if few else ""
    meaning = column.meaning.split(";")[0] if column else "carried along"
    # a cell that is filled once is not empty, and one that is empty once not full
    share = "all" if filled == 1 else "none" if not filled else f"{min(max(filled, 0.01), 0.99):.0%}"
    return f"| {_code(_name(theirs))} | {ours} | {meaning} | {share} | {shown} |"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        keys = {key: key if key.isidentifier() and key.isascii() else _toml(key) for key in value}
        return "{ " + ", ".join(f"{keys[key]} = {_toml(inner)}" for key, inner in value.items()) + " }"
    # texts, numbers and lists are written as in JSON, but that TOML wants the last control character escaped too
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    """Return a text on one line without control characters: a terminal or TOML would obey them."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _cut(value: str, most: int = 24) -> str:
    text = _one_line(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _name(column: str) -> str:
    return _cut(column, 60)


def _plain(text: str) -> str:
    """Return a text that Markdown and HTML take for plain words."""
    return re.sub(r"([\\*_|#\[\]])", r"\\\1", _one_line(text).replace("&", "&amp;").replace("<", "&lt;"))


def _code(text: str) -> str:
    return "`" + _one_line(text).replace("`", "'").replace("|", "\\|") + "`"


def _wrapped(text: str, indent: str) -> str:
    return _hanging(indent, text, indent + "  ")


def _hanging(label: str, text: str, below: str = "") -> str:
    below = below or " " * len(label)
    return textwrap.fill(_one_line(text), _WIDTH, initial_indent=label, subsequent_indent=below, break_on_hyphens=False)
