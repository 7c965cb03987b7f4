"""Exports written to disk, each with one thing wrong, and what `init` makes of them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from custaudience.errors import CustaudienceError
from custaudience.reports.studies import Talk, Wishes, make_study
from custaudience.study import Study, open_study
from custaudience.study.proposing import Answers, Proposal, propose_study

sys.path.insert(0, str(Path(__file__).parent))  # for order_lines.py


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, content: str | bytes) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, *fill: Callable[[Any], None]) -> Path:
        book = openpyxl.Workbook()
        for step in fill:
            step(book.active)
        book.save(tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def propose() -> Callable[..., Proposal]:
    """Return a function that proposes a study; the currency is answered unless another answer is given."""

    def proposed(*files: Path, ask: Any = None, preset: str | None = None, **answers: str) -> Proposal:
        given = {"currency": "EUR", **{key.replace("__", "."): value for key, value in answers.items()}}
        given = {key: value for key, value in given.items() if value}
        return propose_study(files, answers=Answers(given, ask), name="Shop", preset=preset)

    return proposed


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Study]:
    """Return a function that makes a study as `init --yes` does, and opens it."""

    def make(*files: Path, answers: dict[str, str] | None = None, **options: Any) -> Study:
        wishes = Wishes({"currency": "EUR"} | (answers or {}), **options)
        make_study(tmp_path / "study", files, wishes, Talk(say=str))
        return open_study(tmp_path / "study")

    return make


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Return a function that tries to make a study, sees that nothing is left behind, and gives the message."""

    def message(*files: Path, answers: dict[str, str] | None = None, **options: Any) -> str:
        before = set(tmp_path.iterdir())
        wishes = Wishes({"currency": "EUR"} | (answers or {}), **options)
        with pytest.raises(CustaudienceError) as caught:
            make_study(tmp_path / "not" / "made", files, wishes, Talk(say=str))
        assert set(tmp_path.iterdir()) == before
        return str(caught.value)

    return message
