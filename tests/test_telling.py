"""Words stand in sheets, figures come from code, and the Teller is the gate of privacy."""

import ast
import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import pytest

from custaudience import telling
from custaudience.evidence import Estimate, Terms
from custaudience.present.words import render_claim, term
from custaudience.reports.ledger import read_ledger
from custaudience.telling import META, SheetError, Teller, sentences

PACKAGE = Path(telling.__file__).parent
SHEETS = sorted(PACKAGE.rglob("sheet.toml"))
TERMS = Terms(dt.date(2025, 1, 31), "EUR")
WORDS: dict[str, Any] = tomllib.loads(
    """
source = "transactions"
cells = ["more"]
[late]
kind = "count"
statistic = "overdue"
unit = "customers"
text = "{n:count} of {all:count} are late."
[back]
kind = "estimate"
statistic = "overdue"
unit = "fraction"
as = "share"
text = "{share:percent} ({low:percent} to {high:percent}) of {n:count} came back since {day:date}."
few = "Fewer than {least:count} since {day:date}."
[apart]
kind = "difference"
statistic = "overdue"
unit = "money"
text = "{value:money0} more."
method.text = "Welch."
method.odd = "Otherwise."
[again]
like = "apart"
id = "apart"
text = "{name:sentence}"
[do]
kind = "advice"
statistic = "overdue"
text = "Write."
method = "Rule."
[phrases.name]
long = "a name of {value:money0}"
"""
)


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Teller:
    monkeypatch.setattr(telling, "sheet", lambda room: WORDS)
    return Teller("here", "slug", "n.ipynb", TERMS)


def test_a_count_brings_its_own_figures(tell: Teller) -> None:
    claim = tell.say("late", n=40, all=60)
    assert (claim.id, claim.value, claim.n, claim.values) == ("slug.late", 40, 40, {"n": 40, "all": 60})
    assert (claim.status, claim.unit, claim.source, claim.as_of) == (
        "measured", "customers", "transactions", TERMS.as_of,
    )  # fmt: skip


@pytest.mark.parametrize("people", [1, 9, (40, 9), (None, 3)])
def test_small_groups_have_no_figures(tell: Teller, people: Any) -> None:
    claim = tell.say("late", n=40, all=60, people=people)
    assert (claim.value, claim.n, claim.values, claim.status) == (None, None, {"least": 10}, "too_few")
    told = tell.say("back", of=Estimate(0.5, 0.4, 0.6, 0.95, 40), people=people, day="2025-01-01", other=3)
    assert told.values == {"least": 10, "day": "2025-01-01"} and told.low is told.high is told.level is told.n is None


@pytest.mark.parametrize("n", [0, 10])
def test_nobody_and_enough_are_said(tell: Teller, n: int) -> None:
    assert tell.say("late", n=n, all=60).value == n


def test_an_estimate_is_said_with_its_interval(tell: Teller) -> None:
    claim = tell.say("back", of=Estimate(0.5, 0.4, 0.6, 0.95, 40), day="2025-01-01")
    assert claim.values == {"share": 0.5, "low": 0.4, "high": 0.6, "n": 40, "day": "2025-01-01"}
    assert (claim.low, claim.high, claim.level, claim.n) == (0.4, 0.6, 0.95, 40)


def test_the_status_of_a_difference_comes_from_its_interval(tell: Teller) -> None:
    clear, unclear = Estimate(5.0, 1.0, 9.0, 0.95, 40), Estimate(5.0, -1.0, 9.0, 0.95, 40)
    assert tell.say("apart", of=clear).status == "measured"
    assert tell.say("apart", of=unclear).status == "no_clear_difference"
    assert tell.say("apart", of=clear, status="no_clear_difference").status == "no_clear_difference"
    assert tell.say("apart", of=Estimate(5.0, 1.0, 9.0, 0.95, 29)).status == "too_few"
    with pytest.raises(ValueError, match="no difference"):
        tell.say("apart", of=unclear, status="measured")
    assert tell.say("apart", of=clear).values == {"value": 5.0, "currency": "EUR"}


def test_tables_take_over_from_others_and_sentences_stand_in_sentences(tell: Teller) -> None:
    claim = tell.say("again", of=Estimate(5.0, 1.0, 9.0, 0.95, 40), name=tell.phrase("name", "long"), suffix="x")
    assert claim.id == "slug.apart.x" and claim.method == "Welch."
    assert claim.values == {"name": "a name of {value:money0}", "value": 5.0, "currency": "EUR"}
    assert tell.say("do", rests_on=("late", "other.key")).rests_on == ("slug.late", "other.key")


def test_what_is_not_there_is_named(tell: Teller) -> None:
    with pytest.raises(SheetError, match=r"no 'lat' under its keys.*late"):
        tell.say("lat")
    with pytest.raises(SheetError, match="no 'clear' under late"):
        tell.say("late", "clear", n=40, all=2)
    with pytest.raises(SheetError, match="nothing given for all"):
        tell.say("late", n=40)


def test_catalogues_read_all_sentences_and_nothing_else() -> None:
    found = list(sentences(WORDS))
    assert {"more", "Welch.", "Otherwise.", "Rule.", "a name of {value:money0}"} <= set(found)
    assert not {"overdue", "transactions", "fraction", "apart", "share"} & set(found)


@pytest.mark.parametrize("language", ["en", "uk"])
def test_every_claim_of_the_committed_month_can_be_said_and_carries_its_interval(language: str) -> None:
    ledger = read_ledger(PACKAGE.parent / "reports" / "example" / "2017-12")
    assert len(ledger) > 150
    for claim in ledger.values():
        assert render_claim(claim, language=language) and term(claim.statistic, language).say, claim.id
        if claim.kind in ("estimate", "difference"):
            assert not 1 <= (claim.n or 0) <= 9, claim.id
            assert claim.status in ("too_few", "contradicted") or claim.low <= claim.value <= claim.high, claim.id


@pytest.mark.parametrize("path", SHEETS, ids=lambda p: p.parent.name)
def test_every_table_and_case_of_a_sheet_is_named_in_code(path: Path) -> None:
    words = tomllib.loads(path.read_text(encoding="utf-8"))
    named = {
        node.value
        for code in path.parent.rglob("*.py")
        for node in ast.walk(ast.parse(code.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    phrases = words.pop("phrases", {})
    for key, entry in words.items():
        if isinstance(entry, dict) and key not in META:
            cases = {case for case in entry if case not in META} - {"text", "few"}
            assert key in named, f"[{key}] is told by nobody"
            assert cases <= named, f"[{key}]: {sorted(cases - named)} are told by nobody"
    assert set(phrases) <= named
