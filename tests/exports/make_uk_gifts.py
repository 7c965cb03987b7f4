"""Write uk_gifts.xlsx: fifteen months of invoice lines of a wholesale gift shop.

The layout is the one widely known from the "Online Retail" data set.  All
people, codes and amounts are invented; the file is a function of SEED alone.
"""

import datetime as dt
import io
import re
import zipfile
from pathlib import Path

import numpy as np
from making import at, draws, every
from openpyxl import Workbook
from openpyxl.styles import Font

SEED = 20231204
FIRST = dt.date(2023, 12, 1)
LAST = dt.date(2025, 2, 28)
OUT = Path(__file__).with_name("uk_gifts.xlsx")
rng, pick, r = draws(SEED)

# ---------------------------------------------------------------- stock list
COLOURS = [
    "WHITE", "RED RETROSPOT", "PINK POLKADOT", "VINTAGE", "IVORY", "BLUE", "SKULLS", "STRAWBERRY", "REGENCY",
    "ENGLISH ROSE", "WOODLAND", "SILVER"
]  # fmt: skip
THINGS = [
    ("HANGING HEART T-LIGHT HOLDER", 255), ("LUNCH BAG", 165), ("CAKE STAND, 3 TIER", 1275), ("PARTY BUNTING", 495),
    ("JUMBO BAG", 208), ("PAPER NAPKINS, PACK OF 20", 85), ("TRINKET BOX", 145), ("DOORMAT", 795), ("ALARM CLOCK", 375),
    ("MUG", 125), ("HOT WATER BOTTLE", 495), ("BIRTHDAY CARD", 42), ('PICTURE FRAME 6"x4"', 295),
    ("SET/6 SPICE TINS", 395), ("CAFÉ CRÈME TIN", 210), ("KEY RING", 65), ("GARDEN KNEELING PAD", 165),
    ("WICKER BASKET, LARGE", 1050), ("LED NIGHT LIGHT", 179)
]  # fmt: skip
STOCK = []
number = 20711
for thing, base in THINGS:
    for colour in COLOURS:
        if rng.random() < 0.22:
            continue
        number += r(1, 17)
        code = number if rng.random() < 0.86 else f"{number}{pick(list('ABCDELabp'))}"
        pence = max(19, int(base * rng.uniform(0.8, 1.25)))
        if pence > 60:
            pence = pence // 10 * 10 + 5
        name = f"{colour} {thing}"
        if rng.random() < 0.05:
            name += " "
        STOCK.append((code, name, pence))
weights = rng.pareto(1.3, len(STOCK)) + 0.3
weights /= weights.sum()

COUNTRIES = [
    "EIRE", "Germany", "France", "Netherlands", "Spain", "Norway", "Channel Islands", "Switzerland", "Unspecified",
    "Åland Islands"
]  # fmt: skip


# ------------------------------------------------------------------- calendar
def open_day(day):
    """The warehouse is shut on Saturdays and between Christmas and New Year."""
    while day.weekday() == 5 or (day.month == 12 and day.day >= 24) or (day.month == 1 and day.day <= 2):
        day += dt.timedelta(days=1)
    return day


def moment(day):
    minute = int(np.clip(rng.normal(12.6 * 60, 130), 7 * 60 + 30, 20 * 60 + 10))
    return at(day, minutes=minute)


SPAN = (LAST - FIRST).days


def days_of(kind):
    """The days on which a client of one kind buys."""
    if kind == "once":
        offs = [r(0, SPAN)]
    elif kind == "occasional":
        start = r(0, SPAN - 60)
        offs = [start]
        for _ in range(r(1, 2)):
            offs.append(offs[-1] + r(20, 170))
    elif kind == "christmas":
        base = (dt.date(2024, 9, 5) - FIRST).days
        offs = sorted(base + r(0, 85) for _ in range(r(2, 4)))
        if rng.random() < 0.5:
            offs.insert(0, r(0, 18))
    else:
        gap, wobble = {"fortnightly": (14, 3), "monthly": (31, 6), "quarterly": (91, 14)}[kind]
        start = r(0, gap * 2) if rng.random() < 0.7 else r(0, SPAN - gap)
        stop = SPAN if rng.random() < 0.72 else start + r(60, SPAN)
        offs = every(gap, wobble, start, min(stop, SPAN), rng, 3)
    days = (open_day(FIRST + dt.timedelta(days=int(off))) for off in offs)
    return [day for day in days if FIRST <= day <= LAST]


# -------------------------------------------------------------------- baskets
def basket(scale):
    n = int(np.clip(rng.geometric(0.305), 1, 16))
    picked = rng.choice(len(STOCK), size=n, replace=False, p=weights)
    out = []
    for i in picked:
        code, name, pence = STOCK[i]
        qty = pick([1, 2, 3, 4, 6, 6, 8, 10, 12, 12, 12, 24, 24, 36, 48])
        if scale > 1.6 and rng.random() < 0.4:
            qty *= pick([2, 3, 4])
            pence = max(15, int(pence * 0.85))
        if pence > 700:
            qty = max(1, qty // 4)
        out.append((code, name, qty, pence))
    return out


docs = []  # (moment, prefix, customer, country, [(code, description, quantity, pence)])


def enter(when, prefix, cust, *lines, country="United Kingdom"):
    docs.append((when, prefix, cust, country, list(lines)))


ids = 12346 + np.sort(rng.choice(5900, size=352, replace=False))
kinds = ["once", "occasional", "christmas", "fortnightly", "monthly", "quarterly"]
share = [0.33, 0.27, 0.08, 0.04, 0.15, 0.13]
for cust in ids[:349]:
    cust = int(cust)
    kind = pick(kinds, share)
    scale = float(rng.lognormal(0, 0.5))
    home = "United Kingdom" if rng.random() < 0.88 else pick(COUNTRIES)
    other = pick(COUNTRIES) if rng.random() < 0.012 else None
    for n, day in enumerate(days_of(kind)):
        when = moment(day)
        lines = basket(scale)
        if rng.random() < 0.012:
            lines.append(lines[0])  # scanned twice: a real second line
        if home != "United Kingdom" and rng.random() < 0.7:
            lines.append(("POST", "POSTAGE", r(1, 4), 1800))
        elif rng.random() < 0.02:
            lines.append(("C2", "CARRIAGE", 1, 5000))
        if rng.random() < 0.015:
            code, name, _ = STOCK[r(0, len(STOCK) - 1)]
            lines.append((code, name, 1, 0))  # free sample in the parcel
        country = other if other and n % 2 else home
        enter(when, "", cust, *lines, country=country)
        if rng.random() < 0.075:  # goods sent back later
            back_day = open_day(day + dt.timedelta(days=r(1, 40)))
            if back_day <= LAST:
                back = [x for x in lines if x[3] > 0 and x[0] not in ("POST", "C2")]
                back = back[: r(1, max(1, len(back) // 2))]
                back = [(c, d, -(q if rng.random() < 0.5 else r(1, q)), p) for c, d, q, p in back]
                enter(moment(back_day), "C", cust, *back, country=country)
        if rng.random() < 0.01:
            late = when + dt.timedelta(minutes=r(3, 90))
            enter(late, "C", cust, ("D", "Discount", -1, r(500, 6500)), country=country)

# One enormous order keyed by mistake and cancelled twelve minutes later.
cust = int(ids[349])
slip = dt.datetime(2024, 10, 17, 9, 15)
enter(slip, "", cust, (23843, "PAPER CRAFT, LITTLE BIRDIE", 8099, 208))
enter(slip + dt.timedelta(minutes=12), "C", cust, (23843, "PAPER CRAFT, LITTLE BIRDIE", -8099, 208))
# Two clients of whom only returns of goods bought before the period are known.
for cust, day in ((int(ids[350]), dt.date(2023, 12, 5)), (int(ids[351]), dt.date(2024, 1, 9))):
    code, name, pence = STOCK[r(0, len(STOCK) - 1)]
    enter(moment(day), "C", cust, (code, name, -r(2, 12), pence))

# ------------------------------------------------- lines without a client
blank = 0
while blank < 830:  # counter and web-shop sales
    day = open_day(FIRST + dt.timedelta(days=r(0, SPAN)))
    if day > LAST:
        continue
    lines = [(c, d, max(1, q // 6), int(p * 1.9) // 5 * 5 + 4) for c, d, q, p in basket(1)]
    if rng.random() < 0.3:
        lines.append(("DOT", "DOTCOM POSTAGE", 1, r(395, 9899)))
    blank += len(lines)
    enter(moment(day), "", None, *lines)
for _ in range(14):  # returns over the counter
    day = open_day(FIRST + dt.timedelta(days=r(20, SPAN - 5)))
    code, name, pence = STOCK[r(0, len(STOCK) - 1)]
    enter(moment(day), "C", None, (code, name, -r(1, 3), pence))
for _ in range(58):  # stock write-offs: no price
    day = open_day(FIRST + dt.timedelta(days=r(0, SPAN - 5)))
    code, _, _ = STOCK[r(0, len(STOCK) - 1)]
    why = pick(["damaged", "lost", "?", "wet/mouldy", None, "check", "thrown away", "amazon adjust"])
    enter(moment(day), "", None, (code, why, -r(1, 400), 0))
for month in range(15):  # costs booked through the invoices
    first = dt.date(2023 + (11 + month) // 12, (11 + month) % 12 + 1, 1)
    day = open_day(first + dt.timedelta(days=r(3, 20)))
    enter(moment(day), "C", None, ("AMAZONFEE", "AMAZON FEE", -1, r(9000, 78000)))
    if month % 3 == 1:
        enter(moment(day), "C", None, ("BANK CHARGES", "Bank Charges", -1, r(1500, 9900)))
for _ in range(22):  # hand-written lines
    day = open_day(FIRST + dt.timedelta(days=r(0, SPAN - 5)))
    cust = int(ids[r(0, 348)])
    sign = -1 if rng.random() < 0.4 else 1
    enter(moment(day), "C" if sign < 0 else "", cust, ("M", "Manual", sign * r(1, 2), r(125, 25000)))
bad_debts = [(8, 12, 748215), (8, 12, -748215), (8, 12, -748215), (4, 29, -2390450)]  # month, day, pence of 2024
for month, day, pence in bad_debts:
    enter(moment(dt.date(2024, month, day)), "A", None, ("B", "Adjust bad debt", 1, pence))
for n in range(4):  # the web shop being tried out
    trial = (f"TEST00{n % 2 + 1}", "This is a test product.", 5, 450)
    enter(moment(dt.date(2024, 1, 10 + (n > 1))), "", int(ids[3]), trial)

# --------------------------------------------------------------------- output
docs.sort(key=lambda d: d[0])
book = Workbook()
sheet = book.active
sheet.title = "Online Retail"
sheet.append(["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"])
for cell in sheet[1]:
    cell.font = Font(bold=True)
invoice = 536365
row = 1
for when, prefix, cust, country, lines in docs:
    invoice += r(1, 3)
    tag = f"{prefix}{invoice}" if prefix else invoice
    for n, (code, name, qty, pence) in enumerate(lines):
        late = 1 if n > 6 and invoice % 5 == 0 else 0  # long invoices run into the next minute
        sheet.append([tag, code, name, qty, when + dt.timedelta(minutes=late), pence / 100, cust, country])
        row += 1
        sheet.cell(row, 5).number_format = "dd/mm/yyyy hh:mm"
for letter, width in zip("ABCDEFGH", (10, 12, 38, 9, 17, 9, 12, 17), strict=False):
    sheet.column_dimensions[letter].width = width
sheet.freeze_panes = "A2"
book.properties.creator = "Stock Office"

# The workbook is packed again with fixed times, so that the bytes do not change.
raw = io.BytesIO()
book.save(raw)
with zipfile.ZipFile(raw) as old, zipfile.ZipFile(OUT, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
    for info in sorted(old.infolist(), key=lambda i: i.filename != "[Content_Types].xml"):
        body = old.read(info)
        if info.filename == "docProps/core.xml":
            body = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2025-03-01T08:00:00Z", body)
        fixed = zipfile.ZipInfo(info.filename, (2025, 3, 1, 8, 0, 0))
        fixed.compress_type = zipfile.ZIP_DEFLATED
        new.writestr(fixed, body)
print(OUT.name, row - 1, "rows", OUT.stat().st_size, "bytes")
