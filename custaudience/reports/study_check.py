"""What `custaudience check` says of a study: rows, totals against the books, warnings, what can be run."""

from __future__ import annotations

import os

from custaudience.reports import places
from custaudience.reports.notebooks import find_notebooks
from custaudience.reports.parameter_table import Parameter
from custaudience.reports.parameters import last_day


def describe_study(study_path: str | os.PathLike[str], *, as_of: str | None = None) -> str:
    """Read a study strictly and return the state of its data as lines of plain English.

    Parameters
    ----------
    study_path : path
        Folder of the study, relative to where you stand.
    as_of : str, optional
        "2017-11-30"; by default the last day of the last month that is complete in the data.

    Raises
    ------
    CustaudienceError
        If the study cannot be read, or too much of it had to be set aside.
    """
    from custaudience.present.words import render_claim
    from custaudience.study import open_study

    day = Parameter("as_of", "date", "", "").check(as_of or "")
    places.refuse_address(study_path)
    study = open_study(study_path)
    if "transactions" in study.tables:
        day = day or last_day(study.last_complete_month)
    health = study.health(as_of=day)
    lines = [f"{study.name} ({study.folder_name})" + (f", as of {day}" if day else "")]
    for row in health.tables.itertuples():
        lines.append(
            f"  {row.table}: {row.rows_in:,} rows read, {row.rows_used:,} used, {row.rows_set_aside:,} set aside"
        )
    if day:
        lines += [f"  {render_claim(claim, language='en')}" for claim in health.claims()]
    have = set(study.tables)
    for notebook in find_notebooks():
        missing = [table for table in notebook.needs if table not in have]
        can = f"cannot run: no table {' or '.join(missing)}" if missing else "can run"
        lines.append(f"  {notebook.path.stem}: {can}")
    return "\n".join(lines)
