"""What may be said of what did not pass, of what was left out, and of those for whom anything is known."""

from __future__ import annotations

from typing import Any

import pandas as pd

from custaudience.customers.drivers.finding import SLUG, Told
from custaudience.customers.drivers.names import MAIN_OUTCOMES, key_of
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.evidence import Claim, Status, status_of_difference, template

_WITHIN = template(
    "Compared again within groups of the strongest other driver of the same outcome (levels, or fifths)."
)
_KNOWN = {
    "bought_again": template(
        "Of the {n:count} customers whose “{variable:sentence}” is known {known:percent1} ordered from {cut:date} on, "
        "of the {others:count} others {unknown:percent1}: {difference:points1} ({low:points1} to {high:points1})."
    ),
    "n_orders": template(
        "The {n:count} customers whose “{variable:sentence}” is known placed {known:number1} orders each from "
        "{cut:date} on, the {others:count} others {unknown:number1}; the difference is {difference:number1} "
        "({low:number1} to {high:number1})."
    ),
    "revenue_of_buyers": template(
        "Among those who ordered, the {n:count} whose “{variable:sentence}” is known spent {known:money0} each from "
        "{cut:date} on, the {others:count} others {unknown:money0}; the difference is {difference:money0} "
        "({low:money0} to {high:money0})."
    ),
}


def rejection_claims(told: Told) -> list[Claim]:
    """Return a sentence for each attribute that did not pass, one for all earlier behaviour, one for what is left."""
    passed = set(told.strongest["variable"])
    tables = told.study.drivers.table
    buys = set(tables.loc[tables["verdict"] == "influences", "variable"])
    rows = told.main[~told.main["variable"].isin(passed | buys)]
    attributes = rows[rows["variable"].isin(told.attributes)]
    claims = [_rejected(told, str(name), part) for name, part in attributes.groupby("variable", sort=False)]
    return [*claims, *_behaviour(told), *_left_out(told), *_within(told)]


def _rejected(told: Told, variable: str, rows: pd.DataFrame) -> Claim:
    """Say why an attribute did not pass, by its strongest pair."""
    tested = rows.dropna(subset="p_value")
    values: dict[str, Any] = {**told.name(variable), "worthwhile": told.study.drivers.worthwhile}
    status: Status = "no_clear_difference"
    clear = tested[tested["verdict"] == "no_evidence"]
    proxies = clear[clear["proxy"].astype(bool)]
    if tested.empty:
        text, status = (
            template("{variable:sentence}: cannot be tested, almost all customers are alike in it."),
            "too_few",
        )
        n = int(rows["n"].max())
        if n < 20 or not rows["reason"].str.contains("same value|differ from the others").all():
            text = template("{variable:sentence}: known of too few customers, or in too small groups, to be tested.")
    elif len(proxies):
        row = proxies.iloc[0]
        n, values = int(row["n"]), values | told.name(row["given"], "other")
        text = template(
            "{variable:sentence}: goes with later behaviour only as far as it goes with “{other:sentence}”; among "
            "customers alike in that, no difference is seen."
        )
    elif clear.empty:
        n, text, status = int(tested["n"].max()), template("{variable:sentence}: too few customers to tell."), "too_few"
    else:
        n = int(clear["n"].max())
        text = template(
            "{variable:sentence}: no evidence that it goes with whether, how often or for how much people order. "
            "{worthwhile:percent} of the differences would probably have been seen."
        )
        if (tested["verdict"] == "too_little_data").any():
            text = template(
                "{variable:sentence}: no evidence where it could be told; for some outcomes too few customers are "
                "known."
            )
    return Claim(
        id=f"{SLUG}.rejected.{key_of(variable)}", template=text, values=values, kind="count", statistic="driver_none",
        value=None, unit="", n=n if n >= told.least else None, status=status,
        method=template(
            "Permutation test with false discoveries held at 5 % over all pairs, prediction out of the sample, and "
            "comparison within groups of stronger ones; a share is seen when four of five such studies would find it."
        ),
        **told.common,
    )  # fmt: skip


def _behaviour(told: Told) -> list[Claim]:
    """Count the facts of earlier behaviour that were tested and did not pass."""
    all_ = set(told.main.dropna(subset="p_value")["variable"]) - told.attributes
    rejected = all_ - set(told.strongest["variable"])
    if not rejected:
        return []
    return [
        Claim(
            id=f"{SLUG}.rejected_behaviour",
            template=template(
                "Of {all:count} facts of earlier orders {n:count} show nothing beyond chance, or nothing beyond a "
                "stronger one, in whether, how often and for how much people order; the table names them."
            ),
            values={"all": len(all_), "n": len(rejected)},
            kind="count",
            statistic="driver_none",
            value=len(rejected),
            unit="variables",
            n=told.n,
            **told.common,
        )
    ]


def _left_out(told: Told) -> list[Claim]:
    """Name the sensitive columns that were not looked at, and count the others."""
    listed = told.study.drivers.variables
    names = listed.loc[listed["verdict"] == "left_out", "variable"].astype("str").tolist()
    topics = {name: topic for name in names if (topic := sensitive_topic(name))}
    claims = []
    for name, topic in topics.items():
        kind = "category_share" if name.startswith("category_share: ") else "attribute"
        text = template(
            "“{name:text}” was left out: it is about {topic:sentence}, which never scores or groups people."
        )
        if kind == "category_share":
            text = template(
                "Purchases of “{name:text}” were left out: they are about {topic:sentence}, which never scores or "
                "groups people."
            )
        plain = {"name": name.removeprefix("category_share: "), "topic": topic}
        claims.append(_counted(told, f"left_out.{key_of(name)}", text, plain, 1))
    others = len(names) - len(topics)
    if others:
        text = template(
            "{n:count} more {n:plural column was|columns were} left out: ids, names and dates that cannot be read, the "
            "same value for all, or too many values; the table says which and why."
        )
        claims.append(_counted(told, "left_out_others", text, {"n": others}, others))
    return claims


def _counted(told: Told, key: str, text: str, values: dict[str, Any], value: int) -> Claim:
    return Claim(
        id=f"{SLUG}.{key}", template=text, values=values, kind="count", statistic="driver_left_out", value=value,
        unit="columns", n=None, method=template("By the name of the column and by what it holds; see personal.toml."),
        **told.common,
    )  # fmt: skip


def _within(told: Told) -> list[Claim]:
    """Say what became of the findings within groups of another driver (Simpson's paradox, stand-ins)."""
    compared = told.main[told.main["given"].fillna("").ne("") & (told.main["gain"] > 0)]
    found = compared[compared["verdict"] == "influences"]
    if found.empty:
        return []
    gone = int(compared["proxy"].astype(bool).sum())
    turned = found[found["reversed"].astype(bool)]
    values = {"n": len(found), "turned": len(turned), "gone": gone}
    text = template(
        "{n:count} findings were compared again among customers alike in the strongest other driver: all keep their "
        "direction, no Simpson's paradox is seen. {gone:count} more vanished there and were rejected."
    )
    if len(turned):
        text = template(
            "{n:count} findings were compared again among customers alike in the strongest other driver: "
            "{turned:count} turn round there (Simpson's paradox), and {gone:count} more vanished and were rejected."
        )
    fixed: dict[str, Any] = {"kind": "count", "statistic": "driver_within", "method": _WITHIN, **told.common}
    claims = [
        Claim(
            id=f"{SLUG}.within", template=text, values=values, value=len(turned), unit="findings",
            n=told.n, **fixed,
        )
    ]  # fmt: skip
    for row in turned.drop_duplicates("variable").to_dict("records"):
        claims.append(
            Claim(
                id=f"{SLUG}.reversed.{key_of(row['variable'])}",
                template=template(
                    "“{variable:sentence}” turns round: among customers alike in “{other:sentence}” it goes the other "
                    "way. By itself it must not be acted on."
                ),
                values={**told.name(row["variable"]), **told.name(row["given"], "other")},
                value=float(row["share_within"]),
                unit="fraction",
                n=int(row["n"]),
                **fixed,
            )
        )
    return claims


def coverage_claims(told: Told) -> list[Claim]:
    """Say of whom anything is known beside orders, and how they differ from the others."""
    features = told.study.features
    known = features.dictionary[features.dictionary["kind"] == "attribute"]
    n_all = len(features.table)
    if n_all < told.least:
        return []
    common = {"statistic": "attribute_known", **told.common}
    if known.empty:
        text = template("Nothing beside orders is known of the {n:count} customers: there are no attributes to test.")
        return [
            Claim(
                id=f"{SLUG}.coverage", template=text, values={"n": n_all}, kind="count", value=0, unit="attributes",
                n=n_all, **common,
            )
        ]  # fmt: skip
    least = known.loc[known["share_known"].idxmin()]
    values: dict[str, Any] = {
        **told.name(str(least["column"])),
        "attributes": len(known),
        "whole": int((known["share_known"] == 1).sum()),
        "part": float(least["share_known"]),
        "n": n_all,
    }
    text = template(
        "The customers table holds {attributes:count} usable {attributes:plural attribute|attributes} of {n:count} "
        "customers; {whole:count} of them {whole:plural is|are} known of everybody, the least known, "
        "“{variable:sentence}”, of {part:percent}."
    )
    if not values["whole"]:
        values["best"] = float(known["share_known"].max())
        text = template(
            "The customers table holds {attributes:count} usable {attributes:plural attribute|attributes}, none of "
            "them known of all {n:count} customers: the best known of {best:percent}, the least known, "
            "“{variable:sentence}”, of {part:percent}."
        )
    if values["whole"] == len(known):
        text = template(
            "The customers table holds {attributes:count} usable {attributes:plural attribute|attributes}, each known "
            "of all {n:count} customers: no bias from who is known."
        )
    claims = [
        Claim(
            id=f"{SLUG}.coverage", template=text, values=values, kind="count", value=values["part"], unit="fraction",
            n=n_all, **common,
        )
    ]  # fmt: skip
    return [*claims, *_bias(told, known, common)]


def _bias(told: Told, known: pd.DataFrame, common: dict[str, Any]) -> list[Claim]:
    """Compare those of whom most attributes are known with the others, by what both did later."""
    partly = known[known["share_known"].between(0, 1, inclusive="neither")]
    masks = {name: told.study.features.table[name].notna().to_numpy().tobytes() for name in partly["column"]}
    if not masks:
        return []
    sizes = pd.Series(masks).value_counts()
    usual = next(name for name, mask in masks.items() if sizes[mask] == sizes.max())
    rows = told.study.drivers.coverage
    rows = rows[(rows["variable"] == usual) & rows["outcome"].isin(MAIN_OUTCOMES)]
    claims = []
    for row in rows.sort_values("outcome", key=lambda o: o.map(MAIN_OUTCOMES.index)).to_dict("records"):
        if pd.isna(row["low"]) or min(row["n_known"], row["n_unknown"]) < told.least:
            continue
        numbers = {name: float(row[name]) for name in ("difference", "low", "high")}
        claims.append(
            Claim(
                id=f"{SLUG}.known.{row['outcome']}",
                template=_KNOWN[row["outcome"]],
                values={
                    **told.name(usual), **numbers, "n": int(row["n_known"]), "others": int(row["n_unknown"]),
                    "known": float(row["mean_known"]), "unknown": float(row["mean_unknown"]),
                    "cut": told.study.cut.isoformat(), "currency": told.currency,
                },
                kind="difference",
                value=numbers["difference"],
                unit={"n_orders": "orders", "revenue_of_buyers": told.currency}.get(row["outcome"], "fraction"),
                low=numbers["low"],
                high=numbers["high"],
                level=told.study.drivers.level,
                n=int(row["n_known"]),
                method=template("Newcombe's interval for shares, Welch's for means; known against not known."),
                status=status_of_difference(numbers["low"], numbers["high"], int(row["n_known"])),
                **common,
            )
        )  # fmt: skip
    if any(claim.status == "measured" for claim in claims):
        claims.append(
            Claim(
                id=f"{SLUG}.warning.known",
                template=template(
                    "Whoever has entries in the customers table is not like the rest: what is found of such attributes "
                    "holds for those {n:count} of {all:count} customers ({part:percent}), and nobody knows whether for "
                    "the others."
                ),
                values={
                    "n": int(rows["n_known"].max()), "all": len(told.study.features.table),
                    "part": float(partly.set_index("column").loc[usual, "share_known"]),
                },
                kind="count",
                value=int(rows["n_known"].max()),
                unit="customers",
                n=len(told.study.features.table),
                method=template("Those known and those not known differ in what they did later by more than chance."),
                **common,
            )
        )  # fmt: skip
    return claims
