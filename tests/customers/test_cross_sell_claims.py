"""What is claimed of things bought together: the trap named, small groups unnamed, names from data only values."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from custaudience.customers.affinity.baskets import choose_level, kind_columns, product_names, with_items
from custaudience.customers.affinity.claims import missed_claims, pair_claims, refusal_claim, regular_claims
from custaudience.customers.affinity.cross_sell import (
    MissedCrossSell,
    RegularBuyers,
    missed_cross_sell,
    regular_buyers,
    regular_items,
)
from custaudience.customers.affinity.pairs import (
    Offer,
    ProductPairs,
    asked_offer,
    choose_offer,
    misleading_pair,
    name_pairs,
    product_pairs,
    published_pairs,
    strong_pairs,
)
from custaudience.errors import ColumnError, DataError, ParameterError
from custaudience.evidence import Claim, Terms
from custaudience.present.words import render_claim, term
from custaudience.study import open_study

ROOT = Path(__file__).parents[2]
AS_OF = dt.date(2025, 10, 31)
TERMS = Terms(AS_OF, "UAH")
START = pd.Timestamp("2025-01-01")


def lines(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Lines from (customer, order, day of the year, item)."""
    frame = pd.DataFrame(rows, columns=["customer_id", "order_id", "day", "item"])
    at = START + pd.to_timedelta(frame.pop("day"), unit="D")
    return frame.astype({"customer_id": "str", "order_id": "str"}).assign(revenue_minor=100, ordered_at=at)


def missed(frame: pd.DataFrame, offer: Offer) -> MissedCrossSell:
    return missed_cross_sell(frame, offer, TERMS, window_days=5, level="item")


def keyed(claims: list[Claim]) -> dict[str, Claim]:
    return {claim.id.split(".", 1)[1]: claim for claim in claims}


@pytest.fixture(scope="module")
def shop_lines() -> Any:
    study = open_study(ROOT / "data/shop")
    return with_items(study.table("transactions"), study.table("products"), "Вид товару")


@pytest.fixture(scope="module")
def shop_pairs(shop_lines: Any) -> ProductPairs:
    return product_pairs(shop_lines, TERMS, level="item")


def test_the_bag_in_every_seventh_basket_is_named_as_the_trap(shop_pairs: ProductPairs) -> None:
    trap = keyed(pair_claims(shop_pairs, TERMS, min_lift=5))["trap"]
    assert trap.values["other"] == "Пакет" and trap.status == "no_clear_difference"
    assert trap.values["confidence"] > trap.values["share"] and trap.low < 1 < trap.high
    assert choose_offer(shop_pairs.table) == Offer(("Цегла",), ("Цемент", "Пісок"), chosen_by_rule=True)
    assert not strong_pairs(shop_pairs.table, min_lift=5)[["item_a", "item_b"]].isin(["Пакет"]).any().any()


def test_tea_and_coffee_is_the_trap_not_a_find() -> None:
    """METHODS G45: 15 of 20 tea drinkers drink coffee, and 90 of 100 people: lift .8333."""
    drinks = [("tea", "coffee")] * 150 + [("tea",)] * 50 + [("coffee",)] * 750 + [("milk",)] * 50
    frame = lines(*[(i, i, 0, item) for i, basket in enumerate(drinks) for item in basket])
    pairs = product_pairs(frame, TERMS, level="item")
    trap = misleading_pair(pairs.table)
    assert trap is not None and (trap["bought"], trap["other"]) == ("tea", "coffee")
    assert (trap["confidence"], trap["share_other"]) == (0.75, pytest.approx(0.9))
    claim = keyed(pair_claims(pairs, TERMS, min_lift=1))["trap"]
    assert claim.value == pytest.approx(0.8333, abs=1e-4) and claim.status == "measured" and claim.high < 1
    assert "less often than chance" in render_claim(claim, language="en")
    assert choose_offer(pairs.table, min_lift=1) is None


def test_what_the_rule_chooses_and_what_it_is_told() -> None:
    pairs = pd.DataFrame(
        [("bricks", "sand", 60, 0.6, 0.75, 8.0), ("bricks", "cement", 70, 0.7, 0.8, 9.0),
         ("bags", "sand", 40, 0.2, 0.5, 0.9), ("brush", "paint", 30, 0.9, 0.5, 20.0)],
        columns=["item_a", "item_b", "n_baskets", "confidence_a_to_b", "confidence_b_to_a", "lift"],
    ).assign(lift_low=lambda t: t["lift"] * 0.9, lift_high=lambda t: t["lift"] * 1.1, n_customers=30)  # fmt: skip
    pairs["verdict"] = np.where(pairs["lift_low"] > 1, "more often", "no clear difference")
    assert choose_offer(pairs) == Offer(("bricks",), ("cement", "sand"), chosen_by_rule=True)
    assert choose_offer(pairs, most=1) == Offer(("bricks",), ("cement",), chosen_by_rule=True)
    assert choose_offer(pairs, asked_offer("", "paint")) == Offer(("brush",), ("paint",), chosen_by_rule=True)
    assert choose_offer(pairs, asked_offer("paint", "")) == Offer(("paint",), ("brush",), chosen_by_rule=True)
    assert choose_offer(pairs, asked_offer("bags; sand", "paint")) == Offer(("bags", "sand"), ("paint",))
    assert choose_offer(pairs, min_lift=30) is None and choose_offer(pairs, asked_offer("bags", "")) is None
    assert choose_offer(pairs.sample(frac=1, random_state=3)) == choose_offer(pairs)
    with pytest.raises(DataError, match=r"'brick' is no name.*Did you mean 'bricks'"):
        asked_offer("brick", "", ["bricks", "sand", None])
    with pytest.raises(DataError, match="both bought and missing"):
        asked_offer("sand", "sand")
    assert asked_offer(" a ;; b;a ", "").bought == ("a", "b")


def test_small_groups_have_no_figures() -> None:
    rows = [(f"c{i}", f"o{i}", 10, "a") for i in range(40)] + [(f"c{i}", f"p{i}", 10, "b") for i in range(34)]
    found = missed(lines(*rows), Offer(("a",), ("b",)))
    assert found.n_missed == 6
    (claim,) = missed_claims(found, TERMS)
    assert (claim.n, claim.value, claim.status) == (None, None, "too_few")
    assert not {"n", "seen", "value"} & set(claim.values)


def test_nobody_misses_what_everybody_takes_anyway() -> None:
    """A bag is taken as often without bricks as with them: no list, no advice."""
    rows = [(f"c{i}", f"o{i}", 10, "bricks") for i in range(100)] + [(f"c{i}", f"o{i}", 10, "bag") for i in range(50)]
    rows += [(f"d{i}", f"q{i}", 10, "tea") for i in range(100)] + [(f"d{i}", f"q{i}", 10, "bag") for i in range(50)]
    claims = keyed(missed_claims(missed(lines(*rows), Offer(("bricks",), ("bag",))), TERMS))
    assert claims["finding"].status == claims["goes_with"].status == "no_clear_difference"
    assert "remind" not in claims and "nobody misses anything" in render_claim(claims["finding"], language="en")


def test_regular_items_count_people_once_and_blank_small_cells() -> None:
    due = START + pd.Timedelta(days=100)
    rows = [(f"c{i}", "milk", due - pd.Timedelta(days=i % 3), i < 2) for i in range(12)]
    rows += [(f"c{i}", "tea", due, False) for i in range(6)] + [(f"c{i}", "jam", due, False) for i in range(5, 11)]
    table = pd.DataFrame(rows, columns=["customer_id", "item", "next_due_on", "overdue"]).assign(usual_gap_days=7.0)
    found = RegularBuyers(table, 24, 12, "item", due.date())
    items = regular_items(found, 10)
    assert items["item"].tolist()[0] == "milk" and items["item"].isna().tolist() == [False, True]
    assert items["n_customers"].tolist() == [12, 11]
    assert items.loc[0, "n_due"] == 10 and pd.isna(items.loc[0, "n_overdue"])
    assert regular_items(replace(found, table=table.head(0)), 10).empty


def test_regular_claims_say_what_they_looked_at() -> None:
    study = open_study(ROOT / "data/grocery")
    found = regular_buyers(study.table("transactions"), study.terms(dt.date(2017, 12, 31)))
    claims = keyed(regular_claims(found, regular_items(found, 10), TERMS))
    assert claims["regular"].value == found.table["customer_id"].nunique()
    assert claims["regular"].values["tested"] == found.n_customers_tested
    none = regular_buyers(lines(("a", 1, 1, "x")), TERMS, level="item")
    few = regular_claims(none, regular_items(none, 10), TERMS)
    assert few[0].status == "too_few" and "tested" not in few[0].values


def test_levels_are_found_among_the_columns() -> None:
    products = pd.DataFrame(
        {"product_id": [f"{i:02}" for i in range(20)], "category": ["food"] * 10 + ["tools"] * 10,
         "kind": [f"k{i // 4}" if i < 8 else f"t{i // 5}" for i in range(20)], "unit": ["kg", "pc"] * 10,
         "name": [f"thing {'abcdefghijklmnopqrst'[i]}" for i in range(20)], "price": [f"{i},50" for i in range(20)],
         "_row": range(20)}
    )  # fmt: skip
    use = kind_columns(products).set_index("column")["use"].to_dict()
    assert use == {"kind": "level", "unit": "", "name": "names"}
    assert choose_level(products) == "kind" and choose_level(products.drop(columns="kind")) == "category"
    assert choose_level(products.drop(columns="category")) == "product_id" == choose_level(None)
    assert product_names(products)["03"] == "thing d"
    bare = product_names(products.drop(columns="name"), "kind")
    assert bare["00"] == "k0 · 00" and bare.is_unique
    assert product_names(None).empty


def test_items_come_from_the_products_and_errors_name_the_near_miss() -> None:
    sold = lines(("a", 1, 1, "x")).rename(columns={"item": "product_id"})
    shelf = pd.DataFrame({"product_id": ["x", "y"], "category": [" food ", ""]})
    assert with_items(sold, shelf, "category").collect()["item"].to_list() == ["food"]
    with pytest.raises(ParameterError, match="Did you mean 'category'"):
        with_items(sold, shelf, "categorie")
    with pytest.raises(ParameterError, match="no table of products"):
        with_items(sold, None, "category")
    with pytest.raises(ColumnError, match="do not say what was bought"):
        with_items(sold.drop(columns="product_id"), shelf, "category")


def test_published_pairs_hold_no_small_group(shop_pairs: ProductPairs) -> None:
    shown = published_pairs(shop_pairs.table, min_lift=5, least=30, most=10)
    assert shown["n_customers"].min() >= 30 and shown["strong"].sum() == 8 and len(shown) <= 30
    assert (shown["verdict"] != "too few").all() and not shown.duplicated(["item_a", "item_b"]).any()


@pytest.mark.parametrize("language", ["en", "uk"])
def test_hostile_names_stay_values(language: str) -> None:
    """Braces, quotes and tags in a product's name never become part of a sentence's template."""
    odd, odder = '{n:count} <b>&"“', "%s {0} " + "я" * 45
    rows = [(f"c{i}", f"o{i}", i, name) for i in range(40) for name in (odd, odder)]
    rows += [(f"d{i}", f"q{i}", i, odd) for i in range(15)] + [(f"e{i}", f"r{i}", i, "tea") for i in range(300)]
    frame = lines(*rows)
    pairs = product_pairs(frame, TERMS, level="item")
    offer = choose_offer(pairs.table, min_lift=2)
    assert offer is not None and offer.bought == (odd,)
    claims = [*missed_claims(missed(frame, offer), TERMS), *pair_claims(pairs, TERMS, min_lift=2)]
    claims.append(refusal_claim("no_pair", TERMS, detail=odd))
    texts = [render_claim(claim, language=language, html=True) for claim in claims]
    assert any("{n:count} &lt;b&gt;" in text for text in texts) and not any("<b>" in text for text in texts)
    assert all(term(claim.statistic, language).say for claim in claims)


def test_names_take_the_place_of_ids() -> None:
    rows = [(f"c{i}", f"o{i}", 1, item) for i in range(20) for item in ("1", "2")]
    pairs = product_pairs(lines(*rows), TERMS, level="item")
    named = name_pairs(pairs, pd.Series({"1": "tea"}, dtype="str"))
    assert named.table[["item_a", "item_b"]].iloc[0].tolist() == ["tea", "2"]
    assert pairs.table["item_a"].iloc[0] == "1"
