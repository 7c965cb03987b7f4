"""One row per customer, with its dictionary (issue 4, Build 3)."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custaudience.customers.features.attributes import group_levels, sensitive_topic, usable_attribute
from custaudience.customers.features.features import customer_features
from custaudience.errors import ColumnError, DataError, EmptyTableError
from custaudience.evidence import Terms

AS_OF = dt.date(2025, 3, 31)
NOW = Terms(AS_OF)
YEAR = Terms(dt.date(2024, 12, 31))
LINES = pd.DataFrame(
    [  # 2025-01-04 is a Saturday
        ("a", "1", "2025-01-04 19:30", 1000, 0, "p1"),
        ("a", "1", "2025-01-04 19:30", 500, 100, "p2"),
        ("a", "2", "2025-01-14 10:00", 2500, 0, "p3"),
        ("a", "2", "2025-02-01 10:00", -500, 0, "p3"),
        ("a", "3", "2025-02-03 09:00", 1000, 0, "p9"),
        ("b", "4", "2025-03-30 08:00", 4000, 0, "p2"),
        ("c", "5", "2025-01-01 08:00", -300, 0, "p1"),
        ("d", "6", "2025-05-01 08:00", 9900, 0, "p1"),
    ],
    columns=["customer_id", "order_id", "ordered_at", "revenue_minor", "discount_minor", "product_id"],
).astype({"ordered_at": "datetime64[us]"})
PRODUCTS = pd.DataFrame({"product_id": ["p1", "p2", "p3"], "category": ["Tea", "Cups", "Cups"]})


def attributes(**columns):
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"customer_id": [f"{i:04}" for i in range(n)], **columns})


def orders_for(n):
    """One order each for n customers, so that the customers table counts."""
    stamp = pd.Timestamp("2025-01-01 10:00")
    ids = [f"{i:04}" for i in range(n)]
    return pd.DataFrame({"customer_id": ids, "order_id": ids, "ordered_at": stamp, "revenue_minor": 100})


def test_what_a_customer_did_by_hand():
    got = customer_features(LINES, products=PRODUCTS, terms=NOW)
    a = got.table.set_index("customer_id").loc["a"]
    assert a["n_orders"] == 3 and a["revenue_total"] == 45.0 and a["revenue_per_order"] == 15.0
    assert a["days_since_last_order"] == 56 and a["tenure"] == 86 and a["usual_gap_days"] == 15.0
    assert a["lines_per_order"] == pytest.approx(4 / 3)
    assert a["weekend_share"] == pytest.approx(1 / 3) and a["evening_share"] == pytest.approx(1 / 3)
    assert a["discounted_share"] == 0.25 and a["first_order_discounted"] and a["refund_share"] == 0.1
    assert a["category_share: Tea"] == 0.2 and a["category_share: Cups"] == 0.6  # 10, 30 of 50; p9 has no category
    assert a["n_categories"] == 2 and a["first_category"] == "Tea" and a["first_product"] == "p1"


def test_who_is_in_and_who_is_counted_out():
    """c has a refund only, d orders later, e never: none of them is a customer of the time."""
    known = pd.DataFrame({"customer_id": ["a", "b", "e"], "plan": ["x", "y", "x"]})
    got = customer_features(LINES, known, PRODUCTS, terms=NOW)
    assert got.table["customer_id"].tolist() == ["a", "b"]
    assert got.n_without_order == 2
    assert np.isnan(got.table["usual_gap_days"].iloc[1])  # one order day: no gap


def test_the_dictionary_names_every_column_and_nothing_else():
    got = customer_features(LINES, attributes(plan=["x", "y"]), PRODUCTS, terms=NOW)
    assert got.dictionary["column"].tolist() == sorted(got.dictionary["column"], key=list(got.table).index)
    assert set(got.dictionary["column"]) == set(got.table.columns) - {"customer_id"}
    by = got.dictionary.set_index("column")
    assert by.loc["usual_gap_days", "share_known"] == 0.5 and by.loc["tenure", "unit"] == "days"
    assert by.loc["first_order_discounted", "type"] == "yes-no" and by.loc["first_category", "type"] == "category"
    assert (by["meaning"] != "").all() and set(by["kind"]) == {"behaviour"}


def test_later_rows_change_nothing():
    """The promise of the drivers: a feature knows nothing of the days after `until`."""
    until = dt.date(2025, 1, 31)
    whole = customer_features(LINES, products=PRODUCTS, terms=NOW, until=until)
    then = customer_features(LINES[LINES["ordered_at"] < "2025-02-01"], products=PRODUCTS, terms=Terms(until))
    pd.testing.assert_frame_equal(whole.table, then.table)
    assert whole.table["refund_share"].tolist() == [0.0]  # the refund of 1 February has not happened yet
    with pytest.raises(ValueError, match="lies after as_of"):
        customer_features(LINES, terms=Terms(until), until=AS_OF)


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant(random):
    rows = list(range(len(LINES)))
    random.shuffle(rows)
    expected = customer_features(LINES, products=PRODUCTS, terms=NOW).table
    got = customer_features(LINES.iloc[rows], products=PRODUCTS.iloc[::-1], terms=NOW).table
    pd.testing.assert_frame_equal(got, expected)


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(4)
    n = 4000
    revenue = rng.integers(-400, 3000, n)
    orders = rng.integers(0, 1500, n)
    stamp = np.datetime64("2024-01-01T00:00", "us") + (orders * 331 % 527_040).astype("timedelta64[m]")
    lines = pa.table(
        {"customer_id": [f"клієнт {o % 300}" for o in orders], "order_id": [str(o) for o in orders],
         "ordered_at": pa.array(stamp), "revenue_minor": pa.array(revenue.astype("int64")),
         "discount_minor": pa.array([None if d == 0 else int(d) for d in rng.integers(-1, 3, n)], pa.int64()),
         "product_id": pa.array([None if p == 0 else f"p{p}" for p in rng.integers(0, 80, n)])}
    )  # fmt: skip
    products = pa.table(
        {"product_id": [f"p{p}" for p in range(70)],
         "category": [None if p % 9 == 0 else f"c{p % 7}" for p in range(70)]}
    )  # fmt: skip
    return lines, products


def test_shares_of_all_categories_sum_to_what_has_a_category(many):
    lines, products = many
    got = customer_features(lines, None, products, terms=YEAR, n_categories=99).table
    shares = got.filter(like="category_share: ")
    assert shares.shape[1] == 7
    assert shares.sum(axis=1).between(0, 1 + 1e-12).all() and shares.to_numpy().min() >= 0
    few = customer_features(lines, None, products, terms=YEAR, n_categories=2)
    assert len(few.categories) == 2
    assert list(few.categories) == [c.removeprefix("category_share: ") for c in shares.columns[:2]]


SENSITIVE = {
    "race or ethnicity": ["race", "Етнічна група"], "skin colour": ["Цвет кожи"],
    "nationality or origin": ["nationality", "Громадянство"], "religion": ["Tôn giáo", "Релігія"],
    "health": ["HealthStatus", "инвалидность", "category_share: HOME HEALTH CARE"],
    "minors": ["kids_count", "Вік дитини", "Trẻ em trong nhà"],
    "": ["Улюблений колір", "Розмір взуття", "household_size", "racing bike owner", "category_share: Kids clothes"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "topic"), [(name, topic) for topic, names in SENSITIVE.items() for name in names])
def test_sensitive_columns_are_known_by_name_in_four_languages(name, topic):
    assert sensitive_topic(name) == topic


def test_sensitive_and_identifying_columns_never_enter():
    n = 60
    table = attributes(
        religion=["a", "b"] * 30, Phone=[f"+38050{i:07}" for i in range(n)],
        contact=[f"{i}@example.org" for i in range(n)], code=[f"K-{i:03}" for i in range(n)],
        piece=[f"{i}" for i in range(1000, 1000 + n)], city=["Kyiv", "Lviv", "Odesa"] * 20,
        income=[1000.5 + i for i in range(n)], n_orders=["1"] * n,
    )  # fmt: skip
    got = customer_features(orders_for(n), table, terms=NOW)
    reasons = got.left_out.set_index("column")["reason"]
    assert "sensitive (religion)" in reasons["religion"] and "who somebody is" in reasons["Phone"]
    assert "e-mail" in reasons["contact"]
    assert "an id" in reasons["code"] and "an id" in reasons["piece"]
    assert "orders give" in reasons["customers: n_orders"]
    assert set(got.dictionary.loc[got.dictionary["kind"] == "attribute", "column"]) == {"city", "income"}


@pytest.mark.parametrize(
    ("values", "type_", "first"),
    [(["18", "40", "", "25"], "numeric", 18.0), (["1 234,5", "2,5", "7", "7"], "numeric", 1234.5),
     (["так", "Ні", "так", None], "yes-no", True), ([1, 0, 0, 1], "yes-no", True),
     (["65+", "19-24", "25-34", "19-24"], "ordered", "65+"),
     (["Under 15K", "250K+", "15-24K", "15-24K"], "ordered", "Under 15K"), (["1", "2", "5+", "2"], "ordered", "1"),
     (["від 20 до 30 років", "понад 60", "до 20", "до 20"], "ordered", "від 20 до 30 років"),
     (["1 Adult Kids", "2 Adults", "2 Adults", "1 Adult Kids"], "category", "1 Adult Kids"),
     (["007", "010", "007", "010"], "category", "007"),
     (["M", "F", "F", "M"], "category", "M"),
     (["01.03.2025", "31.12.2024", "", "30.06.2025"], "numeric", 30.0),
     ([dt.datetime(2025, 3, 1, 5), dt.datetime(2024, 3, 1), None, None], "numeric", 30.0)],
)  # fmt: skip
def test_types_are_guessed_plainly(values, type_, first):
    got, found, _ = usable_attribute("x", pd.Series(values), until=AS_OF)
    assert found == type_ and got.iloc[0] == first
    if first == "Under 15K":  # ranges are ordered by their numbers
        assert got.cat.categories.tolist() == ["Under 15K", "15-24K", "250K+"]


def test_a_date_after_the_cut_was_not_known():
    got, _, _ = usable_attribute("joined", pd.Series(["2025-04-01", "2025-03-31", "2025-01-01"]), until=AS_OF)
    assert np.isnan(got.iloc[0]) and got.iloc[1] == 0
    got, _, remark = usable_attribute("closed", pd.Series(["2025-05-01", "2025-06-01"]), until=AS_OF)
    assert got is None and "cut date" in remark


@pytest.mark.parametrize(
    ("values", "text"),
    [([None, "", " "], "no value is known"), (["x", "x", "x"], "the same value for all"),
     (["так", "", ""], "If an empty cell means no"), (["1,234", "5,678", "9,100"], "thousands or decimals"),
     (["3/4/2025", "11/12/2025", "1/2/2025"], "read in two ways"),
     ([f"city {i}" for i in range(10_000)] + ["city 1"] * 3000, "fewer groups"),
     ([f"city {i}" for i in range(10_000)], "an id")],
)  # fmt: skip
def test_what_cannot_be_used_is_left_out_with_a_sentence(values, text):
    got, type_, remark = usable_attribute("x", pd.Series(values), until=AS_OF)
    assert got is None and type_ == "" and text in remark


def test_ten_thousand_levels_keep_the_large_ones_if_these_are_most():
    values = pd.Series(["Kyiv"] * 9000 + ["Lviv"] * 4000 + [f"village {i}" for i in range(10_000)])
    got, remark = group_levels(values)
    assert got.value_counts().to_dict() == {"other": 10_000, "Kyiv": 9000, "Lviv": 4000}
    assert "10,002 levels: the 2 largest kept" in remark
    assert group_levels(values.tail(10_000))[0] is None


def test_columns_that_the_data_do_not_give_are_not_there():
    one = customer_features(LINES[LINES["customer_id"] == "b"], products=PRODUCTS, terms=NOW)
    assert one.table["n_orders"].tolist() == [1] and one.table["tenure"].tolist() == [1.0]
    assert "first_category" not in one.table  # one level tells nobody apart
    dates = customer_features(LINES.assign(ordered_at=LINES["ordered_at"].dt.normalize()), terms=NOW)
    assert "evening_share" not in dates.table and dates.left_out["column"].tolist() == ["evening_share"]
    bare = customer_features(LINES.drop(columns=["discount_minor", "product_id"]), terms=NOW)
    assert not {"discounted_share", "n_categories", "first_product"} & set(bare.table) and bare.categories == ()


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [((LINES[LINES["customer_id"] == "c"],), EmptyTableError, "Choose a later date"),
     ((LINES, pd.DataFrame({"customer_id": ["a", "a"], "plan": ["x", "y"]})), DataError, "one row per customer"),
     ((LINES, None, PRODUCTS.rename(columns={"category": "categry"})), ColumnError, "Did you mean"),
     ((LINES, None, pd.concat([PRODUCTS, PRODUCTS])), DataError, "count its sales twice"),
     ((LINES, None, pl.from_pandas(PRODUCTS)), DataError, "in one kind")],
)  # fmt: skip
def test_refusals_say_what_to_do(given, error, text):
    with pytest.raises(error, match=text):
        customer_features(*given, terms=NOW)
