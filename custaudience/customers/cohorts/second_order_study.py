"""Which first order leads to a second: what was known on the first day against who has come back since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import narwhals as nw
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.customers.cohorts.cohorts import time_to_second_order
from custaudience.customers.cohorts.second_order import SecondOrder, second_order
from custaudience.customers.drivers.drivers import Drivers, find_drivers
from custaudience.customers.features.features import CustomerFeatures, customer_features
from custaudience.customers.lifecycle.history import FirstOrders
from custaudience.errors import HistoryError
from custaudience.evidence import Terms
from custaudience.study.orders import orders_of
from custaudience.study.proposing.vocabulary import plain_name

OUTCOME = "second_order"
NO_CODE = "no code"
HORIZONS = (365, 180, 90, 30)
_MOST_LEVELS = 12
_CODES = {
    "promo code", "promocode", "promo", "discount code", "coupon", "coupon code", "voucher", "voucher code",
    "промокод", "купон", "код купона", "код знижки", "код скидки", "mã giảm giá", "mã khuyến mãi",
}  # fmt: skip


@dataclass(frozen=True)
class SecondOrderStudy:
    """Who orders a second time, and which differences known on the day of the first order go with it.

    Attributes
    ----------
    overall : SecondOrder
        All customers.
    days : int
        The horizon the differences are tested at.
    drivers : Drivers or None
        Of the outcome "second_order": a second order within `days`, of customers watched so long. None when
        nothing is known of the first order.
    by : mapping of variable to SecondOrder
        For those that passed and have groups; and for promo codes, where they say more than the discount.
    features : CustomerFeatures
    n_watched : int
        Customers watched for `days`.
    as_of : date
    """

    overall: SecondOrder
    days: int
    drivers: Drivers | None
    by: Mapping[str, SecondOrder]
    features: CustomerFeatures
    n_watched: int
    as_of: dt.date

    def table(self) -> pd.DataFrame:
        """Return the shares within `days`, all customers first, then the groups of each variable.

        ``by`` ("" = all), ``group``, ``n``, ``share``, ``low``, ``high``, ``difference`` (to all others),
        ``difference_low``, ``difference_high``, ``verdict``.
        """
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
    transactions: IntoFrame,
    customers: IntoFrame | None = None,
    products: IntoFrame | None = None,
    *,
    as_of: dt.date,
    first_orders: FirstOrders = "unknown",
    minor_digits: int = 2,
    discount: str = "discount_minor",
    min_group_size: int = 30,
    min_group: int = 10,
    **options: float | int,
) -> SecondOrderStudy:
    """Test what was known on the day of the first order against a second order within a year, or what was seen of it.

    Parameters
    ----------
    transactions, customers, products, minor_digits, discount
        As in `customer_features`.
    as_of : date
        Last day that counts, inclusive; it must not lie beyond the data.
    first_orders : {"observed", "cut off", "unknown"}
        As in `cohort_table`.
    min_group_size : int
        Groups of fewer have no curve.
    min_group : int
        Levels of fewer are put together in the tests.
    **options
        Of `find_drivers`.

    Returns
    -------
    SecondOrderStudy
        The horizon is the longest of 365, 180, 90 and 30 days for which a third of the customers were watched.

    Raises
    ------
    HistoryError
        If first orders lie before the data, or fewer than a third of the customers were watched for 30 days.
    EmptyTableError
        If no order counts by `as_of`.

    Notes
    -----
    Tests are of customers watched for the whole horizon; curves (Kaplan-Meier) are of all. Sensitive columns
    never enter. Attributes are not held against the first order: through it they may work.
    """
    orders = orders_of(transactions, as_of=as_of)
    waits = time_to_second_order(orders, as_of=as_of, first_orders=first_orders)
    watched = (pd.Timestamp(as_of) - waits["first_order_on"]).dt.days
    days = next((d for d in HORIZONS if (watched >= d).mean() >= 1 / 3), 0)
    if not days:
        raise HistoryError(
            f"fewer than a third of the {len(waits):,} customers were watched for 30 days after their first order by "
            f"{as_of}: too short to tell which first order leads to a second."
        )
    features = customer_features(
        transactions, customers, products, terms=Terms(as_of, minor_digits=minor_digits), discount=discount
    )
    kinds = features.dictionary.set_index("column")["kind"]
    start = [c for c, kind in kinds.items() if kind == "attribute" or str(c).startswith("first_")]
    long = waits[watched >= days]
    outcome = long[["customer_id"]].assign(**{OUTCOME: long["ordered_again"] & (long["days"] <= days)})
    drivers = None
    if start:
        drivers = find_drivers(
            features.table[["customer_id", *start]],
            outcome,
            stages={str(c): int(str(c).startswith("first_")) for c in start},
            min_group=min_group,
            **options,  # type: ignore[arg-type]
        )
    horizons = sorted(d for d in HORIZONS if d <= days)
    common = {"as_of": as_of, "first_orders": first_orders, "days": horizons, "min_group_size": min_group_size}
    by: dict[str, SecondOrder] = {}
    for name in drivers.usable_for_segments if drivers else ():
        values = _labels(features.table[name])
        if values is not None:
            frame = pd.DataFrame({"customer_id": features.table["customer_id"], name: values})
            by[name] = second_order(transactions, by=frame, **common)  # type: ignore[arg-type]
    code = code_column(transactions)
    if code and code not in by:
        codes = second_order(transactions, by=code, missing=NO_CODE, **common)  # type: ignore[arg-type]
        if len(codes.groups) > 2 or "first_order_discounted" not in by:  # of one code the discount says as much
            by[code] = codes
    overall = second_order(transactions, **common)  # type: ignore[arg-type]
    return SecondOrderStudy(overall, days, drivers, by, features, len(long), as_of)


def _labels(values: pd.Series) -> pd.Series | None:
    """Return a variable as text groups; None for numbers and for very many levels."""
    if pd.api.types.is_bool_dtype(values):
        return values.map({True: "yes", False: "no"}).astype("str").where(values.notna())
    if not isinstance(values.dtype, pd.CategoricalDtype) or values.nunique() > _MOST_LEVELS:
        return None
    return values.astype("str").where(values.notna())


def code_column(transactions: IntoFrame) -> str:
    """Return the text column of the order lines that holds promo codes, told by its name; "" without one."""
    schema = nw.from_native(transactions).lazy().collect_schema()
    return next((c for c, type_ in schema.items() if type_ == nw.String and plain_name(c) in _CODES), "")
