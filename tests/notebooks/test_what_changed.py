"""Notebook 50 on other studies and at other dates, and what it never writes; tests/recount counts its figures."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.notebooks import running
from tests.notebooks.running import ROOT

NOTEBOOK = "50_what_changed.ipynb"


def run(folder: Path, study: str | Path, **parameters: str) -> tuple[str, dict[str, Any], Path]:
    path = study if isinstance(study, Path) else ROOT / "data" / study
    texts, claims, out = running.run(NOTEBOOK, folder, study=str(path), **parameters)
    return "\n".join(texts).replace("\u00a0", " "), claims, out


@pytest.fixture(scope="module")
def grocery(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any], Path]:
    return run(tmp_path_factory.mktemp("grocery"), "grocery", n_earlier="3")


def test_newcomers_are_few_and_not_counted_aloud(grocery: tuple[str, dict[str, Any], Path]) -> None:
    """Six households have no earlier basket: they appear with the returned ones, and their number nowhere."""
    text, claims, out = grocery
    assert claims["what_changed.newcomers"]["value"] is None and claims["what_changed.newcomers"]["n"] is None
    assert not {"what_changed.part.new", "what_changed.part.new_or_long_absent"} & set(claims)
    written = [text, json.dumps(claims), *(file.read_text("utf-8") for file in (out / "tables").glob("*.csv"))]
    assert not any("553.46" in each for each in written)
    assert claims["what_changed.last_year"]["status"] == "too_few"


def test_too_short_to_tell_is_said_and_nothing_is_more_than_chance(grocery: tuple[str, dict[str, Any], Path]) -> None:
    text, claims, _out = grocery
    assert claims["what_changed.finding"]["status"] == "too_few" and "too short to tell" in text
    assert "chance" not in text


@pytest.mark.slow
def test_no_number_knows_anything_later_than_as_of(until_june: Path, tmp_path: Path) -> None:
    options = {"as_of": "2017-06-30", "n_earlier": "3"}
    running.run_whole_and_cut(NOTEBOOK, tmp_path, ROOT / "data" / "grocery", until_june, **options)


def test_shop_has_new_customers_and_a_last_year(tmp_path: Path) -> None:
    text, claims, out = run(tmp_path, "shop", as_of="2025-10-31", n_earlier="11")
    assert claims["what_changed.finding"]["status"] == "no_clear_difference"
    assert claims["what_changed.part.new"]["n"] > 100 and claims["what_changed.last_year"]["status"] == "measured"
    history = pd.read_parquet(out / "tables" / "revenue_bridge_history.parquet")
    assert history["is_this"].sum() == history.loc[history["is_this"], "part"].nunique() and len(history) > 90
    assert "new and returned customers brought" in text


@pytest.mark.parametrize(
    ("study", "parameters", "status", "says"), [("b2b", {}, "no_clear_difference", "all others together"),
     ("cdnow", {"as_of": "1998-02-15", "months_back": "12", "n_earlier": "3"}, "too_few",
      "In the first 15 days of February 1998 revenue was $17,293 lower than in the first 15 of February 1997"),
     ("shop", {"as_of": "2023-11-30"}, "too_few", "do not hold the whole of October 2023")],
)  # fmt: skip
def test_other_studies_and_dates(
    study: str, parameters: dict[str, str], status: str, says: str, tmp_path: Path
) -> None:
    text, claims, _out = run(tmp_path, study, **parameters)
    assert says in text and claims["what_changed.finding"]["status"] == status


def test_one_customer_and_a_study_without_product_ids(tmp_path: Path) -> None:
    """One customer is too few; where products are unknown value per order stays whole; names from data stay text."""
    study = tmp_path / "study"
    study.mkdir()
    (study / "study.toml").write_text(
        '[study]\nname = "<b>{n:count}</b>"\ncurrency = "EUR"\ntimezone = "UTC"\nfirst_orders = "observed"\n'
        '[tables.transactions]\npath = "lines.csv"\n',
        encoding="utf-8",
    )
    days = pd.date_range("2025-01-01", "2025-03-31").strftime("%Y-%m-%d")
    lines = pd.DataFrame({"customer_id": "only {one}", "ordered_at": days, "revenue": "1.00"})
    lines.to_csv(study / "lines.csv", index=False)
    (tmp_path / "one").mkdir()
    _text, claims, out = run(tmp_path / "one", study)
    assert list(claims) == ["what_changed.finding"] and not list((out / "tables").iterdir())
    many = pd.concat([lines.assign(customer_id=f"{{name:term}} {i}") for i in range(12)])
    many.to_csv(study / "lines.csv", index=False)
    (tmp_path / "many").mkdir()
    text, claims, _out = run(tmp_path / "many", study)
    assert {"what_changed.part.orders", "what_changed.part.value_per_order"} <= set(claims)
    assert "€36 higher than in February 2025" in text and "more orders +€36" in text
