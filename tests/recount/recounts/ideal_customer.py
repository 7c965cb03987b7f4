"""Ideal customers: who they are, what they bring, what sets them apart, by which rule they are told; and a definition.

The division into customers a rule is made on and customers kept aside is a seeded permutation and is drawn again; the
conditions are the published ones, held against a tree of our own.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats
from scipy.special import expit, logit
from sklearn.tree import DecisionTreeClassifier
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from recounts.affinity import discoveries
from recounts.books import LEAST, Books, once
from recounts.claims import Found, Published, register
from recounts.drivers import key_of
from recounts.features import Column, behaviour, sales, topic_of, variable
from recounts.segments import NAMES

TOPIC, ENOUGH, BACK, ORDERS, CATEGORIES = "ideal_customer", 30, 3, 3, 8
SET = {"min_orders": 3, "min_span_days": 90, "top_share": 0.2, "overdue_share": 0.95, "min_responses": 1}
MOVED = {
    "min_orders": {"lower": 2, "higher": 4}, "min_span_days": {"lower": 60, "higher": 120},
    "top_share": {"lower": 0.15, "higher": 0.25}, "overdue_share": {"lower": 0.9, "higher": 0.975},
    "min_responses": {"higher": 2},
}  # fmt: skip
CUT_OFFS = {
    "min_orders": "Number of orders at least", "min_span_days": "Days from the first order to the last",
    "top_share": "Share of customers that counts as the top",
    "overdue_share": "Share of own gaps a silence may outlast", "min_responses": "Campaigns responded to at least",
}  # fmt: skip
MADE = (
    "n_orders", "tenure", "n_categories", "revenue_total", "revenue_per_order", "lines_per_order",
    "days_since_last_order", "usual_gap_days",
)  # fmt: skip
FIRST = ("first_category", "first_product", "first_order_discounted")
RATIO = {name: (1e-6, 1e-9) for name in ("low", "high")}
"""The limits of a ratio of shares are found by a search, which stops a little before the root."""


# Who is ideal


@once
def customers(books: Books, day: pd.Timestamp) -> pd.DataFrame:
    """Customers with an order that counts: orders, cents, days from the first order to the last, silence."""
    table = books.customers_at(day)
    table = table[table["n_orders"] > 0]
    return table.assign(span=(table["last"] - table["first"]).dt.days)


@once
def overdue(books: Books, day: pd.Timestamp, share: float) -> pd.Series:
    """Who is silent for longer than a share of the own gaps, or of everybody's with fewer than five."""
    table, orders = customers(books, day), books.orders_until(day)
    days = orders.loc[orders["counts"], ["customer", "day"]].drop_duplicates().sort_values(["customer", "day"])
    days["gap"] = days.groupby("customer")["day"].diff().dt.days
    gaps = days.dropna(subset="gap").sort_values(["customer", "gap"])
    size = gaps.groupby("customer")["gap"].transform("size")
    pooled = (1 / size).groupby(gaps["gap"]).sum().sort_index().cumsum() / gaps["customer"].nunique()
    place = gaps.groupby("customer").cumcount() + 1
    at = gaps[(place == np.ceil((share * size).round(9))) & (size >= 5)].set_index("customer")["gap"]
    return table["silent"] > at.reindex(table.index).fillna(pooled.index[np.argmax(pooled >= share - 1e-9)])


@once
def responded(books: Books, day: pd.Timestamp) -> pd.DataFrame | None:
    """Campaigns sent that are over or were answered, and answers; None where the study has no contacts."""
    if not {"contacts", "responses"} <= set(books.study["tables"]):
        return None
    key = ["customer_id", "campaign_id"]
    sent, back = books.other("contacts")[key].drop_duplicates(), books.other("responses")
    back = back.loc[pd.to_datetime(back["responded_on"]) <= day, key].drop_duplicates().assign(hit=1.0)
    sent = sent.merge(back, on=key, how="left").fillna({"hit": 0.0})
    campaigns = books.other("campaigns").set_index("campaign_id")
    open_ = (campaigns["starts_on"] > day) | (campaigns["ends_on"] > day)
    sent = sent[~sent["campaign_id"].map(open_).astype(bool) | (sent["hit"] > 0)]
    counts = sent.groupby("customer_id")["hit"].agg(["size", "sum"])
    return counts.reindex(customers(books, day).index).fillna(0)


def least_of(books: Books, day: pd.Timestamp, share: float) -> float:
    """Cents of the last customer of the top."""
    cents = customers(books, day)["minor"].sort_values(ascending=False)
    least = cents.iloc[math.ceil(round(share * len(cents), 9)) - 1]
    assert least > 0 and (cents >= least).mean() < 0.5
    return float(least)


def parts(books: Books, day: pd.Timestamp, **moved: float) -> dict[str, pd.Series]:
    """Which parts of ideal hold; a part that is not known of a customer does not speak against them."""
    cut, table = SET | moved, customers(books, day)
    found = {
        "loyal": (table["n_orders"] >= cut["min_orders"]) & (table["span"] >= cut["min_span_days"]),
        "valuable": table["minor"] >= least_of(books, day, cut["top_share"]),
        "current": ~overdue(books, day, cut["overdue_share"]),
    }
    if (counts := responded(books, day)) is not None:
        found["engaged"] = (counts["size"] == 0) | (counts["sum"] >= cut["min_responses"])
    return found


def holds(found: dict[str, pd.Series], without: str = "") -> pd.Series:
    """For whom all parts hold."""
    return pd.concat([part for name, part in found.items() if name != without], axis=1).all(axis=1)


@once
def ideal(books: Books, day: pd.Timestamp) -> pd.Series:
    """Who is ideal on a day."""
    return holds(parts(books, day))


def now(books: Books) -> pd.Series:
    """Who is ideal at the date."""
    return ideal(books, books.as_of)


def share_of(values: pd.Series, chosen: pd.Series) -> tuple[float, float, float]:
    """A share of a sum, with the limits of a ratio of two sums over customers on the logit scale."""
    n, total = len(values), values.sum()
    share = float(values[chosen].sum() / total)
    error = math.sqrt(n * ((values * (chosen.astype(float) - share)) ** 2).sum() / (n - 1)) / total
    half = stats.norm.ppf(0.975) * error / (share * (1 - share))
    return share, float(expit(logit(share) - half)), float(expit(logit(share) + half))


@register(f"{TOPIC}.finding")
def finding(books: Books, claim: Published) -> Found:
    chosen = now(books)
    n, share = int(chosen.sum()), share_of(customers(books, books.as_of)["minor"], chosen)
    assert n >= LEAST
    values = {
        "n": n, "all": len(chosen), "part": n / len(chosen), "share": share[0], "low": share[1], "high": share[2],
    }  # fmt: skip
    says = "in their own rhythm and engaged" if responded(books, books.as_of) is not None else ", and in their own"
    return Found(share[0], len(chosen), share[1], share[2], values, says=("loyal, among the most valuable", says))


@register(f"{TOPIC}.asked.*")
def asked(books: Books, claim: Published) -> Found:
    """How many each cut-off leaves; engaged are those known to be."""
    table = customers(books, books.as_of)
    n, values = int(parts(books, books.as_of)[claim.last].sum()), dict[str, Any]()
    if claim.last == "loyal":
        values = {"orders": SET["min_orders"], "span": SET["min_span_days"]}
    elif claim.last == "valuable":
        values = {"least": least_of(books, books.as_of, SET["top_share"]) / 100, "top": n / len(table)}
    elif claim.last == "current":
        values = {"share": SET["overdue_share"]}
    else:
        n = int((responded(books, books.as_of)["sum"] >= SET["min_responses"]).sum())
        values = {"n": SET["min_responses"]}
    assert n >= LEAST
    return Found(n, len(table), values=values)


@register(f"{TOPIC}.missing.*")
def missing(books: Books, claim: Published) -> Found:
    needed = {"satisfied": {"survey"}, "engaged": {"contacts", "responses"}}[claim.last]
    assert not needed <= set(books.study["tables"])
    words = {"satisfied": "satisfied is not known", "engaged": "engaged is not known"}[claim.last]
    return Found(says=(words,), status="too_few")


@register(f"{TOPIC}.not_known.engaged")
def not_known(books: Books, claim: Published) -> Found:
    chosen = now(books)
    n, everybody = int((chosen & (responded(books, books.as_of)["size"] == 0)).sum()), int(chosen.sum())
    assert n >= LEAST
    return Found(n, everybody, values={"n": n, "all": everybody})


@register(f"{TOPIC}.sensitivity")
def sensitivity(books: Books, claim: Published) -> Found:
    """Every cut-off moved alone; the one with the least overlap, by name where two have as much."""
    chosen, rows = now(books), []
    for name, moves in MOVED.items():
        if name == "min_responses" and responded(books, books.as_of) is None:
            continue
        for direction, value in moves.items():
            other = holds(parts(books, books.as_of, **{name: value}))
            both = int((other & chosen).sum())
            rows.append((both / (other | chosen).sum(), name, direction, value, int(other.sum()), both))
    rows = [row for row in rows if row[4] >= LEAST]
    _, name, _, value, n, both = min(rows)
    assert both >= LEAST
    values = {
        "from": min(row[4] for row in rows), "to": max(row[4] for row in rows), "n": int(chosen.sum()), "moved": n,
        "kept": both / chosen.sum(), "limit": value, "which": CUT_OFFS[name],
    }  # fmt: skip
    return Found(n, int(chosen.sum()), values=values)


@register(f"{TOPIC}.without.*")
def without(books: Books, claim: Published) -> Found:
    chosen = holds(parts(books, books.as_of), claim.last)
    n, share = int(chosen.sum()), share_of(customers(books, books.as_of)["minor"], chosen)[0]
    return Found(n, len(chosen), values={"n": n, "share": share})


@register(f"{TOPIC}.later", f"{TOPIC}.still")
def later(books: Books, claim: Published) -> Found:
    """Those who were ideal three months earlier, by what was known then: their revenue since, and who is so still."""
    earlier = books.as_of - pd.offsets.MonthEnd(BACK)
    before, then = ideal(books, earlier), customers(books, earlier)["minor"]
    n = int(before.sum())
    if claim.last == "still":
        stayed = int((before & now(books).reindex(before.index, fill_value=False)).sum())
        low, high = proportion_confint(stayed, n, method="wilson")
        values = {"n": n, "earlier": earlier, "share": stayed / n, "low": low, "high": high}
        return Found(stayed / n, n, low, high, values)
    since = customers(books, books.as_of)["minor"].reindex(then.index).fillna(0) - then
    share, low, high = share_of(since, before)
    until = float(then[before].sum() / then.sum())
    values = {"earlier": earlier, "until": until, "share": share, "low": low, "high": high}
    return Found(share, len(before), low, high, values)


# What sets them apart


@once
def names_of(books: Books) -> list[str]:
    """All variables of customers: behaviour, shares of the largest categories, the first order, attributes."""
    people = [name for name in books.people.columns if name != "customer_id"]
    return [*behaviour(books, books.as_of).columns, *largest(books), *FIRST[:2], *people]


def largest(books: Books) -> list[str]:
    """The shares of the categories with most sales."""
    sold = sales(books, None, books.as_of, books.as_of)
    sums = sold.groupby("category")["minor"].sum().sort_values(ascending=False)
    names = [f"category_share: {name}" for name in sums.index]
    return [name for name in names if not topic_of(name)][:CATEGORIES]


def column_of(books: Books, name: str) -> Column:
    """A variable up to the date."""
    return variable(books, books.as_of, name)


@once
def left_out(books: Books) -> dict[str, str]:
    """What is not compared, and why: ideal is made of it, it says the same, or it is none of the first orders."""
    names, first = names_of(books), books.first_orders == "observed"
    found = {name: "made" for name in MADE if name in names}
    if "discounted_share" in names:
        found["discounted_share"] = "diluted" if responded(books, books.as_of) is None else "made"
    found |= {name: "first" for name in (FIRST[1:2] if first else FIRST) if name in names}
    table = behaviour(books, books.as_of)
    sources = [*MADE, *(["discounted_share"] if found.get("discounted_share") == "made" else [])]
    for name in names:
        if name in found or column_of(books, name).type not in ("numeric", "yes-no"):
            continue
        values = column_of(books, name).values
        for source in sources:
            both = pd.concat([values, table[source]], axis=1).dropna()
            if len(both) >= ENOUGH and both.nunique().min() > 1 and abs(stats.spearmanr(*both.T.values)[0]) >= 0.9:
                found[name] = "copy"
    return found


def score_limits(a: int, n: int, b: int, m: int) -> tuple[float, float]:
    """Koopman's limits of the ratio of two shares: where the score test of that ratio is just not refused."""

    def score(log_ratio: float) -> float:
        ratio = math.exp(log_ratio)
        first, second = (n + m) * ratio, n * ratio + a + m + b * ratio
        share = (second - math.sqrt(second**2 - 4 * first * (a + b))) / (2 * first)
        variance = ratio * share * (1 - ratio * share) / n + ratio**2 * share * (1 - share) / m
        return (a / n - ratio * b / m) / math.sqrt(variance)

    z, at = stats.norm.ppf(0.975), math.log((a or 0.5) / n / (b / m))
    low = math.exp(optimize.brentq(lambda x: score(x) - z, at - 12, at, xtol=1e-13)) if a else 0.0
    return low, math.exp(optimize.brentq(lambda x: score(x) + z, at - 3, at + 12, xtol=1e-13))


def compared_shares(a: int, n: int, b: int, m: int) -> dict[str, float]:
    """Two shares, their difference after Newcombe, their ratio after Koopman, and p."""
    low, high = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff")
    pooled = (a + b) / (n + m)
    if min(n, m) * min(pooled, 1 - pooled) < 5:
        p = float(stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue) if 0 < pooled < 1 else 1.0
    else:
        p = 2 * stats.norm.sf(abs(a / n - b / m) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)))
    found = {"value": a / n, "others": b / m, "low": low, "high": high, "effect": a / n - b / m, "p": p}
    if b:
        ends = score_limits(a, n, b, m)
        found |= {"ratio": (a / n) / (b / m), "ratio_low": ends[0], "ratio_high": ends[1]}
    return found


def compared_means(a: pd.Series, b: pd.Series) -> dict[str, float]:
    """Two means, their difference after Welch, their ratio by the delta method, and p."""
    test = stats.ttest_ind(a, b, equal_var=False)
    ends = test.confidence_interval(0.95)
    spread = math.sqrt((a.var() + b.var()) / 2)
    found = {
        "value": a.mean(), "others": b.mean(), "low": ends.low, "high": ends.high, "p": test.pvalue,
        "effect": 2 * stats.norm.cdf((a.mean() - b.mean()) / spread / math.sqrt(2)) - 1,
    }  # fmt: skip
    parts_ = a.std() / math.sqrt(len(a)) / a.mean(), b.std() / math.sqrt(len(b)) / b.mean()
    if min(a.mean(), b.mean()) > 0 and max(parts_) <= 0.5:
        half, ratio = stats.norm.ppf(0.975) * math.hypot(*parts_), a.mean() / b.mean()
        found |= {"ratio": ratio, "ratio_low": ratio * math.exp(-half), "ratio_high": ratio * math.exp(half)}
    return found


def _rows(books: Books, name: str, chosen: pd.Series) -> list[dict[str, Any]]:
    """The comparisons of one variable: a row each level of a category, else one."""
    column = column_of(books, name)
    values = column.values.reindex(chosen.index).dropna()
    mine, others = values[chosen[values.index]], values[~chosen[values.index]]
    attribute = name in books.people.columns
    facts = {
        "feature": name, "kind": "attribute" if attribute else "behaviour", "category": "", "above": np.nan,
        "n": len(mine), "m": len(others), "statistic": "share", "p": np.nan, "effect": np.nan, "ratio": np.nan,
        "ratio_low": np.nan, "ratio_high": np.nan,
    }  # fmt: skip
    tests: list[tuple[dict[str, Any], pd.Series]] = []
    if column.levels and column.type != "yes-no":
        levels = values.value_counts()
        assert len(levels) <= 12, f"{name}: {len(levels)} levels"
        tests = [({"category": column.levels[int(code)]}, values == code) for code in levels.index]
    elif values.nunique() < 2:
        return []
    elif column.type == "yes-no":
        tests = [({}, values == 1)]
    elif attribute and (values == values.min()).mean() >= 0.5:
        tests = [({"statistic": "share above", "above": values.min()}, values > values.min())]
    else:
        assert not attribute or abs(stats.skew(values)) <= 2, f"{name}: a median, which has chance in it"
        enough = min(len(mine), len(others)) >= LEAST
        return [facts | {"statistic": "mean"} | (compared_means(mine, others) if enough else {})]
    rows = []
    for more, yes in tests:
        a, b = int(yes[mine.index].sum()), int(yes[others.index].sum())
        small = any(0 < cell < LEAST for cell in (a, len(mine) - a, b, len(others) - b))
        small |= min(len(mine), len(others)) < LEAST
        rows.append(facts | more | ({} if small else compared_shares(a, len(mine), b, len(others))))
    return rows


@once
def traits(books: Books) -> pd.DataFrame:
    """Every comparison of ideal customers with the rest, the clear and the large ones first."""
    names = [name for name in names_of(books) if name not in left_out(books) and not topic_of(name)]
    table = pd.DataFrame([row for name in names for row in _rows(books, name, now(books))])
    tested = table["p"].notna()
    table["adjusted"] = np.nan
    table.loc[tested, "adjusted"] = discoveries(table.loc[tested, "p"].to_numpy(), 0)
    apart = (table["low"] > 0) | (table["high"] < 0)
    apart &= ~((table["ratio_low"] <= 1) & (table["ratio_high"] >= 1))
    clear = apart & (table["adjusted"] < 0.05)
    table["status"] = np.select([~tested, clear], ["too_few", "measured"], "no_clear_difference")
    place = table["status"].map({"measured": 0, "no_clear_difference": 1, "too_few": 2})
    table = table.assign(place=place, size=-table["effect"].abs()).sort_values(["place", "size", "feature", "category"])
    few = table[["n", "m"]].min(axis=1) < ENOUGH
    return table.assign(status=table["status"].mask(few, "too_few")).reset_index(drop=True)


@once
def told(books: Books) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The traits a claim is made of: up to six clear ones, and up to four attributes without a clear difference."""
    table = traits(books)
    clear = table[table["status"] == "measured"].drop_duplicates("feature")
    unclear = table[(table["status"] == "no_clear_difference") & (table["kind"] == "attribute")]
    unclear = unclear[~unclear["feature"].isin(clear["feature"])].drop_duplicates("feature")
    return clear.head(6), unclear.head(4)


@register(f"{TOPIC}.traits")
def traits_count(books: Books, claim: Published) -> Found:
    status = traits(books)["status"]
    clear, few = int((status == "measured").sum()), int((status == "too_few").sum())
    n = len(status) - few
    assert clear and n
    says = ("differ clearly", *(("there are too few",) if few else ()))
    return Found(clear, n, values={"clear": clear, "n": n, "few": few}, says=says)


@register(f"{TOPIC}.trait.*", f"{TOPIC}.unclear.*")
def trait(books: Books, claim: Published) -> Found:
    unclear = ".unclear." in claim.id
    table = told(books)[unclear]
    row = table[table["feature"].map(key_of) == claim.last].iloc[0]
    ratio = not np.isnan(row["ratio"])
    name = row["feature"]
    values: dict[str, Any] = {
        "value": row["value"], "others": row["others"], "variable_name": name_of(name),
        "low": row["ratio_low" if ratio else "low"], "high": row["ratio_high" if ratio else "high"],
    }  # fmt: skip
    values |= {"ratio": row["ratio"]} if ratio else {}
    values |= {"level": row["category"]} if row["category"] else {}
    values |= {} if np.isnan(row["above"]) else {"above": row["above"]}
    says = {"mean": "on average", "share": "of whom it is known", "share above": "is above"}[row["statistic"]]
    value = row["ratio"] if ratio else row["value"] - row["others"]
    near = RATIO if row["statistic"] != "mean" else {}
    status = "no_clear_difference" if unclear else "measured"
    return Found(value, int(row["n"]), values["low"], values["high"], values, near, (says,), status)


def name_of(name: str) -> str:
    """What a sentence calls a variable."""
    return (NAMES | {"consent": "Consent to messages"}).get(name, name.removeprefix("category_share: "))


@register(f"{TOPIC}.compared_not")
def compared_not(books: Books, claim: Published) -> Found:
    n = sum(why in ("made", "copy") for why in left_out(books).values())
    return Found(n, values={"n": n})


@register(f"{TOPIC}.known")
def known(books: Books, claim: Published) -> Found:
    """Attributes that are known of fewer than 95 in a hundred: of whom any of them is known."""
    chosen = now(books)
    mine = [n for n in books.people.columns if n != "customer_id" and n not in left_out(books) and not topic_of(n)]
    columns = pd.DataFrame({name: column_of(books, name).values.reindex(chosen.index).notna() for name in mine})
    any_ = columns.loc[:, columns.mean() < 0.95].any(axis=1)
    n, m = int(any_.sum()), int((~any_).sum())
    a, b = int((any_ & chosen).sum()), int((~any_ & chosen).sum())
    assert min(n, m, a, b) >= LEAST
    low, high = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff")
    values = {
        "n": n, "all": n + m, "share": n / (n + m), "ideal": a / (a + b), "rest": (n - a) / (n + m - a - b),
        "among": a / n, "others": b / m, "low": low, "high": high,
    }  # fmt: skip
    status = "no_clear_difference" if low <= 0 <= high else "measured"
    return Found(a / n - b / m, n, low, high, values, status=status)


# By which rule they are told


@once
def first_orders(books: Books) -> Books:
    """Books of the first three orders of everybody with as many; orders of one moment count together."""
    orders = books.orders
    place = orders.groupby("customer")["at"].rank(method="dense")
    enough = place.groupby(orders["customer"]).transform("max") >= ORDERS
    kept = orders.loc[enough & (place <= ORDERS), ["customer", "order"]]
    early = Books(books.folder, books.as_of, books.tables)
    early.__dict__["all_used"] = books.all_used.merge(kept, on=["customer", "order"])
    return early


@once
def asked_of(books: Books, view: str) -> dict[str, Column]:
    """The columns a rule of a view may look at."""

    def usable(column: Column) -> bool:
        return column.values.nunique() > 1 and (column.type != "category" or column.values.nunique() <= 20)

    if view == "early":
        early = first_orders(books)
        gone = {"n_orders", "revenue_total", "days_since_last_order", "tenure"}
        names = [n for n in (*behaviour(early, early.as_of).columns, *largest(early)) if n not in gone]
        columns = {name: column_of(early, name) for name in names}
    else:
        out = left_out(books)
        names = [n for n in names_of(books) if n in books.people.columns or n in FIRST]
        columns = {n: column_of(books, n) for n in names if n not in out and not topic_of(n)}
    columns = {name: column for name, column in columns.items() if usable(column)}
    share = {name: column.values.notna().mean() for name, column in columns.items()}
    least = 0.95
    if view == "asked":
        least = 0.9 * max(s for s in share.values() if s < 0.95)
    return {name: column for name, column in columns.items() if share[name] >= least}


def halves(chosen: pd.Series) -> tuple[pd.Index, pd.Index]:
    """Who a rule is made on and who is kept aside: two fifths of either kind, by ids in their order as text."""
    order = sorted(chosen.index, key=str)
    label, rng = (~chosen[order]).to_numpy().astype(int), np.random.default_rng(0)
    aside = []
    for number in (0, 1):
        rows = rng.permutation(np.flatnonzero(label == number))
        aside.append(rows[: round(0.4 * len(rows))])
    kept = pd.Index(order)[np.concatenate(aside)]
    return chosen.index.difference(kept), kept


@once
def base_of(books: Books, view: str) -> tuple[pd.DataFrame, pd.Series]:
    """Customers of whom all is known that a rule may ask, and who of them is ideal."""
    columns = {name: column.values for name, column in asked_of(books, view).items()}
    table = pd.DataFrame(columns).dropna() if columns else pd.DataFrame()
    return table, now(books).reindex(table.index).astype(bool)


SIGN = re.compile(r"\{(c\d_\d)_name:term\} (≤|>|=|≠) \{c\d_\d_(level|limit):\w+\}")


def said_of(books: Books, claim: Published, view: str) -> pd.Series:
    """For whom the published rule holds, as its sentence writes it."""
    table, columns = base_of(books, view)[0], asked_of(books, view)
    by_name = {name_of(name): name for name in columns}
    any_ = pd.Series(False, table.index)
    for part in sorted(k for k in claim.values if re.fullmatch(r"r\d", k)):
        all_ = pd.Series(True, table.index)
        for test in claim.values[part].split(", "):
            key, sign, what = SIGN.fullmatch(test).groups()
            name = by_name[claim.values[f"{key}_name"]]
            limit = claim.values[f"{key}_{what}"]
            if what == "level":
                levels = ("No", "Yes") if columns[name].type == "yes-no" else columns[name].levels
                limit = levels.index(limit)
            values = table[name]
            all_ &= {"≤": values <= limit, ">": values > limit, "=": values == limit, "≠": values != limit}[sign]
        any_ |= all_
    return any_


@once
def tree_of(books: Books, view: str) -> tuple[pd.Series, dict[str, list[float]]]:
    """Our own balanced tree of two conditions: whom it calls ideal, of those kept aside, and where it cuts numbers."""
    table, chosen = base_of(books, view)
    parts_ = []
    for name, column in asked_of(books, view).items():
        if column.type == "category":
            parts_.append(pd.get_dummies(table[name], prefix=name).astype(float))
        else:
            parts_.append(table[[name]])
    x, (made, kept) = pd.concat(parts_, axis=1), halves(chosen)
    tree = DecisionTreeClassifier(
        max_depth=2, min_samples_leaf=max(5, len(made) // 200), class_weight="balanced", random_state=0
    )
    tree.fit(x.loc[made].to_numpy(), chosen[made].to_numpy())
    cuts: dict[str, list[float]] = {}
    for place, limit in zip(tree.tree_.feature, tree.tree_.threshold, strict=True):
        if place >= 0:
            cuts.setdefault(str(x.columns[place]), []).append(float(limit))
    return pd.Series(tree.predict(x.loc[kept].to_numpy()), kept), cuts


def rounded(values: pd.Series, limit: float, cuts: list[float]) -> bool:
    """Whether a limit is one of the tree's, rounded: by a hundredth of the spread, or to divide the same customers."""
    room = values.std(ddof=0) / 100 + (1 if (values % 1 == 0).all() else 1e-9)
    return any(abs(limit - cut) <= room or ((values <= limit) == (values <= cut)).all() for cut in cuts)


def judged(books: Books, view: str, rule: Published) -> dict[str, Any]:
    """How often a published rule is right on those kept aside."""
    chosen = base_of(books, view)[1]
    kept = halves(chosen)[1]
    held = said_of(books, rule, view)[kept]
    said, cuts = tree_of(books, view)
    agree = float((held == said).mean())
    assert agree >= 0.99, f"{rule.id}: our own tree agrees with the rule on {agree:.1%} of those kept aside"
    table = base_of(books, view)[0].loc[halves(chosen)[0]]
    named = {name_of(name): name for name in table}
    for key, limit in rule.values.items():
        if key.endswith("_limit"):
            name = named[rule.values[key.removesuffix("limit") + "name"]]
            assert rounded(table[name], limit, cuts.get(name, [])), f"{rule.id}: {key}, our own tree cuts at {cuts}"
    n, right, all_ = int(held.sum()), int((held & chosen[kept]).sum()), int(chosen[kept].sum())
    better = confint_proportions_2indep(right, n, all_ - right, len(kept) - n, method="newcomb", compare="diff")[0] > 0
    return {
        "n": n, "right": right, "ideal": all_, "kept": len(kept), "better": better, "base": all_ / len(kept),
        "precision": (right / n, *proportion_confint(right, n, method="wilson")),
        "recall": (right / all_, *proportion_confint(right, all_, method="wilson")),
    }  # fmt: skip


def conditions(claim: Published) -> dict[str, Any]:
    """The conditions as published: a tree's rounding chose them."""
    return {k: v for k, v in claim.values.items() if re.fullmatch(r"c\d_\d_(name|level|limit)", k)}


VIEWS = {
    "everybody": "By what is known of everybody from the start",
    "asked": "By what is known of those who were asked", "early": "By the first {orders:count}",
}  # fmt: skip


def unfit(books: Books, view: str) -> str:
    """Why there can be no rule, "" where there can."""
    if not asked_of(books, view):
        return "nothing is known of them that could make a rule"
    chosen = base_of(books, view)[1]
    few = min(chosen.sum(), (~chosen).sum()) < 2 * ENOUGH
    return "too few ideal customers are among those of whom it is known" if few else ""


@register(f"{TOPIC}.rule.*")
def rule(books: Books, claim: Published) -> Found:
    view = claim.last
    if reason := unfit(books, view):
        return Found(values={"orders": ORDERS, "reason": reason}, says=(VIEWS[view],), status="too_few")
    found = judged(books, view, claim)
    assert found["right"] >= LEAST
    (precision, low, high), (recall, from_, to) = found["precision"], found["recall"]
    values = {
        "orders": ORDERS, "precision": precision, "low": low, "high": high, "base": found["base"], "recall": recall,
        "from": from_, "to": to, "n": found["n"], **conditions(claim),
    }  # fmt: skip
    missed = found["ideal"] - found["right"]
    says = (VIEWS[view], "this rule tells them" if found["better"] else "no rule tells them better than chance")
    says += ("it finds",) if found["better"] and not 0 < missed < LEAST else ()
    status = "measured" if found["better"] else "no_clear_difference"
    return Found(precision, found["kept"], low, high, values, says=says, status=status)


def worth(books: Books, view: str) -> bool:
    """Whether a rule is surely a quarter above the base rate, by our own tree: the published one rounds its limits."""
    if unfit(books, view):
        return False
    chosen, said = base_of(books, view)[1], tree_of(books, view)[0]
    mine = chosen[said.index]
    low = proportion_confint(int(mine[said].sum()), int(said.sum()), method="wilson")[0]
    return bool(low >= 1.25 * mine.mean())


@register(f"{TOPIC}.advice")
def advice(books: Books, claim: Published) -> Found:
    """The first rule that is surely a quarter above the base rate; where none is, people are asked."""
    good = [view for view in VIEWS if worth(books, view)]
    if good:
        found = judged(books, good[0], claim)
        assert claim.rests_on == (f"{TOPIC}.rule.{good[0]}",)
        assert found["better"] and found["precision"][1] >= 1.25 * found["base"]
        says = "first {orders:count}" if good[0] == "early" else "Look for new customers"
        return Found(values={"orders": ORDERS, **conditions(claim)}, says=(says,), status="advice")
    assert claim.rests_on == (f"{TOPIC}.finding", *(f"{TOPIC}.rule.{view}" for view in VIEWS))
    n = int(now(books).sum())
    return Found(values={"n": n}, says=("no rule tells them well enough",), status="advice")


@register(f"{TOPIC}.not_because")
def not_because(books: Books, claim: Published) -> Found:
    clear = told(books)[0]["feature"]
    wanted = ["traits", *(f"trait.{key_of(name)}" for name in clear), *(f"rule.{view}" for view in VIEWS)]
    assert list(claim.rests_on) == [f"{TOPIC}.{key}" for key in wanted]
    return Found(status="advice")


# A definition as somebody wrote it

TEXT = "women aged 18-40 with middle and high income"
WORDS = [word for word in TEXT.split() if word not in ("with", "and")]
COUNTED = ", ".join(WORDS[1:3])
YOUNGEST, OLDEST, MOST = 18, 40, 0.3
SAID = {
    "n_orders": "Orders per customer so far", "revenue_total": "Revenue per customer so far",
    "revenue_per_order": "Revenue per order", "days_since_last_order": "Days since the last order",
    "usual_gap_days": "Days between two orders", "lines_per_order": "Lines per order",
    "n_categories": "Different categories bought", "weekend_share": "Share of orders at the weekend",
    "evening_share": "Share of orders in the evening", "discounted_share": "Share of order lines with a discount",
    "refund_share": "Refunds as a share of sales", "first_order_discounted": "First order with a discount",
}  # fmt: skip
AGE, INCOME = {"age", "Вік"}, {"income"}


def one_of(books: Books, names: set[str]) -> str | None:
    """The column of the customers table that has one of the names."""
    return next((str(name) for name in books.people.columns if name in names), None)


@once
def fits(books: Books) -> pd.Series:
    """Who fits, of those whose age is known (yes, partly, no): a range of ages fits when all of it lies within."""
    column = column_of(books, one_of(books, AGE))
    values = column.values.dropna()
    if column.type == "numeric":
        return pd.Series(np.where(values.between(YOUNGEST, OLDEST), "yes", "no"), values.index)

    def place(level: str) -> str:
        numbers = [int(n) for n in re.findall(r"\d+", level)]
        low, high = numbers[0], numbers[-1] if len(numbers) > 1 else 999
        within = low >= YOUNGEST and high <= OLDEST
        return "yes" if within else "partly" if low <= OLDEST and high >= YOUNGEST else "no"

    return values.map({i: place(level) for i, level in enumerate(column.levels)})


@register(f"{TOPIC}.definition.says")
def says(books: Books, claim: Published) -> Found:
    return Found(values={"text": TEXT}, status="typed")


@register(f"{TOPIC}.definition.only_sex_age_income")
def only(books: Books, claim: Published) -> Found:
    assert claim.rests_on == (f"{TOPIC}.definition.says",)
    return Found("warning", values={"said": ", ".join(WORDS)}, status="advice")


@register(f"{TOPIC}.definition.covers")
def covers(books: Books, claim: Published) -> Found:
    counts = fits(books).value_counts()
    n, partly, everybody = int(counts["yes"]), int(counts.get("partly", 0)), int(counts.sum())
    assert min(counts) >= LEAST
    column = column_of(books, one_of(books, AGE))
    names = [level for i, level in enumerate(column.levels) if (fits(books)[column.values == i] == "partly").any()]
    values = {
        "said": COUNTED, "n": n, "known": everybody, "share": n / everybody, "most": (n + partly) / everybody,
        "partly": ", ".join(names), "least": LEAST,
    }  # fmt: skip
    words = ("as many or fewer", *(("only some fit",) if partly else ()))
    return Found(n, everybody, values=values, says=words)


@register(f"{TOPIC}.definition.known")
def definition_known(books: Books, claim: Published) -> Found:
    cents = customers(books, books.as_of)["minor"]
    mine = fits(books).index
    part = cents[mine].sum() / cents.sum()
    values = {"n": len(mine), "all": len(cents), "part": len(mine) / len(cents), "revenue": part}
    return Found(len(mine), len(cents), values=values)


@register(f"{TOPIC}.definition.too_broad")
def too_broad(books: Books, claim: Published) -> Found:
    share = float((fits(books) == "yes").mean())
    assert share > MOST and claim.rests_on == (f"{TOPIC}.definition.says", f"{TOPIC}.definition.covers")
    values = {"said": COUNTED, "known": len(fits(books)), "share": share, "limit": MOST}
    return Found("notice", values=values, says=("part that could be counted",), status="advice")


@register(f"{TOPIC}.definition.not_counted_*")
def not_counted(books: Books, claim: Published) -> Found:
    """No column says who is a woman; incomes, where there are any, are ranges that nobody called middle or high."""
    if claim.last.endswith("_1"):
        assert one_of(books, {"sex", "gender", "Стать"}) is None
        return Found(values={"said": "women"}, says=("no column",), status="typed")
    values = {"said": "middle … high … income"}
    if one_of(books, INCOME) is None:
        return Found(values=values, says=("no column",), status="typed")
    levels = column_of(books, one_of(books, INCOME)).levels
    assert not any(word in level.lower() for level in levels for word in ("middle", "high"))
    values |= {"column": "income", "value": "high", "levels": ", ".join(levels[:5]) + " …"}
    return Found(values=values, says=("no level",), status="typed")


@once
def against(books: Books) -> pd.DataFrame:
    """Those who fit against those who do not, behaviour by behaviour, the largest effect first."""
    names = [*behaviour(books, books.as_of).columns, *largest(books)]
    side, rows = fits(books), []
    for name in names:
        values = column_of(books, name).values
        a, b = (values[side.index[side == word]].dropna().to_numpy() for word in ("yes", "no"))
        assert min(len(a), len(b)) >= ENOUGH
        m, n = len(a), len(b)
        ranks = stats.rankdata(np.concatenate([a, b]))
        # of each, the share of the other side that has less; their spread is DeLong's
        over = (ranks[:m] - stats.rankdata(a)) / n
        under = 1 - (ranks[m:] - stats.rankdata(b)) / m
        area = float(over.mean())
        error = math.sqrt(over.var(ddof=1) / m + under.var(ddof=1) / n)
        test = stats.mannwhitneyu(a, b, use_continuity=False, method="asymptotic")
        row = {"name": name, "n": m, "m": n, "effect": 2 * area - 1, "value": a.mean(), "others": b.mean()}
        if error > 0:
            half = stats.norm.ppf(1 - 0.025 / len(names)) * error / (area * (1 - area))
            row |= {f"chance_{k}": expit(logit(area) + s * half) for k, s in (("low", -1), ("high", 1))}
            welch = stats.ttest_ind(a, b, equal_var=False)
            ends = welch.confidence_interval(0.95)
            row |= {"low": ends.low, "high": ends.high, "p": test.pvalue}
        else:
            row |= {"chance_low": area, "chance_high": area, "low": 0.0, "high": 0.0, "p": 1.0}
        rows.append(row)
    table = pd.DataFrame(rows)
    table["adjusted"] = discoveries(table["p"].to_numpy(), 0)
    table["differs"] = (table["low"] > 0) | (table["high"] < 0)
    table["clear"] = table["differs"] & (table["adjusted"] < 0.05)
    order = table["effect"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def called(name: str) -> str:
    """A category in a sentence: capitals are written small."""
    name = name.removeprefix("category_share: ")
    return name.capitalize() if len(name) > 3 and name.isupper() else name


@register(f"{TOPIC}.definition.revenue", f"{TOPIC}.definition.orders", f"{TOPIC}.definition.per_order",
          f"{TOPIC}.definition.category")  # fmt: skip
def difference(books: Books, claim: Published) -> Found:
    table = against(books)
    columns = {"revenue": "revenue_total", "orders": "n_orders", "per_order": "revenue_per_order"}
    if claim.last == "category":
        row = table[table["clear"] & table["name"].str.startswith("category_share: ")].iloc[0]
        values = {"category": called(row["name"])}
    else:
        row = table[table["name"] == columns[claim.last]].iloc[0]
        values = {"behaviour": SAID[row["name"]]}
    apart = row["value"] - row["others"]
    values |= {"difference": apart, **{k: row[k] for k in ("value", "others", "low", "high")}}
    words = "a difference of" if row["differs"] else "no clear difference"
    status = "measured" if row["differs"] else "no_clear_difference"
    return Found(apart, int(row["n"]), row["low"], row["high"], values, says=(words,), status=status)


ROUNDED = (0.0, 1e-4)
"""The package takes values that agree to one part in 2,048 as equal when it ranks; here they are ranked as they are."""


@register(f"{TOPIC}.definition.sharpen", f"{TOPIC}.definition.add")
def sharpen(books: Books, claim: Published) -> Found:
    table = against(books)
    table = table[~table["name"].isin(["revenue_total", "tenure"])]
    up = (table["chance_low"] > 0.5) & (table["low"] > 0)
    down = (table["chance_high"] < 0.5) & (table["high"] < 0)
    row = table[table["clear"] & (up | down)].iloc[0]
    low, high, chance = row["chance_low"], row["chance_high"], (row["effect"] + 1) / 2
    values = {"chance": chance, "low": low, "high": high, "n": len(table)}
    share = row["name"].startswith("category_share: ")
    values |= {"category": called(row["name"])} if share else {"behaviour": SAID[row["name"]]}
    if claim.last == "add":
        near = {name: ROUNDED for name in ("chance", "low", "high")}
        assert claim.rests_on == (f"{TOPIC}.definition.sharpen",)
        words = "more of it" if row["effect"] > 0 else "less of it"
        return Found(values=values, near=near, says=(words,), status="advice")
    near = {name: ROUNDED for name in ("value", "chance", "low", "high")}
    # the claim's own ends are of the effect, twice the chance less one; those of the sentence are of the chance
    return Found(row["effect"], int(row["n"]), 2 * low - 1, 2 * high - 1, values, near, says=("sets them apart most",))
