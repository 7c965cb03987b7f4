"""Personas: what a typical member of each group is said to do, to buy and to be, and since when the group is there.

Each group is compared with all other customers, figure by figure; which figures stand on a card is a result, too, and
is found again here. The words a card is written with are no result: names, questions and the like are read from
``personas.toml`` beside the package, and what is checked is which of them was chosen.
"""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from statsmodels.stats.proportion import confint_proportions_2indep

from recounts.books import LEAST, Books, once
from recounts.claims import Found, Published, register
from recounts.features import behaviour, sales, topic_of, variable
from recounts.rfm import NAMES, segments_at
from recounts.segments import MIN_ORDERS, about, entered, found_groups, members

TOPIC, ENOUGH, MONTHS, REVIEW, ROUNDS = "personas", 30, 6, 3, 200_000
BLOCKS = ("demographics", "goals", "sources", "problems", "barriers")
FACTS = ("n_orders", "revenue_per_order", "revenue_total", "days_since_last_order")
PRICE = ("discounted_share", "first_order_discounted")
BEHAVIOUR = ("usual_gap_days", "lines_per_order", "n_categories", "weekend_share", "evening_share", "refund_share")
MOST = {"facts": 4, "demographics": 3, "behaviour": 3, "price": 2, "sources": 3, "goals": 4, "problems": 4}
RFM = ("days_since_last_order", "n_orders", "revenue_total")
ABOUT = {
    "age": "demographics", "income": "demographics", "home_ownership": "demographics",
    "marital_status": "demographics", "household_size": "demographics", "household_comp": "demographics",
    "Вік": "demographics", "Населений пункт": "demographics", "Домогосподарство": "demographics",
    "Канал залучення": "sources", "Пристрій": "sources", "consent": "sources",
}  # fmt: skip
"""Which block a column of the customers table belongs to; the others belong to none, or are sensitive."""
SAID = {
    "n_orders": ("number", "Orders so far"), "revenue_per_order": ("money0", "Spent per order"),
    "revenue_total": ("money0", "Spent so far"), "days_since_last_order": ("number", "Days since the last order"),
    "usual_gap_days": ("number", "Days between two orders"), "lines_per_order": ("number1", "Lines in an order"),
    "n_categories": ("number", "Different categories bought"), "weekend_share": ("percent", "Orders at the weekend"),
    "evening_share": ("percent", "Orders from six in the evening on"), "refund_share": ("percent1", "Refunds"),
    "discounted_share": ("percent", "Bought at a discount"),
    "first_order_discounted": ("percent", "Began with a discount"),
}  # fmt: skip
"""How a figure of behaviour is written, and how its sentence begins."""
LABELS = {
    "n_orders": "orders so far", "revenue_per_order": "per order", "revenue_total": "spent so far",
    "days_since_last_order": "days since the last order",
}  # fmt: skip
EPITHETS = {
    ("n_orders", 1): "often", ("n_orders", -1): "seldom", ("days_since_last_order", 1): "silent",
    ("days_since_last_order", -1): "lately", ("usual_gap_days", -1): "steady", ("usual_gap_days", 1): "slow",
    ("revenue_total", 1): "worth", ("revenue_total", -1): "little", ("revenue_per_order", 1): "large_orders",
    ("revenue_per_order", -1): "small_orders", ("lines_per_order", 1): "full_basket",
    ("lines_per_order", -1): "few_things", ("n_categories", 1): "wide", ("n_categories", -1): "narrow",
    ("weekend_share", 1): "weekend", ("weekend_share", -1): "weekday", ("evening_share", 1): "evening",
    ("evening_share", -1): "daytime", ("discounted_share", 1): "bargain", ("discounted_share", -1): "full_price",
    ("tenure", 1): "long_known", ("tenure", -1): "new_here",
}  # fmt: skip
ADVICE = {
    "discounted_share": ("Tell them of offers", "Do not begin with a discount"),
    "weekend_share": ("Write before the weekend", "Write on weekdays"),
    "evening_share": ("Write in the afternoon", "Write in the morning"),
}
ACTIONS = {
    "champions": "Thank them", "loyal": "Offer what goes with", "cannot_lose": "Speak to the overdue ones",
    "regulars": "Remind them", "at_risk": "one good offer", "promising": "what more frequent customers buy",
    "recent": "next order easy", "occasional": "Keep in touch at little cost", "dormant": "cost of contact low",
}  # fmt: skip
Near = dict[str, tuple[float, float]]


@dataclass
class Told:
    """A claim as it should stand: its figures, what it is said to rest on, and words of its method."""

    found: Found
    method: str = ""
    rests_on: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


# words ----------------------------------------------------------------------------------------------------------------


@once
def _words(books: Books) -> dict[str, Any]:
    path = books.folder.parents[1] / "custaudience" / "audience" / "personas" / "personas.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _number_of(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)


def _code(text: str) -> str:
    """A part of an id: small letters and digits, of other names a number."""
    small = re.sub(r"[\s\-./]+", "_", text.strip().casefold())
    return small if re.fullmatch(r"[a-z0-9_]{1,40}", small) else f"x{_number_of(text) % 10**8:08d}"


def _names(books: Books, groups: list[str], kept: dict[str, int]) -> dict[str, int]:
    """A number of a name for each group: of its key, or the next that is free."""
    many, given = len(_words(books)["names"]["en"]), dict(kept)
    for key in sorted(set(groups) - set(given)):
        number = _number_of(key) % many
        while number in given.values():
            number = (number + 1) % many
        given[key] = number
    return given


def _name(books: Books, number: int) -> dict[str, str]:
    return {language: names[number] for language, names in _words(books)["names"].items()}


def _column_name(books: Books, column: str) -> Any:
    text = column.replace("_", " ")
    return _words(books)["columns"].get(text.casefold(), text[:1].upper() + text[1:])


def _things(books: Books, category: str) -> bool:
    """Whether a category names things at all."""
    vague = tuple(_words(books)["unspecific"]["beginnings"])
    return not any(word.startswith(vague) for word in re.findall(r"[\w'’]+", category.casefold()))


def _readable(category: str) -> str:
    return category.capitalize() if len(category) > 3 and category.isupper() else category


# whom, and what is compared -------------------------------------------------------------------------------------------


@once
def whom(books: Books) -> pd.Series:
    """The group of each customer that has one."""
    return members(books)


@once
def order(books: Books) -> list[str]:
    """The groups in their order."""
    there = set(whom(books))
    return [key for key in NAMES if key in there] if not found_groups(books) else sorted(there)


def title(books: Books, group: str) -> str:
    """What readers call a group."""
    return f"{group} · {about(books)[group]}" if found_groups(books) else NAMES[group]


@once
def made_from(books: Books) -> set[str]:
    """What the groups were made from."""
    return set(entered(books)) if found_groups(books) else set(RFM)


def slot_of(feature: str) -> str:
    """Where a figure stands on a card."""
    for slot, names in (("facts", FACTS), ("price", PRICE), ("behaviour", BEHAVIOUR)):
        if feature in names:
            return slot
    return "sources" if feature == "responded" else ABOUT.get(feature, "")


@once
def answered(books: Books) -> pd.Series:
    """Whether a customer who was written to answered a campaign that was sent to them."""
    key = ["customer_id", "campaign_id"]
    sent, back = books.other("contacts")[key].drop_duplicates(), books.other("responses")
    back = back[back["responded_on"] <= books.as_of][key].drop_duplicates()
    both = sent.merge(back.assign(hit=1.0), how="left", on=key)
    return both["hit"].fillna(0).groupby(both["customer_id"]).max().reindex(whom(books).index)


@once
def known(books: Books) -> dict[str, tuple[pd.Series, str, tuple[str, ...]]]:
    """Everything that is compared: values of the customers who have a group, their type, and levels."""
    found = {}
    here = behaviour(books, books.as_of)
    names = [name for name in (*FACTS, *PRICE, *BEHAVIOUR, "tenure") if name in here]
    names += [name for name in books.people if name in ABOUT]
    for name in names:
        column = variable(books, books.as_of, name)
        found[name] = (column.values.reindex(whom(books).index), column.type, column.levels)
    if {"contacts", "responses"} <= set(books.study["tables"]):
        found["responded"] = (answered(books), "yes-no", ())
    return found


# comparing ------------------------------------------------------------------------------------------------------------


def _drawn_medians(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Medians of resamples: their middle order statistics, drawn as those of as many uniform numbers."""
    n, ordered = len(values), np.sort(values)

    def at(u: np.ndarray) -> np.ndarray:
        return ordered[np.clip(np.ceil(u * n).astype(int) - 1, 0, n - 1)]

    if n % 2:
        return at(rng.beta((n + 1) / 2, (n + 1) / 2, ROUNDS))
    lower = rng.beta(n / 2, n / 2 + 1, ROUNDS)
    upper = lower + (1 - lower) * rng.beta(1, n / 2, ROUNDS)
    return (at(lower) + at(upper)) / 2


def _medians(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Difference of medians, bootstrapped; an end may lie where our own 1.5 % and 3.5 % points do."""
    rng = np.random.default_rng(8)
    drawn = _drawn_medians(a, rng) - _drawn_medians(b, rng)
    at = (15, 25, 35, 965, 975, 985)
    q = dict(zip(at, np.quantile(drawn, np.array(at) / 1000), strict=True))
    tail = min((drawn <= 0).mean(), (drawn >= 0).mean())
    return {
        "low": q[25], "high": q[975], "p": float(min(1.0, max(2 * tail, 2e-4))),
        "near_low": max(q[25] - q[15], q[35] - q[25]), "near_high": max(q[975] - q[965], q[985] - q[975]),
    }  # fmt: skip


def _means(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    test = stats.ttest_ind(a, b, equal_var=False)
    interval = test.confidence_interval(0.95)
    return {"low": float(interval.low), "high": float(interval.high), "p": float(test.pvalue)}


def _delta(a: np.ndarray, b: np.ndarray) -> float:
    """Cliff's delta."""
    u = stats.mannwhitneyu(a, b).statistic
    return float(2 * u / (len(a) * len(b)) - 1)


def _share(yes: pd.Series, inside: pd.Series) -> dict[str, Any]:
    n, m = int(inside.sum()), int((~inside).sum())
    a, b = int(yes[inside].sum()), int(yes[~inside].sum())
    row: dict[str, Any] = {"n": n, "m": m}
    if min(n, m) < LEAST or any(0 < cell < LEAST for cell in (a, n - a, b, m - b)):
        return row | {"small": True}
    low, high = confint_proportions_2indep(a, n, b, m, method="newcomb")
    pooled = (a + b) / (n + m)
    if pooled in (0, 1):
        p = 1.0
    elif min(n, m) * min(pooled, 1 - pooled) < 5:
        p = float(stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue)
    else:
        p = float(2 * stats.norm.sf(abs(a / n - b / m) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))))
    figures = {"value": a / n, "others": b / m, "low": float(low), "high": float(high), "p": p}
    return row | figures | {"effect": a / n - b / m}


def _numbers(values: pd.Series, inside: pd.Series, *, middle: bool) -> dict[str, Any]:
    a, b = values[inside].to_numpy(), values[~inside].to_numpy()
    row: dict[str, Any] = {"n": len(a), "m": len(b)}
    if min(len(a), len(b)) < LEAST:
        return row | {"small": True}
    point = np.median if middle else np.mean
    row |= {"value": float(point(a)), "others": float(point(b)), "effect": _delta(a, b)}
    return row | (_medians(a, b) if middle else _means(a, b))


def _rows_of(books: Books, name: str) -> list[dict[str, Any]]:
    """A variable compared group by group: shares of levels, medians where skewed, means else."""
    values, kind, levels = known(books)[name]
    values = values.dropna()
    group, rows = whom(books)[values.index], []
    if values.nunique() < 2:
        return []
    for key in order(books):
        inside = group == key
        base = {"group": key, "feature": name, "category": "", "slot": slot_of(name)}
        if kind == "yes-no":
            rows.append(base | {"statistic": "share"} | _share(values == 1, inside))
        elif kind != "numeric":
            most = values.value_counts().index[:12]
            rows += [
                base | {"statistic": "share", "category": levels[int(code)]} | _share(values == code, inside)
                for code in most
            ]
        elif (values == values.min()).mean() >= 0.5 and name not in SAID:
            rows.append(base | {"statistic": "share above"} | _share(values > values.min(), inside))
        else:
            skewed = abs(stats.skew(values)) > 2 and (values == values.median()).mean() < 0.1
            middle = bool(skewed and (values == values.min()).mean() < 0.5)
            rows.append(base | {"statistic": "median" if middle else "mean"} | _numbers(values, inside, middle=middle))
    return rows


@once
def compared(books: Books) -> pd.DataFrame:
    """Every figure of every group against all others, false discoveries held down over all of them together."""
    table = pd.DataFrame([row for name in known(books) for row in _rows_of(books, name)])
    table["made"] = table["feature"].isin(made_from(books))
    table.loc[table["made"], "p"] = np.nan
    tested = table["p"].notna()
    table.loc[tested, "q"] = stats.false_discovery_control(table.loc[tested, "p"].to_numpy())
    clear = (~tested | (table["q"] < 0.05)) & ((table["low"] > 0) | (table["high"] < 0))
    table["clear"] = clear
    table["told"] = table["value"].notna() & (table[["n", "m"]].min(axis=1) >= ENOUGH)
    return table


@once
def ratios(books: Books) -> pd.DataFrame:
    """Each category's share of spending against that of all others, of the 120 categories with most sales."""
    sold = sales(books, None, books.as_of, books.as_of)
    sold = sold[sold["customer"].isin(whom(books).index)]
    total = sold.groupby("customer")["minor"].sum().astype(float)
    per = sold.groupby(["customer", "category"])["minor"].sum().unstack(fill_value=0).reindex(total.index, fill_value=0)
    sums = per.sum()
    usable = [c for c in sums.index if c and not topic_of(f"category_share: {c}") and sums[c] > 0]
    per = per[sorted(usable, key=lambda c: (-sums[c], c))[:120]]
    group, rows = whom(books)[total.index], []
    for key in order(books):
        sides = []
        for side in (group == key, group != key):
            x, t = per[side], total[side]
            share = x.sum() / t.sum()
            left = x - np.outer(t, share)
            error = np.sqrt((left**2).sum() * len(t) / (len(t) - 1)) / t.sum()
            sides.append(pd.DataFrame({"share": share, "error": error, "buyers": (x > 0).sum(), "n": len(t)}))
        both = sides[0].join(sides[1].add_suffix("_others")).rename_axis("category").reset_index()
        rows.append(both.assign(group=key))
    table = pd.concat(rows, ignore_index=True)
    fewest = table[["buyers", "buyers_others"]].min(axis=1)
    table = table[(fewest >= LEAST) & (table["share"] > 0) & (table["share_others"] > 0)].copy()
    table["ratio"] = table["share"] / table["share_others"]
    error = np.hypot(table["error"] / table["share"], table["error_others"] / table["share_others"])
    reach = np.exp(stats.norm.ppf(0.975) * error)
    table["low"], table["high"] = table["ratio"] / reach, table["ratio"] * reach
    table["q"] = stats.false_discovery_control(2 * stats.norm.sf(np.abs(np.log(table["ratio"])) / error))
    table["clear"] = (table["q"] < 0.05) & ((table["low"] > 1) | (table["high"] < 1))
    return table[table[["buyers", "buyers_others"]].min(axis=1) >= ENOUGH]


def _chosen(books: Books, key: str) -> pd.DataFrame:
    """The categories that a card names: of clear ones those farthest from 1 for sure, else the largest."""
    table = ratios(books)
    own = table[(table["group"] == key) & (table[["share", "share_others"]].max(axis=1) >= 0.005)]
    clear, same = own[own["clear"]], own[~own["clear"]]
    less = clear[clear["high"] < 1].sort_values(["high", "category"])
    more = clear[clear["low"] > 1].sort_values(["low", "category"], ascending=[False, True]).head(5 - bool(len(less)))
    same = same[[_things(books, c) for c in same["category"]]]
    same = same.sort_values(["share", "category"], ascending=[False, True]).head(max(0, 4 - len(more)))
    less = less.head(1 if len(same) else max(1, 5 - len(more)))
    parts = (more, same, less)
    return pd.concat([part.sort_values("ratio", ascending=False) for part in parts])


# the cards ------------------------------------------------------------------------------------------------------------


def _shown(value: float, form: str) -> float:
    return float(round(value, 0 if abs(value) >= 100 else 1)) if form == "number" else value


def _alike(a: float, b: float, form: str) -> bool:
    digits = {"percent": 2, "percent1": 3, "money0": 0, "number1": 1}.get(form)
    return _shown(a, form) == _shown(b, form) if digits is None else round(a, digits) == round(b, digits)


def _compared_claim(books: Books, row: dict[str, Any]) -> tuple[str, Told] | None:
    """A figure against all others; None where it is not told."""
    name, says = row["feature"], ""
    if name in SAID:
        form, says = SAID[name]
    else:
        form = "percent" if row["statistic"] == "share" else "number1"
        if row["statistic"] == "share above" or (row["statistic"] == "share" and row["value"] in (0.0, 1.0)):
            return None
    if not row["told"] or (row["clear"] and _alike(row["value"], row["others"], form)):
        return None
    values = {
        "value": _shown(row["value"], form), "others": _shown(row["others"], form), "n": row["n"], "n_others": row["m"],
        "feature": _column_name(books, name), "category": row["category"], "form": form,
        "effect": round(row["effect"], 4), "which": name,
    }  # fmt: skip
    if name in SAID:
        values["label"] = LABELS.get(name, "")
    near: Near = {}
    if row["statistic"] == "median":
        near = {end: (1e-9, row[f"near_{end}"]) for end in ("low", "high")}
    status = "measured" if row["clear"] else "no_clear_difference"
    found = Found(
        row["value"] - row["others"], row["n"], row["low"], row["high"], values, near, (says,) if says else (), status
    )
    how = {"median": "Medians", "mean": "Means over customers", "share": "Shares of customers"}[row["statistic"]]
    if name == "responded":
        how = "Shares of those contacted"
    elif row["made"]:
        how += "; no finding, the segment is made from it"
    last = f"{_code(name)}_{_code(row['category'])}" if row["category"] else _code(name)
    return f"{row['slot']}_{last}"[:90], Told(found, how, extra=row)


def _of_slot(books: Books, key: str, slot: str) -> dict[str, Told]:
    """The figures of a part of a card: of each variable the level that says most; clear and large ones first."""
    table = compared(books)
    rows = table[(table["group"] == key) & (table["slot"] == slot)].to_dict("records")
    best: dict[str, tuple[Any, str, Told]] = {}
    for row in rows:
        claim = _compared_claim(books, row)
        if claim is None:
            continue
        clear = bool(row["clear"])
        size = abs(round(row["effect"], 4)) if clear else claim[1].found.values["value"]
        weight = (clear, clear and row["value"] > row["others"], size)
        if row["feature"] not in best or weight > best[row["feature"]][0]:
            best[row["feature"]] = (weight, *claim)
    told = sorted(best.values(), key=lambda t: (not t[0][0], -abs(t[2].found.values["effect"]), f"{t[1]}.{_code(key)}"))
    return {name: claim for _, name, claim in told[: MOST[slot]]}


def _known_claim(books: Books, key: str) -> Told | None:
    """For how many there is anything about them as people, and whether those spend otherwise."""
    columns = [values for name, (values, _, _) in known(books).items() if slot_of(name) == "demographics"]
    given = pd.concat(columns, axis=1).notna().any(axis=1)
    inside = whom(books) == key
    n, told, others = int(inside.sum()), int((given & inside).sum()), int((given & ~inside).sum())
    if n - told < LEAST or told >= 0.95 * n:
        return None
    if told < LEAST:
        return Told(Found(values={"least": LEAST}, status="too_few"), "Groups of fewer")
    values: dict[str, Any] = {"known": told, "n": n, "share": told / n}
    if others >= LEAST:
        values["others"] = others / int((~inside).sum())
    spent = behaviour(books, books.as_of)["revenue_total"].reindex(inside.index)[inside]
    if min(told, n - told) >= ENOUGH:
        skewed = bool(abs(stats.skew(spent)) > 2 and (spent == spent.median()).mean() < 0.1)
        row = _numbers(spent, given[inside], middle=skewed)
        if row["p"] < 0.05 and (row["low"] > 0 or row["high"] < 0):
            values |= {"value": row["value"], "rest": row["others"]}
            near = {end: (1e-9, row[f"near_{end}"]) for end in ("low", "high")} if skewed else {}
            says = (f"spend {'more' if row['value'] > row['others'] else 'less'} than the rest",)
            found = Found(row["value"] - row["others"], told, row["low"], row["high"], values, near, says)
            return Told(found, "Median revenue" if skewed else "Mean revenue")
    says = ("of all others for",) if "others" in values else ()
    return Told(Found(told, n, values=values, says=says), "Customers with a value in at least one column")


def _few_claim(books: Books, key: str, slot: str) -> tuple[str, Told] | None:
    """What a part says that has no figure: too few, or nothing was asked."""
    inside = whom(books) == key
    columns = [values for name, (values, _, _) in known(books).items() if slot_of(name) == slot]
    n = max((int(values[inside].notna().sum()) for values in columns), default=0)
    if n >= LEAST:
        table = compared(books)
        rows = table[(table["group"] == key) & (table["slot"] == slot)]
        if n >= ENOUGH:  # what is told must be why: each comparison would show a few
            assert not rows["told"].any() and rows["small"].eq(True).any(), f"{key}, {slot}: {n} are enough"
        says = "Too few to say: known of" if n < ENOUGH else "it would show groups of fewer than"
        values = {"n": n, "enough": ENOUGH, "least": LEAST}
        return f"{slot}_few", Told(Found(None, n, values=values, says=(says,), status="too_few"))
    if slot not in BLOCKS:
        return None
    asked = _words(books)["questions"][slot][:3]
    assert n == 0, f"{key}, {slot}: {n} have a value, and it is said that no table has a column"
    values = {f"q{i}": question for i, question in enumerate(asked, 1)}
    found = Found(None, 0, values=values, says=("Not measured",), status="too_few")
    return f"{slot}_blank", Told(found, "No table of the study has a column for it")


def _advice(books: Books, key: str, card: dict[str, Told], categories: pd.DataFrame) -> dict[str, Told]:
    """What to do, each by its rule from what is clear."""
    found: dict[str, Told] = {}

    def advise(name: str, needs: str, says: str, values: dict[str, Any], method: str) -> None:
        known_as = f"{TOPIC}.{needs}.{_code(key)}"
        found[f"advice_{name}"] = Told(Found(values=values, says=(says,), status="advice"), method, (known_as,))

    for row in categories.to_dict("records"):
        if row["clear"] and row["low"] > 1 and _things(books, row["category"]):
            lead = _readable(row["category"])
            needs = f"categories_{_code(row['category'])}"
            advise("lead", needs, "Lead with", {"category": lead}, "Rule: the category")
            break
    for feature, (more, less) in ADVICE.items():
        slot = slot_of(feature)
        claim = card.get(f"{slot}_{feature}")
        if claim is not None and claim.found.status == "measured" and abs(claim.found.value or 0) >= 0.05:
            says = more if claim.found.value > 0 else less
            advise(feature, f"{slot}_{feature}", says, {}, "by 5 points or more")
    if key in ACTIONS:
        advise("segment", "size", ACTIONS[key], {}, "Rule of thumb for this segment")
    if len(found) > 3:
        names = list(found)
        found = {name: found[name] for name in (*names[:2], names[-1])}
    return found


@once
def card(books: Books, key: str) -> dict[str, Told]:
    """All that should be claimed of a persona, by the id's middle part, but its name, words and dates."""
    found: dict[str, Told] = {}
    for slot in MOST:
        told = _of_slot(books, key, slot)
        if slot == "facts":
            missing = {f"facts_{name}" for name in FACTS} - set(told)
            assert not missing, f"{key}: {missing} should stand alone, which is not recounted"
        found |= told
    categories = _chosen(books, key)
    assert len(categories), f"{key}: no category"
    for row in categories.to_dict("records"):
        values = {
            "category": _readable(row["category"]), "raw": row["category"], "ratio": row["ratio"],
            "share": row["share"], "others": row["share_others"], "n": row["n"], "buyers": row["buyers"],
            "effect": abs(math.log(row["ratio"])),
        }  # fmt: skip
        status = "measured" if row["clear"] else "no_clear_difference"
        says = ("times the share it has with all others",)
        told_of = Found(row["ratio"], row["n"], row["low"], row["high"], values, says=says, status=status)
        found[f"categories_{_code(row['category'])}"] = Told(told_of, "Share of spending divided by")
    for slot in (*BLOCKS, "behaviour"):
        if not any(name.startswith(f"{slot}_") for name in found) and (few := _few_claim(books, key, slot)):
            found[few[0]] = few[1]
    if (claim := _known_claim(books, key)) is not None:
        found["demographics_known"] = claim
    return found | _advice(books, key, found, categories)


def filled(books: Books, key: str) -> list[str]:
    """The blocks that something is measured for."""
    silent = {f"{block}_{end}" for block in BLOCKS for end in ("blank", "few", "known")}
    names = set(card(books, key)) - silent
    return [block for block in BLOCKS if any(name.startswith(f"{block}_") for name in names)]


def _key_of(books: Books, claim: Published) -> str:
    return next(key for key in order(books) if _code(key) == claim.last)


def _common(books: Books, key: str, found: Found) -> Found:
    found.values |= {"currency": books.currency, "segment": title(books, key)}
    return found


@register(
    *(f"{TOPIC}.{slot}_*" for slot in (*BLOCKS, "facts", "behaviour", "price", "categories", "advice")),
)  # fmt: skip
def on_card(books: Books, claim: Published) -> Found:
    """What is measured, blank or advised: it must be what the card should say, and for the reason it gives."""
    key = _key_of(books, claim)
    middle = claim.key.rsplit(".", 1)[0]
    told = card(books, key)
    assert middle in told, f"should not be on the card, which has {sorted(told)}"
    one = told[middle]
    assert one.method in claim.method, f"method is {claim.method!r}, recounted {one.method!r}"
    assert claim.rests_on == one.rests_on, f"rests on {claim.rests_on}, recounted {one.rests_on}"
    return _common(books, key, one.found)


# sizes, months, words -------------------------------------------------------------------------------------------------


@once
def _sizes(books: Books) -> pd.DataFrame:
    group = whom(books)
    money = behaviour(books, books.as_of)["revenue_total"].reindex(group.index)
    table = pd.DataFrame({"n": group.value_counts(), "revenue": money.groupby(group).sum()})
    return table.assign(share=table["n"] / len(group), money=table["revenue"] / money.sum())


@register(f"{TOPIC}.size.*")
def size(books: Books, claim: Published) -> Found:
    key = _key_of(books, claim)
    row = _sizes(books).loc[key]
    n = int(row["n"])
    assert n >= LEAST
    values = {
        "n": n, "least": LEAST, "share": row["share"], "revenue": row["revenue"], "share_revenue": row["money"],
    }  # fmt: skip
    if found_groups(books):
        values["orders"] = MIN_ORDERS
    return _common(books, key, Found(n, n, values=values))


@once
def _before(books: Books) -> pd.Series:
    """Groups at the end of the month before: by the same rules, or found anew and each called as its heir of now.

    Found groups are looked for in the same variables, and as many of them; one whose members are not half the same
    would be another one, and that is not recounted.
    """
    day = books.as_of - pd.offsets.MonthEnd(1)
    if not found_groups(books):
        table = segments_at(books, day)
        return table.loc[table["n_orders"] > 0, "segment"]
    table = behaviour(books, day)
    ids = table.index[table["n_orders"] >= MIN_ORDERS]
    x = pd.DataFrame({name: variable(books, day, name).values.reindex(ids) for name in entered(books)})
    k = len(order(books))
    found = pd.Series(KMeans(k, n_init=50, random_state=0).fit_predict(x.to_numpy()), ids)
    both = pd.DataFrame({"now": whom(books), "then": found}).dropna()
    shared = pd.crosstab(both["now"], both["then"])
    overlap = shared.div(-shared.sub(shared.sum(axis=1), axis=0).sub(shared.sum(), axis=1))
    now, then = linear_sum_assignment(-overlap.to_numpy())
    assert (overlap.to_numpy()[now, then] >= 0.5).all(), "a group is not the one it was"
    return found.map({overlap.columns[j]: overlap.index[i] for i, j in zip(now, then, strict=True)})


@once
def _month(books: Books) -> pd.DataFrame:
    """Each group beside the same of the end of the month before: both sizes, shares of customers and of revenue."""
    day, columns = books.as_of - pd.offsets.MonthEnd(1), {}
    for end, at, group in (("", books.as_of, whom(books)), ("_before", day, _before(books))):
        money = books.customers_at(at)["minor"].reindex(group.index)
        n, each = group.value_counts(), money.groupby(group).sum()
        columns |= {f"n{end}": n, f"share{end}": n / len(group), f"revenue{end}": each / money.sum()}
    table = pd.DataFrame(columns)
    here, there = table["n"] >= LEAST, table["n_before"] >= LEAST
    table = table[here | there]
    now, then = (set(zip(part.astype(str), part.index, strict=True)) for part in (whom(books), _before(books)))
    for name, mine, others in (("came", now, then), ("went", then, now)):
        strangers = pd.Series([key for key, _ in mine - others]).value_counts()
        table[name] = strangers.reindex(table.index, fill_value=0) / table["n" if name == "came" else "n_before"]
    moved = np.maximum(table["came"] * table["n"] / table["n_before"], table["went"]) >= 0.25
    states = [here & there & moved, here & there, here, there]
    return table.assign(state=np.select(states, ["changed", "kept", "new", "gone"], ""), earlier=day)


@once
def _numbers_of_names(books: Books) -> dict[str, int]:
    """Names of the month before by the keys of that month; who stayed keeps theirs."""
    of_before = _names(books, sorted(_before(books).unique()), {})
    stayed = _month(books).query("state in ('kept', 'changed')").index
    return _names(books, order(books), {key: of_before[key] for key in stayed})


@once
def _epithets(books: Books) -> dict[str, str]:
    """What each persona is called by: what differs most and has a word that no earlier one took."""
    taken: dict[str, str] = {}
    for key in order(books):
        table = compared(books)
        own = table[(table["group"] == key) & table["clear"] & table["value"].notna()]
        own = own.assign(size=own["effect"].abs()).sort_values(["size", "feature"], ascending=[False, True])
        words = (EPITHETS.get((r.feature, int(np.sign(r.effect)))) for r in own.itertuples())
        taken[key] = next((word for word in words if word and word not in taken.values()), "like_others")
    return taken


def _epithet(books: Books, key: str) -> dict[str, Any]:
    return next(row for row in _words(books)["epithet"] if row["key"] == _epithets(books)[key])


@register(f"{TOPIC}.name.*")
def name(books: Books, claim: Published) -> Found:
    key = _key_of(books, claim)
    values = {
        "name": _name(books, _numbers_of_names(books)[key]), "who": _epithet(books, key)["who"],
        "epithet": _epithets(books)[key],
    }  # fmt: skip
    return _common(books, key, Found(values=values, status="imagined"))


@register(f"{TOPIC}.story.*")
def story(books: Books, claim: Published) -> Found:
    key = _key_of(books, claim)
    return _common(books, key, Found(values={"story": _epithet(books, key)["story"]}, status="imagined"))


@register(f"{TOPIC}.average.*")
def average(books: Books, claim: Published) -> Found:
    key = _key_of(books, claim)
    return _common(books, key, Found(values={"n": int(_sizes(books).loc[key, "n"])}, status="imagined"))


@register(f"{TOPIC}.caveat*.*")
def caveat(books: Books, claim: Published) -> Found:
    number = int(claim.key.split(".")[0].removeprefix("caveat"))
    text = books.study["study"]["caveats"][number - 1]
    return _common(books, _key_of(books, claim), Found(values={"caveat": text}, status="typed"))


@register(f"{TOPIC}.holds.*")
def holds(books: Books, claim: Published) -> Found:
    """The earliest of six month ends before from which on the segment never had fewer than ten."""
    key, since = _key_of(books, claim), None
    n = int(_sizes(books).loc[key, "n"])
    if found_groups(books):  # of groups that were found only the month before is looked at
        assert _month(books).loc[key, "state"] in ("kept", "changed")
        since = _month(books)["earlier"].iloc[0]
        found = Found(since, n, values={"since": since, "least": LEAST}, says=("at least since",))
        return _common(books, key, found)
    first = books.all_used["day"].min()
    for back in range(MONTHS + 1):
        day = books.as_of - pd.offsets.MonthEnd(back) if back else books.as_of
        if day < first or (segments_at(books, day)["segment"] == key).sum() < LEAST:
            break
        since = f"{day:%Y-%m-%d}"
    return _common(books, key, Found(since, n, values={"since": since, "least": LEAST}, says=("at least since",)))


@register(f"{TOPIC}.review.*")
def review(books: Books, claim: Published) -> Found:
    key = _key_of(books, claim)
    day = f"{(books.as_of + pd.Timedelta(days=1) + pd.DateOffset(months=REVIEW)) - pd.Timedelta(days=1):%Y-%m-%d}"
    assert claim.rests_on == (f"{TOPIC}.size.{claim.last}",)
    found = Found(day, int(_sizes(books).loc[key, "n"]), values={"day": day, "months": REVIEW}, status="advice")
    return _common(books, key, found)


@register(f"{TOPIC}.filled.*")
def filled_of(books: Books, claim: Published) -> Found:
    key = _key_of(books, claim)
    n = len(filled(books, key))
    return _common(books, key, Found(n, values={"filled": n, "all": len(BLOCKS)}))


@register(f"{TOPIC}.blanks")
def blanks(books: Books, claim: Published) -> Found:
    some = {block for key in order(books) for block in filled(books, key)}
    asked = {b for b in BLOCKS if b not in some and any(f"{b}_blank" in card(books, key) for key in order(books))}
    questions = sum(len(_words(books)["questions"][block][:3]) for block in asked)
    values = {"filled": len(some), "all": len(BLOCKS), "questions": questions}
    return Found(len(some), values=values, says=("would fill the others",) if questions else ())


@register(f"{TOPIC}.finding")
def finding(books: Books, claim: Published) -> Found:
    """The persona that brings most above its share; and here the ledger must have each claim a card should have."""
    ids = {i for i in books.published("claims")["id"] if i.startswith(f"{TOPIC}.")}
    words = ("size", "name", "story", "average", "holds", "review", "filled", "change")
    words += tuple(f"caveat{i}" for i in range(1, len(books.study["study"]["caveats"]) + 1))
    should = {f"{TOPIC}.{name}.{_code(key)}" for key in order(books) for name in (*card(books, key), *words)}
    should |= {f"{TOPIC}.{name}" for name in ("finding", "blanks", "changes")}
    assert ids == should, f"claims not expected {sorted(ids - should)}, missing {sorted(should - ids)}"
    table = _sizes(books)
    top = (table["money"] - table["share"]).idxmax()
    assert claim.rests_on == (f"{TOPIC}.size.{_code(top)}",) and table["n"].min() >= LEAST
    values = {
        "k": len(table), "name": _name(books, _numbers_of_names(books)[top]), "segment": title(books, top),
        "share": table["share"][top], "revenue": table["money"][top], "n_small": 0, "least": LEAST,
        "orders": MIN_ORDERS if found_groups(books) else 1,
    }  # fmt: skip
    return Found(len(table), len(table), values=values, says=("brings most above its share",))


@register(f"{TOPIC}.changes")
def changes(books: Books, claim: Published) -> Found:
    table = _month(books)
    n = {state: int((table["state"] == state).sum()) for state in ("kept", "changed", "new", "gone")}
    values = {**n, "kept": n["kept"] + n["changed"], "earlier": table["earlier"].iloc[0], "least": LEAST}
    quiet = not (n["changed"] or n["new"] or n["gone"])
    says = ("none is new, none is gone",) if quiet else ("of them with a quarter",)
    return Found(values["kept"], len(table), values=values, says=says)


@register(f"{TOPIC}.change.*")
def change(books: Books, claim: Published) -> Found:
    key = _key_of(books, claim)
    row = _month(books).loc[key]
    assert row["state"] in ("kept", "changed"), f"{key} is {row['state']}, which is not recounted"
    values = {
        "name": _name(books, _numbers_of_names(books)[key]), "earlier": row["earlier"], "state": row["state"],
        "least": LEAST, "segment": title(books, key), "segment_before": title(books, key),
        **{part: row[part] for part in ("n", "n_before", "share", "share_before", "revenue", "revenue_before")},
    }  # fmt: skip
    if row["state"] == "changed":
        values |= {"came": row["came"], "went": row["went"]}
    return Found(int(row["n"]), int(row["n"]), values=values)
