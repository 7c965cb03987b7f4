"""The whole run on real notebooks: what a director reads is true, and nobody can be recognised."""

import json
import re
import stat
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fakes import command, text_of

from custaudience.reports.topics import TOPICS

ROOT = Path(__file__).parents[2]
Run = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def february(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("february")
    languages = ("--language", "en", "--language", "uk")
    done = command("report", ROOT / "data" / "grocery", "--month", "2017-02", *languages, cwd=folder)
    return folder, done


def test_a_month_is_published_and_its_path_printed(february: Run) -> None:
    folder, done = february
    assert done.returncode == 0, done.stderr[-2000:]
    index = folder / "reports" / "grocery" / "2017-02" / "index.html"
    assert done.stdout.strip() == str(index)
    assert index.is_file() and (index.parent / "index.uk.html").is_file()
    manifest = json.loads((index.parent / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "complete"


def test_february_says_both_total_and_per_day(february: Run) -> None:
    page = february[0] / "reports/grocery/2017-02/index.html"
    text = text_of(page)
    assert "−6.2 %" in text and "+3.8 %" in text
    assert "1,469,307 lines read" in text and "0 lines set aside" in text
    assert "$350,055" in text
    assert "disagree whether it is simulated" in text
    uk = text_of(page.with_name("index.uk.html"))
    assert "−6,2 %" in uk and "+3,8 %" in uk and "1 469 307" in uk


def test_nothing_of_march_is_in_februarys_tables(february: Run) -> None:
    months = pd.read_parquet(february[0] / "reports/grocery/2017-02/tables/months.parquet")
    assert months["month"].tolist() == ["2017-01", "2017-02"]


def test_why_revenue_moved_stands_below_the_headline_and_on_its_page(february: Run) -> None:
    """The "because" of the first page comes from the bridge alone, whose parts sum to the cent (000-24)."""
    month = february[0] / "reports/grocery/2017-02"
    claims = pd.read_parquet(month / "tables" / "claims.parquet").set_index("id")
    assert claims.loc["what_changed.because", "notebook"] == "50_what_changed.ipynb"
    parts = pd.read_parquet(month / "tables" / "revenue_bridge.parquet")
    first, last = parts.iloc[0], parts.iloc[-1]
    assert round(float(parts["change"].iloc[1:-1].sum()), 2) == round(float(last["end"] - first["end"]), 2) == -23245.15
    for language, page in (("en", "index.html"), ("uk", "index.uk.html")):
        text = text_of(month / page)
        assert {"en": "$23,245 lower than in January 2017", "uk": "23 245"}[language] in text
    assert "$23,245 lower than in January 2017" in text_of(month / "what_changed.html")


def test_each_topic_has_its_page_in_both_languages(february: Run) -> None:
    month = february[0] / "reports/grocery/2017-02"
    index = (month / "index.html").read_text(encoding="utf-8")
    for topic in TOPICS:
        page = month / f"{topic.stem}.html"
        assert f'href="{page.name}"' in index, topic.stem
        said = text_of(page)
        assert "data:image/svg+xml" in page.read_text(encoding="utf-8") or "too few to say" in said, topic.stem
        uk = text_of(page.with_name(f"{topic.stem}.uk.html"))
        assert topic.name not in uk and "evidence" not in uk, topic.stem


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose every id is easy to find again, with rows that must be set aside."""
    folder = tmp_path_factory.mktemp("planted")
    shop = folder / "shop"
    shop.mkdir()
    rng = np.random.default_rng(5)
    n = 3000
    customer = rng.integers(0, 240, n)
    lines = pd.DataFrame(
        {"customer_id": [f"ZQXCUST{c:04d}" for c in customer],
         "order_id": [f"ZQXORDER{i // 2:05d}" for i in range(n)],
         "ordered_at": (
             pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 547, n)), unit="D")
         ).strftime("%Y-%m-%d"),
         "revenue": rng.gamma(2.0, 15.0, n).round(2).astype(str)}
    )  # fmt: skip
    lines["order_id"] = lines["order_id"] + lines["customer_id"].str[-4:]
    lines.loc[[10, 500, 900], "revenue"] = "ZQXBAD"
    lines.loc[n - 1, "ordered_at"] = "2025-06-30"
    kinds = np.array(["bricks", "sand <script>alert(2)</script>", "{n:count} tea", "ink"])
    lines["product_id"] = np.where(lines.index % 2 == 0, customer % 2, 2 + customer % 2)
    lines.to_csv(shop / "orders.csv", index=False)
    pd.DataFrame({"product_id": range(4), "category": kinds}).to_csv(shop / "products.csv", index=False)
    people = pd.DataFrame({"customer_id": [f"ZQXCUST{c:04d}" for c in range(260)]})
    people["plan"] = np.where(people.index % 3 == 0, "<b>gold</b>", "plain")
    people["email"] = [f"ZQXMAIL{c}@example.org" for c in range(260)]
    people["letters"] = np.where(people.index % 2 == 0, "yes", "no")
    people.to_csv(shop / "people.csv", index=False)
    (shop / "study.toml").write_text(
        '[study]\nname = "<script>alert(1)</script> & Co"\ncurrency = "UAH"\ntimezone = "Europe/Kyiv"\n'
        'first_orders = "observed"\n[tables.transactions]\npath = "orders.csv"\n'
        '[tables.products]\npath = "products.csv"\n'
        '[tables.customers]\npath = "people.csv"\ncolumns = { consent = "letters" }\n',
        encoding="utf-8",
    )
    done = command("report", shop, "--language", "uk", cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def test_no_identifier_is_in_any_published_file(planted: Path) -> None:
    published = [path for path in (planted / "reports").rglob("*") if path.is_file()]
    assert len(published) > 15
    for path in published:
        assert not re.search(rb"ZQX(CUST|ORDER|BAD|MAIL)", path.read_bytes()), path.name
        if path.suffix == ".parquet":  # compressed: look inside, too
            assert "ZQX" not in pd.read_parquet(path).to_csv(), path.name
        if path.suffix == ".html":
            assert "<script" not in path.read_text(encoding="utf-8").lower(), path.name


def test_no_small_group_is_in_any_published_table(planted: Path) -> None:
    of_people = {"n_customers", "n_overdue", "n_before", "joined", "left", "n_may_write", "n_to_write", "n_held_out"}
    seen = set()
    for path in (planted / "reports").rglob("*.parquet"):
        table = pd.read_parquet(path)
        for column in of_people & set(table.columns):
            seen.add(path.stem)
            assert not table[column].between(1, 9).any(), (path.name, column)
    assert {"segments", "contact_lists", "product_pairs", "revenue_bridge_segments"} <= seen


def test_what_was_set_aside_is_private_and_complete(planted: Path) -> None:
    month = planted / "private" / "shop" / "2025-06"
    assert stat.S_IMODE(month.stat().st_mode) == 0o700
    rows = pd.read_csv(month / "quarantine" / "transactions.csv")
    assert rows["value"].tolist() == ["ZQXBAD"] * 3 and rows["row"].tolist() == [11, 501, 901]
    page = text_of(planted / "reports" / "shop" / "2025-06" / "index.html")
    assert "3 000" in page and "2 997" in page
