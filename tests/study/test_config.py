"""study.toml: what cannot be is refused with the near miss."""

from collections.abc import Callable
from pathlib import Path

import pytest

from custaudience.errors import ConfigError
from custaudience.study import Study, open_study


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [('currency = "EUR"', 'currency = "EURO"', r"study\.currency: currency 'EURO' is no ISO 4217 code"),
     ("Europe/Kyiv", "Europe/Kiyv", r"time zone 'Europe/Kiyv' does not exist\. Did you mean 'Europe/Kyiv'"),
     ("name =", "max_quarantine = 0.2\nname =", r"max_quarantine is not known\. Did you mean 'max_quarantined'"),
     ("[tables.transactions]", "[tables.transaction]",
      r"table 'transaction' is not known\. Did you mean 'transactions'"),
     ('path = "orders.csv"', 'path = "orders.csv"\ncolumns = { revenu = "x" }',
      r"'revenu' is none of our names\. Did you mean 'revenue'"),
     ('path = "orders.csv"', 'path = "order.csv"', r"'order\.csv' is not there\. The folder holds orders\.csv"),
     ('path = "orders.csv"', 'path = "orders.csv"\nencoding = "cp12"', "encoding 'cp12' is not known"),
     ("[control]", '[control]\n"revenue.2025-13" = 1', r'write "revenue\.2025-01"'),
     ('name = "Shop"', "name = Shop", "not valid TOML")],
)  # fmt: skip
def test_what_cannot_be_is_refused(make_study: Callable[..., Path], old: str, new: str, message: str) -> None:
    toml = make_study() / "study.toml"
    assert old in toml.read_text()
    toml.write_text(toml.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=message):
        open_study(toml.parent).table("transactions")


def test_a_folder_that_is_no_study(tmp_path: Path, make_study: Callable[..., Path]) -> None:
    make_study(folder="grocery")
    with pytest.raises(ConfigError, match=r"Did you mean 'grocery'"):
        open_study(tmp_path / "grocry")
    with pytest.raises(ConfigError, match=r"holds no study\.toml"):
        open_study(tmp_path)


def test_an_unknown_frame_names_the_near_miss() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'transactions'"):
        Study.from_frames(currency="EUR", timezone="UTC", transaction=None)
