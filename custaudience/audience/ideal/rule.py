"""Ideal customers by a rule of a few conditions, and how often it is right on customers it has not seen."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from custaudience.audience.ideal.coverage import COMPLETE
from custaudience.audience.ideal.early import LATER
from custaudience.audience.ideal.traits import FIRST_ORDER, MADE_FROM, circular_columns
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.segments.rules import Condition, segment_rules
from custaudience.evidence import Terms, template
from custaudience.stats.columns import kind_of

View = Literal["everybody", "asked", "early"]
VIEWS: tuple[View, ...] = ("everybody", "asked", "early")
ENOUGH = 30  # ideal customers to learn from and, of all, to judge by
MOST_LEVELS = 20
HOLD_OUT = 0.4  # large, as the rule is simple and its precision is what is wanted

NOTHING_KNOWN = template("nothing is known of them that could make a rule")
TOO_FEW = template("too few ideal customers are among those of whom it is known")
NO_CONDITION = template("no condition divides them")


@dataclass(frozen=True)
class IdealRule:
    """A rule that is to tell ideal customers, judged on customers kept aside.

    Attributes
    ----------
    view : {"everybody", "asked", "early"}
        What it may look at: attributes and the first order, as far as they are known of everybody; with them what is
        known of those only who were asked; what the first few orders were like, of customers who have as many.
    conditions : tuple of tuples of Condition
        The rule holds where all conditions of one of them hold. Empty: there is none.
    reason : str
        Template that says why there is none, else "".
    features : tuple of str
        What it could look at.
    levels : dict of feature to tuple of str
        Of ordered categories in the conditions, whose limits are places among these.
    n_base, n_ideal : int
        Customers it could be asked of, and the ideal ones among them.
    n_hold_out, n_said, n_right, n_hold_out_ideal : int
        Kept aside; of them, for whom it holds; of these, ideal; of those kept aside, ideal.
    precision, precision_low, precision_high : float
        Of those for whom it holds, the ideal, with Wilson's interval.
    recall, recall_low, recall_high : float
        Of the ideal, those for whom it holds.
    base_rate : float
        Of all kept aside, the ideal: what a blind draw would find.
    difference_low, difference_high : float
        Limits of precision less the share of ideal among those for whom it does not hold (Newcombe).
    verdict : {"better than chance", "no better", "none"}
    level : float
    """

    view: View
    conditions: tuple[tuple[Condition, ...], ...] = ()
    reason: str = ""
    features: tuple[str, ...] = ()
    levels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    n_base: int = 0
    n_ideal: int = 0
    n_hold_out: int = 0
    n_said: int = 0
    n_right: int = 0
    n_hold_out_ideal: int = 0
    precision: float = math.nan
    precision_low: float = math.nan
    precision_high: float = math.nan
    recall: float = math.nan
    recall_low: float = math.nan
    recall_high: float = math.nan
    base_rate: float = math.nan
    difference_low: float = math.nan
    difference_high: float = math.nan
    verdict: Literal["better than chance", "no better", "none"] = "none"
    level: float = 0.95


def ideal_rules(
    features: CustomerFeatures,
    is_ideal: pd.Series,
    early: CustomerFeatures | None = None,
    *,
    first_orders_observed: bool = True,
    max_depth: int = 2,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[IdealRule, ...]:
    """Look for rules of a few conditions that tell ideal customers: by who they are, what was asked, first orders.

    Parameters
    ----------
    features : CustomerFeatures
    is_ideal : Series of bool by ``customer_id``
    early : CustomerFeatures, optional
        From `early_features`. Behaviour up to the date would not do: of one order a share is 0 or 1, so that a rule
        would only tell how often somebody ordered.
    first_orders_observed : bool
        Whether the first order may be used.
    max_depth : int, 1 to 3
        Conditions that must hold together.
    level : float
    seed : int
        Of the division into customers to learn from and customers to judge by.

    Returns
    -------
    tuple of IdealRule
        One per view: "everybody", "asked" (only where something is known of some customers only), "early".

    Notes
    -----
    A balanced classification tree (Breiman et al. 1984): it names ideal where they are more frequent than elsewhere.
    Two customers in five are kept aside before it is made, so that its precision is that of new customers of the same
    kind. Whether an attribute is known is never a condition: a company asks whom it knows well. The rule tells; it does
    not say why.
    """
    table = features.table.set_index("customer_id")
    ideal = is_ideal.dropna().astype(bool).reindex(table.index).dropna().astype(bool)
    table = table.loc[ideal.index]
    left_out = circular_columns(table, MADE_FROM, first_orders_observed) | {"discounted_share": "diluted"}
    kinds = dict(zip(features.dictionary["column"], features.dictionary["kind"], strict=True))
    usable = [str(name) for name in table if name not in left_out and _usable(table[name])]
    people = [name for name in usable if kinds[name] == "attribute" or name in FIRST_ORDER]
    known = [name for name in people if table[name].notna().mean() >= COMPLETE]
    reach = max((table[name].notna().mean() for name in people if name not in known), default=0.0)
    asked = [name for name in people if table[name].notna().mean() >= 0.9 * reach]  # each further gap costs customers
    options = {"max_depth": max_depth, "level": level, "seed": seed}
    rules = [_rule("everybody", table, ideal, known, **options)]  # type: ignore[arg-type]
    if len(known) < len(people):
        rules.append(_rule("asked", table, ideal, asked, **options))  # type: ignore[arg-type]
    first, shown = _early(early, ideal)
    rules.append(_rule("early", first, ideal.reindex(first.index), shown, **options))  # type: ignore[arg-type]
    return tuple(rules)


def _early(early: CustomerFeatures | None, ideal: pd.Series) -> tuple[pd.DataFrame, list[str]]:
    """Return the first orders of those customers of whom it is said whether they are ideal, and what may be used."""
    if early is None:
        return pd.DataFrame(index=pd.Index([], name="customer_id")), []
    table = early.table.set_index("customer_id")
    table = table.loc[table.index.isin(ideal.index)]
    shown = [str(name) for name in table if name not in LATER and _usable(table[name])]
    return table, [name for name in shown if table[name].notna().mean() >= COMPLETE]


def _usable(values: pd.Series) -> bool:
    if sensitive_topic(str(values.name)) or values.nunique() < 2:
        return False
    return kind_of(values) != "category" or values.nunique() <= MOST_LEVELS


def _rule(
    view: View,
    table: pd.DataFrame,
    ideal: pd.Series,
    columns: Sequence[str],
    *,
    max_depth: int,
    level: float,
    seed: int,
) -> IdealRule:
    whole = table[list(columns)].notna().all(axis=1)
    base, chosen = table.loc[whole, list(columns)], ideal[whole]
    facts: dict[str, Any] = {
        "features": tuple(columns),
        "n_base": len(base),
        "n_ideal": int(chosen.sum()),
        "level": level,
    }
    if not columns:
        return IdealRule(view, reason=NOTHING_KNOWN, **facts)
    if min(facts["n_ideal"], len(base) - facts["n_ideal"]) < 2 * ENOUGH:
        return IdealRule(view, reason=TOO_FEW, **facts)
    groups = chosen.map({True: "ideal", False: "rest"})
    tree = segment_rules(
        base, groups, max_depth=max_depth, hold_out=HOLD_OUT, balanced=True,
        terms=Terms(dt.date.max, level=level, seed=seed),
    )  # fmt: skip
    said = tuple(tests for tests, group in tree.conditions if group == "ideal")
    row = tree.segments.set_index("segment").loc["ideal"]
    told = tree.rules[tree.rules["segment"] == "ideal"]
    n_said = int(told["n"].sum())
    n_right = round(float((told["right"].fillna(0) * told["n"]).sum()))
    n_ideal = int(row["n"])
    facts |= {"n_hold_out": tree.n_hold_out, "n_hold_out_ideal": n_ideal, "base_rate": n_ideal / tree.n_hold_out}
    if not said or not all(said) or not 0 < n_said < tree.n_hold_out:
        return IdealRule(view, reason=NO_CONDITION, **facts)
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(
        n_right, n_said, n_ideal - n_right, tree.n_hold_out - n_said, method="newcomb", compare="diff", alpha=1 - level
    )
    named = {test.feature for tests in said for test in tests}
    ordered = {str(c): tuple(map(str, base[c].cat.categories)) for c in named if kind_of(base[c]) == "ordered"}
    return IdealRule(
        view, conditions=said, levels=ordered, n_said=n_said, n_right=n_right,
        precision=float(row["precision"]), precision_low=float(row["precision_low"]),
        precision_high=float(row["precision_high"]), recall=float(row["recall"]),
        recall_low=float(row["recall_low"]), recall_high=float(row["recall_high"]),
        difference_low=float(low), difference_high=float(high),
        verdict="better than chance" if low > 0 else "no better", **facts,
    )  # fmt: skip
