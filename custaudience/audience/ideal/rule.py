"""Ideal customers by a rule of a few conditions, and how often it is right on customers it has not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import narwhals as nw
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.audience.ideal.customers import MADE_FROM
from custaudience.audience.ideal.traits import COMPLETE, DILUTED, FIRST_ORDER, circular_columns
from custaudience.customers.features.attributes import sensitive_topic
from custaudience.customers.features.features import CustomerFeatures, customer_features
from custaudience.customers.ground import orders_until
from custaudience.customers.segments.rules import Condition, segment_rules
from custaudience.customers.segments.search import kinds_of, name_of
from custaudience.evidence import Estimate, Terms, suppress_small
from custaudience.stats.contrast import kind_of
from custaudience.stats.intervals import share_difference
from custaudience.study.orders import orders_of

View = Literal["everybody", "asked", "early"]
ENOUGH = 30  # ideal customers to learn from and, of all, to judge by
MOST_LEVELS = 20
HOLD_OUT = 0.4  # large, as the rule is simple and its precision is what is wanted
# the same for all, counted up to the date, or among the attributes of new customers already
LATER = ("n_orders", "revenue_total", "days_since_last_order", "tenure", "first_category", "first_product")
FORMS = {"currency": "money0", "share": "percent1"}
_UNKNOWN = Estimate(math.nan, math.nan, math.nan, 0.95)


@dataclass(frozen=True)
class IdealRule:
    """A rule that is to tell ideal customers, judged on customers kept aside.

    Attributes
    ----------
    view : {"everybody", "asked", "early"}
        What it may look at: attributes and the first order, as far as they are known of everybody; with them what is
        known of those only who were asked; what the first few orders were like, of customers who have as many.
    conditions : tuple of tuples of Condition
        The rule holds where all conditions of one of them hold. Empty: there is none, and `reason` says why: one of
        the sheet's ``[phrases.no_rule]``.
    features, about : tuple of str, CustomerFeatures or None
        What it could look at, and which these are of.
    levels : dict of feature to tuple of str
        Of ordered categories in the conditions, whose limits are places among these.
    n_base, n_ideal : int
        Customers it could be asked of, and the ideal ones among them.
    n_hold_out, n_said, n_right, n_hold_out_ideal : int
        Kept aside; of them, for whom it holds; of these, ideal; of those kept aside, ideal.
    precision, recall, base_rate : Estimate, Estimate, float
        Of those for whom it holds, the ideal; of the ideal, those for whom it holds (Wilson); of all kept aside, the
        ideal: what a blind draw would find.
    verdict : {"better than chance", "no better", "none"}
        Better: more ideal customers where it holds than where it does not (Newcombe).
    """

    view: View
    conditions: tuple[tuple[Condition, ...], ...] = ()
    reason: str = ""
    features: tuple[str, ...] = ()
    about: CustomerFeatures | None = None
    levels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    n_base: int = 0
    n_ideal: int = 0
    n_hold_out: int = 0
    n_said: int = 0
    n_right: int = 0
    n_hold_out_ideal: int = 0
    precision: Estimate = _UNKNOWN
    recall: Estimate = _UNKNOWN
    base_rate: float = math.nan
    verdict: Literal["better than chance", "no better", "none"] = "none"

    def parts(self, test: Condition) -> tuple[str, str, str | float, str]:
        """Return a condition as the name a reader knows, a sign, what it is held against, and the format of that."""
        if self.about is None:
            raise ValueError("IdealRule: a rule with conditions must say which features it is about")
        entry = self.about.dictionary.set_index("column").loc[test.feature]
        name = name_of(test.feature, kinds_of(self.about)[test.feature])
        if entry["type"] == "yes-no":
            return name, "=", "Yes" if test.test == "above" else "No", "yes-no"
        if test.test in ("is", "is not"):
            return name, "=" if test.test == "is" else "≠", str(test.value), "term"
        sign = "≤" if test.test == "at most" else ">"
        if test.feature in self.levels:
            return name, sign, self.levels[test.feature][int(float(test.value))], "term"
        return name, sign, float(test.value), FORMS.get(entry["unit"], "number")


def ideal_rules(
    features: CustomerFeatures, is_ideal: pd.Series, terms: Terms, early: CustomerFeatures | None = None
) -> tuple[IdealRule, ...]:
    """Look for rules of a few conditions that tell ideal customers: by who they are, what was asked, first orders.

    Parameters
    ----------
    is_ideal : Series of bool by ``customer_id``
    early : CustomerFeatures, optional
        From `early_features`. Behaviour up to the date would not do: of one order a share is 0 or 1, so that a rule
        would only tell how often somebody ordered.

    Returns
    -------
    tuple of IdealRule
        One per view: "everybody", "asked" (only where something is known of some customers only), "early".

    Notes
    -----
    A balanced classification tree (Breiman et al. 1984) of at most two conditions: it names ideal where they are more
    frequent than elsewhere. Two customers in five are kept aside before it is made, so that its precision is that of
    new customers of the same kind. Whether an attribute is known is never a condition: a company asks whom it knows
    well. The rule tells; it does not say why.
    """
    table = features.table.set_index("customer_id")
    ideal = is_ideal.dropna().astype(bool).reindex(table.index).dropna().astype(bool)
    table = table.loc[ideal.index]
    left_out = {*circular_columns(table, MADE_FROM, terms), DILUTED}
    attributes = set(features.dictionary.loc[features.dictionary["kind"] == "attribute", "column"])
    people = [str(n) for n in table if n not in left_out and n in {*attributes, *FIRST_ORDER} and _usable(table[n])]
    share = {name: table[name].notna().mean() for name in people}
    known = [name for name in people if share[name] >= COMPLETE]
    reach = max((share[name] for name in people if name not in known), default=0.0)
    asked = [name for name in people if share[name] >= 0.9 * reach]  # each further gap costs customers
    rules = [_rule(IdealRule("everybody", features=tuple(known), about=features), ideal, terms)]
    if len(known) < len(people):
        rules.append(_rule(IdealRule("asked", features=tuple(asked), about=features), ideal, terms))
    shown: list[str] = []
    if early is not None:
        first = early.table[early.table["customer_id"].isin(ideal.index)].drop(columns="customer_id")
        shown = [str(n) for n in first if n not in LATER and _usable(first[n]) and first[n].notna().mean() >= COMPLETE]
    return (*rules, _rule(IdealRule("early", features=tuple(shown), about=early), ideal, terms))


def _usable(values: pd.Series) -> bool:
    if sensitive_topic(str(values.name)) or values.nunique() < 2:
        return False
    return kind_of(values) != "category" or values.nunique() <= MOST_LEVELS


def _rule(rule: IdealRule, ideal: pd.Series, terms: Terms) -> IdealRule:
    """Make the rule of a view by its features, on customers of whom they are all known."""
    if rule.about is None or not rule.features:
        return replace(rule, reason="nothing_known")
    base = rule.about.table.set_index("customer_id")[list(rule.features)].dropna()
    base = base.loc[base.index.isin(ideal.index)]
    chosen = ideal.reindex(base.index)
    rule = replace(rule, n_base=len(base), n_ideal=int(chosen.sum()))
    if min(rule.n_ideal, rule.n_base - rule.n_ideal) < 2 * ENOUGH:
        return replace(rule, reason="too_few")
    groups = chosen.map({True: "ideal", False: "rest"})
    tree = segment_rules(base, groups, max_depth=2, hold_out=HOLD_OUT, balanced=True, terms=terms)
    said = tuple(tests for tests, group in tree.conditions if group == "ideal")
    row = tree.segments.set_index("segment").loc["ideal"]
    told = tree.rules[tree.rules["segment"] == "ideal"]
    n, n_said, n_ideal = tree.n_hold_out, int(told["n"].sum()), int(row["n"])
    n_right = round(float((told["right"].fillna(0) * told["n"]).sum()))
    rule = replace(rule, n_hold_out=n, n_hold_out_ideal=n_ideal, base_rate=n_ideal / n)
    if not said or not all(said) or not 0 < n_said < n:
        return replace(rule, reason="no_condition")
    _, low, _ = share_difference(n_right, n_said, n_ideal - n_right, n - n_said, terms.level)
    named = {test.feature for tests in said for test in tests}
    ordered = {str(c): tuple(map(str, base[c].cat.categories)) for c in named if kind_of(base[c]) == "ordered"}
    precision, recall = (
        Estimate(float(row[name]), float(row[f"{name}_low"]), float(row[f"{name}_high"]), terms.level, count)
        for name, count in (("precision", n), ("recall", n_ideal))
    )
    return replace(
        rule, conditions=said, levels=ordered, n_said=n_said, n_right=n_right, precision=precision, recall=recall,
        verdict="better than chance" if low > 0 else "no better",
    )  # fmt: skip


def early_features(
    lines: IntoFrame, products: IntoFrame | None, terms: Terms, *, n_orders: int = 3, discount: str = "discount_minor"
) -> CustomerFeatures | None:
    """Describe customers by their first `n_orders` only: as many of everybody, so that shares can be compared.

    Customers with fewer are left out, orders of one moment count together; None when nobody has so many. Without
    attributes. Where the data begin after first orders, of the first orders in the data.
    """
    orders = nw.from_native(orders_of(lines, as_of=terms.as_of)).to_native()
    place = nw.col("ordered_at").rank(method="dense").over("customer_id")
    counted = orders_until(orders, terms.as_of, "order_id", "ordered_at", "is_order").filter(nw.col("is_order"))
    early = counted.with_columns(place=place.cast(nw.Int64)).filter(nw.col("place") <= n_orders)
    reached = early.group_by("customer_id").agg(nw.col("place").max().alias("reached"))
    enough = reached.filter(nw.col("reached") >= n_orders).select("customer_id")
    kept = early.join(enough, on="customer_id", how="inner").select("customer_id", "order_id")
    if not len(kept.head(1).collect()):
        return None
    first = nw.from_native(lines).lazy().join(kept, on=["customer_id", "order_id"], how="inner")
    return customer_features(first.to_native(), None, products, terms=terms, discount=discount)


def ideal_rule_table(rules: Sequence[IdealRule], least: int) -> pd.DataFrame:
    """Return the rules as published, in signs with alternatives between bars; of few no figures."""
    rows = []
    for rule in rules:
        few = 0 < rule.n_right < least
        missed = 0 < rule.n_hold_out_ideal - rule.n_right < least
        signs = " | ".join(", ".join(_signs(rule, test) for test in tests) for tests in rule.conditions)
        row = {"view": rule.view, "rule": signs, "verdict": rule.verdict, "n": rule.n_said}
        row["base_rate"] = rule.base_rate
        for name, of, hidden in (("precision", rule.precision, few), ("recall", rule.recall, few or missed)):
            for end, value in (("", of.value), ("_low", of.low), ("_high", of.high)):
                row[name + end] = math.nan if hidden else value
        rows.append(row)
    keep = ["view", "rule", "verdict", "base_rate"]
    return suppress_small(pd.DataFrame(rows), n="n", min_group_size=least, keep=keep)


def _signs(rule: IdealRule, test: Condition) -> str:
    name, sign, value, form = rule.parts(test)
    if isinstance(value, float):
        value = f"{100 * value:.4g}\u00a0%" if form == "percent1" else f"{value:,.12g}"
    return f"{name} {sign} {value.lower() if form == 'yes-no' else value}"
