"""What a report may say of a written audience definition: what is wrong with it, and what the customers show."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from custaudience.audience.definition.check import DefinitionCheck
from custaudience.audience.definition.findings import SEVERITIES, shown
from custaudience.audience.definition.numbers import clear_differences, sharpest
from custaudience.audience.definition.sentences import behaviour_name, difference_claim
from custaudience.evidence import Claim, template

SLUG = "ideal_customer"
RULES = {
    "NOTHING_SAID": template("Rule: no word of the definition is in a word list, and no rule has a known variable."),
    "CONTRADICTION": template("Rule: what is said of one variable excludes itself."),
    "MINORS": template("Rule: a word that means people under 18, or an age below it."),
    "ONLY_SEX_AGE_INCOME": template("Rule: everything that is said is sex, age, a generation or income."),
    "DEMOGRAPHIC_ONLY": template(
        "Rule: everything that is said is who people are or where they live; nothing is what they do, value or need."
    ),
    "GENERATION_AGE_MISMATCH": template(
        "Rule: the ages reach outside those of the generation; years of birth after Pew Research Center (2019)."
    ),
    "NO_REFERENCE_YEAR": template("Rule: a generation is named, and no year in which its ages are meant."),
    "SENSITIVE": template("Rule: a word or a variable about race, skin colour, origin, religion, health or minors."),
    "UNKNOWN_VARIABLE": template("Rule: a rule's variable is in no word list and no column."),
    "TOO_BROAD": template("Rule: the share of customers that fit is above the limit."),
    "COVERS_NOBODY": template("Rule: no customer fits of whom it is known."),
    "NOT_READ": template("Rule: the words are in no word list."),
}
_PRODUCTS = {"source": "transactions, customers, products"}  # categories are among the behaviours
_EVERYBODY = template("Customers with an order that counts by the date.")
_METHOD = template(
    "Means of customers who fit, against all others of whom it is known that they do not; Welch's interval of the "
    "difference."
)


def definition_claims(
    check: DefinitionCheck, *, as_of: dt.date, currency: str, notebook: str, key: str = "definition"
) -> list[Claim]:
    """Return what may be said of a definition: its words, whom it fits, how they differ, what would sharpen it.

    Parameters
    ----------
    check : DefinitionCheck
        From `check_definition`.
    as_of, currency, notebook
        What the customers' figures were made with.
    key : str
        Ids are ``ideal_customer.KEY.…``; give another one to a second definition.

    Returns
    -------
    list of Claim
        ``says``, one per finding (its code in small letters), ``covers``, ``known``, ``not_counted_1`` …, ``revenue``,
        ``orders``, ``per_order``, ``category``, ``sharpen``, ``add``; those whose figures do not exist are left out.
    """
    common: dict[str, Any] = {"as_of": as_of, "notebook": notebook}
    says = Claim(
        id=f"{SLUG}.{key}.says",
        template=template("The definition as it is written: “{text:text}”."),
        values={"text": check.said},
        kind="typed",
        status="typed",
        statistic="audience_definition",
        value=None,
        unit="",
        n=None,
        source="",
        method=template("Typed by a person."),
        **common,
    )
    counted = [*_covers(check, key, common), *_compared(check, key, currency, common)]
    ids = {claim.id for claim in counted}
    return [says, *_findings(check, key, ids, common), *counted, *_not_counted(check, key, common)]


def _findings(check: DefinitionCheck, key: str, ids: set[str], common: dict[str, Any]) -> list[Claim]:
    claims: list[Claim] = []
    taken: dict[str, int] = {}
    for finding in check.findings:
        code = finding.code.lower()
        taken[code] = taken.get(code, 0) + 1
        covers = f"{SLUG}.{key}.covers"
        rests = (f"{SLUG}.{key}.says", *([covers] if code in ("too_broad", "covers_nobody") and covers in ids else []))
        claims.append(
            Claim(
                id=f"{SLUG}.{key}.{code}" + (f"_{taken[code]}" if taken[code] > 1 else ""),
                template=finding.template,
                values=dict(finding.values),
                kind="advice",
                status="advice",
                statistic="audience_definition",
                value=finding.severity,
                unit="",
                n=None,
                source="",
                method=RULES[finding.code],
                rests_on=rests,
                **common,
            )
        )
    order: dict[str, int] = {severity: place for place, severity in enumerate(SEVERITIES)}
    return sorted(claims, key=lambda claim: order[str(claim.value)])


def _covers(check: DefinitionCheck, key: str, common: dict[str, Any]) -> list[Claim]:
    coverage, least = check.coverage, check.min_group_size
    if coverage is None:
        return []
    low, high = coverage.share
    said = shown([word for match in check.matches if match.matched for word in match.rule.words])
    values: dict[str, Any] = {
        "said": said, "n": coverage.n_yes, "known": coverage.n_known, "share": low, "most": high, "least": least,
        "partly": shown([level for match in check.matches for level in match.partly]),
    }  # fmt: skip
    facts: dict[str, Any] = {
        "kind": "count", "statistic": "audience_coverage", "unit": "customers", "source": "transactions, customers",
        "n": coverage.n_known, "value": coverage.n_yes,
        "base": template("Customers of whom everything is known that could be counted."),
        "method": template("Whole columns of the customer table; customers of whom it is not known are left out."),
    }  # fmt: skip
    small = [size for size in (coverage.n_yes, coverage.n_no, coverage.n_partly, coverage.n_known) if 0 < size < least]
    if not coverage.n_known or small:
        text = template("“{said:text}”: a group has fewer than {least:count} customers, so nothing is shown.")
        facts |= {"n": None, "value": None, "status": "too_few"}
        values = {"said": said, "least": least}
    elif coverage.n_partly and check.complete:
        text = template(
            "It fits {n:count} of the {known:count} customers of whom it is known ({share:percent1}), and up to "
            "{most:percent1} with those in “{partly:text}”, of whom only some fit."
        )
    elif coverage.n_partly:
        text = template(
            "What could be counted (“{said:text}”) fits {n:count} of the {known:count} customers of whom it is known "
            "({share:percent1}), and up to {most:percent1} with those in “{partly:text}”, of whom only some fit. The "
            "whole definition fits as many or fewer."
        )
    elif check.complete:
        text = template("It fits {n:count} of the {known:count} customers of whom it is known ({share:percent1}).")
    else:
        text = template(
            "What could be counted (“{said:text}”) fits {n:count} of the {known:count} customers of whom it is known "
            "({share:percent1}). The whole definition fits as many or fewer."
        )
    claims = [Claim(id=f"{SLUG}.{key}.covers", template=text, values=values, **(facts | common))]
    unknown = coverage.n_all - coverage.n_known
    if coverage.n_known >= least and unknown >= least and pd.notna(coverage.revenue_known):
        part = coverage.n_known / coverage.n_all
        claims.append(
            Claim(
                id=f"{SLUG}.{key}.known",
                template=template(
                    "It can be counted for {n:count} of {all:count} customers ({part:percent}); they bring "
                    "{revenue:percent} of revenue, so what holds for them need not hold for the others."
                ),
                values={"n": coverage.n_known, "all": coverage.n_all, "part": part, "revenue": coverage.revenue_known},
                **(facts | {"n": coverage.n_all, "value": coverage.n_known, "base": _EVERYBODY} | common),
            )
        )
    return claims


def _not_counted(check: DefinitionCheck, key: str, common: dict[str, Any]) -> list[Claim]:
    rest = [match for match in check.matches if not match.matched]
    return [
        Claim(
            id=f"{SLUG}.{key}.not_counted_{number}",
            template=match.reason,
            values=dict(match.values),
            kind="typed",
            status="typed",
            statistic="audience_definition",
            value=None,
            unit="",
            n=None,
            source="customers",
            method=template("Columns are found by their names and levels by the words in them; nothing is guessed."),
            **common,
        )
        for number, match in enumerate(rest, start=1)
    ]


def _compared(check: DefinitionCheck, key: str, currency: str, common: dict[str, Any]) -> list[Claim]:
    table = check.differences
    if table.empty:
        return []
    facts = {
        "statistic": "audience_difference", "kind": "difference", "level": check.level, "method": _METHOD,
        "source": "transactions, customers",
        "base": template("Customers who fit, against all others of whom it is known that they do not."),
    } | common  # fmt: skip
    by_column = {row["column"]: row for row in table.to_dict("records")}
    claims = [
        difference_claim(f"{SLUG}.{key}.{name}", by_column[column], currency, facts)
        for name, column in (("revenue", "revenue_total"), ("orders", "n_orders"), ("per_order", "revenue_per_order"))
        if column in by_column and not by_column[column]["made_from"]
    ]
    shares = table[table["category"] != ""]
    clear = shares[clear_differences(shares, check.level)]
    if len(clear):
        claims.append(difference_claim(f"{SLUG}.{key}.category", clear.iloc[0].to_dict(), currency, facts | _PRODUCTS))
    return claims + _sharpen(check, key, currency, facts)


def _sharpen(check: DefinitionCheck, key: str, currency: str, facts: dict[str, Any]) -> list[Claim]:
    """Say which behaviour sets the audience apart most, and that it be added; or that none does."""
    row = sharpest(check.differences, check.level)
    candidates = check.differences[check.differences["to_sharpen"] & check.differences["effect"].notna()]
    enough = candidates[candidates[["n", "n_others"]].min(axis=1) >= 30]
    if row is None and enough.empty:
        return []
    largest = enough.iloc[0] if row is None else row
    behaviour, values = behaviour_name(largest)
    low, effect, high = (float(largest[name]) for name in ("effect_low", "effect", "effect_high"))
    values |= {
        "behaviour": behaviour, "chance": (effect + 1) / 2, "low": (low + 1) / 2, "high": (high + 1) / 2,
        "n": len(candidates),
    }  # fmt: skip
    facts = (
        facts
        | _PRODUCTS
        | {
            "statistic": "audience_effect",
            "method": template(
                "Chance that one who fits has more than one who does not, ties counted half (Cliff's delta); limits "
                "hold for all behaviours at once, false discovery rate after Benjamini and Hochberg. Values that agree "
                "to one part in 2,048 count as ties."
            ),
        }
    )
    text = template(
        "Of {n:count} behaviours the one that sets them apart most is “{behaviour:sentence}”: of two customers, one "
        "who fits and one who does not, the first has more in {chance:percent} of cases (half would be no difference; "
        "{low:percent} to {high:percent})."
    )
    if row is None:
        text = template(
            "None of {n:count} behaviours sets them apart clearly. The nearest is “{behaviour:sentence}”: of two "
            "customers, one who fits and one who does not, the first has more in {chance:percent} of cases (half would "
            "be no difference; {low:percent} to {high:percent})."
        )
    sharpen = Claim(
        id=f"{SLUG}.{key}.sharpen", template=text, values=values, value=effect, unit="", n=int(largest["n"]),
        low=low, high=high, status="no_clear_difference" if row is None else "measured", **facts,
    )  # fmt: skip
    if row is None:
        return [sharpen]
    text = template("Add “{behaviour:sentence}” to the definition: more of it than the others have.")
    if effect < 0:
        text = template("Add “{behaviour:sentence}” to the definition: less of it than the others have.")
    add = Claim(
        id=f"{SLUG}.{key}.add",
        template=text,
        values=values,
        kind="advice",
        status="advice",
        value=None,
        unit="",
        n=None,
        method=template(
            "Rule: the clear difference with the largest effect. It shows whom the words bring together, not why they "
            "buy."
        ),
        rests_on=(sharpen.id,),
        **{name: fact for name, fact in facts.items() if name not in ("kind", "level", "method", "base")},
    )
    return [sharpen, add]
