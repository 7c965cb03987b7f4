"""What "ideal" is decided by: the cut-offs, and each customer's orders, value, rhythm, answers and responses."""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.audience.personas.ground import as_frame, sent_campaigns
from custaudience.customers.ground import orders_until
from custaudience.customers.response.response import collected
from custaudience.customers.rfm.scores import summarise_rfm
from custaudience.customers.rhythm import measure_rhythm
from custaudience.errors import DataError, EmptyTableError, ParameterError
from custaudience.evidence import Terms
from custaudience.stats.contrast import as_numbers
from custaudience.study.proposing.vocabulary import plain_name
from custaudience.telling import sheet

PARTS = ("loyal", "valuable", "current", "satisfied", "engaged")
_NAMES = tomllib.loads(files("custaudience.audience.ideal").joinpath("survey.toml").read_text(encoding="utf-8"))
_SCALES = {5: 4.0, 7: 6.0, 10: 9.0}  # the two best answers; of 0 to 10 the promoters, 9 and 10


@dataclass(frozen=True)
class CutOffs:
    """What is asked of an ideal customer.

    Parameters
    ----------
    min_orders, min_span_days : int
        Loyal: so many orders that count, or more; so many days, or more, from the first of them to the last.
    top_share : float
        Valuable: among this share of customers with most net revenue; who brought as much as the last of them, too,
        unless that is half of all or more.
    overdue_share : float
        Current: not silent for longer than this share of the own gaps (of everybody's, with fewer than five).
    satisfied_from : float, optional
        Satisfied: this answer or a better one. By default the promoters (9, 10) on 0 to 10, and the two best answers
        on 1 to 5, 1 to 7 and 1 to 10.
    min_responses : int
        Engaged: responded to so many campaigns, or more.
    satisfaction_column : str
        Of the survey; by default a readiness to recommend (0 to 10), else a rating, found by name.
    ask : {"all", "orders"}
        "orders" leaves satisfied and engaged out although they may be known.
    """

    min_orders: int = 3
    min_span_days: int = 90
    top_share: float = 0.2
    overdue_share: float = 0.95
    satisfied_from: float | None = None
    min_responses: int = 1
    satisfaction_column: str = ""
    ask: Literal["all", "orders"] = "all"

    def __post_init__(self) -> None:
        for name, holds, expected in (
            ("min_orders", self.min_orders >= 1, "1 or more"),
            ("min_responses", self.min_responses >= 1, "1 or more"),
            ("min_span_days", self.min_span_days >= 0, "0 or more days"),
            ("top_share", 0 < self.top_share <= 1, "a share above 0, at most 1"),
            ("overdue_share", 0 < self.overdue_share < 1, "a share between 0 and 1"),
        ):
            if not holds:
                raise ParameterError(f"{name} = {getattr(self, name)}: expected {expected}.")


@dataclass(frozen=True)
class MissingPart:
    """A part of "ideal" that the study cannot tell, and which sentence says why; essential: nobody can be ideal."""

    part: str
    case: str
    values: Mapping[str, Any] = field(default_factory=dict)
    essential: bool = False

    @property
    def reason(self) -> str:
        """Template of a sentence; `values` are what its placeholders stand for."""
        return str(sheet(__package__)["missing"][self.case])


@dataclass(frozen=True)
class Facts:
    """What the cut-offs are held against; private.

    ``table`` is by ``customer_id``, as `IdealCustomers.table`. ``cut_offs`` are filled in from the survey, ``best`` is
    the upper end of its scale.
    """

    table: pd.DataFrame
    history_days: int
    orders: nw.DataFrame
    as_of: dt.date
    cut_offs: CutOffs
    best: float = math.nan
    missing: tuple[MissingPart, ...] = ()
    _rhythms: dict[float, pd.DataFrame] = field(default_factory=dict)

    def rhythm(self, share: float) -> pd.DataFrame:
        """Return ``overdue`` and ``overdue_after_days`` by customer, computed once per share."""
        if share not in self._rhythms:
            table = measure_rhythm(self.orders, as_of=self.as_of, share=share).table.set_index("customer_id")
            self._rhythms[share] = table.reindex(self.table.index)[["overdue", "overdue_after_days"]]
        return self._rhythms[share]


def gather_facts(orders: IntoFrame, terms: Terms, cut: CutOffs, known: Mapping[str, Any]) -> Facts:
    """Read the orders once, describe every customer with one that counts, and add what other tables say of them."""
    as_of = terms.as_of
    columns = ("customer_id", "ordered_on", "revenue_minor", "refund_minor", "is_order")
    read = orders_until(orders, as_of, *columns[2:]).select(*columns).collect(backend="pyarrow")
    if not len(read):
        raise EmptyTableError(f"no order on or before {as_of}. Choose a later as_of, or check the dates in the data.")
    table = summarise_rfm(read, as_of=as_of, minor_digits=terms.minor_digits).set_index("customer_id")
    table = table[~table["refund_only"]]
    if table.empty:
        raise EmptyTableError(f"nobody has an order that counts by {as_of}: only refunds, or orders of nothing.")
    table["span_days"] = (table["last_order_on"] - table["first_order_on"]).dt.days
    # the time that was looked at, not up to the last order
    history = (pd.Timestamp(as_of) - table["first_order_on"].min()).days + 1
    kept = ["n_orders", "span_days", "revenue_total", "days_since_last_order"]
    facts = Facts(table[kept].astype({"days_since_last_order": "int64"}), history, read, as_of, cut)
    if cut.ask == "orders":
        return replace(facts, missing=tuple(MissingPart(part, "not_asked") for part in PARTS[3:]))
    return _with_responses(_with_satisfaction(facts, known.get("survey")), known)


def _with_satisfaction(facts: Facts, survey: IntoFrame | None) -> Facts:
    """Add each customer's last answer as ``score``, the scale, and from where on it is satisfied; or why not."""
    cut, ids = facts.cut_offs, facts.table.index

    def missing(case: str, **values: Any) -> Facts:
        return replace(facts, missing=(MissingPart("satisfied", case, values),))

    table = pd.DataFrame() if survey is None else as_frame(survey, "survey")
    if "customer_id" not in table:
        return missing("no_survey")
    named = {plain_name(str(column)).replace(" ", "_"): str(column) for column in table}
    best_named = (named[plain] for words in ("recommend", "rating") for plain in named if plain in _NAMES[words])
    found = cut.satisfaction_column or next(best_named, "")
    if not found:
        return missing("no_score")
    table = as_frame(table, "survey", found)
    days = table.columns.intersection(_NAMES["days"], sort=False)
    later = table[days].apply(pd.to_datetime, errors="coerce") >= pd.Timestamp(facts.as_of) + pd.Timedelta(days=1)
    table = table[~later.any(axis=1)]
    score = pd.Series(as_numbers(pd.to_numeric(table[found], errors="coerce")), index=table.index)
    who = table["customer_id"].astype("str").where(table["customer_id"].notna())
    kept = score.notna() & who.isin(ids)
    day = next((name for name in _NAMES["days"] if name in table), "")
    answers = pd.DataFrame({"who": who[kept], "score": score[kept], "day": table.loc[kept, day] if day else 0})
    if (n := int(answers["who"].duplicated().sum())) and not day:
        raise DataError(f"survey: {n} answers are of a customer who answered before, and no column says when.")
    if answers.empty:
        return missing("nobody_answered")
    last = answers.sort_values(["who", "day"], kind="stable").drop_duplicates("who", keep="last").set_index("who")
    # the scale is of everybody who answered, not only of those who have ordered
    recommend = plain_name(found).replace(" ", "_") in _NAMES["recommend"]
    best = _best(score.dropna().to_numpy(), recommend=recommend)
    if best is None and cut.satisfied_from is None:
        return missing("scale", column=found)
    start = cut.satisfied_from if cut.satisfied_from is not None else _SCALES[int(best or 0)]
    cut = replace(cut, satisfied_from=float(start), satisfaction_column=found)
    table = facts.table.assign(score=last["score"].reindex(ids))
    return replace(facts, table=table, cut_offs=cut, best=float(best or score.max()))


def _best(scores: np.ndarray, *, recommend: bool) -> int | None:
    """Return the upper end of the scale: 10, 7 or 5; None when the answers are on no such scale."""
    if recommend:
        return 10 if scores.min() >= 0 and scores.max() <= 10 else None
    if scores.min() < 1:  # 0 to 10, or something else
        return None
    return next((best for best in _SCALES if scores.max() <= best), None)


def _with_responses(facts: Facts, known: Mapping[str, Any]) -> Facts:
    """Add how many campaigns each customer was sent and responded to; or why that is not known."""
    if known.get("contacts") is None or known.get("responses") is None:
        return replace(facts, missing=(*facts.missing, MissingPart("engaged", "no_responses")))
    counts = count_responses(known, facts.as_of).reindex(facts.table.index).fillna(0).astype("int64")
    if not counts["n_contacted"].any():
        return replace(facts, missing=(*facts.missing, MissingPart("engaged", "nobody_contacted")))
    return replace(facts, table=facts.table.join(counts))


def count_responses(known: Mapping[str, Any], as_of: dt.date) -> pd.DataFrame:
    """Count by customer the campaigns sent that are over or were responded to, and those responded to."""
    pairs = sent_campaigns(known["contacts"], known["responses"], as_of)
    if known.get("campaigns") is not None:
        days = ("starts_on", "ends_on")
        campaigns = collected(known["campaigns"], "campaigns", "campaign_id", dates=days)
        still = campaigns.loc[(campaigns[[*days]] > pd.Timestamp(as_of)).any(axis=1), "campaign_id"]
        pairs = pairs[~pairs["campaign_id"].isin(still) | pairs["responded"]]
    by = pairs.groupby("customer_id")["responded"]
    return pd.DataFrame({"n_contacted": by.size(), "n_responded": by.sum().astype("int64")})


def judge(facts: Facts, cut: CutOffs) -> tuple[pd.DataFrame, tuple[MissingPart, ...]]:
    """Say of every customer which parts hold (NA = not known), and which essential ones cannot be told of anybody."""
    table, refused = facts.table, list[MissingPart]()
    parts: dict[str, pd.Series] = {}
    if facts.history_days <= cut.min_span_days:
        values = {"days": facts.history_days, "span": cut.min_span_days}
        refused.append(MissingPart("loyal", "short_history", values, essential=True))
    else:
        parts["loyal"] = (table["n_orders"] >= cut.min_orders) & (table["span_days"] >= cut.min_span_days)
    least = least_revenue(table["revenue_total"], cut.top_share)
    if isinstance(least, MissingPart):
        refused.append(least)
    else:
        parts["valuable"] = table["revenue_total"] >= least
    overdue = facts.rhythm(cut.overdue_share)["overdue"]
    if overdue.isna().all():
        refused.append(MissingPart("current", "no_rhythm", essential=True))
    else:
        parts["current"] = ~overdue.astype("boolean")
    if "score" in table and cut.satisfied_from is not None:
        parts["satisfied"] = (table["score"] >= cut.satisfied_from).astype("boolean").mask(table["score"].isna())
    if "n_responded" in table:
        answered = (table["n_responded"] >= cut.min_responses).astype("boolean")
        parts["engaged"] = answered.mask(table["n_contacted"] == 0)
    return pd.DataFrame(parts, index=table.index).astype("boolean"), tuple(refused)


def least_revenue(revenue: pd.Series, top_share: float) -> float | MissingPart:
    """Return what the last customer of the top brought, or why there is no top.

    Where half of all or more brought as much as that one, it is the least of those who brought more.
    """
    n = len(revenue)
    rank = math.ceil(round(top_share * n, 9))
    if n * top_share < 1:
        return MissingPart("valuable", "no_top", {"share": top_share}, essential=True)
    ranked = np.sort(revenue.to_numpy())[::-1]
    least = float(ranked[min(rank, n) - 1])
    if ranked[0] <= 0:
        return MissingPart("valuable", "no_revenue", essential=True)
    part = float((ranked >= least).mean())
    if top_share <= 0.5 <= part and part > rank / n:  # ties: who brought more than they is told from the rest, if any
        above = ranked[ranked > least]
        if not len(above):
            return MissingPart("valuable", "all_alike", {"part": part, "share": top_share}, essential=True)
        least = float(above[-1])
    return max(least, float(ranked[ranked > 0][-1]))  # who brought nothing is no part of a top
