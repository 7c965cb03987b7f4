"""The pages of existing customers on the other bundled studies; long, so among the slow tests."""

import re
from pathlib import Path

import pandas as pd
import pytest
from fakes import command, text_of

from custaudience.reports.topics import TOPICS

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def month_of(study: str, folder: Path) -> Path:
    done = command("report", ROOT / "data" / study, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return Path(done.stdout.strip()).parent


def test_shop_finds_what_was_planted_and_names_nobody(tmp_path: Path) -> None:
    month = month_of("shop", tmp_path)
    there = {topic.stem for topic in TOPICS if (month / f"{topic.stem}.html").is_file()}
    assert there == {topic.stem for topic in TOPICS} - {"campaign_response"}  # the shop has no campaigns
    claims = pd.read_parquet(month / "tables" / "claims.parquet").set_index("id")
    assert {"Цегла"} <= set(re.findall(r"\w+", str(claims.loc["cross_sell.finding", "values"])))
    known = set(pd.read_csv(ROOT / "data/shop/customers.csv", sep=";", encoding="cp1251", dtype=str)["Код клієнта"])
    for path in month.rglob("*.html"):
        assert not known & set(re.findall(r"\b\d{6}\b", text_of(path))), path.name
