"""The made-up studies: same seed, same files; what was planted is in the raw export (plain pandas, not our reader)."""

import datetime as dt
import hashlib
import re
import tomllib
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable
from synthetic import SyntheticStudy, make_b2b, make_shop
from synthetic.writing import csv_bytes, workbook_bytes, write_study

from custaudience.study import open_study

DATA = Path(__file__).resolve().parents[2] / "data"
MAKERS = {"shop": make_shop, "b2b": make_b2b}
YEAR = pd.Timedelta(days=366)


@pytest.fixture(scope="module")
def shop() -> SyntheticStudy:
    return make_shop()


def number(text: pd.Series) -> pd.Series:
    return pd.to_numeric(text.str.replace("\u00a0", "").str.replace(",", "."), errors="coerce")


def read_lines(export: Path | pd.DataFrame) -> pd.DataFrame:
    """Return the order lines with typed columns beside the raw ones: all of them, faulty and cancelled too."""
    if isinstance(export, Path):
        export = pd.read_csv(export, sep=";", encoding="cp1251", dtype=str, keep_default_na=False)
    return export.assign(
        at=pd.to_datetime(export["Дата"], format="%d.%m.%Y %H:%M", errors="coerce"),
        paid=number(export["Сума, грн"]),
        status=export["Статус"].str.lower(),
        guest=export["Клієнт"].isin(["", "Гість"]),
    )


@pytest.fixture(scope="module")
def lines() -> pd.DataFrame:
    return read_lines(DATA / "shop" / "orders.csv")


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    path = DATA / "shop" / "customers.csv"
    table = pd.read_csv(path, sep=";", encoding="cp1251", dtype=str, keep_default_na=False)
    return table.drop_duplicates("Код клієнта").set_index("Код клієнта")


def count_orders(lines: pd.DataFrame) -> pd.DataFrame:
    """Return one row per order of a known customer that counts, in time, ``nth`` from 0 and ``gap`` in days."""
    used = lines[~lines["status"].isin(["скасовано", "тест"]) & ~lines["guest"] & lines["at"].notna()]
    keys = ["Клієнт", "Номер замовлення"]
    orders = used.groupby(keys).agg(at=("at", "min"), paid=("paid", "sum"), code=("Промокод", "first")).reset_index()
    orders = orders[orders["paid"].round(2) > 0].sort_values(["Клієнт", "at"], ignore_index=True)
    orders["nth"] = orders.groupby("Клієнт").cumcount()
    orders["gap"] = orders.groupby("Клієнт")["at"].diff().dt.total_seconds() / 86400
    return orders


@pytest.fixture(scope="module")
def orders(lines: pd.DataFrame) -> pd.DataFrame:
    return count_orders(lines)


def second_orders(orders: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Return the customers with a whole year after their first order, their attributes, and who came ``back`` in it."""
    first = orders[orders["nth"] == 0].set_index("Клієнт").join(customers)
    gap = orders[orders["nth"] == 1].set_index("Клієнт")["gap"]
    first["back"] = (gap.reindex(first.index) <= 366).astype(int)
    first["n_orders"] = orders.groupby("Клієнт").size()
    return first[first["at"] < "2024-10-31"]


def difference(one: pd.Series, other: pd.Series) -> tuple[float, float]:
    """Return the difference of two shares and the half width of its 95 % interval."""
    variance = sum(part.mean() * (1 - part.mean()) / len(part) for part in (one, other))
    return one.mean() - other.mean(), 1.96 * float(np.sqrt(variance))


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_seed_gives_the_same_frames_and_another_does_not(name: str) -> None:
    one, same, other = MAKERS[name](5), MAKERS[name](5), MAKERS[name](6)
    for key, frame in {**one.tables, **one.truth}.items():
        assert_frame_equal(frame, {**same.tables, **same.truth}[key])
    assert not any(frame.equals(other.tables[key]) for key, frame in one.tables.items() if key != "products.csv")


def test_the_committed_shop_is_what_its_seed_makes(shop: SyntheticStudy) -> None:
    for name, frame in shop.tables.items():
        assert csv_bytes(frame) == (DATA / "shop" / name).read_bytes(), name


def test_the_committed_workbooks_are_what_their_seed_makes(tmp_path: Path) -> None:
    for made in write_study(make_b2b(), tmp_path):
        books = [openpyxl.load_workbook(path) for path in (made, DATA / "b2b" / made.name)]
        ours, committed = ({sheet.title: list(sheet.values) for sheet in book} for book in books)
        assert ours == committed
        assert workbook_bytes(made.name, make_b2b().tables[made.name]) == made.read_bytes()


@pytest.mark.parametrize("name", MAKERS)
def test_the_dictionary_names_bytes_and_totals(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DATA / name
    text = (folder / "README.md").read_text(encoding="utf-8")
    named = dict(re.findall(r"^    ([0-9a-f]{64})  (\S+)$", text, flags=re.MULTILINE))
    files = [path for path in folder.iterdir() if path.suffix in {".csv", ".xlsx"}]
    assert {hashlib.sha256(path.read_bytes()).hexdigest(): path.name for path in files} == named
    assert sum(path.stat().st_size for path in files) < 3_000_000
    (recount,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    monkeypatch.chdir(folder)
    scope: dict[str, dict[str, float]] = {}
    exec(recount, scope)
    config = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
    assert scope["control"] == config["control"]
    assert all("SYNTHETIC" in caveat["en"] and "СИНТЕТИЧНІ" in caveat["uk"] for caveat in config["study"]["caveats"])


def test_the_export_is_messy_as_documented(lines: pd.DataFrame, customers: pd.DataFrame) -> None:
    raw = (DATA / "shop" / "orders.csv").read_bytes()
    assert raw.startswith("Номер замовлення;Дата;".encode("cp1251")) and raw.count(b"\r\n") == len(lines) + 1
    faulty = lines["at"].isna() | lines["paid"].isna()
    assert faulty.sum() == 24 and lines["at"].isna().sum() == 13
    assert (
        lines["Номер замовлення"].str.fullmatch("0[0-9]{5}").mean() > 0.8 and customers.index.str.startswith("0").all()
    )
    fine = lines[~faulty]
    due = (number(fine["Ціна, грн"]) * number(fine["Кількість"]) - number(fine["Знижка, грн"])).round(2)
    assert (due == fine["paid"]).all()
    grouped = fine["Сума, грн"].str.contains("\u00a0")
    assert (grouped == (fine["paid"].abs() >= 1000)).all()
    number_of = lines.groupby("status")["Номер замовлення"].nunique()
    assert number_of["тест"] == 9 and 0.035 < number_of["скасовано"] / lines["Номер замовлення"].nunique() < 0.055
    zero = fine[(fine["paid"] == 0) & (fine["status"] == "виконано")]
    assert len(zero) > 300 and zero["Товар"].str.startswith("Подарунок").all()


def test_refunds_are_rows_of_their_own_later_than_the_sale(lines: pd.DataFrame) -> None:
    back = lines[lines["status"] == "повернення"]
    assert (lines.loc[lines["paid"] < 0, "status"] == "повернення").all() and (back["paid"] < 0).all()
    sale = lines[(lines["status"] == "виконано") & lines["at"].notna()].groupby("Номер замовлення")["at"].min()
    days = (back["at"] - back["Номер замовлення"].map(sale)).dt.total_seconds() / 86400
    assert days.min() > 1 and days.max() < 22
    assert 0.02 < back["Номер замовлення"].nunique() / len(sale) < 0.06


def test_two_whole_years_with_seasons_growth_guests_and_one_time_buyers(
    lines: pd.DataFrame, orders: pd.DataFrame, customers: pd.DataFrame
) -> None:
    at = lines["at"].dropna()
    assert (at.min().date(), at.max().date()) == (dt.date(2023, 11, 1), dt.date(2025, 10, 31))
    per = lines.groupby("Номер замовлення").agg(at=("at", "min"), guest=("guest", "first"), status=("status", "first"))
    kept = per[per["status"] == "виконано"]
    month = kept.groupby(kept["at"].dt.strftime("%Y-%m")).size()
    assert len(month) == 24 and month.min() > 100
    for year in (2023, 2024):
        assert month[f"{year}-12"] > 1.3 * month[f"{year}-11"] and month[f"{year}-12"] > 1.5 * month[f"{year + 1}-01"]
    for year in (2024, 2025):
        winter = month[f"{year}-01"] + month[f"{year}-02"]
        assert month[f"{year}-04"] + month[f"{year}-05"] > 2 * winter
    first = orders.loc[orders["nth"] == 0].set_index("Клієнт")["at"]
    new = first.dt.strftime("%Y-%m").value_counts()
    assert len(new) == 24 and (first >= "2024-11-01").mean() > 0.55
    registered = pd.to_datetime(customers["Дата реєстрації"], format="%d.%m.%Y").reindex(first.index)
    assert (registered <= first).all() and registered.min() >= pd.Timestamp(2023, 11, 1)
    assert 0.07 < kept["guest"].mean() < 0.09
    assert 0.58 < (orders.groupby("Клієнт").size() == 1).mean() < 0.64
    assert 300 < (~customers.index.isin(lines["Клієнт"])).sum() < 340
    assert 9_000 < len(per) < 10_000 and 19_500 < len(lines) < 22_000


def test_channel_and_promo_change_who_comes_back_by_what_was_planted(
    shop: SyntheticStudy, orders: pd.DataFrame, customers: pd.DataFrame
) -> None:
    people = second_orders(orders, customers)
    truth = shop.truth["attributes"].set_index(["attribute", "level"])["effect"]
    by_channel = dict(list(people.groupby("Канал залучення")["back"]))
    usual = by_channel.pop("Пошук Google")
    for channel, back in by_channel.items():
        found, half = difference(back, usual)
        assert abs(found - truth["Канал залучення", channel]) < half, channel
    promo = people["code"] == "WELCOME10"
    found, half = difference(people.loc[promo, "back"], people.loc[~promo, "back"])
    assert abs(found - truth["Промокод", "WELCOME10"]) < half and found + half < 0


def test_who_takes_the_newsletter_orders_sooner(orders: pd.DataFrame, customers: pd.DataFrame) -> None:
    second = orders[(orders["nth"] == 1) & (orders["gap"] > 0)].join(customers, on="Клієнт")
    logs = np.log(second["gap"]).groupby(second["Згода на розсилку"])
    half = 1.96 * np.sqrt((logs.var() / logs.size()).sum())
    found = logs.mean()["так"] - logs.mean()["ні"]
    assert abs(found - np.log(0.60)) < half
    n_orders = orders.groupby("Клієнт").size().to_frame("n").join(customers)
    test = stats.mannwhitneyu(*(part["n"] for _, part in n_orders.groupby("Згода на розсилку")))
    assert test.pvalue < 0.001


def test_the_device_is_a_proxy_of_the_channel(orders: pd.DataFrame, customers: pd.DataFrame) -> None:
    people = second_orders(orders, customers)
    tables = [pd.crosstab(part["Пристрій"], part["back"]) for _, part in people.groupby("Канал залучення")]
    assert stats.chi2_contingency(sum(tables)).pvalue < 0.05
    assert StratifiedTable(tables).test_null_odds().pvalue > 0.05


def test_useless_attributes_show_nothing_beyond_chance(orders: pd.DataFrame, customers: pd.DataFrame) -> None:
    people = second_orders(orders, customers)
    pvalues = [
        stats.kruskal(*(part[outcome] for _, part in people.groupby(attribute))).pvalue
        for attribute in ("Улюблений колір", "Розмір взуття", "Поштова скринька")
        for outcome in ("back", "n_orders", "paid")
    ]
    assert min(pvalues) > 0.05 / len(pvalues)


def test_hidden_groups_differ_in_basket_rhythm_and_category(
    shop: SyntheticStudy, lines: pd.DataFrame, orders: pd.DataFrame
) -> None:
    group = shop.truth["customers"].set_index("customer_id")["group"]
    typical = orders.assign(group=orders["Клієнт"].map(group)).groupby("group")[["paid", "gap"]].median()
    assert typical["paid"]["trade"] > 1.5 * typical["paid"]["renovation"] > 1.5 * typical["paid"]["home"]
    assert typical["paid"]["home"] > 1.5 * typical["paid"]["garden"]
    assert typical["gap"].rank().to_dict() == {"trade": 1, "renovation": 2, "garden": 3, "home": 4}
    category = shop.tables["products.csv"].set_index("Артикул")["Категорія"]
    bought = lines.assign(group=lines["Клієнт"].map(group), category=lines["Артикул"].map(category))
    share = pd.crosstab(bought["group"], bought["category"], normalize="index")
    assert share["Сад і город"].idxmax() == "garden" and share["Сад і город"]["garden"] > 0.6
    assert share["Кухня"]["home"] + share["Текстиль для дому"]["home"] > 0.6
    assert share["Будівельні матеріали"][["trade", "renovation"]].min() > 0.45


def test_products_that_go_together_and_those_who_miss_them(shop: SyntheticStudy, lines: pd.DataFrame) -> None:
    kind = shop.tables["products.csv"].set_index("Артикул")["Вид товару"]
    sold = lines[lines["status"] == "виконано"].assign(kind=lambda t: t["Артикул"].map(kind)).dropna(subset="kind")
    basket = pd.crosstab(sold["Номер замовлення"], sold["kind"]).astype(bool)

    def lift(one: str, other: str) -> float:
        return float((basket[one] & basket[other]).mean() / basket[one].mean() / basket[other].mean())

    for pair in shop.truth["pairs"].itertuples():
        assert lift(pair.bought, pair.goes_with) > 5 if pair.role == "pair" else 0.8 < lift("Чашки", "Пакет") < 1.2
    rollers = basket.loc[basket["Фарба"], "Валик"]
    assert abs(rollers.mean() - 0.55) < 1.96 * np.sqrt(0.55 * 0.45 / len(rollers)) + 0.02  # some come on their own
    known = sold[~sold["guest"]]
    bricks = set(known.loc[known["kind"] == "Цегла", "Клієнт"])
    missed = bricks - set(known.loc[known["kind"].isin(["Цемент", "Пісок"]), "Клієнт"])
    assert sorted(missed) == shop.truth["missed_cross_sell"]["customer_id"].tolist()
    assert 80 < len(missed) < 0.4 * len(bricks)


def test_demographics_are_missing_more_often_where_less_was_bought(
    shop: SyntheticStudy, orders: pd.DataFrame, customers: pd.DataFrame
) -> None:
    known = customers["Вік"] != ""
    repeat = orders.groupby("Клієнт").size().reindex(customers.index, fill_value=0) > 1
    assert 0.3 < known.mean() < 0.45 and known[repeat].mean() > 1.7 * known[~repeat].mean()
    truth = shop.truth["customers"].set_index("customer_id").reindex(customers.index)
    assert (truth["age"].astype(str) == customers["Вік"])[known].all()
    assert truth["age"].groupby(truth["group"]).mean().idxmax() == "garden"


def test_organisations_sign_few_and_large_contracts() -> None:
    made = make_b2b()
    rows, clients = made.tables["contracts.xlsx"], made.tables["clients.xlsx"]
    assert rows["Client ID"].nunique() == 140 and len(clients) == 158
    net = rows.groupby("Contract no.")["Net amount, EUR"].sum()
    assert 450 < len(net) < 520 and net.median() > 3000 and net.max() > 50 * net.median()
    notes = rows[rows["Document"] == "Credit note"]
    signed = rows[rows["Document"] == "Contract"].groupby("Contract no.")["Signed on"].first()
    assert len(notes) > 20 and (notes["Net amount, EUR"] < 0).all()
    assert (notes["Signed on"] > notes["Contract no."].map(signed)).all()
    months = rows["Signed on"].dt.strftime("%Y-%m")
    assert months.nunique() == 36 and (months.min(), months.max()) == ("2022-11", "2025-10")
    holds = pd.crosstab(rows["Contract no."], rows["Product line"]).astype(bool)
    service = holds.loc[holds["Packing machine"], "Service agreement"]
    assert service.mean() > 0.5 and holds.loc[~holds["Packing machine"], "Service agreement"].mean() < 0.2
    group = made.truth["customers"].set_index("customer_id")["group"]
    size = clients.set_index("Client ID")["Employees"]
    assert stats.chi2_contingency(pd.crosstab(group, size)).pvalue < 0.001
    count = made.truth["customers"].set_index("customer_id")["n_contracts"]
    assert (count[count > 0] == 1).mean() > 0.35 and count[group == "framework"].mean() > 3 * count[
        group == "project"
    ].mean()


def test_the_shop_opens_with_guests_and_cancelled_orders_apart_and_the_books_agree() -> None:
    study = open_study(DATA / "shop")
    health = study.health()
    assert health.controls["agrees"].all() and len(health.controls) == 8
    apart = health.reasons.groupby(["table", "reason"])["n_rows"].sum()
    assert apart["transactions"].to_dict() == {
        "excluded": 1020, "guest": 1646, "missing": 7, "not_a_date": 10, "not_a_number": 7,
    }  # fmt: skip
    assert apart["customers"].to_dict() == {"repeated": 5}
    assert (study.months_available()[0], study.last_complete_month, len(study.months_available())) == (
        "2023-11", "2025-10", 24,
    )  # fmt: skip


def test_the_contracts_open_from_below_their_title_without_their_totals() -> None:
    study = open_study(DATA / "b2b")
    health = study.health()
    assert health.controls["agrees"].all() and len(health.controls) == 8
    assert health.reasons["reason"].tolist() == ["excluded"] and health.reasons["n_rows"].tolist() == [1]
    assert (study.last_complete_month, len(study.months_available())) == ("2025-10", 36)
