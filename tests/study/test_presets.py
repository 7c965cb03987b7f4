"""Vendors' exports: each preset agrees with the reader's contract, and reads its samples as a recount by hand does."""

import csv
import importlib.util
import io
import json
import re
import shutil
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from custaudience.study import Study, open_study
from custaudience.study.books import monthly_books
from custaudience.study.config import TableSection
from custaudience.study.contracts import TABLES

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "data" / "exports"
PRESETS = {
    path.stem: tomllib.loads(path.read_text("utf-8")) for path in (ROOT / "custaudience").rglob("presets/*.toml")
}
EXPECTED: dict[str, dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text("utf-8"))
# what a file shows and a preset therefore does not say
SEEN: dict[str, dict[str, Any]] = {
    "google-ads.csv": {"header_row": 3, "thousands": ","},
    "google-ads-ru.csv": {"header_row": 3, "thousands": " ", "decimal": ",", "separator": "\t", "encoding": "utf-16"},
}


def header_of(sample: str) -> list[str]:
    seen = SEEN.get(sample, {})
    text = (SAMPLES / sample).read_bytes().decode(seen.get("encoding", "utf-8-sig"))
    rows = list(csv.reader(io.StringIO(text), delimiter=seen.get("separator", ",")))
    return rows[seen.get("header_row", 1) - 1]


def in_english(preset: dict[str, Any], name: str) -> str:
    """Translate a localised header; what its star stands for goes where the English star is."""
    for localised, english in preset.get("localised", {}).items():
        found = re.fullmatch(re.escape(localised).replace(r"\*", "(.*)"), name)
        if found:
            return str(english).replace("*", found[1]) if found.groups() else str(english)
    return name


def find(preset: dict[str, Any], header: list[str], wanted: str) -> str | None:
    """Return the file's own name of a documented header."""
    pattern = re.compile(re.escape(wanted).replace(r"\*", ".*"))
    return next((name for name in header if pattern.fullmatch(in_english(preset, name))), None)


def names_of(column: str | list[str]) -> list[str]:
    return [column] if isinstance(column, str) else column


def columns_for(preset: dict[str, Any], header: list[str]) -> dict[str, str]:
    found = {}
    for ours, theirs in preset["columns"].items():
        name = next((hit for wanted in names_of(theirs) if (hit := find(preset, header, wanted))), None)
        if name:
            found[ours] = name
    return found


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml(key)} = {toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def read(sample: str, folder: Path) -> Study:
    """Open a study of one sample: the preset's columns and settings, and what can be seen from the file."""
    expected = EXPECTED[sample]
    preset, header = PRESETS[expected["preset"]], header_of(sample)
    section = {"path": sample, "columns": columns_for(preset, header), **preset.get("settings", {})}
    for rule in ("only", "exclude"):
        named = {find(preset, header, name): values for name, values in section.get(rule, {}).items()}
        section[rule] = {name: values for name, values in named.items() if name}
    section |= SEEN.get(sample, {})
    lines = ["[study]", 'name = "Sample"', f"currency = {toml(expected.get('currency', 'EUR'))}"]
    lines += [f"timezone = {toml(expected.get('timezone', 'Europe/Berlin'))}", "max_quarantined = 0"]
    lines += [f"[tables.{preset['table']}]", *(f"{key} = {toml(value)}" for key, value in section.items())]
    (folder / "study.toml").write_text("\n".join(lines), encoding="utf-8")
    shutil.copy(SAMPLES / sample, folder)
    return open_study(folder)


def test_there_are_presets_and_every_one_has_a_sample() -> None:
    assert {expected["preset"] for expected in EXPECTED.values()} == set(PRESETS)
    assert set(EXPECTED) == {path.name for path in SAMPLES.glob("*.csv")}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_only_what_the_reader_knows(name: str) -> None:
    preset = PRESETS[name]
    table = TABLES[preset["table"]]
    assert set(preset) <= {"title", "source", "table", "signature", "notes", "columns", "settings", "localised"}
    assert set(preset["columns"]) <= {column.name for column in table.columns}
    settings = preset.get("settings", {})
    assert not set(settings) & {"path", "columns", "database", "query"}
    TableSection.model_validate({"path": "export.csv", **settings})
    given = set(preset["columns"]) | set(settings.get("constants", {}))
    assert {column.name for column in table.columns if column.required} <= given
    documented = {wanted for theirs in preset["columns"].values() for wanted in names_of(theirs)}
    assert set(preset.get("localised", {}).values()) <= documented | set(preset["signature"])
    for localised, english in preset.get("localised", {}).items():
        assert localised.count("*") == english.count("*")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_it_is_and_where_the_vendor_says_so(name: str) -> None:
    preset = PRESETS[name]
    assert preset["title"].strip() and preset["source"].startswith("https://")
    assert preset["notes"] and all(note.endswith(".") for note in preset["notes"])


@pytest.mark.parametrize("sample", EXPECTED)
def test_a_sample_is_recognised_by_its_own_preset_and_no_other(sample: str) -> None:
    header = header_of(sample)
    matching = [
        name for name, preset in PRESETS.items() if all(find(preset, header, wanted) for wanted in preset["signature"])
    ]
    assert matching == [EXPECTED[sample]["preset"]]


def test_expected_json_is_what_the_recount_finds_in_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("recount", SAMPLES / "recount.py")
    assert spec and spec.loader
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.recount(SAMPLES) == EXPECTED


def of_table(*tables: str) -> list[str]:
    return [sample for sample, expected in EXPECTED.items() if expected["table"] in tables]


def left_out(study: Study, table: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for fault in study.read_report(table).faults:
        counts[fault.reason] = counts.get(fault.reason, 0) + fault.rows
    return counts


@pytest.mark.parametrize("sample", of_table("transactions"))
def test_sales_agree_with_the_recount_to_the_cent(sample: str, tmp_path: Path) -> None:
    expected, study = EXPECTED[sample], read(sample, tmp_path)
    report, lines = study.read_report("transactions"), study.table("transactions")
    assert (report.rows_in, report.rows_used) == (expected["rows"], expected["rows_used"])
    assert left_out(study, "transactions") == expected["left_out"]
    by_month = lines.aggregate("strftime(ordered_at, '%Y-%m') AS month, sum(revenue_minor)::BIGINT AS net", "month")
    got = {month: Decimal(net) / 100 for month, net in by_month.fetchall()}
    assert got == {month: Decimal(net) for month, net in expected["net_revenue_by_month"].items()}
    assert sum(got.values()) == Decimal(expected["net_revenue"])
    guests = Decimal(f"{monthly_books(study)['guests_net'].sum():.2f}")  # totals of the books hold them
    assert guests == Decimal(expected["net_revenue_of_guests"])
    assert lines.aggregate("count(DISTINCT customer_id)").fetchall() == [(expected["customers"],)]
    orders = study.orders(study.last_day).filter("is_order")
    assert orders.aggregate("count(*)").fetchall() == [(expected["orders"],)]
    assert [f"{study.first_day}", f"{study.last_day}"] == [expected["first_day"], expected["last_day"]]


@pytest.mark.parametrize("sample", of_table("transactions"))
def test_a_sample_is_large_enough_for_a_report(sample: str) -> None:
    expected = EXPECTED[sample]
    assert len(expected["net_revenue_by_month"]) >= 14
    assert expected["customers"] >= 40 and expected["orders"] >= 2 * expected["customers"]


@pytest.mark.parametrize("sample", of_table("spend"))
def test_spend_agrees_with_the_recount_and_no_total_counts(sample: str, tmp_path: Path) -> None:
    expected, study = EXPECTED[sample], read(sample, tmp_path)
    assert left_out(study, "spend") == expected["left_out"]
    by_month = "strftime(starts_on, '%Y-%m') AS month, sum(spend_minor)::BIGINT AS spend"
    got = {month: Decimal(cost) / 100 for month, cost in study.table("spend").aggregate(by_month, "month").fetchall()}
    assert got == {month: Decimal(cost) for month, cost in expected["spend_by_month"].items()}
    assert sum(got.values()) == Decimal(expected["spend"])
    named = study.table("spend").aggregate("count(DISTINCT campaign), count(DISTINCT channel), min(clicks)").fetchall()
    assert named[0][:2] == (expected["campaigns"], 1) and named[0][2] is not None


@pytest.mark.parametrize("sample", of_table("customers", "campaigns"))
def test_people_and_campaigns_are_counted_once(sample: str, tmp_path: Path) -> None:
    expected, study = EXPECTED[sample], read(sample, tmp_path)
    report = study.read_report(expected["table"])
    assert (report.rows_in, report.rows_used) == (expected["rows"], expected["rows_used"])
    assert left_out(study, expected["table"]) == expected["left_out"]
