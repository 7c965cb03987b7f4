"""What a run will do: every question of usage is settled here, before anything is run or written."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custaudience.errors import ParameterError, near_miss
from custaudience.reports import places
from custaudience.reports.execution import Task
from custaudience.reports.notebooks import Notebook, find_notebooks, select_notebooks
from custaudience.reports.parameter_table import declared
from custaudience.reports.parameters import check_parameters, last_day

if TYPE_CHECKING:
    from custaudience.study import Study

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_SET_BY_THE_RUN = {"study": "the STUDY argument", "out": "--out"}


@dataclass(frozen=True)
class Plan:
    """A run whose usage has been checked; `month` is None for the last complete one."""

    study: Study
    notebooks: tuple[Notebook, ...]
    parameters: Mapping[str, Mapping[str, Any]]  # by slug, typed; without study, as_of, out
    languages: tuple[str, ...]
    month: str | None
    reports: Path  # reports/<study>
    private: Path  # private/<study>
    timeout: float | None
    pictures: bool = False


def make_plan(
    study_path: str | os.PathLike[str],
    *,
    month: str | None,
    notebooks: Sequence[str] | None,
    parameters: Mapping[str, object] | None,
    out: str | os.PathLike[str] | None,
    languages: Sequence[str] | None,
    private: str | os.PathLike[str] | None,
    timeout: float | None,
    pictures: bool = False,
) -> Plan:
    """Check the usage of a run; opens the study but reads no table.

    Raises
    ------
    CustaudienceError
        If a notebook, parameter, month or language does not exist, or the study cannot be opened.
    MissingEngineError
        If pictures are asked for, and no Chromium is installed.
    """
    if pictures:
        from custaudience.present.card_files import installed_browser

        installed_browser()
    for path in (study_path, out, private):
        if path is not None:
            places.refuse_address(path)
    if month is not None and not _MONTH.fullmatch(month):
        raise ParameterError(f"month {month!r} is not a month; write YYYY-MM, for example 2017-11.")
    chosen = select_notebooks(find_notebooks(), notebooks)
    typed = _typed_parameters(parameters or {}, chosen)
    as_of = {values.pop("as_of") for values in typed.values() if "as_of" in values} - {None}
    if as_of and month is not None:
        raise ParameterError("give either the month or the parameter as_of: the month sets as_of to its last day.")

    from custaudience.study import open_study

    study = open_study(study_path)
    return Plan(
        study=study,
        notebooks=tuple(chosen),
        parameters=typed,
        languages=_languages(study, languages),
        month=_month_of(as_of.pop()) if as_of else month,
        reports=_below(out, "reports", study),
        private=_below(private, "private", study),
        timeout=timeout,
        pictures=pictures,
    )


def settle_month(study: Study, month: str | None) -> str:
    """Return the month to report, the last complete one by default; reads the study's transactions.

    Raises
    ------
    ParameterError
        If the data do not hold that month to its end.
    """
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
    appendix = build / "appendix"
    folder = _study_path(plan.study)
    hidden = {build: "out", folder: places.shown_path(folder), plan.reports: "reports", plan.private: "private"}
    tasks = []
    for notebook in notebooks:
        own = dict(plan.parameters[notebook.slug])
        given = _month_before(plan, month, notebook.slug, own)
        told = {"previous": places.shown_path(Path(own["previous"]))} if own.get("previous") else {}
        as_of = last_day(month).isoformat()
        tasks.append(
            Task(
                notebook.path,
                appendix / notebook.file,
                parameters={"study": str(folder), "as_of": as_of, **own, **given, "out": str(build)},
                shown={"study": places.shown_path(folder), "as_of": as_of, **own, **told}
                | {name: Path(path).relative_to(plan.reports).as_posix() for name, path in given.items()},
                folders=hidden,
                timeout=plan.timeout,
            )
        )
    return tasks


def _month_before(plan: Plan, month: str, slug: str, own: Mapping[str, Any]) -> dict[str, str]:
    """Return where the personas of the month before were published, for the notebook that keeps their names."""
    before = f"{last_day(month).replace(day=1) - dt.timedelta(days=1):%Y-%m}"
    path = plan.reports / before / "personas" / "personas.json"
    is_asked = "previous" in declared(slug) and not own.get("previous")
    return {"previous": str(path)} if is_asked and path.is_file() else {}


def split_by_tables(plan: Plan) -> tuple[list[Notebook], dict[str, str]]:
    """Return the notebooks that can run, and why each of the others cannot, by file."""
    have = set(plan.study.tables)
    missing = {n.file: [table for table in n.needs if table not in have] for n in plan.notebooks}
    reasons = {file: f"the study has no table {' or '.join(tables)}" for file, tables in missing.items() if tables}
    if len(reasons) == len(plan.notebooks):
        why = "; ".join(f"{file}: {reason}" for file, reason in reasons.items())
        raise ParameterError(f"none of the notebooks can run on {plan.study.folder_name}: {why}.")
    return [n for n in plan.notebooks if n.file not in reasons], reasons


def _typed_parameters(given: Mapping[str, object], chosen: Sequence[Notebook]) -> dict[str, dict[str, Any]]:
    for name, instead in _SET_BY_THE_RUN.items():
        if name in given:
            raise ParameterError(f"the run itself sets the parameter '{name}'; use {instead}.")
    return check_parameters(given, [notebook.slug for notebook in chosen])


def _month_of(as_of: dt.date) -> str:
    month = f"{as_of:%Y-%m}"
    if as_of != last_day(month):
        raise ParameterError(
            f"as_of = {as_of}: a monthly report ends with a month's last day ({last_day(month)}). "
            "For another day run a single notebook with papermill."
        )
    return month


def _languages(study: Study, asked: Sequence[str] | None) -> tuple[str, ...]:
    from custaudience.present import locale

    known = locale.languages()
    for language in asked or ():
        if language not in known:
            raise ParameterError(
                f"reports are not written in '{language}'; languages: {', '.join(known)}.{near_miss(language, known)}"
            )
    own = study.language if study.language in known else locale.SOURCE_LANGUAGE
    return tuple(dict.fromkeys(asked or (own,)))


def _below(given: str | os.PathLike[str] | None, name: str, study: Study) -> Path:
    root = Path(given).expanduser().absolute() if given is not None else places.working_base() / name
    return root / study.folder_name


def _study_path(study: Study) -> Path:
    if study.folder is None:
        raise ParameterError("a report needs a study with a folder: notebooks run in processes of their own.")
    return study.folder
