"""From a company's own exports to a study: what is seen is shown, what is ambiguous is asked, then study.toml is written."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from custaudience.errors import ConfigError, DataError
from custaudience.study.config import StudySection, load_config
from custaudience.study.contracts import TABLES
from custaudience.study.proposing.documents import describe, dictionary, study_toml
from custaudience.study.proposing.presets import Preset, find_preset
from custaudience.study.proposing.questions import Answers, Question
from custaudience.study.proposing.roles import facts_of, table_of, why_no_table
from custaudience.study.proposing.sampling import Sample, take_samples
from custaudience.study.proposing.tables import TableProposal, propose_table
from custaudience.study.proposing.vocabulary import currency_in_header, currency_of, plain_name, usual_zone

__all__ = ["Answers", "Proposal", "Question", "describe", "propose_study", "write_study"]

_UNKNOWN = "XXX"  # ISO 4217 for no currency; goes on with the other questions when this one is open
_MEMORY = "600MB"  # so that a proposal from a file of any size stays under one gigabyte
_UKRAINIAN = re.compile(r"[іїєґІЇЄҐ]")
_ORGANISATIONS = {
    "organisation", "organization", "company", "company name", "organisation id", "organization id", "company id",
    "industry", "employees", "галузь", "отрасль", "ngành nghề", "організація", "організация", "организация", "компанія", "компания", "єдрпоу", "edrpou", "инн",
}  # fmt: skip


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
    con = duckdb.connect(config={"memory_limit": _MEMORY, "autoinstall_known_extensions": "false"})
    try:
        paths = [Path(file).expanduser().absolute() for file in files]
        _no_file_twice(paths)
        samples, unused = [], []
        for path in paths:
            progress(f"looking into {path.name}")
            found, remarks = take_samples(con, path)
            samples += found
            unused += remarks
        by_table, others = _sort(samples, preset, answers)
        unused += others
        study = StudySection(name=name, currency=answers.given("currency") or "USD", timezone="UTC")
        tables = []
        for table, (chosen, of_vendor) in by_table.items():
            progress(f"counting the rows of {', '.join(sample.label for sample in chosen)}")
            tables.append(propose_table(con, table, chosen, of_vendor, study, answers))
    finally:
        con.close()
    values, why = _study_values(tables, name, answers)
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
    if (target / "study.toml").exists():
        raise ConfigError(f"{folder} holds a study.toml already. Name another folder, or move that file away.")
    fresh = not target.exists()
    target.mkdir(parents=True, exist_ok=True)
    paths: dict[str, str] = {}
    copied: list[Path] = []
    try:
        for sample in (sample for table in proposal.tables for sample in table.samples):
            source = sample.file
            if copy and not source.is_relative_to(target) and source not in copied:
                if (target / source.name).exists():
                    raise ConfigError(f"{folder} holds a {source.name} already, which would be overwritten.")
                progress(f"copying {source.name}")
                shutil.copyfile(source, target / source.name)
                copied.append(source)
            paths[sample.label] = source.name if copy else Path(os.path.relpath(source, target)).as_posix()
        beside = target / ".study.toml.new"
        beside.write_text(study_toml(proposal, paths), encoding="utf-8")
        readme = target / "README.md"
        if not readme.exists():
            readme.write_text(dictionary(proposal), encoding="utf-8")
        beside.replace(target / "study.toml")
        load_config(target)
    except BaseException:
        for source in copied:
            (target / source.name).unlink(missing_ok=True)
        (target / ".study.toml.new").unlink(missing_ok=True)
        if fresh:
            shutil.rmtree(target, ignore_errors=True)
        raise
    return target / "study.toml"


def _no_file_twice(paths: list[Path]) -> None:
    seen: dict[tuple[int, str], Path] = {}
    for path in paths:
        if path.is_file():
            with path.open("rb") as stream:
                start = hashlib.sha256(stream.read(1 << 20)).hexdigest()
            key = (path.stat().st_size, start)
            if key in seen:
                raise DataError(
                    f"{path.name} and {seen[key].name} are the same file; its rows would count double. Give it once."
                )
            seen[key] = path


_Found = tuple[str, Preset] | None


def _sort(
    samples: list[Sample], preset: str | None, answers: Answers
) -> tuple[dict[str, tuple[list[Sample], _Found]], list[str]]:
    """Return, by table, its samples and the preset; and a sentence for each sample that is none."""
    claimed: dict[str, list[tuple[Sample, _Found]]] = {}
    unused = []
    for sample in samples:
        found = find_preset(sample, preset)
        facts = facts_of(sample)
        table = found[1].table if found else table_of(sample, facts, answers)
        if table is not None and table not in TABLES:
            raise ConfigError(f"table.{sample.label}: {table!r} is no table. Known: {', '.join(TABLES)}, none.")
        if table is None and any(answers.given(f"transactions.{c.name}") for c in TABLES["transactions"].columns):
            table = "transactions"
        if table is None:
            unused.append(why_no_table(sample, facts))
        else:
            claimed.setdefault(table, []).append((sample, found))
    if preset is not None and not any(found for pairs in claimed.values() for _, found in pairs):
        raise DataError(f"no file has the columns of preset {preset}. {' '.join(unused[:1])}")
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
            f"{', '.join(labels)} all claim to be {table}. Which is it?",
            (*together, *((label, "this one; the others are not used") for label in labels)),
            "They have the same columns." if same else "Their columns differ.",
            "all" if same else labels[0],
        )
    )
    return pairs if answer == "all" else [pair for pair in pairs if pair[0].label == answer]


def _study_values(tables: list[TableProposal], name: str, answers: Answers) -> tuple[dict[str, str], dict[str, str]]:
    currency, why_currency = _currency(tables, answers)
    zone, why_zone = _zone(tables, currency, answers)
    headers = " ".join(name for table in tables for name in table.sample.header)
    language = answers.given("language") or ("uk" if _UKRAINIAN.search(headers) else "en")
    named = [
        header
        for table in tables
        for header in table.sample.header
        if plain_name(header) in _ORGANISATIONS and table.table in ("transactions", "customers")
    ]
    unit = answers.given("unit") or ("organisation" if named else "person")
    values = {"name": name, "currency": currency, "timezone": zone, "language": language, "unit": unit}
    why = {
        "currency": why_currency,
        "timezone": why_zone,
        "language": "of the report; the columns are named in Ukrainian" if language == "uk" else "of the report",
        "unit": f"a customer is an organisation: {named[0]!r}" if named else "a customer is a person; or organisation",
    }
    return values, why


def _currency(tables: list[TableProposal], answers: Answers) -> tuple[str, str]:
    given = answers.given("currency")
    for table in tables:
        seen = table.scan.currencies if table.scan else {}
        if len(seen) == 1 and (code := next(iter(seen))):
            if given not in (None, code):
                raise ConfigError(
                    f"currency {given}: {table.sample.label} says {code} in its {table.columns['currency']}."
                )
            return code, f"in every row of {table.columns['currency']!r}"
    if given is not None:
        return given, "as answered"
    for table in tables:
        for ours in ("revenue", "unit_price", "spend"):
            if code := currency_in_header(table.columns.get(ours, "")):
                return code, f"named in the header {table.columns[ours]!r}"
        if code := currency_of(table.settings.get("currency_sign", "")):
            return code, f"{table.settings['currency_sign']!r} stands at the amounts"
    answer = answers.settle(
        Question(
            "currency", "In which currency are the amounts (ISO code, such as EUR, UAH, USD)?", (), "No file says."
        )
    )
    return answer or _UNKNOWN, "as answered"


def _zone(tables: list[TableProposal], currency: str, answers: Answers) -> tuple[str, str]:
    given = answers.given("timezone")
    if given is not None:
        return given, "as answered"
    if not any(table.date is not None and table.date.has_time for table in tables):
        return "UTC", "the dates have no time of day, so any zone gives the same days"
    usual = "" if currency == _UNKNOWN else usual_zone(currency)
    answer = answers.settle(
        Question(
            "timezone",
            "In which time zone does the company count its days and months?",
            (),
            "The dates have a time of day, and no file names a zone for the company"
            + (f"; {currency} suggests {usual}." if usual else "."),
            usual,
        )
    )
    return answer or "UTC", "as answered"
