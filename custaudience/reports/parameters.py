"""The parameters of a notebook: read and checked in its kernel, and by the runner before anything runs.

A notebook declares them in its ``parameters`` cell (`parameter_table.parameters_cell`) and calls
``params = custaudience.parameters("slug")`` in the next. papermill itself only warns of an unknown name
and guesses types.
"""

from __future__ import annotations

import ast
import datetime as dt
import sys
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custaudience.errors import ParameterError, near_miss
from custaudience.reports import places
from custaudience.reports.parameter_table import Parameter, declared, parameters_cell

if TYPE_CHECKING:
    from custaudience.study import Study


class Parameters:
    """The checked parameters of a notebook; each declared name is an attribute.

    Attributes
    ----------
    slug : str
    study : Path
        Folder of the study, absolute.
    as_of : date
        Last day that counts. When the notebook leaves it empty, the last day of the study's last complete
        month: asking for it then opens the study.
    out : str
        Absolute folder to publish to, or "".
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
        """Last day that counts."""
        given: dt.date | None = self._values["as_of"]
        return given or last_day(self._study.last_complete_month)


def last_day(month: str) -> dt.date:
    """Return the last day of a month.

    Examples
    --------
    >>> last_day("2024-02")
    datetime.date(2024, 2, 29)
    """
    first = dt.date.fromisoformat(f"{month}-01")
    return (first + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)


def parameters(slug: str) -> Parameters:
    """Check the parameters that the notebook set before this call, and return them.

    Parameters
    ----------
    slug : str
        The notebook, for example ``"cohorts"``.

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
    """Return the typed values that each notebook gets; text is converted by the declared type.

    Parameters
    ----------
    given : mapping of name to value
        Text, as a command line gives it, or values of the declared type. Each goes to the notebooks that
        declare it.
    slugs : iterable of str
        The notebooks that are to run.

    Raises
    ------
    ParameterError
        If no notebook declares a name, or a value is mistyped or out of bounds.
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
        slug: {name: _typed(table[name], value) for name, value in given.items() if name in table}
        for slug, table in tables.items()
    }


def _typed(parameter: Parameter, value: object) -> Any:
    return parameter.convert(value) if isinstance(value, str) else parameter.check(value)


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
    declaring = [i for i, names in enumerate(cells) if names and known <= set(names)]
    if not declaring or declaring[-1] + 1 >= len(cells):
        return []
    return cells[declaring[-1] + 1] or []


def _assigned_literals(source: str) -> list[str] | None:
    """Return the names that a cell of literal assignments sets, None for any other cell."""
    try:
        statements = ast.parse(source).body
        names = []
        for statement in statements:
            if isinstance(statement, ast.Assign):
                targets = statement.targets
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                targets = [statement.target]
            else:
                return None
            ast.literal_eval(statement.value)  # type: ignore[arg-type]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    except (SyntaxError, ValueError, TypeError):
        return None
    return names or None
