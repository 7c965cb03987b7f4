"""The few compositions that several notebooks need, each a function of a study and a date."""

from custaudience.recipes.audience import (
    first_orders_at,
    ideal_customers_at,
    ideal_later_at,
    persona_month_at,
    personas_at,
    published_personas,
)
from custaudience.recipes.contacts import consent_of, contact_lists_at, earlier_contacts_at
from custaudience.recipes.customers import clusters_at, drivers_at, second_orders_at, segments_at

__all__ = [
    "clusters_at",
    "consent_of",
    "contact_lists_at",
    "drivers_at",
    "earlier_contacts_at",
    "first_orders_at",
    "ideal_customers_at",
    "ideal_later_at",
    "persona_month_at",
    "personas_at",
    "published_personas",
    "second_orders_at",
    "segments_at",
]
