"""Notebook 34 on other studies and dates: groups or none, no id, no small group, nothing later than as_of."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from custaudience.evidence import read_claims
from custaudience.present import render_claim

_spec = importlib.util.spec_from_file_location("other_runs", Path(__file__).with_name("test_other_runs.py"))
assert _spec is not None and _spec.loader is not None
_other = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_other)
run, ROOT = _other.run, _other.ROOT

NOTEBOOK = "34_segments.ipynb"
HOSTILE = ["<script>alert(1)</script>", "{n:count} %s $x$", "Сад, «город» і ще довга назва категорії тут"]


def made_up(folder: Path, *, until: str = "2025-12-31") -> Path:
    """A study of three groups by baskets, hostile names and recognisable ids, exported on a day."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(11)
    rows = []
    for i in range(450):
        liking = np.roll([0.86, 0.07, 0.07], i % 3)
        for day in rng.choice(720, 9, replace=False):
            amount = round(float(rng.gamma(4, 4 + 3 * (i % 3 == 0))), 2)
            rows.append((f"secret-{i:04d}", f"order-{i}-{day}", day, f"p{rng.choice(3, p=liking)}", amount))
    lines = pd.DataFrame(rows, columns=["customer_id", "order_id", "day", "product_id", "revenue"])
    lines["ordered_at"] = (pd.Timestamp("2024-01-01") + pd.to_timedelta(lines.pop("day"), unit="D")).dt.date
    lines[lines["ordered_at"] <= pd.Timestamp(until).date()].to_csv(folder / "orders.csv", index=False)
    pd.DataFrame({"product_id": ["p0", "p1", "p2"], "category": HOSTILE}).to_csv(folder / "products.csv", index=False)
    towns = np.where(rng.random(450) < np.where(np.arange(450) % 3, 0.2, 0.8), "north", "south")
    people = pd.DataFrame({"customer_id": [f"secret-{i:04d}" for i in range(450)], "town <b>": towns})
    people.to_csv(folder / "people.csv", index=False)
    (folder / "study.toml").write_text(
        '[study]\nname = "Made up"\ncurrency = "EUR"\ntimezone = "Europe/Kyiv"\ncomplete_until = "2025-12-31"\n'
        '[tables.transactions]\npath = "orders.csv"\ndate_format = "%Y-%m-%d"\n'
        '[tables.products]\npath = "products.csv"\n[tables.customers]\npath = "people.csv"\n',
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="module", autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def tables_of(out: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_parquet(path) for path in sorted((out / "tables").glob("*.parquet"))}


def assert_publishable(texts: list[str], out: Path, *ids: str) -> None:
    published = "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in out.rglob("*") if p.is_file())
    for marker in ids:
        assert marker not in published and not any(marker in text for text in texts)
    for name, table in tables_of(out).items():
        assert not {"customer_id", "order_id"} & set(table.columns), name
        for column in {"n", "n_others", "n_customers", "n_placed"} & set(table.columns):
            assert not table[column].between(1, 9).fillna(False).any(), (name, column)


@pytest.mark.slow
def test_hostile_names_and_nothing_later_than_as_of(tmp_path: Path) -> None:
    """Cutting the export at the date changes nothing that is claimed or published."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
    first = run(NOTEBOOK, whole, study=str(made_up(whole / "study")), as_of="2025-06-30")
    second = run(NOTEBOOK, cut, study=str(made_up(cut / "study", until="2025-06-30")), as_of="2025-06-30")
    assert first[1] == second[1]
    for name, table in tables_of(first[2]).items():
        pd.testing.assert_frame_equal(table, tables_of(second[2])[name])
    texts, claims, out = first
    assert claims["segments.finding"]["value"] == 3
    assert {f"segments.rule.{g}" for g in "abc"} <= set(claims) and "segments.people.a" in claims
    assert_publishable(texts, out, "secret-", "order-")
    assert any("the recipe gives the same" in text for text in texts)
    for claim in read_claims(out / "claims/segments.json"):
        assert "<script>" not in render_claim(claim, language="uk", html=True)
    cells = json.loads((whole / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    html = "".join("".join(o.get("data", {}).get("text/html", "")) for c in cells for o in c.get("outputs", []))
    assert "&lt;script&gt;" in html and "<script>" not in html and "<b>" not in html


def test_where_there_are_none_the_notebook_says_so_and_goes_on(tmp_path: Path) -> None:
    texts, claims, out = run(NOTEBOOK, tmp_path, study=str(ROOT / "data" / "cdnow"))
    assert claims["segments.finding"]["status"] == "no_clear_difference"
    assert claims["segments.instead"]["rests_on"] == ["segments.finding"]
    assert any("form no groups" in text for text in texts) and "segments.stability" not in claims
    assert set(tables_of(out)["groups"]["group"]) >= {"champions", "dormant"}
    assert_publishable(texts, out)


def test_too_early_a_date_is_refused_in_words(tmp_path: Path) -> None:
    texts, claims, out = run(NOTEBOOK, tmp_path, study=str(ROOT / "data" / "b2b"), as_of="2022-12-31")
    assert claims["segments.finding"]["status"] == "too_few"
    assert any("No groups were looked for" in text for text in texts)
    assert "none could enter" in claims["segments.variables"]["template"]
    assert (tables_of(out)["group_variables"]["use"] == "not_used").all()
    assert_publishable(texts, out)
