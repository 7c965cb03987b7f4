"""Who agreed to be written to: words that are understood, words that are refused, and where the column may stand."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from custaudience.errors import ConfigError, DataError
from custaudience.study import open_study
from custaudience.study.values import NO, YES, read_consent


@pytest.mark.parametrize(
    "word", ["yes", "TRUE", "1", "Так", "ТАК", "да", "Có", "đồng ý", " opted  in ", "y\u00a0", "+"]
)
def test_words_of_four_languages_mean_yes(word: str) -> None:
    assert read_consent(pd.Series([word])).tolist() == [True]


@pytest.mark.parametrize(
    "word", ["no", "False", "0", "Ні", "нет", "Không", "unsubscribed", "не згоден", "-", "", " ", None]
)
def test_no_and_nothing_mean_no(word: str | None) -> None:
    """Nobody agreed by saying nothing."""
    assert read_consent(pd.Series([word], dtype="str")).tolist() == [False]


def test_no_word_means_both() -> None:
    assert not YES & NO
    assert all(word == word.strip().casefold() for word in YES | NO)


def test_unknown_words_are_named_and_not_guessed() -> None:
    values = pd.Series(["так", "можливо", "Weekly", "Weekly", "ні"])
    with pytest.raises(DataError, match=r"neither yes nor no: 'Weekly' \(2\), 'можливо' \(1\)\. Say .*consent_yes"):
        read_consent(values)
    with pytest.raises(DataError, match="and 3 others"):
        read_consent(pd.Series([f"word {i}" for i in range(8)]))


def test_given_words_mean_yes_and_every_other_means_no() -> None:
    values = pd.Series(["weekly", "Monthly", "yes", "never", None, "2024-05-01"])
    assert read_consent(values, yes=["Weekly", "monthly"]).tolist() == [True, True, False, False, False, False]
    assert read_consent(values, yes=["2024-*"]).tolist() == [False, False, False, False, False, True]
    assert read_consent(values, yes=["*"]).tolist() == [True, True, True, True, False, True]
    assert read_consent(pd.Series(["a[b", "ab"]), yes=["a[b"]).tolist() == [True, False]


def test_true_and_false_of_a_frame_and_an_empty_one() -> None:
    assert read_consent(pd.Series([True, False, None], dtype="boolean")).tolist() == [True, False, False]
    assert read_consent(pd.Series([], dtype="str")).empty


def with_people(make_study: Callable[..., Path], column: str, more: str = "") -> Path:
    folder = make_study()
    (folder / "people.csv").write_text(f"id,{column}\n007,Так\n0042,ні\n9,\n", encoding="utf-8")
    toml = folder / "study.toml"
    section = (
        f'\n[tables.customers]\npath = "people.csv"\ncolumns = {{ customer_id = "id", consent = "{column}" }}\n{more}'
    )
    toml.write_text(toml.read_text(encoding="utf-8") + section, encoding="utf-8")
    return folder


def test_a_study_names_its_column_of_consent(make_study: Callable[..., Path]) -> None:
    table = open_study(with_people(make_study, "Розсилка")).table("customers").df().set_index("customer_id")
    assert read_consent(table["consent"]).to_dict() == {"007": True, "0042": False, "9": False}


def test_words_that_mean_yes_belong_to_customers(make_study: Callable[..., Path]) -> None:
    folder = with_people(make_study, "letters", 'consent_yes = ["так"]\n')
    assert open_study(folder).config.tables["customers"].consent_yes == ("так",)
    with pytest.raises(ConfigError, match=r"\[tables\.transactions\] consent_yes: only customers have it"):
        open_study(make_study(table='consent_yes = ["yes"]'))
