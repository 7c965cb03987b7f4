"""What a report may say of the ideal customers: how many, what they bring, what sets them apart, and what to do."""

from __future__ import annotations

import math
from typing import Any

from custaudience.audience.ideal.border_claims import (
    ALL,
    asked_claims,
    missing_claims,
    not_known_claims,
    sensitivity_claims,
)
from custaudience.audience.ideal.customers import IdealCustomers
from custaudience.audience.ideal.later import IdealLater
from custaudience.audience.ideal.rule import IdealRule
from custaudience.audience.ideal.trait_claims import known_claims, rule_claims, trait_claims
from custaudience.audience.ideal.traits import DistinctiveTraits
from custaudience.audience.ideal.wording import SLUG, rule_values
from custaudience.customers.features.features import CustomerFeatures
from custaudience.evidence import Claim, template

WORTH = 1.25  # a rule is worth acting on when its precision is surely so many times the base rate
_WHAT = {
    (): template("loyal, among the most valuable, and in their own rhythm"),
    ("satisfied",): template("loyal, among the most valuable, in their own rhythm and satisfied"),
    ("engaged",): template("loyal, among the most valuable, in their own rhythm and engaged"),
    ("satisfied", "engaged"): template("loyal, among the most valuable, in their own rhythm, satisfied and engaged"),
}
_METHOD = template(
    "All parts hold that are known of the customer. The interval says how far the share depends on who happened to be "
    "a customer (delta method, logit scale)."
)


def ideal_claims(
    ideal: IdealCustomers,
    *,
    features: CustomerFeatures,
    traits: DistinctiveTraits | None,
    rules: tuple[IdealRule, ...] = (),
    early: CustomerFeatures | None = None,
    n_early: int = 3,
    later: IdealLater | None = None,
    currency: str,
    min_group_size: int,
    source: str,
    notebook: str,
) -> list[Claim]:
    """Return the claims of notebook 40 beside those of a written definition, the finding first.

    Parameters
    ----------
    ideal : IdealCustomers
    features : CustomerFeatures
        The traits are of.
    traits : DistinctiveTraits or None
        None where there is nobody to compare.
    rules : tuple of IdealRule
    early : CustomerFeatures or None
        Of the first `n_early` orders.
    later : IdealLater or None
        None without an earlier date.
    currency, min_group_size, source, notebook
        Groups of fewer customers are named without figures.

    Returns
    -------
    list of Claim
        ``finding``, ``asked…``, ``missing.…``, ``not_known.…``, ``sensitivity``, ``without.…``, ``later``, ``still``,
        ``traits``, ``trait.…``, ``unclear.…``, ``compared_not``, ``known``, ``rule.…``, ``not_because``, ``advice``;
        those whose figures do not exist are left out.
    """
    common: dict[str, Any] = {"source": source, "as_of": ideal.as_of, "notebook": notebook}
    least = min_group_size
    found = [_finding(ideal, least, common)]
    claims = [*found, *asked_claims(ideal, currency, least, common), *missing_claims(ideal, common)]
    if ideal.n_ideal < least:
        return claims
    claims += [
        *not_known_claims(ideal, least, common),
        *sensitivity_claims(ideal, least, common),
        *_later(later, least, common),
    ]
    if traits is not None:
        claims += trait_claims(traits, features, currency, common)
        claims += known_claims(traits, common)
    told = rule_claims(rules, features, early, n_early, currency, least, common)
    claims += told
    if traits is not None:
        rests = tuple(c.id for c in claims if c.id.startswith(f"{SLUG}.trait")) + tuple(c.id for c in told)
        claims.append(_not_because(rests, common))
    return [*claims, _advice(ideal, rules, features, early, n_early, currency, found[0], told, common)]


def _finding(ideal: IdealCustomers, least: int, common: dict[str, Any]) -> Claim:
    facts: dict[str, Any] = {"statistic": "ideal_customers", "base": ALL, "method": _METHOD} | common
    few = facts | {"kind": "count", "status": "too_few", "unit": "customers", "value": None, "n": None}
    if ideal.refused:
        reason = ideal.refused[0]
        return Claim(
            id=f"{SLUG}.finding",
            template=template("No ideal customers can be named. {reason:sentence}"),
            values={"reason": reason.reason, **reason.values},
            **few,
        )
    if ideal.n_ideal < least:
        none = template("Nobody is ideal by these cut-offs. Lower one; the table shows how many each would bring.")
        some = template("Fewer than {least:count} customers are ideal by these cut-offs, so nothing is shown of them.")
        return Claim(id=f"{SLUG}.finding", template=some if ideal.n_ideal else none, values={"least": least}, **few)
    optional = tuple(part for part in ideal.asked if part in ("satisfied", "engaged"))
    values: dict[str, Any] = {
        "n": ideal.n_ideal, "all": ideal.n_customers, "part": ideal.n_ideal / ideal.n_customers,
        "what": _WHAT[optional], "share": ideal.share_of_revenue, "low": ideal.low, "high": ideal.high,
    }  # fmt: skip
    if math.isnan(ideal.low):  # everybody, or no revenue to share
        return Claim(
            id=f"{SLUG}.finding",
            template=template("{n:count} of {all:count} customers ({part:percent1}) are ideal: {what:sentence}."),
            values={k: v for k, v in values.items() if k not in ("share", "low", "high")},
            kind="count", value=ideal.n_ideal, unit="customers", n=ideal.n_customers, **facts,
        )  # fmt: skip
    return Claim(
        id=f"{SLUG}.finding",
        template=template(
            "{n:count} of {all:count} customers ({part:percent1}) are ideal: {what:sentence}. They bring "
            "{share:percent} of revenue ({low:percent} to {high:percent})."
        ),
        values=values, kind="estimate", value=ideal.share_of_revenue, unit="fraction", low=ideal.low,
        high=ideal.high, level=ideal.level, n=ideal.n_customers, **facts,
    )  # fmt: skip


def _later(later: IdealLater | None, least: int, common: dict[str, Any]) -> list[Claim]:
    """Say what those who were ideal earlier did since."""
    if later is None or min(later.n, later.n_others) < least:
        return []
    from statsmodels.stats.proportion import proportion_confint

    facts: dict[str, Any] = {"kind": "estimate", "statistic": "ideal_later", "level": later.level} | common
    claims = []
    if not math.isnan(later.low):
        claims.append(
            Claim(
                id=f"{SLUG}.later",
                template=template(
                    "Those who were ideal on {earlier:date} had brought {until:percent} of revenue until then, and "
                    "{share:percent} of what the customers of that day brought since ({low:percent} to {high:percent})."
                ),
                values={
                    "earlier": later.earlier.isoformat(), "until": later.share_until, "share": later.share_since,
                    "low": later.low, "high": later.high,
                },
                value=later.share_since, unit="fraction", low=later.low, high=later.high, n=later.n + later.n_others,
                base=template("Customers of the earlier date; who came since is left out."),
                method=template(
                    "By the cut-offs as set, on an earlier date; the share since is news, the share until then is made "
                    "by the choice. Delta method, logit scale."
                ),
                **facts,
            )
        )  # fmt: skip
    stayed = later.n_still
    if stayed >= least and (later.n - stayed >= least or later.n == stayed):
        low, high = proportion_confint(stayed, later.n, alpha=1 - later.level, method="wilson")
        claims.append(
            Claim(
                id=f"{SLUG}.still",
                template=template(
                    "Of the {n:count} who were ideal on {earlier:date}, {share:percent} are ideal now ({low:percent} "
                    "to {high:percent})."
                ),
                values={
                    "n": later.n, "earlier": later.earlier.isoformat(), "share": stayed / later.n,
                    "low": float(low), "high": float(high),
                },
                value=stayed / later.n, unit="fraction", low=float(low), high=float(high), n=later.n,
                base=template("Ideal customers of the earlier date."),
                method=template("The same cut-offs on both dates; Wilson interval."), **facts,
            )
        )  # fmt: skip
    return claims


def _not_because(rests: tuple[str, ...], common: dict[str, Any]) -> Claim:
    return Claim(
        id=f"{SLUG}.not_because",
        template=template(
            "Do not say that they buy more because of these traits, or that others would if they had them: this is "
            "what goes together among customers, and nobody was chosen at random."
        ),
        values={}, kind="advice", statistic="ideal_traits", value=None, unit="", n=None, status="advice",
        method=template("Rule: said wherever groups are compared that chance did not make."),
        rests_on=rests or (f"{SLUG}.finding",), **common,
    )  # fmt: skip


def _advice(
    ideal: IdealCustomers,
    rules: tuple[IdealRule, ...],
    features: CustomerFeatures,
    early: CustomerFeatures | None,
    n_early: int,
    currency: str,
    finding: Claim,
    told: list[Claim],
    common: dict[str, Any],
) -> Claim:
    """Advise the one thing to do: use a rule that is surely worth it, else ask the ideal customers themselves."""
    by_view = {claim.id.rpartition(".")[2]: claim for claim in told}
    good = [
        rule for rule in rules
        if rule.verdict == "better than chance" and rule.view in by_view
        and rule.precision_low >= WORTH * rule.base_rate
    ]  # fmt: skip
    facts: dict[str, Any] = {
        "id": f"{SLUG}.advice", "kind": "advice", "value": None, "unit": "", "n": None, "status": "advice",
    } | common  # fmt: skip
    if good:
        rule = good[0]
        about = early if rule.view == "early" and early is not None else features
        text = (
            template(
                "Treat a customer whose first {orders:count} {orders:plural order|orders} fit the rule "
                "({rule:sentence}) as one who may become ideal, and hold some out at random: only that shows whether "
                "it pays."
            )
            if rule.view == "early"
            else template(
                "Look for new customers who fit the rule ({rule:sentence}), and test it against a campaign without it: "
                "only that shows whether it pays."
            )
        )
        return Claim(
            template=text, values=rule_values(rule, about, currency) | {"orders": n_early}, statistic="ideal_rule",
            method=template(
                "Rule: the first rule whose precision on customers kept aside is surely a quarter above the base rate; "
                "what is known of new customers goes before their first orders."
            ),
            rests_on=(by_view[rule.view].id,), **facts,
        )  # fmt: skip
    return Claim(
        template=template(
            "Ask some of the {n:count} ideal customers why they stay: no rule tells them well enough to look for "
            "others by it. custaudience lists writes them to a private folder."
        ),
        values={"n": ideal.n_ideal}, statistic="ideal_customers",
        method=template(
            "Rule: where no rule's precision on customers kept aside is surely a quarter above the base rate, people "
            "are asked."
        ),
        rests_on=(finding.id, *(claim.id for claim in told)), **facts,
    )  # fmt: skip
