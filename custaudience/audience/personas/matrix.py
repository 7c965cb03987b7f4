"""The matrix a persona is measured from: the customers' features, attributes given beside them, and responses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import narwhals as nw
import pandas as pd

from custaudience.audience.personas.figures import ENOUGH, Frame
from custaudience.audience.personas.words import block_of
from custaudience.customers.features.attributes import usable_attribute
from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.segments.profiles import describe_segments
from custaudience.errors import ColumnError, DataError, near_miss
from custaudience.evidence import Claim, Terms, template

_TECHNICAL = ("customer_id", "_file", "_row")
KNOWN_FOR_ALL = 0.95
"""From this share of customers on, a block is not said to be known for some only."""


def persona_matrix(
    features: CustomerFeatures,
    *,
    demographics: Any = None,
    answers: Any = None,
    contacts: Any = None,
    responses: Any = None,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Put everything known of customers beside each other.

    Parameters
    ----------
    features : CustomerFeatures
    demographics, answers : any frame Narwhals reads, optional
        One row per customer. Columns that `features` has already, and those that `usable_attribute` refuses
        (sensitive, identifying), are left out.
    contacts, responses : any frame Narwhals reads, optional
        ``customer_id``, ``campaign_id``. Rows with ``starts_on`` or ``responded_on`` after the date do not exist.

    Returns
    -------
    matrix : DataFrame, one row per customer, by ``customer_id``
        With ``responded`` (yes-no, missing = was not contacted) where contacts are known.
    kinds : dict of column to "behaviour" or "attribute"

    Raises
    ------
    DataError
        If a customer stands twice in an attribute table.
    """
    matrix = features.table.set_index("customer_id")
    matrix.index = matrix.index.astype("str")
    kinds = dict(zip(features.dictionary["column"], features.dictionary["kind"], strict=True))
    for name, given in (("demographics", demographics), ("answers", answers)):
        if given is None:
            continue
        table = _by_customer(given, name)
        new = {}
        for column in table.columns.difference([*_TECHNICAL, *matrix.columns], sort=False):
            values, _type, _remark = usable_attribute(str(column), table[column], until=features.until)
            if values is not None:
                new[str(column)] = values
                kinds[str(column)] = "attribute"
        matrix = matrix.join(pd.DataFrame(new, index=table.index)) if new else matrix
    if contacts is not None and responses is not None:
        matrix["responded"] = _responded(contacts, responses, matrix.index, features.until)
        kinds["responded"] = "attribute"
    return matrix, kinds


def _collected(frame: Any) -> pd.DataFrame:
    if isinstance(frame, pd.DataFrame):
        return frame
    table: pd.DataFrame = nw.from_native(frame).lazy().collect(backend="pyarrow").to_native().to_pandas()
    return table


def _by_customer(frame: Any, name: str) -> pd.DataFrame:
    table = _collected(frame)
    if "customer_id" not in table:
        raise ColumnError(f"{name}: column 'customer_id' not found.{near_miss('customer_id', table.columns)}")
    table = table.set_index(table["customer_id"].astype("str"))
    if table.index.has_duplicates:
        raise DataError(
            f"{name}: {int(table.index.duplicated().sum())} rows repeat a customer_id. Keep one row per customer."
        )
    return table


def _responded(contacts: Any, responses: Any, ids: pd.Index, until: dt.date) -> pd.Series:
    """Return whether a contacted customer responded to a campaign it was sent; missing where not contacted."""
    pairs = []
    for name, given, day in (("contacts", contacts, "starts_on"), ("responses", responses, "responded_on")):
        table = _collected(given)
        for column in ("customer_id", "campaign_id"):
            if column not in table:
                raise ColumnError(f"{name}: column {column!r} not found.{near_miss(column, table.columns)}")
        if day in table:
            table = table[pd.to_datetime(table[day]) < pd.Timestamp(until) + pd.Timedelta(days=1)]
        pairs.append(table[["customer_id", "campaign_id"]].astype("str").drop_duplicates())
    both = pairs[0].merge(pairs[1], how="left", on=["customer_id", "campaign_id"], indicator=True)
    hit = (both["_merge"] == "both").groupby(both["customer_id"]).any()
    return hit.reindex(ids).astype("boolean")


def coverage_claim(
    frame: Frame, matrix: pd.DataFrame, labels: pd.Series, kinds: Mapping[str, str]
) -> tuple[Claim, ...]:
    """Say for how many of a segment demographics are known, and whether those spend otherwise than the rest of it."""
    columns = [c for c in matrix if kinds.get(str(c)) == "attribute" and block_of(str(c)) == "demographics"]
    if not columns:
        return ()
    known = matrix[columns].notna().any(axis=1)
    inside = labels == frame.segment
    n, n_known, n_others = int(inside.sum()), int((known & inside).sum()), int((~inside).sum())
    if n - n_known < frame.min_group_size or n_known >= KNOWN_FOR_ALL * n:
        return ()
    common = {"statistic": "known_for", "unit": "customers", "source": "customers"}
    if n_known < frame.min_group_size:
        text = template("Known for fewer than {least:count} customers of the segment, and so not shown")
        values: dict[str, Any] = {"least": frame.min_group_size}
        return (
            frame.claim(
                "demographics_known", template=text, values=values, kind="count", value=None, n=None, status="too_few",
                method=template("Groups of fewer than {least:count} are named without figures"), **common,
            ),
        )  # fmt: skip
    values = {"known": n_known, "n": n, "share": n_known / n}
    if n_others and int((known & ~inside).sum()) >= frame.min_group_size:
        values["others"] = int((known & ~inside).sum()) / n_others
    biased = _spending(matrix.loc[inside], known[inside], frame)
    if biased is not None:
        more = biased["value"] > biased["value_others"]
        text = (
            template(
                "Known for {known:count} of {n:count} ({share:percent}), who spend more than the rest of the segment: "
                "{value:money0} against {rest:money0}. Read it as theirs"
            )
            if more
            else template(
                "Known for {known:count} of {n:count} ({share:percent}), who spend less than the rest of the segment: "
                "{value:money0} against {rest:money0}. Read it as theirs"
            )
        )
        values |= {"value": float(biased["value"]), "rest": float(biased["value_others"])}
        return (
            frame.claim(
                "demographics_known", template=text, values=values, kind="difference",
                value=float(biased["difference"]), low=float(biased["low"]), high=float(biased["high"]),
                level=frame.level, n=n_known,
                method=(
                    template("Median revenue of those with an answer against those without, within the segment")
                    if biased["statistic"] == "median"
                    else template("Mean revenue of those with an answer against those without, within the segment")
                ),
                **(common | {"unit": frame.currency}),
            ),
        )  # fmt: skip
    text = (
        template("Known for {known:count} of {n:count} ({share:percent}); of all others for {others:percent}")
        if "others" in values
        else template("Known for {known:count} of {n:count} ({share:percent})")
    )
    return (
        frame.claim(
            "demographics_known", template=text, values=values, kind="count", value=n_known, n=n,
            method=template("Customers with a value in at least one column of the block"), **common,
        ),
    )  # fmt: skip


def _spending(own: pd.DataFrame, known: pd.Series, frame: Frame) -> dict[str, Any] | None:
    """Return how those with an answer spend against those without, None where that is not clear."""
    if "revenue_total" not in own or min(int(known.sum()), int((~known).sum())) < ENOUGH:
        return None
    if own["revenue_total"].nunique() < 2:
        return None
    groups = known.map({True: "known", False: "unknown"})
    table = describe_segments(own[["revenue_total"]], groups, terms=Terms(dt.date.max, level=frame.level)).table
    rows = table[(table["segment"] == "known") & table["statistic"].isin(["mean", "median"])]
    row: dict[str, Any] | None = next((r for r in rows.to_dict("records") if r["status"] == "measured"), None)
    return row
