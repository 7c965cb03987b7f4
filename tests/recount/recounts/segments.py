"""Groups of customers: who is in them, what sets them apart, and how sure that is.

What the search looked at and where it cut comes from chance and is published; from there all figures follow. The
groups are found again with scikit-learn's k-means from many starts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from recounts.books import LEAST, Books, once
from recounts.claims import Found, Published, register
from recounts.features import behaviour, variable
from recounts.rfm import segments_at

TOPIC, MIN_ORDERS = "segments", 2
NAMES = {
    "n_orders": "Number of orders", "revenue_total": "Revenue so far", "revenue_per_order": "Revenue per order",
    "days_since_last_order": "Days since the last order", "tenure": "Days since the first order in the data",
    "usual_gap_days": "Usual days between two orders", "lines_per_order": "Lines per order",
    "n_categories": "Number of product categories bought", "weekend_share": "Share of orders at weekends",
    "evening_share": "Share of orders in the evening", "discounted_share": "Share of lines with a discount",
    "refund_share": "Refunds as a share of sales", "first_category": "Product category of the first order",
    "first_product": "Product of the first order", "first_order_discounted": "Discount in the first order",
}  # fmt: skip
KIN = ("first_category", "first_product", "n_categories")


def name_of(feature: str) -> str:
    """What a reader calls a variable."""
    return NAMES.get(feature, feature.removeprefix("category_share: "))


@once
def searched(books: Books) -> pd.Index:
    """Customers with two orders or more."""
    table = behaviour(books, books.as_of)
    return table.index[table["n_orders"] >= MIN_ORDERS]


@once
def entered(books: Books) -> pd.DataFrame:
    """The variables that entered the search, as the run published them."""
    used = books.published("group_variables")
    names = list(used.loc[used["use"] == "search", "variable"])
    assert all(name.startswith("category_share: ") for name in names), "only a search by baskets is recounted"
    table = behaviour(books, books.as_of)
    return pd.DataFrame({name: variable(books, books.as_of, name).values.reindex(table.index) for name in names})


@once
def chosen(books: Books) -> pd.Series:
    """The row of the number of groups that was chosen, or that comes nearest."""
    table = books.published("group_count")
    if table["chosen"].any():
        return table[table["chosen"]].iloc[0]
    return table.loc[table["prediction_strength"].idxmax()]


@once
def found_groups(books: Books) -> bool:
    """Whether groups were found; else the segments by rule stand in."""
    return bool(books.published("group_count")["chosen"].any())


@once
def _fit(books: Books) -> tuple[np.ndarray, list[str]]:
    """Middles of the groups and their names, A the one with the highest mean revenue."""
    x = entered(books).loc[searched(books)]
    fit = KMeans(int(chosen(books)["k"]), n_init=50, random_state=0).fit(x.to_numpy())
    revenue = behaviour(books, books.as_of)["revenue_total"][x.index].groupby(fit.labels_).mean()
    order = revenue.sort_values(ascending=False).index
    return fit.cluster_centers_[order], [chr(65 + i) for i in range(len(order))]


def nearest(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The middle that lies nearest to each row."""
    return ((x[:, None, :] - centres) ** 2).sum(axis=2).argmin(axis=1)


@once
def labels(books: Books) -> pd.Series:
    """Each customer's group: of those searched, and of the others by the nearest middle."""
    if not found_groups(books):
        named = segments_at(books, books.as_of)["segment"]
        return named[named != "no_order"]
    centres, names = _fit(books)
    x = entered(books)
    return pd.Series(np.array(names)[nearest(x.to_numpy(), centres)], x.index)


@once
def members(books: Books) -> pd.Series:
    """Groups of the customers that the figures are of."""
    return labels(books)[searched(books)] if found_groups(books) else labels(books)


def _medians(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Bootstrap interval of the difference of two medians."""
    rng = np.random.default_rng(2)
    draws = [
        np.median(rng.choice(a, (4000, len(a))), axis=1) - np.median(rng.choice(b, (4000, len(b))), axis=1)
        for _ in range(1)
    ]
    low, high = np.quantile(np.concatenate(draws), [0.025, 0.975])
    return float(low), float(high)


@once
def profiles(books: Books) -> pd.DataFrame:
    """The published comparison of every group with all others, each row recounted."""
    table = books.published("group_profiles")
    group, wrong = members(books), []
    for row in table.dropna(subset="value").itertuples():
        column = variable(books, books.as_of, row.feature)
        values = column.values.reindex(group.index)
        mine, others = (values[side].dropna() for side in (group == row.group, group != row.group))
        whole = pd.concat([mine, others])
        if row.statistic in ("share", "share above"):
            if row.category:
                code = column.levels.index(row.category)
                mine, others = mine == code, others == code
            else:
                edge = row.above if row.statistic == "share above" else 0.0
                mine, others = mine > edge, others > edge
            a, n, b, m = int(mine.sum()), len(mine), int(others.sum()), len(others)
            low, high = confint_proportions_2indep(a, n, b, m, method="newcomb")
            figures, effect = (a / n, b / m, low, high), a / n - b / m
            pooled = (a + b) / (n + m)
            p = 2 * stats.norm.sf(abs(effect) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)))
        else:
            ranks = stats.rankdata(whole)
            effect = 2 * (ranks[: len(mine)].mean() - (len(mine) + 1) / 2) / len(others) - 1
            skewed = abs(stats.skew(whole)) > 2 and (whole == whole.median()).mean() < 0.1
            skewed &= not row.feature.startswith("category_share: ")
            if ("median" if skewed else "mean") != row.statistic:
                wrong.append(f"{row.group}, {row.feature}: should be a {'median' if skewed else 'mean'}")
            if row.statistic == "median":
                figures = (mine.median(), others.median(), *_medians(mine.to_numpy(), others.to_numpy()))
                p = np.nan
            else:
                test = stats.ttest_ind(mine, others, equal_var=False)
                interval = test.confidence_interval(0.95)
                figures, p = (mine.mean(), others.mean(), interval.low, interval.high), test.pvalue
        near = 0.15 * (row.high - row.low) if row.statistic == "median" else 1e-9 * max(1, abs(row.value))
        published = (row.value, row.value_others, row.low, row.high)
        exact = all(
            math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) for x, y in zip(published[:2], figures[:2], strict=True)
        )
        ends = all(abs(x - y) <= near for x, y in zip(published[2:], figures[2:], strict=True))
        same_n = (len(mine), len(others)) == (row.n, row.n_others)
        if not (exact and ends and same_n and math.isclose(row.effect, effect, rel_tol=1e-7, abs_tol=1e-9)):
            wrong.append(
                f"{row.group}, {row.feature} {row.category}: {published}, {row.effect}, recounted {figures}, {effect}"
            )
        clear = row.low > 0 or row.high < 0 if row.made_from else row.p_adjusted < 0.05
        if clear != (row.status == "measured"):
            wrong.append(f"{row.group}, {row.feature}: status {row.status}")
        if not row.made_from and not np.isnan(p) and row.p_adjusted < p - 1e-9:
            wrong.append(f"{row.group}, {row.feature}: p corrected {row.p_adjusted} is below p {p}")
    assert not wrong, f"published table group_profiles: {len(wrong)} rows; {wrong[:3]}"
    return table


def _difference(books: Books, claim: Published, kind: str) -> Found:
    """The largest clear difference of a group, of those of a kind."""
    table = profiles(books)
    clear = table[
        (table["status"] == "measured")
        & (table["n"] >= 30)
        & (table["n_others"] >= 30)
        & (table["effect"].abs() >= 0.1)
    ]
    made = clear["made_from"].astype(bool)
    if kind == "apart":
        clear = clear[made & (clear["effect"] > 0)]
    elif kind == "people":
        clear = clear[~made & (clear["kind"] == "attribute")]
    else:
        kin = clear["feature"].isin(KIN) if found_groups(books) else made
        clear = clear[~made & ~kin & (clear["kind"] != "attribute")]
    mine = clear[clear["group"].str.lower() == claim.last]
    row = mine.loc[mine["effect"].abs().idxmax()]
    values: dict[str, Any] = {
        "group_name": row["group"], "what_name": name_of(row["feature"]), "value": row["value"],
        "others": row["value_others"], "low": row["low"], "high": row["high"],
    }  # fmt: skip
    if row["category"]:
        values["level"] = row["category"]
    says = {"median": "for the customer in the middle", "mean": "on average", "share": "for"}[row["statistic"]]
    status = "measured" if row["low"] > 0 or row["high"] < 0 else "no_clear_difference"
    return Found(row["difference"], int(row["n"]), row["low"], row["high"], values, says=(says,), status=status)


@register(f"{TOPIC}.apart.*", f"{TOPIC}.besides.*", f"{TOPIC}.people.*")
def difference(books: Books, claim: Published) -> Found:
    return _difference(books, claim, claim.id.split(".")[1])


@once
def about(books: Books) -> dict[str, str]:
    """What each group has most of, of the categories."""
    table = profiles(books)
    clear = table[(table["status"] == "measured") & (table["kind"] == "category_share") & (table["effect"] > 0)]
    return {g: name_of(part.loc[part["effect"].idxmax(), "feature"]) for g, part in clear.groupby("group")}


@once
def sizes(books: Books) -> pd.DataFrame:
    """Customers and revenue of each group."""
    group = members(books)
    revenue = behaviour(books, books.as_of)["revenue_total"].reindex(group.index)
    table = pd.DataFrame({"n": group.value_counts(), "revenue": revenue.groupby(group).sum()})
    return table.assign(share=table["n"] / len(group), money=table["revenue"] / revenue.sum()).sort_index()


@register(f"{TOPIC}.finding")
def finding(books: Books, claim: Published) -> Found:
    n = len(searched(books))
    tried = books.published("group_count")["k"]
    values: dict[str, Any] = {"n": n, "min_orders": MIN_ORDERS}
    if not found_groups(books):
        # a group needs five customers of a hundred
        values |= {"least": max(30, math.ceil(0.05 * n)), "from": tried.min(), "to": tried.max()}
        return Found(0, n, values=values, says=("form no groups",), status="no_clear_difference")
    table = sizes(books)
    top = table["money"].idxmax()
    values |= {
        "k": len(table), "share": table["share"][top], "money": table["money"][top], "group_name": top,
        "about": about(books)[top],
    }  # fmt: skip
    return Found(len(table), n, values=values, says=("fall into",))


@register(f"{TOPIC}.instead")
def instead(books: Books, claim: Published) -> Found:
    assert not found_groups(books) and claim.rests_on == (f"{TOPIC}.finding",)
    return Found(status="advice")


@register(f"{TOPIC}.group.*")
def group(books: Books, claim: Published) -> Found:
    name = claim.last.upper()
    row = sizes(books).loc[name]
    n = int(row["n"])
    values = {
        "group_name": name, "about": about(books)[name], "least": LEAST, "n": n, "share": row["share"],
        "money": row["money"], "each": row["revenue"] / n,
    }  # fmt: skip
    return Found(n, n, values=values)


@register(f"{TOPIC}.placed")
def placed(books: Books, claim: Published) -> Found:
    n = len(labels(books)) - len(searched(books))
    return Found(n, n, values={"n": n, "min_orders": MIN_ORDERS})


@once
def strength(books: Books) -> tuple[float, float]:
    """Our own prediction strength over five random halvings, and its standard error."""
    x, k = entered(books).loc[searched(books)].to_numpy(), int(chosen(books)["k"])
    rng, found = np.random.default_rng(4), []
    for _ in range(5):
        order = rng.permutation(len(x))
        halves = order[: len(x) // 2], order[len(x) // 2 :]
        fits = [KMeans(k, n_init=10, random_state=1).fit(x[half]) for half in halves]
        for other, own, half in ((fits[0], fits[1], halves[1]), (fits[1], fits[0], halves[0])):
            together = pd.crosstab(own.labels_, nearest(x[half], other.cluster_centers_)).to_numpy()
            size = together.sum(axis=1)
            found.append(((together * (together - 1)).sum(axis=1) / (size * (size - 1))).min())
    return float(np.mean(found)), float(np.std(found) / math.sqrt(len(found)))


@register(f"{TOPIC}.again")
def again(books: Books, claim: Published) -> Found:
    """The published figures of this number of groups; our own halvings must come to about the same."""
    row = chosen(books)
    value, half = float(row["prediction_strength"]), 1.96 * float(row["strength_se"])
    mine, error = strength(books)
    assert abs(mine - value) <= 0.02 + 4 * math.hypot(error, row["strength_se"]), f"prediction strength {mine}"
    values = {
        "k": row["k"], "strength": value, "low": max(0.0, value - half), "high": min(1.0, value + half),
        "between": round(100 * row["between"]),
    }  # fmt: skip
    said = "finds the same" if found_groups(books) else "through a crowd"
    status = "measured" if found_groups(books) else "no_clear_difference"
    return Found(value, len(searched(books)), values["low"], values["high"], values, says=(said,), status=status)


@register(f"{TOPIC}.stability")
def stability(books: Books, claim: Published) -> Found:
    """Customers drawn anew fifty times: overlap of each group with the one that matches it best."""
    x, given = entered(books).loc[searched(books)].to_numpy(), members(books)
    names = sorted(given.unique())
    codes, k = given.map({n: i for i, n in enumerate(names)}).to_numpy(), len(names)
    rng, runs = np.random.default_rng(6), []
    for _ in range(50):
        drawn = rng.integers(0, len(x), len(x))
        kept = np.unique(drawn)
        fit = KMeans(k, n_init=3, random_state=2).fit(x[drawn])
        both = pd.crosstab(codes[kept], nearest(x[kept], fit.cluster_centers_)).to_numpy()
        overlap = both / (both.sum(axis=1)[:, None] + both.sum(axis=0) - both)
        runs.append(overlap[linear_sum_assignment(-overlap)])
    mean = np.mean(runs, axis=0)
    worst = int(mean.argmin())
    low, high = np.quantile(np.array(runs)[:, worst], [0.05, 0.95])
    values = {
        "runs": 50, "stable": int((mean > 0.75).sum()), "k": k, "value": mean[worst], "low": low, "high": high,
        "group_name": names[worst],
    }  # fmt: skip
    near = {name: (0.0, 0.03) for name in ("value", "low", "high")}
    return Found(float(mean[worst]), len(x), low, high, values, near)


def _holds(books: Books, claim: Published) -> pd.Series:
    """For whom the conditions of a rule hold, as its sentence writes them."""
    x = entered(books).loc[searched(books)]
    held = pd.Series(True, x.index)
    for i in range(sum(key.endswith("_limit") for key in claim.values)):
        values = x[f"category_share: {claim.values[f'c{i}_name']}"]
        above = f"{{c{i}_name:term}} > " in claim.values["rule"]
        held &= (values > claim.values[f"c{i}_limit"]) == above
    return held


@register(f"{TOPIC}.rule.*")
def rule(books: Books, claim: Published) -> Found:
    """Who was kept aside is chance: of all for whom the rule holds three tenths must be about as often right."""
    held = _holds(books, claim)
    inside = members(books)[held] == claim.last.upper()
    n, right = 0.3 * len(inside), float(inside.mean())
    low, high = proportion_confint(claim.value * claim.n, claim.n, method="wilson")
    wide = 4 * math.sqrt(max(right * (1 - right), 0.01) / n)
    values = {
        "right": right, "low": low, "high": high, "group_name": claim.last.upper(),
        **{k: v for k, v in claim.values.items() if k.startswith("c") and k[1].isdigit()},
    }  # fmt: skip
    near = {"value": (0.0, wide), "right": (0.0, wide), "n": (0.0, 4 * math.sqrt(0.3 * n))}
    return Found(right, round(n), low, high, values, near)


@register(f"{TOPIC}.rules")
def rules(books: Books, claim: Published) -> Found:
    """The published rules put everybody somewhere; how often that is right, and the largest group's share."""
    table, group = books.published("group_rules"), members(books)
    x = entered(books).loc[searched(books)]
    said = pd.Series("", group.index)
    for row in table.itertuples():
        held = pd.Series(True, x.index)
        for test in row.rule.split(", "):
            name, sign, limit = test.replace("\u00a0%", "").rsplit(" ", 2)
            above = x[f"category_share: {name}"] > float(limit) / 100
            held &= above if sign == ">" else ~above
        said[held] = row.group
    right, largest = float((said == group).mean()), float(group.value_counts(normalize=True).iloc[0])
    n = round(0.3 * len(group))
    low, high = proportion_confint(claim.value * claim.n, claim.n, method="wilson")
    values = {"rules": len(table), "value": right, "low": low, "high": high, "baseline": largest}
    wide = 4 * math.sqrt(right * (1 - right) / n)
    near = {"value": (0.0, wide), "baseline": (0.0, 0.01), "n": (0.0, 3)}
    return Found(right, n, low, high, values, near)


@register(f"{TOPIC}.whales")
def whales(books: Books, claim: Published) -> Found:
    """One customer in a hundred, by revenue."""
    revenue = behaviour(books, books.as_of)["revenue_total"]
    n = max(LEAST, math.ceil(0.01 * len(revenue)))
    top = revenue.nlargest(n)
    money = top.sum() / revenue.sum()
    values: dict[str, Any] = {"n": n, "part": n / len(revenue), "money": money, "revenue": top.sum()}
    says: tuple[str, ...] = ()
    if found_groups(books):
        home = labels(books)[top.index].value_counts()
        values |= {"inside": int(home.iloc[0]), "group_name": home.index[0], "about": about(books)[home.index[0]]}
        says = ("Revenue did not enter",)
        says += ("All of them",) if home.iloc[0] == n else ("of them are in",)
    return Found(money, n, values=values, says=says)


@register(f"{TOPIC}.variables")
def variables(books: Books, claim: Published) -> Found:
    """Counted from the published table of variables."""
    table = books.published("group_variables")
    use, why = table["use"].value_counts(), table["why"].value_counts()
    values = {
        "all": len(table), "used": int(use.get("search", 0)), "describe": int(use.get("describe", 0)),
        "none": int(why.get("no_evidence", 0)), "left": int(why.get("left_out", 0)),
        "little": int(why.get("too_little_data", 0) + why.get("not_tested", 0)),
    }  # fmt: skip
    assert values["used"] + values["describe"] + values["none"] + values["left"] + values["little"] == len(table)
    return Found(values["used"], values=values)


@register(f"{TOPIC}.rejected")
def rejected(books: Books, claim: Published) -> Found:
    table = books.published("group_variables")
    none = table[table["why"] == "no_evidence"]
    values = {f"r{i}": name_of(name) for i, name in enumerate(none["variable"].head(6))}
    return Found(len(none), values=values, says=("; and others",) if len(none) > 6 else ())
