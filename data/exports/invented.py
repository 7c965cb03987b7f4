"""What the sample exports have in common: invented people, when they buy, what they take, how it is written down."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

FOLDER = Path(__file__).parent
FIRST, LAST = dt.date(2024, 1, 1), dt.date(2025, 6, 30)
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
GIVEN = (
    "Олена Taras Zoë Jürgen François Łucja Nguyễn Søren Aoife Иван Chloé Mónica Gökhan Anneli Björn Дарина Hélène "
    "Петро Ngọc Renée"
).split()
FAMILY = "Шевченко Müller O'Brien Kowalski Trần Dąbrowska Lefèvre Åkesson García Öztürk Novák Бондар Smith".split()
GOODS = [("LIN-1", "Linen shirt", 4900), ("WOO-2", "Wool scarf, grey", 3450), ("MUG-3", 'Mug "Good morning"', 1290)]
GOODS += [("LAM-4", "Desk lamp", 11900), ("BAG-5", "Leather bag", 18900), ("SOF-6", "Sofa bed", 124900)]
ODDS = [0.27, 0.25, 0.28, 0.12, 0.06, 0.02]


def write(
    name: str, header: Sequence[str], rows: Iterable[Sequence[object]], *, end: str = "\n", bom: bool = False
) -> None:
    """Write a CSV file in UTF-8 with the line ends (and the byte order mark) of its vendor."""
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows([header, *rows])
    (FOLDER / name).write_bytes(out.getvalue().encode("utf-8-sig" if bom else "utf-8"))


def money(minor: int) -> str:
    """Write cents as 1234.56."""
    return f"{Decimal(int(minor)) / 100:.2f}"


def people(rng: np.random.Generator, n: int) -> list[dict[str, str]]:
    """Invent `n` people with different names; their addresses end in example.com and lead nowhere."""
    picks = rng.permutation(len(GIVEN) * len(FAMILY))[:n]
    made = []
    for number, pick in enumerate(picks, start=1):
        given, family = GIVEN[pick % len(GIVEN)], FAMILY[pick // len(GIVEN)]
        made.append({"given": given, "family": family, "email": f"person{number:03d}@example.com"})
    return made


def moments(rng: np.random.Generator, n_people: int, n: int) -> list[tuple[dt.datetime, int]]:
    """Return `n` purchases as (time in UTC, person), oldest first: a few buy often, most once or twice."""
    weights = rng.pareto(1.3, n_people) + 0.3
    who = np.concatenate([np.arange(n_people), rng.choice(n_people, n - n_people, p=weights / weights.sum())])
    days = (LAST - FIRST).days
    seconds = np.sort(rng.integers(0, (days + 1) * 86400 - 7200, n))
    start = dt.datetime.combine(FIRST, dt.time(), tzinfo=dt.UTC)
    return [(start + dt.timedelta(seconds=int(s)), int(w)) for s, w in zip(seconds, rng.permutation(who), strict=True)]


def basket(rng: np.random.Generator) -> list[tuple[str, str, int, int]]:
    """Return one to four order lines: sku, name, price, pieces."""
    picks = rng.choice(len(GOODS), size=rng.choice([1, 2, 3, 4], p=[0.5, 0.3, 0.15, 0.05]), replace=False, p=ODDS)
    return [(*GOODS[i], int(rng.choice([1, 2, 3], p=[0.8, 0.15, 0.05]))) for i in picks]
