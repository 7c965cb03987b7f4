"""Count the sample exports by hand: each file as it lies on the disk, plain pandas, exact decimals.

Nothing here knows how the files were made, and nothing uses the package that these numbers are to test.
"""

from __future__ import annotations

import io
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd

CENT = Decimal("0.01")


def read(path: Path, *, skip: int = 0, sep: str = ",", encoding: str = "utf-8-sig") -> pd.DataFrame:
    """Read a CSV file with every cell as the text it is."""
    text = path.read_bytes().decode(encoding)
    return pd.read_csv(io.StringIO(text), sep=sep, skiprows=skip, dtype=str, keep_default_na=False)


def decimals(column: pd.Series) -> pd.Series:
    """Turn text into exact amounts; an empty cell is 0."""
    return column.map(lambda text: Decimal(text or "0"))


def cents(amount: Any) -> str:
    """Write an exact amount with two digits."""
    return str(Decimal(amount).quantize(CENT, rounding=ROUND_HALF_UP))


def by_month(frame: pd.DataFrame, amount: str) -> dict[str, str]:
    """Sum an amount by the month of ``when``."""
    sums = frame.groupby(frame["when"].dt.strftime("%Y-%m"))[amount].sum()
    return {str(month): cents(total) for month, total in sums.items()}


def transactions(frame: pd.DataFrame, reason: pd.Series, **about: str) -> dict[str, Any]:
    """Sum up lines with the columns customer, order, when (local) and net; `reason` is "" where a line counts."""
    used, guests = frame[reason == ""], frame[reason == "guest"]
    orders = used.groupby(["customer", "order"])["net"].sum()
    return {
        **about,
        "table": "transactions",
        "rows": len(frame),
        "rows_used": len(used),
        "left_out": {str(why): int(n) for why, n in reason[reason != ""].value_counts().sort_index().items()},
        "customers": int(used["customer"].nunique()),
        "orders": int((orders > 0).sum()),
        "first_day": f"{used['when'].min():%Y-%m-%d}",
        "last_day": f"{used['when'].max():%Y-%m-%d}",
        "net_revenue": cents(used["net"].sum()),
        "net_revenue_by_month": by_month(used, "net"),
        "net_revenue_of_guests": cents(guests["net"].sum()),
    }


def first_of(reason: pd.Series, **tests: pd.Series) -> pd.Series:
    """Name for each row the first test that it meets."""
    for name, test in tests.items():
        reason = reason.mask((reason == "") & test, name)
    return reason


def shopify_orders(path: Path) -> dict[str, Any]:
    """Count each order once: its amounts stand on its first row; a left-out order goes with all its rows."""
    raw = read(path)
    local = pd.to_datetime(raw["Created at"], utc=True).dt.tz_convert("Europe/Berlin").dt.tz_localize(None)
    no_money = raw["Financial Status"].isin(["pending", "authorized", "voided", "refunded"])
    dead = raw.loc[no_money | (raw["Payment Method"] == "bogus"), "Name"]
    frame = pd.DataFrame({"customer": raw["Email"].str.lower(), "order": raw["Name"], "when": local})
    frame["net"] = decimals(raw["Subtotal"]) - decimals(raw["Refunded Amount"])
    reason = first_of(pd.Series("", raw.index), excluded=raw["Name"].isin(dead), guest=raw["Email"] == "")
    return transactions(frame, reason, preset="shopify-orders", currency="EUR", timezone="Europe/Berlin")


def woocommerce_orders(path: Path) -> dict[str, Any]:
    """Add the refunds, rows of their own; names tell customers apart, in upper or lower case alike."""
    raw = read(path)
    frame = pd.DataFrame({"customer": raw["Customer"].str.lower(), "order": raw["Order #"]})
    frame["when"], frame["net"] = pd.to_datetime(raw["Date"]), decimals(raw["Net Sales"])
    no_money = raw["Status"].isin(["pending", "on-hold", "failed", "cancelled"])
    reason = first_of(pd.Series("", raw.index), excluded=no_money, guest=raw["Customer"] == "")
    return transactions(frame, reason, preset="woocommerce-orders", currency="USD", timezone="America/New_York")


def stripe_payments(path: Path) -> dict[str, Any]:
    """Add the converted amounts, in the currency of the account; the clock is UTC."""
    raw = read(path)
    when = pd.to_datetime(raw["Created (UTC)"], utc=True).dt.tz_convert("Europe/Berlin").dt.tz_localize(None)
    frame = pd.DataFrame({"customer": raw["Customer ID"], "order": raw["id"], "when": when})
    frame["net"] = decimals(raw["Converted Amount"]) - decimals(raw["Converted Amount Refunded"])
    no_money = ~raw["Status"].isin(["Paid", "Refunded"]) | (raw["Mode"] == "Test") | (raw["Captured"] == "false")
    reason = first_of(pd.Series("", raw.index), excluded=no_money, guest=raw["Customer ID"] == "")
    return transactions(frame, reason, preset="stripe-payments", currency="EUR", timezone="Europe/Berlin")


def ga4_events(path: Path) -> dict[str, Any]:
    """Count purchases only; the same transaction sent again adds nothing."""
    raw = read(path)
    when = pd.to_datetime(raw["event_timestamp"].astype("int64"), unit="us", utc=True)
    order = raw["ecommerce.transaction_id"]
    frame = pd.DataFrame({"customer": raw["user_pseudo_id"], "order": order})
    frame["when"] = when.dt.tz_convert("America/New_York").dt.tz_localize(None)
    again = order.duplicated() & (order != "")
    frame["net"] = decimals(raw["ecommerce.purchase_revenue"]).mask(again, Decimal(0))
    visit, nobody = raw["event_name"] != "purchase", raw["user_pseudo_id"] == ""
    reason = first_of(pd.Series("", raw.index), excluded=visit, guest=nobody)
    return transactions(frame, reason, preset="ga4-events", currency="USD", timezone="America/New_York")


def spend(
    raw: pd.DataFrame, campaign: str, day: str, cost: pd.Series, total: pd.Series, **about: str
) -> dict[str, Any]:
    """Sum up what campaigns cost; `total` marks the rows that only repeat the others' sum."""
    frame = pd.DataFrame({"when": pd.to_datetime(raw[day]), "cost": decimals(cost)})[~total]
    return {
        **about,
        "table": "spend",
        "rows": len(raw),
        "rows_used": len(frame),
        "left_out": {"excluded": int(total.sum())},
        "campaigns": int(raw.loc[~total, campaign].nunique()),
        "spend": cents(frame["cost"].sum()),
        "spend_by_month": by_month(frame, "cost"),
    }


def meta_ads(path: Path, campaign: str, day: str, cost: str, currency: str) -> dict[str, Any]:
    """Leave out the row without a campaign: it is the sum of the others."""
    raw = read(path)
    return spend(raw, campaign, day, raw[cost], raw[campaign] == "", preset="meta-ads", currency=currency)


def google_ads(path: Path) -> dict[str, Any]:
    """Skip the two title lines; totals have hyphens for a campaign."""
    raw = read(path, skip=2)
    total = raw["Campaign"].str.strip() == "--"
    raw.loc[total, "Week"] = ""
    cost = raw["Cost"].str.replace(",", "")
    return spend(raw, "Campaign", "Week", cost, total, preset="google-ads", currency="EUR")


def google_ads_ru(path: Path) -> dict[str, Any]:
    """Read the Russian one: UTF-16 with tabs, decimal commas, no-break spaces between thousands."""
    raw = read(path, skip=2, sep="\t", encoding="utf-16")
    total = raw["Кампания"].str.strip() == "--"
    raw.loc[total, "Неделя"] = ""
    cost = raw["Расходы"].str.replace("\u00a0", "").str.replace(",", ".")
    return spend(raw, "Кампания", "Неделя", cost, total, preset="google-ads", currency="EUR")


def keyed(path: Path, table: str, preset: str, key: str) -> dict[str, Any]:
    """Count the rows of a table that has one row per key; those without the key are left out."""
    raw = read(path)
    none, again = raw[key] == "", raw[key].str.lower().duplicated()
    left = {"excluded": int(none.sum()), "repeated": int((again & ~none).sum())}
    used = len(raw) - sum(left.values())
    counted = {why: n for why, n in left.items() if n}
    return {"preset": preset, "table": table, "rows": len(raw), "rows_used": used, "left_out": counted}


def recount(folder: Path) -> dict[str, Any]:
    """Count every sample of a folder."""
    meta_uk = ("Назва кампанії", "Початок звітності", "Витрачена сума (UAH)", "UAH")
    meta_en = ("Campaign name", "Reporting starts", "Amount spent (EUR)", "EUR")
    return {
        "shopify-orders.csv": shopify_orders(folder / "shopify-orders.csv"),
        "shopify-customers.csv": keyed(folder / "shopify-customers.csv", "customers", "shopify-customers", "Email"),
        "woocommerce-orders.csv": woocommerce_orders(folder / "woocommerce-orders.csv"),
        "stripe-payments.csv": stripe_payments(folder / "stripe-payments.csv"),
        "hubspot-contacts.csv": keyed(folder / "hubspot-contacts.csv", "customers", "hubspot-contacts", "Email"),
        "mailchimp-campaigns.csv": keyed(
            folder / "mailchimp-campaigns.csv", "campaigns", "mailchimp-campaigns", "Unique Id"
        ),
        "ga4-events.csv": ga4_events(folder / "ga4-events.csv"),
        "meta-ads.csv": meta_ads(folder / "meta-ads.csv", *meta_en),
        "meta-ads-uk.csv": meta_ads(folder / "meta-ads-uk.csv", *meta_uk),
        "google-ads.csv": google_ads(folder / "google-ads.csv"),
        "google-ads-ru.csv": google_ads_ru(folder / "google-ads-ru.csv"),
    }
