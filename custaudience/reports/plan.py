"""What a run will do: every question of usage is settled here, before anything is run or written."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custaudience.errors import ParameterError, near_miss
from custaudience.present import locale
from custaudience.present.card_files import installed_browser
from custaudience.reports import places
from custaudience.reports.execution import Task
from custaudience.reports.notebooks import Notebook, find_notebooks, select_notebooks
from custaudience.reports.parameters import check_parameters, declared, last_day

if TYPE_CHECKING:
    from custaudience.study import Study

CELL_TIMEOUT = 3600.0
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_SET_BY_THE_RUN = {"study": "the STUDY argument", "out": "--out"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks of a run; the month then holds only the notebooks asked for."""

    study: str | os.PathLike[str]  # folder, relative to where you stand
    month: str | None = None  # "2017-11"; None: the last one complete in the data
    notebooks: Sequence[str] = ()  # slugs, file names or numbers; none: all
    parameters: Mapping[str, object] = field(default_factory=dict)  # each for the notebooks that declare it
    jobs: int | None = None  # worker processes; None: 2, or 1 on a computer with one core
    # in place of reports and private, which lie below CUSTAUDIENCE_HOME when that is set, else where you stand
    out: str | os.PathLike[str] | None = None
    private: str | os.PathLike[str] | None = None
    languages: Sequence[str] = ()  # the first is that of index.html; none: the study's own
    timeout: float | None = CELL_TIMEOUT  # seconds for one cell; None: no limit
    pictures: bool = False  # personas as PNG, too; an installed Chromium draws them


@dataclass(frozen=True)
class Plan:
    """A run whose usage has been checked; `month` is None for the last complete one."""

    request: Request
    study: Study
    notebooks: tuple[Notebook, ...]
    parameters: Mapping[str, Mapping[str, Any]]  # by slug, typed; without study, as_of, out
    languages: tuple[str, ...]
    month: str | None
    reports: Path  # reports/<study>
    private: Path  # private/<study>


def make_plan(request: Request) -> Plan:
    """Check the usage of a run; opens the study but reads no table."""
    if request.pictures:
        installed_browser()
    places.refuse_address(request.study, request.out, request.private)
    month = request.month
    if month is not None and not _MONTH.fullmatch(month):
        raise ParameterError(f"month {month!r} is not a month; write YYYY-MM, for example 2017-11.")
    chosen = select_notebooks(find_notebooks(), request.notebooks)
    for name, instead in _SET_BY_THE_RUN.items():
        if name in request.parameters:
            raise ParameterError(f"the run itself sets the parameter '{name}'; use {instead}.")
    typed = check_parameters(request.parameters, [notebook.slug for notebook in chosen])
    as_of = {values.pop("as_of") for values in typed.values() if "as_of" in values} - {None}
    if as_of and month is not None:
        raise ParameterError("give either the month or the parameter as_of: the month sets as_of to its last day.")

    from custaudience.study import open_study

    study = open_study(request.study)
    return Plan(
        request=request, study=study, notebooks=tuple(chosen), parameters=typed,
        languages=_languages(study, request.languages), month=_month_of(as_of.pop()) if as_of else month,
        reports=places.written_below(request.out, "reports") / study.folder_name,
        private=places.written_below(request.private, "private") / study.folder_name,
    )  # fmt: skip


def settle_month(study: Study, month: str | None) -> str:
    """Return the month to report, the last complete one by default; reads the study's transactions."""
    if month is None:
        return study.last_complete_month
    available = study.months_available()
    if month not in available:
        held = f"{available[0]} to {available[-1]}" if available else "none"
        raise ParameterError(
            f"month {month} is not complete in the data of {study.folder_name}; available: {held}."
            f"{near_miss(month, available)}"
        )
    return month


def tasks_of(plan: Plan, month: str, build: Path, notebooks: Sequence[Notebook]) -> list[Task]:
    """Return the notebooks' executions, with the parameters they get and those that are published."""
    folder = plan.study.folder
    if folder is None:
        raise ParameterError("a report needs a study with a folder: notebooks run in processes of their own.")
    hidden = {build: "out", folder: places.shown_path(folder), plan.reports: "reports", plan.private: "private"}
    last = last_day(month)
    before = f"{last.replace(day=1) - dt.timedelta(days=1):%Y-%m}"
    personas = plan.reports / before / "personas" / "personas.json"  # the notebook of personas keeps their names
    tasks = []
    for notebook in notebooks:
        own = {"as_of": last.isoformat(), **plan.parameters[notebook.slug]}
        given = {"study": str(folder), **own, "out": str(build)}
        shown = {"study": places.shown_path(folder), **own}
        if own.get("previous"):
            shown["previous"] = places.shown_path(Path(own["previous"]))
        elif "previous" in declared(notebook.slug) and personas.is_file():
            given["previous"] = str(personas)
            shown["previous"] = personas.relative_to(plan.reports).as_posix()
        output = build / "appendix" / notebook.file
        tasks.append(Task(notebook.path, output, given, shown, hidden, plan.request.timeout))
    return tasks


def split_by_tables(plan: Plan) -> tuple[list[Notebook], dict[str, str]]:
    """Return the notebooks that can run, and why each of the others cannot, by file."""
    missing = {notebook.file: notebook.missing(plan.study.tables) for notebook in plan.notebooks}
    reasons = {file: f"the study has no table {' or '.join(tables)}" for file, tables in missing.items() if tables}
    if len(reasons) == len(plan.notebooks):
        why = "; ".join(f"{file}: {reason}" for file, reason in reasons.items())
        raise ParameterError(f"none of the notebooks can run on {plan.study.folder_name}: {why}.")
    return [n for n in plan.notebooks if n.file not in reasons], reasons


def _month_of(as_of: dt.date) -> str:
    month = f"{as_of:%Y-%m}"
    if as_of != last_day(month):
        raise ParameterError(
            f"as_of = {as_of}: a monthly report ends with a month's last day ({last_day(month)}). "
            "For another day run a single notebook with papermill."
        )
    return month


def _languages(study: Study, asked: Sequence[str]) -> tuple[str, ...]:
    known = locale.languages()
    for language in asked:
        if language not in known:
            raise ParameterError(
                f"reports are not written in '{language}'; languages: {', '.join(known)}.{near_miss(language, known)}"
            )
    return tuple(dict.fromkeys(asked or (own_language(study),)))


def own_language(study: Study) -> str:
    """Return the study's language, English where that is not shipped."""
    return study.language if study.language in locale.languages() else locale.SOURCE_LANGUAGE
