"""What stands in the baskets of the made-up shop: lines by group, products that go together, prices, refunds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.random import Generator

from synthetic.people import CATEGORY_SHARES, FIRST_DAY, GROUPS

PRICE_GROWTH = 0.006  # a month
WITH_BRICKS = {"Цемент": 0.85, "Пісок": 0.80}
SAND_WITH_CEMENT = 0.70  # where no bricks are bought
ROLLER_WITH_PAINT = 0.55
BAG_SHARE = 0.15  # of all orders, whatever else is in them
GIFT_FROM, GIFT_SHARE = 600_000, 0.30  # in kopiykas


def product_shares(products: pd.DataFrame, group: str) -> np.ndarray:
    """Return how often a line of a group is each product: the group's categories, then popularity within them."""
    within = products["popularity"] / products.groupby("category")["popularity"].transform("sum").replace(0, np.nan)
    shares = (within * products["category"].map(CATEGORY_SHARES[group])).fillna(0).to_numpy()
    return shares / shares.sum()


def draw_lines(rng: Generator, orders: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of `orders`: ``order, product`` (row numbers), ``quantity``, ``price``, ``full`` (kopiykas).

    `orders` has ``group``, ``neither``, ``size`` and ``month`` (since the first).
    """
    group = orders["group"].to_numpy()
    count = 1 + rng.poisson(GROUPS["extra_lines"].to_numpy()[group])
    order = np.repeat(np.arange(len(orders)), count)
    product = np.empty(len(order), dtype=int)
    for number, name in enumerate(GROUPS["group"]):
        mine = group[order] == number
        reached = np.cumsum(product_shares(products, name))
        product[mine] = np.searchsorted(reached, rng.random(mine.sum()) * reached[-1], side="right")
    kinds = products["kind"].to_numpy()

    def some_of(which: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """Add a product of a kind to the orders `which` is true for."""
        place = np.flatnonzero(which)
        return place, rng.choice(np.flatnonzero(kinds == kind), len(place))

    n, neither = len(orders), orders["neither"].to_numpy()
    masonry = rng.random(n) < GROUPS["masonry"].to_numpy()[group]
    screed = (rng.random(n) < GROUPS["screed"].to_numpy()[group]) & ~masonry & ~neither
    paint = np.bincount(order[kinds[product] == "Фарба"], minlength=n) > 0
    added = [
        some_of(masonry, "Цегла"),
        *(some_of(masonry & ~neither & (rng.random(n) < chance), kind) for kind, chance in WITH_BRICKS.items()),
        some_of(screed, "Цемент"),
        some_of(screed & (rng.random(n) < SAND_WITH_CEMENT), "Пісок"),
        some_of(paint & (rng.random(n) < ROLLER_WITH_PAINT), "Валик"),
        some_of(rng.random(n) < BAG_SHARE, "Пакет"),
    ]
    order = np.concatenate([order, *(pair[0] for pair in added)])
    product = np.concatenate([product, *(pair[1] for pair in added)])
    order, product = np.divmod(np.unique(order * len(products) + product), len(products))  # a product once per order
    factor = (GROUPS["quantity"].to_numpy()[group] * orders["size"].to_numpy())[order]
    factor = factor * np.exp(rng.normal(0, 0.45, len(order)))
    factor = np.where(kinds[product] == "Пакет", 1.0, factor)
    usual, step = products["usual"].to_numpy()[product], products["step"].to_numpy()[product]
    quantity = np.maximum(1, np.round(usual * factor / step)) * step
    # prices in steps of 10 kopiykas: with quantities in halves every product of the two is a whole number
    base = products["price"].to_numpy()[product] * 10
    price = 10 * np.round(base * (1 + PRICE_GROWTH * orders["month"].to_numpy()[order])).astype(int)
    full = np.round(price * quantity).astype(int)
    return pd.DataFrame({"order": order, "product": product, "quantity": quantity, "price": price, "full": full})


def add_gifts(rng: Generator, lines: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Return the lines with a gift, a line of zero, in some of the large orders."""
    total = lines.groupby("order")["full"].sum()
    lucky = total.index[(total >= GIFT_FROM) & (rng.random(len(total)) < GIFT_SHARE)]
    gift = np.flatnonzero(products["kind"] == "Подарунок")[0]
    gifts = pd.DataFrame({"order": lucky, "product": gift, "quantity": 1.0, "price": 0, "full": 0})
    return pd.concat([lines, gifts], ignore_index=True).sort_values("order", kind="stable", ignore_index=True)


def add_refunds(rng: Generator, lines: pd.DataFrame, orders: pd.DataFrame, *, share: float) -> pd.DataFrame:
    """Return the lines with refunds as rows of their own, 2 to 20 days after the sale, in half the cases of all lines.

    `lines` has ``order, stamp, quantity, discount, paid``; refunded rows carry them negative, and ``refund`` is true.
    """
    n = len(orders)
    refunded = (rng.random(n) < share) & orders["completed"].to_numpy()
    whole = rng.random(n) < 0.5
    back = (FIRST_DAY + np.floor(orders["day"].to_numpy()).astype(int) + rng.integers(2, 21, n)).astype("datetime64[m]")
    back = back + rng.integers(9 * 60, 18 * 60, n)  # in office hours
    order = lines["order"].to_numpy()
    first_paid = lines["paid"].gt(0) & ~lines["order"].where(lines["paid"] > 0).duplicated()
    given_back = lines[refunded[order] & (lines["paid"] > 0) & (whole[order] | first_paid)].copy()
    given_back["stamp"] = back[given_back["order"]].astype("datetime64[s]")
    given_back[["quantity", "discount", "paid"]] *= -1
    both = pd.concat([lines.assign(refund=False), given_back.assign(refund=True)], ignore_index=True)
    return both


def pair_truth() -> pd.DataFrame:
    """Return which kinds go together: ``bought, goes_with, role, probability, meaning``.

    ``probability``: that an order with ``bought`` gets ``goes_with`` by the rule. ``role`` is "pair" or
    "decoy": put into orders at random, however often the two meet.
    """
    rows = [
        *(("Цегла", kind, "pair", p, "unless the customer never takes either") for kind, p in WITH_BRICKS.items()),
        ("Цемент", "Пісок", "pair", SAND_WITH_CEMENT, "in orders without bricks"),
        ("Фарба", "Валик", "pair", ROLLER_WITH_PAINT, "in every order"),
        ("Чашки", "Пакет", "decoy", BAG_SHARE, "as in any other order"),
    ]
    return pd.DataFrame(rows, columns=["bought", "goes_with", "role", "probability", "meaning"])
