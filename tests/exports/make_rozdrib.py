"""Write rozdrib.csv: an eighteen-month sales report as a Ukrainian accounting system saves it.

Code page 1251, semicolons, three lines above the header and a totals line at
the foot.  All people, codes and amounts are invented; the file is a function
of SEED alone.
"""

import csv
import datetime as dt
import io
from pathlib import Path

import numpy as np
from making import at, draws, every

SEED = 1251
FIRST = dt.date(2024, 1, 1)
LAST = dt.date(2025, 6, 30)
OUT = Path(__file__).with_name("rozdrib.csv")
NBSP = "\u00a0"
rng, pick, r = draws(SEED)

# ---------------------------------------------------------------------- goods
# name, price in kopecks for one unit, sold by weight
FOR_SALE = [
    ('Чай "Карпатський"; 100 г', 8450, False), ("Чай чорний Цейлон; 250 г", 16900, False),
    ('Кава мелена "Львівська" 225 г', 18990, False), ("Кава в зернах Арабіка", 62000, True),
    ("Мед гречаний, 0,5 л", 17500, False), ("Горіх волоський чищений", 29800, True),
    ('Цукерки "Ґречність"', 24650, True), ("Печиво вівсяне", 9870, True), ("Борошно пшеничне в/ґ 2 кг", 5240, False),
    ("Олія соняшникова 0,87 л", 6799, False), ("Крупа гречана", 4375, True), ('Сир "Їжачок" твердий', 38900, True),
    ("Набір прянощів №5; 6 шт.", 13200, False), ("М'ята сушена 50 г", 3990, False),
    ("Свічка воскова 20 см", 7560, False), ("Серветки паперові 3-шарові", 4115, False),
    ('Кошик подарунковий "Великодній"; великий', 124900, False), ("Термос 1 л", 84900, False),
    ("Чашка керамічна 350 мл", 15990, False), ("Посуд: набір тарілок 18 пр.", 215000, False)
]  # fmt: skip
GOODS = []
for name, base, weight in FOR_SALE:
    for tail in pick([["", ", акція"], [""], ["", " преміум"], ["", " (упак.)"]]):
        GOODS.append((name + tail, int(base * (1.35 if "прем" in tail else 6 if "упак" in tail else 1)), weight))
pull = rng.pareto(1.6, len(GOODS)) + 0.4
pull /= pull.sum()

# -------------------------------------------------------------------- clients
SURNAMES = [
    "Шевченко", "Коваленко", "Бондаренко", "Ткаченко", "Кравченко", "Олійник", "Лисенко", "Мельник", "Поліщук",
    "Їжакевич", "Єременко", "Ґудзь", "Щербак", "Гнатюк", "Дем'яненко", "Зінченко", "Яременко", "Юхимчук", "Савчук",
    "Руденко", "Пономаренко", "Василенко"
]  # fmt: skip
WOMEN = ["Олена", "Марія", "Ірина", "Наталія", "Оксана", "Юлія", "Анна", "Євгенія"]
MEN = ["Андрій", "Сергій", "Тарас", "Євген", "Богдан", "В'ячеслав", "Ігор"]
FATHERS = [
    ("Іванівна", "Іванович"), ("Петрівна", "Петрович"), ("Юріївна", "Юрійович"), ("Олегівна", "Олегович"), ("", "")
]  # fmt: skip
FIRMS = [
    "Світанок", "Затишок", "Європродукт", "Смачна хата", "Їдальня №7", "Каштан", "Мрія плюс", "Дніпро-Трейд",
    "Соняшник", "Лавка", "Хуторянка", "Ґанок", "Добробут", "Кав'ярня на розі"
]  # fmt: skip


def client_name():
    roll = rng.random()
    if roll < 0.16:
        word = pick(["", " Захід", " Південь", " 2020", " Груп", "-Сервіс", " і Ко", " Ярмарок", "-Опт"])
        return f'ТОВ "{pick(FIRMS)}{word}"'
    woman = rng.random() < 0.6
    father = pick(FATHERS)[0 if woman else 1]
    person = f"{pick(SURNAMES)} {pick(WOMEN if woman else MEN)} {father}".strip()
    return f"ФОП {person}" if roll < 0.36 else person  # namesakes happen: the code is the key


SPAN = (LAST - FIRST).days
docs = []  # (moment, kind, code, name, [(goods, quantity in thousandths, sum in kopecks)])


def moment(day):
    second = int(np.clip(rng.normal(13.2 * 3600, 2.6 * 3600), 8 * 3600, 20 * 3600 - 1))
    return at(day, seconds=second)


def price_on(base, day):
    months = (day.year - 2024) * 12 + day.month - 1
    return int(base * (1 + 0.009 * months))


def lines_for(day, size, bulk):
    n = int(np.clip(rng.geometric(size), 1, 12))
    out = []
    for i in rng.choice(len(GOODS), size=n, replace=False, p=pull):
        name, base, weight = GOODS[int(i)]
        if weight:
            q = r(4, 60) * 50 * bulk
        else:
            q = pick([1, 1, 1, 2, 2, 3, 4, 5, 6, 10]) * 1000 * bulk
            if base > 60000:
                q = pick([1, 1, 2]) * 1000
        cost = (price_on(base, day) * q + 500) // 1000
        out.append((name, q, cost))
    return out


code_numbers = 2 + np.sort(rng.choice(890, size=402, replace=False))
for index, number in enumerate(code_numbers):
    code = f"00-{int(number):06d}"
    name = client_name()
    firm = name.startswith(("ТОВ", "ФОП"))
    if firm:
        kind = pick(["weekly", "monthly", "bimonthly", "two", "once"], [0.04, 0.26, 0.25, 0.25, 0.2])
    else:
        kind = pick(["monthly", "bimonthly", "two", "holiday", "once"], [0.06, 0.14, 0.28, 0.12, 0.4])
    if kind == "once":
        offs = [r(0, SPAN)]
    elif kind == "two":
        a = r(0, SPAN - 90)
        offs = [a, a + r(9, 80)] + ([a + r(81, 200)] if rng.random() < 0.4 else [])
    elif kind == "holiday":  # before Easter and before New Year
        eves = (dt.date(2024, 5, 3), dt.date(2024, 12, 27), dt.date(2025, 4, 17))
        offs = [(d - FIRST).days + r(-12, 3) for d in eves if rng.random() < 0.8]
    else:
        gap = {"weekly": 8, "monthly": 33, "bimonthly": 66}[kind]
        start = r(0, 2 * gap) if rng.random() < 0.6 else r(0, SPAN - gap)
        end = SPAN if rng.random() < 0.68 else min(SPAN, start + r(40, SPAN))
        offs = every(gap, gap * 0.22, start, end, rng, 2)
    bulk = pick([1, 2, 3, 5]) if firm else 1
    renamed_at = FIRST + dt.timedelta(days=SPAN // 2) if firm and kind == "monthly" and index % 5 == 0 else None
    for off in offs:
        day = FIRST + dt.timedelta(days=int(off))
        if day.weekday() == 6:
            day += dt.timedelta(days=1)
        if not FIRST <= day <= LAST:
            continue
        shown = name if not renamed_at or day < renamed_at else name + " (нова назва)"
        when = moment(day)
        if firm and (day + dt.timedelta(days=1)).day == 1:
            when = dt.datetime.combine(day, dt.time(23, 59, 59))  # booked at the close of the month
        lines = lines_for(day, 0.45 if firm else 0.66, bulk)
        if rng.random() < 0.035:
            lines.append(("Пакет подарунковий", 1000, 0))  # given free
        if firm and rng.random() < 0.06:
            lines.append(("Доставка; по місту", 1000, r(80, 300) * 100))
        docs.append((when, "Реалізація", code, shown, lines))
        if rng.random() < 0.07:
            back_day = day + dt.timedelta(days=r(1, 35))
            if back_day.weekday() == 6:
                back_day += dt.timedelta(days=1)
            if back_day <= LAST:
                back = []
                for g, q, s in lines[: r(1, max(1, len(lines) // 2))]:
                    if s == 0 or g.startswith("Доставка"):
                        continue
                    if rng.random() < 0.4 and q >= 2000 and q % 2000 == 0:
                        back.append((g, -(q // 2), -((s + 1) // 2)))
                    else:
                        back.append((g, -q, -s))
                if back:
                    docs.append((moment(back_day), "Повернення", code, shown, back))

# One client of whom only a return of goods bought before the period is known.
docs.append((moment(dt.date(2024, 1, 11)), "Повернення", "00-000899", "Ґудзь Тарас", [("Термос 1 л", -1000, -84900)]))

# The technical client: till takings of unnamed buyers, one document a week.
day = dt.date(2024, 1, 6)
while day <= LAST:
    close = dt.datetime.combine(day, dt.time(20, 0, 0))
    docs.append((close, "Звіт про роздр. продажі", "00-000001", "Роздрібний покупець", lines_for(day, 0.24, 3)))
    if rng.random() < 0.08:
        name, base, _ = GOODS[r(0, len(GOODS) - 1)]
        back = [(name, -1000, -price_on(base, day))]
        docs.append((close + dt.timedelta(minutes=5), "Повернення", "00-000001", "Роздрібний покупець", back))
    day += dt.timedelta(days=7)


# --------------------------------------------------------------------- output
def stamp(t):
    """The system writes the hour without a leading nought: 05.02.2024 9:05:00."""
    return f"{t:%d.%m.%Y} {t.hour}:{t:%M:%S}"


def decimal(n, places):
    """Write a whole number of kopecks (2) or thousandths (3) with a comma, and blanks between thousands."""
    whole, rest = divmod(abs(n), 10**places)
    return ("-" if n < 0 else "") + f"{whole:,}".replace(",", NBSP) + f",{rest:0{places}d}"


docs.sort(key=lambda d: (d[0], d[2]))
counter = {}
rows = []
for when, kind, code, name, lines in docs:
    key = (kind, when.year)  # numbering starts anew each January
    counter[key] = counter.get(key, 0) + 1
    title = f"{kind} 00-{counter[key]:06d} від {when:%d.%m.%Y}"
    for goods, q, s in lines:
        rows.append((name, code, title, when, goods, q, s))
rows.sort(key=lambda x: (x[0], x[1], x[3], x[2]))  # the report is arranged by client

text = io.StringIO()
text.write("Звіт по продажах\r\n")
text.write(f"Період: {FIRST:%d.%m.%Y} - {LAST:%d.%m.%Y}\r\n\r\n")
out = csv.writer(text, delimiter=";", lineterminator="\r\n")
out.writerow(["Контрагент", "Контрагент.Код", "Документ", "Дата", "Номенклатура", "Кількість", "Сума"])
for name, code, title, when, goods, q, s in rows:
    out.writerow([name, code, title, stamp(when), goods, decimal(q, 3), decimal(s, 2)])
out.writerow(["Разом", "", "", "", "", decimal(sum(x[5] for x in rows), 3), decimal(sum(x[6] for x in rows), 2)])
OUT.write_bytes(text.getvalue().encode("cp1251"))
print(OUT.name, len(rows) + 1, "rows", OUT.stat().st_size, "bytes")
