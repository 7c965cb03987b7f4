"""The parameters of a notebook: declared in ``parameters.toml``, checked in its kernel and by the runner before it.

A notebook declares them in its ``parameters`` cell (`parameters_cell`) and calls ``params =
custaudience.parameters("slug")`` in the next. papermill itself only warns of an unknown name and guesses types.
"""

from __future__ import annotations

import ast
import calendar
import datetime as dt
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, FiniteFloat, TypeAdapter
from pydantic.dataclasses import dataclass

from custaudience.errors import ParameterError, near_miss
from custaudience.reports import places

if TYPE_CHECKING:
    from custaudience.study import Study

Kind = Literal["folder", "date", "str", "int", "float", "bool"]
_WORDS: dict[Kind, str] = {
    "folder": "the path of a folder, as text", "date": "a date as text, YYYY-MM-DD", "str": "text",
    "int": "a whole number", "float": "a number", "bool": "true or false",
}  # fmt: skip
_TYPES: dict[Kind, Any] = {"folder": str, "str": str, "int": int, "float": FiniteFloat, "bool": bool}
_YES, _NO = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Parameter:
    """One parameter of a notebook; `low` and `high` are inclusive."""

    name: str
    kind: Kind
    default: str | int | float | bool = ""
    help: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def annotation(self) -> str:
        """The type as the parameters cell writes it."""
        return "str" if self.kind in ("folder", "date") else self.kind

    @property
    def expected(self) -> str:
        """What is allowed, in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = _WORDS[self.kind]
        return words if self.low is None else f"{words} from {self.low:g} to {self.high:g}"

    def check(self, value: object) -> Any:
        """Return `value` if it is of the declared type and within bounds; dates come back as date or None."""
        if self.annotation == "str" and isinstance(value, (int, float)):
            example = self.choices[0] if self.choices else str(self.default) or "…"
            example = "2017-11-30" if self.kind == "date" else example
            raise ParameterError(
                f"{self.name} = {value!r} is a number, but {self.expected} is expected. "
                f'Did you forget the quotes? Write {self.name} = "{example}".'
            )
        if self.kind == "folder" and isinstance(value, os.PathLike):
            value = os.fspath(value)
        try:
            return _date(value) if self.kind == "date" else self._rule.validate_python(value)
        except ValueError:  # pydantic's are such, too
            guess = near_miss(value, self.choices) if isinstance(value, str) else ""
            raise ParameterError(f"{self.name} = {value!r} is not {self.expected}.{guess}") from None

    def convert(self, given: object) -> Any:
        """Return the value given, or that the text of a command line stands for, checked.

        By the declared type, not by guessing: ``007`` stays text where text is declared.
        """
        if not isinstance(given, str):
            return self.check(given)
        value: Any = given.strip()
        text = value
        if self.kind == "int" and re.fullmatch(r"[+-]?\d+", text):
            value = int(text)
        elif self.kind == "float" and "_" not in text:
            with suppress(ValueError):
                value = float(text)
        elif self.kind == "bool" and text.lower() in _YES | _NO:
            value = text.lower() in _YES
        return self.check(value)

    @cached_property
    def _rule(self) -> TypeAdapter[Any]:
        kind: Any = Annotated[_TYPES[self.kind], Field(strict=True, ge=self.low, le=self.high)]
        if self.choices:
            kind = Literal[self.choices]
        return TypeAdapter(kind)


def _date(value: object) -> dt.date | None:
    if value is None or value == "":
        return None
    if isinstance(value, dt.date):
        return value.date() if isinstance(value, dt.datetime) else value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return dt.date.fromisoformat(value)
    raise ValueError(value)


def _table() -> dict[str, dict[str, Parameter]]:
    raw = tomllib.loads(files("custaudience.reports").joinpath("parameters.toml").read_text(encoding="utf-8"))
    every, table = raw.pop("every"), {}
    for slug, own in raw.items():
        study = every["study"] | {"default": own.pop("study")}
        rows = {"study": study, "as_of": every["as_of"], **own, "out": every["out"]}
        table[slug] = {n: Parameter(n, **({"kind": type(row["default"]).__name__} | row)) for n, row in rows.items()}
    return table


TABLE = _table()
"""Parameters by notebook slug and name."""


def declared(slug: str) -> dict[str, Parameter]:
    """Return the parameters of a notebook by name."""
    if slug not in TABLE:
        raise ParameterError(
            f"no notebook '{slug}' in the table of parameters; it has {', '.join(TABLE)}.{near_miss(slug, TABLE)}"
        )
    return TABLE[slug]


def parameters_cell(slug: str) -> str:
    """Return the source of a notebook's ``parameters`` cell, as the table has it."""
    texts = {p: f'"{p.default}"' if isinstance(p.default, str) else repr(p.default) for p in declared(slug).values()}
    return "\n".join(f"{p.name}: {p.annotation} = {default}  # {p.help}" for p, default in texts.items())


def parameters_cell_faults(source: str, slug: str) -> list[str]:
    """Say where a ``parameters`` cell differs from the table; empty when it agrees."""
    wanted, found = (_lines_by_name(text) for text in (parameters_cell(slug), source))
    faults = [f"parameter '{name}' is not in the table" for name in found if name not in wanted]
    for name, line in wanted.items():
        if name not in found:
            faults.append(f"parameter '{name}' is missing: {line}")
        elif found[name] != line:
            faults.append(f"parameter '{name}': the table has  {line}")
    return faults


def _lines_by_name(source: str) -> dict[str, str]:
    lines = [line.rstrip() for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return {re.split(r"[:=\s]", line, maxsplit=1)[0]: line for line in lines}


class Parameters:
    """The checked parameters of a notebook; each declared name is an attribute.

    `study` is its folder, absolute; `out` the absolute folder to publish to, or ""; `as_of` the last day that counts.
    """

    def __init__(self, slug: str, values: Mapping[str, Any]) -> None:
        self.slug = slug
        self._values = dict(values)
        self.study: Path = places.study_folder(values["study"])
        self.out: str = str(places.output_folder(values["out"])) if values["out"] else ""

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_values", {})
        if name in values and name != "as_of":  # as_of comes here only when opening the study failed
            return values[name]
        slug = self.__dict__.get("slug")
        raise AttributeError(f"notebook '{slug}' has no parameter '{name}'.{near_miss(name, values)}")

    def __repr__(self) -> str:
        # Paths as given or shortened: what a committed notebook prints must not name a machine's folders.
        shown = {k: v for k, v in self._values.items() if k != "out"}
        shown["study"] = places.shown_path(self.study)
        shown["as_of"] = str(self._values["as_of"] or "")
        return "Parameters(" + ", ".join(f"{k}={v!r}" for k, v in shown.items()) + ")"

    def open_study(self) -> Study:
        """Open the study, once: later calls return the same object."""
        return self._study

    @cached_property
    def _study(self) -> Study:
        from custaudience.study import open_study

        return open_study(self.study)

    @cached_property
    def as_of(self) -> dt.date:
        """Last day that counts; left empty, the last of the study's last complete month, which opens the study."""
        given: dt.date | None = self._values["as_of"]
        return given or last_day(self._study.last_complete_month)


def last_day(month: str) -> dt.date:
    """Return the last day of a month, such as "2024-02"."""
    year, number = map(int, month.split("-"))
    return dt.date(year, number, calendar.monthrange(year, number)[1])


def parameters(slug: str) -> Parameters:
    """Check the parameters that the notebook, such as ``"cohorts"``, set before this call, and return them.

    Raises
    ------
    ParameterError
        If one is missing, mistyped or out of bounds, or if an injected cell (papermill's, a scheduler's)
        assigns a name that the notebook does not declare.
    """
    namespace = _kernel_namespace()
    if namespace is None:
        namespace = sys._getframe(1).f_globals
    known = declared(slug)
    for name in _injected_names(namespace.get("In", ()), set(known)):
        if name not in known:
            raise ParameterError(
                f"notebook '{slug}' has no parameter '{name}'; it has {', '.join(known)}.{near_miss(name, known)}"
            )
    missing = [name for name in known if name not in namespace]
    if missing:
        raise ParameterError(
            f"notebook '{slug}': {', '.join(missing)} not set. Run the cell tagged 'parameters' first:\n"
            + parameters_cell(slug)
        )
    return Parameters(slug, {name: parameter.check(namespace[name]) for name, parameter in known.items()})


def check_parameters(given: Mapping[str, object], slugs: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the typed values that each notebook gets: of those `given`, what it declares.

    Text, as a command line gives it, is converted by the declared type.
    """
    tables = {slug: declared(slug) for slug in slugs}
    known = sorted({name for table in tables.values() for name in table})
    for name in given:
        if name not in known:
            raise ParameterError(
                f"no notebook of this run declares the parameter '{name}'; "
                f"they declare {', '.join(known)}.{near_miss(name, known)}"
            )
    return {
        slug: {name: table[name].convert(value) for name, value in given.items() if name in table}
        for slug, table in tables.items()
    }


def _kernel_namespace() -> dict[str, Any] | None:
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    shell = get_ipython()
    return None if shell is None else shell.user_ns


def _injected_names(history: Iterable[str], known: set[str]) -> list[str]:
    """Return the names assigned by the cell that was run right after the parameters cell.

    Only when it is made of nothing but assignments of literals, which is what injecting tools write; a cell
    that somebody types elsewhere in a notebook is not meant.
    """
    cells = [_assigned_literals(source) for source in history]
    after = [i + 1 for i, names in enumerate(cells) if known <= set(names)]
    return cells[after[-1]] if after and after[-1] < len(cells) else []


def _assigned_literals(source: str) -> list[str]:
    """Return the names that a cell of literal assignments sets, none for any other cell."""
    names = []
    try:
        for statement in ast.parse(source).body:
            if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
                return []
            ast.literal_eval(statement.value)
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    except (SyntaxError, ValueError, TypeError):
        return []
    return names
