"""What recipes return is kept and comes back the same; what it depends on is in the key."""

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from custaudience import recipe_cache
from custaudience.customers.segments.preparation import PreparedColumn
from custaudience.errors import HistoryError
from custaudience.recipe_cache import cached, load, store
from custaudience.study import Study, open_study

DAY = dt.date(2025, 3, 31)


def made(folder, lines="a,1,2025-01-05,10.00"):
    folder.mkdir(exist_ok=True)
    (folder / "orders.csv").write_text(f"customer_id,order_id,ordered_at,revenue\n{lines}\n", encoding="utf-8")
    (folder / "study.toml").write_text(
        '[study]\nname = "Made up"\ncurrency = "EUR"\ntimezone = "Europe/Kyiv"\n'
        '[tables.transactions]\npath = "orders.csv"\ndate_format = "%Y-%m-%d"\n',
        encoding="utf-8",
    )
    return open_study(folder)


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path / "cache"))


class Counted:
    def __init__(self):
        self.calls: list[dict[str, Any]] = []

        @cached("transactions", "customers")
        def recipe(study, as_of, *, k=3):
            self.calls.append({"as_of": as_of, "k": k})
            return {"rows": len(study.table("transactions").df()), "k": k}

        self.recipe = recipe


def test_a_result_is_computed_once_and_anew_when_anything_it_depends_on_changes(tmp_path, monkeypatch):
    counted = Counted()
    study = made(tmp_path / "s")
    assert counted.recipe(study, DAY) == counted.recipe(open_study(tmp_path / "s"), DAY, k=3) == {"rows": 1, "k": 3}
    assert len(counted.calls) == 1
    counted.recipe(study, DAY, k=4)
    counted.recipe(study, DAY - dt.timedelta(days=1))
    assert len(counted.calls) == 3
    more = made(tmp_path / "s", "a,1,2025-01-05,10.00\nb,2,2025-02-05,20.00")
    assert counted.recipe(more, DAY)["rows"] == 2
    text = (tmp_path / "s/study.toml").read_text(encoding="utf-8")
    (tmp_path / "s/study.toml").write_text(text + "[privacy]\nmin_group_size = 30\n", encoding="utf-8")
    counted.recipe(open_study(tmp_path / "s"), DAY)
    assert len(counted.calls) == 5
    monkeypatch.setattr(recipe_cache, "_code", lambda: "another release")
    counted.recipe(open_study(tmp_path / "s"), DAY)
    assert len(counted.calls) == 6


def test_a_study_of_frames_is_not_cached():
    counted = Counted()
    frame = pd.DataFrame(
        {"customer_id": ["a"], "order_id": ["1"], "ordered_at": [pd.Timestamp("2025-01-05")], "revenue": [1.0]}
    )
    for _ in range(2):
        counted.recipe(Study.from_frames(currency="EUR", timezone="Europe/Kyiv", transactions=frame), DAY)
    assert len(counted.calls) == 2


def test_a_refusal_is_not_kept(tmp_path):
    calls: list[int] = []

    @cached("transactions")
    def recipe(study, as_of):
        calls.append(1)
        if len(calls) == 1:
            raise HistoryError("too short")
        return 7

    study = made(tmp_path / "s")
    with pytest.raises(HistoryError):
        recipe(study, DAY)
    assert recipe(study, DAY) == recipe(study, DAY) == 7 and len(calls) == 2


def test_everything_a_result_may_hold_comes_back_the_same(tmp_path):
    ordered = pd.Categorical(["B", None, "A"], categories=["B", "A"], ordered=True)
    frame = pd.DataFrame(
        {"customer_id": ["007", "Ян", "x"], "group": ordered, "flag": pd.array([True, None, False], dtype="boolean"),
         "n": pd.array([1, None, 3], dtype="Int64"), "share": [0.1 + 0.2, np.nan, np.inf],
         "day": pd.to_datetime(["2025-01-01", None, "2025-03-01"])}
    )  # fmt: skip
    column = PreparedColumn("a", "number", limit=float("inf"), levels=("x", 1.5))
    series = pd.Series([1, 2], index=pd.Index(["p", "q"], name="customer_id"), name="segment")
    value = (
        frame, series, frame.set_index("customer_id"), column, {1: "one", "two": None}, DAY, np.float64(0.1), [True]
    )  # fmt: skip
    store(value, tmp_path)
    again = load(tmp_path)
    pd.testing.assert_frame_equal(again[0], frame)
    pd.testing.assert_series_equal(again[1], series)
    pd.testing.assert_frame_equal(again[2], frame.set_index("customer_id"))
    assert again[3] == column and again[4:] == value[4:]
    assert {p.suffix for p in tmp_path.iterdir()} == {".parquet", ".json"}
    store({"x": np.array([[0.1, np.nan]], dtype="float32")}, tmp_path)
    assert load(tmp_path)["x"].dtype == "float32" and load(tmp_path)["x"].shape == (1, 2)


def test_only_results_of_this_package_are_made_and_only_plain_things_kept(tmp_path):
    with pytest.raises(TypeError, match="cache cannot keep"):
        store({"f": open}, tmp_path)
    for path in ("os:system", "custaudience.recipe_cache:store"):
        (tmp_path / "result.json").write_text(json.dumps({"is": path, "fields": {}}), encoding="utf-8")
        with pytest.raises(TypeError, match="no result of this package"):
            load(tmp_path)
