"""Notebook 33 elsewhere and at other dates: what it says, what it refuses, and that it knows nothing later."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.notebooks import running
from tests.notebooks.running import ROOT


def run(folder: Path, **parameters: str) -> tuple[list[str], dict[str, Any], Path]:
    folder.mkdir(exist_ok=True)
    texts, claims, out = running.run("33_what_drives_behaviour.ipynb", folder, n_permutations="200", **parameters)
    return texts, {key.split(".", 1)[1]: claim for key, claim in claims.items()}, out


def assert_nobody_can_be_recognised(out: Path) -> None:
    for file in (out / "tables").glob("*.parquet"):
        table = pd.read_parquet(file)
        assert not {"customer_id", "order_id", "household_id"} & set(table.columns)
        for column in {"n", "n_known", "n_unknown", "n_again"} & set(table.columns):
            assert not table[column].between(1, 9).any(), file.name


def test_the_shop_gives_back_what_was_planted(tmp_path: Path) -> None:
    texts, claims, out = run(tmp_path, study=str(ROOT / "data" / "shop"))
    second = pd.read_parquet(out / "tables" / "second_order.parquet")
    assert set(second["variable"]) == {"", "Канал залучення", "first_order_discounted", "consent"}
    useless = {"Улюблений колір", "Розмір взуття", "Поштова скринька"}
    drivers = pd.read_parquet(out / "tables" / "drivers.parquet")
    assert not useless & set(drivers.loc[drivers["verdict"] == "influences", "variable"])
    rejected = {claim["values"]["variable_name"] for key, claim in claims.items() if key.startswith("rejected.")}
    assert useless <= rejected
    assert claims["second.overall"]["value"] == pytest.approx(0.425, abs=0.005)
    assert any("Only through a stronger one" in text for text in texts)
    assert_nobody_can_be_recognised(out)


def test_without_attributes_it_does_what_it_can(tmp_path: Path) -> None:
    _, claims, out = run(tmp_path, study=str(ROOT / "data" / "cdnow"), as_of="1998-03-31")
    assert claims["coverage"]["value"] == 0 and claims["finding"]["status"] == "measured"
    assert claims["second.nothing_known"]["status"] == "too_few"
    assert pd.read_parquet(out / "tables" / "attribute_coverage.parquet").empty
    assert_nobody_can_be_recognised(out)


def test_few_organisations_are_too_few_for_attributes(tmp_path: Path) -> None:
    _, claims, out = run(tmp_path, study=str(ROOT / "data" / "b2b"))
    assert all(claim["status"] == "too_few" for key, claim in claims.items() if key.startswith("rejected."))
    assert_nobody_can_be_recognised(out)


def test_too_short_a_history_is_refused_in_words(tmp_path: Path) -> None:
    texts, claims, out = run(tmp_path, study=str(ROOT / "data" / "grocery"), as_of="2017-01-31")
    assert set(claims) == {"finding", "second.refused"}
    assert {claim["status"] for claim in claims.values()} == {"too_few"}
    assert not list((out / "tables").iterdir())
    assert any("two months are the least" in text for text in texts)


@pytest.mark.slow
def test_it_knows_nothing_later_than_as_of(until_june: Path, tmp_path: Path) -> None:
    """An as-of date is true when cutting the file at it changes nothing."""
    whole = run(tmp_path / "whole", study=str(ROOT / "data" / "grocery"), as_of="2017-06-30", n_categories="2")
    cut = run(tmp_path / "cut", study=str(until_june), as_of="2017-06-30", n_categories="2")
    assert whole[1] == cut[1] and whole[1]["finding"]["values"]["cut"] == "2017-06-01"
    for table in sorted((whole[2] / "tables").glob("*.parquet")):
        pd.testing.assert_frame_equal(pd.read_parquet(table), pd.read_parquet(cut[2] / "tables" / table.name))
