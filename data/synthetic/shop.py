"""A made-up Ukrainian online shop for building and home goods, as its export would look."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.random import Generator, default_rng

from synthetic import baskets, people
from synthetic.catalogue import BUILDING, catalogue
from synthetic.made import SyntheticStudy

SHOP_SEED = 7
GUEST_SHARE, CANCELLED_SHARE, REFUND_SHARE = 0.08, 0.045, 0.04
N_TESTS, N_BAD_DATES, N_BAD_AMOUNTS, N_REPEATED = 9, 13, 11, 5
GUEST_SINCE = np.datetime64("2024-09-01")  # the export says "Гість" from here on, and nothing before
LOWER_CASE_UNTIL = np.datetime64("2024-07-01")  # the old version of the shop wrote "скасовано"
_HOURS = np.array([1, 2, 4, 6, 7, 7, 7, 6, 6, 6, 7, 8, 9, 9, 8, 5, 2], dtype=float)  # 7 to 23 o'clock


def make_shop(seed: int = SHOP_SEED) -> SyntheticStudy:
    """Make the shop: 24 months of orders, products, customers, and what was planted.

    Parameters
    ----------
    seed : int
        The same seed gives the same frames.

    Returns
    -------
    SyntheticStudy
        ``tables``: "orders.csv", "products.csv", "customers.csv", all text. ``truth``:

        - "customers": ``customer_id, group, n_orders`` (placed and not cancelled), ``planned_return``, ``neither``
          (never takes cement or sand with bricks), ``age, place, household`` (also where the export has none);
        - "groups": the plan of each hidden group, see `people.GROUPS`;
        - "attributes": see `people.attribute_truth`; "pairs": see `baskets.pair_truth`;
        - "missed_cross_sell": ``customer_id`` of those who bought bricks and neither cement nor sand, ever.
    """
    rng = default_rng(seed)
    persons = people.draw_people(rng)
    persons["customer_id"] = _customer_ids(rng, persons)
    products = catalogue()
    orders = _all_orders(rng, persons)
    lines = _all_lines(rng, orders, products)
    placed = orders[(orders["person"] >= 0) & orders["completed"]].groupby("person").size()
    persons["n_orders"] = placed.reindex(persons.index, fill_value=0)
    tables = {
        "orders.csv": _order_file(rng, lines, orders, persons, products),
        "products.csv": _product_file(rng, products),
        "customers.csv": _customer_file(rng, persons),
    }
    group = people.GROUPS["group"].to_numpy()[persons["group"]]
    truth = {
        "customers": persons[["customer_id"]].assign(
            group=group,
            n_orders=persons["n_orders"],
            planned_return=persons["returns"] & persons["buyer"],
            neither=persons["neither"],
            age=persons["age"],
            place=persons["place"],
            household=persons["household"],
        ),
        "groups": people.GROUPS.copy(),
        "attributes": people.attribute_truth(),
        "pairs": baskets.pair_truth(),
        "missed_cross_sell": _missed(lines, orders, persons, products),
    }
    return SyntheticStudy("shop", seed, tables, truth)


def _customer_ids(rng: Generator, persons: pd.DataFrame) -> np.ndarray:
    """Give numbers by the day of registration, which is the first order's or up to three days before."""
    early = rng.integers(0, 4, len(persons)) * (rng.random(len(persons)) < 0.3)
    persons["registered"] = np.maximum(0, np.floor(persons["first_day"]) - early).astype(int)
    place = persons["registered"].rank(method="first").astype(int)
    return np.array([f"{136 + number:06d}" for number in place])


def _all_orders(rng: Generator, persons: pd.DataFrame) -> pd.DataFrame:
    """Return known customers', guests' and test orders by time, with number, stamp and whether they were completed."""
    known = people.draw_orders(rng, persons)
    n_guests = round(len(known) * GUEST_SHARE / (1 - GUEST_SHARE))
    guest_group = rng.choice(4, n_guests, p=[0.5, 0.3, 0.16, 0.04])
    guests = pd.DataFrame({"person": -1, "nth": 0, "day": people.draw_first_days(rng, guest_group)})
    tests = pd.DataFrame({"person": -2, "nth": 0, "day": np.sort(rng.uniform(0, people.N_DAYS, N_TESTS))})
    orders = pd.concat([known, guests, tests], ignore_index=True)
    n, person = len(orders), orders["person"].to_numpy()
    of_known = persons.iloc[np.maximum(person, 0)].reset_index(drop=True)
    orders["group"] = np.where(person >= 0, of_known["group"], 0)
    orders.loc[person == -1, "group"] = guest_group
    orders["size"] = np.where(person >= 0, of_known["size"], 1.0)
    orders["neither"] = (person >= 0) & of_known["neither"]
    orders["promo"] = (person >= 0) & of_known["promo"] & (orders["nth"] == 0)
    orders["completed"] = (rng.random(n) >= CANCELLED_SHARE) & (person >= -1)
    minute = rng.choice(np.arange(7, 24), n, p=_HOURS / _HOURS.sum()) * 60 + rng.integers(0, 60, n)
    day = people.FIRST_DAY + np.floor(orders["day"]).astype(int).to_numpy()
    orders["stamp"] = day.astype("datetime64[m]").astype("datetime64[s]") + minute.astype("timedelta64[m]")
    orders["month"] = (day.astype("datetime64[M]") - people.FIRST_DAY.astype("datetime64[M]")).astype(int)
    orders = orders.sort_values(["stamp", "person", "nth"], ignore_index=True)
    orders["number"] = 1203 + np.cumsum(1 + (rng.random(n) < 0.05))  # baskets left behind take a number, too
    return orders


def _all_lines(rng: Generator, orders: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the order file, still as numbers: sales, gifts and refunds."""
    lines = baskets.add_gifts(rng, baskets.draw_lines(rng, orders, products), products)
    test = orders["person"].to_numpy()[lines["order"]] == -2
    lines = lines[~(test & lines["order"].duplicated())].reset_index(drop=True)  # one line is enough for a test
    test = orders["person"].to_numpy()[lines["order"]] == -2
    lines.loc[test, ["product", "quantity", "price", "full"]] = [
        np.flatnonzero(products["kind"] == "Тестовий товар")[0], 1, 100, 100,
    ]  # fmt: skip
    stamp = orders["stamp"].to_numpy()
    black_week = (stamp >= np.datetime64("2023-11-20")) & (stamp < np.datetime64("2023-11-27"))
    black_week |= (stamp >= np.datetime64("2024-11-25")) & (stamp < np.datetime64("2024-12-02"))
    orders["code"] = np.where(black_week & (rng.random(len(orders)) < 0.4), "BLACK15", "")
    orders.loc[orders["promo"], "code"] = "WELCOME10"
    rate = orders["code"].map({"": 0, "WELCOME10": 10, "BLACK15": 15}).to_numpy()[lines["order"]]
    lines["discount"] = (lines["full"] * rate + 50) // 100  # half a kopiyka up
    lines["paid"] = lines["full"] - lines["discount"]
    lines["stamp"] = stamp[lines["order"]]
    lines = baskets.add_refunds(rng, lines, orders, share=REFUND_SHARE)
    end = people.FIRST_DAY + people.N_DAYS
    return lines[lines["stamp"] < end].sort_values(["stamp", "order", "product"], kind="stable", ignore_index=True)


def _order_file(
    rng: Generator, lines: pd.DataFrame, orders: pd.DataFrame, persons: pd.DataFrame, products: pd.DataFrame
) -> pd.DataFrame:
    """Write the rows as the shop's software does, and break a few of them."""
    of = orders.iloc[lines["order"]].reset_index(drop=True)
    item = products.iloc[lines["product"]].reset_index(drop=True)
    person = of["person"].to_numpy()
    customer = np.where(person >= 0, persons["customer_id"].to_numpy()[np.maximum(person, 0)], "")
    customer = np.where((person == -1) & (of["stamp"] >= GUEST_SINCE), "Гість", customer)
    cancelled = np.where(of["stamp"] < LOWER_CASE_UNTIL, "скасовано", "Скасовано")
    status = np.where(of["completed"], np.where(lines["refund"], "Повернення", "Виконано"), cancelled)
    frame = pd.DataFrame(
        {
            "Номер замовлення": [f"{number:06d}" for number in of["number"]],
            "Дата": lines["stamp"].dt.strftime("%d.%m.%Y %H:%M"),
            "Клієнт": np.where(person == -2, "999999", customer),
            "Артикул": item["article"],
            "Товар": item["name"],
            "Кількість": [amount_text(value, digits=0 if value % 1 == 0 else 1) for value in lines["quantity"]],
            "Ціна, грн": _money(lines["price"]),
            "Знижка, грн": _money(lines["discount"]),
            "Сума, грн": _money(lines["paid"]),
            "Промокод": of["code"],
            "Статус": np.where(person == -2, "Тест", status),
        }
    ).astype("str")
    sales = np.flatnonzero((frame["Статус"] == "Виконано") & (lines["paid"] > 0) & (person >= 0))
    broken = rng.permutation(sales)[: N_BAD_DATES + N_BAD_AMOUNTS]
    dates, amounts = ("31.02.2025 10:15", "00.00.0000 00:00", "", "12.2024"), ("", "#Н/Д", "уточнити")
    frame.loc[broken[:N_BAD_DATES], "Дата"] = np.resize(dates, N_BAD_DATES)
    frame.loc[broken[N_BAD_DATES:], "Сума, грн"] = np.resize(amounts, N_BAD_AMOUNTS)
    return frame


def _product_file(rng: Generator, products: pd.DataFrame) -> pd.DataFrame:
    """Write the products but for one that has been sold and since deleted."""
    margin = np.where(products["category"] == BUILDING, 0.14, 0.34) + rng.uniform(-0.06, 0.06, len(products))
    frame = pd.DataFrame(
        {
            "Артикул": products["article"],
            "Назва": products["name"],
            "Категорія": products["category"],
            "Вид товару": products["kind"],
            "Одиниця": products["unit"],
            "Закупівельна ціна, грн": _money(np.round(products["price"] * 100 * (1 - margin)).astype(int)),
        }
    ).astype("str")
    return frame[frame["Вид товару"] != "Штори"].reset_index(drop=True)


def _customer_file(rng: Generator, persons: pd.DataFrame) -> pd.DataFrame:
    """Write the customers; who bought more and who takes the newsletter answered the questionnaire more often."""
    n = len(persons)
    answered = 0.22 + 0.33 * (persons["n_orders"] > 1) + 0.15 * (persons["consent"] == "так")
    silent = rng.random(n) >= answered
    skipped = rng.random((n, 3)) < 0.05
    day = pd.DatetimeIndex(people.FIRST_DAY + persons["registered"].to_numpy())
    frame = pd.DataFrame(
        {
            "Код клієнта": persons["customer_id"],
            "Дата реєстрації": day.strftime("%d.%m.%Y"),
            "Канал залучення": persons["channel"],
            "Пристрій": persons["device"],
            "Згода на розсилку": persons["consent"],
            "Вік": persons["age"].astype("str").mask(silent | skipped[:, 0], ""),
            "Населений пункт": persons["place"].mask(silent | skipped[:, 1], ""),
            "Домогосподарство": persons["household"].mask(silent | skipped[:, 2], ""),
            "Улюблений колір": persons["color"],
            "Розмір взуття": persons["shoe_size"],
            "Поштова скринька": persons["mailbox"],
        }
    ).astype("str")
    frame = frame.sort_values("Код клієнта", ignore_index=True)
    return pd.concat([frame, frame.iloc[rng.choice(n, N_REPEATED, replace=False)]], ignore_index=True)


def _missed(lines: pd.DataFrame, orders: pd.DataFrame, persons: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Return who bought bricks and neither cement nor sand, by all orders that were not cancelled."""
    sold = lines[~lines["refund"] & orders["completed"].to_numpy()[lines["order"]]]
    kind = products["kind"].to_numpy()[sold["product"]]
    person = orders["person"].to_numpy()[sold["order"]]
    bricks, binder = set(person[kind == "Цегла"]), set(person[np.isin(kind, ["Цемент", "Пісок"])])
    missed = sorted(int(number) for number in bricks - binder if number >= 0)
    return pd.DataFrame({"customer_id": sorted(persons["customer_id"].iloc[missed])}, dtype="str")


def _money(kopiykas: pd.Series | np.ndarray) -> list[str]:
    return [amount_text(value / 100, digits=2) for value in kopiykas]


def amount_text(value: float, *, digits: int) -> str:
    r"""Write a number as the shop's software does: decimal comma, no-break spaces between thousands.

    Examples
    --------
    >>> amount_text(-1234.5, digits=2)
    '-1\xa0234,50'
    """
    return f"{value:,.{digits}f}".replace(",", "\u00a0").replace(".", ",")
