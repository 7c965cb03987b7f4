"""What a report may say of lists to write to: how many, who agreed, what they do by themselves, how to judge it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from custaudience.customers.contacts.lists import LIST_NAMES, LISTS, ContactLists, count_lists, count_overlap
from custaudience.customers.contacts.outcomes import MIN_ARM, hold_out_needed
from custaudience.evidence import Claim, Status, template

SLUG = "whom_to_write_to"
_RULES = {
    "overdue": template(
        "Silent for longer than the order statistic of their own gaps, or of all gaps where they have fewer than five, "
        "and for no more than twice as long."
    ),
    "missing": template(
        "The last purchase of the one thing, with nothing of the other bought around it, once the time for it is over."
    ),
    "regular": template(
        "Gaps between purchases of a thing more even than random ones (Moran's test, false-discovery control), and "
        "the thing not given up."
    ),
}
_FEW = template("Fewer than {least:count} customers are on the list “{list:term}”.")


def contact_claims(
    lists: ContactLists,
    before: pd.DataFrame,
    *,
    after: dt.date,
    effect: float,
    currency: str,
    min_group_size: int,
    notebook: str,
) -> list[Claim]:
    """Return the claims of notebook 37, the finding first; they hold counts and no customer.

    Parameters
    ----------
    lists : ContactLists
    before : DataFrame
        From `look_back`: what customers on the same lists at `after` have done since.
    after : date
        The earlier day.
    effect : float
        Rise of the share who order that a hold-out is to show, as a fraction.
    currency, min_group_size, notebook
        What the figures were made with; groups under `min_group_size` are named but not counted.
    """
    common = {"source": "transactions", "as_of": lists.as_of, "notebook": notebook}
    counts = count_lists(lists.table).set_index("list")
    counts["n_may_write"] = counts["n_customers"] - counts["n_may_not"]
    least = min_group_size
    past = before.set_index("list")
    may = counts["n_may_write"]
    return [
        _finding(counts.loc["any"], lists.n_agreed is not None, least, common),
        _overdue(lists, counts.loc["overdue"], least, common),
        *_missing(lists, counts.loc["missing"], currency, least, common),
        _regular(lists, counts.loc["regular"], least, common),
        _consent(lists, counts.loc["any"], least, common),
        _overlap(lists.table, least, common),
        *(_before(name, past.loc[name], after, least, common) for name in (*LISTS, "any") if name in past.index),
        *_values(past, may, after, currency, least, common),
        _power(int(may["any"]), past, effect, least, common),
    ]


def _count(
    key: str, text: str, n: int, values: dict[str, Any], least: int, common: dict[str, Any], **fields: Any
) -> Claim:
    """Return a claim that counts customers; a small group is named without its figures."""
    values = {"n": n, **values}
    few = fields.pop("few", _FEW)
    shown = n if n == 0 or n >= least else None
    status: Status = "measured" if shown is not None else "too_few"
    if shown is None:
        text = few
        values = {"least": least, "list": values.get("list", LIST_NAMES["any"])}
    defaults = {"kind": "count", "unit": "customers", "statistic": "contact_list", "value": shown, "n": shown}
    return Claim(id=f"{SLUG}.{key}", template=text, values=values, status=status, **(defaults | fields | common))


_NO_CONSENT = template("No column of customers is named as consent.")


def _cannot(key: str, text: str, values: dict[str, Any], common: dict[str, Any], **fields: Any) -> Claim:
    defaults = {"kind": "count", "unit": "customers", "statistic": "contact_list", "value": None, "n": None}
    return Claim(id=f"{SLUG}.{key}", template=text, values=values, status="too_few", **(defaults | fields | common))


def _finding(row: pd.Series, consent_known: bool, least: int, common: dict[str, Any]) -> Claim:
    n, may = int(row["n_customers"]), int(row["n_may_write"])
    values: dict[str, Any] = {"may": may, "no": n - may, "part": may / n if n else 0.0, "list": LIST_NAMES["any"]}
    if not n:
        text = template("Nobody gives a reason to be written to this month.")
    elif not consent_known:
        text = template(
            "{n:count} {n:plural customer gives|customers give} a reason to be written to this month; who of them "
            "agreed to that is not known here, and must be found out first."
        )
    elif 0 < may < least or 0 < n - may < least:
        text = template(
            "{n:count} {n:plural customer gives|customers give} a reason to be written to this month; those who "
            "agreed to that, or those who did not, are too few to be counted here."
        )
        values = {"list": LIST_NAMES["any"]}
    elif may in (0, n):
        text = template(
            "{n:count} {n:plural customer gives|customers give} a reason to be written to this month, and all agreed "
            "to that."
        )
        if not may:
            text = template(
                "{n:count} {n:plural customer gives|customers give} a reason to be written to this month, and nobody "
                "of them agreed to that."
            )
    else:
        text = template(
            "{n:count} {n:plural customer gives|customers give} a reason to be written to this month, and "
            "{may:count} of them ({part:percent}) agreed to that: the other {no:count} must not be."
        )
    few = template("Fewer than {least:count} customers give a reason to be written to this month.")
    method = template("Everybody on a list, once; consent as the table of customers has it, missing is no.")
    if not consent_known:
        method = template("Everybody on a list, once.")
    return _count(
        "finding", text, n, values, least, common, few=few, method=method,
        source="transactions, customers" if consent_known else "transactions",
        statistic="contact_consent" if consent_known else "contact_list",
    )  # fmt: skip


def _overdue(lists: ContactLists, row: pd.Series, least: int, common: dict[str, Any]) -> Claim:
    values: dict[str, Any] = {"all": lists.n_customers, "list": LIST_NAMES["overdue"]}
    text = template(
        "{n:count} of {all:count} {all:plural customer|customers} {n:plural is|are} overdue: silent for longer than "
        "usual, and not yet for twice as long."
    )
    if lists.n_lost >= least:
        values["lost"] = lists.n_lost
        text = template(
            "{n:count} of {all:count} {all:plural customer|customers} {n:plural is|are} overdue: silent for longer "
            "than usual, and not yet for twice as long. A further {lost:count} count as lost and are not on this list."
        )
    return _count(
        "overdue", text, int(row["n_customers"]), values, least, common, statistic="overdue", method=_RULES["overdue"]
    )


def _missing(lists: ContactLists, row: pd.Series, currency: str, least: int, common: dict[str, Any]) -> list[Claim]:
    common = common | {"source": "transactions, products", "method": _RULES["missing"]}
    offer, missed = lists.offer, lists.missed
    if offer is None or missed is None:
        text = template("Who misses what goes with a purchase cannot be listed here: {reason:term}.")
        return [_cannot("missing", text, {"reason": lists.refused.get("missing", "")}, common)]
    n, may = int(row["n_customers"]), int(row["n_may_write"])
    words = {
        "bought": ", ".join(offer.bought),
        "missing": ", ".join(offer.goes_with),
        "window": missed.window_days,
        "list": LIST_NAMES["missing"],
    }
    text = template(
        "{n:count} {n:plural customer|customers} bought {bought:text} and nothing of {missing:text} within "
        "{window:count} {window:plural day|days} before or after."
    )
    if not n:
        text = template(
            "Nobody is known to have bought {bought:text} and nothing of {missing:text} within {window:count} "
            "{window:plural day|days} before or after."
        )
    claims = [_count("missing", text, n, words, least, common)]
    if may >= least and missed.spend_if_bought > 0:  # NaN where too few bought
        each = (missed.spend_if_bought, missed.spend_low, missed.spend_high)
        value, low, high = (may * amount for amount in each)
        claims.append(
            Claim(
                id=f"{SLUG}.missing_value",
                template=template(
                    "If all {may:count} to be written to bought {missing:text} as those did who bought it, that "
                    "would be {value:money0} ({low:money0} to {high:money0}): that is if every one of them comes, and "
                    "not what a letter adds."
                ),
                values=words | {"may": may, "value": value, "low": low, "high": high, "currency": currency},
                kind="estimate",
                statistic="contact_value",
                value=value,
                unit=currency,
                low=low,
                high=high,
                level=0.95,
                n=missed.n_seen - missed.n_missed,
                **common
                | {
                    "method": template(
                        "Mean net spending on it of those who did buy, bootstrap over customers, times the customers "
                        "who may be written to."
                    )
                },
            )
        )
    return claims


def _regular(lists: ContactLists, row: pd.Series, least: int, common: dict[str, Any]) -> Claim:
    rows = lists.table[lists.table["list"] == "regular"]
    n, late = len(rows), int(rows["reason_key"].str.endswith("_late").sum())
    values: dict[str, Any] = {"late": late, "tested": lists.n_regular_tested, "list": LIST_NAMES["regular"]}
    if not n:
        text = template("Nobody buys often and evenly enough to be called a regular buyer of anything.")
    elif 0 < late < least or 0 < n - late < least:
        text = template("{n:count} {n:plural customer buys|customers buy} something at a steady pace.")
        values = {"list": LIST_NAMES["regular"]}
    else:
        text = template(
            "{n:count} {n:plural customer buys|customers buy} something at a steady pace, and {late:count} of them "
            "are past the day on which it was due."
        )
    return _count("regular", text, n, values, least, common, method=_RULES["regular"])


def _consent(lists: ContactLists, row: pd.Series, least: int, common: dict[str, Any]) -> Claim:
    common = common | {
        "source": "customers",
        "statistic": "contact_consent",
        "method": template("The column consent of the table of customers; who is not in it has not agreed."),
    }
    if lists.n_agreed is None:
        text = template(
            "The study names no column that says who agreed to be written to: everybody is on the lists, and that "
            "must be asked before a letter goes out."
        )
        # a fact about the study, not a figure that too few customers carry
        return Claim(
            id=f"{SLUG}.consent", template=text, values={}, kind="count", unit="customers", value=None, n=None,
            **(common | {"statistic": "contact_list", "method": _NO_CONSENT}),
        )  # fmt: skip
    n, agreed, listed, may = lists.n_customers, lists.n_agreed, int(row["n_customers"]), int(row["n_may_write"])
    values: dict[str, Any] = {"all": n, "part": agreed / n, "list": LIST_NAMES["any"]}
    text = template(
        "{n:count} of {all:count} {all:plural customer|customers} ({part:percent}) agreed to be written to."
    )
    if listed >= least and not (0 < may < least or 0 < listed - may < least):
        values["part_listed"] = may / listed
        text = template(
            "{n:count} of {all:count} {all:plural customer|customers} ({part:percent}) agreed to be written to, of "
            "those on a list {part_listed:percent}."
        )
    few = template("Fewer than {least:count} customers agreed to be written to.")
    return _count("consent", text, agreed, values, least, common, few=few)


def _overlap(table: pd.DataFrame, least: int, common: dict[str, Any]) -> Claim:
    counts = count_overlap(table)
    n, several = int(counts["n_customers"].sum()), int(counts.loc[counts["n_lists"] > 1, "n_customers"].sum())
    text = template(
        "{n:count} of {all:count} {all:plural customer|customers} on a list {n:plural is|are} on more than one: one "
        "letter is enough, and whoever is held out is held out from all."
    )
    if not several:
        text = template("Nobody is on more than one list.")
    few = template("Fewer than {least:count} customers are on more than one list.")
    values = {"all": n} if several else {}
    method = template("Customers by the lists they are on.")
    return _count("overlap", text, several, values, least, common, few=few, method=method)


def _before(name: str, row: pd.Series, after: dt.date, least: int, common: dict[str, Any]) -> Claim:
    n = int(row["n_customers"])
    values: dict[str, Any] = {"list": LIST_NAMES[name], "day": after.isoformat(), "least": least}
    fields: dict[str, Any] = {"kind": "estimate", "unit": "fraction", "statistic": "contact_before"}
    fields["method"] = template(
        "The same list as it would have been on the earlier day, of those who may be written to; orders since; Wilson "
        "interval."
    )
    if n < least:
        text = template(
            "Fewer than {least:count} customers were to be written to from the list “{list:term}” of {day:date}: what "
            "they did since cannot be said."
        )
        if name == "any":
            text = template(
                "Fewer than {least:count} customers were to be written to from all lists of {day:date}: what they did "
                "since cannot be said."
            )
        return _cannot(f"before.{name}", text, values, common, **fields)
    values |= {"n": n, **{key: float(row[key]) for key in ("share", "low", "high")}}
    text = template(
        "Of the {n:count} customers to be written to from the list “{list:term}” of {day:date}, {share:percent1} have "
        "ordered since, by themselves ({low:percent1} to {high:percent1})."
    )
    if name == "any":
        text = template(
            "Of the {n:count} customers to be written to from all lists of {day:date}, {share:percent1} have ordered "
            "since, by themselves ({low:percent1} to {high:percent1})."
        )
    return Claim(
        id=f"{SLUG}.before.{name}",
        template=text,
        values=values,
        value=values["share"],
        low=values["low"],
        high=values["high"],
        level=0.95,
        n=n,
        **fields | common,
    )


def _values(
    past: pd.DataFrame, may: pd.Series, after: dt.date, currency: str, least: int, common: dict[str, Any]
) -> list[Claim]:
    """Return what each list is worth if its customers do as those of the earlier list did."""
    claims = []
    days = (common["as_of"] - after).days
    for name in LISTS:
        if name not in past.index or may[name] < least or pd.isna(past.loc[name, "revenue_each"]):
            continue
        row, n = past.loc[name], int(may[name])
        value, low, high = (n * float(row[key]) for key in ("revenue_each", "revenue_low", "revenue_high"))
        values = {
            "n": n, "list": LIST_NAMES[name], "day": after.isoformat(), "days": days, "currency": currency,
            "value": value, "low": low, "high": high, "each": float(row["revenue_each"]),
        }  # fmt: skip
        claims.append(
            Claim(
                id=f"{SLUG}.value.{name}",
                template=template(
                    "If the {n:count} customers to be written to from the list “{list:term}” do as those of {day:date} "
                    "did, they spend {value:money0} within {days:count} days ({low:money0} to {high:money0}), without "
                    "any letter."
                ),
                values=values,
                kind="estimate",
                statistic="contact_value",
                value=value,
                unit=currency,
                low=low,
                high=high,
                level=0.95,
                n=int(row["n_customers"]),
                method=template(
                    "Mean net revenue since of everybody on the earlier list, bootstrap over customers, times the "
                    "customers of today's list who may be written to."
                ),
                **common,
            )
        )
    return claims


def _power(n: int, past: pd.DataFrame, effect: float, least: int, common: dict[str, Any]) -> Claim:
    """Advise how many to hold out, and what that would show."""
    fields: dict[str, Any] = {"statistic": "hold_out"}
    if n < 2 * least or "any" not in past.index or past.loc["any", "n_customers"] < least:
        text = template(
            "How many to hold out cannot be said: there are too few customers to write to, or too few stood on the "
            "same lists a month earlier."
        )
        return _cannot("power", text, {}, common, **fields)
    base = float(past.loc["any", "share"])
    needed = hold_out_needed(n, base, effect)
    values: dict[str, Any] = {"n": n, "points": round(100 * effect, 1), "base": base, "held": n // 2}
    if needed is not None:
        values["held"] = max(needed, MIN_ARM)
        text = template(
            "To see whether letters raise the {base:percent1} who order by themselves by {points:number} "
            "{points:plural point|points} or more, hold {held:count} of the {n:count} out at random."
        )
    else:
        text = template(
            "These {n:count} customers cannot show whether letters raise the {base:percent1} who order by themselves "
            "by {points:number} {points:plural point|points}, even if half of them are held out: put several months "
            "together before judging."
        )
    return Claim(
        id=f"{SLUG}.power",
        template=text,
        values=values,
        kind="advice",
        status="advice",
        value=values["held"],
        unit="customers",
        n=n,
        method=template(
            "Rule: hold out as few as show the effect in 80 of 100 months (two-sided, 5 %; normal approximation to "
            "Cohen's h), at most half; the share who order by themselves is that of the lists a month ago."
        ),
        rests_on=(f"{SLUG}.finding", f"{SLUG}.before.any"),
        **fields | common,
    )
