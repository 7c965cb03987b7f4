"""A claim cannot contradict its own kind; what is published carries no identifier and no small group."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from custaudience.errors import PrivacyError
from custaudience.evidence import (
    Claim,
    ledger_frame,
    publish,
    read_claims,
    status_of_difference,
    suppress_small,
    write_claims,
)


def claim(**changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "id": "kpi.revenue", "template": "Revenue {value:money0}.", "values": {"value": 12.5}, "kind": "count",
        "statistic": "revenue", "value": 12.5, "unit": "EUR", "n": 3, "source": "transactions",
        "as_of": dt.date(2025, 1, 31), "notebook": "00_start_here.ipynb"
    }  # fmt: skip
    return Claim(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"id": "Revenue"}, "expected slug.key"),
     ({"kind": "estimate"}, "needs low, high and level"),
     ({"kind": "difference", "low": 0.1, "high": 0.2}, "needs low, high and level"),
     ({"low": 1.0, "high": 2.0, "level": 0.95}, "a count is exact"),
     ({"kind": "estimate", "low": 3.0, "high": 2.0, "level": 0.95}, r"interval 3\.0\.\.2\.0"),
     ({"kind": "advice", "status": "advice"}, "must name its rule"),
     ({"kind": "advice", "method": "rule", "rests_on": ("kpi.orders",)}, "has status 'advice'"),
     ({"kind": "guess"}, "does not exist"),
     ({"kind": "difference", "low": -0.1, "high": 0.2, "level": 0.95}, "covers 0, no difference"),
     ({"kind": "difference", "low": 0.9, "high": 2.0, "level": 0.95, "unit": "times"}, "covers 1, no difference")]
)  # fmt: skip
def test_a_claim_that_contradicts_its_kind_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        claim(**changes)


def test_an_estimate_without_interval_may_say_too_few() -> None:
    assert claim(kind="estimate", status="too_few", value=None).status == "too_few"


@pytest.mark.parametrize(
    ("low", "high", "n", "status"),
    [(0.1, 0.2, 200, "measured"), (-0.1, 0.2, 200, "no_clear_difference"), (0.0, 0.2, 200, "no_clear_difference"),
     (0.1, 0.2, 29, "too_few"), (float("nan"), float("nan"), 200, "too_few")]
)  # fmt: skip
def test_status_of_a_difference(low: float, high: float, n: int, status: str) -> None:
    assert status_of_difference(low, high, n) == status


def test_what_is_told_as_so_many_times_is_compared_with_one() -> None:
    assert status_of_difference(0.8, 1.2, 200, unit="times") == "no_clear_difference"
    assert status_of_difference(0.6, 0.9, 200, unit="times") == "measured"
    assert claim(kind="difference", low=0.6, high=0.9, level=0.95, unit="times").status == "measured"


def test_of_many_tested_one_may_be_unclear_though_its_interval_is_not() -> None:
    held_back = claim(kind="difference", low=0.1, high=0.2, level=0.95, status="no_clear_difference")
    assert held_back.status == "no_clear_difference"


def test_claims_survive_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "claims" / "kpi.json"
    before = [claim(values={"name": "Оксана <b>", "n": 3})]
    write_claims(path, before)
    assert read_claims(path) == before
    assert "Оксана" in path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="same id"):
        write_claims(path, before * 2)


def test_the_ledger_has_a_row_per_claim_whatever_the_order() -> None:
    claims = [claim(id="kpi.b", n=None), claim(id="kpi.a", value=None)]
    ledger = ledger_frame(claims)
    assert ledger["id"].tolist() == ["kpi.a", "kpi.b"]
    assert json.loads(ledger.loc[0, "values"]) == {"value": 12.5}
    pd.testing.assert_frame_equal(ledger, ledger_frame(claims[::-1]))


@pytest.mark.parametrize("column", ["customer_id", "Order_ID", "household_id", "email"])
def test_a_table_with_an_identifier_is_not_published(tmp_path: Path, column: str) -> None:
    with pytest.raises(PrivacyError, match="carry no identifiers"):
        publish(tmp_path, "x", tables={"t": pd.DataFrame({column: ["1"]})})
    assert not list(tmp_path.iterdir())


def test_publishing_nowhere_writes_nothing_but_still_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    publish("", "x", tables={"t": pd.DataFrame({"n": [1]})}, claims=[claim()])
    assert not list(tmp_path.iterdir())
    with pytest.raises(PrivacyError):
        publish("", "x", tables={"t": pd.DataFrame({"customer_id": ["1"]})})


def test_small_groups_are_blanked_and_empty_ones_are_not() -> None:
    table = pd.DataFrame({"segment": ["a", "b", "c"], "n": [120, 9, 0], "revenue": [5.0, 7.0, 0.0], "left": [3, 2, 0]})
    out = suppress_small(table, n="n", min_group_size=10, keep=["segment"], counts=["left"])
    assert out["n"].tolist() == [120, pd.NA, 0]
    assert out["revenue"].isna().tolist() == [False, True, False]
    assert out["left"].isna().tolist() == [True, True, False]
    assert out["segment"].tolist() == ["a", "b", "c"]
    assert table["n"].tolist() == [120, 9, 0]
