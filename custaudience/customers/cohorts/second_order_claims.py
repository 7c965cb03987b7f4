"""What a report may say of second orders: how many come back, and after which first order more of them do."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from custaudience.customers.cohorts.second_order_study import NO_CODE, SecondOrderStudy
from custaudience.customers.drivers.finding import SLUG
from custaudience.customers.drivers.names import key_of, kinds_of, naming
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Claim, Status, template

_CURVE = template(
    "Kaplan-Meier estimate of the time to the second order, censored at the end of the data; differences are against "
    "all other customers (log-rank test, false discoveries held at 5 % over the groups)."
)
_TESTS = template(
    "Known on the day of the first order, against a second order within the horizon, of customers watched so long: "
    "permutation test, false discoveries held at 5 %, prediction of others, and comparison within stronger ones."
)
_ENDS = {
    "most": template(
        "{variable:sentence}, “{group:term}”: of these {n:count} customers {share:percent} order a second time within "
        "{days:count} days, of all others {others:percent}: {difference:points1} ({low:points1} to {high:points1})."
    ),
    "least": template(
        "{variable:sentence}, “{group:term}”: only {share:percent} of these {n:count} customers order a second time "
        "within {days:count} days, of all others {others:percent}: {difference:points1} ({low:points1} to "
        "{high:points1})."
    ),
}
NO_CODE_NAME = template("No code")


def second_order_claims(study: SecondOrderStudy, *, notebook: str, level: float = 0.95) -> list[Claim]:
    """Return what may be said of who orders a second time, all customers first.

    Parameters
    ----------
    study : SecondOrderStudy
    notebook : str
        File name of the notebook.
    level : float
        Of the intervals in `study`.
    """
    common: dict[str, Any] = {"source": "transactions, customers, products", "as_of": study.as_of, "notebook": notebook}
    table = study.table()
    return [
        _overall(study, table.iloc[0], level, common),
        *(claim for name in study.by for claim in _ends(study, name, table[table["by"] == name], level, common)),
        *_rejected(study, common),
    ]


def no_second_order_claim(refusal: HistoryError | EmptyTableError, *, as_of: dt.date, notebook: str) -> Claim:
    """Return the claim that takes their place when first orders are not in the data, or hardly watched."""
    text = template(
        "Which first order leads to a second one cannot be told here: customers had ordered before the data begin, so "
        "that their first order in the data is not their first. Who is silent for longer than usual can be told "
        "(notebook 30)."
    )
    if isinstance(refusal, EmptyTableError) or "too short" in str(refusal):
        text = template(
            "Which first order leads to a second one cannot be told yet: too few customers were watched for 30 days "
            "after their first order."
        )
    return Claim(
        id=f"{SLUG}.second.refused", template=text, values={}, kind="estimate", statistic="second_order", value=None,
        unit="fraction", n=None, status="too_few", method=_CURVE, source="transactions", as_of=as_of,
        notebook=notebook,
    )  # fmt: skip


def _overall(study: SecondOrderStudy, row: pd.Series, level: float, common: dict[str, Any]) -> Claim:
    seen = pd.notna(row["share"]) and pd.notna(row["low"])
    values: dict[str, Any] = {"days": study.days, "n": int(row["n"])}
    fixed: dict[str, Any] = {"kind": "estimate", "statistic": "second_order", "unit": "fraction", "method": _CURVE}
    if not seen:
        text = template("Too few customers were watched for {days:count} days to say how many order a second time.")
        return Claim(
            id=f"{SLUG}.second.overall", template=text, values=values, value=None, n=None, status="too_few",
            **fixed, **common,
        )  # fmt: skip
    share, low, high = (float(row[c]) for c in ("share", "low", "high"))
    return Claim(
        id=f"{SLUG}.second.overall",
        template=template(
            "Of 100 new customers about {hundred:count} order a second time within {days:count} days ({low:percent} to "
            "{high:percent})."
        ),
        values=values | {"hundred": round(100 * share), "low": low, "high": high},
        value=share,
        low=low,
        high=high,
        level=level,
        n=int(row["n"]),
        **fixed,
        **common,
    )


def _ends(study: SecondOrderStudy, name: str, rows: pd.DataFrame, level: float, common: dict[str, Any]) -> list[Claim]:
    """Return the group that comes back most and the one that comes back least, where they differ from all others."""
    kinds = kinds_of(study.features)
    claims: list[Claim] = []
    for end, verdict in (("most", "more often"), ("least", "less often")):
        clear = rows[(rows["verdict"] == verdict) & rows["difference_low"].notna()]
        if clear.empty or (end == "least" and len(rows) == 2 and claims):
            continue  # of two groups the one says what the other does
        row = clear.iloc[0 if end == "most" else -1]
        share, difference = float(row["share"]), float(row["difference"])
        group = NO_CODE_NAME if row["group"] == NO_CODE else str(row["group"])
        values: dict[str, Any] = {
            **naming(name, kinds.get(name, "attribute")), "group": group, "n": int(row["n"]), "share": share,
            "others": share - difference, "days": study.days, "difference": difference,
            "low": float(row["difference_low"]), "high": float(row["difference_high"]),
        }  # fmt: skip
        claims.append(
            Claim(
                id=f"{SLUG}.second_{end}.{key_of(name)}", template=_ENDS[end], values=values, kind="difference",
                statistic="second_order", value=difference, unit="fraction", low=values["low"], high=values["high"],
                level=level, n=values["n"], method=_CURVE,
                base=template("customers by their first order; those who chose differently differ in other ways, too"),
                **common,
            )
        )  # fmt: skip
    return claims


def _rejected(study: SecondOrderStudy, common: dict[str, Any]) -> list[Claim]:
    """Name what only stands in for another difference, and count the rest that did not pass."""
    fixed: dict[str, Any] = {"kind": "count", "statistic": "driver_none", "method": _TESTS}
    fixed["n"] = study.n_watched if study.n_watched >= 10 else None
    if study.drivers is None or study.drivers.table["p_value"].isna().all():
        return [
            Claim(
                id=f"{SLUG}.second.nothing_known",
                template=template(
                    "Nothing is known of the first order but its date and its amount: no product category, no channel, "
                    "no discount."
                ),
                values={}, value=0, unit="variables", status="too_few", **fixed, **common,
            )
        ]  # fmt: skip
    table = study.drivers.table.drop_duplicates("variable")
    kinds = kinds_of(study.features)
    claims: list[Claim] = []
    stand_ins = table[table["proxy"].astype(bool)]
    for row in stand_ins.to_dict("records"):
        values = {
            **naming(row["variable"], kinds[row["variable"]]),
            **naming(row["given"], kinds[row["given"]], "other"),
            "days": study.days,
        }
        claims.append(
            Claim(
                id=f"{SLUG}.second_stand_in.{key_of(row['variable'])}",
                template=template(
                    "“{variable:sentence}” goes with a second order only as far as it goes with “{other:sentence}”: "
                    "among customers alike in that, no difference is seen."
                ),
                values=values, value=None, unit="", status="no_clear_difference", **fixed, **common,
            )
        )  # fmt: skip
    counts = table["verdict"].value_counts()
    n_none = int(counts.get("no_evidence", 0)) - len(stand_ins)
    few, passed = int(counts.get("too_little_data", 0)), int(counts.get("influences", 0))
    text = template(
        "Of {all:count} differences known at the first order {passed:count} {passed:plural goes|go} with a second "
        "order within {days:count} days; of {none:count} no evidence is seen, for {few:count} the customers are too "
        "few."
    )
    if not few:
        text = template(
            "Of {all:count} differences known at the first order {passed:count} {passed:plural goes|go} with a second "
            "order within {days:count} days; of the others no evidence is seen."
        )
    status: Status = "measured" if passed else "no_clear_difference" if n_none else "too_few"
    values = {"all": len(table), "passed": passed, "none": n_none, "few": few, "days": study.days}
    tally = Claim(
        id=f"{SLUG}.second.tested", template=text, values=values, value=passed, unit="variables", status=status,
        **fixed, **common,
    )  # fmt: skip
    return [tally, *claims]
