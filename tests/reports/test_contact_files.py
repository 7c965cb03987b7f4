"""`custaudience lists`: what stands in the files, who may read them, and a draw that stays true."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from fakes import rows_of, write_lists
from typer.testing import CliRunner

from custaudience.cli import app
from custaudience.errors import DataError, ParameterError
from custaudience.reports.contact_files import ContactFiles, judge_month, safe_cell
from custaudience.reports.runner import publish_private
from custaudience.reports.swap import LockedError, run_lock
from custaudience.study import open_study

EVIL = '=HYPERLINK("http://x";"y")'


def sales(n: int = 240) -> pd.DataFrame:
    """Return order lines of customers who buy bricks, half of them with sand, and then come every three weeks."""
    rng, rows = np.random.default_rng(11), []
    for i in range(n):
        who, day = f"{i:04}", int(rng.integers(0, 60))
        rows.append((who, day, "bricks", 100.0))
        rows += [(who, day, "sand", 20.0)] if i % 2 else []
        for _ in range(7):
            day += int(rng.integers(15, 28))
            rows.append((who, day, ("tea", EVIL, "ink")[i % 3], 10.0))
    rows += [(f"x{i}", int(rng.integers(0, 180)), "nails", 5.0) for i in range(100)]  # buy neither
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "product_id", "revenue"])
    frame = frame[frame["day"] <= 180].sort_values(["day", "customer_id"], ignore_index=True)
    at = pd.Timestamp("2025-01-01 12:00") + pd.to_timedelta(frame.pop("day"), unit="D")
    return frame.assign(ordered_at=at, order_id=frame["customer_id"] + at.dt.strftime("%j"))


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CUSTAUDIENCE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shop"
    folder.mkdir()
    sales().to_csv(folder / "orders.csv", index=False)
    people = pd.DataFrame({"customer_id": [f"{i:04}" for i in range(240)], "letters": ["так", "Ні", "yes", ""] * 60})
    people.to_csv(folder / "people.csv", index=False)
    (folder / "study.toml").write_text(
        '[study]\nname = "Shop"\ncurrency = "EUR"\ntimezone = "Europe/Kyiv"\nfirst_orders = "observed"\n'
        'complete_until = "2025-06-30"\n[tables.transactions]\npath = "orders.csv"\n'
        '[tables.customers]\npath = "people.csv"\ncolumns = { consent = "letters" }\n',
        encoding="utf-8",
    )
    return folder


def without_consent(study: Path) -> Path:
    toml = study / "study.toml"
    toml.write_text(toml.read_text(encoding="utf-8").split("[tables.customers]")[0], encoding="utf-8")
    return study


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_only_who_agreed_and_is_not_held_out_stands_in_a_list(study: Path) -> None:
    written = write_lists(study, hold_out=0.2, bought=["bricks"], missing=["sand"])
    assert written.folder == study.parent / "private" / "shop" / "2025-06" / "lists"
    assert written.warnings == ()
    agreed = {f"{i:04}" for i in range(240) if i % 4 in (0, 2)}
    held = {row["customer_id"] for row in rows_of(written.folder / "hold_out.csv")}
    record = json.loads((written.folder / "hold_out.json").read_text(encoding="utf-8"))
    seen: set[str] = set()
    for name in ("overdue", "missing", "regular"):
        rows = rows_of(written.folder / f"{name}.csv")
        ids = [row["customer_id"] for row in rows]
        counts = record["counts"][name]
        assert len(ids) == len(set(ids)) == counts["n_to_write"]
        assert {row["consent"] for row in rows} <= {"yes"} and all(row["reason"] and row["segment"] for row in rows)
        seen |= set(ids)
    assert seen and held and not seen & held and seen | held <= agreed
    assert len(held) == record["counts"]["any"]["n_held_out"]
    missed = {row["customer_id"] for row in rows_of(written.folder / "missing.csv")}
    assert missed | held >= {i for i in agreed if int(i) % 2 == 0} > missed  # bricks without sand, counted by hand
    assert {"share": 0.2, "seed": 1, "as_of": "2025-06-30"}.items() <= record.items() and record["fingerprint"]


def test_files_are_for_their_owner_only_and_open_safely_in_a_spreadsheet(study: Path) -> None:
    written = write_lists(study, hold_out=0.2)
    for folder in (written.folder, written.folder.parent, written.folder.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in written.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        if path.suffix == ".csv":
            assert path.read_bytes().startswith(b"\xef\xbb\xbf")
            for row in rows_of(path):
                assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row.values())
    reasons = [row["reason"] for row in rows_of(written.folder / "regular.csv")]
    assert any("HYPERLINK" in reason for reason in reasons)
    assert rows_of(written.folder / "regular.csv")[0]["customer_id"].startswith("0")  # ids stay text
    assert not list(written.folder.parent.glob(".lists*"))


@pytest.mark.parametrize(
    ("cell", "safe"),
    [("=1+1", "'=1+1"), ("+380501234567", "'+380501234567"), ("-5", "'-5"), ("@SUM(A1)", "'@SUM(A1)"),
     ("\t=1", "'\t'=1"), ("\rx", "'\rx"), ("\nx", "'\nx"), ("  =1", "'  =1"), ("\uff1d1", "'\uff1d1"),
     ("tea;=1+1", "tea;'=1+1"), ("tea, -10 %", "tea, '-10 %"), ("a\n=1", "a\n'=1"),
     ("007", "007"), ("sugar-free", "sugar-free"), ("a = b", "a = b"), ("", ""), ("'=1", "'=1")],
)  # fmt: skip
def test_no_cell_becomes_a_formula(cell: str, safe: str) -> None:
    assert safe_cell(cell) == safe


def test_the_same_options_write_the_same_files(study: Path) -> None:
    options = {"hold_out": 0.2, "seed": 4, "bought": ["bricks"], "missing": ["sand"]}
    folder = write_lists(study, **options).folder
    before = bytes_of(folder)
    write_lists(study, **options)
    assert bytes_of(folder) == before
    lines = (study / "orders.csv").read_text(encoding="utf-8").splitlines()
    other = study.parent / "other" / "shop"
    other.mkdir(parents=True)
    for file in study.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    (other / "orders.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n", encoding="utf-8")
    again = bytes_of(write_lists(other, **options, private=study.parent / "elsewhere").folder)
    assert again.keys() == before.keys()
    assert all(again[name] == before[name] for name in before if name != "hold_out.json")  # its fingerprint differs


def test_other_terms_are_refused_until_asked_for_again(study: Path) -> None:
    options = {"hold_out": 0.2, "bought": ["bricks"], "missing": ["sand"]}
    folder = write_lists(study, **options).folder
    before = bytes_of(folder)
    with pytest.raises(
        ParameterError, match=r"2025-06 have been written on other terms: seed was 1, now 2\. .*--again"
    ):
        write_lists(study, **options, seed=2)
    with pytest.raises(ParameterError, match=r"share was 0\.2, now 0\.0; bought was bricks, now sand"):
        write_lists(study, bought=["sand"], missing=["bricks"])
    with (study / "orders.csv").open("a", encoding="utf-8") as file:
        file.write("0001,tea,9.0,2025-06-29 12:00:00,late\n")
    with pytest.raises(ParameterError, match="the data or their declaration changed"):
        write_lists(study, **options)
    assert bytes_of(folder) == before
    write_lists(study, **options, seed=2, again=True)
    record = json.loads((folder / "hold_out.json").read_text(encoding="utf-8"))
    assert record["seed"] == 2 and [old["seed"] for old in record["replaced"]] == [1]
    assert "written anew" in (folder / "README.txt").read_text(encoding="utf-8-sig")
    write_lists(study, **options, seed=2, language="uk")  # words are no terms


def test_without_a_column_of_consent_everybody_is_listed_and_that_is_said_first(study: Path) -> None:
    done = CliRunner().invoke(app, ["lists", str(without_consent(study))])
    assert done.exit_code == 0, done.output
    assert "It is not known who agreed to be written to" in done.stderr and "not known" in done.stdout
    folder = Path(done.stdout.splitlines()[-1])
    assert (folder / "README.txt").read_text(encoding="utf-8-sig").startswith("It is not known who agreed")
    assert {row["consent"] for row in rows_of(folder / "regular.csv")} == {"not known"}
    assert not (folder / "hold_out.csv").exists()
    assert "Nobody is held out" in done.stdout


def test_what_is_printed_holds_counts_and_no_customer(study: Path) -> None:
    done = CliRunner().invoke(app, ["lists", str(study), "--hold-out", "0.1", "--language", "uk"])
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    printed = done.stdout.replace(str(study.parent), "")
    assert not [i for i in range(240) if f"{i:04}" in printed.replace("2025", "")]
    reasons = [row["reason"] for row in rows_of(Path(done.stdout.splitlines()[-1]) / "regular.csv")]
    assert reasons and Path(done.stdout.splitlines()[-1]).name == "lists"
    head = (Path(done.stdout.splitlines()[-1]) / "regular.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    assert ";" in head  # where a comma is the decimal sign, Excel takes a semicolon for the separator


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--month", "2025-07"], "month 2025-07 is not complete in the data of shop"),
     (["--month", "June"], "month June is not complete"),
     (["--hold-out", "1"], "expected a share from 0 to 0.9"),
     (["--hold-out", "nan"], "expected a share from 0 to 0.9"),
     (["--bought", "bricks"], "bought and missing go together"),
     (["--bought", "brick", "--missing", "sand"], "'brick' is no name of anything sold here. Did you mean 'bricks'"),
     (["--bought", "sand", "--missing", "sand"], "both bought and missing"),
     (["--language", "xx"], "no language 'xx'"),
     (["--level", "kind"], "kind"),
     (["--window", "-1"], "window")],
)  # fmt: skip
def test_wrong_usage_is_told_in_a_sentence_and_nothing_is_written(
    study: Path, arguments: list[str], message: str
) -> None:
    done = CliRunner().invoke(app, ["lists", str(study), *arguments])
    assert done.exit_code == 2 and message in done.stderr, done.output
    assert done.stdout == "" and "Traceback" not in done.output
    assert not list(study.parent.glob("private/shop/*/lists"))


def test_words_of_consent_that_are_not_understood_stop_the_lists(study: Path) -> None:
    people = study / "people.csv"
    people.write_text(people.read_text(encoding="utf-8").replace("yes", "perhaps"), encoding="utf-8")
    with pytest.raises(DataError, match=r"neither yes nor no: 'perhaps' \(60\)"):
        write_lists(study)
    toml = study / "study.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + 'consent_yes = ["perhaps"]\n', encoding="utf-8")
    ids = {row["customer_id"] for row in rows_of(write_lists(study).folder / "regular.csv")}
    assert ids and {int(i) % 4 for i in ids} == {2}


def test_two_runs_at_once_do_not_meet(study: Path) -> None:
    folder = write_lists(study, hold_out=0.2).folder
    with run_lock(folder.parent.parent / ".lists.lock"), pytest.raises(LockedError):
        write_lists(study, hold_out=0.2)
    assert LockedError.exit_code == 75


def test_a_failure_leaves_the_old_lists_whole(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_lists(study, hold_out=0.2).folder
    before = bytes_of(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("custaudience.reports.contact_files.contact_notes", full)
    with pytest.raises(OSError, match="No space left"):
        write_lists(study, hold_out=0.2, seed=9, again=True)
    assert bytes_of(folder) == before
    assert not list(folder.parent.glob(".lists*"))


@pytest.fixture
def judged(study: Path) -> Callable[[], ContactFiles]:
    """Return a function that writes May's lists with a hold-out, and then June's."""
    write_lists(study, month="2025-05", hold_out=0.4, bought=["bricks"], missing=["sand"])
    return lambda: write_lists(study, month="2025-06", bought=["bricks"], missing=["sand"])


def test_last_months_hold_out_is_judged(study: Path, judged: Callable[[], ContactFiles]) -> None:
    lines = judged().lines
    place = lines.index("Held out in 2025-05:")
    folder = study.parent / "private" / "shop" / "2025-05" / "lists"
    record = json.loads((folder / "hold_out.json").read_text(encoding="utf-8"))
    claims = {claim.id.rpartition(".")[2]: claim for claim in judge_month(folder, open_study(study), "2025-06")}
    assert len(lines) == place + 1 + len(claims)
    drawn = pd.read_parquet(folder / "drawn.parquet").drop_duplicates("customer_id").set_index("customer_id")
    orders = pd.read_csv(study / "orders.csv", dtype=str)
    back = set(orders.loc[orders["ordered_at"].between("2025-06-01", "2025-07-01"), "customer_id"])
    shares = drawn.index.isin(back), drawn["held_out"].to_numpy()
    written, held = (shares[0][shares[1] == which].mean() for which in (False, True))
    whole = claims["any"]
    assert whole.kind == "difference" and whole.low <= whole.value <= whole.high
    assert whole.value == pytest.approx(written - held)
    assert whole.values["n_held_out"] == record["counts"]["any"]["n_held_out"] == drawn["held_out"].sum()


def test_a_record_that_cannot_be_read_is_named_and_stops_nothing(
    study: Path, judged: Callable[[], ContactFiles]
) -> None:
    folder = study.parent / "private" / "shop" / "2025-05" / "lists"
    (folder / "drawn.parquet").write_bytes(b"no parquet")
    assert "drawn.parquet cannot be read" in judged().lines[-1]
    (folder / "hold_out.json").write_text('{"share": 0.1}', encoding="utf-8")
    assert "hold_out.json cannot be read" in judged().lines[-1]
    with pytest.raises(ParameterError, match="Move it aside"):
        write_lists(study, month="2025-05")
    with pytest.raises(ParameterError, match=r"no hold_out\.json here"):
        judge_month(study, open_study(study), "2025-06")


def test_a_month_without_a_hold_out_is_not_judged(study: Path) -> None:
    write_lists(study, month="2025-05")
    written = write_lists(study, month="2025-06")
    assert not [line for line in written.lines if line.startswith("Held out in")]
    folder = study.parent / "private" / "shop" / "2025-05" / "lists"
    assert judge_month(folder, open_study(study), "2025-06") == []


def test_a_study_without_products_lists_whom_it_can(study: Path) -> None:
    orders = pd.read_csv(study / "orders.csv", dtype=str).drop(columns="product_id")
    orders.to_csv(study / "orders.csv", index=False)
    written = write_lists(study)
    assert not (written.folder / "missing.csv").exists()
    assert any(
        "missing: cannot be listed: the order lines do not say what was bought" in line for line in written.lines
    )
    assert rows_of(written.folder / "regular.csv")[0]["reason"].startswith("Orders about every")
    with pytest.raises(DataError, match="no product_id"):
        write_lists(study, level="kind", again=True)


def test_a_report_of_the_same_month_keeps_the_lists(study: Path) -> None:
    written = write_lists(study, hold_out=0.2, bought=["bricks"], missing=["sand"])
    before = bytes_of(written.folder)
    private = written.folder.parents[1]
    month = publish_private(SimpleNamespace(private=private, study=open_study(study)), "2025-06")  # type: ignore[arg-type]
    assert month == written.folder.parent and (month / "quarantine").is_dir()
    assert bytes_of(month / "lists") == before
    assert stat.S_IMODE((month / "lists").stat().st_mode) == 0o700
