"""Notebook 33 elsewhere and at other dates: what it says, what it refuses, and that it knows nothing later."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.notebooks import running
from tests.notebooks.running import ROOT

NOTEBOOK = "33_what_drives_behaviour.ipynb"


def run(folder: Path, **parameters: str) -> tuple[list[str], dict[str, Any], Path]:
    folder.mkdir(exist_ok=True)
    texts, claims, out = running.run(NOTEBOOK, folder, n_permutations="200", **parameters)
    return texts, {key.split(".", 1)[1]: claim for key, claim in claims.items()}, out


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


def test_without_attributes_it_does_what_it_can(tmp_path: Path) -> None:
    _, claims, out = run(tmp_path, study=str(ROOT / "data" / "cdnow"), as_of="1998-03-31")
    assert claims["coverage"]["value"] == 0 and claims["finding"]["status"] == "measured"
    assert claims["second.nothing_known"]["status"] == "too_few"
    assert pd.read_parquet(out / "tables" / "attribute_coverage.parquet").empty


def test_few_organisations_are_too_few_for_attributes(tmp_path: Path) -> None:
    _, claims, _out = run(tmp_path, study=str(ROOT / "data" / "b2b"))
    assert all(claim["status"] == "too_few" for key, claim in claims.items() if key.startswith("rejected."))


def test_too_short_a_history_is_refused_in_words(tmp_path: Path) -> None:
    texts, claims, out = run(tmp_path, study=str(ROOT / "data" / "grocery"), as_of="2017-01-31")
    assert set(claims) == {"finding", "second.refused"}
    assert {claim["status"] for claim in claims.values()} == {"too_few"}
    assert not list((out / "tables").iterdir())
    assert any("two months are the least" in text for text in texts)


@pytest.mark.slow
def test_it_knows_nothing_later_than_as_of(until_june: Path, tmp_path: Path) -> None:
    """An as-of date is true when cutting the file at it changes nothing."""
    options = {"as_of": "2017-06-30", "n_categories": "2", "n_permutations": "200", "short": True}
    (_, claims, _), _ = running.run_whole_and_cut(NOTEBOOK, tmp_path, ROOT / "data" / "grocery", until_june, **options)
    assert claims["finding"]["values"]["cut"] == "2017-06-01"
