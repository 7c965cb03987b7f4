"""Write the sample exports of this folder and expected.json: invented shops, real file formats.

Each file carries what the vendor's own file carries: its header, its way of writing dates and amounts, and the
rows that people trip over. Run it in this folder; the same seeds give the same files.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import json
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from headers import (
    GOOGLE,
    GOOGLE_RU,
    HUBSPOT,
    MAILCHIMP,
    META,
    META_UK,
    SHOPIFY_CUSTOMERS,
    SHOPIFY_ORDERS,
    STRIPE,
    WOOCOMMERCE,
)
from invented import BERLIN, FOLDER, NEW_YORK, basket, moments, money, people, write
from recount import recount


def shopify_orders() -> list[dict[str, str]]:
    """Write one row per product, the order's amounts on its first row only; return the buyers."""
    rng = np.random.default_rng(1)
    buyers, rows = people(rng, 62), []
    for number, (when, who) in enumerate(moments(rng, len(buyers), 190), start=1001):
        buyer, lines = buyers[who], basket(rng)
        guest, shouted = rng.random() < 0.04, rng.random() < 0.1
        goods = sum(price * pieces for _, _, price, pieces in lines)
        off = round(goods * 0.1) if rng.random() < 0.2 else 0
        subtotal, shipping = goods - off, 0 if goods > 10000 else 490
        tax = round((subtotal + shipping) * 0.19)
        odds = [0.82, 0.06, 0.04, 0.03, 0.03, 0.02]
        status = rng.choice(["paid", "partially_refunded", "refunded", "pending", "voided", "authorized"], p=odds)
        total = subtotal + shipping + tax
        refund = {"refunded": total, "partially_refunded": round(subtotal * 0.3)}.get(str(status), 0)
        test = rng.random() < 0.025
        name = f"{buyer['given']} {buyer['family']}"
        local = f"{when.astimezone(BERLIN):%Y-%m-%d %H:%M:%S %z}"
        email = "" if guest else buyer["email"].upper() if shouted else buyer["email"]
        first = {
            "Financial Status": status,
            "Paid at": local if status in ("paid", "partially_refunded", "refunded") else "",
            "Fulfillment Status": "fulfilled" if status == "paid" else "unfulfilled",
            "Accepts Marketing": "yes" if rng.random() < 0.5 else "no",
            "Currency": "EUR",
            "Subtotal": money(subtotal),
            "Shipping": money(shipping),
            "Taxes": money(tax),
            "Total": money(total),
            "Discount Code": "WELCOME10" if off else "",
            "Discount Amount": money(off),
            "Billing Name": name,
            "Notes": rng.choice(["", "", "", "Second floor,\nplease ring", 'Card: "Happy birthday"\r\nno invoice']),
            "Payment Method": "bogus" if test else rng.choice(["Shopify Payments", "PayPal Express Checkout"]),
            "Refunded Amount": money(refund),
            "Outstanding Balance": money(total if status in ("pending", "authorized") else 0),
            "Id": str(5_600_000_000_000 + number * 7919),
            "Source": "pos" if guest else "web",
        }
        for place, (sku, title, price, pieces) in enumerate(lines):
            every = {"Name": f"#{number}", "Email": email, "Created at": local, "Lineitem quantity": str(pieces)}
            every |= {"Lineitem name": title, "Lineitem price": money(price), "Lineitem sku": sku, "Vendor": "Haus"}
            rows.append((first if place == 0 else {}) | every)
    write("shopify-orders.csv", SHOPIFY_ORDERS, ([row.get(name, "") for name in SHOPIFY_ORDERS] for row in rows))
    return buyers


def shopify_customers(buyers: list[dict[str, str]]) -> None:
    """Write the buyers, and some people without an e-mail address."""
    rng, rows = np.random.default_rng(2), []
    known = buyers + [{"given": p["given"], "family": p["family"], "email": ""} for p in people(rng, 6)]
    for number, person in enumerate(known):
        row = {"Customer ID": f"'{7_210_448_301_122 + number * 101}", "First Name": person["given"]}
        row |= {"Last Name": person["family"], "Email": person["email"], "Accepts Email Marketing": "yes"}
        row |= {"Default Address City": rng.choice(["Köln", "Łódź", "Київ", "Aix-en-Provence"]), "Tax Exempt": "no"}
        row |= {"Default Address Zip": f"'{rng.integers(1000, 99999):05d}", "Accepts SMS Marketing": "no"}
        row |= {"Total Spent": money(rng.integers(0, 90000)), "Total Orders": str(rng.integers(0, 6))}
        row |= {"Note": rng.choice(["", "Prefers Saturday,\nafter noon"]), "Tags": rng.choice(["", "vip, newsletter"])}
        rows.append([row.get(name, "") for name in SHOPIFY_CUSTOMERS])
    write("shopify-customers.csv", SHOPIFY_CUSTOMERS, rows)


def woocommerce_orders() -> None:
    """Write one row per order, and one per refund: negative, dated on the day it was paid back."""
    rng = np.random.default_rng(3)
    buyers, seen, rows = people(rng, 58), set(), []
    closing = dt.datetime(2025, 6, 30, 18, tzinfo=NEW_YORK)
    for number, (when, who) in enumerate(moments(rng, len(buyers), 185), start=4100):
        lines, local = basket(rng), when.astimezone(NEW_YORK)
        net = sum(price * pieces for _, _, price, pieces in lines)
        coupon = rng.random() < 0.15
        net -= round(net * 0.15) if coupon else 0
        odds = [0.8, 0.08, 0.03, 0.03, 0.03, 0.03]
        status = str(rng.choice(["completed", "processing", "on-hold", "failed", "cancelled", "pending"], p=odds))
        back = rng.choice([0, 1, 0.25], p=[0.9, 0.04, 0.06]) if status == "completed" else 0
        status = "refunded" if back == 1 else status
        name = "" if rng.random() < 0.04 else f"{buyers[who]['given']} {buyers[who]['family']}"
        kind = "returning" if who in seen else "new"
        seen.add(who)
        what = ", ".join(f"{pieces}× {title}" for _, title, _, pieces in lines)
        pieces = sum(line[3] for line in lines)
        ways = ["Organic: Google", "Direct", "Referral: Instagram"]
        tail = ["WINTER15" if coupon else "", money(net), rng.choice(ways)]
        rows.append([local, number, f"${net / 100:,.2f}", status, name, kind, what, pieces, *tail])
        if back:
            amount = -round(net * float(back))
            later = min(local + dt.timedelta(days=int(rng.integers(2, 40)), hours=3), closing)
            pieces = -pieces if back == 1 else 0
            tail = ["", money(amount), ""]
            rows.append([later, number, f"-${-amount / 100:,.2f}", status, name, kind, what, pieces, *tail])
    rows.sort(key=lambda row: (row[0], row[1]), reverse=True)
    write("woocommerce-orders.csv", WOOCOMMERCE, ([f"{row[0]:%Y-%m-%d %H:%M:%S}", *row[1:]] for row in rows))


def stripe_payments() -> None:
    """Write payments in three currencies to an account in euros; the clock is UTC."""
    rng = np.random.default_rng(4)
    buyers, rows = people(rng, 55), []
    rates = {"eur": Decimal(1), "usd": Decimal("0.92"), "gbp": Decimal("1.17")}
    for number, (when, who) in enumerate(moments(rng, len(buyers), 210)):
        amount = sum(price * pieces for _, _, price, pieces in basket(rng))
        currency = str(rng.choice(list(rates), p=[0.7, 0.2, 0.1]))
        status = str(rng.choice(["Paid", "Refunded", "Failed", "canceled"], p=[0.86, 0.04, 0.07, 0.03]))
        back = amount if status == "Refunded" else round(amount / 4) if status == "Paid" and rng.random() < 0.06 else 0
        came = status in ("Paid", "Refunded")
        converted, converted_back = (int((cents * rates[currency]).to_integral_value()) for cents in (amount, back))
        guest = rng.random() < 0.05
        row = {
            "id": f"ch_3P{number:04d}x{rng.integers(10**9, 10**10)}",
            "Description": rng.choice(["Subscription update", "Order, paid online", ""]),
            "Created (UTC)": f"{when:%Y-%m-%d %H:%M:%S}",
            "Amount": money(amount),
            "Amount Refunded": money(back),
            "Currency": currency,
            "Converted Amount": money(converted if came else 0),
            "Converted Amount Refunded": money(converted_back),
            "Fee": money(round(converted * 0.015) + 25 if came else 0),
            "Tax": "0.00",
            "Converted Currency": "eur",
            "Mode": "Test" if rng.random() < 0.04 else "Live",
            "Status": status,
            "Customer ID": "" if guest else f"cus_Pq{who:03d}AbCdEfGhI",
            "Customer Description": f"{buyers[who]['given']} {buyers[who]['family']}",
            "Customer Email": "" if guest else buyers[who]["email"],
            "Captured": "true" if came and rng.random() < 0.98 else "false",
            "Card Last4": f"{rng.integers(0, 10000):04d}",
        }
        rows.append([row.get(name, "") for name in STRIPE])
    write("stripe-payments.csv", STRIPE, rows[::-1], end="\r\n", bom=True)


def hubspot_contacts() -> None:
    """Write contacts of a CRM: some without an address, notes over several lines."""
    rng, rows = np.random.default_rng(5), []
    for number, person in enumerate(people(rng, 90)):
        stage = rng.choice(["Lead", "Marketing Qualified Lead", "Opportunity", "Customer"])
        email = "" if rng.random() < 0.08 else person["email"]
        made = dt.datetime(2024, 1, 8, 9, 14) + dt.timedelta(hours=int(rng.integers(0, 12000)))
        note = rng.choice(["", "", "Call back after Easter,\nasks for a quote", 'Said: "too dear"'])
        row = [str(901 + number * 3), person["given"], person["family"], email, "", "Inès Moreau", stage, ""]
        rows.append([*row, "Marketing contact", f"{made:%Y-%m-%d %H:%M}", rng.choice(["", "Фермерська лавка"]), note])
    write("hubspot-contacts.csv", HUBSPOT, rows, bom=True)


def mailchimp_campaigns() -> None:
    """Write sent campaigns with their counts; titles repeat."""
    rng, rows = np.random.default_rng(6), []
    for week in range(76):
        sent = dt.datetime(2024, 1, 3, 8, 30) + dt.timedelta(days=7 * week, hours=int(rng.integers(0, 10)))
        total, hard, soft = 1800 + 12 * week, int(rng.integers(0, 9)), int(rng.integers(0, 20))
        opens = int(total * rng.uniform(0.2, 0.4))
        clicks, orders = int(opens * rng.uniform(0.05, 0.2)), int(rng.integers(0, 25))
        stamp = f"{sent:%b %d, %Y} {sent:%I:%M %p}".replace("AM", "am").replace("PM", "pm")
        title = rng.choice(["Newsletter", "Back in stock", "Розпродаж, знижки", "Members only"])
        bounces = [total - hard - soft, soft, hard, soft + hard]
        row = [title, f"{title}: week {sent:%V}", "Everyone", stamp, f"{sent:%A}", total, *bounces, 0, 0]
        row += [opens, f"{opens / total:.2%}", opens * 2, clicks, f"{clicks / total:.2%}", clicks + 3]
        row += [int(rng.integers(0, 12)), 0, 0, "", f"{rng.integers(16**9, 16**10):010x}", orders]
        rows.append([*row, money(orders * 6200), money(orders * 6200)])
    write("mailchimp-campaigns.csv", MAILCHIMP, rows)


def ga4_events() -> None:
    """Write browser events; a thank-you page loaded again sends the same purchase twice."""
    rng, rows = np.random.default_rng(7), []
    header = ["event_date", "event_timestamp", "event_name", "user_pseudo_id", "user_id", "ecommerce.transaction_id"]
    header += ["ecommerce.total_item_quantity", "ecommerce.purchase_revenue"]
    browsers = [f"{rng.integers(10**8, 10**10)}.{rng.integers(16 * 10**8, 17 * 10**8)}" for _ in range(60)]
    for number, (when, who) in enumerate(moments(rng, len(browsers), 150)):
        lines, micros = basket(rng), int(when.timestamp()) * 1_000_000 + int(rng.integers(0, 10**6))
        browser = "" if rng.random() < 0.06 else browsers[who]
        local = when.astimezone(NEW_YORK)
        value = sum(price * pieces for _, _, price, pieces in lines) / 100
        pieces = sum(line[3] for line in lines)
        rows.append([f"{local:%Y%m%d}", micros - 400_000_000, "session_start", browser, "", "", "", ""])
        if rng.random() < 0.5:
            rows.append([f"{local:%Y%m%d}", micros - 90_000_000, "add_to_cart", browser, "", "", "", ""])
        purchase = [f"{local:%Y%m%d}", micros, "purchase", browser, "", f"T-{70_000 + number}", pieces, value]
        rows.append(purchase)
        if rng.random() < (0.08 if browser else 0.4):
            rows.append([*purchase[:1], micros + 61_000_000, *purchase[2:]])
    rows.sort(key=lambda row: row[1])
    write("ga4-events.csv", header, rows)


def months() -> list[tuple[dt.date, dt.date]]:
    """Return the first and last day of each month of the samples."""
    starts = [dt.date(2024 + m // 12, m % 12 + 1, 1) for m in range(19)]
    return [(a, b - dt.timedelta(days=1)) for a, b in itertools.pairwise(starts)]


def meta_ads(name: str, seed: int, header: Sequence[str], campaigns: Sequence[str], scale: int) -> None:
    """Write campaigns by month, with the summary row that Ads Manager can add: no name, the sum of all."""
    rng, rows = np.random.default_rng(seed), []
    for start, end in months():
        for campaign in campaigns:
            shown, spent = int(rng.integers(9_000, 90_000)), int(rng.integers(3_000, 160_000)) * scale
            clicks = shown // int(rng.integers(40, 90))
            rows.append([start, end, campaign, "active", shown // 2, shown, clicks, clicks // 20, spent])
    total = [rows[0][0], rows[-1][1], "", "", *(sum(row[place] for row in rows) for place in range(4, 9))]
    write(name, header, ([*row[:8], money(row[8])] for row in [total, *rows]), bom=True)


def google_ads(name: str, seed: int, title: Sequence[str], header: Sequence[str], total: str, *, russian: bool) -> None:
    """Write campaigns by week under two title lines, totals below; in Russian as the "Excel CSV": UTF-16, tabs."""
    rng, rows, sums = np.random.default_rng(seed), [], np.zeros(3, dtype=int)
    status = "Включено" if russian else "Enabled"

    def amount(minor: int) -> str:
        text = f"{minor / 100:,.2f}"
        return text.replace(",", "\u00a0").replace(".", ",") if russian else text

    def count(n: int) -> str:
        return f"{n:,}".replace(",", "\u00a0") if russian else f"{n:,}"

    for week in range(66):
        for campaign in ("Brand - Search", "Sofa beds, shopping", "Новинки"):
            shown, cost = int(rng.integers(400, 9000)), int(rng.integers(4_000, 160_000))
            clicks = shown // int(rng.integers(15, 60)) if rng.random() < 0.9 else 0
            each = amount(cost // clicks) if clicks else " --"
            start = dt.date(2024, 1, 1) + dt.timedelta(days=7 * week)
            sums += np.array([shown, clicks, cost])
            tail = [each, amount(cost), amount(clicks * 3 // 2)]
            rows.append([status, campaign, start, "EUR", count(shown), count(clicks), *tail])
    for of in ("Account", "Campaigns") if not russian else ("аккаунт", "кампании"):
        figures = [count(int(sums[0])), count(int(sums[1])), " --", amount(int(sums[2])), " --"]
        rows.append([f"{total} {of}", " --", " --", "EUR", *figures])
    out = io.StringIO()
    sheet = csv.writer(out, delimiter="\t" if russian else ",", lineterminator="\r\n" if russian else "\n")
    sheet.writerows([[line] for line in title])
    sheet.writerows([header, *rows])
    (FOLDER / name).write_bytes(out.getvalue().encode("utf-16" if russian else "utf-8"))


def main() -> None:
    """Write every file, then recount what was written."""
    shopify_customers(shopify_orders())
    woocommerce_orders()
    stripe_payments()
    hubspot_contacts()
    mailchimp_campaigns()
    ga4_events()
    meta_en = ["Spring, new arrivals", "Retargeting", "Lookalike 1 %", "Brand"]
    meta_ads("meta-ads.csv", 8, META, meta_en, 1)
    meta_ads("meta-ads-uk.csv", 9, META_UK, ["Весна: новинки", "Ремаркетинг", "Схожа аудиторія", "Впізнаваність"], 40)
    title = ["Campaign report", "January 1, 2024 - April 6, 2025"]
    google_ads("google-ads.csv", 10, title, GOOGLE, "Total:", russian=False)
    title = ["Отчет о кампаниях", "1 января 2024 г. - 6 апреля 2025 г."]
    google_ads("google-ads-ru.csv", 11, title, GOOGLE_RU, "Итого:", russian=True)
    text = json.dumps(recount(FOLDER), indent=2, ensure_ascii=False)
    (FOLDER / "expected.json").write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
