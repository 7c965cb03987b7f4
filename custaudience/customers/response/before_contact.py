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
from custaudience.customers.response.response import CampaignResponse
from custaudience.errors import HistoryError
from custaudience.evidence import template

GROUPS = ("responded", "no_response", "not_sent")
GROUP_NAMES = (template("Responded"), template("No response"), template("Not sent"))
SPEND_BEFORE = "spend_before_the_campaigns"
_QUARTERS = {"1 lowest": "lowest_quarter", "2": "second_quarter", "3": "third_quarter", "4 highest": "highest_quarter"}
QUARTER_NAMES = (
    template("Lowest quarter"),
    template("Second quarter"),
    template("Third quarter"),
    template("Highest quarter"),
    template("Spend before the campaigns"),
)


def known_traits(customers: pd.DataFrame, *, until: dt.date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what may be said of customers in groups: their usable traits, and which columns are left out and why.

    Parameters
    ----------
    customers : DataFrame
        ``customer_id`` and attributes.
    until : date
        Dates become days before it.

    Returns
    -------
    traits : DataFrame
        ``customer_id`` and a column per usable trait; yes-no traits as "yes" and "no".
    left_out : DataFrame
        ``column``, ``reason`` (English). Sensitive ones are among them.
    """
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

    Parameters
    ----------
    table : DataFrame
        ``attribute``, ``value`` and figures.
    traits : DataFrame or None
        From `known_traits`; its ordered categories give the order.
    """
    orders: dict[tuple[str, str], int] = {}
    for column in [] if traits is None else traits.columns.drop("customer_id"):
        if isinstance(traits[column].dtype, pd.CategoricalDtype):  # type: ignore[index]
            levels = traits[column].cat.categories  # type: ignore[index]
            orders |= {(str(column), str(level)): place for place, level in enumerate(levels)}
    places = [
        orders.get((attribute, value), 0) for attribute, value in zip(table["attribute"], table["value"], strict=True)
    ]
    first = {name: place for place, name in enumerate(table["attribute"].drop_duplicates())}
    result = table.assign(_first=table["attribute"].map(first), _place=places)
    result = result.sort_values(["_first", "_place"], kind="stable", ignore_index=True).drop(
        columns=["_first", "_place"]
    )
    values = result.groupby("attribute")["value"].transform(lambda column: set(column) <= set(_QUARTERS))
    ranked = result.groupby("attribute")["value"].transform(
        lambda column: bool(set(column) & {"1 lowest", "4 highest"})
    )
    quarters = (values.astype("bool") & ranked.astype("bool")) if len(result) else pd.Series(dtype="bool")
    return result.assign(value=result["value"].map(_QUARTERS).where(quarters, result["value"]).astype("str"))


@dataclass(frozen=True)
class BeforeContact:
    """What customers bought in as many days before a campaign as it lasted, and during it.

    Attributes
    ----------
    table : DataFrame
        A row per group (see `GROUPS`): ``group``, ``n_customers``, ``spend_before``, ``before_low``,
        ``before_high``, ``spend_during``, ``during_low``, ``during_high`` (mean net revenue per customer, those
        who bought nothing included; Student's interval), ``share_before``, ``share_during`` (who ordered).
    difference, low, high : float
        ``spend_before`` of those who responded less that of those who did not; Welch's interval.
    difference_during, low_during, high_during : float
        The same of ``spend_during``: what a naive comparison would call the effect.
    campaign_id : str
    starts_on, ends_on : date
    n_days : int
        Of the campaign, and of the time before it.
    n_sent : int
    sent_mean, sent_deviation : float
        Mean and standard deviation of ``spend_before`` over all it was sent to: what planning a test needs.
    level : float
    """

    table: pd.DataFrame
    difference: float
    low: float
    high: float
    difference_during: float
    low_during: float
    high_during: float
    campaign_id: str
    starts_on: dt.date
    ends_on: dt.date
    n_days: int
    n_sent: int
    sent_mean: float
    sent_deviation: float
    level: float


def before_contact(
    orders: IntoFrame,
    contacts: IntoFrame,
    responses: IntoFrame,
    response: CampaignResponse,
    *,
    observed_from: dt.date,
    minor_digits: int = 2,
    min_group_size: int = 10,
    level: float = 0.95,
) -> BeforeContact:
    """Compare those who answered the largest campaign with those who did not, before it was sent.

    Parameters
    ----------
    orders : any frame Narwhals reads
        As `orders_of` gives them.
    contacts, responses : any frames Narwhals reads
        As for `campaign_response`.
    response : CampaignResponse
        Says which campaigns are complete.
    observed_from : date
        First day of the orders.
    minor_digits, min_group_size, level
        Of money, of groups, of intervals.

    Returns
    -------
    BeforeContact

    Raises
    ------
    HistoryError
        If no complete campaign has as many days of orders before it as it lasted and enough customers who
        responded and who did not.

    Notes
    -----
    Not sent: customers with an order before the campaign who did not receive it. The sums are by day of the
    order. What those who answered bought during the campaign, less what the others bought, is the choice of
    whom to write to and the readiness to answer as much as any effect; how much of it was there before, this
    table says. Earlier campaigns may lie in the time before.
    """
    sent, back = (_ids(frame) for frame in (contacts, responses))
    plan = response.campaigns[response.campaigns["status"] == "complete"].copy()
    plan["n_days"] = (plan["ends_on"] - plan["starts_on"]).dt.days + 1
    begins = plan["starts_on"] - pd.to_timedelta(plan["n_days"], unit="D")
    rest = plan["n_contacted"] - plan["n_responded"]
    enough = (plan["n_responded"] >= min_group_size) & (rest >= min_group_size)
    plan = plan[(begins >= pd.Timestamp(observed_from)) & enough]
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
    spend = spend.drop(columns="known").reindex(everyone, fill_value=0.0)
    group = np.select([everyone.isin(answered), everyone.isin(invited)], GROUPS[:2], GROUPS[2])
    rows = [_summary(name, spend[group == name], 10**minor_digits, level) for name in GROUPS]
    mine, others = (spend[group == name] / 10**minor_digits for name in GROUPS[:2])
    both = pd.concat([mine, others])["before"]
    return BeforeContact(
        table=pd.DataFrame(rows),
        **_difference(mine["before"], others["before"], level, ""),
        **_difference(mine["during"], others["during"], level, "_during"),
        campaign_id=str(row["campaign_id"]),
        starts_on=start.date(),
        ends_on=end.date(),
        n_days=days,
        n_sent=len(both),
        sent_mean=float(both.mean()),
        sent_deviation=float(both.std(ddof=1)),
        level=level,
    )


def _ids(frame: IntoFrame) -> pd.DataFrame:
    lazy: nw.LazyFrame[Any] = nw.from_native(frame).lazy().select("campaign_id", "customer_id")
    table: pd.DataFrame = lazy.collect(backend="pyarrow").to_native().to_pandas(ignore_metadata=True)
    return table.astype("str")


def _spend(orders: IntoFrame, start: pd.Timestamp, days: int) -> pd.DataFrame:
    """Return per customer the net revenue, in minor units, before the start and from it on, each so many days."""
    lazy: nw.LazyFrame[Any] = nw.from_native(orders).lazy()
    first, last = start - pd.Timedelta(days=days), start + pd.Timedelta(days=days - 1)
    day, minor = nw.col("ordered_on"), nw.col("revenue_minor")
    began, known = start.to_pydatetime(), day < start.to_pydatetime()
    table = (
        lazy.filter(day <= last.to_pydatetime())
        .with_columns(
            before=nw.when(known & (day >= first.to_pydatetime())).then(minor).otherwise(0),
            during=nw.when(day >= began).then(minor).otherwise(0),
            known=nw.when(known).then(1).otherwise(0),
        )
        .group_by("customer_id")
        .agg(nw.col("before").sum(), nw.col("during").sum(), nw.col("known").max())
        .collect(backend="pyarrow")
        .to_native()
        .to_pandas(ignore_metadata=True)
    )
    table["customer_id"] = table["customer_id"].astype("str")
    table = table.set_index("customer_id").sort_index()
    return table.astype({"before": "float64", "during": "float64", "known": "bool"})


def _summary(name: str, spend: pd.DataFrame, scale: int, level: float) -> dict[str, Any]:
    row: dict[str, Any] = {"group": name, "n_customers": len(spend)}
    for which in ("before", "during"):
        values = spend[which].to_numpy() / scale
        mean = float(values.mean()) if len(values) else np.nan
        low, high = _student(values, level)
        row |= {f"spend_{which}": mean, f"{which}_low": low, f"{which}_high": high}
    for which in ("before", "during"):
        row[f"share_{which}"] = float((spend[which] > 0).mean()) if len(spend) else np.nan
    return row


def _student(values: np.ndarray, level: float) -> tuple[float, float]:
    from scipy.stats import t

    if len(values) < 2:
        return np.nan, np.nan
    width = t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - width), float(values.mean() + width)


def _difference(one: pd.Series, other: pd.Series, level: float, suffix: str) -> dict[str, float]:
    """Return a difference of means with Welch's interval, named for the result."""
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    difference = float(one.mean() - other.mean())
    low = high = difference
    if one.var() + other.var() > 0:
        compared = CompareMeans(DescrStatsW(one.to_numpy()), DescrStatsW(other.to_numpy()))
        low, high = compared.tconfint_diff(alpha=1 - level, usevar="unequal")
    return {f"difference{suffix}": difference, f"low{suffix}": float(low), f"high{suffix}": float(high)}
