"""What cannot be seen from a file is asked; what nobody answered is collected, and stops the proposal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from custaudience.errors import ConfigError, near_miss


@dataclass(frozen=True)
class Question:
    """One thing that is ambiguous.

    ``key`` answers it on the command line; ``options`` are pairs of value and what it means, empty for free text;
    ``evidence`` is what the data show; ``suggestion`` a likely answer, never taken by itself.
    """

    key: str
    text: str
    options: tuple[tuple[str, str], ...] = ()
    evidence: str = ""
    suggestion: str = ""


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
        """Return the answer; without one, remember the question and go on with its suggestion or first option."""
        self._used.add(question.key)
        answer = self._given.get(question.key)
        if answer is None and self._ask is not None:
            answer = self._given[question.key] = self._ask(question)
        if answer is None:
            self._open[question.key] = question
            return question.suggestion or (question.options[0][0] if question.options else "")
        values = [value for value, _ in question.options]
        if values and answer not in values:
            raise ConfigError(
                f"{question.key}: {answer!r} is no answer.{near_miss(answer, values)} Possible: {', '.join(values)}."
            )
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
        if self._open:
            count = len(self._open)
            lines = [f"{count} {'thing is' if count == 1 else 'things are'} ambiguous, and nothing is taken silently:"]
            for question in self._open.values():
                lines.append(f"  {question.text}" + (f" {question.evidence}" if question.evidence else ""))
                values = [value for value, _ in question.options] or [question.suggestion or "…"]
                choices = " or ".join(f'--answer "{question.key}={value}"' for value in values[:6])
                lines.append(f"    {choices}")
            raise ConfigError("\n".join([*lines, "Nothing was written."]))
        unknown = [key for key in self._given if key not in self._used]
        if unknown:
            raise ConfigError(
                f"--answer {unknown[0]}: nothing of that name is asked here.{near_miss(unknown[0], sorted(self._used))}"
                + (f" Asked: {', '.join(sorted(self._used))}." if self._used else "")
            )
