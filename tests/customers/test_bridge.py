"""Why revenue moved: parts that add up to the cent (requirement 000-31: the headline's "because")."""

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers.bridge.bridge import NO_SEGMENT, revenue_bridge
from custaudience.errors import ColumnError, DataError, EmptyTableError, HistoryError

BEFORE, PERIOD = ("2025-02-01", "2025-02-28"), ("2025-03-01", "2025-03-31")
COLUMNS = ["customer_id", "order_id", "ordered_at", "product_id", "quantity", "revenue_minor"]


def lines(*rows):
    """Build lines from (customer, order, "MM-DD", item, quantity, minor units)."""
    frame = pd.DataFrame(rows, columns=COLUMNS).astype({"customer_id": "str", "quantity": "float64"})
    return frame.assign(
        ordered_at=pd.to_datetime("2025-" + frame["ordered_at"]), order_id=frame["order_id"].astype("str")
    )


def observed(frame, **more):
    return revenue_bridge(frame, period=PERIOD, before=BEFORE, first_orders="observed", **more)


def parts(bridge, segment="all"):
    table = bridge.table[bridge.table["segment"] == segment]
    return dict(zip(table["part"], table["change_minor"], strict=True))


CLASSES = lines(
    ("stays", 1, "02-03", "a", 1, 1000), ("stays", 2, "03-03", "a", 1, 1000),
    ("gone", 3, "02-04", "a", 1, 700),
    ("back", 4, "01-04", "a", 1, 50), ("back", 5, "03-04", "a", 1, 300),
    ("new", 6, "03-31", "a", 1, 2000),
    ("stays", 1, "03-05", "a", -1, -400),
    ("later", 7, "04-01", "a", 1, 9999),
)  # fmt: skip


def test_classes_by_hand():
    """February 17.00, March 10 + 3 + 20 - 4 = 29.00: rises by 12.00."""
    bridge = observed(CLASSES)
    assert parts(bridge) == {
        "new": 2000, "returned": 300, "absent": -700, "orders": 0, "items per order": 0, "quantity per item": 0,
        "price": 0, "mix": 0, "refunds": -400,
    }  # fmt: skip
    counts = dict(zip(bridge.table["part"], bridge.table["n_customers"], strict=True))
    assert (counts["new"], counts["returned"], counts["absent"], counts["orders"], counts["refunds"]) == (1, 1, 1, 1, 1)
    total = bridge.totals.iloc[0]
    assert (total["revenue_before"], total["revenue_after"], total["change"]) == (17.0, 29.0, 12.0)
    assert (total["n_customers_before"], total["n_customers_after"], total["n_staying"]) == (2, 3, 1)
    assert bridge.parts_missing == ""


@pytest.mark.parametrize("history", ["cut off", "unknown"])
def test_nobody_is_called_new_where_first_orders_are_not_seen(history):
    bridge = revenue_bridge(CLASSES, period=PERIOD, before=BEFORE, first_orders=history)
    assert "new" not in parts(bridge) and parts(bridge)["new or long absent"] == 2000


# of a customer of both months: what changed, and in which part it is counted
ONLY = {
    "more orders": (
        [("a", 1, "02-02", "x", 2, 200), ("a", 1, "02-02", "y", 1, 300)],
        [("a", order, "03-02", item, q, r) for order in (2, 3) for item, q, r in (("x", 2, 200), ("y", 1, 300))],
        {"orders": 500}),
    "more items in an order, of the same assortment": (
        [("a", 1, "02-02", "x", 1, 100), ("a", 2, "02-03", "y", 1, 100)],
        [("a", o, f"03-0{o}", item, 1, 100) for o in (3, 4) for item in "xy"], {"items per order": 200}),
    "more of each": (
        [("a", 1, "02-02", "x", 2, 200)], [("a", 2, "03-02", "x", 5, 500)], {"quantity per item": 300}),
    "dearer": (
        [("a", 1, "02-02", i, 2, r) for i, r in (("x", 200), ("y", 1000))],
        [("a", 2, "03-02", i, 2, r) for i, r in (("x", 220), ("y", 1100))], {"price": 120}),
    "one dear item instead of one cheap one at unchanged prices: mix, though neither was bought twice": (
        [("a", 1, "02-02", "x", 1, 100)], [("a", 2, "03-02", "y", 1, 900)], {"mix": 800}),
    # orders 1 to 2 and price 1.00 to 1.50: L(300, 100) = 200 / log 3; log 2 / log 3 of it are orders
    "logarithmic means": (
        [("a", 1, "02-02", "x", 1, 100)], [("a", 2, "03-02", "x", 1, 150), ("a", 3, "03-03", "x", 1, 150)],
        {"orders": round(200 * np.log(2) / np.log(3)), "price": round(200 * (1 - np.log(2) / np.log(3)))}),
}  # fmt: skip


@pytest.mark.parametrize("case", ONLY)
def test_a_change_of_one_kind_stands_in_its_part(case):
    old, new, wanted = ONLY[case]
    found = parts(observed(lines(*old, *new)))
    assert {name: change for name, change in found.items() if change} == wanted


def test_fewer_factors_without_products_or_quantities():
    rows = [("a", 1, "02-02", "x", 2, 200), ("a", 2, "03-02", "x", 3, 330), ("a", 3, "03-03", "x", 3, 330)]
    full = lines(*rows)
    wanted = {
        ("quantity",): ["orders", "items per order", "price and mix"],
        ("product_id",): ["orders", "items per order", "price and mix"],
        ("product_id", "quantity"): ["orders", "value per order"],
    }
    for missing, names in wanted.items():
        bridge = observed(full.drop(columns=list(missing)))
        staying = bridge.table[bridge.table["kind"] == "staying"]
        assert staying["part"].tolist() == names and staying["change_minor"].sum() == 460
        assert all(name in bridge.parts_missing for name in missing)
    pieces = observed(full.drop(columns="product_id"))
    assert pieces.factors["items_per_order_before"].tolist() == [2.0]


def test_unknown_quantities_and_products_go_to_mix():
    """A product counts for prices only where all its quantities are known."""
    old = [("a", 1, "02-02", "x", 1, 100), ("a", 1, "02-02", "y", 1, 100), ("a", 1, "02-02", None, 1, 100)]
    new = [("a", 2, "03-02", "x", 1, 150), ("a", 2, "03-02", "y", np.nan, 400), ("a", 2, "03-02", None, 1, 100)]
    bridge = observed(lines(*old, *new))
    found = {name: change for name, change in parts(bridge).items() if change}
    assert found == {"price": 50, "mix": 300}
    assert bridge.factors["matched_share"].iloc[0] == pytest.approx(250 / 950)


def test_lines_without_an_order_id_are_one_order():
    """As everywhere: what has no order id is one order of its customer in each period."""
    frame = lines(("a", 1, "02-02", "x", 1, 100), ("a", 2, "03-02", "x", 1, 150), ("a", 3, "03-03", "y", 1, 50))
    frame["order_id"] = None
    for native in (frame, pl.from_pandas(frame).lazy(), duckdb.from_arrow(pa.Table.from_pandas(frame))):
        bridge = observed(native)
        assert bridge.factors.loc[0, ["items_per_order_before", "items_per_order_after"]].tolist() == [1, 2]
        assert bridge.totals.loc[0, "n_orders_after"] == 1 and bridge.table["change_minor"].sum() == 100


def test_segments_add_up():
    segments = pd.DataFrame({"customer_id": ["stays", "gone"], "segment": ["A", "B"]})
    bridge = observed(CLASSES, segments=segments)
    assert bridge.totals["segment"].tolist() == ["all", "A", "B", NO_SEGMENT]
    sums = bridge.table.groupby("segment")["change_minor"].sum()
    assert sums["all"] == sums.drop("all").sum() == 1200
    assert parts(bridge, "B")["absent"] == -700 and parts(bridge, NO_SEGMENT)["new"] == 2000
    with pytest.raises(DataError, match="two segments"):
        twice = pd.DataFrame({"customer_id": ["gone", "gone"], "segment": ["A", "B"]})
        revenue_bridge(CLASSES, period=PERIOD, before=BEFORE, segments=twice)


def test_helpful_messages():
    with pytest.raises(ValueError, match="before: must end before the period"):
        revenue_bridge(CLASSES, period=PERIOD, before=("2025-02-01", "2025-03-01"))
    with pytest.raises(ValueError, match="period: begins on"):
        revenue_bridge(CLASSES, period=("2025-03-31", "2025-03-01"), before=BEFORE)
    with pytest.raises(HistoryError, match=r"data begin on 2025-01-04.*too small"):
        revenue_bridge(CLASSES, period=PERIOD, before=("2024-12-01", "2025-01-31"))
    with pytest.raises(EmptyTableError, match="Choose other periods"):
        revenue_bridge(CLASSES, period=("2024-03-01", "2024-03-31"), before=("2024-02-01", "2024-02-28"))
    with pytest.raises(ColumnError, match="'revenue_minor' not found"):
        revenue_bridge(CLASSES.drop(columns="revenue_minor"), period=PERIOD, before=BEFORE)
    with pytest.raises(ValueError, match="first_orders: expected"):
        revenue_bridge(CLASSES, period=PERIOD, before=BEFORE, first_orders="yes")


def test_a_refund_only_customer_moves_refunds_only():
    frame = lines(("a", 1, "02-02", "x", 1, 100), ("r", 9, "03-02", "x", -1, -250))
    moved = parts(observed(frame))
    assert {name: change for name, change in moved.items() if change} == {"absent": -100, "refunds": -250}
    refunds = revenue_bridge(frame.iloc[1:], period=PERIOD, before=("2025-02-27", "2025-02-28"))
    assert parts(refunds)["refunds"] == -250 and refunds.history.startswith("cannot tell")


row = st.tuples(
    st.sampled_from("abcd"), st.integers(0, 8), st.integers(0, 89), st.sampled_from("xyz"),
    st.sampled_from([0.0, 0.5, 1.0, 3.0]), st.integers(-300, 1000),
)  # fmt: skip


@given(drawn=st.lists(row, min_size=1, max_size=40), seed=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_parts_add_up_to_the_cent(drawn, seed):
    frame = pd.DataFrame(drawn, columns=COLUMNS)
    frame["order_id"] = frame["customer_id"] + frame["order_id"].astype("str")
    frame["ordered_at"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(frame["ordered_at"], unit="D")
    month = frame["ordered_at"].dt.month
    if not month.isin([2, 3]).any():
        return
    segments = pd.DataFrame({"customer_id": ["a", "b"], "segment": ["A", "B"]})
    bridge = observed(frame, segments=segments)
    books = frame["revenue_minor"].groupby(month).sum().reindex([2, 3], fill_value=0)
    sums = bridge.table.groupby("segment")["change_minor"].sum()
    assert sums["all"] == books[3] - books[2] == sums.drop("all").sum()
    assert (bridge.totals.set_index("segment")["change_minor"] == sums.reindex(bridge.totals["segment"])).all()
    other = observed(
        frame.sample(frac=1, random_state=seed),
        segments=segments
    )  # fmt: skip
    pd.testing.assert_frame_equal(bridge.table, other.table)
