"""Exports that overlap count twice unless somebody says what is meant; true twins inside one file stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from custaudience.errors import DataError
from custaudience.study import Study, open_study

Make = Callable[..., Path]
HEADER = "customer_id,order_id,ordered_at,revenue,note\n"
JANUARY = [f"K{n % 7},O{n},2024-01-{n + 1:02d},12.50,x\n" for n in range(31)]
FEBRUARY = [f"K{n % 7},P{n},2024-02-{n + 1:02d},12.50,x\n" for n in range(29)]


def study_of(make_study: Make, *files: list[str], overlap: str = "") -> Study:
    names = [f"part{n}.csv" for n, _ in enumerate(files)]
    place = make_study(table=f"{overlap}\n")
    for name, lines in zip(names, files, strict=True):
        (place / name).write_text(HEADER + "".join(lines), encoding="utf-8")
    toml = place / "study.toml"
    listed = ", ".join(f'"{name}"' for name in names)
    toml.write_text(
        toml.read_text(encoding="utf-8").replace('path = "orders.csv"', f"path = [{listed}]"), encoding="utf-8"
    )
    return open_study(place)


def test_months_one_after_the_other_are_not_asked_about(make_study: Make) -> None:
    assert len(study_of(make_study, JANUARY, FEBRUARY).table("transactions")) == 60


@pytest.mark.parametrize(
    ("first", "second", "n"),
    [
        ([*JANUARY, *FEBRUARY[:5]], FEBRUARY, 5),  # exported on the 5th, and again from the 1st
        (JANUARY, [*JANUARY[-1:], *FEBRUARY], 1),  # one day in both
        (JANUARY, [line.replace(",x", ",exported later") for line in JANUARY], 31),  # another column differs
        ([JANUARY[0], *JANUARY], [JANUARY[0], *FEBRUARY], 1),  # a twin in one file, once in the other
        ([JANUARY[0], *JANUARY], [*JANUARY[:1], *JANUARY[:1], *JANUARY[:1], *FEBRUARY], 2),
    ],
)
def test_lines_in_two_files_are_asked_about_and_count_once(
    make_study: Make, first: list[str], second: list[str], n: int
) -> None:
    with pytest.raises(DataError, match=rf"{n} lines? stands? in two files .*part1\.csv also in part0\.csv.*overlap"):
        study_of(make_study, first, second).table("transactions")
    once = study_of(make_study, first, second, overlap='overlap = "once"')
    assert len(once.table("transactions")) == len(first) + len(second) - n
    assert once.read_report("transactions").rows_declared == n
    kept = study_of(make_study, first, second, overlap='overlap = "keep"')
    assert len(kept.table("transactions")) == len(first) + len(second)


def test_three_files_that_all_overlap(make_study: Make) -> None:
    files = [JANUARY, JANUARY[10:] + FEBRUARY, JANUARY[20:] + FEBRUARY[:3]]
    once = study_of(make_study, *files, overlap='overlap = "once"')
    assert len(once.table("transactions")) == 60


def test_equal_sales_of_two_customers_are_no_overlap(make_study: Make) -> None:
    other = [line.replace("K", "L").replace("O", "Q") for line in JANUARY]
    assert len(study_of(make_study, JANUARY, other).table("transactions")) == 62
