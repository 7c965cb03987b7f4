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
from custaudience.stats.discovery import false_discovery_rates
from custaudience.stats.intervals import share_difference, share_interval

STATUSES = ("complete", "still running", "too recent", "began before the data", "no dates", "nobody contacted")
NO_HOLD_OUT = (
    "No campaign here has a hold-out: nobody was left out at random. Response says who answered, not what the "
    "campaigns added; those who answered would have bought something anyway."
)


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
    n_contacts, n_responded, n_customers : int
        Of complete campaigns: contacts, those that responded, and the customers they were sent to.
    response_rate, low, high : float
        Share of contacts that responded, with an interval as in `groups`.
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
    n_customers: int
    response_rate: float
    low: float
    high: float
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
    contacts: IntoFrame,
    responses: IntoFrame,
    campaigns: IntoFrame,
    *,
    as_of: dt.date,
    customers: pd.DataFrame | None = None,
    segments: pd.DataFrame | None = None,
    coupons: IntoFrame | None = None,
    observed_from: dt.date | None = None,
    wait_days: int | None = None,
    min_group_size: int = 10,
    level: float = 0.95,
    max_fdr: float = 0.05,
) -> CampaignResponse:
    """Estimate which share of contacted customers responded, by campaign and by group.

    Parameters
    ----------
    contacts : any frame Narwhals reads
        ``campaign_id``, ``customer_id``, optional ``sent_at``; a customer sent the same campaign twice is one
        contact.
    responses : any frame Narwhals reads
        ``customer_id``, ``campaign_id``, optional ``responded_on``, ``coupon_id``. Responding twice is once.
    campaigns : any frame Narwhals reads
        ``campaign_id``, ``starts_on``, ``ends_on``, optional ``kind``.
    as_of : date
        Last day that counts, inclusive: campaigns that begin, contacts sent and responses given later do not exist.
    customers, segments : DataFrame, optional
        ``customer_id`` (once each) and attributes, such as age or an RFM segment as of before the campaigns. A
        segment from afterwards contains the response.
    coupons : any frame Narwhals reads, optional
        ``coupon_id``, ``campaign_id``.
    observed_from : date, optional
        First day of which responses are in the data; campaigns that began before are excluded. Without it
        none is.
    wait_days : int, optional
        Days after its end for which a campaign is too recent. By default so many that 95 % of the responses
        that came after an end had come.
    min_group_size : int
        Groups of fewer contacted customers, or of fewer others, have no row.
    level, max_fdr : float

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
    >>> found = campaign_response(sent, back, plan, as_of=dt.date(2025, 3, 31))
    >>> float(found.campaigns["response_rate"].iloc[0])
    0.25
    """
    if not isinstance(as_of, dt.date):
        raise ValueError(f"as_of: expected a datetime.date, got {as_of!r}")
    today = pd.Timestamp(as_of)
    sent = _read(contacts, "contacts", "campaign_id", "customer_id", dates=("sent_at",))
    sent = sent[~(sent.pop("sent_at") > today)].drop_duplicates(ignore_index=True)
    if sent.empty:
        raise EmptyTableError("contacts: nobody was contacted. Without contacts there is no rate; count responses.")
    plan = _read(campaigns, "campaigns", "campaign_id", dates=("starts_on", "ends_on"), optional=("kind",))
    back = _read(responses, "responses", "customer_id", "campaign_id", dates=("responded_on",), optional=("coupon_id",))
    later = plan["starts_on"] > today
    back = back[~((back["responded_on"] > today) | back["campaign_id"].isin(plan.loc[later, "campaign_id"]))]
    plan = plan[~later].reset_index(drop=True)
    sent = sent[sent["campaign_id"].isin(plan["campaign_id"])]
    back, left_out = _usable(back, plan, sent)
    wait = _usual_wait(back, plan) if wait_days is None else wait_days
    table = _statuses(plan, sent, as_of, wait, observed_from)
    complete = table.loc[table["status"] == "complete", "campaign_id"]
    if complete.empty:
        counts = ", ".join(f"{n} {status}" for status, n in table["status"].value_counts().items())
        raise HistoryError(
            f"No campaign is complete by {as_of} ({counts}). Choose a later as_of; count responses so far."
        )
    pairs = back[["campaign_id", "customer_id"]].drop_duplicates()
    sent = sent.merge(pairs.assign(responded=1.0), how="left", on=["campaign_id", "customer_id"])
    sent["responded"] = sent["responded"].fillna(0.0)
    table = _campaign_table(table, sent, back, level, max_fdr)
    if coupons is not None:
        offered = _read(coupons, "coupons", "coupon_id", "campaign_id")
        for name, rows in (("n_coupons", offered), ("n_coupons_used", back)):
            counts = rows.groupby("campaign_id")["coupon_id"].nunique()
            table[name] = table["campaign_id"].map(counts).fillna(0).astype("int64")
    attributes = customer_attributes(customers, segments)
    closed = sent[sent["campaign_id"].isin(complete)]
    return CampaignResponse(
        table,
        len(closed),
        int(closed["responded"].sum()),
        closed["customer_id"].nunique(),
        *clustered_share(closed["responded"].to_numpy(), pd.factorize(closed["customer_id"])[0], level),
        group_table(closed, attributes, min_group_size, level, max_fdr),
        coverage_table(closed, attributes),
        targeting_table(attributes, set(sent["customer_id"]), min_group_size, level),
        *left_out, wait, _notes(table, observed_from), as_of,
    )  # fmt: skip


def _read(
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
    plan: pd.DataFrame, sent: pd.DataFrame, as_of: dt.date, wait: int, observed_from: dt.date | None
) -> pd.DataFrame:
    end, today = plan["ends_on"], pd.Timestamp(as_of)
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
    return plan.assign(status=pd.Series(status, plan.index, dtype="str")).iloc[rank.argsort(kind="stable")]


def _campaign_table(
    table: pd.DataFrame, sent: pd.DataFrame, back: pd.DataFrame, level: float, max_fdr: float
) -> pd.DataFrame:
    from scipy.stats import fisher_exact

    by = sent.groupby("campaign_id")["responded"]
    ids = table["campaign_id"]
    table = table.assign(
        n_contacted=ids.map(by.size()).fillna(0).astype("int64"),
        n_responded=ids.map(by.sum()).fillna(0).astype("int64"),
        n_responses=ids.map(back.groupby("campaign_id").size()).fillna(0).astype("int64"),
    ).reset_index(drop=True)
    done = table[table["status"] == "complete"]
    count, n = done["n_responded"], done["n_contacted"]
    shares = [share_interval(*pair, level) for pair in zip(count, n, strict=True)]
    result = pd.DataFrame(shares, done.index, columns=["response_rate", "low", "high"])
    rest, n_rest = count.sum() - count, n.sum() - n
    rows = [share_difference(*four, level) for four in zip(count, n, rest, n_rest, strict=True)]
    result[VERSUS] = np.array(rows, dtype="float64").reshape(-1, 3)
    result["p_value"] = [
        fisher_exact([[a, b - a], [c, d - c]])[1] if d else np.nan
        for a, b, c, d in zip(count, n, rest, n_rest, strict=True)
    ]
    result["q_value"] = false_discovery_rates(result["p_value"].to_numpy(dtype="float64"))
    result["verdict"] = verdicts(result["difference"], result["q_value"].to_numpy(), max_fdr)
    table = table.join(result)
    order = ["campaign_id", "kind", "starts_on", "ends_on", "status", "n_contacted", "n_responded", "n_responses"]
    return table[[*order, "response_rate", "low", "high", *VERSUS, "p_value", "q_value", "verdict"]]


def _notes(table: pd.DataFrame, observed_from: dt.date | None) -> tuple[str, ...]:
    notes = [NO_HOLD_OUT]
    excluded = table.loc[table["status"] != "complete", "status"].value_counts()
    if len(excluded):
        kinds = ", ".join(f"{n} {status}" for status, n in excluded.items())
        notes.append(f"{excluded.sum()} of {len(table)} campaigns are left out of all rates: {kinds}.")
    if observed_from is None:
        notes.append("Not checked: whether campaigns began before the first response that the data could hold.")
    return tuple(notes)
