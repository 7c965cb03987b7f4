"""Who the ideal customers are: loyal and valuable, satisfied and engaged where anything says so."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.audience.ideal.facts import (
    MADE_FROM,
    PARTS,
    CutOffs,
    Facts,
    gather_facts,
    is_ideal,
    judge,
    least_revenue,
    share_of_total,
)
from custaudience.audience.ideal.known import (
    NO_RESPONSES,
    NO_SURVEY,
    NOBODY_CONTACTED,
    NOT_ASKED,
    MissingPart,
    Satisfaction,
    count_responses,
    read_satisfaction,
)
from custaudience.errors import ParameterError

Ask = Literal["all", "orders"]


@dataclass(frozen=True)
class IdealCustomers:
    """The ideal customers of a date, and what makes them so.

    Attributes
    ----------
    table : DataFrame, one row per customer with an order that counts, sorted by ``customer_id``
        **Private.** ``customer_id``, ``n_orders``, ``span_days`` (first order to last), ``revenue_total``,
        ``days_since_last_order``, ``overdue_after_days``, where known ``score``, ``n_contacted``, ``n_responded``;
        a "boolean" per part that can be told (NA = not known of this customer); ``ideal``.
    parts : DataFrame, one row per part
        ``part``, ``n_yes``, ``n_no``, ``n_unknown``, ``n_left`` (customers for whom this part and those above it are
        not known to fail).
    missing_parts : tuple of MissingPart
        What the study cannot tell, with the reason. One that is essential leaves nobody ideal.
    cut_offs : CutOffs
        As they were used.
    least_revenue : float
        What the last of the valuable brought; NaN when there is no top.
    satisfaction_column, satisfaction_best : str, float
        The column of the survey and the upper end of its scale; "" and NaN without.
    sensitivity : DataFrame
        ``cut_off``, ``direction`` ("as set", "lower", "higher", "left out"), ``value``, ``n_customers``,
        ``share_of_revenue``, ``n_kept`` (of the ideal as set, who stay), ``share_kept``, ``overlap`` (in both / in
        either).
    n_customers, n_ideal : int
    n_confirmed : int
        Ideal customers of whom every part that can be told is known.
    revenue, share_of_revenue, low, high : float
        Net revenue of the ideal, its share, and how far that depends on who happened to be a customer.
    level : float
    as_of : date
    """

    table: pd.DataFrame
    parts: pd.DataFrame
    missing_parts: tuple[MissingPart, ...]
    cut_offs: CutOffs
    least_revenue: float
    satisfaction_column: str
    satisfaction_best: float
    sensitivity: pd.DataFrame
    n_customers: int
    n_ideal: int
    n_confirmed: int
    revenue: float
    share_of_revenue: float
    low: float
    high: float
    level: float
    as_of: dt.date

    @property
    def refused(self) -> tuple[MissingPart, ...]:
        """Reasons why nobody can be called ideal; empty when somebody could be."""
        return tuple(part for part in self.missing_parts if part.essential)

    @property
    def is_ideal(self) -> pd.Series:
        """Whether a customer is ideal, by ``customer_id``. Private."""
        return self.table.set_index("customer_id")["ideal"]

    @property
    def asked(self) -> tuple[str, ...]:
        """The parts that could be told."""
        return tuple(part for part in PARTS if part in self.table)

    @property
    def made_from(self) -> dict[str, str]:
        """Columns of the customer features that ideal is made of, with the part: see `distinctive_traits`."""
        return {**MADE_FROM, **({"discounted_share": "engaged"} if "engaged" in self.asked else {})}


def ideal_customers(
    orders: IntoFrame,
    *,
    as_of: dt.date,
    survey: IntoFrame | None = None,
    contacts: IntoFrame | None = None,
    responses: IntoFrame | None = None,
    campaigns: IntoFrame | None = None,
    min_orders: int = 3,
    min_span_days: int = 90,
    top_share: float = 0.2,
    overdue_share: float = 0.95,
    satisfied_from: float | None = None,
    satisfaction_column: str = "",
    min_responses: int = 1,
    ask: Ask = "all",
    minor_digits: int = 2,
    level: float = 0.95,
) -> IdealCustomers:
    """Name the customers who are loyal, valuable and in their rhythm, and satisfied and engaged as far as is known.

    Parameters
    ----------
    orders : any frame Narwhals reads, one row per order
        As `orders_of` gives them; read once.
    as_of : date
        Last day that counts, inclusive.
    survey : any frame Narwhals reads, optional
        Answers of customers; see `read_satisfaction`.
    contacts, responses, campaigns : any frames Narwhals read, optional
        See `count_responses`.
    min_orders, min_span_days, top_share, overdue_share, satisfied_from, min_responses
        The cut-offs, see `CutOffs`; `IdealCustomers.sensitivity` moves each.
    satisfaction_column : str
        Of the survey; by default found by its name.
    ask : {"all", "orders"}
        "orders" leaves satisfied and engaged out although they may be known.
    minor_digits : int
    level : float
        Of the interval of the share of revenue.

    Returns
    -------
    IdealCustomers
        Nobody is ideal while an essential part cannot be told: too short a history, too few customers for a top,
        all alike, nobody seen on two days. ``refused`` says why.

    Raises
    ------
    EmptyTableError
        If nobody has an order that counts.
    ParameterError
        If a cut-off cannot be.

    Notes
    -----
    A customer who was not asked, or was sent nothing, is neither satisfied nor dissatisfied, neither engaged nor not:
    such a part is not known of them and does not exclude them. ``n_confirmed`` counts those of whom all is known.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-02", "2025-03-03", "2025-05-02"])
    >>> orders = pd.concat([
    ...     pd.DataFrame({"customer_id": who, "ordered_on": days, "revenue_minor": each, "refund_minor": 0,
    ...                   "is_order": True}) for who, each in zip("abcde", (9000, 500, 600, 700, 800))])
    >>> found = ideal_customers(orders, as_of=dt.date(2025, 6, 1))
    >>> found.table.loc[found.table["ideal"], "customer_id"].tolist(), round(found.share_of_revenue, 2)
    (['a'], 0.78)
    """
    if not 0 < level < 1:
        raise ParameterError(f"level = {level}: expected a fraction between 0 and 1.")
    cut = CutOffs(min_orders, min_span_days, top_share, overdue_share, satisfied_from, min_responses)
    facts = gather_facts(orders, as_of=as_of, minor_digits=minor_digits)
    said = _said(facts, cut, ask, survey, satisfaction_column, contacts, responses, campaigns)
    if facts.satisfaction is not None:
        cut = replace(cut, satisfied_from=facts.satisfaction.satisfied_from)
    parts, refused = judge(facts, cut)
    chosen = is_ideal(parts) if not refused else pd.Series(False, index=parts.index)
    revenue = facts.table["revenue_total"].to_numpy()
    share, low, high = share_of_total(revenue, chosen.to_numpy(dtype=bool), level)
    least = least_revenue(facts.table["revenue_total"], top_share)
    after = facts.rhythm(overdue_share)["overdue_after_days"]
    table = facts.table.assign(overdue_after_days=after).join(parts).assign(ideal=chosen.astype(bool))
    optional = [part for part in ("satisfied", "engaged") if part in parts]
    known_all = parts[optional].notna().all(axis=1) if optional else pd.Series(True, index=parts.index)
    from custaudience.audience.ideal.sensitivity import move_cut_offs

    return IdealCustomers(
        table=table.rename_axis("customer_id").reset_index(),
        parts=_counts(parts),
        missing_parts=(*refused.values(), *said),
        cut_offs=cut,
        least_revenue=float("nan") if isinstance(least, MissingPart) else least,
        satisfaction_column=facts.satisfaction.column if facts.satisfaction else "",
        satisfaction_best=facts.satisfaction.best if facts.satisfaction else float("nan"),
        sensitivity=move_cut_offs(facts, cut, chosen.to_numpy(dtype=bool), refused=bool(refused)),
        n_customers=len(table),
        n_ideal=int(chosen.sum()),
        n_confirmed=int((chosen & known_all).sum()),
        revenue=float(np.round(revenue[chosen.to_numpy(dtype=bool)].sum(), minor_digits)),
        share_of_revenue=share,
        low=low,
        high=high,
        level=level,
        as_of=as_of,
    )


def _said(
    facts: Facts,
    cut: CutOffs,
    ask: Ask,
    survey: IntoFrame | None,
    column: str,
    contacts: IntoFrame | None,
    responses: IntoFrame | None,
    campaigns: IntoFrame | None,
) -> list[MissingPart]:
    """Add to the facts what the survey and the responses say; return what they do not."""
    if ask == "orders":
        return [MissingPart(part, NOT_ASKED) for part in ("satisfied", "engaged")]
    missing = []
    ids = facts.table.index
    answers: Satisfaction | MissingPart = MissingPart("satisfied", NO_SURVEY)
    if survey is not None:
        answers = read_satisfaction(survey, ids, as_of=facts.as_of, column=column, satisfied_from=cut.satisfied_from)
    if isinstance(answers, MissingPart):
        missing.append(answers)
    else:
        facts.satisfaction = answers
        facts.table["score"] = answers.score.reindex(ids)
    if contacts is None or responses is None:
        return [*missing, MissingPart("engaged", NO_RESPONSES)]
    counts = count_responses(contacts, responses, campaigns, as_of=facts.as_of).reindex(ids).fillna(0)
    if not counts["n_contacted"].any():
        return [*missing, MissingPart("engaged", NOBODY_CONTACTED)]
    facts.has_responses = True
    facts.table[["n_contacted", "n_responded"]] = counts.astype("int64")
    return missing


def _counts(parts: pd.DataFrame) -> pd.DataFrame:
    """Count for each part who has it, who has not, of whom it is not known, and who is left after it."""
    rows = []
    for i, part in enumerate(parts.columns):
        values = parts[part]
        left = int(is_ideal(parts.iloc[:, : i + 1]).sum())
        rows.append((part, int(values.sum()), int((~values).sum()), int(values.isna().sum()), left))
    return pd.DataFrame(rows, columns=["part", "n_yes", "n_no", "n_unknown", "n_left"])
