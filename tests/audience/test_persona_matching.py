"""A persona keeps its name as long as its group is matched: by rule, or by its members; and what is said of it."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from persona_data import AS_OF, TERMS, personas_of, shop

from custaudience.audience import PersonaFrame
from custaudience.audience.personas.claims import month_claims
from custaudience.audience.personas.months import (
    NOBODY,
    PersonaMonth,
    carried_names,
    group_sizes,
    match_groups,
    persona_changes,
)
from custaudience.audience.personas.words import name_numbers, name_of
from custaudience.errors import DataError
from custaudience.present.words import render_claim, terms

EARLIER = dt.date(2025, 9, 30)


def labels(**groups: tuple[int, int]) -> pd.Series:
    """Return the group of customers by their numbers: ``a=(0, 20)`` puts c0 … c19 into a."""
    found = {f"c{i}": name for name, (start, stop) in groups.items() for i in range(start, stop)}
    return pd.Series(found, dtype="str")


def matched(now: pd.Series, before: pd.Series, **options: object) -> dict[tuple[str | None, str | None], str]:
    table = match_groups(now, before, **({"by_name": False} | options))  # type: ignore[arg-type]
    pairs = zip(table["now"], table["before"], table["state"], strict=True)
    return {(a if isinstance(a, str) else None, b if isinstance(b, str) else None): state for a, b, state in pairs}


def test_groups_keep_their_members_whatever_they_are_called() -> None:
    """The letters of found groups go by value: A and B may change places, and the persona goes with its people."""
    before = labels(A=(0, 40), B=(40, 100))
    now = labels(A=(40, 100), B=(0, 40))
    assert matched(now, before) == {("A", "B"): "kept", ("B", "A"): "kept"}
    numbers = name_numbers(["A", "B"])
    carried = carried_names(match_groups(now, before, by_name=False), numbers)
    assert carried == {"A": numbers["B"], "B": numbers["A"]}
    assert name_numbers(["A", "B"], carried) == carried


def test_overlap_is_of_those_who_have_a_group_at_both_dates() -> None:
    before = labels(A=(0, 40), B=(40, 80))
    now = labels(A=(0, 30), B=(30, 80)).drop([f"c{i}" for i in range(60, 80)])
    now = pd.concat([now, labels(A=(200, 260))])  # new customers do not make it another group
    table = match_groups(now, before, by_name=False)
    # of A: 30 in both, 40 then and 30 now; of B: 20 in both, 20 of the 40 are gone, 30 now
    assert table["overlap"].tolist() == pytest.approx([30 / 40, 20 / 30])
    assert table["state"].tolist() == ["kept", "kept"]


def test_a_group_that_splits_leaves_its_name_to_the_larger_part() -> None:
    before = labels(A=(0, 60), B=(60, 100))
    now = labels(A=(0, 35), B=(60, 100), C=(35, 60))
    assert matched(now, before) == {("A", "A"): "kept", ("B", "B"): "kept", ("C", "A"): "split"}
    numbers = name_numbers(["A", "B"])
    carried = carried_names(match_groups(now, before, by_name=False), numbers)
    of_now = name_numbers(["A", "B", "C"], carried)
    assert (of_now["A"], of_now["B"]) == (numbers["A"], numbers["B"])
    assert of_now["C"] not in numbers.values()


def test_a_group_in_three_equal_parts_is_nobodys_any_more() -> None:
    before, now = labels(A=(0, 60)), labels(A=(0, 20), B=(20, 40), C=(40, 60))
    assert matched(now, before) == {
        ("A", "A"): "split", ("B", "A"): "split", ("C", "A"): "split", (None, "A"): "gone",
    }  # fmt: skip


def test_groups_that_become_one() -> None:
    before, now = labels(A=(0, 50), B=(50, 80)), labels(A=(0, 80))
    assert matched(now, before) == {("A", "A"): "kept", ("A", "B"): "merged"}


def test_new_and_gone_and_below_the_floor() -> None:
    before, now = labels(A=(0, 40), B=(40, 80)), labels(A=(0, 40), X=(100, 140))
    assert matched(now, before) == {("A", "A"): "kept", ("X", None): "new", (None, "B"): "gone"}
    half = labels(A=(0, 20), B=(20, 80))  # 20 of 40 stay together with nobody else: exactly the floor
    assert matched(half, before)["A", "A"] == "kept"
    assert matched(half, before, floor=0.51)["A", "A"] == "split"


def test_no_group_is_matched_twice_and_the_best_sum_wins() -> None:
    """Taken greedily, X would take A (0.55) and leave Y with nothing above the floor."""
    rng = np.random.default_rng(3)
    for _round in range(30):
        before = pd.Series(rng.choice(list("ABCD"), 300), index=[f"c{i}" for i in range(300)])
        now = before.where(rng.random(300) < 0.8, pd.Series(rng.choice(list("ABCD"), 300), index=before.index))
        kept = match_groups(now, before, by_name=False).query("state == 'kept'")
        assert not kept["before"].duplicated().any() and (kept["now"] == kept["before"]).all()


def test_by_rule_a_segment_is_its_name_even_with_other_people() -> None:
    before, now = labels(champions=(0, 20), dormant=(20, 60)), labels(champions=(30, 60), recent=(0, 30))
    assert matched(now, before, by_name=True) == {
        ("champions", "champions"): "kept", ("recent", None): "new", (None, "dormant"): "gone",
    }  # fmt: skip


def test_groups_too_small_to_be_shown_are_not_there() -> None:
    before, now = labels(A=(0, 40), B=(40, 49)), labels(A=(0, 31), B=(31, 40), C=(40, 49))
    assert matched(now, before) == {("A", "A"): "kept"}
    assert matched(now, before, min_group_size=5)[("C", "B")] == "kept"


def test_nothing_to_compare_with_and_a_customer_twice() -> None:
    now = labels(A=(0, 20))
    assert matched(now, now.head(0)) == {("A", None): "new"} and matched(now.head(0), now) == {(None, "A"): "gone"}
    assert match_groups(now.head(0), now.head(0), by_name=True).empty
    with pytest.raises(DataError, match="two groups at one date"):
        match_groups(pd.concat([now, now.head(1)]), now, by_name=True)


def month_of(now: pd.Series, before: pd.Series, *, by_name: bool, made: dict) -> PersonaMonth:
    revenue = made["features"].table.set_index("customer_id")["revenue_total"]
    matches = match_groups(now, before, by_name=by_name)
    then = name_numbers(sorted(set(before)))
    names = carried_names(matches, then)
    of_now = name_numbers(sorted(set(now)), names)
    personas = personas_of(made, labels=now, frame=PersonaFrame(names=names))
    sizes = [group_sizes(part, revenue, min_group_size=10) for part in (now, before)]
    return PersonaMonth(
        personas, persona_changes(matches, *sizes, of_now, then), AS_OF, EARLIER, "rfm" if by_name else "found"
    )


@pytest.fixture(scope="module")
def made():
    return shop()


@pytest.fixture(scope="module")
def moved(made) -> tuple[PersonaMonth, pd.Series, pd.Series]:
    """Before: one group of alpha and beta, and a small one; now alpha, beta and gamma, which lost a third."""
    now = made["labels"]
    before = now.replace({"alpha": "alphabeta", "beta": "alphabeta"}).copy()
    before.iloc[:45] = "gamma"
    return month_of(now, before, by_name=False, made=made), now, before


def test_claims_of_change_recount(moved, made) -> None:
    month, now, before = moved
    spent = made["features"].table.set_index("customer_id")["revenue_total"]
    claims = {claim.id: claim for claim in month_claims(month, TERMS)}
    gamma = claims["personas.change.gamma"].values
    assert gamma["state"] == "changed" and gamma["share"] == pytest.approx((now == "gamma").mean())
    assert gamma["share_before"] == pytest.approx((before == "gamma").mean())
    assert gamma["came"] == 0
    assert gamma["went"] == pytest.approx((now[before == "gamma"] != "gamma").mean())
    assert gamma["revenue"] == pytest.approx(spent[now[now == "gamma"].index].sum() / spent.sum())
    states = {key: claim.values["state"] for key, claim in claims.items() if "state" in claim.values}
    assert states == {
        "personas.change.alpha": "split", "personas.change.beta": "changed", "personas.change.gamma": "changed",
    }  # fmt: skip
    assert claims["personas.changes"].values | {"kept": 2, "changed": 2, "new": 1, "gone": 0} == (
        claims["personas.changes"].values
    )
    top = claims["personas.finding"]
    assert top.rests_on == ("personas.size.alpha",) and top.values["share"] == pytest.approx((now == "alpha").mean())


@pytest.mark.parametrize(("stay", "state"), [(0, "changed"), (20, "changed"), (31, "kept"), (40, "kept")])
def test_a_size_that_stays_hides_no_change_of_members(stay: int, state: str) -> None:
    """Case 04: all 23 of a segment were new and all 19 of the month before had gone, and it had "stayed"."""
    ids = [f"C{n}" for n in range(80)]
    before = pd.Series(["occasional"] * 40 + ["recent"] * 40, ids)
    now = pd.Series("recent", ids)
    now[[*ids[:stay], *ids[40 : 80 - stay]]] = "occasional"
    matches = match_groups(now, before, by_name=True)
    sizes = [group_sizes(part, pd.Series(1.0, ids), min_group_size=10) for part in (now, before)]
    numbers = {"occasional": 1, "recent": 2}
    row = persona_changes(matches, *sizes, numbers, numbers).set_index("segment").loc["occasional"]
    assert (row["n_customers"], row["n_before"]) == (40, 40)
    assert row["state"] == state
    assert row["came"] == row["went"] == pytest.approx(1 - stay / 40)


def test_a_name_stays_with_its_people(moved) -> None:
    month, _now, before = moved
    then = name_numbers(sorted(set(before)))
    numbers = {persona.segment: persona.name_number for persona in month.personas}
    assert numbers["beta"] == then["alphabeta"] and numbers["gamma"] == then["gamma"]
    assert len(set(numbers.values())) == 3
    shown = {p.key: p.name for p in month.personas}
    for claim in month_claims(month, TERMS):
        if claim.id.startswith("personas.change."):
            assert claim.values["name"] == shown[claim.id.rsplit(".", 1)[1]]


def test_what_is_gone_says_its_name_of_then(made) -> None:
    before = made["labels"].replace({"gamma": "cannot_lose"})
    now = made["labels"].replace({"gamma": "dormant"})
    month = month_of(now, before, by_name=True, made=made)
    claims = {c.id: c for c in month_claims(month, TERMS)}
    gone = claims["personas.gone.cannot_lose"]
    assert gone.values["name"] == name_of(name_numbers(sorted(set(before)))["cannot_lose"])
    assert "is gone since" in render_claim(gone, language="en") and "Cannot lose" in render_claim(gone, language="en")
    assert claims["personas.change.dormant"].values["state"] == "new"


@pytest.mark.parametrize("language", ["en", "uk"])
def test_every_sentence_of_change_renders(moved, made, language: str) -> None:
    merged = month_of(made["labels"].replace({"beta": "alpha"}), made["labels"], by_name=False, made=made)
    for month in (moved[0], merged):
        for claim in month_claims(month, TERMS):
            assert render_claim(claim, language=language) and claim.statistic in terms()
            assert claim.n is None or claim.n >= 10 or claim.unit == "personas"


def test_nobody_and_no_earlier_month_are_said(made) -> None:
    tiny = made["labels"].iloc[:9]
    none = PersonaMonth(personas_of(made, labels=tiny), pd.DataFrame(), AS_OF, None, "rfm")
    (claim,) = month_claims(none, TERMS)
    assert claim.status == "too_few" and "no segment has 10" in render_claim(claim, language="en")
    empty = PersonaMonth((), pd.DataFrame(), AS_OF, None, "rfm", reason=NOBODY)
    assert "nobody has an order that counts" in render_claim(month_claims(empty, TERMS)[0], language="en")
    alone = PersonaMonth(personas_of(made), pd.DataFrame(), AS_OF, None, "rfm")
    last = month_claims(alone, TERMS)[-1]
    assert last.id == "personas.changes" and last.status == "too_few"
