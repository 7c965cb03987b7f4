"""The short formulas that are all called lifetime value, each under its own name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class FormulaValue:
    """The result of a formula, and how far it can be trusted.

    Attributes
    ----------
    value : float
        In the money of the inputs.
    name : str
        What the value is.
    inputs : dict of str to float
    notes : tuple of str
        What the value is not, in English.
    """

    value: float
    name: str
    inputs: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def average_revenue_per_buyer(revenue: float, n_buyers: int) -> FormulaValue:
    """Divide a period's revenue by the period's buyers. This is **not** lifetime value.

    Parameters
    ----------
    revenue : float
        Of the period, in major units.
    n_buyers : int
        Customers with an order in the same period, each once.

    Raises
    ------
    ValueError
        If there is no buyer.

    Examples
    --------
    >>> average_revenue_per_buyer(1_000_000, 200).value
    5000.0
    """
    if n_buyers < 1:
        raise ValueError(f"n_buyers: expected 1 or more, got {n_buyers}; without buyers there is no average")
    return FormulaValue(
        revenue / n_buyers,
        "average revenue per buyer in the period",
        {"revenue": revenue, "n_buyers": n_buyers},
        (
            "This is not lifetime value, though often called so: it knows nothing of how long customers stay.",
            "A longer period gives a larger number from the same customers. Compare equal periods only.",
            "Revenue, not profit; and a mean, which a few large buyers can make.",
        ),
    )


def simple_clv(average_sale: float, sales_per_month: float, months_retained: float) -> FormulaValue:
    """Multiply average sale, sales per month and months retained: revenue over a relation, undiscounted.

    Parameters
    ----------
    average_sale : float
        Mean value of one sale, in major units.
    sales_per_month : float
        Mean number of sales to one customer in a month in which the customer is retained.
    months_retained : float
        Mean length of the relation.

    Raises
    ------
    ValueError
        If sales or months are negative.

    Examples
    --------
    >>> simple_clv(1500, 2, 18).value
    54000.0
    """
    for name, given in (("sales_per_month", sales_per_month), ("months_retained", months_retained)):
        if not given >= 0:
            raise ValueError(f"{name}: expected 0 or more, got {given}")
    return FormulaValue(
        float(average_sale * sales_per_month * months_retained),
        "revenue of an average relation",
        {"average_sale": average_sale, "sales_per_month": sales_per_month, "months_retained": months_retained},
        (
            "No margin: this is revenue, not what is earned.",
            "No discount: money of later years counts as money of today.",
            "Months retained must not be the mean over customers who have left: those still there stay longer. "
            "Take it from a survival curve, and say how far that curve reaches.",
            "A product of three means is the mean of the product only if they are unrelated among customers.",
        ),
    )


def margin_clv(
    margin: float, retention_rate: float, discount_rate: float, *, first_margin_at: Literal[0, 1] = 1
) -> FormulaValue:
    """Discount a constant margin that is retained at a constant rate, for ever.

    Parameters
    ----------
    margin : float
        Earned per period from a customer who is there, in major units; may be negative.
    retention_rate : float, 0 to 1
        Share of customers who stay from one period to the next.
    discount_rate : float, above -1
        Per period, the same as of the retention rate: 0.10 = 10 %.
    first_margin_at : {1, 0}
        1: the first margin comes after one period, if the customer stays: ``m r / (1 + i - r)``. 0: it comes
        now and for sure: ``m (1 + i) / (1 + i - r)``.

    Raises
    ------
    ValueError
        If a rate is out of bounds, or the sum would be infinite.

    Notes
    -----
    Margin multiple of Gupta and Lehmann (2003), Journal of Interactive Marketing 17(1). If customers differ,
    those who stay are the loyal ones and the rate rises with age: a constant rate misvalues both new and old
    customers (Fader and Hardie 2010, Marketing Science 29(1)); see `ShiftedBetaGeometric`.

    Examples
    --------
    >>> round(margin_clv(100, 0.8, 0.10).value, 2)
    266.67
    """
    if not 0 <= retention_rate <= 1:
        raise ValueError(f"retention_rate: expected a fraction from 0 to 1, got {retention_rate}")
    if not discount_rate > -1 or first_margin_at not in (0, 1):
        raise ValueError(
            f"discount_rate: expected a number above -1, got {discount_rate}; "
            f"first_margin_at: expected 0 or 1, got {first_margin_at}"
        )
    left = 1 + discount_rate - retention_rate
    if left <= 0:
        raise ValueError("the sum is infinite: everybody stays and nothing is discounted. Lower retention_rate.")
    notes = [
        "A contract or subscription is meant: who leaves is seen to leave. For shops see BgNbd.",
        "Retention is taken as the same for all and for ever; if customers differ, this is not their mean value.",
        "The cost of winning the customer is not subtracted.",
    ]
    if margin < 0:
        notes.append("The margin is negative: every further period loses money.")
    value = margin * (retention_rate if first_margin_at else 1 + discount_rate) / left
    inputs = {"margin": margin, "retention_rate": retention_rate, "discount_rate": discount_rate}
    return FormulaValue(
        value, "discounted margin of a relation", inputs | {"first_margin_at": first_margin_at}, tuple(notes)
    )
