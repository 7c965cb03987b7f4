"""Keys of two tables written in two ways: said with the number that meet, and joined where one rule settles all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from custaudience.errors import ConfigError
from custaudience.evidence import Claim
from custaudience.study import open_study

Make = Callable[..., Path]


def study_of(make_study: Make, orders: list[str], customers: list[str], rules: str = "") -> Path:
    lines = [f"{who},O{n},2024-{1 + n % 12:02d}-05,45.50" for n, who in enumerate(orders)]
    place = make_study("\n".join(["customer_id,order_id,ordered_at,revenue", *lines]) + "\n", table=rules)
    people = "\n".join(["customer_id,city", *(f"{who},Lviv" for who in customers)]) + "\n"
    (place / "customers.csv").write_text(people, encoding="utf-8")
    toml = place / "study.toml"
    section = f'[tables.customers]\npath = "customers.csv"\n{rules}\n\n[control]'
    toml.write_text(toml.read_text(encoding="utf-8").replace("[control]", section), encoding="utf-8")
    return place


def said_of(place: Path) -> Claim | None:
    return {claim.id: claim for claim in open_study(place).health().claims()}.get(
        "data.warning.keys_customers_customer_id"
    )


NUMBERS = [str(17850 + n) for n in range(20)]


@pytest.mark.parametrize(
    ("orders", "customers", "rule"),
    [
        ([f"{n}.0" for n in NUMBERS], NUMBERS, "drop .0"),  # a script read the numbers as decimals
        ([f"{n},00" for n in NUMBERS], NUMBERS, "drop .0"),
        ([f"000{n}" for n in NUMBERS], NUMBERS, "drop leading zeros"),
        ([f"AB{n}" for n in NUMBERS], [f"ab{n}" for n in NUMBERS], "lower case"),
        ([f"{n[:2]} {n[2:]}" for n in NUMBERS], NUMBERS, "drop spaces"),
    ],
)
def test_one_rule_that_settles_all_is_named_and_joins(
    make_study: Make, orders: list[str], customers: list[str], rule: str
) -> None:
    orders = [f'"{who}"' for who in orders]
    said = said_of(study_of(make_study, orders, customers))
    assert said is not None
    assert (said.values["meet"], said.values["n"], said.values["ruled"]) == (0, 20, 20)
    assert said.values["rules"] == f'["{rule}"]'
    ruled = study_of(make_study, orders, customers, rules=f'id_rules = {{ customer_id = ["{rule}"] }}')
    assert said_of(ruled) is None
    assert open_study(ruled).health().facts["n_described"] == 20


def test_two_differences_at_once(make_study: Make) -> None:
    said = said_of(study_of(make_study, [f"000{n}.0" for n in NUMBERS], NUMBERS))
    assert said is not None
    assert said.values["ruled"] == 20


def test_other_numbers_are_said_not_to_meet(make_study: Make) -> None:
    said = said_of(study_of(make_study, NUMBERS, [f"X-{n}" for n in NUMBERS]))
    assert said is not None
    assert "hardly" in said.template


def test_people_who_have_not_ordered_are_no_fault(make_study: Make) -> None:
    assert (
        said_of(study_of(make_study, NUMBERS, [*NUMBERS, *(f"{k}{n}" for n in NUMBERS for k in range(1, 4))])) is None
    )


def test_an_unknown_rule_names_the_known_ones(make_study: Make) -> None:
    with pytest.raises(ConfigError, match="drop leading zeros"):
        open_study(study_of(make_study, NUMBERS, NUMBERS, rules='id_rules = { customer_id = ["trim"] }'))
