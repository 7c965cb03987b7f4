"""Who answered campaigns, who was chosen, and what they had bought before."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from recounts.affinity import discoveries
from recounts.books import LEAST, Books, once
from recounts.claims import Found, Published, register
from recounts.rfm import NAMES, segments_at

TOPIC = "campaign_response"
SPEND = "spend_before_the_campaigns"
QUARTERS = ("lowest_quarter", "second_quarter", "third_quarter", "highest_quarter")
NOT_USED = {"kids_count"}  # about minors


@once
def plan(books: Books) -> pd.DataFrame:
    """The campaigns begun by the date, with ``status``, customers contacted and answered."""
    table = books.other("campaigns").set_index("campaign_id")
    table = table[table["starts_on"] <= books.as_of]
    late = (answers(books)["responded_on"] - answers(books)["campaign_id"].map(table["ends_on"])).dt.days
    assert not (late > 0).any(), "answers after the end would need a time to wait"
    begin = books.all_used["day"].min()
    table["status"] = np.select(
        [table["starts_on"] < begin, table["ends_on"] > books.as_of], ["began_before", "still_running"], "complete"
    )
    table["sent"] = contacts(books).groupby("campaign_id").size().reindex(table.index, fill_value=0)
    table["answered"] = contacts(books).groupby("campaign_id")["answered"].sum().reindex(table.index, fill_value=0)
    return table


@once
def answers(books: Books) -> pd.DataFrame:
    """Responses up to the date by customers who were sent the campaign, not before its start."""
    back, sent = books.other("responses"), books.other("contacts")[["campaign_id", "customer_id"]]
    back = back[back["responded_on"] <= books.as_of].merge(sent.drop_duplicates(), on=["campaign_id", "customer_id"])
    begins = books.other("campaigns").set_index("campaign_id")["starts_on"]
    return back[back["responded_on"] >= back["campaign_id"].map(begins)]


@once
def contacts(books: Books) -> pd.DataFrame:
    """Each customer and campaign once, with whether it was answered."""
    sent = books.other("contacts")[["campaign_id", "customer_id"]].drop_duplicates()
    back = answers(books)[["campaign_id", "customer_id"]].drop_duplicates().assign(answered=1.0)
    sent = sent.merge(back, how="left", on=["campaign_id", "customer_id"]).fillna({"answered": 0.0})
    begun = books.other("campaigns").set_index("campaign_id")["starts_on"] <= books.as_of
    return sent[sent["campaign_id"].map(begun)].rename(columns={"customer_id": "customer"})


@once
def judged(books: Books) -> pd.DataFrame:
    """Contacts of the campaigns that are complete."""
    status = plan(books)["status"]
    return contacts(books)[contacts(books)["campaign_id"].map(status) == "complete"]


@once
def traits(books: Books) -> dict[str, pd.Series]:
    """What is known of customers before the campaigns: segment, quarter of spending, and the customers table."""
    table = plan(books)
    day = table.loc[table["status"] == "complete", "starts_on"].min() - pd.Timedelta(days=1)
    before = segments_at(books, day)
    spent = before["minor"].sort_values()
    cuts = [spent.iloc[math.ceil(p * len(spent)) - 1] for p in (0.25, 0.5, 0.75)]
    quarter = before["minor"].map(lambda cents: QUARTERS[sum(cents > cut for cut in cuts)])
    people = books.people.drop(columns=["customer_id", *NOT_USED])
    return {"segment": before["segment"], SPEND: quarter} | {name: people[name].dropna() for name in people}


def _variance(parts: pd.Series, customer: pd.Series) -> float:
    """Variance of a sum whose parts belong together within a customer."""
    sums = parts.groupby(customer).sum()
    return float((sums**2).sum() * len(sums) / (len(sums) - 1))


def _share(y: pd.Series, customer: pd.Series) -> tuple[float, float, float]:
    """Share of contacts answered, with Wilson's interval at as many as independent ones would be worth."""
    rate = y.mean()
    variance = _variance((y - rate) / len(y), customer)
    effective = min(len(y), rate * (1 - rate) / variance) if variance > 0 else customer.nunique()
    low, high = proportion_confint(rate * effective, effective, method="wilson")
    return float(rate), float(low), float(high)


@once
def groups(books: Books) -> pd.DataFrame:
    """Each group against all others who were sent the same campaigns (Mantel-Haenszel over campaigns)."""
    rows = []
    for name, values in traits(books).items():
        sent = judged(books).assign(value=judged(books)["customer"].map(values)).dropna(subset="value")
        for value in sorted(sent["value"].unique()):
            mine = sent["value"] == value
            n = [sent.loc[side, "customer"].nunique() for side in (mine, ~mine)]
            if min(n) < LEAST:
                continue
            cell = sent.groupby(["campaign_id", mine])["answered"].agg(["size", "sum"]).unstack(fill_value=0)
            a, b = (cell.xs(side, axis=1, level=1) for side in (True, False))
            weight = a["size"] * b["size"] / (a["size"] + b["size"])
            weight /= weight.sum()
            rate = {True: a["sum"] / a["size"].clip(lower=1), False: b["sum"] / b["size"].clip(lower=1)}
            difference = float((weight * (rate[True] - rate[False])).sum())
            pooled = (a["sum"] + b["sum"]) / (a["size"] + b["size"])
            variance = 0.0
            for side, counts in ((True, a), (False, b)):
                some = sent[mine == side]
                at = some["campaign_id"]
                parts = at.map(weight) * (some["answered"] - at.map(rate[side])) / at.map(counts["size"])
                least = (weight**2 * pooled * (1 - pooled) / counts["size"].clip(lower=1)).sum()
                variance += max(_variance(parts, some["customer"]), float(least))
            error, freedom = math.sqrt(variance), min(n) - 1
            half = stats.t.ppf(0.975, freedom) * error
            rows.append(
                {"attribute": name, "value": value, "n": n[0], "share": sent.loc[mine, "answered"].mean(),
                 "difference": difference, "low": difference - half, "high": difference + half,
                 "p": 2 * stats.t.sf(abs(difference) / error, freedom)}
            )  # fmt: skip
    table = pd.DataFrame(rows)
    table["clear"] = discoveries(table["p"].to_numpy(), 0) <= 0.05
    return table


@register(f"{TOPIC}.judged")
def how_many(books: Books, claim: Published) -> Found:
    table = plan(books)
    n = int((table["status"] == "complete").sum())
    return Found(n, len(table), values={"n": n, "all": len(table)})


@register(f"{TOPIC}.left_out.*")
def left_out(books: Books, claim: Published) -> Found:
    n = int((plan(books)["status"] == claim.last).sum())
    return Found(n, n, values={"n": n, "wait": 0})


@register(f"{TOPIC}.rate")
def rate(books: Books, claim: Published) -> Found:
    sent = judged(books)
    share, low, high = _share(sent["answered"], sent["customer"])
    n = sent["customer"].nunique()
    return Found(share, n, low, high, {"contacts": len(sent), "n": n, "share": share, "low": low, "high": high})


@register(f"{TOPIC}.most")
def most(books: Books, claim: Published) -> Found:
    table = plan(books)[plan(books)["status"] == "complete"].copy()
    count, n = table["answered"], table["sent"]
    rest, n_rest = count.sum() - count, n.sum() - n
    fourfold = [[[a, b - a], [c, d - c]] for a, b, c, d in zip(count, n, rest, n_rest, strict=True)]
    table["q"] = discoveries(np.array([stats.fisher_exact(cells)[1] for cells in fourfold]), 0)
    table["share"] = count / n
    more = (table["q"] <= 0.05) & (table["share"] > rest / n_rest) & (count >= LEAST)
    row = table[more].sort_values(["share", "sent"], ascending=False).iloc[0]
    a, b = row["answered"], row["sent"]
    c, d = count.sum() - a, n.sum() - b
    low, high = confint_proportions_2indep(a, b, c, d, method="newcomb")
    difference = a / b - c / d
    values = {
        "campaign": str(row.name), "n": b, "share": a / b, "difference": difference, "low": low, "high": high
    }  # fmt: skip
    return Found(difference, b, low, high, values)


@register(f"{TOPIC}.groups")
def group_count(books: Books, claim: Published) -> Found:
    table = groups(books)
    n = int(table["clear"].sum())
    return Found(n, judged(books)["customer"].nunique(), values={"all": len(table), "n": n})


def _group(row: pd.Series) -> Found:
    values = {
        "attribute": row["attribute"], "group": row["value"], "share": row["share"], "difference": row["difference"],
        "low": row["low"], "high": row["high"],
    }  # fmt: skip
    near = {name: (1e-7, 1e-10) for name in ("low", "high")}
    return Found(row["difference"], int(row["n"]), row["low"], row["high"], values, near)


@register(f"{TOPIC}.segment.*")
def segment(books: Books, claim: Published) -> Found:
    table = groups(books)
    row = table[(table["attribute"] == "segment") & (table["value"] == claim.last)].iloc[0]
    assert row["clear"] and claim.last in NAMES
    return _group(row)


@register(f"{TOPIC}.spend", f"{TOPIC}.trait")
def clearest(books: Books, claim: Published) -> Found:
    table = groups(books)
    part = table[(table["attribute"] == SPEND) == (claim.key == "spend")]
    part = part[part["clear"] & (part["attribute"] != "segment")]
    return _group(part.sort_values("p", kind="stable").iloc[0])


@register(f"{TOPIC}.coverage")
def coverage(books: Books, claim: Published) -> Found:
    sent, rows = judged(books), []
    for name, values in traits(books).items():
        there = sent["customer"].isin(values.index)
        if name not in ("segment", SPEND) and 0 < there.sum() < len(sent):
            rows.append((there.mean(), name, sent.loc[there, "answered"].mean(), sent.loc[~there, "answered"].mean()))
    share, name, known, unknown = min(rows)
    return Found(share, len(sent), values={"attribute": name, "share": share, "known": known, "unknown": unknown})


@register(f"{TOPIC}.targeting")
def targeting(books: Books, claim: Published) -> Found:
    quarter = traits(books)[SPEND]
    mine, sent = quarter == "highest_quarter", quarter.index.isin(contacts(books)["customer"])
    a, n, b, m = sent[mine].sum(), mine.sum(), sent[~mine].sum(), (~mine).sum()
    low, high = confint_proportions_2indep(a, n, b, m, method="newcomb")
    values = {"share": a / n, "difference": a / n - b / m, "low": low, "high": high}
    return Found(a / n - b / m, int(n), low, high, values, says=("cannot be compared",))


@once
def largest(books: Books) -> dict[str, Any]:
    """The largest complete campaign with as many days of data before it: spending before and during, by answer."""
    table = plan(books)[plan(books)["status"] == "complete"].copy()
    table["days"] = (table["ends_on"] - table["starts_on"]).dt.days + 1
    begins = table["starts_on"] - pd.to_timedelta(table["days"], unit="D")
    both = (table["answered"] >= LEAST) & (table["sent"] - table["answered"] >= LEAST)
    table = table[(begins >= books.all_used["day"].min()) & both]
    row = table.sort_values(["sent", "starts_on"], ascending=[False, True]).iloc[0]
    sent = contacts(books)[contacts(books)["campaign_id"] == row.name].set_index("customer")["answered"]
    start, days, netted = row["starts_on"], pd.Timedelta(days=int(row["days"])), books.netted
    spend = {}
    for name, first in (("before", start - days), ("during", start)):
        inside = netted[(netted["day"] >= first) & (netted["day"] < first + days)]
        spend[name] = inside.groupby("customer")["minor"].sum().reindex(sent.index, fill_value=0) / 100
    earlier = contacts(books)["campaign_id"].map(books.other("campaigns").set_index("campaign_id")["starts_on"]) < start
    others = contacts(books)[earlier & contacts(books)["customer"].isin(sent.index)]
    return {"id": str(row.name), "days": int(row["days"]), "answered": sent == 1, "earlier": len(others), **spend}


def _welch(found: dict[str, Any], which: str) -> tuple[float, float, float, float, float]:
    a, b = found[which][found["answered"]], found[which][~found["answered"]]
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    return a.mean(), b.mean(), a.mean() - b.mean(), float(interval.low), float(interval.high)


@register(f"{TOPIC}.finding")
def finding(books: Books, claim: Published) -> Found:
    found = largest(books)
    mine, other, difference, low, high = _welch(found, "before")
    values = {
        "campaign": found["id"], "days": found["days"], "mine": mine, "other": other, "difference": difference,
        "low": low, "high": high,
    }  # fmt: skip
    # many of them had been sent another campaign before, so it is not "before anything was sent"
    says = ("before it was sent",) if found["earlier"] else ("before anything was sent",)
    return Found(difference, int(found["answered"].sum()), low, high, values, says=says)


@register(f"{TOPIC}.naive")
def naive(books: Books, claim: Published) -> Found:
    found = largest(books)
    *_, difference, low, high = _welch(found, "during")
    values = {
        "campaign": found["id"], "during": difference, "low": low, "high": high, "before": _welch(found, "before")[2]
    }  # fmt: skip
    return Found(difference, int(found["answered"].sum()), low, high, values)


@register(f"{TOPIC}.no_hold_out")
def no_hold_out(books: Books, claim: Published) -> Found:
    assert not {"held_out", "control"} & set(books.other("contacts"))
    return Found(says=("cannot be said",), status="too_few")


@register(f"{TOPIC}.hold_out")
def hold_out(books: Books, claim: Published) -> Found:
    found = largest(books)
    before = found["before"]
    amount = 0.1 * before.mean()
    n = math.ceil(TTestIndPower().solve_power(amount / before.std(ddof=1), alpha=0.05, power=0.8))
    assert claim.rests_on == (f"{TOPIC}.no_hold_out", f"{TOPIC}.finding")
    values = {"n": n, "share": 0.1, "amount": amount, "sent": len(before), "campaign": found["id"]}
    says = "send it to as many" if 2 * n <= len(before) else "Put several campaigns"
    return Found(n, len(before), values=values, says=(says,), status="advice")
