"""Which differences between customers go with what they did later.

What the sentences say is counted from the verdicts of the table of pairs, which `recounts.drivers` goes through.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from recounts import associations as tests
from recounts.affinity import discoveries
from recounts.books import LEAST, Books, once
from recounts.claims import Found, Published, register
from recounts.cohorts import kaplan_meier, log_rank, waits
from recounts.drivers import (
    MAIN,
    WORTHWHILE,
    attributes,
    cut_of,
    drivers,
    headline,
    key_of,
    known,
    later,
    look_within,
    n_all,
    name_of,
    strongest,
    used_by,
)
from recounts.features import Column, topic_of, variable

TOPIC = "what_drives_behaviour"


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
        "all": len(found), "passed": int(n.get("passed", 0)), "none": int(n.get("none", 0)),
        "few": int(n.get("few", 0)), "days": _days(books),
    }  # fmt: skip
    return Found(values["passed"], found.attrs["n"], values=values)


@register(f"{TOPIC}.second_stand_in.*")
def second_stand_in(books: Books, claim: Published) -> Found:
    found = _second(books)
    row = found[found["variable"].map(key_of) == claim.last].iloc[0]
    assert row["verdict"] == "stand_in"
    values = {"days": _days(books), "variable_name": name_of(row["variable"]), "other_name": name_of(row["given"])}
    return Found(None, found.attrs["n"], values=values, status="no_clear_difference")
