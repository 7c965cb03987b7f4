from .audience import first_orders_at, ideal_customers_at, ideal_later_at, persona_month_at, published_personas
from .contacts import consent_of, contact_lists_at, earlier_contacts_at
from .customers import clusters_at, drivers_at, second_orders_at, segments_at

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
    "published_personas",
    "second_orders_at",
    "segments_at",
]
