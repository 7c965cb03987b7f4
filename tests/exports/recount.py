"""A recount by hand of the three exports in this folder.

Every function reads the file as it lies on the disk and applies the
conventions that README.md gives for that company: plain pandas, exact
decimals, nothing shared with the generators.

    from recount import recount
    c = recount("uk_gifts")
    c.rows, c.counted_rows, c.left_out        # 5970, 5866, {"zero price": 76, ...}
    c.net["2024-03"], c.gross["2024-03"], c.refunds["2024-03"]
    c.customers(datetime.date(2024, 12, 31))  # orders, last_order, net

Run as a program it prints the totals.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent
ZERO = Decimal(0)


@dataclass
class Recount:
    name: str
    currency: str
    rows: int  # data rows below the header, totals and left-out rows included
    counted_rows: int  # rows that are a line of a sale or of a refund
    left_out: dict[str, int]  # reason -> rows
    left_out_money: dict[str, Decimal]  # reason -> sum of what those rows say, as written
    net: dict[str, Decimal]  # "2024-03" -> gross + refunds
    gross: dict[str, Decimal]  # positive lines
    refunds: dict[str, Decimal]  # negative lines (discount lines among them)
    discounts: dict[str, Decimal]  # the part of refunds that is a discount line, not goods sent back
    nameless_net: Decimal  # the part of net that belongs to no known customer
    nameless_rows: int
    lines: pd.DataFrame  # counted rows: when, month, customer (None), order, amount
    left_out_lines: pd.DataFrame  # left-out rows: when, month, reason, amount as written

    @property
    def first_day(self) -> dt.date:
        return self.lines["when"].min().date()

    @property
    def last_day(self) -> dt.date:
        return self.lines["when"].max().date()

    def customers(self, as_of: dt.date | None = None) -> pd.DataFrame:
        """One row per known customer with a counted line up to as_of, that day included.

        orders      documents whose own net is above nought
        last_order  day of the last of these (None where there is none)
        net         all counted lines, refunds deducted
        """
        as_of = as_of or self.last_day
        known = self.lines[self.lines["customer"].notna()]
        known = known[known["when"] < pd.Timestamp(as_of) + pd.Timedelta(days=1)]
        documents = known.groupby(["customer", "order"]).agg(net=("amount", "sum"), first=("when", "min")).reset_index()
        is_order = documents["net"].map(lambda net: net > 0).astype(bool)
        documents["day"] = documents["first"].where(is_order)
        of_each = documents.assign(is_order=is_order).groupby("customer")
        table = of_each.agg(orders=("is_order", "sum"), last_order=("day", "max"), net=("net", "sum"))
        table["last_order"] = [None if pd.isna(day) else day.date() for day in table["last_order"]]
        return table


def _finish(name: str, currency: str, frame: pd.DataFrame) -> Recount:
    """frame: when, customer, order, written (amount as written), amount, reason, discount."""
    frame = frame.copy()
    frame["month"] = frame["when"].dt.strftime("%Y-%m")
    out = frame[frame["reason"].notna()]
    kept = frame[frame["reason"].isna()]

    def by_month(mask: pd.Series) -> dict[str, Decimal]:
        sums = {m: ZERO for m in sorted(kept["month"].unique())}
        for month, amount in zip(kept.loc[mask, "month"], kept.loc[mask, "amount"], strict=False):
            sums[month] += amount
        return sums

    said = out[["when", "month", "reason", "written"]]
    positive = kept["amount"].map(lambda a: a > 0).astype(bool)
    nameless = kept["customer"].isna()
    return Recount(
        name=name, currency=currency, rows=len(frame), counted_rows=len(kept),
        left_out={k: int(v) for k, v in out["reason"].value_counts().sort_index().items()},
        left_out_money={k: sum(g["written"], ZERO) for k, g in out.groupby("reason")},
        net=by_month(pd.Series(True, index=kept.index)),
        gross=by_month(positive),
        refunds=by_month(~positive),
        discounts=by_month(~positive & kept["discount"].astype(bool)),
        nameless_net=sum(kept.loc[nameless, "amount"], ZERO),
        nameless_rows=int(nameless.sum()),
        lines=kept[["when", "month", "customer", "order", "amount"]].reset_index(drop=True),
        left_out_lines=said.rename(columns={"written": "amount"}).reset_index(drop=True),
    )  # fmt: skip


def uk_gifts() -> Recount:
    raw = pd.read_excel(FOLDER / "uk_gifts.xlsx", dtype=object, engine="openpyxl")
    code = raw["StockCode"].astype(str)
    invoice = raw["Invoice"].astype(str)
    amount = [Decimal(str(q)) * Decimal(str(p)) for q, p in zip(raw["Quantity"], raw["Price"], strict=False)]
    frame = pd.DataFrame(
        {"when": pd.to_datetime(raw["InvoiceDate"]),
         "customer": pd.Series([None if pd.isna(c) else str(int(c)) for c in raw["Customer ID"]], dtype=object),
         "order": invoice,
         "written": pd.Series(amount, dtype=object),
         "amount": pd.Series(amount, dtype=object),
         "discount": code == "D"}
    )  # fmt: skip
    reason = pd.Series([None] * len(raw), dtype=object)
    reason[[a == 0 for a in amount]] = "zero price"
    reason[code.str.startswith("TEST")] = "test product"
    reason[code.isin(["AMAZONFEE", "BANK CHARGES"])] = "fee paid, not a sale"
    reason[invoice.str.startswith("A")] = "bad debt adjustment"
    frame["reason"] = reason
    return _finish("uk_gifts", "GBP", frame)


def rozdrib() -> Recount:
    raw = pd.read_csv(FOLDER / "rozdrib.csv", sep=";", encoding="cp1251", skiprows=3, dtype=str, keep_default_na=False)
    total = raw["Контрагент"] == "Разом"

    def number(text: str) -> Decimal:
        return Decimal(text.replace("\u00a0", "").replace(" ", "").replace(",", "."))

    amount = raw["Сума"].map(number).astype(object)
    if sum(amount[~total], ZERO) != sum(amount[total], ZERO):
        raise AssertionError("the totals line does not agree with the lines above it")
    frame = pd.DataFrame(
        {"when": pd.to_datetime(raw["Дата"].where(~total), format="%d.%m.%Y %H:%M:%S"),
         "customer": raw["Контрагент.Код"].astype(object).where(~raw["Контрагент.Код"].isin(["00-000001", ""]), None),
         "order": raw["Документ"], "written": amount, "amount": amount, "discount": False}
    )  # fmt: skip
    reason = pd.Series([None] * len(raw), dtype=object)
    reason[amount.map(lambda a: a == 0).astype(bool)] = "zero sum"
    reason[total] = "totals line"
    frame["reason"] = reason
    return _finish("rozdrib", "UAH", frame)


def cua_hang() -> Recount:
    raw = pd.read_csv(FOLDER / "cua_hang.csv", encoding="utf-8-sig", dtype=str, keep_default_na=False)
    written = raw["Thành tiền"].map(lambda t: Decimal(t.replace(".", ""))).astype(object)
    status = raw["Trạng thái"]
    amount = pd.Series([-a if s == "Trả hàng" else a for a, s in zip(written, status, strict=False)], dtype=object)
    client = raw["Mã khách hàng"].astype(object)
    frame = pd.DataFrame(
        {"when": pd.to_datetime(raw["Ngày bán"], format="%d/%m/%Y %H:%M"),
         "customer": client.where(~client.isin(["KHACHLE", "Khách lẻ", ""]), None), "order": raw["Mã hóa đơn"],
         "written": written, "amount": amount, "discount": raw["Tên hàng"] == "Chiết khấu hóa đơn"}
    )  # fmt: skip
    reason = pd.Series([None] * len(raw), dtype=object)
    reason[written.map(lambda a: a == 0).astype(bool)] = "zero sum"
    reason[status == "Phiếu tạm"] = "draft"
    reason[status == "Đã hủy"] = "cancelled"
    frame["reason"] = reason
    return _finish("cua_hang", "VND", frame)


EXPORTS = {"uk_gifts": uk_gifts, "rozdrib": rozdrib, "cua_hang": cua_hang}


def recount(name: str) -> Recount:
    return EXPORTS[name]()


if __name__ == "__main__":
    for name in EXPORTS:
        c = recount(name)
        people = c.customers()
        places = 0 if c.currency == "VND" else 2

        def show(amount: Decimal, width: int = 0, places: int = places) -> str:
            return f"{amount:,.{places}f}".rjust(width)

        print(f"\n{name}: {c.rows} rows, {c.counted_rows} counted, left out {c.left_out}")
        print("   left out, as written:", {k: show(v) for k, v in c.left_out_money.items()})
        print(
            f"   {c.first_day} to {c.last_day}, {c.currency}; known customers {len(people)},"
            f" with an order {int((people['orders'] > 0).sum())}, their orders {int(people['orders'].sum())},"
            f" net {show(sum(people['net'], ZERO))}; nameless rows {c.nameless_rows}, net {show(c.nameless_net)}"
        )
        for month in c.net:
            print(
                f"   {month}  net {show(c.net[month], 14)}  gross {show(c.gross[month], 14)}"
                f"  refunds {show(c.refunds[month], 13)}  of it discounts {show(c.discounts[month], 10)}"
            )
        print(
            f"   total    net {show(sum(c.net.values()), 14)}  gross {show(sum(c.gross.values()), 14)}"
            f"  refunds {show(sum(c.refunds.values()), 13)}"
        )
