"""Write cua_hang.csv: fourteen months of a Vietnamese shop's till, newest line first.

UTF-8 with a byte order mark, every field quoted, dong written with full stops.
All people, codes and amounts are invented; the file is a function of SEED alone.
"""

import csv
import datetime as dt
import io
from pathlib import Path

import numpy as np
from making import at, draws, every

SEED = 84
FIRST = dt.date(2024, 9, 1)
LAST = dt.date(2025, 10, 31)
OUT = Path(__file__).with_name("cua_hang.csv")
rng, pick, r = draws(SEED)
# name, price in thousands of dong
BY_PIECE = [
    ("Sữa tắm Hương Sen, chai 500ml", 125), ("Dầu gội Bồ Kết, 650g", 98), ("Nước mắm cá cơm 40°N, 1L", 85),
    ("Cà phê rang xay Buôn Hồ 500g", 165), ("Trà ô long, hộp 20 gói", 62), ("Bánh tráng cuốn", 25),
    ('Nồi inox 20" ba đáy', 1250), ("Chảo chống dính 28cm, có nắp", 489), ('Bộ chén dĩa sứ "Hoa Mai", 12 món', 780),
    ("Khăn mặt cotton", 35), ("Kem chống nắng SPF50+, 50ml", 315), ("Son dưỡng môi", 79),
    ("Nước rửa chén chanh, can 3,8kg", 118), ("Bột giặt 4,5kg", 189), ("Giấy vệ sinh, lốc 10 cuộn", 92),
    ("Mì gói thùng 30 gói", 112), ("Tã dán em bé size L, 68 miếng", 365), ("Sữa bột trẻ em số 3, lon 900g", 545),
    ("Quạt đứng 5 cánh", 1190), ("Ấm siêu tốc 1,8L", 329), ("Kẹo dừa Bến Tre", 45), ("Mứt gừng Tết, hộp 300g", 68),
    ("Lồng đèn Trung thu", 55), ("Máy xay sinh tố", 899), ("Bàn chải đánh răng, vỉ 3", 49)
]  # fmt: skip
BY_WEIGHT = [
    ("Gạo ST25 (kg)", 38), ("Tôm khô loại 1 (kg)", 1150), ("Hạt điều rang muối (kg)", 320), ("Xoài sấy dẻo (kg)", 240)
]  # fmt: skip
GOODS = [(*goods, by_weight) for kind, by_weight in ((BY_PIECE, False), (BY_WEIGHT, True)) for goods in kind]
pull = rng.pareto(1.8, len(GOODS)) + 0.5
pull /= pull.sum()

SPAN = (LAST - FIRST).days
NEW_VERSION = dt.date(2025, 4, 1)  # the till was brought up to a new version on this day


def moment(day):
    """Open from 7:30 to 22:30, busiest in the evening."""
    hour = rng.normal(19.2, 1.6) if rng.random() < 0.6 else rng.normal(10.5, 1.8)
    minute = int(np.clip(hour * 60, 7 * 60 + 30, 22 * 60 + 29))
    return at(day, minutes=minute)


def basket(mean):
    n = int(np.clip(rng.geometric(1 / mean), 1, 9))
    out = []
    for i in rng.choice(len(GOODS), size=n, replace=False, p=pull):
        name, price, by_weight = GOODS[int(i)]
        if by_weight:
            half = r(1, 9)  # in half kilograms
            out.append((name, f"{half // 2}{',5' if half % 2 else ''}", price * half * 500))
        else:
            q = 1 if price > 400 else pick([1, 1, 1, 2, 2, 3, 5])
            out.append((name, str(q), q * price * 1000))
    if rng.random() < 0.06:
        out.append(("Chiết khấu hóa đơn", "1", -r(1, 4) * 5000))
    if sum(x[2] for x in out) <= 0:
        out = [x for x in out if x[2] > 0]
    if rng.random() < 0.025:
        out.append(("Hàng tặng: túi vải, không bán", "1", 0))
    return out


def phone():
    return "09" + pick(list("0137")) + "000" + f"{r(0, 9999):04d}"


def written(number, style):
    spaced = f"{number[:4]} {number[4:7]} {number[7:]}"
    return {"plain": number, "spaced": spaced, "plus": "+84" + number[1:], "bare": "84" + number[1:]}[style]


docs = []  # [moment, kind, customer, phone, lines]; kind: sale, kept (sale with a return), back
used = []
for number in range(1, 386):
    code = f"KH{number:06d}"
    mobile = pick(used) if number in (77, 203, 318) else phone()  # one household, two cards
    used.append(mobile)
    style = pick(["plain", "plain", "plain", "spaced", "plus", "bare"])
    if number % 29 == 0:
        mobile = ""
    kind = pick(["once", "few", "weekly", "payday", "two-monthly", "tet"], [0.32, 0.27, 0.03, 0.17, 0.13, 0.08])
    # Cards are numbered in the order of issue, so nobody buys before the card exists.
    issued = int(SPAN * (number / 385) ** 2 * 0.93)
    if kind == "once":
        offs = [issued]
    elif kind == "few":
        offs = [issued]
        for _ in range(r(1, 3)):
            offs.append(offs[-1] + r(6, 110))
    elif kind == "tet":
        tet = (dt.date(2025, 1, 28) - FIRST).days
        offs = [x for x in sorted(tet - r(1, 25) for _ in range(r(2, 3))) if x >= issued] or [issued]
        if rng.random() < 0.4:
            offs.append((dt.date(2025, 9, 28) - FIRST).days + r(0, 7))
    else:
        gap, wobble = {"weekly": (8, 2), "payday": (30, 3), "two-monthly": (61, 12)}[kind]
        stop = SPAN if rng.random() < 0.7 else issued + r(50, SPAN)
        offs = every(gap, wobble, issued, min(stop, SPAN), rng, 2)
    for off in offs:
        if not 0 <= off <= SPAN:
            continue
        day = FIRST + dt.timedelta(days=int(off))
        shown = written(mobile, style if day < NEW_VERSION else "plain") if mobile else ""
        lines = basket(1.95)
        docs.append([moment(day), "sale", code, shown, lines])
        if rng.random() < 0.055:
            later = day + dt.timedelta(days=r(0, 14))
            if later <= LAST:
                docs[-1][1] = "kept"
                goods = [x for x in lines if x[2] > 0]
                back = goods[: r(1, max(1, len(goods) // 2))]
                docs.append([max(moment(later), docs[-1][0] + dt.timedelta(minutes=20)), "back", code, shown, back])

for _ in range(760):  # people who give neither name nor card
    day = FIRST + dt.timedelta(days=r(0, SPAN))
    shown = written(phone(), "plain") if rng.random() < 0.025 else ""  # goods brought home
    docs.append([moment(day), "sale", None, shown, basket(1.65)])
    if rng.random() < 0.02:
        goods = [x for x in docs[-1][4] if x[2] > 0]
        docs[-1][1] = "kept"
        docs.append([docs[-1][0] + dt.timedelta(minutes=r(5, 60)), "back", None, shown, goods[:1]])

# Late sales on the last evenings of months, and two clients' only trace is a return.
for day in (dt.date(2024, 10, 31), dt.date(2024, 12, 31), dt.date(2025, 3, 31), dt.date(2025, 7, 31)):
    docs.append([dt.datetime.combine(day, dt.time(22, 25)), "sale", f"KH{r(1, 60):06d}", "", basket(2)])
for code, day in (("KH000386", dt.date(2024, 9, 3)), ("KH000387", dt.date(2024, 9, 11))):
    docs.append([moment(day), "back", code, "", [(GOODS[9][0], "2", 70000)]])

docs = [d for d in docs if d[4]]
docs.sort(key=lambda d: d[0])
sale = back = 0
rows = []
for when, kind, cust, shown, lines in docs:
    if cust is None:
        cust = "KHACHLE" if when.date() < NEW_VERSION else "Khách lẻ"
    if kind == "back":
        back += 1
        tag, status = f"TH{back:06d}", "Trả hàng"
    else:
        sale += 1
        tag, status = f"HD{sale:06d}", "Hoàn thành"
    if kind == "sale" and rng.random() < 0.035:
        # Cancelled; every other time keyed again at once under the same number with .01
        for x in lines:
            rows.append((when, tag, cust, shown, x, "Đã hủy"))
        if rng.random() < 0.5:
            continue
        tag, when = tag + ".01", when + dt.timedelta(minutes=2)
    if kind == "sale" and when.date() >= LAST - dt.timedelta(days=1) and rng.random() < 0.5:
        status = "Phiếu tạm"  # not yet closed when the export was made
    for x in lines:
        rows.append((when, tag, cust, shown, x, status))


def dong(n):
    return f"{n:,}".replace(",", ".")


rows = [row for _, row in sorted(enumerate(rows), key=lambda p: (p[1][0], p[1][1], -p[0]), reverse=True)]
text = io.StringIO()
out = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
head = ["Mã hóa đơn", "Ngày bán", "Mã khách hàng", "Số điện thoại", "Tên hàng", "Số lượng", "Thành tiền", "Trạng thái"]
out.writerow(head)
for when, tag, cust, shown, (goods, q, amount), status in rows:
    out.writerow([tag, f"{when:%d/%m/%Y %H:%M}", cust, shown, goods, q, dong(amount), status])
OUT.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode("utf-8"))
print(OUT.name, len(rows), "rows", OUT.stat().st_size, "bytes")
