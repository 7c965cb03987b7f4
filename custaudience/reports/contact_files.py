"""`custaudience lists`: the month's lists of customers to write to, in files that only their owner reads."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience.errors import ConfigError, ParameterError, near_miss
from custaudience.reports import places, swap
from custaudience.reports.contact_csv import UNKNOWN_CONSENT, contact_notes, readable, write_csv
from custaudience.reports.contact_record import DRAWN, RECORD, judge_latest, listed, make_record, settle_record
from custaudience.reports.lock import RunLock
from custaudience.reports.parameters import last_day
from custaudience.reports.plan import settle_month

if TYPE_CHECKING:
    from custaudience.customers.contacts.lists import ContactLists
    from custaudience.reports.ideal_list import IdealList
    from custaudience.study import Study


@dataclass(frozen=True)
class ContactFiles:
    """What was written, and what to say of it.

    Attributes
    ----------
    folder : Path
        ``private/<study>/<month>/lists``.
    lines : tuple of str
        Counts by list, and what an earlier hold-out shows; no customer.
    warnings : tuple of str
        What must be known before a letter goes out.
    """

    folder: Path
    lines: tuple[str, ...]
    warnings: tuple[str, ...]


def write_contact_files(
    study_path: str | os.PathLike[str],
    *,
    month: str | None = None,
    hold_out: float = 0.0,
    seed: int = 1,
    level: str = "",
    bought: Sequence[str] = (),
    missing: Sequence[str] = (),
    window_days: int = 30,
    language: str | None = None,
    private: str | os.PathLike[str] | None = None,
    again: bool = False,
) -> ContactFiles:
    """Write the lists of a month, with a hold-out drawn at random when one is asked for.

    Parameters
    ----------
    study_path : path
        Folder of the study, relative to where you stand.
    month : str, optional
        "2017-11"; by default the last one complete in the data.
    hold_out : float
        Share of the customers who may be written to that is held out, from 0 to 0.9.
    seed : int
        Of the draw.
    level, bought, missing, window_days
        As in `recipes.contact_lists_at`; several things each.
    language : str, optional
        Of the reasons; by default the study's own.
    private : path, optional
        Folder in place of ``private`` below ``CUSTAUDIENCE_HOME`` or where you stand.
    again : bool
        Write anew although lists of this month were written on other terms. Their draw is then no longer true.

    Returns
    -------
    ContactFiles
        ``<list>.csv`` holds whom to write to: with consent where it is known, and not held out. ``hold_out.csv``
        holds who must not get a letter, ``hold_out.json`` the terms of the draw, ``drawn.parquet`` who was drawn for
        what, by which a later run judges it; ``ideal.csv`` the ideal customers, to know and not to write to;
        ``README.txt`` says all this to the reader. The same options write the same files.

    Raises
    ------
    ParameterError
        If a parameter cannot be, or the month's lists were written on other terms and `again` is not set.
    LockedError
        If another run writes lists of this study.
    """
    from custaudience.customers.contacts.lists import draw_hold_out
    from custaudience.customers.contacts.outcomes import look_back
    from custaudience.recipes import contact_lists_at, earlier_contacts_at
    from custaudience.reports.ideal_list import ideal_list
    from custaudience.study import open_study

    if not 0 <= hold_out <= 0.9:
        raise ParameterError(f"hold-out {hold_out}: expected a share from 0 to 0.9, for example 0.1.")
    if bool(bought) != bool(missing):
        raise ParameterError("bought and missing go together: --bought bricks --missing sand --missing cement.")
    for path in (study_path, private):
        if path is not None:
            places.refuse_address(path)
    study = open_study(study_path)
    language = _language(study, language)
    study.refresh()
    month = settle_month(study, month)
    lists = contact_lists_at(
        study, last_day(month), level=level, bought=";".join(bought), missing=";".join(missing), window_days=window_days
    )
    held = draw_hold_out(lists.table, share=hold_out, seed=seed, month=month)
    after, then = earlier_contacts_at(study, lists)
    orders, digits = study.orders(lists.as_of), study.minor_digits
    before = look_back(then, orders, after, study.terms(lists.as_of))
    expected = before.set_index("list")["revenue_each"].round(digits)
    record = make_record(study, lists, held, month=month, share=hold_out, seed=seed, window_days=window_days)
    held_ids = set(lists.table.loc[held, "customer_id"])
    ideal = ideal_list(study, lists.as_of, held_out=held_ids, language=language)
    root = _private_folder(study, private)
    folder = root / month / "lists"
    with RunLock(root / ".lists.lock"):
        settle_record(folder, record, again)
        _publish(folder, lists, held, readable(lists, expected, language), ideal, record, study.name, language)
        earlier = judge_latest(root, month, study)
    warnings = () if lists.n_agreed is not None else (UNKNOWN_CONSENT,)
    return ContactFiles(folder, (*_lines(record, lists), ideal.line, *earlier), warnings)


def _language(study: Study, asked: str | None) -> str:
    from custaudience.present import locale

    known = locale.languages()
    if asked is not None and asked not in known:
        raise ParameterError(f"no language '{asked}'; there are {', '.join(known)}.{near_miss(asked, known)}")
    return asked or (study.language if study.language in known else locale.SOURCE_LANGUAGE)


def _private_folder(study: Study, private: str | os.PathLike[str] | None) -> Path:
    if study.folder is None:
        raise ConfigError("lists need a study with a folder: its name is that of the private folder.")
    base = Path(private).expanduser().absolute() if private is not None else places.working_base() / "private"
    root = base / study.folder_name
    root.mkdir(parents=True, exist_ok=True)
    os.chmod(root, 0o700)
    return root


def _publish(
    folder: Path,
    lists: ContactLists,
    held: pd.Series,
    rows: pd.DataFrame,
    ideal: IdealList,
    record: dict[str, Any],
    study: str,
    language: str,
) -> None:
    """Write the files beside, and put them in place in one step, readable by their owner only."""
    folder.parent.mkdir(exist_ok=True)
    os.chmod(folder.parent, 0o700)
    swap.repair(folder.parent)
    build = swap.build_folder(folder)
    build.mkdir(mode=0o700)
    try:
        to_write = lists.table["may_write"] & ~held
        for name in (name for name in record["counts"] if name != "any" and name not in lists.refused):
            write_csv(build / f"{name}.csv", rows[to_write & (rows["list"] == name)], language)
        if record["share"]:
            write_csv(build / "hold_out.csv", rows[held], language)
        if len(ideal.rows):
            write_csv(build / "ideal.csv", ideal.rows, language)
        drawn = lists.table.loc[lists.table["may_write"], ["customer_id", "list", "segment"]]
        drawn = drawn.assign(held_out=held[drawn.index]).sort_values(["customer_id", "list"], ignore_index=True)
        drawn.to_parquet(build / DRAWN, index=False)
        notes = [*contact_notes(lists, record, study, language), ideal.note]
        (build / "README.txt").write_text("\n".join(notes) + "\n", encoding="utf-8-sig", newline="\r\n")
        text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
        (build / RECORD).write_text(text, encoding="utf-8")
        swap.publish_folder(build, folder, private=True)
    finally:
        shutil.rmtree(build, ignore_errors=True)


def _lines(record: dict[str, Any], lists: ContactLists) -> list[str]:
    """Say how many are on each list, who agreed, who is held out."""
    from custaudience.present.words import render

    table = [["", "on the list", "no consent", "held out", "to write to"]]
    for name, row in record["counts"].items():
        if name in lists.refused:
            continue
        cells = [row["n_customers"], row["n_may_not"], row["n_held_out"], row["n_to_write"]]
        if lists.n_agreed is None:
            cells[1] = None
        table.append([name, *("not known" if n is None else f"{n:,}" for n in cells)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [f"{record['study']} {record['month']}: whom to write to, as of {record['as_of']}"]
    lines += [
        "  " + "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in table
    ]
    for name, reason in lists.refused.items():
        lines.append(f"  {name}: cannot be listed: {render(reason, {}, language='en')}")
    if record["bought"] and "missing" not in lists.refused:
        lines.append(f"  missing: bought {listed(record['bought'])} without {listed(record['missing'])}")
    if not record["share"]:
        lines.append("  Nobody is held out: what the letters add cannot be told. Hold some out with --hold-out 0.1")
    return lines
