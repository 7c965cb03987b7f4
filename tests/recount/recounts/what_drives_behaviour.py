"""Which differences between customers go with what they did later.

Permutation tests and cross-validation have chance in them. So the table of all pairs that the run published is gone
through row by row: shares and limits exactly, p-values against those of an F-test of the same ranks, the correction
for many tests from the published p-values exactly, the gain against our own folds, what is left within groups of a
stronger one exactly, and the verdict by its rule. What the sentences say is then counted from these verdicts.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
import pandas as pd

from recounts import associations as tests
from recounts.books import LEAST, Books, once
from recounts.claims import Found, Published, register
from recounts.cohorts import kaplan_meier, log_rank, waits
from recounts.affinity import discoveries
from recounts.features import Column, behaviour, outcome, topic_of, variable

TOPIC = "what_drives_behaviour"
MAIN = ("revenue_of_buyers", "n_orders", "bought_again")
WORTHWHILE = 0.05
NAMES = {
    "n_orders": "Number of orders before", "revenue_total": "Revenue before",
    "revenue_per_order": "Revenue per order before", "days_since_last_order": "Days since the last order",
    "tenure": "Days since the first order in the data", "usual_gap_days": "Usual days between two orders",
    "lines_per_order": "Lines per order", "n_categories": "Number of product categories bought",
    "first_category": "Product category of the first order", "first_product": "Product of the first order",
    "first_order_discounted": "Discount in the first order", "consent": "Consent to messages",
    "weekend_share": "Share of orders at weekends", "evening_share": "Share of orders in the evening",
    "discounted_share": "Share of lines with a discount", "refund_share": "Refunds as a share of sales",
}  # fmt: skip
UNITS = {"n_orders": "orders", "bought_again": "fraction"}


def name_of(name: str) -> str:
    """What a sentence calls a variable."""
    return NAMES.get(name, name.removeprefix("category_share: "))


def key_of(name: str) -> str:
    """The key of a variable in a claim's id."""
    fit = re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name)
    return name if fit else "x" + hashlib.sha256(name.encode()).hexdigest()[:8]


def cut_of(books: Books) -> pd.Timestamp:
    """First day of the last quarter of the history in whole months, a year at most."""
    begin, after = books.all_used["day"].min(), books.as_of + pd.Timedelta(days=1)
    months = 12 * (after.year - begin.year) + after.month - begin.month - (after.day < begin.day)
    return after - pd.DateOffset(months=min(12, max(1, months // 4)))


def attributes(books: Books) -> set[str]:
    """Columns of the customers table."""
    return set(books.people.columns)


def stage(books: Books, name: str) -> int:
    """What comes first: what somebody is, the first order, the later course."""
    return 0 if name in attributes(books) else 1 if name.startswith("first_") else 2


@once
def known(books: Books, name: str) -> Column:
    """A variable as it was known before the cut."""
    return variable(books, cut_of(books) - pd.Timedelta(days=1), name)


@once
def later(books: Books, name: str) -> pd.Series:
    """An outcome."""
    return outcome(books, cut_of(books), name)


def used_by(books: Books, *columns: pd.Series) -> pd.Index:
    """Customers of whom all is known."""
    ok = pd.concat(columns, axis=1).notna().all(axis=1)
    return columns[0].index[ok.to_numpy()]


def within(
    column: Column, other: Column, after: pd.Series, what: str
) -> tuple[float, float, float, bool] | None:
    """Share overall and within groups of another variable, its p-value, whether it turns; None where too few have both."""
    mine = after.notna() & column.values.notna()
    both = after.index[mine & other.values.notna()]
    if len(both) < 0.8 * mine.sum():
        return None
    y = tests.response(after[both], what in ("bought_again", "second_order"))
    fixed, _ = tests.strata(other, both)
    marginal, _, overall = tests.partial(column, y, both, np.zeros(len(both), dtype=int))
    share, p, inside = tests.partial(column, y, both, fixed)
    if np.isnan(share):
        return marginal, 0.0, 1.0, False
    block = tests.ranks(column.values[both])[:, None] if column.ranked else np.eye(len(tests.groups_on(column, both)[1]))[tests.groups_on(column, both)[0]]
    centred = block - block.mean(axis=0)
    return marginal, share, p, bool((centred @ overall) @ (centred @ inside) < 0)


def look_within(books: Books, part: pd.DataFrame, columns: dict[str, Column], after: pd.Series, what: str) -> pd.DataFrame:
    """Hold each variable against the other drivers of its outcome; `part` is sorted, those that pass first."""
    rows, genuine = [], []
    passing = list(part.loc[part["passes"], "variable"])
    for row in part.itertuples():
        others = [v for v in passing if v != row.variable and stage(books, v) <= stage(books, row.variable)]
        stronger = [v for v in others if v in genuine] if row.passes else []
        found: tuple[Any, ...] | None = None
        for other in dict.fromkeys([*others[:1], *stronger]):
            compared = within(columns[row.variable], columns[other], after, what)
            if compared is None:
                continue
            marginal, share, p, turned = compared
            proxy = other in stronger and p > 0.05 and not share > 0.5 * marginal
            if found is None or (proxy and (not found[4] or share < found[1])):
                found = (other, share, p, turned and row.passes and p <= 0.05, proxy)
        rows.append(found or ("", np.nan, np.nan, False, False))
        if row.passes and not rows[-1][4]:
            genuine.append(row.variable)
    return pd.DataFrame(rows, columns=["given", "share_within", "p_within", "reversed", "proxy"], index=part.index)


def _check(table: pd.DataFrame, column: str, other: pd.Series, tolerance: Any, what: str) -> None:
    away = (table[column].astype(float) - other.astype(float)).abs() > tolerance
    away |= table[column].isna() != other.isna()
    if away.any():
        first = table.index[away][0]
        row = table.loc[first]
        raise AssertionError(
            f"published table drivers: {what} of {row['variable']} and {row['outcome']} is {row[column]}, "
            f"recounted {other[first]} ({int(away.sum())} such rows)"
        )


@once
def drivers(books: Books) -> pd.DataFrame:
    """The published pairs, each recounted."""
    table = books.published("drivers").reset_index(drop=True)
    table = table.assign(given=table["given"].fillna("").astype(str))
    tested = table["p_value"].notna()
    found = []
    for row in table[tested].itertuples():
        column, after = known(books, row.variable), later(books, row.outcome)
        used = used_by(books, column.values, after)
        y = tests.response(after[used], row.outcome == "bought_again")
        gain = tests.predicts(column, y, used) if row.outcome in MAIN else row.gain
        found.append(tests.share_explained(column, y, used) | {"n": len(used), "gain": gain})
    mine = pd.DataFrame(found, index=table.index[tested])
    pub = table[tested]
    _check(pub, "n", mine["n"], 0, "n")
    _check(pub, "share_explained", mine["share"], 1e-8, "the share explained")
    _check(pub, "share_low", mine["low"], 2e-6, "its lower limit")
    _check(pub, "share_high", mine["high"], 2e-6, "its upper limit")
    spread = 5 * np.sqrt(mine["p"] * (1 - mine["p"]) / pub["n_permutations"])
    _check(pub, "p_value", mine["p"], spread + 0.2 * mine["p"] + 0.003, "the p-value")
    _check(pub, "q_value", pd.Series(discoveries(pub["p_value"].to_numpy(), 0), pub.index), 1e-12, "the q-value")
    _check(pub, "gain", mine["gain"], 0.02 + 0.1 * mine["gain"].abs() + 8 / mine["n"], "the gain")
    table["passes"] = tested & (table["q_value"] <= 0.05) & (table["gain"] > 0)
    for what in MAIN:
        part = table[tested & (table["outcome"] == what)].copy()
        part["rounded"] = part["share_explained"].round(9)
        part = part.sort_values(["passes", "rounded"], ascending=False, kind="stable")
        columns = {name: known(books, name) for name in part["variable"]}
        again = look_within(books, part, columns, later(books, what), what)
        pub = table.loc[part.index]
        same = (again["given"] == pub["given"]) & (again["proxy"] == pub["proxy"].astype(bool))
        same &= again["reversed"] == pub["reversed"].astype(bool)
        assert same.all(), f"drivers of {what}: {pub.loc[~same, ['variable', 'given', 'proxy', 'reversed']]}"
        _check(pub, "share_within", again["share_within"], 1e-7, "the share within")
        _check(pub, "p_within", again["p_within"], 1e-6, "its p-value")
    for row in table[table["outcome"].isin(MAIN)].itertuples():
        verdict = "no_evidence"
        if pd.isna(row.p_value):
            verdict = "too_little_data"
        elif row.passes and not row.proxy:
            verdict = "influences"
        elif not row.proxy and tests.least_seen(max(1, int(row.n_groups) - 1), row.n) > WORTHWHILE:
            verdict = "too_little_data"
        assert verdict == row.verdict, f"{row.variable}, {row.outcome}: {row.verdict}, recounted {verdict}"
    return table


@once
def strongest(books: Books) -> pd.DataFrame:
    """Of each variable that passes for a main outcome its strongest pair, strongest first."""
    table = drivers(books)
    passed = table[(table["verdict"] == "influences") & table["outcome"].isin(MAIN)].copy()
    passed["rounded"] = passed["share_explained"].round(9)
    passed = passed.sort_values(["rounded", "variable"], ascending=[False, True], kind="stable")
    return passed.drop_duplicates("variable")


@once
def headline(books: Books) -> str:
    """The outcome of the finding: spending, else how often, else who, for which anything passed on 100 or more."""
    table = drivers(books)
    passed = table[(table["verdict"] == "influences") & (table["n"] >= 100)]
    return next(what for what in MAIN if (passed["outcome"] == what).any())


def n_all(books: Books) -> int:
    """Customers with an order before the cut."""
    return len(behaviour(books, cut_of(books) - pd.Timedelta(days=1)))


@register(f"{TOPIC}.driver.*")
def driver(books: Books, claim: Published) -> Found:
    row = next(r for r in strongest(books).itertuples() if key_of(r.variable) == claim.last)
    column, after = known(books, row.variable), later(books, row.outcome)
    used, yes_no = used_by(books, column.values, after), row.outcome == "bought_again"
    codes, names = tests.strata(column, used)
    y, levels = after[used].to_numpy(float), []
    for code, name in enumerate(names):
        mine, others = y[codes == code], y[codes != code]
        if min(len(mine), len(others)) < LEAST:
            continue
        difference, low, high = tests.gap(mine, others, yes_no, 1 - 0.05 / len(names))
        levels.append(
            name | {"n": len(mine), "mean": mine.mean(), "others": others.mean(), "difference": difference, "low": low,
                    "high": high}
        )  # fmt: skip
    if column.ranked:
        rising = np.corrcoef(tests.ranks(column.values[used]), tests.response(after[used], yes_no))[0, 1] > 0
        best = levels[-1 if rising else 0]
    else:
        large = [level for level in levels if level["n"] >= 30] or levels
        best = max(large, key=lambda level: level["mean"])
    status = "measured" if not best["low"] <= 0 <= best["high"] else "no_clear_difference"
    values = best | {"variable_name": name_of(row.variable), "cut": cut_of(books)}
    values["difference"] = best["difference"]
    near = {name: (1e-7, 1e-9) for name in ("low", "high")}
    return Found(
        best["difference"], best["n"], best["low"], best["high"], values, near,
        status=status if best["n"] >= 30 else "too_few",
    )  # fmt: skip


@register(f"{TOPIC}.finding")
def finding(books: Books, claim: Published) -> Found:
    table, what = drivers(books), headline(books)
    rows = table[table["outcome"] == what]
    tested, passed = rows.dropna(subset="p_value"), rows[rows["verdict"] == "influences"]
    passed = passed.sort_values("share_explained", ascending=False, kind="stable")
    is_attribute = passed["variable"].isin(attributes(books))
    first = passed[~is_attribute].iloc[0]
    values: dict[str, Any] = {
        "outcome_key": what, "cut": cut_of(books), "tested": len(tested), "variable_name": name_of(first["variable"])
    }  # fmt: skip
    column, after = known(books, first["variable"]), later(books, what)
    if is_attribute.any():
        among = passed[is_attribute].iloc[0]
        used = used_by(books, column.values, after, known(books, among["variable"]).values)
        values |= {
            "other_name": name_of(among["variable"]), "other_share": max(0.0, among["share_explained"]),
            "other_low": among["share_low"], "other_high": among["share_high"],
        }  # fmt: skip
    else:
        used = used_by(books, column.values, after)
        values["attributes"] = int(tested["variable"].isin(attributes(books)).sum())
    found = tests.share_explained(column, tests.response(after[used], what == "bought_again"), used)
    values |= {"n": len(used), "share": found["share"], "low": found["low"], "high": found["high"]}
    says: tuple[str, ...] = ("none is seen",)
    if is_attribute.any():
        says = ("tells more than who they are",) if values["other_high"] < found["low"] else ("among the {n:count}",)
    near = {name: (1e-6, 1e-9) for name in ("low", "high")}
    return Found(found["share"], len(used), found["low"], found["high"], values, near, says)


@register(f"{TOPIC}.purchases.*")
def purchases(books: Books, claim: Published) -> Found:
    table = drivers(books)
    buys = table[(table["verdict"] == "influences") & table["outcome"].str.startswith("category_share: ")]
    buys = buys.sort_values("share_explained", ascending=False, kind="stable")
    row = next(r for r in buys.itertuples() if key_of(r.variable) == claim.last)
    assert row.variable in attributes(books) and row.variable not in set(strongest(books)["variable"])
    values = {
        "share": max(0.0, row.share_explained), "low": row.share_low, "high": row.share_high,
        "category": row.outcome.removeprefix("category_share: "), "variable_name": name_of(row.variable),
    }  # fmt: skip
    return Found(values["share"], row.n, row.share_low, row.share_high, values)


@register(f"{TOPIC}.worthwhile")
def worthwhile(books: Books, claim: Published) -> Found:
    table = drivers(books)
    tested = table[table["outcome"].isin(MAIN)].dropna(subset="p_value")["variable"].nunique()
    found = strongest(books)
    large = int((found["share_explained"] >= WORTHWHILE).sum())
    return Found(large, n_all(books), values={"n": len(found), "tested": tested, "large": large, "least": WORTHWHILE})


@register(f"{TOPIC}.begin_with")
def begin_with(books: Books, claim: Published) -> Found:
    """The strongest of the finding's outcome that is worthwhile; its own claim must exist and be measured."""
    found = strongest(books)
    large = found[found["share_explained"] >= WORTHWHILE]
    first = large[large["outcome"] == headline(books)].iloc[0]
    assert claim.rests_on == (f"{TOPIC}.finding", f"{TOPIC}.driver.{key_of(first['variable'])}")
    rests = driver(books, Published(**{**claim.__dict__, "id": claim.rests_on[1]}))
    assert rests.status == "measured"
    return Found(None, rests.n, values={"variable_name": name_of(first["variable"])}, status="advice")


@register(f"{TOPIC}.rejected.*")
def rejected(books: Books, claim: Published) -> Found:
    table = drivers(books)
    main = table[table["outcome"].isin(MAIN)]
    rows = main[main["variable"].map(key_of) == claim.last]
    name = rows["variable"].iloc[0]
    assert name in attributes(books) and not (table.loc[table["variable"] == name, "verdict"] == "influences").any()
    tested = rows.dropna(subset="p_value")
    clear = tested[tested["verdict"] == "no_evidence"]
    proxies = clear[clear["proxy"].astype(bool)].sort_values("share_explained", ascending=False, kind="stable")
    values: dict[str, Any] = {"variable_name": name_of(name), "worthwhile": WORTHWHILE}
    if len(proxies):
        values["other_name"] = name_of(proxies["given"].iloc[0])
        return Found(None, proxies["n"].iloc[0], values=values, says=("only as far",), status="no_clear_difference")
    says = "could be told" if (tested["verdict"] == "too_little_data").any() else "would probably have been seen"
    return Found(None, clear["n"].max(), values=values, says=(says,), status="no_clear_difference")


@register(f"{TOPIC}.rejected_behaviour")
def rejected_behaviour(books: Books, claim: Published) -> Found:
    table = drivers(books)
    main = table[table["outcome"].isin(MAIN)].dropna(subset="p_value")
    facts = set(main["variable"]) - attributes(books)
    n = len(facts - set(strongest(books)["variable"]))
    return Found(n, n_all(books), values={"all": len(facts), "n": n})


@register(f"{TOPIC}.left_out.*", f"{TOPIC}.left_out_others")
def left_out(books: Books, claim: Published) -> Found:
    """What is about health, origin or minors by its name; of the others how many the table of variables lists."""
    listed = books.published("driver_variables")
    names = listed.loc[listed["verdict"] == "left_out"]
    sensitive = names["reason"].str.startswith("sensitive")
    if claim.last == "left_out_others":
        n = int((~sensitive).sum())
        assert not any(map(topic_of, names.loc[~sensitive, "variable"]))
        return Found(n, values={"n": n})
    name = next(v for v in names.loc[sensitive, "variable"] if key_of(v) == claim.last)
    plain = name.removeprefix("category_share: ")
    if plain == name:
        assert name in books.people
    else:
        assert plain in set(books.products["category"])
    return Found(1, values={"name": plain, "topic": topic_of(name)})


@register(f"{TOPIC}.within")
def compared(books: Books, claim: Published) -> Found:
    table = drivers(books)
    main = table[table["outcome"].isin(MAIN) & (table["given"] != "") & (table["gain"] > 0)]
    found = main[main["verdict"] == "influences"]
    turned, gone = int(found["reversed"].astype(bool).sum()), int(main["proxy"].astype(bool).sum())
    says = "turn round there" if turned else "all keep their"
    return Found(turned, n_all(books), values={"n": len(found), "turned": turned, "gone": gone}, says=(says,))


@register(f"{TOPIC}.reversed.*")
def reversed_(books: Books, claim: Published) -> Found:
    table = drivers(books)
    main = table[table["outcome"].isin(MAIN) & (table["verdict"] == "influences") & table["reversed"].astype(bool)]
    row = main[main["variable"].map(key_of) == claim.last].iloc[0]
    values = {"variable_name": name_of(row["variable"]), "other_name": name_of(row["given"])}
    return Found(row["share_within"], row["n"], values=values)


def _usable(books: Books) -> list[str]:
    listed = books.published("driver_variables")
    return list(listed.loc[listed["kind"].isin(["attribute", "date"]) & (listed["verdict"] != "left_out"), "variable"])


@register(f"{TOPIC}.coverage")
def coverage(books: Books, claim: Published) -> Found:
    share = pd.Series({name: known(books, name).values.notna().mean() for name in _usable(books)})
    order = [name for name in books.people.columns if name in share.index]
    least = share[order].idxmin()
    whole = int((share == 1).sum())
    values = {
        "variable_name": name_of(least), "attributes": len(share), "whole": whole, "part": share[least],
        "n": n_all(books),
    }  # fmt: skip
    if not whole:
        values["best"] = share.max()
    return Found(share[least], n_all(books), values=values)


@once
def _most_alike(books: Books) -> str:
    """The attribute that is known for the same customers as most others are."""
    masks = {name: known(books, name).values.notna() for name in books.people.columns if name in _usable(books)}
    masks = {name: mask for name, mask in masks.items() if 0 < mask.mean() < 1}
    alike = {name: sum((mask == other).all() for other in masks.values()) for name, mask in masks.items()}
    return max(alike, key=lambda name: alike[name])


@register(f"{TOPIC}.known.*")
def known_or_not(books: Books, claim: Published) -> Found:
    name, after = _most_alike(books), later(books, claim.last)
    there = known(books, name).values.notna() & after.notna()
    a, b = after[there].to_numpy(float), after[after.notna() & ~there].to_numpy(float)
    difference, low, high = tests.gap(a, b, claim.last == "bought_again", 0.95)
    values = {
        "variable_name": name_of(name), "difference": difference, "low": low, "high": high, "n": len(a),
        "others": len(b), "known": a.mean(), "unknown": b.mean(), "cut": cut_of(books),
    }  # fmt: skip
    status = "measured" if not low <= 0 <= high else "no_clear_difference"
    return Found(difference, len(a), low, high, values, status=status)


@register(f"{TOPIC}.warning.known")
def warning_known(books: Books, claim: Published) -> Found:
    n = int(known(books, _most_alike(books)).values.notna().sum())
    values = {"n": n, "all": n_all(books), "part": n / n_all(books)}
    return Found(n, n_all(books), values=values)


@register(f"{TOPIC}.second.refused")
def second_refused(books: Books, claim: Published) -> Found:
    assert books.first_orders == "cut off"
    return Found(says=("cannot be told",), status="too_few")


def _days(books: Books) -> int:
    """The longest horizon for which a third of the customers were watched."""
    watched = (books.as_of - waits(books)["first"]).dt.days
    return next(d for d in (365, 180, 90, 30) if (watched >= d).mean() >= 1 / 3)


@register(f"{TOPIC}.second.overall")
def second_overall(books: Books, claim: Published) -> Found:
    table, days = waits(books), _days(books)
    share, low, high = kaplan_meier(table["days"], table["again"], days)
    values = {"days": days, "n": len(table), "hundred": round(100 * share), "low": low, "high": high}
    return Found(share, len(table), low, high, values)


def _first_day(books: Books, name: str) -> Column:
    return variable(books, books.as_of, name)


@register(f"{TOPIC}.second_most.*", f"{TOPIC}.second_least.*")
def second_ends(books: Books, claim: Published) -> Found:
    """The group that comes back most, or least, of those that differ from all others."""
    names = [*_usable(books), "first_category", "first_product", "first_order_discounted"]
    name = next(n for n in names if key_of(n) == claim.last)
    column, table, days = _first_day(books, name), waits(books), _days(books)
    table = table.assign(code=column.values.reindex(table.index))
    table = table[table["code"].notna()]
    rows = []
    for code, level in enumerate(column.levels):
        mine = table["code"] == code
        if mine.sum() < 30:
            continue
        a = kaplan_meier(table.loc[mine, "days"], table.loc[mine, "again"], days)
        b = kaplan_meier(table.loc[~mine, "days"], table.loc[~mine, "again"], days)
        down, up = np.hypot(a[0] - a[1], b[2] - b[0]), np.hypot(a[2] - a[0], b[0] - b[1])
        difference = a[0] - b[0]
        rows.append(
            {"group": level, "n": int(mine.sum()), "share": a[0], "others": b[0], "difference": difference,
             "low": difference - down, "high": difference + up, "p": log_rank(table, mine)}
        )  # fmt: skip
    found = pd.DataFrame(rows)
    clear = found[discoveries(found["p"].to_numpy(), 0) <= 0.05].sort_values("share", kind="stable")
    row = clear.iloc[-1 if "most" in claim.key else 0].to_dict()
    assert (row["difference"] > 0) == ("most" in claim.key)
    values = {k: v for k, v in row.items() if k != "p"} | {"days": days, "variable_name": name_of(name)}
    return Found(row["difference"], row["n"], row["low"], row["high"], values)


@once
def _second(books: Books) -> pd.DataFrame:
    """Every difference known on the first day, tested against a second order within the horizon, by our own tests."""
    days, table = _days(books), waits(books)
    long = table[(books.as_of - table["first"]).dt.days >= days]
    after = (long["again"] & (long["days"] <= days)).astype(float)
    names = [*_usable(books), "first_category", "first_product", "first_order_discounted"]
    columns, rows = {}, []
    for name in names:
        whole = _first_day(books, name)
        column = Column(whole.values.reindex(after.index), whole.type, whole.levels)
        used = after.index[column.values.notna()]
        columns[name] = column
        y = after[used].to_numpy(float)
        found = tests.share_explained(column, y, used)
        rows.append({"variable": name, "n": len(used), "gain": tests.predicts(column, y, used), **found})
    result = pd.DataFrame(rows)
    result["passes"] = (discoveries(result["p"].to_numpy(), 0) <= 0.05) & (result["gain"] > 0)
    result = result.sort_values(["passes", "share"], ascending=False, kind="stable", ignore_index=True)
    result = result.join(look_within(books, result, columns, after, "second_order"))
    seen = [tests.least_seen(int(df), n) for df, n in zip(result["df"], result["n"], strict=True)]
    result["verdict"] = np.select(
        [result["proxy"], result["passes"], np.array(seen) > WORTHWHILE], ["stand_in", "passed", "few"], "none"
    )
    result.attrs["n"] = len(long)
    return result


@register(f"{TOPIC}.second.tested")
def second_tested(books: Books, claim: Published) -> Found:
    found = _second(books)
    n = found["verdict"].value_counts()
    values = {
        "all": len(found), "passed": int(n.get("passed", 0)), "none": int(n.get("none", 0)), "few": int(n.get("few", 0)),
        "days": _days(books),
    }  # fmt: skip
    return Found(values["passed"], found.attrs["n"], values=values)


@register(f"{TOPIC}.second_stand_in.*")
def second_stand_in(books: Books, claim: Published) -> Found:
    found = _second(books)
    row = found[found["variable"].map(key_of) == claim.last].iloc[0]
    assert row["verdict"] == "stand_in"
    values = {"days": _days(books), "variable_name": name_of(row["variable"]), "other_name": name_of(row["given"])}
    return Found(None, found.attrs["n"], values=values, status="no_clear_difference")
