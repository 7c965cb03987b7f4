"""The studies of drivers as time demands them: what was known before a day against what was done from it on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.cohorts.second_order import SecondOrder, second_order
from custaudience.customers.drivers.columns import BEHAVIOUR, MAIN_OUTCOMES, OUTCOMES, VERDICTS, kinds_of, plain_name_of
from custaudience.customers.drivers.drivers import Drivers, DriverTests, find_drivers
from custaudience.customers.features.attributes import CATEGORY_SHARE
from custaudience.customers.features.features import CustomerFeatures, category_sales, counted_orders
from custaudience.customers.rfm.scores import summarise_rfm
from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Terms, suppress_small
from custaudience.study.orders import orders_of
from custaudience.study.proposing.vocabulary import plain_name

OUTCOME = "second_order"
NO_CODE = "no code"
HORIZONS = (365, 180, 90, 30)
_MANY = 100  # customers of whom a finding may speak first
_LEAST_CURVE = 30  # groups of fewer have no curve
_MOST_LEVELS = 12
_LONGEST_MONTHS = 12
_DISCOUNT_WORDS = {"discount", "disc", "rebate", "знижка", "скидка", "giảm", "khấu"}
_CODES = {
    "promo code", "promocode", "promo", "discount code", "coupon", "coupon code", "voucher", "voucher code",
    "промокод", "купон", "код купона", "код знижки", "код скидки", "mã giảm giá", "mã khuyến mãi",
}  # fmt: skip


@dataclass(frozen=True)
class DriverStudy:
    """Features before a day, outcomes from it on, and what goes with what.

    ``features``: of customers with an order before `cut`. ``outcomes``: ``customer_id``, ``bought_again`` (at least one
    order in the outcome period), ``n_orders`` (in it, 0 for those without), ``revenue_of_buyers`` (net revenue of those
    orders, NaN without one), ``category_share: NAME`` (of the features' categories: share of the sales to them, NaN
    without an order in the period). ``drivers``: its ``variables`` also list what `customer_features` left out.
    """

    features: CustomerFeatures
    outcomes: pd.DataFrame
    drivers: Drivers

    @property
    def cut(self) -> dt.date:
        """First day of the outcome period."""
        return self.features.until + dt.timedelta(days=1)

    @property
    def as_of(self) -> dt.date:
        """Last day of the outcome period."""
        return self.drivers.terms.as_of


def driver_study(
    transactions: IntoFrame, features: CustomerFeatures, products: IntoFrame | None, terms: Terms,
    *, how: DriverTests | None = None,
) -> DriverStudy:  # fmt: skip
    """Test what was known of customers before a day against what they did from that day on.

    Parameters
    ----------
    transactions, products
        As in `customer_features`.
    features : CustomerFeatures
        Of the days up to ``until``; the outcomes begin on the day after it and end on the date of `terms`, inclusive.

    Raises
    ------
    HistoryError
        If no order of these customers lies between ``until`` and the date.

    Notes
    -----
    Spending has many zeros, so it is taken in two parts: who bought at all, and how much buyers spent.
    Attributes are not held against the first order, nor the first order against the later course (number of
    orders, recency): through what came later they may work. Refunds after ``until`` of orders before it are in
    neither part. The customers table has no dates: an attribute written after ``until`` cannot be told, see
    `customer_features`.
    """
    outcomes = _outcomes(transactions, features, products, terms)
    kinds = features.dictionary.set_index("column")["kind"]
    stages = {c: 0 if kind == "attribute" else 1 if c.startswith("first_") else 2 for c, kind in kinds.items()}
    drivers = find_drivers(features.table, outcomes, terms, stages=stages, how=how)
    more = features.left_out.rename(columns={"column": "variable"}).assign(verdict="left_out", outcomes="", type="")
    variables = pd.concat([drivers.variables, more], ignore_index=True)
    return DriverStudy(features, outcomes, replace(drivers, variables=variables))


def _outcomes(
    transactions: IntoFrame, features: CustomerFeatures, products: IntoFrame | None, terms: Terms
) -> pd.DataFrame:
    ids, cut = pd.Index(features.table["customer_id"]), features.until + dt.timedelta(days=1)
    orders = orders_of(transactions, as_of=terms.as_of)
    later = nw.from_native(orders).lazy().filter(nw.col("ordered_on") >= dt.datetime.combine(cut, dt.time()))
    try:
        summary = summarise_rfm(later.to_native(), as_of=terms.as_of, minor_digits=terms.minor_digits)
    except EmptyTableError:
        summary = pd.DataFrame(columns=["customer_id", "n_orders", "revenue_total"])
    mine = summary.set_index("customer_id").reindex(ids)
    n_orders = mine["n_orders"].fillna(0).astype("int64")
    if not n_orders.any():
        raise HistoryError(
            f"none of the {len(ids):,} customers of before {cut} has an order from then to {terms.as_of}. "
            "Choose an earlier cut, or a later as_of if the data reach further."
        )
    bought, spent = n_orders > 0, mine["revenue_total"].astype("float64")
    table = pd.DataFrame({"bought_again": bought, "n_orders": n_orders, "revenue_of_buyers": spent.where(bought)})
    if features.categories:
        sales = category_sales(transactions, counted_orders(orders, since=cut, until=terms.as_of), products)
        sales["customer_id"] = sales["customer_id"].astype("str")
        total = sales.groupby("customer_id")["sales_minor"].sum().reindex(ids)
        for name in features.categories:
            part = sales[sales["category"] == name].groupby("customer_id")["sales_minor"].sum().reindex(ids)
            table[f"{CATEGORY_SHARE}{name}"] = (part.fillna(0) / total).where(bought).astype("float64")
    return table.replace([np.inf, -np.inf], np.nan).rename_axis("customer_id").reset_index()


def cut_day(first_day: dt.date, as_of: dt.date) -> dt.date:
    """Return the first day of the outcomes: the last quarter of the history, in whole months, a year at most."""
    after = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    months = 12 * (after.year - first_day.year) + after.month - first_day.month - (after.day < first_day.day)
    if months < 2:
        raise HistoryError(
            f"the data run from {first_day} to {as_of}: less than two months. A day to cut at needs a month before it "
            "to describe customers, and a month after it to see what they did."
        )
    return (after - pd.DateOffset(months=min(_LONGEST_MONTHS, max(1, months // 4)))).date()


def discount_column(transactions: IntoFrame) -> str:
    """Return the column of the order lines that says what was taken off, declared or told by its name."""
    schema = nw.from_native(transactions).lazy().collect_schema()
    declared = "discount_minor"  # also where there is none: what is absent is not used
    named = [c for c, type_ in schema.items() if type_.is_numeric() and _DISCOUNT_WORDS & set(plain_name(c).split())]
    return declared if declared in schema or not named else named[0]


def code_column(transactions: IntoFrame) -> str:
    """Return the text column of the order lines that holds promo codes, told by its name; "" without one."""
    schema = nw.from_native(transactions).lazy().collect_schema()
    return next((c for c, type_ in schema.items() if type_ == nw.String and plain_name(c) in _CODES), "")


@dataclass(frozen=True)
class SecondOrderStudy:
    """Who orders a second time, and which differences known on the day of the first order go with it.

    ``overall``: all customers; ``drivers``: of a second order within ``days``, of the ``n_watched`` watched so long,
    None when nothing is known of the first order; ``by``: for variables that passed and have groups, and for promo
    codes, where they say more than the discount.
    """

    overall: SecondOrder
    days: int
    drivers: Drivers | None
    by: Mapping[str, SecondOrder]
    features: CustomerFeatures
    n_watched: int

    def table(self) -> pd.DataFrame:
        """Return the shares within `days` by variable (``by``, "" = all customers) and group, with their verdicts."""
        parts = []
        for name, found in {"": self.overall, **self.by}.items():
            rows = found.table[found.table["days"] == self.days]
            rows = rows if name == "" else rows[1:]  # the first is all customers again
            verdicts = dict(zip(found.groups["group"], found.groups["verdict"], strict=True))
            verdict = pd.Series([verdicts.get(g, "") for g in rows["group"]], index=rows.index, dtype="str")
            parts.append(rows.assign(by=name, verdict=verdict).sort_values("share", ascending=False, kind="stable"))
        columns = ["by", "group", "n", "share", "low", "high", "difference", "difference_low", "difference_high"]
        return pd.concat(parts, ignore_index=True)[[*columns, "verdict"]]


def second_order_study(
    transactions: IntoFrame, waits: pd.DataFrame, features: CustomerFeatures, terms: Terms,
    *, how: DriverTests | None = None,
) -> SecondOrderStudy:  # fmt: skip
    """Test what was known on the day of the first order against a second order within a year, or what was seen of it.

    `waits` are those of `time_to_second_order` and `features` those of all customers, both at the date of `terms`.
    The horizon is the longest of 365, 180, 90 and 30 days for which a third of the customers were watched; fewer than
    a third watched for 30 days are refused. Tests are of customers watched for the whole horizon; curves
    (Kaplan-Meier) are of all. Sensitive columns never enter. Attributes are not held against the first order: through
    it they may work.
    """
    watched = (pd.Timestamp(terms.as_of) - waits["first_order_on"]).dt.days
    days = next((d for d in HORIZONS if (watched >= d).mean() >= 1 / 3), 0)
    if not days:
        raise HistoryError(
            f"fewer than a third of the {len(waits):,} customers were watched for 30 days after their first order by "
            f"{terms.as_of}: too short to tell which first order leads to a second."
        )
    kinds = features.dictionary.set_index("column")["kind"]
    stages = {str(c): int(str(c).startswith("first_")) for c in kinds.index}
    stages = {c: stage for c, stage in stages.items() if stage or kinds[c] == "attribute"}
    long = waits[watched >= days]
    outcome = long[["customer_id"]].assign(**{OUTCOME: long["ordered_again"] & (long["days"] <= days)})
    drivers = None
    if stages:
        drivers = find_drivers(features.table[["customer_id", *stages]], outcome, terms, stages=stages, how=how)
    horizons = sorted(d for d in HORIZONS if d <= days)
    curve_terms = replace(terms, least=max(_LEAST_CURVE, terms.least))
    by: dict[str, SecondOrder] = {}
    for name in drivers.usable_for_segments if drivers else ():
        groups = _labels(features.table[name])
        if groups is not None:
            frame = pd.DataFrame({"customer_id": features.table["customer_id"], name: groups})
            by[name] = second_order(transactions, curve_terms, by=frame, days=horizons)
    if (code := code_column(transactions)) and code not in by:
        codes = second_order(transactions, curve_terms, by=code, days=horizons, missing=NO_CODE)
        if len(codes.groups) > 2 or "first_order_discounted" not in by:  # of one code the discount says as much
            by[code] = codes
    overall = second_order(transactions, curve_terms, days=horizons)
    return SecondOrderStudy(overall, days, drivers, by, features, len(long))


def _labels(values: pd.Series) -> pd.Series | None:
    """Return a variable as text groups; None for numbers and for very many levels."""
    if pd.api.types.is_bool_dtype(values):
        return values.map({True: "yes", False: "no"}).astype("str").where(values.notna())
    if not isinstance(values.dtype, pd.CategoricalDtype) or values.nunique() > _MOST_LEVELS:
        return None
    return values.astype("str").where(values.notna())


def headline_outcome(study: DriverStudy) -> str:
    """Return the outcome the finding speaks of: the first that passed on many customers, that passed, or was tested."""
    tested = study.drivers.table.dropna(subset="p_value")
    passed = tested[tested["verdict"] == "influences"]
    for rows in (passed[passed["n"] >= _MANY], passed, tested):
        found = [outcome for outcome in MAIN_OUTCOMES if (rows["outcome"] == outcome).any()]
        if found:
            return found[0]
    return "n_orders"


def named_table(table: pd.DataFrame, features: CustomerFeatures) -> pd.DataFrame:
    """Put ``kind`` and ``name`` behind ``variable``, and ``outcome_name`` behind ``outcome``, as a page calls them."""
    known, result = kinds_of(features), table.copy()
    kinds = [known.get(v) or _kind_of_left_out(str(v)) for v in table["variable"]]
    names = [plain_name_of(v, k) for v, k in zip(table["variable"], kinds, strict=True)]
    at = list(table.columns).index("variable") + 1
    result.insert(at, "kind", pd.Series(kinds, index=table.index, dtype="str"))
    result.insert(at + 1, "name", pd.Series(names, index=table.index, dtype="str"))
    if "outcome" in result:
        called = [OUTCOMES.get(o, str(o).removeprefix(CATEGORY_SHARE)) for o in table["outcome"]]
        result.insert(at + 3, "outcome_name", pd.Series(called, index=table.index, dtype="str"))
    return result


def _kind_of_left_out(variable: str) -> str:
    if variable.startswith(CATEGORY_SHARE):
        return "category_share"
    return "behaviour" if variable in BEHAVIOUR else "attribute"


def driver_tables(study: DriverStudy, terms: Terms) -> dict[str, pd.DataFrame]:
    """Return the tables of a driver study, ready to publish; what rests on fewer customers than ``least`` is blank.

    Those of `Drivers` with ``kind`` and ``name``, what a figure calls a variable; in ``drivers`` the outcome of the
    finding stands first; ``attribute_coverage`` is of attributes and the outcomes whether, how often, for how much.
    """
    found, features, least = study.drivers, study.features, terms.least
    drivers = named_table(found.table, features)
    stand_in = drivers["proxy"].fillna(False).astype(bool)
    drivers["verdict_name"] = drivers["verdict"].map(VERDICTS).mask(stand_in, VERDICTS["stand_in"])
    first = drivers["outcome"].ne(headline_outcome(study))
    drivers = drivers.loc[first.sort_values(kind="stable").index].reset_index(drop=True)
    keys = ["variable", "kind", "name", "outcome", "outcome_name", "verdict", "verdict_name", "reason"]
    levels, known, variables = (named_table(t, features) for t in (found.levels, found.coverage, found.variables))
    known = known[known["kind"].isin(["attribute", "date"]) & known["outcome"].isin(MAIN_OUTCOMES)]
    few = (variables["share_known"] * found.n_customers).between(0, least, inclusive="neither")
    return {
        "drivers": suppress_small(drivers, n="n", min_group_size=least, keep=keys),
        "driver_levels": levels[levels["n"] >= least].reset_index(drop=True),
        "driver_variables": variables.assign(share_known=variables["share_known"].mask(few)),
        "attribute_coverage": known[known[["n_known", "n_unknown"]].min(axis=1) >= least].reset_index(drop=True),
    }


def second_order_table(study: SecondOrderStudy, terms: Terms) -> pd.DataFrame:
    """Return `SecondOrderStudy.table` with ``variable`` ("" = all customers), ``kind``, ``name``, ``days``."""
    table = named_table(study.table().rename(columns={"by": "variable"}), study.features)
    table["name"] = table["name"].where(table["variable"] != "", "")
    keys = ["variable", "kind", "name", "group", "verdict", "days"]
    return suppress_small(table.assign(days=study.days), n="n", min_group_size=terms.least, keep=keys)
