"""Every claim of the grocery panel and of the shop against a recount from the raw files by plain pandas.

The recounts are in ``recounts/``, a module per topic; they import nothing of the package. A claim that nobody
recounts fails.
"""

from __future__ import annotations

import ast
import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest
import recounts
from recounts.claims import Found, Published, differences, read_ledger, recount_all, recount_of
from recounts.published import TABLES, table_differences

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "reports" / "example" / "2017-12"
ALLOWED = {"pandas", "numpy", "scipy", "statsmodels", "sklearn", "recounts"}
TOPICS = sorted({claim_id.split(".")[0] for claim_id in read_ledger(EXAMPLE / "tables" / "claims.parquet")})


def test_the_recounts_import_nothing_of_the_package() -> None:
    files = sorted((HERE / "recounts").glob("*.py"))
    assert len(files) > 10
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                first = name.split(".")[0]
                assert first in ALLOWED | set(sys.stdlib_module_names), f"{path.name} imports {name}"
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                assert ast.unparse(node.args[0]).startswith("f'recounts."), f"{path.name}: {ast.unparse(node)}"


def test_every_module_of_recounts_is_registered() -> None:
    shared = {
        "affinity", "associations", "books", "chance", "claims", "drivers", "features", "published", "purchase_models",
        "repeat_purchases", "rfm",
    }  # fmt: skip
    there = {path.stem for path in (HERE / "recounts").glob("*.py")} - {"__init__"} - shared
    assert there == set(recounts.MODULES)
    assert not there & set(recounts.AWAITED)


def awaited(topic: str) -> Any:
    """A topic; one without a module of recounts fails as expected, and no longer passes unseen once it has one."""
    mark = pytest.mark.xfail(reason=f"no recount of {topic} yet", strict=True)
    return pytest.param(topic, marks=mark) if topic in recounts.AWAITED else topic


@pytest.mark.parametrize("topic", [awaited(topic) for topic in TOPICS])
def test_grocery_is_as_recounted(grocery: Any, topic: str) -> None:
    _, ledger, books = grocery
    wrong = recount_all(ledger, books, {topic})
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("table", TABLES)
def test_tables_of_grocery_that_pages_print_are_as_recounted(grocery: Any, table: str) -> None:
    wrong = table_differences(grocery[2], table)
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_shop_is_as_recounted(shop: Any) -> None:
    _, ledger, books = shop
    topics = {claim_id.split(".")[0] for claim_id in ledger} - set(recounts.AWAITED)
    assert len(ledger) > 180 and len(topics) >= 10
    wrong = recount_all(ledger, books, topics)
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_tables_of_the_shop_that_pages_print_are_as_recounted(shop: Any, table: str) -> None:
    wrong = table_differences(shop[2], table)
    assert not wrong, "\n".join(wrong)


def test_what_a_claim_rests_on_is_in_the_ledger(grocery: Any) -> None:
    _, ledger, _ = grocery
    for claim in ledger.values():
        assert set(claim.rests_on) <= set(ledger), claim.id
        assert claim.kind != "advice" or claim.rests_on, claim.id


def test_a_claim_that_nobody_recounts_is_a_difference(grocery: Any) -> None:
    _, ledger, books = grocery
    stranger = dataclasses.replace(ledger["start_here.revenue"], id="nobody.knows")
    assert recount_of(stranger.id) is None
    assert recount_all({stranger.id: stranger}, books) == ["nobody.knows: nobody recounts it"]


def _changed(claim: Published) -> list[Published]:
    """The same claim with one thing wrong."""
    made = [dataclasses.replace(claim, status="contradicted"), dataclasses.replace(claim, n=(claim.n or 0) + 1)]
    if isinstance(claim.value, float):
        made.append(dataclasses.replace(claim, value=claim.value * 1.001 + 0.001))
    for end in ("low", "high"):
        if (limit := getattr(claim, end)) is not None:
            wide = abs((claim.high or 0) - (claim.low or 0))
            made.append(dataclasses.replace(claim, **{end: limit + 0.6 * wide + 1e-6}))
    for name, value in claim.values.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            made.append(dataclasses.replace(claim, values={**claim.values, name: value * 1.7 + 1}))
    made.append(dataclasses.replace(claim, values={**claim.values, "invented": 7}))
    return made


@pytest.mark.parametrize(
    "claim_id",
    ["start_here.revenue_change", "rfm_and_lifecycle.segment_revenue.champions", "rfm_and_lifecycle.lost_backtest",
     "what_changed.part.price", "customer_value.concentration", "whom_to_write_to.value.regular"],
)  # fmt: skip
def test_a_changed_figure_is_noticed(grocery: Any, claim_id: str) -> None:
    """A recount that could not fail would be none: each figure, changed, is a difference."""
    _, ledger, books = grocery
    claim, recount = ledger[claim_id], recount_of(claim_id)
    assert recount is not None
    found = recount(books, claim)
    assert differences(claim, found) == []
    for wrong in _changed(claim):
        assert differences(wrong, found), wrong


def test_a_word_that_is_a_result_must_be_said() -> None:
    claim = Published(
        id="a.b", template="It rose.", values={"name": "Champions"}, kind="count", status="measured", statistic="",
        value=None, unit="", n=None, low=None, high=None, level=None, as_of=None, method="", base="", source="",
        rests_on=(), notebook="",
    )  # fmt: skip
    assert differences(claim, Found(says=("rose",), values={"name": "Champions"})) == []
    assert len(differences(claim, Found(says=("fell",), values={"name": "Loyal"}))) == 2
