"""Market contains target market contains audience contains persona (X3, 000-70)."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from custaudience.audience import check_hierarchy
from custaudience.errors import DataError

PEOPLE = [f"p{i}" for i in range(20)]


def test_a_true_hierarchy():
    found = check_hierarchy(market=50_000, target_market=set(PEOPLE), audience=PEOPLE[:5], persona="p3")
    assert (found.market, found.target_market, found.audience, found.persona) == (50_000, 20, 5, 1)
    assert found.table["level"].tolist() == ["market", "target market", "audience", "persona"]
    assert found.table["share"].iloc[1:].tolist() == pytest.approx([20 / 50_000, 0.25, 0.2])
    assert check_hierarchy(audience=pd.Series(PEOPLE), persona=1).persona == 1
    assert len(check_hierarchy().table) == 0


@pytest.mark.parametrize(
    ("levels", "message"),
    [({"market": 10, "target_market": 11}, r"the target market \(11\) is larger than the market \(10\)"),
     ({"market": 10, "audience": 11}, r"the audience \(11\) is larger than the market \(10\)"),
     ({"target_market": PEOPLE[:3], "audience": PEOPLE[:5]}, r"the audience \(5\) is larger than the target market"),
     ({"target_market": PEOPLE[:5], "audience": PEOPLE[4:7]}, "the audience is not within the target market: 2 of"),
     ({"audience": PEOPLE[:5], "persona": "p9"}, "the persona is not within the audience: 1 of its 1"),
     ({"audience": [], "persona": "p9"}, r"the persona \(1\) is larger than the audience \(0\)"),
     ({"market": -1}, "a size is a number of 0 or more"),
     ({"market": float("nan")}, "a size is a number of 0 or more"),
     ({"market": True}, "expected a size or the ids"),
     ({"market": "all"}, "expected a size or the ids")],
)  # fmt: skip
def test_a_violation_is_an_error_that_names_which_is_larger(levels, message):
    with pytest.raises(DataError, match=message) as error:
        check_hierarchy(**levels)
    assert not any(person in str(error.value) for person in PEOPLE)  # never an id


def test_ids_are_compared_as_text_and_once():
    assert check_hierarchy(target_market=np.array([1, 2, 2, 3]), audience=["1", "3", "3"]).audience == 2


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_contains_means_contains(outer, inner):
    if inner <= outer:
        assert check_hierarchy(target_market=outer, audience=inner).audience == len(inner)
    else:
        with pytest.raises(DataError):
            check_hierarchy(target_market=outer, audience=inner)
