"""Why revenue moved between two months: the split made again, product by product, by plain pandas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recounts.books import LEAST, Books, once
from recounts.claims import Found, Published, register
from recounts.rfm import NAMES, segments_at
from recounts.start_here import months_of

STAYING = ["orders", "items per order", "quantity per item", "price", "mix"]
PART_NAMES = {
    "new": "New customers", "new or long absent": "New or long absent customers", "returned": "Returned customers",
    "arrived": "New or returned customers", "arrived and refunds": "New or returned customers, less refunds",
    "absent": "Customers who stayed away", "orders": "Number of orders", "items per order": "Items per order",
    "quantity per item": "Quantity of an item", "price": "Prices paid", "mix": "Mix of products",
    "refunds": "Refunds", "other": "All others",
}  # fmt: skip
ORDER = list(PART_NAMES)


@dataclass(frozen=True)
class Split:
    """The change of one pair of months: whole cents and people by part, and the totals."""

    cents: dict[str, int]
    people: dict[str, int]
    before: int
    after: int
    n_before: int
    n_after: int
    n_either: int


def _log_mean(x: Any, y: Any) -> Any:
    """(x - y) / log(x / y), and x where they are equal."""
    ratio = np.log(x / y)
    return np.where(abs(ratio) < 1e-9, x, (x - y) / np.where(ratio == 0, 1, ratio))


@once
def _netted(books: Books, month: pd.Period) -> pd.DataFrame:
    """Lines of a month netted to customer and order."""
    lines = books.lines[books.lines["day"].dt.to_period("M") == month]
    return lines.groupby(["customer", "order"])["minor"].sum().reset_index()


@once
def split(books: Books, month: pd.Period, back: int = 1) -> Split:
    """Split the change from the month `back` months earlier into its parts."""
    now, then = _netted(books, month), _netted(books, month - back)
    sold = {"now": now[now["minor"] > 0], "then": then[then["minor"] > 0]}
    refunds = {name: frame[frame["minor"] <= 0] for name, frame in (("now", now), ("then", then))}
    buyers = {name: set(frame["customer"]) for name, frame in sold.items()}
    day = books.lines["day"]
    elsewhere = books.lines[
        (day < month.start_time) & ~((day >= (month - back).start_time) & (day <= (month - back).end_time))
    ]
    # an order at any other earlier time: lines netted over that time
    earlier = elsewhere.groupby(["customer", "order"])["minor"].sum()
    known = set(earlier[earlier > 0].index.get_level_values("customer"))
    stay = buyers["now"] & buyers["then"]
    came = buyers["now"] - stay
    groups = {"returned": came & known, "new": came - known, "absent": buyers["then"] - stay}
    money = {
        "returned": _of(sold["now"], groups["returned"]),
        "new": _of(sold["now"], groups["new"]),
        "absent": -_of(sold["then"], groups["absent"]),
    }
    people = {name: len(group) for name, group in groups.items()} | {"staying": len(stay)}
    refunded = set(refunds["now"].loc[refunds["now"]["minor"] < 0, "customer"])
    refunded |= set(refunds["then"].loc[refunds["then"]["minor"] < 0, "customer"])
    money["refunds"], people["refunds"] = (
        int(refunds["now"]["minor"].sum() - refunds["then"]["minor"].sum()),
        len(refunded),
    )
    if books.first_orders != "observed":
        money["new or long absent"], people["new or long absent"] = money.pop("new"), people.pop("new")
    if stay:
        money |= _factors(books, month, back, sold, stay)
    totals = {name: int(frame["minor"].sum()) for name, frame in (("now", now), ("then", then))}
    return Split(
        money, people, totals["then"], totals["now"], len(buyers["then"]), len(buyers["now"]),
        len(buyers["then"] | buyers["now"]),
    )  # fmt: skip


def _of(orders: pd.DataFrame, customers: set[Any]) -> int:
    return int(orders.loc[orders["customer"].isin(customers), "minor"].sum())


def _factors(
    books: Books, month: pd.Period, back: int, sold: dict[str, pd.DataFrame], stay: set[Any]
) -> dict[str, int]:
    """Split the change of those who ordered in both months by logarithmic means."""
    orders = {name: frame[frame["customer"].isin(stay)] for name, frame in sold.items()}
    revenue = {name: int(frame["minor"].sum()) for name, frame in orders.items()}
    count = {name: len(frame) for name, frame in orders.items()}
    tables = {}
    for name, m in (("now", month), ("then", month - back)):
        lines = books.lines[books.lines["day"].dt.to_period("M") == m]
        lines = lines.merge(orders[name][["customer", "order"]], on=["customer", "order"])
        blank = lines["quantity"].isna().groupby([lines["customer"], lines["order"], lines["product"]]).any()
        items = lines.groupby(["customer", "order", "product"])[["minor", "quantity"]].sum()
        items["item"] = items["minor"] > 0
        items["unknown"] = items["item"] & (blank | ~(items["quantity"] > 0))
        tables[name] = items.groupby("product")[["minor", "quantity", "item", "unknown"]].sum()
    weight = float(_log_mean(revenue["now"], revenue["then"]))
    per_order = {name: tables[name]["item"].sum() / count[name] for name in tables}
    found = {
        "orders": weight * np.log(count["now"] / count["then"]),
        "items per order": weight * np.log(per_order["now"] / per_order["then"]),
    }
    both = tables["then"].add_suffix("0").join(tables["now"].add_suffix("1"), how="inner")
    usable = (both[["minor0", "minor1", "item0", "item1", "quantity0", "quantity1"]] > 0).all(axis=1)
    both = both[usable & (both["unknown0"] == 0) & (both["unknown1"] == 0)].astype(float)
    weights = _log_mean(both["minor1"], both["minor0"])
    each = (both["quantity1"] / both["item1"]) / (both["quantity0"] / both["item0"])
    price = (both["minor1"] / both["quantity1"]) / (both["minor0"] / both["quantity0"])
    found["quantity per item"], found["price"] = (float((weights * np.log(x)).sum()) for x in (each, price))
    cents = {name: round(value) for name, value in found.items()}
    cents["mix"] = revenue["now"] - revenue["then"] - sum(cents.values())
    return cents


def groups_of(parts: Split) -> dict[str, str]:
    """Under which name each part may be published, so that none is of few people."""
    n = dict(parts.people)
    newcomer = "new" if "new" in n else "new or long absent"
    few = {name: 0 < size < LEAST for name, size in n.items()}
    together = newcomer != "new" or few[newcomer] or few["returned"] or few["refunds"]
    arrived = n[newcomer] + n["returned"]
    people = {"arrived": arrived, "absent": n["absent"], "staying": n["staying"]}
    to = {newcomer: "arrived" if together else newcomer, "returned": "arrived" if together else "returned"}
    to |= {"absent": "absent", "staying": "staying", "refunds": "refunds"}
    other = {name for name, size in people.items() if 0 < size < LEAST}
    with_refunds = few["refunds"] and arrived >= LEAST
    loose_refunds = few["refunds"] and not with_refunds
    while (other or loose_refunds) and sum(people[name] for name in other) < LEAST:
        left = {name: size for name, size in people.items() if name not in other and size}
        if not left:
            break
        other.add(min(left, key=lambda name: left[name]))
    if with_refunds:
        to[newcomer] = to["returned"] = to["refunds"] = "arrived and refunds"
    if "arrived" in other:
        to[newcomer] = to["returned"] = "other"
        if with_refunds:
            to["refunds"] = "other"
    if loose_refunds:
        to["refunds"] = "other"
    to |= {name: "other" for name in other - {"arrived"}}
    return to


@dataclass(frozen=True)
class Part:
    """A published part."""

    cents: int
    people: int
    share: float


def published(parts: Split, groups: dict[str, str]) -> dict[str, Part]:
    """The parts under the names under which they may be published; those without people are left out."""
    cents: dict[str, int] = {}
    people: dict[str, int] = {}
    counted = set()
    for name, amount in parts.cents.items():
        of = "staying" if name in STAYING else name
        to = name if groups[of] == "staying" else groups[of]
        cents[to] = cents.get(to, 0) + amount
        if (of, to) in counted or (of == "refunds" and to != "refunds"):
            continue
        counted.add((of, to))
        people[to] = people.get(to, 0) + parts.people[of]
    share = 100 * parts.before / 100 if parts.before > 0 else np.nan
    return {name: Part(cents[name], people[name], cents[name] / share) for name in ORDER if people.get(name)}


@once
def pairs(books: Books) -> tuple[dict[str, Part], list[dict[str, Part]]]:
    """This month's parts, and the same parts of up to 24 earlier pairs of months, oldest first."""
    this, begin = pd.Period(books.as_of, "M"), books.all_used["day"].min()
    now = split(books, this)
    groups = groups_of(now)
    earlier = []
    for month in pd.period_range(this - 24, this - 1):
        if (month - 1).start_time + pd.Timedelta(days=3) < begin:
            continue
        found = split(books, month)
        if 0 < found.n_before < LEAST or 0 < found.n_after < LEAST:
            continue
        earlier.append(published(found, groups))
    return published(now, groups), earlier


def shares(books: Books, part: str) -> list[float]:
    """Earlier shares of a part, parts of few people left out."""
    return [p[part].share for p in pairs(books)[1] if part in p and not 0 < p[part].people < LEAST]


def _distance(values: np.ndarray, i: int) -> float:
    others = np.delete(values, i)
    others = others[~np.isnan(others)]
    if np.isnan(values[i]) or len(others) < 3:
        return np.nan
    spread = np.median(abs(others - np.median(others)))
    return abs(values[i] - np.median(others)) / spread if spread else np.nan


def _money_sentence(name: str, value: float) -> str:
    return f"{'+' if value > 0 else ''}{{{name}:money0}}"


@register("what_changed.part.*")
def part(books: Books, claim: Published) -> Found:
    now, _ = pairs(books)
    name = {p.replace(" ", "_"): p for p in now}[claim.last]
    mine, around = now[name], shares(books, name)
    this = pd.Period(books.as_of, "M")
    values: dict[str, Any] = {
        "change": mine.cents / 100, "change_signed": _money_sentence("change", mine.cents), "name": PART_NAMES[name],
        "share": mine.share, "n_moves": len(around), "month": str(this), "before": str(this - 1),
    }  # fmt: skip
    if len(around) >= 3:
        values |= {"low": min(around), "high": max(around)}
    return Found(mine.cents / 100, mine.people, values=values)


@register("what_changed.finding")
def finding(books: Books, claim: Published) -> Found:
    now, earlier = pairs(books)
    table = pd.DataFrame(
        [{name: p[name].share for name in now if name in p and not 0 < p[name].people < LEAST} for p in earlier]
        + [{name: p.share for name, p in now.items()}]
    )
    far = pd.DataFrame({name: [_distance(table[name].to_numpy(float), i) for i in range(len(table))] for name in now})
    farthest = far.max(axis=1).to_numpy()
    name, mine = far.iloc[-1].idxmax(), farthest[-1]
    before = np.sort(farthest[:-1][~np.isnan(farthest[:-1])])
    n, this = len(before), pd.Period(books.as_of, "M")
    if n < 11:
        status, says = "too_few", "No part of an earlier change" if mine > before[-1] else "other parts moved"
        says += ""
    else:
        unusual = mine > before[int(np.ceil(0.95 * n)) - 1]
        status = "measured" if unusual else "no_clear_difference"
        says = "That is unusual" if unusual else "no part needs an explanation"
    around = shares(books, name)
    values = {
        "n_pairs": n, "share": now[name].share, "low": min(around), "high": max(around), "name": PART_NAMES[name],
        "n_moves": len(around), "month": str(this), "before": str(this - 1),
    }  # fmt: skip
    return Found(now[name].share, n, values=values, says=(says,), status=status)


@register("what_changed.because", "what_changed.last_year")
def because(books: Books, claim: Published) -> Found:
    """The figures that the sentence names; its words must fit their signs."""
    this, back = pd.Period(books.as_of, "M"), 1 if claim.key == "because" else 12
    begin = books.all_used["day"].min()
    if begin > (this - back).start_time + pd.Timedelta(days=3):
        values = {"least": LEAST, "first": begin, "month": str(this), "before": str(this - back)}
        return Found(values=values, says=("do not hold the whole",), status="too_few")
    whole = split(books, this, back)
    now = published(whole, groups_of(whole))
    change = (whole.after - whole.before) / 100
    figures = {name.replace(" ", "_"): p.cents / 100 for name, p in now.items()}
    arrived = sum(figures.get(n, 0) for n in ("new", "returned", "arrived", "arrived_and_refunds"))
    stay = sum(now[name].cents for name in STAYING if name in now) / 100
    turnover = round(arrived + figures["absent"], 6)
    values: dict[str, Any] = {
        "arrived": arrived, "turnover": abs(turnover), "staying": abs(stay), "change": change, "size": abs(change),
        "days": this.days_in_month, "days_before": (this - back).days_in_month, "month": str(this),
        "before": str(this - back),
    }  # fmt: skip
    if figures.get("refunds"):
        values["refunds"] = abs(figures["refunds"])
    named = [key for key in claim.values if key in [n.replace(" ", "_") for n in STAYING]]
    values |= {key: figures[key] for key in named}
    sizes = {n: abs(figures[n.replace(" ", "_")]) for n in STAYING}
    expected = sorted((n for n in sizes if sizes[n] >= max(sizes.values()) / 3), key=lambda n: -sizes[n])[:3]
    assert {n.replace(" ", "_") for n in expected} == set(named), f"factors worth naming: {expected}"
    says = ["higher than" if change > 0 else "lower than"]
    if abs(change) <= 0.005 * whole.before / 100:
        says = ["about the same"]
    pieces = {"staying": stay, "turnover": turnover} | ({"refunds": figures["refunds"]} if "refunds" in figures else {})
    leader = max(pieces, key=lambda name: pieces[name] * (1 if change > 0 else -1))
    says.append({"staying": "customers who ordered in both", "turnover": "new and returned customers"}[leader])
    carrier = str(claim.values["carrier"])
    if says[-1] not in carrier:
        says.append(f"{carrier!r} should lead with {leader}")
    says += [f"{'more' if turnover >= 0 else 'less'} than those who stayed away"]
    if "both months brought" in claim.template + json_text(claim):
        says += [f"{{staying:money0}} {'more' if stay >= 0 else 'less'}"]
    return Found(change, whole.n_either, values=values, says=tuple(says))


def json_text(claim: Published) -> str:
    """All words of a claim in one text."""
    return " ".join(str(v) for v in claim.values.values())


@register("what_changed.days")
def days(books: Books, claim: Published) -> Found:
    months, this = months_of(books), pd.Period(books.as_of, "M")
    n, n0 = int(months["days"][this]), int(months["days"][this - 1])
    whole = split(books, this)
    before, change = whole.before / 100, (whole.after - whole.before) / 100
    worth = before / n0 * (n - n0)
    values = {
        "days": n, "days_before": n0, "worth": worth, "rest": change - worth, "change": change, "month": str(this),
        "before": str(this - 1), "worth_signed": _money_sentence("worth", worth),
        "rest_signed": _money_sentence("rest", change - worth), "change_signed": _money_sentence("change", change),
    }  # fmt: skip
    return Found(worth, n, values=values, says=("had {days:count} trading days" if n == n0 else "is worth",))


@register("what_changed.newcomers")
def newcomers(books: Books, claim: Published) -> Found:
    this = pd.Period(books.as_of, "M")
    n = split(books, this).people["new or long absent"]
    values = {"least": LEAST, "month": str(this), "before": str(this - 1)}
    if 0 < n < LEAST:
        return Found(values=values, says=("Fewer than",), status="too_few")
    return Found(n, n, values=values | {"n": n})


@once
def by_segment(books: Books) -> pd.DataFrame:
    """Per segment as of the day before the earlier month: who ordered and what they brought in each."""
    this = pd.Period(books.as_of, "M")
    standing = segments_at(books, (this - 1).start_time - pd.Timedelta(days=1))["segment"]
    table = {}
    for name, month in (("before", this - 1), ("after", this)):
        orders = _netted(books, month)
        orders = orders.assign(segment=orders["customer"].map(standing).fillna("none"))
        table[f"money_{name}"] = orders.groupby("segment")["minor"].sum()
        table[f"n_{name}"] = orders[orders["minor"] > 0].groupby("segment")["customer"].nunique()
    found = pd.DataFrame(table).fillna(0).astype("int64")
    either = pd.concat([_netted(books, m) for m in (this - 1, this)]).query("minor > 0").drop_duplicates("customer")
    found["n"] = either["customer"].map(standing).fillna("none").value_counts().reindex(found.index, fill_value=0)
    found["cents"] = found["money_after"] - found["money_before"]
    found["few"] = found[["n", "n_before", "n_after"]].isin(range(1, LEAST)).any(axis=1) | (found["n"] == 0)
    return found


@register("what_changed.segment.*")
def segment(books: Books, claim: Published) -> Found:
    row, this = by_segment(books).loc[claim.last], pd.Period(books.as_of, "M")
    name = NAMES.get(claim.last, "Without an earlier order")
    values: dict[str, Any] = {"name": name, "least": LEAST, "month": str(this), "before": str(this - 1)}
    if row["few"]:
        return Found(values=values, says=("fewer than {least:count}",), status="too_few")
    values |= {
        "change": row["cents"] / 100, "change_signed": _money_sentence("change", row["cents"]),
        "n_before": row["n_before"], "n_after": row["n_after"], "share": row["cents"] / row["money_before"],
    }  # fmt: skip
    return Found(row["cents"] / 100, row["n"], values=values)


@register("what_changed.segments")
def segments(books: Books, claim: Published) -> Found:
    whole, this = split(books, pd.Period(books.as_of, "M")), pd.Period(books.as_of, "M")
    change = whole.after - whole.before
    shown = by_segment(books).query("~few")
    along = shown[shown["cents"] * change > 0]
    most = along["cents"].abs().idxmax()
    mine = int(along["cents"][most])
    values = {
        "change": change / 100, "part": mine / 100, "name": NAMES.get(most, "Without an earlier order"),
        "part_signed": _money_sentence("part", mine), "change_signed": _money_sentence("change", change),
        "month": str(this), "before": str(this - 1),
    }  # fmt: skip
    says = "more than the whole" if abs(mine) > abs(change) else "{part_signed:sentence} of the"
    return Found(mine / 100, int(along["n"][most]), values=values, says=(says,))
