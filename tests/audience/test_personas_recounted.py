"""The personas of the bundled shop, recounted from its raw files by plain pandas."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from custaudience import open_study
from custaudience.audience import build_personas
from custaudience.customers import customer_features
from custaudience.customers.features.features import category_sales, counted_orders
from custaudience.evidence import Terms
from custaudience.recipes import segments_at

SHOP = Path(__file__).parents[2] / "data" / "shop"
AS_OF = dt.date(2025, 10, 31)


@pytest.fixture(scope="module")
def built():
    study = open_study(SHOP)
    lines = study.table("transactions")
    features = customer_features(
        lines, study.table("customers"), study.table("products"), terms=Terms(AS_OF, minor_digits=study.minor_digits)
    )
    labels = segments_at(study, AS_OF).set_index("customer_id")["segment"]
    sales = category_sales(lines, counted_orders(study.orders(AS_OF), until=AS_OF), study.table("products"))
    personas = build_personas(
        features, labels, currency=study.currency, study=study.name, category_sales=sales, caveats=study.caveats,
        min_group_size=study.min_group_size,
    )  # fmt: skip
    return personas, labels


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    """The order lines as the shop's accounting program wrote them, cleaned by the rules of its README."""
    lines = pd.read_csv(SHOP / "orders.csv", sep=";", encoding="cp1251", dtype=str, keep_default_na=False)
    lines["at"] = pd.to_datetime(lines["Дата"], format="%d.%m.%Y %H:%M", errors="coerce")
    for name, column in (("revenue", "Сума, грн"), ("discount", "Знижка, грн")):
        text = lines[column].str.replace("\u00a0", "").str.replace(",", ".")
        lines[name] = pd.to_numeric(text, errors="coerce")
    lines["discount"] = lines["discount"].fillna(0)
    kept = lines["at"].notna() & lines["revenue"].notna() & ~lines["Статус"].str.lower().isin(["скасовано", "тест"])
    kept &= ~lines["Клієнт"].isin(["", "Гість"]) & (lines["at"] < pd.Timestamp(AS_OF) + pd.Timedelta(days=1))
    products = pd.read_csv(SHOP / "products.csv", sep=";", encoding="cp1251", dtype=str, keep_default_na=False)
    lines = lines[kept].merge(products[["Артикул", "Категорія"]], on="Артикул", how="left")
    return lines.assign(
        net=lines.groupby("Номер замовлення")["revenue"].transform("sum").round(2), order=lines["Номер замовлення"]
    )


@pytest.fixture(scope="module")
def customers(raw) -> pd.DataFrame:
    """One row per customer with an order that counts."""
    counted = raw[raw["net"] > 0]
    orders = counted.groupby(["Клієнт", "order"], as_index=False).agg(at=("at", "min"))
    of = orders.groupby("Клієнт")
    table = pd.DataFrame({"n_orders": of.size(), "last": of["at"].max()})
    table["revenue_total"] = raw.groupby("Клієнт")["revenue"].sum().round(2).reindex(table.index)
    table["revenue_per_order"] = table["revenue_total"] / table["n_orders"]
    table["days_since_last_order"] = (pd.Timestamp(AS_OF) - table["last"].dt.normalize()).dt.days
    table["weekend_share"] = (orders["at"].dt.day_of_week >= 5).groupby(orders["Клієнт"]).mean()
    sold = counted[counted["revenue"] > 0].groupby("Клієнт")
    table["lines_per_order"] = sold.size() / table["n_orders"]
    table["discounted_share"] = sold["discount"].agg(lambda d: (d > 0).mean())
    table["n_categories"] = sold["Категорія"].nunique()
    told = pd.read_csv(SHOP / "customers.csv", sep=";", encoding="cp1251", dtype=str, keep_default_na=False)
    return table.join(told.drop_duplicates().set_index("Код клієнта"))


def test_every_figure_recounts_from_the_files(built, customers) -> None:
    personas, labels = built
    segment = labels.reindex(customers.index)
    checked = set()
    for persona in personas:
        own, others = customers[segment == persona.segment], customers[segment != persona.segment]
        size = persona.slots["size"][0]
        assert size.value == len(own) and size.values["revenue"] == pytest.approx(own["revenue_total"].sum())
        assert size.values["share_revenue"] == pytest.approx(
            own["revenue_total"].sum() / customers["revenue_total"].sum()
        )
        for claim in persona.claims():
            which = claim.values.get("which")
            if claim.kind != "difference" or which not in customers:
                continue
            parts = [group[which] for group in (own, others)]
            if category := claim.values["category"]:
                parts = [(p[p != ""] == category).astype(float) for p in parts]
            elif which == "Згода на розсилку":
                parts = [(p == "так").astype(float) for p in parts]
            parts = [pd.to_numeric(p).dropna() for p in parts]
            a, b = (p.median() if claim.method.startswith("Medians") else p.mean() for p in parts)
            assert claim.value == pytest.approx(a - b, abs=1e-9), claim.id
            assert claim.n == len(parts[0]) and claim.values["n_others"] == len(parts[1]), claim.id
            checked.add(which)
    assert {"n_orders", "revenue_total", "discounted_share", "Вік", "Канал залучення"} <= checked


def test_categories_recount_from_the_files(built, raw) -> None:
    personas, labels = built
    sold = raw[(raw["net"] > 0) & (raw["revenue"] > 0)]
    segment = sold["Клієнт"].map(labels)
    n = 0
    for persona in personas:
        for claim in persona.slots["categories"]:
            if claim.unit != "ratio":
                continue
            is_it = sold["Категорія"] == claim.values["raw"]
            inside, outside = segment == persona.segment, segment.notna() & (segment != persona.segment)
            spent = sold["revenue"] * is_it
            own, other = (spent[part].sum() / sold["revenue"][part].sum() for part in (inside, outside))
            assert (claim.values["share"], claim.values["others"]) == pytest.approx((own, other)), claim.id
            buyers = sold.loc[is_it & inside, "Клієнт"].nunique()
            assert claim.values["buyers"] == buyers >= 10
            n += 1
    assert n > 20
