"""Vendors' exports: each preset agrees with the reader's contract, and reads its samples as a recount by hand does."""

import csv
import importlib.util
import io
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

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
    pattern = re.compile(re.escape(wanted).replace(r"\*", ".*"))
    return next((name for name in header if pattern.fullmatch(in_english(preset, name))), None)


def names_of(column: str | list[str]) -> list[str]:
    return [column] if isinstance(column, str) else column


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


@pytest.mark.parametrize("sample", of_table("transactions"))
def test_a_sample_is_large_enough_for_a_report(sample: str) -> None:
    expected = EXPECTED[sample]
    assert len(expected["net_revenue_by_month"]) >= 14
    assert expected["customers"] >= 40 and expected["orders"] >= 2 * expected["customers"]
