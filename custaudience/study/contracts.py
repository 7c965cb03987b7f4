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


def _optional(name: str, type_: ColumnType, meaning: str) -> Column:
    return Column(name, type_, False, meaning)


_TABLES = (
    Table("transactions", "an order line", (
        _required("customer_id", "id", "who bought"),
        _optional("order_id", "id", "the order the line belongs to; without it, the lines of one customer "
                  "on one local day are one order"),
        _required("ordered_at", "datetime", "when"),
        _required("revenue", "money", "what was paid for the line; refunds are negative; zero is valid; "
                  "without it, unit_price x quantity - discount"),
        _optional("unit_price", "money", "price of one piece, where there is no revenue"),
        _optional("discount", "money", "taken off the line, where there is no revenue"),
        _optional("refunded", "money", "paid back later, positive, on the row of the sale"),
        _optional("product_id", "id", "what"),
        _optional("quantity", "number", "how many"),
        _optional("currency", "text", "ISO code; must be the study's currency in every row"),
    )),
    Table("products", "a product", (
        _required("product_id", "id", "the key of transactions"),
        _optional("category", "text", "what kind"),
    ), key="product_id"),
    Table("customers", "a known person or organisation", (
        _required("customer_id", "id", "the key of transactions"),
        _optional("consent", "text", "whether the customer agreed to be written to; empty is no"),
    ), key="customer_id"),
    Table("campaigns", "a campaign", (
        _required("campaign_id", "id", "the key"),
        _optional("kind", "text", "its type"),
        _optional("starts_on", "datetime", "first day"),
        _optional("ends_on", "datetime", "last day"),
    ), key="campaign_id"),
    Table("contacts", "one sent contact", (
        _required("campaign_id", "id", "which campaign"),
        _required("customer_id", "id", "who received it"),
        _optional("sent_at", "datetime", "when"),
    )),
    Table("responses", "one redemption or conversion", (
        _required("customer_id", "id", "who responded"),
        _optional("campaign_id", "id", "to which campaign"),
        _optional("responded_on", "datetime", "when"),
        _optional("coupon_id", "id", "with which coupon"),
    )),
    Table("coupons", "a product that a coupon is good for", (
        _required("coupon_id", "id", "the coupon"),
        _optional("product_id", "id", "good for"),
        _optional("campaign_id", "id", "sent with"),
    )),
    Table("survey", "a respondent's answers", (
        _optional("customer_id", "id", "who answered, where it is a known customer"),
        _optional("answered_at", "datetime", "when"),
    )),
    Table("spend", "what a channel cost and brought in a period", (
        _required("channel", "text", "where the money went, such as Meta Ads"),
        _required("starts_on", "datetime", "first day of the period"),
        _optional("ends_on", "datetime", "its last day"),
        _optional("campaign", "text", "the campaign's name"),
        _required("spend", "money", "what it cost"),
        _optional("impressions", "number", "how often it was shown"),
        _optional("reach", "number", "to how many people"),
        _optional("clicks", "number", "clicks"),
        _optional("conversions", "number", "conversions, as the channel counts them"),
        _optional("revenue", "money", "their value, as the channel counts it"),
    )),
)  # fmt: skip
TABLES: dict[str, Table] = {table.name: table for table in _TABLES}

REASONS: dict[str, str] = {
    "missing": template("no value"),
    "not_a_date": template("a date that cannot be read"),
    "offset": template("a time-zone offset that the other rows do not have"),
    "not_a_number": template("not a number"),
    "not_an_id": template("an id that was stored as a decimal number and lost digits"),
    "too_few_fields": template("fewer fields than the header"),
    "too_many_fields": template("more fields than the header"),
    "broken_line": template("a line that breaks the rules of CSV"),
    "lone": template("a date far from all others"),
    "repeated": template("a key that an earlier row has"),
    "two_totals": template("a total that differs from the one its order has in an earlier row"),
    "overlap": template("a line that stands in another file too"),
    "excluded": template("left out as study.toml says"),
    "guest": template("bought as a guest"),
}
"""Why a row can be set aside; the sentence completes "…: n rows"."""

LONE = "lone"
"""Reason of the few rows dated far from all others: said aloud, it stops nothing."""

DECLARED = ("excluded", "guest", "overlap")
"""Reasons that study.toml asks for: they are no faults, and do not count against ``max_quarantined``."""
