"""What sets ideal customers apart, of whom it is known, and by which rule they can be told, as claims."""

from __future__ import annotations

from typing import Any

import pandas as pd

from custaudience.audience.ideal.rule import IdealRule
from custaudience.audience.ideal.traits import DistinctiveTraits
from custaudience.audience.ideal.wording import SLUG, VIEW_NAMES, rule_values, trait_values
from custaudience.customers.drivers.names import key_of, kinds_of
from custaudience.customers.features.features import CustomerFeatures
from custaudience.evidence import Claim, template

ENOUGH = 30  # customers on both sides
MOST = 6
MOST_UNCLEAR = 4
REST = template("All other customers of whom it is known.")
_SHARES = template(
    "Newcombe's interval of the difference, Koopman's of the ratio; false discoveries held to 5 in 100 over all "
    "comparisons (Benjamini and Hochberg)."
)
_ALL = template(
    "Shares: Newcombe's interval of the difference and Koopman's of the ratio; means: Welch's, the ratio by "
    "the delta method. Clear is what neither interval leaves open, false discoveries held to 5 in 100 over all "
    "comparisons (Benjamini and Hochberg)."
)
_NUMBERS = template(
    "Means (Welch), or medians where an attribute is skewed; ratio by the delta method or the bootstrap; false "
    "discoveries held to 5 in 100 over all comparisons (Benjamini and Hochberg)."
)


def trait_claims(
    traits: DistinctiveTraits, features: CustomerFeatures, currency: str, common: dict[str, Any]
) -> list[Claim]:
    """Return what sets the ideal customers apart: how many comparisons, the clear ones, attributes without any."""
    table = _with_enough(traits.table)
    clear = table[table["status"] == "measured"].drop_duplicates("feature")
    unclear = table[(table["status"] == "no_clear_difference") & (table["kind"] == "attribute")]
    unclear = unclear[~unclear["feature"].isin(clear["feature"])].drop_duplicates("feature")
    return [
        _summary(table, clear, common),
        *(_trait("trait", row, traits, features, currency, common) for row in clear.head(MOST).to_dict("records")),
        *(
            _trait("unclear", row, traits, features, currency, common)
            for row in unclear.head(MOST_UNCLEAR).to_dict("records")
        ),
        *_not_compared(traits, common),
    ]


def _with_enough(table: pd.DataFrame) -> pd.DataFrame:
    few = table[["n", "n_others"]].min(axis=1) < ENOUGH
    return table.assign(status=table["status"].mask(few, "too_few"))


def _summary(table: pd.DataFrame, clear: pd.DataFrame, common: dict[str, Any]) -> Claim:
    few = int((table["status"] == "too_few").sum())
    tested = len(table) - few
    more = template("; for {few:count} more there are too few") if few else ""
    values = {"n": tested, "clear": int((table["status"] == "measured").sum()), "few": few, "more": more}
    facts: dict[str, Any] = {
        "id": f"{SLUG}.traits", "kind": "count", "statistic": "ideal_traits", "value": values["clear"],
        "unit": "comparisons", "n": tested, "base": REST, "method": _ALL,
    } | common  # fmt: skip
    if not tested:
        text = template("Nothing is known of customers, beside what ideal is made of, in which they could differ.")
        if few:
            text = template(
                "Too few customers are ideal for any of {few:count} {few:plural comparison|comparisons} with the rest."
            )
        return Claim(template=text, values={"few": few}, status="too_few", **facts)
    if clear.empty:
        text = template(
            "In none of {n:count} {n:plural comparison|comparisons} with the rest do ideal customers differ clearly, "
            "beside what they were chosen for{more:sentence}."
        )
        return Claim(template=text, values=values, status="no_clear_difference", **facts)
    text = template(
        "In {clear:count} of {n:count} {n:plural comparison|comparisons} with the rest ideal customers differ clearly, "
        "beside what they were chosen for{more:sentence}."
    )
    return Claim(template=text, values=values, **facts)


def _trait(
    key: str,
    row: dict[Any, Any],
    traits: DistinctiveTraits,
    features: CustomerFeatures,
    currency: str,
    common: dict[str, Any],
) -> Claim:
    units = features.dictionary.set_index("column")["unit"]
    feature = str(row["feature"])
    text, values = trait_values(row, kinds_of(features)[feature], str(units[feature]), currency)
    if key == "unclear":
        values |= {"trait": text}
        text = template("No clear difference; the largest: {trait:sentence}")
    ratio = pd.notna(row["ratio"])
    return Claim(
        id=f"{SLUG}.{key}.{key_of(feature)}",
        template=text,
        values=values,
        kind="difference",
        statistic="ideal_traits",
        value=float(row["ratio"] if ratio else row["difference"]),
        unit="times" if ratio else str(units[feature]) or str(row["statistic"]),
        low=values["low"],
        high=values["high"],
        level=traits.level,
        n=int(row["n"]),
        base=REST,
        method=_SHARES if str(row["statistic"]).startswith("share") else _NUMBERS,
        status="measured" if key == "trait" else "no_clear_difference",
        **common,
    )


def _not_compared(traits: DistinctiveTraits, common: dict[str, Any]) -> list[Claim]:
    made = traits.left_out[
        traits.left_out["why"].isin(["loyal", "valuable", "current", "engaged", "made_from", "copy"])
    ]
    if made.empty:
        return []
    return [
        Claim(
            id=f"{SLUG}.compared_not",
            template=template(
                "{n:count} figures that ideal is made of, or that follow from it (orders, revenue, rhythm), are not "
                "compared: they differ because the customers were chosen by them."
            ),
            values={"n": len(made)},
            kind="count",
            statistic="ideal_traits",
            value=len(made),
            unit="variables",
            n=None,
            method=template(
                "What ideal is made of, by name (with responses also the share bought at a discount), and what goes "
                "with it at a rank correlation of 0.9."
            ),
            **common,
        )
    ]


def known_claims(traits: DistinctiveTraits, common: dict[str, Any]) -> list[Claim]:
    """Say of whom attributes are known, and whether these are other customers."""
    if traits.known.empty or traits.known.iloc[0]["status"] == "too_few":
        return []
    row = traits.known.iloc[0]
    n = int(row["n_known"])
    values = {
        "n": n, "all": traits.n + traits.n_others, "share": float(row["share_known"]),
        "ideal": float(row["share_known_ideal"]), "rest": float(row["share_known_rest"]),
        "among": float(row["ideal_known"]), "others": float(row["ideal_unknown"]),
        "low": float(row["low"]), "high": float(row["high"]),
    }  # fmt: skip
    text = template(
        "Attributes that are not known of everybody are known of {n:count} of {all:count} customers ({share:percent}): "
        "of {ideal:percent} of the ideal and {rest:percent} of the rest. Of those known {among:percent1} are ideal, of "
        "the others {others:percent1} (difference {low:points1} to {high:points1}): what is said of them is of those "
        "known, not of all."
    )
    return [
        Claim(
            id=f"{SLUG}.known", template=text, values=values, kind="difference", statistic="ideal_known",
            value=float(row["difference"]), unit="fraction", low=values["low"], high=values["high"],
            level=traits.level, n=n, base=template("Customers of whom nothing of this is known."), status=row["status"],
            method=template("Newcombe's interval of the difference of two shares."), **common,
        )
    ]  # fmt: skip


def rule_claims(
    rules: tuple[IdealRule, ...],
    features: CustomerFeatures,
    early: CustomerFeatures | None,
    n_early: int,
    currency: str,
    least: int,
    common: dict[str, Any],
) -> list[Claim]:
    """Return for each view the rule with its precision and recall, or why there is none."""
    claims = []
    for rule in rules:
        about = early if rule.view == "early" and early is not None else features
        values: dict[str, Any] = {"view": VIEW_NAMES[rule.view], "orders": n_early}
        facts: dict[str, Any] = {
            "id": f"{SLUG}.rule.{rule.view}", "statistic": "ideal_rule", "unit": "fraction",
            "base": template("Customers kept aside, of whom everything is known that the rule may ask."),
            "method": template(
                "A balanced classification tree of at most two conditions, made on three fifths of the customers and "
                "judged on the other two; Wilson intervals. Better than chance: more ideal customers where it holds "
                "than where it does not (Newcombe)."
            ),
        } | common  # fmt: skip
        missed = rule.n_hold_out_ideal - rule.n_right
        small = any(0 < n < least for n in (rule.n_said, rule.n_right))
        if rule.verdict == "none" or small:
            reason = rule.reason or template("it holds for too few of those kept aside")
            text = template("{view:sentence} no rule can be made: {reason:sentence}.")
            claims.append(
                Claim(template=text, values=values | {"reason": reason}, kind="estimate", value=None, n=None,
                      status="too_few", **facts)
            )  # fmt: skip
            continue
        values |= rule_values(rule, about, currency) | {
            "precision": rule.precision, "low": rule.precision_low, "high": rule.precision_high,
            "base": rule.base_rate, "recall": rule.recall, "from": rule.recall_low, "to": rule.recall_high,
            "n": rule.n_said,
        }  # fmt: skip
        better = rule.verdict == "better than chance"
        text = template(
            "{view:sentence} no rule tells them better than chance. The best that was found: {rule:sentence}; of "
            "{n:count} customers kept aside for whom it holds {precision:percent1} are ideal ({low:percent1} to "
            "{high:percent1}), of all kept aside {base:percent1}."
        )
        if better:
            values["finds"] = ""
            if not 0 < missed < least:  # how many of so few it misses is not said
                values["finds"] = template("; it finds {recall:percent} of the ideal ({from:percent} to {to:percent})")
            text = template(
                "{view:sentence} this rule tells them: {rule:sentence}. Of {n:count} customers kept aside for whom it "
                "holds {precision:percent1} are ideal ({low:percent1} to {high:percent1}), of all kept aside "
                "{base:percent1}{finds:sentence}."
            )
        claims.append(
            Claim(
                template=text, values=values, kind="estimate", value=rule.precision, low=rule.precision_low,
                high=rule.precision_high, level=rule.level, n=rule.n_hold_out,
                status="measured" if better else "no_clear_difference", **facts,
            )
        )  # fmt: skip
    return claims
