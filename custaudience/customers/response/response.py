"""Did campaigns answer: response by campaign and by group, and who had been chosen to receive them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.response.groups import (
    VERSUS,
    clustered_share,
    coverage_table,
    customer_attributes,
    group_table,
    targeting_table,
    verdicts,
)
from custaudience.errors import ColumnError, EmptyTableError, HistoryError, near_miss
from custaudience.evidence import Estimate, Terms
from custaudience.stats.intervals import false_discovery_rates, share_difference, share_interval

STATUSES = ("complete", "still running", "too recent", "began before the data", "no dates", "nobody contacted")
NO_HOLD_OUT = (
    "No campaign here has a hold-out: nobody was left out at random. Response says who answered, not what the "
    "campaigns added; those who answered would have bought something anyway."
)


@dataclass(frozen=True)
class CampaignTables:
    """What is known of campaigns.

    Attributes
    ----------
    contacts : any frame Narwhals reads
        ``campaign_id``, ``customer_id``, optional ``sent_at``; a customer sent the same campaign twice is one
        contact.
    responses : any frame Narwhals reads
        ``customer_id``, ``campaign_id``, optional ``responded_on``, ``coupon_id``. Responding twice is once.
    campaigns : any frame Narwhals reads
        ``campaign_id``, ``starts_on``, ``ends_on``, optional ``kind``.
    coupons : any frame Narwhals reads, optional
        ``coupon_id``, ``campaign_id``.
    observed_from : date, optional
        First day of which orders and responses are in the data; campaigns that began before are excluded. Without it
        none is.
    """

    contacts: IntoFrame
    responses: IntoFrame
    campaigns: IntoFrame
    coupons: IntoFrame | None = None
    observed_from: dt.date | None = None


@dataclass(frozen=True)
class CampaignResponse:
    """How contacted customers responded.

    Attributes
    ----------
    campaigns : DataFrame
        A row per campaign, by id: ``campaign_id``, ``kind``, ``starts_on``, ``ends_on``, ``status`` (see
        `STATUSES`), ``n_contacted`` (customers), ``n_responded`` (of them), ``n_responses`` (each coupon
        counts), ``response_rate``, ``low``, ``high`` (Wilson), ``difference`` (to the contacts of all other
        complete campaigns), ``difference_low``, ``difference_high`` (Newcombe), ``p_value`` (Fisher),
        ``q_value``, ``verdict``. Rates are NaN unless the campaign is complete. With coupons also
        ``n_coupons``, ``n_coupons_used``.
    n_contacts, n_responded : int
        Of complete campaigns: contacts, and those that responded.
    rate : Estimate
        Share of contacts that responded, with an interval as in `groups`; its `n` the customers they were sent to.
    groups : DataFrame
        A row per attribute and value, complete campaigns only: ``attribute``, ``value``, ``n_customers``,
        ``n_contacts``, ``n_responded`` (contacts), ``response_rate`` (of contacts), ``low``, ``high`` (Wilson,
        at the number of contacts that independent ones would need to be as informative), ``difference`` (to
        all others within the same campaigns), ``difference_low``, ``difference_high``, ``p_value``,
        ``q_value`` (over all rows), ``verdict``.
    coverage : DataFrame
        Per attribute: ``n_contacts``, ``n_known``, ``share_known``, ``rate_known``, ``rate_unknown``: whom the
        groups are about, and whether the others respond differently.
    targeting : DataFrame
        Who was contacted at all, over everybody in `segments` or `customers`: ``attribute``, ``value``,
        ``n_customers``, ``n_contacted``, ``share_contacted``, ``low``, ``high`` (Wilson), ``difference`` (to
        all others), ``difference_low``, ``difference_high`` (Newcombe). Numbers appear as quarters of their
        range ("1 lowest" to "4 highest").
    n_uninvited, n_without_campaign, n_outside : int
        Responses left out: of customers who had not been sent the campaign; with no campaign or an unknown one;
        dated before the start of their campaign.
    wait_days : int
        How long after its end a campaign still counts as open.
    notes : tuple of str
        What a reader must know, in English; `NO_HOLD_OUT` is the first.
    as_of : date
    """

    campaigns: pd.DataFrame
    n_contacts: int
    n_responded: int
    rate: Estimate
    groups: pd.DataFrame
    coverage: pd.DataFrame
    targeting: pd.DataFrame
    n_uninvited: int
    n_without_campaign: int
    n_outside: int
    wait_days: int
    notes: tuple[str, ...]
    as_of: dt.date


def campaign_response(
    tables: CampaignTables,
    terms: Terms,
    *,
    customers: pd.DataFrame | None = None,
    segments: pd.DataFrame | None = None,
    wait_days: int | None = None,
) -> CampaignResponse:
    """Estimate which share of contacted customers responded, by campaign and by group.

    Parameters
    ----------
    tables : CampaignTables
    terms : Terms
        Campaigns that begin, contacts sent and responses given after its ``as_of`` do not exist. Groups of fewer
        contacted customers than its ``least``, or of fewer others, have no row.
    customers, segments : DataFrame, optional
        ``customer_id`` (once each) and attributes, such as age or an RFM segment as of before the campaigns. A
        segment from afterwards contains the response.
    wait_days : int, optional
        Days after its end for which a campaign is too recent. By default so many that 95 % of the responses
        that came after an end had come.

    Returns
    -------
    CampaignResponse

    Raises
    ------
    EmptyTableError
        If there is no contact.
    HistoryError
        If no campaign is complete.
    ColumnError
        If a column is missing.

    Notes
    -----
    **Targeting is not effect.** Campaigns are sent to chosen customers, so a comparison of those contacted
    with those not measures the choice; no effect is given here. Groups are compared with all others who were
    sent the same campaigns: the risk difference of Mantel and Haenszel (1959) over campaigns, its variance by
    customers, who each hold several contacts, but on each side at least that of independent contacts at the
    rate of both, its interval after Student with the customers of the smaller side. That tells who answers
    more, not why. Between campaigns contacts count as independent, although a customer may hold several: take
    a close call there for none.

    Examples
    --------
    >>> sent = pd.DataFrame({"campaign_id": "1", "customer_id": ["a", "b", "c", "d"]})
    >>> back = pd.DataFrame({"campaign_id": ["1"], "customer_id": ["b"]})
    >>> plan = pd.DataFrame({"campaign_id": ["1"], "starts_on": [pd.Timestamp("2025-01-01")],
    ...     "ends_on": [pd.Timestamp("2025-01-31")]})
    >>> found = campaign_response(CampaignTables(sent, back, plan), Terms(dt.date(2025, 3, 31)))
    >>> float(found.campaigns["response_rate"].iloc[0])
    0.25
    """
    if not isinstance(terms.as_of, dt.date):
        raise ValueError(f"as_of: expected a datetime.date, got {terms.as_of!r}")
    today = pd.Timestamp(terms.as_of)
    sent = collected(tables.contacts, "contacts", "campaign_id", "customer_id", dates=("sent_at",))
    sent = sent[~(sent.pop("sent_at") > today)].drop_duplicates(ignore_index=True)
    if sent.empty:
        raise EmptyTableError("contacts: nobody was contacted. Without contacts there is no rate; count responses.")
    plan = collected(tables.campaigns, "campaigns", "campaign_id", dates=("starts_on", "ends_on"), optional=("kind",))
    ids = ("customer_id", "campaign_id")
    back = collected(tables.responses, "responses", *ids, dates=("responded_on",), optional=("coupon_id",))
    later = plan["starts_on"] > today
    back = back[~((back["responded_on"] > today) | back["campaign_id"].isin(plan.loc[later, "campaign_id"]))]
    plan = plan[~later].reset_index(drop=True)
    sent = sent[sent["campaign_id"].isin(plan["campaign_id"])]
    back, left_out = _usable(back, plan, sent)
    wait = _usual_wait(back, plan) if wait_days is None else wait_days
    table = _statuses(plan, sent, today, wait, tables.observed_from)
    complete = table.loc[table["status"] == "complete", "campaign_id"]
    if complete.empty:
        counts = ", ".join(f"{n} {status}" for status, n in table["status"].value_counts().items())
        raise HistoryError(
            f"No campaign is complete by {terms.as_of} ({counts}). Choose a later as_of; count responses so far."
        )
    pairs = back[["campaign_id", "customer_id"]].drop_duplicates()
    sent = sent.merge(pairs.assign(responded=1.0), how="left", on=["campaign_id", "customer_id"])
    sent["responded"] = sent["responded"].fillna(0.0)
    table = _campaign_table(table, sent, back, terms.level)
    if tables.coupons is not None:
        offered = collected(tables.coupons, "coupons", "coupon_id", "campaign_id")
        for name, rows in (("n_coupons", offered), ("n_coupons_used", back)):
            counts = rows.groupby("campaign_id")["coupon_id"].nunique()
            table[name] = table["campaign_id"].map(counts).fillna(0).astype("int64")
    attributes = customer_attributes(customers, segments)
    closed = sent[sent["campaign_id"].isin(complete)]
    responded, (customer, people) = closed["responded"].to_numpy(), pd.factorize(closed["customer_id"])
    return CampaignResponse(
        table, len(closed), int(responded.sum()),
        Estimate(*clustered_share(responded, customer, terms.level), terms.level, len(people)),
        group_table(closed, attributes, terms), coverage_table(closed, attributes),
        targeting_table(attributes, set(sent["customer_id"]), terms),
        *left_out, wait, _notes(table, tables.observed_from), terms.as_of,
    )  # fmt: skip


def collected(
    frame: IntoFrame, name: str, *ids: str, dates: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Collect some columns: ids as text, dates as days; those of `dates` and `optional` may be absent."""
    lazy: nw.LazyFrame[Any] = nw.from_native(frame).lazy()
    schema = lazy.collect_schema()
    for column in ids:
        if column not in schema:
            raise ColumnError(
                f"{name}: column {column!r} not found; it has {', '.join(schema)}.{near_miss(column, schema)}"
            )
    wanted = [column for column in (*ids, *dates, *optional) if column in schema]
    table: pd.DataFrame = lazy.select(wanted).collect(backend="pyarrow").to_native().to_pandas(ignore_metadata=True)
    for column in (*ids, *optional):
        table[column] = table[column].astype("str") if column in table else pd.Series(pd.NA, table.index, dtype="str")
    for column in dates:
        day = pd.to_datetime(table[column]) if column in table else pd.Series(pd.NaT, table.index)
        table[column] = day.astype("datetime64[us]").dt.normalize()
    return table


def _usable(back: pd.DataFrame, plan: pd.DataFrame, sent: pd.DataFrame) -> tuple[pd.DataFrame, tuple[int, int, int]]:
    """Keep responses to a campaign that the customer was sent; return also how many were left out, and why."""
    known = back["campaign_id"].isin(plan["campaign_id"])
    start = plan.set_index("campaign_id")["starts_on"].reindex(back["campaign_id"]).to_numpy()
    outside = known & (back["responded_on"] < start)
    keys = ["campaign_id", "customer_id"]
    invited = pd.MultiIndex.from_frame(back[keys]).isin(pd.MultiIndex.from_frame(sent[keys]))
    uninvited = known & ~outside & ~invited
    return back[known & ~outside & invited], (int(uninvited.sum()), int((~known).sum()), int(outside.sum()))


def _usual_wait(back: pd.DataFrame, plan: pd.DataFrame) -> int:
    """Return the days after an end in which 95 % of late responses came; 0 when none ever did."""
    end = plan.set_index("campaign_id")["ends_on"].reindex(back["campaign_id"]).to_numpy()
    late = (back["responded_on"] - end).dt.days
    late = late[late > 0].sort_values().to_numpy()
    return int(late[int(np.ceil(0.95 * len(late))) - 1]) if len(late) else 0


def _statuses(
    plan: pd.DataFrame, sent: pd.DataFrame, today: pd.Timestamp, wait: int, observed_from: dt.date | None
) -> pd.DataFrame:
    end = plan["ends_on"]
    began_before = plan["starts_on"] < pd.Timestamp(observed_from) if observed_from else pd.Series(False, plan.index)
    checks = {
        "no dates": end.isna() | plan["starts_on"].isna(),
        "began before the data": began_before,
        "still running": end > today,
        "too recent": end + pd.Timedelta(days=wait) > today,
        "nobody contacted": ~plan["campaign_id"].isin(sent["campaign_id"]),
    }
    status = np.select(list(checks.values()), list(checks), "complete")
    # by number where ids are numbers: 2 before 10
    rank = plan["campaign_id"].str.zfill(int(plan["campaign_id"].str.len().max()) if len(plan) else 1)
    table = plan[["campaign_id", "kind", "starts_on", "ends_on"]].assign(
        status=pd.Series(status, plan.index, dtype="str")
    )
    return table.iloc[rank.argsort(kind="stable")]


def _campaign_table(table: pd.DataFrame, sent: pd.DataFrame, back: pd.DataFrame, level: float) -> pd.DataFrame:
    """Add counts to every campaign, and to complete ones their rates, compared with the contacts of all others."""
    from scipy.stats import fisher_exact

    by = sent.groupby("campaign_id")["responded"]
    counts = {"n_contacted": by.size(), "n_responded": by.sum(), "n_responses": back.groupby("campaign_id").size()}
    table = table.reset_index(drop=True)
    for name, values in counts.items():
        table[name] = table["campaign_id"].map(values).fillna(0).astype("int64")
    done = table[table["status"] == "complete"]
    count, n = done["n_responded"], done["n_contacted"]
    rows = []
    for a, b, c, d in zip(count, n, count.sum() - count, n.sum() - n, strict=True):
        p_value = fisher_exact([[a, b - a], [c, d - c]])[1] if d else np.nan
        rows.append((*share_interval(a, b, level), *share_difference(a, b, c, d, level), p_value))
    result = pd.DataFrame(rows, done.index, columns=["response_rate", "low", "high", *VERSUS, "p_value"])
    result["q_value"] = false_discovery_rates(result["p_value"].to_numpy())
    return table.join(result.assign(verdict=verdicts(result, level)))


def _notes(table: pd.DataFrame, observed_from: dt.date | None) -> tuple[str, ...]:
    notes = [NO_HOLD_OUT]
    excluded = table.loc[table["status"] != "complete", "status"].value_counts()
    if len(excluded):
        kinds = ", ".join(f"{n} {status}" for status, n in excluded.items())
        notes.append(f"{excluded.sum()} of {len(table)} campaigns are left out of all rates: {kinds}.")
    if observed_from is None:
        notes.append("Not checked: whether campaigns began before the first response that the data could hold.")
    return tuple(notes)
