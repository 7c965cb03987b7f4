"""One row per customer: behaviour up to a date, and what is known of the person."""
