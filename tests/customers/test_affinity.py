"""Products bought together (requirement 004: what goes with what; METHODS 7)."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers.affinity.baskets import bought_items
from custaudience.customers.affinity.pairs import product_pairs
from custaudience.customers.ground import lines_until
from custaudience.errors import ColumnError, EmptyTableError
from custaudience.evidence import Terms

AS_OF = dt.date(2025, 6, 30)
TERMS = Terms(AS_OF)


def lines(*rows):
    """Build order lines from (customer, order, item[, minor units])."""
    full = [(*row, 100) if len(row) == 3 else row for row in rows]
    frame = pd.DataFrame(full, columns=["customer_id", "order_id", "product_id", "revenue_minor"])
    return frame.assign(ordered_at=pd.Timestamp("2025-06-01 10:00")).astype({"customer_id": "str", "order_id": "str"})


def pair(found, a, b):
    table = found.table
    return table[(table["item_a"] == a) & (table["item_b"] == b)].iloc[0]


def test_by_hand():
    """Baskets ab, ab, a, b, c: a in 3, b in 3, both in 2 of 5: lift 2 * 5 / 9."""
    frame = lines(
        (1, 1, "a"), (1, 1, "b"), (2, 2, "b"), (2, 2, "a"), (2, 2, "a"), (3, 3, "a"), (3, 4, "b"), (4, 5, "c")
    )
    found = product_pairs(frame, TERMS, min_count=1)
    assert (found.n_baskets, found.n_customers, found.n_one_item, found.n_items, found.n_tested) == (5, 4, 3, 3, 3)
    row = pair(found, "a", "b")
    assert row["n_baskets"] == 2 and row["n_customers"] == 2 and len(found.table) == 1
    assert row["support"] == 0.4 and row["confidence_a_to_b"] == pytest.approx(2 / 3)
    assert row["lift"] == pytest.approx(10 / 9) and row["leverage"] == pytest.approx(2 / 5 - 9 / 25)
    assert row["verdict"] == "too few" and np.isnan(row["lift_low"]) and np.isnan(row["q_value"])


def test_refunds_are_not_bought():
    """b comes back in full in order 1, in part in order 2; a gift of 0 is bought; a lone refund is no basket."""
    frame = lines(
        (1, 1, "a"), (1, 1, "b"), (1, 1, "b", -100), (2, 2, "a"), (2, 2, "b", 300), (2, 2, "b", -100),
        (3, 3, "a"), (3, 3, "gift", 0), (4, 9, "b", -100),
    )  # fmt: skip
    found = product_pairs(frame, TERMS, min_count=1)
    assert found.n_baskets == 3 and found.n_one_item == 1
    assert pair(found, "a", "b")["n_baskets"] == 1 and pair(found, "a", "gift")["n_baskets"] == 1


def test_netting_agrees_with_the_engine():
    """The netting on numbers and `bought_items` on the engine keep the same."""
    rng = np.random.default_rng(3)
    rows = [(c, o, f"p{i}", r) for c, o, i, r in zip(
        rng.integers(0, 9, 400), rng.integers(0, 20, 400), rng.integers(0, 6, 400), rng.integers(-3, 4, 400),
        strict=True,
    )]  # fmt: skip
    frame = lines(*rows)
    found = product_pairs(frame, TERMS, min_count=1, min_support=0)
    kept = bought_items(lines_until(frame, AS_OF, "order_id", "revenue_minor"), "product_id").collect().to_pandas()
    sizes = kept.groupby(["customer_id", "order_id"])["item"].nunique()
    assert found.n_baskets == len(sizes) and found.n_one_item == (sizes == 1).sum()
    assert found.table["n_baskets"].sum() == (sizes * (sizes - 1) // 2).sum()


def test_order_numbers_that_start_anew_with_every_customer():
    frame = lines((1, 1, "a"), (2, 1, "b"), (3, 1, "a"), (3, 1, "b"))
    found = product_pairs(frame, TERMS, min_count=1)
    assert found.n_baskets == 3 and pair(found, "a", "b")["n_baskets"] == 1


def test_a_bag_in_every_basket_goes_with_nothing():
    frame = lines(*[(i, i, item) for i in range(60) for item in ("bag", "tea" if i % 2 else "cup")])
    found = product_pairs(frame, TERMS, min_count=1)
    row = pair(found, "bag", "tea")
    assert row["confidence_b_to_a"] == 1 and row["lift"] == 1 and row["p_value"] == 1 and row["p_baskets"] == 1
    assert row["verdict"] == "no clear difference" and np.isinf(row["conviction_b_to_a"])


def test_one_loyal_customer_is_no_finding():
    """She buys both in 60 of her baskets: by baskets overwhelming, by customers nothing."""
    loyal = [("loyal", f"x{i}", item) for i in range(60) for item in ("a", "b")]
    rest = [(f"c{i}", f"r{i}", "ab"[i % 2]) for i in range(200)]
    few = [(f"d{i}", f"s{i}", item) for i in range(9) for item in ("a", "b")]
    row = pair(product_pairs(lines(*loyal, *rest, *few), TERMS), "a", "b")
    assert row["n_customers"] == 10 and row["p_baskets"] < 1e-4
    assert row["verdict"] == "no clear difference" and row["lift_low"] < 1 < row["lift_high"]


def test_variance_is_the_sum_of_squares_over_customers():
    """The sparse delta method against the formula written out."""
    rng = np.random.default_rng(1)
    who, n = rng.integers(0, 40, 500), 500
    a, b = rng.random(n) < 0.4, rng.random(n) < 0.3
    rows = [(who[i], i, x) for i in range(n) for x, has in (("a", a[i]), ("b", b[i]), ("z", True)) if has]
    row = pair(product_pairs(lines(*rows), TERMS, min_count=1), "a", "b")
    total = {name: np.bincount(who, weights=w, minlength=40) for name, w in
             (("n", np.ones(n)), ("a", a), ("b", b), ("ab", a & b))}  # fmt: skip
    moved = sum(sign * total[k] / total[k].sum() for k, sign in (("n", 1), ("ab", 1), ("a", -1), ("b", -1)))
    error = np.sqrt((moved**2).sum() * 40 / 39)
    assert np.log(row["lift_high"] / row["lift"]) == pytest.approx(1.959964 * error, rel=1e-6)
    table = pd.crosstab(a, b)
    from scipy.stats import chi2_contingency

    assert row["p_baskets"] == pytest.approx(chi2_contingency(table, correction=False).pvalue, rel=1e-6)


def test_since_as_of_and_levels():
    frame = lines((1, 1, "a"), (1, 1, "b"), (2, 2, "a"), (2, 2, "b")).assign(kind=["x", "y", "x", None])
    frame.loc[frame["customer_id"] == "2", "ordered_at"] = pd.Timestamp("2025-06-20")
    assert product_pairs(frame, Terms(dt.date(2025, 6, 19)), min_count=1).n_baskets == 1
    assert product_pairs(lines_until(frame, AS_OF, since=dt.date(2025, 6, 2)), TERMS, min_count=1).n_baskets == 1
    by_kind = product_pairs(frame, TERMS, level="kind", min_count=1)
    assert by_kind.n_baskets == 2 and pair(by_kind, "x", "y")["n_baskets"] == 1


def test_nothing_together_is_an_answer():
    found = product_pairs(lines((1, 1, "a"), (2, 2, "b")), TERMS)
    assert found.table.empty and "verdict" in found.table and found.n_one_item == 2


def test_helpful_messages():
    frame = lines((1, 1, "a"))
    with pytest.raises(EmptyTableError, match="Choose a later as_of"):
        product_pairs(frame, Terms(dt.date(2020, 1, 1)))
    with pytest.raises(EmptyTableError):
        product_pairs(lines((1, 1, "a", -5)), TERMS)
    with pytest.raises(ColumnError, match=r"'kind' not found.*joined on product_id"):
        product_pairs(frame, TERMS, level="kind")
    with pytest.raises(ValueError, match="min_support: expected a fraction"):
        product_pairs(frame, TERMS, min_support=5)


baskets = st.lists(st.sets(st.sampled_from("abcde"), min_size=1), min_size=1, max_size=30)


@given(drawn=baskets, seed=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_properties(drawn, seed):
    rows = [(i % 7, i, item) for i, basket in enumerate(drawn) for item in sorted(basket)]
    found = product_pairs(lines(*rows), TERMS, min_count=1)
    shuffled = lines(*rows).sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(found.table, product_pairs(shuffled, TERMS, min_count=1).table)
    table, n = found.table, len(drawn)
    assert (table["item_a"] < table["item_b"]).all() and found.n_baskets == n
    for row in table.itertuples():
        both = sum({row.item_a, row.item_b} <= basket for basket in drawn)
        assert row.n_baskets == both and row.support == both / n
    assert (table["confidence_a_to_b"] <= 1).all() and (table["lift"] > 0).all()


@pytest.mark.slow
def test_intervals_by_customers_cover_and_the_verdicts_are_rarely_false():
    """Two unrelated products, bought by habit: baskets of a customer are alike. 95 % intervals hold the lift 1."""
    rng, covered, called, n_rounds = np.random.default_rng(8), 0, 0, 200
    for _ in range(n_rounds):
        who = np.repeat(np.arange(300), rng.geometric(0.1, 300))
        habit = rng.beta(1, 4, (300, 2))
        has = rng.random((len(who), 2)) < habit[who]
        rows = [
            (who[i], i, x) for i in range(len(who)) for x, y in (("a", has[i, 0]), ("b", has[i, 1]), ("z", True)) if y
        ]
        row = pair(product_pairs(lines(*rows), TERMS, min_count=1), "a", "b")
        covered += row["lift_low"] <= 1 <= row["lift_high"]
        called += row["p_value"] < 0.05
    assert 0.90 <= covered / n_rounds <= 0.985 and called / n_rounds <= 0.10
