"""Notebook 32 on other studies and at other dates: what it publishes, what it refuses, that it knows nothing later."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.notebooks import running
from tests.notebooks.running import ROOT

NOTEBOOK = "32_customer_value.ipynb"


def run(folder: Path, **parameters: str) -> tuple[str, dict[str, Any], Path]:
    texts, claims, out = running.run(NOTEBOOK, folder, **parameters)
    return "\n".join(texts), claims, out


def test_shop_at_another_date_in_other_units(tmp_path: Path) -> None:
    text, claims, out = run(
        tmp_path, study=str(ROOT / "data/shop"), as_of="2025-04-30", time_unit="D", horizon="180", margin="0.3",
        n_draws="100",
    )  # fmt: skip
    assert "at a margin of 30 %" in text.replace("\u00a0", " ") and "180 days" in text.replace("\u00a0", " ")
    assert claims["customer_value.worth"]["status"] == "measured"
    assert claims["customer_value.finding"]["as_of"] == "2025-04-30"
    tables = {file.stem for file in (out / "tables").glob("*.parquet")}
    assert {"value_tracking", "value_holdout", "value_groups", "value_totals", "value_parameters"} <= tables


def test_grocery_is_refused_and_goes_on(tmp_path: Path) -> None:
    text, claims, out = run(tmp_path, study=str(ROOT / "data/grocery"), as_of="2017-06-30")
    assert claims["customer_value.refused.cut_off"]["status"] == "too_few"
    assert "customers had ordered before the data begin" in text and "This is not lifetime value" in text
    assert {file.stem for file in (out / "tables").glob("*.parquet")} == {"value_concentration", "value_formulas"}


@pytest.mark.parametrize("as_of", ["", "2023-03-31"])
def test_b2b_says_orders_and_no_money_and_little_early_on(tmp_path: Path, as_of: str) -> None:
    _, claims, _out = run(tmp_path, study=str(ROOT / "data/b2b"), as_of=as_of, n_draws="100")
    refused = {key for key in claims if ".refused." in key}
    assert refused == {f"customer_value.refused.{'no_repeat' if as_of else 'infinite_spend'}"}
    assert "customer_value.worth" not in claims


@pytest.mark.slow
def test_no_number_knows_anything_later_than_as_of(tmp_path: Path) -> None:
    """Cutting the file at the date, and renaming customers to something hostile, changes no figure."""
    cut = tmp_path / "known"
    cut.mkdir()
    source = ROOT / "data" / "cdnow"
    lines = pd.read_csv(source / "transactions.csv", dtype=str)
    lines = lines[lines["date"] <= "19980228"]
    lines["customer_id"] = "{n:count} <b>" + lines["customer_id"] + "</b>"
    lines.to_csv(cut / "transactions.csv", index=False)
    toml = (source / "study.toml").read_text(encoding="utf-8")
    (cut / "study.toml").write_text(toml[: toml.index("[control]")] + toml[toml.index("[privacy]") :], encoding="utf-8")
    options = {"as_of": "1998-02-28", "n_draws": "100"}
    _, (texts, _, _) = running.run_whole_and_cut(NOTEBOOK, tmp_path, source, cut, **options)
    assert not any("<b>" in text for text in texts)
