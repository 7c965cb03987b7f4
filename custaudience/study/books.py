"""A study's months as the books of a company see them: gross, refunds and net, and what is not in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from custaudience.study.study import Study

# A line below zero is a refund; what was paid back of a sale (`refunded`) stands on the sale's line.
_SUMS = {
    "gross": ("greatest(sold, 0)", "used"),
    "refunds": ("refunded - least(sold, 0)", "used"),
    "net": ("net", "used"),
    "guests_net": ("net", "guest"),
    "set_aside_net": ("net", "set aside"),
    "excluded_net": ("net", "excluded"),
}


def monthly_books(study: Study) -> pd.DataFrame:
    """Count and sum the order lines of each local calendar month, by the date of the line.

    Parameters
    ----------
    study : Study
        With a table of transactions.

    Returns
    -------
    DataFrame, one row per month
        ``month`` ("2017-12"; oldest first, months without a line included), ``n_rows`` and ``n_customers``
        (usable lines, and who stands in them), ``n_orders`` (as `orders_of` counts: net revenue is positive), and in
        major units ``gross`` (what was sold), ``refunds`` (what was paid back, positive), ``net`` (gross less
        refunds); then what is not in net: ``guests_net`` (lines set aside because the buyer is a guest; totals
        of the books hold them), ``excluded_net`` (rows left out by ``only`` or ``exclude``) and ``set_aside_net``
        (faulty rows, as far as the amount can be read). Rows whose date cannot be read stand in a last row
        with the month "", when there are any.

    Raises
    ------
    EmptyTableError
        If no line is usable.
    """
    sums = ", ".join(
        f"coalesce(sum({amount}) FILTER (kind = '{kind}'), 0)::BIGINT AS {name}"
        for name, (amount, kind) in _SUMS.items()
    )
    table = study.connection.sql(
        "SELECT coalesce(strftime(start, '%Y-%m'), '') AS month, * EXCLUDE (start) FROM (SELECT "
        "date_trunc('month', ordered_at) AS start, count(*) FILTER (kind = 'used') AS n_rows, "
        f"count(DISTINCT customer_id) FILTER (kind = 'used') AS n_customers, {sums} "
        f"FROM ({lines_sql(study)}) GROUP BY 1)"
    ).df()
    counted = study.orders(study.last_day).filter("is_order")
    orders = counted.aggregate("strftime(ordered_on, '%Y-%m') AS month, count(*) AS n_orders", "month").df()
    table = table.set_index("month")
    months = _all_months(table.index[table["n_rows"] > 0]).union(table.index.drop("", errors="ignore"))
    table = table.reindex([*months.sort_values(), *(table.index.intersection([""]))], fill_value=0)
    table.insert(2, "n_orders", orders.set_index("month")["n_orders"].reindex(table.index, fill_value=0))
    table = table.rename_axis("month").reset_index()
    table[list(_SUMS)] = table[list(_SUMS)] / 10**study.minor_digits
    return table.astype({"n_rows": "int64", "n_customers": "int64", "n_orders": "int64"})


def lines_sql(study: Study) -> str:
    """Return the SELECT of every order line that could be parsed, faulty ones too, in minor units.

    ``kind`` is "used", "guest", "excluded" or "set aside"; ``fault`` is "column|reason" or NULL; ``sold`` is
    the line before what was ``refunded`` of it.
    """
    report = study.read_report("transactions")
    refunded = "coalesce(refunded_minor, 0)" if "refunded" in report.columns else "0"
    discount = "coalesce(discount_minor, 0)" if "discount" in report.columns else "0"
    return (
        f"SELECT customer_id, order_id, ordered_at, revenue_minor AS net, revenue_minor + {refunded} AS sold, "
        f"{refunded} AS refunded, {discount} AS discount, _fault AS fault, CASE WHEN _fault IS NULL THEN 'used' "
        "WHEN _fault LIKE '%|guest' THEN 'guest' WHEN _fault LIKE '%|excluded' THEN 'excluded' ELSE 'set aside' END "
        f"AS kind FROM ({study.all_rows('transactions').sql_query()})"
    )


def _all_months(found: pd.Index) -> pd.Index:
    """Return the months from the first to the last of those found, those between without a line included."""
    named = found.drop("", errors="ignore")
    if named.empty:
        return named
    return pd.Index(pd.period_range(named.min(), named.max(), freq="M").strftime("%Y-%m"))
