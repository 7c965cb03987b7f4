"""True, ordinary data at their extremes: nobody, everybody, hardly anybody, nought, one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

START = dt.date(2023, 1, 1)
Tables = dict[str, pd.DataFrame]
STUDIES: dict[str, Callable[[], Tables]] = {}


def study(make: Callable[[], Tables]) -> Callable[[], Tables]:
    STUDIES[make.__name__.replace("_", "-")] = make
    return make


def orders(
    n: int = 400, customers: int = 60, days: int = 730, amount: float = 40.0, spread: float = 0.5, seed: int = 1
) -> pd.DataFrame:
    """Ordinary orders: customers at random, log-normal amounts, days at random."""
    rng = np.random.default_rng(seed)
    when = np.sort(rng.integers(0, days, n))
    return pd.DataFrame(
        {
            "order_id": [f"O{k:05d}" for k in range(n)],
            "customer_id": [f"K{k:04d}" for k in rng.integers(0, customers, n)],
            "ordered_at": [START + dt.timedelta(days=int(day)) for day in when],
            "revenue": np.round(amount * rng.lognormal(0, spread, n), 2),
        }
    )


def people(table: pd.DataFrame, **columns: object) -> pd.DataFrame:
    ids = sorted(table["customer_id"].unique())
    return pd.DataFrame({"customer_id": ids, **columns})


def city_and_age(table: pd.DataFrame, seed: int = 2) -> pd.DataFrame:
    n, rng = table["customer_id"].nunique(), np.random.default_rng(seed)
    return people(table, city=rng.choice(["Lviv", "Kyiv", "Odesa"], n), age=rng.integers(18, 80, n))


def products_of(table: pd.DataFrame, n: int = 8, categories: int = 3) -> Tables:
    rng = np.random.default_rng(3)
    table = table.assign(product_id=[f"P{k}" for k in rng.integers(0, n, len(table))], quantity=1)
    listed = pd.DataFrame(
        {"product_id": [f"P{k}" for k in range(n)], "category": [f"Category {k % categories}" for k in range(n)]}
    )
    return {"transactions": table, "products": listed}


# hardly anybody
for number in (1, 2, 3, 5, 9, 10, 12, 20):

    def few(number: int = number) -> Tables:
        return {"transactions": orders(n=number * 6, customers=number)}

    STUDIES[f"{number}-customers"] = few


@study
def five_customers_with_everything() -> Tables:
    found = products_of(orders(n=60, customers=5))
    return {**found, "customers": city_and_age(found["transactions"])}


@study
def one_order_in_all() -> Tables:
    return {"transactions": orders(n=1, customers=1, days=1)}


# nobody, everybody
@study
def nobody_came_back() -> Tables:
    table = orders(n=300)
    return {"transactions": table.assign(customer_id=[f"K{k:04d}" for k in range(len(table))])}


@study
def one_came_back() -> Tables:
    table = orders(n=300).assign(customer_id=[f"K{k:04d}" for k in range(300)])
    table.loc[299, "customer_id"] = "K0000"
    return {"transactions": table}


@study
def everybody_every_month() -> Tables:
    months = pd.date_range("2023-01-15", periods=24, freq="MS") + pd.Timedelta(days=9)
    rows = [(f"K{k:03d}", day.date(), 20.0 + k) for day in months for k in range(40)]
    table = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "revenue"])
    return {"transactions": table.assign(order_id=[f"O{k}" for k in range(len(table))])}


@study
def nearly_all_stay() -> Tables:
    table = everybody_every_month()["transactions"]
    return {"transactions": table[~((table["customer_id"] == "K000") & (table["ordered_at"] > dt.date(2024, 6, 1)))]}


@study
def everybody_left() -> Tables:
    early = orders(n=400, days=300)
    late = orders(n=3, customers=3, days=2, seed=9)
    late = late.assign(
        customer_id=["N1", "N2", "N3"], order_id=["Z1", "Z2", "Z3"], ordered_at=START + dt.timedelta(days=725)
    )
    return {"transactions": pd.concat([early, late])}


@study
def all_new_last_month() -> Tables:
    old = orders(n=200, customers=30, days=600)
    new = orders(n=60, customers=60, days=28, seed=4)
    new = new.assign(
        customer_id=[f"N{k}" for k in range(60)], order_id=[f"N{k}" for k in range(60)],
        ordered_at=[dt.date(2024, 12, 1 + k % 28) for k in range(60)],
    )  # fmt: skip
    return {"transactions": pd.concat([old, new, old.tail(1).assign(ordered_at=dt.date(2025, 1, 2), order_id="L")])}


# time
@study
def all_on_one_day() -> Tables:
    return {"transactions": orders().assign(ordered_at=dt.date(2024, 1, 31))}


@study
def one_month_only() -> Tables:
    return {"transactions": orders(days=31)}


@study
def ten_weeks() -> Tables:
    return {"transactions": orders(days=70)}


@study
def thirteen_months() -> Tables:
    return {"transactions": orders(days=396)}


@study
def a_quiet_month() -> Tables:
    table = orders(n=600)
    return {"transactions": table[~table["ordered_at"].between(dt.date(2024, 11, 1), dt.date(2024, 11, 30))]}


@study
def a_quiet_last_month() -> Tables:
    table = orders(n=600)
    last = table.tail(1).assign(ordered_at=dt.date(2025, 1, 3), order_id="L")
    return {"transactions": pd.concat([table[table["ordered_at"] < dt.date(2024, 12, 1)], last])}


@study
def one_order_in_the_last_month() -> Tables:
    table = orders(n=600)
    kept = table[table["ordered_at"] < dt.date(2024, 12, 1)]
    last = table.tail(2).assign(ordered_at=[dt.date(2024, 12, 5), dt.date(2025, 1, 3)], order_id=["L", "M"])
    return {"transactions": pd.concat([kept, last])}


@study
def a_year_of_silence() -> Tables:
    table = orders(n=600, days=1460)
    return {"transactions": table[~table["ordered_at"].between(dt.date(2024, 3, 1), dt.date(2025, 2, 28))]}


@study
def christmas_only() -> Tables:
    table = orders(n=300, days=20)
    return {"transactions": pd.concat(
        table.assign(ordered_at=[day + dt.timedelta(days=340 + 365 * k) for day in table["ordered_at"]],
                     order_id=table["order_id"] + f"-{k}")
        for k in range(3)
    )}  # fmt: skip


# money
@study
def a_month_of_refunds_only() -> Tables:
    table = orders(n=600)
    month = table["ordered_at"].between(dt.date(2024, 12, 1), dt.date(2024, 12, 31))
    return {"transactions": table.assign(revenue=table["revenue"].where(~month, -table["revenue"]))}


@study
def all_refunded() -> Tables:
    table = orders(n=200)
    back = table.assign(revenue=-table["revenue"])
    return {"transactions": pd.concat([table, back]).sort_values("order_id")}


@study
def everything_is_free() -> Tables:
    return {"transactions": orders().assign(revenue=0.0)}


@study
def one_price() -> Tables:
    return {"transactions": orders().assign(revenue=9.99)}


@study
def one_whale() -> Tables:
    table = orders()
    return {"transactions": table.assign(revenue=table["revenue"].where(table["customer_id"] != "K0001", 1_000_000.0))}


@study
def amounts_of_nine_digits() -> Tables:
    return {"transactions": orders(amount=120_000_000)}


@study
def amounts_of_a_cent() -> Tables:
    return {"transactions": orders().assign(revenue=0.01)}


# products
@study
def one_product() -> Tables:
    return products_of(orders(), n=1, categories=1)


@study
def products_without_a_category() -> Tables:
    found = products_of(orders())
    return {**found, "products": found["products"].assign(category=None)}


@study
def a_product_per_order() -> Tables:
    found = products_of(orders(), n=400, categories=400)
    return found


@study
def products_that_nobody_bought() -> Tables:
    found = products_of(orders())
    return {**found, "products": found["products"].assign(product_id=[f"X{k}" for k in range(8)])}


# attributes
@study
def an_attribute_known_of_three() -> Tables:
    table = orders()
    known = city_and_age(table)
    known["note"] = pd.Series(["likes tea", "pays late", "VIP"])
    return {"transactions": table, "customers": known}


@study
def a_flag_known_of_three() -> Tables:
    """Case 22: the only attribute there is, and nothing else of which anything could be said."""
    table = orders()
    return {"transactions": table, "customers": people(table, owns_car=None).assign(
        owns_car=pd.Series(["yes", "no", "yes"])
    )}  # fmt: skip


@study
def a_number_known_of_nine() -> Tables:
    table = orders()
    return {"transactions": table, "customers": people(table, age=None).assign(age=pd.Series(range(30, 39)))}


@study
def everything_known_of_three() -> Tables:
    table = orders()
    return {"transactions": table, "customers": city_and_age(table).head(3)}


@study
def an_attribute_of_one_value() -> Tables:
    table = orders()
    return {"transactions": table, "customers": people(table, country="UA")}


@study
def an_attribute_per_person() -> Tables:
    table = orders()
    n = table["customer_id"].nunique()
    return {"transactions": table, "customers": people(table, phone=[f"+38050{k:07d}" for k in range(n)])}


@study
def no_attribute_is_filled() -> Tables:
    table = orders()
    return {"transactions": table, "customers": people(table, city=None, age=None)}


@study
def customers_who_never_ordered() -> Tables:
    table = orders()
    known = pd.DataFrame({"customer_id": [f"Z{k}" for k in range(80)], "city": ["Lviv", "Kyiv"] * 40})
    return {"transactions": table, "customers": known}


@study
def everything_ordinary() -> Tables:
    found = products_of(orders(n=900, customers=120))
    return {**found, "customers": city_and_age(found["transactions"])}


@study
def campaigns_that_nobody_answered() -> Tables:
    found = products_of(orders(n=900, customers=120))
    campaigns = pd.DataFrame({"campaign_id": ["A", "B"], "starts_on": ["2024-03-01", "2024-09-01"],
                              "ends_on": ["2024-03-20", "2024-09-20"], "kind": ["mail", "mail"]})  # fmt: skip
    ids = sorted(found["transactions"]["customer_id"].unique())
    contacts = pd.DataFrame([(c, who) for c in "AB" for who in ids[:60]], columns=["campaign_id", "customer_id"])
    responses = pd.DataFrame({"customer_id": ["NOBODY"], "campaign_id": ["A"], "responded_on": ["2024-03-05"]})
    return {**found, "campaigns": campaigns, "contacts": contacts, "responses": responses}


@study
def campaigns_that_all_answered() -> Tables:
    found = campaigns_that_nobody_answered()
    answered = found["contacts"].assign(responded_on=["2024-03-05"] * 60 + ["2024-09-05"] * 60)
    return {**found, "responses": answered}


def write(name: str, folder: Path, unit: str = "person") -> Path:
    """Write a study's files and study.toml; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = STUDIES[name]()
    toml = [f'[study]\nname = "{name}"\ncurrency = "EUR"\ntimezone = "Europe/Kyiv"\nunit = "{unit}"\n']
    if tables["transactions"]["ordered_at"].max() < dt.date(2024, 12, 31):
        last = pd.Timestamp(tables["transactions"]["ordered_at"].max()) + pd.offsets.MonthEnd(0)
        toml.append(f'complete_until = "{last:%Y-%m-%d}"\n')
    for table, frame in tables.items():
        frame.to_csv(folder / f"{table}.csv", index=False)
        toml.append(f'[tables.{table}]\npath = "{table}.csv"\n')
    (folder / "study.toml").write_text("\n".join(toml), encoding="utf-8")
    return folder
