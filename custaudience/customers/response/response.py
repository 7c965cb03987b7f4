"""Did campaigns answer: response by campaign and by group, and who had been chosen to receive them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.errors import ColumnError, EmptyTableError, HistoryError, near_miss
from custaudience.evidence import Estimate, Terms
from custaudience.stats.intervals import false_discovery_rates, share_difference, share_interval

VERSUS = ["difference", "difference_low", "difference_high"]
NO_HOLD_OUT = (
    "No campaign here has a hold-out: nobody was left out at random. Response says who answered, not what the "
    "campaigns added; those who answered would have bought something anyway."
)


@dataclass(frozen=True)
class CampaignTables:
    """What is known of campaigns, in frames that Narwhals reads.

    ``contacts``: ``campaign_id``, ``customer_id``, optional ``sent_at``; a customer sent the same campaign twice is one
    contact. ``responses``: ``customer_id``, ``campaign_id``, optional ``responded_on``, ``coupon_id``; responding twice
    is once. ``campaigns``: ``campaign_id``, ``starts_on``, ``ends_on``, optional ``kind``. ``coupons``: ``coupon_id``,
    ``campaign_id``. Campaigns that began before ``observed_from``, the first day of which orders and responses are in
    the data, are excluded; without it none is.
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
        A row per campaign, by id: ``campaign_id``, ``kind``, ``starts_on``, ``ends_on``, ``status`` (complete, still
        running, too recent, began before the data, no dates, nobody contacted), ``n_contacted`` (customers),
        ``n_responded`` (of them), ``n_responses`` (each coupon counts), ``response_rate``, ``low``, ``high`` (Wilson),
        ``difference`` (to the contacts of all other complete campaigns), ``difference_low``, ``difference_high``
        (Newcombe), ``p_value`` (Fisher), ``q_value``, ``verdict``. Rates are NaN unless the campaign is complete. With
        coupons also ``n_coupons``, ``n_coupons_used``.
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
    tables: CampaignTables, terms: Terms, *, customers: pd.DataFrame | None = None,
    segments: pd.DataFrame | None = None, wait_days: int | None = None,
) -> CampaignResponse:  # fmt: skip
    """Estimate which share of contacted customers responded, by campaign and by group.

    Parameters
    ----------
    terms : Terms
        Campaigns that begin, contacts sent and responses given after its ``as_of`` do not exist. Groups of fewer
        contacted customers than its ``least``, or of fewer others, have no row.
    customers, segments : DataFrame, optional
        ``customer_id`` (once each) and attributes, such as age or an RFM segment as of before the campaigns. A
        segment from afterwards contains the response.
    wait_days : int, optional
        Days after its end for which a campaign is too recent. By default so many that 95 % of the responses
        that came after an end had come.

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
    table = plan[["campaign_id", "kind", "starts_on", "ends_on"]]
    return table.assign(status=pd.Series(status, plan.index, dtype="str")).iloc[rank.argsort(kind="stable")]


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


def verdicts(table: pd.DataFrame, level: float) -> pd.Series:
    """Return whether each ``difference`` is found by its ``q_value``: more, less, or no clear difference."""
    found = np.where(table["difference"] > 0, "more", "less")
    found = np.where(table["q_value"] <= 1 - level, found, "no clear difference")
    return pd.Series(found, table.index, dtype="str")


def customer_attributes(customers: pd.DataFrame | None, segments: pd.DataFrame | None) -> dict[str, pd.Series]:
    """Return each attribute as a series of text by customer; numbers become quarters."""
    found: dict[str, pd.Series] = {}
    for name, frame in (("segments", segments), ("customers", customers)):
        if frame is None:
            continue
        if "customer_id" not in frame:
            raise ColumnError(f"{name}: column 'customer_id' not found; it has {list(frame.columns)}.")
        frame = frame.drop_duplicates()
        if frame["customer_id"].duplicated().any():
            raise ValueError(f"{name}: expected one row per customer_id; some have several")
        indexed = frame.set_index(frame["customer_id"].astype("str"))
        for column in indexed.columns.drop("customer_id"):
            if not str(column).startswith("_"):
                found[str(column)] = _as_text(indexed[column])
    return found


def _as_text(values: pd.Series) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return values.dropna().astype("str")
    values = values.dropna().astype("float64")
    cuts = np.unique(np.quantile(values, [0.25, 0.5, 0.75], method="inverted_cdf")) if len(values) else np.empty(0)
    names = np.array(["1 lowest", "2", "3", "4 highest"])
    return pd.Series(names[np.searchsorted(cuts, values)], values.index, dtype="str")


def group_table(sent: pd.DataFrame, attributes: dict[str, pd.Series], terms: Terms) -> pd.DataFrame:
    """Return a row per attribute and value, compared with all others within the same campaigns."""
    rows = []
    for attribute, values in attributes.items():
        known = sent.assign(value=sent["customer_id"].map(values)).dropna(subset="value")
        for value in sorted(known["value"].unique()):
            mine = (known["value"] == value).to_numpy()
            n = [known.loc[which, "customer_id"].nunique() for which in (mine, ~mine)]
            if min(n) >= max(terms.least, 2):
                rows.append((attribute, value, n[0], *_group(known, mine, terms.level)))
    columns = ["attribute", "value", "n_customers", "n_contacts", "n_responded", "response_rate", "low", "high"]
    table = pd.DataFrame(rows, columns=[*columns, *VERSUS, "p_value"])
    table["q_value"] = false_discovery_rates(table["p_value"].to_numpy(dtype="float64"))
    return table.assign(verdict=verdicts(table, terms.level)).astype({"attribute": "str", "value": "str"})


def _group(known: pd.DataFrame, mine: np.ndarray, level: float) -> tuple[float, ...]:
    """Return a group's contacts, responses, rate with interval, and difference within campaigns with its test."""
    from scipy.stats import t

    y, customer = known["responded"].to_numpy(), pd.factorize(known["customer_id"])[0]
    campaign = pd.factorize(known["campaign_id"])[0]
    n, count = int(mine.sum()), int(y[mine].sum())
    rate, low, high = clustered_share(y[mine], customer[mine], level)
    size = np.array([np.bincount(campaign, weights=which) for which in (mine, ~mine)])
    hits = np.array([np.bincount(campaign, weights=which * y) for which in (mine, ~mine)])
    both = (size > 0).all(axis=0)
    weight = np.where(both, size[0] * size[1] / size.sum(axis=0), 0.0)
    if not weight.any():
        return n, count, rate, low, high, np.nan, np.nan, np.nan, np.nan
    share = hits / np.maximum(size, 1)
    difference = float((weight * (share[0] - share[1])).sum() / weight.sum())
    row = np.where(mine, 0, 1)
    parts = (weight[campaign] / weight.sum()) * (y - share[row, campaign]) / np.maximum(size[row, campaign], 1)
    # where nobody of a few answered, the rows themselves show no spread: at least that of the pooled rate counts
    pooled = hits.sum(axis=0) / np.maximum(size.sum(axis=0), 1)
    least = (weight / weight.sum()) ** 2 * pooled * (1 - pooled) / np.maximum(size, 1)
    spread = [_clustered(parts[row == side], customer[row == side]) for side in (0, 1)]
    error = np.sqrt(np.maximum(spread, least.sum(axis=1)).sum())
    # the variance rests on few customers where one side is small
    freedom = min(len(np.unique(customer[mine])), len(np.unique(customer[~mine]))) - 1
    width = t.ppf((1 + level) / 2, freedom) * error
    p = float(2 * t.sf(abs(difference) / error, freedom)) if error > 0 else np.nan
    return n, count, rate, low, high, difference, difference - width, difference + width, p


def clustered_share(y: np.ndarray, customer: np.ndarray, level: float) -> tuple[float, float, float]:
    """Return the share of contacts that responded, with Wilson's interval at the effective number of contacts."""
    n, rate = len(y), float(y.sum() / len(y))
    # contacts of one customer are alike: as many independent ones as give the same variance
    variance = _clustered((y - rate) / n, customer)
    effective = min(n, rate * (1 - rate) / variance) if variance > 0 else len(np.unique(customer))
    _, low, high = share_interval(rate * effective, effective, level)
    return rate, low, high


def _clustered(parts: np.ndarray, cluster: np.ndarray) -> float:
    """Return the variance of a sum whose parts belong together within a cluster."""
    sums = np.bincount(cluster, weights=parts)
    m = len(np.unique(cluster))
    return float((sums**2).sum() * m / max(m - 1, 1))


def coverage_table(sent: pd.DataFrame, attributes: dict[str, pd.Series]) -> pd.DataFrame:
    """Return of how many contacts each attribute is known, and how those and the others answered."""
    rows = []
    for attribute, values in attributes.items():
        known = sent["customer_id"].isin(values.index)
        rates = [sent.loc[which, "responded"].mean() for which in (known, ~known)]
        rows.append((attribute, len(sent), int(known.sum()), known.mean(), *rates))
    columns = ["attribute", "n_contacts", "n_known", "share_known", "rate_known", "rate_unknown"]
    return pd.DataFrame(rows, columns=columns)


def targeting_table(attributes: dict[str, pd.Series], contacted: set[str], terms: Terms) -> pd.DataFrame:
    """Return who was contacted at all, by attribute and value."""
    rows = []
    for attribute, values in attributes.items():
        reached = values.index.isin(contacted)
        for value in sorted(values.unique()):
            mine = (values == value).to_numpy()
            n, count, n_other, other = (int(part.sum()) for part in (mine, reached[mine], ~mine, reached[~mine]))
            if n >= terms.least:
                versus = share_difference(count, n, other, n_other, terms.level)
                rows.append((attribute, value, n, count, *share_interval(count, n, terms.level), *versus))
    columns = ["attribute", "value", "n_customers", "n_contacted", "share_contacted", "low", "high", *VERSUS]
    return pd.DataFrame(rows, columns=columns).astype({"attribute": "str", "value": "str"})
