"""The ideal customers as a private file: whom to get to know, which is not whom to write to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience.evidence import template

if TYPE_CHECKING:
    from custaudience.audience import IdealCustomers
    from custaudience.study import Study

REASON = template(
    "{n:count} {n:plural order|orders} over {span:count} {span:plural day|days}, {revenue:money0} in all; silent for "
    "{days:count} {days:plural day|days}, usual gaps last up to {after:count}{engaged:sentence}{satisfied:sentence}."
)
ENGAGED = template("; responded to {responded:count} of {contacted:count} {contacted:plural campaign|campaigns}")
SATISFIED = template("; answered {score:number} of {best:number}")
LISTED = template(
    "ideal.csv: {n:count} ideal {n:plural customer|customers}, the most valuable first, to know them: for interviews, "
    "and to look for others like them. It is no list to write to: consent stands in a column, and who is held out this "
    "month is not to be asked, either."
)
NOT_LISTED = template("There is no ideal.csv: {reason:sentence}")
NOBODY = template("nobody is ideal by the cut-offs of notebook 40.")


@dataclass(frozen=True)
class IdealList:
    """The rows of ``ideal.csv`` (private), what README.txt says of it, and the line that is printed."""

    rows: pd.DataFrame
    note: str
    line: str


def ideal_list(study: Study, as_of: dt.date, *, held_out: Collection[str], language: str) -> IdealList:
    """Return the ideal customers with reason, segment, consent and whether they are held out, in a language.

    Parameters
    ----------
    study : Study
    as_of : date
    held_out : collection of str
        Customers held out from the letters of the month: an interview is a contact, too.
    language : str

    Returns
    -------
    IdealList
        Everybody who is ideal by the default cut-offs, with consent or without; without rows where nobody is.
    """
    from custaudience.present.words import render
    from custaudience.recipes import ideal_customers_at

    ideal = ideal_customers_at(study, as_of)
    if ideal.n_ideal:
        note = render(LISTED, {"n": ideal.n_ideal}, language=language)
        people = "customer" if ideal.n_ideal == 1 else "customers"
        line = f"  ideal: {ideal.n_ideal:,} {people}, to know and not to write to"
        return IdealList(_rows(study, ideal, held_out, language), note.replace("\u00a0", " "), line)
    reason: dict[str, Any] = {"reason": NOBODY}
    if ideal.refused:
        reason = {"reason": ideal.refused[0].reason, **ideal.refused[0].values}
    note = render(NOT_LISTED, reason, language=language).replace("\u00a0", " ")
    line = f"  ideal: {render(reason['reason'], reason, language='en')}".replace("\u00a0", " ")
    return IdealList(pd.DataFrame(), note, line)


def _rows(study: Study, ideal: IdealCustomers, held_out: Collection[str], language: str) -> pd.DataFrame:
    from custaudience.customers.rfm.segments import load_segment_rules
    from custaudience.present.words import label, render, translator
    from custaudience.recipes import consent_of, segments_at

    rules = load_segment_rules()
    names = {rule.key: rule.name for rule in (*rules.segments, rules.no_order)}
    table = ideal.table[ideal.table["ideal"]]
    table = table.sort_values(["revenue_total", "customer_id"], ascending=[False, True], ignore_index=True)
    segment = table["customer_id"].map(segments_at(study, ideal.as_of).set_index("customer_id")["segment"])
    t = translator(language)
    yes, no, unknown = (t(word) for word in (template("yes"), template("no"), template("not known")))
    agreed = consent_of(study)
    consent = pd.Series(unknown, index=table.index, dtype="str")
    if agreed is not None:
        given = set(agreed.index[agreed.to_numpy(dtype=bool)])
        consent = table["customer_id"].isin(given).map({True: yes, False: no})
    values = [_values(row, ideal, study.currency) for row in table.to_dict("records")]
    reasons = [render(REASON, row, language=language).replace("\u00a0", " ") for row in values]
    return pd.DataFrame(
        {
            "customer_id": table["customer_id"],
            "reason": pd.Series(reasons, index=table.index, dtype="str"),
            "segment": [label(names.get(key, key), language) for key in segment.astype("str")],
            "consent": consent,
            "held_out": table["customer_id"].isin(set(held_out)).map({True: yes, False: no}),
        }
    )


def _values(row: dict[Any, Any], ideal: IdealCustomers, currency: str) -> dict[str, Any]:
    values = {
        "n": row["n_orders"], "span": row["span_days"], "revenue": row["revenue_total"], "currency": currency,
        "days": row["days_since_last_order"], "after": row["overdue_after_days"], "engaged": "", "satisfied": "",
    }  # fmt: skip
    if row.get("n_contacted"):
        values |= {"engaged": ENGAGED, "responded": row["n_responded"], "contacted": row["n_contacted"]}
    if pd.notna(row.get("score")):
        values |= {"satisfied": SATISFIED, "score": row["score"], "best": ideal.satisfaction_best}
    return values
