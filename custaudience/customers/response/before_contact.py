"""Who was chosen, and who answered: what is known of them, and what they had bought before a campaign was sent."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.features.attributes import usable_attribute
from custaudience.customers.response.response import CampaignResponse, CampaignTables, collected
from custaudience.errors import HistoryError
from custaudience.evidence import Estimate, Terms
from custaudience.stats.contrast import gap_of_means

GROUPS = ("responded", "no_response", "not_sent")
SPEND_BEFORE = "spend_before_the_campaigns"
_QUARTERS = {"1 lowest": "lowest_quarter", "2": "second_quarter", "3": "third_quarter", "4 highest": "highest_quarter"}


def known_traits(customers: pd.DataFrame, *, until: dt.date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a column per trait that may be said of customers in groups, and which columns are left out and why."""
    traits, left_out = customers[["customer_id"]].copy(), []
    for column in customers.columns.drop("customer_id"):
        if str(column).startswith("_"):
            continue
        values, type_, reason = usable_attribute(str(column), customers[column], until=until)
        if values is None:
            left_out.append((str(column), reason))
        else:
            traits[str(column)] = values.map({True: "yes", False: "no"}) if type_ == "yes-no" else values
    return traits, pd.DataFrame(left_out, columns=["column", "reason"]).astype("str")


def in_reading_order(table: pd.DataFrame, traits: pd.DataFrame | None) -> pd.DataFrame:
    """Return `groups` or `targeting` of a `CampaignResponse` as it reads: ranges rising, quarters by name.

    The order within an attribute is that of its ordered categories in `traits`, from `known_traits`.
    """
    known = pd.DataFrame() if traits is None else traits.drop(columns="customer_id").select_dtypes("category")
    places = {(name, str(level)): i for name in known for i, level in enumerate(known[name].cat.categories)}
    first = {name: place for place, name in enumerate(table["attribute"].drop_duplicates())}
    pairs = zip(table["attribute"], table["value"], strict=True)
    keys = [(first[name], places.get((name, value), 0)) for name, value in pairs]
    result = table.iloc[sorted(range(len(table)), key=keys.__getitem__)].reset_index(drop=True)
    values = result.groupby("attribute")["value"].agg(set)
    quartered = [name for name, own in values.items() if own <= set(_QUARTERS) and own & {"1 lowest", "4 highest"}]
    named = result["value"].map(_QUARTERS).where(result["attribute"].isin(quartered), result["value"])
    return result.assign(value=named.astype("str"))


@dataclass(frozen=True)
class BeforeContact:
    """What customers bought in as many days before a campaign as it lasted, and during it.

    ``table``, a row per group (see `GROUPS`): ``group``, ``n_customers``, ``spend_before``, ``before_low``,
    ``before_high``, ``spend_during``, ``during_low``, ``during_high`` (mean net revenue per customer, those who bought
    nothing included; Student's interval), ``share_before``, ``share_during`` (who ordered). ``difference``:
    ``spend_before`` of those who responded less that of those who did not, by Welch; ``during``: the same of
    ``spend_during``, what a naive comparison would call the effect. ``sent_mean``, ``sent_deviation``: of
    ``spend_before`` over all it was sent to: what planning a test needs.
    """

    table: pd.DataFrame
    difference: Estimate
    during: Estimate
    campaign_id: str
    starts_on: dt.date
    ends_on: dt.date
    n_days: int
    n_sent: int
    sent_mean: float
    sent_deviation: float


def before_contact(
    orders: IntoFrame, tables: CampaignTables, response: CampaignResponse, terms: Terms
) -> BeforeContact:
    """Compare those who answered the largest complete campaign with those who did not, before it was sent.

    Not sent: customers with an order before the campaign who did not receive it. What those who answered bought during
    the campaign, less what the others bought, is the choice of whom to write to and the readiness to answer as much as
    any effect; how much of it was there before, this table says. Earlier campaigns may lie in the time before.
    """
    ids = ("campaign_id", "customer_id")
    sent, back = collected(tables.contacts, "contacts", *ids), collected(tables.responses, "responses", *ids)
    plan = response.campaigns[response.campaigns["status"] == "complete"].copy()
    plan["n_days"] = (plan["ends_on"] - plan["starts_on"]).dt.days + 1
    begins = plan["starts_on"] - pd.to_timedelta(plan["n_days"], unit="D")
    rest = plan["n_contacted"] - plan["n_responded"]
    enough = (plan["n_responded"] >= terms.least) & (rest >= terms.least)
    plan = plan[(begins >= pd.Timestamp(tables.observed_from)) & enough]
    if plan.empty:
        raise HistoryError(
            "No complete campaign has as many days of orders before it as it lasted, and enough customers who "
            "responded and who did not. Whether those who answer differ beforehand cannot be told."
        )
    row = plan.sort_values(["n_contacted", "starts_on"], ascending=[False, True], kind="stable").iloc[0]
    start, end, days = row["starts_on"], row["ends_on"], int(row["n_days"])
    invited = set(sent.loc[sent["campaign_id"] == row["campaign_id"], "customer_id"])
    answered = set(back.loc[back["campaign_id"] == row["campaign_id"], "customer_id"]) & invited
    spend = _spend(orders, start, days)
    everyone = pd.Index(sorted(set(spend.index[spend["known"]]) | invited), dtype="str")
    spend = spend.drop(columns="known").reindex(everyone, fill_value=0.0) / 10**terms.minor_digits
    group = np.select([everyone.isin(answered), everyone.isin(invited)], GROUPS[:2], GROUPS[2])
    mine, others = (spend[group == name] for name in GROUPS[:2])
    before, during = (_gap(mine[when], others[when], terms.level) for when in ("before", "during"))
    both = pd.concat([mine, others])["before"]
    return BeforeContact(
        pd.DataFrame([_summary(name, spend[group == name], terms.level) for name in GROUPS]),
        before, during, str(row["campaign_id"]), start.date(), end.date(), days,
        len(both), float(both.mean()), float(both.std(ddof=1)),
    )  # fmt: skip


def _spend(orders: IntoFrame, start: pd.Timestamp, days: int) -> pd.DataFrame:
    """Return per customer the net revenue, in minor units, before the start and from it on, each so many days."""
    first, last = start - pd.Timedelta(days=days), start + pd.Timedelta(days=days - 1)
    day, minor = nw.col("ordered_on"), nw.col("revenue_minor")
    began, known = start.to_pydatetime(), day < start.to_pydatetime()
    rows = nw.from_native(orders).lazy().filter(day <= last.to_pydatetime())
    rows = rows.with_columns(
        before=nw.when(known & (day >= first.to_pydatetime())).then(minor).otherwise(0),
        during=nw.when(day >= began).then(minor).otherwise(0),
        known=nw.when(known).then(1).otherwise(0),
    )
    sums = rows.group_by("customer_id").agg(nw.col("before").sum(), nw.col("during").sum(), nw.col("known").max())
    table = sums.collect(backend="pyarrow").to_native().to_pandas(ignore_metadata=True)
    table = table.astype({"customer_id": "str"}).set_index("customer_id").sort_index()
    return table.astype({"before": "float64", "during": "float64", "known": "bool"})


def _gap(mine: pd.Series, others: pd.Series, level: float) -> Estimate:
    gap = gap_of_means(mine.to_numpy(), others.to_numpy(), level)
    return Estimate(gap.difference, gap.low, gap.high, level, len(mine))


def _summary(name: str, spend: pd.DataFrame, level: float) -> dict[str, Any]:
    from statsmodels.stats.weightstats import DescrStatsW

    row: dict[str, Any] = {"group": name, "n_customers": len(spend)}
    for which in ("before", "during"):
        values = spend[which].to_numpy()
        ends = DescrStatsW(values).tconfint_mean(1 - level) if len(values) > 1 else (np.nan, np.nan)
        mean = float(values.mean()) if len(values) else np.nan
        row |= {f"spend_{which}": mean, f"{which}_low": float(ends[0]), f"{which}_high": float(ends[1])}
    return row | {f"share_{which}": (spend[which] > 0).mean() for which in ("before", "during")}
