"""What init, check and a report say of data that can be read and yet may be wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from custaudience.study import open_study

Make = Callable[..., Path]
HEADER = "customer_id,order_id,ordered_at,revenue,status\n"


def lines(n: int = 600, per_day: int = 1, twice: int = 0, refund: bool = False) -> str:
    start = dt.date(2023, 1, 1)
    rows = [f"K{k % 50},O{k},{start + dt.timedelta(days=k // per_day)},{10 + k % 7}.50,paid\n" for k in range(n)]
    rows += rows[:twice]
    return HEADER + "".join(rows) + (f"K1,R1,{start + dt.timedelta(days=5)},-3.10,paid\n" if refund else "")


def warned(place: Path) -> dict[str, dict]:
    claims = open_study(place).health().claims()
    return {claim.id.removeprefix("data.warning."): dict(claim.values) for claim in claims if ".warning." in claim.id}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lines(), True),
        (lines(refund=True), False),
        (lines(n=300), False),  # few orders
        (lines(per_day=2), False),  # a short history
    ],
)
def test_no_refund_in_a_long_history_is_said(make_study: Make, content: str, said: bool) -> None:
    assert ("no_refunds" in warned(make_study(content))) == said


def test_refunds_in_a_column_of_their_own_are_refunds(make_study: Make) -> None:
    content = lines().replace("status", "refunded").replace(",paid", ",0")
    assert "no_refunds" not in warned(make_study(content))


@pytest.mark.parametrize("twice", [0, 1, 40])
def test_exact_duplicates_are_counted(make_study: Make, twice: int) -> None:
    assert warned(make_study(lines(twice=twice))).get("duplicates", {"n": 0})["n"] == twice


def test_a_line_that_differs_in_a_column_nobody_mapped_is_no_duplicate(make_study: Make) -> None:
    content = lines() + "K0,O0,2023-01-01,10.50,second piece\n"
    assert "duplicates" not in warned(make_study(content))


@pytest.mark.parametrize(
    ("rule", "case"),
    [
        ('exclude = { status = ["cancelled"] }', "rule_none_status"),
        ('only = { status = ["paid"] }', "rule_none_status"),
        ('exclude = { status = ["pa*"] }', "rule_most_status"),
        ('only = { status = ["open"] }', "rule_most_status"),
        ('exclude = { status = ["open"] }', None),
    ],
)
def test_a_rule_that_leaves_out_nothing_or_nearly_all_is_said(make_study: Make, rule: str, case: str | None) -> None:
    paid = "paid" if case and case.startswith("rule_none") else "open"
    content = lines(n=40) + "".join(f"K9,Q{n},2023-03-01,5.00,{paid}\n" for n in range(2))
    assert [name for name in warned(make_study(content, table=rule)) if name.startswith("rule")] == [case][: bool(case)]
