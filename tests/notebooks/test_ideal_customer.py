"""Notebook 40 on made-up and bundled studies: what a survey adds, hostile names, early dates, no id, no small group."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.notebooks.running import ROOT, run, run_whole_and_cut, tables_of

NOTEBOOK = "40_ideal_customer.ipynb"
HOSTILE = "<script>alert(1)</script> {n:count} $x$"


def made_up(folder: Path, *, until: str = "2025-12-31") -> Path:
    """600 customers, 120 of whom order monthly for much; a town and a hostile kind are theirs; a survey of half."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(4)
    rows = []
    for i in range(600):
        often = i < 120
        days = rng.choice(700, 24 if often else rng.integers(1, 5), replace=False)
        for day in days:
            kind = "p0" if rng.random() < (0.7 if often else 0.3) else "p1"
            rows.append(
                (f"secret-{i:04d}", f"order-{i}-{day}", day, kind, round(float(rng.gamma(4, 9 if often else 4)), 2))
            )
    lines = pd.DataFrame(rows, columns=["customer_id", "order_id", "day", "product_id", "revenue"])
    lines["ordered_at"] = (pd.Timestamp("2024-01-20") + pd.to_timedelta(lines.pop("day"), unit="D")).dt.date
    last = pd.Timestamp(until).date()
    lines[lines["ordered_at"] <= last].to_csv(folder / "orders.csv", index=False)
    pd.DataFrame({"product_id": ["p0", "p1"], "category": [HOSTILE, "tea"]}).to_csv(
        folder / "products.csv", index=False
    )
    ids = [f"secret-{i:04d}" for i in range(600)]
    town = np.where(rng.random(600) < np.where(np.arange(600) < 120, 0.7, 0.3), "north", "south")
    pd.DataFrame({"customer_id": ids, "town <b>": town, "age": rng.integers(18, 70, 600)}).to_csv(
        folder / "people.csv", index=False
    )
    answered = pd.Timestamp("2024-06-01") + pd.to_timedelta(rng.integers(0, 600, 300), unit="D")
    survey = pd.DataFrame({"customer_id": ids[::2], "NPS": rng.integers(0, 11, 300), "answered_at": answered})
    survey[survey["answered_at"] < pd.Timestamp(until) + pd.Timedelta(days=1)].to_csv(
        folder / "survey.csv", index=False
    )
    (folder / "study.toml").write_text(
        '[study]\nname = "Made up"\ncurrency = "EUR"\ntimezone = "Europe/Kyiv"\ncomplete_until = "2025-12-31"\n'
        'first_orders = "observed"\n[tables.transactions]\npath = "orders.csv"\ndate_format = "%Y-%m-%d"\n'
        '[tables.products]\npath = "products.csv"\n[tables.customers]\npath = "people.csv"\n'
        '[tables.survey]\npath = "survey.csv"\n',
        encoding="utf-8",
    )
    return folder


@pytest.mark.slow
def test_a_survey_is_asked_and_nothing_later_than_as_of_is_known(tmp_path: Path) -> None:
    """Cutting the export at the date changes nothing that is claimed or published."""
    options = {"as_of": "2025-06-30", "definition": f"women 20-35 in {HOSTILE}"}
    studies = made_up(tmp_path / "study"), made_up(tmp_path / "known", until="2025-06-30")
    (texts, claims, _), _ = run_whole_and_cut(NOTEBOOK, tmp_path, *studies, **options)
    assert claims["ideal_customer.asked.satisfied"]["values"]["start"] == 9
    assert "ideal_customer.missing.engaged" in claims and "ideal_customer.missing.satisfied" not in claims
    assert (
        claims["ideal_customer.not_known.satisfied"]["values"]["all"] == claims["ideal_customer.finding"]["values"]["n"]
    )
    assert any("the recipe names the same customers" in text for text in texts)
    cells = json.loads((tmp_path / "whole" / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    html = "".join("".join(o.get("data", {}).get("text/html", "")) for c in cells for o in c.get("outputs", []))
    assert "&lt;script&gt;" in html and "<b>" not in html


def test_too_early_a_date_is_refused_in_words_and_the_notebook_goes_on(tmp_path: Path) -> None:
    texts, claims, out = run(NOTEBOOK, tmp_path, study=str(ROOT / "data" / "shop"), as_of="2023-11-30", definition="")
    assert claims["ideal_customer.finding"]["status"] == "too_few"
    assert any("No ideal customers can be named. Nobody can be called loyal yet" in text for text in texts)
    assert not any(".definition." in key or ".trait" in key for key in claims)
    assert tables_of(out)["ideal_cut_offs"].empty


def test_without_products_customers_or_campaigns_orders_are_asked(tmp_path: Path) -> None:
    texts, claims, _out = run(NOTEBOOK, tmp_path, study=str(ROOT / "data" / "cdnow"))
    assert claims["ideal_customer.finding"]["values"]["n"] == 316
    assert {"ideal_customer.missing.satisfied", "ideal_customer.missing.engaged"} <= set(claims)
    assert claims["ideal_customer.rule.everybody"]["status"] == "too_few"
    assert any("no column of the data says it" in text for text in texts)
