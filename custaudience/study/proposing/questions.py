"""What cannot be seen from a file is asked; what nobody answered is collected, and stops the proposal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from custaudience.errors import ConfigError, near_miss

_PATIENCE = 2  # how often a question is asked again


@dataclass(frozen=True)
class Question:
    """One thing that is ambiguous.

    ``key`` answers it on the command line; ``options`` are pairs of value and what it means, empty for free text;
    ``evidence`` is what the data show; ``suggestion`` a likely answer, never taken by itself. ``check`` says what is
    wrong with an answer in free text, "" when nothing is.
    """

    key: str
    text: str
    options: tuple[tuple[str, str], ...] = ()
    evidence: str = ""
    suggestion: str = ""
    check: Callable[[str], str] | None = None

    def fault_of(self, answer: str) -> str:
        """Return what is wrong with an answer, "" when nothing is."""
        values = [value for value, _ in self.options]
        if values and answer not in values:
            return f"{answer!r} is no answer.{near_miss(answer, values)} Possible: {', '.join(values)}."
        return self.check(answer) if self.check else ""


class Answers:
    """Answers given beforehand, or by somebody who is asked.

    Parameters
    ----------
    given : mapping
        Answers by key.
    ask : function, optional
        Called with a question nobody answered yet; None when nobody can be asked.
    """

    def __init__(self, given: Mapping[str, str], ask: Callable[[Question], str] | None = None):
        self._given = dict(given)
        self._ask = ask
        self._used: set[str] = set()
        self._open: dict[str, Question] = {}

    def settle(self, question: Question) -> str:
        """Return the answer; without one, remember the question and go on with its suggestion or first option.

        Raises
        ------
        ConfigError
            If the answer is none of the options, or its check finds fault; who can be asked is asked again.
        """
        self._used.add(question.key)
        answer = self._given.get(question.key)
        if answer is None and self._ask is None:
            self._open.setdefault(question.key, question)
            return question.suggestion or (question.options[0][0] if question.options else "")
        answer = self._asked(question).strip() if answer is None else answer.strip()
        if fault := question.fault_of(answer):
            raise ConfigError(f"{question.key}: {fault}")
        self._given[question.key] = answer
        return answer

    def _asked(self, question: Question) -> str:
        assert self._ask is not None
        answer = self._ask(question)
        for _ in range(_PATIENCE):
            fault = question.fault_of(answer.strip())
            if not fault:
                break
            answer = self._ask(replace(question, text=f"{fault} {question.text}"))
        return answer

    def given(self, key: str) -> str | None:
        """Return an answer that was given though nothing asked for it yet."""
        if key in self._given:
            self._used.add(key)
        return self._given.get(key)

    def finish(self) -> None:
        """Stop when questions are open, or an answer fits no question.

        Raises
        ------
        ConfigError
            With every open question, what the data show, and how to answer it.
        """
        self.stop_if_open()
        unknown = [key for key in self._given if key not in self._used]
        if unknown:
            raise ConfigError(
                f"--answer {unknown[0]}: nothing of that name is asked here.{near_miss(unknown[0], sorted(self._used))}"
                + (f" Asked: {', '.join(sorted(self._used))}." if self._used else "")
            )

    def stop_if_open(self) -> None:
        """Stop when questions are open, for what is asked next depends on them.

        Raises
        ------
        ConfigError
            With every open question, what the data show, and how to answer it.
        """
        if self._open:
            count = len(self._open)
            lines = [f"{count} {'thing is' if count == 1 else 'things are'} ambiguous, and nothing is taken silently:"]
            for question in self._open.values():
                lines.append(f"  {question.text}" + (f" {question.evidence}" if question.evidence else ""))
                values = [value for value, _ in question.options] or [question.suggestion or "…"]
                choices = " or ".join(f'--answer "{question.key}={value}"' for value in values[:6])
                lines.append(f"    {choices}")
            raise ConfigError("\n".join([*lines, "Nothing was written."]))
