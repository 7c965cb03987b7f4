"""What is proposed, and what cannot be seen from a file and is asked; what nobody answered stops the proposal."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
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
from custaudience.study.proposing.vocabulary import Preset

Options = tuple[tuple[str, str], ...]  # values and what each means
_PATIENCE = 2  # how often a question is asked again


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


def question(name: str, case: str = "", *, options: Options = (), suggestion: str = "", **facts: Any) -> Question:
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
