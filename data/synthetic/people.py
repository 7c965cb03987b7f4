"""Who buys at the made-up shop, and when: hidden groups, true drivers, useless attributes, first and later orders."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.random import Generator

from synthetic.catalogue import BUILDING, GARDEN, KITCHEN, LIGHT, PAINT, PLUMBING, TEXTILE, TOOLS

FIRST_DAY = np.datetime64("2023-11-01")
N_DAYS = 731  # to 31 October 2025: 24 months
N_BUYERS = 4000
N_PROSPECTS = 320  # registered, and no order
MOST_ORDERS = 60

# share: before age, place and household move it; returns: chance of a second order within a year (Google search,
# no promo code, no newsletter); stays: mean days from the second order to the end of their interest; gap: median
# days between orders; extra_lines: beside the first; quantity: factor; masonry, screed: shares of orders with them
GROUPS = pd.DataFrame(
    [
        ("home", 0.37, 0.47, 150, 50, 0.60, 1.0, 0.02, 0.01),
        ("renovation", 0.35, 0.29, 45, 26, 0.80, 1.0, 0.17, 0.05),
        ("garden", 0.20, 0.45, 100, 42, 0.55, 1.0, 0.03, 0.01),
        ("trade", 0.08, 0.72, 165, 20, 1.40, 1.6, 0.16, 0.07),
    ],
    columns=["group", "share", "returns", "stays", "gap", "extra_lines", "quantity", "masonry", "screed"],
)
CATEGORY_SHARES = {
    "home": {KITCHEN: 0.42, TEXTILE: 0.34, LIGHT: 0.12, GARDEN: 0.03, PAINT: 0.03, TOOLS: 0.03, PLUMBING: 0.03},
    "renovation": {BUILDING: 0.50, PAINT: 0.24, TOOLS: 0.09, PLUMBING: 0.10, LIGHT: 0.05, TEXTILE: 0.02},
    "garden": {GARDEN: 0.80, TOOLS: 0.08, KITCHEN: 0.05, BUILDING: 0.03, LIGHT: 0.04},
    "trade": {BUILDING: 0.55, TOOLS: 0.19, PAINT: 0.12, PLUMBING: 0.07, LIGHT: 0.07},
}
_SEASONS = {  # January to December
    "home": (0.70, 0.75, 0.90, 0.90, 0.90, 0.80, 0.75, 0.80, 0.90, 1.00, 1.30, 2.30),
    "renovation": (0.55, 0.65, 1.25, 1.50, 1.50, 1.20, 1.05, 1.00, 1.05, 1.00, 0.75, 0.50),
    "garden": (0.25, 0.50, 1.80, 2.50, 2.20, 1.20, 0.70, 0.60, 0.80, 0.70, 0.30, 0.45),
    "trade": (0.60, 0.70, 1.15, 1.30, 1.30, 1.15, 1.05, 1.00, 1.10, 1.10, 0.85, 0.70),
}
_WEEKDAYS = (1.05, 1.0, 0.95, 0.95, 1.05, 1.15, 0.85)  # Monday to Sunday

CHANNELS = pd.DataFrame(  # effect: added to the chance of a second order within a year
    [
        ("Пошук Google", 0.30, 0.00, 0.40),
        ("Реклама Google", 0.18, 0.00, 0.70),
        ("Instagram", 0.17, -0.06, 0.95),
        ("Рекомендація", 0.15, 0.18, 0.20),
        ("Маркетплейс", 0.20, -0.16, 0.90),
    ],
    columns=["level", "share", "effect", "phone"],
)
PROMO_SHARE, PROMO_EFFECT = 0.25, -0.10
CONSENT_SHARE, CONSENT_EFFECT, CONSENT_GAP_FACTOR = 0.45, 0.08, 0.60
NEITHER_SHARE = 0.22  # of all customers: with bricks they never take cement or sand here

PLACES = ("місто понад 500 тис.", "місто 100-500 тис.", "місто до 100 тис.", "село")
HOUSEHOLDS = ("1 особа", "2 дорослих", "є діти", "3 і більше дорослих")
COLORS = ("синій", "зелений", "червоний", "жовтий", "чорний", "білий")
MAILBOXES = ("gmail.com", "ukr.net", "i.ua", "outlook.com", "meta.ua")


def calendar_weights(group: str) -> np.ndarray:
    """Return how busy each of the shop's days is for a group: seasons and weekdays, 1 on average."""
    days = pd.DatetimeIndex(FIRST_DAY + np.arange(N_DAYS))
    weights = np.array(_SEASONS[group])[days.month - 1] * np.array(_WEEKDAYS)[days.day_of_week]
    return weights / weights.mean()


def draw_first_days(rng: Generator, groups: np.ndarray) -> np.ndarray:
    """Return a day (a float since the first) per place of `groups`: seasons, on a base that grows to twice its size."""
    growth = np.linspace(1.0, 2.0, N_DAYS)
    first = np.empty(len(groups))
    for number, name in enumerate(GROUPS["group"]):
        mine = groups == number
        reached = np.concatenate(([0.0], np.cumsum(calendar_weights(name) * growth)))
        first[mine] = np.interp(rng.random(mine.sum()) * reached[-1], reached, np.arange(N_DAYS + 1))
    return first


def draw_people(rng: Generator) -> pd.DataFrame:
    """Return everybody who is known, buyers first: attributes, hidden group, first day, what they will do.

    Columns: ``age, place, household, channel, device, consent, color, shoe_size, mailbox`` (all filled in),
    ``group`` (number), ``first_day``, ``promo``, ``returns``, ``neither``, ``size`` (of their purchases), ``buyer``.
    """
    n = N_BUYERS + N_PROSPECTS
    age = np.clip(np.round(rng.normal(43, 13, n)), 18, 79).astype(int)
    place = rng.choice(4, n, p=[0.38, 0.22, 0.24, 0.16])
    household = rng.choice(4, n, p=[0.17, 0.31, 0.36, 0.16])
    lean = np.zeros((n, 4))  # log-odds, in the order of GROUPS
    lean[:, 0] = 0.8 * (household == 2) + 0.4 * (place == 0) - 0.015 * (age - 43)
    lean[:, 1] = 0.3 * (place == 3)
    lean[:, 2] = 0.06 * (age - 43) + 1.1 * (place == 3) + 0.4 * (place == 2)
    group = np.argmax(np.log(GROUPS["share"].to_numpy()) + lean + rng.gumbel(size=(n, 4)), axis=1)
    channel = rng.choice(len(CHANNELS), n, p=CHANNELS["share"].to_numpy())
    phone = rng.random(n) < CHANNELS["phone"].to_numpy()[channel]
    promo = rng.random(n) < PROMO_SHARE
    consent = rng.random(n) < CONSENT_SHARE
    chance = GROUPS["returns"].to_numpy()[group] + CHANNELS["effect"].to_numpy()[channel]
    chance = chance + PROMO_EFFECT * promo + CONSENT_EFFECT * consent
    return pd.DataFrame(
        {
            "age": age,
            "place": np.array(PLACES)[place],
            "household": np.array(HOUSEHOLDS)[household],
            "channel": CHANNELS["level"].to_numpy()[channel],
            "device": np.where(phone, "телефон", "комп'ютер"),
            "consent": np.where(consent, "так", "ні"),
            "color": rng.choice(COLORS, n, p=[0.24, 0.2, 0.17, 0.12, 0.14, 0.13]),
            "shoe_size": np.clip(np.round(rng.normal(40.5, 2.6, n)), 35, 47).astype(int),
            "mailbox": rng.choice(MAILBOXES, n, p=[0.58, 0.22, 0.09, 0.06, 0.05]),
            "group": group,
            "first_day": draw_first_days(rng, group),
            "promo": promo,
            "returns": rng.random(n) < chance,
            "neither": rng.random(n) < NEITHER_SHARE,
            "size": np.exp(rng.normal(0, 0.35, n)),
            "buyer": np.arange(n) < N_BUYERS,
        }
    )


def draw_orders(rng: Generator, people: pd.DataFrame) -> pd.DataFrame:
    """Return one row per order of the buyers: ``person`` (row of `people`), ``nth`` (0 = first), ``day`` (a float).

    A customer who returns does so within 365 days, and goes on ordering while interested.
    Gaps are drawn in days of average season and stretched or squeezed to the calendar, so that every
    customer of a group follows its seasons. Orders after the last day have not happened yet.
    """
    buyers = people[people["buyer"]]
    n, group = len(buyers), buyers["group"].to_numpy()
    interested = rng.exponential(GROUPS["stays"].to_numpy()[group])
    median = GROUPS["gap"].to_numpy()[group] * np.where(buyers["consent"] == "так", CONSENT_GAP_FACTOR, 1.0)
    gaps = median[:, None] * np.exp(rng.normal(0, 0.8, (n, MOST_ORDERS)))
    gaps[:, 0] = np.where(gaps[:, 0] > 364, rng.uniform(60, 364, n), gaps[:, 0])
    elapsed = np.concatenate((np.zeros((n, 1)), np.cumsum(np.maximum(gaps, 1.0), axis=1)), axis=1)
    day = np.empty_like(elapsed)
    for number, name in enumerate(GROUPS["group"]):
        mine = group == number
        reached = np.concatenate(([0.0], np.cumsum(calendar_weights(name))))
        start = np.interp(buyers["first_day"].to_numpy()[mine], np.arange(N_DAYS + 1), reached)
        day[mine] = np.interp(start[:, None] + elapsed[mine], reached, np.arange(N_DAYS + 1), right=np.inf)
    goes_on = (elapsed - elapsed[:, [1]] <= interested[:, None]) & buyers["returns"].to_numpy()[:, None]
    goes_on[:, 0] = True  # the first order
    happened = goes_on & (day < N_DAYS)
    person, nth = np.nonzero(happened)
    return pd.DataFrame({"person": buyers.index.to_numpy()[person], "nth": nth, "day": day[person, nth]})


def attribute_truth() -> pd.DataFrame:
    """Return what each column of the export really does: ``attribute, level, role, outcome, effect, meaning``.

    ``role`` is "driver", "proxy" (goes with a driver, does nothing itself) or "useless".
    """
    added, factor = "added to the chance", "factor on the median days between two orders"
    second = "second order within 365 days"
    rows = [
        ("Канал залучення", level, "driver", second, effect, added)
        for level, effect in zip(CHANNELS["level"], CHANNELS["effect"], strict=True)
    ]
    rows += [
        ("Промокод", "WELCOME10", "driver", second, PROMO_EFFECT, added),
        ("Згода на розсилку", "так", "driver", second, CONSENT_EFFECT, added),
        ("Згода на розсилку", "так", "driver", "days between orders", CONSENT_GAP_FACTOR, factor),
        ("Вік", "each year", "driver", "hidden group garden", 0.06, "log-odds"),
        ("Населений пункт", "село", "driver", "hidden group garden", 1.1, "log-odds"),
        ("Населений пункт", "місто понад 500 тис.", "driver", "hidden group home", 0.4, "log-odds"),
        ("Домогосподарство", "є діти", "driver", "hidden group home", 0.8, "log-odds"),
        ("Пристрій", "", "proxy", second, 0.0, "goes with Канал залучення"),
        ("Улюблений колір", "", "useless", "", 0.0, ""),
        ("Розмір взуття", "", "useless", "", 0.0, ""),
        ("Поштова скринька", "", "useless", "", 0.0, ""),
    ]
    return pd.DataFrame(rows, columns=["attribute", "level", "role", "outcome", "effect", "meaning"])
