"""Begin and end of the data: a lone date far from all others is neither (cases 14, 20 and relatives)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from custaudience.study import open_study
from custaudience.study.books import monthly_books
from custaudience.study.compiling import lone_days

Make = Callable[..., Path]
START = dt.date(2024, 1, 1)
EVERY_FIFTH_DAY = [START + dt.timedelta(days=5 * k) for k in range(80)]
MONTHLY = [START + dt.timedelta(days=30 * k) for k in range(20)]


def orders(extra: dict[dt.date, str] | None = None, guests: dict[dt.date, str] | None = None) -> str:
    days = [*((day, f"K{n % 20:02d}") for n, day in enumerate(EVERY_FIFTH_DAY)), *(extra or {}).items()]
    lines = [f"{who},O{n},{day},45.50" for n, (day, who) in enumerate([*days, *(guests or {}).items()])]
    return "\n".join(["customer_id,order_id,ordered_at,revenue", *lines]) + "\n"


@pytest.mark.parametrize(
    ("days", "lone"),
    [
        (EVERY_FIFTH_DAY, []),
        ([*EVERY_FIFTH_DAY, dt.date(2052, 1, 31)], [dt.date(2052, 1, 31)]),
        ([dt.date(1970, 1, 1), *EVERY_FIFTH_DAY], [dt.date(1970, 1, 1)]),
        (
            [dt.date(1900, 1, 1), dt.date(1970, 1, 1), *EVERY_FIFTH_DAY, dt.date(2099, 1, 1)],
            [dt.date(1900, 1, 1), dt.date(1970, 1, 1), dt.date(2099, 1, 1)],
        ),
        ([*MONTHLY, MONTHLY[-1] + dt.timedelta(days=280)], []),  # nine months of silence, where one is usual
        ([*MONTHLY, MONTHLY[-1] + dt.timedelta(days=365)], [MONTHLY[-1] + dt.timedelta(days=365)]),
        ([START, dt.date(2025, 1, 1), dt.date(2026, 1, 1)], []),  # too few to tell what is far
        ([], []),
    ],
)
def test_days_far_from_all_others(days: list[dt.date], lone: list[dt.date]) -> None:
    assert lone_days(days, [1] * len(days)) == lone


def test_many_rows_beyond_a_gap_are_no_slip() -> None:
    days = [*EVERY_FIFTH_DAY, dt.date(2027, 1, 1)]
    assert lone_days(days, [1] * 80 + [4]) == []
    assert lone_days(days, [1000] * 80 + [4]) == [dt.date(2027, 1, 1)]


@pytest.mark.parametrize("wrong", [dt.date(2052, 1, 31), dt.date(1970, 1, 1), dt.date(2026, 3, 1)])
def test_a_lone_date_is_said_and_bounds_nothing(make_study: Make, wrong: dt.date) -> None:
    study = open_study(make_study(orders({wrong: "K01"})))
    assert (study.first_day, study.last_day) == (EVERY_FIFTH_DAY[0], EVERY_FIFTH_DAY[-1])
    said = {claim.id: claim for claim in study.health().claims()}["data.warning.lone_dates"]
    assert said.values == {"n": 1, "day": str(wrong)}
    books = monthly_books(study)
    assert len(books) == 13 + 1  # months from January 2024, and one row for what has no date to go by
    assert books["set_aside_net"].sum() == 45.5
    kept = open_study(make_study(orders({wrong: "K01"}), table='lone_dates = "keep"', folder="kept"))
    assert wrong in (kept.first_day, kept.last_day)


def test_the_data_reach_as_far_as_the_rows_read(make_study: Make) -> None:
    """Guests who buy after the last known customer are set aside, and yet show how far the export reaches."""
    later = {EVERY_FIFTH_DAY[-1] + dt.timedelta(days=k): "" for k in range(5, 60, 5)}
    study = open_study(make_study(orders(guests=later), table='guests = "set aside"'))
    assert study.last_day == max(later)
    rule = {day: "test" for day in later}
    left_out = open_study(make_study(orders(rule), table='exclude = { customer_id = ["test"] }', folder="rules"))
    assert left_out.last_day == max(later)
