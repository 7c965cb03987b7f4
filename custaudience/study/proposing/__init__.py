"""From a company's own exports to a study: what is seen is shown, what is ambiguous is asked, then it is written."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from custaudience.errors import ConfigError, DataError, near_miss
from custaudience.study.config import StudySection, load_config
from custaudience.study.contracts import TABLES
from custaudience.study.proposing.documents import describe, dictionary, study_toml
from custaudience.study.proposing.presets import Preset, find_preset, why_not_preset
from custaudience.study.proposing.questions import Answers, Question
from custaudience.study.proposing.roles import facts_of, table_of, why_no_table
from custaudience.study.proposing.sampling import Sample, take_samples
from custaudience.study.proposing.study_values import given_currency, propose_study_values
from custaudience.study.proposing.tables import TableProposal, propose_table

__all__ = ["Answers", "Proposal", "Question", "describe", "propose_study", "refuse_taken", "write_study"]

_MEMORY = "600MB"  # so that a proposal from a file of any size stays under one gigabyte


@dataclass
class Proposal:
    """What is proposed for a study: the values of ``[study]`` with why, its tables, and what was not used."""

    study: dict[str, str]
    why: dict[str, str]
    tables: list[TableProposal]
    unused: list[str] = field(default_factory=list)


def propose_study(
    files: Sequence[str | os.PathLike[str]],
    *,
    answers: Answers,
    name: str,
    preset: str | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Proposal:
    """Look into exports and propose a study.

    Parameters
    ----------
    files : sequence of path
        CSV, TSV, XLSX or Parquet.
    answers : Answers
        To what is ambiguous: "currency", "timezone", "language", and keys such as "transactions.date_order".
    name : str
        The study's name.
    preset : str, optional
        A vendor's export, where it is not recognised by itself.
    progress : function
        Called with a word on what is being done.

    Raises
    ------
    DataError
        If a file cannot be read, or holds none of our tables.
    ConfigError
        If something ambiguous was not answered; every open question is named with how to answer it.
    """
    if not files:
        raise ConfigError("no export was given. Name one: custaudience init DIR --from FILE.")
    currency = given_currency(answers)
    con = duckdb.connect(config={"memory_limit": _MEMORY, "autoinstall_known_extensions": "false"})
    try:
        paths = [Path(file).expanduser().absolute() for file in files]
        _no_file_twice(paths)
        called = _names(paths)
        samples, unused = [], []
        for path in paths:
            progress(f"looking into {path.name}")
            found, remarks = take_samples(con, path)
            samples += [replace(sample, name=called[path]) for sample in found]
            unused += remarks
        by_table, others = _sort(samples, preset, answers)
        answers.stop_if_open()
        unused += others
        study = StudySection(name=name, currency=currency or "USD", timezone="UTC")
        tables = []
        for table, (chosen, of_vendor) in by_table.items():
            progress(f"counting the rows of {', '.join(sample.label for sample in chosen)}")
            tables.append(propose_table(con, table, chosen, of_vendor, study, answers))
    finally:
        con.close()
    values, why = propose_study_values(tables, name, answers)
    answers.finish()
    return Proposal(values, why, tables, unused)


def write_study(
    proposal: Proposal, folder: str | os.PathLike[str], *, copy: bool = False, progress: Callable[[str], None] = print
) -> Path:
    """Write study.toml and README.md into a new folder; the data stay where they are unless `copy`.

    Returns
    -------
    Path
        study.toml.

    Raises
    ------
    ConfigError
        If the folder holds a study already.
    """
    target = Path(folder).expanduser().absolute()
    refuse_taken(target)
    made = _missing_folders(target)
    written: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        paths = _paths(proposal, target, written, copy=copy, progress=progress)
        if not (target / "README.md").exists():
            _write(target / "README.md", dictionary(proposal), written)
        _write(target / "study.toml", study_toml(proposal, paths), written)
        load_config(target)
    except BaseException as error:
        for file in written:
            file.unlink(missing_ok=True)
        for place in made:
            if place.is_dir() and not any(place.iterdir()):
                place.rmdir()
        if isinstance(error, OSError):
            raise ConfigError(f"{folder} cannot be written: {error.strerror or error}. Name another folder.") from None
        raise
    return target / "study.toml"


def refuse_taken(folder: Path) -> None:
    """Say why a study cannot be made here.

    Raises
    ------
    ConfigError
        If the folder is a file, or holds a study already.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            f"{folder.name} is a file. Name a folder to make for the study: custaudience init DIR --from FILE."
        )
    if (folder / "study.toml").exists():
        raise ConfigError(f"{folder} holds a study.toml already. Name another folder, or move that file away.")


def _missing_folders(target: Path) -> list[Path]:
    """Return the folders that will have to be made, the innermost first."""
    return [place for place in (target, *target.parents) if not place.exists()]


def _write(file: Path, text: str, written: list[Path]) -> None:
    written.append(file)
    beside = file.with_name(f".{file.name}.new")
    written.append(beside)
    beside.write_text(text, encoding="utf-8", newline="\n")
    beside.replace(file)


def _paths(
    proposal: Proposal, target: Path, written: list[Path], *, copy: bool, progress: Callable[[str], None]
) -> dict[str, str]:
    """Return each file's path as study.toml has it, by its label; copy the files when wanted."""
    paths: dict[str, str] = {}
    copies: dict[Path, Path] = {}
    for sample in (sample for table in proposal.tables for sample in table.samples):
        source = sample.file
        if copy and not source.is_relative_to(target) and source not in copies:
            held = target / source.name
            if held in copies.values():
                raise ConfigError(f"two of the files are called {source.name}: rename one, or leave --copy out.")
            if held.exists():
                raise ConfigError(f"{target} holds a {source.name} already, which would be overwritten.")
            progress(f"copying {source.name}")
            written.append(held)
            shutil.copyfile(source, held)
            copies[source] = held
        path = copies.get(source, source)
        try:
            shown = Path(os.path.relpath(path, target)).as_posix()
        except ValueError:  # on another drive of Windows
            shown = path.as_posix()
        # where a path holds any of *?[ the reader takes it for a pattern
        paths[sample.label] = glob.escape(shown)
    return paths


def _names(paths: list[Path]) -> dict[Path, str]:
    """Return what each file is called: its name, with its folder's where two have one name."""
    count = Counter(path.name for path in paths)
    return {path: path.name if count[path.name] == 1 else f"{path.parent.name}/{path.name}" for path in paths}


def _no_file_twice(paths: list[Path]) -> None:
    seen: dict[tuple[int, str], list[Path]] = {}
    for path in paths:
        if path.is_file():
            with path.open("rb") as stream:
                start = hashlib.sha256(stream.read(1 << 20)).hexdigest()
            alike = seen.setdefault((path.stat().st_size, start), [])
            for other in alike:
                if _whole(path) == _whole(other):
                    raise DataError(
                        f"{path.name} and {other.name} are the same file; its rows would count double. Give it once."
                    )
            alike.append(path)


def _whole(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_Found = tuple[str, Preset] | None


def _sort(
    samples: list[Sample], preset: str | None, answers: Answers
) -> tuple[dict[str, tuple[list[Sample], _Found]], list[str]]:
    """Return, by table, its samples and the preset; and a sentence for each sample that is none."""
    claimed: dict[str, list[tuple[Sample, _Found]]] = {}
    unused = []
    if preset is not None and (lacking := why_not_preset(samples, preset)):
        raise DataError(lacking)
    for sample in samples:
        facts = facts_of(sample)
        given = answers.given(f"table.{sample.label}")
        if given not in (None, "none", *TABLES):
            raise ConfigError(
                f"table.{sample.label}: {given!r} is no table.{near_miss(str(given), TABLES)} "
                f"Known: {', '.join(TABLES)}, none."
            )
        if given == "none":
            unused.append(f"{sample.label}: left out, as answered.")
            continue
        found = find_preset(sample, preset)
        if found and given not in (None, found[1].table):
            found = None
        table = given or (found[1].table if found else table_of(sample, facts, answers))
        if table is None and any(answers.given(f"transactions.{c.name}") for c in TABLES["transactions"].columns):
            table = "transactions"
        if table is None:
            unused.append(why_no_table("", sample, facts))
        else:
            claimed.setdefault(table, []).append((sample, found))
    if not claimed:
        raise DataError(" ".join(unused))
    lost = [text for text in unused if "no column says who bought" in text]
    if "transactions" not in claimed and lost:
        raise DataError(lost[0])
    chosen = {}
    for table in sorted(claimed, key=list(TABLES).index):
        pairs = _one_of(table, claimed[table], answers)
        chosen[table] = ([sample for sample, _ in pairs], pairs[0][1])
    return chosen, unused


def _one_of(table: str, pairs: list[tuple[Sample, _Found]], answers: Answers) -> list[tuple[Sample, _Found]]:
    """Ask which file is meant when several claim a table."""
    if len(pairs) == 1:
        return pairs
    first = pairs[0][0]
    labels = [sample.label for sample, _ in pairs]
    same = all(set(sample.header) == set(first.header) and sample.sheet is None for sample, _ in pairs)
    together = (("all", "they are parts of one table, such as one file for each month"),) if same else ()
    answer = answers.settle(
        Question(
            f"{table}.files",
            f"{', '.join(labels[:-1])} and {labels[-1]} both claim to be {table}. Which is it?",
            (*together, *((label, "this one; the others are not used") for label in labels)),
            "They have the same columns." if same else f"Their columns differ: {_difference(pairs)}.",
            "all" if same else labels[0],
        )
    )
    return pairs if answer == "all" else [pair for pair in pairs if pair[0].label == answer]


def _difference(pairs: list[tuple[Sample, _Found]]) -> str:
    """Return the first columns that one of two files has and the other has not."""
    first, other = (set(sample.header) for sample, _ in pairs[:2])
    only = [
        f"only {pair[0].label} has {', '.join(map(repr, sorted(names)[:4]))}"
        for pair, names in zip(pairs, (first - other, other - first), strict=False)
        if names
    ]
    return "; ".join(only) or "they stand on sheets of their own"
