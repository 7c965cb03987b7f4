"""What each table must hold: declared once, checked once, when a table is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from custaudience.evidence import template

ColumnType = Literal["id", "text", "datetime", "money", "number"]


@dataclass(frozen=True)
class Column:
    """A column a table has or may have.

    ``id`` and ``text`` become text; ``datetime`` naive local time; ``money`` an integer number of minor
    units named ``NAME_minor``; ``number`` a float. A required column must be in the file, and its value in
    each row; an optional one may be absent or empty, but what it holds must be readable.
    """

    name: str
    type: ColumnType
    required: bool = False
    meaning: str = ""

    @property
    def normalised(self) -> str:
        """Name in the normalised file."""
        return f"{self.name}_minor" if self.type == "money" else self.name


@dataclass(frozen=True)
class Table:
    """A table of a study and its columns; no two rows may have the same value of ``key``."""

    name: str
    one_row_is: str
    columns: tuple[Column, ...]
    key: str | None = None


def _required(name: str, type_: ColumnType, meaning: str) -> Column:
    return Column(name, type_, True, meaning)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "transactions",
            "an order line",
            (
                _required("customer_id", "id", "who bought"),
                Column(
                    "order_id",
                    "id",
                    False,
                    "the order the line belongs to; without it, the lines of one customer "
                    "on one local day are one order",
                ),
                _required("ordered_at", "datetime", "when"),
                _required(
                    "revenue",
                    "money",
                    "what was paid for the line; refunds are negative; zero is valid; "
                    "without it, unit_price x quantity - discount",
                ),
                Column("unit_price", "money", False, "price of one piece, where there is no revenue"),
                Column("discount", "money", False, "taken off the line, where there is no revenue"),
                Column("refunded", "money", False, "paid back later, positive, on the row of the sale"),
                Column("product_id", "id", False, "what"),
                Column("quantity", "number", False, "how many"),
                Column("currency", "text", False, "ISO code; must be the study's currency in every row"),
            ),
        ),
        Table(
            "products",
            "a product",
            (_required("product_id", "id", "the key of transactions"), Column("category", "text", False, "what kind")),
            key="product_id",
        ),
        Table(
            "customers",
            "a known person or organisation",
            (
                _required("customer_id", "id", "the key of transactions"),
                Column("consent", "text", False, "whether the customer agreed to be written to; empty is no"),
            ),
            key="customer_id",
        ),
        Table(
            "campaigns",
            "a campaign",
            (
                _required("campaign_id", "id", "the key"),
                Column("kind", "text", False, "its type"),
                Column("starts_on", "datetime", False, "first day"),
                Column("ends_on", "datetime", False, "last day"),
            ),
            key="campaign_id",
        ),
        Table(
            "contacts",
            "one sent contact",
            (
                _required("campaign_id", "id", "which campaign"),
                _required("customer_id", "id", "who received it"),
                Column("sent_at", "datetime", False, "when"),
            ),
        ),
        Table(
            "responses",
            "one redemption or conversion",
            (
                _required("customer_id", "id", "who responded"),
                Column("campaign_id", "id", False, "to which campaign"),
                Column("responded_on", "datetime", False, "when"),
                Column("coupon_id", "id", False, "with which coupon"),
            ),
        ),
        Table(
            "coupons",
            "a product that a coupon is good for",
            (
                _required("coupon_id", "id", "the coupon"),
                Column("product_id", "id", False, "good for"),
                Column("campaign_id", "id", False, "sent with"),
            ),
        ),
        Table(
            "survey",
            "a respondent's answers",
            (
                Column("customer_id", "id", False, "who answered, where it is a known customer"),
                Column("answered_at", "datetime", False, "when"),
            ),
        ),
        Table(
            "spend",
            "what a channel cost and brought in a period",
            (
                _required("channel", "text", "where the money went, such as Meta Ads"),
                _required("starts_on", "datetime", "first day of the period"),
                Column("ends_on", "datetime", False, "its last day"),
                Column("campaign", "text", False, "the campaign's name"),
                _required("spend", "money", "what it cost"),
                Column("impressions", "number", False, "how often it was shown"),
                Column("reach", "number", False, "to how many people"),
                Column("clicks", "number", False, "clicks"),
                Column("conversions", "number", False, "conversions, as the channel counts them"),
                Column("revenue", "money", False, "their value, as the channel counts it"),
            ),
        ),
    )
}

REASONS: dict[str, str] = {
    "missing": template("no value"),
    "not_a_date": template("a date that cannot be read"),
    "offset": template("a time-zone offset that the other rows do not have"),
    "not_a_number": template("not a number"),
    "not_an_id": template("an id that was stored as a decimal number and lost digits"),
    "too_few_fields": template("fewer fields than the header"),
    "too_many_fields": template("more fields than the header"),
    "broken_line": template("a line that breaks the rules of CSV"),
    "repeated": template("a key that an earlier row has"),
    "two_totals": template("a total that differs from the one its order has in an earlier row"),
    "excluded": template("left out as study.toml says"),
    "guest": template("bought as a guest"),
}
"""Why a row can be set aside; the sentence completes "…: n rows"."""

DECLARED = ("excluded", "guest")
"""Reasons that study.toml asks for: they are no faults, and do not count against ``max_quarantined``."""
