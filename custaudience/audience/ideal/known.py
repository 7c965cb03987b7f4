"""What a survey says of satisfaction and responses say of engagement, as far as they say anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.errors import ColumnError, DataError, near_miss
from custaudience.evidence import template
from custaudience.stats.columns import as_numbers
from custaudience.study.proposing.vocabulary import plain_name

_RECOMMEND = frozenset(
    "nps recommend recommendation likelihood_to_recommend net_promoter_score готовність_рекомендувати рекомендація "
    "порекомендуєте готовность_рекомендовать рекомендация порекомендуете".split()
)
_RATING = frozenset(
    "rating satisfaction csat satisfied score stars оцінка задоволеність задоволення оценка удовлетворенность "
    "đánh_giá hài_lòng".split()
)
_DAYS = ("answered_at", "answered_on", "responded_on", "sent_at", "date")
_SCALES = {5: 4.0, 7: 6.0, 10: 9.0}  # the two best answers; of 0 to 10 the promoters, 9 and 10


@dataclass(frozen=True)
class MissingPart:
    """A part of "ideal" that the study cannot tell.

    Attributes
    ----------
    part : {"loyal", "valuable", "current", "satisfied", "engaged"}
    reason : str
        Template of a sentence.
    values : mapping
        What its placeholders stand for.
    essential : bool
        Without it nobody can be called ideal.
    """

    part: str
    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)
    essential: bool = False


@dataclass(frozen=True)
class Satisfaction:
    """What customers answered last.

    Attributes
    ----------
    score : Series of float by ``customer_id``
        Only who answered by the date.
    column : str
        Of the survey.
    satisfied_from : float
        From this answer on a customer counts as satisfied.
    best : float
        Upper end of the scale.
    """

    score: pd.Series
    column: str
    satisfied_from: float
    best: float


NO_SURVEY = template("Whether they are satisfied is not known: the study has no survey that names customers.")
NO_SCORE = template(
    "Whether they are satisfied is not known: no column of the survey is a rating or a readiness to recommend."
)
SCALE = template(
    "Whether they are satisfied cannot be said: the answers in “{column:text}” are on no scale that is known. Say from "
    "which answer on a customer is satisfied."
)
NOBODY_ANSWERED = template("Whether they are satisfied is not known: no customer who has ordered answered by then.")
NO_RESPONSES = template("Whether they are engaged is not known: the study has no contacts and responses.")
NOBODY_CONTACTED = template(
    "Whether they are engaged is not known: no campaign that a customer was sent was over by then."
)
NOT_ASKED = template("It was left out on purpose: only orders are asked.")


def read_satisfaction(
    survey: IntoFrame, ids: pd.Index, *, as_of: dt.date, column: str = "", satisfied_from: float | None = None
) -> Satisfaction | MissingPart:
    """Read each customer's last answer about satisfaction.

    Parameters
    ----------
    survey : any frame Narwhals reads
        ``customer_id`` and a column with scores. Where a customer answered twice a date is needed (``answered_at``):
        the last answer by `as_of` counts.
    ids : Index
        Customers who have ordered.
    as_of : date
    column : str
        By default a readiness to recommend (0 to 10), else a rating, found by name.
    satisfied_from : float, optional
        By default the promoters (9, 10) on 0 to 10, and the two best answers on 1 to 5, 1 to 7 and 1 to 10.

    Returns
    -------
    Satisfaction, or MissingPart when the survey does not say

    Raises
    ------
    ColumnError
        If `column` or ``customer_id`` is not there.
    DataError
        If a customer answered twice and nothing says when.
    """
    table = _collected(survey)
    if "customer_id" not in table:
        return MissingPart("satisfied", NO_SURVEY)
    if column and column not in table:
        raise ColumnError(f"survey: column {column!r} not found.{near_miss(column, table.columns)}")
    found = column or _score_column(table.columns)
    if not found:
        return MissingPart("satisfied", NO_SCORE)
    table = _until(table, as_of)
    score = pd.Series(as_numbers(pd.to_numeric(table[found], errors="coerce")), index=table.index)
    who = table["customer_id"].astype("str").where(table["customer_id"].notna())
    kept = score.notna() & who.isin(ids)
    day = next((name for name in _DAYS if name in table), "")
    answers = pd.DataFrame({"who": who[kept], "score": score[kept], "day": table.loc[kept, day] if day else 0})
    if answers["who"].duplicated().any() and not day:
        n = int(answers["who"].duplicated().sum())
        raise DataError(f"survey: {n} answers are of a customer who answered before, and no column says when.")
    if answers.empty:
        return MissingPart("satisfied", NOBODY_ANSWERED)
    last = answers.sort_values(["who", "day"], kind="stable").drop_duplicates("who", keep="last").set_index("who")
    # the scale is of everybody who answered, not only of those who have ordered
    best = _best(score.dropna().to_numpy(), recommend=plain_name(found).replace(" ", "_") in _RECOMMEND)
    if best is None and satisfied_from is None:
        return MissingPart("satisfied", SCALE, {"column": found})
    start = satisfied_from if satisfied_from is not None else _SCALES[int(best or 0)]
    return Satisfaction(last["score"].rename_axis("customer_id"), found, float(start), float(best or score.max()))


def count_responses(
    contacts: IntoFrame, responses: IntoFrame, campaigns: IntoFrame | None, *, as_of: dt.date
) -> pd.DataFrame:
    """Count the campaigns each customer was sent and responded to.

    Parameters
    ----------
    contacts, responses : any frame Narwhals reads
        ``customer_id``, ``campaign_id``; rows dated after `as_of` do not exist.
    campaigns : any frame Narwhals reads, optional
        ``campaign_id``, ``starts_on``, ``ends_on``: who was sent a campaign that still ran can yet respond, and only
        counts when they did.
    as_of : date

    Returns
    -------
    DataFrame by ``customer_id``
        ``n_contacted`` (campaigns that are over, or that the customer responded to), ``n_responded`` (of them).
    """
    key = ["customer_id", "campaign_id"]
    sent, answered = (_until(_collected(frame), as_of) for frame in (contacts, responses))
    for name, table in (("contacts", sent), ("responses", answered)):
        for column in key:
            if column not in table:
                raise ColumnError(f"{name}: column {column!r} not found.{near_miss(column, table.columns)}")
    pairs = sent[key].dropna().astype("str").drop_duplicates()
    hits = answered[key].dropna().astype("str").drop_duplicates().assign(responded=True)
    pairs = pairs.merge(hits, on=key, how="left")
    pairs["responded"] = pairs["responded"].notna()
    if campaigns is not None:
        pairs = pairs[~pairs["campaign_id"].isin(_open(_collected(campaigns), as_of)) | pairs["responded"]]
    by = pairs.groupby("customer_id")["responded"]
    return pd.DataFrame({"n_contacted": by.size(), "n_responded": by.sum().astype("int64")})


def _open(campaigns: pd.DataFrame, as_of: dt.date) -> set[str]:
    """Return the campaigns that had not begun or were not over on a day, as far as they have dates."""
    edge = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    still = np.zeros(len(campaigns), dtype=bool)
    for column in ("starts_on", "ends_on"):
        if column in campaigns:
            still |= (pd.to_datetime(campaigns[column]) >= edge).to_numpy()
    return set(campaigns.loc[still, "campaign_id"].astype("str"))


def _collected(frame: Any) -> pd.DataFrame:
    if isinstance(frame, pd.DataFrame):
        return frame
    table: pd.DataFrame = nw.from_native(frame).lazy().collect(backend="pyarrow").to_native().to_pandas()
    return table


def _until(table: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    for column in _DAYS:
        if column in table:
            day = pd.to_datetime(table[column], errors="coerce")
            table = table[day.isna() | (day < pd.Timestamp(as_of) + pd.Timedelta(days=1))]
    return table


def _score_column(columns: Sequence[str] | pd.Index) -> str:
    named = {plain_name(str(column)).replace(" ", "_"): str(column) for column in columns}
    for words in (_RECOMMEND, _RATING):
        for plain, column in named.items():
            if plain in words:
                return column
    return ""


def _best(scores: np.ndarray, *, recommend: bool) -> int | None:
    """Return the upper end of the scale: 10, 7 or 5; None when the answers are on no such scale."""
    if recommend:
        return 10 if scores.min() >= 0 and scores.max() <= 10 else None
    if scores.min() < 1:  # 0 to 10, or something else
        return None
    return next((best for best in _SCALES if scores.max() <= best), None)
