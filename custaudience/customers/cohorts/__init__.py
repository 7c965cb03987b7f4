"""Who comes back: cohorts, time to the second order, survival."""
