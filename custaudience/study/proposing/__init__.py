"""From a company's own exports to a study: what is seen is shown, what is ambiguous is asked, then it is written."""

from __future__ import annotations

import filecmp
import glob
import os
import re
import shutil
import zoneinfo
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from custaudience.errors import ConfigError, DataError, near_miss
from custaudience.study.config import StudySection, load_config
from custaudience.study.contracts import TABLES
from custaudience.study.proposing import vocabulary
from custaudience.study.proposing.proposal import (
    Answers,
    Proposal,
    Question,
    TableProposal,
    describe,
    dictionary,
    question,
    study_toml,
)
from custaudience.study.proposing.roles import table_of, why_no_table
from custaudience.study.proposing.sampling import Sample, take_samples
from custaudience.study.proposing.tables import propose_table, together
from custaudience.study.proposing.vocabulary import Preset, find_preset, why_not_preset

__all__ = ["Answers", "Proposal", "Question", "describe", "propose_study", "refuse_taken", "write_study"]

_UNKNOWN = "XTS"  # the code ISO 4217 keeps for tests; goes on with the other questions when this one is open
_UKRAINIAN = re.compile(r"[іїєґІЇЄҐ]")
_MEMORY = "600MB"  # so that a proposal from a file of any size stays under one gigabyte


def propose_study(
    files: Sequence[str | os.PathLike[str]],
    *,
    answers: Answers,
    name: str,
    preset: str | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Proposal:
    """Look into exports (CSV, TSV, XLSX, Parquet) and propose a study called `name`.

    `answers` are those to what is ambiguous: "currency", "timezone", "language", and keys such as
    "transactions.date_order"; every question left open is named in a ConfigError with how to answer it. `preset` is a
    vendor's export that is not recognised by itself; `progress` is told what is being done.
    """
    if not files:
        raise ConfigError("no export was given. Name one: custaudience init DIR --from FILE.")
    currency = _given_currency(answers)
    paths = [Path(file).expanduser().absolute() for file in files]
    _no_file_twice(paths)
    count = Counter(path.name for path in paths)
    with duckdb.connect(config={"memory_limit": _MEMORY, "autoinstall_known_extensions": "false"}) as con:
        samples, unused = [], []
        for path in paths:
            progress(f"looking into {path.name}")
            found, remarks = take_samples(con, path)
            called = path.name if count[path.name] == 1 else f"{path.parent.name}/{path.name}"
            samples += [replace(sample, name=called) for sample in found]
            unused += remarks
        by_table, others = _sort(samples, preset, answers)
        answers.stop_if_open()
        unused += others
        study = StudySection(name=name, currency=currency or "USD", timezone="UTC")
        tables = []
        for table, (chosen, of_vendor) in by_table.items():
            progress(f"counting the rows of {', '.join(sample.label for sample in chosen)}")
            tables.append(TableProposal(table, chosen, together(chosen), preset=of_vendor))
            propose_table(con, tables[-1], study, answers)
    values, why = _study_values(tables, name, answers)
    answers.finish()
    return Proposal(values, why, tables, unused)


def write_study(
    proposal: Proposal, folder: str | os.PathLike[str], *, copy: bool = False, progress: Callable[[str], None] = print
) -> Path:
    """Write study.toml and README.md into a new folder; the data stay where they are unless `copy`."""
    target = Path(folder).expanduser().absolute()
    refuse_taken(target)
    made = [place for place in (target, *target.parents) if not place.exists()]  # the innermost first
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
    """Say why a study cannot be made here."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            f"{folder.name} is a file. Name a folder to make for the study: custaudience init DIR --from FILE."
        )
    if (folder / "study.toml").exists():
        raise ConfigError(f"{folder} holds a study.toml already. Name another folder, or move that file away.")


def _write(file: Path, text: str, written: list[Path]) -> None:
    beside = file.with_name(f".{file.name}.new")
    written += [file, beside]
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


def _no_file_twice(paths: list[Path]) -> None:
    there = [path for path in paths if path.is_file()]
    for place, path in enumerate(there):
        for other in there[:place]:
            if filecmp.cmp(path, other, shallow=False):
                raise DataError(
                    f"{path.name} and {other.name} are the same file; its rows would count double. Give it once."
                )


_Found = tuple[str, Preset] | None


def _sort(
    samples: list[Sample], preset: str | None, answers: Answers
) -> tuple[dict[str, tuple[list[Sample], _Found]], list[str]]:
    """Return, by table, its samples and the preset; and a sentence for each sample that is none."""
    claimed: dict[str, list[tuple[Sample, _Found]]] = {}
    unused = []
    if preset is not None and (lacking := why_not_preset({sample.label: sample.header for sample in samples}, preset)):
        raise DataError(lacking)
    for sample in samples:
        given = answers.given(f"table.{sample.label}")
        if given not in (None, "none", *TABLES):
            raise ConfigError(
                f"table.{sample.label}: {given!r} is no table.{near_miss(str(given), TABLES)} "
                f"Known: {', '.join(TABLES)}, none."
            )
        if given == "none":
            unused.append(f"{sample.label}: left out, as answered.")
            continue
        found = find_preset(sample.header, preset)
        if found and given not in (None, found[1].table):
            found = None
        table = given or (found[1].table if found else table_of(sample, answers))
        if table is None and any(answers.given(f"transactions.{c.name}") for c in TABLES["transactions"].columns):
            table = "transactions"
        if table is None:
            unused.append(why_no_table("", sample))
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
    options = (*together, *((label, "this one; the others are not used") for label in labels))
    named = f"{', '.join(labels[:-1])} and {labels[-1]}"
    facts = {"table": table, "labels": named, "difference": "" if same else _difference(pairs)}
    case, suggestion = ("same", "all") if same else ("", labels[0])
    answer = answers.settle(question("files", facts, case, options=options, suggestion=suggestion))
    return pairs if answer == "all" else [pair for pair in pairs if pair[0].label == answer]


def _difference(pairs: list[tuple[Sample, _Found]]) -> str:
    """Return the first columns that one of two files has and the other has not."""
    first, other = (set(sample.header) for sample, _ in pairs[:2])
    each = zip(pairs, (first - other, other - first), strict=False)
    only = [f"only {pair[0].label} has {', '.join(map(repr, sorted(names)[:4]))}" for pair, names in each if names]
    return "; ".join(only) or "they stand on sheets of their own"


def _given_currency(answers: Answers) -> str | None:
    """Return the currency that was given beforehand."""
    given = answers.given("currency")
    if given is not None and (fault := _no_currency(given)):
        raise ConfigError(f"currency: {fault}")
    return given


def _study_values(tables: list[TableProposal], name: str, answers: Answers) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values of ``[study]``, and why each is so."""
    currency, why_currency = _currency(tables, answers)
    zone, why_zone = _zone(tables, currency, answers)
    headers = [header for table in tables for header in table.sample.header]
    ukrainian = next((header for header in headers if _UKRAINIAN.search(header)), "")
    language = answers.given("language") or ("uk" if ukrainian else "en")
    of_buyers = [table for table in tables if table.table in ("transactions", "customers")]
    named = [header for table in of_buyers for header in table.sample.header if vocabulary.names_organisation(header)]
    unit = answers.given("unit") or ("organisation" if named else "person")
    if unit not in ("person", "organisation"):
        raise ConfigError(f"unit: {unit!r} is no answer. Possible: person, organisation.")
    values = {"name": name, "currency": currency, "timezone": zone, "language": language, "unit": unit}
    because = f"a column is called {named[0]!r}" if named else "no column names organisations"
    why = {
        "currency": why_currency,
        "timezone": why_zone,
        "language": f"of the report; {ukrainian!r} is Ukrainian" if ukrainian else "of the report",
        "unit": f"what a customer is; {because}",
    }
    return values, why


def _currency(tables: list[TableProposal], answers: Answers) -> tuple[str, str]:
    given = _given_currency(answers)
    for table in tables:
        if table.currency:
            if given not in (None, table.currency):
                raise ConfigError(f"currency {given}: the rows of {table.sample.label} say {table.currency}.")
            return table.currency, "as its rows say"
    named = {code: why for table in tables for code, why in _named_currencies(table)}
    if given is not None:
        against = [why for code, why in named.items() if code != given]
        return given, "as answered" + (f", though {against[0]}" if against else "")
    if len(named) == 1:
        code, why = next(iter(named.items()))
        if "'$'" not in why:  # which a score of countries write
            return code, why
    evidence = "; ".join(named.values()) + "." if named else "No file says."
    if len(named) > 1:
        evidence += " Amounts of two currencies cannot be added: leave a file out, or export it in one."
    asked = question("currency", {"evidence": evidence}, suggestion=next(iter(named), ""))
    answer = answers.settle(replace(asked, check=_no_currency))
    return answer or _UNKNOWN, "as answered"


def _named_currencies(table: TableProposal) -> list[tuple[str, str]]:
    """Return the currencies that a header or the signs at the amounts name, and why."""
    found = []
    for ours in ("revenue", "unit_price", "spend"):
        if code := vocabulary.currency_in_header(table.columns.get(ours, "")):
            found.append((code, f"{table.columns[ours]!r} names {code}"))
    if code := vocabulary.currency_of(table.settings.get("currency_sign", "")):
        found.append((code, f"{table.settings['currency_sign']!r} stands at the amounts"))
    return found


def _zone(tables: list[TableProposal], currency: str, answers: Answers) -> tuple[str, str]:
    if not any(table.date is not None and table.date.has_time for table in tables) and not answers.given("timezone"):
        return "UTC", "the dates have no time of day, so any zone gives the same days"
    usual = "" if currency == _UNKNOWN else vocabulary.usual_zone(currency)
    facts = {"currency": currency, "usual": usual}
    asked = question("timezone", facts, "usual" if usual else "", suggestion=usual)
    answer = answers.settle(replace(asked, check=_no_zone))
    return answer or "UTC", "as answered"


def _no_currency(answer: str) -> str:
    if answer in vocabulary.currency_codes():
        return ""
    code = answer.upper() if answer.upper() in vocabulary.currency_codes() else vocabulary.currency_of(answer)
    usual = ("EUR", "UAH", "USD", "GBP", "PLN", "VND")
    meant = f" Did you mean {code!r}?" if code else near_miss(answer.upper(), usual)
    return f"{answer!r} is no ISO 4217 code, such as USD, EUR or UAH.{meant}"


def _no_zone(answer: str) -> str:
    zones = zoneinfo.available_timezones()
    if answer in zones:
        return ""
    ending = sorted(zone for zone in zones if zone.lower().endswith(f"/{answer.lower().replace(' ', '_')}"))
    meant = f" Did you mean {ending[0]!r}?" if ending else near_miss(answer, zones)
    return f"time zone {answer!r} does not exist.{meant} Zones are named like Europe/Kyiv."
