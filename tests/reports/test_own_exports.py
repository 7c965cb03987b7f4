"""Six exports, each by init, check and report to an RFM report whose figures a plain recount of the raw file gives.

REQUIREMENTS 001-40, 002-14, 002-22. Three of the exports are bundled studies taken as raw files, without their
study.toml; three come from `tests/exports`, with a recount of their own.
"""

import datetime as dt
import importlib.util
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from fakes import command

from custaudience.customers import summarise_rfm
from custaudience.study import open_study

ROOT = Path(__file__).parents[2]
EXPORTS = ROOT / "tests" / "exports"


@dataclass
class Expected:
    """A recount: money in the smallest unit; customers are those with an id."""

    as_of: dt.date
    net: dict[str, int]  # by month, guests included: what the books have
    lines: pd.DataFrame  # customer (missing = guest), order, day, minor

    def customers(self) -> pd.DataFrame:
        known = self.lines[self.lines["customer"].notna() & (self.lines["day"] <= pd.Timestamp(self.as_of))]
        orders = known.groupby(["customer", "order"]).agg(day=("day", "min"), minor=("minor", "sum")).reset_index()
        orders = orders[orders["minor"] > 0]
        table = known.groupby("customer").agg(minor=("minor", "sum")).sort_index()
        table["n_orders"] = orders.groupby("customer").size().reindex(table.index, fill_value=0)
        table["last"] = orders.groupby("customer")["day"].max().reindex(table.index)
        return table


@dataclass(frozen=True)
class Export:
    files: list[str]
    answers: list[str] = field(default_factory=list)
    edit: str = ""  # what the analyst adds to [tables.transactions] by hand, once
    digits: int = 2


def recounts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("exports_recount", EXPORTS / "recount.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def of_strangers(name: str, digits: int) -> Expected:
    counted = recounts().recount(name)
    days = pd.to_datetime(counted.lines["when"]).dt.normalize()
    minor = [int(amount * 10**digits) for amount in counted.lines["amount"]]
    order = counted.lines["order"].astype(str)
    return expected(pd.DataFrame({"customer": counted.lines["customer"], "order": order, "day": days, "minor": minor}))


def expected(lines: pd.DataFrame) -> Expected:
    last = lines["day"].max()
    whole = last if last == last + pd.offsets.MonthEnd(0) else last - pd.offsets.MonthEnd(1)
    months = lines["day"].dt.strftime("%Y-%m")
    return Expected(whole.date(), lines.groupby(months)["minor"].sum().to_dict(), lines)


def cents(text: str) -> int | None:
    try:
        return int((Decimal(text) * 100).to_integral_value())
    except ArithmeticError:
        return None


def shop() -> Expected:
    raw = pd.read_csv(ROOT / "data/shop/orders.csv", sep=";", encoding="cp1251", dtype=str, keep_default_na=False)
    raw["day"] = pd.to_datetime(raw["Дата"], format="%d.%m.%Y %H:%M", errors="coerce").dt.normalize()
    raw["minor"] = [cents(text.replace("\u00a0", "").replace(" ", "").replace(",", ".")) for text in raw["Сума, грн"]]
    kept = raw[~raw["Статус"].str.lower().isin(["скасовано", "тест"]) & raw["day"].notna() & raw["minor"].notna()]
    named = kept["Клієнт"].where(~kept["Клієнт"].isin(["", "Гість"]))
    minor = kept["minor"].astype("int64")
    order = kept["Номер замовлення"]
    return expected(pd.DataFrame({"customer": named, "order": order, "day": kept["day"], "minor": minor}))


def b2b() -> Expected:
    path, how = ROOT / "data/b2b/contracts.xlsx", {"header": 3, "engine": "openpyxl", "dtype": {"Client ID": str}}
    raw = pd.read_excel(path, sheet_name="Contracts", **how)
    kept = raw[raw["Contract no."] != "Total"]
    minor = [round(Decimal(str(amount)) * 100) for amount in kept["Net amount, EUR"]]
    days, order = pd.to_datetime(kept["Signed on"]), kept["Contract no."].astype(str)
    return expected(pd.DataFrame({"customer": kept["Client ID"], "order": order, "day": days, "minor": minor}))


def cdnow() -> Expected:
    raw = pd.read_csv(ROOT / "data/cdnow/transactions.csv", dtype=str)
    days = pd.to_datetime(raw["date"], format="%Y%m%d")
    minor = [int(Decimal(text) * 100) for text in raw["dollars"]]
    return expected(pd.DataFrame({"customer": raw["customer_id"], "order": raw["date"], "day": days, "minor": minor}))


SET_ASIDE = "transactions.guests=set aside"
CASES = {
    "shop": (Export(["data/shop/orders.csv", "data/shop/products.csv", "data/shop/customers.csv"],
                    ["timezone=Europe/Kyiv", SET_ASIDE]), shop),
    "b2b": (Export(["data/b2b/contracts.xlsx", "data/b2b/clients.xlsx"]), b2b),
    "cdnow": (Export(["data/cdnow/transactions.csv"], ["currency=USD"]), cdnow),
    "uk_gifts": (
        Export(["tests/exports/uk_gifts.xlsx"], ["timezone=Europe/London", "currency=GBP", SET_ASIDE],
               'exclude = { StockCode = ["AMAZONFEE", "BANK CHARGES", "TEST*"], Invoice = ["A*"] }'),
        lambda: of_strangers("uk_gifts", 2)),
    "rozdrib": (Export(["tests/exports/rozdrib.csv"], ["timezone=Europe/Kyiv", "currency=UAH", SET_ASIDE]),
                lambda: of_strangers("rozdrib", 2)),
    "cua_hang": (
        Export(["tests/exports/cua_hang.csv"],
               ["timezone=Asia/Ho_Chi_Minh", "currency=VND", SET_ASIDE, "transactions.rows.Trả hàng=refund",
                "transactions.rows.Phiếu tạm=leave out"], digits=0),
        lambda: of_strangers("cua_hang", 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_export_becomes_a_report_whose_figures_a_recount_gives(name: str, tmp_path: Path) -> None:
    export, count = CASES[name]
    files = [str(ROOT / file) for file in export.files]
    answers = [part for answer in export.answers for part in ("--answer", answer)]
    done = command("init", name, "--from", *files, "--yes", *answers, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    wanted = count()
    month = f"{wanted.as_of:%Y-%m}"

    # the one edit by hand: the control of the books, and what only the company can know
    toml = tmp_path / name / "study.toml"
    total = Decimal(wanted.net[month]) / 10**export.digits
    written = toml.read_text(encoding="utf-8")
    written = written.replace("[control]", f'[control]\n"revenue.{month}" = {total}', 1)
    if export.edit:
        written = written.replace("[tables.transactions.columns]", f"{export.edit}\n[tables.transactions.columns]")
    toml.write_text(written, encoding="utf-8")

    done = command("check", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "agrees with the control total" in " ".join(done.stdout.split())

    done = command("report", name, "--notebook", "00", "--notebook", "30", "--jobs", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    published = tmp_path / "reports" / name / month
    assert (published / "index.html").is_file()

    # every customer, to the cent
    table = summarise_rfm(open_study(tmp_path / name).orders(wanted.as_of), as_of=wanted.as_of,
                          minor_digits=export.digits).set_index("customer_id").sort_index()  # fmt: skip
    by_hand = wanted.customers()
    assert table.index.tolist() == by_hand.index.tolist()
    assert table["n_orders"].tolist() == by_hand["n_orders"].tolist()
    days = (pd.Timestamp(wanted.as_of) - by_hand["last"]).dt.days
    assert table["days_since_last_order"].fillna(-1).tolist() == days.fillna(-1).tolist()
    minor = (table["revenue_total"] * 10**export.digits).round().astype("int64")
    assert minor.tolist() == by_hand["minor"].tolist()

    # what is published: months without guests, segments that add up to the customers
    months = pd.read_parquet(published / "tables" / "months.parquet").set_index("month")
    named = wanted.lines[wanted.lines["customer"].notna()]
    revenue = named.groupby(named["day"].dt.strftime("%Y-%m"))["minor"].sum()
    of_ten = months["revenue"].dropna()  # a month of fewer than ten customers is not published
    assert (of_ten * 10**export.digits).round().to_dict() == revenue.reindex(of_ten.index).to_dict()
    assert len(of_ten) > 10
    segments = pd.read_parquet(published / "tables" / "segments.parquet")
    counted = segments["n_customers"].sum()
    assert counted == len(by_hand) or (segments["n_customers"].isna().any() and counted < len(by_hand))
