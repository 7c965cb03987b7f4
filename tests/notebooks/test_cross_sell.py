"""Notebook 35 elsewhere and at other dates: what it says, what it refuses, and that it knows nothing later."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.notebooks import running

ROOT = running.ROOT
NOTEBOOK = "35_cross_sell.ipynb"


def run(folder: Path, **parameters: str) -> tuple[list[str], dict[str, Any], Path]:
    return running.run(NOTEBOOK, folder, short=True, **parameters)


def test_the_shop_gives_back_its_planted_pair(tmp_path: Path) -> None:
    texts, claims, out = run(tmp_path, study=str(ROOT / "data" / "shop"))
    finding = claims["finding"]
    assert (finding["values"]["bought"], finding["values"]["missing"]) == ("Цегла", "Цемент, Пісок")
    assert 110 <= finding["n"] <= 119  # of 119 planted, less those whose window is open or whose row is broken
    assert claims["trap"]["values"]["other"] == "Пакет"
    pairs = pd.read_parquet(out / "tables" / "product_pairs.parquet")
    strong = pairs[(pairs["level"] == "kind") & pairs["strong"]]
    assert {frozenset(pair) for pair in strong[["item_a", "item_b"]].to_numpy()} >= {
        frozenset(pair) for pair in (("Цегла", "Пісок"), ("Цегла", "Цемент"), ("Пісок", "Цемент"), ("Валик", "Фарба"))
    }
    assert pairs["n_customers"].min() >= 10
    for table in running.tables_of(out).values():
        assert not any(table[column].between(1, 9).any() for column in table if column.startswith("n_"))
    assert any("chosen by the rule" in text for text in texts)


def test_it_can_be_asked(tmp_path: Path) -> None:
    texts, claims, _ = run(
        tmp_path, study=str(ROOT / "data" / "shop"), as_of="2025-03-31", level="Вид товару", bought="Фарба",
        missing="Валик", window_days="14",
    )  # fmt: skip
    values = claims["finding"]["values"]
    assert (values["bought"], values["missing"], values["days"]) == ("Фарба", "Валик", 14)
    assert claims["finding"]["as_of"] == "2025-03-31" and any("as asked" in text for text in texts)


@pytest.mark.parametrize(("study", "reason"), [("cdnow", "do not say what was bought"), ("b2b", "no pair")])
def test_other_studies_are_refused_in_words(study: str, reason: str, tmp_path: Path) -> None:
    _, claims, out = run(tmp_path, study=str(ROOT / "data" / study))
    assert claims["finding"]["status"] == "too_few" and reason in claims["finding"]["values"]["reason"]
    assert "cross_sell_goods.parquet" not in os.listdir(out / "tables")


def test_before_anything_was_sold(tmp_path: Path) -> None:
    _, claims, out = run(tmp_path, study=str(ROOT / "data" / "shop"), as_of="2023-10-01")
    assert list(claims) == ["finding"] and not list((out / "tables").iterdir())
    assert claims["finding"]["values"]["reason"] == "nothing had been bought by then"


def test_a_misspelt_name_stops_it(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="Did you mean 'Цегла'"):
        run(tmp_path, study=str(ROOT / "data" / "shop"), bought="Цеглаа")


@pytest.mark.slow
def test_no_figure_knows_anything_later(tmp_path: Path) -> None:
    """Cutting the file at the date changes nothing."""
    study = tmp_path / "shop"
    study.mkdir()
    source = ROOT / "data" / "shop"
    for name in ("products.csv", "customers.csv"):
        (study / name).write_bytes((source / name).read_bytes())
    config = (source / "study.toml").read_text(encoding="utf-8")
    (study / "study.toml").write_text(config[: config.index("[control]")], encoding="utf-8")
    head, *rows = (source / "orders.csv").read_text(encoding="cp1251").splitlines()
    place = head.split(";").index("Дата")
    days = pd.to_datetime([row.split(";")[place] for row in rows], format="%d.%m.%Y %H:%M", errors="coerce")
    kept = [row for row, day in zip(rows, days, strict=True) if not day > pd.Timestamp("2024-08-31 23:59:59")]
    (study / "orders.csv").write_text("\r\n".join([head, *kept]) + "\r\n", encoding="cp1251", newline="")
    running.run_whole_and_cut(NOTEBOOK, tmp_path, source, study, as_of="2024-08-31")
