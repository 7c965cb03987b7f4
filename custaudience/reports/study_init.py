"""What `custaudience init` does: propose a study from exports, show it, write it, say what comes next."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from custaudience.errors import ConfigError
from custaudience.present import locale
from custaudience.reports import places
from custaudience.study.proposing import Answers, Question, describe, propose_study, refuse_taken, write_study


def make_study(
    folder: str | os.PathLike[str],
    files: Sequence[str | os.PathLike[str]],
    *,
    answers: Mapping[str, str] | None = None,
    preset: str | None = None,
    name: str | None = None,
    copy: bool = False,
    ask: Callable[[Question], str] | None = None,
    confirm: Callable[[], bool] = lambda: True,
    say: Callable[[str], object] = print,
    progress: Callable[[str], None] = lambda text: None,
) -> bool:
    """Propose a study from exports and write it when it is confirmed.

    Parameters
    ----------
    folder : path
        Folder to make, relative to where you stand.
    files : sequence of path
        The exports.
    answers : mapping, optional
        Answers by key, given beforehand.
    ask : function, optional
        Asked what is ambiguous; without it, anything ambiguous that `answers` leaves open is an error.
    confirm : function
        Asked before anything is written.

    Returns
    -------
    bool
        Whether it was written.

    Raises
    ------
    CustaudienceError
        If a file cannot be read, something ambiguous is open, or the folder holds a study already.
    """
    for path in (folder, *files):
        places.refuse_address(path)
    target = Path(folder)
    refuse_taken(target)
    language = (answers or {}).get("language")
    if language is not None and language not in locale.languages():
        raise ConfigError(f"reports are not written in {language!r}; languages: {', '.join(locale.languages())}.")
    title = name or target.absolute().name.replace("_", " ").replace("-", " ").capitalize()
    proposal = propose_study(files, answers=Answers(answers or {}, ask), name=title, preset=preset, progress=progress)
    say(describe(proposal))
    if not confirm():
        say("\nNothing was written. With --yes it is.")
        return False
    had_readme = (target / "README.md").exists()
    write_study(proposal, target, copy=copy, progress=progress)
    readme = f" ({target / 'README.md'} was there and is as it was)" if had_readme else f", {target / 'README.md'}"
    say(f"\nWritten: {target / 'study.toml'}{readme}")
    if any(table.table == "transactions" for table in proposal.tables):
        say(f"Next: custaudience check {target}")
    else:
        say("There are no order lines among these files, so nothing can be said of who buys: give that export along.")
    return True
