"""`custaudience lists`: the month's lists of customers to write to, in files that only their owner reads.

Beside them stands the record of the draw: the terms that they were written on, by which a later run judges it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from babel import Locale

from custaudience.audience import IdealCustomers
from custaudience.customers.contacts.claims import hold_out_claims
from custaudience.customers.contacts.lists import LIST_NAMES, REASONS, ContactLists, count_lists, draw_hold_out
from custaudience.customers.contacts.outcomes import judge_hold_out, look_back
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.errors import ConfigError, ParameterError, near_miss
from custaudience.evidence import Claim, template
from custaudience.present import locale
from custaudience.present.words import label, render, render_claim, translator
from custaudience.recipes import consent_of, contact_lists_at, earlier_contacts_at, ideal_customers_at, segments_at
from custaudience.reports import places, swap
from custaudience.reports.parameters import last_day
from custaudience.reports.plan import own_language, settle_month
from custaudience.reports.studies import aligned
from custaudience.study import Study

WORDS = tomllib.loads(files("custaudience.reports").joinpath("contact_words.toml").read_text(encoding="utf-8"))
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"  # the last four as East Asian keyboards write them
_AT_START = re.compile(f"\\s*[{_SIGNS}]|[\t\r\n]")
_AFTER_SEPARATOR = re.compile(f"([;,\t\r\n]\\s*)(?=[{_SIGNS}])")
RECORD = "hold_out.json"
DRAWN = "drawn.parquet"
NOTEBOOK = "37_whom_to_write_to.ipynb"
_VERSION = 1
_ANSWERS = (template("yes"), template("no"), template("not known"))
_MONTH = re.compile(r"\d{4}-\d{2}")
_TERMS = ("share", "seed", "level", "bought", "missing", "window_days", "fingerprint")


@dataclass(frozen=True, kw_only=True)
class ListRequest:
    """What somebody asks of a month's lists; things to look for are as in `recipes.contact_lists_at`, several each."""

    study: str | os.PathLike[str]  # folder, relative to where you stand
    month: str | None = None  # "2017-11"; None: the last one complete in the data
    hold_out: float = 0.0  # share of the customers who may be written to, from 0 to 0.9
    seed: int = 1  # of the draw
    level: str = ""
    bought: Sequence[str] = ()
    missing: Sequence[str] = ()
    window_days: int = 30
    language: str | None = None  # of the reasons; None: the study's own
    private: str | os.PathLike[str] | None = None  # in place of private below CUSTAUDIENCE_HOME or where you stand
    again: bool = False  # write anew, though lists were written on other terms: their draw is then no longer true

    def __post_init__(self) -> None:
        if not 0 <= self.hold_out <= 0.9:
            raise ParameterError(f"hold-out {self.hold_out}: expected a share from 0 to 0.9, for example 0.1.")
        if bool(self.bought) != bool(self.missing):
            raise ParameterError("bought and missing go together: --bought bricks --missing sand --missing cement.")
        places.refuse_address(self.study, self.private)


@dataclass(frozen=True)
class ContactFiles:
    """What was written, and what to say of it."""

    folder: Path  # private/<study>/<month>/lists
    lines: tuple[str, ...]  # counts by list, and what an earlier hold-out shows; no customer
    warnings: tuple[str, ...]  # what must be known before a letter goes out


def write_contact_files(request: ListRequest) -> ContactFiles:
    """Write the lists of a month, with a hold-out drawn at random when one is asked for.

    ``<list>.csv`` holds whom to write to: with consent where it is known, and not held out. ``hold_out.csv`` holds
    who must not get a letter, ``hold_out.json`` the terms of the draw, ``drawn.parquet`` who was drawn for what, by
    which a later run judges it; ``ideal.csv`` the ideal customers, to know and not to write to; ``README.txt`` says
    all this to the reader. The same request writes the same files.
    """
    from custaudience.study import open_study

    study = open_study(request.study)
    language = _language(study, request.language)
    study.refresh()
    month = settle_month(study, request.month)
    bought, missing = ";".join(request.bought), ";".join(request.missing)
    options: dict[str, Any] = {"level": request.level, "window_days": request.window_days}
    lists = contact_lists_at(study, last_day(month), bought=bought, missing=missing, **options)
    held = draw_hold_out(lists.table, share=request.hold_out, seed=request.seed, month=month)
    after, then = earlier_contacts_at(study, lists)
    orders, digits = study.orders(lists.as_of), study.minor_digits
    before = look_back(then, orders, after, study.terms(lists.as_of))
    rows = readable(lists, before.set_index("list")["revenue_each"].round(digits), language)
    held_out = set(rows.loc[held, "customer_id"])
    ideal, ideal_note, ideal_line = _ideal_list(study, lists.as_of, held_out=held_out, language=language)
    record = _record(study, lists, held, month, request)
    tables = {
        f"{name}.csv": rows[lists.table["may_write"] & ~held & (rows["list"] == name)]
        for name in record["counts"]
        if name != "any" and name not in lists.refused
    }
    tables |= {"hold_out.csv": rows[held]} if request.hold_out else {}
    tables |= {"ideal.csv": ideal} if len(ideal) else {}
    root = _private_folder(study, request)
    folder = root / month / "lists"
    with swap.run_lock(root / ".lists.lock"):
        _settle_record(folder, record, request.again)
        with swap.private_build(folder) as build:
            for name, table in tables.items():
                write_csv(build / name, table, language)
            drawn = lists.table.loc[lists.table["may_write"], ["customer_id", "list", "segment"]]
            drawn = drawn.assign(held_out=held[drawn.index]).sort_values(["customer_id", "list"], ignore_index=True)
            drawn.to_parquet(build / DRAWN, index=False)
            notes = [*contact_notes(lists, record, study.name, language), ideal_note]
            (build / "README.txt").write_text("\n".join(notes) + "\n", encoding="utf-8-sig", newline="\r\n")
            text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
            (build / RECORD).write_text(text, encoding="utf-8")
            swap.publish_folder(build, folder, private=True)
        earlier = _judge_latest(root, month, study)
    warnings = () if lists.n_agreed is not None else (WORDS["unknown_consent"],)
    return ContactFiles(folder, (*_lines(record, lists), ideal_line, *earlier), warnings)


def _language(study: Study, asked: str | None) -> str:
    known = locale.languages()
    if asked is not None and asked not in known:
        raise ParameterError(f"no language '{asked}'; there are {', '.join(known)}.{near_miss(asked, known)}")
    return asked or own_language(study)


def _private_folder(study: Study, request: ListRequest) -> Path:
    if study.folder is None:
        raise ConfigError("lists need a study with a folder: its name is that of the private folder.")
    root = places.written_below(request.private, "private") / study.folder_name
    root.mkdir(parents=True, exist_ok=True)
    os.chmod(root, 0o700)
    return root


def _lines(record: dict[str, Any], lists: ContactLists) -> list[str]:
    """Say how many are on each list, who agreed, who is held out."""
    table = [["", "on the list", "no consent", "held out", "to write to"]]
    for name, row in record["counts"].items():
        if name not in lists.refused:
            may_not = None if lists.n_agreed is None else row["n_may_not"]
            cells = (row["n_customers"], may_not, row["n_held_out"], row["n_to_write"])
            table.append([name, *("not known" if n is None else f"{n:,}" for n in cells)])
    lines = [f"{record['study']} {record['month']}: whom to write to, as of {record['as_of']}", *aligned(table)]
    lines += [f"  {name}: cannot be listed: {plain(why, {}, 'en')}" for name, why in lists.refused.items()]
    if record["bought"] and "missing" not in lists.refused:
        lines.append(f"  missing: bought {_listed(record['bought'])} without {_listed(record['missing'])}")
    if not record["share"]:
        lines.append("  Nobody is held out: what the letters add cannot be told. Hold some out with --hold-out 0.1")
    return lines


def _record(study: Study, lists: ContactLists, held: pd.Series, month: str, request: ListRequest) -> dict[str, Any]:
    """Return the terms of a draw and its counts."""
    read = tuple(name for name in ("customers", "products", "transactions") if name in study.tables)
    counts = count_lists(lists.table, held).set_index("list")
    return {
        "version": _VERSION, "study": study.folder_name, "month": month, "as_of": lists.as_of.isoformat(),
        "share": request.hold_out, "seed": request.seed, "level": lists.level,
        "bought": list(lists.offer.bought) if lists.offer else [],
        "missing": list(lists.offer.goes_with) if lists.offer else [],
        "window_days": request.window_days, "fingerprint": study.fingerprint(read),
        "consent_known": lists.n_agreed is not None,
        "counts": {name: {key: int(n) for key, n in row.items()} for name, row in counts.to_dict("index").items()},
        "replaced": [],
    }  # fmt: skip


def _read_record(folder: Path) -> dict[str, Any] | None:
    """Return the terms that a folder's lists were written on, None where there are none; refuse unreadable ones."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        record = None
    if not isinstance(record, dict) or any(name not in record for name in (*_TERMS, "as_of", "replaced")):
        raise ParameterError(f"{folder / RECORD} cannot be read. Move it aside, then the lists can be written anew.")
    return record


def _settle_record(folder: Path, record: dict[str, Any], again: bool) -> None:
    """Compare with the terms that the month's lists were written on; refuse others, or remember them as replaced."""
    before = _read_record(folder)
    if before is None:
        return
    record["replaced"] = before["replaced"]
    other = [name for name in _TERMS if before[name] != record[name]]
    if not other:
        return
    if not again:
        changed = {name: f"{name} was {_listed(before[name])}, now {_listed(record[name])}" for name in other}
        what = "; ".join((changed | {"fingerprint": "the data or their declaration changed"})[name] for name in other)
        raise ParameterError(
            f"lists of {record['month']} have been written on other terms: {what}. If letters went out by them, a new "
            "draw would make the record untrue, and nothing could be learned from it. Give the same options, or "
            "--again to write anew."
        )
    record["replaced"] = [*before["replaced"], {name: before[name] for name in _TERMS}]


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _judge_latest(root: Path, month: str, study: Study) -> list[str]:
    """Say what the latest hold-out of an earlier month shows, in lines of English.

    A record that cannot be read is named and does not stop the lists of this month.
    """
    months = (path.parent.parent.name for path in root.glob(f"*/lists/{RECORD}"))
    for earlier in sorted((name for name in months if _MONTH.fullmatch(name) and name < month), reverse=True):
        folder = root / earlier / "lists"
        try:
            claims = judge_month(folder, study, month)
            again = (_read_record(folder) or {})["replaced"]
        except ParameterError as error:
            return [f"Held out in {earlier}: {error}"]
        if claims:
            doubt = " (not true if letters went out before these lists were written anew)" if again else ""
            sentences = (render_claim(claim, language="en").replace("\u00a0", " ") for claim in claims)
            return [f"Held out in {earlier}{doubt}:", *(f"  {sentence}" for sentence in sentences)]
    return []


def judge_month(folder: str | os.PathLike[str], study: Study, month: str) -> list[Claim]:
    """Return what the hold-out recorded in ``private/<study>/<month>/lists`` shows by the end of a later month."""
    record = _read_record(Path(folder))
    if record is None:
        raise ParameterError(f"{folder}: no {RECORD} here. Lists are written by custaudience lists STUDY.")
    if not record["share"]:
        return []
    try:
        drawn = pd.read_parquet(Path(folder) / DRAWN)
    except (OSError, ValueError) as error:
        raise ParameterError(f"{Path(folder) / DRAWN} cannot be read: {error}") from None
    drawn_at, as_of = pd.Timestamp(record["as_of"]).date(), last_day(month)
    terms = study.terms(as_of)
    return hold_out_claims(judge_hold_out(drawn, study.orders(as_of), drawn_at, terms), drawn_at, terms)


def safe_cell(text: str) -> str:
    r"""Return a text that no spreadsheet takes for a formula: an apostrophe stands before what would begin one.

    Also after a comma or semicolon: a spreadsheet of another language may take it for the end of a cell.

    Examples
    --------
    >>> safe_cell("=HYPERLINK(1)"), safe_cell("bricks; =1+1"), safe_cell("007"), safe_cell("sugar-free")
    ("'=HYPERLINK(1)", "bricks; '=1+1", '007', 'sugar-free')
    """
    text = _AFTER_SEPARATOR.sub(r"\1'", text)
    return "'" + text if _AT_START.match(text) else text


def write_csv(path: Path, table: pd.DataFrame, language: str) -> None:
    """Write a table as Excel of that language opens it: UTF-8 with BOM, and ``;`` where a comma is the decimal sign."""
    comma = Locale.parse(language).number_symbols["latn"]["decimal"] == ","
    text = table.copy()
    for column in text.columns.drop("expected_value", errors="ignore"):
        text[column] = text[column].astype("str").map(safe_cell)
    marks = {"sep": ";", "decimal": ","} if comma else {"sep": ",", "decimal": "."}
    text.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n", **marks)


def readable(lists: ContactLists, expected: pd.Series, language: str) -> pd.DataFrame:
    """Return the rows of all lists with reasons and segments in the reader's language.

    ``customer_id``, ``list``, ``reason``, ``segment``, ``also_on`` (the customer's other lists), ``expected_value``
    (as `expected` has it by list, empty where it cannot be named), ``consent``.
    """
    titles = {name: label(title, language) for name, title in LIST_NAMES.items()}
    yes, no, unknown = map(translator(language), _ANSWERS)
    table = lists.table
    pairs = zip(table["reason_key"], table["reason_values"], strict=True)
    both = zip(table["list"], table["lists"], strict=True)
    others = [", ".join(titles[other] for other in every.split("+") if other != own) for own, every in both]
    return pd.DataFrame(
        {
            "customer_id": table["customer_id"],
            "list": table["list"],
            "reason": pd.Series([plain(REASONS[k], v, language) for k, v in pairs], index=table.index, dtype="str"),
            "segment": _segments(table["segment"], language),
            "also_on": pd.Series(others, index=table.index, dtype="str"),
            "expected_value": table["list"].map(expected).astype("float64"),
            "consent": [unknown if pd.isna(agreed) else yes if agreed else no for agreed in table["consent"]],
        }
    )


def plain(text: str, values: dict[str, Any], language: str) -> str:
    """Return a text as plain files hold it: without blanks that do not break."""
    return render(text, values, language=language).replace("\u00a0", " ")


def _segments(keys: pd.Series, language: str) -> pd.Series:
    rules = load_segment_rules()
    names = {rule.key: rule.name for rule in (*rules.segments, rules.no_order)}
    keys = keys.astype("str")
    return keys.map({key: label(names.get(key, key), language) for key in keys.unique()}).astype("str")


def contact_notes(lists: ContactLists, record: dict[str, Any], study: str, language: str) -> list[str]:
    """Return what README.txt says beside the lists, the most important first."""
    counts = record["counts"]
    notes: list[tuple[str, dict[str, Any]]] = [("unknown_consent", {})] if lists.n_agreed is None else []
    notes.append(("head", {"study": study, "month": record["month"], "day": record["as_of"]}))
    for name in (name for name in counts if name != "any"):
        values = {"file": f"{name}.csv", "list": LIST_NAMES[name], "n": counts[name]["n_to_write"]}
        refused = lists.refused.get(name)
        notes.append(("not_listed", values | {"reason": refused}) if refused else ("listed", values))
    if lists.n_agreed is not None:
        notes.append(("no_consent", {"n": counts["any"]["n_may_not"]}))
    if record["share"]:
        held = {"n": counts["any"]["n_held_out"], "share": record["share"], "seed": str(record["seed"])}
        notes += [("held_out", held), ("keep", {})]
    else:
        notes.append(("not_held_out", {}))
    if record["replaced"]:
        notes.append(("replaced", {"n": len(record["replaced"])}))
    notes += [("order", {}), ("value", {}), ("safe", {}), ("text", {})]
    return [plain(WORDS[name], values, language) for name, values in notes]


def _ideal_list(
    study: Study, as_of: dt.date, *, held_out: Collection[str], language: str
) -> tuple[pd.DataFrame, str, str]:
    """Return the rows of ``ideal.csv`` in a language, what README.txt says of it, and the line that is printed.

    Everybody who is ideal by the default cut-offs, with consent or without; without rows where nobody is. Who is
    held out from the letters of the month is named: an interview is a contact, too.
    """
    ideal = ideal_customers_at(study, as_of)
    if ideal.n_ideal:
        people = "customer" if ideal.n_ideal == 1 else "customers"
        line = f"  ideal: {ideal.n_ideal:,} {people}, to know and not to write to"
        rows = _ideal_rows(study, ideal, held_out, language)
        return rows, plain(WORDS["ideal_listed"], {"n": ideal.n_ideal}, language), line
    reason: dict[str, Any] = {"reason": WORDS["nobody"]}
    if ideal.refused:
        reason = {"reason": ideal.refused[0].reason, **ideal.refused[0].values}
    line = f"  ideal: {plain(reason['reason'], reason, 'en')}"
    return pd.DataFrame(), plain(WORDS["no_ideal"], reason, language), line


def _ideal_rows(study: Study, ideal: IdealCustomers, held_out: Collection[str], language: str) -> pd.DataFrame:
    table = ideal.table[ideal.table["ideal"]]
    table = table.sort_values(["revenue_total", "customer_id"], ascending=[False, True], ignore_index=True)
    people = table["customer_id"]
    yes, no, unknown = map(translator(language), _ANSWERS)
    agreed = consent_of(study)
    consent = pd.Series(unknown, index=table.index, dtype="str")
    if agreed is not None:
        consent = people.isin(agreed.index[agreed.to_numpy(dtype=bool)]).map({True: yes, False: no})
    reasons = [_ideal_reason(row, ideal, study.currency, language) for row in table.to_dict("records")]
    segments = segments_at(study, ideal.as_of).set_index("customer_id")["segment"]
    return pd.DataFrame(
        {
            "customer_id": people,
            "reason": pd.Series(reasons, index=table.index, dtype="str"),
            "segment": _segments(people.map(segments), language),
            "consent": consent,
            "held_out": people.isin(set(held_out)).map({True: yes, False: no}),
        }
    )


def _ideal_reason(row: dict[Any, Any], ideal: IdealCustomers, currency: str, language: str) -> str:
    values = {
        "n": row["n_orders"], "span": row["span_days"], "revenue": row["revenue_total"], "currency": currency,
        "days": row["days_since_last_order"], "after": row["overdue_after_days"], "engaged": "", "satisfied": "",
    }  # fmt: skip
    if row.get("n_contacted"):
        values |= {"engaged": WORDS["engaged"], "responded": row["n_responded"], "contacted": row["n_contacted"]}
    if pd.notna(row.get("score")):
        values |= {"satisfied": WORDS["satisfied"], "score": row["score"], "best": ideal.satisfaction_best}
    return plain(WORDS["reason"], values, language)
