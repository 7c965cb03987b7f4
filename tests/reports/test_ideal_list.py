"""ideal.csv beside the month's lists: whom to get to know, private, and no list to write to."""

import stat
from pathlib import Path

import pandas as pd
import pytest
from fakes import rows_of, write_lists

from custaudience import open_study
from custaudience.audience import CutOffs
from custaudience.recipes import ideal_customers_at, segments_at


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten who order monthly for much, three of them silent since spring, and ninety who ordered twice for little."""
    monkeypatch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CUSTAUDIENCE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shop"
    folder.mkdir()
    rows = []
    for i in range(100):
        name = f"=c{i:03}" if i == 0 else f"c{i:03}"
        last = "2025-04-01" if i in (7, 8, 9) else "2025-11-20"
        for day in pd.date_range(end=last, periods=9 if i < 10 else 2, freq="30D"):
            rows.append((name, f"o{i}-{day:%j}", f"{day:%Y-%m-%d} 12:00:00", 90 + i if i < 10 else 5))
    pd.DataFrame(rows, columns=["customer_id", "order_id", "ordered_at", "revenue"]).to_csv(
        folder / "orders.csv", index=False
    )
    pd.DataFrame({"customer_id": ["=c000", "c001", "c002"], "consent": ["yes", "no", ""]}).to_csv(
        folder / "people.csv", index=False
    )
    pd.DataFrame(
        {"customer_id": ["c003", "c001"], "NPS": ["9", "2"], "answered_at": ["2025-06-01", "2025-06-01"]}
    ).to_csv(folder / "survey.csv", index=False)
    (folder / "study.toml").write_text(
        '[study]\nname = "Shop"\ncurrency = "EUR"\ntimezone = "Europe/Kyiv"\nfirst_orders = "observed"\n'
        'complete_until = "2025-11-30"\n[tables.transactions]\npath = "orders.csv"\n[tables.customers]\n'
        'path = "people.csv"\n[tables.survey]\npath = "survey.csv"\n',
        encoding="utf-8",
    )
    return folder


def test_everybody_ideal_stands_in_it_with_reason_consent_and_hold_out(study: Path) -> None:
    written = write_lists(study, hold_out=0.5)
    rows = rows_of(written.folder / "ideal.csv")
    # the dissatisfied c001 and the silent c007 to c009 are out; consent keeps nobody from being known
    assert [row["customer_id"] for row in rows] == ["c006", "c005", "c004", "c003", "c002", "'=c000"]
    by_id = {row["customer_id"]: row for row in rows}
    assert by_id["'=c000"]["consent"] == "yes" and by_id["c002"]["consent"] == by_id["c006"]["consent"] == "no"
    assert by_id["c006"]["reason"] == (
        "9 orders over 240 days, €864 in all; silent for 10 days, usual gaps last up to 30."
    )
    assert "answered 9 of 10" in by_id["c003"]["reason"]
    held = {row["customer_id"] for row in rows_of(written.folder / "hold_out.csv")}
    assert {row["customer_id"] for row in rows if row["held_out"] == "yes"} == held & set(by_id)
    assert set(by_id["c006"]) == {"customer_id", "reason", "segment", "consent", "held_out"}
    ideal = ideal_customers_at(open_study(study), written_day(study))
    assert len(rows) == ideal.n_ideal
    assert by_id["c006"]["segment"] and len(segments_at(open_study(study), written_day(study)))


def written_day(study: Path):
    return open_study(study).default_as_of


def test_it_is_private_and_counted_only_where_it_is_printed(study: Path) -> None:
    written = write_lists(study)
    assert stat.S_IMODE((written.folder / "ideal.csv").stat().st_mode) == 0o600
    line = next(line for line in written.lines if line.startswith("  ideal:"))
    assert line == "  ideal: 6 customers, to know and not to write to"
    assert not any("c00" in line for line in written.lines)
    notes = (written.folder / "README.txt").read_text(encoding="utf-8-sig")
    assert "It is no list to write to" in notes and "6 ideal customers" in notes


def test_where_nobody_can_be_named_there_is_no_file_and_the_reason(study: Path) -> None:
    written = write_lists(study, month="2024-09", private=study.parent / "early")
    assert not (written.folder / "ideal.csv").exists()
    assert any("Nobody can be called loyal yet" in line for line in written.lines)
    assert "There is no ideal.csv: Nobody can be called loyal yet" in (
        (written.folder / "README.txt").read_text(encoding="utf-8-sig")
    )
    first = {path.name: path.read_bytes() for path in written.folder.iterdir()}
    again = write_lists(study, month="2024-09", private=study.parent / "early")
    assert {path.name: path.read_bytes() for path in again.folder.iterdir()} == first


def test_a_survey_of_a_study_is_read_and_asked(study: Path) -> None:
    ideal = ideal_customers_at(open_study(study), written_day(study))
    assert ideal.cut_offs.satisfaction_column == "NPS" and ideal.cut_offs.satisfied_from == 9
    assert [part.part for part in ideal.missing_parts] == ["engaged"]
    orders_only = ideal_customers_at(open_study(study), written_day(study), CutOffs(ask="orders"))
    assert orders_only.n_ideal == ideal.n_ideal + 1
