"""`custaudience init` on the command line, and what it says when a study was made."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from custaudience.cli import app
from custaudience.errors import ConfigError
from custaudience.reports.studies import Talk, Wishes, make_study

ORDERS = "customer_id,order_id,date,amount\n" + "".join(
    f"C{k % 9},O{k},2024-{k % 6 + 1:02d}-{k % 28 + 1:02d},{k}.50\n" for k in range(90)
)


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.csv").write_text(ORDERS)
    return tmp_path / "orders.csv"


def init(*arguments: str):
    return CliRunner().invoke(app, ["init", "shop", *arguments])


def test_a_study_is_made_and_can_be_checked(orders: Path) -> None:
    result = init("--from", "orders.csv", "--currency", "EUR", "--yes")
    assert result.exit_code == 0, result.output
    assert "Written: shop/study.toml, shop/README.md\nNext: custaudience check shop" in result.output.replace("\\", "/")
    checked = CliRunner().invoke(app, ["check", "shop"])
    assert checked.exit_code == 0 and "90 rows read, 90 used, 0 set aside" in checked.output


@pytest.mark.parametrize(
    "arguments, said", [(["--from", "orders.csv", "--yes"], '--answer "currency=…"'),
     (["--from", "orders.cvs", "--yes"], "Did you mean 'orders.csv'?"),
     (["--from", "page.csv", "--currency", "EUR", "--yes"], "page.csv is really a web page"),
     (["--from", "orders.csv", "--currency", "EURO", "--yes"], "'EURO' is no ISO 4217 code"),
     (["--from", "orders.csv", "--currency", "EUR", "--preset", "shop", "--yes"], "preset 'shop' is not known"),
     (["--from", "orders.csv", "--answer", "currency", "--yes"], "write it as name=value"),
     (["--from", "https://example.com/orders.csv", "--yes"], "https:")],
)  # fmt: skip
def test_a_fault_is_one_message_and_exit_code_two(arguments, said, orders: Path, tmp_path: Path) -> None:
    (tmp_path / "page.csv").write_text("<html></html>")
    result = init(*arguments)
    assert result.exit_code == 2 and said in result.stderr
    assert "Traceback" not in result.output and not (tmp_path / "shop").exists()


def test_without_yes_nothing_is_written(orders: Path, tmp_path: Path) -> None:
    result = init("--from", "orders.csv", "--currency", "EUR")
    assert result.exit_code == 1 and "Nothing was written. With --yes it is." in result.stdout
    assert not (tmp_path / "shop").exists()


def test_a_study_that_is_there_stays(orders: Path, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "study.toml").write_text("mine")
    result = init("--from", "orders.csv", "--currency", "EUR", "--yes")
    assert result.exit_code == 2 and "shop holds a study.toml already. Name another folder" in result.stderr
    assert (tmp_path / "shop" / "study.toml").read_text() == "mine"


def test_a_file_where_the_folder_should_be(orders: Path, tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("mine")
    result = init("--from", "orders.csv", "--currency", "EUR", "--yes")
    assert result.exit_code == 2 and "shop is a file. Name a folder to make for the study" in result.stderr


def test_a_readme_that_was_there_is_said_to_stay(orders: Path, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "README.md").write_text("mine")
    said: list[str] = []
    assert make_study("shop", [orders], Wishes({"currency": "EUR"}), Talk(say=said.append))
    assert "README.md was there and is as it was" in said[1]
    assert (tmp_path / "shop" / "README.md").read_text() == "mine"


def test_progress_and_title(orders: Path, tmp_path: Path) -> None:
    said: list[str] = []
    steps: list[str] = []
    make_study("my_shop-1", [orders], Wishes({"currency": "EUR"}), Talk(say=said.append, progress=steps.append))
    assert said[0].startswith("My shop 1: proposed from orders.csv")
    assert steps == ["looking into orders.csv", "counting the rows of orders.csv"]


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no export was given\. Name one: custaudience init DIR --from FILE"):
        make_study(tmp_path / "shop", [])
